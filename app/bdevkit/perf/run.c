/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/run.h"

#include "spdk/bdev.h"
#include "spdk/cpuset.h"
#include "spdk/env.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "app/bdevkit/perf/job.h"
#include "app/bdevkit/perf/progress.h"

#define PROGRESS_US 500000

struct perf_run {
	const struct perf_options *options;
	perf_run_fn fn;
	void *ctx;
	struct perf_results results;
	struct spdk_thread *thread;
	struct spdk_bdev_desc **descs;
	struct perf_job *jobs;
	size_t num_jobs;
	/* Jobs that have not answered. */
	size_t waiting;
	uint32_t depth_index;
	bool stopped;
	bool running;
	int rc;
	char why[512];
	struct spdk_poller *warmup_poller;
	struct spdk_poller *end_poller;
	struct spdk_poller *progress_poller;
	bool show_progress;
	struct perf_progress progress;
	bool measuring;
	/* Seconds. */
	double begin;
	double measured_from;
};

static struct perf_run *g_run;

static void run_depth(struct perf_run *run);
static void run_release(struct perf_run *run);

static void __attribute__((format(printf, 3, 4))) refuse(struct perf_run *run, int rc, const char *format, ...)
{
	va_list args;

	if (run->rc == 0) {
		run->rc = rc;
		va_start(args, format);
		vsnprintf(run->why, sizeof(run->why), format, args);
		va_end(args);
	}
}

bool
perf_run_is_busy(void)
{
	return g_run != NULL;
}

const char *
perf_run_find_lasting(void)
{
	static const char *const modules[] = {"aio", "uring"};

	for (struct spdk_bdev *bdev = spdk_bdev_first(); bdev != NULL; bdev = spdk_bdev_next(bdev)) {
		for (size_t i = 0; i < SPDK_COUNTOF(modules); i++) {
			if (strcmp(spdk_bdev_get_module_name(bdev), modules[i]) == 0) {
				return spdk_bdev_get_name(bdev);
			}
		}
	}
	return NULL;
}

/* ---- the end ---- */

static void
tell_jobs(struct perf_run *run, spdk_msg_fn fn)
{
	for (size_t i = 0; i < run->num_jobs; i++) {
		if (run->jobs[i].thread != NULL) {
			spdk_thread_send_msg(run->jobs[i].thread, fn, &run->jobs[i]);
		}
	}
}

static void
stop_jobs(struct perf_run *run)
{
	run->stopped = true;
	if (run->running) {
		tell_jobs(run, perf_job_stop);
	}
}

bool
perf_run_interrupt(void)
{
	if (g_run == NULL) {
		return false;
	}
	g_run->results.interrupted = true;
	stop_jobs(g_run);
	return true;
}

static void
run_done(struct perf_run *run)
{
	g_run = NULL;
	run->fn(run->ctx, run->rc, run->rc != 0 ? run->why : NULL, &run->results);
	perf_results_free(&run->results);
	free(run->descs);
	free(run);
}

static void
job_gone(void *arg)
{
	struct perf_run *run = arg;

	if (--run->waiting > 0) {
		return;
	}
	for (size_t i = 0; i < run->options->bdevs.count; i++) {
		if (run->descs[i] != NULL) {
			spdk_bdev_close(run->descs[i]);
			run->descs[i] = NULL;
		}
	}
	for (size_t i = 0; i < run->num_jobs; i++) {
		perf_stats_free(&run->jobs[i].stats);
	}
	free(run->jobs);
	run->jobs = NULL;
	run->num_jobs = 0;
	if (run->rc == 0 && !run->results.interrupted && !run->stopped) {
		run->depth_index++;
	}
	if (run->rc != 0 || run->results.interrupted || run->stopped || run->depth_index == run->options->num_depths) {
		run_done(run);
	} else {
		run_depth(run);
	}
}

static void
release_job(void *arg)
{
	struct perf_job *job = arg;
	struct perf_run *run = job->run;

	/* The message goes before the job does. */
	perf_job_release(job);
	spdk_thread_send_msg(run->thread, job_gone, run);
}

