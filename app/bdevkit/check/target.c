/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit check -r: a check inside a target that goes on serving. It has a system thread and SPDK threads of its own, so
 * that nobody else waits for it; opens the bdev as any other user; and claims it, so that nobody else writes meanwhile.
 * The method that asks for it answers when it has ended.
 */

#include "app/bdevkit/check/check.h"

#include "bdevkit/rpc.h"
#include "bdevkit/thread.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/string.h"

#include "app/bdevkit/rpc_client.h"

#include <pthread.h>
#include <stdatomic.h>

/* Longer than any check takes. */
#define CALL_TIMEOUT_SECONDS 86400

/* ---- in the target ---- */

/* At most one goes on at a time. */
static struct {
	bool busy;
	/* An I/O does not end; the check has been answered for, and stays. */
	_Atomic bool stuck;
	pthread_t pthread;
	struct spdk_jsonrpc_request *request;
	char name[256];
	struct check_options options;
	struct check *check;
	int rc;
	uint64_t rpc_thread_id;
	struct bdk_msg msg;
} g_target;

struct check_params {
	char *name;
	bool overwrite;
	bool no_data;
	uint64_t seed;
	uint64_t duration;
};

static const struct check_params g_default_params = {.seed = 1};

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct check_params, name),
		.required = true,
		.position = 1,
		.help = "name of the bdev",
	},
	{
		.name = "overwrite",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct check_params, overwrite),
		.help = "what the bdev holds may be lost; must be true",
		.default_text = "false",
	},
	{
		.name = "no_data",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct check_params, no_data),
		.help = "the bdev does not keep what is written: do not compare",
		.default_text = "false",
	},
	{
		.name = "seed",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct check_params, seed),
		.help = "repeats the random choices of another check",
		.default_text = "1",
	},
	{
		.name = "duration",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct check_params, duration),
		.help = "goes on with random I/O until so many seconds have passed",
		.default_text = "0",
	},
};

static void
answer(void)
{
	struct spdk_jsonrpc_request *request = g_target.request;
	struct spdk_json_write_ctx *w;

	if (g_target.rc != 0) {
		bdk_rpc_send_error(request, g_target.rc, "Cannot check %s: %s", g_target.name, g_target.check->refusal);
		return;
	}
	w = spdk_jsonrpc_begin_result(request);
	check_write_json(w, g_target.check);
	spdk_jsonrpc_end_result(request, w);
}

static void
ended_cb(void *arg)
{
	pthread_join(g_target.pthread, NULL);
	answer();
	free(g_target.check);
	g_target.busy = false;
}

static void
stuck_cb(void *arg)
{
	answer();
}

void
check_stay(struct check *check)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	g_target.stuck = true;
	bdk_msg_send_to_id(g_target.rpc_thread_id, &g_target.msg, stuck_cb, NULL);
	/* What has been begun may end at any time, and has its memory here. */
	for (;;) {
		session_settle();
		nanosleep(&pause, NULL);
	}
}

static void *
run_check(void *arg)
{
	g_target.rc = session_join(g_target.options.seed);
	if (g_target.rc == 0) {
		g_target.rc = check_bdev(g_target.check);
	}
	session_leave();
	/* Nobody is told when the target is ending. */
	bdk_msg_send_to_id(g_target.rpc_thread_id, &g_target.msg, ended_cb, NULL);
	return NULL;
}

static int
start(void)
{
	g_target.check = calloc(1, sizeof(*g_target.check));
	if (g_target.check == NULL) {
		return -ENOMEM;
	}
	g_target.check->name = g_target.name;
	g_target.check->options = &g_target.options;
	g_target.rpc_thread_id = spdk_thread_get_id(spdk_get_thread());
	return -pthread_create(&g_target.pthread, NULL, run_check, NULL);
}

static void
rpc_bdevkit_check(struct spdk_jsonrpc_request *request, void *params)
{
	const struct check_params *p = params;
	int rc;

	if (!p->overwrite) {
		bdk_rpc_send_error(
			request, -EPERM, "Checking %s overwrites what it holds; say so with overwrite", p->name);
		return;
	}
	if (g_target.busy) {
		bdk_rpc_send_error(request, -EBUSY,
			g_target.stuck ? "An I/O of a check of %s has not ended" : "A check of %s goes on",
			g_target.name);
		return;
	}
	snprintf(g_target.name, sizeof(g_target.name), "%s", p->name);
	g_target.options = (struct check_options){
		.in_target = true, .seed = p->seed, .duration = p->duration, .no_data = p->no_data};
	g_target.request = request;
	rc = start();
	if (rc != 0) {
		free(g_target.check);
		bdk_rpc_send_errno(request, rc, "Cannot check %s", p->name);
		return;
	}
	g_target.busy = true;
}

