/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Arrays that are put together from their superblocks: in any order, with members that are stale, copied, missing, damaged or
 * of the first implementation. A disk is a malloc bdev; a passthru bdev on it, which is the member, is what comes and goes.
 */

#include "fixture.h"

#include "bdevkit/sim.h"
#include "lib/env/env_internal.h"
#include "module/bdev/raid/raid_superblock.h"
#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/log.h"
#include "spdk/util.h"

#define BLOCK 512
#define DISK_BLOCKS 8192
#define MAX_DISKS 6

#define UUID "5d1a0d7e-0000-4000-8000-0000000000aa"

static int g_num_disks;

static void
come(int disk)
{
	char name[16];

	snprintf(name, sizeof(name), "\"m%d\"", disk);
	fixture_rpc_expect(name, "bdev_passthru_create",
		"{'base_bdev_name': 'd%d', 'name': 'm%d', 'uuid': '5d1a0d7e-0000-4000-8000-00000000000%d'}", disk, disk,
		disk);
	fixture_settle();
}

static void
go(int disk)
{
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'm%d'}", disk);
	fixture_settle();
}

static void
add_disk(int disk)
{
	char name[16];

	snprintf(name, sizeof(name), "\"d%d\"", disk);
	fixture_rpc_expect(name, "bdev_malloc_create", "{'name': 'd%d', 'num_blocks': %d, 'block_size': %d}", disk,
		DISK_BLOCKS, BLOCK);
}

static void
begin(uint64_t seed, int num_disks)
{
	fixture_examine_disks(true);
	fixture_start(seed);
	fixture_rpc_expect("true", "bdev_raid_set_options", "{'assembly_timeout_sec': 10}");
	g_num_disks = num_disks;
	for (int disk = 0; disk < num_disks; disk++) {
		add_disk(disk);
		come(disk);
	}
}

static void
create(const char *level, int num_members)
{
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'r', 'raid_level': '%s', %s 'superblock': true, 'uuid': '" UUID "', 'base_bdevs': %s}", level,
		strcmp(level, "raid1") == 0 ? "" : "'strip_size_kb': 4,",
		num_members == 2           ? "['m0', 'm1']"
			: num_members == 3 ? "['m0', 'm1', 'm2']"
			: num_members == 4 ? "['m0', 'm1', 'm2', 'm3']"
					   : "['m0', 'm1', 'm2', 'm3', 'm4']");
	fixture_settle();
}

/* The array ends, and all of its members go. */
static void
end(void)
{
	if (raid_find("r") != NULL) {
		fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'r'}");
	}
	for (int disk = 0; disk < g_num_disks; disk++) {
		char name[16];

		snprintf(name, sizeof(name), "m%d", disk);
		if (spdk_bdev_get_by_name(name) != NULL) {
			go(disk);
		}
	}
	assert_true(TAILQ_EMPTY(&g_raids));
}

static struct raid *
expect(enum raid_state state, int num_discovered, int num_operational)
{
	struct raid *raid = raid_find("r");

	assert_non_null(raid);
	assert_int_equal(raid->state, state);
	assert_int_equal(raid->num_discovered, num_discovered);
	assert_int_equal(raid->num_operational, num_operational);
	return raid;
}

static void
wait_for_rebuild(void)
{
	struct raid *raid = raid_find("r");

	for (int i = 0; i < 10000 && raid->process != NULL; i++) {
		bdk_sim_run_for(1000);
	}
	assert_null(raid->process);
}

/* ---- What is on a bdev ---- */

static void
transfer(const char *name, bool write, uint8_t *data, uint64_t offset, uint64_t num_blocks)
{
	struct fixture_user user;
	struct fixture_io io = {};

	assert_int_equal(fixture_user_open(&user, 0, name), 0);
	assert_true(fixture_io_wait(write
			? spdk_bdev_write_blocks(user.desc, user.ch, data, offset, num_blocks, fixture_io_cb, &io)
			: spdk_bdev_read_blocks(user.desc, user.ch, data, offset, num_blocks, fixture_io_cb, &io),
		&io));
	fixture_user_close(&user);
	fixture_settle();
}

static void
fill_array(uint8_t value)
{
	uint8_t data[64 * BLOCK];

	memset(data, value, sizeof(data));
	transfer("r", true, data, 0, 64);
}

static void
expect_array(uint8_t value)
{
	uint8_t data[64 * BLOCK], wanted[64 * BLOCK];

	memset(wanted, value, sizeof(wanted));
	transfer("r", false, data, 0, 64);
	assert_memory_equal(data, wanted, sizeof(data));
}

/* Of the disk below a member that is not there. */
static void
read_area(int disk, uint8_t *area)
{
	char name[16];

	snprintf(name, sizeof(name), "d%d", disk);
	transfer(name, false, area, 0, RAID_SUPER_SIZE / BLOCK);
}

static void
write_area(int disk, uint8_t *area)
{
	char name[16];

	snprintf(name, sizeof(name), "d%d", disk);
	transfer(name, true, area, 0, RAID_SUPER_SIZE / BLOCK);
}

static uint8_t g_area[RAID_SUPER_SIZE];
static struct raid_super g_super;

static enum raid_super_kind
read_super(int disk)
{
	const char *why;

	read_area(disk, g_area);
	return raid_super_parse(g_area, sizeof(g_area), &(struct spdk_uuid){}, &g_super, &why);
}

