/* driver.h - what a driver is: one kind of object, how it is looked at, made and undone.
 *
 * A pass calls the slots in this order, once:
 *
 *	resolve   what the object's content is, looked up outside (a tag's digest, a file's hash)
 *	observe   what is there; never touches; a missing object is an answer, not an error
 *	tidy      keep small what grows by itself
 *	name      PURE: the exact names of what a step would make; they are journalled first
 *	apply     do one step; may be killed anywhere and called again
 *	undo      reverse one step, also a half-done one; needs nothing but the step's args
 *
 * Rules for apply and undo:
 *   - Already done is success for apply; already gone is success for undo and for STEP_DELETE.
 *     The tolerance is narrow: only "exists and is ours", only "no such object".
 *   - A return of 0 means: seen, not assumed. Verify the result before reporting it.
 *   - Nothing is made that the step's args do not name. What a crash leaves is found by these
 *     names by the next apply or undo and replaced or removed.
 *   - Nothing foreign is touched, whatever it is called.
 *   - DELETE of a disk with "keep" in its args moves the file there instead of removing it, and gives
 *     the fact "kept_as": that name, or "nothing" when there was no file. DELETE of one that has no
 *     "file" but "kept" removes what is kept and nothing else.
 *   - On failure the driver removes its own half-made temporary things; the engine calls undo too.
 *
 * Facts are strings under fixed keys: the contract between drivers and what saved state keeps.
 * Names of files are relative to the state directory, so that a state directory can be moved.
 *
 *	kind    key        meaning
 *	all     id         identity of the content; a dependent object compares it with the one it
 *	                   was made from ("in.image/web" = id of image/web at that time)
 *	all     use        what a dependent compares instead of id, where using the object depends on
 *	                   more than its content
 *	image   id         "sha256:<hex>" of the manifest, or of what stands for one (a docker-archive's
 *	                   configuration, a root file system's tar file)
 *	image   file       "images/<hex>-<bytes>.ext4", the read-only file system
 *	image   size       bytes of that file
 *	image   config     the OCI image configuration's "config" object as compact JSON
 *	image   ref        where it came from, for people
 *	image   stamp      of an image in a file: when equal, id need not be looked up
 *	kernel  id         hash over kernel, modules and guest program
 *	kernel  file       "kernels/<id>/kernel"
 *	kernel  initrd     "kernels/<id>/initrd"
 *	kernel  stamp      size, mtime and inode of the inputs: when equal, id need not be computed
 *	network bridge     number of its bridge, from which its name follows (drivers/helper/verb.h)
 *	network ifname     that name
 *	network address    "10.77.0.1/24": the bridge has it
 *	network mtu        of the bridge
 *	network dns        a JSON list of name servers; absent: none
 *	network use        subnet, gateway, MTU and name servers: what guests are told
 *	firewall bridge address  of its network
 *	firewall guests    "TAP=MAC=ADDRESS", with a space between: the guests that the rules know
 *	firewall forwards  "tcp=LISTEN=PORT=ADDRESS=PORT", with a space between
 *	firewall masquerade siblings host internet dns deny  "1" or "0"
 *	firewall uplink    name of an interface, or "auto"
 *	firewall allow forbid  networks outside, with a space between
 *	firewall table     name of the table in the kernel
 *	nic     id         hash of nics
 *	nic     nics       a JSON list of its interfaces: network, tap, mac, address, gateway, mtu, dns
 *	nic     tap.N mac.N address.N  of the interface in network N: number of its tap, and what it has
 *	nic     bridge.N mtu.N         number of the bridge that the tap is a port of
 *	disk    id         "<instance>-<vm>-<generation>"
 *	disk    file       "vms/<vm>/root.img"
 *	disk    size       bytes
 *	disk    backend    "copy" or "reflink": the choice is recorded and never changes under a disk
 *	disk    kept       "kept/<id>.img": its file lies there, of a VM that was deleted and is
 *	                   wanted again; UPDATE moves it home
 *	disk vm was        the name of the VM under which its files and process are still found,
 *	                   after it was renamed; UPDATE of the disk and STOP of the VM end that
 *	vm      mac_of     the name that its hardware address was made from, if not its own
 *	vm      id         "<instance>-<vm>"; the mark in the VMM's command line
 *	vm      cid        vsock context id
 *	vm      pid start boot_id   identity of the VMM process (drivers/sys/proc.h)
 *	vm      run        absolute folder of its sockets and logs
 *	vm      nonce      of this boot; the guest repeats it in what it reports
 *	vm      accel      "kvm" or "tcg"
 *	vm      ready      "no" from its start until its agent answered, then "yes"; the engine's
 *	vm      unwell     how often it was restarted for its liveness, the last times in a row
 *	vm      exit       how the workload or the VMM ended, for people; absent while it runs
 */
#pragma once

#include "schema/model.h"

#include <signal.h>

