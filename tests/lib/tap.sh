# tap.sh - the Test Anything Protocol for shell tests. Source it from the root of the tree:
#
#	. tests/lib/tap.sh
#	tap_status "an empty spec is refused" 65 "$build/reconcile" validate empty.yaml
#	tap_done
#
# A script that ends before tap_done printed no plan, and that is a failure. POSIX sh and bash.
# shellcheck shell=sh

tap_count=0
tap_failures=0

# The build folder that is being tested, absolute.
build=${RECONCILE_BUILD:-$PWD/build/release}
export build

# tap_diag TEXT: text for people, one or several lines.
tap_diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

# tap_ok DESCRIPTION
tap_ok() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1"
}

# tap_fail DESCRIPTION [TEXT]
tap_fail() {
	tap_count=$((tap_count + 1))
	tap_failures=$((tap_failures + 1))
	echo "not ok $tap_count - $1"
	[ -z "${2-}" ] || tap_diag "$2"
}

# tap_skip DESCRIPTION REASON: it was not tested. Counted and named apart from what passed.
tap_skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

# tap_skip_all REASON: nothing in this script can be tested here. Only before any other result.
tap_skip_all() {
	echo "1..0 # SKIP $1"
	exit 0
}

# tap_is DESCRIPTION GOT WANT: equal strings.
tap_is() {
	if [ "$2" = "$3" ]; then
		tap_ok "$1"
	else
		tap_fail "$1" "got:  $2
want: $3"
	fi
}

# tap_like DESCRIPTION TEXT ERE: some line of text matches.
tap_like() {
	if printf '%s\n' "$2" | grep -E -- "$3" >/dev/null; then
		tap_ok "$1"
	else
		tap_fail "$1" "nothing like: $3
in: $2"
	fi
}

# tap_run DESCRIPTION COMMAND...: the command ends with 0. What it printed is shown if it does not.
tap_run() {
	tap_desc=$1
	shift
	tap_status=0
	tap_out=$("$@" 2>&1) || tap_status=$?
	if [ "$tap_status" -eq 0 ]; then
		tap_ok "$tap_desc"
	else
		tap_fail "$tap_desc" "exit $tap_status: $*
$tap_out"
	fi
}

# tap_status DESCRIPTION STATUS COMMAND...: the command ends with that status.
tap_status() {
	tap_desc=$1
	tap_want=$2
	shift 2
	tap_status=0
	tap_out=$("$@" 2>&1) || tap_status=$?
	if [ "$tap_status" -eq "$tap_want" ]; then
		tap_ok "$tap_desc"
	else
		tap_fail "$tap_desc" "exit $tap_status, not $tap_want: $*
$tap_out"
	fi
}

# tap_none DESCRIPTION FINDINGS: the text is empty; each line of it is a finding of a lint.
tap_none() {
	if [ -z "$2" ]; then
		tap_ok "$1"
	else
		tap_fail "$1" "$2"
	fi
}

# tap_done: print the plan; the last command of each script.
tap_done() {
	echo "1..$tap_count"
	[ "$tap_failures" -eq 0 ] || exit 1
	exit 0
}
