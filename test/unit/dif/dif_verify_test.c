/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: making and checking PI in interleaved metadata, against published values and against the reference. */

#include "dif_fixture.h"

#include "spdk/endian.h"
#include "spdk/util.h"

#define MAX_BLOCKS 4

/* ---- Values from elsewhere ---- */

struct vector {
	enum spdk_dif_pi_format format;
	/* Byte i of the data: i * step + first. */
	uint8_t first;
	uint8_t step;
	uint64_t guard;
};

/* The guards of NVMe's own examples: 4096 bytes of 0, of 0xff, and of 0 to 0xff again and again. */
static const struct vector g_vectors[] = {
	{SPDK_DIF_PI_FORMAT_32, 0, 0, 0x98f94189},
	{SPDK_DIF_PI_FORMAT_32, 0xff, 0, 0x25c1fe13},
	{SPDK_DIF_PI_FORMAT_32, 0, 1, 0x9c71fe32},
	{SPDK_DIF_PI_FORMAT_64, 0, 0, 0x6482d367eb22b64eULL},
	{SPDK_DIF_PI_FORMAT_64, 0xff, 0, 0xc0ddba7302eca3acULL},
	{SPDK_DIF_PI_FORMAT_64, 0, 1, 0x3e729f5f6750449cULL},
	{SPDK_DIF_PI_FORMAT_16, 0, 0, 0},
};

static uint64_t
stored_guard(enum spdk_dif_pi_format format, const uint8_t *pi)
{
	return format == SPDK_DIF_PI_FORMAT_16    ? from_be16(pi)
		: format == SPDK_DIF_PI_FORMAT_32 ? from_be32(pi)
						  : from_be64(pi);
}

static void
guards_have_published_values(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_vectors); i++) {
		const struct vector *vector = &g_vectors[i];
		struct layout layout = {
			.data_size = 4096,
			.md_size = 16,
			.interleaved = true,
			.head = true,
			.type = SPDK_DIF_TYPE1,
			.format = vector->format,
			.flags = SPDK_DIF_FLAGS_GUARD_CHECK,
		};
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint8_t block[4096 + 16];
		struct iovec iov = {block, sizeof(block)};

		for (int j = 0; j < 4096; j++) {
			block[j] = (uint8_t)(vector->first + j * vector->step);
		}
		assert_int_equal(spdk_dif_generate(&iov, 1, 1, &ctx), 0);
		assert_int_equal(stored_guard(vector->format, block + 4096), vector->guard);
		assert_int_equal(reference_guard(&layout, block, block + 4096), vector->guard);
	}
}

/* "123456789" of the CRC catalogue, at the end of a block whose other bytes leave the register as the catalogue begins. */
static void
guards_have_catalogue_values(void **state)
{
	static const uint8_t check[] = "123456789";
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = SPDK_DIF_FLAGS_GUARD_CHECK,
	};
	uint8_t block[520] = {};
	struct iovec iov = {block, sizeof(block)};
	struct spdk_dif_ctx ctx;

	memcpy(block + 512 - 9, check, 9);
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_generate(&iov, 1, 1, &ctx), 0);
	assert_int_equal(from_be16(block + 512), 0xd0db);
	/* The reference, on its own: CRC-32/ISCSI. */
	assert_int_equal(~reference_crc32c(~0U, check, 9), 0xe3069283);
}

static void
fields_stand_where_the_format_says(void **state)
{
	static const struct {
		enum spdk_dif_pi_format format;
		const char *tags;
	} cases[] = {
		{SPDK_DIF_PI_FORMAT_16, "\xab\xcd\x89\xab\xcd\xef"},
		{SPDK_DIF_PI_FORMAT_32, "\xab\xcd\0\0\0\0\0\0\x89\xab\xcd\xef"},
		{SPDK_DIF_PI_FORMAT_64, "\xab\xcd\0\0\x89\xab\xcd\xef"},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct layout layout = {
			.data_size = 4096,
			.md_size = 32,
			.interleaved = true,
			.type = SPDK_DIF_TYPE1,
			.format = cases[i].format,
			.flags = ALL_FLAGS,
			.init_ref_tag = 0x89abcdef,
			.app_tag = 0xabcd,
		};
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t guard_size = 2U << cases[i].format, pi = 4096 + 32 - layout_pi_size(&layout);
		uint8_t block[4096 + 32];
		struct iovec iov = {block, sizeof(block)};

		memset(block, 0xee, sizeof(block));
		assert_int_equal(spdk_dif_generate(&iov, 1, 1, &ctx), 0);
		assert_memory_equal(block + pi + guard_size, cases[i].tags, layout_pi_size(&layout) - guard_size);
		assert_int_equal(
			stored_guard(cases[i].format, block + pi), reference_guard(&layout, block, block + 4096));
	}
}

