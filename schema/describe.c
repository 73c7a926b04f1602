/* describe.c - a row of a field table in words. */
#include "schema/describe.h"

#include "schema/base/text.h"

#include <inttypes.h>
#include <string.h>

static const char *between(struct arena *a, const struct field *f,
	const char *(*print)(struct arena *a, uint64_t v))
{
	const char *range = arena_printf(a, "%s to %s", print(a, (uint64_t)f->min),
		print(a, (uint64_t)f->max));

	return f->step ? arena_printf(a, "%s, a multiple of %s", range, print(a, f->step)) : range;
}

const char *describe_bounds(struct arena *a, const struct field *f)
{
	switch (f->type) {
	case FIELD_U32:
		return arena_printf(a, "%" PRId64 " to %" PRId64, f->min, f->max);
	case FIELD_SIZE:
		return between(a, f, size_print);
	case FIELD_DURATION:
		return between(a, f, duration_print);
	case FIELD_STRV:
	case FIELD_ENV:
	case FIELD_NAMES:
	case FIELD_LABELS:
	case FIELD_ADDRESSES:
	case FIELD_SUBNETS:
	case FIELD_FORWARDS:
		return arena_printf(a, "%" PRId64 " to %" PRId64 " elements", f->min, f->max);
	case FIELD_SUBNET:
		return arena_printf(a, "%" PRId64 " to %" PRId64 " bits", f->min, f->max);
	case FIELD_STRING:
	case FIELD_NAME:
	case FIELD_PATH:
		return arena_printf(a, "%" PRId64 " to %" PRId64 " bytes", f->min, f->max);
	default:
		return "";
	}
}

/* What the verdicts of docs/three-way.md and the edges of expand.c come to for people. */
static const struct {
	enum change change;
	enum kind feeds; /* KIND_N: any that has no row of its own */
	const char *words;
} costs[] = {
	{CHANGE_NONE, KIND_N, "nothing: the value is used when the object is made next"},
	{CHANGE_LIVE, KIND_KERNEL,
		"the kernel stays; VMs that use it are stopped and started again"},
	{CHANGE_LIVE, KIND_N, "nothing stops: the value holds from the next apply on"},
	{CHANGE_RESTART, KIND_DISK, "the VM is stopped and started again; what is on its disk is kept"},
	{CHANGE_RESTART, KIND_NETWORK, "the network is changed in place; VMs in it are stopped and started "
		"again"},
	{CHANGE_RESTART, KIND_N, "the VM is stopped and started again; its disk is kept"},
	{CHANGE_REPLACE, KIND_IMAGE, "the image is made anew, and then the disks of the VMs that use "
		"it: they stop, and what was written to those disks is gone"},
	{CHANGE_REPLACE, KIND_KERNEL, "the kernel is made anew; VMs that use it are stopped and started "
		"again, their disks are kept"},
	{CHANGE_REPLACE, KIND_DISK, "the VM is stopped and its disk is copied from the image again: "
		"what was written to it is gone"},
	{CHANGE_REPLACE, KIND_N, "the object is removed and made again under the same name"},
	{CHANGE_DATA_LOSS, KIND_N, "data is thrown away: apply needs --allow-data-loss"},
};

const char *describe_change(const struct field *f)
{
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		if (costs[i].change == f->change &&
			(costs[i].feeds == f->feeds || costs[i].feeds == KIND_N))
			return costs[i].words;
	return "";
}

const char *describe_example(struct arena *a, const struct field *f)
{
	if (f->example)
		return f->example;
	switch (f->type) {
	case FIELD_BOOL:
		return f->dflt && !strcmp(f->dflt, "true") ? "false" : "true";
	case FIELD_ENUM: /* the last one: the first is nearly always the default */
		for (size_t i = 0; f->choices[i]; i++)
			if (!f->choices[i + 1])
				return f->choices[i];
		return "";
	case FIELD_U32:
		return arena_printf(a, "%" PRId64, f->min);
	case FIELD_SIZE:
		return f->dflt ? f->dflt : size_print(a, (uint64_t)f->min);
	case FIELD_DURATION:
		return f->dflt ? f->dflt : duration_print(a, (uint64_t)f->min);
	case FIELD_DIGEST:
		return "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	case FIELD_NAME:
		return arena_printf(a, "my-%s", kind_name(f->ref));
	case FIELD_PATH:
		return "/path/to/it";
	case FIELD_NAMES:
		return arena_printf(a, "[my-%s]", f->ref == KIND_N ? "profile" : kind_name(f->ref));
	case FIELD_STRV:
		return "[one, two]";
	case FIELD_ENV:
	case FIELD_LABELS:
		return "{NAME: value}";
	default:
		return "text";
	}
}

const char *describe_path(struct arena *a, const struct noun *noun, const struct field *f)
{
	return arena_printf(a, "%s.%s", noun->key, f->path);
}

const char *describe_example_block(struct arena *a, const struct noun *noun, const struct field *f,
	const char *indent)
{
	struct text t = {.a = a};
	size_t depth = noun == &noun_guards ? 1 : 2;

	text_putf(&t, "%s%s:\n", indent, noun->key);
	if (depth == 2)
		text_putf(&t, "%s  my-%s:\n", indent, noun->singular);
	for (const char *p = f->path; *p; depth++) {
		size_t n = strcspn(p, ".");

		text_put(&t, indent);
		text_fill(&t, ' ', 2 * depth);
		if (*p == '*')
			text_put(&t, "my-network");
		else
			text_putn(&t, p, n);
		text_putf(&t, ":%s%s\n", p[n] ? "" : " ", p[n] ? "" : describe_example(a, f));
		p += n + (p[n] == '.');
	}
	return text_end(&t);
}
