/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the modules for files have in common, for the one that MODULE names: aio or uring. On real files: on disk, in memory,
 * and on the block device that BDEVKIT_TEST_BLOCK_DEVICE names, if it is set. What is on that is lost, at least 2 MiB.
 */

#include "fixture.h"

#include "module/bdev/common/file_rpc.h"

#include "bdevkit/uring.h"
#include "spdk/jsonrpc.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "test/unit/folder_guard.h"

#include <sys/stat.h>

#define CREATE "bdev_" MODULE "_create"
#define DELETE "bdev_" MODULE "_delete"
#define RESCAN "bdev_" MODULE "_rescan"

#define IS_AIO (strcmp(MODULE, "aio") == 0)
/* The parameter that offers UNMAP and WRITE_ZEROES, where they are not always offered. */
#define CLEAR (IS_AIO ? ", 'fallocate': true" : "")
#define CANNOT_CREATE (IS_AIO ? "Cannot create aio bdev" : "Unable to create URING bdev.")
/* uring answers like the first implementation; what has gone wrong stands in the text. */
#define CREATE_CODE(code) (IS_AIO ? (code) : SPDK_JSONRPC_ERROR_INTERNAL_ERROR)

#define BLOCK 4096
#define BLOCKS 512

/* Where the files of the running test are, and one of them. */
static char g_dir[64];
static char g_path[128];
static const char *g_device;

static uint64_t
draw(uint64_t limit)
{
	return env_random_u64() % limit;
}

static struct folder_guard g_guard;

static void
clear_device(void)
{
	char *zeroes = calloc(BLOCKS, BLOCK);
	int fd = open(g_path, O_WRONLY | O_DSYNC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeroes, BLOCKS * BLOCK, 0), BLOCKS * BLOCK);
	close(fd);
	free(zeroes);
}

