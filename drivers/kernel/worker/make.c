/* make.c - the worker's task "kernel". */

/* <openssl/types.h> has a type of the name of one of our error kinds; nothing here needs it. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/evp.h>
#undef ERR_STATE

#include "drivers/kernel/worker/make.h"

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
#define KERNEL_MAX (512u * 1024 * 1024)
#define PIECE (256u * 1024)
#define ID_BYTES 16
#define ID_MAX (2 * ID_BYTES + 1)

struct make {
	struct arena arena;
	const char *file, *modules, *guest, *state_dir, *expect;
	bool only_id;
	int kernel;           /* opened */
	uint64_t kernel_size;
	struct initrd initrd;
	char id[ID_MAX], base[ID_MAX];
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
	m->guest = json_str(request, "guest", "");
	m->state_dir = json_str(request, "state_dir", "");
	m->expect = json_str(request, "id", NULL);
	m->only_id = json_flag(request, "only_id", false);
	if (*m->file != '/' || *m->guest != '/' || *m->state_dir != '/' ||
		(m->modules && *m->modules != '/'))
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
static int check_kernel(const struct make *m, struct err *e)
{
	unsigned char head[0x206] = {0};
	ssize_t n = pread(m->kernel, head, sizeof(head), 0);

	if (n < 0)
		return err_sys(e, errno, "kernel %s: cannot read it", m->file);
	if (!memcmp(head, "\177ELF", 4) || !memcmp(head + 0x202, "HdrS", 4))
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

struct part {
	const char *p;
	size_t n;
};

/* Over the kernel and two parts of the initrd. */
static int compute_id(struct make *m, int kernel, struct part one, struct part two, char id[ID_MAX],
	struct err *e)
{
	_cleanup_(free_digest) EVP_MD_CTX *c = EVP_MD_CTX_new();
	unsigned char digest[EVP_MAX_MD_SIZE];
	const uint64_t sizes[2] = {m->kernel_size, one.n + two.n};

	if (!c || EVP_DigestInit_ex(c, EVP_sha256(), NULL) != 1)
		return err_set(e, ERR_SYSTEM, "cannot start SHA-256");
	EVP_DigestUpdate(c, FORMAT, strlen(FORMAT));
	EVP_DigestUpdate(c, sizes, sizeof(sizes));
	if (hash_file(c, kernel, m->kernel_size, m->file, &m->arena, e) < 0)
		return -1;
	EVP_DigestUpdate(c, one.p, one.n);
	EVP_DigestUpdate(c, two.p, two.n);
	if (EVP_DigestFinal_ex(c, digest, NULL) != 1)
		return err_set(e, ERR_SYSTEM, "cannot finish SHA-256");
	for (int i = 0; i < ID_BYTES; i++)
		snprintf(id + 2 * i, 3, "%02x", digest[i]);
	return 0;
}

static int whole_id(struct make *m, int kernel, char id[ID_MAX], struct err *e)
{
	return compute_id(m, kernel, (struct part){m->initrd.data, m->initrd.n}, (struct part){"", 0}, id, e);
}

/* Without the guest program, and without the padding, whose length depends on it. */
static int base_id(struct make *m, struct err *e)
{
	const struct initrd *i = &m->initrd;

	return compute_id(m, m->kernel, (struct part){i->data, i->guest_at},
		(struct part){i->data + i->guest_end, i->end - i->guest_end}, m->base, e);
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

static int fill_folder(struct make *m, int dir, struct err *e)
{
	_cleanup_fd_ int kernel = -1, initrd = -1;
	char id[ID_MAX];

	if (create(dir, "kernel", &kernel, e) < 0 || copy_kernel(m, kernel, e) < 0 ||
		create(dir, "initrd", &initrd, e) < 0)
		return -1;
	if (fd_write_all(initrd, m->initrd.data, m->initrd.n) < 0 || fsync(initrd) < 0)
		return err_sys(e, errno, "cannot write the initrd");
	/* What counts is what was copied, not what was read before. */
	if (whole_id(m, kernel, id, e) < 0)
		return -1;
	if (strcmp(id, m->id) != 0)
		return err_set(e, ERR_CONFLICT, "kernel %s: was changed while it was copied", m->file);
	return fsync(kernel) < 0 || fsync(dir) < 0 ? err_sys(e, errno, "cannot sync the kernel") : 0;
}

static bool has_size(int dir, const char *path, uint64_t size)
{
	struct stat st;

	return fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
		(uint64_t)st.st_size == size;
}

static bool is_whole(struct make *m, int kernels)
{
	return has_size(kernels, arena_printf(&m->arena, "%s/kernel", m->id), m->kernel_size) &&
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
	json_object_set_new(r, "base", json_string(m->base));
	json_object_set_new(r, "file",
		json_string(arena_printf(&m->arena, "kernels/%s/kernel", m->id)));
	json_object_set_new(r, "initrd",
		json_string(arena_printf(&m->arena, "kernels/%s/initrd", m->id)));
	json_object_set_new(r, "kernel_size", json_integer((json_int_t)m->kernel_size));
	json_object_set_new(r, "initrd_size", json_integer((json_int_t)m->initrd.n));
	json_object_set_new(r, "modules", used);
	return r;
}

int kernel_make_run(const json_t *request, json_t **result, struct err *e)
{
	_cleanup_(make_fini) struct make m = {.kernel = -1};

	if (read_request(request, &m, e) < 0 || open_kernel(&m, e) < 0 || check_kernel(&m, e) < 0)
		return -1;
	if (initrd_build(&m.arena, m.guest, m.modules, &m.initrd, e) < 0 ||
		whole_id(&m, m.kernel, m.id, e) < 0 || base_id(&m, e) < 0)
		return -1;
	if (m.expect && strcmp(m.expect, m.id) != 0) {
		err_set(e, ERR_CONFLICT, "kernel %s: it or its modules changed since the plan was made",
			m.file);
		return err_hint(e, "run the command again");
	}
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
