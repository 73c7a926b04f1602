/* test_later.c - fields that no driver does yet: each row is refused by name, and what it holds is
 * judged; and the values that have to do with networks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/describe.h"
#include "schema/later.h"
#include "schema/value.h"

#include <regex.h>
#include <string.h>

static struct arena scratch;

static int teardown(void **state)
{
	(void)state;
	arena_free(&scratch);
	return 0;
}

static void each_row(void (*fn)(const struct noun *noun, const struct field *f))
{
	size_t rows = 0;

	for (size_t i = 0; i < later_count; i++)
		for (size_t k = 0; k < later_nouns[i]->n_fields; k++, rows++)
			fn(later_nouns[i], &later_nouns[i]->fields[k]);
	assert_true(rows > 20);
}

/* ---- the tables ----------------------------------------------------------------------------- */

static const char *example_of(const struct field *f)
{
	const char *text = describe_example(&scratch, f);
	size_t n = strlen(text);

	return *text == '"' ? arena_dupn(&scratch, text + 1, n - 2) : text;
}

static bool matches(const char *pattern, const char *text)
{
	regex_t compiled;
	bool result;

	assert_int_equal(regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB), 0);
	result = !regexec(&compiled, text, 0, NULL, 0);
	regfree(&compiled);
	return result;
}

static int parse(const struct field *f, const char *text, struct err *e)
{
	uint64_t room[4] = {0};
	struct field row = *f;

	row.offset = 0;
	return field_parse(&scratch, &row, text, room, e);
}

static void check_row(const struct noun *noun, const struct field *f)
{
	const struct noun *real = noun_find(noun->key);
	struct err e = ERR_INIT;

	assert_non_null(f->help);
	assert_non_null(f->absent);
	assert_ptr_equal(field_find(noun, f->path), f);
	assert_int_equal(f->type == FIELD_ENUM, f->choices != NULL);
	if (real && field_find(real, f->path))
		fail_msg("%s.%s is supported: it has to leave later.c", noun->key, f->path);
	if (f->type == FIELD_LABELS)
		return;
	if (parse(f, example_of(f), &e) < 0)
		fail_msg("%s: its example %s is refused: %s", f->path, example_of(f), e.msg);
	if (f->dflt && parse(f, f->dflt, &e) < 0)
		fail_msg("%s: its default %s is refused: %s", f->path, f->dflt, e.msg);
	if (f->pattern)
		assert_true(matches(f->pattern, example_of(f)));
}

static void test_tables(void **state)
{
	(void)state;
	each_row(check_row);
	for (size_t i = 0; i < later_count; i++)
		assert_ptr_equal(later_find(later_nouns[i]->key), later_nouns[i]);
	assert_false(later_is(&noun_vm));
	assert_true(later_is(later_find("vms")));
}

static const char *text_of(const struct field *f, int64_t v)
{
	char *s;

	if (v < 0)
		return NULL;
	switch (f->type) {
	case FIELD_U32:
		return arena_printf(&scratch, "%lld", (long long)v);
	case FIELD_SIZE:
		return size_print(&scratch, (uint64_t)v);
	case FIELD_DURATION:
		return duration_print(&scratch, (uint64_t)v);
	case FIELD_SUBNET:
		return arena_printf(&scratch, "%s/%lld", v > 4 ? "8.0.0.0" : "0.0.0.0", (long long)v);
	case FIELD_STRING:
	case FIELD_PATH:
		s = arena_alloc(&scratch, (size_t)v + 1);
		memset(s, f->type == FIELD_PATH ? '/' : 'a', (size_t)v);
		return s;
	default:
		return NULL;
	}
}

static void expect(const struct field *f, const char *text, bool good)
{
	struct err e = ERR_INIT;

	if (text && (parse(f, text, &e) == 0) != good)
		fail_msg("%s: \"%.100s\" was %s", f->path, text, good ? "refused" : "accepted");
}

static void check_bounds(const struct noun *noun, const struct field *f)
{
	int64_t unit = f->type == FIELD_SIZE ? 1024 : 1;

	(void)noun;
	expect(f, text_of(f, f->min - unit), false);
	if (f->type != FIELD_SUBNET || f->min > 0)
		expect(f, text_of(f, f->min), true);
	expect(f, text_of(f, f->max), true);
	expect(f, text_of(f, f->max + unit), false);
	if (f->step)
		expect(f, text_of(f, f->min + unit), false);
	for (size_t i = 0; f->type == FIELD_ENUM && f->choices[i]; i++) {
		expect(f, f->choices[i], true);
		expect(f, arena_printf(&scratch, "%sx", f->choices[i]), false);
	}
}

