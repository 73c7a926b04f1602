/* test_guest.c - how a VM ended, what observe makes of it, and the guest driver's wait and stop, all
 * on a run folder that the test fills: no VMM is needed.
 */
#include "drivers/driver.h"
#include "drivers/ending.h"
#include "drivers/rundir.h"
#include "drivers/sys/proc.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern const struct driver driver_guest, driver_vm;

#define NONCE "00112233aabbccdd"
#define EVENT(rest) "{\"v\":1,\"nonce\":\"" NONCE "\"," rest "}\n"

struct world {
	struct arena arena;
	struct host h;
	char root[128];
	int dir, listener;   /* the VM's run folder; agent0.sock */
	const char *at_ping; /* what the report gets before a ping is answered */
	bool hang_up;        /* the agent's socket closes instead of an answer to hello */
	pthread_t thread;
	struct vm_spec spec;
	struct object object;
	struct step step;
	struct kvs facts;
	struct err e;
};

static void put(struct world *w, const char *file, const char *text)
{
	assert_int_equal(file_replace(w->dir, file, text, strlen(text), 0600, NULL), 0);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char boot_id[PROC_BOOT_ID_MAX];

	*state = w;
	snprintf(w->root, sizeof(w->root), "/tmp/test_guest.XXXXXX");
	assert_non_null(mkdtemp(w->root));
	assert_int_equal(proc_boot_id(boot_id, NULL), 0);
	w->h = (struct host){.arena = &w->arena, .instance = "0badcaf0", .run_dir = w->root,
		.state_dir = w->root, .boot_id = arena_dup(&w->arena, boot_id)};
	w->h.run_fd = w->h.state_fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(rundir_make(w->h.run_fd, "web", &w->dir, NULL), 0);
	put(w, RUN_NOTE, "{\"nonce\":\"" NONCE "\"}");
	put(w, RUN_LOG, "");
	w->spec = (struct vm_spec){.head = {.name = "web"}, .running = true,
		.ready_timeout_ms = 20000, .stop_timeout_ms = 1000};
	w->object = (struct object){.kind = KIND_VM, .name = "web", .spec = &w->spec.head};
	w->step = (struct step){.op = STEP_WAIT, .kind = KIND_GUEST, .name = "web",
		.object = &w->object};
	w->listener = -1;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	fd_close(&w->listener);
	close(w->dir);
	close(w->h.run_fd);
	tree_remove(AT_FDCWD, w->root, NULL);
	arena_free(&w->arena);
	free(w);
	return 0;
}

/* ---- a VM that answers ------------------------------------------------------------------ */

static bool vm_answer(struct world *w, int fd, const json_t *j)
{
	bool ping = !strcmp(json_str(j, "op", ""), "ping");

	if (w->hang_up)
		return false;
	if (ping && w->at_ping)
		put(w, RUN_REPORT, w->at_ping);
	dprintf(fd, "{\"id\":%lld,\"ok\":true,\"v\":1,\"nonce\":\"%s\",\"boot_nonce\":\"" NONCE
		"\"}\n", (long long)json_int(j, "id", -1), json_str(j, "nonce", ""));
	return true;
}

static void *vm_run(void *arg)
{
	struct world *w = arg;
	char line[4096];
	int fd;
	FILE *in;

	do
		fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	while (fd < 0);
	in = fdopen(dup(fd), "r");
	while (fgets(line, sizeof(line), in)) {
		_cleanup_json_ json_t *j = NULL;

		if (json_parse(line, strlen(line), "request", &j, NULL) == 0 &&
			!vm_answer(w, fd, j))
			break;
	}
	fclose(in);
	close(fd);
	return NULL;
}

static void vm_start(struct world *w)
{
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	assert_int_equal(fcntl(w->listener, F_SETFL, 0), 0);
	assert_int_equal(pthread_create(&w->thread, NULL, vm_run, w), 0);
}

static int apply(struct world *w, enum step_op op)
{
	w->step.op = op;
	return driver_guest.apply(&w->h, &w->step, &w->facts, &w->e);
}

