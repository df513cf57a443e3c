/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/crypto: what comes to lie on the base is what OpenSSL makes of the data, and what OpenSSL has made can be
 * read; the caller's data and steps, bases that fail or run short.
 */

#include "../bdev/convert_fixture.h"

#include "module/bdev/crypto/vbdev_crypto.h"
#include "spdk/nvme_spec.h"

#include <openssl/evp.h>

#define HEX_KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_KEY2 "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeffe0e1e2e3e4e5e6e7e8e9eaebecedeeef"

static uint8_t g_secret[MAX_BYTES], g_saved[MAX_BYTES];

/* ---- a crypto bdev on the disk ---- */

static void
create_key(const char *cipher, uint32_t bits, const char *tweak_mode)
{
	char key[65], key2[65];
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)cipher,
		.hex_key = key,
		.hex_key2 = strcmp(cipher, "AES_XTS") == 0 ? key2 : NULL,
		.tweak_mode = (char *)tweak_mode,
		.key_name = (char *)"key",
	};

	snprintf(key, sizeof(key), "%.*s", (int)bits / 4, HEX_KEY);
	snprintf(key2, sizeof(key2), "%.*s", (int)bits / 4, HEX_KEY2);
	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
}

static int
create_bdev(const char *name, const char *base)
{
	struct crypto_key_opts opts = {.key_name = "key"};
	struct crypto_key *key;
	const char *why;
	int rc;

	ON(0, {
		assert_int_equal(crypto_key_get(name, &opts, &key, &why), 0);
		rc = vbdev_crypto_create(name, base, key, &why);
	});
	bdk_sim_run_until_idle();
	return rc;
}

static void
deleted_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static void
delete_bdev(const char *name)
{
	bool deleted = false;

	ON(0, assert_int_equal(vbdev_crypto_delete(name, deleted_cb, &deleted), 0));
	bdk_sim_run_until_idle();
	assert_true(deleted);
}

/* With a key that exists, and the disk as it has been set up. */
static void
open_crypto_with(uint32_t num_threads)
{
	mem_disk_add(&g_disk);
	assert_int_equal(create_bdev("c", "disk"), 0);
	mem_user_open_name(&g_user, "c", num_threads, true);
}

static void
open_crypto(void)
{
	create_key("AES_XTS", 256, NULL);
	open_crypto_with(1);
}

static int
close_crypto(void **state)
{
	mem_user_close(&g_user);
	if (spdk_bdev_get_by_name("c") != NULL) {
		delete_bdev("c");
	}
	return teardown(state);
}

/* ---- what OpenSSL says ---- */

struct cipher_case {
	const char *cipher;
	uint32_t bits;
	const char *tweak_mode;
	const EVP_CIPHER *(*evp)(void);
};

static const struct cipher_case g_ciphers[] = {
	{"AES_XTS", 128, NULL, EVP_aes_128_xts},
	{"AES_XTS", 256, "SIMPLE_LBA", EVP_aes_256_xts},
	{"AES_XTS", 256, "JOIN_NEG_LBA_WITH_LBA", EVP_aes_256_xts},
	{"AES_XTS", 128, "INCR_512_FULL_LBA", EVP_aes_128_xts},
	{"AES_XTS", 256, "INCR_512_UPPER_LBA", EVP_aes_256_xts},
	{"AES_CBC", 128, NULL, EVP_aes_128_cbc},
	{"AES_CBC", 256, NULL, EVP_aes_256_cbc},
};

static void
put_number(uint8_t *to, uint64_t number)
{
	for (int i = 0; i < 8; i++) {
		to[i] = number >> (8 * i);
	}
}

