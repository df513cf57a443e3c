/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Random work of several threads on bdevs that come and go: opening, closing, claiming, resizing, examining, I/O,
 * resets, removal in every state, and virtual bdevs on top, in random orders. Nothing may be lost, called twice or
 * used after it is gone; the sanitizers look at the rest.
 *
 * BDEV_SIM_SEED=n runs that schedule only, BDEV_SIM_COUNT=n so many.
 */

#include "bdev_sim.h"

#define THREADS 4
#define SLOTS 4
#define MAX_OPENS 12
#define OPS 150
#define BLOCKS_MAX 8

/* Slots that this schedule uses: with one of them everything meets on one bdev. */
static uint32_t g_num_slots;

static uint8_t g_buf[BLOCKS_MAX * 512];

/* Callbacks that are due, of all kinds together. */
static uint32_t g_due;

static uint64_t
below(uint64_t limit)
{
	return bdk_sim_random(limit);
}

static bool
one_in(uint32_t n)
{
	return below(n) == 0;
}

/* ---- base bdevs: one in each slot, or none ---- */

struct slot {
	struct sim_disk *disk;
	char name[8];
	uint32_t registered;
	uint32_t destructed;
	bool claimed_v1;
};

static struct slot g_slots[SLOTS];

static struct slot *
slot_of(struct sim_disk *disk)
{
	int i;

	for (i = 0; i < SLOTS; i++) {
		if (g_slots[i].disk == disk) {
			return &g_slots[i];
		}
	}
	fail();
	return NULL;
}

static void
destruct_done_cb(void *ctx)
{
	struct sim_disk *disk = ctx;

	spdk_bdev_destruct_done(&disk->bdev, one_in(4) ? -EIO : 0);
	free(disk);
}

static int
base_destruct(void *ctx)
{
	struct sim_disk *disk = ctx;
	struct slot *slot = slot_of(disk);

	assert_true(TAILQ_EMPTY(&disk->held));
	slot->disk = NULL;
	slot->claimed_v1 = false;
	slot->destructed++;
	switch (below(4)) {
	case 0:
		spdk_thread_send_msg(g_sim_threads[below(THREADS)], destruct_done_cb, disk);
		return 1;
	case 1:
		spdk_bdev_destruct_done(&disk->bdev, 0);
		free(disk);
		return 1;
	default:
		free(disk);
		return 0;
	}
}

