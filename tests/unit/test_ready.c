/* test_ready.c - ready and liveness on a run folder and an agent that the test plays: what is asked, and
 * what comes of each answer.
 */
#include "drivers/driver.h"
#include "drivers/guest/panic.h"
#include "drivers/guest/probe.h"
#include "drivers/rundir.h"
#include "drivers/sys/proc.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct driver driver_guest;

#define NONCE "00112233aabbccdd"
#define EVENT(rest) "{\"v\":1,\"nonce\":\"" NONCE "\"," rest "}\n"

struct world {
	struct arena arena;
	struct host h;
	char root[128], asked[256]; /* asked: the argv of the last exec */
	int dir, listener;
	int good_after;   /* how many execs end with bad_code before one ends with 0 */
	int bad_code;
	const char *said; /* base64 of what a bad one says */
	bool flood;       /* a bad one says a lot */
	unsigned execs;
	pthread_t thread;
	struct vm_spec spec;
	struct object object;
	struct step step;
	struct kvs facts;
	struct record record;
	struct err e;
};

/* ---- the agent ------------------------------------------------------------------------------ */

static void answer_exec(struct world *w, int fd, const json_t *j, long long id)
{
	json_t *argv = json_object_get(j, "argv"), *arg;
	size_t i, n = 0;
	int code = (int)w->execs++ < w->good_after ? w->bad_code : 0;

	json_array_foreach(argv, i, arg)
		n += (size_t)snprintf(w->asked + n, sizeof(w->asked) - n, "%s%s", i ? " " : "",
			json_string_value(arg));
	dprintf(fd, "{\"id\":%lld,\"ev\":\"started\",\"pid\":7}\n", id);
	dprintf(fd, "{\"id\":%lld,\"ev\":\"stdout\",\"data\":\"bm9pc2UK\"}\n", id);
	for (int k = 0; code && k < (w->flood ? 20000 : 1); k++)
		dprintf(fd, "{\"id\":%lld,\"ev\":\"stderr\",\"data\":\"%s\"}\n", id, w->said);
	dprintf(fd, "{\"id\":%lld,\"ev\":\"exit\",\"code\":%d}\n", id, code);
}

static void answer(struct world *w, int fd, const json_t *j)
{
	long long id = (long long)json_int(j, "id", -1);

	if (!strcmp(json_str(j, "op", ""), "exec"))
		answer_exec(w, fd, j, id);
	else
		dprintf(fd, "{\"id\":%lld,\"ok\":true,\"v\":1,\"nonce\":\"%s\",\"boot_nonce\":\"" NONCE
			"\"}\n", id, json_str(j, "nonce", ""));
}

