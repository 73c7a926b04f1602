/* vars.c - variables: who gives them a value, and putting it in place. */
#include "schema/vars.h"

#include "schema/base/utf8.h"
#include "schema/bind.h"

#include <string.h>

#define SHOWN 60
#define ENV_PREFIX "RECONCILE_VAR_"

static const char name_letters[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

static bool is_var_name(const char *s, size_t n)
{
	return n && n <= 255 && !strchr("0123456789", *s) && strspn(s, name_letters) >= n;
}

static struct var *var_of(struct load *l, const char *name, size_t n)
{
	struct var *v = map_get(&l->vars.by_name, name, n);

	if (v)
		return v;
	v = arena_new(l->a, struct var);
	v->name = arena_dupn(l->a, name, n);
	map_add(l->a, &l->vars.by_name, v->name, n, v);
	*vec_push(l->a, &l->vars.all) = v;
	return v;
}

/* A value is one line: what spans lines belongs into the spec or into a file. */
static bool is_one_line(const char *text)
{
	size_t n = strlen(text);

	for (size_t at = utf8_ascii_run(text); at < n;) {
		uint32_t cp;
		size_t len = utf8_decode(text + at, n - at, &cp);

		if (!len || !utf8_is_plain(cp))
			return false;
		at += len;
	}
	return true;
}

/* ---- given ---------------------------------------------------------------------------------- */

int vars_from_arguments(struct load *l, struct err *e)
{
	for (size_t i = 0; i < l->in->n_vars; i++) {
		const char *text = l->in->vars[i], *equals = strchr(text, '=');
		struct var *v;

		if (!equals || !is_var_name(text, (size_t)(equals - text)))
			return err_set(e, ERR_USAGE, "--var: %s is not NAME=value",
				utf8_quote(l->a, text, SHOWN));
		if (!is_one_line(equals + 1))
			return err_set(e, ERR_USAGE, "--var %.*s: the value is not one line of text",
				(int)(equals - text), text);
		v = var_of(l, text, (size_t)(equals - text));
		if (v->given)
			return err_set(e, ERR_USAGE, "--var %s is given twice", v->name);
		v->given = equals + 1;
		v->how = "--var";
	}
	return 0;
}

static void take_line(struct load *l, struct source *src, const char *line, size_t n,
	struct pos pos)
{
	const char *equals = memchr(line, '=', n);
	struct var *v;
	struct diag *d;

	if (!n || *line == '#')
		return;
	if (!equals || !is_var_name(line, (size_t)(equals - line))) {
		d = source_diag(l->a, src, l->diags, SEVERITY_ERROR, pos, "not NAME=value");
		diag_hint(l->a, d, "one variable a line, no blanks around the \"=\", no quotes");
		return;
	}
	v = var_of(l, line, (size_t)(equals - line));
	if (v->given && v->given_at.file == src->name) {
		d = source_diag(l->a, src, l->diags, SEVERITY_ERROR, pos, "%s is given twice",
			v->name);
		d->other = v->given_at;
	}
	if (v->given && !v->given_at.line) /* --var wins over every file */
		return;
	v->given = arena_dupn(l->a, equals + 1, n - (size_t)(equals + 1 - line));
	v->how = "--var-file";
	v->given_at = pos;
}

void vars_from_file(struct load *l, struct source *src)
{
	for (uint32_t i = 1; i <= src->lines && !diags_full(l->diags); i++) {
		size_t n = 0;
		const char *line = source_line(src, i, &n);

		take_line(l, src, line, n, (struct pos){src->name, i, 1});
	}
}

/* ---- declared ------------------------------------------------------------------------------- */

static const char *default_of(struct load *l, struct source *src, const struct yaml_node *n)
{
	struct yaml_node copy = *n;
	struct diag *d;

	if (yaml_is_null(n))
		return NULL;
	if (strstr(n->text, "${")) {
		d = BIND_ERROR(l, src, n, "vars: a default cannot hold another variable");
		diag_hint(l->a, d, "a ${ that is meant is written $${");
		return "";
	}
	if (vars_needed(n))
		vars_expand(l, src, &copy);
	if (copy.bad || is_one_line(copy.text))
		return copy.text;
	BIND_ERROR(l, src, n, "vars: a value is one line of text without control characters");
	return "";
}

void vars_declare(struct load *l, struct source *src, const struct yaml_node *key)
{
	const struct yaml_node *n = key->child;
	struct var *v;
	struct diag *d;

	if (!is_var_name(key->text, key->n)) {
		d = BIND_ERROR(l, src, key, "vars: %s is not a name of a variable",
			utf8_quote(l->a, key->text, SHOWN));
		diag_hint(l->a, d, "letters, digits and _, no digit in front");
		return;
	}
	v = var_of(l, key->text, key->n);
	if (v->declared.line) {
		d = BIND_ERROR(l, src, key, "variable %s is given twice", v->name);
		d->other = v->declared;
		return;
	}
	v->declared = bind_place(src, key);
	if (n->bad)
		v->dflt = "";
	else if (n->type == YAML_SCALAR)
		v->dflt = arena_dup(l->a, default_of(l, src, n));
	else
		BIND_ERROR(l, src, n, "vars: a text expected for %s, not %s", v->name,
			yaml_what(n));
}

/* ---- look-up -------------------------------------------------------------------------------- */

/* The environment is asked once. */
static const char *env_of(struct load *l, struct var *v)
{
	if (!l->in->env || v->env_name)
		return v->env;
	v->env_name = arena_printf(l->a, ENV_PREFIX "%s", v->name);
	v->env = l->in->env(v->env_name);
	return v->env;
}

/* The value of a variable, NULL if it has none. */
static const char *value_of(struct load *l, struct var *v, struct var_trace *t)
{
	const char *from_env;

	v->used = true;
	t->name = v->name;
	t->how = v->how;
	t->pos = v->given_at;
	if (v->given)
		return v->given;
	from_env = env_of(l, v);
	t->how = from_env ? v->env_name : "its default";
	t->pos = v->declared;
	if (from_env)
		t->pos = (struct pos){0};
	return from_env ? from_env : v->dflt;
}

static void complain_unset(struct load *l, struct source *src, const struct yaml_node *n,
	const struct var *v)
{
	VEC(const char *) names = {0};
	struct diag *d = BIND_ERROR(l, src, n, "the variable %s has no value", v->name);
	const char *near;

	vec_each(other, &l->vars.all)
		if ((*other)->declared.line && *other != v)
			*vec_push(l->a, &names) = (*other)->name;
	near = v->declared.line ? NULL : nearest_name(v->name, names.v, names.n);
	if (near)
		diag_hint(l->a, d, "did you mean \"%s\"?", near);
	else
		diag_hint(l->a, d, "give it with --var %s=..., " ENV_PREFIX "%s or under vars",
			v->name, v->name);
	if (v->declared.line)
		d->other = v->declared;
}

/* ---- in place ------------------------------------------------------------------------------- */

bool vars_needed(const struct yaml_node *n)
{
	if (n->type == YAML_SCALAR)
		return n->text && (strstr(n->text, "${") || strstr(n->text, "$$"));
	for (const struct yaml_node *i = n->child; i; i = i->next)
		if (vars_needed(n->type == YAML_MAP ? i->child : i))
			return true;
	return false;
}

static bool is_known(struct load *l, const char *text)
{
	for (const char *p = strchr(text, '$'); p; p = strchr(p, '$')) {
		size_t n;
		const struct var *v;

		if (p[1] != '{') {
			p += p[1] == '$' ? 2 : 1;
			continue;
		}
		p += 2;
		n = strspn(p, name_letters);
		v = map_get(&l->vars.by_name, p, n);
		if (!v || (!v->given && !v->declared.line))
			return false;
	}
	return true;
}

bool vars_known(struct load *l, const struct yaml_node *n)
{
	if (n->type == YAML_SCALAR)
		return is_known(l, n->text);
	for (const struct yaml_node *i = n->child; i; i = i->next)
		if (!vars_known(l, n->type == YAML_MAP ? i->child : i))
			return false;
	return true;
}

/* A text on its way. */
struct making {
	struct load *l;
	struct source *src;
	struct yaml_node *node;
};

static void put(struct making *m, const char *p, size_t n)
{
	for (size_t i = 0; i < n && m->l->vars.text.n <= YAML_TEXT_MAX; i++)
		*vec_push(m->l->a, &m->l->vars.text) = p[i];
}

static int wrong_form(struct making *m)
{
	struct diag *d = BIND_ERROR(m->l, m->src, m->node,
		"%s: after ${ a name, and then }, :-text} or :?message}",
		utf8_quote(m->l->a, m->node->text, SHOWN));

	diag_hint(m->l->a, d, "a ${ that is meant is written $${");
	return -1;
}

static int put_value(struct making *m, const char *name, size_t n, const char *rest, size_t rest_n)
{
	struct load *l = m->l;
	struct var_trace t = {.node = m->node};
	struct var *v = var_of(l, name, n);
	const char *value = value_of(l, v, &t);
	bool none = !value || (!*value && rest_n);

	if (none && l->in->partial && (!rest_n || rest[1] == '?'))
		return -1; /* bad without a word: nobody knows what it will be */
	if (none && rest_n && rest[1] == '?') {
		BIND_ERROR(l, m->src, m->node, "the variable %s has no value: %s", v->name,
			utf8_escape(l->a, arena_dupn(l->a, rest + 2, rest_n - 2)));
		return -1;
	}
	if (none && !rest_n) {
		complain_unset(l, m->src, m->node, v);
		return -1;
	}
	if (none) {
		t.how = "the default in ${...}";
		t.pos = bind_place(m->src, m->node);
		value = arena_dupn(l->a, rest + 2, rest_n - 2);
	}
	if (!none && !is_one_line(value)) {
		struct diag *d = BIND_ERROR(l, m->src, m->node,
			"the value of the variable %s (%s) is not one line of text", v->name,
			t.how);

		diag_hint(l->a, d, "write it into the spec, or into a file for a secret");
		return -1;
	}
	*vec_push(l->a, &l->traces) = t;
	put(m, value, strlen(value));
	return 0;
}

/* What stands behind "${". Bytes of it with the "}", 0 after a diagnostic. */
static size_t put_mark(struct making *m, const char *p)
{
	const char *end = strchr(p, '}');
	size_t n = strspn(p, name_letters), rest;

	if (!end || !is_var_name(p, n)) {
		wrong_form(m);
		return 0;
	}
	rest = (size_t)(end - p) - n;
	if (rest && (rest < 2 || p[n] != ':' || (p[n + 1] != '-' && p[n + 1] != '?'))) {
		wrong_form(m);
		return 0;
	}
	if (rest && memmem(p + n, rest, "${", 2)) {
		BIND_ERROR(m->l, m->src, m->node, "%s: a variable inside of another one",
			utf8_quote(m->l->a, m->node->text, SHOWN));
		return 0;
	}
	return put_value(m, p, n, p + n, rest) < 0 ? 0 : (size_t)(end - p) + 1;
}

static int make_text(struct making *m)
{
	for (const char *p = m->node->text; *p;) {
		size_t n = strcspn(p, "$");

		put(m, p, n);
		p += n;
		if (!*p)
			break;
		if (p[1] != '{') {
			put(m, "$", 1);
			p += p[1] == '$' ? 2 : 1;
			continue;
		}
		n = put_mark(m, p + 2);
		if (!n)
			return -1;
		p += 2 + n;
	}
	if (m->l->vars.text.n <= YAML_TEXT_MAX)
		return 0;
	BIND_ERROR(m->l, m->src, m->node,
		"with its variables a text of more than %zu bytes, the most that is allowed",
		YAML_TEXT_MAX);
	return -1;
}

static void take_text(struct making *m)
{
	struct load *l = m->l;
	struct yaml_node *n = m->node;

	l->vars.expanded += l->vars.text.n;
	if (l->vars.expanded > SPEC_BYTES_MAX) {
		BIND_ERROR(l, m->src, n, "variables make the spec larger than %u MiB, the most "
			"that is read", (unsigned)(SPEC_BYTES_MAX >> 20));
		n->bad = true;
		return;
	}
	n->text = arena_dupn(l->a, l->vars.text.v, l->vars.text.n);
	n->n = (uint32_t)l->vars.text.n;
	n->plain = false; /* a value that reads "null" or nothing is a text */
}

static void expand_text(struct load *l, struct source *src, struct yaml_node *n)
{
	struct making m = {.l = l, .src = src, .node = n};

	if (n->bad || !vars_needed(n))
		return;
	l->vars.text.n = 0;
	n->bad = l->vars.expanded > SPEC_BYTES_MAX || make_text(&m) < 0;
	if (!n->bad)
		take_text(&m);
}

void vars_expand(struct load *l, struct source *src, struct yaml_node *n)
{
	if (n->type == YAML_SCALAR) {
		expand_text(l, src, n);
		return;
	}
	for (struct yaml_node *i = n->child; i && !diags_full(l->diags); i = i->next)
		vars_expand(l, src, n->type == YAML_MAP ? i->child : i);
}

/* ---- at the end ----------------------------------------------------------------------------- */

static int refuse_unknown(struct load *l, const struct var *v, struct err *e)
{
	VEC(const char *) names = {0};
	const char *near;

	vec_each(other, &l->vars.all)
		if ((*other)->declared.line || (*other)->used)
			*vec_push(l->a, &names) = (*other)->name;
	near = nearest_name(v->name, names.v, names.n);
	err_set(e, ERR_USAGE, "--var %s: the spec has no such variable", v->name);
	return near ? err_hint(e, "did you mean %s?", near) : -1;
}

int vars_check(struct load *l, struct err *e)
{
	vec_each(at, &l->vars.all) {
		const struct var *v = *at;

		if (v->used)
			continue;
		if (v->declared.line)
			load_warn(l, v->declared, "the variable %s is used nowhere", v->name);
		else if (v->given_at.line)
			load_warn(l, v->given_at, "the spec has no variable %s", v->name);
		else if (v->given)
			return refuse_unknown(l, v, e);
	}
	return 0;
}
