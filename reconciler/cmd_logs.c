/* cmd_logs.c - what a VM printed: its workload's output, or its serial console. */
#include "reconciler/session.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK 65536
#define FOLLOW_MS 100

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

/* Offset at which the last lines begin. */
static off_t tail_offset(int fd, off_t size, uint64_t lines)
{
	char buf[4096];
	off_t at = size;

	while (at > 0) {
		size_t want = at < (off_t)sizeof(buf) ? (size_t)at : sizeof(buf);
		ssize_t got = pread(fd, buf, want, at - (off_t)want);

		if (got <= 0)
			return 0;
		for (ssize_t i = got - 1; i >= 0; i--) {
			off_t here = at - (off_t)want + i;

			/* A newline at the very end closes the last line, it does not begin one. */
			if (buf[i] == '\n' && here != size - 1 && !--lines)
				return here + 1;
		}
		at -= (off_t)want;
	}
	return 0;
}

static int copy_from(int fd, off_t *at, struct err *e)
{
	bool escape = isatty(STDOUT_FILENO);
	char buf[CHUNK];
	ssize_t got;

	while ((got = pread(fd, buf, sizeof(buf), *at)) > 0) {
		put_text(buf, (size_t)got, escape);
		*at += got;
		if (cli_cancel || ferror(stdout))
			break;
	}
	fflush(stdout);
	return got < 0 ? err_sys(e, errno, "cannot read the log") : 0;
}

static int open_log(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/* A new start may have begun a new file of that name, or emptied this one: go on with it. */
static void follow_file(const char *path, int *fd, off_t *at)
{
	_cleanup_fd_ int again = -1;
	struct stat now, there;

	if (fstat(*fd, &now) < 0)
		return;
	if (now.st_size < *at)
		*at = 0;
	if (stat(path, &there) < 0 ||
		(there.st_ino == now.st_ino && there.st_dev == now.st_dev))
		return;
	again = open_log(path);
	if (again < 0)
		return;
	fd_close(fd);
	*fd = fd_take(&again);
	*at = 0;
}

static int show(struct cli *c, const char *path, struct err *e)
{
	_cleanup_fd_ int fd = open_log(path);
	const struct timespec nap = {.tv_nsec = FOLLOW_MS * 1000000L};
	struct stat st;
	off_t at = 0;

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_FAILED, "nothing was printed yet");
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot open %s", path);
	if (c->tail != UINT64_MAX)
		at = c->tail ? tail_offset(fd, st.st_size, c->tail) : st.st_size;
	for (;;) {
		if (copy_from(fd, &at, e) < 0)
			return -1;
		if (!c->follow || cli_cancel || ferror(stdout))
			return cli_cancel ? 128 + cli_cancel : 0;
		nanosleep(&nap, NULL);
		follow_file(path, &fd, &at);
	}
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {0};
	const struct view *v;
	const char *run_dir;
	int rc;

	if (c->args.n != 1) {
		err_set(e, ERR_USAGE, "logs: give one VM");
		return err_hint(e, "for example: reconcile logs web");
	}
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	run_dir = rc == 0 ? kvs_get(&v->record->facts, "run") : NULL;
	if (rc == 0 && !run_dir)
		rc = err_set(e, ERR_FAILED, "vm/%s was never started", v->record->name);
	if (rc == 0)
		rc = show(c, arena_printf(&c->arena, "%s/%s", run_dir,
			c->console ? "console.log" : "output.log"), e);
	pass_close(&p);
	return rc;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "VM",
	.caption = "show what a VM printed",
	.help = "Shows what the VM's workload wrote to stdout and stderr, of earlier starts too, or with\n"
		"--console what came over the serial console since its last start. On a terminal, control characters are made\n"
		"visible.\n\n"
		"  reconcile logs web\n"
		"  reconcile logs --follow --tail 20 web",
	.run = run,
};
