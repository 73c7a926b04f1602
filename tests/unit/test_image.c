/* test_image.c - the image driver: names, what it sees, and that it asks only when it must. */
#include "drivers/image/image.h"

#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HALF "0123456789abcdef0123456789abcdef"
#define ID "sha256:" HEX
#define OTHER "sha256:ffffffffffffffffffffffffffffffff0123456789abcdef0123456789abcdef"
#define FILE_AUTO "images/" HALF "-auto.ext4"

struct world {
	struct arena a;
	char dir[32];
	struct host h;
	struct image_spec spec;
	struct object object;
	struct record record;
};

static int setup(void **state)
{
	struct world *w = xmalloc(sizeof(*w));

	*w = (struct world){.dir = "/tmp/test_image.XXXXXX"};
	if (!mkdtemp(w->dir))
		return -1;
	w->h = (struct host){.arena = &w->a, .state_dir = w->dir, .cache_dir = w->dir,
		.program_dir = w->dir, .run_fd = -1};
	w->h.state_fd = open(w->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->spec.head.name = "web";
	w->object = (struct object){.kind = KIND_IMAGE, .name = "web", .spec = &w->spec.head};
	*state = w;
	return w->h.state_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fd_close(&w->h.state_fd);
	tree_remove(AT_FDCWD, w->dir, NULL);
	arena_free(&w->a);
	free(w);
	return 0;
}

static void put_file(struct world *w, const char *name, const char *text, mode_t mode)
{
	_cleanup_fd_ int fd = openat(w->h.state_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
		mode);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static bool exists(struct world *w, const char *name)
{
	return faccessat(w->h.state_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- resolve ---------------------------------------------------------------------------- */

static int resolve(struct world *w, const struct record *record, struct kvs *facts, struct err *e)
{
	*facts = (struct kvs){0};
	return driver_image.resolve(&w->h, &w->object, record, facts, e);
}

/* There is no worker in these tests: whoever needs one fails with "cannot start". */
static void resolve_without_asking(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct kvs facts;

	w->spec.oci = "alpine@" ID;
	assert_int_equal(resolve(w, NULL, &facts, &e), 0);
	assert_string_equal(kvs_get(&facts, "id"), ID);
	assert_string_equal(kvs_get(&facts, "ref"), "docker.io/library/alpine@" ID);
	w->spec.oci = "alpine:3";
	w->spec.digest = OTHER;
	assert_int_equal(resolve(w, NULL, &facts, &e), 0);
	assert_string_equal(kvs_get(&facts, "id"), OTHER);
	w->spec.oci = "alpine@" ID;
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	assert_int_equal(e.kind, ERR_SPEC);
}

static void resolve_keeps_what_is_recorded(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct kvs facts;

	w->spec.oci = "alpine:3";
	kvs_set(&w->a, &w->record.fields, "oci", "alpine:3");
	kvs_set(&w->a, &w->record.facts, "id", ID);
	kvs_set(&w->a, &w->record.facts, "ref", "x");
	assert_int_equal(resolve(w, &w->record, &facts, &e), 0);
	assert_string_equal(kvs_get(&facts, "id"), ID);
	/* Anything else has to be asked for. */
	w->spec.platform = "linux/arm64";
	assert_int_equal(resolve(w, &w->record, &facts, &e), -1);
	assert_non_null(strstr(e.msg, "cannot start"));
	w->spec.platform = NULL;
	w->spec.oci = "alpine:4";
	assert_int_equal(resolve(w, &w->record, &facts, &e), -1);
	assert_non_null(strstr(e.msg, "cannot start"));
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	w->spec.oci = "Not A Reference";
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	assert_int_equal(e.kind, ERR_SPEC);
}

static void resolve_layout(void **state)
{
	struct world *w = *state;
	struct err e = ERR_INIT;
	struct kvs facts;

	w->spec.oci_layout = arena_printf(&w->a, "%s/lay:v1", w->dir);
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	assert_int_equal(e.kind, ERR_NOINPUT);
	assert_non_null(strstr(e.msg, w->spec.oci_layout));
	assert_int_equal(dir_make(w->h.state_fd, "lay/blobs/sha256", 0700, &e), 0);
	put_file(w, "lay/index.json", "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" ID "\","
		"\"size\":1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"}}]}", 0600);
	put_file(w, "lay/blobs/sha256/" HEX, "{\"schemaVersion\":2,\"layers\":[]}", 0600);
	assert_int_equal(resolve(w, NULL, &facts, &e), 0);
	assert_string_equal(kvs_get(&facts, "id"), ID);
	w->spec.digest = OTHER;
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	assert_int_equal(e.kind, ERR_CONTENT);
	w->spec.digest = NULL;
	/* An index that leads to itself. */
	put_file(w, "lay/blobs/sha256/" HEX, "{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"" ID
		"\",\"size\":1}]}", 0600);
	assert_int_equal(resolve(w, NULL, &facts, &e), -1);
	assert_non_null(strstr(e.msg, "nested"));
}

/* ---- observe, scan ---------------------------------------------------------------------- */

static void observe(void **state)
{
	struct world *w = *state;
	struct view view = {.object = &w->object};
	struct err e = ERR_INIT;

	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_ABSENT);
	view.record = &w->record;
	kvs_set(&w->a, &w->record.facts, "file", FILE_AUTO);
	kvs_set(&w->a, &w->record.facts, "size", "5");
	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_ABSENT);
	assert_int_equal(dir_make(w->h.state_fd, "images", 0700, &e), 0);
	put_file(w, FILE_AUTO, "12345", 0400);
	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_SAME);
	kvs_set(&w->a, &w->record.facts, "size", "6");
	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_DRIFTED);
	assert_int_equal(view.observed.cost, CHANGE_REPLACE);
	assert_string_equal(view.observed.reason, FILE_AUTO " has 5 bytes instead of 6");
	kvs_set(&w->a, &w->record.facts, "size", NULL);
	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_ABSENT); /* never finished */
	kvs_set(&w->a, &w->record.facts, "size", "5");
	assert_int_equal(unlinkat(w->h.state_fd, FILE_AUTO, 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", w->h.state_fd, FILE_AUTO), 0);
	assert_int_equal(driver_image.observe(&w->h, &view, 1, &e), 0);
	assert_int_equal(view.observed.seen, SEEN_DRIFTED);
}

static void scan(void **state)
{
	struct world *w = *state;
	struct orphans found = {0};
	struct err e = ERR_INIT;

	assert_int_equal(driver_image.scan(&w->h, &found, &e), 0);
	assert_int_equal(found.n, 0);
	assert_int_equal(dir_make(w->h.state_fd, "images", 0700, &e), 0);
	put_file(w, "images/notes.txt", "", 0600);
	put_file(w, "images/abc-auto.ext4", "", 0600);
	put_file(w, FILE_AUTO, "", 0600);
	put_file(w, "images/." HALF "-1.ext4.tmp", "", 0600);
	assert_int_equal(driver_image.scan(&w->h, &found, &e), 0);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.v[0].kind, KIND_IMAGE);
}

