/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/null: protection information, made for those who read, and looked at when they write. */

#include "block_pi.h"

#include "spdk/log.h"
#include "spdk/util.h"

#define BLOCKS 40

static void
for_each_format(void (*check)(struct pi_disk *disk))
{
	uint64_t seed = 1;

	for (int i = 0; i < 3 * 3 * 2; i++) {
		struct pi_format format = {
			.type = 1 + i % 3,
			.format = i / 3 % 3,
			.head = i / 9,
			.interleaved = true,
			.md_size = 32,
		};
		struct pi_disk disk;

		format.data_size = format.format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096;
		fixture_start(seed++);
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
		fixture_rpc_expect("\"N\"", "bdev_null_create", "{'name': 'N', 'num_blocks': %d, %s}", BLOCKS,
			pi_format_params(&format));
		pi_disk_open(&disk, &format, "N");
		check(&disk);
		pi_disk_close(&disk);
		fixture_stop();
	}
}

static uint32_t
check_flags(const struct pi_disk *disk)
{
	return SPDK_DIF_FLAGS_GUARD_CHECK | (disk->format.type != SPDK_DIF_TYPE3 ? SPDK_DIF_FLAGS_REFTAG_CHECK : 0);
}

static void
check_reads(struct pi_disk *disk)
{
	size_t len = (size_t)BLOCKS * pi_disk_stride(disk);

	memset(disk->data, 0x5a, len);
	assert_true(pi_disk_read(disk, 3, BLOCKS - 3, false));
	/* The data is left as it is. */
	assert_int_equal(disk->data[3 * pi_disk_stride(disk)], 0x5a);
	assert_int_equal(pi_disk_check(disk, 3, BLOCKS - 3, check_flags(disk)), 0);
	assert_int_equal(pi_disk_check(disk, 0, 1, check_flags(disk)), -1);
}

static void
reads_have_right_pi(void **state)
{
	for_each_format(check_reads);
}

/* Two readers without buffers, at once: each has the tags of its blocks. */
static void
check_reads_without_buffer(struct pi_disk *disk)
{
	struct fixture_io ios[2] = {{.keep = true}, {.keep = true}};

	for (int i = 0; i < 2; i++) {
		struct iovec *iovs;
		int iovcnt;

		assert_true(fixture_io_wait(
			spdk_bdev_read_blocks(disk->user.desc, disk->user.ch, NULL, i * 4, 4, fixture_io_cb, &ios[i]),
			&ios[i]));
		spdk_bdev_io_get_iovec(ios[i].bdev_io, &iovs, &iovcnt);
		assert_int_equal(iovcnt, 1);
		assert_int_equal(iovs[0].iov_len, 4 * pi_disk_stride(disk));
		memcpy(disk->data + i * 4 * pi_disk_stride(disk), iovs[0].iov_base, iovs[0].iov_len);
	}
	assert_int_equal(pi_disk_check(disk, 0, 8, check_flags(disk)), 0);
	spdk_bdev_free_io(ios[0].bdev_io);
	spdk_bdev_free_io(ios[1].bdev_io);
}

static void
reads_without_buffer_have_right_pi(void **state)
{
	for_each_format(check_reads_without_buffer);
}

static void
check_writes(struct pi_disk *disk)
{
	pi_disk_fill(disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));
	pi_disk_fill(disk, 5, 2, 6);
	assert_int_equal(pi_disk_write(disk, 0, BLOCKS, false), disk->format.type == SPDK_DIF_TYPE3);
	disk->exclude = SPDK_DIF_FLAGS_REFTAG_CHECK;
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));
	disk->data[5 * pi_disk_stride(disk)] ^= 1;
	assert_false(pi_disk_write(disk, 0, BLOCKS, false));
	assert_true(pi_disk_write(disk, 6, BLOCKS - 6, false));
	disk->exclude = SPDK_DIF_FLAGS_REFTAG_CHECK | SPDK_DIF_FLAGS_GUARD_CHECK;
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));
}

static void
wrong_writes_fail(void **state)
{
	for_each_format(check_writes);
}

static void
check_others(struct pi_disk *disk)
{
	struct fixture_io io = {};

	assert_true(fixture_io_wait(
		spdk_bdev_write_zeroes_blocks(disk->user.desc, disk->user.ch, 0, BLOCKS, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_reset(disk->user.desc, disk->user.ch, fixture_io_cb, &io), &io));
}

static void
other_io_is_as_without(void **state)
{
	for_each_format(check_others);
}

static void
short_buffers_fail(void **state)
{
	struct pi_format format = {.data_size = 512, .md_size = 8, .interleaved = true, .type = 1};
	struct fixture_io io = {};
	struct pi_disk disk;
	uint8_t buf[1039];
	struct iovec iov = {buf, sizeof(buf)};

	fixture_start(1);
	fixture_rpc_expect(
		"\"N\"", "bdev_null_create", "{'name': 'N', 'num_blocks': 8, %s}", pi_format_params(&format));
	pi_disk_open(&disk, &format, "N");
	assert_false(fixture_io_wait(
		spdk_bdev_readv_blocks(disk.user.desc, disk.user.ch, &iov, 1, 0, 2, fixture_io_cb, &io), &io));
	io.done = false;
	assert_false(fixture_io_wait(
		spdk_bdev_writev_blocks(disk.user.desc, disk.user.ch, &iov, 1, 0, 2, fixture_io_cb, &io), &io));
	pi_disk_close(&disk);
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	struct pi_format format = {.data_size = 4096, .md_size = 16, .interleaved = true, .type = 3, .format = 1};
	struct pi_disk disk;
	char *saved;

	fixture_start(1);
	fixture_rpc_expect(
		"\"N\"", "bdev_null_create", "{'name': 'N', 'num_blocks': 8, %s}", pi_format_params(&format));
	saved = strdup(fixture_config("bdev_null_create"));
	assert_non_null(strstr(saved, "\"md_size\":16,\"dif_type\":3,\"dif_is_head_of_md\":false,\"dif_pi_format\":1"));
	fixture_rpc_expect("true", "bdev_null_delete", "{'name': 'N'}");
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_null_create"), saved);
	pi_disk_open(&disk, &format, "N");
	pi_disk_close(&disk);
	free(saved);
	fixture_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_have_right_pi),
		cmocka_unit_test(reads_without_buffer_have_right_pi),
		cmocka_unit_test(wrong_writes_fail),
		cmocka_unit_test(other_io_is_as_without),
		cmocka_unit_test(short_buffers_fail),
		cmocka_unit_test(configuration_loads_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
