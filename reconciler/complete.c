/* complete.c - shell completion, made from the tables of commands and options. */
#include "reconciler/complete.h"

#include "schema/base/text.h"
#include "schema/describe.h"

#include <string.h>

const char *const complete_shells[] = {"bash", "zsh", "fish", NULL};

/* ---- what is completed ---------------------------------------------------------------------- */

/* What the words of a command are that are no options. */
enum words { WORDS_NONE, WORDS_FILES, WORDS_FIELDS, WORDS_SHELLS, WORDS_COMMANDS, WORDS_VMS };

/* What a shell asks for the names of VMs. */
#define ASK_VMS "reconcile completion names 2>/dev/null"

static const struct {
	const char *command;
	enum words words;
} words_of[] = {{"validate", WORDS_FILES}, {"plan", WORDS_FILES}, {"apply", WORDS_FILES},
	{"delete", WORDS_FILES}, {"fmt", WORDS_FILES}, {"explain", WORDS_FIELDS},
	{"completion", WORDS_SHELLS}, {"help", WORDS_COMMANDS}, {"status", WORDS_VMS},
	{"exec", WORDS_VMS}, {"logs", WORDS_VMS}, {"console", WORDS_VMS}, {"ports", WORDS_VMS},
	{"ssh", WORDS_VMS},
	{"wait", WORDS_VMS}, {"stats", WORDS_VMS}, {"top", WORDS_VMS}};

static enum words find_words(const struct cmd *cmd)
{
	for (size_t i = 0; i < sizeof(words_of) / sizeof(words_of[0]); i++)
		if (!strcmp(words_of[i].command, cmd->name))
			return words_of[i].words;
	return WORDS_NONE;
}

/* ---- pieces --------------------------------------------------------------------------------- */

static void put_strings(struct text *t, const char *const *list, const char *between)
{
	for (size_t i = 0; list[i]; i++)
		text_putf(t, "%s%s", i ? between : "", list[i]);
}

static void put_commands(struct text *t)
{
	for (size_t i = 0; commands[i]; i++)
		text_putf(t, "%s%s", i ? " " : "", commands[i]->name);
}

static void put_fields(struct text *t)
{
	for (size_t i = 0; i < noun_table_count; i++) {
		text_putf(t, "%s%s", i ? " " : "", noun_tables[i]->key);
		for (size_t k = 0; k < noun_tables[i]->n_fields; k++)
			text_putf(t, " %s", describe_path(t->a, noun_tables[i], &noun_tables[i]->fields[k]));
	}
}

static bool takes_file(const struct opt *o)
{
	return !strcmp(o->name, "file");
}

static bool takes_folder(const struct opt *o)
{
	return !strcmp(o->name, "state-dir");
}

/* A text in single quotes for bash, zsh and fish. */
static const char *quoted(struct arena *a, const char *s)
{
	struct text t = {.a = a};

	text_put(&t, "'");
	for (; *s; s++) {
		if (*s == '\'')
			text_put(&t, "'\\''");
		else
			text_putn(&t, s, 1);
	}
	text_put(&t, "'");
	return text_end(&t);
}

/* ---- bash ----------------------------------------------------------------------------------- */

static void put_bash_options(struct text *t, const struct cmd *cmd)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct opt *o = &options[i];

		if (cmd ? !cli_takes(cmd, o) : o->commands != NULL)
			continue;
		text_putf(t, " --%s", o->name);
		if (o->letter)
			text_putf(t, " -%c", o->letter);
	}
}

/* What follows an option that takes a value. */
static void put_bash_values(struct text *t)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct opt *o = &options[i];

		if (!o->arg)
			continue;
		text_putf(t, "\t--%s) ", o->name);
		if (o->choices) {
			text_put(t, "COMPREPLY=($(compgen -W '");
			put_strings(t, o->choices, " ");
			text_put(t, "' -- \"$cur\"))");
		} else if (takes_file(o)) {
			text_put(t, "COMPREPLY=($(compgen -f -- \"$cur\"))");
		} else if (takes_folder(o)) {
			text_put(t, "COMPREPLY=($(compgen -d -- \"$cur\"))");
		} else {
			text_put(t, "COMPREPLY=()");
		}
		text_put(t, "; return ;;\n");
	}
	text_put(t, "\t-f) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
		    "\t-o) COMPREPLY=($(compgen -W 'table json' -- \"$cur\")); return ;;\n");
}

