/* SPDX-License-Identifier: BSD-3-Clause */

/* What an array writes of itself on its members. */

#include "module/bdev/raid/raid.h"

void
raid_superblock_write(struct raid *raid, struct raid_waiter *waiter)
{
	if (waiter != NULL) {
		waiter->cb(waiter->arg);
	}
}
