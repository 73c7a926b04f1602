/* vmm_logs.c - logs are kept small.
 *
 * QEMU writes them itself, with O_APPEND, so that no process of ours has to live as long as a VM.
 * Hence two bounds: each pass cuts a log that has become larger than "most" down to its last "keep"
 * bytes, and between two passes RLIMIT_FSIZE of the VMM ends what a guest can write (vmm_start.c).
 */
#include "drivers/vmm/vmm.h"

#include "drivers/rundir.h"
#include "drivers/sys/tail.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <stdio.h>

#define KIB 1024ull
#define MIB (1024 * KIB)

static const struct {
	const char *name;
	uint64_t most, keep;
} logs[] = {
	{RUN_OUTPUT, 10 * MIB, 5 * MIB},
	{RUN_CONSOLE, 10 * MIB, 5 * MIB},
	{RUN_REPORT, 1 * MIB, 128 * KIB},
	{RUN_LOG, 1 * MIB, 128 * KIB},
};

static void shorten(const char *vm, int run_fd)
{
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		struct err why = ERR_INIT;

		if (tail_keep(run_fd, logs[i].name, logs[i].most, logs[i].keep, &why) < 0)
			log_warn("a log stays large", "vm=%s why=\"%s\"", vm, why.msg);
	}
}

void vmm_tidy(struct host *h, const struct view *views, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *vm = views[i].object ? views[i].object->name : views[i].record->name;
		_cleanup_fd_ int run_fd = -1;

		if (views[i].observed.running && h->run_fd >= 0 &&
			rundir_open(h->run_fd, vm, &run_fd, NULL) == 0 && run_fd >= 0)
			shorten(vm, run_fd);
	}
}

/* Of the console the boot before is kept beside it. */
void vmm_logs_begin(int run_fd)
{
	shorten("", run_fd);
	renameat(run_fd, RUN_CONSOLE, run_fd, RUN_CONSOLE ".1");
}
