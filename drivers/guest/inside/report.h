/* report.h - tell the host what happens: lines of JSON on the report port (proto.h). */
#pragma once

#include "drivers/guest/inside/loop.h"

#include <stddef.h>

#define REPORT_BYTES 4096

struct report {
	int fd; /* -1: there is no such port */
	const char *nonce;
	char buf[REPORT_BYTES];
	size_t n;
	struct source source;
};

/* fd -1: events go nowhere. nonce is borrowed. */
void report_init(struct report *r, int fd, const char *nonce);

/* Queue one event and send what the port takes. key NULL: no further member; text NULL: the
 * member is the number. An event that finds the queue full is lost: the host reads all the time
 * while it is well. */
void report_event(struct report *r, const char *ev, const char *key, const char *text, int number);

/* Send what is queued; wait for the port at most timeout_ms. */
void report_flush(struct report *r, int timeout_ms);
