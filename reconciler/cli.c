/* cli.c - the command line: tables of commands and options, and the loop over them. */
#include "reconciler/cli.h"

#include "reconciler/document.h"
#include "reconciler/drop.h"
#include "reconciler/print.h"

#include "drivers/sys/cage.h"
#include "schema/base/log.h"
#include "schema/field.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

volatile sig_atomic_t cli_cancel;

const struct cmd *const commands[] = {&cmd_validate, &cmd_plan, &cmd_apply, &cmd_status,
	&cmd_drift, &cmd_graph, &cmd_events, &cmd_why, &cmd_delete, &cmd_undelete, &cmd_exec, &cmd_logs,
	&cmd_console, &cmd_ssh, &cmd_ports, &cmd_wait, &cmd_stats, &cmd_top,
	&cmd_explain, &cmd_schema, &cmd_fmt, &cmd_image, &cmd_recover, &cmd_gc, &cmd_doctor, &cmd_system,
	&cmd_completion, &cmd_version, &cmd_help, NULL};

/* ---- options ------------------------------------------------------------------------------ */

#define AT(member) offsetof(struct cli, member)

static const char *const outputs[] = {"table", "json", "jsonl", "wide", "text", "svg", "dot", NULL};
static const char *const colors[] = {"auto", "always", "never", NULL};
static const char *const progresses[] = {"auto", "tty", "plain", "json", "none", NULL};
static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const waits[] = {"ready", "exit", "gone", NULL};
static const char *const formats[] = {"text", "json", NULL};

