/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes through a crypto bdev, or one on another, on a disk that ends them at once, later, or refuses them, takes
 * sequences or not, while I/O is aborted, the bdev is reset, and the base or the bdev is removed. Checked is that every I/O
 * ends once, that what is read is what was written, that nothing fails without a reason, and that nothing is left.
 *
 * CRYPTO_SEED=n runs that schedule only, CRYPTO_COUNT=n so many.
 */

#include "../bdev/convert_fixture.h"

#include "module/bdev/crypto/vbdev_crypto.h"
#include "spdk/log.h"

#define SLOTS 8
#define SLOT_BLOCKS 8
#define SLOT_BYTES (SLOT_BLOCKS * BLOCK)
#define TURNS 120
#define THREADS 2

/* One I/O at a time, on blocks that nobody else uses. */
struct slot {
	uint32_t thread;
	uint64_t offset;
	bool busy;
	bool write;
	/* What is on the disk, if that is known. */
	bool known;
	uint8_t expected[SLOT_BYTES];
	/* What had been done that may make an I/O fail, when it began; some of that was still going on. */
	uint64_t reasons;
	bool excused;
	struct iovec iov[2];
	uint8_t buf[SLOT_BYTES];
};

static struct slot g_slots[SLOTS];
static uint64_t g_reasons, g_seed;
static uint64_t g_completed, g_failed, g_aborts, g_resets, g_removals;
static uint32_t g_admin;

static bool
one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

/* ---- the bdevs ---- */

static void
create_key(void)
{
	struct spdk_accel_crypto_key_create_param param = {
		.cipher = (char *)"AES_XTS",
		.hex_key = (char *)"000102030405060708090a0b0c0d0e0f",
		.hex_key2 = (char *)"f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		.key_name = (char *)"key",
	};

	assert_int_equal(spdk_accel_crypto_key_create(&param), 0);
}

static void
create_bdev(const char *name, const char *base)
{
	struct crypto_key_opts opts = {.key_name = "key"};
	struct crypto_key *key;
	const char *why;

	ON(0, {
		assert_int_equal(crypto_key_get(name, &opts, &key, &why), 0);
		assert_int_equal(vbdev_crypto_create(name, base, key, &why), 0);
	});
}

static void
add_disk(void)
{
	bool takes = one_in(2);

	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	g_disk.mode = MEM_DISK_RANDOM;
	g_disk.abort_mode = MEM_DISK_ABORT_RANDOM;
	g_disk.io_types |= 1 << SPDK_BDEV_IO_TYPE_ABORT;
	g_disk.knows_domains = takes;
	g_disk.sequence_types = takes ? 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE : 0;
	g_disk.bdev.required_alignment = one_in(2) ? 9 : 0;
	g_disk.get_buf = g_disk.bdev.required_alignment != 0;
	if (one_in(3)) {
		g_disk.bdev.optimal_io_boundary = 4 + bdk_sim_random(8);
		g_disk.bdev.split_on_optimal_io_boundary = true;
	}
	mem_disk_add(&g_disk);
}

static bool
is_settled(void *arg)
{
	for (int i = 0; i < SLOTS; i++) {
		if (g_slots[i].busy) {
			return false;
		}
	}
	return g_admin == 0;
}

/* Lets the disk end what it has until all has come back. */
static void
settle(void)
{
	for (int i = 0; i < 20000 && !is_settled(NULL); i++) {
		bdk_sim_run_for(500);
		mem_disk_release(&g_disk, 2);
	}
	if (!is_settled(NULL)) {
		fail_msg("seed %" PRIu64 ": something hangs", g_seed);
	}
}

/* ---- I/O ---- */

static void
slot_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct slot *slot = arg;

	assert_true(slot->busy);
	slot->busy = false;
	g_completed++;
	if (success) {
		/* Of a write: the caller's data are as they were. */
		if ((slot->write || slot->known) && memcmp(slot->buf, slot->expected, SLOT_BYTES) != 0) {
			fail_msg("seed %" PRIu64 ": wrong data", g_seed);
		}
		slot->known = slot->known || slot->write;
	} else {
		g_failed++;
		if (!slot->excused && g_reasons == slot->reasons) {
			fail_msg("seed %" PRIu64 ": an I/O fails without a reason", g_seed);
		}
		slot->known = slot->known && !slot->write;
	}
	spdk_bdev_free_io(bdev_io);
}

static void
begin_io(struct slot *slot)
{
	size_t first = 1 + bdk_sim_random(SLOT_BYTES - 1);
	struct spdk_io_channel *ch = g_user.ch[slot->thread];
	int rc;

	slot->busy = true;
	slot->write = one_in(2);
	slot->reasons = g_reasons;
	slot->excused = g_admin > 0;
	slot->iov[0] = (struct iovec){slot->buf, first};
	slot->iov[1] = (struct iovec){slot->buf + first, SLOT_BYTES - first};
	if (slot->write) {
		fill(slot->expected, SLOT_BYTES, bdk_sim_random(UINT32_MAX));
		memcpy(slot->buf, slot->expected, SLOT_BYTES);
		slot->known = false;
		ON(slot->thread,
			rc = spdk_bdev_writev_blocks(
				g_user.desc, ch, slot->iov, 2, slot->offset, SLOT_BLOCKS, slot_done_cb, slot));
	} else {
		memset(slot->buf, 0xee, SLOT_BYTES);
		ON(slot->thread,
			rc = spdk_bdev_readv_blocks(
				g_user.desc, ch, slot->iov, 2, slot->offset, SLOT_BLOCKS, slot_done_cb, slot));
	}
	assert_int_equal(rc, 0);
}

