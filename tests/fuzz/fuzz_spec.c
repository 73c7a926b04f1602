/* fuzz_spec.c - any bytes are a spec or are refused with a place; what is a spec prints and parses
 * to the same again.
 *
 * A libFuzzer entry (make fuzz-spec needs clang); with replay.c any compiler builds a program that
 * runs a corpus once.
 */
#include "schema/field.h"
#include "schema/spec.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                              \
	do {                                                                                       \
		if (!(what))                                                                       \
			abort();                                                                   \
	} while (0)

static void require_same(struct arena *a, const struct field *f, const struct spec_head *head)
{
	const char *text = field_print(a, f, head);
	void *again = arena_alloc(a, head->noun->size);
	struct err e = ERR_INIT;

	if (!text)
		return;
	REQUIRE(!field_parse(a, f, text, again, &e));
	REQUIRE(!strcmp(text, field_print(a, f, again)));
}

static void require_good(struct arena *a, const struct spec *spec)
{
	struct objects all = {0};

	spec_expand(a, spec, &all);
	vec_each(o, &all) {
		for (size_t i = 0; i < o->spec->noun->n_fields; i++)
			require_same(a, &o->spec->noun->fields[i], o->spec);
		vec_each(d, &o->deps)
			REQUIRE(d->name && d->pos.line);
	}
}

static void require_refused(struct arena *a, const struct diags *diags, const struct err *e)
{
	REQUIRE(e->kind == ERR_SPEC && *e->msg && diags->errors && diags->n);
	vec_each(d, diags) {
		const char *text = diag_text(a, d);

		REQUIRE(*d->msg && d->width);
		for (; *text; text++)
			REQUIRE((unsigned char)*text >= ' ' || *text == '\n' || *text == '\t');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	if (!spec_parse(&a, "fuzz.yaml", "/base", (const char *)data, size, &spec, &diags, &e)) {
		REQUIRE(e.kind == ERR_NONE && !diags.errors);
		require_good(&a, spec);
	} else {
		require_refused(&a, &diags, &e);
	}
	return 0;
}
