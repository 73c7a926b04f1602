/* make.c - the worker's task "kernel". */

/* <openssl/types.h> has a type of the name of one of our error kinds; nothing here needs it. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#undef ERR_STATE

#include "drivers/kernel/worker/make.h"

#include "drivers/kernel/worker/bzimage.h"
#include "drivers/kernel/worker/initrd.h"
#include "drivers/sys/confine.h"
#include "drivers/sys/copy.h"
#include "schema/base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT "reconcile kernel 1\n" /* changes when the same inputs have to give a new id */
#define FORMAT_ELF "reconcile kernel 1 elf\n"
#define FORMAT_IMAGE "reconcile kernel 1 image\n"
#define KERNEL_MAX (512u * 1024 * 1024)
#define INITRD_MAX (256u * 1024 * 1024)
#define PIECE (256u * 1024)
#define ID_BYTES 16
#define ID_MAX (2 * ID_BYTES + 1)

struct make {
	struct arena arena;
	const char *file, *modules, *own_initrd, *image, *guest, *state_dir, *expect;
	bool only_id, elf;
	int kernel;           /* opened */
	uint64_t kernel_size;
	bool unpack;          /* the ELF file in it is what is wanted */
	struct bzimage packed;
	struct initrd initrd;
	char id[ID_MAX];
};

static void make_fini(struct make *m)
{
	fd_close(&m->kernel);
	arena_free(&m->arena);
}

/* ---- look ------------------------------------------------------------------------------- */

static int read_request(const json_t *request, struct make *m, struct err *e)
{
	m->file = json_str(request, "file", "");
	m->modules = json_str(request, "modules", NULL);
	m->own_initrd = json_str(request, "initrd", NULL);
	m->image = json_str(request, "image", NULL);
	m->elf = json_flag(request, "elf", false);
	m->guest = json_str(request, "guest", "");
	m->state_dir = json_str(request, "state_dir", "");
	m->expect = json_str(request, "id", NULL);
	m->only_id = json_flag(request, "only_id", false);
	if ((*m->file != '/' && !(m->image && m->only_id)) || *m->guest != '/' || *m->state_dir != '/' ||
		(m->modules && *m->modules != '/') || (m->own_initrd && *m->own_initrd != '/'))
		return err_set(e, ERR_FAILED, "kernel request: a path is missing or not absolute");
	return 0;
}

static int open_kernel(struct make *m, struct err *e)
{
	struct stat st;

	m->kernel = open(m->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (m->kernel < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOINPUT, "kernel %s: no such file", m->file);
	if (m->kernel < 0 || fstat(m->kernel, &st) < 0)
		return err_sys(e, errno, "kernel %s: cannot open it", m->file);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_NOINPUT, "kernel %s: is not a regular file", m->file);
	if ((uint64_t)st.st_size > KERNEL_MAX)
		return err_set(e, ERR_LIMIT, "kernel %s: is larger than %u bytes", m->file, KERNEL_MAX);
	m->kernel_size = (uint64_t)st.st_size;
	return 0;
}

/* A bzImage has "HdrS" at 0x202 (Documentation/arch/x86/boot.rst), a vmlinux is an ELF file. */
static int check_kernel(struct make *m, struct err *e)
{
	unsigned char head[0x206] = {0};
	ssize_t n = pread(m->kernel, head, sizeof(head), 0);

	if (n < 0)
		return err_sys(e, errno, "kernel %s: cannot read it", m->file);
	if (!memcmp(head, "\177ELF", 4))
		return 0;
	m->unpack = m->elf && bzimage_is(head, sizeof(head));
	if (m->unpack)
		return bzimage_find(m->kernel, m->kernel_size, m->file, &m->packed, e);
	if (bzimage_is(head, sizeof(head)))
		return 0;
	err_set(e, ERR_CONTENT, "kernel %s: is neither a bzImage nor an ELF kernel", m->file);
	return err_hint(e, "name the file that a boot loader loads, such as /boot/vmlinuz-VERSION");
}

/* ---- name ------------------------------------------------------------------------------- */

