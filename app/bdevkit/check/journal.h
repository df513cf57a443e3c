/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A disk of the check's own, for bdevs to be built on: it keeps what was written apart from what has been flushed, and
 * power can be cut. A configuration makes it by the method bdev_journal_create. It keeps what it holds when its bdev is
 * removed and made again.
 */

#ifndef BDEVKIT_CHECK_JOURNAL_H
#define BDEVKIT_CHECK_JOURNAL_H

#include "spdk/stdinc.h"

/* Before the session starts. random(limit): a number below limit; 0: any. */
void check_journal_register(uint64_t (*random)(uint64_t limit));

/* As the method, on the application thread; one of that name comes back with what it holds. Returns 0 or a negative errno. */
int check_journal_create(const char *name, uint64_t num_blocks, uint32_t block_size, bool write_cache);

/* I/O of these types (a bit for each) fails from now on, when it may have been carried out as a whole or in part. */
void check_journal_fail(const char *name, uint64_t io_types);

/* What a disk holds from a block on, and what it would hold in any case if the power went now; for looking. */
const uint8_t *check_journal_data(const char *name, uint64_t block);
const uint8_t *check_journal_durable(const char *name, uint64_t block);

/* observe is told of each write when it reaches a disk, before it does; NULL: of none. */
void check_journal_observe(void (*observe)(const char *name, uint64_t offset_blocks, uint64_t num_blocks));

/* Whether there is one. */
bool check_journal_exists(void);

/* Writes that journals have carried out. */
uint64_t check_journal_num_writes(void);

/*
 * Cuts the power of all journals: of each block that was written and not flushed, any of its contents since then will be
 * there. They go on as if nothing had happened until check_journal_restore(), with which all that was done since is gone.
 */
void check_journal_cut(void);
/* While no bdev of a journal is registered. */
void check_journal_restore(void);

/* Makes all journals larger, or smaller again, by some blocks. Returns 0 or a negative errno. */
int check_journal_resize(int64_t blocks);

#endif /* BDEVKIT_CHECK_JOURNAL_H */
