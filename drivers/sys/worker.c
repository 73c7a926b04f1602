/* worker.c - start reconcile-worker and read its answer; see worker.h.
 *
 * The answer is read line by line while the worker runs; the request was written before, into an
 * unnamed file, so that neither side can wait for the other. A worker is killed when the task is
 * cancelled, when it talks nonsense, and when we die.
 */
#include "drivers/sys/worker.h"

#include "drivers/sys/proc.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_MAX_BYTES (8u << 20) /* the result holds an image's configuration */
#define POLL_MS 100                       /* how soon a cancelled task is seen */

/* What a worker may know of our environment: proxies, certificates, where logins are. */
static const char *const passed_on[] = {
	"HOME", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR", "http_proxy", "https_proxy",
	"HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "RECONCILE_PLAIN_HTTP", "RECONCILE_MIRRORS",
	"RECONCILE_HTTP_STALL_SECONDS",
};

struct session {
	const struct worker_task *task;
	struct proc_id id;
	int pidfd, out;
	char *line;
	size_t n, cap;
	json_t *result;
	struct err answer; /* of the worker */
	bool answered;
};

static const char *const *environment(struct arena *a)
{
	const size_t n = sizeof(passed_on) / sizeof(passed_on[0]);
	const char **env = arena_array(a, n + 1, sizeof(*env));
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		if (getenv(passed_on[i]))
			env[k++] = arena_printf(a, "%s=%s", passed_on[i], getenv(passed_on[i]));
	return env;
}

static int request_fd(struct arena *a, const json_t *request, int *fd, struct err *e)
{
	const char *text = json_text(a, request);

	*fd = memfd_create("request", MFD_CLOEXEC);
	if (*fd < 0 || fd_write_all(*fd, text, strlen(text)) < 0 || lseek(*fd, 0, SEEK_SET) < 0)
		return err_sys(e, errno, "cannot hand over the request");
	return 0;
}

/* Tasks that find something out and make nothing: a plan may ask for them. */
static bool only_looks(const struct worker_task *task)
{
	return !strcmp(task->verb, "image-resolve") || json_flag(task->request, "only_id", false);
}

static int start(struct session *s, struct arena *a, struct err *e)
{
	const char *argv[] = {"reconcile-worker", s->task->verb, NULL};
	struct proc_spec spec = {.argv = argv, .envp = environment(a), .cwd_fd = -1,
		.stderr_fd = STDERR_FILENO, .keep_fd = s->task->lock_fd, .dies_with_us = true,
		.looks = only_looks(s->task)};
	_cleanup_fd_ int in = -1, write_end = -1;
	int ends[2];

	spec.path = arena_printf(a, "%s/reconcile-worker", s->task->program_dir);
	if (request_fd(a, s->task->request, &in, e) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "cannot start %s", spec.path);
	s->out = ends[0];
	write_end = ends[1];
	spec.stdin_fd = in;
	spec.stdout_fd = write_end;
	return proc_spawn(&spec, &s->id, &s->pidfd, e);
}

/* ---- lines ------------------------------------------------------------------------------ */

static void take_error(struct session *s, const json_t *error)
{
	err_set(&s->answer, err_kind_parse(json_str(error, "kind", "failed")), "%s",
		json_str(error, "msg", "the worker failed and does not say why"));
	if (json_str(error, "hint", NULL))
		err_hint(&s->answer, "%s", json_str(error, "hint", ""));
	if (s->answer.kind == ERR_NONE)
		s->answer.kind = ERR_FAILED;
}

static void take_progress(const struct worker_task *task, const json_t *j)
{
	const char *of = json_str(j, "of", NULL), *what = json_str(j, "what", "");
	const uint64_t done = (uint64_t)json_int(j, "done", 0), total = (uint64_t)json_int(j, "total", 0);

	if (of && task->progress_of)
		task->progress_of(task->progress_arg, of, what, done, total);
	else if (task->progress)
		task->progress(task->progress_arg, what, done, total);
}

static int take_line(struct session *s, const char *line, size_t n, struct err *e)
{
	_cleanup_json_ json_t *j = NULL;
	const json_t *progress;

	if (s->answered)
		return err_set(e, ERR_FAILED, "it goes on after its answer");
	if (json_parse(line, n, "answer", &j, e) < 0)
		return -1;
	progress = json_object_get(j, "progress");
	if (progress) {
		take_progress(s->task, progress);
		return 0;
	}
	s->answered = true;
	s->result = json_incref(json_object_get(j, "result"));
	if (json_is_object(s->result))
		return 0;
	if (!json_object_get(j, "error"))
		return err_set(e, ERR_FAILED, "its answer is neither a result nor an error");
	take_error(s, json_object_get(j, "error"));
	return 0;
}

static int take_lines(struct session *s, struct err *e)
{
	char *start = s->line, *end;

	while ((end = memchr(start, '\n', s->n - (size_t)(start - s->line)))) {
		if (take_line(s, start, (size_t)(end - start), e) < 0)
			return -1;
		start = end + 1;
	}
	s->n -= (size_t)(start - s->line);
	memmove(s->line, start, s->n);
	return s->n < LINE_MAX_BYTES ? 0 : err_set(e, ERR_FAILED, "its answer is too long");
}

/* 1: end of its output. */
static int read_some(struct session *s, struct err *e)
{
	ssize_t got;

	if (s->cap - s->n < 65536) {
		s->cap = s->cap ? s->cap * 2 : 131072;
		s->line = xrealloc(s->line, s->cap);
	}
	got = read(s->out, s->line + s->n, s->cap - s->n);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 :
			err_sys(e, errno, "cannot read its answer");
	if (!got)
		return 1;
	s->n += (size_t)got;
	return take_lines(s, e);
}

static int listen_to(struct session *s, struct err *e)
{
	struct pollfd p = {.fd = s->out, .events = POLLIN};
	int rc = 0;

	while (!rc) {
		if (s->task->cancel && *s->task->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (poll(&p, 1, POLL_MS) > 0)
			rc = read_some(s, e);
	}
	return rc < 0 ? -1 : 0;
}

/* ---- end -------------------------------------------------------------------------------- */

static int reap(struct session *s, struct arena *a, struct err *e)
{
	int status = 0;

	if (proc_reap(s->id.pid, s->pidfd, -1, &status, e) < 0)
		return -1;
	if (s->answered)
		return 0;
	return err_set(e, ERR_FAILED, "reconcile-worker %s %s without an answer", s->task->verb,
		proc_status_text(a, status));
}

static int converse(struct session *s, struct arena *a, struct err *e)
{
	if (start(s, a, e) < 0)
		return -1;
	if (listen_to(s, e) < 0) {
		if (e && e->kind != ERR_CANCELLED)
			err_wrap(e, "reconcile-worker %s", s->task->verb);
		/* In the cage nothing can be killed: there the worker dies with us, who are about to end. */
		if (proc_signal(&s->id, SIGKILL, NULL) == 0)
			proc_reap(s->id.pid, s->pidfd, -1, &(int){0}, NULL);
		return -1;
	}
	return reap(s, a, e);
}

int worker_run(const struct worker_task *task, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct session s = {.task = task, .pidfd = -1, .out = -1, .answer = ERR_INIT};
	int rc = converse(&s, &a, e);

	fd_close(&s.pidfd);
	fd_close(&s.out);
	free(s.line);
	if (!rc && s.answer.kind != ERR_NONE) {
		if (e)
			*e = s.answer;
		rc = -1;
	}
	if (rc < 0) {
		json_decref(s.result);
		return -1;
	}
	*result = s.result;
	return 0;
}