const struct opt options[] = {
	{"file", 'f', OPT_LIST, AT(files), "FILE", " validate plan apply delete drift graph explain fmt ",
		"spec file or folder, may be given again; - is standard input", NULL},
	{"var", 0, OPT_LIST, AT(vars), "NAME=VALUE", " validate plan apply delete drift graph explain fmt ",
		"value of a variable of the spec, may be given again", NULL},
	{"var-file", 0, OPT_LIST, AT(var_files), "FILE", " validate plan apply delete drift graph explain fmt ",
		"file of NAME=VALUE lines, may be given again; --var wins", NULL},
	{"output", 'o', OPT_CHOICE, AT(output), "FORMAT",
		" validate plan apply status drift graph events why delete undelete image explain recover gc "
		"doctor system stats version ports ",
		"table (default) or json; events: also jsonl; status: also wide; graph: also text, svg, dot",
		outputs},
	{"dry-run", 'n', OPT_FLAG, AT(dry_run), NULL, " apply delete image system ",
		"show the plan and change nothing", NULL},
	{"yes", 'y', OPT_FLAG, AT(yes), NULL, " apply delete gc system ",
		"do not ask before deleting or replacing", NULL},
	{"allow-data-loss", 0, OPT_FLAG, AT(allow_data_loss), NULL, " apply delete gc ",
		"also make changes that throw data away; delete: keep nothing", NULL},
	{"max-delete", 0, OPT_STRING, AT(max_delete), "N|P%", " apply ",
		"delete at most this many VMs, whatever guards say (default: half, or 3)", NULL},
	{"no-prune", 0, OPT_FLAG, AT(no_prune), NULL, " plan apply ",
		"leave alone what the spec no longer names", NULL},
	{"refresh", 0, OPT_FLAG, AT(refresh), NULL, " plan apply ",
		"ask registries again what a tag means now", NULL},
	{"exit-code", 0, OPT_FLAG, AT(exit_code), NULL, " plan drift ",
		"exit 2 when something would change, or has drifted", NULL},
	{"source", 0, OPT_STRING, AT(source), "NAME", " plan apply delete drift graph status ",
		"whose objects these are (default: path of the first file)", NULL},
	{"all", 'a', OPT_FLAG, AT(all), NULL, " delete ", "everything of every source", NULL},
	{"env", 'e', OPT_LIST, AT(env), "NAME[=VALUE]", " exec ",
		"environment of the command, without a value that of ours; may be given again", NULL},
	{"user", 'u', OPT_STRING, AT(user), "USER[:GROUP]", " exec ssh ",
		"exec: run as this user (default: the workload's); ssh: log in as it (default: root)", NULL},
	{"workdir", 'w', OPT_STRING, AT(workdir), "DIR", " exec ",
		"run in this folder (default: the workload's)", NULL},
	{"no-stdin", 0, OPT_FLAG, AT(no_stdin), NULL, " exec ", "do not pass on standard input", NULL},
	{"timeout", 0, OPT_DURATION, AT(timeout_ms), "TIME", " exec ports ssh wait ",
		"exec, ports, ssh: wait this long for the guest's agent (default 30s); wait: at most this long", NULL},
	{"for", 0, OPT_CHOICE, AT(wait_for), "WHAT", " wait ", "ready (default), exit or gone", waits},
	{"interval", 0, OPT_DURATION, AT(interval_ms), "TIME", " stats top ",
		"measure over this long (default: stats 500ms, top 2s)", NULL},
	{"at", 0, OPT_STRING, AT(at), "TIME", " status ",
		"as it was then: 2026-12-01T08:30Z, or 15m for as long ago", NULL},
	{"since", 0, OPT_STRING, AT(since), "TIME", " events logs ",
		"only what came after: 2026-12-01T08:30Z, or 15m for as long ago", NULL},
	{"after", 0, OPT_NUMBER, AT(after), "SEQ", " events ", "only what came after that event", NULL},
	{"pass", 0, OPT_STRING, AT(pass), "ID", " events ",
		"only of that pass, whose id errors name", NULL},
	{"ignore", 0, OPT_LIST, AT(ignore), "WHAT", " drift ",
		"leave out running, disk, content or one object such as vm/web", NULL},
	{"console", 0, OPT_FLAG, AT(console), NULL, " logs ",
		"the serial console instead of the workload's output", NULL},
	{"follow", 'f', OPT_FLAG, AT(follow), NULL, " logs events ", "go on showing what is added", NULL},
	{"watch", 'w', OPT_FLAG, AT(watch), NULL, " status ", "show it again whenever it is different", NULL},
	{"tail", 0, OPT_NUMBER, AT(tail), "LINES", " logs ", "only the last lines", NULL},
	{"effective", 0, OPT_FLAG, AT(effective), NULL, " explain ",
		"the values of one object and where each comes from", NULL},
	{"write", 'w', OPT_FLAG, AT(write), NULL, " fmt ", "change the files instead of printing",
		NULL},
	{"check", 0, OPT_FLAG, AT(check), NULL, " fmt ",
		"name the files that would change and exit 1 if there are any", NULL},
	{"max-size", 0, OPT_SIZE, AT(max_size), "SIZE", " image ",
		"prune: keep this much, like 2GiB (default 0)", NULL},
	{"lock-timeout", 0, OPT_DURATION, AT(lock_timeout_ms), "TIME", " apply delete undelete recover gc ",
		"wait this long for another reconcile to end (default 10s)", NULL},
	{"wait-timeout", 0, OPT_DURATION, AT(wait_timeout_ms), "TIME", " apply ",
		"wait at most this long for each VM to be ready (default: what the spec says, 90s)", NULL},
	{"parallel", 0, OPT_NUMBER, AT(parallel), "N", " apply delete ",
		"do this many independent steps at once (default: one a processor, 2 to 8)", NULL},
	{"progress", 0, OPT_CHOICE, AT(progress), "HOW", " apply delete image ",
		"auto, tty, plain, json or none", progresses},
	{"root", 0, OPT_STRING, AT(root), "DIR", " system ",
		"a folder that stands for the host's root: files are written there, and nothing is started", NULL},
	{"state-dir", 0, OPT_STRING, AT(state_dir), "DIR", NULL,
		"where state is kept (or RECONCILE_STATE_DIR)", NULL},
	{"color", 0, OPT_CHOICE, AT(color), "WHEN", NULL, "auto, always or never", colors},
	{"log-level", 0, OPT_CHOICE, AT(log_level), "LEVEL", NULL, "error, warn, info or debug",
		levels},
	{"log-format", 0, OPT_CHOICE, AT(log_format), "FORMAT", NULL, "text or json", formats},
	{"quiet", 'q', OPT_FLAG, AT(quiet), NULL, NULL, "no progress, only results and errors", NULL},
	{"verbose", 'v', OPT_FLAG, AT(verbose), NULL, NULL, "say more; the same as --log-level debug",
		NULL},
	{"help", 'h', OPT_FLAG, AT(help), NULL, NULL, "show help and exit", NULL},
	{"version", 0, OPT_FLAG, AT(version), NULL, NULL, "show the version and exit", NULL},
};

