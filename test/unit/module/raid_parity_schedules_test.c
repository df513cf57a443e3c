/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads, writes and zeroes of any size and shape, from several threads, on arrays with parity whose disks end them at once,
 * later, or not for want of memory, fail reads, fail, are pulled out and are replaced; never more of them at a time than the
 * array can do without. Nothing may fail; what is read is what was written, with all members and with as few as there may
 * be; and in the end each row is the parity of itself.
 *
 * RAID_SEED=n runs that schedule only, RAID_COUNT=n so many.
 */

#include "raid_parity_fixture.h"

#include "spdk/log.h"
#include "spdk/util.h"

#define SLOTS 10
#define TURNS 150
#define THREADS 3
#define MAX_BLOCKS 4096
#define MAX_IO_BLOCKS 96
#define MAX_PIECES 300

/* An I/O. */
struct slot {
	uint32_t thread;
	bool busy;
	enum spdk_bdev_io_type type;
	uint64_t first;
	uint64_t num_blocks;
	uint32_t version;
	/* What may have made it fail when it began. */
	uint64_t reasons;
	bool excused;
	struct iovec iovs[MAX_PIECES];
	int iovcnt;
	uint8_t buf[MAX_IO_BLOCKS * 520];
	uint8_t md[MAX_IO_BLOCKS * 8];
};

static struct slot g_slots[SLOTS];
/* What blocks hold: 0 is zeroes. UINT32_MAX: nobody knows. Who writes and reads them. */
static uint32_t g_versions[MAX_BLOCKS];
static bool g_written[MAX_BLOCKS];
static uint8_t g_readers[MAX_BLOCKS];
static uint32_t g_next_version;
static bool g_lost[MAX_DISKS], g_flaky[MAX_DISKS];
static uint64_t g_seed, g_num_blocks, g_completed, g_failed, g_losses, g_returns, g_flaws, g_reasons, g_resets;
static uint32_t g_num_resets;
/* Whether there is parity of what was never written. Without it no member may fail while it is there. */
static bool g_agrees;
/* Of disks that are flaky. */
static bool g_bad_rows[MAX_DISKS][256];

static uint32_t
md_len(void)
{
	return g_disks[0].bdev.md_interleave ? 0 : g_disks[0].bdev.md_len;
}

static uint32_t
block_size(void)
{
	return g_disks[0].bdev.blocklen;
}

static void
fill(uint8_t *buf, size_t len, uint64_t block, uint32_t version, uint32_t salt)
{
	uint64_t state = block * UINT64_C(0x9e3779b97f4a7c15) + version * UINT64_C(0xbf58476d1ce4e5b9) + salt;

	for (size_t i = 0; i < len; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		buf[i] = version == 0 ? 0 : (uint8_t)(state >> 56);
	}
}

/* ---- I/O ---- */

static void
set_range(const struct slot *slot, bool begins)
{
	for (uint64_t block = slot->first; block < slot->first + slot->num_blocks; block++) {
		if (slot->type == SPDK_BDEV_IO_TYPE_READ) {
			g_readers[block] += begins ? 1 : -1;
		} else if (slot->type != SPDK_BDEV_IO_TYPE_FLUSH) {
			g_written[block] = begins;
		}
	}
}

static void
check_read(const struct slot *slot)
{
	uint8_t expected[520];

	for (uint64_t i = 0; i < slot->num_blocks; i++) {
		uint64_t block = slot->first + i;

		if (g_versions[block] == UINT32_MAX) {
			continue;
		}
		fill(expected, block_size(), block, g_versions[block], 0);
		if (memcmp(expected, slot->buf + i * block_size(), block_size()) != 0) {
			fail_msg("seed %" PRIu64 ": block %" PRIu64 " has wrong data", g_seed, block);
		}
		fill(expected, md_len(), block, g_versions[block], 1);
		if (memcmp(expected, slot->md + i * md_len(), md_len()) != 0) {
			fail_msg("seed %" PRIu64 ": block %" PRIu64 " has wrong metadata", g_seed, block);
		}
	}
}