/* ---- what was measured ---- */

static int
collect_bdev(struct perf_run *run, size_t index)
{
	struct perf_result *result = perf_results_add(&run->results);
	struct spdk_cpuset cpus = {};
	uint64_t ticks = 0;
	int rc = result == NULL ? -ENOMEM : 0;

	if (rc != 0) {
		return rc;
	}
	snprintf(result->name, sizeof(result->name), "%s", run->options->bdevs.items[index]);
	result->depth = run->options->depths[run->depth_index];
	result->num_blocks = spdk_bdev_get_num_blocks(spdk_bdev_desc_get_bdev(run->descs[index]));
	for (size_t i = 0; i < run->num_jobs && rc == 0; i++) {
		struct perf_job *job = &run->jobs[i];

		if (job->bdev_index != index) {
			continue;
		}
		rc = perf_stats_add(&result->stats, &job->stats);
		spdk_cpuset_set_cpu(&cpus, job->cpu, true);
		if (job->measured_from != 0 && job->measured_to > job->measured_from) {
			ticks = spdk_max(ticks, job->measured_to - job->measured_from);
		}
		if (result->why[0] == '\0') {
			snprintf(result->why, sizeof(result->why), "%s", job->why);
		}
	}
	result->seconds = (double)ticks / (double)spdk_get_ticks_hz();
	snprintf(result->cpus, sizeof(result->cpus), "0x%s", spdk_cpuset_fmt(&cpus));
	return rc;
}

static void
run_collect(struct perf_run *run)
{
	bool failed = false;

	spdk_poller_unregister(&run->warmup_poller);
	spdk_poller_unregister(&run->end_poller);
	spdk_poller_unregister(&run->progress_poller);
	if (run->show_progress) {
		perf_progress_end(&run->progress);
	}
	for (size_t i = 0; i < run->options->bdevs.count && run->rc == 0; i++) {
		if (collect_bdev(run, i) != 0) {
			refuse(run, -ENOMEM, "no memory");
		}
	}
	for (size_t i = 0; i < run->num_jobs; i++) {
		failed = failed || run->jobs[i].why[0] != '\0';
	}
	/* Only the end of the time has stopped it: the next depth comes. */
	run->stopped = failed;
	run_release(run);
}

static void
run_release(struct perf_run *run)
{
	run->running = false;
	run->waiting = 1;
	for (size_t i = 0; i < run->num_jobs; i++) {
		run->waiting += run->jobs[i].thread != NULL;
	}
	tell_jobs(run, release_job);
	job_gone(run);
}

static void
job_ended_here(void *arg)
{
	struct perf_run *run = ((struct perf_job *)arg)->run;

	if (--run->waiting == 0) {
		run_collect(run);
	} else if (((struct perf_job *)arg)->why[0] != '\0') {
		/* The others need not go on. */
		tell_jobs(run, perf_job_stop);
	}
}

static void
job_ended(struct perf_job *job)
{
	spdk_thread_send_msg(job->run->thread, job_ended_here, job);
}

/* ---- time ---- */

static double
now(void)
{
	return (double)spdk_get_ticks() / (double)spdk_get_ticks_hz();
}

static int
poll_end(void *arg)
{
	struct perf_run *run = arg;

	spdk_poller_unregister(&run->end_poller);
	tell_jobs(run, perf_job_stop);
	return SPDK_POLLER_BUSY;
}

static void
measure(struct perf_run *run)
{
	run->measuring = true;
	run->measured_from = now();
	if (run->options->time > 0) {
		run->end_poller =
			SPDK_POLLER_REGISTER(poll_end, run, (uint64_t)(run->options->time * SPDK_SEC_TO_USEC));
	}
}

static int
poll_warmup(void *arg)
{
	struct perf_run *run = arg;

	spdk_poller_unregister(&run->warmup_poller);
	tell_jobs(run, perf_job_measure);
	measure(run);
	return SPDK_POLLER_BUSY;
}

