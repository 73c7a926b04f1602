/* test_graph.c - dependency order, on every small graph there is.
 *
 * The oracle is written another way than the code: reachability by a transitive closure says
 * whether there is a cycle and who is on one; levels come from the longest path.
 */
#include "reconciler/engine/graph.h"

#include "tests/lib/unit.h"

#define MAX 5

/* Bit to of row from: from needs to. */
struct bits {
	uint8_t row[MAX];
};

static struct bits closure(struct bits g, size_t n)
{
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < n; i++)
			if (g.row[i] >> k & 1)
				g.row[i] |= g.row[k];
	return g;
}

static uint32_t longest_path(const struct bits *g, size_t n, size_t from)
{
	uint32_t longest = 0;

	for (size_t to = 0; to < n; to++)
		if (g->row[from] >> to & 1) {
			uint32_t below = 1 + longest_path(g, n, to);

			longest = below > longest ? below : longest;
		}
	return longest;
}

static void check(struct arena *a, const struct bits *g, size_t n)
{
	const struct bits reach = closure(*g, n);
	uint32_t level[MAX], cycle = UINT32_MAX;
	struct edge list[MAX * MAX];
	struct edges edges = {.v = list};
	bool cyclic = false;

	for (uint32_t from = 0; from < n; from++) {
		cyclic |= reach.row[from] >> from & 1;
		for (uint32_t to = 0; to < n; to++)
			if (g->row[from] >> to & 1)
				list[edges.n++] = (struct edge){from, to};
	}
	if (graph_levels(a, n, &edges, level, &cycle)) {
		if (!cyclic || cycle >= n || !(reach.row[cycle] >> cycle & 1))
			fail_msg("%zu nodes: node %u is not on a cycle", n, cycle);
		return;
	}
	if (cyclic)
		fail_msg("%zu nodes, %zu edges: a cycle was not seen", n, edges.n);
	for (size_t i = 0; i < n; i++)
		if (level[i] != longest_path(g, n, i))
			fail_msg("%zu nodes, %zu edges: level of %zu", n, edges.n, i);
}

/* All of them, with edges from a node to itself. */
static void every_graph_up_to_four(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 4; n++)
		for (uint32_t code = 0; code < 1u << (n * n); code++) {
			_cleanup_arena_ struct arena a = ARENA_INIT;
			struct bits g = {0};

			for (size_t i = 0; i < n; i++)
				g.row[i] = (uint8_t)(code >> (i * n) & ((1u << n) - 1));
			check(&a, &g, n);
		}
}

/* All 2^20 with five nodes and no edge from a node to itself. */
static void every_graph_of_five(void **state)
{
	struct arena a = ARENA_INIT;

	(void)state;
	for (uint32_t code = 0; code < 1u << 20; code++) {
		struct bits g = {0};

		for (size_t i = 0; i < 5; i++) {
			uint32_t four = code >> (i * 4) & 15, low = (1u << i) - 1;

			g.row[i] = (uint8_t)((four & low) | (four & ~low) << 1); /* bit i stays 0 */
		}
		check(&a, &g, 5);
		if (a.total > 16000)
			arena_free(&a);
	}
	arena_free(&a);
}

static void nothing_at_all(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct edges none = {0};
	uint32_t cycle;

	(void)state;
	assert_int_equal(graph_levels(&a, 0, &none, NULL, &cycle), 0);
}

/* The same edge many times counts once. */
static void repeated_edges(void **state)
{
	struct edge list[] = {{1, 0}, {1, 0}, {2, 1}, {1, 0}, {2, 1}, {2, 0}};
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct edges edges = {list, 6, 6};
	uint32_t level[3], cycle;

	(void)state;
	assert_int_equal(graph_levels(&a, 3, &edges, level, &cycle), 0);
	assert_int_equal(level[0], 0);
	assert_int_equal(level[1], 1);
	assert_int_equal(level[2], 2);
}

/* A long chain, forward and backward, and a wide fan: linear, no recursion. */
static void large_graphs(void **state)
{
	enum { N = 200000 };
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct edges chain = {0}, fan = {0};
	uint32_t *level = arena_array(&a, N, sizeof(*level)), cycle;

	(void)state;
	for (uint32_t i = 0; i + 1 < N; i++) {
		*vec_push(&a, &chain) = (struct edge){i, i + 1};
		*vec_push(&a, &fan) = (struct edge){i, N - 1};
	}
	assert_int_equal(graph_levels(&a, N, &chain, level, &cycle), 0);
	assert_int_equal(level[0], N - 1);
	assert_int_equal(graph_levels(&a, N, &fan, level, &cycle), 0);
	assert_int_equal(level[0], 1);
	*vec_push(&a, &chain) = (struct edge){N - 1, N / 2};
	assert_int_equal(graph_levels(&a, N, &chain, level, &cycle), 1);
	assert_true(cycle >= N / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(every_graph_up_to_four),
		cmocka_unit_test(every_graph_of_five),
		cmocka_unit_test(repeated_edges),
		cmocka_unit_test(large_graphs),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
