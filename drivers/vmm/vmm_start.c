/* vmm_start.c - START and its undo.
 *
 *	look     a live process with our mark: the same VM is adopted, another one is a conflict
 *	clean    what a dead VMM left: sockets, pid file, report; logs stay readable
 *	write    boot record and note, before there is a process that somebody would have to explain
 *	spawn    inside the run folder, in a session of its own: its life hangs on nobody
 *	wait     for QMP to answer or for the child to end; then the message is in vmm.log
 *
 * Killed at any point, the next START or undo finds the process by its mark.
 */
#include "drivers/vmm/vmm.h"

#include "drivers/guest/proto.h"
#include "drivers/rundir.h"
#include "drivers/sys/kvm.h"
#include "drivers/sys/tail.h"
#include "drivers/vmm/boot_record.h"
#include "drivers/vmm/hash.h"
#include "drivers/vmm/mac.h"
#include "drivers/vmm/qemu_argv.h"
#include "drivers/vmm/qmp.h"
#include "drivers/vmm/tsc.h"
#include "schema/base/clock.h"
#include "schema/base/fd.h"
#include "schema/base/json.h"
#include "schema/base/log.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONCE_TEXT_MAX 17
#define LOG_SIZE_MAX (64ull * 1024 * 1024)
#define ANSWER_MS 30000
#define POLL_MS 2
#define LAST_LINES 6

struct start {
	struct host *h;
	const struct step *step;
	const struct vm_spec *vm;
	int run_fd, state_fd;  /* vms/NAME in the run and the state directory */
	const char *mac;       /* NULL: no network */
	struct qemu_config qemu;
	struct strv argv;
	struct kvs note;
};

/* ---- what to start ---------------------------------------------------------------------- */

static int arg_path(const struct start *s, const char *key, const char **out, struct err *e)
{
	const char *value = kvs_get(&s->step->args, key);

	if (!value)
		return err_set(e, ERR_STATE, "VM %s: the step to start it names no %s",
			s->step->name, key);
	*out = *value == '/' ? value
		: arena_printf(s->h->arena, "%s/%s", s->h->state_dir, value);
	return 0;
}

/* The guest sees a vsock device where the host has one to give. */
static uint32_t usable_cid(const struct start *s)
{
	_cleanup_fd_ int fd = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);

	return fd < 0 ? 0 : (uint32_t)kvs_u64(&s->step->args, "cid", 0);
}

static int choose_accel(struct start *s, struct err *e)
{
	const struct host *h = s->h;
	const char *reason;

	s->qemu.kvm = kvm_is_usable(h->arena, h->run_fd, h->boot_id, &reason);
	if (s->qemu.kvm)
		return 0;
	log_debug("no KVM", "vm=%s reason=\"%s\"", s->step->name, reason);
	return tsc_khz(h->arena, h->run_fd, h->boot_id, &s->qemu.tsc_khz, e);
}

/* The taps that were made for it. */
static int describe_nics(struct start *s, struct err *e)
{
	const char *text = kvs_get(&s->step->args, "nics");
	struct arena *a = s->h->arena;
	_cleanup_json_ json_t *list = NULL;
	struct qemu_nic *nics;
	const json_t *j;
	size_t i;

	if (!text)
		return 0;
	if (json_parse(text, strlen(text), "the interfaces of the VM", &list, e) < 0)
		return -1;
	nics = arena_array(a, json_array_size(list) + 1, sizeof(*nics));
	json_array_foreach(list, i, j) {
		nics[i] = (struct qemu_nic){arena_dup(a, json_str(j, "tap", "")),
			arena_dup(a, json_str(j, "mac", ""))};
		/* A QEMU of root would make one that nobody knows. */
		if (!if_nametoindex(nics[i].tap))
			return err_set(e, ERR_STATE, "VM %s: its tap %s is not there", s->step->name,
				nics[i].tap);
	}
	s->qemu.nics = nics;
	s->qemu.n_nics = json_array_size(list);
	return 0;
}

static int describe(struct start *s, struct err *e)
{
	struct qemu_config *q = &s->qemu;
	struct arena *a = s->h->arena;
	const char *name = s->step->name, *from = kvs_get(&s->step->args, "mac_of");

	*q = (struct qemu_config){
		.mark = qemu_mark(a, s->h->instance, name),
		.vcpus = s->vm->vcpus,
		.memory = s->vm->memory,
		.kernel_args = kvs_get(&s->step->args, "kernel_args"),
		.boot = arena_printf(a, "%s/vms/%s/boot.img", s->h->state_dir, name),
		.cid = usable_cid(s),
	};
	if (s->vm->network == NETWORK_USER) {
		char *mac = arena_alloc(a, MAC_TEXT_MAX);

		mac_of(s->h->instance, from ? from : name, mac);
		q->mac = s->mac = mac;
	}
	if (describe_nics(s, e) < 0 || vmm_find_qemu(&q->qemu, e) < 0 || arg_path(s, "kernel", &q->kernel, e) < 0 ||
		arg_path(s, "initrd", &q->initrd, e) < 0 ||
		arg_path(s, "disk", &q->disk, e) < 0 || choose_accel(s, e) < 0)
		return -1;
	return qemu_argv(a, q, &s->argv, e);
}

