/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/malloc: what can be created, that it keeps what is written, and that it gives memory back. */

#include "fixture.h"

#include "bdevkit/sim.h"
#include "spdk/util.h"

#include <sys/mman.h>

struct refused {
	const char *params;
	int code;
	const char *message;
};

static const struct refused g_refused[] = {
	{"'num_blocks': 0, 'block_size': 512", -EINVAL, "num_blocks must be greater than 0"},
	{"'num_blocks': 8, 'block_size': 0", -EINVAL, "block_size must be a multiple of 512"},
	{"'num_blocks': 8, 'block_size': 513", -EINVAL, "block_size must be a multiple of 512"},
	{"'num_blocks': 8, 'block_size': 256", -EINVAL, "block_size must be a multiple of 512"},
	{"'num_blocks': 8, 'block_size': 512, 'physical_block_size': 1000", -EINVAL,
		"physical_block_size must be a multiple of 512"},
	{"'num_blocks': 8, 'block_size': 512, 'md_size': 7", -EINVAL, "md_size must be 0, 8, 16, 32, 64 or 128"},
	{"'num_blocks': 8, 'block_size': 512, 'md_size': 4294967295", -EINVAL,
		"md_size must be 0, 8, 16, 32, 64 or 128"},
	{"'num_blocks': 8, 'block_size': 4294966784, 'md_size': 128, 'md_interleave': true", -ENOMEM,
		"there is not enough memory for a bdev of this size"},
	{"'num_blocks': 18446744073709551615, 'block_size': 512", -EINVAL,
		"num_blocks times block_size must be less than 8 EiB"},
	{"'num_blocks': 36028797018963968, 'block_size': 4096", -EINVAL,
		"num_blocks times block_size must be less than 8 EiB"},
	{"'num_blocks': 1125899906842624, 'block_size': 4096", -ENOMEM,
		"there is not enough memory for a bdev of this size"},
	{"'num_blocks': 8, 'block_size': 512, 'dif_type': 4", -EINVAL, "dif_type must be 0, 1, 2 or 3"},
	{"'num_blocks': 8, 'block_size': 512, 'dif_type': -1", -EINVAL, "dif_type must be 0, 1, 2 or 3"},
	{"'num_blocks': 8, 'block_size': 512, 'dif_pi_format': 3", -EINVAL, "dif_pi_format must be 0, 1 or 2"},
};

static void
bad_parameters_are_refused(void **state)
{
	char message[256];

	fixture_start(1);
	for (size_t i = 0; i < SPDK_COUNTOF(g_refused); i++) {
		snprintf(message, sizeof(message), "Cannot create malloc bdev M: %s", g_refused[i].message);
		fixture_rpc_expect_error(
			g_refused[i].code, message, "bdev_malloc_create", "{'name': 'M', %s}", g_refused[i].params);
		assert_null(spdk_bdev_get_by_name("M"));
	}
	fixture_stop();
}

static void
names_are_chosen_and_kept_apart(void **state)
{
	fixture_start(1);
	fixture_rpc_expect("\"Malloc0\"", "bdev_malloc_create", "{'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect("\"mine\"", "bdev_malloc_create", "{'name': 'mine', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect("\"Malloc1\"", "bdev_malloc_create", "{'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect(
		"\"Malloc2\"", "bdev_malloc_create", "{'name': 'Malloc2', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect("\"Malloc3\"", "bdev_malloc_create", "{'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect_error(-EEXIST, "Cannot create malloc bdev mine: another bdev has its name or its UUID",
		"bdev_malloc_create", "{'name': 'mine', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect_error(-EINVAL,
		"Cannot create malloc bdev : the name is empty; leave it out to have one chosen", "bdev_malloc_create",
		"{'name': '', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'mine'}");
	assert_null(spdk_bdev_get_by_name("mine"));
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete malloc bdev mine: No such device", "bdev_malloc_delete", "{'name': 'mine'}");
	fixture_rpc_expect("\"N\"", "bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect_error(
		-ENODEV, "Cannot delete malloc bdev N: No such device", "bdev_malloc_delete", "{'name': 'N'}");
	fixture_stop();
}

