/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/job.h"

#include "spdk/env.h"
#include "spdk/likely.h"
#include "spdk/nvme_spec.h"
#include "spdk/string.h"

#define RATE_POLL_US 200

static void issue(struct perf_task *task);
static void task_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg);

static void __attribute__((format(printf, 2, 3))) fail(struct perf_job *job, const char *format, ...)
{
	va_list args;

	if (job->why[0] == '\0') {
		va_start(args, format);
		vsnprintf(job->why, sizeof(job->why), format, args);
		va_end(args);
	}
	job->stopping = true;
}

static void
look_for_end(struct perf_job *job)
{
	if (job->outstanding > 0 || job->ended || (!job->stopping && job->left > 0)) {
		return;
	}
	job->ended = true;
	if (job->measured_to == 0) {
		job->measured_to = spdk_get_ticks();
	}
	spdk_poller_unregister(&job->rate_poller);
	spdk_poller_unregister(&job->reset_poller);
	job->ended_fn(job);
}

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

/* ---- aborts and resets ---- */

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
	look_for_end(job);
}

/* Any of them: one that was out for a while is more likely to be where it can be aborted than the newest. */
static void
abort_now_and_then(struct perf_job *job)
{
	struct perf_task *task;

	if (job->stopping || --job->abort_countdown > 0) {
		return;
	}
	job->abort_countdown = job->options->abort_every;
	task = &job->tasks[perf_random_below(&job->write_random, job->depth)];
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

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_job *job = arg;

	spdk_bdev_free_io(bdev_io);
	if (success) {
		perf_stat_count(&job->stats.kinds[PERF_RESET], 0, spdk_get_ticks() - job->reset_begin);
	} else {
		job->stats.failed++;
		fail(job, "a reset failed");
	}
	job->resetting = false;
	job->outstanding--;
	look_for_end(job);
}

static int
poll_reset(void *arg)
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

/* ---- one I/O ---- */

static void
issue_again(void *arg)
{
	issue(arg);
}

static void
not_issued(struct perf_task *task, int rc)
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
		fail(job, "%s of %" PRIu32 " blocks at %" PRIu64 ": %s", perf_kind_name(task->kind), task->blocks,
			task->offset, spdk_strerror(-rc));
		job->outstanding--;
		look_for_end(job);
	}
}

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

