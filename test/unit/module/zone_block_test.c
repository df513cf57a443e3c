/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/zone_block: its methods; creation, deletion, growth and removal in any order harm nothing. */

#include "chaos.h"

#include "bdevkit/sim.h"
#include "spdk/bdev_zone.h"
#include "spdk/util.h"

static void
create_base(const char *name)
{
	char result[64];

	snprintf(result, sizeof(result), "\"%s\"", name);
	fixture_rpc_expect(result, "bdev_malloc_create", "{'name': '%s', 'num_blocks': 64, 'block_size': 4096}", name);
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

static bool
exists(const char *name)
{
	return spdk_bdev_get_by_name(name) != NULL;
}

#define REFUSED(error, ...) fixture_rpc_expect_error(-32603, error, "bdev_zone_block_create", __VA_ARGS__)
#define NUMBERS "'zone_capacity': 12, 'optimal_open_zones': 1"

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	create_base("M0");
	create_base("M1");

	REFUSED("Cannot create zone_block bdev  on M0: a name is required",
		"{'base_bdev': 'M0', 'name': '', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev Z on : the name of a base bdev is required",
		"{'base_bdev': '', 'name': 'Z', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev M0 on M0: it cannot have the name of its base bdev",
		"{'base_bdev': 'M0', 'name': 'M0', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev M1 on M0: a bdev of that name exists",
		"{'base_bdev': 'M0', 'name': 'M1', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev Z on M0: the capacity of a zone must not be 0",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 0, 'optimal_open_zones': 1}");
	REFUSED("Cannot create zone_block bdev Z on M0: the capacity of a zone must not be more than 2^63 blocks",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 9223372036854775809, 'optimal_open_zones': 1}");
	REFUSED("Cannot create zone_block bdev Z on M0: the optimal number of open zones must be from 1 to 4294967295",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 12, 'optimal_open_zones': 0}");
	REFUSED("Cannot create zone_block bdev Z on M0: the optimal number of open zones must be from 1 to 4294967295",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 12, 'optimal_open_zones': 4294967296}");
	REFUSED("Cannot create zone_block bdev Z on M0: open zones are active: max_open_zones must not be more than "
		"max_active_zones",
		"{'base_bdev': 'M0', 'name': 'Z', " NUMBERS ", 'max_open_zones': 3, 'max_active_zones': 2}");
	/* As is found when the base is there. */
	REFUSED("Cannot create zone_block bdev Z on M0: its base bdev is smaller than a zone",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 65, 'optimal_open_zones': 1}");
	REFUSED("Cannot create zone_block bdev Z on M0: its base bdev is smaller than a zone",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 9223372036854775808, 'optimal_open_zones': 1}");
	fixture_rpc("bdev_null_create", "{'name': 'large', 'num_blocks': 1000000000000, 'block_size': 512}");
	REFUSED("Cannot create zone_block bdev Z on large: its base bdev has room for more than 4194303 zones: let "
		"them be "
		"larger",
		"{'base_bdev': 'large', 'name': 'Z', 'zone_capacity': 1, 'optimal_open_zones': 1}");
	assert_false(is_claimed("M0"));
	assert_false(is_claimed("large"));

	fixture_rpc_expect("\"Z\"", "bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev Z on M1: it exists, or waits for its base "
		"bdev",
		"{'base_bdev': 'M1', 'name': 'Z', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev Y on M0: another zone_block bdev has this base bdev, or waits for it",
		"{'base_bdev': 'M0', 'name': 'Y', " NUMBERS "}");
	REFUSED("Cannot create zone_block bdev Y on Z: its base bdev has zones already",
		"{'base_bdev': 'Z', 'name': 'Y', " NUMBERS "}");
	assert_false(is_claimed("Z"));
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M1', 'name': 'P'}");
	REFUSED("Cannot create zone_block bdev Y on M1: its base bdev is claimed by another module",
		"{'base_bdev': 'M1', 'name': 'Y', " NUMBERS "}");
	fixture_rpc_expect_error(-32602,
		"bdev_zone_block_create: parameter 'zone_capacity' is missing (blocks of a zone that can be written; "
		"zones are as large as the next power of two)",
		"bdev_zone_block_create", "{'base_bdev': 'P', 'name': 'Y', 'optimal_open_zones': 1}");
	/* Nothing of Y is remembered. */
	fixture_rpc_expect("\"Y\"", "bdev_zone_block_create", "{'base_bdev': 'P', 'name': 'Y', " NUMBERS "}");

	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete zone_block bdev X: No such device", "bdev_zone_block_delete", "{'name': 'X'}");
	fixture_rpc_expect_error(-ENODEV, "Cannot delete zone_block bdev M0: No such device", "bdev_zone_block_delete",
		"{'name': 'M0'}");
	fixture_stop();
}

