/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/gpt/gpt_table.h"

#include "lib/json/utf.h"
#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

/* In place of half a pair of surrogates. */
#define REPLACEMENT_CHARACTER 0xfffd

struct spdk_uuid
gpt_guid_to_uuid(const struct spdk_gpt_guid *guid)
{
	static const uint8_t order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
	struct spdk_uuid uuid;

	for (size_t i = 0; i < SPDK_COUNTOF(order); i++) {
		uuid.u.raw[i] = guid->raw[order[i]];
	}
	return uuid;
}

/*
 * Its size does not count: that of a disk that has grown, or of an image on a larger one, is too small, and some tools
 * always write the largest one.
 */
bool
gpt_mbr_is_protective(const void *block)
{
	const struct spdk_mbr *mbr = block;

	if (from_le16(&mbr->mbr_signature) != SPDK_MBR_SIGNATURE) {
		return false;
	}
	for (size_t i = 0; i < SPDK_COUNTOF(mbr->partitions); i++) {
		if (mbr->partitions[i].os_type == SPDK_MBR_OS_TYPE_GPT_PROTECTIVE) {
			return from_le32(&mbr->partitions[i].start_lba) == 1;
		}
	}
	return false;
}

/* ---- The header ---- */

static bool
header_crc_is_good(const void *block, uint32_t header_size)
{
	const struct spdk_gpt_header *raw = block;
	const uint32_t zero = 0;
	const uint8_t *rest = (const uint8_t *)&raw->reserved;
	uint32_t crc;

	crc = spdk_crc32_ieee_update(block, offsetof(struct spdk_gpt_header, header_crc32), ~0u);
	crc = spdk_crc32_ieee_update(&zero, sizeof(zero), crc);
	crc = spdk_crc32_ieee_update(rest, header_size - offsetof(struct spdk_gpt_header, reserved), crc);
	return ~crc == from_le32(&raw->header_crc32);
}

static bool
is_usable(const struct gpt_header *header, uint64_t lba)
{
	return lba >= header->first_usable && lba <= header->last_usable;
}

static const char *
check_usable(const struct gpt_disk *disk, uint64_t lba, const struct gpt_header *header)
{
	if (header->first_usable > header->last_usable) {
		return "its usable blocks end before they begin";
	}
	if (header->last_usable >= disk->num_blocks) {
		return "its usable blocks go beyond the end of the disk";
	}
	if (is_usable(header, 0) || is_usable(header, lba)) {
		return "it stands among its usable blocks";
	}
	return NULL;
}

static const char *
check_entries_place(const struct gpt_disk *disk, uint64_t lba, const struct gpt_header *header)
{
	uint64_t first = header->entries_lba, count, last;

	/* The size is 128 times a power of two. */
	if (header->entry_size < sizeof(struct spdk_gpt_partition_entry) ||
		(header->entry_size & (header->entry_size - 1)) != 0) {
		return "entries cannot have that size";
	}
	if (header->num_entries == 0) {
		return "it has no entries";
	}
	if ((uint64_t)header->num_entries * header->entry_size > GPT_MAX_ENTRIES_SIZE) {
		return "its entries take more than 128 KiB";
	}
	count = gpt_entries_num_blocks(disk, header);
	if (first >= disk->num_blocks || count > disk->num_blocks - first) {
		return "its entries go beyond the end of the disk";
	}
	last = first + count - 1;
	if (first == 0 || (lba >= first && lba <= last)) {
		return "its entries stand on a header";
	}
	if (first <= header->last_usable && last >= header->first_usable) {
		return "its entries stand among its usable blocks";
	}
	return NULL;
}

const char *
gpt_header_read(const struct gpt_disk *disk, const void *block, uint64_t lba, struct gpt_header *header)
{
	const struct spdk_gpt_header *raw = block;
	uint32_t header_size = from_le32(&raw->header_size);
	const char *fault;

	if (memcmp(raw->gpt_signature, SPDK_GPT_SIGNATURE, sizeof(raw->gpt_signature)) != 0) {
		return "it has no signature";
	}
	if (header_size < sizeof(*raw) || header_size > disk->block_size) {
		return "it cannot have that size";
	}
	if (!header_crc_is_good(block, header_size)) {
		return "its checksum is wrong";
	}
	if (from_le64(&raw->my_lba) != lba) {
		return "it belongs to another block";
	}
	header->first_usable = from_le64(&raw->first_usable_lba);
	header->last_usable = from_le64(&raw->last_usable_lba);
	header->entries_lba = from_le64(&raw->partition_entry_lba);
	header->num_entries = from_le32(&raw->num_partition_entries);
	header->entry_size = from_le32(&raw->size_of_partition_entry);
	header->entries_crc = from_le32(&raw->partition_entry_array_crc32);
	fault = check_usable(disk, lba, header);
	return fault != NULL ? fault : check_entries_place(disk, lba, header);
}