/* Sixteen bytes for the unit of which the first byte is at that offset of the bdev. */
static void
make_tweak(const struct cipher_case *test, uint64_t offset, uint32_t block_size, uint8_t *tweak)
{
	uint64_t block = offset / block_size;

	memset(tweak, 0, 16);
	if (strcmp(test->cipher, "AES_CBC") == 0) {
		put_number(tweak, block);
	} else if (test->tweak_mode == NULL || strcmp(test->tweak_mode, "SIMPLE_LBA") == 0) {
		put_number(tweak + 8, block);
	} else if (strcmp(test->tweak_mode, "JOIN_NEG_LBA_WITH_LBA") == 0) {
		put_number(tweak, block);
		put_number(tweak + 8, ~block);
		tweak[15] &= 0x7f;
	} else if (strcmp(test->tweak_mode, "INCR_512_FULL_LBA") == 0) {
		put_number(tweak, offset / 512);
	} else {
		put_number(tweak + 8, offset / 512);
	}
}

static void
openssl_encrypt(const struct cipher_case *test, uint64_t first_block, uint32_t block_size, const uint8_t *from,
	uint8_t *to, size_t len)
{
	uint32_t unit = test->tweak_mode != NULL && strncmp(test->tweak_mode, "INCR_512", 8) == 0 ? 512 : block_size;
	uint32_t key_len = test->bits / 8;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[64], tweak[16];

	for (uint32_t i = 0; i < key_len; i++) {
		key[i] = i;
		key[key_len + i] = (i < 16 ? 0xf0 : 0xe0) + i % 16;
	}
	for (size_t offset = 0; offset < len; offset += unit) {
		int done;

		make_tweak(test, first_block * block_size + offset, block_size, tweak);
		assert_int_equal(EVP_EncryptInit_ex(ctx, test->evp(), NULL, key, tweak), 1);
		assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
		assert_int_equal(EVP_EncryptUpdate(ctx, to + offset, &done, from + offset, unit), 1);
		assert_int_equal(done, unit);
	}
	EVP_CIPHER_CTX_free(ctx);
}

/* Pieces of a buffer that cut blocks anywhere. */
static int
cut(uint8_t *buf, size_t len, struct iovec *iovs, int max)
{
	int count = 0;

	while (len > 0 && count < max - 1) {
		size_t part = 1 + bdk_sim_random(len);

		iovs[count++] = (struct iovec){buf, part};
		buf += part;
		len -= part;
	}
	if (len > 0) {
		iovs[count++] = (struct iovec){buf, len};
	}
	return count;
}

/* There and back, at a place and of a length that chance decides. */
static void
check_media(const struct cipher_case *test, uint32_t block_size)
{
	uint64_t num_blocks = 1 + bdk_sim_random(40), first = bdk_sim_random(NUM_BLOCKS - num_blocks + 1);
	size_t len = num_blocks * block_size;
	uint8_t *media = g_disk.data + first * block_size;
	struct iovec iovs[5];
	int iovcnt;

	fill(g_buf, len, first);
	memcpy(g_saved, g_buf, len);
	openssl_encrypt(test, first, block_size, g_buf, g_secret, len);
	iovcnt = cut(g_buf, len, iovs, 5);
	submit(true, iovs, iovcnt, first, num_blocks, NULL);
	assert_true(run());
	assert_memory_equal(media, g_secret, len);
	/* The caller's data are as they were. */
	assert_memory_equal(g_buf, g_saved, len);

	fill(g_saved, len, first + 1);
	openssl_encrypt(test, first, block_size, g_saved, media, len);
	iovcnt = cut(g_buf, len, iovs, 5);
	submit(false, iovs, iovcnt, first, num_blocks, NULL);
	assert_true(run());
	assert_memory_equal(g_buf, g_saved, len);
}

