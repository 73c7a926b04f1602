/* cmd_logs.c - what a VM printed: its workload's output, or its serial console. */
#include "reconciler/marks.h"
#include "reconciler/session.h"

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/moment.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define FOLLOW_MS 100

/* ---- what is shown -------------------------------------------------------------------------- */

/* The guest wrote this: on a terminal its escape sequences are shown, not obeyed. */
static void put_text(const char *s, size_t n, bool escape)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (!escape || ch == '\n' || ch == '\t' || (ch >= ' ' && ch != 0x7f))
			putchar(ch);
		else if (ch != '\r')
			printf("\\x%02x", ch);
	}
}

/* One log on its way to standard output. Lines that only say the time are taken out. */
struct show {
	int fd;
	off_t at;                /* what stands before it was read */
	bool escape;
	bool inside_line;        /* what was shown last has not ended its line */
	char held[GUEST_MARK_BYTES]; /* the beginning of a line that may be such a one */
	size_t n_held;
};

static void flush_held(struct show *s)
{
	put_text(s->held, s->n_held, s->escape);
	s->n_held = 0;
}

/* The bytes of a line from its first on: 0 it is none of those that say the time, 1 it may be, 2 it is. */
static int judge_mark(const char *line, size_t n)
{
	int64_t ms;

	if (n == GUEST_MARK_BYTES)
		return marks_parse(line, n, &ms) ? 2 : 0;
	return line[0] == '\036' && (n < 2 || line[1] == '@') && !memchr(line, '\n', n);
}

static void put_held(struct show *s, char ch)
{
	int verdict;

	s->held[s->n_held++] = ch;
	verdict = judge_mark(s->held, s->n_held);
	if (verdict == 2)
		s->n_held = 0;
	if (verdict)
		return;
	s->inside_line = ch != '\n';
	flush_held(s);
}

static void put_bytes(struct show *s, const char *p, size_t n)
{
	while (n) {
		const char *end;
		size_t len;

		if (s->n_held || (!s->inside_line && *p == '\036')) {
			put_held(s, *p);
			p++;
			n--;
			continue;
		}
		end = memchr(p, '\n', n);
		len = end ? (size_t)(end - p) + 1 : n;
		put_text(p, len, s->escape);
		s->inside_line = !end;
		p += len;
		n -= len;
	}
}

static int copy_on(struct show *s, struct err *e)
{
	char buf[CHUNK];
	ssize_t got;

	while ((got = pread(s->fd, buf, sizeof(buf), s->at)) > 0) {
		put_bytes(s, buf, (size_t)got);
		s->at += got;
		if (cli_cancel || ferror(stdout))
			break;
	}
	fflush(stdout);
	return got < 0 ? err_sys(e, errno, "cannot read the log") : 0;
}

/* ---- where it begins ------------------------------------------------------------------------ */

/* Offset at which the last lines begin, not counting those that say the time. */
static off_t tail_offset(int fd, off_t size, uint64_t lines)
{
	char buf[4096], after = '\0'; /* after: the byte behind the one that is looked at */
	off_t at = size;

	while (at > 0) {
		size_t want = at < (off_t)sizeof(buf) ? (size_t)at : sizeof(buf);
		ssize_t got = pread(fd, buf, want, at - (off_t)want);

		if (got <= 0)
			return 0;
		for (ssize_t i = got - 1; i >= 0; i--) {
			off_t here = at - (off_t)want + i;
			bool is_mark = after == '\036';

			after = buf[i];
			/* A newline at the very end closes the last line, it does not begin one. */
			if (after == '\n' && here != size - 1 && !is_mark && !--lines)
				return here + 1;
		}
		at -= (off_t)want;
	}
	return 0;
}

/* Offset of the first line that was written at that time or later; the times are whole seconds. */
static int since_offset(int fd, off_t size, int64_t since_ms, off_t *out, struct err *e)
{
	char buf[CHUNK];
	off_t at = 0;

	*out = size;
	while (at < size) {
		ssize_t got = pread(fd, buf, sizeof(buf), at);
		const char *p = buf, *next;

		if (got < 0)
			return err_sys(e, errno, "cannot read the log");
		if (got < GUEST_MARK_BYTES)
			return 0;
		for (; (next = memchr(p, '\036', (size_t)(buf + got - p))); p = next + 1) {
			int64_t ms;
			size_t left = (size_t)(buf + got - next);

			if (left < GUEST_MARK_BYTES || !marks_parse(next, GUEST_MARK_BYTES, &ms) ||
				ms + 999 < since_ms)
				continue;
			*out = at + (next - buf);
			return 0;
		}
		at += got == (ssize_t)sizeof(buf) ? got - GUEST_MARK_BYTES : got;
	}
	return 0;
}

