/* SPDX-License-Identifier: BSD-3-Clause */

#include "spdk/stdinc.h"
#include "spdk/util.h"
#include "spdk/xor.h"

#include <setjmp.h>
#include <cmocka.h>

#define MAX_SOURCES 256
#define BUF_SIZE 1100

static uint8_t g_sources[MAX_SOURCES][BUF_SIZE] __attribute__((aligned(64)));
static uint8_t g_dest[BUF_SIZE + 64] __attribute__((aligned(64)));

static void
check_xor(uint32_t n, uint32_t len, size_t shift)
{
	void *sources[MAX_SOURCES];

	for (uint32_t i = 0; i < n; i++) {
		sources[i] = g_sources[i] + shift;
	}
	memset(g_dest, 0xa5, sizeof(g_dest));
	assert_int_equal(spdk_xor_gen(g_dest + shift, sources, n, len), 0);
	for (uint32_t pos = 0; pos < len; pos++) {
		uint8_t sum = 0;

		for (uint32_t i = 0; i < n; i++) {
			sum ^= g_sources[i][shift + pos];
		}
		assert_int_equal(g_dest[shift + pos], sum);
	}
	assert_int_equal(g_dest[shift + len], 0xa5);
}

static void
sums(void **state)
{
	static const uint32_t counts[] = {2, 3, 7, MAX_SOURCES};
	static const uint32_t lengths[] = {0, 1, 31, 32, 33, 255, 256, 257, 512, 1000, 1024};
	uint64_t random = 11;

	for (size_t i = 0; i < sizeof(g_sources); i++) {
		((uint8_t *)g_sources)[i] = (uint8_t)spdk_rand_xorshift64(&random);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(counts); i++) {
		for (size_t j = 0; j < SPDK_COUNTOF(lengths); j++) {
			check_xor(counts[i], lengths[j], 0);
			check_xor(counts[i], lengths[j], 1);
			check_xor(counts[i], lengths[j], 32);
		}
	}
}

static void
onto_a_source(void **state)
{
	uint8_t a[300], b[300], expected[300];
	void *sources[] = {a, b};

	for (size_t i = 0; i < sizeof(a); i++) {
		a[i] = (uint8_t)i;
		b[i] = (uint8_t)(i * 7);
		expected[i] = a[i] ^ b[i];
	}
	assert_int_equal(spdk_xor_gen(a, sources, 2, sizeof(a)), 0);
	assert_memory_equal(a, expected, sizeof(a));
}

static void
limits(void **state)
{
	void *sources[MAX_SOURCES + 1] = {g_sources[0]};

	assert_int_equal(spdk_xor_gen(g_dest, sources, 0, 64), -EINVAL);
	assert_int_equal(spdk_xor_gen(g_dest, sources, 1, 64), -EINVAL);
	assert_int_equal(spdk_xor_gen(g_dest, sources, MAX_SOURCES + 1, 64), -EINVAL);
	assert_true(spdk_u64_is_pow2(spdk_xor_get_optimal_alignment()));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums),
		cmocka_unit_test(onto_a_source),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
