/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"
#include "test/unit/common/strict_tolerate.h"

#include <setjmp.h>
#include <cmocka.h>

#define MAX_PENDING 64

/* A descriptor that takes what it is told of. */
struct opener {
	struct spdk_bdev_desc *desc;
	uint32_t thread;
	uint32_t told;
	uint32_t removed;
	/* How many to take at a time. */
	size_t max;
	struct spdk_bdev_media_event got[2 * MAX_PENDING];
	size_t num_got;
	bool close;
};

static struct sim_disk g_disk;

static void
opener_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct opener *opener = ctx;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[opener->thread]);
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		opener->removed++;
		return;
	}
	assert_int_equal(type, SPDK_BDEV_EVENT_MEDIA_MANAGEMENT);
	opener->told++;
	opener->num_got += spdk_bdev_get_media_events(opener->desc, opener->got + opener->num_got, opener->max);
	if (opener->close) {
		spdk_bdev_close(opener->desc);
		opener->desc = NULL;
	}
}

static void
open_disk(struct opener *opener, uint32_t thread, bool write)
{
	int rc;

	memset(opener, 0, sizeof(*opener));
	opener->thread = thread;
	opener->max = SPDK_COUNTOF(opener->got);
	ON(thread, rc = spdk_bdev_open_ext(g_disk.name, write, opener_event_cb, opener, &opener->desc));
	assert_int_equal(rc, 0);
}

static void
close_disk(struct opener *opener)
{
	ON(opener->thread, spdk_bdev_close(opener->desc));
}

/* Reports count events, the first of which is at block offset. Not on an SPDK thread: any will do. */
static int
push(uint64_t offset, size_t count)
{
	struct spdk_bdev_media_event events[2 * MAX_PENDING];
	size_t i;

	for (i = 0; i < count; i++) {
		events[i].offset = offset + i;
		events[i].num_blocks = 1000 + i;
	}
	return spdk_bdev_push_media_events(&g_disk.bdev, events, count);
}

static int
setup(void **state)
{
	bdev_sim_start(3, 3);
	sim_disk_init(&g_disk, "disk");
	g_disk.bdev.media_events = true;
	sim_disk_add(&g_disk);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_stop();
	return 0;
}

static void
goes_to_the_first_writer(void **state)
{
	struct opener reader, first, second;

	open_disk(&reader, 0, false);
	assert_int_equal(push(0, 1), -ENODEV);
	open_disk(&first, 1, true);
	open_disk(&second, 2, true);

	assert_int_equal(push(10, 3), 3);
	bdk_sim_run_until_idle();
	assert_int_equal(first.told, 0);

	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(first.told, 1);
	assert_int_equal(first.num_got, 3);
	assert_int_equal(first.got[0].offset, 10);
	assert_int_equal(first.got[0].num_blocks, 1000);
	assert_int_equal(first.got[2].offset, 12);
	assert_int_equal(first.got[2].num_blocks, 1002);
	assert_int_equal(second.told, 0);
	assert_int_equal(reader.told, 0);
	assert_int_equal(spdk_bdev_get_media_events(second.desc, second.got, 1), 0);

	/* Nothing waits: nobody is told. */
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(first.told, 1);

	/* What waited for one who closes is dropped; the next one gets what comes later. */
	assert_int_equal(push(20, 1), 1);
	close_disk(&first);
	assert_int_equal(push(30, 1), 1);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(second.num_got, 1);
	assert_int_equal(second.got[0].offset, 30);

	close_disk(&second);
	assert_int_equal(push(40, 1), -ENODEV);
	close_disk(&reader);
}

static void
keeps_64_in_order(void **state)
{
	struct opener opener;
	size_t i;

	open_disk(&opener, 0, true);
	assert_int_equal(push(0, 60), 60);
	assert_int_equal(push(60, 60), 4);
	assert_int_equal(push(70, 1), 0);
	assert_int_equal(push(0, 0), 0);

	/* Taken in pieces, and the ring wraps. */
	assert_int_equal(spdk_bdev_get_media_events(opener.desc, opener.got, 50), 50);
	assert_int_equal(push(64, 60), 50);
	assert_int_equal(spdk_bdev_get_media_events(opener.desc, opener.got + 50, 0), 0);
	assert_int_equal(spdk_bdev_get_media_events(opener.desc, opener.got + 50, 78), 64);
	for (i = 0; i < 114; i++) {
		assert_int_equal(opener.got[i].offset, i);
	}
	assert_int_equal(spdk_bdev_get_media_events(opener.desc, opener.got, 1), 0);
	close_disk(&opener);
}

/* What a callback leaves is there for the next one. */
static void
is_told_again_of_what_is_left(void **state)
{
	struct opener opener;

	open_disk(&opener, 2, true);
	opener.max = 2;
	push(0, 3);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(opener.num_got, 2);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(opener.told, 2);
	assert_int_equal(opener.num_got, 3);
	assert_int_equal(opener.got[2].offset, 2);
	close_disk(&opener);
}

/* A reader that a claim makes a writer. */
static void
goes_to_who_became_writer(void **state)
{
	struct opener opener;
	int rc;

	open_disk(&opener, 0, false);
	ON(0, rc = spdk_bdev_module_claim_bdev(&g_disk.bdev, opener.desc, &g_sim_module));
	assert_int_equal(rc, 0);
	assert_int_equal(push(5, 1), 1);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(opener.num_got, 1);
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	close_disk(&opener);
}

static void
closes_inside_the_callback(void **state)
{
	struct opener opener;

	open_disk(&opener, 1, true);
	opener.close = true;
	push(0, 2);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	bdk_sim_run_until_idle();
	assert_int_equal(opener.told, 1);
	assert_null(opener.desc);
}

/* The event of a descriptor that is closed before it arrives is dropped. */
static void
drops_events_of_the_closed(void **state)
{
	struct opener opener;

	open_disk(&opener, 1, true);
	push(0, 2);
	spdk_set_thread(g_sim_threads[1]);
	spdk_bdev_notify_media_management(&g_disk.bdev);
	spdk_bdev_close(opener.desc);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(opener.told, 0);
}

static void
needs_a_bdev_that_reports(void **state)
{
	struct opener before, after;

	sim_disk_remove(&g_disk);
	assert_int_equal(push(0, 1), -ENODEV);
	spdk_bdev_notify_media_management(&g_disk.bdev);

	sim_disk_init(&g_disk, "disk");
	sim_disk_add(&g_disk);
	open_disk(&before, 0, true);
	assert_int_equal(spdk_bdev_get_media_events(before.desc, before.got, 1), 0);
	g_disk.bdev.media_events = true;
	open_disk(&after, 0, true);
	assert_int_equal(push(0, 1), -ENODEV);
	close_disk(&before);
	assert_int_equal(push(0, 1), 1);
	close_disk(&after);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_to_the_first_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(keeps_64_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(is_told_again_of_what_is_left, setup, teardown),
		cmocka_unit_test_setup_teardown(goes_to_who_became_writer, setup, teardown),
		cmocka_unit_test_setup_teardown(closes_inside_the_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(drops_events_of_the_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(needs_a_bdev_that_reports, setup, teardown),
	};

	/* Tests choose what a registered disk says of itself. */
	strict_tolerate(STRICT_RULE(BDEV_CHANGED));
	return cmocka_run_group_tests_name("media events", tests, NULL, NULL);
}
