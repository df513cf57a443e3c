/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * queue: a disk in memory whose I/O takes time, as that of a device does. What there is to learn from it: state of a thread
 * that needs no lock, I/O that is completed later, refusing I/O when there is no room, abort, reset, growing, an end that
 * takes more than one step.
 */

#include "bdevkit/rpc.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/string.h"

#define BLOCK_SIZE 512
/* How much one thread may have under way. */
#define DEPTH 64
#define LATENCY_US 50

struct queue_disk {
	struct spdk_bdev bdev;
	char *data;
	/* How far it can grow. */
	uint64_t capacity_blocks;
};

/* One thread's part of a disk. */
struct queue_channel {
	/* Oldest first. */
	TAILQ_HEAD(, queue_io) ios;
	uint32_t count;
	struct spdk_poller *poller;
};

/* The module's part of an I/O, in driver_ctx. It is not cleared between uses. */
struct queue_io {
	uint64_t due;
	bool queued;
	TAILQ_ENTRY(queue_io) link;
};

static struct spdk_bdev_module g_queue_module;

/* ---- What an I/O does ---- */

static void
move_data(struct spdk_bdev_io *bdev_io)
{
	struct queue_disk *disk = bdev_io->bdev->ctxt;
	char *data = disk->data + bdev_io->u.bdev.offset_blocks * BLOCK_SIZE;
	uint64_t length = bdev_io->u.bdev.num_blocks * BLOCK_SIZE;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_copy_buf_to_iovs(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, data, length);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		spdk_copy_iovs_to_buf(data, length, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		memset(data, 0, length);
		break;
	default:
		break;
	}
}

/* ---- A thread's queue ---- */

static void
enqueue(struct queue_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct queue_io *io = (struct queue_io *)bdev_io->driver_ctx;

	if (ch->count == DEPTH) {
		/* There are others under way, so the layer will come again when one of them has ended. */
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	io->due = spdk_get_ticks() + LATENCY_US * spdk_get_ticks_hz() / SPDK_SEC_TO_USEC;
	io->queued = true;
	TAILQ_INSERT_TAIL(&ch->ios, io, link);
	ch->count++;
	spdk_poller_resume(ch->poller);
}

/* Takes an I/O out of the queue and ends it. It must not be touched after that. */
static void
end_io(struct queue_channel *ch, struct queue_io *io, enum spdk_bdev_io_status status)
{
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	TAILQ_REMOVE(&ch->ios, io, link);
	ch->count--;
	io->queued = false;
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		move_data(bdev_io);
	}
	spdk_bdev_io_complete(bdev_io, status);
}

