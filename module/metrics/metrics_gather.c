/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Gathering, on the app thread:
 *
 *   gather_threads: each thread says how busy it was.
 *   gather_iobufs: who asked for data buffers.
 *   gather_bdevs: the bdevs that there are, each of which is opened, so that it does not vanish, and asked.
 *   gather_some: the others; for some at a time, their counters and histograms are added up over all threads.
 *   gather_done
 */

#include "module/metrics/metrics.h"

#include "bdevkit/bdev_stat.h"
#include "bdevkit/env.h"
#include "spdk/bdev_module.h"
#include "spdk/env.h"
#include "spdk/histogram_data.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"

#include <sys/resource.h>

/* Buckets of 1/8 of a power of two, so that sorting them into others is no great error. */
#define GRANULARITY 3
#define MIN_NSEC 500
#define MAX_NSEC (20 * SPDK_SEC_TO_NSEC)

const uint64_t g_metrics_bounds[METRICS_NUM_BOUNDS] = {1000, 2000, 5000, 10000, 20000, 50000, 100000, 200000, 500000,
	1000000, 2000000, 5000000, 10000000, 20000000, 50000000, 100000000, 200000000, 500000000, 1000000000,
	2000000000, 5000000000, 10000000000};

/* ---- Histograms ---- */

static bool g_latency;

static void
ignore_cb(void *arg, int status)
{
	spdk_bdev_close(arg);
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	/* What is under way ends soon, and closes it then. */
}

/* It is held open until that is done. */
static void
set_histogram(struct spdk_bdev *bdev, bool wanted)
{
	struct spdk_bdev_enable_histogram_opts opts;
	struct spdk_bdev_desc *desc;
	int rc;

	spdk_bdev_enable_histogram_opts_init(&opts, sizeof(opts));
	opts.granularity = GRANULARITY;
	opts.min_nsec = MIN_NSEC;
	opts.max_nsec = MAX_NSEC;
	rc = spdk_bdev_open_ext(spdk_bdev_get_name(bdev), false, event_cb, NULL, &desc);
	if (rc == 0) {
		bdk_bdev_histogram_enable_unsaved(bdev, ignore_cb, desc, wanted, &opts);
	}
}

static int
set_histogram_cb(void *ctx, struct spdk_bdev *bdev)
{
	set_histogram(bdev, *(const bool *)ctx);
	return 0;
}

void
metrics_set_latency(bool wanted)
{
	if (wanted != g_latency) {
		g_latency = wanted;
		spdk_for_each_bdev(&wanted, set_histogram_cb);
	}
}

void
metrics_watch(struct spdk_bdev *bdev)
{
	if (g_latency) {
		set_histogram(bdev, true);
	}
}

/* Most buckets are empty, so several are looked at together. */
static uint64_t
next_filled(const struct spdk_histogram_data *histogram, uint64_t i)
{
	uint64_t num_buckets = SPDK_HISTOGRAM_NUM_BUCKETS(histogram);
	const uint64_t *bucket = histogram->bucket;

	while (i + 4 <= num_buckets && (bucket[i] | bucket[i + 1] | bucket[i + 2] | bucket[i + 3]) == 0) {
		i += 4;
	}
	while (i < num_buckets && bucket[i] == 0) {
		i++;
	}
	return i;
}

void
metrics_fold(const struct spdk_histogram_data *histogram, uint64_t ticks_hz, struct metrics_latency *latency)
{
	uint64_t num_buckets = SPDK_HISTOGRAM_NUM_BUCKETS(histogram);
	size_t bound = 0;

	for (uint64_t i = next_filled(histogram, 0); i < num_buckets; i = next_filled(histogram, i + 1)) {
		uint64_t count = histogram->bucket[i], start, middle, nanoseconds;
		uint32_t range, index;

		range = histogram->min_range + (uint32_t)(i >> SPDK_HISTOGRAM_GRANULARITY(histogram));
		index = (uint32_t)(i & SPDK_HISTOGRAM_BUCKET_MASK(histogram));
		start = __spdk_histogram_data_get_bucket_start(histogram, range, index);
		middle = start + (range > 0 ? UINT64_C(1) << (range - 1) : 1) / 2;
		nanoseconds = (uint64_t)((double)middle / (double)ticks_hz * 1e9);
		while (bound < METRICS_NUM_BOUNDS && nanoseconds > g_metrics_bounds[bound]) {
			bound++;
		}
		latency->counts[bound] += count;
		latency->count += count;
		latency->sum_seconds += (double)count * (double)middle / (double)ticks_hz;
	}
}

