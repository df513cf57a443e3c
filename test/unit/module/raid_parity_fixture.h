/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * An array with parity on disks in memory, and what has to lie on them, worked out apart from the module: bit by bit, and
 * from what doc/raid-format.md says of the layout.
 */

#ifndef RAID_PARITY_FIXTURE_H
#define RAID_PARITY_FIXTURE_H

#include "../bdev/mem_disk.h"

#include "module/bdev/raid/raid_parity.h"

#define MAX_DISKS 10

static struct mem_disk g_disks[MAX_DISKS];
static int g_num_disks;
static struct raid *g_raid;
static struct mem_user g_user;

static inline bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

/* ---- The field, slowly ---- */

static inline uint8_t
slow_multiply(uint8_t a, uint8_t b)
{
	uint8_t sum = 0;

	for (; b != 0; b >>= 1) {
		sum ^= b & 1 ? a : 0;
		a = (uint8_t)(a & 0x80 ? (a << 1) ^ 0x1d : a << 1);
	}
	return sum;
}

/* ---- The layout ---- */

static inline int
num_parity(void)
{
	return strcmp(g_raid->ops->name, "raid6") == 0 ? 2 : 1;
}

static inline int
num_data(void)
{
	return g_num_disks - num_parity();
}

static inline int
disk_of_p(uint64_t stripe)
{
	return g_num_disks - 1 - (int)(stripe % (uint64_t)g_num_disks);
}

/* The disk that has Q of a stripe, or one that there is not. */
static inline int
disk_of_q(uint64_t stripe)
{
	return num_parity() == 2 ? (disk_of_p(stripe) + 1) % g_num_disks : g_num_disks;
}

static inline int
disk_of_data(uint64_t stripe, int column)
{
	for (int disk = 0;; disk++) {
		if (disk == disk_of_p(stripe) || disk == disk_of_q(stripe)) {
			continue;
		}
		if (column-- == 0) {
			return disk;
		}
	}
}

/* Where a block of the array lies. */
static inline int
find_block(uint64_t block, uint64_t *row)
{
	uint64_t strip = g_raid->strip_size, stripe = block / (strip * num_data());

	*row = stripe * strip + block % strip;
	return disk_of_data(stripe, (int)(block / strip % (uint64_t)num_data()));
}

/* Whether the bytes of a row of all disks are the parity of each other; of data or of metadata. */
static inline bool
row_agrees(uint64_t row, bool md)
{
	uint64_t stripe = row / g_raid->strip_size;
	uint64_t size = md ? g_disks[0].bdev.md_len : g_disks[0].bdev.blocklen;

	for (uint64_t i = row * size; i < (row + 1) * size; i++) {
		uint8_t p = 0, q = 0, power = 1;

		for (int column = 0; column < num_data(); column++) {
			const struct mem_disk *disk = &g_disks[disk_of_data(stripe, column)];
			uint8_t byte = md ? disk->md[i] : disk->data[i];

			p ^= byte;
			q ^= slow_multiply(byte, power);
			power = slow_multiply(power, 2);
		}
		if (p != (md ? g_disks[disk_of_p(stripe)].md : g_disks[disk_of_p(stripe)].data)[i]) {
			return false;
		}
		if (num_parity() == 2 &&
			q != (md ? g_disks[disk_of_q(stripe)].md : g_disks[disk_of_q(stripe)].data)[i]) {
			return false;
		}
	}
	return true;
}

/* ---- Arrays ---- */

static inline void
created_cb(void *arg, int rc, const char *why)
{
	if (rc != 0) {
		fail_msg("%d: %s", rc, why);
	}
}

static inline void
create_array(const char *level, int num_disks, uint32_t strip_kb)
{
	char names[MAX_DISKS][16];
	char *members[MAX_DISKS];
	struct raid_opts opts = {.name = "r",
		.ops = raid_level_by_name(level),
		.strip_size_kb = strip_kb,
		.members = members,
		.num_members = (size_t)num_disks,
		.policy = RAID_NUM_POLICIES};

	g_num_disks = num_disks;
	for (int i = 0; i < num_disks; i++) {
		snprintf(names[i], sizeof(names[i]), "d%d", i);
		members[i] = names[i];
	}
	ON(0, raid_create(&opts, created_cb, NULL));
	bdk_sim_run_until_idle();
	g_raid = raid_find("r");
	assert_non_null(g_raid);
	assert_int_equal(g_raid->state, RAID_ONLINE);
}

static inline void
deleted_cb(void *arg)
{
	*(bool *)arg = true;
}

static inline void
delete_array(void)
{
	bool deleted = false;
	struct raid_waiter waiter = {.cb = deleted_cb, .arg = &deleted};
	struct raid_waiter *to_wait = &waiter;

	ON(0, raid_delete(g_raid, false, to_wait));
	bdk_sim_run_for(1000);
	assert_true(deleted);
	g_raid = NULL;
}

#endif /* RAID_PARITY_FIXTURE_H */
