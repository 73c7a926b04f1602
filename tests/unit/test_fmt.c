/* test_fmt.c - formatting keeps what a spec says, keeps its comments, and is done after one time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/base/fd.h"
#include "schema/field.h"
#include "schema/fmt.h"
#include "schema/spec.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPECS "tests/schema" /* tests run at the top of the tree */
#define ROUNDS 60

static const char *format(struct arena *a, const char *text)
{
	struct err e = ERR_INIT;
	const char *out;

	if (fmt_text(a, text, strlen(text), &out, &e) < 0)
		fail_msg("%s\nof:\n%s", e.msg, text);
	return out;
}

/* ---- golden --------------------------------------------------------------------------------- */

static const struct {
	const char *in, *out;
} golden[] = {
	/* indentation and blanks */
	{"a:\n    b:   1\n    c:\n          d: x\n", "a:\n  b: 1\n  c:\n    d: x\n"},
	{"a:\n- 1\n-   2\n", "a:\n  - 1\n  - 2\n"},
	{"a:\n-\n  b: 1\n  c: 2\n- - x\n  - y\n", "a:\n  - b: 1\n    c: 2\n  - - x\n    - y\n"},
	{"a:  \t \nb: 1   \n", "a:\nb: 1\n"},
	{"\n\n\na: 1\n\n\n\nb: 2\n\n\n", "a: 1\n\nb: 2\n"},
	{"a:\n\n  b: 1\n\n  c: 2\n", "a:\n  b: 1\n\n  c: 2\n"},
	{"a: 1\r\nb:\r\n   - 2\r\n", "a: 1\nb:\n  - 2\n"},
	{"\xef\xbb\xbf" "a: 1", "a: 1\n"},
	{"? a\n: 1\n", "a: 1\n"},
	/* brackets */
	{"a: {b:   1 ,c: [x,y,  z]}\n", "a: {b: 1, c: [x, y, z]}\n"},
	{"a: { }\nb: [\n]\n", "a: {}\nb: []\n"},
	{"a: {\n  b: 1, # one\n  c: [x,\n  y] # two\n}\n",
		"a:\n  b: 1 # one\n  c:\n    - x\n    - y # two\n"},
	{"a: [{b: 1},\n {c: 2}]\n", "a:\n  - {b: 1}\n  - {c: 2}\n"},
	{"{\"a\": 1,\n  \"b\": 2}", "{\"a\": 1,\n  \"b\": 2}\n"},
	{"a: {b, c: ~}\n", "a: {b, c: ~}\n"},
	/* quotes */
	{"a: 'web'\nb: \"/bin/sh\"\n\"c\": '512MiB'\n", "a: web\nb: /bin/sh\nc: 512MiB\n"},
	{"a: 'no'\nb: \"1\"\nc: '1e3'\nd: \"22:22\"\ne: 'null'\nf: ''\ng: '~'\n",
		"a: \"no\"\nb: \"1\"\nc: \"1e3\"\nd: \"22:22\"\ne: \"null\"\nf: \"\"\ng: \"~\"\n"},
	{"a: 'x: y'\nb: 'x #y'\nc: 'say \"x\"'\nd: 'back\\slash'\ne: \"t\\tx\"\nf: '${X}'\n",
		"a: \"x: y\"\nb: \"x #y\"\nc: 'say \"x\"'\nd: 'back\\slash'\ne: \"t\\tx\"\n"
		"f: \"${X}\"\n"},
	{"a: 'it''s'\nb: 'x:'\nc: 'Web '\nd: '-x'\n",
		"a: \"it's\"\nb: \"x:\"\nc: \"Web \"\nd: \"-x\"\n"},
	{"a: ['b, c', 'd']\n", "a: [\"b, c\", d]\n"},
	/* values of several lines */
	{"a:\n    b: one\n      two\n\n      three\n", "a:\n  b: one\n    two\n\n    three\n"},
	{"a: \"one\n   two\\\n   three\"\n", "a: \"one\n  two\\\n  three\"\n"},
	{"a:\n    - |\n        x\n          y\n\n        z\n    - b\n",
		"a:\n  - |\n    x\n      y\n\n    z\n  - b\n"},
	{"a: |+\n     x\n\n\nb: 1\n", "a: |+\n  x\n\n\nb: 1\n"},
	{"a: >-  # why\n    x\n    y\n\n\nb: 1\n", "a: >- # why\n  x\n  y\n\nb: 1\n"},
	{"a: |1\n   x\n  y\n", "a: |2\n    x\n   y\n"},
	{"a: |\n    x", "a: |-\n  x\n"},
	/* comments */
	{"# top\n\na: 1   # one\n# before b\nb:   # of b\n    # in b\n    c: 1\n    # end of b\n# end\n",
		"# top\n\na: 1 # one\n# before b\nb: # of b\n  # in b\n  c: 1\n  # end of b\n# end\n"},
	{"a:\n    b:\n        c: 1\n        # c\n    # b\n# a\nd: 1\n",
		"a:\n  b:\n    c: 1\n    # c\n  # b\n# a\nd: 1\n"},
	{"a:\n- x # one\n# of b\nb: 1\n", "a:\n  - x # one\n# of b\nb: 1\n"},
	{"a:\n- # it\n  b: 1\n", "a:\n  # it\n  - b: 1\n"},
	{"a:\n  # why\n  x\n", "# why\na: x\n"},
	{"a: [ # first\n  x, # second\n  # third\n  y]\n",
		"a: # first\n  - x # second\n  # third\n  - y\n"},
	{"a: \"#no\" #yes\nb: x#no\n", "a: \"#no\" #yes\nb: x#no\n"},
	{"a: {\n  # none\n}\n", "# none\na: {}\n"},
	/* documents */
	{"%YAML 1.2\n---   # start\na: 1\n...\n", "%YAML 1.2\n--- # start\na: 1\n"},
	{"a: 1\n---\n# two\nb: 1\n", "a: 1\n---\n# two\nb: 1\n"},
	{"a: 1\n...\n%YAML 1.2\n---\nb: 1\n", "a: 1\n...\n%YAML 1.2\n---\nb: 1\n"},
	{"", ""},
	{"# only\n", "# only\n"},
};

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(golden) / sizeof(golden[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *once = format(&a, golden[i].in);

		if (strcmp(once, golden[i].out))
			fail_msg("of:\n%s\ngot:\n%s\nwant:\n%s", golden[i].in, once, golden[i].out);
		assert_string_equal(format(&a, once), once);
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {"a: [", "a: &x 1\n", "a: *x\n", "a: !!int 1\n",
		"a: 1\n  b: 2\n", "? a\n  b\n: 1\n", "a: \xc2\x85\n", "a: \xff\n", "a: b\x1b\n", "text\n",
		"? [a]\n: 1\n", ": 1\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		const char *out;

		if (!fmt_text(&a, texts[i], strlen(texts[i]), &out, &e))
			fail_msg("not refused: %s", texts[i]);
		assert_int_equal(e.kind, ERR_SPEC);
		assert_true(e.msg[0]);
	}
}

static void test_deep(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct text t = {.a = &a};
	struct err e = ERR_INIT;
	const char *out;

	(void)state;
	text_fill(&t, '[', 100000);
	assert_int_equal(fmt_text(&a, t.v, t.n, &out, &e), -1);
	assert_int_equal(e.kind, ERR_SPEC);
}

/* ---- specs ---------------------------------------------------------------------------------- */

/* All that a spec says, as text; NULL if it is wrong. */
static const char *meaning(struct arena *a, const char *text)
{
	struct text t = {.a = a};
	struct objects objects = {0};
	struct diags diags = {0};
	struct spec *spec;

	if (spec_parse(a, "x.yaml", "/base", text, strlen(text), &spec, &diags, NULL) < 0)
		return NULL;
	spec_expand(a, spec, &objects);
	vec_each(o, &objects) {
		text_putf(&t, "%s/%s\n", kind_name(o->kind), o->name);
		for (size_t i = 0; i < o->spec->noun->n_fields; i++) {
			const struct field *f = &o->spec->noun->fields[i];
			const char *value = field_print(a, f, o->spec);

			text_putf(&t, "  %s=%s at %d\n", f->path, value ? value : "-",
				o->spec->at[i].line != 0);
		}
	}
	return text_end(&t);
}

/* The comments of a text, in order, without what is around them. */
static const char *comments(struct arena *a, const char *text)
{
	struct text t = {.a = a};
	struct err e = ERR_INIT;
	struct layout l;

	if (layout_read(a, text, strlen(text), &l, &e) < 0)
		fail_msg("%s in:\n%s", e.msg, text);
	vec_each(c, &l.comments) {
		text_putn(&t, text + c->start, c->end - c->start);
		text_put(&t, "\n");
	}
	return text_end(&t);
}

static void check_text(struct arena *a, const char *name, const char *text, const char *says)
{
	const char *once = format(a, text), *now = meaning(a, once);

	if (!now || strcmp(now, says))
		fail_msg("%s: says something else after fmt\n---- before\n%s---- after\n%s", name,
			text, once);
	if (strcmp(format(a, once), once))
		fail_msg("%s: fmt twice is not fmt\n---- once\n%s---- twice\n%s", name, once,
			format(a, once));
	if (strcmp(comments(a, text), comments(a, once)))
		fail_msg("%s: comments went astray\n---- before\n%s---- after\n%s", name, text, once);
}

/* What a source of a spec is without its byte order mark: layouts are of such texts. */
static const char *without_bom(const char *text)
{
	return strncmp(text, "\xef\xbb\xbf", 3) ? text : text + 3;
}

typedef void each_fn(const char *name, const char *text);

static size_t each_spec(each_fn *f)
{
	struct dirent **names;
	int n = scandir(SPECS, &names, NULL, alphasort);
	size_t found = 0;

	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *name = names[i]->d_name;
		size_t len = strlen(name);
		char *text;

		if (!strncmp(name, "pass-", 5) && len > 5 && !strcmp(name + len - 5, ".yaml")) {
			const char *path = arena_printf(&a, SPECS "/%s", name);

			assert_int_equal(file_read(&a, AT_FDCWD, path, 1 << 20, &text, &len, NULL), 0);
			f(name, without_bom(text));
			found++;
		}
		free(names[i]);
	}
	free(names);
	return found;
}

