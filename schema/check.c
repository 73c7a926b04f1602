/* check.c - rules across fields and across objects.
 *
 * Each rule is one function; what it may rely on is that every value that is there is of its type
 * and within its bounds. A value that was wrong is not there.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/moment.h"
#include "schema/ociref.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 63
#define SHOWN 60
/* command and env with the texts of its secrets travel in the boot record (drivers/guest/proto.h), at most 1 MiB of JSON together
 * with what the image adds; a byte can become two there. */
#define WORKLOAD_MAX ((size_t)256 * 1024)

/* ---- names ---------------------------------------------------------------------------------- */

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > NAME_MAX_BYTES || *s == '-' || s[n - 1] == '-')
		return false;
	return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

/* The name that was surely meant: lower case, dashes. NULL if that is none either. */
static const char *guess_name(struct arena *a, const char *s)
{
	char *name = arena_dup(a, s);

	for (char *p = name; *p; p++) {
		*p = (char)tolower((unsigned char)*p);
		if (strchr("_. ", *p))
			*p = '-';
	}
	return is_name(name) ? name : NULL;
}

/* RFC 1123 labels: names become host names, folders, socket paths, marks in command lines. */
bool check_label(struct load *l, struct pos pos, const char *name, const char *what)
{
	struct diag *d;
	const char *guess;

	if (is_name(name))
		return true;
	d = load_error(l, pos, "%s is not a name for %s %s", utf8_quote(l->a, name, SHOWN),
		strchr("aeiou", *what) ? "an" : "a", what);
	guess = guess_name(l->a, name);
	if (guess)
		diag_hint(l->a, d, "did you mean \"%s\"?", guess);
	else
		diag_hint(l->a, d, "1 to %d of a-z, 0-9 and -, no - at the ends", NAME_MAX_BYTES);
	return false;
}

static void check_name(struct load *l, const struct spec_head *h, const char *what)
{
	check_label(l, h->pos, h->name, what);
}

/* ---- references ----------------------------------------------------------------------------- */

/* Known names of each kind, gathered once when the first unknown one is met. */
struct candidates {
	VEC(const char *) names;
	bool gathered;
};

static void gather(struct load *l, enum kind kind, struct candidates *c)
{
	const struct map *m = &l->names[kind];

	if (c->gathered)
		return;
	c->gathered = true;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*vec_push(l->a, &c->names) =
				arena_dupn(l->a, m->slots[i].key, m->slots[i].len);
}

