/* unit.h - what unit tests share: cmocka with what it needs, a folder of their own, children.
 *
 * A check that has to happen in another process runs in a child through in_child: cmocka's own
 * assertions work in the process of the test only.
 */
#pragma once

#include "schema/base/fd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SCRATCH_MAX 64

/* A new folder, in memory where the host has such a place: an fsync there costs nothing. */
static inline void scratch_make(char path[SCRATCH_MAX])
{
	snprintf(path, SCRATCH_MAX, "%s/unit-XXXXXX",
		access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
	if (!mkdtemp(path))
		fail_msg("cannot make a folder for the test");
}

static inline void scratch_remove(const char *path)
{
	struct err err = ERR_INIT;

	if (tree_remove(AT_FDCWD, path, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Exit code of check(arg) run in a child; 256 and more: the child was killed by a signal. */
static inline int in_child(int (*check)(void *arg), void *arg)
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid)
		_exit(check(arg));
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + status;
}

/* A skip says why: the runner takes the last message before it as the reason. */
#define skip_because(why)                      \
	do {                                   \
		print_message("%s\n", (why)); \
		skip();                        \
	} while (0)

/* Write a file whole, without ceremony. */
static inline void put_file(int dirfd, const char *name, const void *data, size_t n)
{
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

#define put_text(dirfd, name, text) put_file((dirfd), (name), (text), strlen(text))

/* How many descriptors this process has. */
static inline size_t count_fds(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}
