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

const char *drift_done(enum drift policy)
{
	static const char *const done[] = {"repaired", "reported and left so", "ignored", "held"};

	return done[policy];
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

/* The part of a VM that an object is: its fields are drift.PART.policy, .until and .why. */
static const char *const parts[KIND_N] = {[KIND_DISK] = "disk", [KIND_VM] = "running"};

static struct drift_rule whole_rule(const struct vm_spec *spec, const struct record *vm)
{
	if (spec)
		return (struct drift_rule){
			.written = (enum drift)spec->drift,
			.until = spec->drift_until,
			.why = spec->drift_why,
			.pos = field_pos(&spec->head, "drift.policy"),
		};
	return (struct drift_rule){
		.written = drift_parse(kvs_get(&vm->fields, "drift.policy")),
		.until = kvs_get(&vm->fields, "drift.until"),
		.why = kvs_get(&vm->fields, "drift.why"),
	};
}

/* false: there is none, that of the whole VM holds. */
static bool own_rule(const struct vm_spec *spec, const struct record *vm, enum kind kind,
	struct drift_rule *out)
{
	const struct own_drift *own;
	const char *policy;

	if (!parts[kind]) /* interfaces go with the whole VM */
		return false;
	if (spec) {
		own = kind == KIND_DISK ? &spec->drift_disk : &spec->drift_running;
		if (!own->policy)
			return false;
		*out = (struct drift_rule){
			.written = (enum drift)(own->policy - 1),
			.until = own->until,
			.why = own->why,
			.pos = field_pos(&spec->head, kind == KIND_DISK ? "drift.disk.policy"
								       : "drift.running.policy"),
			.part = parts[kind],
		};
		return true;
	}
	policy = kvs_get(&vm->fields, "drift.running.policy");
	if (!policy || !strcmp(policy, "inherit"))
		return false;
	*out = (struct drift_rule){
		.written = drift_parse(policy),
		.until = kvs_get(&vm->fields, "drift.running.until"),
		.why = kvs_get(&vm->fields, "drift.running.why"),
		.part = parts[KIND_VM],
	};
	return true;
}

struct drift_rule drift_rule_of(const struct object *object, const struct record *vm,
	int64_t now_ms)
{
	const struct vm_spec *spec = object && (parts[object->kind] || object->kind == KIND_NIC)
		? (const struct vm_spec *)(const void *)object->spec : NULL;
	enum kind kind = object ? object->kind : KIND_VM;
	struct drift_rule whole, own;

	if (object ? !spec : !vm)
		return (struct drift_rule){0};
	whole = whole_rule(spec, vm);
	whole.expired = has_passed(whole.until, now_ms);
	whole.policy = whole.expired ? DRIFT_REPAIR : whole.written;
	if (!own_rule(spec, vm, kind, &own))
		return whole;
	own.expired = has_passed(own.until, now_ms);
	own.policy = own.expired ? whole.policy : own.written;
	return own;
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
	[KIND_VM] = "running", [KIND_NETWORK] = "bridge", [KIND_FIREWALL] = "rules",
	[KIND_NIC] = "network",
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
