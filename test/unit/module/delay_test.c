/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/delay: I/O takes as long as it is told to, thousands may wait, and every way to end it early works. */

#include "chaos.h"

#include "bdevkit/strict.h"
#include "bdevkit/sim.h"
#include "module/bdev/delay/vbdev_delay.h"
#include "spdk/env.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define BLOCK_SIZE 4096

static void
create_base(const char *name)
{
	fixture_rpc("bdev_malloc_create", "{'name': '%s', 'num_blocks': 64, 'block_size': %d}", name, BLOCK_SIZE);
}

/* Average and percentile of reads, then of writes. */
static void
create_delay(const char *base, const char *name, uint64_t avg_read, uint64_t p99_read, uint64_t avg_write,
	uint64_t p99_write)
{
	char result[64];

	snprintf(result, sizeof(result), "\"%s\"", name);
	fixture_rpc_expect(result, "bdev_delay_create",
		"{'base_bdev_name': '%s', 'name': '%s', 'avg_read_latency': %" PRIu64 ", 'p99_read_latency': %" PRIu64
		", 'avg_write_latency': %" PRIu64 ", 'p99_write_latency': %" PRIu64 "}",
		base, name, avg_read, p99_read, avg_write, p99_write);
}

static void
update(const char *name, const char *type, uint64_t latency_us)
{
	fixture_rpc_expect("true", "bdev_delay_update_latency",
		"{'delay_bdev_name': '%s', 'latency_type': '%s', 'latency_us': %" PRIu64 "}", name, type, latency_us);
}

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

static uint64_t
now_us(void)
{
	return spdk_get_ticks() * SPDK_SEC_TO_USEC / spdk_get_ticks_hz();
}

/* ---- Creation, deletion, configuration ---- */

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	create_base("M0");
	fixture_rpc_expect_error(-EINVAL,
		"Cannot create delay bdev D on M0: a p99 latency cannot be lower than the average", "bdev_delay_create",
		"{'base_bdev_name': 'M0', 'name': 'D', 'avg_read_latency': 2, 'p99_read_latency': 1,"
		" 'avg_write_latency': 0, 'p99_write_latency': 0}");
	fixture_rpc_expect_error(-EINVAL,
		"Cannot create delay bdev D on M0: a p99 latency cannot be lower than the average", "bdev_delay_create",
		"{'base_bdev_name': 'M0', 'name': 'D', 'avg_read_latency': 0, 'p99_read_latency': 0,"
		" 'avg_write_latency': 2, 'p99_write_latency': 1}");
	assert_int_not_equal(fixture_rpc("bdev_delay_create", "{'base_bdev_name': 'M0', 'name': 'D'}")->code, 0);
	assert_false(exists("D"));

	create_delay("M0", "D", 0, 0, 0, 0);
	fixture_rpc_expect_error(-EEXIST, "Cannot create delay bdev D on M0: it exists, or waits for its base bdev",
		"bdev_delay_create",
		"{'base_bdev_name': 'M0', 'name': 'D', 'avg_read_latency': 0, 'p99_read_latency': 0,"
		" 'avg_write_latency': 0, 'p99_write_latency': 0}");
	fixture_rpc_expect_error(-32602, "There is no delay bdev M0", "bdev_delay_update_latency",
		"{'delay_bdev_name': 'M0', 'latency_type': 'avg_read', 'latency_us': 1}");
	assert_int_equal(fixture_rpc("bdev_delay_update_latency",
				 "{'delay_bdev_name': 'D', 'latency_type': 'median', 'latency_us': 1}")
				 ->code,
		-32602);
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete delay bdev M0: No such device", "bdev_delay_delete", "{'name': 'M0'}");
	fixture_rpc_expect("true", "bdev_delay_delete", "{'name': 'D'}");
	assert_false(exists("D"));
	fixture_stop();
}

