/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * mydisk: a disk in memory, as short as it can be. It is there until the target ends. What `bdevkit new` writes without
 * --minimal can do more, and shows more.
 */

#include "bdevkit/rpc.h"
#include "spdk/bdev_module.h"

#define BLOCK_SIZE 512

/* Other types the layer makes from these two, or refuses. */
static bool supports(void *disk, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE;
}

/* The blocks of a disk lie behind its struct spdk_bdev. */
static void move(struct spdk_io_channel *ch, struct spdk_bdev_io *io, bool success)
{
	char *data = (char *)(io->bdev + 1) + io->u.bdev.offset_blocks * BLOCK_SIZE;
	size_t length = io->u.bdev.num_blocks * BLOCK_SIZE;

	if (success && io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_copy_buf_to_iovs(io->u.bdev.iovs, io->u.bdev.iovcnt, data, length);
	} else if (success) {
		spdk_copy_iovs_to_buf(data, length, io->u.bdev.iovs, io->u.bdev.iovcnt);
	}
	spdk_bdev_io_complete(io, success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_NOMEM);
}

/* A read may come without a buffer; what has one is moved at once. */
static void submit(struct spdk_io_channel *ch, struct spdk_bdev_io *io)
{
	if (supports(io->bdev, io->type)) {
		spdk_bdev_io_get_buf(io, move, io->u.bdev.num_blocks * BLOCK_SIZE);
	} else {
		spdk_bdev_io_complete(io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* A thread needs nothing of its own for a disk, so its channel is empty. */
static int create_channel(void *disk, void *ctx) { return 0; }
static void destroy_channel(void *disk, void *ctx) {}
static struct spdk_io_channel *get_channel(void *disk) { return spdk_get_io_channel(disk); }

static int destruct(void *disk)
{
	spdk_io_device_unregister(disk, free);
	return 0;
}

static const struct spdk_bdev_fn_table g_functions = {destruct, submit, supports, get_channel};
static struct spdk_bdev_module g_module = {.name = "mydisk"};
SPDK_BDEV_MODULE_REGISTER(mydisk, &g_module)

/* What is asked for is decoded into a copy of this: the name, and the size, here still in bytes. */
static const struct spdk_bdev g_like = {
	.product_name = (char *)"mydisk", .blocklen = BLOCK_SIZE, .fn_table = &g_functions, .module = &g_module};

static void create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct spdk_bdev *asked = params;
	struct spdk_bdev *disk = calloc(1, sizeof(*disk) + asked->blockcnt + strlen(asked->name) + 1);
	int rc = -ENOMEM;

	if (disk != NULL) {
		*disk = *asked;
		disk->ctxt = disk;
		disk->blockcnt /= BLOCK_SIZE;
		disk->name = strcpy((char *)(disk + 1) + asked->blockcnt, asked->name);
		spdk_io_device_register(disk, create_channel, destroy_channel, 0, disk->name);
		rc = spdk_bdev_register(disk);
		if (rc != 0) {
			destruct(disk);
		}
	}
	bdk_rpc_send_outcome(request, rc, "Cannot create %s", asked->name);
}

/* So mydisk:64M on a command line is a disk of 64 MiB, too. */
static const struct bdk_rpc_param g_params[] = {
	{"name", BDK_RPC_STRING, offsetof(struct spdk_bdev, name), .required = true, .help = "name of the bdev"},
	{"size", BDK_RPC_UINT64, offsetof(struct spdk_bdev, blockcnt), .required = true, .position = 1,
		.min = BLOCK_SIZE, .max = 1ull << 40, .help = "size in bytes, a multiple of 512"},
};
static const struct bdk_rpc_method g_create = {"bdev_mydisk_create", "Creates a disk in memory", "true",
	SPDK_RPC_RUNTIME, g_params, 2, .params_size = sizeof(g_like), .defaults = &g_like, .handler = create};
BDK_RPC_REGISTER(g_create)
