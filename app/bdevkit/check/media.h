/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What a disk keeps when its power goes. A write first lies in the cache of the disk, if that has one, from where each of its
 * blocks reaches the medium at any time, and at the latest by a flush that comes after its end. A cut leaves any of the
 * contents that each block may have by then. Not thread-safe.
 */

#ifndef BDEVKIT_CHECK_MEDIA_H
#define BDEVKIT_CHECK_MEDIA_H

#include "spdk/stdinc.h"

struct media;

/* room: blocks that it may grow to. NULL: no memory. */
struct media *media_create(uint64_t room, uint32_t block_size, bool write_cache);
void media_destroy(struct media *media);

/* What reads get, and what is there whatever happens. */
const uint8_t *media_data(const struct media *media, uint64_t block);
const uint8_t *media_durable(const struct media *media, uint64_t block);

/*
 * A write, whose iovs have all of the blocks, reaches the disk; NULL: zeroes. It returns what media_end_write() is to be told
 * when it is completed. Without memory it aborts.
 */
uint64_t media_begin_write(
	struct media *media, uint64_t offset, uint64_t num_blocks, const struct iovec *iovs, int iovcnt);
/* It has ended. Without a cache it is durable. A write that failed need not end. */
void media_end_write(struct media *media, uint64_t offset, uint64_t num_blocks, uint64_t id);

/* What a flush that is submitted now has to make durable; and it does, in that range. */
uint64_t media_begin_flush(struct media *media);
void media_end_flush(struct media *media, uint64_t offset, uint64_t num_blocks, uint64_t id);

/*
 * Cuts the power: random(limit), a number below limit, decides what is left. The disk goes on as if nothing had happened
 * until media_restore(), which takes all back that was not there at the cut.
 */
void media_cut(struct media *media, uint64_t (*random)(uint64_t limit));
void media_restore(struct media *media);

#endif /* BDEVKIT_CHECK_MEDIA_H */
