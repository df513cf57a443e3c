/* SPDX-License-Identifier: BSD-3-Clause */

/* Sequences: order, callbacks, failures, copies that are left out, buffers that are only reserved. */

#include "accel_fixture.h"
#include "spdk/crc32.h"
#include "module/accel/software/accel_sw.h"

#define LEN 8192

static uint8_t g_a[LEN], g_b[LEN], g_c[LEN], g_d[LEN];
static struct iovec g_iov_a = {g_a, LEN}, g_iov_b = {g_b, LEN}, g_iov_c = {g_c, LEN}, g_iov_d = {g_d, LEN};

static void
append_copy(struct spdk_accel_sequence **seq, struct iovec *dst, struct iovec *src, struct accel_result *result)
{
	assert_int_equal(spdk_accel_append_copy(seq, g_accel_ch, dst, 1, NULL, NULL, src, 1, NULL, NULL,
				 accel_fixture_step_cb, result),
		0);
}

static void
append_crc(struct spdk_accel_sequence **seq, uint32_t *crc, struct iovec *iov, struct accel_result *result)
{
	assert_int_equal(
		spdk_accel_append_crc32c(seq, g_accel_ch, crc, iov, 1, NULL, NULL, 0, accel_fixture_step_cb, result),
		0);
}

static int
finish(struct spdk_accel_sequence *seq, struct accel_result *result)
{
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, result);
	return accel_fixture_wait(result);
}

static struct spdk_accel_crypto_key *
create_key(void)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
		.key_name = (char *)"key0",
	};

	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
	return spdk_accel_crypto_key_get("key0");
}

static void
copies_in_a_row_are_one(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};

	accel_fixture_fill(g_a, LEN, 1);
	memset(g_d, 0, LEN);
	append_copy(&seq, &g_iov_b, &g_iov_a, &result);
	append_copy(&seq, &g_iov_c, &g_iov_b, &result);
	append_copy(&seq, &g_iov_d, &g_iov_c, &result);
	assert_int_equal(finish(seq, &result), 0);
	assert_int_equal(result.steps, 3);
	assert_memory_equal(g_a, g_d, LEN);
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY), 1);
}

static void
a_copy_whose_source_is_read_later_stays(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	uint32_t crc = 0;

	accel_fixture_fill(g_a, LEN, 2);
	memset(g_b, 0, LEN);
	append_copy(&seq, &g_iov_b, &g_iov_a, &result);
	append_copy(&seq, &g_iov_c, &g_iov_b, &result);
	append_crc(&seq, &crc, &g_iov_b, &result);
	assert_int_equal(finish(seq, &result), 0);
	assert_int_equal(crc, spdk_crc32c_update(g_a, LEN, ~0U));
	assert_memory_equal(g_a, g_c, LEN);
}

/* Decrypt, check and copy to the caller: one pass over the data. */
static void
decrypt_crc_copy_is_one_pass(void **state)
{
	struct spdk_accel_crypto_key *key = create_key();
	struct spdk_io_channel *sw_ch = spdk_accel_get_module("software")->get_io_channel();
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	struct iovec buf = {.iov_len = LEN};
	struct spdk_memory_domain *domain;
	struct sw_traffic before, after;
	uint32_t crc = 0;
	void *domain_ctx;

	accel_fixture_fill(g_a, LEN, 3);
	assert_int_equal(spdk_accel_submit_encrypt(
				 g_accel_ch, key, &g_iov_b, 1, &g_iov_a, 1, 7, 512, accel_fixture_done_cb, &result),
		0);
	assert_int_equal(accel_fixture_wait(&result), 0);

	result = (struct accel_result){};
	memset(g_c, 0, LEN);
	assert_int_equal(spdk_accel_get_buf(g_accel_ch, LEN, &buf.iov_base, &domain, &domain_ctx), 0);
	assert_int_equal(spdk_accel_append_decrypt(&seq, g_accel_ch, key, &buf, 1, domain, domain_ctx, &g_iov_b, 1,
				 NULL, NULL, 7, 512, accel_fixture_step_cb, &result),
		0);
	assert_int_equal(spdk_accel_append_crc32c(&seq, g_accel_ch, &crc, &buf, 1, domain, domain_ctx, 0,
				 accel_fixture_step_cb, &result),
		0);
	assert_int_equal(spdk_accel_append_copy(&seq, g_accel_ch, &g_iov_c, 1, NULL, NULL, &buf, 1, domain, domain_ctx,
				 accel_fixture_step_cb, &result),
		0);
	before = accel_sw_get_traffic(sw_ch);
	assert_int_equal(finish(seq, &result), 0);
	after = accel_sw_get_traffic(sw_ch);
	spdk_accel_put_buf(g_accel_ch, buf.iov_base, domain, domain_ctx);

	assert_int_equal(result.steps, 3);
	assert_memory_equal(g_a, g_c, LEN);
	assert_int_equal(crc, spdk_crc32c_update(g_a, LEN, ~0U));
	print_message("decrypt, crc32c, copy of %d bytes: %" PRIu64 " read, %" PRIu64 " written\n", LEN,
		after.read - before.read, after.written - before.written);
	assert_int_equal(after.read - before.read, LEN);
	assert_int_equal(after.written - before.written, LEN);
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY), 0);
	spdk_put_io_channel(sw_ch);
}