/* ---- Against the reference ---- */

static void
generates_what_the_reference_does(void **state)
{
	for (int round = 0; round < 700; round++) {
		struct layout layout = layout_random(true);
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t blocks = fixture_random(MAX_BLOCKS + 1);
		/* Buffers may be longer than what is worked on. */
		size_t len = (size_t)blocks * layout_stride(&layout) + fixture_random(20);
		uint8_t *flat = malloc(len + 1);
		struct spdk_dif_error error;
		struct scattered buffers;

		fixture_fill(flat, len);
		scatter(&buffers, flat, len);
		reference_generate_all(&layout, flat, blocks);
		assert_int_equal(spdk_dif_generate(buffers.iovs, buffers.count, blocks, &ctx), 0);
		if (layout.init_ref_tag != SPDK_DIF_REFTAG_IGNORE) {
			assert_int_equal(spdk_dif_verify(buffers.iovs, buffers.count, blocks, &ctx, &error), 0);
		}
		expect_and_free(&buffers, flat);
		free(flat);
	}
}

/* Flips one bit somewhere, or several. */
static void
damage(uint8_t *flat, size_t len)
{
	for (int i = fixture_random(3); i >= 0; i--) {
		flat[fixture_random(len)] ^= 1 << fixture_random(8);
	}
}

/* Makes PI that says: do not check; or, in type 3, half of it. */
static void
escape(const struct layout *layout, uint8_t *md)
{
	uint8_t *pi = md + layout_pi_offset(layout);
	uint32_t app_tag = layout->format == SPDK_DIF_PI_FORMAT_16 ? 2
		: layout->format == SPDK_DIF_PI_FORMAT_32          ? 4
								   : 8;
	uint32_t ref_tag = layout->format == SPDK_DIF_PI_FORMAT_16 ? 4
		: layout->format == SPDK_DIF_PI_FORMAT_32          ? 8
								   : 10;

	memset(pi + app_tag, 0xff, 2);
	if (fixture_random(2)) {
		memset(pi + ref_tag, 0xff, layout_pi_size(layout) - ref_tag);
	}
}

static void
finds_what_the_reference_finds(void **state)
{
	int found = 0, escaped = 0;

	for (int round = 0; round < 1200; round++) {
		struct layout layout = layout_random(true);
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t blocks = 1 + fixture_random(MAX_BLOCKS), stride = layout_stride(&layout);
		size_t len = (size_t)blocks * stride;
		uint8_t *flat = malloc(len);
		struct spdk_dif_error expected = {}, error = {};
		struct scattered buffers;
		int rc;

		fixture_fill(flat, len);
		reference_generate_all(&layout, flat, blocks);
		damage(flat, len);
		if (fixture_random(3) == 0) {
			escape(&layout, flat + fixture_random(blocks) * stride + layout.data_size);
			escaped++;
		}
		rc = reference_verify_all(&layout, flat, blocks, &expected);
		found += rc != 0;
		scatter(&buffers, flat, len);
		assert_int_equal(spdk_dif_verify(buffers.iovs, buffers.count, blocks, &ctx, &error), rc);
		if (rc != 0) {
			expect_same_error(&error, &expected);
		}
		assert_int_equal(spdk_dif_verify(buffers.iovs, buffers.count, blocks, &ctx, NULL), rc);
		expect_and_free(&buffers, flat);
		free(flat);
	}
	assert_true(found > 250 && escaped > 250);
}

/* ---- Every split ---- */

static void
check_cuts(const struct layout *layout, const uint8_t *before, const uint8_t *after, size_t len, const size_t *cuts,
	int num_cuts)
{
	struct spdk_dif_ctx ctx = layout_context(layout);
	struct spdk_dif_error error;
	struct scattered buffers;

	scatter_at(&buffers, before, len, cuts, num_cuts);
	assert_int_equal(spdk_dif_generate(buffers.iovs, buffers.count, 2, &ctx), 0);
	assert_int_equal(spdk_dif_verify(buffers.iovs, buffers.count, 2, &ctx, &error), 0);
	expect_and_free(&buffers, after);
}

static void
check_every_cut(const struct layout *layout)
{
	uint32_t stride = layout_stride(layout);
	size_t len = 2 * stride;
	uint8_t *before = malloc(len), *after = malloc(len);
	/* Around the metadata between the blocks, all pairs. */
	size_t from = layout->data_size - 2, to = stride + 2;

	fixture_fill(before, len);
	memcpy(after, before, len);
	reference_generate_all(layout, after, 2);
	/* Every place in small blocks, and in large ones those near to something. */
	for (size_t first = 0; first <= len; first++) {
		if (layout->data_size == 512 || first % 61 == 0 || first % stride + 8 > layout->data_size ||
			first % stride < 3) {
			check_cuts(layout, before, after, len, &first, 1);
		}
	}
	for (size_t first = from; first <= to; first++) {
		for (size_t second = first; second <= to; second++) {
			check_cuts(layout, before, after, len, (size_t[]){first, second}, 2);
		}
	}
	free(before);
	free(after);
}

