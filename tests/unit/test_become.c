/* test_become.c - root becomes another user for good, and asks the helper through the door it kept. */
#include "drivers/helper/client.h"
#include "drivers/sys/become.h"

#include "tests/lib/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SOMEBODY 1234567u
#define GROUP 7654321u

/* Children say by their exit code which of their checks failed first. */
#define MUST(n, ok)               \
	do {                      \
		if (!(ok))        \
			return n; \
	} while (0)


#define ROOT_ONLY()                                                     \
	do {                                                            \
		if (geteuid() != 0)                                     \
			skip_because("only root can become another user"); \
	} while (0)

static uint64_t status_hex(const char *key)
{
	char line[256];
	unsigned long long v = UINT64_MAX;
	FILE *f = fopen("/proc/self/status", "re");

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			v = strtoull(line + strlen(key), NULL, 16);
	if (f)
		fclose(f);
	return v;
}

static int as_somebody(void *arg)
{
	char name[BECOME_NAME_MAX];
	gid_t groups[4];
	uid_t r, u, s;

	(void)arg;
	setenv("XDG_RUNTIME_DIR", "/run/user/0", 1);
	MUST(1, become(SOMEBODY, GROUP, name, NULL) == 0);
	MUST(2, !strcmp(name, "1234567"));
	MUST(3, getresuid(&r, &u, &s) == 0 && r == SOMEBODY && u == SOMEBODY && s == SOMEBODY);
	MUST(4, getgroups(4, groups) == 0 && getgid() == GROUP && getegid() == GROUP);
	MUST(5, status_hex("CapEff:") == 0 && status_hex("CapPrm:") == 0 && status_hex("CapInh:") == 0);
	MUST(6, status_hex("CapBnd:") == 0 && status_hex("CapAmb:") == 0);
	MUST(7, status_hex("NoNewPrivs:") == 1);
	MUST(8, prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	MUST(9, !getenv("HOME") && !getenv("XDG_RUNTIME_DIR"));
	MUST(10, setuid(0) < 0 && seteuid(0) < 0 && setgroups(0, NULL) < 0);
	MUST(11, open("/etc/shadow", O_RDONLY | O_CLOEXEC) < 0 && errno == EACCES);
	MUST(12, become(SOMEBODY + 1, GROUP, name, NULL) < 0);
	return 0;
}

static void nothing_is_left(void **state)
{
	(void)state;
	ROOT_ONLY();
	assert_int_equal(in_child(as_somebody, NULL), 0);
}

/* Somebody has asked the kernel to leave capabilities alone when the uid changes. */
static int with_securebits(void *arg)
{
	char name[BECOME_NAME_MAX];

	(void)arg;
	MUST(1, prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0) == 0);
	MUST(2, prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	MUST(3, become(SOMEBODY, GROUP, name, NULL) == 0);
	MUST(4, status_hex("CapEff:") == 0 && status_hex("CapPrm:") == 0);
	return 0;
}

static void capabilities_that_would_stay(void **state)
{
	(void)state;
	ROOT_ONLY();
	assert_int_equal(in_child(with_securebits, NULL), 0);
}

/* A user that the host knows: its own group, its further groups, its home. nobody is on every host. */
static int as_known(void *arg)
{
	char name[BECOME_NAME_MAX];
	const char *user;

	(void)arg;
	MUST(1, become(65534, GROUP, name, NULL) == 0);
	user = getenv("USER");
	MUST(2, !strcmp(name, "nobody") && user && !strcmp(user, "nobody") && getenv("HOME"));
	MUST(3, getgid() != GROUP && getgid() != 0);
	return 0;
}

static void a_user_of_the_host(void **state)
{
	(void)state;
	ROOT_ONLY();
	assert_int_equal(in_child(as_known, NULL), 0);
}

static void nobody_becomes_root(void **state)
{
	struct err err = ERR_INIT;
	char name[BECOME_NAME_MAX];

	(void)state;
	assert_int_equal(become(0, GROUP, name, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	err_clear(&err);
	assert_int_equal(become(SOMEBODY, 0, name, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
}

/* ---- the door -------------------------------------------------------------------------------------- */

static int says_hello(void *arg)
{
	_cleanup_helper_ struct helper h = {.fd = -1, .child_fd = -1};
	const union helper_request request = {0};
	union helper_answer answer;
	struct err err = ERR_INIT;

	(void)arg;
	MUST(1, helper_open(&h, "0badcafe", "/nonexistent", &err) == 0);
	for (int i = 0; i < 50; i++) {
		MUST(2, helper_call(&h, HELPER_HELLO, &request, -1, &answer, &err) == 0);
		MUST(3, answer.hello.uid == SOMEBODY);
	}
	return 0;
}

/* Four processes at a time: each has a connection of its own, so none gets another's answer. */
static int asks_through_the_door(void *arg)
{
	char name[BECOME_NAME_MAX];
	int status, rc = 0;

	MUST(10, helper_door(arg, SOMEBODY, NULL) == 0);
	MUST(11, become(SOMEBODY, GROUP, name, NULL) == 0);
	for (int i = 0; i < 4; i++)
		if (!fork())
			_exit(says_hello(NULL));
	for (int i = 0; i < 4; i++)
		if (wait(&status) > 0 && status)
			rc = 20 + WEXITSTATUS(status);
	return rc ? rc : says_hello(NULL);
}

static const char *programs(void)
{
	static char path[256];
	const char *build = getenv("RECONCILE_BUILD");

	snprintf(path, sizeof(path), "%s/reconcile-helper", build ? build : "");
	return build && access(path, X_OK) == 0 ? build : NULL;
}

static void many_through_one_door(void **state)
{
	const char *build = programs();

	(void)state;
	ROOT_ONLY();
	if (!build)
		skip_because("RECONCILE_BUILD names no folder with reconcile-helper");
	assert_int_equal(in_child(asks_through_the_door, (void *)(uintptr_t)build), 0);
}

static void no_helper_to_start(void **state)
{
	(void)state;
	assert_int_equal(helper_door("/nonexistent", SOMEBODY, NULL), 1);
}

#define T(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(nothing_is_left),
		T(capabilities_that_would_stay),
		T(a_user_of_the_host),
		T(nobody_becomes_root),
		T(many_through_one_door),
		T(no_helper_to_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
