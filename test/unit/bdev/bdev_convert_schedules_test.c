/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes with memory domains, sequences and hidden metadata, in every combination that a disk may know or not,
 * while what moves their data fails, waits or has no memory, and they are aborted, the disk is reset, quiesced or
 * removed, and its user goes away. Checked is that every I/O and every step of a sequence is called back once; that what
 * is read is what was written; that nothing fails without a reason; that nothing hangs, and nothing is left.
 *
 * BDEV_IO_SEED=n runs that schedule only, BDEV_IO_COUNT=n so many.
 */

#include "convert_fixture.h"
#include "spdk/crc32.h"
#include "spdk/dif.h"
#include "test/unit/common/strict_tolerate.h"

#define SLOTS 6
#define SLOT_BLOCKS 8
#define SLOT_BYTES (SLOT_BLOCKS * BLOCK)
#define TURNS 150

/* One I/O at a time, on blocks that nobody else uses. */
struct slot {
	uint64_t offset;
	/* What is on the disk, if that is known. */
	uint8_t expected[SLOT_BYTES];
	bool known;

	bool busy;
	bool write;
	bool in_domain;
	bool in_sequence;
	uint32_t wanted_steps;
	uint32_t steps;
	/* What had been done that may make an I/O fail, when it began; something of that is still to come. */
	uint64_t reasons;
	bool excused;
	uint32_t crc;
	struct iovec iov[2];
	struct iovec other;
	uint8_t buf[SLOT_BYTES];
	/* Before, or behind, the sequence. */
	uint8_t other_buf[SLOT_BYTES];
};

static struct slot g_slots[SLOTS];
static struct spdk_io_channel *g_accel_ch;
static uint64_t g_reasons, g_seed;
static uint64_t g_completed, g_failed, g_in_domain, g_in_sequence, g_handed_over, g_aborts, g_resets, g_locks;
static uint32_t g_aborting, g_num_inside;
static bool g_hides, g_resetting, g_quiescing, g_quiesced;

static bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

/* ---- the I/O of a slot ---- */

static void
slot_step_cb(void *arg)
{
	struct slot *slot = arg;

	assert_true(slot->busy);
	slot->steps++;
	assert_true(slot->steps <= slot->wanted_steps);
}

/* The user's side of the I/O, for the test to look at. */
static uint8_t *
slot_window(struct slot *slot)
{
	return slot->in_domain ? g_guarded.window + (slot - g_slots) * SLOT_BYTES : slot->buf;
}

static void
check_read(struct slot *slot)
{
	if (!slot->known) {
		return;
	}
	/* Copies that nobody needs are left out: then only the place behind them counts. */
	if (!slot->in_sequence) {
		assert_memory_equal(slot_window(slot), slot->expected, SLOT_BYTES);
	} else {
		assert_memory_equal(slot->other_buf, slot->expected, SLOT_BYTES);
		assert_int_equal(slot->crc, spdk_crc32c_update(slot->expected, SLOT_BYTES, ~0U));
	}
}

static void
slot_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct slot *slot = arg;

	assert_true(slot->busy);
	assert_int_equal(slot->steps, slot->wanted_steps);
	slot->busy = false;
	g_completed++;
	if (!success) {
		g_failed++;
		assert_true(slot->excused || g_reasons != slot->reasons || (!slot->write && g_hides && !slot->known));
		/* It may have been written, or in part. */
		slot->known = slot->known && !slot->write;
	} else if (!slot->write) {
		check_read(slot);
	} else {
		slot->known = true;
	}
	spdk_bdev_free_io(bdev_io);
}

