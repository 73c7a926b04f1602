/* cmd_explain.c - what a field means, and where the values of an object come from. */
#include "reconciler/document.h"
#include "reconciler/print.h"
#include "reconciler/session.h"
#include "schema/explain.h"

/* ---- --effective ---------------------------------------------------------------------------- */

static const char *place(struct arena *a, const struct explain_row *r)
{
	if (!r->pos.line)
		return r->origin;
	return arena_printf(a, "%s  %s:%u:%u", r->origin, r->pos.file ? r->pos.file : "",
		r->pos.line, r->pos.col);
}

static void print_rows(struct cli *c, const struct explain_rows *rows)
{
	VEC(const char *) cells = {0};

	*vec_push(&c->arena, &cells) = "FIELD";
	*vec_push(&c->arena, &cells) = "VALUE";
	*vec_push(&c->arena, &cells) = "FROM";
	vec_each(r, rows) {
		*vec_push(&c->arena, &cells) = r->path;
		*vec_push(&c->arena, &cells) = print_safe(&c->arena, r->value);
		*vec_push(&c->arena, &cells) = print_safe(&c->arena, place(&c->arena, r));
	}
	print_table(cells.v, cells.n / 3, 3, c->colored_out, stdout);
}

static json_t *rows_json(const char *address, const struct explain_rows *rows)
{
	json_t *list = json_array();

	vec_each(r, rows) {
		json_t *row = json_pack("{s:s, s:s?, s:s}", "path", r->path, "value", r->value,
			"origin", r->origin);

		if (r->pos.line)
			json_object_set_new(row, "at", document_pos(&r->pos));
		json_array_append_new(list, row);
	}
	return json_pack("{s:s, s:o}", "object", address, "fields", list);
}

static int effective(struct cli *c, struct err *e)
{
	const char *const *files, *address = c->args.n ? c->args.v[0] : NULL;
	const struct spec_input in = session_input(c);
	struct explain_rows rows = {0};
	struct diags diags = {0};
	struct spec *spec;
	size_t n;
	int result;

	if (!address) {
		err_set(e, ERR_USAGE, "explain --effective: no object given");
		return err_hint(e, "for example: reconcile explain --effective vm/web vms.yaml");
	}
	c->args.v++;
	c->args.n--;
	if (cli_files(c, &files, &n, e) < 0)
		return -1;
	result = spec_read(&c->arena, &in, files, n, &spec, &diags, e);
	session_diags(c, &diags);
	if (result < 0)
		return -1;
	if (explain_effective(&c->arena, spec, address, &rows, e) < 0)
		return -1;
	if (c->output == OUTPUT_JSON)
		document_set(c, rows_json(address, &rows));
	else
		print_rows(c, &rows);
	return 0;
}

/* ---- the language --------------------------------------------------------------------------- */

static int run(struct cli *c, struct err *e)
{
	struct explain_topic topic;

	if (c->effective)
		return effective(c, e);
	if (c->args.n > 1 || c->files.n)
		return err_set(e, ERR_USAGE, "explain takes one field; files only with --effective");
	if (explain_find(&c->arena, c->args.n ? c->args.v[0] : NULL, &topic, e) < 0)
		return -1;
	if (c->output == OUTPUT_JSON)
		document_set(c, explain_json(&c->arena, &topic));
	else
		fputs(explain_text(&c->arena, &topic), stdout);
	return 0;
}

const struct cmd cmd_explain = {
	.name = "explain",
	.args = "[FIELD] | --effective KIND/NAME FILE...",
	.caption = "show what a field means, or where a value comes from",
	.help = "Shows type, bounds and default of a field, what leaving it out means, and what changing\n"
		"it costs. Without a field every field is listed. With --effective it shows the values\n"
		"of one object of a spec, each with the place that says so.\n\n"
		"  reconcile explain vms.memory\n"
		"  reconcile explain vms.disk\n"
		"  reconcile explain --effective vm/web vms.yaml",
	.looks = true,
	.run = run,
};
