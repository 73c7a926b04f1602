/* say.h - one line for people on standard error (PID 1: the console). */
#pragma once

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
