/* SPDX-License-Identifier: BSD-3-Clause */

/* perform_tests: a measurement in a running target, also in bdevkit perf -z, and the client that asks for it. */

#include "app/bdevkit/perf/rpc.h"

#include "bdevkit/rpc.h"
#include "spdk/bdev.h"
#include "spdk/string.h"

#include "app/bdevkit/perf/run.h"
#include "app/bdevkit/rpc_client.h"
#include "app/bdevkit/text.h"

#define CALL_TIMEOUT_SECONDS 86400

/* ---- in the target ---- */

static const struct perf_options *g_defaults;
static struct perf_options g_options;
static struct spdk_jsonrpc_request *g_request;

void
perf_rpc_set_defaults(const struct perf_options *options)
{
	g_defaults = options;
}

struct perform_params {
	struct bdk_rpc_string_array names;
	char *workload_type;
	char *io_size;
	uint32_t queue_depth;
	char *queue_depths;
	uint32_t time_in_sec;
	uint32_t warmup_in_sec;
	uint64_t count;
	uint32_t rw_percentage;
	bool overwrite;
};

#define NOT_GIVEN UINT32_MAX

static const struct perform_params g_default_params = {
	.time_in_sec = NOT_GIVEN,
	.warmup_in_sec = NOT_GIVEN,
	.rw_percentage = NOT_GIVEN,
};

static int
set_depths(const struct perform_params *p, struct perf_options *options)
{
	if (p->queue_depth > 0) {
		options->depths[0] = p->queue_depth;
		options->num_depths = 1;
	}
	return p->queue_depths == NULL ? 0 : perf_options_set_depths(options, p->queue_depths);
}

/* Returns what is wrong, or NULL. */
static const char *
apply_params(const struct perform_params *p, struct perf_options *options)
{
	if (p->workload_type != NULL && perf_options_set_workload(options, p->workload_type) != 0) {
		return "workload_type: there is no such workload";
	}
	if (p->io_size != NULL && perf_sizes_parse(&options->sizes, p->io_size) != 0) {
		return "io_size: not a size";
	}
	if (set_depths(p, options) != 0) {
		return "queue_depths: not numbers of at most 65536 with commas, 16 at most";
	}
	if (p->time_in_sec != NOT_GIVEN) {
		options->time = p->time_in_sec;
	}
	if (p->warmup_in_sec != NOT_GIVEN) {
		options->warmup = p->warmup_in_sec;
	}
	if (p->rw_percentage != NOT_GIVEN) {
		options->read_percent = p->rw_percentage;
	}
	if (p->count > 0) {
		options->count = p->count;
	}
	options->overwrite = options->overwrite || p->overwrite;
	return perf_options_check(options);
}

/* Those that are named; else those of the command line; else all that nobody builds on. */
static int
choose_bdevs(const struct perform_params *p, struct perf_options *options)
{
	int rc = 0;

	options->bdevs = (struct expression_names){};
	for (size_t i = 0; i < p->names.count && rc == 0; i++) {
		rc = expression_names_add(&options->bdevs, p->names.items[i]);
	}
	for (size_t i = 0; p->names.count == 0 && g_defaults != NULL && i < g_defaults->bdevs.count && rc == 0; i++) {
		rc = expression_names_add(&options->bdevs, g_defaults->bdevs.items[i]);
	}
	if (options->bdevs.count > 0) {
		return rc;
	}
	for (struct spdk_bdev *bdev = spdk_bdev_first_leaf(); bdev != NULL && rc == 0;
		bdev = spdk_bdev_next_leaf(bdev)) {
		rc = expression_names_add(&options->bdevs, spdk_bdev_get_name(bdev));
	}
	return rc != 0 ? rc : options->bdevs.count > 0 ? 0 : -ENODEV;
}

static void
answer_cb(void *ctx, int rc, const char *why, const struct perf_results *results)
{
	struct spdk_jsonrpc_request *request = g_request;
	struct spdk_json_write_ctx *w;

	g_request = NULL;
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "%s", why);
	} else {
		w = spdk_jsonrpc_begin_result(request);
		perf_results_write_json(results, w);
		spdk_jsonrpc_end_result(request, w);
	}
	expression_names_free(&g_options.bdevs);
}

