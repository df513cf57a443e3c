/* SPDX-License-Identifier: BSD-3-Clause */

/* What bdevkit adds to the statistics of spdk/bdev.h, for programs that watch bdevs. */

#ifndef BDEVKIT_BDEV_STAT_H
#define BDEVKIT_BDEV_STAT_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Empty statistics for spdk_bdev_get_device_stat() that has room for errors, which are counted over all channels and not for
 * each. Release it with free(). NULL: no memory.
 */
struct spdk_bdev_io_stat *bdk_bdev_io_stat_alloc(void);

/* I/Os that have failed, whatever the reason, that such statistics have. */
uint64_t bdk_bdev_io_stat_get_errors(const struct spdk_bdev_io_stat *stat);

/*
 * As spdk_bdev_histogram_enable_ext(), for who wants a histogram where nobody has configured one: it does not become part of
 * the saved configuration, and gives way to bdev_enable_histogram. cb_fn gets -EALREADY if there is one, which stays as it
 * is; to disable, if there is none or it was enabled otherwise.
 */
void bdk_bdev_histogram_enable_unsaved(struct spdk_bdev *bdev, spdk_bdev_histogram_status_cb cb_fn, void *cb_arg,
	bool enable, const struct spdk_bdev_enable_histogram_opts *opts);

/* Whether the bdev has a histogram; opts then gets its settings, sizeof() of this header. Any thread. */
bool bdk_bdev_histogram_get_opts(struct spdk_bdev *bdev, struct spdk_bdev_enable_histogram_opts *opts);

/*
 * An empty histogram for spdk_bdev_histogram_get(), with the buckets that the bdev's has or had. Release it with
 * spdk_histogram_data_free(). NULL: no memory, or it never had one. Any thread.
 */
struct spdk_histogram_data *bdk_bdev_histogram_alloc(struct spdk_bdev *bdev);

/*
 * As spdk_bdev_get_device_stat() and spdk_bdev_histogram_get(), of all channels in one go, so that the two agree but for what goes
 * on meanwhile. stat has been allocated with bdk_bdev_io_stat_alloc(), histogram with bdk_bdev_histogram_alloc(), and both stay
 * the caller's; without a histogram it is NULL. cb_fn runs on this thread, perhaps inside this call. rc is a negative errno if
 * stat has nothing; histogram_rc if histogram is not whole, as for -EFAULT if some channel has none.
 */
typedef void (*bdk_bdev_collect_cb)(void *cb_arg, int rc, int histogram_rc);
void bdk_bdev_collect(struct spdk_bdev *bdev, struct spdk_bdev_io_stat *stat, struct spdk_histogram_data *histogram,
	bdk_bdev_collect_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_BDEV_STAT_H */