/* ---- The process ---- */

static uint64_t
count_open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t count = 0;

	while (folder != NULL && readdir(folder) != NULL) {
		count++;
	}
	if (folder != NULL) {
		closedir(folder);
	}
	/* Two are the folder and the one above, one is this. */
	return count < 3 ? 0 : count - 3;
}

static uint64_t
read_resident_bytes(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file != NULL) {
		if (fscanf(file, "%*u %llu", &pages) != 1) {
			pages = 0;
		}
		fclose(file);
	}
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
read_process(struct metrics_process *process)
{
	struct rusage usage = {};
	struct timespec start;

	getrusage(RUSAGE_SELF, &usage);
	process->cpu_seconds = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	process->resident_bytes = read_resident_bytes();
	process->open_fds = count_open_fds();
	bdk_env_get_process_start(&start);
	process->start_seconds = (double)start.tv_sec + (double)start.tv_nsec / 1e9;
}

/* ---- The end ---- */

void
metrics_snapshot_free(struct metrics_snapshot *snapshot)
{
	if (snapshot == NULL) {
		return;
	}
	for (size_t i = 0; i < snapshot->num_bdevs; i++) {
		free(snapshot->bdevs[i]->stat);
		free(snapshot->bdevs[i]);
	}
	free(snapshot->bdevs);
	free(snapshot->iobufs);
	free(snapshot->threads);
	free(snapshot);
}

static void
gather_done(struct metrics_snapshot *snapshot)
{
	metrics_gathered_cb cb = snapshot->cb;
	void *arg = snapshot->arg;
	int rc = snapshot->rc;

	while (snapshot->num_spare > 0) {
		spdk_histogram_data_free(snapshot->spare[--snapshot->num_spare]);
	}
	if (rc != 0) {
		metrics_snapshot_free(snapshot);
		snapshot = NULL;
	}
	cb(arg, snapshot, rc);
}

/* ---- Bdevs ---- */

static void gather_some(struct metrics_snapshot *snapshot);

static void
end_bdev(struct metrics_bdev *bdev)
{
	struct metrics_snapshot *snapshot = bdev->snapshot;

	spdk_bdev_close(bdev->desc);
	bdev->desc = NULL;
	snapshot->num_asked--;
	if (!snapshot->asking) {
		gather_some(snapshot);
	}
}

static void
put_histogram(struct metrics_bdev *bdev)
{
	struct metrics_snapshot *snapshot = bdev->snapshot;

	if (bdev->has_usual_buckets && snapshot->num_spare < METRICS_MOST_ASKED) {
		snapshot->spare[snapshot->num_spare++] = bdev->histogram;
	} else {
		spdk_histogram_data_free(bdev->histogram);
	}
}

static void
collected_cb(void *arg, int rc, int histogram_rc)
{
	struct metrics_bdev *bdev = arg;

	if (rc != 0) {
		bdev->snapshot->rc = rc;
	} else {
		bdev->num_errors = bdk_bdev_io_stat_get_errors(bdev->stat);
	}
	if (bdev->histogram != NULL) {
		if (histogram_rc == 0) {
			bdev->has_latency = true;
			metrics_fold(bdev->histogram, bdev->snapshot->ticks_hz, &bdev->latency);
		}
		put_histogram(bdev);
	}
	end_bdev(bdev);
}

