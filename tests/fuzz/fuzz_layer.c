/* fuzz_layer.c - one layer after the other into a tree: tar, gzip or zstd, headers, contents.
 *
 * The first byte chooses the compression. The rest is a layer, which is applied twice: whatever it
 * is, the second time has to be accepted if the first was, and every inode that has a name has to
 * be found from the root.
 */
#include "drivers/image/worker/layer.h"
#include "drivers/image/worker/veil.h"

#include "schema/base/fd.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct merge_limits limits = {1000, 1000, 1 << 20, 1ull << 40};

/* A file with holes may have any number of blocks; the first ones are as good as all. */
#define BLOCKS_MAX 1000

static int contents(struct layer_reader *r)
{
	const void *data;
	uint64_t offset, end = 0;
	size_t n;
	int rc = 0;

	for (int i = 0; i < BLOCKS_MAX && (rc = layer_data(r, &data, &n, &offset, NULL)) == 0; i++) {
		uint8_t sum = 0;

		if (offset < end)
			break; /* content.c refuses it */
		for (size_t k = 0; k < n; k++)
			sum ^= ((const uint8_t *)data)[k];
		end = offset + n + (sum & 0);
	}
	return rc < 0 ? -1 : 0;
}

static int apply(int fd, const struct layer *layer, struct merge *m, struct veil *v)
{
	_cleanup_(layer_drop) struct layer_reader *r = NULL;
	struct merge_entry t;
	int rc;

	if (layer_open(&(struct range){fd, 0, RANGE_TO_END}, layer, false, &r, NULL) < 0)
		return -1;
	merge_layer(m);
	while ((rc = layer_next(r, &t, NULL)) == 0) {
		if (merge_check(&limits, &t, NULL) < 0 || merge_add(m, &t, NULL) < 0)
			return -1;
		veil_covers(v, t.path);
		veil_add(v, &t);
		if (t.type == MERGE_FILE && t.size && contents(r) < 0)
			return -1;
	}
	veil_lower(v);
	return rc < 0 ? -1 : layer_finish(r, NULL);
}

static int count(void *arg, uint32_t folder, uint32_t inode, uint32_t parent, struct err *e)
{
	struct merge *m = ((void **)arg)[0];
	uint32_t *names = ((void **)arg)[1], child;

	(void)inode, (void)parent, (void)e;
	for (uint32_t i = 0; (i = merge_child(m, folder, i));)
		if (*merge_name(m, i, &child) == '\0')
			abort();
		else if (merge_inode(m, child)->type != MERGE_DIR)
			++*names;
	return 0;
}

static void check(struct merge *m)
{
	uint32_t names = 0, links = 0;
	void *arg[] = {m, &names};

	if (merge_finish(m, NULL) < 0)
		abort();
	merge_folders(m, count, arg, NULL);
	for (uint32_t i = MERGE_ROOT; i < merge_inodes(m); i++)
		if (merge_inode(m, i)->type != MERGE_DIR)
			links += merge_inode(m, i)->links;
	if (names != links)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum compression compressions[] = {COMPRESSION_NONE, COMPRESSION_GZIP,
		COMPRESSION_ZSTD};
	struct layer layer = {.compression = size ? compressions[data[0] % 3] : COMPRESSION_NONE};
	struct merge *m = merge_new(&limits);
	struct veil v = {0};
	_cleanup_fd_ int fd = memfd_create("layer", MFD_CLOEXEC);

	if (!size || fd < 0 || fd_write_all(fd, data + 1, size - 1) < 0 ||
		apply(fd, &layer, m, &v) == 0)
		apply(fd, &layer, m, &v);
	check(m);
	veil_fini(&v);
	merge_free(m);
	return 0;
}
