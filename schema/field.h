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
	FIELD_ENV,      /* struct strv of NAME=value, sorted; a map NAME: value */
	FIELD_NAMES,    /* struct strv; names of objects of kind ref, written as a FIELD_STRV;
			 * ref KIND_N: names of profiles */
	FIELD_LABELS,   /* struct strv of NAME=value, sorted; a map NAME: value, each one line */
	FIELD_ADDRESS,  /* const char *; IPv4 address of a host */
	FIELD_SUBNET,   /* const char *; IPv4 network ADDRESS/BITS, BITS between min and max */
	FIELD_MAC,      /* const char *; MAC address of one host, lower case */
	FIELD_LISTEN,   /* const char *; [ADDRESS:]PORT[/tcp|/udp] */
	FIELD_PORTS,    /* const char *; [ADDRESS:]PORT:PORT[/tcp|/udp], outside and inside */
	FIELD_ADDRESSES, /* struct strv; list of IPv4 addresses, or one */
	FIELD_SUBNETS,  /* struct strv; list of IPv4 networks, or one */
	FIELD_NET_ADDRESS, /* struct strv of NETWORK=address, sorted */
	FIELD_NET_MAC,  /* struct strv of NETWORK=MAC address, sorted */
	FIELD_FORWARDS, /* struct strv; written as a list of {listen: LISTEN, to: vm/NAME:PORT}, kept as
			 * "LISTEN vm/NAME:PORT" */
	FIELD_TYPE_N
};

struct field {
	const char *path;      /* "memory", "disk.size": dots are nested maps */
	enum field_type type;
	enum kind feeds;       /* the object whose driver reads it; KIND_N: only the reader of specs */
	enum change change;    /* what a change costs when the object exists */
	uint32_t offset;       /* into the *_spec struct */
	int64_t min, max;      /* bounds: value, bytes, milliseconds, length or count */
	const char *dflt;      /* default as one would write it; NULL: nothing */
	const char *absent;    /* what leaving it out means, for people */
	const char *help;      /* one line */
	const char *example;   /* a value as one would write it; NULL: one that its type gives */
	const char *pattern;   /* its form as ECMA 262 sees it, for the JSON Schema; NULL: any. Judged by
				* check.c; tests/jsonschema compares the two */
	const char *const *choices; /* FIELD_ENUM: NULL-terminated */
	bool required;
	bool one_of;           /* exactly one of the rows of its table with this is written */
	enum kind ref;         /* FIELD_NAME, FIELD_NAMES: kind of the object named */
	uint64_t step;         /* FIELD_SIZE: a multiple of this; 0: any */
	const char *shorthand; /* "disk" for disk.size: "disk: 4GiB" sets this field; or NULL */
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

/* All nouns: images, kernels, networks, vms. noun_count of them. */
extern const struct noun *const nouns[];
extern const size_t noun_count;

/* The tables; one per file. */
extern const struct noun noun_image, noun_kernel, noun_network, noun_vm;

/* A map of fields at the top, of the spec as a whole: not among the nouns, since it has no names. */
extern const struct noun noun_guards;

/* Every table of fields: the nouns, then guards. For whoever explains or documents. */
extern const struct noun *const noun_tables[];
extern const size_t noun_table_count;

/* Noun with that key, or NULL. */
const struct noun *noun_find(const char *key);

/* The longest element of a list or value of env, and a text that no table bounds closer. */
#define FIELD_TEXT_MAX ((size_t)32 * 1024)

/* Parse one text as the value of f and store it in spec. Returns 0, or -1 with what was expected in
 * e (no position: the caller adds it). Strings are copied into a. A FIELD_PATH has to be absolute
 * already. For lists and maps the text is the JSON list that field_print
 * makes; a reader of YAML uses field_append instead. */
int field_parse(struct arena *a, const struct field *f, const char *text, void *spec,
	struct err *e);

/* Append one element: text for FIELD_STRV and FIELD_NAMES, key and text for FIELD_ENV and
 * FIELD_LABELS. A map that has the key already is not changed: that is an error. */
int field_append(struct arena *a, const struct field *f, const char *key, const char *text,
	void *spec, struct err *e);

/* The value in its one canonical form ("1GiB", "90s", "on_failure", a JSON list); NULL if the
 * value is nothing (an absent string, an empty list). Parsing it gives the same value again. */
const char *field_print(struct arena *a, const struct field *f, const void *spec);

/* Whether a list is as long as its row allows; for after the last field_append. 0 or -1 with e. */
int field_count(const struct field *f, const void *spec, struct err *e);

/* Give the row of one *_spec the value of another. Lists are shared: neither may grow after it. */
void field_copy(const struct field *f, void *to, const void *from);

/* "a size such as 512MiB", "none or user": what a value of this row looks like. */
const char *field_expects(struct arena *a, const struct field *f);

/* Whether the value is kept as a struct strv: FIELD_STRV, FIELD_ENV, FIELD_NAMES, FIELD_LABELS. */
bool field_is_list(const struct field *f);

/* Whether it is written as a map from name to text: FIELD_ENV, FIELD_LABELS. Such a value is joined
 * with that of profiles and defaults name by name, any other replaces it whole. */
bool field_is_map(const struct field *f);

/* The place where that field of a *_spec was written; of the name when it was not. */
struct pos field_pos(const struct spec_head *head, const char *path);

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
