/* shrink.h - make a failing story smaller as long as it fails. Included behind play_in_child. */
#pragma once

#include "tests/lib/story.h"

static const char *play_in_child(const struct story *s);

static bool keeps_failing(struct story *s, const struct story *smaller)
{
	if (!play_in_child(smaller))
		return false;
	*s = *smaller;
	return true;
}

static bool drop_round(struct story *s, size_t i)
{
	struct story t = *s;

	if (s->n_rounds < 2)
		return false;
	memmove(&t.rounds[i], &t.rounds[i + 1], (STORY_ROUNDS - 1 - i) * sizeof(t.rounds[0]));
	t.n_rounds--;
	return keeps_failing(s, &t);
}

static bool simplify_round(struct story *s, size_t i)
{
	bool smaller = false;
	struct story t = *s;

	t.rounds[i].fault_at = 0;
	smaller |= s->rounds[i].fault_at && keeps_failing(s, &t);
	for (size_t d = s->rounds[i].n_damages; d-- > 0;) {
		struct story_round *r = &t.rounds[i];

		t = *s;
		memmove(&r->damage[d], &r->damage[d + 1],
			(STORY_DAMAGES - 1 - d) * sizeof(r->damage[0]));
		r->n_damages--;
		smaller |= keeps_failing(s, &t);
	}
	t = *s;
	t.rounds[i].images = t.rounds[i].kernels = t.rounds[i].swap = 0;
	return smaller | (memcmp(&t, s, sizeof(t)) && keeps_failing(s, &t));
}

static bool drop_vm(struct story *s, size_t v)
{
	struct story t = *s;

	for (size_t i = 0; i < s->n_rounds; i++)
		t.rounds[i].there[v] = false;
	return memcmp(&t, s, sizeof(t)) && keeps_failing(s, &t);
}

static bool simplify_vm(struct story *s, size_t round, size_t v)
{
	bool smaller = false;

	for (int d = 0; d < VM_DIGITS; d++) {
		struct story t = *s;

		t.rounds[round].vm[v][d] = 0;
		smaller |= s->rounds[round].there[v] && s->rounds[round].vm[v][d] && keeps_failing(s, &t);
	}
	return smaller;
}

static void shrink(struct story *s)
{
	bool smaller = true;

	for (int turn = 0; smaller && turn < 8; turn++) {
		smaller = false;
		for (size_t i = s->n_rounds; i-- > 0;)
			smaller |= drop_round(s, i);
		for (size_t v = s->n_vms; v-- > 0;)
			smaller |= drop_vm(s, v);
		for (size_t i = 0; i < s->n_rounds; i++)
			smaller |= simplify_round(s, i);
		for (size_t i = 0; i < s->n_rounds; i++)
			for (size_t v = 0; v < s->n_vms; v++)
				smaller |= simplify_vm(s, i, v);
	}
}
