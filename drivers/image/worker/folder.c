/* folder.c - the blocks of one folder; see folder.h. The format: fs/ext4/ext4.h (ext4_dir_entry_2,
 * ext4_dir_entry_tail), fs/ext4/namei.c (dx_root, dx_node, dx_entry, dx_tail). */
#include "drivers/image/worker/folder.h"

#include "schema/base/arena.h"

#include <endian.h>
#include <ext2fs/ext2fs.h>
#include <stdlib.h>
#include <string.h>

#define TAIL 12u                         /* checksum at the end of a block of names */
#define ROOM (BLOCKS_SIZE - TAIL)
#define ROOT_AT 32u                      /* first index entry of the root ... */
#define NODE_AT 8u                       /* ... and of an index block */
#define ROOT_MAX ((BLOCKS_SIZE - ROOT_AT - 8) / 8)
#define NODE_MAX ((BLOCKS_SIZE - NODE_AT - 8) / 8)
#define HASH_VERSION EXT2_HASH_HALF_MD4  /* stored; the superblock says unsigned */

struct build {
	struct folder_spec *f;
	struct blocks *b;
	struct extents extents;
	uint32_t seed;  /* of this inode */
	uint32_t made;  /* blocks */
};

struct dx {
	uint32_t hash, block;
};

/* ---- names ------------------------------------------------------------------------------ */

static size_t record_size(size_t len)
{
	return (8 + len + 3) & ~(size_t)3;
}

static void put_name(uint8_t *to, uint32_t number, size_t room, const char *name, size_t len,
	uint8_t type)
{
	const uint32_t ino = htole32(number);
	const uint16_t rec = htole16((uint16_t)room);

	memcpy(to, &ino, 4);
	memcpy(to + 4, &rec, 2);
	to[6] = (uint8_t)len;
	to[7] = type;
	memcpy(to + 8, name, len);
}

static void put_tail(uint8_t *block, uint32_t seed)
{
	uint8_t *tail = block + ROOM;
	uint32_t sum;

	memset(tail, 0, TAIL);
	tail[4] = TAIL;
	tail[7] = 0xde; /* a type that no name has */
	sum = htole32(ext2fs_crc32c_le(seed, block, ROOM));
	memcpy(tail + 8, &sum, 4);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct folder_entry *)a)->name,
		((const struct folder_entry *)b)->name);
}

static int compare_hashes(const void *a, const void *b)
{
	const struct folder_entry *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->minor != y->minor)
		return x->minor < y->minor ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* As many entries as fit from at on; the last one takes the rest of the block. Returns how many. */
static size_t fill_block(uint8_t *block, size_t at, const struct folder_entry *v, size_t n)
{
	size_t i, last = 0;

	for (i = 0; i < n; i++) {
		size_t size = record_size(v[i].len);

		if (at + size > ROOM)
			break;
		put_name(block + at, v[i].number, size, v[i].name, v[i].len, v[i].type);
		last = at;
		at += size;
	}
	if (i) {
		const uint16_t rec = htole16((uint16_t)(ROOM - last));

		memcpy(block + last + 4, &rec, 2);
	}
	return i;
}

static size_t put_dots(uint8_t *block, const struct folder_spec *f, size_t second)
{
	put_name(block, f->number, 12, ".", 1, EXT2_FT_DIR);
	put_name(block + 12, f->parent, second, "..", 2, EXT2_FT_DIR);
	return 24;
}

static int emit(struct build *w, const uint8_t *block, uint32_t logical, struct err *e)
{
	uint32_t at, got;

	if (blocks_take(w->b, 1, &at, &got, e) < 0)
		return -1;
	extents_add(&w->extents, logical, at, 1);
	w->made++;
	return blocks_write(w->b, at, block, 1, e);
}

static int write_plain(struct build *w, struct err *e)
{
	struct folder_spec *f = w->f;
	uint8_t block[BLOCKS_SIZE] = {0};

	if (f->n)
		qsort(f->v, f->n, sizeof(*f->v), compare_names);
	put_dots(block, f, f->n ? 12 : ROOM - 12);
	fill_block(block, 24, f->v, f->n);
	put_tail(block, w->seed);
	return emit(w, block, 0, e);
}

/* ---- index ------------------------------------------------------------------------------ */

/* Limit and count lie over the hash of the first entry, whose hash is 0 by meaning. */
static void put_index(uint8_t *block, size_t at, size_t max, const struct dx *v, size_t n,
	uint32_t seed)
{
	const uint16_t limit = htole16((uint16_t)max), count = htole16((uint16_t)n);
	uint8_t *tail = block + at + max * 8;
	uint32_t sum;

	for (size_t i = 0; i < n; i++) {
		const uint32_t pair[2] = {htole32(v[i].hash), htole32(v[i].block)};

		memcpy(block + at + i * 8, pair, 8);
	}
	memcpy(block + at, &limit, 2);
	memcpy(block + at + 2, &count, 2);
	memset(tail, 0, 8);
	sum = ext2fs_crc32c_le(seed, block, at + n * 8);
	sum = htole32(ext2fs_crc32c_le(sum, tail, 8));
	memcpy(tail + 4, &sum, 4);
}

