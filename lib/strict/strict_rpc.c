/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/strict/strict_internal.h"

#include "bdevkit/rpc.h"

static void
write_io(struct spdk_json_write_ctx *w, const struct bdk_strict_report *report)
{
	spdk_json_write_named_object_begin(w, "io");
	spdk_json_write_named_string(w, "type", report->io_type);
	spdk_json_write_named_uint64(w, "number", report->io_number);
	spdk_json_write_named_uint64(w, "offset_blocks", report->offset_blocks);
	spdk_json_write_named_uint64(w, "num_blocks", report->num_blocks);
	spdk_json_write_named_uint64(w, "age_us", report->age_us);
	spdk_json_write_object_end(w);
}

static void
write_report_cb(void *ctx, const struct bdk_strict_report *report)
{
	struct spdk_json_write_ctx *w = ctx;

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "rule", bdk_strict_rule_name(report->rule));
	spdk_json_write_named_uint64(w, "count", report->count);
	spdk_json_write_named_string(w, "module", report->module);
	spdk_json_write_named_string(w, "bdev", report->bdev);
	spdk_json_write_named_string(w, "thread", report->thread);
	if (report->io_type != NULL) {
		write_io(w, report);
	}
	spdk_json_write_named_string(w, "place", report->place);
	spdk_json_write_named_string(w, "callback", report->callback);
	spdk_json_write_named_string(w, "text", report->text);
	spdk_json_write_object_end(w);
}

static void
rpc_bdevkit_strict_get_reports(struct spdk_jsonrpc_request *request, void *params)
{
	struct spdk_json_write_ctx *w = spdk_jsonrpc_begin_result(request);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_bool(w, "enabled", bdk_strict_is_enabled());
	spdk_json_write_named_uint64(w, "total", bdk_strict_get_count(BDK_STRICT_NUM_RULES));
	spdk_json_write_named_array_begin(w, "reports");
	bdk_strict_for_each_report(write_report_cb, w);
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request, w);
}

static const struct bdk_rpc_method g_rpc_bdevkit_strict_get_reports = {
	.name = "bdevkit_strict_get_reports",
	.summary = "List the rules that modules and callers have broken, as strict mode has seen it",
	.result =
		"object: enabled, total (how often any was broken), and reports: for each rule and place rule, count, "
		"module, bdev, thread, io (type, number, offset_blocks, num_blocks, age_us; if it is about one), "
		"place, "
		"callback, text",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = rpc_bdevkit_strict_get_reports,
};

BDK_RPC_REGISTER(g_rpc_bdevkit_strict_get_reports)
