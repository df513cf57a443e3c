/* SPDX-License-Identifier: BSD-3-Clause */

#include "strips_bdev.h"

#include "bdevkit/bdev_module.h"

struct strips_channel {
	struct bdk_bdev_strips *strips;
};

/* Lies in driver_ctx, of what is not routed. */
struct strips_io {
	struct strips_channel *ch;
	struct spdk_bdev_io_wait_entry wait;
	uint32_t next;
	uint32_t remaining;
	bool good;
};

struct strips_bdev g_strips;

static int
strips_module_init(void)
{
	return 0;
}

static int
strips_get_ctx_size(void)
{
	return sizeof(struct strips_io);
}

static struct spdk_bdev_module g_strips_module = {
	.name = "strips",
	.module_init = strips_module_init,
	.get_ctx_size = strips_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(strips, &g_strips_module)

/* ---- I/O that is not routed ---- */

static struct spdk_bdev_io *
io_of(struct strips_io *io)
{
	return spdk_bdev_io_from_ctx(io);
}

static void
put(struct strips_io *io)
{
	if (--io->remaining == 0) {
		spdk_bdev_io_complete(io_of(io), io->good ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* A read or write, or a reset, which each base has to carry out. */
static void
all_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct strips_io *io = (struct strips_io *)((struct spdk_bdev_io *)cb_arg)->driver_ctx;

	spdk_bdev_free_io(base_io);
	io->good &= success;
	put(io);
}

/* An abort: what it is for is on one of them. */
static void
any_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct strips_io *io = (struct strips_io *)((struct spdk_bdev_io *)cb_arg)->driver_ctx;

	spdk_bdev_free_io(base_io);
	io->good |= success;
	put(io);
}

static int
submit_rw(struct strips_io *io)
{
	struct spdk_bdev_io_block_params *params = &io_of(io)->u.bdev;
	uint64_t strip = params->offset_blocks >> STRIPS_SHIFT;
	const struct bdk_bdev_strips_base *base = &io->ch->strips->bases[strip % STRIPS_BASES];
	uint64_t place = base->offset_blocks + (strip / STRIPS_BASES << STRIPS_SHIFT) +
		(params->offset_blocks & (STRIPS_BLOCKS - 1));

	if (io_of(io)->type == SPDK_BDEV_IO_TYPE_READ) {
		return spdk_bdev_readv_blocks(base->base.desc, base->base.ch, params->iovs, params->iovcnt, place,
			params->num_blocks, all_done_cb, io_of(io));
	}
	return spdk_bdev_writev_blocks(base->base.desc, base->base.ch, params->iovs, params->iovcnt, place,
		params->num_blocks, all_done_cb, io_of(io));
}

/* The next request of the I/O. */
static int
submit_one(struct strips_io *io)
{
	const struct bdk_bdev_base *base = &io->ch->strips->bases[io->next].base;

	switch (io_of(io)->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return submit_rw(io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(base->desc, base->ch, all_done_cb, io_of(io));
	default:
		return spdk_bdev_abort(base->desc, base->ch, io_of(io)->u.abort.bio_to_abort, any_done_cb, io_of(io));
	}
}

static void
go_on(void *arg)
{
	struct strips_io *io = arg;
	bool one = io_of(io)->type == SPDK_BDEV_IO_TYPE_READ || io_of(io)->type == SPDK_BDEV_IO_TYPE_WRITE;

	while (io->next < (one ? 1 : STRIPS_BASES)) {
		const struct bdk_bdev_base *base = &io->ch->strips->bases[io->next].base;
		int rc;

		io->remaining++;
		rc = submit_one(io);
		if (rc == -ENOMEM) {
			io->remaining--;
			io->wait.bdev = spdk_bdev_desc_get_bdev(base->desc);
			io->wait.cb_fn = go_on;
			io->wait.cb_arg = io;
			assert_int_equal(spdk_bdev_queue_io_wait(io->wait.bdev, base->ch, &io->wait), 0);
			return;
		}
		assert_int_equal(rc, 0);
		io->next++;
	}
	put(io);
}

static void
strips_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct strips_io *io = (struct strips_io *)bdev_io->driver_ctx;

	g_strips.seen += bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
	*io = (struct strips_io){
		.ch = spdk_io_channel_get_ctx(ch),
		.remaining = 1,
		.good = bdev_io->type != SPDK_BDEV_IO_TYPE_ABORT,
	};
	go_on(io);
}

/* ---- The bdev ---- */

static bool
strips_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_RESET ||
		type == SPDK_BDEV_IO_TYPE_ABORT;
}

static struct spdk_io_channel *
strips_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_strips);
}

