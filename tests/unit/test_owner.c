/* test_owner.c - who can write the files and folders of a spec. */
#include "schema/spec.h"
#include "tests/lib/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534
#define SOMEBODY 12345

static struct arena scratch;
static char dir[64], file[80], other[80];
static const char *sudo_uid;

static char *env(const char *name)
{
	return !strcmp(name, "SUDO_UID") && sudo_uid ? arena_dup(&scratch, sudo_uid) : NULL;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, 0664), 0); /* whatever the umask; a group may write */
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/rc-test-owner-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	snprintf(file, sizeof(file), "%s/a.yaml", dir);
	snprintf(other, sizeof(other), "%s/b.yml.part", dir);
	put(file, "version: 1\nvms: {}\n");
	put(other, "version: 1\n");
	sudo_uid = NULL;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (seteuid(getuid()) < 0)
		return -1;
	remove(file);
	remove(other);
	rmdir(dir);
	arena_free(&scratch);
	return 0;
}

/* "": nothing to tell; else "error: ..." or "warning: ...", of the only diagnostic, about path. */
static const char *judge(const char *path, bool owners)
{
	const struct spec_input in = {.env = env, .owners = owners};
	struct diags diags = {0};
	struct err e = ERR_INIT;
	struct spec *spec;
	int rc = spec_read(&scratch, &in, &path, 1, &spec, &diags, &e);
	bool failed = rc < 0;

	assert_true(diags.n <= 1);
	assert_int_equal(failed, diags.errors > 0);
	assert_int_equal(e.kind, failed ? ERR_SPEC : ERR_NONE);
	return diags.n ? diag_text(&scratch, &diags.v[0]) : "";
}

static void expect(const char *path, const char *severity, const char *words)
{
	const char *text = judge(path, true);

	if (!strstr(text, severity) || !strstr(text, words) || (!*severity && *text))
		fail_msg("%s: not \"%s %s\" but \"%s\"", path, severity, words, text);
}

static void test_nothing(void **state)
{
	(void)state;
	expect(file, "", "");
	expect(dir, "", "");
	assert_int_equal(chmod(file, 0666), 0);
	assert_string_equal(judge(file, false), "");
}

/* An error for root, a warning for anybody else. */
static void test_everybody(void **state)
{
	(void)state;
	assert_int_equal(chmod(file, 0666), 0);
	expect(file, geteuid() ? "warning: " : "error: ", "everybody on this host can write this file");
	assert_non_null(strstr(judge(file, true), "chmod o-w "));
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(dir, 0757), 0);
	expect(dir, geteuid() ? "warning: " : "error: ", "can write this folder");
	expect(file, "", "");
}

static void test_everybody_not_root(void **state)
{
	(void)state;
	assert_int_equal(chmod(file, 0666), 0);
	if (!geteuid())
		assert_int_equal(seteuid(NOBODY), 0);
	expect(file, "warning: ", "everybody on this host can write this file");
}

static void test_includes_and_variables(void **state)
{
	const struct spec_input in = {.owners = true, .var_files = (const char *[]){other},
		.n_var_files = 1};
	struct diags diags = {0};
	struct spec *spec;

	(void)state;
	assert_int_equal(chmod(other, 0666), 0);
	put(file, "version: 1\nvms: {}\ninclude: b.yml.part\n");
	expect(file, geteuid() ? "warning: " : "error: ", "b.yml.part: ");
	put(file, "version: 1\nvars: {A: 1}\nvms: {}\n");
	put(other, "A=2\n");
	assert_int_equal(chmod(other, 0666), 0);
	spec_read(&scratch, &in, (const char *[]){file}, 1, &spec, &diags, NULL);
	assert_true(diags.n >= 1);
	assert_non_null(strstr(diag_text(&scratch, &diags.v[0]), "can write this file"));
}

static void test_somebody_else(void **state)
{
	(void)state;
	if (geteuid())
		skip_because("only root can give a file away");
	assert_int_equal(chown(file, SOMEBODY, 0), 0);
	expect(file, "warning: ", "belongs to user 12345");
	sudo_uid = "123456";
	expect(file, "warning: ", "belongs to user 12345");
	sudo_uid = "12345x";
	expect(file, "warning: ", "belongs to user 12345");
	sudo_uid = "12345"; /* it is the file of whoever called sudo */
	expect(file, "", "");
	assert_int_equal(seteuid(NOBODY), 0); /* who is not root did not come by sudo */
	expect(file, "warning: ", "belongs to user 12345");
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(seteuid(SOMEBODY), 0);
	expect(file, "", "");
}

#define WITH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_nothing),
		WITH(test_everybody),
		WITH(test_everybody_not_root),
		WITH(test_includes_and_variables),
		WITH(test_somebody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
