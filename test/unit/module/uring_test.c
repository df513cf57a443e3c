/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/uring beyond what file_test.c asks of every module for files: registered memory, threads that move, abort,
 * errors of the file system, and files and devices that change. Block devices are loop devices, where these are allowed.
 */

#include "fixture.h"

#include "bdevkit/uring.h"
#include "spdk/env.h"
#include "spdk/memory.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "module/bdev/uring/uring_memory.h"
#include "module/bdev/uring/uring_ring.h"
#include "module/bdev/uring/uring_watch.h"
#include "test/unit/folder_guard.h"

#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define BLOCK 4096
#define BLOCKS 1024
#define MIB (1024 * 1024)

static char g_dir[64];
static char g_path[128];
static struct folder_guard g_guard;
static struct fixture_user g_user;

static void
make_file(uint64_t size)
{
	int fd;

	snprintf(g_path, sizeof(g_path), "%s/f", g_dir);
	fd = open(g_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void
create(const char *path, const char *more)
{
	fixture_rpc_expect(
		"\"U\"", "bdev_uring_create", "{'name': 'U', 'filename': '%s', 'block_size': %d%s}", path, BLOCK, more);
	assert_int_equal(fixture_user_open(&g_user, 1, "U"), 0);
}

static int
set_up(const char *parent)
{
	snprintf(g_dir, sizeof(g_dir), "%s/bdev_uring_test.XXXXXX", parent);
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
tear_down(void **state)
{
	fixture_stop();
	folder_guard_end(&g_guard);
	return access(g_dir, F_OK) == 0 ? -1 : 0;
}

static bool
transfer(bool is_write, void *buf, uint64_t block)
{
	struct fixture_io io = {0};
	bool success;
	int rc;

	fixture_enter(1);
	if (is_write) {
		rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch, buf, block, 1, fixture_io_cb, &io);
	} else {
		rc = spdk_bdev_read_blocks(g_user.desc, g_user.ch, buf, block, 1, fixture_io_cb, &io);
	}
	success = fixture_io_wait(rc, &io);
	fixture_enter(0);
	return success;
}

static void
write_and_read(uint8_t *buf, uint8_t value)
{
	uint8_t expected[BLOCK];

	memset(expected, value, sizeof(expected));
	memcpy(buf, expected, BLOCK);
	assert_true(transfer(true, buf, value % BLOCKS));
	memset(buf, ~value, BLOCK);
	assert_true(transfer(false, buf, value % BLOCKS));
	assert_memory_equal(buf, expected, BLOCK);
}

/* ---- Registered memory ---- */

static bool
is_registered(const void *buf)
{
	return (spdk_mem_map_translate(g_uring_memory_map, (uintptr_t)buf, NULL) & URING_MEMORY_SLOT_MASK) != 0;
}

static void
memory_is_registered_by_use(void **state)
{
	uint8_t *buf = spdk_dma_malloc(4 * MIB, BLOCK, NULL);
	uint8_t *again;

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	write_and_read(buf, 1);
	assert_false(is_registered(buf));
	for (int i = 0; i < URING_MEMORY_WORTH; i++) {
		write_and_read(buf, (uint8_t)i);
	}
	assert_true(is_registered(buf));
	/* Only what is used. */
	assert_false(is_registered(buf + 2 * MIB));
	write_and_read(buf, 0x77);

	/* Other memory at the same place is other memory. */
	spdk_dma_free(buf);
	assert_int_equal(spdk_mem_map_translate(g_uring_memory_map, (uintptr_t)buf, NULL), 0);
	again = spdk_dma_malloc(4 * MIB, BLOCK, NULL);
	for (int i = 0; i < 2 * URING_MEMORY_WORTH; i++) {
		write_and_read(again, (uint8_t)i);
	}
	assert_true(is_registered(again));
	fixture_user_close(&g_user);
	fixture_rpc_expect("true", "bdev_uring_delete", "{'name': 'U'}");
	spdk_dma_free(again);
}

/* The kernel has the pages: what would take others in their place must leave them, and make them zero all the same. */
static void
registered_pages_stay(void **state)
{
	uint8_t *buf = spdk_dma_malloc(4 * MIB, 2 * MIB, NULL);
	uint8_t zeroes[BLOCK] = {0};

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	memset(buf, 1, 4 * MIB);
	for (int i = 0; i < URING_MEMORY_WORTH; i++) {
		write_and_read(buf, (uint8_t)i);
	}
	assert_true(is_registered(buf));
	env_memory_discard(buf, 4 * MIB);
	for (size_t i = 0; i < 4 * MIB; i += BLOCK) {
		assert_memory_equal(buf + i, zeroes, BLOCK);
	}
	for (int i = 0; i < 4; i++) {
		write_and_read(buf + i * BLOCK, 0x30 + i);
	}
	fixture_user_close(&g_user);
	fixture_rpc_expect("true", "bdev_uring_delete", "{'name': 'U'}");
	/* No ring has it any more. */
	env_memory_discard(buf, 4 * MIB);
	assert_memory_equal(buf, zeroes, BLOCK);
	spdk_dma_free(buf);
}

/* Small buffers share regions, which live on when one is freed and given out again. */
static void
freed_buffers_come_back(void **state)
{
	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	for (int i = 0; i < 300; i++) {
		uint8_t *buf = spdk_dma_malloc(256 * 1024, BLOCK, NULL);

		for (int k = 0; k < 4; k++) {
			write_and_read(buf + k * 65536, (uint8_t)(i + k));
		}
		spdk_dma_free(buf);
	}
	fixture_user_close(&g_user);
}

/* ---- A thread that moves ---- */

struct flight {
	struct fixture_io io;
	uint8_t *buf;
};

static bool
all_done(const struct flight *flights)
{
	for (int i = 0; i < BLOCKS; i++) {
		if (!flights[i].io.done) {
			return false;
		}
	}
	return true;
}

static void *
poll_elsewhere(void *arg)
{
	while (!all_done(arg)) {
		spdk_thread_poll(fixture_thread(1), 0, 0);
	}
	return NULL;
}

static void
submit_all(struct flight *flights, bool is_write)
{
	fixture_enter(1);
	for (int i = 0; i < BLOCKS; i++) {
		memset(&flights[i].io, 0, sizeof(flights[i].io));
		memset(flights[i].buf, is_write ? i % 251 : 0xee, BLOCK);
		if (is_write) {
			assert_int_equal(spdk_bdev_write_blocks(g_user.desc, g_user.ch, flights[i].buf, i, 1,
						 fixture_io_cb, &flights[i].io),
				0);
		} else {
			assert_int_equal(spdk_bdev_read_blocks(g_user.desc, g_user.ch, flights[i].buf, i, 1,
						 fixture_io_cb, &flights[i].io),
				0);
		}
	}
	fixture_enter(0);
}

static void
check_all(const struct flight *flights)
{
	for (int i = 0; i < BLOCKS; i++) {
		assert_true(flights[i].io.success);
		for (int k = 0; k < BLOCK; k++) {
			assert_int_equal(flights[i].buf[k], i % 251);
		}
	}
}

/* With I/O that the kernel has not taken, that it has, and that waits in line. */
static void
io_survives_a_move(void **state)
{
	struct flight *flights = calloc(BLOCKS, sizeof(*flights));
	uint8_t *bufs = spdk_dma_malloc(BLOCKS * BLOCK, BLOCK, NULL);
	struct env_thread *elsewhere;

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	for (int i = 0; i < BLOCKS; i++) {
		flights[i].buf = bufs + i * BLOCK;
	}
	for (int round = 0; round < 4; round++) {
		submit_all(flights, true);
		spdk_set_thread(NULL);
		for (int polls = 0; polls < round; polls++) {
			spdk_thread_poll(fixture_thread(1), 0, 0);
		}
		assert_int_equal(
			env_thread_create(&elsewhere, "elsewhere", poll_elsewhere, flights, ENV_THREAD_CPU_ANY), 0);
		env_thread_join(elsewhere);
		fixture_enter(0);
		check_all(flights);

		/* And back again. */
		submit_all(flights, false);
		for (int i = 0; i < BLOCKS; i++) {
			fixture_wait(&flights[i].io.done);
		}
		check_all(flights);
	}
	fixture_user_close(&g_user);
	fixture_rpc_expect("true", "bdev_uring_delete", "{'name': 'U'}");
	spdk_dma_free(bufs);
	free(flights);
}

/* ---- Abort ---- */

/* What waits in line is aborted; all else is done, and each I/O ends once. */
static void
waiting_io_is_aborted(void **state)
{
	struct flight *flights = calloc(BLOCKS, sizeof(*flights));
	uint8_t *bufs = spdk_dma_malloc(BLOCKS * BLOCK, BLOCK, NULL);
	struct fixture_io abort_io[4] = {0};

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	for (int i = 0; i < BLOCKS; i++) {
		flights[i].buf = bufs + i * BLOCK;
	}
	submit_all(flights, true);
	fixture_enter(1);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(spdk_bdev_abort(g_user.desc, g_user.ch, &flights[BLOCKS - 1 - i].io, fixture_io_cb,
					 &abort_io[i]),
			0);
	}
	for (int i = 0; i < 4; i++) {
		fixture_wait(&abort_io[i].done);
		assert_true(abort_io[i].success);
	}
	for (int i = 0; i < BLOCKS; i++) {
		fixture_wait(&flights[i].io.done);
		assert_int_equal(flights[i].io.success, i < BLOCKS - 4);
	}
	fixture_user_close(&g_user);
	spdk_dma_free(bufs);
	free(flights);
}

/* ---- What file systems answer ---- */

/* An error is told on the I/O that it belongs to, as it is. */
static void
errors_are_told(void **state)
{
	struct rlimit old, limit;
	struct fixture_io io = {0};
	uint8_t *buf = spdk_dma_zmalloc(BLOCK, BLOCK, NULL);
	int rc;

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 16 * BLOCK;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fixture_enter(1);
	rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch, buf, 100, 1, fixture_io_cb, &io);
	assert_false(fixture_io_wait(rc, &io));
	assert_int_equal(io.aio_status, -EFBIG);
	fixture_enter(0);
	assert_true(transfer(true, buf, 1));
	assert_true(transfer(false, buf, 100));
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_true(transfer(true, buf, 100));
	fixture_user_close(&g_user);
	spdk_dma_free(buf);
}