static void put_bash_words(struct text *t, const struct cmd *cmd)
{
	text_putf(t, "\t%s)\n\t\topts='", cmd->name);
	put_bash_options(t, cmd);
	text_put(t, "'\n");
	switch (find_words(cmd)) {
	case WORDS_FILES:
		text_put(t, "\t\tfiles=yes\n");
		break;
	case WORDS_FIELDS:
		text_put(t, "\t\twords='");
		put_fields(t);
		text_put(t, "'\n\t\tfiles=yes\n");
		break;
	case WORDS_SHELLS:
		text_put(t, "\t\twords='");
		put_strings(t, complete_shells, " ");
		text_put(t, "'\n");
		break;
	case WORDS_COMMANDS:
		text_put(t, "\t\twords='");
		put_commands(t);
		text_put(t, "'\n");
		break;
	case WORDS_VMS:
		text_put(t, "\t\twords=$(" ASK_VMS ")\n");
		break;
	default:
		break;
	}
	text_put(t, "\t\t;;\n");
}

static void put_bash(struct text *t)
{
	text_put(t, "# bash completion of reconcile; reconcile completion bash prints it\n"
		    "_reconcile() {\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tlocal cmd= word opts= words= files=\n"
		    "\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
		    "\t\tcase \" ");
	put_commands(t);
	text_put(t, " \" in\n\t\t*\" $word \"*) cmd=$word; break ;;\n\t\tesac\n\tdone\n"
		    "\tcase $prev in\n");
	put_bash_values(t);
	text_put(t, "\tesac\n\tcase $cmd in\n\t\"\")\n\t\topts='");
	put_bash_options(t, NULL);
	text_put(t, "'\n\t\twords='");
	put_commands(t);
	text_put(t, "'\n\t\t;;\n");
	for (size_t i = 0; commands[i]; i++)
		put_bash_words(t, commands[i]);
	text_put(t, "\tesac\n"
		    "\tif [[ $cur == -* ]]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
		    "\telse\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		    "\t\t[[ -z $files ]] || COMPREPLY+=($(compgen -f -- \"$cur\"))\n"
		    "\tfi\n"
		    "}\n"
		    "complete -o filenames -F _reconcile reconcile\n");
}

/* ---- zsh ------------------------------------------------------------------------------------ */

/* A text inside of [ ] or between colons of a zsh specification. */
static const char *zsh_escaped(struct arena *a, const char *s)
{
	struct text t = {.a = a};

	for (; *s; s++) {
		if (strchr("[]:\\", *s))
			text_put(&t, "\\");
		text_putn(&t, s, 1);
	}
	return text_end(&t);
}

static void put_zsh_option(struct text *t, const struct opt *o)
{
	const char *repeats = o->type == OPT_LIST ? "*" : "", *names = "";
	struct text spec = {.a = t->a};

	if (o->letter)
		names = arena_printf(t->a, "(-%c --%s)", o->letter, o->name);
	for (int is_long = !o->letter; is_long < 2; is_long++) {
		spec.n = 0;
		text_putf(&spec, "%s", *repeats ? repeats : names);
		if (is_long)
			text_putf(&spec, "--%s%s", o->name, o->arg ? "=" : "");
		else
			text_putf(&spec, "-%c%s", o->letter, o->arg ? "+" : "");
		text_putf(&spec, "[%s]", zsh_escaped(t->a, o->help));
		if (o->arg)
			text_putf(&spec, ":%s:", zsh_escaped(t->a, o->arg));
		if (o->choices) {
			text_put(&spec, "(");
			put_strings(&spec, o->choices, " ");
			text_put(&spec, ")");
		} else if (takes_file(o) || takes_folder(o)) {
			text_put(&spec, takes_file(o) ? "_files" : "_files -/");
		}
		text_putf(t, " \\\n\t\t\t%s", quoted(t->a, text_end(&spec)));
	}
}

static void put_zsh_words(struct text *t, const struct cmd *cmd)
{
	enum words words = find_words(cmd);

	if (words == WORDS_NONE)
		return;
	if (words == WORDS_FILES) {
		text_put(t, " \\\n\t\t\t'*:spec file:_files'");
		return;
	}
	if (words == WORDS_VMS) {
		text_put(t, " \\\n\t\t\t'1:VM:{compadd -- $(" ASK_VMS ")}'");
		return;
	}
	text_put(t, " \\\n\t\t\t'1:word:(");
	if (words == WORDS_FIELDS)
		put_fields(t);
	else if (words == WORDS_SHELLS)
		put_strings(t, complete_shells, " ");
	else
		put_commands(t);
	text_put(t, ")'");
	if (words == WORDS_FIELDS)
		text_put(t, " \\\n\t\t\t'*:spec file:_files'");
}

static void put_zsh_command(struct text *t, const struct cmd *cmd)
{
	text_putf(t, "\t%s)\n\t\t_arguments", cmd ? cmd->name : "*");
	for (size_t i = 0; i < option_count; i++)
		if (cmd ? cli_takes(cmd, &options[i]) : !options[i].commands)
			put_zsh_option(t, &options[i]);
	if (cmd)
		put_zsh_words(t, cmd);
	text_put(t, "\n\t\t;;\n");
}

static void put_zsh(struct text *t)
{
	text_put(t, "#compdef reconcile\n"
		    "# zsh completion of reconcile; reconcile completion zsh prints it\n"
		    "_reconcile() {\n"
		    "\tlocal -a commands\n"
		    "\tlocal curcontext=$curcontext state line\n"
		    "\tcommands=(\n");
	for (size_t i = 0; commands[i]; i++)
		text_putf(t, "\t\t%s\n", quoted(t->a, arena_printf(t->a, "%s:%s", commands[i]->name,
			zsh_escaped(t->a, commands[i]->caption))));
	text_put(t, "\t)\n"
		    "\tif ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
		    "\t\t_describe command commands\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\tlocal cmd=$words[2]\n"
		    "\tshift words\n"
		    "\t((CURRENT--))\n"
		    "\tcase $cmd in\n");
	for (size_t i = 0; commands[i]; i++)
		put_zsh_command(t, commands[i]);
	put_zsh_command(t, NULL);
	/* As a file of fpath it is the function's first call; read by source it only says so. */
	text_put(t, "\tesac\n}\n"
		    "if [[ ${funcstack[1]} == _reconcile ]]; then\n\t_reconcile \"$@\"\n"
		    "else\n\tcompdef _reconcile reconcile\nfi\n");
}

/* ---- fish ----------------------------------------------------------------------------------- */

static void put_fish_option(struct text *t, const struct opt *o)
{
	text_put(t, "complete -c reconcile");
	if (o->commands)
		text_putf(t, " -n '__fish_seen_subcommand_from%s'",
			arena_dupn(t->a, o->commands, strlen(o->commands) - 1));
	text_putf(t, " -l %s", o->name);
	if (o->letter)
		text_putf(t, " -s %c", o->letter);
	if (o->choices) {
		text_put(t, " -x -a '");
		put_strings(t, o->choices, " ");
		text_put(t, "'");
	} else if (takes_file(o)) {
		text_put(t, " -r -F");
	} else if (takes_folder(o)) {
		text_put(t, " -x -a '(__fish_complete_directories)'");
	} else if (o->arg) {
		text_put(t, " -x");
	}
	text_putf(t, " -d %s\n", quoted(t->a, o->help));
}

static void put_fish_words(struct text *t, const struct cmd *cmd)
{
	enum words words = find_words(cmd);

	if (words == WORDS_NONE)
		return;
	text_putf(t, "complete -c reconcile -n '__fish_seen_subcommand_from %s'", cmd->name);
	if (words == WORDS_FILES) {
		text_put(t, " -F\n");
		return;
	}
	text_put(t, words == WORDS_FIELDS ? " -F -a '" : " -a '");
	if (words == WORDS_FIELDS)
		put_fields(t);
	else if (words == WORDS_VMS)
		text_put(t, "(" ASK_VMS ")");
	else if (words == WORDS_SHELLS)
		put_strings(t, complete_shells, " ");
	else
		put_commands(t);
	text_put(t, "'\n");
}

static void put_fish(struct text *t)
{
	text_put(t, "# fish completion of reconcile; reconcile completion fish prints it\n"
		    "complete -c reconcile -f\n");
	for (size_t i = 0; commands[i]; i++)
		text_putf(t, "complete -c reconcile -n __fish_use_subcommand -a %s -d %s\n",
			commands[i]->name, quoted(t->a, commands[i]->caption));
	for (size_t i = 0; commands[i]; i++)
		put_fish_words(t, commands[i]);
	for (size_t i = 0; i < option_count; i++)
		put_fish_option(t, &options[i]);
}

const char *complete_text(struct arena *a, const char *shell)
{
	static void (*const makers[])(struct text *t) = {put_bash, put_zsh, put_fish};
	struct text t = {.a = a};

	for (size_t i = 0; complete_shells[i]; i++) {
		if (strcmp(complete_shells[i], shell) != 0)
			continue;
		makers[i](&t);
		return text_end(&t);
	}
	return NULL;
}
