/* SPDX-License-Identifier: BSD-3-Clause */

/* The clock, the virtual one, and random numbers. */

#include "spdk/stdinc.h"
#include "bdevkit/env.h"
#include "spdk/env.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

static uint64_t
monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SPDK_SEC_TO_NSEC + (uint64_t)ts.tv_nsec;
}

static void
real_clock_agrees_with_the_system(void **state)
{
	uint64_t hz = spdk_get_ticks_hz();
	uint64_t ns_before, ns_between, ticks, ns_outside;
	double seconds;

	assert_true(hz >= 1000000);
	assert_int_equal(spdk_get_ticks_hz(), hz);
	ns_outside = monotonic_ns();
	ticks = spdk_get_ticks();
	ns_before = monotonic_ns();
	env_sleep_us(20000);
	ns_between = monotonic_ns() - ns_before;
	ticks = spdk_get_ticks() - ticks;
	ns_outside = monotonic_ns() - ns_outside;
	/* The ticks lie between two system times, however long this thread was stopped; 0.1 % for the calibration. */
	seconds = (double)ticks / (double)hz;
	assert_true(seconds >= (double)ns_between / 1e9 * 0.999);
	assert_true(seconds <= (double)ns_outside / 1e9 * 1.001);
}

static void
never_goes_back(void **state)
{
	uint64_t last = spdk_get_ticks();

	for (int i = 0; i < 100000; i++) {
		uint64_t now = spdk_get_ticks();

		assert_true(now >= last);
		last = now;
	}
}

static void
delay_waits_long_enough(void **state)
{
	uint64_t start = monotonic_ns();

	spdk_delay_us(1000);
	assert_true(monotonic_ns() - start >= 999000);
	spdk_delay_us(0);
}

static void
virtual_clock(void **state)
{
	uint64_t real_hz = spdk_get_ticks_hz();
	struct timespec wall;

	env_clock_advance(5);
	env_clock_set_virtual(true);
	assert_true(env_clock_is_virtual());
	assert_int_equal(spdk_get_ticks(), 0);
	assert_int_equal(spdk_get_ticks_hz(), 1000000000);
	env_clock_advance(1500);
	assert_int_equal(spdk_get_ticks(), 1500);
	spdk_delay_us(3);
	assert_int_equal(spdk_get_ticks(), 4500);
	env_sleep_us(3600 * SPDK_SEC_TO_USEC);
	assert_true(spdk_get_ticks() == 3600 * SPDK_SEC_TO_NSEC + 4500);
	env_clock_get_wall(&wall);
	assert_int_equal(wall.tv_sec, 3600);
	assert_int_equal(wall.tv_nsec, 4500);
	env_clock_set_virtual(false);
	assert_false(env_clock_is_virtual());
	assert_int_equal(spdk_get_ticks_hz(), real_hz);
	env_clock_get_wall(&wall);
	assert_true(wall.tv_sec > 1600000000);
}

static void
seeds_repeat(void **state)
{
	uint64_t first[10];
	uint8_t bytes[13], again[13];
	int same = 0;

	/* Not seeded yet. */
	env_random_bytes(bytes, sizeof(bytes));
	env_random_bytes(again, sizeof(again));
	assert_memory_not_equal(bytes, again, sizeof(bytes));
	assert_true(env_random_u64() != env_random_u64());

	env_random_seed(1);
	for (int i = 0; i < 10; i++) {
		first[i] = env_random_u64();
	}
	env_random_bytes(bytes, sizeof(bytes));
	env_random_seed(1);
	for (int i = 0; i < 10; i++) {
		assert_true(env_random_u64() == first[i]);
	}
	env_random_bytes(again, sizeof(again));
	assert_memory_equal(bytes, again, sizeof(bytes));
	env_random_seed(2);
	for (int i = 0; i < 10; i++) {
		same += env_random_u64() == first[i];
	}
	assert_int_equal(same, 0);
}

static void
process_start(void **state)
{
	struct timespec start, again, now;
	double age;

	bdk_env_get_process_start(&start);
	clock_gettime(CLOCK_REALTIME, &now);
	age = (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
	/* The system counts in hundredths. */
	assert_true(age > -0.02 && age < 3600);
	bdk_env_get_process_start(&again);
	assert_memory_equal(&again, &start, sizeof(start));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_clock_agrees_with_the_system),
		cmocka_unit_test(never_goes_back),
		cmocka_unit_test(delay_waits_long_enough),
		cmocka_unit_test(virtual_clock),
		cmocka_unit_test(seeds_repeat),
		cmocka_unit_test(process_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
