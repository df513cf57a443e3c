/* SPDX-License-Identifier: BSD-3-Clause */

/* In the order of the file: the way of an I/O, what the layer asks of a bdev, its creation and end, the module. */

#include "module/bdev/aio/bdev_aio.h"
#include "module/bdev/aio/aio_queue.h"
#include "module/bdev/common/file_bdev.h"

#include "bdevkit/thread.h"
#include "spdk/json.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* How reads and writes reach the file without making the reactor wait. */
enum aio_submission {
	/* io_submit() does not wait: direct I/O, or a file system in memory. */
	AIO_SUBMISSION_PLAIN,
	/* io_submit() with RWF_NOWAIT; what would have to wait is refused with EAGAIN. */
	AIO_SUBMISSION_NOWAIT,
	/* io_submit() would do all the work of the I/O before it returns: leave it to a worker. */
	AIO_SUBMISSION_WORKER,
};

struct aio_bdev {
	struct file_bdev base;
	/* Atomic: the threads that use the file find out what it cannot do. */
	int submission;
	/* The kernel makes asynchronous fdatasync() of it. */
	bool async_sync;
	/* As the user gave it; 0: that of the device. */
	uint32_t block_size;
};

struct aio_bdev_channel {
	struct file_bdev_channel base;
	struct aio_channel queue;
};

static int bdev_aio_module_init(void);
static void bdev_aio_module_fini(void);
static int bdev_aio_get_ctx_size(void);

static struct spdk_bdev_module g_aio_module = {
	.name = "aio",
	.module_init = bdev_aio_module_init,
	.module_fini = bdev_aio_module_fini,
	.get_ctx_size = bdev_aio_get_ctx_size,
	.async_fini = true,
};

SPDK_BDEV_MODULE_REGISTER(aio, &g_aio_module)

static char g_product_name[] = "AIO disk";

/* ---- The beginning and the end of an I/O ---- */

static struct aio_bdev *
aio_bdev_of(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->bdev->ctxt;
}

/* From here on, until file_bdev_leave(), the I/O is in this module. */
static struct aio_io *
begin(struct spdk_bdev_io *bdev_io)
{
	struct aio_bdev_channel *ch = file_bdev_channel_of(bdev_io);
	struct aio_io *io = (struct aio_io *)bdev_io->driver_ctx;

	ch->base.outstanding++;
	io->ch = &ch->queue;
	io->may_wait = false;
	return io;
}

/* Leaves the I/O to a worker, which may block. */
static void
offload(struct spdk_bdev_io *bdev_io)
{
	struct aio_io *io = (struct aio_io *)bdev_io->driver_ctx;

	if (file_workers_submit(&aio_bdev_of(bdev_io)->base.workers, &io->job) != 0) {
		/* The system gives us no thread now; the layer tries again later. */
		if (io->may_wait) {
			aio_queue_forgo_wait(io);
		}
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	}
}

/*
 * Whether the kernel has refused a transfer only because it would have had to wait before it could begin: for a lock,
 * for the page cache, for space in a hole. Then a worker submits it. A busy block device, though, is given time by the
 * layer: nobody need wait for it.
 */
static bool
wants_to_wait(struct aio_bdev *aio_bdev, const struct aio_io *io)
{
	const struct block_file *file = &aio_bdev->base.file;

	if (io->may_wait) {
		return false;
	}
	if (io->result == -EOPNOTSUPP) {
		/* It does not know RWF_NOWAIT here, for writes perhaps. */
		__atomic_store_n(&aio_bdev->submission, file->direct ? AIO_SUBMISSION_PLAIN : AIO_SUBMISSION_WORKER,
			__ATOMIC_RELAXED);
		return true;
	}
	return io->result == -EAGAIN && !file->block_device;
}