/* ---- Entries ---- */

static size_t
entries_size(const struct gpt_header *header)
{
	return (size_t)header->num_entries * header->entry_size;
}

uint64_t
gpt_entries_num_blocks(const struct gpt_disk *disk, const struct gpt_header *header)
{
	return SPDK_CEIL_DIV(entries_size(header), disk->block_size);
}

bool
gpt_entries_are_good(const struct gpt_header *header, const void *entries)
{
	return ~spdk_crc32_ieee_update(entries, entries_size(header), ~0u) == header->entries_crc;
}

/* Where a partition lies, both included. False if the entry has none, or one that cannot be. */
struct extent {
	uint64_t first;
	uint64_t last;
};

static const struct spdk_gpt_partition_entry *
entry_at(const struct gpt_header *header, const void *entries, uint32_t index)
{
	return (const void *)((const uint8_t *)entries + (size_t)index * header->entry_size);
}

static bool
is_unused(const struct spdk_gpt_partition_entry *entry)
{
	static const struct spdk_gpt_guid unused;

	return memcmp(&entry->part_type_guid, &unused, sizeof(unused)) == 0;
}

static const char *
read_extent(const struct gpt_header *header, const struct spdk_gpt_partition_entry *entry, struct extent *extent)
{
	extent->first = from_le64(&entry->starting_lba);
	extent->last = from_le64(&entry->ending_lba);
	if (extent->first > extent->last) {
		return "it ends before it begins";
	}
	if (!is_usable(header, extent->first) || !is_usable(header, extent->last)) {
		return "it goes beyond the usable blocks";
	}
	return NULL;
}

/* Two writers that know nothing of each other would have the same blocks. */
static bool
overlaps(const struct gpt_header *header, const void *entries, uint32_t index, const struct extent *extent)
{
	const struct spdk_gpt_partition_entry *entry;
	struct extent other;

	for (uint32_t i = 0; i < index; i++) {
		entry = entry_at(header, entries, i);
		if (!is_unused(entry) && read_extent(header, entry, &other) == NULL && other.first <= extent->last &&
			other.last >= extent->first) {
			return true;
		}
	}
	return false;
}

static void
read_name(const struct spdk_gpt_partition_entry *entry, char *name)
{
	size_t count = SPDK_COUNTOF(entry->partition_name), i = 0;
	const uint8_t *units = (const uint8_t *)entry->partition_name;
	uint32_t unit, next;

	while (i < count && (unit = from_le16(units + 2 * i)) != 0) {
		next = i + 1 < count ? from_le16(units + 2 * (i + 1)) : 0;
		i++;
		if (json_utf16_is_high(unit) && json_utf16_is_low(next)) {
			unit = json_utf16_join(unit, next);
			i++;
		} else if (json_utf16_is_high(unit) || json_utf16_is_low(unit)) {
			unit = REPLACEMENT_CHARACTER;
		}
		name += json_utf8_encode((uint8_t *)name, unit);
	}
	*name = '\0';
}

int
gpt_entry_read(const struct gpt_header *header, const void *entries, uint32_t index, struct gpt_partition *partition,
	const char **why)
{
	const struct spdk_gpt_partition_entry *entry = entry_at(header, entries, index);
	struct extent extent;

	*why = NULL;
	if (is_unused(entry)) {
		return -ENOENT;
	}
	*why = read_extent(header, entry, &extent);
	if (*why == NULL && overlaps(header, entries, index, &extent)) {
		*why = "it lies on another one";
	}
	if (*why != NULL) {
		return -EINVAL;
	}
	partition->index = index;
	partition->first_block = extent.first;
	partition->num_blocks = extent.last - extent.first + 1;
	partition->type = gpt_guid_to_uuid(&entry->part_type_guid);
	partition->unique = gpt_guid_to_uuid(&entry->unique_partition_guid);
	read_name(entry, partition->name);
	return 0;
}