static void
check_cipher(const struct cipher_case *test, uint32_t block_size, bool takes_sequences)
{
	struct spdk_accel_crypto_key *key;

	mem_disk_init(&g_disk, "disk", block_size, NUM_BLOCKS);
	g_disk.sequence_types = takes_sequences ? 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE : 0;
	g_disk.knows_domains = takes_sequences;
	/* So that the disk asks for what it needs, and I/O is split. */
	g_disk.bdev.required_alignment = takes_sequences ? 0 : 9;
	g_disk.bdev.optimal_io_boundary = 8;
	g_disk.bdev.split_on_optimal_io_boundary = bdk_sim_random(2) == 0;
	g_disk.get_buf = !takes_sequences;
	create_key(test->cipher, test->bits, test->tweak_mode);
	open_crypto_with(1);
	for (int i = 0; i < 8; i++) {
		g_disk.mode = i % 2 == 0 ? MEM_DISK_INLINE : MEM_DISK_MESSAGE;
		check_media(test, block_size);
	}
	mem_user_close(&g_user);
	delete_bdev("c");
	mem_disk_remove(&g_disk);
	key = spdk_accel_crypto_key_get("key");
	ON(0, assert_int_equal(spdk_accel_crypto_key_destroy(key), 0));
}

static void
media_are_what_openssl_says(void **state)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_ciphers); i++) {
		for (int takes_sequences = 0; takes_sequences < 2; takes_sequences++) {
			check_cipher(&g_ciphers[i], 512, takes_sequences);
			check_cipher(&g_ciphers[i], 4096, takes_sequences);
		}
	}
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	mem_disk_add(&g_disk);
}

/* ---- shapes ---- */

static const struct cipher_case g_usual = {"AES_XTS", 256, NULL, EVP_aes_256_xts};

static void
a_read_without_a_buffer_gets_one(void **state)
{
	struct mem_io io = {.keep = true};
	struct iovec *iovs;
	int iovcnt;

	open_crypto();
	fill(g_expected, 8 * BLOCK, 3);
	openssl_encrypt(&g_usual, 5, BLOCK, g_expected, g_disk.data + 5 * BLOCK, 8 * BLOCK);
	ON(0, assert_int_equal(spdk_bdev_read_blocks(g_user.desc, g_user.ch[0], NULL, 5, 8, mem_io_done_cb, &io), 0));
	bdk_sim_run_until_idle();
	assert_true(io.done && io.success);
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_memory_equal(iovs[0].iov_base, g_expected, 8 * BLOCK);
	ON(0, spdk_bdev_free_io(io.bdev_io));
}

static void
nothing_is_nothing(void **state)
{
	struct iovec iov = {g_buf, 0};

	open_crypto();
	submit(true, &iov, 1, 5, 0, NULL);
	assert_true(run());
	submit(false, &iov, 1, 5, 0, NULL);
	assert_true(run());
	assert_int_equal(g_disk.num_records, 0);
}

/* More than any buffer holds. */
static void
large_io_is_split(void **state)
{
	struct iovec iov = {g_buf, NUM_BLOCKS * 1024};

	assert_true(iov.iov_len <= sizeof(g_buf));
	mem_disk_init(&g_disk, "disk", 1024, NUM_BLOCKS);
	g_disk.bdev.required_alignment = 12;
	g_disk.get_buf = true;
	open_crypto();
	assert_int_equal(spdk_bdev_get_by_name("c")->max_rw_size, (135168 - 4095) / 1024);
	fill(g_buf, iov.iov_len, 8);
	openssl_encrypt(&g_usual, 0, 1024, g_buf, g_secret, iov.iov_len);
	submit(true, &iov, 1, 0, NUM_BLOCKS, NULL);
	assert_true(run());
	assert_memory_equal(g_disk.data, g_secret, iov.iov_len);
	assert_int_equal(g_disk.num_records, 2);
	memcpy(g_saved, g_buf, iov.iov_len);
	memset(g_buf, 0, iov.iov_len);
	/* Not aligned for the disk. */
	iov.iov_base = g_buf + 1;
	iov.iov_len = (NUM_BLOCKS - 1) * 1024;
	submit(false, &iov, 1, 1, NUM_BLOCKS - 1, NULL);
	assert_true(run());
	assert_memory_equal(g_buf + 1, g_saved + 1024, iov.iov_len);
	assert_int_equal(g_disk.buf_failures, 0);
}

