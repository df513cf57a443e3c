/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The write-intent bitmap and the journal: what goes to members for a write, and in which order; members that leave while
 * that is under way; and no memory. What a crash leaves is tried by test/sim/raid_crash.c.
 */

#include "raid_process_fixture.h"

#include "module/bdev/raid/raid_bitmap_internal.h"
#include "module/bdev/raid/raid_journal_internal.h"
#include "module/bdev/raid/raid_superblock.h"
#include "test/unit/common/alloc_failure.h"

#define PAGE_BLOCK (RAID_BITMAP_OFFSET / BLOCK)
#define JOURNAL_BLOCK (RAID_JOURNAL_OFFSET / BLOCK)
#define SLOTS 8
#define STRIP_BLOCKS (STRIP_KB * 1024 / BLOCK)

static uint64_t g_seed;

static void
start_kept(const char *level, int num_disks, bool write_cache)
{
	g_write_cache = write_cache;
	g_superblock = true;
	g_raid_journal_max_slots = SLOTS;
	g_disk_blocks = DISK_BLOCKS + JOURNAL_BLOCK + 1 + SLOTS * (1 + STRIP_BLOCKS);
	start(++g_seed, level, num_disks);
	g_superblock = false;
	g_write_cache = false;
	wait_for_process();
	run_for_s(10);
}

static void
forget_records(void)
{
	for (int i = 0; i < MAX_DISKS; i++) {
		g_disks[i].num_records = 0;
	}
}

static uint64_t
data_begins(void)
{
	return g_raid->members[0].data_offset;
}

static void
expect_record(int disk, uint32_t index, enum spdk_bdev_io_type type, uint64_t offset)
{
	assert_true(index < g_disks[disk].num_records);
	assert_int_equal(g_disks[disk].records[index].type, type);
	assert_true(type == SPDK_BDEV_IO_TYPE_FLUSH || g_disks[disk].records[index].offset == offset);
}

/* I/Os of a type to all disks, from an offset on and before another one. */
static uint32_t
count_records(int num_disks, enum spdk_bdev_io_type type, uint64_t from, uint64_t end)
{
	uint32_t count = 0;

	for (int disk = 0; disk < num_disks; disk++) {
		for (uint32_t i = 0; i < g_disks[disk].num_records; i++) {
			const struct mem_disk_record *record = &g_disks[disk].records[i];

			count += record->type == type && record->offset >= from && record->offset < end;
		}
	}
	return count;
}

static bool
bit_is_set(int disk, uint64_t region)
{
	struct raid_bitmap_page page;

	assert_null(raid_bitmap_page_decode(g_disks[disk].data + RAID_BITMAP_OFFSET, BLOCK, &page));
	return page.bits[region / 8] & 1 << region % 8;
}

static bool
write_blocks(uint64_t offset, uint32_t num_blocks)
{
	static uint8_t buf[64 * BLOCK];

	memset(buf, (int)offset + 1, num_blocks * BLOCK);
	return do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, offset, num_blocks);
}

/* ---- The bitmap ---- */

static void
test_a_bit_is_durable_before_a_region_changes(void **state)
{
	for (int cached = 0; cached < 2; cached++) {
		start_kept("raid1", 2, cached);
		forget_records();
		assert_true(write_blocks(40, 1));
		for (int disk = 0; disk < 2; disk++) {
			expect_record(disk, 0, SPDK_BDEV_IO_TYPE_WRITE, PAGE_BLOCK);
			if (cached) {
				expect_record(disk, 1, SPDK_BDEV_IO_TYPE_FLUSH, 0);
			}
			expect_record(disk, 1 + cached, SPDK_BDEV_IO_TYPE_WRITE, data_begins() + 40);
			assert_int_equal(g_disks[disk].num_records, 2 + cached);
			assert_true(bit_is_set(disk, 0));
		}
		/* From then on it costs nothing. */
		forget_records();
		assert_true(write_blocks(41, 1));
		assert_int_equal(g_disks[0].num_records, 1);
		assert_int_equal(g_disks[1].num_records, 1);
		stop();
	}
}

