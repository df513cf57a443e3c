/* SPDX-License-Identifier: BSD-3-Clause */

/* The module that makes operations go wrong: how, how often, on which channels, and what is saved of it. */

#include "accel_fixture.h"
#include "module/accel/error/accel_error.h"
#include "spdk/crc32.h"
#include "spdk/json.h"
#include "spdk/thread.h"

#define LEN 4096

static uint8_t g_buf[LEN];

static int
setup(void **state)
{
	accel_fixture_init(1);
	assert_int_equal(spdk_accel_assign_opc(SPDK_ACCEL_OPC_CRC32C, "error"), 0);
	assert_int_equal(accel_fixture_start(), 0);
	g_accel_ch = spdk_accel_get_io_channel();
	assert_non_null(g_accel_ch);
	accel_fixture_fill(g_buf, LEN, 7);
	return 0;
}

static void
inject(enum accel_error_type type, uint64_t count, uint64_t interval, int32_t errcode)
{
	struct accel_error_opts opts = {.opcode = SPDK_ACCEL_OPC_CRC32C,
		.type = type,
		.count = count,
		.interval = interval,
		.errcode = errcode};

	assert_int_equal(accel_error_inject(&opts), 0);
}

/* Returns the status; *wrong: how far the result is off. */
static int
run_on(struct spdk_io_channel *ch, uint32_t *wrong)
{
	struct accel_result result = {};
	uint32_t crc = 0;
	int status;

	assert_int_equal(spdk_accel_submit_crc32c(ch, &crc, g_buf, 0, LEN, accel_fixture_done_cb, &result), 0);
	/* Never inside the call. */
	assert_false(result.called);
	status = accel_fixture_wait(&result);
	*wrong = crc - spdk_crc32c_update(g_buf, LEN, ~0U);
	return status;
}

static void
expect(int status, uint32_t wrong)
{
	uint32_t seen;

	assert_int_equal(run_on(g_accel_ch, &seen), status);
	if (status == 0) {
		assert_int_equal(seen, wrong);
	}
}

static void
nothing_goes_wrong_unasked(void **state)
{
	expect(0, 0);
	inject(ACCEL_ERROR_FAILURE, 0, 0, -EIO);
	expect(0, 0);
	inject(ACCEL_ERROR_FAILURE, UINT64_MAX, 0, -EIO);
	expect(-EIO, 0);
	inject(ACCEL_ERROR_DISABLE, UINT64_MAX, 0, 0);
	expect(0, 0);
}

static void
results_are_off_by_one(void **state)
{
	inject(ACCEL_ERROR_CORRUPT, 2, 1, 0);
	expect(0, 1);
	expect(0, 1);
	expect(0, 0);
}

static void
every_third_fails(void **state)
{
	int round;

	inject(ACCEL_ERROR_FAILURE, 2, 3, -EILSEQ);
	for (round = 0; round < 2; round++) {
		expect(0, 0);
		expect(0, 0);
		expect(-EILSEQ, 0);
	}
	expect(0, 0);
	expect(0, 0);
	expect(0, 0);
	/* Counts begin anew. */
	inject(ACCEL_ERROR_FAILURE, 1, 2, -EIO);
	expect(0, 0);
	expect(-EIO, 0);
	expect(0, 0);
}

static void
a_sequence_fails(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	struct iovec iov = {g_buf, LEN};
	uint8_t copy[LEN] = {};
	uint32_t crc;

	inject(ACCEL_ERROR_FAILURE, 1, 0, -EIO);
	assert_int_equal(spdk_accel_append_crc32c(
				 &seq, g_accel_ch, &crc, &iov, 1, NULL, NULL, 0, accel_fixture_step_cb, &result),
		0);
	assert_int_equal(
		spdk_accel_append_fill(&seq, g_accel_ch, copy, LEN, NULL, NULL, 0xff, accel_fixture_step_cb, &result),
		0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	assert_int_equal(accel_fixture_wait(&result), -EIO);
	assert_int_equal(result.steps, 2);
	assert_int_equal(copy[0], 0);
}

static void
other_operations_are_refused(void **state)
{
	struct accel_error_opts opts = {.opcode = SPDK_ACCEL_OPC_COPY, .type = ACCEL_ERROR_FAILURE, .count = 1};

	assert_int_equal(accel_error_inject(&opts), -EINVAL);
}

static int
append_cb(void *ctx, const void *data, size_t size)
{
	strncat(ctx, data, size);
	return 0;
}

static void
orders_are_saved(void **state)
{
	char text[8192] = "";
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, text, 0);

	inject(ACCEL_ERROR_FAILURE, 5, 7, -EIO);
	spdk_accel_write_config_json(w);
	assert_int_equal(spdk_json_write_end(w), 0);
	assert_non_null(strstr(text,
		"{\"method\":\"accel_error_inject_error\",\"params\":{\"opcode\":\"crc32c\",\"type\":\"failure\","
		"\"count\":5,\"interval\":7,\"errcode\":-5}}"));
	assert_non_null(strstr(
		text, "{\"method\":\"accel_assign_opc\",\"params\":{\"opname\":\"crc32c\",\"module\":\"error\"}}"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nothing_goes_wrong_unasked),
		TEST(results_are_off_by_one),
		TEST(every_third_fails),
		TEST(a_sequence_fails),
		TEST(other_operations_are_refused),
		TEST(orders_are_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
