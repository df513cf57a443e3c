/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods about histograms of latency. */

#include "lib/bdev/io_internal.h"
#include "bdevkit/bdev_stat.h"
#include "bdevkit/rpc.h"
#include "spdk/base64.h"

/* While it is answered, the bdev is held open. */
struct histogram_request {
	struct spdk_jsonrpc_request *rpc;
	struct spdk_bdev_desc *desc;
	struct spdk_histogram_data *histogram;
};

/* NULL: the answer has been given. */
static struct histogram_request *
begin(struct spdk_jsonrpc_request *rpc, const char *name)
{
	struct histogram_request *request = calloc(1, sizeof(*request));
	int rc;

	rc = request == NULL ? -ENOMEM : bdev_desc_open_internal(name, &request->desc);
	if (rc != 0) {
		free(request);
		bdk_rpc_send_errno(rpc, rc, "bdev %s", name);
		return NULL;
	}
	request->rpc = rpc;
	return request;
}

static void
end(struct histogram_request *request)
{
	spdk_bdev_close(request->desc);
	spdk_histogram_data_free(request->histogram);
	free(request);
}

static const char *
name_of(const struct histogram_request *request)
{
	return spdk_bdev_get_name(spdk_bdev_desc_get_bdev(request->desc));
}

/* ---- bdev_enable_histogram ---- */

struct enable_params {
	char *name;
	bool enable;
	char *opc;
	uint8_t granularity;
	uint64_t min_nsec;
	uint64_t max_nsec;
};

static const struct enable_params g_enable_defaults = {
	.granularity = SPDK_HISTOGRAM_GRANULARITY_DEFAULT,
	.max_nsec = UINT64_MAX,
};

static const struct bdk_rpc_param g_enable_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct enable_params, name),
		.required = true,
		.position = 1,
		.help = "name or alias of a bdev",
	},
	{
		.name = "enable",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct enable_params, enable),
		.required = true,
		.option = 'e',
		.opposite = "disable",
		.opposite_option = 'd',
		.help = "collect latencies; or no longer, and forget them",
	},
	{
		.name = "opc",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct enable_params, opc),
		.option = 'o',
		.help = "only those of this I/O type, as bdev_get_bdevs names them",
		.default_text = "all types",
	},
	{
		.name = "granularity",
		.type = BDK_RPC_UINT8,
		.offset = offsetof(struct enable_params, granularity),
		.help = "2 to this power is the number of buckets for each power of two of ticks",
		.default_text = "7",
	},
	{
		.name = "min_nsec",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct enable_params, min_nsec),
		.help = "shorter latencies, in nanoseconds, need not be told apart",
		.default_text = "0",
	},
	{
		.name = "max_nsec",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct enable_params, max_nsec),
		.help = "longer latencies, in nanoseconds, need not be told apart",
		.default_text = "no limit",
	},
};

static void
enabled_cb(void *cb_arg, int status)
{
	struct histogram_request *request = cb_arg;

	if (status == 0) {
		spdk_jsonrpc_send_bool_response(request->rpc, true);
	} else if (status == -ENOMEM) {
		bdk_rpc_send_errno(request->rpc, status,
			"bdev %s: granularity, min_nsec and max_nsec make no histogram, or one too large",
			name_of(request));
	} else {
		bdk_rpc_send_errno(request->rpc, status, "histogram of bdev %s", name_of(request));
	}
	end(request);
}

static void
rpc_bdev_enable_histogram(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct enable_params *params = ctx;
	struct spdk_bdev_enable_histogram_opts opts;
	struct histogram_request *request;
	int io_type = 0;

	request = begin(rpc, params->name);
	if (request == NULL) {
		return;
	}
	if (params->opc != NULL) {
		io_type = spdk_bdev_get_io_type(params->opc);
	}
	if (io_type < 0) {
		bdk_rpc_send_error(rpc, SPDK_JSONRPC_ERROR_INTERNAL_ERROR, "Invalid Io type %s", params->opc);
		end(request);
		return;
	}
	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.io_type = io_type;
	opts.granularity = params->granularity;
	opts.min_nsec = params->min_nsec;
	opts.max_nsec = params->max_nsec;
	spdk_bdev_histogram_enable_ext(
		spdk_bdev_desc_get_bdev(request->desc), enabled_cb, request, params->enable, &opts);
}

static const struct bdk_rpc_method g_rpc_bdev_enable_histogram = {
	.name = "bdev_enable_histogram",
	.summary = "Begin or end to collect the latencies of a bdev's I/O.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_enable_params,
	.num_params = SPDK_COUNTOF(g_enable_params),
	.params_size = sizeof(struct enable_params),
	.defaults = &g_enable_defaults,
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_enable_histogram,
};

BDK_RPC_REGISTER(g_rpc_bdev_enable_histogram)

/* ---- bdev_get_histogram ---- */

struct get_params {
	char *name;
};

static const struct bdk_rpc_param g_get_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct get_params, name),
		.required = true,
		.position = 1,
		.help = "name or alias of a bdev",
	},
};

static void
write_histogram(struct histogram_request *request, const char *buckets)
{
	const struct spdk_histogram_data *histogram = request->histogram;
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request->rpc);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "histogram", buckets);
	spdk_json_write_named_int64(w, "granularity", histogram->granularity);
	spdk_json_write_named_uint32(w, "min_range", histogram->min_range);
	spdk_json_write_named_uint32(w, "max_range", histogram->max_range);
	spdk_json_write_named_int64(w, "tsc_rate", (int64_t)spdk_get_ticks_hz());
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request->rpc, w);
}

static void
collected_cb(void *cb_arg, int status, struct spdk_histogram_data *histogram)
{
	struct histogram_request *request = cb_arg;
	char *buckets = NULL;
	size_t size;

	if (status == 0) {
		size = SPDK_HISTOGRAM_NUM_BUCKETS(histogram) * sizeof(uint64_t);
		buckets = malloc(spdk_base64_get_encoded_strlen(size) + 1);
		status = buckets == NULL ? -ENOMEM : spdk_base64_encode(buckets, histogram->bucket, size);
	}
	if (status == 0) {
		write_histogram(request, buckets);
	} else {
		bdk_rpc_send_error(request->rpc, SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
			"%s: histogram of bdev %s; bdev_enable_histogram begins one", spdk_strerror(-status),
			name_of(request));
	}
	free(buckets);
	end(request);
}

static void
rpc_bdev_get_histogram(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct get_params *params = ctx;
	struct histogram_request *request;

	request = begin(rpc, params->name);
	if (request == NULL) {
		return;
	}
	request->histogram = bdk_bdev_histogram_alloc(spdk_bdev_desc_get_bdev(request->desc));
	if (request->histogram == NULL) {
		/* Of one that was never enabled, too. */
		bdk_rpc_send_errno(
			rpc, -ENOMEM, "bdev %s has no histogram; bdev_enable_histogram begins one", params->name);
		end(request);
		return;
	}
	spdk_bdev_histogram_get(spdk_bdev_desc_get_bdev(request->desc), request->histogram, collected_cb, request);
}

static const struct bdk_rpc_method g_rpc_bdev_get_histogram = {
	.name = "bdev_get_histogram",
	.summary = "Show the latencies of a bdev's I/O since bdev_enable_histogram, in ticks.",
	.result = "object with the buckets as Base64 of native 64-bit numbers, granularity, first and last range, and "
		  "ticks per second",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_params,
	.num_params = SPDK_COUNTOF(g_get_params),
	.params_size = sizeof(struct get_params),
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_get_histogram,
};

BDK_RPC_REGISTER(g_rpc_bdev_get_histogram)
