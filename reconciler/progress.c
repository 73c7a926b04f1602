/* progress.c - what is going on, on stderr. */
#include "reconciler/progress.h"

#include "reconciler/print.h"
#include "schema/base/clock.h"
#include "schema/field.h"

#include <string.h>
#include <unistd.h>

#define LIVE_EVERY_MS 100
#define PLAIN_EVERY_MS 2000

void progress_clear(struct progress_view *v)
{
	if (v->line_open)
		fputs("\r\033[K", stderr);
	v->line_open = false;
}

static void emit_json(const struct step *s, const char *event, const char *what, uint64_t done,
	uint64_t total, const char *error)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "event", event, "op",
		step_op_name(s->op), "kind", kind_name(s->kind), "what", json_lossy(what), "done",
		(json_int_t)done, "total", (json_int_t)total, "error", json_lossy(error));

	if (!j)
		return;
	json_object_set_new(j, "object", json_string(s->name));
	json_dumpf(j, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(j);
}

static const char *amount_text(struct arena *a, uint64_t done, uint64_t total, int64_t ms)
{
	char left[CLOCK_TEXT_MAX];

	if (!done && !total)
		return "";
	if (!total || done >= total || ms < 500)
		return arena_printf(a, "  %s", print_size(a, done));
	clock_span((int64_t)((double)ms * (double)(total - done) / (double)(done ? done : 1)), left);
	return arena_printf(a, "  %s of %s (%u%%), %s/s, %s left", print_size(a, done),
		print_size(a, total), (unsigned)(done * 100 / total),
		print_size(a, done * 1000 / (uint64_t)ms), left);
}

static void on_progress(void *arg, const struct step *s, const char *what, uint64_t done,
	uint64_t total)
{
	struct progress_view *v = arg;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	int64_t now = clock_mono_ms(), every = v->how == PROGRESS_TTY ? LIVE_EVERY_MS : PLAIN_EVERY_MS;

	if (v->how == PROGRESS_NONE || now - v->last_ms < every)
		return;
	v->last_ms = now;
	if (v->how == PROGRESS_JSON) {
		emit_json(s, "progress", what, done, total, NULL);
		return;
	}
	progress_clear(v);
	fprintf(stderr, "  %s/%s  %s%s", kind_name(s->kind), s->name, print_safe(&a, what),
		amount_text(&a, done, total, now - v->begun_ms));
	if (v->how == PROGRESS_TTY)
		v->line_open = true;
	else
		fputc('\n', stderr);
}

/* Words for a step while it runs and when it is over. */
static const struct {
	const char *doing, *done;
} words[STEP_OP_N] = {
	[STEP_CREATE] = {"creating", "created"},
	[STEP_UPDATE] = {"changing", "changed"},
	[STEP_START] = {"starting", "started"},
	[STEP_STOP] = {"stopping", "stopped"},
	[STEP_DELETE] = {"deleting", "deleted"},
	[STEP_WAIT] = {"waiting until ready", "ready"},
};

static void step_began(struct progress_view *v, const struct step *s)
{
	v->begun_ms = clock_mono_ms();
	v->last_ms = 0;
	if (v->how == PROGRESS_JSON)
		emit_json(s, "begin", NULL, 0, 0, NULL);
	if (v->how != PROGRESS_TTY)
		return;
	progress_clear(v);
	fprintf(stderr, "  %s/%s  %s ...", kind_name(s->kind), s->name, words[s->op].doing);
	v->line_open = true;
}

static void on_step(void *arg, const struct plan_step *ps, const struct step_result *r)
{
	struct progress_view *v = arg;
	const struct step *s = &ps->step;
	bool ok = r && r->state == STEP_DONE;
	int64_t took;

	if (!r) {
		step_began(v, s);
		return;
	}
	if (v->how == PROGRESS_JSON) {
		emit_json(s, "end", NULL, 0, 0, ok ? NULL : r->err.msg);
		return;
	}
	if (v->how == PROGRESS_NONE)
		return;
	progress_clear(v);
	/* The polite request is half of the stop that follows; one line with the time of both. */
	if (ok && s->kind == KIND_GUEST && s->op == STEP_STOP) {
		v->asked_ms += r->took_ms;
		return;
	}
	took = r->took_ms + (s->op == STEP_STOP ? v->asked_ms : 0);
	v->asked_ms = 0;
	fprintf(stderr, "  %s/%s  %s  %.1fs\n", s->kind == KIND_GUEST ? "vm" : kind_name(s->kind),
		s->name, ok ? words[s->op].done : "failed", (double)took / 1000);
}

void progress_start(struct progress_view *v, const struct cli *c, struct pass *p)
{
	bool tty = isatty(STDERR_FILENO);

	*v = (struct progress_view){.cli = c, .how = (enum progress)c->progress, .arena = p->a};
	if (v->how == PROGRESS_AUTO)
		v->how = tty && c->colored_err ? PROGRESS_TTY : PROGRESS_PLAIN;
	p->home.host.progress = on_progress;
	p->home.host.progress_arg = v;
	p->exec.on_step = on_step;
	p->exec.on_step_arg = v;
}
