/* SPDX-License-Identifier: BSD-3-Clause */

/* What the layer writes into a trace, and that it does so only when asked. */

#include "mem_disk.h"
#include "lib/bdev/io_internal.h"
#include "spdk/trace.h"
#include "spdk_internal/trace_defs.h"

#define NUM_BLOCKS 256
#define BLOCK_SIZE 512
#define ENTRIES 4096
#define THREADS 3

#define IO_POINTS 3 /* start and done */
#define ALL_POINTS 15

static char g_name[64];
static struct mem_disk g_disk;
static struct mem_user g_user;
static uint8_t g_buf[64 * BLOCK_SIZE];

static int
setup(void **state)
{
	snprintf(g_name, sizeof(g_name), "/bdevkit-bdev-trace-test.%d", getpid());
	bdev_sim_start(7, THREADS);
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	return 0;
}

static int
teardown(void **state)
{
	char path[80];

	if (g_user.desc != NULL) {
		mem_user_close(&g_user);
		mem_disk_remove(&g_disk);
	}
	bdev_sim_stop();
	spdk_trace_cleanup();
	snprintf(path, sizeof(path), "/dev/shm%s", g_name);
	unlink(path);
	return 0;
}

/* Makes a trace, which the threads of the simulation write to as one, and switches points on. */
static void
begin_trace(uint64_t points)
{
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 1), 0);
	assert_int_equal(spdk_trace_register_user_thread(), 0);
	spdk_trace_set_tpoints(TRACE_GROUP_BDEV, points);
	bdk_sim_run_until_idle();
}

static struct spdk_trace_history *
history(void)
{
	return spdk_get_per_lcore_history(g_trace_file, 0);
}

/* How often a point was met. */
static uint64_t
count(uint16_t tpoint_id)
{
	return history()->tpoint_count[tpoint_id];
}

/* Entry number n, from 0, of a point. */
static struct spdk_trace_entry *
entry(uint16_t tpoint_id, uint64_t n)
{
	struct spdk_trace_history *h = history();
	uint64_t i;

	assert_true(h->next_entry <= ENTRIES);
	for (i = 0; i < h->next_entry; i++) {
		if (h->entries[i].tpoint_id == tpoint_id && n-- == 0) {
			return &h->entries[i];
		}
	}
	fail_msg("point %u has no such entry", tpoint_id);
	return NULL;
}

/* Argument bytes from offset on. */
static uint64_t
arg(const struct spdk_trace_entry *e, size_t offset, size_t size)
{
	const struct spdk_trace_entry_buffer *more = (const struct spdk_trace_entry_buffer *)(e + 1);
	uint8_t bytes[30];
	uint64_t value = 0;

	memcpy(bytes, e->args, 8);
	memcpy(bytes + 8, more->data, 22);
	memcpy(&value, bytes + offset, size);
	return value;
}

static bool
has_gate(uint32_t thread)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(g_user.ch[thread]);

	return (ch->gates & BDEV_GATE_TRACE) != 0;
}

static void
write_blocks(struct mem_io *io, uint32_t thread, uint64_t offset, uint64_t num_blocks)
{
	memset(io, 0, sizeof(*io));
	io->thread = thread;
	ON(thread,
		io->rc = spdk_bdev_write_blocks(
			g_user.desc, g_user.ch[thread], g_buf, offset, num_blocks, mem_io_done_cb, io));
	assert_int_equal(io->rc, 0);
}

static void
write_and_wait(uint32_t thread, uint64_t offset, uint64_t num_blocks)
{
	struct mem_io io;

	write_blocks(&io, thread, offset, num_blocks);
	/* Long enough for a retry. */
	bdk_sim_run_for(100 * 1000);
	assert_true(io.success);
}

/* Each object that begins ends, once. */
static void
check_pairs(void)
{
	struct spdk_trace_history *h = history();
	uint64_t i, k;

	assert_int_equal(count(TRACE_BDEV_IO_START), count(TRACE_BDEV_IO_DONE));
	for (i = 0; i < h->next_entry; i++) {
		if (h->entries[i].tpoint_id != TRACE_BDEV_IO_START) {
			continue;
		}
		for (k = i + 1; k < h->next_entry; k++) {
			if (h->entries[k].object_id != h->entries[i].object_id) {
				continue;
			}
			assert_int_not_equal(h->entries[k].tpoint_id, TRACE_BDEV_IO_START);
			if (h->entries[k].tpoint_id == TRACE_BDEV_IO_DONE) {
				break;
			}
		}
		assert_true(k < h->next_entry);
	}
}

