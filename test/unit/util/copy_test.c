/* SPDX-License-Identifier: BSD-3-Clause */

/* Copies past the caches copy what they should, and nothing else, whatever the addresses and lengths. */

#include "lib/util/copy_internal.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

#define ROOM 20000

static void
same_as_memcpy(void **state)
{
	static const size_t lens[] = {0, 1, 511, 512, 513, 575, 576, 640, 1000, 4095, 4096, 4097, 16384};
	uint8_t *src = malloc(ROOM), *dst = aligned_alloc(64, 20032);
	size_t from, to, i, byte;

	assert_true(src != NULL && dst != NULL);
	for (i = 0; i < ROOM; i++) {
		src[i] = (uint8_t)(i * 31 + i / 256);
	}
	for (i = 0; i < SPDK_COUNTOF(lens); i++) {
		for (to = 1; to <= 65; to++) {
			from = to * 7 % 67;
			memset(dst, 0xee, ROOM);
			util_copy_past_caches(dst + to, src + from, lens[i]);
			assert_memory_equal(dst + to, src + from, lens[i]);
			for (byte = 0; byte < to; byte++) {
				assert_int_equal(dst[byte], 0xee);
			}
			for (byte = to + lens[i]; byte < to + lens[i] + 64; byte++) {
				assert_int_equal(dst[byte], 0xee);
			}
		}
	}
	free(src);
	free(dst);
}

static void
only_what_is_large(void **state)
{
	assert_false(util_is_past_caches(0));
	assert_false(util_is_past_caches(65536));
	/* Larger is never less so. */
	assert_true(util_is_past_caches(UINT64_MAX) >= util_is_past_caches(1 << 30));
	assert_int_equal(util_is_past_caches(UINT64_MAX), sysconf(_SC_LEVEL3_CACHE_SIZE) > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_as_memcpy),
		cmocka_unit_test(only_what_is_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
