/* SPDX-License-Identifier: BSD-3-Clause */

/* Keys: what makes one, what does not, who may destroy one when, and the RPC methods for them. */

#include "accel_fixture.h"
#include "bdevkit/accel.h"
#include "lib/accel/accel_internal.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/util.h"
#include "test/unit/rpc/server_fixture.h"

#include <malloc.h>

#define HEX_16 "000102030405060708090a0b0c0d0e0f"
#define HEX_16_TOO "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define HEX_24 HEX_16 "0011223344556677"
#define HEX_32 HEX_16 HEX_16_TOO
#define HEX_32_TOO HEX_16_TOO HEX_16
#define HEX_128 HEX_32 HEX_32 HEX_32 HEX_32

static int
create(const char *cipher, const char *key, const char *key2, const char *tweak_mode, const char *name)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)cipher,
		.hex_key = (char *)key,
		.hex_key2 = (char *)key2,
		.tweak_mode = (char *)tweak_mode,
		.key_name = (char *)name,
	};

	return spdk_accel_crypto_key_create(&param);
}

static void
what_makes_a_key(void **state)
{
	static const char *const modes[] = {
		NULL, "SIMPLE_LBA", "JOIN_NEG_LBA_WITH_LBA", "INCR_512_FULL_LBA", "INCR_512_UPPER_LBA"};
	struct spdk_accel_crypto_key *key;
	char name[16];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(modes); i++) {
		snprintf(name, sizeof(name), "xts%zu", i);
		assert_int_equal(create("AES_XTS", i % 2 == 0 ? HEX_16 : HEX_32, i % 2 == 0 ? HEX_16_TOO : HEX_32_TOO,
					 modes[i], name),
			0);
		key = spdk_accel_crypto_key_get(name);
		assert_non_null(key);
		assert_int_equal(key->cipher, SPDK_ACCEL_CIPHER_AES_XTS);
		assert_int_equal(key->key_size, i % 2 == 0 ? 16 : 32);
		assert_int_equal(key->key2_size, key->key_size);
		assert_int_equal(key->tweak_mode, i == 0 ? SPDK_ACCEL_CRYPTO_TWEAK_MODE_SIMPLE_LBA : i - 1);
	}
	assert_int_equal(create("AES_CBC", HEX_16, NULL, NULL, "cbc16"), 0);
	assert_int_equal(create("AES_CBC", HEX_32, NULL, "SIMPLE_LBA", "cbc32"), 0);
	/* Capital digits, too. */
	assert_int_equal(create("AES_CBC", "00112233445566778899AABBCCDDEEFF", NULL, NULL, "capital"), 0);
	assert_memory_equal(spdk_accel_crypto_key_get("capital")->key + 10, "\xaa\xbb\xcc\xdd\xee\xff", 6);
}

