/* SPDX-License-Identifier: BSD-3-Clause */

/* What redundancy means, written down a second time: from the documents, without a line of the module's. */

#ifndef RAID_RULES_H
#define RAID_RULES_H

#include "spdk/stdinc.h"

enum rules_level {
	RULES_RAID1,
	RULES_RAID5,
	RULES_RAID6,
};

struct rules_array {
	enum rules_level level;
	uint8_t num_members;
	/* Up to 4096. */
	uint32_t block_size;
	/* In blocks. */
	uint64_t strip_size;
	/* Of the data of members. */
	uint64_t data_blocks;
	/* Of each member from the beginning of its data on; NULL: it is not there, or not what it should be. */
	const uint8_t *data[16];
};

/* The first block of the members that does not agree with the rest; UINT64_MAX: there is none, as far as one can tell. */
uint64_t rules_find_mismatch(const struct rules_array *array);

#endif /* RAID_RULES_H */
