/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * One I/O after the other. What is usual, a read or a write that is only counted, has a callback of its own which looks at
 * nothing else; all others take the general one.
 */

#include "app/bdevkit/perf/job.h"

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/nvme_spec.h"
#include "spdk/string.h"
#include "spdk/util.h"

static void issue(struct perf_task *task);
static void task_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg);

/* All that ends in one poll of the thread has nearly the same time; many copies of data in one poll have not. */
static inline void
look_at_clock(struct perf_job *job)
{
	uint64_t poll_tsc = spdk_thread_get_last_tsc(job->thread);

	if (poll_tsc != job->poll_tsc || ++job->clock_ios == PERF_CLOCK_IOS) {
		job->poll_tsc = poll_tsc;
		job->clock_ios = 0;
		job->now = spdk_get_ticks();
	}
}

static void
issue_again(void *arg)
{
	issue(arg);
}

static void __attribute__((cold, noinline)) not_issued(struct perf_task *task, int rc)
{
	struct perf_job *job = task->job;

	if (rc == -ENOMEM) {
		task->wait = (struct spdk_bdev_io_wait_entry){.bdev = job->bdev, .cb_fn = issue_again, .cb_arg = task};
		rc = spdk_bdev_queue_io_wait(job->bdev, job->ch, &task->wait);
		/* Room has come meanwhile. */
		if (rc == -EINVAL) {
			rc = spdk_thread_send_msg(job->thread, issue_again, task);
		}
	}
	if (rc != 0) {
		job->stats.failed++;
		perf_job_fail(job, "%s of %" PRIu32 " blocks at %" PRIu64 ": %s", perf_kind_name(task->kind),
			task->blocks, task->offset, spdk_strerror(-rc));
		job->outstanding--;
		perf_job_look_for_end(job);
	}
}

static void
task_failed(struct perf_task *task, struct spdk_bdev_io *bdev_io)
{
	struct perf_job *job = task->job;
	uint32_t cdw0;
	int sct, sc;

	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &sct, &sc);
	if ((job->options->abort_every > 0 || job->options->reset_ms > 0 || task->timed_out) &&
		sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_ABORTED_BY_REQUEST) {
		job->stats.aborted++;
		return;
	}
	job->stats.failed++;
	if (!job->options->go_on) {
		perf_job_fail(job, "%s of %" PRIu32 " blocks at %" PRIu64 " failed (NVMe status %x/%x)",
			perf_kind_name(task->checking ? PERF_READ : task->kind), task->blocks, task->offset, sct, sc);
	}
}

/* ---- plain reads and writes ---- */

static void plain_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg);

static inline void
begin_plain(struct perf_job *job, struct perf_task *task)
{
	int rc;

	perf_pattern_next(&job->pattern, &task->offset, &task->blocks);
	task->begin = job->now;
	job->left--;
	if (task->kind == PERF_READ) {
		rc = spdk_bdev_read_blocks(
			job->desc, job->ch, task->buf, task->offset, task->blocks, plain_done_cb, task);
	} else {
		rc = spdk_bdev_write_blocks(
			job->desc, job->ch, task->buf, task->offset, task->blocks, plain_done_cb, task);
	}
	if (spdk_unlikely(rc != 0)) {
		not_issued(task, rc);
	}
}

static void
plain_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_task *task = arg;
	struct perf_job *job = task->job;

	look_at_clock(job);
	if (spdk_likely(success)) {
		perf_stat_count(&job->stats.kinds[task->kind], (uint64_t)task->blocks * job->block_size,
			job->now - task->begin);
	} else {
		task_failed(task, bdev_io);
	}
	task->timed_out = false;
	spdk_bdev_free_io(bdev_io);
	if (spdk_likely(!job->stopping && job->left > 0)) {
		begin_plain(job, task);
	} else {
		job->outstanding--;
		perf_job_look_for_end(job);
	}
}

/* ---- all others ---- */

static int
issue_transfer(struct perf_task *task)
{
	struct perf_job *job = task->job;

	if (job->options->zcopy) {
		task->iov = (struct iovec){};
		return spdk_bdev_zcopy_start(job->desc, job->ch, &task->iov, 1, task->offset, task->blocks,
			task->kind == PERF_READ, task_done_cb, task);
	}
	if (task->checking) {
		return spdk_bdev_read_blocks(
			job->desc, job->ch, task->check_buf, task->offset, task->blocks, task_done_cb, task);
	}
	if (task->kind == PERF_READ) {
		return spdk_bdev_read_blocks(
			job->desc, job->ch, task->buf, task->offset, task->blocks, task_done_cb, task);
	}
	return spdk_bdev_write_blocks(job->desc, job->ch, task->buf, task->offset, task->blocks, task_done_cb, task);
}

/* Half of the area away, where source and target do not meet. */
static int
issue_copy(struct perf_task *task)
{
	struct perf_job *job = task->job;
	uint64_t half = job->area / 2 / task->blocks * task->blocks;
	uint64_t source = task->offset - job->first < half ? task->offset + half : task->offset - half;

	if (source + task->blocks > job->first + job->area) {
		source = job->first;
	}
	return spdk_bdev_copy_blocks(job->desc, job->ch, task->offset, source, task->blocks, task_done_cb, task);
}

