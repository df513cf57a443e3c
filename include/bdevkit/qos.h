/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Groups of bdevs with common rate limits. What all bdevs of a group do together stays within the limits of the group;
 * an I/O needs room both there and within the limits of its own bdev, if that has some (spdk_bdev_set_qos_rate_limits()).
 * A bdev is in one group at most. A group outlives its bdevs: a bdev that goes away leaves it.
 *
 * Limits are arrays of SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES numbers with the units, rounding and special values of
 * spdk_bdev_set_qos_rate_limits(): I/Os per second, then MiB per second; 0: no limit; UINT64_MAX: as before.
 */

#ifndef BDEVKIT_QOS_H
#define BDEVKIT_QOS_H

#include "spdk/stdinc.h"
#include "spdk/bdev.h"

#ifdef __cplusplus
extern "C" {
#endif

/* status: 0, or a negative errno, and nothing has changed. */
typedef void (*bdk_bdev_qos_group_cb)(void *cb_arg, int status);

/*
 * Makes a group without bdevs. limits NULL: none; they may be set later. Any thread. Returns 0, -EINVAL for an empty name,
 * -EEXIST if there is a group of that name, -ENOMEM.
 */
int bdk_bdev_qos_group_create(const char *name, const uint64_t *limits);

/* Any thread. Returns 0, -ENOENT, or -EBUSY while bdevs are in the group. */
int bdk_bdev_qos_group_delete(const char *name);

/*
 * Changes the limits, at once, for I/O that waits too; as often as one likes. Any thread. Returns 0 or -ENOENT. Get stores
 * the limits that are in force.
 */
int bdk_bdev_qos_group_set_rate_limits(const char *name, const uint64_t *limits);
int bdk_bdev_qos_group_get_rate_limits(const char *name, uint64_t *limits);

/*
 * Puts a bdev into a group. cb_fn, which may be NULL, runs on this thread when all I/O of the bdev is counted. SPDK threads
 * only. Returns 0; or, and then cb_fn is not called, -ENOENT: no such group; -ENODEV: the bdev is being removed; -EEXIST: it
 * is in this group; -EBUSY: it is in another one; -EAGAIN: limits or group of the bdev are being changed; -EINVAL: not on an
 * SPDK thread; -ENOMEM.
 */
int bdk_bdev_qos_group_add_bdev(const char *name, struct spdk_bdev *bdev, bdk_bdev_qos_group_cb cb_fn, void *cb_arg);

/*
 * Takes a bdev out of a group. I/O that waits for the group's limits is submitted, before cb_fn, which may be NULL, runs on
 * this thread. SPDK threads only. Returns 0; or, and then cb_fn is not called, -ENOENT: no such group; -ENODEV: the bdev is
 * not in it, or being removed; -EAGAIN, -EINVAL, -ENOMEM as above.
 */
int bdk_bdev_qos_group_remove_bdev(const char *name, struct spdk_bdev *bdev, bdk_bdev_qos_group_cb cb_fn, void *cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_QOS_H */
