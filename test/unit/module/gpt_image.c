/* SPDX-License-Identifier: BSD-3-Clause */

#include "gpt_image.h"

#include "spdk/endian.h"
#include "spdk/util.h"

static const struct spdk_gpt_guid g_types[] = {
	[GPT_IMAGE_TYPE_SPDK] = {{0x4e, 0x99, 0x27, 0x65, 0x5a, 0x2c, 0xec, 0x4e, 0x96, 0x13, 0x8f, 0x59, 0x44, 0x07,
		0x4e, 0x8b}},
	[GPT_IMAGE_TYPE_OLD_SPDK] = {{0xbd, 0x22, 0x52, 0x7c, 0x5d, 0x8f, 0x87, 0x40, 0x9c, 0x00, 0xbf, 0x98, 0x43,
		0xc7, 0xb5, 0x8c}},
	[GPT_IMAGE_TYPE_LINUX] = {{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47,
		0x7d, 0xe4}},
};

/* Of its own, so that it is no mirror of what it tests. */
static uint32_t
crc32_ieee(const uint8_t *data, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
		}
	}
	return ~crc;
}

static uint64_t
entries_blocks(const struct gpt_image *image)
{
	return SPDK_CEIL_DIV(image->num_entries * sizeof(struct spdk_gpt_partition_entry), image->block_size);
}

uint64_t
gpt_image_first_usable(const struct gpt_image *image)
{
	return 2 + entries_blocks(image);
}

uint64_t
gpt_image_last_usable(const struct gpt_image *image)
{
	return image->num_blocks - 2 - entries_blocks(image);
}

struct spdk_mbr *
gpt_image_mbr(const struct gpt_image *image)
{
	return (struct spdk_mbr *)image->data;
}

struct spdk_gpt_header *
gpt_image_header(const struct gpt_image *image, bool backup)
{
	uint64_t lba = backup ? image->num_blocks - 1 : 1;

	return (struct spdk_gpt_header *)(image->data + lba * image->block_size);
}

struct spdk_gpt_partition_entry *
gpt_image_entry(const struct gpt_image *image, bool backup, uint32_t index)
{
	uint64_t lba = backup ? gpt_image_last_usable(image) + 1 : 2;

	return (struct spdk_gpt_partition_entry *)(image->data + lba * image->block_size) + index;
}

void
gpt_image_seal(const struct gpt_image *image, bool backup)
{
	struct spdk_gpt_header *header = gpt_image_header(image, backup);
	uint64_t lba = from_le64(&header->partition_entry_lba);
	uint64_t size =
		(uint64_t)from_le32(&header->num_partition_entries) * from_le32(&header->size_of_partition_entry);
	uint32_t header_size = from_le32(&header->header_size);

	if (lba < image->num_blocks && size <= (image->num_blocks - lba) * image->block_size) {
		to_le32(&header->partition_entry_array_crc32, crc32_ieee(image->data + lba * image->block_size, size));
	}
	to_le32(&header->header_crc32, 0);
	if (header_size <= image->block_size) {
		to_le32(&header->header_crc32, crc32_ieee((const uint8_t *)header, header_size));
	}
}

static void
make_table(const struct gpt_image *image, bool backup, const struct gpt_image_part *parts, uint32_t num_parts)
{
	struct spdk_gpt_header *header = gpt_image_header(image, backup);
	struct spdk_gpt_partition_entry *entry;
	uint64_t lba[] = {1, image->num_blocks - 1};

	memset(header, 0, image->block_size);
	memcpy(header->gpt_signature, "EFI PART", sizeof(header->gpt_signature));
	to_le32(&header->revision, SPDK_GPT_REVISION_1_0);
	to_le32(&header->header_size, sizeof(*header));
	to_le64(&header->my_lba, lba[backup]);
	to_le64(&header->alternate_lba, lba[!backup]);
	to_le64(&header->first_usable_lba, gpt_image_first_usable(image));
	to_le64(&header->last_usable_lba, gpt_image_last_usable(image));
	memset(&header->disk_guid, 0xd1, sizeof(header->disk_guid));
	to_le64(&header->partition_entry_lba, backup ? gpt_image_last_usable(image) + 1 : 2);
	to_le32(&header->num_partition_entries, image->num_entries);
	to_le32(&header->size_of_partition_entry, sizeof(*entry));

	memset(gpt_image_entry(image, backup, 0), 0, entries_blocks(image) * image->block_size);
	for (uint32_t i = 0; i < num_parts; i++) {
		entry = gpt_image_entry(image, backup, i);
		if (parts[i].type == 0) {
			continue;
		}
		entry->part_type_guid = g_types[parts[i].type];
		memset(&entry->unique_partition_guid, parts[i].unique, sizeof(entry->unique_partition_guid));
		to_le64(&entry->starting_lba, parts[i].first);
		to_le64(&entry->ending_lba, parts[i].last);
		to_le16(&entry->partition_name[0], 'A' + i);
	}
	gpt_image_seal(image, backup);
}

void
gpt_image_make(const struct gpt_image *image, const struct gpt_image_part *parts, uint32_t num_parts)
{
	struct spdk_mbr *mbr = gpt_image_mbr(image);

	memset(mbr, 0, image->block_size);
	to_le16(&mbr->mbr_signature, SPDK_MBR_SIGNATURE);
	mbr->partitions[0].os_type = SPDK_MBR_OS_TYPE_GPT_PROTECTIVE;
	to_le32(&mbr->partitions[0].start_lba, 1);
	to_le32(&mbr->partitions[0].size_lba, (uint32_t)(image->num_blocks - 1));
	make_table(image, false, parts, num_parts);
	make_table(image, true, parts, num_parts);
}
