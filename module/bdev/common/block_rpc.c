/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/block_rpc.h"

#include "spdk/bdev.h"
#include "spdk/json.h"

struct answer {
	struct spdk_jsonrpc_request *request;
	char name[];
};

static void
send_name(struct spdk_jsonrpc_request *request, const char *name)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_string(w, name);
	spdk_jsonrpc_end_result(request, w);
}

static void
examined_cb(void *cb_arg)
{
	struct answer *answer = cb_arg;

	send_name(answer->request, answer->name);
	free(answer);
}

void
block_rpc_send_name_examined(struct spdk_jsonrpc_request *request, const char *name)
{
	struct answer *answer = calloc(1, sizeof(*answer) + strlen(name) + 1);

	if (answer == NULL) {
		send_name(request, name);
		return;
	}
	answer->request = request;
	strcpy(answer->name, name);
	if (spdk_bdev_wait_for_examine(examined_cb, answer) != 0) {
		examined_cb(answer);
	}
}

const struct bdk_rpc_param g_block_rpc_name[1] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct block_rpc_name, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
};

static void
deleted_cb(void *cb_arg, int rc)
{
	struct spdk_jsonrpc_request *request = cb_arg;

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot delete the bdev");
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

void
block_rpc_delete(struct spdk_jsonrpc_request *request, const void *params, const char *kind,
	int (*delete_bdev)(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg))
{
	const struct block_rpc_name *p = params;
	int rc = delete_bdev(p->name, deleted_cb, request);

	if (rc != 0) {
		bdk_rpc_send_errno(request, rc, "Cannot delete %s bdev %s", kind, p->name);
	}
}
