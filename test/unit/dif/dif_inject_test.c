/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: damage on purpose. */

#include "dif_fixture.h"

#include "spdk/util.h"
#include "lib/env/env_internal.h"

#define BLOCKS 3

static const uint32_t g_kinds[] = {
	SPDK_DIF_REFTAG_ERROR,
	SPDK_DIF_APPTAG_ERROR,
	SPDK_DIF_GUARD_ERROR,
	SPDK_DIF_DATA_ERROR,
};

/* Whether a byte of a block, counted from the start of data and metadata together, belongs to what is to be damaged. */
static bool
belongs(const struct layout *layout, uint32_t kind, size_t at)
{
	static const struct {
		uint32_t from, to;
	} fields[3][3] = {
		{{4, 8}, {2, 4}, {0, 2}},
		{{8, 16}, {4, 6}, {0, 4}},
		{{10, 16}, {8, 10}, {0, 8}},
	};
	size_t pi = layout->data_size + layout_pi_offset(layout);
	int which = kind == SPDK_DIF_REFTAG_ERROR ? 0 : kind == SPDK_DIF_APPTAG_ERROR ? 1 : 2;

	if (kind == SPDK_DIF_DATA_ERROR) {
		return at < layout->data_size;
	}
	return at >= pi + fields[layout->format][which].from && at < pi + fields[layout->format][which].to;
}

/* Just one bit differs, in the right place of that block. */
static void
expect_damage(const struct layout *layout, uint32_t kind, const uint8_t *before, const uint8_t *after, uint32_t block)
{
	size_t size = layout->data_size + layout->md_size;
	int bits = 0;

	for (size_t i = 0; i < BLOCKS * size; i++) {
		uint8_t difference = before[i] ^ after[i];

		if (difference != 0) {
			bits += __builtin_popcount(difference);
			assert_int_equal(i / size, block);
			assert_true(belongs(layout, kind, i % size));
		}
	}
	assert_int_equal(bits, 1);
}

/* Data and metadata of all blocks, as if they were interleaved. */
static void
merge(const struct layout *layout, uint8_t *merged, const uint8_t *flat, const uint8_t *md)
{
	for (uint32_t i = 0; i < BLOCKS; i++) {
		memcpy(merged, flat + i * layout->data_size, layout->data_size);
		memcpy(merged + layout->data_size, md + i * layout->md_size, layout->md_size);
		merged += layout->data_size + layout->md_size;
	}
}

static void
check_interleaved(const struct layout *layout, uint32_t kind)
{
	struct spdk_dif_ctx ctx = layout_context(layout);
	size_t len = (size_t)BLOCKS * layout_stride(layout);
	uint8_t *before = malloc(len), *after = malloc(len);
	struct spdk_dif_error error;
	struct scattered buffers;
	uint32_t block = 99;

	fixture_fill(before, len);
	reference_generate_all(layout, before, BLOCKS);
	scatter(&buffers, before, len);
	assert_int_equal(spdk_dif_inject_error(buffers.iovs, buffers.count, BLOCKS, &ctx, kind, &block), 0);
	gather(&buffers, after);
	expect_damage(layout, kind, before, after, block);
	/* It is noticed, as what it is. */
	assert_int_equal(spdk_dif_verify(buffers.iovs, buffers.count, BLOCKS, &ctx, &error), -1);
	assert_int_equal(error.err_type, kind == SPDK_DIF_DATA_ERROR ? SPDK_DIF_GUARD_ERROR : kind);
	assert_int_equal(error.err_offset, block);
	expect_and_free(&buffers, after);
	free(before);
	free(after);
}

