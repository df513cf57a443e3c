/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/passthru: I/O goes through; creation, deletion and removal in any order harm nothing. */

#include "chaos.h"

#include "bdevkit/sim.h"
#include "spdk/env.h"
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

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	create_base("M0");
	create_base("M1");

	fixture_rpc_expect_error(-EINVAL, "Cannot create passthru bdev  on M0: a name is required",
		"bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': ''}");
	fixture_rpc_expect_error(-EINVAL, "Cannot create passthru bdev P on : the name of a base bdev is required",
		"bdev_passthru_create", "{'base_bdev_name': '', 'name': 'P'}");
	fixture_rpc_expect_error(-EINVAL,
		"Cannot create passthru bdev M0 on M0: it cannot have the name of its base bdev",
		"bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'M0'}");
	fixture_rpc_expect_error(-EEXIST, "Cannot create passthru bdev M1 on M0: a bdev of that name exists",
		"bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'M1'}");
	assert_false(is_claimed("M0"));

	fixture_rpc_expect("\"P\"", "bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	fixture_rpc_expect_error(-EEXIST, "Cannot create passthru bdev P on M1: it exists, or waits for its base bdev",
		"bdev_passthru_create", "{'base_bdev_name': 'M1', 'name': 'P'}");
	assert_false(is_claimed("M1"));
	fixture_rpc_expect_error(-EPERM,
		"Cannot create passthru bdev Q on M0: its base bdev is claimed by another module",
		"bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'Q'}");
	/* Nothing of Q is remembered. */
	fixture_rpc_expect("\"Q\"", "bdev_passthru_create", "{'base_bdev_name': 'M1', 'name': 'Q'}");

	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete passthru bdev X: No such device", "bdev_passthru_delete", "{'name': 'X'}");
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete passthru bdev M0: No such device", "bdev_passthru_delete", "{'name': 'M0'}");
	fixture_stop();
}