static void wait_fails(struct world *w, const char *text)
{
	assert_int_equal(apply(w, STEP_WAIT), -1);
	if (!strstr(w->e.msg, text))
		fail_msg("\"%s\" is not in \"%s\"", text, w->e.msg);
}

/* ---- wait and stop ---------------------------------------------------------------------- */

static void test_ready(void **state)
{
	struct world *w = *state;

	vm_start(w);
	assert_int_equal(apply(w, STEP_WAIT), 0);
	pthread_join(w->thread, NULL);
}

static void test_another_boot_answers(void **state)
{
	struct world *w = *state;

	int qmp;

	assert_int_equal(unixsock_listen(w->dir, RUN_QMP, &qmp, NULL), 0);
	put(w, RUN_NOTE, "{\"nonce\":\"ffffffffffffffff\"}");
	vm_start(w);
	wait_fails(w, "VM web is not ready: the agent that answers belongs to another boot");
	close(qmp);
	pthread_join(w->thread, NULL);
}

static void test_workload_cannot_start(void **state)
{
	struct world *w = *state;

	w->at_ping = EVENT("\"ev\":\"error\",\"msg\":\"/bin/none: No such file\\u0007\"");
	vm_start(w);
	wait_fails(w, "could not be started: /bin/none: No such file\\x07");
	pthread_join(w->thread, NULL);
}

static void test_dies_meanwhile(void **state)
{
	struct world *w = *state;

	w->hang_up = true;
	put(w, RUN_CONSOLE, "one\r\ntwo\r\nKernel panic - not syncing: VFS\r\nthree\r\n");
	vm_start(w);
	wait_fails(w, "VM web is not ready: the guest's kernel panicked: Kernel panic - not "
		"syncing: VFS; last on its console: one | two | ");
	pthread_join(w->thread, NULL);
}

static void test_finished_already(void **state)
{
	struct world *w = *state;

	w->hang_up = true;
	put(w, RUN_REPORT, EVENT("\"ev\":\"ready\"") EVENT("\"ev\":\"exit\",\"code\":0"));
	vm_start(w);
	assert_int_equal(apply(w, STEP_WAIT), 0);
	assert_string_equal(kvs_get(&w->facts, "exit"), "the workload exited with code 0");
	pthread_join(w->thread, NULL);
}

static void test_failed_already(void **state)
{
	struct world *w = *state;

	put(w, RUN_REPORT, EVENT("\"ev\":\"exit\",\"code\":7"));
	wait_fails(w, "the workload exited with code 7");
}

/* What the guest says last tells no more than what it said first, but its code. */
static void test_code_of_what_cannot_start(void **state)
{
	struct world *w = *state;

	put(w, RUN_CONSOLE, "noise\n");
	put(w, RUN_REPORT, EVENT("\"ev\":\"error\",\"msg\":\"cannot run /x\"")
		EVENT("\"ev\":\"exit\",\"code\":127"));
	assert_int_equal(apply(w, STEP_WAIT), -1);
	assert_string_equal(w->e.msg, "VM web is not ready: the workload could not be started: "
		"cannot run /x (exit code 127)");
}

/* Once it was ready, how it ended does not make apply fail: it must not hang on who was quicker. */
static void test_ended_after_ready(void **state)
{
	struct world *w = *state;

	put(w, RUN_REPORT, EVENT("\"ev\":\"ready\"") EVENT("\"ev\":\"exit\",\"code\":7"));
	assert_int_equal(apply(w, STEP_WAIT), 0);
	assert_string_equal(kvs_get(&w->facts, "exit"), "the workload exited with code 7");
	w->at_ping = EVENT("\"ev\":\"ready\"") EVENT("\"ev\":\"exit\",\"code\":8");
	vm_start(w);
	assert_int_equal(apply(w, STEP_WAIT), 0);
	assert_string_equal(kvs_get(&w->facts, "exit"), "the workload exited with code 8");
	pthread_join(w->thread, NULL);
	/* A VMM that was killed is another matter, ready or not. */
	put(w, RUN_REPORT, EVENT("\"ev\":\"ready\""));
	put(w, RUN_PID, "1\n");
	fd_close(&w->listener);
	wait_fails(w, "the VMM was killed or crashed");
}

