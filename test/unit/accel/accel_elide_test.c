/* SPDX-License-Identifier: BSD-3-Clause */

/* Which copies a sequence leaves out, and which it must not. */

#include "accel_steps.h"
#include "spdk/util.h"

#define ROOM (2 * STEP_MAX)

static uint8_t g_a[ROOM], g_b[ROOM], g_c[ROOM], g_d[ROOM];
/* What should be at the place that is written. */
static uint8_t g_source[ROOM], g_wanted[ROOM];

static struct iovec g_iovs[32];
static uint32_t g_iov_count;
static struct accel_result g_result;

static void
begin(void)
{
	g_iov_count = 0;
	g_result = (struct accel_result){};
	memset(g_b, 0x55, ROOM);
	memset(g_c, 0x55, ROOM);
	memset(g_d, 0x55, ROOM);
	memset(g_wanted, 0, ROOM);
	memset(g_source, 0, ROOM);
}

static struct step_place
place(void *buf, size_t len)
{
	struct iovec *iov = &g_iovs[g_iov_count++];

	*iov = (struct iovec){buf, len};
	return (struct step_place){.iovs = iov, .iovcnt = 1};
}

/* The same bytes, otherwise described. */
static struct step_place
in_two(void *buf, size_t len)
{
	struct step_place two = place(buf, 16);

	place((char *)buf + 16, len - 16);
	two.iovcnt = 2;
	return two;
}

static void
append(struct spdk_accel_sequence **seq, enum spdk_accel_opcode opcode, struct step_place dst, struct step_place src)
{
	assert_int_equal(step_append(seq, opcode, &dst, &src, &g_result), 0);
}

/* Copies that have been carried out. */
static uint64_t
finish(struct spdk_accel_sequence *seq, uint32_t steps)
{
	uint64_t before = accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY);

	assert_int_equal(step_finish(seq, &g_result), 0);
	assert_int_equal(g_result.steps, steps);
	return accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY) - before;
}

static void
want(enum spdk_accel_opcode opcode)
{
	step_prepare(opcode, g_source, g_wanted);
	step_expect(opcode, g_source, g_wanted);
}

static bool
reads_one_writes_another(enum spdk_accel_opcode opcode)
{
	return step_source_len(opcode) > 0 && step_destination_len(opcode) > STEP_METADATA;
}

static void
copy_in_front(void **state)
{
	struct spdk_accel_sequence *seq;
	uint32_t crc;
	size_t i;

	for (i = 0; i < g_step_count; i++) {
		enum spdk_accel_opcode opcode = g_step_opcodes[i];
		size_t len = step_source_len(opcode);

		if (len == 0) {
			continue;
		}
		begin();
		want(opcode);
		crc = g_step_crc;
		g_step_crc = 0;
		step_prepare(opcode, g_a, g_c);
		seq = NULL;
		append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, len), place(g_a, len));
		append(&seq, opcode, place(g_c, step_destination_len(opcode)), place(g_b, len));
		/* One remains of two copies, or if the step needs what was copied. */
		assert_int_equal(
			finish(seq, 2), opcode == SPDK_ACCEL_OPC_COPY || !reads_one_writes_another(opcode) ? 1 : 0);
		assert_memory_equal(g_c, g_wanted, step_destination_len(opcode));
		if (!reads_one_writes_another(opcode)) {
			assert_memory_equal(g_b, g_source, len);
		}
		assert_true(opcode != SPDK_ACCEL_OPC_CRC32C || crc == g_step_crc);
	}
}

static void
copy_behind(void **state)
{
	struct spdk_accel_sequence *seq;
	size_t i;

	for (i = 0; i < g_step_count; i++) {
		enum spdk_accel_opcode opcode = g_step_opcodes[i];
		size_t len = step_destination_len(opcode);

		if (len <= STEP_METADATA) {
			continue;
		}
		begin();
		want(opcode);
		step_prepare(opcode, g_a, g_b);
		seq = NULL;
		append(&seq, opcode, place(g_b, len), place(g_a, step_source_len(opcode)));
		append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, len), place(g_b, len));
		assert_int_equal(finish(seq, 2), opcode == SPDK_ACCEL_OPC_COPY ? 1 : 0);
		assert_memory_equal(g_c, g_wanted, len);
	}
}

/* In place, or into metadata: what a copy moves on from there is needed. */
static void
copy_behind_what_works_in_place(void **state)
{
	static const enum spdk_accel_opcode opcodes[] = {SPDK_ACCEL_OPC_CRC32C, SPDK_ACCEL_OPC_DIF_VERIFY,
		SPDK_ACCEL_OPC_DIF_GENERATE, SPDK_ACCEL_OPC_DIX_GENERATE, SPDK_ACCEL_OPC_DIX_VERIFY};
	struct spdk_accel_sequence *seq;
	size_t i, len;

	for (i = 0; i < SPDK_COUNTOF(opcodes); i++) {
		begin();
		want(opcodes[i]);
		len = step_source_len(opcodes[i]);
		step_prepare(opcodes[i], g_a, g_b);
		seq = NULL;
		append(&seq, opcodes[i], place(g_b, step_destination_len(opcodes[i])), place(g_a, len));
		append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, len), place(g_a, len));
		assert_int_equal(finish(seq, 2), 1);
		assert_memory_equal(g_c, g_source, len);
	}
}

