/* points.h - the twin of schema/base/point.c: counts the points of a process, kills it or lets a
 * call fail at one of them. With it comes a layer under SQLite, so that each write, sync and lock
 * of the database is a point too.
 *
 * The plan and the counts lie in shared memory: what a child did can be read after its death. A
 * program includes this once.
 */
#pragma once

#include "drivers/fake/fake.h"
#include "schema/base/point.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum point_mode {
	POINT_OFF,
	POINT_KILL,  /* the process dies here */
	POINT_TORN,  /* ... with half of the effect or of the write done, where there is one */
	POINT_FAIL,  /* the call fails with errnum; the next ones work */
	POINT_SHORT, /* half of the write is done, then the call fails with errnum */
	POINT_STUCK, /* this call and every later one fail with errnum, as on a full disk */
	POINT_MODE_N
};

struct points {
	bool on;
	uint32_t seen, fired;
	struct {
		uint32_t at; /* 0: unused; 1 is the first point */
		enum point_mode mode;
		int errnum;
	} plan[2];
	char fired_at[64];       /* name of the last one that came true */
	enum point_mode torn;    /* what the write behind this point has to do */
};

static struct points *points;

/* Begin to count, with nothing planned. The first call makes the shared memory. */
static inline void points_reset(void)
{
	if (!points)
		points = mmap(NULL, sizeof(*points), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	*points = (struct points){0};
}

static inline void points_plan(size_t slot, uint32_t at, enum point_mode mode, int errnum)
{
	points->plan[slot].at = at;
	points->plan[slot].mode = mode;
	/* Calls that are interrupted for ever are tried again for ever. */
	points->plan[slot].errnum = mode == POINT_STUCK && errnum == EINTR ? EIO : errnum;
}

/* A driver does half of a step: the script of the fake world does that for us. */
static inline int tear_effect(struct fake_world *world, bool dies, int errnum)
{
	for (size_t i = 0; i < FAKE_SCRIPT; i++)
		if (world->script[i].at <= world->calls) {
			world->script[i].at = world->calls + 1;
			world->script[i].mode = dies ? FAKE_KILL_HALF : FAKE_FAIL_HALF;
			return 0;
		}
	return errnum;
}

static inline int fire(const char *name, enum point_mode mode, int errnum)
{
	const bool is_write = strstr(name, "write") != NULL;
	const bool is_effect = !strcmp(name, "driver.apply") || !strcmp(name, "driver.undo");

	points->fired++;
	snprintf(points->fired_at, sizeof(points->fired_at), "%s", name);
	if ((mode == POINT_TORN || mode == POINT_SHORT) && is_write) {
		points->torn = mode;
		return 0;
	}
	if ((mode == POINT_TORN || mode == POINT_SHORT) && is_effect && fake_world_now())
		return tear_effect(fake_world_now(), mode == POINT_TORN, errnum);
	if (mode == POINT_KILL || mode == POINT_TORN)
		_exit(FAKE_EXIT);
	return errnum;
}

int point_hit(const char *name)
{
	if (!points || !points->on)
		return 0;
	points->seen++;
	for (size_t i = 0; i < 2; i++) {
		const uint32_t at = points->plan[i].at;

		if (at && (points->seen == at ||
			(points->seen > at && points->plan[i].mode == POINT_STUCK)))
			return fire(name, points->plan[i].mode, points->plan[i].errnum);
	}
	return 0;
}

/* In place of the C library's: a write behind a torn point does half of its work. */
ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t done;

	if (!points || !points->on || points->torn == POINT_OFF)
		return syscall(SYS_write, fd, buf, n);
	done = syscall(SYS_write, fd, buf, n / 2);
	if (points->torn == POINT_TORN)
		_exit(FAKE_EXIT);
	points->torn = POINT_OFF;
	return done; /* a short write is no error: the caller goes on with the rest */
}

/* ---- under SQLite --------------------------------------------------------------------------- */

static const sqlite3_io_methods *below;
static sqlite3_io_methods above;
static sqlite3_vfs *unix_vfs;

static inline int sqlite_code(int errnum, int otherwise)
{
	return errnum == ENOSPC ? SQLITE_FULL : errnum == ENOMEM ? SQLITE_IOERR_NOMEM : otherwise;
}

static int layer_write(sqlite3_file *f, const void *buf, int n, sqlite3_int64 at)
{
	int errnum = point_hit("sqlite.write");
	enum point_mode torn = points ? points->torn : POINT_OFF;

	if (errnum)
		return sqlite_code(errnum, SQLITE_IOERR_WRITE);
	if (torn == POINT_OFF)
		return below->xWrite(f, buf, n, at);
	points->torn = POINT_OFF;
	below->xWrite(f, buf, n / 2, at);
	if (torn == POINT_TORN)
		_exit(FAKE_EXIT);
	return SQLITE_FULL;
}

static int layer_sync(sqlite3_file *f, int flags)
{
	int errnum = point_hit("sqlite.sync");

	return errnum ? sqlite_code(errnum, SQLITE_IOERR_FSYNC) : below->xSync(f, flags);
}

static int layer_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int errnum = point_hit("sqlite.truncate");

	return errnum ? sqlite_code(errnum, SQLITE_IOERR_TRUNCATE) : below->xTruncate(f, size);
}

/* The lock that a writer takes: index 0 of the log's shared memory (sqlite.org/walformat.html). */
static int layer_lock(sqlite3_file *f, int offset, int n, int flags)
{
	const int take_write = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE;

	if (offset == 0 && flags == take_write && point_hit("sqlite.lock"))
		return SQLITE_BUSY;
	return below->xShmLock(f, offset, n, flags);
}

static int layer_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *out)
{
	int rc = point_hit("sqlite.open") ? SQLITE_CANTOPEN : unix_vfs->xOpen(vfs, name, f, flags, out);

	if (rc != SQLITE_OK || !f->pMethods) {
		f->pMethods = NULL;
		return rc;
	}
	if (!below) {
		below = f->pMethods;
		above = *below;
		above.xWrite = layer_write;
		above.xSync = layer_sync;
		above.xTruncate = layer_truncate;
		above.xShmLock = layer_lock;
	}
	if (f->pMethods == below)
		f->pMethods = &above;
	return SQLITE_OK;
}

/* Whoever waits for a lock that a test holds waits for nothing. */
static int layer_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

/* From now on every database of this program is opened through the layer. */
static inline int layer_install(void)
{
	static sqlite3_vfs layer;

	unix_vfs = sqlite3_vfs_find(NULL);
	if (!unix_vfs)
		return -1;
	layer = *unix_vfs;
	layer.zName = "points";
	layer.xOpen = layer_open;
	layer.xSleep = layer_sleep;
	return sqlite3_vfs_register(&layer, 1) == SQLITE_OK ? 0 : -1;
}
