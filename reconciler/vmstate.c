/* vmstate.c - how a VM is now, in words. */
#include "reconciler/vmstate.h"

#include "drivers/ending.h"
#include "drivers/guest/agent.h"
#include "drivers/guest/probe.h"
#include "drivers/rundir.h"
#include "reconciler/engine/drift.h"
#include "reconciler/engine/recall.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define READY_TIMEOUT_MS 1000
#define PROBE_MS 3000 /* a program has to be started in the guest */
#define EVENTS_MAX 10000

const char *vmstate_fact(const struct view *v, const char *key)
{
	const char *now = kvs_get(&v->observed.facts, key);

	return now ? now : kvs_get(&v->record->facts, key);
}

/* What was last applied as its ready; NULL: its agent is enough. */
static const struct probe_spec *question_of(struct arena *a, const struct record *r)
{
	const struct probe_spec *p;
	bool any = false;

	kvs_each(f, &r->fields)
		any |= !strncmp(f->key, "ready.", 6);
	if (!any)
		return NULL;
	p = &((const struct vm_spec *)(const void *)recall_object(a, r, NULL)->spec)->ready;
	return probe_is_set(p) ? p : NULL;
}

static const char *ask_agent(const char *run, const volatile sig_atomic_t *cancel)
{
	_cleanup_agent_ struct agent *agent = NULL;
	struct err err = ERR_INIT;

	if (agent_reach(run, READY_TIMEOUT_MS, cancel, &agent, &err) < 0)
		return err.kind == ERR_LOCKED ? "busy" : "no";
	return agent_ping(agent, READY_TIMEOUT_MS, &err) == 0 ? "yes" : "no";
}

/* *why is set when it answers something else than it should. What its console said may have scrolled
 * away: that was seen once, by who waited for it. */
static const char *ask(struct arena *a, const struct view *v, const volatile sig_atomic_t *cancel,
	const char **why)
{
	const struct probe_spec *p = question_of(a, v->record);
	const char *run = vmstate_fact(v, "run"), *ready = vmstate_fact(v, "ready"), *text;
	struct err err = ERR_INIT;
	int r;

	if (!run)
		return "no";
	if (p && p->console)
		return ready && !strcmp(ready, "yes") ? "yes" : "no";
	if (!p)
		return ask_agent(run, cancel);
	r = probe_ask(a, run, p, PROBE_MS, cancel, &text, &err);
	if (r > 0)
		*why = text;
	return r == 0 ? "yes" : "no";
}

/* ---- how it ended --------------------------------------------------------------------------- */

