/* merge.c - layers become one tree; see merge.h for the rules.
 *
 * Two tables. Names are paths that any layer ever mentioned: parent and text never change, what
 * they are bound to does. Inodes are what entries made. Both are referred to by number, so that
 * an entry costs about 110 bytes and the tables can grow in place.
 */
#include "drivers/image/worker/merge.h"

#include "schema/base/arena.h"

#include <stdlib.h>
#include <string.h>

#define LINKS_MAX 40 /* symbolic links followed on one path, as in the kernel */
#define HASH_MIN 1024u

struct name {
	uint32_t parent;
	uint32_t text;            /* in the pool */
	uint32_t next_hash;       /* names of the same bucket */
	uint32_t child, sibling;  /* every name ever made in this folder */
	uint32_t inode;           /* bound to; 0: nothing */
	uint32_t in;              /* the parent's inode when it was bound */
	uint16_t touched, wiped;  /* layer + 1 that last added here or below, that last cleared */
};

struct merge {
	struct merge_limits limits;
	struct name *names;
	uint32_t n_names, cap_names;
	struct merge_inode *inodes;
	uint32_t n_inodes, cap_inodes;
	char *pool;
	size_t n_pool, cap_pool;
	uint32_t *buckets;
	uint32_t n_buckets;
	uint32_t layer; /* + 1 */
};

/* What one look-up carries along. */
struct walk {
	struct merge *m;
	bool make;        /* make missing folders */
	int links;
};

/* ---- tables ----------------------------------------------------------------------------- */

/* As for an arena: a task may be killed at any instruction, so no memory is the end of it. */
static void grow(void **v, uint32_t *cap, uint32_t n, size_t size)
{
	if (n < *cap)
		return;
	*cap = *cap ? *cap * 2 : 1024;
	*v = xrealloc(*v, *cap * size);
}

static uint32_t pool_add(struct merge *m, const void *data, size_t n)
{
	uint32_t at = (uint32_t)m->n_pool;

	if (m->cap_pool - m->n_pool < n + 1) {
		m->cap_pool = (m->cap_pool + n + 1) * 2;
		m->pool = xrealloc(m->pool, m->cap_pool);
	}
	memcpy(m->pool + at, data, n);
	m->pool[at + n] = '\0';
	m->n_pool += n + 1;
	return at;
}

static uint32_t hash_name(uint32_t parent, const char *s, size_t n)
{
	uint64_t h = 0xcbf29ce484222325ull ^ parent;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)s[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	return (uint32_t)(h * 0x9e3779b97f4a7c15ull >> 32);
}

static void rehash(struct merge *m)
{
	m->n_buckets = m->n_buckets ? m->n_buckets * 4 : HASH_MIN;
	free(m->buckets);
	m->buckets = xcalloc(m->n_buckets, sizeof(*m->buckets));
	for (uint32_t i = MERGE_ROOT + 1; i < m->n_names; i++) {
		struct name *p = &m->names[i];
		const char *s = m->pool + p->text;
		uint32_t *bucket = &m->buckets[hash_name(p->parent, s, strlen(s)) %
			m->n_buckets];

		p->next_hash = *bucket;
		*bucket = i;
	}
}

static uint32_t find_name(const struct merge *m, uint32_t parent, const char *s, size_t n)
{
	uint32_t i = m->buckets[hash_name(parent, s, n) % m->n_buckets];

	for (; i; i = m->names[i].next_hash) {
		const char *text = m->pool + m->names[i].text;

		if (m->names[i].parent == parent && !strncmp(text, s, n) && !text[n])
			return i;
	}
	return 0;
}

static int intern(struct merge *m, uint32_t parent, const char *s, size_t n, uint32_t *out,
	struct err *e)
{
	uint32_t *bucket;
	struct name *p;

	*out = find_name(m, parent, s, n);
	if (*out)
		return 0;
	if (n > MERGE_NAME_MAX)
		return err_set(e, ERR_CONTENT, "a name of %zu bytes; at most %d are possible", n,
			MERGE_NAME_MAX);
	if (m->n_names > m->limits.names || m->n_pool + n > m->limits.text)
		return err_set(e, ERR_LIMIT, "the image has more than %u names, or too long ones",
			m->limits.names);
	grow((void **)&m->names, &m->cap_names, m->n_names, sizeof(*m->names));
	if (m->n_names >= m->n_buckets)
		rehash(m);
	*out = m->n_names++;
	p = &m->names[*out];
	bucket = &m->buckets[hash_name(parent, s, n) % m->n_buckets];
	*p = (struct name){.parent = parent, .next_hash = *bucket};
	p->text = pool_add(m, s, n);
	p->sibling = m->names[parent].child;
	m->names[parent].child = *out;
	*bucket = *out;
	return 0;
}