static void
comes_and_goes_with_the_base(void **state)
{
	fixture_start(1);
	create_delay("M0", "D", 1, 2, 3, 4);
	assert_false(exists("D"));
	update("D", "p99_write", 40);
	create_base("M0");
	assert_true(exists("D"));
	assert_non_null(strstr(fixture_rpc("bdev_get_bdevs", "{'name': 'D'}")->text, "\"p99_write_latency\":40}"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	assert_false(exists("D"));
	create_base("M0");
	assert_true(exists("D"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	fixture_rpc_expect("true", "bdev_delay_delete", "{'name': 'D'}");
	create_base("M0");
	assert_false(exists("D"));
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	char *saved;

	fixture_start(1);
	create_base("M0");
	create_delay("M0", "D0", 1, 2, 3, 4);
	create_delay("D0", "D1", 10, 20, 30, 40);
	create_delay("not yet", "waiting", 0, 0, 0, 0);
	/* It may be less than the average; such a bdev cannot be created at once. */
	update("D1", "p99_read", 5);
	saved = strdup(fixture_config("bdev_delay"));
	assert_string_equal(saved,
		"{\"method\":\"bdev_delay_create\",\"params\":{\"base_bdev_name\":\"M0\",\"name\":\"D0\","
		"\"avg_read_latency\":1,\"p99_read_latency\":2,\"avg_write_latency\":3,\"p99_write_latency\":4}}\n"
		"{\"method\":\"bdev_delay_create\",\"params\":{\"base_bdev_name\":\"D0\",\"name\":\"D1\","
		"\"avg_read_latency\":10,\"p99_read_latency\":10,\"avg_write_latency\":30,\"p99_write_latency\":40}}\n"
		"{\"method\":\"bdev_delay_update_latency\",\"params\":{\"delay_bdev_name\":\"D1\","
		"\"latency_type\":\"p99_read\",\"latency_us\":5}}\n"
		"{\"method\":\"bdev_delay_create\",\"params\":{\"base_bdev_name\":\"not yet\",\"name\":\"waiting\","
		"\"avg_read_latency\":0,\"p99_read_latency\":0,\"avg_write_latency\":0,\"p99_write_latency\":0}}\n");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	fixture_rpc_expect("true", "bdev_delay_delete", "{'name': 'D0'}");
	fixture_rpc_expect("true", "bdev_delay_delete", "{'name': 'D1'}");
	fixture_rpc_expect("true", "bdev_delay_delete", "{'name': 'waiting'}");
	assert_string_equal(fixture_config("bdev_delay"), "");
	/* Before its base, as in a saved configuration. */
	fixture_load_config(saved);
	create_base("M0");
	assert_true(exists("D1"));
	assert_string_equal(fixture_config("bdev_delay"), saved);
	free(saved);
	fixture_stop();
}

static void
shows_what_it_does(void **state)
{
	fixture_start(1);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	create_delay("M0", "D", 1, 2, 3, 4);
	update("D", "avg_write", 5);
	/* The UUID: python3: uuid.uuid5() with the namespace and the 16 bytes. */
	assert_non_null(strstr(fixture_rpc("bdev_get_bdevs", "{'name': 'D'}")->text,
		"\"driver_specific\":{\"delay\":{\"name\":\"D\",\"base_bdev_name\":\"M0\","
		"\"uuid\":\"d47e1965-d964-5882-a402-9daab6dc8786\",\"avg_read_latency\":1,\"p99_read_latency\":2,"
		"\"avg_write_latency\":5,\"p99_write_latency\":4}}"));
	fixture_stop();
}

static void
growth_is_followed(void **state)
{
	struct fixture_user user;

	fixture_start(1);
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 2048, 'block_size': 512}");
	create_delay("N", "D", 0, 0, 0, 0);
	assert_int_equal(fixture_user_open(&user, 1, "D"), 0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 3}");
	fixture_settle();
	assert_int_equal(user.resized, 6144);
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- Times ---- */

static uint8_t g_buf[BLOCK_SIZE];

/* What an I/O takes, in microseconds. */
static uint64_t
time_of(int rc, struct fixture_io *io, uint64_t begin_us)
{
	assert_true(fixture_io_wait(rc, io));
	io->done = false;
	return now_us() - begin_us;
}

static void
each_type_takes_its_time(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint64_t begin;

	fixture_start(1);
	create_base("M0");
	create_delay("M0", "D", 1000, 1000, 3000, 3000);
	assert_int_equal(fixture_user_open(&user, 1, "D"), 0);
	fixture_enter(1);
	begin = now_us();
	/* Not more than a 128th late. */
	assert_in_range(time_of(spdk_bdev_read_blocks(user.desc, user.ch, g_buf, 0, 1, fixture_io_cb, &io), &io, begin),
		1000, 1008);
	begin = now_us();
	assert_in_range(
		time_of(spdk_bdev_write_blocks(user.desc, user.ch, g_buf, 0, 1, fixture_io_cb, &io), &io, begin), 3000,
		3024);
	begin = now_us();
	assert_int_equal(time_of(spdk_bdev_flush_blocks(user.desc, user.ch, 0, 64, fixture_io_cb, &io), &io, begin), 0);
	assert_int_equal(time_of(spdk_bdev_unmap_blocks(user.desc, user.ch, 0, 1, fixture_io_cb, &io), &io, begin), 0);
	assert_int_equal(
		time_of(spdk_bdev_write_zeroes_blocks(user.desc, user.ch, 0, 1, fixture_io_cb, &io), &io, begin), 0);
	assert_int_equal(time_of(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io, begin), 0);
	/* One at a time, from now on. */
	update("D", "avg_read", 0);
	update("D", "p99_read", 0);
	fixture_enter(1);
	assert_int_equal(
		time_of(spdk_bdev_read_blocks(user.desc, user.ch, g_buf, 0, 1, fixture_io_cb, &io), &io, begin), 0);
	begin = now_us();
	assert_in_range(
		time_of(spdk_bdev_write_blocks(user.desc, user.ch, g_buf, 0, 1, fixture_io_cb, &io), &io, begin), 3000,
		3024);
	/* The longest there is does not end before time does. */
	update("D", "avg_write", UINT64_MAX);
	update("D", "p99_write", UINT64_MAX);
	fixture_enter(1);
	assert_int_equal(spdk_bdev_write_blocks(user.desc, user.ch, g_buf, 0, 1, fixture_io_cb, &io), 0);
	spdk_set_thread(NULL);
	bdk_sim_run_for(100 * SPDK_SEC_TO_USEC);
	fixture_enter(1);
	assert_false(io.done);
	assert_int_equal(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &(struct fixture_io){0}), 0);
	fixture_wait(&io.done);
	assert_false(io.success);
	fixture_settle();
	fixture_user_close(&user);
	fixture_stop();
}

/* A zero-copy reads when it begins, if it wants data, and writes when it ends, if it keeps them. */
static void
zero_copies_take_their_time(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {.keep = true};
	uint64_t begin;

	fixture_start(1);
	create_base("M0");
	create_delay("M0", "D", 1000, 1000, 3000, 3000);
	assert_int_equal(fixture_user_open(&user, 1, "D"), 0);
	for (int populate = 0; populate < 2; populate++) {
		for (int commit = 0; commit < 2; commit++) {
			fixture_enter(1);
			begin = now_us();
			assert_true(fixture_io_wait(
				spdk_bdev_zcopy_start(user.desc, user.ch, NULL, 0, 2, 1, populate, fixture_io_cb, &io),
				&io));
			assert_in_range(now_us() - begin, populate ? 1000 : 0, populate ? 1008 : 0);
			io.done = false;
			begin = now_us();
			assert_true(fixture_io_wait(spdk_bdev_zcopy_end(io.bdev_io, commit, fixture_io_cb, &io), &io));
			assert_in_range(now_us() - begin, commit ? 3000 : 0, commit ? 3024 : 0);
			io.done = false;
			spdk_bdev_free_io(io.bdev_io);
		}
	}
	/* Aborted while the base has lent its buffer already: that is given back. */
	io.keep = false;
	fixture_enter(1);
	assert_int_equal(spdk_bdev_zcopy_start(user.desc, user.ch, NULL, 0, 2, 1, true, fixture_io_cb, &io), 0);
	spdk_set_thread(NULL);
	bdk_sim_run_for(500);
	fixture_enter(1);
	assert_false(io.done);
	assert_int_equal(spdk_bdev_abort(user.desc, user.ch, &io, fixture_io_cb, &(struct fixture_io){0}), 0);
	fixture_wait(&io.done);
	assert_false(io.success);
	fixture_settle();
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- Many at once ---- */

#define MANY 10000

struct record {
	uint64_t began_us;
	uint64_t took_us;
	bool success;
	bool done;
};

static struct record g_records[MANY];
static int g_order[MANY];
static int g_num_done;

static void
record_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct record *record = cb_arg;

	assert_false(record->done);
	record->done = true;
	record->success = success;
	record->took_us = now_us() - record->began_us;
	g_order[g_num_done++] = record - g_records;
	spdk_bdev_free_io(bdev_io);
}

static bool
all_done(void *arg)
{
	return g_num_done == *(int *)arg;
}

static void
wait_for_all(int count)
{
	spdk_set_thread(NULL);
	assert_true(bdk_sim_run_until(all_done, &count, 1000 * SPDK_SEC_TO_USEC));
}

/* Reads count blocks, one each, every us microseconds. */
static void
read_many(struct fixture_user *user, int first, int count, uint64_t us)
{
	for (int i = first; i < first + count; i++) {
		fixture_enter(user->thread);
		g_records[i] = (struct record){.began_us = now_us()};
		assert_int_equal(
			spdk_bdev_read_blocks(user->desc, user->ch, g_buf, i % 64, 1, record_cb, &g_records[i]), 0);
		if (us > 0) {
			spdk_set_thread(NULL);
			bdk_sim_run_for(us);
		}
	}
}

static void
start_many(struct fixture_user *users, uint64_t avg_us, uint64_t p99_us)
{
	fixture_start(1);
	create_base("M0");
	create_delay("M0", "D", avg_us, p99_us, 0, 0);
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		assert_int_equal(fixture_user_open(&users[i], i, "D"), 0);
	}
	g_num_done = 0;
}

static void
stop_many(struct fixture_user *users)
{
	fixture_settle();
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		if (users[i].desc != NULL) {
			fixture_user_close(&users[i]);
		}
	}
	fixture_stop();
}

/* One in a hundred takes the time of the percentile; with this seed, as many as chance allows. */
static void
percentile_is_right(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	int slow = 0;

	start_many(users, 1000, 50000);
	read_many(&users[1], 0, MANY, 7);
	wait_for_all(MANY);
	for (int i = 0; i < MANY; i++) {
		assert_true(g_records[i].success);
		if (g_records[i].took_us >= 50000) {
			slow++;
			assert_in_range(g_records[i].took_us, 50000, 50000 + 50000 / 128 + 1);
		} else {
			assert_in_range(g_records[i].took_us, 1000, 1000 + 1000 / 128 + 1);
		}
	}
	/* 100 are expected, with a standard deviation of 10. */
	assert_in_range(slow, 70, 130);
	stop_many(users);
}

/* What is told to be faster does not overtake those of its kind that wait; those of the other kind do not matter. */
static void
order_is_kept(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	int last_avg = -1;

	start_many(users, 10000, 50000);
	read_many(&users[1], 0, 500, 1);
	update("D", "avg_read", 100);
	read_many(&users[1], 500, 500, 1);
	wait_for_all(1000);
	for (int i = 0; i < 1000; i++) {
		if (g_records[g_order[i]].took_us < 50000) {
			assert_true(g_order[i] > last_avg);
			last_avg = g_order[i];
		}
	}
	/* They have waited for the slow ones before them, the last of which has begun 1 us before the first of them. */
	for (int i = 500; i < 1000; i++) {
		assert_true(g_records[i].took_us >= 9000);
	}
	stop_many(users);
}

/* Thousands wait, and nobody is woken for it. */
static void
waiting_costs_nothing(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	uint64_t steps;

	start_many(users, 60 * SPDK_SEC_TO_USEC, 60 * SPDK_SEC_TO_USEC);
	read_many(&users[0], 0, MANY / 2, 0);
	read_many(&users[1], MANY / 2, MANY / 2, 0);
	spdk_set_thread(NULL);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	steps = bdk_sim_get_step_count();
	bdk_sim_run_for(58 * SPDK_SEC_TO_USEC);
	assert_int_equal(g_num_done, 0);
	/* Strict mode looks after what does not end, once or twice on each thread. */
	assert_in_range(bdk_sim_get_step_count() - steps, 0, bdk_strict_is_enabled() ? 2 * FIXTURE_THREADS : 0);
	wait_for_all(MANY);
	/* All of a channel have the same time, and so there are few steps until they have ended. */
	assert_in_range(bdk_sim_get_step_count() - steps, 1, 100);

	/* And when none waits any more, it rests again. */
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	steps = bdk_sim_get_step_count();
	bdk_sim_run_for(100 * SPDK_SEC_TO_USEC);
	assert_int_equal(bdk_sim_get_step_count() - steps, 0);
	stop_many(users);
}

/* ---- Ends that come early ---- */

static void
reset_ends_what_waits(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	struct fixture_io io = {0};

	start_many(users, 60 * SPDK_SEC_TO_USEC, 60 * SPDK_SEC_TO_USEC);
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		read_many(&users[i], i * 1000, 1000, 0);
	}
	spdk_set_thread(NULL);
	bdk_sim_run_for(1000);
	assert_int_equal(g_num_done, 0);
	/* These are still inside the base, or on their way back, when the reset begins. */
	read_many(&users[2], 3000, 1000, 0);
	fixture_enter(2);
	assert_true(fixture_io_wait(spdk_bdev_reset(users[2].desc, users[2].ch, fixture_io_cb, &io), &io));
	assert_int_equal(g_num_done, 4000);
	for (int i = 0; i < 3000; i++) {
		assert_false(g_records[i].success);
		assert_true(g_records[i].took_us < 10000);
	}
	/* Afterwards reads wait as before. */
	read_many(&users[2], 4000, 1, 0);
	spdk_set_thread(NULL);
	bdk_sim_run_for(59 * SPDK_SEC_TO_USEC);
	assert_int_equal(g_num_done, 4000);
	wait_for_all(4001);
	assert_true(g_records[4000].success);
	stop_many(users);
}

