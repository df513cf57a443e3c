/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any disk that may have a partition table. Its parser gets it in buffers of exactly the size that it may look at; then the
 * whole module gets it as a disk, and whatever partitions it makes of it must lie on the disk, and not on each other.
 *
 * An input is: a byte of options (OPTION_*), the blocks of the disk (8 bytes), the bytes at its beginning (4 bytes), those
 * bytes, and the bytes at its end. All other bytes are zero. Numbers are little-endian. corpus/make-gpt.py makes some.
 */

#include "test/fuzz/fuzz.h"
#include "test/unit/bdev/mem_disk.h"

#include "module/bdev/gpt/gpt_table.h"
#include "module/bdev/gpt/vbdev_gpt.h"
#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/json.h"
#include "spdk/util.h"

/* The block size is 512 shifted by this much. */
#define OPTION_BLOCK_SHIFT 0x03
/* Checksums are made right first, as chance does not find them. */
#define OPTION_REPAIR 0x04

#define HEADER_SIZE 13
/* Larger disks are only parsed. */
#define MAX_DISK_SIZE (1024 * 1024)

struct input {
	struct gpt_disk disk;
	bool repair;
	const uint8_t *head;
	size_t head_size;
	const uint8_t *tail;
	size_t tail_size;
};

static bool
decode(struct input *input, const uint8_t *data, size_t size)
{
	uint64_t limit;

	if (size < HEADER_SIZE) {
		return false;
	}
	input->disk.block_size = 512u << (data[0] & OPTION_BLOCK_SHIFT);
	input->repair = data[0] & OPTION_REPAIR;
	input->disk.num_blocks = from_le64(data + 1);
	if (input->disk.num_blocks < 3) {
		return false;
	}
	limit = spdk_min(size - HEADER_SIZE, input->disk.num_blocks * 512);
	input->head = data + HEADER_SIZE;
	input->head_size = spdk_min(from_le32(data + 9), limit);
	input->tail = input->head + input->head_size;
	input->tail_size = size - HEADER_SIZE - input->head_size;
	return true;
}

/* ---- The parser ---- */

/* Blocks of the disk, in memory of their own. */
static uint8_t *
read_blocks(const struct input *input, uint64_t lba, uint64_t count)
{
	uint32_t block_size = input->disk.block_size;
	uint8_t *buf = calloc(count, block_size);

	FUZZ_CHECK(buf != NULL && lba < input->disk.num_blocks && count <= input->disk.num_blocks - lba);
	for (uint64_t i = 0; i < count; i++) {
		/* In blocks, as bytes may be more than 64 bits can count. */
		uint64_t from_end = input->disk.num_blocks - (lba + i), offset = (lba + i) * block_size;
		uint8_t *block = buf + i * block_size;

		if (lba + i < SPDK_CEIL_DIV(input->head_size, block_size)) {
			memcpy(block, input->head + offset, spdk_min(block_size, input->head_size - offset));
		}
		if (from_end <= input->tail_size / block_size) {
			memcpy(block, input->tail + input->tail_size - from_end * block_size, block_size);
		}
	}
	return buf;
}

static void
repair_header(const struct input *input, uint8_t *block)
{
	struct spdk_gpt_header *header = (struct spdk_gpt_header *)block;
	uint32_t size = from_le32(&header->header_size);

	if (input->repair && size >= sizeof(*header) && size <= input->disk.block_size) {
		to_le32(&header->header_crc32, 0);
		to_le32(&header->header_crc32, ~spdk_crc32_ieee_update(block, size, ~0u));
	}
}

static void
check_partitions(const struct gpt_header *header, const void *entries)
{
	struct gpt_partition partitions[GPT_MAX_ENTRIES_SIZE / 128];
	uint32_t count = 0;
	const char *why;

	for (uint32_t i = 0; i < header->num_entries; i++) {
		struct gpt_partition *p = &partitions[count];
		int rc = gpt_entry_read(header, entries, i, p, &why);

		FUZZ_CHECK(rc == 0 || rc == -ENOENT || (rc == -EINVAL && why != NULL));
		if (rc != 0) {
			continue;
		}
		FUZZ_CHECK(p->index == i && p->num_blocks > 0 && p->first_block >= header->first_usable &&
			p->num_blocks - 1 <= header->last_usable - p->first_block && strlen(p->name) < GPT_NAME_SIZE);
		for (uint32_t j = 0; j < count; j++) {
			FUZZ_CHECK(p->first_block >= partitions[j].first_block + partitions[j].num_blocks ||
				partitions[j].first_block >= p->first_block + p->num_blocks);
		}
		count++;
	}
}

