/* cmd_wait.c - wait until VMs are ready, have ended, or are gone. */
#include "reconciler/session.h"
#include "reconciler/vmstate.h"

#include "schema/base/clock.h"

#include <string.h>
#include <time.h>

#define LOOK_MS 250
#define EXIT_TIMED_OUT 5
#define EXIT_TERMINAL 6

enum wait_for { WAIT_READY, WAIT_EXIT, WAIT_GONE };

/* What came of one VM. */
enum met { MET, NOT_YET, NEVER };

/* A VM that ended by itself, was stopped or failed does not get ready by waiting. One that died may be
 * repaired by somebody meanwhile. */
static bool is_over(const char *state)
{
	return !strcmp(state, "exited") || !strcmp(state, "failed") || !strcmp(state, "stopped");
}

static enum met judge_ready(struct arena *a, const struct view *v, const char **why)
{
	struct vmstate s;

	vmstate_find(a, v, &cli_cancel, &s);
	*why = arena_printf(a, "it is %s%s%s", s.state, *s.note ? ": " : "", s.note);
	if (!strcmp(s.ready, "yes"))
		return MET;
	return is_over(s.state) ? NEVER : NOT_YET;
}

/* Once it has ended, its exit code is the result that was asked for. */
static enum met judge_exit(struct arena *a, const struct view *v, bool quiet, const char **why)
{
	struct vmstate s;

	*why = "it runs";
	if (v->observed.running)
		return NOT_YET;
	vmstate_find(a, v, &cli_cancel, &s);
	if (!quiet && s.exit_code >= 0)
		printf("%d\n", s.exit_code);
	return MET;
}

static int look(struct cli *c, struct arena *a, const char *name, enum met *met, const char **why,
	struct err *e)
{
	const char *only[] = {arena_printf(a, "vm/%s", name)};
	struct pass p = {.a = a, .state_dir = c->state_dir, .cancel = &cli_cancel, .only = only, .n_only = 1};
	const struct view *v;
	int rc = pass_look(&p, e);

	*why = "it is there";
	p.only = NULL;
	v = rc == 0 ? views_find(&p.views, KIND_VM, name) : NULL;
	if (rc == 0 && c->wait_for == WAIT_GONE)
		*met = v ? NOT_YET : MET;
	else if (rc == 0 && !v)
		rc = session_no_vm(&p, name, e);
	else if (rc == 0)
		*met = c->wait_for == WAIT_EXIT ? judge_exit(a, v, c->quiet, why) : judge_ready(a, v, why);
	pass_close(&p);
	return rc;
}

/* 0, 5, 6, or -1 with e. */
static int wait_one(struct cli *c, const char *name, int64_t deadline, struct err *e)
{
	static const char *const what[] = {"ready", "ended", "gone"};
	const struct timespec nap = {.tv_nsec = LOOK_MS * 1000000L};

	for (;;) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		enum met met = NOT_YET;
		const char *why = "";

		if (look(c, &a, name, &met, &why, e) < 0)
			return -1;
		if (met == MET)
			return 0;
		if (cli_cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (met == NEVER || (deadline && clock_mono_ms() >= deadline)) {
			fprintf(stderr, "reconcile: vm/%s is not %s%s; %s\n", name, what[c->wait_for],
				met == NEVER ? " and will not be by waiting" : " in time", why);
			return met == NEVER ? EXIT_TERMINAL : EXIT_TIMED_OUT;
		}
		nanosleep(&nap, NULL);
	}
}

static int run(struct cli *c, struct err *e)
{
	const int64_t deadline = cli_given(c, "timeout") ? clock_mono_ms() + (int64_t)c->timeout_ms : 0;
	int worst = 0;

	if (!c->args.n) {
		err_set(e, ERR_USAGE, "wait: give a VM");
		return err_hint(e, "for example: reconcile wait --for ready web");
	}
	vec_each(w, &c->args) {
		int rc = wait_one(c, strncmp(*w, "vm/", 3) ? *w : *w + 3, deadline, e);

		if (rc < 0)
			return -1;
		worst = rc > worst ? rc : worst;
	}
	return worst;
}

const struct cmd cmd_wait = {
	.name = "wait",
	.args = "VM...",
	.caption = "wait until VMs are ready, have ended, or are gone",
	.help = "Waits until each VM is ready (what its spec names is answered well), has ended (its exit code is\n"
		"printed), or is not recorded any more. Exit status 5: not in time; 6: a VM that failed, ended or\n"
		"was stopped will not be ready by waiting. Without --timeout it waits as long as it takes.\n\n"
		"  reconcile wait web db\n"
		"  reconcile wait --for exit --timeout 10m job\n"
		"  reconcile wait --for gone web",
	.run = run,
};