static void
base_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct sim_disk *disk = bdev_io->bdev->ctxt;

	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
		sim_disk_release(disk);
		if (one_in(2)) {
			TAILQ_INSERT_TAIL(&disk->held, bdev_io, internal_link);
		} else {
			spdk_bdev_io_complete(
				bdev_io, one_in(4) ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_SUCCESS);
		}
	} else if (disk->hold) {
		TAILQ_INSERT_TAIL(&disk->held, bdev_io, internal_link);
	} else {
		spdk_bdev_io_complete(bdev_io, one_in(5) ? SPDK_BDEV_IO_STATUS_NOMEM : SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static struct spdk_bdev_fn_table g_base_table;

static void
op_register(void)
{
	struct slot *slot = &g_slots[below(g_num_slots)];

	if (slot->disk != NULL) {
		return;
	}
	slot->disk = malloc(sizeof(*slot->disk));
	assert_non_null(slot->disk);
	sim_disk_init(slot->disk, slot->name);
	g_base_table = *slot->disk->bdev.fn_table;
	g_base_table.destruct = base_destruct;
	g_base_table.submit_request = base_submit_request;
	slot->disk->bdev.fn_table = &g_base_table;
	slot->disk->hold = one_in(2);
	slot->disk->bdev.reset_io_drain_timeout = below(3);
	slot->registered++;
	ON(0, assert_int_equal(spdk_bdev_register(&slot->disk->bdev), 0));
}

static void
unregister_cb(void *ctx, int rc)
{
	assert_true(g_due > 0);
	g_due--;
}

static void
op_unregister(void)
{
	struct slot *slot = &g_slots[below(g_num_slots)];
	uint32_t thread = below(THREADS);
	int rc;

	if (slot->disk == NULL) {
		return;
	}
	if (one_in(2)) {
		g_due++;
		ON(thread, spdk_bdev_unregister(&slot->disk->bdev, unregister_cb, NULL));
	} else {
		g_due++;
		ON(thread, rc = spdk_bdev_unregister_by_name(slot->name, &g_sim_module, unregister_cb, NULL));
		if (rc != 0) {
			assert_int_equal(rc, -ENODEV);
			g_due--;
		}
	}
}

static void
op_resize(void)
{
	struct slot *slot = &g_slots[below(g_num_slots)];
	uint64_t size = 1024 + below(1024);
	int rc;

	if (slot->disk != NULL) {
		ON(below(THREADS), rc = spdk_bdev_notify_blockcnt_change(&slot->disk->bdev, size));
		assert_true(rc == 0 || rc == -EBUSY);
	}
}

static void
op_release_io(void)
{
	struct slot *slot = &g_slots[below(g_num_slots)];

	if (slot->disk != NULL) {
		ON(0, sim_disk_release(slot->disk));
		slot->disk->hold = one_in(2);
	}
}

/* ---- openers ---- */

struct opener {
	bool used;
	uint32_t thread;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	uint32_t ios;
	uint32_t removes;
	/* To be closed when its I/O is done. */
	bool closing;
};

static struct opener g_openers[MAX_OPENS];

static struct opener *
free_opener(void)
{
	int i;

	for (i = 0; i < MAX_OPENS; i++) {
		if (!g_openers[i].used) {
			memset(&g_openers[i], 0, sizeof(g_openers[i]));
			g_openers[i].used = true;
			return &g_openers[i];
		}
	}
	return NULL;
}

/* On the opener's thread. */
static void
try_close(struct opener *opener)
{
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[opener->thread]);
	opener->closing = true;
	if (opener->ios > 0) {
		return;
	}
	/* In either order. */
	if (opener->ch != NULL && one_in(2)) {
		spdk_put_io_channel(opener->ch);
		opener->ch = NULL;
	}
	spdk_bdev_close(opener->desc);
	opener->desc = NULL;
	if (opener->ch != NULL) {
		spdk_put_io_channel(opener->ch);
	}
	opener->used = false;
}

static bool g_shutting_down;

static void
opener_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct opener *opener = ctx;

	assert_true(opener->used);
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[opener->thread]);
	assert_ptr_equal(spdk_bdev_desc_get_bdev(opener->desc), bdev);
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		assert_int_equal(opener->removes, 0);
		opener->removes++;
	}
	if (!opener->closing && (g_shutting_down || one_in(2))) {
		try_close(opener);
	}
}

static void
random_name(char *name, size_t size)
{
	snprintf(name, size, "%c%d", one_in(4) ? 'v' : 'd', (int)below(g_num_slots));
}

static void
get_channel(struct opener *opener)
{
	ON(opener->thread, opener->ch = spdk_bdev_get_io_channel(opener->desc));
	assert_non_null(opener->ch);
}

static void
op_open(void)
{
	struct opener *opener = free_opener();
	char name[8];
	int rc;

	if (opener == NULL) {
		return;
	}
	opener->thread = below(THREADS);
	random_name(name, sizeof(name));
	ON(opener->thread, rc = spdk_bdev_open_ext(name, one_in(2), opener_event_cb, opener, &opener->desc));
	assert_true(rc == 0 || rc == -ENODEV || rc == -EPERM);
	if (rc != 0) {
		opener->used = false;
	} else if (!one_in(4)) {
		get_channel(opener);
	}
}

static void
opened_cb(struct spdk_bdev_desc *desc, int rc, void *ctx)
{
	struct opener *opener = ctx;

	assert_true(g_due > 0);
	g_due--;
	assert_ptr_equal(spdk_get_thread(), g_sim_threads[opener->thread]);
	assert_true((rc == 0) == (desc != NULL));
	opener->desc = desc;
	opener->closing = false;
	if (rc != 0) {
		opener->used = false;
	}
}

static void
op_open_async(void)
{
	struct spdk_bdev_open_async_opts opts = {.size = sizeof(opts), .timeout_ms = below(3) * 500};
	struct opener *opener = free_opener();
	char name[8];
	int rc;

	if (opener == NULL) {
		return;
	}
	opener->thread = below(THREADS);
	/* Leave it alone until it is open. */
	opener->closing = true;
	g_due++;
	random_name(name, sizeof(name));
	ON(opener->thread,
		rc = spdk_bdev_open_async(name, one_in(2), opener_event_cb, opener, &opts, opened_cb, opener));
	assert_int_equal(rc, 0);
}

