/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/error: it does the wrong that it is told to, as often as it is told, and none other. */

#include "chaos.h"

#include "bdevkit/sim.h"
#include "module/bdev/error/vbdev_error.h"
#include "spdk/env.h"
#include "spdk/util.h"

#define BLOCK_SIZE 4096
#define MANY 64

static void
create_base(const char *name)
{
	fixture_rpc("bdev_malloc_create",
		"{'name': '%s', 'num_blocks': 64, 'block_size': %d, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}",
		name, BLOCK_SIZE);
}

static void __attribute__((format(printf, 1, 2))) inject(const char *format, ...)
{
	char params[256];
	va_list args;

	va_start(args, format);
	vsnprintf(params, sizeof(params), format, args);
	va_end(args);
	fixture_rpc_expect("true", "bdev_error_inject_error", "{'name': 'EE_M0', %s}", params);
}

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

/* ---- I/O ---- */

struct request {
	bool done;
	bool success;
	enum spdk_bdev_io_status status;
};

static struct request g_requests[MANY];
static struct fixture_user g_users[FIXTURE_THREADS];
static uint8_t g_buf[2 * BLOCK_SIZE];

static void
request_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct request *request = cb_arg;

	assert_false(request->done);
	request->done = true;
	request->success = success;
	request->status = bdev_io->internal.status;
	spdk_bdev_free_io(bdev_io);
}

/* With the bdev over M0, open on all threads. */
static void
start(void)
{
	fixture_start(1);
	create_base("M0");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'M0'}");
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		assert_int_equal(fixture_user_open(&g_users[i], i, "EE_M0"), 0);
	}
	memset(g_requests, 0, sizeof(g_requests));
}

static void
stop(void)
{
	fixture_settle();
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		if (g_users[i].desc != NULL) {
			fixture_user_close(&g_users[i]);
		}
	}
	fixture_stop();
}

static struct request *
submit(int index, int thread, enum spdk_bdev_io_type type)
{
	struct request *request = &g_requests[index];
	struct fixture_user *user = &g_users[thread];
	int rc;

	memset(request, 0, sizeof(*request));
	fixture_enter(thread);
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
		rc = spdk_bdev_read_blocks(user->desc, user->ch, g_buf, 4, 2, request_cb, request);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		rc = spdk_bdev_write_blocks(user->desc, user->ch, g_buf, 4, 2, request_cb, request);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		rc = spdk_bdev_flush_blocks(user->desc, user->ch, 0, 64, request_cb, request);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		rc = spdk_bdev_unmap_blocks(user->desc, user->ch, 20, 1, request_cb, request);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		rc = spdk_bdev_write_zeroes_blocks(user->desc, user->ch, 20, 1, request_cb, request);
		break;
	case SPDK_BDEV_IO_TYPE_COPY:
		rc = spdk_bdev_copy_blocks(user->desc, user->ch, 30, 20, 1, request_cb, request);
		break;
	default:
		assert_int_equal(type, SPDK_BDEV_IO_TYPE_RESET);
		rc = spdk_bdev_reset(user->desc, user->ch, request_cb, request);
		break;
	}
	assert_int_equal(rc, 0);
	fixture_enter(0);
	return request;
}

/* Runs one, and says whether it was successful. */
static bool
try(enum spdk_bdev_io_type type)
{
	struct request *request = submit(MANY - 1, 1, type);

	fixture_settle();
	assert_true(request->done);
	return request->success;
}

/* ---- Creation, deletion, configuration ---- */

