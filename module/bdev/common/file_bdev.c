/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/file_bdev.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

/* How long a worker waits for more work before it ends. */
#define WORKER_IDLE_US (5 * SPDK_SEC_TO_USEC)

/* Most bytes that one UNMAP or WRITE_ZEROES covers, so that one of them does not keep a worker for minutes. */
#define MAX_CLEAR (1024 * 1024 * 1024)

/* ---- The beginning ---- */

static void
fill_bdev(struct file_bdev *file_bdev, const struct file_bdev_form *form, uint32_t block_size)
{
	struct spdk_bdev *bdev = &file_bdev->bdev;

	file_bdev->clears = form->clears;
	file_bdev->can_discard = form->clears && block_file_can_discard(&file_bdev->file);
	file_bdev->can_seek = block_file_can_seek(&file_bdev->file);

	bdev->blocklen = block_size != 0 ? block_size : file_bdev->file.sector_size;
	bdev->blockcnt = file_bdev->file.size / bdev->blocklen;
	bdev->required_alignment = spdk_u32log2(file_bdev->file.mem_align);
	bdev->write_cache = 1;
	bdev->holes_are_zeroes = true;
	bdev->max_unmap = spdk_max(1, MAX_CLEAR / bdev->blocklen);
	bdev->max_unmap_segments = 1;
	bdev->max_write_zeroes = bdev->max_unmap;
	bdev->product_name = form->product_name;
	bdev->ctxt = file_bdev;
	bdev->fn_table = form->fn_table;
	bdev->module = form->module;
}

int
file_bdev_open(struct file_bdev *file_bdev, const struct file_bdev_form *form, const struct block_file_opts *opts,
	const struct spdk_uuid *uuid, const char **why)
{
	int rc;

	if (opts->bdev_name == NULL || opts->bdev_name[0] == '\0') {
		*why = "a name is required";
		return -EINVAL;
	}
	file_bdev->bdev.name = strdup(opts->bdev_name);
	if (file_bdev->bdev.name == NULL) {
		return -ENOMEM;
	}
	rc = block_file_open(&file_bdev->file, opts, why);
	if (rc != 0) {
		goto free_name;
	}
	rc = file_workers_init(&file_bdev->workers, form->run_job, file_bdev, WORKER_IDLE_US);
	if (rc != 0) {
		goto close_file;
	}
	file_bdev->bdev.uuid = *uuid;
	fill_bdev(file_bdev, form, opts->block_size);
	return 0;

close_file:
	block_file_close(&file_bdev->file);
free_name:
	free(file_bdev->bdev.name);
	return rc;
}

int
file_bdev_register(struct file_bdev *file_bdev, spdk_io_channel_create_cb create_ch,
	spdk_io_channel_destroy_cb destroy_ch, uint32_t ch_size, const char **why)
{
	int rc;

	rc = bdk_io_device_register(file_bdev, create_ch, destroy_ch, ch_size, file_bdev->bdev.name);
	if (rc != 0) {
		return rc;
	}
	rc = spdk_bdev_register(&file_bdev->bdev);
	if (rc != 0) {
		*why = rc == -EEXIST ? "another bdev has its name or its UUID" : NULL;
		spdk_io_device_unregister(file_bdev, NULL);
	}
	return rc;
}

/* ---- The end ---- */

void
file_bdev_close(struct file_bdev *file_bdev)
{
	file_workers_fini(&file_bdev->workers);
	block_file_close(&file_bdev->file);
	free(file_bdev->bdev.name);
}

static void
destruct_done_cb(void *io_device)
{
	struct file_bdev *file_bdev = io_device;

	file_workers_fini(&file_bdev->workers);
	block_file_close(&file_bdev->file);
	spdk_bdev_destruct_done(&file_bdev->bdev, 0);
	free(file_bdev->bdev.name);
	free(file_bdev);
}

int
file_bdev_destruct(void *ctx)
{
	spdk_io_device_unregister(ctx, destruct_done_cb);
	return 1;
}

/* ---- The file changes ---- */