#define N_OPTIONS (sizeof(options) / sizeof(options[0]))
_Static_assert(N_OPTIONS <= CLI_OPTIONS_MAX, "struct cli has a flag for each option");

const size_t option_count = N_OPTIONS;

bool cli_takes(const struct cmd *cmd, const struct opt *o)
{
	char key[32];

	if (!o->commands || !cmd)
		return true;
	snprintf(key, sizeof(key), " %s ", cmd->name);
	return strstr(o->commands, key) != NULL;
}

bool cli_given(const struct cli *c, const char *name)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (!strcmp(options[i].name, name))
			return c->given[i];
	return false;
}

static int set_choice(const struct opt *o, uint32_t *to, const char *value, struct err *e)
{
	for (uint32_t i = 0; o->choices[i]; i++)
		if (!strcmp(o->choices[i], value)) {
			*to = i;
			return 0;
		}
	return err_set(e, ERR_USAGE, "--%s: \"%.80s\" is not one of: %s", o->name, value, o->help);
}

static int set_number(const struct opt *o, uint64_t *to, const char *value, struct err *e)
{
	char *end;

	errno = 0;
	*to = strtoull(value, &end, 10);
	if (errno || *end || value[0] < '0' || value[0] > '9')
		return err_set(e, ERR_USAGE, "--%s: \"%.80s\" is not a number", o->name, value);
	return 0;
}

struct list {
	const char **v;
	size_t n, cap;
};

static int set_option(struct cli *c, const struct opt *o, const char *value, struct err *e)
{
	void *at = (char *)c + o->offset;

	switch (o->type) {
	case OPT_FLAG:
		*(bool *)at = true;
		return 0;
	case OPT_STRING:
		if (!value[0])
			return err_set(e, ERR_USAGE, "--%s: is empty", o->name);
		*(const char **)at = value;
		return 0;
	case OPT_LIST:
		*vec_push(&c->arena, (struct list *)at) = value;
		return 0;
	case OPT_CHOICE:
		return set_choice(o, at, value, e);
	case OPT_DURATION:
		return duration_parse(value, at, e) < 0 ? (e->kind = ERR_USAGE,
			err_wrap(e, "--%s", o->name)) : 0;
	case OPT_SIZE:
		return size_parse(value, at, e) < 0 ? (e->kind = ERR_USAGE,
			err_wrap(e, "--%s", o->name)) : 0;
	case OPT_NUMBER:
		return set_number(o, at, value, e);
	}
	return 0;
}

static int unknown_option(const char *word, struct err *e)
{
	const char *names[N_OPTIONS], *near;

	for (size_t i = 0; i < N_OPTIONS; i++)
		names[i] = options[i].name;
	near = !strncmp(word, "--", 2) ? nearest_name(word + 2, names, N_OPTIONS) : NULL;
	err_set(e, ERR_USAGE, "unknown option %.80s", word);
	return near ? err_hint(e, "did you mean --%s?", near) : -1;
}

/* ---- parse -------------------------------------------------------------------------------- */

