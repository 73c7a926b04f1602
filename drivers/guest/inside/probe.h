/* probe.h - whether a server in this guest answers: what the host asks through exec, as a program that
 * needs no file in the image.
 */
#pragma once

/* argv as proto.h says it ("builtin probe"). Blocks until there is an answer; whoever waits for it kills
 * this process. The exit code: 0 it answers well, 1 it does not (why is on standard error), 2 the
 * arguments make no sense. */
int probe_run(const char *const *argv);