int
file_bdev_follow_size(struct file_bdev *file_bdev)
{
	struct spdk_bdev *bdev = &file_bdev->bdev;
	uint64_t size;
	int rc = block_file_get_size(&file_bdev->file, &size);

	if (rc != 0 || size / bdev->blocklen == bdev->blockcnt) {
		return rc;
	}
	if (size / bdev->blocklen < bdev->blockcnt) {
		return -EBUSY;
	}
	__atomic_store_n(&file_bdev->met_end, false, __ATOMIC_RELAXED);
	return spdk_bdev_notify_blockcnt_change(bdev, size / bdev->blocklen);
}

/* The descriptor lives only as long as a function runs, on the thread that an event would come to. */
static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
}

int
file_bdev_use(const char *name, const struct spdk_bdev_module *module,
	int (*use)(struct file_bdev *file_bdev, void *arg), void *arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	int rc;

	rc = spdk_bdev_open_ext(name, false, ignore_event_cb, NULL, &desc);
	if (rc != 0) {
		return rc;
	}
	bdev = spdk_bdev_desc_get_bdev(desc);
	rc = bdev->module == module ? use(bdev->ctxt, arg) : -ENODEV;
	spdk_bdev_close(desc);
	return rc;
}

static int
rescan(struct file_bdev *file_bdev, void *arg)
{
	const char **why = arg;
	int rc = file_bdev_follow_size(file_bdev);

	if (rc == -EBUSY) {
		*why = "the file has become smaller: delete the bdev and create it again";
	}
	return rc;
}

int
file_bdev_rescan(const char *name, const struct spdk_bdev_module *module, const char **why)
{
	int rc;

	*why = NULL;
	rc = file_bdev_use(name, module, rescan, why);
	if (rc == -ENODEV && spdk_bdev_get_by_name(name) != NULL) {
		*why = "it is a bdev of another module";
	}
	return rc;
}

/* ---- I/O ---- */

bool
file_bdev_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	const struct file_bdev *file_bdev = ctx;

	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	case SPDK_BDEV_IO_TYPE_WRITE:
		return !file_bdev->file.readonly;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return file_bdev->can_discard;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		/* The kernel writes zeroes itself on devices that cannot do it better. */
		return file_bdev->clears && !file_bdev->file.readonly &&
			(file_bdev->file.block_device || file_bdev->can_discard);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return file_bdev->can_seek;
	default:
		return false;
	}
}

int
file_bdev_channel_init(struct file_bdev_channel *ch, struct spdk_bdev_module *module)
{
	ch->queue_ch = spdk_get_io_channel(module);
	ch->outstanding = 0;
	ch->reset = NULL;
	return ch->queue_ch != NULL ? 0 : -ENOMEM;
}

void
file_bdev_channel_fini(struct file_bdev_channel *ch)
{
	spdk_put_io_channel(ch->queue_ch);
}

void
file_bdev_finish_with_errno(struct spdk_bdev_io *bdev_io, int rc)
{
	struct file_bdev_channel *ch = file_bdev_channel_of(bdev_io);

	spdk_bdev_io_complete_aio_status(bdev_io, rc);
	file_bdev_leave(ch);
}

void
file_bdev_finish_at_end(struct spdk_bdev_io *bdev_io)
{
	struct file_bdev *file_bdev = bdev_io->bdev->ctxt;

	if (!__atomic_exchange_n(&file_bdev->met_end, true, __ATOMIC_RELAXED)) {
		SPDK_ERRLOG("%s: %s ends inside block %" PRIu64 " + %" PRIu64 "; has it become smaller?\n",
			file_bdev->bdev.name, file_bdev->file.path, bdev_io->u.bdev.offset_blocks,
			bdev_io->u.bdev.num_blocks);
	}
	file_bdev_finish(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

void
file_bdev_finish_seek(struct spdk_bdev_io *bdev_io, int64_t result)
{
	struct file_bdev_channel *ch = file_bdev_channel_of(bdev_io);

	block_file_io_complete_seek(bdev_io, result);
	file_bdev_leave(ch);
}

void
file_bdev_reset_channel(struct spdk_io_channel_iter *iter)
{
	struct file_bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));

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

void
file_bdev_reset(struct spdk_bdev_io *bdev_io, spdk_channel_msg stop)
{
	struct file_bdev *file_bdev = bdev_io->bdev->ctxt;

	bdk_for_each_channel(&file_bdev->reset_walk, file_bdev, stop, bdev_io, reset_done_cb);
}
