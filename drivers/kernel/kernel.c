/* kernel.c - the driver of kernels: a kernel file and the initrd that goes with it.
 *
 *	STATE_DIR/kernels/ID/kernel     copy of the user's file: it may go or change meanwhile; or the
 *	                                ELF file that was in it
 *	STATE_DIR/kernels/ID/initrd     guest program and modules, or a copy of the user's
 *	STATE_DIR/kernels/ID/by-NAME    kernel NAME of the spec uses this folder
 *	STATE_DIR/kernels/.ID.image     what was taken out of an image, while the above is made
 *
 * Two kernels with the same content share a folder; the last one that goes takes it along.
 *
 * Facts beside those that driver.h names: image, the digest of the image that it came from; kernel_size and initrd_size, bytes; modules, the module
 * files that are in the initrd, relative to the modules folder, separated by spaces. With them a
 * later pass compares stamps (stat) instead of contents.
 */
#include "drivers/driver.h"
#include "drivers/sys/stamp.h"
#include "drivers/sys/worker.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LEN 32

/* ---- resolve ---------------------------------------------------------------------------- */

static const char *guest_path(struct host *h)
{
	return arena_printf(h->arena, "%s/reconcile-guest", h->program_dir);
}

/* Firecracker loads only ELF kernels; QEMU takes both, and the file as it is for "auto". */
static bool wants_elf(const struct kernel_spec *k)
{
	return k->format == KERNEL_ELF;
}

/* Kernel file, guest program or the user's initrd, and of the modules folder what was used of it: its list of built-in
 * modules, the folder itself and each file. Paths are in it too, so another path is another stamp. */
static struct stamp make_stamp(struct host *h, const struct kernel_spec *k, const char *modules)
{
	struct arena *a = h->arena;
	struct stamp s;

	stamp_begin(&s, a, arena_printf(a, "1;%s;%s;%s", k->oci ? k->oci : k->file,
		k->modules ? k->modules : "-", wants_elf(k) ? "elf;" : ""));
	if (k->file)
		stamp_file(&s, k->file);
	stamp_file(&s, k->initrd ? k->initrd : guest_path(h));
	if (!k->modules)
		return s;
	stamp_file(&s, k->modules);
	stamp_file(&s, arena_printf(a, "%s/modules.builtin", k->modules));
	while (*modules) {
		size_t n = strcspn(modules, " ");

		stamp_file(&s, arena_printf(a, "%s/%.*s", k->modules, (int)n, modules));
		modules += n + (modules[n] == ' ');
	}
	return s;
}

/* Where a kernel comes from; of one in an image, the image and, once it was taken out, its files. */
struct from {
	const char *file, *modules, *image;
};

static struct from from_files(const struct kernel_spec *k)
{
	return (struct from){k->file, k->modules, NULL};
}

static int ask_worker(struct host *h, const struct kernel_spec *k, const struct from *from,
	const char *id, json_t **result, struct err *e)
{
	_cleanup_json_ json_t *request = json_object();
	const struct worker_task task = {
		.program_dir = h->program_dir, .verb = "kernel-make", .request = request, .lock_fd = h->lock_fd,
		.cancel = h->cancel,
	};

	if (from->file)
		json_object_set_new(request, "file", json_string(from->file));
	if (from->modules)
		json_object_set_new(request, "modules", json_string(from->modules));
	if (from->image)
		json_object_set_new(request, "image", json_string(from->image));
	if (k->initrd)
		json_object_set_new(request, "initrd", json_string(k->initrd));
	if (wants_elf(k))
		json_object_set_new(request, "elf", json_true());
	json_object_set_new(request, "guest", json_string(guest_path(h)));
	json_object_set_new(request, "state_dir", json_string(h->state_dir));
	json_object_set_new(request, "only_id", json_boolean(!id));
	if (id)
		json_object_set_new(request, "id", json_string(id));
	return worker_run(&task, result, e);
}

