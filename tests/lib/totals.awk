# totals.awk - count the results in the logs of one run and name what was skipped or failed.
#
#	awk -f tests/lib/totals.awk LOG.tap ...       (a LOG.status stands beside each)
#
# A program counts as one more failure when it ended badly and no result of its own says so: a
# crash, a missing plan, fewer results than planned. The last line is "N passed, N failed,
# N skipped"; a skipped test never counts as passed. Ends with 1 if anything failed.

function finish(    status, path) {
	if (file == "")
		return
	path = file
	sub(/\.tap$/, ".status", path)
	status = 1
	getline status < path
	close(path)
	if (skip_all != "") {
		skips[++skipped] = title ": " skip_all
	} else if (plan <= 0 || plan != count) {
		fails[++failed] = title ": " (plan < 0 ? "ended without a plan" : \
			count " results of " plan " planned") ", exit " status
		return
	}
	if (status != 0 && !bad)
		fails[++failed] = title ": exit " status
}

FNR == 1 {
	finish()
	file = title = FILENAME
	sub(/.*\//, "", title)
	sub(/\.tap$/, "", title)
	gsub(/%/, "/", title)
	plan = -1
	count = bad = 0
	skip_all = ""
}
/^1\.\.0 # SKIP/ {
	skip_all = substr($0, 13)
	plan = 0
	next
}
/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0 }
/^ok .*# SKIP/ {
	count++
	skips[++skipped] = title ": " substr($0, 4)
	next
}
/^ok / { count++; passed++ }
/^not ok / {
	count++
	bad++
	fails[++failed] = title ": " substr($0, 8)
}

END {
	finish()
	for (i = 1; i <= skipped; i++)
		print "skipped  " skips[i]
	for (i = 1; i <= failed; i++)
		print "failed   " fails[i]
	printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0
}