/* Registration fails after the base has been claimed: the base must be free again, and the rest untouched. */
static void
failed_registration_releases_the_base(void **state)
{
	fixture_start(1);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 64, 'block_size': 4096, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	/* The one that is made from it. */
	fixture_rpc("bdev_malloc_create",
		"{'name': 'taken', 'num_blocks': 8, 'block_size': 512, 'uuid': "
		"'c6a15dfd-6e19-5b2a-9cf3-9ea03b7bd029'}");
	REFUSED("Cannot create zone_block bdev Z on M0: another bdev has its name or its UUID",
		"{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	assert_false(is_claimed("M0"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'taken'}");
	fixture_rpc_expect("\"Z\"", "bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	assert_true(is_claimed("M0"));
	fixture_stop();
}

static void
created_when_the_base_comes(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("\"Z\"", "bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	fixture_rpc_expect("\"large\"", "bdev_zone_block_create",
		"{'base_bdev': 'M1', 'name': 'large', 'zone_capacity': 100, 'optimal_open_zones': 1}");
	assert_false(exists("Z"));
	create_base("M0");
	assert_true(exists("Z"));
	/* A base that will not do stays free. */
	create_base("M1");
	assert_false(exists("large"));
	assert_false(is_claimed("M1"));

	/* It goes with its base and comes back with it. */
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	assert_false(exists("Z"));
	create_base("M0");
	assert_true(exists("Z"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");

	/* While it waits it can be deleted, and then it does not come. */
	fixture_rpc_expect("true", "bdev_zone_block_delete", "{'name': 'Z'}");
	create_base("M0");
	assert_false(exists("Z"));
	assert_false(is_claimed("M0"));
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	const struct fixture_reply *reply;
	char *saved;

	fixture_start(1);
	create_base("M0");
	create_base("M1");
	fixture_rpc("bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z0', " NUMBERS "}");
	fixture_rpc("bdev_zone_block_create",
		"{'base_bdev': 'M1', 'name': 'Z1', " NUMBERS ", 'max_open_zones': 2, 'max_active_zones': 3}");
	fixture_rpc("bdev_zone_block_create", "{'base_bdev': 'not yet', 'name': 'waiting', " NUMBERS "}");
	saved = strdup(fixture_config("bdev_zone_block_create"));
	assert_string_equal(saved,
		"{\"method\":\"bdev_zone_block_create\",\"params\":{\"base_bdev\":\"M0\",\"name\":\"Z0\","
		"\"zone_capacity\":12,\"optimal_open_zones\":1}}\n"
		"{\"method\":\"bdev_zone_block_create\",\"params\":{\"base_bdev\":\"M1\",\"name\":\"Z1\","
		"\"zone_capacity\":12,\"optimal_open_zones\":1,\"max_open_zones\":2,\"max_active_zones\":3}}\n"
		"{\"method\":\"bdev_zone_block_create\",\"params\":{\"base_bdev\":\"not yet\",\"name\":\"waiting\","
		"\"zone_capacity\":12,\"optimal_open_zones\":1}}\n");
	reply = fixture_rpc("bdev_get_bdevs", "{'name': 'Z1'}");
	assert_non_null(strstr(reply->text,
		"\"driver_specific\":{\"zoned_block\":{\"name\":\"Z1\",\"base_bdev\":\"M1\",\"zone_capacity\":12,"
		"\"optimal_open_zones\":1}}"));
	assert_non_null(strstr(reply->text, "\"product_name\":\"zone_block\""));
	assert_non_null(
		strstr(reply->text, "\"zoned\":true,\"zone_size\":16,\"max_open_zones\":2,\"optimal_open_zones\":1"));

	fixture_rpc_expect("true", "bdev_zone_block_delete", "{'name': 'Z1'}");
	fixture_rpc_expect("true", "bdev_zone_block_delete", "{'name': 'Z0'}");
	fixture_rpc_expect("true", "bdev_zone_block_delete", "{'name': 'waiting'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	/* Before its base, as in a saved configuration. */
	fixture_load_config(saved);
	create_base("M0");
	assert_true(exists("Z0"));
	assert_string_equal(fixture_config("bdev_zone_block_create"), saved);
	free(saved);
	fixture_stop();
}

static void
properties_are_those_of_the_base(void **state)
{
	struct spdk_bdev *bdev;
	char text[SPDK_UUID_STRING_LEN];

	fixture_start(1);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 77, 'block_size': 512, 'physical_block_size': 4096, 'md_size': 16,"
		" 'optimal_io_boundary': 7, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_zone_block_create",
		"{'base_bdev': 'M0', 'name': 'Z', 'zone_capacity': 9, 'optimal_open_zones': 5, 'max_active_zones': 6}");
	bdev = spdk_bdev_get_by_name("Z");
	/* Whole zones. */
	assert_int_equal(bdev->blockcnt, 64);
	assert_int_equal(bdev->blocklen, 512);
	assert_int_equal(bdev->phys_blocklen, 4096);
	assert_int_equal(bdev->md_len, 16);
	assert_false(bdev->md_interleave);
	assert_int_equal(bdev->optimal_io_boundary, 7);
	assert_int_equal(bdev->write_cache, 1);
	assert_true(bdev->zoned);
	assert_int_equal(bdev->zone_size, 16);
	assert_int_equal(bdev->max_zone_append_size, 9);
	assert_int_equal(bdev->optimal_open_zones, 5);
	assert_int_equal(bdev->max_active_zones, 6);
	assert_int_equal(bdev->max_open_zones, 6);
	/* python3: uuid.uuid5() with the namespace and the 16 bytes. */
	assert_int_equal(spdk_uuid_fmt_lower(text, sizeof(text), spdk_bdev_get_uuid(bdev)), 0);
	assert_string_equal(text, "c6a15dfd-6e19-5b2a-9cf3-9ea03b7bd029");
	fixture_stop();
}

static void
growth_is_followed(void **state)
{
	struct spdk_bdev_zone_info infos[96];
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t buf[512] = {0};

	fixture_start(1);
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 4096, 'block_size': 512}");
	fixture_rpc("bdev_zone_block_create",
		"{'base_bdev': 'N', 'name': 'Z', 'zone_capacity': 100, 'optimal_open_zones': 1}");
	assert_int_equal(fixture_user_open(&user, 1, "Z"), 0);
	fixture_enter(1);
	assert_true(fixture_io_wait(
		spdk_bdev_zone_management(user.desc, user.ch, 128, SPDK_BDEV_ZONE_RESET, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_zone_append(user.desc, user.ch, buf, 128, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_false(fixture_io_wait(
		spdk_bdev_zone_management(user.desc, user.ch, 4096, SPDK_BDEV_ZONE_RESET, fixture_io_cb, &io), &io));
	fixture_enter(0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 6}");
	fixture_settle();
	assert_int_equal(user.resized, 12288);
	fixture_enter(1);
	io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_get_zone_info(user.desc, user.ch, 0, SPDK_COUNTOF(infos), infos, fixture_io_cb, &io), &io));
	assert_int_equal(infos[0].state, SPDK_BDEV_ZONE_STATE_FULL);
	assert_int_equal(infos[1].state, SPDK_BDEV_ZONE_STATE_IMP_OPEN);
	assert_int_equal(infos[1].write_pointer, 129);
	assert_int_equal(infos[95].state, SPDK_BDEV_ZONE_STATE_FULL);
	fixture_user_close(&user);
	fixture_stop();
}

/* What a zone held can be read when its bdev comes back, and its state is that of a new one: nobody has kept it. */
static void
coming_back_makes_all_zones_full(void **state)
{
	struct spdk_bdev_zone_info infos[4];
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t out[4096], in[4096];

	fixture_start(1);
	create_base("M0");
	fixture_rpc("bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	for (int round = 0; round < 2; round++) {
		assert_int_equal(fixture_user_open(&user, 1, "Z"), 0);
		fixture_enter(1);
		io.done = false;
		assert_true(fixture_io_wait(
			spdk_bdev_get_zone_info(user.desc, user.ch, 0, 4, infos, fixture_io_cb, &io), &io));
		for (int i = 0; i < 4; i++) {
			assert_int_equal(infos[i].state, SPDK_BDEV_ZONE_STATE_FULL);
		}
		if (round == 1) {
			break;
		}
		io.done = false;
		assert_true(fixture_io_wait(
			spdk_bdev_zone_management(user.desc, user.ch, 16, SPDK_BDEV_ZONE_RESET, fixture_io_cb, &io),
			&io));
		memset(out, 0x5a, sizeof(out));
		io.done = false;
		assert_true(fixture_io_wait(
			spdk_bdev_zone_append(user.desc, user.ch, out, 16, 1, fixture_io_cb, &io), &io));
		fixture_user_close(&user);
		fixture_rpc_expect("true", "bdev_zone_block_delete", "{'name': 'Z'}");
		fixture_rpc("bdev_zone_block_create", "{'base_bdev': 'M0', 'name': 'Z', " NUMBERS "}");
	}
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, in, 16, 1, fixture_io_cb, &io), &io));
	assert_memory_equal(in, out, sizeof(in));
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- Everything at once, in orders that the seed decides ---- */

static void
create_any_zones(const char *base, int number)
{
	fixture_rpc("bdev_zone_block_create",
		"{'base_bdev': '%s', 'name': 'Z%d', 'zone_capacity': 12, 'optimal_open_zones': 1, 'max_open_zones': "
		"%d}",
		base, number, (int)bdk_sim_random(3));
}

static int
submit_to_zones(struct fixture_user *user, void *buf, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	uint64_t offset = bdk_sim_random(CHAOS_BLOCKS);
	uint64_t zone = offset & ~15ull;

	switch (bdk_sim_random(8)) {
	case 0:
		return spdk_bdev_flush_blocks(user->desc, user->ch, 0, CHAOS_BLOCKS, cb, cb_arg);
	case 1:
		return spdk_bdev_zone_management(user->desc, user->ch, zone, bdk_sim_random(5), cb, cb_arg);
	case 2:
		return spdk_bdev_zone_management(user->desc, user->ch, zone, SPDK_BDEV_ZONE_RESET, cb, cb_arg);
	case 3:
		return spdk_bdev_reset(user->desc, user->ch, cb, cb_arg);
	case 4:
	case 5:
		return spdk_bdev_zone_append(user->desc, user->ch, buf, zone, 1, cb, cb_arg);
	case 6:
		return spdk_bdev_write_blocks(user->desc, user->ch, buf, offset, 1, cb, cb_arg);
	default:
		return spdk_bdev_read_blocks(user->desc, user->ch, buf, offset, 1, cb, cb_arg);
	}
}

static void
random_orders_harm_nothing(void **state)
{
	static const struct chaos_module module = {
		.name_format = "Z%d",
		.delete_method = "bdev_zone_block_delete",
		.create = create_any_zones,
		.submit = submit_to_zones,
	};

	chaos_run_seeds(&module, 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(failed_registration_releases_the_base),
		cmocka_unit_test(created_when_the_base_comes),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(properties_are_those_of_the_base),
		cmocka_unit_test(growth_is_followed),
		cmocka_unit_test(coming_back_makes_all_zones_full),
		cmocka_unit_test(random_orders_harm_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
