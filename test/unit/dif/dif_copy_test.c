/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: inserting PI while copying, stripping it while copying back. */

#include "dif_fixture.h"

#include "spdk/util.h"

#define MAX_BLOCKS 4

/* A transfer of some blocks: what is on the plain side, and what is on the side with metadata. */
struct transfer {
	struct layout layout;
	struct spdk_dif_ctx ctx;
	uint32_t blocks;
	/* Of a block on the plain side, and how much of it moves. */
	uint32_t plain_stride;
	uint32_t moved;
	uint8_t *plain;
	uint8_t *full;
};

static size_t
plain_len(const struct transfer *transfer)
{
	return (size_t)transfer->blocks * transfer->plain_stride;
}

static size_t
full_len(const struct transfer *transfer)
{
	return (size_t)transfer->blocks * layout_stride(&transfer->layout);
}

static struct transfer
make_transfer(const struct layout *layout, uint32_t blocks)
{
	bool larger = layout->md_size > layout_pi_size(layout);
	bool whole = (layout->flags & SPDK_DIF_FLAGS_NVME_PRACT) && larger;
	struct transfer transfer = {
		.layout = *layout,
		.ctx = layout_context(layout),
		.blocks = blocks,
		.plain_stride = layout->data_size + (whole ? layout->md_size : 0),
		.moved = layout->data_size + (whole && layout->type != SPDK_DIF_DISABLE ? layout_pi_offset(layout) : 0),
	};

	transfer.plain = malloc(plain_len(&transfer) + 1);
	transfer.full = malloc(full_len(&transfer) + 1);
	fixture_fill(transfer.plain, plain_len(&transfer));
	fixture_fill(transfer.full, full_len(&transfer));
	return transfer;
}

static void
free_transfer(struct transfer *transfer)
{
	free(transfer->plain);
	free(transfer->full);
}

/* What moves of the first blocks, one way or the other. */
static void
move(struct transfer *transfer, bool to_full, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++) {
		uint8_t *plain = transfer->plain + i * transfer->plain_stride;
		uint8_t *full = transfer->full + i * layout_stride(&transfer->layout);

		memcpy(to_full ? full : plain, to_full ? plain : full, transfer->moved);
	}
}

static struct layout
random_layout(void)
{
	struct layout layout = layout_random(true);

	if (fixture_random(2)) {
		layout.flags |= SPDK_DIF_FLAGS_NVME_PRACT;
	}
	if (fixture_random(8) == 0) {
		layout.type = SPDK_DIF_DISABLE;
	}
	return layout;
}

static void
inserts_what_the_reference_does(void **state)
{
	for (int round = 0; round < 800; round++) {
		struct layout layout = random_layout();
		struct transfer transfer = make_transfer(&layout, fixture_random(MAX_BLOCKS + 1));
		struct scattered plain, full;

		scatter(&plain, transfer.plain, plain_len(&transfer));
		scatter(&full, transfer.full, full_len(&transfer));
		move(&transfer, true, transfer.blocks);
		if (layout.type != SPDK_DIF_DISABLE) {
			reference_generate_all(&layout, transfer.full, transfer.blocks);
		}
		assert_int_equal(spdk_dif_generate_copy(plain.iovs, plain.count, full.iovs, full.count, transfer.blocks,
					 &transfer.ctx),
			0);
		expect_and_free(&full, transfer.full);
		expect_and_free(&plain, transfer.plain);
		free_transfer(&transfer);
	}
}

static void
strips_what_the_reference_accepts(void **state)
{
	int found = 0;

	for (int round = 0; round < 800; round++) {
		struct layout layout = random_layout();
		struct transfer transfer = make_transfer(&layout, 1 + fixture_random(MAX_BLOCKS));
		struct spdk_dif_error expected = {}, error = {};
		struct scattered plain, full;
		uint32_t copied;
		int rc = 0;

		if (layout.type != SPDK_DIF_DISABLE) {
			reference_generate_all(&layout, transfer.full, transfer.blocks);
			transfer.full[fixture_random(full_len(&transfer))] ^= fixture_random(2) << fixture_random(8);
			rc = reference_verify_all(&layout, transfer.full, transfer.blocks, &expected);
		}
		found += rc != 0;
		scatter(&plain, transfer.plain, plain_len(&transfer));
		scatter(&full, transfer.full, full_len(&transfer));
		assert_int_equal(spdk_dif_verify_copy(plain.iovs, plain.count, full.iovs, full.count, transfer.blocks,
					 &transfer.ctx, &error),
			rc);
		if (rc != 0) {
			expect_same_error(&error, &expected);
		}
		/* As far as the wrong block, and nothing behind it. */
		copied = rc != 0 ? expected.err_offset + 1 : transfer.blocks;
		move(&transfer, false, copied);
		expect_and_free(&plain, transfer.plain);
		expect_and_free(&full, transfer.full);
		free_transfer(&transfer);
	}
	assert_true(found > 100);
}