static bool is_id(const char *s)
{
	return strlen(s) == ID_LEN && strspn(s, "0123456789abcdef") == ID_LEN;
}

/* Of a kernel that is still in an image it is not known. */
static int take_size(struct host *h, const json_t *r, const char *key, struct kvs *facts, struct err *e)
{
	if (!json_object_get(r, key))
		return 0;
	if (json_int(r, key, 0) <= 0)
		return err_set(e, ERR_FAILED, "the worker gave no sensible size of a kernel");
	kvs_setf(h->arena, facts, key, "%lld", (long long)json_int(r, key, 0));
	return 0;
}

/* The worker has read the user's files: what it says is checked before paths are made of it. */
static int take_result(struct host *h, const json_t *r, struct kvs *facts, struct err *e)
{
	const char *id = json_str(r, "id", ""), *list = "";
	size_t i;
	json_t *m;

	if (!is_id(id))
		return err_set(e, ERR_FAILED, "the worker gave no sensible answer about a kernel");
	json_array_foreach(json_object_get(r, "modules"), i, m) {
		const char *path = json_string_value(m);

		if (!path || strchr(path, ' '))
			return err_set(e, ERR_FAILED, "the worker gave no sensible list of modules");
		list = arena_printf(h->arena, "%s%s%s", list, *list ? " " : "", path);
	}
	kvs_set(h->arena, facts, "id", id);
	kvs_setf(h->arena, facts, "file", "kernels/%s/kernel", id);
	kvs_setf(h->arena, facts, "initrd", "kernels/%s/initrd", id);
	kvs_set(h->arena, facts, "modules", list);
	return take_size(h, r, "kernel_size", facts, e) < 0 || take_size(h, r, "initrd_size", facts, e) < 0 ?
		-1 : 0;
}

/* Facts that are about the content; the rest of a record is the engine's. */
static const char *const content_facts[] = {"id", "file", "initrd", "stamp", "kernel_size",
	"initrd_size", "modules", "args", "use", "image"};
#define N_CONTENT (sizeof(content_facts) / sizeof(content_facts[0]))

static void copy_content(struct arena *a, const struct kvs *from, struct kvs *to)
{
	for (size_t i = 0; i < N_CONTENT; i++)
		kvs_set(a, to, content_facts[i], kvs_get(from, content_facts[i]));
}

/* Arguments are no part of the content, so the folder stays the same; but a VM that was started with
 * others has to be restarted. */
static void add_args(struct host *h, const struct kernel_spec *k, struct kvs *facts)
{
	kvs_set(h->arena, facts, "args", k->args ? k->args : "");
	kvs_setf(h->arena, facts, "use", "%s %s", kvs_get(facts, "id"), k->args ? k->args : "");
}

/* A digest becomes part of nothing but a hash, but it is what a record says. */
static bool is_digest(const char *s)
{
	return s && !strncmp(s, "sha256:", 7) && strlen(s) == 7 + 64 &&
		strspn(s + 7, "0123456789abcdef") == 64;
}

/* Which image a reference means. As with images, a tag is looked up once, and again when the reference
 * changes. */
static int find_image(struct host *h, const struct kernel_spec *k, const struct record *record,
	const char **image, struct err *e)
{
	_cleanup_json_ json_t *request = json_pack("{s:s}", "oci", k->oci), *result = NULL;
	const struct worker_task task = {.program_dir = h->program_dir, .verb = "image-resolve",
		.request = request, .lock_fd = h->lock_fd, .cancel = h->cancel};
	const char *was = record ? kvs_get(&record->fields, "oci") : NULL;

	*image = record ? kvs_get(&record->facts, "image") : NULL;
	if (was && !strcmp(was, k->oci) && is_digest(*image))
		return 0;
	if (worker_run(&task, &result, e) < 0)
		return -1;
	*image = arena_dup(h->arena, json_str(result, "id", ""));
	return is_digest(*image) ? 0 : err_set(e, ERR_FAILED, "image %s: the worker gave no digest", k->oci);
}

