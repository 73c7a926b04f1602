/* cmd_version.c - which program this is. */
#include "reconciler/document.h"

#ifndef RC_COMMIT
#define RC_COMMIT "" /* built outside of a git tree */
#endif

static int run(struct cli *c, struct err *e)
{
	(void)e;
	if (c->output == OUTPUT_JSON) {
		document_set(c, json_pack("{s:s, s:s?}", "version", RC_VERSION, "commit",
			RC_COMMIT[0] ? RC_COMMIT : NULL));
	} else {
		printf("reconcile %s (%s)\n", RC_VERSION,
			RC_COMMIT[0] ? RC_COMMIT : "built outside of a git tree, commit not known");
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
