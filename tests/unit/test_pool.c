/* test_pool.c - who gets which handle. */
#include "drivers/image/worker/pool.h"

#include "tests/lib/unit.h"

static CURL *take(struct pool *p, const char *host)
{
	struct err e = ERR_INIT;
	CURL *curl = NULL;

	assert_int_equal(pool_take(p, host, &curl, &e), 0);
	assert_non_null(curl);
	return curl;
}

static void again(void **state)
{
	struct err e = ERR_INIT;
	unsigned made, reused;
	struct pool *p;
	CURL *a, *b, *c;

	(void)state;
	assert_int_equal(pool_new(&p, &e), 0);
	a = take(p, "one");
	b = take(p, "one");
	assert_ptr_not_equal(a, b);
	pool_give(p, "one", a);
	c = take(p, "two"); /* a's connections are of no use there */
	assert_ptr_not_equal(c, a);
	pool_give(p, "two", c);
	assert_ptr_equal(take(p, "one"), a);
	pool_give(p, "one", a);
	pool_give(p, "one", b);
	assert_ptr_equal(take(p, "one"), b); /* the one that was used last */
	pool_give(p, "one", b);
	pool_counts(p, &made, &reused);
	assert_int_equal(made, 3);
	assert_int_equal(reused, 2);
	pool_free(p);
	pool_free(NULL);
}

/* Many hosts: what is idle is bounded, and nothing leaks (LeakSanitizer looks). */
static void many(void **state)
{
	struct err e = ERR_INIT;
	CURL *v[40];
	struct pool *p;

	(void)state;
	assert_int_equal(pool_new(&p, &e), 0);
	for (size_t i = 0; i < 40; i++)
		v[i] = take(p, i % 2 ? "odd" : "even");
	for (size_t i = 0; i < 40; i++)
		pool_give(p, i % 2 ? "odd" : "even", v[i]);
	assert_ptr_equal(take(p, "odd"), v[39]);
	pool_give(p, "odd", v[39]);
	pool_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(again),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
