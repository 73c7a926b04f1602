/* wake.c - whether there is anything to do at all. */
#include "reconciler/engine/wake.h"

#include <string.h>
#include <sys/stat.h>

static int64_t to_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

/* A file that cannot be looked at has the stamp of one that is not there. */
static struct wake_stamp stamp_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return (struct wake_stamp){0};
	return (struct wake_stamp){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = to_ns(&st.st_mtim),
		.ctime_ns = to_ns(&st.st_ctim),
		.there = true,
	};
}

static bool is_same(const struct wake_stamp *a, const struct wake_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
		a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->there == b->there;
}

void wake_init(struct wake *w, struct arena *a, const char *state_dir, const char *const *files,
	size_t n)
{
	*w = (struct wake){
		.files = files,
		.stamps = arena_array(a, n + 1, sizeof(struct wake_stamp)),
		.n = n,
		.state_dir = state_dir,
	};
}

void wake_fini(struct wake *w)
{
	store_close(w->store);
	w->store = NULL;
}

/* -1 in *version: there is no database. */
static int read_version(struct wake *w, int64_t *version, struct err *e)
{
	*version = -1;
	if (!w->store && store_open(w->state_dir, false, &w->store, e) < 0)
		return -1;
	return w->store ? store_data_version(w->store, version, e) : 0;
}

int wake_note(struct wake *w, uint64_t heard, struct err *e)
{
	w->noted = false;
	for (size_t i = 0; i < w->n; i++)
		w->stamps[i] = stamp_of(w->files[i]);
	if (read_version(w, &w->version, e) < 0)
		return -1;
	w->heard = heard;
	w->noted = true;
	return 0;
}

int wake_check(struct wake *w, uint64_t heard, struct err *e)
{
	int64_t version;

	if (!w->noted || w->heard != heard)
		return 1;
	for (size_t i = 0; i < w->n; i++) {
		const struct wake_stamp now = stamp_of(w->files[i]);

		if (!is_same(&now, &w->stamps[i]))
			return 1;
	}
	if (read_version(w, &version, e) < 0)
		return -1;
	return version != w->version;
}
