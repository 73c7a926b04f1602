/* fields_doc.c - the field tables as a document for people. */
#include "schema/fields_doc.h"

#include "schema/describe.h"
#include "schema/later.h"

#include <string.h>

struct out {
	struct arena *a;
	VEC(char) text;
};

static void put(struct out *o, const char *s)
{
	for (; *s; s++)
		*vec_push(o->a, &o->text) = *s;
}

/* A cell of a table: a bar would end it. */
static void put_cell(struct out *o, const char *s)
{
	put(o, " ");
	for (; *s; s++) {
		if (*s == '|')
			put(o, "\\");
		*vec_push(o->a, &o->text) = *s;
	}
	put(o, " |");
}

static const char intro[] =
	"# Fields of a spec\n"
	"\n"
	"This file is generated from the field tables in `schema/fields_*.c`; `make docs` writes it.\n"
	"\n"
	"A spec is a YAML document with `version: 1` and the maps below, each from a name to its\n"
	"fields. Names are 1 to 63 of `a-z`, `0-9` and `-`. Keys at the top and fields that begin with\n"
	"`x-` are ignored. `vars`, `include`, `defaults` and `profiles` are in `spec.md`, `moved` in\n"
	"`guards.md`. Anything else\n"
	"that is not listed here is refused.\n"
	"\n"
	"A value means what its field says: `no`, `22:22` or `0x10` is text where text is expected.\n"
	"Quotes make no difference, except that `null`, `~` and nothing at all are only text in\n"
	"quotes. Sizes are whole numbers with `KiB`, `MiB`, `GiB` or `TiB`; durations with `ms`, `s`,\n"
	"`m` or `h`. Relative paths are taken from the folder of the spec file.\n"
	"\n"
	"The change class says what a changed value costs what exists already: `live` nothing,\n"
	"`restart` a restart of the VM, `replace` a new object of that kind (`image` and `kernel` are\n"
	"made anew and then the VMs that use them follow; a replaced `disk` is copied from its image\n"
	"again), `none` that the value is used when the object is made and has no effect on one that\n"
	"is there.\n";

/* "restart (vm)": the class, and the object that it is about. */
static const char *change_cell(struct arena *a, const struct field *f)
{
	if (f->feeds == KIND_N)
		return change_name(f->change);
	return arena_printf(a, "%s (%s)", change_name(f->change), kind_name(f->feeds));
}

static void put_field(struct out *o, const struct field *f)
{
	const char *name = arena_printf(o->a, "`%s`", f->path);

	if (f->shorthand)
		name = arena_printf(o->a, "%s, short `%s`", name, f->shorthand);
	put(o, "|");
	put_cell(o, name);
	put_cell(o, f->help);
	put_cell(o, field_expects(o->a, f));
	put_cell(o, describe_bounds(o->a, f));
	put_cell(o, f->absent);
	put_cell(o, f->change == CHANGE_NONE
			? "none"
			: change_cell(o->a, f));
	put(o, "\n");
}

/* ---- what a change costs -------------------------------------------------------------------- */

static const char costs_intro[] =
	"\n## What a change costs\n"
	"\n"
	"`reconcile plan` shows for each value that differs what it costs, and the line that asks for it.\n"
	"A VM that is stopped is away from the moment its workload is asked to end until its agent\n"
	"answers again: mostly a few seconds, at most `stop_timeout` and `ready_timeout` together, and\n"
	"with a disk that is replaced the time to copy it. Name, context id and disk of a VM survive\n"
	"whatever is not said to replace them.\n"
	"\n"
	"| class | what happens | VMs away | needs | fields |\n"
	"|---|---|---|---|---|\n";

static const char *downtime_of(const struct field *f)
{
	if (f->change == CHANGE_NONE)
		return "none";
	if (f->change == CHANGE_LIVE)
		return f->feeds == KIND_KERNEL ? "a restart" : "none";
	if (f->change == CHANGE_RESTART || f->feeds == KIND_KERNEL)
		return "a restart";
	return "a restart and the copy";
}

