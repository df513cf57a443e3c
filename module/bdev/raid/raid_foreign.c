/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Superblocks as the first implementation of this interface writes them, at the beginning of each member. Members are told
 * apart by the UUIDs of their bdevs. An array that has them keeps them, so that the other program can have it back.
 */

#include "module/bdev/raid/raid_superblock.h"

#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

#define MAJOR 1
#define HEADER_SIZE 256
#define ENTRY_SIZE 64

/* Without an end. */
static const uint8_t g_magic[8] = "SPDKRAID";

enum {
	AT_MAJOR = 8,
	AT_MINOR = 10,
	AT_LENGTH = 12,
	AT_CRC = 16,
	AT_UUID = 24,
	AT_NAME = 40,
	AT_NUM_BLOCKS = 104,
	AT_BLOCK_SIZE = 112,
	AT_LEVEL = 116,
	AT_STRIP_SIZE = 120,
	AT_SEQUENCE = 128,
	AT_NUM_SLOTS = 136,
	AT_NUM_ENTRIES = 255,

	AT_ENTRY_UUID = 0,
	AT_ENTRY_DATA_OFFSET = 16,
	AT_ENTRY_DATA_SIZE = 24,
	AT_ENTRY_STATE = 32,
	AT_ENTRY_SLOT = 40,
};

enum {
	STATE_MISSING = 0,
	STATE_CONFIGURED = 1,
	STATE_FAILED = 2,
};

SPDK_STATIC_ASSERT(
	HEADER_SIZE + ENTRY_SIZE * RAID_MAX_MEMBERS <= RAID_SUPER_COPY_SIZE, "a copy has room for all slots");

/* The polynomial is that of CRC-32C; nothing is inverted. */
static uint32_t
calculate_crc(const uint8_t *copy, size_t length)
{
	static const uint8_t zeroes[4];
	uint32_t crc = spdk_crc32c_update(copy, AT_CRC, 0);

	crc = spdk_crc32c_update(zeroes, sizeof(zeroes), crc);
	return spdk_crc32c_update(copy + AT_CRC + sizeof(zeroes), length - AT_CRC - sizeof(zeroes), crc);
}

bool
raid_foreign_is_there(const void *data, size_t size)
{
	return size >= HEADER_SIZE && memcmp(data, g_magic, sizeof(g_magic)) == 0;
}

static const char *
read_entries(const uint8_t *copy, struct raid_super *super)
{
	for (uint8_t i = 0; i < super->num_slots; i++) {
		super->slots[i] = (struct raid_super_slot){.state = RAID_SLOT_MISSING};
	}
	for (size_t i = 0; i < copy[AT_NUM_ENTRIES]; i++) {
		const uint8_t *entry = copy + HEADER_SIZE + ENTRY_SIZE * i;
		struct raid_super_slot *slot = &super->slots[entry[AT_ENTRY_SLOT]];
		uint32_t state = from_le32(entry + AT_ENTRY_STATE);

		if (entry[AT_ENTRY_SLOT] >= super->num_slots) {
			return "it has a member in a slot that there is not";
		}
		if (!spdk_uuid_is_null(&slot->id)) {
			return "it has two members in one slot";
		}
		memcpy(&slot->id, entry + AT_ENTRY_UUID, sizeof(slot->id));
		slot->bdev_uuid = slot->id;
		slot->data_offset = from_le64(entry + AT_ENTRY_DATA_OFFSET);
		slot->data_size = from_le64(entry + AT_ENTRY_DATA_SIZE);
		slot->state = state == STATE_CONFIGURED ? RAID_SLOT_CONFIGURED
			: state == STATE_FAILED         ? RAID_SLOT_FAILED
							: RAID_SLOT_MISSING;
		/* It is not written down; nobody goes on with one of these alone by mistake. */
		slot->left_sequence = slot->state == RAID_SLOT_CONFIGURED ? 0 : from_le64(copy + AT_SEQUENCE);
	}
	return NULL;
}

/* Whatever has another number there, its data need not lie where those of this module do. */
static const struct raid_level_ops *
get_level(uint32_t number)
{
	const struct raid_level_ops *ops = raid_level_by_number(number);

	return ops == &g_raid5_ops || ops == &g_raid6_ops ? NULL : ops;
}