static void
buffers_may_be_cut_anywhere(void **state)
{
	for (int format = 0; format < 3; format++) {
		for (int head = 0; head < 2; head++) {
			struct layout layout = {
				.data_size = format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096,
				.md_size = 24,
				.interleaved = true,
				.head = head,
				.type = SPDK_DIF_TYPE1,
				.format = (enum spdk_dif_pi_format)format,
				.flags = ALL_FLAGS,
				.init_ref_tag = 0xffffffff - 1,
				.apptag_mask = 0xffff,
				.app_tag = 0x1234,
			};

			check_every_cut(&layout);
		}
	}
}

/* ---- What the rules say in particular ---- */

static const struct layout g_small = {
	.data_size = 512,
	.md_size = 8,
	.interleaved = true,
	.type = SPDK_DIF_TYPE1,
	.flags = ALL_FLAGS,
	.init_ref_tag = 100,
	.apptag_mask = 0x0ff0,
	.app_tag = 0xabcd,
};

static void
generate(const struct layout *layout, uint8_t *flat, uint32_t blocks)
{
	struct spdk_dif_ctx ctx = layout_context(layout);
	struct iovec iov = {flat, (size_t)blocks * layout_stride(layout)};

	assert_int_equal(spdk_dif_generate(&iov, 1, blocks, &ctx), 0);
}

static int
verify(const struct layout *layout, uint8_t *flat, uint32_t blocks, struct spdk_dif_error *error)
{
	struct spdk_dif_ctx ctx = layout_context(layout);
	struct iovec iov = {flat, (size_t)blocks * layout_stride(layout)};

	return spdk_dif_verify(&iov, 1, blocks, &ctx, error);
}

static void
errors_say_where_and_what(void **state)
{
	uint8_t flat[3 * 520] = {}, copy[sizeof(flat)];
	struct layout layout = g_small;
	struct spdk_dif_error error;

	generate(&layout, flat, 3);
	memcpy(copy, flat, sizeof(flat));

	/* All three are wrong in the second block, and the guard is looked at first; the third is not looked at. */
	flat[520] ^= 1;
	to_be16(flat + 520 + 514, 0x1230);
	to_be32(flat + 520 + 516, 55);
	memset(flat + 1040, 0xaa, 520);
	assert_int_equal(verify(&layout, flat, 3, &error), -1);
	expect_same_error(&error,
		&(struct spdk_dif_error){
			.err_type = SPDK_DIF_GUARD_ERROR,
			.expected = from_be16(copy + 520 + 512),
			.actual = reference_guard(&layout, flat + 520, flat + 520 + 512),
			.err_offset = 1,
		});

	layout.flags = SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	assert_int_equal(verify(&layout, flat, 3, &error), -1);
	expect_same_error(&error,
		&(struct spdk_dif_error){
			.err_type = SPDK_DIF_APPTAG_ERROR,
			.expected = 0xabcd,
			.actual = 0x0230,
			.err_offset = 1,
		});

	layout.flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	assert_int_equal(verify(&layout, flat, 3, &error), -1);
	expect_same_error(&error,
		&(struct spdk_dif_error){
			.err_type = SPDK_DIF_REFTAG_ERROR,
			.expected = 101,
			.actual = 55,
			.err_offset = 1,
		});

	layout.flags = 0;
	assert_int_equal(verify(&layout, flat, 3, &error), 0);
	/* Type 3 never looks at reference tags. */
	layout.flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	layout.type = SPDK_DIF_TYPE3;
	assert_int_equal(verify(&layout, flat, 3, &error), 0);
}

static void
masked_bits_of_the_application_tag_are_not_checked(void **state)
{
	uint8_t flat[520] = {};

	generate(&g_small, flat, 1);
	assert_int_equal(from_be16(flat + 514), 0xabcd);
	to_be16(flat + 514, 0x5bc2);
	assert_int_equal(verify(&g_small, flat, 1, NULL), 0);
	to_be16(flat + 514, 0xaacd);
	assert_int_equal(verify(&g_small, flat, 1, NULL), -1);
}