static void
slot_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct slot *slot = arg;

	assert_true(slot->busy);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[slot->thread]);
	slot->busy = false;
	g_completed++;
	if (!success) {
		g_failed++;
		if (slot->reasons == g_reasons && !slot->excused) {
			fail_msg("seed %" PRIu64 ": an I/O of type %d at %" PRIu64 " fails", g_seed, slot->type,
				slot->first);
		}
	} else if (slot->type == SPDK_BDEV_IO_TYPE_READ) {
		check_read(slot);
	}
	for (uint64_t block = slot->first; block < slot->first + slot->num_blocks; block++) {
		if (slot->type == SPDK_BDEV_IO_TYPE_UNMAP ||
			(!success && slot->type != SPDK_BDEV_IO_TYPE_READ && slot->type != SPDK_BDEV_IO_TYPE_FLUSH)) {
			g_versions[block] = UINT32_MAX;
		} else if (slot->type == SPDK_BDEV_IO_TYPE_WRITE) {
			g_versions[block] = slot->version;
		} else if (slot->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES) {
			g_versions[block] = 0;
		}
	}
	set_range(slot, false);
	spdk_bdev_free_io(bdev_io);
}

/* Cuts the buffer anywhere. Blocks of very many pieces only where the layer does not have to split them. */
static void
shape(struct slot *slot)
{
	uint64_t len = slot->num_blocks * block_size(), done = 0;
	uint64_t stripe = g_raid->bdev.optimal_io_boundary;
	bool whole = slot->first / stripe == (slot->first + slot->num_blocks - 1) / stripe;
	uint64_t most = one_in(3) ? len : len / (1 + bdk_sim_random(5));

	if (whole && one_in(12)) {
		most = spdk_max(3, len / (MAX_PIECES / 2));
	}
	for (slot->iovcnt = 0; done < len; slot->iovcnt++) {
		uint64_t piece = 1 + most / 2 + bdk_sim_random(most);

		piece = spdk_min(len - done, piece);
		if (slot->iovcnt == MAX_PIECES - 1 || (!whole && slot->iovcnt == 24)) {
			piece = len - done;
		}
		slot->iovs[slot->iovcnt] = (struct iovec){slot->buf + done, piece};
		done += piece;
	}
}

static bool
is_free(const struct slot *slot)
{
	for (uint64_t block = slot->first; block < slot->first + slot->num_blocks; block++) {
		if (g_written[block] || (slot->type != SPDK_BDEV_IO_TYPE_READ && g_readers[block] > 0)) {
			return false;
		}
	}
	return true;
}

static enum spdk_bdev_io_type
choose_type(void)
{
	switch (bdk_sim_random(20)) {
	case 0:
		return spdk_bdev_io_type_supported(&g_raid->bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES)
			? SPDK_BDEV_IO_TYPE_WRITE_ZEROES
			: SPDK_BDEV_IO_TYPE_WRITE;
	case 1:
		return spdk_bdev_io_type_supported(&g_raid->bdev, SPDK_BDEV_IO_TYPE_UNMAP) && one_in(3)
			? SPDK_BDEV_IO_TYPE_UNMAP
			: SPDK_BDEV_IO_TYPE_FLUSH;
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
	case 7:
		return SPDK_BDEV_IO_TYPE_READ;
	default:
		return SPDK_BDEV_IO_TYPE_WRITE;
	}
}

static int
submit(struct slot *slot)
{
	struct spdk_io_channel *ch = g_user.ch[slot->thread];
	void *md = md_len() > 0 ? slot->md : NULL;
	int rc;

	switch (slot->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		ON(slot->thread,
			rc = spdk_bdev_readv_blocks_with_md(g_user.desc, ch, slot->iovs, slot->iovcnt, md, slot->first,
				slot->num_blocks, slot_done_cb, slot));
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		ON(slot->thread,
			rc = spdk_bdev_writev_blocks_with_md(g_user.desc, ch, slot->iovs, slot->iovcnt, md, slot->first,
				slot->num_blocks, slot_done_cb, slot));
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		ON(slot->thread,
			rc = spdk_bdev_write_zeroes_blocks(
				g_user.desc, ch, slot->first, slot->num_blocks, slot_done_cb, slot));
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		ON(slot->thread,
			rc = spdk_bdev_unmap_blocks(
				g_user.desc, ch, slot->first, slot->num_blocks, slot_done_cb, slot));
		break;
	default:
		ON(slot->thread,
			rc = spdk_bdev_flush_blocks(
				g_user.desc, ch, slot->first, slot->num_blocks, slot_done_cb, slot));
		break;
	}
	return rc;
}

