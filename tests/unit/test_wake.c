/* test_wake.c - whether there is anything to do at all. */
#include "reconciler/engine/wake.h"

#include "tests/lib/unit.h"

#include <fcntl.h>
#include <unistd.h>

#define OK(call) do { struct err e_ = ERR_INIT, *e = &e_; if ((call) < 0) fail_msg("%s", e->msg); } while (0)

static char dir[SCRATCH_MAX];
static char spec[SCRATCH_MAX + 16];

static int set_up(void **state)
{
	(void)state;
	scratch_make(dir);
	snprintf(spec, sizeof(spec), "%s/vms.yaml", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scratch_remove(dir);
	return 0;
}

static void write_spec(const char *text)
{
	int fd = open(spec, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void commit(const char *value)
{
	_cleanup_store_ struct store *s = NULL;

	OK(store_open(dir, true, &s, e));
	OK(store_begin(s, e));
	OK(store_meta_set(s, "k", value, e));
	OK(store_commit(s, e));
}

static void nothing_noted_is_something_to_do(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct wake w;

	(void)state;
	wake_init(&w, &a, dir, NULL, 0);
	assert_int_equal(wake_check(&w, 0, NULL), 1);
	wake_fini(&w);
}

static void each_change_is_seen(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *files[] = {spec};
	struct wake w;

	(void)state;
	wake_init(&w, &a, dir, files, 1);
	OK(wake_note(&w, 7, e));
	assert_int_equal(wake_check(&w, 7, NULL), 0);
	assert_int_equal(wake_check(&w, 8, NULL), 1); /* somebody heard something */

	write_spec("version: 1\n"); /* a file that was not there */
	assert_int_equal(wake_check(&w, 7, NULL), 1);
	OK(wake_note(&w, 7, e));
	assert_int_equal(wake_check(&w, 7, NULL), 0);
	write_spec("version: 1 \n");
	assert_int_equal(wake_check(&w, 7, NULL), 1);
	OK(wake_note(&w, 7, e));

	commit("1"); /* a database that was not there */
	assert_int_equal(wake_check(&w, 7, NULL), 1);
	OK(wake_note(&w, 7, e));
	assert_int_equal(wake_check(&w, 7, NULL), 0);
	commit("2");
	assert_int_equal(wake_check(&w, 7, NULL), 1);
	assert_int_equal(wake_check(&w, 7, NULL), 1); /* asking does not make it old */
	OK(wake_note(&w, 7, e));
	assert_int_equal(wake_check(&w, 7, NULL), 0);

	assert_int_equal(unlink(spec), 0);
	assert_int_equal(wake_check(&w, 7, NULL), 1);
	wake_fini(&w);
}

/* The same bytes in another file: an editor has written it anew. */
static void a_replaced_file_is_seen(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char kept[sizeof(spec) + 8];
	const char *files[] = {spec};
	struct wake w;

	(void)state;
	write_spec("version: 1\n");
	wake_init(&w, &a, dir, files, 1);
	OK(wake_note(&w, 0, e));
	snprintf(kept, sizeof(kept), "%s.old", spec);
	assert_int_equal(rename(spec, kept), 0);
	write_spec("version: 1\n");
	assert_int_equal(wake_check(&w, 0, NULL), 1);
	wake_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_noted_is_something_to_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_change_is_seen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_replaced_file_is_seen, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("wake", tests, NULL, NULL);
}
