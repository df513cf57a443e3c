/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/crypto: keys, requests and bdevs; creation, deletion and removal in any order harm nothing. */

#include "chaos.h"

#include "bdevkit/accel.h"
#include "bdevkit/sim.h"
#include "spdk/accel_module.h"
#include "spdk/env.h"
#include "spdk/jsonrpc.h"
#include "spdk/util.h"

#define HEX_A "000102030405060708090a0b0c0d0e0f"
#define HEX_B "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static void
create_base(const char *name)
{
	char result[64];

	snprintf(result, sizeof(result), "\"%s\"", name);
	fixture_rpc_expect(result, "bdev_malloc_create", "{'name': '%s', 'num_blocks': 64, 'block_size': 4096}", name);
}

static void
create_key(const char *name)
{
	fixture_rpc_expect("true", "accel_crypto_key_create",
		"{'name': '%s', 'cipher': 'AES_XTS', 'key': '" HEX_A "', 'key2': '" HEX_B "'}", name);
}

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

static bool
has_key(const char *name)
{
	return spdk_accel_crypto_key_get(name) != NULL;
}

static bool
is_claimed(const char *name)
{
	struct fixture_user user;
	int rc = fixture_user_open(&user, 0, name);

	if (rc == 0) {
		fixture_user_close(&user);
		return false;
	}
	assert_int_equal(rc, -EPERM);
	return true;
}

static void
expect_refused(int code, const char *message, const char *params)
{
	fixture_rpc_expect_error(code, message, "bdev_crypto_create", "%s", params);
}

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	create_base("M0");
	create_base("M1");
	create_key("k");

	expect_refused(-EINVAL, "Cannot create crypto bdev  on M0: a name is required",
		"{'base_bdev_name': 'M0', 'name': '', 'key_name': 'k'}");
	expect_refused(-EINVAL, "Cannot create crypto bdev C on : the name of a base bdev is required",
		"{'base_bdev_name': '', 'name': 'C', 'key_name': 'k'}");
	expect_refused(-EINVAL, "Cannot create crypto bdev M0 on M0: it cannot have the name of its base bdev",
		"{'base_bdev_name': 'M0', 'name': 'M0', 'key_name': 'k'}");
	expect_refused(-EEXIST, "Cannot create crypto bdev M1 on M0: a bdev of that name exists",
		"{'base_bdev_name': 'M0', 'name': 'M1', 'key_name': 'k'}");
	assert_false(is_claimed("M0"));

	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	expect_refused(-EEXIST, "Cannot create crypto bdev C on M1: it exists, or waits for its base bdev",
		"{'base_bdev_name': 'M1', 'name': 'C', 'key_name': 'k'}");
	assert_false(is_claimed("M1"));
	expect_refused(-EPERM, "Cannot create crypto bdev D on M0: its base bdev is claimed by another module",
		"{'base_bdev_name': 'M0', 'name': 'D', 'key_name': 'k'}");
	/* Nothing of D is remembered. */
	fixture_rpc_expect("\"D\"", "bdev_crypto_create", "{'base_bdev_name': 'M1', 'name': 'D', 'key_name': 'k'}");
	expect_refused(SPDK_JSONRPC_ERROR_PARSE_ERROR,
		"bdev_crypto_create: parameter 'key_name' must be a string without \\u0000, not 5",
		"{'base_bdev_name': 'M1', 'name': 'E', 'key_name': 5}");
	/* What was meant to be a key is not repeated. */
	expect_refused(SPDK_JSONRPC_ERROR_PARSE_ERROR,
		"bdev_crypto_create: parameter 'key' must be a string without \\u0000",
		"{'base_bdev_name': 'M1', 'name': 'E', 'key': 1234567890123456}");

	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete crypto bdev X: No such device", "bdev_crypto_delete", "{'name': 'X'}");
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete crypto bdev M0: No such device", "bdev_crypto_delete", "{'name': 'M0'}");
	fixture_stop();
}

