/* SPDX-License-Identifier: BSD-3-Clause */

/* In the order of the file: the way of an I/O, what the layer asks of a bdev, its creation and end, the module. */

#include "module/bdev/uring/bdev_uring.h"
#include "module/bdev/uring/uring_ring.h"
#include "module/bdev/uring/uring_watch.h"
#include "module/bdev/common/block_file.h"
#include "module/bdev/common/file_workers.h"

#include "bdevkit/thread.h"
#include "bdevkit/uring.h"
#include "spdk/json.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include <linux/falloc.h>
#include <sys/stat.h>

/* How long a worker waits for more work before it ends. */
#define URING_WORKER_IDLE_US (5 * SPDK_SEC_TO_USEC)

/* Most bytes that one UNMAP or WRITE_ZEROES covers, so that one of them does not keep a worker for minutes. */
#define URING_MAX_CLEAR (1024 * 1024 * 1024)

/* I/Os of one bdev on one thread in the kernel; and where each may keep a system thread of the kernel waiting. */
#define URING_DEPTH 256
#define URING_DEPTH_BUFFERED 64

/* It is also the io_device of its channels. */
struct uring_bdev {
	struct spdk_bdev bdev;
	/* Of the reset that runs: there is one at a time. */
	struct bdk_channel_walk reset_walk;
	struct block_file file;
	struct file_workers workers;
	struct uring_watch watch;
	uint32_t block_size;
	bool buffered;
	bool can_discard;
	bool can_seek;
	/* Some I/O has met the end of the file; atomic, as any thread finds out. */
	bool met_end;
	bool told_deleted;
};

struct uring_bdev_channel {
	struct uring_channel queue;
	struct spdk_io_channel *queue_ch;
	/* I/Os that are in this module. */
	uint64_t outstanding;
	/* A reset that waits until there are none. */
	struct spdk_io_channel_iter *reset;
};

/* Context of an I/O. */
struct uring_bdev_io {
	struct uring_io io;
	struct file_job job;
	/* How a worker returns it. */
	struct bdk_msg msg;
	struct spdk_thread *thread;
	int64_t result;
};

static int bdev_uring_module_init(void);
static void bdev_uring_module_fini(void);
static int bdev_uring_get_ctx_size(void);

static struct spdk_bdev_module g_uring_module = {
	.name = "uring",
	.module_init = bdev_uring_module_init,
	.module_fini = bdev_uring_module_fini,
	.get_ctx_size = bdev_uring_get_ctx_size,
	.async_fini = true,
};

SPDK_BDEV_MODULE_REGISTER(uring, &g_uring_module)
SPDK_LOG_REGISTER_COMPONENT(bdev_uring)

static char g_product_name[] = "URING bdev";

/* ---- The beginning and the end of an I/O ---- */

static struct uring_bdev *
uring_bdev_of(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->bdev->ctxt;
}

static struct uring_bdev_channel *
channel_of(struct spdk_bdev_io *bdev_io)
{
	return spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
}

/* From here on, until leave_channel(), the I/O is in this module. */
static struct uring_bdev_io *
begin(struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev_channel *ch = channel_of(bdev_io);
	struct uring_bdev_io *io = (struct uring_bdev_io *)bdev_io->driver_ctx;

	ch->outstanding++;
	io->io.ch = &ch->queue;
	return io;
}

/* To be called after the I/O has been completed. */
static void
leave_channel(struct uring_bdev_channel *ch)
{
	struct spdk_io_channel_iter *reset = ch->reset;

	ch->outstanding--;
	if (spdk_unlikely(reset != NULL) && ch->outstanding == 0) {
		ch->reset = NULL;
		spdk_for_each_channel_continue(reset, 0);
	}
}

static void
finish(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct uring_bdev_channel *ch = channel_of(bdev_io);

	spdk_bdev_io_complete(bdev_io, status);
	leave_channel(ch);
}

