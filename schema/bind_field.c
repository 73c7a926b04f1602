/* bind_field.c - the fields of one object: each is found in its noun's table, nothing is guessed.
 *
 * A value that is wrong is complained about once and its field keeps its default; its place is
 * noted all the same, so that nobody says that it is missing.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"
#include "schema/describe.h"
#include "schema/later.h"
#include "schema/value.h"

#include <string.h>

#define SHOWN 60
#define NAMES_MAX 128 /* candidates for a mistyped field: more than any table has */
#define PREFIX_MAX 64

/* ---- values --------------------------------------------------------------------------------- */

/* "a size such as 512MiB, 32MiB to 1TiB" */
static const char *expected_of(struct arena *a, const struct field *f)
{
	const char *bounds = describe_bounds(a, f);

	return arena_printf(a, "%s%s%s", field_expects(a, f), *bounds ? ", " : "", bounds);
}

/* A diagnostic out of what a parser of values said; named: with the field in front. */
static void complain_err(struct binding *b, const struct yaml_node *n, const struct field *f,
	bool named, const struct err *e)
{
	struct diag *d = BIND_ERROR(b->l, b->src, n, "%s%s%s", named ? f->path : "",
		named ? ": " : "", e->msg);

	d->expected = expected_of(b->l->a, f);
	if (*e->hint)
		diag_hint(b->l->a, d, "%s", e->hint);
	vec_each(t, &b->l->traces)
		if (t->node == n && t->pos.line) /* who wrote the value that is wrong */
			d->other = t->pos;
}

static void complain_type(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	struct diag *d = BIND_ERROR(b->l, b->src, n, "%s: %s expected, not %s", f->path,
		field_expects(b->l->a, f), yaml_what(n));

	d->expected = expected_of(b->l->a, f);
	if (!yaml_is_null(n))
		return;
	if (f->required)
		diag_hint(b->l->a, d, "%s", f->help);
	else
		diag_hint(b->l->a, d, "leave it out for: %s", f->absent);
}

/* A scalar that says something; anything else is complained about. */
static bool is_text(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if (n->bad)
		return false;
	if (n->type == YAML_SCALAR && !yaml_is_null(n))
		return true;
	complain_type(b, f, n);
	return false;
}

/* Note that an object is named, unless it is one that was read already. */
static void add_ref(struct binding *b, const struct field *f, const struct yaml_node *n,
	const char *name)
{
	const void *known = map_get(&b->l->names[f->ref], name, n->n);

	if (known && known != b->head && f->ref != KIND_N)
		return;
	*vec_push(b->l->a, &b->l->refs) = (struct ref){.field = f, .name = name,
		.from = b->head, .pos = bind_place(b->src, n)};
}

static const struct strv *list_of(const struct binding *b, const struct field *f)
{
	return (const void *)((const char *)b->head + f->offset);
}

static const char *string_of(const struct binding *b, const struct field *f)
{
	return *(const char *const *)((const char *)b->head + f->offset);
}

/* Relative paths are taken from the folder of the file, wherever reconcile was started. */
static const char *absolute(struct binding *b, const char *text)
{
	if (!*text || *text == '/')
		return text;
	return arena_printf(b->l->a, "%s/%s", b->src->base, text);
}

static void bind_scalar(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	const char *text = n->text;
	struct err e = ERR_INIT;

	if (!is_text(b, f, n))
		return;
	if (f->type == FIELD_PATH && !strncmp(text, "~/", 2)) {
		struct diag *d = BIND_ERROR(b->l, b->src, n, "%s: ~ is not expanded", f->path);

		diag_hint(b->l->a, d, "write the whole path");
		return;
	}
	if (f->type == FIELD_PATH)
		text = absolute(b, text);
	if (field_parse(b->l->a, f, text, b->head, &e) < 0)
		complain_err(b, n, f, false, &e);
	else if (f->type == FIELD_NAME)
		add_ref(b, f, n, string_of(b, f));
}

static void bind_element(struct binding *b, const struct field *f, const char *key,
	const struct yaml_node *n)
{
	struct err e = ERR_INIT;

	if (n->bad)
		return;
	if (n->type != YAML_SCALAR || yaml_is_null(n)) {
		struct diag *d = BIND_ERROR(b->l, b->src, n, "%s: a text expected, not %s", f->path,
			yaml_what(n));

		if (yaml_is_null(n))
			diag_hint(b->l->a, d, "put it in quotes: an empty text is \"\"");
		return;
	}
	if (field_append(b->l->a, f, key, n->text, b->head, &e) < 0)
		complain_err(b, n, f, false, &e);
	else if (f->type == FIELD_NAMES)
		add_ref(b, f, n, list_of(b, f)->v[list_of(b, f)->n - 1]);
}

