/* rundir.c - a VM's folders. */
#include "drivers/rundir.h"

#include "drivers/guest/proto.h"
#include "drivers/sys/beneath.h"
#include "drivers/sys/tail.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_BYTES_MAX 63
#define NOTE_MAX 4096

char *rundir_path(struct arena *a, const struct host *h, const char *vm)
{
	return arena_printf(a, "%s/vms/%s", h->run_dir, vm);
}

static int folder_name(struct arena *a, const char *vm, const char **path, struct err *e)
{
	size_t n = strspn(vm, "abcdefghijklmnopqrstuvwxyz0123456789-");

	if (!n || vm[n] || n > NAME_BYTES_MAX)
		return err_set(e, ERR_STATE, "a VM name in saved state is not one");
	*path = arena_printf(a, "vms/%s", vm);
	return 0;
}

int rundir_open(int root_fd, const char *vm, int *fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = NULL;

	*fd = -1;
	if (folder_name(&a, vm, &path, e) < 0)
		return -1;
	*fd = beneath_open(root_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (*fd < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot open folder %s", path);
	return 0;
}

int rundir_make(int root_fd, const char *vm, int *fd, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = NULL;

	*fd = -1;
	if (folder_name(&a, vm, &path, e) < 0 || dir_make(root_fd, path, 0700, e) < 0 ||
		rundir_open(root_fd, vm, fd, e) < 0)
		return -1;
	return *fd < 0 ? err_set(e, ERR_SYSTEM, "folder %s went away", path) : 0;
}

void rundir_prune(int root_fd, const char *vm)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *path = NULL;

	if (folder_name(&a, vm, &path, NULL) < 0)
		return;
	if (unlinkat(root_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		unlinkat(root_fd, "vms", AT_REMOVEDIR);
}

int rundir_note_write(int run_fd, const struct kvs *note, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *text = json_from_kvs(&a, note);

	return file_replace(run_fd, RUN_NOTE, text, strlen(text), 0600, e);
}

void rundir_note_read(struct arena *a, int run_fd, struct kvs *note)
{
	size_t n;
	const char *text = tail_read(a, run_fd, RUN_NOTE, NOTE_MAX, &n);

	if (json_to_kvs(a, text, RUN_NOTE, note, NULL) < 0)
		*note = (struct kvs){0};
}

void rundir_id_get(const struct kvs *facts, struct proc_id *id)
{
	const char *boot_id = kvs_get(facts, "boot_id");
	uint64_t pid = kvs_u64(facts, "pid", 0);

	*id = (struct proc_id){.start = kvs_u64(facts, "start", 0)};
	if (pid > 0 && pid <= INT32_MAX)
		id->pid = (pid_t)pid;
	snprintf(id->boot_id, sizeof(id->boot_id), "%s", boot_id ? boot_id : "");
}

void rundir_id_set(struct arena *a, struct kvs *facts, const struct proc_id *id)
{
	kvs_setf(a, facts, "pid", "%d", (int)id->pid);
	kvs_setf(a, facts, "start", "%llu", (unsigned long long)id->start);
	kvs_set(a, facts, "boot_id", id->boot_id);
}

static bool is_socket(int run_fd, const char *name)
{
	struct stat st;

	return fstatat(run_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISSOCK(st.st_mode);
}

bool rundir_is_reachable(int run_fd)
{
	char name[32];

	if (!is_socket(run_fd, RUN_QMP))
		return false;
	for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
		snprintf(name, sizeof(name), RUN_AGENT, i);
		if (is_socket(run_fd, name))
			return true;
	}
	return false;
}

static const struct vm_spec *spec_of(const struct step *step)
{
	return step->object ? (const struct vm_spec *)step->object->spec : NULL;
}

uint64_t rundir_ready_limit(const struct vm_spec *vm)
{
	return vm->ready.start_period_ms +
		(vm->ready.timeout_ms ? vm->ready.timeout_ms : vm->ready_timeout_ms);
}

uint64_t rundir_ready_ms(const struct step *step)
{
	const struct vm_spec *vm = spec_of(step);

	return kvs_u64(&step->args, "ready_timeout_ms",
		vm ? rundir_ready_limit(vm) : RUN_READY_TIMEOUT_MS);
}

uint64_t rundir_stop_ms(const struct step *step)
{
	const struct vm_spec *vm = spec_of(step);

	return kvs_u64(&step->args, "stop_timeout_ms",
		vm ? vm->stop_timeout_ms : RUN_STOP_TIMEOUT_MS);
}
