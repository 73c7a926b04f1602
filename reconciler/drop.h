/* drop.h - root's reconcile becomes the owner of the state directory before it reads anything.
 *
 * What parses specs, answers of registries and guests, and saved state does not run as root. When root starts
 * reconcile on a state directory of somebody else, it
 *
 *	1. starts reconcile-helper, which keeps the privileges that the verbs need, and keeps the door to it
 *	2. becomes the owner, for good (drivers/sys/become.h)
 *
 * before the command begins. A state directory that is root's, or not there yet, leaves root as it is: then
 * nobody else is meant, and doctor says so.
 */
#pragma once

#include "reconciler/cli.h"

/* Do it when we are root and the state directory is somebody else's; sets c->acts_as. helper: also 1. */
int drop_to_owner(struct cli *c, bool helper, struct err *e);