static void
records_nothing_before_it_is_asked(void **state)
{
	write_and_wait(0, 0, 1);
	assert_null(g_trace_file);
	assert_false(has_gate(0));
	begin_trace(0);
	write_and_wait(0, 0, 1);
	assert_false(has_gate(0));
	assert_int_equal(history()->next_entry, 0);
}

static void
records_start_and_end_of_an_io(void **state)
{
	struct spdk_trace_entry *start, *done;
	struct mem_io io;

	begin_trace(IO_POINTS);
	g_disk.mode = MEM_DISK_MESSAGE;
	write_blocks(&io, 1, 17, 5);
	bdk_sim_run_until_idle();
	assert_true(io.success);

	assert_int_equal(count(TRACE_BDEV_IO_START), 1);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);
	start = entry(TRACE_BDEV_IO_START, 0);
	done = entry(TRACE_BDEV_IO_DONE, 0);
	assert_int_equal(start->size, 5);
	assert_int_equal(arg(start, 0, 8), SPDK_BDEV_IO_TYPE_WRITE);
	assert_int_equal(arg(start, 8, 8), (uintptr_t)&io);
	assert_int_equal(arg(start, 16, 8), 17);
	assert_int_equal(arg(start, 24, 4), 0);
	assert_int_equal(done->object_id, start->object_id);
	assert_int_equal(arg(done, 0, 8), (uintptr_t)&io);
	assert_int_equal(done->owner_id, start->owner_id);
	assert_string_equal(spdk_get_trace_owner(g_trace_file, start->owner_id)->description, "bdev_disk");
	assert_int_equal(spdk_get_trace_owner(g_trace_file, start->owner_id)->type, OWNER_TYPE_BDEV);

	assert_int_equal(g_trace_file->owner_type[OWNER_TYPE_BDEV].id_prefix, 'b');
	assert_int_equal(g_trace_file->object[OBJECT_BDEV_IO].id_prefix, 'i');
	assert_string_equal(g_trace_file->tpoint[TRACE_BDEV_IO_START].name, "BDEV_IO_START");
	assert_int_equal(g_trace_file->tpoint[TRACE_BDEV_IO_START].new_object, 1);
	assert_string_equal(g_trace_file->tpoint[TRACE_BDEV_IO_DONE].name, "BDEV_IO_DONE");
	assert_string_equal(g_trace_file->tpoint[TRACE_BDEV_IOCH_CREATE].name, "BDEV_IOCH_CREATE");
	assert_string_equal(g_trace_file->tpoint[TRACE_BDEV_IOCH_DESTROY].name, "BDEV_IOCH_DESTROY");
}

static void
follows_the_masks(void **state)
{
	uint32_t i;

	begin_trace(1);
	for (i = 0; i < THREADS; i++) {
		assert_true(has_gate(i));
		write_and_wait(i, 0, 1);
	}
	assert_int_equal(count(TRACE_BDEV_IO_START), THREADS);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 0);

	spdk_trace_set_tpoints(TRACE_GROUP_BDEV, 2);
	spdk_trace_clear_tpoints(TRACE_GROUP_BDEV, 1);
	bdk_sim_run_until_idle();
	write_and_wait(2, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_START), THREADS);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);

	/* The points of channels are no reason to look at I/O. */
	spdk_trace_clear_tpoints(TRACE_GROUP_BDEV, 2);
	spdk_trace_set_tpoints(TRACE_GROUP_BDEV, ALL_POINTS & ~IO_POINTS);
	bdk_sim_run_until_idle();
	for (i = 0; i < THREADS; i++) {
		assert_false(has_gate(i));
	}
	write_and_wait(2, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);

	/* On and off faster than the walk over the channels: the last word counts. */
	for (i = 0; i < 20; i++) {
		spdk_trace_set_tpoint_group_mask(1ull << TRACE_GROUP_BDEV);
		bdk_sim_step();
		spdk_trace_clear_tpoint_group_mask(1ull << TRACE_GROUP_BDEV);
		bdk_sim_step();
	}
	bdk_sim_run_until_idle();
	for (i = 0; i < THREADS; i++) {
		assert_false(has_gate(i));
	}
}

