/* auth.c - challenge, credentials, token; see auth.h. */
#include "drivers/image/worker/auth.h"

#include "schema/base/fd.h"
#include "schema/base/json.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_MAX (1024u << 10)
#define TOKEN_ANSWER_MAX (256u << 10)
#define TOKEN_MAX (64u << 10)
#define BASIC_MAX 4096u
#define HUB_KEY "https://index.docker.io/v1/"

/* ---- challenge -------------------------------------------------------------------------- */

/* One name="value" or name=value; returns what follows, or NULL if it is none. */
static const char *next_param(struct arena *a, const char *p, const char **name, const char **value)
{
	size_t n;

	p += strspn(p, " \t,");
	n = strcspn(p, "= \t,");
	if (!n || p[n] != '=')
		return NULL;
	*name = arena_dupn(a, p, n);
	p += n + 1;
	if (*p != '"') {
		n = strcspn(p, " \t,");
		*value = arena_dupn(a, p, n);
		return p + n;
	}
	n = strcspn(++p, "\"");
	if (p[n] != '"')
		return NULL;
	*value = arena_dupn(a, p, n);
	return p + n + 1;
}

int auth_parse(struct arena *a, const char *header, struct challenge *out, struct err *e)
{
	const char *name, *value, *p = header;

	*out = (struct challenge){.bearer = !strncasecmp(header, "bearer ", 7)};
	if (!strncasecmp(header, "basic", 5) &&
		(!header[5] || header[5] == ' '))
		return 0;
	if (!out->bearer)
		return err_set(e, ERR_REMOTE, "the registry asks for a kind of login that is not known "
			"(%.40s)", *header ? header : "no WWW-Authenticate header");
	for (p += 7; (p = next_param(a, p, &name, &value));) {
		if (!strcasecmp(name, "realm"))
			out->realm = value;
		else if (!strcasecmp(name, "service"))
			out->service = value;
		else if (!strcasecmp(name, "scope"))
			out->scope = value;
	}
	if (!out->realm)
		return err_set(e, ERR_REMOTE, "the registry asks for a token but does not say where to "
			"get it");
	return 0;
}

/* ---- credentials ------------------------------------------------------------------------ */

static const char *config_path(struct arena *a)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (dir && *dir)
		return arena_printf(a, "%s/config.json", dir);
	return home && *home ? arena_printf(a, "%s/.docker/config.json", home) : NULL;
}

static bool is_base64(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");

	return n && n <= BASIC_MAX && strspn(s + n, "=") <= 2 && !s[n + strspn(s + n, "=")];
}

static int find_host(struct arena *a, const json_t *auths, const char *host,
	struct credentials *out, struct err *e)
{
	const char *keys[] = {host, arena_printf(a, "https://%s", host),
		arena_printf(a, "http://%s", host), !strcmp(host, "docker.io") ? HUB_KEY : host};
	const char *basic = NULL, *identity = NULL;

	for (size_t i = 0; !basic && !identity && i < sizeof(keys) / sizeof(keys[0]); i++) {
		basic = json_str(json_object_get(auths, keys[i]), "auth", NULL);
		identity = json_str(json_object_get(auths, keys[i]), "identitytoken", NULL);
	}
	if (identity && *identity)
		out->identity = arena_dup(a, identity);
	if (!basic || !*basic)
		return 0;
	if (!is_base64(basic))
		return err_set(e, ERR_CONTENT, "config.json: the auth of %s is not base64", host);
	out->basic = arena_dup(a, basic);
	return 0;
}