static void
abort_ends_one(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	struct fixture_io io = {0};

	start_many(users, SPDK_SEC_TO_USEC, SPDK_SEC_TO_USEC);
	read_many(&users[1], 0, 100, 10);
	/* The first, one in the middle, and the last: the timer is for the first. */
	for (int i = 0; i < 100; i += i == 0 ? 50 : 49) {
		fixture_enter(1);
		io.done = false;
		assert_true(fixture_io_wait(
			spdk_bdev_abort(users[1].desc, users[1].ch, &g_records[i], fixture_io_cb, &io), &io));
		assert_true(g_records[i].done);
		assert_false(g_records[i].success);
	}
	assert_int_equal(g_num_done, 3);
	wait_for_all(100);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(g_records[i].success, i != 0 && i != 50 && i != 99);
	}
	stop_many(users);
}

static void
ignore_cb(void *cb_arg, int rc)
{
}

/* With thousands that wait: they end at once, as the base has ended them. */
static void
removal_does_not_wait(void **state)
{
	struct fixture_user users[FIXTURE_THREADS];
	uint64_t begin;

	for (int by_base = 0; by_base < 2; by_base++) {
		start_many(users, 3600 * SPDK_SEC_TO_USEC, 3600 * SPDK_SEC_TO_USEC);
		for (int i = 0; i < FIXTURE_THREADS; i++) {
			read_many(&users[i], i * 3000, 3000, 0);
		}
		spdk_set_thread(NULL);
		bdk_sim_run_for(1000);
		fixture_enter(0);
		assert_int_equal(g_num_done, 0);
		begin = now_us();
		if (by_base) {
			spdk_bdev_unregister(spdk_bdev_get_by_name("M0"), NULL, NULL);
		} else {
			assert_int_equal(vbdev_delay_delete("D", ignore_cb, NULL), 0);
		}
		wait_for_all(9000);
		assert_true(now_us() - begin < 1000);
		for (int i = 0; i < 9000; i++) {
			assert_true(g_records[i].success);
		}
		for (int i = 0; i < FIXTURE_THREADS; i++) {
			/* Nor does what comes now. */
			read_many(&users[i], 9000, 1, 0);
			wait_for_all(9001 + i);
			fixture_settle();
			assert_true(users[i].removed);
			fixture_user_close(&users[i]);
		}
		fixture_settle();
		assert_false(exists("D"));
		assert_int_equal(exists("M0"), !by_base);
		stop_many(users);
	}
}