static int
issue_general(struct perf_task *task)
{
	struct perf_job *job = task->job;

	switch (task->kind) {
	case PERF_READ:
	case PERF_WRITE:
		return issue_transfer(task);
	case PERF_UNMAP:
		return spdk_bdev_unmap_blocks(job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
	case PERF_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(
			job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
	case PERF_FLUSH:
		return spdk_bdev_flush_blocks(job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
	default:
		return issue_copy(task);
	}
}

/* What has its place; also once more, after there was no room for it. */
static void
issue(struct perf_task *task)
{
	struct perf_job *job = task->job;
	int rc;

	if (!job->plain) {
		rc = issue_general(task);
	} else if (task->kind == PERF_READ) {
		rc = spdk_bdev_read_blocks(
			job->desc, job->ch, task->buf, task->offset, task->blocks, plain_done_cb, task);
	} else {
		rc = spdk_bdev_write_blocks(
			job->desc, job->ch, task->buf, task->offset, task->blocks, plain_done_cb, task);
	}
	if (rc != 0) {
		not_issued(task, rc);
	}
}

static void
begin(struct perf_task *task)
{
	struct perf_job *job = task->job;

	job->outstanding++;
	task->kind = job->options->workload->kind;
	if (job->plain) {
		begin_plain(job, task);
		return;
	}
	perf_pattern_next(&job->pattern, &task->offset, &task->blocks);
	if (job->options->workload->mixed) {
		task->kind = perf_random(&job->random) < job->read_limit ? PERF_READ : PERF_WRITE;
	}
	if (task->check_buf != NULL) {
		perf_content_verify(task);
	} else if (job->options->stamp && task->kind == PERF_WRITE) {
		perf_content_stamp(task);
	}
	task->begin = job->now;
	job->left--;
	if (job->limited) {
		job->due += spdk_max(job->ticks_per_io, job->ticks_per_block * task->blocks);
	}
	issue(task);
	if (job->abort_countdown > 0) {
		perf_job_abort_now_and_then(job);
	}
}

void
perf_task_go_on(struct perf_task *task)
{
	struct perf_job *job = task->job;

	if (job->stopping || job->left == 0) {
		perf_job_look_for_end(job);
	} else if (job->limited || task->aborting) {
		task->next = job->idle;
		job->idle = task;
	} else {
		begin(task);
	}
}

int
perf_job_poll_idle(void *arg)
{
	struct perf_job *job = arg;
	struct perf_task *held = NULL, *task;
	bool busy = false;

	job->now = spdk_get_ticks();
	while (job->idle != NULL && !job->stopping && job->left > 0 &&
		(!job->limited || job->due <= (double)(job->now - job->started))) {
		task = job->idle;
		job->idle = task->next;
		if (task->aborting) {
			task->next = held;
			held = task;
			continue;
		}
		busy = true;
		begin(task);
	}
	while ((task = held) != NULL) {
		held = task->next;
		task->next = job->idle;
		job->idle = task;
	}
	return busy ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static bool
end_zcopy(struct perf_task *task, struct spdk_bdev_io *bdev_io)
{
	struct perf_job *job = task->job;
	int rc;

	if (task->lent) {
		return false;
	}
	task->lent = true;
	rc = spdk_bdev_zcopy_end(bdev_io, task->kind == PERF_WRITE, task_done_cb, task);
	if (rc == 0) {
		return true;
	}
	/* Still the layer's: it says so only of what it does not take. */
	task->lent = false;
	job->stats.failed++;
	perf_job_fail(job, "the end of a zero-copy: %s", spdk_strerror(-rc));
	return false;
}

/* Another step of the same task. Returns whether there is one. */
static bool
next_step(struct perf_task *task, struct spdk_bdev_io *bdev_io)
{
	struct perf_job *job = task->job;
	bool good = true;

	if (job->options->zcopy) {
		return end_zcopy(task, bdev_io);
	}
	if (task->check_buf != NULL && !task->checking) {
		perf_stat_count(&job->stats.kinds[PERF_WRITE], (uint64_t)task->blocks * job->block_size,
			job->now - task->begin);
		spdk_bdev_free_io(bdev_io);
		task->checking = true;
		task->begin = job->now;
		issue(task);
		return true;
	}
	if (task->check_buf != NULL) {
		good = perf_content_check_verify(task);
	} else if (job->options->stamp && task->kind == PERF_READ) {
		good = perf_content_check_stamp(task);
	}
	job->stopping = job->stopping || (!good && !job->options->go_on);
	return false;
}

static void
task_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_task *task = arg;
	struct perf_job *job = task->job;

	look_at_clock(job);
	if (success && next_step(task, bdev_io)) {
		return;
	}
	if (success) {
		perf_stat_count(&job->stats.kinds[task->checking ? PERF_READ : task->kind],
			(uint64_t)task->blocks * job->block_size, job->now - task->begin);
	} else {
		task_failed(task, bdev_io);
	}
	spdk_bdev_free_io(bdev_io);
	if (task->check_buf != NULL) {
		perf_content_unclaim(task);
	}
	task->checking = false;
	task->lent = false;
	task->timed_out = false;
	job->outstanding--;
	perf_task_go_on(task);
}
