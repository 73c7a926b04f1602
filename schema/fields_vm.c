/* fields_vm.c - what can be said about a VM, and the list of nouns.
 *
 * A VM gives two objects: its disk and the running machine. feeds says which one a field belongs
 * to. disk.backend costs nothing: how a disk is copied is decided when it is made, recorded with it
 * and never changed under it; another wish holds from the next replacement on.
 */
#include "schema/field.h"

#include <stddef.h>

#define MIB (1024ll * 1024)
#define TIB (1024ll * 1024 * MIB)
#define SECOND 1000ll
#define HOUR (3600ll * SECOND)

static const char *const vmms[] = {"auto", "qemu", NULL};
static const char *const backends[] = {"auto", "copy", "reflink", NULL};
static const char *const networks[] = {"none", "user", NULL};
static const char *const inits[] = {"auto", "builtin", "image", NULL};
static const char *const drifts[] = {"repair", "report", "ignore", "hold", NULL};
static const char *const own_drifts[] = {"inherit", "repair", "report", "ignore", "hold", NULL};
static const char *const restarts[] = {"never", "on_failure", "always", NULL};

/* The questions that ready and liveness share. */
#define PROBE_ROWS(of, without)                                                                    \
	{.path = #of ".tcp", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_LIVE,           \
		.offset = offsetof(struct vm_spec, of.tcp), .min = 1, .max = 65535,                \
		.example = "5432", .absent = without,                                              \
		.help = "port of the guest that has to accept a connection"},                      \
	{.path = #of ".http", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,       \
		.offset = offsetof(struct vm_spec, of.http), .min = 1, .max = 2000,                \
		.pattern = "^/[^ #]*$", .example = "/healthz", .absent = without,                   \
		.help = "path that has to answer with a status of 200 to 399"},                    \
	{.path = #of ".port", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_LIVE,          \
		.offset = offsetof(struct vm_spec, of.port), .min = 1, .max = 65535,               \
		.example = "8080", .absent = "80", .help = "port of the guest for " #of ".http"},  \
	{.path = #of ".exec", .type = FIELD_STRV, .feeds = KIND_VM, .change = CHANGE_LIVE,         \
		.offset = offsetof(struct vm_spec, of.exec), .min = 1, .max = 1024,                \
		.example = "[pg_isready, -q]", .absent = without,                                  \
		.help = "program in the guest that has to end with 0; no shell takes it apart"}

static const struct field fields[] = {
	{.path = "profile", .type = FIELD_NAMES, .feeds = KIND_N, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, profiles), .min = 0, .max = 16, .ref = KIND_N,
		.absent = "only defaults.vm stands behind its own fields",
		.help = "profiles that give the fields it does not say itself; the last one wins"},
	{.path = "replicas", .type = FIELD_U32, .feeds = KIND_N, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, replicas), .min = 1, .max = 1000,
		.example = "3",
		.absent = "one VM, under its own name",
		.help = "make that many of it, NAME-1 to NAME-N; fewer removes the highest numbers"},
	{.path = "image", .type = FIELD_NAME, .feeds = KIND_DISK, .change = CHANGE_REPLACE,
		.offset = offsetof(struct vm_spec, image), .min = 1, .max = 63, .ref = KIND_IMAGE,
		.required = true, .absent = "an error: every VM needs one",
		.help = "the image that its disk is made from, a name in images"},
	{.path = "kernel", .type = FIELD_NAME, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, kernel), .min = 1, .max = 63, .ref = KIND_KERNEL,
		.required = true, .absent = "an error: every VM needs one",
		.help = "the kernel that it boots, a name in kernels"},
	{.path = "vmm", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, vmm), .choices = vmms, .dflt = "auto",
		.absent = "the first one that works on this host",
		.help = "the program that runs the machine"},
	{.path = "vcpus", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, vcpus), .min = 1, .max = 32, .dflt = "1",
		.example = "2",
		.absent = "one", .help = "number of processors"},
	{.path = "memory", .type = FIELD_SIZE, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, memory), .min = 32 * MIB, .max = TIB,
		.example = "1GiB",
		.step = MIB, .dflt = "256MiB", .absent = "256MiB", .help = "size of its memory"},
	{.path = "disk.size", .type = FIELD_SIZE, .feeds = KIND_DISK, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, disk_size), .min = 16 * MIB, .max = 16 * TIB,
		.example = "16GiB",
		.step = MIB, .dflt = "4GiB", .shorthand = "disk", .absent = "4GiB",
		.help = "size of its root disk; shrinking it means replacing it"},
	{.path = "disk.backend", .type = FIELD_ENUM, .feeds = KIND_DISK, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, disk_backend), .choices = backends,
		.dflt = "auto", .absent = "the first one that works on this host",
		.help = "how the disk is made from the image; kept until the disk is replaced"},
	{.path = "vsock.cid", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, vsock_cid), .min = 3, .max = 4294967294ll,
		.example = "100",
		.absent = "the lowest free one is leased and kept",
		.help = "vsock context id of the guest"},
	{.path = "network", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, network), .choices = networks, .dflt = "none",
		.absent = "no network",
		.help = "user: outgoing connections through the VMM, without privileges; or a map of "
			"names in networks, each with its fields"},
	{.path = "network.*", .type = FIELD_NAMES, .feeds = KIND_NIC, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, networks), .min = 0, .max = 8,
		.ref = KIND_NETWORK, .example = "{}", .absent = "it is in none",
		.help = "a network that it has an interface in; in the order of the spec"},
	{.path = "network.*.address", .type = FIELD_NET_ADDRESS, .feeds = KIND_NIC,
		.change = CHANGE_RESTART, .offset = offsetof(struct vm_spec, net_addresses), .min = 0,
		.max = 8, .example = "10.77.0.10",
		.absent = "the lowest free one of the network is leased and kept",
		.help = "its address in that network"},
	{.path = "network.*.mac", .type = FIELD_NET_MAC, .feeds = KIND_NIC, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, net_macs), .min = 0, .max = 8,
		.example = "02:00:00:12:34:56", .absent = "one is made and kept",
		.help = "MAC address of its interface there"},
	{.path = "init", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, init), .choices = inits, .dflt = "auto",
		.absent = "the image's own init if it has one",
		.help = "PID 1: the image's init, or the built-in one that runs the command"},
	{.path = "command", .type = FIELD_STRV, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, command), .min = 1, .max = 1024,
		.example = "[/bin/sh, -c, exec app]",
		.absent = "Entrypoint and Cmd of the image",
		.help = "what to run, program and arguments; no shell takes it apart"},
	{.path = "env", .type = FIELD_ENV, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, env), .min = 0, .max = 1024,
		.example = "{LANG: C.UTF-8}",
		.absent = "Env of the image", .help = "environment, over that of the image"},
	{.path = "labels", .type = FIELD_LABELS, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, labels), .min = 0, .max = 64,
		.absent = "it has none", .help = "names and values for people and programs"},
	{.path = "user", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, user), .min = 1, .max = 128,
		.example = "www-data",
		.pattern = "^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$",
		.absent = "User of the image", .help = "who runs it: NAME|UID[:GROUP|GID]"},
	{.path = "workdir", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_RESTART,
		.offset = offsetof(struct vm_spec, workdir), .min = 1, .max = 4095,
		.example = "/srv",
		.pattern = "^/",
		.absent = "WorkingDir of the image", .help = "folder in the guest to run it in"},
	{.path = "running", .type = FIELD_BOOL, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, running), .dflt = "true", .absent = "true",
		.help = "whether the machine is to run; false keeps its disk"},
	{.path = "restart", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, restart), .choices = restarts,
		.dflt = "on_failure", .absent = "on_failure",
		.help = "when apply starts it again after its workload has ended (no daemon does)"},
	{.path = "protect", .type = FIELD_BOOL, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, protect), .dflt = "false", .absent = "false",
		.help = "refuse to delete it or replace its disk until this is false and applied"},
	{.path = "depends_on", .type = FIELD_NAMES, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, depends_on), .min = 0, .max = 1024,
		.example = "[db]",
		.ref = KIND_VM, .absent = "it waits for no other VM",
		.help = "VMs that have to be ready before this one starts; {db: ready} means the same as [db]"},
	{.path = "ready_timeout", .type = FIELD_DURATION, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, ready_timeout_ms), .min = SECOND,
		.example = "2m",
		.max = 24 * HOUR, .dflt = "90s", .absent = "90s",
		.help = "how long apply waits until it is ready"},
	PROBE_ROWS(ready, "its agent answers"),
	{.path = "ready.console", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, ready.console), .min = 1, .max = 400,
		.example = "\"login: $\"", .absent = "its agent answers",
		.help = "extended regular expression that a line of its serial console has to match"},
	{.path = "ready.interval", .type = FIELD_DURATION, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, ready.interval_ms), .min = 100, .max = HOUR,
		.example = "500ms", .absent = "2s", .help = "how often it is asked while apply waits"},
	{.path = "ready.timeout", .type = FIELD_DURATION, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, ready.timeout_ms), .min = SECOND, .max = 24 * HOUR,
		.example = "2m", .absent = "ready_timeout",
		.help = "how long apply waits until it is ready, instead of ready_timeout"},
	{.path = "ready.start_period", .type = FIELD_DURATION, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .offset = offsetof(struct vm_spec, ready.start_period_ms),
		.min = SECOND, .max = 24 * HOUR, .example = "1m", .absent = "none",
		.help = "time to start that it gets before the timeout begins to run"},
	PROBE_ROWS(liveness, "nothing is asked"),
	{.path = "liveness.interval", .type = FIELD_DURATION, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .offset = offsetof(struct vm_spec, liveness.interval_ms),
		.min = 100, .max = HOUR, .example = "5s", .absent = "2s",
		.help = "pause before it is asked again after it did not answer well"},
	{.path = "liveness.timeout", .type = FIELD_DURATION, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .offset = offsetof(struct vm_spec, liveness.timeout_ms),
		.min = 100, .max = HOUR, .example = "2s", .absent = "5s",
		.help = "how long one answer may take"},
	{.path = "liveness.failures", .type = FIELD_U32, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, liveness.failures), .min = 1, .max = 100,
		.example = "5", .absent = "3",
		.help = "how many answers in a row have to be bad before it is restarted"},
	{.path = "liveness.start_period", .type = FIELD_DURATION, .feeds = KIND_VM,
		.change = CHANGE_LIVE, .offset = offsetof(struct vm_spec, liveness.start_period_ms),
		.min = SECOND, .max = 24 * HOUR, .example = "1m", .absent = "none",
		.help = "time after its start in which it is not asked"},
	{.path = "stop_timeout", .type = FIELD_DURATION, .feeds = KIND_VM, .change = CHANGE_LIVE,
		.offset = offsetof(struct vm_spec, stop_timeout_ms), .min = SECOND, .max = HOUR,
		.example = "30s",
		.dflt = "10s", .absent = "10s",
		.help = "how long its workload may take to end before it is killed"},
	{.path = "drift.policy", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift), .choices = drifts, .dflt = "repair",
		.shorthand = "drift", .absent = "repair",
		.help = "what to do when it or its disk is not as it was made; hold: change nothing"},
	{.path = "drift.until", .example = "2030-12-01", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_until), .min = 1, .max = 40,
		.absent = "the policy holds until the spec says otherwise",
		.help = "a date or RFC 3339 time (UTC) from which on the policy is repair again"},
	{.path = "drift.why", .example = "hot fix in place, ticket 311", .type = FIELD_STRING, .feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_why), .min = 1, .max = 400,
		.absent = "no reason is given",
		.help = "why the policy is not repair, shown with it"},
	{.path = "drift.running.policy", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_running.policy), .choices = own_drifts,
		.dflt = "inherit", .shorthand = "drift.running", .absent = "drift.policy holds for it too",
		.help = "what to do when the VM does not run, or runs, against the spec, instead of drift.policy"},
	{.path = "drift.running.until", .example = "2030-12-01", .type = FIELD_STRING, .feeds = KIND_VM,
		.change = CHANGE_NONE, .offset = offsetof(struct vm_spec, drift_running.until), .min = 1,
		.max = 40, .absent = "this policy holds until the spec says otherwise",
		.help = "a date or RFC 3339 time (UTC) from which on drift.policy holds for it again"},
	{.path = "drift.running.why", .example = "hot fix in place, ticket 311", .type = FIELD_STRING,
		.feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_running.why), .min = 1, .max = 400,
		.absent = "no reason is given", .help = "why, shown with it"},
	{.path = "drift.disk.policy", .type = FIELD_ENUM, .feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_disk.policy), .choices = own_drifts,
		.dflt = "inherit", .shorthand = "drift.disk", .absent = "drift.policy holds for it too",
		.help = "what to do when its disk is gone or damaged, instead of drift.policy"},
	{.path = "drift.disk.until", .example = "2030-12-01", .type = FIELD_STRING, .feeds = KIND_VM,
		.change = CHANGE_NONE, .offset = offsetof(struct vm_spec, drift_disk.until), .min = 1,
		.max = 40, .absent = "this policy holds until the spec says otherwise",
		.help = "a date or RFC 3339 time (UTC) from which on drift.policy holds for it again"},
	{.path = "drift.disk.why", .example = "hot fix in place, ticket 311", .type = FIELD_STRING,
		.feeds = KIND_VM, .change = CHANGE_NONE,
		.offset = offsetof(struct vm_spec, drift_disk.why), .min = 1, .max = 400,
		.absent = "no reason is given", .help = "why, shown with it"},
};

const struct noun noun_vm = {
	.key = "vms",
	.singular = "vm",
	.kind = KIND_VM,
	.help = "a virtual machine with its root disk",
	.fields = fields,
	.n_fields = sizeof(fields) / sizeof(fields[0]),
	.size = sizeof(struct vm_spec),
};

const struct noun *const nouns[] = {&noun_image, &noun_kernel, &noun_network, &noun_vm};
const size_t noun_count = sizeof(nouns) / sizeof(nouns[0]);

const struct noun *const noun_tables[] = {&noun_image, &noun_kernel, &noun_network, &noun_vm,
	&noun_guards};
const size_t noun_table_count = sizeof(noun_tables) / sizeof(noun_tables[0]);
