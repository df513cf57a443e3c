/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/malloc: protection information of all types, formats and places. */

#include "block_pi.h"

#include "bdevkit/sim.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define BLOCKS 24

static uint32_t
pi_size(const struct pi_format *format)
{
	return format->format == SPDK_DIF_PI_FORMAT_16 ? 8 : 16;
}

static void
create(struct pi_disk *disk, const struct pi_format *format)
{
	fixture_rpc_expect("\"M\"", "bdev_malloc_create", "{'name': 'M', 'num_blocks': %d, %s, 'md_interleave': %s}",
		BLOCKS, pi_format_params(format), format->interleaved ? "true" : "false");
	pi_disk_open(disk, format, "M");
}

/* With each format of blocks that there can be. */
static void
for_each_format(void (*check)(struct pi_disk *disk))
{
	static const uint32_t md_sizes[] = {8, 16, 64, 128};
	uint64_t seed = 1;

	for (int i = 0; i < 3 * 3 * 2 * 2 * 4; i++) {
		struct pi_format format = {
			.type = 1 + i % 3,
			.format = i / 3 % 3,
			.interleaved = i / 9 % 2,
			.head = i / 18 % 2,
			.md_size = md_sizes[i / 36],
		};
		struct pi_disk disk;

		format.data_size = format.format == SPDK_DIF_PI_FORMAT_16 ? 512 : 4096;
		if (format.md_size < pi_size(&format)) {
			continue;
		}
		fixture_start(seed++);
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
		create(&disk, &format);
		check(&disk);
		pi_disk_close(&disk);
		fixture_stop();
	}
}

/* Zeroes, the right guard, and tags that say: do not check. */
static void
expect_unwritten(struct pi_disk *disk, uint64_t offset, uint64_t count)
{
	uint32_t tags = pi_size(&disk->format) - (2U << disk->format.format);

	memset(disk->data + offset * pi_disk_stride(disk), 0xee, count * pi_disk_stride(disk));
	memset(disk->md + offset * disk->format.md_size, 0xee, count * disk->format.md_size);
	assert_true(pi_disk_read(disk, offset, count, false));
	for (uint64_t i = offset; i < offset + count; i++) {
		uint8_t *pi = pi_disk_pi(disk, i);
		uint8_t *data = disk->data + i * pi_disk_stride(disk);

		for (uint32_t j = 0; j < disk->format.data_size; j++) {
			assert_int_equal(data[j], 0);
		}
		for (uint32_t j = 0; j < tags; j++) {
			bool between = disk->format.format == SPDK_DIF_PI_FORMAT_32 && (j == 2 || j == 3);

			assert_int_equal(pi[pi_size(&disk->format) - tags + j], between ? 0 : 0xff);
		}
		/* With other tags the guard would be looked at. */
		memset(pi + pi_size(&disk->format) - tags, 0, 2);
		assert_int_equal(pi_disk_check(disk, i, 1, SPDK_DIF_FLAGS_GUARD_CHECK), 0);
	}
}

static void
check_unwritten(struct pi_disk *disk)
{
	expect_unwritten(disk, 0, BLOCKS);
}

static void
a_new_disk_can_be_read(void **state)
{
	for_each_format(check_unwritten);
}

static void
check_contents(struct pi_disk *disk)
{
	size_t data_len = (size_t)BLOCKS * pi_disk_stride(disk), md_len = (size_t)BLOCKS * disk->format.md_size;
	uint8_t *data = malloc(data_len), *md = malloc(md_len);

	pi_disk_fill(disk, 0, BLOCKS, 0);
	memcpy(data, disk->data, data_len);
	memcpy(md, disk->md, md_len);
	for (uint64_t offset = 0, count; offset < BLOCKS; offset += count) {
		count = 1 + bdk_sim_random(BLOCKS - offset);
		assert_true(pi_disk_write(disk, offset, count, false));
	}
	memset(disk->data, 0xee, data_len);
	memset(disk->md, 0xee, md_len);
	assert_true(pi_disk_read(disk, 0, BLOCKS, false));
	assert_memory_equal(disk->data, data, data_len);
	assert_memory_equal(disk->md, disk->format.interleaved ? disk->md : md, md_len);
	free(data);
	free(md);
}

static void
contents_and_metadata_are_kept(void **state)
{
	for_each_format(check_contents);
}

