/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/split: what is asked for and refused, bases that come, go and grow. */

#include "fixture.h"

#define INVALID (-32602)

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

static bool
is_claimed(const char *name)
{
	struct spdk_bdev *bdev;

	for (bdev = spdk_bdev_first_leaf(); bdev != NULL; bdev = spdk_bdev_next_leaf(bdev)) {
		if (strcmp(bdev->name, name) == 0) {
			return false;
		}
	}
	return true;
}

static void
expect_part(const char *name, uint64_t offset, uint64_t num_blocks)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	assert_non_null(bdev);
	assert_int_equal(bdev->blockcnt, num_blocks);
	assert_int_equal(spdk_bdev_part_get_offset_blocks(bdev->ctxt), offset);
	assert_string_equal(bdev->product_name, "Split Disk");
}

/* 16 MiB, unless it is to be larger. */
static void
create_base(const char *name)
{
	assert_int_equal(
		fixture_rpc("bdev_null_create", "{'name': '%s', 'num_blocks': 32768, 'block_size': 512}", name)->code,
		0);
}

/* ---- What is asked for ---- */

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	create_base("N");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 0: split_count must be 1 to 65536", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 0}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 65537: split_count must be 1 to 65536",
		"bdev_split_create", "{'base_bdev': 'N', 'split_count': 65537}");
	fixture_rpc_expect_error(INVALID, "Cannot split  into 1: the name of a base bdev is required",
		"bdev_split_create", "{'base_bdev': '', 'split_count': 1}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 32769: the base has fewer blocks than that",
		"bdev_split_create", "{'base_bdev': 'N', 'split_count': 32769}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 1: split_size_mb is too large", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 1, 'split_size_mb': 18446744073709551615}");
	fixture_rpc("bdev_null_create", "{'name': 'md', 'num_blocks': 32768, 'block_size': 512, 'md_size': 8}");
	fixture_rpc_expect_error(INVALID,
		"Cannot split md into 1: split_size_mb is not a multiple of the block size of the base",
		"bdev_split_create", "{'base_bdev': 'md', 'split_count': 1, 'split_size_mb': 1}");
	fixture_rpc("bdev_null_create", "{'name': 'below', 'num_blocks': 64, 'block_size': 512}");
	fixture_rpc("bdev_zone_block_create",
		"{'name': 'zones', 'base_bdev': 'below', 'zone_capacity': 8, 'optimal_open_zones': 1}");
	fixture_rpc_expect_error(INVALID, "Cannot split zones into 2: the base has zones, and parts have none",
		"bdev_split_create", "{'base_bdev': 'zones', 'split_count': 2}");
	assert_false(is_claimed("N"));
	assert_false(is_claimed("md"));
	assert_false(is_claimed("zones"));
	/* Nothing is remembered of all that. */
	assert_string_equal(fixture_config("bdev_split_create"), "");
	fixture_rpc_expect_error(INVALID, "N is not split, nor is it to be: No such file or directory",
		"bdev_split_delete", "{'base_bdev': 'N'}");
	fixture_stop();
}

static void
a_base_is_split_once(void **state)
{
	fixture_start(1);
	create_base("N");
	fixture_rpc_expect("[\"Np0\",\"Np1\",\"Np2\"]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 3}");
	expect_part("Np0", 0, 10922);
	expect_part("Np2", 21844, 10922);
	assert_true(is_claimed("N"));
	fixture_rpc_expect_error(INVALID, "Cannot split N into 3: it is split already", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 3}");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	assert_false(exists("Np0"));
	assert_false(is_claimed("N"));
	assert_string_equal(fixture_config("bdev_split_create"), "");
	/* A size: as many as fit. */
	fixture_rpc_expect(
		"[\"Np0\",\"Np1\"]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 5, 'split_size_mb': 6}");
	expect_part("Np1", 12288, 12288);
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	/* Every block a part. */
	fixture_rpc("bdev_null_create", "{'name': 'small', 'num_blocks': 3, 'block_size': 4096}");
	fixture_rpc_expect("[\"smallp0\",\"smallp1\",\"smallp2\"]", "bdev_split_create",
		"{'base_bdev': 'small', 'split_count': 3}");
	expect_part("smallp2", 2, 1);
	fixture_stop();
}

static void
no_part_may_fit(void **state)
{
	fixture_start(1);
	create_base("N");
	fixture_rpc_expect("[]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 2, 'split_size_mb': 17}");
	assert_false(is_claimed("N"));
	assert_string_equal(fixture_config("bdev_split_create"),
		"{\"method\":\"bdev_split_create\",\"params\":{\"base_bdev\":\"N\",\"split_count\":2,"
		"\"split_size_mb\":17}}\n");
	/* When it grows there is room. */
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 33}");
	fixture_settle();
	expect_part("Np0", 0, 34816);
	assert_false(exists("Np1"));
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 100}");
	fixture_settle();
	expect_part("Np1", 34816, 34816);
	assert_false(exists("Np2"));
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	/* One that has no parts goes with its base as well, and can be deleted. */
	fixture_rpc_expect("[]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 2, 'split_size_mb': 101}");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	create_base("N");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	fixture_stop();
}

static void
parts_of_a_base_that_is_divided_stay_when_it_grows(void **state)
{
	fixture_start(1);
	create_base("N");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 100}");
	fixture_settle();
	expect_part("Np0", 0, 16384);
	expect_part("Np1", 16384, 16384);
	assert_false(exists("Np2"));
	fixture_stop();
}

