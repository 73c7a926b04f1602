/* system_files.c - units and folders of the service, as files. */
#include "reconciler/system_files.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX 65536
#define UNITS "etc/systemd/system/"
#define PACKAGED "usr/lib/systemd/system/"

const struct system_file system_files[] = {
	{"reconcile.sysusers", "etc/sysusers.d/reconcile.conf", "usr/lib/sysusers.d/reconcile.conf", false},
	{"reconcile.tmpfiles", "etc/tmpfiles.d/reconcile.conf", "usr/lib/tmpfiles.d/reconcile.conf", false},
	{"reconcile-helper.socket", UNITS "reconcile-helper.socket", PACKAGED "reconcile-helper.socket",
		false},
	{"reconcile-helper.service", UNITS "reconcile-helper.service",
		PACKAGED "reconcile-helper.service", false},
	{"reconcile.service", UNITS "reconcile.service", PACKAGED "reconcile.service", false},
	{"reconcile@.service", UNITS "reconcile@.service", PACKAGED "reconcile@.service", false},
	{"helper.conf", "etc/reconcile/helper.conf", NULL, true},
};

const size_t system_file_count = sizeof(system_files) / sizeof(system_files[0]);

const char *system_state_name(enum system_state state)
{
	static const char *const names[] = {"missing", "there", "differs", "packaged", "kept"};

	return names[state];
}

/* ---- texts ------------------------------------------------------------------------------------- */

/* What the templates say of where programs are, and what belongs there. */
static const char *replaced(const struct system_place *p, const char *at, size_t *skip)
{
	static const char cli[] = "/usr/bin/reconcile ", dir[] = "/usr/libexec/reconcile/";

	if (!strncmp(at, cli, strlen(cli))) {
		*skip = strlen(cli) - 1;
		return p->reconcile;
	}
	if (!strncmp(at, dir, strlen(dir))) {
		*skip = strlen(dir) - 1;
		return p->program_dir;
	}
	return NULL;
}

char *system_text(struct arena *a, const struct system_place *p, const char *template_text)
{
	const size_t room = strlen(p->reconcile) + strlen(p->program_dir);
	size_t size = strlen(template_text) + 1, skip;
	char *out, *to;

	for (const char *at = template_text; *at; at++)
		size += *at == '/' ? room : 0;
	out = to = arena_alloc(a, size);
	for (const char *at = template_text; *at;) {
		const char *path = *at == '/' ? replaced(p, at, &skip) : NULL;

		if (!path) {
			*to++ = *at++;
			continue;
		}
		memcpy(to, path, strlen(path));
		to += strlen(path);
		at += skip;
	}
	*to = '\0';
	return out;
}

/* ---- files -------------------------------------------------------------------------------------- */

int system_look(struct arena *a, const struct system_place *p, const struct system_file *f,
	enum system_state *state, const char **text, struct err *e)
{
	const char *want;
	struct stat st;
	char *template_text, *have;
	size_t n;

	if (file_read(a, AT_FDCWD, arena_printf(a, "%s/%s", p->templates, f->from), TEXT_MAX,
		    &template_text, &n, e) < 0)
		return -1;
	want = system_text(a, p, template_text);
	if (text)
		*text = want;
	if (fstatat(p->root_fd, f->to, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return err_sys(e, errno, "cannot look at /%s", f->to);
		*state = f->packaged && fstatat(p->root_fd, f->packaged, &st, 0) == 0 ? SYSTEM_PACKAGED :
			SYSTEM_MISSING;
		return 0;
	}
	if (file_read(a, p->root_fd, f->to, TEXT_MAX, &have, &n, e) < 0)
		return err_wrap(e, "/%s", f->to);
	*state = !strcmp(have, want) ? SYSTEM_SAME : f->keep ? SYSTEM_KEPT : SYSTEM_DIFFERS;
	return 0;
}

/* The folder that a file is in, and its name. */
static int open_folder(const struct system_place *p, const char *path, bool make, const char **name,
	int *fd, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	memcpy(folder, path, (size_t)(slash - path));
	folder[slash - path] = '\0';
	*name = slash + 1;
	if (make && dir_make(p->root_fd, folder, 0755, e) < 0)
		return -1;
	*fd = openat(p->root_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *fd < 0 ? err_sys(e, errno, "cannot open /%s", folder) : 0;
}

int system_write(const struct system_place *p, const struct system_file *f, const char *text,
	struct err *e)
{
	_cleanup_fd_ int fd = -1;
	const char *name;

	if (open_folder(p, f->to, true, &name, &fd, e) < 0)
		return -1;
	return file_replace(fd, name, text, strlen(text), 0644, e);
}

int system_remove(const struct system_place *p, const struct system_file *f, struct err *e)
{
	if (unlinkat(p->root_fd, f->to, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "cannot remove /%s", f->to);
	return 0;
}

/* ---- trust -------------------------------------------------------------------------------------- */

int system_trust(const char *path, struct err *e)
{
	char part[PATH_MAX], real[PATH_MAX];
	const size_t len = realpath(path, real) ? strlen(real) : 0;
	struct stat st;

	if (!len)
		return err_sys(e, errno, "cannot find %s", path);
	for (size_t i = 1; i <= len; i++) {
		if (real[i] != '/' && real[i])
			continue;
		memcpy(part, real, i);
		part[i] = '\0';
		if (lstat(part, &st) < 0)
			return err_sys(e, errno, "cannot look at %s", part);
		/* Others may add to a sticky folder of root's, such as /tmp, but not touch what is root's. */
		if (!st.st_uid && (!(st.st_mode & 022) || (S_ISDIR(st.st_mode) && (st.st_mode & S_ISVTX))))
			continue;
		err_set(e, ERR_GUARD, "%s: somebody but root can change it, and root would run %s", part,
			real);
		return err_hint(e, "make install puts the programs where only root can write");
	}
	return 0;
}
