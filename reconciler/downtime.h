/* downtime.h - which running VMs a plan stops, and for how long. */
#pragma once

#include "reconciler/engine/plan.h"

enum { DOWNTIME_NONE = -1, DOWNTIME_UNKNOWN = 0 };

/* How long the VM of that view will be away, by how long it was the last time: milliseconds;
 * DOWNTIME_UNKNOWN when it was never measured or the VM does not come back; DOWNTIME_NONE when the
 * plan does not stop it, or it is no VM. */
int64_t downtime_ms(const struct plan *plan, uint32_t view);

/* "Downtime: vm/db, vm/web about 4 s.", "No downtime." */
const char *downtime_text(struct arena *a, const struct plan *plan);
