/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Statistics. Each channel counts for itself, without locks; a bdev adds up its channels when it is asked. Latencies
 * are as fine as a turn of the reactor: an I/O that starts and ends in one turn has none.
 */

#include "lib/bdev/io_internal.h"
#include "lib/bdev/rate.h"
#include "bdevkit/bdev_stat.h"
#include "spdk/json.h"

struct spdk_bdev_io_error_stat {
	uint32_t count[-SPDK_MIN_BDEV_IO_STATUS];
};

/* ---- counting ---- */

void
bdev_stat_init(struct bdev_stat *stat)
{
	size_t i;

	memset(stat, 0, sizeof(*stat));
	for (i = 0; i < SPDK_COUNTOF(stat->counters); i++) {
		stat->counters[i].min_latency = UINT64_MAX;
	}
}

int
bdev_state_io_init(struct bdev_state *state)
{
	bdev_stat_init(&state->stat);
	state->sampling.depth = UINT64_MAX;
	TAILQ_INIT(&state->queued_resets);
	state->locks = bdev_lock_set_alloc(state);
	return state->locks != NULL ? 0 : -ENOMEM;
}

void
bdev_state_io_fini(struct bdev_state *state)
{
	assert(state->reset_in_progress == NULL);
	bdev_lock_set_close(state->locks);
	bdev_rate_put(state->qos.rate);
}

void
bdev_stat_count_zcopy(struct bdev_stat *stat, struct spdk_bdev_io *bdev_io, uint64_t latency)
{
	if (bdev_io->u.bdev.zcopy.start) {
		bdev_stat_count_as(stat,
			bdev_io->u.bdev.zcopy.populate ? SPDK_BDEV_IO_TYPE_READ : SPDK_BDEV_IO_TYPE_WRITE, bdev_io,
			latency);
	}
}

void
bdev_stat_count_error(struct bdev_state *state, enum spdk_bdev_io_status status)
{
	/* Rare enough for the cost, and not worth a lock. */
	__atomic_fetch_add(&state->stat.errors[-status - 1], 1, __ATOMIC_RELAXED);
}

void
bdev_stat_add(struct bdev_stat *total, const struct bdev_stat *add)
{
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(total->counters); i++) {
		struct bdev_counters *to = &total->counters[i];
		const struct bdev_counters *from = &add->counters[i];

		to->ops += from->ops;
		to->blocks += from->blocks;
		to->latency += from->latency;
		to->max_latency = spdk_max(to->max_latency, from->max_latency);
		to->min_latency = spdk_min(to->min_latency, from->min_latency);
	}
}

static void
reset_stat(struct bdev_stat *stat, enum spdk_bdev_reset_stat_mode mode)
{
	size_t i;

	if (mode == SPDK_BDEV_RESET_STAT_NONE) {
		return;
	}
	for (i = 0; i < SPDK_COUNTOF(stat->counters); i++) {
		struct bdev_counters *counters = &stat->counters[i];

		counters->max_latency = 0;
		counters->min_latency = UINT64_MAX;
		if (mode == SPDK_BDEV_RESET_STAT_ALL) {
			counters->ops = 0;
			counters->blocks = 0;
			counters->latency = 0;
		}
	}
	if (mode == SPDK_BDEV_RESET_STAT_ALL) {
		for (i = 0; i < SPDK_COUNTOF(stat->errors); i++) {
			__atomic_store_n(&stat->errors[i], 0, __ATOMIC_RELAXED);
		}
	}
}

/* ---- the interface's form ---- */

/* Calls X(counter, kind) for the types that callers see: the type's name in upper case and its names in the form. */
#define FOR_EACH_KIND(X) \
	X(READ, read, bytes_read) \
	X(WRITE, write, bytes_written) \
	X(UNMAP, unmap, bytes_unmapped) \
	X(COPY, copy, bytes_copied)

