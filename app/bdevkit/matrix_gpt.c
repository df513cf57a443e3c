/* SPDX-License-Identifier: BSD-3-Clause */

/* A partition table for bdevkit matrix to find: one partition that takes all that there is, and no backup. */

#include "app/bdevkit/matrix.h"

#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/gpt_spec.h"

#define BLOCK_SIZE 4096
#define HEADER_LBA 1
#define ENTRIES_LBA 2
#define FIRST_LBA 3

struct table {
	struct spdk_mbr mbr;
	uint8_t rest_of_mbr[BLOCK_SIZE - sizeof(struct spdk_mbr)];
	struct spdk_gpt_header header;
	uint8_t rest_of_header[BLOCK_SIZE - sizeof(struct spdk_gpt_header)];
	struct spdk_gpt_partition_entry entries[BLOCK_SIZE / sizeof(struct spdk_gpt_partition_entry)];
} __attribute__((packed));

static uint32_t
crc32_of(const void *data, size_t size)
{
	return ~spdk_crc32_ieee_update(data, size, ~0u);
}

static void
fill(struct table *table, uint64_t last_lba)
{
	static const struct spdk_gpt_guid type = SPDK_GPT_GUID(0x6527994e, 0x2c5a, 0x4eec, 0x9613, 0x8f5944074e8b);

	to_le16(&table->mbr.mbr_signature, SPDK_MBR_SIGNATURE);
	table->mbr.partitions[0].os_type = SPDK_MBR_OS_TYPE_GPT_PROTECTIVE;
	to_le32(&table->mbr.partitions[0].start_lba, HEADER_LBA);
	to_le32(&table->mbr.partitions[0].size_lba, (uint32_t)last_lba);

	table->entries[0].part_type_guid = type;
	/* Any will do that is not zero. */
	table->entries[0].unique_partition_guid = type;
	to_le64(&table->entries[0].starting_lba, FIRST_LBA);
	to_le64(&table->entries[0].ending_lba, last_lba);

	memcpy(table->header.gpt_signature, SPDK_GPT_SIGNATURE, sizeof(table->header.gpt_signature));
	to_le32(&table->header.revision, SPDK_GPT_REVISION_1_0);
	to_le32(&table->header.header_size, sizeof(table->header));
	to_le64(&table->header.my_lba, HEADER_LBA);
	to_le64(&table->header.first_usable_lba, FIRST_LBA);
	to_le64(&table->header.last_usable_lba, last_lba);
	to_le64(&table->header.partition_entry_lba, ENTRIES_LBA);
	to_le32(&table->header.num_partition_entries, sizeof(table->entries) / sizeof(table->entries[0]));
	to_le32(&table->header.size_of_partition_entry, sizeof(table->entries[0]));
	to_le32(&table->header.partition_entry_array_crc32, crc32_of(table->entries, sizeof(table->entries)));
	to_le32(&table->header.header_crc32, crc32_of(&table->header, sizeof(table->header)));
}

int
matrix_gpt_prepare(int fd)
{
	struct table *table = calloc(1, sizeof(*table));
	ssize_t written;
	int rc;

	if (table == NULL) {
		return -ENOMEM;
	}
	fill(table, MATRIX_FILE_SIZE / BLOCK_SIZE - 1);
	written = pwrite(fd, table, sizeof(*table), 0);
	rc = written == sizeof(*table) ? 0 : written < 0 ? -errno : -EIO;
	free(table);
	return rc;
}
