/* hostfiles.c - the host's name and the files that go with it. */
#include "drivers/guest/inside/hostfiles.h"

#include "drivers/guest/inside/netaddr.h"
#include "drivers/guest/inside/say.h"
#include "drivers/guest/inside/sysfile.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- text ------------------------------------------------------------------------------- */

size_t hostfiles_hosts(const struct boot *b, char out[HOSTFILES_TEXT_MAX])
{
	char address[64] = "127.0.1.1";
	struct netaddr a;

	if (!*b->hostname)
		return 0;
	if (b->n_net && b->net[0].address && netaddr_parse(b->net[0].address, &a) == 0)
		snprintf(address, sizeof(address), "%.*s", (int)strcspn(b->net[0].address, "/"),
			b->net[0].address);
	return (size_t)snprintf(out, HOSTFILES_TEXT_MAX,
		"127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n%s\t%s\n", address,
		b->hostname);
}

size_t hostfiles_resolv(const struct boot *b, char out[HOSTFILES_TEXT_MAX])
{
	struct netaddr a;
	size_t n = 0;

	for (size_t i = 0; i < b->n_net; i++)
		for (size_t k = 0; k < b->net[i].n_dns; k++)
			if (netaddr_parse(b->net[i].dns[k], &a) == 0)
				n += (size_t)snprintf(out + n, HOSTFILES_TEXT_MAX - n,
					"nameserver %.64s\n", b->net[i].dns[k]);
	return n;
}

/* Drop "." and resolve ".." in an absolute path, textually. */
static int clean_path(const char *path, char *out, size_t size)
{
	size_t n = 0;

	while (*path) {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && !strncmp(path, "..", 2)) {
			const char *last = memrchr(out, '/', n);

			n = last ? (size_t)(last - out) : 0;
		} else if (len && !(len == 1 && *path == '.')) {
			if (n + len + 2 > size)
				return -1;
			out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
		}
		path += len;
	}
	out[n] = '\0';
	return 0;
}

const char *hostfiles_run_target(const char *target, char *out, size_t size)
{
	char full[PATH_MAX];

	if (snprintf(full, sizeof(full), "%s%s", *target == '/' ? "" : "/etc/", target) >=
			(int)sizeof(full) ||
		clean_path(full, out, size) < 0)
		return NULL;
	/* /var/run is /run, here and in every image that has it. */
	if (!strncmp(out, "/var/run/", 9))
		return out + 4;
	return strncmp(out, "/run/", 5) ? NULL : out;
}

/* ---- files ------------------------------------------------------------------------------ */

static bool is_same(const char *path, const char *text, size_t n)
{
	struct stat st;
	struct why w;
	size_t have;
	char *old;
	bool same;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	old = sysfile_read(path, HOSTFILES_TEXT_MAX + 1, &have, &w);
	same = old && have == n && !memcmp(old, text, n);
	free(old);
	return same;
}

static int make_parent(const char *path, struct why *w)
{
	char dir[PATH_MAX];

	snprintf(dir, sizeof(dir), "%.*s", (int)(strrchr(path, '/') - path), path);
	return *dir ? sysfile_mkdirs(dir, 0755, w) : 0;
}

static void put(const char *path, const char *text, size_t n)
{
	char target[PATH_MAX], below[PATH_MAX];
	ssize_t len = readlink(path, target, sizeof(target) - 1);
	const char *to = path;
	struct why w;

	if (!n)
		return;
	if (len >= 0) {
		target[len] = '\0';
		to = hostfiles_run_target(target, below, sizeof(below));
		to = to ? to : path;
	}
	if (is_same(to, text, n))
		return;
	if (make_parent(to, &w) < 0 || sysfile_write(to, text, n, 0644, &w) < 0)
		say("%s", w.msg);
}

void hostfiles_write(const struct boot *b)
{
	char text[HOSTFILES_TEXT_MAX];
	size_t n = strlen(b->hostname);

	if (n && sethostname(b->hostname, n) < 0)
		say("cannot set the host name: %s", strerror(errno));
	if (n)
		put("/etc/hostname", text, (size_t)snprintf(text, sizeof(text), "%s\n", b->hostname));
	put("/etc/hosts", text, hostfiles_hosts(b, text));
	put("/etc/resolv.conf", text, hostfiles_resolv(b, text));
}