static void
what_is_in_the_way_is_named(void **state)
{
	fixture_start(1);
	create_base("N");
	create_base("Np1");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 3: a bdev has the name of a part", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 3}");
	fixture_settle();
	/* The part that was made is gone again. */
	assert_false(exists("Np0"));
	assert_false(is_claimed("N"));
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'N', 'name': 'P'}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 3: it is claimed by another module", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 3}");
	assert_string_equal(fixture_config("bdev_split_create"), "");
	fixture_stop();
}

/* ---- Bases that come and go ---- */

static void
parts_come_and_go_with_their_base(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("[]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 2: it is to be split already when it comes",
		"bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	create_base("N");
	expect_part("Np1", 16384, 16384);
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	assert_false(exists("Np0"));
	assert_false(exists("Np1"));
	create_base("N");
	expect_part("Np1", 16384, 16384);
	/* A script that does not know that asks once more. */
	fixture_rpc_expect("[\"Np0\",\"Np1\"]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	fixture_rpc_expect_error(INVALID, "Cannot split N into 2: it is split already", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 2}");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	/* While it waits it can be deleted, and then it does not come. */
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	create_base("N");
	assert_false(exists("Np0"));
	assert_false(is_claimed("N"));
	fixture_stop();
}

static void
a_request_that_cannot_be_carried_out_waits_for_another_base(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("[]", "bdev_split_create", "{'base_bdev': 'N', 'split_count': 40000}");
	create_base("N");
	assert_false(exists("Np0"));
	assert_false(is_claimed("N"));
	/* It would fail when it is loaded. */
	assert_string_equal(fixture_config("bdev_split_create"), "");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	fixture_stop();
}

static void
a_base_may_be_named_by_an_alias(void **state)
{
	const char *uuid = "11223344-5566-7788-99aa-bbccddeeff00";

	fixture_start(1);
	fixture_rpc_expect("[]", "bdev_split_create", "{'base_bdev': '%s', 'split_count': 2}", uuid);
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512, 'uuid': '%s'}", uuid);
	expect_part("Np1", 4, 4);
	fixture_rpc_expect_error(INVALID, "Cannot split N into 1: it is split already", "bdev_split_create",
		"{'base_bdev': 'N', 'split_count': 1}");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	assert_false(exists("Np1"));
	fixture_stop();
}

static void
users_are_told_and_waited_for(void **state)
{
	struct fixture_user user;
	const struct fixture_reply *reply;

	fixture_start(1);
	create_base("N");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	assert_int_equal(fixture_user_open(&user, 1, "Np1"), 0);
	spdk_bdev_unregister(spdk_bdev_get_by_name("N"), NULL, NULL);
	fixture_settle();
	assert_true(user.removed);
	assert_true(exists("N"));
	assert_false(exists("Np0"));
	/* While the parts are going. */
	reply = fixture_rpc("bdev_split_delete", "{'base_bdev': 'N'}");
	assert_int_equal(reply->code, 0);
	fixture_user_close(&user);
	fixture_settle();
	assert_null(spdk_bdev_first());
	fixture_stop();
}

/* ---- Configuration ---- */

static void
configuration_loads_again(void **state)
{
	const struct fixture_reply *reply;
	char *saved;

	fixture_start(1);
	create_base("N");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'N', 'split_count': 2, 'split_size_mb': 5}");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'Np1', 'split_count': 3}");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'not yet', 'split_count': 4}");
	saved = strdup(fixture_config("bdev_split_create"));
	assert_string_equal(saved,
		"{\"method\":\"bdev_split_create\",\"params\":{\"base_bdev\":\"N\",\"split_count\":2,"
		"\"split_size_mb\":5}}\n"
		"{\"method\":\"bdev_split_create\",\"params\":{\"base_bdev\":\"Np1\",\"split_count\":3,"
		"\"split_size_mb\":0}}\n"
		"{\"method\":\"bdev_split_create\",\"params\":{\"base_bdev\":\"not yet\",\"split_count\":4,"
		"\"split_size_mb\":0}}\n");
	reply = fixture_rpc("bdev_get_bdevs", "{'name': 'Np1p2'}");
	assert_non_null(
		strstr(reply->text, "\"driver_specific\":{\"split\":{\"base_bdev\":\"Np1\",\"offset_blocks\":6826}}"));

	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'Np1'}");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'N'}");
	fixture_rpc_expect("true", "bdev_split_delete", "{'base_bdev': 'not yet'}");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	/* Before its base, as in a saved configuration. */
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_split_create"), saved);
	create_base("N");
	expect_part("Np1p2", 6826, 3413);
	assert_string_equal(fixture_config("bdev_split_create"), saved);
	free(saved);
	fixture_stop();
}

/* python3: uuid.uuid5() with the namespace and base UUID, offset and size as 32 bytes. */
static void
uuids_stay_the_same(void **state)
{
	char text[SPDK_UUID_STRING_LEN];

	fixture_start(1);
	fixture_rpc("bdev_null_create",
		"{'name': 'N', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_split_create", "{'base_bdev': 'N', 'split_count': 2}");
	assert_int_equal(spdk_uuid_fmt_lower(text, sizeof(text), spdk_bdev_get_uuid(spdk_bdev_get_by_name("Np1"))), 0);
	assert_string_equal(text, "8f728e06-c243-5694-96cc-5f26562260a7");
	fixture_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(a_base_is_split_once),
		cmocka_unit_test(no_part_may_fit),
		cmocka_unit_test(parts_of_a_base_that_is_divided_stay_when_it_grows),
		cmocka_unit_test(what_is_in_the_way_is_named),
		cmocka_unit_test(parts_come_and_go_with_their_base),
		cmocka_unit_test(a_request_that_cannot_be_carried_out_waits_for_another_base),
		cmocka_unit_test(a_base_may_be_named_by_an_alias),
		cmocka_unit_test(users_are_told_and_waited_for),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(uuids_stay_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