/* {listen: "8080", to: vm/web:80}. A port that is a number needs no quotes. */
static void bind_forward(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *listen = NULL, *to = NULL;
	struct err e = ERR_INIT;

	if (n->bad)
		return;
	if (n->type != YAML_MAP) {
		BIND_ERROR(b->l, b->src, n, "%s: {listen: PORT, to: vm/NAME:PORT} expected, not %s", f->path,
			yaml_what(n));
		return;
	}
	for (const struct yaml_node *k = n->child; k; k = k->next) {
		const bool is_listen = !strcmp(k->text, "listen"), is_to = !strcmp(k->text, "to");

		if (k->bad || !strncmp(k->text, "x-", 2))
			continue;
		if (!is_listen && !is_to) {
			diag_hint(b->l->a, BIND_ERROR(b->l, b->src, k, "%s: unknown field %s", f->path,
				utf8_quote(&scratch, k->text, SHOWN)), "a forward has listen and to");
			return;
		}
		if (k->child->type != YAML_SCALAR || yaml_is_null(k->child)) {
			BIND_ERROR(b->l, b->src, k->child, "%s.%s: a text expected, not %s", f->path, k->text,
				yaml_what(k->child));
			return;
		}
		*(is_listen ? &listen : &to) = k->child->text;
	}
	if (!listen || !to)
		BIND_ERROR(b->l, b->src, n, "%s: %s is missing", f->path, listen ? "to" : "listen");
	else if (field_append(b->l->a, f, NULL, arena_printf(&scratch, "%s %s", listen, to), b->head, &e) < 0)
		complain_err(b, n, f, false, &e);
}

static void bind_list(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	struct err e = ERR_INIT;

	if (n->type == YAML_SCALAR && f->type != FIELD_FORWARDS) {
		if (is_text(b, f, n))
			bind_element(b, f, NULL, n);
		return;
	}
	if (n->type != YAML_LIST) {
		complain_type(b, f, n);
		return;
	}
	if ((int64_t)n->n > f->max) {
		BIND_ERROR(b->l, b->src, n, "%s: %u elements; at most %lld are allowed", f->path,
			n->n, (long long)f->max);
		return;
	}
	for (const struct yaml_node *i = n->child; i && !diags_full(b->l->diags); i = i->next)
		if (f->type == FIELD_FORWARDS)
			bind_forward(b, f, i);
		else
			bind_element(b, f, NULL, i);
	if (!n->n && field_count(f, b->head, &e) < 0)
		complain_err(b, n, f, false, &e);
}

/* "depends_on: {db: ready}": how far each has to be. All wait until it is ready, which is what a list
 * says too; "started" is a word of the language that no driver does yet. */
static void bind_conditions(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if ((int64_t)n->n > f->max) {
		BIND_ERROR(b->l, b->src, n, "%s: %u elements; at most %lld are allowed", f->path,
			n->n, (long long)f->max);
		return;
	}
	for (const struct yaml_node *k = n->child; k && !diags_full(b->l->diags); k = k->next) {
		const struct yaml_node *v = k->child;
		struct yaml_node name = *k;

		if (k->bad || v->bad)
			continue;
		name.type = YAML_SCALAR;
		name.plain = false;
		if (yaml_is_null(v) || (v->type == YAML_SCALAR && !strcmp(v->text, "ready")))
			bind_element(b, f, NULL, &name);
		else if (v->type == YAML_SCALAR && !strcmp(v->text, "started"))
			BIND_ERROR(b->l, b->src, v, "%s: \"started\" is not supported yet", f->path);
		else if (v->type == YAML_SCALAR)
			BIND_ERROR(b->l, b->src, v, "%s: %s is none of started, ready", f->path,
				utf8_quote(b->l->a, v->text, SHOWN));
		else
			BIND_ERROR(b->l, b->src, v, "%s: started or ready expected, not %s", f->path,
				yaml_what(v));
	}
}

