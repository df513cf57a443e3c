/* SPDX-License-Identifier: BSD-3-Clause */

/* Single operations on memory, beside naive ones; arguments, callbacks, pools, and turns of what is long. */

#include "accel_fixture.h"
#include "lib/accel/accel_internal.h"
#include "spdk/util.h"

#define LEN (700 * 1024)
#define MAX_IOVS 17

static uint8_t g_src[LEN], g_dst[LEN], g_dst2[LEN];

/* One bit after the other. */
static uint32_t
naive_crc32c(const uint8_t *data, size_t len, uint32_t crc)
{
	while (len-- > 0) {
		crc ^= *data++;
		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78 : 0);
		}
	}
	return crc;
}

static int
wait_status(int rc, struct accel_result *result)
{
	assert_int_equal(rc, 0);
	assert_false(result->called);
	return accel_fixture_wait(result);
}

static size_t
random_len(void)
{
	return bdk_sim_random(4) == 0 ? 1 + bdk_sim_random(LEN) : 1 + bdk_sim_random(9000);
}

static void
copies_and_patterns(void **state)
{
	struct accel_result result;
	int round;

	accel_fixture_fill(g_src, LEN, 1);
	for (round = 0; round < 100; round++) {
		size_t len = random_len(), from = bdk_sim_random(LEN - len + 1), to = bdk_sim_random(LEN - len + 1);

		memset(g_dst, 0x55, LEN);
		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_copy(g_accel_ch, g_dst + to, g_src + from, len,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_memory_equal(g_dst + to, g_src + from, len);
		assert_true(to == 0 || g_dst[to - 1] == 0x55);
		assert_true(to + len == LEN || g_dst[to + len] == 0x55);

		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_fill(g_accel_ch, g_dst + to, 0xa0 + round % 16, len,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		memset(g_dst2, 0xa0 + round % 16, len);
		assert_memory_equal(g_dst + to, g_dst2, len);
		assert_true(to == 0 || g_dst[to - 1] == 0x55);
		assert_true(to + len == LEN || g_dst[to + len] == 0x55);
	}
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_COPY), 100);
	assert_int_equal(accel_fixture_executed(g_accel_ch, SPDK_ACCEL_OPC_FILL), 100);
}

static void
dualcasts(void **state)
{
	uint8_t *first = aligned_alloc(4096, 2 * 704 * 1024), *second = first + 704 * 1024;
	struct accel_result result = {};
	struct spdk_accel_opcode_stats stats;

	assert_non_null(first);
	accel_fixture_fill(g_src, LEN, 2);
	assert_int_equal(wait_status(spdk_accel_submit_dualcast(g_accel_ch, first, second, g_src + 1, LEN - 3,
					     accel_fixture_done_cb, &result),
				 &result),
		0);
	assert_memory_equal(first, g_src + 1, LEN - 3);
	assert_memory_equal(second, g_src + 1, LEN - 3);
	assert_int_equal(spdk_accel_submit_dualcast(
				 g_accel_ch, first + 512, second, g_src, 4096, accel_fixture_done_cb, &result),
		-EINVAL);
	assert_int_equal(
		spdk_accel_submit_dualcast(g_accel_ch, first, second + 1, g_src, 4096, accel_fixture_done_cb, &result),
		-EINVAL);
	spdk_accel_get_opcode_stats(g_accel_ch, SPDK_ACCEL_OPC_DUALCAST, &stats, sizeof(stats));
	assert_int_equal(stats.executed, 1);
	assert_int_equal(stats.num_bytes, LEN - 3);
	assert_int_equal(stats.failed, 0);
	free(first);
}

static int
compare(size_t len)
{
	struct accel_result result = {};

	return wait_status(
		spdk_accel_submit_compare(g_accel_ch, g_src, g_dst, len, accel_fixture_done_cb, &result), &result);
}

static void
comparisons(void **state)
{
	struct spdk_accel_opcode_stats stats;
	int round;

	accel_fixture_fill(g_src, LEN, 3);
	memcpy(g_dst, g_src, LEN);
	for (round = 0; round < 50; round++) {
		size_t len = random_len(), at = bdk_sim_random(LEN);

		assert_int_equal(compare(len), 0);
		g_dst[at] ^= 1 << round % 8;
		if (at < len) {
			assert_int_not_equal(compare(len), 0);
			assert_int_equal(compare(at), 0);
		} else {
			assert_int_equal(compare(len), 0);
		}
		g_dst[at] = g_src[at];
	}
	/* A difference is a result, and no failure. */
	spdk_accel_get_opcode_stats(g_accel_ch, SPDK_ACCEL_OPC_COMPARE, &stats, sizeof(stats));
	assert_int_equal(stats.failed, 0);
}