static void
configuration_loads_again(void **state)
{
	char *saved;

	fixture_start(1);
	fixture_rpc_expect("\"plain\"", "bdev_malloc_create",
		"{'name': 'plain', 'num_blocks': 100, 'block_size': 4096, 'optimal_io_boundary': 8}");
	fixture_rpc_expect("\"separate\"", "bdev_malloc_create",
		"{'name': 'separate', 'num_blocks': 50, 'block_size': 512, 'md_size': 16, 'physical_block_size': 4096,"
		" 'uuid': '11223344-5566-7788-99aa-bbccddeeff00', 'dif_is_head_of_md': true, 'dif_pi_format': 2}");
	fixture_rpc_expect("\"interleaved\"", "bdev_malloc_create",
		"{'name': 'interleaved', 'num_blocks': 50, 'block_size': 512, 'md_size': 8, 'md_interleave': true}");

	saved = strdup(fixture_config("bdev_malloc_create"));
	assert_non_null(strstr(saved,
		"\"name\":\"separate\",\"num_blocks\":50,\"block_size\":512,"
		"\"physical_block_size\":4096,\"md_size\":16,\"dif_type\":0,"
		"\"dif_is_head_of_md\":true,\"dif_pi_format\":2,\"md_interleave\":false,"
		"\"optimal_io_boundary\":0,\"uuid\":\"11223344-5566-7788-99aa-bbccddeeff00\""));
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'plain'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'separate'}");
	fixture_rpc_expect("true", "bdev_malloc_delete", "{'name': 'interleaved'}");
	assert_string_equal(fixture_config("bdev_malloc_create"), "");

	fixture_load_config(saved);
	assert_string_equal(fixture_config("bdev_malloc_create"), saved);
	assert_int_equal(spdk_bdev_get_block_size(spdk_bdev_get_by_name("interleaved")), 520);
	assert_true(spdk_bdev_get_by_name("plain")->split_on_optimal_io_boundary);
	free(saved);
	fixture_stop();
}

/* ---- Contents, against a copy that the test keeps ---- */

#define BLOCKS 1024

struct model {
	struct fixture_user user;
	uint32_t block_size;
	uint32_t md_size;
	uint8_t *data;
	uint8_t *md;
	uint8_t *buf;
	uint8_t *md_buf;
};

static void
fill_random(uint8_t *buf, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		buf[i] = bdk_sim_random(256);
	}
}

/* Cuts a buffer into parts of random size, also of none. */
static int
cut(struct iovec *iovs, int max, uint8_t *buf, size_t size)
{
	int count = 1 + bdk_sim_random(max);

	for (int i = 0; i < count - 1; i++) {
		iovs[i].iov_base = buf;
		iovs[i].iov_len = bdk_sim_random(size + 1);
		buf += iovs[i].iov_len;
		size -= iovs[i].iov_len;
	}
	iovs[count - 1].iov_base = buf;
	iovs[count - 1].iov_len = size;
	return count;
}

static void
write_random(struct model *m, uint64_t offset, uint64_t count)
{
	struct fixture_io io = {0};
	struct iovec iovs[8];
	int iovcnt;

	fill_random(m->buf, count * m->block_size);
	iovcnt = cut(iovs, 8, m->buf, count * m->block_size);
	memcpy(m->data + offset * m->block_size, m->buf, count * m->block_size);
	if (m->md != NULL) {
		fill_random(m->md_buf, count * m->md_size);
		memcpy(m->md + offset * m->md_size, m->md_buf, count * m->md_size);
	}
	assert_true(fixture_io_wait(spdk_bdev_writev_blocks_with_md(m->user.desc, m->user.ch, iovs, iovcnt,
					    m->md != NULL ? m->md_buf : NULL, offset, count, fixture_io_cb, &io),
		&io));
}