static void
test_a_bit_is_cleared_when_nobody_writes(void **state)
{
	start_kept("raid1", 2, true);
	assert_true(write_blocks(40, 1));
	forget_records();
	run_for_s(1);
	assert_true(bit_is_set(0, 0));
	run_for_s(6);
	assert_false(bit_is_set(0, 0));
	assert_false(bit_is_set(1, 0));
	/* What was changed is durable before. */
	expect_record(0, 0, SPDK_BDEV_IO_TYPE_FLUSH, 0);
	expect_record(0, 1, SPDK_BDEV_IO_TYPE_WRITE, PAGE_BLOCK);
	assert_null(g_raid->bitmap->poller);
	forget_records();
	run_for_s(100);
	assert_int_equal(g_disks[0].num_records, 0);
	assert_true(write_blocks(40, 1));
	assert_true(bit_is_set(1, 0));
	stop();
}

/* One that comes back gets what has changed, and nothing else. */
static void
test_a_short_absence(void **state)
{
	uint32_t blocks = 0;

	start_kept("raid1", 2, false);
	assert_true(write_blocks(0, 8));
	assert_true(write_blocks(300, 8));
	run_for_s(10);
	leave(1);
	run_for_s(1);
	assert_true(write_blocks(290, 8));
	run_for_s(100);
	assert_true(bit_is_set(0, 290 / g_raid->region_blocks));
	forget_records();
	join(1);
	wait_for_process();
	for (uint32_t i = 0; i < g_disks[1].num_records; i++) {
		const struct mem_disk_record *record = &g_disks[1].records[i];

		blocks += record->type == SPDK_BDEV_IO_TYPE_WRITE && record->offset >= data_begins()
			? record->num_blocks
			: 0;
	}
	assert_in_range(blocks, 8, g_raid->region_blocks);
	assert_memory_equal(
		g_disks[0].data + data_begins() * BLOCK, g_disks[1].data + data_begins() * BLOCK, 512 * BLOCK);
	run_for_s(10);
	assert_false(bit_is_set(1, 290 / g_raid->region_blocks));
	stop();
}

/* A member that was replaced while another one was away knows less than the bitmap. */
static void
test_an_absence_that_the_bitmap_does_not_know(void **state)
{
	start_kept("raid1", 2, false);
	assert_true(write_blocks(0, 8));
	leave(1);
	run_for_s(1);
	/* All that it lacks is forgotten. */
	g_raid->bitmap->cleared_sequence = UINT64_MAX;
	forget_records();
	join(1);
	wait_for_process();
	assert_true(count_records(2, SPDK_BDEV_IO_TYPE_READ, data_begins() + 384, UINT64_MAX) > 0);
	stop();
}

/* One that leaves while it is being rebuilt lacks more than what has changed since. */
static void
test_an_interrupted_rebuild_is_no_short_absence(void **state)
{
	start_kept("raid1", 2, false);
	g_scribbles = true;
	add_disk(2);
	g_scribbles = false;
	g_raid_process_options = (struct raid_process_options){.window_size_kb = WINDOW_KB, .max_bandwidth_mb_sec = 1};
	replace(1, 2);
	bdk_sim_run_for(50000);
	assert_non_null(g_raid->process);
	assert_true(g_raid->members[1].in_sync_until > 0 && g_raid->members[1].in_sync_until < DISK_BLOCKS / 2);
	leave(1);
	run_for_s(1);
	assert_null(g_raid->members[1].desc);
	join(2);
	wait_for_process();
	assert_int_equal(g_raid->members[1].in_sync_until, UINT64_MAX);
	assert_memory_equal(g_disks[0].data + data_begins() * BLOCK, g_disks[2].data + data_begins() * BLOCK,
		g_raid->bdev.blockcnt * BLOCK);
	stop();
}

/* What a crash has left of a block stays, whatever the windows are: one that is being rebuilt may be right, and is not read. */
static void
test_a_block_does_not_change_its_mind(void **state)
{
	uint8_t buf[BLOCK];

	start_kept("raid1", 2, false);
	assert_true(write_blocks(10, 1));
	memset(g_disks[0].data + (data_begins() + 10) * BLOCK, 1, BLOCK);
	memset(g_disks[1].data + (data_begins() + 10) * BLOCK, 2, BLOCK);
	g_raid->members[0].in_sync_until = 16;
	g_raid->agrees_until = 0;
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 10, 1));
	assert_int_equal(buf[0], 2);
	ON(0, raid_process_wake(g_raid));
	wait_for_process();
	assert_int_equal(g_raid->agrees_until, UINT64_MAX);
	assert_int_equal(g_raid->members[0].in_sync_until, UINT64_MAX);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 10, 1));
	assert_int_equal(buf[0], 2);
	assert_int_equal(g_disks[0].data[(data_begins() + 10) * BLOCK], 2);
	stop();
}

