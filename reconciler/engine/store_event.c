/* store_event.c - history in SQLite; see store.h.
 *
 * A time is turned into a seq first, by the index on time; from there on the order of seq decides,
 * which is the order in which things happened, whatever the clock did meanwhile.
 */
#include "reconciler/engine/store_db.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "seq, time_ms, pass, kind, name, source, what, state, detail, place, uid"

static const char cannot_read[] = "cannot read history";
static const char cannot_write[] = "cannot write history";

static void finish(sqlite3_stmt **st)
{
	sqlite3_finalize(*st);
	*st = NULL;
}
#define _cleanup_stmt_ _cleanup_(finish)

static int prepare(struct store *s, const char *sql, sqlite3_stmt **st, struct err *e)
{
	if (sqlite3_prepare_v2(store_db(s), sql, -1, st, NULL) != SQLITE_OK)
		return store_db_error(s, cannot_read, e);
	return 0;
}

/* The caller's strings outlive the statement. */
static void bind_text(sqlite3_stmt *st, int i, const char *text)
{
	sqlite3_bind_text(st, i, text, -1, SQLITE_STATIC);
}

static int step_done(struct store *s, sqlite3_stmt *st, struct err *e)
{
	return sqlite3_step(st) == SQLITE_DONE ? 0 : store_db_error(s, cannot_write, e);
}

/* First column of the first row; def when there is no row. */
static int first_int(struct store *s, sqlite3_stmt *st, int64_t def, int64_t *out, struct err *e)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_db_error(s, cannot_read, e);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : def;
	return 0;
}

/* ---- add ---------------------------------------------------------------------------------- */

static int add_one(struct store *s, sqlite3_stmt *st, const struct event *ev, struct err *e)
{
	sqlite3_reset(st);
	sqlite3_bind_int64(st, 1, ev->time_ms);
	bind_text(st, 2, ev->pass);
	bind_text(st, 3, kind_name(ev->kind));
	bind_text(st, 4, ev->name);
	bind_text(st, 5, ev->source);
	bind_text(st, 6, ev->what);
	bind_text(st, 7, ev->state); /* NULL binds as NULL */
	bind_text(st, 8, ev->detail ? ev->detail : "{}");
	bind_text(st, 9, ev->place ? ev->place : "");
	sqlite3_bind_int64(st, 10, ev->uid);
	return step_done(s, st, e);
}

int store_event_add(struct store *s, const struct events *add, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "INSERT INTO event (time_ms, pass, kind, name, source, what, state, detail,"
		       " place, uid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", &st, e) < 0)
		return -1;
	vec_each(ev, add)
		if (add_one(s, st, ev, e) < 0)
			return -1;
	return 0;
}

/* ---- read --------------------------------------------------------------------------------- */

static const char *column(struct arena *a, sqlite3_stmt *st, int i)
{
	const char *text = (const char *)sqlite3_column_text(st, i);

	return text ? arena_dup(a, text) : "";
}

static void read_event(struct arena *a, sqlite3_stmt *st, struct event *ev)
{
	*ev = (struct event){
		.seq = sqlite3_column_int64(st, 0),
		.time_ms = sqlite3_column_int64(st, 1),
		.pass = column(a, st, 2),
		.kind = kind_parse(column(a, st, 3)),
		.name = column(a, st, 4),
		.source = column(a, st, 5),
		.what = column(a, st, 6),
		.state = sqlite3_column_type(st, 7) == SQLITE_NULL ? NULL : column(a, st, 7),
		.detail = column(a, st, 8),
		.place = column(a, st, 9),
		.uid = (uint32_t)sqlite3_column_int64(st, 10),
	};
}

/* The seq just before the first event at or after that time. */
static int seq_before(struct store *s, int64_t time_ms, int64_t *seq, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(s, "SELECT seq - 1 FROM event WHERE time_ms >= ? ORDER BY time_ms, seq LIMIT 1",
		    &st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, time_ms);
	return first_int(s, st, INT64_MAX, seq, e);
}