static void
copy_disk(int from, int to)
{
	uint8_t *data = malloc(DISK_BLOCKS * BLOCK);
	char name[16];

	assert_non_null(data);
	snprintf(name, sizeof(name), "d%d", from);
	transfer(name, false, data, 0, DISK_BLOCKS);
	snprintf(name, sizeof(name), "d%d", to);
	transfer(name, true, data, 0, DISK_BLOCKS);
	free(data);
}

/* ---- Creating ---- */

static void
members_hold_what_the_array_is(void **state)
{
	struct raid *raid;

	begin(1, 3);
	create("raid1", 3);
	raid = expect(RAID_ONLINE, 3, 3);
	assert_int_equal(raid->members[0].data_offset, 2048);
	assert_int_equal(raid->bdev.blockcnt, DISK_BLOCKS - 2048);
	end();
	for (int disk = 0; disk < 3; disk++) {
		char text[SPDK_UUID_STRING_LEN];

		assert_int_equal(read_super(disk), RAID_SUPER_GOOD);
		spdk_uuid_fmt_lower(text, sizeof(text), &g_super.uuid);
		assert_string_equal(text, UUID);
		assert_string_equal(g_super.name, "r");
		assert_true(g_super.ops == &g_raid1_ops && g_super.num_slots == 3 && g_super.clean);
		assert_int_equal(g_super.num_blocks, DISK_BLOCKS - 2048);
		assert_true(spdk_uuid_compare(&g_super.id, &g_super.slots[disk].id) == 0);
		for (int slot = 0; slot < 3; slot++) {
			assert_int_equal(g_super.slots[slot].state, RAID_SLOT_CONFIGURED);
		}
		/* The copies are the same. */
		assert_memory_equal(g_area, g_area + RAID_SUPER_COPY_SIZE, 512 + 96 * 3);
	}
	fixture_stop();
}

static void
data_begin_where_members_like_it(void **state)
{
	begin(1, 0);
	fixture_rpc("bdev_malloc_create",
		"{'name': 'a', 'num_blocks': 8192, 'block_size': 512, 'optimal_io_boundary': 30}");
	fixture_rpc("bdev_malloc_create", "{'name': 'b', 'num_blocks': 8192, 'block_size': 512}");
	fixture_rpc("bdev_malloc_create",
		"{'name': 'c', 'num_blocks': 8192, 'block_size': 512, 'optimal_io_boundary': 30}");
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'r', 'raid_level': 'raid1', 'superblock': true, 'base_bdevs': ['a', 'b']}");
	assert_int_equal(raid_find("r")->members[0].data_offset, 2070);
	assert_int_equal(raid_find("r")->members[1].data_offset, 2048);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'b'}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'c'}");
	assert_int_equal(raid_find("r")->members[1].data_offset, 2070);
	wait_for_rebuild();
	/* There has to be room. */
	fixture_rpc("bdev_malloc_create", "{'name': 'small', 'num_blocks': 2048, 'block_size': 512}");
	fixture_rpc("bdev_malloc_create", "{'name': 'large', 'num_blocks': 8192, 'block_size': 512}");
	fixture_rpc_expect_error(-EINVAL,
		"Failed to create RAID bdev s: a member has no room for a superblock and data", "bdev_raid_create",
		"{'name': 's', 'raid_level': 'raid1', 'superblock': true, 'base_bdevs': ['large', 'small']}");
	fixture_stop();
}

static void
superblocks_are_not_overwritten_by_mistake(void **state)
{
	begin(1, 3);
	create("raid1", 3);
	fill_array(7);
	end();
	fixture_rpc_expect_error(-EEXIST,
		"Failed to create RAID bdev x: a member holds the superblock of an array. If that is not needed any "
		"more, say overwrite_superblocks",
		"bdev_raid_create", "{'name': 'x', 'raid_level': 'raid1', 'base_bdevs': ['d0', 'd1']}");
	assert_true(TAILQ_EMPTY(&g_raids));
	come(1);
	expect(RAID_CONFIGURING, 1, 3);
	come(0);
	come(2);
	expect(RAID_ONLINE, 3, 3);
	expect_array(7);
	end();
	/* Nor by an array that waits for the bdev. */
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'x', 'raid_level': 'concat', 'strip_size_kb': 4, 'base_bdevs': ['m1', 'm2']}");
	come(1);
	assert_null(raid_find("x")->members[0].desc);
	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'x'}");
	end();

	/* But on request; then they are all gone. */
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'x', 'raid_level': 'raid1', 'base_bdevs': ['d0', 'd1'], 'overwrite_superblocks': true}");
	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'x'}");
	assert_int_equal(read_super(0), RAID_SUPER_NONE);
	assert_int_equal(read_super(2), RAID_SUPER_GOOD);
	fixture_stop();
}

static void
deleting_wipes_on_request(void **state)
{
	begin(1, 2);
	create("raid1", 2);
	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'r', 'wipe_superblocks': true}");
	end();
	assert_int_equal(read_super(0), RAID_SUPER_NONE);
	assert_int_equal(read_super(1), RAID_SUPER_NONE);
	come(0);
	assert_true(TAILQ_EMPTY(&g_raids));
	fixture_stop();
}

/* ---- Assembling ---- */