/* The layer makes and checks it, over what is encrypted. */
static void
metadata_in_the_blocks_is_hidden(void **state)
{
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format), .dif_pi_format = SPDK_DIF_PI_FORMAT_16};
	struct iovec iov = {g_buf, 16 * BLOCK}, media = {.iov_len = 16 * (BLOCK + 8)};
	struct spdk_dif_error error;
	struct spdk_dif_ctx ctx;

	mem_disk_init(&g_disk, "disk", BLOCK + 8, NUM_BLOCKS);
	g_disk.bdev.md_len = 8;
	g_disk.bdev.md_interleave = true;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_16;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	open_crypto();
	assert_int_equal(spdk_bdev_get_by_name("c")->blocklen, BLOCK);
	fill(g_buf, 16 * BLOCK, 12);
	openssl_encrypt(&g_usual, 3, BLOCK, g_buf, g_secret, 16 * BLOCK);
	submit(true, &iov, 1, 3, 16, NULL);
	assert_true(run());
	media.iov_base = g_disk.data + 3 * (BLOCK + 8);
	for (int i = 0; i < 16; i++) {
		assert_memory_equal(g_disk.data + (3 + i) * (BLOCK + 8), g_secret + i * BLOCK, BLOCK);
	}
	assert_int_equal(spdk_dif_ctx_init(&ctx, BLOCK + 8, 8, true, false, SPDK_DIF_TYPE1, g_disk.bdev.dif_check_flags,
				 3, 0, 0, 0, 0, &opts),
		0);
	assert_int_equal(spdk_dif_verify(&media, 1, 16, &ctx, &error), 0);

	memcpy(g_saved, g_buf, 16 * BLOCK);
	memset(g_buf, 0, 16 * BLOCK);
	submit(false, &iov, 1, 3, 16, NULL);
	assert_true(run());
	assert_memory_equal(g_buf, g_saved, 16 * BLOCK);
	/* What somebody has changed is found. */
	g_disk.data[7 * (BLOCK + 8) + 1] ^= 1;
	submit(false, &iov, 1, 3, 16, NULL);
	assert_false(run());
}

/* ---- the caller's domain and sequence ---- */

static void
check_domain(bool takes_sequences)
{
	struct spdk_io_channel *accel_ch = get_accel_channel();
	struct iovec iovs[2], plain = {g_saved, 16 * BLOCK};
	struct spdk_accel_sequence *seq = NULL;
	struct spdk_bdev_ext_io_opts opts;
	uint32_t crc = 0;

	g_disk.sequence_types = takes_sequences ? 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE : 0;
	g_disk.knows_domains = takes_sequences;
	g_steps = 0;
	use_domain(&opts);
	iovs[0] = guarded_domain_iov(&g_guarded, 3, 1001);
	iovs[1] = guarded_domain_iov(&g_guarded, 1004, 16 * BLOCK - 1001);
	fill(g_saved, 16 * BLOCK, 21 + takes_sequences);
	openssl_encrypt(&g_usual, 7, BLOCK, g_saved, g_secret, 16 * BLOCK);

	/* What is written is what the caller's step makes. */
	memset(g_guarded.window, 0, 17 * BLOCK);
	ON(0,
		assert_int_equal(spdk_accel_append_copy(&seq, accel_ch, iovs, 2, g_guarded.domain,
					 g_guarded.expected_ctx, &plain, 1, NULL, NULL, step_cb, NULL),
			0));
	opts.accel_sequence = seq;
	submit(true, iovs, 2, 7, 16, &opts);
	assert_true(run());
	assert_memory_equal(g_disk.data + 7 * BLOCK, g_secret, 16 * BLOCK);
	assert_int_equal(g_steps, 1);

	/* What the caller's steps get is what has been decrypted. */
	memset(g_guarded.window, 0, 17 * BLOCK);
	memset(g_buf, 0, 16 * BLOCK);
	plain.iov_base = g_buf;
	seq = NULL;
	ON(0, {
		assert_int_equal(
			spdk_accel_append_crc32c(&seq, accel_ch, &crc, &plain, 1, NULL, NULL, 0, step_cb, NULL), 0);
		assert_int_equal(spdk_accel_append_copy(&seq, accel_ch, &plain, 1, NULL, NULL, iovs, 2,
					 g_guarded.domain, g_guarded.expected_ctx, step_cb, NULL),
			0);
	});
	opts.accel_sequence = seq;
	submit(false, iovs, 2, 7, 16, &opts);
	assert_true(run());
	assert_memory_equal(g_buf, g_saved, 16 * BLOCK);
	assert_int_equal(crc, spdk_crc32c_update(g_saved, 16 * BLOCK, ~0U));
	assert_int_equal(g_steps, 3);

	/* The domain alone. */
	memset(g_guarded.window, 0, 17 * BLOCK);
	use_domain(&opts);
	submit(false, iovs, 2, 7, 16, &opts);
	assert_true(run());
	assert_memory_equal(g_guarded.window + 3, g_saved, 16 * BLOCK);
	put_channel(accel_ch);
}

