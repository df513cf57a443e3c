/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any disk that may say that it is a member of an array. The parser gets its beginning in a buffer of exactly that size; then
 * the whole module gets it as a disk, and after it one that says that it is another member of the same array.
 *
 * An input is: a byte of options (OPTION_*), how many bytes the first copy has (2 bytes, little-endian), that copy, and the
 * second one. All other bytes are zero. corpus/make-raid-superblock.py makes some.
 */

#include "test/fuzz/fuzz.h"
#include "test/unit/bdev/mem_disk.h"

#include "module/bdev/raid/raid_superblock.h"
#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

/* Checksums are made right first, as chance does not find them. */
#define OPTION_REPAIR 0x01
/* The disk ends within what is looked at. */
#define OPTION_SHORT 0x02
#define OPTION_LARGE_BLOCKS 0x04

#define HEADER_SIZE 3
#define DISK_SIZE (2 * 1024 * 1024)
#define SHORT_SIZE (48 * 1024)

#define MEMBER_UUID "5d1a0d7e-0000-4000-8000-000000000000"
#define OTHER_UUID "5d1a0d7e-0000-4000-8000-000000000001"

/* ---- The parser ---- */

static void
repair(uint8_t *copy, size_t size)
{
	uint32_t length, zero = 0;

	if (size < 256) {
		return;
	}
	length = from_le32(copy + 12);
	if (length < 256 || length > size) {
		return;
	}
	memcpy(copy + 16, &zero, sizeof(zero));
	if (memcmp(copy, "SPDKRAID", 8) == 0) {
		to_le32(copy + 16, spdk_crc32c_update(copy, length, 0));
	} else {
		to_le32(copy + 16, ~spdk_crc32c_update(copy, length, UINT32_MAX));
	}
}

static void
check_good(const struct raid_super *super)
{
	static uint8_t copy[RAID_SUPER_COPY_SIZE];
	static struct raid_super again;
	const char *why;

	FUZZ_CHECK(super->ops != NULL && super->num_slots >= super->ops->min_members);
	FUZZ_CHECK(strlen(super->name) > 0 && strlen(super->name) < RAID_NAME_SIZE);
	FUZZ_CHECK(super->num_blocks > 0 && spdk_u32_is_pow2(super->block_size));
	for (uint8_t slot = 0; slot < super->num_slots; slot++) {
		const struct raid_super_slot *one = &super->slots[slot];

		FUZZ_CHECK(one->state < RAID_NUM_SLOT_STATES);
		FUZZ_CHECK(one->data_offset <= UINT64_MAX - one->data_size);
	}
	/* What is written again says the same. */
	memset(copy, 0, sizeof(copy));
	if (super->foreign) {
		FUZZ_CHECK(raid_foreign_encode(super, 0, copy) <= sizeof(copy));
	} else {
		FUZZ_CHECK(raid_super_encode(super, 0, copy) <= sizeof(copy));
	}
	if (raid_super_parse(copy, sizeof(copy), &super->id, &again, &why) == RAID_SUPER_GOOD) {
		FUZZ_CHECK(again.sequence == super->sequence && again.num_slots == super->num_slots &&
			again.num_blocks == super->num_blocks && again.ops == super->ops);
	} else {
		/* Its own member may be one that has no UUID any more. */
		FUZZ_CHECK(!super->foreign && spdk_uuid_is_null(&super->slots[0].id));
	}
}

static bool
parse(const uint8_t *data, size_t size, struct raid_super *super)
{
	enum raid_super_kind kind;
	struct spdk_uuid uuid;
	const char *why;

	spdk_uuid_parse(&uuid, MEMBER_UUID);
	kind = raid_super_parse(data, size, &uuid, super, &why);
	FUZZ_CHECK((kind == RAID_SUPER_UNUSABLE) == (why != NULL));
	if (kind == RAID_SUPER_GOOD) {
		check_good(super);
	}
	return kind == RAID_SUPER_GOOD;
}

/* ---- The module ---- */

