/* story.h - random stories of a host: what was wanted in each round, what was damaged before it and
 * where its first pass was hit. A story is plain data: it comes from a seed, can be printed as one
 * line of text, read back, and made smaller.
 *
 *	rABCD          a round begins: A 1 nothing is wanted, B content of images, C of kernels, D swap
 *	               of fixed ids
 *	vI.MDIKSPCG    VM I is wanted: memory, disk, image, kernel, stopped, distance to the VM that it
 *	               depends on (0: none), fixed id, stop timeout; a digit each
 *	dK.I           damage of kind K to VM (or image, kernel) I
 *	fN.M.E         the first pass is hit at point N, in mode M, with error E
 */
#pragma once

#include "schema/base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STORY_VMS 100
#define STORY_ROUNDS 5
#define STORY_DAMAGES 4
#define VM_DIGITS 8

enum { VM_MEMORY, VM_DISK, VM_IMAGE, VM_KERNEL, VM_STOPPED, VM_DEPENDS, VM_CID, VM_GRACE };

struct story_round {
	bool there[STORY_VMS];
	uint8_t vm[STORY_VMS][VM_DIGITS];
	uint8_t nothing, images, kernels, swap;
	size_t n_damages;
	struct {
		uint8_t kind, victim;
	} damage[STORY_DAMAGES];
	uint32_t fault_at; /* 0: none */
	uint8_t fault_mode, fault_error;
};

struct story {
	size_t n_rounds, n_vms;
	struct story_round rounds[STORY_ROUNDS];
};

/* SplitMix64, as Vigna published it into the public domain. */
static inline uint64_t story_roll(uint64_t *dice, uint64_t n)
{
	uint64_t z = *dice += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return n ? z % n : z;
}

static inline void story_vm(uint64_t *dice, struct story_round *r, size_t i)
{
	static const uint8_t choices[VM_DIGITS] = {3, 3, 2, 2, 2, 3, 2, 3};

	r->there[i] = story_roll(dice, 4) > 0;
	for (int d = 0; d < VM_DIGITS; d++)
		r->vm[i][d] = story_roll(dice, 3) ? r->vm[i][d] : (uint8_t)story_roll(dice, choices[d]);
	if (r->vm[i][VM_DEPENDS] > i)
		r->vm[i][VM_DEPENDS] = 0;
}

/* Each round is a change of the one before. Damage kinds are below damages. */
static inline void story_make(uint64_t seed, uint8_t damages, uint8_t modes, struct story *s)
{
	uint64_t dice = seed;

	*s = (struct story){.n_rounds = 2 + story_roll(&dice, STORY_ROUNDS - 1)};
	s->n_vms = story_roll(&dice, 60) ? 1 + story_roll(&dice, 6) : 20 + story_roll(&dice, STORY_VMS - 20);
	for (size_t i = 0; i < s->n_rounds; i++) {
		struct story_round *r = &s->rounds[i];

		if (i)
			*r = s->rounds[i - 1];
		r->nothing = story_roll(&dice, 12) == 0;
		r->images = (uint8_t)(story_roll(&dice, 4) ? r->images : story_roll(&dice, 3));
		r->kernels = (uint8_t)(story_roll(&dice, 4) ? r->kernels : story_roll(&dice, 3));
		for (size_t v = 0; v < s->n_vms; v++)
			if (!i || story_roll(&dice, 3) == 0)
				story_vm(&dice, r, v);
		r->n_damages = i ? story_roll(&dice, STORY_DAMAGES) : 0;
		for (size_t d = 0; d < r->n_damages; d++) {
			r->damage[d].kind = (uint8_t)story_roll(&dice, damages);
			r->damage[d].victim = (uint8_t)story_roll(&dice, s->n_vms);
		}
		r->fault_at = story_roll(&dice, 2) ? 0 : 1 + (uint32_t)story_roll(&dice, 90);
		r->fault_mode = (uint8_t)(1 + story_roll(&dice, modes - 1u));
		r->fault_error = (uint8_t)story_roll(&dice, 5);
	}
}

