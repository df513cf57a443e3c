/* SPDX-License-Identifier: BSD-3-Clause */

/* Sequences that are carried out inside the call that ends them, and those for which that cannot be. */

#include "accel_steps.h"
#include "lib/accel/at_once.h"

static uint8_t g_plain[STEP_DATA], g_secret[STEP_DATA], g_memory[STEP_DATA + 64], g_buf[2 * STEP_DATA];
static struct iovec g_disk, g_near, g_far[2];
static struct accel_result g_result;

/* g_secret becomes what g_plain is in secret. */
static void
begin(void)
{
	memset(g_memory, 0, sizeof(g_memory));
	memset(g_buf, 0, sizeof(g_buf));
	step_prepare(SPDK_ACCEL_OPC_ENCRYPT, g_plain, g_buf);
	memcpy(g_secret, g_plain, STEP_DATA);
	step_expect(SPDK_ACCEL_OPC_ENCRYPT, g_secret, g_buf);
	memcpy(g_secret, g_buf, STEP_DATA);
	memset(g_buf, 0, sizeof(g_buf));
	g_disk = (struct iovec){g_memory, STEP_DATA};
	g_result = (struct accel_result){};
}

static struct accel_transfer
write_of(struct iovec *iovs)
{
	return (struct accel_transfer){.to_memory = true, .memory = &g_disk, .iovs = iovs, .iovcnt = 1};
}

static struct spdk_accel_sequence *
encrypt(struct iovec *to, struct iovec *from, uint32_t fromcnt)
{
	struct spdk_accel_sequence *seq = NULL;
	struct step_place destination = {.iovs = to, .iovcnt = 1}, source = {.iovs = from, .iovcnt = fromcnt};

	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_ENCRYPT, &destination, &source, &g_result), 0);
	return seq;
}

/* Nothing has changed: it can still be carried out. */
static void
refuses(struct spdk_accel_sequence *seq, const struct accel_transfer *transfer)
{
	int status = 77;

	assert_false(accel_sequence_try_at_once(seq, transfer, &status));
	assert_int_equal(status, 77);
	assert_int_equal(g_result.steps, 0);
	assert_int_equal(step_finish(seq, &g_result), 0);
	assert_memory_equal(g_buf, g_secret, STEP_DATA);
}

static uint64_t
sequences_executed(void)
{
	return accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_ENCRYPT) +
		accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_DECRYPT);
}

static void
writes(void **state)
{
	struct accel_transfer transfer = write_of(&g_near);
	struct spdk_accel_sequence *seq;
	uint64_t before;
	int status = 77;

	begin();
	g_near = (struct iovec){g_buf, STEP_DATA};
	g_far[0] = (struct iovec){g_plain, STEP_DATA};
	before = sequences_executed();
	seq = encrypt(&g_near, g_far, 1);
	assert_true(accel_sequence_try_at_once(seq, &transfer, &status));
	assert_int_equal(status, 0);
	assert_int_equal(g_result.steps, 1);
	assert_int_equal(sequences_executed(), before + 1);
	assert_memory_equal(g_memory, g_secret, STEP_DATA);
	/* The buffer between is not touched. */
	assert_int_equal(g_buf[0] | g_buf[STEP_DATA - 1], 0);
}

static void
reads(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct step_place place = {.iovs = &g_near, .iovcnt = 1};
	struct accel_transfer transfer = {.memory = &g_disk, .iovs = &g_near, .iovcnt = 1};
	int status = 77;

	begin();
	g_near = (struct iovec){g_buf, STEP_DATA};
	memcpy(g_memory, g_secret, STEP_DATA);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_DECRYPT, &place, &place, &g_result), 0);
	assert_true(accel_sequence_try_at_once(seq, &transfer, &status));
	assert_int_equal(status, 0);
	assert_int_equal(g_result.steps, 1);
	assert_memory_equal(g_buf, g_plain, STEP_DATA);
	assert_memory_equal(g_memory, g_secret, STEP_DATA);
}

static void
in_accel_buffers(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct accel_transfer transfer = write_of(&g_near);
	struct step_place to = {.iovs = &g_near, .iovcnt = 1}, from = {.iovs = g_far, .iovcnt = 1};
	int status = 77;

	begin();
	g_far[0] = (struct iovec){g_plain, STEP_DATA};
	g_near.iov_len = STEP_DATA;
	assert_int_equal(spdk_accel_get_buf(g_accel_ch, STEP_DATA, &g_near.iov_base, &to.domain, &to.domain_ctx), 0);
	transfer.domain = to.domain;
	transfer.domain_ctx = to.domain_ctx;
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_ENCRYPT, &to, &from, &g_result), 0);
	/* Of another buffer. */
	transfer.domain_ctx = &to;
	assert_false(accel_sequence_try_at_once(seq, &transfer, &status));
	transfer.domain_ctx = to.domain_ctx;
	assert_true(accel_sequence_try_at_once(seq, &transfer, &status));
	assert_int_equal(status, 0);
	assert_memory_equal(g_memory, g_secret, STEP_DATA);
	spdk_accel_put_buf(g_accel_ch, g_near.iov_base, to.domain, to.domain_ctx);
}