/* One of a single type of I/O, which somebody has configured, is not what this says. */
static struct spdk_histogram_data *
get_histogram(struct metrics_bdev *bdev, struct spdk_bdev *spdk_bdev)
{
	struct metrics_snapshot *snapshot = bdev->snapshot;
	struct spdk_bdev_enable_histogram_opts opts;

	if (!bdk_bdev_histogram_get_opts(spdk_bdev, &opts) || opts.io_type != 0) {
		return NULL;
	}
	bdev->has_usual_buckets =
		opts.granularity == GRANULARITY && opts.min_nsec == MIN_NSEC && opts.max_nsec == MAX_NSEC;
	if (!bdev->has_usual_buckets || snapshot->num_spare == 0) {
		return bdk_bdev_histogram_alloc(spdk_bdev);
	}
	spdk_histogram_data_reset(snapshot->spare[--snapshot->num_spare]);
	return snapshot->spare[snapshot->num_spare];
}

static void
gather_bdev(struct metrics_bdev *bdev)
{
	struct spdk_bdev *spdk_bdev = spdk_bdev_desc_get_bdev(bdev->desc);

	bdev->snapshot->num_asked++;
	bdev->stat = bdk_bdev_io_stat_alloc();
	if (bdev->stat == NULL) {
		bdev->snapshot->rc = -ENOMEM;
		end_bdev(bdev);
		return;
	}
	metrics_read_raid(spdk_bdev, &bdev->raid);
	bdev->histogram = get_histogram(bdev, spdk_bdev);
	bdk_bdev_collect(spdk_bdev, bdev->stat, bdev->histogram, collected_cb, bdev);
}

static void
gather_some(struct metrics_snapshot *snapshot)
{
	/* What ends inside these calls is not to begin others. */
	snapshot->asking = true;
	while (snapshot->num_asked < METRICS_MOST_ASKED && snapshot->next_bdev < snapshot->num_bdevs) {
		gather_bdev(snapshot->bdevs[snapshot->next_bdev++]);
	}
	snapshot->asking = false;
	if (snapshot->num_asked == 0 && snapshot->next_bdev == snapshot->num_bdevs) {
		gather_done(snapshot);
	}
}

/* What is too long is cut off. */
static void
copy_text(char *out, size_t size, const char *text)
{
	size_t length = strnlen(text, size - 1);

	memcpy(out, text, length);
	out[length] = '\0';
}

/* Room for one more; NULL: no memory. */
static void *
grow(void *array, size_t count, size_t *capacity, size_t size)
{
	size_t more = spdk_max(*capacity * 2, 16);

	if (count < *capacity) {
		return array;
	}
	array = realloc(array, more * size);
	if (array != NULL) {
		*capacity = more;
	}
	return array;
}

static struct metrics_bdev *
alloc_bdev(struct metrics_snapshot *snapshot)
{
	struct metrics_bdev **bdevs, *bdev;

	bdevs = grow(snapshot->bdevs, snapshot->num_bdevs, &snapshot->capacity, sizeof(*bdevs));
	if (bdevs == NULL) {
		return NULL;
	}
	snapshot->bdevs = bdevs;
	bdev = calloc(1, sizeof(*bdev));
	if (bdev != NULL) {
		bdev->snapshot = snapshot;
		bdev->raid.progress = -1;
	}
	return bdev;
}

