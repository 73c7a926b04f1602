/* progress.c - what is going on, on stderr. */
#include "reconciler/progress.h"

#include "reconciler/print.h"
#include "reconciler/table.h"
#include "schema/base/clock.h"
#include "schema/field.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define LIVE_EVERY_MS 100
#define PLAIN_EVERY_MS 2000
#define JSON_EVERY_MS 200   /* for each thing that goes on */
#define LIVE_LINES 12
#define LIVE_FOR_MS 15000   /* a thing without a word for so long is left out */
#define WAIT_MS 2000        /* a wait that is not told */
#define WAIT_LIVE_MS 1000   /* a live line tells again */
#define WAIT_PLAIN_MS 10000 /* and a plain one */

/* With the lock held. */
static void clear(struct progress_view *v)
{
	if (v->line_open)
		fputs("\r\033[K", stderr);
	for (; v->line_open && v->lines_above; v->lines_above--)
		fputs("\033[A\033[K", stderr);
	v->lines_above = 0;
	v->line_open = false;
}

static void write_json(json_t *j)
{
	if (!j)
		return;
	json_dumpf(j, stderr, JSON_COMPACT);
	fputc('\n', stderr);
	json_decref(j);
}

static json_t *step_json(const struct step *s, const char *event, const char *what, uint64_t done,
	uint64_t total, const char *error)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o}", "event", event, "op",
		step_op_name(s->op), "kind", kind_name(s->kind), "what", json_lossy(what), "done",
		(json_int_t)done, "total", (json_int_t)total, "error", json_lossy(error));

	if (j)
		json_object_set_new(j, "object", json_lossy(s->name));
	return j;
}

/* "12.0 MiB of 40.0 MiB (30%), 4.0 MiB/s, 7s left" */
static const char *amount_text(struct arena *a, const struct meter *m)
{
	const uint64_t rate = meter_rate(m);
	const int64_t left = meter_left_ms(m);
	char span[CLOCK_TEXT_MAX];
	const char *text;

	if (!m->done && !m->total)
		return "";
	text = arena_printf(a, "  %s", print_size(a, m->done));
	if (m->total && !meter_is_done(m))
		text = arena_printf(a, "%s of %s (%.0f%%)", text, print_size(a, m->total),
			(double)m->done * 100 / (double)m->total);
	if (rate && !meter_is_done(m))
		text = arena_printf(a, "%s, %s/s", text, print_size(a, rate));
	if (left <= 0)
		return text;
	clock_span(left, span);
	return arena_printf(a, "%s, %s left", text, span);
}

/* With the lock held. What is done from now on; NULL: nothing. */
static void set_doing(struct progress_view *v, const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	snprintf(v->doing, sizeof(v->doing), "%s", text ? print_safe(&a, text) : "");
	v->begun_ms = v->last_ms = clock_mono_ms();
	pthread_cond_signal(&v->wake);
}

/* ---- waiting -------------------------------------------------------------------------------- */

/* With the lock held. */
static void tell_wait(struct progress_view *v, int64_t now)
{
	char span[CLOCK_TEXT_MAX];
	json_t *j;

	v->last_ms = now;
	if (v->how == PROGRESS_JSON) {
		j = json_pack("{s:s, s:s, s:I}", "event", "wait", "what", v->doing, "waited_ms",
			(json_int_t)(now - v->begun_ms));
		write_json(j);
		return;
	}
	clear(v);
	clock_span(now - v->begun_ms, span);
	fprintf(stderr, v->how == PROGRESS_TTY ? "  %s ... %s" : "  %s, %s so far\n", v->doing, span);
	v->line_open = v->how == PROGRESS_TTY;
}

static bool is_due(const struct progress_view *v, int64_t now)
{
	const int64_t again = v->how == PROGRESS_TTY ? WAIT_LIVE_MS : WAIT_PLAIN_MS;

	if (!v->doing[0] || now - v->begun_ms < WAIT_MS)
		return false;
	/* The first time it may have been told a moment ago, by whoever began it. */
	return now - v->last_ms >= (v->last_ms - v->begun_ms < WAIT_MS ? WAIT_MS : again);
}

