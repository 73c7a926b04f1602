/* drive.c - the slots of drivers that change something. */
#include "reconciler/engine/drive.h"

#include "schema/base/point.h"

int drive_apply(struct host *h, const struct step *s, struct kvs *facts, struct err *e)
{
	if (point_fails("driver.apply"))
		return err_sys(e, errno, "cannot %s %s/%s", step_op_name(s->op), kind_name(s->kind),
			s->name);
	if (driver_for(s->kind)->apply(h, s, facts, e) < 0)
		return -1;
	return point_fails("driver.apply done")
		? err_sys(e, errno, "cannot see %s/%s done", kind_name(s->kind), s->name) : 0;
}

int drive_undo(struct host *h, const struct step *s, struct err *e)
{
	if (point_fails("driver.undo"))
		return err_sys(e, errno, "cannot undo %s/%s", kind_name(s->kind), s->name);
	if (driver_for(s->kind)->undo(h, s, e) < 0)
		return -1;
	return point_fails("driver.undo done")
		? err_sys(e, errno, "cannot see %s/%s undone", kind_name(s->kind), s->name) : 0;
}

void drive_tidy(struct host *h, enum kind kind, const struct view *views, size_t n)
{
	if (driver_for(kind)->tidy)
		driver_for(kind)->tidy(h, views, n);
}
