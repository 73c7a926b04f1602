/* cmd_stats.c - stats and top: what VMs use now, once or again and again. */
#include "reconciler/figures.h"

#include <unistd.h>

#define STATS_MS 500
#define TOP_MS 2000

static int64_t interval_of(const struct cli *c, int64_t usual)
{
	return c->interval_ms ? (int64_t)c->interval_ms : usual;
}

static int run_stats(struct cli *c, struct err *e)
{
	struct figures_list l = {0};

	if (figures_take(c, &c->arena, interval_of(c, STATS_MS), &l, e) < 0)
		return -1;
	if (c->output == OUTPUT_JSON)
		figures_document(c, &l);
	else
		figures_print(c, &c->arena, &l, false);
	return 0;
}

/* Off a terminal there is nothing to draw over: one table, as it stands after one interval. */
static int run_top(struct cli *c, struct err *e)
{
	const bool draws = isatty(STDOUT_FILENO);

	do {
		_cleanup_arena_ struct arena a = ARENA_INIT;
		struct figures_list l = {0};

		if (figures_take(c, &a, interval_of(c, TOP_MS), &l, e) < 0)
			return cli_cancel && draws ? 0 : -1;
		if (draws)
			fputs("\033[H\033[J", stdout);
		figures_print(c, &a, &l, true);
	} while (draws && !cli_cancel && !ferror(stdout));
	return 0;
}

const struct cmd cmd_stats = {
	.name = "stats",
	.args = "[VM...]",
	.caption = "show what VMs use",
	.help = "Shows once what each VM uses: processors and memory of the host (100% is one processor), memory,\n"
		"load and disk as its guest sees them, and what it read from and wrote to disks since its start.\n\n"
		"  reconcile stats\n"
		"  reconcile stats -o json web db",
	.run = run_stats,
};

const struct cmd cmd_top = {
	.name = "top",
	.args = "[VM...]",
	.caption = "watch what VMs use, the busiest first",
	.help = "The figures of stats, again and again until Ctrl-C, the VM that uses most first. Off a terminal it\n"
		"prints them once.\n\n"
		"  reconcile top\n"
		"  reconcile top --interval 5s",
	.run = run_top,
};
