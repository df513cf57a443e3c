/* SPDX-License-Identifier: BSD-3-Clause */

/* The steps of a job. */

#include "app/bdevkit/perf/job.h"

#include "spdk/env.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define RATE_POLL_US 200

void
perf_job_fail(struct perf_job *job, const char *format, ...)
{
	va_list args;

	if (job->why[0] == '\0') {
		va_start(args, format);
		vsnprintf(job->why, sizeof(job->why), format, args);
		va_end(args);
	}
	job->stopping = true;
}

void
perf_job_look_for_end(struct perf_job *job)
{
	if (job->outstanding > 0 || job->ended || (!job->stopping && job->left > 0)) {
		return;
	}
	job->ended = true;
	if (job->measured_to == 0) {
		job->measured_to = spdk_get_ticks();
	}
	perf_stats_settle(&job->stats);
	spdk_poller_unregister(&job->rate_poller);
	spdk_poller_unregister(&job->reset_poller);
	job->ended_fn(job);
}

static int
allocate_task(struct perf_job *job, struct perf_task *task, size_t size)
{
	size_t align = spdk_max(spdk_bdev_get_buf_align(job->bdev), 4096);
	uint64_t *words;

	task->job = job;
	if (!perf_kind_has_data(job->options->workload->kind)) {
		return 0;
	}
	task->buf = spdk_dma_malloc(size, align, NULL);
	if (task->buf == NULL) {
		return -ENOMEM;
	}
	/* No device is to find that it can be compressed. */
	words = task->buf;
	for (size_t i = 0; i < size / sizeof(*words); i++) {
		words[i] = perf_random(&job->random);
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
	if (rc == 0 &&
		(job->options->abort_every > 0 ||
			(job->options->timeout > 0 &&
				spdk_bdev_io_type_supported(job->bdev, SPDK_BDEV_IO_TYPE_ABORT)))) {
		rc = perf_stats_use(&job->stats, PERF_ABORT);
	}
	if (rc == 0 && job->resets) {
		rc = perf_stats_use(&job->stats, PERF_RESET);
	}
	return rc;
}

/* Whether there is room for all that will be out. */
static int
check_area(struct perf_job *job, uint32_t max_blocks)
{
	const struct perf_workload *workload = job->options->workload;

	/* Two that are out are never at the same place, and a place must be found. */
	if (workload->verify && job->area / 2 / job->depth < max_blocks + job->pattern.unit) {
		perf_job_fail(job, "it is too small to verify with this size and queue depth");
		return -ENOSPC;
	}
	if (workload->kind == PERF_COPY && job->area / 2 < max_blocks) {
		perf_job_fail(job, "it is too small to copy with this size");
		return -ENOSPC;
	}
	return 0;
}

static int
prepare_pattern(struct perf_job *job)
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
	int rc = perf_pattern_init(&job->pattern, &opts);

	if (rc == -EINVAL) {
		perf_job_fail(job, "-o: not a multiple of its block size of %" PRIu32, opts.block_size);
	} else if (rc == -ENOSPC) {
		perf_job_fail(job, "it is too small for this size and number of CPUs");
	}
	return rc;
}

static int
prepare_tasks(struct perf_job *job)
{
	uint32_t blocks = 0;
	int rc;

	for (uint32_t i = 0; i < job->pattern.num_sizes; i++) {
		blocks = spdk_max(blocks, job->pattern.sizes[i].blocks);
	}
	rc = check_area(job, blocks);
	if (rc == 0) {
		rc = perf_content_prepare(job, blocks);
	}
	if (rc != 0) {
		return rc;
	}
	job->random = (job->seed + 1) * 0xd1342543de82ef95ULL | 1;
	job->tasks = spdk_zmalloc(
		job->depth * sizeof(*job->tasks), SPDK_CACHE_LINE_SIZE, NULL, SPDK_ENV_NUMA_ID_ANY, SPDK_MALLOC_DMA);
	if (job->tasks == NULL) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < job->depth && rc == 0; i++) {
		rc = allocate_task(job, &job->tasks[i], (size_t)blocks * job->block_size);
	}
	return rc;
}

static int
prepare(struct perf_job *job)
{
	int rc;

	job->block_size = spdk_bdev_desc_get_block_size(job->desc);
	rc = prepare_pattern(job);
	if (rc == 0) {
		rc = prepare_stats(job);
	}
	if (rc == 0) {
		job->ch = spdk_bdev_get_io_channel(job->desc);
		rc = job->ch == NULL ? -ENOMEM : prepare_tasks(job);
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
		perf_job_fail(job, "%s", spdk_strerror(-rc));
	}
	job->ready_fn(job, rc);
}

/* Nothing has to be looked at for each I/O. */
static bool
is_plain(const struct perf_job *job)
{
	const struct perf_options *options = job->options;
	const struct perf_workload *workload = options->workload;

	return (workload->kind == PERF_READ || workload->kind == PERF_WRITE) && !workload->mixed && !workload->verify &&
		!options->stamp && !options->zcopy && !job->limited && options->abort_every == 0 &&
		options->timeout == 0;
}

static void
set_rates(struct perf_job *job)
{
	double hz = (double)spdk_get_ticks_hz();

	job->limited = job->rate > 0 || job->bandwidth > 0;
	job->ticks_per_io = job->rate > 0 ? hz / (double)job->rate : 0;
	job->ticks_per_block = job->bandwidth > 0 ? hz * job->block_size / (double)job->bandwidth : 0;
}

void
perf_job_start(void *arg)
{
	struct perf_job *job = arg;
	const struct perf_options *options = job->options;

	job->left = UINT64_MAX;
	job->now = job->started = spdk_get_ticks();
	job->read_limit = options->read_percent >= 100 ? UINT64_MAX : UINT64_MAX / 100 * options->read_percent;
	job->abort_countdown = options->abort_every;
	set_rates(job);
	job->plain = is_plain(job);
	if (job->limited || job->stats.kinds[PERF_ABORT].histogram != NULL) {
		job->rate_poller = SPDK_POLLER_REGISTER(perf_job_poll_idle, job, RATE_POLL_US);
	}
	if (job->resets) {
		job->reset_poller = SPDK_POLLER_REGISTER(perf_job_poll_reset, job, (uint64_t)options->reset_ms * 1000);
	}
	if (options->warmup == 0) {
		perf_job_measure(job);
	}
	for (uint32_t i = 0; i < job->depth; i++) {
		perf_task_go_on(&job->tasks[i]);
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
	perf_job_look_for_end(job);
}

void
perf_job_release(void *arg)
{
	struct perf_job *job = arg;

	for (uint32_t i = 0; job->tasks != NULL && i < job->depth; i++) {
		spdk_dma_free(job->tasks[i].buf);
		spdk_dma_free(job->tasks[i].check_buf);
	}
	spdk_free(job->tasks);
	perf_content_release(job);
	perf_pattern_free(&job->pattern);
	if (job->ch != NULL) {
		spdk_put_io_channel(job->ch);
	}
	spdk_thread_exit(spdk_get_thread());
}