static void
begin_io(struct slot *slot)
{
	uint64_t unit = g_raid->bdev.split_on_write_unit ? g_raid->parity->stripe_blocks : 1;
	uint64_t most = one_in(4) ? MAX_IO_BLOCKS : 12;

	slot->type = choose_type();
	slot->num_blocks = 1 + bdk_sim_random(most);
	slot->first = bdk_sim_random(g_num_blocks - slot->num_blocks + 1);
	if (slot->type != SPDK_BDEV_IO_TYPE_READ && unit > 1) {
		slot->first -= slot->first % unit;
		slot->num_blocks = spdk_divide_round_up(slot->num_blocks, unit) * unit;
	}
	if (slot->num_blocks > MAX_IO_BLOCKS || !is_free(slot)) {
		return;
	}
	slot->thread = (uint32_t)bdk_sim_random(THREADS);
	slot->busy = true;
	slot->reasons = g_reasons;
	slot->excused = g_num_resets > 0;
	slot->version = ++g_next_version;
	set_range(slot, true);
	shape(slot);
	memset(slot->buf, 0xee, sizeof(slot->buf));
	memset(slot->md, 0xee, sizeof(slot->md));
	for (uint64_t i = 0; i < slot->num_blocks && slot->type == SPDK_BDEV_IO_TYPE_WRITE; i++) {
		fill(slot->buf + i * block_size(), block_size(), slot->first + i, slot->version, 0);
		fill(slot->md + i * md_len(), md_len(), slot->first + i, slot->version, 1);
	}
	assert_int_equal(submit(slot), 0);
}

static bool
is_settled(void *arg)
{
	if (g_num_resets > 0) {
		return false;
	}
	for (int i = 0; i < SLOTS; i++) {
		if (g_slots[i].busy) {
			return false;
		}
	}
	return true;
}

static void
release_some(uint32_t count)
{
	for (int i = 0; i < g_num_disks; i++) {
		mem_disk_release(&g_disks[i], count);
	}
}

static void
settle(void)
{
	for (int i = 0; i < 20000 && !is_settled(NULL); i++) {
		bdk_sim_run_for(500);
		release_some(3);
	}
	if (!is_settled(NULL)) {
		fail_msg("seed %" PRIu64 ": something hangs", g_seed);
	}
	for (int i = 0; i < 20; i++) {
		bdk_sim_run_for(500);
		release_some(1000);
	}
}

static void
read_all(void)
{
	struct slot *slot = &g_slots[0];

	for (uint64_t block = 0; block < g_num_blocks; block += slot->num_blocks) {
		slot->type = SPDK_BDEV_IO_TYPE_READ;
		slot->first = block;
		slot->num_blocks = 1 + bdk_sim_random(MAX_IO_BLOCKS);
		slot->num_blocks = spdk_min(slot->num_blocks, g_num_blocks - block);
		slot->thread = (uint32_t)bdk_sim_random(THREADS);
		slot->busy = true;
		slot->reasons = g_reasons;
		slot->excused = false;
		set_range(slot, true);
		shape(slot);
		assert_int_equal(submit(slot), 0);
		settle();
	}
}

/* ---- Disks ---- */

static int
num_lost(void)
{
	int count = 0;

	for (int i = 0; i < g_num_disks; i++) {
		count += g_lost[i] || g_flaky[i];
	}
	return count;
}

/* Some rows of some disks cannot be read before they are written again. */
static void
observe(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters)
{
	const struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	int i = (int)(disk - g_disks);

	if (!enters || g_lost[i]) {
		return;
	}
	disk->fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	for (uint64_t row = params->offset_blocks; row < params->offset_blocks + params->num_blocks; row++) {
		if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ) {
			g_bad_rows[i][row] = false;
		} else if (g_bad_rows[i][row]) {
			g_flaws++;
			disk->fail_status = SPDK_BDEV_IO_STATUS_FAILED;
		}
	}
}

static void
spoil_rows(int i)
{
	uint64_t first = bdk_sim_random(g_disks[i].bdev.blockcnt);

	for (uint64_t row = first; row < g_disks[i].bdev.blockcnt && row < first + 8; row++) {
		g_bad_rows[i][row] = true;
	}
}

static void
init_disk(int i, bool random_data)
{
	uint32_t interleaved = g_seed % 7 == 3 ? 8 : 0, separate = g_seed % 7 == 4 ? 8 : 0;
	uint64_t num_blocks = 16 * 12 + g_seed % 13;
	char name[16];

	snprintf(name, sizeof(name), "d%d", i);
	mem_disk_init(&g_disks[i], name, 512 + interleaved, num_blocks);
	g_disks[i].bdev.md_len = interleaved + separate;
	g_disks[i].bdev.md_interleave = interleaved > 0;
	g_disks[i].mode = MEM_DISK_MESSAGE;
	g_disks[i].observe = observe;
	g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	g_disks[i].io_types |= 1 << SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
	g_disks[i].data = calloc(num_blocks, 512 + interleaved);
	for (uint64_t j = 0; j < num_blocks * 512 && random_data; j++) {
		g_disks[i].data[j] = (uint8_t)(j * 7 + (uint64_t)i * 13 + (j >> 8));
	}
	mem_disk_register(&g_disks[i]);
}

