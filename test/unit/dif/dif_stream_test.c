/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: payloads in segments, segments in parts. */

#include "dif_fixture.h"

#include "spdk/util.h"

#define MAX_PARTS 16

/* A payload of blocks, cut into segments at any byte of data. */
struct payload {
	struct layout layout;
	uint32_t blocks;
	uint32_t data_len;
	uint8_t *flat;
	int num_segments;
	/* In bytes of data; one more than segments. */
	uint32_t ends[MAX_PARTS + 1];
	struct scattered segments[MAX_PARTS];
};

/* Where a byte of data stands among the metadata. */
static size_t
stored(const struct payload *payload, uint32_t data_offset)
{
	const struct layout *layout = &payload->layout;

	return (size_t)data_offset / layout->data_size * layout_stride(layout) + data_offset % layout->data_size;
}

static struct payload
make_payload(void)
{
	struct payload payload = {.layout = layout_random(true), .blocks = 1 + fixture_random(4)};

	payload.layout.data_offset = 0;
	if (payload.layout.type == SPDK_DIF_TYPE3) {
		/* That tag is counted from the segment, of which the reference knows nothing; and nobody looks at it. */
		payload.layout.flags &= ~SPDK_DIF_FLAGS_REFTAG_CHECK;
	}
	payload.data_len = payload.blocks * payload.layout.data_size;
	payload.flat = malloc(stored(&payload, payload.data_len));
	fixture_fill(payload.flat, stored(&payload, payload.data_len));
	payload.num_segments = 1 + fixture_random(MAX_PARTS);
	for (int i = 1; i < payload.num_segments; i++) {
		uint32_t last = payload.ends[i - 1];

		payload.ends[i] = last + fixture_random((payload.data_len - last) / 2 + 1);
	}
	payload.ends[payload.num_segments] = payload.data_len;
	return payload;
}

static void
scatter_payload(struct payload *payload)
{
	for (int i = 0; i < payload->num_segments; i++) {
		size_t from = stored(payload, payload->ends[i]);

		scatter(&payload->segments[i], payload->flat + from, stored(payload, payload->ends[i + 1]) - from);
	}
}

static void
expect_and_free_payload(struct payload *payload)
{
	for (int i = 0; i < payload->num_segments; i++) {
		expect_and_free(&payload->segments[i], payload->flat + stored(payload, payload->ends[i]));
	}
	free(payload->flat);
}

/* Calls of random length that go over a segment from its start to its end. */
struct walk {
	uint32_t offset;
	uint32_t len;
	uint32_t total;
};

static struct walk
walk_start(const struct payload *payload, int segment)
{
	return (struct walk){.total = payload->ends[segment + 1] - payload->ends[segment]};
}

static bool
walk_next(struct walk *walk)
{
	walk->offset += walk->len;
	walk->len = fixture_random(walk->total - walk->offset + 1);
	if (fixture_random(4) == 0) {
		walk->len = walk->total - walk->offset;
	}
	return walk->offset < walk->total;
}

static void
generates_what_the_reference_does(void **state)
{
	for (int round = 0; round < 600; round++) {
		struct payload payload = make_payload();
		struct spdk_dif_ctx ctx = layout_context(&payload.layout);

		scatter_payload(&payload);
		for (int i = 0; i < payload.num_segments; i++) {
			struct scattered *segment = &payload.segments[i];
			struct walk walk = walk_start(&payload, i);

			spdk_dif_ctx_set_data_offset(&ctx, payload.ends[i]);
			while (walk_next(&walk)) {
				assert_int_equal(spdk_dif_generate_stream(
							 segment->iovs, segment->count, walk.offset, walk.len, &ctx),
					0);
			}
		}
		assert_int_equal(ctx.last_guard, ctx.guard_seed);
		reference_generate_all(&payload.layout, payload.flat, payload.blocks);
		expect_and_free_payload(&payload);
	}
}

static void
finds_what_the_reference_finds(void **state)
{
	int found = 0;

	for (int round = 0; round < 800; round++) {
		struct payload payload = make_payload();
		struct spdk_dif_ctx ctx = layout_context(&payload.layout);
		struct spdk_dif_error expected = {}, error = {};
		int rc = 0, expected_rc;

		reference_generate_all(&payload.layout, payload.flat, payload.blocks);
		payload.flat[fixture_random(stored(&payload, payload.data_len))] ^= fixture_random(2)
			<< fixture_random(8);
		expected_rc = reference_verify_all(&payload.layout, payload.flat, payload.blocks, &expected);
		scatter_payload(&payload);
		for (int i = 0; i < payload.num_segments && rc == 0; i++) {
			struct scattered *segment = &payload.segments[i];
			struct walk walk = walk_start(&payload, i);

			spdk_dif_ctx_set_data_offset(&ctx, payload.ends[i]);
			while (rc == 0 && walk_next(&walk)) {
				struct spdk_dif_ctx before = ctx;

				rc = spdk_dif_verify_stream(
					segment->iovs, segment->count, walk.offset, walk.len, &ctx, &error);
				if (rc != 0) {
					assert_memory_equal(&ctx, &before, sizeof(ctx));
					error.err_offset += payload.ends[i] / payload.layout.data_size;
				}
			}
		}
		assert_int_equal(rc, expected_rc);
		if (rc != 0) {
			expect_same_error(&error, &expected);
			found++;
		}
		expect_and_free_payload(&payload);
	}
	assert_true(found > 100);
}

