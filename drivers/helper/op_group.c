/* op_group.c - cgroups of VMs, and signals to what is in them.
 *
 * The tree is ours alone: reconcile/UID-INSTANCE/vm-KEY, made by root and writable by root. So the kernel
 * itself says whose a process is: it was put into its group by us, and no process without privilege can
 * leave it or enter another.
 */
#include "drivers/helper/op.h"

#include "drivers/sys/cgroup.h"
#include "drivers/sys/proc.h"
#include "schema/base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KILL_WAIT_MS 200 /* the caller asks again; nobody else waits longer for one VM */

static int need_tree(const struct op *op, struct err *e)
{
	if (op->host->cgroup_fd >= 0)
		return 0;
	err_set(e, ERR_FAILED, "this host has no cgroups of version 2");
	return err_hint(e, "boot with systemd.unified_cgroup_hierarchy=1");
}

/* The instance's folder. 0; 1 there is none; -1. */
static int open_mine(struct op *op, bool make, int *fd, struct err *e)
{
	char name[HELPER_GROUP_MAX];

	if (need_tree(op, e) < 0)
		return -1;
	helper_group_name(op->owner, name);
	return make ? cgroup_make(op->host->cgroup_fd, name, fd, e) :
		cgroup_open(op->host->cgroup_fd, name, fd, e);
}

static int open_group(struct op *op, uint64_t key, int *fd, struct err *e)
{
	_cleanup_fd_ int mine = -1;
	char name[HELPER_GROUP_MAX];
	int rc = open_mine(op, false, &mine, e);

	helper_group_key(key, name);
	return rc ? rc : cgroup_open(mine, name, fd, e);
}

/* ---- walking ---------------------------------------------------------------------------------------- */

static int each_entry(int dirfd, void (*each)(int dirfd, const char *name, void *arg), void *arg,
	struct err *e)
{
	_cleanup_fd_ int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *d;

	if (!dir)
		return err_sys(e, errno, "cannot list cgroups");
	(void)fd_take(&copy); /* closedir closes it */
	while ((d = readdir(dir)))
		each(dirfd, d->d_name, arg);
	closedir(dir);
	return 0;
}

struct listing {
	uint64_t from;
	union helper_answer *a;
};

static void list_group(int dirfd, const char *name, void *arg)
{
	struct listing *l = arg;
	struct err ignored = ERR_INIT;
	_cleanup_fd_ int group = -1;
	int64_t n;
	uint64_t key;

	if (!helper_group_parse(name, &key) || key < l->from ||
		cgroup_open(dirfd, name, &group, &ignored))
		return;
	n = cgroup_count(group);
	op_list_add(l->a, l->from, key, n < 0 ? 0 : (uint64_t)n);
}

int op_list_groups(struct op *op, uint64_t from, union helper_answer *a, struct err *e)
{
	struct listing l = {from, a};
	_cleanup_fd_ int mine = -1;
	int rc = open_mine(op, false, &mine, e);

	if (rc)
		return rc < 0 ? -1 : 0;
	return each_entry(mine, list_group, &l, e);
}

struct counting {
	char prefix[16]; /* "UID-" */
	uint64_t n;
};

static void count_group(int dirfd, const char *name, void *arg)
{
	struct counting *c = arg;
	uint64_t key;

	(void)dirfd;
	c->n += helper_group_parse(name, &key);
}

static void count_instance(int dirfd, const char *name, void *arg)
{
	struct counting *c = arg;
	struct err ignored = ERR_INIT;
	_cleanup_fd_ int instance = -1;

	if (!strncmp(name, c->prefix, strlen(c->prefix)) &&
		!cgroup_open(dirfd, name, &instance, &ignored))
		(void)each_entry(instance, count_group, c, &ignored);
}

static int check_memory(const struct op *op, const struct helper_cgroup *r, struct err *e)
{
	if (!op->limits->memory || (r->memory_max && r->memory_max <= op->limits->memory))
		return 0;
	return err_set(e, ERR_LIMIT, "memory_max: uid %u may give a VM at most %" PRIu64 " bytes",
		op->owner->uid, op->limits->memory);
}

static int check_room(struct op *op, struct err *e)
{
	struct counting c = {.n = 0};

	snprintf(c.prefix, sizeof(c.prefix), "%u-", op->owner->uid);
	if (each_entry(op->host->cgroup_fd, count_instance, &c, e) < 0)
		return -1;
	if (c.n >= op->limits->cgroups)
		return err_set(e, ERR_LIMIT, "uid %u has %" PRIu64 " cgroups, and may have no more",
			op->owner->uid, c.n);
	return 0;
}

