/* home.c - where this instance lives. */
#include "reconciler/engine/home.h"

#include "reconciler/engine/lock.h"

#include "drivers/sys/proc.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct place {
	const char *env, *root, *xdg, *fallback;
} places[] = {
	{"RECONCILE_STATE_DIR", "/var/lib/reconcile", "XDG_STATE_HOME", ".local/state"},
	{"RECONCILE_CACHE_DIR", "/var/cache/reconcile", "XDG_CACHE_HOME", ".cache"},
	{"RECONCILE_RUN_DIR", "/run/reconcile", "XDG_RUNTIME_DIR", NULL},
};

/* A variable that is empty counts as not set. */
static const char *env(const char *name)
{
	const char *v = getenv(name);

	return v && v[0] ? v : NULL;
}

static const char *absolute_env(const char *name)
{
	const char *v = env(name);

	return v && v[0] == '/' ? v : NULL;
}

/* Workers run in another folder: what is relative is meant from where we stand. NULL when that folder
 * is gone. */
static const char *make_absolute(struct arena *a, const char *path)
{
	char cwd[PATH_MAX];

	if (path[0] == '/')
		return path;
	return getcwd(cwd, sizeof(cwd)) ? arena_printf(a, "%s/%s", cwd, path) : NULL;
}

/* The host's own instance belongs to root, or to whom root gave its folder: then the CLI of that user, its
 * daemon and root's CLI, which becomes that user, all mean the same places. */
static bool is_hosts(void)
{
	struct stat st;

	return geteuid() == 0 || (stat(places[0].root, &st) == 0 && S_ISDIR(st.st_mode) &&
		st.st_uid == geteuid());
}

/* NULL: there is no sensible place. */
static const char *find_place(struct arena *a, const struct place *p)
{
	const char *v = env(p->env);

	if (v)
		return make_absolute(a, v);
	if (is_hosts())
		return p->root;
	v = absolute_env(p->xdg);
	if (v)
		return arena_printf(a, "%s/reconcile", v);
	v = p->fallback ? absolute_env("HOME") : NULL;
	return v ? arena_printf(a, "%s/%s/reconcile", v, p->fallback) : NULL;
}

/* The folder must be ours alone: whoever can write to it can lie to us. */
static int check_folder(const char *path, int fd, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot look at %s", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_CONFIG, "%s belongs to user %u, not to you", path,
			(unsigned)st.st_uid);
	if (st.st_mode & 022) {
		err_set(e, ERR_CONFIG, "%s can be written to by others", path);
		return err_hint(e, "chmod go-w %s", path);
	}
	return 0;
}

/* Something else is where a folder of ours is to be: that is how this host is set up, not a fault of
 * the moment. */
static int misplaced(struct err *e)
{
	if (e->errnum == ENOTDIR || e->errnum == ELOOP || e->errnum == ENAMETOOLONG)
		e->kind = ERR_CONFIG;
	return -1;
}

/* Open a folder; the name that comes back has no symbolic link in it. */
static int open_folder(struct arena *a, const char **path, bool write, int *fd, struct err *e)
{
	char real[PATH_MAX];

	if (write)
		umask(077); /* state is its owner's alone, the database too */
	if (write && dir_make(AT_FDCWD, *path, 0700, e) < 0)
		return misplaced(e);
	*fd = open(*path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0 && errno == ENOENT && !write)
		return 0;
	if (*fd < 0) {
		err_sys(e, errno, "cannot open folder %s", *path);
		return misplaced(e);
	}
	if (!realpath(*path, real))
		return err_sys(e, errno, "cannot resolve %s", *path);
	*path = arena_dup(a, real);
	return check_folder(*path, *fd, e);
}

/* FNV-1a over what makes this instance this one; 8 hex digits go into every host-global name. */
static const char *instance_of(struct arena *a, const char *state_dir)
{
	_cleanup_arena_ struct arena tmp = ARENA_INIT;
	char *machine = "";
	uint64_t hash = 0xcbf29ce484222325u;
	size_t n;

	if (file_read(&tmp, AT_FDCWD, "/etc/machine-id", 128, &machine, &n, NULL) < 0)
		machine = "";
	for (const char *p = arena_printf(&tmp, "%u:%s:%s", (unsigned)geteuid(), machine, state_dir);
		*p; p++)
		hash = (hash ^ (unsigned char)*p) * 0x100000001b3u;
	return arena_printf(a, "%08x", (unsigned)(hash ^ hash >> 32));
}

/* Helper programs: RECONCILE_PROGRAM_DIR, else beside this program, else ../libexec/reconcile. */
static const char *program_dir(struct arena *a)
{
	const char *v = absolute_env("RECONCILE_PROGRAM_DIR");
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (v)
		return v;
	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		return "/usr/libexec/reconcile";
	*slash = '\0';
	if (access(arena_printf(a, "%s/reconcile-worker", self), X_OK) == 0)
		return arena_dup(a, self);
	return arena_printf(a, "%s/../libexec/reconcile", self);
}

const char *home_program_dir(struct arena *a)
{
	return program_dir(a);
}

bool home_owner(struct arena *a, const char *state_dir, uid_t *uid, gid_t *gid)
{
	const char *path = state_dir ? state_dir : find_place(a, &places[0]);
	struct stat st;

	if (!path || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
		return false;
	*uid = st.st_uid;
	*gid = st.st_gid;
	return true;
}

int home_open(struct arena *a, const char *state_dir, bool write, int64_t wait_ms,
	const volatile sig_atomic_t *cancel, struct home *out, struct err *e)
{
	struct host *h = &out->host;
	char boot_id[PROC_BOOT_ID_MAX];
	bool own_place;

	*out = (struct home){.host = {.arena = a, .state_fd = -1, .run_fd = -1, .lock_fd = -1}};
	h->cancel = cancel;
	own_place = state_dir || env(places[0].env);
	h->state_dir = state_dir ? make_absolute(a, state_dir) : find_place(a, &places[0]);
	h->cache_dir = find_place(a, &places[1]);
	/* Two state directories must not share a runtime folder: a chosen one brings its own. */
	if (!own_place || env(places[2].env))
		h->run_dir = find_place(a, &places[2]);
	if (h->state_dir && !h->cache_dir)
		h->cache_dir = arena_printf(a, "%s/cache", h->state_dir);
	if (h->state_dir && !h->run_dir)
		h->run_dir = arena_printf(a, "%s/run", h->state_dir);
	if (!h->state_dir) {
		err_set(e, ERR_CONFIG, "no state directory: neither HOME nor XDG_STATE_HOME is set");
		return err_hint(e, "give --state-dir DIR");
	}
	if (open_folder(a, &h->state_dir, write, &h->state_fd, e) < 0 ||
		open_folder(a, &h->run_dir, write, &h->run_fd, e) < 0 ||
		proc_boot_id(boot_id, e) < 0)
		goto fail;
	if (write && dir_make(AT_FDCWD, h->cache_dir, 0700, e) < 0) {
		misplaced(e);
		goto fail;
	}
	h->boot_id = arena_dup(a, boot_id);
	h->instance = instance_of(a, h->state_dir);
	h->program_dir = program_dir(a);
	if (write && lock_take(h->state_fd, "reconcile", wait_ms, cancel, &h->lock_fd, e) < 0)
		goto fail;
	return 0;
fail:
	home_close(out);
	return -1;
}

void home_close(struct home *h)
{
	fd_close(&h->host.state_fd);
	fd_close(&h->host.run_fd);
	fd_close(&h->host.lock_fd);
}