/* Without a nonce it is the record that tells boots apart: no text of a secret goes into that. */
static int record_text(const struct start *s, const char *nonce, const char **text, struct err *e)
{
	const struct boot_input in = {
		.instance = s->h->instance,
		.nonce = nonce,
		.vm = s->vm,
		.config = kvs_get(&s->step->args, "config"),
		.mac = s->mac,
		.nics = kvs_get(&s->step->args, "nics"),
		.secrets = *nonce,
	};

	return boot_record_text(s->h->arena, &in, text, e);
}

/* What this boot will be, noted under keys of the VM's facts. want is the same for the same
 * settings, so that a START that is done again knows its own process. */
static int make_note(struct start *s, struct err *e)
{
	struct arena *a = s->h->arena;
	uint64_t nonce, want = HASH_INIT;
	const char *text;

	if (record_text(s, "", &text, e) < 0)
		return -1;
	want = hash_text(want, text);
	for (size_t i = 0; i < s->argv.n; i++)
		want = hash_text(want, s->argv.v[i]);
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		return err_sys(e, errno, "cannot get a random number");
	kvs_setf(a, &s->note, "nonce", "%016llx", (unsigned long long)nonce);
	kvs_set(a, &s->note, "accel", s->qemu.kvm ? "kvm" : "tcg");
	kvs_set(a, &s->note, "cid", kvs_get(&s->step->args, "cid"));
	if (s->qemu.cid)
		kvs_setf(a, &s->note, RUN_NOTE_VSOCK, "%u", s->qemu.cid);
	kvs_setf(a, &s->note, "want", "%016llx", (unsigned long long)want);
	return 0;
}

/* ---- look, clean, write ----------------------------------------------------------------- */

/* 0: this very VM runs already. 1: no process. */
static int adopt(const struct start *s, struct proc_id *id, struct err *e)
{
	const char *old, *want = kvs_get(&s->note, "want");
	struct kvs note, none = {0};
	int r = vmm_find(s->h, s->step->name, &none, id, e);

	if (r)
		return r;
	rundir_note_read(s->h->arena, s->run_fd, &note);
	old = kvs_get(&note, "want");
	if (old && !strcmp(old, want))
		return 0;
	err_set(e, ERR_CONFLICT, "VM %s runs already as process %d, with other settings",
		s->step->name, (int)id->pid);
	return err_hint(e, "apply again: the next pass looks at what is there first");
}