static void
buffers_between_steps_get_memory(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	struct iovec first = {.iov_len = LEN / 2}, second = {.iov_len = LEN / 2}, whole = {.iov_len = LEN};
	struct spdk_memory_domain *domain;
	uint32_t crc = 0;
	uint8_t expected[LEN];
	void *buf, *domain_ctx;

	assert_int_equal(spdk_accel_get_buf(g_accel_ch, LEN, &buf, &domain, &domain_ctx), 0);
	first.iov_base = buf;
	second.iov_base = (char *)buf + LEN / 2;
	whole.iov_base = buf;
	assert_int_equal(spdk_accel_append_fill(&seq, g_accel_ch, first.iov_base, LEN / 2, domain, domain_ctx, 0x11,
				 accel_fixture_step_cb, &result),
		0);
	assert_int_equal(spdk_accel_append_fill(&seq, g_accel_ch, second.iov_base, LEN / 2, domain, domain_ctx, 0x22,
				 accel_fixture_step_cb, &result),
		0);
	assert_int_equal(spdk_accel_append_crc32c(&seq, g_accel_ch, &crc, &whole, 1, domain, domain_ctx, 0,
				 accel_fixture_step_cb, &result),
		0);
	assert_int_equal(finish(seq, &result), 0);
	spdk_accel_put_buf(g_accel_ch, buf, domain, domain_ctx);
	memset(expected, 0x11, LEN / 2);
	memset(expected + LEN / 2, 0x22, LEN / 2);
	assert_int_equal(crc, spdk_crc32c_update(expected, LEN, ~0U));
}

static void
a_reversed_sequence_runs_backwards(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	uint32_t crc = 0;

	accel_fixture_fill(g_a, LEN, 4);
	memset(g_b, 0, LEN);
	append_crc(&seq, &crc, &g_iov_b, &result);
	append_copy(&seq, &g_iov_b, &g_iov_a, &result);
	spdk_accel_sequence_reverse(seq);
	assert_int_equal(finish(seq, &result), 0);
	assert_int_equal(crc, spdk_crc32c_update(g_a, LEN, ~0U));
}

static void
an_aborted_sequence_does_nothing(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};

	memset(g_a, 1, LEN);
	memset(g_b, 0, LEN);
	append_copy(&seq, &g_iov_b, &g_iov_a, &result);
	append_copy(&seq, &g_iov_c, &g_iov_b, &result);
	spdk_accel_sequence_abort(seq);
	assert_int_equal(result.steps, 2);
	assert_false(result.called);
	assert_int_equal(g_b[0], 0);
	spdk_accel_sequence_abort(NULL);
}

static void
the_first_failure_ends_a_sequence(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};
	struct iovec damaged = {g_a, LEN};

	memset(g_a, 0xff, LEN);
	memset(g_c, 0, LEN);
	assert_int_equal(spdk_accel_append_decompress(&seq, g_accel_ch, &g_iov_b, 1, NULL, NULL, &damaged, 1, NULL,
				 NULL, accel_fixture_step_cb, &result),
		0);
	assert_int_equal(
		spdk_accel_append_fill(&seq, g_accel_ch, g_c, LEN, NULL, NULL, 0xaa, accel_fixture_step_cb, &result),
		0);
	assert_int_equal(finish(seq, &result), -EINVAL);
	assert_int_equal(result.steps, 2);
	assert_int_equal(g_c[0], 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(copies_in_a_row_are_one),
		TEST(a_copy_whose_source_is_read_later_stays),
		TEST(decrypt_crc_copy_is_one_pass),
		TEST(buffers_between_steps_get_memory),
		TEST(a_reversed_sequence_runs_backwards),
		TEST(an_aborted_sequence_does_nothing),
		TEST(the_first_failure_ends_a_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
