# lib.sh - what tests/cli/run works with. Source it after tests/lib/tap.sh.
# shellcheck shell=bash

: "${build:?}" # of tap.sh
reconcile=$build/reconcile
export code=0 # of the last run

cli_start() {
	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	chmod 0755 "$work"
	out=$work/out
	err=$work/err
	export RECONCILE_STATE_DIR=$work/state RECONCILE_CACHE_DIR=$work/cache
	unset RECONCILE_RUN_DIR NO_COLOR CLICOLOR_FORCE
	cli_files
}

# rc ARGUMENT...: run the program; its streams are in $out and $err, its exit code in $code.
rc() {
	timeout 60 "$reconcile" "$@" >"$out" 2>"$err"
	code=$?
}

# The same as a user who owns nothing here. "true" only asks whether that is possible.
as_nobody() {
	local become=()
	[ "$(id -u)" = 0 ] && become=(setpriv --reuid=65534 --regid=65534 --clear-groups)
	if [ "$1" = true ]; then
		"${become[@]}" test ! -r "$work/secret.yaml"
		return
	fi
	cp "$reconcile" "$work/program" && chmod 0755 "$work/program"
	"${become[@]}" env -u RECONCILE_STATE_DIR HOME="${HOME:+/nonexistent}" timeout 60 "$work/program" "$@" >"$out" 2>"$err"
	code=$?
}

# await_lock PID: until that process catches signals and has opened the lock file.
await_lock() {
	local _
	for _ in $(seq 400); do
		grep -q 'SigCgt:.*4002$' "/proc/$1/status" 2>/dev/null &&
			readlink "/proc/$1"/fd/* | grep -q '/lock$' && return
		sleep 0.05
	done
}

# What a pass leaves that was killed between writing down a step and doing it, and a disk of nobody.
interrupted_pass() {
	mkdir -p "$work/state/vms/left" && : >"$work/state/vms/left/root.img"
	python3 -c 'import sqlite3,sys
db = sqlite3.connect(sys.argv[1])
db.execute("""INSERT INTO journal (pass, op, kind, name, args, state, begun_ms)
	VALUES (?, ?, ?, ?, ?, ?, 1)""", "x-1 create disk left {} intent".split())
db.commit()' "$work/state/state.db"
}

# interrupt DESCRIPTION PID: SIGINT while it waits for the lock ends it with 130.
interrupt() {
	await_lock "$2"
	kill -INT "$2"
	wait "$2"
	tap_is "$1: exit 130" "$?" 130
}

# A member of the JSON value in $out.
json_get() {
	python3 -c 'import json,sys; print(json.load(open(sys.argv[1], encoding="utf-8"))[sys.argv[2]])' \
		"$out" "$1" 2>&1
}

# json_py CODE: Python that looks at the document d in $out.
json_py() {
	python3 -c 'import json,sys
d = json.load(open(sys.argv[1], encoding="utf-8"))
exec(sys.argv[2])' "$out" "$1" 2>&1
}

# "ok" when every line of standard input is a JSON object.
json_lines() {
	python3 -c 'import json,sys
for line in sys.stdin: assert isinstance(json.loads(line), dict), line
print("ok")' 2>&1
}

# Names, sizes, times and contents below a folder. The index of SQLite's log is no state: it is memory
# that processes share, and made anew at will.
state_of() {
	find "$1" ! -name '*-shm' -printf '%p %y %m %s %T@\n' | sort
	find "$1" -name '*-shm'
	find "$1" -type f ! -name '*-shm' -exec sha256sum {} + | sort
}

cli_files() {
	local head='version: 1
images: {base: {oci: "registry.invalid/base:1"}}
kernels: {k: {file: /nonexistent/kernel}}
vms:
'
	mkfifo "$work/fifo"
	ln -s nowhere "$work/dangling"
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$work/socket"
	printf '%s  web: {image: base, kernel: k, memory: 128MiB}\n' "$head" >"$work/good.yaml"
	cp "$work/good.yaml" "$work/secret.yaml" && chmod 0000 "$work/secret.yaml"
	printf 'version: 1\nvms: {}\n' >"$work/empty-vms.yaml"
	: >"$work/empty.yaml"
	printf ' \n\n# a comment\n' >"$work/blank.yaml"
	head -c 5000 "$reconcile" >"$work/binary.yaml"
	truncate -s 100M "$work/huge.yaml"
	{ printf 'version: 1\nvms: '; printf '{a: %.0s' $(seq 2000); } >"$work/deep.yaml"
	cat >"$work/bomb.yaml" <<-'YAML'
		version: 1
		x-a: &a [x, x, x, x, x, x, x, x, x, x]
		x-b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
		x-c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
		vms: {}
	YAML
	printf '%s  web: {image: base, kernel: k, memory: 1GiB, memory: 2GiB}\n' "$head" >"$work/twice.yaml"
	printf '%s  web: {image: base, kernel: k, memory: [1], vcpus: many, running: 3}\n' "$head" \
		>"$work/types.yaml"
	printf '%s  web: {image: base, kernel: k, memroy: 1GiB}\n' "$head" >"$work/unknown.yaml"
	printf '%s  web: {image: bsae, kernel: k, memory: 1GiB}\n' "$head" >"$work/reference.yaml"
	printf '%s  a: {image: base, kernel: k, depends_on: [b]}\n  b: {image: base, kernel: k, depends_on: [a]}\n' \
		"$head" >"$work/cycle.yaml"
	printf 'vms: {}\n' >"$work/version.yaml"
	{
		printf '%s' "$head"
		for i in $(seq 400); do printf '  vm-%d: {image: base, kernel: k, nonsense: 1}\n' "$i"; done
	} >"$work/many.yaml"
}
