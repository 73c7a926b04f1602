/* test_yaml.c - bytes to nodes: what is read, what is refused, where it is said to be. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/yaml.h"

#include <stdio.h>
#include <string.h>

static struct arena scratch;

static int setup(void **state)
{
	(void)state;
	scratch = (struct arena)ARENA_INIT;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

struct outcome {
	int result;
	struct yaml_node *root;
	struct diags diags;
	struct source src;
};

static struct outcome *parse_bytes(const char *text, size_t len, const struct yaml_sink *sink)
{
	struct outcome *o = arena_new(&scratch, struct outcome);

	o->result = source_open(&scratch, &o->src, "t.yaml", "/", text, len, &o->diags);
	if (!o->result)
		o->result = yaml_parse(&scratch, &o->src, &o->diags, sink, &o->root);
	return o;
}

static struct outcome *parse(const char *text)
{
	return parse_bytes(text, strlen(text), NULL);
}

/* A tree as one line, with places: {a@1:1: b@1:4}. */
static const char *print(const struct yaml_node *n)
{
	const char *text = "";
	bool is_map = n->type == YAML_MAP;

	if (n->type == YAML_SCALAR)
		return arena_printf(&scratch, "%s%s%s@%u:%u", n->plain ? "" : "'", n->text,
			n->plain ? "" : "'", n->line, n->col);
	for (const struct yaml_node *i = n->child; i; i = i->next)
		text = arena_printf(&scratch, "%s%s%s%s%s", text, *text ? ", " : "",
			print(i), is_map ? ": " : "", is_map ? print(i->child) : "");
	return arena_printf(&scratch, is_map ? "{%s}" : "[%s]", text);
}

static void expect_tree(const char *text, const char *tree)
{
	struct outcome *o = parse(text);

	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 0);
	assert_string_equal(print(o->root), tree);
}

static void test_trees(void **state)
{
	(void)state;
	expect_tree("a: b", "{a@1:1: b@1:4}");
	expect_tree("a: 'b'\n", "{a@1:1: 'b'@1:4}");
	expect_tree("- a\n- b\n", "[a@1:3, b@2:3]");
	expect_tree("a:\n  b: {c: 1, d: [2, 3]}\n",
		"{a@1:1: {b@2:3: {c@2:7: 1@2:10, d@2:13: [2@2:17, 3@2:20]}}}");
	expect_tree("a: |\n  x\n  y\n", "{a@1:1: 'x\ny\n'@1:4}");
	expect_tree("{}", "{}");
	expect_tree("---\na: b\n...\n", "{a@2:1: b@2:4}");
	expect_tree("%YAML 1.1\n---\na: b\n", "{a@3:1: b@3:4}");
	expect_tree("# c\na: b # d\n", "{a@2:1: b@2:4}");
}

static void test_texts_stay_texts(void **state)
{
	static const char *const words[] = {"no", "22:22", "0x10", "1e3", "1_000", ".inf",
		"2026-11-24", "08:00:27:00:00:01", "0o17", "true", "=", "1.5"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		expect_tree(arena_printf(&scratch, "a: %s", words[i]),
			arena_printf(&scratch, "{a@1:1: %s@1:4}", words[i]));
}

/* Columns count characters, lines count \n, \r\n and \r. */
static void test_places(void **state)
{
	(void)state;
	expect_tree("\xef\xbb\xbf" "a: b", "{a@1:1: b@1:4}");
	expect_tree("a: b\r\nc: d\r\n", "{a@1:1: b@1:4, c@2:1: d@2:4}");
	expect_tree("a: b\rc: d\r", "{a@1:1: b@1:4, c@2:1: d@2:4}");
	expect_tree("\xc3\xa9: b", "{\xc3\xa9@1:1: b@1:4}");
	expect_tree("{\xe4\xb8\xad: \xf0\x9f\x98\x80, b: c}",
		"{\xe4\xb8\xad@1:2: \xf0\x9f\x98\x80@1:5, b@1:8: c@1:11}");
}

/* Each document is the next of the one before. */
static void test_documents(void **state)
{
	struct outcome *o = parse("a: [b]\n---\n---\nc: {d: e}\n...\n");

	(void)state;
	assert_int_equal(o->result, 0);
	assert_int_equal(o->root->type, YAML_MAP);
	assert_int_equal(o->root->child->child->type, YAML_LIST);
	assert_true(yaml_is_null(o->root->next));
	assert_string_equal(o->root->next->next->child->text, "c");
	assert_int_equal(o->root->next->next->child->line, 4);
	assert_null(o->root->next->next->next);
}

static void test_nothing(void **state)
{
	static const char *const empty[] = {"", "\n\n", "# only a comment\n", "\xef\xbb\xbf"};

	(void)state;
	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct outcome *o = parse(empty[i]);

		assert_int_equal(o->result, 0);
		assert_null(o->root);
	}
	assert_true(yaml_is_null(parse("---\n")->root));
	assert_true(yaml_is_null(parse("~")->root));
	assert_true(yaml_is_null(parse("NULL")->root));
	assert_false(yaml_is_null(parse("'~'")->root));
	assert_false(yaml_is_null(parse("nul")->root));
	assert_false(yaml_is_null(parse("''")->root));
	assert_false(yaml_is_null(parse("[]")->root));
}