static struct opener *
random_opener(void)
{
	struct opener *opener = &g_openers[below(MAX_OPENS)];

	return opener->used && !opener->closing ? opener : NULL;
}

static void
op_close(void)
{
	struct opener *opener = random_opener();

	if (opener != NULL) {
		ON(opener->thread, try_close(opener));
	}
}

static void
op_channel(void)
{
	struct opener *opener = random_opener();

	if (opener == NULL) {
		return;
	}
	if (opener->ch == NULL) {
		get_channel(opener);
	} else if (opener->ios == 0) {
		ON(opener->thread, spdk_put_io_channel(opener->ch));
		opener->ch = NULL;
	}
}

static void
io_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct opener *opener = ctx;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[opener->thread]);
	spdk_bdev_free_io(bdev_io);
	assert_true(g_due > 0);
	g_due--;
	opener->ios--;
	if (opener->closing && opener->ios == 0) {
		try_close(opener);
	}
}

static void
op_io(void)
{
	struct opener *opener = random_opener();
	uint64_t offset = below(1000);
	int rc;

	if (opener == NULL || opener->ch == NULL) {
		return;
	}
	g_due++;
	opener->ios++;
	ON(opener->thread, {
		if (one_in(10)) {
			rc = spdk_bdev_reset(opener->desc, opener->ch, io_cb, opener);
		} else if (one_in(2)) {
			rc = spdk_bdev_write_blocks(opener->desc, opener->ch, g_buf, offset, 1, io_cb, opener);
		} else {
			rc = spdk_bdev_read_blocks(opener->desc, opener->ch, g_buf, offset, 1, io_cb, opener);
		}
	});
	if (rc != 0) {
		assert_true(rc == -EBADF || rc == -ENOMEM);
		opener->ios--;
		g_due--;
	}
}

static void
op_claim(void)
{
	static const enum spdk_bdev_claim_type types[] = {SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE,
		SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED};
	enum spdk_bdev_claim_type type = types[below(3)];
	struct opener *opener = random_opener();
	struct spdk_bdev_claim_opts opts;
	int rc;

	if (opener == NULL) {
		return;
	}
	spdk_bdev_claim_opts_init(&opts, sizeof(opts));
	opts.shared_claim_key = type == SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED ? 1 + below(2) : 0;
	ON(opener->thread, rc = spdk_bdev_module_claim_bdev_desc(opener->desc, type, &opts, &g_sim_module));
	assert_true(rc == 0 || rc == -EPERM || rc == -EINVAL);
}

static void
op_claim_v1(void)
{
	struct slot *slot = &g_slots[below(g_num_slots)];
	int rc;

	if (slot->disk == NULL || slot->destructed == slot->registered) {
		return;
	}
	if (slot->claimed_v1) {
		ON(0, spdk_bdev_module_release_bdev(&slot->disk->bdev));
		slot->claimed_v1 = false;
	} else {
		ON(0, rc = spdk_bdev_module_claim_bdev(&slot->disk->bdev, NULL, &g_sim_module));
		slot->claimed_v1 = rc == 0;
	}
}

/* ---- virtual bdevs: v<n> on d<n>, made when that is examined ---- */

struct bdk_vbdev {
	struct spdk_bdev bdev;
	char name[8];
	struct spdk_bdev_desc *base;
};

static uint32_t g_vbdevs_made, g_vbdevs_freed;

static int
create_vchannel(void *io_device, void *ctx)
{
	struct bdk_vbdev *vbdev = io_device;
	struct spdk_io_channel **base_ch = ctx;

	*base_ch = spdk_bdev_get_io_channel(vbdev->base);
	return *base_ch != NULL ? 0 : -ENOMEM;
}

static void
destroy_vchannel(void *io_device, void *ctx)
{
	spdk_put_io_channel(*(struct spdk_io_channel **)ctx);
}

static void
vbdev_free_cb(void *io_device)
{
	struct bdk_vbdev *vbdev = io_device;

	spdk_bdev_destruct_done(&vbdev->bdev, 0);
	g_vbdevs_freed++;
	free(vbdev);
}

static void
vbdev_release_cb(void *ctx)
{
	struct bdk_vbdev *vbdev = ctx;

	spdk_bdev_module_release_bdev(spdk_bdev_desc_get_bdev(vbdev->base));
	spdk_bdev_close(vbdev->base);
	spdk_io_device_unregister(vbdev, vbdev_free_cb);
}