/* The word that apply wants for it. */
static const char *word_of(const struct field *f)
{
	if (f->change == CHANGE_DATA_LOSS)
		return "`--allow-data-loss`";
	return f->change == CHANGE_REPLACE && f->feeds != KIND_KERNEL ? "`--yes`" : "";
}

/* Whether a row costs the same as another. */
static bool is_same_cost(const struct field *a, const struct field *b)
{
	return a->change == b->change && !strcmp(describe_change(a), describe_change(b));
}

static const char *fields_of_cost(struct arena *a, const struct field *like)
{
	const char *text = "";

	for (size_t i = 0; i < noun_count; i++)
		for (size_t k = 0; k < nouns[i]->n_fields; k++)
			if (is_same_cost(&nouns[i]->fields[k], like))
				text = arena_printf(a, "%s%s`%s`", text, *text ? ", " : "",
					describe_path(a, nouns[i], &nouns[i]->fields[k]));
	return text;
}

/* Whether no row before this one costs the same. */
static bool is_first_of_cost(const struct field *f)
{
	for (size_t i = 0; i < noun_count; i++)
		for (size_t k = 0; k < nouns[i]->n_fields; k++)
			if (is_same_cost(&nouns[i]->fields[k], f))
				return &nouns[i]->fields[k] == f;
	return false;
}

static void put_cost(struct out *o, const struct field *f)
{
	put(o, "|");
	put_cell(o, change_name(f->change));
	put_cell(o, describe_change(f));
	put_cell(o, downtime_of(f));
	put_cell(o, word_of(f));
	put_cell(o, fields_of_cost(o->a, f));
	put(o, "\n");
}

static void put_costs(struct out *o)
{
	put(o, costs_intro);
	for (enum change c = CHANGE_NONE; c <= CHANGE_DATA_LOSS; c++)
		for (size_t i = 0; i < noun_count; i++)
			for (size_t k = 0; k < nouns[i]->n_fields; k++)
				if (nouns[i]->fields[k].change == c &&
					is_first_of_cost(&nouns[i]->fields[k]))
					put_cost(o, &nouns[i]->fields[k]);
	put(o, "\nA root disk can grow (`restart`), and not shrink: `disk.size` below what it has is a new\n"
		"disk, `data loss`, and needs `--allow-data-loss`. Deleting a VM needs `--yes`; what it wrote to\n"
		"its root disk goes with it. `protect: true` blocks both. `running: false` stops the VM, as\n"
		"it says.\n");
}

static const char later_intro[] =
	"\n## Not supported yet\n"
	"\n"
	"These belong to the language and no driver does them yet. A spec that says one is refused, and\n"
	"what stands below it is judged all the same. `*` stands for any name, `[]` for each element of a\n"
	"list.\n"
	"\n"
	"| field | meaning | value | bounds | when absent | change |\n"
	"|---|---|---|---|---|---|\n";

static void put_later(struct out *o)
{
	put(o, later_intro);
	for (size_t i = 0; i < later_count; i++)
		for (size_t k = 0; k < later_nouns[i]->n_fields; k++) {
			struct field row = later_nouns[i]->fields[k];

			row.path = describe_path(o->a, later_nouns[i], &row);
			put_field(o, &row);
		}
}

const char *fields_doc(struct arena *a)
{
	struct out o = {.a = a};

	put(&o, intro);
	for (size_t i = 0; i < noun_table_count; i++) {
		const struct noun *noun = noun_tables[i];

		put(&o, arena_printf(a, "\n## %s\n\n%s %s.\n\n", noun->key,
			noun == &noun_guards ? "A single map:" : "Each one is", noun->help));
		put(&o, "| field | meaning | value | bounds | when absent | change |\n");
		put(&o, "|---|---|---|---|---|---|\n");
		for (size_t k = 0; k < noun->n_fields; k++)
			put_field(&o, &noun->fields[k]);
	}
	put_costs(&o);
	put_later(&o);
	*vec_push(a, &o.text) = '\0';
	return o.text.v;
}
