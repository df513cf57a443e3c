/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Encryption by the software module: published vectors; every tweak mode beside OpenSSL, with tweaks that are put together
 * here; blocks that iovecs cut; what cannot be encrypted.
 */

#include "accel_fixture.h"
#include "nist_vectors.h"
#include "spdk/hexlify.h"
#include "spdk/util.h"
#include <openssl/evp.h>

#define LEN (300 * 1024)
#define MAX_IOVS 40

static uint8_t g_plain[LEN], g_secret[LEN], g_out[LEN];

static struct spdk_accel_crypto_key *
make_key(const char *cipher, const char *key, const char *key2, const char *tweak_mode)
{
	static int count;
	char name[32];
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)cipher,
		.hex_key = (char *)key,
		.hex_key2 = (char *)key2,
		.tweak_mode = (char *)tweak_mode,
		.key_name = name,
	};

	snprintf(name, sizeof(name), "key%d", count++);
	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
	return spdk_accel_crypto_key_get(name);
}

static int
run_crypto(bool encrypt, struct spdk_accel_crypto_key *key, struct iovec *dst, uint32_t dstcnt, struct iovec *src,
	uint32_t srccnt, uint64_t iv, uint32_t block_size)
{
	struct accel_result result = {};
	int rc = encrypt ? spdk_accel_submit_encrypt(g_accel_ch, key, dst, dstcnt, src, srccnt, iv, block_size,
				   accel_fixture_done_cb, &result)
			 : spdk_accel_submit_decrypt(g_accel_ch, key, dst, dstcnt, src, srccnt, iv, block_size,
				   accel_fixture_done_cb, &result);

	assert_int_equal(rc, 0);
	assert_false(result.called);
	return accel_fixture_wait(&result);
}

static void
check_both_ways(struct spdk_accel_crypto_key *key, const uint8_t *plain, const uint8_t *secret, size_t len, uint64_t iv,
	uint32_t block_size)
{
	struct iovec src = {(void *)plain, len}, dst = {g_out, len};

	memset(g_out, 0, len);
	assert_int_equal(run_crypto(true, key, &dst, 1, &src, 1, iv, block_size), 0);
	assert_memory_equal(g_out, secret, len);
	src.iov_base = (void *)secret;
	memset(g_out, 0, len);
	assert_int_equal(run_crypto(false, key, &dst, 1, &src, 1, iv, block_size), 0);
	assert_memory_equal(g_out, plain, len);
}

/* ---- published vectors ---- */

static uint8_t *
bytes_of(const char *hex)
{
	uint8_t *bytes = (uint8_t *)spdk_unhexlify(hex);

	assert_non_null(bytes);
	return bytes;
}

/*
 * The vectors have data units of 16 to 48 bytes, whose numbers are the low half of the tweak. INCR_512_FULL_LBA has such
 * tweaks for units of 512 bytes, and the first blocks of a unit do not depend on how long it is.
 */
static void
nist_xts(void **state)
{
	uint8_t *plain, *secret;
	struct iovec src = {g_plain, 512}, dst = {g_out, 512};
	size_t i, len;

	for (i = 0; i < SPDK_COUNTOF(g_nist_xts); i++) {
		const struct nist_xts *vector = &g_nist_xts[i];
		struct spdk_accel_crypto_key *key = make_key("AES_XTS", vector->key, vector->key2, "INCR_512_FULL_LBA");

		plain = bytes_of(vector->plain);
		secret = bytes_of(vector->secret);
		len = strlen(vector->plain) / 2;
		memcpy(g_plain, plain, len);
		assert_int_equal(run_crypto(true, key, &dst, 1, &src, 1, vector->number, 512), 0);
		assert_memory_equal(g_out, secret, len);
		memcpy(g_plain, secret, len);
		assert_int_equal(run_crypto(false, key, &dst, 1, &src, 1, vector->number, 512), 0);
		assert_memory_equal(g_out, plain, len);
		free(plain);
		free(secret);
	}
	print_message("%zu vectors\n", i);
}