static int
bdk_vbdev_destruct(void *ctx)
{
	/* The base was opened on the app thread. */
	spdk_thread_send_msg(g_sim_threads[0], vbdev_release_cb, ctx);
	return 1;
}

static void
vbdev_io_cb(struct spdk_bdev_io *base_io, bool success, void *ctx)
{
	spdk_bdev_io_complete_base_io_status(ctx, base_io);
	spdk_bdev_free_io(base_io);
}

static void
vbdev_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_io_channel *base_ch = *(struct spdk_io_channel **)spdk_io_channel_get_ctx(ch);
	struct bdk_vbdev *vbdev = bdev_io->bdev->ctxt;
	int rc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		rc = spdk_bdev_readv_blocks(vbdev->base, base_ch, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
			bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks, vbdev_io_cb, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		rc = spdk_bdev_writev_blocks(vbdev->base, base_ch, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
			bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks, vbdev_io_cb, bdev_io);
		break;
	default:
		rc = spdk_bdev_reset(vbdev->base, base_ch, vbdev_io_cb, bdev_io);
		break;
	}
	if (rc != 0) {
		assert_int_equal(rc, -ENOMEM);
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static bool
vbdev_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_RESET;
}

static struct spdk_io_channel *
bdk_vbdev_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static const struct spdk_bdev_fn_table g_vbdev_table = {
	.destruct = bdk_vbdev_destruct,
	.submit_request = vbdev_submit_request,
	.io_type_supported = vbdev_io_type_supported,
	.get_io_channel = bdk_vbdev_get_io_channel,
};

static struct spdk_bdev_module g_vbdev_module;

static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct bdk_vbdev *vbdev = ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		spdk_bdev_unregister(&vbdev->bdev, NULL, NULL);
	}
}

static void
make_vbdev(struct spdk_bdev *base)
{
	struct bdk_vbdev *vbdev = calloc(1, sizeof(*vbdev));

	assert_non_null(vbdev);
	snprintf(vbdev->name, sizeof(vbdev->name), "v%s", base->name + 1);
	vbdev->bdev.name = vbdev->name;
	vbdev->bdev.ctxt = vbdev;
	vbdev->bdev.module = &g_vbdev_module;
	vbdev->bdev.fn_table = &g_vbdev_table;
	vbdev->bdev.blocklen = base->blocklen;
	vbdev->bdev.blockcnt = base->blockcnt;
	if (spdk_bdev_open_ext(base->name, true, base_event_cb, vbdev, &vbdev->base) != 0) {
		free(vbdev);
		return;
	}
	if (spdk_bdev_module_claim_bdev(base, vbdev->base, &g_vbdev_module) != 0) {
		spdk_bdev_close(vbdev->base);
		free(vbdev);
		return;
	}
	spdk_io_device_register(
		vbdev, create_vchannel, destroy_vchannel, sizeof(struct spdk_io_channel *), vbdev->name);
	/* An older one of that name may not have gone yet. */
	if (spdk_bdev_register(&vbdev->bdev) != 0) {
		spdk_io_device_unregister(vbdev, NULL);
		spdk_bdev_module_release_bdev(base);
		spdk_bdev_close(vbdev->base);
		free(vbdev);
		return;
	}
	g_vbdevs_made++;
}

static void
vbdev_examine_config(struct spdk_bdev *bdev)
{
	if (bdev->name[0] == 'd' && !g_shutting_down && one_in(2)) {
		make_vbdev(bdev);
	}
	/* Forgetting it now and then is the same as doing it. */
	if (!one_in(8)) {
		spdk_bdev_module_examine_done(&g_vbdev_module);
	}
}

static void
disk_done_cb(void *ctx)
{
	spdk_bdev_module_examine_done(&g_vbdev_module);
}

static void
vbdev_examine_disk(struct spdk_bdev *bdev)
{
	if (one_in(2)) {
		spdk_thread_send_msg(g_sim_threads[below(THREADS)], disk_done_cb, NULL);
	} else {
		spdk_bdev_module_examine_done(&g_vbdev_module);
	}
}

static struct spdk_bdev_module g_vbdev_module = {
	.name = "vsim",
	.examine_config = vbdev_examine_config,
	.examine_disk = vbdev_examine_disk,
};

