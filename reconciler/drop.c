/* drop.c - root's reconcile becomes the owner of the state directory. */
#include "reconciler/drop.h"

#include "drivers/helper/client.h"
#include "drivers/sys/become.h"
#include "reconciler/engine/home.h"
#include "schema/base/arena.h"
#include "schema/base/log.h"

#include <unistd.h>

int drop_to_owner(struct cli *c, bool helper, struct err *e)
{
	char name[BECOME_NAME_MAX];
	uid_t uid;
	gid_t gid;

	if (geteuid() || !home_owner(&c->arena, c->state_dir, &uid, &gid) || !uid)
		return 0;
	/* A missing program only means that there are no verbs; steps that need one say so. */
	if (helper && helper_door(home_program_dir(&c->arena), uid, e) < 0)
		return -1;
	if (become(uid, gid, name, e) < 0)
		return err_wrap(e, "root's reconcile is to run as the owner of the state directory");
	c->acts_as = arena_dup(&c->arena, name);
	log_debug("became the owner of the state directory", "user=%s uid=%u", name, (unsigned)uid);
	return 0;
}
