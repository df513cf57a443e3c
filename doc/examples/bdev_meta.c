/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * meta: a disk in memory with protection information in the metadata of each block, in a buffer of its own or behind the
 * data of its block. It is checked when a block is written, and again when it is read.
 */

#include "bdevkit/rpc.h"
#include "spdk/bdev_module.h"
#include "spdk/dif.h"
#include "spdk/env.h"
#include "spdk/string.h"

#define DATA_SIZE 512
#define MD_SIZE 8

struct meta_disk {
	struct spdk_bdev bdev;
	char *data;
	/* Metadata of all blocks, where it lies apart. */
	char *md;
};

static struct spdk_bdev_module g_meta_module;

/* ---- Protection information ---- */

/* Whether the data and metadata in the buffers of an I/O belong together. */
static bool
is_right(struct spdk_bdev_io *bdev_io, struct spdk_dif_error *error)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	const struct spdk_bdev *bdev = bdev_io->bdev;
	struct iovec md = {io->md_buf, io->num_blocks * MD_SIZE};
	struct spdk_dif_ctx_init_ext_opts opts = {
		.size = SPDK_SIZEOF(&opts, dif_pi_format),
		.dif_pi_format = bdev->dif_pi_format,
	};
	struct spdk_dif_ctx ctx;

	if (io->dif_check_flags == 0 || (!bdev->md_interleave && io->md_buf == NULL)) {
		return true;
	}
	if (spdk_dif_ctx_init(&ctx, bdev->blocklen, bdev->md_len, bdev->md_interleave, bdev->dif_is_head_of_md,
		    bdev->dif_type, io->dif_check_flags, (uint32_t)io->offset_blocks, 0xffff, 0, 0, 0, &opts) != 0) {
		return false;
	}
	if (bdev->md_interleave) {
		return spdk_dif_verify(io->iovs, io->iovcnt, (uint32_t)io->num_blocks, &ctx, error) == 0;
	}
	return spdk_dix_verify(io->iovs, io->iovcnt, &md, (uint32_t)io->num_blocks, &ctx, error) == 0;
}

/* The owner of the I/O is told which field was wrong. */
static void
complete_wrong(struct spdk_bdev_io *bdev_io, const struct spdk_dif_error *error)
{
	int sc = error->err_type == SPDK_DIF_GUARD_ERROR   ? SPDK_NVME_SC_GUARD_CHECK_ERROR
		: error->err_type == SPDK_DIF_APPTAG_ERROR ? SPDK_NVME_SC_APPLICATION_TAG_CHECK_ERROR
							   : SPDK_NVME_SC_REFERENCE_TAG_CHECK_ERROR;

	spdk_bdev_io_complete_nvme_status(bdev_io, 0, SPDK_NVME_SCT_MEDIA_ERROR, sc);
}

/* ---- The way of an I/O ---- */

/* Data of a block, with its metadata where that is interleaved, take blocklen bytes; metadata apart md_len. */
static char *
data_of(struct spdk_bdev_io *bdev_io)
{
	struct meta_disk *disk = bdev_io->bdev->ctxt;

	return disk->data + bdev_io->u.bdev.offset_blocks * bdev_io->bdev->blocklen;
}

static char *
md_of(struct spdk_bdev_io *bdev_io)
{
	struct meta_disk *disk = bdev_io->bdev->ctxt;

	return disk->md + bdev_io->u.bdev.offset_blocks * MD_SIZE;
}

