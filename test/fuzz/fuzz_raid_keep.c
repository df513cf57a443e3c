/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any bitmaps and journals on the members of an array whose superblocks are good: a RAID5 of three. The parsers get them in
 * buffers of exactly a block; then the whole module gets them on disks, and the array has to come online, without having written
 * where nothing of it is.
 *
 * An input is: a byte of options (OPTION_*), and pieces. A piece is: the member, what it is of (WHERE_*), its index, how many
 * bytes, those bytes. All other bytes are zero. corpus/make-raid-keep.py makes some.
 */

#include "test/fuzz/fuzz.h"
#include "test/unit/bdev/mem_disk.h"

#include "module/bdev/raid/raid_bitmap.h"
#include "module/bdev/raid/raid_journal.h"
#include "module/bdev/raid/raid_superblock.h"
#include "spdk/crc32.h"
#include "spdk/endian.h"
#include "spdk/util.h"

/* Checksums are made right first, as chance does not find them. */
#define OPTION_REPAIR 0x01
/* The last member is missing. */
#define OPTION_DEGRADED 0x02

enum where {
	WHERE_PAGE,
	WHERE_BITS,
	WHERE_CHECKPOINT,
	WHERE_RECORD,
	WHERE_DATA,
	NUM_WHERES,
};

#define BLOCK 512
#define STRIP 8
#define NUM_SLOTS 8
#define NUM_MEMBERS 3
#define DATA_BLOCKS 512
#define REGION 128
#define JOURNAL_BLOCKS (1 + NUM_SLOTS * (1 + STRIP))
#define JOURNAL (RAID_JOURNAL_OFFSET / BLOCK)
#define DISK_BLOCKS (JOURNAL + JOURNAL_BLOCKS + DATA_BLOCKS)
#define PIECE_SIZE 4

static const char *const g_uuids[NUM_MEMBERS] = {"5d1a0d7e-0000-4000-8000-000000000000",
	"5d1a0d7e-0000-4000-8000-000000000001", "5d1a0d7e-0000-4000-8000-000000000002"};
static const char g_array_uuid[] = "5d1a0d7e-0000-4000-8000-0000000000aa";

/* ---- The parsers ---- */

static void
parse(const uint8_t *data, size_t size)
{
	uint8_t *block = calloc(1, BLOCK), *again = calloc(1, BLOCK);
	struct raid_bitmap_page page;
	struct raid_journal_record record;
	struct raid_journal_checkpoint checkpoint;

	FUZZ_CHECK(block != NULL && again != NULL);
	memcpy(block, data, spdk_min(size, BLOCK));
	if (raid_bitmap_page_decode(block, BLOCK, &page) == NULL) {
		FUZZ_CHECK(page.bits == block + BLOCK / 2);
	}
	/* What is written again says the same. */
	if (raid_journal_record_decode(block, BLOCK, &record) == NULL) {
		struct raid_journal_record other;

		raid_journal_record_encode(again, BLOCK, &record);
		FUZZ_CHECK(raid_journal_record_decode(again, BLOCK, &other) == NULL &&
			other.sequence == record.sequence && other.num_blocks == record.num_blocks);
	}
	if (raid_journal_checkpoint_decode(block, BLOCK, &checkpoint) == NULL) {
		struct raid_journal_checkpoint other;

		raid_journal_checkpoint_encode(again, BLOCK, &checkpoint);
		FUZZ_CHECK(
			raid_journal_checkpoint_decode(again, BLOCK, &other) == NULL && other.tail == checkpoint.tail);
	}
	free(block);
	free(again);
}

/* ---- The disks ---- */

static size_t
place_of(enum where where, uint8_t index)
{
	uint64_t slot = JOURNAL + 1 + index % NUM_SLOTS * (1 + STRIP);

	switch (where) {
	case WHERE_PAGE:
		return RAID_BITMAP_OFFSET;
	case WHERE_BITS:
		return RAID_BITMAP_OFFSET + BLOCK / 2;
	case WHERE_CHECKPOINT:
		return (size_t)JOURNAL * BLOCK;
	case WHERE_RECORD:
		return (size_t)slot * BLOCK;
	default:
		return (size_t)(slot + 1 + index / NUM_SLOTS % STRIP) * BLOCK;
	}
}

static void
repair_block(uint8_t *block)
{
	to_le32(block + 12, 0);
	to_le32(block + 12, ~spdk_crc32c_update(block, BLOCK, ~0u));
}

static void
repair(uint8_t *disk)
{
	repair_block(disk + place_of(WHERE_PAGE, 0));
	repair_block(disk + place_of(WHERE_CHECKPOINT, 0));
	for (uint8_t i = 0; i < NUM_SLOTS; i++) {
		uint8_t *block = disk + place_of(WHERE_RECORD, i);
		uint64_t num_blocks = from_le64(block + 48);

		if (num_blocks <= STRIP) {
			to_le32(block + 56, ~spdk_crc32c_update(block + BLOCK, num_blocks * BLOCK, ~0u));
		}
		repair_block(block);
	}
}