/* What a row names: KIND_N stands for profiles. */
static const char *ref_noun(enum kind ref)
{
	return ref == KIND_N ? "profile" : kind_name(ref);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void unknown_ref(struct load *l, const struct ref *r, struct candidates *c)
{
	struct diag *d = load_error(l, r->pos, "%s: unknown %s %s", r->field->path,
		ref_noun(r->field->ref), utf8_quote(l->a, r->name, SHOWN));
	const char *near;
	bool first = !c->gathered;

	gather(l, r->field->ref, c);
	if (first && c->names.n) /* the order in a map is not the same in each run */
		qsort(c->names.v, c->names.n, sizeof(*c->names.v), compare_names);
	near = nearest_name(r->name, c->names.v, c->names.n);
	if (near)
		diag_hint(l->a, d, "did you mean \"%s\"?", near);
	else if (!c->names.n)
		diag_hint(l->a, d, "this spec has no %ss", ref_noun(r->field->ref));
}

static void check_refs(struct load *l)
{
	struct candidates known[KIND_N + 1] = {0};

	vec_each(r, &l->refs) {
		enum kind kind = r->field->ref;

		if (diags_full(l->diags))
			return;
		if (kind == r->from->noun->kind && !strcmp(r->name, r->from->name) &&
			map_get(&l->names[kind], r->name, strlen(r->name)) == r->from)
			load_error(l, r->pos, "%s: %s %s cannot depend on itself", r->field->path,
				kind_name(kind), utf8_quote(l->a, r->name, SHOWN));
		else if (!map_get(&l->names[kind], r->name, strlen(r->name)) && !l->incomplete)
			unknown_ref(l, r, &known[kind]);
	}
}

/* ---- cycles --------------------------------------------------------------------------------- */

/* A depth-first walk without recursion: a chain may be as long as the spec has VMs. */
enum colour { WHITE, ON_PATH, DONE };

struct walk {
	struct load *l;
	uint8_t *colour;     /* per VM */
	size_t *next;        /* per VM: its dependency to go to next */
	size_t *path, depth; /* VMs from the root to the one being looked at */
	size_t *numbers;     /* 0, 1, 2 ...: what the map points to */
	struct map index;    /* name -> its number */
};

static void report_cycle(struct walk *w, size_t target)
{
	struct spec *s = w->l->spec;
	struct arena *a = w->l->a;
	size_t start = w->depth - 1, shown = 0;
	const char *text = "";

	while (w->path[start] != target)
		start--;
	for (size_t i = start; i < w->depth; i++, shown++) {
		if (shown == 8 && w->depth - i > 2) {
			text = arena_printf(a, "%s... -> ", text);
			i = w->depth - 2;
		}
		text = arena_printf(a, "%s%.63s -> ", text, s->vms.v[w->path[i]]->head.name);
	}
	load_error(w->l, field_pos(&s->vms.v[w->path[w->depth - 1]]->head, "depends_on"),
		"depends_on: the VMs wait for each other: %s%.63s", text,
		s->vms.v[target]->head.name);
}

static void push(struct walk *w, size_t i)
{
	w->colour[i] = ON_PATH;
	w->path[w->depth++] = i;
}

/* Go on with the last VM of the path: deeper, or back. */
static void step(struct walk *w)
{
	size_t i = w->path[w->depth - 1];
	const struct vm_spec *vm; /* of a replica the one that stands for all */
	const size_t *to;
	const char *name;
	const struct strv *deps = &w->l->spec->vms.v[i]->depends_on;

	if (w->next[i] == deps->n) {
		w->colour[i] = DONE;
		w->depth--;
		return;
	}
	name = deps->v[w->next[i]++];
	vm = map_get(&w->l->names[KIND_VM], name, strlen(name));
	to = vm ? map_get(&w->index, vm->head.name, strlen(vm->head.name)) : NULL;
	if (!to || *to == i) /* unknown, or itself: said already */
		return;
	if (w->colour[*to] == ON_PATH)
		report_cycle(w, *to);
	else if (w->colour[*to] == WHITE)
		push(w, *to);
}

static bool any_depends(const struct spec *s)
{
	vec_each(v, &s->vms)
		if ((*v)->depends_on.n)
			return true;
	return false;
}

static void check_cycles(struct load *l)
{
	struct spec *s = l->spec;
	struct walk w = {.l = l};

	if (!any_depends(s))
		return;

	w.colour = arena_array(l->a, s->vms.n, sizeof(*w.colour));
	w.next = arena_array(l->a, s->vms.n, sizeof(*w.next));
	w.path = arena_array(l->a, s->vms.n, sizeof(*w.path));
	w.numbers = arena_array(l->a, s->vms.n, sizeof(*w.numbers));
	for (size_t i = 0; i < s->vms.n; i++) {
		const char *name = s->vms.v[i]->head.name;

		w.numbers[i] = i;
		map_add(l->a, &w.index, name, strlen(name), &w.numbers[i]);
	}
	for (size_t i = 0; i < s->vms.n && !diags_full(l->diags); i++) {
		if (w.colour[i] == WHITE)
			push(&w, i);
		while (w.depth)
			step(&w);
	}
}

/* ---- context ids ---------------------------------------------------------------------------- */

static int compare_cids(const void *a, const void *b)
{
	const struct vm_spec *x = *(struct vm_spec *const *)a, *y = *(struct vm_spec *const *)b;

	if (x->vsock_cid != y->vsock_cid)
		return x->vsock_cid < y->vsock_cid ? -1 : 1;
	return strcmp(x->head.name, y->head.name);
}

static void check_cids(struct load *l)
{
	VEC(struct vm_spec *) fixed = {0};

	vec_each(vm, &l->spec->vms)
		if ((*vm)->vsock_cid)
			*vec_push(l->a, &fixed) = *vm;
	if (fixed.n)
		qsort(fixed.v, fixed.n, sizeof(*fixed.v), compare_cids);
	for (size_t i = 1; i < fixed.n; i++) {
		const struct spec_head *before = &fixed.v[i - 1]->head;
		struct diag *d;

		if (fixed.v[i]->vsock_cid != fixed.v[i - 1]->vsock_cid)
			continue;
		d = load_error(l, field_pos(&fixed.v[i]->head, "vsock.cid"),
			"vsock.cid: %u is taken by vm %s", fixed.v[i]->vsock_cid,
			utf8_quote(l->a, before->name, SHOWN));
		d->other = field_pos(before, "vsock.cid");
	}
}

/* ---- rules within one object ---------------------------------------------------------------- */

static void say(struct load *l, const struct spec_head *h, const char *path, const struct err *e)
{
	struct diag *d = load_error(l, field_pos(h, path), "%s: %s", path, e->msg);

	if (*e->hint)
		diag_hint(l->a, d, "%s", e->hint);
}

/* "oci, oci_layout and tar" */
static const char *one_of_names(struct load *l, const struct noun *noun)
{
	const struct field *last = NULL;
	const char *text = "";

	for (size_t i = 0; i < noun->n_fields; i++) {
		if (!noun->fields[i].one_of)
			continue;
		if (last)
			text = arena_printf(l->a, "%s%s%s", text, *text ? ", " : "", last->path);
		last = &noun->fields[i];
	}
	return last ? arena_printf(l->a, "%s and %s", text, last->path) : text;
}

static void check_source(struct load *l, const struct spec_head *h)
{
	const struct noun *noun = h->noun;
	const char *a = noun->kind == KIND_IMAGE ? "an" : "a";
	const struct field *first = NULL;
	struct diag *d;

	for (size_t i = 0; i < noun->n_fields; i++) {
		const struct field *f = &noun->fields[i];

		if (!f->one_of || !h->at[i].line)
			continue;
		if (first) {
			d = load_error(l, field_pos(h, f->path), "%s %s has %s or %s, not both", a,
				noun->singular, first->path, f->path);
			d->other = field_pos(h, first->path);
			return;
		}
		first = f;
	}
	if (first)
		return;
	d = load_error(l, h->pos, "%s %s has none of %s", noun->singular, utf8_quote(l->a, h->name, SHOWN),
		one_of_names(l, noun));
	diag_hint(l->a, d, "say where it comes from");
}

/* PATH[:TAG] */
static void check_path_tag(struct load *l, const struct image_spec *s, const char *field,
	const char *text)
{
	struct err e = ERR_INIT;
	const char *tag;
	size_t n;

	tag = text ? ociref_layout_tag(text, &n) : NULL;
	if (tag && ociref_check_tag(tag, &e) < 0)
		say(l, &s->head, field, &e);
}

static void check_platform(struct load *l, const struct image_spec *s)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_.";
	const char *p = s->platform;
	size_t arch, variant;
	struct diag *d;

	if (!p)
		return;
	if (!strncmp(p, "linux/", strlen("linux/"))) {
		p += strlen("linux/");
		arch = strspn(p, letters);
		variant = p[arch] == '/' ? strspn(p + arch + 1, letters) : 0;
		if (arch && !p[arch + (variant ? variant + 1 : 0)])
			return;
	}
	d = load_error(l, field_pos(&s->head, "platform"),
		"platform: %s is not linux/ARCH[/VARIANT]",
		utf8_quote(l->a, s->platform, SHOWN));
	diag_hint(l->a, d, "for example linux/amd64");
}