struct parser {
	struct option longs[N_OPTIONS + 1];
	char shorts[2 * N_OPTIONS + 4];
};

static void make_longs(struct parser *p)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct opt *o = &options[i];

		p->longs[i] = (struct option){o->name, o->arg ? required_argument : no_argument, NULL,
			256 + (int)i};
	}
	p->longs[N_OPTIONS] = (struct option){0};
}

/* A letter may stand for one option here and another there: what this command takes comes first. */
static const struct opt *find_option(const struct cmd *cmd, int got)
{
	const struct opt *any = NULL;

	if (got >= 256)
		return &options[got - 256];
	for (size_t i = N_OPTIONS; i-- > 0;) {
		const struct opt *o = &options[i];

		if (o->letter == got && (!any || cli_takes(cmd, o)))
			any = o;
	}
	return any;
}

static void make_shorts(struct parser *p, const struct cmd *cmd)
{
	size_t n = 0;

	/* "-": every other word in its place, as option 1; ":": tell a missing value apart. */
	p->shorts[n++] = '-';
	p->shorts[n++] = ':';
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct opt *o = &options[i];

		if (!o->letter || find_option(cmd, o->letter) != o)
			continue;
		p->shorts[n++] = o->letter;
		if (o->arg)
			p->shorts[n++] = ':';
	}
	p->shorts[n] = '\0';
}

static int find_command(struct cli *c, const char *word, struct err *e)
{
	const char *names[64], *near;
	size_t n = 0;

	for (; commands[n]; n++) {
		names[n] = commands[n]->name;
		if (!strcmp(names[n], word)) {
			c->cmd = commands[n];
			return 0;
		}
	}
	near = nearest_name(word, names, n);
	err_set(e, ERR_USAGE, "unknown command \"%.80s\"", word);
	return err_hint(e, near ? "did you mean \"%s\"?" : "see: reconcile help", near);
}

static int take_word(struct cli *c, const char *word, struct err *e)
{
	if (!c->cmd)
		return find_command(c, word, e);
	*vec_push(&c->arena, &c->args) = word;
	return 0;
}

/* A word of "exec VM COMMAND" that follows the VM belongs to the command, also when it looks like
 * an option. */
static bool ends_options(const struct cli *c)
{
	return (c->cmd == &cmd_exec || c->cmd == &cmd_ssh) && c->args.n == 1;
}

static int take_option(struct cli *c, int got, const char *word, struct err *e)
{
	const struct opt *o;

	if (got == ':')
		return err_set(e, ERR_USAGE, "option %.80s needs a value", word);
	o = got == '?' ? NULL : find_option(c->cmd, got);
	if (!o)
		return unknown_option(word, e);
	c->given[o - options] = true;
	return set_option(c, o, optarg, e);
}

/* Only now is it known which command it is: options may stand before it. */
static int check_options(const struct cli *c, struct err *e)
{
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (c->given[i] && !cli_takes(c->cmd, &options[i]))
			return err_set(e, ERR_USAGE, "%s does not take --%s", c->cmd->name,
				options[i].name);
	return 0;
}

static int parse(struct cli *c, int argc, char **argv, struct err *e)
{
	struct parser p;
	int got;

	make_longs(&p);
	opterr = 0;
	optind = 1;
	while (!ends_options(c)) {
		int at = optind;

		make_shorts(&p, c->cmd);
		got = getopt_long(argc, argv, p.shorts, p.longs, NULL);
		if (got < 0)
			break;
		if (got == 1 ? take_word(c, optarg, e) < 0
			     : take_option(c, got, argv[at < argc ? at : argc - 1], e) < 0)
			return -1;
	}
	c->n_before = c->args.n;
	if (optind > 1 && optind <= argc && !strcmp(argv[optind - 1], "--"))
		c->after_dashes = argv[optind - 1];
	if (ends_options(c) && optind < argc && !strcmp(argv[optind], "--"))
		c->after_dashes = argv[optind++];
	for (; optind < argc; optind++)
		if (take_word(c, argv[optind], e) < 0)
			return -1;
	return check_options(c, e);
}

