/* fields_guards.c - what can be said about how much an apply may take away.
 *
 * Guards belong to the spec as a whole, not to an object: the engine keeps what was last applied
 * with the source of the spec (reconciler/engine/guard.h).
 */
#include "schema/field.h"

#include <stddef.h>

#define SECOND 1000ll
#define DAY (24ll * 3600 * SECOND)

static const struct field fields[] = {
	{.path = "max_delete", .type = FIELD_STRING, .feeds = KIND_N, .change = CHANGE_NONE,
		.offset = offsetof(struct guards_spec, max_delete), .min = 1, .max = 10,
		.pattern = "^([0-9]{1,9}|([0-9]|[1-9][0-9]|100)%)$", .example = "20%",
		.absent = "half of the VMs of this spec, but always 3",
		.help = "how many VMs one apply may delete: a number, or a share of those recorded"},
	{.path = "undelete_window", .type = FIELD_DURATION, .feeds = KIND_N, .change = CHANGE_NONE,
		.offset = offsetof(struct guards_spec, undelete_ms), .min = 0, .max = 90 * DAY,
		.dflt = "24h", .example = "72h", .absent = "24h",
		.help = "how long the disk of a deleted VM is kept for undelete; 0s: not at all"},
};

const struct noun noun_guards = {
	.key = "guards",
	.singular = "guards",
	.kind = KIND_N,
	.help = "what one apply may take away",
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct guards_spec),
};