static void
full_file_system(void **state)
{
	char full[96], path[128];
	struct fixture_io io = {0};
	uint8_t *buf = spdk_dma_zmalloc(BLOCK, BLOCK, NULL);
	int failed = 0, fd, rc;

	snprintf(full, sizeof(full), "%s/full", g_dir);
	snprintf(path, sizeof(path), "%s/f", full);
	assert_int_equal(mkdir(full, 0700), 0);
	if (mount("full", full, "tmpfs", 0, "size=256k") != 0) {
		spdk_dma_free(buf);
		print_message("skipped: no file system may be mounted here\n");
		skip();
	}
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(fd, BLOCKS * BLOCK), 0);
	close(fd);
	create(path, "");
	for (int i = 0; i < 128; i++) {
		fixture_enter(1);
		io.done = false;
		rc = spdk_bdev_write_blocks(g_user.desc, g_user.ch, buf, i, 1, fixture_io_cb, &io);
		if (!fixture_io_wait(rc, &io)) {
			assert_int_equal(io.aio_status, -ENOSPC);
			failed++;
		}
		fixture_enter(0);
	}
	assert_in_range(failed, 64, 127);
	/* What is there can be read, and changed. */
	assert_true(transfer(false, buf, 0));
	assert_true(transfer(true, buf, 0));
	/* Room that is made is used. */
	fixture_enter(1);
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_unmap_blocks(g_user.desc, g_user.ch, 0, 32, fixture_io_cb, &io), &io));
	fixture_enter(0);
	assert_true(transfer(true, buf, 500));
	fixture_user_close(&g_user);
	fixture_rpc_expect("true", "bdev_uring_delete", "{'name': 'U'}");
	assert_int_equal(umount(full), 0);
	spdk_dma_free(buf);
}