static inline char *story_text(struct arena *a, const struct story *s)
{
	char *text = arena_dup(a, "");

	for (const struct story_round *r = s->rounds; r < s->rounds + s->n_rounds; r++) {
		text = arena_printf(a, "%s%sr%d%d%d%d", text, *text ? " " : "", r->nothing, r->images,
			r->kernels, r->swap);
		for (size_t i = 0; i < s->n_vms; i++) {
			const uint8_t *v = r->vm[i];

			if (r->there[i])
				text = arena_printf(a, "%s v%zu.%d%d%d%d%d%d%d%d", text, i, v[0], v[1],
					v[2], v[3], v[4], v[5], v[6], v[7]);
		}
		for (size_t i = 0; i < r->n_damages; i++)
			text = arena_printf(a, "%s d%d.%d", text, r->damage[i].kind,
				r->damage[i].victim);
		if (r->fault_at)
			text = arena_printf(a, "%s f%u.%d.%d", text, r->fault_at, r->fault_mode,
				r->fault_error);
	}
	return text;
}

static inline bool story_word(const char *word, struct story *s, struct story_round *r)
{
	unsigned i, k, mode, error;
	char digits[VM_DIGITS + 1];

	if (sscanf(word, "v%u.%8[0-9]", &i, digits) == 2 && i < STORY_VMS) {
		r->there[i] = true;
		for (size_t d = 0; d < VM_DIGITS; d++)
			r->vm[i][d] = (uint8_t)(digits[d] - '0');
		if (s->n_vms <= i)
			s->n_vms = i + 1;
		return true;
	}
	if (sscanf(word, "d%u.%u", &k, &i) == 2 && r->n_damages < STORY_DAMAGES) {
		r->damage[r->n_damages].kind = (uint8_t)k;
		r->damage[r->n_damages++].victim = (uint8_t)i;
		return true;
	}
	if (sscanf(word, "f%u.%u.%u", &k, &mode, &error) == 3) {
		r->fault_at = k;
		r->fault_mode = (uint8_t)mode;
		r->fault_error = (uint8_t)error;
		return true;
	}
	return false;
}

/* Read what story_text printed. */
static inline bool story_read(const char *text, struct story *s)
{
	struct story_round *r = NULL;
	char word[64];

	*s = (struct story){0};
	for (int n; sscanf(text, " %63s%n", word, &n) == 1; text += n) {
		if (word[0] != 'r') {
			if (!r || !story_word(word, s, r))
				return false;
			continue;
		}
		if (s->n_rounds == STORY_ROUNDS || strlen(word) != 5)
			return false;
		r = &s->rounds[s->n_rounds++];
		r->nothing = (uint8_t)(word[1] - '0');
		r->images = (uint8_t)(word[2] - '0');
		r->kernels = (uint8_t)(word[3] - '0');
		r->swap = (uint8_t)(word[4] - '0');
	}
	return r != NULL;
}

/* The spec of a round. */
static inline char *story_spec(struct arena *a, const struct story *s, const struct story_round *r)
{
	static const char *const memory[] = {"64MiB", "128MiB", "256MiB"};
	static const char *const disk[] = {"4GiB", "1GiB", "8GiB"};
	static const char *const grace[] = {"10s", "3s", "30s"};
	char *text = arena_printf(a, "version: 1\nimages:\n  i0: {oci: 'r.example/a:%d'}\n"
		"  i1: {oci: 'r.example/b:1'}\nkernels:\n  k0: {file: /boot/a%d}\n"
		"  k1: {file: /boot/b}\nvms:%s\n", r->images, r->kernels,
		memchr(r->there, 1, sizeof(r->there)) ? "" : " {}");

	for (size_t i = 0; i < s->n_vms; i++) {
		const uint8_t *v = r->vm[i];
		const size_t on = i - v[VM_DEPENDS];

		if (!r->there[i])
			continue;
		text = arena_printf(a, "%s  v%zu: {image: i%d, kernel: k%d, memory: %s, disk: %s,"
			" stop_timeout: %s%s", text, i, v[VM_IMAGE] % 2, v[VM_KERNEL] % 2,
			memory[v[VM_MEMORY] % 3], disk[v[VM_DISK] % 3], grace[v[VM_GRACE] % 3],
			v[VM_STOPPED] ? ", running: false" : "");
		/* Nobody can wait for a VM that is not to run. */
		if (v[VM_DEPENDS] && v[VM_DEPENDS] <= i && r->there[on] && !r->vm[on][VM_STOPPED])
			text = arena_printf(a, "%s, depends_on: [v%zu]", text, on);
		if (v[VM_CID])
			text = arena_printf(a, "%s, vsock: {cid: %zu}", text, 500 + (i ^ r->swap));
		text = arena_printf(a, "%s}\n", text);
	}
	return text;
}
