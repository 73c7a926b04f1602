# lib.sh - what the scenarios share. Source it from the root of the tree, after tests/lib/tap.sh.
#
# A scenario is a program that prints TAP, tests/lab/N-NAME. It has a lab of its own, which ends with
# it. LAB_KEEP=1 keeps the lab for a look: LAB=build/lab/NAME tests/lab/lab run bash.
# shellcheck shell=bash

: "${tap_failures:?}" # of tap.sh

# lab_start NAME: boot a fresh lab; skips everything where none can be made.
lab_start() {
	[[ $(id -u) -eq 0 ]] || tap_skip_all "not root"
	command -v mmdebstrap qemu-img >/dev/null || tap_skip_all "no mmdebstrap or no qemu-img"
	export LAB=$PWD/build/lab/$1
	tests/lab/lab end
	trap lab_finish EXIT
	tap_run "the lab boots" tests/lab/lab boot
	[[ $tap_failures -eq 0 ]] || exit 1
	lab_files
}

lab_finish() {
	local status=$?
	trap - EXIT
	[[ -n ${LAB_KEEP-} ]] || tests/lab/lab end
	exit "$status"
}

# in_lab COMMAND...: one word is a script for bash; its output, input and exit status pass through.
in_lab() {
	tests/lab/lab run "$*" </dev/null
}

# What scenarios use in the lab: as a script that bash reads before each of them.
lab_files() {
	tests/lab/lab run 'cat >/root/lib.sh' <<-'END'
		# spec VM...: a document with these VMs; $DISK is each one's disk, $READY how long its guest
		# may take. In an emulated host on a busy machine a guest takes minutes.
		spec() {
			cat <<-YAML
				version: 1
				images:
				  busybox: {oci_layout: "/usr/local/lab/busybox:latest"}
				kernels:
				  debian: {file: /usr/local/lab/kernel/vmlinuz, modules: /usr/local/lab/kernel/modules}
				vms:
			YAML
			for vm; do
				echo "  $vm:"
				printf '    %s\n' "image: busybox" "kernel: debian" "memory: 128MiB" "disk: ${DISK:-64MiB}" \
					"ready_timeout: ${READY:-20m}"
			done
		}
		# fact OBJECT KEY: of what status says.
		fact() {
			reconcile status -o json | python3 -c 'import json, sys
		for o in json.load(sys.stdin)["objects"]:
		    if o["object"] == sys.argv[1]: print(o["facts"].get(sys.argv[2], ""))' "$1" "$2"
		}
		# vmms: process ids of VMMs of ours, however they came to be.
		vmms() {
			pgrep -f '^/usr/bin/qemu-system-x86_64 -name reconcile:'
		}
		# left_over: files, sockets and rows of objects, VMMs, loop devices, device-mapper devices.
		left_over() {
			local state=${RECONCILE_STATE_DIR:-/var/lib/reconcile}
			find "$state"/{vms,images,kernels} /run/reconcile/vms -mindepth 1 2>/dev/null
			vmms
			losetup -n -O NAME,BACK-FILE
			dmsetup ls 2>/dev/null | grep -v '^No devices'
			python3 - "$state/state.db" <<-'PY'
				import sqlite3, sys
				db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
				for table in ("object", "lease"):
				    for row in db.execute("SELECT * FROM " + table):
				        print(table, row)
				for row in db.execute("SELECT * FROM journal WHERE state = 'intent'"):
				    print("journal", row)
			PY
		}
		export -f spec fact vmms left_over
	END
}

# with_lib SCRIPT: the same as in_lab, with these functions.
with_lib() {
	in_lab ". /root/lib.sh; $*"
}
