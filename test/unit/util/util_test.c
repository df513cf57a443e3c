/* SPDX-License-Identifier: BSD-3-Clause */

/* Arithmetic, structures that grow, and lists of buffers. */

#include "spdk/stdinc.h"
#include "spdk/util.h"

#include <setjmp.h>
#include <cmocka.h>

static void
logarithms_and_powers(void **state)
{
	assert_int_equal(spdk_u32log2(0), 0);
	assert_int_equal(spdk_u32log2(1), 0);
	assert_int_equal(spdk_u32log2(511), 8);
	assert_int_equal(spdk_u32log2(512), 9);
	assert_int_equal(spdk_u32log2(UINT32_MAX), 31);
	assert_int_equal(spdk_u64log2(0), 0);
	assert_int_equal(spdk_u64log2(1ULL << 40), 40);
	assert_int_equal(spdk_u64log2(UINT64_MAX), 63);
	assert_false(spdk_u32_is_pow2(0));
	assert_true(spdk_u32_is_pow2(1));
	assert_true(spdk_u32_is_pow2(1u << 31));
	assert_false(spdk_u32_is_pow2(12));
	assert_false(spdk_u64_is_pow2(0));
	assert_true(spdk_u64_is_pow2(1ULL << 63));
	for (uint32_t i = 1; i < 32; i++) {
		assert_int_equal(spdk_align32pow2(1u << i), 1u << i);
		assert_int_equal(spdk_align32pow2((1u << i) - (i > 1)), 1u << i);
		assert_true(spdk_align64pow2(1ULL << (i + 31)) == 1ULL << (i + 31));
		assert_true(spdk_align64pow2((1ULL << (i + 31)) - 1) == 1ULL << (i + 31));
	}
	assert_int_equal(spdk_align32pow2(1), 1);
	assert_int_equal(spdk_align64pow2(1), 1);
}

static void
rounding(void **state)
{
	uint32_t narrow = 4097;

	assert_int_equal(spdk_divide_round_up(10, 3), 4);
	assert_int_equal(spdk_divide_round_up(9, 3), 3);
	assert_int_equal(spdk_round_up(10, 4), 12);
	assert_int_equal(spdk_round_up(0, 4), 0);
	assert_int_equal(SPDK_CEIL_DIV(10, 3), 4);
	assert_int_equal(SPDK_ALIGN_CEIL(narrow, 4096), 8192);
	assert_int_equal(SPDK_ALIGN_FLOOR(narrow, 4096), 4096);
	assert_true(SPDK_ALIGN_FLOOR(UINT64_MAX, 4096) == UINT64_MAX - 4095);
	assert_int_equal(SPDK_BIT(33), 1ULL << 33);
}

static void
serial_numbers(void **state)
{
	assert_true(spdk_sn32_lt(1, 2));
	assert_false(spdk_sn32_lt(2, 1));
	assert_false(spdk_sn32_lt(1, 1));
	assert_true(spdk_sn32_lt(UINT32_MAX, 0));
	assert_true(spdk_sn32_gt(0, UINT32_MAX));
	assert_int_equal(spdk_sn32_add(UINT32_MAX, 3), 2);
	/* Just half the circle apart. */
	assert_false(spdk_sn32_lt(5, 5 + SPDK_SN32_CMPMAX));
	assert_false(spdk_sn32_gt(5, 5 + SPDK_SN32_CMPMAX));
	assert_true(spdk_sn32_lt(5, 5 + SPDK_SN32_CMPMAX - 1));
	assert_true(spdk_sn32_gt(5, 5 + SPDK_SN32_CMPMAX + 1));
}

struct grown {
	size_t size;
	uint32_t first;
	uint32_t second;
};

static void
fields_of_grown_structures(void **state)
{
	struct grown obj = {.size = offsetof(struct grown, second), .first = 3, .second = 4};

	assert_true(SPDK_FIELD_VALID(&obj, first));
	assert_false(SPDK_FIELD_VALID(&obj, second));
	assert_true(SPDK_FIELD_VALID(&obj, second, sizeof(obj)));
	assert_int_equal(SPDK_GET_FIELD(&obj, first, 9), 3);
	assert_int_equal(SPDK_GET_FIELD(&obj, second, 9), 9);
	assert_int_equal(SPDK_GET_FIELD(&obj, second, 9, sizeof(obj)), 4);
	assert_int_equal(SPDK_SIZEOF(&obj, first), 12);
	assert_int_equal(SPDK_SIZEOF_MEMBER(struct grown, size), 8);
	assert_ptr_equal(SPDK_CONTAINEROF(&obj.second, struct grown, second), &obj);
}

static void
random_numbers_of_tests(void **state)
{
	uint64_t state64 = 1;

	/* Worked out by hand from the three shifts. */
	assert_true(spdk_rand_xorshift64(&state64) == 0x40822041ULL);
	assert_true(spdk_rand_xorshift64(&state64) == 0x100041060c011441ULL);
	for (int i = 0; i < 100; i++) {
		assert_true(spdk_rand_xorshift64_seed() != 0);
	}
}

