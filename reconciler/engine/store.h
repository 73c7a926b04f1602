/* store.h - saved state in SQLite: what we meant, whose identity is whose, what we were doing.
 *
 * One file, state.db, in the state directory. WAL, synchronous=FULL: a commit that returned is on
 * the disk. busy_timeout is set before the switch to WAL, since the switch itself takes a write
 * lock. Writers hold the lock of the state directory (lock.h) and use BEGIN IMMEDIATE.
 *
 * A step goes through the journal: store_intent (with the exact names) is committed before the
 * effect, store_outcome after it. An intent without an outcome was interrupted; the next pass
 * looks at the world and closes it.
 */
#pragma once

#include "schema/model.h"

struct store;

/* An identity that only one owner can have: pool "cid", value 3, owner "vm/web". */
struct lease {
	const char *pool, *owner;
	uint64_t value;
};

struct leases {
	struct lease *v;
	size_t n, cap;
};

/* An intent that has no outcome. */
struct intent {
	int64_t id;
	const char *pass;
	enum step_op op; /* STEP_OP_N: one that this version does not know */
	enum kind kind;  /* KIND_N: likewise */
	const char *name;
};

struct intents {
	struct intent *v;
	size_t n, cap;
};

/* Open state.db in the folder. write: create it and bring its schema up to date; a backup
 * state.db.v<N> is kept when there was an older one. Not write: the connection is read-only and
 * returns 1 with *out NULL when there is no database yet.
 * A writer that finds the log of one that was killed looks at every page first.
 * Fails with ERR_STATE: damaged, or, with errnum ENOTSUP, newer than this program (then nothing was
 * touched). */
int store_open(const char *state_dir, bool write, struct store **out, struct err *e);
void store_close(struct store *s);
static inline void store_drop(struct store **s)
{
	store_close(*s);
	*s = NULL;
}
#define _cleanup_store_ _cleanup_(store_drop)

/* Everything there is, records in order of kind, name, source; one snapshot, that of the transaction
 * where one is open. */
int store_load(struct store *s, struct arena *a, struct records *records, struct leases *leases,
	struct intents *open, struct err *e);

/* A number that is another one after somebody else has committed something; it means nothing to any
 * other connection. */
int store_data_version(struct store *s, int64_t *version, struct err *e);

/* Transactions. A failed statement leaves the transaction open: the caller rolls back. */
int store_begin(struct store *s, struct err *e);
int store_commit(struct store *s, struct err *e);
void store_rollback(struct store *s);

/* Insert or replace the row of r->kind, r->name, r->source. A VM or disk of that name that
 * belongs to another source is ERR_CONFLICT. */
int store_put(struct store *s, const struct record *r, struct err *e);

/* Remove the row. The caller has seen every object that it names absent. */
int store_forget(struct store *s, enum kind kind, const char *name, const char *source,
	struct err *e);

/* Take or give back an identity. Taking the same again is fine; one that somebody else has is
 * ERR_CONFLICT, whatever the caller believed. */
int store_lease(struct store *s, const struct lease *l, struct err *e);
int store_release(struct store *s, const char *pool, const char *owner, struct err *e);

/* Give an identity another owner; not there is success. */
int store_lease_rename(struct store *s, const char *pool, const char *from, const char *to,
	struct err *e);

/* The same for all that a VM has in networks: its owners there are "vm/NAME@NETWORK". */
int store_lease_rename_nics(struct store *s, const char *from, const char *to, struct err *e);

/* Give back identities of VMs and networks that have no row, of networks that a VM has left, and of tombstones that are gone: a pass that died between taking an identity and
 * writing the row left them. Only at the end of a pass, under the lock. */
int store_drop_unused_leases(struct store *s, struct err *e);

/* Journal. */
int store_intent(struct store *s, const char *pass, const struct step *step, int64_t *id,
	struct err *e);
int store_outcome(struct store *s, int64_t id, const char *state, const char *error,
	struct err *e);

/* Close every open intent of earlier passes as "interrupted", but not those whose operation or kind is
 * unknown here: a newer version began them. */
int store_close_intents(struct store *s, struct err *e);

/* A named value; NULL in *value when there is none. */
int store_meta_get(struct store *s, struct arena *a, const char *key, const char **value,
	struct err *e);
int store_meta_set(struct store *s, const char *key, const char *value, struct err *e);

/* ---- deleted VMs: store_tomb.c --------------------------------------------------------------- */

enum tomb_state {
	TOMB_CLOSING, /* the deletion is under way: its rows may still be there */
	TOMB_KEPT,    /* it is deleted, its disk lies in kept/ID.img */
	TOMB_PURGING, /* its disk is being removed for good */
	TOMB_GONE,    /* never stored: it was removed since it was read */
};

/* A VM that was deleted and whose disk is kept for a while, with all that brings it back. */
struct tombstone {
	const char *id;       /* "web-1763000000000": also the name of its file */
	const char *name;     /* of the VM */
	const char *source;
	enum tomb_state state;
	int64_t deleted_ms, until_ms;
	struct record vm, disk; /* as they were last; only fields, facts, where and generation count */
};

struct tombstones {
	struct tombstone *v;
	size_t n, cap;
};

/* Insert or replace. */
int store_tomb_put(struct store *s, const struct tombstone *t, struct err *e);
int store_tomb_drop(struct store *s, const char *id, struct err *e);

/* All of them, in order of name, the newest first. */
int store_tomb_list(struct store *s, struct arena *a, struct tombstones *out, struct err *e);

/* ---- history: store_event.c ----------------------------------------------------------------- */

/* One line of history. Rows are only ever added; the database refuses anything else. */
struct event {
	int64_t seq;         /* grows by at least one from event to event; set by the store */
	int64_t time_ms;     /* real time */
	const char *pass;    /* operation id; "" for what was there before history began */
	enum kind kind;
	const char *name, *source;
	const char *what;    /* seen, decided, began, done, failed ...: docs/history.md */
	const char *state;   /* of the object from here on; NULL: as before */
	const char *detail;  /* a JSON object */
	const char *place;   /* "file:line:col" or "" */
	uint32_t uid;        /* who ran the pass */
};

struct events {
	struct event *v;
	size_t n, cap;
};

/* Which events: those after a seq and not before a time, of one object or of all. */
struct event_query {
	int64_t after;     /* seq; 0: from the beginning */
	int64_t since_ms;  /* 0: whatever the time */
	enum kind kind;    /* of name */
	const char *name;  /* NULL: every object */
	bool newest_first;
	size_t limit;      /* at most so many */
};

/* Add events; in the caller's transaction. Their seq is not read. */
int store_event_add(struct store *s, const struct events *add, struct err *e);

/* The events asked for, appended to out. */
int store_event_list(struct store *s, struct arena *a, const struct event_query *q,
	struct events *out, struct err *e);

/* Per object the last event up to that time that set a state, in order of kind, name, source; those
 * that were gone by then are left out. */
int store_event_states(struct store *s, struct arena *a, int64_t at_ms, struct events *out,
	struct err *e);

/* Time from which on history is complete. 1: the database is of a version without history, which
 * the next apply brings up to date; nothing else may be asked of it. */
int store_event_floor(struct store *s, int64_t *time_ms, struct err *e);

/* The seq up to which events may have been removed, and the last one given out; 0: none. */
int store_event_span(struct store *s, int64_t *removed, int64_t *last, struct err *e);

/* When there are more than keep and a tenth: remove the oldest down to keep, but not the last state
 * of an object that still exists. In the caller's transaction. */
int store_event_trim(struct store *s, int64_t keep, struct err *e);
