/* test_manifest.c - index, manifest, configuration: what is accepted and what is refused. */
#include "drivers/image/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define D(c) "sha256:" c c c c
#define C16(x) x x x x x x x x x x x x x x x x
#define DA D(C16("a"))
#define DB D(C16("b"))
#define DC D(C16("c"))
#define CONFIG "\"config\":{\"mediaType\":\"x\",\"digest\":\"" DA "\",\"size\":7}"
#define LAYER "{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",\"digest\":\"" DB \
	"\",\"size\":9}"
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_INDEX "application/vnd.oci.image.index.v1+json"

static json_t *load(const char *text)
{
	json_t *j = NULL;
	struct err e = ERR_INIT;

	assert_int_equal(json_parse(text, strlen(text), "test", &j, &e), 0);
	return j;
}

static void classify(void **state)
{
	static const struct {
		const char *json, *type;
		int kind; /* -1: refused */
	} rows[] = {
		{"{\"schemaVersion\":2,\"layers\":[]}", NULL, MANIFEST_IMAGE},
		{"{\"schemaVersion\":2,\"manifests\":[]}", NULL, MANIFEST_INDEX},
		{"{\"schemaVersion\":2,\"layers\":[]}", OCI_MANIFEST "; charset=utf-8", MANIFEST_IMAGE},
		{"{\"schemaVersion\":2,\"layers\":[],\"mediaType\":\"" OCI_MANIFEST "\"}", "text/plain",
			MANIFEST_IMAGE},
		{"{\"schemaVersion\":2,\"layers\":[]}", OCI_INDEX, -1},
		{"{\"schemaVersion\":2,\"manifests\":[],\"mediaType\":\"" OCI_MANIFEST "\"}", NULL, -1},
		{"{\"schemaVersion\":2,\"layers\":[],\"mediaType\":\"" OCI_MANIFEST "\"}", OCI_INDEX, -1},
		{"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL, -1},
		{"{\"schemaVersion\":2,\"layers\":[],\"mediaType\":\"image/png\"}", NULL, -1},
		{"{\"schemaVersion\":2}", NULL, -1},
		{"{\"schemaVersion\":1,\"layers\":[]}", NULL, -1},
		{"{\"schemaVersion\":3,\"layers\":[]}", NULL, -1},
		{"{\"schemaVersion\":\"2\",\"layers\":[]}", NULL, -1},
		{"{\"layers\":[]}", NULL, -1},
		{"[]", NULL, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *j = load(rows[i].json);
		struct err e = ERR_INIT;
		enum manifest_kind kind;
		int rc = manifest_classify(j, rows[i].type, &kind, &e);

		if (rc != (rows[i].kind < 0 ? -1 : 0))
			fail_msg("row %zu: %s", i, e.msg);
		if (!rc)
			assert_int_equal(kind, rows[i].kind);
		else
			assert_int_equal(e.kind, ERR_CONTENT);
	}
}

static void schema_1_is_named(void **state)
{
	_cleanup_json_ json_t *j = load("{\"schemaVersion\":1,\"fsLayers\":[]}");
	struct err e = ERR_INIT;
	enum manifest_kind kind;

	(void)state;
	assert_int_equal(manifest_classify(j, NULL, &kind, &e), -1);
	assert_non_null(strstr(e.msg, "schema 1"));
}

static void good_manifest(void **state)
{
	_cleanup_json_ json_t *j = load("{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER
		",{\"mediaType\":\"application/vnd.docker.image.rootfs.diff.tar\",\"digest\":\"" DC
		"\",\"size\":0}]}");
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct err e = ERR_INIT;
	struct manifest m;

	(void)state;
	assert_int_equal(manifest_parse(&a, j, &m, &e), 0);
	assert_int_equal(m.n_layers, 2);
	assert_string_equal(m.config.digest, DA);
	assert_int_equal(m.layers[0].compression, COMPRESSION_GZIP);
	assert_int_equal(m.layers[0].blob.size, 9);
	assert_int_equal(m.layers[1].compression, COMPRESSION_NONE);
}

static void bad_manifests(void **state)
{
#define L(type, digest, size) "{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"" type \
	"\",\"digest\":\"" digest "\",\"size\":" size "}]}"
#define TAR "application/vnd.oci.image.layer.v1.tar"
	static const char *const rows[] = {
		"{\"schemaVersion\":2,\"layers\":[" LAYER "]}",
		"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}",
		"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}",
		"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}",
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"" DA "\",\"size\":99999999},\"layers\":["
		LAYER "]}",
		L(TAR, "sha256:../../etc/passwd", "1"),
		L(TAR, "sha512:" C16("aaaaaaaa"), "1"),
		L(TAR, DB, "-1"),
		L(TAR, DB, "1.5"),
		L(TAR, DB, "\"1\""),
		L(TAR, DB, "9223372036854775807"),
		L(TAR "+bzip2", DB, "1"),
		L("", DB, "1"),
		L("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", DB, "1"),
		L("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", DB, "1"),
		L("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", DB, "1"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *j = load(rows[i]);
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct manifest m;

		if (manifest_parse(&a, j, &m, &e) == 0)
			fail_msg("row %zu was accepted", i);
		assert_true(e.kind == ERR_CONTENT || e.kind == ERR_LIMIT);
	}
}

static void number_of_layers(void **state)
{
	(void)state;
	for (size_t n = MANIFEST_LAYERS_MAX; n <= MANIFEST_LAYERS_MAX + 1; n++) {
		_cleanup_json_ json_t *j = load("{\"schemaVersion\":2," CONFIG ",\"layers\":[]}");
		_cleanup_json_ json_t *layer = load(LAYER);
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct manifest m;

		for (size_t i = 0; i < n; i++)
			json_array_append(json_object_get(j, "layers"), layer);
		assert_int_equal(manifest_parse(&a, j, &m, &e), n > MANIFEST_LAYERS_MAX ? -1 : 0);
	}
}

static void sum_of_layers(void **state)
{
	static const struct {
		uint64_t size[3];
		bool good;
	} rows[] = {
		{{MANIFEST_LAYER_BYTES_MAX, 0, 0}, true},
		{{MANIFEST_LAYER_BYTES_MAX - 2, 1, 1}, true},
		{{MANIFEST_LAYER_BYTES_MAX - 2, 1, 2}, false},
		{{1, 0, MANIFEST_LAYER_BYTES_MAX}, false},
		{{MANIFEST_LAYER_BYTES_MAX, MANIFEST_LAYER_BYTES_MAX, MANIFEST_LAYER_BYTES_MAX}, false},
		{{MANIFEST_LAYER_BYTES_MAX + 1, 0, 0}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *j = load("{\"schemaVersion\":2," CONFIG ",\"layers\":[]}");
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct manifest m;

		for (size_t k = 0; k < 3; k++) {
			json_t *layer = load(LAYER);

			json_object_set_new(layer, "size", json_integer((json_int_t)rows[i].size[k]));
			json_array_append_new(json_object_get(j, "layers"), layer);
		}
		if (manifest_parse(&a, j, &m, &e) != (rows[i].good ? 0 : -1))
			fail_msg("row %zu: %s", i, e.msg);
	}
}

#define ENTRY(d, rest) "{\"digest\":\"" d "\",\"size\":5" rest "}"
#define P(os, arch, more) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"" more "}"
#define T(name) ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define INDEX(list) "{\"schemaVersion\":2,\"manifests\":[" list "]}"

static void choose(void **state)
{
	static const struct {
		const char *index, *platform, *tag, *digest; /* digest NULL: refused */
		const char *says;
	} rows[] = {
		{INDEX(ENTRY(DA, P("linux", "arm64", "")) "," ENTRY(DB, P("linux", "amd64", ""))),
			"linux/amd64", NULL, DB, NULL},
		{INDEX(ENTRY(DA, P("linux", "amd64", "")) "," ENTRY(DB, P("linux", "amd64", ""))),
			"linux/amd64", NULL, DA, NULL},
		{INDEX(ENTRY(DA, P("linux", "arm", ",\"variant\":\"v6\"")) ","
			ENTRY(DB, P("linux", "arm", ",\"variant\":\"v7\""))), "linux/arm/v7", NULL, DB, NULL},
		{INDEX(ENTRY(DA, P("unknown", "unknown", "")) "," ENTRY(DB, P("linux", "arm64", ""))),
			"linux/amd64", NULL, NULL, "linux/arm64"},
		{INDEX(ENTRY(DA, "")), "linux/amd64", NULL, DA, NULL},
		{INDEX(ENTRY(DA, "") "," ENTRY(DB, "")), "linux/amd64", NULL, NULL, "no image for"},
		{INDEX(ENTRY(DA, T("one")) "," ENTRY(DB, T("two"))), "linux/amd64", "two", DB, NULL},
		{INDEX(ENTRY(DA, T("q.io/x:one")) "," ENTRY(DB, T("two"))), "linux/amd64", "one", DA, NULL},
		{INDEX(ENTRY(DA, T("one")) "," ENTRY(DB, T("two"))), "linux/amd64", "three", NULL,
			"one, two"},
		{INDEX(ENTRY(DA, T("x") P("linux", "arm64", "")) ","
			ENTRY(DB, T("x") P("linux", "amd64", ""))), "linux/amd64", "x", DB, NULL},
		{INDEX(""), "linux/amd64", NULL, NULL, "no image"},
		{INDEX(ENTRY("sha256:../x", P("linux", "amd64", ""))), "linux/amd64", NULL, NULL, "digest"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *j = load(rows[i].index);
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct err e = ERR_INIT;
		struct platform want;
		struct descriptor d;
		int rc;

		assert_int_equal(ref_platform(&a, rows[i].platform, &want, &e), 0);
		rc = manifest_choose(&a, j, &want, rows[i].tag, &d, &e);
		if (rc != (rows[i].digest ? 0 : -1))
			fail_msg("row %zu: %s", i, e.msg);
		if (!rc)
			assert_string_equal(d.digest, rows[i].digest);
		else if (!strstr(e.msg, rows[i].says))
			fail_msg("row %zu: %s", i, e.msg);
	}
}

static void config(void **state)
{
	static const struct {
		const char *json;
		int rc;
	} rows[] = {
		{"{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"x\"]},"
			"\"rootfs\":{\"diff_ids\":[\"" DC "\"]}}", 0},
		{"{\"rootfs\":{\"diff_ids\":[\"" DC "\"]}}", 0},
		{"{\"os\":\"linux\",\"architecture\":\"arm64\",\"rootfs\":{\"diff_ids\":[\"" DC "\"]}}", -1},
		{"{\"os\":\"windows\",\"rootfs\":{\"diff_ids\":[\"" DC "\"]}}", -1},
		{"{\"rootfs\":{\"diff_ids\":[]}}", -1},
		{"{\"rootfs\":{\"diff_ids\":[\"" DC "\",\"" DC "\"]}}", -1},
		{"{\"rootfs\":{\"diff_ids\":[\"x\"]}}", -1},
		{"{\"rootfs\":{}}", -1},
		{"{}", -1},
		{"[]", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		_cleanup_json_ json_t *j = load(rows[i].json);
		_cleanup_arena_ struct arena a = ARENA_INIT;
		const struct platform want = {"linux", "amd64", NULL};
		struct layer layer = {0};
		struct manifest m = {.layers = &layer, .n_layers = 1};
		struct err e = ERR_INIT;
		struct image_config c;

		if (manifest_config(&a, j, &want, &m, &c, &e) != rows[i].rc)
			fail_msg("row %zu: %s", i, e.msg);
		if (i == 0) {
			assert_string_equal(c.config, "{\"Cmd\":[\"x\"]}");
			assert_string_equal(layer.diff_id, DC);
		}
		if (i == 1)
			assert_string_equal(c.config, "{}");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classify),
		cmocka_unit_test(schema_1_is_named),
		cmocka_unit_test(good_manifest),
		cmocka_unit_test(bad_manifests),
		cmocka_unit_test(number_of_layers),
		cmocka_unit_test(sum_of_layers),
		cmocka_unit_test(choose),
		cmocka_unit_test(config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
