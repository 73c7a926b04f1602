/* batch.h - the worker's verb image-fetch for several images at once.
 *
 *	{"images": [{as image-fetch for one, without "cache_dir"}, ...], "cache_dir"}
 *	-> {"images": [{as image-fetch for one} | {"error": {"kind", "msg", "hint"}}, ...]} in their order
 *
 * BATCH_AT_ONCE go at a time, over the connections of one pool. What one fails with is no matter of the
 * others. Progress is said under the reference ("of").
 */
#pragma once

#include "schema/base/json.h"

#define BATCH_AT_ONCE 3u
#define BATCH_MAX 1000u

/* One image or several: whether there is "images" in the request. */
int batch_fetch(const json_t *request, json_t **result, struct err *e);
