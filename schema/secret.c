/* secret.c - values of env that stand outside of the spec.
 *
 *	env:
 *	  TOKEN: {file: ./token}        a file, relative to the spec
 *	  KEY: {credential: db-key}     a file of that name in $CREDENTIALS_DIRECTORY (systemd.exec(5))
 *	  PASS: {command: [/usr/bin/pass, show, db]}   what a program prints; no shell, run in the
 *	                                folder of the spec, once for each command of a spec
 *
 * The text goes to the guest and nowhere else. Everything that is printed, compared or kept holds a
 * marker: where it is from and 32 bits of a digest, enough to see that it changed. A digest of more
 * bits, or of the text alone, would help who guesses at short secrets.
 */
#include "schema/bind.h"

#include "schema/base/sha256.h"
#include "schema/base/utf8.h"
#include "schema/value.h"

#include <stdio.h>
#include <string.h>

#define SHOWN 60
#define SECRET_ARGS_MAX 64
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

static bool says_something(const struct yaml_node *n)
{
	return n->type == YAML_SCALAR && !yaml_is_null(n) && *n->text;
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
	if (map->n != 1 || place == PLACE_N) {
		d = BIND_ERROR(b->l, b->src, key ? key : map, "env: %s is not a value",
			utf8_quote(b->l->a, name, SHOWN));
		diag_hint(b->l->a, d, "write a text, {file: PATH}, {credential: NAME} or "
			"{command: [PROGRAM, ARGUMENT]}");
		return NULL;
	}
	if (key->child->bad)
		return NULL;
	if (place == PLACE_COMMAND || says_something(key->child))
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
	if (b->l->in->partial)
		return n->text;
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

/* One newline at the end is what echo(1) and editors leave. from: "in PATH". */
static bool take_text(struct binding *b, const struct yaml_node *n, const char *from,
	const char *text, size_t len, const char **out)
{
	const char *wrong;

	if (len && text[len - 1] == '\n')
		len--;
	wrong = len ? what_is_wrong(text, len) : "is empty";
	if (wrong)
		BIND_ERROR(b->l, b->src, n, "env: the secret %s %s", from, wrong);
	else
		*out = arena_dupn(b->l->a, text, len);
	return !wrong;
}

/* Where the text is from and 32 bits of a digest of both. */
static const char *marker_of(struct arena *a, enum place place, const char *shown,
	const char *where, const char *text)
{
	size_t where_n = strlen(where) + 1, n = strlen(text);
	char *both = arena_alloc(a, where_n + n + 1);
	uint8_t digest[SHA256_BYTES] = {0};

	memcpy(both, where, where_n);
	memcpy(both + where_n, text, n);
	sha256(both, where_n + n, digest);
	return arena_printf(a, "%s:%s#%02x%02x%02x%02x", place_names[place], shown, digest[0],
		digest[1], digest[2], digest[3]);
}

/* ---- by file and credential ----------------------------------------------------------------- */

static bool from_file(struct binding *b, enum place place, const struct yaml_node *n,
	const char **marker, const char **text)
{
	struct arena *a = b->l->a;
	const char *path = path_of(b, place, n), *where = n->text, *from;
	struct err e = ERR_INIT;
	char *read = NULL;
	size_t len = 0;

	if (!path || b->l->in->partial)
		return false;
	if (!b->l->in->read) {
		BIND_ERROR(b->l, b->src, n, "env: a secret cannot be read here");
		return false;
	}
	if (b->l->in->read(b->l->in->arg, a, path, FIELD_TEXT_MAX, &read, &len, &e) < 0) {
		BIND_ERROR(b->l, b->src, n, "env: cannot read the secret: %s", e.msg);
		return false;
	}
	from = arena_printf(a, "in %s", utf8_quote(a, path, SHOWN));
	if (!take_text(b, n, from, read, len, text))
		return false;
	/* The same wherever reconcile was started: of a file the whole path. */
	if (place == PLACE_FILE && *where != '/')
		where = arena_printf(a, "%s/%s", b->src->base, where);
	*marker = marker_of(a, place, where, where, *text);
	return true;
}

/* ---- by command ----------------------------------------------------------------------------- */

/* The program and its arguments; n 0 after a diagnostic. */
static struct strv argv_of(struct binding *b, const struct yaml_node *n)
{
	static const struct field argv_row = {.path = "command", .type = FIELD_STRV};
	const struct yaml_node *first = n->type == YAML_LIST ? n->child : n;
	struct strv argv = {0};
	struct err e = ERR_INIT;

	for (const struct yaml_node *i = first; i; i = n->type == YAML_LIST ? i->next : NULL) {
		if (i->bad)
			return (struct strv){0};
		if (i->type != YAML_SCALAR || yaml_is_null(i))
			err_set(&e, ERR_SPEC, "a text expected, not %s", yaml_what(i));
		else if (argv.n >= SECRET_ARGS_MAX)
			err_set(&e, ERR_SPEC, "more than %d arguments", SECRET_ARGS_MAX);
		else
			value_append(b->l->a, &argv_row, &argv, i->text, &e);
		if (e.kind == ERR_NONE)
			continue;
		BIND_ERROR(b->l, b->src, i, "env: command: %s", e.msg);
		return (struct strv){0};
	}
	if (argv.n && *argv.v[0] == '/' && is_one_line(argv.v[0]))
		return argv;
	if (!n->bad)
		diag_hint(b->l->a, BIND_ERROR(b->l, b->src, n, "env: command: not a program with "
			"its arguments"), "a list: the absolute path of a program, then each "
			"argument; no shell takes it apart");
	return (struct strv){0};
}

static const char *joined(struct arena *a, const struct strv *argv, const char *folder)
{
	const char *text = folder;

	for (size_t i = 0; i < argv->n; i++)
		text = arena_printf(a, "%s\n%zu:%s", text, strlen(argv->v[i]), argv->v[i]);
	return text;
}

/* What the command printed; it runs once, however many VMs ask for it. */
static const struct secret_run *run_once(struct load *l, const struct strv *argv,
	const char *folder)
{
	const char *what = joined(l->a, argv, folder);
	struct secret_run *run = map_get(&l->secret_runs, what, strlen(what));
	struct err e = ERR_INIT;
	char *text = NULL;

	if (run)
		return run;
	run = arena_new(l->a, struct secret_run);
	run->what = what;
	if (l->in->run(l->in->arg, l->a, argv->v, folder, FIELD_TEXT_MAX, &text, &run->n, &e) < 0)
		run->error = arena_dup(l->a, e.msg);
	run->text = text;
	map_add(l->a, &l->secret_runs, what, strlen(what), run);
	return run;
}

static bool from_command(struct binding *b, const struct yaml_node *n, const char **marker,
	const char **text)
{
	struct arena *a = b->l->a;
	const struct strv argv = argv_of(b, n);
	const struct secret_run *run;
	const char *from;

	if (!argv.n || b->l->in->partial)
		return false;
	if (!b->l->in->run) {
		*marker = arena_printf(a, "%s:%s#not-run", place_names[PLACE_COMMAND], argv.v[0]);
		*text = NULL;
		return true;
	}
	run = run_once(b->l, &argv, b->src->base);
	if (run->error) {
		BIND_ERROR(b->l, b->src, n, "env: cannot get the secret: %s", run->error);
		return false;
	}
	from = arena_printf(a, "of %s", utf8_quote(a, argv.v[0], SHOWN));
	if (!take_text(b, n, from, run->text, run->n, text))
		return false;
	/* Without the folder: a checkout of the same spec elsewhere is no change. */
	*marker = marker_of(a, PLACE_COMMAND, argv.v[0], run->what + strlen(b->src->base), *text);
	return true;
}

bool secret_read(struct binding *b, const char *name, const struct yaml_node *map,
	const char **marker, const char **text)
{
	const struct yaml_node *key = only_key(b, name, map);
	enum place place = key ? place_of(key->text) : PLACE_N;

	if (!key || place >= PLACE_N)
		return false;
	if (place == PLACE_COMMAND)
		return from_command(b, key->child, marker, text);
	return from_file(b, place, key->child, marker, text);
}