static int look_up(struct host *h, const struct kernel_spec *k, const struct record *record,
	struct kvs *facts, struct err *e)
{
	_cleanup_json_ json_t *result = NULL;
	struct from from = from_files(k);

	if (k->oci && find_image(h, k, record, &from.image, e) < 0)
		return -1;
	if (ask_worker(h, k, &from, NULL, &result, e) < 0 || take_result(h, result, facts, e) < 0)
		return -1;
	if (from.image)
		kvs_set(h->arena, facts, "image", from.image);
	return 0;
}

static int resolve(struct host *h, const struct object *object, const struct record *record,
	struct kvs *facts, struct err *e)
{
	const struct kernel_spec *k = (const struct kernel_spec *)object->spec;
	const char *old = record ? kvs_get(&record->facts, "stamp") : NULL;
	const char *used = record ? kvs_get(&record->facts, "modules") : NULL;
	int64_t begin_ms = clock_real_ms();
	struct stamp s;

	if (old && !strcmp(old, make_stamp(h, k, used && k->file ? used : "").text)) {
		copy_content(h->arena, &record->facts, facts);
		add_args(h, k, facts);
		return 0;
	}
	if (look_up(h, k, record, facts, e) < 0)
		return -1;
	add_args(h, k, facts);
	/* A file that was changed while the worker read it may not be what the stamp is of: then
	 * there is no stamp, and the next pass reads again. */
	s = make_stamp(h, k, k->file ? kvs_get(facts, "modules") : "");
	if (stamp_is_old(&s, begin_ms))
		kvs_set(h->arena, facts, "stamp", s.text);
	return 0;
}

/* ---- observe ---------------------------------------------------------------------------- */

/* NULL: as recorded. *missing: it is not there. */
static const char *look_at(struct host *h, const struct kvs *facts, const char *path_key,
	const char *size_key, bool *missing)
{
	const char *path = kvs_get(facts, path_key);
	uint64_t size = kvs_u64(facts, size_key, UINT64_MAX);
	struct stat st;

	*missing = false;
	if (!path || fstatat(h->state_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		*missing = true;
		return arena_printf(h->arena, "%s is missing", path ? path : path_key);
	}
	if (!S_ISREG(st.st_mode))
		return arena_printf(h->arena, "%s is not a regular file", path);
	if (size != UINT64_MAX && (uint64_t)st.st_size != size)
		return arena_printf(h->arena, "%s has %lld bytes instead of %llu", path,
			(long long)st.st_size, (unsigned long long)size);
	return NULL;
}

static void observe_one(struct host *h, struct view *v)
{
	bool no_kernel, no_initrd;
	const char *kernel, *initrd;

	v->observed = (struct observed){.seen = SEEN_ABSENT};
	if (!v->record)
		return;
	kernel = look_at(h, &v->record->facts, "file", "kernel_size", &no_kernel);
	initrd = look_at(h, &v->record->facts, "initrd", "initrd_size", &no_initrd);
	if (no_kernel && no_initrd)
		return;
	v->observed.seen = kernel || initrd ? SEEN_DRIFTED : SEEN_SAME;
	v->observed.reason = kernel ? kernel : initrd;
	v->observed.cost = v->observed.reason ? CHANGE_REPLACE : CHANGE_NONE;
}

static int observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	(void)e;
	for (size_t i = 0; i < n; i++)
		observe_one(h, &views[i]);
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* 0 with *d NULL when there is no such folder. */
static int open_folder(int parent, const char *path, DIR **d, struct err *e)
{
	int fd = openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	*d = NULL;
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot open folder %s", path);
	*d = fdopendir(fd);
	if (!*d) {
		close(fd);
		return err_sys(e, ENOMEM, "cannot read folder %s", path);
	}
	return 0;
}

static void add_orphan(struct host *h, struct orphans *out, const char *name, const char *folder)
{
	struct orphan *o = vec_push(h->arena, out);

	*o = (struct orphan){
		.kind = KIND_KERNEL, .name = arena_dup(h->arena, name),
		.what = arena_printf(h->arena, "folder kernels/%s", folder),
	};
	kvs_set(h->arena, &o->args, "id", folder);
}

/* One folder: an entry for each kernel that uses it, or one without a name if none does. */
static int scan_folder(struct host *h, const char *folder, struct orphans *out, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	size_t before = out->n;

	if (open_folder(h->state_fd, arena_printf(h->arena, "kernels/%s", folder), &d, e) < 0)
		return -1;
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (!strncmp(entry->d_name, "by-", 3))
			add_orphan(h, out, entry->d_name + 3, folder);
	if (d && out->n == before)
		add_orphan(h, out, "", folder);
	return 0;
}

static int scan(struct host *h, struct orphans *out, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;

	if (open_folder(h->state_fd, "kernels", &d, e) < 0)
		return -1;
	for (struct dirent *entry; d && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
			scan_folder(h, entry->d_name, out, e) < 0)
			return -1;
	return 0;
}

/* ---- name ------------------------------------------------------------------------------- */

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	/* Without a resolved content (a deletion) the record says what there is. */
	const struct kvs *from = in->resolved && kvs_get(in->resolved, "id") ? in->resolved
		: in->record ? &in->record->facts : NULL;

	if (!from || !kvs_get(from, "id"))
		return err_set(e, ERR_FAILED, "the content of this kernel is not known");
	copy_content(in->host->arena, from, args);
	return 0;
}

