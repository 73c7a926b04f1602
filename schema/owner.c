/* owner.c - who can write what a spec is read from.
 *
 * A spec says which programs run, here for its secrets and in the guests. Whoever can write it can do
 * that as the one who applies it; sudo(8) and ssh(1) look at their files for the same reason. Root is
 * refused what everybody can write. Of somebody else's file there is a warning, since it is often
 * meant; a group that can write is nothing to tell. What comes through standard input or a pipe is
 * the affair of whoever opened it.
 */
#include "schema/bind.h"

#include "schema/base/utf8.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHOWN 200

/* Root, the user, and who became root through sudo. */
static bool is_trusted(const struct load *l, uid_t owner)
{
	const char *sudo = !geteuid() && l->in->env ? l->in->env("SUDO_UID") : NULL;
	char *end;

	if (!owner || owner == geteuid())
		return true;
	return sudo && *sudo && strtoul(sudo, &end, 10) == owner && !*end;
}

void owner_judge(struct load *l, const char *path)
{
	const struct pos pos = {.file = path};
	const char *what;
	struct stat st;

	if (!l->in->owners || stat(path, &st) < 0 || (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)))
		return;
	what = S_ISDIR(st.st_mode) ? "folder" : "file";
	if (st.st_mode & S_IWOTH) {
		struct diag *d = diags_add(l->a, l->diags,
			geteuid() ? SEVERITY_WARNING : SEVERITY_ERROR, pos,
			"everybody on this host can write this %s%s", what,
			geteuid() ? "" : ", and root would do what it says");
		diag_hint(l->a, d, "chmod o-w %s", utf8_quote(l->a, path, SHOWN));
	} else if (!is_trusted(l, st.st_uid)) {
		diags_add(l->a, l->diags, SEVERITY_WARNING, pos,
			"this %s belongs to user %u, who can change what it says", what,
			(unsigned)st.st_uid);
	}
}
