/* world.h - what the long tests of the engine share: a state directory that can be put back as it
 * was, and whether a fake world is what a spec says.
 */
#pragma once

#include "drivers/fake/fake.h"
#include "schema/base/fd.h"
#include "schema/base/vec.h"
#include "schema/spec.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- snapshots ------------------------------------------------------------------------------- */

struct saved_file {
	char *path; /* relative to the state directory */
	char *data; /* NULL: a folder */
	size_t n;
};

struct saved {
	struct arena a;
	VEC(struct saved_file) files; /* a folder before what is in it */
	struct fake_world world;
};

static inline void save_folder(struct saved *s, int fd, const char *prefix)
{
	DIR *d = fdopendir(fd);

	for (struct dirent *entry; d && (entry = readdir(d));) {
		char *path = arena_printf(&s->a, "%s%s", prefix, entry->d_name);
		int file = openat(fd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
		struct saved_file *f;
		struct stat st;

		if (entry->d_name[0] == '.' && strchr("..", entry->d_name[1])) {
			close(file);
			continue;
		}
		if (file < 0 || fstat(file, &st) < 0)
			abort();
		f = vec_push(&s->a, &s->files);
		f->path = path;
		if (S_ISDIR(st.st_mode)) {
			save_folder(s, file, arena_printf(&s->a, "%s/", path)); /* takes file over */
			continue;
		}
		f->n = (size_t)st.st_size;
		f->data = arena_alloc(&s->a, f->n + 1);
		if (read(file, f->data, f->n) != (ssize_t)f->n)
			abort();
		close(file);
	}
	closedir(d);
}

/* Keep the world and the state directory as they are now. */
static inline void world_save(struct saved *s, const char *state_dir, const struct fake_world *w)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	arena_free(&s->a);
	memset(&s->files, 0, sizeof(s->files));
	s->world = *w;
	if (fd >= 0)
		save_folder(s, fd, "");
}

/* Make them so again. */
static inline void world_restore(const struct saved *s, const char *state_dir, struct fake_world *w)
{
	struct err err = ERR_INIT;
	int dir;

	if (tree_remove(AT_FDCWD, state_dir, &err) < 0 || mkdir(state_dir, 0700) < 0)
		abort();
	dir = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	vec_each(f, &s->files) {
		int fd;

		if (!f->data) {
			mkdirat(dir, f->path, 0700);
			continue;
		}
		fd = openat(dir, f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0 || fd_write_all(fd, f->data, f->n) < 0)
			abort();
		close(fd);
	}
	close(dir);
	*w = s->world;
}

/* ---- is it so? ------------------------------------------------------------------------------- */

static inline const char *vm_wrong(struct arena *a, struct fake_world *w, const struct vm_spec *vm)
{
	const struct fake_thing *t = fake_find(w, KIND_VM, vm->head.name);
	const struct fake_thing *disk = fake_find(w, KIND_DISK, vm->head.name);
	const char *shape = arena_printf(a, "%u cpus, %llu bytes", vm->vcpus,
		(unsigned long long)vm->memory);

	if (!disk || disk->half || disk->size != vm->disk_size)
		return arena_printf(a, "disk/%s is not as declared", vm->head.name);
	if (vm->running && (!t || !t->running || strcmp(t->shape, shape)))
		return arena_printf(a, "vm/%s does not run as declared", vm->head.name);
	if (!vm->running && t && t->running)
		return arena_printf(a, "vm/%s runs", vm->head.name);
	return NULL;
}

static inline bool is_wanted(const struct objects *objects, enum kind kind, const char *name)
{
	vec_each(o, objects)
		if (o->kind == kind && !strcmp(o->name, name))
			return true;
	return false;
}

/* What in the world is not as the spec says, NULL if all is: each VM as declared, and of ours
 * exactly what the spec names. may_stay (may be NULL) names what is ours and may be left over. */
static inline const char *world_wrong(struct arena *a, struct fake_world *w, const struct spec *spec,
	bool (*may_stay)(enum kind kind, const char *name))
{
	struct objects objects = {0};

	if (w->violation[0])
		return arena_dup(a, w->violation);
	if (spec) {
		spec_expand(a, spec, &objects);
		vec_each(vm, &spec->vms) {
			const char *wrong = vm_wrong(a, w, *vm);

			if (wrong)
				return wrong;
		}
	}
	vec_each(o, &objects)
		if ((o->kind <= KIND_NETWORK || o->kind == KIND_NIC) && !fake_find(w, o->kind, o->name))
			return arena_printf(a, "%s/%s is missing", kind_name(o->kind), o->name);
	for (int k = 0; k < KIND_N; k++)
		for (size_t i = 0; i < FAKE_THINGS; i++) {
			const struct fake_thing *t = &w->things[k][i];

			if (!t->exists || t->foreign || is_wanted(&objects, (enum kind)k, t->name))
				continue;
			if (!may_stay || !may_stay((enum kind)k, t->name))
				return arena_printf(a, "leaked %s/%s", kind_name((enum kind)k), t->name);
		}
	return NULL;
}
