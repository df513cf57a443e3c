/* SPDX-License-Identifier: BSD-3-Clause */

/* The disk: what it does with an I/O, what it says of itself, how it comes and goes. */

#include "bdev_mydisk.h"

#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* The bdev comes first: whoever has it has the disk. */
struct mydisk_disk {
	struct spdk_bdev bdev;
	char *data;
};

/* What one thread has for all disks. Nothing here is shared, so nothing needs a lock. */
struct mydisk_channel {
	uint64_t num_ios;
};

static int mydisk_module_init(void);
static void mydisk_module_fini(void);

static struct spdk_bdev_module g_mydisk_module = {
	.name = "mydisk",
	.module_init = mydisk_module_init,
	.module_fini = mydisk_module_fini,
};

SPDK_BDEV_MODULE_REGISTER(mydisk, &g_mydisk_module)

/* ---- The way of an I/O ---- */

/* Where the blocks of an I/O lie. The layer has checked that they are inside the disk. */
static char *
get_data(struct spdk_bdev_io *bdev_io)
{
	struct mydisk_disk *disk = bdev_io->bdev->ctxt;

	return disk->data + bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen;
}

/* The layer has found a buffer for a read that came without one. */
static void
read_cb(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	spdk_copy_buf_to_iovs(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, get_data(bdev_io),
		bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* On the thread of the channel, for each I/O of a type that io_type_supported() has said yes to. */
static void
mydisk_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct mydisk_channel *ch = spdk_io_channel_get_ctx(io_ch);
	uint64_t length = bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen;

	ch->num_ios++;
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, read_cb, length);
		return;
	case SPDK_BDEV_IO_TYPE_WRITE:
		spdk_copy_iovs_to_buf(get_data(bdev_io), length, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		memset(get_data(bdev_io), 0, length);
		break;
	/* Memory is as durable as it gets, and no I/O is ever on its way. */
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* ---- What else the layer asks of a bdev ---- */

static bool
mydisk_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
mydisk_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_mydisk_module);
}

static int
create_channel(void *io_device, void *ctx)
{
	struct mydisk_channel *ch = ctx;

	ch->num_ios = 0;
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx)
{
}

/* Adds to what bdev_get_bdevs says in driver_specific. */
static int
mydisk_dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	struct mydisk_disk *disk = ctx;

	spdk_json_write_named_object_begin(w, "mydisk");
	spdk_json_write_named_uint64(w, "bytes", disk->bdev.blockcnt * disk->bdev.blocklen);
	spdk_json_write_object_end(w);
	return 0;
}

/* The call that makes the disk again, for save_config. */
static void
mydisk_write_config_json(struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "bdev_mydisk_create");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(bdev));
	spdk_json_write_named_uint64(w, "num_blocks", bdev->blockcnt);
	spdk_json_write_named_uint32(w, "block_size", bdev->blocklen);
	spdk_json_write_named_uuid(w, "uuid", &bdev->uuid);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static void
free_disk(struct mydisk_disk *disk)
{
	spdk_free(disk->data);
	free(disk->bdev.name);
	free(disk);
}

/* All channels are gone. 0: it is done; 1 would mean that spdk_bdev_destruct_done() follows. */
static int
mydisk_destruct(void *ctx)
{
	free_disk(ctx);
	return 0;
}

static const struct spdk_bdev_fn_table g_mydisk_fn_table = {
	.destruct = mydisk_destruct,
	.submit_request = mydisk_submit_request,
	.io_type_supported = mydisk_io_type_supported,
	.get_io_channel = mydisk_get_io_channel,
	.dump_info_json = mydisk_dump_info_json,
	.write_config_json = mydisk_write_config_json,
};

/* ---- How a disk comes and goes ---- */

static int
check_opts(const struct mydisk_opts *opts)
{
	if (opts->block_size < 512 || !spdk_u32_is_pow2(opts->block_size)) {
		SPDK_ERRLOG("mydisk %s: a block of %" PRIu32 " bytes is no power of two from 512 on\n", opts->name,
			opts->block_size);
		return -EINVAL;
	}
	if (opts->num_blocks == 0 || opts->num_blocks > SIZE_MAX / opts->block_size) {
		SPDK_ERRLOG("mydisk %s: it cannot have %" PRIu64 " blocks\n", opts->name, opts->num_blocks);
		return -EINVAL;
	}
	return 0;
}

static char g_product_name[] = "mydisk";

static struct mydisk_disk *
alloc_disk(const struct mydisk_opts *opts)
{
	struct mydisk_disk *disk = calloc(1, sizeof(*disk));

	if (disk == NULL) {
		return NULL;
	}
	disk->bdev.name = strdup(opts->name);
	disk->data = spdk_zmalloc(
		opts->num_blocks * opts->block_size, opts->block_size, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	if (disk->bdev.name == NULL || disk->data == NULL) {
		free_disk(disk);
		return NULL;
	}
	disk->bdev.product_name = g_product_name;
	disk->bdev.uuid = opts->uuid;
	disk->bdev.blocklen = opts->block_size;
	disk->bdev.blockcnt = opts->num_blocks;
	disk->bdev.ctxt = disk;
	disk->bdev.fn_table = &g_mydisk_fn_table;
	disk->bdev.module = &g_mydisk_module;
	return disk;
}

int
mydisk_create(const struct mydisk_opts *opts)
{
	struct mydisk_disk *disk;
	int rc = check_opts(opts);

	if (rc != 0) {
		return rc;
	}
	disk = alloc_disk(opts);
	if (disk == NULL) {
		return -ENOMEM;
	}
	rc = spdk_bdev_register(&disk->bdev);
	if (rc != 0) {
		free_disk(disk);
	}
	return rc;
}

int
mydisk_delete(const char *name, spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	return spdk_bdev_unregister_by_name(name, &g_mydisk_module, cb_fn, cb_arg);
}

/* ---- The module ---- */

static int
mydisk_module_init(void)
{
	spdk_io_device_register(
		&g_mydisk_module, create_channel, destroy_channel, sizeof(struct mydisk_channel), "mydisk");
	return 0;
}

static void
mydisk_module_fini(void)
{
	spdk_io_device_unregister(&g_mydisk_module, NULL);
}