/* What is inside the module when the points are switched on is not recorded, and what is when they are off, neither. */
static void
may_be_switched_while_io_runs(void **state)
{
	struct mem_io before, during;

	g_disk.mode = MEM_DISK_HOLD;
	write_blocks(&before, 0, 0, 1);
	begin_trace(IO_POINTS);
	write_blocks(&during, 0, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_START), 1);
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_true(before.success);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 0);

	spdk_trace_clear_tpoints(TRACE_GROUP_BDEV, IO_POINTS);
	bdk_sim_run_until_idle();
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	assert_true(during.success);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 0);

	/* The object is as good as new. */
	g_disk.mode = MEM_DISK_INLINE;
	write_and_wait(0, 0, 1);
	spdk_trace_set_tpoints(TRACE_GROUP_BDEV, IO_POINTS);
	bdk_sim_run_until_idle();
	write_and_wait(0, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_START), 2);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);
}

static void
records_each_way_once(void **state)
{
	struct mem_io io[8], reset = {};
	uint32_t i;

	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	g_disk.bdev.max_rw_size = 4;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	begin_trace(IO_POINTS);

	/* Inside submit_request; and again by the object that the first left. */
	write_and_wait(0, 0, 1);
	write_and_wait(0, 0, 1);
	check_pairs();
	assert_int_equal(count(TRACE_BDEV_IO_START), 2);

	/* A parent and its three children. */
	write_and_wait(1, 0, 10);
	check_pairs();
	assert_int_equal(count(TRACE_BDEV_IO_START), 6);

	/* Refused with NOMEM, and tried again. */
	g_disk.refuse = 3;
	write_and_wait(1, 0, 1);
	check_pairs();
	assert_int_equal(count(TRACE_BDEV_IO_START), 7);

	/* Failed. */
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	write_blocks(&io[0], 2, 0, 1);
	bdk_sim_run_until_idle();
	assert_false(io[0].success);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	check_pairs();
	assert_int_equal(count(TRACE_BDEV_IO_START), 8);

	/* A reset, and what it aborts: inside the module, and new. */
	g_disk.mode = MEM_DISK_HOLD;
	for (i = 0; i < SPDK_COUNTOF(io); i++) {
		write_blocks(&io[i], 0, i, 1);
	}
	reset.thread = 0;
	ON(0, reset.rc = spdk_bdev_reset(g_user.desc, g_user.ch[0], mem_io_done_cb, &reset));
	assert_int_equal(reset.rc, 0);
	bdk_sim_run_until_idle();
	assert_true(reset.success);
	check_pairs();
	assert_int_equal(count(TRACE_BDEV_IO_START), 17);
}

/* The points of one way, in their order. */
static void
expect_way(uint64_t first, const uint16_t *points, size_t num_points)
{
	struct spdk_trace_history *h = history();
	size_t found = 0;

	for (uint64_t i = first; i < h->next_entry; i++) {
		if (h->entries[i].tpoint_id != SPDK_TRACE_MAX_TPOINT_ID) {
			assert_true(found < num_points);
			assert_int_equal(h->entries[i].tpoint_id, points[found++]);
		}
	}
	assert_int_equal(found, num_points);
}

static void
records_where_an_io_is(void **state)
{
	static const uint16_t plain[] = {TRACE_BDEV_IO_START, BDK_TRACE_BDEV_IO_MODULE, TRACE_BDEV_IO_DONE};
	static const uint16_t refused[] = {TRACE_BDEV_IO_START, BDK_TRACE_BDEV_IO_MODULE, BDK_TRACE_BDEV_IO_WAIT,
		BDK_TRACE_BDEV_IO_MODULE, TRACE_BDEV_IO_DONE};
	static const uint16_t parts[] = {TRACE_BDEV_IO_START, BDK_TRACE_BDEV_IO_WAIT, TRACE_BDEV_IO_START,
		BDK_TRACE_BDEV_IO_MODULE, TRACE_BDEV_IO_START, BDK_TRACE_BDEV_IO_MODULE, TRACE_BDEV_IO_DONE,
		TRACE_BDEV_IO_DONE, TRACE_BDEV_IO_DONE};
	uint64_t first;

	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	g_disk.bdev.max_rw_size = 4;
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	begin_trace(IO_POINTS | UINT64_C(1) << 0x20 | UINT64_C(1) << 0x21);
	write_and_wait(0, 0, 1);
	expect_way(0, plain, SPDK_COUNTOF(plain));

	first = history()->next_entry;
	g_disk.refuse = 1;
	write_and_wait(0, 0, 1);
	expect_way(first, refused, SPDK_COUNTOF(refused));
	assert_int_equal(arg(entry(BDK_TRACE_BDEV_IO_WAIT, 0), 0, 4), BDK_TRACE_WAIT_MODULE);

	first = history()->next_entry;
	write_and_wait(0, 0, 8);
	expect_way(first, parts, SPDK_COUNTOF(parts));
	assert_int_equal(arg(entry(BDK_TRACE_BDEV_IO_WAIT, 1), 0, 4), BDK_TRACE_WAIT_PARTS);
}