static bool takes_conditions(const struct field *f)
{
	return f->type == FIELD_NAMES && f->ref == KIND_VM;
}

/* A value of env that stands elsewhere: env gets its marker, the text is kept apart. */
static void bind_secret(struct binding *b, const struct field *f, const struct yaml_node *key)
{
	struct vm_spec *vm = (struct vm_spec *)(void *)b->head;
	const char *marker = NULL, *text = NULL;
	struct err e = ERR_INIT;

	if (!secret_read(b, key->text, key->child, &marker, &text))
		return;
	if (field_append(b->l->a, f, key->text, marker, b->head, &e) < 0)
		complain_err(b, key, f, false, &e);
	else if (text)
		value_join(b->l->a, &vm->secrets,
			arena_printf(b->l->a, "%s=%s", key->text, text));
}

static bool holds(const struct yaml_node *n, const struct yaml_node *wanted)
{
	if (n == wanted)
		return true;
	for (const struct yaml_node *i = n->child; i; i = i->next)
		if (holds(i, wanted))
			return true;
	return false;
}

/* Note which variables the value was made with; key: of a map, else NULL. */
static void trace(struct binding *b, const struct field *f, const char *key,
	const struct yaml_node *n)
{
	struct provenance *more = layers_more(b->l->a, b->head);
	uint32_t row = (uint32_t)(f - b->noun->fields);

	vec_each(t, &b->l->traces)
		if (holds(n, t->node))
			*vec_push(b->l->a, &more->vars) =
				(struct var_use){row, key, t->name, t->how, t->pos};
}

/* Note where the value of one NAME of a map stands and what its text was made with. */
static void note_key(struct binding *b, const struct field *f, const char *name,
	const struct yaml_node *n)
{
	const char *key = b->l->in->places || b->l->traces.n ? arena_dup(b->l->a, name) : NULL;
	struct provenance *more = b->l->in->places ? layers_more(b->l->a, b->head) : NULL;

	if (more)
		*vec_push(b->l->a, &more->places) = (struct key_place){
			(uint32_t)(f - b->noun->fields), key, bind_place(b->src, n)};
	if (b->l->traces.n)
		trace(b, f, key, n);
}

static void bind_map(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if (n->type != YAML_MAP) {
		complain_type(b, f, n);
		return;
	}
	if ((int64_t)n->n > f->max) {
		BIND_ERROR(b->l, b->src, n, "%s: %u %s; at most %lld are allowed", f->path, n->n,
			f->type == FIELD_ENV ? "variables" : "labels", (long long)f->max);
		return;
	}
	for (const struct yaml_node *k = n->child; k && !diags_full(b->l->diags); k = k->next) {
		struct err e = ERR_INIT;

		if (k->bad)
			continue;
		note_key(b, f, k->text, k->child);
		if (value_check_key(f, k->text, &e) < 0)
			complain_err(b, k, f, true, &e);
		else if (f->type == FIELD_ENV && k->child->type == YAML_MAP && !k->child->bad)
			bind_secret(b, f, k);
		else
			bind_element(b, f, k->text, k->child);
	}
}

/* Fields that mean nothing when several VMs share them. */
static const char *why_not_shared(const struct field *f)
{
	if (f->ref == KIND_N && f->type == FIELD_NAMES)
		return "only a VM names its profiles";
	return !strcmp(f->path, "vsock.cid") ? "each VM needs its own" : NULL;
}

static void judge_later(const struct binding *b, const char *path, const struct yaml_node *n)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct later_place at = {
		.l = b->l,
		.src = b->src,
		.noun = later_find(b->noun->key),
		.where = bind_where(&scratch, b),
		.is_layer = b->is_layer,
	};

	later_check(&at, path, n);
}

/* "network: {lab: {}}", a map where the row wants a text: fields of the language that no driver does
 * yet. Whether they are. */
static bool refuse_map(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	if (n->type != YAML_MAP || field_is_map(f) || !later_has(b->noun, f->path, ""))
		return false;
	BIND_ERROR(b->l, b->src, n, "a map for \"%s\" is not supported yet", f->path);
	judge_later(b, f->path, n);
	return true;
}

/* ---- network: {lab: {address: 10.77.0.10}} ----------------------------------------------------- */

#define NETWORK_ROW "network"
#define NETWORKS_ROW "network.*"

static void refuse_field(struct binding *b, const char *prefix, const struct yaml_node *key);

