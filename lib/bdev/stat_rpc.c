/* SPDX-License-Identifier: BSD-3-Clause */

/* RPC methods about statistics. */

#include "lib/bdev/io_internal.h"
#include "bdevkit/bdev_stat.h"
#include "bdevkit/rpc.h"

static const struct bdk_rpc_value g_reset_modes[] = {
	{"all", SPDK_BDEV_RESET_STAT_ALL},
	{"maxmin", SPDK_BDEV_RESET_STAT_MAXMIN},
	{"none", SPDK_BDEV_RESET_STAT_NONE},
	{},
};

/*
 * One request, for one bdev or for all. While a bdev is asked it is held open, so that it cannot vanish; answers are
 * kept until all are there, because the request fails as a whole if one does.
 */
struct stat_request;

struct stat_answer {
	struct stat_request *request;
	struct spdk_bdev_desc *desc;
	struct spdk_bdev_io_stat *stat;
	TAILQ_ENTRY(stat_answer) link;
};

struct stat_request {
	struct spdk_jsonrpc_request *rpc;
	enum spdk_bdev_reset_stat_mode reset_mode;
	bool write_answers;
	TAILQ_HEAD(, stat_answer) answers;
	/* Bdevs that have not answered, and 1 while asking. */
	uint32_t pending;
	int rc;
	char failed[256];
};

static void
fail(struct stat_request *request, int rc, const char *name)
{
	if (request->rc == 0) {
		request->rc = rc;
		snprintf(request->failed, sizeof(request->failed), "%s", name);
	}
}

static void
write_sampling(const struct spdk_bdev *bdev, struct spdk_json_write_ctx *w)
{
	uint64_t period = spdk_bdev_get_qd_sampling_period(bdev);

	if (period == 0) {
		return;
	}
	spdk_json_write_named_uint64(w, "queue_depth_polling_period", period);
	spdk_json_write_named_uint64(w, "queue_depth", spdk_bdev_get_qd(bdev));
	spdk_json_write_named_uint64(w, "io_time", spdk_bdev_get_io_time(bdev));
	spdk_json_write_named_uint64(w, "weighted_io_time", spdk_bdev_get_weighted_io_time(bdev));
}

static void
write_answer(const struct stat_answer *answer, struct spdk_json_write_ctx *w)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(answer->desc);

	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "name", spdk_bdev_get_name(bdev));
	spdk_bdev_dump_io_stat_json(answer->stat, w);
	write_sampling(bdev, w);
	if (bdev->fn_table->dump_device_stat_json != NULL) {
		spdk_json_write_named_object_begin(w, "driver_specific");
		bdev->fn_table->dump_device_stat_json(bdev->ctxt, w);
		spdk_json_write_object_end(w);
	}
	spdk_json_write_object_end(w);
}

static void
write_ticks(struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_uint64(w, "tick_rate", spdk_get_ticks_hz());
	spdk_json_write_named_uint64(w, "ticks", spdk_get_ticks());
}

static void
reply(struct stat_request *request)
{
	struct spdk_json_write_ctx *w;
	struct stat_answer *answer;

	if (request->rc != 0) {
		bdk_rpc_send_errno(request->rpc, request->rc, "bdev %s", request->failed);
		return;
	}
	if (!request->write_answers) {
		spdk_jsonrpc_send_bool_response(request->rpc, true);
		return;
	}
	w = spdk_jsonrpc_begin_result(request->rpc);
	spdk_json_write_object_begin(w);
	write_ticks(w);
	spdk_json_write_named_array_begin(w, "bdevs");
	TAILQ_FOREACH (answer, &request->answers, link) {
		write_answer(answer, w);
	}
	spdk_json_write_array_end(w);
	spdk_json_write_object_end(w);
	spdk_jsonrpc_end_result(request->rpc, w);
}

static void
release(struct stat_request *request)
{
	struct stat_answer *answer;

	if (--request->pending > 0) {
		return;
	}
	reply(request);
	while ((answer = TAILQ_FIRST(&request->answers)) != NULL) {
		TAILQ_REMOVE(&request->answers, answer, link);
		spdk_bdev_close(answer->desc);
		free(answer->stat);
		free(answer);
	}
	free(request);
}

