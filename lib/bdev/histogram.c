/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Histograms of latency, one in each channel. What is wanted stands in the bdev_state, where new channels find it; the
 * others are told by a walk. Without a histogram a channel has no BDEV_GATE_HISTOGRAM, and its I/O does not come here.
 */

#include "lib/bdev/io_internal.h"

#include "bdevkit/bdev_stat.h"

/* ---- the channels ---- */

static uint64_t
ns_to_ticks(uint64_t ns)
{
	uint64_t hz = spdk_get_ticks_hz(), ticks;

	/* In two steps, as the product may not fit; what is beyond all ticks is the largest. */
	if (__builtin_mul_overflow(ns / SPDK_SEC_TO_NSEC, hz, &ticks) ||
		__builtin_add_overflow(ticks, ns % SPDK_SEC_TO_NSEC * hz / SPDK_SEC_TO_NSEC, &ticks)) {
		return UINT64_MAX;
	}
	return ns == UINT64_MAX ? UINT64_MAX : ticks;
}

static struct spdk_histogram_data *
alloc(const struct bdev_histogram *wanted)
{
	return spdk_histogram_data_alloc_sized_ext(
		wanted->granularity, ns_to_ticks(wanted->min_nsec), ns_to_ticks(wanted->max_nsec));
}

static void
set(struct bdev_channel *ch, struct spdk_histogram_data *histogram)
{
	spdk_histogram_data_free(ch->histogram);
	ch->histogram = histogram;
	if (histogram != NULL) {
		ch->gates |= BDEV_GATE_HISTOGRAM;
	} else {
		ch->gates &= ~BDEV_GATE_HISTOGRAM;
	}
}

static bool
has_buckets(const struct spdk_histogram_data *histogram, const struct bdev_histogram *wanted)
{
	const struct spdk_histogram_data form = {.granularity = wanted->granularity};

	return histogram->granularity == wanted->granularity &&
		histogram->min_range ==
		__spdk_histogram_data_get_bucket_range((void *)&form, ns_to_ticks(wanted->min_nsec)) &&
		histogram->max_range ==
		__spdk_histogram_data_get_bucket_range((void *)&form, ns_to_ticks(wanted->max_nsec));
}

/* Brings a channel into line with what is wanted. */
static int
adjust(struct bdev_channel *ch, const struct bdev_histogram *wanted)
{
	struct spdk_histogram_data *histogram;

	if (!wanted->enabled) {
		set(ch, NULL);
		return 0;
	}
	ch->histogram_io_type = wanted->io_type;
	if (ch->histogram != NULL && has_buckets(ch->histogram, wanted)) {
		return 0;
	}
	histogram = alloc(wanted);
	set(ch, histogram);
	return histogram != NULL ? 0 : -ENOMEM;
}

static struct bdev_histogram
get_wanted(struct bdev_state *state)
{
	ENV_MUTEX_SCOPE(&state->lock);
	return state->histogram;
}

void
bdev_histogram_channel_init(struct bdev_channel *ch)
{
	struct bdev_histogram wanted = get_wanted(bdev_state(ch->bdev));

	if (adjust(ch, &wanted) != 0) {
		SPDK_ERRLOG("%s: no memory for the histogram of a new channel\n", ch->bdev->name);
	}
}

static void
forget_gone(struct bdev_histogram *histogram)
{
	spdk_histogram_data_free(histogram->gone);
	histogram->gone = NULL;
}

static void
find_gone_range(struct bdev_histogram *histogram)
{
	const struct spdk_histogram_data *gone = histogram->gone;
	uint64_t begin = 0, end = SPDK_HISTOGRAM_NUM_BUCKETS(gone);

	while (begin < end && gone->bucket[begin] == 0) {
		begin++;
	}
	while (end > begin && gone->bucket[end - 1] == 0) {
		end--;
	}
	histogram->gone_begin = begin;
	histogram->gone_end = end;
}

/* Without memory of its own: of the first that goes the histogram itself is kept. */
void
bdev_histogram_channel_fini(struct bdev_channel *ch)
{
	struct bdev_state *state = bdev_state(ch->bdev);

	if (ch->histogram == NULL) {
		return;
	}
	{
		ENV_MUTEX_SCOPE(&state->lock);
		if (state->histogram.gone == NULL && state->histogram.enabled &&
			has_buckets(ch->histogram, &state->histogram)) {
			state->histogram.gone = ch->histogram;
			ch->histogram = NULL;
		} else if (state->histogram.gone != NULL) {
			/* One with other buckets is of an earlier setting. */
			spdk_histogram_data_merge(state->histogram.gone, ch->histogram);
		}
		if (state->histogram.gone != NULL) {
			find_gone_range(&state->histogram);
		}
	}
	set(ch, NULL);
}

void
bdev_histogram_fini(struct bdev_state *state)
{
	forget_gone(&state->histogram);
}

void
bdev_histogram_count(struct bdev_channel *ch, const struct spdk_bdev_io *bdev_io, uint64_t latency)
{
	if (ch->histogram_io_type == 0 || ch->histogram_io_type == bdev_io->type) {
		spdk_histogram_data_tally(ch->histogram, latency);
	}
}

