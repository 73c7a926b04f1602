/* handles.c - vms/NAME/handles.json; see handles.h. */
#include "reconciler/engine/handles.h"

#include "schema/base/fd.h"
#include "schema/base/json.h"
#include "schema/base/point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDLES_MAX (256u * 1024)

/* CRC-32 (IEEE 802.3), four bits at a time: it guards against torn writes only. */
static uint32_t crc32_of(uint32_t crc, const char *s)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158,
		0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4,
		0xa00ae278, 0xbdbdf21c,
	};

	crc = ~crc;
	for (; *s; s++) {
		crc = crc >> 4 ^ table[(crc ^ (unsigned char)*s) & 15];
		crc = crc >> 4 ^ table[(crc ^ (unsigned char)*s >> 4) & 15];
	}
	return ~crc;
}

static char *check_of(struct arena *a, const json_t *root)
{
	uint32_t crc = crc32_of(0, json_text(a, json_object_get(root, "facts")));

	return arena_printf(a, "%08x", crc32_of(crc, json_text(a, json_object_get(root, "rows"))));
}

/* ---- rows --------------------------------------------------------------------------------- */

static json_t *kvs_json(const struct kvs *l)
{
	json_t *j = json_object();

	kvs_each(p, l)
		json_object_set_new(j, p->key, json_string(p->value));
	return j;
}

static json_t *row_json(const struct record *r)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:o}", "kind", kind_name(r->kind),
		"name", r->name, "source", r->source, "state", record_state_name(r->state), "where",
		r->where ? r->where : "", "generation", (int)r->generation, "fields",
		kvs_json(&r->fields), "facts", kvs_json(&r->facts));
}

static int row_parse(struct arena *a, const json_t *j, struct record *out, struct err *e)
{
	*out = (struct record){
		.kind = kind_parse(json_str(j, "kind", "")),
		.name = arena_dup(a, json_str(j, "name", "")),
		.source = arena_dup(a, json_str(j, "source", "")),
		.state = RECORD_MADE,
		.where = arena_dup(a, json_str(j, "where", "")),
		.generation = (uint32_t)json_int(j, "generation", 0),
	};
	if (out->kind != KIND_VM && out->kind != KIND_DISK && out->kind != KIND_NIC)
		return err_set(e, ERR_CONTENT, "a row of an unexpected kind");
	if (json_to_kvs(a, json_text(a, json_object_get(j, "fields")), "fields", &out->fields, e) < 0)
		return -1;
	return json_to_kvs(a, json_text(a, json_object_get(j, "facts")), "facts", &out->facts, e);
}

static int rows_parse(struct arena *a, const json_t *list, const char *vm, struct records *out,
	struct err *e)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j) {
		struct record *r = vec_push(a, out);

		if (row_parse(a, j, r, e) < 0)
			return -1;
		if (strcmp(r->name, vm))
			return err_set(e, ERR_CONTENT, "a row of another VM");
	}
	return 0;
}

/* ---- file --------------------------------------------------------------------------------- */

/* The folder of a VM, never through a link; -1 with errno. */
static int open_folder(int state_fd, const char *vm)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	return openat(state_fd, arena_printf(&a, "vms/%s", vm),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static char *text_of(struct arena *a, const char *instance, const char *vm,
	const struct handles *h)
{
	_cleanup_json_ json_t *root = json_object();
	json_t *rows = json_array();

	vec_each(r, &h->rows)
		json_array_append_new(rows, row_json(r));
	json_object_set_new(root, "v", json_integer(1));
	json_object_set_new(root, "instance", json_string(instance));
	json_object_set_new(root, "vm", json_string(vm));
	json_object_set_new(root, "facts", kvs_json(&h->facts));
	json_object_set_new(root, "rows", rows);
	json_object_set_new(root, "check", json_string(check_of(a, root)));
	return arena_printf(a, "%s\n", json_text(a, root));
}

int handles_write(int state_fd, const char *instance, const char *vm, const struct handles *h,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	_cleanup_fd_ int dir = -1;
	const char *folder = arena_printf(&a, "vms/%s", vm);
	char *text = text_of(&a, instance, vm, h);

	if (dir_make(state_fd, folder, 0700, e) < 0)
		return -1;
	dir = open_folder(state_fd, vm);
	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", folder);
	return file_replace(dir, "handles.json", text, strlen(text), 0600, e);
}

static const char *distrust(struct arena *a, const json_t *root, const char *instance,
	const char *vm)
{
	if (!json_is_object(root) || !json_is_object(json_object_get(root, "facts")) ||
		!json_is_array(json_object_get(root, "rows")))
		return "not the right shape";
	if (json_int(root, "v", 0) != 1)
		return "written by another version";
	if (strcmp(json_str(root, "instance", ""), instance))
		return "belongs to another instance";
	if (strcmp(json_str(root, "vm", ""), vm))
		return "belongs to another VM";
	if (strcmp(json_str(root, "check", ""), check_of(a, root)))
		return "its check value does not match";
	return NULL;
}

/* NULL with the text; else what is wrong, or "" when there simply is no file. */
static const char *read_text(struct arena *a, int state_fd, const char *vm, char **text, size_t *n)
{
	_cleanup_fd_ int dir = open_folder(state_fd, vm);
	struct err err = ERR_INIT;
	struct stat st;

	if (dir < 0 || fstatat(dir, "handles.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? "" : arena_dup(a, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return "not a regular file";
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return "belongs to another user, or others may write to it";
	if (st.st_nlink != 1)
		return "has a second name somewhere";
	if (file_read(a, dir, "handles.json", HANDLES_MAX, text, n, &err) < 0)
		return arena_dup(a, err.msg);
	return NULL;
}

int handles_read(struct arena *a, int state_fd, const char *instance, const char *vm,
	struct handles *out, const char **why)
{
	_cleanup_json_ json_t *root = NULL;
	struct err err = ERR_INIT;
	const char *wrong;
	char *text = NULL;
	size_t n = 0;

	*out = (struct handles){0};
	wrong = read_text(a, state_fd, vm, &text, &n);
	if (!wrong && json_parse(text, n, "handles.json", &root, &err) < 0)
		wrong = err.msg;
	if (!wrong)
		wrong = distrust(a, root, instance, vm);
	if (!wrong && (json_to_kvs(a, json_text(a, json_object_get(root, "facts")), "facts",
			       &out->facts, &err) < 0 ||
			rows_parse(a, json_object_get(root, "rows"), vm, &out->rows, &err) < 0))
		wrong = err.msg;
	if (why)
		*why = wrong && wrong[0] ? arena_dup(a, wrong) : NULL;
	if (wrong)
		*out = (struct handles){0};
	return wrong ? 1 : 0;
}

int handles_remove(int state_fd, const char *vm, struct err *e)
{
	_cleanup_fd_ int dir = open_folder(state_fd, vm);

	if (dir < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0
			: err_sys(e, errno, "cannot open folder vms/%s", vm);
	if (point_fails("handles.remove") ||
		(unlinkat(dir, "handles.json", 0) < 0 && errno != ENOENT) ||
		point_fails("handles.remove done"))
		return err_sys(e, errno, "cannot remove vms/%s/handles.json", vm);
	return 0;
}