static void
device_stat_cb(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, void *cb_arg, int rc)
{
	struct stat_answer *answer = cb_arg;

	if (rc != 0) {
		fail(answer->request, rc, spdk_bdev_get_name(bdev));
	}
	release(answer->request);
}

static int
ask(struct stat_request *request, const char *name)
{
	struct stat_answer *answer;
	int rc;

	answer = calloc(1, sizeof(*answer));
	if (answer == NULL) {
		return -ENOMEM;
	}
	answer->request = request;
	answer->stat = bdk_bdev_io_stat_alloc();
	if (answer->stat == NULL) {
		free(answer);
		return -ENOMEM;
	}
	rc = bdev_desc_open_internal(name, &answer->desc);
	if (rc != 0) {
		free(answer->stat);
		free(answer);
		return rc;
	}
	TAILQ_INSERT_TAIL(&request->answers, answer, link);
	request->pending++;
	spdk_bdev_get_device_stat(
		spdk_bdev_desc_get_bdev(answer->desc), answer->stat, request->reset_mode, device_stat_cb, answer);
	return 0;
}

static int
ask_each(void *ctx, struct spdk_bdev *bdev)
{
	struct stat_request *request = ctx;
	int rc;

	if (!request->write_answers && request->reset_mode == SPDK_BDEV_RESET_STAT_ALL &&
		bdev->fn_table->reset_device_stat != NULL) {
		bdev->fn_table->reset_device_stat(bdev->ctxt);
	}
	rc = ask(request, spdk_bdev_get_name(bdev));
	if (rc == -ENODEV) {
		/* It is on its way out. */
		return 0;
	}
	if (rc != 0) {
		fail(request, rc, spdk_bdev_get_name(bdev));
	}
	return rc;
}

/* Asks the bdev of that name, or all of them if name is NULL, and replies. */
static void
ask_bdevs(struct spdk_jsonrpc_request *rpc, const char *name, enum spdk_bdev_reset_stat_mode mode, bool write_answers)
{
	struct stat_request *request;
	int rc;

	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		bdk_rpc_send_errno(rpc, -ENOMEM, "statistics");
		return;
	}
	request->rpc = rpc;
	request->reset_mode = mode;
	request->write_answers = write_answers;
	request->pending = 1;
	TAILQ_INIT(&request->answers);
	if (name != NULL) {
		rc = ask(request, name);
	} else {
		rc = spdk_for_each_bdev(request, ask_each);
	}
	if (rc != 0) {
		fail(request, rc, name != NULL ? name : "list");
	}
	release(request);
}

/* ---- per channel ---- */

struct channels_request {
	struct spdk_jsonrpc_request *rpc;
	/* NULL until there is something to say. */
	struct spdk_json_write_ctx *w;
	struct spdk_bdev_desc *desc;
	enum spdk_bdev_reset_stat_mode reset_mode;
};

/* One channel writes after the other. */
static void
begin_channels(struct channels_request *request)
{
	if (request->w != NULL) {
		return;
	}
	request->w = spdk_jsonrpc_begin_result(request->rpc);
	spdk_json_write_object_begin(request->w);
	write_ticks(request->w);
	spdk_json_write_named_string(request->w, "name", spdk_bdev_get_name(spdk_bdev_desc_get_bdev(request->desc)));
	spdk_json_write_named_array_begin(request->w, "channels");
}

static void
write_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *ch, void *ctx)
{
	struct channels_request *request = ctx;
	struct spdk_bdev_io_stat stat = {};

	spdk_bdev_get_io_stat(bdev, ch, &stat, request->reset_mode);
	begin_channels(request);
	spdk_json_write_object_begin(request->w);
	spdk_json_write_named_uint64(request->w, "thread_id", spdk_thread_get_id(spdk_get_thread()));
	spdk_bdev_dump_io_stat_json(&stat, request->w);
	spdk_json_write_object_end(request->w);
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
wrote_channels_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct channels_request *request = ctx;

	if (status != 0) {
		/* No channel has been visited, for want of memory. */
		bdk_rpc_send_errno(request->rpc, status, "bdev %s", spdk_bdev_get_name(bdev));
	} else {
		begin_channels(request);
		spdk_json_write_array_end(request->w);
		spdk_json_write_object_end(request->w);
		spdk_jsonrpc_end_result(request->rpc, request->w);
	}
	spdk_bdev_close(request->desc);
	free(request);
}