/* ---- help --------------------------------------------------------------------------------- */

static void print_options(const struct cmd *cmd, bool common, FILE *to)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct opt *o = &options[i];
		char left[64];

		if (!cli_takes(cmd, o) || (o->commands == NULL) != common)
			continue;
		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ',
			o->letter ? o->letter : ' ', o->letter ? ',' : ' ', o->name,
			o->arg ? " " : "", o->arg ? o->arg : "");
		fprintf(to, "  %-28s %s\n", left, o->help);
	}
}

void cli_help(const struct cli *c, const struct cmd *cmd, FILE *to)
{
	if (cmd) {
		fprintf(to, "usage: %s %s [OPTION...] %s\n\n%s\n\nOptions:\n", c->program, cmd->name,
			cmd->args, cmd->help);
		print_options(cmd, false, to);
		fprintf(to, "\nOptions of every command:\n");
		print_options(cmd, true, to);
		return;
	}
	fprintf(to, "reconcile keeps microVMs on this host the way a YAML file says they should be.\n\n"
		    "usage: %s COMMAND [OPTION...]\n\nCommands:\n", c->program);
	for (size_t i = 0; commands[i]; i++)
		fprintf(to, "  %-11s %s\n", commands[i]->name, commands[i]->caption);
	fprintf(to, "\nOptions of every command:\n");
	print_options(NULL, true, to);
	fprintf(to, "\n%s help COMMAND says more.\n", c->program);
}

/* ---- run ---------------------------------------------------------------------------------- */

static void on_signal(int sig)
{
	if (cli_cancel) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	cli_cancel = sig;
}

/* Who starts us may have closed 0, 1 or 2. The next file of ours would get that number, and a message
 * would be written into it. Reading gives nothing, writing still fails. */
