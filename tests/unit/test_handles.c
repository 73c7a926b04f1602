/* test_handles.c - handles.json: whatever is done to it, it is either as written or not believed. */
#include "reconciler/engine/handles.h"

#include "tests/lib/unit.h"

#include <errno.h>

#define INSTANCE "1a2b3c4d"
#define FILE_NAME "vms/web/handles.json"

static char scratch[SCRATCH_MAX];
static int dir = -1;

static int set_up(void **state)
{
	(void)state;
	scratch_make(scratch);
	dir = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0;
}

static int tear_down(void **state)
{
	(void)state;
	fd_close(&dir);
	scratch_remove(scratch);
	return 0;
}

static void sample(struct arena *a, struct handles *h)
{
	kvs_set(a, &h->facts, "pid", "1234");
	kvs_set(a, &h->facts, "start", "987654");
	kvs_set(a, &h->facts, "boot_id", "01234567-89ab-cdef-0123-456789abcdef");
	kvs_set(a, &h->facts, "run", "/run/reconcile/\"web\"\\\n");
	kvs_set(a, &h->facts, "config", "{\"Env\":[\"A=b\"]}");
	*vec_push(a, &h->rows) = (struct record){.kind = KIND_DISK, .name = "web", .source = "/a.yaml",
		.state = RECORD_MADE, .where = "/a.yaml:3:5", .generation = 2};
	kvs_set(a, &h->rows.v[h->rows.n - 1].fields, "disk.size", "4GiB");
	kvs_set(a, &h->rows.v[h->rows.n - 1].facts, "id", "1a2b3c4d-web-2");
}

static bool same_rows(const struct records *a, const struct records *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct record *x = &a->v[i], *y = &b->v[i];

		if (x->kind != y->kind || strcmp(x->name, y->name) || strcmp(x->source, y->source) ||
			strcmp(x->where, y->where) || x->generation != y->generation ||
			!kvs_equal(&x->fields, &y->fields) || !kvs_equal(&x->facts, &y->facts))
			return false;
	}
	return true;
}

static void write_sample(void)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles facts = {0};
	struct err err = ERR_INIT;

	sample(&a, &facts);
	if (handles_write(dir, INSTANCE, "web", &facts, &err) < 0)
		fail_msg("%s", err.msg);
}

/* 0: believed, and then it is the sample to the last byte; 1: not, and then there are no facts. */
static int read_back(const char **why, struct arena *a)
{
	struct handles facts = {0}, want = {0};
	int rc;

	sample(a, &want);
	kvs_set(a, &facts.facts, "left", "over");
	rc = handles_read(a, dir, INSTANCE, "web", &facts, why);
	if (rc == 0 && (!kvs_equal(&facts.facts, &want.facts) || !same_rows(&facts.rows, &want.rows)))
		fail_msg("believed something else than was written");
	if (rc != 0 && (facts.facts.n || facts.rows.n))
		fail_msg("not believed, but %zu facts came back", facts.facts.n);
	return rc;
}

static void assert_refused(const char *what)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *why = NULL;

	if (read_back(&why, &a) != 1)
		fail_msg("believed: %s", what);
	if (!why || !why[0])
		fail_msg("no reason is given: %s", what);
}

