/* ociref.c - the grammar of image references: OCI distribution-spec, "Pulling manifests". */
#include "schema/ociref.h"

#include "schema/base/utf8.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TAG_MAX 128
#define PATH_MAX_BYTES 255 /* repository name with its host */
#define DIGEST_HEX 64
#define SHOWN 60

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const char tag_more[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

#define SHOW(text) utf8_quote(&scratch, (text), SHOWN)

int ociref_check_tag(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	size_t n = strlen(text);

	if (n > TAG_MAX)
		return err_set(e, ERR_SPEC, "a tag of %zu bytes; at most %d are allowed", n,
			TAG_MAX);
	if (!n || text[strspn(text, tag_more)] || *text == '.' || *text == '-')
		return err_set(e, ERR_SPEC, "%s is not a tag", SHOW(text));
	return 0;
}

static int check_digest(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *hex = text + strlen("sha256:");

	if (!strncmp(text, "sha256:", strlen("sha256:")) && strlen(hex) == DIGEST_HEX &&
		strspn(hex, "0123456789abcdef") == DIGEST_HEX)
		return 0;
	return err_set(e, ERR_SPEC, "%s is not sha256: and 64 lower-case hex digits", SHOW(text));
}

/* Separators within a component: one dot, one or two underscores, any number of dashes. */
static size_t separator(const char *p)
{
	size_t n;

	if (*p == '.')
		return 1;
	if (*p == '_')
		return p[1] == '_' ? 2 : 1;
	n = strspn(p, "-");
	return n;
}

static bool is_component(const char *p)
{
	for (;;) {
		size_t n = strspn(p, lower);

		if (!n)
			return false;
		p += n;
		if (!*p)
			return true;
		p += separator(p);
	}
}

static int check_path(char *path, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *all = arena_dup(&scratch, path);

	for (char *p = path; p;) {
		char *slash = strchr(p, '/');

		if (slash)
			*slash++ = '\0';
		if (!is_component(p)) {
			err_set(e, ERR_SPEC, "%s is not a name in a registry", SHOW(all));
			for (const char *c = p; *c; c++)
				if (isupper((unsigned char)*c))
					err_hint(e, "only lower-case letters are allowed");
			return -1;
		}
		p = slash;
	}
	return 0;
}

static bool is_label(const char *p, size_t n)
{
	if (!n || n > 63 || *p == '-' || p[n - 1] == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)p[i]) && p[i] != '-')
			return false;
	return true;
}

static bool is_host_name(const char *p)
{
	for (;;) {
		size_t n = strcspn(p, ".");

		if (!is_label(p, n))
			return false;
		if (!p[n])
			return true;
		p += n + 1;
	}
}

static bool is_port(const char *p)
{
	size_t n = strspn(p, "0123456789");
	long v = n && n <= 5 && !p[n] ? strtol(p, NULL, 10) : 0;

	return v >= 1 && v <= 65535 && *p != '0';
}

static int check_host(char *host, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *all = arena_dup(&scratch, host);
	char *end = *host == '[' ? strchr(host, ']') : NULL;
	char *port = strchr(end ? end : host, ':');
	bool good;

	if (strchr(host, '@')) {
		err_set(e, ERR_SPEC, "a user or password may not stand in a reference");
		return err_hint(e, "log in with your container tool instead");
	}
	if (port)
		*port++ = '\0';
	if (end)
		good = !end[1] && end > host + 2 &&
		       strspn(host + 1, "0123456789abcdefABCDEF:.") == (size_t)(end - host - 1);
	else
		good = is_host_name(host);
	if (!good)
		return err_set(e, ERR_SPEC, "%s is not a host", SHOW(all));
	if (port && !is_port(port))
		return err_set(e, ERR_SPEC, "%s is not a port from 1 to 65535", SHOW(port));
	return 0;
}

/* Whether the part before the first slash is a host and not the beginning of a path: the rule of
 * the container tools, a dot, a colon or "localhost". */
static bool is_host_part(const char *p)
{
	return strpbrk(p, ".:@[") || !strcmp(p, "localhost");
}

static const char *find_scheme(const char *text)
{
	const char *mark = strstr(text, "://");

	return mark && strspn(text, lower) == (size_t)(mark - text) ? mark + 3 : NULL;
}

/* The tag is behind the last colon if no slash follows it. */
static char *cut_tag(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon || strchr(colon, '/'))
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static char *cut_digest(char *text)
{
	char *at = strrchr(text, '@');

	if (!at || strchr(at, '/'))
		return NULL;
	*at = '\0';
	return at + 1;
}

int ociref_check(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	char *rest = arena_dup(&scratch, text), *digest, *tag, *slash;
	const char *bare = find_scheme(text);

	if (bare) {
		err_set(e, ERR_SPEC, "a reference has no %.*s", (int)(bare - text), text);
		return err_hint(e, "did you mean %.200s?", bare);
	}
	digest = cut_digest(rest);
	if (digest && check_digest(digest, e) < 0)
		return -1;
	tag = cut_tag(rest);
	if (tag && ociref_check_tag(tag, e) < 0)
		return -1;
	if (strlen(rest) > PATH_MAX_BYTES)
		return err_set(e, ERR_SPEC, "a name of %zu bytes; at most %d are allowed",
			strlen(rest), PATH_MAX_BYTES);
	slash = strchr(rest, '/');
	if (slash) {
		*slash = '\0';
		if (is_host_part(rest))
			return check_host(rest, e) < 0 ? -1 : check_path(slash + 1, e);
		*slash = '/';
	}
	return check_path(rest, e);
}

int ociref_check_mirror(const char *text, struct err *e)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	char *host = arena_dup(&scratch, text), *slash;
	const char *bare = find_scheme(text);

	if (bare) {
		err_set(e, ERR_SPEC, "a mirror has no %.*s", (int)(bare - text), text);
		return err_hint(e, "did you mean %.200s?", bare);
	}
	slash = strchr(host, '/');
	if (slash)
		*slash++ = '\0';
	if (!is_host_part(host)) {
		err_set(e, ERR_SPEC, "%s is not HOST[:PORT][/PREFIX]", SHOW(text));
		return err_hint(e, "a host has a dot or a port, or is localhost");
	}
	return check_host(host, e) < 0 ? -1 : slash ? check_path(slash, e) : 0;
}

const char *ociref_digest(const char *text)
{
	const char *at = strrchr(text, '@');

	return at ? at + 1 : NULL;
}

const char *ociref_layout_tag(const char *text, size_t *path_len)
{
	const char *colon = strrchr(text, ':');

	if (!colon || strchr(colon, '/')) {
		*path_len = strlen(text);
		return NULL;
	}
	*path_len = (size_t)(colon - text);
	return colon + 1;
}
