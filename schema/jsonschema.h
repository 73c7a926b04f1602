/* jsonschema.h - the field tables as a JSON Schema, draft 2020-12.
 *
 * PURE. The schema is for the spec as JSON, as a YAML 1.2 reader (core schema) makes it. A text may
 * come out of that as a number or a boolean (user: 1000), so they are let through where a text is
 * meant, as the parser of specs does. What a schema cannot say is left to it: sizes in bytes out of
 * bounds, references, cycles, rules across fields.
 */
#pragma once

#include "schema/base/json.h"
#include "schema/field.h"

/* The caller owns it. */
json_t *jsonschema(struct arena *a);
