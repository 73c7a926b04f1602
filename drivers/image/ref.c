/* ref.c - names of images; see ref.h for their grammar. */
#include "drivers/image/ref.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define REPO_MAX 255
#define TAG_MAX 128
#define REF_MAX 1024

static bool is_low(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
	return is_low(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ref_is_digest(const char *s)
{
	if (!s || strncmp(s, "sha256:", 7) != 0)
		return false;
	s += 7;
	return strspn(s, "0123456789abcdef") == REF_HEX && !s[REF_HEX];
}

bool ref_is_tag(const char *s)
{
	size_t n = strlen(s);

	if (!n || n > TAG_MAX || !is_word(s[0]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!is_word(s[i]) && s[i] != '.' && s[i] != '-')
			return false;
	return true;
}

/* Length of the separator at s: one dot, one or two underscores, any number of dashes. */
static size_t separator(const char *s)
{
	size_t n;

	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	for (n = 0; s[n] == '-'; n++)
		;
	return n;
}

/* Words of lower-case letters and digits with separators between them, slashes between parts. */
static bool is_repo(const char *s)
{
	if (strlen(s) > REPO_MAX)
		return false;
	for (;;) {
		if (!is_low(*s))
			return false;
		while (is_low(*s))
			s++;
		if (!*s)
			return true;
		if (*s == '/')
			s++;
		else if (separator(s))
			s += separator(s);
		else
			return false;
	}
}

static bool is_port(const char *s)
{
	size_t n = strspn(s, "0123456789");

	return n && n <= 5 && !s[n] && atoi(s) >= 1 && atoi(s) <= 65535;
}

/* DNS labels or an IPv4 address. */
static bool is_dns(const char *s, size_t n)
{
	if (!n || n > 253)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool first = !i || s[i - 1] == '.', last = i + 1 == n || s[i + 1] == '.';

		if (s[i] == '.' ? first || i + 1 == n : s[i] == '_' || s[i] == '-' ? first || last :
								!is_word(s[i]))
			return false;
	}
	return true;
}

static bool is_host(const char *s)
{
	const char *end = s[0] == '[' ? strchr(s, ']') : s + strcspn(s, ":");

	if (!end)
		return false;
	if (s[0] == '[') {
		size_t n = (size_t)(end - s) - 1;

		if (n < 2 || n > 45 || strspn(s + 1, "0123456789abcdefABCDEF:.") != n)
			return false;
		end++;
	} else if (!is_dns(s, (size_t)(end - s))) {
		return false;
	}
	return !*end || (*end == ':' && is_port(end + 1));
}

/* The part before the first slash is a host if it cannot be part of a Docker Hub name. */
static bool names_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || s[0] == '[' ||
		(n == 9 && !memcmp(s, "localhost", 9));
}

static int split_tail(char *s, struct ref *r, const char *text, struct err *e)
{
	char *at = strchr(s, '@'), *slash, *colon;

	if (at) {
		*at = '\0';
		if (!ref_is_digest(at + 1))
			return err_set(e, ERR_SPEC, "image reference \"%.200s\": the digest has to be "
				"sha256: and 64 lower-case hex digits", text);
		r->digest = at + 1;
	}
	slash = strrchr(s, '/');
	colon = strchr(slash ? slash : s, ':');
	if (colon) {
		*colon = '\0';
		if (!ref_is_tag(colon + 1))
			return err_set(e, ERR_SPEC, "image reference \"%.200s\": \"%.140s\" is not a tag",
				text, colon + 1);
		r->tag = colon + 1;
	}
	if (r->digest) {
		r->beside = r->tag;
		r->tag = NULL;
	} else if (!r->tag) {
		r->tag = "latest";
	}
	return 0;
}

int ref_parse(struct arena *a, const char *text, struct ref *out, struct err *e)
{
	struct ref r = {0};
	char *s, *slash;

	if (strlen(text) > REF_MAX)
		return err_set(e, ERR_SPEC, "image reference of %zu bytes; at most %d are allowed",
			strlen(text), REF_MAX);
	if (strstr(text, "://"))
		return err_set(e, ERR_SPEC, "image reference \"%.200s\": write it without \"%.*s\"",
			text, (int)(strstr(text, "://") - text) + 3, text);
	s = arena_dup(a, text);
	slash = strchr(s, '/');
	if (slash && names_host(s, (size_t)(slash - s))) {
		*slash = '\0';
		r.host = s;
		s = slash + 1;
	}
	if (split_tail(s, &r, text, e) < 0)
		return -1;
	if (r.host && !is_host(r.host))
		return err_set(e, ERR_SPEC, "image reference \"%.200s\": \"%.100s\" is not a host name "
			"with an optional port", text, r.host);
	if (!is_repo(s))
		return err_set(e, ERR_SPEC, "image reference \"%.200s\": \"%.200s\" is not a "
			"repository name (lower-case letters, digits, and . _ - between them)", text, s);
	r.repo = s;
	if (!r.host || !strcmp(r.host, "index.docker.io"))
		r.host = "docker.io";
	if (!strcmp(r.host, "docker.io") && !strchr(r.repo, '/'))
		r.repo = arena_printf(a, "library/%s", r.repo);
	*out = r;
	return 0;
}

const char *ref_text(struct arena *a, const struct ref *r)
{
	return arena_printf(a, "%s/%s%s%s", r->host, r->repo, r->digest ? "@" : ":",
		r->digest ? r->digest : r->tag);
}

/* ---- platform --------------------------------------------------------------------------- */

static const char *host_arch(void)
{
	static const struct {
		const char *machine, *arch;
	} table[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"armv7l", "arm"}, {"i686", "386"},
		{"riscv64", "riscv64"}, {"ppc64le", "ppc64le"}, {"s390x", "s390x"}};
	static struct utsname u;

	uname(&u);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(u.machine, table[i].machine))
			return table[i].arch;
	return u.machine;
}