static void
admin_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	g_admin--;
	spdk_bdev_free_io(bdev_io);
}

static void
abort_one(struct slot *slot)
{
	int rc;

	if (!slot->busy) {
		return;
	}
	g_reasons++;
	g_aborts++;
	ON(slot->thread, rc = spdk_bdev_abort(g_user.desc, g_user.ch[slot->thread], slot, admin_done_cb, NULL));
	assert_int_equal(rc, 0);
	g_admin++;
}

static void
reset(void)
{
	uint32_t thread = bdk_sim_random(THREADS);
	int rc;

	g_reasons++;
	g_resets++;
	ON(thread, rc = spdk_bdev_reset(g_user.desc, g_user.ch[thread], admin_done_cb, NULL));
	assert_int_equal(rc, 0);
	g_admin++;
}

static void
removed_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

/* The base or a bdev goes while there is I/O, and all that stands on it with it; then they come back. */
static void
remove_something(const char *top)
{
	bool removed = false, base = one_in(2);
	const char *name = base ? "disk" : one_in(2) ? "c" : top;

	g_reasons++;
	g_removals++;
	ON(0, spdk_bdev_unregister(spdk_bdev_get_by_name(name), removed_cb, &removed));
	bdk_sim_run_for(bdk_sim_random(2000));
	settle();
	mem_user_close(&g_user);
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	assert_true(removed);
	assert_null(spdk_bdev_get_by_name(top));
	for (int i = 0; i < SLOTS && base; i++) {
		g_slots[i].known = false;
	}
	/* As a user may who has removed it by mistake. */
	if (!base) {
		bool deleted = false;

		if (spdk_bdev_get_by_name("c") == NULL) {
			ON(0, assert_int_equal(vbdev_crypto_delete("c", removed_cb, &deleted), 0));
			bdk_sim_run_until_idle();
			create_bdev("c", "disk");
		} else {
			ON(0, assert_int_equal(vbdev_crypto_delete(top, removed_cb, &deleted), 0));
			bdk_sim_run_until_idle();
			create_bdev(top, "c");
		}
	} else {
		add_disk();
	}
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	assert_non_null(spdk_bdev_get_by_name(top));
	mem_user_open_name(&g_user, top, THREADS, true);
}

static void
take_turn(const char *top)
{
	struct slot *slot = &g_slots[bdk_sim_random(SLOTS)];

	switch (bdk_sim_random(40)) {
	case 0:
		remove_something(top);
		break;
	case 1:
		reset();
		break;
	case 2:
	case 3:
		abort_one(slot);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		mem_disk_release(&g_disk, 1 + bdk_sim_random(3));
		break;
	case 8:
		/* Has to come back without an error. */
		g_disk.refuse = bdk_sim_random(6);
		break;
	default:
		if (!slot->busy) {
			begin_io(slot);
		}
		break;
	}
	bdk_sim_run_for(bdk_sim_random(50));
}

static void
run_schedule(uint64_t seed)
{
	bool stacked, deleted = false;
	const char *top;

	g_seed = seed;
	bdev_sim_init(seed, THREADS);
	ON(0, init_accel(NULL));
	assert_int_equal(bdev_sim_layer_init(), 0);
	stacked = one_in(2);
	top = stacked ? "cc" : "c";
	create_key();
	add_disk();
	create_bdev("c", "disk");
	if (stacked) {
		create_bdev("cc", "c");
	}
	bdk_sim_run_until_idle();
	mem_user_open_name(&g_user, top, THREADS, true);
	memset(g_slots, 0, sizeof(g_slots));
	for (int i = 0; i < SLOTS; i++) {
		g_slots[i].thread = i % THREADS;
		g_slots[i].offset = i * SLOT_BLOCKS;
	}
	for (int i = 0; i < TURNS; i++) {
		take_turn(top);
	}
	settle();
	mem_user_close(&g_user);
	ON(0, assert_int_equal(vbdev_crypto_delete("c", removed_cb, &deleted), 0));
	bdk_sim_run_until_idle();
	assert_true(deleted);
	if (stacked) {
		deleted = false;
		ON(0, assert_int_equal(vbdev_crypto_delete("cc", removed_cb, &deleted), 0));
		bdk_sim_run_until_idle();
		assert_true(deleted);
	}
	mem_disk_remove(&g_disk);
	/* Nobody has it any more. */
	ON(0, assert_int_equal(spdk_accel_crypto_key_destroy(spdk_accel_crypto_key_get("key")), 0));
	bdev_sim_layer_fini();
	deleted = false;
	ON(0, spdk_accel_finish(set_flag_cb, &deleted));
	bdk_sim_run_until_idle();
	assert_true(deleted);
	bdev_sim_fini();
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
	uint64_t seed = get_number("CRYPTO_SEED", 0), count = get_number("CRYPTO_COUNT", 1000);

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	if (seed != 0) {
		count = 1;
	}
	for (uint64_t i = 0; i < count; i++) {
		run_schedule(seed != 0 ? seed : i + 1);
	}
	spdk_log_set_print_level(SPDK_LOG_NOTICE);
	printf("%" PRIu64 " schedules: %" PRIu64 " I/Os, %" PRIu64 " of them failed; %" PRIu64 " aborts, %" PRIu64
	       " resets, %" PRIu64 " removals\n",
		count, g_completed, g_failed, g_aborts, g_resets, g_removals);
	if (seed == 0) {
		/* They did what they are for. */
		assert_true(g_completed > 10 * count && g_failed > 0 && g_failed < g_completed / 2);
		assert_true(g_aborts > count / 2 && g_resets > count / 2 && g_removals > count / 2);
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
