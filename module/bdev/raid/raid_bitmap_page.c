/* SPDX-License-Identifier: BSD-3-Clause */

/* Pages of the write-intent bitmap as they lie on members: doc/raid-format.md. */

#include "module/bdev/raid/raid_bitmap.h"

#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

#define VERSION 1

static const char g_magic[8] = {'B', 'D', 'K', 'R', 'B', 'M', 'A', 'P'};

/* In its first half; the rest of that is zero. Numbers are little-endian. */
struct header {
	char magic[8];
	uint32_t version;
	/* CRC-32C of the whole block, with this as zero. */
	uint32_t crc;
	uint8_t uuid[16];
	uint32_t index;
	uint32_t reserved;
	uint64_t region_blocks;
	uint64_t cleared_sequence;
};

SPDK_STATIC_ASSERT(sizeof(struct header) == 56, "as documented");

static uint32_t
checksum(const uint8_t *block, uint32_t size)
{
	static const uint8_t zero[4];
	uint32_t crc;

	crc = spdk_crc32c_update(block, offsetof(struct header, crc), ~0u);
	crc = spdk_crc32c_update(zero, sizeof(zero), crc);
	crc = spdk_crc32c_update(block + offsetof(struct header, uuid), size - offsetof(struct header, uuid), crc);
	return ~crc;
}

const char *
raid_bitmap_page_decode(const void *block, uint32_t size, struct raid_bitmap_page *page)
{
	const struct header *header = block;

	if (size < 2 * sizeof(*header) || memcmp(header->magic, g_magic, sizeof(g_magic)) != 0) {
		return "it is no page of a bitmap";
	}
	if (from_le32(&header->crc) != checksum(block, size)) {
		return "its checksum is wrong";
	}
	if (from_le32(&header->version) != VERSION) {
		return "its version is unknown";
	}
	memcpy(&page->uuid, header->uuid, sizeof(page->uuid));
	page->index = from_le32(&header->index);
	page->region_blocks = from_le64(&header->region_blocks);
	page->cleared_sequence = from_le64(&header->cleared_sequence);
	page->bits = (const uint8_t *)block + size / 2;
	return NULL;
}

void
raid_bitmap_page_encode(void *block, uint32_t size, const struct raid_bitmap_page *page)
{
	struct header *header = block;

	memset(block, 0, size / 2);
	memcpy(header->magic, g_magic, sizeof(g_magic));
	to_le32(&header->version, VERSION);
	memcpy(header->uuid, &page->uuid, sizeof(header->uuid));
	to_le32(&header->index, page->index);
	to_le64(&header->region_blocks, page->region_blocks);
	to_le64(&header->cleared_sequence, page->cleared_sequence);
	to_le32(&header->crc, checksum(block, size));
}