SPDK_BDEV_MODULE_REGISTER(vsim, &g_vbdev_module)

/* ---- the rest ---- */

static void
waited_cb(void *ctx)
{
	assert_true(g_due > 0);
	g_due--;
}

static void
op_wait_for_examine(void)
{
	g_due++;
	ON(below(THREADS), assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), 0));
}

static int
visit(void *ctx, struct spdk_bdev *bdev)
{
	assert_non_null(spdk_bdev_get_by_name(bdev->name));
	if (one_in(10)) {
		g_due++;
		spdk_bdev_unregister(bdev, unregister_cb, NULL);
	}
	return one_in(10);
}

static void
op_for_each(void)
{
	ON(below(THREADS), spdk_for_each_bdev(NULL, visit));
}

static void
op_time(void)
{
	bdk_sim_run_for(below(100 * 1000));
}

static void (*const g_ops[])(void) = {
	op_register,
	op_register,
	op_register,
	op_unregister,
	op_resize,
	op_release_io,
	op_release_io,
	op_open,
	op_open,
	op_open,
	op_open_async,
	op_close,
	op_channel,
	op_channel,
	op_io,
	op_io,
	op_io,
	op_io,
	op_claim,
	op_claim_v1,
	op_wait_for_examine,
	op_for_each,
	op_time,
};

static void
set_true_cb(void *ctx)
{
	*(bool *)ctx = true;
}

static void
shut_down(void)
{
	bool done = false;
	int i, round;

	g_shutting_down = true;
	ON(0, spdk_bdev_finish(set_true_cb, &done));
	for (round = 0; round < 100 && !done; round++) {
		bdk_sim_run_for(100 * 1000);
		for (i = 0; i < SLOTS; i++) {
			if (g_slots[i].disk != NULL) {
				ON(0, sim_disk_release(g_slots[i].disk));
			}
		}
		/* Those that were told to go and have not. */
		for (i = 0; i < MAX_OPENS; i++) {
			if (g_openers[i].used && !g_openers[i].closing && g_openers[i].removes > 0) {
				ON(g_openers[i].thread, try_close(&g_openers[i]));
			}
		}
	}
	assert_true(done);
}

static void
run_schedule(uint64_t seed)
{
	int i;

	memset(g_slots, 0, sizeof(g_slots));
	memset(g_openers, 0, sizeof(g_openers));
	g_shutting_down = false;
	g_vbdevs_made = g_vbdevs_freed = 0;
	for (i = 0; i < SLOTS; i++) {
		snprintf(g_slots[i].name, sizeof(g_slots[i].name), "d%d", i);
	}

	bdev_sim_start(seed, THREADS);
	g_num_slots = 1 + below(SLOTS);
	for (i = 0; i < OPS; i++) {
		g_ops[below(SPDK_COUNTOF(g_ops))]();
		while (!one_in(4) && bdk_sim_step()) {
		}
	}
	shut_down();

	assert_int_equal(g_due, 0);
	assert_int_equal(g_vbdevs_made, g_vbdevs_freed);
	for (i = 0; i < SLOTS; i++) {
		assert_int_equal(g_slots[i].registered, g_slots[i].destructed);
	}
	for (i = 0; i < MAX_OPENS; i++) {
		assert_false(g_openers[i].used);
	}
	assert_null(spdk_bdev_first());
	bdev_sim_fini();
}

static uint64_t g_seed;

/* There only in builds with a sanitizer, which end without asking cmocka. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void
print_seed_on_death(void)
{
	fprintf(stderr, "last seed: %" PRIu64 "\n", g_seed);
}

static int
print_seed(void **state)
{
	print_message("last seed: %" PRIu64 "\n", g_seed);
	return 0;
}

static void
test_schedules(void **state)
{
	const char *seed = getenv("BDEV_SIM_SEED"), *count = getenv("BDEV_SIM_COUNT");
	uint64_t first = seed != NULL ? strtoull(seed, NULL, 0) : 1;
	uint64_t last = first + (count != NULL ? strtoull(count, NULL, 0) : seed != NULL ? 1 : 1000);
	uint64_t i;

	if (__sanitizer_set_death_callback != NULL) {
		__sanitizer_set_death_callback(print_seed_on_death);
	}
	/* Refusals are part of it. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	for (i = first; i < last; i++) {
		g_seed = i;
		run_schedule(i);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_schedules, print_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
