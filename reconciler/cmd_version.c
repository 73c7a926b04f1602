/* cmd_version.c - which program this is. */
#include "reconciler/print.h"

#ifndef RC_COMMIT
#define RC_COMMIT "unknown"
#endif

static int run(struct cli *c, struct err *e)
{
	(void)e;
	if (c->output == OUTPUT_JSON) {
		_cleanup_json_ json_t *j = json_pack("{s:s, s:s}", "version", RC_VERSION, "commit",
			RC_COMMIT);

		print_json(j);
	} else {
		printf("reconcile %s (%s)\n", RC_VERSION, RC_COMMIT);
	}
	return 0;
}

const struct cmd cmd_version = {
	.name = "version",
	.args = "",
	.caption = "show the version",
	.help = "Shows the version and the commit that the program was built from.",
	.looks = true,
	.run = run,
};