/* ---- enable and disable ---- */

struct change {
	struct spdk_bdev_channel_iter walk;
	struct bdev_histogram wanted;
	spdk_bdev_histogram_status_cb cb_fn;
	void *cb_arg;
	int rc;
};

static void
adjust_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct change *change = ctx;

	spdk_bdev_for_each_channel_continue(i, adjust(spdk_io_channel_get_ctx(io_ch), &change->wanted));
}

/* Under the lock. What channels collect meanwhile, and go, belongs to what is there. */
static void
replace_wanted(struct bdev_state *state, const struct bdev_histogram *wanted, bool changing)
{
	const struct bdev_histogram before = state->histogram;
	struct spdk_histogram_data *gone = before.gone;

	state->histogram = *wanted;
	state->histogram.changing = changing;
	state->histogram.gone = gone;
	state->histogram.gone_begin = before.gone_begin;
	state->histogram.gone_end = before.gone_end;
	if (gone != NULL && (!wanted->enabled || !has_buckets(gone, wanted))) {
		forget_gone(&state->histogram);
	}
}

static void
set_wanted(struct bdev_state *state, const struct bdev_histogram *wanted, bool changing)
{
	ENV_MUTEX_SCOPE(&state->lock);
	replace_wanted(state, wanted, changing);
}

static void
adjusted_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct change *change = ctx;

	if (status != 0) {
		/* Not on all channels, so on none; which cannot fail. */
		change->rc = status;
		change->wanted.enabled = false;
		set_wanted(bdev_state(bdev), &change->wanted, true);
		bdev_for_each_channel(&change->walk, bdev, adjust_channel_cb, change, adjusted_cb);
		return;
	}
	set_wanted(bdev_state(bdev), &change->wanted, false);
	change->cb_fn(change->cb_arg, change->rc);
	free(change);
}

#define OPTS_HAS(opts_size, field) \
	(offsetof(struct spdk_bdev_enable_histogram_opts, field) + \
			sizeof(((struct spdk_bdev_enable_histogram_opts *)0)->field) <= \
		(opts_size))

void
spdk_bdev_enable_histogram_opts_init(struct spdk_bdev_enable_histogram_opts *opts, size_t size)
{
	if (opts == NULL || !OPTS_HAS(size, size)) {
		SPDK_ERRLOG("spdk_bdev_enable_histogram_opts_init() needs a structure and its size\n");
		return;
	}
	opts->size = size;
	if (OPTS_HAS(size, min_nsec)) {
		opts->min_nsec = 0;
	}
	if (OPTS_HAS(size, max_nsec)) {
		opts->max_nsec = UINT64_MAX;
	}
	if (OPTS_HAS(size, io_type)) {
		opts->io_type = 0;
	}
	if (OPTS_HAS(size, granularity)) {
		opts->granularity = SPDK_HISTOGRAM_GRANULARITY_DEFAULT;
	}
}

static uint8_t
wanted_type(const struct spdk_bdev_enable_histogram_opts *opts)
{
	return opts != NULL && OPTS_HAS(opts->size, io_type) ? opts->io_type : 0;
}

static void
read_opts(struct bdev_histogram *wanted, const struct spdk_bdev_enable_histogram_opts *opts)
{
	struct spdk_bdev_enable_histogram_opts all;

	/* What lies beyond the caller's size is as usual. */
	spdk_bdev_enable_histogram_opts_init(&all, sizeof(all));
	if (opts != NULL) {
		memcpy(&all, opts, spdk_min(opts->size, sizeof(all)));
	}
	wanted->io_type = wanted_type(opts);
	wanted->granularity = all.granularity;
	wanted->min_nsec = all.min_nsec;
	wanted->max_nsec = all.max_nsec;
}

/* Claims the right to change. What is wanted becomes known before any channel is told, for those that are made meanwhile. */
static int
begin_change(struct bdev_state *state, struct change *change, bool enable, bool saved,
	const struct spdk_bdev_enable_histogram_opts *opts)
{
	struct spdk_histogram_data *probe;

	ENV_MUTEX_SCOPE(&state->lock);
	if (state->histogram.changing) {
		return -EAGAIN;
	}
	if (enable && wanted_type(opts) >= SPDK_BDEV_NUM_IO_TYPES) {
		return -EINVAL;
	}
	if (!saved && (enable ? state->histogram.enabled : !state->histogram.enabled || !state->histogram.unsaved)) {
		return -EALREADY;
	}
	change->wanted = state->histogram;
	change->wanted.enabled = enable;
	change->wanted.unsaved = enable && !saved;
	if (enable) {
		read_opts(&change->wanted, opts);
		/* A range or granularity that is none is found out even if there is no channel yet. */
		probe = alloc(&change->wanted);
		if (probe == NULL) {
			change->rc = -ENOMEM;
			change->wanted = state->histogram;
			change->wanted.enabled = false;
		}
		spdk_histogram_data_free(probe);
	}
	replace_wanted(state, &change->wanted, true);
	return 0;
}

