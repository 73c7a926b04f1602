/* conf.h - who may ask the helper, and for how much: /etc/reconcile/helper.conf.
 *
 *	# who               limits
 *	owner reconcile     taps=1000 bridges=16 loops=2000 cgroups=1000 uids=300000-300999
 *	owner 1000          taps=16
 *
 * One owner a line, by uid or by name in /etc/passwd. A key that is not given keeps its default. The
 * file belongs to root and only root may write it and the folders above it; otherwise the helper does
 * not start, since who writes it decides who is root's guest.
 */
#pragma once

#include "schema/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONF_OWNERS_MAX 64
#define CONF_BYTES_MAX 16384

struct helper_limits {
	uint32_t uid;
	uint64_t taps, bridges, loops, cgroups; /* objects at a time, of all its instances together */
	uint64_t memory;                        /* bytes that one cgroup may be given; 0: any */
	uint64_t port_min, port_max;            /* ports of this host that may lead to its guests */
	uint32_t uid_min, uid_max;              /* uids that its taps may belong to; 0: only its own */
};

struct helper_conf {
	struct helper_limits owners[CONF_OWNERS_MAX];
	size_t n;
};

/* What an owner has without a line about it. */
struct helper_limits conf_default(uint32_t uid);

/* PURE but for names, which uid_of answers: -1 for one that is not known. ERR_CONTENT with the line. */
int conf_parse(const char *text, size_t n, int64_t (*uid_of)(const char *name),
	struct helper_conf *out, struct err *e);

/* Read a file. ERR_NOINPUT when it is not there, ERR_GUARD when somebody but root can write it. */
int conf_read(const char *path, struct helper_conf *out, struct err *e);

/* The row of a uid; NULL: may ask for nothing. */
const struct helper_limits *conf_find(const struct helper_conf *c, uint32_t uid);
