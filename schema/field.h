/* field.h - the field table: each field of the spec is one row, and everything that knows about
 * fields is a loop over rows: parser, bounds, defaults, diff, change classes, docs.
 *
 * PURE. The tables themselves: fields_image.c, fields_kernel.c, fields_vm.c.
 */
#pragma once

#include "schema/model.h"

enum field_type {
	FIELD_STRING,   /* const char *; bytes between min and max, no control characters */
	FIELD_NAME,     /* const char *; name of an object of kind ref in the same spec */
	FIELD_PATH,     /* const char *; made absolute against the folder of the spec file */
	FIELD_DIGEST,   /* const char *; sha256:<64 lower-case hex> */
	FIELD_BOOL,     /* bool; true or false */
	FIELD_U32,      /* uint32_t between min and max */
	FIELD_ENUM,     /* uint32_t; index into choices */
	FIELD_SIZE,     /* uint64_t bytes; number with a binary unit: KiB MiB GiB TiB */
	FIELD_DURATION, /* uint64_t milliseconds; number with a unit: ms s m h */
	FIELD_STRV,     /* struct strv; list of strings, or one string meaning a list of one */
	FIELD_ENV,      /* struct strv of NAME=value; a map NAME: value */
	FIELD_TYPE_N
};

struct field {
	const char *path;      /* "memory", "disk.size": dots are nested maps */
	enum field_type type;
	enum kind feeds;       /* the object whose driver reads it */
	enum change change;    /* what a change costs when the object exists */
	uint32_t offset;       /* into the *_spec struct */
	int64_t min, max;      /* bounds: value, bytes, milliseconds, length or count */
	const char *dflt;      /* default as one would write it; NULL: nothing */
	const char *absent;    /* what leaving it out means, for people */
	const char *help;      /* one line */
	const char *const *choices; /* FIELD_ENUM: NULL-terminated */
	bool required;
	enum kind ref;         /* FIELD_NAME: kind of the object named */
};

struct noun {
	const char *key;       /* "vms" */
	const char *singular;  /* "vm" */
	enum kind kind;        /* object whose name it gives */
	const char *help;
	const struct field *fields;
	size_t n_fields;
	size_t size;           /* of the *_spec struct */
};

/* All nouns: images, kernels, vms. noun_count of them. */
extern const struct noun nouns[];
extern const size_t noun_count;

/* The tables; one per file. */
extern const struct noun noun_image, noun_kernel, noun_vm;

/* Noun with that key, or NULL. */
const struct noun *noun_find(const char *key);

/* Parse one scalar text as the value of f and store it in spec. Returns 0, or -1 with what was
 * expected in e (no position: the caller adds it). Strings are copied into a. For FIELD_STRV and
 * FIELD_ENV use field_append. */
int field_parse(struct arena *a, const struct field *f, const char *text, void *spec,
	struct err *e);

/* Append one element: text for FIELD_STRV, key and text for FIELD_ENV. */
int field_append(struct arena *a, const struct field *f, const char *key, const char *text,
	void *spec, struct err *e);

/* The value in its one canonical form ("1GiB", "90s", "on_failure", a JSON list); NULL if the
 * value is nothing (an absent string, an empty list). Parsing it gives the same value again. */
const char *field_print(struct arena *a, const struct field *f, const void *spec);

/* Set every field that was not written (spec->at[i].line == 0) to its default. */
void field_defaults(struct arena *a, const struct noun *noun, void *spec);

/* The canonical values of the rows that feed kind, in table order: what the diff compares and the
 * store keeps. Absent values are left out. */
void field_values(struct arena *a, const struct noun *noun, const void *spec, enum kind kind,
	struct kvs *out);

/* Row with that path, NULL if there is none; index into noun->fields by pointer difference. */
const struct field *field_find(const struct noun *noun, const char *path);

/* Sizes and durations on their own, for command-line flags. 0 or -1 with e. */
int size_parse(const char *text, uint64_t *bytes, struct err *e);
int duration_parse(const char *text, uint64_t *ms, struct err *e);
const char *size_print(struct arena *a, uint64_t bytes);
const char *duration_print(struct arena *a, uint64_t ms);

/* The candidate nearest to word by edit distance, NULL if none is near (more than a third of the
 * word's letters differ). */
const char *nearest_name(const char *word, const char *const *candidates, size_t n);