static void
export_stat(struct spdk_bdev_io_stat *out, const struct bdev_stat *stat, const struct spdk_bdev *bdev)
{
	const struct bdev_counters *counters;

#define EXPORT(TYPE, kind, bytes) \
	counters = &stat->counters[SPDK_BDEV_IO_TYPE_##TYPE]; \
	out->bytes = counters->blocks * bdev->blocklen; \
	out->num_##kind##_ops = counters->ops; \
	out->kind##_latency_ticks = counters->latency; \
	out->max_##kind##_latency_ticks = counters->max_latency; \
	out->min_##kind##_latency_ticks = counters->min_latency;

	FOR_EACH_KIND(EXPORT)
#undef EXPORT
}

void
spdk_bdev_add_io_stat(struct spdk_bdev_io_stat *total, struct spdk_bdev_io_stat *add)
{
#define ADD(TYPE, kind, bytes) \
	total->bytes += add->bytes; \
	total->num_##kind##_ops += add->num_##kind##_ops; \
	total->kind##_latency_ticks += add->kind##_latency_ticks; \
	total->max_##kind##_latency_ticks = \
		spdk_max(total->max_##kind##_latency_ticks, add->max_##kind##_latency_ticks); \
	total->min_##kind##_latency_ticks = \
		spdk_min(total->min_##kind##_latency_ticks, add->min_##kind##_latency_ticks);

	FOR_EACH_KIND(ADD)
#undef ADD
}

void
spdk_bdev_reset_io_stat(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode mode)
{
	if (mode == SPDK_BDEV_RESET_STAT_NONE) {
		return;
	}
#define RESET_EXTREMES(TYPE, kind, bytes) \
	stat->max_##kind##_latency_ticks = 0; \
	stat->min_##kind##_latency_ticks = UINT64_MAX;

	FOR_EACH_KIND(RESET_EXTREMES)
#undef RESET_EXTREMES
	if (mode != SPDK_BDEV_RESET_STAT_ALL) {
		return;
	}
#define RESET_SUMS(TYPE, kind, bytes) \
	stat->bytes = 0; \
	stat->num_##kind##_ops = 0; \
	stat->kind##_latency_ticks = 0;

	FOR_EACH_KIND(RESET_SUMS)
#undef RESET_SUMS
	if (stat->io_error != NULL) {
		memset(stat->io_error, 0, sizeof(*stat->io_error));
	}
}

static const char *const g_error_names[-SPDK_MIN_BDEV_IO_STATUS] = {
	[-SPDK_BDEV_IO_STATUS_FAILED - 1] = "failed",
	[-SPDK_BDEV_IO_STATUS_NVME_ERROR - 1] = "nvme_error",
	[-SPDK_BDEV_IO_STATUS_SCSI_ERROR - 1] = "scsi_error",
	[-SPDK_BDEV_IO_STATUS_NOMEM - 1] = "nomem",
	[-SPDK_BDEV_IO_STATUS_MISCOMPARE - 1] = "miscompare",
	[-SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED - 1] = "first_fused_failed",
	[-SPDK_BDEV_IO_STATUS_ABORTED - 1] = "aborted",
	[-SPDK_BDEV_IO_STATUS_AIO_ERROR - 1] = "aio_error",
};

static void
dump_errors(const struct spdk_bdev_io_error_stat *errors, struct spdk_json_write_ctx *w)
{
	size_t i;

	spdk_json_write_named_object_begin(w, "io_error");
	for (i = 0; i < SPDK_COUNTOF(errors->count); i++) {
		if (errors->count[i] != 0) {
			spdk_json_write_named_uint32(w, g_error_names[i], errors->count[i]);
		}
	}
	spdk_json_write_object_end(w);
}

void
spdk_bdev_dump_io_stat_json(struct spdk_bdev_io_stat *stat, struct spdk_json_write_ctx *w)
{
#define DUMP_COUNTS(TYPE, kind, bytes) \
	spdk_json_write_named_uint64(w, #bytes, stat->bytes); \
	spdk_json_write_named_uint64(w, "num_" #kind "_ops", stat->num_##kind##_ops);

	FOR_EACH_KIND(DUMP_COUNTS)
#undef DUMP_COUNTS

	/* No minimum yet is printed as 0. */
#define DUMP_LATENCIES(TYPE, kind, bytes) \
	spdk_json_write_named_uint64(w, #kind "_latency_ticks", stat->kind##_latency_ticks); \
	spdk_json_write_named_uint64(w, "max_" #kind "_latency_ticks", stat->max_##kind##_latency_ticks); \
	spdk_json_write_named_uint64(w, "min_" #kind "_latency_ticks", \
		stat->min_##kind##_latency_ticks == UINT64_MAX ? 0 : stat->min_##kind##_latency_ticks);

	FOR_EACH_KIND(DUMP_LATENCIES)
#undef DUMP_LATENCIES

	if (stat->io_error != NULL) {
		dump_errors(stat->io_error, w);
	}
}

struct spdk_bdev_io_stat *
bdk_bdev_io_stat_alloc(void)
{
	struct spdk_bdev_io_stat *stat = calloc(1, sizeof(*stat) + sizeof(struct spdk_bdev_io_error_stat));

	if (stat != NULL) {
		stat->io_error = (void *)(stat + 1);
		spdk_bdev_reset_io_stat(stat, SPDK_BDEV_RESET_STAT_ALL);
	}
	return stat;
}

uint64_t
bdk_bdev_io_stat_get_errors(const struct spdk_bdev_io_stat *stat)
{
	uint64_t sum = 0;

	for (size_t i = 0; stat->io_error != NULL && i < SPDK_COUNTOF(stat->io_error->count); i++) {
		sum += stat->io_error->count[i];
	}
	return sum;
}

/* ---- asking ---- */

void
spdk_bdev_get_io_stat(struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, struct spdk_bdev_io_stat *stat,
	enum spdk_bdev_reset_stat_mode reset_mode)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	export_stat(stat, &ch->stat, bdev);
	stat->ticks_rate = spdk_get_ticks_hz();
	reset_stat(&ch->stat, reset_mode);
}

/* Of all channels of a bdev. */
struct collection {
	struct spdk_bdev_channel_iter walk;
	struct bdev_stat sum;
	struct spdk_bdev_io_stat *stat;
	enum spdk_bdev_reset_stat_mode reset_mode;
	/* NULL: it is not asked for. */
	struct spdk_histogram_data *histogram;
	int histogram_rc;
	spdk_bdev_get_device_stat_cb stat_cb;
	bdk_bdev_collect_cb cb;
	void *cb_arg;
};

static void
add_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct collection *collection = ctx;

	bdev_stat_add(&collection->sum, &ch->stat);
	reset_stat(&ch->stat, collection->reset_mode);
	if (collection->histogram != NULL && collection->histogram_rc == 0) {
		collection->histogram_rc = bdev_histogram_add(ch, collection->histogram);
	}
	spdk_bdev_for_each_channel_continue(i, 0);
}

static void
added_channels_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct collection *collection = ctx;

	export_stat(collection->stat, &collection->sum, bdev);
	if (collection->stat->io_error != NULL) {
		memcpy(collection->stat->io_error->count, collection->sum.errors, sizeof(collection->sum.errors));
	}
	if (collection->stat_cb != NULL) {
		collection->stat_cb(bdev, collection->stat, collection->cb_arg, status);
	} else {
		collection->cb(collection->cb_arg, status, status != 0 ? status : collection->histogram_rc);
	}
	free(collection);
}

/* The caller sets who is to be told. NULL: no memory. */
static struct collection *
alloc_collection(struct spdk_bdev_io_stat *stat, enum spdk_bdev_reset_stat_mode reset_mode,
	struct spdk_histogram_data *histogram, void *cb_arg)
{
	struct collection *collection = malloc(sizeof(*collection));

	if (collection != NULL) {
		collection->stat = stat;
		collection->reset_mode = reset_mode;
		collection->histogram = histogram;
		collection->histogram_rc = 0;
		collection->stat_cb = NULL;
		collection->cb = NULL;
		collection->cb_arg = cb_arg;
	}
	return collection;
}

static void
collect(struct spdk_bdev *bdev, struct collection *collection)
{
	struct bdev_state *state = bdev_state(bdev);

	env_mutex_lock(&state->lock);
	collection->sum = state->stat;
	reset_stat(&state->stat, collection->reset_mode);
	env_mutex_unlock(&state->lock);
	if (collection->histogram != NULL) {
		collection->histogram_rc = bdev_histogram_add_gone(state, collection->histogram);
	}
	bdev_for_each_channel(&collection->walk, bdev, add_channel_cb, collection, added_channels_cb);
}

void
spdk_bdev_get_device_stat(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat,
	enum spdk_bdev_reset_stat_mode reset_mode, spdk_bdev_get_device_stat_cb cb, void *cb_arg)
{
	struct collection *collection = alloc_collection(stat, reset_mode, NULL, cb_arg);

	if (collection == NULL) {
		cb(bdev, stat, cb_arg, -ENOMEM);
		return;
	}
	collection->stat_cb = cb;
	collect(bdev, collection);
}

void
bdk_bdev_collect(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, struct spdk_histogram_data *histogram,
	bdk_bdev_collect_cb cb_fn, void *cb_arg)
{
	struct collection *collection = alloc_collection(stat, SPDK_BDEV_RESET_STAT_NONE, histogram, cb_arg);

	if (collection == NULL) {
		cb_fn(cb_arg, -ENOMEM, -ENOMEM);
		return;
	}
	collection->cb = cb_fn;
	collect(bdev, collection);
}