static void
members_come_in_any_order(void **state)
{
	static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	static const char *const levels[] = {"raid1", "raid0", "concat", "raid5"};

	for (size_t level = 0; level < SPDK_COUNTOF(levels); level++) {
		begin(level + 1, 3);
		create(levels[level], 3);
		wait_for_rebuild();
		for (size_t i = 0; i < SPDK_COUNTOF(orders); i++) {
			char text[SPDK_UUID_STRING_LEN];

			fill_array((uint8_t)(i + 1));
			end();
			for (int k = 0; k < 3; k++) {
				come(orders[i][k]);
				expect(k < 2 ? RAID_CONFIGURING : RAID_ONLINE, k + 1, 3);
			}
			assert_string_equal(raid_find("r")->members[2].name, "m2");
			spdk_uuid_fmt_lower(text, sizeof(text), &raid_find("r")->bdev.uuid);
			assert_string_equal(text, UUID);
			expect_array((uint8_t)(i + 1));
			assert_null(raid_find("r")->process);
		}
		end();
		fixture_stop();
	}
}

/* One is examined while the others are there already. */
static void
members_that_are_there_are_found(void **state)
{
	begin(1, 3);
	create("raid1", 3);
	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'r'}");
	go(1);
	come(1);
	expect(RAID_ONLINE, 3, 3);
	end();
	fixture_stop();
}

static void
what_is_stale_is_not_used(void **state)
{
	struct raid *raid;

	begin(1, 3);
	create("raid1", 3);
	fill_array(1);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	fill_array(2);
	end();
	come(1);
	expect(RAID_CONFIGURING, 1, 2);
	come(2);
	expect(RAID_ONLINE, 2, 2);
	expect_array(2);
	end();
	/* The stale one comes first. */
	come(0);
	expect(RAID_CONFIGURING, 1, 3);
	come(2);
	raid = expect(RAID_CONFIGURING, 1, 2);
	assert_null(raid->members[0].desc);
	come(1);
	raid = expect(RAID_ONLINE, 2, 2);
	assert_null(raid->members[0].desc);
	expect_array(2);
	/* It may come back into the array that is online, and is rebuilt. */
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm0'}");
	wait_for_rebuild();
	raid = expect(RAID_ONLINE, 3, 3);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm1'}");
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm2'}");
	expect_array(2);
	end();
	fixture_stop();
}

/* A superblock of that disk's own number plus one, which says that a member is missing. */
static void
say_missing(int disk, int missing)
{
	uint8_t area[RAID_SUPER_SIZE] = {};

	assert_int_equal(read_super(disk), RAID_SUPER_GOOD);
	g_super.sequence++;
	g_super.clean = false;
	g_super.slots[missing].state = RAID_SLOT_MISSING;
	g_super.slots[missing].left_sequence = g_super.sequence;
	raid_super_encode(&g_super, (uint8_t)disk, area);
	memcpy(area + RAID_SUPER_COPY_SIZE, area, RAID_SUPER_COPY_SIZE);
	write_area(disk, area);
}

static void
of_one_number_what_was_finished_counts(void **state)
{
	static const int orders[][4] = {{3, 2, 1, 0}, {2, 3, 1, 0}, {1, 2, 3, 0}, {0, 1, 3, 2}, {2, 1, 0, 3}};
	uint8_t areas[4][RAID_SUPER_SIZE];

	begin(1, 4);
	create("raid6", 4);
	wait_for_rebuild();
	end();
	/* The power went when only member 3 had heard that member 0 had failed; then the array started without member 3. */
	say_missing(3, 0);
	for (int disk = 0; disk < 3; disk++) {
		say_missing(disk, 3);
	}
	for (int disk = 0; disk < 4; disk++) {
		read_area(disk, areas[disk]);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(orders); i++) {
		for (int k = 0; k < 4; k++) {
			const struct raid *raid;

			come(orders[i][k]);
			raid = raid_find("r");
			assert_true(k < 2 || raid->members[3].desc == NULL);
			assert_true(raid->state != RAID_ONLINE || raid->num_discovered == 3);
		}
		expect(RAID_ONLINE, 3, 3);
		end();
		for (int disk = 0; disk < 4; disk++) {
			write_area(disk, areas[disk]);
		}
	}
	fixture_stop();
}

static void
one_that_returns_is_rebuilt(void **state)
{
	begin(1, 3);
	create("raid1", 2);
	fill_array(1);
	go(0);
	expect(RAID_ONLINE, 1, 1);
	fill_array(2);
	come(0);
	wait_for_rebuild();
	expect(RAID_ONLINE, 2, 2);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm1'}");
	expect_array(2);
	/* One that has been replaced does not come back. */
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm2'}");
	wait_for_rebuild();
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm2'}");
	go(1);
	come(1);
	expect(RAID_ONLINE, 1, 1);
	fixture_rpc_expect_error(-EINVAL,
		"Failed to add base bdev m1 to RAID bdev r: it was a member of this array and has been replaced",
		"bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm1'}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev",
		"{'raid_bdev': 'r', 'base_bdev': 'm1', 'overwrite_superblocks': true}");
	wait_for_rebuild();
	expect(RAID_ONLINE, 2, 2);
	end();
	fixture_stop();
}

static void
copies_are_not_used(void **state)
{
	struct raid *raid;

	begin(1, 3);
	create("raid1", 2);
	fill_array(1);
	end();
	copy_disk(1, 2);
	come(1);
	come(2);
	raid = expect(RAID_CONFIGURING, 1, 2);
	assert_string_equal(raid->members[1].name, "m1");
	come(0);
	expect(RAID_ONLINE, 2, 2);
	/* Also one that is older than those that nobody has missed it on. */
	end();
	copy_disk(2, 1);
	come(0);
	come(1);
	raid = expect(RAID_CONFIGURING, 1, 2);
	assert_null(raid->members[1].desc);
	end();
	fixture_stop();
}

