/* cmd_exec.c - run a command in a guest, through its agent. */
#include "reconciler/session.h"

#include "drivers/guest/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *fact(const struct view *v, const char *key)
{
	const char *now = kvs_get(&v->observed.facts, key);

	return now ? now : kvs_get(&v->record->facts, key);
}

/* One word is for the guest's shell, so that pipes and redirections work; several are passed on as
 * they are. */
static const char *const *command(struct cli *c)
{
	VEC(const char *) argv = {0};

	if (c->args.n == 2) {
		*vec_push(&c->arena, &argv) = "/bin/sh";
		*vec_push(&c->arena, &argv) = "-c";
	}
	for (size_t i = 1; i < c->args.n; i++)
		*vec_push(&c->arena, &argv) = c->args.v[i];
	*vec_push(&c->arena, &argv) = NULL;
	return (const char *const *)argv.v;
}

/* "-e NAME" passes on the caller's value, as docker does. An empty name is no name, and a variable that
 * is not set here is more often a slip than a wish for nothing. */
static int complete_env(struct cli *c, struct err *e)
{
	vec_each(v, &c->env) {
		const char *value;

		if (!(*v)[0] || (*v)[0] == '=')
			return err_set(e, ERR_USAGE, "--env: \"%.80s\" has no name", *v);
		if (strchr(*v, '='))
			continue;
		value = getenv(*v);
		if (!value) {
			err_set(e, ERR_USAGE, "--env: %.80s is not set here", *v);
			return err_hint(e, "give %.80s=VALUE", *v);
		}
		*v = arena_printf(&c->arena, "%s=%s", *v, value);
	}
	*vec_push(&c->arena, &c->env) = NULL;
	return 0;
}

static int run_in_guest(struct cli *c, const char *run_dir, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;
	struct agent_exec x = {
		.argv = command(c),
		.cwd = c->workdir,
		.user = c->user,
		.stdin_fd = c->no_stdin ? -1 : STDIN_FILENO,
		.stdout_fd = STDOUT_FILENO,
		.stderr_fd = STDERR_FILENO,
		.interrupt = &cli_cancel,
	};
	int code;

	x.env = (const char *const *)c->env.v;
	if (agent_reach(run_dir, (int64_t)c->timeout_ms, &cli_cancel, &agent, e) < 0)
		return -1;
	if (agent_exec(agent, &x, &code, e) == 0)
		return code;
	/* Whoever read our output went away, or the user did: nobody wants a word about it. */
	if (e->errnum == EPIPE)
		return 128 + SIGPIPE;
	return e->kind == ERR_CANCELLED && cli_cancel ? 128 + cli_cancel : -1;
}

static int run(struct cli *c, struct err *e)
{
	struct pass p = {0};
	const struct view *v;
	int rc;

	if (c->args.n < 2) {
		err_set(e, ERR_USAGE, "exec: give a VM and a command");
		return err_hint(e, "for example: reconcile exec web -- uname -a");
	}
	if (complete_env(c, e) < 0)
		return -1;
	rc = session_vm(c, &p, c->args.v[0], &v, e);
	if (rc == 0 && !v->observed.running) {
		rc = err_set(e, ERR_GUEST, "vm/%s is not running", v->record->name);
		err_hint(e, "see: reconcile status %s", v->record->name);
	}
	if (rc == 0 && !fact(v, "run"))
		rc = err_set(e, ERR_STATE, "vm/%s: its runtime folder is not recorded", v->record->name);
	if (rc == 0) {
		rc = run_in_guest(c, fact(v, "run"), e);
		if (rc < 0)
			err_wrap(e, "vm/%s", v->record->name);
	}
	pass_close(&p);
	return rc;
}

const struct cmd cmd_exec = {
	.name = "exec",
	.args = "VM [--] COMMAND [ARG...]",
	.caption = "run a command in a VM",
	.help = "Runs a command in the guest and passes on its output, its errors and its exit code. A\n"
		"single word goes to the guest's shell; several are passed on as they are.\n\n"
		"  reconcile exec web -- uname -a\n"
		"  reconcile exec web 'ps | wc -l'\n"
		"  reconcile exec -e LANG -e MODE=test web -- ./run\n"
		"  tar c site | reconcile exec web -- tar x -C /srv",
	.run = run,
};