/* address or mac of the interface in one network: each has a row of its own. */
static void bind_interface_field(struct binding *b, const char *network,
	const struct yaml_node *k)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const struct field *f = field_find(b->noun,
		arena_printf(&scratch, NETWORKS_ROW ".%s", k->text));
	struct err e = ERR_INIT;

	if (k->bad || !strncmp(k->text, "x-", 2))
		return;
	if (!f) {
		refuse_field(b, NETWORKS_ROW ".", k);
		return;
	}
	b->head->at[f - b->noun->fields] = bind_place(b->src, k->child);
	if (b->is_layer) {
		diag_hint(b->l->a, BIND_ERROR(b->l, b->src, k, "%s: not possible in %s", f->path,
			bind_where(&scratch, b)), "each VM needs its own");
		return;
	}
	note_key(b, f, network, k->child);
	if (is_text(b, f, k->child) &&
		field_append(b->l->a, f, network, k->child->text, b->head, &e) < 0)
		complain_err(b, k->child, f, false, &e);
}

static void bind_interface(struct binding *b, const struct field *f, const struct yaml_node *k)
{
	const struct yaml_node *n = k->child;
	struct err e = ERR_INIT;

	if (k->bad || n->bad)
		return;
	if (field_append(b->l->a, f, NULL, k->text, b->head, &e) < 0) {
		complain_err(b, k, f, false, &e);
		return;
	}
	add_ref(b, f, k, list_of(b, f)->v[list_of(b, f)->n - 1]);
	if (n->type == YAML_MAP)
		for (const struct yaml_node *i = n->child; i; i = i->next)
			bind_interface_field(b, k->text, i);
	else if (!yaml_is_null(n))
		BIND_ERROR(b->l, b->src, n, NETWORKS_ROW ": a map of fields expected, not %s",
			yaml_what(n));
}

/* Whether the field is network, and what it says of networks is taken. One value says all of it: who says
 * "none" takes no networks from a profile. */
static bool bind_networks(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	const struct field *row = field_find(b->noun, NETWORKS_ROW);
	struct err e = ERR_INIT;

	if (!row || strcmp(f->path, NETWORK_ROW) != 0)
		return false;
	b->head->at[row - b->noun->fields] = bind_place(b->src, n);
	if (n->type != YAML_MAP)
		return false;
	for (const struct yaml_node *k = n->child; k && !diags_full(b->l->diags); k = k->next)
		if (strncmp(k->text, "x-", 2) != 0)
			bind_interface(b, row, k);
	if (field_count(row, b->head, &e) < 0)
		complain_err(b, n, row, false, &e);
	return true;
}

static void bind_field(struct binding *b, const struct field *f, const struct yaml_node *n)
{
	const char *why = b->is_layer ? why_not_shared(f) : NULL;

	b->head->at[f - b->noun->fields] = bind_place(b->src, n);
	if (b->l->traces.n && !field_is_map(f))
		trace(b, f, NULL, n);
	if (n->bad || bind_networks(b, f, n) || refuse_map(b, f, n))
		return;
	if (why) {
		struct diag *d = BIND_ERROR(b->l, b->src, n, "%s: not possible in %s", f->path,
			bind_where(b->l->a, b));

		diag_hint(b->l->a, d, "%s", why);
		return;
	}
	if (field_is_map(f))
		bind_map(b, f, n);
	else if (takes_conditions(f) && n->type == YAML_MAP)
		bind_conditions(b, f, n);
	else if (field_is_list(f))
		bind_list(b, f, n);
	else
		bind_scalar(b, f, n);
}

/* ---- maps of fields ------------------------------------------------------------------------- */

/* The rest of a row's path below prefix, NULL if it is elsewhere. */
static const char *below(const struct field *f, const char *prefix)
{
	size_t n = strlen(prefix);
	bool is_below = !strncmp(f->path, prefix, n);

	return is_below ? f->path + n : NULL;
}

/* Row prefix + key. *group: no row is, but rows below "prefix key." are. */
static const struct field *find_row(const struct noun *noun, const char *prefix, const char *key,
	bool *group)
{
	size_t n = strlen(key);

	*group = false;
	for (size_t i = 0; i < noun->n_fields; i++) {
		const char *rest = *prefix ? below(&noun->fields[i], prefix) : noun->fields[i].path;

		/* The first letter rules out nearly every row: this is the innermost loop. */
		if (!rest || *rest != *key || strncmp(rest, key, n) != 0)
			continue;
		if (!rest[n])
			return &noun->fields[i];
		if (rest[n] == '.')
			*group = true;
	}
	return NULL;
}