/* Registration fails after the base has been claimed: the base must be free again, and the rest untouched. */
static void
failed_registration_releases_the_base(void **state)
{
	fixture_start(1);
	create_base("M0");
	fixture_rpc_expect("\"taken\"", "bdev_malloc_create",
		"{'name': 'taken', 'num_blocks': 8, 'block_size': 512,"
		" 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc_expect_error(-EEXIST, "Cannot create passthru bdev P on M0: another bdev has its name or its UUID",
		"bdev_passthru_create",
		"{'base_bdev_name': 'M0', 'name': 'P', 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	assert_false(is_claimed("M0"));
	assert_false(is_claimed("taken"));
	assert_false(exists("P"));
	fixture_rpc_expect("\"P\"", "bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	assert_true(is_claimed("M0"));
	fixture_stop();
}

static void
created_when_the_base_comes(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("\"P\"", "bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	fixture_rpc_expect("\"U\"", "bdev_passthru_create",
		"{'base_bdev_name': '11223344-5566-7788-99aa-bbccddeeff00', 'name': 'U'}");
	assert_false(exists("P"));
	create_base("M0");
	assert_true(exists("P"));
	/* By an alias too. */
	fixture_rpc("bdev_null_create",
		"{'name': 'N', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	assert_true(exists("U"));

	/* It goes with its base and comes back with it. */
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	assert_false(exists("P"));
	create_base("M0");
	assert_true(exists("P"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");

	/* While it waits it can be deleted, and then it does not come. */
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'P'}");
	create_base("M0");
	assert_false(exists("P"));
	assert_false(is_claimed("M0"));
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete passthru bdev P: No such device", "bdev_passthru_delete", "{'name': 'P'}");
	fixture_stop();
}

/* When the base comes, another bdev has the name: the base stays free, and nothing else happens. */
static void
name_taken_meanwhile(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("\"P\"", "bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	create_base("P");
	create_base("M0");
	assert_false(is_claimed("M0"));
	assert_false(is_claimed("P"));
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'P'}");
	assert_true(exists("P"));
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	const struct fixture_reply *reply;
	char *saved;

	fixture_start(1);
	create_base("M0");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P0'}");
	fixture_rpc("bdev_passthru_create",
		"{'base_bdev_name': 'P0', 'name': 'P1', 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'not yet', 'name': 'waiting'}");
	saved = strdup(fixture_config("bdev_passthru_create"));
	assert_string_equal(saved,
		"{\"method\":\"bdev_passthru_create\",\"params\":{\"base_bdev_name\":\"M0\",\"name\":\"P0\"}}\n"
		"{\"method\":\"bdev_passthru_create\",\"params\":{\"base_bdev_name\":\"P0\",\"name\":\"P1\","
		"\"uuid\":\"11223344-5566-7788-99aa-bbccddeeff00\"}}\n"
		"{\"method\":\"bdev_passthru_create\",\"params\":{\"base_bdev_name\":\"not yet\","
		"\"name\":\"waiting\"}}\n");
	reply = fixture_rpc("bdev_get_bdevs", "{'name': 'P1'}");
	assert_non_null(
		strstr(reply->text, "\"driver_specific\":{\"passthru\":{\"name\":\"P1\",\"base_bdev_name\":\"P0\"}}"));

	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'P1'}");
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'P0'}");
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'waiting'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M0'}");
	/* Before its base, as in a saved configuration. */
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_passthru_create"), saved);
	create_base("M0");
	assert_true(exists("P0"));
	assert_true(exists("P1"));
	assert_string_equal(fixture_config("bdev_passthru_create"), saved);
	free(saved);
	fixture_stop();
}

static void
uuid_is_made_from_that_of_the_base(void **state)
{
	struct spdk_uuid uuid;
	char text[SPDK_UUID_STRING_LEN];

	fixture_start(1);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 8, 'block_size': 512, 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	uuid = *spdk_bdev_get_uuid(spdk_bdev_get_by_name("P"));
	assert_int_equal(spdk_uuid_fmt_lower(text, sizeof(text), &uuid), 0);
	/* python3: uuid.uuid5() with the namespace and the 16 bytes. */
	assert_string_equal(text, "fff82b7d-2c0b-5e55-b51a-33a17ded3bc1");
	fixture_stop();
}

static void
properties_are_those_of_the_base(void **state)
{
	struct fixture_user user;
	struct spdk_bdev *bdev;

	fixture_start(1);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'M0', 'num_blocks': 77, 'block_size': 512, 'physical_block_size': 4096, 'md_size': 16,"
		" 'optimal_io_boundary': 7}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	bdev = spdk_bdev_get_by_name("P");
	assert_int_equal(bdev->blockcnt, 77);
	assert_int_equal(bdev->blocklen, 512);
	assert_int_equal(bdev->phys_blocklen, 4096);
	assert_int_equal(bdev->md_len, 16);
	assert_false(bdev->md_interleave);
	assert_int_equal(bdev->optimal_io_boundary, 7);
	assert_int_equal(bdev->write_cache, 1);
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COMPARE));

	/* A base that cannot flush makes one that cannot. */
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 2048, 'block_size': 512}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'N', 'name': 'PN'}");
	bdev = spdk_bdev_get_by_name("PN");
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));

	/* Growth is followed. */
	assert_int_equal(fixture_user_open(&user, 1, "PN"), 0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 3}");
	fixture_settle();
	assert_int_equal(spdk_bdev_get_num_blocks(bdev), 6144);
	assert_int_equal(user.resized, 6144);
	fixture_user_close(&user);
	fixture_stop();
}

/* ---- I/O ---- */

