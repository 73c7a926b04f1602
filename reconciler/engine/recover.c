/* recover.c - rebuild saved state from what is still there. */
#include "reconciler/engine/recover.h"

#include "reconciler/engine/handles.h"
#include "reconciler/engine/history.h"
#include "reconciler/engine/plan.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- a database that cannot be used ------------------------------------------------------- */

static int move_aside(struct pass *p, const char *suffix, struct err *e)
{
	static const char *const files[] = {"state.db", "state.db-wal", "state.db-shm"};
	int dir = p->home.host.state_fd;

	/* The database first: without it SQLite never reads a log that was left. */
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *to = arena_printf(p->a, "%s%s", files[i], suffix);

		if (renameat(dir, files[i], dir, to) < 0 && errno != ENOENT)
			return err_sys(e, errno, "cannot set %s aside", files[i]);
	}
	return dir_sync(dir, ".", e);
}

static int open_and_load(struct pass *p, struct err *e)
{
	if (store_open(p->home.host.state_dir, true, &p->store, e) < 0)
		return -1;
	return store_load(p->store, p->a, &p->records, &p->leases, &p->interrupted, e);
}

static int open_store(struct pass *p, struct recovered *out, struct err *e)
{
	const char *suffix = arena_printf(p->a, ".damaged-%lld", (long long)clock_real_ms());

	if (open_and_load(p, e) == 0)
		return 0;
	if (e->kind != ERR_STATE || e->errnum == ENOTSUP)
		return -1;
	store_close(p->store);
	p->store = NULL;
	err_clear(e);
	if (move_aside(p, suffix, e) < 0)
		return -1;
	out->set_aside = arena_printf(p->a, "%s/state.db%s", p->home.host.state_dir, suffix);
	p->records = (struct records){0};
	p->leases = (struct leases){0};
	p->interrupted = (struct intents){0};
	return open_and_load(p, e);
}

/* ---- rows --------------------------------------------------------------------------------- */

static bool has_row(const struct pass *p, const struct record *r)
{
	vec_each(have, &p->records)
		if (have->kind == r->kind && !strcmp(have->name, r->name))
			return true;
	return false;
}

/* History is lost with its database: it begins again with what was found. */
static int note_recovered(struct pass *p, const struct record *r, struct err *e)
{
	struct events events = {0};

	*vec_push(p->a, &events) = (struct event){.time_ms = clock_real_ms(), .pass = p->id,
		.kind = r->kind, .name = r->name, .source = r->source, .what = "recovered",
		.state = history_state(r), .detail = "{\"text\":\"from its handles.json\"}",
		.place = r->where, .uid = (uint32_t)getuid()};
	return store_event_add(p->store, &events, e);
}

static int put_row(struct pass *p, struct record *r, struct recovered *out, struct err *e)
{
	struct lease l = {PLAN_CID_POOL, arena_printf(p->a, "vm/%s", r->name),
		kvs_u64(&r->facts, "cid", 0)};

	if (has_row(p, r))
		return 0;
	r->changed_at_ms = clock_real_ms();
	if (store_put(p->store, r, e) < 0)
		return -1;
	if (r->kind == KIND_VM && l.value && store_lease(p->store, &l, e) < 0)
		return -1;
	if (note_recovered(p, r, e) < 0)
		return -1;
	*vec_push(p->a, &out->rows) = *r;
	return 0;
}

static int recover_vm(struct pass *p, const char *vm, struct recovered *out, struct err *e)
{
	const struct host *h = &p->home.host;
	struct handles handles;
	const char *why;

	if (handles_read(p->a, h->state_fd, h->instance, vm, &handles, &why) != 0) {
		if (why)
			*vec_push(p->a, &out->notes) = arena_printf(p->a,
				"vms/%s/handles.json is not used: %s", vm, why);
		return 0;
	}
	vec_each(r, &handles.rows) {
		if (r->kind == KIND_VM)
			kvs_merge(p->a, &r->facts, &handles.facts);
		if (put_row(p, r, out, e) < 0)
			return err_wrap(e, "vm/%s", vm);
	}
	return 0;
}

static void close_dir(DIR **d)
{
	if (*d)
		closedir(*d);
}

static int recover_all(struct pass *p, struct recovered *out, struct err *e)
{
	_cleanup_(close_dir) DIR *d = NULL;
	int fd = openat(p->home.host.state_fd, "vms", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "cannot open folder vms");
	d = fdopendir(fd);
	if (!d) {
		fd_close(&fd);
		return err_set(e, ERR_SYSTEM, "cannot read folder vms");
	}
	for (struct dirent *entry; (entry = readdir(d));)
		if (entry->d_name[0] != '.' && recover_vm(p, entry->d_name, out, e) < 0)
			return -1;
	return 0;
}

int recover_run(struct pass *p, struct recovered *out, struct err *e)
{
	*out = (struct recovered){0};
	if (open_store(p, out, e) < 0 || store_begin(p->store, e) < 0)
		return -1;
	if (recover_all(p, out, e) < 0) {
		store_rollback(p->store);
		return -1;
	}
	if (store_commit(p->store, e) < 0)
		return -1;
	return store_load(p->store, p->a, &p->records, &p->leases, &p->interrupted, e);
}
