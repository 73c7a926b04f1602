/* cmd_completion.c - print the completion for a shell. */
#include "reconciler/complete.h"
#include "reconciler/print.h"
#include "schema/field.h"

static int run(struct cli *c, struct err *e)
{
	const char *text, *near;
	size_t n = 0;

	if (c->args.n != 1)
		return err_set(e, ERR_USAGE, "completion: one of bash, zsh and fish is needed");
	text = complete_text(&c->arena, c->args.v[0]);
	if (text) {
		fputs(text, stdout);
		return 0;
	}
	while (complete_shells[n])
		n++;
	near = nearest_name(c->args.v[0], complete_shells, n);
	err_set(e, ERR_USAGE, "there is no completion for \"%.80s\"", c->args.v[0]);
	return err_hint(e, near ? "did you mean %s?" : "one of bash, zsh and fish", near);
}

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.caption = "print the completion for a shell",
	.help = "Prints what the shell has to read so that it completes commands, options and fields.\n\n"
		"  source <(reconcile completion bash)\n"
		"  reconcile completion zsh >~/.zfunc/_reconcile\n"
		"  reconcile completion fish >~/.config/fish/completions/reconcile.fish",
	.run = run,
};
