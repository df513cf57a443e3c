/* SPDX-License-Identifier: BSD-3-Clause */

/* The module itself: tasks in, slices of work, callbacks out. */

#include "module/accel/software/accel_sw.h"
#include "lib/accel/at_once.h"

static bool (*const g_operations[SPDK_ACCEL_OPC_LAST])(struct sw_channel *ch, struct sw_task *task) = {
	[SPDK_ACCEL_OPC_COPY] = sw_copy,
	[SPDK_ACCEL_OPC_FILL] = sw_fill,
	[SPDK_ACCEL_OPC_DUALCAST] = sw_dualcast,
	[SPDK_ACCEL_OPC_COMPARE] = sw_compare,
	[SPDK_ACCEL_OPC_CRC32C] = sw_crc32c,
	[SPDK_ACCEL_OPC_COPY_CRC32C] = sw_copy_crc32c,
	[SPDK_ACCEL_OPC_COMPRESS] = sw_compress,
	[SPDK_ACCEL_OPC_DECOMPRESS] = sw_decompress,
	[SPDK_ACCEL_OPC_ENCRYPT] = sw_crypt,
	[SPDK_ACCEL_OPC_DECRYPT] = sw_crypt,
	[SPDK_ACCEL_OPC_XOR] = sw_xor,
	[SPDK_ACCEL_OPC_DIF_VERIFY] = sw_dif,
	[SPDK_ACCEL_OPC_DIF_VERIFY_COPY] = sw_dif,
	[SPDK_ACCEL_OPC_DIF_GENERATE] = sw_dif,
	[SPDK_ACCEL_OPC_DIF_GENERATE_COPY] = sw_dif,
	[SPDK_ACCEL_OPC_DIX_GENERATE] = sw_dif,
	[SPDK_ACCEL_OPC_DIX_VERIFY] = sw_dif,
};

static struct sw_task *
task_of(struct spdk_accel_task *task)
{
	return SPDK_CONTAINEROF(task, struct sw_task, base);
}

/* ---- fused steps ---- */

/* The step before has made this CRC already. */
#define DONE_BEFORE(task) ((task)->reserved[0])

/* The step behind task, if it is a CRC of just what task writes. */
static struct spdk_accel_task *
find_fused(const struct sw_channel *ch, struct spdk_accel_task *task)
{
	struct spdk_accel_task *next;

	if (task->seq == NULL || !ch->has_crc32c ||
		(task->op_code != SPDK_ACCEL_OPC_COPY && task->op_code != SPDK_ACCEL_OPC_ENCRYPT &&
			task->op_code != SPDK_ACCEL_OPC_DECRYPT)) {
		return NULL;
	}
	/* A copy that reads less than its destination does not write all of it. */
	if (task->op_code == SPDK_ACCEL_OPC_COPY &&
		sw_iovs_length(task->s.iovs, task->s.iovcnt) != sw_iovs_length(task->d.iovs, task->d.iovcnt)) {
		return NULL;
	}
	next = spdk_accel_sequence_next_task(task);
	if (next == NULL || next->op_code != SPDK_ACCEL_OPC_CRC32C || next->src_domain != NULL ||
		next->s.iovcnt != task->d.iovcnt ||
		memcmp(next->s.iovs, task->d.iovs, task->d.iovcnt * sizeof(struct iovec)) != 0) {
		return NULL;
	}
	return next;
}

static void
end_fused(struct sw_task *task)
{
	if (task->fused != NULL && task->base.status == 0) {
		*task->fused->crc_dst = task->crc;
		DONE_BEFORE(task->fused) = 1;
	}
}

/* ---- work ---- */

static bool
work(struct sw_channel *ch, struct spdk_accel_task *base)
{
	struct sw_task *task = task_of(base);

	if (!g_operations[base->op_code](ch, task)) {
		return false;
	}
	end_fused(task);
	return true;
}

static void
begin(struct sw_channel *ch, struct spdk_accel_task *base)
{
	struct sw_task *task = task_of(base);

	base->status = 0;
	task->begun = false;
	task->done = 0;
	task->fused = find_fused(ch, base);
	if (task->fused != NULL) {
		task->crc = ~task->fused->seed;
	}
}

/* ---- messages ---- */

static void work_cb(void *ctx);

static void
send_msg(struct sw_channel *ch)
{
	if (!ch->msg_sent) {
		ch->msg_sent = true;
		bdk_msg_send(ch->thread, &ch->msg, work_cb, ch);
	}
}

static void
complete_all(struct sw_channel *ch)
{
	struct sw_task_list done = STAILQ_HEAD_INITIALIZER(done);
	struct spdk_accel_task *task;

	/* What completes from now on is for the next message. */
	STAILQ_SWAP(&done, &ch->done, spdk_accel_task);
	while ((task = STAILQ_FIRST(&done)) != NULL) {
		STAILQ_REMOVE_HEAD(&done, link);
		spdk_accel_task_complete(task, task->status);
	}
}

