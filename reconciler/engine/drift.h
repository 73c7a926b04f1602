/* drift.h - what is not as it was made, and what is to be done about it. PURE.
 *
 * Drift is a difference between what was recorded as made and what is there: a VMM that died, a disk
 * file that is gone. A change of the spec is no drift, and neither is a change that an earlier pass
 * began and did not end.
 *
 *	repair   the next pass puts it right (the default)
 *	report   it is shown and left as it is; changes of the spec are still made
 *	ignore   the same, but it is shown in JSON only
 *	hold     nothing at all is changed, neither for drift nor for the spec
 *
 * The policy of a VM covers its disk, unless drift.running or drift.disk says otherwise for that part
 * alone. Images and kernels are always repaired.
 */
#pragma once

#include "drivers/driver.h"

struct drift_rule {
	enum drift policy;  /* the one in force: once until has passed, repair, or for a part of the
			     * VM what holds for the whole */
	enum drift written; /* the one in the spec */
	const char *part;   /* "running", "disk": its own policy; NULL: that of the whole VM */
	bool expired;       /* until has passed */
	const char *until, *why; /* NULL: not given */
	struct pos pos;     /* of drift.policy; line 0: from a record */
};

/* The rule for an object: by its spec, else, for a VM, by what was recorded with it (vm, may be NULL). now_ms decides whether until has passed. */
struct drift_rule drift_rule_of(const struct object *object, const struct record *vm,
	int64_t now_ms);

/* Whether what observe saw is drift. */
bool drift_is(const struct view *v);

/* What is wrong, for people; never NULL. */
const char *drift_text(const struct view *v);

/* What of the object has drifted, one word for --ignore: "running", "disk", "content". */
const char *drift_field(const struct view *v);
bool drift_is_field(const char *word);

/* "repair", "report", "ignore", "hold". */
const char *drift_name(enum drift policy);

/* "repaired", "reported and left so", "ignored", "held": what happens to drift. */
const char *drift_done(enum drift policy);
enum drift drift_parse(const char *name);