static void
bad_parameters_are_refused(void **state)
{
	start();
	fixture_rpc_expect_error(-EEXIST, "Cannot create error bdev EE_M0: it exists, or waits for its base bdev",
		"bdev_error_create", "{'base_name': 'M0'}");
	fixture_rpc_expect_error(-EPERM,
		"Cannot create error bdev EE_11223344-5566-7788-99aa-bbccddeeff00: "
		"its base bdev is claimed by another module",
		"bdev_error_create", "{'base_name': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc_expect_error(-ENODEV, "Cannot inject errors into M0: there is no error bdev of that name",
		"bdev_error_inject_error", "{'name': 'M0', 'io_type': 'read', 'error_type': 'failure'}");
	fixture_rpc_expect_error(-ENODEV, "Cannot inject errors into M0: No such device", "bdev_error_inject_error",
		"{'name': 'M0', 'io_type': 'clear', 'error_type': 'failure'}");
	fixture_rpc_expect_error(-EINVAL, "Cannot inject errors into EE_M0: a corrupt_value of 0 changes nothing",
		"bdev_error_inject_error", "{'name': 'EE_M0', 'io_type': 'read', 'error_type': 'corrupt_data'}");
	fixture_rpc_expect_error(-EINVAL, "Cannot inject errors into EE_M0: a reset cannot be tried again",
		"bdev_error_inject_error", "{'name': 'EE_M0', 'io_type': 'reset', 'error_type': 'nomem'}");
	assert_int_equal(fixture_rpc("bdev_error_inject_error", "{'name': 'EE_M0', 'io_type': 'read'}")->code, -32603);
	assert_int_equal(
		fixture_rpc("bdev_error_inject_error", "{'name': 'EE_M0', 'io_type': 'abort', 'error_type': 'failure'}")
			->code,
		-32603);
	assert_int_equal(
		fixture_rpc("bdev_error_inject_error", "{'name': 'EE_M0', 'io_type': 'read', 'error_type': 'lie'}")
			->code,
		-32603);
	/* Nothing of all that is armed. */
	assert_true(try(SPDK_BDEV_IO_TYPE_READ));
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete error bdev M0: No such device", "bdev_error_delete", "{'name': 'M0'}");
	stop();
}

static void
comes_and_goes_with_the_base(void **state)
{
	struct spdk_uuid uuid;
	char text[SPDK_UUID_STRING_LEN];
	char *saved;

	fixture_start(1);
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'M0'}");
	fixture_rpc_expect(
		"true", "bdev_error_create", "{'base_name': 'EE_M0', 'uuid': '21223344-5566-7788-99aa-bbccddeeff00'}");
	assert_false(exists("EE_M0"));
	saved = strdup(fixture_config("bdev_error"));
	create_base("M0");
	assert_true(exists("EE_EE_M0"));
	assert_string_equal(fixture_config("bdev_error"), saved);
	assert_string_equal(saved,
		"{\"method\":\"bdev_error_create\",\"params\":{\"base_name\":\"M0\"}}\n"
		"{\"method\":\"bdev_error_create\",\"params\":{\"base_name\":\"EE_M0\","
		"\"uuid\":\"21223344-5566-7788-99aa-bbccddeeff00\"}}\n");
	/* Of a part: python3: uuid.uuid5() with its namespace and the UUID, 0 and 64. And the one that was wanted. */
	uuid = *spdk_bdev_get_uuid(spdk_bdev_get_by_name("EE_M0"));
	spdk_uuid_fmt_lower(text, sizeof(text), &uuid);
	assert_string_equal(text, "fba75ada-4ffe-53f4-bf84-5eed014b2285");
	uuid = *spdk_bdev_get_uuid(spdk_bdev_get_by_name("EE_EE_M0"));
	spdk_uuid_fmt_lower(text, sizeof(text), &uuid);
	assert_string_equal(text, "21223344-5566-7788-99aa-bbccddeeff00");

	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	assert_false(exists("EE_M0"));
	create_base("M0");
	assert_true(exists("EE_EE_M0"));
	fixture_rpc_expect("true", "bdev_error_delete", "{'name': 'EE_EE_M0'}");
	fixture_rpc_expect("true", "bdev_error_delete", "{'name': 'EE_M0'}");
	assert_true(exists("M0"));
	assert_string_equal(fixture_config("bdev_error"), "");
	fixture_load_config(saved);
	assert_true(exists("EE_EE_M0"));
	free(saved);
	fixture_stop();
}

static void
growth_is_followed(void **state)
{
	struct fixture_user user;

	fixture_start(1);
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 2048, 'block_size': 512}");
	fixture_rpc("bdev_error_create", "{'base_name': 'N'}");
	assert_int_equal(fixture_user_open(&user, 1, "EE_N"), 0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 3}");
	fixture_settle();
	assert_int_equal(user.resized, 6144);
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- Failure ---- */