static void free_digest(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static int hash_file(EVP_MD_CTX *c, int fd, uint64_t size, const char *what, struct arena *a,
	struct err *e)
{
	unsigned char *buf = arena_alloc(a, PIECE);
	uint64_t at = 0;

	while (at < size) {
		ssize_t n = pread(fd, buf, PIECE, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "cannot read %s", what);
		if (!n)
			return err_set(e, ERR_NOINPUT, "%s: became shorter while it was read", what);
		EVP_DigestUpdate(c, buf, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* Of a kernel in an image: the image says what is in it, and we what comes to it. */
static int image_id(EVP_MD_CTX *c, struct make *m, struct err *e)
{
	const char *added = m->own_initrd ? m->own_initrd : m->guest;
	char *data;
	size_t n;

	EVP_DigestUpdate(c, FORMAT_IMAGE, strlen(FORMAT_IMAGE));
	EVP_DigestUpdate(c, m->image, strlen(m->image) + 1);
	EVP_DigestUpdate(c, m->elf ? "elf" : "any", 3);
	EVP_DigestUpdate(c, m->own_initrd ? "own" : "our", 3);
	if (file_read(&m->arena, AT_FDCWD, added, INITRD_MAX, &data, &n, e) < 0)
		return err_wrap(e, "initrd");
	EVP_DigestUpdate(c, data, n);
	return 0;
}

static int content_id(EVP_MD_CTX *c, struct make *m, int kernel, struct err *e)
{
	const uint64_t sizes[2] = {m->kernel_size, m->initrd.n};

	/* What is made depends on nothing but what it is made from. */
	if (m->unpack)
		EVP_DigestUpdate(c, FORMAT_ELF, strlen(FORMAT_ELF));
	else
		EVP_DigestUpdate(c, FORMAT, strlen(FORMAT));
	EVP_DigestUpdate(c, sizes, sizeof(sizes));
	if (hash_file(c, kernel, m->kernel_size, m->file, &m->arena, e) < 0)
		return -1;
	EVP_DigestUpdate(c, m->initrd.data, m->initrd.n);
	return 0;
}

static int compute_id(struct make *m, int kernel, char id[ID_MAX], struct err *e)
{
	_cleanup_(free_digest) EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];

	if (!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
		return err_set(e, ERR_SYSTEM, "cannot start SHA-256");
	if (m->image ? image_id(c, m, e) < 0 : content_id(c, m, kernel, e) < 0)
		return -1;
	if (EVP_DigestFinal_ex(c, digest, NULL) != 1)
		return err_set(e, ERR_SYSTEM, "cannot finish SHA-256");
	for (int i = 0; i < ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

/* ---- write ------------------------------------------------------------------------------ */

static int copy_kernel(struct make *m, int to, struct err *e)
{
	int rc = copy_reflink(m->kernel, to, e);

	if (rc > 0)
		rc = copy_sparse(m->kernel, to, m->kernel_size, NULL, e);
	return rc < 0 ? err_wrap(e, "kernel %s", m->file) : 0;
}

static int create(int dir, const char *name, int *fd, struct err *e)
{
	*fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return *fd < 0 ? err_sys(e, errno, "cannot create %s", name) : 0;
}

/* What counts is what was copied, not what was read before. */
static int check_copy(struct make *m, int copy, struct err *e)
{
	char id[ID_MAX];

	if (compute_id(m, copy, id, e) < 0)
		return -1;
	if (strcmp(id, m->id) != 0)
		return err_set(e, ERR_CONFLICT, "kernel %s: was changed while it was copied", m->file);
	return 0;
}

/* The user's file is copied first, into a file without a name, and the copy unpacked: what was checked is
 * what is unpacked. */
static int unpack_kernel(struct make *m, int dir, int to, struct err *e)
{
	_cleanup_fd_ int copy = openat(dir, ".", O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);

	if (copy < 0)
		return err_sys(e, errno, "cannot create a temporary file");
	if (copy_kernel(m, copy, e) < 0 || check_copy(m, copy, e) < 0)
		return -1;
	return bzimage_unpack(copy, &m->packed, m->file, to, e);
}

static int fill_folder(struct make *m, int dir, struct err *e)
{
	_cleanup_fd_ int kernel = -1, initrd = -1;

	if (create(dir, "kernel", &kernel, e) < 0 || create(dir, "initrd", &initrd, e) < 0)
		return -1;
	if (m->unpack ? unpack_kernel(m, dir, kernel, e) < 0 :
		copy_kernel(m, kernel, e) < 0 || check_copy(m, kernel, e) < 0)
		return -1;
	if (fd_write_all(initrd, m->initrd.data, m->initrd.n) < 0 || fsync(initrd) < 0)
		return err_sys(e, errno, "cannot write the initrd");
	return fsync(kernel) < 0 || fsync(dir) < 0 ? err_sys(e, errno, "cannot sync the kernel") : 0;
}

static bool has_size(int dir, const char *path, uint64_t size)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == size;
}

/* Of the kernel that is made. */
static uint64_t made_size(const struct make *m)
{
	return m->unpack ? m->packed.size : m->kernel_size;
}

static bool is_whole(struct make *m, int kernels)
{
	return has_size(kernels, arena_printf(&m->arena, "%s/kernel", m->id), made_size(m)) &&
		has_size(kernels, arena_printf(&m->arena, "%s/initrd", m->id), m->initrd.n);
}

static int publish(struct make *m, int kernels, const char *tmp, struct err *e)
{
	_cleanup_fd_ int dir = -1;

	if (tree_remove(kernels, tmp, e) < 0)
		return -1;
	if (mkdirat(kernels, tmp, 0700) < 0)
		return err_sys(e, errno, "cannot create folder %s", tmp);
	dir = openat(kernels, tmp, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return err_sys(e, errno, "cannot open folder %s", tmp);
	if (fill_folder(m, dir, e) < 0)
		return -1;
	/* What is in the way is damaged, or it would have been kept. */
	if (tree_remove(kernels, m->id, e) < 0)
		return -1;
	if (renameat(kernels, tmp, kernels, m->id) < 0)
		return err_sys(e, errno, "cannot rename %s to %s", tmp, m->id);
	return dir_sync(kernels, ".", e);
}

static int write_files(struct make *m, struct err *e)
{
	const char *path = arena_printf(&m->arena, "%s/kernels", m->state_dir);
	const char *tmp = arena_printf(&m->arena, ".%s.tmp", m->id);
	_cleanup_fd_ int kernels = -1;

	if (dir_make(AT_FDCWD, path, 0700, e) < 0)
		return -1;
	kernels = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (kernels < 0)
		return err_sys(e, errno, "cannot open folder %s", path);
	if (is_whole(m, kernels))
		return 0;
	if (publish(m, kernels, tmp, e) < 0) {
		tree_remove(kernels, tmp, NULL);
		return err_wrap(e, "%s", path);
	}
	return 0;
}

/* ---- answer ----------------------------------------------------------------------------- */

static json_t *answer(struct make *m)
{
	json_t *used = json_array(), *r = json_object();

	vec_each(path, &m->initrd.used)
		json_array_append_new(used, json_string(*path));
	json_object_set_new(r, "id", json_string(m->id));
	json_object_set_new(r, "file",
		json_string(arena_printf(&m->arena, "kernels/%s/kernel", m->id)));
	json_object_set_new(r, "initrd",
		json_string(arena_printf(&m->arena, "kernels/%s/initrd", m->id)));
	json_object_set_new(r, "modules", used);
	if (!m->initrd.n)
		return r;
	json_object_set_new(r, "kernel_size", json_integer((json_int_t)made_size(m)));
	json_object_set_new(r, "initrd_size", json_integer((json_int_t)m->initrd.n));
	return r;
}

/* cpio, or packed in one of the ways that kernels unpack; a loader does not look at it. */
static int read_initrd(struct make *m, struct err *e)
{
	char *data;

	if (file_read(&m->arena, AT_FDCWD, m->own_initrd, INITRD_MAX, &data, &m->initrd.n, e) < 0)
		return err_wrap(e, "initrd");
	m->initrd.data = data;
	if (!m->initrd.n)
		return err_set(e, ERR_CONTENT, "initrd %s: is empty", m->own_initrd);
	return 0;
}

static int get_initrd(struct make *m, struct err *e)
{
	if (m->own_initrd)
		return read_initrd(m, e);
	return initrd_build(&m->arena, m->guest, m->modules, &m->initrd, e);
}

static int check_expected(const struct make *m, struct err *e)
{
	if (!m->expect || !strcmp(m->expect, m->id))
		return 0;
	err_set(e, ERR_CONFLICT, "kernel %s: it or its modules changed since the plan was made", m->file);
	return err_hint(e, "run the command again");
}

int kernel_make_run(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_(make_fini) struct make m = {.kernel = -1};

	if (read_request(request, &m, e) < 0)
		return -1;
	if (m.image && m.only_id) {
		if (compute_id(&m, -1, m.id, e) < 0)
			return -1;
		*result = answer(&m);
		return 0;
	}
	if (open_kernel(&m, e) < 0 || check_kernel(&m, e) < 0 || get_initrd(&m, e) < 0 ||
		compute_id(&m, m.kernel, m.id, e) < 0 || check_expected(&m, e) < 0)
		return -1;
	if (!m.only_id && write_files(&m, e) < 0)
		return -1;
	*result = answer(&m);
	return 0;
}

/* Modules may be links to anywhere, so everything can be read; only the folder of kernels can be
 * changed. */
int kernel_make_confine(const json_t *request, struct err *e)
{
	_cleanup_(make_fini) struct make m = {.kernel = -1};
	const char *write[] = {NULL, NULL};
	const struct confine c = {.write = write};

	if (read_request(request, &m, e) < 0)
		return -1;
	write[0] = arena_printf(&m.arena, "%s/kernels", m.state_dir);
	if (!m.only_id && dir_make(AT_FDCWD, write[0], 0700, e) < 0)
		return -1;
	return confine_files(&c, e) < 0 ? -1 : confine_calls(CONFINE_LOCAL, e);
}