/* 1: there is no file to use. */
static int usable(const char *path, bool named, struct credentials *out, struct err *e)
{
	struct stat st;

	if (!path || stat(path, &st) < 0)
		return named ? err_set(e, errno == EACCES ? ERR_DENIED : ERR_NOINPUT,
			"auth_file %s: %s", path, strerror(errno)) : 1;
	if (st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	if (named) {
		err_set(e, ERR_DENIED, "auth_file %s: others can read it, or it is another user's", path);
		return err_hint(e, "chmod 600 it");
	}
	out->ignored = path;
	return 1;
}

int auth_credentials(struct arena *a, const char *file, const char *host, struct credentials *out,
	struct err *e)
{
	const char *path = file ? file : config_path(a);
	_cleanup_json_ json_t *j = NULL;
	char *buf;
	size_t n;
	int rc;

	*out = (struct credentials){0};
	rc = usable(path, file != NULL, out, e);
	if (rc)
		return rc < 0 ? -1 : 0;
	if (file_read(a, AT_FDCWD, path, CONFIG_MAX, &buf, &n, e) < 0)
		return -1;
	if (json_parse(buf, n, path, &j, e) < 0) {
		/* jansson quotes what it stumbled over, and that may be a secret. */
		return err_set(e, ERR_CONTENT, "%s: not valid JSON", path);
	}
	return find_host(a, json_object_get(j, "auths"), host, out, e);
}

/* ---- token ------------------------------------------------------------------------------ */

static const char *token_url(struct arena *a, const struct challenge *c)
{
	char *service = c->service ? curl_easy_escape(NULL, c->service, 0) : NULL;
	char *scope = c->scope ? curl_easy_escape(NULL, c->scope, 0) : NULL;
	const char *url = arena_printf(a, "%s%c%s%s%s%s", c->realm,
		strchr(c->realm, '?') ? '&' : '?', service ? "service=" : "", service ? service : "",
		scope ? "&scope=" : "", scope ? scope : "");

	curl_free(service);
	curl_free(scope);
	return url;
}

static const char *form_field(struct arena *a, const char *form, const char *name, const char *value)
{
	char *escaped = value ? curl_easy_escape(NULL, value, 0) : NULL;

	if (escaped)
		form = arena_printf(a, "%s%s%s=%s", form, *form ? "&" : "", name, escaped);
	curl_free(escaped);
	return form;
}

/* https://distribution.github.io/distribution/spec/auth/oauth/ */
static const char *refresh_form(struct arena *a, const struct challenge *c, const char *identity)
{
	const char *form = form_field(a, "", "grant_type", "refresh_token");

	form = form_field(a, form, "client_id", "reconcile");
	form = form_field(a, form, "service", c->service);
	form = form_field(a, form, "scope", c->scope);
	return form_field(a, form, "refresh_token", identity);
}

static int read_token(struct arena *a, const struct http_memory *m, const char **header,
	struct err *e)
{
	_cleanup_json_ json_t *j = json_loadb(m->data, m->n, JSON_REJECT_DUPLICATES, NULL);
	const char *token = json_str(j, "token", json_str(j, "access_token", NULL));

	if (!token || !*token || strlen(token) > TOKEN_MAX)
		return err_set(e, ERR_REMOTE, "the token server's answer has no token");
	for (const char *p = token; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f)
			return err_set(e, ERR_REMOTE, "the token server's answer is not a token");
	*header = arena_printf(a, "Bearer %s", token);
	return 0;
}

static int fetch_token(struct arena *a, struct http *h, const struct challenge *c,
	const struct credentials *who, const char **header, struct err *e)
{
	struct http_request rq = {.url = token_url(a, c), .accept = "application/json"};
	struct http_answer answer;
	struct http_memory m;

	if (who->identity) {
		rq.url = c->realm;
		rq.form = refresh_form(a, c, who->identity);
	} else if (who->basic) {
		rq.authorization = arena_printf(a, "Basic %s", who->basic);
	}
	http_memory(&m, a, TOKEN_ANSWER_MAX);
	rq.sink = &m.sink;
	if (http_get(h, &rq, &answer, e) < 0)
		return err_wrap(e, "token server");
	if (answer.status == 401 || answer.status == 403)
		return err_set(e, ERR_DENIED, "the registry's token server refuses us (%ld)",
			answer.status);
	if (answer.status != 200)
		return err_set(e, ERR_REMOTE, "the registry's token server answers %ld",
			answer.status);
	return read_token(a, &m, header, e);
}

int auth_answer(struct arena *a, struct http *h, const struct challenge *c,
	const struct credentials *who, const char **header, struct err *e)
{
	*header = NULL;
	if (c->bearer)
		return fetch_token(a, h, c, who, header, e);
	if (who->basic)
		*header = arena_printf(a, "Basic %s", who->basic);
	return 0;
}