static void
test_a_member_that_takes_no_page_leaves_first(void **state)
{
	start_kept("raid1", 2, false);
	g_faults[1] = (struct fault){.writes = true, .first = PAGE_BLOCK, .end = PAGE_BLOCK + 1};
	assert_true(write_blocks(40, 1));
	assert_int_equal(g_raid->num_operational, 1);
	assert_null(g_raid->members[1].desc);
	assert_int_equal(g_disks[0].data[(data_begins() + 40) * BLOCK], 41);
	stop();
}

/* ---- The journal ---- */

static void
test_what_a_write_costs(void **state)
{
	for (int cached = 0; cached < 2; cached++) {
		start_kept("raid5", 4, cached);
		assert_true(write_blocks(0, STRIP_BLOCKS));
		forget_records();
		assert_true(write_blocks(0, STRIP_BLOCKS));
		/* Data and parity: each is read, logged, and written. */
		assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_READ, data_begins(), UINT64_MAX), 2);
		assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, JOURNAL_BLOCK, data_begins()), 2);
		assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, data_begins(), UINT64_MAX), 2);
		assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_FLUSH, 0, UINT64_MAX), cached ? 2 : 0);
		assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, 0, JOURNAL_BLOCK), 0);
		stop();
	}
}

static void
test_records_are_durable_before_anything_is_in_place(void **state)
{
	start_kept("raid6", 5, true);
	assert_true(write_blocks(0, STRIP_BLOCKS));
	forget_records();
	assert_true(write_blocks(0, STRIP_BLOCKS));
	for (int disk = 0; disk < 5; disk++) {
		uint32_t i = 0;

		while (i < g_disks[disk].num_records && g_disks[disk].records[i].type == SPDK_BDEV_IO_TYPE_READ) {
			i++;
		}
		if (i == g_disks[disk].num_records) {
			continue;
		}
		assert_in_range(g_disks[disk].records[i].offset, JOURNAL_BLOCK + 1, data_begins() - 1);
		assert_int_equal(g_disks[disk].records[i].num_blocks, 1 + STRIP_BLOCKS);
		expect_record(disk, i + 1, SPDK_BDEV_IO_TYPE_FLUSH, 0);
		assert_int_equal(g_disks[disk].records[i + 2].type, SPDK_BDEV_IO_TYPE_WRITE);
		assert_true(g_disks[disk].records[i + 2].offset >= data_begins());
	}
	stop();
}

/* More at once than there are slots: all end, and the journal goes round. */
static void
test_a_full_journal(void **state)
{
	struct mem_io ios[40] = {};
	uint8_t *buf = calloc(1, BLOCK);

	start_kept("raid5", 3, true);
	for (uint32_t i = 0; i < SPDK_COUNTOF(ios); i++) {
		ios[i].thread = i % NUM_THREADS;
		ON(ios[i].thread,
			ios[i].rc = spdk_bdev_write_blocks(
				g_user.desc, g_user.ch[ios[i].thread], buf, i * 8, 1, mem_io_done_cb, &ios[i]));
		assert_int_equal(ios[i].rc, 0);
	}
	run_for_s(1);
	for (uint32_t i = 0; i < SPDK_COUNTOF(ios); i++) {
		assert_true(ios[i].done == 1 && ios[i].success);
	}
	assert_true(g_raid->journal->next > 40 && g_raid->journal->tail > 40 - SLOTS);
	stop();
	free(buf);
}

