/* meter.c - how fast something goes; see meter.h. */
#include "reconciler/meter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EARLY_MS 500 /* a rate of less time means nothing */

static struct meter *find(struct meters *m, const char *of, const char *what)
{
	struct meter *oldest = &m->v[0];

	for (size_t i = 0; i < METERS; i++) {
		struct meter *one = &m->v[i];

		if (*one->of && !strncmp(one->of, of, METER_NAME_MAX - 1) &&
			!strncmp(one->what, what, METER_NAME_MAX - 1))
			return one;
		if (*oldest->of && (!*one->of || one->now_ms < oldest->now_ms))
			oldest = one;
	}
	*oldest = (struct meter){.begun_ms = -1};
	snprintf(oldest->of, sizeof(oldest->of), "%s", of);
	snprintf(oldest->what, sizeof(oldest->what), "%s", what);
	return oldest;
}

struct meter *meter_note(struct meters *m, const char *of, const char *what, uint64_t done,
	uint64_t total, int64_t now_ms)
{
	struct meter *one = find(m, of, what);

	if (one->begun_ms < 0 || done < one->done || total != one->total) {
		one->from = done;
		one->begun_ms = now_ms;
	}
	one->done = done;
	one->total = total;
	one->now_ms = now_ms;
	return one;
}

static bool is_part(const struct meter *part, const struct meter *whole)
{
	const size_t n = strlen(whole->what);

	return n && *whole->of && !strcmp(whole->of, part->of) &&
		!strncmp(whole->what, part->what, n) && part->what[n] == ' ';
}

const struct meter *meter_whole(const struct meters *m, const struct meter *part)
{
	for (size_t i = 0; i < METERS; i++)
		if (is_part(part, &m->v[i]))
			return &m->v[i];
	return NULL;
}

const struct meter *meter_part(const struct meters *m, const struct meter *whole)
{
	const struct meter *found = NULL;

	for (size_t i = 0; i < METERS; i++) {
		const struct meter *one = &m->v[i];

		if (!is_part(one, whole) || meter_is_done(one))
			continue;
		if (!found || one->now_ms > found->now_ms)
			found = one;
	}
	return found;
}

/* Replace the one of the same thing, or add it. */
static size_t note_thing(const struct meter **v, size_t n, size_t max, const struct meter *one)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(v[i]->of, one->of)) {
			if (one->now_ms >= v[i]->now_ms)
				v[i] = one;
			return n;
		}
	if (n < max)
		v[n++] = one;
	return n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(const struct meter *const *)a)->of, (*(const struct meter *const *)b)->of);
}

size_t meter_things(const struct meters *m, int64_t since_ms, const struct meter **out, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < METERS; i++)
		if (*m->v[i].of && m->v[i].now_ms >= since_ms && !meter_is_done(&m->v[i]) &&
			!meter_whole(m, &m->v[i]))
			n = note_thing(out, n, max, &m->v[i]);
	if (n)
		qsort(out, n, sizeof(struct meter *), by_name);
	return n;
}

uint64_t meter_rate(const struct meter *m)
{
	const int64_t ms = m->now_ms - m->begun_ms;

	if (ms < EARLY_MS)
		return 0;
	return (uint64_t)((double)(m->done - m->from) * 1000 / (double)ms);
}

int64_t meter_left_ms(const struct meter *m)
{
	const uint64_t rate = meter_rate(m);
	double ms;

	if (meter_is_done(m))
		return 0;
	if (!m->total || !rate)
		return -1;
	ms = (double)(m->total - m->done) * 1000 / (double)rate;
	return ms < 1e15 ? (int64_t)ms : -1;
}

bool meter_is_done(const struct meter *m)
{
	return m->total && m->done >= m->total;
}