static int clean(int run_fd, struct err *e)
{
	static const char *const stale[] = {RUN_QMP, RUN_CONSOLE_SOCKET, RUN_REPORT, RUN_PID, RUN_NOTE};
	char name[32];

	for (size_t i = 0; i < sizeof(stale) / sizeof(stale[0]); i++)
		if (unlinkat(run_fd, stale[i], 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "cannot remove old %s", stale[i]);
	for (int i = 0; i < GUEST_AGENT_PORTS; i++) {
		snprintf(name, sizeof(name), RUN_AGENT, i);
		if (unlinkat(run_fd, name, 0) < 0 && errno != ENOENT)
			return err_sys(e, errno, "cannot remove old %s", name);
	}
	return 0;
}

static int write_files(const struct start *s, struct err *e)
{
	const char *text;
	char *data;
	size_t n;

	if (record_text(s, kvs_get(&s->note, "nonce"), &text, e) < 0 ||
		boot_record_file(s->h->arena, text, &data, &n, e) < 0 ||
		file_replace(s->state_fd, "boot.img", data, n, 0600, e) < 0)
		return -1;
	return rundir_note_write(s->run_fd, &s->note, e);
}

/* ---- spawn and wait --------------------------------------------------------------------- */

static int spawn(const struct start *s, struct proc_id *id, int *pidfd, struct err *e)
{
	_cleanup_fd_ int log = openat(s->run_fd, RUN_LOG,
		O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	uint64_t largest = kvs_u64(&s->step->args, "disk_size", 0);
	struct proc_spec spec = {
		.path = s->qemu.qemu,
		.argv = s->argv.v,
		.cwd_fd = s->run_fd,
		.stdin_fd = -1,
		.stdout_fd = log,
		.stderr_fd = log,
		.detach = true,
	};

	if (log < 0)
		return err_sys(e, errno, "cannot create %s", RUN_LOG);
	if (largest < s->vm->disk_size)
		largest = s->vm->disk_size;
	/* What a guest can make of each log until the next pass; no less than its disk, whose file is
	 * under the same limit. */
	spec.file_size_max = largest > LOG_SIZE_MAX ? largest : LOG_SIZE_MAX;
	return proc_spawn(&spec, id, pidfd, e);
}

/* The child ended: its last words say why. */
static int ended(const struct start *s, int status, struct err *e)
{
	const char *log = tail_lines(s->h->arena, s->run_fd, RUN_LOG, LAST_LINES);

	return err_set(e, ERR_FAILED, "QEMU %s: %s", proc_status_text(s->h->arena, status),
		log ? log : "it said nothing");
}

/* One try: 0 it answers, 1 not yet, -1 it ended or cannot be talked to. */
static int try_qmp(const struct start *s, const struct proc_id *id, int pidfd, int64_t deadline,
	struct err *e)
{
	_cleanup_qmp_ struct qmp *q = NULL;
	struct err why = ERR_INIT;
	int status, r = qmp_open(s->run_fd, RUN_QMP, deadline, s->h->cancel, &q, &why);

	if (!r)
		r = qmp_command(q, "query-status", deadline, NULL, &why);
	if (!r)
		return 0;
	/* A hang-up is seen a moment before the end of the process. */
	if (proc_reap(id->pid, pidfd, r < 0 && why.kind == ERR_FAILED ? 2000 : POLL_MS, &status,
		    NULL) == 0)
		return ended(s, status, e);
	if (r < 0)
		*e = why;
	return r;
}

static int wait_answer(const struct start *s, const struct proc_id *id, int pidfd, struct err *e)
{
	const int64_t deadline = clock_mono_ms() + ANSWER_MS;
	int r;

	while ((r = try_qmp(s, id, pidfd, deadline, e)) > 0) {
		if (s->h->cancel && *s->h->cancel)
			return err_set(e, ERR_CANCELLED, "cancelled");
		if (clock_mono_ms() > deadline)
			return err_set(e, ERR_TIMEOUT, "QEMU did not answer within %d s",
				ANSWER_MS / 1000);
	}
	return r;
}

static int launch(const struct start *s, struct proc_id *id, struct err *e)
{
	_cleanup_fd_ int pidfd = -1;

	vmm_logs_begin(s->run_fd);
	if (clean(s->run_fd, e) < 0 || write_files(s, e) < 0 || spawn(s, id, &pidfd, e) < 0)
		return -1;
	if (wait_answer(s, id, pidfd, e) == 0)
		return 0;
	vmm_kill(id, NULL);
	clean(s->run_fd, NULL);
	return -1;
}

static int start(struct start *s, struct proc_id *id, struct err *e)
{
	int r;

	if (describe(s, e) < 0 || make_note(s, e) < 0)
		return -1;
	r = adopt(s, id, e);
	return r > 0 ? launch(s, id, e) : r;
}

int vmm_start(struct host *h, const struct step *step, struct kvs *facts, struct err *e)
{
	_cleanup_fd_ int run_fd = -1, state_fd = -1;
	struct start s = {.h = h, .step = step};
	struct proc_id id;

	if (!step->object)
		return err_set(e, ERR_STATE, "VM %s is not in the spec", step->name);
	s.vm = (const struct vm_spec *)step->object->spec;
	if (rundir_make(h->run_fd, step->name, &run_fd, e) < 0 ||
		rundir_make(h->state_fd, step->name, &state_fd, e) < 0)
		return -1;
	s.run_fd = run_fd;
	s.state_fd = state_fd;
	if (start(&s, &id, e) < 0)
		return err_wrap(e, "cannot start VM %s", step->name);
	vmm_live_facts(h, step->name, &id, facts);
	return 0;
}

/* The logs stay, to be read by whoever asks why; DELETE removes them. */
int vmm_start_undo(struct host *h, const struct step *step, struct err *e)
{
	_cleanup_fd_ int run_fd = -1, state_fd = -1;
	struct proc_id id;
	int r;

	while (!(r = vmm_find(h, step->name, &step->args, &id, e)))
		if (vmm_kill(&id, e) < 0)
			return err_wrap(e, "cannot undo the start of VM %s", step->name);
	if (r < 0 || rundir_open(h->run_fd, step->name, &run_fd, e) < 0 ||
		rundir_open(h->state_fd, step->name, &state_fd, e) < 0)
		return -1;
	if (run_fd >= 0 && clean(run_fd, e) < 0)
		return -1;
	if (state_fd >= 0 && unlinkat(state_fd, "boot.img", 0) < 0 && errno != ENOENT)
		return err_sys(e, errno, "cannot remove boot.img of VM %s", step->name);
	rundir_prune(h->state_fd, step->name);
	rundir_prune(h->run_fd, step->name);
	return 0;
}