static void
each_type_fails_as_often_as_told(void **state)
{
	static const struct {
		const char *name;
		enum spdk_bdev_io_type type;
	} types[] = {
		{"read", SPDK_BDEV_IO_TYPE_READ},
		{"write", SPDK_BDEV_IO_TYPE_WRITE},
		{"flush", SPDK_BDEV_IO_TYPE_FLUSH},
		{"unmap", SPDK_BDEV_IO_TYPE_UNMAP},
		{"write_zeroes", SPDK_BDEV_IO_TYPE_WRITE_ZEROES},
		{"copy", SPDK_BDEV_IO_TYPE_COPY},
		{"reset", SPDK_BDEV_IO_TYPE_RESET},
	};

	start();
	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		inject("'io_type': '%s', 'error_type': 'failure', 'num': 2", types[i].name);
		for (size_t k = 0; k < SPDK_COUNTOF(types); k++) {
			if (k != i) {
				assert_true(try(types[k].type));
			}
		}
		assert_false(try(types[i].type));
		assert_int_equal(g_requests[MANY - 1].status, SPDK_BDEV_IO_STATUS_FAILED);
		assert_false(try(types[i].type));
		assert_true(try(types[i].type));
	}
	/* All are the first four, and each has its count. */
	inject("'io_type': 'all', 'error_type': 'failure'");
	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		assert_int_equal(try(types[i].type), i >= 4);
		assert_true(try(types[i].type));
	}
	/* What is armed anew replaces what was; 0 of it is none. */
	inject("'io_type': 'read', 'error_type': 'failure', 'num': 100");
	inject("'io_type': 'read', 'error_type': 'failure', 'num': 1");
	assert_false(try(SPDK_BDEV_IO_TYPE_READ));
	assert_true(try(SPDK_BDEV_IO_TYPE_READ));
	inject("'io_type': 'read', 'error_type': 'failure', 'num': 100");
	inject("'io_type': 'read', 'error_type': 'failure', 'num': 0");
	assert_true(try(SPDK_BDEV_IO_TYPE_READ));
	inject("'io_type': 'all', 'error_type': 'failure', 'num': 100");
	inject("'io_type': 'clear', 'error_type': 'failure'");
	assert_true(try(SPDK_BDEV_IO_TYPE_READ));
	assert_true(try(SPDK_BDEV_IO_TYPE_UNMAP));
	stop();
}

/* All threads share a count. */
static void
threads_share_a_count(void **state)
{
	int failed = 0;

	start();
	inject("'io_type': 'write', 'error_type': 'failure', 'num': 10");
	for (int i = 0; i < 45; i++) {
		submit(i, i % FIXTURE_THREADS, SPDK_BDEV_IO_TYPE_WRITE);
	}
	fixture_settle();
	for (int i = 0; i < 45; i++) {
		assert_true(g_requests[i].done);
		failed += !g_requests[i].success;
	}
	assert_int_equal(failed, 10);
	stop();
}

/* The layer tries again, and whoever asked does not notice. */
static void
shortage_is_repeated(void **state)
{
	start();
	inject("'io_type': 'read', 'error_type': 'nomem', 'num': 7");
	inject("'io_type': 'unmap', 'error_type': 'nomem', 'num': 1");
	for (int i = 0; i < 20; i++) {
		submit(i, 1, i == 13 ? SPDK_BDEV_IO_TYPE_UNMAP : SPDK_BDEV_IO_TYPE_READ);
	}
	fixture_settle();
	for (int i = 0; i < 20; i++) {
		assert_true(g_requests[i].success);
	}
	assert_non_null(strstr(fixture_rpc("bdev_get_bdevs", "{'name': 'EE_M0'}")->text,
		"{\"io_type\":\"read\",\"remaining\":0,\"injected\":7}"));
	stop();
}

