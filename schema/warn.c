/* warn.c - what is legal but surely not meant.
 *
 * Each warning is one row of a table, over a spec without errors. What a profile says is warned about
 * once, there. A spec that names no VM is a stock of
 * images and kernels: nothing in it counts as unused.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/value.h"

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

static void warn_unused_image(struct load *l)
{
	struct used images = {0};

	vec_each(v, &l->spec->vms)
		add_name(l, &images, (*v)->image);
	vec_each(i, &l->spec->images)
		warn_unused(l, &images, &(*i)->head);
}

static void warn_unused_kernel(struct load *l)
{
	struct used kernels = {0};

	vec_each(v, &l->spec->vms)
		add_name(l, &kernels, (*v)->kernel);
	vec_each(k, &l->spec->kernels)
		warn_unused(l, &kernels, &(*k)->head);
}

static void warn_unused_profile(struct load *l)
{
	vec_each(p, &l->profiles)
		if (!(*p)->used)
			load_warn(l, (*p)->head->pos, "profile %s is used by no VM",
				utf8_quote(l->a, (*p)->head->name, SHOWN));
}

/* ---- one VM, profile or set of defaults ------------------------------------------------------- */

/* Whether it stands here itself: not a default, and not in a profile. Asked last: it looks for the
 * row, and nearly no VM gets this far. */
static bool is_own(const struct spec_head *h, const char *path)
{
	size_t row = (size_t)(field_find(h->noun, path) - h->noun->fields);

	return h->at[row].line && !(h->more && h->more->layers && h->more->layers[row]);
}

static const char *who(struct load *l, const struct vm_spec *vm)
{
	return utf8_quote(l->a, vm->head.name, SHOWN);
}

/* Waits for ever. */
static void warn_stopped(struct load *l, const struct vm_spec *vm)
{
	for (size_t i = 0; vm->running && i < vm->depends_on.n; i++) {
		const char *name = vm->depends_on.v[i];
		const struct vm_spec *other = map_get(&l->names[KIND_VM], name, strlen(name));
		struct diag *d;

		if (!other || other->running || diags_full(l->diags))
			continue;
		d = load_warn(l, field_pos(&vm->head, "depends_on"),
			"depends_on: vm %s waits for vm %s, which is not to run", who(l, vm),
			utf8_quote(l->a, name, SHOWN));
		d->other = field_pos(&other->head, "running");
	}
}

/* A kernel of a distribution with its initrd does not get far in less. */
#define MEMORY_PLAUSIBLE (64ull << 20)

static void warn_small_memory(struct load *l, const struct vm_spec *vm)
{
	if (vm->memory < MEMORY_PLAUSIBLE && is_own(&vm->head, "memory"))
		load_warn(l, field_pos(&vm->head, "memory"),
			"memory: %s is less than most kernels need to boot; %s is more likely to do",
			size_print(l->a, vm->memory), size_print(l->a, MEMORY_PLAUSIBLE));
}

/* "command: sh -c app" is the name of one program. */
static void warn_command_line(struct load *l, const struct vm_spec *vm)
{
	struct diag *d;

	if (vm->command.n != 1 || !strchr(vm->command.v[0], ' ') || !is_own(&vm->head, "command"))
		return;
	d = load_warn(l, field_pos(&vm->head, "command"),
		"command: the name of the program is %s, with the blanks in it",
		utf8_quote(l->a, vm->command.v[0], SHOWN));
	diag_hint(l->a, d, "write a list: the program, then each argument; no shell takes it apart");
}

static bool ends_with(const char *name, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && !strncasecmp(name + n - len, word, len);
}

static bool sounds_secret(const char *name, size_t n)
{
	static const char last_letters[] = "dDeEtTnNyYsS";
	static const char *const words[] = {"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN",
		"API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIALS"};

	if (!n || !strchr(last_letters, name[n - 1]))
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (ends_with(name, n, words[i]))
			return true;
	return false;
}

/* Whether a profile or the defaults gave that NAME of env. */
static bool is_joined(const struct spec_head *h, const char *entry, size_t n)
{
	size_t row = (size_t)(field_find(h->noun, "env") - h->noun->fields);

	if (!h->more)
		return false;
	vec_each(k, &h->more->keys)
		if (k->row == row && !strncmp(k->key, entry, n) && !k->key[n])
			return true;
	return false;
}

