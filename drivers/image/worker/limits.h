/* limits.h - what an image may cost us. Each bound is checked before the memory, time or space is
 * spent. An image of 400,000 names keeps the worker under 64 MiB; one at the limits under 512.
 */
#pragma once

#define LIMIT_NAMES 2000000u                  /* distinct paths over all layers */
#define LIMIT_INODES 2000000u                 /* files made by all layers */
#define LIMIT_TEXT (128ull << 20)             /* names, link targets, attributes */
#define LIMIT_FILE (1ull << 40)               /* one file, holes included */
#define LIMIT_UNPACKED (256ull << 30)         /* all layers, uncompressed */
#define LIMIT_XATTRS 65536u                   /* of one entry */
#define LIMIT_IMAGE_SIZE (1ull << 40)         /* the file system */
#define LIMIT_SPOOL (2ull << 30)               /* headers of all layers, on disk */
#define LIMIT_ENTRIES 10000000u               /* of one layer, whiteouts and repetitions too */
