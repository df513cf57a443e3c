/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The templates of the module development guide, filled in and nothing else: a disk in memory. It uses what the guide
 * names and is built outside the tree, so it shows that the guide's text alone leads to a module that works.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/thread.h"

#include "bdev_your.h"

struct your_bdev {
	struct spdk_bdev bdev; // Must be first member
	void *your_context;
};

static int bdev_your_initialize(void);
static void bdev_your_finish(void);
static int bdev_your_get_ctx_size(void);

/* One per I/O, in the space behind the spdk_bdev_io. */
struct your_io {
	uint64_t offset;
};

static int g_your_bdev_head;

static int
bdev_your_destruct(void *ctx)
{
	struct your_bdev *disk = ctx;

	spdk_dma_free(disk->your_context);
	free(disk->bdev.name);
	free(disk);

	return 0; // Synchronous completion
}

static void
your_bdev_copy(struct spdk_bdev_io *bdev_io, bool to_disk)
{
	struct your_bdev *disk = bdev_io->bdev->ctxt;
	struct your_io *io = (struct your_io *)bdev_io->driver_ctx;
	int i;

	io->offset = bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen;
	for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];
		void *place = (char *)disk->your_context + io->offset;

		memcpy(to_disk ? place : iov->iov_base, to_disk ? iov->iov_base : place, iov->iov_len);
		io->offset += iov->iov_len;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
your_bdev_read_into_buf(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	your_bdev_copy(bdev_io, false);
}

static void
bdev_your_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(
			bdev_io, your_bdev_read_into_buf, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		your_bdev_copy(bdev_io, true);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
bdev_your_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
bdev_your_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_your_bdev_head);
}

static int
bdev_your_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_object_begin(w, "your");
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table your_fn_table = {
	.destruct = bdev_your_destruct,
	.submit_request = bdev_your_submit_request,
	.io_type_supported = bdev_your_io_type_supported,
	.get_io_channel = bdev_your_get_io_channel,
	.dump_info_json = bdev_your_dump_info_json,
};

int
your_bdev_create(const char *name, uint64_t size_bytes, uint32_t block_size)
{
	struct your_bdev *bdev;
	int rc;

	bdev = calloc(1, sizeof(*bdev));
	if (!bdev) {
		return -ENOMEM;
	}

	bdev->your_context = spdk_dma_zmalloc(size_bytes, 4096, NULL);
	if (!bdev->your_context) {
		free(bdev);
		return -ENOMEM;
	}

	bdev->bdev.name = strdup(name);
	bdev->bdev.product_name = "Your Product";
	bdev->bdev.blocklen = block_size;
	bdev->bdev.blockcnt = size_bytes / block_size;
	bdev->bdev.fn_table = &your_fn_table;
	bdev->bdev.ctxt = bdev;

	// Set capabilities
	bdev->bdev.write_cache = 0;
	bdev->bdev.max_rw_size = SPDK_BDEV_LARGE_BUF_MAX_SIZE / block_size;

	// Register with the block-device layer
	rc = spdk_bdev_register(&bdev->bdev);
	if (rc) {
		spdk_dma_free(bdev->your_context);
		free(bdev->bdev.name);
		free(bdev);
		return rc;
	}

	return 0;
}

static int
your_channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
your_channel_destroy(void *io_device, void *ctx)
{
}

static int
bdev_your_initialize(void)
{
	spdk_io_device_register(&g_your_bdev_head, your_channel_create, your_channel_destroy, sizeof(int), "your");
	return 0;
}

static void
bdev_your_finish(void)
{
	spdk_io_device_unregister(&g_your_bdev_head, NULL);
}

static int
bdev_your_get_ctx_size(void)
{
	return sizeof(struct your_io);
}

static struct spdk_bdev_module your_if = {
	.name = "your",
	.module_init = bdev_your_initialize,
	.module_fini = bdev_your_finish,
	.get_ctx_size = bdev_your_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(your, &your_if)
