/* secret.c - values of env that stand outside of the spec.
 *
 *	env:
 *	  TOKEN: {file: ./token}        a file, relative to the spec
 *	  KEY: {credential: db-key}     a file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5))
 *
 * The text goes to the guest and nowhere else. Everything that is printed, compared or kept holds a
 * marker: where it is from and 32 bits of a digest, enough to see that it changed. A digest of more
 * bits, or of the text alone, would help who guesses at short secrets.
 */
#include "schema/bind.h"

#include "schema/base/sha256.h"
#include "schema/base/utf8.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 60
#define CREDENTIALS "CREDENTIALS_DIRECTORY"

enum place { PLACE_FILE, PLACE_CREDENTIAL, PLACE_COMMAND, PLACE_N };

static const char *const place_names[PLACE_N] = {"file", "credential", "command"};

static enum place place_of(const char *key)
{
	enum place p = PLACE_FILE;

	while (p < PLACE_N && strcmp(place_names[p], key) != 0)
		p++;
	return p;
}

/* The one key of the map, NULL after a diagnostic. */
static const struct yaml_node *only_key(struct binding *b, const char *name,
	const struct yaml_node *map)
{
	const struct yaml_node *key = map->child;
	enum place place = key ? place_of(key->text) : PLACE_N;
	struct diag *d;

	if (key && key->bad)
		return NULL;
	if (map->n == 1 && place == PLACE_COMMAND) {
		BIND_ERROR(b->l, b->src, key, "env: a secret by command is not supported yet");
		return NULL;
	}
	if (map->n != 1 || place == PLACE_N) {
		d = BIND_ERROR(b->l, b->src, key ? key : map, "env: %s is not a value",
			utf8_quote(b->l->a, name, SHOWN));
		diag_hint(b->l->a, d, "write a text, {file: PATH} or {credential: NAME}");
		return NULL;
	}
	if (key->child->bad)
		return NULL;
	if (key->child->type == YAML_SCALAR && !yaml_is_null(key->child) && *key->child->text)
		return key;
	BIND_ERROR(b->l, b->src, key->child, "env: %s: a text expected, not %s", key->text,
		yaml_is_null(key->child) || key->child->type != YAML_SCALAR
			? yaml_what(key->child) : "an empty one");
	return NULL;
}

static bool is_one_line(const char *text)
{
	return !strpbrk(text, "\n\r\t") && strlen(text) <= 4095;
}

/* Where the text is. NULL after a diagnostic. */
static const char *path_of(struct binding *b, enum place place, const struct yaml_node *n)
{
	struct arena *a = b->l->a;
	const char *folder = b->l->in->env ? b->l->in->env(CREDENTIALS) : NULL;
	struct diag *d;

	if (!is_one_line(n->text) || !strncmp(n->text, "~/", 2)) {
		d = BIND_ERROR(b->l, b->src, n, "env: %s is not a path",
			utf8_quote(a, n->text, SHOWN));
		diag_hint(a, d, "one line of at most 4095 bytes; ~ is not expanded");
		return NULL;
	}
	if (place == PLACE_FILE)
		return files_beside(a, b->src, n->text);
	if (strchr(n->text, '/') || !strcmp(n->text, ".") || !strcmp(n->text, "..")) {
		BIND_ERROR(b->l, b->src, n, "env: %s is not a name of a credential",
			utf8_quote(a, n->text, SHOWN));
		return NULL;
	}
	if (folder && *folder == '/')
		return arena_printf(a, "%s/%s", folder, n->text);
	d = BIND_ERROR(b->l, b->src, n, "env: the credential %s is not at hand: "
		CREDENTIALS " is not set", utf8_quote(a, n->text, SHOWN));
	diag_hint(a, d, "systemd sets it for a unit with LoadCredential=");
	return NULL;
}

/* Whether the guest can have it as a variable. What is wrong is said without a byte of it. */
static const char *what_is_wrong(const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		uint32_t cp;
		size_t len = utf8_decode(text + at, n - at, &cp);

		if (!len)
			return "is not UTF-8 text";
		if (!utf8_is_plain(cp) && cp != '\n' && cp != '\t' && cp != '\r')
			return "holds a control character";
		at += len;
	}
	return NULL;
}

static bool read_text(struct binding *b, const struct yaml_node *n, const char *path,
	const char **out, size_t *len)
{
	const char *wrong;
	char *text = NULL;
	struct err e = ERR_INIT;

	if (!b->l->in->read) {
		BIND_ERROR(b->l, b->src, n, "env: a secret cannot be read here");
		return false;
	}
	if (b->l->in->read(b->l->in->arg, b->l->a, path, FIELD_TEXT_MAX, &text, len, &e) < 0) {
		BIND_ERROR(b->l, b->src, n, "env: cannot read the secret: %s", e.msg);
		return false;
	}
	if (*len && text[*len - 1] == '\n') /* as echo(1) and editors leave it */
		--*len;
	wrong = *len ? what_is_wrong(text, *len) : "is empty";
	if (wrong)
		BIND_ERROR(b->l, b->src, n, "env: the secret in %s %s",
			utf8_quote(b->l->a, path, SHOWN), wrong);
	else
		*out = arena_dupn(b->l->a, text, *len);
	return !wrong;
}

/* The same wherever reconcile was started: of a file the whole path. */
static const char *marker_of(struct binding *b, enum place place, const char *where,
	const char *text, size_t n)
{
	struct arena *a = b->l->a;
	uint8_t digest[SHA256_BYTES] = {0};
	size_t where_n;
	char *both;

	if (place == PLACE_FILE && *where != '/')
		where = arena_printf(a, "%s/%s", b->src->base, where);
	where_n = strlen(where) + 1;
	both = arena_alloc(a, where_n + n + 1);
	memcpy(both, where, where_n);
	memcpy(both + where_n, text, n);
	sha256(both, where_n + n, digest);
	return arena_printf(a, "%s:%s#%02x%02x%02x%02x", place_names[place], where, digest[0],
		digest[1], digest[2], digest[3]);
}

bool secret_read(struct binding *b, const char *name, const struct yaml_node *map,
	const char **marker, const char **text)
{
	const struct yaml_node *key = only_key(b, name, map);
	enum place place = key ? place_of(key->text) : PLACE_N;
	const char *path = key ? path_of(b, place, key->child) : NULL;
	size_t n = 0;

	if (!path || place >= PLACE_N || !read_text(b, key->child, path, text, &n))
		return false;
	*marker = marker_of(b, place, key->child->text, *text, n);
	return true;
}
