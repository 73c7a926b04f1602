/* later.h - fields that the language has and no driver does yet.
 *
 * Each is refused by name, "not supported yet", and what stands below it is judged all the same, so
 * that a spec is right on the day when it is. They are rows of the same kind as all others; a row
 * leaves this table when it gets a place in a field table. In their paths "*" stands for any name of a map and
 * "[]" for each element of a list.
 */
#pragma once

#include "schema/bind.h"

/* Tables of such rows: one for each noun that has some, and for nouns that are not there at all. */
extern const struct noun *const later_nouns[];
extern const size_t later_count;

/* The table of that key at the top ("vms", "networks"), NULL if there is none. */
const struct noun *later_find(const char *key);

/* Whether it is one of these tables. */
bool later_is(const struct noun *noun);

/* Whether the key below a noun (NULL: the top of the spec) and prefix ("vsock.") is such a field, or has
 * some below it. */
bool later_has(const struct noun *noun, const char *prefix, const char *key);

/* Where such a field stands. */
struct later_place {
	struct load *l;
	struct source *src;
	const struct noun *noun; /* one of these tables */
	const char *where;       /* the object: "vm \"web\"" */
	bool is_layer;           /* a profile or the defaults: an object may say otherwise */
};

/* Judge what stands below a key that later_has: fields that are not known, names that are none and
 * values of the wrong type are errors of their own. */
void later_check(const struct later_place *at, const char *path, const struct yaml_node *n);

/* Rules across such fields and objects, each with both places; schema/later_rules.c. An entry at the
 * top, and a value that is right. */
void later_rule_entry(const struct later_place *at, const struct yaml_node *key);
void later_rule_value(const struct later_place *at, const struct field *f, const char *text,
	const struct yaml_node *n);
