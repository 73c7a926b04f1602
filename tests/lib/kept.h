/* kept.h - whether what is kept of deleted VMs is what the database says, and nobody's data went. */
#pragma once

#include "drivers/fake/fake.h"
#include "schema/base/arena.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* Numbers of the disks that there are, live or kept. */
struct births {
	uint32_t v[64];
	size_t n;
};

static inline void births_of(const struct fake_world *w, struct births *out)
{
	out->n = 0;
	for (size_t i = 0; i < FAKE_THINGS && out->n < 64; i++)
		if (w->things[KIND_DISK][i].exists && !w->things[KIND_DISK][i].foreign &&
			!w->things[KIND_DISK][i].half)
			out->v[out->n++] = w->things[KIND_DISK][i].birth;
	for (size_t i = 0; i < FAKE_KEPT && out->n < 64; i++)
		if (w->kept[i].thing.exists)
			out->v[out->n++] = w->kept[i].thing.birth;
}

/* A disk of before that is nowhere now, or is there twice: 0 if there is none. */
static inline uint32_t births_lost(const struct fake_world *w, const struct births *before)
{
	struct births now;

	births_of(w, &now);
	for (size_t i = 0; i < before->n; i++) {
		size_t seen = 0;

		for (size_t k = 0; k < now.n; k++)
			seen += now.v[k] == before->v[i];
		if (seen != 1)
			return before->v[i];
	}
	return 0;
}

static inline int kept_count(const char *db_path, const char *sql)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	int n = -1;

	if (sqlite3_open_v2(db_path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
		sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
		sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

/* What is wrong after a pass in whose way nothing was; NULL: nothing. */
static inline const char *kept_wrong(struct arena *a, const struct fake_world *w, const char *db_path)
{
	int rows = kept_count(db_path, "SELECT count(*) FROM tombstone"), things = 0;

	for (size_t i = 0; i < FAKE_KEPT; i++)
		things += w->kept[i].thing.exists;
	if (rows != things)
		return arena_printf(a, "%d tombstones and %d disks that are kept", rows, things);
	if (kept_count(db_path, "SELECT count(*) FROM tombstone WHERE state <> 'kept'"))
		return "a tombstone is neither open nor closed";
	if (kept_count(db_path, "SELECT count(*) FROM lease WHERE owner NOT IN (SELECT 'vm/' || name FROM"
				" object WHERE kind = 'vm') AND owner NOT IN (SELECT 'kept/' || id FROM"
				" tombstone) AND owner NOT IN (SELECT 'network/' || name FROM object"
				" WHERE kind = 'network') AND NOT EXISTS (SELECT 1 FROM object WHERE"
				" kind = 'nic' AND owner LIKE 'vm/' || name || '@%')"))
		return "an identity is leased to nobody";
	if (kept_count(db_path, "SELECT count(*) FROM object WHERE facts LIKE '%\"was\":%' OR facts LIKE"
				" '%\"kept\":%'"))
		return "something is still on its way home";
	if (kept_count(db_path, "SELECT count(*) FROM object WHERE kind = 'vm' AND state = 'made' AND"
				" fields LIKE '%\"running\":\"true\"%' AND facts NOT LIKE '%\"pid\"%'"))
		return "a VM is recorded as running, and nobody knows its process";
	return NULL;
}
