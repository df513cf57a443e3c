/* SPDX-License-Identifier: BSD-3-Clause */

/* Compression beside zlib, both ways; data that are damaged, cut off, or say something else than how long they are. */

#include "accel_fixture.h"
#include "spdk/util.h"
#include <zlib.h>

#define LEN (200 * 1024)
#define MAX_IOVS 30

static uint8_t g_plain[LEN], g_packed[2 * LEN], g_out[LEN + 4096];

static int
pack(struct iovec *iovs, uint32_t iovcnt, size_t room, uint32_t level, uint32_t *size)
{
	struct accel_result result = {};

	assert_int_equal(spdk_accel_submit_compress_ext(g_accel_ch, g_packed, room, iovs, iovcnt,
				 SPDK_ACCEL_COMP_ALGO_DEFLATE, level, size, accel_fixture_done_cb, &result),
		0);
	assert_false(result.called);
	return accel_fixture_wait(&result);
}

static int
unpack(struct iovec *dst, uint32_t dstcnt, struct iovec *src, uint32_t srccnt, uint32_t *size)
{
	struct accel_result result = {};

	assert_int_equal(spdk_accel_submit_decompress(
				 g_accel_ch, dst, dstcnt, src, srccnt, size, accel_fixture_done_cb, &result),
		0);
	assert_false(result.called);
	return accel_fixture_wait(&result);
}

static size_t
zlib_pack(size_t len, int level, int strategy)
{
	z_stream stream = {.next_in = g_plain, .avail_in = len, .next_out = g_packed, .avail_out = sizeof(g_packed)};

	/* -15: without header and trailer. */
	assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, -15, 8, strategy), Z_OK);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return stream.total_out;
}