/* A write whose PI is wrong fails, and the disk stays as it was. */
static void
check_wrong_writes(struct pi_disk *disk)
{
	bool has_ref_tags = disk->format.type != SPDK_DIF_TYPE3;

	pi_disk_fill(disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));

	pi_disk_fill(disk, 3, 4, 3);
	disk->data[5 * pi_disk_stride(disk) + 77] ^= 0x10;
	assert_false(pi_disk_write(disk, 3, 4, false));
	assert_true(pi_disk_read(disk, 0, BLOCKS, false));
	assert_int_equal(pi_disk_check(disk, 0, BLOCKS, SPDK_DIF_FLAGS_GUARD_CHECK), 0);

	/* The tags of other blocks. Type 3 does not mind. */
	pi_disk_fill(disk, 3, 4, 4);
	assert_int_equal(pi_disk_write(disk, 3, 4, false), !has_ref_tags);
	assert_true(pi_disk_read(disk, 3, 4, false));

	/* What is not to be checked is not. */
	disk->exclude = SPDK_DIF_FLAGS_REFTAG_CHECK;
	pi_disk_fill(disk, 3, 4, 4);
	assert_true(pi_disk_write(disk, 3, 4, false));
	disk->exclude = 0;
	assert_int_equal(pi_disk_read(disk, 3, 4, false), !has_ref_tags);
	disk->exclude = SPDK_DIF_FLAGS_REFTAG_CHECK;
	assert_true(pi_disk_read(disk, 3, 4, false));
	disk->exclude = SPDK_DIF_FLAGS_REFTAG_CHECK | SPDK_DIF_FLAGS_GUARD_CHECK;
	pi_disk_pi(disk, 4)[0] ^= 1;
	assert_true(pi_disk_write(disk, 4, 1, false));
	disk->exclude = 0;
	assert_false(pi_disk_read(disk, 4, 1, false));
}

static void
wrong_writes_fail(void **state)
{
	for_each_format(check_wrong_writes);
}

/* The disk itself: what a read without a buffer is given. */
static bool
borrow(struct pi_disk *disk, struct fixture_io *io, uint64_t offset, uint64_t count, uint8_t **data)
{
	struct iovec *iovs;
	int iovcnt;

	memset(io, 0, sizeof(*io));
	io->keep = true;
	if (!fixture_io_wait(
		    spdk_bdev_read_blocks(disk->user.desc, disk->user.ch, NULL, offset, count, fixture_io_cb, io),
		    io)) {
		return false;
	}
	spdk_bdev_io_get_iovec(io->bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	*data = iovs[0].iov_base;
	return true;
}

static void
check_decay(struct pi_disk *disk)
{
	struct fixture_io first, second;
	uint8_t *data, *md;

	pi_disk_fill(disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));
	assert_true(borrow(disk, &first, 2, 3, &data));
	assert_memory_equal(data, disk->data + 2 * pi_disk_stride(disk), 3 * pi_disk_stride(disk));
	md = spdk_bdev_io_get_md_buf(first.bdev_io);
	if (!disk->format.interleaved) {
		assert_memory_equal(md, disk->md + 2 * disk->format.md_size, 3 * disk->format.md_size);
	}

	data[pi_disk_stride(disk) + 9] ^= 4;
	assert_true(pi_disk_read(disk, 0, 3, false));
	assert_false(pi_disk_read(disk, 2, 2, false));
	assert_false(borrow(disk, &second, 3, 1, &data));
	spdk_bdev_free_io(second.bdev_io);
	assert_true(pi_disk_read(disk, 4, BLOCKS - 4, false));
	/* Who does not ask for separate metadata has data only. */
	assert_int_equal(pi_disk_read(disk, 2, 2, true), !disk->format.interleaved);
	spdk_bdev_free_io(first.bdev_io);
}

static void
decay_is_noticed(void **state)
{
	for_each_format(check_decay);
}