static void
checksums(void **state)
{
	struct accel_result result;
	struct iovec iovs[MAX_IOVS];
	uint32_t crc, iovcnt, seed, expected;
	int round;

	accel_fixture_fill(g_src, LEN, 4);
	for (round = 0; round < 40; round++) {
		size_t len = random_len();

		seed = round % 2 == 0 ? 0 : bdk_sim_random(UINT32_MAX);
		expected = naive_crc32c(g_src, len, ~seed);
		iovcnt = accel_fixture_cut(g_src, len, 1, iovs, MAX_IOVS);

		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_crc32c(g_accel_ch, &crc, g_src, seed, len,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_int_equal(crc, expected);
		crc = 0;
		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_crc32cv(g_accel_ch, &crc, iovs, iovcnt, seed,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_int_equal(crc, expected);
		crc = 0;
		memset(g_dst, 0, len);
		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_copy_crc32cv(g_accel_ch, g_dst, iovs, iovcnt, &crc, seed,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_int_equal(crc, expected);
		assert_memory_equal(g_dst, g_src, len);
		crc = 0;
		memset(g_dst, 0, len);
		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_copy_crc32c(g_accel_ch, g_dst, g_src, &crc, seed, len,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_int_equal(crc, expected);
		assert_memory_equal(g_dst, g_src, len);
	}
}

static uint32_t
crc32c(void *data, size_t len, uint32_t seed)
{
	struct accel_result result = {};
	uint32_t crc = 0;

	assert_int_equal(
		wait_status(spdk_accel_submit_crc32c(g_accel_ch, &crc, data, seed, len, accel_fixture_done_cb, &result),
			&result),
		0);
	return crc;
}

/* The examples of RFC 3720, B.4; its CRCs are complemented at the end. */
static void
checksums_of_iscsi(void **state)
{
	static const uint8_t read_10[48] = {0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0,
		0x04, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};
	uint8_t data[48] = {};
	int i;

	assert_int_equal(~crc32c(data, 32, 0), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(~crc32c(data, 32, 0), 0x62a8ab43);
	for (i = 0; i < 32; i++) {
		data[i] = i;
	}
	assert_int_equal(~crc32c(data, 32, 0), 0x46dd794e);
	for (i = 0; i < 32; i++) {
		data[i] = 31 - i;
	}
	assert_int_equal(~crc32c(data, 32, 0), 0x113fdb5c);
	memcpy(data, read_10, 48);
	assert_int_equal(~crc32c(data, 48, 0), 0xd9963a56);
	/* Continued: the complement of what came before is the seed. */
	for (i = 0; i <= 48; i++) {
		assert_int_equal(~crc32c(data + i, 48 - i, ~crc32c(data, i, 0)), 0xd9963a56);
	}
}

static void
parity(void **state)
{
	static const uint32_t counts[] = {2, 3, 4, 5, 16, 17, 255, 256};
	void *sources[257];
	struct accel_result result;
	size_t round, i, byte;

	accel_fixture_fill(g_src, LEN, 5);
	for (round = 0; round < SPDK_COUNTOF(counts) * 2; round++) {
		uint32_t count = counts[round / 2];
		/* Once aligned to everything that is faster then, once to nothing. */
		size_t len = round % 2 == 0 ? 64 * (1 + bdk_sim_random(60)) : random_len();
		size_t unit = round % 2 == 0 ? 64 : 1;
		uint8_t *dst = g_dst + (round % 2 == 0 ? -(uintptr_t)g_dst % 64 : 3);

		len = spdk_min(len, (size_t)LEN - 64);
		for (i = 0; i < count; i++) {
			sources[i] = g_src + bdk_sim_random((LEN - len) / unit) * unit;
		}
		memset(g_dst2, 0, len);
		for (i = 0; i < count; i++) {
			for (byte = 0; byte < len; byte++) {
				g_dst2[byte] ^= ((uint8_t *)sources[i])[byte];
			}
		}
		memset(g_dst, 0x55, LEN);
		result = (struct accel_result){};
		assert_int_equal(wait_status(spdk_accel_submit_xor(g_accel_ch, dst, sources, count, len,
						     accel_fixture_done_cb, &result),
					 &result),
			0);
		assert_memory_equal(dst, g_dst2, len);
		assert_int_equal(dst[len], 0x55);
	}
	for (i = 0; i < 257; i++) {
		sources[i] = g_src;
	}
	result = (struct accel_result){};
	assert_int_equal(
		wait_status(spdk_accel_submit_xor(g_accel_ch, g_dst, sources, 1, 64, accel_fixture_done_cb, &result),
			&result),
		-EINVAL);
	result = (struct accel_result){};
	assert_int_equal(
		wait_status(spdk_accel_submit_xor(g_accel_ch, g_dst, sources, 257, 64, accel_fixture_done_cb, &result),
			&result),
		-EINVAL);
}

static void
nothing_to_checksum(void **state)
{
	struct iovec iov = {g_src, 64};
	struct accel_result result = {};
	uint32_t crc;

	assert_int_equal(
		spdk_accel_submit_crc32cv(g_accel_ch, &crc, NULL, 1, 0, accel_fixture_done_cb, &result), -EINVAL);
	assert_int_equal(
		spdk_accel_submit_crc32cv(g_accel_ch, &crc, &iov, 0, 0, accel_fixture_done_cb, &result), -EINVAL);
	assert_int_equal(
		spdk_accel_submit_copy_crc32cv(g_accel_ch, g_dst, NULL, 1, &crc, 0, accel_fixture_done_cb, &result),
		-EINVAL);
	assert_int_equal(
		spdk_accel_submit_copy_crc32cv(g_accel_ch, g_dst, &iov, 0, &crc, 0, accel_fixture_done_cb, &result),
		-EINVAL);
	assert_false(result.called);
}

/* ---- pools ---- */

struct again {
	struct accel_result result;
	int rc;
	struct accel_result second;
};

static void
submit_another_cb(void *cb_arg, int status)
{
	struct again *again = cb_arg;

	accel_fixture_done_cb(&again->result, status);
	again->rc = spdk_accel_submit_fill(g_accel_ch, g_dst, 1, 64, accel_fixture_done_cb, &again->second);
}

static int
setup_few_tasks(void **state)
{
	struct spdk_accel_opts opts = {.opts_size = sizeof(opts)};

	accel_fixture_init(1);
	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.task_count = 8;
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	assert_int_equal(accel_fixture_start(), 0);
	g_accel_ch = spdk_accel_get_io_channel();
	assert_non_null(g_accel_ch);
	return 0;
}

static int
teardown_few_tasks(void **state)
{
	struct spdk_accel_opts opts = {.opts_size = sizeof(opts)};

	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.task_count = 2048;
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	return accel_fixture_teardown(state);
}

static void
tasks_run_out(void **state)
{
	struct accel_io_channel *ch = spdk_io_channel_get_ctx(g_accel_ch);
	struct accel_result results[9] = {};
	struct again again = {};
	int i;

	assert_int_equal(spdk_accel_submit_fill(g_accel_ch, g_dst, 0, 64, submit_another_cb, &again), 0);
	for (i = 1; i < 8; i++) {
		assert_int_equal(
			spdk_accel_submit_fill(g_accel_ch, g_dst, i, 64, accel_fixture_done_cb, &results[i]), 0);
	}
	assert_int_equal(spdk_accel_submit_fill(g_accel_ch, g_dst, 8, 64, accel_fixture_done_cb, &results[8]), -ENOMEM);
	assert_int_equal(ch->stats.retry.task, 1);
	assert_int_equal(accel_fixture_wait(&again.result), 0);
	/* The callback has its task's place. */
	assert_int_equal(again.rc, 0);
	assert_int_equal(accel_fixture_wait(&again.second), 0);
	for (i = 1; i < 8; i++) {
		assert_true(results[i].called);
	}
	assert_false(results[8].called);
	assert_int_equal(ch->tasks.in_use, 0);
}

/* ---- turns ---- */

#define LONG (32 * 1024 * 1024)

static void
a_short_one_does_not_wait_for_long_ones(void **state)
{
	uint8_t *big = calloc(1, 2 * (size_t)LONG), *out = big + LONG;
	struct accel_result copy = {}, pack = {}, pack_too = {}, first = {}, second = {}, small = {};
	struct iovec iov = {big, LONG}, small_iov = {g_src, 4096};
	uint32_t size = 0, small_size = 0;

	assert_non_null(big);
	accel_fixture_fill(g_src, LEN, 6);
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, out, big, LONG, accel_fixture_done_cb, &copy), 0);
	assert_int_equal(
		spdk_accel_submit_compress(g_accel_ch, g_dst, LEN, &iov, 1, &size, accel_fixture_done_cb, &pack), 0);
	assert_int_equal(spdk_accel_submit_compress(g_accel_ch, g_dst + LEN / 2, LEN / 2, &iov, 1, &size,
				 accel_fixture_done_cb, &pack_too),
		0);
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, g_dst2, g_src, 4096, accel_fixture_done_cb, &first), 0);
	assert_int_equal(spdk_accel_submit_compress(g_accel_ch, g_dst2 + 8192, 8192, &small_iov, 1, &small_size,
				 accel_fixture_done_cb, &small),
		0);
	assert_int_equal(accel_fixture_wait(&first), 0);
	assert_int_equal(accel_fixture_wait(&small), 0);
	assert_true(small_size > 0);
	assert_false(copy.called || pack.called || pack_too.called);
	/* The copy is not kept by what takes much longer. */
	assert_int_equal(accel_fixture_wait(&copy), 0);
	assert_false(pack.called || pack_too.called);
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, g_dst2, g_src, 4096, accel_fixture_done_cb, &second), 0);
	assert_int_equal(accel_fixture_wait(&second), 0);
	assert_false(pack.called || pack_too.called);
	assert_int_equal(accel_fixture_wait(&pack), 0);
	assert_int_equal(accel_fixture_wait(&pack_too), 0);
	free(big);
}

