/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/error/vbdev_error.h"
#include "module/bdev/common/block_rpc.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "bdevkit/rpc.h"

/* ---- bdev_error_create ---- */

struct error_create_params {
	char *base_name;
	struct spdk_uuid uuid;
};

static const struct bdk_rpc_param g_create_params[] = {
	{
		.name = "base_name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct error_create_params, base_name),
		.required = true,
		.position = 1,
		.help = "name of the base bdev, which may come to exist later",
	},
	{
		.name = "uuid",
		.type = BDK_RPC_UUID,
		.offset = offsetof(struct error_create_params, uuid),
		.help = "UUID of the bdev",
		.default_text = "one that is made from the UUID of the base",
	},
};

static void
rpc_bdev_error_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct error_create_params *p = params;
	const char *why;
	int rc;

	rc = vbdev_error_create(p->base_name, &p->uuid, &why);
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot create error bdev " ERROR_NAME_PREFIX "%s: %s", p->base_name,
			why != NULL ? why : spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_error_create",
	.summary = "Creates a bdev that does wrong when it is told to, named EE_ and the name of its base",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_create_params,
	.num_params = SPDK_COUNTOF(g_create_params),
	.params_size = sizeof(struct error_create_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_error_create,
};
BDK_RPC_REGISTER(g_create_method)

/* ---- bdev_error_delete ---- */

static void
rpc_bdev_error_delete(struct spdk_jsonrpc_request *request, void *params)
{
	block_rpc_delete(request, params, "error", vbdev_error_delete);
}

static const struct bdk_rpc_method g_delete_method = {
	.name = "bdev_error_delete",
	.summary = "Deletes an error bdev, or the request for one whose base is missing",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_block_rpc_name,
	.num_params = SPDK_COUNTOF(g_block_rpc_name),
	.params_size = sizeof(struct block_rpc_name),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_error_delete,
};
BDK_RPC_REGISTER(g_delete_method)

/* ---- bdev_error_inject_error ---- */

struct error_inject_params {
	char *name;
	int io_type;
	int error_type;
	struct error_injection injection;
};

/* Beside types of I/O. */
#define IO_TYPE_CLEAR (-1)
#define IO_TYPE_ALL (-2)

#define ALL_IO_TYPES \
	((1u << SPDK_BDEV_IO_TYPE_READ) | (1u << SPDK_BDEV_IO_TYPE_WRITE) | (1u << SPDK_BDEV_IO_TYPE_FLUSH) | \
		(1u << SPDK_BDEV_IO_TYPE_UNMAP))

static const struct bdk_rpc_value g_io_types[] = {
	{"read", SPDK_BDEV_IO_TYPE_READ},
	{"write", SPDK_BDEV_IO_TYPE_WRITE},
	{"flush", SPDK_BDEV_IO_TYPE_FLUSH},
	{"unmap", SPDK_BDEV_IO_TYPE_UNMAP},
	{"all", IO_TYPE_ALL},
	{"clear", IO_TYPE_CLEAR},
	{"write_zeroes", SPDK_BDEV_IO_TYPE_WRITE_ZEROES},
	{"reset", SPDK_BDEV_IO_TYPE_RESET},
	{"compare", SPDK_BDEV_IO_TYPE_COMPARE},
	{"compare_and_write", SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE},
	{"copy", SPDK_BDEV_IO_TYPE_COPY},
	{"zcopy", SPDK_BDEV_IO_TYPE_ZCOPY},
	{NULL, 0},
};

static const struct bdk_rpc_value g_error_types[] = {
	{"failure", ERROR_FAILURE},
	{"pending", ERROR_PENDING},
	{"corrupt_data", ERROR_CORRUPT_DATA},
	{"nomem", ERROR_NOMEM},
	{NULL, 0},
};

static const struct error_inject_params g_inject_defaults = {.injection.num = 1};

static const struct bdk_rpc_param g_inject_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct error_inject_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
	{
		.name = "io_type",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct error_inject_params, io_type),
		.required = true,
		.position = 2,
		.values = g_io_types,
		.help = "for which I/O; all: the first four; clear: ends it for all types, and lets I/O that is held "
			"go on",
	},
	{
		.name = "error_type",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct error_inject_params, error_type),
		.required = true,
		.position = 3,
		.values = g_error_types,
		.help = "what to do",
	},
	{
		.name = "num",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct error_inject_params, injection.num),
		.option = 'n',
		.help = "for how many I/Os of each type",
		.default_text = "1",
	},
	{
		.name = "queue_depth",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct error_inject_params, injection.queue_depth),
		.option = 'q',
		.help = "only while the base has at least so many I/Os of the same thread",
		.default_text = "0",
	},
	{
		.name = "corrupt_offset",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct error_inject_params, injection.corrupt_offset),
		.option = 'o',
		.help = "which byte of the data of an I/O to change",
		.default_text = "0",
	},
	{
		.name = "corrupt_value",
		.type = BDK_RPC_UINT8,
		.offset = offsetof(struct error_inject_params, injection.corrupt_value),
		.option = 'v',
		.help = "what the byte is xored with, not 0",
	},
};

static void
cleared_cb(void *cb_arg)
{
	spdk_jsonrpc_send_bool_response(cb_arg, true);
}

static void
rpc_bdev_error_inject_error(struct spdk_jsonrpc_request *request, void *params)
{
	struct error_inject_params *p = params;
	const char *why = NULL;
	int rc;

	p->injection.type = p->error_type;
	if (p->io_type == IO_TYPE_CLEAR) {
		rc = vbdev_error_clear(p->name, cleared_cb, request);
	} else {
		rc = vbdev_error_inject(
			p->name, p->io_type == IO_TYPE_ALL ? ALL_IO_TYPES : 1u << p->io_type, &p->injection, &why);
		if (rc == 0) {
			spdk_jsonrpc_send_bool_response(request, true);
		}
	}
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "Cannot inject errors into %s: %s", p->name,
			why != NULL ? why : spdk_strerror(-rc));
	}
}

static const struct bdk_rpc_method g_inject_method = {
	.name = "bdev_error_inject_error",
	.summary = "Makes an error bdev do wrong",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_inject_params,
	.num_params = SPDK_COUNTOF(g_inject_params),
	.params_size = sizeof(struct error_inject_params),
	.defaults = &g_inject_defaults,
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_error_inject_error,
};
BDK_RPC_REGISTER(g_inject_method)