static void fill_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static void catch_signals(void)
{
	struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static bool wants_color(uint32_t color, int fd)
{
	const char *no = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
	const char *term = getenv("TERM");

	if (color != COLOR_AUTO)
		return color == COLOR_ALWAYS;
	if (no && no[0])
		return false;
	if (force && force[0] && strcmp(force, "0"))
		return true;
	return isatty(fd) && term && strcmp(term, "dumb");
}

static void set_up(struct cli *c)
{
	struct log_config log = {
		.level = c->verbose ? LOG_DEBUG : (enum log_level)c->log_level,
		.json = c->log_format == LOG_FORMAT_JSON,
	};

	log_setup(&log);
	c->colored_out = wants_color(c->color, STDOUT_FILENO);
	c->colored_err = wants_color(c->color, STDERR_FILENO);
	if (c->quiet)
		c->progress = PROGRESS_NONE;
}

static int run(struct cli *c, struct err *e)
{
	set_up(c);
	if (c->version)
		return cmd_version.run(c, e);
	if (c->help || !c->cmd) {
		cli_help(c, c->cmd, c->help ? stdout : stderr);
		return c->help ? 0 : err_exit_code(ERR_USAGE);
	}
	if (!c->cmd->args[0] && c->args.n)
		return err_set(e, ERR_USAGE, "%s takes no argument, and got \"%.80s\"", c->cmd->name,
			c->args.v[0]);
	if ((c->output == OUTPUT_JSONL && !c->cmd->jsonl) || (c->output == OUTPUT_WIDE && !c->cmd->wide) ||
		(c->output >= OUTPUT_TEXT && !c->cmd->draws))
		return err_set(e, ERR_USAGE, "%s does not know -o %s; see -o json", c->cmd->name,
			outputs[c->output]);
	if (!c->cmd->root && drop_to_owner(c, !c->cmd->looks, e) < 0)
		return -1;
	if (c->cmd->looks && cage_enter(e) < 0)
		return -1;
	return c->cmd->run(c, e);
}

/* The error goes where the result goes. A spec's mistakes are in the document already, and the error
 * only counts them. */
static int fail(struct cli *c, const struct err *e)
{
	struct err told = *e;

	/* What root could read, the owner may not. */
	if (c->acts_as && e->kind == ERR_DENIED && !e->hint[0])
		err_hint(&told, "root's reconcile runs as user %s, who owns the state directory", c->acts_as);
	e = &told;
	if (c->output != OUTPUT_JSON)
		print_err(c, e);
	else if (e->kind != ERR_SPEC || !c->errors)
		document_error(c, e, NULL, NULL);
	return e->kind == ERR_CANCELLED && cli_cancel ? 128 + cli_cancel : err_exit_code(e->kind);
}

/* A result that could not be written is not a result. A reader that went away is fine. */
static int flush_result(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	if (errno == EPIPE)
		return code;
	fprintf(stderr, "reconcile: cannot write the result: %s\n", strerror(errno));
	return code ? code : 1;
}

/* For an error that came before the option was read. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
		const char *next = i + 1 < argc ? argv[i + 1] : "";

		if (!strcmp(argv[i], "-ojson") || !strcmp(argv[i], "--output=json"))
			return true;
		if ((!strcmp(argv[i], "-o") || !strcmp(argv[i], "--output")) && !strcmp(next, "json"))
			return true;
	}
	return false;
}

int cli_main(int argc, char **argv)
{
	struct cli c = {
		.program = "reconcile",
		.log_level = LOG_WARN,
		.tail = UINT64_MAX,
		.lock_timeout_ms = 10000,
		.timeout_ms = 30000,
		.wait_timeout_ms = UINT64_MAX,
	};
	struct err err = ERR_INIT;
	int code;

	if (argc < 1)
		return err_exit_code(ERR_USAGE);
	fill_standard_fds();
	catch_signals();
	code = parse(&c, argc, argv, &err);
	if (code == 0) {
		code = run(&c, &err);
	} else {
		set_up(&c);
		if (wants_json(argc, argv))
			c.output = OUTPUT_JSON;
	}
	if (code < 0)
		code = fail(&c, &err);
	if (c.output == OUTPUT_JSON)
		document_print(&c, code);
	document_drop(&c);
	code = flush_result(code);
	arena_free(&c.arena);
	return code;
}

/* ---- shared by commands ------------------------------------------------------------------- */

int cli_files(struct cli *c, const char *const **files, size_t *n, struct err *e)
{
	vec_each(a, &c->args)
		*vec_push(&c->arena, &c->files) = *a;
	*files = (const char *const *)c->files.v;
	*n = c->files.n;
	if (*n)
		return 0;
	err_set(e, ERR_USAGE, "%s: no spec file given", c->cmd->name);
	return err_hint(e, "for example: reconcile %s vms.yaml", c->cmd->name);
}

/* What has no name that would be the same the next time. */
static bool is_stream(const char *file)
{
	return !strcmp(file, "-") || !strncmp(file, "/dev/fd/", 8) ||
		!strncmp(file, "/proc/self/fd/", 14);
}

const char *cli_source(struct cli *c, const char *const *files, size_t n)
{
	char folder[PATH_MAX];
	const char *slash, *file;
	size_t len;

	if (c->source || !n)
		return c->source ? c->source : "";
	if (is_stream(files[0]))
		return "-";
	len = strlen(files[0]);
	while (len > 1 && files[0][len - 1] == '/') /* a folder of files */
		len--;
	file = arena_dupn(&c->arena, files[0], len);
	slash = strrchr(file, '/');
	if (!realpath(slash ? arena_dupn(&c->arena, file, (size_t)(slash - file) + 1) : ".",
		    folder))
		return file;
	return arena_printf(&c->arena, "%s/%s", strcmp(folder, "/") ? folder : "",
		slash ? slash + 1 : file);
}
