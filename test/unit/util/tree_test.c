/* SPDX-License-Identifier: BSD-3-Clause */

/* Trees against a plain array, under random insertions and removals. */

#include "spdk/stdinc.h"
#include "spdk/util.h"

/* Each element counts the elements of its subtree, itself included. */
struct item;
static void count_subtree(struct item *item);
#define RB_AUGMENT(x) count_subtree(x)

#include "spdk/tree.h"

#include <setjmp.h>
#include <cmocka.h>

#define ITEMS 300
#define ROUNDS 20000

struct item {
	int key;
	uint32_t below;
	RB_ENTRY(item) node;
	SPLAY_ENTRY(item) splay;
};

static int
compare(struct item *a, struct item *b)
{
	return a->key - b->key;
}

RB_HEAD(item_tree, item);
RB_PROTOTYPE_STATIC(item_tree, item, node, compare);
RB_GENERATE_STATIC(item_tree, item, node, compare)

SPLAY_HEAD(item_splay, item);
SPLAY_PROTOTYPE(item_splay, item, splay, compare)
SPLAY_GENERATE(item_splay, item, splay, compare)

static void
count_subtree(struct item *item)
{
	item->below = 1;
	if (RB_LEFT(item, node) != NULL) {
		item->below += RB_LEFT(item, node)->below;
	}
	if (RB_RIGHT(item, node) != NULL) {
		item->below += RB_RIGHT(item, node)->below;
	}
}

/* Checks order, colours, parents and counts of a subtree. Returns its number of black links on each way down. */
static int
check_subtree(struct item *item, struct item *parent, bool red)
{
	int left, right;

	if (item == NULL) {
		assert_false(red);
		return 0;
	}
	assert_ptr_equal(RB_PARENT(item, node), parent);
	assert_int_equal(RB_COLOR(item, node), red);
	assert_false(red && RB_BITS(item, node) != 0);
	left = check_subtree(RB_LEFT(item, node), item, RB_RED_LEFT(item, node));
	right = check_subtree(RB_RIGHT(item, node), item, RB_RED_RIGHT(item, node));
	assert_int_equal(left, right);
	assert_int_equal(item->below,
		1 + (RB_LEFT(item, node) ? RB_LEFT(item, node)->below : 0) +
			(RB_RIGHT(item, node) ? RB_RIGHT(item, node)->below : 0));
	return left + !red;
}

static void
check_tree(struct item_tree *tree, struct item *items, const bool *in)
{
	struct item *walk = RB_MIN(item_tree, tree);

	check_subtree(RB_ROOT(tree), NULL, false);
	for (int i = 0; i < ITEMS; i++) {
		if (in[i]) {
			assert_ptr_equal(walk, &items[i]);
			walk = RB_NEXT(item_tree, tree, walk);
		}
	}
	assert_null(walk);
	walk = RB_MAX(item_tree, tree);
	for (int i = ITEMS - 1; i >= 0; i--) {
		if (in[i]) {
			assert_ptr_equal(walk, &items[i]);
			walk = RB_PREV(item_tree, tree, walk);
		}
	}
	assert_null(walk);
}

static struct item *
expected_nfind(struct item *items, const bool *in, int key)
{
	for (int i = 0; i < ITEMS; i++) {
		if (in[i] && items[i].key >= key) {
			return &items[i];
		}
	}
	return NULL;
}

static void
red_black_against_array(void **state)
{
	static struct item items[ITEMS];
	static bool in[ITEMS];
	struct item_tree tree = RB_INITIALIZER(&tree);
	uint64_t random = 42;

	for (int i = 0; i < ITEMS; i++) {
		items[i].key = i * 2;
	}
	for (int round = 0; round < ROUNDS; round++) {
		struct item key = {.key = (int)(spdk_rand_xorshift64(&random) % (ITEMS * 2))};
		int i = (int)(spdk_rand_xorshift64(&random) % ITEMS);

		if (in[i]) {
			assert_ptr_equal(RB_INSERT(item_tree, &tree, &(struct item){.key = items[i].key}), &items[i]);
			assert_ptr_equal(RB_REMOVE(item_tree, &tree, &items[i]), &items[i]);
		} else {
			assert_null(RB_INSERT(item_tree, &tree, &items[i]));
		}
		in[i] = !in[i];
		assert_ptr_equal(RB_NFIND(item_tree, &tree, &key), expected_nfind(items, in, key.key));
		assert_ptr_equal(RB_FIND(item_tree, &tree, &key),
			key.key % 2 == 0 && in[key.key / 2] ? &items[key.key / 2] : NULL);
		if (round % 16 == 0 || round < 1000) {
			check_tree(&tree, items, in);
		}
	}
	check_tree(&tree, items, in);
}

