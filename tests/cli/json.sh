# json.sh - one document with -o json, whatever happens: of each command that takes the option.
# shellcheck shell=bash disable=SC2154 # of lib.sh

document() { # DESCRIPTION ARGUMENT...: stdout is one JSON object with the exit code that it ended with
	local what=$1
	shift
	rc "$@"
	tap_is "$what: one document with its exit code" "$(json_py 'print(d["exit_code"], type(d["errors"]).__name__,
	(d["exit_code"] == 0) == (d["errors"] == []) or d["exit_code"] in (2, 3))')" "$code list True"
}

declare -A good=(
	[validate]="$work/good.yaml" [plan]="$work/empty-vms.yaml" [apply]="$work/empty-vms.yaml"
	[delete]="-y $work/empty-vms.yaml" [why]='' [explain]=vms.memory
)
declare -A bad=(
	[status]=wbe [drift]='--ignore nothing-of-that-name' [events]=nothing/web [explain]=vms.memroy
	[recover]="--state-dir $work/file" [gc]="--state-dir $work/file" [version]=--tail [why]=vm/wbe
	[doctor]=web [ports]=wbe
)
: >"$work/file"
rc apply "$work/empty-vms.yaml"
takes=$("$reconcile" help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r name; do
	"$reconcile" help "$name" | grep -q -e '-o, --output' && echo "$name"
done)
tap_is "commands that take -o json" "$(tr '\n' ' ' <<<"$takes")" \
	"validate plan apply status drift graph events why delete undelete ports stats explain image recover gc doctor system version "
for name in $takes; do
	case $name in image | system) continue ;; esac # have verbs, and tests of their own
	# shellcheck disable=SC2086 # words on purpose
	[ "$name" = why ] || [ "$name" = ports ] || # asks a VM that runs: tests/net
		 document "$name" "$name" -o json ${good[$name]-}
	# shellcheck disable=SC2086
	document "$name that fails" "$name" -o json ${bad[$name]-"$work/none.yaml"}
	tap_is "$name that fails: an error with all its members" "$(json_py 'e = d["errors"][0]
print(d["exit_code"] > 0, sorted(set(e) - {"object", "op", "pass"}), bool(e["message"]))')" \
		"True ['also', 'column', 'expected', 'file', 'hint', 'kind', 'line', 'message'] True"
	tap_is "$name that fails: not said twice" "$(grep -c 'error:' "$err")" 0
done
document "an option that is none, before the format" plan --sate-dir x -o json
document "no such command" aply -o json

# ---- what is in it ----
rc validate -o json "$work/types.yaml"
tap_is "each mistake with its place" "$(json_py 'print([(e["kind"], e["line"], e["column"] > 0) for e in d["errors"]],
	d["errors"][0]["file"].endswith("types.yaml"), d["valid"])')" \
	"[('spec', 5, True), ('spec', 5, True), ('spec', 5, True)] True False"
rc validate -o json "$work/twice.yaml"
tap_is "and the other place" "$(json_py 'e = d["errors"][0]; o = e["also"]
print(o["line"], o["column"] < e["column"], o["file"] == e["file"])')" "5 True True"
rc plan -o json "$work/good.yaml"
tap_is "a plan has reasons and places of what is made, too" \
	"$(json_py 'print(all(c["reasons"] and c["at"]["line"] and c["at"]["column"] for c in d["changes"]), len(d["changes"]))')" \
	"True 4"
rc validate -o json tests/schema/pass-warning-unused.yaml
tap_is "warnings are apart" "$(json_py 'print(d["errors"], d["warnings"][0]["line"] > 0, d["warnings"][0]["message"] > "")')" "[] True True"