static void
records_channels(void **state)
{
	struct spdk_trace_entry *e;
	uint16_t owner;

	begin_trace(ALL_POINTS);
	ON(2, spdk_put_io_channel(g_user.ch[2]));
	bdk_sim_run_until_idle();
	assert_int_equal(count(TRACE_BDEV_IOCH_DESTROY), 1);
	e = entry(TRACE_BDEV_IOCH_DESTROY, 0);
	assert_int_equal(arg(e, 0, 8), spdk_thread_get_id(g_sim_threads[2]));
	owner = e->owner_id;

	ON(2, g_user.ch[2] = spdk_bdev_get_io_channel(g_user.desc));
	assert_int_equal(count(TRACE_BDEV_IOCH_CREATE), 1);
	e = entry(TRACE_BDEV_IOCH_CREATE, 0);
	assert_int_equal(arg(e, 0, 8), spdk_thread_get_id(g_sim_threads[2]));
	assert_int_equal(e->owner_id, owner);
	assert_int_not_equal(owner, 0);

	/* A channel that is made while points are on records at once. */
	assert_true(has_gate(2));
	write_and_wait(2, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);
}

static void
knows_bdevs_and_threads_that_come_later(void **state)
{
	struct sim_disk disk;
	uint16_t id;

	begin_trace(ALL_POINTS);
	sim_disk_init(&disk, "later");
	sim_disk_add(&disk);
	id = bdev_trace_id(bdev_state(&disk.bdev));
	assert_string_equal(spdk_get_trace_owner(g_trace_file, id)->description, "bdev_later");
	assert_int_equal(sim_disk_remove(&disk), 0);

	/* The threads were there before. */
	id = spdk_thread_get_trace_id(g_sim_threads[1]);
	assert_string_equal(spdk_get_trace_owner(g_trace_file, id)->description, "sim1");
	assert_int_equal(spdk_get_trace_owner(g_trace_file, id)->type, OWNER_TYPE_THREAD);
}

static void
records_who_gets_and_puts_channels(void **state)
{
	struct spdk_io_channel *ch;
	struct spdk_trace_entry *e;

	begin_trace(0);
	spdk_trace_set_tpoints(TRACE_GROUP_THREAD, 3);
	ON(1, ch = spdk_bdev_get_io_channel(g_user.desc));
	ON(1, spdk_put_io_channel(ch));
	assert_int_equal(count(TRACE_THREAD_IOCH_GET), 1);
	assert_int_equal(count(TRACE_THREAD_IOCH_PUT), 1);
	e = entry(TRACE_THREAD_IOCH_GET, 0);
	assert_int_equal(e->owner_id, spdk_thread_get_trace_id(g_sim_threads[1]));
	assert_int_equal(arg(e, 0, 8), (uintptr_t)ch);
	assert_int_equal(arg(e, 8, 4), 2);
	assert_int_equal(arg(entry(TRACE_THREAD_IOCH_PUT, 0), 8, 4), 1);
	spdk_trace_clear_tpoint_group_mask(1ull << TRACE_GROUP_THREAD);
}

/* Switched on before the layer starts, as by a command line; and the layer goes while points are on. */
static void
lives_through_the_start_of_the_layer(void **state)
{
	mem_user_close(&g_user);
	mem_disk_remove(&g_disk);
	bdev_sim_layer_fini();
	begin_trace(IO_POINTS);
	assert_int_equal(bdev_sim_layer_init(), 0);
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	mem_disk_add(&g_disk);
	mem_user_open(&g_user, &g_disk, THREADS);
	assert_true(has_gate(0));
	write_and_wait(0, 0, 1);
	assert_int_equal(count(TRACE_BDEV_IO_DONE), 1);
	spdk_trace_clear_tpoints(TRACE_GROUP_BDEV, 3);
	bdk_sim_run_until_idle();
	assert_false(has_gate(0));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_nothing_before_it_is_asked),
		TEST(records_start_and_end_of_an_io),
		TEST(follows_the_masks),
		TEST(may_be_switched_while_io_runs),
		TEST(records_each_way_once),
		TEST(records_where_an_io_is),
		TEST(records_channels),
		TEST(knows_bdevs_and_threads_that_come_later),
		TEST(records_who_gets_and_puts_channels),
		TEST(lives_through_the_start_of_the_layer),
	};

	return cmocka_run_group_tests_name("trace points of bdevs", tests, NULL, NULL);
}