static void
check_separate(const struct layout *layout, uint32_t kind)
{
	struct spdk_dif_ctx ctx = layout_context(layout);
	size_t len = (size_t)BLOCKS * layout->data_size, md_len = (size_t)BLOCKS * layout->md_size;
	uint8_t *flat = malloc(len), *md = malloc(md_len), *before = malloc(len + md_len),
		*after = malloc(len + md_len);
	struct iovec md_iov = {md, md_len};
	struct spdk_dif_error error;
	struct scattered buffers;
	uint32_t block = 99;

	fixture_fill(flat, len);
	fixture_fill(md, md_len);
	scatter(&buffers, flat, len);
	assert_int_equal(spdk_dix_generate(buffers.iovs, buffers.count, &md_iov, BLOCKS, &ctx), 0);
	merge(layout, before, flat, md);
	assert_int_equal(spdk_dix_inject_error(buffers.iovs, buffers.count, &md_iov, BLOCKS, &ctx, kind, &block), 0);
	gather(&buffers, flat);
	merge(layout, after, flat, md);
	expect_damage(layout, kind, before, after, block);
	assert_int_equal(spdk_dix_verify(buffers.iovs, buffers.count, &md_iov, BLOCKS, &ctx, &error), -1);
	assert_int_equal(error.err_type, kind == SPDK_DIF_DATA_ERROR ? SPDK_DIF_GUARD_ERROR : kind);
	assert_int_equal(error.err_offset, block);
	expect_and_free(&buffers, flat);
	free(flat);
	free(md);
	free(before);
	free(after);
}

static void
one_bit_of_the_chosen_field_changes(void **state)
{
	env_random_seed(1);
	for (int round = 0; round < 600; round++) {
		struct layout layout = layout_random(fixture_random(2));
		uint32_t kind = g_kinds[fixture_random(SPDK_COUNTOF(g_kinds))];

		layout.flags = ALL_FLAGS;
		layout.type = fixture_random(2) ? SPDK_DIF_TYPE1 : SPDK_DIF_TYPE2;
		layout.app_tag = 0x5555;
		layout.apptag_mask = 0xffff;
		layout.init_ref_tag = 1000;
		if (layout.interleaved) {
			check_interleaved(&layout, kind);
		} else {
			check_separate(&layout, kind);
		}
	}
}

static void
several_fields_are_those_of_one_block(void **state)
{
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	bool hit[8] = {};

	env_random_seed(2);
	for (int round = 0; round < 200; round++) {
		uint8_t flat[8 * 520] = {};
		struct iovec iov = {flat, sizeof(flat)};
		uint32_t block = 99;
		int bits = 0;

		assert_int_equal(spdk_dif_inject_error(&iov, 1, 8, &ctx, 0xf, &block), 0);
		assert_in_range(block, 0, 7);
		hit[block] = true;
		for (size_t i = 0; i < sizeof(flat); i++) {
			bits += __builtin_popcount(flat[i]);
			assert_true(flat[i] == 0 || i / 520 == block);
		}
		assert_int_equal(bits, 4);
	}
	for (int i = 0; i < 8; i++) {
		assert_true(hit[i]);
	}
}

static void
bad_calls_are_refused(void **state)
{
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	uint8_t flat[520] = {}, zeroes[520] = {};
	struct iovec iov = {flat, 519};
	uint32_t block = 99;

	assert_int_equal(spdk_dif_inject_error(&iov, 1, 1, &ctx, 0xf, &block), -EINVAL);
	assert_int_equal(spdk_dif_inject_error(&iov, 1, 0, &ctx, 0xf, &block), -EINVAL);
	assert_int_equal(spdk_dif_inject_error(NULL, 0, 1, &ctx, 0xf, &block), -EINVAL);
	iov.iov_len = 520;
	layout.interleaved = false;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_inject_error(&iov, 1, 1, &ctx, 0xf, &block), -EINVAL);
	layout.interleaved = true;
	layout.type = SPDK_DIF_DISABLE;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_inject_error(&iov, 1, 1, &ctx, 0xf, &block), 0);
	assert_int_equal(block, 99);
	assert_memory_equal(flat, zeroes, sizeof(flat));
	layout.type = SPDK_DIF_TYPE1;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_inject_error(&iov, 1, 1, &ctx, 0xf, NULL), 0);
	assert_memory_not_equal(flat, zeroes, sizeof(flat));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_bit_of_the_chosen_field_changes),
		cmocka_unit_test(several_fields_are_those_of_one_block),
		cmocka_unit_test(bad_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
