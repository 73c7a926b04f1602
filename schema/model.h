/* model.h - the nouns. Read this file first, then drivers/driver.h, then reconciler/engine/pass.c.
 *
 * A user writes a spec: images, kernels, VMs (struct spec). Expanding it gives objects, the
 * things that a driver can look at, make and undo: image/web, kernel/k61, disk/web, vm/web.
 * For each object there are up to three views:
 *
 *	desired   struct object    what the spec says
 *	recorded  struct record    what SQLite and handles.json say that we meant and made
 *	observed  struct observed  what the kernel and the file system say is there
 *
 * Comparing the three gives a verdict (docs/three-way.md), verdicts give steps (struct step).
 */
#pragma once

#include "schema/base/kv.h"

#include <stdbool.h>
#include <stdint.h>

/* A place in a spec file. line 0: nowhere (a default, or not from a file). */
struct pos {
	const char *file;
	uint32_t line, col;
};

/* Kinds of object, in the order in which they are made. */
enum kind {
	KIND_IMAGE, KIND_KERNEL, KIND_NETWORK,
	KIND_FIREWALL, /* the rules of one network, under its name */
	KIND_DISK,
	KIND_NIC, /* the interfaces of one VM in networks, under the name of the VM */
	KIND_VM, KIND_GUEST, KIND_N
};

/* "image", "kernel", "network", "firewall", "disk", "nic", "vm", "guest". KIND_GUEST has steps but no rows of its own. */
const char *kind_name(enum kind kind);

/* Kind of that name; KIND_N if there is none. */
enum kind kind_parse(const char *name);

/* What a change of a field costs, from nothing to everything. */
enum change { CHANGE_NONE, CHANGE_LIVE, CHANGE_RESTART, CHANGE_REPLACE, CHANGE_DATA_LOSS };

/* "none", "live", "restart", "replace", "data loss". */
const char *change_name(enum change change);

/* ---- the spec, as typed values --------------------------------------------------------- */

struct noun; /* one top-level map of the spec with its field table: schema/field.h */

/* First member of each *_spec: where it stands and where each of its fields came from. */
struct spec_head {
	const char *name;
	struct pos pos; /* of the name */
	struct pos *at; /* one per row of the noun's table; line 0: not written, the default holds */
	const struct noun *noun;
	struct provenance *more; /* profiles, defaults and variables in it; NULL: none. spec.h */
};

/* A list of strings; v[n] is NULL, so that v can be an argv. n 0: empty or not written. */
struct strv {
	const char **v;
	size_t n;
};

struct image_spec {
	struct spec_head head;
	const char *oci;        /* registry reference, NULL if not from a registry */
	const char *oci_layout; /* absolute PATH[:TAG] of an OCI layout folder, or NULL */
	const char *oci_archive;    /* absolute PATH[:TAG] of a tar file of such a folder, or NULL */
	const char *docker_archive; /* absolute PATH[:TAG] of what docker save wrote, or NULL */
	const char *tar;        /* absolute path of a root file system's tar file, or NULL */
	const char *digest;     /* pin: sha256:<64 hex>, or NULL */
	uint64_t size;          /* bytes of the file system; 0: content plus slack */
	const char *platform;   /* "linux/amd64" or NULL for the host's */
	const char *auth_file;  /* absolute path of a file with logins, or NULL: that of this user */
	struct strv mirrors;    /* HOST[:PORT][/PREFIX] that are asked before the registry */
};

enum kernel_format { KERNEL_AUTO, KERNEL_ELF };

struct kernel_spec {
	struct spec_head head;
	const char *file;    /* absolute path of a bzImage or ELF kernel, or NULL if it is in an image */
	const char *oci;     /* registry reference of that image, or NULL */
	uint32_t format;     /* enum kernel_format */
	const char *modules; /* absolute path of lib/modules/VERSION, or NULL */
	const char *initrd;  /* absolute path of an initrd instead of ours, or NULL */
	const char *args;    /* added to the kernel command line, or NULL */
};

enum allow { ALLOW, DENY };

