/* SPDX-License-Identifier: BSD-3-Clause */

/* Checksums against published check values, and against a calculation bit by bit. */

#include "spdk/stdinc.h"
#include "spdk/crc16.h"
#include "spdk/crc32.h"
#include "spdk/crc64.h"
#include "spdk/util.h"
#include "lib/util/crc64_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define BUF_LEN 700

static const char g_check[] = "123456789";

static void
check_values(void **state)
{
	assert_int_equal(spdk_crc32c_update(g_check, 9, ~0u), 0x1cf96d7c);
	assert_int_equal(spdk_crc32_ieee_update(g_check, 9, ~0u), 0x340bc6d9);
	assert_int_equal(spdk_crc32c_nvme(g_check, 9, 0), 0xe3069283);
	assert_int_equal(spdk_crc16_t10dif(0, g_check, 9), 0xd0db);
	assert_true(spdk_crc64_nvme(g_check, 9, 0) == 0xae8b14860a799888ULL);
}

static uint64_t
crc64_bit_by_bit(const uint8_t *buf, size_t len)
{
	uint64_t crc = ~0ULL;

	for (size_t i = 0; i < len; i++) {
		crc ^= buf[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ (crc & 1 ? 0x9a6c9329ac4bc9b5ULL : 0);
		}
	}
	return ~crc;
}

static void
fill(uint8_t *buf, size_t len)
{
	uint64_t random = 99;

	for (size_t i = 0; i < len; i++) {
		buf[i] = (uint8_t)spdk_rand_xorshift64(&random);
	}
}

static void
crc64_of_every_length(void **state)
{
	uint8_t buf[BUF_LEN];

	fill(buf, sizeof(buf));
	for (size_t len = 0; len < BUF_LEN - 1; len++) {
		assert_true(spdk_crc64_nvme(buf, len, 0) == crc64_bit_by_bit(buf, len));
		/* At an odd address. */
		assert_true(spdk_crc64_nvme(buf + 1, len, 0) == crc64_bit_by_bit(buf + 1, len));
	}
}

/* Also those that this processor would not choose. */
static void
crc64_by_every_way(void **state)
{
	uint8_t buf[BUF_LEN];
	int ways = 0;

	fill(buf, sizeof(buf));
	for (int way = 0; way < CRC64_WAYS; way++) {
		if (!crc64_way_works(way)) {
			continue;
		}
		ways++;
		for (size_t len = 0; len < BUF_LEN; len++) {
			assert_true(~crc64_update(way, ~0ULL, buf + BUF_LEN - len, len) ==
				crc64_bit_by_bit(buf + BUF_LEN - len, len));
		}
	}
	assert_true(crc64_way_works(CRC64_BYTES));
	print_message("%d ways\n", ways);
}

static void
calculations_go_on(void **state)
{
	uint8_t buf[BUF_LEN], copy[BUF_LEN];

	fill(buf, sizeof(buf));
	for (size_t cut = 0; cut <= BUF_LEN; cut += 13) {
		const uint8_t *rest = buf + cut;
		size_t len = BUF_LEN - cut;

		assert_true(
			spdk_crc64_nvme(rest, len, spdk_crc64_nvme(buf, cut, 0)) == spdk_crc64_nvme(buf, BUF_LEN, 0));
		assert_int_equal(
			spdk_crc32c_nvme(rest, len, spdk_crc32c_nvme(buf, cut, 0)), spdk_crc32c_nvme(buf, BUF_LEN, 0));
		assert_int_equal(spdk_crc32c_update(rest, len, spdk_crc32c_update(buf, cut, 5)),
			spdk_crc32c_update(buf, BUF_LEN, 5));
		assert_int_equal(spdk_crc32_ieee_update(rest, len, spdk_crc32_ieee_update(buf, cut, 5)),
			spdk_crc32_ieee_update(buf, BUF_LEN, 5));
		assert_int_equal(spdk_crc16_t10dif(spdk_crc16_t10dif(0, buf, cut), rest, len),
			spdk_crc16_t10dif(0, buf, BUF_LEN));
	}
	memset(copy, 0, sizeof(copy));
	assert_int_equal(spdk_crc16_t10dif_copy(0, copy, buf, BUF_LEN), spdk_crc16_t10dif(0, buf, BUF_LEN));
	assert_memory_equal(copy, buf, BUF_LEN);
}

static void
crc32c_of_list(void **state)
{
	char a[] = "1234", b[] = "", c[] = "56789";
	struct iovec iov[3] = {{a, 4}, {b, 0}, {c, 5}};

	assert_int_equal(spdk_crc32c_iov_update(iov, 3, ~0u), 0x1cf96d7c);
	assert_int_equal(spdk_crc32c_iov_update(iov, 0, 7), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_values),
		cmocka_unit_test(crc64_of_every_length),
		cmocka_unit_test(crc64_by_every_way),
		cmocka_unit_test(calculations_go_on),
		cmocka_unit_test(crc32c_of_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