static void
unregistered_cb(void *io_device)
{
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		spdk_bdev_module_release_bdev(spdk_bdev_desc_get_bdev(g_strips.descs[i]));
		spdk_bdev_close(g_strips.descs[i]);
	}
	spdk_bdev_destruct_done(&g_strips.bdev, 0);
}

static int
strips_destruct(void *ctx)
{
	spdk_io_device_unregister(&g_strips, unregistered_cb);
	return 1;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = strips_destruct,
	.submit_request = strips_submit_request,
	.io_type_supported = strips_io_type_supported,
	.get_io_channel = strips_get_io_channel,
};

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct strips_channel *ch = ctx;

	ch->strips = calloc(1, sizeof(*ch->strips) + STRIPS_BASES * sizeof(ch->strips->bases[0]));
	assert_non_null(ch->strips);
	ch->strips->strip_shift = STRIPS_SHIFT;
	ch->strips->num_bases = STRIPS_BASES;
	ch->strips->reciprocal = BDK_BDEV_STRIPS_RECIPROCAL(STRIPS_BASES);
	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		ch->strips->bases[i].base.desc = g_strips.descs[i];
		ch->strips->bases[i].base.ch = spdk_bdev_get_io_channel(g_strips.descs[i]);
		assert_non_null(ch->strips->bases[i].base.ch);
		ch->strips->bases[i].offset_blocks = STRIPS_OFFSET;
	}
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct strips_channel *ch = ctx;

	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		spdk_put_io_channel(ch->strips->bases[i].base.ch);
	}
	free(ch->strips);
}

static const struct bdk_bdev_strips *
get_strips(struct spdk_io_channel *ch)
{
	return ((struct strips_channel *)spdk_io_channel_get_ctx(ch))->strips;
}

static void
base_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		spdk_bdev_unregister(&g_strips.bdev, NULL, NULL);
	}
}

static void
create(struct mem_disk *disks, uint64_t num_blocks)
{
	static char name[] = "strips";

	for (uint32_t i = 0; i < STRIPS_BASES; i++) {
		assert_int_equal(spdk_bdev_open_ext(disks[i].name, true, base_event_cb, NULL, &g_strips.descs[i]), 0);
		assert_int_equal(spdk_bdev_module_claim_bdev(&disks[i].bdev, g_strips.descs[i], &g_strips_module), 0);
	}
	g_strips.bdev = (struct spdk_bdev){
		.name = name,
		.product_name = name,
		.ctxt = &g_strips,
		.fn_table = &g_fn_table,
		.module = &g_strips_module,
		.blocklen = disks[0].bdev.blocklen,
		.blockcnt = num_blocks,
		.optimal_io_boundary = STRIPS_BLOCKS,
		.split_on_optimal_io_boundary = true,
	};
	g_strips.seen = 0;
	spdk_io_device_register(
		&g_strips, create_channel_cb, destroy_channel_cb, sizeof(struct strips_channel), "strips");
	assert_int_equal(bdk_bdev_register_in_strips(&g_strips.bdev, get_strips), 0);
}

void
strips_bdev_create(struct mem_disk *disks, uint64_t num_blocks)
{
	ON(0, create(disks, num_blocks));
	bdk_sim_run_until_idle();
}

static void
removed_cb(void *ctx, int rc)
{
	*(bool *)ctx = true;
}

void
strips_bdev_remove(void)
{
	bool removed = false;

	ON(0, spdk_bdev_unregister(&g_strips.bdev, removed_cb, &removed));
	bdk_sim_run_until_idle();
	assert_true(removed);
}
