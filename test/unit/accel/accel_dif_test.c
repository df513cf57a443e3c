/* SPDX-License-Identifier: BSD-3-Clause */

/* Protection information of long operations, which are done in slices: the same as in one go, and others get their turn. */

#include "accel_fixture.h"
#include "spdk/dif.h"
#include "spdk/util.h"

#define NUM_BLOCKS 2500u
#define DATA 512u
#define MD 8u
#define BLOCK (DATA + MD)
#define FIRST 77u

static uint8_t g_data[NUM_BLOCKS * DATA], g_blocks[NUM_BLOCKS * BLOCK], g_expected[NUM_BLOCKS * BLOCK];
static uint8_t g_md[NUM_BLOCKS * MD], g_expected_md[NUM_BLOCKS * MD];
static struct spdk_dif_ctx g_dif, g_dix;
static enum spdk_dif_type g_type;

static void
make_context(struct spdk_dif_ctx *ctx, bool interleaved)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format), .dif_pi_format = SPDK_DIF_PI_FORMAT_16};
	uint32_t flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;

	assert_int_equal(spdk_dif_ctx_init(ctx, interleaved ? BLOCK : DATA, MD, interleaved, false, g_type, flags,
				 FIRST, 0, 0, 0, 0, &opts),
		0);
}

/* What lib/dif makes of it by itself. */
static void
make_expected(void)
{
	struct iovec data = {g_data, sizeof(g_data)}, blocks = {g_expected, sizeof(g_expected)},
		     md = {g_expected_md, sizeof(g_expected_md)};

	accel_fixture_fill(g_data, sizeof(g_data), 3);
	make_context(&g_dif, true);
	make_context(&g_dix, false);
	assert_int_equal(spdk_dif_generate_copy(&data, 1, &blocks, 1, NUM_BLOCKS, &g_dif), 0);
	assert_int_equal(spdk_dix_generate(&data, 1, &md, NUM_BLOCKS, &g_dix), 0);
}

struct sides {
	struct iovec data[9], blocks[9], md;
	uint32_t data_count, blocks_count;
};

static struct sides
cut_sides(void)
{
	struct sides sides = {.md = {g_md, sizeof(g_md)}};

	sides.data_count = accel_fixture_cut(g_data, sizeof(g_data), 1, sides.data, 9);
	sides.blocks_count = accel_fixture_cut(g_blocks, sizeof(g_blocks), 1, sides.blocks, 9);
	return sides;
}

#define WAIT(call) \
	({ \
		struct accel_result result = {}; \
		assert_int_equal(call, 0); \
		accel_fixture_wait(&result); \
	})

static void
check_generate(void)
{
	struct sides sides = cut_sides();

	memset(g_blocks, 0, sizeof(g_blocks));
	assert_int_equal(WAIT(spdk_accel_submit_dif_generate_copy(g_accel_ch, sides.blocks, sides.blocks_count,
				 sides.data, sides.data_count, NUM_BLOCKS, &g_dif, accel_fixture_done_cb, &result)),
		0);
	assert_memory_equal(g_blocks, g_expected, sizeof(g_blocks));
	for (uint32_t i = 0; i < NUM_BLOCKS; i++) {
		memset(g_blocks + i * BLOCK + DATA, 0, MD);
	}
	assert_int_equal(WAIT(spdk_accel_submit_dif_generate(g_accel_ch, sides.blocks, sides.blocks_count, NUM_BLOCKS,
				 &g_dif, accel_fixture_done_cb, &result)),
		0);
	assert_memory_equal(g_blocks, g_expected, sizeof(g_blocks));
	memset(g_md, 0, sizeof(g_md));
	assert_int_equal(WAIT(spdk_accel_submit_dix_generate(g_accel_ch, sides.data, sides.data_count, &sides.md,
				 NUM_BLOCKS, &g_dix, accel_fixture_done_cb, &result)),
		0);
	assert_memory_equal(g_md, g_expected_md, sizeof(g_md));
}

