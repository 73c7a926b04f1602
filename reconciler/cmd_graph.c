/* cmd_graph.c - what there is and what needs what, drawn. */
#include "reconciler/health.h"
#include "reconciler/session.h"

#include "reconciler/document.h"

static json_t *node_json(const struct drawn *n)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:o}", "object", n->object, "source",
		json_lossy(n->source), "health", health_name(n->health), "state", n->state, "note",
		json_lossy(n->note));
}

static json_t *graph_json(const struct drawing *d)
{
	json_t *nodes = json_array(), *needs = json_array();

	vec_each(n, &d->nodes)
		json_array_append_new(nodes, node_json(n));
	vec_each(e, &d->needs)
		json_array_append_new(needs, json_pack("{s:s, s:s}", "object",
			d->nodes.v[e->from].object, "needs", d->nodes.v[e->to].object));
	return json_pack("{s:o, s:o}", "objects", nodes, "needs", needs);
}

static void show(struct cli *c, const struct drawing *d)
{
	struct text t = {.a = &c->arena};

	if (c->output == OUTPUT_JSON) {
		document_set(c, graph_json(d));
		return;
	}
	if (c->output == OUTPUT_SVG)
		drawing_svg(&t, d);
	else if (c->output == OUTPUT_DOT)
		drawing_dot(&t, d);
	else
		drawing_text(&t, d);
	fputs(text_end(&t), stdout);
	if (!d->nodes.n && c->output <= OUTPUT_TEXT)
		fputs("Nothing was made yet; give a spec file to see what it would make.\n", stderr);
}

static int load_spec(struct cli *c, struct pass *p, struct err *e)
{
	const char *const *files;
	struct spec *spec;
	size_t n;

	p->source = c->source;
	if (!c->args.n && !c->files.n) {
		p->recall = true;
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
	struct drawing d;
	int rc;

	if (load_spec(c, &p, e) < 0)
		return -1;
	rc = session_look(c, &p, e);
	if (rc == 0) {
		health_draw(&p, &d);
		show(c, &d);
	}
	pass_close(&p);
	return rc;
}

const struct cmd cmd_graph = {
	.name = "graph",
	.args = "[FILE...]",
	.caption = "draw objects, what they need, and how they are",
	.help = "Shows every object with what it needs first and how it is, the objects of one source together.\n"
		"Without FILE what was made, with FILE what that spec asks for. No agent is asked: running\n"
		"means that the VMM is alive. Changes nothing.\n\n"
		"  reconcile graph\n"
		"  reconcile graph -o svg >vms.svg          for a browser\n"
		"  reconcile graph -o dot vms.yaml | dot -Tpdf >vms.pdf\n"
		"  reconcile graph -o json",
	.draws = true,
	.run = run,
};