/* What is small and becomes large takes its time, too. */
static void
a_long_decompression_is_cut(void **state)
{
	uint8_t *big = calloc(1, 2 * (size_t)LONG), *out = big + LONG;
	struct accel_result pack = {}, unpack = {}, small = {};
	struct iovec iov = {big, LONG}, packed = {g_dst, LEN}, unpacked = {out, LONG};
	uint32_t size = 0, unpacked_size = 0;

	assert_non_null(big);
	assert_int_equal(wait_status(spdk_accel_submit_compress(
					     g_accel_ch, g_dst, LEN, &iov, 1, &size, accel_fixture_done_cb, &pack),
				 &pack),
		0);
	packed.iov_len = size;
	memset(out, 1, LONG);
	assert_int_equal(spdk_accel_submit_decompress(
				 g_accel_ch, &unpacked, 1, &packed, 1, &unpacked_size, accel_fixture_done_cb, &unpack),
		0);
	assert_int_equal(out[LONG - 1], 1);
	assert_int_equal(spdk_accel_submit_copy(g_accel_ch, g_dst2, g_src, 4096, accel_fixture_done_cb, &small), 0);
	assert_int_equal(accel_fixture_wait(&small), 0);
	assert_false(unpack.called);
	assert_int_equal(accel_fixture_wait(&unpack), 0);
	assert_int_equal(unpacked_size, LONG);
	assert_memory_equal(out, big, LONG);
	free(big);
}