static void *tick(void *arg)
{
	struct progress_view *v = arg;

	pthread_mutex_lock(&v->lock);
	while (!v->stop) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&v->wake, &v->lock, &until);
		if (!v->stop && is_due(v, clock_mono_ms()))
			tell_wait(v, clock_mono_ms());
	}
	pthread_mutex_unlock(&v->lock);
	return NULL;
}

/* Signals are for the thread that works: they have to interrupt its waits. */
static void start_ticker(struct progress_view *v)
{
	pthread_condattr_t attr;
	sigset_t all, was;

	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&v->wake, &attr);
	pthread_condattr_destroy(&attr);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	v->ticks = v->how != PROGRESS_NONE && pthread_create(&v->ticker, NULL, tick, v) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
}

/* ---- what the pass says --------------------------------------------------------------------- */

static void on_stage(void *arg, const char *what)
{
	struct progress_view *v = arg;

	pthread_mutex_lock(&v->lock);
	clear(v);
	set_doing(v, what);
	pthread_mutex_unlock(&v->lock);
}

/* A part stands behind its whole; on a terminal, whose lines are short, with its share alone. */
static const char *part_text(struct progress_view *v, struct arena *a, const struct meter *whole,
	const struct meter *part)
{
	const char *name = print_safe(a, part->what + strlen(whole->what) + 1);

	if (v->how == PROGRESS_TTY && part->total)
		return arena_printf(a, "; %s %.0f%%", name, (double)part->done * 100 / (double)part->total);
	return arena_printf(a, "; %s%s", name, amount_text(a, part));
}

/* name_width: what its name is filled up to. */
static const char *meter_text(struct progress_view *v, struct arena *a, const struct meter *m,
	size_t name_width)
{
	const struct meter *whole = meter_whole(&v->meters, m), *main = whole ? whole : m;
	const struct meter *part = whole ? m : meter_part(&v->meters, m);

	return arena_printf(a, "  %-*s  %s%s%s", (int)name_width, print_safe(a, main->of),
		print_safe(a, main->what),
		amount_text(a, main), part ? part_text(v, a, main, part) : "");
}

static size_t longest_name(const struct meter *const *v, size_t n)
{
	size_t most = 0;

	for (size_t i = 0; i < n; i++)
		most = strlen(v[i]->of) > most ? strlen(v[i]->of) : most;
	return most;
}

/* A line for each thing that is made at once. Lines that were wider than the screen could not be taken back,
 * so they are cut. */
static void tell_live(struct progress_view *v, const struct meter *m)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct meter *things[LIVE_LINES];
	const size_t width = table_terminal_width(stderr);
	const size_t n = meter_things(&v->meters, m->now_ms - LIVE_FOR_MS, things, LIVE_LINES);

	if (n < 2) {
		fputs(meter_text(v, &a, m, 0), stderr);
	} else {
		for (size_t i = 0; i < n; i++)
			fprintf(stderr, "%s%.*s", i ? "\n" : "", width ? (int)width - 1 : 79,
				meter_text(v, &a, things[i], longest_name(things, n)));
		v->lines_above = (unsigned)n - 1;
	}
	v->line_open = true;
}

static void tell_text(struct progress_view *v, const struct meter *m)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	clear(v);
	if (v->how == PROGRESS_TTY)
		tell_live(v, m);
	else
		fprintf(stderr, "%s\n", meter_text(v, &a, m, 0));
}

static void tell_json(struct progress_view *v, const struct step *s, struct meter *m)
{
	const int64_t left = meter_left_ms(m);
	json_t *j;

	if (m->said_ms && m->now_ms - m->said_ms < JSON_EVERY_MS && !meter_is_done(m))
		return;
	m->said_ms = m->now_ms;
	v->last_ms = m->now_ms == v->begun_ms ? m->now_ms + 1 : m->now_ms;
	j = step_json(s, "progress", m->what, m->done, m->total, NULL);
	if (j)
		json_object_set_new(j, "bytes_per_second", json_integer((json_int_t)meter_rate(m)));
	if (j)
		json_object_set_new(j, "left_ms", left < 0 ? json_null() : json_integer(left));
	write_json(j);
}

