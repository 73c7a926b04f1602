/* man.c - the tables of commands and options as reconcile(1). */
#include "reconciler/man.h"

#include "schema/fields_man.h"

#include <string.h>

static const char head[] =
	".\\\" Generated from the tables in reconciler/; make docs writes it.\n"
	".TH RECONCILE 1 \"\" reconcile \"reconcile manual\"\n"
	".SH NAME\n"
	"reconcile \\- keep microVMs the way a YAML file says they should be\n"
	".SH SYNOPSIS\n"
	".B reconcile\n"
	".I COMMAND\n"
	".RI [ OPTION ...]\n"
	".RI [ ARGUMENT ...]\n"
	".SH DESCRIPTION\n"
	"A spec says which images, kernels and VMs this host should have, see\n"
	".BR reconcile.yaml (5).\n"
	".B reconcile\n"
	"compares it with what it made before and with what is there, shows the difference, and\n"
	"makes it so.\n"
	".PP\n"
	"Options may stand before and after arguments;\n"
	".B \\-\\-\n"
	"ends them.\n"
	"Only the result goes to standard output; progress, questions, warnings and logs go to\n"
	"standard error.\n";

/* tests/docs/run looks whether each variable that the programs ask for is here. */
static const struct {
	const char *name, *help;
} variables[] = {
	{"RECONCILE_STATE_DIR", "Where state is kept, when --state-dir is not given."},
	{"RECONCILE_CACHE_DIR", "Where what was fetched for images is kept; it can be fetched again."},
	{"RECONCILE_RUN_DIR", "Where sockets and logs of running VMs are."},
	{"RECONCILE_PROGRAM_DIR", "Where reconcile-worker and reconcile-guest are."},
	{"RECONCILE_CACHE_MAX", "What the cache may have after a pull, such as 5GiB; 20GiB when it is not "
		"set. What was not used for longest goes first, and nothing while another pull is under way."},
	{"RECONCILE_MIRRORS", "Mirrors of registries, REGISTRY=HOST[:PORT][/PREFIX] with spaces or commas "
		"between, in the order in which they are asked before the registry. An image with mirrors of its "
		"own does not use them."},
	{"RECONCILE_PLAIN_HTTP", "Hosts, HOST[:PORT] with commas between, that are spoken to without TLS. "
		"This machine itself always may be."},
	{"RECONCILE_HTTP_STALL_SECONDS", "How long a registry may send nothing before a transfer is started "
		"again; 30 when it is not set."},
	{"RECONCILE_HISTORY_KEEP", "How many events of the history are kept; 100000 when it is not set."},
	{"RECONCILE_HELPER_SOCKET", "The socket of reconcile-helper, when it is not where it usually is."},
	{"NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID", "How a service manager wants to be told that a daemon lives, as "
		"sd_notify(3) has it."},
	{"DOCKER_CONFIG, HOME", "The folder of config.json with logins of registries, or the one that has "
		".docker with it. A file that others can read is not used."},
	{"SSL_CERT_FILE, SSL_CERT_DIR", "Certificates that registries are trusted by, instead of the system's: "
		"a file, and a folder that openssl rehash was run on."},
	{"http_proxy, https_proxy, HTTPS_PROXY, all_proxy, ALL_PROXY, no_proxy, NO_PROXY",
		"Proxies on the way to registries, and hosts that are reached without, as curl(1) knows them."},
	{"NO_COLOR, CLICOLOR_FORCE, TERM", "Whether output is coloured, when --color is not given."},
	{"COLUMNS", "How wide the terminal is, when it does not say."},
};

/* docs/exit-status.md says more; tests/docs/run compares the numbers. */
static const struct {
	const char *code, *meaning;
} statuses[] = {
	{"0", "Done, and what was asked for holds."},
	{"1", "Failed."},
	{"2", "There are differences (plan, drift --exit-code; fmt --check)."},
	{"3", "Partly done: some objects were changed, some failed."},
	{"4", "Stopped by a guard: it needs a yes."},
	{"5", "A wait ran out of time."},
	{"6", "A wait saw that what it waits for cannot happen any more."},
	{"64", "The command line is wrong."},
	{"65", "The spec, or other data that was given, is wrong."},
	{"66", "A file that was named cannot be read."},
	{"75", "Another process works on the same state."},
	{"77", "Permission denied."},
	{"78", "The configuration is wrong."},
	{"128 + n", "Ended by signal n."},
};

static void put_option(struct text *t, const struct opt *o)
{
	text_put(t, ".TP\n.B ");
	if (o->letter)
		text_putf(t, "\\-%c\\fR, \\fB", o->letter);
	text_put(t, "\\-\\-");
	man_put(t, o->name);
	if (o->arg)
		text_putf(t, "\\fR \\fI%s", o->arg);
	text_put(t, "\n");
	man_put(t, o->help);
	text_put(t, ".\n");
}

/* Paragraphs; lines that begin with blanks are examples. */
static void put_help(struct text *t, const char *help)
{
	bool is_example = false;

	for (const char *p = help; *p;) {
		size_t n = strcspn(p, "\n");
		const char *line = arena_dupn(t->a, p, n);
		bool indented = *line == ' ';

		if (indented != is_example && n)
			text_put(t, indented ? ".PP\n.EX\n" : ".EE\n");
		if (n)
			is_example = indented;
		if (n)
			man_put(t, line);
		else if (!is_example && p[n] && p[n + 1] != ' ')
			text_put(t, ".PP");
		if (n || (!is_example && p[n] && p[n + 1] != ' ') || is_example)
			text_put(t, "\n");
		p += n + (p[n] == '\n');
	}
	if (is_example)
		text_put(t, ".EE\n");
}

static void put_command(struct text *t, const struct cmd *cmd)
{
	text_put(t, ".SS ");
	man_put(t, cmd->name);
	text_put(t, "\n.B reconcile ");
	man_put(t, cmd->name);
	text_put(t, "\n.RI [ OPTION ...]\n");
	if (*cmd->args) {
		man_put(t, cmd->args);
		text_put(t, "\n");
	}
	text_put(t, ".PP\n");
	put_help(t, cmd->help);
	for (size_t i = 0; i < option_count; i++)
		if (options[i].commands && cli_takes(cmd, &options[i]))
			put_option(t, &options[i]);
}

static void put_variable(struct text *t, const char *name, const char *help)
{
	text_put(t, ".TP\n.B ");
	man_put(t, name);
	text_put(t, "\n");
	man_put(t, help);
	text_put(t, "\n");
}

const char *man_page(struct arena *a)
{
	struct text t = {.a = a};

	text_put(&t, head);
	text_put(&t, ".SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++)
		put_command(&t, commands[i]);
	text_put(&t, ".SH OPTIONS OF EVERY COMMAND\n");
	for (size_t i = 0; i < option_count; i++)
		if (!options[i].commands)
			put_option(&t, &options[i]);
	text_put(&t, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		put_variable(&t, variables[i].name, variables[i].help);
	text_put(&t, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		text_putf(&t, ".TP\n.B %s\n", statuses[i].code);
		man_put(&t, statuses[i].meaning);
		text_put(&t, "\n");
	}
	text_put(&t, ".SH SEE ALSO\n.BR reconcile.yaml (5)\n");
	return text_end(&t);
}
