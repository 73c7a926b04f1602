/* test_engine_many.c - independent steps at the same time, each in a process of its own. That they
 * overlap is shown by their order, never by the time they take: each waits until the other is there.
 */
#include "tests/lib/engine.h"

#include "reconciler/engine/many.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VM(name) "  " name ": {image: base, kernel: k, memory: 64MiB}\n"
#define SPEC_TWO SPEC_HEAD VM("a") VM("b")
#define SPEC_FOUR SPEC_TWO VM("c") VM("d")
#define PATIENCE_MS 20000 /* only a test that fails waits so long */

/* What parent and children share. */
static struct shared {
	unsigned there, most, now;
} *shared;
static volatile sig_atomic_t cancel;

/* cmocka catches what a child dies of and would go on with the next test in it. */
static void end_if_a_child(void)
{
	static pid_t ours;

	if (!ours)
		ours = getpid();
	if (getpid() != ours)
		_exit(1);
}

static int set_up(void **state)
{
	end_if_a_child();
	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	if (shared == MAP_FAILED)
		return -1;
	memset(shared, 0, sizeof(*shared));
	cancel = 0;
	return engine_set_up(state);
}

static int tear_down(void **state)
{
	end_if_a_child();
	return engine_tear_down(state);
}

static void wait_until(const unsigned *what, unsigned n)
{
	for (int ms = 0; __atomic_load_n(what, __ATOMIC_SEQ_CST) < n; ms += 10) {
		if (ms > PATIENCE_MS)
			_exit(1);
		poll(NULL, 0, 10);
	}
}

static struct pass act(struct arena *a, const char *text, unsigned parallel,
	void (*hook)(const struct step *step))
{
	struct pass p = engine_pass(a, text);

	fake_use(engine_world, hook);
	p.cancel = &cancel;
	p.exec.parallel = parallel;
	engine_look(&p);
	engine_act(&p);
	fake_use(engine_world, NULL);
	pass_close(&p);
	return p;
}

static const struct step_result *result_of(const struct pass *p, enum step_op op, const char *name)
{
	for (size_t i = 0; i < p->plan.steps.n; i++) {
		const struct step *s = &p->plan.steps.v[i].step;

		if (s->op == op && (s->kind == KIND_VM || s->kind == KIND_GUEST) && !strcmp(s->name, name))
			return &p->exec.results[i];
	}
	fail_msg("no step %s of %s", step_op_name(op), name);
	return &p->exec.results[0];
}

/* ---- at the same time ------------------------------------------------------------------------ */

static void meet(const struct step *s)
{
	if (s->op != STEP_START)
		return;
	__atomic_add_fetch(&shared->there, 1, __ATOMIC_SEQ_CST);
	wait_until(&shared->there, 2);
}

static void two_starts_meet(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, SPEC_TWO, 2, meet);
	assert_int_equal(p.exec.failed, 0);
	assert_int_equal(p.exec.done, p.plan.steps.n);
	assert_int_equal(shared->there, 2);
	engine_assert_converged(SPEC_TWO);
}

static void count_now(const struct step *s)
{
	unsigned now, most;

	if (s->op != STEP_START)
		return;
	now = __atomic_add_fetch(&shared->now, 1, __ATOMIC_SEQ_CST);
	most = __atomic_load_n(&shared->most, __ATOMIC_SEQ_CST);
	while (now > most && !__atomic_compare_exchange_n(&shared->most, &most, now, false,
		__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
	poll(NULL, 0, 20);
	__atomic_sub_fetch(&shared->now, 1, __ATOMIC_SEQ_CST);
}

static void never_more_than_asked_for(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, SPEC_FOUR, 3, count_now);
	assert_int_equal(p.exec.failed, 0);
	assert_true(shared->most >= 1 && shared->most <= 3);
	engine_assert_converged(SPEC_FOUR);
}

static void count_images(const struct step *s)
{
	const struct step like_start = {.op = STEP_START};

	if (s->kind == KIND_IMAGE && s->op == STEP_CREATE)
		count_now(&like_start);
}

/* Two images of one content are one file: the second waits for the first, others do not. */
static void one_content_once(void **state)
{
	static const char text[] = "version: 1\nimages: {one: {oci: 'registry.example/x:1'}, "
		"two: {oci: 'registry.example/x:1'}}\nkernels: {k: {file: /boot/k}}\nvms:\n"
		"  a: {image: one, kernel: k, memory: 64MiB}\n"
		"  b: {image: two, kernel: k, memory: 64MiB}\n";
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, text, 4, count_images);
	assert_int_equal(p.exec.failed, 0);
	assert_int_equal(shared->most, 1);
	engine_assert_converged(text);
}

/* What the children found out is written down: pids, and that they are ready. */
static void facts_come_back(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	(void)state;
	act(&a, SPEC_TWO, 2, NULL);
	for (const char *name = "a"; *name && *name <= 'b'; name = *name == 'a' ? "b" : "") {
		const struct record *r = engine_row(&a, KIND_VM, name);

		assert_non_null(r);
		assert_int_equal(r->state, RECORD_MADE);
		assert_string_equal(kvs_get(&r->facts, "pid"), "1001");
		assert_string_equal(kvs_get(&r->facts, "ready"), "yes");
	}
}

/* ---- failures -------------------------------------------------------------------------------- */

/* The process of one step is killed; nobody knows how far it came. */
static void die_as_a(const struct step *s)
{
	if (s->op == STEP_START && !strcmp(s->name, "a"))
		raise(SIGKILL);
}