static void
rpc_perform_tests(struct spdk_jsonrpc_request *request, void *params)
{
	const struct perform_params *p = params;
	const char *wrong;
	int rc;

	if (g_request != NULL || perf_run_is_busy()) {
		bdk_rpc_send_error(request, -EBUSY, "A measurement goes on");
		return;
	}
	if (g_defaults != NULL) {
		g_options = *g_defaults;
	} else {
		perf_options_init(&g_options);
	}
	wrong = apply_params(p, &g_options);
	if (wrong != NULL) {
		bdk_rpc_send_error(request, -EINVAL, "%s", wrong);
		return;
	}
	/* Others may use what a target has. */
	if (perf_options_write(&g_options) && g_defaults == NULL && !g_options.overwrite) {
		bdk_rpc_send_error(request, -EPERM,
			"The workload %s overwrites what the bdevs hold; say so with overwrite",
			g_options.workload->name);
		return;
	}
	rc = choose_bdevs(p, &g_options);
	if (rc != 0) {
		expression_names_free(&g_options.bdevs);
		bdk_rpc_send_error(request, rc, "There is no bdev to measure");
		return;
	}
	g_request = request;
	perf_run(&g_options, false, answer_cb, NULL);
}

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "names",
		.type = BDK_RPC_STRING_ARRAY,
		.offset = offsetof(struct perform_params, names),
		.help = "names of the bdevs",
		.default_text = "those of the command line of bdevkit perf -z, else all that no other bdev builds on",
	},
	{
		.name = "workload_type",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct perform_params, workload_type),
		.option = 'w',
		.help = "read, write, randread, randwrite, rw, randrw, verify or another one of bdevkit perf -w",
		.default_text = "that of the command line",
	},
	{
		.name = "io_size",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct perform_params, io_size),
		.option = 'o',
		.help = "bytes of an I/O, with a suffix such as k, or a mix as of bdevkit perf -o",
		.default_text = "4096",
	},
	{
		.name = "queue_depth",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, queue_depth),
		.option = 'q',
		.max = PERF_MAX_DEPTH,
		.help = "I/Os that are out at a time",
		.default_text = "32",
	},
	{
		.name = "queue_depths",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct perform_params, queue_depths),
		.help = "several numbers instead, with commas: one measurement each",
		.default_text = "only queue_depth",
	},
	{
		.name = "time_in_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, time_in_sec),
		.option = 't',
		.max = 1000000,
		.help = "seconds to measure; 0: until count is reached",
		.default_text = "10",
	},
	{
		.name = "warmup_in_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, warmup_in_sec),
		.max = 1000000,
		.help = "seconds of load before it is measured",
		.default_text = "0",
	},
	{
		.name = "count",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct perform_params, count),
		.help = "I/Os of each bdev to end after",
		.default_text = "0, no limit",
	},
	{
		.name = "rw_percentage",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, rw_percentage),
		.option = 'M',
		.max = 100,
		.help = "percentage of reads of a mixed workload",
		.default_text = "50",
	},
	{
		.name = "overwrite",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct perform_params, overwrite),
		.help = "what the bdevs hold may be lost; must be true for workloads that write",
		.default_text = "false",
	},
};

static const struct bdk_rpc_method g_perform_method = {
	.name = "perform_tests",
	.summary = "Puts load on bdevs and measures throughput and latency, as bdevkit perf",
	.result = "results: of each bdev and queue depth job (its name), core_mask, workload, status, queue_depth, "
		  "io_size, "
		  "runtime, iops, mibps, io_failed, io_aborted, io_mismatched, avg_latency_us, min_latency_us, "
		  "max_latency_us, and operations: of each type of I/O its ios, bytes, iops, mibps and latency_us with "
		  "percentiles; core_count",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct perform_params),
	.defaults = &g_default_params,
	.handler = rpc_perform_tests,
};
BDK_RPC_REGISTER(g_perform_method)

/* ---- the client ---- */

static void
write_sizes(const struct perf_sizes *sizes, struct spdk_json_write_ctx *w)
{
	char text[PERF_MAX_SIZES * 32] = "";

	for (uint32_t i = 0; i < sizes->count; i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "%s%" PRIu64 "/%" PRIu32, i > 0 ? ":" : "",
			sizes->items[i].bytes, sizes->items[i].percent);
	}
	spdk_json_write_named_string(w, "io_size", text);
}

static int
write_params(struct spdk_json_write_ctx *w, void *ctx)
{
	const struct perf_options *options = ctx;
	char depths[PERF_MAX_DEPTHS * 8] = "";

	for (uint32_t i = 0; i < options->num_depths; i++) {
		size_t length = strlen(depths);

		snprintf(depths + length, sizeof(depths) - length, "%s%" PRIu32, i > 0 ? "," : "", options->depths[i]);
	}
	if (options->bdevs.count > 0) {
		spdk_json_write_named_array_begin(w, "names");
		for (size_t i = 0; i < options->bdevs.count; i++) {
			spdk_json_write_string(w, options->bdevs.items[i]);
		}
		spdk_json_write_array_end(w);
	}
	spdk_json_write_named_string(w, "workload_type", options->workload->name);
	spdk_json_write_named_string(w, "queue_depths", depths);
	write_sizes(&options->sizes, w);
	spdk_json_write_named_uint32(w, "time_in_sec", (uint32_t)ceil(options->time));
	spdk_json_write_named_uint32(w, "warmup_in_sec", (uint32_t)ceil(options->warmup));
	spdk_json_write_named_uint64(w, "count", options->count);
	spdk_json_write_named_uint32(w, "rw_percentage", options->read_percent);
	spdk_json_write_named_bool(w, "overwrite", options->overwrite);
	return 0;
}

static int
print_answer(const struct spdk_jsonrpc_client_response *response)
{
	const struct spdk_json_object_decoder decoder = {"message", 0, spdk_json_decode_string};
	struct spdk_json_write_ctx *w;
	struct text text = {};
	char *message = NULL;

	if (response->result == NULL) {
		spdk_json_decode_object_relaxed(response->error, &decoder, 1, &message);
		fprintf(stderr, "bdevkit perf: %s\n",
			message != NULL ? message : "the target's answer is not understood");
		free(message);
		return -EIO;
	}
	w = spdk_json_write_begin(text_append, &text, SPDK_JSON_WRITE_FLAG_FORMATTED);
	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_val(w, response->result);
	if (spdk_json_write_end(w) == 0) {
		printf("%s\n", text.data);
	}
	free(text.data);
	return 0;
}

int
perf_rpc_ask(const char *socket_path, const struct perf_options *options)
{
	struct rpc_client client = {.socket_path = socket_path, .timeout = CALL_TIMEOUT_SECONDS};
	struct spdk_jsonrpc_client_response *response =
		rpc_client_call(&client, "perform_tests", write_params, (void *)options);
	int rc = response != NULL ? print_answer(response) : -EIO;

	spdk_jsonrpc_client_free_response(response);
	rpc_client_close(&client);
	return rc;
}