/* Both sides cut at the same places, around metadata, one against the other. */
static void
sides_may_be_cut_anywhere(void **state)
{
	static const enum spdk_dif_pi_format formats[] = {SPDK_DIF_PI_FORMAT_16, SPDK_DIF_PI_FORMAT_64};

	for (size_t f = 0; f < SPDK_COUNTOF(formats); f++) {
		struct layout layout = {
			.data_size = formats[f] == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096,
			.md_size = 20,
			.interleaved = true,
			.type = SPDK_DIF_TYPE1,
			.format = formats[f],
			.flags = ALL_FLAGS,
			.apptag_mask = 0xffff,
			.app_tag = 5,
		};
		struct transfer transfer = make_transfer(&layout, 2);
		uint8_t *old = malloc(full_len(&transfer));

		memcpy(old, transfer.full, full_len(&transfer));
		move(&transfer, true, 2);
		reference_generate_all(&layout, transfer.full, 2);
		for (size_t i = layout.data_size - 2; i < layout.data_size + layout.md_size + 2; i++) {
			for (size_t j = layout.data_size - 25; j < layout.data_size + 25; j++) {
				struct scattered plain, full;

				scatter_at(&plain, transfer.plain, plain_len(&transfer), &j, 1);
				scatter_at(&full, old, full_len(&transfer), &i, 1);
				assert_int_equal(spdk_dif_generate_copy(plain.iovs, plain.count, full.iovs, full.count,
							 2, &transfer.ctx),
					0);
				memset(plain.iovs[0].iov_base, 0, plain.iovs[0].iov_len);
				memset(plain.iovs[1].iov_base, 0, plain.iovs[1].iov_len);
				assert_int_equal(spdk_dif_verify_copy(plain.iovs, plain.count, full.iovs, full.count, 2,
							 &transfer.ctx, NULL),
					0);
				expect_and_free(&plain, transfer.plain);
				expect_and_free(&full, transfer.full);
			}
		}
		free(old);
		free_transfer(&transfer);
	}
}

static void
large_blocks_go_in_steps(void **state)
{
	for (int format = 0; format < 3; format++) {
		struct layout layout = {
			.data_size = 64 * 1024,
			.md_size = 64,
			.interleaved = true,
			.type = SPDK_DIF_TYPE2,
			.format = (enum spdk_dif_pi_format)format,
			.flags = ALL_FLAGS,
		};
		struct transfer transfer = make_transfer(&layout, 2);
		struct scattered plain, full;

		scatter_at(&plain, transfer.plain, plain_len(&transfer), NULL, 0);
		scatter_at(&full, transfer.full, full_len(&transfer), NULL, 0);
		move(&transfer, true, 2);
		reference_generate_all(&layout, transfer.full, 2);
		assert_int_equal(spdk_dif_generate_copy(plain.iovs, 1, full.iovs, 1, 2, &transfer.ctx), 0);
		memset(plain.iovs[0].iov_base, 0, plain.iovs[0].iov_len);
		assert_int_equal(spdk_dif_verify_copy(plain.iovs, 1, full.iovs, 1, 2, &transfer.ctx, NULL), 0);
		expect_and_free(&plain, transfer.plain);
		expect_and_free(&full, transfer.full);
		free_transfer(&transfer);
	}
}

static void
bad_calls_are_refused(void **state)
{
	static const int types[] = {SPDK_DIF_TYPE1, SPDK_DIF_DISABLE};
	uint8_t a[1040] = {1}, b[1040] = {2}, zeroes[520] = {};

	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		struct layout layout = {
			.data_size = 512,
			.md_size = 8,
			.interleaved = true,
			.type = (enum spdk_dif_type)types[i],
			.flags = ALL_FLAGS,
		};
		struct spdk_dif_ctx ctx = layout_context(&layout);
		struct iovec plain = {a, 1024}, full = {b, 1039};

		assert_int_equal(spdk_dif_generate_copy(&plain, 1, &full, 1, 2, &ctx), -EINVAL);
		assert_int_equal(spdk_dif_verify_copy(&plain, 1, &full, 1, 2, &ctx, NULL), -EINVAL);
		plain.iov_len = 1023;
		full.iov_len = 1040;
		assert_int_equal(spdk_dif_generate_copy(&plain, 1, &full, 1, 2, &ctx), -EINVAL);
		assert_int_equal(spdk_dif_verify_copy(&plain, 1, &full, 1, 2, &ctx, NULL), -EINVAL);
		assert_int_equal(spdk_dif_verify_copy(&plain, 1, &full, 0, 1, &ctx, NULL), -EINVAL);
		assert_int_equal(spdk_dif_verify_copy(NULL, 0, NULL, 0, 0, &ctx, NULL), 0);
		assert_int_equal(a[0], 1);
		assert_int_equal(b[0], 2);

		layout.interleaved = false;
		ctx = layout_context(&layout);
		full.iov_len = 512;
		assert_int_equal(spdk_dif_generate_copy(&plain, 1, &full, 1, 1, &ctx),
			layout.type == SPDK_DIF_DISABLE ? 0 : -EINVAL);
		assert_int_equal(b[0], layout.type == SPDK_DIF_DISABLE ? 1 : 2);
	}
	/* PRACT with metadata around the PI: the plain side has it too. */
	struct layout layout = {
		.data_size = 512,
		.md_size = 16,
		.interleaved = true,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS | SPDK_DIF_FLAGS_NVME_PRACT,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout);
	struct iovec plain = {zeroes, 520}, full = {b, 528};

	assert_int_equal(spdk_dif_generate_copy(&plain, 1, &full, 1, 1, &ctx), -EINVAL);
	assert_int_equal(spdk_dif_verify_copy(&plain, 1, &full, 1, 1, &ctx, NULL), -EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(inserts_what_the_reference_does),
		cmocka_unit_test(strips_what_the_reference_accepts),
		cmocka_unit_test(sides_may_be_cut_anywhere),
		cmocka_unit_test(large_blocks_go_in_steps),
		cmocka_unit_test(bad_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
