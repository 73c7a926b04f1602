/* graph.c - dependency order of numbered nodes. */
#include "reconciler/engine/graph.h"

void graph_needs(struct arena *a, size_t nodes, const struct edges *edges, struct edge_lists *out)
{
	*out = (struct edge_lists){
		.first = arena_array(a, nodes + 2, sizeof(uint32_t)),
		.list = arena_array(a, edges->n + 1, sizeof(uint32_t)),
	};
	vec_each(e, edges)
		out->first[e->from + 2]++;
	for (size_t i = 2; i < nodes + 2; i++)
		out->first[i] += out->first[i - 1];
	vec_each(e, edges)
		out->list[out->first[e->from + 1]++] = e->to;
}

/* The same by the node that is needed. */
static struct edge_lists group(struct arena *a, size_t nodes, const struct edges *edges)
{
	struct edge_lists g = {
		.first = arena_array(a, nodes + 2, sizeof(uint32_t)),
		.list = arena_array(a, edges->n + 1, sizeof(uint32_t)),
	};

	vec_each(e, edges)
		g.first[e->to + 2]++;
	for (size_t i = 2; i < nodes + 2; i++)
		g.first[i] += g.first[i - 1];
	vec_each(e, edges)
		g.list[g.first[e->to + 1]++] = e->from;
	return g;
}

/* Walk from a node that was never freed to nodes that it needs and that were never freed either:
 * after as many steps as there are nodes the walk is on a cycle. */
static uint32_t find_cycle(struct arena *a, size_t nodes, const struct edges *edges,
	const uint32_t *open)
{
	uint32_t *need = arena_array(a, nodes, sizeof(*need));
	uint32_t at = 0;

	vec_each(e, edges)
		if (open[e->from] && open[e->to])
			need[e->from] = e->to;
	while (!open[at])
		at++;
	for (size_t i = 0; i < nodes; i++)
		at = need[at];
	return at;
}

int graph_levels(struct arena *a, size_t nodes, const struct edges *edges, uint32_t *level,
	uint32_t *cycle)
{
	struct edge_lists g = group(a, nodes, edges);
	uint32_t *open = arena_array(a, nodes + 1, sizeof(*open)); /* needs not yet met */
	uint32_t *queue = arena_array(a, nodes + 1, sizeof(*queue));
	size_t head = 0, tail = 0;

	vec_each(e, edges)
		open[e->from]++;
	for (uint32_t i = 0; i < nodes; i++) {
		level[i] = 0;
		if (!open[i])
			queue[tail++] = i;
	}
	while (head < tail) {
		uint32_t done = queue[head++];

		for (uint32_t k = g.first[done]; k < g.first[done + 1]; k++) {
			uint32_t i = g.list[k];

			if (level[i] < level[done] + 1)
				level[i] = level[done] + 1;
			if (!--open[i])
				queue[tail++] = i;
		}
	}
	if (tail == nodes)
		return 0;
	*cycle = find_cycle(a, nodes, edges, open);
	return 1;
}