/* For all but transfers, and those that have failed. */
static void
finish_with_errno(struct spdk_bdev_io *bdev_io, int rc)
{
	struct uring_bdev_channel *ch = channel_of(bdev_io);

	switch (-rc) {
	case ECANCELED:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		break;
	case EAGAIN:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		break;
	case ENODEV:
	case ENXIO:
		/* It may be gone altogether; who watches the file finds out. */
		uring_watch_ask(bdev_io->bdev->name);
		spdk_bdev_io_complete_aio_status(bdev_io, rc);
		break;
	default:
		spdk_bdev_io_complete_aio_status(bdev_io, rc);
		break;
	}
	leave_channel(ch);
}

/* Leaves the I/O to a worker, which may block. */
static void
offload(struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev_io *io = (struct uring_bdev_io *)bdev_io->driver_ctx;

	io->thread = spdk_get_thread();
	if (file_workers_submit(&uring_bdev_of(bdev_io)->workers, &io->job) != 0) {
		/* The system gives us no thread now; the layer tries again later. */
		finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	}
}

/* The file has become smaller, or the kernel has stopped for another reason: only part of the I/O is done. */
static void
finish_at_end(struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev *uring_bdev = uring_bdev_of(bdev_io);

	if (!__atomic_exchange_n(&uring_bdev->met_end, true, __ATOMIC_RELAXED)) {
		SPDK_ERRLOG("%s: %s ends inside block %" PRIu64 " + %" PRIu64 "; has it become smaller?\n",
			uring_bdev->bdev.name, uring_bdev->file.path, bdev_io->u.bdev.offset_blocks,
			bdev_io->u.bdev.num_blocks);
	}
	finish(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

/* On the I/O's thread. */
static void
worker_done(void *ctx)
{
	struct uring_bdev_io *io = ctx;
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);
	struct uring_bdev_channel *ch = channel_of(bdev_io);

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (io->result == (int64_t)block_file_io_length(bdev_io)) {
			finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		} else if (io->result >= 0) {
			finish_at_end(bdev_io);
		} else {
			finish_with_errno(bdev_io, (int)io->result);
		}
		break;
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		block_file_io_complete_seek(bdev_io, io->result);
		leave_channel(ch);
		break;
	default:
		finish_with_errno(bdev_io, (int)io->result);
		break;
	}
}

/* On a worker. */
static void
run_job_cb(void *ctx, struct file_job *job)
{
	struct uring_bdev_io *io = SPDK_CONTAINEROF(job, struct uring_bdev_io, job);
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	io->result = block_file_io_run(&uring_bdev_of(bdev_io)->file, bdev_io);
	/* The I/O may be gone when this returns. */
	bdk_msg_send(io->thread, &io->msg, worker_done, io);
}

/* Whether a worker can do better than the kernel by itself has done, or find out why not. */
static bool
wants_worker(int result)
{
	/* Interrupted, when its system thread has ended for example; or not to be had in this form for this file. */
	return result >= 0 || result == -EINTR || result == -EOPNOTSUPP || result == -EINVAL;
}

static void
io_complete_cb(struct uring_io *uring_io, int result)
{
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(uring_io);

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (spdk_likely(result >= 0 && (uint64_t)result == block_file_io_length(bdev_io))) {
			finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
			return;
		}
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		finish(bdev_io, result == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
		return;
	default:
		if (result == 0) {
			finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
			return;
		}
		break;
	}
	if (wants_worker(result)) {
		offload(bdev_io);
	} else {
		finish_with_errno(bdev_io, result);
	}
}

/* ---- The way of an I/O ---- */

static void
prepare_transfer_cb(struct uring_io *io, struct io_uring_sqe *sqe)
{
	const struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);
	bool is_write = bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
	const struct iovec *iovs = bdev_io->u.bdev.iovs;

	sqe->off = block_file_io_offset(bdev_io);
	if (spdk_likely(bdev_io->u.bdev.iovcnt == 1)) {
		uring_ring_set_buffer(
			io->ring, sqe, is_write, iovs[0].iov_base, (uint32_t)block_file_io_length(bdev_io));
		return;
	}
	sqe->opcode = is_write ? IORING_OP_WRITEV : IORING_OP_READV;
	sqe->addr = (uintptr_t)iovs;
	sqe->len = (uint32_t)bdev_io->u.bdev.iovcnt;
}