static void
ask_channels(struct spdk_jsonrpc_request *rpc, const char *name, enum spdk_bdev_reset_stat_mode mode)
{
	struct channels_request *request;
	int rc;

	request = calloc(1, sizeof(*request));
	rc = request == NULL ? -ENOMEM : bdev_desc_open_internal(name, &request->desc);
	if (rc != 0) {
		free(request);
		bdk_rpc_send_errno(rpc, rc, "bdev %s", name);
		return;
	}
	request->rpc = rpc;
	request->reset_mode = mode;
	spdk_bdev_for_each_channel(
		spdk_bdev_desc_get_bdev(request->desc), write_channel_cb, request, wrote_channels_cb);
}

/* ---- bdev_get_iostat ---- */

struct get_iostat_params {
	char *name;
	bool per_channel;
	int reset_mode;
};

static const struct get_iostat_params g_get_iostat_defaults = {
	.reset_mode = SPDK_BDEV_RESET_STAT_NONE,
};

static const struct bdk_rpc_param g_get_iostat_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct get_iostat_params, name),
		.option = 'b',
		.help = "name or alias of a bdev",
		.default_text = "all bdevs",
	},
	{
		.name = "per_channel",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct get_iostat_params, per_channel),
		.option = 'c',
		.help = "each channel of the bdev for itself; needs name",
		.default_text = "false",
	},
	{
		.name = "reset_mode",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct get_iostat_params, reset_mode),
		.values = g_reset_modes,
		.help = "what to set to zero after reading it: everything, only the extremes, nothing",
		.default_text = "none",
	},
};

static void
rpc_bdev_get_iostat(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct get_iostat_params *params = ctx;

	if (!params->per_channel) {
		ask_bdevs(rpc, params->name, params->reset_mode, true);
	} else if (params->name == NULL) {
		bdk_rpc_send_errno(rpc, -EINVAL, "per_channel needs the name of a bdev");
	} else {
		ask_channels(rpc, params->name, params->reset_mode);
	}
}

static const struct bdk_rpc_method g_rpc_bdev_get_iostat = {
	.name = "bdev_get_iostat",
	.summary = "Show how much I/O bdevs have done, and how long it took in ticks.",
	.result = "object with tick_rate, ticks, and an array of bdevs or of channels",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_get_iostat_params,
	.num_params = SPDK_COUNTOF(g_get_iostat_params),
	.params_size = sizeof(struct get_iostat_params),
	.defaults = &g_get_iostat_defaults,
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_get_iostat,
};

BDK_RPC_REGISTER(g_rpc_bdev_get_iostat)

/* ---- bdev_reset_iostat ---- */

struct reset_iostat_params {
	char *name;
	int mode;
};

static const struct reset_iostat_params g_reset_iostat_defaults = {
	.mode = SPDK_BDEV_RESET_STAT_ALL,
};

static const struct bdk_rpc_param g_reset_iostat_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct reset_iostat_params, name),
		.option = 'b',
		.help = "name or alias of a bdev",
		.default_text = "all bdevs",
	},
	{
		.name = "mode",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct reset_iostat_params, mode),
		.values = g_reset_modes,
		.option = 'm',
		.help = "what to set to zero: everything, only the extremes, nothing",
		.default_text = "all",
	},
};

static void
rpc_bdev_reset_iostat(struct spdk_jsonrpc_request *rpc, void *ctx)
{
	struct reset_iostat_params *params = ctx;

	if (params->mode == SPDK_BDEV_RESET_STAT_NONE) {
		spdk_jsonrpc_send_bool_response(rpc, true);
		return;
	}
	ask_bdevs(rpc, params->name, params->mode, false);
}

static const struct bdk_rpc_method g_rpc_bdev_reset_iostat = {
	.name = "bdev_reset_iostat",
	.summary = "Set the I/O statistics of bdevs to zero.",
	.result = "true",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_reset_iostat_params,
	.num_params = SPDK_COUNTOF(g_reset_iostat_params),
	.params_size = sizeof(struct reset_iostat_params),
	.defaults = &g_reset_iostat_defaults,
	.params_error = SPDK_JSONRPC_ERROR_INTERNAL_ERROR,
	.handler = rpc_bdev_reset_iostat,
};

BDK_RPC_REGISTER(g_rpc_bdev_reset_iostat)