static void
work_cb(void *ctx)
{
	struct sw_channel *ch = ctx;
	struct spdk_accel_task *task;

	ch->msg_sent = false;
	complete_all(ch);
	task = STAILQ_FIRST(&ch->working);
	if (task != NULL) {
		STAILQ_REMOVE_HEAD(&ch->working, link);
		if (work(ch, task)) {
			spdk_accel_task_complete(task, task->status);
		} else {
			STAILQ_INSERT_TAIL(&ch->working, task, link);
		}
	}
	if (!STAILQ_EMPTY(&ch->working) || !STAILQ_EMPTY(&ch->done)) {
		send_msg(ch);
	}
}

static void
submit(struct sw_channel *ch, struct spdk_accel_task *task)
{
	begin(ch, task);
	if (DONE_BEFORE(task)) {
		spdk_accel_task_complete(task, 0);
		return;
	}
	/* At once, even if others take longer: what is short does not wait for them. */
	if (!work(ch, task)) {
		STAILQ_INSERT_TAIL(&ch->working, task, link);
		send_msg(ch);
		return;
	}
	if (task->seq != NULL && spdk_accel_sequence_next_task(task) != NULL) {
		/* No callback of a user runs here, but the next step. */
		spdk_accel_task_complete(task, task->status);
		return;
	}
	STAILQ_INSERT_TAIL(&ch->done, task, link);
	send_msg(ch);
}

static int
sw_submit_tasks(struct spdk_io_channel *io_ch, struct spdk_accel_task *task)
{
	struct sw_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_accel_task *next;

	while (task != NULL) {
		next = STAILQ_NEXT(task, link);
		submit(ch, task);
		task = next;
	}
	return 0;
}

/* ---- channels ---- */

static int
sw_channel_create(void *io_device, void *ctx_buf)
{
	struct sw_channel *ch = ctx_buf;
	const char *owner;

	memset(ch, 0, sizeof(*ch));
	ch->thread = spdk_get_thread();
	STAILQ_INIT(&ch->done);
	STAILQ_INIT(&ch->working);
	ch->has_crc32c = spdk_accel_get_opc_module_name(SPDK_ACCEL_OPC_CRC32C, &owner) == 0 &&
		strcmp(owner, g_sw_module.name) == 0;
	return sw_crypto_channel_create(ch);
}

static void
sw_channel_destroy(void *io_device, void *ctx_buf)
{
	struct sw_channel *ch = ctx_buf;

	assert(STAILQ_EMPTY(&ch->done) && STAILQ_EMPTY(&ch->working));
	sw_crypto_channel_destroy(ch);
	sw_compress_channel_destroy(ch);
}

struct sw_traffic
accel_sw_get_traffic(struct spdk_io_channel *ch)
{
	struct sw_channel *sw_ch = spdk_io_channel_get_ctx(ch);

	return sw_ch->traffic;
}

static struct spdk_io_channel *
sw_get_io_channel(void)
{
	return spdk_get_io_channel(&g_sw_module);
}

/* ---- the module ---- */

static bool
work_at_once(struct spdk_io_channel *io_ch, struct spdk_accel_task *task)
{
	if (task->op_code != SPDK_ACCEL_OPC_ENCRYPT && task->op_code != SPDK_ACCEL_OPC_DECRYPT) {
		return false;
	}
	return sw_crypt_at_once(spdk_io_channel_get_ctx(io_ch), task_of(task));
}

static int
sw_module_init(void)
{
	int rc = sw_crypto_init();

	if (rc != 0) {
		return rc;
	}
	accel_at_once_provide(&g_sw_module, work_at_once);
	return bdk_io_device_register(
		&g_sw_module, sw_channel_create, sw_channel_destroy, sizeof(struct sw_channel), "accel_software");
}

static void
sw_module_fini(void *ctx)
{
	spdk_io_device_unregister(&g_sw_module, NULL);
	spdk_accel_module_finish();
}

static size_t
sw_get_ctx_size(void)
{
	return sizeof(struct sw_task);
}

static bool
sw_supports_opcode(enum spdk_accel_opcode opcode)
{
	return (unsigned int)opcode < SPDK_ACCEL_OPC_LAST && g_operations[opcode] != NULL;
}

struct spdk_accel_module_if g_sw_module = {
	.name = SW_NAME,
	.priority = SPDK_ACCEL_SW_PRIORITY,
	.module_init = sw_module_init,
	.module_fini = sw_module_fini,
	.get_ctx_size = sw_get_ctx_size,
	.supports_opcode = sw_supports_opcode,
	.get_io_channel = sw_get_io_channel,
	.submit_tasks = sw_submit_tasks,
	.crypto_key_init = sw_crypto_key_init,
	.crypto_key_deinit = sw_crypto_key_deinit,
	.crypto_supports_tweak_mode = sw_crypto_supports_tweak_mode,
	.crypto_supports_cipher = sw_crypto_supports_cipher,
	.compress_supports_algo = sw_compress_supports_algo,
	.get_compress_level_range = sw_compress_get_level_range,
};

SPDK_ACCEL_MODULE_REGISTER(software, &g_sw_module)