static bool is_platform_word(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!is_low(s[i]) && s[i] != '_' && s[i] != '.' && s[i] != '-')
			return false;
	return n && n <= 32;
}

int ref_platform(struct arena *a, const char *text, struct platform *out, struct err *e)
{
	struct platform p = {"linux", host_arch(), NULL};
	char *s, *arch, *variant;

	if (!text || !*text) {
		*out = p;
		return 0;
	}
	s = arena_dup(a, text);
	arch = strchr(s, '/');
	if (!arch)
		return err_set(e, ERR_SPEC, "platform \"%.100s\": expected OS/ARCH[/VARIANT]", text);
	*arch++ = '\0';
	variant = strchr(arch, '/');
	if (variant)
		*variant++ = '\0';
	if (!is_platform_word(s) || !is_platform_word(arch) || (variant && !is_platform_word(variant)))
		return err_set(e, ERR_SPEC, "platform \"%.100s\": expected OS/ARCH[/VARIANT]", text);
	*out = (struct platform){s, arch, variant};
	return 0;
}

const char *ref_platform_text(struct arena *a, const struct platform *p)
{
	return arena_printf(a, "%s/%s%s%s", p->os, p->arch, p->variant ? "/" : "",
		p->variant ? p->variant : "");
}

int ref_layout(struct arena *a, const char *text, const char **path, const char **tag,
	struct err *e)
{
	char *s = arena_dup(a, text);
	char *slash = strrchr(s, '/'), *colon = strrchr(slash ? slash : s, ':');

	*tag = NULL;
	if (colon) {
		*colon = '\0';
		*tag = colon + 1;
		if (!ref_is_tag(colon + 1))
			return err_set(e, ERR_SPEC, "OCI layout \"%.300s\": \"%.140s\" is not a tag", text,
				colon + 1);
	}
	if (!*s)
		return err_set(e, ERR_SPEC, "OCI layout \"%.300s\": the path is empty", text);
	*path = s;
	return 0;
}