static void
done_cb(void *arg, int rc, const char *why)
{
	FUZZ_CHECK(rc <= 0);
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
	}
}

static void
add_disk(struct mem_disk *disk, const char *name, const char *uuid, uint32_t block_size, uint64_t size,
	const uint8_t *data, size_t data_size)
{
	mem_disk_init(disk, name, block_size, size / block_size);
	disk->data = calloc(1, size);
	FUZZ_CHECK(disk->data != NULL);
	memcpy(disk->data, data, spdk_min(data_size, size));
	spdk_uuid_parse(&disk->bdev.uuid, uuid);
	mem_disk_add(disk);
}

static void
force(void)
{
	struct raid *raid = TAILQ_FIRST(&g_raids);
	const char *why;

	if (raid != NULL && raid_assemble_check(raid, true, &why) == 0) {
		raid_start(raid, done_cb, NULL);
	}
}

static void
delete_all(void)
{
	struct raid *raid = TAILQ_FIRST(&g_raids);

	if (raid != NULL) {
		raid_delete(raid, false, NULL);
	}
}

static void
examine(uint8_t options, const uint8_t *area, const struct raid_super *super)
{
	static struct mem_disk disk, other;
	static uint8_t copy[RAID_SUPER_COPY_SIZE];
	uint64_t size = options & OPTION_SHORT ? SHORT_SIZE : DISK_SIZE;
	uint32_t block_size = options & OPTION_LARGE_BLOCKS ? 4096 : 512;

	start();
	add_disk(&disk, "disk", MEMBER_UUID, block_size, size, area, RAID_SUPER_SIZE);
	/* The array may have taken its name, or its UUID. */
	if (spdk_bdev_get_by_name("other") != NULL || spdk_bdev_get_by_name(OTHER_UUID) != NULL) {
		super = NULL;
	}
	if (super != NULL) {
		memset(copy, 0, sizeof(copy));
		if (super->foreign) {
			raid_foreign_encode(super, 1, copy);
		} else {
			raid_super_encode(super, super->num_slots - 1, copy);
		}
		add_disk(&other, "other", OTHER_UUID, block_size, size, copy, sizeof(copy));
	}
	bdk_sim_run_for(11 * SPDK_SEC_TO_USEC);
	ON(0, force());
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	ON(0, delete_all());
	bdk_sim_run_until_idle();
	FUZZ_CHECK(TAILQ_EMPTY(&g_raids));
	mem_disk_remove(&disk);
	if (super != NULL) {
		mem_disk_remove(&other);
	}
	FUZZ_CHECK(spdk_bdev_first() == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct raid_super super;
	uint8_t *area;
	size_t first, second, area_size;
	bool good;

	if (size < HEADER_SIZE) {
		return 0;
	}
	first = spdk_min(spdk_min(from_le16(data + 1), size - HEADER_SIZE), RAID_SUPER_COPY_SIZE);
	second = spdk_min(size - HEADER_SIZE - first, RAID_SUPER_COPY_SIZE);
	area_size = data[0] & OPTION_SHORT ? SHORT_SIZE : RAID_SUPER_SIZE;
	area = calloc(1, RAID_SUPER_SIZE);
	FUZZ_CHECK(area != NULL);
	memcpy(area, data + HEADER_SIZE, first);
	memcpy(area + RAID_SUPER_COPY_SIZE, data + HEADER_SIZE + first, second);
	if (data[0] & OPTION_REPAIR) {
		repair(area, RAID_SUPER_COPY_SIZE);
		repair(area + RAID_SUPER_COPY_SIZE, RAID_SUPER_COPY_SIZE);
	}
	area = realloc(area, area_size);
	FUZZ_CHECK(area != NULL);
	good = parse(area, area_size, &super);
	area = realloc(area, RAID_SUPER_SIZE);
	FUZZ_CHECK(area != NULL);
	memset(area + area_size, 0, RAID_SUPER_SIZE - area_size);
	examine(data[0], area, good ? &super : NULL);
	free(area);
	return 0;
}