static void
interrupted_rebuild_goes_on(void **state)
{
	struct raid *raid;

	begin(1, 3);
	create("raid1", 2);
	fill_array(1);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 1, 'process_window_size_kb': 64}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm2'}");
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	raid = expect(RAID_ONLINE, 2, 2);
	assert_true(raid->members[0].in_sync_until != UINT64_MAX);
	end();
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 0, 'process_window_size_kb': 1024}");
	come(2);
	come(1);
	raid = expect(RAID_ONLINE, 2, 2);
	wait_for_rebuild();
	assert_true(raid->members[0].in_sync_until == UINT64_MAX);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm1'}");
	expect_array(1);
	end();
	fixture_stop();
}

/* ---- Without members that are missing ---- */

static void
enough_members_prove_that_nothing_is_newer(void **state)
{
	begin(1, 4);
	create("raid5", 4);
	wait_for_rebuild();
	fill_array(1);
	end();
	for (int disk = 0; disk < 3; disk++) {
		come(disk);
		bdk_sim_run_for(9 * SPDK_SEC_TO_USEC);
		expect(RAID_CONFIGURING, disk + 1, 4);
	}
	bdk_sim_run_for(2 * SPDK_SEC_TO_USEC);
	expect(RAID_ONLINE, 3, 3);
	expect_array(1);
	fill_array(2);
	/* The last one is stale now, and is rebuilt. */
	come(3);
	wait_for_rebuild();
	expect(RAID_ONLINE, 4, 4);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	expect_array(2);
	end();
	fixture_stop();
}

static void
time_that_nobody_lives_through_is_not_waited(void **state)
{
	begin(1, 4);
	create("raid5", 4);
	wait_for_rebuild();
	fill_array(1);
	end();
	for (int disk = 0; disk < 3; disk++) {
		come(disk);
	}
	/* The machine sleeps for an hour; its last disk comes soon after. */
	env_clock_advance(3600 * spdk_get_ticks_hz());
	bdk_sim_run_for(8 * SPDK_SEC_TO_USEC);
	expect(RAID_CONFIGURING, 3, 4);
	come(3);
	expect(RAID_ONLINE, 4, 4);
	expect_array(1);
	end();
	fixture_stop();
}

static void
half_a_mirror_needs_to_be_told(void **state)
{
	begin(1, 2);
	create("raid1", 2);
	fill_array(1);
	end();
	come(0);
	bdk_sim_run_for(60 * SPDK_SEC_TO_USEC);
	expect(RAID_CONFIGURING, 1, 2);
	fixture_rpc_expect_error(-EAGAIN,
		"Failed to start RAID bdev r: the members that are missing may have gone on without these: what these "
		"have may be old",
		"bdev_raid_start", "{'name': 'r'}");
	fixture_rpc_expect("true", "bdev_raid_start", "{'name': 'r', 'force': true}");
	expect(RAID_ONLINE, 1, 1);
	expect_array(1);
	fill_array(2);
	end();

	/* The other one alone does not know of it; together they do. */
	come(1);
	expect(RAID_CONFIGURING, 1, 2);
	come(0);
	expect(RAID_ONLINE, 1, 1);
	expect_array(2);
	end();

	/* When both have gone on, neither is overwritten. */
	come(1);
	fixture_rpc_expect("true", "bdev_raid_start", "{'name': 'r', 'force': true}");
	fill_array(3);
	come(0);
	expect(RAID_ONLINE, 1, 1);
	expect_array(3);
	fixture_rpc_expect_error(-EINVAL,
		"Failed to add base bdev m0 to RAID bdev r: it has been changed without the others, as they have "
		"without "
		"it. If what it holds is not needed, wipe it",
		"bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm0'}");
	end();
	fixture_stop();
}

static void
too_few_members_cannot_be_forced(void **state)
{
	begin(1, 4);
	create("raid5", 4);
	wait_for_rebuild();
	end();
	come(0);
	come(1);
	fixture_rpc_expect_error(-ENODEV, "Failed to start RAID bdev r: it has less members than its data need",
		"bdev_raid_start", "{'name': 'r', 'force': true}");
	fixture_rpc_expect_error(-ENODEV, "raid bdev x not found", "bdev_raid_start", "{'name': 'x', 'force': true}");
	end();
	fixture_stop();
}

/* ---- Damage ---- */

static void
a_copy_that_is_torn_is_not_needed(void **state)
{
	uint8_t area[RAID_SUPER_SIZE];

	begin(1, 2);
	create("raid1", 2);
	end();
	for (int copy = 0; copy < 2; copy++) {
		read_area(0, area);
		area[copy * RAID_SUPER_COPY_SIZE + 600] ^= 1;
		write_area(0, area);
		come(0);
		come(1);
		expect(RAID_ONLINE, 2, 2);
		/* Both are whole again. */
		end();
		read_area(0, area);
		assert_memory_equal(area, area + RAID_SUPER_COPY_SIZE, 512 + 96 * 2);
	}
	area[600] ^= 1;
	area[RAID_SUPER_COPY_SIZE + 600] ^= 1;
	write_area(0, area);
	assert_int_equal(read_super(0), RAID_SUPER_UNUSABLE);
	come(0);
	assert_true(TAILQ_EMPTY(&g_raids));
	go(0);
	fixture_rpc_expect_error(-EEXIST,
		"Failed to create RAID bdev x: a member holds the superblock of an array. If that is not needed any "
		"more, say overwrite_superblocks",
		"bdev_raid_create", "{'name': 'x', 'raid_level': 'concat', 'strip_size_kb': 4, 'base_bdevs': ['d0']}");
	/* Whatever it was, it still is. */
	read_area(0, g_area);
	assert_memory_equal(area, g_area, sizeof(area));
	fixture_stop();
}

