/* SPDX-License-Identifier: BSD-3-Clause */

/* From a parsed text to the handler: the form of JSON-RPC 2.0 requests. */

#include "lib/rpc/jsonrpc_internal.h"

struct jsonrpc_frame *
jsonrpc_frame_parse(const void *text, size_t size, size_t num_values, uint32_t max_depth)
{
	struct jsonrpc_frame *frame = calloc(1, sizeof(*frame));
	struct json_parser parser;

	if (frame == NULL) {
		return NULL;
	}
	frame->refs = 1;
	frame->num_values = num_values;
	frame->values = calloc(num_values, sizeof(*frame->values));
	frame->text = malloc(size + 1);
	if (frame->values == NULL || frame->text == NULL) {
		jsonrpc_frame_put(frame);
		return NULL;
	}
	frame->size = size;
	memcpy(frame->text, text, size);
	frame->text[size] = '\0';
	/* The same text has been parsed to its end before, to find the end; now it is kept. */
	json_parser_init(&parser, max_depth, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	json_parser_run(&parser, frame->text, size, true, frame->values, num_values);
	return frame;
}

struct jsonrpc_frame *
jsonrpc_frame_get(struct jsonrpc_frame *frame)
{
	__atomic_fetch_add(&frame->refs, 1, __ATOMIC_RELAXED);
	return frame;
}

void
jsonrpc_frame_put(struct jsonrpc_frame *frame)
{
	if (frame != NULL && __atomic_sub_fetch(&frame->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		/* It may have held a key. */
		if (frame->text != NULL) {
			explicit_bzero(frame->text, frame->size);
		}
		free(frame->values);
		free(frame->text);
		free(frame);
	}
}

struct spdk_jsonrpc_request *
jsonrpc_request_create(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_frame *frame, struct jsonrpc_batch *batch)
{
	struct spdk_jsonrpc_request *request = malloc(sizeof(*request));

	if (request == NULL) {
		return NULL;
	}
	memset(request, 0, offsetof(struct spdk_jsonrpc_request, writer));
	request->frame = frame != NULL ? jsonrpc_frame_get(frame) : NULL;
	if (conn != NULL) {
		request->conn = conn;
		request->mailbox = jsonrpc_mailbox_get(conn->server->mailbox);
		TAILQ_INSERT_TAIL(&conn->requests, request, link);
		conn->in_flight++;
	}
	if (batch != NULL) {
		request->batch = batch;
		batch->in_flight++;
	}
	return request;
}

void
jsonrpc_request_free(struct spdk_jsonrpc_request *request)
{
	if (request->handled_by != NULL) {
		request->handled_by->requests--;
	}
	jsonrpc_frame_put(request->frame);
	if (request->mailbox != NULL) {
		jsonrpc_mailbox_put(request->mailbox);
	}
	free(request->reply);
	free(request);
}

/* Takes one member of a request. Returns what is wrong with it, or NULL. */
static const char *
take_member(struct spdk_jsonrpc_request *request, const struct spdk_json_val *name, bool *version_seen)
{
	const struct spdk_json_val *val = name + 1;

	if (spdk_json_strequal(name, "jsonrpc")) {
		if (*version_seen || val->type != SPDK_JSON_VAL_STRING || !spdk_json_strequal(val, "2.0")) {
			return "Invalid request: \"jsonrpc\" must be \"2.0\", once";
		}
		*version_seen = true;
	} else if (spdk_json_strequal(name, "method")) {
		if (request->method != NULL || val->type != SPDK_JSON_VAL_STRING) {
			return "Invalid request: \"method\" must be a string, once";
		}
		request->method = val;
	} else if (spdk_json_strequal(name, "id")) {
		if (!request->notification ||
			(val->type != SPDK_JSON_VAL_STRING && val->type != SPDK_JSON_VAL_NUMBER &&
				val->type != SPDK_JSON_VAL_NULL)) {
			return "Invalid request: \"id\" must be a string, a number or null, once";
		}
		request->notification = false;
		request->id = val;
	} else if (spdk_json_strequal(name, "params")) {
		if (request->params != NULL ||
			(val->type != SPDK_JSON_VAL_OBJECT_BEGIN && val->type != SPDK_JSON_VAL_ARRAY_BEGIN &&
				val->type != SPDK_JSON_VAL_NULL)) {
			return "Invalid request: \"params\" must be an object, an array or null, once";
		}
		request->params = val;
	} else {
		return "Invalid request: only the members jsonrpc, method, params and id are allowed";
	}
	return NULL;
}

static const char *
take_members(struct spdk_jsonrpc_request *request, const struct spdk_json_val *object)
{
	const struct spdk_json_val *name, *end;
	const char *first_error = NULL;
	bool version_seen = false;

	if (object->type != SPDK_JSON_VAL_OBJECT_BEGIN) {
		return "Invalid request: it must be an object, or an array of objects";
	}
	/* Goes on after an error, for the id that the reply should carry. */
	end = object + 1 + object->len;
	for (name = object + 1; name < end; name += 1 + spdk_json_val_len(name + 1)) {
		const char *error = take_member(request, name, &version_seen);

		first_error = first_error != NULL ? first_error : error;
	}
	if (first_error == NULL && request->method == NULL) {
		return "Invalid request: \"method\" is missing";
	}
	return first_error;
}

int
jsonrpc_request_take(struct spdk_jsonrpc_server_conn *conn, struct jsonrpc_frame *frame, struct jsonrpc_batch *batch,
	const struct spdk_json_val *value)
{
	struct spdk_jsonrpc_request *request = jsonrpc_request_create(conn, frame, batch);
	const char *error;

	if (request == NULL) {
		return -ENOMEM;
	}
	request->notification = true;
	error = take_members(request, value);
	if (error != NULL) {
		/* What is not a request is not a notification either: it is answered. */
		request->notification = false;
		spdk_jsonrpc_send_error_response(request, SPDK_JSONRPC_ERROR_INVALID_REQUEST, error);
		return 0;
	}
	if (request->params != NULL && request->params->type == SPDK_JSON_VAL_NULL) {
		request->params = NULL;
	}
	conn->server->handle_request(request, request->method, request->params);
	return 0;
}

int
jsonrpc_request_refuse(struct spdk_jsonrpc_server_conn *conn, int code, const char *text)
{
	struct spdk_jsonrpc_request *request = jsonrpc_request_create(conn, NULL, NULL);

	if (request == NULL) {
		return -ENOMEM;
	}
	spdk_jsonrpc_send_error_response(request, code, text);
	return 0;
}
