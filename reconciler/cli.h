/* cli.h - the command line: one table of commands, one table of options.
 *
 * Flags may stand anywhere before "--". stdout carries only the result that was asked for;
 * progress, prompts, warnings and logs go to stderr. Exit codes: docs/exit-status.md.
 */
#pragma once

#include "schema/base/vec.h"
#include "schema/base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum output {
	OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_WIDE, OUTPUT_TEXT, OUTPUT_SVG, OUTPUT_DOT
};
enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };
enum progress { PROGRESS_AUTO, PROGRESS_TTY, PROGRESS_PLAIN, PROGRESS_JSON, PROGRESS_NONE };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

struct cmd;
struct json_t; /* of jansson */

#define CLI_OPTIONS_MAX 64

/* Every option of every command; which command takes which is in the table in cli.c. */
struct cli {
	struct arena arena;
	const struct cmd *cmd;
	VEC(const char *) args;     /* what is not an option */
	VEC(const char *) files;    /* -f */
	VEC(const char *) vars, var_files;
	const char *after_dashes;   /* not NULL: there was a "--"; args from n_before on follow it */
	size_t n_before;            /* args before "--" */
	bool given[CLI_OPTIONS_MAX]; /* which options were given, by their place in the table */

	const char *state_dir, *source, *root;
	uint32_t output, color, progress, log_level, log_format;
	uint64_t lock_timeout_ms, timeout_ms;
	uint64_t wait_timeout_ms;   /* UINT64_MAX: what the spec says */
	bool help, version, quiet, verbose;
	bool yes, allow_data_loss, dry_run, exit_code, no_prune, refresh, all;
	bool console, follow, watch, no_stdin;
	uint64_t tail, max_size, interval_ms; /* interval_ms 0: the command's own */
	uint32_t wait_for;          /* index into the choices of --for */
	uint64_t parallel;          /* 0: many_usual */
	const char *max_delete;     /* "3" or "20%"; NULL: the default */
	const char *user, *workdir;
	const char *since, *at;     /* a moment, or a span before now */
	uint64_t after;             /* seq of an event */
	const char *pass;           /* id of a pass */
	VEC(const char *) ignore;   /* drift that is not to be shown */
	VEC(const char *) env;
	bool effective, write, check;

	const char *acts_as;        /* root has become this user (drop.h); NULL: we are who started us */
	const char *program;        /* argv[0], for usage lines */
	struct json_t *document, *errors, *warnings; /* of document.h; NULL: nothing yet */
	bool colored_out, colored_err; /* decided from color, NO_COLOR, TERM and the terminal */
};

struct cmd {
	const char *name;
	const char *args;    /* usage: "[FILE...]" */
	const char *caption; /* one line */
	const char *help;    /* paragraphs with examples */
	bool jsonl, wide;    /* knows -o jsonl, -o wide */
	bool draws;          /* knows -o text, svg and dot */
	bool looks;          /* reads the files that it is given and nothing else: it runs in the cage of
			      * drivers/sys/cage.h from its start. Commands that look at saved state
			      * enter it once that is open: pass.h */
	bool root;           /* root stays root, or run itself decides when to become the owner (drop.h) */
	int (*run)(struct cli *c, struct err *e); /* exit code, or -1 with e */
};

extern const struct cmd cmd_validate, cmd_plan, cmd_apply, cmd_status, cmd_delete, cmd_exec,
	cmd_logs, cmd_ports, cmd_drift, cmd_graph, cmd_events, cmd_why, cmd_explain, cmd_schema, cmd_fmt, cmd_image,
	cmd_recover, cmd_gc, cmd_undelete, cmd_doctor, cmd_system,
	cmd_completion, cmd_version, cmd_help, cmd_wait, cmd_console, cmd_stats, cmd_top, cmd_ssh;

/* All commands in the order of the help; NULL-terminated. */
extern const struct cmd *const commands[];

enum opt_type { OPT_FLAG, OPT_STRING, OPT_LIST, OPT_CHOICE, OPT_DURATION, OPT_NUMBER, OPT_SIZE };

struct opt {
	const char *name;
	char letter;          /* 0: none */
	enum opt_type type;
	size_t offset;        /* into struct cli */
	const char *arg;      /* NULL for flags */
	const char *commands; /* names with spaces around them; NULL: all */
	const char *help;
	const char *const *choices;
};

/* All options; option_count of them. Help, completion and reconcile(1) are loops over them. */
extern const struct opt options[];
extern const size_t option_count;

/* Whether cmd takes o; cmd NULL: true. */
bool cli_takes(const struct cmd *cmd, const struct opt *o);

/* Whether the option of that name was given. */
bool cli_given(const struct cli *c, const char *name);

/* Set by SIGINT and SIGTERM to the signal's number; a second one ends the program at once. */
extern volatile sig_atomic_t cli_cancel;

/* The whole program: parse, run, print the error. Returns the exit code. */
int cli_main(int argc, char **argv);

/* Print the help of one command, or of all when cmd is NULL. */
void cli_help(const struct cli *c, const struct cmd *cmd, FILE *to);

/* Spec files of this command: -f first, then positionals. ERR_USAGE when there is none. */
int cli_files(struct cli *c, const char *const **files, size_t *n, struct err *e);

/* Whose spec these files are: --source, else the absolute path of the first file ("-" for standard
 * input and for a pipe of the shell's). Not normalised further: the owner is what the user named. */
const char *cli_source(struct cli *c, const char *const *files, size_t n);