/* Only while the base has enough of this thread's I/O; what is held does not count. */
static void
queue_depth_is_heeded(void **state)
{
	start();
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		fixture_user_close(&g_users[i]);
	}
	fixture_rpc_expect("true", "bdev_error_delete", "{'name': 'EE_M0'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	create_base("below");
	fixture_rpc("bdev_delay_create",
		"{'base_bdev_name': 'below', 'name': 'M0', 'avg_read_latency': 1000, 'p99_read_latency': 1000,"
		" 'avg_write_latency': 1000, 'p99_write_latency': 1000}");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'M0'}");
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		assert_int_equal(fixture_user_open(&g_users[i], i, "EE_M0"), 0);
	}
	inject("'io_type': 'read', 'error_type': 'failure', 'num': 2, 'queue_depth': 3");
	inject("'io_type': 'write', 'error_type': 'pending', 'num': 9");
	for (int i = 0; i < 6; i++) {
		submit(i, 1, i < 2 ? SPDK_BDEV_IO_TYPE_WRITE : SPDK_BDEV_IO_TYPE_READ);
		submit(10 + i, 2, i < 4 ? SPDK_BDEV_IO_TYPE_WRITE : SPDK_BDEV_IO_TYPE_READ);
	}
	fixture_settle();
	for (int i = 2; i < 6; i++) {
		assert_true(g_requests[i].done);
		/* Three are below when the last one comes. */
		assert_int_equal(g_requests[i].success, i != 5);
	}
	assert_true(g_requests[14].success);
	assert_true(g_requests[15].success);
	/* In turn, never three at a time: the last one stays armed. */
	for (int i = 0; i < 5; i++) {
		assert_true(try(SPDK_BDEV_IO_TYPE_READ));
	}
	inject("'io_type': 'clear', 'error_type': 'failure'");
	stop();
}

/* ---- Corruption ---- */

static void
fill(uint8_t *buf)
{
	for (int i = 0; i < 2 * BLOCK_SIZE; i++) {
		buf[i] = i * 7 + i / 256;
	}
}

static void
expect_changed(const uint8_t *buf, int offset, uint8_t value)
{
	static uint8_t expected[2 * BLOCK_SIZE];

	fill(expected);
	if (offset >= 0) {
		expected[offset] ^= value;
	}
	assert_memory_equal(buf, expected, sizeof(expected));
}

/* Through the bdev, into buffers of odd lengths. */
static void
read_back(uint8_t *buf)
{
	struct iovec iovs[3] = {{buf, 100}, {buf + 100, 4000}, {buf + 4100, 2 * BLOCK_SIZE - 4100}};
	struct fixture_io io = {0};

	fixture_enter(1);
	assert_true(fixture_io_wait(
		spdk_bdev_readv_blocks(g_users[1].desc, g_users[1].ch, iovs, 3, 4, 2, fixture_io_cb, &io), &io));
}

static void
one_byte_is_changed(void **state)
{
	static uint8_t buf[2 * BLOCK_SIZE];
	struct iovec iovs[2] = {{g_buf, 4099}, {g_buf + 4099, 2 * BLOCK_SIZE - 4099}};
	struct iovec *lent;
	struct fixture_io io = {0};
	int iovcnt;

	start();
	fill(g_buf);
	assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
	/* Of a read, at either side of the border of two buffers; the medium is as it was. */
	inject("'io_type': 'read', 'error_type': 'corrupt_data', 'num': 1, 'corrupt_offset': 99, 'corrupt_value': 1");
	read_back(buf);
	expect_changed(buf, 99, 1);
	inject("'io_type': 'read', 'error_type': 'corrupt_data', 'num': 1, 'corrupt_offset': 100, 'corrupt_value': "
	       "255");
	read_back(buf);
	expect_changed(buf, 100, 255);
	read_back(buf);
	expect_changed(buf, -1, 0);
	/* Into a buffer that the layer lends. */
	inject("'io_type': 'read', 'error_type': 'corrupt_data', 'corrupt_offset': 8191, 'corrupt_value': 8");
	io.keep = true;
	fixture_enter(1);
	assert_true(fixture_io_wait(
		spdk_bdev_read_blocks(g_users[1].desc, g_users[1].ch, NULL, 4, 2, fixture_io_cb, &io), &io));
	spdk_bdev_io_get_iovec(io.bdev_io, &lent, &iovcnt);
	expect_changed(lent[0].iov_base, 8191, 8);
	spdk_bdev_free_io(io.bdev_io);

	/* Of a write; the writer's data are as they were. */
	io = (struct fixture_io){0};
	inject("'io_type': 'write', 'error_type': 'corrupt_data', 'corrupt_offset': 4100, 'corrupt_value': 3");
	fixture_enter(1);
	assert_true(fixture_io_wait(
		spdk_bdev_writev_blocks(g_users[1].desc, g_users[1].ch, iovs, 2, 4, 2, fixture_io_cb, &io), &io));
	expect_changed(g_buf, -1, 0);
	read_back(buf);
	expect_changed(buf, 4100, 3);
	assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
	read_back(buf);
	expect_changed(buf, -1, 0);

	/* Behind the data; and of what has none. */
	inject("'io_type': 'all', 'error_type': 'corrupt_data', 'corrupt_offset': 8192, 'corrupt_value': 3");
	assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
	read_back(buf);
	expect_changed(buf, -1, 0);
	assert_true(try(SPDK_BDEV_IO_TYPE_FLUSH));
	assert_true(try(SPDK_BDEV_IO_TYPE_UNMAP));
	stop();
}

