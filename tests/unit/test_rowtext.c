/* test_rowtext.c - what rows hold, read the quick way, is what json_to_kvs reads. */
#include "reconciler/engine/rowtext.h"

#include "tests/lib/unit.h"

static void same_as_json(const char *text)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err err = ERR_INIT, other = ERR_INIT;
	struct kvs quick, slow;
	int rc = json_to_kvs(&a, text, "facts", &slow, &other);

	assert_int_equal(rowtext_kvs(&a, text, strlen(text), "facts", &quick, &err), rc);
	assert_string_equal(err.msg, other.msg);
	if (rc < 0)
		return;
	assert_int_equal(quick.n, slow.n);
	for (size_t i = 0; i < slow.n; i++) {
		assert_string_equal(quick.v[i].key, slow.v[i].key);
		assert_string_equal(quick.v[i].value, slow.v[i].value);
	}
}

static void every_form(void **state)
{
	static const char *const texts[] = {
		"{}", "{\"a\":\"b\"}", "{\"a\":\"\"}", "{\"\":\"\"}", "{\"a\":\"b\",\"c\":\"d\"}",
		"{\"env\":\"[\\\"A=1\\\",\\\"B=\\\\\\\\\\\"]\"}", "{\"a\":\"\\n\\t\\r\\b\\f\\/\"}",
		"{\"a\":\"\\u0041\"}", "{\"a\":\"\\u0000\"}", "{\"a\":\"\xc3\xa4\"}",
		"{\"a\":\"\xf4\x8f\xbf\xbf\"}", "{\"a\":\"\xff\"}", "{\"a\":\"{},:\"}",
		/* spaces are JSON too */
		" {\"a\":\"b\"}", "{\"a\":\"b\"} ", "{ \"a\" : \"b\" , \"c\" : \"d\" }",
		/* what is not a list of strings */
		"", "{", "}", "[]", "\"a\"", "null", "{\"a\"}", "{\"a\":}", "{\"a\":1}", "{\"a\":\"b\",}",
		"{,}", "{\"a\":\"b\"", "{\"a\":\"b", "{\"a\":\"b\"}}", "{\"a\":\"b\"}{}", "{\"a\":\"b\\",
		"{\"a\":\"b\\\"}", "{\"a\":\"b\\q\"}", "{\"a\":\"b\n\"}", "{\"a\":\"b\"\"c\":\"d\"}",
		"{\"a\":\"b\",\"a\":\"c\"}", "{\"a\",\"b\"}", "{\"a\":[\"b\"]}", "{a:\"b\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		same_as_json(texts[i]);
}

/* Each text that can be cut off, and each with one byte of it changed. */
static void damaged_rows(void **state)
{
	static const char row[] = "{\"id\":\"sha256:00\",\"env\":\"[\\\"A=1\\\"]\",\"x\":\"y\"}";
	static const char other[] = "\"\\{}:,a \n\x80";

	(void)state;
	for (size_t i = 0; i < sizeof(row); i++) {
		char text[sizeof(row)];

		memcpy(text, row, sizeof(row));
		text[i] = '\0';
		same_as_json(text);
		for (size_t k = 0; i < sizeof(row) - 1 && k < sizeof(other) - 1; k++) {
			text[i] = other[k];
			same_as_json(text);
		}
	}
}

/* What was read grows like any other list. */
static void what_was_read_can_be_changed(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct kvs l;

	(void)state;
	assert_int_equal(rowtext_kvs(&a, "{\"a\":\"b\"}", 9, "facts", &l, NULL), 0);
	for (int i = 0; i < 40; i++)
		kvs_setf(&a, &l, arena_printf(&a, "k%d", i), "%d", i);
	kvs_set(&a, &l, "a", NULL);
	assert_int_equal(l.n, 40);
	assert_string_equal(kvs_get(&l, "k39"), "39");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(damaged_rows),
		cmocka_unit_test(what_was_read_can_be_changed),
	};

	return cmocka_run_group_tests_name("rowtext", tests, NULL, NULL);
}
