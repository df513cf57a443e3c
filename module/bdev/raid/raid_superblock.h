/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What an array keeps of itself on its members, so that examining can put it together again. doc/raid-format.md has the
 * bytes; raid_format.c reads and writes them, and raid_foreign.c those of another program. Neither knows of bdevs.
 */

#ifndef MODULE_BDEV_RAID_SUPERBLOCK_H
#define MODULE_BDEV_RAID_SUPERBLOCK_H

#include "module/bdev/raid/raid.h"

/* There are two copies, one behind the other, at the beginning of a member. */
#define RAID_SUPER_COPY_SIZE (32u * 1024)
#define RAID_SUPER_SIZE (2 * RAID_SUPER_COPY_SIZE)
/* All that comes before the journal, or before the data if there is none. */
#define RAID_SUPER_AREA_SIZE (1024u * 1024)

struct raid_super_slot {
	/* Of the member, not of its bdev; and that of the bdev, when it was last seen. */
	struct spdk_uuid id;
	struct spdk_uuid bdev_uuid;
	enum raid_slot_state state;
	/* In blocks. */
	uint64_t data_offset;
	uint64_t data_size;
	/* While it is being rebuilt; and whether it lacks only what the bitmap says. */
	uint64_t in_sync_until;
	bool lacks_dirty_only;
	/* Of the first superblock that said that it had left; 0: it has not. */
	uint64_t left_sequence;
};

/* What a superblock says. */
struct raid_super {
	/* It is of the first implementation of this interface. */
	bool foreign;
	uint64_t sequence;
	/* The array was ended properly: all members agree. */
	bool clean;
	struct spdk_uuid uuid;
	/* Of the member that it was found on. */
	struct spdk_uuid id;
	char name[RAID_NAME_SIZE];
	const struct raid_level_ops *ops;
	enum raid_policy policy;
	/* Of the data. */
	uint32_t block_size;
	uint32_t md_size;
	uint32_t strip_size;
	uint64_t num_blocks;
	uint64_t region_blocks;
	uint64_t journal_blocks;
	uint64_t resync_offset;
	uint8_t num_slots;
	struct raid_super_slot slots[RAID_MAX_MEMBERS];
};

enum raid_super_kind {
	RAID_SUPER_NONE,
	RAID_SUPER_GOOD,
	/* There is one, but it cannot be used: it is damaged, or says things that nobody here knows of. */
	RAID_SUPER_UNUSABLE,
};

/*
 * Looks into what a member begins with, without metadata: RAID_SUPER_SIZE bytes, or less if the member has less. why: a
 * sentence, of one that is unusable.
 */
enum raid_super_kind raid_super_parse(
	const void *data, size_t size, const struct spdk_uuid *bdev_uuid, struct raid_super *super, const char **why);

/* Makes a copy for the member of a slot in RAID_SUPER_COPY_SIZE bytes. Returns how many there are; the rest is left alone. */
size_t raid_super_encode(const struct raid_super *super, uint8_t slot, void *copy);
size_t raid_super_get_size(const struct raid_super *super);

/* The same for those of the first implementation, of which there is one copy; parsing needs at least 256 bytes. */
enum raid_super_kind raid_foreign_parse(
	const void *data, size_t size, const struct spdk_uuid *bdev_uuid, struct raid_super *super, const char **why);
size_t raid_foreign_encode(const struct raid_super *super, uint8_t slot, void *copy);
size_t raid_foreign_get_size(const struct raid_super *super);

/* Whether data begin as one of those do. */
bool raid_foreign_is_there(const void *data, size_t size);

/* What both have to say in the same way. Returns NULL if it may be, or what may not. */
const char *raid_super_check(const struct raid_super *super);

/* ---- raid_load.c; application thread only ---- */

/* super: as long as cb runs, and only if it is good. rc: 0, or why the bdev cannot be read. */
typedef void (*raid_load_cb)(
	void *arg, int rc, enum raid_super_kind kind, const struct raid_super *super, const char *why);

/*
 * Looks whether there is a superblock on a bdev. Returns 0, and then cb is called once, also if the bdev does not answer;
 * or a negative errno.
 */
int raid_load(struct spdk_bdev *bdev, raid_load_cb cb, void *arg);

/* ---- raid_superblock.c; application thread only ---- */

/* Whether members of that bdev's form can have superblocks; *why is a sentence if not. */
int raid_superblock_check(const struct spdk_bdev *bdev, const char **why);
/* Where the data of a new member begin. */
uint64_t raid_superblock_get_data_offset(const struct raid *raid, const struct spdk_bdev *bdev);

/* What raid_superblock_write() needs of an array that has superblocks, or is to get them: 0 or -ENOMEM. */
int raid_superblock_alloc(struct raid *raid, bool foreign, uint64_t sequence);
void raid_superblock_free(struct raid *raid);
/* Of the last one that was written, or read. */
uint64_t raid_superblock_get_sequence(const struct raid *raid);
void raid_superblock_set_sequence(struct raid *raid, uint64_t sequence);
bool raid_superblock_is_foreign(const struct raid *raid);
/* The same of a member, which is open: 0 or -ENOMEM. */
int raid_superblock_attach(struct raid_member *member);
void raid_superblock_detach(struct raid_member *member);

/* As raid_superblock_write(), and there is nothing behind it: the array ends properly. */
void raid_superblock_write_clean(struct raid *raid, struct raid_waiter *waiter);
/* Overwrites those of all members that are there with zeroes. */
void raid_superblock_wipe(struct raid *raid, struct raid_waiter *waiter);

/* ---- raid_assemble.c; application thread only ---- */

/* For a bdev that nobody has: it becomes a member of the array that it says it is of. done is called once. */
void raid_assemble(struct spdk_bdev *bdev, raid_cb done, void *arg);
/* Whether who has that superblock may come back into an array at work. Returns NULL and the member, or why not. */
const char *raid_assemble_check_return(struct raid *raid, const struct raid_super *super, struct raid_member **member);

#endif /* MODULE_BDEV_RAID_SUPERBLOCK_H */
