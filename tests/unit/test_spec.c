/* test_spec.c - whole specs: several files, paths, limits, expansion, and that nothing hostile
 * takes long. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "schema/field.h"
#include "schema/spec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct arena scratch;
static char dir[64];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/rc-test-spec-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (char c = 'a'; c <= 'f'; c++)
		remove(arena_printf(&scratch, "%s/%c.yaml", dir, c));
	rmdir(dir);
	arena_free(&scratch);
	return 0;
}

struct outcome {
	int result;
	struct spec *spec;
	struct diags diags;
	struct err e;
};

static struct outcome *parse(const char *text)
{
	struct outcome *o = arena_new(&scratch, struct outcome);

	o->result = spec_parse(&scratch, "t.yaml", "/base", text, strlen(text), &o->spec,
		&o->diags, &o->e);
	return o;
}

static const char *path_of(char c)
{
	return arena_printf(&scratch, "%s/%c.yaml", dir, c);
}

static void put_file(char c, const char *text)
{
	int fd = open(path_of(c), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Load the files of these letters. */
static struct outcome *load(const char *letters)
{
	struct outcome *o = arena_new(&scratch, struct outcome);
	const char *paths[8];
	size_t n = strlen(letters);

	for (size_t i = 0; i < n; i++)
		paths[i] = path_of(letters[i]);
	o->result = spec_load(&scratch, paths, n, &o->spec, &o->diags, &o->e);
	assert_int_equal(o->result ? -1 : 0, o->e.kind == ERR_NONE ? 0 : -1);
	return o;
}

#define HEAD "version: 1\nimages: {i: {oci: a}}\nkernels: {k: {file: ./k}}\n"

/* ---- values --------------------------------------------------------------------------------- */

static void test_values(void **state)
{
	struct outcome *o = parse("version: 1\n"
		"images:\n  i: {oci: 'h/a:1', size: 2GiB}\n  l: {oci_layout: ../x:tag}\n"
		"kernels:\n  k: {file: ./boot//k, modules: /m/, args: quiet}\n"
		"vms:\n"
		"  web:\n    image: i\n    kernel: k\n    vcpus: 2\n    memory: 1024MiB\n"
		"    disk: 8GiB\n    vsock: {cid: 9}\n    network: user\n    init: builtin\n"
		"    command: [sh, -c, no]\n    env: {B: 1e3, A: 22:22}\n    user: no\n"
		"    workdir: /srv\n    running: false\n    restart: always\n    depends_on: db\n"
		"    ready_timeout: 2m\n    stop_timeout: 500000ms\n    vmm: qemu\n"
		"  db: {image: l, kernel: k, disk: {backend: copy}}\n");
	const struct vm_spec *web, *db;

	(void)state;
	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 0);
	assert_string_equal(o->spec->images.v[1]->oci_layout, "/base/../x:tag");
	assert_string_equal(o->spec->kernels.v[0]->file, "/base/boot/k");
	assert_string_equal(o->spec->kernels.v[0]->modules, "/m");
	web = o->spec->vms.v[0];
	db = o->spec->vms.v[1];
	assert_string_equal(web->head.name, "web");
	assert_int_equal(web->head.pos.line, 8);
	assert_true(web->memory == 1ull << 30 && web->disk_size == 8ull << 30);
	assert_int_equal(web->vsock_cid, 9);
	assert_int_equal(web->network, NETWORK_USER);
	assert_int_equal(web->init, INIT_BUILTIN);
	assert_int_equal(web->restart, RESTART_ALWAYS);
	assert_int_equal(web->vmm, VMM_QEMU);
	assert_false(web->running);
	assert_string_equal(web->command.v[2], "no");
	assert_string_equal(web->env.v[0], "A=22:22");
	assert_string_equal(web->env.v[1], "B=1e3");
	assert_string_equal(web->user, "no");
	assert_string_equal(web->depends_on.v[0], "db");
	assert_true(web->ready_timeout_ms == 120000 && web->stop_timeout_ms == 500000);
	assert_true(db->running && db->vcpus == 1 && db->memory == 256u << 20);
	assert_true(db->disk_size == 4ull << 30 && db->ready_timeout_ms == 90000);
	assert_int_equal(db->disk_backend, BACKEND_COPY);
	assert_int_equal(db->restart, RESTART_ON_FAILURE);
	assert_int_equal(db->stop_timeout_ms, 10000);
	assert_int_equal(field_pos(&web->head, "memory").line, 12);
	assert_int_equal(field_pos(&web->head, "memory").col, 13);
	assert_int_equal(field_pos(&db->head, "memory").line, db->head.pos.line);
}