static void
read_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_dif_error error = {};

	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	spdk_copy_buf_to_iovs(io->iovs, io->iovcnt, data_of(bdev_io), io->num_blocks * bdev_io->bdev->blocklen);
	if (io->md_buf != NULL) {
		memcpy(io->md_buf, md_of(bdev_io), io->num_blocks * MD_SIZE);
	}
	if (!is_right(bdev_io, &error)) {
		complete_wrong(bdev_io, &error);
		return;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
write_blocks(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct spdk_dif_error error = {};

	/* Nothing is stored that would not be given back. */
	if (!is_right(bdev_io, &error)) {
		complete_wrong(bdev_io, &error);
		return;
	}
	spdk_copy_iovs_to_buf(data_of(bdev_io), io->num_blocks * bdev_io->bdev->blocklen, io->iovs, io->iovcnt);
	if (!bdev_io->bdev->md_interleave && io->md_buf != NULL) {
		memcpy(md_of(bdev_io), io->md_buf, io->num_blocks * MD_SIZE);
	} else if (!bdev_io->bdev->md_interleave) {
		/* Data without metadata: tags of all ones say that there is nothing to check. */
		memset(md_of(bdev_io), 0xff, io->num_blocks * MD_SIZE);
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* The layer would write metadata of zeroes, which is no protection information. Ours says that there is nothing to check. */
static void
clear_blocks(struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	char *data = data_of(bdev_io);

	for (uint64_t i = 0; i < bdev_io->u.bdev.num_blocks; i++, data += bdev->blocklen) {
		memset(data, 0, DATA_SIZE);
		memset(bdev->md_interleave ? data + DATA_SIZE : md_of(bdev_io) + i * MD_SIZE, 0xff, MD_SIZE);
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
meta_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, read_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		write_blocks(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_UNMAP:
		clear_blocks(bdev_io);
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
meta_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return true;
	default:
		return false;
	}
}

static struct spdk_io_channel *
meta_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_meta_module);
}

static int
meta_destruct(void *ctx)
{
	struct meta_disk *disk = ctx;

	spdk_free(disk->data);
	spdk_free(disk->md);
	free(disk->bdev.name);
	free(disk);
	return 0;
}

static const struct spdk_bdev_fn_table g_meta_fn_table = {
	.destruct = meta_destruct,
	.submit_request = meta_submit_request,
	.io_type_supported = meta_io_type_supported,
	.get_io_channel = meta_get_io_channel,
};

/* ---- How a disk comes ---- */

struct meta_opts {
	char *name;
	uint64_t num_blocks;
	bool md_interleave;
	int dif_type;
};

static char g_product_name[] = "meta";

static void
set_format(struct spdk_bdev *bdev, const struct meta_opts *opts)
{
	bdev->md_len = MD_SIZE;
	bdev->md_interleave = opts->md_interleave;
	/* Interleaved metadata is a part of the block as everybody sees it. */
	bdev->blocklen = DATA_SIZE + (opts->md_interleave ? MD_SIZE : 0);
	bdev->dif_type = (enum spdk_dif_type)opts->dif_type;
	bdev->dif_pi_format = SPDK_DIF_PI_FORMAT_16;
	bdev->dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK;
	if (bdev->dif_type != SPDK_DIF_TYPE3) {
		bdev->dif_check_flags |= SPDK_DIF_FLAGS_REFTAG_CHECK;
	}
}

static void *
alloc_blocks(uint64_t size)
{
	void *blocks = spdk_malloc(size, 4096, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);

	/* Protection information of all ones is not checked: so are blocks that were never written. */
	return blocks != NULL ? memset(blocks, 0xff, size) : NULL;
}

static int
create_disk(const struct meta_opts *opts)
{
	struct meta_disk *disk = calloc(1, sizeof(*disk));
	int rc = -ENOMEM;

	if (disk == NULL) {
		return -ENOMEM;
	}
	set_format(&disk->bdev, opts);
	disk->bdev.name = strdup(opts->name);
	disk->bdev.product_name = g_product_name;
	disk->bdev.blockcnt = opts->num_blocks;
	disk->bdev.ctxt = disk;
	disk->bdev.fn_table = &g_meta_fn_table;
	disk->bdev.module = &g_meta_module;
	disk->data = alloc_blocks(opts->num_blocks * disk->bdev.blocklen);
	disk->md = alloc_blocks(opts->num_blocks * MD_SIZE);
	if (disk->bdev.name != NULL && disk->data != NULL && disk->md != NULL) {
		rc = spdk_bdev_register(&disk->bdev);
	}
	if (rc != 0) {
		meta_destruct(disk);
	}
	return rc;
}

/* ---- RPC ---- */

static const struct bdk_rpc_param g_create_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct meta_opts, name), .required = true, .help = "name of the new bdev"},
	{"num_blocks", BDK_RPC_UINT64, offsetof(struct meta_opts, num_blocks), .required = true, .min = 1,
		.max = 1ull << 32, .position = 1, .help = "size in blocks of 512 bytes of data"},
	{"md_interleave", BDK_RPC_BOOL, offsetof(struct meta_opts, md_interleave),
		.help = "metadata follows the data of its block", .default_text = "false"},
	{"dif_type", BDK_RPC_INT32, offsetof(struct meta_opts, dif_type), .min = 1, .max = 3,
		.help = "type of protection information, 1 to 3", .default_text = "1"},
};

static const struct meta_opts g_defaults = {.dif_type = 1};

static void
rpc_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct meta_opts *opts = params;

	bdk_rpc_send_outcome(request, create_disk(opts), "Cannot create meta bdev %s", opts->name);
}

static const struct bdk_rpc_method g_create = {
	.name = "bdev_meta_create",
	.summary = "Creates a disk in memory with protection information",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct meta_opts),
	.defaults = &g_defaults,
	.handler = rpc_create,
};
BDK_RPC_REGISTER(g_create)

/* ---- The module ---- */

static int
create_channel(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx)
{
}

static int
meta_module_init(void)
{
	spdk_io_device_register(&g_meta_module, create_channel, destroy_channel, 0, "meta");
	return 0;
}

static void
meta_module_fini(void)
{
	spdk_io_device_unregister(&g_meta_module, NULL);
}

static struct spdk_bdev_module g_meta_module = {
	.name = "meta",
	.module_init = meta_module_init,
	.module_fini = meta_module_fini,
};

SPDK_BDEV_MODULE_REGISTER(meta, &g_meta_module)
