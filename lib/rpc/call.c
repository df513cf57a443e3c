/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests from inside the process: same methods, same rules, no socket. */

#include "lib/rpc/jsonrpc_internal.h"

/* The call returns and the request completes in either order; the second one frees it. */
static void
put_call(struct spdk_jsonrpc_request *request)
{
	if (__atomic_sub_fetch(&request->call_refs, 1, __ATOMIC_ACQ_REL) == 0) {
		jsonrpc_request_free(request);
	}
}

void
jsonrpc_call_complete(struct spdk_jsonrpc_request *request)
{
	struct rpc_call_reply reply = {
		.error_code = request->error_code,
		.text = "null",
		.size = 4,
	};

	if (request->reply_lost) {
		reply.error_code = SPDK_JSONRPC_ERROR_INTERNAL_ERROR;
		reply.text = "{\"code\":-32603,\"message\":\"Out of memory\"}";
		reply.size = strlen(reply.text);
	} else if (request->reply != NULL) {
		reply.text = request->reply->data + 1;
		reply.size = request->reply->size - 1;
	}
	request->call_cb(request->call_arg, &reply);
	put_call(request);
}

/* Counts the values of a text that is one whole JSON value; -EINVAL if it is not. */
static ssize_t
count_values(const void *text, size_t size)
{
	void *end;
	ssize_t count = spdk_json_parse((void *)text, size, NULL, 0, &end, 0);

	return count > 0 && end == (const char *)text + size ? count : -EINVAL;
}

static int
parse_params(const void *params, size_t size, struct jsonrpc_frame **frame)
{
	ssize_t count = count_values(params, size);
	enum spdk_json_val_type type;

	if (count < 0) {
		return -EINVAL;
	}
	*frame = jsonrpc_frame_parse(params, size, count, JSON_DEFAULT_DEPTH);
	if (*frame == NULL) {
		return -ENOMEM;
	}
	type = (*frame)->values[0].type;
	if (type != SPDK_JSON_VAL_OBJECT_BEGIN && type != SPDK_JSON_VAL_ARRAY_BEGIN && type != SPDK_JSON_VAL_NULL) {
		jsonrpc_frame_put(*frame);
		return -EINVAL;
	}
	return 0;
}

int
rpc_call(const char *method, const void *params, size_t params_size, rpc_call_cb cb, void *cb_arg)
{
	struct spdk_json_val name = {.start = (void *)method, .len = strlen(method), .type = SPDK_JSON_VAL_STRING};
	struct spdk_jsonrpc_request *request;
	struct jsonrpc_frame *frame = NULL;
	int rc;

	if (params != NULL) {
		rc = parse_params(params, params_size, &frame);
		if (rc != 0) {
			return rc;
		}
	}
	request = jsonrpc_request_create(NULL, frame, NULL);
	if (request != NULL && frame != NULL && frame->values[0].type != SPDK_JSON_VAL_NULL) {
		request->params = &frame->values[0];
	}
	jsonrpc_frame_put(frame);
	if (request == NULL) {
		return -ENOMEM;
	}
	request->call_cb = cb;
	request->call_arg = cb_arg;
	request->call_refs = 2;
	rpc_dispatch(request, &name, request->params);
	put_call(request);
	return 0;
}