/* Written, read, copied: written and read where the copy would go. */
static void
copy_behind_a_reader(void **state)
{
	static const enum spdk_accel_opcode readers[] = {
		SPDK_ACCEL_OPC_CRC32C, SPDK_ACCEL_OPC_DIX_GENERATE, SPDK_ACCEL_OPC_DIX_VERIFY};
	static const enum spdk_accel_opcode writers[] = {SPDK_ACCEL_OPC_FILL, SPDK_ACCEL_OPC_DECOMPRESS,
		SPDK_ACCEL_OPC_ENCRYPT, SPDK_ACCEL_OPC_DECRYPT, SPDK_ACCEL_OPC_DIF_VERIFY_COPY};
	struct spdk_accel_sequence *seq;
	uint8_t metadata[STEP_METADATA];
	size_t i, j;

	for (i = 0; i < SPDK_COUNTOF(readers); i++) {
		for (j = 0; j < SPDK_COUNTOF(writers); j++) {
			begin();
			want(writers[j]);
			/* Metadata of what will be written. */
			memset(metadata, 0, sizeof(metadata));
			step_expect(SPDK_ACCEL_OPC_DIX_GENERATE, g_wanted, metadata);
			memcpy(g_d, metadata, sizeof(metadata));
			if (readers[i] == SPDK_ACCEL_OPC_DIX_GENERATE) {
				memset(g_d, 0, sizeof(metadata));
			}
			step_prepare(writers[j], g_a, g_b);
			seq = NULL;
			append(&seq, writers[j], place(g_b, STEP_DATA), place(g_a, step_source_len(writers[j])));
			append(&seq, readers[i], place(g_d, STEP_METADATA), place(g_b, STEP_DATA));
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA), place(g_b, STEP_DATA));
			assert_int_equal(finish(seq, 3), 0);
			assert_memory_equal(g_c, g_wanted, STEP_DATA);
			assert_memory_equal(g_d, metadata, sizeof(metadata));
		}
	}
}

static void
three_in_a_row(void **state)
{
	struct spdk_accel_sequence *seq = NULL;

	begin();
	want(SPDK_ACCEL_OPC_ENCRYPT);
	step_prepare(SPDK_ACCEL_OPC_ENCRYPT, g_a, g_c);
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, STEP_DATA), place(g_a, STEP_DATA));
	append(&seq, SPDK_ACCEL_OPC_ENCRYPT, place(g_c, STEP_DATA), place(g_b, STEP_DATA));
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_d, STEP_DATA), place(g_c, STEP_DATA));
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_source, STEP_DATA), place(g_d, STEP_DATA));
	assert_int_equal(finish(seq, 4), 0);
	assert_memory_equal(g_source, g_wanted, STEP_DATA);
}

static void
other_places(void **state)
{
	struct spdk_accel_sequence *seq;
	int which;

	for (which = 0; which < 4; which++) {
		begin();
		step_prepare(SPDK_ACCEL_OPC_COPY, g_a, g_b);
		seq = NULL;
		append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, STEP_DATA), place(g_a, STEP_DATA));
		switch (which) {
		case 0:
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA), in_two(g_b, STEP_DATA));
			break;
		case 1:
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA - 1), place(g_b, STEP_DATA - 1));
			break;
		case 2:
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA - 1), place(g_b + 1, STEP_DATA - 1));
			break;
		default:
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA), place(g_d, STEP_DATA));
			break;
		}
		assert_int_equal(finish(seq, 2), 2);
		assert_memory_equal(g_b, g_a, STEP_DATA);
		if (which < 2) {
			assert_memory_equal(g_c, g_a, STEP_DATA - 1);
		}
	}
}

