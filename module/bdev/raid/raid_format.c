/* SPDX-License-Identifier: BSD-3-Clause */

/* The bytes of a superblock. They may be anybody's: nothing is believed before it has been checked. */

#include "module/bdev/raid/raid_superblock.h"

#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

#define MAJOR 1
#define MINOR 0
#define HEADER_SIZE 512
#define SLOT_SIZE 96

/* Without an end. */
static const uint8_t g_magic[8] = "BDKRAID1";

/* What a reader has to know of. */
#define FEATURE_BITMAP (UINT64_C(1) << 0)
#define FEATURE_JOURNAL (UINT64_C(1) << 1)
#define KNOWN_FEATURES (FEATURE_BITMAP | FEATURE_JOURNAL)

#define FLAG_CLEAN (1u << 0)
#define SLOT_FLAG_LACKS_DIRTY_ONLY (1u << 0)

/* Where the fields are. */
enum {
	AT_MAJOR = 8,
	AT_MINOR = 10,
	AT_LENGTH = 12,
	AT_CRC = 16,
	AT_FLAGS = 20,
	AT_FEATURES = 24,
	AT_SEQUENCE = 40,
	AT_UUID = 48,
	AT_NAME = 64,
	AT_LEVEL = 128,
	AT_POLICY = 132,
	AT_BLOCK_SIZE = 136,
	AT_MD_SIZE = 140,
	AT_STRIP_SIZE = 144,
	AT_NUM_SLOTS = 148,
	AT_ID = 152,
	AT_NUM_BLOCKS = 168,
	AT_REGION_BLOCKS = 176,
	AT_JOURNAL_BLOCKS = 184,
	AT_RESYNC_OFFSET = 192,

	AT_SLOT_ID = 0,
	AT_SLOT_BDEV_UUID = 16,
	AT_SLOT_DATA_OFFSET = 32,
	AT_SLOT_DATA_SIZE = 40,
	AT_SLOT_IN_SYNC_UNTIL = 48,
	AT_SLOT_STATE = 56,
	AT_SLOT_FLAGS = 60,
	AT_SLOT_LEFT_SEQUENCE = 64,
};

SPDK_STATIC_ASSERT(HEADER_SIZE + SLOT_SIZE * RAID_MAX_MEMBERS <= RAID_SUPER_COPY_SIZE, "a copy has room for all slots");

static uint32_t
calculate_crc(const uint8_t *copy, size_t length)
{
	static const uint8_t zeroes[4];
	uint32_t crc = UINT32_MAX;

	crc = spdk_crc32c_update(copy, AT_CRC, crc);
	crc = spdk_crc32c_update(zeroes, sizeof(zeroes), crc);
	return ~spdk_crc32c_update(copy + AT_CRC + sizeof(zeroes), length - AT_CRC - sizeof(zeroes), crc);
}

static bool
is_there(const uint8_t *copy, size_t size)
{
	return size >= HEADER_SIZE && memcmp(copy, g_magic, sizeof(g_magic)) == 0;
}

/* ---- Reading ---- */

/* Those by which no block of a member can be numbered. */
static bool
is_beyond(uint64_t offset, uint64_t size)
{
	return offset > UINT64_MAX / 2 || size > UINT64_MAX / 2;
}

static const char *
check_slots(const struct raid_super *super)
{
	for (uint8_t i = 0; i < super->num_slots; i++) {
		const struct raid_super_slot *slot = &super->slots[i];

		if (slot->state >= RAID_NUM_SLOT_STATES) {
			return "a member is in a state that nobody here knows of";
		}
		if (is_beyond(slot->data_offset, slot->data_size)) {
			return "the data of a member are beyond the end of any disk";
		}
		if (slot->state == RAID_SLOT_MISSING || slot->state == RAID_SLOT_FAILED) {
			continue;
		}
		if (slot->data_size == 0 || slot->data_offset == 0) {
			return "a member has no data, or has them where the superblock is";
		}
		if (spdk_uuid_is_null(&slot->id)) {
			return "a member has no UUID";
		}
		for (uint8_t k = 0; k < i; k++) {
			if (spdk_uuid_compare(&slot->id, &super->slots[k].id) == 0) {
				return "two members have the same UUID";
			}
		}
	}
	return NULL;
}

const char *
raid_super_check(const struct raid_super *super)
{
	if (super->ops == NULL) {
		return "it is of a level that nobody here knows of";
	}
	if (super->num_slots < super->ops->min_members) {
		return "it has fewer members than its level needs";
	}
	if (spdk_uuid_is_null(&super->uuid) || super->name[0] == '\0') {
		return "the array has no UUID, or no name";
	}
	if (super->ops->has_strips ? !spdk_u32_is_pow2(super->strip_size) : super->strip_size != 0) {
		return "its strips are of no size that its level can have";
	}
	if (!spdk_u32_is_pow2(super->block_size) || super->num_blocks == 0 || super->num_blocks > UINT64_MAX / 2) {
		return "it has no blocks, or of no size that blocks can have";
	}
	return check_slots(super);
}