/* ---- What changes ---- */

static void
wait_for_size(uint64_t blocks)
{
	for (int i = 0; i < 10000 && g_user.resized != blocks; i++) {
		fixture_settle();
		env_sleep_us(1000);
	}
	assert_int_equal(g_user.resized, blocks);
}

static void
growth_is_noticed(void **state)
{
	uint8_t *buf = spdk_dma_zmalloc(BLOCK, BLOCK, NULL);
	int fd;

	make_file(BLOCKS * BLOCK);
	create(g_path, "");
	fd = open(g_path, O_RDWR);
	assert_int_equal(ftruncate(fd, 2 * BLOCKS * BLOCK), 0);
	close(fd);
	wait_for_size(2 * BLOCKS);
	assert_true(transfer(true, buf, 2 * BLOCKS - 1));

	/* It does not become smaller while it is in use, and a file that has lost its name is used on. */
	fd = open(g_path, O_RDWR);
	assert_int_equal(ftruncate(fd, BLOCKS * BLOCK), 0);
	close(fd);
	assert_int_equal(unlink(g_path), 0);
	fixture_settle();
	assert_false(g_user.removed);
	assert_true(transfer(false, buf, 0));
	assert_false(transfer(false, buf, 2 * BLOCKS - 1));
	fixture_user_close(&g_user);
	spdk_dma_free(buf);
}

