/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How a member joins an array at work. No I/O waits for it.
 *
 *   join_add: new channels get the member; those that there are open a channel of it.
 *   join_done: it is in all of them, or leaves again.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

static void
join_done(struct raid_member *member, int rc)
{
	struct raid *raid = member->raid;
	raid_join_cb cb = member->join_cb;

	if (rc != 0) {
		SPDK_ERRLOG("%s: %s cannot join it: %s\n", raid->bdev.name, member->name, spdk_strerror(-rc));
		raid_member_leave(member, false, NULL);
	} else if (member->leaving || raid->state != RAID_ONLINE) {
		rc = -ENODEV;
	}
	member->join_cb = NULL;
	/* Who wanted it to go has waited for the walk. */
	raid_member_leave_joined(member);
	cb(member->join_arg, rc);
	raid_let_go(raid);
}

static void
added_cb(struct spdk_io_channel_iter *iter, int status)
{
	join_done(spdk_io_channel_iter_get_ctx(iter), status);
}

static void
add_cb(struct spdk_io_channel_iter *iter)
{
	struct raid_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));
	struct raid_member *member = spdk_io_channel_iter_get_ctx(iter);
	struct raid_member_channel *member_ch = &ch->members[member->slot];

	/* One that was made since has it already. */
	if (member_ch->ch == NULL) {
		member_ch->ch = spdk_bdev_get_io_channel(member->desc);
	}
	ch->num_joins = spdk_max(ch->num_joins, member->joined);
	spdk_for_each_channel_continue(iter, member_ch->ch != NULL ? 0 : -ENOMEM);
}

static void
join_add(struct raid_member *member)
{
	struct raid *raid = member->raid;

	env_mutex_lock(&raid->lock);
	member->in_channels = true;
	member->joined = ++raid->num_joins;
	env_mutex_unlock(&raid->lock);
	bdk_for_each_channel(&member->walk, raid, add_cb, member, added_cb);
}

void
raid_member_join(struct raid_member *member, raid_join_cb cb, void *arg)
{
	struct raid *raid = member->raid;

	assert(raid->state == RAID_ONLINE && member->desc != NULL && !member->in_channels);
	__atomic_store_n(&member->in_sync_until, 0, __ATOMIC_RELEASE);
	member->durable_until = 0;
	member->join_cb = cb;
	member->join_arg = arg;
	raid->num_operational++;
	raid_hold(raid);
	join_add(member);
}
