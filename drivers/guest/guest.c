/* guest.c - the driver of KIND_GUEST: see that a started VM gets ready and stays alive, and ask the guest
 * to power off before its VMM is stopped.
 */
#include "drivers/guest/room.h"

#include "drivers/guest/agent.h"
#include "drivers/rundir.h"
#include "schema/base/log.h"

extern const struct driver driver_guest;

#define POWEROFF_MS 5000
/* QEMU closes its sockets a moment before the last bytes of its logs are all there to be read. */
#define MARGIN_MS 2000

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)in->object->spec;
	struct arena *a = in->host->arena;

	(void)e;
	kvs_set(a, args, "run", rundir_path(a, in->host, in->object->name));
	kvs_setf(a, args, "ready_timeout_ms", "%llu", (unsigned long long)rundir_ready_limit(vm));
	kvs_setf(a, args, "stop_timeout_ms", "%llu", (unsigned long long)vm->stop_timeout_ms);
	return 0;
}

const char *guest_run_of(struct host *h, const struct step *step)
{
	const char *run = kvs_get(&step->args, "run");

	return run ? run : rundir_path(h->arena, h, step->name);
}

/* ---- stop ------------------------------------------------------------------------------- */

/* How long the workload gets between its stop signal and KILL: less than the whole, so that there is
 * time left to write everything back. */
static int64_t grace_ms(uint64_t stop_ms)
{
	return (int64_t)(stop_ms > MARGIN_MS + MARGIN_MS ? stop_ms - MARGIN_MS : stop_ms / 2);
}

/* A VMM that somebody has stopped runs on, so that its guest can write back what it has. */
static void wake(const struct step *step)
{
	struct proc_id id;

	rundir_id_get(&step->args, &id);
	proc_continue(&id, NULL);
}

/* A guest that cannot be asked is stopped by the VMM's driver all the same. */
static int power_off(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_agent_ struct agent *agent = NULL;
	uint64_t stop_ms = rundir_stop_ms(step);
	struct err why = ERR_INIT;
	int64_t open_ms = stop_ms < POWEROFF_MS ? (int64_t)stop_ms : POWEROFF_MS;

	wake(step);
	if (agent_open(guest_run_of(h, step), open_ms, h->cancel, &agent, &why) == 0 &&
		agent_poweroff(agent, grace_ms(stop_ms), POWEROFF_MS, &why) == 0)
		return 0;
	if (why.kind == ERR_CANCELLED) {
		err_join(e, &why);
		return -1;
	}
	log_debug("guest not asked to power off", "vm=%s reason=\"%s\"", step->name, why.msg);
	return 0;
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	switch (step->op) {
	case STEP_WAIT:
		return ready_wait(h, step, facts, e);
	case STEP_STOP:
		return power_off(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "a guest has no step \"%s\"", step_op_name(step->op));
	}
}

/* Waiting and asking leave nothing to reverse. */
static int undo(struct host *h, const struct step *step, struct err *e)
{
	(void)h;
	(void)step;
	(void)e;
	return 0;
}

const struct driver driver_guest = {
	.name = "guest",
	.kind = KIND_GUEST,
	.observe = liveness_observe,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
