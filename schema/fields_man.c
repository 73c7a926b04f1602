/* fields_man.c - the field tables as reconcile.yaml(5). */
#include "schema/fields_man.h"

#include "schema/describe.h"
#include "schema/later.h"

#include <string.h>

#define WORD_MAX 40

void man_put(struct text *t, const char *s)
{
	size_t run = 0; /* letters since the last blank: a long word may be broken */

	for (; *s; s++) {
		bool starts_line = !t->n || t->v[t->n - 1] == '\n';

		if (starts_line && (*s == '.' || *s == '\''))
			text_put(t, "\\&");
		run = *s == ' ' || *s == '\n' ? 0 : run + 1;
		if (run % WORD_MAX == 0 && run)
			text_put(t, "\\:");
		if (*s == '\\')
			text_put(t, "\\e");
		else if (*s == '-')
			text_put(t, "\\-");
		else if (*s == '~')
			text_put(t, "\\(ti");
		else if (*s == '^')
			text_put(t, "\\(ha");
		else
			text_putn(t, s, 1);
	}
}

static const char head[] =
	".\\\" Generated from the field tables in schema/fields_*.c; make docs writes it.\n"
	".TH RECONCILE.YAML 5 \"\" reconcile \"reconcile manual\"\n"
	".SH NAME\n"
	"reconcile.yaml \\- images, kernels and VMs as they should be\n"
	".SH DESCRIPTION\n"
	"A spec is a YAML 1.2 document with\n"
	".B version: 1\n"
	"and the maps below, each from a name to its fields.\n"
	"Names are 1 to 63 of a\\-z, 0\\-9 and \\-.\n"
	"Keys at the top that begin with\n"
	".B x\\-\n"
	"are ignored.\n"
	"Anything else that is not listed here is refused.\n"
	".PP\n"
	"A value means what its field says:\n"
	".BR no ,\n"
	".B 22:22\n"
	"or\n"
	".B 0x10\n"
	"is text where text is expected.\n"
	"Quotes make no difference, except that\n"
	".B null\n"
	"and nothing at all are only text in quotes.\n"
	"Sizes are whole numbers with KiB, MiB, GiB or TiB; durations with ms, s, m or h.\n"
	"Relative paths are taken from the folder of the spec file.\n"
	".PP\n"
	"The lines\n"
	".I Change\n"
	"say what a changed value costs what exists already.\n";

static const char tail[] =
	".SH SEE ALSO\n"
	".BR reconcile (1)\n";

static void put_line(struct text *t, const char *what, const char *value)
{
	if (!*value)
		return;
	text_putf(t, ".br\n%s: ", what);
	man_put(t, value);
	text_put(t, ".\n");
}

/* "disk: {size: 16GiB}" for disk.size. */
static void put_example(struct text *t, const struct field *f)
{
	size_t depth = 0;

	text_put(t, ".br\nExample: ");
	for (const char *p = f->path; *p;) {
		size_t n = strcspn(p, ".");

		man_put(t, *p == '*' ? "my-network: " : arena_printf(t->a, "%.*s: ", (int)n, p));
		if (p[n]) {
			text_put(t, "{");
			depth++;
		}
		p += n + (p[n] == '.');
	}
	man_put(t, describe_example(t->a, f));
	text_fill(t, '}', depth);
	text_put(t, "\n");
}

static void put_field(struct text *t, const struct field *f)
{
	const char *bounds = describe_bounds(t->a, f);

	text_put(t, ".TP\n.B ");
	man_put(t, f->path);
	text_put(t, "\n");
	man_put(t, f->help);
	text_put(t, ".\n");
	put_line(t, "Value", arena_printf(t->a, "%s%s%s", field_expects(t->a, f),
		*bounds ? ", " : "", bounds));
	put_line(t, "When absent", f->absent);
	if (f->shorthand)
		put_line(t, "Short", arena_printf(t->a, "%s: VALUE", f->shorthand));
	put_line(t, "Change", arena_printf(t->a, "%s, %s", change_name(f->change),
		describe_change(f)));
	put_example(t, f);
}

static void put_later(struct text *t)
{
	text_put(t, ".SH NOT SUPPORTED YET\n"
		"These belong to the language and no driver does them yet: a spec that says one is\n"
		"refused.\n* stands for any name, [] for each element of a list.\n");
	for (size_t i = 0; i < later_count; i++)
		for (size_t k = 0; k < later_nouns[i]->n_fields; k++) {
			const struct field *f = &later_nouns[i]->fields[k];

			text_put(t, ".TP\n.B ");
			man_put(t, describe_path(t->a, later_nouns[i], f));
			text_put(t, "\n");
			man_put(t, f->help);
			text_put(t, ".\n");
			put_line(t, "Value", field_expects(t->a, f));
		}
}

const char *fields_man(struct arena *a)
{
	struct text t = {.a = a};

	text_put(&t, head);
	for (size_t i = 0; i < noun_table_count; i++) {
		text_putf(&t, ".SH %s\n%s ", noun_tables[i]->key,
			noun_tables[i] == &noun_guards ? "A single map:" : "Each one is");
		man_put(&t, noun_tables[i]->help);
		text_put(&t, ".\n");
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			put_field(&t, &noun_tables[i]->fields[k]);
	}
	put_later(&t);
	text_put(&t, tail);
	return text_end(&t);
}