static void
check_clearing(struct pi_disk *disk)
{
	struct fixture_io io = {};

	pi_disk_fill(disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(disk, 0, BLOCKS, false));
	assert_true(fixture_io_wait(
		spdk_bdev_unmap_blocks(disk->user.desc, disk->user.ch, 2, 18, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_write_zeroes_blocks(disk->user.desc, disk->user.ch, 20, 3, fixture_io_cb, &io), &io));
	expect_unwritten(disk, 2, 21);
	assert_true(pi_disk_read(disk, 0, BLOCKS, false));
	assert_int_equal(pi_disk_check(disk, 0, 2, SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK), 0);
	assert_int_not_equal(disk->data[0] | disk->data[1] | disk->data[2] | disk->data[3], 0);
}

static void
cleared_blocks_are_as_new(void **state)
{
	for_each_format(check_clearing);
}

/* Metadata stays as it was: that is for its users to know. */
static void
separate_metadata_may_be_left_out(void **state)
{
	struct pi_format format = {.data_size = 512, .md_size = 8, .type = 1};
	struct pi_disk disk;

	fixture_start(1);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	create(&disk, &format);
	pi_disk_fill(&disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(&disk, 0, BLOCKS, true));
	assert_true(pi_disk_read(&disk, 0, BLOCKS, true));
	/* Nobody has written metadata, so there is nothing to check. */
	assert_true(pi_disk_read(&disk, 0, BLOCKS, false));
	pi_disk_fill(&disk, 0, 1, 0);
	assert_true(pi_disk_write(&disk, 0, 1, false));
	pi_disk_fill(&disk, 0, 1, 0);
	assert_true(pi_disk_write(&disk, 0, 1, true));
	assert_true(pi_disk_read(&disk, 0, 1, true));
	assert_false(pi_disk_read(&disk, 0, 1, false));
	pi_disk_close(&disk);
	fixture_stop();
}

/* ---- Metadata that the opener does not see ---- */

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
open_hiding(struct fixture_user *user)
{
	struct spdk_bdev_open_opts opts;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	memset(user, 0, sizeof(*user));
	assert_int_equal(spdk_bdev_open_ext_v2("M", true, ignore_event_cb, NULL, &opts, &user->desc), 0);
	user->ch = spdk_bdev_get_io_channel(user->desc);
	assert_non_null(user->ch);
}

static void
close_hiding(struct fixture_user *user)
{
	spdk_put_io_channel(user->ch);
	spdk_bdev_close(user->desc);
}

static bool
transfer_hiding(struct fixture_user *user, bool write, uint8_t *buf, uint32_t size, uint64_t offset, uint64_t count)
{
	struct iovec iovs[2] = {{buf, 100}, {buf + 100, count * size - 100}};
	struct fixture_io io = {};
	int rc = write ? spdk_bdev_writev_blocks(user->desc, user->ch, iovs, 2, offset, count, fixture_io_cb, &io)
		       : spdk_bdev_readv_blocks(user->desc, user->ch, iovs, 2, offset, count, fixture_io_cb, &io);

	return fixture_io_wait(rc, &io);
}

static void
check_hidden(struct pi_disk *disk)
{
	uint32_t size = disk->format.data_size, flags = SPDK_DIF_FLAGS_GUARD_CHECK;
	uint8_t *buf = malloc(BLOCKS * size), *expected = calloc(BLOCKS, size), *stored;
	struct fixture_user user;
	struct fixture_io io;

	if (disk->format.type != SPDK_DIF_TYPE3) {
		flags |= SPDK_DIF_FLAGS_REFTAG_CHECK;
	}
	open_hiding(&user);
	assert_int_equal(spdk_bdev_desc_get_block_size(user.desc), size);
	memset(buf, 0xee, BLOCKS * size);
	assert_true(transfer_hiding(&user, false, buf, size, 0, BLOCKS));
	assert_memory_equal(buf, expected, BLOCKS * size);

	for (uint32_t i = 0; i < BLOCKS * size; i++) {
		expected[i] = (uint8_t)(1 + bdk_sim_random(255));
	}
	/* Several times, so that what the layer makes blocks in is not as it came from the system. */
	for (int i = 0; i < 3; i++) {
		memcpy(buf, expected, BLOCKS * size);
		assert_true(transfer_hiding(&user, true, buf, size, 0, BLOCKS));
		memset(buf, 0, BLOCKS * size);
		assert_true(transfer_hiding(&user, false, buf, size, 0, BLOCKS));
		assert_memory_equal(buf, expected, BLOCKS * size);
	}

	/* Who sees metadata sees PI that is right, and nothing else in it. */
	assert_true(pi_disk_read(disk, 0, BLOCKS, false));
	assert_int_equal(pi_disk_check(disk, 0, BLOCKS, flags), 0);
	for (uint32_t i = 0; i < BLOCKS; i++) {
		uint8_t *md = disk->data + i * pi_disk_stride(disk) + size, *pi = pi_disk_pi(disk, i);

		memset(pi, 0, pi_size(&disk->format));
		for (uint32_t j = 0; j < disk->format.md_size; j++) {
			assert_int_equal(md[j], 0);
		}
	}

	assert_true(borrow(disk, &io, 7, 1, &stored));
	stored[99] ^= 1;
	assert_false(transfer_hiding(&user, false, buf, size, 0, BLOCKS));
	assert_true(transfer_hiding(&user, false, buf, size, 0, 7));
	spdk_bdev_free_io(io.bdev_io);
	close_hiding(&user);
	free(buf);
	free(expected);
}

static void
check_hidden_if_interleaved(struct pi_disk *disk)
{
	if (disk->format.interleaved) {
		check_hidden(disk);
	}
}

static void
metadata_may_be_hidden(void **state)
{
	for_each_format(check_hidden_if_interleaved);
}

/* Fills buffers of the layer's pool, as others do that use them. */
static void
soil_buffers(void)
{
	enum {
		SIZE = 100 * 1024,
		COUNT = 100
	};
	struct spdk_iobuf_entry entry;
	struct spdk_iobuf_channel ch;
	void *bufs[COUNT];

	assert_int_equal(spdk_iobuf_register_module("soil"), 0);
	assert_int_equal(spdk_iobuf_channel_init(&ch, "soil", 0, 0), 0);
	for (int i = 0; i < COUNT; i++) {
		bufs[i] = spdk_iobuf_get(&ch, SIZE, &entry, NULL);
		assert_non_null(bufs[i]);
		memset(bufs[i], 0xdb, SIZE);
	}
	for (int i = 0; i < COUNT; i++) {
		spdk_iobuf_put(&ch, bufs[i], SIZE);
	}
	spdk_iobuf_channel_fini(&ch);
	assert_int_equal(spdk_iobuf_unregister_module("soil"), 0);
}

/* What is hidden does not bring what others have read or written onto the disk. */
static void
hidden_metadata_has_nothing_of_others(void **state)
{
	struct pi_format format = {.data_size = 512, .md_size = 64, .interleaved = true, .type = 1};
	struct fixture_user user;
	struct pi_disk disk;
	uint8_t buf[BLOCKS * 512];

	fixture_start(1);
	soil_buffers();
	create(&disk, &format);
	open_hiding(&user);
	memset(buf, 0x11, sizeof(buf));
	assert_true(transfer_hiding(&user, true, buf, 512, 0, BLOCKS));
	assert_true(pi_disk_read(&disk, 0, BLOCKS, false));
	for (size_t i = 0; i < (size_t)BLOCKS * 576; i++) {
		assert_true(i % 576 >= 576 - 8 || disk.data[i] == (i % 576 < 512 ? 0x11 : 0));
	}
	close_hiding(&user);
	pi_disk_close(&disk);
	fixture_stop();
}

/* I/O that the layer splits has the tags of its own blocks. */
static void
parts_of_split_io_are_checked(void **state)
{
	struct pi_format format = {.data_size = 512, .md_size = 8, .interleaved = true, .type = 1};
	struct pi_disk disk;

	fixture_start(1);
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	fixture_rpc_expect("\"M\"", "bdev_malloc_create",
		"{'name': 'M', 'num_blocks': %d, %s, 'md_interleave': true, 'optimal_io_boundary': 5}", BLOCKS,
		pi_format_params(&format));
	pi_disk_open(&disk, &format, "M");
	pi_disk_fill(&disk, 0, BLOCKS, 0);
	assert_true(pi_disk_write(&disk, 0, BLOCKS, false));
	assert_true(pi_disk_read(&disk, 3, BLOCKS - 3, false));
	pi_disk_fill(&disk, 20, 1, 21);
	assert_false(pi_disk_write(&disk, 3, BLOCKS - 3, false));
	pi_disk_close(&disk);
	fixture_stop();
}

struct refused {
	const char *params;
	const char *message;
};

static const struct refused g_refused[] = {
	{"'block_size': 512, 'dif_type': 1",
		"protection information takes 8 bytes of md_size, or 16 with dif_pi_format 1 and 2"},
	{"'block_size': 4096, 'md_size': 8, 'dif_type': 1, 'dif_pi_format': 1",
		"protection information takes 8 bytes of md_size, or 16 with dif_pi_format 1 and 2"},
	{"'block_size': 4096, 'md_size': 8, 'dif_type': 3, 'dif_pi_format': 2",
		"protection information takes 8 bytes of md_size, or 16 with dif_pi_format 1 and 2"},
	{"'block_size': 512, 'md_size': 16, 'dif_type': 1, 'dif_pi_format': 1",
		"block_size must be a multiple of 4096 with dif_pi_format 1 and 2"},
	{"'block_size': 4096, 'md_size': 16, 'dif_type': 1, 'dif_pi_format': 3", "dif_pi_format must be 0, 1 or 2"},
	{"'block_size': 4096, 'md_size': 16, 'dif_type': 4", "dif_type must be 0, 1, 2 or 3"},
};

static void
impossible_formats_are_refused(void **state)
{
	char message[256];

	fixture_start(1);
	for (size_t i = 0; i < SPDK_COUNTOF(g_refused); i++) {
		for (int null = 0; null < 2; null++) {
			snprintf(message, sizeof(message), "Cannot create %s bdev M: %s", null ? "null" : "malloc",
				g_refused[i].message);
			fixture_rpc_expect_error(-EINVAL, message, null ? "bdev_null_create" : "bdev_malloc_create",
				"{'name': 'M', 'num_blocks': 8, %s}", g_refused[i].params);
			assert_null(spdk_bdev_get_by_name("M"));
		}
	}
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	const char *name = "\"name\":\"M\"";
	struct pi_format format = {
		.data_size = 4096, .md_size = 64, .interleaved = true, .head = true, .type = 2, .format = 2};
	struct pi_disk disk;
	char *saved;

	fixture_start(1);
	create(&disk, &format);
	pi_disk_close(&disk);
	saved = strdup(fixture_config("bdev_malloc_create"));
	assert_non_null(strstr(saved, name));
	assert_non_null(strstr(saved,
		"\"block_size\":4096,\"physical_block_size\":4096,\"md_size\":64,\"dif_type\":2,"
		"\"dif_is_head_of_md\":true,\"dif_pi_format\":2,\"md_interleave\":true"));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'M'}");
	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_malloc_create"), saved);
	pi_disk_open(&disk, &format, "M");
	expect_unwritten(&disk, 0, BLOCKS);
	pi_disk_close(&disk);
	free(saved);
	fixture_stop();
}

