/* passwd.h - who a process is to run as: a user as OCI writes it, looked up in the image.
 *
 * PURE: works on the text of /etc/passwd and /etc/group. The rules are those of the OCI image
 * specification: "name", "uid", "name:group", "uid:gid" and mixtures. A number that is in neither
 * file is taken as it is; a name that is not there is an error. Without a group the user's own and
 * all those that list the user as a member; with one only that.
 */
#pragma once

#include "drivers/guest/inside/why.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PASSWD_GROUPS_MAX 64
#define PASSWD_HOME_MAX 256

struct passwd_id {
	uid_t uid;
	gid_t gid;
	gid_t groups[PASSWD_GROUPS_MAX];
	size_t n_groups;
	char home[PASSWD_HOME_MAX]; /* "/" when the user has no entry */
};

/* spec "" is root. passwd and group may be "" when the image has no such file. */
int passwd_lookup(const char *passwd, const char *group, const char *spec, struct passwd_id *out,
	struct why *w);
