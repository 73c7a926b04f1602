/* cmd_drift.c - what is not as it was made. Opens state for reading only and takes no lock; without a
 * spec it compares with what was last applied. */
#include "reconciler/session.h"

#include "reconciler/engine/drift.h"
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "schema/base/clock.h"

#include <string.h>

static int check_ignore(const struct cli *c, struct err *e)
{
	for (size_t i = 0; i < c->ignore.n; i++)
		if (!strchr(c->ignore.v[i], '/') && !drift_is_field(c->ignore.v[i])) {
			err_set(e, ERR_USAGE, "--ignore: nothing of the name \"%.80s\" can drift",
				c->ignore.v[i]);
			return err_hint(e, "give running, disk, content or an object such as vm/web");
		}
	return 0;
}

static bool is_ignored(struct cli *c, const struct view *v)
{
	const char *object = arena_printf(&c->arena, "%s/%s", kind_name(v->object->kind),
		v->object->name);

	for (size_t i = 0; i < c->ignore.n; i++)
		if (!strcmp(c->ignore.v[i], object) || !strcmp(c->ignore.v[i], drift_field(v)))
			return true;
	return false;
}

/* Rules are those of the spec that is given, else those that were last applied. */
static struct drift_rule rule_of(const struct view *v)
{
	return drift_rule_of(v->object, NULL, clock_real_ms());
}

static const char *rule_text(struct arena *a, const struct view *v)
{
	const struct drift_rule rule = rule_of(v);

	if (rule.expired)
		return arena_printf(a, "%s (%s ended %s)", drift_name(rule.policy),
			drift_name(rule.written), rule.until);
	return arena_printf(a, "%s%s%s%s%s", drift_name(rule.policy), rule.until ? " until " : "",
		rule.until ? rule.until : "", rule.why ? ": " : "", rule.why ? rule.why : "");
}

static json_t *drift_json(struct arena *a, const struct view *v)
{
	const struct drift_rule rule = rule_of(v);

	return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s}", "object",
		arena_printf(a, "%s/%s", kind_name(v->object->kind), v->object->name), "what",
		drift_field(v), "text", drift_text(v), "policy", drift_name(rule.policy), "until",
		rule.until, "why", rule.why, "source", v->record->source);
}

/* How many have drifted, those that their policy ignores aside. */
static size_t show(struct cli *c, const struct pass *p)
{
	const char **cells = arena_array(&c->arena, (p->views.n + 1) * 4, sizeof(*cells)), **row = cells;
	json_t *list = json_array();
	size_t n = 0;

	vec_each(v, &p->views) {
		bool counts = v->drift != DRIFT_IGNORE;

		if (!drift_is(v) || is_ignored(c, v))
			continue;
		json_array_append_new(list, drift_json(&c->arena, v));
		if (!counts)
			continue;
		n++;
		*row++ = arena_printf(&c->arena, "%s/%s", kind_name(v->object->kind), v->object->name);
		*row++ = drift_field(v);
		*row++ = print_safe(&c->arena, drift_text(v));
		*row++ = print_safe(&c->arena, rule_text(&c->arena, v));
	}
	if (c->output == OUTPUT_JSON)
		document_set(c, json_pack("{s:I, s:O}", "drifted", (json_int_t)n, "objects", list));
	else if (n)
		print_table(cells, n, 4, false, stdout);
	else
		printf("No drift: %zu object%s looked at.\n", p->views.n, p->views.n == 1 ? "" : "s");
	json_decref(list);
	return n;
}

static int load_spec(struct cli *c, struct pass *p, struct err *e)
{
	const char *const *files;
	struct spec *spec;
	size_t n;

	if (!c->args.n && !c->files.n) {
		p->recall = true;
		p->source = c->source;
		return 0;
	}
	if (cli_files(c, &files, &n, e) < 0 || session_spec(c, files, n, &spec, e) < 0)
		return -1;
	p->spec = spec;
	p->source = cli_source(c, files, n);
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel,
		.looks = true};
	int rc;

	if (check_ignore(c, e) < 0 || load_spec(c, &p, e) < 0)
		return -1;
	rc = session_look(c, &p, e);
	if (rc == 0) {
		size_t n = show(c, &p);

		print_expired(c, &p);
		rc = n && c->exit_code ? 2 : 0;
	}
	pass_close(&p);
	return rc;
}

const struct cmd cmd_drift = {
	.name = "drift",
	.args = "[FILE...]",
	.caption = "show what is not as it was made",
	.help = "Looks at everything that was made and shows what is gone, dead or damaged since, with the\n"
		"policy that says what happens to it. Changes nothing. Changes of the spec are no drift; see\n"
		"plan. With FILE only the objects of that spec are looked at, under its policies.\n\n"
		"  reconcile drift --exit-code          exit 2 when something has drifted\n"
		"  reconcile drift --ignore disk vms.yaml\n"
		"  reconcile drift -o json",
	.run = run,
};
