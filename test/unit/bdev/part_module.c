/* SPDX-License-Identifier: BSD-3-Clause */

#include "part_module.h"

#define CHANNEL_MAGIC 0x511ce

struct slice_channel {
	struct spdk_bdev_part_channel part_ch;
	uint32_t magic;
};

struct slice_io {
	struct spdk_io_channel *ch;
	struct spdk_bdev_io *bdev_io;
	struct spdk_bdev_io_wait_entry wait;
};

struct slice_module g_slice;
SPDK_BDEV_PART_TAILQ g_slices = TAILQ_HEAD_INITIALIZER(g_slices);

static int
slice_module_init(void)
{
	return 0;
}

static int
slice_get_ctx_size(void)
{
	return sizeof(struct slice_io);
}

struct spdk_bdev_module g_slice_module = {
	.name = "slice",
	.module_init = slice_module_init,
	.get_ctx_size = slice_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(slice, &g_slice_module)

/* ---- I/O ---- */

static void submit(struct slice_io *io);

static void
submit_again_cb(void *arg)
{
	submit(arg);
}

static void
custom_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	assert_null(cb_arg);
	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	assert_ptr_equal(bdev_io->bdev->module, &g_slice_module);
	g_slice.custom_calls++;
	spdk_bdev_io_complete(bdev_io, success ? g_slice.custom_status : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
submit(struct slice_io *io)
{
	struct slice_channel *ch = spdk_io_channel_get_ctx(io->ch);
	struct spdk_bdev_io *bdev_io = io->bdev_io;
	int rc;

	if (g_slice.custom_cb) {
		rc = spdk_bdev_part_submit_request_ext(&ch->part_ch, bdev_io, custom_done_cb);
	} else {
		rc = spdk_bdev_part_submit_request(&ch->part_ch, bdev_io);
	}
	if (rc == -ENOMEM) {
		g_slice.waits++;
		io->wait.bdev = bdev_io->bdev;
		io->wait.cb_fn = submit_again_cb;
		io->wait.cb_arg = io;
		rc = spdk_bdev_queue_io_wait(bdev_io->bdev, ch->part_ch.base_ch, &io->wait);
	}
	if (rc != 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
got_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		submit((struct slice_io *)bdev_io->driver_ctx);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
slice_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct slice_io *io = (struct slice_io *)bdev_io->driver_ctx;
	struct slice_channel *ch = spdk_io_channel_get_ctx(io_ch);

	assert_int_equal(ch->magic, CHANNEL_MAGIC);
	io->ch = io_ch;
	io->bdev_io = bdev_io;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && !g_slice.no_get_buf) {
		spdk_bdev_io_get_buf(bdev_io, got_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		return;
	}
	submit(io);
}

static int
slice_destruct(void *ctx)
{
	return spdk_bdev_part_free(ctx);
}

static int
slice_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	if (g_slice.domain == NULL) {
		return 0;
	}
	if (domains != NULL && array_size > 0) {
		domains[0] = g_slice.domain;
	}
	return 1;
}

static struct spdk_bdev_fn_table g_slice_fn_table = {
	.destruct = slice_destruct,
	.submit_request = slice_submit_request,
	.get_memory_domains = slice_get_memory_domains,
};

/* ---- bases and parts ---- */

void
slice_module_reset(void)
{
	assert_true(TAILQ_EMPTY(&g_slices));
	memset(&g_slice, 0, sizeof(g_slice));
	g_slice.custom_status = SPDK_BDEV_IO_STATUS_SUCCESS;
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct slice_channel *ch = ctx;

	/* The base's is there already. */
	assert_non_null(ch->part_ch.base_ch);
	assert_ptr_equal(ch->part_ch.part, io_device);
	if (g_slice.refuse_channel) {
		return -EIO;
	}
	ch->magic = CHANNEL_MAGIC;
	g_slice.channels++;
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct slice_channel *ch = ctx;

	assert_int_equal(ch->magic, CHANNEL_MAGIC);
	assert_non_null(ch->part_ch.base_ch);
	ch->magic = 0;
	g_slice.channels--;
}

static void
base_free_cb(void *ctx)
{
	struct slice_base *base = ctx;

	base->freed++;
	base->free_thread = spdk_get_thread();
}

static void
base_removed_cb(void *ctx)
{
	struct spdk_bdev_part_base *part_base = ctx;
	struct slice_base *base = spdk_bdev_part_base_get_ctx(part_base);
	struct spdk_bdev_part *part;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[0]);
	base->removed++;
	TAILQ_FOREACH (part, &g_slices, tailq) {
		if (spdk_bdev_part_get_base(part) == part_base) {
			spdk_bdev_part_base_hotremove(part_base, spdk_bdev_part_base_get_tailq(part_base));
			return;
		}
	}
	spdk_bdev_part_base_free(part_base);
}

int
slice_base_open(struct slice_base *base, const char *bdev_name)
{
	int rc;

	memset(base, 0, sizeof(*base));
	ON(0,
		rc = spdk_bdev_part_base_construct_ext(bdev_name, base_removed_cb, &g_slice_module, &g_slice_fn_table,
			&g_slices, base_free_cb, base, sizeof(struct slice_channel), create_channel_cb,
			destroy_channel_cb, &base->part_base));
	return rc;
}

struct spdk_bdev_part *
slice_create_uuid(struct slice_base *base, const char *name, uint64_t offset_blocks, uint64_t num_blocks,
	const struct spdk_uuid *uuid, int *rc)
{
	struct spdk_bdev_part *part = calloc(1, sizeof(*part));
	struct spdk_bdev_part_construct_opts opts;
	char name_copy[64], product[] = "Slice";

	assert_non_null(part);
	snprintf(name_copy, sizeof(name_copy), "%s", name);
	spdk_bdev_part_construct_opts_init(&opts, sizeof(opts));
	if (uuid != NULL) {
		opts.uuid = *uuid;
		ON(0,
			*rc = spdk_bdev_part_construct_ext(
				part, base->part_base, name_copy, offset_blocks, num_blocks, product, &opts));
	} else {
		ON(0,
			*rc = spdk_bdev_part_construct(
				part, base->part_base, name_copy, offset_blocks, num_blocks, product));
	}
	/* They were copied. */
	memset(name_copy, 'x', sizeof(name_copy));
	memset(product, 'x', sizeof(product));
	if (*rc != 0) {
		bdk_sim_run_until_idle();
		free(part);
		return NULL;
	}
	return part;
}

struct spdk_bdev_part *
slice_create(struct slice_base *base, const char *name, uint64_t offset_blocks, uint64_t num_blocks, int *rc)
{
	return slice_create_uuid(base, name, offset_blocks, num_blocks, NULL, rc);
}

struct deletion {
	bool done;
	struct spdk_thread *thread;
};

static void
deleted_cb(void *ctx, int rc)
{
	struct deletion *deletion = ctx;

	assert_int_equal(rc, 0);
	assert_ptr_equal(spdk_get_thread(), deletion->thread);
	assert_false(deletion->done);
	deletion->done = true;
}

static bool
is_done(void *ctx)
{
	return ((struct deletion *)ctx)->done;
}

void
slice_delete(struct spdk_bdev_part *part, uint32_t thread)
{
	struct deletion deletion = {.thread = g_sim_threads[thread]};

	ON(thread, spdk_bdev_unregister(spdk_bdev_part_get_bdev(part), deleted_cb, &deletion));
	assert_true(bdk_sim_run_until(is_done, &deletion, 10 * 1000 * 1000));
	bdk_sim_run_until_idle();
}
