/* handles.c - vms/NAME/handles.json; see handles.h. */
#include "reconciler/engine/handles.h"

#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define HANDLES_MAX (256u * 1024)

/* CRC-32 (IEEE 802.3), bit by bit: the text is short and it guards against torn writes only. */
static uint32_t crc32_of(const char *s)
{
	uint32_t crc = 0xffffffffu;

	for (; *s; s++) {
		crc ^= (unsigned char)*s;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

static char *check_of(struct arena *a, const char *facts)
{
	return arena_printf(a, "%08x", crc32_of(facts));
}


int handles_write(int state_fd, const char *instance, const char *vm, const struct kvs *facts,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int dir = -1;
	_cleanup_json_ json_t *root = json_object();
	char *inner = json_from_kvs(&a, facts);
	const char *folder = arena_printf(&a, "vms/%s", vm);
	json_t *obj = NULL;
	char *all;

	if (json_parse(inner, strlen(inner), "facts", &obj, e) < 0)
		return -1;
	json_object_set_new(root, "v", json_integer(1));
	json_object_set_new(root, "instance", json_string(instance));
	json_object_set_new(root, "vm", json_string(vm));
	json_object_set_new(root, "facts", obj);
	json_object_set_new(root, "check", json_string(check_of(&a, inner)));
	all = arena_printf(&a, "%s\n", json_text(&a, root));
	if (dir_make(state_fd, folder, 0700, e) < 0)
		return -1;
	dir = openat(state_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", folder);
	return file_replace(dir, "handles.json", all, strlen(all), 0600, e);
}

static const char *distrust(struct arena *a, const json_t *root, const char *instance,
	const char *vm)
{
	if (!json_is_object(root) || !json_is_object(json_object_get(root, "facts")))
		return "not the right shape";
	if (json_int(root, "v", 0) != 1)
		return "written by another version";
	if (strcmp(json_str(root, "instance", ""), instance))
		return "belongs to another instance";
	if (strcmp(json_str(root, "vm", ""), vm))
		return "belongs to another VM";
	if (strcmp(json_str(root, "check", ""),
		    check_of(a, json_text(a, json_object_get(root, "facts")))))
		return "its check value does not match";
	return NULL;
}

int handles_read(struct arena *a, int state_fd, const char *instance, const char *vm,
	struct kvs *facts, const char **why)
{
	_cleanup_json_ json_t *root = NULL;
	struct err err = ERR_INIT;
	const char *wrong = NULL;
	char *text;
	size_t n;

	*facts = (struct kvs){0};
	if (why)
		*why = NULL;
	if (file_read(a, state_fd, arena_printf(a, "vms/%s/handles.json", vm), HANDLES_MAX, &text,
		    &n, &err) < 0) {
		wrong = err.kind == ERR_NOINPUT ? NULL : err.msg;
		goto bad;
	}
	if (json_parse(text, n, "handles.json", &root, &err) < 0) {
		wrong = err.msg;
		goto bad;
	}
	wrong = distrust(a, root, instance, vm);
	if (wrong)
		goto bad;
	if (json_to_kvs(a, json_text(a, json_object_get(root, "facts")), "facts", facts, &err) == 0)
		return 0;
	wrong = err.msg;
bad:
	if (why)
		*why = arena_dup(a, wrong);
	return 1;
}

int handles_remove(int state_fd, const char *vm, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = arena_printf(&a, "vms/%s/handles.json", vm);

	if (unlinkat(state_fd, path, 0) < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_sys(e, errno, "cannot remove %s", path);
	return 0;
}
