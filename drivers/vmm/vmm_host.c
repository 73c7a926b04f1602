/* vmm_host.c - what the host has for VMs: a QEMU, memory, processors.
 *
 * Said before anything is made: a VM that can never start here is held back by the plan, with the
 * reason; one that may be slow here is only warned about, when it is about to start.
 */
#include "drivers/vmm/vmm.h"

#include "schema/base/log.h"
#include "schema/field.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define MIB 1048576ull

static const char *const qemus[] = {
	"/usr/bin/qemu-system-x86_64",
	"/usr/local/bin/qemu-system-x86_64",
};

int vmm_find_qemu(const char **path, struct err *e)
{
	for (size_t i = 0; i < sizeof(qemus) / sizeof(qemus[0]); i++) {
		if (access(qemus[i], X_OK) < 0)
			continue;
		*path = qemus[i];
		return 0;
	}
	err_set(e, ERR_FAILED, "QEMU is not installed: no %s", qemus[0]);
	return err_hint(e, "install the package qemu-system-x86");
}

/* Bytes of memory, without and with swap, whole MiB to be readable. */
static void host_memory(uint64_t *ram, uint64_t *all)
{
	struct sysinfo info;

	*ram = *all = UINT64_MAX;
	if (sysinfo(&info) < 0)
		return;
	*ram = ((uint64_t)info.totalram * info.mem_unit) / MIB * MIB;
	*all = *ram + ((uint64_t)info.totalswap * info.mem_unit) / MIB * MIB;
}

/* Processors that we may use; 0 when it cannot be told. */
static uint32_t host_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 0 : (uint32_t)CPU_COUNT(&set);
}

/* Once, when it is new or has got more. */
static void warn_cpus(const struct vm_spec *vm, const struct record *record)
{
	const char *had = record && record->state == RECORD_MADE
		? kvs_get(&record->fields, "vcpus") : NULL;
	const uint32_t cpus = host_cpus();

	if (cpus && vm->vcpus > cpus && (!had || strtoul(had, NULL, 10) < vm->vcpus))
		log_warn("more vcpus than processors", "vm=%s vcpus=%u host=%u", vm->head.name,
			vm->vcpus, cpus);
}

int vmm_resolve(struct host *h, const struct object *object, const struct record *record,
	struct kvs *facts, struct err *e)
{
	const struct vm_spec *vm = (const struct vm_spec *)object->spec;
	const char *qemu;
	uint64_t ram, all;

	(void)facts;
	if (!vm->running)
		return 0;
	warn_cpus(vm, record);
	if (vmm_find_qemu(&qemu, e) < 0)
		return -1;
	host_memory(&ram, &all);
	if (vm->memory <= all)
		return 0;
	return err_set(e, ERR_LIMIT, "it is to have %s of memory, more than this host has with its "
		"swap (%s)", size_print(h->arena, vm->memory), size_print(h->arena, all));
}

void vmm_warn(struct host *h, const struct view *views, size_t n)
{
	uint64_t ram, all, sum = 0;
	bool news = false;

	host_memory(&ram, &all);
	for (size_t i = 0; i < n; i++) {
		const struct vm_spec *vm = views[i].object
			? (const struct vm_spec *)views[i].object->spec : NULL;

		if (!vm || !vm->running)
			continue;
		sum += vm->memory;
		news |= !views[i].observed.running && !views[i].observed.finished;
	}
	if (news && sum > ram)
		log_warn("VMs have more memory than the host",
			"vms=%s host=%s why=\"the host may swap, or kill one\"",
			size_print(h->arena, sum), size_print(h->arena, ram));
}