/* By whichever limit is nearer. */
static void
look_ahead(const struct perf_run *run, struct perf_progress_state *state)
{
	const struct perf_options *options = run->options;
	double whole_count = (double)options->count * (double)options->bdevs.count;
	double begin = run->measuring ? run->measured_from : run->begin, seconds = state->time - begin;

	state->seconds_left = -1;
	if (!run->measuring) {
		state->done = seconds / options->warmup;
		return;
	}
	if (options->time > 0) {
		state->done = seconds / options->time;
		state->seconds_left = spdk_max(options->time - seconds, 0);
	}
	if (options->count > 0 && (double)state->ios / whole_count > state->done) {
		state->done = (double)state->ios / whole_count;
		state->seconds_left = seconds / state->done - seconds;
	}
}

static int
poll_progress(void *arg)
{
	struct perf_run *run = arg;
	struct perf_progress_state state = {
		.depth = run->options->depths[run->depth_index],
		.index = run->depth_index,
		.count = run->options->num_depths,
		.warmup = !run->measuring,
		.time = now(),
	};

	for (size_t i = 0; i < run->num_jobs; i++) {
		for (size_t kind = 0; kind < PERF_ABORT; kind++) {
			state.ios += __atomic_load_n(&run->jobs[i].stats.kinds[kind].ios, __ATOMIC_RELAXED);
			state.bytes += __atomic_load_n(&run->jobs[i].stats.kinds[kind].bytes, __ATOMIC_RELAXED);
		}
	}
	look_ahead(run, &state);
	perf_progress_show(&run->progress, &state);
	return SPDK_POLLER_BUSY;
}

/* ---- the beginning ---- */

static void
run_start(struct perf_run *run)
{
	run->running = true;
	run->waiting = run->num_jobs;
	run->measuring = false;
	run->begin = now();
	perf_progress_begin(&run->progress, run->begin);
	tell_jobs(run, perf_job_start);
	if (run->stopped) {
		tell_jobs(run, perf_job_stop);
		return;
	}
	if (run->options->warmup > 0) {
		run->warmup_poller =
			SPDK_POLLER_REGISTER(poll_warmup, run, (uint64_t)(run->options->warmup * SPDK_SEC_TO_USEC));
	} else {
		measure(run);
	}
	if (run->show_progress) {
		run->progress_poller = SPDK_POLLER_REGISTER(poll_progress, run, PROGRESS_US);
	}
}

static void
job_ready_here(void *arg)
{
	struct perf_job *job = arg;
	struct perf_run *run = job->run;

	if (job->why[0] != '\0') {
		refuse(run, -EINVAL, "%s: %s", run->options->bdevs.items[job->bdev_index], job->why);
	}
	if (--run->waiting > 0) {
		return;
	}
	if (run->rc != 0) {
		run_release(run);
	} else {
		run_start(run);
	}
}

static void
job_ready(struct perf_job *job, int rc)
{
	spdk_thread_send_msg(job->run->thread, job_ready_here, job);
}

static void
run_prepare(struct perf_run *run)
{
	for (size_t i = 0; i < run->num_jobs; i++) {
		struct perf_job *job = &run->jobs[i];
		struct spdk_cpuset cpus = {};
		char name[32];

		spdk_cpuset_set_cpu(&cpus, job->cpu, true);
		snprintf(name, sizeof(name), "perf_%zu", i);
		job->thread = spdk_thread_create(name, &cpus);
		if (job->thread == NULL) {
			refuse(run, -ENOMEM, "no memory for a thread");
			run_release(run);
			return;
		}
	}
	run->waiting = run->num_jobs;
	tell_jobs(run, perf_job_prepare);
}

/* The share of one of count. */
static uint64_t
share(uint64_t whole, size_t index, size_t count)
{
	return whole == 0 ? 0 : spdk_max(whole / count + (index < whole % count), 1);
}