/* Where a driver works and whom it tells. Filled by the engine; one per pass. */
struct host {
	struct arena *arena;     /* memory of the pass */
	const char *instance;    /* 8 hex digits; part of every host-global name */
	const char *state_dir;   /* absolute; mode 0700 */
	const char *cache_dir;   /* absolute; what is in it can be fetched again */
	const char *run_dir;     /* absolute; sockets; gone after a reboot on most hosts */
	const char *program_dir; /* absolute; holds reconcile-worker and reconcile-guest */
	const char *boot_id;     /* of this host's boot: /proc/sys/kernel/random/boot_id */
	int state_fd, run_fd;    /* the folders above, opened; -1 when they are not there */
	int lock_fd;             /* the lock of the state directory; -1 when only looking */
	const volatile sig_atomic_t *cancel; /* not 0: stop at the next safe point; may be NULL */

	/* Progress of a long step, for people; may be NULL. total 0: not known. */
	void (*progress)(void *arg, const struct step *step, const char *what, uint64_t done,
		uint64_t total);
	void *progress_arg;
};

/* One object with its three views; object or record may be NULL. */
struct view {
	const struct object *object;
	const struct record *record;
	struct kvs resolved;      /* what resolve said */
	const char *unresolved;   /* why it could not say anything; NULL: it could */
	struct observed observed; /* what observe says */
	enum drift drift;         /* what to do about drift; set by the pass, not for drivers */
	const char *keep;         /* disk that is not wanted: its file becomes this one; set by the pass */
	int64_t keep_until_ms;    /* ... and is kept until then */
};

/* What name works with. Everything in it is decided before. */
struct naming {
	const struct host *host;      /* only the strings in it; no descriptor is used */
	const struct object *object;
	const struct record *record;  /* NULL if never made */
	const struct kvs *resolved;
	uint32_t generation;          /* of the object that is to be made */
	uint32_t cid;                 /* vm: the leased context id */
	const struct kvs *leases;     /* network: bridge; firewall: guests, forwards; nic: tap.N, mac.N, address.N; else NULL */
	/* Facts of the object that this one depends on, as they will be; NULL if there is none. */
	const struct kvs *(*dep)(const struct naming *in, enum kind kind, const char *name);
	void *dep_arg;
};

/* Something in the kernel or the file system that carries our mark. */
struct orphan {
	enum kind kind;
	const char *name;  /* of the object that it says it belongs to */
	const char *what;  /* "process 1234", "file vms/web/root.img" */
	struct kvs args;   /* what a DELETE of it needs; a record that has these facts owns it */
};

struct orphans {
	struct orphan *v;
	size_t n, cap;
};

struct driver {
	const char *name;
	enum kind kind;

	/* Optional. Facts with at least "id". Looks outside: registry, files of the user. record
	 * may answer for it when nothing has to be asked again. */
	int (*resolve)(struct host *h, const struct object *object, const struct record *record,
		struct kvs *facts, struct err *e);

	/* Optional. Before the process can do nothing but look (drivers/sys/cage.h): start what looking
	 * needs. networked: the spec has networks. */
	void (*prepare)(struct host *h, bool networked);

	/* All objects of this kind at once: one bulk query per subsystem, not one per object.
	 * Fills observed of each view; unresolved of one that it cannot look at. KIND_GUEST, which has no objects, gets the views of the VMs after
	 * KIND_VM has filled them, and only when a spec is compared: it may ask a VM that runs whether it
	 * does its work, and adds what is wrong. */
	int (*observe)(struct host *h, struct view *views, size_t n, struct err *e);

	/* Optional. Keep small what grows by itself, such as logs, and change nothing that a plan would
	 * show. Once in each pass that may write, after observe; costs next to nothing when there
	 * is nothing to do. */
	void (*tidy)(struct host *h, const struct view *views, size_t n);

	/* Optional. Everything that carries our mark, recorded or not. */
	int (*scan)(struct host *h, struct orphans *out, struct err *e);

	/* PURE. Arguments of the step that makes or starts the object; they contain the facts that
	 * dependents will need (id, file ...). Memory from h->arena. */
	int (*name_step)(const struct naming *in, struct kvs *args, struct err *e);

	/* Do the step. facts: what to record; the engine adds the args that name facts. A WAIT that
	 * takes too long fails with ERR_TIMEOUT. */
	int (*apply)(struct host *h, const struct step *step, struct kvs *facts, struct err *e);

	/* Reverse the step. */
	int (*undo)(struct host *h, const struct step *step, struct err *e);
};

/* The driver of that kind; never NULL. One static list: drivers/registry.c. Tests link
 * drivers/fake instead. Only who may change things asks for it: drive.c, and gc for its one step
 * (tests/lint/calls). */
const struct driver *driver_for(enum kind kind);

/* The slots that change nothing, and no way to the others: what looking, comparing and planning get. */
struct driver_look {
	int (*resolve)(struct host *h, const struct object *object, const struct record *record,
		struct kvs *facts, struct err *e);
	void (*prepare)(struct host *h, bool networked);
	int (*observe)(struct host *h, struct view *views, size_t n, struct err *e);
	int (*scan)(struct host *h, struct orphans *out, struct err *e);
	int (*name_step)(const struct naming *in, struct kvs *args, struct err *e);
};

struct driver_look driver_look_for(enum kind kind);
