/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A disk in memory with a race, chosen by the parameter "race" of bdev_racy_create. Each needs an order of threads that
 * does not come about in every run:
 * slot    data of a write wait in one place until the thread that owns the disk takes them; a second write may come before
 * status  a reset that ends meanwhile makes the next I/O that is answered a failure
 * none    none
 */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "bdevkit/rpc.h"

#define NUM_BLOCKS 1024
#define BLOCK_SIZE 512

enum race {
	RACE_NONE,
	RACE_SLOT,
	RACE_STATUS,
};

static const struct bdk_rpc_value g_races[] = {
	{"none", RACE_NONE},
	{"slot", RACE_SLOT},
	{"status", RACE_STATUS},
	{NULL, 0},
};

static struct spdk_bdev g_bdev;
static uint8_t g_data[NUM_BLOCKS * BLOCK_SIZE];
static enum race g_race;
static struct spdk_bdev_io *g_waiting;
static bool g_failing;
static char g_name[] = "racy";

static int module_init(void);
static void module_fini(void);

static struct spdk_bdev_module g_module = {
	.name = "racy",
	.module_init = module_init,
	.module_fini = module_fini,
};

SPDK_BDEV_MODULE_REGISTER(racy, &g_module)

static void
copy(struct spdk_bdev_io *bdev_io, bool to_disk)
{
	uint8_t *data = g_data + bdev_io->u.bdev.offset_blocks * BLOCK_SIZE;

	for (int i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];

		memcpy(to_disk ? (void *)data : iov->iov_base, to_disk ? iov->iov_base : (void *)data, iov->iov_len);
		data += iov->iov_len;
	}
}

static void
end_cb(void *ctx)
{
	bool fails = g_race == RACE_STATUS && g_failing;

	g_failing = false;
	spdk_bdev_io_complete(ctx, fails ? SPDK_BDEV_IO_STATUS_FAILED : SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
write_cb(void *ctx)
{
	copy(g_race == RACE_SLOT ? g_waiting : ctx, true);
	spdk_thread_send_msg(spdk_bdev_io_get_thread(ctx), end_cb, ctx);
}

static void
reset_cb(void *ctx)
{
	spdk_bdev_io_complete(ctx, SPDK_BDEV_IO_STATUS_SUCCESS);
	g_failing = true;
}

static void
buffer_there(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	copy(bdev_io, false);
	spdk_thread_send_msg(spdk_get_thread(), end_cb, bdev_io);
}

static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, buffer_there, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		g_waiting = bdev_io;
		spdk_thread_send_msg(spdk_thread_get_app_thread(), write_cb, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		spdk_thread_send_msg(spdk_get_thread(), reset_cb, bdev_io);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_RESET;
}

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_module);
}

static int
destruct(void *ctx)
{
	return 0;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
};

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
module_init(void)
{
	spdk_io_device_register(&g_module, create_channel, destroy_channel, 0, g_name);
	return 0;
}

static void
module_fini(void)
{
	spdk_io_device_unregister(&g_module, NULL);
}

struct create_params {
	int race;
};

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "race",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct create_params, race),
		.required = true,
		.values = g_races,
		.help = "what it does wrong",
	},
};

static void
rpc_bdev_racy_create(struct spdk_jsonrpc_request *request, void *params)
{
	g_race = ((const struct create_params *)params)->race;
	g_bdev = (struct spdk_bdev){
		.name = g_name,
		.product_name = g_name,
		.blocklen = BLOCK_SIZE,
		.blockcnt = NUM_BLOCKS,
		.fn_table = &g_fn_table,
		.module = &g_module,
	};
	spdk_jsonrpc_send_bool_response(request, spdk_bdev_register(&g_bdev) == 0);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_racy_create",
	.summary = "Creates the disk",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct create_params),
	.handler = rpc_bdev_racy_create,
};
BDK_RPC_REGISTER(g_create_method)
