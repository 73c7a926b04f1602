/* vmm.c - the driver of KIND_VM: QEMU's microvm machine, with KVM where it really works. */
#include "drivers/vmm/vmm.h"

#include "drivers/rundir.h"

#include <string.h>

extern const struct driver driver_vm;

/* Arguments of START: facts of its own and of what it needs. Fields such as env are not among them:
 * arguments are journalled, and env may hold a secret. They are read from step->object. */
static const struct {
	const char *fact, *arg;
	enum kind kind;
	bool needed;
} needs[] = {
	{"file", "kernel", KIND_KERNEL, true},
	{"initrd", "initrd", KIND_KERNEL, true},
	{"args", "kernel_args", KIND_KERNEL, false},
	{"file", "disk", KIND_DISK, true},
	{"size", "disk_size", KIND_DISK, false},
	{"config", "config", KIND_IMAGE, false},
	{"nics", "nics", KIND_NIC, false},
};

static const char *need_name(const struct vm_spec *vm, enum kind kind)
{
	switch (kind) {
	case KIND_KERNEL:
		return vm->kernel;
	case KIND_IMAGE:
		return vm->image;
	default:
		return vm->head.name;
	}
}

static int name_step(const struct naming *in, struct kvs *args, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)in->object->spec;
	const char *name = in->object->name;
	struct arena *a = in->host->arena;
	const char *mac_of = in->record ? kvs_get(&in->record->facts, "mac_of") : NULL;

	if (!mac_of && in->record) /* renamed: its guest knows it by the address that it has */
		mac_of = kvs_get(&in->record->facts, "was");
	kvs_set(a, args, "mac_of", mac_of);
	kvs_setf(a, args, "id", "%s-%s", in->host->instance, name);
	kvs_set(a, args, "run", rundir_path(a, in->host, name));
	if (in->cid)
		kvs_setf(a, args, "cid", "%u", in->cid);
	kvs_setf(a, args, "stop_timeout_ms", "%llu", (unsigned long long)vm->stop_timeout_ms);
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const char *on = need_name(vm, needs[i].kind);
		/* The taps of one that leaves its networks may still be recorded. */
		const struct kvs *dep = needs[i].kind == KIND_NIC && !vm->networks.n ? NULL
			: in->dep(in, needs[i].kind, on);
		const char *value = dep ? kvs_get(dep, needs[i].fact) : NULL;

		if (value)
			kvs_set(a, args, needs[i].arg, value);
		else if (needs[i].needed)
			return err_set(e, ERR_FAILED, "VM %s: %s %s has no \"%s\"", name,
				kind_name(needs[i].kind), on, needs[i].fact);
	}
	return 0;
}

static int scan(struct host *h, struct orphans *out, struct err *e)
{
	struct vmm_list all = {0};

	if (vmm_find_all(h, &all, e) < 0)
		return -1;
	vec_each(f, &all)
		*vec_push(h->arena, out) = (struct orphan){.kind = KIND_VM, .name = f->vm,
			.what = arena_printf(h->arena, "process %d", (int)f->id.pid)};
	return 0;
}

static int apply(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	switch (step->op) {
	case STEP_CREATE:
		return 0; /* a VM is its process; its folders are made when it starts */
	case STEP_START:
		return vmm_start(h, step, facts, e);
	case STEP_STOP:
		return vmm_stop(h, step, facts, e);
	case STEP_DELETE:
		return vmm_delete(h, step, e);
	default:
		return err_set(e, ERR_FAILED, "a VM has no step \"%s\"", step_op_name(step->op));
	}
}

/* A stopped VM cannot be un-stopped nor a deleted one un-deleted here: that is a START. */
static int undo(struct host *h, const struct step *step, struct err *e)
{
	return step->op == STEP_START ? vmm_start_undo(h, step, e) : 0;
}

const struct driver driver_vm = {
	.name = "vmm",
	.kind = KIND_VM,
	.resolve = vmm_resolve,
	.observe = vmm_observe,
	.tidy = vmm_tidy,
	.scan = scan,
	.name_step = name_step,
	.apply = apply,
	.undo = undo,
};