/* One diagnostic at that place with that in its message. */
static void expect_error(const char *text, size_t len, uint32_t line, uint32_t col, const char *says)
{
	struct outcome *o = parse_bytes(text, len, NULL);

	if (o->diags.n != 1)
		fail_msg("%.40s: %zu diagnostics", text, o->diags.n);
	if (o->diags.v[0].pos.line != line || o->diags.v[0].pos.col != col)
		fail_msg("%.40s: at %u:%u, not %u:%u", text, o->diags.v[0].pos.line,
			o->diags.v[0].pos.col, line, col);
	if (!strstr(o->diags.v[0].msg, says))
		fail_msg("%.40s: \"%s\"", text, o->diags.v[0].msg);
}

#define ERROR(text, line, col, says) expect_error((text), sizeof(text) - 1, (line), (col), (says))

static void test_refused(void **state)
{
	(void)state;
	ERROR("a: &x b", 1, 4, "anchors");
	ERROR("a: *x", 1, 4, "anchors");
	ERROR("&x\n- *x", 1, 1, "anchors");
	ERROR("a: [b, &x {}]", 1, 8, "anchors");
	ERROR("<<: {a: b}", 1, 1, "merge");
	ERROR("a: !!str b", 1, 4, "tag");
	ERROR("a: !foo {b: c}", 1, 4, "tag");
	ERROR("a: !!python/object:os.system [x]", 1, 4, "tag");
	ERROR("a: ! b", 1, 4, "tag");
	ERROR("[a]: b", 1, 1, "simple");
	ERROR("? {a: b}\n: c", 1, 3, "simple");
	ERROR("a: \"b\\0c\"", 1, 4, "NUL");
	ERROR("a: b\n\tc: d", 2, 1, "tab");
	ERROR("a:\n\t- b", 2, 1, "tab");
	ERROR("a: [b", 1, 4, "not closed");
	ERROR("a: {b: c", 1, 4, "not closed");
	ERROR("a: \"b", 1, 4, "ends inside");
	ERROR("a: b: c", 1, 5, "no key can be");
	ERROR("a: @b", 1, 4, "may not begin");
	ERROR("a: %b", 1, 4, "may not begin");
	ERROR("a: b\n c: d", 2, 3, "no key can be");
	ERROR("a: b\nc\n", 2, 1, "not \"key: value\"");
	ERROR("a: \"\\q\"", 1, 5, "escape");
}

static void test_encoding(void **state)
{
	(void)state;
	ERROR("a: \xe9", 1, 4, "0xe9");
	ERROR("a: b\nc: \xc3\xa9\xff", 2, 5, "0xff");
	ERROR("a: b\0", 1, 5, "U+0000");
	ERROR("a: \x1b[1m", 1, 4, "U+001B");
	ERROR("a: \x7f", 1, 4, "U+007F");
	ERROR("a: \xc2\x85", 1, 4, "U+0085");
	ERROR("# \xe2\x80\xae", 1, 3, "U+202E");
	ERROR("a: \xe2\x80\xa8", 1, 4, "U+2028");
	ERROR("a: \xef\xbb\xbf", 1, 4, "U+FEFF");
	ERROR("\xff\xfe" "a\0", 1, 1, "UTF-16");
	ERROR("\xfe\xff\0a", 1, 1, "UTF-16");
	ERROR("a: \xed\xa0\x80", 1, 4, "0xed");
}

static void test_twice(void **state)
{
	struct outcome *o = parse("a: 1\nb: 2\na: 3\n'b': 4\nc: {d: 1, d: 2}\n");

	(void)state;
	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 3);
	assert_int_equal(o->diags.v[0].pos.line, 3);
	assert_int_equal(o->diags.v[0].other.line, 1);
	assert_int_equal(o->diags.v[1].pos.line, 4);
	assert_int_equal(o->diags.v[1].other.line, 2);
	assert_int_equal(o->diags.v[2].pos.col, 11);
	assert_int_equal(o->diags.v[2].other.col, 5);
}

/* Beyond a few keys the look-up is another one. */
static void test_twice_in_long_maps(void **state)
{
	(void)state;
	for (int n = 1; n < 60; n++) {
		for (int twin = 0; twin < n; twin += 5) {
			const char *text = "";
			struct outcome *o;

			for (int i = 0; i < n; i++)
				text = arena_printf(&scratch, "%sk%d: v\n", text, i);
			o = parse(arena_printf(&scratch, "%sk%d: v\nz: v\nk%d: v\n", text, twin,
				twin));
			assert_int_equal(o->diags.n, 2);
			assert_int_equal(o->diags.v[0].pos.line, n + 1);
			assert_int_equal(o->diags.v[0].other.line, twin + 1);
			assert_int_equal(o->diags.v[1].pos.line, n + 3);
			assert_int_equal(o->diags.v[1].other.line, twin + 1);
		}
		teardown(NULL);
		setup(NULL);
	}
}