static int find_start(struct cli *c, int fd, off_t size, int64_t since_ms, off_t *at, struct err *e)
{
	off_t from;

	*at = 0;
	if (c->since && since_offset(fd, size, since_ms, at, e) < 0)
		return -1;
	if (c->tail == UINT64_MAX)
		return 0;
	from = c->tail ? tail_offset(fd, size, c->tail) : size;
	*at = from > *at ? from : *at;
	return 0;
}

/* ---- the command ---------------------------------------------------------------------------- */

static int open_log(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* A new start may have begun a new file of that name, or emptied this one: go on with it. */
static void follow_file(const char *path, struct show *s)
{
	_cleanup_fd_ int again = -1;
	struct stat now, there;

	if (fstat(s->fd, &now) < 0)
		return;
	if (now.st_size < s->at)
		s->at = 0;
	if (stat(path, &there) < 0 ||
		(there.st_ino == now.st_ino && there.st_dev == now.st_dev))
		return;
	again = open_log(path);
	if (again < 0)
		return;
	fd_close(&s->fd);
	s->fd = fd_take(&again);
	s->at = 0;
}

static int show_on(struct cli *c, const char *path, struct show *s, struct err *e)
{
	const struct timespec nap = {.tv_nsec = FOLLOW_MS * 1000000L};

	for (;;) {
		if (copy_on(s, e) < 0)
			return -1;
		if (!c->follow || cli_cancel || ferror(stdout)) {
			flush_held(s);
			return cli_cancel ? 128 + cli_cancel : 0;
		}
		nanosleep(&nap, NULL);
		follow_file(path, s);
	}
}

static int show(struct cli *c, const char *path, int64_t since_ms, struct err *e)
{
	struct show s = {.fd = open_log(path), .escape = isatty(STDOUT_FILENO)};
	struct stat st;
	int rc;

	if (s.fd < 0 && errno == ENOENT)
		return err_set(e, ERR_FAILED, "nothing was printed yet");
	if (s.fd < 0 || fstat(s.fd, &st) < 0)
		rc = err_sys(e, errno, "cannot open %s", path);
	else
		rc = find_start(c, s.fd, st.st_size, since_ms, &s.at, e);
	if (rc == 0)
		rc = show_on(c, path, &s, e);
	fd_close(&s.fd);
	return rc;
}

static int check_since(struct cli *c, int64_t *since_ms, struct err *e)
{
	if (!c->since)
		return 0;
	if (!c->console)
		return moment_parse_ago(c->since, clock_real_ms(), since_ms, e);
	err_set(e, ERR_USAGE, "--since: the console has no times");
	return err_hint(e, "leave out --console, or give --tail");
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {0};
	const struct view *v;
	const char *run_dir;
	int64_t since_ms = 0;
	int rc;

	if (c->args.n != 1) {
		err_set(e, ERR_USAGE, "logs: give one VM");
		return err_hint(e, "for example: reconcile logs web");
	}
	if (check_since(c, &since_ms, e) < 0)
		return -1;
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	run_dir = rc == 0 ? kvs_get(&v->record->facts, "run") : NULL;
	if (rc == 0 && !run_dir)
		rc = err_set(e, ERR_FAILED, "vm/%s was never started", v->record->name);
	if (rc == 0)
		rc = show(c, arena_printf(&c->arena, "%s/%s", run_dir,
			c->console ? RUN_CONSOLE : RUN_OUTPUT), since_ms, e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "VM",
	.caption = "show what a VM printed",
	.help = "Shows what the VM's workload wrote to stdout and stderr, of earlier starts too, or with\n"
		"--console what came over the serial console since its last start. On a terminal, control characters are made\n"
		"visible. --since shows what was printed from then on, to the second.\n\n"
		"  reconcile logs web\n"
		"  reconcile logs --follow --tail 20 web\n"
		"  reconcile logs --since 15m web\n"
		"  reconcile logs --console web",
	.run = run,
};
