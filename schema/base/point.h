/* point.h - the places between two changes of the world, where a test can end the process.
 *
 * A point stands before and after each call that changes something: a commit, a rename, a step of
 * a driver, a process that is started or signalled, a request to a VMM or an agent. In the programs
 * it does nothing. A test that defines point_hit itself is linked without point.c (an archive
 * member is pulled in only for a symbol that is missing): it counts the points, ends the process
 * at one of them, or lets the call behind it fail.
 *
 *	if (point_fails("file.rename") || renameat(...) < 0 || point_fails("file.rename done"))
 *		return err_sys(e, errno, ...);
 *
 * A name is "what" before the call and "what done" after it. A failure after the call is a call
 * that did its work and reported that it did not.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>

/* 0, or the errno that the call is to fail with. */
int point_hit(const char *name);

/* Whether the call is to fail; errno says how, and is kept where it is not. */
static inline bool point_fails(const char *name)
{
	int errnum = point_hit(name);

	if (errnum)
		errno = errnum;
	return errnum != 0;
}