static const char *nested(int depth)
{
	char *s = arena_alloc(&scratch, (size_t)depth * 2 + 1);

	memset(s, '[', (size_t)depth);
	memset(s + depth, ']', (size_t)depth);
	return s;
}

static void test_depth(void **state)
{
	const char *deep = nested(200000);

	(void)state;
	assert_int_equal(parse(nested(SPEC_DEPTH_MAX))->diags.n, 0);
	expect_error(nested(SPEC_DEPTH_MAX + 1), (SPEC_DEPTH_MAX + 1) * 2, 1, SPEC_DEPTH_MAX + 1,
		"deeper");
	expect_error(deep, strlen(deep), 1, SPEC_DEPTH_MAX + 1, "deeper");
	expect_error(deep, 200000, 1, SPEC_DEPTH_MAX + 1, "deeper");
}

static void test_long_text(void **state)
{
	char *s = arena_alloc(&scratch, YAML_TEXT_MAX + 8);

	(void)state;
	memset(s, 'a', YAML_TEXT_MAX);
	assert_int_equal(parse(s)->diags.n, 0);
	s[YAML_TEXT_MAX] = 'a';
	expect_error(s, YAML_TEXT_MAX + 1, 1, 1, "65537 bytes");
}

static void test_too_many_nodes(void **state)
{
	size_t n = YAML_NODES_MAX + 10, len = 0;
	char *s = arena_alloc(&scratch, n * 2 + 4);

	(void)state;
	s[len++] = '[';
	for (size_t i = 0; i < n; i++) {
		s[len++] = 'a';
		s[len++] = ',';
	}
	s[len++] = ']';
	expect_error(s, len, 1, 2 + YAML_NODES_MAX * 2 - 2, "more than 2000000 values");
}

static void test_too_large(void **state)
{
	struct diags diags = {0};
	struct source src;

	(void)state;
	assert_int_equal(source_open(&scratch, &src, "t", "/", "a", (size_t)SPEC_BYTES_MAX + 1,
				 &diags), -1);
	assert_int_equal(diags.n, 1);
	assert_true(strstr(diags.v[0].msg, "64 MiB") != NULL);
}

/* ---- the sink ------------------------------------------------------------------------------- */

struct noted {
	const char *text;
};

static void note(void *arg, const struct yaml_node *top, struct yaml_node *key)
{
	struct noted *s = arg;

	s->text = arena_printf(&scratch, "%s%s/%s=%s;", s->text, top->text, key->text,
		print(key->child));
}

static void test_sink(void **state)
{
	struct noted seen = {""};
	struct yaml_sink sink = {note, &seen};
	const char *text = "v: 1\na:\n  x: 1\n  y: {b: [c, {d: e}]}\n  x: 2\nb: [{c: d}]\n"
			   "c: !t {z: 1}\nd: {w: {}}\na: {q: 1}\n";
	struct outcome *o = parse_bytes(text, strlen(text), &sink);

	(void)state;
	assert_int_equal(o->result, 0);
	assert_string_equal(seen.text,
		"a/x=1@3:6;a/y={b@4:7: [c@4:11, {d@4:15: e@4:18}]};d/w={};");
	assert_int_equal(o->diags.n, 3); /* x twice, the tag, a twice */
	assert_int_equal(o->root->n, 6);
	assert_int_equal(o->root->child->next->child->n, 3);
}

/* What was complete before a mistake stops reading was handed over. */
static void test_sink_until_mistake(void **state)
{
	struct noted seen = {""};
	struct yaml_sink sink = {note, &seen};
	const char *text = "a:\n  x: {b: 1}\n  y: {c: 1\nz: 1\n";
	struct outcome *o = parse_bytes(text, strlen(text), &sink);

	(void)state;
	assert_int_equal(o->result, -1);
	assert_string_equal(seen.text, "a/x={b@2:7: 1@2:10};");
}

/* Any prefix of a text is read or refused, and never both or neither. */
static void test_prefixes(void **state)
{
	static const char text[] = "version: 1\nvms:\n  web: {image: a, env: {A: \"b\\n\"}}\n"
				   "  db:\n    command: [x, 'y z']\n    user: |\n      a\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct outcome *o = parse_bytes(text, n, NULL);

		assert_int_equal(o->result ? -1 : 0, o->diags.n ? -1 : 0);
	}
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_trees),
		WITH(test_texts_stay_texts),
		WITH(test_places),
		WITH(test_documents),
		WITH(test_nothing),
		WITH(test_refused),
		WITH(test_encoding),
		WITH(test_twice),
		WITH(test_twice_in_long_maps),
		WITH(test_depth),
		WITH(test_long_text),
		WITH(test_too_many_nodes),
		WITH(test_too_large),
		WITH(test_sink),
		WITH(test_sink_until_mistake),
		WITH(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