/* With the lock held. */
static void show_progress(struct progress_view *v, const struct step *s, const char *what,
	uint64_t done, uint64_t total)
{
	const int64_t now = clock_mono_ms();
	const int64_t every = v->how == PROGRESS_TTY ? LIVE_EVERY_MS : PLAIN_EVERY_MS;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct meter *m;

	if (v->how == PROGRESS_NONE)
		return;
	m = meter_note(&v->meters, arena_printf(&a, "%s/%s", kind_name(s->kind), s->name), what, done,
		total, now);
	if (v->how == PROGRESS_JSON) {
		tell_json(v, s, m);
		return;
	}
	/* The first word of a step comes at once. */
	if (v->last_ms != v->begun_ms && now - v->last_ms < every)
		return;
	v->last_ms = now == v->begun_ms ? now + 1 : now;
	tell_text(v, m);
}

void progress_say(struct progress_view *v, const struct step *s, const char *what, uint64_t done,
	uint64_t total)
{
	pthread_mutex_lock(&v->lock);
	show_progress(v, s, what, done, total);
	pthread_mutex_unlock(&v->lock);
}

static void on_progress(void *arg, const struct step *s, const char *what, uint64_t done,
	uint64_t total)
{
	progress_say(arg, s, what, done, total);
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

static const char *shown_kind(const struct step *s)
{
	return s->kind == KIND_GUEST ? "vm" : kind_name(s->kind);
}

static void step_began(struct progress_view *v, const struct step *s)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	clear(v);
	set_doing(v, arena_printf(&a, "%s/%s  %s", shown_kind(s), s->name, words[s->op].doing));
	if (v->how == PROGRESS_JSON)
		write_json(step_json(s, "begin", NULL, 0, 0, NULL));
	if (v->how != PROGRESS_TTY)
		return;
	fprintf(stderr, "  %s ...", v->doing);
	v->line_open = true;
}

static void step_ended(struct progress_view *v, const struct step *s, const struct step_result *r)
{
	bool ok = r->state == STEP_DONE;
	int64_t took;

	set_doing(v, NULL);
	if (v->how == PROGRESS_JSON) {
		write_json(step_json(s, "end", NULL, 0, 0, ok ? NULL : r->err.msg));
		return;
	}
	if (v->how == PROGRESS_NONE)
		return;
	clear(v);
	/* The polite request is half of the stop that follows; one line with the time of both. */
	if (ok && s->kind == KIND_GUEST && s->op == STEP_STOP) {
		v->asked_ms += r->took_ms;
		return;
	}
	took = r->took_ms + (s->op == STEP_STOP ? v->asked_ms : 0);
	v->asked_ms = 0;
	fprintf(stderr, "  %s/%s  %s  %.1fs\n", shown_kind(s), s->name, ok ? words[s->op].done : "failed",
		(double)took / 1000);
}

static void on_step(void *arg, const struct plan_step *ps, const struct step_result *r)
{
	struct progress_view *v = arg;

	pthread_mutex_lock(&v->lock);
	if (r)
		step_ended(v, &ps->step, r);
	else
		step_began(v, &ps->step);
	pthread_mutex_unlock(&v->lock);
}

/* ---- begin and end -------------------------------------------------------------------------- */

void progress_start(struct progress_view *v, const struct cli *c, struct pass *p)
{
	bool tty = isatty(STDERR_FILENO);

	*v = (struct progress_view){.cli = c, .how = (enum progress)c->progress};
	if (v->how == PROGRESS_AUTO)
		v->how = tty && c->colored_err ? PROGRESS_TTY : PROGRESS_PLAIN;
	v->begun_ms = v->last_ms = clock_mono_ms();
	start_ticker(v);
	if (!p)
		return;
	p->on_stage = on_stage;
	p->on_stage_arg = v;
}

void progress_steps(struct progress_view *v, struct pass *p)
{
	p->home.host.progress = on_progress;
	p->home.host.progress_arg = v;
	p->exec.on_step = on_step;
	p->exec.on_step_arg = v;
}

void progress_stop(struct progress_view *v, struct pass *p)
{
	pthread_mutex_lock(&v->lock);
	v->stop = true;
	clear(v);
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
	if (v->ticks)
		pthread_join(v->ticker, NULL);
	pthread_cond_destroy(&v->wake);
	pthread_mutex_destroy(&v->lock);
	if (!p)
		return;
	p->on_stage = NULL;
	p->home.host.progress = NULL;
	p->exec.on_step = NULL;
}
