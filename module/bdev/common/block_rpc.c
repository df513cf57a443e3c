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