/* A copy that reads less than it could write leaves the rest as it was. */
static void
copies_of_less(void **state)
{
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_accel_crypto_key *key = spdk_accel_crypto_key_get("steps");
	struct accel_result alone = {};
	uint8_t expected[STEP_DATA];
	struct iovec b = {g_b, STEP_DATA}, wanted = {expected, STEP_DATA};
	uint32_t crc;

	begin();
	step_prepare(SPDK_ACCEL_OPC_COPY, g_a, g_c);
	memset(g_b, 0x77, STEP_DATA);
	memcpy(g_b, g_a, 512);
	assert_int_equal(
		spdk_accel_submit_encrypt(g_accel_ch, key, &wanted, 1, &b, 1, 9, 512, accel_fixture_done_cb, &alone),
		0);
	assert_int_equal(accel_fixture_wait(&alone), 0);
	memset(g_b, 0x77, STEP_DATA);
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, STEP_DATA), place(g_a, 512));
	append(&seq, SPDK_ACCEL_OPC_ENCRYPT, place(g_c, STEP_DATA), place(g_b, STEP_DATA));
	assert_int_equal(finish(seq, 2), 1);
	assert_memory_equal(g_c, expected, STEP_DATA);

	/* The same with a checksum, which is made along the way otherwise. */
	begin();
	memset(g_b, 0x77, STEP_DATA);
	memcpy(g_b, g_a, 512);
	step_expect(SPDK_ACCEL_OPC_CRC32C, g_b, NULL);
	crc = g_step_crc;
	memset(g_b, 0x77, STEP_DATA);
	seq = NULL;
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, STEP_DATA), place(g_a, 512));
	append(&seq, SPDK_ACCEL_OPC_CRC32C, place(NULL, 0), place(g_b, STEP_DATA));
	assert_int_equal(finish(seq, 2), 1);
	assert_int_equal(g_step_crc, crc);

	/* More than there is room for: the step writes all, the copy a part. */
	begin();
	seq = NULL;
	append(&seq, SPDK_ACCEL_OPC_FILL, place(g_b, STEP_DATA), place(NULL, 0));
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, 100), place(g_b, STEP_DATA));
	assert_int_equal(finish(seq, 2), 1);
	assert_int_equal(g_c[99], 0xa5);
	assert_int_equal(g_c[100], 0x55);
}

/* Without the copy, a step would overwrite what it has yet to read. */
static void
places_that_overlap(void **state)
{
	static const enum spdk_accel_opcode opcodes[] = {SPDK_ACCEL_OPC_DECOMPRESS, SPDK_ACCEL_OPC_DIF_GENERATE_COPY,
		SPDK_ACCEL_OPC_DIF_VERIFY_COPY, SPDK_ACCEL_OPC_ENCRYPT, SPDK_ACCEL_OPC_DECRYPT};
	struct spdk_accel_sequence *seq;
	size_t i, from, to, shift;

	for (i = 0; i < SPDK_COUNTOF(opcodes); i++) {
		enum spdk_accel_opcode opcode = opcodes[i];
		bool in_place;

		from = step_source_len(opcode);
		to = step_destination_len(opcode);
		for (shift = 0; shift <= 64; shift += 64) {
			in_place = shift == 0 && (opcode == SPDK_ACCEL_OPC_ENCRYPT || opcode == SPDK_ACCEL_OPC_DECRYPT);
			begin();
			want(opcode);
			step_prepare(opcode, g_a, g_c);
			seq = NULL;
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_b, from), place(g_a, from));
			append(&seq, opcode, place(g_a + shift, to), place(g_b, from));
			assert_int_equal(finish(seq, 2), in_place ? 0 : 1);
			assert_memory_equal(g_a + shift, g_wanted, to);

			begin();
			want(opcode);
			step_prepare(opcode, g_a, g_c);
			seq = NULL;
			append(&seq, opcode, place(g_b, to), place(g_a, from));
			append(&seq, SPDK_ACCEL_OPC_COPY, place(g_a + shift, to), place(g_b, to));
			assert_int_equal(finish(seq, 2), in_place ? 0 : 1);
			assert_memory_equal(g_a + shift, g_wanted, to);

			if (to == STEP_DATA) {
				begin();
				want(opcode);
				step_prepare(opcode, g_a, g_c);
				seq = NULL;
				append(&seq, opcode, place(g_b, to), place(g_a, from));
				append(&seq, SPDK_ACCEL_OPC_CRC32C, place(NULL, 0), place(g_b, to));
				append(&seq, SPDK_ACCEL_OPC_COPY, place(g_a + shift, to), place(g_b, to));
				assert_int_equal(finish(seq, 3), in_place ? 0 : 1);
				assert_memory_equal(g_a + shift, g_wanted, to);
			}
		}
	}
}

static void
what_is_read_later_is_written(void **state)
{
	struct spdk_accel_sequence *seq = NULL;

	begin();
	want(SPDK_ACCEL_OPC_ENCRYPT);
	step_prepare(SPDK_ACCEL_OPC_ENCRYPT, g_a, g_b);
	append(&seq, SPDK_ACCEL_OPC_ENCRYPT, place(g_b, STEP_DATA), place(g_a, STEP_DATA));
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_c, STEP_DATA), place(g_b, STEP_DATA));
	append(&seq, SPDK_ACCEL_OPC_CRC32C, place(NULL, 0), place(g_c, STEP_DATA));
	/* A part of it is enough. */
	append(&seq, SPDK_ACCEL_OPC_COPY, place(g_d, 10), place(g_b + 100, 10));
	assert_int_equal(finish(seq, 4), 2);
	assert_memory_equal(g_c, g_wanted, STEP_DATA);
	assert_memory_equal(g_d, g_wanted + 100, 10);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, steps_setup, steps_teardown)
	const struct CMUnitTest tests[] = {
		TEST(copy_in_front),
		TEST(copy_behind),
		TEST(copy_behind_what_works_in_place),
		TEST(copy_behind_a_reader),
		TEST(three_in_a_row),
		TEST(other_places),
		TEST(copies_of_less),
		TEST(places_that_overlap),
		TEST(what_is_read_later_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
