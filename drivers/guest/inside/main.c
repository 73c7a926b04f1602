/* main.c - reconcile-guest: the program inside the guest. One static file, nothing else.
 *
 *	PID 1                 in our initramfs: bring the guest up (init.h)
 *	--service             beside the image's own init (sysinit.h)
 *	--agent-uds PATH      serve the agent protocol on a Unix socket, for tests on any host
 *	--version
 */
#include "drivers/guest/inside/guest.h"
#include "drivers/guest/inside/init.h"
#include "drivers/guest/inside/say.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Large, and most of it is touched only when it is used. */
static struct guest guest;

static int agent_uds(const char *path)
{
	struct guest *g = &guest;
	struct why w;

	if (guest_init(g, GUEST_TEST, &w) < 0) {
		say("%s", w.msg);
		return 1;
	}
	serve_init(&g->serve, g);
	if (serve_uds(&g->serve, path, &w) < 0) {
		say("%s", w.msg);
		return 1;
	}
	guest_run(g);
	serve_close(&g->serve);
	unlink(path);
	return 0;
}

int main(int argc, char **argv)
{
	/* The kernel passes words of its command line as arguments to PID 1: they mean nothing. */
	if (getpid() == 1)
		init_run(&guest);
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("reconcile-guest " RC_VERSION);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--service"))
		return init_service(&guest);
	if (argc == 3 && !strcmp(argv[1], "--agent-uds"))
		return agent_uds(argv[2]);
	fputs("usage: reconcile-guest --version | --service | --agent-uds PATH\n"
	      "Run by the kernel as PID 1 it brings up a guest of reconcile.\n", stderr);
	return 64;
}
