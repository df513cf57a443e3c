/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/accel/error/accel_error.h"
#include "bdevkit/thread.h"
#include "lib/env/env_internal.h"
#include "spdk/accel_module.h"
#include "spdk/crc32.h"
#include "spdk/json.h"
#include "spdk/log.h"
#include "spdk/thread.h"

STAILQ_HEAD(error_task_list, spdk_accel_task);

struct error_channel {
	struct spdk_thread *thread;
	struct spdk_io_channel *software_ch;
	/* Done by this module; the callbacks wait for the message. */
	struct error_task_list done;
	struct bdk_msg msg;
	bool msg_sent;
	/* Which orders the counts below belong to. */
	uint64_t generation;
	uint64_t seen;
	uint64_t injected;
};

static struct {
	struct env_mutex lock;
	struct accel_error_opts opts;
	/* Changes with each order. */
	uint64_t generation;
} g_error = {.lock = ENV_MUTEX_INITIALIZER, .opts = {.opcode = SPDK_ACCEL_OPC_CRC32C}};

static struct spdk_accel_module_if *g_software;
static struct spdk_accel_module_if g_error_module;

static bool
error_supports_opcode(enum spdk_accel_opcode opcode)
{
	return opcode == SPDK_ACCEL_OPC_CRC32C;
}

int
accel_error_inject(const struct accel_error_opts *opts)
{
	if (!error_supports_opcode(opts->opcode)) {
		return -EINVAL;
	}
	ENV_MUTEX_SCOPE(&g_error.lock);
	g_error.opts = *opts;
	g_error.generation++;
	return 0;
}

/* What is to happen to the next operation of the channel. */
static enum accel_error_type
decide(struct error_channel *ch, int *errcode)
{
	ENV_MUTEX_SCOPE(&g_error.lock);
	if (ch->generation != g_error.generation) {
		ch->generation = g_error.generation;
		ch->seen = 0;
		ch->injected = 0;
	}
	ch->seen++;
	if (g_error.opts.type == ACCEL_ERROR_DISABLE || ch->injected >= g_error.opts.count ||
		(g_error.opts.interval > 1 && ch->seen % g_error.opts.interval != 0)) {
		return ACCEL_ERROR_DISABLE;
	}
	ch->injected++;
	*errcode = g_error.opts.errcode;
	return g_error.opts.type;
}

static void
complete_cb(void *ctx)
{
	struct error_channel *ch = ctx;
	struct error_task_list done = STAILQ_HEAD_INITIALIZER(done);
	struct spdk_accel_task *task;

	ch->msg_sent = false;
	STAILQ_SWAP(&done, &ch->done, spdk_accel_task);
	while ((task = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, link);
		spdk_accel_task_complete(task, task->status);
	}
}

static void
complete_later(struct error_channel *ch, struct spdk_accel_task *task, int status)
{
	task->status = status;
	STAILQ_INSERT_TAIL(&ch->done, task, link);
	if (!ch->msg_sent) {
		ch->msg_sent = true;
		bdk_msg_send(ch->thread, &ch->msg, complete_cb, ch);
	}
}

static void
corrupt(struct spdk_accel_task *task)
{
	uint32_t crc = ~task->seed, i;

	for (i = 0; i < task->s.iovcnt; i++) {
		crc = spdk_crc32c_update(task->s.iovs[i].iov_base, task->s.iovs[i].iov_len, crc);
	}
	*task->crc_dst = crc + 1;
}

static int
submit(struct error_channel *ch, struct spdk_accel_task *task)
{
	int errcode = 0;

	if (!error_supports_opcode(task->op_code)) {
		return -EINVAL;
	}
	STAILQ_NEXT(task, link) = NULL;
	switch (decide(ch, &errcode)) {
	case ACCEL_ERROR_CORRUPT:
		corrupt(task);
		complete_later(ch, task, 0);
		return 0;
	case ACCEL_ERROR_FAILURE:
		complete_later(ch, task, errcode);
		return 0;
	default:
		return g_software->submit_tasks(ch->software_ch, task);
	}
}

static int
error_submit_tasks(struct spdk_io_channel *io_ch, struct spdk_accel_task *task)
{
	struct error_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_accel_task *next;
	int rc;

	while (task != NULL) {
		next = STAILQ_NEXT(task, link);
		rc = submit(ch, task);
		if (rc != 0) {
			return rc;
		}
		task = next;
	}
	return 0;
}

static int
error_channel_create(void *io_device, void *ctx_buf)
{
	struct error_channel *ch = ctx_buf;

	memset(ch, 0, sizeof(*ch));
	ch->thread = spdk_get_thread();
	STAILQ_INIT(&ch->done);
	ch->software_ch = g_software->get_io_channel();
	return ch->software_ch != NULL ? 0 : -ENOMEM;
}

static void
error_channel_destroy(void *io_device, void *ctx_buf)
{
	struct error_channel *ch = ctx_buf;

	spdk_put_io_channel(ch->software_ch);
}

static struct spdk_io_channel *
error_get_io_channel(void)
{
	return spdk_get_io_channel(&g_error_module);
}

static int
error_module_init(void)
{
	g_software = spdk_accel_get_module("software");
	if (g_software == NULL) {
		return -ENODEV;
	}
	return bdk_io_device_register(&g_error_module, error_channel_create, error_channel_destroy,
		sizeof(struct error_channel), "accel_error");
}

static void
error_module_fini(void *ctx)
{
	g_error.opts = (struct accel_error_opts){.opcode = SPDK_ACCEL_OPC_CRC32C};
	spdk_io_device_unregister(&g_error_module, NULL);
	spdk_accel_module_finish();
}

static size_t
error_get_ctx_size(void)
{
	return g_software->get_ctx_size();
}

static void
error_write_config_json(struct spdk_json_write_ctx *w)
{
	struct accel_error_opts opts;

	env_mutex_lock(&g_error.lock);
	opts = g_error.opts;
	env_mutex_unlock(&g_error.lock);
	if (opts.type == ACCEL_ERROR_DISABLE) {
		return;
	}
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "accel_error_inject_error");
	spdk_json_write_named_object_begin(w, "params");
	spdk_json_write_named_string(w, "opcode", spdk_accel_get_opcode_name(opts.opcode));
	spdk_json_write_named_string(w, "type", opts.type == ACCEL_ERROR_CORRUPT ? "corrupt" : "failure");
	spdk_json_write_named_uint64(w, "count", opts.count);
	spdk_json_write_named_uint64(w, "interval", opts.interval);
	if (opts.type == ACCEL_ERROR_FAILURE) {
		spdk_json_write_named_int32(w, "errcode", opts.errcode);
	}
	spdk_json_write_object_end(w);
	spdk_json_write_object_end(w);
}

static struct spdk_accel_module_if g_error_module = {
	.name = "error",
	/* Has an operation only if it is assigned to it. */
	.priority = INT_MIN,
	.module_init = error_module_init,
	.module_fini = error_module_fini,
	.write_config_json = error_write_config_json,
	.get_ctx_size = error_get_ctx_size,
	.supports_opcode = error_supports_opcode,
	.get_io_channel = error_get_io_channel,
	.submit_tasks = error_submit_tasks,
};

SPDK_ACCEL_MODULE_REGISTER(error, &g_error_module)
