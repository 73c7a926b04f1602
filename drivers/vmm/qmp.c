/* qmp.c - a client of QEMU's machine protocol. */
#include "drivers/vmm/qmp.h"

#include "drivers/sys/lines.h"
#include "drivers/sys/plain.h"
#include "drivers/sys/unixsock.h"
#include "schema/base/fd.h"
#include "schema/base/point.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES ((size_t)256 * 1024)
#define MESSAGES_MAX 10000 /* that are not for us, in one wait */

struct qmp {
	struct lines lines;
	int64_t last_id;
};

enum qmp_message qmp_parse(const char *line, size_t n, int64_t *id, json_t **message)
{
	_cleanup_json_ json_t *j = NULL;
	enum qmp_message kind = QMP_OTHER;

	*id = -1;
	*message = NULL;
	if (json_parse(line, n, "QMP", &j, NULL) < 0 || !json_is_object(j))
		return QMP_OTHER;
	*id = json_int(j, "id", -1);
	if (json_is_object(json_object_get(j, "QMP")))
		kind = QMP_GREETING;
	else if (json_is_string(json_object_get(j, "event")))
		kind = QMP_EVENT;
	else if (json_is_object(json_object_get(j, "error")))
		kind = QMP_ERROR;
	else if (json_object_get(j, "return"))
		kind = QMP_REPLY;
	if (kind != QMP_OTHER) {
		*message = j;
		j = NULL;
	}
	return kind;
}

/* Read until a message is of the kind wanted, or an error with that id. */
static int wait_message(struct qmp *q, enum qmp_message want, int64_t want_id, int64_t deadline,
	json_t **out, struct err *e)
{
	for (int i = 0; i < MESSAGES_MAX; i++) {
		_cleanup_json_ json_t *message = NULL;
		enum qmp_message kind;
		char *line;
		size_t n;
		int64_t id;
		int r = lines_read(&q->lines, deadline, &line, &n, e);

		if (r < 0)
			return -1;
		if (r)
			return err_set(e, ERR_FAILED, "QEMU hung up");
		kind = qmp_parse(line, n, &id, &message);
		if (id != want_id || (kind != want && kind != QMP_ERROR))
			continue;
		*out = message;
		message = NULL;
		return 0;
	}
	return err_set(e, ERR_CONTENT, "QEMU sends nothing but what was not asked for");
}

static int refused(const char *command, const json_t *message, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *desc = json_str(json_object_get(message, "error"), "desc", "no reason given");

	return err_set(e, ERR_FAILED, "QEMU refused %s: %s", command,
		plain_text(&a, desc, strnlen(desc, 256)));
}

int qmp_command(struct qmp *q, const char *command, int64_t deadline, json_t **result,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_json_ json_t *message = NULL;
	const int64_t id = ++q->last_id;
	const char *text = arena_printf(&a, "{\"execute\": \"%s\", \"id\": %lld}\n", command,
		(long long)id);
	int r = -1;

	if (point_fails("qmp.command"))
		err_sys(e, errno, "cannot write to QEMU");
	else
		r = lines_write(&q->lines, text, strlen(text), deadline, e);
	if (r > 0)
		err_set(e, ERR_FAILED, "QEMU hung up");
	if (r == 0 && point_fails("qmp.command done"))
		r = err_sys(e, errno, "cannot read from QEMU");
	if (r || wait_message(q, QMP_REPLY, id, deadline, &message, e) < 0)
		return err_wrap(e, "QMP %s", command);
	if (json_object_get(message, "error"))
		return refused(command, message, e);
	if (result)
		*result = json_incref(json_object_get(message, "return"));
	return 0;
}

int qmp_attach(int fd, int64_t deadline, const volatile sig_atomic_t *cancel, struct qmp **out,
	struct err *e)
{
	_cleanup_qmp_ struct qmp *q = xmalloc(sizeof(*q));
	_cleanup_json_ json_t *greeting = NULL;

	*q = (struct qmp){0};
	lines_init(&q->lines, fd, LINE_MAX_BYTES);
	q->lines.cancel = cancel;
	if (wait_message(q, QMP_GREETING, -1, deadline, &greeting, e) < 0)
		return err_wrap(e, "QMP greeting");
	if (json_object_get(greeting, "error"))
		return refused("to greet", greeting, e);
	if (qmp_command(q, "qmp_capabilities", deadline, NULL, e) < 0)
		return -1;
	*out = q;
	q = NULL;
	return 0;
}

int qmp_open(int dirfd, const char *name, int64_t deadline, const volatile sig_atomic_t *cancel,
	struct qmp **out, struct err *e)
{
	int fd = -1;
	int r = unixsock_connect(dirfd, name, &fd, e);

	return r ? r : qmp_attach(fd, deadline, cancel, out, e);
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	lines_fini(&q->lines);
	free(q);
}
