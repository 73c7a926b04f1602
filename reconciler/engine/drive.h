/* drive.h - the slots of drivers that change something, called from here and from nowhere else. */
#pragma once

#include "drivers/driver.h"

/* Do the step; as apply and undo of struct driver, with a point before and behind each. */
int drive_apply(struct host *h, const struct step *s, struct kvs *facts, struct err *e);
int drive_undo(struct host *h, const struct step *s, struct err *e);