static void
read_slot(const uint8_t *bytes, struct raid_super_slot *slot)
{
	memcpy(&slot->id, bytes + AT_SLOT_ID, sizeof(slot->id));
	memcpy(&slot->bdev_uuid, bytes + AT_SLOT_BDEV_UUID, sizeof(slot->bdev_uuid));
	slot->data_offset = from_le64(bytes + AT_SLOT_DATA_OFFSET);
	slot->data_size = from_le64(bytes + AT_SLOT_DATA_SIZE);
	slot->in_sync_until = from_le64(bytes + AT_SLOT_IN_SYNC_UNTIL);
	slot->state = (enum raid_slot_state)from_le32(bytes + AT_SLOT_STATE);
	slot->left_sequence = from_le64(bytes + AT_SLOT_LEFT_SEQUENCE);
	slot->lacks_dirty_only = from_le32(bytes + AT_SLOT_FLAGS) & SLOT_FLAG_LACKS_DIRTY_ONLY;
}

static void
read_header(const uint8_t *copy, struct raid_super *super)
{
	super->foreign = false;
	super->clean = from_le32(copy + AT_FLAGS) & FLAG_CLEAN;
	super->sequence = from_le64(copy + AT_SEQUENCE);
	memcpy(&super->uuid, copy + AT_UUID, sizeof(super->uuid));
	memcpy(&super->id, copy + AT_ID, sizeof(super->id));
	memcpy(super->name, copy + AT_NAME, sizeof(super->name));
	super->ops = raid_level_by_number(from_le32(copy + AT_LEVEL));
	super->policy = (enum raid_policy)from_le32(copy + AT_POLICY);
	super->block_size = from_le32(copy + AT_BLOCK_SIZE);
	super->md_size = from_le32(copy + AT_MD_SIZE);
	super->strip_size = from_le32(copy + AT_STRIP_SIZE);
	super->num_blocks = from_le64(copy + AT_NUM_BLOCKS);
	super->region_blocks = from_le64(copy + AT_REGION_BLOCKS);
	super->journal_blocks = from_le64(copy + AT_JOURNAL_BLOCKS);
	super->resync_offset = from_le64(copy + AT_RESYNC_OFFSET);
	super->num_slots = copy[AT_NUM_SLOTS];
}

static const char *
check_own(const uint8_t *copy, const struct raid_super *super)
{
	uint64_t area = RAID_SUPER_AREA_SIZE / super->block_size;

	if (copy[AT_NAME + RAID_NAME_SIZE - 1] != '\0') {
		return "the name of the array has no end";
	}
	if (super->block_size > RAID_SUPER_COPY_SIZE || spdk_uuid_is_null(&super->id)) {
		return "blocks are too large, or the member has no UUID";
	}
	if (super->policy >= RAID_NUM_POLICIES || super->sequence == 0 || super->sequence > UINT64_MAX / 2) {
		return "it has a policy that nobody here knows of, or a sequence number that none can have";
	}
	if (is_beyond(super->journal_blocks, super->region_blocks)) {
		return "its journal is beyond the end of any disk";
	}
	for (uint8_t i = 0; i < super->num_slots; i++) {
		const struct raid_super_slot *slot = &super->slots[i];

		if (slot->state != RAID_SLOT_CONFIGURED && slot->state != RAID_SLOT_REBUILDING) {
			continue;
		}
		if (slot->data_offset < area + super->journal_blocks) {
			return "the data of a member begin within what comes before them";
		}
		if (slot->state == RAID_SLOT_REBUILDING && slot->in_sync_until > slot->data_size) {
			return "a member is rebuilt beyond its end";
		}
	}
	return NULL;
}

/* NULL, or what is wrong with it. */
static const char *
parse_copy(const uint8_t *copy, size_t size, struct raid_super *super)
{
	size_t length = HEADER_SIZE + SLOT_SIZE * (size_t)copy[AT_NUM_SLOTS];
	const char *why;

	if (from_le16(copy + AT_MAJOR) != MAJOR) {
		return "it is of a version that nobody here knows of";
	}
	if (length > size || from_le32(copy + AT_LENGTH) != length) {
		return "it is damaged: its length is not that of its members";
	}
	if (from_le32(copy + AT_CRC) != calculate_crc(copy, length)) {
		return "it is damaged: its checksum is wrong";
	}
	if ((from_le64(copy + AT_FEATURES) & ~KNOWN_FEATURES) != 0) {
		return "it has features that nobody here knows of";
	}
	read_header(copy, super);
	for (uint8_t i = 0; i < super->num_slots; i++) {
		read_slot(copy + HEADER_SIZE + SLOT_SIZE * (size_t)i, &super->slots[i]);
	}
	why = raid_super_check(super);
	return why != NULL ? why : check_own(copy, super);
}

/* One that is good in itself, but that this program must not touch, or is not for it. */
static bool
is_good_for_others(const uint8_t *copy, size_t size)
{
	uint32_t length = from_le32(copy + AT_LENGTH);

	return length >= HEADER_SIZE && length <= size && from_le32(copy + AT_CRC) == calculate_crc(copy, length);
}

static uint64_t
sequence_of(const uint8_t *copy)
{
	return from_le64(copy + AT_SEQUENCE);
}

