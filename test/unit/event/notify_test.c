/* SPDX-License-Identifier: BSD-3-Clause */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/log.h"
#include "spdk/notify.h"

#define KEPT 1024

struct walk {
	uint64_t first_id;
	uint64_t last_id;
	uint64_t count;
	uint64_t stop_after;
	struct spdk_notify_event last;
};

static int
see_event_cb(uint64_t id, const struct spdk_notify_event *event, void *ctx)
{
	struct walk *walk = ctx;

	if (walk->stop_after && walk->count == walk->stop_after) {
		return 1;
	}
	if (walk->count++ == 0) {
		walk->first_id = id;
	} else {
		assert_int_equal(id, walk->last_id + 1);
	}
	walk->last_id = id;
	walk->last = *event;
	return 0;
}

static struct walk
walk_events(uint64_t start, uint64_t max, uint64_t stop_after, uint64_t *visited)
{
	struct walk walk = {.stop_after = stop_after};

	*visited = spdk_notify_foreach_event(start, max, see_event_cb, &walk);
	return walk;
}

static void
test_events(void **state)
{
	uint64_t visited, first = spdk_notify_send("ut_type", "a");
	struct walk walk;

	assert_int_equal(spdk_notify_send("ut_type", "b"), first + 1);
	assert_int_equal(spdk_notify_send("other", ""), first + 2);

	walk = walk_events(first, UINT64_MAX, 0, &visited);
	assert_int_equal(visited, 3);
	assert_int_equal(walk.first_id, first);
	assert_string_equal(walk.last.type, "other");
	assert_string_equal(walk.last.ctx, "");

	walk = walk_events(first + 1, 1, 0, &visited);
	assert_int_equal(visited, 1);
	assert_string_equal(walk.last.ctx, "b");

	/* The one on which the walk ends does not count. */
	walk_events(first, UINT64_MAX, 2, &visited);
	assert_int_equal(visited, 2);
	walk_events(first + 3, UINT64_MAX, 0, &visited);
	assert_int_equal(visited, 0);
	walk_events(UINT64_MAX, UINT64_MAX, 0, &visited);
	assert_int_equal(visited, 0);
	walk_events(0, 0, 0, &visited);
	assert_int_equal(visited, 0);
}

static void
test_oldest_go(void **state)
{
	uint64_t visited, id = 0;
	char text[16];
	struct walk walk;

	for (int i = 0; i < 3 * KEPT; i++) {
		snprintf(text, sizeof(text), "%d", i);
		id = spdk_notify_send("ut_type", text);
	}
	walk = walk_events(0, UINT64_MAX, 0, &visited);
	assert_int_equal(visited, KEPT);
	assert_int_equal(walk.first_id, id - KEPT + 1);
	assert_string_equal(walk.last.ctx, text);
}

static void
test_long_texts(void **state)
{
	char text[300];
	uint64_t visited;
	struct walk walk;

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	walk = walk_events(spdk_notify_send(text, text), 1, 0, &visited);
	assert_int_equal(strlen(walk.last.type), SPDK_NOTIFY_MAX_NAME_SIZE - 1);
	assert_int_equal(strlen(walk.last.ctx), SPDK_NOTIFY_MAX_CTX_SIZE - 1);
}

static int
count_type_cb(const struct spdk_notify_type *type, void *ctx)
{
	*(uint32_t *)ctx += strcmp(spdk_notify_type_get_name(type), "ut_announced") == 0;
	return 0;
}

static int
stop_at_first_cb(const struct spdk_notify_type *type, void *ctx)
{
	++*(uint32_t *)ctx;
	return 1;
}

static void
test_types(void **state)
{
	char name[SPDK_NOTIFY_MAX_NAME_SIZE + 1];
	struct spdk_notify_type *type;
	uint32_t count = 0;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	memset(name, 'x', SPDK_NOTIFY_MAX_NAME_SIZE);
	name[SPDK_NOTIFY_MAX_NAME_SIZE] = '\0';
	assert_null(spdk_notify_type_register(""));
	assert_null(spdk_notify_type_register(name));
	assert_non_null(spdk_notify_type_register(name + 1));

	type = spdk_notify_type_register("ut_announced");
	assert_non_null(type);
	assert_ptr_equal(spdk_notify_type_register("ut_announced"), type);
	spdk_notify_foreach_type(count_type_cb, &count);
	assert_int_equal(count, 1);
	count = 0;
	spdk_notify_foreach_type(stop_at_first_cb, &count);
	assert_int_equal(count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_oldest_go),
		cmocka_unit_test(test_long_texts),
		cmocka_unit_test(test_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
