/* past.h - what the commands that read history share: opening it, naming objects, printing events. */
#pragma once

#include "reconciler/cli.h"
#include "reconciler/engine/home.h"
#include "reconciler/engine/store.h"
#include "schema/base/json.h"

struct past {
	struct home home;
	struct store *store;   /* NULL: nothing was ever recorded */
	int64_t floor_ms;      /* history is complete from then on */
};

/* Open state for reading only. Whatever it returns, past_close must be called. A database without
 * history is ERR_STATE with what to do. */
int past_open(struct cli *c, struct past *p, struct err *e);
void past_close(struct past *p);

/* "vm/web", or "web" for a VM. ERR_USAGE when the kind is unknown. */
int past_object(struct cli *c, const char *word, enum kind *kind, const char **name, struct err *e);

/* What an event says besides its columns, in words. */
const char *past_text(struct arena *a, const struct event *ev);

/* The event as JSON; detail as the object that it is. */
json_t *past_json(struct arena *a, const struct event *ev);

/* "2026-12-01T08:30:00.000Z" in memory of a. */
const char *past_time(struct arena *a, int64_t ms);

/* "0 (root)" */
const char *past_who(struct arena *a, uint32_t uid);

/* Deleted VMs that can come back, as a list. */
json_t *past_kept_json(struct arena *a, const struct tombstones *all);

/* status --at: the states of VMs, or of the VMs named, at that time. */
int past_status(struct cli *c, struct err *e);
