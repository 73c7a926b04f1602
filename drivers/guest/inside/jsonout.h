/* jsonout.h - write one JSON object as one line into a buffer of fixed size.
 *
 * PURE. When something does not fit, nothing more is written and jsonout_close says 0: a half
 * line is never sent. Bytes that are not UTF-8 become U+FFFD.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jsonout {
	char *buf;
	size_t n, cap;
	bool full, comma;
};

void jsonout_open(struct jsonout *w, char *buf, size_t cap);
void jsonout_int(struct jsonout *w, const char *key, int64_t value);
void jsonout_flag(struct jsonout *w, const char *key, bool value);
void jsonout_str(struct jsonout *w, const char *key, const char *value);

/* A list as member: each text or object of it, then its end. */
void jsonout_list(struct jsonout *w, const char *key);
void jsonout_item(struct jsonout *w, const char *value);
void jsonout_item_object(struct jsonout *w);
void jsonout_item_end(struct jsonout *w);
void jsonout_list_end(struct jsonout *w);

/* n bytes as base64. */
void jsonout_data(struct jsonout *w, const char *key, const void *data, size_t n);

/* End the object and the line. Returns its length, 0 if it did not fit. */
size_t jsonout_close(struct jsonout *w);
