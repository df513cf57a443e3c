/* SPDX-License-Identifier: BSD-3-Clause */

/* Completions that are held back: all come, once, in another order, resets last, and a seed decides. */

#include "test/unit/common/strict_tolerate.h"
#include "bdev_sim.h"

#include "bdevkit/bdev_module.h"
#include "spdk/env.h"

#define NUM_IOS 40

struct late {
	struct sim_open open;
	struct spdk_io_channel *ch;
	struct sim_disk *disk;
	/* Numbers of the I/Os, as they ended. */
	unsigned int order[NUM_IOS + 1];
	unsigned int ended;
	char buf[512];
};

struct one {
	struct late *late;
	unsigned int number;
};

static void
end_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct one *one = cb_arg;

	assert_true(success);
	assert_true(one->late->ended <= NUM_IOS);
	one->late->order[one->late->ended++] = one->number;
	spdk_bdev_free_io(bdev_io);
}

static void
setup(struct late *late, uint64_t seed, uint64_t period_us)
{
	memset(late, 0, sizeof(*late));
	bdev_sim_start(seed, 2);
	bdk_bdev_delay_completions(period_us);
	late->disk = sim_disk_create("disk");
	sim_disk_add(late->disk);
	assert_int_equal(sim_open(&late->open, 0, "disk", true), 0);
	ON(0, late->ch = spdk_bdev_get_io_channel(late->open.desc));
	assert_non_null(late->ch);
}

static void
teardown(struct late *late)
{
	ON(0, spdk_put_io_channel(late->ch));
	bdk_sim_run_until_idle();
	sim_close(&late->open, 0);
	assert_int_equal(sim_disk_remove(late->disk), 0);
	bdk_bdev_delay_completions(0);
	bdev_sim_stop();
}

static void
write_all(struct late *late, struct one *ones)
{
	for (unsigned int i = 0; i < NUM_IOS; i++) {
		ones[i] = (struct one){late, i};
		ON(0,
			assert_int_equal(
				spdk_bdev_write_blocks(late->open.desc, late->ch, late->buf, i, 1, end_cb, &ones[i]),
				0));
	}
}

static bool
is_sorted(const struct late *late)
{
	for (unsigned int i = 0; i < NUM_IOS; i++) {
		if (late->order[i] != i) {
			return false;
		}
	}
	return true;
}

static void
test_another_order(void **state)
{
	static struct one ones[NUM_IOS];
	unsigned int orders[3][NUM_IOS];
	struct late late;

	for (int run = 0; run < 3; run++) {
		bool seen[NUM_IOS] = {};

		setup(&late, run == 2 ? 8 : 7, 10);
		write_all(&late, ones);
		bdk_sim_run_for(10000);
		assert_int_equal(late.ended, NUM_IOS);
		assert_false(is_sorted(&late));
		for (unsigned int i = 0; i < NUM_IOS; i++) {
			assert_false(seen[late.order[i]]);
			seen[late.order[i]] = true;
		}
		memcpy(orders[run], late.order, sizeof(orders[run]));
		teardown(&late);
	}
	assert_memory_equal(orders[0], orders[1], sizeof(orders[0]));
	assert_memory_not_equal(orders[0], orders[2], sizeof(orders[0]));
}

static void
test_in_order_without(void **state)
{
	static struct one ones[NUM_IOS];
	struct late late;

	setup(&late, 7, 0);
	write_all(&late, ones);
	bdk_sim_run_until_idle();
	assert_int_equal(late.ended, NUM_IOS);
	assert_true(is_sorted(&late));
	teardown(&late);
}

static void
test_reset_comes_last(void **state)
{
	static struct one ones[NUM_IOS + 1];
	struct late late;

	for (uint64_t seed = 0; seed < 20; seed++) {
		setup(&late, seed, 10);
		write_all(&late, ones);
		ones[NUM_IOS] = (struct one){&late, NUM_IOS};
		ON(0, assert_int_equal(spdk_bdev_reset(late.open.desc, late.ch, end_cb, &ones[NUM_IOS]), 0));
		bdk_sim_run_for(10000);
		assert_int_equal(late.ended, NUM_IOS + 1);
		assert_int_equal(late.order[NUM_IOS], NUM_IOS);
		teardown(&late);
	}
}

/* What is held counts as inside the module: the bdev stays until it has ended. */
static void
test_removal_waits(void **state)
{
	static struct one ones[NUM_IOS];
	struct late late;

	setup(&late, 3, 10);
	write_all(&late, ones);
	ON(0, spdk_put_io_channel(late.ch));
	sim_close(&late.open, 0);
	assert_int_equal(sim_disk_remove(late.disk), 0);
	assert_int_equal(late.ended, NUM_IOS);
	bdk_bdev_delay_completions(0);
	bdev_sim_stop();
}

static void
test_completed_twice(void **state)
{
	static struct one one;
	struct spdk_bdev_io *bdev_io;
	struct late late;

	strict_tolerate(STRICT_RULE(COMPLETED_TWICE));
	setup(&late, 5, 10);
	one = (struct one){&late, 0};
	late.disk->hold = true;
	ON(0, assert_int_equal(spdk_bdev_read_blocks(late.open.desc, late.ch, late.buf, 0, 1, end_cb, &one), 0));
	bdev_io = TAILQ_FIRST(&late.disk->held);
	sim_disk_release(late.disk);
	assert_int_equal(late.ended, 0);
	ON(0, spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS));
	bdk_sim_run_for(10000);
	assert_int_equal(late.ended, 1);
	late.disk->hold = false;
	teardown(&late);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_another_order),
		cmocka_unit_test(test_in_order_without),
		cmocka_unit_test(test_reset_comes_last),
		cmocka_unit_test(test_removal_waits),
		cmocka_unit_test(test_completed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
