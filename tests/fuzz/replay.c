/* replay.c - run a fuzz target once on each file of its corpus, as a test.
 *
 * Stands in for libFuzzer's main. The program build/FLAVOUR/tests/fuzz/fuzz_NAME reads
 * tests/fuzz/corpus-NAME/ and prints TAP. A finding ends the program, as the sanitizers do; the
 * file that was being read is the last one named on standard error.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A buffer of exactly the size, so that a read past its end is seen. NULL with errno. */
static uint8_t *read_whole(int dir, const char *name, size_t *size)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	uint8_t *data = NULL;
	struct stat st;
	size_t have = 0;
	ssize_t got = 1;

	if (fd >= 0 && fstat(fd, &st) == 0)
		data = malloc(st.st_size ? (size_t)st.st_size : 1);
	while (data && got > 0 && have < (size_t)st.st_size) {
		got = read(fd, data + have, (size_t)st.st_size - have);
		if (got > 0)
			have += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(data);
		return NULL;
	}
	*size = have;
	return data;
}

static int replay_one(int dir, const char *name)
{
	size_t size;
	uint8_t *data = read_whole(dir, name, &size);

	if (!data) {
		printf("# %s: %s\n", name, strerror(errno));
		return -1;
	}
	fprintf(stderr, "%s\n", name);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	return 0;
}

static int replay_all(DIR *d, unsigned *count)
{
	int status = 0;

	for (struct dirent *entry; (entry = readdir(d));) {
		if (entry->d_name[0] == '.')
			continue;
		if (replay_one(dirfd(d), entry->d_name) < 0)
			status = -1;
		++*count;
	}
	return status;
}

int main(int argc, char **argv)
{
	const char *stem = argc > 0 ? strrchr(argv[0], '/') : NULL;
	unsigned count = 0;
	char path[256];
	DIR *d;
	int status;

	if (!stem || strncmp(stem, "/fuzz_", 6) != 0)
		return 64;
	snprintf(path, sizeof(path), "tests/fuzz/corpus-%s", stem + 6);
	d = opendir(path);
	if (!d) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	status = replay_all(d, &count);
	closedir(d);
	printf("%s 1 - %u inputs of %s\n1..1\n", status == 0 && count ? "ok" : "not ok", count, path);
	return status == 0 && count ? 0 : 1;
}
