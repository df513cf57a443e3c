/* SPDX-License-Identifier: BSD-3-Clause */

/* Locks on rows: of those that overlap one has what it wants, in the order in which they came; nobody waits for nothing. */

#include "../bdev/bdev_sim.h"

#include "module/bdev/raid/raid_stripe_lock.h"
#include "spdk/util.h"

#define NUM_THREADS 3
#define NUM_LOCKS 24
#define ZONE_SHIFT 4
/* More zones than there are buckets. */
#define NUM_ROWS ((RAID_STRIPE_LOCK_BUCKETS + 8) << ZONE_SHIFT)

enum state {
	UNUSED,
	WAITING,
	HELD,
};

struct claim {
	struct raid_stripe_lock lock;
	enum state state;
	/* Of all that came, the number of this one. */
	uint32_t number;
	uint32_t thread;
};

static struct raid_stripe_locks g_locks;
static struct claim g_claims[NUM_LOCKS];
static uint32_t g_next_number;

static bool
overlap(const struct claim *a, const struct claim *b)
{
	return a->lock.first_row < b->lock.first_row + b->lock.num_rows &&
		b->lock.first_row < a->lock.first_row + a->lock.num_rows;
}

/* Whether somebody has, or waited before it for, rows that it wants. */
static bool
has_to_wait(const struct claim *claim)
{
	for (int i = 0; i < NUM_LOCKS; i++) {
		const struct claim *other = &g_claims[i];

		if (other != claim && other->state != UNUSED && overlap(claim, other) &&
			(other->state == HELD || other->number < claim->number)) {
			return true;
		}
	}
	return false;
}

static void
locked_cb(void *arg)
{
	struct claim *claim = arg;

	assert_int_equal(claim->state, WAITING);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[claim->thread]);
	assert_false(has_to_wait(claim));
	claim->state = HELD;
}

static void
get(struct claim *claim, uint64_t first_row, uint64_t num_rows)
{
	bool held;

	claim->lock = (struct raid_stripe_lock){
		.first_row = first_row, .num_rows = num_rows, .locked_cb = locked_cb, .arg = claim};
	claim->thread = (uint32_t)bdk_sim_random(NUM_THREADS);
	claim->number = g_next_number++;
	claim->state = WAITING;
	ON(claim->thread, held = raid_stripe_lock_get(&g_locks, &claim->lock));
	assert_int_equal(held, !has_to_wait(claim));
	claim->state = held ? HELD : WAITING;
}

static void
put(struct claim *claim)
{
	claim->state = UNUSED;
	ON(claim->thread, raid_stripe_lock_put(&g_locks, &claim->lock));
	/* Those that need not wait any more have it when they have got their messages. */
	bdk_sim_run_until_idle();
	for (int i = 0; i < NUM_LOCKS; i++) {
		assert_true(g_claims[i].state != WAITING || has_to_wait(&g_claims[i]));
	}
}

static void
start(uint64_t seed)
{
	bdev_sim_start(seed, NUM_THREADS);
	assert_int_equal(raid_stripe_locks_init(&g_locks, ZONE_SHIFT), 0);
}

static void
stop(void)
{
	raid_stripe_locks_fini(&g_locks);
	bdev_sim_stop();
}

static void
any_order(void **state)
{
	uint32_t waits = 0;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		start(seed);
		for (int turn = 0; turn < 400; turn++) {
			struct claim *claim = &g_claims[bdk_sim_random(NUM_LOCKS)];
			uint64_t size = 1 + bdk_sim_random(bdk_sim_random(4) == 0 ? NUM_ROWS : 6);

			if (claim->state == UNUSED) {
				/* Many in one place. */
				get(claim,
					bdk_sim_random(2) == 0 ? bdk_sim_random(spdk_min(30, NUM_ROWS - size + 1))
							       : bdk_sim_random(NUM_ROWS - size + 1),
					size);
			} else if (claim->state == HELD) {
				put(claim);
			}
			waits += claim->state == WAITING;
		}
		for (int left = NUM_LOCKS; left > 0;) {
			left = 0;
			for (int i = 0; i < NUM_LOCKS; i++) {
				left += g_claims[i].state != UNUSED;
				if (g_claims[i].state == HELD) {
					put(&g_claims[i]);
				}
			}
		}
		stop();
	}
	assert_true(waits > 1000);
}

/* Rows of other zones of the same bucket, and of the next zone, are nobody's business; those across two zones are. */
static void
zones(void **state)
{
	uint64_t zone = UINT64_C(1) << ZONE_SHIFT;

	start(1);
	get(&g_claims[0], 0, zone);
	get(&g_claims[1], RAID_STRIPE_LOCK_BUCKETS * zone, zone);
	get(&g_claims[2], zone, 1);
	assert_int_equal(g_claims[1].state, HELD);
	assert_int_equal(g_claims[2].state, HELD);
	get(&g_claims[3], zone - 1, 2);
	/* It wants what somebody has waited for longer. */
	put(&g_claims[2]);
	get(&g_claims[2], zone, 1);
	assert_int_equal(g_claims[3].state, WAITING);
	assert_int_equal(g_claims[2].state, WAITING);
	put(&g_claims[0]);
	assert_int_equal(g_claims[3].state, HELD);
	put(&g_claims[3]);
	assert_int_equal(g_claims[2].state, HELD);
	put(&g_claims[2]);
	put(&g_claims[1]);
	stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones),
		cmocka_unit_test(any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
