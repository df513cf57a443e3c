/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A bdev on the bdev "base" that breaks one rule of those that only show in what is below, chosen by the parameter "fault"
 * of vbdev_broken_create; "none" breaks none. It has an optional write cache of its own: of the last write of each thread.
 */

#include "broken.h"

#include "bdevkit/rpc.h"
#include "spdk/dma.h"

enum fault {
#define FAULT_ID(id, name) FAULT_##id,
	BASE_FAULTS(FAULT_ID)
#undef FAULT_ID
};

static const struct bdk_rpc_value g_faults[] = {
#define FAULT_NAME(id, name) {name, FAULT_##id},
	BASE_FAULTS(FAULT_NAME)
#undef FAULT_NAME
		{NULL, 0},
};

struct channel {
	struct spdk_io_channel *base_ch;
};

static struct spdk_bdev g_bdev;
static struct spdk_bdev *g_base;
static struct spdk_bdev_desc *g_desc;
static enum fault g_fault;
static uint64_t g_num_writes;
static struct spdk_io_channel *g_first_ch;
static char g_name[] = "broken";

static int
module_init(void)
{
	return 0;
}

static struct spdk_bdev_module g_module = {
	.name = "vbroken",
	.module_init = module_init,
};

SPDK_BDEV_MODULE_REGISTER(vbroken, &g_module)

/* ---- I/O ---- */

static void
done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	spdk_bdev_io_complete_base_io_status(cb_arg, base_io);
	spdk_bdev_free_io(base_io);
}

/* Nobody waits for it any more. */
static void
forgotten_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(base_io);
}

/* A write that has not been flushed below. */
static void
flush_behind_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;
	struct channel *channel = spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));

	spdk_bdev_free_io(base_io);
	if (!success ||
		spdk_bdev_flush_blocks(g_desc, channel->base_ch, bdev_io->u.bdev.offset_blocks,
			bdev_io->u.bdev.num_blocks, done_cb, bdev_io) != 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static bool
keeps_promise_of_no_cache(void)
{
	return g_bdev.write_cache == 0 && g_base->write_cache != 0 && g_fault != FAULT_IGNORES_FUA;
}

static struct spdk_bdev_ext_io_opts
options_of(struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.memory_domain = bdev_io->u.bdev.memory_domain,
		.memory_domain_ctx = bdev_io->u.bdev.memory_domain_ctx,
		.accel_sequence = bdev_io->u.bdev.accel_sequence,
		.metadata = bdev_io->u.bdev.md_buf,
	};

	bdev_io->u.bdev.accel_sequence = NULL;
	if (g_fault == FAULT_DROPS_SEQUENCE && opts.accel_sequence != NULL) {
		spdk_accel_sequence_abort(opts.accel_sequence);
		opts.accel_sequence = NULL;
	}
	if (g_fault == FAULT_TOUCHES_FAR_DATA && opts.memory_domain != NULL) {
		opts.memory_domain = NULL;
	}
	return opts;
}

static int
submit_write(struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_ext_io_opts opts = options_of(bdev_io);

	g_num_writes++;
	if (g_fault == FAULT_WRONG_CHANNEL) {
		base_ch = g_first_ch;
	}
	return spdk_bdev_writev_blocks_ext(g_desc, base_ch, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
		bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks,
		keeps_promise_of_no_cache() ? flush_behind_cb : done_cb, bdev_io, &opts);
}

static int
submit_flush(struct spdk_io_channel *base_ch, struct spdk_bdev_io *bdev_io)
{
	uint64_t offset = bdev_io->u.bdev.offset_blocks, count = bdev_io->u.bdev.num_blocks;
	int rc = 0;

	if (g_fault == FAULT_IGNORES_FLUSH || g_fault == FAULT_REORDERS_FLUSH) {
		if (g_fault == FAULT_REORDERS_FLUSH) {
			/* On its way when the answer is given. */
			rc = spdk_bdev_flush_blocks(g_desc, base_ch, offset, count, forgotten_cb, NULL);
		}
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return rc;
	}
	return spdk_bdev_flush_blocks(g_desc, base_ch, offset, count, done_cb, bdev_io);
}

