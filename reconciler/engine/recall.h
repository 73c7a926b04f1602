/* recall.h - what was last applied, as objects: for looking without a spec. PURE. */
#pragma once

#include "drivers/driver.h"

/* The object that a record was made by, without dependencies; vm: the record of the VM of a disk, for
 * what the disk's own record does not say; may be NULL. Fields that this program does not know are
 * left out, those that the record does not have get their defaults. */
struct object *recall_object(struct arena *a, const struct record *r, const struct record *vm);
