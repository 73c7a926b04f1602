/* past.c - what the commands that read history share, and status --at. */
#include "reconciler/past.h"

#include "reconciler/document.h"
#include "reconciler/print.h"
#include "drivers/sys/cage.h"
#include "schema/base/clock.h"
#include "schema/moment.h"

#include <pwd.h>
#include <string.h>

int past_open(struct cli *c, struct past *p, struct err *e)
{
	int rc;

	*p = (struct past){0};
	p->home.host.lock_fd = p->home.host.state_fd = p->home.host.run_fd = -1;
	if (home_open(&c->arena, c->state_dir, false, 0, &cli_cancel, &p->home, e) < 0)
		return -1;
	rc = store_open(p->home.host.state_dir, false, &p->store, e);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = store_event_floor(p->store, &p->floor_ms, e);
	if (rc == 0)
		return cage_enter(e);
	if (rc < 0)
		return -1;
	err_set(e, ERR_STATE, "the state database is of an older version without history");
	return err_hint(e, "the next apply brings it up to date; history begins then");
}

void past_close(struct past *p)
{
	store_close(p->store);
	home_close(&p->home);
}

int past_object(struct cli *c, const char *word, enum kind *kind, const char **name, struct err *e)
{
	const char *slash = strchr(word, '/');

	*kind = KIND_VM;
	*name = word;
	if (!slash)
		return 0;
	*kind = kind_parse(arena_dupn(&c->arena, word, (size_t)(slash - word)));
	*name = slash + 1;
	if (*kind != KIND_N)
		return 0;
	err_set(e, ERR_USAGE, "\"%.80s\": there is no such kind of object", word);
	return err_hint(e, "write vm/web, disk/web, guest/web, image/web or kernel/k61");
}

/* ---- print -------------------------------------------------------------------------------- */

const char *past_time(struct arena *a, int64_t ms)
{
	char text[CLOCK_TEXT_MAX];

	clock_text(ms, text);
	return arena_dup(a, text);
}

const char *past_who(struct arena *a, uint32_t uid)
{
	struct passwd room, *pw = NULL;
	char text[4096];

	if (getpwuid_r(uid, &room, text, sizeof(text), &pw) != 0)
		pw = NULL;
	return pw ? arena_printf(a, "%s (uid %u)", pw->pw_name, uid) : arena_printf(a, "uid %u", uid);
}

static const char *joined(struct arena *a, const char *text, const char *sep, const char *more)
{
	if (!more || !more[0])
		return text;
	return text[0] ? arena_printf(a, "%s%s%s", text, sep, more) : more;
}

static const char *reason_text(struct arena *a, const json_t *r)
{
	const char *field = json_str(r, "field", NULL);

	if (!field)
		return json_str(r, "text", "");
	return arena_printf(a, "%s %s -> %s", field, json_str(r, "from", "none"),
		json_str(r, "to", "none"));
}

const char *past_text(struct arena *a, const struct event *ev)
{
	static const char *const plain[] = {"verdict", "op", "policy", "seen", "text"};
	_cleanup_json_ json_t *j = NULL;
	const char *text = "";
	json_t *r;
	size_t i;

	if (json_parse(ev->detail, strlen(ev->detail), "detail", &j, NULL) < 0)
		return print_safe(a, ev->detail);
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		text = joined(a, text, ": ", json_str(j, plain[i], NULL));
	json_array_foreach(json_object_get(j, "reasons"), i, r)
		text = joined(a, text, i ? "; " : ": ", reason_text(a, r));
	text = joined(a, text, ": ", json_str(j, "error", NULL));
	text = joined(a, text, " until ", json_str(j, "until", NULL));
	text = joined(a, text, ", because ", json_str(j, "why", NULL));
	return print_safe(a, text);
}

json_t *past_json(struct arena *a, const struct event *ev)
{
	json_t *detail = NULL;

	if (json_parse(ev->detail, strlen(ev->detail), "detail", &detail, NULL) < 0)
		detail = json_object();
	return json_pack("{s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:s?, s:o, s:s, s:I}", "seq",
		(json_int_t)ev->seq, "time", past_time(a, ev->time_ms), "time_ms",
		(json_int_t)ev->time_ms, "pass", ev->pass, "object",
		arena_printf(a, "%s/%s", kind_name(ev->kind), ev->name), "source", ev->source, "what",
		ev->what, "state", ev->state, "detail", detail, "at", ev->place, "uid",
		(json_int_t)ev->uid);
}

json_t *past_kept_json(struct arena *a, const struct tombstones *all)
{
	json_t *list = json_array();

	vec_each(t, all)
		if (t->state == TOMB_KEPT)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "object",
				arena_printf(a, "vm/%s", t->name), "source", t->source, "deleted",
				past_time(a, t->deleted_ms), "until", past_time(a, t->until_ms)));
	return list;
}

/* ---- status --at ---------------------------------------------------------------------------- */

static bool is_wanted(const struct cli *c, const struct event *ev)
{
	for (size_t i = 0; i < c->args.n; i++) {
		const char *word = c->args.v[i];

		if (!strcmp(strncmp(word, "vm/", 3) ? word : word + 3, ev->name))
			return ev->kind == KIND_VM;
	}
	return !c->args.n;
}

static void print_states(struct cli *c, const struct events *states)
{
	static const char *const head[] = {"NAME", "STATE", "SINCE", "PASS", "NOTE"};
	const char **cells = arena_array(&c->arena, (states->n + 1) * 5, sizeof(*cells));
	size_t rows = 1;

	memcpy(cells, head, sizeof(head));
	vec_each(ev, states) {
		const char **row = cells + rows * 5, *text;

		if (ev->kind != KIND_VM || !is_wanted(c, ev))
			continue;
		row[0] = ev->name;
		row[1] = ev->state;
		row[2] = past_time(&c->arena, ev->time_ms);
		row[3] = ev->pass;
		text = past_text(&c->arena, ev);
		row[4] = arena_printf(&c->arena, "%s%s%s", ev->what, text[0] ? " " : "", text);
		rows++;
	}
	if (rows == 1)
		puts("No VMs.");
	else
		print_table(cells, rows, 5, c->colored_out, stdout);
}

static void print_states_json(struct cli *c, const struct events *states, int64_t at,
	int64_t floor_ms)
{
	json_t *list = json_array();

	vec_each(ev, states)
		if (is_wanted(c, ev))
			json_array_append_new(list, past_json(&c->arena, ev));
	document_set(c, json_pack("{s:s, s:b, s:s, s:o}", "time", past_time(&c->arena, at),
		"complete", at >= floor_ms, "complete_since", past_time(&c->arena, floor_ms), "objects",
		list));
}

int past_status(struct cli *c, struct err *e)
{
	struct events states = {0};
	struct past p;
	int64_t at = 0;
	int rc = past_open(c, &p, e);

	if (rc == 0)
		rc = moment_parse_ago(c->at, clock_real_ms(), &at, e);
	if (rc == 0 && p.store)
		rc = store_event_states(p.store, &c->arena, at, &states, e);
	if (rc == 0 && p.store && at < p.floor_ms)
		fprintf(stderr, "note: history reaches back to %s only; at %s there may have been more\n",
			past_time(&c->arena, p.floor_ms), past_time(&c->arena, at));
	if (rc == 0 && c->output == OUTPUT_JSON)
		print_states_json(c, &states, at, p.floor_ms);
	else if (rc == 0)
		print_states(c, &states);
	past_close(&p);
	return rc;
}