/* With a record, with the flush of it, or in place: the member leaves, and the write is there. */
static void
test_a_member_fails_on_the_way(void **state)
{
	static const struct {
		bool flushes;
		bool in_place;
	} cases[] = {{false, false}, {true, false}, {false, true}};
	uint8_t buf[BLOCK];

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		start_kept("raid6", 5, true);
		assert_true(write_blocks(0, 1));
		g_faults[0] = (struct fault){.writes = !cases[i].flushes,
			.flushes = cases[i].flushes,
			.first = cases[i].in_place ? data_begins() : JOURNAL_BLOCK,
			.end = cases[i].in_place ? UINT64_MAX : data_begins()};
		assert_true(write_blocks(3, 1));
		assert_int_equal(g_raid->num_operational, 4);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 3, 1));
		assert_int_equal(buf[0], 4);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 0, 1));
		assert_int_equal(buf[0], 1);
		stop();
	}
}

/*
 * A record without a member that still counts would be carried out without it after a crash, and what it has would not fit its
 * parity any more.
 */
static void
test_no_record_leaves_out_a_member_before_superblocks_do(void **state)
{
	static uint8_t buf[3 * STRIP_BLOCKS * BLOCK];
	struct one_io one;

	start_kept("raid5", 4, false);
	/* The region is dirty from then on. */
	assert_true(write_blocks(0, 1));
	for (int disk = 1; disk < 4; disk++) {
		g_disks[disk].mode = MEM_DISK_HOLD;
	}
	forget_records();
	leave(0);
	bdk_sim_run_for(10000);
	assert_true(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, 0, PAGE_BLOCK) > 0);
	/* A stripe, which reads nothing. */
	memset(buf, 7, sizeof(buf));
	begin_io(&one, 1, SPDK_BDEV_IO_TYPE_WRITE, buf, 0, 3 * STRIP_BLOCKS);
	bdk_sim_run_for(10000);
	assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, JOURNAL_BLOCK, UINT64_MAX), 0);

	for (int disk = 1; disk < 4; disk++) {
		g_disks[disk].mode = MEM_DISK_MESSAGE;
		mem_disk_release(&g_disks[disk], g_disks[disk].num_held);
	}
	run_for_s(1);
	assert_true(one.io.done == 1 && one.io.success);
	assert_int_equal(count_records(4, SPDK_BDEV_IO_TYPE_WRITE, JOURNAL_BLOCK, data_begins()), 3);
	assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, 0, STRIP_BLOCKS));
	assert_int_equal(buf[0], 7);
	stop();
}

static enum raid_slot_state
get_recorded(int disk, uint8_t slot)
{
	struct raid_super *super = calloc(1, sizeof(*super));
	const char *why;
	enum raid_slot_state state;

	assert_int_equal(raid_super_parse(g_disks[disk].data, RAID_SUPER_SIZE, &g_disks[disk].bdev.uuid, super, &why),
		RAID_SUPER_GOOD);
	state = super->slots[slot].state;
	free(super);
	return state;
}

/* Records that a new member has may be wiped while it gets its journal: whoever counts it then would take them for none. */
static void
test_a_member_is_recorded_when_it_has_its_journal(void **state)
{
	start_kept("raid6", 5, false);
	add_disk(5);
	leave(0);
	run_for_s(1);
	assert_int_equal(get_recorded(4, 0), RAID_SLOT_MISSING);
	g_rc = 1;
	ON(0, raid_add_bdev(g_raid, g_disks[5].name, false, done_cb, NULL));
	for (int i = 0; i < 100000 && !(g_raid->members[0].in_channels && !g_raid->members[0].adding); i++) {
		bdk_sim_step();
	}
	g_disks[5].mode = MEM_DISK_HOLD;
	bdk_sim_run_for(1000);
	assert_int_equal(g_rc, 1);
	leave(1);
	run_for_s(1);
	assert_int_equal(get_recorded(4, 1), RAID_SLOT_MISSING);
	assert_int_equal(get_recorded(4, 0), RAID_SLOT_MISSING);
	assert_null(g_raid->process);

	g_disks[5].mode = MEM_DISK_MESSAGE;
	mem_disk_release(&g_disks[5], g_disks[5].num_held);
	run_for_s(1);
	assert_int_equal(g_rc, 0);
	wait_for_process();
	assert_int_equal(get_recorded(4, 0), RAID_SLOT_CONFIGURED);
	stop();
}

/* ---- Memory ---- */

