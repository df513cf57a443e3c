/* SPDX-License-Identifier: BSD-3-Clause */

#include "script_disk.h"

/* Context of an I/O. */
struct script_io {
	struct spdk_bdev_io *bdev_io;
	/* The disk that has it; NULL: none. */
	struct script_disk *inside;
	enum spdk_bdev_io_status status;
	bool held;
	struct bdk_msg msg;
	TAILQ_ENTRY(script_io) link;
};

uint32_t g_script_made, g_script_destructed;

static struct script_io *
ctx_of(struct spdk_bdev_io *bdev_io)
{
	return (struct script_io *)bdev_io->driver_ctx;
}

static int
get_ctx_size(void)
{
	return sizeof(struct script_io);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
}

static int
module_init(void)
{
	return bdk_io_device_register(&g_script_module, create_channel_cb, destroy_channel_cb, 8, "script_module");
}

static void
module_fini(void)
{
	spdk_io_device_unregister(&g_script_module, NULL);
}

struct spdk_bdev_module g_script_module = {
	.name = "script",
	.module_init = module_init,
	.module_fini = module_fini,
	.get_ctx_size = get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(script, &g_script_module)

/* ---- completion ---- */

static bool
has_buffers(enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_COMPARE ||
		type == SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE;
}

/* Touches all of its memory, so that a sanitizer sees when some of it is gone. */
static void
touch(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	static volatile uint8_t sum;
	size_t k;
	int i;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE) {
		for (i = 0; i < params->fused_iovcnt; i++) {
			sum += *(uint8_t *)params->fused_iovs[i].iov_base;
		}
	}
	for (i = 0; i < params->iovcnt; i++) {
		uint8_t *base = params->iovs[i].iov_base;

		for (k = 0; k < params->iovs[i].iov_len; k++) {
			if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
				base[k] = 0;
			} else {
				sum += base[k];
			}
		}
	}
}

/* It may be ended with NOMEM too. */
static void
complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct script_io *ctx = ctx_of(bdev_io);
	struct script_disk *disk = ctx->inside;

	assert_non_null(disk);
	assert_false(ctx->held);
	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && has_buffers(bdev_io->type)) {
		touch(bdev_io);
	}
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && bdev_io->type == SPDK_BDEV_IO_TYPE_ZCOPY &&
		bdev_io->u.bdev.zcopy.start) {
		spdk_bdev_io_set_buf(bdev_io, disk->own_buf, bdev_io->u.bdev.num_blocks * disk->bdev.blocklen);
	}
	ctx->inside = NULL;
	disk->inside--;
	spdk_bdev_io_complete(bdev_io, status);
}

static void
complete_msg_cb(void *arg)
{
	struct script_io *ctx = arg;

	complete(ctx->bdev_io, ctx->status);
}

static void
complete_by_message(struct script_io *ctx, enum spdk_bdev_io_status status)
{
	ctx->status = status;
	assert_int_equal(bdk_msg_send(spdk_bdev_io_get_thread(ctx->bdev_io), &ctx->msg, complete_msg_cb, ctx), 0);
}

static void
hold(struct script_disk *disk, struct script_io *ctx)
{
	ctx->held = true;
	TAILQ_INSERT_TAIL(&disk->held, ctx, link);
}

static void
unhold(struct script_disk *disk, struct script_io *ctx)
{
	ctx->held = false;
	TAILQ_REMOVE(&disk->held, ctx, link);
}

void
script_disk_release(struct script_disk *disk, uint32_t count, enum spdk_bdev_io_status status)
{
	struct script_io *ctx;

	while (count-- > 0 && (ctx = TAILQ_FIRST(&disk->held)) != NULL) {
		unhold(disk, ctx);
		complete_by_message(ctx,
			status == SPDK_BDEV_IO_STATUS_NOMEM && ctx->bdev_io->type == SPDK_BDEV_IO_TYPE_RESET
				? SPDK_BDEV_IO_STATUS_FAILED
				: status);
	}
}