static void
reference_tags_of_all_ones_are_made_on_request(void **state)
{
	struct layout layout = g_small;
	uint8_t flat[2 * 520] = {};

	layout.init_ref_tag = SPDK_DIF_REFTAG_IGNORE;
	generate(&layout, flat, 2);
	assert_int_equal(from_be32(flat + 516), 0xffffffff);
	assert_int_equal(from_be32(flat + 520 + 516), 0xffffffff);
	/* One that only comes to it is not meant. */
	layout.init_ref_tag = SPDK_DIF_REFTAG_IGNORE - 1;
	generate(&layout, flat, 2);
	assert_int_equal(from_be32(flat + 516), 0xfffffffe);
	assert_int_equal(from_be32(flat + 520 + 516), 0xffffffff);
	assert_int_equal(verify(&layout, flat, 2, NULL), 0);
}

static void
bytes_between_the_tags_are_zeroed_in_one_piece_and_in_two(void **state)
{
	struct layout layout = {
		.data_size = 4096,
		.md_size = 16,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.format = SPDK_DIF_PI_FORMAT_32,
		.flags = ALL_FLAGS,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	uint8_t block[4112];
	struct iovec iovs[2] = {{block, 4112}, {block + 4103, 9}};

	for (int count = 1; count <= 2; count++) {
		memset(block, 0x77, sizeof(block));
		iovs[0].iov_len = count == 1 ? 4112 : 4103;
		assert_int_equal(spdk_dif_generate(iovs, count, 1, &ctx), 0);
		assert_int_equal(from_be16(block + 4096 + 6), 0);
	}
}

static void
bad_calls_are_refused(void **state)
{
	uint8_t flat[2 * 520] = {}, copy[2 * 520] = {};
	struct spdk_dif_ctx ctx = layout_context(&g_small), separate;
	struct layout layout = g_small;
	struct iovec iov = {flat, sizeof(flat) - 1};
	struct spdk_dif_error error;

	assert_int_equal(spdk_dif_generate(&iov, 1, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_verify(&iov, 1, 2, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dif_verify(&iov, 1, UINT32_MAX, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dif_generate(&iov, 0, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_generate(&iov, -1, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_generate(NULL, 0, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_generate(NULL, 0, 0, &ctx), 0);
	assert_int_equal(spdk_dif_verify(NULL, 0, 0, &ctx, &error), 0);

	/* Separate metadata has no place in these buffers. */
	layout.interleaved = false;
	separate = layout_context(&layout);
	assert_int_equal(spdk_dif_generate(&iov, 1, 1, &separate), -EINVAL);
	assert_int_equal(spdk_dif_verify(&iov, 1, 1, &separate, &error), -EINVAL);

	layout.type = SPDK_DIF_DISABLE;
	layout.interleaved = true;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_generate(&iov, 1, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_generate(&iov, 1, 1, &ctx), 0);
	assert_int_equal(spdk_dif_verify(&iov, 1, 2, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dif_verify(&iov, 1, 1, &ctx, &error), 0);
	assert_memory_equal(flat, copy, sizeof(flat));
}

/* ---- CRC-32C of the data ---- */

static void
crc32c_covers_the_data_alone(void **state)
{
	for (int round = 0; round < 300; round++) {
		struct layout layout = layout_random(fixture_random(2));
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t blocks = fixture_random(MAX_BLOCKS + 1), crc = (uint32_t)fixture_random(1ULL << 32),
			 expected = crc;
		size_t len = (size_t)blocks * layout_stride(&layout);
		uint8_t *flat = malloc(len + 1);
		struct scattered buffers;

		fixture_fill(flat, len);
		for (uint32_t i = 0; i < blocks; i++) {
			expected = reference_crc32c(expected, flat + i * layout_stride(&layout), layout.data_size);
		}
		scatter(&buffers, flat, len);
		assert_int_equal(spdk_dif_update_crc32c(buffers.iovs, buffers.count, blocks, &crc, &ctx), 0);
		assert_int_equal(crc, expected);
		assert_int_equal(spdk_dif_update_crc32c(buffers.iovs, buffers.count, blocks + 1, &crc, &ctx), -EINVAL);
		assert_int_equal(spdk_dif_update_crc32c(buffers.iovs, buffers.count, blocks, NULL, &ctx), -EINVAL);
		assert_int_equal(crc, expected);
		expect_and_free(&buffers, flat);
		free(flat);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guards_have_published_values),
		cmocka_unit_test(guards_have_catalogue_values),
		cmocka_unit_test(fields_stand_where_the_format_says),
		cmocka_unit_test(generates_what_the_reference_does),
		cmocka_unit_test(finds_what_the_reference_finds),
		cmocka_unit_test(buffers_may_be_cut_anywhere),
		cmocka_unit_test(errors_say_where_and_what),
		cmocka_unit_test(masked_bits_of_the_application_tag_are_not_checked),
		cmocka_unit_test(reference_tags_of_all_ones_are_made_on_request),
		cmocka_unit_test(bytes_between_the_tags_are_zeroed_in_one_piece_and_in_two),
		cmocka_unit_test(bad_calls_are_refused),
		cmocka_unit_test(crc32c_covers_the_data_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
