/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * GUID partition tables: what stands on the disk, checked, in numbers that can be relied on. There is no I/O here. All that
 * comes from a disk may be anything: nothing is read beyond the buffers, whose sizes do not depend on what is in them.
 */

#ifndef MODULE_BDEV_GPT_TABLE_H
#define MODULE_BDEV_GPT_TABLE_H

#include "spdk/gpt_spec.h"
#include "spdk/uuid.h"

/* Bytes of all entries together that are read at most: 1024 of the usual size. 16 KiB are usual. */
#define GPT_MAX_ENTRIES_SIZE (128 * 1024)

/* 36 units of UTF-16 take up to three bytes each in UTF-8. */
#define GPT_NAME_SIZE (36 * 3 + 1)

/* A disk as the table sees it: block_size is without metadata, and a multiple of 512. */
struct gpt_disk {
	uint32_t block_size;
	uint64_t num_blocks;
};

/* A header that was found good. */
struct gpt_header {
	uint64_t first_usable;
	uint64_t last_usable;
	uint64_t entries_lba;
	uint32_t num_entries;
	uint32_t entry_size;
	uint32_t entries_crc;
};

struct gpt_partition {
	/* Place in the table, from 0. */
	uint32_t index;
	uint64_t first_block;
	uint64_t num_blocks;
	struct spdk_uuid type;
	/* Of this partition alone. */
	struct spdk_uuid unique;
	/* UTF-8, whatever stands in the table. */
	char name[GPT_NAME_SIZE];
};

/* The UUID of which the GUID is the form on disk. */
struct spdk_uuid gpt_guid_to_uuid(const struct spdk_gpt_guid *guid);

/* Whether block 0 says that the disk has a table; 512 bytes of it are looked at. */
bool gpt_mbr_is_protective(const void *block);

/*
 * Checks the header in a block, which was read from lba. Its entries are where they can be read, outside of the partitions
 * and in at most GPT_MAX_ENTRIES_SIZE bytes, and the partitions may lie between first_usable and last_usable. Returns
 * NULL, or a phrase that says what is wrong with it.
 */
const char *gpt_header_read(const struct gpt_disk *disk, const void *block, uint64_t lba, struct gpt_header *header);

/* Blocks that the entries take. */
uint64_t gpt_entries_num_blocks(const struct gpt_disk *disk, const struct gpt_header *header);

/* Whether these are the entries that the header tells of. */
bool gpt_entries_are_good(const struct gpt_header *header, const void *entries);

/*
 * Reads an entry of good entries; index < num_entries. Returns 0; -ENOENT if there is no partition; -EINVAL with a phrase
 * in *why: it lies outside of what the disk has for partitions, or on one that stands before it in the table.
 */
int gpt_entry_read(const struct gpt_header *header, const void *entries, uint32_t index,
	struct gpt_partition *partition, const char **why);

#endif /* MODULE_BDEV_GPT_TABLE_H */
