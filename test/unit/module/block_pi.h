/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdevs with protection information, as a user of them sees it: formats of blocks, and I/O of blocks whose PI is made and
 * looked at here.
 */

#ifndef TEST_MODULE_BLOCK_PI_H
#define TEST_MODULE_BLOCK_PI_H

#include "fixture.h"

#include "spdk/dif.h"

struct pi_format {
	uint32_t data_size;
	uint32_t md_size;
	bool interleaved;
	bool head;
	int type;
	int format;
};

/* A bdev of that format, open, and buffers for all of its blocks. */
struct pi_disk {
	struct pi_format format;
	uint32_t num_blocks;
	struct fixture_user user;
	uint8_t *data;
	uint8_t *md;
	/* Not checked. */
	uint32_t exclude;
};

/* The parameters of the format, for a method that creates bdevs. Valid until the next call. */
const char *pi_format_params(const struct pi_format *format);

void pi_disk_open(struct pi_disk *disk, const struct pi_format *format, const char *name);
void pi_disk_close(struct pi_disk *disk);

/* Bytes from one block to the next in data. */
uint32_t pi_disk_stride(const struct pi_disk *disk);
/* The PI of a block in the buffers. */
uint8_t *pi_disk_pi(const struct pi_disk *disk, uint64_t block);

/* Fills blocks in the buffers with random data and metadata, and makes their PI as that of blocks from first_tag on. */
void pi_disk_fill(struct pi_disk *disk, uint64_t offset, uint64_t count, uint32_t first_tag);
/* Whether the PI of blocks in the buffers is right, with these flags; 0 or -1. */
int pi_disk_check(struct pi_disk *disk, uint64_t offset, uint64_t count, uint32_t flags);

/* Between the disk and the buffers, at the same offset; with metadata that is separate, unless without_md. */
bool pi_disk_read(struct pi_disk *disk, uint64_t offset, uint64_t count, bool without_md);
bool pi_disk_write(struct pi_disk *disk, uint64_t offset, uint64_t count, bool without_md);

#endif /* TEST_MODULE_BLOCK_PI_H */