static void test_no_vms_has_to_be_said(void **state)
{
	struct outcome *o = parse("version: 1\nimages: {i: {oci: a}}\n");

	(void)state;
	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 1);
	assert_int_equal(o->diags.v[0].severity, SEVERITY_WARNING);
	o = parse("version: 1\nvms: {}\n");
	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 0);
	assert_int_equal(parse("version: 1\n")->result, -1);
	assert_int_equal(parse("version: 1\nvms:\n")->result, -1);
}

static void test_replicas(void **state)
{
	struct outcome *o = parse(HEAD "vms:\n"
		"  web: {image: i, kernel: k, replicas: 3, memory: 64MiB}\n"
		"  one: {image: i, kernel: k, replicas: 1}\n"
		"  lb: {image: i, kernel: k, depends_on: [web-2, web, one]}\n");
	static const char *const names[] = {"web-1", "web-2", "web-3", "one-1", "lb"};
	static const char *const needs[] = {"web-2", "web-1", "web-3", "one-1"};
	const struct vm_spec *lb;

	(void)state;
	assert_int_equal(o->result, 0);
	assert_int_equal(o->diags.n, 0);
	assert_int_equal(o->spec->vms.n, 5);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(o->spec->vms.v[i]->head.name, names[i]);
	assert_true(o->spec->vms.v[2]->memory == 64u << 20);
	assert_int_equal(o->spec->vms.v[2]->head.pos.line, o->spec->vms.v[0]->head.pos.line);
	lb = o->spec->vms.v[4];
	assert_int_equal(lb->depends_on.n, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(lb->depends_on.v[i], needs[i]);
	assert_null(lb->depends_on.v[4]);
}

/* ---- files ---------------------------------------------------------------------------------- */

static void test_several_files(void **state)
{
	struct outcome *o;

	(void)state;
	put_file('a', HEAD "vms: {x: {image: i, kernel: k, depends_on: y}}\n");
	put_file('b', "version: 1\nimages: {j: {oci: b}}\nvms: {y: {image: j, kernel: k}}\n");
	o = load("ab");
	assert_int_equal(o->result, 0);
	assert_int_equal(o->spec->vms.n, 2);
	assert_int_equal(load("ba")->result, 0);
	assert_string_equal(o->spec->kernels.v[0]->file, arena_printf(&scratch, "%s/k", dir));
	o = load("b");
	assert_int_equal(o->result, -1);
	assert_string_equal(o->diags.v[0].hint, "this spec has no kernels");
}

static void test_name_in_two_files(void **state)
{
	struct outcome *o;

	(void)state;
	put_file('a', HEAD "vms: {x: {image: i, kernel: k}}\n");
	put_file('b', "version: 1\n\nvms: {x: {image: i, kernel: k}}\n");
	o = load("ab");
	assert_int_equal(o->result, -1);
	assert_string_equal(o->e.msg, "1 error in 2 files");
	assert_int_equal(o->diags.n, 1);
	assert_string_equal(o->diags.v[0].pos.file, path_of('b'));
	assert_int_equal(o->diags.v[0].pos.line, 3);
	assert_string_equal(o->diags.v[0].other.file, path_of('a'));
	assert_int_equal(o->diags.v[0].other.line, 4);
}

static void test_file_order_of_diags(void **state)
{
	struct outcome *o;

	(void)state;
	put_file('a', HEAD "vms: {x: {image: i, kernel: k, vcpus: 0}}\n");
	put_file('b', "version: 1\nvms: {y: {image: z, kernel: k, vcpus: 0}, z: {vcpus: a}}\n");
	o = load("ba");
	assert_int_equal(o->result, -1);
	assert_int_equal(o->diags.n, 6);
	for (size_t i = 1; i < 5; i++)
		assert_true(o->diags.v[i - 1].pos.col <= o->diags.v[i].pos.col);
	assert_string_equal(o->diags.v[4].pos.file, path_of('b'));
	assert_string_equal(o->diags.v[5].pos.file, path_of('a'));
}

/* A file that cannot be read does not make names in the others unknown. */
static void test_half_read(void **state)
{
	struct outcome *o;

	(void)state;
	put_file('a', "version: 1\nimages: {i: [}\n");
	put_file('b', "version: 1\nvms: {x: {image: i, kernel: k, vcpus: 0}}\n");
	o = load("ab");
	assert_int_equal(o->result, -1);
	assert_int_equal(o->diags.n, 2);
	assert_string_equal(o->e.msg, "2 errors in 2 files");
}

static void expect_unread(const char *path, enum err_kind kind)
{
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;

	assert_int_equal(spec_load(&scratch, &path, 1, &spec, &diags, &e), -1);
	if (e.kind != kind)
		fail_msg("%s: %s (%s)", path, e.msg, err_kind_name(e.kind));
	assert_non_null(strstr(e.msg, path));
	assert_int_equal(diags.n, 0);
}

static void test_unreadable(void **state)
{
	int fd;

	(void)state;
	expect_unread("/nonexistent/x.yaml", ERR_NOINPUT);
	expect_unread(dir, ERR_NOINPUT);
	expect_unread("/dev/zero", ERR_NOINPUT);
	assert_int_equal(mkfifo(path_of('c'), 0600), 0);
	expect_unread(path_of('c'), ERR_NOINPUT);
	assert_int_equal(symlink(path_of('d'), path_of('d')), 0);
	assert_int_equal(spec_load(&scratch, (const char *[]){path_of('d')}, 1,
				 &(struct spec *){NULL}, &(struct diags){0}, NULL), -1);
	fd = open(path_of('e'), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 100 * 1000 * 1000), 0);
	close(fd);
	expect_unread(path_of('e'), ERR_SPEC);
}

