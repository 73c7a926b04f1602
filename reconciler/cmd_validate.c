/* cmd_validate.c - read a spec and say what is wrong with it. Touches nothing. */
#include "reconciler/print.h"
#include "reconciler/session.h"

static int print_result(struct cli *c, const char *first, const struct spec *spec,
	const struct diags *diags, const struct err *err)
{
	if (c->output == OUTPUT_JSON) {
		_cleanup_json_ json_t *j = json_pack("{s:b, s:o, s:i}", "valid", spec != NULL,
			"diagnostics", print_diags_json(diags), "exit_code",
			spec ? 0 : err_exit_code(err->kind));
		print_json(j);
	} else if (spec && !c->quiet) {
		printf("%s: valid: %zu image%s, %zu kernel%s, %zu VM%s\n", first, spec->images.n,
			spec->images.n == 1 ? "" : "s", spec->kernels.n, spec->kernels.n == 1 ? "" : "s",
			spec->vms.n, spec->vms.n == 1 ? "" : "s");
	}
	return spec ? 0 : err_exit_code(err->kind);
}

static int run(struct cli *c, struct err *e)
{
	const struct spec_input in = session_input(c);
	const char *const *files;
	struct diags diags = {0};
	struct spec *spec = NULL;
	size_t n;

	if (cli_files(c, &files, &n, e) < 0)
		return -1;
	if (spec_read(&c->arena, &in, files, n, &spec, &diags, e) < 0) {
		spec = NULL;
		if (c->output == OUTPUT_TABLE || e->kind != ERR_SPEC) {
			print_diags(c, &diags);
			return -1;
		}
		return print_result(c, files[0], NULL, &diags, e);
	}
	if (c->output == OUTPUT_TABLE)
		print_diags(c, &diags);
	return print_result(c, files[0], spec, &diags, e);
}

const struct cmd cmd_validate = {
	.name = "validate",
	.args = "FILE...",
	.caption = "check a spec and show every mistake in it",
	.help = "Reads one spec from all the files given and shows every mistake with its place.\n"
		"Nothing is looked up and nothing is changed.\n\n"
		"  reconcile validate vms.yaml\n"
		"  git show HEAD:vms.yaml | reconcile validate -",
	.looks = true,
	.run = run,
};