static void
read_and_compare(struct model *m, uint64_t offset, uint64_t count)
{
	struct fixture_io io = {0};
	struct iovec iovs[8];
	int iovcnt;

	memset(m->buf, 0xee, count * m->block_size);
	memset(m->md_buf, 0xee, count * m->md_size);
	iovcnt = cut(iovs, 8, m->buf, count * m->block_size);
	assert_true(fixture_io_wait(spdk_bdev_readv_blocks_with_md(m->user.desc, m->user.ch, iovs, iovcnt,
					    m->md != NULL ? m->md_buf : NULL, offset, count, fixture_io_cb, &io),
		&io));
	assert_memory_equal(m->buf, m->data + offset * m->block_size, count * m->block_size);
	if (m->md != NULL) {
		assert_memory_equal(m->md_buf, m->md + offset * m->md_size, count * m->md_size);
	}
}

static void
clear(struct model *m, uint64_t offset, uint64_t count)
{
	struct fixture_io io = {0};
	int rc;

	memset(m->data + offset * m->block_size, 0, count * m->block_size);
	if (m->md != NULL) {
		memset(m->md + offset * m->md_size, 0, count * m->md_size);
	}
	if (bdk_sim_random(2) == 0) {
		rc = spdk_bdev_unmap_blocks(m->user.desc, m->user.ch, offset, count, fixture_io_cb, &io);
	} else {
		rc = spdk_bdev_write_zeroes_blocks(m->user.desc, m->user.ch, offset, count, fixture_io_cb, &io);
	}
	assert_true(fixture_io_wait(rc, &io));
}

/* Ranges may overlap. */
static void
copy(struct model *m, uint64_t offset, uint64_t count)
{
	uint64_t src = bdk_sim_random(BLOCKS - count + 1);
	struct fixture_io io = {0};

	memmove(m->data + offset * m->block_size, m->data + src * m->block_size, count * m->block_size);
	if (m->md != NULL) {
		memmove(m->md + offset * m->md_size, m->md + src * m->md_size, count * m->md_size);
	}
	assert_true(fixture_io_wait(
		spdk_bdev_copy_blocks(m->user.desc, m->user.ch, offset, src, count, fixture_io_cb, &io), &io));
}

/* What a zero-copy lends is the disk itself. */
static void
change_in_place(struct model *m, uint64_t offset, uint64_t count)
{
	struct fixture_io io = {.keep = true}, end = {0};
	struct iovec *iovs;
	int iovcnt;

	assert_true(fixture_io_wait(
		spdk_bdev_zcopy_start(m->user.desc, m->user.ch, NULL, 0, offset, count, true, fixture_io_cb, &io),
		&io));
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_int_equal(iovs[0].iov_len, count * m->block_size);
	assert_memory_equal(iovs[0].iov_base, m->data + offset * m->block_size, iovs[0].iov_len);
	if (m->md != NULL) {
		assert_memory_equal(io.bdev_io->u.bdev.md_buf, m->md + offset * m->md_size, count * m->md_size);
	}
	fill_random(iovs[0].iov_base, iovs[0].iov_len);
	memcpy(m->data + offset * m->block_size, iovs[0].iov_base, iovs[0].iov_len);
	assert_true(fixture_io_wait(spdk_bdev_zcopy_end(io.bdev_io, true, fixture_io_cb, &end), &end));
}