static enum raid_super_kind
parse_own(const uint8_t *data, size_t size, struct raid_super *super, const char **why)
{
	const uint8_t *best = NULL;
	size_t best_size = 0;

	*why = "it is damaged: its checksum is wrong";
	for (size_t offset = 0; offset < RAID_SUPER_SIZE && offset < size; offset += RAID_SUPER_COPY_SIZE) {
		size_t copy_size = spdk_min(size - offset, RAID_SUPER_COPY_SIZE);
		const uint8_t *copy = data + offset;

		/* One that was being written when the power was cut is worse than the other one. */
		if (is_there(copy, copy_size) && is_good_for_others(copy, copy_size) &&
			(best == NULL || sequence_of(copy) > sequence_of(best))) {
			best = copy;
			best_size = copy_size;
		}
	}
	if (best == NULL) {
		return RAID_SUPER_UNUSABLE;
	}
	*why = parse_copy(best, best_size, super);
	return *why == NULL ? RAID_SUPER_GOOD : RAID_SUPER_UNUSABLE;
}

enum raid_super_kind
raid_super_parse(
	const void *data, size_t size, const struct spdk_uuid *bdev_uuid, struct raid_super *super, const char **why)
{
	const uint8_t *bytes = data;

	*why = NULL;
	if (is_there(bytes, size) ||
		(size > RAID_SUPER_COPY_SIZE && is_there(bytes + RAID_SUPER_COPY_SIZE, size - RAID_SUPER_COPY_SIZE))) {
		return parse_own(bytes, size, super, why);
	}
	if (raid_foreign_is_there(data, size)) {
		return raid_foreign_parse(data, size, bdev_uuid, super, why);
	}
	return RAID_SUPER_NONE;
}

/* ---- Writing ---- */

size_t
raid_super_get_size(const struct raid_super *super)
{
	return HEADER_SIZE + SLOT_SIZE * (size_t)super->num_slots;
}

static void
write_slot(uint8_t *bytes, const struct raid_super_slot *slot)
{
	memcpy(bytes + AT_SLOT_ID, &slot->id, sizeof(slot->id));
	memcpy(bytes + AT_SLOT_BDEV_UUID, &slot->bdev_uuid, sizeof(slot->bdev_uuid));
	to_le64(bytes + AT_SLOT_DATA_OFFSET, slot->data_offset);
	to_le64(bytes + AT_SLOT_DATA_SIZE, slot->data_size);
	to_le64(bytes + AT_SLOT_IN_SYNC_UNTIL, slot->in_sync_until);
	to_le32(bytes + AT_SLOT_STATE, slot->state);
	to_le32(bytes + AT_SLOT_FLAGS, slot->lacks_dirty_only ? SLOT_FLAG_LACKS_DIRTY_ONLY : 0);
	to_le64(bytes + AT_SLOT_LEFT_SEQUENCE, slot->left_sequence);
}

static uint64_t
features_of(const struct raid_super *super)
{
	return (super->region_blocks != 0 ? FEATURE_BITMAP : 0) | (super->journal_blocks != 0 ? FEATURE_JOURNAL : 0);
}

size_t
raid_super_encode(const struct raid_super *super, uint8_t slot, void *copy)
{
	size_t length = raid_super_get_size(super);
	uint8_t *bytes = copy;

	memset(bytes, 0, length);
	memcpy(bytes, g_magic, sizeof(g_magic));
	to_le16(bytes + AT_MAJOR, MAJOR);
	to_le16(bytes + AT_MINOR, MINOR);
	to_le32(bytes + AT_LENGTH, (uint32_t)length);
	to_le32(bytes + AT_FLAGS, super->clean ? FLAG_CLEAN : 0);
	to_le64(bytes + AT_FEATURES, features_of(super));
	to_le64(bytes + AT_SEQUENCE, super->sequence);
	memcpy(bytes + AT_UUID, &super->uuid, sizeof(super->uuid));
	memcpy(bytes + AT_NAME, super->name, sizeof(super->name));
	to_le32(bytes + AT_LEVEL, super->ops->number);
	to_le32(bytes + AT_POLICY, super->policy);
	to_le32(bytes + AT_BLOCK_SIZE, super->block_size);
	to_le32(bytes + AT_MD_SIZE, super->md_size);
	to_le32(bytes + AT_STRIP_SIZE, super->strip_size);
	bytes[AT_NUM_SLOTS] = super->num_slots;
	memcpy(bytes + AT_ID, &super->slots[slot].id, sizeof(super->slots[slot].id));
	to_le64(bytes + AT_NUM_BLOCKS, super->num_blocks);
	to_le64(bytes + AT_REGION_BLOCKS, super->region_blocks);
	to_le64(bytes + AT_JOURNAL_BLOCKS, super->journal_blocks);
	to_le64(bytes + AT_RESYNC_OFFSET, super->resync_offset);
	for (uint8_t i = 0; i < super->num_slots; i++) {
		write_slot(bytes + HEADER_SIZE + SLOT_SIZE * (size_t)i, &super->slots[i]);
	}
	to_le32(bytes + AT_CRC, calculate_crc(bytes, length));
	return length;
}
