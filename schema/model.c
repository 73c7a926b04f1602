/* model.c - the names of the nouns. */
#include "schema/model.h"

#include <string.h>

#define NAMES(table) (sizeof(table) / sizeof((table)[0]))

static const char *name_of(const char *const *table, size_t n, size_t i)
{
	return i < n ? table[i] : "?";
}

static const char *const kinds[] = {"image", "kernel", "network", "firewall", "disk", "nic", "vm",
	"guest"};

const char *kind_name(enum kind kind)
{
	return name_of(kinds, NAMES(kinds), kind);
}

enum kind kind_parse(const char *name)
{
	for (size_t i = 0; i < NAMES(kinds); i++)
		if (!strcmp(kinds[i], name))
			return (enum kind)i;
	return KIND_N;
}

static const char *const changes[] = {"none", "live", "restart", "replace", "data loss"};

const char *change_name(enum change change)
{
	return name_of(changes, NAMES(changes), change);
}

static const char *const states[] = {"making", "made", "failed", "deleting"};

const char *record_state_name(enum record_state state)
{
	return name_of(states, NAMES(states), state);
}

static const char *const verdicts[] = {"none", "create", "live", "restart", "replace", "delete",
	"adopt", "forget", "conflict"};

const char *verdict_name(enum verdict v)
{
	return name_of(verdicts, NAMES(verdicts), v);
}

static const char *const ops[] = {"create", "update", "start", "stop", "delete", "wait"};

const char *step_op_name(enum step_op op)
{
	return name_of(ops, NAMES(ops), op);
}

enum step_op step_op_parse(const char *name)
{
	for (size_t i = 0; i < NAMES(ops); i++)
		if (!strcmp(ops[i], name))
			return (enum step_op)i;
	return STEP_OP_N;
}
