/* become.c - be another user, for good.
 *
 * Order: groups while that is still allowed, then what nobody is to have in its bounding set, then the
 * uids, which takes the capabilities along, then whatever else could bring them back. At the end it is
 * looked at: a call that did less than it said is an error.
 */
#include "drivers/sys/become.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

struct person {
	uid_t uid;
	gid_t gid;
	bool known;              /* to the host's list of users */
	char name[BECOME_NAME_MAX];
	char home[256];
};

static void look_up(struct person *p)
{
	struct passwd entry, *found = NULL;
	char buf[4096];

	snprintf(p->name, sizeof(p->name), "%u", (unsigned)p->uid);
	if (getpwuid_r(p->uid, &entry, buf, sizeof(buf), &found) || !found)
		return;
	if (strlen(found->pw_name) >= sizeof(p->name) || strlen(found->pw_dir) >= sizeof(p->home))
		return;
	memcpy(p->name, found->pw_name, strlen(found->pw_name) + 1);
	memcpy(p->home, found->pw_dir, strlen(found->pw_dir) + 1);
	p->gid = found->pw_gid;
	p->known = true;
}

/* ---- ids --------------------------------------------------------------------------------------- */

static int set_ids(const struct person *p, struct err *e)
{
	/* Further groups as well: /dev/kvm belongs to one. */
	if (p->known ? initgroups(p->name, p->gid) < 0 : setgroups(0, NULL) < 0)
		return err_sys(e, errno, "cannot set the groups of user %s", p->name);
	if (setresgid(p->gid, p->gid, p->gid) < 0)
		return err_sys(e, errno, "cannot become group %u", (unsigned)p->gid);
	if (setresuid(p->uid, p->uid, p->uid) < 0)
		return err_sys(e, errno, "cannot become user %s", p->name);
	return 0;
}

/* ---- capabilities ------------------------------------------------------------------------------ */

static int drop_bounding(struct err *e)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_sys(e, errno, "cannot drop capability %d", cap);
	return 0;
}

/* The change of uid takes them, unless somebody has set securebits against that before us. */
static int drop_rest(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[2] = {{0}};

	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot clear ambient capabilities");
	if (syscall(SYS_capset, &head, none) < 0)
		return err_sys(e, errno, "cannot drop capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot give up new privileges");
	/* We may hold a way to the helper that the user's other processes do not have: they may not take
	 * descriptors out of us (ptrace(2), pidfd_getfd(2)). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(e, errno, "cannot close this process to others");
	return 0;
}

/* ---- looking ----------------------------------------------------------------------------------- */

static bool has_caps(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {{0}};

	if (syscall(SYS_capget, &head, d) < 0)
		return true;
	return d[0].effective || d[0].permitted || d[0].inheritable || d[1].effective ||
		d[1].permitted || d[1].inheritable;
}

static int look(const struct person *p, struct err *e)
{
	uid_t r, u, s;
	gid_t rg, g, sg;

	if (getresuid(&r, &u, &s) < 0 || getresgid(&rg, &g, &sg) < 0)
		return err_sys(e, errno, "cannot look who we are");
	if (r != p->uid || u != p->uid || s != p->uid || rg != p->gid || g != p->gid || sg != p->gid ||
		has_caps())
		return err_set(e, ERR_FAILED, "privileges were not given up");
	/* The way back has to be closed. */
	if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0)
		return err_set(e, ERR_FAILED, "privileges could be taken back");
	return 0;
}

/* ---- all --------------------------------------------------------------------------------------- */

static void set_environment(const struct person *p)
{
	static const char *const others[] = {"XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
		"XDG_DATA_HOME", "XDG_RUNTIME_DIR", "MAIL", "HOME", "USER", "LOGNAME"};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		unsetenv(others[i]);
	if (!p->known)
		return;
	setenv("HOME", p->home, 1);
	setenv("USER", p->name, 1);
	setenv("LOGNAME", p->name, 1);
}

int become(uid_t uid, gid_t gid, char name[BECOME_NAME_MAX], struct err *e)
{
	struct person p = {.uid = uid, .gid = gid};

	look_up(&p);
	if (!p.uid || !p.gid)
		return err_set(e, ERR_CONFIG, "user %s has root's user or group id", p.name);
	if (drop_bounding(e) < 0 || set_ids(&p, e) < 0 || drop_rest(e) < 0 || look(&p, e) < 0)
		return -1;
	set_environment(&p);
	memcpy(name, p.name, sizeof(p.name));
	return 0;
}
