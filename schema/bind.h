/* bind.h - nodes to typed values, by the field tables; and what the stages of reading share.
 *
 * Internal to schema/: spec.c loads, bind.c and bind_field.c fill, check.c judges.
 */
#pragma once

#include "schema/base/map.h"
#include "schema/field.h"
#include "schema/yaml.h"

/* An object that a field names: looked up when all files were read. */
struct ref {
	const struct field *field;
	const char *name;
	const struct spec_head *from;
	struct pos pos;
};

/* One spec on its way from texts to values. */
struct load {
	struct arena *a;
	struct diags *diags;
	struct spec *spec;
	VEC(struct source *) sources;
	struct spec_head *models[KIND_N]; /* one *_spec of each noun that holds the defaults */
	struct map names[KIND_N]; /* per kind of noun: name -> struct spec_head */
	VEC(struct ref) refs; /* those whose object was not met yet when they were read */
	size_t objects;
	/* diags->n and ->errors before those that may be taken back */
	size_t certain, certain_errors;
	bool seen[KIND_N]; /* the noun of that kind is there, if only as an empty map */
	bool incomplete; /* a part could not be read: a name that is missing may stand there */
};

/* More objects than this are refused: no host runs them. */
#define BIND_OBJECTS_MAX 100000u

/* Read one file into the spec. Mistakes become diagnostics; what can be read is read. */
void bind_source(struct load *l, struct source *src);

/* One object while it is filled. */
struct binding {
	struct load *l;
	struct source *src;
	const struct noun *noun;
	struct spec_head *head; /* the first member of its *_spec */
};

/* Read the fields below prefix ("" or "disk.") out of a map. schema/bind_field.c */
void bind_fields(struct binding *b, const char *prefix, const struct yaml_node *map);

static inline struct pos bind_place(const struct source *src, const struct yaml_node *n)
{
	return (struct pos){src->name, n->line, n->col};
}

#define BIND_ERROR(l, src, node, ...)                                                              \
	source_diag((l)->a, (src), (l)->diags, SEVERITY_ERROR, bind_place((src), (node)),          \
		__VA_ARGS__)

/* What no driver does yet is refused by name: whether key below a noun (NULL: the top of the spec)
 * and prefix ("vsock.") is such a field. */
bool unsupported_has(const struct noun *noun, const char *prefix, const char *key);

/* Add an error with excerpt at a place of any source that was read. */
struct diag *load_error(struct load *l, struct pos pos, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Judge what was bound: names, references, cycles, rules across fields. schema/check.c */
void check_spec(struct load *l);