/* ---- making ------------------------------------------------------------------------------------------ */

static int set_limit(int group, const char *file, uint64_t value, struct err *e)
{
	char text[32];
	int rc;

	if (!value)
		return 0;
	snprintf(text, sizeof(text), "%" PRIu64, value);
	rc = cgroup_write(group, file, text, e);
	return rc > 0 ? err_set(e, ERR_FAILED, "this host hands down no controller for %s", file) : rc;
}

static int set_limits(int group, const struct helper_cgroup *r, struct err *e)
{
	if (set_limit(group, "memory.max", r->memory_max, e) < 0 ||
		set_limit(group, "pids.max", r->pids_max, e) < 0)
		return -1;
	return set_limit(group, "cpu.weight", r->cpu_weight, e);
}

static void hand_down(int group)
{
	static const char *const controllers[] = {"+memory", "+pids", "+cpu"};
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		(void)cgroup_write(group, "cgroup.subtree_control", controllers[i], &ignored);
}

int op_cgroup_create(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	_cleanup_fd_ int mine = -1, group = -1;
	char name[HELPER_GROUP_MAX];
	struct err more = ERR_INIT;
	int rc;

	(void)a;
	if (check_memory(op, &r->cgroup, e) < 0 || open_mine(op, true, &mine, e) < 0)
		return -1;
	hand_down(mine);
	helper_group_key(r->cgroup.key, name);
	rc = cgroup_open(mine, name, &group, e);
	if (!rc)
		return set_limits(group, &r->cgroup, e);
	if (rc < 0 || check_room(op, e) < 0 || cgroup_make(mine, name, &group, e) < 0)
		return -1;
	if (!set_limits(group, &r->cgroup, e))
		return 0;
	/* Without the limits it was not what was asked for. */
	(void)cgroup_remove(mine, name, &more);
	return -1;
}

int op_cgroup_kill(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	_cleanup_fd_ int group = -1;
	int rc = open_group(op, r->cgroup.key, &group, e);

	(void)a;
	if (rc)
		return rc < 0 ? -1 : 0;
	rc = cgroup_kill(group, KILL_WAIT_MS, e);
	return rc > 0 ? err_set(e, ERR_TIMEOUT, "killed processes are still ending") : rc;
}

int op_cgroup_remove(struct op *op, const union helper_request *r, union helper_answer *a,
	struct err *e)
{
	_cleanup_fd_ int mine = -1;
	char name[HELPER_GROUP_MAX];
	int rc = open_mine(op, false, &mine, e);

	(void)a;
	if (rc)
		return rc < 0 ? -1 : 0;
	helper_group_key(r->cgroup.key, name);
	if (cgroup_remove(mine, name, e) < 0)
		return -1;
	/* The instance's folder goes with its last VM; it stays while there are others. */
	helper_group_name(op->owner, name);
	(void)unlinkat(op->host->cgroup_fd, name, AT_REMOVEDIR);
	return 0;
}

/* ---- signals ------------------------------------------------------------------------------------------- */

int op_signal(struct op *op, const union helper_request *r, union helper_answer *a, struct err *e)
{
	const struct helper_signal *s = &r->signal;
	char want[256], group[256], mine[HELPER_GROUP_MAX], key[HELPER_GROUP_MAX];
	struct proc_id id;
	int rc;

	(void)a;
	if (need_tree(op, e) < 0)
		return -1;
	rc = proc_identify((pid_t)s->pid, &id, e);
	if (rc > 0 || (!rc && id.start != s->start))
		return 0; /* that process is gone, whoever has its number now */
	if (rc < 0 || (rc = cgroup_of(id.pid, group, sizeof(group), e)) < 0)
		return -1;
	if (rc > 0)
		return 0;
	helper_group_name(op->owner, mine);
	helper_group_key(s->key, key);
	snprintf(want, sizeof(want), "%s/%s/%s", op->host->cgroup, mine, key);
	if (strcmp(group, want))
		return err_set(e, ERR_DENIED, "process %d is in no cgroup of yours with that key", id.pid);
	/* proc_signal opens a pidfd and looks at the start time again: if the number changed hands
	 * since the group was read, the signal goes nowhere. */
	return proc_signal(&id, (int)s->sig, e);
}