/* ---- steps ------------------------------------------------------------------------------ */

static const char *named(struct world *w)
{
	struct kvs resolved = {0}, args = {0};
	const struct naming in = {.host = &w->h, .object = &w->object, .resolved = &resolved};
	struct err e = ERR_INIT;

	kvs_set(&w->a, &resolved, "id", ID);
	kvs_set(&w->a, &resolved, "ref", "r");
	assert_int_equal(driver_image.name_step(&in, &args, &e), 0);
	assert_string_equal(kvs_get(&args, "id"), ID);
	assert_string_equal(kvs_get(&args, "ref"), "r");
	return kvs_get(&args, "file");
}

static void names(void **state)
{
	struct world *w = *state;

	assert_string_equal(named(w), FILE_AUTO);
	w->spec.size = 1 << 30;
	assert_string_equal(named(w), "images/" HALF "-1073741824.ext4");
	w->spec.platform = "linux/arm/v7";
	assert_string_equal(named(w), "images/" HALF "-1073741824-linux-arm-v7.ext4");
}

static void erase(void **state)
{
	struct world *w = *state;
	struct step step = {.op = STEP_DELETE, .kind = KIND_IMAGE, .name = "web"};
	struct err e = ERR_INIT;
	struct kvs facts = {0};

	kvs_set(&w->a, &step.args, "file", FILE_AUTO);
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), 0); /* already gone */
	assert_int_equal(dir_make(w->h.state_fd, "images", 0700, &e), 0);
	put_file(w, FILE_AUTO, "x", 0400);
	put_file(w, "images/." HALF "-auto.ext4.tmp", "x", 0600);
	kvs_set(&w->a, &step.args, "shared", "1");
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), 0);
	assert_true(exists(w, FILE_AUTO));
	kvs_set(&w->a, &step.args, "shared", NULL);
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), 0);
	assert_false(exists(w, FILE_AUTO));
	assert_false(exists(w, "images/." HALF "-auto.ext4.tmp"));
	/* Nothing but a file of ours is ever removed. */
	put_file(w, "precious", "x", 0600);
	kvs_set(&w->a, &step.args, "file", "images/../precious");
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), -1);
	kvs_set(&w->a, &step.args, "file", "precious");
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), -1);
	assert_true(exists(w, "precious"));
}

static void create(void **state)
{
	struct world *w = *state;
	struct step step = {.op = STEP_CREATE, .kind = KIND_IMAGE, .name = "web",
		.object = &w->object};
	struct err e = ERR_INIT;
	struct kvs facts = {0};

	w->spec.oci = "alpine";
	kvs_set(&w->a, &step.args, "file", FILE_AUTO);
	kvs_set(&w->a, &step.args, "id", ID);
	put_file(w, "reconcile-worker", "#!/bin/sh\n[ -d \"${0%/*}/images\" ] && printf 12345 >\"${0%/*}/"
		FILE_AUTO "\"\necho '{\"result\":{\"size\":5,\"config\":\"{\\\"Cmd\\\":[\\\"x\\\"]}\"}}'\n",
		0700);
	if (driver_image.apply(&w->h, &step, &facts, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(kvs_get(&facts, "size"), "5");
	assert_string_equal(kvs_get(&facts, "config"), "{\"Cmd\":[\"x\"]}");
	assert_int_equal(driver_image.undo(&w->h, &step, &e), 0);
	assert_false(exists(w, FILE_AUTO));
	/* What the worker says is looked at, not believed. */
	put_file(w, "reconcile-worker", "#!/bin/sh\necho '{\"result\":{\"size\":5}}'\n", 0700);
	assert_int_equal(driver_image.apply(&w->h, &step, &facts, &e), -1);
	assert_non_null(strstr(e.msg, "not there"));
}

#define WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(resolve_without_asking),
		WORLD(resolve_keeps_what_is_recorded),
		WORLD(resolve_layout),
		WORLD(observe),
		WORLD(scan),
		WORLD(names),
		WORLD(erase),
		WORLD(create),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
