/* SPDX-License-Identifier: BSD-3-Clause */

#include "accel_fixture.h"
#include "spdk/thread.h"
#include "spdk/util.h"

struct spdk_thread *g_accel_threads[ACCEL_FIXTURE_THREADS];
struct spdk_io_channel *g_accel_ch;

void
accel_fixture_init(uint64_t seed)
{
	struct spdk_iobuf_opts opts;
	char name[32];
	uint32_t i;

	assert_int_equal(bdk_sim_init(seed), 0);
	for (i = 0; i < ACCEL_FIXTURE_THREADS; i++) {
		snprintf(name, sizeof(name), "thread%u", i);
		g_accel_threads[i] = spdk_thread_create(name, NULL);
		assert_non_null(g_accel_threads[i]);
	}
	spdk_set_thread(g_accel_threads[0]);
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = 256;
	opts.large_pool_count = 64;
	assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
	assert_int_equal(spdk_iobuf_initialize(), 0);
}

static void
set_flag_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

static bool
is_set(void *arg)
{
	return *(bool *)arg;
}

/* The simulation runs threads; the test is in none of them meanwhile. */
static void
run_until(bool *flag)
{
	spdk_set_thread(NULL);
	assert_true(bdk_sim_run_until(is_set, flag, 60 * SPDK_SEC_TO_USEC));
	spdk_set_thread(g_accel_threads[0]);
}

void
accel_fixture_fini(void)
{
	bool done = false;

	spdk_iobuf_finish(set_flag_cb, &done);
	run_until(&done);
	spdk_set_thread(NULL);
	bdk_sim_fini();
}

int
accel_fixture_start(void)
{
	struct spdk_accel_opts opts;

	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.small_cache_size = 8;
	opts.large_cache_size = 4;
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	return spdk_accel_initialize();
}

void
accel_fixture_stop(void)
{
	bool done = false;

	spdk_accel_finish(set_flag_cb, &done);
	run_until(&done);
}

int
accel_fixture_setup(void **state)
{
	accel_fixture_init(1);
	assert_int_equal(accel_fixture_start(), 0);
	g_accel_ch = spdk_accel_get_io_channel();
	assert_non_null(g_accel_ch);
	return 0;
}

int
accel_fixture_teardown(void **state)
{
	spdk_put_io_channel(g_accel_ch);
	accel_fixture_stop();
	accel_fixture_fini();
	return 0;
}

void
accel_fixture_done_cb(void *cb_arg, int status)
{
	struct accel_result *result = cb_arg;

	assert_false(result->called);
	result->called = true;
	result->status = status;
}

void
accel_fixture_step_cb(void *cb_arg)
{
	struct accel_result *result = cb_arg;

	assert_false(result->called);
	result->steps++;
}

int
accel_fixture_wait(struct accel_result *result)
{
	run_until(&result->called);
	return result->status;
}

uint64_t
accel_fixture_executed(struct spdk_io_channel *ch, enum spdk_accel_opcode opcode)
{
	struct spdk_accel_opcode_stats stats;

	spdk_accel_get_opcode_stats(ch, opcode, &stats, sizeof(stats));
	return stats.executed;
}

void
accel_fixture_fill(void *buf, size_t len, uint32_t seed)
{
	uint8_t *bytes = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		bytes[i] = seed >> 24;
	}
}

uint32_t
accel_fixture_cut(void *buf, size_t len, size_t unit, struct iovec *iovs, uint32_t max)
{
	uint32_t count = 0;
	size_t done = 0;

	while (done < len) {
		size_t units = (len - done) / unit;
		size_t part = count + 1 == max ? len - done : (1 + bdk_sim_random(units)) * unit;

		iovs[count].iov_base = (char *)buf + done;
		iovs[count].iov_len = spdk_min(part, len - done);
		done += iovs[count++].iov_len;
	}
	return count;
}