static void
red_black_loops(void **state)
{
	struct item items[20];
	struct item_tree tree;
	struct item *walk, *next;
	int expected = 0;

	RB_INIT(&tree);
	assert_true(RB_EMPTY(&tree));
	assert_null(RB_MIN(item_tree, &tree));
	for (int i = 0; i < 20; i++) {
		items[i].key = i;
		RB_INSERT(item_tree, &tree, &items[i]);
	}
	RB_FOREACH (walk, item_tree, &tree) {
		assert_int_equal(walk->key, expected++);
	}
	assert_int_equal(expected, 20);
	RB_FOREACH_REVERSE(walk, item_tree, &tree)
	{
		assert_int_equal(walk->key, --expected);
	}
	next = &items[15];
	expected = 15;
	RB_FOREACH_FROM(walk, item_tree, next)
	{
		assert_int_equal(walk->key, expected++);
	}
	assert_int_equal(expected, 20);
	RB_FOREACH_REVERSE_SAFE(walk, item_tree, &tree, next)
	{
		assert_int_equal(walk->key, --expected);
		if (walk->key % 2 == 0) {
			RB_REMOVE(item_tree, &tree, walk);
		}
	}
	RB_FOREACH_SAFE (walk, item_tree, &tree, next) {
		assert_int_equal(walk->key % 2, 1);
		RB_REMOVE(item_tree, &tree, walk);
	}
	assert_true(RB_EMPTY(&tree));
}

static void
red_black_reinsert(void **state)
{
	struct item items[3] = {{.key = 10}, {.key = 20}, {.key = 30}};
	struct item_tree tree = RB_INITIALIZER(&tree);

	for (int i = 0; i < 3; i++) {
		RB_INSERT(item_tree, &tree, &items[i]);
	}
	items[0].key = 25;
	assert_null(RB_REINSERT(item_tree, &tree, &items[0]));
	assert_ptr_equal(RB_MIN(item_tree, &tree), &items[1]);
	assert_ptr_equal(RB_NEXT(item_tree, &tree, &items[1]), &items[0]);
	items[0].key = 30;
	assert_ptr_equal(RB_REINSERT(item_tree, &tree, &items[0]), &items[2]);
	assert_ptr_equal(RB_NEXT(item_tree, &tree, &items[1]), &items[2]);
}

static void
splay_against_array(void **state)
{
	static struct item items[ITEMS];
	static bool in[ITEMS];
	struct item_splay tree = SPLAY_INITIALIZER(&tree);
	uint64_t random = 7;
	struct item *walk;
	int count = 0;

	assert_null(SPLAY_MIN(item_splay, &tree));
	for (int i = 0; i < ITEMS; i++) {
		items[i].key = i;
	}
	for (int round = 0; round < ROUNDS; round++) {
		int i = (int)(spdk_rand_xorshift64(&random) % ITEMS);

		assert_ptr_equal(SPLAY_FIND(item_splay, &tree, &items[i]), in[i] ? &items[i] : NULL);
		if (in[i]) {
			assert_ptr_equal(SPLAY_REMOVE(item_splay, &tree, &items[i]), &items[i]);
		} else {
			assert_null(SPLAY_INSERT(item_splay, &tree, &items[i]));
			assert_ptr_equal(
				SPLAY_INSERT(item_splay, &tree, &(struct item){.key = items[i].key}), &items[i]);
		}
		in[i] = !in[i];
	}
	walk = SPLAY_MIN(item_splay, &tree);
	for (int i = 0; i < ITEMS; i++) {
		if (in[i]) {
			assert_ptr_equal(walk, &items[i]);
			walk = SPLAY_NEXT(item_splay, &tree, walk);
			count++;
		}
	}
	assert_null(walk);
	assert_true(count > 0);
	SPLAY_FOREACH(walk, item_splay, &tree)
	{
		count--;
	}
	assert_int_equal(count, 0);
	for (int i = ITEMS - 1; i >= 0; i--) {
		if (in[i]) {
			assert_ptr_equal(SPLAY_MAX(item_splay, &tree), &items[i]);
			SPLAY_REMOVE(item_splay, &tree, &items[i]);
		}
	}
	assert_true(SPLAY_EMPTY(&tree));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(red_black_against_array),
		cmocka_unit_test(red_black_loops),
		cmocka_unit_test(red_black_reinsert),
		cmocka_unit_test(splay_against_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