static void
prepare_flush_cb(struct uring_io *io, struct io_uring_sqe *sqe)
{
	sqe->opcode = IORING_OP_FSYNC;
	sqe->fsync_flags = IORING_FSYNC_DATASYNC;
}

static void
prepare_unmap_cb(struct uring_io *io, struct io_uring_sqe *sqe)
{
	const struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	sqe->opcode = IORING_OP_FALLOCATE;
	sqe->off = block_file_io_offset(bdev_io);
	sqe->addr = block_file_io_length(bdev_io);
	sqe->len = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
}

static void
start(struct spdk_bdev_io *bdev_io, void (*prepare)(struct uring_io *io, struct io_uring_sqe *sqe))
{
	struct uring_bdev_io *io = begin(bdev_io);

	io->io.prepare = prepare;
	uring_queue_submit(&io->io);
}

/* WRITE_ZEROES and SEEK_* have no asynchronous form. */
static void
start_on_worker(struct spdk_bdev_io *bdev_io)
{
	begin(bdev_io);
	offload(bdev_io);
}

static void
start_transfer(struct spdk_bdev_io *bdev_io)
{
	const struct block_file *file = &uring_bdev_of(bdev_io)->file;

	if (spdk_unlikely(!block_file_io_buffers_fit(bdev_io))) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else if (spdk_unlikely(!block_file_io_lengths_fit(file, bdev_io) || bdev_io->u.bdev.iovcnt > IOV_MAX ||
			   block_file_io_length(bdev_io) > INT32_MAX)) {
		start_on_worker(bdev_io);
	} else {
		start(bdev_io, prepare_transfer_cb);
	}
}

static void
get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	start_transfer(bdev_io);
}

/* What waits here is taken back; what waits in the kernel is taken back by it; what is being done is done. */
static void
start_abort(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io *target = bdev_io->u.abort.bio_to_abort;
	struct uring_io *target_io = (struct uring_io *)target->driver_ctx;
	struct uring_bdev_io *io = begin(bdev_io);

	if (uring_channel_remove_waiting(target_io)) {
		finish(target, SPDK_BDEV_IO_STATUS_ABORTED);
		finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (!uring_queue_cancel(&io->io, target_io)) {
		finish(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* A reset is complete when, on each channel, all I/O is. What waits here for its turn does not begin any more. */
static void
reset_channel_cb(struct spdk_io_channel_iter *iter)
{
	struct uring_bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));
	struct uring_io *io;

	while ((io = uring_channel_take_waiting(&ch->queue)) != NULL) {
		finish(spdk_bdev_io_from_ctx(io), SPDK_BDEV_IO_STATUS_ABORTED);
	}
	if (ch->outstanding == 0) {
		spdk_for_each_channel_continue(iter, 0);
		return;
	}
	ch->reset = iter;
}

static void
reset_done_cb(struct spdk_io_channel_iter *iter, int status)
{
	struct spdk_bdev_io *bdev_io = spdk_io_channel_iter_get_ctx(iter);

	spdk_bdev_io_complete(bdev_io, status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- What the layer asks of a bdev ---- */

static bool
bdev_uring_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct uring_bdev *uring_bdev = ctx;

	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
		return true;
	case SPDK_BDEV_IO_TYPE_WRITE:
		return !uring_bdev->file.readonly;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return uring_bdev->can_discard;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		/* The kernel writes zeroes itself on devices that cannot do it better. */
		return !uring_bdev->file.readonly && (uring_bdev->file.block_device || uring_bdev->can_discard);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return uring_bdev->can_seek;
	default:
		return false;
	}
}

static void
bdev_uring_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev *uring_bdev = uring_bdev_of(bdev_io);

	if (spdk_unlikely(!bdev_uring_io_type_supported(uring_bdev, bdev_io->type))) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		/* Provides a buffer for a read that has none, and an aligned one where direct I/O needs it. */
		spdk_bdev_io_get_buf(bdev_io, get_buf_cb, block_file_io_length(bdev_io));
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		start(bdev_io, prepare_flush_cb);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		if (uring_bdev->file.block_device) {
			start_on_worker(bdev_io);
		} else {
			start(bdev_io, prepare_unmap_cb);
		}
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		start_abort(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		bdk_for_each_channel(&uring_bdev->reset_walk, uring_bdev, reset_channel_cb, bdev_io, reset_done_cb);
		break;
	default:
		start_on_worker(bdev_io);
		break;
	}
}

static struct spdk_io_channel *
bdev_uring_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct uring_bdev *uring_bdev = io_device;
	const struct block_file *file = &uring_bdev->file;
	struct uring_bdev_channel *ch = ctx;

	ch->queue_ch = spdk_get_io_channel(&g_uring_module);
	if (ch->queue_ch == NULL) {
		return -ENOMEM;
	}
	uring_channel_init(&ch->queue, spdk_io_channel_get_ctx(ch->queue_ch), file->fd,
		file->direct || file->in_memory ? URING_DEPTH : URING_DEPTH_BUFFERED);
	ch->outstanding = 0;
	ch->reset = NULL;
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct uring_bdev_channel *ch = ctx;

	uring_channel_fini(&ch->queue);
	spdk_put_io_channel(ch->queue_ch);
}

