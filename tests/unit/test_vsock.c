/* test_vsock.c - what connecting says where nobody is. That it connects is proved in the lab. */
#include "drivers/sys/vsock.h"

#include "tests/lib/unit.h"

/* No guest can have it: it is the hypervisor's own, and no connection goes there. */
#define NOBODY 0

static void nobody_is_there(void **state)
{
	struct err e = ERR_INIT;
	int fd = -7;

	(void)state;
	assert_int_equal(vsock_connect(NOBODY, 1024, 50, &fd, &e), 1);
	assert_int_equal(vsock_connect(0xfffffffe, 1024, 50, &fd, &e), 1);
	assert_int_equal(fd, -7);
	assert_int_equal(e.kind, ERR_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_there),
	};

	return cmocka_run_group_tests_name("vsock", tests, NULL, NULL);
}