static int new_inode(struct merge *m, const struct merge_inode *from, uint32_t *out, struct err *e)
{
	if (m->n_inodes > m->limits.inodes)
		return err_set(e, ERR_LIMIT, "the image has more than %u files", m->limits.inodes);
	grow((void **)&m->inodes, &m->cap_inodes, m->n_inodes, sizeof(*m->inodes));
	*out = m->n_inodes++;
	m->inodes[*out] = *from;
	return 0;
}

/* A time that ext4 does not have is moved to the edge. */
static void set_time(struct merge_inode *i, int64_t s)
{
	const int64_t low = -(1ll << 31), high = low + (1ll << 34) - 1;
	const int64_t in = s < low ? low : s > high ? high : s;

	i->mtime_1901 = (uint64_t)(in - low) & 0x3ffffffff;
}

struct merge *merge_new(const struct merge_limits *limits)
{
	struct merge *m = xmalloc(sizeof(*m));
	struct merge_inode root = {.index = MERGE_NO_INDEX, .mode = 0755, .type = MERGE_DIR};

	set_time(&root, 0);
	*m = (struct merge){.limits = *limits};
	grow((void **)&m->names, &m->cap_names, 0, sizeof(*m->names));
	grow((void **)&m->inodes, &m->cap_inodes, 0, sizeof(*m->inodes));
	pool_add(m, "", 0);
	m->names[0] = (struct name){0};
	m->names[MERGE_ROOT] = (struct name){.parent = MERGE_ROOT, .inode = MERGE_ROOT,
		.in = MERGE_ROOT};
	m->n_names = MERGE_ROOT + 1;
	m->inodes[0] = (struct merge_inode){0};
	m->inodes[MERGE_ROOT] = root;
	m->n_inodes = MERGE_ROOT + 1;
	rehash(m);
	return m;
}

void merge_free(struct merge *m)
{
	if (!m)
		return;
	free(m->names);
	free(m->inodes);
	free(m->pool);
	free(m->buckets);
	free(m);
}

void merge_layer(struct merge *m)
{
	m->layer++;
}

/* ---- binding ---------------------------------------------------------------------------- */

/* The folder that holds the name is itself bound: every caller came down from the root. */
static bool is_bound(const struct merge *m, uint32_t name)
{
	const struct name *p = &m->names[name];

	return p->inode && p->in == m->names[p->parent].inode;
}

static void bind(struct merge *m, uint32_t name, uint32_t inode)
{
	struct name *p = &m->names[name];

	p->inode = inode;
	p->in = m->names[p->parent].inode;
}

/* This layer has put something here: whiteouts of the same layer spare it and what leads to it. */
static void touch(struct merge *m, uint32_t name)
{
	while (m->names[name].touched != m->layer) {
		m->names[name].touched = (uint16_t)m->layer;
		name = m->names[name].parent;
	}
}

static int make_folder(struct walk *w, uint32_t name, struct err *e)
{
	struct merge_inode dir = {.index = MERGE_NO_INDEX, .mode = 0755, .type = MERGE_DIR,
		.layer = (uint16_t)(w->m->layer - 1)};
	uint32_t inode = 0;

	set_time(&dir, 0);
	if (new_inode(w->m, &dir, &inode, e) < 0)
		return -1;
	bind(w->m, name, inode);
	return 0;
}

static int walk_path(struct walk *w, uint32_t *dir, const char *path, size_t n, struct err *e);

static int follow(struct walk *w, uint32_t *dir, uint32_t link, struct err *e)
{
	const char *target = w->m->pool + w->m->inodes[w->m->names[link].inode].text;
	char copy[MERGE_PATH_MAX + 1]; /* the pool moves when it grows */
	size_t n = strlen(target);

	if (++w->links > LINKS_MAX)
		return err_set(e, ERR_CONTENT, "too many symbolic links on the way");
	memcpy(copy, target, n + 1);
	if (copy[0] == '/')
		*dir = MERGE_ROOT;
	return walk_path(w, dir, copy, n, e);
}