static void
apply_pieces(uint8_t **disks, const uint8_t *data, size_t size)
{
	while (size >= PIECE_SIZE) {
		uint8_t *disk = disks[data[0] % NUM_MEMBERS];
		size_t place = place_of(data[1] % NUM_WHERES, data[2]), length = spdk_min(data[3], size - PIECE_SIZE);

		memcpy(disk + place, data + PIECE_SIZE, length);
		data += PIECE_SIZE + length;
		size -= PIECE_SIZE + length;
	}
}

static void
add_superblock(uint8_t *disk, uint8_t slot)
{
	static struct raid_super super;

	super = (struct raid_super){
		.sequence = 5,
		.name = "array",
		.ops = &g_raid5_ops,
		.policy = RAID_POLICY_JOURNAL,
		.block_size = BLOCK,
		.strip_size = STRIP,
		.num_blocks = DATA_BLOCKS * (NUM_MEMBERS - 1),
		.region_blocks = REGION,
		.journal_blocks = JOURNAL_BLOCKS,
		.resync_offset = UINT64_MAX,
		.num_slots = NUM_MEMBERS,
	};
	spdk_uuid_parse(&super.uuid, g_array_uuid);
	for (uint8_t i = 0; i < NUM_MEMBERS; i++) {
		super.slots[i] = (struct raid_super_slot){.state = RAID_SLOT_CONFIGURED,
			.data_offset = JOURNAL + JOURNAL_BLOCKS,
			.data_size = DATA_BLOCKS};
		spdk_uuid_parse(&super.slots[i].id, g_uuids[i]);
		spdk_uuid_parse(&super.slots[i].bdev_uuid, g_uuids[i]);
	}
	raid_super_encode(&super, slot, disk);
	raid_super_encode(&super, slot, disk + RAID_SUPER_COPY_SIZE);
}

/* ---- The module ---- */

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
delete_all(void)
{
	struct raid *raid = TAILQ_FIRST(&g_raids);

	if (raid != NULL) {
		raid_delete(raid, false, NULL);
	}
}

static void
check_disk(const struct mem_disk *disk)
{
	/* Between the bitmap and the journal there is nothing. */
	for (size_t i = RAID_BITMAP_OFFSET + RAID_BITMAP_SIZE; i < RAID_JOURNAL_OFFSET; i++) {
		FUZZ_CHECK(disk->data[i] == 0);
	}
}

static void
assemble(uint8_t **data, int num_disks)
{
	static struct mem_disk disks[NUM_MEMBERS];
	struct raid *raid;
	char name[16];

	start();
	for (int i = 0; i < num_disks; i++) {
		snprintf(name, sizeof(name), "disk%d", i);
		mem_disk_init(&disks[i], name, BLOCK, DISK_BLOCKS);
		disks[i].data = data[i];
		disks[i].bdev.write_cache = 1;
		spdk_uuid_parse(&disks[i].bdev.uuid, g_uuids[i]);
		mem_disk_add(&disks[i]);
	}
	bdk_sim_run_for(num_disks < NUM_MEMBERS ? 11 * SPDK_SEC_TO_USEC : 1000);
	raid = TAILQ_FIRST(&g_raids);
	FUZZ_CHECK(raid != NULL && raid->state == RAID_ONLINE && raid->bitmap != NULL && raid->journal != NULL);
	for (int i = 0; i < num_disks; i++) {
		check_disk(&disks[i]);
	}
	ON(0, delete_all());
	bdk_sim_run_until_idle();
	FUZZ_CHECK(TAILQ_EMPTY(&g_raids));
	for (int i = 0; i < num_disks; i++) {
		mem_disk_remove(&disks[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *disks[NUM_MEMBERS];
	bool degraded;

	parse(data, size);
	if (size < 1) {
		return 0;
	}
	degraded = data[0] & OPTION_DEGRADED;
	for (uint8_t i = 0; i < NUM_MEMBERS; i++) {
		disks[i] = calloc(DISK_BLOCKS, BLOCK);
		FUZZ_CHECK(disks[i] != NULL);
		add_superblock(disks[i], i);
	}
	apply_pieces(disks, data + 1, size - 1);
	for (uint8_t i = 0; i < NUM_MEMBERS && data[0] & OPTION_REPAIR; i++) {
		repair(disks[i]);
	}
	/* The disks free what they hold. */
	assemble(disks, degraded ? NUM_MEMBERS - 1 : NUM_MEMBERS);
	if (degraded) {
		free(disks[NUM_MEMBERS - 1]);
	}
	return 0;
}
