/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: giving blocks other reference tags. */

#include "dif_fixture.h"

#include "spdk/util.h"

#define MAX_BLOCKS 4

/*
 * Blocks as the layout makes them become blocks as it makes them with another first tag. Both of separate metadata (md) and
 * of interleaved metadata (flat alone).
 */
struct blocks {
	struct layout layout;
	uint32_t count;
	uint8_t *flat;
	uint8_t *md;
};

static uint8_t *
block_data(const struct blocks *blocks, uint32_t i)
{
	return blocks->flat + i * layout_stride(&blocks->layout);
}

static uint8_t *
block_md(const struct blocks *blocks, uint32_t i)
{
	return blocks->layout.interleaved ? block_data(blocks, i) + blocks->layout.data_size
					  : blocks->md + i * blocks->layout.md_size;
}

static struct blocks
make_blocks(const struct layout *layout, uint32_t count)
{
	struct blocks blocks = {.layout = *layout, .count = count};

	blocks.flat = malloc((size_t)count * layout_stride(layout));
	blocks.md = malloc((size_t)count * layout->md_size);
	fixture_fill(blocks.flat, (size_t)count * layout_stride(layout));
	fixture_fill(blocks.md, (size_t)count * layout->md_size);
	for (uint32_t i = 0; i < count; i++) {
		reference_generate(layout, block_data(&blocks, i), block_md(&blocks, i), i);
	}
	return blocks;
}

static void
free_blocks(struct blocks *blocks)
{
	free(blocks->flat);
	free(blocks->md);
}

/* Scatters, remaps, gathers. */
static int
remap(struct blocks *blocks, uint32_t first, bool check, struct spdk_dif_error *error)
{
	struct spdk_dif_ctx ctx = layout_context(&blocks->layout);
	struct iovec md = {.iov_base = blocks->md, .iov_len = (size_t)blocks->count * blocks->layout.md_size};
	struct scattered buffers;
	int rc;

	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, first);
	if (!blocks->layout.interleaved) {
		return spdk_dix_remap_ref_tag(&md, blocks->count, &ctx, error, check);
	}
	scatter(&buffers, blocks->flat, (size_t)blocks->count * layout_stride(&blocks->layout));
	rc = spdk_dif_remap_ref_tag(buffers.iovs, buffers.count, blocks->count, &ctx, error, check);
	gather(&buffers, blocks->flat);
	expect_and_free(&buffers, blocks->flat);
	return rc;
}

static void
tags_become_those_of_another_start(void **state)
{
	for (int round = 0; round < 1000; round++) {
		struct layout layout = layout_random(fixture_random(2));
		struct blocks blocks, expected;
		uint32_t first = (uint32_t)fixture_random(1ULL << 32);

		/* Application tags that escape are another test. */
		layout.app_tag &= 0x7fff;
		layout.flags |= SPDK_DIF_FLAGS_REFTAG_CHECK;
		if (layout.init_ref_tag == SPDK_DIF_REFTAG_IGNORE) {
			layout.init_ref_tag = 0;
		}
		blocks = make_blocks(&layout, 1 + fixture_random(MAX_BLOCKS));
		expected = blocks;
		expected.flat = malloc((size_t)blocks.count * layout_stride(&layout));
		expected.md = malloc((size_t)blocks.count * layout.md_size);
		memcpy(expected.flat, blocks.flat, (size_t)blocks.count * layout_stride(&layout));
		memcpy(expected.md, blocks.md, (size_t)blocks.count * layout.md_size);
		expected.layout.init_ref_tag = first;
		if (layout.type == SPDK_DIF_TYPE3) {
			/* The tag is given as it is, wherever in the transfer. */
			expected.layout.data_offset = 0;
		}
		for (uint32_t i = 0; i < blocks.count; i++) {
			reference_generate(&expected.layout, block_data(&expected, i), block_md(&expected, i), i);
		}

		assert_int_equal(remap(&blocks, first, fixture_random(2), NULL), 0);
		assert_memory_equal(blocks.flat, expected.flat, (size_t)blocks.count * layout_stride(&layout));
		assert_memory_equal(blocks.md, expected.md, (size_t)blocks.count * layout.md_size);
		free_blocks(&blocks);
		free_blocks(&expected);
	}
}

static const struct layout g_small = {
	.data_size = 512,
	.md_size = 8,
	.interleaved = true,
	.type = SPDK_DIF_TYPE1,
	.flags = ALL_FLAGS,
	.init_ref_tag = 10,
};

