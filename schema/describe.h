/* describe.h - a row of a field table in words: what every generated document says about a field.
 *
 * PURE. Used by explain, the JSON Schema, the man page and docs/fields.md, so that they agree.
 */
#pragma once

#include "schema/field.h"

/* "32MiB to 1TiB, a multiple of 1MiB", "1 to 63 bytes"; "" if the type says it all. */
const char *describe_bounds(struct arena *a, const struct field *f);

/* What a changed value costs an object that exists, with the object: "the VM is stopped and started
 * again; its disk is kept". */
const char *describe_change(const struct field *f);

/* A value as one would write it in YAML; never NULL. */
const char *describe_example(struct arena *a, const struct field *f);

/* The example in a whole, lines of YAML from the key at the top on; each line begins with indent. */
const char *describe_example_block(struct arena *a, const struct noun *noun, const struct field *f,
	const char *indent);

/* "vms.disk.size" */
const char *describe_path(struct arena *a, const struct noun *noun, const struct field *f);