/* A copy is right in its new place, with the metadata that belongs to it. */
static void
check_copies(struct pi_disk *disk)
{
	struct fixture_io io = {0};
	uint8_t *pi = pi_disk_pi(disk, 4);

	pi_disk_fill(disk, 0, 12, 0);
	assert_true(pi_disk_write(disk, 0, 12, false));
	/* 3 to 10, and 22, which was never written, to 20. */
	assert_true(fixture_io_wait(
		spdk_bdev_copy_blocks(disk->user.desc, disk->user.ch, 10, 3, 8, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_copy_blocks(disk->user.desc, disk->user.ch, 20, 22, 1, fixture_io_cb, &io), &io));
	assert_true(pi_disk_read(disk, 0, BLOCKS, false));
	assert_int_equal(pi_disk_check(disk, 0, BLOCKS, SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK), 0);
	assert_memory_equal(
		disk->data + 10 * pi_disk_stride(disk), disk->data + 3 * pi_disk_stride(disk), disk->format.data_size);
	assert_memory_equal(
		disk->data + 15 * pi_disk_stride(disk), disk->data + 8 * pi_disk_stride(disk), disk->format.data_size);
	expect_unwritten(disk, 20, 1);

	/* What is wrong is not copied. */
	disk->exclude = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK;
	assert_true(pi_disk_read(disk, 4, 1, false));
	pi[0] ^= 1;
	assert_true(pi_disk_write(disk, 4, 1, false));
	disk->exclude = 0;
	io.done = false;
	assert_false(fixture_io_wait(
		spdk_bdev_copy_blocks(disk->user.desc, disk->user.ch, 15, 3, 3, fixture_io_cb, &io), &io));
	assert_true(pi_disk_read(disk, 15, 3, false));
}

static void
copies_are_right_where_they_are(void **state)
{
	for_each_format(check_copies);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_disk_can_be_read),
		cmocka_unit_test(contents_and_metadata_are_kept),
		cmocka_unit_test(wrong_writes_fail),
		cmocka_unit_test(decay_is_noticed),
		cmocka_unit_test(cleared_blocks_are_as_new),
		cmocka_unit_test(separate_metadata_may_be_left_out),
		cmocka_unit_test(metadata_may_be_hidden),
		cmocka_unit_test(hidden_metadata_has_nothing_of_others),
		cmocka_unit_test(parts_of_split_io_are_checked),
		cmocka_unit_test(impossible_formats_are_refused),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(copies_are_right_where_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
