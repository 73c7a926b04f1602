/* worker_main.c - reconcile-worker: one heavy or dangerous task in a process of its own.
 *
 * The protocol is in drivers/sys/worker.h. Nothing is inherited but three descriptors and a few
 * environment variables; the process dies with the one that started it.
 */
#include "drivers/image/worker/batch.h"
#include "drivers/image/worker/extract.h"
#include "drivers/image/worker/pull.h"
#include "drivers/kernel/worker/make.h"
#include "drivers/sys/cage.h"
#include "drivers/sys/report.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUEST_MAX (1024u << 10)

static const struct verb {
	const char *name;
	int (*run)(const json_t *request, json_t **result, struct err *e);
	int (*confine)(const json_t *request, struct err *e); /* NULL: run does it by itself */
	bool looks; /* it asks and changes nothing, and cannot */
} verbs[] = {
	{"image-resolve", pull_resolve, NULL, true},
	{"image-fetch", batch_fetch, NULL, false},
	{"image-pull", pull_run, NULL, false},
	{"image-extract", extract_run, NULL, false},
	{"kernel-make", kernel_make_run, kernel_make_confine, false},
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

static void limit(int what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r) < 0 || r.rlim_cur <= most)
		return;
	r.rlim_cur = r.rlim_max = most;
	setrlimit(what, &r);
}

/* A worker needs few descriptors and little memory, leaves no core file (it may hold a token), and
 * does not outlive its parent. Its umask keeps what it makes to its user. */
static int confine(struct err *e)
{
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 256);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	limit(RLIMIT_DATA, 512ull << 20);
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot confine the worker");
	/* libarchive converts names by the locale; UTF-8 to UTF-8 leaves them as they are. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return err_set(e, ERR_FAILED, "the C.UTF-8 locale is missing");
	return 0;
}

static int read_request(struct arena *a, json_t **out, struct err *e)
{
	char *buf = arena_alloc(a, REQUEST_MAX + 1);
	size_t n = 0;

	while (n <= REQUEST_MAX) {
		ssize_t got = read(STDIN_FILENO, buf + n, REQUEST_MAX + 1 - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(e, errno, "cannot read the request");
		if (!got)
			break;
		n += (size_t)got;
	}
	if (n > REQUEST_MAX)
		return err_set(e, ERR_LIMIT, "the request is larger than %u bytes", REQUEST_MAX);
	if (json_parse(buf, n, "request", out, e) < 0)
		return -1;
	return json_is_object(*out) ? 0 : err_set(e, ERR_USAGE, "the request is not an object");
}

static int run(const struct verb *verb, json_t **result, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_json_ json_t *request = NULL;

	if (confine(e) < 0 || (verb->looks && cage_enter(e) < 0) || read_request(&a, &request, e) < 0)
		return -1;
	if (verb->confine && verb->confine(request, e) < 0)
		return -1;
	return verb->run(request, result, e);
}

int main(int argc, char **argv)
{
	const struct verb *verb = argc == 2 ? find_verb(argv[1]) : NULL;
	_cleanup_json_ json_t *result = NULL;
	struct err e = ERR_INIT;

	if (!verb) {
		fprintf(stderr, "usage: reconcile-worker VERB < request.json\n"
			"This program is started by reconcile; it is of no use by itself.\n");
		return 64;
	}
	if (run(verb, &result, &e) < 0)
		return report_error(&e) < 0 ? 1 : err_exit_code(e.kind);
	return report_result(result) < 0 ? 1 : 0;
}