static void
wrong_old_tags_stop_it(void **state)
{
	struct blocks blocks = make_blocks(&g_small, 3);
	struct spdk_dif_error error;

	block_md(&blocks, 1)[7] = 77;
	assert_int_equal(remap(&blocks, 200, true, &error), -1);
	expect_same_error(&error,
		&(struct spdk_dif_error){
			.err_type = SPDK_DIF_REFTAG_ERROR,
			.expected = 11,
			.actual = 77,
			.err_offset = 1,
		});
	assert_int_equal(block_md(&blocks, 0)[7], 200);
	assert_int_equal(block_md(&blocks, 1)[7], 77);
	assert_int_equal(block_md(&blocks, 2)[7], 12);

	/* The other way, nobody looks. */
	assert_int_equal(remap(&blocks, 200, false, &error), 0);
	assert_int_equal(block_md(&blocks, 0)[7], 200);
	assert_int_equal(block_md(&blocks, 1)[7], 201);
	assert_int_equal(block_md(&blocks, 2)[7], 202);
	free_blocks(&blocks);
}

static void
wrong_old_tags_stop_it_in_separate_metadata_too(void **state)
{
	struct layout layout = g_small;
	struct spdk_dif_error error;
	struct blocks blocks;

	layout.interleaved = false;
	blocks = make_blocks(&layout, 2);
	block_md(&blocks, 1)[7] = 77;
	assert_int_equal(remap(&blocks, 200, true, &error), -1);
	assert_int_equal(error.err_offset, 1);
	assert_int_equal(block_md(&blocks, 0)[7], 200);
	assert_int_equal(block_md(&blocks, 1)[7], 77);
	free_blocks(&blocks);
}

static void
escaped_blocks_keep_theirs(void **state)
{
	for (int type = SPDK_DIF_TYPE1; type <= SPDK_DIF_TYPE3; type++) {
		struct layout layout = g_small;
		struct blocks blocks;
		uint8_t *pi;

		layout.type = (enum spdk_dif_type)type;
		blocks = make_blocks(&layout, 1);
		pi = block_md(&blocks, 0);
		memset(pi + 2, 0xff, 6);
		assert_int_equal(remap(&blocks, 200, true, NULL), 0);
		assert_int_equal(pi[7], 0xff);
		/* Half an escape is one for types 1 and 2. */
		pi[7] = 10;
		assert_int_equal(remap(&blocks, 200, true, NULL), 0);
		assert_int_equal(pi[7], type == SPDK_DIF_TYPE3 ? 200 : 10);
		free_blocks(&blocks);
	}
}

static void
without_reference_tags_nothing_happens(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct layout layout = g_small;
		struct blocks blocks;

		layout.interleaved = i & 2;
		layout.flags = SPDK_DIF_FLAGS_GUARD_CHECK;
		if (i & 1) {
			layout.flags = ALL_FLAGS;
			layout.type = SPDK_DIF_DISABLE;
		}
		blocks = make_blocks(&layout, 2);
		memset(block_md(&blocks, 0), 0x11, 8);
		assert_int_equal(remap(&blocks, 200, true, NULL), 0);
		assert_int_equal(block_md(&blocks, 0)[7], 0x11);
		free_blocks(&blocks);
	}
}

static void
bad_calls_are_refused(void **state)
{
	struct layout layout = g_small;
	struct spdk_dif_ctx ctx = layout_context(&layout);
	uint8_t flat[520] = {};
	struct iovec iov = {flat, 519};

	assert_int_equal(spdk_dif_remap_ref_tag(&iov, 1, 1, &ctx, NULL, false), -EINVAL);
	assert_int_equal(spdk_dif_remap_ref_tag(NULL, 0, 1, &ctx, NULL, false), -EINVAL);
	assert_int_equal(spdk_dif_remap_ref_tag(NULL, 0, 0, &ctx, NULL, false), 0);
	layout.interleaved = false;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_remap_ref_tag(&iov, 1, 1, &ctx, NULL, false), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_become_those_of_another_start),
		cmocka_unit_test(wrong_old_tags_stop_it),
		cmocka_unit_test(wrong_old_tags_stop_it_in_separate_metadata_too),
		cmocka_unit_test(escaped_blocks_keep_theirs),
		cmocka_unit_test(without_reference_tags_nothing_happens),
		cmocka_unit_test(bad_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