static void
finish_transfer(struct spdk_bdev_io *bdev_io, struct aio_io *io, bool by_kernel)
{
	struct aio_bdev *aio_bdev = aio_bdev_of(bdev_io);
	int64_t result = io->result;

	if (spdk_likely(result == (int64_t)block_file_io_length(bdev_io))) {
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else if (by_kernel && wants_to_wait(aio_bdev, io)) {
		aio_queue_allow_wait(io);
		offload(bdev_io);
	} else if (by_kernel && result >= 0) {
		/* Only a part was at hand, or there is no more: a worker gets all of it, or the reason why not. */
		io->may_wait = false;
		offload(bdev_io);
	} else if (result == -EAGAIN) {
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	} else if (result < 0) {
		file_bdev_finish_with_errno(bdev_io, result);
	} else {
		file_bdev_finish_at_end(bdev_io);
	}
}

static void
finish_flush(struct spdk_bdev_io *bdev_io, int64_t result, bool by_kernel)
{
	if (by_kernel && (result == -EINVAL || result == -EOPNOTSUPP)) {
		__atomic_store_n(&aio_bdev_of(bdev_io)->async_sync, false, __ATOMIC_RELAXED);
		offload(bdev_io);
		return;
	}
	if (by_kernel && result == -EAGAIN) {
		file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	file_bdev_finish_with_errno(bdev_io, result);
}

static void
io_complete_cb(struct aio_io *io, bool by_kernel)
{
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		finish_transfer(bdev_io, io, by_kernel);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		finish_flush(bdev_io, io->result, by_kernel);
		break;
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		file_bdev_finish_seek(bdev_io, io->result);
		break;
	default:
		file_bdev_finish_with_errno(bdev_io, io->result);
		break;
	}
}

/* On a worker. */
static void
run_job_cb(void *ctx, struct file_job *job)
{
	struct aio_io *io = SPDK_CONTAINEROF(job, struct aio_io, job);
	struct spdk_bdev_io *bdev_io = spdk_bdev_io_from_ctx(io);

	if (io->may_wait) {
		aio_queue_submit_waiting(io);
		return;
	}
	io->result = block_file_io_run(&aio_bdev_of(bdev_io)->base.file, bdev_io);
	aio_queue_post_done(io);
}

/* ---- The way of an I/O ---- */

static void
prepare_transfer(struct iocb *iocb, const struct spdk_bdev_io *bdev_io, int fd, bool nowait)
{
	bool is_write = bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
	const struct iovec *iovs = bdev_io->u.bdev.iovs;
	int iovcnt = bdev_io->u.bdev.iovcnt;
	uint64_t offset = block_file_io_offset(bdev_io);

	if (iovcnt == 1) {
		/* Cheaper for the kernel than a list of one. */
		(is_write ? io_prep_pwrite : io_prep_pread)(
			iocb, fd, iovs[0].iov_base, block_file_io_length(bdev_io), offset);
	} else {
		(is_write ? io_prep_pwritev : io_prep_preadv)(iocb, fd, iovs, iovcnt, offset);
	}
	iocb->aio_rw_flags = nowait ? RWF_NOWAIT : 0;
}

static void
start_transfer(struct spdk_bdev_io *bdev_io)
{
	struct aio_bdev *aio_bdev = aio_bdev_of(bdev_io);
	const struct block_file *file = &aio_bdev->base.file;
	int submission = __atomic_load_n(&aio_bdev->submission, __ATOMIC_RELAXED);
	struct aio_io *io;

	if (spdk_unlikely(!block_file_io_buffers_fit(bdev_io))) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	io = begin(bdev_io);
	if (spdk_unlikely(submission == AIO_SUBMISSION_WORKER || !block_file_io_lengths_fit(file, bdev_io))) {
		offload(bdev_io);
		return;
	}
	prepare_transfer(&io->iocb, bdev_io, file->fd, submission == AIO_SUBMISSION_NOWAIT);
	aio_queue_submit(io);
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

static void
start_flush(struct spdk_bdev_io *bdev_io)
{
	struct aio_bdev *aio_bdev = aio_bdev_of(bdev_io);
	struct aio_io *io = begin(bdev_io);

	if (!__atomic_load_n(&aio_bdev->async_sync, __ATOMIC_RELAXED)) {
		offload(bdev_io);
		return;
	}
	io_prep_fdsync(&io->iocb, aio_bdev->base.file.fd);
	aio_queue_submit(io);
}

/* UNMAP, WRITE_ZEROES and SEEK_* have no asynchronous form. */
static void
start_on_worker(struct spdk_bdev_io *bdev_io)
{
	begin(bdev_io);
	offload(bdev_io);
}

/* ---- What the layer asks of a bdev ---- */

static void
bdev_aio_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	if (spdk_unlikely(!file_bdev_io_type_supported(bdev_io->bdev->ctxt, bdev_io->type))) {
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
		start_flush(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		/* Nothing can be cancelled. */
		file_bdev_reset(bdev_io, file_bdev_reset_channel);
		break;
	default:
		start_on_worker(bdev_io);
		break;
	}
}

static struct spdk_io_channel *
bdev_aio_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static int
create_channel_cb(void *io_device, void *ctx)
{
	struct aio_bdev_channel *ch = ctx;
	int rc = file_bdev_channel_init(&ch->base, &g_aio_module);

	if (rc == 0) {
		aio_channel_init(&ch->queue, spdk_io_channel_get_ctx(ch->base.queue_ch));
	}
	return rc;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
	file_bdev_channel_fini(ctx);
}

static int
bdev_aio_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct aio_bdev *aio_bdev = ctx;

	spdk_json_write_named_object_begin(w, "aio");
	spdk_json_write_named_string(w, "filename", aio_bdev->base.file.path);
	spdk_json_write_named_bool(w, "block_size_override", aio_bdev->block_size != 0);
	spdk_json_write_named_bool(w, "readonly", aio_bdev->base.file.readonly);
	spdk_json_write_named_bool(w, "fallocate", aio_bdev->base.clears);
	spdk_json_write_named_bool(w, "page_cache", !aio_bdev->base.file.direct);
	spdk_json_write_object_end(w);
	return 0;
}

static void
bdev_aio_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	struct aio_bdev *aio_bdev = bdev->ctxt;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_aio_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", bdev->name);
	if (aio_bdev->block_size != 0) {
		spdk_json_write_named_uint32(w, "block_size", aio_bdev->block_size);
	}
	spdk_json_write_named_string(w, "filename", aio_bdev->base.file.path);
	spdk_json_write_named_bool(w, "readonly", aio_bdev->base.file.readonly);
	spdk_json_write_named_bool(w, "fallocate", aio_bdev->base.clears);
	if (aio_bdev->base.file.no_lock) {
		spdk_json_write_named_bool(w, "no_lock", true);
	}
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static const struct spdk_bdev_fn_table g_aio_fn_table = {
	.destruct = file_bdev_destruct,
	.submit_request = bdev_aio_submit_request,
	.io_type_supported = file_bdev_io_type_supported,
	.get_io_channel = bdev_aio_get_io_channel,
	.dump_info_json = bdev_aio_dump_info_json,
	.write_config_json = bdev_aio_write_config_json,
};

/* ---- The beginning of an aio bdev ---- */

static void
choose_submission(struct aio_bdev *aio_bdev)
{
	const struct block_file *file = &aio_bdev->base.file;

	aio_bdev->async_sync = true;
	if (file->in_memory) {
		aio_bdev->submission = AIO_SUBMISSION_PLAIN;
	} else if (block_file_takes_nowait(file)) {
		aio_bdev->submission = AIO_SUBMISSION_NOWAIT;
	} else {
		aio_bdev->submission = file->direct ? AIO_SUBMISSION_PLAIN : AIO_SUBMISSION_WORKER;
	}
}

int
bdev_aio_create(const struct aio_bdev_opts *opts, const char **why)
{
	const struct file_bdev_form form = {
		.module = &g_aio_module,
		.fn_table = &g_aio_fn_table,
		.product_name = g_product_name,
		.run_job = run_job_cb,
		.clears = opts->fallocate,
	};
	const struct block_file_opts file_opts = {
		.bdev_name = opts->name,
		.path = opts->filename,
		.block_size = opts->block_size,
		.readonly = opts->readonly,
		.no_lock = opts->no_lock,
	};
	struct aio_bdev *aio_bdev;
	int rc;

	*why = NULL;
	aio_bdev = calloc(1, sizeof(*aio_bdev));
	if (aio_bdev == NULL) {
		return -ENOMEM;
	}
	rc = file_bdev_open(&aio_bdev->base, &form, &file_opts, &opts->uuid, why);
	if (rc != 0) {
		free(aio_bdev);
		return rc;
	}
	aio_bdev->block_size = opts->block_size;
	choose_submission(aio_bdev);
	rc = file_bdev_register(
		&aio_bdev->base, create_channel_cb, destroy_channel_cb, sizeof(struct aio_bdev_channel), why);
	if (rc != 0) {
		file_bdev_close(&aio_bdev->base);
		free(aio_bdev);
	}
	return rc;
}

int
bdev_aio_delete(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_aio_module, cb, cb_arg);
}

int
bdev_aio_rescan(const char *name, const char **why)
{
	return file_bdev_rescan(name, &g_aio_module, why);
}

/* ---- The module ---- */

static int
create_queue_cb(void *io_device, void *ctx)
{
	return aio_queue_init(ctx, io_complete_cb);
}

static void
destroy_queue_cb(void *io_device, void *ctx)
{
	aio_queue_fini(ctx);
}

static int
bdev_aio_get_ctx_size(void)
{
	return sizeof(struct aio_io);
}

static int
bdev_aio_module_init(void)
{
	return bdk_io_device_register(
		&g_aio_module, create_queue_cb, destroy_queue_cb, sizeof(struct aio_queue), "bdev_aio");
}

static void
unregister_done_cb(void *io_device)
{
	spdk_bdev_module_fini_done();
}

static void
bdev_aio_module_fini(void)
{
	spdk_io_device_unregister(&g_aio_module, unregister_done_cb);
}
