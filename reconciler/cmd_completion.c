/* cmd_completion.c - print the completion for a shell. */
#include "reconciler/complete.h"
#include "reconciler/print.h"
#include "schema/field.h"

#include <string.h>

/* The names of the VMs that there are, one a line. Whoever asks is somebody who types: a state that
 * cannot be read is no names. */
static int print_names(struct cli *c)
{
	struct pass p = {.a = &c->arena, .state_dir = c->state_dir, .cancel = &cli_cancel};
	struct err e = ERR_INIT;

	if (!pass_look(&p, &e))
		vec_each(v, &p.views)
			if (v->record->kind == KIND_VM)
				printf("%s\n", v->record->name);
	pass_close(&p);
	return 0;
}

static int run(struct cli *c, struct err *e)
{
	const char *text, *near;
	size_t n = 0;

	if (c->args.n != 1)
		return err_set(e, ERR_USAGE, "completion: one of bash, zsh and fish is needed");
	if (!strcmp(c->args.v[0], "names"))
		return print_names(c);
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
		"  reconcile completion fish >~/.config/fish/completions/reconcile.fish\n\n"
		"With names it prints the names of the VMs there are; the completions ask for them.",
	.run = run,
};
