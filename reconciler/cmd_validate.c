/* cmd_validate.c - read a spec and say what is wrong with it. Touches nothing. */
#include "reconciler/document.h"
#include "reconciler/session.h"

static void print_valid(const char *first, const struct spec *spec)
{
	printf("%s: valid: %zu image%s, %zu kernel%s, %zu VM%s\n", first, spec->images.n,
		spec->images.n == 1 ? "" : "s", spec->kernels.n, spec->kernels.n == 1 ? "" : "s",
		spec->vms.n, spec->vms.n == 1 ? "" : "s");
}

static int run(struct cli *c, struct err *e)
{
	const char *const *files;
	struct spec *spec = NULL;
	size_t n;
	int rc;

	if (cli_files(c, &files, &n, e) < 0)
		return -1;
	rc = session_spec(c, files, n, &spec, e);
	if (c->output == OUTPUT_JSON)
		document_set(c, json_pack("{s:b}", "valid", rc == 0));
	else if (rc == 0 && !c->quiet)
		print_valid(files[0], spec);
	return rc;
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