static void *agent_run(void *arg)
{
	struct world *w = arg;
	char line[4096];
	int fd;

	while ((fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		FILE *in = fdopen(fd, "r");

		while (fgets(line, sizeof(line), in)) {
			_cleanup_json_ json_t *j = NULL;

			if (json_parse(line, strlen(line), "request", &j, NULL) == 0)
				answer(w, fd, j);
		}
		fclose(in);
	}
	return NULL;
}

static void agent_begin(struct world *w)
{
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	assert_int_equal(fcntl(w->listener, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, agent_run, w), 0);
}

/* ---- the world ------------------------------------------------------------------------------ */

static void put(struct world *w, const char *file, const char *text)
{
	assert_int_equal(file_replace(w->dir, file, text, strlen(text), 0600, NULL), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct proc_id self;

	*state = w;
	snprintf(w->root, sizeof(w->root), "/tmp/test_ready.XXXXXX");
	assert_non_null(mkdtemp(w->root));
	assert_int_equal(proc_identify(getpid(), &self, NULL), 0);
	w->h = (struct host){.arena = &w->arena, .instance = "0badcaf0", .run_dir = w->root,
		.state_dir = w->root, .boot_id = arena_dup(&w->arena, self.boot_id)};
	w->h.run_fd = w->h.state_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rundir_make(w->h.run_fd, "web", &w->dir, NULL), 0);
	put(w, RUN_NOTE, "{\"nonce\":\"" NONCE "\"}");
	w->spec = (struct vm_spec){.head = {.name = "web"}, .running = true,
		.restart = RESTART_ON_FAILURE, .ready_timeout_ms = 20000,
		.ready = {.interval_ms = 10}, .liveness = {.interval_ms = 10, .failures = 2}};
	w->object = (struct object){.kind = KIND_VM, .name = "web", .spec = &w->spec.head};
	w->step = (struct step){.op = STEP_WAIT, .kind = KIND_GUEST, .name = "web",
		.object = &w->object};
	w->record = (struct record){.kind = KIND_VM, .name = "web", .state = RECORD_MADE};
	kvs_set(&w->arena, &w->record.facts, "run", rundir_path(&w->arena, &w->h, "web"));
	rundir_id_set(&w->arena, &w->record.facts, &self);
	w->listener = -1;
	w->bad_code = 1;
	w->said = "Zmlyc3QKbm90IHlldBs="; /* "first\nnot yet\x1b" */
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	if (w->listener >= 0) {
		shutdown(w->listener, SHUT_RDWR);
		pthread_join(w->thread, NULL);
	}
	fd_close(&w->listener);
	close(w->dir);
	close(w->h.run_fd);
	tree_remove(AT_FDCWD, w->root, NULL);
	arena_free(&w->arena);
	free(w);
	return 0;
}

static int wait_for(struct world *w)
{
	w->e = (struct err)ERR_INIT;
	return driver_guest.apply(&w->h, &w->step, &w->facts, &w->e);
}

static void wait_fails(struct world *w, enum err_kind kind, const char *text)
{
	assert_int_equal(wait_for(w), -1);
	if (!strstr(w->e.msg, text))
		fail_msg("\"%s\" is not in \"%s\"", text, w->e.msg);
	assert_int_equal(w->e.kind, kind);
}

static struct strv *program(struct strv *v)
{
	static const char *argv[] = {"check", "it", NULL};

	*v = (struct strv){argv, 2};
	return v;
}

/* ---- ready ---------------------------------------------------------------------------------- */

static void test_asks_until_it_is_good(void **state)
{
	struct world *w = *state;

	w->good_after = 3;
	w->spec.ready.tcp = 5432;
	agent_begin(w);
	assert_int_equal(wait_for(w), 0);
	assert_int_equal(w->execs, 4);
	assert_string_equal(w->asked, "@probe tcp 5432");
	w->spec.ready.tcp = 0;
	w->spec.ready.http = "/a?b";
	assert_int_equal(wait_for(w), 0);
	assert_string_equal(w->asked, "@probe http 80 /a?b");
	w->spec.ready.port = 8080;
	assert_int_equal(wait_for(w), 0);
	assert_string_equal(w->asked, "@probe http 8080 /a?b");
	w->spec.ready.http = NULL;
	program(&w->spec.ready.exec);
	assert_int_equal(wait_for(w), 0);
	assert_string_equal(w->asked, "check it");
}

static void test_never_good(void **state)
{
	struct world *w = *state;

	w->good_after = INT32_MAX;
	w->bad_code = 9;
	w->spec.ready.timeout_ms = 50;
	program(&w->spec.ready.exec);
	agent_begin(w);
	wait_fails(w, ERR_TIMEOUT, "VM web is not ready: check exited with code 9: not yet\\x1b (asked ");
	w->flood = true; /* nobody waits for a pipe that is full */
	wait_fails(w, ERR_TIMEOUT, "VM web is not ready: check exited with code 9: not yet\\x1b (asked ");
}

/* The start period is added to the time that there is. */
static void test_limits(void **state)
{
	struct world *w = *state;

	assert_int_equal(rundir_ready_limit(&w->spec), 20000);
	w->spec.ready.timeout_ms = 1000;
	assert_int_equal(rundir_ready_limit(&w->spec), 1000);
	w->spec.ready.start_period_ms = 500;
	assert_int_equal(rundir_ready_limit(&w->spec), 1500);
}

static void test_ends_before_it_is_ready(void **state)
{
	struct world *w = *state;

	w->good_after = INT32_MAX;
	w->spec.ready.tcp = 1;
	put(w, RUN_REPORT, EVENT("\"ev\":\"ready\"") EVENT("\"ev\":\"exit\",\"code\":0"));
	agent_begin(w);
	wait_fails(w, ERR_GUEST, "VM web is not ready: the workload exited with code 0");
}

static void test_vmm_dies_before_it_is_ready(void **state)
{
	static const char *const args[] = {"true", NULL};
	struct proc_spec true_ = {.path = "/bin/true", .argv = args, .cwd_fd = -1, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1};
	struct world *w = *state;
	struct proc_id id;
	int status, pidfd;

	assert_int_equal(proc_spawn(&true_, &id, &pidfd, &w->e), 0);
	assert_int_equal(proc_reap(id.pid, pidfd, 10000, &status, &w->e), 0);
	close(pidfd);
	rundir_id_set(&w->arena, &w->step.args, &id);
	w->good_after = INT32_MAX;
	w->spec.ready.tcp = 1;
	agent_begin(w);
	wait_fails(w, ERR_GUEST, "the VMM was killed or crashed");
}

static void test_console(void **state)
{
	struct world *w = *state;

	w->spec.ready.console = "^web login: $";
	w->spec.ready.timeout_ms = 50;
	put(w, RUN_CONSOLE, "boot\r\nother login: \r\n");
	wait_fails(w, ERR_TIMEOUT, "no line of the console matches");
	put(w, RUN_CONSOLE, "boot\r\nweb login: \r\nmore\r\n");
	assert_int_equal(wait_for(w), 0);
	put(w, RUN_CONSOLE, "boot\r\nweb login: "); /* a prompt; and no agent is needed */
	assert_int_equal(wait_for(w), 0);
}

/* A kernel that stays, and one that will restart: noticed although nothing answers, long before the time
 * is over. */
static void test_panic(void **state)
{
	static const char *const ends[] = {"---[ end Kernel panic - not syncing: x ]---",
		"Rebooting in 30 seconds.."};
	struct world *w = *state;

	w->spec.ready_timeout_ms = 600000;
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	for (size_t i = 0; i < 2; i++) {
		put(w, RUN_CONSOLE, arena_printf(&w->arena, "a\r\nKernel panic - not syncing: x\r\n"
			"trace\r\n%s\r\n", ends[i]));
		wait_fails(w, ERR_GUEST, "VM web is not ready: the guest's kernel panicked: Kernel panic "
			"- not syncing: x; last on its console: a | Kernel panic");
	}
	fd_close(&w->listener);
}

/* Who only prints such a line goes on. */
static void test_no_panic(void **state)
{
	struct world *w = *state;

	w->good_after = 30;
	w->spec.ready.tcp = 1;
	put(w, RUN_CONSOLE, "Kernel panic - not syncing: x\r\nRebooting in 1 seconds..\r\nand on\r\n");
	agent_begin(w);
	assert_int_equal(wait_for(w), 0);
}

static void test_cancelled(void **state)
{
	static const volatile sig_atomic_t cancel = 2;
	struct world *w = *state;

	w->h.cancel = &cancel;
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	assert_int_equal(wait_for(w), -1);
	assert_int_equal(w->e.kind, ERR_CANCELLED);
	fd_close(&w->listener);
}

/* ---- liveness ------------------------------------------------------------------------------- */

static struct observed look(struct world *w)
{
	struct view v = {.object = &w->object, .record = &w->record,
		.observed = {.seen = SEEN_SAME, .running = true}};

	assert_int_equal(driver_guest.observe(&w->h, &v, 1, &w->e), 0);
	return v.observed;
}

static void test_well(void **state)
{
	struct world *w = *state;

	assert_int_equal(look(w).seen, SEEN_SAME); /* nobody is asked without a question */
	w->spec.liveness.tcp = 80;
	agent_begin(w);
	assert_int_equal(look(w).seen, SEEN_SAME);
	assert_int_equal(w->execs, 1);
	w->good_after = 2; /* one bad answer of two */
	assert_int_equal(look(w).seen, SEEN_SAME);
	assert_int_equal(w->execs, 3);
	kvs_set(&w->arena, &w->record.facts, "ready", "no"); /* it is still waited for */
	assert_int_equal(look(w).seen, SEEN_SAME);
	assert_int_equal(w->execs, 3);
}

static void test_ill(void **state)
{
	struct world *w = *state;
	struct observed o;

	w->good_after = INT32_MAX;
	w->spec.liveness.tcp = 80;
	agent_begin(w);
	o = look(w);
	assert_int_equal(o.seen, SEEN_DRIFTED);
	assert_int_equal(o.cost, CHANGE_RESTART);
	assert_string_equal(o.reason, "liveness: not yet\\x1b (2 times in a row)");
	assert_string_equal(kvs_get(&o.facts, "unwell"), "1");
	assert_int_equal(w->execs, 2);
	w->spec.restart = RESTART_NEVER;
	o = look(w);
	assert_int_equal(o.seen, SEEN_SAME);
	assert_non_null(strstr(o.reason, "restart: never leaves it so"));
	w->spec.restart = RESTART_ALWAYS;
	kvs_set(&w->arena, &w->record.facts, "unwell", "9"); /* and this process is young */
	o = look(w);
	assert_int_equal(o.seen, SEEN_SAME);
	assert_non_null(strstr(o.reason, "a restart did not help, the next one is due in "));
	w->spec.liveness.start_period_ms = 86400000;
	w->execs = 0;
	assert_null(look(w).reason);
	assert_int_equal(w->execs, 0);
}

static void test_silent(void **state)
{
	struct world *w = *state;

	w->spec.liveness = (struct probe_spec){.tcp = 80, .interval_ms = 10, .failures = 2,
		.timeout_ms = 20};
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	assert_string_equal(look(w).reason, "liveness: tcp port 80: no answer in time (2 times in a row)");
	fd_close(&w->listener);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_asks_until_it_is_good), TEST(test_never_good), TEST(test_limits),
		TEST(test_ends_before_it_is_ready), TEST(test_vmm_dies_before_it_is_ready),
		TEST(test_console), TEST(test_panic), TEST(test_no_panic), TEST(test_cancelled),
		TEST(test_well), TEST(test_ill), TEST(test_silent),
	};

	return cmocka_run_group_tests_name("ready", tests, NULL, NULL);
}