static void
keeps_what_is_written(uint64_t seed, const char *format, bool separate)
{
	struct spdk_bdev *bdev;
	struct model m = {0};

	fixture_start(seed);
	fixture_rpc_expect("\"M\"", "bdev_malloc_create", "{'name': 'M', 'num_blocks': %d, %s}", BLOCKS, format);
	assert_int_equal(fixture_user_open(&m.user, 0, "M"), 0);
	bdev = spdk_bdev_desc_get_bdev(m.user.desc);
	m.block_size = bdev->blocklen;
	m.md_size = separate ? bdev->md_len : 0;
	m.data = calloc(BLOCKS, m.block_size);
	m.buf = calloc(BLOCKS, m.block_size);
	m.md = separate ? calloc(BLOCKS, m.md_size) : NULL;
	m.md_buf = calloc(BLOCKS, spdk_max(m.md_size, 1));

	read_and_compare(&m, 0, BLOCKS);
	for (int i = 0; i < 200; i++) {
		uint64_t offset = bdk_sim_random(BLOCKS);
		uint64_t count = 1 + bdk_sim_random(BLOCKS - offset);

		if (bdk_sim_random(3) > 0) {
			count = 1 + count % 8;
			count = spdk_min(count, BLOCKS - offset);
		}
		switch (bdk_sim_random(6)) {
		case 0:
			clear(&m, offset, count);
			break;
		case 1:
			read_and_compare(&m, offset, count);
			break;
		case 2:
			copy(&m, offset, count);
			break;
		case 3:
			change_in_place(&m, offset, count);
			break;
		default:
			write_random(&m, offset, count);
			break;
		}
	}
	read_and_compare(&m, 0, BLOCKS);

	fixture_user_close(&m.user);
	free(m.md_buf);
	free(m.md);
	free(m.buf);
	free(m.data);
	fixture_stop();
}

static void
contents_are_kept(void **state)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		keeps_what_is_written(seed, "'block_size': 4096", false);
		keeps_what_is_written(seed, "'block_size': 512, 'md_size': 16", true);
		keeps_what_is_written(seed, "'block_size': 512, 'md_size': 8, 'md_interleave': true", false);
		keeps_what_is_written(seed, "'block_size': 4096, 'optimal_io_boundary': 3", false);
	}
}

static void
short_buffers_fail(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t buf[1024];
	struct iovec iovs[2] = {{buf, 512}, {buf + 512, 511}};

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 0, "M"), 0);
	assert_false(
		fixture_io_wait(spdk_bdev_readv_blocks(user.desc, user.ch, iovs, 2, 0, 2, fixture_io_cb, &io), &io));
	io.done = false;
	assert_false(
		fixture_io_wait(spdk_bdev_writev_blocks(user.desc, user.ch, iovs, 2, 0, 2, fixture_io_cb, &io), &io));
	fixture_user_close(&user);
	fixture_stop();
}

/* A read that brings no buffer is given the memory of the disk itself. */
static uint8_t *
borrow(struct fixture_user *user, struct fixture_io *io, uint64_t offset, uint64_t count)
{
	struct iovec *iovs;
	int iovcnt;

	memset(io, 0, sizeof(*io));
	io->keep = true;
	assert_true(fixture_io_wait(
		spdk_bdev_read_blocks(user->desc, user->ch, NULL, offset, count, fixture_io_cb, io), io));
	spdk_bdev_io_get_iovec(io->bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_int_equal(iovs[0].iov_len, count * 4096);
	return iovs[0].iov_base;
}

static size_t
count_resident(void *addr, size_t size)
{
	unsigned char pages[size / 4096];
	size_t count = 0;

	assert_int_equal(mincore(addr, size, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++) {
		count += pages[i] & 1;
	}
	return count;
}

#define RESIDENT_BLOCKS 1024

static void
set_auto_examine(bool auto_examine)
{
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = auto_examine;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
}

static void
untouched_and_unmapped_memory_costs_nothing(void **state)
{
	struct fixture_user user;
	struct fixture_io io, write_io;
	uint8_t *disk, *buf;

	/* Who examines the disk touches it. */
	set_auto_examine(false);
	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': %d, 'block_size': 4096}", RESIDENT_BLOCKS);
	assert_int_equal(fixture_user_open(&user, 0, "M"), 0);
	disk = borrow(&user, &io, 0, RESIDENT_BLOCKS);
	assert_int_equal((uintptr_t)disk % (2 * 1024 * 1024), 0);
	assert_int_equal(count_resident(disk, RESIDENT_BLOCKS * 4096), 0);

	buf = malloc(RESIDENT_BLOCKS * 4096);
	memset(buf, 0x5a, RESIDENT_BLOCKS * 4096);
	memset(&write_io, 0, sizeof(write_io));
	assert_true(fixture_io_wait(
		spdk_bdev_write_blocks(user.desc, user.ch, buf, 0, RESIDENT_BLOCKS, fixture_io_cb, &write_io),
		&write_io));
	assert_int_equal(count_resident(disk, RESIDENT_BLOCKS * 4096), RESIDENT_BLOCKS);
	assert_int_equal(disk[4096 * 100], 0x5a);

	write_io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_unmap_blocks(user.desc, user.ch, 100, 800, fixture_io_cb, &write_io), &write_io));
	assert_int_equal(count_resident(disk, RESIDENT_BLOCKS * 4096), RESIDENT_BLOCKS - 800);
	write_io.done = false;
	assert_true(fixture_io_wait(
		spdk_bdev_write_zeroes_blocks(user.desc, user.ch, 0, RESIDENT_BLOCKS, fixture_io_cb, &write_io),
		&write_io));
	assert_int_equal(count_resident(disk, RESIDENT_BLOCKS * 4096), 0);
	assert_int_equal(disk[4096 * 99], 0);

	spdk_bdev_free_io(io.bdev_io);
	fixture_user_close(&user);
	free(buf);
	fixture_stop();
	set_auto_examine(true);
}

