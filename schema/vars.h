/* vars.h - variables of a spec: ${NAME} in any text of an object, a profile or the defaults.
 *
 *	${NAME}            its value; an error when it has none
 *	${NAME:-text}      the text when it has none, or an empty one
 *	${NAME:?message}   an error with this message when it has none, or an empty one
 *	$$                 a $; any other $ stands for itself
 *
 * The value comes from --var, a --var-file, the environment (RECONCILE_VAR_NAME) or the default that
 * the spec gives under vars:, the first of them that has one. It replaces the mark in a text that the
 * YAML reader has taken apart already, so it can add no field, and it is never looked at again: what
 * reads like a mark in it stays. It is one line.
 *
 * Internal to schema/.
 */
#pragma once

#include "schema/base/map.h"
#include "schema/yaml.h"

struct load;

struct var {
	const char *name;
	const char *given;    /* by the command line or a file; NULL: by neither */
	const char *how;      /* the words for that */
	struct pos given_at;  /* line 0: the command line */
	const char *dflt;     /* under vars; NULL: none */
	struct pos declared;  /* under vars; line 0: not */
	const char *env;      /* of the environment, once it was asked; NULL: it has none */
	const char *env_name;
	bool used;
};

struct vars {
	struct map by_name;
	VEC(struct var *) all; /* in the order in which they were met */
	VEC(char) text;        /* the one that is being made */
	size_t expanded;       /* bytes of all that were made */
};

/* What one text was made with. */
struct var_trace {
	const struct yaml_node *node;
	const char *name, *how;
	struct pos pos;
};

/* Take what --var gives. 0, or -1 with e (ERR_USAGE). */
int vars_from_arguments(struct load *l, struct err *e);

/* Take one --var-file, given as its text. Mistakes become diagnostics. */
void vars_from_file(struct load *l, struct source *src);

/* One entry under vars: NAME and its default. */
void vars_declare(struct load *l, struct source *src, const struct yaml_node *key);

/* Whether any text below the value of key has something to expand. */
bool vars_needed(const struct yaml_node *n);

/* Whether every variable below n is known by now, so that nothing that is read later can change its
 * value. Not when a mark is malformed. */
bool vars_known(struct load *l, const struct yaml_node *n);

/* Put values in place of the marks in every text below n. A text that could not be made is bad. */
void vars_expand(struct load *l, struct source *src, struct yaml_node *n);

/* Warn of what was declared or given in a file and is used nowhere. 0, or -1 with e when --var gave
 * a variable that the spec does not know (ERR_USAGE). */
int vars_check(struct load *l, struct err *e);
