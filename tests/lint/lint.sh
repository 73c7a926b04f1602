# lint.sh - what the lints share. Source it from a lint:
#
#	. "$(dirname "$0")/lint.sh"
#
# Goes to the root of the tree, or to LINT_ROOT, where tests/lint/selftest/run keeps trees with
# mistakes.
# shellcheck shell=bash
lint_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "${LINT_ROOT:-$lint_dir/../..}" || exit 1
. "$lint_dir/../lib/tap.sh"
lint_exceptions=${LINT_EXCEPTIONS:-$lint_dir/exceptions}

# Our C sources and headers; more names narrow it.
c_files() {
	find schema drivers reconciler "$@" -name '*.[ch]' 2>/dev/null | LC_ALL=C sort
}

# Our shell scripts, told by their first line, with or without a suffix.
shell_files() {
	find contrib tests .ci examples -type f 2>/dev/null | LC_ALL=C sort | while read -r file; do
		case $file in
		*.sh) echo "$file" ;;
		*) head -c 64 "$file" | head -n 1 | grep -aEq '^#!/bin/(ba)?sh' && echo "$file" ;;
		esac
	done
}

# except RULE: pass on findings "file:line: ..." but those of files that the exceptions name for
# this rule. An exception that hides nothing is a finding too, so that the list stays true.
except() {
	awk -v rule="$1" -v list="$lint_exceptions" '
		BEGIN {
			FS = "\t"
			while ((getline line < list) > 0) {
				if (line ~ /^#/ || line == "")
					continue
				n = split(line, part, /\t+/)
				if (part[1] != rule)
					continue
				if (n < 3 || part[3] == "")
					print list ": no reason given: " line
				allowed[part[2]] = 1
			}
		}
		{
			file = $0
			sub(/:.*/, "", file)
			if (file in allowed)
				used[file] = 1
			else
				print
		}
		END {
			for (file in allowed)
				if (!(file in used))
					print file ": has an exception for rule " rule " and does not need it"
		}'
}
