/* mounts.c - file systems: of the initramfs, the root, and what a root needs. */
#include "drivers/guest/inside/mounts.h"

#include "drivers/guest/inside/grow.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define TREE_DEPTH_MAX 16

struct mount {
	const char *type, *dir;
	unsigned long flags;
	const char *data;
	bool optional; /* the kernel may not have it */
};

static const struct mount early[] = {
	{"proc", "/proc", SAFE, NULL, false},
	{"sysfs", "/sys", SAFE, NULL, false},
	{"devtmpfs", "/dev", MS_NOSUID, "mode=0755", false},
};

static const struct mount full[] = {
	{"proc", "/proc", SAFE, NULL, false},
	{"sysfs", "/sys", SAFE, NULL, false},
	{"devtmpfs", "/dev", MS_NOSUID, "mode=0755", false},
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=0620,ptmxmode=0666", true},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", false},
	{"mqueue", "/dev/mqueue", SAFE, NULL, true},
	/* Programs in /run are run: ours is, in images with their own init. */
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", false},
	{"cgroup2", "/sys/fs/cgroup", SAFE, "nsdelegate", true},
};

#define N(table) (sizeof(table) / sizeof((table)[0]))

static int mount_all(const struct mount *m, size_t n, struct why *w)
{
	for (const struct mount *end = m + n; m < end; m++) {
		mkdir(m->dir, 0755);
		if (mount(m->type, m->dir, m->type, m->flags, m->data) == 0 || errno == EBUSY)
			continue;
		if (!m->optional)
			return why_set(w, errno, "cannot mount %s on %s", m->type, m->dir);
	}
	return 0;
}

bool mounts_in_initramfs(void)
{
	struct statfs s;

	return statfs("/", &s) == 0 && access("/init", F_OK) == 0 &&
		((unsigned long)s.f_type == RAMFS_MAGIC || (unsigned long)s.f_type == TMPFS_MAGIC);
}

int mounts_early(struct why *w)
{
	return mount_all(early, N(early), w);
}

int mounts_root(const char *dev, const char *dir, struct why *w)
{
	struct why grow;

	mkdir(dir, 0755);
	if (mount(dev, dir, "ext4", 0, NULL) < 0)
		return why_set(w, errno, "cannot mount %s as ext4", dev);
	if (grow_ext4(dev, dir, &grow) < 0)
		say("%s", grow.msg);
	return 0;
}

/* Remove everything below fd that is on the device dev. Takes over fd. */
static void remove_tree(int fd, dev_t dev, int depth)
{
	DIR *d = fdopendir(fd);
	struct stat st;

	if (!d) {
		close(fd);
		return;
	}
	for (struct dirent *entry; (entry = readdir(d));) {
		const char *name = entry->d_name;

		if (!strcmp(name, ".") || !strcmp(name, "..") ||
			fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != dev)
			continue;
		if (S_ISDIR(st.st_mode) && depth < TREE_DEPTH_MAX) {
			int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (sub >= 0)
				remove_tree(sub, dev, depth + 1);
		}
		unlinkat(fd, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	}
	closedir(d);
}

int mounts_switch(const char *dir, struct why *w)
{
	int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (chdir(dir) < 0)
		return why_set(w, errno, "cannot enter %s", dir);
	for (size_t i = N(early); i > 0; i--)
		umount2(early[i - 1].dir, MNT_DETACH);
	if (root >= 0 && fstat(root, &st) == 0)
		remove_tree(root, st.st_dev, 0);
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return why_set(w, errno, "cannot make %s the root", dir);
	return 0;
}

static void link_devices(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "/dev/fd"}, {"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"}, {"/proc/self/fd/2", "/dev/stderr"},
	};

	/* There already is as good. */
	for (size_t i = 0; i < N(links); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			say("%s: %s", links[i][1], strerror(errno));
}

int mounts_full(struct why *w)
{
	if (mount_all(full, N(full), w) < 0)
		return -1;
	link_devices();
	return 0;
}
