/* many.c - independent steps at the same time; see many.h.
 *
 * What a child says, one JSON object a line:
 *
 *	{"progress":{"what":"...","done":1,"total":2}}
 *	{"rc":0,"facts":"{...}"}  or  {"rc":-1,"kind":"...","errnum":5,"msg":"...","hint":"..."}
 */
#include "reconciler/engine/many.h"

#include "drivers/sys/proc.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"
#include "schema/base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AT_ONCE_MAX 64
#define POLL_MS 100              /* how soon a signal is seen that came between two looks at the flag */
#define LINE_MAX_BYTES (8u << 20) /* facts hold an image's configuration */

/* What more at once would only slow down: they wait for the same disk or network. */
static const unsigned at_once_of[KIND_N] = {
	[KIND_IMAGE] = 2,
	[KIND_KERNEL] = 2,
	[KIND_NETWORK] = AT_ONCE_MAX,
	[KIND_FIREWALL] = AT_ONCE_MAX,
	[KIND_DISK] = 4,
	[KIND_NIC] = AT_ONCE_MAX,
	[KIND_VM] = AT_ONCE_MAX,
	[KIND_GUEST] = AT_ONCE_MAX,
};

struct branch {
	uint32_t step;
	struct proc_id id;
	int pidfd, out;
	int64_t begun_ms;
	char *text;
	size_t n, cap;
	bool answered;
	bool hung_up; /* all was heard that it had to say */
	int rc;
	struct kvs facts;
	struct err err;
};

struct crowd {
	const struct many *m;
	struct branch branches[AT_ONCE_MAX];
	size_t n;
	bool asked; /* the children know that we were cancelled */
};

unsigned many_usual(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 2 ? 2 : n > 8 ? 8 : (unsigned)n;
}

static bool is_cancelled(const struct many *m)
{
	return m->host->cancel && *m->host->cancel;
}

/* ---- the child ------------------------------------------------------------------------------ */

struct task {
	const struct many *m;
	uint32_t step;
	int out;
};

static int say(int out, json_t *line)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *text = line ? arena_printf(&a, "%s\n", json_text(&a, line)) : NULL;

	json_decref(line);
	return text ? fd_write_all(out, text, strlen(text)) : -1;
}

static void say_progress(void *arg, const struct step *step, const char *what, uint64_t done,
	uint64_t total)
{
	const struct task *t = arg;

	(void)step;
	say(t->out, json_pack("{s:{s:o, s:I, s:I}}", "progress", "what", json_lossy(what), "done",
		(json_int_t)done, "total", (json_int_t)total));
}

static int work(void *arg, int out)
{
	struct task *t = arg;
	struct host h = *t->m->host;
	struct err err = ERR_INIT;
	struct kvs facts = {0};

	t->out = out;
	if (h.progress)
		h.progress = say_progress;
	h.progress_arg = t;
	if (t->m->work(t->m->arg, t->step, &h, &facts, &err) == 0)
		return say(out, json_pack("{s:i, s:s}", "rc", 0, "facts",
			json_from_kvs(h.arena, &facts)));
	return say(out, json_pack("{s:i, s:s, s:i, s:o, s:o}", "rc", -1, "kind",
		err_kind_name(err.kind), "errnum", err.errnum, "msg", json_lossy(err.msg), "hint",
		json_lossy(err.hint)));
}

/* ---- what it says --------------------------------------------------------------------------- */

static void take_line(const struct many *m, struct branch *b, const char *line, size_t n)
{
	_cleanup_json_ json_t *j = NULL;
	const json_t *progress;

	if (json_parse(line, n, "answer", &j, &b->err) < 0)
		return;
	progress = json_object_get(j, "progress");
	if (progress) {
		if (m->host->progress)
			m->host->progress(m->host->progress_arg, m->step(m->arg, b->step),
				json_str(progress, "what", ""), (uint64_t)json_int(progress, "done", 0),
				(uint64_t)json_int(progress, "total", 0));
		return;
	}
	b->rc = (int)json_int(j, "rc", -1);
	b->answered = true;
	if (b->rc == 0) {
		b->answered = json_to_kvs(m->host->arena, json_str(j, "facts", ""), "facts", &b->facts,
			&b->err) == 0;
		return;
	}
	err_set(&b->err, err_kind_parse(json_str(j, "kind", "failed")), "%s", json_str(j, "msg", ""));
	b->err.errnum = (int)json_int(j, "errnum", 0);
	if (json_str(j, "hint", "")[0])
		err_hint(&b->err, "%s", json_str(j, "hint", ""));
}

static void take_lines(const struct many *m, struct branch *b)
{
	char *start = b->text, *end;

	while ((end = memchr(start, '\n', b->n - (size_t)(start - b->text)))) {
		take_line(m, b, start, (size_t)(end - start));
		start = end + 1;
	}
	b->n -= (size_t)(start - b->text);
	memmove(b->text, start, b->n);
}

/* Whether there is nothing more to come. */
static bool listen_to(const struct many *m, struct branch *b)
{
	ssize_t got;

	if (b->cap - b->n < 4096) {
		b->cap = b->cap ? b->cap * 2 : 8192;
		b->text = xrealloc(b->text, b->cap);
	}
	got = read(b->out, b->text + b->n, b->cap - b->n);
	if (got < 0)
		return errno != EINTR && errno != EAGAIN;
	b->hung_up = !got;
	b->n += (size_t)got;
	take_lines(m, b);
	return !got || b->n > LINE_MAX_BYTES;
}