static void test_never_ready(void **state)
{
	struct world *w = *state;

	w->spec.ready_timeout_ms = 50;
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	wait_fails(w, "did not answer in time; its kernel has not come as far");
	assert_int_equal(w->e.kind, ERR_TIMEOUT);
	put(w, RUN_REPORT, EVENT("\"ev\":\"boot\""));
	assert_int_equal(apply(w, STEP_WAIT), -1);
	assert_non_null(strstr(w->e.msg, "did not answer in time"));
	assert_null(strstr(w->e.msg, "its kernel"));
	assert_int_equal(w->e.kind, ERR_TIMEOUT);
}

static void test_power_off(void **state)
{
	struct world *w = *state;

	/* Nobody there, then somebody who does not answer: no error, the VMM is stopped next. */
	assert_int_equal(apply(w, STEP_STOP), 0);
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	w->spec.stop_timeout_ms = 50;
	assert_int_equal(apply(w, STEP_STOP), 0);
	fd_close(&w->listener);
	w->spec.stop_timeout_ms = 20000;
	vm_start(w);
	assert_int_equal(apply(w, STEP_STOP), 0);
	pthread_join(w->thread, NULL);
}

static void test_power_off_cancelled(void **state)
{
	static const volatile sig_atomic_t cancel = 1;
	struct world *w = *state;

	w->h.cancel = &cancel;
	assert_int_equal(unixsock_listen(w->dir, "agent0.sock", &w->listener, NULL), 0);
	assert_int_equal(apply(w, STEP_STOP), -1);
	assert_int_equal(w->e.kind, ERR_CANCELLED);
}

/* ---- endings ---------------------------------------------------------------------------- */

static void test_reports(void **state)
{
	static const struct {
		const char *text;
		bool found;
		enum ending_kind kind;
		int code;
	} cases[] = {
		{"", false, 0, 0},
		{"\n\n\n", false, 0, 0},
		{"garbage\n\xff\xfe\n{\n[]\nnull\n", false, 0, 0},
		{EVENT("\"ev\":\"boot\"") EVENT("\"ev\":\"ready\""), false, 0, 0},
		{EVENT("\"ev\":\"exit\",\"code\":3"), true, ENDING_EXIT, 3},
		{EVENT("\"ev\":\"exit\",\"signal\":9"), true, ENDING_EXIT, 137},
		{EVENT("\"ev\":\"exit\",\"code\":256"), false, 0, 0},
		{EVENT("\"ev\":\"exit\",\"code\":-1"), false, 0, 0},
		{EVENT("\"ev\":\"exit\",\"code\":\"0\""), false, 0, 0},
		{EVENT("\"ev\":\"exit\",\"signal\":0"), false, 0, 0},
		{EVENT("\"ev\":\"exit\",\"signal\":65"), false, 0, 0},
		{"{\"v\":2,\"nonce\":\"" NONCE "\",\"ev\":\"exit\",\"code\":0}\n", false, 0, 0},
		{"{\"v\":1,\"nonce\":\"0011\",\"ev\":\"exit\",\"code\":0}\n", false, 0, 0},
		{"{\"v\":1,\"ev\":\"exit\",\"code\":0}\n", false, 0, 0},
		{"{\"v\":1,\"nonce\":\"" NONCE "\",\"ev\":\"exit\",\"code\":0}", false, 0, 0},
		{EVENT("\"ev\":\"stop\"") EVENT("\"ev\":\"exit\",\"signal\":15"), true,
			ENDING_STOPPED, 0},
		{EVENT("\"ev\":\"error\",\"msg\":5"), true, ENDING_ERROR, 0},
		{EVENT("\"ev\":\"error\",\"msg\":\"x\"") EVENT("\"ev\":\"exit\",\"code\":126")
			EVENT("\"ev\":\"exit\",\"code\":0"), true, ENDING_ERROR, 126},
		{EVENT("\"ev\":\"exit\",\"code\":1") "half", true, ENDING_EXIT, 1},
		{EVENT("\"ev\":[]") EVENT("\"x\":1"), false, 0, 0},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ending end = {0};

		assert_int_equal(ending_from_report(&w->arena, cases[i].text,
			strlen(cases[i].text), NONCE, &end), cases[i].found);
		assert_int_equal(end.kind, cases[i].kind);
		assert_int_equal(end.code, cases[i].code);
		assert_true(!end.text == !cases[i].found);
	}
}