/* More at a time than there are states for streams. */
static void
many_streams_at_a_time(void **state)
{
	struct accel_result packs[20] = {}, unpacks[20] = {};
	uint8_t *packed[20], *unpacked[20];
	uint32_t sizes[20], unpacked_sizes[20];
	struct iovec src[20], dst[20], from = {g_src, LEN};
	int i;

	accel_fixture_fill(g_src, LEN, 7);
	memset(g_src + LEN / 2, 0, LEN / 2);
	for (i = 0; i < 20; i++) {
		packed[i] = malloc(LEN);
		unpacked[i] = malloc(LEN);
		assert_true(packed[i] != NULL && unpacked[i] != NULL);
		assert_int_equal(
			spdk_accel_submit_compress_ext(g_accel_ch, packed[i], LEN, &from, 1,
				SPDK_ACCEL_COMP_ALGO_DEFLATE, i % 4, &sizes[i], accel_fixture_done_cb, &packs[i]),
			0);
	}
	for (i = 0; i < 20; i++) {
		assert_int_equal(accel_fixture_wait(&packs[i]), 0);
		src[i] = (struct iovec){packed[i], sizes[i]};
		dst[i] = (struct iovec){unpacked[i], LEN};
		assert_int_equal(spdk_accel_submit_decompress(g_accel_ch, &dst[i], 1, &src[i], 1, &unpacked_sizes[i],
					 accel_fixture_done_cb, &unpacks[i]),
			0);
	}
	for (i = 0; i < 20; i++) {
		assert_int_equal(accel_fixture_wait(&unpacks[i]), 0);
		assert_int_equal(unpacked_sizes[i], LEN);
		assert_memory_equal(unpacked[i], g_src, LEN);
		free(packed[i]);
		free(unpacked[i]);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(copies_and_patterns),
		TEST(dualcasts),
		TEST(comparisons),
		TEST(checksums),
		TEST(checksums_of_iscsi),
		TEST(parity),
		TEST(nothing_to_checksum),
		cmocka_unit_test_setup_teardown(tasks_run_out, setup_few_tasks, teardown_few_tasks),
		TEST(a_short_one_does_not_wait_for_long_ones),
		TEST(a_long_decompression_is_cut),
		TEST(many_streams_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
