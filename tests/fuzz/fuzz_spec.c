/* fuzz_spec.c - any bytes are a spec or are refused with a place; what is a spec prints and parses
 * to the same again, and holds no text of a secret where it is printed or kept.
 *
 * One variable has a value. Every file that the spec names is there: what is included is the text
 * itself, cut in the middle, and every secret is the same.
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

#define SECRET "s3cret-Text"

struct file {
	const char *text;
	size_t len;
	size_t reads;
};

#define OBJECTS_MAX 300 /* replicas: a few bytes make many that are all alike */
#define READS_MAX 8 /* a text that includes itself again and again finds nothing new */

static int read_named(void *arg, struct arena *a, const char *path, size_t max, char **text,
	size_t *len, struct err *e)
{
	struct file *f = arg;

	(void)path;
	if (max < SPEC_BYTES_MAX) { /* a secret */
		*text = arena_dup(a, SECRET "\n");
		*len = strlen(*text);
		return 0;
	}
	if (f->len < 16 || ++f->reads > READS_MAX)
		return err_set(e, ERR_NOINPUT, "no such file");
	*len = f->len / 2;
	*text = arena_dupn(a, f->text, *len);
	return 0;
}

static int run(void *arg, struct arena *a, const char *const *argv, const char *folder, size_t max,
	char **text, size_t *len, struct err *e)
{
	(void)arg, (void)max;
	REQUIRE(argv[0] && argv[0][0] == '/' && *folder == '/');
	if (!argv[1])
		return err_set(e, ERR_FAILED, "it failed");
	*text = arena_dup(a, SECRET "\n");
	*len = strlen(*text);
	return 0;
}

static char *environment(const char *name)
{
	if (!strcmp(name, "RECONCILE_VAR_ENV"))
		return "from the environment";
	return strcmp(name, "CREDENTIALS_DIRECTORY") ? NULL : "/run/credentials";
}

/* Every value is accounted for, and none tells a secret. */
static void require_effective(struct arena *a, const struct spec *spec, const struct object *o)
{
	struct effectives all = {0};
	struct err e = ERR_INIT;
	const char *name = arena_printf(a, "%s/%s", kind_name(o->kind), o->name);

	if (o->kind != o->spec->noun->kind) /* a disk, an interface, rules: they have no name of their own */
		return;
	REQUIRE(!spec_effective(a, spec, name, &all, &e));
	REQUIRE(all.n >= o->spec->noun->n_fields - 2);
	vec_each(v, &all) {
		REQUIRE(v->field && (v->layer != LAYER_PROFILE || v->profile));
		REQUIRE((v->layer == LAYER_BUILT_IN) == !v->pos.line);
	}
}

/* Where env has a secret there stands its marker. */
static void require_markers(const struct vm_spec *vm)
{
	for (size_t i = 0; i < vm->secrets.n; i++) {
		const char *secret = vm->secrets.v[i], *entry = NULL;
		size_t n = strcspn(secret, "=") + 1;

		for (size_t k = 0; k < vm->env.n && !entry; k++)
			entry = strncmp(vm->env.v[k], secret, n) ? NULL : vm->env.v[k] + n;
		REQUIRE(entry && !strcmp(secret + n, SECRET));
		REQUIRE(!strncmp(entry, "file:", 5) || !strncmp(entry, "credential:", 11) ||
			!strncmp(entry, "command:", 8));
	}
}

static void require_good(struct arena *a, const struct spec *spec)
{
	struct objects all = {0};

	spec_expand(a, spec, &all);
	vec_each(vm, &spec->vms)
		require_markers(*vm);
	if (all.n > OBJECTS_MAX)
		all.n = OBJECTS_MAX;
	vec_each(o, &all) {
		require_effective(a, spec, o);
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
	struct file file = {(const char *)data, size, 0};
	/* Every other input without what only some commands ask for. */
	const struct spec_input in = {.env = environment, .read = read_named, .arg = &file,
		.run = size % 2 ? run : NULL, .places = size % 2};
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	if (!spec_parse_with(&a, &in, "fuzz.yaml", "/base", file.text, size, &spec, &diags, &e)) {
		REQUIRE(e.kind == ERR_NONE && !diags.errors);
		require_good(&a, spec);
	} else {
		require_refused(&a, &diags, &e);
	}
	return 0;
}