static void
memory_set_for_secrets(void **state)
{
	char buf[8] = "1234567";

	spdk_memset_s(buf, 4, 'x', 100);
	assert_string_equal(buf, "xxxx567");
	spdk_memset_s(buf, 8, 'y', 2);
	assert_string_equal(buf, "yyxx567");
}

static void
lists_copied(void **state)
{
	char a[] = "abcdef", b[] = "ghijklmn", out1[4], out2[32];
	struct iovec src[] = {{a, 6}, {b, 8}};
	struct iovec dst[] = {{out1, 3}, {out2, 32}};
	struct iovec gap[] = {{a, 6}, {NULL, 0}, {b, 8}};
	char same[] = "0123456789";
	struct iovec overlap_src = {same, 8}, overlap_dst = {same + 2, 8};

	assert_int_equal(spdk_iovcpy(src, 2, dst, 2), 14);
	assert_memory_equal(out1, "abc", 3);
	assert_memory_equal(out2, "defghijklmn", 11);
	assert_int_equal(spdk_iovcpy(src, 2, dst, 1), 3);
	assert_int_equal(spdk_iovcpy(src, 0, dst, 2), 0);
	/* Ends at an empty buffer. */
	assert_int_equal(spdk_iovcpy(gap, 3, dst, 2), 6);
	assert_int_equal(spdk_iovmove(&overlap_src, 1, &overlap_dst, 1), 8);
	assert_string_equal(same, "0101234567");
}

static void
lists_iterated(void **state)
{
	uint64_t storage[SPDK_IOVITER_SIZE(3) / 8];
	struct spdk_ioviter *iter = (struct spdk_ioviter *)storage;
	char a[16], b[16], c[16];
	struct iovec ia[] = {{a, 4}, {a + 4, 12}}, ib[] = {{b, 16}}, ic[] = {{c, 6}, {c + 6, 6}};
	struct iovec *iovs[] = {ia, ib, ic};
	size_t counts[] = {2, 1, 2};
	void *out[3];

	assert_int_equal(spdk_ioviter_firstv(iter, 3, iovs, counts, out), 4);
	assert_ptr_equal(out[2], c);
	assert_int_equal(spdk_ioviter_nextv(iter, out), 2);
	assert_ptr_equal(out[0], a + 4);
	assert_ptr_equal(out[1], b + 4);
	assert_ptr_equal(out[2], c + 4);
	assert_int_equal(spdk_ioviter_nextv(iter, out), 6);
	assert_ptr_equal(out[0], a + 6);
	assert_ptr_equal(out[2], c + 6);
	assert_int_equal(spdk_ioviter_nextv(iter, out), 0);
}

static void
lists_and_buffers(void **state)
{
	char a[4], b[5], out[16] = "", letters[] = "ABCDEFG";
	struct iovec iov[] = {{a, 4}, {NULL, 0}, {b, 5}};
	struct iovec one;
	int count = 0;
	struct spdk_iov_xfer ix;

	spdk_iov_xfer_init(&ix, iov, 3);
	assert_int_equal(spdk_iov_xfer_from_buf(&ix, "012", 3), 3);
	assert_int_equal(spdk_iov_xfer_from_buf(&ix, "345", 3), 3);
	assert_int_equal(spdk_iov_xfer_from_buf(&ix, "6789", 4), 3);
	assert_int_equal(spdk_iov_xfer_from_buf(&ix, "x", 1), 0);
	spdk_copy_iovs_to_buf(out, sizeof(out), iov, 3);
	assert_string_equal(out, "012345678");
	spdk_iov_xfer_init(&ix, iov, 3);
	assert_int_equal(spdk_iov_xfer_to_buf(&ix, out, 5), 5);
	assert_int_equal(spdk_iov_xfer_to_buf(&ix, out + 5, 11), 4);
	spdk_copy_buf_to_iovs(iov, 3, letters, 7);
	assert_memory_equal(a, "ABCD", 4);
	assert_memory_equal(b, "EFG78", 5);
	spdk_iov_memset(iov, 3, 'z');
	assert_memory_equal(a, "zzzz", 4);
	assert_memory_equal(b, "zzzzz", 5);
	SPDK_IOV_ONE(&one, &count, out, 7);
	assert_ptr_equal(one.iov_base, out);
	assert_int_equal(one.iov_len, 7);
	assert_int_equal(count, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logarithms_and_powers),
		cmocka_unit_test(rounding),
		cmocka_unit_test(serial_numbers),
		cmocka_unit_test(fields_of_grown_structures),
		cmocka_unit_test(random_numbers_of_tests),
		cmocka_unit_test(memory_set_for_secrets),
		cmocka_unit_test(lists_copied),
		cmocka_unit_test(lists_iterated),
		cmocka_unit_test(lists_and_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
