/* tarball.c - the members of an image archive; see tarball.h. The format: pax(1), tar(5). */
#include "drivers/image/worker/tarball.h"

#include "schema/base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD 512u
#define MEMBERS_MAX 65536u
#define META_MAX (1u << 20) /* of a pax or GNU header */
#define LINKS_MAX 8
#define PATH_BYTES_MAX 4096u

/* Offsets in a header. */
enum { NAME = 0, SIZE = 124, SUM = 148, TYPE = 156, LINK = 157, MAGIC = 257, PREFIX = 345 };

struct scan {
	struct tarball *t;
	struct range file;
	uint64_t at, size;      /* where the next header is; of the file */
	const char *name, *link; /* from a header before this one, or NULL */
	uint64_t n;              /* the same, if has_n */
	bool has_n;
};

/* ---- numbers and texts ------------------------------------------------------------------ */

/* Octal digits, or a binary number with the highest bit set. UINT64_MAX: not a number. */
static uint64_t number(const unsigned char *p, size_t n)
{
	uint64_t v = 0;
	size_t i = 0;

	if (p[0] & 0x80) {
		for (v = p[0] & 0x7f, i = 1; i < n; i++) {
			if (v >> 55)
				return UINT64_MAX;
			v = v << 8 | p[i];
		}
		return v;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	return i < n && p[i] && p[i] != ' ' ? UINT64_MAX : v;
}

static bool is_zero(const unsigned char *p)
{
	return !p[0] && !memcmp(p, p + 1, RECORD - 1);
}

static bool has_right_sum(const unsigned char *p)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < RECORD; i++)
		sum += i >= SUM && i < SUM + 8 ? ' ' : p[i];
	return number(p + SUM, 8) == sum;
}

static const char *text(struct arena *a, const unsigned char *p, size_t n)
{
	return arena_dupn(a, (const char *)p, strnlen((const char *)p, n));
}

static const char *header_name(struct arena *a, const unsigned char *p)
{
	const char *name = text(a, p + NAME, 100);

	if (memcmp(p + MAGIC, "ustar\0", 6) != 0 || !p[PREFIX])
		return name;
	return arena_printf(a, "%s/%s", text(a, p + PREFIX, 155), name);
}

static const char *bare(const char *name)
{
	while (name[0] == '.' && name[1] == '/')
		name += 2;
	return name;
}

/* ---- headers that speak of the next one --------------------------------------------------- */

static int damaged(const struct scan *s, const char *how, struct err *e)
{
	return err_set(e, ERR_CONTENT, "not a valid tar archive: %s at byte %llu", how,
		(unsigned long long)s->at);
}

/* Records "LENGTH KEY=VALUE\n". */
static int take_pax(struct scan *s, char *p, size_t left, struct err *e)
{
	struct arena *a = s->t->arena;

	while (left) {
		char *end, *key, *value;
		size_t n = strtoul(p, &end, 10);

		if (end == p || *end != ' ' || n > left || p + n < end + 3 || p[n - 1] != '\n')
			return damaged(s, "a broken pax header", e);
		key = end + 1;
		p[n - 1] = '\0';
		value = strchr(key, '=');
		if (value && !strncmp(key, "path=", 5))
			s->name = arena_dup(a, value + 1);
		else if (value && !strncmp(key, "linkpath=", 9))
			s->link = arena_dup(a, value + 1);
		else if (value && !strncmp(key, "size=", 5)) {
			s->n = strtoull(value + 1, &end, 10);
			s->has_n = true;
			if (value[1] < '0' || value[1] > '9' || *end)
				return damaged(s, "a broken size", e);
		}
		p += n;
		left -= n;
	}
	return 0;
}

static int take_meta(struct scan *s, unsigned char type, uint64_t at, uint64_t n, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *buf;

	if (n > META_MAX)
		return damaged(s, "a header that is too long", e);
	buf = arena_alloc(&a, n + 1);
	if (range_read(&s->file, buf, n, at) != (ssize_t)n)
		return damaged(s, "a header that cannot be read", e);
	buf[n] = '\0';
	if (type == 'x')
		return take_pax(s, buf, n, e);
	if (type == 'L')
		s->name = arena_dup(s->t->arena, buf);
	else
		s->link = arena_dup(s->t->arena, buf);
	return 0;
}

/* ---- members ---------------------------------------------------------------------------- */