static void
parse_table(const struct input *input, uint64_t lba)
{
	uint8_t *block = read_blocks(input, lba, 1), *entries;
	struct gpt_header header;
	uint64_t count;

	repair_header(input, block);
	if (gpt_header_read(&input->disk, block, lba, &header) == NULL) {
		FUZZ_CHECK(header.first_usable <= header.last_usable && header.last_usable < input->disk.num_blocks);
		count = gpt_entries_num_blocks(&input->disk, &header);
		FUZZ_CHECK(count * input->disk.block_size <= GPT_MAX_ENTRIES_SIZE + input->disk.block_size);
		entries = read_blocks(input, header.entries_lba, count);
		if (gpt_entries_are_good(&header, entries) || input->repair) {
			check_partitions(&header, entries);
		}
		free(entries);
	}
	free(block);
}

/* ---- The module ---- */

/* Makes right what the parser would not look behind. */
static void
repair_disk(const struct input *input, uint8_t *data, uint64_t lba)
{
	uint32_t block_size = input->disk.block_size;
	struct spdk_gpt_header *header = (struct spdk_gpt_header *)(data + lba * block_size);
	uint64_t entries_lba = from_le64(&header->partition_entry_lba);
	uint64_t size =
		(uint64_t)from_le32(&header->num_partition_entries) * from_le32(&header->size_of_partition_entry);

	if (input->repair && entries_lba < input->disk.num_blocks &&
		size <= (input->disk.num_blocks - entries_lba) * block_size) {
		to_le32(&header->partition_entry_array_crc32,
			~spdk_crc32_ieee_update(data + entries_lba * block_size, size, ~0u));
	}
	repair_header(input, (uint8_t *)header);
}

static int
discard_cb(void *ctx, const void *data, size_t size)
{
	return 0;
}

static void
check_bdev(void *ctx, const char *name)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);
	struct spdk_json_write_ctx *w = spdk_json_write_begin(discard_cb, NULL, 0);
	uint64_t *num_blocks = ctx, offset;

	FUZZ_CHECK(bdev != NULL && w != NULL && bdev->blockcnt > 0);
	offset = spdk_bdev_part_get_offset_blocks(bdev->ctxt);
	FUZZ_CHECK(offset < *num_blocks && bdev->blockcnt <= *num_blocks - offset);
	/* Whatever name it has, it can be said. */
	spdk_json_write_object_begin(w);
	FUZZ_CHECK(bdev->fn_table->dump_info_json(bdev->ctxt, w) == 0);
	spdk_json_write_object_end(w);
	FUZZ_CHECK(spdk_json_write_end(w) == 0);
}

static void
ignore_cb(void *ctx, int rc)
{
}

static void
start(void)
{
	static bool started;

	if (!started) {
		started = true;
		spdk_log_set_print_level(SPDK_LOG_DISABLED);
		bdev_sim_examine_disks(true);
		bdev_sim_start(1, 1);
		ON(0, FUZZ_CHECK(vbdev_gpt_set_partition_types(GPT_PARTITIONS_ALL, ignore_cb, NULL) == 0));
	}
}

static void
examine(const struct input *input)
{
	uint64_t num_blocks = input->disk.num_blocks;
	static struct mem_disk disk;

	start();
	mem_disk_init(&disk, "disk", input->disk.block_size, num_blocks);
	disk.data = read_blocks(input, 0, num_blocks);
	repair_disk(input, disk.data, 1);
	repair_disk(input, disk.data, num_blocks - 1);
	mem_disk_add(&disk);
	ON(0, vbdev_gpt_for_each_partition("disk", check_bdev, &num_blocks));
	mem_disk_remove(&disk);
	FUZZ_CHECK(spdk_bdev_first() == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input;
	uint8_t *block;

	if (!decode(&input, data, size)) {
		return 0;
	}
	block = read_blocks(&input, 0, 1);
	gpt_mbr_is_protective(block);
	free(block);
	parse_table(&input, 1);
	parse_table(&input, input.disk.num_blocks - 1);
	if (input.disk.num_blocks <= MAX_DISK_SIZE / input.disk.block_size) {
		examine(&input);
	}
	return 0;
}