static void
domains_and_sequences_of_the_caller(void **state)
{
	for (int takes_sequences = 0; takes_sequences < 2; takes_sequences++) {
		struct spdk_accel_crypto_key *key;

		mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
		g_disk.sequence_types =
			takes_sequences ? 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE : 0;
		open_crypto();
		check_domain(takes_sequences);
		mem_user_close(&g_user);
		delete_bdev("c");
		mem_disk_remove(&g_disk);
		key = spdk_accel_crypto_key_get("key");
		ON(0, assert_int_equal(spdk_accel_crypto_key_destroy(key), 0));
	}
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	mem_disk_add(&g_disk);
}

/* ---- other types ---- */

static void
expect_record(enum spdk_bdev_io_type type, uint64_t offset, uint64_t num_blocks)
{
	assert_int_equal(g_disk.num_records, 1);
	assert_int_equal(g_disk.records[0].type, type);
	assert_int_equal(g_disk.records[0].offset, offset);
	assert_int_equal(g_disk.records[0].num_blocks, num_blocks);
	g_disk.num_records = 0;
}

#define RUN(FUNCTION, ...) \
	do { \
		g_io = (struct mem_io){}; \
		ON(0, assert_int_equal(FUNCTION(g_user.desc, g_user.ch[0], ##__VA_ARGS__, mem_io_done_cb, &g_io), 0)); \
	} while (0)

static void
what_has_no_data_goes_down(void **state)
{
	static const uint8_t zeroes[4 * BLOCK];
	struct iovec iov = {g_buf, 4 * BLOCK};

	open_crypto();
	RUN(spdk_bdev_unmap_blocks, 3, 4);
	assert_true(run());
	expect_record(SPDK_BDEV_IO_TYPE_UNMAP, 3, 4);
	/* Which reads as noise: what the disk has there is decrypted. */
	submit(false, &iov, 1, 3, 4, NULL);
	assert_true(run());
	assert_memory_not_equal(g_buf, zeroes, BLOCK);
	openssl_encrypt(&g_usual, 3, BLOCK, g_buf, g_secret, 4 * BLOCK);
	assert_memory_equal(g_secret, zeroes, 4 * BLOCK);
	g_disk.num_records = 0;

	RUN(spdk_bdev_flush_blocks, 0, NUM_BLOCKS);
	assert_true(run());
	expect_record(SPDK_BDEV_IO_TYPE_FLUSH, 0, NUM_BLOCKS);
	RUN(spdk_bdev_reset);
	assert_true(run());
	assert_int_equal(g_disk.resets, 1);
	g_disk.num_records = 0;

	/* Zeroes are data, and are encrypted. */
	RUN(spdk_bdev_write_zeroes_blocks, 9, 4);
	assert_true(run());
	expect_record(SPDK_BDEV_IO_TYPE_WRITE, 9, 4);
	openssl_encrypt(&g_usual, 9, BLOCK, zeroes, g_secret, 4 * BLOCK);
	assert_memory_equal(g_disk.data + 9 * BLOCK, g_secret, 4 * BLOCK);
	/* A copy is another block, and has another tweak. */
	RUN(spdk_bdev_copy_blocks, 40, 9, 4);
	assert_true(run());
	openssl_encrypt(&g_usual, 40, BLOCK, zeroes, g_secret, 4 * BLOCK);
	assert_memory_equal(g_disk.data + 40 * BLOCK, g_secret, 4 * BLOCK);
}

/* An abort finds what was handed down. */
static void
abort_reaches_the_base(void **state)
{
	struct mem_io aborts[2] = {{}}, ios[2] = {{}};
	struct iovec iov = {g_buf, BLOCK};

	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	open_crypto();
	g_disk.mode = MEM_DISK_HOLD;
	ON(0, {
		assert_int_equal(
			spdk_bdev_readv_blocks(g_user.desc, g_user.ch[0], &iov, 1, 0, 1, mem_io_done_cb, &ios[0]), 0);
		assert_int_equal(
			spdk_bdev_writev_blocks(g_user.desc, g_user.ch[0], &iov, 1, 1, 1, mem_io_done_cb, &ios[1]), 0);
	});
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 2);
	for (int i = 0; i < 2; i++) {
		ON(0,
			assert_int_equal(
				spdk_bdev_abort(g_user.desc, g_user.ch[0], &ios[i], mem_io_done_cb, &aborts[i]), 0));
		bdk_sim_run_until_idle();
		assert_true(aborts[i].done && aborts[i].success);
		assert_true(ios[i].done && !ios[i].success);
	}
}

/* ---- failures ---- */

static void
errors_of_the_base_come_up(void **state)
{
	struct iovec iov = {g_buf, BLOCK};

	open_crypto();
	for (int i = 0; i < 2; i++) {
		g_disk.mode = MEM_DISK_HOLD;
		submit(i == 0, &iov, 1, 3, 1, NULL);
		bdk_sim_run_until_idle();
		mem_disk_release_nvme(&g_disk, 1, SPDK_NVME_SCT_MEDIA_ERROR, SPDK_NVME_SC_WRITE_FAULTS);
		assert_false(run());
		assert_int_equal(g_io.nvme_sct, SPDK_NVME_SCT_MEDIA_ERROR);
		assert_int_equal(g_io.nvme_sc, SPDK_NVME_SC_WRITE_FAULTS);
		submit(i == 0, &iov, 1, 3, 1, NULL);
		bdk_sim_run_until_idle();
		mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
		assert_false(run());
	}
	/* One bad I/O is one bad I/O. */
	g_disk.mode = MEM_DISK_INLINE;
	submit(true, &iov, 1, 3, 1, NULL);
	assert_true(run());
}

/* ---- shortages: all that is short comes back, and with it the I/O ---- */

#define MANY 40

static struct mem_io g_many[MANY];

static void
submit_many(bool write)
{
	static struct iovec iovs[MANY];
	int rc;

	memset(g_many, 0, sizeof(g_many));
	for (int i = 0; i < MANY; i++) {
		iovs[i] = (struct iovec){g_buf + i * BLOCK, BLOCK};
		ON(0,
			rc = write ? spdk_bdev_writev_blocks(
					     g_user.desc, g_user.ch[0], &iovs[i], 1, i, 1, mem_io_done_cb, &g_many[i])
				   : spdk_bdev_readv_blocks(
					     g_user.desc, g_user.ch[0], &iovs[i], 1, i, 1, mem_io_done_cb, &g_many[i]));
		assert_int_equal(rc, 0);
	}
}

static void
expect_many(void)
{
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(g_many[i].done, 1);
		assert_true(g_many[i].success);
	}
}

/* Writes and reads 40 blocks and compares them. */
static void
check_many(void)
{
	fill(g_buf, MANY * BLOCK, 77);
	memcpy(g_saved, g_buf, MANY * BLOCK);
	openssl_encrypt(&g_usual, 0, BLOCK, g_buf, g_secret, MANY * BLOCK);
	submit_many(true);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	assert_memory_equal(g_disk.data, g_secret, MANY * BLOCK);
	memset(g_buf, 0, MANY * BLOCK);
	submit_many(false);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	assert_memory_equal(g_buf, g_saved, MANY * BLOCK);
}

static void
a_base_without_memory(void **state)
{
	open_crypto();
	g_disk.mode = MEM_DISK_MESSAGE;
	g_disk.refuse = 100;
	check_many();
	assert_int_equal(g_disk.refuse, 0);
}

/* 64 tasks, of which a sequence keeps eight in reserve: 40 I/Os through two crypto bdevs are more than that. */
static void
too_few_tasks_of_accel(void **state)
{
	open_crypto();
	mem_user_close(&g_user);
	assert_int_equal(create_bdev("cc", "c"), 0);
	mem_user_open_name(&g_user, "cc", 1, true);
	g_disk.mode = MEM_DISK_MESSAGE;
	fill(g_buf, MANY * BLOCK, 78);
	memcpy(g_saved, g_buf, MANY * BLOCK);
	submit_many(true);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	memset(g_buf, 0, MANY * BLOCK);
	submit_many(false);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	assert_memory_equal(g_buf, g_saved, MANY * BLOCK);
	mem_user_close(&g_user);
	delete_bdev("cc");
	mem_user_open_name(&g_user, "c", 1, true);
}

/* While others have all of them. */
static void
no_task_of_accel(void **state)
{
	struct spdk_io_channel *accel_ch = get_accel_channel();
	struct spdk_accel_sequence *held[64] = {};
	int count = 0, rc;

	open_crypto();
	for (;;) {
		ON(0, rc = spdk_accel_append_fill(&held[count], accel_ch, g_secret, 8, NULL, NULL, 0, NULL, NULL));
		if (rc != 0) {
			break;
		}
		count++;
	}
	fill(g_buf, MANY * BLOCK, 5);
	submit_many(true);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(g_many[i].done, 0);
	}
	while (count-- > 0) {
		ON(0, spdk_accel_sequence_abort(held[count]));
	}
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	check_many();
	put_channel(accel_ch);
}

