/* test_drawing.c - objects as text, for Graphviz and as SVG: texts that are hostile, graphs that are odd. */
#include "reconciler/drawing.h"

#include "tests/lib/unit.h"

static struct drawing small(struct arena *a)
{
	static const struct drawn nodes[] = {
		{"a.yaml", "image/base", "made", "", HEALTH_GOOD},
		{"a.yaml", "disk/web", "missing", "it is gone", HEALTH_BAD},
		{"a.yaml", "vm/web", "running", "", HEALTH_GOOD},
		{"b.yaml", "vm/other", "stopped", "", HEALTH_OFF},
	};
	struct drawing d = {0};

	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		*vec_push(a, &d.nodes) = nodes[i];
	*vec_push(a, &d.needs) = (struct edge){1, 0};
	*vec_push(a, &d.needs) = (struct edge){2, 1};
	return d;
}

static const char *drawn(struct arena *a, void (*draw)(struct text *t, const struct drawing *d),
	const struct drawing *d)
{
	struct text t = {.a = a};

	draw(&t, d);
	return text_end(&t);
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void text_names_sources_needs_and_notes(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct drawing d = small(&a);

	(void)state;
	assert_string_equal(drawn(&a, drawing_text, &d),
		"a.yaml\n"
		"  image/base  made\n"
		"  disk/web    missing  needs image/base  (it is gone)\n"
		"  vm/web      running  needs disk/web\n"
		"\n"
		"b.yaml\n"
		"  vm/other    stopped\n");
}

static void dot_has_a_cluster_a_source(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct drawing d = small(&a);
	const char *dot = drawn(&a, drawing_dot, &d);

	(void)state;
	assert_int_equal(count(dot, "subgraph cluster_"), 2);
	assert_int_equal(count(dot, "{"), count(dot, "}"));
	assert_non_null(strstr(dot, "\tn0 -> n1;\n\tn1 -> n2;\n"));
	assert_non_null(strstr(dot, "tooltip=\"it is gone\""));
}

static void svg_puts_what_is_needed_to_the_left(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const struct drawing d = small(&a);
	const char *svg = drawn(&a, drawing_svg, &d);

	(void)state;
	assert_int_equal(count(svg, "<g class=\"good\">"), 2);
	assert_int_equal(count(svg, "<g class=\"bad\">"), 1);
	assert_int_equal(count(svg, "class=\"source\" x"), 2);
	assert_int_equal(count(svg, "class=\"edge\" d"), 2);
	/* Columns 0, 1 and 2 are 270 apart. */
	assert_non_null(strstr(svg, "image/base: made</title><rect class=\"box\" x=\"40\""));
	assert_non_null(strstr(svg, "disk/web: it is gone</title><rect class=\"box\" x=\"310\""));
	assert_non_null(strstr(svg, "vm/web: running</title><rect class=\"box\" x=\"580\""));
}

static void hostile_texts_stay_texts(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct drawing d = {0};
	const char *svg, *dot;

	(void)state;
	*vec_push(&a, &d.nodes) = (struct drawn){"</text><script>alert(1)</script>", "vm/web",
		"\x1b[31m\"];x->y[\"\xff&", "\"\\", HEALTH_BAD};
	svg = drawn(&a, drawing_svg, &d);
	dot = drawn(&a, drawing_dot, &d);
	assert_null(strstr(svg, "<script"));
	assert_null(strchr(svg, '\x1b'));
	assert_null(strchr(svg, '\xff'));
	assert_non_null(strstr(svg, "&amp;"));
	assert_null(strchr(dot, '\x1b'));
	assert_null(strstr(dot, "[31m\"];x"));
	assert_non_null(strstr(dot, "tooltip=\"\\\"\\\\"));
	assert_null(strchr(drawn(&a, drawing_text, &d), '\x1b'));
}

static void odd_graphs_can_be_drawn(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct drawing none = {0}, cycle = small(&a);

	(void)state;
	assert_string_equal(drawn(&a, drawing_text, &none), "");
	assert_non_null(strstr(drawn(&a, drawing_svg, &none), "</svg>\n"));
	assert_string_equal(strrchr(drawn(&a, drawing_dot, &none), '}'), "}\n");
	*vec_push(&a, &cycle.needs) = (struct edge){0, 2};
	assert_int_equal(count(drawn(&a, drawing_svg, &cycle), "<g class="), 4);
}

static void long_names_are_cut_in_their_box_only(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct drawing d = {0};
	const char *svg;

	(void)state;
	*vec_push(&a, &d.nodes) = (struct drawn){"", "vm/a-name-that-is-much-too-long-for-its-box", "made",
		"", HEALTH_GOOD};
	svg = drawn(&a, drawing_svg, &d);
	assert_non_null(strstr(svg, "<title>vm/a-name-that-is-much-too-long-for-its-box: made</title>"));
	assert_non_null(strstr(svg, ">vm/a-name-that-is-much-too...</text>"));
	assert_non_null(strstr(svg, ">no source</text>"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_names_sources_needs_and_notes),
		cmocka_unit_test(dot_has_a_cluster_a_source),
		cmocka_unit_test(svg_puts_what_is_needed_to_the_left),
		cmocka_unit_test(hostile_texts_stay_texts),
		cmocka_unit_test(odd_graphs_can_be_drawn),
		cmocka_unit_test(long_names_are_cut_in_their_box_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