static void
removed_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
}

static void
lose_disk(int i)
{
	g_losses++;
	g_lost[i] = true;
	g_flaky[i] = false;
	/* What it had has failed while it was there. */
	g_reasons += !g_agrees;
	g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	if (g_agrees && one_in(2)) {
		/* It fails first, what it has and what comes. */
		g_disks[i].fail_status = SPDK_BDEV_IO_STATUS_FAILED;
		bdk_sim_run_for(bdk_sim_random(300));
		mem_disk_release_status(&g_disks[i], 1 + (uint32_t)bdk_sim_random(3), SPDK_BDEV_IO_STATUS_FAILED);
		bdk_sim_run_for(bdk_sim_random(300));
	}
	ON(0, spdk_bdev_unregister(&g_disks[i].bdev, removed_cb, NULL));
}

static void
joined_cb(void *arg, int rc)
{
	*(int *)arg = rc;
}

/* In the background, while I/O goes on. */
static void
rebuild(int target)
{
	struct raid_member *member = &g_raid->members[target];

	ON(0, raid_process_start_rebuild(member));
	for (int turn = 0; turn < 20000 && member->in_sync_until != UINT64_MAX; turn++) {
		struct slot *slot = &g_slots[bdk_sim_random(SLOTS)];

		if (!slot->busy && one_in(3)) {
			begin_io(slot);
		}
		bdk_sim_run_for(bdk_sim_random(200));
		release_some(2);
	}
	if (member->in_sync_until != UINT64_MAX) {
		fail_msg("seed %" PRIu64 ": a rebuild hangs", g_seed);
	}
}

/* Another disk in the place of a lost one. */
static void
replace_disk(int i)
{
	struct raid_member *member = &g_raid->members[i];
	const char *why = NULL;
	int joined = 1;
	char name[16];

	for (int turn = 0; turn < 2000 && !(g_disks[i].destructed && member->desc == NULL); turn++) {
		bdk_sim_run_for(200);
		release_some(1);
	}
	assert_true(g_disks[i].destructed && member->desc == NULL);
	g_returns++;
	init_disk(i, true);
	bdk_sim_run_for(100);
	g_disks[i].mode = MEM_DISK_RANDOM;
	snprintf(name, sizeof(name), "d%d", i);
	ON(0, {
		assert_int_equal(raid_member_set_name(member, name), 0);
		assert_int_equal(raid_member_add_known(member, &why), 0);
		raid_member_join(member, joined_cb, &joined);
	});
	for (int turn = 0; turn < 2000 && joined == 1; turn++) {
		bdk_sim_run_for(200);
		release_some(1);
	}
	assert_int_equal(joined, 0);
	rebuild(i);
	g_lost[i] = false;
}

/* I/O that does without it must not lose another one. One that went bad while it was being repaired has left. */
static void
end_flaws(int i)
{
	if (!g_flaky[i]) {
		return;
	}
	memset(g_bad_rows[i], 0, sizeof(g_bad_rows[i]));
	settle();
	g_flaky[i] = false;
	if (g_raid->members[i].desc == NULL) {
		g_lost[i] = true;
		ON(0, spdk_bdev_unregister(&g_disks[i].bdev, removed_cb, NULL));
		bdk_sim_run_for(1000);
	}
}

static void
disturb(void)
{
	int i = (int)bdk_sim_random((uint64_t)g_num_disks);

	if (g_lost[i]) {
		replace_disk(i);
	} else if (g_flaky[i]) {
		end_flaws(i);
	} else if (num_lost() < num_parity()) {
		if (one_in(2) || !g_agrees) {
			lose_disk(i);
		} else {
			g_flaky[i] = true;
		}
	}
}

/* ---- Schedules ---- */

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	g_num_resets--;
	spdk_bdev_free_io(bdev_io);
}

/* I/O may fail, but no member does because of that. */
static void
reset(void)
{
	uint32_t thread = (uint32_t)bdk_sim_random(THREADS);

	g_reasons++;
	g_resets++;
	g_num_resets++;
	ON(thread, assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[thread], reset_done_cb, NULL), 0));
}