/* Of the kind that a write needs on a base that takes no sequences. */
static void
no_buffer(void **state)
{
	struct spdk_iobuf_channel iobuf;
	struct spdk_iobuf_opts opts;
	STAILQ_HEAD(, spdk_iobuf_buffer) taken = STAILQ_HEAD_INITIALIZER(taken);
	struct spdk_iobuf_buffer *buffer;
	struct iovec iov = {g_buf, 64 * BLOCK};

	open_crypto();
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	ON(0, {
		spdk_iobuf_register_module("crypto_io_test");
		assert_int_equal(spdk_iobuf_channel_init(&iobuf, "crypto_io_test", 0, 0), 0);
		while ((buffer = spdk_iobuf_get(&iobuf, opts.large_bufsize, NULL, NULL)) != NULL) {
			STAILQ_INSERT_HEAD(&taken, buffer, stailq);
		}
	});
	/* Those that the channels keep are used up first. */
	fill(g_buf, 64 * BLOCK, 6);
	g_disk.mode = MEM_DISK_HOLD;
	memset(g_many, 0, sizeof(g_many));
	for (int i = 0; i < MANY; i++) {
		ON(0,
			assert_int_equal(spdk_bdev_writev_blocks(g_user.desc, g_user.ch[0], &iov, 1, 64, 64,
						 mem_io_done_cb, &g_many[i]),
				0));
	}
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	assert_in_range(g_disk.num_held, 0, MANY - 1);
	ON(
		0,
		while ((buffer = STAILQ_FIRST(&taken)) != NULL) {
			STAILQ_REMOVE_HEAD(&taken, stailq);
			spdk_iobuf_put(&iobuf, buffer, opts.large_bufsize);
		} spdk_iobuf_channel_fini(&iobuf);
		spdk_iobuf_unregister_module("crypto_io_test"));
	g_disk.mode = MEM_DISK_INLINE;
	mem_disk_release(&g_disk, MANY);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_many();
	openssl_encrypt(&g_usual, 64, BLOCK, g_buf, g_secret, 64 * BLOCK);
	assert_memory_equal(g_disk.data + 64 * BLOCK, g_secret, 64 * BLOCK);
}