/* A loop device of that sector size on g_path; -1 where there are none. */
static int
open_loop(char *path, size_t size, uint32_t sector_size)
{
	struct loop_config config = {.block_size = sector_size, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
	int control = open("/dev/loop-control", O_RDWR);
	int number = control >= 0 ? ioctl(control, LOOP_CTL_GET_FREE) : -1;
	int fd = -1;

	if (control >= 0) {
		close(control);
	}
	if (number >= 0) {
		snprintf(path, size, "/dev/loop%d", number);
		fd = open(path, O_RDWR);
	}
	if (fd >= 0) {
		config.fd = (uint32_t)open(g_path, O_RDWR);
		if (ioctl(fd, LOOP_CONFIGURE, &config) != 0) {
			close(fd);
			fd = -1;
		}
		close((int)config.fd);
	}
	return fd;
}

static void
device_is_followed(void **state)
{
	struct fixture_io io = {0};
	uint8_t *buf;
	char path[64];
	int loop;

	make_file(BLOCKS * BLOCK);
	loop = open_loop(path, sizeof(path), BLOCK);
	if (loop < 0) {
		print_message("skipped: no loop device can be made here\n");
		skip();
	}
	buf = spdk_dma_zmalloc(BLOCK, BLOCK, NULL);
	fixture_rpc_expect("\"U\"", "bdev_uring_create", "{'name': 'U', 'filename': '%s'}", path);
	assert_int_equal(spdk_bdev_get_block_size(spdk_bdev_get_by_name("U")), BLOCK);
	assert_int_equal(fixture_user_open(&g_user, 1, "U"), 0);
	for (int i = 0; i < 100; i++) {
		write_and_read(buf, (uint8_t)i);
	}
	fixture_enter(1);
	assert_true(fixture_io_wait(spdk_bdev_unmap_blocks(g_user.desc, g_user.ch, 0, 8, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(
		fixture_io_wait(spdk_bdev_write_zeroes_blocks(g_user.desc, g_user.ch, 0, 64, fixture_io_cb, &io), &io));
	io.done = false;
	assert_true(fixture_io_wait(spdk_bdev_flush_blocks(g_user.desc, g_user.ch, 0, 64, fixture_io_cb, &io), &io));
	fixture_enter(0);
	assert_true(transfer(false, buf, 63));
	assert_true(spdk_mem_all_zero(buf, BLOCK));

	assert_int_equal(truncate(g_path, 2 * BLOCKS * BLOCK), 0);
	assert_int_equal(ioctl(loop, LOOP_SET_CAPACITY, 0), 0);
	wait_for_size(2 * BLOCKS);

	/* As empty as a device that has been taken away; other bdevs do not hear of it. */
	fixture_rpc("bdev_null_create", "{'name': 'N', 'num_blocks': 8, 'block_size': 512}");
	uring_watch_ask("U");
	uring_watch_ask("N");
	uring_watch_ask("none");
	fixture_settle();
	assert_false(g_user.removed);
	assert_int_equal(truncate(g_path, 0), 0);
	assert_int_equal(ioctl(loop, LOOP_SET_CAPACITY, 0), 0);
	uring_watch_ask("U");
	fixture_settle();
	assert_true(g_user.removed);
	fixture_user_close(&g_user);
	fixture_settle();
	assert_null(spdk_bdev_get_by_name("U"));
	assert_non_null(spdk_bdev_get_by_name("N"));
	close(loop);
	spdk_dma_free(buf);
}

#define TEST_ON_DISK(name) cmocka_unit_test_setup_teardown(name, set_up_on_disk, tear_down)
#define TEST_IN_MEMORY(name) cmocka_unit_test_setup_teardown(name, set_up_in_memory, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_ON_DISK(memory_is_registered_by_use),
		TEST_IN_MEMORY(memory_is_registered_by_use),
		TEST_ON_DISK(registered_pages_stay),
		TEST_IN_MEMORY(registered_pages_stay),
		TEST_IN_MEMORY(freed_buffers_come_back),
		TEST_ON_DISK(io_survives_a_move),
		TEST_IN_MEMORY(io_survives_a_move),
		TEST_ON_DISK(waiting_io_is_aborted),
		TEST_ON_DISK(errors_are_told),
		TEST_IN_MEMORY(errors_are_told),
		TEST_ON_DISK(full_file_system),
		TEST_ON_DISK(growth_is_noticed),
		TEST_IN_MEMORY(growth_is_noticed),
		TEST_ON_DISK(device_is_followed),
	};
	const char *why;

	if (bdk_uring_probe(&why) != 0) {
		/* The code that says so to who runs the tests. */
		printf("skipped: %s\n", why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
