/* extract.h - the worker's verb image-extract: the kernel of an image, and its modules, as files.
 *
 *	{as image-pull: an origin, "id", "cache_dir"; "into": an empty folder that is ours}
 *	-> {"kernel": "/boot/vmlinuz-6.1" as the image has it, "modules": its version or null}
 *
 * INTO/kernel is the kernel and INTO/modules, if there are any, what belongs into lib/modules/VERSION. The
 * layers are read twice: first their headers, to know what is seen (merge.h), then what was picked. Nothing
 * else is written.
 */
#pragma once

#include "schema/base/json.h"

int extract_run(const json_t *request, json_t **result, struct err *e);
