/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/null: what can be created, what it answers to I/O, how it grows. */

#include "fixture.h"

#include "spdk/util.h"

struct refused {
	const char *params;
	int code;
	const char *message;
};

static const struct refused g_refused[] = {
	{"'name': '', 'num_blocks': 8, 'block_size': 512", -EINVAL, "Cannot create null bdev : a name is required"},
	{"'name': 'N', 'num_blocks': 0, 'block_size': 512", -EINVAL,
		"Cannot create null bdev N: num_blocks must be greater than 0"},
	{"'name': 'N', 'num_blocks': 8, 'block_size': 0", -EINVAL,
		"Cannot create null bdev N: block_size must be a multiple of 512"},
	{"'name': 'N', 'num_blocks': 8, 'block_size': 520", -EINVAL,
		"Cannot create null bdev N: block_size must be a multiple of 512"},
	{"'name': 'N', 'num_blocks': 8, 'block_size': 512, 'physical_block_size': 513", -EINVAL,
		"Cannot create null bdev N: physical_block_size must be a multiple of 512"},
	{"'name': 'N', 'num_blocks': 8, 'block_size': 512, 'md_size': 24", -EINVAL,
		"Cannot create null bdev N: md_size must be 0, 8, 16, 32, 64 or 128"},
	{"'name': 'N', 'num_blocks': 18446744073709551615, 'block_size': 512", -EINVAL,
		"Cannot create null bdev N: num_blocks times block_size must be less than 8 EiB"},
	{"'name': 'N', 'num_blocks': 14411518807585588, 'block_size': 512, 'md_size': 128", -EINVAL,
		"Cannot create null bdev N: num_blocks times block_size must be less than 8 EiB"},
	{"'name': 'N', 'num_blocks': 8, 'block_size': 4294966784, 'md_size': 128", 0, NULL},
};

static void
bad_parameters_are_refused(void **state)
{
	fixture_start(1);
	for (size_t i = 0; i < SPDK_COUNTOF(g_refused); i++) {
		if (g_refused[i].code == 0) {
			fixture_rpc_expect("\"N\"", "bdev_null_create", "{%s}", g_refused[i].params);
			fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
			continue;
		}
		fixture_rpc_expect_error(
			g_refused[i].code, g_refused[i].message, "bdev_null_create", "{%s}", g_refused[i].params);
		assert_null(spdk_bdev_get_by_name("N"));
	}
	fixture_rpc_expect("\"N\"", "bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect_error(-EEXIST, "Cannot create null bdev N: another bdev has its name or its UUID",
		"bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("N")), 8);
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete null bdev X: No such device", "bdev_null_delete", "{'name': 'X'}");
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	char *saved;

	fixture_start(1);
	fixture_rpc_expect("\"plain\"", "bdev_null_create", "{'name': 'plain', 'num_blocks': 100, 'block_size': 4096}");
	fixture_rpc_expect("\"md\"", "bdev_null_create",
		"{'name': 'md', 'num_blocks': 50, 'block_size': 512, 'md_size': 64, 'physical_block_size': 4096}");
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'plain', 'new_size': 4}");
	saved = strdup(fixture_config("bdev_null_create"));
	assert_non_null(strstr(saved, "\"name\":\"plain\",\"num_blocks\":1024,\"block_size\":4096"));
	assert_non_null(strstr(saved,
		"\"name\":\"md\",\"num_blocks\":50,\"block_size\":512,"
		"\"physical_block_size\":4096,\"md_size\":64"));
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'plain'}");
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'md'}");
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_null_create"), saved);
	assert_int_equal(spdk_bdev_get_block_size(spdk_bdev_get_by_name("md")), 576);
	assert_true(spdk_bdev_is_md_interleaved(spdk_bdev_get_by_name("md")));
	free(saved);
	fixture_stop();
}

static bool
read_without_buffer(struct fixture_user *user, uint64_t count)
{
	struct fixture_io io = {.keep = true};
	struct iovec *iovs;
	bool success;
	int iovcnt;

	success = fixture_io_wait(spdk_bdev_read_blocks(user->desc, user->ch, NULL, 0, count, fixture_io_cb, &io), &io);
	if (success) {
		spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_int_equal(iovs[0].iov_len, count * 512);
		assert_non_null(iovs[0].iov_base);
	}
	spdk_bdev_free_io(io.bdev_io);
	return success;
}

static void
io_is_answered(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t buf[512];

	fixture_start(1);
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 100000, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 1, "N"), 0);
	fixture_enter(1);
	memset(buf, 0x77, sizeof(buf));
	assert_true(fixture_io_wait(spdk_bdev_write_blocks(user.desc, user.ch, buf, 9, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, buf, 9, 1, fixture_io_cb, &io), &io));
	assert_int_equal(buf[0], 0x77);
	io.done = false;
	assert_true(
		fixture_io_wait(spdk_bdev_write_zeroes_blocks(user.desc, user.ch, 0, 100000, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));

	/* Up to 64 KiB in the module's own buffer, beyond it in one of the layer's, beyond those not at all. */
	assert_true(read_without_buffer(&user, 1));
	assert_true(read_without_buffer(&user, 128));
	assert_true(read_without_buffer(&user, 129));
	assert_false(read_without_buffer(&user, 2048));

	assert_int_equal(spdk_bdev_flush_blocks(user.desc, user.ch, 0, 1, fixture_io_cb, &io), -ENOTSUP);
	io.done = false;
	assert_false(fixture_io_wait(spdk_bdev_unmap_blocks(user.desc, user.ch, 0, 1, fixture_io_cb, &io), &io));
	assert_false(spdk_bdev_io_type_supported(spdk_bdev_desc_get_bdev(user.desc), SPDK_BDEV_IO_TYPE_UNMAP));
	fixture_user_close(&user);
	fixture_stop();
}

static void
resizing(void **state)
{
	struct fixture_user user;

	fixture_start(1);
	/* 1.5 MiB */
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 3072, 'block_size': 512}");
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 1, "N"), 0);

	fixture_rpc_expect_error(-ENODEV, "Cannot resize bdev X to 4 MiB: No such device", "bdev_null_resize",
		"{'name': 'X', 'new_size': 4}");
	fixture_rpc_expect_error(-EINVAL, "Cannot resize bdev M to 4 MiB: it is not a null bdev", "bdev_null_resize",
		"{'name': 'M', 'new_size': 4}");
	fixture_rpc_expect_error(-EINVAL, "Cannot resize bdev N to 0 MiB: a null bdev cannot shrink",
		"bdev_null_resize", "{'name': 'N', 'new_size': 0}");
	fixture_rpc_expect_error(-EINVAL,
		"Cannot resize bdev N to 18446744073709551615 MiB: new_size must be less than 8 EiB",
		"bdev_null_resize", "{'name': 'N', 'new_size': 18446744073709551615}");
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("N")), 3072);

	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 1}");
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("N")), 3072);
	fixture_settle();
	assert_int_equal(user.resized, 0);
	fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'N', 'new_size': 2}");
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("N")), 4096);
	fixture_settle();
	assert_int_equal(user.resized, 4096);
	fixture_user_close(&user);
	fixture_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(io_is_answered),
		cmocka_unit_test(resizing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