static void
buffer_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	struct channel *channel = spdk_io_channel_get_ctx(ch);
	struct spdk_bdev_ext_io_opts opts = options_of(bdev_io);

	if (!success ||
		spdk_bdev_readv_blocks_ext(g_desc, channel->base_ch, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt,
			bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks, done_cb, bdev_io, &opts) != 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct channel *channel = spdk_io_channel_get_ctx(ch);
	int rc;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, buffer_cb, bdev_io->u.bdev.num_blocks * g_bdev.blocklen);
		return;
	case SPDK_BDEV_IO_TYPE_WRITE:
		rc = submit_write(channel->base_ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		rc = submit_flush(channel->base_ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		rc = spdk_bdev_reset(g_desc, channel->base_ch, done_cb, bdev_io);
		break;
	default:
		rc = -ENOTSUP;
		break;
	}
	if (rc == -ENOMEM) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	} else if (rc != 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return g_fault != FAULT_HAS_NO_FLUSH;
	default:
		return false;
	}
}

static int
get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	return spdk_bdev_get_memory_domains(g_base, domains, array_size);
}

static bool
accel_sequence_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return g_fault == FAULT_DROPS_SEQUENCE;
}

/* ---- its life ---- */

static int
create_channel(void *io_device, void *ctx)
{
	struct channel *channel = ctx;

	channel->base_ch = spdk_bdev_get_io_channel(g_desc);
	if (g_fault == FAULT_LEAKS_BASE_CHANNEL) {
		spdk_bdev_get_io_channel(g_desc);
	}
	if (g_first_ch == NULL) {
		g_first_ch = channel->base_ch;
	}
	return channel->base_ch != NULL ? 0 : -ENOMEM;
}

static void
destroy_channel(void *io_device, void *ctx)
{
	struct channel *channel = ctx;

	if (g_first_ch == channel->base_ch) {
		g_first_ch = NULL;
	}
	spdk_put_io_channel(channel->base_ch);
}

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_bdev);
}

static void
unregistered_cb(void *io_device)
{
	spdk_bdev_destruct_done(&g_bdev, 0);
}

static void
close_base(void *ctx)
{
	spdk_bdev_module_release_bdev(g_base);
	if (g_fault != FAULT_LEAKS_DESCRIPTOR) {
		spdk_bdev_close(g_desc);
	}
	spdk_io_device_unregister(&g_bdev, unregistered_cb);
}

static int
destruct(void *ctx)
{
	spdk_thread_exec_msg(spdk_thread_get_app_thread(), close_base, NULL);
	return 1;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
	.get_memory_domains = get_memory_domains,
	.accel_sequence_supported = accel_sequence_supported,
};

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	if (type == SPDK_BDEV_EVENT_REMOVE && g_fault != FAULT_IGNORES_REMOVAL) {
		spdk_bdev_unregister(&g_bdev, NULL, NULL);
	}
	if (type == SPDK_BDEV_EVENT_RESIZE && g_fault == FAULT_RESIZES_BY_HAND) {
		/* Nobody hears of it. */
		g_bdev.blockcnt = spdk_bdev_get_num_blocks(bdev);
	} else if (type == SPDK_BDEV_EVENT_RESIZE) {
		spdk_bdev_notify_blockcnt_change(&g_bdev, spdk_bdev_get_num_blocks(bdev));
	}
}

struct create_params {
	int fault;
	bool write_cache;
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
	{
		.name = "write_cache",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct create_params, write_cache),
		.required = true,
		.help = "say that there is a write cache; else each write is flushed",
	},
};

static int
create(const struct create_params *params)
{
	int rc = spdk_bdev_open_ext("base", true, event_cb, NULL, &g_desc);

	if (rc != 0) {
		return rc;
	}
	g_fault = params->fault;
	g_base = spdk_bdev_desc_get_bdev(g_desc);
	rc = spdk_bdev_module_claim_bdev(g_base, g_desc, &g_module);
	if (rc != 0) {
		spdk_bdev_close(g_desc);
		return rc;
	}
	g_bdev = (struct spdk_bdev){
		.name = g_name,
		.product_name = g_name,
		.blocklen = g_base->blocklen,
		.blockcnt = g_base->blockcnt,
		.write_cache = params->write_cache,
		.fn_table = &g_fn_table,
		.module = &g_module,
	};
	spdk_io_device_register(&g_bdev, create_channel, destroy_channel, sizeof(struct channel), g_name);
	return spdk_bdev_register(&g_bdev);
}

static void
rpc_vbdev_broken_create(struct spdk_jsonrpc_request *request, void *params)
{
	int rc = create(params);

	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "it cannot be created");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "vbdev_broken_create",
	.summary = "Creates the bdev",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct create_params),
	.handler = rpc_vbdev_broken_create,
};
BDK_RPC_REGISTER(g_create_method)