enum raid_super_kind
raid_foreign_parse(
	const void *data, size_t size, const struct spdk_uuid *bdev_uuid, struct raid_super *super, const char **why)
{
	const uint8_t *copy = data;
	size_t length = HEADER_SIZE + ENTRY_SIZE * (size_t)copy[AT_NUM_ENTRIES];

	if (from_le16(copy + AT_MAJOR) != MAJOR) {
		*why = "it is one of SPDK, of a version that nobody here knows of";
		return RAID_SUPER_UNUSABLE;
	}
	if (length > size || from_le32(copy + AT_LENGTH) != length ||
		from_le32(copy + AT_CRC) != calculate_crc(copy, length)) {
		*why = "it is one of SPDK, and damaged: its checksum or its length is wrong";
		return RAID_SUPER_UNUSABLE;
	}
	memset(super, 0, offsetof(struct raid_super, slots));
	super->foreign = true;
	super->sequence = from_le64(copy + AT_SEQUENCE);
	memcpy(&super->uuid, copy + AT_UUID, sizeof(super->uuid));
	super->id = *bdev_uuid;
	memcpy(super->name, copy + AT_NAME, sizeof(super->name) - 1);
	super->ops = get_level(from_le32(copy + AT_LEVEL));
	super->policy = RAID_POLICY_RESYNC;
	super->block_size = from_le32(copy + AT_BLOCK_SIZE);
	super->strip_size = from_le32(copy + AT_STRIP_SIZE);
	super->num_blocks = from_le64(copy + AT_NUM_BLOCKS);
	super->resync_offset = UINT64_MAX;
	super->clean = true;
	super->num_slots = copy[AT_NUM_SLOTS];
	*why = read_entries(copy, super);
	if (*why == NULL && super->sequence > UINT64_MAX / 2) {
		*why = "it is one of SPDK, with a sequence number that none can have";
	}
	if (*why == NULL) {
		*why = raid_super_check(super);
	}
	return *why == NULL ? RAID_SUPER_GOOD : RAID_SUPER_UNUSABLE;
}

size_t
raid_foreign_get_size(const struct raid_super *super)
{
	return HEADER_SIZE + ENTRY_SIZE * (size_t)super->num_slots;
}

size_t
raid_foreign_encode(const struct raid_super *super, uint8_t slot, void *copy)
{
	size_t length = raid_foreign_get_size(super);
	uint8_t *bytes = copy;

	memset(bytes, 0, length);
	memcpy(bytes, g_magic, sizeof(g_magic));
	to_le16(bytes + AT_MAJOR, MAJOR);
	to_le32(bytes + AT_LENGTH, (uint32_t)length);
	memcpy(bytes + AT_UUID, &super->uuid, sizeof(super->uuid));
	memcpy(bytes + AT_NAME, super->name, sizeof(super->name));
	to_le64(bytes + AT_NUM_BLOCKS, super->num_blocks);
	to_le32(bytes + AT_BLOCK_SIZE, super->block_size);
	to_le32(bytes + AT_LEVEL, super->ops->number);
	to_le32(bytes + AT_STRIP_SIZE, super->strip_size);
	to_le64(bytes + AT_SEQUENCE, super->sequence);
	bytes[AT_NUM_SLOTS] = bytes[AT_NUM_ENTRIES] = super->num_slots;
	for (uint8_t i = 0; i < super->num_slots; i++) {
		const struct raid_super_slot *from = &super->slots[i];
		uint8_t *entry = bytes + HEADER_SIZE + ENTRY_SIZE * (size_t)i;

		memcpy(entry + AT_ENTRY_UUID, &from->bdev_uuid, sizeof(from->bdev_uuid));
		to_le64(entry + AT_ENTRY_DATA_OFFSET, from->data_offset);
		to_le64(entry + AT_ENTRY_DATA_SIZE, from->data_size);
		/* It has no word for one that is being rebuilt. */
		to_le32(entry + AT_ENTRY_STATE,
			from->state == RAID_SLOT_CONFIGURED       ? STATE_CONFIGURED
				: from->state == RAID_SLOT_FAILED ? STATE_FAILED
								  : STATE_MISSING);
		entry[AT_ENTRY_SLOT] = i;
	}
	to_le32(bytes + AT_CRC, calculate_crc(bytes, length));
	return length;
}