static void
change_channels(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg, bool enable, bool saved,
	const struct spdk_bdev_enable_histogram_opts *opts)
{
	struct change *change;
	int rc;

	change = calloc(1, sizeof(*change));
	if (change == NULL) {
		cb_fn(cb_arg, -ENOMEM);
		return;
	}
	change->cb_fn = cb_fn;
	change->cb_arg = cb_arg;
	rc = begin_change(bdev_state(bdev), change, enable, saved, opts);
	if (rc != 0) {
		free(change);
		cb_fn(cb_arg, rc);
		return;
	}
	bdev_for_each_channel(&change->walk, bdev, adjust_channel_cb, change, adjusted_cb);
}

void
spdk_bdev_histogram_enable_ext(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg, bool enable,
	struct spdk_bdev_enable_histogram_opts *opts)
{
	change_channels(bdev, cb_fn, cb_arg, enable, true, opts);
}

void
bdk_bdev_histogram_enable_unsaved(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg,
	bool enable, const struct spdk_bdev_enable_histogram_opts *opts)
{
	change_channels(bdev, cb_fn, cb_arg, enable, false, opts);
}

void
spdk_bdev_histogram_enable(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg, bool enable)
{
	spdk_bdev_histogram_enable_ext(bdev, cb_fn, cb_arg, enable, NULL);
}

bool
bdk_bdev_histogram_get_opts(struct spdk_bdev *bdev, struct spdk_bdev_enable_histogram_opts *opts)
{
	struct bdev_histogram wanted = get_wanted(bdev_state(bdev));

	opts->size = sizeof(*opts);
	opts->min_nsec = wanted.min_nsec;
	opts->max_nsec = wanted.max_nsec;
	opts->io_type = wanted.io_type;
	opts->granularity = wanted.granularity;
	return wanted.enabled;
}

struct spdk_histogram_data *
bdk_bdev_histogram_alloc(struct spdk_bdev *bdev)
{
	struct bdev_histogram wanted = get_wanted(bdev_state(bdev));

	return alloc(&wanted);
}

bool
bdev_histogram_is_saved(struct spdk_bdev *bdev)
{
	struct bdev_histogram wanted = get_wanted(bdev_state(bdev));

	return wanted.enabled && !wanted.unsaved;
}

/* ---- what has been collected ---- */

struct collection {
	struct spdk_bdev_channel_iter walk;
	struct spdk_histogram_data *histogram;
	spdk_bdev_histogram_data_cb cb_fn;
	void *cb_arg;
	int rc;
};

static void
merge_channel_cb(struct spdk_bdev_channel_iter *i, struct spdk_bdev *bdev, struct spdk_io_channel *io_ch, void *ctx)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct collection *collection = ctx;

	spdk_bdev_for_each_channel_continue(i, bdev_histogram_add(ch, collection->histogram));
}

int
bdev_histogram_add(const struct bdev_channel *ch, struct spdk_histogram_data *histogram)
{
	return ch->histogram == NULL ? -EFAULT : spdk_histogram_data_merge(histogram, ch->histogram);
}

int
bdev_histogram_add_gone(struct bdev_state *state, struct spdk_histogram_data *histogram)
{
	const struct spdk_histogram_data *gone;

	ENV_MUTEX_SCOPE(&state->lock);
	gone = state->histogram.gone;
	if (gone == NULL) {
		return 0;
	}
	if (gone->granularity != histogram->granularity || gone->min_range != histogram->min_range ||
		gone->max_range != histogram->max_range) {
		return -EINVAL;
	}
	for (uint64_t i = state->histogram.gone_begin; i < state->histogram.gone_end; i++) {
		histogram->bucket[i] += gone->bucket[i];
	}
	return 0;
}

static void
merged_cb(struct spdk_bdev *bdev, void *ctx, int status)
{
	struct collection *collection = ctx;

	if (status == 0) {
		status = collection->rc;
	}

	collection->cb_fn(collection->cb_arg, status, collection->histogram);
	free(collection);
}

void
spdk_bdev_histogram_get(
	struct spdk_bdev *bdev, struct spdk_histogram_data *histogram, spdk_bdev_histogram_data_cb cb_fn, void *cb_arg)
{
	/* All of it is written below. */
	struct collection *collection = malloc(sizeof(*collection));

	if (collection == NULL) {
		cb_fn(cb_arg, -ENOMEM, NULL);
		return;
	}
	collection->histogram = histogram;
	collection->cb_fn = cb_fn;
	collection->cb_arg = cb_arg;
	collection->rc = bdev_histogram_add_gone(bdev_state(bdev), histogram);
	bdev_for_each_channel(&collection->walk, bdev, merge_channel_cb, collection, merged_cb);
}

void
spdk_bdev_channel_get_histogram(struct spdk_io_channel *io_ch, spdk_bdev_histogram_data_cb cb_fn, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);

	cb_fn(cb_arg, ch->histogram != NULL ? 0 : -EFAULT, ch->histogram);
}
