/* SPDX-License-Identifier: BSD-3-Clause */

/* Aborts and resets under load, and I/Os that take too long. */

#include "app/bdevkit/perf/job.h"

#include "spdk/env.h"
#include "spdk/util.h"

static void
abort_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_task *task = SPDK_CONTAINEROF(arg, struct perf_task, aborting);
	struct perf_job *job = task->job;

	spdk_bdev_free_io(bdev_io);
	/* One that has ended before it was found is no failure. */
	perf_stat_count(&job->stats.kinds[PERF_ABORT], 0, spdk_get_ticks() - task->abort_begin);
	task->aborting = false;
	job->outstanding--;
	perf_job_look_for_end(job);
}

static void
abort_task(struct perf_task *task)
{
	struct perf_job *job = task->job;

	if (task->aborting) {
		return;
	}
	task->abort_begin = spdk_get_ticks();
	/* It may end inside the call. */
	task->aborting = true;
	job->outstanding++;
	if (spdk_bdev_abort(job->desc, job->ch, task, abort_done_cb, &task->aborting) != 0) {
		task->aborting = false;
		job->outstanding--;
	}
}

/* Any of them: one that was out for a while is more likely to be where it can be aborted than the newest. */
void
perf_job_abort_now_and_then(struct perf_job *job)
{
	if (job->stopping || --job->abort_countdown > 0) {
		return;
	}
	job->abort_countdown = job->options->abort_every;
	abort_task(&job->tasks[perf_random_below(&job->random, job->depth)]);
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_job *job = arg;

	spdk_bdev_free_io(bdev_io);
	if (success) {
		perf_stat_count(&job->stats.kinds[PERF_RESET], 0, spdk_get_ticks() - job->reset_begin);
	} else {
		job->stats.failed++;
		perf_job_fail(job, "a reset failed");
	}
	job->resetting = false;
	job->outstanding--;
	perf_job_look_for_end(job);
}

int
perf_job_poll_reset(void *arg)
{
	struct perf_job *job = arg;

	if (job->resetting || job->stopping) {
		return SPDK_POLLER_IDLE;
	}
	job->reset_begin = spdk_get_ticks();
	if (spdk_bdev_reset(job->desc, job->ch, reset_done_cb, job) == 0) {
		job->resetting = true;
		job->outstanding++;
	}
	return SPDK_POLLER_BUSY;
}

void
perf_job_see_late_io(struct perf_job *job, struct spdk_bdev_io *bdev_io)
{
	uintptr_t arg = (uintptr_t)spdk_bdev_io_get_cb_arg(bdev_io), tasks = (uintptr_t)job->tasks;
	struct perf_task *task = (struct perf_task *)arg;

	/* A reset and an abort have other arguments. */
	if (arg < tasks || arg >= tasks + job->depth * sizeof(*task) || (arg - tasks) % sizeof(*task) != 0 ||
		task->timed_out) {
		return;
	}
	task->timed_out = true;
	job->stats.timed_out++;
	if (job->stats.kinds[PERF_ABORT].histogram != NULL) {
		abort_task(task);
	}
}