static int
run_create(const void *level)
{
	char names[5][16], *members[5];
	struct raid_opts opts = {.name = "raid",
		.members = members,
		.num_members = 5,
		.policy = RAID_NUM_POLICIES,
		.superblock = true,
		.ops = raid_level_by_name(level)};
	int rc;

	bdev_sim_start(++g_seed, NUM_THREADS);
	g_raid_journal_max_slots = SLOTS;
	g_disk_blocks = DISK_BLOCKS + JOURNAL_BLOCK + 1 + SLOTS * (1 + STRIP_BLOCKS);
	opts.strip_size_kb = opts.ops->has_strips ? STRIP_KB : 0;
	for (int i = 0; i < 5; i++) {
		add_disk(i);
		/* Messages of the disk take memory. */
		g_disks[i].mode = MEM_DISK_INLINE;
		snprintf(names[i], sizeof(names[i]), "d%d", i);
		members[i] = names[i];
	}
	g_rc = 1;
	alloc_arm();
	ON(0, raid_create(&opts, done_cb, NULL));
	for (int i = 0; i < 1000 && g_rc == 1; i++) {
		bdk_sim_run_for(1000);
	}
	alloc_disarm();
	rc = g_rc;
	assert_int_not_equal(rc, 1);
	g_raid = raid_find("raid");
	assert_true((g_raid != NULL) == (rc == 0));
	if (rc == 0) {
		bool gone = false;
		struct raid_waiter waiter = {.cb = gone_cb, .arg = &gone};

		assert_true(g_raid->bitmap != NULL);
		wait_for_process();
		ON(0, raid_delete(g_raid, false, &waiter));
		run_for_s(10);
		assert_true(gone);
	}
	bdev_sim_stop();
	for (int i = 0; i < MAX_DISKS; i++) {
		free(g_disks[i].data);
		memset(&g_disks[i], 0, sizeof(g_disks[i]));
	}
	return rc == -EIO ? -ENOMEM : rc;
}

static const struct alloc_scenario g_scenarios[] = {
	{.name = "creation of raid1 with a bitmap", .run = run_create, .arg = "raid1"},
	{.name = "creation of raid5 with a journal", .run = run_create, .arg = "raid5"},
};

static void
test_every_allocation(void **state)
{
	alloc_run_scenarios(g_scenarios, SPDK_COUNTOF(g_scenarios));
}

static void
test_sizes(void **state)
{
	/* Regions of 64 KiB, as long as 16384 of them are enough. */
	assert_int_equal(raid_bitmap_choose_region(1000, 512), 128);
	assert_int_equal(raid_bitmap_choose_region(16384 * 128, 512), 128);
	assert_int_equal(raid_bitmap_choose_region(16384 * 128 + 1, 512), 256);
	assert_int_equal(raid_bitmap_choose_region((UINT64_C(1) << 40) / 4096, 4096), 64 * 1024 * 1024 / 4096);
	/* 16 MiB, and at least four slots and at most 256. */
	g_raid_journal_max_slots = 256;
	assert_int_equal(raid_journal_choose_size(128, 512, 4), 1 + 254 * 129);
	assert_int_equal(raid_journal_choose_size(8, 512, 4), 1 + 256 * 9);
	assert_int_equal(raid_journal_choose_size(8, 512, 255), 1 + 16 * 9);
	assert_int_equal(raid_journal_choose_size(8192, 512, 4), 1 + 4 * 8193);
	assert_int_equal(raid_journal_choose_size(16384, 512, 4), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bit_is_durable_before_a_region_changes),
		cmocka_unit_test(test_a_bit_is_cleared_when_nobody_writes),
		cmocka_unit_test(test_a_short_absence),
		cmocka_unit_test(test_an_absence_that_the_bitmap_does_not_know),
		cmocka_unit_test(test_an_interrupted_rebuild_is_no_short_absence),
		cmocka_unit_test(test_a_block_does_not_change_its_mind),
		cmocka_unit_test(test_a_member_that_takes_no_page_leaves_first),
		cmocka_unit_test(test_what_a_write_costs),
		cmocka_unit_test(test_records_are_durable_before_anything_is_in_place),
		cmocka_unit_test(test_a_full_journal),
		cmocka_unit_test(test_a_member_fails_on_the_way),
		cmocka_unit_test(test_no_record_leaves_out_a_member_before_superblocks_do),
		cmocka_unit_test(test_a_member_is_recorded_when_it_has_its_journal),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_every_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
