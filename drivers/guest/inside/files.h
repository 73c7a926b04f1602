/* files.h - the agent's operations "read_file" and "write_file". */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct chan;
struct stream;
struct jsonlite_node;

struct files {
	int fd;
	mode_t mode;
	uint64_t size;       /* bytes so far */
	char path[PATH_MAX]; /* write_file: the file to be replaced */
	char tmp[PATH_MAX];  /* and what is written until it is whole */
};

/* Begin; both reply at once when it cannot be done. Only regular files are read. What is written
 * belongs to root and replaces also a symbolic link, not what it points to. */
void files_read(struct chan *ch, const struct jsonlite_node *req);
void files_write(struct chan *ch, const struct jsonlite_node *req);

/* "data" for the running write_file. */
void files_input(struct stream *s, const char *data, size_t n, bool eof);

/* Send the next piece of the running read_file. Returns whether anything was moved. */
bool files_pump(struct stream *s);

/* The client is gone: close, remove the temporary file. */
void files_abort(struct stream *s);
