# strip.awk - C without comments, one line a line: "file:line:text".
#
#	awk -f strip.awk FILE...            string and character literals emptied
#	awk -v keep=1 -f strip.awk FILE...  literals kept
#	awk -v join=1 ...                   one statement a line, with the number of its first line

function emit(n, text) {
	if (!join) {
		print file ":" n ":" text
		return
	}
	if (held == "") {
		if (text ~ /^[ \t]*$/)
			return
		held_line = n
	}
	sub(/^[ \t]+/, " ", text)
	held = held text
	if (text ~ /[;{}][ \t]*$/ || text ~ /^#/)
		flush_held()
}

function flush_held() {
	if (held != "")
		print file ":" held_line ":" held
	held = ""
}

FNR == 1 {
	flush_held()
	file = FILENAME
	in_comment = 0
}
{
	out = ""
	rest = $0
	while (rest != "") {
		if (in_comment) {
			i = index(rest, "*/")
			if (!i)
				break
			rest = substr(rest, i + 2)
			in_comment = 0
			out = out " "
			continue
		}
		if (!match(rest, /["']|\/\*|\/\//)) {
			out = out rest
			break
		}
		out = out substr(rest, 1, RSTART - 1)
		token = substr(rest, RSTART, RLENGTH)
		rest = substr(rest, RSTART + RLENGTH)
		if (token == "/*") {
			in_comment = 1
			continue
		}
		if (token == "//")
			break
		body = ""
		while (rest != "" && substr(rest, 1, 1) != token) {
			n = substr(rest, 1, 1) == "\\" ? 2 : 1
			body = body substr(rest, 1, n)
			rest = substr(rest, n + 1)
		}
		rest = substr(rest, 2)
		out = out token (keep ? body : "") token
	}
	emit(FNR, out)
}
END { flush_held() }
