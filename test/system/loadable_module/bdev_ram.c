/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A module that registers all that can be registered, to be loaded and unloaded: a disk in memory with RPC methods, a log
 * flag, a deprecation, a trace group, thread-local memory, a poller while it runs. Switches of the preprocessor make it do
 * what a module should not, or late: see below.
 */

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/trace.h"

#ifndef NAME
#define NAME "ram"
#endif
/* What module_init returns. */
#ifndef INIT_RC
#define INIT_RC 0
#endif
#ifndef CTX_SIZE
#define CTX_SIZE 16
#endif

SPDK_LOG_REGISTER_COMPONENT(loadable)
SPDK_LOG_DEPRECATION_REGISTER(loadable, "the test", "v99.99", 0)

#define BLOCK_SIZE 512

struct ram {
	struct spdk_bdev bdev;
	char *data;
};

static __thread uint64_t g_submitted;
static struct spdk_poller *g_poller;
/* Of a "slow" request, which is answered by the next call of "go". */
static struct spdk_jsonrpc_request *g_slow;
static struct spdk_bdev_module g_ram_if;

static int
ram_destruct(void *ctx)
{
	struct ram *ram = ctx;

	free(ram->bdev.name);
	free(ram->data);
	free(ram);
	return 0;
}

static void
move(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	struct ram *ram = bdev_io->bdev->ctxt;
	char *place = ram->data + bdev_io->u.bdev.offset_blocks * BLOCK_SIZE;

	for (int i = 0; success && i < bdev_io->u.bdev.iovcnt; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];

		memcpy(bdev_io->type == SPDK_BDEV_IO_TYPE_READ ? iov->iov_base : place,
			bdev_io->type == SPDK_BDEV_IO_TYPE_READ ? place : iov->iov_base, iov->iov_len);
		place += iov->iov_len;
	}
	spdk_bdev_io_complete(bdev_io, success ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_NOMEM);
}

static bool
ram_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE;
}

static void
ram_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	g_submitted++;
	if (!ram_io_type_supported(NULL, bdev_io->type)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_bdev_io_get_buf(bdev_io, move, bdev_io->u.bdev.num_blocks * BLOCK_SIZE);
	} else {
		move(ch, bdev_io, true);
	}
}

static struct spdk_io_channel *
ram_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_ram_if);
}

static const struct spdk_bdev_fn_table g_ram_fn_table = {
	.destruct = ram_destruct,
	.submit_request = ram_submit_request,
	.io_type_supported = ram_io_type_supported,
	.get_io_channel = ram_get_io_channel,
};

static int
ram_create(const char *name, uint64_t num_blocks)
{
	struct ram *ram = calloc(1, sizeof(*ram));
	int rc;

	ram->data = calloc(num_blocks, BLOCK_SIZE);
	ram->bdev.name = strdup(name);
	ram->bdev.product_name = "loadable";
	ram->bdev.blocklen = BLOCK_SIZE;
	ram->bdev.blockcnt = num_blocks;
	ram->bdev.ctxt = ram;
	ram->bdev.fn_table = &g_ram_fn_table;
	ram->bdev.module = &g_ram_if;
	rc = spdk_bdev_register(&ram->bdev);
	if (rc != 0) {
		ram_destruct(ram);
	}
	return rc;
}

/* ---- the module ---- */

static int
channel_create(void *io_device, void *ctx)
{
	return 0;
}

static void
channel_destroy(void *io_device, void *ctx)
{
}

static int
do_nothing(void *ctx)
{
	return SPDK_POLLER_IDLE;
}

#ifdef ASYNC
static void
init_later(void *ctx)
{
	spdk_bdev_module_init_done(&g_ram_if);
}

static int
fini_later(void *ctx)
{
	spdk_poller_unregister(&g_poller);
	spdk_io_device_unregister(&g_ram_if, NULL);
	spdk_bdev_module_fini_done();
	return SPDK_POLLER_BUSY;
}

static int
fini_start_later(void *ctx)
{
	spdk_poller_unregister(&g_poller);
	spdk_bdev_module_fini_start_done();
	return SPDK_POLLER_BUSY;
}

static void
ram_fini_start(void)
{
	spdk_poller_unregister(&g_poller);
	g_poller = SPDK_POLLER_REGISTER(fini_start_later, NULL, 100);
}
#endif