static struct ending ending(struct world *w)
{
	struct ending end;

	ending_find(&w->arena, w->dir, NONCE, &end);
	return end;
}

static void test_endings_without_a_report(void **state)
{
	struct world *w = *state;

	assert_int_equal(ending(w).kind, ENDING_POWEROFF);
	put(w, RUN_PID, "1234\n");
	assert_int_equal(ending(w).kind, ENDING_KILLED);
	put(w, RUN_LOG, "qemu-system-x86_64: terminating on signal 15 from pid 1 (x)\n");
	assert_string_equal(ending(w).text,
		"the VMM was told to end: terminating on signal 15 from pid 1 (x)");
	put(w, RUN_CONSOLE, "Kernel panic - not syncing: \x1b[31mX\n");
	assert_int_equal(ending(w).kind, ENDING_PANIC);
	assert_string_equal(ending(w).text,
		"the guest's kernel panicked: Kernel panic - not syncing: \\x1b[31mX");
}

/* A guest fills its report; only its end is read. */
static void test_flooded_report(void **state)
{
	struct world *w = *state;
	const size_t n = 1 << 20;
	char *text = arena_alloc(&w->arena, n + 256);

	memset(text, '{', n);
	memcpy(text + n, "\n" EVENT("\"ev\":\"exit\",\"code\":4"),
		sizeof("\n" EVENT("\"ev\":\"exit\",\"code\":4")));
	put(w, RUN_REPORT, text);
	assert_int_equal(ending(w).kind, ENDING_EXIT);
	assert_int_equal(ending(w).code, 4);
}

/* ---- observe ---------------------------------------------------------------------------- */

static struct observed look(struct world *w, enum record_state made, const char *pid, bool desired)
{
	struct record r = {.kind = KIND_VM, .name = "web", .state = made};
	struct view v = {.object = desired ? &w->object : NULL, .record = &r};

	kvs_set(&w->arena, &r.facts, "pid", pid);
	kvs_set(&w->arena, &r.facts, "start", pid ? "1" : NULL);
	kvs_set(&w->arena, &r.facts, "boot_id", w->h.boot_id);
	kvs_set(&w->arena, &r.facts, "nonce", NONCE);
	assert_int_equal(driver_vm.observe(&w->h, &v, 1, &w->e), 0);
	return v.observed;
}

static void test_restart_policy(void **state)
{
	/* A pid that no process can have: kernel.pid_max is at most 2^22 (proc(5)). */
	static const char dead[] = "4194305";
	static const char exit0[] = EVENT("\"ev\":\"exit\",\"code\":0");
	static const char exit1[] = EVENT("\"ev\":\"exit\",\"code\":1");
	static const char stop[] = EVENT("\"ev\":\"stop\"");
	static const char cannot[] = EVENT("\"ev\":\"error\",\"msg\":\"x\"")
		EVENT("\"ev\":\"exit\",\"code\":127");
	static const struct {
		const char *report;
		uint32_t restart;
		bool finished;
	} cases[] = {
		{exit0, RESTART_NEVER, true}, {exit0, RESTART_ON_FAILURE, true},
		{exit0, RESTART_ALWAYS, false}, {exit1, RESTART_NEVER, true},
		{exit1, RESTART_ON_FAILURE, false}, {exit1, RESTART_ALWAYS, false},
		{stop, RESTART_NEVER, false}, {cannot, RESTART_NEVER, false},
		{cannot, RESTART_ON_FAILURE, false},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct observed o;

		put(w, RUN_REPORT, cases[i].report);
		w->spec.restart = cases[i].restart;
		o = look(w, RECORD_MADE, dead, true);
		assert_int_equal(o.finished, cases[i].finished);
		assert_int_equal(o.seen, cases[i].finished ? SEEN_SAME : SEEN_DRIFTED);
		assert_int_equal(o.cost, cases[i].finished ? CHANGE_NONE : CHANGE_RESTART);
	}
	w->spec.running = false;
	assert_int_equal(look(w, RECORD_MADE, dead, true).seen, SEEN_SAME);
}

