/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The software accel module: decompression of anything, into buffers of any layout; the way back of what it compresses; and
 * encryption of blocks that iovecs cut anywhere. Each piece is a block of memory of its own, so that ASan sees a byte too
 * many.
 */

#include "test/fuzz/fuzz.h"
#include "spdk/accel.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#define MAX_IOVS 8
#define MAX_OUT 65536

struct input {
	const uint8_t *data;
	size_t size;
};

struct pieces {
	struct iovec iovs[MAX_IOVS];
	uint32_t count;
};

static struct spdk_thread *g_thread;
static struct spdk_io_channel *g_ch;
static struct spdk_accel_crypto_key *g_keys[3];
static int g_status;
static bool g_done;

static uint32_t
take(struct input *input, size_t bytes)
{
	uint32_t value = 0;

	for (; bytes > 0 && input->size > 0; bytes--, input->size--) {
		value = value << 8 | *input->data++;
	}
	return value;
}

static void
start(void)
{
	static const char *const modes[] = {"SIMPLE_LBA", "JOIN_NEG_LBA_WITH_LBA", "INCR_512_FULL_LBA"};
	struct spdk_iobuf_opts iobuf;
	struct spdk_accel_opts opts;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	FUZZ_CHECK(spdk_thread_lib_init(NULL, 0) == 0);
	g_thread = spdk_thread_create("fuzz", NULL);
	FUZZ_CHECK(g_thread != NULL);
	spdk_set_thread(g_thread);
	spdk_iobuf_get_opts(&iobuf, sizeof(iobuf));
	iobuf.small_pool_count = 64;
	iobuf.large_pool_count = 8;
	FUZZ_CHECK(spdk_iobuf_set_opts(&iobuf) == 0 && spdk_iobuf_initialize() == 0);
	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.small_cache_size = opts.large_cache_size = 0;
	FUZZ_CHECK(spdk_accel_set_opts(&opts) == 0 && spdk_accel_initialize() == 0);
	g_ch = spdk_accel_get_io_channel();
	FUZZ_CHECK(g_ch != NULL);
	for (size_t i = 0; i < SPDK_COUNTOF(g_keys); i++) {
		char name[] = {(char)('a' + i), '\0'};
		struct spdk_accel_crypto_key_create_param param = {
			.cipher = (char *)"AES_XTS",
			.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
			.hex_key2 = (char *)"101112131415161718191a1b1c1d1e1f",
			.tweak_mode = (char *)modes[i],
			.key_name = name,
		};

		FUZZ_CHECK(spdk_accel_crypto_key_create(&param) == 0);
		g_keys[i] = spdk_accel_crypto_key_get(name);
	}
}

static void
done_cb(void *cb_arg, int status)
{
	FUZZ_CHECK(!g_done);
	g_done = true;
	g_status = status;
}

static int
wait_for(int rc)
{
	FUZZ_CHECK(rc == 0 && !g_done);
	while (!g_done) {
		spdk_thread_poll(g_thread, 0, 0);
	}
	g_done = false;
	return g_status;
}

/* Memory of len bytes in pieces as the input has it; with data in it, if there are. */
static struct pieces
cut(struct input *input, size_t len, const uint8_t *data)
{
	struct pieces pieces = {};
	size_t done = 0, part;

	do {
		part = take(input, 2);
		part = pieces.count + 1 == MAX_IOVS ? len - done : spdk_min(part, len - done);
		pieces.iovs[pieces.count].iov_base = malloc(part);
		pieces.iovs[pieces.count].iov_len = part;
		FUZZ_CHECK(part == 0 || pieces.iovs[pieces.count].iov_base != NULL);
		if (data != NULL && part > 0) {
			memcpy(pieces.iovs[pieces.count].iov_base, data + done, part);
		}
		done += part;
		pieces.count++;
	} while (done < len && pieces.count < MAX_IOVS);
	return pieces;
}

static void
join(const struct pieces *pieces, uint8_t *to)
{
	for (uint32_t i = 0; i < pieces->count; i++) {
		if (pieces->iovs[i].iov_len > 0) {
			memcpy(to, pieces->iovs[i].iov_base, pieces->iovs[i].iov_len);
		}
		to += pieces->iovs[i].iov_len;
	}
}

static void
free_pieces(struct pieces *pieces)
{
	for (uint32_t i = 0; i < pieces->count; i++) {
		free(pieces->iovs[i].iov_base);
	}
}

