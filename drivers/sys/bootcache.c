/* bootcache.c - answers about this host that hold until it is booted again. */
#include "drivers/sys/bootcache.h"

#include "drivers/sys/tail.h"
#include "schema/base/fd.h"

#include <string.h>

#define VALUE_MAX 512

const char *bootcache_get(struct arena *a, int run_fd, const char *name, const char *boot_id)
{
	size_t n, id_n = strlen(boot_id);
	char *text = tail_read(a, run_fd, name, VALUE_MAX, &n), *end;

	/* "BOOT_ID VALUE\n"; without its line end it was not written to the end. */
	if (n < id_n + 2 || strncmp(text, boot_id, id_n) != 0 || text[id_n] != ' ')
		return NULL;
	text += id_n + 1;
	end = strchr(text, '\n');
	if (!end)
		return NULL;
	*end = '\0';
	return text;
}

int bootcache_put(int run_fd, const char *name, const char *boot_id, const char *value,
	struct err *e)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	char *text = arena_printf(&a, "%s %s\n", boot_id, value);

	if (strlen(text) > VALUE_MAX)
		return err_set(e, ERR_LIMIT, "%s: answer too long to keep", name);
	return file_replace(run_fd, name, text, strlen(text), 0600, e);
}
