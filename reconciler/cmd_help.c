/* cmd_help.c - help about all commands or one. */
#include "reconciler/cli.h"

#include "schema/field.h"

#include <string.h>

static int run(struct cli *c, struct err *e)
{
	const char *names[32], *near;
	size_t n = 0;

	if (!c->args.n) {
		cli_help(c, NULL, stdout);
		return 0;
	}
	for (; commands[n]; n++) {
		names[n] = commands[n]->name;
		if (!strcmp(names[n], c->args.v[0])) {
			cli_help(c, commands[n], stdout);
			return 0;
		}
	}
	near = nearest_name(c->args.v[0], names, n);
	err_set(e, ERR_USAGE, "help: there is no command \"%.80s\"", c->args.v[0]);
	return near ? err_hint(e, "did you mean \"%s\"?", near) : -1;
}

const struct cmd cmd_help = {
	.name = "help",
	.args = "[COMMAND]",
	.caption = "show help about a command",
	.help = "Without a command: the list of commands and the options that all of them take.",
	.looks = true,
	.run = run,
};