/* Both are for registries. */
static void check_registry(struct load *l, const struct image_spec *s)
{
	static const char *const fields[] = {"auth_file", "mirrors"};
	const bool given[] = {s->auth_file != NULL, s->mirrors.n > 0};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < 2; i++)
		if (given[i] && !s->oci && s->head.at[field_find(s->head.noun, fields[i]) -
			s->head.noun->fields].line)
			diag_hint(l->a, load_error(l, field_pos(&s->head, fields[i]),
				"%s: the image comes from no registry", fields[i]), "leave it out");
	for (size_t i = 0; i < s->mirrors.n; i++)
		if (ociref_check_mirror(s->mirrors.v[i], &e) < 0) {
			say(l, &s->head, "mirrors", &e);
			return;
		}
}

static void check_image(struct load *l, const struct image_spec *s)
{
	struct err e = ERR_INIT;
	const char *digest = NULL;

	check_source(l, &s->head);
	check_platform(l, s);
	check_registry(l, s);
	if (s->oci && ociref_check(s->oci, &e) < 0)
		say(l, &s->head, "oci", &e);
	else if (s->oci)
		digest = ociref_digest(s->oci);
	check_path_tag(l, s, "oci_layout", s->oci_layout);
	check_path_tag(l, s, "oci_archive", s->oci_archive);
	check_path_tag(l, s, "docker_archive", s->docker_archive);
	if (s->tar && s->platform) {
		struct diag *d = load_error(l, field_pos(&s->head, "platform"),
			"platform: a tar file does not say which one it is for");

		d->other = field_pos(&s->head, "tar");
	}
	if (digest && s->digest && strcmp(digest, s->digest) != 0) {
		struct diag *d = load_error(l, field_pos(&s->head, "digest"),
			"digest: not the one in oci");

		d->other = field_pos(&s->head, "oci");
	}
}