static const struct {
	const char *cipher;
	const char *key;
	const char *key2;
	const char *tweak_mode;
	const char *name;
	/* A part of what is said about it. */
	const char *fault;
} g_bad[] = {
	{NULL, HEX_16, HEX_16_TOO, NULL, "bad", "needs a name, a cipher and a key"},
	{"AES_XTS", NULL, HEX_16_TOO, NULL, "bad", "needs a name, a cipher and a key"},
	{"AES_XTS", HEX_16, HEX_16_TOO, NULL, NULL, "needs a name, a cipher and a key"},
	{"", HEX_16, HEX_16_TOO, NULL, "bad", "there is no cipher"},
	{"AES", HEX_16, HEX_16_TOO, NULL, "bad", "there is no cipher AES;"},
	{"AES_XTS2", HEX_16, HEX_16_TOO, NULL, "bad", "there is no cipher AES_XTS2"},
	{"aes_xts", HEX_16, HEX_16_TOO, NULL, "bad", "there is no cipher"},
	{"AES_XTS", HEX_16, HEX_16_TOO, "", "bad", "there is no tweak mode"},
	{"AES_XTS", HEX_16, HEX_16_TOO, "SIMPLE", "bad", "there is no tweak mode SIMPLE;"},
	{"AES_XTS", HEX_16, HEX_16_TOO, "SIMPLE_LBAX", "bad", "there is no tweak mode"},
	{"AES_CBC", HEX_16, NULL, "JOIN_NEG_LBA_WITH_LBA", "bad", ""},
	/* Lengths. */
	{"AES_XTS", "", HEX_16_TOO, NULL, "bad", "even number of hexadecimal digits"},
	{"AES_XTS", HEX_16 "0", HEX_16_TOO, NULL, "bad", "even number of hexadecimal digits"},
	{"AES_XTS", HEX_128 HEX_128 "00", HEX_16_TOO, NULL, "bad", "even number of hexadecimal digits, at most 256"},
	{"AES_XTS", HEX_16, "", NULL, "bad", "even number of hexadecimal digits"},
	{"AES_XTS", HEX_24, HEX_24, NULL, "bad", "does not support AES_XTS with a key of 24 bytes"},
	{"AES_XTS", "00", "01", NULL, "bad", "does not support AES_XTS with a key of 1 bytes"},
	{"AES_XTS", HEX_128, HEX_128, NULL, "bad", "does not support AES_XTS with a key of 128 bytes"},
	{"AES_CBC", HEX_24, NULL, NULL, "bad", "does not support AES_CBC with a key of 24 bytes"},
	{"AES_XTS", HEX_16, HEX_32, NULL, "bad", "key has 16 bytes and key2 has 32"},
	{"AES_XTS", HEX_32, HEX_16, NULL, "bad", "key has 32 bytes and key2 has 16"},
	/* Digits. */
	{"AES_XTS", "g00102030405060708090a0b0c0d0e0f", HEX_16, NULL, "bad", "not made of hexadecimal digits"},
	{"AES_XTS", "0x0102030405060708090a0b0c0d0e0f", HEX_16, NULL, "bad", "not made of hexadecimal digits"},
	{"AES_XTS", HEX_16, " 00102030405060708090a0b0c0d0e0f", NULL, "bad", "not made of hexadecimal digits"},
	/* Halves. */
	{"AES_XTS", HEX_16, NULL, NULL, "bad", "needs key2"},
	{"AES_XTS", HEX_16, HEX_16, NULL, "bad", "are the same"},
	{"AES_XTS", HEX_32, "000102030405060708090A0B0C0D0E0F" HEX_16_TOO, NULL, "bad", "are the same"},
	{"AES_CBC", HEX_16, HEX_16_TOO, NULL, "bad", "has no key2"},
};

static void
what_does_not(void **state)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_bad); i++) {
		assert_int_equal(
			create(g_bad[i].cipher, g_bad[i].key, g_bad[i].key2, g_bad[i].tweak_mode, g_bad[i].name),
			-EINVAL);
		assert_non_null(strstr(accel_key_get_fault(), g_bad[i].fault));
		/* No key is told. */
		assert_null(strstr(accel_key_get_fault(), "0102030405"));
		assert_null(spdk_accel_crypto_key_get("bad"));
	}
	assert_int_equal(spdk_accel_crypto_key_create(NULL), -EINVAL);
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16_TOO, NULL, "one"), 0);
	assert_int_equal(create("AES_CBC", HEX_32, NULL, NULL, "one"), -EEXIST);
	assert_int_equal(spdk_accel_crypto_key_get("one")->key_size, 16);
	assert_int_equal(spdk_accel_crypto_key_destroy(NULL), -EINVAL);
}

/* Nothing that is logged has a key in it. */
static char g_logged[8192];

static void
log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	size_t len = strlen(g_logged);

	vsnprintf(g_logged + len, sizeof(g_logged) - len, format, args);
}

static void
keys_are_not_logged(void **state)
{
	size_t i;

	spdk_log_open(log_cb);
	for (i = 0; i < SPDK_COUNTOF(g_bad); i++) {
		g_logged[0] = '\0';
		assert_int_equal(
			create(g_bad[i].cipher, g_bad[i].key, g_bad[i].key2, g_bad[i].tweak_mode, g_bad[i].name),
			-EINVAL);
		assert_int_not_equal(g_logged[0], '\0');
		assert_null(strstr(g_logged, "0102030405"));
		assert_null(strstr(g_logged, "f0f1f2"));
	}
	spdk_log_close();
}

static struct spdk_accel_crypto_key *
make(const char *name)
{
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16_TOO, NULL, name), 0);
	return spdk_accel_crypto_key_get(name);
}

static uint8_t g_data[64 * 1024];