/* What is left of the input is compressed data, or is said to be. */
static void
check_decompress(struct input *input)
{
	uint32_t room = take(input, 2), produced = 0;
	struct pieces dst = cut(input, room, NULL), src;
	struct input shape = *input;
	int status;

	/* What says how it is cut is a part of it. */
	src = cut(&shape, input->size, input->data);
	status = wait_for(
		spdk_accel_submit_decompress(g_ch, dst.iovs, dst.count, src.iovs, src.count, &produced, done_cb, NULL));
	FUZZ_CHECK(status == 0 || status == -EINVAL || status == -ENOMEM);
	FUZZ_CHECK(produced <= room);
	free_pieces(&dst);
	free_pieces(&src);
}

static void
check_there_and_back(struct input *input)
{
	static uint8_t packed[MAX_OUT], out[MAX_OUT];
	uint32_t level = take(input, 1) % 4, size = 0, produced = 0;
	uint8_t shape[32] = {};
	struct input shape_input = {shape, sizeof(shape)};
	struct pieces plain, src, dst;
	size_t len;
	int status;

	for (size_t i = 0; i < sizeof(shape); i++) {
		shape[i] = (uint8_t)take(input, 1);
	}
	len = spdk_min(input->size, (size_t)MAX_OUT / 2);
	plain = cut(&shape_input, len, input->data);
	status = wait_for(spdk_accel_submit_compress_ext(g_ch, packed, sizeof(packed), plain.iovs, plain.count,
		SPDK_ACCEL_COMP_ALGO_DEFLATE, level, &size, done_cb, NULL));
	FUZZ_CHECK(status == 0);
	src = cut(&shape_input, size, packed);
	dst = cut(&shape_input, len, NULL);
	status = wait_for(
		spdk_accel_submit_decompress(g_ch, dst.iovs, dst.count, src.iovs, src.count, &produced, done_cb, NULL));
	FUZZ_CHECK(status == 0 && produced == len);
	join(&dst, out);
	FUZZ_CHECK(len == 0 || memcmp(out, input->data, len) == 0);
	free_pieces(&plain);
	free_pieces(&src);
	free_pieces(&dst);
}

/* Whatever the layouts, what is encrypted is what one piece gives, and comes back. */
static void
check_encrypt(struct input *input)
{
	static uint8_t plain[MAX_OUT], whole[MAX_OUT], out[MAX_OUT];
	struct spdk_accel_crypto_key *key = g_keys[take(input, 1) % SPDK_COUNTOF(g_keys)];
	uint32_t block_size = take(input, 1) % 2 == 0 ? 512 * (1 + take(input, 1) % 8) : take(input, 2);
	uint32_t len = block_size * (1 + take(input, 1) % 8);
	uint64_t iv = take(input, 4);
	struct iovec plain_iov = {plain, len}, whole_iov = {whole, len};
	struct pieces src, dst;
	int status;

	if (block_size == 0 || len > MAX_OUT) {
		return;
	}
	for (uint32_t i = 0; i < len; i++) {
		plain[i] = (uint8_t)(i * 7 + i / 256);
	}
	status = wait_for(
		spdk_accel_submit_encrypt(g_ch, key, &whole_iov, 1, &plain_iov, 1, iv, block_size, done_cb, NULL));
	src = cut(input, len, plain);
	dst = cut(input, len, NULL);
	FUZZ_CHECK(wait_for(spdk_accel_submit_encrypt(g_ch, key, dst.iovs, dst.count, src.iovs, src.count, iv,
			   block_size, done_cb, NULL)) == status);
	if (status == 0) {
		join(&dst, out);
		FUZZ_CHECK(memcmp(out, whole, len) == 0);
		FUZZ_CHECK(wait_for(spdk_accel_submit_decrypt(g_ch, key, src.iovs, src.count, dst.iovs, dst.count, iv,
				   block_size, done_cb, NULL)) == 0);
		join(&src, out);
		FUZZ_CHECK(memcmp(out, plain, len) == 0);
	} else {
		FUZZ_CHECK(status == -EINVAL);
	}
	free_pieces(&src);
	free_pieces(&dst);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};

	if (g_thread == NULL) {
		start();
	}
	switch (take(&input, 1) % 3) {
	case 0:
		check_decompress(&input);
		break;
	case 1:
		check_there_and_back(&input);
		break;
	default:
		check_encrypt(&input);
		break;
	}
	return 0;
}