/* Modules go into the initrd that is made: none is, when there is one. */
static void check_initrd(struct load *l, const struct kernel_spec *s)
{
	struct diag *d;

	if (s->oci && s->modules) {
		d = load_error(l, field_pos(&s->head, "modules"), "kernel %s has oci and modules",
			utf8_quote(l->a, s->head.name, SHOWN));
		d->other = field_pos(&s->head, "oci");
		diag_hint(l->a, d, "its modules are in the image; leave modules out");
		return;
	}
	if (!s->initrd || !s->modules)
		return;
	d = load_error(l, field_pos(&s->head, "modules"),
		"kernel %s has modules and an initrd of its own", utf8_quote(l->a, s->head.name, SHOWN));
	d->other = field_pos(&s->head, "initrd");
	diag_hint(l->a, d, "modules go into the initrd that reconcile makes; leave one of the two out");
}

/* Words of the kernel command line that decide what boots: they are ours. */
static void check_args(struct load *l, const struct kernel_spec *s)
{
	static const char *const ours[] = {"root=", "init=", "rdinit="};

	for (const char *p = s->args; p && *p;) {
		size_t n;

		p += strspn(p, " ");
		n = strcspn(p, " ");
		for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
			struct diag *d;

			if (strncmp(p, ours[i], strlen(ours[i])) != 0)
				continue;
			d = load_error(l, field_pos(&s->head, "args"),
				"args: %s is set by reconcile", ours[i]);
			diag_hint(l->a, d, "leave it out");
		}
		p += n;
	}
}

static void check_kernel(struct load *l, const struct kernel_spec *s)
{
	struct err e = ERR_INIT;

	check_source(l, &s->head);
	if (s->oci && ociref_check(s->oci, &e) < 0)
		say(l, &s->head, "oci", &e);
	check_initrd(l, s);
	check_args(l, s);
}

bool check_inherited(const struct spec_head *h, const char *path)
{
	return h->more && h->more->layers && h->more->layers[field_find(h->noun, path) -
		h->noun->fields];
}

