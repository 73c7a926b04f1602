# tap.awk - make one clean TAP stream of what a test program printed.
#
#	awk -v program=P -v status=EXIT -v reason=TEXT -f tests/lib/tap.awk OUTPUT
#
# cmocka prints a plan for each group and numbers each from 1: one plan with the sum comes out, at
# the end. cmocka prints "not ok 2 # SKIP name" for a skipped test: it becomes a skip with the last
# comment before it as the reason, as print_message wrote it. No plan at all stays no plan: prove
# then fails the program, as it should when it died.

BEGIN { print "# " program }

function result(word, rest) {
	sub(/^[0-9]+ */, "", rest)
	printf "%s %d%s\n", word, ++seen, rest == "" ? "" : " " rest
}

# Whether a line says why it skips.
function has_reason(line) {
	return line ~ /# SKIP +[^ ]/
}

/^1\.\.0/ && !plans {
	skip_all = $0
	next
}
/^1\.\.[0-9]+/ {
	plans++
	planned += substr($1, 4)
	next
}
/^not ok [0-9]+ # SKIP/ {
	name = $0
	sub(/^not ok [0-9]+ # SKIP */, "", name)
	if (said == "")
		result("not ok", "- " name ": skipped without a reason")
	else
		result("ok", "- " name " # SKIP " said)
	said = ""
	next
}
/^ok( |$).*# SKIP/ && !has_reason($0) {
	sub(/ *# SKIP *$/, "")
	result("not ok", substr($0, 4) ": skipped without a reason")
	next
}
/^ok( |$)/ {
	result("ok", substr($0, 4))
	said = ""
	next
}
/^not ok( |$)/ {
	result("not ok", substr($0, 8))
	said = ""
	next
}
{
	said = $0
	sub(/^# */, "", said)
	print
}

END {
	if (status == 77 && !plans && !seen && skip_all == "" && reason != "")
		skip_all = "1..0 # SKIP " reason
	if (has_reason(skip_all) && !seen)
		print skip_all
	else if ((status == 77 || skip_all ~ /# SKIP/) && !plans && !seen)
		print "not ok 1 - skipped without a reason\n1..1"
	else if (skip_all != "" && !seen)
		print skip_all
	else if (plans)
		print "1.." planned
	if (status == 124 || status == 137)
		print "# ended after too long a time, or killed"
}