static int
poll_queue(void *ctx)
{
	struct queue_channel *ch = ctx;
	uint64_t now = spdk_get_ticks();
	struct queue_io *io = TAILQ_FIRST(&ch->ios);
	bool busy = false;

	while (io != NULL && io->due <= now) {
		end_io(ch, io, SPDK_BDEV_IO_STATUS_SUCCESS);
		busy = true;
		io = TAILQ_FIRST(&ch->ios);
	}
	if (io == NULL) {
		/* Nothing to wait for: the thread may sleep. */
		spdk_poller_pause(ch->poller);
	}
	return busy ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static int
create_channel(void *io_device, void *ctx)
{
	struct queue_channel *ch = ctx;

	TAILQ_INIT(&ch->ios);
	ch->poller = SPDK_POLLER_REGISTER(poll_queue, ch, LATENCY_US);
	if (ch->poller == NULL) {
		return -ENOMEM;
	}
	spdk_poller_pause(ch->poller);
	return 0;
}

/* All I/O of the channel has ended. */
static void
destroy_channel(void *io_device, void *ctx)
{
	struct queue_channel *ch = ctx;

	spdk_poller_unregister(&ch->poller);
}

/* ---- Abort and reset ---- */

static void
abort_io(struct queue_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct queue_io *io = (struct queue_io *)bdev_io->u.abort.bio_to_abort->driver_ctx;
	bool queued = io->queued;

	if (queued) {
		end_io(ch, io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
	spdk_bdev_io_complete(bdev_io, queued ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* On the thread of each channel, one after another. */
static void
reset_channel(struct spdk_io_channel_iter *i)
{
	struct queue_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	while (!TAILQ_EMPTY(&ch->ios)) {
		end_io(ch, TAILQ_FIRST(&ch->ios), SPDK_BDEV_IO_STATUS_ABORTED);
	}
	spdk_for_each_channel_continue(i, 0);
}

/* On the thread of the reset again. */
static void
reset_done(struct spdk_io_channel_iter *i, int status)
{
	struct spdk_bdev_io *bdev_io = spdk_io_channel_iter_get_ctx(i);

	spdk_bdev_io_complete(bdev_io, status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- The table of functions ---- */

static void
read_cb(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	enqueue(spdk_io_channel_get_ctx(io_ch), bdev_io);
}

static void
queue_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct queue_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct queue_io *io = (struct queue_io *)bdev_io->driver_ctx;

	io->queued = false;
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, read_cb, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
		enqueue(ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		abort_io(ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		spdk_for_each_channel(bdev_io->bdev->ctxt, reset_channel, bdev_io, reset_done);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
queue_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_ABORT:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
queue_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static void
free_disk(struct queue_disk *disk)
{
	spdk_free(disk->data);
	free(disk->bdev.name);
	free(disk);
}

/* No channel is left, so nobody can touch the disk any more. */
static void
unregistered_cb(void *io_device)
{
	struct queue_disk *disk = io_device;

	spdk_bdev_destruct_done(&disk->bdev, 0);
	free_disk(disk);
}

/* 1: it is not done yet. */
static int
queue_destruct(void *ctx)
{
	spdk_io_device_unregister(ctx, unregistered_cb);
	return 1;
}

static void
queue_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct queue_disk *disk = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_queue_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_named_uint64(w, "capacity_blocks", disk->capacity_blocks);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table g_queue_fn_table = {
	.destruct = queue_destruct,
	.submit_request = queue_submit_request,
	.io_type_supported = queue_io_type_supported,
	.get_io_channel = queue_get_io_channel,
	.write_config_json = queue_write_config_json,
};

/* ---- How a disk comes, and grows ---- */

struct queue_opts {
	char *name;
	uint64_t num_blocks;
	/* 0: as many as num_blocks. */
	uint64_t capacity_blocks;
	struct spdk_uuid uuid;
};

static char g_product_name[] = "queue";

static int
create_disk(const struct queue_opts *opts)
{
	struct queue_disk *disk;
	int rc;

	if (opts->capacity_blocks != 0 && opts->capacity_blocks < opts->num_blocks) {
		return -EINVAL;
	}
	disk = calloc(1, sizeof(*disk));
	if (disk == NULL) {
		return -ENOMEM;
	}
	disk->capacity_blocks = opts->capacity_blocks != 0 ? opts->capacity_blocks : opts->num_blocks;
	disk->data =
		spdk_zmalloc(disk->capacity_blocks * BLOCK_SIZE, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	disk->bdev.name = strdup(opts->name);
	if (disk->data == NULL || disk->bdev.name == NULL) {
		rc = -ENOMEM;
		goto err_free;
	}
	disk->bdev.product_name = g_product_name;
	disk->bdev.uuid = opts->uuid;
	disk->bdev.blocklen = BLOCK_SIZE;
	disk->bdev.blockcnt = opts->num_blocks;
	disk->bdev.ctxt = disk;
	disk->bdev.fn_table = &g_queue_fn_table;
	disk->bdev.module = &g_queue_module;
	spdk_io_device_register(disk, create_channel, destroy_channel, sizeof(struct queue_channel), opts->name);
	rc = spdk_bdev_register(&disk->bdev);
	if (rc != 0) {
		goto err_unregister;
	}
	return 0;

err_unregister:
	spdk_io_device_unregister(disk, NULL);
err_free:
	free_disk(disk);
	return rc;
}

/* On the app thread. Who has the bdev open is told with SPDK_BDEV_EVENT_RESIZE. */
static int
resize_disk(struct spdk_bdev *bdev, uint64_t num_blocks)
{
	struct queue_disk *disk = bdev->ctxt;

	if (bdev->module != &g_queue_module) {
		return -ENODEV;
	}
	if (num_blocks > disk->capacity_blocks) {
		return -ENOSPC;
	}
	return spdk_bdev_notify_blockcnt_change(bdev, num_blocks);
}

/* ---- RPC ---- */

static const struct bdk_rpc_param g_create_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct queue_opts, name), .required = true, .help = "name of the new bdev"},
	{"num_blocks", BDK_RPC_UINT64, offsetof(struct queue_opts, num_blocks), .required = true, .min = 1,
		.max = 1ull << 32, .position = 1, .help = "size in blocks of 512 bytes"},
	{"capacity_blocks", BDK_RPC_UINT64, offsetof(struct queue_opts, capacity_blocks), .max = 1ull << 32,
		.help = "how far it can grow, in blocks", .default_text = "not at all"},
	{"uuid", BDK_RPC_UUID, offsetof(struct queue_opts, uuid), .help = "UUID of the bdev",
		.default_text = "a random one"},
};

static void
rpc_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct queue_opts *opts = params;

	bdk_rpc_send_outcome(request, create_disk(opts), "Cannot create queue bdev %s", opts->name);
}

static const struct bdk_rpc_method g_create = {
	.name = "bdev_queue_create",
	.summary = "Creates a disk in memory whose I/O takes time",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct queue_opts),
	.handler = rpc_create,
};
BDK_RPC_REGISTER(g_create)

struct resize_params {
	char *name;
	uint64_t num_blocks;
};

static const struct bdk_rpc_param g_resize_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct resize_params, name), .required = true, .position = 1,
		.help = "name of the bdev"},
	{"num_blocks", BDK_RPC_UINT64, offsetof(struct resize_params, num_blocks), .required = true, .min = 1,
		.max = 1ull << 32, .position = 2, .help = "new size in blocks"},
};

static void
rpc_resize(struct spdk_jsonrpc_request *request, void *params)
{
	const struct resize_params *wanted = params;
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(wanted->name);

	bdk_rpc_send_outcome(request, bdev != NULL ? resize_disk(bdev, wanted->num_blocks) : -ENODEV,
		"Cannot resize queue bdev %s", wanted->name);
}

static const struct bdk_rpc_method g_resize = {
	.name = "bdev_queue_resize",
	.summary = "Changes the size of a queue bdev",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_resize_params,
	.num_params = SPDK_COUNTOF(g_resize_params),
	.params_size = sizeof(struct resize_params),
	.handler = rpc_resize,
};
BDK_RPC_REGISTER(g_resize)

/* ---- The module ---- */

static int
queue_get_ctx_size(void)
{
	return sizeof(struct queue_io);
}

static struct spdk_bdev_module g_queue_module = {
	.name = "queue",
	.get_ctx_size = queue_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(queue, &g_queue_module)