/* ---- apply and undo --------------------------------------------------------------------- */

static int step_id(const struct step *step, const char **id, struct err *e)
{
	*id = kvs_get(&step->args, "id");
	return *id && is_id(*id) ? 0 : err_set(e, ERR_FAILED, "kernel %s: the step names no id",
		step->name);
}

static const char *mark_path(struct host *h, const char *id, const char *name)
{
	return arena_printf(h->arena, "kernels/%s/by-%s", id, name);
}

static int add_mark(struct host *h, const char *id, const char *name, struct err *e)
{
	const char *path = mark_path(h, id, name);
	_cleanup_fd_ int fd = openat(h->state_fd, path,
		O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, errno, "cannot create %s", path);
	return dir_sync(h->state_fd, arena_printf(h->arena, "kernels/%s", id), e);
}

/* ---- out of an image -------------------------------------------------------------------- */

static const char *image_folder(struct host *h, const char *id)
{
	return arena_printf(h->arena, "kernels/.%s.image", id);
}

struct listener {
	struct host *h;
	const struct step *step;
};

static void pass_on(void *arg, const char *what, uint64_t done, uint64_t total)
{
	const struct listener *l = arg;

	if (l->h->progress)
		l->h->progress(l->h->progress_arg, l->step, what, done, total);
}

/* into: absolute. */
static int extract(struct host *h, const struct step *step, const char *image, const char *into,
	struct from *from, struct err *e)
{
	const struct kernel_spec *k = (const struct kernel_spec *)step->object->spec;
	struct listener l = {h, step};
	_cleanup_json_ json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "oci", k->oci, "id", image,
		"cache_dir", h->cache_dir, "into", into), *result = NULL;
	const struct worker_task task = {.program_dir = h->program_dir, .verb = "image-extract",
		.request = request, .lock_fd = h->lock_fd, .cancel = h->cancel, .progress = pass_on,
		.progress_arg = &l};

	if (worker_run(&task, &result, e) < 0)
		return -1;
	from->file = arena_printf(h->arena, "%s/kernel", into);
	if (json_str(result, "modules", NULL))
		from->modules = arena_printf(h->arena, "%s/modules", into);
	from->image = image;
	return 0;
}

static int make_from_image(struct host *h, const struct step *step, const char *id, json_t **result,
	struct err *e)
{
	const struct kernel_spec *k = (const struct kernel_spec *)step->object->spec;
	const char *folder = image_folder(h, id), *image = kvs_get(&step->args, "image");
	struct from from = {0};
	int rc;