static int
bdev_uring_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct uring_bdev *uring_bdev = ctx;

	spdk_json_write_named_object_begin(w, "uring");
	spdk_json_write_named_string(w, "filename", uring_bdev->file.path);
	spdk_json_write_named_bool(w, "page_cache", !uring_bdev->file.direct);
	spdk_json_write_object_end(w);
	return 0;
}

static void
bdev_uring_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct uring_bdev *uring_bdev = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_uring_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	spdk_json_write_named_uint32(w, "block_size", uring_bdev->block_size);
	spdk_json_write_named_string(w, "filename", uring_bdev->file.path);
	if (uring_bdev->file.readonly) {
		spdk_json_write_named_bool(w, "readonly", true);
	}
	if (uring_bdev->buffered) {
		spdk_json_write_named_bool(w, "buffered", true);
	}
	if (uring_bdev->file.no_lock) {
		spdk_json_write_named_bool(w, "no_lock", true);
	}
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* ---- The end of a uring bdev ---- */

static void
destruct_done_cb(void *io_device)
{
	struct uring_bdev *uring_bdev = io_device;

	file_workers_fini(&uring_bdev->workers);
	block_file_close(&uring_bdev->file);
	spdk_bdev_destruct_done(&uring_bdev->bdev, 0);
	free(uring_bdev->bdev.name);
	free(uring_bdev);
}

static int
bdev_uring_destruct(void *ctx)
{
	struct uring_bdev *uring_bdev = ctx;

	uring_watch_stop(&uring_bdev->watch);
	spdk_io_device_unregister(ctx, destruct_done_cb);
	return 1;
}

static const struct spdk_bdev_fn_table g_uring_fn_table = {
	.destruct = bdev_uring_destruct,
	.submit_request = bdev_uring_submit_request,
	.io_type_supported = bdev_uring_io_type_supported,
	.get_io_channel = bdev_uring_get_io_channel,
	.dump_info_json = bdev_uring_dump_info_json,
	.write_config_json = bdev_uring_write_config_json,
};

/* ---- The file changes ---- */

/* Makes the bdev as large as the file. -EBUSY if it has become smaller and is in use. */
static int
follow_size(struct uring_bdev *uring_bdev)
{
	struct spdk_bdev *bdev = &uring_bdev->bdev;
	uint64_t size;
	int rc = block_file_get_size(&uring_bdev->file, &size);

	if (rc != 0 || size / bdev->blocklen == bdev->blockcnt) {
		return rc;
	}
	if (size / bdev->blocklen < bdev->blockcnt) {
		return -EBUSY;
	}
	__atomic_store_n(&uring_bdev->met_end, false, __ATOMIC_RELAXED);
	return spdk_bdev_notify_blockcnt_change(bdev, size / bdev->blocklen);
}

