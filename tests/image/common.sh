# common.sh - what the tests of images share; sourced with $here (this folder) and $build set.
# shellcheck shell=bash disable=SC2034 # those who source it use the rest
: "${here:?}" "${build:?}"
worker=$build/reconcile-worker
export LC_ALL=C.UTF-8

n=0 bad=0 skipped=0
ok() { n=$((n + 1)); echo "ok $n - $1"; }
not_ok() {
	n=$((n + 1)) bad=$((bad + 1))
	echo "not ok $n - $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | head -n 20 | cut -c1-300 | sed 's/^/# /'
}
skip() { n=$((n + 1)) skipped=$((skipped + 1)); echo "ok $n - $1 # SKIP $2"; }
check() { # NAME COMMAND...: passes if the command does
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$out"; fi
}

for tool in umoci skopeo docker-registry e2fsck python3 zstd openssl; do
	command -v "$tool" >/dev/null || PATH=$PATH:/usr/sbin:/sbin
	if ! command -v "$tool" >/dev/null; then
		echo "1..0 # SKIP $tool is not installed"
		exit 77
	fi
done
if [ "$(id -u)" != 0 ]; then
	echo "1..0 # SKIP needs root, to unpack with umoci and to mount what we made"
	exit 77
fi
[ -x "$worker" ] || { echo "1..0 # SKIP $worker is not built"; exit 77; }

tmp=$(mktemp -d "${TMPDIR:-/tmp}/image-test.XXXXXX")
pids=()
cleanup() {
	local pid
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	mountpoint -q "$tmp/mnt" && umount "$tmp/mnt"
	rm -rf "$tmp"
}
trap cleanup EXIT
mkdir "$tmp/mnt" "$tmp/state" "$tmp/home"
export HOME=$tmp/home
unset DOCKER_CONFIG http_proxy https_proxy HTTPS_PROXY all_proxy ALL_PROXY RECONCILE_PLAIN_HTTP

touch "$tmp/probe.img"
truncate -s 8M "$tmp/probe.img"
can_mount=
mke2fs -q -t ext4 "$tmp/probe.img" 2>/dev/null &&
	mount -o loop,ro "$tmp/probe.img" "$tmp/mnt" 2>/dev/null && can_mount=1 && umount "$tmp/mnt"

# ---- helpers ----------------------------------------------------------------------------------

ask() { "$here/ask" "$worker" "$@"; }
file_of() { echo "$tmp/state/images/$1.ext4"; }

# pull NAME KEY=VALUE...: resolve, then pull to images/NAME.ext4; output in $out, status returned
pull() {
	local name=$1 id
	shift
	out=$(ask image-resolve "$@") || return 1
	id=$(sed -n 's/^id=//p' <<<"$out")
	out=$(ask image-pull "$@" id="$id" state_dir="$tmp/state" cache_dir="$tmp/cache" \
		file="images/$name.ext4")
}

clean() { # nothing half-made is left
	[ -z "$(find "$tmp/state" -name '.*.tmp')" ] || { find "$tmp/state"; return 1; }
	[ ! -e "$(file_of "$1")" ]
}

fsck() { e2fsck -fn "$(file_of "$1")" >"$tmp/fsck" 2>&1 || { cat "$tmp/fsck"; return 1; }; }

# same_tree NAME LAYOUT [IGNORED]: our file, mounted, is what umoci unpacks
same_tree() {
	rm -rf "$tmp/bundle"
	umoci unpack --image "$2:latest" "$tmp/bundle" >"$tmp/umoci" 2>&1 || { cat "$tmp/umoci"; return 1; }
	mount -o loop,ro "$(file_of "$1")" "$tmp/mnt" || return 1
	"$here/listtree" "$tmp/mnt" "${3:-lost+found}" >"$tmp/ours"
	umount "$tmp/mnt"
	"$here/listtree" "$tmp/bundle/rootfs" >"$tmp/theirs"
	diff "$tmp/theirs" "$tmp/ours"
}

compare() { # NAME LAYOUT [IGNORED]
	check "$1: e2fsck finds nothing" fsck "$1"
	if [ -n "$can_mount" ]; then
		check "$1: the tree is what umoci unpacks" same_tree "$@"
	else
		skip "$1: the tree is what umoci unpacks" "cannot mount a loop device here"
	fi
}

# refuses NAME PATTERN KEY=VALUE...: an error that has the pattern and names the image
refuses() {
	local name=$1 pattern=$2
	shift 2
	if pull "$name" "$@"; then
		not_ok "$name: is refused" "$out"
		return
	fi
	case $out in
	error*"${1#*=}"*) ;;
	*) not_ok "$name: the error names the image" "$out"; return ;;
	esac
	if ! grep -q -- "$pattern" <<<"$out"; then
		not_ok "$name: the error says \"$pattern\"" "$out"
	elif ! clean "$name"; then
		not_ok "$name: nothing is left" "$(find "$tmp/state")"
	else
		ok "$name: $pattern"
	fi
}

