/* cmd_events.c - history as it was written, from any point on, and further as it grows. */
#include "reconciler/past.h"

#include "reconciler/document.h"
#include "reconciler/print.h"
#include "schema/base/clock.h"
#include "schema/moment.h"

#include <string.h>
#include <time.h>

#define BATCH 1000
#define FOLLOW_MS 300

/* Widths are fixed: rows are printed as they come. */
static void print_row(struct arena *a, const struct event *ev)
{
	printf("%-7lld %s  %-12s %-18s %s%s%s\n", (long long)ev->seq, past_time(a, ev->time_ms), ev->what,
		arena_printf(a, "%s/%s", kind_name(ev->kind), ev->name), past_text(a, ev),
		ev->place[0] ? "  " : "", print_safe(a, ev->place));
}

static void print_line(struct arena *a, const struct event *ev)
{
	_cleanup_json_ json_t *j = past_json(a, ev);

	printf("%s\n", json_text(a, j));
}

/* One batch; *n says how many there were. all collects for -o json. */
static int show_batch(struct cli *c, struct store *s, struct event_query *q, json_t *all, size_t *n,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct events events = {0};

	if (store_event_list(s, &a, q, &events, e) < 0)
		return -1;
	vec_each(ev, &events) {
		q->after = ev->seq;
		if (c->pass && strcmp(c->pass, ev->pass))
			continue;
		if (c->output == OUTPUT_JSON)
			json_array_append_new(all, past_json(&a, ev));
		else if (c->output == OUTPUT_JSONL)
			print_line(&a, ev);
		else
			print_row(&a, ev);
	}
	*n = events.n;
	return 0;
}

/* History is bounded: a reader that was away too long has to know that it missed something. As a line of
 * JSON it has a seq as well, so that a reader that goes on behind the last line that it saw does not hear
 * of it again. */
static void show_gap(const struct cli *c, int64_t from, int64_t to)
{
	if (c->output == OUTPUT_JSONL)
		printf("{\"seq\":%lld,\"what\":\"gap\",\"detail\":{\"from\":%lld,\"to\":%lld}}\n", (long long)to,
			(long long)from, (long long)to);
	else
		fprintf(stderr, "note: events %lld to %lld may be missing: history that far back was "
			"removed\n", (long long)from, (long long)to);
}

/* What is asked for may have gone, or may never have been: a new state directory counts from 1. */
static void check_span(const struct cli *c, const struct event_query *q, int64_t removed, int64_t last)
{
	static bool told; /* once is enough for a reader that follows */

	if (q->after && q->after < removed)
		show_gap(c, q->after + 1, removed);
	else if (q->after > last && !told)
		fprintf(stderr, "note: the last event is %lld; is --after of another state directory?\n",
			(long long)last);
	told = true;
}

static int show_batches(struct cli *c, struct store *s, struct event_query *q, json_t *all,
	struct err *e)
{
	int64_t removed, last;
	size_t n = BATCH;

	if (store_event_span(s, &removed, &last, e) < 0)
		return -1;
	check_span(c, q, removed, last);
	while (n == BATCH && !cli_cancel && !ferror(stdout))
		if (show_batch(c, s, q, all, &n, e) < 0)
			return -1;
	/* Those of other objects are read too, as far as that goes. */
	if (n < BATCH && q->after < last)
		q->after = last;
	return 0;
}

/* All that there is by now. The database is opened anew each time: a reader of a file that nobody
 * wrote does not see later writers. */
static int show_all(struct cli *c, struct event_query *q, json_t *all, struct err *e)
{
	struct past p;
	int rc = past_open(c, &p, e);

	if (rc == 0 && p.store)
		rc = show_batches(c, p.store, q, all, e);
	past_close(&p);
	fflush(stdout);
	return rc;
}

static int follow(struct cli *c, struct event_query *q, struct err *e)
{
	const struct timespec nap = {.tv_nsec = FOLLOW_MS * 1000000L};

	while (!cli_cancel && !ferror(stdout)) {
		if (show_all(c, q, NULL, e) < 0)
			return -1;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static int query_of(struct cli *c, struct event_query *q, struct err *e)
{
	*q = (struct event_query){.after = (int64_t)c->after, .limit = BATCH};
	if (c->args.n > 1)
		return err_set(e, ERR_USAGE, "events: give one object at most");
	if (c->args.n && past_object(c, c->args.v[0], &q->kind, &q->name, e) < 0)
		return -1;
	if (c->follow && c->output == OUTPUT_JSON)
		return err_set(e, ERR_USAGE, "events: --follow has no end, use -o jsonl");
	if (c->after > INT64_MAX)
		return err_set(e, ERR_USAGE, "--after: there is no such event");
	return c->since ? moment_parse_ago(c->since, clock_real_ms(), &q->since_ms, e) : 0;
}

static int run(struct cli *c, struct err *e)
{
	_cleanup_json_ json_t *all = json_array();
	struct event_query q;

	if (query_of(c, &q, e) < 0)
		return -1;
	if (c->follow)
		return follow(c, &q, e);
	if (show_all(c, &q, all, e) < 0)
		return -1;
	if (c->output == OUTPUT_JSON)
		document_set(c, json_pack("{s:O}", "events", all));
	return 0;
}

const struct cmd cmd_events = {
	.name = "events",
	.args = "[OBJECT]",
	.caption = "show what happened, oldest first",
	.help = "Shows history: what was seen, decided and done, by which pass, for which line of the spec.\n"
		"Each event has a number that only grows; --after goes on behind one, also after this program or\n"
		"its reader was away. History is bounded: what was removed meanwhile is said, with -o jsonl as a\n"
		"line whose \"what\" is gap. A slow reader holds nobody up.\n\n"
		"  reconcile events --since 24h\n"
		"  reconcile events vm/web -o json\n"
		"  reconcile events --pass 19a2b3c4d5e-4d2\n"
		"  reconcile events -o jsonl -f --after 1742",
	.jsonl = true,
	.run = run,
};
