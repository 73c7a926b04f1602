/* conf.c - who may ask the helper, and for how much. */
#include "drivers/helper/conf.h"

#include "schema/base/fd.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one line ---------------------------------------------------------------------------------- */

static const struct {
	const char *key;
	size_t offset;
	uint64_t max;
} keys[] = {
	{"taps", offsetof(struct helper_limits, taps), 100000},
	{"bridges", offsetof(struct helper_limits, bridges), 10000},
	{"loops", offsetof(struct helper_limits, loops), 100000},
	{"cgroups", offsetof(struct helper_limits, cgroups), 100000},
	{"memory", offsetof(struct helper_limits, memory), 1ull << 50},
};

struct helper_limits conf_default(uint32_t uid)
{
	return (struct helper_limits){.uid = uid, .taps = 256, .bridges = 16, .loops = 512,
		.cgroups = 256, .port_min = 1024, .port_max = 65535};
}

/* Decimal digits and nothing else. */
static bool number(const char *s, uint64_t max, uint64_t *out)
{
	if (!*s || strspn(s, "0123456789") != strlen(s) || strlen(s) > 18)
		return false;
	*out = strtoull(s, NULL, 10);
	return *out <= max;
}

/* "300000-300999" */
static bool range(char *value, uint64_t most, uint64_t *min, uint64_t *max)
{
	char *dash = strchr(value, '-');

	if (!dash)
		return false;
	*dash = '\0';
	return number(value, most, min) && number(dash + 1, most, max) && *min <= *max;
}

/* Above what people and services have. */
static bool set_uids(char *value, struct helper_limits *l)
{
	uint64_t min, max;

	if (!range(value, UINT32_MAX - 1, &min, &max) || min < 65536)
		return false;
	l->uid_min = (uint32_t)min;
	l->uid_max = (uint32_t)max;
	return true;
}

static bool set_key(char *word, struct helper_limits *l)
{
	char *equals = strchr(word, '=');
	uint64_t v;

	if (!equals)
		return false;
	*equals = '\0';
	if (!strcmp(word, "uids"))
		return set_uids(equals + 1, l);
	if (!strcmp(word, "ports"))
		return range(equals + 1, 65535, &l->port_min, &l->port_max);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!strcmp(word, keys[i].key) && number(equals + 1, keys[i].max, &v)) {
			memcpy((char *)l + keys[i].offset, &v, sizeof(v));
			return true;
		}
	return false;
}

static int parse_line(char *line, int64_t (*uid_of)(const char *), struct helper_conf *out,
	struct err *e)
{
	char *at = line, *word = strsep(&at, " \t"), *who = NULL;
	struct helper_limits l;
	uint64_t uid = 0;
	int64_t known;

	while (at && (!who || !*who))
		who = strsep(&at, " \t");
	if (strcmp(word, "owner") || !who || !*who)
		return err_set(e, ERR_CONTENT, "does not say: owner WHO KEY=VALUE...");
	known = number(who, UINT32_MAX - 1, &uid) ? (int64_t)uid : uid_of(who);
	if (known < 0)
		return err_set(e, ERR_CONTENT, "there is no user %.40s", who);
	if (conf_find(out, (uint32_t)known))
		return err_set(e, ERR_CONTENT, "owner %.40s was there already", who);
	if (out->n == CONF_OWNERS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d owners", CONF_OWNERS_MAX);
	l = conf_default((uint32_t)known);
	while ((word = strsep(&at, " \t")))
		if (*word && !set_key(word, &l))
			return err_set(e, ERR_CONTENT, "%.40s is not understood", word);
	out->owners[out->n++] = l;
	return 0;
}

int conf_parse(const char *text, size_t n, int64_t (*uid_of)(const char *name),
	struct helper_conf *out, struct err *e)
{
	char copy[CONF_BYTES_MAX + 1], *at = copy, *line;
	int number_of_line = 0;

	*out = (struct helper_conf){0};
	if (n > CONF_BYTES_MAX || memchr(text, 0, n))
		return err_set(e, ERR_CONTENT, "is too long or no text");
	memcpy(copy, text, n);
	copy[n] = '\0';
	while ((line = strsep(&at, "\n"))) {
		number_of_line++;
		line[strcspn(line, "#")] = '\0';
		line += strspn(line, " \t");
		if (*line && parse_line(line, uid_of, out, e) < 0)
			return err_wrap(e, "line %d", number_of_line);
	}
	return 0;
}

const struct helper_limits *conf_find(const struct helper_conf *c, uint32_t uid)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->owners[i].uid == uid)
			return &c->owners[i];
	return NULL;
}

/* ---- the file ----------------------------------------------------------------------------------- */

/* /etc/passwd itself: what else answers for users on a host (networks, other programs) has no say in who
 * may ask root. */
static int64_t uid_of_file(const char *name)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd entry = {.pw_name = NULL}, *p = NULL;
	int64_t uid = -1;
	char buf[4096];

	while (f && uid < 0 && !fgetpwent_r(f, &entry, buf, sizeof(buf), &p))
		if (!strcmp(p->pw_name, name))
			uid = (int64_t)p->pw_uid;
	if (f)
		fclose(f);
	return uid;
}

static bool is_roots(const struct stat *st)
{
	/* A sticky folder of root's keeps others from renaming what is in it, not from adding to it;
	 * a file that is root's in it is then as good. */
	return st->st_uid == 0 && (!(st->st_mode & 022) ||
		(S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX)));
}

static int check_folders(const char *path, struct err *e)
{
	char part[256];
	struct stat st;

	if (path[0] != '/' || strlen(path) >= sizeof(part))
		return err_set(e, ERR_USAGE, "%.80s: is not an absolute path of less than %zu bytes", path,
			sizeof(part));
	for (size_t i = 0; path[i]; i++) {
		if (path[i] != '/')
			continue;
		memcpy(part, path, i + 1);
		part[i + 1] = '\0';
		if (lstat(part, &st) < 0)
			return errno == ENOENT ? err_set(e, ERR_NOINPUT, "%s: is not there", part) :
				err_sys(e, errno, "cannot look at %s", part);
		if (!is_roots(&st))
			return err_set(e, ERR_GUARD, "%s: somebody but root can write it", part);
	}
	return 0;
}

int conf_read(const char *path, struct helper_conf *out, struct err *e)
{
	_cleanup_fd_ int fd = -1;
	char text[CONF_BYTES_MAX + 1];
	struct stat st;
	ssize_t n;

	if (check_folders(path, e) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return err_set(e, ERR_NOINPUT, "%s: is not there", path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) || !is_roots(&st))
		return err_set(e, ERR_GUARD, "%s: is no plain file that only root can write", path);
	n = read(fd, text, sizeof(text));
	if (n < 0)
		return err_sys(e, errno, "cannot read %s", path);
	return conf_parse(text, (size_t)n, uid_of_file, out, e) < 0 ? err_wrap(e, "%s", path) : 0;
}