static void test_observe_without_process(void **state)
{
	struct world *w = *state;
	struct view fresh = {.object = &w->object};

	assert_int_equal(driver_vm.observe(&w->h, &fresh, 1, &w->e), 0);
	assert_int_equal(fresh.observed.seen, SEEN_ABSENT);
	assert_int_equal(look(w, RECORD_MADE, "0", true).seen, SEEN_DRIFTED);
	assert_int_equal(look(w, RECORD_FAILED, NULL, true).seen, SEEN_ABSENT);
	/* No longer desired: its folder has to go first. */
	assert_int_equal(look(w, RECORD_FAILED, NULL, false).seen, SEEN_SAME);
	assert_int_equal(tree_remove(w->h.run_fd, "vms", NULL), 0);
	assert_int_equal(look(w, RECORD_FAILED, NULL, false).seen, SEEN_ABSENT);
	w->spec.running = false;
	assert_int_equal(look(w, RECORD_MADE, "0", true).seen, SEEN_SAME);
}

static void test_rebooted_host(void **state)
{
	struct world *w = *state;
	struct record r = {.kind = KIND_VM, .name = "web", .state = RECORD_MADE};
	struct view v = {.object = &w->object, .record = &r};

	kvs_set(&w->arena, &r.facts, "pid", "1");
	kvs_set(&w->arena, &r.facts, "start", "1");
	kvs_set(&w->arena, &r.facts, "boot_id", "00000000-0000-0000-0000-000000000000");
	assert_int_equal(tree_remove(w->h.run_fd, "vms", NULL), 0);
	assert_int_equal(driver_vm.observe(&w->h, &v, 1, &w->e), 0);
	assert_int_equal(v.observed.seen, SEEN_DRIFTED);
	assert_string_equal(v.observed.reason,
		"VMM process 1 is gone (the host was rebooted)");
}

/* A process of ours in the place of the VMM, recorded as such. */
static struct observed look_at_process(struct world *w, const struct proc_id *id)
{
	struct record r = {.kind = KIND_VM, .name = "web", .state = RECORD_MADE};
	struct view v = {.object = &w->object, .record = &r};

	rundir_id_set(&w->arena, &r.facts, id);
	assert_int_equal(driver_vm.observe(&w->h, &v, 1, &w->e), 0);
	assert_true(v.observed.running);
	return v.observed;
}

static void looks(struct world *w, const struct proc_id *id, const char *reason)
{
	struct observed o = look_at_process(w, id);

	assert_int_equal(o.seen, reason ? SEEN_DRIFTED : SEEN_SAME);
	assert_int_equal(o.cost, reason ? CHANGE_RESTART : CHANGE_NONE);
	if (reason)
		assert_non_null(strstr(o.reason, reason));
	else
		assert_null(o.reason);
}

/* Alive but out of reach for good: said, to be restarted. Nobody has to answer for being well. */
static void test_observe_what_cannot_serve(void **state)
{
	static const char *const args[] = {"sleep", "1000", NULL};
	struct world *w = *state;
	struct proc_spec spec = {.path = "/bin/sleep", .argv = args, .cwd_fd = -1, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1, .dies_with_us = true};
	int qmp, agent, status;
	struct proc_id id;

	assert_int_equal(proc_spawn(&spec, &id, NULL, &w->e), 0);
	assert_int_equal(unixsock_listen(w->dir, RUN_QMP, &qmp, NULL), 0);
	looks(w, &id, "sockets are gone");
	assert_int_equal(unixsock_listen(w->dir, "agent3.sock", &agent, NULL), 0);
	looks(w, &id, NULL); /* they accept nobody: a slow VM, not a broken one */
	kill(id.pid, SIGSTOP);
	assert_int_equal(waitpid(id.pid, &status, WUNTRACED), id.pid);
	looks(w, &id, "was stopped by a signal");
	assert_int_equal(proc_continue(&id, &w->e), 0);
	assert_int_equal(waitpid(id.pid, &status, WCONTINUED), id.pid);
	looks(w, &id, NULL);
	unlinkat(w->dir, RUN_QMP, 0);
	put(w, RUN_QMP, "a file is no socket");
	looks(w, &id, "sockets are gone");
	unlinkat(w->dir, RUN_QMP, 0);
	assert_int_equal(tree_remove(w->h.run_fd, "vms", NULL), 0);
	looks(w, &id, "sockets are gone");
	w->spec.running = false;
	looks(w, &id, "should be stopped");
	assert_int_equal(proc_signal(&id, SIGKILL, NULL), 0);
	assert_int_equal(proc_wait_gone(&id, 10000, NULL), 0);
	close(qmp);
	close(agent);
}

