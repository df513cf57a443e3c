/* SPDX-License-Identifier: BSD-3-Clause */

/* Arrays of bits against arrays of bool; and pools. */

#include "spdk/stdinc.h"
#include "spdk/bit_array.h"
#include "spdk/bit_pool.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

#define MAX_BITS 300

static uint32_t
expected_find(const bool *bits, uint32_t count, uint32_t start, bool value)
{
	for (uint32_t i = start; i < count; i++) {
		if (bits[i] == value) {
			return i;
		}
	}
	return UINT32_MAX;
}

static void
check_array(const struct spdk_bit_array *ba, const bool *bits, uint32_t count)
{
	uint32_t ones = 0;

	assert_int_equal(spdk_bit_array_capacity(ba), count);
	for (uint32_t i = 0; i < count; i++) {
		ones += bits[i];
		assert_int_equal(spdk_bit_array_get(ba, i), bits[i]);
		assert_int_equal(spdk_bit_array_find_first_set(ba, i), expected_find(bits, count, i, true));
		assert_int_equal(spdk_bit_array_find_first_clear(ba, i), expected_find(bits, count, i, false));
	}
	assert_int_equal(spdk_bit_array_count_set(ba), ones);
	assert_int_equal(spdk_bit_array_count_clear(ba), count - ones);
	assert_false(spdk_bit_array_get(ba, count));
	assert_int_equal(spdk_bit_array_find_first_set(ba, count), UINT32_MAX);
	assert_int_equal(spdk_bit_array_find_first_clear(ba, count), UINT32_MAX);
}

static void
against_bools(void **state)
{
	struct spdk_bit_array *ba = NULL;
	bool bits[MAX_BITS] = {false};
	uint64_t random = 3;
	uint32_t count = 0;

	for (int round = 0; round < 2000; round++) {
		if (round % 10 == 0) {
			uint32_t resized = (uint32_t)(spdk_rand_xorshift64(&random) % MAX_BITS);

			assert_int_equal(spdk_bit_array_resize(&ba, resized), 0);
			for (uint32_t i = spdk_min(resized, count); i < MAX_BITS; i++) {
				bits[i] = false;
			}
			count = resized;
		}
		for (int i = 0; i < 20 && count > 0; i++) {
			uint32_t bit = (uint32_t)(spdk_rand_xorshift64(&random) % count);

			bits[bit] = !bits[bit];
			if (bits[bit]) {
				assert_int_equal(spdk_bit_array_set(ba, bit), 0);
			} else {
				spdk_bit_array_clear(ba, bit);
			}
		}
		check_array(ba, bits, count);
	}
	spdk_bit_array_free(&ba);
	assert_null(ba);
}

static void
limits(void **state)
{
	struct spdk_bit_array *ba = spdk_bit_array_create(0);

	assert_non_null(ba);
	assert_int_equal(spdk_bit_array_set(ba, 0), -EINVAL);
	spdk_bit_array_clear(ba, 0);
	assert_int_equal(spdk_bit_array_resize(&ba, UINT32_MAX), -EINVAL);
	assert_int_equal(spdk_bit_array_capacity(ba), 0);
	spdk_bit_array_free(&ba);
	spdk_bit_array_free(&ba);
	spdk_bit_array_free(NULL);
	assert_null(spdk_bit_array_create(UINT32_MAX));
}

static void
masks(void **state)
{
	struct spdk_bit_array *ba = spdk_bit_array_create(75);
	uint8_t in[10] = {0x01, 0x80, 0, 0, 0, 0, 0, 0xff, 0x10, 0xff}, out[11];

	spdk_bit_array_load_mask(ba, in);
	assert_true(spdk_bit_array_get(ba, 0));
	assert_true(spdk_bit_array_get(ba, 15));
	assert_true(spdk_bit_array_get(ba, 68));
	assert_true(spdk_bit_array_get(ba, 74));
	/* 1 + 1 + 8 + 1 + 3: of the last byte the array has three bits. */
	assert_int_equal(spdk_bit_array_count_set(ba), 14);
	memset(out, 0xa0, sizeof(out));
	spdk_bit_array_store_mask(ba, out);
	assert_memory_equal(out, in, 9);
	assert_int_equal(out[9], 0xa7);
	assert_int_equal(out[10], 0xa0);
	spdk_bit_array_clear_mask(ba);
	assert_int_equal(spdk_bit_array_count_set(ba), 0);
	spdk_bit_array_free(&ba);
}

static void
pools(void **state)
{
	struct spdk_bit_pool *pool = spdk_bit_pool_create(70);
	uint8_t mask[9];

	for (uint32_t i = 0; i < 70; i++) {
		assert_int_equal(spdk_bit_pool_allocate_bit(pool), i);
	}
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), UINT32_MAX);
	assert_int_equal(spdk_bit_pool_count_free(pool), 0);
	spdk_bit_pool_free_bit(pool, 68);
	spdk_bit_pool_free_bit(pool, 3);
	assert_false(spdk_bit_pool_is_allocated(pool, 3));
	assert_int_equal(spdk_bit_pool_count_allocated(pool), 68);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 3);
	spdk_bit_pool_store_mask(pool, mask);
	assert_int_equal(spdk_bit_pool_resize(&pool, 72), 0);
	assert_int_equal(spdk_bit_pool_count_free(pool), 3);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 68);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 70);
	assert_int_equal(spdk_bit_pool_resize(&pool, UINT32_MAX), -EINVAL);
	assert_int_equal(spdk_bit_pool_resize(&pool, 10), 0);
	assert_int_equal(spdk_bit_pool_capacity(pool), 10);
	assert_int_equal(spdk_bit_pool_count_free(pool), 0);
	spdk_bit_pool_free_all_bits(pool);
	assert_int_equal(spdk_bit_pool_count_free(pool), 10);
	memset(mask, 0, sizeof(mask));
	mask[0] = 0x0b;
	spdk_bit_pool_load_mask(pool, mask);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 2);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 4);
	spdk_bit_pool_free(&pool);
	assert_null(pool);
	spdk_bit_pool_free(&pool);
	assert_int_equal(spdk_bit_pool_resize(&pool, 5), 0);
	assert_int_equal(spdk_bit_pool_capacity(pool), 5);
	spdk_bit_pool_free(&pool);
}

static void
pool_from_array(void **state)
{
	struct spdk_bit_array *ba = spdk_bit_array_create(4);
	struct spdk_bit_pool *pool;

	spdk_bit_array_set(ba, 0);
	spdk_bit_array_set(ba, 2);
	pool = spdk_bit_pool_create_from_array(ba);
	assert_int_equal(spdk_bit_pool_count_allocated(pool), 2);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 1);
	assert_int_equal(spdk_bit_pool_allocate_bit(pool), 3);
	spdk_bit_pool_free(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(against_bools),
		cmocka_unit_test(limits),
		cmocka_unit_test(masks),
		cmocka_unit_test(pools),
		cmocka_unit_test(pool_from_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