/* Adds steps between the user's side of the I/O and another buffer. Returns NULL if there is no memory. */
static struct spdk_accel_sequence *
make_sequence(struct slot *slot)
{
	struct spdk_memory_domain *domain = slot->in_domain ? g_guarded.domain : NULL;
	void *domain_ctx = slot->in_domain ? g_guarded.expected_ctx : NULL;
	struct spdk_accel_sequence *seq = NULL;
	int rc;

	slot->other = (struct iovec){slot->other_buf, SLOT_BYTES};
	if (slot->write) {
		slot->wanted_steps = 1;
		rc = spdk_accel_append_copy(&seq, g_accel_ch, slot->iov, 2, domain, domain_ctx, &slot->other, 1, NULL,
			NULL, slot_step_cb, slot);
	} else {
		slot->wanted_steps = 2;
		rc = spdk_accel_append_crc32c(
			&seq, g_accel_ch, &slot->crc, &slot->other, 1, NULL, NULL, 0, slot_step_cb, slot);
		if (rc == 0) {
			rc = spdk_accel_append_copy(&seq, g_accel_ch, &slot->other, 1, NULL, NULL, slot->iov, 2, domain,
				domain_ctx, slot_step_cb, slot);
		}
	}
	if (rc != 0) {
		assert_int_equal(rc, -ENOMEM);
		slot->wanted_steps = seq != NULL;
		spdk_accel_sequence_abort(seq);
		return NULL;
	}
	return seq;
}

static void
describe_buffer(struct slot *slot)
{
	size_t first = 1 + bdk_sim_random(SLOT_BYTES - 1), index = slot - g_slots;

	/* In two pieces, which need not be whole blocks, unless each block has to lie in one. */
	if (g_disk.bdev.max_num_segments == 1) {
		first = (1 + bdk_sim_random(SLOT_BLOCKS - 1)) * BLOCK;
	}
	if (slot->in_domain) {
		slot->iov[0] = guarded_domain_iov(&g_guarded, index * SLOT_BYTES, first);
		slot->iov[1] = guarded_domain_iov(&g_guarded, index * SLOT_BYTES + first, SLOT_BYTES - first);
	} else {
		slot->iov[0] = (struct iovec){slot->buf, first};
		slot->iov[1] = (struct iovec){slot->buf + first, SLOT_BYTES - first};
	}
}

static bool
may_fail(void)
{
	return g_resetting || g_aborting > 0 || g_guarded.refuse[GUARDED_PULL] > 0 ||
		g_guarded.refuse[GUARDED_PUSH] > 0 || g_guarded.fail[GUARDED_PULL] > 0 ||
		g_guarded.fail[GUARDED_PUSH] > 0;
}

static void
start_io(struct slot *slot)
{
	struct spdk_bdev_ext_io_opts opts = {.size = sizeof(opts)};
	int rc;

	slot->write = one_in(2);
	slot->in_domain = !one_in(3);
	slot->in_sequence = one_in(2);
	slot->steps = 0;
	slot->wanted_steps = 0;
	slot->reasons = g_reasons;
	slot->excused = may_fail();
	slot->busy = true;
	describe_buffer(slot);
	if (slot->in_domain) {
		opts.memory_domain = g_guarded.domain;
		opts.memory_domain_ctx = g_guarded.expected_ctx;
	}
	memset(slot_window(slot), 0xee, SLOT_BYTES);
	memset(slot->other_buf, 0xdd, SLOT_BYTES);
	if (slot->write) {
		fill(slot->expected, SLOT_BYTES, bdk_sim_random(UINT32_MAX));
		memcpy(slot->in_sequence ? slot->other_buf : slot_window(slot), slot->expected, SLOT_BYTES);
		slot->known = false;
	}
	if (slot->in_sequence) {
		opts.accel_sequence = make_sequence(slot);
		if (opts.accel_sequence == NULL) {
			slot->busy = false;
			return;
		}
	}
	if (slot->write) {
		rc = spdk_bdev_writev_blocks_ext(
			g_user.desc, g_user.ch[0], slot->iov, 2, slot->offset, SLOT_BLOCKS, slot_done_cb, slot, &opts);
	} else {
		rc = spdk_bdev_readv_blocks_ext(
			g_user.desc, g_user.ch[0], slot->iov, 2, slot->offset, SLOT_BLOCKS, slot_done_cb, slot, &opts);
	}
	assert_int_equal(rc, 0);
	assert_true(slot->busy);
	g_in_domain += slot->in_domain;
	g_in_sequence += slot->in_sequence;
}

/* ---- what happens meanwhile ---- */

static void
abort_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	g_aborting--;
	g_aborts += success;
	spdk_bdev_free_io(bdev_io);
}