/* What a symbolic link in a member leads to: relative to its folder, ".." within the archive. */
static const char *resolve_link(struct arena *a, const char *name, const char *link)
{
	const char *slash = strrchr(name, '/');
	char *path = slash && *link != '/' ?
		arena_printf(a, "%.*s/%s", (int)(slash - name), name, link) :
		arena_dup(a, link + (*link == '/'));
	char *out = arena_alloc(a, strlen(path) + 1), *to = out, *save = NULL;

	for (char *part = strtok_r(path, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (!strcmp(part, "."))
			continue;
		if (!strcmp(part, "..")) {
			while (to > out && *--to != '/')
				;
			continue;
		}
		if (to > out)
			*to++ = '/';
		memcpy(to, part, strlen(part));
		to += strlen(part);
	}
	*to = '\0';
	return out;
}

static int add_member(struct scan *s, const unsigned char *p, uint64_t at, uint64_t n, struct err *e)
{
	struct tarball *t = s->t;
	struct member m = {.at = at, .n = n};
	const unsigned char type = p[TYPE];
	const bool file = !type || type == '0' || type == '7';

	if (!file && type != '1' && type != '2')
		return 0; /* folders, and what an image archive has no use for */
	if (t->n == MEMBERS_MAX)
		return err_set(e, ERR_LIMIT, "the archive has more than %u members", MEMBERS_MAX);
	m.name = bare(s->name ? s->name : header_name(t->arena, p));
	if (!file) {
		const char *link = s->link ? s->link : text(t->arena, p + LINK, 100);

		if (strlen(link) > PATH_BYTES_MAX)
			return damaged(s, "a link that is too long", e);
		m.link = type == '1' ? bare(link) : resolve_link(t->arena, m.name, link);
	}
	*vec_push(t->arena, t) = m;
	return 0;
}

static int take_header(struct scan *s, const unsigned char *p, struct err *e)
{
	const unsigned char type = p[TYPE];
	const bool meta = type == 'x' || type == 'L' || type == 'K';
	const uint64_t at = s->at + RECORD;
	/* A link has no content, whatever its header says. */
	uint64_t n = type == '1' || type == '2' ? 0 : number(p + SIZE, 12);

	if (!has_right_sum(p))
		return damaged(s, "a broken header", e);
	if (s->has_n && !meta && n)
		n = s->n;
	if (at > s->size || n > s->size - at)
		return damaged(s, "a member that is cut off", e);
	if (meta && take_meta(s, type, at, n, e) < 0)
		return -1;
	if (!meta && type != 'g') {
		if (add_member(s, p, at, n, e) < 0)
			return -1;
		s->name = s->link = NULL;
		s->has_n = false;
	}
	s->at = at + (n + RECORD - 1) / RECORD * RECORD;
	return 0;
}

static const char *packed_by(const unsigned char *p)
{
	static const struct {
		const char *magic, *unpack;
		size_t n;
	} table[] = {{"\x1f\x8b", "gunzip", 2}, {"\x28\xb5\x2f\xfd", "zstd -d", 4},
		{"\xfd" "7zXZ", "unxz", 5}, {"BZh", "bunzip2", 3}};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!memcmp(p, table[i].magic, table[i].n))
			return table[i].unpack;
	return NULL;
}

static int scan(struct scan *s, struct err *e)
{
	unsigned char head[RECORD] = {0};

	for (;;) {
		ssize_t n = range_read(&s->file, head, RECORD, s->at);
		const char *unpack = !s->at && n > 8 ? packed_by(head) : NULL;

		if (n < 0)
			return err_sys(e, errno, "cannot read it");
		if (unpack) {
			err_set(e, ERR_CONTENT, "the archive is compressed, and layers cannot be "
				"read from its middle");
			return err_hint(e, "unpack it first: %s", unpack);
		}
		if (!n && s->at)
			return 0; /* no zeros at its end; some tools forget them */
		if (n != RECORD)
			return damaged(s, "it ends in a header", e);
		if (is_zero(head))
			return 0;
		if (take_header(s, head, e) < 0)
			return -1;
	}
}

/* ---- the archive ------------------------------------------------------------------------ */

int tarball_open_file(const char *path, int *fd, struct err *e)
{
	_cleanup_fd_ int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (opened < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(e, ERR_NOINPUT, "%s: no such file", path);
	if (opened < 0 || fstat(opened, &st) < 0)
		return err_sys(e, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_NOINPUT, "%s: is not a regular file", path);
	*fd = fd_take(&opened);
	return 0;
}

int tarball_open(struct arena *a, const char *path, struct tarball **out, struct err *e)
{
	struct tarball *t = arena_new(a, struct tarball);
	struct scan s = {.t = t};
	off_t end;

	*t = (struct tarball){.arena = a, .fd = -1, .path = arena_dup(a, path)};
	if (tarball_open_file(path, &t->fd, e) < 0)
		return -1;
	end = lseek(t->fd, 0, SEEK_END);
	s.size = end < 0 ? 0 : (uint64_t)end;
	s.file = (struct range){t->fd, 0, RANGE_TO_END};
	if (end < 0)
		err_sys(e, errno, "cannot look at it");
	if (end < 0 || scan(&s, e) < 0) {
		tarball_close(t);
		return err_wrap(e, "%s", path);
	}
	*out = t;
	return 0;
}

void tarball_close(struct tarball *t)
{
	if (t)
		fd_close(&t->fd);
}

const struct member *tarball_find(const struct tarball *t, const char *name)
{
	for (int hop = 0; hop <= LINKS_MAX; hop++) {
		const struct member *m = NULL;

		for (size_t i = t->n; !m && i-- > 0;)
			if (!strcmp(t->v[i].name, name))
				m = &t->v[i];
		if (!m || !m->link)
			return m;
		name = m->link;
	}
	return NULL;
}

int tarball_range(const struct tarball *t, const char *name, struct range *out, struct err *e)
{
	const struct member *m = tarball_find(t, name);
	int fd;

	if (!m)
		return err_set(e, ERR_CONTENT, "%s has no file %.200s", t->path, name);
	fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(e, errno, "cannot read %s", t->path);
	*out = (struct range){fd, m->at, m->n};
	return 0;
}

int tarball_read(const struct tarball *t, struct arena *a, const char *name, size_t max, char **buf,
	size_t *n, struct err *e)
{
	_cleanup_range_ struct range r = RANGE_NONE;

	if (tarball_range(t, name, &r, e) < 0)
		return -1;
	if (r.n > max)
		return err_set(e, ERR_LIMIT, "%s of %s is larger than %zu bytes", name, t->path, max);
	*buf = arena_alloc(a, r.n + 1);
	if (range_read(&r, *buf, r.n, 0) != (ssize_t)r.n)
		return err_sys(e, errno, "cannot read %s", t->path);
	(*buf)[r.n] = '\0';
	*n = r.n;
	return 0;
}
