/* guard.c - the guards of a source; see guard.h. */
#include "reconciler/engine/guard.h"

#include "schema/base/json.h"
#include "schema/field.h"

#include <string.h>

static const char *meta_key(struct arena *a, const char *source)
{
	return arena_printf(a, "guards/%s", source);
}

static int recall(struct arena *a, struct store *s, const char *source, struct kvs *out,
	struct err *e)
{
	const char *text = NULL;

	*out = (struct kvs){0};
	if (!s || !source)
		return 0;
	if (store_meta_get(s, a, meta_key(a, source), &text, e) < 0)
		return -1;
	if (text && json_to_kvs(a, text, "guards", out, NULL) < 0)
		*out = (struct kvs){0};
	return 0;
}

static bool is_written(const struct guards_spec *g, const char *path)
{
	return g && g->head.at[field_find(&noun_guards, path) - noun_guards.fields].line;
}

static const char *place_of(struct arena *a, const struct guards_spec *g, const char *path)
{
	const struct pos pos = field_pos(&g->head, path);

	return arena_printf(a, "%s:%u:%u", pos.file, pos.line, pos.col);
}

int guard_load(struct arena *a, struct store *s, const struct spec *spec, const char *source,
	struct guard *out, struct err *e)
{
	const struct guards_spec *g = spec ? spec->guards : NULL;
	const char *window;
	struct kvs was;

	*out = (struct guard){.undelete_ms = GUARD_UNDELETE_MS};
	if (recall(a, s, source, &was, e) < 0)
		return -1;
	out->max_delete = kvs_get(&was, "max_delete");
	out->max_place = kvs_get(&was, "place");
	out->max_recalled = out->max_delete != NULL;
	window = kvs_get(&was, "undelete_window");
	if (window && duration_parse(window, &out->undelete_ms, NULL) < 0)
		out->undelete_ms = GUARD_UNDELETE_MS;
	if (is_written(g, "undelete_window"))
		out->undelete_ms = g->undelete_ms;
	if (is_written(g, "max_delete")) {
		out->max_delete = g->max_delete;
		out->max_place = place_of(a, g, "max_delete");
		out->max_recalled = false;
	}
	return 0;
}

int guard_keep(struct arena *a, struct store *s, const struct spec *spec, const char *source,
	bool *changed, struct err *e)
{
	const struct guards_spec *g = spec ? spec->guards : NULL;
	struct kvs is = {0}, was;

	if (recall(a, s, source, &was, e) < 0)
		return -1;
	if (is_written(g, "max_delete")) {
		kvs_set(a, &is, "max_delete", g->max_delete);
		kvs_set(a, &is, "place", place_of(a, g, "max_delete"));
	}
	if (is_written(g, "undelete_window"))
		kvs_set(a, &is, "undelete_window", duration_print(a, g->undelete_ms));
	if (changed)
		*changed = !kvs_equal(&is, &was);
	if (changed || kvs_equal(&is, &was))
		return 0;
	return store_meta_set(s, meta_key(a, source), json_from_kvs(a, &is), e);
}