/* ---- Superblocks of the first implementation ---- */

/* By the layout that its users know, not by raid_foreign.c. */
static void
make_foreign(uint8_t *area, uint32_t level, uint64_t sequence, int num_members, const uint32_t *states)
{
	struct spdk_uuid uuid;
	uint32_t length = 256 + 64 * (uint32_t)num_members;

	memset(area, 0, RAID_SUPER_SIZE);
	memcpy(area, "SPDKRAID", 8);
	to_le16(area + 8, 1);
	to_le32(area + 12, length);
	spdk_uuid_parse(&uuid, UUID);
	memcpy(area + 24, &uuid, 16);
	strcpy((char *)area + 40, "r");
	to_le64(area + 104, DISK_BLOCKS - 2048);
	to_le32(area + 112, BLOCK);
	to_le32(area + 116, level);
	to_le64(area + 128, sequence);
	area[136] = area[255] = (uint8_t)num_members;
	for (int i = 0; i < num_members; i++) {
		uint8_t *entry = area + 256 + 64 * i;
		char text[SPDK_UUID_STRING_LEN];

		snprintf(text, sizeof(text), "5d1a0d7e-0000-4000-8000-00000000000%d", i % 10);
		spdk_uuid_parse(&uuid, text);
		memcpy(entry, &uuid, 16);
		to_le64(entry + 16, 2048);
		to_le64(entry + 24, DISK_BLOCKS - 2048);
		to_le32(entry + 32, states[i]);
		entry[40] = (uint8_t)i;
	}
	to_le32(area + 16, spdk_crc32c_update(area, length, 0));
}

/* With strips of 8 blocks. */
static void
make_foreign_stripes(uint8_t *area, uint32_t level, uint64_t sequence, int num_members, const uint32_t *states)
{
	make_foreign(area, level, sequence, num_members, states);
	to_le64(area + 104, (uint64_t)(num_members - 1) * (DISK_BLOCKS - 2048));
	to_le32(area + 120, 8);
	to_le32(area + 16, 0);
	to_le32(area + 16, spdk_crc32c_update(area, 256 + 64 * (uint32_t)num_members, 0));
}

static void
those_of_the_first_implementation_are_kept(void **state)
{
	static const uint32_t all[] = {1, 1}, first_missing[] = {0, 1};
	uint8_t area[RAID_SUPER_SIZE];

	begin(1, 2);
	go(0);
	go(1);
	for (int disk = 0; disk < 2; disk++) {
		make_foreign(area, 1, 5, 2, all);
		write_area(disk, area);
	}
	come(1);
	expect(RAID_CONFIGURING, 1, 2);
	come(0);
	expect(RAID_ONLINE, 2, 2);
	fill_array(1);
	/* What it becomes is said in the same words. */
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	fill_array(2);
	end();
	make_foreign(area, 1, 7, 2, first_missing);
	read_area(1, g_area);
	assert_memory_equal(g_area, area, 256 + 64 * 2);
	make_foreign(area, 1, 6, 2, all);
	read_area(0, g_area);
	assert_memory_equal(g_area, area, 256 + 64 * 2);
	come(0);
	come(1);
	expect(RAID_ONLINE, 1, 1);
	expect_array(2);
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm0'}");
	wait_for_rebuild();
	expect(RAID_ONLINE, 2, 2);
	end();
	fixture_stop();
}

/* The level that has parity there. */
static void
foreign_stripes_lie_where_they_did(void **state)
{
	static const uint32_t all[] = {1, 1, 1}, first_missing[] = {0, 1, 1};
	uint8_t area[RAID_SUPER_SIZE], stripe[16 * BLOCK], again[16 * BLOCK];
	struct raid *raid;

	begin(1, 3);
	for (int disk = 0; disk < 3; disk++) {
		go(disk);
		make_foreign_stripes(area, 0x5f, 5, 3, all);
		write_area(disk, area);
	}
	for (int disk = 2; disk >= 0; disk--) {
		come(disk);
	}
	raid = expect(RAID_ONLINE, 3, 3);
	assert_true(raid->ops == &g_raid5f_ops);
	assert_int_equal(raid->bdev.blockcnt, 2 * (DISK_BLOCKS - 2048));
	assert_int_equal(raid->bdev.write_unit_size, 16);
	for (size_t i = 0; i < sizeof(stripe); i++) {
		stripe[i] = (uint8_t)(i / 512 + i);
	}
	transfer("r", true, stripe, 0, 16);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	transfer("r", false, again, 0, 16);
	assert_memory_equal(stripe, again, sizeof(stripe));
	end();
	/* Parity of the first stripe is on the last slot. */
	transfer("d0", false, again, 2048, 8);
	assert_memory_equal(stripe, again, 8 * BLOCK);
	transfer("d1", false, again, 2048, 8);
	assert_memory_equal(stripe + 8 * BLOCK, again, 8 * BLOCK);
	make_foreign_stripes(area, 0x5f, 7, 3, first_missing);
	read_area(2, g_area);
	assert_memory_equal(g_area, area, 256 + 64 * 3);
	fixture_stop();
}