/* BI-076: what is no identity of a live VMM is none, and no process is hit for it. */
static void test_bad_identities(void **state)
{
	static const char *const args[] = {"sleep", "1000", NULL};
	static const char *const pids[] = {"0", "1", "-1", "", "1.5", "0x10", "ten", "2147483648",
		"4294967297", "99999999999999999999"};
	struct world *w = *state;
	struct proc_spec spec = {.path = "/bin/sleep", .argv = args, .cwd_fd = -1, .stdin_fd = -1,
		.stdout_fd = -1, .stderr_fd = -1, .dies_with_us = true};
	struct proc_id id, wrong;

	assert_int_equal(proc_spawn(&spec, &id, NULL, &w->e), 0);
	w->spec.stop_timeout_ms = 1;
	for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]) + 2; i++) {
		struct record r = {.kind = KIND_VM, .name = "web", .state = RECORD_MADE};
		struct view v = {.object = &w->object, .record = &r};

		wrong = id;
		if (i == sizeof(pids) / sizeof(pids[0]))
			wrong.start++;
		if (i == sizeof(pids) / sizeof(pids[0]) + 1)
			wrong.boot_id[0] ^= 1;
		rundir_id_set(&w->arena, &r.facts, &wrong);
		if (i < sizeof(pids) / sizeof(pids[0]))
			kvs_set(&w->arena, &r.facts, "pid", pids[i]);
		assert_int_equal(driver_vm.observe(&w->h, &v, 1, &w->e), 0);
		assert_false(v.observed.running);
		w->step.args = r.facts;
		w->step.op = STEP_STOP;
		assert_int_equal(driver_vm.apply(&w->h, &w->step, &w->facts, &w->e), 0);
		assert_true(proc_is_alive(&id));
	}
	assert_int_equal(proc_signal(&id, SIGKILL, NULL), 0);
	assert_int_equal(proc_wait_gone(&id, 10000, NULL), 0);
}

/* More memory than the host can ever give is an error before anything is made. */
static void test_host_is_too_small(void **state)
{
	struct world *w = *state;
	struct kvs facts = {0};
	struct sysinfo info;

	assert_int_equal(sysinfo(&info), 0);
	w->spec.memory = 64 << 20;
	assert_int_equal(driver_vm.resolve(&w->h, &w->object, NULL, &facts, &w->e), 0);
	w->spec.memory = ((uint64_t)info.totalram + info.totalswap) * info.mem_unit + (1 << 20);
	assert_int_equal(driver_vm.resolve(&w->h, &w->object, NULL, &facts, &w->e), -1);
	assert_int_equal(w->e.kind, ERR_LIMIT);
	assert_non_null(strstr(w->e.msg, "more than this host has"));
	err_clear(&w->e);
	w->spec.running = false; /* one that does not run needs none */
	assert_int_equal(driver_vm.resolve(&w->h, &w->object, NULL, &facts, &w->e), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_ready),
		T(test_another_boot_answers),
		T(test_workload_cannot_start),
		T(test_dies_meanwhile),
		T(test_finished_already),
		T(test_failed_already),
		T(test_code_of_what_cannot_start),
		T(test_ended_after_ready),
		T(test_never_ready),
		T(test_power_off),
		T(test_power_off_cancelled),
		T(test_reports),
		T(test_endings_without_a_report),
		T(test_flooded_report),
		T(test_restart_policy),
		T(test_observe_without_process),
		T(test_rebooted_host),
		T(test_observe_what_cannot_serve),
		T(test_bad_identities),
		T(test_host_is_too_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