static void
key_has_to_be_there(void **state)
{
	fixture_start(1);
	create_base("M0");
	create_key("C_AES_XTS");

	expect_refused(SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		"Key was not found: cannot create crypto bdev C with key k: there is no key of that name",
		"{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k', 'key': '" HEX_A "'}");
	expect_refused(SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		"No key was found: cannot create crypto bdev C: neither the name of a key was given, nor a key",
		"{'base_bdev_name': 'M0', 'name': 'C'}");
	expect_refused(SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		"No key was found: cannot create crypto bdev D: key D_AES_XTS: AES_XTS needs key2",
		"{'base_bdev_name': 'M0', 'name': 'D', 'cipher': 'AES_XTS', 'key': '" HEX_A "'}");
	/* The name that it would have is taken, by a key that is another one. */
	expect_refused(SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		"No key was found: cannot create crypto bdev C: there is another key of the name that this one would "
		"have, the bdev's with the cipher's",
		"{'base_bdev_name': 'M0', 'name': 'C', 'cipher': 'AES_XTS', 'key': '" HEX_B "', 'key2': '" HEX_A "'}");
	expect_refused(SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
		"No key was found: cannot create crypto bdev C: there is another key of the name that this one would "
		"have, the bdev's with the cipher's",
		"{'base_bdev_name': 'M0', 'name': 'C', 'cipher': 'AES_XTS', 'key': '" HEX_A "'}");
	assert_false(exists("C"));
	assert_false(is_claimed("M0"));
	/* Nobody keeps it after all that. */
	fixture_rpc_expect("true", "accel_crypto_key_destroy", "{'key_name': 'C_AES_XTS'}");
	create_key("C_AES_XTS");
	/* The same one does, and it is there when the bdev is gone. */
	fixture_rpc_expect("\"C\"", "bdev_crypto_create",
		"{'base_bdev_name': 'M0', 'name': 'C', 'cipher': 'AES_XTS', 'key': '" HEX_A
		"', 'key2': 'F0F1F2f3f4f5f6f7f8f9fafbfcfdfeff'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	assert_true(has_key("C_AES_XTS"));
	/* By its name alone, too. */
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'cipher': 'AES_XTS'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	assert_true(has_key("C_AES_XTS"));
	fixture_stop();
}

static void
key_that_a_bdev_has_stays(void **state)
{
	fixture_start(1);
	create_base("M0");
	create_key("k");
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	fixture_rpc_expect("\"W\"", "bdev_crypto_create", "{'base_bdev_name': 'M1', 'name': 'W', 'key_name': 'k'}");
	fixture_rpc_expect_error(SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		"key k cannot be destroyed: Device or resource busy", "accel_crypto_key_destroy", "{'key_name': 'k'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	/* The one that waits for its base has it, too. */
	fixture_rpc_expect_error(SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		"key k cannot be destroyed: Device or resource busy", "accel_crypto_key_destroy", "{'key_name': 'k'}");
	create_base("M1");
	assert_true(exists("W"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M1'}");
	fixture_rpc_expect_error(SPDK_JSONRPC_ERROR_INVALID_PARAMS,
		"key k cannot be destroyed: Device or resource busy", "accel_crypto_key_destroy", "{'key_name': 'k'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'W'}");
	fixture_rpc_expect("true", "accel_crypto_key_destroy", "{'key_name': 'k'}");
	fixture_stop();
}

static void
key_of_its_own_goes_with_it(void **state)
{
	struct fixture_user user;

	fixture_start(1);
	create_base("M0");
	create_base("M1");
	fixture_rpc_expect("\"C\"", "bdev_crypto_create",
		"{'base_bdev_name': 'M0', 'name': 'C', 'crypto_pmd': 'whatever', 'key': '" HEX_A "'}");
	assert_true(has_key("C_AES_CBC"));
	/* As long as somebody has the bdev open, it is needed. */
	assert_int_equal(fixture_user_open(&user, 1, "C"), 0);
	spdk_bdev_unregister(spdk_bdev_get_by_name("C"), NULL, NULL);
	fixture_settle();
	assert_true(has_key("C_AES_CBC"));
	fixture_user_close(&user);
	fixture_settle();
	/* And as long as the bdev may come again with its base. */
	assert_true(has_key("C_AES_CBC"));
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	assert_false(has_key("C_AES_CBC"));

	/* Another bdev may have it, too; then it goes with the last of them. */
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key': '" HEX_A "'}");
	fixture_rpc_expect(
		"\"D\"", "bdev_crypto_create", "{'base_bdev_name': 'M1', 'name': 'D', 'key_name': 'C_AES_CBC'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	assert_true(has_key("C_AES_CBC"));
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'D'}");
	assert_false(has_key("C_AES_CBC"));

	/* One that cannot be created leaves none behind. */
	expect_refused(-EEXIST, "Cannot create crypto bdev M1 on M0: a bdev of that name exists",
		"{'base_bdev_name': 'M0', 'name': 'M1', 'key': '" HEX_A "'}");
	assert_false(has_key("M1_AES_CBC"));
	fixture_stop();
}

static void
created_when_the_base_comes(void **state)
{
	fixture_start(1);
	create_key("k");
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	fixture_rpc_expect("\"U\"", "bdev_crypto_create",
		"{'base_bdev_name': '11223344-5566-7788-99aa-bbccddeeff00', 'name': 'U', 'key': '" HEX_A "'}");
	assert_false(exists("C"));
	create_base("M0");
	assert_true(exists("C"));
	/* By an alias too. */
	fixture_rpc("bdev_malloc_create",
		"{'name': 'N', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	assert_true(exists("U"));

	/* It goes with its base and comes back with it. */
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	assert_false(exists("C"));
	create_base("M0");
	assert_true(exists("C"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");

	/* While it waits it can be deleted, and then it does not come. */
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	create_base("M0");
	assert_false(exists("C"));
	assert_false(is_claimed("M0"));
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete crypto bdev C: No such device", "bdev_crypto_delete", "{'name': 'C'}");
	fixture_stop();
}

/* When the base comes, another bdev has the name: the base stays free, and nothing else happens. */
static void
name_taken_meanwhile(void **state)
{
	fixture_start(1);
	create_key("k");
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	create_base("C");
	create_base("M0");
	assert_false(is_claimed("M0"));
	assert_false(is_claimed("C"));
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C'}");
	assert_true(exists("C"));
	fixture_stop();
}

static void
base_that_does_not_fit_is_refused(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("true", "accel_crypto_key_create",
		"{'name': 'k', 'cipher': 'AES_XTS', 'key': '" HEX_A "', 'key2': '" HEX_B
		"', 'tweak_mode': 'INCR_512_FULL_LBA'}");
	/* One block is more than a buffer holds. */
	fixture_rpc_expect("\"M0\"", "bdev_malloc_create", "{'name': 'M0', 'num_blocks': 2, 'block_size': 1048576}");
	expect_refused(-EINVAL,
		"Cannot create crypto bdev C on M0: what its base bdev writes at once is larger than a large buffer "
		"of iobuf",
		"{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	assert_false(is_claimed("M0"));
	/* Another bdev has the UUID that it would have: made with python3, uuid.uuid5(). */
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M1', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M2', 'num_blocks': 8, 'block_size': 512, 'uuid': 'b3a6ccc1-9feb-5e96-8de6-205a33a3e487'}");
	expect_refused(-EEXIST, "Cannot create crypto bdev C on M1: another bdev has its name or its UUID",
		"{'base_bdev_name': 'M1', 'name': 'C', 'key_name': 'k'}");
	assert_false(is_claimed("M1"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M2'}");
	fixture_rpc_expect("\"C\"", "bdev_crypto_create", "{'base_bdev_name': 'M1', 'name': 'C', 'key_name': 'k'}");
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	const struct fixture_reply *reply;
	char *saved;

	fixture_start(1);
	create_key("k");
	create_base("M0");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C0', 'key_name': 'k'}");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'C0', 'name': 'C1', 'key': '" HEX_A "'}");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'not yet', 'name': 'waiting', 'key_name': 'k'}");
	saved = strdup(fixture_config("bdev_crypto_create"));
	assert_string_equal(saved,
		"{\"method\":\"bdev_crypto_create\",\"params\":{\"base_bdev_name\":\"M0\",\"name\":\"C0\","
		"\"key_name\":\"k\"}}\n"
		"{\"method\":\"bdev_crypto_create\",\"params\":{\"base_bdev_name\":\"C0\",\"name\":\"C1\","
		"\"key_name\":\"C1_AES_CBC\"}}\n"
		"{\"method\":\"bdev_crypto_create\",\"params\":{\"base_bdev_name\":\"not yet\","
		"\"name\":\"waiting\",\"key_name\":\"k\"}}\n");
	reply = fixture_rpc("bdev_get_bdevs", "{'name': 'C1'}");
	assert_non_null(strstr(reply->text,
		"\"driver_specific\":{\"crypto\":{\"base_bdev_name\":\"C0\",\"name\":\"C1\","
		"\"key_name\":\"C1_AES_CBC\"}}"));

	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C1'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'C0'}");
	fixture_rpc_expect("true", "bdev_crypto_delete", "{'name': 'waiting'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	/* Keys come first, bases last. */
	create_key("C1_AES_CBC");
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_crypto_create"), saved);
	create_base("M0");
	assert_true(exists("C0"));
	assert_true(exists("C1"));
	assert_string_equal(fixture_config("bdev_crypto_create"), saved);
	free(saved);
	fixture_stop();
}

static void
uuid_is_made_from_that_of_the_base(void **state)
{
	struct spdk_uuid uuid;
	char text[SPDK_UUID_STRING_LEN];

	fixture_start(1);
	create_key("k");
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	uuid = *spdk_bdev_get_uuid(spdk_bdev_get_by_name("C"));
	assert_int_equal(spdk_uuid_fmt_lower(text, sizeof(text), &uuid), 0);
	/* python3: uuid.uuid5() with the namespace and the 16 bytes. */
	assert_string_equal(text, "b3a6ccc1-9feb-5e96-8de6-205a33a3e487");
	fixture_stop();
}

static void
properties_are_those_of_the_base(void **state)
{
	struct fixture_user user;
	struct spdk_bdev *bdev;

	fixture_start(1);
	create_key("k");
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 77, 'block_size': 512, 'physical_block_size': 4096, 'md_size': 16,"
		" 'md_interleave': true, 'dif_type': 1, 'optimal_io_boundary': 7}");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'M0', 'name': 'C', 'key_name': 'k'}");
	bdev = spdk_bdev_get_by_name("C");
	assert_int_equal(bdev->blockcnt, 77);
	assert_int_equal(bdev->blocklen, 512);
	assert_int_equal(bdev->phys_blocklen, 4096);
	assert_int_equal(bdev->md_len, 0);
	assert_false(bdev->md_interleave);
	assert_int_equal(spdk_bdev_get_dif_type(bdev), SPDK_DIF_DISABLE);
	assert_int_equal(bdev->optimal_io_boundary, 7);
	assert_int_equal(bdev->write_cache, 1);
	/* What goes with a large buffer, with the metadata. */
	assert_int_equal(bdev->max_rw_size, 135168 / (512 + 16));
	assert_false(bdev->holes_are_zeroes);
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZCOPY));

	/* A base that cannot flush makes one that cannot. */
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 2048, 'block_size': 512}");
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': 'N', 'name': 'CN', 'key_name': 'k'}");
	bdev = spdk_bdev_get_by_name("CN");
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	assert_int_equal(bdev->write_cache, 0);
	assert_int_equal(bdev->max_rw_size, 135168 / 512);

	/* Growth is followed. */
	assert_int_equal(fixture_user_open(&user, 1, "CN"), 0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 3}");
	fixture_settle();
	assert_int_equal(spdk_bdev_get_num_blocks(bdev), 6144);
	assert_int_equal(user.resized, 6144);
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- Everything at once, in orders that the seed decides ---- */

static void
create_any_base(const char *name, int number)
{
	fixture_rpc("bdev_malloc_create", "{'name': '%s', 'num_blocks': %d, 'block_size': 4096%s}", name, CHAOS_BLOCKS,
		number == 2 ? ", 'md_size': 8, 'md_interleave': true, 'dif_type': 1" : "");
}

/* Half of the keys are the bdevs' own. */
static void
create_with_any_key(const char *base, int number)
{
	char key[128];

	if (bdk_sim_random(2) == 0) {
		snprintf(key, sizeof(key), "'key': '" HEX_A "'");
	} else {
		snprintf(key, sizeof(key), "'key_name': 'k%d'", (int)bdk_sim_random(2));
	}
	fixture_rpc("bdev_crypto_create", "{'base_bdev_name': '%s', 'name': 'C%d', %s}", base, number, key);
}

static void
disturb_keys(const char *name)
{
	int number = bdk_sim_random(2);

	if (bdk_sim_random(2) == 0) {
		fixture_rpc(
			"accel_crypto_key_create", "{'name': 'k%d', 'cipher': 'AES_CBC', 'key': '" HEX_B "'}", number);
	} else {
		fixture_rpc("accel_crypto_key_destroy", "{'key_name': 'k%d'}", number);
	}
}

/* When everything is deleted, only keys are left that somebody has made by themselves. */
static void
judge_keys(void)
{
	char name[16];

	for (int i = 0; i < CHAOS_BASES; i++) {
		fixture_rpc("bdev_crypto_delete", "{'name': 'C%d'}", i);
		snprintf(name, sizeof(name), "C%d_AES_CBC", i);
		assert_false(has_key(name));
	}
	for (int i = 0; i < 2; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		if (has_key(name)) {
			fixture_rpc_expect("true", "accel_crypto_key_destroy", "{'key_name': '%s'}", name);
		}
	}
}

static void
random_orders_harm_nothing(void **state)
{
	static const struct chaos_module module = {
		.name_format = "C%d",
		.delete_method = "bdev_crypto_delete",
		.create_base = create_any_base,
		.create = create_with_any_key,
		.disturb = disturb_keys,
		.judge = judge_keys,
	};

	chaos_run_seeds(&module, 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(key_has_to_be_there),
		cmocka_unit_test(key_that_a_bdev_has_stays),
		cmocka_unit_test(key_of_its_own_goes_with_it),
		cmocka_unit_test(created_when_the_base_comes),
		cmocka_unit_test(name_taken_meanwhile),
		cmocka_unit_test(base_that_does_not_fit_is_refused),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(uuid_is_made_from_that_of_the_base),
		cmocka_unit_test(properties_are_those_of_the_base),
		cmocka_unit_test(random_orders_harm_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
