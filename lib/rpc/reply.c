/* SPDX-License-Identifier: BSD-3-Clause */

/* From the handler back to the server's thread: results and errors. Everything here may run on any thread. */

#include "lib/rpc/jsonrpc_internal.h"
#include "lib/json/utf.h"
#include "spdk/log.h"
#include "spdk/string.h"

/* Read by all threads that complete requests; set before there are any. */
static size_t g_max_reply_size = 256 * 1024 * 1024;

void
jsonrpc_reply_set_max_size(size_t size)
{
	g_max_reply_size = size;
}

int
jsonrpc_reply_append(struct jsonrpc_reply **reply, const void *data, size_t size)
{
	struct jsonrpc_reply *grown = *reply;
	size_t used = grown != NULL ? grown->size : 1, capacity = grown != NULL ? grown->capacity : 0;

	if (size > g_max_reply_size || used > g_max_reply_size - size) {
		return -EMSGSIZE;
	}
	if (used + size > capacity) {
		capacity = capacity * 2 > used + size ? capacity * 2 : used + size + 16;
		grown = realloc(grown, sizeof(*grown) + capacity);
		if (grown == NULL) {
			return -ENOMEM;
		}
		grown->capacity = capacity;
		if (*reply == NULL) {
			grown->sent = 1;
			grown->data[0] = ' ';
		}
		*reply = grown;
	}
	memcpy(grown->data + used, data, size);
	grown->size = used + size;
	return 0;
}

static int
append_cb(void *cb_ctx, const void *data, size_t size)
{
	struct spdk_jsonrpc_request *request = cb_ctx;

	/* A notification's result goes nowhere. */
	return request->notification ? 0 : jsonrpc_reply_append(&request->reply, data, size);
}

/* {"jsonrpc":"2.0","id":<id>,"<member>": */
static struct spdk_json_write_ctx *
begin_reply(struct spdk_jsonrpc_request *request, const char *member)
{
	struct spdk_json_write_ctx *w = &request->writer;

	json_write_init(w, append_cb, request, 0);
	if (request->call_cb != NULL) {
		/* A call from inside gets the bare result. */
		return w;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "jsonrpc", "2.0");
	spdk_json_write_name(w, "id");
	if (request->id != NULL) {
		spdk_json_write_val(w, request->id);
	} else {
		spdk_json_write_null(w);
	}
	spdk_json_write_name(w, member);
	return w;
}

static int
end_reply(struct spdk_jsonrpc_request *request)
{
	if (request->call_cb == NULL) {
		spdk_json_write_object_end(&request->writer);
	}
	return json_write_fini(&request->writer);
}

void
jsonrpc_warn_of_lost_reply(void)
{
	static struct bdk_log_rate rate;
	uint64_t left_out;

	if (!bdk_log_rate_allow(&rate, 1, &left_out)) {
		return;
	}
	if (left_out > 0) {
		SPDK_WARNLOG("(same message squashed %" PRIu64 " times)\n", left_out);
	}
	SPDK_WARNLOG("Unable to send response: connection closed.\n");
}

/* Hands the request over; it is gone afterwards. */
static void
complete(struct spdk_jsonrpc_request *request)
{
	if (request->call_cb != NULL) {
		jsonrpc_call_complete(request);
		return;
	}
	if (!jsonrpc_mailbox_post(request->mailbox, request)) {
		jsonrpc_warn_of_lost_reply();
		jsonrpc_request_free(request);
	}
}

/* Copies text without what is not UTF-8, so that an error text is delivered whatever it names. */
static char *
clean_text(const char *text)
{
	size_t size = strlen(text), used = 0;
	/* A byte becomes at most three: the replacement character. */
	char *clean = malloc(size * 3 + 1);

	for (size_t i = 0; clean != NULL && i < size;) {
		uint32_t code_point;
		int length = json_utf8_decode((const uint8_t *)text + i, size - i, &code_point);

		if (length > 0) {
			memcpy(clean + used, text + i, length);
			used += length;
			i += length;
		} else {
			used += json_utf8_encode((uint8_t *)clean + used, 0xfffd);
			i++;
		}
	}
	if (clean != NULL) {
		clean[used] = '\0';
	}
	return clean;
}

static void
write_error(struct spdk_jsonrpc_request *request, int code, const char *text)
{
	struct spdk_json_write_ctx *w;
	char *clean = clean_text(text != NULL ? text : "");

	free(request->reply);
	request->reply = NULL;
	request->error_code = code;
	w = begin_reply(request, "error");
	spdk_json_write_object_begin(w);
	spdk_json_write_named_int32(w, "code", code);
	spdk_json_write_named_string(w, "message", clean != NULL ? clean : "Out of memory");
	spdk_json_write_object_end(w);
	request->reply_lost = end_reply(request) != 0;
	free(clean);
}

void
jsonrpc_request_replace_reply(struct spdk_jsonrpc_request *request, int code, const char *text)
{
	write_error(request, code, text);
}

struct spdk_json_write_ctx *
spdk_jsonrpc_begin_result(struct spdk_jsonrpc_request *request)
{
	request->result_begun = true;
	return begin_reply(request, "result");
}

void
spdk_jsonrpc_end_result(struct spdk_jsonrpc_request *request, struct spdk_json_write_ctx *w)
{
	int status;

	assert(w == &request->writer);
	/* A handler that promised a value and wrote none. */
	if (w->after_name) {
		spdk_json_write_null(w);
	}
	if (end_reply(request) != 0) {
		status = json_write_status(w);
		SPDK_ERRLOG("The result of an RPC method could not be written: %s\n", spdk_strerror(-status));
		write_error(request, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			status == -EMSGSIZE         ? "Internal error: the result is too large"
				: status == -EILSEQ ? "Internal error: the result has a string that is not UTF-8"
				: status == -ENOMEM ? "Internal error: out of memory"
						    : "Internal error: the method wrote a malformed result");
	}
	complete(request);
}

void
spdk_jsonrpc_send_bool_response(struct spdk_jsonrpc_request *request, bool value)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_bool(w, value);
	spdk_jsonrpc_end_result(request, w);
}

void
spdk_jsonrpc_send_error_response(struct spdk_jsonrpc_request *request, int error_code, const char *msg)
{
	write_error(request, error_code, msg);
	complete(request);
}

void
spdk_jsonrpc_send_error_response_fmt(struct spdk_jsonrpc_request *request, int error_code, const char *fmt, ...)
{
	char *text;
	va_list args;
	int rc;

	va_start(args, fmt);
	rc = vasprintf(&text, fmt, args);
	va_end(args);
	spdk_jsonrpc_send_error_response(request, error_code, rc >= 0 ? text : "Out of memory");
	if (rc >= 0) {
		free(text);
	}
}

struct spdk_jsonrpc_server_conn *
spdk_jsonrpc_get_conn(struct spdk_jsonrpc_request *request)
{
	return __atomic_load_n(&request->conn, __ATOMIC_RELAXED);
}