/* One component. 1: no such folder (only when nothing is to be made). */
static int enter(struct walk *w, uint32_t *dir, const char *s, size_t n, struct err *e)
{
	struct merge *m = w->m;
	uint32_t name;

	if (n == 1 && s[0] == '.')
		return 0;
	if (n == 2 && s[0] == '.' && s[1] == '.') {
		*dir = m->names[*dir].parent;
		return 0;
	}
	if (!w->make && !find_name(m, *dir, s, n))
		return 1;
	if (intern(m, *dir, s, n, &name, e) < 0)
		return -1;
	if (!is_bound(m, name)) {
		if (!w->make)
			return 1;
		if (make_folder(w, name, e) < 0)
			return -1;
	}
	switch (m->inodes[m->names[name].inode].type) {
	case MERGE_DIR:
		*dir = name;
		return 0;
	case MERGE_SYMLINK:
		return follow(w, dir, name, e);
	default:
		if (!w->make)
			return 1;
		return err_set(e, ERR_CONTENT, "\"%.255s\" on the way is not a folder",
			m->pool + m->names[name].text);
	}
}

static int walk_path(struct walk *w, uint32_t *dir, const char *path, size_t n, struct err *e)
{
	const char *end = path + n;

	while (path < end) {
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t len = (size_t)((slash ? slash : end) - path);
		int rc = len ? enter(w, dir, path, len, e) : 0;

		if (rc)
			return rc;
		path += len + 1;
	}
	return 0;
}

/* ---- paths of entries ------------------------------------------------------------------- */

/* A path taken apart: everything before the last component, and that component. Slashes and dots
 * in front, at the end and between are dropped; ".." is refused wherever it stands. */
struct parts {
	const char *dir, *last;
	size_t dir_len, last_len; /* last_len 0: the root */
};

static int split(const char *path, struct parts *out, struct err *e)
{
	size_t n = strlen(path);
	const char *p = path;

	if (!n)
		return err_set(e, ERR_CONTENT, "an empty name");
	if (n > MERGE_PATH_MAX)
		return err_set(e, ERR_CONTENT, "a path of %zu bytes; at most %d are possible", n,
			MERGE_PATH_MAX);
	*out = (struct parts){.dir = path, .last = path};
	while (*p) {
		size_t len = strcspn(p, "/");

		if (len == 2 && p[0] == '.' && p[1] == '.')
			return err_set(e, ERR_CONTENT, "\"..\" in a path");
		if (len && !(len == 1 && p[0] == '.')) {
			out->last = p;
			out->last_len = len;
			out->dir_len = (size_t)(p - path);
		}
		p += len + (p[len] == '/');
	}
	return 0;
}

/* ---- whiteouts -------------------------------------------------------------------------- */

/* Remove what lower layers left below a folder. No recursion: the depth is the image's choice. A
 * folder is cleared once a layer; then nothing of lower layers is in it any more. */
static void wipe_children(struct merge *m, uint32_t top)
{
	uint32_t at = top, next;

	if (m->names[top].wiped == m->layer)
		return;
	m->names[top].wiped = (uint16_t)m->layer;
	next = m->names[top].child;
	for (;;) {
		struct name *p;

		while (!next && at != top) { /* up */
			next = m->names[at].sibling;
			at = m->names[at].parent;
		}
		if (!next)
			return;
		p = &m->names[next];
		if (is_bound(m, next) && p->touched != m->layer)
			p->inode = 0;
		if (is_bound(m, next) && m->inodes[p->inode].type == MERGE_DIR &&
			p->wiped != m->layer) { /* down */
			p->wiped = (uint16_t)m->layer;
			at = next;
			next = p->child;
		} else {
			next = p->sibling;
		}
	}
}

/* A file of such a name cannot be told from a whiteout, but it has something in it, and a whiteout does
 * not: refused, since else it would be missing without a word. */
static int whiteout(struct merge *m, const struct parts *parts, const struct merge_entry *t,
	struct err *e)
{
	const char *s = parts->last + 4; /* behind ".wh." */
	const size_t n = parts->last_len - 4;
	struct walk w = {.m = m};
	uint32_t dir = MERGE_ROOT, name;
	int rc;

