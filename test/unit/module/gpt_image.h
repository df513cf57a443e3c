/* SPDX-License-Identifier: BSD-3-Clause */

/* GUID partition tables for tests: good ones, in the memory of a disk, to be spoilt and sealed again. */

#ifndef TEST_MODULE_GPT_IMAGE_H
#define TEST_MODULE_GPT_IMAGE_H

#include "spdk/gpt_spec.h"

/* In bytes as they stand on disk: types are numbered. */
#define GPT_IMAGE_TYPE_SPDK 1
#define GPT_IMAGE_TYPE_OLD_SPDK 2
#define GPT_IMAGE_TYPE_LINUX 3

struct gpt_image_part {
	/* 0: the entry is not used. */
	int type;
	uint64_t first;
	uint64_t last;
	/* All bytes of the unique GUID. */
	uint8_t unique;
};

/* A disk in memory. */
struct gpt_image {
	uint8_t *data;
	uint32_t block_size;
	uint64_t num_blocks;
	/* Of both tables. */
	uint32_t num_entries;
};

/*
 * Makes the whole of it: protective MBR, header in block 1 with its entries behind it, and the same at the end, where the
 * entries come first. What is in between is left alone.
 */
void gpt_image_make(const struct gpt_image *image, const struct gpt_image_part *parts, uint32_t num_parts);

/* The first block behind the entries at the beginning, and the last one before those at the end. */
uint64_t gpt_image_first_usable(const struct gpt_image *image);
uint64_t gpt_image_last_usable(const struct gpt_image *image);

struct spdk_mbr *gpt_image_mbr(const struct gpt_image *image);
/* backup: that in the last block. */
struct spdk_gpt_header *gpt_image_header(const struct gpt_image *image, bool backup);
struct spdk_gpt_partition_entry *gpt_image_entry(const struct gpt_image *image, bool backup, uint32_t index);

/* Makes the checksums right, of the entries where the header says they are (if that is on the disk), then of the header. */
void gpt_image_seal(const struct gpt_image *image, bool backup);

#endif /* TEST_MODULE_GPT_IMAGE_H */