/* IEEE 1619-2007, B.1: the begin of what vectors 4 and 10 to 14 come to. */
static void
ieee_1619(void **state)
{
	static const struct {
		uint64_t number;
		const char *secret;
	} vectors[] = {
		{0xff, "1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b"},
		{0xffff, "77a31251618a15e6b92d1d66dffe7b50b50bad552305ba0217a610688eff7e11"},
		{0xffffff, "e387aaa58ba483afa7e8eb469778317ecf4cf573aa9d4eac23f2cdf914e4e200"},
		{0xffffffff, "bf53d2dade78e822a4d949a9bc6766b01b06a8ef70d26748c6a7fc36d80ae4c5"},
		{0xffffffffff, "64497e5a831e4a932c09be3e5393376daa599548b816031d224bbf50a818ed23"},
	};
	struct spdk_accel_crypto_key *key;
	uint8_t *secret;
	struct iovec src = {g_plain, 512}, dst = {g_out, 512};
	size_t i;

	for (i = 0; i < 512; i++) {
		g_plain[i] = i;
	}
	key = make_key(
		"AES_XTS", "27182818284590452353602874713526", "31415926535897932384626433832795", "INCR_512_FULL_LBA");
	secret = bytes_of("27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c");
	assert_int_equal(run_crypto(true, key, &dst, 1, &src, 1, 0, 512), 0);
	assert_memory_equal(g_out, secret, 32);
	free(secret);

	key = make_key("AES_XTS", "2718281828459045235360287471352662497757247093699959574966967627",
		"3141592653589793238462643383279502884197169399375105820974944592", "INCR_512_FULL_LBA");
	for (i = 0; i < SPDK_COUNTOF(vectors); i++) {
		secret = bytes_of(vectors[i].secret);
		assert_int_equal(run_crypto(true, key, &dst, 1, &src, 1, vectors[i].number, 512), 0);
		assert_memory_equal(g_out, secret, 32);
		free(secret);
	}
}

/*
 * Our initialization vector is the block address, little endian, and eight zero bytes. With the difference to the vector's
 * in the first block of plain text, the same goes through the cipher, and all that comes out is as it should be.
 */
static void
nist_cbc(void **state)
{
	static const uint64_t address = 0x0123456789abcdef;
	static const uint8_t address_iv[16] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
	uint8_t *plain, *secret, *iv;
	size_t i, len, byte;

	for (i = 0; i < SPDK_COUNTOF(g_nist_cbc); i++) {
		const struct nist_cbc *vector = &g_nist_cbc[i];

		plain = bytes_of(vector->plain);
		secret = bytes_of(vector->secret);
		iv = bytes_of(vector->iv);
		len = strlen(vector->plain) / 2;
		for (byte = 0; byte < 16; byte++) {
			plain[byte] ^= iv[byte] ^ address_iv[byte];
		}
		check_both_ways(make_key("AES_CBC", vector->key, NULL, NULL), plain, secret, len, address, len);
		free(plain);
		free(secret);
		free(iv);
	}
	print_message("%zu vectors\n", i);
}

/* ---- beside OpenSSL ---- */

static void
store64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++) {
		bytes[i] = value >> 8 * i;
	}
}

enum layout {
	LOW, /* the number, then zeros */
	HIGH, /* zeros, then the number */
	WITH_NEG, /* the number, then its complement but for the top bit */
};

static void
openssl_encrypt(
	const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *tweak, const uint8_t *src, uint8_t *dst, int len)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0;

	assert_non_null(ctx);
	assert_int_equal(EVP_EncryptInit_ex(ctx, cipher, NULL, key, tweak), 1);
	assert_int_equal(EVP_CIPHER_CTX_set_padding(ctx, 0), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, dst, &done, src, len), 1);
	assert_int_equal(done, len);
	EVP_CIPHER_CTX_free(ctx);
}

/* What the software module should write: unit bytes for each tweak, numbers from first on. */
static void
expect(const EVP_CIPHER *cipher, const uint8_t *key, enum layout layout, uint64_t first, uint32_t unit, size_t len)
{
	uint8_t tweak[16];
	size_t offset;

	for (offset = 0; offset < len; offset += unit, first++) {
		memset(tweak, 0, sizeof(tweak));
		store64(tweak + (layout == HIGH ? 8 : 0), first);
		if (layout == WITH_NEG) {
			store64(tweak + 8, ~first);
			tweak[15] &= 0x7f;
		}
		openssl_encrypt(cipher, key, tweak, g_plain + offset, g_secret + offset, unit);
	}
}

#define KEY_128 "000102030405060708090a0b0c0d0e0f"
#define KEY2_128 "f0e1d2c3b4a5968778695a4b3c2d1e0f"
#define KEY_256 KEY_128 "202122232425262728292a2b2c2d2e2f"
#define KEY2_256 KEY2_128 "cafebabecafebabecafebabecafebabe"