/* ---- Everything at once ---- */

static void
create_on(const char *base, int number)
{
	static const uint64_t latencies[] = {0, 3, 100, 5000, 20000000};
	uint64_t read = latencies[bdk_sim_random(SPDK_COUNTOF(latencies))];
	uint64_t write = latencies[bdk_sim_random(SPDK_COUNTOF(latencies))];

	fixture_rpc("bdev_delay_create",
		"{'base_bdev_name': '%s', 'name': 'D%d', 'avg_read_latency': %" PRIu64 ", 'p99_read_latency': %" PRIu64
		", 'avg_write_latency': %" PRIu64 ", 'p99_write_latency': %" PRIu64 "}",
		base, number, read, read * 2, write, write * 2);
}

static void
update_one(const char *name)
{
	static const char *const types[] = {"avg_read", "p99_read", "avg_write", "p99_write"};

	fixture_rpc("bdev_delay_update_latency",
		"{'delay_bdev_name': '%s', 'latency_type': '%s', 'latency_us': %" PRIu64 "}", name,
		types[bdk_sim_random(4)], bdk_sim_random(300));
}

static void
random_orders_harm_nothing(void **state)
{
	static const struct chaos_module module = {
		.name_format = "D%d",
		.delete_method = "bdev_delay_delete",
		.create = create_on,
		.disturb = update_one,
	};

	chaos_run_seeds(&module, 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(comes_and_goes_with_the_base),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(shows_what_it_does),
		cmocka_unit_test(growth_is_followed),
		cmocka_unit_test(each_type_takes_its_time),
		cmocka_unit_test(zero_copies_take_their_time),
		cmocka_unit_test(percentile_is_right),
		cmocka_unit_test(order_is_kept),
		cmocka_unit_test(waiting_costs_nothing),
		cmocka_unit_test(reset_ends_what_waits),
		cmocka_unit_test(abort_ends_one),
		cmocka_unit_test(removal_does_not_wait),
		cmocka_unit_test(random_orders_harm_nothing),
	};

	/* Disks that wait, or are counted, are not for others to look for superblocks on. */
	spdk_bdev_module_list_find("raid")->examine_disk = NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
