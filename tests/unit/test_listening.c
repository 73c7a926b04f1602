/* test_listening.c - what listens in a guest, out of its /proc/net. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "drivers/guest/listening.h"
#include "schema/base/arena.h"

#include <string.h>

static struct arena a;

static int teardown(void **state)
{
	(void)state;
	arena_free(&a);
	return 0;
}

static const char *list(const char *proto, const char *text)
{
	struct listenings all = {0};
	const char *out = "";

	listening_parse(&a, proto, text, &all);
	listening_sort(&all);
	vec_each(l, &all)
		out = arena_printf(&a, "%s%s %s %u %u\n", out, l->proto, l->address, l->port, l->uid);
	return out;
}

#define HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
#define REST " 00000000:00000000 00:00000000 00000000 "

static void test_tcp(void **state)
{
	(void)state;
	assert_string_equal(list("tcp", HEAD
		"   0: 00000000:0050 00000000:0000 0A" REST "    0        0 11 1\n"
		"   1: 0100007F:1F90 00000000:0000 0A" REST " 1000        0 12 1\n"
		"   2: 0300007F:0050 0200007F:9C40 01" REST "    0        0 13 1\n"
		"   3: 00000000:0050 00000000:0000 0A" REST "    0        0 14 1\n"),
		"tcp 0.0.0.0 80 0\ntcp 127.0.0.1 8080 1000\n");
}

static void test_tcp6(void **state)
{
	(void)state;
	assert_string_equal(list("tcp", HEAD
		"   0: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A" REST
		"    0        0 11 1\n"
		"   1: 00000000000000000000000001000000:1538 00000000000000000000000000000000:0000 0A" REST
		"   26        0 12 1\n"), "tcp :: 22 0\ntcp ::1 5432 26\n");
}

static void test_udp(void **state)
{
	(void)state;
	assert_string_equal(list("udp", HEAD
		"  10: 00000000:0044 00000000:0000 07" REST "    0        0 11 1\n"
		"  11: 00000000:0045 0101A8C0:0035 07" REST "    0        0 12 1\n"
		"  12: 00000000:0046 00000000:0000 0A" REST "    0        0 12 1\n"), "udp 0.0.0.0 68 0\n");
}

/* The guest says what it likes. */
static void test_hostile(void **state)
{
	static const char *const texts[] = {"", "\n\n", "x", "   0: ", "   0: 0000:0050 00:0 0A",
		"   0: zz:0050 00000000:0000 0A" REST " 0 0 1\n", "   0: 00000000:0000 00000000:0000 0A" REST " 0 0\n",
		"   0: 0000000000:0050 00000000:0000 0A" REST " 0 0\n",
		"   0: 00000000000000000000000000000000000:0050 00000000:0000 0A" REST " 0 0\n"};
	struct listenings all = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_string_equal(list("tcp", texts[i]), "");
	for (unsigned i = 1; i <= 40; i++) {
		char *block = arena_alloc(&a, 1);

		for (unsigned k = 1; k <= 128; k++)
			block = arena_printf(&a, "%s %u: 00000000:%04X 00000000:0000 0A" REST "0 0 1\n", block,
				k, i * 128 + k);
		listening_parse(&a, "tcp", block, &all);
	}
	assert_int_equal(all.n, LISTENING_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_tcp, teardown),
		cmocka_unit_test_teardown(test_tcp6, teardown),
		cmocka_unit_test_teardown(test_udp, teardown),
		cmocka_unit_test_teardown(test_hostile, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
