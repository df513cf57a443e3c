/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * direct: a disk in memory that takes data from any memory domain, and executes the accel sequence that an I/O brings. Its own
 * copy becomes a step of the sequence, which the accel framework leaves out where the step before can write to the disk itself.
 */

#include "bdevkit/rpc.h"
#include "spdk/accel.h"
#include "spdk/bdev_module.h"
#include "spdk/dma.h"
#include "spdk/env.h"
#include "spdk/string.h"

#define BLOCK_SIZE 4096

struct direct_disk {
	struct spdk_bdev bdev;
	char *data;
};

struct direct_channel {
	/* Operations on data go through a channel as well. */
	struct spdk_io_channel *accel_ch;
};

/* Where the data are on the disk, until the sequence is done. */
struct direct_io {
	struct iovec place;
};

static struct spdk_bdev_module g_direct_module;

/* ---- The way of an I/O ---- */

static void
sequence_done_cb(void *cb_arg, int status)
{
	spdk_bdev_io_complete(cb_arg, status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
move_data(struct direct_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *io = &bdev_io->u.bdev;
	struct direct_disk *disk = bdev_io->bdev->ctxt;
	struct iovec *place = &((struct direct_io *)bdev_io->driver_ctx)->place;
	struct spdk_accel_sequence *sequence = io->accel_sequence;
	int rc;

	*place = (struct iovec){disk->data + io->offset_blocks * BLOCK_SIZE, io->num_blocks * BLOCK_SIZE};
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		rc = spdk_accel_append_copy(&sequence, ch->accel_ch, place, 1, NULL, NULL, io->iovs, io->iovcnt,
			io->memory_domain, io->memory_domain_ctx, NULL, NULL);
	} else {
		rc = spdk_accel_append_copy(&sequence, ch->accel_ch, io->iovs, io->iovcnt, io->memory_domain,
			io->memory_domain_ctx, place, 1, NULL, NULL, NULL, NULL);
	}
	if (rc != 0) {
		/* The sequence stays in the I/O, which comes again. */
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	/* From here on it is ours. */
	io->accel_sequence = NULL;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		/* A reader has appended what is to be done with the data; the data come first. */
		spdk_accel_sequence_reverse(sequence);
	}
	spdk_accel_sequence_finish(sequence, sequence_done_cb, bdev_io);
}

static void
read_cb(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	move_data(spdk_io_channel_get_ctx(io_ch), bdev_io);
}

static void
direct_submit_request(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, read_cb, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		move_data(spdk_io_channel_get_ctx(io_ch), bdev_io);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
direct_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return io_type == SPDK_BDEV_IO_TYPE_READ || io_type == SPDK_BDEV_IO_TYPE_WRITE;
}

/* The domains that data may lie in: all that there are, as the accel framework reaches them. */
static int
direct_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct spdk_memory_domain *domain = spdk_memory_domain_get_first(NULL);
	int count = 0;

	for (; domain != NULL; domain = spdk_memory_domain_get_next(domain, NULL)) {
		if (count < array_size) {
			domains[count] = domain;
		}
		count++;
	}
	return count;
}

/* Asked once for each open, not for each I/O. */
static bool
direct_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return io_type == SPDK_BDEV_IO_TYPE_READ || io_type == SPDK_BDEV_IO_TYPE_WRITE;
}

static struct spdk_io_channel *
direct_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_direct_module);
}

static int
direct_destruct(void *ctx)
{
	struct direct_disk *disk = ctx;

	spdk_free(disk->data);
	free(disk->bdev.name);
	free(disk);
	return 0;
}

static const struct spdk_bdev_fn_table g_direct_fn_table = {
	.destruct = direct_destruct,
	.submit_request = direct_submit_request,
	.io_type_supported = direct_io_type_supported,
	.get_io_channel = direct_get_io_channel,
	.get_memory_domains = direct_get_memory_domains,
	.accel_sequence_supported = direct_accel_sequence_supported,
};

/* ---- How a disk comes ---- */

struct direct_opts {
	char *name;
	uint64_t num_blocks;
};

static char g_product_name[] = "direct";

static int
create_disk(const struct direct_opts *opts)
{
	struct direct_disk *disk = calloc(1, sizeof(*disk));
	int rc = -ENOMEM;

	if (disk == NULL) {
		return -ENOMEM;
	}
	disk->bdev.name = strdup(opts->name);
	disk->data =
		spdk_zmalloc(opts->num_blocks * BLOCK_SIZE, BLOCK_SIZE, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	disk->bdev.product_name = g_product_name;
	disk->bdev.blocklen = BLOCK_SIZE;
	disk->bdev.blockcnt = opts->num_blocks;
	disk->bdev.ctxt = disk;
	disk->bdev.fn_table = &g_direct_fn_table;
	disk->bdev.module = &g_direct_module;
	if (disk->bdev.name != NULL && disk->data != NULL) {
		rc = spdk_bdev_register(&disk->bdev);
	}
	if (rc != 0) {
		direct_destruct(disk);
	}
	return rc;
}

static const struct bdk_rpc_param g_create_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct direct_opts, name), .required = true, .help = "name of the new bdev"},
	{"num_blocks", BDK_RPC_UINT64, offsetof(struct direct_opts, num_blocks), .required = true, .min = 1,
		.max = 1ull << 32, .position = 1, .help = "size in blocks of 4096 bytes"},
};

static void
rpc_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct direct_opts *opts = params;

	bdk_rpc_send_outcome(request, create_disk(opts), "Cannot create direct bdev %s", opts->name);
}

static const struct bdk_rpc_method g_create = {
	.name = "bdev_direct_create",
	.summary = "Creates a disk in memory that executes accel sequences",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct direct_opts),
	.handler = rpc_create,
};
BDK_RPC_REGISTER(g_create)

/* ---- The module ---- */

static int
create_channel(void *io_device, void *ctx)
{
	struct direct_channel *ch = ctx;

	ch->accel_ch = spdk_accel_get_io_channel();
	return ch->accel_ch != NULL ? 0 : -ENOMEM;
}

static void
destroy_channel(void *io_device, void *ctx)
{
	struct direct_channel *ch = ctx;

	spdk_put_io_channel(ch->accel_ch);
}

static int
direct_module_init(void)
{
	spdk_io_device_register(
		&g_direct_module, create_channel, destroy_channel, sizeof(struct direct_channel), "direct");
	return 0;
}

static void
direct_module_fini(void)
{
	spdk_io_device_unregister(&g_direct_module, NULL);
}

static int
direct_get_ctx_size(void)
{
	return sizeof(struct direct_io);
}

static struct spdk_bdev_module g_direct_module = {
	.name = "direct",
	.module_init = direct_module_init,
	.module_fini = direct_module_fini,
	.get_ctx_size = direct_get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(direct, &g_direct_module)
