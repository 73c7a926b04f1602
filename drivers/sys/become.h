/* become.h - be another user, for good: user, groups, capabilities, environment.
 *
 * Root's own reconcile becomes the owner of the state directory before it reads anything that somebody
 * else wrote. There is no way back: no uid of root is left in any of the four, no capability in any set,
 * and no program that we start gives us one (capabilities(7), prctl(2) PR_SET_NO_NEW_PRIVS).
 */
#pragma once

#include "schema/base/err.h"

#include <sys/types.h>

#define BECOME_NAME_MAX 64

/* Become uid: with the group and the further groups that the host's list of users has for it; when it has
 * none, with gid alone. HOME, USER and LOGNAME become that user's, XDG_* go. *name is what to call
 * the user. Needs root; after an error the process may be half way there and has to end. */
int become(uid_t uid, gid_t gid, char name[BECOME_NAME_MAX], struct err *e);
