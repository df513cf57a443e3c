/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: what a context may be, and where data lies between metadata. */

#include "dif_fixture.h"

#include "spdk/util.h"

static int
init(struct spdk_dif_ctx *ctx, uint32_t block_size, uint32_t md_size, bool interleaved, int type, int format)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = sizeof(opts),
		.dif_pi_format = (uint32_t)format,
	};

	return spdk_dif_ctx_init(ctx, block_size, md_size, interleaved, false, (enum spdk_dif_type)type, ALL_FLAGS, 0,
		0, 0, 0, 0, &opts);
}

struct impossible {
	uint32_t block_size;
	uint32_t md_size;
	bool interleaved;
	int type;
	int format;
};

static const struct impossible g_impossible[] = {
	{4096 + 16, 16, true, SPDK_DIF_TYPE1, 3},
	{4096 + 16, 16, true, SPDK_DIF_TYPE1, -1},
	{512 + 8, 8, true, 4, SPDK_DIF_PI_FORMAT_16},
	{512 + 8, 8, true, -1, SPDK_DIF_PI_FORMAT_16},
	/* No room for the PI. */
	{512, 0, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{512, 0, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{512, 0, false, SPDK_DIF_DISABLE, SPDK_DIF_PI_FORMAT_16},
	{512 + 7, 7, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{4096 + 15, 15, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_32},
	{4096, 15, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_64},
	/* Metadata larger than the block, or all of it. */
	{8, 16, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{0, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{8, UINT32_MAX, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{8, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{0, 8, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	/* Data that is no multiple of what it should be. */
	{512, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{512 + 16, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{513, 8, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{256, 8, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16},
	{512 + 16, 16, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_32},
	{4096 + 512, 16, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_64},
	{UINT32_MAX, 8, false, SPDK_DIF_DISABLE, SPDK_DIF_PI_FORMAT_16},
};

static void
impossible_contexts_are_refused(void **state)
{
	struct spdk_dif_ctx ctx, before;

	memset(&ctx, 0x5a, sizeof(ctx));
	before = ctx;
	for (size_t i = 0; i < SPDK_COUNTOF(g_impossible); i++) {
		const struct impossible *it = &g_impossible[i];

		if (init(&ctx, it->block_size, it->md_size, it->interleaved, it->type, it->format) != -EINVAL) {
			fail_msg("number %zu was accepted", i);
		}
		assert_memory_equal(&ctx, &before, sizeof(ctx));
	}
}

static void
possible_contexts_are_accepted(void **state)
{
	struct spdk_dif_ctx ctx;

	assert_int_equal(init(&ctx, 512 + 8, 8, true, SPDK_DIF_DISABLE, SPDK_DIF_PI_FORMAT_16), 0);
	assert_int_equal(init(&ctx, 512, 8, false, SPDK_DIF_TYPE3, SPDK_DIF_PI_FORMAT_16), 0);
	assert_int_equal(init(&ctx, 4096 + 128, 128, true, SPDK_DIF_TYPE2, SPDK_DIF_PI_FORMAT_64), 0);
	assert_int_equal(init(&ctx, 4096, UINT32_MAX, false, SPDK_DIF_TYPE2, SPDK_DIF_PI_FORMAT_32), 0);
	assert_int_equal(init(&ctx, UINT32_MAX - 511, 8, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16), 0);
}

static void
fields_follow_from_arguments(void **state)
{
	struct spdk_dif_ctx ctx;

	/* Without options, the format is 16. */
	assert_int_equal(spdk_dif_ctx_init(&ctx, 512 + 16, 16, true, false, SPDK_DIF_TYPE2, ALL_FLAGS, 0xfffffff0,
				 0xff00, 0x1234, 5 * 512 + 100, 0x77, NULL),
		0);
	assert_int_equal(ctx.block_size, 528);
	assert_int_equal(ctx.md_size, 16);
	assert_true(ctx.md_interleave);
	assert_int_equal(ctx.dif_type, SPDK_DIF_TYPE2);
	assert_int_equal(ctx.dif_pi_format, SPDK_DIF_PI_FORMAT_16);
	assert_int_equal(ctx.dif_flags, ALL_FLAGS);
	assert_int_equal(ctx.init_ref_tag, 0xfffffff0);
	assert_int_equal(ctx.apptag_mask, 0xff00);
	assert_int_equal(ctx.app_tag, 0x1234);
	assert_int_equal(ctx.data_offset, 5 * 512 + 100);
	assert_int_equal(ctx.ref_tag_offset, 5);
	assert_int_equal(ctx.remapped_init_ref_tag, 0);
	assert_int_equal(ctx.guard_seed, 0x77);
	assert_int_equal(ctx.last_guard, 0x77);
	assert_int_equal(ctx.guard_interval, 520);

	spdk_dif_ctx_set_data_offset(&ctx, 7 * 512 - 1);
	assert_int_equal(ctx.data_offset, 7 * 512 - 1);
	assert_int_equal(ctx.ref_tag_offset, 6);
	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, 99);
	assert_int_equal(ctx.remapped_init_ref_tag, 99);
	assert_int_equal(ctx.init_ref_tag, 0xfffffff0);
}

static void
guard_stands_where_the_layout_says(void **state)
{
	static const struct {
		bool interleaved, head;
		uint32_t guard_interval;
	} cases[] = {{true, true, 4096}, {true, false, 4096 + 64 - 16}, {false, true, 0}, {false, false, 64 - 16}};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct layout layout = {
			.data_size = 4096,
			.md_size = 64,
			.interleaved = cases[i].interleaved,
			.head = cases[i].head,
			.type = SPDK_DIF_TYPE1,
			.format = SPDK_DIF_PI_FORMAT_32,
		};

		assert_int_equal(layout_context(&layout).guard_interval, cases[i].guard_interval);
	}
}

static void
sizes_of_formats(void **state)
{
	assert_int_equal(spdk_dif_pi_format_get_size(SPDK_DIF_PI_FORMAT_16), 8);
	assert_int_equal(spdk_dif_pi_format_get_size(SPDK_DIF_PI_FORMAT_32), 16);
	assert_int_equal(spdk_dif_pi_format_get_size(SPDK_DIF_PI_FORMAT_64), 16);
	assert_int_equal(spdk_dif_pi_format_get_size((enum spdk_dif_pi_format)3), 0);
}

/* ---- Ranges ---- */

static void
expect_range(const struct spdk_dif_ctx *ctx, uint32_t offset, uint32_t len, uint32_t buf_offset, uint32_t buf_len)
{
	uint32_t actual_offset, actual_len;

	spdk_dif_get_range_with_md(offset, len, &actual_offset, &actual_len, ctx);
	assert_int_equal(actual_offset, buf_offset);
	assert_int_equal(actual_len, buf_len);
}

static void
ranges_count_metadata(void **state)
{
	struct spdk_dif_ctx ctx;

	assert_int_equal(init(&ctx, 512 + 8, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16), 0);
	assert_int_equal(spdk_dif_get_length_with_md(0, &ctx), 0);
	assert_int_equal(spdk_dif_get_length_with_md(511, &ctx), 511);
	assert_int_equal(spdk_dif_get_length_with_md(512, &ctx), 520);
	assert_int_equal(spdk_dif_get_length_with_md(1024 + 3, &ctx), 1040 + 3);
	expect_range(&ctx, 0, 0, 0, 0);
	expect_range(&ctx, 0, 512, 0, 520);
	expect_range(&ctx, 511, 1, 511, 9);
	expect_range(&ctx, 512, 1, 520, 1);
	expect_range(&ctx, 700, 500, 708, 508);
	expect_range(&ctx, 1, 1023, 1, 1039);
	expect_range(&ctx, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX);
	assert_int_equal(spdk_dif_get_length_with_md(UINT32_MAX, &ctx), UINT32_MAX);

	assert_int_equal(init(&ctx, 512, 8, false, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16), 0);
	assert_int_equal(spdk_dif_get_length_with_md(1027, &ctx), 1027);
	expect_range(&ctx, 700, 500, 700, 500);
}

/* What is listed is data, all of it in order, and no metadata: seen by the bytes. */
static void
data_is_listed_without_metadata(void **state)
{
	for (int round = 0; round < 2000; round++) {
		struct layout layout = layout_random(true);
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t blocks = 1 + fixture_random(4), segment = layout.data_offset % layout.data_size;
		uint32_t total = blocks * layout.data_size - segment;
		uint32_t offset = fixture_random(total + 1), len = fixture_random(total - offset + 1), mapped, done = 0;
		uint32_t stored = blocks * layout_stride(&layout);
		uint8_t *flat = malloc(stored);
		struct iovec listed[FIXTURE_MAX_IOVS + 8];
		int room = 1 + fixture_random(SPDK_COUNTOF(listed)), count;
		struct scattered buffers;

		fixture_fill(flat, stored);
		scatter(&buffers, flat + segment, stored - segment);
		count = spdk_dif_set_md_interleave_iovs(
			listed, room, buffers.iovs, buffers.count, offset, len, &mapped, &ctx);
		assert_in_range(count, 0, room);
		assert_true(count == room || mapped == len);
		for (int i = 0; i < count; i++) {
			for (size_t j = 0; j < listed[i].iov_len; j++, done++) {
				uint32_t at = segment + offset + done;

				assert_int_equal(((uint8_t *)listed[i].iov_base)[j],
					flat[at / layout.data_size * layout_stride(&layout) + at % layout.data_size]);
			}
		}
		assert_int_equal(done, mapped);
		expect_and_free(&buffers, flat + segment);
		free(flat);
	}
}

static void
lists_of_data_are_refused(void **state)
{
	uint8_t buf[1040];
	struct iovec buffer = {buf, sizeof(buf)}, listed[4];
	struct spdk_dif_ctx ctx;
	uint32_t mapped = 77;

	assert_int_equal(init(&ctx, 512 + 8, 8, true, SPDK_DIF_TYPE1, SPDK_DIF_PI_FORMAT_16), 0);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(NULL, 4, &buffer, 1, 0, 512, &mapped, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 0, &buffer, 1, 0, 512, &mapped, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, NULL, 1, 0, 512, &mapped, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 0, 0, 512, &mapped, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, -1, 0, 512, &mapped, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 1, 1, 1024, &mapped, &ctx), -ERANGE);
	assert_int_equal(
		spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 1, UINT32_MAX, UINT32_MAX, &mapped, &ctx), -ERANGE);
	assert_int_equal(mapped, 77);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 1, 0, 1024, NULL, &ctx), 2);
	/* The metadata of a block that the range ends must be there too. */
	buffer.iov_len = 519;
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 1, 0, 512, &mapped, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_set_md_interleave_iovs(listed, 4, &buffer, 1, 0, 511, &mapped, &ctx), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_contexts_are_refused),
		cmocka_unit_test(possible_contexts_are_accepted),
		cmocka_unit_test(fields_follow_from_arguments),
		cmocka_unit_test(guard_stands_where_the_layout_says),
		cmocka_unit_test(sizes_of_formats),
		cmocka_unit_test(ranges_count_metadata),
		cmocka_unit_test(data_is_listed_without_metadata),
		cmocka_unit_test(lists_of_data_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