static const struct {
	const char *cipher;
	const char *key;
	const char *key2;
	const char *tweak_mode;
	const EVP_CIPHER *(*openssl)(void);
	enum layout layout;
	/* Tweaks are for 512 bytes each. */
	bool counts;
} g_modes[] = {
	{"AES_XTS", KEY_128, KEY2_128, NULL, EVP_aes_128_xts, HIGH, false},
	{"AES_XTS", KEY_256, KEY2_256, "SIMPLE_LBA", EVP_aes_256_xts, HIGH, false},
	{"AES_XTS", KEY_128, KEY2_128, "JOIN_NEG_LBA_WITH_LBA", EVP_aes_128_xts, WITH_NEG, false},
	{"AES_XTS", KEY_256, KEY2_256, "JOIN_NEG_LBA_WITH_LBA", EVP_aes_256_xts, WITH_NEG, false},
	{"AES_XTS", KEY_128, KEY2_128, "INCR_512_FULL_LBA", EVP_aes_128_xts, LOW, true},
	{"AES_XTS", KEY_256, KEY2_256, "INCR_512_FULL_LBA", EVP_aes_256_xts, LOW, true},
	{"AES_XTS", KEY_128, KEY2_128, "INCR_512_UPPER_LBA", EVP_aes_128_xts, HIGH, true},
	{"AES_XTS", KEY_256, KEY2_256, "INCR_512_UPPER_LBA", EVP_aes_256_xts, HIGH, true},
	{"AES_CBC", KEY_128, NULL, NULL, EVP_aes_128_cbc, LOW, false},
	{"AES_CBC", KEY_256, NULL, "SIMPLE_LBA", EVP_aes_256_cbc, LOW, false},
};

/* Encrypts and decrypts the same blocks, cut at random on both sides, into another buffer and in place. */
static void
check_cuts(struct spdk_accel_crypto_key *key, size_t len, uint64_t iv, uint32_t block_size)
{
	struct iovec src[MAX_IOVS], dst[MAX_IOVS];
	uint32_t srccnt, dstcnt, cut = bdk_sim_random(3) == 0 ? block_size : 1;

	srccnt = accel_fixture_cut(g_plain, len, cut, src, MAX_IOVS);
	dstcnt = accel_fixture_cut(g_out, len, 1, dst, MAX_IOVS);
	memset(g_out, 0x55, LEN);
	assert_int_equal(run_crypto(true, key, dst, dstcnt, src, srccnt, iv, block_size), 0);
	assert_memory_equal(g_out, g_secret, len);
	assert_true(len == LEN || g_out[len] == 0x55);

	/* In place, with the same cuts, and back again with others. */
	memcpy(g_out, g_plain, len);
	dstcnt = accel_fixture_cut(g_out, len, cut, dst, MAX_IOVS);
	assert_int_equal(run_crypto(true, key, dst, dstcnt, dst, dstcnt, iv, block_size), 0);
	assert_memory_equal(g_out, g_secret, len);
	srccnt = accel_fixture_cut(g_out, len, 1, src, MAX_IOVS);
	assert_int_equal(run_crypto(false, key, src, srccnt, src, srccnt, iv, block_size), 0);
	assert_memory_equal(g_out, g_plain, len);
}

static void
tweaks_and_cuts(void **state)
{
	static const uint64_t addresses[] = {0, 1, 0x7fffffff, 0x123456789abcdef0, UINT64_MAX - 7};
	static const uint32_t block_sizes[] = {512, 4096, 520, 48, 65536, 150 * 1024};
	size_t mode, i, j;

	accel_fixture_fill(g_plain, LEN, 1);
	for (mode = 0; mode < SPDK_COUNTOF(g_modes); mode++) {
		struct spdk_accel_crypto_key *key =
			make_key(g_modes[mode].cipher, g_modes[mode].key, g_modes[mode].key2, g_modes[mode].tweak_mode);
		char both[140];
		uint8_t *bytes;

		snprintf(both, sizeof(both), "%s%s", g_modes[mode].key,
			g_modes[mode].key2 != NULL ? g_modes[mode].key2 : "");
		bytes = bytes_of(both);
		for (i = 0; i < SPDK_COUNTOF(block_sizes); i++) {
			uint32_t block_size = block_sizes[i], unit = g_modes[mode].counts ? 512 : block_size;

			if (block_size % unit != 0 ||
				(strcmp(g_modes[mode].cipher, "AES_CBC") == 0 && block_size % 16 != 0)) {
				continue;
			}
			for (j = 0; j < SPDK_COUNTOF(addresses); j++) {
				size_t blocks = 1 + bdk_sim_random(spdk_min(LEN / block_size, 20U));
				uint64_t first = addresses[j] * (block_size / unit);

				expect(g_modes[mode].openssl(), bytes, g_modes[mode].layout, first, unit,
					blocks * block_size);
				check_cuts(key, blocks * block_size, addresses[j], block_size);
			}
		}
		free(bytes);
	}
}