/* A failed read has no data to be changed. */
static void
failure_is_left_as_it_is(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};

	fixture_start(1);
	create_base("M0");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'M0'}");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'EE_M0'}");
	inject("'io_type': 'read', 'error_type': 'failure'");
	fixture_rpc_expect("true", "bdev_error_inject_error",
		"{'name': 'EE_EE_M0', 'io_type': 'read', 'error_type': 'corrupt_data', 'corrupt_value': 1}");
	assert_int_equal(fixture_user_open(&user, 1, "EE_EE_M0"), 0);
	fill(g_buf);
	fixture_enter(1);
	assert_false(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, g_buf, 0, 2, fixture_io_cb, &io), &io));
	expect_changed(g_buf, -1, 0);
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- What is held ---- */

static uint64_t
num_done(int count)
{
	uint64_t done = 0;

	for (int i = 0; i < count; i++) {
		done += g_requests[i].done;
	}
	return done;
}

/* 30 writes on all threads, which are held. */
static void
hold_some(void)
{
	start();
	inject("'io_type': 'write', 'error_type': 'pending', 'num': 30");
	for (int i = 0; i < 30; i++) {
		submit(i, i % FIXTURE_THREADS, SPDK_BDEV_IO_TYPE_WRITE);
	}
	fixture_settle();
	assert_int_equal(num_done(30), 0);
	assert_non_null(strstr(fixture_rpc("bdev_get_bdevs", "{'name': 'EE_M0'}")->text,
		"\"driver_specific\":{\"error_disk\":{\"base_bdev\":\"M0\",\"held\":30,\"injections\":"
		"[{\"io_type\":\"write\",\"remaining\":0,\"injected\":30}]}}"));
}

static void
expect_ended(bool success)
{
	for (int i = 0; i < 30; i++) {
		assert_true(g_requests[i].done);
		assert_int_equal(g_requests[i].success, success);
		if (!success) {
			assert_int_equal(g_requests[i].status, SPDK_BDEV_IO_STATUS_ABORTED);
		}
	}
}

static void
clear_lets_go(void **state)
{
	hold_some();
	/* More is armed, and ended by it. */
	inject("'io_type': 'write', 'error_type': 'pending', 'num': 30");
	inject("'io_type': 'clear', 'error_type': 'pending'");
	fixture_settle();
	expect_ended(true);
	assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
	assert_non_null(strstr(fixture_rpc("bdev_get_bdevs", "{'name': 'EE_M0'}")->text, "\"held\":0,"));
	stop();
}

static void
reset_ends_what_is_held(void **state)
{
	hold_some();
	submit(40, 1, SPDK_BDEV_IO_TYPE_RESET);
	fixture_settle();
	assert_true(g_requests[40].success);
	expect_ended(false);
	assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
	stop();
}

/* The base hears of it. */
static void
reset_reaches_the_base(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};

	fixture_start(1);
	create_base("M0");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'M0'}");
	fixture_rpc_expect("true", "bdev_error_create", "{'base_name': 'EE_M0'}");
	inject("'io_type': 'reset', 'error_type': 'failure'");
	assert_int_equal(fixture_user_open(&user, 1, "EE_EE_M0"), 0);
	fixture_enter(1);
	assert_false(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));
	/* One that is held waits for the word. */
	inject("'io_type': 'reset', 'error_type': 'pending'");
	io.done = false;
	fixture_enter(1);
	assert_int_equal(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), 0);
	fixture_settle();
	assert_false(io.done);
	inject("'io_type': 'clear', 'error_type': 'pending'");
	fixture_settle();
	assert_true(io.success);
	fixture_user_close(&user);
	fixture_stop();
}