static void
start_abort(void)
{
	int rc;

	g_aborting++;
	g_reasons++;
	rc = spdk_bdev_abort(g_user.desc, g_user.ch[0], &g_slots[bdk_sim_random(SLOTS)], abort_done_cb, NULL);
	assert_int_equal(rc, 0);
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	g_resetting = false;
	/* What comes while it runs is aborted. */
	g_reasons++;
	g_resets++;
	spdk_bdev_free_io(bdev_io);
}

static void
start_reset(void)
{
	if (g_resetting) {
		return;
	}
	g_resetting = true;
	g_reasons++;
	assert_int_equal(spdk_bdev_reset(g_user.desc, g_user.ch[0], reset_done_cb, NULL), 0);
}

static void
unquiesced_cb(void *arg, int status)
{
	assert_int_equal(status, 0);
	g_quiescing = false;
}

static void
quiesced_cb(void *arg, int status)
{
	int i;

	assert_int_equal(status, 0);
	g_quiesced = true;
	g_locks++;
	/* Nothing is inside the disk, or on its way back; what has ended, its owner may be told later. */
	assert_int_equal(g_num_inside, 0);
	for (i = 0; i < SLOTS; i++) {
		assert_true(!g_slots[i].busy || g_slots[i].write || g_slots[i].steps == 0 ||
			g_slots[i].steps == g_slots[i].wanted_steps);
	}
}

/* Reads and writes inside the disk. */
static void
observe(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool enters)
{
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ && bdev_io->type != SPDK_BDEV_IO_TYPE_WRITE) {
		return;
	}
	assert_false(enters && g_quiesced);
	g_num_inside += enters ? 1 : -1;
}

static void
lock_or_unlock(void)
{
	if (g_quiesced) {
		g_quiesced = false;
		assert_int_equal(spdk_bdev_unquiesce(&g_disk.bdev, g_disk.bdev.module, unquiesced_cb, NULL), 0);
	} else if (!g_quiescing) {
		g_quiescing = true;
		assert_int_equal(spdk_bdev_quiesce(&g_disk.bdev, g_disk.bdev.module, quiesced_cb, NULL), 0);
	}
}

static void
make_domain_fail(void)
{
	enum guarded_call call = one_in(2) ? GUARDED_PULL : GUARDED_PUSH;

	if (one_in(2)) {
		g_guarded.refuse[call] = 1;
		g_guarded.refuse_rc = one_in(3) ? -EIO : -ENOMEM;
	} else {
		g_guarded.fail[call] = 1;
		g_guarded.fail_rc = one_in(3) ? -EIO : -ENOMEM;
	}
	g_reasons++;
}

static void
take_turn(void)
{
	struct slot *slot = &g_slots[bdk_sim_random(SLOTS)];

	g_guarded.deferred = one_in(2);
	switch (bdk_sim_random(12)) {
	case 0:
	case 1:
	case 2:
	case 3:
		if (!slot->busy) {
			ON(0, start_io(slot));
		}
		break;
	case 4:
		if (one_in(2)) {
			ON(0, start_abort());
		}
		break;
	case 5:
		if (one_in(8)) {
			ON(0, start_reset());
		}
		break;
	case 6:
		ON(0, lock_or_unlock());
		break;
	case 7:
		if (one_in(3)) {
			make_domain_fail();
		}
		break;
	case 8:
		mem_disk_release(&g_disk, 1);
		break;
	case 9:
		bdk_sim_run_for(bdk_sim_random(20000));
		break;
	default:
		ON(0, guarded_domain_complete(&g_guarded));
		break;
	}
	while (!one_in(3) && bdk_sim_step()) {
	}
}

/* ---- a schedule ---- */

static bool
is_quiet(void)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (g_slots[i].busy) {
			return false;
		}
	}
	return g_aborting == 0 && !g_resetting && !g_quiescing;
}

/* All that was begun ends, when nobody holds anything back. */
static void
drain(void)
{
	int i;

	for (i = 0; i < 1000 && !is_quiet(); i++) {
		if (g_quiesced) {
			ON(0, lock_or_unlock());
		}
		ON(0, while (guarded_domain_complete(&g_guarded)));
		mem_disk_release(&g_disk, g_disk.num_held);
		bdk_sim_run_for(10000);
	}
	assert_true(is_quiet());
}