static const struct bdk_rpc_method g_check_method = {
	.name = "bdevkit_check",
	.summary = "Tries whether a bdev keeps the rules, and overwrites what it holds; nobody else may write to it "
		   "meanwhile",
	.result = "bdev, module, num_blocks, block_size, seed, passed, and rules: of each group, rule, result, count, "
		  "failures and a note if there is one",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct check_params),
	.defaults = &g_default_params,
	.handler = rpc_bdevkit_check,
};
BDK_RPC_REGISTER(g_check_method)

void
check_target_wait(void)
{
	/* The message of its end may have found nobody. */
	if (g_target.busy && !g_target.stuck) {
		pthread_join(g_target.pthread, NULL);
		free(g_target.check);
	}
}

/* ---- the client ---- */

static int
write_params(struct spdk_json_write_ctx *w, void *ctx)
{
	const struct check *check = ctx;

	spdk_json_write_named_string(w, "name", check->name);
	spdk_json_write_named_bool(w, "overwrite", check->options->overwrite);
	spdk_json_write_named_bool(w, "no_data", check->options->no_data);
	spdk_json_write_named_uint64(w, "seed", check->options->seed);
	spdk_json_write_named_uint64(w, "duration", check->options->duration);
	return 0;
}

struct decoded_rule {
	char *text;
	char *result;
	char *note;
	uint64_t count;
	uint64_t failures;
};

static int
decode_rule(const struct spdk_json_val *value, void *out)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"rule", offsetof(struct decoded_rule, text), spdk_json_decode_string},
		{"result", offsetof(struct decoded_rule, result), spdk_json_decode_string},
		{"note", offsetof(struct decoded_rule, note), spdk_json_decode_string, true},
		{"count", offsetof(struct decoded_rule, count), spdk_json_decode_uint64},
		{"failures", offsetof(struct decoded_rule, failures), spdk_json_decode_uint64},
	};
	struct check *check = out;
	struct decoded_rule decoded = {};
	enum check_rule_id id;
	int rc = spdk_json_decode_object_relaxed(value, decoders, SPDK_COUNTOF(decoders), &decoded);

	/* One that this program does not know is of another version. */
	id = rc == 0 ? check_find_rule(decoded.text) : CHECK_NUM_RULES;
	if (id < CHECK_NUM_RULES) {
		struct check_rule *rule = check_rule(check, id);

		rule->count = decoded.count;
		rule->failures = decoded.failures;
		rule->skipped = strcmp(decoded.result, "skipped") == 0;
		snprintf(rule->note, sizeof(rule->note), "%s", decoded.note != NULL ? decoded.note : "");
	}
	free(decoded.text);
	free(decoded.result);
	free(decoded.note);
	return rc;
}

static int
decode_module(const struct spdk_json_val *value, void *out)
{
	char *module = NULL;
	int rc = spdk_json_decode_string(value, &module);

	if (rc == 0) {
		snprintf(out, sizeof(((struct check *)NULL)->module), "%s", module);
	}
	free(module);
	return rc;
}

static int
decode(struct check *check, const struct spdk_json_val *result)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"module", offsetof(struct check, module), decode_module},
		{"num_blocks", offsetof(struct check, num_blocks), spdk_json_decode_uint64},
		{"block_size", offsetof(struct check, block_size), spdk_json_decode_uint32},
	};
	struct spdk_json_val *rules = NULL, *rule;

	if (spdk_json_decode_object_relaxed(result, decoders, SPDK_COUNTOF(decoders), check) != 0 ||
		spdk_json_find_array((struct spdk_json_val *)result, "rules", NULL, &rules) != 0) {
		return -EINVAL;
	}
	for (rule = spdk_json_array_first(rules); rule != NULL; rule = spdk_json_next(rule)) {
		if (decode_rule(rule, check) != 0) {
			return -EINVAL;
		}
	}
	check->checked = true;
	return 0;
}

static int
ask(struct rpc_client *client, struct check *check)
{
	struct spdk_jsonrpc_client_response *response = rpc_client_call(client, "bdevkit_check", write_params, check);
	char *message = NULL;
	int rc = -EIO;

	if (response == NULL) {
		return -EIO;
	}
	if (response->result != NULL) {
		rc = decode(check, response->result);
	} else {
		const struct spdk_json_object_decoder decoder = {"message", 0, spdk_json_decode_string};

		spdk_json_decode_object_relaxed(response->error, &decoder, 1, &message);
	}
	if (rc != 0) {
		fprintf(stderr, "bdevkit check: %s\n",
			message != NULL ? message : "the target's answer is not understood");
	}
	free(message);
	spdk_jsonrpc_client_free_response(response);
	return rc;
}

int
check_target(const char *socket_path, struct check **checks, size_t count)
{
	struct rpc_client client = {.socket_path = socket_path, .timeout = CALL_TIMEOUT_SECONDS};
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = ask(&client, checks[i]);
	}
	rpc_client_close(&client);
	return rc;
}