static void
abort_ends_one(void **state)
{
	hold_some();
	fixture_enter(4 % FIXTURE_THREADS);
	assert_int_equal(spdk_bdev_abort(g_users[4 % FIXTURE_THREADS].desc, g_users[4 % FIXTURE_THREADS].ch,
				 &g_requests[4], request_cb, &g_requests[50]),
		0);
	fixture_settle();
	assert_true(g_requests[50].success);
	assert_int_equal(num_done(30), 1);
	assert_int_equal(g_requests[4].status, SPDK_BDEV_IO_STATUS_ABORTED);
	inject("'io_type': 'clear', 'error_type': 'pending'");
	fixture_settle();
	assert_int_equal(num_done(30), 30);
	stop();
}

static void
ignore_cb(void *cb_arg, int rc)
{
}

/* Of the base, or of itself. */
static void
removal_ends_what_is_held(void **state)
{
	for (int by_base = 0; by_base < 2; by_base++) {
		hold_some();
		inject("'io_type': 'all', 'error_type': 'pending', 'num': 1000");
		fixture_enter(0);
		if (by_base) {
			spdk_bdev_unregister(spdk_bdev_get_by_name("M0"), NULL, NULL);
		} else {
			assert_int_equal(vbdev_error_delete("EE_M0", ignore_cb, NULL), 0);
		}
		fixture_settle();
		expect_ended(false);
		/* And none is held any more. */
		assert_true(try(SPDK_BDEV_IO_TYPE_WRITE));
		for (int i = 0; i < FIXTURE_THREADS; i++) {
			assert_true(g_users[i].removed);
			fixture_user_close(&g_users[i]);
		}
		fixture_settle();
		assert_false(exists("EE_M0"));
		stop();
	}
}

/* ---- Everything at once ---- */

static void
create_on(const char *base, int number)
{
	/* The name of the base is that of the bdev: the other one gives the number only when it is a base, too. */
	fixture_rpc("bdev_error_create", "{'base_name': '%s'}", base);
}

static void
clear_one(const char *name)
{
	fixture_rpc("bdev_error_inject_error", "{'name': '%s', 'io_type': 'clear', 'error_type': 'failure'}", name);
}

static void
inject_one(const char *name)
{
	static const char *const io_types[] = {
		"read", "write", "flush", "unmap", "all", "clear", "write_zeroes", "reset", "zcopy", "copy"};
	static const char *const error_types[] = {"failure", "pending", "corrupt_data", "nomem"};

	/* What has been removed while I/O was held stays until this is done, and not much happens meanwhile. */
	if (bdk_sim_random(2) == 0) {
		clear_one(name);
		return;
	}
	fixture_rpc("bdev_error_inject_error",
		"{'name': '%s', 'io_type': '%s', 'error_type': '%s', 'num': %d, 'queue_depth': %d,"
		" 'corrupt_offset': %d, 'corrupt_value': 1}",
		name, io_types[bdk_sim_random(SPDK_COUNTOF(io_types))],
		error_types[bdk_sim_random(SPDK_COUNTOF(error_types))], (int)bdk_sim_random(6), (int)bdk_sim_random(3),
		(int)bdk_sim_random(5000));
}

static void
random_orders_harm_nothing(void **state)
{
	static const struct chaos_module module = {
		.name_format = "EE_M%d",
		.delete_method = "bdev_error_delete",
		.create = create_on,
		.disturb = inject_one,
		.calm = clear_one,
	};

	chaos_run_seeds(&module, 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(comes_and_goes_with_the_base),
		cmocka_unit_test(growth_is_followed),
		cmocka_unit_test(each_type_fails_as_often_as_told),
		cmocka_unit_test(threads_share_a_count),
		cmocka_unit_test(shortage_is_repeated),
		cmocka_unit_test(queue_depth_is_heeded),
		cmocka_unit_test(one_byte_is_changed),
		cmocka_unit_test(failure_is_left_as_it_is),
		cmocka_unit_test(clear_lets_go),
		cmocka_unit_test(reset_ends_what_is_held),
		cmocka_unit_test(reset_reaches_the_base),
		cmocka_unit_test(abort_ends_one),
		cmocka_unit_test(removal_ends_what_is_held),
		cmocka_unit_test(random_orders_harm_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
