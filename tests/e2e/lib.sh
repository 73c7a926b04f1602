# lib.sh - what the end-to-end tests share: a kernel, an image, a registry, state of their own.
# Source it from the root of the tree, after tests/lib/tap.sh.
# shellcheck shell=bash

work=
registry_pid=
assets=$PWD/build/test-assets
build=${RECONCILE_BUILD:-$PWD/build/release}

# e2e_start: a folder of our own, removed at the end with every VM in it.
e2e_start() {
	work=$(mktemp -d)
	export RECONCILE_STATE_DIR=$work/state RECONCILE_CACHE_DIR=$work/cache \
		RECONCILE_RUN_DIR=$work/run RECONCILE_PROGRAM_DIR=$build
	trap e2e_end EXIT
}

e2e_end() {
	local status=$?
	trap - EXIT
	[[ -z $work ]] || rc delete --all -y >/dev/null 2>&1
	[[ -z $registry_pid ]] || kill "$registry_pid"
	[[ -z $work ]] || rm -rf "$work"
	exit "$status"
}

# rc COMMAND...: the program under test.
rc() {
	"$build/reconcile" "$@"
}

# assets_make: the kernel and the image, once for all tests; other scripts may want them at the
# same time.
assets_make() {
	mkdir -p "$assets"
	(
		flock 9
		contrib/kernel-fetch "$assets/kernel"
		contrib/busybox-image "$assets/busybox"
	) 9>"$assets/lock" >/dev/null
}

# registry_start: docker-registry on a free port of 127.0.0.1; sets $registry to host:port.
registry_start() {
	local port
	for _ in 1 2 3 4 5; do
		port=$((20000 + RANDOM % 20000))
		mkdir -p "$work/registry"
		cat >"$work/registry.yml" <<-YAML
			version: 0.1
			log: {level: error}
			storage: {filesystem: {rootdirectory: $work/registry}, delete: {enabled: true}}
			http: {addr: "127.0.0.1:$port"}
		YAML
		docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
		registry_pid=$!
		for _ in {1..100}; do
			if curl -sf "http://127.0.0.1:$port/v2/" >/dev/null; then
				registry=127.0.0.1:$port
				return 0
			fi
			kill -0 "$registry_pid" 2>/dev/null || break
			sleep 0.05
		done
	done
	return 1
}

registry_stop() {
	kill "$registry_pid"
	wait "$registry_pid" 2>/dev/null
	registry_pid=
}

# registry_push LAYOUT:TAG NAME
registry_push() {
	echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$work/policy.json"
	skopeo --policy "$work/policy.json" copy -q --dest-tls-verify=false "oci:$1" \
		"docker://$registry/$2"
}

# json FILTER...: a value out of "status -o json"; python, since jq is not among what we install.
json() {
	python3 -c 'import json, sys
objects = {o["object"]: o for o in json.load(sys.stdin)["objects"]}
print(eval(sys.argv[1]))' "$1"
}

# vmm_pid VM
vmm_pid() {
	rc status -o json "$1" | json "objects['vm/$1']['pid']"
}

# our_processes: processes with our work folder on their command line.
our_processes() {
	local dir
	for dir in /proc/[0-9]*; do
		if tr '\0' ' ' <"$dir/cmdline" | grep -qF "$work/state/"; then
			echo "${dir#/proc/}"
		fi
	done 2>/dev/null # processes end while we look
}

# left_over: files and sockets of objects, and rows.
left_over() {
	find "$work"/state/{vms,images,kernels} "$work"/run/vms -mindepth 1 2>/dev/null
	our_processes
	python3 - "$work/state/state.db" <<-'PY'
		import sqlite3, sys
		db = sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
		# What is kept for undelete is not left over: it has its time.
		for table in ("object", "lease WHERE owner NOT LIKE 'kept/%'"):
		    for row in db.execute("SELECT * FROM " + table):
		        print(table, row)
		for row in db.execute("SELECT * FROM journal WHERE state = 'intent'"):
		    print("journal", row)
	PY
}

# spec [NAME=VALUE...] of one VM "web" from the registry; extra lines for the VM on stdin.
spec() {
	cat <<-YAML
		version: 1
		images:
		  base: {oci: "$registry/busybox:1"}
		kernels:
		  k: {file: "$assets/kernel/vmlinuz", modules: "$assets/kernel/modules"}
		vms:
		  web:
		    image: base
		    kernel: k
	YAML
	sed 's/^/    /'
}