/* What the first software module wrote can be read: its tweak is eight zero bytes and then the address. */
static void
simple_lba_has_the_address_in_the_upper_half(void **state)
{
	static const uint8_t tweak[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x01};
	uint8_t *bytes = bytes_of(KEY_128 KEY2_128);

	accel_fixture_fill(g_plain, 4096, 2);
	openssl_encrypt(EVP_aes_128_xts(), bytes, tweak, g_plain, g_secret, 4096);
	check_both_ways(make_key("AES_XTS", KEY_128, KEY2_128, NULL), g_plain, g_secret, 4096, 0x102, 4096);
	free(bytes);
}

/* ---- what cannot be ---- */

static void
arguments(void **state)
{
	struct spdk_accel_crypto_key *xts = make_key("AES_XTS", KEY_128, KEY2_128, NULL),
				     *counts = make_key("AES_XTS", KEY_128, KEY2_128, "INCR_512_FULL_LBA"),
				     *cbc = make_key("AES_CBC", KEY_128, NULL, NULL);
	struct iovec src = {g_plain, 4096}, dst = {g_out, 4096}, less = {g_out, 4095}, none = {g_out, 0};
	struct accel_result result = {};

#define REFUSED(key, dst, dstcnt, src, srccnt, block_size) \
	do { \
		assert_int_equal(spdk_accel_submit_encrypt(g_accel_ch, key, dst, dstcnt, src, srccnt, 0, block_size, \
					 accel_fixture_done_cb, &result), \
			-EINVAL); \
		assert_int_equal(spdk_accel_submit_decrypt(g_accel_ch, key, dst, dstcnt, src, srccnt, 0, block_size, \
					 accel_fixture_done_cb, &result), \
			-EINVAL); \
	} while (0)
	REFUSED(NULL, &dst, 1, &src, 1, 512);
	REFUSED(xts, NULL, 1, &src, 1, 512);
	REFUSED(xts, &dst, 0, &src, 1, 512);
	REFUSED(xts, &dst, 1, NULL, 1, 512);
	REFUSED(xts, &dst, 1, &src, 0, 512);
	REFUSED(xts, &dst, 1, &src, 1, 0);
	assert_false(result.called);

	memset(g_out, 0x55, 4096);
	assert_int_equal(run_crypto(true, xts, &less, 1, &src, 1, 0, 512), -ERANGE);
	assert_int_equal(run_crypto(true, xts, &dst, 1, &less, 1, 0, 512), -ERANGE);
	assert_int_equal(run_crypto(true, xts, &none, 1, &none, 1, 0, 512), -ERANGE);
	assert_int_equal(run_crypto(true, xts, &dst, 1, &src, 1, 0, 16 * 1024 * 1024 + 512), -ERANGE);
	assert_int_equal(run_crypto(true, xts, &dst, 1, &src, 1, 0, 4096 + 512), -EINVAL);
	assert_int_equal(run_crypto(true, xts, &dst, 1, &src, 1, 0, 1000), -EINVAL);
	assert_int_equal(run_crypto(true, xts, &dst, 1, &src, 1, 0, 8), -EINVAL);
	assert_int_equal(run_crypto(true, counts, &dst, 1, &src, 1, 0, 256), -EINVAL);
	src.iov_len = dst.iov_len = 1040;
	assert_int_equal(run_crypto(true, cbc, &dst, 1, &src, 1, 0, 520), -EINVAL);
	assert_int_equal(g_out[0], 0x55);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(nist_xts),
		TEST(ieee_1619),
		TEST(nist_cbc),
		TEST(tweaks_and_cuts),
		TEST(simple_lba_has_the_address_in_the_upper_half),
		TEST(arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