/* In use: an operation that has not ended; a sequence that holds it, until it is aborted or done. */
static void
a_key_in_use_stays(void **state)
{
	struct spdk_accel_crypto_key *key = make("key"), *other = make("other");
	struct iovec iov = {g_data, sizeof(g_data)};
	struct spdk_accel_sequence *seq = NULL;
	struct accel_result result = {};

	assert_int_equal(
		spdk_accel_submit_encrypt(g_accel_ch, key, &iov, 1, &iov, 1, 0, 512, accel_fixture_done_cb, &result),
		0);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), -EBUSY);
	assert_int_equal(spdk_accel_crypto_key_destroy(other), 0);
	assert_int_equal(spdk_accel_crypto_key_destroy(other), -ENOENT);
	assert_int_equal(accel_fixture_wait(&result), 0);

	assert_int_equal(spdk_accel_append_decrypt(
				 &seq, g_accel_ch, key, &iov, 1, NULL, NULL, &iov, 1, NULL, NULL, 0, 512, NULL, NULL),
		0);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), -EBUSY);
	spdk_accel_sequence_abort(seq);

	seq = NULL;
	result = (struct accel_result){};
	assert_int_equal(spdk_accel_append_decrypt(
				 &seq, g_accel_ch, key, &iov, 1, NULL, NULL, &iov, 1, NULL, NULL, 0, 512, NULL, NULL),
		0);
	spdk_accel_sequence_finish(seq, accel_fixture_done_cb, &result);
	assert_int_equal(accel_fixture_wait(&result), 0);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), 0);
	assert_null(spdk_accel_crypto_key_get("key"));
	/* The name is free again, and the new key is another one. */
	assert_int_equal(create("AES_XTS", HEX_32, HEX_32_TOO, NULL, "key"), 0);
}

/* Who holds a key need not use it. */
static void
a_key_that_is_held_stays(void **state)
{
	struct spdk_accel_crypto_key *key = make("key");

	assert_null(bdk_accel_crypto_key_hold("no"));
	assert_ptr_equal(bdk_accel_crypto_key_hold("key"), key);
	assert_ptr_equal(bdk_accel_crypto_key_hold("key"), key);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), -EBUSY);
	bdk_accel_crypto_key_let_go(key);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), -EBUSY);
	bdk_accel_crypto_key_let_go(key);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), 0);
	assert_null(bdk_accel_crypto_key_hold("key"));
}

static void
keys_lie_in_secret_memory(void **state)
{
	struct spdk_accel_crypto_key *key = make("key");

	assert_true(env_secret_owns(key->key));
	assert_true(env_secret_owns(key->key2));
	assert_true(env_secret_owns(key->param.hex_key));
	assert_true(env_secret_owns(key->param.hex_key2));
	assert_memory_equal(key->key, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
	assert_string_equal(key->param.hex_key2, HEX_16_TOO);
}

static void
more_keys_than_slots(void **state)
{
	struct spdk_accel_crypto_key *keys[ACCEL_KEY_SLOTS + 80];
	struct accel_result result = {};
	struct iovec iov = {g_data, 4096};
	struct spdk_accel_sequence *seq = NULL;
	uint8_t before[4096];
	char name[16];
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		snprintf(name, sizeof(name), "key%zu", i);
		keys[i] = make(name);
	}
	/* There and back with each, beyond the handles that a channel finds at once, and beyond the slots. */
	accel_fixture_fill(g_data, 4096, 1);
	memcpy(before, g_data, 4096);
	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		result = (struct accel_result){};
		assert_int_equal(spdk_accel_submit_encrypt(
					 g_accel_ch, keys[i], &iov, 1, &iov, 1, i, 512, accel_fixture_done_cb, &result),
			0);
		assert_int_equal(spdk_accel_crypto_key_destroy(keys[i]), -EBUSY);
		assert_int_equal(accel_fixture_wait(&result), 0);
		result = (struct accel_result){};
		assert_int_equal(spdk_accel_submit_decrypt(g_accel_ch, keys[SPDK_COUNTOF(keys) - 1 - i], &iov, 1, &iov,
					 1, i, 512, accel_fixture_done_cb, &result),
			0);
		assert_int_equal(accel_fixture_wait(&result), 0);
		assert_memory_equal(g_data, before, 4096);
	}
	for (i = ACCEL_KEY_SLOTS - 1; i < SPDK_COUNTOF(keys); i++) {
		assert_int_equal(spdk_accel_append_encrypt(&seq, g_accel_ch, keys[i], &iov, 1, NULL, NULL, &iov, 1,
					 NULL, NULL, 0, 512, NULL, NULL),
			0);
		assert_int_equal(spdk_accel_crypto_key_destroy(keys[i]), -EBUSY);
	}
	spdk_accel_sequence_abort(seq);
	for (i = 0; i < SPDK_COUNTOF(keys); i++) {
		assert_int_equal(spdk_accel_crypto_key_destroy(keys[i]), 0);
	}
	/* The slots are free again. */
	assert_int_equal(((struct spdk_accel_crypto_key *)make("again"))->key_size, 16);
}

