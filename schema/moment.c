/* moment.c - moments in time as people write them. */
#include "schema/moment.h"

#include "schema/base/utf8.h"
#include "schema/field.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SHOWN 40

/* n digits at *p, a number from lo to hi. *p goes behind them; NULL when there is no such number. */
static int take(const char **p, int n, int lo, int hi)
{
	const char *s = *p;
	int v = 0;

	if (!s)
		return 0;
	for (int i = 0; i < n; i++) {
		if (!isdigit((unsigned char)s[i])) {
			*p = NULL;
			return 0;
		}
		v = v * 10 + (s[i] - '0');
	}
	*p = v >= lo && v <= hi ? s + n : NULL;
	return v;
}

static void expect(const char **p, const char *one_of)
{
	if (*p)
		*p = **p && strchr(one_of, **p) ? *p + 1 : NULL;
}

static bool has(const char *p, char c)
{
	return p && *p == c;
}

static void take_date(const char **p, struct tm *tm)
{
	tm->tm_year = take(p, 4, 1970, 9999) - 1900;
	expect(p, "-");
	tm->tm_mon = take(p, 2, 1, 12) - 1;
	expect(p, "-");
	tm->tm_mday = take(p, 2, 1, 31);
}

/* ".5" as 500; more digits than three are read and dropped. */
static int take_fraction(const char **p)
{
	int ms = 0, scale = 100;

	const char *s = *p + 1;

	*p = isdigit((unsigned char)*s) ? s + strspn(s, "0123456789") : NULL;
	for (; isdigit((unsigned char)*s); s++, scale /= 10)
		ms += (*s - '0') * scale;
	return ms;
}

static void take_time(const char **p, struct tm *tm, int *ms)
{
	expect(p, "Tt ");
	tm->tm_hour = take(p, 2, 0, 23);
	expect(p, ":");
	tm->tm_min = take(p, 2, 0, 59);
	if (!has(*p, ':'))
		return;
	expect(p, ":");
	tm->tm_sec = take(p, 2, 0, 59);
	if (has(*p, '.'))
		*ms = take_fraction(p);
}

/* Seconds that the zone is ahead of UTC. */
static int take_zone(const char **p)
{
	int sign = has(*p, '-') ? -1 : 1, hours, minutes;

	if (has(*p, 'Z') || has(*p, 'z')) {
		(*p)++;
		return 0;
	}
	if (!has(*p, '+') && !has(*p, '-'))
		return 0;
	expect(p, "+-");
	hours = take(p, 2, 0, 23);
	expect(p, ":");
	minutes = take(p, 2, 0, 59);
	return sign * (hours * 3600 + minutes * 60);
}

int moment_parse(const char *text, int64_t *ms, struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	const char *p = text;
	struct tm tm = {0};
	int fraction = 0, ahead = 0, day;
	time_t sec;

	take_date(&p, &tm);
	day = tm.tm_mday;
	if (p && *p) {
		take_time(&p, &tm, &fraction);
		ahead = take_zone(&p);
	}
	sec = p && !*p ? timegm(&tm) : -1;
	/* timegm makes 31 April the first of May. */
	if (sec >= 0 && tm.tm_mday == day) {
		*ms = ((int64_t)sec - ahead) * 1000 + fraction;
		return 0;
	}
	err_set(e, ERR_SPEC, "%s is not a date or time", utf8_quote(&a, text, SHOWN));
	return err_hint(e, "write it as 2026-12-01 or 2026-12-01T08:30:00Z");
}

/* "7d": a language of durations has no days, since not every day is of 24 hours. How long ago may be that rough. */
static bool take_days(const char *text, uint64_t *ms)
{
	const size_t n = strspn(text, "0123456789");

	if (!n || n > 6 || strcmp(text + n, "d") != 0)
		return false;
	*ms = strtoull(text, NULL, 10) * 24 * 3600 * 1000;
	return true;
}

int moment_parse_ago(const char *text, int64_t now_ms, int64_t *ms, struct err *e)
{
	uint64_t span;

	if (moment_parse(text, ms, NULL) == 0)
		return 0;
	if (take_days(text, &span) || duration_parse(text, &span, NULL) == 0) {
		*ms = span < (uint64_t)now_ms ? now_ms - (int64_t)span : 0;
		return 0;
	}
	err_set(e, ERR_USAGE, "\"%.40s\" is neither a time nor a span", text);
	return err_hint(e, "write 2026-12-01T08:30:00Z, or 90s, 15m, 24h, 7d for as long ago");
}