/* A network of VMs: a bridge of this host. nat_ and policy_ are what the firewall does with it. */
struct net_spec {
	struct spec_head head;
	const char *subnet;         /* "10.77.0.0/24" */
	const char *gateway;        /* address of this host in it; NULL: schema/netaddr.h, net_gateway */
	uint32_t mtu;
	struct strv dns;            /* addresses of name servers that guests are told */
	struct strv labels;         /* "NAME=value" */
	const char *nat_uplink;     /* an interface of this host, or "auto" */
	bool nat_masquerade;
	uint32_t egress_default;    /* enum allow */
	struct strv egress_allow, egress_deny; /* "192.0.2.0/24" */
	struct strv forwards;       /* "LISTEN vm/NAME:PORT" */
	uint32_t policy_siblings, policy_host, policy_internet; /* enum allow */
};

enum vmm { VMM_AUTO, VMM_QEMU };
enum backend { BACKEND_AUTO, BACKEND_COPY, BACKEND_REFLINK };
enum network { NETWORK_NONE, NETWORK_USER };
enum init { INIT_AUTO, INIT_BUILTIN, INIT_IMAGE };
enum restart { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };
enum drift { DRIFT_REPAIR, DRIFT_REPORT, DRIFT_IGNORE, DRIFT_HOLD };

/* The drift policy of a part: 0 inherits that of the VM, else enum drift + 1. */
struct own_drift {
	uint32_t policy;
	const char *until, *why;
};

/* A question that a VM has to answer well: at most one of tcp, http, exec and console. 0 and NULL: not
 * written, the defaults of drivers/guest/probe.h hold. */
struct probe_spec {
	uint32_t tcp;          /* port of the guest that accepts a connection */
	const char *http;      /* path that answers with 200 to 399 */
	uint32_t port;         /* of http */
	struct strv exec;      /* program in the guest that ends with 0 */
	const char *console;   /* regular expression that a line of the console matches; ready only */
	uint64_t interval_ms, timeout_ms, start_period_ms;
	uint32_t failures;     /* liveness only: how many in a row count */
};

struct vm_spec {
	struct spec_head head;
	const char *image, *kernel; /* names in images and kernels */
	uint32_t vmm;               /* enum vmm */
	uint32_t vcpus;
	uint64_t memory;            /* bytes */
	uint64_t disk_size;         /* bytes */
	uint32_t disk_backend;      /* enum backend */
	uint32_t vsock_cid;         /* 0: the lowest free one is leased */
	uint32_t network;           /* enum network; NETWORK_NONE also when it is in networks */
	struct strv networks;       /* names in networks; it has one interface in each */
	struct strv net_addresses;  /* "NETWORK=10.77.0.10": those that are not leased */
	struct strv net_macs;       /* "NETWORK=02:..." */
	uint32_t init;              /* enum init */
	struct strv command;        /* instead of the image's Entrypoint and Cmd */
	struct strv env;            /* "NAME=value", over the image's Env; of a secret its marker */
	struct strv secrets;        /* "NAME=text" of those in env: for the guest, never printed or kept */
	struct strv labels;         /* "NAME=value"; for people and selectors */
	struct strv profiles;       /* what its fields were taken from where it says nothing */
	uint32_t replicas;          /* how many VMs NAME-1, NAME-2 ... it was written for; 0: itself */
	const char *user, *workdir; /* instead of the image's, or NULL */
	bool running;
	uint32_t restart;           /* enum restart */
	bool protect;               /* not deleted, disk not replaced, until it is false and applied */
	struct strv depends_on;     /* VMs that have to be ready before this one starts */
	uint64_t ready_timeout_ms;  /* how long apply waits for it to be ready */
	struct probe_spec ready;    /* what proves that it is, beside its agent */
	struct probe_spec liveness; /* what it is restarted for when it fails */
	uint64_t stop_timeout_ms;   /* how long a guest may take to power off */
	uint32_t drift;             /* enum drift: what to do when it is not as it was made */
	const char *drift_until;    /* a moment (schema/moment.h) that ends the policy, or NULL */
	const char *drift_why;      /* for people, or NULL */
	struct own_drift drift_running, drift_disk; /* of one part of it, over the above */
};