static const char *list_sql(const struct event_query *q)
{
	if (q->name)
		return q->newest_first
			? "SELECT " COLUMNS " FROM event WHERE kind = ?3 AND name = ?4 AND seq > ?1"
			  " ORDER BY seq DESC LIMIT ?2"
			: "SELECT " COLUMNS " FROM event WHERE kind = ?3 AND name = ?4 AND seq > ?1"
			  " ORDER BY seq LIMIT ?2";
	return q->newest_first
		? "SELECT " COLUMNS " FROM event WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2"
		: "SELECT " COLUMNS " FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2";
}

int store_event_list(struct store *s, struct arena *a, const struct event_query *q,
	struct events *out, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;
	int64_t after = q->after, since = 0;
	int rc;

	if (q->since_ms && seq_before(s, q->since_ms, &since, e) < 0)
		return -1;
	if (prepare(s, list_sql(q), &st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, since > after ? since : after);
	sqlite3_bind_int64(st, 2, (sqlite3_int64)q->limit);
	if (q->name) {
		bind_text(st, 3, kind_name(q->kind));
		bind_text(st, 4, q->name);
	}
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		read_event(a, st, vec_push(a, out));
	return rc == SQLITE_DONE ? 0 : store_db_error(s, cannot_read, e);
}

/* ---- states at a time ----------------------------------------------------------------------- */

/* Walks the index of states from its end: a seek gives the next object, out of the index alone, and
 * another one the event that set its state at the time, the only row that is read.
 *
 * The next object is of the same name in another source, else of another name of the kind, else of
 * another kind. In one statement that is a comparison of rows, and there SQLite starts at the rows
 * whose first columns are equal and steps over them: over all states that the object ever had. */
static const char *const steps[] = {
	"kind = ?1 AND name = ?2 AND source < ?3",
	"kind = ?1 AND name < ?2",
	"kind < ?1",
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

struct walk {
	struct store *s;
	sqlite3_stmt *next[STEPS], *state;
	int64_t seq;            /* the time asked for */
};

static int prepare_step(struct walk *w, size_t i, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	return prepare(w->s, arena_printf(&a, "SELECT kind, name, source FROM event WHERE state IS NOT NULL"
		" AND %s ORDER BY kind DESC, name DESC, source DESC, seq DESC LIMIT 1", steps[i]),
		&w->next[i], e);
}

static int walk_open(struct walk *w, int64_t at_ms, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	if (prepare(w->s, "SELECT seq FROM event WHERE time_ms <= ? ORDER BY time_ms DESC, seq DESC"
			  " LIMIT 1", &st, e) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, at_ms);
	if (first_int(w->s, st, 0, &w->seq, e) < 0)
		return -1;
	for (size_t i = 0; i < STEPS; i++)
		if (prepare_step(w, i, e) < 0)
			return -1;
	return prepare(w->s, "SELECT " COLUMNS " FROM event WHERE state IS NOT NULL AND kind = ? AND"
			     " name = ? AND source = ? AND seq <= ? ORDER BY seq DESC LIMIT 1",
		&w->state, e);
}

static void walk_close(struct walk *w)
{
	for (size_t i = 0; i < STEPS; i++)
		sqlite3_finalize(w->next[i]);
	sqlite3_finalize(w->state);
}
#define _cleanup_walk_ _cleanup_(walk_close)

/* The name of a kind as the index has it; before the first object, one behind all kinds. */
static const char *kind_text(const struct event *ev)
{
	return ev->kind == KIND_N ? "~" : kind_name(ev->kind);
}

/* The object that comes before *ev, in *ev: 1; 0 at the end; else -1. */
static int next_object(struct walk *w, struct arena *a, struct event *ev, struct err *e)
{
	for (size_t i = 0; i < STEPS; i++) {
		sqlite3_stmt *st = w->next[i];
		int rc;

		sqlite3_reset(st);
		bind_text(st, 1, kind_text(ev));
		if (i < 2)
			bind_text(st, 2, ev->name);
		if (i < 1)
			bind_text(st, 3, ev->source);
		rc = sqlite3_step(st);
		if (rc == SQLITE_DONE)
			continue;
		if (rc != SQLITE_ROW)
			return store_db_error(w->s, cannot_read, e);
		*ev = (struct event){.kind = kind_parse(column(a, st, 0)), .name = column(a, st, 1),
			.source = column(a, st, 2)};
		if (ev->kind == KIND_N) /* it would begin anew from there */
			return err_set(e, ERR_STATE, "history of an unknown kind of object");
		return 1;
	}
	return 0;
}

/* The next object with the state that it had at the time, if it had one (*known). */
static int walk_next(struct walk *w, struct arena *a, struct event *ev, bool *known, struct err *e)
{
	int rc = next_object(w, a, ev, e);

	if (rc <= 0)
		return rc;
	sqlite3_reset(w->state);
	bind_text(w->state, 1, kind_name(ev->kind));
	bind_text(w->state, 2, ev->name);
	bind_text(w->state, 3, ev->source);
	sqlite3_bind_int64(w->state, 4, w->seq);
	rc = sqlite3_step(w->state);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return store_db_error(w->s, cannot_read, e);
	*known = rc == SQLITE_ROW;
	if (*known)
		read_event(a, w->state, ev);
	return 1;
}

static int compare_events(const void *x, const void *y)
{
	const struct event *a = x, *b = y;
	int order;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	order = strcmp(a->name, b->name);
	return order ? order : strcmp(a->source, b->source);
}

int store_event_states(struct store *s, struct arena *a, int64_t at_ms, struct events *out,
	struct err *e)
{
	_cleanup_walk_ struct walk w = {.s = s};
	struct event ev = {.kind = KIND_N, .name = "", .source = ""};
	bool known = false;
	int rc;

	*out = (struct events){0};
	if (walk_open(&w, at_ms, e) < 0)
		return -1;
	while ((rc = walk_next(&w, a, &ev, &known, e)) > 0)
		if (known && ev.state && strcmp(ev.state, "gone"))
			*vec_push(a, out) = ev;
	if (rc == 0 && out->n)
		qsort(out->v, out->n, sizeof(*out->v), compare_events);
	return rc;
}

/* ---- bounds --------------------------------------------------------------------------------- */

int store_event_floor(struct store *s, int64_t *time_ms, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	int64_t there = 0;

	if (prepare(s, "SELECT 1 FROM sqlite_schema WHERE name = 'event_floor'", &st, e) < 0 ||
		first_int(s, st, 0, &there, e) < 0)
		return -1;
	if (!there)
		return 1;
	finish(&st);
	if (prepare(s, "SELECT time_ms FROM event_floor", &st, e) < 0)
		return -1;
	return first_int(s, st, 0, time_ms, e);
}

int store_event_span(struct store *s, int64_t *removed, int64_t *last, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *st = NULL;

	*removed = *last = 0;
	if (prepare(s, "SELECT max(seq) FROM event", &st, e) < 0 || first_int(s, st, 0, last, e) < 0)
		return -1;
	finish(&st);
	if (prepare(s, "SELECT seq FROM event_floor", &st, e) < 0)
		return -1;
	return first_int(s, st, 0, removed, e);
}

int store_event_trim(struct store *s, int64_t keep, struct err *e)
{
	_cleanup_stmt_ sqlite3_stmt *raise = NULL, *drop = NULL;
	int64_t removed, last, floor;

	if (store_event_span(s, &removed, &last, e) < 0)
		return -1;
	floor = last - keep; /* and the excess is what lies between the two */
	if (floor - removed <= keep / 10)
		return 0;
	if (prepare(s, "UPDATE event_floor SET seq = ?1, time_ms ="
		       " coalesce((SELECT time_ms FROM event WHERE seq <= ?1 ORDER BY seq DESC LIMIT 1),"
		       " time_ms)", &raise, e) < 0)
		return -1;
	sqlite3_bind_int64(raise, 1, floor);
	if (step_done(s, raise, e) < 0)
		return -1;
	if (prepare(s, "DELETE FROM event WHERE seq <= ?1 AND (state IS NULL OR state = 'gone' OR"
		       " seq < (SELECT max(l.seq) FROM event AS l WHERE l.kind = event.kind AND"
		       " l.name = event.name AND l.source = event.source AND l.state IS NOT NULL"
		       " AND l.seq <= ?1))", &drop, e) < 0)
		return -1;
	sqlite3_bind_int64(drop, 1, floor);
	return step_done(s, drop, e);
}
