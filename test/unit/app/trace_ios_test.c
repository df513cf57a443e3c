/* SPDX-License-Identifier: BSD-3-Clause */

/* How events become I/Os: their stages, which belongs to which, and what becomes of those of which entries are missing. */

#include "app/bdevkit/trace/trace.h"

#include "bdevkit/trace.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

#define READ SPDK_BDEV_IO_TYPE_READ

static struct trace_recording g_recording;

/* Two bdevs: 1 stands on 2. An I/O at 0x10000 has the context of its module behind it, what the layer keeps in front of it. */
#define UPPER 0x10000
#define LOWER 0x20000
#define OTHER 0x30000

static void
make(struct trace_event *events, size_t count, struct trace_ios *ios)
{
	g_recording.ticks_hz = 1000000;
	g_recording.events = events;
	g_recording.num_events = count;
	assert_int_equal(trace_ios_make(&g_recording, ios), 0);
}

static void
test_stages(void **state)
{
	struct trace_event events[] = {
		{.tsc = 100, .kind = TRACE_EVENT_START, .owner = 1, .object = UPPER, .num_blocks = 8, .what = READ},
		{.tsc = 103, .kind = TRACE_EVENT_WAIT, .owner = 1, .object = UPPER, .what = BDK_TRACE_WAIT_LIMIT},
		{.tsc = 110, .kind = TRACE_EVENT_MODULE, .owner = 1, .object = UPPER},
		{.tsc = 112, .kind = TRACE_EVENT_WAIT, .owner = 1, .object = UPPER, .what = BDK_TRACE_WAIT_MODULE},
		{.tsc = 120, .kind = TRACE_EVENT_MODULE, .owner = 1, .object = UPPER},
		{.tsc = 121, .kind = TRACE_EVENT_START, .owner = 2, .object = LOWER, .ctx = UPPER + 600, .what = READ},
		{.tsc = 122, .kind = TRACE_EVENT_MODULE, .owner = 2, .object = LOWER},
		{.tsc = 140, .kind = TRACE_EVENT_DONE, .owner = 2, .object = LOWER},
		{.tsc = 150, .kind = TRACE_EVENT_DONE, .owner = 1, .object = UPPER},
	};
	struct trace_ios ios;

	make(events, SPDK_COUNTOF(events), &ios);
	assert_int_equal(ios.count, 2);
	assert_int_equal(ios.num_partial, 0);
	assert_int_equal(ios.ios[0].stages[TRACE_STAGE_LAYER], 3);
	assert_int_equal(ios.ios[0].stages[TRACE_STAGE_LIMIT], 7);
	assert_int_equal(ios.ios[0].stages[TRACE_STAGE_ROOM], 8);
	assert_int_equal(ios.ios[0].stages[TRACE_STAGE_MODULE], 32);
	assert_int_equal(ios.ios[1].parent, 0);
	assert_int_equal(ios.ios[0].child, 1);
	assert_int_equal(ios.ios[0].times.total, 50);
	assert_int_equal(ios.ios[0].times.queued, 15);
	assert_int_equal(ios.ios[0].times.below, 19);
	assert_int_equal(ios.ios[0].times.own, 16);
	trace_ios_free(&ios);
}

static void
test_parts(void **state)
{
	/* Two parts that overlap in time, called back with what lies in front; and one I/O of the same user that is none. */
	struct trace_event events[] = {
		{.tsc = 10, .kind = TRACE_EVENT_START, .owner = 1, .object = UPPER, .num_blocks = 8, .what = READ},
		{.tsc = 11, .kind = TRACE_EVENT_WAIT, .owner = 1, .object = UPPER, .what = BDK_TRACE_WAIT_PARTS},
		{.tsc = 12,
			.kind = TRACE_EVENT_START,
			.owner = 1,
			.object = LOWER,
			.ctx = UPPER - 200,
			.num_blocks = 4},
		{.tsc = 13,
			.kind = TRACE_EVENT_START,
			.owner = 1,
			.object = OTHER,
			.ctx = UPPER - 200,
			.offset = 4,
			.num_blocks = 4},
		{.tsc = 18, .kind = TRACE_EVENT_DONE, .owner = 1, .object = LOWER},
		{.tsc = 20, .kind = TRACE_EVENT_START, .owner = 1, .object = LOWER, .ctx = 0x900000, .num_blocks = 4},
		{.tsc = 22, .kind = TRACE_EVENT_DONE, .owner = 1, .object = OTHER},
		{.tsc = 24, .kind = TRACE_EVENT_DONE, .owner = 1, .object = UPPER},
		{.tsc = 25, .kind = TRACE_EVENT_DONE, .owner = 1, .object = LOWER},
	};
	struct trace_ios ios;

	make(events, SPDK_COUNTOF(events), &ios);
	assert_int_equal(ios.count, 4);
	assert_int_equal(ios.ios[1].parent, 0);
	assert_int_equal(ios.ios[2].parent, 0);
	assert_int_equal(ios.ios[1].sibling, 2);
	assert_int_equal(ios.ios[3].parent, TRACE_NO_IO);
	/* From 12 to 22: where both are under way it counts once. */
	assert_int_equal(ios.ios[0].times.below, 10);
	trace_ios_free(&ios);
}

static void
test_gaps(void **state)
{
	/* The end of the first on core 0 is missing, and the start of what ends there. The one on core 1 is whole. */
	struct trace_event events[] = {
		{.tsc = 10, .kind = TRACE_EVENT_START, .owner = 1, .object = UPPER},
		{.tsc = 11, .kind = TRACE_EVENT_START, .owner = 1, .core = 1, .object = OTHER},
		{.tsc = 50, .kind = TRACE_EVENT_GAP, .core = 0},
		{.tsc = 50, .kind = TRACE_EVENT_DONE, .owner = 1, .object = UPPER},
		{.tsc = 51, .kind = TRACE_EVENT_DONE, .owner = 1, .core = 1, .object = OTHER},
		{.tsc = 60, .kind = TRACE_EVENT_START, .owner = 1, .object = UPPER},
	};
	struct trace_ios ios;

	make(events, SPDK_COUNTOF(events), &ios);
	assert_int_equal(ios.count, 3);
	assert_true(ios.ios[0].unfinished);
	assert_false(ios.ios[1].unfinished);
	assert_int_equal(ios.ios[1].times.total, 40);
	/* It had not ended when the recording did. */
	assert_true(ios.ios[2].unfinished);
	assert_int_equal(ios.num_partial, 3);
	trace_ios_free(&ios);
}

static void
test_nothing(void **state)
{
	struct trace_ios ios;

	make(NULL, 0, &ios);
	assert_int_equal(ios.count, 0);
	trace_ios_free(&ios);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stages),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
