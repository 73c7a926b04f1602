/* spec.h - from files to a checked spec, and from a spec to objects.
 *
 *	bytes --yaml--> nodes --field--> typed --check--> spec --expand--> objects
 *
 * PURE but for reading the files named. All mistakes are found in one run: they are diagnostics,
 * each with its place; err is only for what keeps us from looking at all.
 */
#pragma once

#include "schema/model.h"

enum severity { SEVERITY_ERROR, SEVERITY_WARNING };

struct diag {
	enum severity severity;
	struct pos pos;
	uint32_t width;      /* characters to underline, at least 1 */
	const char *msg;     /* what is wrong, what was expected */
	const char *hint;    /* what to do, or NULL */
	const char *expected; /* what the field takes, for programs: the message has it in words; or NULL */
	struct pos other;    /* second place of a conflict; line 0: none */
	const char *excerpt; /* the source line without its newline, NULL if not at hand */
};

struct diags {
	struct diag *v;
	size_t n, cap;
	size_t errors; /* how many are errors */
};

/* Bounds on a spec; beyond them reading stops with one diagnostic. */
#define SPEC_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define SPEC_DEPTH_MAX 16
#define SPEC_DIAGS_MAX 1000

/* Files that include each other, and files in all. */
#define SPEC_INCLUDE_DEPTH_MAX 16
#define SPEC_FILES_MAX 1000

/* What a spec is read from, beside its text. All of it may be left 0. */
struct spec_input {
	const char *const *vars;      /* "NAME=value" as the command line gives them */
	size_t n_vars;
	const char *const *var_files; /* files of NAME=value lines; the last one wins */
	size_t n_var_files;
	/* getenv(3): RECONCILE_VAR_NAME and CREDENTIALS_DIRECTORY. NULL: no environment. */
	char *(*env)(const char *name);
	/* Read a file that the spec names: an include or a secret. NULL: from the file system in
	 * spec_read, nothing at all in spec_parse. */
	int (*read)(void *arg, struct arena *a, const char *path, size_t max, char **text,
		size_t *len, struct err *e);
	/* Run the program that gives a secret, without a shell, in that folder, and take what it
	 * prints, at most max bytes. NULL: none is run, and such a secret has a marker but no text:
	 * for who only looks (validate, explain), never for a spec that is applied. */
	int (*run)(void *arg, struct arena *a, const char *const *argv, const char *folder,
		size_t max, char **text, size_t *len, struct err *e);
	void *arg;
	/* One file of a spec of several, looked at alone: what it names may stand in another file,
	 * what it includes and its secrets are not read, a variable may be given elsewhere. */
	bool partial;
	/* Judge who can write the files and folders that it is read from: schema/owner.c. */
	bool owners;
	bool places; /* note where each NAME of a map stands: for explain, and not for nothing */
};

/* Read and check one spec from files; a path may be a folder, which stands for the *.yaml and *.yml
 * right in it, sorted, without hidden ones; "-" is standard input, and a pipe is read when it is
 * /dev/fd/N. Files that they include are read
 * too, each once. Everything lives in a.
 * Returns 0 with *out when there is no error among the diagnostics (warnings are allowed);
 * -1 otherwise: e is ERR_SPEC ("vms.yaml: 3 errors") when the text is at fault and diags says
 * where, or a file is larger than SPEC_BYTES_MAX; ERR_NOINPUT or ERR_DENIED when a file cannot be read; ERR_USAGE
 * when one is given twice, or a variable that the spec does not know. Positions name a file as paths
 * does, standard input as <stdin>.
 *
 * A spec without any VM is legal only when it says so (vms: {}): else there is a warning, because a
 * file that was cut off would remove every VM. */
int spec_read(struct arena *a, const struct spec_input *in, const char *const *paths, size_t n,
	struct spec **out, struct diags *diags, struct err *e);

/* spec_read without variables and environment. */
int spec_load(struct arena *a, const char *const *paths, size_t n, struct spec **out,
	struct diags *diags, struct err *e);

/* One text in memory; name stands for the file in positions. base is the folder that relative paths
 * are taken from. PURE when in is NULL: what it includes is an error then. */
int spec_parse_with(struct arena *a, const struct spec_input *in, const char *name,
	const char *base, const char *text, size_t len, struct spec **out, struct diags *diags,
	struct err *e);
int spec_parse(struct arena *a, const char *name, const char *base, const char *text, size_t len,
	struct spec **out, struct diags *diags, struct err *e);

/* ---- where a value came from ---------------------------------------------------------------- */

/* A variable that stands in the value of a field. */
struct var_use {
	uint32_t row;     /* of the noun's table */
	const char *key;  /* the NAME of a map that it stands in; NULL: the value is no map */
	const char *name;
	const char *how;  /* "--var", "RECONCILE_VAR_NAME", "its default", "the default in ${...}" */
	struct pos pos;   /* where that is written; line 0: not in a file */
};

/* A pair of a map (env, labels) that a profile or the defaults gave to a value of the object's. */
struct joined_key {
	uint32_t row;
	const char *key;
	const struct spec_head *layer;
};

/* Where one NAME of a map (env, labels) is written in an object, profile or defaults. */
struct key_place {
	uint32_t row;
	const char *key;
	struct pos pos;
};

struct provenance {
	/* Per row: the profile or defaults that the value came from, which says where; NULL: the
	 * object itself or, when its place is line 0, the built-in default. NULL: no row has one. */
	const struct spec_head **layers;
	VEC(struct var_use) vars;
	VEC(struct joined_key) keys;
	VEC(struct key_place) places; /* only when the input asks for it */
};

enum layer { LAYER_BUILT_IN, LAYER_DEFAULTS, LAYER_PROFILE, LAYER_OBJECT };

/* "default", "defaults", "profile", "field". */
const char *layer_name(enum layer layer);

/* One value as it holds: a field, or one NAME of a map. */
struct effective {
	const struct field *field;
	const char *key;     /* of a map; NULL: the field as a whole */
	const char *value;   /* canonical; a secret's marker; NULL: nothing */
	enum layer layer;
	const char *profile; /* LAYER_PROFILE: its name */
	struct pos pos;      /* where it is written; line 0: nowhere */
	VEC(struct var_use) vars;
};

struct effectives {
	struct effective *v;
	size_t n, cap;
};

/* Every value of one object, "vm/web", in the order of its table. ERR_FAILED with the nearest name
 * when the spec has no such object. */
int spec_effective(struct arena *a, const struct spec *spec, const char *object,
	struct effectives *out, struct err *e);

/* The objects of a spec with their dependencies, in order of kind, then name. */
void spec_expand(struct arena *a, const struct spec *spec, struct objects *out);

/* Add a diagnostic; everything is copied into a. */
struct diag *diags_add(struct arena *a, struct diags *d, enum severity s, struct pos pos,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* A diagnostic as people read it, several lines, each ending in a newline:
 *
 *	vms.yaml:7:5: error: unknown field "memroy" in vm "web"; did you mean "memory"?
 *	    7 |     memroy: 1GiB
 *	      |     ^~~~~~
 */
char *diag_text(struct arena *a, const struct diag *d);
