/* cmd_schema.c - print the JSON Schema of the spec language. */
#include "reconciler/print.h"
#include "schema/jsonschema.h"

static int run(struct cli *c, struct err *e)
{
	_cleanup_json_ json_t *schema = NULL;

	if (c->args.n)
		return err_set(e, ERR_USAGE, "schema takes no arguments");
	schema = jsonschema(&c->arena);
	print_json(schema);
	return 0;
}

const struct cmd cmd_schema = {
	.name = "schema",
	.args = "",
	.caption = "print the JSON Schema of the spec language",
	.help = "Prints a JSON Schema (draft 2020-12) for editors and other programs. It says less than\n"
		"validate: rules across fields and objects are not in it.\n\n"
		"  reconcile schema >reconcile.schema.json\n\n"
		"An editor with the YAML language server takes it from the first line of a spec:\n\n"
		"  # yaml-language-server: $schema=reconcile.schema.json",
	.looks = true,
	.run = run,
};
