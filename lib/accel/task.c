/* SPDX-License-Identifier: BSD-3-Clause */

/* One operation: what it is made of, and its way back from the module. */

#include "lib/accel/accel_internal.h"
#include "spdk/util.h"

struct spdk_accel_task *
accel_task_get(struct accel_io_channel *ch, enum spdk_accel_opcode opcode, void *cb_arg)
{
	struct spdk_accel_task *task = accel_pool_get(&ch->tasks);

	if (task == NULL) {
		ch->stats.retry.task++;
		return NULL;
	}
	task->op_code = opcode;
	task->has_aux = true;
	task->status = 0;
	memset(task->reserved, 0, sizeof(task->reserved));
	/* Modules take lists of tasks; this is one of one. */
	STAILQ_NEXT(task, link) = NULL;
	task->accel_ch = ch;
	task->seq = NULL;
	task->cb_fn = NULL;
	task->cb_arg = cb_arg;
	task->src_domain = NULL;
	task->src_domain_ctx = NULL;
	task->dst_domain = NULL;
	task->dst_domain_ctx = NULL;
	task->nbytes = 0;
	task->s.iovs = NULL;
	task->s.iovcnt = 0;
	task->d.iovs = NULL;
	task->d.iovcnt = 0;
	task->crypto_key = NULL;
	task->aux = (void *)((char *)task + SPDK_ALIGN_CEIL(g_accel.task_size, 64));
	return task;
}

static bool
uses_key(const struct spdk_accel_task *task)
{
	return task->op_code == SPDK_ACCEL_OPC_ENCRYPT || task->op_code == SPDK_ACCEL_OPC_DECRYPT;
}

void
accel_task_use_key(struct spdk_accel_task *task, struct spdk_accel_crypto_key *key)
{
	task->crypto_key = key;
	accel_key_use(task->accel_ch, key);
}

void
accel_task_put(struct spdk_accel_task *task)
{
	struct accel_io_channel *ch = task->accel_ch;

	if (uses_key(task) && task->crypto_key != NULL) {
		accel_key_unuse(ch, task->crypto_key);
	}
	accel_pool_put(&ch->tasks, task);
}

struct iovec *
accel_task_set_iov(struct spdk_accel_task *task, enum spdk_accel_aux_iov_type place, void *base, uint64_t len)
{
	struct iovec *iov = &task->aux->iovs[place];

	iov->iov_base = base;
	iov->iov_len = len;
	return iov;
}

uint64_t
accel_iovs_length(const struct iovec *iovs, uint32_t iovcnt)
{
	uint64_t len = 0;
	uint32_t i;

	for (i = 0; i < iovcnt; i++) {
		len += iovs[i].iov_len;
	}
	return len;
}

void
accel_task_count(struct spdk_accel_task *task, int status)
{
	struct spdk_accel_opcode_stats *stats = &task->accel_ch->stats.operations[task->op_code];

	stats->executed++;
	stats->num_bytes += task->nbytes;
	/* A comparison that finds a difference has not failed. */
	if (status != 0 && task->op_code != SPDK_ACCEL_OPC_COMPARE) {
		stats->failed++;
	}
}

void
spdk_accel_task_complete(struct spdk_accel_task *task, int status)
{
	spdk_accel_completion_cb cb_fn;
	void *cb_arg;

	accel_task_count(task, status);
	if (task->seq != NULL) {
		accel_sequence_task_done(task->seq, task, status);
		return;
	}
	cb_fn = task->cb_fn;
	cb_arg = task->cb_arg;
	/* First, so that the callback can begin another one. */
	accel_task_put(task);
	cb_fn(cb_arg, status);
}