static void
foreign_ones_that_are_not_known_are_left_alone(void **state)
{
	static const uint32_t all[] = {1, 1, 1, 1};
	uint8_t area[RAID_SUPER_SIZE];

	begin(1, 2);
	go(0);
	/* These are levels here, and would be others there. */
	for (uint32_t level = 5; level <= 6; level++) {
		make_foreign_stripes(area, level, 5, 4, all);
		write_area(0, area);
		come(0);
		assert_true(TAILQ_EMPTY(&g_raids));
		go(0);
		read_area(0, g_area);
		assert_memory_equal(g_area, area, sizeof(area));
	}
	make_foreign(area, 7, 5, 2, all);
	write_area(0, area);
	come(0);
	assert_true(TAILQ_EMPTY(&g_raids));
	fixture_rpc_expect_error(-EEXIST,
		"Failed to create RAID bdev x: a member holds the superblock of an array. If that is not needed any "
		"more, say overwrite_superblocks",
		"bdev_raid_create",
		"{'name': 'x', 'raid_level': 'raid1', 'base_bdevs': ['m0', 'm1'], 'superblock': true}");
	go(0);
	read_area(0, g_area);
	assert_memory_equal(g_area, area, sizeof(area));
	fixture_stop();
}

/* ---- Members of an array that waits ---- */

static void
members_of_one_that_waits_come_and_go(void **state)
{
	struct raid *raid;

	begin(1, 3);
	go(2);
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'r', 'raid_level': 'raid0', 'strip_size_kb': 4, 'base_bdevs': ['m0', 'm1', 'm2']}");
	raid = expect(RAID_CONFIGURING, 2, 3);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm1'}");
	expect(RAID_CONFIGURING, 1, 3);
	assert_null(raid->members[1].desc);
	fixture_rpc_expect_error(-ENODEV, "Failed to add base bdev x to RAID bdev r: there is no such bdev",
		"bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'x'}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm1'}");
	expect(RAID_CONFIGURING, 2, 3);
	/* A bdev of another name with the UUID of one that has gone. */
	go(0);
	expect(RAID_CONFIGURING, 1, 3);
	fixture_rpc_expect("\"new\"", "bdev_passthru_create",
		"{'base_bdev_name': 'd0', 'name': 'new', 'uuid': '5d1a0d7e-0000-4000-8000-000000000000'}");
	fixture_settle();
	expect(RAID_CONFIGURING, 2, 3);
	assert_string_equal(raid->members[0].name, "new");
	come(2);
	expect(RAID_ONLINE, 3, 3);
	/* It cannot do without one; it is listed until the last one goes. */
	go(2);
	expect(RAID_OFFLINE, 2, 2);
	go(1);
	expect(RAID_OFFLINE, 1, 2);
	fixture_rpc_expect("true", "bdev_passthru_delete", "{'name': 'new'}");
	fixture_settle();
	assert_true(TAILQ_EMPTY(&g_raids));
	fixture_stop();
}

/* The first one that waits for it gets it; the other one goes on waiting. */
static void
a_bdev_is_member_of_one_array(void **state)
{
	begin(1, 3);
	go(0);
	fixture_rpc_expect(
		"true", "bdev_raid_create", "{'name': 'x', 'raid_level': 'raid1', 'base_bdevs': ['m0', 'm1']}");
	fixture_rpc_expect(
		"true", "bdev_raid_create", "{'name': 'r', 'raid_level': 'raid1', 'base_bdevs': ['m0', 'm2']}");
	fixture_rpc_expect_error(-EPERM,
		"Failed to create RAID bdev y: a member is claimed by another module, or listed twice",
		"bdev_raid_create", "{'name': 'y', 'raid_level': 'raid1', 'base_bdevs': ['m1', 'd0']}");
	fixture_rpc_expect_error(-EPERM,
		"Failed to create RAID bdev y: a member is claimed by another module, or listed twice",
		"bdev_raid_create", "{'name': 'y', 'raid_level': 'raid1', 'base_bdevs': ['d0', 'd0']}");
	assert_null(raid_find("y"));
	come(0);
	assert_int_equal(raid_find("x")->state, RAID_ONLINE);
	expect(RAID_CONFIGURING, 1, 2);
	fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'x'}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm0'}");
	expect(RAID_ONLINE, 2, 2);
	end();
	fixture_stop();
}

/* The smallest one says how large it is, also when it is put together again. */
static void
members_of_unequal_size(void **state)
{
	begin(1, 3);
	fixture_rpc("bdev_malloc_create", "{'name': 'large', 'num_blocks': %d, 'block_size': %d}", DISK_BLOCKS + 1000,
		BLOCK);
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'r', 'raid_level': 'raid1', 'superblock': true, 'base_bdevs': ['large', 'm0', 'm1']}");
	assert_int_equal(expect(RAID_ONLINE, 3, 3)->bdev.blockcnt, DISK_BLOCKS - 2048);
	fill_array(1);
	end();
	/* The large one has been there all the time. */
	come(1);
	expect(RAID_CONFIGURING, 2, 3);
	come(0);
	assert_int_equal(expect(RAID_ONLINE, 3, 3)->bdev.blockcnt, DISK_BLOCKS - 2048);
	expect_array(1);
	end();
	fixture_stop();
}

/* ---- Losing and growing ---- */

static void
rebuild_ends_with_its_target(void **state)
{
	struct raid *raid;

	begin(1, 3);
	create("raid1", 2);
	fill_array(1);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 1, 'process_window_size_kb': 64}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm2'}");
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	raid = expect(RAID_ONLINE, 2, 2);
	assert_non_null(raid->process);
	go(2);
	expect(RAID_ONLINE, 1, 1);
	wait_for_rebuild();
	expect_array(1);
	/* Nothing of it is trusted afterwards. */
	end();
	come(2);
	expect(RAID_CONFIGURING, 1, 1);
	come(1);
	raid = expect(RAID_ONLINE, 1, 1);
	assert_string_equal(raid->members[1].name, "m1");
	end();
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 0, 'process_window_size_kb': 1024}");
	fixture_stop();
}

