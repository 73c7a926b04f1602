/* agent_reach.c - the way to the agent of a VM that runs: vsock where the VM has it, else a port.
 *
 * Over vsock any number of clients can talk at once, where a virtio-serial port carries one. But a
 * context id proves nothing: when a VM has ended, another one may have it. So the answer counts only
 * if it repeats the nonce of the boot that START noted in the run folder; otherwise, and whenever
 * vsock does not work for whatever reason, the ports are asked, which are ours by their place.
 */
#include "drivers/guest/agent.h"

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/vsock.h"
#include "schema/base/fd.h"
#include "schema/base/log.h"

#include <string.h>
#include <unistd.h>

#define CONNECT_MS 250
#define HELLO_MS 1000

/* 0; 1 when the ports are to be asked. */
static int over_vsock(const struct kvs *note, struct agent **out)
{
	_cleanup_agent_ struct agent *a = NULL;
	const char *nonce = kvs_get(note, "nonce");
	uint32_t cid = (uint32_t)kvs_u64(note, RUN_NOTE_VSOCK, 0);
	struct err why = ERR_INIT;
	int fd = -1;

	if (!cid || !nonce ||
		vsock_connect(cid, GUEST_VSOCK_PORT, CONNECT_MS, &fd, &why) != 0 ||
		agent_attach(fd, HELLO_MS, &a, &why) < 0)
		return 1;
	if (strcmp(agent_boot_nonce(a), nonce) != 0) {
		log_debug("another guest answers", "cid=%u", cid);
		return 1;
	}
	*out = a;
	a = NULL;
	return 0;
}

int agent_reach(const char *run, int64_t timeout_ms, const volatile sig_atomic_t *cancel,
	struct agent **out, struct err *e)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	_cleanup_fd_ int dir = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct kvs note = {0};

	if (dir >= 0)
		rundir_note_read(&arena, dir, &note);
	if (over_vsock(&note, out) == 0)
		return 0;
	return agent_open(run, timeout_ms, cancel, out, e);
}