/* ---- removal ---- */

static void
base_goes_while_it_has_io(void **state)
{
	struct iovec iov = {g_buf, BLOCK};
	bool removed = false;

	open_crypto();
	g_disk.mode = MEM_DISK_HOLD;
	submit(true, &iov, 1, 3, 1, NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(g_disk.num_held, 1);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, deleted_cb, &removed));
	bdk_sim_run_until_idle();
	assert_int_equal(g_user.removes, 1);
	assert_false(removed);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	assert_false(run());
	mem_user_close(&g_user);
	bdk_sim_run_until_idle();
	assert_true(removed);
	assert_null(spdk_bdev_get_by_name("c"));
	/* It comes back with the base. */
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	mem_disk_add(&g_disk);
	assert_non_null(spdk_bdev_get_by_name("c"));
	mem_user_open_name(&g_user, "c", 1, true);
	check_many();
}

static void
zoned_and_odd_bases_are_refused(void **state)
{
	struct spdk_accel_crypto_key *key;

	create_key("AES_XTS", 128, "INCR_512_FULL_LBA");
	mem_disk_init(&g_disk, "disk", 520, NUM_BLOCKS);
	mem_disk_add(&g_disk);
	assert_int_equal(create_bdev("c", "disk"), -EINVAL);
	key = spdk_accel_crypto_key_get("key");
	ON(0, assert_int_equal(spdk_accel_crypto_key_destroy(key), 0));
	create_key("AES_CBC", 128, NULL);
	assert_int_equal(create_bdev("c", "disk"), -EINVAL);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "disk", 512, NUM_BLOCKS);
	g_disk.bdev.zoned = true;
	g_disk.bdev.zone_size = 64;
	mem_disk_add(&g_disk);
	assert_int_equal(create_bdev("c", "disk"), -ENOTSUP);
}

#define TEST_CRYPTO(name) cmocka_unit_test_setup_teardown(name, setup, close_crypto)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_CRYPTO(media_are_what_openssl_says),
		TEST_CRYPTO(a_read_without_a_buffer_gets_one),
		TEST_CRYPTO(nothing_is_nothing),
		TEST_CRYPTO(large_io_is_split),
		TEST_CRYPTO(metadata_in_the_blocks_is_hidden),
		TEST_CRYPTO(domains_and_sequences_of_the_caller),
		TEST_CRYPTO(what_has_no_data_goes_down),
		TEST_CRYPTO(abort_reaches_the_base),
		TEST_CRYPTO(errors_of_the_base_come_up),
		TEST_CRYPTO(a_base_without_memory),
		TEST_CRYPTO(too_few_tasks_of_accel),
		TEST_CRYPTO(no_task_of_accel),
		TEST_CRYPTO(no_buffer),
		TEST_CRYPTO(base_goes_while_it_has_io),
		TEST_CRYPTO(zoned_and_odd_bases_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
