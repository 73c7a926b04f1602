/* cmd_why.c - why an object is as it is: the last pass that had to do with it, from what was seen to
 * what came of it. */
#include "reconciler/past.h"

#include "reconciler/engine/history.h"
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "schema/base/clock.h"

#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 200 /* events of one object in one pass; there are a dozen */

struct chain {
	enum kind kind;
	const char *name;
	struct events events;      /* of one pass, in order of seq */
	const struct record *row;  /* NULL: it is not recorded any more */
};

static int by_seq(const void *x, const void *y)
{
	const struct event *a = x, *b = y;

	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* The newest events of one object, those of its newest pass first. */
static int newest(struct cli *c, struct store *s, enum kind kind, const char *name,
	struct events *out, struct err *e)
{
	const struct event_query q = {.kind = kind, .name = name, .newest_first = true,
		.limit = CHAIN_MAX};

	return store_event_list(s, &c->arena, &q, out, e);
}

/* A VM, its disk and its guest are one story. */
static int gather(struct cli *c, struct store *s, struct chain *ch, struct err *e)
{
	static const enum kind story[] = {KIND_VM, KIND_DISK, KIND_GUEST};
	struct events all = {0};
	const struct event *last = NULL;

	if (ch->kind != KIND_VM && newest(c, s, ch->kind, ch->name, &all, e) < 0)
		return -1;
	for (size_t i = 0; ch->kind == KIND_VM && i < 3; i++)
		if (newest(c, s, story[i], ch->name, &all, e) < 0)
			return -1;
	vec_each(ev, &all)
		if (!last || ev->seq > last->seq)
			last = ev;
	vec_each(ev, &all)
		if (last && !strcmp(ev->pass, last->pass))
			*vec_push(&c->arena, &ch->events) = *ev;
	if (ch->events.n)
		qsort(ch->events.v, ch->events.n, sizeof(*ch->events.v), by_seq);
	return 0;
}

static int find_row(struct cli *c, struct store *s, struct chain *ch, struct err *e)
{
	struct records *records = arena_new(&c->arena, struct records);
	struct leases leases;
	struct intents open;

	if (store_load(s, &c->arena, records, &leases, &open, e) < 0)
		return -1;
	vec_each(r, records)
		if (r->kind == ch->kind && !strcmp(r->name, ch->name))
			ch->row = r;
	return 0;
}

/* ---- print -------------------------------------------------------------------------------- */

static const char *row_text(struct arena *a, const struct record *r)
{
	const char *text;

	if (!r)
		return "not recorded any more";
	text = arena_printf(a, "recorded as %s since %s", history_state(r),
		past_time(a, r->changed_at_ms));
	if (r->reason)
		text = arena_printf(a, "%s: %s", text, print_safe(a, r->reason));
	if (r->state == RECORD_FAILED)
		text = arena_printf(a, "%s (attempt %u; due again at %s; apply tries at once)", text,
			r->attempts, past_time(a, r->retry_at_ms));
	return text;
}

static void print_chain(struct cli *c, const struct chain *ch)
{
	struct arena *a = &c->arena;
	const char **cells = arena_array(a, ch->events.n * 5 + 1, sizeof(*cells)), **row = cells;
	const struct event *first = ch->events.v;

	printf("%s/%s: %s\n", kind_name(ch->kind), ch->name, row_text(a, ch->row));
	if (!ch->events.n) {
		puts("Nothing about it is in history.");
		return;
	}
	if (first->pass[0])
		printf("Last changed or looked at by pass %s of %s, source %s:\n", first->pass,
			past_who(a, first->uid), print_safe(a, first->source));
	vec_each(ev, &ch->events) {
		*row++ = arena_printf(a, "  %s", past_time(a, ev->time_ms));
		*row++ = arena_printf(a, "%s/%s", kind_name(ev->kind), ev->name);
		*row++ = ev->what;
		*row++ = past_text(a, ev);
		*row++ = print_safe(a, ev->place);
	}
	print_table(cells, ch->events.n, 5, false, stdout);
}

static void print_chain_json(struct cli *c, const struct chain *ch)
{
	json_t *list = json_array(), *row = json_null();
	const struct record *r = ch->row;

	vec_each(ev, &ch->events)
		json_array_append_new(list, past_json(&c->arena, ev));
	if (r)
		row = json_pack("{s:s, s:s, s:s?, s:i, s:I}", "state", history_state(r), "since",
			past_time(&c->arena, r->changed_at_ms), "reason", r->reason, "attempts",
			(int)r->attempts, "retry_at_ms", (json_int_t)r->retry_at_ms);
	document_set(c, json_pack("{s:s, s:s, s:o, s:o}", "object",
		arena_printf(&c->arena, "%s/%s", kind_name(ch->kind), ch->name), "pass",
		ch->events.n ? ch->events.v[0].pass : "", "record", row, "events", list));
}

static int find(struct cli *c, struct chain *ch, struct err *e)
{
	struct past p;
	int rc = past_open(c, &p, e);

	if (rc == 0 && p.store && (gather(c, p.store, ch, e) < 0 || find_row(c, p.store, ch, e) < 0))
		rc = -1;
	past_close(&p);
	if (rc < 0 || ch->row || ch->events.n)
		return rc;
	err_set(e, ERR_FAILED, "%s/%.80s is neither recorded nor in history", kind_name(ch->kind),
		ch->name);
	return err_hint(e, "see: reconcile status, reconcile events");
}

static int run(struct cli *c, struct err *e)
{
	struct chain ch = {0};

	if (c->args.n != 1) {
		err_set(e, ERR_USAGE, "why: give one object");
		return err_hint(e, "for example: reconcile why vm/web");
	}
	if (past_object(c, c->args.v[0], &ch.kind, &ch.name, e) < 0 || find(c, &ch, e) < 0)
		return -1;
	if (c->output == OUTPUT_JSON)
		print_chain_json(c, &ch);
	else
		print_chain(c, &ch);
	return 0;
}

const struct cmd cmd_why = {
	.name = "why",
	.args = "OBJECT",
	.caption = "show why an object is as it is",
	.help = "Shows the last pass that had to do with the object: what it saw, what it decided, for which\n"
		"line of the spec, what it did and what came of that, when, and who ran it.\n\n"
		"  reconcile why web\n"
		"  reconcile why image/base -o json",
	.run = run,
};
