/* why.h - why something failed: the guest program's error value.
 *
 * The rule of the tree holds here too: int f(..., struct why *w) returns 0, or -1 with w filled.
 * It is smaller than the host's struct err because it only ever becomes one line on the console
 * and one member of a reply.
 */
#pragma once

#define WHY_MSG_MAX 256

struct why {
	int errnum;
	char msg[WHY_MSG_MAX];
};

/* Fill w; the text of errnum is appended after a colon when it is not 0. Returns -1. */
int why_set(struct why *w, int errnum, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* "ENOENT"; "EIO" for a number that has no name here. */
const char *why_name(int errnum);
