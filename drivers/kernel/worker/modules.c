/* modules.c - which kernel modules a guest needs, and in which order they are loaded. */
#include "drivers/kernel/worker/modules.h"

#include "drivers/kernel/worker/modinfo.h"

#include <string.h>

#define DEPTH_MAX 16
#define MODULES_MAX 128

/* Device ids: virtio 1.1, chapter 5. Disks and channels are in every VM of ours. */
const struct module_want modules_wanted[] = {
	{"virtio_mmio", true, 0, "the bus of a microVM"},
	{"virtio_blk", true, 0, "disks"},
	{"ext4", true, 0, "the root file system"},
	{"virtio_console", true, 0, "the channels to the host"},
	{"pvpanic_mmio", false, 0, "the host sees a panic"},
	{"button", false, 0, "the host's power button"},
	{"evdev", false, 0, "the host's power button"},
	{"virtio_net", false, 1, "network"},
	{"virtio_rng", false, 4, "entropy from the host"},
	{"vmw_vsock_virtio_transport", false, 19, "the agent on vsock"},
};
const size_t modules_wanted_n = sizeof(modules_wanted) / sizeof(modules_wanted[0]);

struct walk {
	struct arena *arena;
	module_look *look;
	void *arg;
	struct module_list *out;
	unsigned device;             /* of the wanted module */
	const char *path[DEPTH_MAX]; /* from the wanted module down to the one at hand */
	int depth;
};

static struct module_entry *find_listed(const struct module_list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->v[i].name, name))
			return &l->v[i];
	return NULL;
}

static bool is_on_path(const struct walk *w, const char *name)
{
	for (int i = 0; i < w->depth; i++)
		if (!strcmp(w->path[i], name))
			return true;
	return false;
}

static int add(struct walk *w, const char *name, struct err *e);

/* It is there for another device already: it is always loaded then, and so is all that it may
 * depend on, which stands before it. */
static void share(struct walk *w, struct module_entry *listed)
{
	if (!listed->device || listed->device == w->device)
		return;
	for (struct module_entry *m = w->out->v; m <= listed; m++)
		m->device = 0;
}

/* Each name of a list with separators. soft: one that is missing is left out. */
static int add_list(struct walk *w, const char *list, bool soft, struct err *e)
{
	static const char separators[] = ", \t";

	for (list += strspn(list, separators); *list; list += strspn(list, separators)) {
		size_t n = strcspn(list, separators);
		char *name = arena_dupn(w->arena, list, n);
		int rc;

		list += n;
		for (char *p = name; *p; p++)
			*p = *p == '-' ? '_' : *p;
		if (!modinfo_is_name(name))
			return err_set(e, ERR_CONTENT, "module %s depends on \"%s\", which is no name",
				w->path[w->depth - 1], name);
		rc = add(w, name, e);
		if (rc < 0)
			return -1;
		if (rc == 1 && !soft)
			return err_set(e, ERR_CONTENT, "module %s depends on %s, which is missing",
				w->path[w->depth - 1], name);
	}
	return 0;
}

/* Positive 1: there is no such module. */
static int add(struct walk *w, const char *name, struct err *e)
{
	struct module_facts f = {.depends = "", .soft_pre = ""};
	struct module_entry *listed = find_listed(w->out, name);

	if (listed) {
		share(w, listed);
		return 0;
	}
	if (is_on_path(w, name))
		return err_set(e, ERR_CONTENT, "module %s depends on itself", name);
	if (w->depth == DEPTH_MAX || w->out->n == MODULES_MAX)
		return err_set(e, ERR_CONTENT, "module %s: too many dependencies", name);
	if (w->look(w->arg, name, &f, e) < 0)
		return -1;
	if (f.where != MODULE_FILE)
		return f.where == MODULE_MISSING ? 1 : 0;
	w->path[w->depth++] = name;
	if (add_list(w, f.soft_pre, true, e) < 0 || add_list(w, f.depends, false, e) < 0)
		return -1;
	w->depth--;
	*vec_push(w->arena, w->out) = (struct module_entry){name, f.file, w->device};
	return 0;
}

int modules_order(struct arena *a, const struct module_want *want, size_t n, module_look *look,
	void *arg, struct module_list *out, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		struct walk w = {.arena = a, .look = look, .arg = arg, .out = out,
			.device = want[i].device};
		size_t before = out->n;
		struct err why = ERR_INIT;
		int rc = add(&w, want[i].name, &why);

		if (rc == 0)
			continue;
		/* An optional module that cannot be had is as if nobody wanted it. */
		out->n = before;
		if (!want[i].required)
			continue;
		if (rc == 1)
			return err_set(e, ERR_NOINPUT, "module %s is missing and not built in (%s)",
				want[i].name, want[i].why);
		if (e)
			*e = why;
		return -1;
	}
	return 0;
}

bool modules_is_builtin(const char *text, const char *name)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	while (*text) {
		size_t n = strcspn(text, "\n");
		char *have = modinfo_file_name(&a, arena_dupn(&a, text, n));

		if (have && !strcmp(have, name))
			return true;
		text += n + (text[n] == '\n');
	}
	return false;
}