static void test_denied(void **state)
{
	uid_t was = geteuid();

	(void)state;
	put_file('a', "version: 1\n");
	assert_int_equal(chmod(path_of('a'), 0), 0);
	assert_int_equal(chmod(dir, 0755), 0);
	if (!was) /* root may read everything */
		assert_int_equal(seteuid(65534), 0);
	expect_unread(path_of('a'), ERR_DENIED);
	assert_int_equal(seteuid(was), 0);
}

static void test_usage(void **state)
{
	struct outcome *o;

	(void)state;
	assert_int_equal(load("")->e.kind, ERR_USAGE);
	put_file('a', "version: 1\nvms: {}\n");
	o = load("aa");
	assert_int_equal(o->e.kind, ERR_USAGE);
}

/* Standard input: a pipe that gives the text in pieces. */
static struct outcome *load_stdin(const char *text, size_t n)
{
	struct outcome *o = arena_new(&scratch, struct outcome);
	int saved = dup(STDIN_FILENO), pipes[2];
	const char *path = "-";
	pid_t pid;

	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		for (size_t done = 0; done < n;) {
			ssize_t put = write(pipes[1], text + done, n - done);

			if (put <= 0)
				break;
			done += (size_t)put;
		}
		_exit(0);
	}
	close(pipes[1]);
	assert_true(dup2(pipes[0], STDIN_FILENO) >= 0);
	o->result = spec_load(&scratch, &path, 1, &o->spec, &o->diags, &o->e);
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(pipes[0]);
	return o;
}

