/* bind.h - nodes to typed values, by the field tables; and what the stages of reading share.
 *
 * Internal to schema/. files.c reads, bind.c and bind_field.c fill, vars.c expands, layers.c joins
 * objects with their profiles, check.c judges, warn.c warns, spec.c calls them in this order.
 *
 * An object is bound as soon as the YAML reader has it. One that holds a variable that is not known
 * yet waits until all files were read, since a file further down may give it its value; and what an object does not say
 * is taken from profiles and defaults when all of them are known.
 */
#pragma once

#include "schema/base/map.h"
#include "schema/field.h"
#include "schema/vars.h"
#include "schema/yaml.h"

/* An object that a field names: looked up when all files were read. */
struct ref {
	const struct field *field;
	const char *name;
	const struct spec_head *from;
	struct pos pos;
};

/* An entry that holds a variable, and the key at the top that it stands under. */
struct deferred {
	struct source *src;
	const char *top;
	struct yaml_node *key;
};

/* What a command that gives a secret printed. */
struct secret_run {
	const char *what; /* folder and arguments */
	const char *text; /* NULL: it failed, error says how */
	const char *error;
	size_t n;
};

struct include {
	struct source *src;
	const struct yaml_node *node; /* the name of the file */
};

struct profile {
	struct spec_head *head;
	bool used;
};

/* The name of the head of defaults: no profile can have it. */
#define DEFAULTS_NAME "defaults.vm"

/* One spec on its way from texts to values. */
struct load {
	struct arena *a;
	const struct spec_input *in;
	struct diags *diags;
	struct spec *spec;
	VEC(struct source *) sources;
	VEC(struct include) includes;
	struct map real; /* path that a file really has -> its struct source */
	struct spec_head *models[KIND_N]; /* one *_spec of each noun that holds the defaults */
	struct map names[KIND_N + 1]; /* per kind of noun: name -> struct spec_head;
				       * [KIND_N]: name -> struct profile */
	VEC(struct profile *) profiles;
	struct spec_head *defaults; /* NULL: none */
	struct vars vars;
	VEC(struct deferred) deferred;
	VEC(struct var_trace) traces; /* of the entry that is being bound */
	VEC(struct ref) refs; /* those whose object was not met yet when they were read */
	struct map secret_runs; /* folder and arguments -> struct secret_run */
	VEC(const struct spec_head *) cut; /* the last object of a file that ended too early */
	const struct spec_head *last; /* the object that was bound last, if it was kept */
	struct map later; /* what later_rules.c met once -> struct pos */
	size_t objects;
	size_t n_var_files; /* sources that are no specs; they come first */
	bool seen[KIND_N]; /* the noun of that kind is there, if only as an empty map */
	bool has_replicas;
	bool incomplete; /* a part could not be read: a name that is missing may stand there */
};

/* More objects than this are refused: no host runs them. */
#define BIND_OBJECTS_MAX 100000u

/* Read one file into the spec. Mistakes become diagnostics; what can be read is read. */
void bind_source(struct load *l, struct source *src);

/* Bind what had to wait for the variables. */
void bind_deferred(struct load *l);

/* One object, profile or set of defaults while it is filled. */
struct binding {
	struct load *l;
	struct source *src;
	const struct noun *noun;
	struct spec_head *head; /* the first member of its *_spec */
	bool is_layer;          /* a profile or the defaults */
};

/* "vm \"web\"", "profile \"small\"", "defaults.vm". */
const char *bind_where(struct arena *a, const struct binding *b);

/* Read the fields below prefix ("" or "disk.") out of a map. schema/bind_field.c */
void bind_fields(struct binding *b, const char *prefix, const struct yaml_node *map);

static inline struct pos bind_place(const struct source *src, const struct yaml_node *n)
{
	return (struct pos){src->name, n->line, n->col};
}

#define BIND_ERROR(l, src, node, ...)                                                              \
	source_diag((l)->a, (src), (l)->diags, SEVERITY_ERROR, bind_place((src), (node)),          \
		__VA_ARGS__)

/* Add an error with excerpt at a place of any source that was read. */
struct diag *load_error(struct load *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Add a warning at such a place. */
struct diag *load_warn(struct load *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Read one file, folder or "-" of the command line. 0 or -1 with e. schema/files.c */
int files_add(struct load *l, const char *path, struct err *e);

/* Read one --var-file. 0 or -1 with e. */
int files_add_vars(struct load *l, const char *path, struct err *e);

/* A diagnostic when others can write a file or folder that is read; when the input asks for it.
 * schema/owner.c */
void owner_judge(struct load *l, const char *path);

/* Read everything that is included, and what that includes. Mistakes become diagnostics. */
void files_include(struct load *l);

/* The name of a file that src names: from the folder of src, as people named that. */
const char *files_beside(struct arena *a, const struct source *src, const char *text);

/* A text of that name is a part of the spec: bind it. */
struct source *load_text(struct load *l, const char *name, const char *base, const char *text,
	size_t len);

/* The value of NAME in env that is not in the spec: {file: PATH}, {credential: NAME} or
 * {command: [PROGRAM, ARGUMENT]}. marker stands for it wherever it is printed or kept; *text is NULL
 * when a command is not to be run. false after a diagnostic, and for a part of a spec.
 * schema/secret.c */
bool secret_read(struct binding *b, const char *name, const struct yaml_node *map,
	const char **marker, const char **text);

/* Give every object what its profiles and the defaults say, and report what is missing then.
 * schema/layers.c */
void layers_apply(struct load *l);

/* The provenance of an object, made when it is first asked for. */
struct provenance *layers_more(struct arena *a, struct spec_head *head);

/* Make the names of replicas known and judge them; then, in a spec that is right, make VMs of them.
 * schema/replicas.c */
void replicas_check(struct load *l);
void replicas_expand(struct load *l);

/* Warn of what is legal but surely not meant. Only for a spec without errors. schema/warn.c */
void warn_spec(struct load *l);

/* Each warning has its tests/schema/pass-warning-NAME.yaml. */
struct warning {
	const char *name;
	void (*spec)(struct load *l); /* NULL: vm, for each VM, profile and the defaults */
	void (*vm)(struct load *l, const struct vm_spec *vm);
};
extern const struct warning warnings[];
extern const size_t warning_count;

/* One field of guards, and the list under moved. schema/bind_spec.c */
void bind_guard(struct load *l, struct source *src, const struct noun *noun,
	const struct yaml_node *key);
void bind_moved(struct load *l, struct source *src, const struct yaml_node *n);

/* Judge both. */
void check_about(struct load *l);

/* Whether that is a name, a DNS label; an error at pos when it is not. what: "image". */
bool check_label(struct load *l, struct pos pos, const char *name, const char *what);

/* Judge networks and the interfaces of VMs in them. schema/check_net.c */
void check_networks(struct load *l);

/* Whether the value was taken from a profile or the defaults, where it was judged. schema/check.c */
bool check_inherited(const struct spec_head *h, const char *path);

/* Judge ready and liveness of a VM, a profile or the defaults. schema/probes.c */
void probes_check(struct load *l, const struct vm_spec *s);

/* Judge what was bound: names, references, cycles, rules across fields. schema/check.c */
void check_spec(struct load *l);
