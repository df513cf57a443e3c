/* SPDX-License-Identifier: BSD-3-Clause */

/* The module, and the methods that switch it on and off. */

#include "module/metrics/metrics.h"

#include "bdevkit/rpc.h"
#include "spdk/bdev_module.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define DEFAULT_ADDRESS "tcp:9841"

static int module_init(void);
static void module_fini_start(void);
static void examine_config(struct spdk_bdev *bdev);
static int write_config(struct spdk_json_write_ctx *w);

static struct spdk_bdev_module g_module = {
	.name = "metrics",
	.module_init = module_init,
	.fini_start = module_fini_start,
	.async_fini_start = true,
	.examine_config = examine_config,
	.config_json = write_config,
};

SPDK_BDEV_MODULE_REGISTER(metrics, &g_module)

SPDK_LOG_REGISTER_COMPONENT(metrics)

/* Where it is served; NULL: it is not. */
static struct metrics_server *g_server;
static bool g_stopping;
/* The layer ends as soon as it is stopped. */
static bool g_ending;
/* As it was asked for, and as it is. */
static char g_address[METRICS_ADDRESS_SIZE], g_bound[METRICS_ADDRESS_SIZE];
static bool g_latency;

/* ---- The module ---- */

static int
module_init(void)
{
	g_ending = false;
	return 0;
}

static void
stopped_cb(void *arg)
{
	struct spdk_jsonrpc_request *rpc = arg;

	g_server = NULL;
	g_stopping = false;
	if (rpc != NULL) {
		bdk_rpc_send_outcome(rpc, 0, "metrics");
	}
	if (g_ending) {
		spdk_bdev_module_fini_start_done();
	}
}

static void
stop(struct spdk_jsonrpc_request *rpc)
{
	g_stopping = true;
	metrics_set_latency(false);
	metrics_server_stop(g_server, stopped_cb, rpc);
}

static void
module_fini_start(void)
{
	g_ending = true;
	if (g_server == NULL) {
		spdk_bdev_module_fini_start_done();
	} else if (!g_stopping) {
		stop(NULL);
	}
}

static void
examine_config(struct spdk_bdev *bdev)
{
	metrics_watch(bdev);
	spdk_bdev_module_examine_done(&g_module);
}

static int
write_config(struct spdk_json_write_ctx *w)
{
	if (g_server == NULL) {
		return 0;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "metrics_start");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "address", g_address);
	spdk_json_write_named_bool(w, "latency", g_latency);
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
	return 0;
}

/* ---- metrics_start ---- */

struct start_params {
	char *address;
	bool latency;
};

static const struct start_params g_start_defaults = {.latency = true};

static const struct bdk_rpc_param g_start_params[] = {
	{
		.name = "address",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct start_params, address),
		.position = 1,
		.help = "tcp:PORT (on loopback), tcp:HOST:PORT or unix:PATH",
		.default_text = DEFAULT_ADDRESS,
	},
	{
		.name = "latency",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct start_params, latency),
		.opposite = "no-latency",
		.help = "also histograms of latency: each I/O is then counted in one",
		.default_text = "true",
	},
};

static void
rpc_metrics_start(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct start_params *params = ctx;
	const char *address = params->address != NULL ? params->address : DEFAULT_ADDRESS, *why;
	struct spdk_json_write_ctx *w;
	int rc;

	if (g_server != NULL) {
		bdk_rpc_send_error(rpc, -EALREADY, "metrics are served at %s already; metrics_stop ends that", g_bound);
		return;
	}
	rc = strlen(address) < sizeof(g_address) ? metrics_server_start(address, g_bound, &g_server, &why)
						 : -ENAMETOOLONG;
	if (rc == -EINVAL && why != NULL) {
		bdk_rpc_send_error(rpc, rc, "address %s: %s", address, why);
		return;
	}
	if (rc != 0) {
		bdk_rpc_send_errno(rpc, rc, "address %s", address);
		return;
	}
	snprintf(g_address, sizeof(g_address), "%s", address);
	g_latency = params->latency;
	metrics_set_latency(g_latency);
	SPDK_NOTICELOG("metrics are served at %s\n", g_bound);
	w = spdk_jsonrpc_begin_result(rpc);
	spdk_json_write_string(w, g_bound);
	spdk_jsonrpc_end_result(rpc, w);
}

static const struct bdk_rpc_method g_rpc_metrics_start = {
	.name = "metrics_start",
	.summary = "Serve metrics over HTTP, at /metrics, in the OpenMetrics format.",
	.result = "string: the address",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_start_params,
	.num_params = SPDK_COUNTOF(g_start_params),
	.params_size = sizeof(struct start_params),
	.defaults = &g_start_defaults,
	.handler = rpc_metrics_start,
};
BDK_RPC_REGISTER(g_rpc_metrics_start)

/* ---- metrics_stop ---- */

static void
rpc_metrics_stop(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	if (g_server == NULL || g_stopping) {
		bdk_rpc_send_error(rpc, -ENOENT, "metrics are not served; metrics_start begins that");
		return;
	}
	stop(rpc);
}

static const struct bdk_rpc_method g_rpc_metrics_stop = {
	.name = "metrics_stop",
	.summary = "Serve no more metrics.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = rpc_metrics_stop,
};
BDK_RPC_REGISTER(g_rpc_metrics_stop)