static int
ram_init(void)
{
	if (INIT_RC != 0) {
		return INIT_RC;
	}
	spdk_io_device_register(&g_ram_if, channel_create, channel_destroy, 0, NAME);
	g_poller = SPDK_POLLER_REGISTER(do_nothing, NULL, 1000000);
	SPDK_DEBUGLOG(loadable, "it begins\n");
#ifdef ASYNC
	spdk_thread_send_msg(spdk_get_thread(), init_later, NULL);
#endif
#ifdef UNKNOWN_SYMBOL
	extern void there_is_no_such_function(void);
	there_is_no_such_function();
#endif
	return 0;
}

static void
ram_fini(void)
{
#ifdef ASYNC
	g_poller = SPDK_POLLER_REGISTER(fini_later, NULL, 100);
#else
#ifndef LEAVE_POLLER
	spdk_poller_unregister(&g_poller);
#endif
	spdk_io_device_unregister(&g_ram_if, NULL);
#endif
}

/* Writes down whom it was offered, for the method ram_seen. */
static char g_seen[256];

static void
ram_examine_config(struct spdk_bdev *bdev)
{
	size_t length = strlen(g_seen);

	snprintf(g_seen + length, sizeof(g_seen) - length, "%s ", spdk_bdev_get_name(bdev));
	spdk_bdev_module_examine_done(&g_ram_if);
}

static int
ram_get_ctx_size(void)
{
	return CTX_SIZE;
}

static struct spdk_bdev_module g_ram_if = {
	.name = NAME,
	.module_init = ram_init,
	.module_fini = ram_fini,
	.get_ctx_size = ram_get_ctx_size,
	.examine_config = ram_examine_config,
#ifdef ASYNC
	.async_init = true,
	.async_fini = true,
	.async_fini_start = true,
	.fini_start = ram_fini_start,
#endif
};
SPDK_BDEV_MODULE_REGISTER(ram, &g_ram_if)

static void
ram_trace(void)
{
	spdk_trace_register_description("LOADABLE", SPDK_TPOINT_ID(0xf, 1), OWNER_TYPE_NONE, OBJECT_NONE, 0, 0, "");
}
SPDK_TRACE_REGISTER_FN(ram_trace, "loadable", 0xf)

/* ---- methods, as modules of the first implementation have them ---- */

#ifndef NO_METHODS
struct create {
	char *name;
	uint64_t num_blocks;
};

static const struct spdk_json_object_decoder g_create_decoders[] = {
	{"name", offsetof(struct create, name), spdk_json_decode_string},
	{"num_blocks", offsetof(struct create, num_blocks), spdk_json_decode_uint64, true},
};

static void
rpc_create(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct create create = {.num_blocks = 64};
	int rc;

	if (spdk_json_decode_object(params, g_create_decoders, SPDK_COUNTOF(g_create_decoders), &create) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "name, num_blocks");
		free(create.name);
		return;
	}
	rc = ram_create(create.name, create.num_blocks);
	if (rc == 0) {
		spdk_jsonrpc_send_bool_response(request, true);
	} else {
		spdk_jsonrpc_send_error_response(request, rc, spdk_strerror(-rc));
	}
	free(create.name);
}
SPDK_RPC_REGISTER("bdev_ram_create", rpc_create, SPDK_RPC_RUNTIME)
SPDK_RPC_REGISTER_ALIAS_DEPRECATED(bdev_ram_create, construct_ram_bdev)

static void
deleted(void *ctx, int rc)
{
	spdk_jsonrpc_send_bool_response(ctx, rc == 0);
}

static void
rpc_delete(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct create delete = {};

	if (spdk_json_decode_object(params, g_create_decoders, SPDK_COUNTOF(g_create_decoders), &delete) != 0 ||
		spdk_bdev_unregister_by_name(delete.name, &g_ram_if, deleted, request) != 0) {
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_PARAMS, "name");
	}
	free(delete.name);
}
SPDK_RPC_REGISTER("bdev_ram_delete", rpc_delete, SPDK_RPC_RUNTIME)

static void
rpc_seen(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_string(w, g_seen);
	spdk_jsonrpc_end_result(request, w);
}
SPDK_RPC_REGISTER("ram_seen", rpc_seen, SPDK_RPC_RUNTIME)

static void
rpc_slow(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	g_slow = request;
	fprintf(stderr, "slow\n");
}
SPDK_RPC_REGISTER("ram_slow", rpc_slow, SPDK_RPC_RUNTIME)

static void
rpc_go(struct spdk_jsonrpc_request *request, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(g_slow, true);
	g_slow = NULL;
	spdk_jsonrpc_send_bool_response(request, true);
}
SPDK_RPC_REGISTER("ram_go", rpc_go, SPDK_RPC_RUNTIME)
#endif
