/* helper_rtt.c - a round trip to the root helper and one to a bare echo on the same kind of socket.
 *
 *	helper-rtt HELPER     prints two medians in microseconds: the helper's, the echo's
 *
 * The two take turns, so that what else the host does falls on both.
 */
#include "drivers/helper/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#define ROUNDS 20001

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Start a child with one end of a socket pair as descriptor 3; the other end is returned. */
static int start(const char *helper)
{
	char uid[16], buf[HELPER_WIRE_MAX];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		exit(99);
	if (!fork()) {
		close(pair[0]);
		if (helper) {
			snprintf(uid, sizeof(uid), "%u", getuid());
			dup2(pair[1], 3);
			fcntl(3, F_SETFD, 0);
			execl(helper, "reconcile-helper", "--owner", uid, "--cgroup", "reconcile-rtt",
				(char *)NULL);
			_exit(127);
		}
		for (ssize_t n = 1; n > 0;) {
			n = recv(pair[1], buf, sizeof(buf), 0);
			if (n > 0)
				n = send(pair[1], buf, (size_t)n, 0);
		}
		_exit(0);
	}
	close(pair[1]);
	return pair[0];
}

int main(int argc, char **argv)
{
	static double helper_us[ROUNDS], echo_us[ROUNDS];
	union helper_request request = {0};
	union helper_answer answer;
	struct err err = ERR_INIT;
	char buf[HELPER_WIRE_MAX] = {0};
	struct helper h;
	int echo;

	if (argc != 2)
		return 64;
	helper_init(&h, "00000000", start(argv[1]));
	echo = start(NULL);
	for (size_t i = 0; i < ROUNDS; i++) {
		double t = now_us();

		if (helper_call(&h, HELPER_HELLO, &request, -1, &answer, &err) < 0) {
			fprintf(stderr, "%s\n", err.msg);
			return 1;
		}
		helper_us[i] = now_us() - t;
		t = now_us();
		if (send(echo, buf, 64, 0) != 64 || recv(echo, buf, sizeof(buf), 0) != 64)
			return 1;
		echo_us[i] = now_us() - t;
	}
	qsort(helper_us, ROUNDS, sizeof(double), compare);
	qsort(echo_us, ROUNDS, sizeof(double), compare);
	printf("%.2f %.2f\n", helper_us[ROUNDS / 2], echo_us[ROUNDS / 2]);
	helper_close(&h);
	close(echo);
	return 0;
}
