/* SPDX-License-Identifier: BSD-3-Clause */

/* Blocks of the journal as they lie on members: doc/raid-format.md. */

#include "module/bdev/raid/raid_journal.h"

#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

#define VERSION 1
#define FLAG_ZEROES 1

static const char g_record_magic[8] = {'B', 'D', 'K', 'R', 'J', 'R', 'E', 'C'};
static const char g_checkpoint_magic[8] = {'B', 'D', 'K', 'R', 'J', 'C', 'H', 'K'};

/* How both begin. Numbers are little-endian; what is not named is zero. */
struct head {
	char magic[8];
	uint32_t version;
	/* CRC-32C of the whole block, with this as zero. */
	uint32_t crc;
	uint8_t uuid[16];
};

struct record {
	struct head head;
	uint64_t sequence;
	uint64_t offset_blocks;
	uint64_t num_blocks;
	uint32_t data_crc;
	uint8_t slot;
	uint8_t flags;
	uint16_t reserved;
	uint64_t participants[4];
};

struct checkpoint {
	struct head head;
	uint64_t tail;
	uint32_t slot_blocks;
	uint32_t num_slots;
};

SPDK_STATIC_ASSERT(sizeof(struct head) == 32, "as documented");
SPDK_STATIC_ASSERT(sizeof(struct record) == 96, "as documented");
SPDK_STATIC_ASSERT(sizeof(struct checkpoint) == 48, "as documented");

static uint32_t
checksum(const uint8_t *block, uint32_t size)
{
	static const uint8_t zero[4];
	uint32_t crc;

	crc = spdk_crc32c_update(block, offsetof(struct head, crc), ~0u);
	crc = spdk_crc32c_update(zero, sizeof(zero), crc);
	crc = spdk_crc32c_update(block + offsetof(struct head, uuid), size - offsetof(struct head, uuid), crc);
	return ~crc;
}

static const char *
check_head(const void *block, uint32_t size, const char *magic)
{
	const struct head *head = block;

	if (size < sizeof(struct record) || memcmp(head->magic, magic, sizeof(head->magic)) != 0) {
		return "it is none";
	}
	if (from_le32(&head->crc) != checksum(block, size)) {
		return "its checksum is wrong";
	}
	return from_le32(&head->version) == VERSION ? NULL : "its version is unknown";
}

static void
fill_head(void *block, uint32_t size, const char *magic, const struct spdk_uuid *uuid)
{
	struct head *head = block;

	memcpy(head->magic, magic, sizeof(head->magic));
	to_le32(&head->version, VERSION);
	memcpy(head->uuid, uuid, sizeof(head->uuid));
	to_le32(&head->crc, checksum(block, size));
}

const char *
raid_journal_record_decode(const void *block, uint32_t size, struct raid_journal_record *record)
{
	const struct record *from = block;
	const char *why = check_head(block, size, g_record_magic);

	if (why != NULL) {
		return why;
	}
	memcpy(&record->uuid, from->head.uuid, sizeof(record->uuid));
	record->sequence = from_le64(&from->sequence);
	record->offset_blocks = from_le64(&from->offset_blocks);
	record->num_blocks = from_le64(&from->num_blocks);
	record->data_crc = from_le32(&from->data_crc);
	record->slot = from->slot;
	record->zeroes = from->flags & FLAG_ZEROES;
	for (int i = 0; i < 4; i++) {
		record->participants[i] = from_le64(&from->participants[i]);
	}
	return (from->flags & ~FLAG_ZEROES) == 0 ? NULL : "it says what nobody here knows of";
}

void
raid_journal_record_encode(void *block, uint32_t size, const struct raid_journal_record *record)
{
	struct record *to = block;

	memset(block, 0, size);
	to_le64(&to->sequence, record->sequence);
	to_le64(&to->offset_blocks, record->offset_blocks);
	to_le64(&to->num_blocks, record->num_blocks);
	to_le32(&to->data_crc, record->data_crc);
	to->slot = record->slot;
	to->flags = record->zeroes ? FLAG_ZEROES : 0;
	for (int i = 0; i < 4; i++) {
		to_le64(&to->participants[i], record->participants[i]);
	}
	fill_head(block, size, g_record_magic, &record->uuid);
}

const char *
raid_journal_checkpoint_decode(const void *block, uint32_t size, struct raid_journal_checkpoint *checkpoint)
{
	const struct checkpoint *from = block;
	const char *why = check_head(block, size, g_checkpoint_magic);

	if (why != NULL) {
		return why;
	}
	memcpy(&checkpoint->uuid, from->head.uuid, sizeof(checkpoint->uuid));
	checkpoint->tail = from_le64(&from->tail);
	checkpoint->slot_blocks = from_le32(&from->slot_blocks);
	checkpoint->num_slots = from_le32(&from->num_slots);
	return NULL;
}

void
raid_journal_checkpoint_encode(void *block, uint32_t size, const struct raid_journal_checkpoint *checkpoint)
{
	struct checkpoint *to = block;

	memset(block, 0, size);
	to_le64(&to->tail, checkpoint->tail);
	to_le32(&to->slot_blocks, checkpoint->slot_blocks);
	to_le32(&to->num_slots, checkpoint->num_slots);
	fill_head(block, size, g_checkpoint_magic, &checkpoint->uuid);
}