/* What is being rebuilt is no copy yet. */
static void
it_fails_with_its_last_good_member(void **state)
{
	begin(1, 3);
	create("raid1", 2);
	fixture_rpc_expect("true", "bdev_raid_remove_base_bdev", "{'name': 'm0'}");
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 1, 'process_window_size_kb': 64}");
	fixture_rpc_expect("true", "bdev_raid_add_base_bdev", "{'raid_bdev': 'r', 'base_bdev': 'm2'}");
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	go(1);
	assert_int_equal(raid_find("r")->state, RAID_OFFLINE);
	assert_null(spdk_bdev_get_by_name("r"));
	go(2);
	assert_true(TAILQ_EMPTY(&g_raids));
	/* It is whole again when they come back. */
	fixture_rpc_expect(
		"true", "bdev_raid_set_options", "{'process_max_bandwidth_mb_sec': 0, 'process_window_size_kb': 1024}");
	come(2);
	come(1);
	wait_for_rebuild();
	expect(RAID_ONLINE, 2, 2);
	end();
	fixture_stop();
}

static uint64_t
size_of_array(void)
{
	return spdk_bdev_get_num_blocks(spdk_bdev_get_by_name("r"));
}

static void
it_grows_when_all_have_grown(void **state)
{
	uint64_t sequence;

	begin(1, 0);
	for (int superblock = 0; superblock < 2; superblock++) {
		uint64_t offset = superblock ? 2048 : 0;

		fixture_rpc("bdev_null_create", "{'name': 'a', 'num_blocks': 131072, 'block_size': 512}");
		fixture_rpc("bdev_null_create", "{'name': 'b', 'num_blocks': 131072, 'block_size': 512}");
		fixture_rpc_expect("true", "bdev_raid_create",
			"{'name': 'r', 'raid_level': 'raid1', 'base_bdevs': ['a', 'b'], 'superblock': %s}",
			superblock ? "true" : "false");
		assert_int_equal(size_of_array(), 131072 - offset);
		fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'a', 'new_size': 100}");
		fixture_settle();
		assert_int_equal(size_of_array(), 131072 - offset);
		sequence = superblock ? raid_superblock_get_sequence(raid_find("r")) : 0;
		fixture_rpc_expect("true", "bdev_null_resize", "{'name': 'b', 'new_size': 100}");
		fixture_settle();
		assert_int_equal(size_of_array(), 204800 - offset);
		if (superblock) {
			assert_int_equal(raid_superblock_get_sequence(raid_find("r")), sequence + 1);
		}
		fixture_rpc_expect("true", "bdev_raid_delete", "{'name': 'r'}");
		fixture_rpc("bdev_null_delete", "{'name': 'a'}");
		fixture_rpc("bdev_null_delete", "{'name': 'b'}");
	}
	fixture_stop();
}

/* ---- At any moment ---- */

static uint64_t g_asked, g_answered, g_seeds_online;

static void
answered_cb(void *arg, int rc, const char *why)
{
	assert_true(rc <= 0);
	g_answered++;
}

static void
gone_cb(void *arg)
{
	free(arg);
	g_answered++;
}

static struct raid_waiter *
waiter(void)
{
	struct raid_waiter *one = calloc(1, sizeof(*one));

	assert_non_null(one);
	*one = (struct raid_waiter){.cb = gone_cb, .arg = one};
	return one;
}

static struct raid *
any_array(void)
{
	uint32_t count = bdk_sim_random(3);
	struct raid *raid = TAILQ_FIRST(&g_raids);

	while (raid != NULL && count-- > 0 && TAILQ_NEXT(raid, link) != NULL) {
		raid = TAILQ_NEXT(raid, link);
	}
	return raid;
}

static void
ask_for_creation(void)
{
	static const struct raid_level_ops *const levels[] = {
		&g_raid0_ops, &g_raid1_ops, &g_concat_ops, &g_raid5_ops, &g_raid6_ops};
	char text[4][8], *names[4];
	struct raid_opts opts = {
		.name = bdk_sim_random(2) == 0 ? "r" : "s",
		.ops = levels[bdk_sim_random(SPDK_COUNTOF(levels))],
		.members = names,
		.num_members = 2 + bdk_sim_random(3),
		.superblock = bdk_sim_random(4) != 0,
		.policy = RAID_NUM_POLICIES,
		.overwrite = bdk_sim_random(3) == 0,
	};

	opts.strip_size_kb = opts.ops->has_strips ? 4 : 0;
	for (size_t i = 0; i < opts.num_members; i++) {
		snprintf(text[i], sizeof(text[i]), "m%u", (unsigned int)bdk_sim_random(MAX_DISKS) % 10);
		names[i] = text[i];
	}
	g_asked++;
	raid_create(&opts, answered_cb, NULL);
}

