/* grow.c - make an ext4 file system as large as the device under it. */
#include "drivers/guest/inside/grow.h"

#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* include/uapi/linux/ext4.h; older systems have no such header. */
#define RESIZE_FS _IOW('f', 16, uint64_t)

/* Offsets in the superblock: Documentation/filesystems/ext4/super.rst. */
#define AT_BLOCKS_LO 0x4
#define AT_LOG_BLOCK 0x18
#define AT_MAGIC 0x38
#define AT_INCOMPAT 0x60
#define AT_BLOCKS_HI 0x150
#define MAGIC 0xef53
#define INCOMPAT_64BIT 0x80

static uint32_t le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int grow_super(const unsigned char super[GROW_SUPER_BYTES], uint32_t *block, uint64_t *blocks)
{
	uint32_t log = le32(super + AT_LOG_BLOCK);

	if ((le32(super + AT_MAGIC) & 0xffff) != MAGIC || log > 6)
		return -1;
	*block = 1024u << log;
	*blocks = le32(super + AT_BLOCKS_LO);
	if (le32(super + AT_INCOMPAT) & INCOMPAT_64BIT)
		*blocks |= (uint64_t)le32(super + AT_BLOCKS_HI) << 32;
	return 0;
}

int grow_ext4(const char *dev, const char *dir, struct why *w)
{
	_cleanup_fd_ int disk = open(dev, O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned char super[GROW_SUPER_BYTES];
	uint64_t bytes, blocks, want;
	uint32_t block;

	if (disk < 0 || root < 0 || ioctl(disk, BLKGETSIZE64, &bytes) < 0 ||
		pread(disk, super, sizeof(super), 1024) != sizeof(super))
		return why_set(w, errno, "cannot look at %s", dev);
	if (grow_super(super, &block, &blocks) < 0)
		return why_set(w, 0, "%s has no ext4 superblock", dev);
	want = bytes / block;
	if (want <= blocks)
		return 0;
	if (ioctl(root, RESIZE_FS, &want) < 0)
		return why_set(w, errno, "cannot grow %s from %llu to %llu blocks", dev,
			(unsigned long long)blocks, (unsigned long long)want);
	return 0;
}
