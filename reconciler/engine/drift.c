/* drift.c - what is not as it was made, and what is to be done about it. */
#include "reconciler/engine/drift.h"

#include "schema/field.h"
#include "schema/moment.h"

#include <string.h>

static const char *const names[] = {"repair", "report", "ignore", "hold"};

const char *drift_name(enum drift policy)
{
	return names[policy];
}

enum drift drift_parse(const char *name)
{
	for (size_t i = 0; name && i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return (enum drift)i;
	return DRIFT_REPAIR;
}

static bool has_passed(const char *until, int64_t now_ms)
{
	int64_t end;

	return until && moment_parse(until, &end, NULL) == 0 && end <= now_ms;
}

struct drift_rule drift_rule_of(const struct object *object, const struct record *vm,
	int64_t now_ms)
{
	const struct vm_spec *spec = NULL;
	struct drift_rule rule = {0};

	if (object && (object->kind == KIND_VM || object->kind == KIND_DISK))
		spec = (const struct vm_spec *)(const void *)object->spec;
	if (spec) {
		rule.written = (enum drift)spec->drift;
		rule.until = spec->drift_until;
		rule.why = spec->drift_why;
		rule.pos = field_pos(&spec->head, "drift.policy");
	} else if (vm && !object) {
		rule.written = drift_parse(kvs_get(&vm->fields, "drift.policy"));
		rule.until = kvs_get(&vm->fields, "drift.until");
		rule.why = kvs_get(&vm->fields, "drift.why");
	}
	rule.policy = has_passed(rule.until, now_ms) ? DRIFT_REPAIR : rule.written;
	return rule;
}

/* What is wanted of running has changed since: that it does not run is no drift then. */
static bool is_switched(const struct view *v)
{
	const struct vm_spec *spec = (const struct vm_spec *)(const void *)v->object->spec;
	const char *was = kvs_get(&v->record->fields, "running");

	return v->object->kind == KIND_VM && spec->running != (!was || !strcmp(was, "true"));
}

bool drift_is(const struct view *v)
{
	enum seen seen = v->observed.seen;

	if (!v->object || !v->record || v->record->state != RECORD_MADE)
		return false;
	return (seen == SEEN_DRIFTED || seen == SEEN_ABSENT) && !is_switched(v);
}

const char *drift_text(const struct view *v)
{
	if (v->observed.reason)
		return v->observed.reason;
	return v->observed.seen == SEEN_ABSENT ? "it is gone" : "is not as it was made";
}

static const char *const fields[KIND_N] = {
	[KIND_IMAGE] = "content", [KIND_KERNEL] = "content", [KIND_DISK] = "disk",
	[KIND_VM] = "running",
};

const char *drift_field(const struct view *v)
{
	return fields[v->object->kind];
}

bool drift_is_field(const char *word)
{
	for (int i = 0; i < KIND_N; i++)
		if (fields[i] && !strcmp(fields[i], word))
			return true;
	return false;
}