static void
warn_if_deleted(struct uring_bdev *uring_bdev)
{
	struct stat st;

	if (!uring_bdev->told_deleted && !uring_bdev->file.block_device && fstat(uring_bdev->file.fd, &st) == 0 &&
		st.st_nlink == 0) {
		uring_bdev->told_deleted = true;
		SPDK_WARNLOG("%s: %s has been deleted; what is in it is lost when the bdev ends\n",
			uring_bdev->bdev.name, uring_bdev->file.path);
	}
}

/* What a device is that has been taken away, if nobody says so. */
static bool
is_empty(const struct block_file *file)
{
	uint64_t size;

	return file->block_device && (block_file_get_size(file, &size) != 0 || size == 0);
}

static void
heed_event(struct uring_bdev *uring_bdev, enum uring_watch_event event)
{
	if (event == URING_WATCH_GONE || is_empty(&uring_bdev->file)) {
		SPDK_NOTICELOG("%s: the device %s is gone\n", uring_bdev->bdev.name, uring_bdev->file.path);
		spdk_bdev_unregister(&uring_bdev->bdev, NULL, NULL);
		return;
	}
	warn_if_deleted(uring_bdev);
	if (follow_size(uring_bdev) == -EBUSY) {
		SPDK_WARNLOG("%s: %s has become smaller; I/O behind its end fails\n", uring_bdev->bdev.name,
			uring_bdev->file.path);
	}
}

/* Our descriptors live only as long as a function runs, on the thread that an event would come to. */
static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

/* On the application thread. */
static void
file_changed_cb(const char *bdev_name, enum uring_watch_event event)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;

	if (spdk_bdev_open_ext(bdev_name, false, ignore_event_cb, NULL, &desc) != 0) {
		return;
	}
	bdev = spdk_bdev_desc_get_bdev(desc);
	if (bdev->module == &g_uring_module) {
		heed_event(bdev->ctxt, event);
	}
	spdk_bdev_close(desc);
}

/* ---- The beginning of a uring bdev ---- */

static void
fill_bdev(struct uring_bdev *uring_bdev, const struct bdev_uring_opts *opts)
{
	struct spdk_bdev *bdev = &uring_bdev->bdev;

	uring_bdev->block_size = opts->block_size != 0 ? opts->block_size : uring_bdev->file.sector_size;
	uring_bdev->buffered = opts->buffered;
	uring_bdev->can_discard = block_file_can_discard(&uring_bdev->file);
	uring_bdev->can_seek = block_file_can_seek(&uring_bdev->file);

	bdev->blocklen = uring_bdev->block_size;
	bdev->blockcnt = uring_bdev->file.size / bdev->blocklen;
	bdev->required_alignment = spdk_u32log2(uring_bdev->file.mem_align);
	bdev->write_cache = 1;
	bdev->holes_are_zeroes = true;
	bdev->max_unmap = spdk_max(1, URING_MAX_CLEAR / bdev->blocklen);
	bdev->max_unmap_segments = 1;
	bdev->max_write_zeroes = bdev->max_unmap;
	bdev->uuid = opts->uuid;
	bdev->product_name = g_product_name;
	bdev->ctxt = uring_bdev;
	bdev->fn_table = &g_uring_fn_table;
	bdev->module = &g_uring_module;
}

static void
add_flag(int fd, int flag)
{
	/* A kernel that does not know the flag here, or does not allow it, changes nothing. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | flag);
}

static void
set_flags(const struct block_file *file)
{
	/* Only for the owner. For others times of access are written. */
	add_flag(file->fd, O_NOATIME);
	/*
	 * Files in memory do not say that they never wait, so that the kernel would hand over each I/O to a thread of its own:
	 * twice the work. With these flags it takes them at their word. Neither means anything else for such a file.
	 */
	if (file->in_memory) {
		add_flag(file->fd, O_NONBLOCK);
		add_flag(file->fd, O_DIRECT);
	}
}

