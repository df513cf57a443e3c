/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk in memory that breaks one rule, chosen by the parameter "fault" of bdev_broken_create; "none" breaks none. */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/util.h"

#include "bdevkit/rpc.h"

#define NUM_BLOCKS 4096
#define BLOCK_SIZE 512
#define LIMIT_BLOCKS 16

enum fault {
	FAULT_NONE,
	FAULT_LOSES_WRITE,
	FAULT_LEAVES_DATA,
	FAULT_LIES_ABOUT_LIMIT,
	FAULT_NEVER_ENDS,
	FAULT_CHANGES_CALLERS_DATA,
	FAULT_WRITES_BEYOND_BUFFER,
	FAULT_SWAPS_BUFFERS,
	FAULT_FORGETS_RESET,
	FAULT_CLAIMS_FLUSH,
	FAULT_WRONG_BLOCK,
};

static const struct bdk_rpc_value g_faults[] = {
	{"none", FAULT_NONE},
	{"loses_write", FAULT_LOSES_WRITE},
	{"leaves_data", FAULT_LEAVES_DATA},
	{"lies_about_limit", FAULT_LIES_ABOUT_LIMIT},
	{"never_ends", FAULT_NEVER_ENDS},
	{"changes_callers_data", FAULT_CHANGES_CALLERS_DATA},
	{"writes_beyond_buffer", FAULT_WRITES_BEYOND_BUFFER},
	{"swaps_buffers", FAULT_SWAPS_BUFFERS},
	{"forgets_reset", FAULT_FORGETS_RESET},
	{"claims_flush", FAULT_CLAIMS_FLUSH},
	{"wrong_block", FAULT_WRONG_BLOCK},
	{NULL, 0},
};

static struct spdk_bdev g_bdev;
static uint8_t g_data[NUM_BLOCKS * BLOCK_SIZE];
static enum fault g_fault;
static uint64_t g_num_reads, g_num_writes, g_num_resets;
static char g_name[] = "broken";

static int module_init(void);
static void module_fini(void);

static struct spdk_bdev_module g_module = {
	.name = "broken",
	.module_init = module_init,
	.module_fini = module_fini,
};

SPDK_BDEV_MODULE_REGISTER(broken, &g_module)

static enum spdk_bdev_io_status
read_blocks(struct spdk_bdev_io *bdev_io, const uint8_t *data)
{
	int last = bdev_io->u.bdev.iovcnt - 1;

	for (int i = 0; i <= last; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];

		memcpy(iov->iov_base, data, iov->iov_len);
		data += iov->iov_len;
		if (g_fault == FAULT_WRITES_BEYOND_BUFFER && i == last) {
			((uint8_t *)iov->iov_base)[iov->iov_len] = 0;
		}
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

/* Rarely, and not with the first writes: only a load finds it. */
static bool
happens_now(void)
{
	return g_num_writes > 500 && g_num_writes % 40 == 0;
}

static enum spdk_bdev_io_status
write_blocks(struct spdk_bdev_io *bdev_io, uint8_t *data)
{
	int iovcnt = bdev_io->u.bdev.iovcnt;

	if (g_fault == FAULT_LIES_ABOUT_LIMIT && bdev_io->u.bdev.num_blocks > LIMIT_BLOCKS) {
		return SPDK_BDEV_IO_STATUS_FAILED;
	}
	g_num_writes++;
	if (g_fault == FAULT_LOSES_WRITE && happens_now()) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (g_fault == FAULT_WRONG_BLOCK && happens_now() && data > g_data) {
		data -= BLOCK_SIZE;
	}
	for (int i = 0; i < iovcnt; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[g_fault == FAULT_SWAPS_BUFFERS ? iovcnt - 1 - i : i];

		memcpy(data, iov->iov_base, iov->iov_len);
		data += iov->iov_len;
		if (g_fault == FAULT_CHANGES_CALLERS_DATA) {
			((uint8_t *)iov->iov_base)[0] ^= 1;
		}
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

static void
buffer_there(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	uint8_t *data = g_data + bdev_io->u.bdev.offset_blocks * BLOCK_SIZE;

	spdk_bdev_io_complete(bdev_io, success ? read_blocks(bdev_io, data) : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;
	uint8_t *data = g_data + bdev_io->u.bdev.offset_blocks * BLOCK_SIZE;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		if (g_fault != FAULT_NEVER_ENDS || g_num_reads++ != 1000) {
			spdk_bdev_io_get_buf(bdev_io, buffer_there, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		}
		return;
	case SPDK_BDEV_IO_TYPE_WRITE:
		status = write_blocks(bdev_io, data);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		if (g_fault != FAULT_LEAVES_DATA) {
			memset(data, 0, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
		}
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		if (g_fault == FAULT_FORGETS_RESET && g_num_resets++ > 0) {
			return;
		}
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
	default:
		status = SPDK_BDEV_IO_STATUS_FAILED;
		break;
	}
	spdk_bdev_io_complete(bdev_io, status);
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return g_fault == FAULT_CLAIMS_FLUSH;
	default:
		return false;
	}
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
	int fault;
};

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "fault",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct create_params, fault),
		.required = true,
		.values = g_faults,
		.help = "what it does wrong",
	},
};

static void
rpc_bdev_broken_create(struct spdk_jsonrpc_request *request, void *params)
{
	g_fault = ((const struct create_params *)params)->fault;
	g_bdev = (struct spdk_bdev){
		.name = g_name,
		.product_name = g_name,
		.blocklen = BLOCK_SIZE,
		.blockcnt = NUM_BLOCKS,
		.required_alignment = 2,
		.fn_table = &g_fn_table,
		.module = &g_module,
	};
	spdk_jsonrpc_send_bool_response(request, spdk_bdev_register(&g_bdev) == 0);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_broken_create",
	.summary = "Creates the disk",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct create_params),
	.handler = rpc_bdev_broken_create,
};
BDK_RPC_REGISTER(g_create_method)