/* What a spec says about itself. */
struct guards_spec {
	struct spec_head head;
	const char *max_delete; /* "5" or "20%", or NULL */
	uint64_t undelete_ms;   /* how long the disk of a deleted VM is kept; 0: not at all */
};

/* A VM that has another name now. */
struct moved_spec {
	const char *from, *to;  /* names of VMs */
	struct pos from_pos, to_pos;
};

struct spec {
	struct guards_spec *guards; /* NULL: none */
	VEC(struct moved_spec *) moved;
	VEC(struct image_spec *) images;
	VEC(struct kernel_spec *) kernels;
	VEC(struct net_spec *) networks;
	VEC(struct vm_spec *) vms;
};

/* ---- desired ---------------------------------------------------------------------------- */

/* An edge of the graph: this object needs that one first. */
struct dep {
	enum kind kind;
	const char *name;
	enum change change; /* what it costs this object when that one's content changes */
	struct pos pos;     /* the field that says so */
};

struct object {
	enum kind kind;
	const char *name;
	const struct spec_head *spec; /* the image_spec, kernel_spec or vm_spec it came from */
	VEC(struct dep) deps;
};

struct objects {
	struct object *v;
	size_t n, cap;
};

/* ---- recorded --------------------------------------------------------------------------- */

enum record_state {
	RECORD_MAKING,   /* the intent is committed, the effect may or may not be there */
	RECORD_MADE,     /* done and seen */
	RECORD_FAILED,   /* the last change failed; reason and retry_at say more */
	RECORD_DELETING, /* being removed; stays until every object it names was seen absent */
};

const char *record_state_name(enum record_state state);

struct record {
	enum kind kind;
	const char *name;
	const char *source;        /* which spec it belongs to */
	enum record_state state;
	struct kvs fields;         /* field path -> canonical value, as last applied */
	struct kvs facts;          /* what the driver made and how to find it again */
	const char *where;         /* "file:line:col" of the object when last applied */
	const char *reason;        /* why it failed; NULL when it did not */
	uint32_t attempts;         /* failures in a row */
	int64_t retry_at_ms;       /* not before this real time; 0: at once */
	int64_t changed_at_ms;     /* real time of the last change of state */
	uint32_t generation;       /* counts replacements */
};

struct records {
	struct record *v;
	size_t n, cap;
};

/* ---- observed --------------------------------------------------------------------------- */

enum seen { SEEN_ABSENT, SEEN_SAME, SEEN_DRIFTED, SEEN_FOREIGN };

struct observed {
	enum seen seen;
	enum change cost;   /* SEEN_DRIFTED: what putting it right costs */
	const char *reason; /* what is wrong, for people; NULL if nothing is */
	bool running;       /* vm: a VMM of ours is alive */
	bool finished;      /* vm: the workload ended by itself and is to stay so (restart policy) */
	struct kvs facts;   /* facts found anew, over the recorded ones (a pid after adoption) */
};

/* ---- decided ---------------------------------------------------------------------------- */

enum verdict {
	VERDICT_NONE,
	VERDICT_CREATE,
	VERDICT_LIVE,
	VERDICT_RESTART,
	VERDICT_REPLACE,
	VERDICT_DELETE,
	VERDICT_ADOPT,
	VERDICT_FORGET,
	VERDICT_CONFLICT,
	VERDICT_N
};

const char *verdict_name(enum verdict v);

/* What has to be said before a change may be made. */
enum tier { TIER_SAFE, TIER_YES, TIER_DATA_LOSS };

enum step_op { STEP_CREATE, STEP_UPDATE, STEP_START, STEP_STOP, STEP_DELETE, STEP_WAIT, STEP_OP_N };

const char *step_op_name(enum step_op op);
enum step_op step_op_parse(const char *name);

/* One thing to do: a plain value that can be printed, stored in the journal and sent. */
struct step {
	enum step_op op;
	enum kind kind;
	const char *name;
	struct kvs args;           /* exact names and fixed arguments; all that undo needs */
	const struct object *object; /* NULL when the object is no longer desired */
	uint32_t level;            /* set by the planner: a step needs only steps of lower levels */
};