static void put_root(uint8_t *block, const struct build *w, unsigned levels, const struct dx *v,
	size_t n)
{
	put_dots(block, w->f, BLOCKS_SIZE - 12);
	memset(block + 24, 0, 8);
	block[28] = HASH_VERSION;
	block[29] = 8; /* length of this information */
	block[30] = (uint8_t)levels;
	put_index(block, ROOT_AT, ROOT_MAX, v, n, w->seed);
}

/* Count the leaves first: the index blocks come before them. */
static size_t cut(const struct folder_entry *v, size_t n)
{
	size_t at = 0, i;

	for (i = 0; i < n && at + record_size(v[i].len) <= ROOM; i++)
		at += record_size(v[i].len);
	return i;
}

static struct dx *list_leaves(struct arena *a, const struct folder_spec *f, size_t *n)
{
	struct dx *v = arena_array(a, f->n, sizeof(*v));
	size_t done = 0;

	for (*n = 0; done < f->n; (*n)++) {
		v[*n].hash = f->v[done].hash;
		/* Names of one hash on both sides of a cut: the low bit says to look on. */
		if (done && f->v[done - 1].hash == f->v[done].hash)
			v[*n].hash |= 1;
		done += cut(f->v + done, f->n - done);
	}
	return v;
}

static int write_leaves(struct build *w, uint32_t logical, struct err *e)
{
	size_t done = 0;

	while (done < w->f->n) {
		uint8_t block[BLOCKS_SIZE] = {0};

		done += fill_block(block, 0, w->f->v + done, w->f->n - done);
		put_tail(block, w->seed);
		if (emit(w, block, logical++, e) < 0)
			return -1;
	}
	return 0;
}

static int write_nodes(struct build *w, struct dx *leaves, size_t n, struct err *e)
{
	for (size_t i = 0, k = 1; i < n; i += NODE_MAX, k++) {
		const size_t count = n - i < NODE_MAX ? n - i : NODE_MAX;
		uint8_t block[BLOCKS_SIZE] = {0};

		put_name(block, 0, BLOCKS_SIZE, "", 0, 0);
		put_index(block, NODE_AT, NODE_MAX, leaves + i, count, w->seed);
		if (emit(w, block, (uint32_t)k, e) < 0)
			return -1;
	}
	return 0;
}

static int write_indexed(struct build *w, struct arena *a, struct err *e)
{
	uint8_t block[BLOCKS_SIZE] = {0};
	size_t n_leaves, n_nodes = 0;
	struct dx *leaves, *top;

	qsort(w->f->v, w->f->n, sizeof(*w->f->v), compare_hashes);
	leaves = top = list_leaves(a, w->f, &n_leaves);
	if (n_leaves > ROOT_MAX)
		n_nodes = (n_leaves + NODE_MAX - 1) / NODE_MAX;
	if (n_nodes > ROOT_MAX)
		return err_set(e, ERR_LIMIT, "a folder with %zu names is too large for ext4",
			w->f->n);
	for (size_t i = 0; i < n_leaves; i++)
		leaves[i].block = (uint32_t)(1 + n_nodes + i);
	if (n_nodes) {
		top = arena_array(a, n_nodes, sizeof(*top));
		for (size_t i = 0; i < n_nodes; i++)
			top[i] = (struct dx){leaves[i * NODE_MAX].hash, (uint32_t)(1 + i)};
	}
	put_root(block, w, n_nodes ? 1 : 0, top, n_nodes ? n_nodes : n_leaves);
	if (emit(w, block, 0, e) < 0 || (n_nodes && write_nodes(w, leaves, n_leaves, e) < 0))
		return -1;
	return write_leaves(w, (uint32_t)(1 + n_nodes), e);
}

static int hash_names(struct folder_spec *f, struct err *e)
{
	uint32_t seed[4];

	memcpy(seed, f->hash_seed, sizeof(seed));
	for (size_t i = 0; i < f->n; i++) {
		struct folder_entry *p = &f->v[i];

		if (ext2fs_dirhash2(EXT2_HASH_HALF_MD4_UNSIGNED, p->name, p->len, NULL, 0, seed,
			&p->hash, &p->minor))
			return err_set(e, ERR_FAILED, "libext2fs cannot hash a name");
	}
	return 0;
}

int folder_write(struct folder_spec *f, struct blocks *b, struct folder_made *out, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct build w = {.f = f, .b = b, .seed = extents_inode_seed(f->seed, f->number)};
	size_t size = 24;
	int rc;

	for (size_t i = 0; i < f->n; i++)
		size += record_size(f->v[i].len);
	out->indexed = size > ROOM;
	if (out->indexed)
		rc = hash_names(f, e) < 0 ? -1 : write_indexed(&w, &a, e);
	else
		rc = write_plain(&w, e);
	if (!rc)
		rc = extents_store(&w.extents, b, f->seed, f->number, &out->map, e);
	extents_free(&w.extents);
	out->blocks = w.made;
	return rc;
}