static void
io_goes_through(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t out[8192], in[8192], md_out[32], md_in[32];
	struct iovec iovs[2] = {{out, 100}, {out + 100, sizeof(out) - 100}};
	struct iovec *lent;
	int iovcnt;

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M0', 'num_blocks': 64, 'block_size': 4096, 'md_size': 16}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P0'}");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'P0', 'name': 'P1'}");
	assert_int_equal(fixture_user_open(&user, 2, "P1"), 0);
	fixture_enter(2);

	memset(out, 0x5a, sizeof(out));
	memset(md_out, 0xa5, sizeof(md_out));
	assert_true(fixture_io_wait(
		spdk_bdev_writev_blocks_with_md(user.desc, user.ch, iovs, 2, md_out, 3, 2, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_read_blocks_with_md(user.desc, user.ch, in, md_in, 3, 2, fixture_io_cb, &io), &io));
	assert_memory_equal(in, out, sizeof(in));
	assert_memory_equal(md_in, md_out, sizeof(md_in));

	/* Without a buffer of the caller. */
	io.done = false;
	io.keep = true;
	assert_true(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, NULL, 3, 2, fixture_io_cb, &io), &io));
	spdk_bdev_io_get_iovec(io.bdev_io, &lent, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_memory_equal(lent[0].iov_base, out, sizeof(out));
	spdk_bdev_free_io(io.bdev_io);
	io.keep = false;

	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_unmap_blocks(user.desc, user.ch, 3, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_write_zeroes_blocks(user.desc, user.ch, 4, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_flush_blocks(user.desc, user.ch, 0, 64, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_read_blocks_with_md(user.desc, user.ch, in, md_in, 3, 2, fixture_io_cb, &io), &io));
	memset(out, 0, sizeof(out));
	memset(md_out, 0, sizeof(md_out));
	assert_memory_equal(in, out, sizeof(in));
	assert_memory_equal(md_in, md_out, sizeof(md_in));
	fixture_user_close(&user);
	fixture_stop();
}

#define MANY 400

static int g_order[MANY];
static int g_ordered;

static void
note_order_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_true(success);
	g_order[g_ordered++] = (intptr_t)cb_arg;
	spdk_bdev_free_io(bdev_io);
}

static bool
all_are_done(void *arg)
{
	return g_ordered == *(int *)arg;
}

/*
 * More I/Os than there are objects: the ones to the base have to wait until others are freed. All come through, each
 * once, and those that waited in the order in which they came.
 */
static void
shortage_is_waited_out(void **state)
{
	struct spdk_bdev_opts opts;
	struct fixture_user user;
	static uint8_t buf[4096];
	int submitted = 0;
	uint64_t begin;
	int rc;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 128;
	opts.bdev_io_cache_size = 16;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	fixture_start(1);
	create_base("M0");
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': 'M0', 'name': 'P'}");
	assert_int_equal(fixture_user_open(&user, 1, "P"), 0);
	fixture_enter(1);
	g_ordered = 0;
	begin = spdk_get_ticks();
	while (submitted < MANY) {
		rc = spdk_bdev_write_blocks(
			user.desc, user.ch, buf, submitted % 64, 1, note_order_cb, (void *)(intptr_t)submitted);
		if (rc == -ENOMEM) {
			break;
		}
		assert_int_equal(rc, 0);
		submitted++;
	}
	/* So many that none was left for the base. */
	assert_in_range(submitted, 64, MANY - 1);
	spdk_set_thread(NULL);
	assert_true(bdk_sim_run_until(all_are_done, &submitted, 1000000));
	for (int i = 0; i < submitted; i++) {
		assert_int_equal(g_order[i], i);
	}
	/* They were told when there was one, and did not ask from time to time. */
	assert_int_equal(spdk_get_ticks(), begin);
	fixture_user_close(&user);
	fixture_stop();
	opts.bdev_io_pool_size = 65535;
	opts.bdev_io_cache_size = 256;
	spdk_bdev_set_opts(&opts);
}

/* ---- Everything at once ---- */

static void
create_on(const char *base, int number)
{
	fixture_rpc("bdev_passthru_create", "{'base_bdev_name': '%s', 'name': 'P%d'}", base, number);
}

static void
random_orders_harm_nothing(void **state)
{
	static const struct chaos_module module = {
		.name_format = "P%d",
		.delete_method = "bdev_passthru_delete",
		.create = create_on,
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
		cmocka_unit_test(name_taken_meanwhile),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(uuid_is_made_from_that_of_the_base),
		cmocka_unit_test(properties_are_those_of_the_base),
		cmocka_unit_test(io_goes_through),
		cmocka_unit_test(shortage_is_waited_out),
		cmocka_unit_test(random_orders_harm_nothing),
	};

	/* Disks that wait, or are counted, are not for others to look for superblocks on. */
	spdk_bdev_module_list_find("raid")->examine_disk = NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