/* A value that is not in the spec has a marker with a "#" in it, and a text unless it was not run. */
static bool is_outside(const struct vm_spec *vm, const char *entry, size_t n)
{
	return value_of_key(&vm->secrets, entry, n) || ends_with(entry, strlen(entry), "#not-run");
}

static void warn_clear_secret(struct load *l, const struct vm_spec *vm)
{
	for (size_t i = 0; i < vm->env.n && !diags_full(l->diags); i++) {
		const char *entry = vm->env.v[i];
		size_t n = strcspn(entry, "=");
		struct diag *d;

		if (!entry[n + 1] || !sounds_secret(entry, n) || is_outside(vm, entry, n) ||
			is_joined(&vm->head, entry, n))
			continue;
		d = load_warn(l, field_pos(&vm->head, "env"),
			"env: %.*s sounds like a secret, and its value is in the spec, in plans and in "
			"the state", (int)n, entry);
		diag_hint(l->a, d, "write {file: PATH}, {credential: NAME} or {command: [...]}");
	}
}

static void each_vm(struct load *l, void (*warn)(struct load *l, const struct vm_spec *vm))
{
	vec_each(p, &l->profiles)
		warn(l, (const struct vm_spec *)(const void *)(*p)->head);
	if (l->defaults)
		warn(l, (const struct vm_spec *)(const void *)l->defaults);
	vec_each(v, &l->spec->vms)
		if (!diags_full(l->diags))
			warn(l, *v);
}

/* ---- images and profiles -------------------------------------------------------------------- */

static void warn_empty_profile(struct load *l)
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

static void warn_latest(struct load *l)
{
	vec_each(i, &l->spec->images) {
		const struct image_spec *s = *i;
		struct diag *d;

		if (!s->oci || s->digest || !ends_with(s->oci, strlen(s->oci), ":latest"))
			continue;
		d = load_warn(l, field_pos(&s->head, "oci"),
			"oci: what \"latest\" is changes, and the disks of VMs with it");
		diag_hint(l->a, d, "name a version, or pin it with digest");
	}
}

/* All that is said about an image. */
static const char *image_text(struct load *l, const struct image_spec *s)
{
	const char *text = "";

	for (size_t i = 0; i < s->head.noun->n_fields; i++) {
		const char *value = field_print(l->a, &s->head.noun->fields[i], s);

		text = arena_printf(l->a, "%s\n%s", text, value ? value : "");
	}
	return text;
}

static void warn_same_image(struct load *l)
{
	struct map seen = {0};

	vec_each(i, &l->spec->images) {
		const char *text = image_text(l, *i);
		const struct image_spec *twin = map_add(l->a, &seen, text, strlen(text), *i);
		struct diag *d;

		if (!twin || diags_full(l->diags))
			continue;
		d = load_warn(l, (*i)->head.pos, "image %s is the same as image %s",
			utf8_quote(l->a, (*i)->head.name, SHOWN),
			utf8_quote(l->a, twin->head.name, SHOWN));
		d->other = twin->head.pos;
	}
}

/* ---- all of them ---------------------------------------------------------------------------- */

const struct warning warnings[] = {
	{"unused-image", warn_unused_image, NULL},
	{"unused-kernel", warn_unused_kernel, NULL},
	{"unused-profile", warn_unused_profile, NULL},
	{"empty-profile", warn_empty_profile, NULL},
	{"latest", warn_latest, NULL},
	{"same-image", warn_same_image, NULL},
	{"stopped", NULL, warn_stopped},
	{"small-memory", NULL, warn_small_memory},
	{"command-line", NULL, warn_command_line},
	{"clear-secret", NULL, warn_clear_secret},
};
const size_t warning_count = sizeof(warnings) / sizeof(warnings[0]);

void warn_spec(struct load *l)
{
	if (!l->spec->vms.n)
		return;
	for (size_t i = 0; i < warning_count && !diags_full(l->diags); i++)
		if (warnings[i].spec)
			warnings[i].spec(l);
		else
			each_vm(l, warnings[i].vm);
}
