/* replay.c - run a fuzz entry once over each file of the folders and files named. */
#include "schema/base/fd.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define FILE_MAX (16u * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 when the file was run, 0 when it is none (a folder, a link to nothing). */
static int run_file(int dirfd, const char *name)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	char *data;
	size_t n;

	if (file_read(&a, dirfd, name, FILE_MAX, &data, &n, &e) < 0)
		return 0;
	LLVMFuzzerTestOneInput((const uint8_t *)data, n);
	return 1;
}

static int run_path(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	if (!dir)
		return run_file(AT_FDCWD, path);
	for (struct dirent *d = readdir(dir); d; d = readdir(dir))
		count += run_file(dirfd(dir), d->d_name);
	closedir(dir);
	return count;
}

/* Fails when there was nothing to run: an empty corpus proves nothing. */
int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int count = run_path(argv[i]);

		printf("%s: %d inputs\n", argv[i], count);
		if (!count)
			return 1;
	}
	return argc < 2;
}