static void
crc32c_goes_on_over_segments(void **state)
{
	for (int round = 0; round < 300; round++) {
		struct payload payload = make_payload();
		struct spdk_dif_ctx ctx = layout_context(&payload.layout);
		uint32_t crc = ~0U, expected = ~0U;

		scatter_payload(&payload);
		for (int i = 0; i < payload.num_segments; i++) {
			struct scattered *segment = &payload.segments[i];
			struct walk walk = walk_start(&payload, i);

			spdk_dif_ctx_set_data_offset(&ctx, payload.ends[i]);
			while (walk_next(&walk)) {
				assert_int_equal(spdk_dif_update_crc32c_stream(segment->iovs, segment->count,
							 walk.offset, walk.len, &crc, &ctx),
					0);
			}
		}
		for (uint32_t i = 0; i < payload.blocks; i++) {
			expected = reference_crc32c(
				expected, payload.flat + i * layout_stride(&payload.layout), payload.layout.data_size);
		}
		assert_int_equal(crc, expected);
		expect_and_free_payload(&payload);
	}
}

/* Segments of whole blocks are independent of each other, even while another one is half done. */
static void
blocks_come_in_any_order(void **state)
{
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS,
		.init_ref_tag = 7,
	};
	static const uint32_t order[] = {2, 0, 3, 1};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	uint8_t flat[4 * 520], expected[4 * 520];

	fixture_fill(flat, sizeof(flat));
	memcpy(expected, flat, sizeof(flat));
	reference_generate_all(&layout, expected, 4);
	/* One begins, and is given up. */
	assert_int_equal(spdk_dif_generate_stream(&(struct iovec){flat, 520}, 1, 0, 300, &ctx), 0);
	assert_int_not_equal(ctx.last_guard, 0);
	for (size_t i = 0; i < SPDK_COUNTOF(order); i++) {
		struct iovec iov = {flat + order[i] * 520, 520};

		spdk_dif_ctx_set_data_offset(&ctx, order[i] * 512);
		assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 512, &ctx), 0);
	}
	assert_memory_equal(flat, expected, sizeof(flat));
}

static void
the_guard_of_a_begun_block_waits_in_the_context(void **state)
{
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS,
		.guard_seed = 0x1234,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	uint8_t flat[520] = {};
	struct iovec iov = {flat, 520};
	uint64_t guard;

	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 100, &ctx), 0);
	guard = ctx.last_guard;
	assert_int_not_equal(guard, 0x1234);
	/* Nothing to do: nothing happens. */
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 0, &ctx), 0);
	assert_int_equal(spdk_dif_verify_stream(&iov, 1, 512, 0, &ctx, NULL), 0);
	assert_int_equal(ctx.last_guard, guard);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 100, 412, &ctx), 0);
	assert_int_equal(ctx.last_guard, 0x1234);

	/* Without guards it is not touched. */
	ctx.dif_flags = SPDK_DIF_FLAGS_REFTAG_CHECK;
	ctx.last_guard = 99;
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 512, &ctx), 0);
	assert_int_equal(ctx.last_guard, 99);
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
		.data_offset = 100,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout), before = ctx;
	uint8_t flat[520 - 100] = {}, zeroes[520 - 100] = {};
	struct iovec iov = {flat, sizeof(flat)};
	uint32_t crc = 3;

	assert_int_equal(spdk_dif_generate_stream(NULL, 1, 0, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_generate_stream(&iov, 0, 0, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_verify_stream(NULL, 1, 0, 1, &ctx, NULL), -EINVAL);
	assert_int_equal(spdk_dif_verify_stream(&iov, -1, 0, 1, &ctx, NULL), -EINVAL);
	assert_int_equal(spdk_dif_update_crc32c_stream(NULL, 1, 0, 1, &crc, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_update_crc32c_stream(&iov, 0, 0, 1, &crc, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_update_crc32c_stream(&iov, 1, 0, 1, NULL, &ctx), -EINVAL);

	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 413, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 413, 0, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, UINT32_MAX, UINT32_MAX, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_verify_stream(&iov, 1, 412, 1, &ctx, NULL), -ERANGE);
	assert_int_equal(spdk_dif_update_crc32c_stream(&iov, 1, 412, 1, &crc, &ctx), -ERANGE);
	/* The end of the block is there, but not all of its metadata. */
	iov.iov_len--;
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 412, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 411, &ctx), 0);
	ctx.last_guard = before.last_guard;
	assert_memory_equal(&ctx, &before, sizeof(ctx));

	layout.interleaved = false;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 412, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_verify_stream(&iov, 1, 0, 412, &ctx, NULL), -EINVAL);
	layout.interleaved = true;
	layout.type = SPDK_DIF_DISABLE;
	ctx = layout_context(&layout);
	iov.iov_len = sizeof(flat);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 412, &ctx), 0);
	assert_int_equal(spdk_dif_generate_stream(&iov, 1, 0, 413, &ctx), -ERANGE);
	assert_int_equal(spdk_dif_verify_stream(&iov, 1, 0, 412, &ctx, NULL), 0);
	assert_int_equal(spdk_dif_update_crc32c_stream(&iov, 1, 0, 412, &crc, &ctx), 0);
	assert_int_equal(crc, 3);
	assert_memory_equal(flat, zeroes, sizeof(flat));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generates_what_the_reference_does),
		cmocka_unit_test(finds_what_the_reference_finds),
		cmocka_unit_test(crc32c_goes_on_over_segments),
		cmocka_unit_test(blocks_come_in_any_order),
		cmocka_unit_test(the_guard_of_a_begun_block_waits_in_the_context),
		cmocka_unit_test(bad_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