/* A file of zeroes. */
static void
make_file(const char *name, uint64_t size)
{
	int fd;

	if (g_device != NULL) {
		snprintf(g_path, sizeof(g_path), "%s", g_device);
		clear_device();
		return;
	}
	snprintf(g_path, sizeof(g_path), "%s/%s", g_dir, name);
	fd = open(g_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
create(const char *name, const char *more)
{
	char result[64];

	snprintf(result, sizeof(result), "\"%s\"", name);
	fixture_rpc_expect(
		result, CREATE, "{'name': '%s', 'filename': '%s', 'block_size': %d%s}", name, g_path, BLOCK, more);
}

static int
set_up(const char *parent)
{
	snprintf(g_dir, sizeof(g_dir), "%s/bdev_file_test.XXXXXX", parent);
	if (mkdtemp(g_dir) == NULL) {
		return -1;
	}
	g_guard = folder_guard_start(g_dir);
	env_random_seed(1);
	fixture_start_real();
	return 0;
}

static int
set_up_on_disk(void **state)
{
	return set_up("/var/tmp");
}

static int
set_up_in_memory(void **state)
{
	return set_up("/dev/shm");
}

static int
set_up_on_device(void **state)
{
	g_device = getenv("BDEVKIT_TEST_BLOCK_DEVICE");
	return set_up("/var/tmp");
}

/* For tests that cannot do without a device. */
#define REQUIRE_DEVICE() \
	do { \
		if (g_device == NULL) { \
			print_message("skipped: BDEVKIT_TEST_BLOCK_DEVICE names no block device to write to\n"); \
			skip(); \
		} \
	} while (0)

static int
tear_down(void **state)
{
	fixture_stop();
	g_device = NULL;
	folder_guard_end(&g_guard);
	return access(g_dir, F_OK) == 0 ? -1 : 0;
}

/* ---- What can be created ---- */

static void
expect_refused(int code, const char *reason, const char *path, const char *more)
{
	char message[512];

	snprintf(message, sizeof(message), "%s A on %s: %s", CANNOT_CREATE, path, reason);
	fixture_rpc_expect_error(CREATE_CODE(code), message, CREATE, "{'name': 'A', 'filename': '%s'%s}", path, more);
	assert_null(spdk_bdev_get_by_name("A"));
}

static void
bad_parameters_are_refused(void **state)
{
	char fifo[128];
	char message[512];

	make_file("f", 10 * BLOCK + 512);
	expect_refused(-ENOENT, "No such file or directory", "/nonexistent/file", "");
	expect_refused(-EINVAL, "it is neither a regular file nor a block device", g_dir, ", 'block_size': 512");
	expect_refused(-EINVAL, "it is neither a regular file nor a block device", "/dev/null", ", 'block_size': 512");
	/* Opening it would wait for a peer. */
	snprintf(fifo, sizeof(fifo), "%s/fifo", g_dir);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_refused(-EINVAL, "it is neither a regular file nor a block device", fifo,
		", 'block_size': 512, 'readonly': true");

	expect_refused(-EINVAL, "a regular file has no block size of its own: give block_size", g_path, "");
	expect_refused(-EINVAL, "block_size must be a power of two and at least 512", g_path, ", 'block_size': 256");
	expect_refused(-EINVAL, "block_size must be a power of two and at least 512", g_path, ", 'block_size': 1536");
	expect_refused(-EINVAL, "the size of the file is not a multiple of block_size", g_path, ", 'block_size': 1024");
	snprintf(message, sizeof(message), "%s  on x: a name is required", CANNOT_CREATE);
	fixture_rpc_expect_error(
		CREATE_CODE(-EINVAL), message, CREATE, "{'name': '', 'filename': 'x', 'block_size': 512}");

	fixture_rpc_expect("\"A\"", CREATE, "{'name': 'A', 'filename': '%s', 'block_size': 512}", g_path);
	snprintf(message, sizeof(message), "%s A on %s: another bdev has its name or its UUID", CANNOT_CREATE, g_path);
	fixture_rpc_expect_error(
		CREATE_CODE(-EEXIST), message, CREATE, "{'name': 'A', 'filename': '%s', 'block_size': 512}", g_path);
}

static void
delete_and_rescan_name_the_bdev(void **state)
{
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512}");
	fixture_rpc_expect_error(-ENODEV, "Cannot delete " MODULE " bdev X: No such device", DELETE, "{'name': 'X'}");
	fixture_rpc_expect_error(-ENODEV, "Cannot delete " MODULE " bdev N: No such device", DELETE, "{'name': 'N'}");
	fixture_rpc_expect_error(-ENODEV, "Cannot rescan bdev X: No such device", RESCAN, "{'name': 'X'}");
	fixture_rpc_expect_error(
		-ENODEV, "Cannot rescan bdev N: it is a bdev of another module", RESCAN, "{'name': 'N'}");
}

static void
configuration_loads_again(void **state)
{
	const struct fixture_reply *reply;
	char expected[512];
	char *saved;

	make_file("f", BLOCKS * BLOCK);
	fixture_rpc_expect("\"A\"", CREATE,
		"{'name': 'A', 'filename': '%s', 'block_size': 512, 'readonly': true,"
		" 'uuid': '11223344-5566-7788-99aa-bbccddeeff00'}",
		g_path);
	create("B", CLEAR);
	saved = strdup(fixture_config(CREATE));
	snprintf(expected, sizeof(expected),
		"{\"method\":\"" CREATE "\",\"params\":{\"name\":\"A\",\"block_size\":512,\"filename\":\"%s\","
		"\"readonly\":true,%s\"uuid\":\"11223344-5566-7788-99aa-bbccddeeff00\"}}\n",
		g_path, IS_AIO ? "\"fallocate\":false," : "");
	assert_memory_equal(saved, expected, strlen(expected));
	reply = fixture_rpc("bdev_get_bdevs", "{'name': 'A'}");
	snprintf(expected, sizeof(expected),
		"\"driver_specific\":{\"" MODULE "\":{\"filename\":\"%s\"%s,\"page_cache\":", g_path,
		IS_AIO ? ",\"block_size_override\":true,\"readonly\":true,\"fallocate\":false" : "");
	assert_non_null(strstr(reply->text, expected));

	fixture_rpc_expect("true", DELETE, "{'name': 'A'}");
	fixture_rpc_expect("true", DELETE, "{'name': 'B'}");
	fixture_load_config(saved);
	assert_string_equal(fixture_config(CREATE), saved);
	free(saved);
}

static void
relative_paths_are_made_absolute(void **state)
{
	char folder[PATH_MAX];
	char expected[PATH_MAX];

	make_file("f", BLOCKS * BLOCK);
	assert_non_null(getcwd(folder, sizeof(folder)));
	assert_int_equal(chdir(g_dir), 0);
	fixture_rpc_expect("\"A\"", CREATE, "{'name': 'A', 'filename': 'f', 'block_size': 512}");
	assert_int_equal(chdir(folder), 0);
	snprintf(expected, sizeof(expected), "\"filename\":\"%s\"", g_path);
	assert_non_null(strstr(fixture_config(CREATE), expected));
}

static bool
offers(const char *name, enum spdk_bdev_io_type type)
{
	/* What the module says itself: the layer can make zeroes of writes. */
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	return bdev->fn_table->io_type_supported(bdev->ctxt, type);
}

static void
types_are_offered_as_asked(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t buf[BLOCK] __attribute__((aligned(BLOCK)));

	make_file("f", BLOCKS * BLOCK);
	create("plain", "");
	create("clear", CLEAR);
	create("readonly", IS_AIO ? ", 'fallocate': true, 'readonly': true" : ", 'readonly': true");
	assert_true(offers("plain", SPDK_BDEV_IO_TYPE_WRITE));
	assert_int_equal(offers("plain", SPDK_BDEV_IO_TYPE_UNMAP), !IS_AIO);
	assert_int_equal(offers("plain", SPDK_BDEV_IO_TYPE_WRITE_ZEROES), !IS_AIO);
	assert_true(offers("clear", SPDK_BDEV_IO_TYPE_UNMAP));
	assert_true(offers("clear", SPDK_BDEV_IO_TYPE_WRITE_ZEROES));
	assert_false(offers("readonly", SPDK_BDEV_IO_TYPE_WRITE));
	assert_false(offers("readonly", SPDK_BDEV_IO_TYPE_UNMAP));
	assert_false(offers("readonly", SPDK_BDEV_IO_TYPE_WRITE_ZEROES));
	assert_true(offers("readonly", SPDK_BDEV_IO_TYPE_READ));

	assert_int_equal(fixture_user_open(&user, 1, "readonly"), 0);
	fixture_enter(1);
	assert_false(fixture_io_wait(spdk_bdev_write_blocks(user.desc, user.ch, buf, 0, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, buf, 0, 1, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_flush_blocks(user.desc, user.ch, 0, 1, fixture_io_cb, &io), &io));
	fixture_user_close(&user);
}

/* ---- Contents ---- */

struct transfer {
	struct fixture_io io;
	uint64_t offset;
	uint8_t value;
	uint8_t *buf;
};

/* As many I/Os at once as there are blocks, which is more than the kernel is given: all come through. */
static void
many_at_once(void **state)
{
	struct transfer *transfers = calloc(BLOCKS, sizeof(*transfers));
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t *file = malloc(BLOCKS * BLOCK);
	int fd;

	make_file("f", BLOCKS * BLOCK);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	for (int i = 0; i < BLOCKS; i++) {
		assert_int_equal(posix_memalign((void **)&transfers[i].buf, BLOCK, BLOCK), 0);
		memset(transfers[i].buf, i % 251, BLOCK);
		assert_int_equal(spdk_bdev_write_blocks(
					 user.desc, user.ch, transfers[i].buf, i, 1, fixture_io_cb, &transfers[i].io),
			0);
	}
	for (int i = 0; i < BLOCKS; i++) {
		fixture_wait(&transfers[i].io.done);
		assert_true(transfers[i].io.success);
	}
	assert_true(fixture_io_wait(spdk_bdev_flush_blocks(user.desc, user.ch, 0, BLOCKS, fixture_io_cb, &io), &io));

	/* It is in the file. */
	fd = open(g_path, O_RDONLY);
	assert_int_equal(pread(fd, file, BLOCKS * BLOCK, 0), BLOCKS * BLOCK);
	close(fd);
	for (int i = 0; i < BLOCKS; i++) {
		assert_int_equal(file[i * BLOCK], i % 251);
		assert_memory_equal(&file[i * BLOCK], transfers[i].buf, BLOCK);
		memset(transfers[i].buf, 0xee, BLOCK);
		memset(&transfers[i].io, 0, sizeof(transfers[i].io));
		assert_int_equal(spdk_bdev_read_blocks(
					 user.desc, user.ch, transfers[i].buf, i, 1, fixture_io_cb, &transfers[i].io),
			0);
	}
	for (int i = 0; i < BLOCKS; i++) {
		fixture_wait(&transfers[i].io.done);
		assert_true(transfers[i].io.success);
		assert_memory_equal(&file[i * BLOCK], transfers[i].buf, BLOCK);
		free(transfers[i].buf);
	}
	fixture_user_close(&user);
	free(file);
	free(transfers);
}

/* Buffers that begin and end anywhere. */
static int
cut(struct iovec *iovs, int max, uint8_t *buf, size_t size)
{
	int count = 1 + draw(max);

	for (int i = 0; i < count - 1; i++) {
		iovs[i].iov_base = buf;
		iovs[i].iov_len = draw(size + 1);
		buf += iovs[i].iov_len;
		size -= iovs[i].iov_len;
	}
	iovs[count - 1].iov_base = buf;
	iovs[count - 1].iov_len = size;
	return count;
}

static void
contents_are_kept(void **state)
{
	uint8_t *model = calloc(BLOCKS, BLOCK);
	uint8_t *buf = malloc(BLOCKS * BLOCK + 64);
	struct fixture_user user;
	struct iovec iovs[4];
	int iovcnt, rc;

	make_file("f", BLOCKS * BLOCK);
	create("A", CLEAR);
	assert_int_equal(fixture_user_open(&user, 2, "A"), 0);
	fixture_enter(2);
	for (int i = 0; i < 300; i++) {
		struct fixture_io io = {0};
		uint64_t offset = draw(BLOCKS);
		uint64_t most = draw(4) == 0 ? BLOCKS : 8;
		uint64_t count = 1 + draw(spdk_min(BLOCKS - offset, most));
		uint64_t len = count * BLOCK;
		uint8_t *data = buf + (draw(2) == 0 ? 0 : draw(64));

		iovcnt = cut(iovs, 4, data, len);
		switch (draw(5)) {
		case 0:
			rc = spdk_bdev_unmap_blocks(user.desc, user.ch, offset, count, fixture_io_cb, &io);
			assert_true(fixture_io_wait(rc, &io));
			memset(model + offset * BLOCK, 0, len);
			break;
		case 1:
			rc = spdk_bdev_write_zeroes_blocks(user.desc, user.ch, offset, count, fixture_io_cb, &io);
			assert_true(fixture_io_wait(rc, &io));
			memset(model + offset * BLOCK, 0, len);
			break;
		case 2:
			memset(data, 0xee, len);
			rc = spdk_bdev_readv_blocks(
				user.desc, user.ch, iovs, iovcnt, offset, count, fixture_io_cb, &io);
			assert_true(fixture_io_wait(rc, &io));
			assert_memory_equal(data, model + offset * BLOCK, len);
			break;
		default:
			env_random_bytes(data, len);
			memcpy(model + offset * BLOCK, data, len);
			rc = spdk_bdev_writev_blocks(
				user.desc, user.ch, iovs, iovcnt, offset, count, fixture_io_cb, &io);
			assert_true(fixture_io_wait(rc, &io));
			assert_memory_equal(model + offset * BLOCK, data, len);
			break;
		}
	}
	fixture_user_close(&user);
	free(buf);
	free(model);
}

static void
buffers_of_the_wrong_length_fail(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t *buf = aligned_alloc(BLOCK, 4 * BLOCK);
	struct iovec longer[2] = {{buf, BLOCK}, {buf + BLOCK, 2 * BLOCK}};
	struct iovec shorter[2] = {{buf, BLOCK}, {buf + BLOCK, BLOCK / 2}};
	int rc;

	make_file("f", BLOCKS * BLOCK);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	memset(buf, 1, 4 * BLOCK);
	rc = spdk_bdev_writev_blocks(user.desc, user.ch, longer, 2, 0, 2, fixture_io_cb, &io);
	assert_false(fixture_io_wait(rc, &io));
	io.done = false;
	rc = spdk_bdev_writev_blocks(user.desc, user.ch, shorter, 2, 0, 2, fixture_io_cb, &io);
	assert_false(fixture_io_wait(rc, &io));

	/* Neither has written behind its blocks. */
	io.done = false;
	rc = spdk_bdev_read_blocks(user.desc, user.ch, buf, 2, 1, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	assert_int_equal(buf[0], 0);
	fixture_user_close(&user);
	free(buf);
}

static void
read_without_buffer(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {.keep = true};
	struct iovec *iovs;
	int iovcnt, fd;

	make_file("f", BLOCKS * BLOCK);
	fd = open(g_path, O_WRONLY);
	assert_int_equal(pwrite(fd, "hello", 5, 7 * BLOCK), 5);
	close(fd);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	assert_true(fixture_io_wait(spdk_bdev_read_blocks(user.desc, user.ch, NULL, 7, 1, fixture_io_cb, &io), &io));
	spdk_bdev_io_get_iovec(io.bdev_io, &iovs, &iovcnt);
	assert_int_equal(iovcnt, 1);
	assert_string_equal(iovs[0].iov_base, "hello");
	spdk_bdev_free_io(io.bdev_io);
	fixture_user_close(&user);
}

static void
unmap_makes_holes(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {0};
	uint8_t *buf = malloc(BLOCKS * BLOCK);
	struct stat before, after;
	int rc;

	make_file("f", BLOCKS * BLOCK);
	create("A", CLEAR);
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	memset(buf, 1, BLOCKS * BLOCK);
	rc = spdk_bdev_write_blocks(user.desc, user.ch, buf, 0, BLOCKS, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	io.done = false;
	rc = spdk_bdev_flush_blocks(user.desc, user.ch, 0, BLOCKS, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	assert_int_equal(stat(g_path, &before), 0);
	io.done = false;
	rc = spdk_bdev_unmap_blocks(user.desc, user.ch, 0, BLOCKS / 2, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	assert_int_equal(stat(g_path, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_true(after.st_blocks <= before.st_blocks / 2 + 64);
	fixture_user_close(&user);
	free(buf);
}

static uint64_t
seek(struct fixture_user *user, bool hole, uint64_t offset)
{
	struct fixture_io io = {.keep = true};
	uint64_t found;
	int rc;

	if (hole) {
		rc = spdk_bdev_seek_hole(user->desc, user->ch, offset, fixture_io_cb, &io);
	} else {
		rc = spdk_bdev_seek_data(user->desc, user->ch, offset, fixture_io_cb, &io);
	}
	assert_true(fixture_io_wait(rc, &io));
	found = spdk_bdev_io_get_seek_offset(io.bdev_io);
	spdk_bdev_free_io(io.bdev_io);
	return found;
}

/* A file of holes but for two places. Blocks of the bdev are larger than those of the file system, too. */
static void
holes_are_found(void **state)
{
	static const uint8_t data[2 * BLOCK] = {1};
	struct fixture_user user;
	int fd;

	make_file("f", BLOCKS * BLOCK);
	fd = open(g_path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, sizeof(data), 16 * BLOCK), sizeof(data));
	assert_int_equal(pwrite(fd, data, BLOCK, (BLOCKS - 1) * BLOCK), BLOCK);
	assert_int_equal(fsync(fd), 0);
	close(fd);

	create("A", "");
	assert_true(spdk_bdev_get_by_name("A")->holes_are_zeroes);
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	assert_int_equal(seek(&user, true, 0), 0);
	assert_int_equal(seek(&user, false, 0), 16);
	assert_int_equal(seek(&user, false, 17), 17);
	assert_int_equal(seek(&user, true, 16), 18);
	assert_int_equal(seek(&user, true, 18), 18);
	assert_int_equal(seek(&user, false, 18), BLOCKS - 1);
	assert_int_equal(seek(&user, true, BLOCKS - 1), UINT64_MAX);
	fixture_user_close(&user);
	fixture_enter(0);
	fixture_rpc_expect("true", DELETE, "{'name': 'A'}");

	/* The two blocks are half of the second one of 16 KiB: holes are what is behind it. */
	fixture_rpc_expect("\"L\"", CREATE, "{'name': 'L', 'filename': '%s', 'block_size': 16384}", g_path);
	assert_int_equal(fixture_user_open(&user, 1, "L"), 0);
	fixture_enter(1);
	assert_int_equal(seek(&user, false, 0), 4);
	assert_int_equal(seek(&user, true, 4), 5);
	assert_int_equal(seek(&user, false, 5), BLOCKS / 4 - 1);
	assert_int_equal(seek(&user, true, BLOCKS / 4 - 1), UINT64_MAX);
	fixture_user_close(&user);
	fixture_enter(0);
	fixture_rpc_expect("true", DELETE, "{'name': 'L'}");

	/* All of it is a hole. */
	make_file("f", BLOCKS * BLOCK);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_enter(1);
	assert_int_equal(seek(&user, false, 0), UINT64_MAX);
	assert_int_equal(seek(&user, true, 7), 7);
	fixture_user_close(&user);
}

/* ---- A file that changes under the bdev ---- */

static void
growth_is_followed(void **state)
{
	struct fixture_user user;

	make_file("f", BLOCKS * BLOCK);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	fixture_rpc_expect("true", RESCAN, "{'name': 'A'}");
	fixture_settle();
	assert_int_equal(user.resized, 0);

	assert_int_equal(truncate(g_path, 2 * BLOCKS * BLOCK + 100), 0);
	fixture_rpc_expect("true", RESCAN, "{'name': 'A'}");
	fixture_settle();
	assert_int_equal(user.resized, 2 * BLOCKS);
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("A")), 2 * BLOCKS);

	assert_int_equal(truncate(g_path, BLOCK), 0);
	fixture_rpc_expect_error(-EBUSY,
		"Cannot rescan bdev A: the file has become smaller: delete the bdev and create it again", RESCAN,
		"{'name': 'A'}");
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("A")), 2 * BLOCKS);
	fixture_user_close(&user);
}

static bool
read_block(struct fixture_user *user, uint64_t offset)
{
	struct fixture_io io = {0};
	uint8_t *buf = malloc(BLOCK);
	bool success;

	fixture_enter(user->thread);
	success = fixture_io_wait(spdk_bdev_read_blocks(user->desc, user->ch, buf, offset, 1, fixture_io_cb, &io), &io);
	free(buf);
	return success;
}

/* I/O to what is gone fails; everything else goes on. */
static void
shrinking_harms_nothing_else(void **state)
{
	struct fixture_user user, other;
	struct fixture_io io = {0};
	uint8_t *buf = calloc(1, BLOCK);

	make_file("other", BLOCKS * BLOCK);
	create("other", "");
	make_file("f", BLOCKS * BLOCK);
	create("A", "");
	assert_int_equal(fixture_user_open(&user, 1, "A"), 0);
	assert_int_equal(fixture_user_open(&other, 1, "other"), 0);
	assert_int_equal(truncate(g_path, 10 * BLOCK + 512), 0);
	assert_true(read_block(&user, 9));
	assert_false(read_block(&user, 10));
	assert_false(read_block(&user, 100));
	assert_true(read_block(&other, 100));

	/* A write makes the file longer again, as if it had been there. */
	fixture_enter(1);
	assert_true(fixture_io_wait(spdk_bdev_write_blocks(user.desc, user.ch, buf, 20, 1, fixture_io_cb, &io), &io));
	assert_true(read_block(&user, 20));
	assert_true(read_block(&user, 15));

	/* A file that has lost its name is still there. */
	assert_int_equal(unlink(g_path), 0);
	assert_true(read_block(&user, 20));
	fixture_user_close(&user);
	fixture_user_close(&other);
	free(buf);
}

/* ---- Reset, delete ---- */

static void
reset_comes_after_all_io(void **state)
{
	struct transfer *transfers = calloc(BLOCKS, sizeof(*transfers));
	struct fixture_user users[2];
	struct fixture_io io = {0};
	uint8_t *buf = aligned_alloc(BLOCK, BLOCK);

	assert_non_null(buf);
	make_file("f", BLOCKS * BLOCK);
	create("A", CLEAR);
	assert_int_equal(fixture_user_open(&users[0], 1, "A"), 0);
	assert_int_equal(fixture_user_open(&users[1], 2, "A"), 0);
	for (int i = 0; i < BLOCKS; i++) {
		struct fixture_user *user = &users[i % 2];

		fixture_enter(user->thread);
		if (i % 16 == 0) {
			assert_int_equal(
				spdk_bdev_unmap_blocks(user->desc, user->ch, i, 1, fixture_io_cb, &transfers[i].io), 0);
		} else {
			assert_int_equal(spdk_bdev_write_blocks(
						 user->desc, user->ch, buf, i, 1, fixture_io_cb, &transfers[i].io),
				0);
		}
	}
	fixture_enter(1);
	assert_true(fixture_io_wait(spdk_bdev_reset(users[0].desc, users[0].ch, fixture_io_cb, &io), &io));
	for (int i = 0; i < BLOCKS; i++) {
		assert_true(transfers[i].io.done);
	}
	/* And the bdev works on. */
	assert_true(read_block(&users[0], 0));
	assert_true(read_block(&users[1], 0));
	fixture_user_close(&users[0]);
	fixture_user_close(&users[1]);
	free(buf);
	free(transfers);
}

static uint64_t
used_blocks(void)
{
	struct stat st;

	/* Space that is promised and not taken yet would show up later. */
	sync();
	assert_int_equal(stat(g_path, &st), 0);
	return st.st_blocks;
}

/* Data in the middle of the second of four MiB. */
static void
zeroes_take_no_space(void **state)
{
	const uint64_t mib = 1 << 20;
	struct fixture_user user;
	struct fixture_io io = {0};
	char data[2 * BLOCK], read[2 * BLOCK];
	uint64_t before;
	int fd, rc;

	make_file("f", 4 * mib);
	memset(data, 'x', sizeof(data));
	fd = open(g_path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, sizeof(data), mib + 8192), sizeof(data));
	before = used_blocks();
	assert_true(before * 512 < mib);

	create("A", CLEAR);
	assert_int_equal(fixture_user_open(&user, 0, "A"), 0);
	rc = spdk_bdev_write_zeroes(user.desc, user.ch, 0, 4 * mib, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	assert_true(used_blocks() <= before);
	assert_int_equal(pread(fd, read, sizeof(read), mib + 8192), sizeof(read));
	memset(data, 0, sizeof(data));
	assert_memory_equal(read, data, sizeof(read));

	/* A part of the data, with a hole before and behind it in the range. */
	memset(data, 'y', sizeof(data));
	assert_int_equal(pwrite(fd, data, sizeof(data), 2 * mib), sizeof(data));
	before = used_blocks();
	memset(&io, 0, sizeof(io));
	rc = spdk_bdev_write_zeroes(user.desc, user.ch, 2 * mib - BLOCK, 2 * BLOCK, fixture_io_cb, &io);
	assert_true(fixture_io_wait(rc, &io));
	assert_true(used_blocks() <= before);
	assert_int_equal(pread(fd, read, sizeof(read), 2 * mib), sizeof(read));
	memset(data, 0, BLOCK);
	assert_memory_equal(read, data, sizeof(read));
	fixture_user_close(&user);
	close(fd);
}

/* ---- Locks ---- */

/* As QEMU does it: read locks on these bytes, and nobody may have one on those. -EBUSY if somebody has. */
static int
lock_as_qemu(int fd, bool writes)
{
	static const off_t bytes[] = {100, 201, 101, 203}, not_by_others[] = {200, 101, 201, 103};
	struct flock lock = {.l_whence = SEEK_SET, .l_len = 1};

	for (size_t i = 0; i < (writes ? 4 : 2); i++) {
		lock.l_type = F_RDLCK;
		lock.l_start = bytes[i];
		if (fcntl(fd, F_OFD_SETLK, &lock) != 0) {
			return -errno;
		}
	}
	for (size_t i = 0; i < (writes ? 4 : 2); i++) {
		lock.l_type = F_WRLCK;
		lock.l_start = not_by_others[i];
		if (fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK) {
			return -EBUSY;
		}
	}
	return 0;
}

/* What another process gets: 0 or -EBUSY. It keeps it until end_process(). */
static int
lock_in_another_process(bool writes, pid_t *pid)
{
	int fds[2], rc = -1;

	assert_int_equal(pipe(fds), 0);
	*pid = fork();
	if (*pid == 0) {
		rc = lock_as_qemu(open(g_path, writes ? O_RDWR : O_RDONLY), writes);
		if (write(fds[1], &rc, sizeof(rc)) == sizeof(rc)) {
			pause();
		}
		_exit(0);
	}
	assert_true(*pid > 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &rc, sizeof(rc)), sizeof(rc));
	close(fds[0]);
	return rc;
}

static void
end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void
files_belong_to_one_process(void **state)
{
	static const struct {
		bool theirs_writes, ours_writes, together;
	} cases[] = {
		{false, false, true},
		{false, true, false},
		{true, false, false},
		{true, true, false},
	};
	pid_t pid;

	make_file("f", BLOCKS * BLOCK);
	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		const char *more = cases[i].ours_writes ? "" : ", 'readonly': true";

		/* They come first. */
		assert_int_equal(lock_in_another_process(cases[i].theirs_writes, &pid), 0);
		if (cases[i].together) {
			create("A", more);
		} else {
			expect_refused(-EBUSY,
				"another process uses the file, or wants it for itself; end it, or use no_lock at your "
				"own risk",
				g_path,
				cases[i].ours_writes ? ", 'block_size': 512" : ", 'block_size': 512, 'readonly': true");
			create("A", cases[i].ours_writes ? ", 'no_lock': true" : ", 'no_lock': true, 'readonly': true");
		}
		end_process(pid);
		fixture_rpc_expect("true", DELETE, "{'name': 'A'}");

		/* We come first. */
		create("A", more);
		assert_int_equal(lock_in_another_process(cases[i].theirs_writes, &pid), cases[i].together ? 0 : -EBUSY);
		end_process(pid);
		fixture_rpc_expect("true", DELETE, "{'name': 'A'}");

		/* Nothing stays behind. */
		assert_int_equal(lock_in_another_process(true, &pid), 0);
		end_process(pid);
	}
}

struct ending {
	pid_t pid;
	struct spdk_poller *poller;
};

static int
end_it(void *arg)
{
	struct ending *ending = arg;

	end_process(ending->pid);
	spdk_poller_unregister(&ending->poller);
	return SPDK_POLLER_BUSY;
}

/* One that was killed has its locks until the kernel has ended its I/O, and whoever takes its place is not refused. */
static void
a_file_is_waited_for_a_moment(void **state)
{
	struct ending ending;

	make_file("f", BLOCKS * BLOCK);
	assert_int_equal(lock_in_another_process(true, &ending.pid), 0);
	fixture_enter(0);
	ending.poller = SPDK_POLLER_REGISTER(end_it, &ending, 100000);
	g_file_rpc_attempts = UINT32_MAX;
	create("A", "");
	g_file_rpc_attempts = 2;
	assert_null(ending.poller);
	fixture_rpc_expect("true", DELETE, "{'name': 'A'}");
}

/* Within a process it is allowed; the locks are there as long as anybody needs them. */
static void
one_process_may_have_a_file_twice(void **state)
{
	pid_t pid;

	make_file("f", BLOCKS * BLOCK);
	create("A", ", 'readonly': true");
	create("B", "");
	create("C", ", 'no_lock': true");
	assert_int_equal(lock_in_another_process(false, &pid), -EBUSY);
	end_process(pid);
	fixture_rpc_expect("true", DELETE, "{'name': 'B'}");
	/* Only read, and by somebody without a lock. */
	assert_int_equal(lock_in_another_process(false, &pid), 0);
	end_process(pid);
	assert_int_equal(lock_in_another_process(true, &pid), -EBUSY);
	end_process(pid);
	assert_non_null(strstr(fixture_config(CREATE), "\"no_lock\":true"));
	fixture_rpc_expect("true", DELETE, "{'name': 'A'}");
	assert_int_equal(lock_in_another_process(true, &pid), 0);
	/* Theirs is in the way of a second one of ours, whatever the first one has. */
	expect_refused(-EBUSY,
		"another process uses the file, or wants it for itself; end it, or use no_lock at your own risk",
		g_path, ", 'block_size': 512");
	end_process(pid);
}

/* Over and over, with users on several threads, so that queues and workers come and go. */
static void
created_and_deleted_again(void **state)
{
	make_file("f", BLOCKS * BLOCK);
	for (int i = 0; i < 20; i++) {
		struct fixture_user users[FIXTURE_THREADS];
		struct fixture_io io = {0};
		int rc;

		create("A", CLEAR);
		for (int t = 0; t < FIXTURE_THREADS; t++) {
			assert_int_equal(fixture_user_open(&users[t], t, "A"), 0);
			assert_true(read_block(&users[t], t));
		}
		fixture_enter(i % FIXTURE_THREADS);
		rc = spdk_bdev_write_zeroes_blocks(
			users[i % FIXTURE_THREADS].desc, users[i % FIXTURE_THREADS].ch, 0, BLOCKS, fixture_io_cb, &io);
		assert_true(fixture_io_wait(rc, &io));
		for (int t = 0; t < FIXTURE_THREADS; t++) {
			fixture_user_close(&users[t]);
		}
		fixture_rpc_expect("true", DELETE, "{'name': 'A'}");
	}
}

/* ---- A block device ---- */

static void
device_contents_are_kept(void **state)
{
	REQUIRE_DEVICE();
	contents_are_kept(state);
}

static void
device_takes_many_at_once(void **state)
{
	REQUIRE_DEVICE();
	many_at_once(state);
}

static void
device_reset_comes_after_all_io(void **state)
{
	REQUIRE_DEVICE();
	reset_comes_after_all_io(state);
}

static void
device_tells_its_block_size(void **state)
{
	REQUIRE_DEVICE();
	make_file("f", 0);
	fixture_rpc_expect("\"A\"", CREATE, "{'name': 'A', 'filename': '%s'}", g_path);
	assert_true(spdk_bdev_get_block_size(spdk_bdev_get_by_name("A")) >= 512);
	fixture_rpc_expect("true", RESCAN, "{'name': 'A'}");
	assert_int_equal(strstr(fixture_config(CREATE), "block_size") == NULL, IS_AIO);
}

#define TEST_ON_DEVICE(name) cmocka_unit_test_setup_teardown(name, set_up_on_device, tear_down)
#define TEST_ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up_on_disk, tear_down)
#define TEST_IN_MEMORY(name) cmocka_unit_test_setup_teardown(name, set_up_in_memory, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_ON_DISK(bad_parameters_are_refused),
		TEST_ON_DISK(delete_and_rescan_name_the_bdev),
		TEST_ON_DISK(configuration_loads_again),
		TEST_ON_DISK(relative_paths_are_made_absolute),
		TEST_ON_DISK(types_are_offered_as_asked),
		TEST_ON_DISK(many_at_once),
		TEST_IN_MEMORY(many_at_once),
		TEST_ON_DISK(contents_are_kept),
		TEST_IN_MEMORY(contents_are_kept),
		TEST_ON_DISK(buffers_of_the_wrong_length_fail),
		TEST_IN_MEMORY(buffers_of_the_wrong_length_fail),
		TEST_ON_DISK(read_without_buffer),
		TEST_IN_MEMORY(read_without_buffer),
		TEST_ON_DISK(unmap_makes_holes),
		TEST_IN_MEMORY(unmap_makes_holes),
		TEST_ON_DISK(holes_are_found),
		TEST_IN_MEMORY(holes_are_found),
		TEST_ON_DISK(zeroes_take_no_space),
		TEST_IN_MEMORY(zeroes_take_no_space),
		TEST_ON_DISK(files_belong_to_one_process),
		TEST_ON_DISK(a_file_is_waited_for_a_moment),
		TEST_IN_MEMORY(files_belong_to_one_process),
		TEST_ON_DISK(one_process_may_have_a_file_twice),
		TEST_ON_DISK(growth_is_followed),
		TEST_ON_DISK(shrinking_harms_nothing_else),
		TEST_IN_MEMORY(shrinking_harms_nothing_else),
		TEST_ON_DISK(reset_comes_after_all_io),
		TEST_IN_MEMORY(reset_comes_after_all_io),
		TEST_ON_DISK(created_and_deleted_again),
		TEST_ON_DEVICE(device_contents_are_kept),
		TEST_ON_DEVICE(device_takes_many_at_once),
		TEST_ON_DEVICE(device_reset_comes_after_all_io),
		TEST_ON_DEVICE(device_tells_its_block_size),
	};
	const char *why;

	if (!IS_AIO && bdk_uring_probe(&why) != 0) {
		/* The code that says so to who runs the tests. */
		printf("skipped: %s\n", why);
		return 77;
	}
	g_file_rpc_attempts = 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