static char *load(struct arena *a, size_t *n)
{
	struct err err = ERR_INIT;
	char *text;

	if (file_read(a, dir, FILE_NAME, 1 << 20, &text, n, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* ---- there and back ---------------------------------------------------------------------------- */

static void write_read_remove(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;
	const char *why = "x";
	struct stat st;

	(void)state;
	assert_int_equal(read_back(&why, &a), 1);
	assert_null(why); /* there simply is none */
	write_sample();
	assert_int_equal(read_back(&why, &a), 0);
	assert_null(why);
	assert_int_equal(read_back(NULL, &a), 0);
	assert_int_equal(fstatat(dir, FILE_NAME, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(dir, "vms/web", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(handles_remove(dir, "web", &err), 0);
	assert_int_equal(handles_remove(dir, "web", &err), 0);
	assert_int_equal(handles_remove(dir, "other", &err), 0);
	assert_int_equal(read_back(&why, &a), 1);
	assert_null(why);
}

static void no_facts_at_all(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles none = {0}, facts;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(handles_write(dir, INSTANCE, "web", &none, &err), 0);
	assert_int_equal(handles_read(&a, dir, INSTANCE, "web", &facts, NULL), 0);
	assert_int_equal(facts.facts.n, 0);
	assert_int_equal(facts.rows.n, 0);
}

/* ---- damage (F-055, F-056, BI-075) ---------------------------------------------------------------- */

static void every_truncation(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text;
	size_t n;

	(void)state;
	write_sample();
	text = load(&a, &n);
	for (size_t cut = 0; cut + 1 < n; cut++) { /* the last byte is a newline */
		put_file(dir, FILE_NAME, text, cut);
		assert_refused("cut off");
	}
}

static void every_zeroed_tail(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text, *torn;
	size_t n;

	(void)state;
	write_sample();
	text = load(&a, &n);
	for (size_t from = 0; from + 1 < n; from += 3) {
		torn = arena_dupn(&a, text, n);
		memset(torn + from, 0, n - from);
		put_file(dir, FILE_NAME, torn, n);
		assert_refused("zeros at the end");
	}
}

/* Each bit of each byte: believed only where the change means nothing, such as another way to write
 * the same escape; read_back compares every fact. */
static void every_bit_flipped(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t n, believed = 0;
	char *text;

	(void)state;
	write_sample();
	text = load(&a, &n);
	for (size_t i = 0; i < n; i++)
		for (int bit = 0; bit < 8; bit++) {
			_cleanup_arena_ struct arena tmp = ARENA_INIT;
			const char *why;

			text[i] = (char)(text[i] ^ 1 << bit);
			put_file(dir, FILE_NAME, text, n);
			believed += read_back(&why, &tmp) == 0;
			text[i] = (char)(text[i] ^ 1 << bit);
		}
	assert_true(believed < 8);
}

static void old_and_new_mixed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles facts = {0};
	struct err err = ERR_INIT;
	char *old, *new;
	size_t n, n_new;

	(void)state;
	write_sample();
	old = load(&a, &n);
	sample(&a, &facts);
	kvs_set(&a, &facts.facts, "pid", "5678");
	assert_int_equal(handles_write(dir, INSTANCE, "web", &facts, &err), 0);
	new = load(&a, &n_new);
	assert_int_equal(n, n_new);
	for (size_t at = 0; at <= n; at++) {
		char *mixed = arena_dupn(&a, old, n);
		struct handles got;

		memcpy(mixed, new, at);
		put_file(dir, FILE_NAME, mixed, n);
		if (handles_read(&a, dir, INSTANCE, "web", &got, NULL) == 0)
			assert_true(!memcmp(mixed, old, n) || !memcmp(mixed, new, n));
	}
}

static void other_texts(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "null", "\n", "{\"v\":1}",
		"{\"v\":1,\"instance\":\"" INSTANCE "\",\"vm\":\"web\"}",
		"{\"v\":1,\"instance\":\"" INSTANCE "\",\"vm\":\"web\",\"facts\":{},\"check\":\"\"}",
		"{\"v\":1,\"instance\":\"" INSTANCE "\",\"vm\":\"web\",\"facts\":[],\"check\":\"x\"}",
		"{\"v\":1,\"instance\":\"" INSTANCE "\",\"vm\":\"web\",\"facts\":{\"a\":1},\"check\":\"x\"}",
		"{\"v\":2,\"instance\":\"" INSTANCE "\",\"vm\":\"web\",\"facts\":{},\"check\":\"a3838b14\"}",
		"{\"v\":1,\"v\":1}", "{\"v\":\"1\"}"};

	(void)state;
	write_sample();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_text(dir, FILE_NAME, bad[i]);
		assert_refused(bad[i]);
	}
}

static void too_large_or_too_deep(void **state)
{
	static char deep[200000];
	int fd;

	(void)state;
	write_sample();
	memset(deep, '[', sizeof(deep));
	put_file(dir, FILE_NAME, deep, sizeof(deep));
	assert_refused("200,000 brackets");
	fd = openat(dir, FILE_NAME, O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	close(fd);
	assert_refused("100 MiB");
}

/* ---- of somebody else (F-056, BI-077..079) ---------------------------------------------------------- */

static void of_another_vm_or_instance(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles facts = {0};
	struct err err = ERR_INIT;

	(void)state;
	sample(&a, &facts);
	assert_int_equal(handles_write(dir, INSTANCE, "db", &facts, &err), 0);
	assert_int_equal(dir_make(dir, "vms/web", 0700, &err), 0);
	assert_int_equal(renameat(dir, "vms/db/handles.json", dir, FILE_NAME), 0);
	assert_refused("of vm/db");
	assert_int_equal(handles_write(dir, "ffffffff", "web", &facts, &err), 0);
	assert_refused("of another instance");
	assert_int_equal(handles_write(dir, INSTANCE, "web", &facts, &err), 0);
	assert_int_equal(read_back(NULL, &a), 0);
}

static void not_a_plain_file(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT;

	(void)state;
	write_sample();
	assert_int_equal(renameat(dir, FILE_NAME, dir, "real"), 0);
	assert_int_equal(symlinkat("../../real", dir, FILE_NAME), 0);
	assert_refused("a symbolic link to a good one");
	write_sample(); /* replaces the link, not what it points to */
	assert_int_equal(read_back(NULL, &a), 0);
	assert_int_equal(unlinkat(dir, FILE_NAME, 0), 0);
	assert_int_equal(mkfifoat(dir, FILE_NAME, 0600), 0);
	assert_refused("a FIFO");
	assert_int_equal(handles_remove(dir, "web", &err), 0);
	assert_int_equal(mkdirat(dir, FILE_NAME, 0700), 0);
	assert_refused("a folder");
	assert_int_equal(handles_remove(dir, "web", &err), -1);
}

static void not_ours_alone(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	write_sample();
	assert_int_equal(fchmodat(dir, FILE_NAME, 0620, 0), 0);
	assert_refused("others may write to it");
	assert_int_equal(fchmodat(dir, FILE_NAME, 0600, 0), 0);
	assert_int_equal(read_back(NULL, &a), 0);
	assert_int_equal(linkat(dir, FILE_NAME, dir, "second", 0), 0);
	assert_refused("a file with two names");
	write_sample(); /* a file of its own again */
	assert_int_equal(read_back(NULL, &a), 0);
	if (geteuid() != 0) {
		print_message("not tried: a file of another user, which takes root\n");
		return;
	}
	assert_int_equal(fchownat(dir, FILE_NAME, 1, 1, 0), 0);
	assert_refused("of another user");
}

/* Members that this version does not know are of a later one and no harm (BI-078); what it says
 * twice is not to be trusted. */
static void unknown_and_double_members(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	size_t n;
	char *text;

	(void)state;
	write_sample();
	text = load(&a, &n);
	put_text(dir, FILE_NAME, arena_printf(&a, "{\"v\":1,%s", text + 1));
	assert_refused("v is there twice");
	put_text(dir, FILE_NAME, arena_printf(&a, "{\"later\":7,%s", text + 1));
	assert_int_equal(read_back(NULL, &a), 0);
}

static void the_folder_is_a_link(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct handles facts = {0};
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	write_sample();
	assert_int_equal(renameat(dir, "vms/web", dir, "elsewhere"), 0);
	assert_int_equal(symlinkat("../elsewhere", dir, "vms/web"), 0);
	assert_refused("through a link");
	sample(&a, &facts);
	assert_int_equal(unlinkat(dir, "elsewhere/handles.json", 0), 0);
	assert_int_equal(handles_write(dir, INSTANCE, "web", &facts, &err), -1);
	assert_int_equal(fstatat(dir, "elsewhere/handles.json", &st, 0), -1);
}

static void many_reads_leak_nothing(void **state)
{
	size_t fds;

	(void)state;
	write_sample();
	fds = count_fds();
	for (int i = 0; i < 50; i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;

		assert_int_equal(read_back(NULL, &a), 0);
	}
	assert_int_equal(count_fds(), fds);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(write_read_remove),
		T(no_facts_at_all),
		T(every_truncation),
		T(every_zeroed_tail),
		T(every_bit_flipped),
		T(old_and_new_mixed),
		T(other_texts),
		T(too_large_or_too_deep),
		T(of_another_vm_or_instance),
		T(not_a_plain_file),
		T(not_ours_alone),
		T(unknown_and_double_members),
		T(the_folder_is_a_link),
		T(many_reads_leak_nothing),
	};

	return cmocka_run_group_tests_name("handles", tests, NULL, NULL);
}