static void check_spec_file(const char *name, const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *says = meaning(&a, text);

	if (!says) /* it needs other files: fmt_text checks by itself that it says the same */
		return;
	check_text(&a, name, text, says);
}

static void test_specs(void **state)
{
	(void)state;
	assert_true(each_spec(check_spec_file) >= 20);
}

/* ---- mutations ------------------------------------------------------------------------------ */

static uint32_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* What may stand at the end of a line, and what may stand between two. */
static void put_noise(struct text *t)
{
	if (draw(4) == 0)
		text_fill(t, ' ', draw(4));
	if (draw(6) == 0)
		text_putf(t, " # end %u", draw(100));
	if (draw(5) == 0)
		text_put(t, "\r");
	text_put(t, "\n");
	while (draw(4) == 0)
		text_fill(t, '\n', draw(3));
	while (draw(5) == 0) {
		text_fill(t, ' ', draw(9));
		text_putf(t, "# line %u\n", draw(100));
	}
}

/* The text with wider indentation, and noise at the line ends. */
static const char *mutate(struct arena *a, const char *text)
{
	struct text t = {.a = a};
	size_t wider = 1 + draw(3);

	while (*text) {
		size_t spaces = strspn(text, " "), n = strcspn(text, "\n");

		text_fill(&t, ' ', (wider - 1) * spaces);
		text_putn(&t, text, n);
		text += n;
		if (*text) {
			put_noise(&t);
			text++;
		}
	}
	return text_end(&t);
}

static size_t tried, usable;

/* A mutation that says something else (a comment in a literal text) is not one for us. */
static void check_mutations(const char *name, const char *text)
{
	_cleanup_arena_ struct arena first = ARENA_INIT;

	for (int i = 0; i < ROUNDS && meaning(&first, text); i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const char *mutant = mutate(&a, text), *says = meaning(&a, text);
		const char *now = meaning(&a, mutant);

		tried++;
		if (!now || strcmp(now, says))
			continue;
		usable++;
		check_text(&a, name, mutant, says);
	}
}

static void test_mutations(void **state)
{
	(void)state;
	seed = 4;
	tried = usable = 0;
	each_spec(check_mutations);
	print_message("%zu of %zu mutations say what the original says\n", usable, tried);
	assert_true(usable > tried / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_mutations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