static void
set_up_job(struct perf_run *run, struct perf_job *job, size_t bdev_index, size_t index, size_t count)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(run->descs[bdev_index]);
	const struct perf_options *options = run->options;
	uint64_t blocks = spdk_bdev_get_num_blocks(bdev), part = blocks / count;

	job->run = run;
	job->options = options;
	job->desc = run->descs[bdev_index];
	job->bdev_index = bdev_index;
	job->depth = options->depths[run->depth_index];
	/* What goes on in order has a part for each; at random all is for everybody. */
	job->first = options->workload->random ? 0 : part * index;
	job->area = options->workload->random ? blocks : part;
	job->count = share(options->count, index, count);
	job->rate = share(options->rate, index, count);
	job->bandwidth = share(options->bandwidth, index, count);
	job->seed = options->seed * 1000003 + bdev_index * 1009 + index;
	job->resets = options->reset_ms > 0 && index == 0;
	job->ready_fn = job_ready;
	job->ended_fn = job_ended;
}

static int
set_up_jobs(struct perf_run *run)
{
	size_t bdevs = run->options->bdevs.count, job = 0, next = 0;
	uint32_t cores[SPDK_CPUSET_SIZE], num_cores = 0, core;

	SPDK_ENV_FOREACH_CORE (core) {
		cores[num_cores++] = core;
	}
	run->results.cores = num_cores;
	run->num_jobs = run->options->every_core ? bdevs * num_cores : bdevs;
	run->jobs = calloc(run->num_jobs, sizeof(*run->jobs));
	if (run->jobs == NULL) {
		run->num_jobs = 0;
		return -ENOMEM;
	}
	for (size_t i = 0; i < bdevs; i++) {
		size_t count = run->options->every_core ? num_cores : 1;

		for (size_t k = 0; k < count; k++) {
			run->jobs[job].cpu = cores[next++ % num_cores];
			set_up_job(run, &run->jobs[job++], i, k, count);
		}
	}
	return 0;
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	if (type != SPDK_BDEV_EVENT_REMOVE || g_run == NULL) {
		return;
	}
	refuse(g_run, -ENODEV, "%s: it was removed", spdk_bdev_get_name(bdev));
	stop_jobs(g_run);
}

static const enum spdk_bdev_io_type g_io_types[PERF_NUM_KINDS] = {
	[PERF_READ] = SPDK_BDEV_IO_TYPE_READ,
	[PERF_WRITE] = SPDK_BDEV_IO_TYPE_WRITE,
	[PERF_UNMAP] = SPDK_BDEV_IO_TYPE_UNMAP,
	[PERF_WRITE_ZEROES] = SPDK_BDEV_IO_TYPE_WRITE_ZEROES,
	[PERF_FLUSH] = SPDK_BDEV_IO_TYPE_FLUSH,
	[PERF_COPY] = SPDK_BDEV_IO_TYPE_COPY,
	[PERF_ABORT] = SPDK_BDEV_IO_TYPE_ABORT,
	[PERF_RESET] = SPDK_BDEV_IO_TYPE_RESET,
};

static bool
can_do(struct perf_run *run, struct spdk_bdev *bdev, enum perf_kind kind, bool needed)
{
	if (!needed || spdk_bdev_io_type_supported(bdev, g_io_types[kind])) {
		return true;
	}
	refuse(run, -ENOTSUP, "%s: it knows no %s", spdk_bdev_get_name(bdev), perf_kind_name(kind));
	return false;
}

