/* pass_time.c - what passes over many VMs cost: the measures of tests/bench/pass.
 *
 *	pass-time make DIR N    a state directory of N VMs that are as they should be
 *	pass-time pass DIR N    milliseconds of CPU time of a pass over it that has nothing to do, and
 *	                        KiB of memory that it took for each VM, the spec included
 *	pass-time wake DIR N    milliseconds of real time of finding out that nothing has changed, and
 *	                        bytes that were allocated for it and are still there
 *	pass-time rows DIR      the same rows by a bare loop over SQLite: milliseconds of CPU time
 *	pass-time plan N        milliseconds of CPU time of planning N new VMs
 *
 * The world is one in which nothing moves: what has a row is there as its row says, nothing else
 * is. A driver that looks at something has its own costs, and its own benchmark.
 */
#include "reconciler/engine/pass.h"
#include "reconciler/engine/wake.h"
#include "schema/base/clock.h"
#include "schema/base/text.h"
#include "schema/spec.h"

#include <malloc.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static double cpu_ms(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static double rss_kib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss;
}

/* ---- a world that stands still -------------------------------------------------------------- */

static int still_resolve(struct host *h, const struct object *o, const struct record *r,
	struct kvs *facts, struct err *e)
{
	(void)r;
	(void)e;
	kvs_setf(h->arena, facts, "id", "sha256:%s", o->name);
	return 0;
}

static int still_observe(struct host *h, struct view *views, size_t n, struct err *e)
{
	(void)h;
	(void)e;
	for (struct view *v = views; v < views + n; v++)
		v->observed = (struct observed){
			.seen = v->record ? SEEN_SAME : SEEN_ABSENT,
			.running = v->record && v->record->kind == KIND_VM,
		};
	return 0;
}

static int still_name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	struct arena *a = in->host->arena;
	const char *name = in->object->name;

	(void)e;
	kvs_merge(a, args, in->resolved);
	if (in->object->kind == KIND_DISK)
		kvs_setf(a, args, "id", "%s-%s-%u", in->host->instance, name, in->generation);
	if (in->object->kind == KIND_VM) {
		kvs_setf(a, args, "id", "%s-%s", in->host->instance, name);
		kvs_setf(a, args, "cid", "%u", in->cid);
		kvs_setf(a, args, "run", "/run/reconcile/%s", name);
	}
	kvs_setf(a, args, "file", in->object->kind == KIND_IMAGE ? "images/%s.ext4"
		: "vms/%s/root.img", name);
	return 0;
}

static int still_apply(struct host *h, const struct step *s, struct kvs *facts, struct err *e)
{
	(void)e;
	if (s->op != STEP_START)
		return 0;
	kvs_setf(h->arena, facts, "pid", "%u", 4711);
	kvs_setf(h->arena, facts, "start", "%u", 123456789);
	kvs_set(h->arena, facts, "boot_id", h->boot_id);
	kvs_set(h->arena, facts, "nonce", "0123456789abcdef0123456789abcdef");
	kvs_set(h->arena, facts, "accel", "kvm");
	return 0;
}

static int still_undo(struct host *h, const struct step *s, struct err *e)
{
	(void)h;
	(void)s;
	(void)e;
	return 0;
}

#define SLOTS .observe = still_observe, .name_step = still_name_step, .apply = still_apply, \
	.undo = still_undo

static const struct driver drivers[KIND_N] = {
	[KIND_IMAGE] = {.name = "image", .kind = KIND_IMAGE, .resolve = still_resolve, SLOTS},
	[KIND_KERNEL] = {.name = "kernel", .kind = KIND_KERNEL, .resolve = still_resolve, SLOTS},
	[KIND_DISK] = {.name = "disk", .kind = KIND_DISK, SLOTS},
	[KIND_VM] = {.name = "vm", .kind = KIND_VM, SLOTS},
	[KIND_GUEST] = {.name = "guest", .kind = KIND_GUEST, SLOTS},
};

const struct driver *driver_for(enum kind kind)
{
	return &drivers[kind];
}

/* ---- passes --------------------------------------------------------------------------------- */

