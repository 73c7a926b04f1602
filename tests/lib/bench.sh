# bench.sh - what the benchmarks share. Source it from the root of the tree; see tests/lib/bench
# for the form of a result.
# shellcheck shell=bash

build=${RECONCILE_BUILD:-$PWD/build/release}
export build

# Runs of each thing measured; medians of them are reported.
BENCH_RUNS=${BENCH_RUNS:-5}

# median: of the numbers on standard input, one a line.
median() {
	LC_ALL=C sort -g | awk '{ v[NR] = $1 }
		END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# cpu_ms COMMAND...: user and system time of the command and its children, in milliseconds. What it
# prints is thrown away.
cpu_ms() {
	local TIMEFORMAT='%U %S' out
	out=$({ time "$@" >/dev/null 2>&1; } 2>&1) || return
	awk '{ print ($1 + $2) * 1000 }' <<<"$out"
}

# wall_ms COMMAND...: real time, in milliseconds.
wall_ms() {
	local TIMEFORMAT='%R' out
	out=$({ time "$@" >/dev/null 2>&1; } 2>&1) || return
	awk '{ print $1 * 1000 }' <<<"$out"
}

# repeat COMMAND...: its output, BENCH_RUNS times.
repeat() {
	local i
	for ((i = 0; i < BENCH_RUNS; i++)); do
		"$@" || return
	done
}

# bench_result NAME VALUE UNIT OPERATOR GOAL [PEER]: print one result.
bench_result() {
	awk -v name="$1" -v value="$2" -v unit="$3" -v op="$4" -v goal="$5" -v peer="${6-}" \
		-v n="$BENCH_RUNS" 'BEGIN {
			value += 0
			holds = op == "<" ? value < goal : op == "<=" ? value <= goal : \
				op == ">=" ? value >= goal : value > goal
			text = sprintf(value >= 1000 ? "%.0f" : "%.4g", value)
			printf "{\"bench\":\"%s\",\"value\":%s,\"unit\":\"%s\",\"goal\":\"%s %s\",\"holds\":%s,\"n\":%d,\"peer\":%s}\n",
				name, text, unit, op, goal, holds ? "true" : "false", n,
				peer == "" ? "null" : "\"" peer "\""
		}'
}