static bool is_user_part(const char *p, size_t n)
{
	static const char more[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	return n && *p != '-' && *p != '.' && strspn(p, more) >= n;
}

static void check_user(struct load *l, const struct vm_spec *s)
{
	size_t n;

	if (!s->user || check_inherited(&s->head, "user"))
		return;
	n = strcspn(s->user, ":");
	if (is_user_part(s->user, n) &&
		(!s->user[n] || is_user_part(s->user + n + 1, strlen(s->user + n + 1))))
		return;
	load_error(l, field_pos(&s->head, "user"), "user: %s is not NAME|UID[:GROUP|GID]",
		utf8_quote(l->a, s->user, SHOWN));
}

static void check_workload(struct load *l, const struct vm_spec *s)
{
	const struct strv *lists[] = {&s->command, &s->env, &s->secrets};
	size_t bytes = 0;

	if (s->command.n && !*s->command.v[0] && !check_inherited(&s->head, "command"))
		load_error(l, field_pos(&s->head, "command"),
			"command: the name of the program is empty");
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			bytes += strlen(lists[i]->v[k]) + 1;
	if (bytes > WORKLOAD_MAX)
		load_error(l, s->command.n ? field_pos(&s->head, "command") : s->head.pos,
			"command and env are %zu bytes together; at most %zu are allowed", bytes,
			WORKLOAD_MAX);
}

static void check_until(struct load *l, const struct vm_spec *s, const char *path, const char *until)
{
	struct err err = ERR_INIT;
	int64_t ms;

	if (until && moment_parse(until, &ms, &err) < 0 && !check_inherited(&s->head, path))
		say(l, &s->head, path, &err);
}

static void check_drift(struct load *l, const struct vm_spec *s)
{
	check_until(l, s, "drift.until", s->drift_until);
	check_until(l, s, "drift.running.until", s->drift_running.until);
	check_until(l, s, "drift.disk.until", s->drift_disk.until);
}

static void check_vm(struct load *l, const struct vm_spec *s)
{
	probes_check(l, s);
	check_drift(l, s);
	check_user(l, s);
	check_workload(l, s);
	if (s->workdir && *s->workdir != '/' && !check_inherited(&s->head, "workdir"))
		load_error(l, field_pos(&s->head, "workdir"),
			"workdir: %s is not an absolute path in the guest",
			utf8_quote(l->a, s->workdir, SHOWN));
}

/* A disk holds its image: the guest can make the file system larger, never smaller. */
static void check_disk(struct load *l, const struct vm_spec *s, uint64_t largest)
{
	const struct image_spec *image;
	struct diag *d;

	if (!s->image || s->disk_size >= largest)
		return;
	image = map_get(&l->names[KIND_IMAGE], s->image, strlen(s->image));
	if (!image || s->disk_size >= image->size)
		return;
	d = load_error(l, field_pos(&s->head, "disk.size"),
		"disk.size: %s of vm %s is less than the %s of its image %s",
		size_print(l->a, s->disk_size), utf8_quote(l->a, s->head.name, SHOWN),
		size_print(l->a, image->size), utf8_quote(l->a, s->image, SHOWN));
	d->other = field_pos(&image->head, "size");
}

static void check_disks(struct load *l)
{
	uint64_t largest = 0; /* nearly always there is nothing to look up */

	vec_each(i, &l->spec->images)
		if ((*i)->size > largest)
			largest = (*i)->size;
	vec_each(v, &l->spec->vms)
		check_disk(l, *v, largest);
}

static void check_layers(struct load *l)
{
	vec_each(p, &l->profiles) {
		check_name(l, (*p)->head, "profile");
		check_vm(l, (const struct vm_spec *)(const void *)(*p)->head);
	}
	if (l->defaults)
		check_vm(l, (const struct vm_spec *)(const void *)l->defaults);
}

void check_spec(struct load *l)
{
	struct spec *s = l->spec;

	vec_each(i, &s->images) {
		check_name(l, &(*i)->head, "image");
		check_image(l, *i);
	}
	vec_each(k, &s->kernels) {
		check_name(l, &(*k)->head, "kernel");
		check_kernel(l, *k);
	}
	check_layers(l);
	vec_each(v, &s->vms) {
		check_name(l, &(*v)->head, "vm");
		check_vm(l, *v);
	}
	check_about(l);
	check_disks(l);
	check_refs(l);
	check_networks(l);
	check_cids(l);
	check_cycles(l);
}