static void test_stdin(void **state)
{
	size_t n = 300 * 1000;
	char *text = arena_alloc(&scratch, n + 1), cwd[4096];
	struct outcome *o;

	(void)state;
	memset(text, '\n', n);
	memcpy(text, HEAD "vms: {}", sizeof(HEAD "vms: {}") - 1);
	o = load_stdin(text, n);
	assert_int_equal(o->result, 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_string_equal(o->spec->kernels.v[0]->file, arena_printf(&scratch, "%s/k", cwd));
	o = load_stdin("a", 1);
	assert_int_equal(o->result, -1);
	assert_string_equal(o->e.msg, "<stdin>: 1 error");
	assert_string_equal(o->diags.v[0].pos.file, "<stdin>");
}

static void test_relative_path(void **state)
{
	char cwd[4096];
	struct outcome *o;

	(void)state;
	put_file('a', HEAD "vms: {}\n");
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(dir), 0);
	o = arena_new(&scratch, struct outcome);
	o->result = spec_load(&scratch, (const char *[]){"./a.yaml"}, 1, &o->spec, &o->diags,
		&o->e);
	assert_int_equal(chdir(cwd), 0);
	assert_int_equal(o->result, 0);
	assert_string_equal(o->spec->kernels.v[0]->file, arena_printf(&scratch, "%s/k", dir));
	assert_string_equal(o->spec->kernels.v[0]->head.pos.file, "./a.yaml");
}

/* ---- expansion ------------------------------------------------------------------------------ */

static void expect_dep(const struct object *o, size_t i, enum kind kind, const char *name,
	enum change change, uint32_t line)
{
	assert_true(i < o->deps.n);
	assert_int_equal(o->deps.v[i].kind, kind);
	assert_string_equal(o->deps.v[i].name, name);
	assert_int_equal(o->deps.v[i].change, change);
	assert_int_equal(o->deps.v[i].pos.line, line);
}

static void test_expand(void **state)
{
	struct outcome *o = parse(HEAD "vms:\n  b:\n    image: i\n    kernel: k\n"
				       "    depends_on: [a]\n  a: {image: i, kernel: k}\n");
	struct objects all = {0};
	static const char *const names[] = {"i", "k", "a", "b", "a", "b"};
	static const enum kind kinds[] = {KIND_IMAGE, KIND_KERNEL, KIND_DISK, KIND_DISK, KIND_VM,
		KIND_VM};

	(void)state;
	assert_int_equal(o->result, 0);
	spec_expand(&scratch, o->spec, &all);
	assert_int_equal(all.n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(all.v[i].kind, kinds[i]);
		assert_string_equal(all.v[i].name, names[i]);
		assert_string_equal(all.v[i].spec->name, names[i]);
	}
	assert_int_equal(all.v[0].deps.n, 0);
	assert_int_equal(all.v[1].deps.n, 0);
	assert_int_equal(all.v[3].deps.n, 1);
	expect_dep(&all.v[3], 0, KIND_IMAGE, "i", CHANGE_REPLACE, 6);
	assert_int_equal(all.v[4].deps.n, 2);
	assert_int_equal(all.v[5].deps.n, 3);
	expect_dep(&all.v[5], 0, KIND_DISK, "b", CHANGE_RESTART, 5);
	expect_dep(&all.v[5], 1, KIND_KERNEL, "k", CHANGE_RESTART, 7);
	expect_dep(&all.v[5], 2, KIND_VM, "a", CHANGE_NONE, 8);
	assert_ptr_equal(all.v[3].spec, all.v[5].spec);
}

static void test_expand_nothing(void **state)
{
	struct objects all = {0};
	struct outcome *o = parse("version: 1\nvms: {}\n");

	(void)state;
	spec_expand(&scratch, o->spec, &all);
	assert_int_equal(all.n, 0);
}

/* ---- much ----------------------------------------------------------------------------------- */

static FILE *open_text(char **text, size_t *n)
{
	FILE *f = open_memstream(text, n);

	assert_non_null(f);
	fputs(HEAD "vms:\n", f);
	return f;
}

static void test_many_mistakes(void **state)
{
	const size_t counts[] = {SPEC_DIAGS_MAX - 1, SPEC_DIAGS_MAX, SPEC_DIAGS_MAX + 1,
		SPEC_DIAGS_MAX * 3};

	(void)state;
	for (size_t c = 0; c < 4; c++) {
		struct outcome *o;
		char *text;
		size_t n;
		FILE *f = open_text(&text, &n);

		for (size_t i = 0; i < counts[c]; i++)
			fprintf(f, "  v%zu: {image: i, kernel: k, vcpus: 0}\n", i);
		fclose(f);
		o = parse(text);
		free(text);
		assert_int_equal(o->result, -1);
		if (c < 2) {
			assert_int_equal(o->diags.n, counts[c]);
			assert_string_equal(o->e.msg,
				arena_printf(&scratch, "t.yaml: %zu errors", counts[c]));
			continue;
		}
		assert_int_equal(o->diags.n, SPEC_DIAGS_MAX + 1);
		assert_string_equal(o->diags.v[SPEC_DIAGS_MAX].msg,
			"more than 1000 mistakes; reading stopped");
		assert_string_equal(o->e.msg, "t.yaml: more than 1000 errors");
	}
}