static void
what_cannot_be(void **state)
{
	struct iovec elsewhere = {g_buf + STEP_DATA, STEP_DATA}, pieces[2];
	struct accel_transfer transfer = write_of(&g_near);
	struct spdk_accel_sequence *seq;

	begin();
	g_near = (struct iovec){g_buf, STEP_DATA};
	g_far[0] = (struct iovec){g_plain, STEP_DATA};

	/* The step writes somewhere else. */
	transfer.iovs = &elsewhere;
	refuses(encrypt(&g_near, g_far, 1), &transfer);

	/* The medium is longer, or shorter. */
	begin();
	transfer.iovs = &g_near;
	g_disk.iov_len = STEP_DATA + 16;
	refuses(encrypt(&g_near, g_far, 1), &transfer);
	begin();
	g_disk.iov_len = STEP_DATA - 16;
	refuses(encrypt(&g_near, g_far, 1), &transfer);

	/* The medium and the source overlap. */
	begin();
	memcpy(g_memory, g_plain, STEP_DATA);
	g_far[0].iov_base = g_memory;
	g_disk.iov_base = g_memory + 64;
	refuses(encrypt(&g_near, g_far, 1), &transfer);

	/* Pieces. */
	begin();
	g_far[0] = (struct iovec){g_plain, 512};
	g_far[1] = (struct iovec){g_plain + 512, STEP_DATA - 512};
	refuses(encrypt(&g_near, g_far, 2), &transfer);
	begin();
	g_far[0] = (struct iovec){g_plain, STEP_DATA};
	pieces[0] = (struct iovec){g_buf, 512};
	pieces[1] = (struct iovec){g_buf + 512, STEP_DATA - 512};
	transfer.iovs = pieces;
	transfer.iovcnt = 2;
	refuses(encrypt(&g_near, g_far, 1), &transfer);

	/* Two steps; then neither has been called back. */
	begin();
	transfer = write_of(&g_near);
	seq = encrypt(&g_near, g_far, 1);
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_CRC32C, &(struct step_place){},
				 &(struct step_place){.iovs = &g_near, .iovcnt = 1}, &g_result),
		0);
	refuses(seq, &transfer);
	assert_int_equal(g_result.steps, 2);
}

/* Other operations are for the module to carry out as ever. */
static void
other_operations(void **state)
{
	struct accel_transfer transfer = write_of(&g_near);
	struct spdk_accel_sequence *seq = NULL;
	struct step_place to = {.iovs = &g_near, .iovcnt = 1}, from = {.iovs = g_far, .iovcnt = 1};
	int status = 77;

	begin();
	g_near = (struct iovec){g_buf, STEP_DATA};
	g_far[0] = (struct iovec){g_plain, STEP_DATA};
	assert_int_equal(step_append(&seq, SPDK_ACCEL_OPC_COPY, &to, &from, &g_result), 0);
	assert_false(accel_sequence_try_at_once(seq, &transfer, &status));
	assert_int_equal(step_finish(seq, &g_result), 0);
	assert_memory_equal(g_buf, g_plain, STEP_DATA);
}

/* What the module finds wrong with a step comes back as ever. */
static void
failures(void **state)
{
	struct accel_transfer transfer = write_of(&g_near);
	struct spdk_accel_crypto_key *key = spdk_accel_crypto_key_get("steps");
	struct spdk_accel_sequence *seq = NULL;
	int status = 0;

	begin();
	g_near = (struct iovec){g_buf, STEP_DATA};
	g_far[0] = (struct iovec){g_plain, STEP_DATA};
	assert_int_equal(spdk_accel_append_encrypt(&seq, g_accel_ch, key, &g_near, 1, NULL, NULL, g_far, 1, NULL, NULL,
				 0, 1000, accel_fixture_step_cb, &g_result),
		0);
	assert_true(accel_sequence_try_at_once(seq, &transfer, &status));
	assert_int_equal(status, -EINVAL);
	assert_int_equal(g_result.steps, 1);
	assert_int_equal(g_memory[0] | g_memory[STEP_DATA - 1], 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, steps_setup, steps_teardown)
	const struct CMUnitTest tests[] = {
		TEST(writes),
		TEST(reads),
		TEST(in_accel_buffers),
		TEST(what_cannot_be),
		TEST(other_operations),
		TEST(failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