static const struct spec *spec_of(struct arena *a, unsigned n)
{
	_cleanup_arena_ struct arena tmp = ARENA_INIT;
	struct text t = {.a = &tmp};
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	text_put(&t, "version: 1\nimages: {base: {oci: \"registry.example.org/base/web:1.2\"}}\n"
		"kernels: {k: {file: /boot/vmlinuz}}\nvms:\n");
	for (unsigned i = 0; i < n; i++)
		text_putf(&t, "  vm-%u: {image: base, kernel: k, vcpus: 2, memory: 512MiB, "
			"disk: 8GiB, env: {NAME: vm-%u, LEVEL: info}, user: nobody}\n", i, i);
	if (spec_parse(a, "bench.yaml", "/", text_end(&t), t.n, &spec, &diags, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		exit(1);
	}
	return spec;
}

static struct pass pass_of(struct arena *a, const char *dir, const struct spec *spec)
{
	return (struct pass){.a = a, .state_dir = dir, .spec = spec, .source = "bench"};
}

static int make(const char *dir, unsigned n)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = pass_of(&a, dir, spec_of(&a, n));
	struct err e = ERR_INIT;
	int rc;

	p.write = true;
	rc = pass_look(&p, &e) < 0 || pass_act(&p, &e) < 0 || p.exec.failed;
	pass_close(&p);
	if (rc)
		fprintf(stderr, "%s\n", e.msg);
	return rc ? -1 : 0;
}

static int pass(const char *dir, unsigned n)
{
	_cleanup_arena_ struct arena a = ARENA_INIT, s = ARENA_INIT;
	double rss = rss_kib(), start;
	struct pass p = pass_of(&a, dir, spec_of(&s, n));
	struct err e = ERR_INIT;
	int rc;

	start = cpu_ms();
	rc = pass_look(&p, &e);
	start = cpu_ms() - start;
	if (rc == 0 && (p.plan.changes || p.plan.steps.n || p.views.n != 2 * (size_t)n + 2))
		rc = err_set(&e, ERR_FAILED, "%zu changes", p.plan.changes);
	pass_close(&p);
	if (rc < 0)
		fprintf(stderr, "%s\n", e.msg);
	printf("%.3f %.3f %.3f\n", start, (rss_kib() - rss) / n, (double)a.total / 1024 / n);
	return rc;
}

/* What a program that only wants the rows would do: each column touched. */
static int rows(const char *dir)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t bytes = 0, n = 0;
	double start = cpu_ms();
	sqlite3_stmt *st;
	sqlite3 *db;

	if (sqlite3_open_v2(arena_printf(&a, "%s/state.db", dir), &db, SQLITE_OPEN_READONLY, NULL) ||
		sqlite3_prepare_v2(db, "SELECT kind, name, source, state, fields, facts, place, reason,"
			" attempts, retry_at_ms, changed_at_ms, generation FROM object", -1, &st, NULL))
		return -1;
	for (; sqlite3_step(st) == SQLITE_ROW; n++)
		for (int i = 0; i < sqlite3_column_count(st); i++) {
			const unsigned char *text = sqlite3_column_text(st, i);

			bytes += text ? strlen((const char *)text) : 0;
		}
	sqlite3_finalize(st);
	sqlite3_close(db);
	fprintf(stderr, "%zu rows, %zu bytes\n", n, bytes);
	printf("%.3f\n", cpu_ms() - start);
	return n ? 0 : -1;
}

static int wake(const char *dir, unsigned n)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *files[] = {__FILE__};
	const int times = 200;
	struct err e = ERR_INIT;
	struct wake w;
	int64_t start;
	size_t before;
	int rc;

	(void)n;
	wake_init(&w, &a, dir, files, 1);
	rc = wake_note(&w, 1, &e) < 0 || wake_check(&w, 1, &e) != 0;
	before = mallinfo2().uordblks;
	start = clock_mono_ms();
	for (int i = 0; i < times && !rc; i++)
		rc = wake_check(&w, 1, &e) != 0;
	printf("%.4f %zu\n", (double)(clock_mono_ms() - start) / times,
		mallinfo2().uordblks - before);
	wake_fini(&w);
	return rc ? -1 : 0;
}

static int plan(unsigned n)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p = pass_of(&a, "/nonexistent/reconcile-bench", spec_of(&a, n));
	struct err e = ERR_INIT;
	double start = cpu_ms();
	int rc = pass_look(&p, &e);

	printf("%.3f\n", cpu_ms() - start);
	if (rc == 0 && p.plan.steps.n != 3 * (size_t)n + 2)
		rc = err_set(&e, ERR_FAILED, "%zu steps", p.plan.steps.n);
	if (rc < 0)
		fprintf(stderr, "%s\n", e.msg);
	pass_close(&p);
	return rc;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[argc - 1], NULL, 10) : 0;
	int rc = -1;

	if (argc == 4 && !strcmp(what, "make"))
		rc = make(argv[2], n);
	else if (argc == 4 && !strcmp(what, "pass"))
		rc = pass(argv[2], n);
	else if (argc == 4 && !strcmp(what, "wake"))
		rc = wake(argv[2], n);
	else if (argc == 3 && !strcmp(what, "rows"))
		rc = rows(argv[2]);
	else if (argc == 3 && !strcmp(what, "plan"))
		rc = plan(n);
	if (rc < 0)
		fprintf(stderr, "pass-time: %s failed\n", what);
	return rc < 0;
}
