/* bench_bound.c - how fast this machine can be with these layers: one line of seconds.
 *
 *	bench_bound SCRATCH BYTES LAYER.gz...     prints "INFLATE HASHES WRITE"
 *
 * Inflates the layers by ISA-L, hashes what they are and what is in them, and writes BYTES to a
 * scratch file in large blocks with one fsync; each stage alone. It shares no code with us.
 */
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SIZE (512u << 10)

static double inflating, hashing;
static unsigned char in[SIZE], out[SIZE];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void hash(EVP_MD_CTX *c, const void *data, size_t n)
{
	const double start = now();

	EVP_DigestUpdate(c, data, n);
	hashing += now() - start;
}

static void unpack(struct inflate_state *z, EVP_MD_CTX *c, size_t n)
{
	z->next_in = in;
	z->avail_in = (uint32_t)n;
	do {
		const double start = now();

		z->next_out = out;
		z->avail_out = SIZE;
		if (isal_inflate(z) < 0)
			exit(1);
		inflating += now() - start;
		hash(c, out, SIZE - z->avail_out);
	} while (!z->avail_out || z->avail_in);
}

static void layer(const char *path)
{
	EVP_MD_CTX *packed = EVP_MD_CTX_new(), *unpacked = EVP_MD_CTX_new();
	struct inflate_state z;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	EVP_DigestInit_ex(packed, EVP_sha256(), NULL);
	EVP_DigestInit_ex(unpacked, EVP_sha256(), NULL);
	isal_inflate_init(&z);
	z.crc_flag = ISAL_GZIP;
	while ((n = read(fd, in, SIZE)) > 0) {
		hash(packed, in, (size_t)n);
		unpack(&z, unpacked, (size_t)n);
	}
	EVP_MD_CTX_free(packed);
	EVP_MD_CTX_free(unpacked);
	if (n < 0 || fd < 0 || z.block_state != ISAL_BLOCK_FINISH)
		exit(1);
	close(fd);
}

static double write_file(const char *path, long long bytes)
{
	const double start = now();
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	memset(in, 'x', SIZE);
	for (; bytes > 0; bytes -= SIZE)
		if (write(fd, in, SIZE) != SIZE)
			exit(1);
	if (fsync(fd) < 0)
		exit(1);
	close(fd);
	unlink(path);
	return now() - start;
}

int main(int argc, char **argv)
{
	double writing;

	if (argc < 4)
		return 64;
	writing = write_file(argv[1], atoll(argv[2]));
	for (int i = 3; i < argc; i++)
		layer(argv[i]);
	printf("%.4f %.4f %.4f\n", inflating, hashing, writing);
	return 0;
}
