/* signame.c - signals by name. */
#include "drivers/guest/inside/signame.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	int sig;
	bool allowed;
} signals[] = {
	{"TERM", SIGTERM, true}, {"KILL", SIGKILL, true}, {"INT", SIGINT, true},
	{"HUP", SIGHUP, true}, {"QUIT", SIGQUIT, true}, {"USR1", SIGUSR1, true},
	{"USR2", SIGUSR2, true}, {"ABRT", SIGABRT, false}, {"ALRM", SIGALRM, false},
	{"BUS", SIGBUS, false}, {"CHLD", SIGCHLD, false}, {"CONT", SIGCONT, false},
	{"FPE", SIGFPE, false}, {"ILL", SIGILL, false}, {"IO", SIGIO, false},
	{"PIPE", SIGPIPE, false}, {"POLL", SIGPOLL, false}, {"PROF", SIGPROF, false},
	{"PWR", SIGPWR, false}, {"SEGV", SIGSEGV, false}, {"STOP", SIGSTOP, false},
	{"SYS", SIGSYS, false}, {"TRAP", SIGTRAP, false}, {"TSTP", SIGTSTP, false},
	{"TTIN", SIGTTIN, false}, {"TTOU", SIGTTOU, false}, {"URG", SIGURG, false},
	{"VTALRM", SIGVTALRM, false}, {"WINCH", SIGWINCH, false}, {"XCPU", SIGXCPU, false},
	{"XFSZ", SIGXFSZ, false},
};

/* The kernel's numbers, as images mean them; the C library keeps some of them for itself. */
#define REALTIME_MIN 34
#define REALTIME_MAX 64

/* A number of at most two digits, -1 otherwise. */
static int small_number(const char *s)
{
	size_t n = strlen(s);

	return n && n <= 2 && strspn(s, "0123456789") == n ? atoi(s) : -1;
}

static int realtime(const char *name)
{
	int base = !strncmp(name, "RTMIN", 5) ? REALTIME_MIN : REALTIME_MAX;
	int by;

	if (strncmp(name, "RTMIN", 5) != 0 && strncmp(name, "RTMAX", 5) != 0)
		return 0;
	by = name[5] ? small_number(name + 6) : 0;
	if (by < 0 || (name[5] && name[5] != (base == REALTIME_MIN ? '+' : '-')))
		return 0;
	by = base == REALTIME_MIN ? base + by : base - by;
	return by >= REALTIME_MIN && by <= REALTIME_MAX ? by : 0;
}

static int find(const char *name, bool all)
{
	if (!strncmp(name, "SIG", 3))
		name += 3;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if ((all || signals[i].allowed) && !strcmp(signals[i].name, name))
			return signals[i].sig;
	return all ? realtime(name) : 0;
}

int signame_parse(const char *name)
{
	int number = small_number(name);

	if (number >= 0)
		return number <= REALTIME_MAX ? number : 0;
	return find(name, true);
}

int signame_allowed(const char *name)
{
	return find(name, false);
}