static void test_bounds(void **state)
{
	(void)state;
	each_row(check_bounds);
}

/* ---- in a spec ------------------------------------------------------------------------------ */

/* "a.*.b[]" and a value: "{a: {x: {b: [value]}}}" */
static const char *write_path(const char *path, const char *value)
{
	size_t n = strcspn(path, ".[");
	const char *key = n == 1 && *path == '*' ? "x" : arena_dupn(&scratch, path, n);

	if (!path[n])
		return arena_printf(&scratch, "{%s: %s}", key, value);
	if (path[n] == '.')
		return arena_printf(&scratch, "{%s: %s}", key, write_path(path + n + 1, value));
	if (!path[n + 2])
		return arena_printf(&scratch, "{%s: [%s]}", key, value);
	return arena_printf(&scratch, "{%s: [%s]}", key, write_path(path + n + 3, value));
}

/* Diagnostics that are about this row, with the value in a spec that is good but for it. What else is
 * missing in it (other required fields) does not count. */
static size_t count_about(const struct noun *noun, const struct field *f, const char *value,
	const char *word)
{
	const char *fields = write_path(f->path, value), *text;
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;
	size_t n = 0;

	text = arena_printf(&scratch, "version: 1\n%s%s: {test: %s}\n",
		noun_find(noun->key) == &noun_vm ? "" : "vms: {}\n", noun->key, fields);
	assert_int_equal(spec_parse(&scratch, "t.yaml", "/", text, strlen(text), &spec, &diags, &e),
		-1);
	vec_each(d, &diags)
		n += strstr(d->msg, word) != NULL;
	return n;
}

static void check_refused(const struct noun *noun, const struct field *f)
{
	const char *good = f->type == FIELD_LABELS ? "{a: b}" : describe_example(&scratch, f);
	const char *prefix = arena_printf(&scratch, "%s: ", f->path);

	if (count_about(noun, f, good, "not supported yet") != 1)
		fail_msg("%s.%s is not refused once by name", noun->key, f->path);
	if (count_about(noun, f, good, prefix))
		fail_msg("%s.%s: %s is complained about", noun->key, f->path, good);
	if (count_about(noun, f, "[[a]]", prefix) != 1 || count_about(noun, f, "{a: {b: c}}", prefix) != 1)
		fail_msg("%s.%s: a wrong type is not complained about", noun->key, f->path);
}

static void test_refused(void **state)
{
	(void)state;
	each_row(check_refused);
}

static void test_explained(void **state)
{
	(void)state;
	assert_true(later_has(&noun_vm, "", "ports"));
	assert_true(later_has(&noun_vm, "vsock.", "ports"));
	assert_false(later_has(&noun_vm, "vsock.", "port"));
	assert_false(later_has(&noun_vm, "", "vcpus"));
	assert_true(later_has(NULL, "", "networks"));
	assert_false(later_has(NULL, "", "network"));
}

/* ---- networks ------------------------------------------------------------------------------- */

static void check_values(enum field_type type, int64_t min, int64_t max, bool good,
	const char *const *texts)
{
	const struct field f = {.path = "x", .type = type, .min = min, .max = max};

	for (size_t i = 0; texts[i]; i++)
		expect(&f, texts[i], good);
}

static void test_addresses(void **state)
{
	static const char *const good[] = {"10.0.0.1", "192.168.255.255", "1.0.0.0", "223.255.255.254",
		NULL};
	static const char *const bad[] = {"", "10.0.0", "10.0.0.0.1", "10.0.0.256", "10.0.0.01",
		"0x0a.0.0.1", "167772161", "10.0.0.1 ", "10.0.0.1\n", "-1.0.0.1", "0.0.0.0",
		"127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::ffff:10.0.0.1",
		"fe80::1%eth0", "10.0.0.1/24", "99999999999.0.0.1", NULL};
	static const char *const nets[] = {"10.77.0.0/24", "0.0.0.0/0", "10.0.0.1/32", "128.0.0.0/1",
		NULL};
	static const char *const no_nets[] = {"10.77.0.1/24", "10.77.0.0", "10.77.0.0/33",
		"10.77.0.0/024", "10.77.0.0/", "/24", "10.77.0.0/24/8", "10.77.0.0/-1", NULL};

	(void)state;
	check_values(FIELD_ADDRESS, 0, 0, true, good);
	check_values(FIELD_ADDRESS, 0, 0, false, bad);
	check_values(FIELD_SUBNET, 0, 32, true, nets);
	check_values(FIELD_SUBNET, 0, 32, false, no_nets);
}

