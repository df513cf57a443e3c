/* SPDX-License-Identifier: BSD-3-Clause */

/* The faults of the broken modules. */

#ifndef TEST_BROKEN_H
#define TEST_BROKEN_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/util.h"

#define NUM_BLOCKS 4096
#define BLOCK_SIZE 512
#define MD_SIZE 8
#define LIMIT_BLOCKS 16
#define CTX_SIZE 16

/* Of bdev_broken.c. */
#define DISK_FAULTS(FAULT) \
	FAULT(NONE, "none") \
	FAULT(NONE_DIF, "none_dif") \
	FAULT(LOSES_WRITE, "loses_write") \
	FAULT(LEAVES_DATA, "leaves_data") \
	FAULT(LIES_ABOUT_LIMIT, "lies_about_limit") \
	FAULT(WRONG_SIZE, "wrong_size") \
	FAULT(NEVER_ENDS, "never_ends") \
	FAULT(COMPLETES_TWICE, "completes_twice") \
	FAULT(WRONG_THREAD, "wrong_thread") \
	FAULT(BAD_STATUS, "bad_status") \
	FAULT(ANSWERS_LATE, "answers_after_unregister") \
	FAULT(ANSWERS_WITHOUT_CHANNEL, "answers_without_channel") \
	FAULT(CHANGES_CALLERS_DATA, "changes_callers_data") \
	FAULT(CHANGES_IO, "changes_io") \
	FAULT(CHANGES_BDEV, "changes_bdev") \
	FAULT(WRITES_BEYOND_BUFFER, "writes_beyond_buffer") \
	FAULT(READS_PAST_IOV, "reads_past_iov") \
	FAULT(OVERRUNS_CTX, "overruns_ctx") \
	FAULT(SWAPS_BUFFERS, "swaps_buffers") \
	FAULT(SHORT_READ, "short_read") \
	FAULT(WRONG_BLOCK, "wrong_block") \
	FAULT(WRITES_NEXT_BLOCK, "writes_next_block") \
	FAULT(TEARS_READS, "tears_reads") \
	FAULT(TEARS_WRITES, "tears_writes") \
	FAULT(STALE_CACHE, "stale_cache") \
	FAULT(TEARS_COMPARE_AND_WRITE, "tears_compare_and_write") \
	FAULT(DROPS_ZCOPY, "drops_zcopy") \
	FAULT(STALE_HOLES, "stale_holes") \
	FAULT(SEEKS_TOO_FAR, "seeks_too_far") \
	FAULT(WRONG_METADATA, "wrong_metadata") \
	FAULT(CHECKS_NO_TAGS, "checks_no_tags") \
	FAULT(FORGETS_RESET, "forgets_reset") \
	FAULT(CLAIMS_FLUSH, "claims_flush") \
	FAULT(LEAKS_CHANNEL, "leaks_channel") \
	FAULT(LEAKS_BUFFER, "leaks_buffer") \
	FAULT(LEAKS_MEMORY, "leaks_memory") \
	FAULT(NEVER_GOES, "never_goes") \
	FAULT(KEEPS_DEVICE, "keeps_device") \
	FAULT(CRASHES, "crashes") \
	FAULT(BLOCKS, "blocks") \
	FAULT(ALLOCATES, "allocates")

#define WITH_DIF(fault) ((fault) == FAULT_NONE_DIF || (fault) == FAULT_CHECKS_NO_TAGS)

/* Of vbdev_broken.c. */
#define BASE_FAULTS(FAULT) \
	FAULT(NONE, "none") \
	FAULT(IGNORES_FLUSH, "ignores_flush") \
	FAULT(REORDERS_FLUSH, "reorders_flush") \
	FAULT(IGNORES_FUA, "ignores_fua") \
	FAULT(HAS_NO_FLUSH, "has_no_flush") \
	FAULT(LEAKS_DESCRIPTOR, "leaks_descriptor") \
	FAULT(LEAKS_BASE_CHANNEL, "leaks_base_channel") \
	FAULT(IGNORES_REMOVAL, "ignores_removal") \
	FAULT(WRONG_CHANNEL, "wrong_channel") \
	FAULT(TOUCHES_FAR_DATA, "touches_far_data") \
	FAULT(DROPS_SEQUENCE, "drops_sequence") \
	FAULT(RESIZES_BY_HAND, "resizes_by_hand")

#endif /* TEST_BROKEN_H */
