/* graph.h - dependency order of numbered nodes. PURE.
 *
 * An edge (from, to) says: from needs to first. Kahn's algorithm, linear in nodes and edges;
 * the order within a level is the order of the numbers, so the same graph gives the same answer.
 */
#pragma once

#include "schema/base/err.h"
#include "schema/base/vec.h"

#include <stdint.h>

struct edge {
	uint32_t from, to;
};

struct edges {
	struct edge *v;
	size_t n, cap;
};

/* Edges by the node that needs: those of node i are list[first[i]] .. list[first[i + 1] - 1], in the order
 * of edges. */
struct edge_lists {
	uint32_t *first, *list;
};

void graph_needs(struct arena *a, size_t nodes, const struct edges *edges, struct edge_lists *out);

/* level[i] = 0 for a node that needs nothing, else one more than the highest level it needs.
 * Returns 0; or 1 when there is a cycle, and then *cycle is one node on it. */
int graph_levels(struct arena *a, size_t nodes, const struct edges *edges, uint32_t *level,
	uint32_t *cycle);