	if (!n || (s[0] == '.' && (n == 1 || (n == 2 && s[1] == '.'))))
		return err_set(e, ERR_CONTENT, "a whiteout of the folder itself, or of the one above");
	if (t->type == MERGE_FILE && t->size && (n < 4 || memcmp(s, ".wh.", 4) != 0))
		return err_set(e, ERR_CONTENT, "a whiteout with content; layers cannot hold a file whose "
			"name begins with \".wh.\"");
	rc = walk_path(&w, &dir, parts->dir, parts->dir_len, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (n >= 4 && !memcmp(s, ".wh.", 4)) {
		if (n == 8 && !memcmp(s, ".wh..opq", 8))
			wipe_children(m, dir);
		return 0;
	}
	name = find_name(m, dir, s, n);
	if (!name || !is_bound(m, name))
		return 0;
	if (m->names[name].touched != m->layer)
		m->names[name].inode = 0;
	else if (m->inodes[m->names[name].inode].type == MERGE_DIR)
		wipe_children(m, name);
	return 0;
}

/* ---- entries ---------------------------------------------------------------------------- */

static int check_entry(const struct merge_limits *limits, const struct merge_entry *t,
	struct err *e)
{
	const bool link = t->type == MERGE_SYMLINK || t->type == MERGE_HARDLINK;

	if (link && (!t->link || !*t->link))
		return err_set(e, ERR_CONTENT, "a link to nothing");
	if (link && strlen(t->link) > MERGE_PATH_MAX)
		return err_set(e, ERR_CONTENT, "a link target of %zu bytes; at most %d are possible",
			strlen(t->link), MERGE_PATH_MAX);
	if (t->type == MERGE_FILE && t->size > limits->file_size)
		return err_set(e, ERR_LIMIT, "a file of %llu bytes; at most %llu are allowed",
			(unsigned long long)t->size, (unsigned long long)limits->file_size);
	return 0;
}

static int check_text(const struct merge *m, const struct merge_entry *t, struct err *e)
{
	if (m->n_pool + t->xattrs_len + MERGE_PATH_MAX > m->limits.text)
		return err_set(e, ERR_LIMIT, "the names, links and attributes of the image take more "
			"than %llu bytes", (unsigned long long)m->limits.text);
	return 0;
}

static struct merge_inode inode_of(struct merge *m, const struct merge_entry *t)
{
	struct merge_inode i = {
		.size = t->type == MERGE_FILE ? t->size : 0,
		.mtime_ns = t->mtime_ns & 0x3fffffff,
		.uid = t->uid,
		.gid = t->gid,
		.index = t->index,
		.mode = (uint16_t)t->mode & 07777u,
		.layer = (uint16_t)(m->layer - 1),
		.type = (uint16_t)(t->type & 0xf),
	};

	set_time(&i, t->mtime);