static inline void
issue(struct perf_task *task)
{
	struct perf_job *job = task->job;
	int rc;

	switch (task->kind) {
	case PERF_READ:
	case PERF_WRITE:
		rc = issue_transfer(task);
		break;
	case PERF_UNMAP:
		rc = spdk_bdev_unmap_blocks(job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
		break;
	case PERF_WRITE_ZEROES:
		rc = spdk_bdev_write_zeroes_blocks(job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
		break;
	case PERF_FLUSH:
		rc = spdk_bdev_flush_blocks(job->desc, job->ch, task->offset, task->blocks, task_done_cb, task);
		break;
	default:
		rc = issue_copy(task);
		break;
	}
	if (spdk_unlikely(rc != 0)) {
		not_issued(task, rc);
	}
}

static inline void
begin(struct perf_task *task)
{
	struct perf_job *job = task->job;

	perf_pattern_next(&job->pattern, &task->offset, &task->blocks);
	task->kind = job->options->workload->kind;
	if (job->options->workload->mixed) {
		task->kind = perf_random(&job->pattern.random) < job->read_limit ? PERF_READ : PERF_WRITE;
	}
	if (spdk_unlikely(task->check_buf != NULL)) {
		perf_verify_fill(task);
	}
	task->begin = job->now;
	job->left--;
	job->outstanding++;
	issue(task);
	if (spdk_unlikely(job->abort_countdown > 0)) {
		abort_now_and_then(job);
	}
}

/* The task has nothing to do. */
static inline void
go_on(struct perf_task *task)
{
	struct perf_job *job = task->job;

	if (spdk_unlikely(job->stopping || job->left == 0)) {
		look_for_end(job);
	} else if (spdk_unlikely(job->interval > 0 || task->aborting)) {
		task->next = job->idle;
		job->idle = task;
	} else {
		begin(task);
	}
}

/* What has become due, and what an abort kept back. */
static int
poll_idle(void *arg)
{
	struct perf_job *job = arg;
	struct perf_task *held = NULL;
	bool busy = false;

	job->now = spdk_get_ticks();
	while (job->idle != NULL && !job->stopping && job->left > 0 && job->due <= job->now) {
		struct perf_task *task = job->idle;

		job->idle = task->next;
		if (task->aborting) {
			task->next = held;
			held = task;
			continue;
		}
		job->due += job->interval;
		busy = true;
		begin(task);
	}
	while (held != NULL) {
		struct perf_task *task = held;

		held = task->next;
		task->next = job->idle;
		job->idle = task;
	}
	return busy ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static void
task_failed(struct perf_task *task, struct spdk_bdev_io *bdev_io)
{
	struct perf_job *job = task->job;
	uint32_t cdw0;
	int sct, sc;

	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &sct, &sc);
	if ((job->options->abort_every > 0 || job->options->reset_ms > 0) && sct == SPDK_NVME_SCT_GENERIC &&
		sc == SPDK_NVME_SC_ABORTED_BY_REQUEST) {
		job->stats.aborted++;
		return;
	}
	job->stats.failed++;
	if (!job->options->go_on) {
		fail(job, "%s of %" PRIu32 " blocks at %" PRIu64 " failed (NVMe status %x/%x)",
			perf_kind_name(task->checking ? PERF_READ : task->kind), task->blocks, task->offset, sct, sc);
	}
}

/* Another step of the same task. Returns whether there is one. */
static bool
next_step(struct perf_task *task, struct spdk_bdev_io *bdev_io)
{
	struct perf_job *job = task->job;

	if (job->options->zcopy && !task->lent) {
		int rc;

		task->lent = true;
		rc = spdk_bdev_zcopy_end(bdev_io, task->kind == PERF_WRITE, task_done_cb, task);
		if (rc == 0) {
			return true;
		}
		/* Still the layer's: it says so only of what it does not take. */
		task->lent = false;
		job->stats.failed++;
		fail(job, "the end of a zero-copy: %s", spdk_strerror(-rc));
		return false;
	}
	if (task->check_buf == NULL) {
		return false;
	}
	if (!task->checking) {
		perf_stat_count(&job->stats.kinds[PERF_WRITE], (uint64_t)task->blocks * job->block_size,
			job->now - task->begin);
		spdk_bdev_free_io(bdev_io);
		task->checking = true;
		task->begin = job->now;
		issue(task);
		return true;
	}
	if (!perf_verify_compare(task)) {
		job->stats.mismatches++;
		job->stopping = job->stopping || !job->options->go_on;
	}
	return false;
}

static void
task_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *arg)
{
	struct perf_task *task = arg;
	struct perf_job *job = task->job;

	look_at_clock(job);
	if (spdk_unlikely(!success)) {
		task_failed(task, bdev_io);
	} else if (spdk_unlikely(task->check_buf != NULL || job->options->zcopy) && next_step(task, bdev_io)) {
		return;
	}
	spdk_bdev_free_io(bdev_io);
	if (spdk_likely(success)) {
		perf_stat_count(&job->stats.kinds[task->checking ? PERF_READ : task->kind],
			(uint64_t)task->blocks * job->block_size, job->now - task->begin);
	}
	task->checking = false;
	task->lent = false;
	job->outstanding--;
	go_on(task);
}

/* ---- the steps of a job ---- */

static int
allocate_task(struct perf_job *job, struct perf_task *task, size_t size)
{
	size_t align = spdk_max(spdk_bdev_get_buf_align(job->bdev), 4096);
	uint64_t *words;

	task->job = job;
	task->buf = spdk_dma_malloc(size, align, NULL);
	if (task->buf == NULL) {
		return -ENOMEM;
	}
	/* No device is to find that it can be compressed. */
	words = task->buf;
	for (size_t i = 0; i < size / sizeof(*words); i++) {
		words[i] = perf_random(&job->write_random);
	}
	if (job->options->workload->verify) {
		task->check_buf = spdk_dma_zmalloc(size, align, NULL);
		return task->check_buf == NULL ? -ENOMEM : 0;
	}
	return 0;
}

static int
prepare_stats(struct perf_job *job)
{
	const struct perf_workload *workload = job->options->workload;
	int rc = perf_stats_use(&job->stats, workload->kind);

	if (rc == 0 && (workload->mixed || workload->verify)) {
		rc = perf_stats_use(&job->stats, PERF_READ);
	}
	if (rc == 0 && job->options->abort_every > 0) {
		rc = perf_stats_use(&job->stats, PERF_ABORT);
	}
	if (rc == 0 && job->resets) {
		rc = perf_stats_use(&job->stats, PERF_RESET);
	}
	return rc;
}

static int
prepare(struct perf_job *job)
{
	struct perf_pattern_opts opts = {
		.sizes = &job->options->sizes,
		.distribution = &job->options->distribution,
		.is_random = job->options->workload->random,
		.block_size = spdk_bdev_get_data_block_size(job->bdev),
		.first = job->first,
		.area = job->area,
		.seed = job->seed,
	};
	size_t blocks = 0;
	int rc;

	job->block_size = spdk_bdev_get_block_size(job->bdev);
	rc = perf_pattern_init(&job->pattern, &opts);
	if (rc == -EINVAL) {
		fail(job, "-o: not a multiple of its block size of %" PRIu32, opts.block_size);
	} else if (rc == -ENOSPC) {
		fail(job, "it is too small for this size and number of CPUs");
	}
	if (rc == 0) {
		rc = prepare_stats(job);
	}
	job->ch = rc == 0 ? spdk_bdev_get_io_channel(job->desc) : NULL;
	job->tasks = job->ch != NULL ? calloc(job->depth, sizeof(*job->tasks)) : NULL;
	if (job->tasks == NULL) {
		return rc != 0 ? rc : -ENOMEM;
	}
	for (uint32_t i = 0; i < job->pattern.num_sizes; i++) {
		blocks = spdk_max(blocks, job->pattern.sizes[i].blocks);
	}
	/* Two that are out must not be at the same place. */
	if (job->options->workload->verify && job->area < (uint64_t)job->depth * blocks * 2) {
		fail(job, "it is too small to verify with this size and queue depth");
		return -ENOSPC;
	}
	job->write_random = (job->seed + 1) * 0xd1342543de82ef95ULL | 1;
	for (uint32_t i = 0; i < job->depth && rc == 0; i++) {
		rc = allocate_task(job, &job->tasks[i], blocks * job->block_size);
	}
	return rc;
}

void
perf_job_prepare(void *arg)
{
	struct perf_job *job = arg;
	int rc;

	job->bdev = spdk_bdev_desc_get_bdev(job->desc);
	rc = prepare(job);
	if (rc != 0) {
		fail(job, "%s", spdk_strerror(-rc));
	}
	job->ready_fn(job, rc);
}

void
perf_job_start(void *arg)
{
	struct perf_job *job = arg;
	const struct perf_options *options = job->options;

	job->left = UINT64_MAX;
	job->now = spdk_get_ticks();
	job->read_limit = options->read_percent >= 100 ? UINT64_MAX : UINT64_MAX / 100 * options->read_percent;
	job->abort_countdown = options->abort_every;
	if (job->rate > 0) {
		job->interval = spdk_max(spdk_get_ticks_hz() / job->rate, 1);
		job->due = job->now;
	}
	if (job->rate > 0 || options->abort_every > 0) {
		job->rate_poller = SPDK_POLLER_REGISTER(poll_idle, job, RATE_POLL_US);
	}
	if (job->resets) {
		job->reset_poller = SPDK_POLLER_REGISTER(poll_reset, job, (uint64_t)options->reset_ms * 1000);
	}
	if (options->warmup == 0) {
		perf_job_measure(job);
	}
	for (uint32_t i = 0; i < job->depth; i++) {
		go_on(&job->tasks[i]);
	}
}

void
perf_job_measure(void *arg)
{
	struct perf_job *job = arg;

	if (job->ended) {
		return;
	}
	perf_stats_reset(&job->stats);
	job->measured_from = spdk_get_ticks();
	job->left = job->count > 0 ? job->count : UINT64_MAX;
}

void
perf_job_stop(void *arg)
{
	struct perf_job *job = arg;

	if (!job->stopping && !job->ended) {
		job->stopping = true;
		job->measured_to = spdk_get_ticks();
	}
	look_for_end(job);
}

void
perf_job_release(void *arg)
{
	struct perf_job *job = arg;

	for (uint32_t i = 0; job->tasks != NULL && i < job->depth; i++) {
		spdk_dma_free(job->tasks[i].buf);
		spdk_dma_free(job->tasks[i].check_buf);
	}
	free(job->tasks);
	perf_pattern_free(&job->pattern);
	if (job->ch != NULL) {
		spdk_put_io_channel(job->ch);
	}
	spdk_thread_exit(spdk_get_thread());
}