	if (!is_digest(image))
		return err_set(e, ERR_STATE, "kernel %s: its step names no image", step->name);
	if (tree_remove(h->state_fd, folder, e) < 0 || dir_make(h->state_fd, folder, 0700, e) < 0)
		return -1;
	rc = extract(h, step, image, arena_printf(h->arena, "%s/%s", h->state_dir, folder), &from, e);
	if (!rc)
		rc = ask_worker(h, k, &from, id, result, e);
	if (rc < 0)
		tree_remove(h->state_fd, folder, NULL);
	return rc < 0 ? -1 : tree_remove(h->state_fd, folder, e);
}

static int create(struct host *h, const struct step *step, const char *id, struct kvs *facts,
	struct err *e)
{
	_cleanup_json_ json_t *result = NULL;
	const struct kernel_spec *k;
	struct from from;

	if (!step->object)
		return err_set(e, ERR_FAILED, "kernel %s: nothing says what it is", step->name);
	k = (const struct kernel_spec *)step->object->spec;
	from = from_files(k);
	if (k->oci ? make_from_image(h, step, id, &result, e) < 0 :
		ask_worker(h, k, &from, id, &result, e) < 0)
		return -1;
	if (take_result(h, result, facts, e) < 0)
		return -1;
	if (!kvs_get(facts, "kernel_size"))
		return err_set(e, ERR_FAILED, "kernel %s: the worker did not say how large it is", step->name);
	if (strcmp(kvs_get(facts, "id"), id) != 0)
		return err_set(e, ERR_CONFLICT, "kernel %s: made %s instead of %s", step->name,
			kvs_get(facts, "id"), id);
	/* The step's own stamp stands: it was taken before the content was read, so a change since
	 * then shows in the next pass. */
	return add_mark(h, id, step->name, e);
}

static int is_used(struct host *h, const char *folder, bool *used, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;

	*used = false;
	if (open_folder(h->state_fd, folder, &d, e) < 0)
		return -1;
	for (struct dirent *entry; d && (entry = readdir(d));)
		*used |= !strncmp(entry->d_name, "by-", 3);
	return 0;
}

static int remove_kernel(struct host *h, const struct step *step, const char *id, struct err *e)
{
	const char *folder = arena_printf(h->arena, "kernels/%s", id);
	const char *mark = mark_path(h, id, step->name);
	const char *shared = kvs_get(&step->args, "shared");
	bool used = false;

	if (tree_remove(h->state_fd, arena_printf(h->arena, "kernels/.%s.tmp", id), e) < 0 ||
		tree_remove(h->state_fd, image_folder(h, id), e) < 0)
		return -1;
	/* Another source may have a kernel of the same name and content: the mark is its too. The
	 * engine knows of every row, and says so. */
	if (shared && !strcmp(shared, "1"))
		return 0;
	if (unlinkat(h->state_fd, mark, 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove %s", mark);
	if (!shared && is_used(h, folder, &used, e) < 0)
		return -1;
	return used ? 0 : tree_remove(h->state_fd, folder, e);
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	const char *id;

	if (step_id(step, &id, e) < 0)
		return -1;
	switch (step->op) {
	case STEP_CREATE:
		return create(h, step, id, facts, e);
	case STEP_DELETE:
		return remove_kernel(h, step, id, e);
	default:
		return err_set(e, ERR_FAILED, "kernel %s: there is no step \"%s\" for kernels",
			step->name, step_op_name(step->op));
	}
}

static int undo(struct host *h, const struct step *step, struct err *e)
{
	const char *id;

	/* What was removed comes back when it is made again; there is nothing to reverse. */
	if (step->op != STEP_CREATE)
		return 0;
	return step_id(step, &id, e) < 0 ? -1 : remove_kernel(h, step, id, e);
}

const struct driver driver_kernel = {
	.name = "kernel",
	.kind = KIND_KERNEL,
	.resolve = resolve,
	.observe = observe,
	.scan = scan,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