static int
open_file(struct uring_bdev *uring_bdev, const struct bdev_uring_opts *opts, const char **why)
{
	struct block_file_opts file_opts = {
		.bdev_name = opts->name,
		.path = opts->filename,
		.block_size = opts->block_size,
		.readonly = opts->readonly,
		.no_lock = opts->no_lock,
		.buffered = opts->buffered,
	};
	int rc = uring_probe(why);

	if (rc == 0) {
		rc = block_file_open(&uring_bdev->file, &file_opts, why);
	}
	if (rc == 0) {
		set_flags(&uring_bdev->file);
	}
	return rc;
}

/* The file is open. */
static int
register_bdev(struct uring_bdev *uring_bdev, const char **why)
{
	int rc;

	rc = bdk_io_device_register(uring_bdev, create_channel_cb, destroy_channel_cb,
		sizeof(struct uring_bdev_channel), uring_bdev->bdev.name);
	if (rc != 0) {
		return rc;
	}
	uring_watch_start(&uring_bdev->watch, uring_bdev->bdev.name, &uring_bdev->file);
	rc = spdk_bdev_register(&uring_bdev->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		uring_watch_stop(&uring_bdev->watch);
		spdk_io_device_unregister(uring_bdev, NULL);
	}
	return rc;
}

int
bdev_uring_create(const struct bdev_uring_opts *opts, const char **why)
{
	struct uring_bdev *uring_bdev;
	int rc;

	*why = NULL;
	if (opts->name == NULL || opts->name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	uring_bdev = calloc(1, sizeof(*uring_bdev));
	if (uring_bdev == NULL) {
		return -ENOMEM;
	}
	uring_bdev->bdev.name = strdup(opts->name);
	rc = uring_bdev->bdev.name != NULL ? open_file(uring_bdev, opts, why) : -ENOMEM;
	if (rc != 0) {
		goto free_uring_bdev;
	}
	rc = file_workers_init(&uring_bdev->workers, run_job_cb, uring_bdev, URING_WORKER_IDLE_US);
	if (rc != 0) {
		goto close_file;
	}
	fill_bdev(uring_bdev, opts);
	rc = register_bdev(uring_bdev, why);
	if (rc != 0) {
		goto end_workers;
	}
	return 0;

end_workers:
	file_workers_fini(&uring_bdev->workers);
close_file:
	block_file_close(&uring_bdev->file);
free_uring_bdev:
	free(uring_bdev->bdev.name);
	free(uring_bdev);
	return rc;
}

int
bdev_uring_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_uring_module, cb, cb_arg);
}

/* ---- Rescan ---- */

int
bdev_uring_rescan(const char *name, const char **why)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	int rc;

	*why = NULL;
	rc = spdk_bdev_open_ext(name, false, ignore_event_cb, NULL, &desc);
	if (rc != 0) {
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(desc);
	if (bdev->module != &g_uring_module) {
		*why = "it is not a uring bdev";
		rc = -ENODEV;
	} else {
		rc = follow_size(bdev->ctxt);
		*why = rc == -EBUSY ? "the file has become smaller: delete the bdev and create it again" : NULL;
	}
	spdk_bdev_close(desc);
	return rc;
}

/* ---- The module ---- */

int
bdk_uring_probe(const char **why)
{
	return uring_probe(why);
}

static int
create_queue_cb(void *io_device, void *ctx)
{
	return uring_queue_init(ctx, io_complete_cb);
}

static void
destroy_queue_cb(void *io_device, void *ctx)
{
	uring_queue_fini(ctx);
}

static int
bdev_uring_get_ctx_size(void)
{
	return sizeof(struct uring_bdev_io);
}

static int
bdev_uring_module_init(void)
{
	int rc = uring_memory_start();

	if (rc != 0) {
		return rc;
	}
	uring_watch_init(file_changed_cb);
	rc = bdk_io_device_register(
		&g_uring_module, create_queue_cb, destroy_queue_cb, sizeof(struct uring_queue), "bdev_uring");
	if (rc != 0) {
		uring_memory_stop();
	}
	return rc;
}

static void
unregister_done_cb(void *io_device)
{
	uring_memory_stop();
	spdk_bdev_module_fini_done();
}

static void
bdev_uring_module_fini(void)
{
	uring_watch_fini();
	spdk_io_device_unregister(&g_uring_module, unregister_done_cb);
}