/* The last time that the VM wrote anything. */
static int64_t last_sign_ms(int run_fd)
{
	static const char *const files[] = {RUN_REPORT, RUN_OUTPUT, RUN_CONSOLE, RUN_LOG};
	int64_t last = 0;
	struct stat st;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		int64_t ms;

		if (fstatat(run_fd, files[i], &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
		last = ms > last ? ms : last;
	}
	return last;
}

static void find_ending(struct arena *a, const struct view *v, struct vmstate *out)
{
	const char *run = vmstate_fact(v, "run"), *nonce = vmstate_fact(v, "nonce");
	_cleanup_fd_ int fd = run ? open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct ending ending = {0};
	int64_t ended;

	if (fd < 0 || !nonce)
		return;
	ending_find(a, fd, nonce, &ending);
	ended = last_sign_ms(fd);
	out->ended = true;
	out->how = ending.text;
	if (ending.kind == ENDING_PANIC)
		out->last_words = ending_last_words(a, fd);
	if (ending.kind == ENDING_EXIT)
		out->exit_code = ending.code;
	if (ended)
		out->since_ms = ended;
}

/* ---- notes ---------------------------------------------------------------------------------- */

/* When it is tried again and what to do, after why it failed. */
static const char *failed_note(struct arena *a, const struct record *r)
{
	char at[CLOCK_TEXT_MAX];

	clock_text(r->retry_at_ms, at);
	return arena_printf(a, "%s (attempt %u; due again at %s; reconcile apply tries at once)",
		r->reason ? r->reason : "the last change failed", r->attempts, at);
}

/* What the drift policy has to do with the state that is shown. */
static const char *policy_note(struct arena *a, const struct view *v, const char *state,
	const char *note)
{
	const struct drift_rule rule = drift_rule_of(NULL, v->record, clock_real_ms());
	const char *why = rule.why ? arena_printf(a, ": %s", rule.why) : "";
	const char *sep = note[0] ? "; " : "";

	if (rule.expired)
		return arena_printf(a, "%s%sdrift%s%s.until %s has passed, drift is %s", note, sep,
			rule.part ? "." : "", rule.part ? rule.part : "", rule.until,
			drift_done(rule.policy));
	if (rule.policy == DRIFT_HOLD)
		return arena_printf(a, "%s%sheld%s%s%s", note, sep, rule.until ? " until " : "",
			rule.until ? rule.until : "", why);
	if (rule.policy == DRIFT_REPORT && !strcmp(state, "dead"))
		return arena_printf(a, "%s%sdrift, left so%s%s%s", note, sep, rule.until ? " until " : "",
			rule.until ? rule.until : "", why);
	return note;
}

/* Its rows are back and nothing has been done since. */
static bool is_undeleted(const struct record *r)
{
	return r->state == RECORD_MAKING && r->reason && !strncmp(r->reason, "undeleted", 9);
}

static const char *dead_note(const struct view *v)
{
	if (v->observed.reason)
		return v->observed.reason;
	if (vmstate_fact(v, "exit"))
		return vmstate_fact(v, "exit");
	return "expected to run; see: reconcile plan";
}

void vmstate_find(struct arena *a, const struct view *v, const volatile sig_atomic_t *cancel,
	struct vmstate *out)
{
	const struct record *r = v->record;
	const char *wanted = kvs_get(&r->fields, "running");

	*out = (struct vmstate){.ready = "-", .note = r->reason ? r->reason : "", .exit_code = -1,
		.since_ms = r->changed_at_ms};
	if (!v->observed.running)
		find_ending(a, v, out);
	if (v->observed.running) {
		out->state = "running";
		out->ready = ask(a, v, cancel, &out->note);
		if (v->observed.reason)
			out->note = v->observed.reason;
	} else if (r->state == RECORD_FAILED) {
		out->state = "failed";
		out->note = failed_note(a, r);
	} else if (wanted && !strcmp(wanted, "false")) {
		out->state = "stopped";
	} else if (v->observed.finished) {
		out->state = "exited";
		out->note = vmstate_fact(v, "exit") ? vmstate_fact(v, "exit") : "";
	} else {
		out->state = "dead";
		out->note = dead_note(v);
	}
	if (out->last_words && strcmp(out->state, "failed") != 0)
		out->note = arena_printf(a, "%s; last on its console: %s", out->note, out->last_words);
	if (is_undeleted(r))
		out->note = r->reason;
	else if (r->state == RECORD_DELETING || r->state == RECORD_MAKING)
		out->note = arena_printf(a, "%s; an earlier pass did not end, apply again",
			record_state_name(r->state));
	out->note = policy_note(a, v, out->state, out->note);
}

/* ---- history -------------------------------------------------------------------------------- */

int vmstate_restarts(struct arena *a, struct store *s, const char *name)
{
	const struct event_query q = {.kind = KIND_VM, .name = name, .limit = EVENTS_MAX};
	struct events events = {0};
	int64_t floor_ms;
	int starts = 0;

	if (!s || store_event_floor(s, &floor_ms, NULL) != 0 ||
		store_event_list(s, a, &q, &events, NULL) < 0)
		return -1;
	vec_each(ev, &events) {
		if (!strcmp(ev->what, "forgotten")) /* another VM of that name */
			starts = 0;
		else if (!strcmp(ev->what, "done") && strstr(ev->detail, "\"start\""))
			starts++;
	}
	return starts - 1;
}