static void
take_turn(void)
{
	struct slot *slot = &g_slots[bdk_sim_random(SLOTS)];

	for (int i = 0; i < g_num_disks; i++) {
		if (g_flaky[i] && one_in(4)) {
			spoil_rows(i);
		}
	}
	switch (bdk_sim_random(40)) {
	case 0:
		disturb();
		break;
	case 1:
		if (g_num_resets == 0 && one_in(2)) {
			reset();
		}
		break;
	case 2:
	case 3:
	case 4:
		release_some(1 + (uint32_t)bdk_sim_random(3));
		break;
	case 5:
		g_disks[bdk_sim_random((uint64_t)g_num_disks)].refuse = (uint32_t)bdk_sim_random(6);
		break;
	default:
		if (!slot->busy) {
			begin_io(slot);
		}
		break;
	}
	bdk_sim_run_for(bdk_sim_random(30));
}

/* Only those have left that were to. */
static void
check_members(void)
{
	for (int i = 0; i < g_num_disks; i++) {
		if (!g_lost[i] && g_raid->members[i].desc == NULL) {
			fail_msg("seed %" PRIu64 ": disk %d is no member any more", g_seed, i);
		}
	}
}

static void
check_rows(bool all)
{
	for (uint64_t row = 0; row < g_num_blocks / (uint64_t)num_data() && num_lost() == 0 && all; row++) {
		if (!row_agrees(row, false) || (g_disks[0].md != NULL && !row_agrees(row, true))) {
			fail_msg("seed %" PRIu64 ": row %" PRIu64 " is not its own parity", g_seed, row);
		}
	}
}

static void
start_array(void)
{
	static const char *const levels[] = {"raid5", "raid6", "raid5f"};
	const char *level = levels[g_seed % 3];
	int num_disks = (g_seed % 3 == 1 ? 4 : 3) + (int)bdk_sim_random(4);
	bool random_data = one_in(3);

	for (int i = 0; i < num_disks; i++) {
		g_lost[i] = false;
		g_flaky[i] = false;
		init_disk(i, random_data);
	}
	bdk_sim_run_until_idle();
	create_array(level, num_disks, 1u << bdk_sim_random(4));
	for (int i = 0; i < num_disks; i++) {
		g_disks[i].mode = MEM_DISK_RANDOM;
	}
	g_num_blocks = g_raid->bdev.blockcnt;
	assert_true(g_num_blocks <= MAX_BLOCKS);
	for (uint64_t i = 0; i < g_num_blocks; i++) {
		g_versions[i] = random_data ? UINT32_MAX : 0;
	}
	/* New members are made to agree in the background, before they are used or meanwhile. */
	g_agrees = !random_data;
	for (int i = 0; i < 10000 && g_agrees && g_raid->process != NULL; i++) {
		bdk_sim_run_for(200);
		release_some(1000);
	}
	assert_true(!g_agrees || g_raid->agrees_until == UINT64_MAX);
}

static void
run_schedule(uint64_t seed)
{
	g_seed = seed;
	memset(g_bad_rows, 0, sizeof(g_bad_rows));
	bdev_sim_start(seed, THREADS);
	start_array();
	mem_user_open_name(&g_user, "r", THREADS, true);
	for (int i = 0; i < TURNS; i++) {
		take_turn();
	}
	settle();
	for (int i = 0; i < g_num_disks; i++) {
		end_flaws(i);
	}
	check_members();
	check_rows(g_agrees);
	read_all();
	while (num_lost() < num_parity()) {
		int i = (int)bdk_sim_random((uint64_t)g_num_disks);

		if (!g_lost[i]) {
			lose_disk(i);
			settle();
		}
	}
	read_all();
	mem_user_close(&g_user);
	bdk_sim_run_for(1000);
	delete_array();
	for (int i = 0; i < g_num_disks; i++) {
		if (!g_lost[i]) {
			mem_disk_remove(&g_disks[i]);
		}
	}
	bdev_sim_stop();
}

static uint64_t
get_number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void
nothing_is_lost(void **state)
{
	uint64_t seed = get_number("RAID_SEED", 0), count = get_number("RAID_COUNT", 300);

	spdk_log_set_print_level(seed != 0 ? SPDK_LOG_NOTICE : SPDK_LOG_DISABLED);
	if (seed != 0) {
		count = 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		run_schedule(seed != 0 ? seed : i + 1);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	printf("%" PRIu64 " schedules: %" PRIu64 " I/Os, %" PRIu64 " of them failed; %" PRIu64 " disks lost, %" PRIu64
	       " replaced, %" PRIu64 " reads failed, %" PRIu64 " resets\n",
		count, g_completed, g_failed, g_losses, g_returns, g_flaws, g_resets);
	if (seed == 0) {
		/* They did what they are for. */
		assert_true(
			g_completed > 50 * count && g_losses > count && g_returns > count / 5 && g_flaws > count / 2);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