static void test_hosts_of_networks(void **state)
{
	static const struct {
		const char *address, *subnet;
		bool is_in;
	} cases[] = {
		{"10.0.0.1", "10.0.0.0/24", true}, {"10.0.0.254", "10.0.0.0/24", true},
		{"10.0.0.0", "10.0.0.0/24", false}, {"10.0.0.255", "10.0.0.0/24", false},
		{"10.0.1.1", "10.0.0.0/24", false}, {"9.255.255.255", "10.0.0.0/24", false},
		{"10.0.0.2", "10.0.0.0/30", true}, {"10.0.0.1", "10.0.0.0/31", false},
		{"10.0.0.1", "10.0.0.1/32", false}, {"10.0.0.1", "0.0.0.0/0", true},
		{"255.255.255.255", "0.0.0.0/0", false}, {"x", "10.0.0.0/24", false},
		{"10.0.0.1", "10.0.0.0", false}, {"10.0.0.1", "10.0.0.0/33", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (value_is_host_in(cases[i].address, cases[i].subnet) != cases[i].is_in)
			fail_msg("%s in %s", cases[i].address, cases[i].subnet);
}

static void test_ports_apart(void **state)
{
	static const struct {
		const char *text;
		struct value_port port;
	} cases[] = {
		{"8080", {0, 8080, false}}, {"53/udp", {0, 53, true}}, {"53/tcp", {0, 53, false}},
		{"8080:80", {0, 8080, false}}, {"0.0.0.0:1", {0, 1, false}},
		{"10.0.0.1:53:54/udp", {0x0a000001, 53, true}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct value_port p = value_split_port(cases[i].text);

		assert_int_equal(p.address, cases[i].port.address);
		assert_int_equal(p.port, cases[i].port.port);
		assert_int_equal(p.is_udp, cases[i].port.is_udp);
	}
}

static void test_macs_and_ports(void **state)
{
	static const char *const macs[] = {"02:00:00:00:00:01", "0A:bC:dE:f0:12:34", NULL};
	static const char *const no_macs[] = {"", "01:00:00:00:00:01", "ff:ff:ff:ff:ff:ff",
		"00:00:00:00:00:00", "02:00:00:00:00", "02:00:00:00:00:01:02", "02-00-00-00-00-01",
		"02:00:00:00:00:0g", "020000000001", NULL};
	static const char *const listens[] = {"1", "65535/udp", "0.0.0.0:80", "10.0.0.1:80/tcp", NULL};
	static const char *const no_listens[] = {"", "0", "65536", "080", "80/sctp", "80/", "a:80",
		"10.0.0:80", "10.0.0.1", "10.0.0.1:", ":80", "80:80", "1-2", NULL};
	static const char *const ports[] = {"8080:80", "10.0.0.1:53:53/udp", NULL};
	static const char *const no_ports[] = {"80", "80:", ":80", "0:80", "80:0", "80:65536",
		"1:2:3", "9000-9001:80-81", "[::1]:80:80", NULL};
	const struct field f = {.path = "x", .type = FIELD_MAC};
	const char *value = NULL;

	(void)state;
	check_values(FIELD_MAC, 0, 0, true, macs);
	check_values(FIELD_MAC, 0, 0, false, no_macs);
	check_values(FIELD_LISTEN, 0, 0, true, listens);
	check_values(FIELD_LISTEN, 0, 0, false, no_listens);
	check_values(FIELD_PORTS, 0, 0, true, ports);
	check_values(FIELD_PORTS, 0, 0, false, no_ports);
	assert_int_equal(field_parse(&scratch, &f, "0A:bC:dE:f0:12:34", &value, NULL), 0);
	assert_string_equal(value, "0a:bc:de:f0:12:34"); /* one spelling, so that no change is seen */
}

#define WITH(fn) cmocka_unit_test_teardown(fn, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_tables),
		WITH(test_bounds),
		WITH(test_refused),
		WITH(test_explained),
		WITH(test_addresses),
		WITH(test_hosts_of_networks), WITH(test_ports_apart), WITH(test_macs_and_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