static void
ask_for_something(void)
{
	struct raid *raid = any_array();
	const char *why;
	char name[8];

	snprintf(name, sizeof(name), "m%u", (unsigned int)bdk_sim_random(MAX_DISKS) % 10);
	switch (bdk_sim_random(8)) {
	case 0:
	case 1:
		ask_for_creation();
		break;
	case 2:
		if (raid != NULL) {
			g_asked++;
			raid_delete(raid, bdk_sim_random(2) == 0, waiter());
		}
		break;
	case 3:
	case 4:
		if (raid != NULL) {
			g_asked++;
			raid_add_bdev(raid, name, bdk_sim_random(2) == 0, answered_cb, NULL);
		}
		break;
	case 5:
		if (raid_member_find(name) != NULL && raid_member_find(name)->desc != NULL) {
			g_asked++;
			raid_member_leave(raid_member_find(name), bdk_sim_random(2) == 0, waiter());
		}
		break;
	default:
		if (raid != NULL && raid_assemble_check(raid, true, &why) == 0) {
			g_asked++;
			raid_start(raid, answered_cb, NULL);
		}
		break;
	}
}

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
run_schedule(uint64_t seed)
{
	uint64_t online = 0;

	begin(seed, MAX_DISKS);
	for (int turn = 0; turn < 60; turn++) {
		int disk = (int)bdk_sim_random(MAX_DISKS);
		char name[8];

		snprintf(name, sizeof(name), "m%d", disk % 10);
		if (bdk_sim_random(4) != 0) {
			ask_for_something();
		} else if (spdk_bdev_get_by_name(name) != NULL) {
			fixture_rpc("bdev_passthru_delete", "{'name': '%s'}", name);
		} else {
			fixture_rpc("bdev_passthru_create",
				"{'base_bdev_name': 'd%d', 'name': '%s', 'uuid': "
				"'5d1a0d7e-0000-4000-8000-00000000000%d'}",
				disk, name, disk);
		}
		bdk_sim_run_for(bdk_sim_random(2) == 0 ? bdk_sim_random(30) : bdk_sim_random(3000));
		online += any_array() != NULL && any_array()->state == RAID_ONLINE;
	}
	fixture_settle();
	assert_int_equal(g_asked, g_answered);
	g_seeds_online += online > 0;
	fixture_stop();
	assert_true(TAILQ_EMPTY(&g_raids));
}

/* RAID_SEED=n: that one alone; RAID_COUNT=n: so many. */
static void
members_that_come_and_go_at_any_moment(void **state)
{
	uint64_t seed = get_number("RAID_SEED", 0), count = get_number("RAID_COUNT", 60);

	for (uint64_t i = 0; i < (seed != 0 ? 1 : count); i++) {
		g_asked = g_answered = 0;
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
		run_schedule(seed != 0 ? seed : i + 1);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	/* They did what they are for. */
	assert_true(seed != 0 || g_seeds_online > count / 2);
}

/* ---- Reset ---- */

/* It takes the superblocks that are being written off the members, which is no fault of theirs. */
static void
superblocks_outlive_a_reset(void **state)
{
	struct fixture_user user;
	struct fixture_io io = {};
	struct raid *raid;

	begin(1, 0);
	for (int disk = 0; disk < 3; disk++) {
		add_disk(disk);
		fixture_rpc("bdev_delay_create",
			"{'base_bdev_name': 'd%d', 'name': 's%d', 'avg_read_latency': 1000, 'p99_read_latency': 1000, "
			"'avg_write_latency': 1000, 'p99_write_latency': 1000}",
			disk, disk);
	}
	fixture_rpc_expect("true", "bdev_raid_create",
		"{'name': 'r', 'raid_level': 'raid1', 'superblock': true, 'base_bdevs': ['s0', 's1', 's2']}");
	raid = expect(RAID_ONLINE, 3, 3);
	assert_int_equal(fixture_user_open(&user, 0, "r"), 0);
	for (int i = 0; i < 4; i++) {
		g_asked++;
		raid_superblock_write(raid, waiter());
		bdk_sim_run_for(300 + 700 * (uint64_t)i);
		io = (struct fixture_io){};
		assert_true(fixture_io_wait(spdk_bdev_reset(user.desc, user.ch, fixture_io_cb, &io), &io));
		bdk_sim_run_for(20000);
		assert_int_equal(g_asked, g_answered);
		expect(RAID_ONLINE, 3, 3);
	}
	fixture_user_close(&user);
	fixture_stop();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_hold_what_the_array_is),
		cmocka_unit_test(data_begin_where_members_like_it),
		cmocka_unit_test(superblocks_are_not_overwritten_by_mistake),
		cmocka_unit_test(deleting_wipes_on_request),
		cmocka_unit_test(members_come_in_any_order),
		cmocka_unit_test(members_that_are_there_are_found),
		cmocka_unit_test(what_is_stale_is_not_used),
		cmocka_unit_test(of_one_number_what_was_finished_counts),
		cmocka_unit_test(one_that_returns_is_rebuilt),
		cmocka_unit_test(copies_are_not_used),
		cmocka_unit_test(interrupted_rebuild_goes_on),
		cmocka_unit_test(enough_members_prove_that_nothing_is_newer),
		cmocka_unit_test(time_that_nobody_lives_through_is_not_waited),
		cmocka_unit_test(half_a_mirror_needs_to_be_told),
		cmocka_unit_test(too_few_members_cannot_be_forced),
		cmocka_unit_test(a_copy_that_is_torn_is_not_needed),
		cmocka_unit_test(those_of_the_first_implementation_are_kept),
		cmocka_unit_test(foreign_stripes_lie_where_they_did),
		cmocka_unit_test(foreign_ones_that_are_not_known_are_left_alone),
		cmocka_unit_test(members_of_one_that_waits_come_and_go),
		cmocka_unit_test(a_bdev_is_member_of_one_array),
		cmocka_unit_test(members_of_unequal_size),
		cmocka_unit_test(rebuild_ends_with_its_target),
		cmocka_unit_test(it_fails_with_its_last_good_member),
		cmocka_unit_test(it_grows_when_all_have_grown),
		cmocka_unit_test(members_that_come_and_go_at_any_moment),
		cmocka_unit_test(superblocks_outlive_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
