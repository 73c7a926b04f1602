/* test_links.c - links are listed while others come and go: never an error, never half a list. Both work in
 * a network namespace of their own. */
#include "drivers/net/links.h"

#include "tests/lib/unit.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#define STILL 40     /* links that stay */
#define LOOKS 400

static bool enter_namespace(void)
{
	return unshare(geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static int add_bridge(struct rtnl *nl, const char *name, struct err *e)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

	return rtnl_bridge_add(nl, name, 1500, mac, e);
}

/* Until it is killed. */
static void come_and_go(void)
{
	struct rtnl_link link;
	struct err err = ERR_INIT;
	struct rtnl nl = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (rtnl_open(&nl, &err) < 0)
		_exit(1);
	for (;;)
		if (add_bridge(&nl, "comes", &err) < 0 || rtnl_get(&nl, "comes", &link, &err) != 0 ||
			rtnl_delete(&nl, link.index, &err) < 0)
			_exit(1);
}

static int look_often(void *arg)
{
	pid_t other;
	int bad = 0;

	(void)arg;
	other = fork();
	if (!other)
		come_and_go();
	for (int i = 0; i < LOOKS && !bad; i++) {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct host h = {.arena = &a, .instance = "0badcafe"};
		struct err err = ERR_INIT;
		size_t still = 0, lo = 0;
		struct links l;

		if (links_load(&h, &l, &err) < 0) {
			fprintf(stderr, "# %s\n", err.msg);
			bad = 1;
			break;
		}
		vec_each(link, &l.all) {
			still += !strncmp((*link)->name, "still", 5);
			lo += !strcmp((*link)->name, "lo");
		}
		bad = still != STILL || lo != 1;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	return bad;
}

static int in_namespace(void *arg)
{
	struct err err = ERR_INIT;
	struct rtnl nl = {0};
	char name[32];

	if (!enter_namespace())
		return 77;
	if (rtnl_open(&nl, &err) < 0)
		return 2;
	for (int i = 0; i < STILL; i++) {
		snprintf(name, sizeof(name), "still%d", i);
		if (add_bridge(&nl, name, &err) < 0)
			return 77; /* a kernel without bridges */
	}
	rtnl_close(&nl);
	return look_often(arg);
}

static void test_while_links_come_and_go(void **state)
{
	int rc = in_child(in_namespace, NULL);

	(void)state;
	if (rc == 77)
		skip_because("no network namespace of our own, or no bridges in it");
	assert_int_equal(rc, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_while_links_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
