/* SPDX-License-Identifier: BSD-3-Clause */

/* In the order of the file: the way of an I/O, what the layer asks of a bdev, its creation and end, the module. */

#include "module/bdev/uring/bdev_uring.h"
#include "module/bdev/uring/uring_ring.h"
#include "module/bdev/uring/uring_watch.h"
#include "module/bdev/common/file_bdev.h"

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

/* I/Os of one bdev on one thread in the kernel; and where each may keep a system thread of the kernel waiting. */
#define URING_DEPTH 256
#define URING_DEPTH_BUFFERED 64

struct uring_bdev {
	struct file_bdev base;
	struct uring_watch watch;
	bool buffered;
	bool told_deleted;
};

struct uring_bdev_channel {
	struct file_bdev_channel base;
	struct uring_channel queue;
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

/* From here on, until file_bdev_leave(), the I/O is in this module. */
static struct uring_bdev_io *
begin(struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev_channel *ch = file_bdev_channel_of(bdev_io);
	struct uring_bdev_io *io = (struct uring_bdev_io *)bdev_io->driver_ctx;

	ch->base.outstanding++;
	io->io.ch = &ch->queue;
	return io;
}

/* For all but transfers, and those that have failed. */
static void
finish_with_errno(struct spdk_bdev_io *bdev_io, int rc)
{
	switch (-rc) {
	case ECANCELED:
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		break;
	case EAGAIN:
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		break;
	case ENODEV:
	case ENXIO:
		/* It may be gone altogether; who watches the file finds out. */
		uring_watch_ask(bdev_io->bdev->name);
		file_bdev_finish_with_errno(bdev_io, rc);
		break;
	default:
		file_bdev_finish_with_errno(bdev_io, rc);
		break;
	}
}

/* Leaves the I/O to a worker, which may block. */
static void
offload(struct spdk_bdev_io *bdev_io)
{
	struct uring_bdev_io *io = (struct uring_bdev_io *)bdev_io->driver_ctx;

	io->thread = spdk_get_thread();
	if (file_workers_submit(&uring_bdev_of(bdev_io)->base.workers, &io->job) != 0) {
		/* The system gives us no thread now; the layer tries again later. */
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	}
}

/* On the I/O's thread. */
static void
worker_done(void *ctx)
{
	struct uring_bdev_io *io = ctx;
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (io->result == (int64_t)block_file_io_length(bdev_io)) {
			file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		} else if (io->result >= 0) {
			file_bdev_finish_at_end(bdev_io);
		} else {
			finish_with_errno(bdev_io, (int)io->result);
		}
		break;
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		file_bdev_finish_seek(bdev_io, io->result);
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

	io->result = block_file_io_run(&uring_bdev_of(bdev_io)->base.file, bdev_io);
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
			file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
			return;
		}
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		file_bdev_finish(bdev_io, result == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
		return;
	default:
		if (result == 0) {
			file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
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
	const struct block_file *file = &uring_bdev_of(bdev_io)->base.file;

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
		file_bdev_finish(target, SPDK_BDEV_IO_STATUS_ABORTED);
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (!uring_queue_cancel(&io->io, target_io)) {
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* What waits here for its turn does not begin any more. */
static void
stop_channel_cb(struct spdk_io_channel_iter *iter)
{
	struct uring_bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));
	struct uring_io *io;

	while ((io = uring_channel_take_waiting(&ch->queue)) != NULL) {
		file_bdev_finish(spdk_bdev_io_from_ctx(io), SPDK_BDEV_IO_STATUS_ABORTED);
	}
	file_bdev_reset_channel(iter);
}

/* ---- What the layer asks of a bdev ---- */

static bool
bdev_uring_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return io_type == SPDK_BDEV_IO_TYPE_ABORT || file_bdev_io_type_supported(ctx, io_type);
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
		if (uring_bdev->base.file.block_device) {
			start_on_worker(bdev_io);
		} else {
			start(bdev_io, prepare_unmap_cb);
		}
		break;
	case SPDK_BDEV_IO_TYPE_ABORT:
		start_abort(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		file_bdev_reset(bdev_io, stop_channel_cb);
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
	const struct block_file *file = &((const struct uring_bdev *)io_device)->base.file;
	struct uring_bdev_channel *ch = ctx;
	int rc = file_bdev_channel_init(&ch->base, &g_uring_module);

	if (rc == 0) {
		uring_channel_init(&ch->queue, spdk_io_channel_get_ctx(ch->base.queue_ch), file->fd,
			file->direct || file->in_memory ? URING_DEPTH : URING_DEPTH_BUFFERED);
	}
	return rc;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	struct uring_bdev_channel *ch = ctx;

	uring_channel_fini(&ch->queue);
	file_bdev_channel_fini(&ch->base);
}

static int
bdev_uring_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct uring_bdev *uring_bdev = ctx;

	spdk_json_write_named_object_begin(w, "uring");
	spdk_json_write_named_string(w, "filename", uring_bdev->base.file.path);
	spdk_json_write_named_bool(w, "page_cache", !uring_bdev->base.file.direct);
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
	spdk_json_write_named_uint32(w, "block_size", bdev->blocklen);
	spdk_json_write_named_string(w, "filename", uring_bdev->base.file.path);
	if (uring_bdev->base.file.readonly) {
		spdk_json_write_named_bool(w, "readonly", true);
	}
	if (uring_bdev->buffered) {
		spdk_json_write_named_bool(w, "buffered", true);
	}
	if (uring_bdev->base.file.no_lock) {
		spdk_json_write_named_bool(w, "no_lock", true);
	}
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

/* ---- The end of a uring bdev ---- */

static int
bdev_uring_destruct(void *ctx)
{
	struct uring_bdev *uring_bdev = ctx;

	uring_watch_stop(&uring_bdev->watch);
	return file_bdev_destruct(ctx);
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

static void
warn_if_deleted(struct uring_bdev *uring_bdev)
{
	struct stat st;

	if (!uring_bdev->told_deleted && !uring_bdev->base.file.block_device &&
		fstat(uring_bdev->base.file.fd, &st) == 0 && st.st_nlink == 0) {
		uring_bdev->told_deleted = true;
		SPDK_WARNLOG("%s: %s has been deleted; what is in it is lost when the bdev ends\n",
			uring_bdev->base.bdev.name, uring_bdev->base.file.path);
	}
}

/* What a device is that has been taken away, if nobody says so. */
static bool
is_empty(const struct block_file *file)
{
	uint64_t size;

	return file->block_device && (block_file_get_size(file, &size) != 0 || size == 0);
}

static int
heed_event(struct file_bdev *file_bdev, void *arg)
{
	const enum uring_watch_event *event = arg;

	if (*event == URING_WATCH_GONE || is_empty(&file_bdev->file)) {
		SPDK_NOTICELOG("%s: the device %s is gone\n", file_bdev->bdev.name, file_bdev->file.path);
		spdk_bdev_unregister(&file_bdev->bdev, NULL, NULL);
		return 0;
	}
	warn_if_deleted(SPDK_CONTAINEROF(file_bdev, struct uring_bdev, base));
	if (file_bdev_follow_size(file_bdev) == -EBUSY) {
		SPDK_WARNLOG("%s: %s has become smaller; I/O behind its end fails\n", file_bdev->bdev.name,
			file_bdev->file.path);
	}
	return 0;
}

/* On the application thread. */
static void
file_changed_cb(const char *bdev_name, enum uring_watch_event event)
{
	file_bdev_use(bdev_name, &g_uring_module, heed_event, &event);
}

/* ---- The beginning of a uring bdev ---- */

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

int
bdev_uring_create(const struct bdev_uring_opts *opts, const char **why)
{
	const struct file_bdev_form form = {
		.module = &g_uring_module,
		.fn_table = &g_uring_fn_table,
		.product_name = g_product_name,
		.run_job = run_job_cb,
		.clears = true,
	};
	const struct block_file_opts file_opts = {
		.bdev_name = opts->name,
		.path = opts->filename,
		.block_size = opts->block_size,
		.readonly = opts->readonly,
		.no_lock = opts->no_lock,
		.buffered = opts->buffered,
	};
	struct uring_bdev *uring_bdev;
	int rc;

	*why = NULL;
	rc = uring_probe(why);
	if (rc != 0) {
		return rc;
	}
	uring_bdev = calloc(1, sizeof(*uring_bdev));
	if (uring_bdev == NULL) {
		return -ENOMEM;
	}
	rc = file_bdev_open(&uring_bdev->base, &form, &file_opts, &opts->uuid, why);
	if (rc != 0) {
		goto free_uring_bdev;
	}
	set_flags(&uring_bdev->base.file);
	uring_bdev->buffered = opts->buffered;
	uring_watch_start(&uring_bdev->watch, uring_bdev->base.bdev.name, &uring_bdev->base.file);
	rc = file_bdev_register(
		&uring_bdev->base, create_channel_cb, destroy_channel_cb, sizeof(struct uring_bdev_channel), why);
	if (rc == 0) {
		return 0;
	}
	uring_watch_stop(&uring_bdev->watch);
	file_bdev_close(&uring_bdev->base);
free_uring_bdev:
	free(uring_bdev);
	return rc;
}

int
bdev_uring_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_uring_module, cb, cb_arg);
}

int
bdev_uring_rescan(const char *name, const char **why)
{
	return file_bdev_rescan(name, &g_uring_module, why);
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
