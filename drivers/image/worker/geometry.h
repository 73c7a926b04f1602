/* geometry.h - how large the file system is and what it is divided into. PURE. */
#pragma once

#include "schema/base/err.h"

#include <stdint.h>

struct geometry_need {
	uint64_t size;    /* bytes asked for; 0: what is needed and some room */
	uint64_t used;    /* blocks from the start that contents take, heads of groups included */
	uint32_t inodes;  /* highest number in use */
	uint32_t extra;   /* blocks that will be asked for later: attributes */
};

struct geometry {
	uint64_t blocks;
	uint32_t groups;
	uint32_t inodes_per_group; /* a multiple of 16 */
	uint32_t journal;          /* blocks */
};

/* ERR_LIMIT: it does not fit; the message says what would. */
int geometry_choose(const struct geometry_need *need, struct geometry *out, struct err *e);
