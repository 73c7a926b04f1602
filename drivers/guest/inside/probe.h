/* probe.h - whether a server in this guest answers, and a way to it: what the host runs through exec, as
 * programs that need no file in the image.
 */
#pragma once

#include <stdbool.h>

/* Whether exec is to run a part of ours under that name. */
bool probe_is_builtin(const char *program);

/* argv as proto.h says it ("builtin"). Blocks until there is an answer; whoever waits for it kills
 * this process. The exit code: 0 it answers well, 1 it does not (why is on standard error), 2 the
 * arguments make no sense. */
int probe_run(const char *const *argv);