static void
zlib_unpack(size_t packed, size_t len)
{
	z_stream stream = {.next_in = g_packed, .avail_in = packed, .next_out = g_out, .avail_out = sizeof(g_out)};

	assert_int_equal(inflateInit2(&stream, -15), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(inflateEnd(&stream), Z_OK);
	assert_int_equal(stream.avail_in, 0);
	assert_int_equal(stream.total_out, len);
}

/* Of four kinds: noise, zeros, words, and all of them. */
static void
make_plain(int kind, size_t len)
{
	static const char words[] = "the quick brown fox jumps over the lazy dog and then it does so once more ";
	size_t i;

	accel_fixture_fill(g_plain, len, kind + len);
	for (i = 0; i < len; i++) {
		int k = kind == 3 ? (int)(i / 5000 % 3) : kind;

		if (k == 1) {
			g_plain[i] = 0;
		} else if (k == 2) {
			g_plain[i] = words[(i + g_plain[i / 64 * 64] % 16) % (sizeof(words) - 1)];
		}
	}
}

static size_t
random_len(void)
{
	return bdk_sim_random(3) == 0 ? bdk_sim_random(LEN + 1) : bdk_sim_random(5000);
}

static void
zlib_reads_what_we_write(void **state)
{
	struct iovec iovs[MAX_IOVS] = {};
	int round;

	for (round = 0; round < 64; round++) {
		size_t len = round == 0 ? 1 : 1 + random_len() % LEN;
		uint32_t iovcnt, size = 0;

		make_plain(round % 4, len);
		iovcnt = accel_fixture_cut(g_plain, len, 1, iovs, MAX_IOVS);
		assert_int_equal(pack(iovs, iovcnt, sizeof(g_packed), round / 4 % 4, &size), 0);
		memset(g_out, 0x55, len);
		zlib_unpack(size, len);
		assert_memory_equal(g_out, g_plain, len);
	}
}

static void
we_read_what_zlib_writes(void **state)
{
	static const int strategies[] = {Z_DEFAULT_STRATEGY, Z_FIXED, Z_HUFFMAN_ONLY, Z_RLE};
	struct iovec src[MAX_IOVS], dst[MAX_IOVS];
	int round;

	for (round = 0; round < 80; round++) {
		size_t len = random_len(), packed;
		uint32_t srccnt, dstcnt, size = 0;

		make_plain(round % 4, len);
		packed = zlib_pack(len, round % 10, strategies[round / 4 % 4]);
		srccnt = accel_fixture_cut(g_packed, packed, 1, src, MAX_IOVS);
		/* Room for all of it, and at times for more. */
		dstcnt = accel_fixture_cut(g_out, len + bdk_sim_random(2) * 100, 1, dst, MAX_IOVS);
		memset(g_out, 0x55, sizeof(g_out));
		assert_int_equal(unpack(dst, dstcnt, src, srccnt, &size), 0);
		assert_int_equal(size, len);
		assert_memory_equal(g_out, g_plain, len);
		assert_int_equal(g_out[len], 0x55);
	}
}

static void
levels_and_algorithms(void **state)
{
	struct iovec iov = {g_plain, 4096};
	struct accel_result result = {};
	uint32_t size = 7, low, high;

	make_plain(2, 4096);
	assert_int_equal(pack(&iov, 1, LEN, 4, &size), -EINVAL);
	assert_int_equal(pack(&iov, 1, LEN, UINT32_MAX, &size), -EINVAL);
	assert_int_equal(spdk_accel_submit_compress_ext(g_accel_ch, g_packed, LEN, &iov, 1, SPDK_ACCEL_COMP_ALGO_LZ4, 1,
				 &size, accel_fixture_done_cb, &result),
		-ENOTSUP);
	assert_int_equal(spdk_accel_submit_decompress_ext(g_accel_ch, &iov, 1, &iov, 1, SPDK_ACCEL_COMP_ALGO_LZ4, &size,
				 accel_fixture_done_cb, &result),
		-ENOTSUP);
	assert_false(result.called);
	assert_int_equal(size, 7);
	assert_int_equal(spdk_accel_get_compress_level_range(SPDK_ACCEL_COMP_ALGO_DEFLATE, &low, &high), 0);
	assert_int_equal(low, 0);
	assert_int_equal(high, 3);
	assert_int_equal(spdk_accel_get_compress_level_range(SPDK_ACCEL_COMP_ALGO_LZ4, &low, &high), -EINVAL);
	/* The size is not asked for. */
	assert_int_equal(pack(&iov, 1, LEN, 1, NULL), 0);
}

static void
too_little_room(void **state)
{
	struct iovec src = {g_plain, 0}, dst = {g_out, 0}, packed = {g_packed, 0};
	uint32_t size = 0, all;
	size_t room;
	int kind;

	for (kind = 0; kind < 4; kind++) {
		src.iov_len = 20000;
		make_plain(kind, 20000);
		assert_int_equal(pack(&src, 1, sizeof(g_packed), 1, &all), 0);
		for (room = 1; room < all; room += 1 + all / 50) {
			memset(g_packed, 0x55, sizeof(g_packed));
			assert_int_equal(pack(&src, 1, room, 1, &size), -ENOMEM);
			assert_true(size <= room);
			assert_int_equal(g_packed[room], 0x55);
		}
		assert_int_equal(pack(&src, 1, all, 1, &size), 0);
		assert_int_equal(size, all);
		packed.iov_len = all;
		for (room = 1; room < 20000; room += 997) {
			dst.iov_len = room;
			memset(g_out, 0x55, sizeof(g_out));
			assert_int_equal(unpack(&dst, 1, &packed, 1, &size), -ENOMEM);
			assert_true(size <= room);
			assert_int_equal(g_out[room], 0x55);
		}
		dst.iov_len = 19999;
		assert_int_equal(unpack(&dst, 1, &packed, 1, &size), -ENOMEM);
		assert_true(size <= 19999);
		dst.iov_len = 20000;
		assert_int_equal(unpack(&dst, 1, &packed, 1, &size), 0);
		assert_int_equal(size, 20000);
	}
}

static void
what_is_cut_off(void **state)
{
	struct iovec dst = {g_out, 20000}, src = {g_packed, 0};
	size_t packed, len;
	uint32_t size;
	int kind;

	for (kind = 0; kind < 4; kind++) {
		make_plain(kind, 20000);
		packed = zlib_pack(20000, 6, Z_DEFAULT_STRATEGY);
		for (len = 0; len < packed; len += 1 + packed / 100) {
			src.iov_len = len;
			assert_int_equal(unpack(&dst, 1, &src, 1, &size), -EINVAL);
			assert_true(size <= 20000);
		}
	}
}

/* Whatever is damaged: an end, a status, and nothing outside. */
static void
what_is_damaged(void **state)
{
	struct iovec dst[MAX_IOVS], src[MAX_IOVS];
	uint32_t size, dstcnt, srccnt;
	int round, faults = 0, status;
	size_t packed;

	for (round = 0; round < 500; round++) {
		make_plain(round % 4, 20000);
		packed = zlib_pack(20000, 6, Z_DEFAULT_STRATEGY);
		g_packed[bdk_sim_random(packed)] ^= 1 << bdk_sim_random(8);
		srccnt = accel_fixture_cut(g_packed, packed, 1, src, MAX_IOVS);
		dstcnt = accel_fixture_cut(g_out, 20000, 1, dst, MAX_IOVS);
		g_out[20000] = 0x55;
		status = unpack(dst, dstcnt, src, srccnt, &size);
		assert_true(status == 0 || status == -EINVAL || status == -ENOMEM);
		assert_true(size <= 20000);
		assert_int_equal(g_out[20000], 0x55);
		faults += status != 0;
	}
	assert_true(faults > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(zlib_reads_what_we_write),
		TEST(we_read_what_zlib_writes),
		TEST(levels_and_algorithms),
		TEST(too_little_room),
		TEST(what_is_cut_off),
		TEST(what_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