static void test_long_chain(void **state)
{
	char *text;
	size_t n;
	FILE *f = open_text(&text, &n);
	struct outcome *o;

	(void)state;
	for (size_t i = 0; i < 20000; i++)
		fprintf(f, "  v%zu: {image: i, kernel: k, depends_on: v%zu}\n", i, i + 1);
	fputs("  v20000: {image: i, kernel: k}\n", f);
	fclose(f);
	o = parse(text);
	free(text);
	assert_int_equal(o->result, 0);
	assert_int_equal(o->spec->vms.n, 20001);
}

static void test_long_cycle(void **state)
{
	char *text;
	size_t n;
	FILE *f = open_text(&text, &n);
	struct outcome *o;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		fprintf(f, "  v%zu: {image: i, kernel: k, depends_on: v%zu}\n", i, (i + 1) % 100);
	fclose(f);
	o = parse(text);
	free(text);
	assert_int_equal(o->diags.n, 1);
	assert_string_equal(o->diags.v[0].msg,
		"depends_on: the VMs wait for each other: "
		"v0 -> v1 -> v2 -> v3 -> v4 -> v5 -> v6 -> v7 -> ... -> v98 -> v99 -> v0");
	assert_int_equal(o->diags.v[0].pos.line, 104);
}

static void test_too_many_objects(void **state)
{
	char *text;
	size_t n;
	FILE *f = open_text(&text, &n);
	struct outcome *o;

	(void)state;
	for (size_t i = 0; i < 100010; i++)
		fprintf(f, "  v%zu: {image: i, kernel: k}\n", i);
	fclose(f);
	o = parse(text);
	free(text);
	assert_int_equal(o->diags.n, 1);
	assert_non_null(strstr(o->diags.v[0].msg, "more than 100000 objects"));
}

static void test_bomb(void **state)
{
	const char *text = "a: &a [lol, lol]\n";
	struct outcome *o;

	(void)state;
	for (char c = 'b'; c <= 'k'; c++)
		text = arena_printf(&scratch, "%s%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n",
			text, c, c, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1, c - 1);
	o = parse(text);
	assert_int_equal(o->diags.n, 1);
	assert_non_null(strstr(o->diags.v[0].msg, "anchors and aliases"));
	assert_true(scratch.total < 1024 * 1024);
}

/* Every prefix of a good spec is read or refused, and what is refused says why. */
static void test_prefixes(void **state)
{
	static const char text[] = HEAD "vms:\n  web:\n    image: i\n    kernel: k\n"
					"    env: {A: \"b\\n\"}\n    disk: {size: 1GiB}\n"
					"    command: [x, 'y z']\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct outcome *o = arena_new(&scratch, struct outcome);

		o->result = spec_parse(&scratch, "t", "/", text, n, &o->spec, &o->diags, &o->e);
		assert_int_equal(o->result ? -1 : 0, o->diags.errors ? -1 : 0);
		assert_int_equal(o->result ? ERR_SPEC : ERR_NONE, o->e.kind);
		vec_each(d, &o->diags)
			assert_true(*diag_text(&scratch, d));
	}
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_values),
		WITH(test_no_vms_has_to_be_said),
		WITH(test_replicas),
		WITH(test_several_files),
		WITH(test_name_in_two_files),
		WITH(test_file_order_of_diags),
		WITH(test_half_read),
		WITH(test_unreadable),
		WITH(test_denied),
		WITH(test_usage),
		WITH(test_stdin),
		WITH(test_relative_path),
		WITH(test_expand),
		WITH(test_expand_nothing),
		WITH(test_many_mistakes),
		WITH(test_long_chain),
		WITH(test_long_cycle),
		WITH(test_too_many_objects),
		WITH(test_bomb),
		WITH(test_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
