/* SPDX-License-Identifier: BSD-3-Clause */

/* Arrays on disks in memory that fail where a test says, for what arrays do in the background. */

#ifndef RAID_PROCESS_FIXTURE_H
#define RAID_PROCESS_FIXTURE_H

#include "../bdev/mem_disk.h"

#include "module/bdev/raid/raid_process.h"
#include "spdk/util.h"

#define BLOCK 512
#define DISK_BLOCKS 512
#define MAX_DISKS 8
#define NUM_THREADS 3
#define STRIP_KB 4
#define WINDOW_KB 16

/* What fails on a disk. */
struct fault {
	bool reads;
	bool writes;
	bool flushes;
	uint64_t first;
	uint64_t end;
	/* So many more, and then no more; 0: all. */
	uint32_t count;
	/* A write makes it readable. */
	bool mended_by_write;
};

static struct mem_disk g_disks[MAX_DISKS];
static struct fault g_faults[MAX_DISKS];
static struct raid *g_raid;
static struct mem_user g_user;
static int g_rc;
static bool g_superblock;
static bool g_write_cache;
/* New disks hold garbage. */
static bool g_scribbles;
static uint64_t g_disk_blocks = DISK_BLOCKS;
/* Beside what all of these disks can. */
static uint64_t g_more_io_types;

static inline bool
fails(struct fault *fault, const struct spdk_bdev_io *bdev_io)
{
	uint64_t first = bdev_io->u.bdev.offset_blocks, end = first + bdev_io->u.bdev.num_blocks;
	bool is_read = bdev_io->type == SPDK_BDEV_IO_TYPE_READ;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_FLUSH ? !fault->flushes : is_read ? !fault->reads : !fault->writes) {
		if (fault->mended_by_write && bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE && first <= fault->first &&
			fault->end <= end) {
			*fault = (struct fault){};
		}
		return false;
	}
	if (first >= fault->end || fault->first >= end) {
		return false;
	}
	if (fault->count == 1) {
		*fault = (struct fault){};
	} else if (fault->count > 1) {
		fault->count--;
	}
	return true;
}

static inline void
observe(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters)
{
	if (enters) {
		disk->fail_status = fails(&g_faults[disk - g_disks], bdev_io) ? SPDK_BDEV_IO_STATUS_FAILED
									      : SPDK_BDEV_IO_STATUS_PENDING;
	}
}

static inline void
scribble(int disk)
{
	for (uint64_t i = 0; i < g_disks[disk].bdev.blockcnt * BLOCK; i += 8) {
		uint64_t r = bdk_sim_random(0);

		memcpy(g_disks[disk].data + i, &r, 8);
	}
}

static inline void
add_disk(int i)
{
	char name[16];

	snprintf(name, sizeof(name), "d%d", i);
	mem_disk_init(&g_disks[i], name, BLOCK, g_disk_blocks);
	g_disks[i].mode = MEM_DISK_MESSAGE;
	g_disks[i].observe = observe;
	g_disks[i].io_types |= g_more_io_types;
	g_disks[i].bdev.write_cache = g_write_cache;
	g_faults[i] = (struct fault){};
	mem_disk_add(&g_disks[i]);
	if (g_scribbles) {
		scribble(i);
	}
}

static inline void
wait_for_process(void)
{
	for (int i = 0; i < 10000 && g_raid->process != NULL; i++) {
		bdk_sim_run_for(1000);
	}
	assert_null(g_raid->process);
}

static inline void
run_for_s(uint32_t seconds)
{
	bdk_sim_run_for(seconds * SPDK_SEC_TO_USEC);
}

static inline void
done_cb(void *arg, int rc, const char *why)
{
	g_rc = rc;
}

static inline void
create(const char *level, int num_disks)
{
	char names[MAX_DISKS][16];
	char *members[MAX_DISKS];
	struct raid_opts opts = {
		.name = "raid", .members = members, .num_members = num_disks, .policy = RAID_NUM_POLICIES};

	opts.superblock = g_superblock;
	opts.ops = raid_level_by_name(level);
	opts.strip_size_kb = opts.ops->has_strips ? STRIP_KB : 0;
	for (int i = 0; i < num_disks; i++) {
		add_disk(i);
		snprintf(names[i], sizeof(names[i]), "d%d", i);
		members[i] = names[i];
	}
	g_rc = 1;
	ON(0, raid_create(&opts, done_cb, NULL));
	bdk_sim_run_for(1000);
	assert_int_equal(g_rc, 0);
	g_raid = raid_find("raid");
	mem_user_open_name(&g_user, "raid", NUM_THREADS, true);
}

static inline void
start(uint64_t seed, const char *level, int num_disks)
{
	bdev_sim_start(seed, NUM_THREADS);
	g_raid_process_options = (struct raid_process_options){.window_size_kb = WINDOW_KB};
	create(level, num_disks);
}

/* The same with superblocks, and as much room for data. */
static inline void
start_with_superblock(uint64_t seed, const char *level, int num_disks)
{
	g_superblock = true;
	g_disk_blocks = DISK_BLOCKS + (1024 * 1024) / BLOCK;
	start(seed, level, num_disks);
	g_superblock = false;
	g_disk_blocks = DISK_BLOCKS;
}