/* ---- begin and end -------------------------------------------------------------------------- */

static bool same_fact(const struct step *a, const struct step *b, const char *key)
{
	const char *x = kvs_get(&a->args, key), *y = kvs_get(&b->args, key);

	return x && y && !strcmp(x, y);
}

/* Two images of one content are one file, and a VM with its disk and its guest is one change. */
static bool is_in_the_way(const struct step *running, const struct step *next)
{
	bool contents = next->kind == KIND_IMAGE || next->kind == KIND_KERNEL;

	if (contents)
		return running->kind == next->kind &&
			(same_fact(running, next, "file") || same_fact(running, next, "id"));
	return running->kind != KIND_IMAGE && running->kind != KIND_KERNEL &&
		!strcmp(running->name, next->name);
}

static bool has_room(const struct crowd *c, const struct step *next)
{
	unsigned of_kind = 0, most = c->m->at_once < AT_ONCE_MAX ? c->m->at_once : AT_ONCE_MAX;

	if (c->n >= most)
		return false;
	for (size_t i = 0; i < c->n; i++) {
		const struct step *s = c->m->step(c->m->arg, c->branches[i].step);

		of_kind += s->kind == next->kind;
		if (is_in_the_way(s, next))
			return false;
	}
	return of_kind < at_once_of[next->kind];
}

static void begin(struct crowd *c, uint32_t i)
{
	const struct many *m = c->m;
	struct branch *b = &c->branches[c->n];
	struct task t = {.m = m, .step = i};

	*b = (struct branch){.step = i, .pidfd = -1, .out = -1, .begun_ms = clock_mono_ms(), .rc = -1,
		.err = ERR_INIT};
	m->began(m->arg, i);
	if (proc_branch(work, &t, &b->id, &b->pidfd, &b->out, &b->err) < 0)
		m->ended(m->arg, i, -1, &b->facts, &b->err, 0);
	else
		c->n++;
}

static void end(struct crowd *c, size_t at)
{
	const struct many *m = c->m;
	struct branch b = c->branches[at];
	struct err more = ERR_INIT;
	int status = 0;

	c->branches[at] = c->branches[--c->n];
	/* Nobody listens any more: one that goes on would wait for ever to be heard, and we for it. */
	fd_close(&b.out);
	if (!b.hung_up)
		proc_signal(&b.id, SIGKILL, NULL);
	if (proc_reap(b.id.pid, b.pidfd, -1, &status, &more) < 0)
		log_warn("step is not to be waited for", "error=\"%s\"", more.msg);
	if (!b.answered) {
		b.rc = -1;
		err_set(&more, c->asked ? ERR_CANCELLED : ERR_FAILED, "the process of this step %s without an answer",
			proc_status_text(m->host->arena, status));
		err_join(&b.err, &more);
	}
	if (b.rc == 0)
		err_clear(&b.err);
	fd_close(&b.pidfd);
	free(b.text);
	m->ended(m->arg, b.step, b.rc, &b.facts, &b.err, clock_mono_ms() - b.begun_ms);
}

/* ---- all of them ---------------------------------------------------------------------------- */

static void begin_some(struct crowd *c, uint32_t from, uint32_t to, bool *begun)
{
	for (uint32_t i = from; i < to; i++) {
		const struct step *s = begun[i - from] ? NULL : c->m->step(c->m->arg, i);

		if (is_cancelled(c->m))
			return;
		if (!s || !has_room(c, s))
			continue;
		begun[i - from] = true;
		begin(c, i);
	}
}

/* Once: a second signal would end them where they stand. */
static void ask_to_stop(struct crowd *c)
{
	if (c->asked || !is_cancelled(c->m))
		return;
	c->asked = true;
	for (size_t i = 0; i < c->n; i++)
		proc_signal(&c->branches[i].id, SIGTERM, NULL);
}

/* Wait until one or more have ended. */
static void wait_for_some(struct crowd *c)
{
	struct pollfd fds[AT_ONCE_MAX];
	bool ended = false;

	while (c->n && !ended) {
		size_t n = c->n;

		ask_to_stop(c);
		for (size_t i = 0; i < n; i++)
			fds[i] = (struct pollfd){.fd = c->branches[i].out, .events = POLLIN};
		if (poll(fds, n, POLL_MS) <= 0)
			continue;
		for (size_t i = n; i-- > 0;)
			if (fds[i].revents && listen_to(c->m, &c->branches[i])) {
				end(c, i);
				ended = true;
			}
	}
}

static void cancel_the_rest(struct crowd *c, uint32_t from, uint32_t to, const bool *begun)
{
	const struct kvs none = {0};

	for (uint32_t i = from; i < to; i++) {
		struct err err = ERR_INIT;

		if (begun[i - from] || !c->m->step(c->m->arg, i))
			continue;
		err_set(&err, ERR_CANCELLED, "cancelled before it began");
		c->m->ended(c->m->arg, i, -1, &none, &err, 0);
	}
}

int many_run(const struct many *m, uint32_t from, uint32_t to, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	bool *begun = arena_array(&a, to - from + 1, sizeof(bool));
	struct crowd *c = arena_new(&a, struct crowd);
	int rc = 0;

	c->m = m;
	begin_some(c, from, to, begun);
	while (c->n) {
		wait_for_some(c);
		if (rc == 0 && c->n)
			rc = m->settle(m->arg, e);
		if (rc == 0)
			begin_some(c, from, to, begun);
	}
	if (rc == 0)
		cancel_the_rest(c, from, to, begun);
	return rc;
}
