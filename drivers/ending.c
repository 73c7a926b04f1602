/* ending.c - how a VM ended. */
#include "drivers/ending.h"

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/plain.h"
#include "drivers/sys/tail.h"
#include "schema/base/json.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REPORT_MAX ((size_t)64 * 1024)
#define CONSOLE_MAX ((size_t)32 * 1024)
#define MSG_MAX 256
#define LAST_LINES 5

static bool from_exit(struct arena *a, const json_t *event, struct ending *out)
{
	int64_t code = json_int(event, "code", -1), signal = json_int(event, "signal", -1);

	if (code >= 0 && code <= 255) {
		*out = (struct ending){ENDING_EXIT, (int)code,
			arena_printf(a, "the workload exited with code %d", (int)code), false};
		return true;
	}
	if (signal >= 1 && signal <= 64) {
		*out = (struct ending){ENDING_EXIT, 128 + (int)signal,
			arena_printf(a, "the workload was killed by signal %d", (int)signal),
			false};
		return true;
	}
	return false;
}

static bool from_event(struct arena *a, const json_t *event, struct ending *out)
{
	const char *ev = json_str(event, "ev", ""), *msg = json_str(event, "msg", "no reason given");

	if (!strcmp(ev, "exit"))
		return from_exit(a, event, out);
	if (!strcmp(ev, "error")) {
		*out = (struct ending){ENDING_ERROR, 0,
			arena_printf(a, "the workload could not be started: %s",
				plain_text(a, msg, strnlen(msg, MSG_MAX))), false};
		return true;
	}
	if (!strcmp(ev, "stop")) {
		*out = (struct ending){ENDING_STOPPED, 0, "stopped", false};
		return true;
	}
	return false;
}

/* The code that follows says only whether the program was not there (127) or could not be run. */
static void add_code(struct arena *a, const json_t *event, struct ending *out)
{
	struct ending exit;

	if (out->code || strcmp(json_str(event, "ev", ""), "exit") || !from_exit(a, event, &exit))
		return;
	out->code = exit.code;
	out->text = arena_printf(a, "%s (exit code %d)", out->text, exit.code);
}

/* One event of this boot; true when out tells an end by now. */
static bool take_event(struct arena *a, const json_t *event, bool found, struct ending *out)
{
	const bool ready = out->was_ready || !strcmp(json_str(event, "ev", ""), "ready");

	/* After "stop" the workload ends because of it; that is no news. */
	if (found && out->kind == ENDING_ERROR)
		add_code(a, event, out);
	else if (!found || out->kind != ENDING_STOPPED)
		found |= from_event(a, event, out);
	out->was_ready = ready;
	return found;
}

bool ending_from_report(struct arena *a, const char *report, size_t n, const char *nonce,
	struct ending *out)
{
	const char *end = report + n, *next;
	bool found = false;

	*out = (struct ending){0};
	for (const char *line = report; line < end; line = next) {
		_cleanup_json_ json_t *event = NULL;
		const char *eol = memchr(line, '\n', (size_t)(end - line));

		if (!eol)
			break; /* half a line: the writer was cut off */
		next = eol + 1;
		if (json_parse(line, (size_t)(eol - line), "report", &event, NULL) < 0 ||
			json_int(event, "v", 0) != GUEST_RECORD_VERSION ||
			strcmp(json_str(event, "nonce", ""), nonce) != 0)
			continue;
		found = take_event(a, event, found, out);
	}
	return found;
}

/* A workload can print this line, too; it only ever shortens its own VM's life. */
static bool find_panic(struct arena *a, int run_fd, struct ending *out)
{
	size_t n;
	char *text = tail_read(a, run_fd, RUN_CONSOLE, CONSOLE_MAX, &n);
	const char *at = memmem(text, n, "Kernel panic - ", 15);

	if (!at)
		return false;
	*out = (struct ending){ENDING_PANIC, 0,
		arena_printf(a, "the guest's kernel panicked: %s",
			plain_text(a, at, strcspn(at, "\r\n"))), false};
	return true;
}

/* QEMU removes its pid file when it ends in order and cannot when it is killed. */
static void find_end_of_vmm(struct arena *a, int run_fd, struct ending *out)
{
	size_t n;
	char *log = tail_read(a, run_fd, RUN_LOG, 4096, &n), *at;

	*out = (struct ending){ENDING_KILLED, 0, "the VMM was killed or crashed", false};
	at = strstr(log, "terminating on signal ");
	if (at) {
		out->text = arena_printf(a, "the VMM was told to end: %s",
			plain_text(a, at, strcspn(at, "\n")));
		return;
	}
	if (faccessat(run_fd, RUN_PID, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
		faccessat(run_fd, RUN_LOG, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		*out = (struct ending){ENDING_POWEROFF, 0, "the guest powered off", false};
}

void ending_find(struct arena *a, int run_fd, const char *nonce, struct ending *out)
{
	size_t n;
	char *report = tail_read(a, run_fd, RUN_REPORT, REPORT_MAX, &n);
	bool ready;

	if (nonce && ending_from_report(a, report, n, nonce, out))
		return;
	ready = nonce && out->was_ready;
	if (!find_panic(a, run_fd, out))
		find_end_of_vmm(a, run_fd, out);
	out->was_ready = ready;
}

const char *ending_last_words(struct arena *a, int run_fd)
{
	return tail_lines(a, run_fd, RUN_CONSOLE, LAST_LINES);
}

/* The last thing that a kernel prints after it has panicked: it stays, or it waits until it restarts
 * (kernel/panic.c). */
static bool is_panic_end(const char *line)
{
	return strstr(line, "---[ end Kernel panic - ") || strstr(line, "Rebooting in ");
}

bool ending_is_panicked(struct arena *a, int run_fd, const char **text)
{
	struct ending end;
	struct stat st;
	const char *last;

	/* A console that nothing was printed on is the usual case, and costs one look. */
	if (fstatat(run_fd, RUN_CONSOLE, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_size == 0)
		return false;
	last = tail_lines(a, run_fd, RUN_CONSOLE, 1);
	if (!last || !is_panic_end(last) || !find_panic(a, run_fd, &end))
		return false;
	*text = arena_printf(a, "%s; last on its console: %s", end.text,
		ending_last_words(a, run_fd));
	return true;
}