wait_for() { # COMMAND...: until it works, at most 20 s
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	return 1
}

# ---- an image made by umoci ------------------------------------------------------------------------

make_image() {
	local l=$tmp/umoci-layout r=$tmp/make/rootfs
	umoci init --layout "$l" && umoci new --image "$l:latest" &&
		umoci unpack --image "$l:latest" "$tmp/make" || return 1
	mkdir -p "$r"/{bin,etc,dev,tmp,usr/share/long,usr/lib,srv/cache/x}
	cp "$(command -v bash)" "$r/bin/bash"
	ln -s bash "$r/bin/sh"
	cp -r /usr/share/zoneinfo "$r/usr/share/" 2>/dev/null || cp -r /etc "$r/usr/share/zoneinfo"
	for i in $(seq 300); do echo "$i" >"$r/srv/cache/x/$i"; done
	for i in $(seq 20); do ln "$r/srv/cache/x/1" "$r/usr/lib/hard$i"; done
	printf 'n%.0s' $(seq 250) >"$tmp/long"
	echo long >"$r/usr/share/long/$(cat "$tmp/long")"
	cp "$r/bin/bash" "$r/bin/su" && chmod 4755 "$r/bin/su"
	chmod 1777 "$r/tmp"
	chown 70000:70001 "$r/etc"
	mknod "$r/dev/null" c 1 3 && mknod "$r/dev/loop" b 7 0 && mkfifo "$r/dev/fifo"
	truncate -s 64M "$r/srv/sparse"
	printf end | dd of="$r/srv/sparse" bs=1 seek=50000000 conv=notrunc status=none
	python3 - "$r/bin/bash" <<'P'
import os, sys
os.setxattr(sys.argv[1], "user.note", b"hello")
os.setxattr(sys.argv[1], "security.capability", bytes.fromhex("0100000200200000" + "00" * 12))
P
	umoci repack --refresh-bundle --image "$l:latest" "$tmp/make" || return 1
	rm -r "$r/usr/share/zoneinfo"/E* "$r/usr/lib/hard5"
	rm "$r/bin/sh" && mkdir "$r/bin/sh" && echo x >"$r/bin/sh/x"
	rm -r "$r/usr/share/long" && echo now-a-file >"$r/usr/share/long"
	chmod 0750 "$r/bin/su"
	umoci repack --refresh-bundle --image "$l:latest" "$tmp/make" || return 1
	mkdir "$tmp/ins" && echo fresh >"$tmp/ins/fresh"
	umoci insert --opaque --image "$l:latest" "$tmp/ins" /srv/cache
}

# ---- registries ---------------------------------------------------------------------------------

start_registry() {
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$tmp/registry.yml" <<-Y
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $tmp/registry}}
		http: {addr: "127.0.0.1:$port"}
	Y
	docker-registry serve "$tmp/registry.yml" >"$tmp/registry.log" 2>&1 &
	pids+=($!)
	wait_for python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/v2/')"
}

push() { # LAYOUT NAME
	skopeo --insecure-policy copy -q --dest-tls-verify=false "oci:$1:latest" "docker://127.0.0.1:$port/$2"
}

start_tls_registry() {
	tport=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -keyout "$tmp/tls.key" \
		-out "$tmp/tls.crt" -addext subjectAltName=IP:127.0.0.1 2>/dev/null || return 1
	python3 -W ignore -c 'import crypt
print("user:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' >"$tmp/htpasswd" || return 1
	cat >"$tmp/tls.yml" <<-Y
		version: 0.1
		log: {level: error}
		storage: {filesystem: {rootdirectory: $tmp/registry}}
		auth: {htpasswd: {realm: test, path: $tmp/htpasswd}}
		http: {addr: "127.0.0.1:$tport", tls: {certificate: $tmp/tls.crt, key: $tmp/tls.key}}
	Y
	docker-registry serve "$tmp/tls.yml" >"$tmp/tls.log" 2>&1 &
	pids+=($!)
	wait_for bash -c "exec 3<>/dev/tcp/127.0.0.1/$tport"
}

start_bad() {
	[ -z "${bport:-}" ] || return 0
	"$here/mklayout" "$tmp/l-bad" many
	: >"$tmp/bad.log"
	"$here/badregistry" "$tmp/l-bad" "$tmp/bad.log" >"$tmp/bad.port" 2>"$tmp/bad.err" &
	pids+=($!)
	wait_for test -s "$tmp/bad.port" || { not_ok "badregistry" "$(cat "$tmp/bad.err")"; return; }
	bport=$(cat "$tmp/bad.port")
}

finish() {
	echo "1..$n"
	echo "# $((n - bad - skipped)) passed, $bad failed, $skipped skipped"
	[ $bad = 0 ]
}