static inline void
gone_cb(void *arg)
{
	*(bool *)arg = true;
}

static inline void
stop(void)
{
	bool gone = false;
	struct raid_waiter waiter = {.cb = gone_cb, .arg = &gone};

	mem_user_close(&g_user);
	if (raid_find("raid") != NULL) {
		ON(0, raid_delete(g_raid, false, &waiter));
		for (int i = 0; i < 1000 && !gone; i++) {
			bdk_sim_run_for(10000);
		}
		assert_true(gone);
	}
	bdev_sim_stop();
	for (int i = 0; i < MAX_DISKS; i++) {
		free(g_disks[i].data);
		free(g_disks[i].md);
		memset(&g_disks[i], 0, sizeof(g_disks[i]));
	}
}

/* ---- Members ---- */

static inline void
leave(int slot)
{
	ON(0, raid_member_leave(&g_raid->members[slot], false, NULL));
}

/* A disk becomes a member, in the first slot that is free. */
static inline void
join(int disk)
{
	g_rc = 1;
	ON(0, raid_add_bdev(g_raid, g_disks[disk].name, false, done_cb, NULL));
	for (int i = 0; i < 1000 && g_rc == 1; i++) {
		bdk_sim_run_for(1);
	}
	assert_int_equal(g_rc, 0);
}

/* The same in the slot of a member that leaves. */
static inline void
replace(int slot, int disk)
{
	leave(slot);
	bdk_sim_run_for(10000);
	join(disk);
}

/* ---- What is where ---- */

static inline void
fill(uint8_t *buf, uint64_t block, uint32_t num_blocks, uint32_t version)
{
	for (uint32_t i = 0; i < num_blocks; i++) {
		uint64_t tag[2] = {block + i, version};

		memset(buf + i * BLOCK, version * 31 + block + i, BLOCK);
		if (version > 0) {
			memcpy(buf + i * BLOCK, tag, sizeof(tag));
		} else {
			memset(buf + i * BLOCK, 0, BLOCK);
		}
	}
}

/* One I/O from a thread, until it has ended. */
struct one_io {
	struct mem_io io;
	enum spdk_bdev_io_type type;
	uint8_t *buf;
	uint64_t block;
	uint32_t num_blocks;
};

static inline int
submit_io(struct one_io *one)
{
	struct spdk_io_channel *ch = g_user.ch[one->io.thread];

	switch (one->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_read_blocks(
			g_user.desc, ch, one->buf, one->block, one->num_blocks, mem_io_done_cb, &one->io);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_bdev_write_blocks(
			g_user.desc, ch, one->buf, one->block, one->num_blocks, mem_io_done_cb, &one->io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(g_user.desc, ch, one->block, one->num_blocks, mem_io_done_cb, &one->io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(g_user.desc, ch, mem_io_done_cb, &one->io);
	default:
		return spdk_bdev_flush_blocks(g_user.desc, ch, one->block, one->num_blocks, mem_io_done_cb, &one->io);
	}
}

static inline void
begin_io(struct one_io *one, uint32_t thread, enum spdk_bdev_io_type type, void *buf, uint64_t block,
	uint32_t num_blocks)
{
	*one = (struct one_io){.type = type, .buf = buf, .block = block, .num_blocks = num_blocks};
	one->io.thread = thread;
	ON(thread, assert_int_equal(submit_io(one), 0));
}

static inline bool
do_io(enum spdk_bdev_io_type type, void *buf, uint64_t block, uint32_t num_blocks)
{
	struct one_io one;

	begin_io(&one, 1, type, buf, block, num_blocks);
	for (int i = 0; i < 1000 && one.io.done == 0; i++) {
		bdk_sim_run_for(1000);
	}
	assert_int_equal(one.io.done, 1);
	return one.io.success;
}

static inline void
write_all(uint32_t version)
{
	uint8_t buf[32 * BLOCK];

	for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block += 32) {
		uint32_t num_blocks = (uint32_t)spdk_min(32, g_raid->bdev.blockcnt - block);

		fill(buf, block, num_blocks, version);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_WRITE, buf, block, num_blocks));
	}
}

static inline void
expect_all(uint32_t version)
{
	uint8_t buf[32 * BLOCK], wanted[32 * BLOCK];

	for (uint64_t block = 0; block < g_raid->bdev.blockcnt; block += 32) {
		uint32_t num_blocks = (uint32_t)spdk_min(32, g_raid->bdev.blockcnt - block);

		fill(wanted, block, num_blocks, version);
		assert_true(do_io(SPDK_BDEV_IO_TYPE_READ, buf, block, num_blocks));
		assert_memory_equal(buf, wanted, num_blocks * BLOCK);
	}
}

/* How many blocks a scrub finds that do not agree. */
static inline uint64_t
scrub(enum raid_scrub_mode mode)
{
	ON(0, assert_int_equal(raid_process_start_scrub(g_raid, mode), 0));
	assert_non_null(g_raid->process);
	wait_for_process();
	return g_raid->num_mismatches;
}

#endif /* RAID_PROCESS_FIXTURE_H */
