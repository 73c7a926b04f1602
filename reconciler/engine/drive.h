/* drive.h - the slots of drivers that change something, called from here and from nowhere else. */
#pragma once

#include "drivers/driver.h"

/* Do the step; as apply and undo of struct driver, with a point before and behind each. */
int drive_apply(struct host *h, const struct step *s, struct kvs *facts, struct err *e);
int drive_undo(struct host *h, const struct step *s, struct err *e);

/* Keep small what grows by itself; as tidy of struct driver. */
void drive_tidy(struct host *h, enum kind kind, const struct view *views, size_t n);
