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
	enum step_op op;
	enum kind kind;
	const char *name;
};

struct intents {
	struct intent *v;
	size_t n, cap;
};

/* Open state.db in the folder. write: create it and bring its schema up to date; a backup
 * state.db.v<N> is kept when there was an older one. Not write: the connection is read-only and
 * returns 1 with *out NULL when there is no database yet.
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

/* Give back identities of VMs that have no row: a pass that died between taking an identity and
 * writing the row left them. Only at the end of a pass, under the lock. */
int store_drop_unused_leases(struct store *s, struct err *e);

/* Journal. */
int store_intent(struct store *s, const char *pass, const struct step *step, int64_t *id,
	struct err *e);
int store_outcome(struct store *s, int64_t id, const char *state, const char *error,
	struct err *e);

/* Close every open intent of earlier passes as "interrupted". */
int store_close_intents(struct store *s, struct err *e);

/* A named value; NULL in *value when there is none. */
int store_meta_get(struct store *s, struct arena *a, const char *key, const char **value,
	struct err *e);
int store_meta_set(struct store *s, const char *key, const char *value, struct err *e);
