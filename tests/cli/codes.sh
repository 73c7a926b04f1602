# codes.sh - the table of docs/exit-status.md, each number by a command that ends with it. What needs a VM
# (5, exec) is in tests/e2e/run, and what needs two processes (75, 130) in tests/cli/run.
# shellcheck shell=bash disable=SC2154 # of lib.sh

ends() { # DESCRIPTION CODE PATTERN ARGUMENT...: exit code, and what standard error says
	local what=$1 want=$2 pattern=$3
	shift 3
	rc "$@"
	tap_is "$what: exit $want" "$code" "$want"
	tap_like "$what: says so" "$(cat "$err")" "$pattern"
}

# ---- state that is not fit for it: 78 ----
mkdir -m 0770 "$work/open"
ends "a state directory that others write to" 78 'can be written to by others' \
	status --state-dir "$work/open"
: >"$work/file"
ends "a state directory that is a file" 78 'Not a directory' apply --state-dir "$work/file" \
	"$work/empty-vms.yaml"
if as_nobody true 2>/dev/null && [ "$(id -u)" = 0 ]; then
	# Root itself becomes the owner: tests/helper/run.
	mkdir -m 0755 "$work/theirs" && chown 65533 "$work/theirs"
	as_nobody status --state-dir "$work/theirs"
	tap_is "a state directory of somebody else: exit 78" "$code" 78
	tap_like "a state directory of somebody else: says so" "$(cat "$err")" 'belongs to user 65533'
else
	tap_skip "a state directory of somebody else" "only root can give one away"
fi

# ---- as an ordinary user: 77, 78 ----
if as_nobody true 2>/dev/null; then
	as_nobody validate "$work/secret.yaml"
	tap_is "a spec that may not be read: exit 77" "$code" 77
	tap_like "a spec that may not be read: says so" "$(cat "$err")" 'Permission denied'
	mkdir -m 0755 "$work/closed" && mkdir -m 0 "$work/closed/state"
	as_nobody status --state-dir "$work/closed/state"
	tap_is "a state directory that may not be opened: exit 77" "$code" 77
	HOME='' as_nobody status
	tap_is "no HOME: exit 78" "$code" 78
	tap_like "no HOME: says what to do" "$(cat "$err")" '--state-dir'
else
	tap_skip "as an ordinary user" "cannot become another user here"
fi

# ---- apply: 0, 1, 3 ----
tests/image/mklayout "$work/layout" types gzip
parts() { # NAME...: a spec of these images: "good" is there, "bad" is a folder that is none
	printf 'version: 1\nvms: {}\nimages:\n'
	local name
	for name in "$@"; do
		case $name in
		good*) printf '  %s: {oci_layout: "%s/layout:latest"}\n' "$name" "$work" ;;
		far*) printf '  %s: {oci: "127.0.0.1:1/base:1"}\n' "$name" ;;
		esac
	done
}
parts far >"$work/parts.yaml"
ends "a registry that nobody runs" 1 'parts.yaml:4:3: error: image/far' apply -y "$work/parts.yaml"
tap_like "an error of a pass names the pass" "$(cat "$err")" 'error: .*\[pass [0-9a-f]+-[0-9a-f]+\]$'
parts good far >"$work/parts.yaml"
ends "one of two images" 3 'error: image/far' apply -y "$work/parts.yaml"
tap_is "what was done is said on stdout" "$(cat "$out")" "1 done, 1 in conflict."
id=$(sed -n 's/.*\[pass \(.*\)\]$/\1/p' "$err" | head -n 1)
rc events --pass "$id"
tap_like "events can be asked for it" "$(cat "$out")" ' done +image/good '
rc events --pass none
tap_is "and no other is shown" "$(cat "$out")" ""
rc apply -o json -y "$work/parts.yaml"
tap_is "the same as JSON" "$code:$(json_get exit_code)" 1:1
tap_is "with the object, its place and the pass" "$(json_py 'e = d["errors"][0]
print(e["object"], e["file"].endswith("/parts.yaml"), e["line"], e["column"], e["kind"], e["pass"] == d["pass"])')" \
	"image/far True 5 3 conflict True"
parts good >"$work/parts.yaml"
ends "all that was asked for" 0 '' apply -y "$work/parts.yaml"

# ---- a guard: 4 ----
mkdir -p "$RECONCILE_STATE_DIR/vms/old" && truncate -s 1M "$RECONCILE_STATE_DIR/vms/old/root.img"
rc gc
tap_like "gc shows a disk as data" "$(cat "$out")" 'disk/old +file vms/old/root.img +data of a VM: 1.0 MiB'
ends "gc of a disk without its word" 4 'data of a VM would be removed' gc --yes
tap_is "the disk is still there" "$([ -f "$RECONCILE_STATE_DIR/vms/old/root.img" ] && echo yes)" yes
rc gc --yes -o json
tap_is "the same as JSON" "$code:$(json_py 'print(d["orphans"][0]["data"], d["errors"][0]["kind"])')" \
	"4:True guard"
ends "gc with its word" 0 '1 removed, 0 failed' gc --yes --allow-data-loss
tap_is "the disk is gone" "$([ -e "$RECONCILE_STATE_DIR/vms/old/root.img" ] || echo yes)" yes
rc gc -q
tap_is "no orphans: nothing on stdout, and with -q nothing at all" "$(cat "$out" "$err")" ""

# ---- what is not there ----
ends "a VM that is not there" 1 'there is no VM "wbe"' status wbe
ends "delete of a VM that is not there" 1 'there is no VM "wbe"' delete -y vm/wbe
ends "delete of a name that is no file" 66 'no such file, and nothing is recorded' delete -y wbe
ends "exec with a name without a value" 64 'HOPEFULLY_UNSET is not set here' \
	exec -e HOPEFULLY_UNSET web -- true
ends "exec with a value without a name" 64 'has no name' exec -e =x web -- true

# ---- pipes ----
rc validate <(cat "$work/good.yaml")
tap_is "a pipe that the shell made is read" "$code" 0
rc validate <(cat "$work/types.yaml")
tap_like "and named in errors" "$(cat "$err")" '^/dev/fd/[0-9]+:[0-9]+:[0-9]+: error'
ends "a FIFO is not waited for" 66 'let the shell open it' validate "$work/fifo"

# ---- the same error for many objects ----
rc validate "$work/many.yaml"
tap_is "twenty errors of a kind are shown" "$(grep -cE ":[0-9]+:[0-9]+: error: " "$err")" 20
tap_like "and the others counted" "$(cat "$err")" '^\.\.\. and 380 more like: '
rc validate -o json "$work/many.yaml"
tap_is "as JSON all of them are there" "$(json_py 'print(len(d["errors"]))')" 400
