/* SPDX-License-Identifier: BSD-3-Clause */

/* lib/dif: PI in separate metadata. */

#include "dif_fixture.h"

#include "spdk/util.h"

#define MAX_BLOCKS 4

/* Metadata of blocks in heap memory of its size. */
static struct iovec
make_md(const struct layout *layout, uint32_t blocks)
{
	struct iovec md = {.iov_len = (size_t)blocks * layout->md_size};

	md.iov_base = malloc(md.iov_len);
	fixture_fill(md.iov_base, md.iov_len);
	return md;
}

static void
generate_all(const struct layout *layout, const uint8_t *flat, uint8_t *md, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++) {
		reference_generate(layout, flat + i * layout->data_size, md + i * layout->md_size, i);
	}
}

static int
verify_all(const struct layout *layout, const uint8_t *flat, const uint8_t *md, uint32_t blocks,
	struct spdk_dif_error *error)
{
	int rc = 0;

	for (uint32_t i = 0; i < blocks && rc == 0; i++) {
		rc = reference_verify(layout, flat + i * layout->data_size, md + i * layout->md_size, i, error);
	}
	return rc;
}

static void
does_what_the_reference_does(void **state)
{
	int found = 0;

	for (int round = 0; round < 1500; round++) {
		struct layout layout = layout_random(false);
		struct spdk_dif_ctx ctx = layout_context(&layout);
		uint32_t blocks = 1 + fixture_random(MAX_BLOCKS);
		size_t len = (size_t)blocks * layout.data_size;
		struct iovec md = make_md(&layout, blocks);
		uint8_t *flat = malloc(len), *expected_md = malloc(md.iov_len);
		struct spdk_dif_error expected = {}, error = {};
		struct scattered buffers;
		int rc;

		fixture_fill(flat, len);
		memcpy(expected_md, md.iov_base, md.iov_len);
		generate_all(&layout, flat, expected_md, blocks);
		scatter(&buffers, flat, len);
		assert_int_equal(spdk_dix_generate(buffers.iovs, buffers.count, &md, blocks, &ctx), 0);
		expect_and_free(&buffers, flat);
		assert_memory_equal(md.iov_base, expected_md, md.iov_len);

		flat[fixture_random(len)] ^= fixture_random(2) << fixture_random(8);
		((uint8_t *)md.iov_base)[fixture_random(md.iov_len)] ^= fixture_random(2) << fixture_random(8);
		rc = verify_all(&layout, flat, md.iov_base, blocks, &expected);
		found += rc != 0;
		scatter(&buffers, flat, len);
		assert_int_equal(spdk_dix_verify(buffers.iovs, buffers.count, &md, blocks, &ctx, &error), rc);
		if (rc != 0) {
			expect_same_error(&error, &expected);
		}
		expect_and_free(&buffers, flat);
		free(flat);
		free(expected_md);
		free(md.iov_base);
	}
	assert_true(found > 300);
}

static void
data_may_be_cut_anywhere(void **state)
{
	for (int format = 0; format < 3; format++) {
		struct layout layout = {
			.data_size = format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096,
			.md_size = 24,
			.type = SPDK_DIF_TYPE1,
			.format = (enum spdk_dif_pi_format)format,
			.flags = ALL_FLAGS,
		};
		struct spdk_dif_ctx ctx = layout_context(&layout);
		size_t len = 2 * layout.data_size;
		struct iovec md = make_md(&layout, 2);
		uint8_t *flat = malloc(len), *expected_md = malloc(md.iov_len);

		fixture_fill(flat, len);
		memcpy(expected_md, md.iov_base, md.iov_len);
		generate_all(&layout, flat, expected_md, 2);
		for (size_t cut = 0; cut <= len;
			cut += cut > layout.data_size - 20 && cut < layout.data_size + 20 ? 1 : 7) {
			struct scattered buffers;

			scatter_at(&buffers, flat, len, &cut, 1);
			assert_int_equal(spdk_dix_generate(buffers.iovs, buffers.count, &md, 2, &ctx), 0);
			assert_memory_equal(md.iov_base, expected_md, md.iov_len);
			assert_int_equal(spdk_dix_verify(buffers.iovs, buffers.count, &md, 2, &ctx, NULL), 0);
			expect_and_free(&buffers, flat);
		}
		free(flat);
		free(expected_md);
		free(md.iov_base);
	}
}

static void
bad_calls_are_refused(void **state)
{
	struct layout layout = {
		.data_size = 512,
		.md_size = 8,
		.type = SPDK_DIF_TYPE1,
		.flags = ALL_FLAGS,
	};
	struct spdk_dif_ctx ctx = layout_context(&layout), interleaved;
	uint8_t data[1024] = {}, md_buf[16] = {}, zeroes[16] = {};
	struct iovec iov = {data, 1024}, md = {md_buf, 15}, none = {NULL, 16};
	struct spdk_dif_error error;
	uint32_t block;

	assert_int_equal(spdk_dix_generate(&iov, 1, &md, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 1, &md, 2, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dix_remap_ref_tag(&md, 2, &ctx, &error, false), -EINVAL);
	assert_int_equal(spdk_dix_inject_error(&iov, 1, &md, 2, &ctx, SPDK_DIF_GUARD_ERROR, &block), -EINVAL);
	assert_int_equal(spdk_dix_generate(&iov, 1, &none, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 1, &none, 2, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dix_generate(&iov, 1, NULL, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dix_remap_ref_tag(NULL, 2, &ctx, &error, false), -EINVAL);
	md.iov_len = 16;
	iov.iov_len = 1023;
	assert_int_equal(spdk_dix_generate(&iov, 1, &md, 2, &ctx), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 1, &md, 2, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 0, &md, 1, &ctx, &error), -EINVAL);
	assert_int_equal(spdk_dix_inject_error(&iov, 1, &md, 0, &ctx, SPDK_DIF_GUARD_ERROR, &block), -EINVAL);
	assert_int_equal(spdk_dix_generate(NULL, 0, &md, 0, &ctx), 0);

	/* PI that belongs behind the data would be written behind the metadata. */
	iov.iov_len = 1024;
	layout.interleaved = true;
	interleaved = layout_context(&layout);
	assert_int_equal(spdk_dix_generate(&iov, 1, &md, 1, &interleaved), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 1, &md, 1, &interleaved, &error), -EINVAL);
	assert_int_equal(spdk_dix_remap_ref_tag(&md, 1, &interleaved, &error, false), -EINVAL);
	assert_int_equal(spdk_dix_inject_error(&iov, 1, &md, 1, &interleaved, SPDK_DIF_GUARD_ERROR, &block), -EINVAL);

	layout.interleaved = false;
	layout.type = SPDK_DIF_DISABLE;
	ctx = layout_context(&layout);
	assert_int_equal(spdk_dix_generate(&iov, 1, &md, 2, &ctx), 0);
	assert_int_equal(spdk_dix_generate(&iov, 1, &md, 3, &ctx), -EINVAL);
	assert_int_equal(spdk_dix_verify(&iov, 1, &md, 2, &ctx, &error), 0);
	assert_int_equal(spdk_dix_inject_error(&iov, 1, &md, 2, &ctx, SPDK_DIF_GUARD_ERROR, &block), 0);
	assert_memory_equal(md_buf, zeroes, sizeof(md_buf));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(does_what_the_reference_does),
		cmocka_unit_test(data_may_be_cut_anywhere),
		cmocka_unit_test(bad_calls_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
