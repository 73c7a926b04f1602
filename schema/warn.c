/* warn.c - what is legal but surely not meant.
 *
 * Each warning is one function over a spec without errors. A spec that names no VM is a stock of
 * images and kernels: nothing in it counts as unused.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <string.h>

#define SHOWN 60

/* ---- used by nobody ------------------------------------------------------------------------- */

/* Names used. VMs in a row often use the same. */
struct used {
	struct map names;
	const char *last;
};

static void add_name(struct load *l, struct used *used, const char *name)
{
	if (!name || (used->last && !strcmp(used->last, name)))
		return;
	map_add(l->a, &used->names, name, strlen(name), (void *)(uintptr_t)name);
	used->last = name;
}

static void warn_unused(struct load *l, const struct used *used, const struct spec_head *h)
{
	if (!map_get(&used->names, h->name, strlen(h->name)))
		load_warn(l, h->pos, "%s %s is used by no VM", h->noun->singular,
			utf8_quote(l->a, h->name, SHOWN));
}

static void warn_unused_objects(struct load *l)
{
	struct used images = {0}, kernels = {0};

	vec_each(v, &l->spec->vms) {
		add_name(l, &images, (*v)->image);
		add_name(l, &kernels, (*v)->kernel);
	}
	vec_each(i, &l->spec->images)
		warn_unused(l, &images, &(*i)->head);
	vec_each(k, &l->spec->kernels)
		warn_unused(l, &kernels, &(*k)->head);
	vec_each(p, &l->profiles)
		if (!(*p)->used)
			load_warn(l, (*p)->head->pos, "profile %s is used by no VM",
				utf8_quote(l->a, (*p)->head->name, SHOWN));
}

/* ---- waits for ever ------------------------------------------------------------------------- */

static void warn_stopped(struct load *l, const struct vm_spec *vm, const char *name)
{
	const struct vm_spec *other = map_get(&l->names[KIND_VM], name, strlen(name));
	struct diag *d;

	if (!other || other->running)
		return;
	load_warn(l, field_pos(&vm->head, "depends_on"),
		"depends_on: vm %s waits for vm %s, which is not to run",
		utf8_quote(l->a, vm->head.name, SHOWN), utf8_quote(l->a, name, SHOWN));
	if (diags_full(l->diags))
		return;
	d = &l->diags->v[l->diags->n - 1];
	d->other = field_pos(&other->head, "running");
}

static void warn_dependencies(struct load *l)
{
	vec_each(v, &l->spec->vms)
		for (size_t i = 0; (*v)->running && i < (*v)->depends_on.n; i++)
			warn_stopped(l, *v, (*v)->depends_on.v[i]);
}

/* ---- said for nothing ----------------------------------------------------------------------- */

static void warn_empty_profiles(struct load *l)
{
	vec_each(p, &l->profiles) {
		const struct spec_head *h = (*p)->head;
		bool says_something = false;

		for (size_t i = 0; i < h->noun->n_fields; i++)
			says_something |= h->at[i].line > 0;
		if (!says_something)
			load_warn(l, h->pos, "profile %s says nothing",
				utf8_quote(l->a, h->name, SHOWN));
	}
}

/* ---- one word that was meant as several ----------------------------------------------------- */

/* A command is a list; one text alone is one word of it, the name of the program. */
static void warn_command_line(struct load *l)
{
	vec_each(v, &l->spec->vms) {
		const struct strv *command = &(*v)->command;

		if (command->n == 1 && strpbrk(command->v[0], " \t"))
			load_warn(l, field_pos(&(*v)->head, "command"),
				"command: %s is taken as the name of one program, blanks included; a "
				"list gives its arguments: [sh, -c, \"...\"]",
				utf8_quote(l->a, command->v[0], SHOWN));
	}
}

void warn_spec(struct load *l)
{
	if (!l->spec->vms.n)
		return;
	warn_unused_objects(l);
	warn_dependencies(l);
	warn_empty_profiles(l);
	warn_command_line(l);
}