/* ---- memory ---- */

/* Bytes that no memory may have when it is given back, and how often one had. */
static const char *g_watched[4];
static size_t g_watched_len[4];
/* volatile: compilers know that free() does not change it. */
static volatile uint32_t g_found;

void __real_free(void *memory);
void __wrap_free(void *memory);

void
__wrap_free(void *memory)
{
	size_t i, size = memory != NULL ? malloc_usable_size(memory) : 0;

	for (i = 0; i < SPDK_COUNTOF(g_watched) && g_watched[i] != NULL; i++) {
		g_found += size > 0 && memmem(memory, size, g_watched[i], g_watched_len[i]) != NULL;
	}
	__real_free(memory);
}

static void
watch(size_t slot, const char *bytes, size_t len)
{
	g_watched[slot] = bytes;
	g_watched_len[slot] = len;
}

static void
keys_are_wiped(void **state)
{
	static const char bytes[] = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
	static const char bytes_too[] = "\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff";
	struct iovec iovs[2] = {{g_data, 700}, {g_data + 700, 324}};
	struct accel_result result = {};
	struct spdk_accel_crypto_key *key;
	char *probe = strdup(HEX_16);

	watch(0, HEX_16, 32);
	watch(1, HEX_16_TOO, 32);
	watch(2, bytes, 16);
	watch(3, bytes_too, 16);
	/* It is seen, if it is there. */
	g_found = 0;
	free(probe);
	assert_int_equal(g_found, 1);
	g_found = 0;
	key = make("key");
	assert_int_equal(
		spdk_accel_submit_encrypt(g_accel_ch, key, iovs, 2, iovs, 2, 0, 512, accel_fixture_done_cb, &result),
		0);
	assert_int_equal(accel_fixture_wait(&result), 0);
	/* One that does not come to be. */
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16_TOO, NULL, "key"), -EEXIST);
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16, NULL, "no"), -EINVAL);
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16_TOO "00", NULL, "no"), -EINVAL);
	assert_int_equal(create("AES_XTS", HEX_16, HEX_16_TOO "x", NULL, "no"), -EINVAL);
	assert_int_equal(create("AES_XTS", HEX_16 "0q", HEX_16_TOO, NULL, "no"), -EINVAL);
	assert_int_equal(g_found, 0);
	assert_int_equal(spdk_accel_crypto_key_destroy(key), 0);
	assert_int_equal(g_found, 0);
	watch(0, NULL, 0);
}

/* ---- RPC methods ---- */

static struct client g_client;

static bool
has_reply(void *arg)
{
	server_settle();
	client_receive(&g_client);
	return g_client.size > 0 && g_client.text[g_client.size - 1] == '\n';
}

static const char *
ask(const char *method, const char *params)
{
	char request[2000];

	snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}", method,
		params != NULL ? ",\"params\":" : "", params != NULL ? params : "");
	g_client.size = 0;
	assert_true(client_send(&g_client, request, strlen(request)));
	while (!has_reply(NULL)) {
		spdk_set_thread(NULL);
		bdk_sim_run_until_idle();
		spdk_set_thread(g_accel_threads[0]);
	}
	return g_client.text;
}

#define SAYS(method, params, part) assert_non_null(strstr(ask(method, params), part))

static int
rpc_setup(void **state)
{
	accel_fixture_setup(state);
	assert_int_equal(fixture_setup(state), 0);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	g_client = client_open();
	return 0;
}

static int
rpc_teardown(void **state)
{
	client_close(&g_client);
	server_settle();
	fixture_teardown(state);
	return accel_fixture_teardown(state);
}

#define PARAMS(name, key2) "{\"cipher\":\"AES_XTS\",\"key\":\"" HEX_16 "\",\"key2\":\"" key2 "\",\"name\":\"" name "\"}"

