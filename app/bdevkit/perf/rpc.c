/* SPDX-License-Identifier: BSD-3-Clause */

/* perform_tests: a measurement in a running target, also in bdevkit perf -z, and the client that asks for it. */

#include "app/bdevkit/perf/rpc.h"

#include "bdevkit/rpc.h"
#include "spdk/bdev.h"
#include "spdk/string.h"

#include "app/bdevkit/perf/run.h"
#include "app/bdevkit/perf/summary.h"
#include "app/bdevkit/rpc_client.h"

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
	char *distribution;
	uint32_t queue_depth;
	char *queue_depths;
	uint32_t time_in_sec;
	uint32_t warmup_in_sec;
	uint64_t count;
	uint32_t rw_percentage;
	uint64_t rate;
	uint64_t bandwidth;
	uint32_t abort_every;
	uint32_t reset_every;
	uint32_t timeout_in_sec;
	uint64_t seed;
	bool zcopy;
	bool stamp;
	bool every_core;
	bool continue_on_failure;
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
apply_texts(const struct perform_params *p, struct perf_options *options)
{
	if (p->workload_type != NULL && perf_options_set_workload(options, p->workload_type) != 0) {
		return "workload_type: there is no such workload";
	}
	if (p->io_size != NULL && perf_sizes_parse(&options->sizes, p->io_size) != 0) {
		return "io_size: not a size such as 4k, or a mix such as 4k/70:64k/30 of 100 %";
	}
	if (p->distribution != NULL && perf_distribution_parse(&options->distribution, p->distribution) != 0) {
		return "distribution: it is random, zipf:THETA or hot:IOS/AREA";
	}
	if (set_depths(p, options) != 0) {
		return "queue_depths: not numbers of at most 65536 with commas, 16 at most";
	}
	return NULL;
}

static void
apply_numbers(const struct perform_params *p, struct perf_options *options)
{
	if (p->time_in_sec != NOT_GIVEN) {
		options->time = p->time_in_sec;
	}
	if (p->warmup_in_sec != NOT_GIVEN) {
		options->warmup = p->warmup_in_sec;
	}
	if (p->rw_percentage != NOT_GIVEN) {
		options->read_percent = p->rw_percentage;
	}
	options->count = p->count > 0 ? p->count : options->count;
	options->rate = p->rate > 0 ? p->rate : options->rate;
	options->bandwidth = p->bandwidth > 0 ? p->bandwidth : options->bandwidth;
	options->abort_every = p->abort_every > 0 ? p->abort_every : options->abort_every;
	options->reset_ms = p->reset_every > 0 ? p->reset_every : options->reset_ms;
	options->timeout = p->timeout_in_sec > 0 ? p->timeout_in_sec : options->timeout;
	options->seed = p->seed > 0 ? p->seed : options->seed;
	options->zcopy = options->zcopy || p->zcopy;
	options->stamp = options->stamp || p->stamp;
	options->every_core = options->every_core || p->every_core;
	options->go_on = options->go_on || p->continue_on_failure;
	options->overwrite = options->overwrite || p->overwrite;
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

/* Whoever asked is gone, and the load with him. */
static void
connection_closed(struct spdk_jsonrpc_server_conn *conn, void *ctx)
{
	perf_run_interrupt();
}

static void
answer_cb(void *ctx, int rc, const char *why, const struct perf_results *results)
{
	struct spdk_jsonrpc_request *request = g_request;
	struct spdk_jsonrpc_server_conn *conn = spdk_jsonrpc_get_conn(request);
	struct perf_summary summary;
	struct spdk_json_write_ctx *w;

	g_request = NULL;
	if (conn != NULL) {
		spdk_jsonrpc_conn_del_close_cb(conn, connection_closed, NULL);
	}
	if (rc == 0 && perf_summary_make(&summary, results) != 0) {
		rc = -ENOMEM;
		why = "no memory";
	}
	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "%s", why);
	} else {
		w = spdk_jsonrpc_begin_result(request);
		perf_summary_write_json(&summary, w);
		spdk_jsonrpc_end_result(request, w);
		perf_summary_free(&summary);
	}
	expression_names_free(&g_options.bdevs);
}

