/* stamp.c - whether files are still what they were; see stamp.h. */
#include "drivers/sys/stamp.h"

#include <sys/stat.h>

#define MARGIN_MS 1000

void stamp_begin(struct stamp *s, struct arena *a, const char *head)
{
	*s = (struct stamp){.arena = a, .text = head};
}

void stamp_file(struct stamp *s, const char *path)
{
	struct stat st;
	int64_t changed_ms;

	if (stat(path, &st) < 0) {
		s->text = arena_printf(s->arena, "%s-;", s->text);
		return;
	}
	s->text = arena_printf(s->arena, "%s%llu.%llu.%lld.%09ld.%lld.%09ld;", s->text,
		(unsigned long long)st.st_ino, (unsigned long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
		st.st_ctim.tv_nsec);
	changed_ms = (int64_t)st.st_ctim.tv_sec * 1000 + st.st_ctim.tv_nsec / 1000000;
	if (changed_ms > s->newest_ms)
		s->newest_ms = changed_ms;
}

bool stamp_is_old(const struct stamp *s, int64_t ms)
{
	return s->newest_ms < ms - MARGIN_MS;
}