static void
keys_by_rpc(void **state)
{
	char *log = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&log, &size);
	struct iovec iov = {g_data, 4096};
	struct spdk_accel_sequence *seq = NULL;

	spdk_jsonrpc_set_log_file(file);
	SAYS("accel_crypto_keys_get", NULL, "\"result\":[]");
	SAYS("accel_crypto_key_create", PARAMS("k", HEX_16_TOO), "\"result\":true");
	SAYS("accel_crypto_key_create", PARAMS("k", HEX_16_TOO), "\"code\":-32602");
	SAYS("accel_crypto_key_create", PARAMS("k", HEX_16_TOO),
		"failed to create DEK, rc -17: there is a key k already");
	SAYS("accel_crypto_key_create", PARAMS("l", HEX_16),
		"failed to create DEK, rc -22: key l: key and key2 are the same");
	SAYS("accel_crypto_key_create", "{\"cipher\":\"AES_XTS\",\"name\":\"l\"}", "\"code\":-32700");
	SAYS("accel_crypto_key_create", "{\"cipher\":\"AES_XTS\",\"name\":\"l\",\"key\":1}", "\"code\":-32700");
	SAYS("accel_crypto_key_create", "{\"cipher\":\"DES\",\"name\":\"l\",\"key\":\"" HEX_16 "\"}",
		"failed to create DEK, rc -22: key l: there is no cipher DES");
	SAYS("accel_crypto_keys_get", NULL, "\"name\":\"k\",\"cipher\":\"AES_XTS\",\"key\":\"" HEX_16 "\"");
	SAYS("accel_crypto_keys_get", "{\"key_name\":\"k\"}", "\"key2\":\"" HEX_16_TOO "\"");
	SAYS("accel_crypto_keys_get", "{\"key_name\":\"l\"}", "key was not found");
	SAYS("accel_crypto_keys_get", "{\"key_name\":\"l\"}", "\"code\":-32602");
	SAYS("accel_crypto_key_destroy", "{\"key_name\":\"l\"}", "No key object found");
	SAYS("accel_crypto_key_destroy", "{}", "\"code\":-32700");
	assert_int_equal(spdk_accel_append_encrypt(&seq, g_accel_ch, spdk_accel_crypto_key_get("k"), &iov, 1, NULL,
				 NULL, &iov, 1, NULL, NULL, 0, 512, NULL, NULL),
		0);
	SAYS("accel_crypto_key_destroy", "{\"key_name\":\"k\"}", "\"code\":-32602");
	spdk_accel_sequence_abort(seq);
	SAYS("accel_crypto_key_destroy", "{\"key_name\":\"k\"}", "\"result\":true");
	SAYS("accel_crypto_keys_get", NULL, "\"result\":[]");
	spdk_jsonrpc_set_log_file(NULL);
	fclose(file);
	assert_non_null(strstr(log, "accel_crypto_key_create"));
	assert_null(strstr(log, HEX_16));
	assert_null(strstr(log, HEX_16_TOO));
	free(log);
}

static void
other_methods(void **state)
{
	struct accel_result result = {};

	SAYS("accel_get_opc_assignments", NULL, "\"copy\":\"software\",\"fill\":\"software\"");
	SAYS("accel_get_module_info", NULL, "{\"module\":\"software\",\"supported ops\":[\"copy\"");
	SAYS("accel_get_module_info", NULL, "{\"module\":\"error\",\"supported ops\":[\"crc32c\"]}");
	SAYS("accel_get_stats", NULL, "\"sequence_executed\":0");
	assert_int_equal(spdk_accel_submit_fill(g_accel_ch, g_data, 1, 4096, accel_fixture_done_cb, &result), 0);
	SAYS("accel_get_stats", NULL,
		"\"operations\":[{\"opcode\":\"fill\",\"module_name\":\"software\",\"executed\":1,"
		"\"failed\":0,\"num_bytes\":4096}]");
	assert_true(result.called);
	/* Before the start only. */
	SAYS("accel_assign_opc", "{\"opname\":\"copy\",\"module\":\"software\"}", "\"error\"");
	SAYS("accel_set_driver", "{\"name\":\"none\"}", "\"error\"");
	SAYS("accel_set_options", "{\"task_count\":100}", "\"error\"");
	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	SAYS("accel_assign_opc", "{\"opname\":\"nothing\",\"module\":\"software\"}", "\"code\":-32602");
	SAYS("accel_set_driver", "{\"name\":\"none\"}", "\"code\":-19");
	SAYS("accel_set_options", "{\"task_count\":7}", "\"code\":-22");
	SAYS("accel_set_options", "{\"task_count\":-1}", "\"code\":-32700");
	SAYS("accel_crypto_key_create", PARAMS("k", HEX_16_TOO), "\"error\"");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, accel_fixture_setup, accel_fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_makes_a_key),
		TEST(what_does_not),
		TEST(keys_are_not_logged),
		TEST(a_key_in_use_stays),
		TEST(a_key_that_is_held_stays),
		TEST(keys_lie_in_secret_memory),
		TEST(more_keys_than_slots),
		TEST(keys_are_wiped),
		cmocka_unit_test_setup_teardown(keys_by_rpc, rpc_setup, rpc_teardown),
		cmocka_unit_test_setup_teardown(other_methods, rpc_setup, rpc_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