void
script_disk_die(struct script_disk *disk)
{
	disk->dead = true;
	script_disk_release(disk, UINT32_MAX, SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- submission ---- */

static enum spdk_bdev_io_status
choose_status(const struct spdk_bdev_io *bdev_io)
{
	static const enum spdk_bdev_io_status errors[] = {SPDK_BDEV_IO_STATUS_FAILED, SPDK_BDEV_IO_STATUS_ABORTED,
		SPDK_BDEV_IO_STATUS_MISCOMPARE, SPDK_BDEV_IO_STATUS_NVME_ERROR, SPDK_BDEV_IO_STATUS_SCSI_ERROR,
		SPDK_BDEV_IO_STATUS_AIO_ERROR};

	if (bdk_sim_random(10) == 0) {
		return errors[bdk_sim_random(SPDK_COUNTOF(errors))];
	}
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_RESET && bdk_sim_random(8) == 0) {
		return SPDK_BDEV_IO_STATUS_NOMEM;
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

static void
proceed(struct script_disk *disk, struct spdk_bdev_io *bdev_io)
{
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;
	enum script_action action = disk->action;

	if (disk->let_pass > 0) {
		disk->let_pass--;
		action = SCRIPT_MESSAGE;
	} else if (disk->dead) {
		action = bdk_sim_random(2) ? SCRIPT_INLINE : SCRIPT_MESSAGE;
		status = SPDK_BDEV_IO_STATUS_FAILED;
	} else if (action == SCRIPT_CHANCE) {
		action = bdk_sim_random(3);
		status = choose_status(bdev_io);
	}
	switch (action) {
	case SCRIPT_INLINE:
		complete(bdev_io, status);
		break;
	case SCRIPT_MESSAGE:
		complete_by_message(ctx_of(bdev_io), status);
		break;
	case SCRIPT_HOLD:
		hold(disk, ctx_of(bdev_io));
		break;
	default:
		complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		break;
	}
}

static void
enter(struct script_disk *disk, struct spdk_bdev_io *bdev_io)
{
	ctx_of(bdev_io)->inside = disk;
	ctx_of(bdev_io)->held = false;
	disk->inside++;
}

static void
got_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	struct script_disk *disk = bdev_io->bdev->ctxt;

	/* Only now, as the layer could end it without notice while it waited. */
	enter(disk, bdev_io);
	if (success) {
		proceed(disk, bdev_io);
	} else {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
do_reset(struct script_disk *disk, struct spdk_bdev_io *bdev_io)
{
	enum spdk_bdev_io_status status = bdk_sim_random(8) ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED;

	if (!disk->reset_keeps) {
		script_disk_release(disk, UINT32_MAX, SPDK_BDEV_IO_STATUS_ABORTED);
	}
	switch (disk->dead ? 0 : disk->action == SCRIPT_CHANCE ? bdk_sim_random(3) : disk->action) {
	case SCRIPT_INLINE:
		complete(bdev_io, status);
		break;
	case SCRIPT_HOLD:
		hold(disk, ctx_of(bdev_io));
		break;
	default:
		complete_by_message(ctx_of(bdev_io), status);
		break;
	}
}

static void
do_abort(struct script_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io *target = bdev_io->u.abort.bio_to_abort;
	struct script_io *ctx = ctx_of(target);
	bool found = ctx->inside == disk && ctx->held;

	if (disk->action == SCRIPT_HOLD && !disk->dead) {
		hold(disk, ctx_of(bdev_io));
		return;
	}
	assert_ptr_equal(spdk_bdev_io_get_thread(target), spdk_get_thread());
	if (found) {
		unhold(disk, ctx);
		complete_by_message(ctx, SPDK_BDEV_IO_STATUS_ABORTED);
	}
	if (bdk_sim_random(2)) {
		complete(bdev_io, found ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		complete_by_message(ctx_of(bdev_io), found ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
script_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct script_disk *disk = bdev_io->bdev->ctxt;

	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	assert_ptr_equal(spdk_bdev_io_get_io_channel(bdev_io), ch);
	ctx_of(bdev_io)->bdev_io = bdev_io;
	if (disk->get_buf && has_buffers(bdev_io->type)) {
		ctx_of(bdev_io)->inside = NULL;
		spdk_bdev_io_get_buf(bdev_io, got_buf_cb, bdev_io->u.bdev.num_blocks * disk->bdev.blocklen);
		return;
	}
	enter(disk, bdev_io);
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (bdev_io->u.bdev.iovs[0].iov_base == NULL) {
			spdk_bdev_io_set_buf(bdev_io, disk->own_buf, bdev_io->u.bdev.num_blocks * disk->bdev.blocklen);
			if (spdk_bdev_is_md_separate(&disk->bdev)) {
				spdk_bdev_io_set_md_buf(bdev_io, disk->own_md, sizeof(disk->own_md));
			}
		}
		proceed(disk, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		do_reset(disk, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		do_abort(disk, bdev_io);
		break;
	default:
		proceed(disk, bdev_io);
		break;
	}
}

static bool
script_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct script_disk *disk = ctx;

	return (disk->io_types >> type) & 1;
}

static struct spdk_io_channel *
script_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_script_module);
}

/* ---- life ---- */

static void
destruct_done_cb(void *arg)
{
	struct script_disk *disk = arg;

	if (bdk_sim_random(3) == 0) {
		/* Once more, later, elsewhere. */
		assert_int_equal(bdk_msg_send(spdk_get_thread(), &disk->msg, destruct_done_cb, disk), 0);
		return;
	}
	spdk_bdev_destruct_done(&disk->bdev, bdk_sim_random(4) ? 0 : -EIO);
	free(disk);
}

static int
script_destruct(void *ctx)
{
	struct script_disk *disk = ctx;

	assert_int_equal(disk->inside, 0);
	assert_true(TAILQ_EMPTY(&disk->held));
	g_script_destructed++;
	if (disk->destruct_later) {
		assert_int_equal(bdk_msg_send(g_sim_threads[bdk_sim_random(disk->num_threads)], &disk->msg,
					 destruct_done_cb, disk),
			0);
		return 1;
	}
	free(disk);
	return bdk_sim_random(4) ? 0 : -EIO;
}

static const struct spdk_bdev_fn_table g_script_fn_table = {
	.destruct = script_destruct,
	.submit_request = script_submit_request,
	.io_type_supported = script_io_type_supported,
	.get_io_channel = script_get_io_channel,
};

struct script_disk *
script_disk_create(const char *name, uint32_t num_threads)
{
	struct script_disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	TAILQ_INIT(&disk->held);
	snprintf(disk->name, sizeof(disk->name), "%s", name);
	disk->num_threads = num_threads;
	disk->bdev.name = disk->name;
	disk->bdev.product_name = disk->name;
	disk->bdev.ctxt = disk;
	disk->bdev.module = &g_script_module;
	disk->bdev.fn_table = &g_script_fn_table;
	disk->bdev.blocklen = 512;
	disk->bdev.blockcnt = 1024;
	g_script_made++;
	return disk;
}
