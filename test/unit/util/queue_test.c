/* SPDX-License-Identifier: BSD-3-Clause */

/* What the interface adds to the system's lists. */

#include "spdk/stdinc.h"
#include "spdk/queue.h"

#include <setjmp.h>
#include <cmocka.h>

struct item {
	int key;
	TAILQ_ENTRY(item) tailq;
	STAILQ_ENTRY(item) stailq;
	LIST_ENTRY(item) list;
	SLIST_ENTRY(item) slist;
};

TAILQ_HEAD(tailq_head, item);
STAILQ_HEAD(stailq_head, item);
LIST_HEAD(list_head, item);
SLIST_HEAD(slist_head, item);

static void
tail_queues(void **state)
{
	struct item items[6], *item, *next;
	struct tailq_head a = TAILQ_HEAD_INITIALIZER(a), b = TAILQ_HEAD_INITIALIZER(b);
	int expected = 5;

	for (int i = 0; i < 6; i++) {
		items[i].key = i;
		TAILQ_ENTRY_CLEAR(&items[i], tailq);
		assert_true(TAILQ_ENTRY_NOT_ENQUEUED(&items[i], tailq));
		TAILQ_INSERT_TAIL(&a, &items[i], tailq);
		assert_true(TAILQ_ENTRY_ENQUEUED(&items[i], tailq));
	}
	TAILQ_FOREACH_REVERSE_SAFE (item, &a, tailq_head, tailq, next) {
		assert_int_equal(item->key, expected--);
		if (item->key % 2 == 0) {
			TAILQ_REMOVE_CLEAR(&a, item, tailq);
			assert_true(TAILQ_ENTRY_NOT_ENQUEUED(item, tailq));
		}
	}
	TAILQ_SWAP(&a, &b, item, tailq);
	assert_true(TAILQ_EMPTY(&a));
	TAILQ_INSERT_TAIL(&a, &items[0], tailq);
	TAILQ_SWAP(&a, &b, item, tailq);
	assert_ptr_equal(TAILQ_FIRST(&b), &items[0]);
	expected = 1;
	TAILQ_FOREACH_SAFE (item, &a, tailq, next) {
		assert_int_equal(item->key, expected);
		expected += 2;
		TAILQ_REMOVE(&a, item, tailq);
	}
	assert_int_equal(expected, 7);
	item = NULL;
	TAILQ_FOREACH_FROM(item, &b, tailq)
	{
		assert_ptr_equal(item, &items[0]);
	}
}

static void
single_tail_queues(void **state)
{
	struct item items[5], *item, *next;
	struct stailq_head a = STAILQ_HEAD_INITIALIZER(a), b = STAILQ_HEAD_INITIALIZER(b);
	int expected = 0;

	assert_null(STAILQ_LAST(&a, item, stailq));
	for (int i = 0; i < 5; i++) {
		items[i].key = i;
		STAILQ_INSERT_TAIL(&a, &items[i], stailq);
		assert_ptr_equal(STAILQ_LAST(&a, item, stailq), &items[i]);
	}
	STAILQ_REMOVE_AFTER(&a, &items[3], stailq);
	assert_ptr_equal(STAILQ_LAST(&a, item, stailq), &items[3]);
	STAILQ_SWAP(&a, &b, item);
	assert_true(STAILQ_EMPTY(&a));
	STAILQ_INSERT_TAIL(&a, &items[4], stailq);
	STAILQ_INSERT_TAIL(&b, &items[4], stailq);
	STAILQ_FOREACH_SAFE (item, &b, stailq, next) {
		assert_int_equal(item->key, expected++);
		STAILQ_REMOVE_HEAD(&b, stailq);
	}
	assert_int_equal(expected, 5);
	item = &items[4];
	STAILQ_FOREACH_FROM(item, &a, stailq)
	{
		expected++;
	}
	assert_int_equal(expected, 6);
}

static void
lists(void **state)
{
	struct item items[3], *item, *next;
	struct list_head a = LIST_HEAD_INITIALIZER(a), b = LIST_HEAD_INITIALIZER(b);
	struct slist_head c = SLIST_HEAD_INITIALIZER(c), d = SLIST_HEAD_INITIALIZER(d);
	int seen = 0;

	for (int i = 0; i < 3; i++) {
		items[i].key = i;
		LIST_INSERT_HEAD(&a, &items[i], list);
		SLIST_INSERT_HEAD(&c, &items[i], slist);
	}
	assert_ptr_equal(LIST_PREV(&items[0], &a, item, list), &items[1]);
	assert_null(LIST_PREV(&items[2], &a, item, list));
	LIST_SWAP(&a, &b, item, list);
	assert_true(LIST_EMPTY(&a));
	assert_null(LIST_PREV(&items[2], &b, item, list));
	LIST_FOREACH_SAFE (item, &b, list, next) {
		LIST_REMOVE(item, list);
		seen++;
	}
	assert_true(LIST_EMPTY(&b));
	SLIST_SWAP(&c, &d, item);
	assert_true(SLIST_EMPTY(&c));
	SLIST_FOREACH_SAFE(item, &d, slist, next)
	{
		SLIST_REMOVE_HEAD(&d, slist);
		seen++;
	}
	assert_int_equal(seen, 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tail_queues),
		cmocka_unit_test(single_tail_queues),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
