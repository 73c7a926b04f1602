/* fuzz_modinfo.c - .modinfo of a kernel module, and what is made of the names in it. */
#include "drivers/kernel/worker/modinfo.h"
#include "drivers/kernel/worker/modules.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct modinfo info;
	int calls;
};

/* Every module but two is as the input says. */
static int look(void *arg, const char *name, struct module_facts *facts, struct err *e)
{
	struct world *w = arg;

	(void)e;
	if (!modinfo_is_name(name) || ++w->calls > 1000)
		abort();
	facts->where = !strcmp(name, "virtio") ? MODULE_BUILTIN : MODULE_FILE;
	facts->depends = strlen(name) % 3 ? w->info.depends : "";
	facts->soft_pre = w->info.soft_pre;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct module_want want = {"first", true, 0, "x"};
	struct arena a = ARENA_INIT;
	struct world w = {.calls = 0};
	struct module_list list = {0};

	if (modinfo_read(&a, data, size, "input", &w.info, NULL) == 0)
		modules_order(&a, &want, 1, look, &w, &list, NULL);
	arena_free(&a);
	return 0;
}