static void
configure_disk(void)
{
	g_hides = one_in(3);
	mem_disk_init(&g_disk, "disk", g_hides ? BLOCK + 8 : BLOCK, NUM_BLOCKS);
	if (g_hides) {
		g_disk.bdev.md_len = 8;
		g_disk.bdev.md_interleave = true;
		g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
		g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK;
	}
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.observe = observe;
	g_disk.mode = MEM_DISK_RANDOM;
	g_disk.abort_mode = MEM_DISK_ABORT_RANDOM;
	g_disk.knows_domains = one_in(2);
	if (one_in(2)) {
		g_disk.sequence_types = 1ull << SPDK_BDEV_IO_TYPE_READ | 1ull << SPDK_BDEV_IO_TYPE_WRITE;
	}
	if (one_in(3)) {
		g_disk.bdev.max_rw_size = 1 + bdk_sim_random(SLOT_BLOCKS);
	} else if (one_in(4)) {
		g_disk.bdev.max_num_segments = 1;
	}
}

static void
count_handed_over(void)
{
	uint32_t i;

	for (i = 0; i < g_disk.num_records; i++) {
		g_handed_over += g_disk.records[i].has_sequence;
	}
}

static void
run_schedule(uint64_t seed)
{
	bool done = false;
	int i;

	bdev_sim_init(seed, 2);
	ON(0, init_accel(NULL));
	assert_int_equal(bdev_sim_layer_init(), 0);
	guarded_domain_create(&g_guarded, SLOTS * SLOT_BYTES, "guarded");
	memset(g_slots, 0, sizeof(g_slots));
	for (i = 0; i < SLOTS; i++) {
		g_slots[i].offset = bdk_sim_random(16) + i * 32;
	}
	configure_disk();
	start();
	if (g_hides) {
		open_hiding();
	}
	g_accel_ch = get_accel_channel();

	for (i = 0; i < TURNS; i++) {
		take_turn();
	}
	if (one_in(2)) {
		/* Its I/O goes on without it, or is ended. */
		g_reasons++;
		if (g_quiesced) {
			ON(0, lock_or_unlock());
		}
		if (!g_resetting) {
			mem_user_close(&g_user);
		}
	}
	drain();
	mem_user_close(&g_user);
	count_handed_over();
	mem_disk_remove(&g_disk);
	put_channel(g_accel_ch);
	bdk_sim_run_until_idle();
	bdev_sim_layer_fini();
	ON(0, spdk_accel_finish(set_flag_cb, &done));
	bdk_sim_run_until_idle();
	assert_true(done);
	guarded_domain_destroy(&g_guarded);
	bdev_sim_fini();
}

static void
print_seed(void)
{
	if (g_seed != 0) {
		fprintf(stderr, "failed at BDEV_IO_SEED=%" PRIu64 "\n", g_seed);
	}
}

static void
schedules(void **state)
{
	const char *seed = getenv("BDEV_IO_SEED"), *count = getenv("BDEV_IO_COUNT");
	uint64_t last = count != NULL ? strtoull(count, NULL, 10) : 1000;

	if (seed != NULL) {
		g_seed = strtoull(seed, NULL, 10);
		run_schedule(g_seed);
	} else {
		for (g_seed = 1; g_seed <= last; g_seed++) {
			run_schedule(g_seed);
		}
	}
	g_seed = 0;
	printf("%" PRIu64 " I/Os, %" PRIu64 " of them failed; %" PRIu64 " in a domain, %" PRIu64
	       " with a sequence, %" PRIu64 " handed over; %" PRIu64 " aborts, %" PRIu64 " resets, %" PRIu64 " locks\n",
		g_completed, g_failed, g_in_domain, g_in_sequence, g_handed_over, g_aborts, g_resets, g_locks);
	/* Or the schedules are not worth much. */
	assert_true(seed != NULL || (g_failed > 0 && g_failed < g_completed / 2));
	assert_true(seed != NULL || (g_handed_over > 0 && g_aborts > 0 && g_resets > 0 && g_locks > 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules),
	};

	/* The memory domain of the test allocates for each request. */
	strict_tolerate(STRICT_RULE(ALLOCATED));
	atexit(print_seed);
	spdk_log_set_print_level(getenv("BDEV_IO_SEED") != NULL ? SPDK_LOG_ERROR : SPDK_LOG_DISABLED);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
