/* system_files.h - what makes reconcile a service of this host: its units and folders, as files.
 *
 * One table. A row is a template beside the helper programs (systemd/NAME) and where it belongs on the host.
 * The paths of programs in it are replaced by where these programs are. A row that a package has brought
 * (the same file below /usr/lib) needs no file of ours.
 */
#pragma once

#include "schema/base/arena.h"
#include "schema/base/err.h"

#include <stdbool.h>

struct system_file {
	const char *from;     /* template */
	const char *to;       /* below the host's root, without "/" in front */
	const char *packaged; /* where a package puts it; NULL: nowhere else */
	bool keep;            /* somebody's own settings: never overwritten, and removed only as it came */
};

extern const struct system_file system_files[];
extern const size_t system_file_count;

enum system_state {
	SYSTEM_MISSING,
	SYSTEM_SAME,
	SYSTEM_DIFFERS,
	SYSTEM_PACKAGED, /* a package has brought it */
	SYSTEM_KEPT,     /* it differs, and is somebody's own */
};

/* "missing", "there", "differs", "packaged", "kept" */
const char *system_state_name(enum system_state state);

struct system_place {
	int root_fd;             /* the host's root, or a folder that stands for it */
	const char *templates;   /* absolute folder of the templates */
	const char *reconcile;   /* absolute path of this program */
	const char *program_dir; /* absolute folder of the helper programs */
};

/* PURE. The text of a unit for programs that are there. */
char *system_text(struct arena *a, const struct system_place *p, const char *template_text);

/* How a row is on the host; *text (may be NULL) is what it should be. ERR_NOINPUT: no template. */
int system_look(struct arena *a, const struct system_place *p, const struct system_file *f,
	enum system_state *state, const char **text, struct err *e);

/* Write it. Idempotent; a reader sees the old file or the new one. */
int system_write(const struct system_place *p, const struct system_file *f, const char *text,
	struct err *e);

/* Remove it; gone already is success. */
int system_remove(const struct system_place *p, const struct system_file *f, struct err *e);

/* Whether nobody but root can change the file at this absolute path, or put another one there. ERR_GUARD
 * names the part of the path that is the weak one. */
int system_trust(const char *path, struct err *e);