/* Opens it, and asks it at once if that is its turn: now it is in the caches of the CPU. */
static int
add_bdev(void *ctx, struct spdk_bdev *spdk_bdev)
{
	struct metrics_snapshot *snapshot = ctx;
	struct metrics_bdev *bdev = alloc_bdev(snapshot);
	int rc;

	if (bdev == NULL) {
		return -ENOMEM;
	}
	rc = spdk_bdev_open_ext(spdk_bdev_get_name(spdk_bdev), false, event_cb, NULL, &bdev->desc);
	if (rc != 0) {
		free(bdev);
		/* It is going. */
		return rc == -ENODEV ? 0 : rc;
	}
	copy_text(bdev->name, sizeof(bdev->name), spdk_bdev_get_name(spdk_bdev));
	copy_text(bdev->product, sizeof(bdev->product), spdk_bdev_get_product_name(spdk_bdev));
	spdk_uuid_fmt_lower(bdev->uuid, sizeof(bdev->uuid), spdk_bdev_get_uuid(spdk_bdev));
	bdev->size_bytes = spdk_bdev_get_num_blocks(spdk_bdev) * spdk_bdev_get_data_block_size(spdk_bdev);
	snapshot->bdevs[snapshot->num_bdevs++] = bdev;
	if (snapshot->num_asked < METRICS_MOST_ASKED && snapshot->next_bdev == snapshot->num_bdevs - 1) {
		gather_bdev(snapshot->bdevs[snapshot->next_bdev++]);
	}
	return 0;
}

/* Those that have not been asked yet. */
static void
drop_rest(struct metrics_snapshot *snapshot)
{
	while (snapshot->num_bdevs > snapshot->next_bdev) {
		struct metrics_bdev *bdev = snapshot->bdevs[--snapshot->num_bdevs];

		spdk_bdev_close(bdev->desc);
		free(bdev);
	}
}

static void
gather_bdevs(struct metrics_snapshot *snapshot)
{
	int rc;

	snapshot->capacity = 0;
	snapshot->asking = true;
	rc = spdk_for_each_bdev(snapshot, add_bdev);
	if (rc != 0) {
		snapshot->rc = rc;
		drop_rest(snapshot);
	}
	gather_some(snapshot);
}

/* ---- Buffers ---- */

static void
iobufs_cb(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *arg)
{
	struct metrics_snapshot *snapshot = arg;

	snapshot->iobufs = calloc(spdk_max(num_modules, 1), sizeof(*snapshot->iobufs));
	for (uint32_t i = 0; snapshot->iobufs != NULL && i < num_modules; i++) {
		struct metrics_iobuf *iobuf = &snapshot->iobufs[snapshot->num_iobufs++];

		copy_text(iobuf->module, sizeof(iobuf->module), modules[i].module);
		iobuf->small_pool = modules[i].small_pool;
		iobuf->large_pool = modules[i].large_pool;
	}
	gather_bdevs(snapshot);
}

static void
gather_iobufs(struct metrics_snapshot *snapshot)
{
	if (spdk_iobuf_get_stats(iobufs_cb, snapshot) != 0) {
		snapshot->rc = -ENOMEM;
		gather_done(snapshot);
	}
}

/* ---- Threads ---- */

/* One after the other, so that no two of them add at once. */
static void
thread_cb(void *arg)
{
	struct metrics_snapshot *snapshot = arg;
	struct metrics_thread *threads, *thread;

	threads = grow(snapshot->threads, snapshot->num_threads, &snapshot->capacity, sizeof(*threads));
	if (threads == NULL) {
		snapshot->rc = -ENOMEM;
		return;
	}
	snapshot->threads = threads;
	thread = &threads[snapshot->num_threads++];
	memset(thread, 0, sizeof(*thread));
	copy_text(thread->name, sizeof(thread->name), spdk_thread_get_name(spdk_get_thread()));
	spdk_thread_get_stats(&thread->stats);
}

static void
threads_cb(void *arg)
{
	struct metrics_snapshot *snapshot = arg;

	if (snapshot->rc != 0) {
		gather_done(snapshot);
	} else {
		gather_iobufs(snapshot);
	}
}

void
metrics_gather(metrics_gathered_cb cb, void *arg)
{
	struct metrics_snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (snapshot == NULL) {
		cb(arg, NULL, -ENOMEM);
		return;
	}
	snapshot->cb = cb;
	snapshot->arg = arg;
	snapshot->ticks_hz = spdk_get_ticks_hz();
	read_process(&snapshot->process);
	spdk_for_each_thread(thread_cb, snapshot, threads_cb);
}