static const struct field *find_shorthand(const struct noun *noun, const char *prefix,
	const char *key)
{
	size_t n = strlen(prefix);

	for (size_t i = 0; i < noun->n_fields; i++) {
		const char *s = noun->fields[i].shorthand;

		if (s && !strncmp(s, prefix, n) && !strcmp(s + n, key))
			return &noun->fields[i];
	}
	return NULL;
}

/* The known name at this level that is nearest to the key. */
static const char *nearest_field(struct arena *a, const struct noun *noun, const char *prefix,
	const char *key)
{
	const struct noun *tables[] = {noun, later_find(noun->key)};
	const char *names[NAMES_MAX];
	size_t n = 0;

	for (size_t t = 0; t < 2 && tables[t]; t++)
		for (size_t i = 0; i < tables[t]->n_fields && n < NAMES_MAX; i++) {
			const char *rest = below(&tables[t]->fields[i], prefix);

			if (rest)
				names[n++] = arena_dupn(a, rest, strcspn(rest, ".["));
		}
	return nearest_name(key, names, n);
}

/* Somebody who misspelt a field has not left it out: it is not reported as missing too. */
static void take_as_written(struct binding *b, const char *path, const struct yaml_node *key)
{
	const struct field *f = field_find(b->noun, path);
	struct pos *at = f ? &b->head->at[f - b->noun->fields] : NULL;

	if (at && !at->line)
		*at = bind_place(b->src, key);
}

static void refuse_field(struct binding *b, const char *prefix, const struct yaml_node *key)
{
	_cleanup_arena_ struct arena scratch = ARENA_INIT;
	const char *path = arena_printf(&scratch, "%s%s", prefix, key->text);
	const char *group = arena_dupn(&scratch, prefix, *prefix ? strlen(prefix) - 1 : 0);
	const char *near;
	struct diag *d;

	if (later_has(b->noun, prefix, key->text)) {
		BIND_ERROR(b->l, b->src, key, "%s is not supported yet",
			utf8_quote(&scratch, path, SHOWN));
		judge_later(b, path, key->child);
		return;
	}
	d = BIND_ERROR(b->l, b->src, key, "unknown field %s in %s%s%s",
		utf8_quote(&scratch, key->text, SHOWN), group, *group ? " of " : "",
		bind_where(&scratch, b));
	near = nearest_field(&scratch, b->noun, prefix, key->text);
	if (!near)
		return;
	diag_hint(b->l->a, d, "did you mean \"%s\"?", near);
	take_as_written(b, arena_printf(&scratch, "%s%s", prefix, near), key);
}

/* "disk": a map of fields below it, or a text that means one of them. */
static void bind_group(struct binding *b, const char *prefix, const struct yaml_node *key)
{
	const struct field *f = find_shorthand(b->noun, prefix, key->text);
	const struct yaml_node *n = key->child;
	size_t len = strlen(prefix);
	char deeper[PREFIX_MAX];

	if (n->bad)
		return;
	if (n->type == YAML_MAP && len + key->n + 2 <= sizeof(deeper)) {
		memcpy(deeper, prefix, len + 1);
		memcpy(deeper + len, key->text, key->n + 1);
		deeper[len + key->n] = '.';
		deeper[len + key->n + 1] = '\0';
		bind_fields(b, deeper, n);
	} else if (f && n->type == YAML_SCALAR) {
		bind_field(b, f, n);
	} else {
		BIND_ERROR(b->l, b->src, n, "%s%s: a map of fields expected, not %s", prefix,
			key->text, yaml_what(n));
	}
}

void bind_fields(struct binding *b, const char *prefix, const struct yaml_node *map)
{
	for (const struct yaml_node *k = map->child; k && !diags_full(b->l->diags); k = k->next) {
		const struct field *f;
		bool group;

		if (k->bad)
			continue;
		f = find_row(b->noun, prefix, k->text, &group);
		if (f)
			bind_field(b, f, k->child);
		else if (group)
			bind_group(b, prefix, k);
		else if (strncmp(k->text, "x-", 2) != 0)
			refuse_field(b, prefix, k);
	}
}