static void a_step_that_dies_is_undone(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, SPEC_TWO, 2, die_as_a);
	assert_int_equal(p.exec.failed, 1);
	assert_int_equal(result_of(&p, STEP_START, "a")->state, STEP_FAILED);
	assert_non_null(strstr(result_of(&p, STEP_START, "a")->err.msg, "without an answer"));
	assert_int_equal(result_of(&p, STEP_WAIT, "a")->state, STEP_SKIPPED);
	assert_int_equal(result_of(&p, STEP_WAIT, "b")->state, STEP_DONE);
	assert_null(fake_find(engine_world, KIND_DISK, "a"));
	assert_non_null(fake_find(engine_world, KIND_DISK, "b"));
	engine_apply(SPEC_TWO);
	engine_assert_converged(SPEC_TWO);
}

/* What it dies of is caught by the test program, which must not go on with its tests in the child. */
static void crash_as_a(const struct step *s)
{
	if (s->op == STEP_START && !strcmp(s->name, "a"))
		raise(SIGSEGV);
}

static void a_step_that_crashes_is_undone(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, SPEC_TWO, 2, crash_as_a);
	assert_int_equal(p.exec.failed, 1);
	assert_non_null(strstr(result_of(&p, STEP_START, "a")->err.msg, "without an answer"));
	assert_int_equal(result_of(&p, STEP_WAIT, "b")->state, STEP_DONE);
	engine_apply(SPEC_TWO);
	engine_assert_converged(SPEC_TWO);
}

/* A step that says more than anybody wants to hear is ended and undone, not waited for. */
static void talk_for_ever(const struct step *s)
{
	static char noise[65536];

	if (s->op != STEP_START || strcmp(s->name, "a"))
		return;
	memset(noise, 'x', sizeof(noise));
	for (int fd = 3; fd < 256; fd++) {
		struct stat st;

		/* The one pipe of our own that can be written to is the way to the parent. */
		if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || fcntl(fd, F_GETFD) != FD_CLOEXEC ||
			(fcntl(fd, F_GETFL) & O_ACCMODE) != O_WRONLY)
			continue;
		while (write(fd, noise, sizeof(noise)) > 0)
			;
	}
}

static void a_step_that_never_ends_talking(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct pass p;

	(void)state;
	p = act(&a, SPEC_TWO, 2, talk_for_ever);
	assert_int_equal(p.exec.failed, 1);
	assert_int_equal(result_of(&p, STEP_START, "a")->state, STEP_FAILED);
	assert_int_equal(result_of(&p, STEP_WAIT, "b")->state, STEP_DONE);
	engine_apply(SPEC_TWO);
	engine_assert_converged(SPEC_TWO);
}

/* Each call of each driver fails once: it is one of several at the same time, or alone. */
static void one_failure_stops_nobody_else(void **state)
{
	uint32_t total;

	(void)state;
	engine_apply(SPEC_FOUR);
	total = engine_world->calls;
	for (uint32_t at = 3; at <= total; at++) { /* image and kernel are everybody's */
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct pass p;

		engine_tear_down(NULL);
		engine_set_up(NULL);
		engine_script(0, at, FAKE_FAIL_HALF);
		p = act(&a, SPEC_FOUR, 4, NULL);
		assert_int_equal(p.exec.failed, 1);
		assert_true(p.exec.done >= 2 + 3 * 3);
		engine_apply(SPEC_FOUR);
		engine_assert_converged(SPEC_FOUR);
	}
}

/* ---- cancelling ------------------------------------------------------------------------------ */

static void on_signal(int sig)
{
	cancel = sig;
}

/* Both starts are on their way when the user presses Ctrl-C; each is told and stops where it is. */
static void cancel_when_both_are_there(const struct step *s)
{
	if (s->op != STEP_START)
		return;
	if (__atomic_add_fetch(&shared->there, 1, __ATOMIC_SEQ_CST) == 2)
		kill(getppid(), SIGINT);
	for (int ms = 0; !cancel && ms < PATIENCE_MS; ms += 10)
		poll(NULL, 0, 10);
	__atomic_add_fetch(&shared->now, cancel == SIGTERM, __ATOMIC_SEQ_CST);
}

static void a_signal_undoes_what_is_half_made(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct sigaction ours = {.sa_handler = on_signal}, before[2];
	struct pass p;

	(void)state;
	sigaction(SIGINT, &ours, &before[0]);
	sigaction(SIGTERM, &ours, &before[1]);
	p = act(&a, SPEC_FOUR, 2, cancel_when_both_are_there);
	sigaction(SIGINT, &before[0], NULL);
	sigaction(SIGTERM, &before[1], NULL);
	assert_int_equal(cancel, SIGINT);
	assert_int_equal(shared->there, 2); /* no third one began */
	assert_int_equal(shared->now, 2);   /* both were asked to stop */
	for (const char *vm = "abcd"; *vm; vm++) {
		const char name[2] = {*vm, '\0'};

		assert_null(fake_find(engine_world, KIND_VM, name));
		assert_null(fake_find(engine_world, KIND_DISK, name));
	}
	for (size_t i = 0; i < p.plan.steps.n; i++)
		if (p.exec.results[i].state == STEP_FAILED)
			assert_int_equal(p.exec.results[i].err.kind, ERR_CANCELLED);
	cancel = 0;
	engine_apply(SPEC_FOUR);
	engine_assert_converged(SPEC_FOUR);
}

static void usual_number(void **state)
{
	(void)state;
	assert_in_range(many_usual(), 2, 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_starts_meet),
		T(never_more_than_asked_for),
		T(one_content_once),
		T(facts_come_back),
		T(a_step_that_dies_is_undone),
		T(a_step_that_crashes_is_undone),
		T(a_step_that_never_ends_talking),
		T(one_failure_stops_nobody_else),
		T(a_signal_undoes_what_is_half_made),
		T(usual_number),
	};

	return cmocka_run_group_tests_name("many", tests, NULL, NULL);
}