/* The layer splits what would keep the thread too long; also on a disk that is larger than memory could be. */
static void
large_ranges_are_cleared(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 131072, 'block_size': 4096}");
	assert_int_equal(fixture_user_open(&user, 0, "M"), 0);
	assert_true(fixture_io_wait(spdk_bdev_unmap_blocks(user.desc, user.ch, 0, 131072, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(
		fixture_io_wait(spdk_bdev_write_zeroes_blocks(user.desc, user.ch, 1, 131071, fixture_io_cb, &io), &io));
	fixture_user_close(&user);
	fixture_stop();
}

static void
flush_and_reset_succeed(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 0, "M"), 0);
	assert_true(fixture_io_wait(spdk_bdev_flush_blocks(user.desc, user.ch, 0, 8, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));
	fixture_user_close(&user);
	fixture_stop();
}

/* Deleting waits for the users to let go, and nobody can open it meanwhile. */
/* There is never anything to abort, which is said when it is asked. */
static void
abort_fails(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0}, abort = {0};
	uint8_t buf[512];

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 0, "M"), 0);
	assert_true(spdk_bdev_io_type_supported(spdk_bdev_get_by_name("M"), SPDK_BDEV_IO_TYPE_ABORT));
	assert_int_equal(spdk_bdev_read_blocks(user.desc, user.ch, buf, 0, 1, fixture_io_cb, &io), 0);
	assert_int_equal(spdk_bdev_abort(user.desc, user.ch, &io, fixture_io_cb, &abort), 0);
	fixture_wait(&abort.done);
	fixture_wait(&io.done);
	assert_true(io.success);
	fixture_user_close(&user);
	fixture_stop();
}

static void
deleting_under_users(void **state)
{
	struct fixture_user user, late;

	fixture_start(1);
	fixture_rpc("bdev_malloc_create", "{'name': 'M', 'num_blocks': 8, 'block_size': 512}");
	assert_int_equal(fixture_user_open(&user, 1, "M"), 0);
	assert_int_equal(spdk_bdev_unregister_by_name("M", spdk_bdev_get_by_name("M")->module, NULL, NULL), 0);
	fixture_wait(&user.removed);
	assert_int_equal(fixture_user_open(&late, 2, "M"), -ENODEV);
	fixture_user_close(&user);
	fixture_settle();
	assert_null(spdk_bdev_get_by_name("M"));
	fixture_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_parameters_are_refused),
		cmocka_unit_test(names_are_chosen_and_kept_apart),
		cmocka_unit_test(configuration_loads_again),
		cmocka_unit_test(contents_are_kept),
		cmocka_unit_test(short_buffers_fail),
		cmocka_unit_test(untouched_and_unmapped_memory_costs_nothing),
		cmocka_unit_test(large_ranges_are_cleared),
		cmocka_unit_test(flush_and_reset_succeed),
		cmocka_unit_test(abort_fails),
		cmocka_unit_test(deleting_under_users),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