static void
rpc_perform_tests(struct spdk_jsonrpc_request *request, void *params)
{
	const struct perform_params *p = params;
	struct spdk_jsonrpc_server_conn *conn = spdk_jsonrpc_get_conn(request);
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
	wrong = apply_texts(p, &g_options);
	if (wrong == NULL) {
		apply_numbers(p, &g_options);
		wrong = perf_options_check(&g_options);
	}
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
	/* Without the callback the measurement goes on to its end. */
	if (conn != NULL) {
		spdk_jsonrpc_conn_add_close_cb(conn, connection_closed, NULL);
	}
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
		.name = "distribution",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct perform_params, distribution),
		.help = "where random I/O goes: random, zipf:THETA or hot:IOS/AREA",
		.default_text = "random",
	},
	{
		.name = "rate",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct perform_params, rate),
		.max = PERF_MAX_RATE,
		.help = "most I/Os a second of each bdev",
		.default_text = "0, no limit",
	},
	{
		.name = "bandwidth",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct perform_params, bandwidth),
		.help = "most bytes a second of each bdev",
		.default_text = "0, no limit",
	},
	{
		.name = "abort_every",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, abort_every),
		.help = "abort one of so many I/Os",
		.default_text = "0, none but of the workload abort",
	},
	{
		.name = "reset_every",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, reset_every),
		.max = PERF_MAX_RESET_MS,
		.help = "milliseconds between two resets",
		.default_text = "0, none but of the workload reset",
	},
	{
		.name = "timeout_in_sec",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct perform_params, timeout_in_sec),
		.help = "I/Os that take longer are counted, and aborted where the bdev can",
		.default_text = "0, none",
	},
	{
		.name = "seed",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct perform_params, seed),
		.help = "repeats the random choices, and the stamps, of another call",
		.default_text = "1",
	},
	{
		.name = "zcopy",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct perform_params, zcopy),
		.help = "reads and writes without copying",
		.default_text = "false",
	},
	{
		.name = "stamp",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct perform_params, stamp),
		.help = "write what says where it belongs, and compare what is read with that",
		.default_text = "false",
	},
	{
		.name = "every_core",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct perform_params, every_core),
		.help = "load on each bdev from every CPU",
		.default_text = "false",
	},
	{
		.name = "continue_on_failure",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct perform_params, continue_on_failure),
		.help = "go on when an I/O fails or differs",
		.default_text = "false",
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
	.result = "results: of each queue depth and bdev an object, with job (its name), core_mask, status, workload, "
		  "queue_depth, io_size, runtime, iops, mibps, io_failed, io_timeout, io_aborted, io_mismatched, "
		  "avg_latency_us, min_latency_us, max_latency_us, latency_us with percentiles, and operations, which "
		  "has "
		  "as much of each type of I/O; totals: of each queue depth all bdevs together; core_count",
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
write_texts(const struct perf_options *options, struct spdk_json_write_ctx *w)
{
	char depths[PERF_MAX_DEPTHS * 8] = "", sizes[PERF_SIZES_TEXT], distribution[PERF_DISTRIBUTION_TEXT];

	for (uint32_t i = 0; i < options->num_depths; i++) {
		size_t length = strlen(depths);

		snprintf(depths + length, sizeof(depths) - length, "%s%" PRIu32, i > 0 ? "," : "", options->depths[i]);
	}
	perf_sizes_format(&options->sizes, sizes);
	perf_distribution_format(&options->distribution, distribution);
	spdk_json_write_named_string(w, "workload_type", options->workload->name);
	spdk_json_write_named_string(w, "queue_depths", depths);
	spdk_json_write_named_string(w, "io_size", sizes);
	spdk_json_write_named_string(w, "distribution", distribution);
}

static int
write_params(struct spdk_json_write_ctx *w, void *ctx)
{
	const struct perf_options *options = ctx;

	if (options->bdevs.count > 0) {
		spdk_json_write_named_array_begin(w, "names");
		for (size_t i = 0; i < options->bdevs.count; i++) {
			spdk_json_write_string(w, options->bdevs.items[i]);
		}
		spdk_json_write_array_end(w);
	}
	write_texts(options, w);
	spdk_json_write_named_uint32(w, "time_in_sec", (uint32_t)ceil(options->time));
	spdk_json_write_named_uint32(w, "warmup_in_sec", (uint32_t)ceil(options->warmup));
	spdk_json_write_named_uint64(w, "count", options->count);
	spdk_json_write_named_uint32(w, "rw_percentage", options->read_percent);
	spdk_json_write_named_uint64(w, "rate", options->rate);
	spdk_json_write_named_uint64(w, "bandwidth", options->bandwidth);
	spdk_json_write_named_uint32(w, "abort_every", options->abort_every);
	spdk_json_write_named_uint32(w, "reset_every", options->reset_ms);
	spdk_json_write_named_uint32(w, "timeout_in_sec", options->timeout);
	spdk_json_write_named_uint64(w, "seed", options->seed);
	spdk_json_write_named_bool(w, "zcopy", options->zcopy);
	spdk_json_write_named_bool(w, "stamp", options->stamp);
	spdk_json_write_named_bool(w, "every_core", options->every_core);
	spdk_json_write_named_bool(w, "continue_on_failure", options->go_on);
	spdk_json_write_named_bool(w, "overwrite", options->overwrite);
	return 0;
}

static void
print_error(const struct spdk_json_val *error)
{
	const struct spdk_json_object_decoder decoder = {"message", 0, spdk_json_decode_string};
	char *message = NULL;

	if (error != NULL) {
		spdk_json_decode_object_relaxed(error, &decoder, 1, &message);
	}
	fprintf(stderr, "bdevkit perf: %s\n", message != NULL ? message : "the target's answer is not understood");
	free(message);
}

int
perf_rpc_ask(const char *socket_path, const struct perf_options *options, perf_rpc_answer_fn fn)
{
	/* How long it takes is known to whoever asked. */
	struct rpc_client client = {.socket_path = socket_path, .timeout = UINT_MAX};
	struct spdk_jsonrpc_client_response *response =
		rpc_client_call(&client, "perform_tests", write_params, (void *)options);
	int rc = -EIO;

	if (response != NULL && response->result != NULL) {
		rc = fn(response->result);
	} else if (response != NULL) {
		print_error(response->error);
	}
	spdk_jsonrpc_client_free_response(response);
	rpc_client_close(&client);
	return rc;
}
