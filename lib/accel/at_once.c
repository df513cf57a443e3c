/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/accel/accel_internal.h"
#include "spdk/likely.h"

void
accel_at_once_provide(const struct spdk_accel_module_if *module, accel_at_once_fn fn)
{
	g_accel.at_once.module = module;
	g_accel.at_once.fn = fn;
}

static bool
is_plain(const struct spdk_memory_domain *domain)
{
	return domain == NULL || domain == spdk_memory_domain_get_system_domain();
}

/* One of those that read one side and write the other, once. Of a sequence for a read it is named from its end. */
static bool
transfers_all(const struct spdk_accel_task *task, const struct accel_transfer *transfer)
{
	bool to = transfer->to_memory;
	const struct iovec *near = to ? task->d.iovs : task->s.iovs, *far = to ? task->s.iovs : task->d.iovs;
	const char *memory = transfer->memory->iov_base, *other = far->iov_base;
	size_t len = transfer->memory->iov_len;

	/* In one piece, there is little to find out. */
	if (transfer->iovcnt != 1 || task->s.iovcnt != 1 || task->d.iovcnt != 1) {
		return false;
	}
	return near->iov_base == transfer->iovs->iov_base && near->iov_len == len && transfer->iovs->iov_len == len &&
		far->iov_len == len && (to ? task->dst_domain : task->src_domain) == transfer->domain &&
		(to ? task->dst_domain_ctx : task->src_domain_ctx) == transfer->domain_ctx &&
		is_plain(to ? task->src_domain : task->dst_domain) && (other + len <= memory || memory + len <= other);
}

static void
end(struct spdk_accel_sequence *seq, struct spdk_accel_task *task)
{
	struct accel_io_channel *ch = seq->ch;

	accel_task_count(task, task->status);
	ch->stats.sequence_executed++;
	if (task->status != 0) {
		ch->stats.sequence_failed++;
	}
	accel_sequence_end_task(seq, task);
	accel_pool_put(&ch->sequences, seq);
}

bool
accel_sequence_try_at_once(struct spdk_accel_sequence *seq, const struct accel_transfer *transfer, int *status)
{
	struct spdk_accel_task *task = TAILQ_FIRST(&seq->tasks);
	accel_at_once_fn fn = g_accel.assignments[task->op_code].at_once;
	struct iovec **side;
	struct iovec *before;

	if (fn == NULL || g_accel.driver != NULL || TAILQ_NEXT(task, seq_link) != NULL ||
		!transfers_all(task, transfer)) {
		return false;
	}
	side = transfer->to_memory ? &task->d.iovs : &task->s.iovs;
	before = *side;
	*side = transfer->memory;
	if (spdk_unlikely(!fn(seq->ch->module_ch[task->op_code], task))) {
		*side = before;
		return false;
	}
	*status = task->status;
	end(seq, task);
	return true;
}
