/* report.h - what a worker says on its standard output: the other end of worker.h. */
#pragma once

#include "schema/base/json.h"

/* At most a few lines a second for each what; a new what is always said, and so is the end of it. total
 * 0: not known. Any thread may call it. */
void report_progress(const char *what, uint64_t done, uint64_t total);

/* The same for one of several things that a task makes; of NULL: there is only one. */
void report_progress_of(const char *of, const char *what, uint64_t done, uint64_t total);

/* Exactly one of these ends a task. -1 if nobody reads it any more. */
int report_result(const json_t *result);
int report_error(const struct err *e);