static void
check_verify(uint32_t bad, int status)
{
	static uint8_t before[sizeof(g_data)];
	struct sides sides = cut_sides();
	struct spdk_dif_error error = {};

	memcpy(before, g_data, sizeof(g_data));
	assert_int_equal(WAIT(spdk_accel_submit_dif_verify(g_accel_ch, sides.blocks, sides.blocks_count, NUM_BLOCKS,
				 &g_dif, &error, accel_fixture_done_cb, &result)),
		status);
	assert_int_equal(error.err_offset, bad);
	error = (struct spdk_dif_error){};
	assert_int_equal(WAIT(spdk_accel_submit_dix_verify(g_accel_ch, sides.data, sides.data_count, &sides.md,
				 NUM_BLOCKS, &g_dix, &error, accel_fixture_done_cb, &result)),
		status);
	assert_int_equal(error.err_offset, bad);
	error = (struct spdk_dif_error){};
	memset(g_data, 0, sizeof(g_data));
	assert_int_equal(WAIT(spdk_accel_submit_dif_verify_copy(g_accel_ch, sides.data, sides.data_count, sides.blocks,
				 sides.blocks_count, NUM_BLOCKS, &g_dif, &error, accel_fixture_done_cb, &result)),
		status);
	assert_int_equal(error.err_offset, bad);
	if (status == 0) {
		assert_memory_equal(g_data, before, sizeof(g_data));
	}
	memcpy(g_data, before, sizeof(g_data));
}

static void
slices_make_no_difference(void **state)
{
	static const enum spdk_dif_type types[] = {SPDK_DIF_TYPE1, SPDK_DIF_TYPE2, SPDK_DIF_TYPE3};
	static const uint32_t places[] = {0, 504, 505, 1700, NUM_BLOCKS - 1};

	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		g_type = types[i];
		make_expected();
		check_generate();
		check_verify(0, 0);
		for (size_t k = 0; k < SPDK_COUNTOF(places); k++) {
			g_blocks[places[k] * BLOCK + DATA] ^= 1;
			g_md[places[k] * MD] ^= 1;
			check_verify(places[k], -1);
			g_blocks[places[k] * BLOCK + DATA] ^= 1;
			g_md[places[k] * MD] ^= 1;
		}
	}
}

/* More pieces than a slice can have: in one go. */
static void
many_pieces(void **state)
{
	static struct iovec iovs[100];
	uint32_t count;

	g_type = SPDK_DIF_TYPE1;
	make_expected();
	memcpy(g_blocks, g_expected, sizeof(g_blocks));
	count = accel_fixture_cut(g_blocks, sizeof(g_blocks) / 2, 4, iovs, 50);
	count += accel_fixture_cut(g_blocks + sizeof(g_blocks) / 2, sizeof(g_blocks) / 2, 4, iovs + count, 50);
	assert_int_equal(WAIT(spdk_accel_submit_dif_verify(
				 g_accel_ch, iovs, count, NUM_BLOCKS, &g_dif, NULL, accel_fixture_done_cb, &result)),
		0);
}

static uint32_t g_order;

static void
order_cb(void *cb_arg, int status)
{
	assert_int_equal(status, 0);
	*(uint32_t *)cb_arg = ++g_order;
}

/* What is short does not wait for what is long. */
static void
others_get_their_turn(void **state)
{
	struct iovec blocks = {g_blocks, sizeof(g_blocks)};
	uint32_t long_end = 0, short_end = 0;
	uint8_t from[64] = {1}, to[64];

	g_type = SPDK_DIF_TYPE1;
	make_expected();
	memcpy(g_blocks, g_expected, sizeof(g_blocks));
	g_order = 0;
	assert_int_equal(
		spdk_accel_submit_dif_verify(g_accel_ch, &blocks, 1, NUM_BLOCKS, &g_dif, NULL, order_cb, &long_end), 0);
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, to, from, sizeof(to), order_cb, &short_end), 0);
	spdk_set_thread(NULL);
	bdk_sim_run_until_idle();
	spdk_set_thread(g_accel_threads[0]);
	assert_int_equal(short_end, 1);
	assert_int_equal(long_end, 2);
}

/* Fewer bytes than blocks are an error, in slices or not. */
static void
short_buffers(void **state)
{
	struct iovec blocks = {g_blocks, sizeof(g_blocks) - 1};

	g_type = SPDK_DIF_TYPE1;
	make_expected();
	memcpy(g_blocks, g_expected, sizeof(g_blocks));
	assert_int_not_equal(WAIT(spdk_accel_submit_dif_verify(
				     g_accel_ch, &blocks, 1, NUM_BLOCKS, &g_dif, NULL, accel_fixture_done_cb, &result)),
		0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(slices_make_no_difference),
		TEST(many_pieces),
		TEST(others_get_their_turn),
		TEST(short_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
