/* probe.c - ask a VM the question that its ready or liveness names, once.
 *
 * What a program of the guest prints is hostile: its output is thrown away, of its errors the end is kept
 * and shown as plain text.
 */
#include "drivers/guest/probe.h"

#include "drivers/guest/agent.h"
#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/plain.h"
#include "drivers/sys/tail.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"

#include <regex.h>
#include <string.h>
#include <unistd.h>

#define CONSOLE_MAX ((size_t)1024 * 1024)
#define LINE_MAX_BYTES 4096
#define SAID_MAX ((size_t)200)

bool probe_is_set(const struct probe_spec *p)
{
	return p->tcp || p->http || p->exec.n || p->console;
}

static uint32_t http_port(const struct probe_spec *p)
{
	return p->port ? p->port : PROBE_HTTP_PORT;
}

const char *probe_text(struct arena *a, const struct probe_spec *p)
{
	if (p->tcp)
		return arena_printf(a, "tcp port %u", p->tcp);
	if (p->http)
		return arena_printf(a, "http %s on port %u", p->http, http_port(p));
	if (p->exec.n)
		return arena_printf(a, "exec %s", p->exec.v[0]);
	return p->console ? "console" : "agent";
}

/* ---- console ------------------------------------------------------------------------------ */

static bool line_matches(const regex_t *re, char *line, size_t n)
{
	char *end = line + (n < LINE_MAX_BYTES ? n : LINE_MAX_BYTES), kept = *end;
	bool result;

	*end = '\0';
	line[strcspn(line, "\r")] = '\0';
	result = !regexec(re, line, 0, NULL, 0);
	*end = kept;
	return result;
}

static bool any_line(const regex_t *re, char *text, size_t n)
{
	for (char *line = text, *end; line < text + n; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text + n - line));
		if (!end)
			end = text + n; /* a prompt has no line end */
		if (line_matches(re, line, (size_t)(end - line)))
			return true;
	}
	return false;
}

static int ask_console(struct arena *a, const char *run, const char *pattern, const char **why)
{
	_cleanup_arena_ struct arena tmp = ARENA_INIT;
	_cleanup_fd_ int dir = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool found = false;
	regex_t re;
	size_t n;

	if (dir < 0) {
		*why = arena_printf(a, "no folder %s", run);
		return 1;
	}
	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) == 0) { /* check.c has compiled it once */
		char *text = tail_read(&tmp, dir, RUN_CONSOLE, CONSOLE_MAX, &n);

		found = any_line(&re, text, n);
		regfree(&re);
	}
	*why = "no line of the console matches";
	return !found;
}

/* ---- in the guest --------------------------------------------------------------------------- */

/* The end of what a command says in its errors. */
struct said {
	char text[SAID_MAX];
	size_t n;
};

static void keep_errors(void *arg, size_t stream, const char *data, size_t n)
{
	struct said *s = arg;

	if (!stream)
		return;
	if (n > SAID_MAX) {
		data += n - SAID_MAX;
		n = SAID_MAX;
	}
	if (s->n + n > SAID_MAX) {
		size_t drop = s->n + n - SAID_MAX;

		memmove(s->text, s->text + drop, s->n - drop);
		s->n -= drop;
	}
	memcpy(s->text + s->n, data, n);
	s->n += n;
}

/* Its last line. */
static const char *last_said(struct arena *a, const struct said *s)
{
	const char *line;
	size_t n = s->n;

	while (n && (s->text[n - 1] == '\n' || s->text[n - 1] == '\r'))
		n--;
	line = memrchr(s->text, '\n', n);
	line = line ? line + 1 : s->text;
	return plain_text(a, line, n - (size_t)(line - s->text));
}

static const char *how_it_ended(struct arena *a, const struct probe_spec *p, int code,
	const struct said *errors)
{
	const char *said = last_said(a, errors);

	if (!p->exec.n)
		return *said ? said : arena_printf(a, "%s: no answer", probe_text(a, p));
	return arena_printf(a, "%s exited with code %d%s%s", p->exec.v[0], code, *said ? ": " : "", said);
}

static const char *const *argv_of(struct arena *a, const struct probe_spec *p)
{
	const char **argv = arena_array(a, 5, sizeof(*argv));

	if (p->exec.n)
		return p->exec.v;
	argv[0] = GUEST_BUILTIN_PROBE;
	argv[1] = p->tcp ? "tcp" : "http";
	argv[2] = arena_printf(a, "%u", p->tcp ? p->tcp : http_port(p));
	argv[3] = p->tcp ? NULL : p->http;
	return argv;
}

static int run_in_guest(struct arena *a, struct agent *agent, const struct probe_spec *p,
	int64_t timeout_ms, const char **why, struct err *e)
{
	struct said said = {.n = 0};
	struct agent_exec x = {.argv = argv_of(a, p), .stdin_fd = -1, .stdout_fd = -1,
		.stderr_fd = -1, .output = keep_errors, .output_arg = &said, .timeout_ms = timeout_ms};
	int code = 0;

	if (agent_exec(agent, &x, &code, e) < 0)
		return -1;
	if (code)
		*why = how_it_ended(a, p, code, &said);
	return code != 0;
}

static int ask_guest(struct arena *a, const char *run, const struct probe_spec *p, int64_t timeout_ms,
	const volatile sig_atomic_t *cancel, const char **why, struct err *e)
{
	const int64_t deadline = clock_mono_ms() + timeout_ms;
	_cleanup_agent_ struct agent *agent = NULL;
	int64_t left;

	if (agent_reach(run, timeout_ms, cancel, &agent, e) < 0)
		return -1;
	left = deadline - clock_mono_ms();
	if (!probe_is_set(p))
		return agent_ping(agent, left > 1 ? left : 1, e);
	return run_in_guest(a, agent, p, left > 1 ? left : 1, why, e);
}

int probe_ask(struct arena *a, const char *run, const struct probe_spec *p, int64_t timeout_ms,
	const volatile sig_atomic_t *cancel, const char **why, struct err *e)
{
	struct err failed = ERR_INIT;
	int rc;

	if (p->console)
		return ask_console(a, run, p->console, why);
	rc = ask_guest(a, run, p, timeout_ms, cancel, why, &failed);
	if (rc >= 0)
		return rc;
	if (failed.kind == ERR_CANCELLED) {
		*e = failed;
		return -1;
	}
	*why = failed.kind == ERR_TIMEOUT
		? arena_printf(a, "%s: no answer in time", probe_text(a, p))
		: arena_printf(a, "%s: %s", probe_text(a, p), failed.msg);
	return 1;
}
