/* place.h - where a disk's file lies when it is not where its name says; see place.c. */
#pragma once

#include "drivers/driver.h"

#define DISK_IMG "root.img"
#define DISK_TMP ".root.img.tmp"
#define DISK_ID "root.id"

/* Whether the file kept/ID.img is there and a regular file. A name that is none is not there. */
bool place_has_kept(struct host *h, const char *kept);

/* Move the file of the disk to where keep says, from vms/NAME, from vms/WAS or from kept, whichever of
 * them has it (was and kept may be NULL). 0 it is there; 1 there was none; -1 with e. */
int place_keep(struct host *h, const char *name, const char *was, const char *kept, const char *keep,
	struct err *e);

/* Move it home, from kept or from vms/WAS, and write its id beside it. Done already is success; there
 * being none at all is not. */
int place_home(struct host *h, const char *name, const char *was, const char *kept, const char *id,
	struct err *e);

/* Remove what is kept. Gone already is success. */
int place_drop(struct host *h, const char *kept, struct err *e);

/* Every file in kept/, as an orphan that a tombstone or a record may own. */
int place_scan(struct host *h, struct orphans *out, struct err *e);
