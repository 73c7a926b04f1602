/* passwd.c - who a process is to run as. */
#include "drivers/guest/inside/passwd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define SPEC_MAX 256
#define FIELDS_MAX 7

/* One line of a colon-separated file, borrowed from its text. */
struct line {
	const char *field[FIELDS_MAX];
	size_t len[FIELDS_MAX];
	size_t n;
};

/* The line at *text; moves *text behind it. false at the end. */
static bool next_line(const char **text, struct line *l)
{
	const char *p = *text, *end;

	if (!*p)
		return false;
	end = p + strcspn(p, "\n");
	*text = *end ? end + 1 : end;
	for (l->n = 0; l->n < FIELDS_MAX; l->n++) {
		const char *colon = memchr(p, ':', (size_t)(end - p));
		const char *stop = colon ? colon : end;

		l->field[l->n] = p;
		l->len[l->n] = (size_t)(stop - p);
		if (!colon) {
			l->n++;
			break;
		}
		p = colon + 1;
	}
	return true;
}

static bool field_is(const struct line *l, size_t i, const char *s)
{
	return i < l->n && l->len[i] == strlen(s) && !memcmp(l->field[i], s, l->len[i]);
}

/* A user or group number; (uid_t)-1 means "no change" to the kernel and is none. */
static bool number(const char *s, size_t n, uint32_t *out)
{
	uint64_t value = 0;

	if (!n || n > 10)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		value = value * 10 + (uint64_t)(s[i] - '0');
	}
	if (value >= UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

static bool field_number(const struct line *l, size_t i, uint32_t *out)
{
	return i < l->n && number(l->field[i], l->len[i], out);
}

/* The line whose name is s or, if s is a number, whose number in field 2 is that. A name that
 * looks like a number wins over the number, as in the OCI runtimes. */
static bool find_line(const char *text, const char *s, struct line *out)
{
	uint32_t want = 0, have;
	bool numeric = number(s, strlen(s), &want), found = false;
	struct line l;

	while (next_line(&text, &l)) {
		if (field_is(&l, 0, s) && field_number(&l, 2, &have)) {
			*out = l;
			return true;
		}
		if (!found && numeric && field_number(&l, 2, &have) && have == want) {
			*out = l;
			found = true;
		}
	}
	return found;
}

static bool is_member(const struct line *l, const char *name, size_t len)
{
	const char *p = l->n > 3 ? l->field[3] : "";
	const char *end = l->n > 3 ? p + l->len[3] : p;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if ((size_t)(stop - p) == len && !memcmp(p, name, len))
			return true;
		p = comma ? comma + 1 : end;
	}
	return false;
}

static void add_groups(const char *group, const struct line *user, struct passwd_id *out)
{
	struct line l;
	uint32_t gid;

	while (next_line(&group, &l) && out->n_groups < PASSWD_GROUPS_MAX) {
		if (!is_member(&l, user->field[0], user->len[0]) || !field_number(&l, 2, &gid))
			continue;
		if (gid != out->gid)
			out->groups[out->n_groups++] = gid;
	}
}

static void set_home(const struct line *user, struct passwd_id *out)
{
	if (user->n > 5 && user->len[5] && user->len[5] < sizeof(out->home)) {
		memcpy(out->home, user->field[5], user->len[5]);
		out->home[user->len[5]] = '\0';
	}
}

static int set_user(const char *passwd, const char *group, const char *name, bool with_groups,
	struct passwd_id *out, struct why *w)
{
	struct line l;

	if (find_line(passwd, name, &l)) {
		if (!field_number(&l, 2, &out->uid) || !field_number(&l, 3, &out->gid))
			return why_set(w, EINVAL, "user \"%s\": damaged entry in /etc/passwd", name);
		set_home(&l, out);
		if (with_groups)
			add_groups(group, &l, out);
		return 0;
	}
	if (number(name, strlen(name), &out->uid))
		return 0;
	return why_set(w, ENOENT, "user \"%s\" is not in the image's /etc/passwd", name);
}

static int set_group(const char *group, const char *name, struct passwd_id *out, struct why *w)
{
	struct line l;

	if (find_line(group, name, &l)) {
		field_number(&l, 2, &out->gid);
		return 0;
	}
	if (number(name, strlen(name), &out->gid))
		return 0;
	return why_set(w, ENOENT, "group \"%s\" is not in the image's /etc/group", name);
}

int passwd_lookup(const char *passwd, const char *group, const char *spec, struct passwd_id *out,
	struct why *w)
{
	struct passwd_id id = {.home = "/"};
	char text[SPEC_MAX], *colon;

	if (strlen(spec) >= sizeof(text))
		return why_set(w, EINVAL, "user name of %zu bytes", strlen(spec));
	snprintf(text, sizeof(text), "%s", *spec ? spec : "0");
	colon = strchr(text, ':');
	if (colon)
		*colon++ = '\0';
	if (!*text || (colon && !*colon))
		return why_set(w, EINVAL, "user \"%s\": a part is empty", spec);
	if (set_user(passwd, group, text, !colon, &id, w) < 0)
		return -1;
	if (colon && set_group(group, colon, &id, w) < 0)
		return -1;
	/* Root without an entry still has its usual home. */
	if (!id.uid && !strcmp(id.home, "/"))
		snprintf(id.home, sizeof(id.home), "/root");
	*out = id;
	return 0;
}