	if (t->type == MERGE_SYMLINK) {
		i.text_len = (uint32_t)strlen(t->link);
		i.text = pool_add(m, t->link, i.text_len);
		i.mode = 0777; /* symlink(7): Linux knows no other */
	} else if (t->type == MERGE_CHAR || t->type == MERGE_BLOCK) {
		i.device = (t->major & 0xfff) << 20 | (t->minor & 0xfffff);
	}
	if (t->xattrs_len) {
		uint32_t n = (uint32_t)t->xattrs_len;

		i.xattrs = pool_add(m, &n, sizeof(n));
		pool_add(m, t->xattrs, t->xattrs_len);
	}
	return i;
}

static int hard_link(struct merge *m, const struct merge_entry *t, uint32_t name, struct err *e)
{
	struct walk w = {.m = m};
	struct parts parts = {0};
	uint32_t dir = MERGE_ROOT, target = 0;
	int rc = split(t->link, &parts, e);

	if (!rc)
		rc = walk_path(&w, &dir, parts.dir, parts.dir_len, e);
	if (rc < 0)
		return err_wrap(e, "hard link to %.200s", t->link);
	if (!rc && parts.last_len)
		target = find_name(m, dir, parts.last, parts.last_len);
	if (!target || !is_bound(m, target))
		return err_set(e, ERR_CONTENT, "a hard link to %.200s, which is not there", t->link);
	if (m->inodes[m->names[target].inode].type == MERGE_DIR)
		return err_set(e, ERR_CONTENT, "a hard link to %.200s, which is a folder", t->link);
	if (target == name)
		return err_set(e, ERR_CONTENT, "a hard link to itself");
	bind(m, name, m->names[target].inode);
	touch(m, name);
	return 0;
}

static void set_folder(struct merge_inode *old, const struct merge_inode *entry)
{
	const uint32_t index = old->index;
	const uint16_t layer = old->layer;

	*old = *entry;
	old->index = index; /* inodes stay sorted by (layer, index) */
	old->layer = layer;
}

static int put(struct merge *m, const struct merge_entry *t, uint32_t name, struct err *e)
{
	struct merge_inode made = inode_of(m, t);
	uint32_t inode = 0;

	if (t->type == MERGE_DIR && is_bound(m, name) &&
		m->inodes[m->names[name].inode].type == MERGE_DIR) {
		set_folder(&m->inodes[m->names[name].inode], &made);
	} else {
		if (new_inode(m, &made, &inode, e) < 0)
			return -1;
		bind(m, name, inode);
	}
	touch(m, name);
	return 0;
}

static int add(struct merge *m, const struct merge_entry *t, struct err *e)
{
	struct walk w = {.m = m, .make = true};
	struct parts parts = {0};
	uint32_t dir = MERGE_ROOT, name = MERGE_ROOT;

	if (split(t->path, &parts, e) < 0 || check_entry(&m->limits, t, e) < 0 ||
		check_text(m, t, e) < 0)
		return -1;
	if (parts.last_len >= 4 && !memcmp(parts.last, ".wh.", 4))
		return whiteout(m, &parts, t, e);
	if (!parts.last_len && t->type != MERGE_DIR)
		return err_set(e, ERR_CONTENT, "the root cannot be a %s", merge_type_name(t->type));
	if (parts.last_len && (walk_path(&w, &dir, parts.dir, parts.dir_len, e) < 0 ||
		intern(m, dir, parts.last, parts.last_len, &name, e) < 0))
		return -1;
	return t->type == MERGE_HARDLINK ? hard_link(m, t, name, e) : put(m, t, name, e);
}

int merge_check(const struct merge_limits *limits, const struct merge_entry *entry, struct err *e)
{
	struct parts parts;

	if (split(entry->path, &parts, e) < 0 || check_entry(limits, entry, e) < 0)
		return err_wrap(e, "entry \"%.250s\"", entry->path);
	return 0;
}

int merge_add(struct merge *m, const struct merge_entry *entry, struct err *e)
{
	if (add(m, entry, e) < 0)
		return err_wrap(e, "entry \"%.250s\"", entry->path);
	return 0;
}

/* ---- result ----------------------------------------------------------------------------- */

static bool is_folder(const struct merge *m, uint32_t name)
{
	return is_bound(m, name) && m->inodes[m->names[name].inode].type == MERGE_DIR;
}

uint32_t merge_child(const struct merge *m, uint32_t folder, uint32_t previous)
{
	uint32_t i = previous ? m->names[previous].sibling : m->names[folder].child;

	while (i && !is_bound(m, i))
		i = m->names[i].sibling;
	return i;
}

const char *merge_name(const struct merge *m, uint32_t name, uint32_t *inode)
{
	*inode = m->names[name].inode;
	return m->pool + m->names[name].text;
}

int merge_folders(struct merge *m, int (*found)(void *arg, uint32_t folder, uint32_t inode,
	uint32_t parent, struct err *e), void *arg, struct err *e)
{
	uint32_t at = MERGE_ROOT, next;

	for (;;) {
		const struct name *p = &m->names[at];
		int rc = found(arg, at, p->inode, m->names[p->parent].inode, e);

		if (rc)
			return rc;
		next = p->child;
		for (;;) {
			while (next && !is_folder(m, next))
				next = m->names[next].sibling;
			if (next || at == MERGE_ROOT)
				break;
			next = m->names[at].sibling;
			at = m->names[at].parent;
		}
		if (!next)
			return 0;
		at = next;
	}
}

static int count_links(void *arg, uint32_t folder, uint32_t inode, uint32_t parent, struct err *e)
{
	struct merge *m = arg;

	(void)e;
	m->inodes[inode].links += 2;
	if (inode != MERGE_ROOT)
		m->inodes[parent].links++;
	for (uint32_t i = 0; (i = merge_child(m, folder, i));)
		if (m->inodes[m->names[i].inode].type != MERGE_DIR)
			m->inodes[m->names[i].inode].links++;
	return 0;
}

int merge_finish(struct merge *m, struct err *e)
{
	return merge_folders(m, count_links, m, e);
}

uint32_t merge_inodes(const struct merge *m)
{
	return m->n_inodes;
}

struct merge_inode *merge_inode(struct merge *m, uint32_t inode)
{
	return &m->inodes[inode];
}

const char *merge_text(const struct merge *m, uint32_t text)
{
	return m->pool + text;
}

const void *merge_xattrs(const struct merge *m, uint32_t xattrs, size_t *n)
{
	uint32_t len;

	memcpy(&len, m->pool + xattrs, sizeof(len));
	*n = len;
	return m->pool + xattrs + sizeof(len) + 1;
}

const char *merge_type_name(enum merge_type type)
{
	static const char *const names[] = {"file", "folder", "symbolic link", "character device",
		"block device", "FIFO", "hard link"};

	return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "entry";
}