static void
check_bdev(struct perf_run *run, struct spdk_bdev *bdev)
{
	const struct perf_options *options = run->options;
	const struct perf_workload *workload = options->workload;

	can_do(run, bdev, PERF_READ, workload->mixed || workload->verify);
	can_do(run, bdev, workload->kind, true);
	can_do(run, bdev, PERF_ABORT, options->abort_every > 0);
	can_do(run, bdev, PERF_RESET, options->reset_ms > 0);
	if (options->zcopy && !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZCOPY)) {
		refuse(run, -ENOTSUP, "%s: it does not lend its memory (-Z)", spdk_bdev_get_name(bdev));
	}
	if (spdk_bdev_is_zoned(bdev) && perf_options_write(options)) {
		refuse(run, -ENOTSUP, "%s: its zones are written in order only, which perf does not do",
			spdk_bdev_get_name(bdev));
	}
	/* What lies in the blocks the layer writes and checks itself. */
	if (spdk_bdev_is_md_separate(bdev) && spdk_bdev_get_dif_type(bdev) != SPDK_DIF_DISABLE &&
		perf_options_write(options)) {
		refuse(run, -ENOTSUP,
			"%s: it checks protection information apart from the data, which perf does not write",
			spdk_bdev_get_name(bdev));
	}
}

static void
late_cb(void *arg, struct spdk_bdev_io *bdev_io)
{
	struct perf_run *run = arg;

	for (size_t i = 0; i < run->num_jobs; i++) {
		if (run->jobs[i].thread == spdk_get_thread()) {
			perf_job_see_late_io(&run->jobs[i], bdev_io);
		}
	}
}

static int
open_bdev(struct perf_run *run, const char *name, bool write, struct spdk_bdev_desc **desc)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);
	struct spdk_bdev_open_opts opts;
	int rc;

	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = bdev != NULL && spdk_bdev_is_md_interleaved(bdev);
	rc = spdk_bdev_open_ext_v2(name, write, event_cb, NULL, &opts, desc);
	if (rc == 0 && run->options->timeout > 0 &&
		spdk_bdev_set_timeout(*desc, run->options->timeout, late_cb, run) != 0) {
		return -ENOMEM;
	}
	return rc;
}

static void
run_open(struct perf_run *run)
{
	/* A flush and zero-copy take nothing away, but are no reading either. */
	bool write =
		perf_options_write(run->options) || run->options->zcopy || run->options->workload->kind == PERF_FLUSH;

	for (size_t i = 0; i < run->options->bdevs.count && run->rc == 0; i++) {
		const char *name = run->options->bdevs.items[i];
		int rc = open_bdev(run, name, write, &run->descs[i]);

		if (rc == -ENODEV) {
			refuse(run, rc, "%s: there is no such block device", name);
		} else if (rc == -EPERM) {
			refuse(run, rc, "%s: another block device builds on it, or somebody else uses it", name);
		} else if (rc != 0) {
			refuse(run, rc, "%s: %s", name, spdk_strerror(-rc));
		} else {
			check_bdev(run, spdk_bdev_desc_get_bdev(run->descs[i]));
		}
	}
}

static void
run_depth(struct perf_run *run)
{
	run_open(run);
	if (run->rc == 0 && set_up_jobs(run) != 0) {
		refuse(run, -ENOMEM, "no memory");
	}
	if (run->rc != 0) {
		run_release(run);
	} else {
		run_prepare(run);
	}
}

void
perf_run(const struct perf_options *options, bool progress, perf_run_fn fn, void *ctx)
{
	struct perf_results none = {.options = options};
	const char *lasting = !options->overwrite && perf_options_write(options) ? perf_run_find_lasting() : NULL;
	struct perf_run *run;
	char why[512];

	if (lasting != NULL) {
		snprintf(why, sizeof(why),
			"%s keeps what it holds, and this workload overwrites it; say with --overwrite that it may be "
			"lost",
			lasting);
		fn(ctx, -EPERM, why, &none);
		return;
	}
	run = calloc(1, sizeof(*run));
	if (run != NULL) {
		run->descs = calloc(options->bdevs.count, sizeof(*run->descs));
	}
	if (run == NULL || run->descs == NULL) {
		free(run);
		fn(ctx, -ENOMEM, "no memory", &none);
		return;
	}
	run->options = options;
	run->results.options = options;
	run->show_progress = progress;
	run->fn = fn;
	run->ctx = ctx;
	run->thread = spdk_get_thread();
	g_run = run;
	run_depth(run);
}
