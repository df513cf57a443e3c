/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How a member leaves an array at work. No I/O waits for it but those that change something, and those only until no
 * thread reads from the member any more: what it has may be older than what the others have from now on.
 *
 *   leave_drop: new channels do not get the member; those that there are send it nothing new, and hold back the ends of
 *   changes.
 *   leave_record: the superblocks of the others say that it has left. A crash cannot bring back what it has.
 *   leave_release: the ends go on.
 *   leave_give_back: when the last request has come back, however long that takes, the bdev is given back.
 */

#include "module/bdev/raid/raid_journal.h"

#include "spdk/log.h"
#include "spdk/thread.h"

void
raid_member_left(struct raid_member *member)
{
	struct raid *raid = member->raid;
	struct raid_waiter *waiters = member->left_waiters;

	member->closing = true;
	if (member->holds > 0) {
		return;
	}
	member->closing = false;
	member->leaving = false;
	member->released = false;
	member->left_waiters = NULL;
	if (raid->state == RAID_CONFIGURING) {
		/* It may come back. */
		raid_member_close(member);
	} else {
		raid_member_forget(member);
	}
	raid_call_waiters(waiters);
	raid_member_gone(raid);
}

static void
leave_give_back(struct raid_member *member)
{
	struct raid *raid = member->raid;

	raid_member_left(member);
	raid_let_go(raid);
}

static void
call_released_waiters(struct raid_member *member)
{
	struct raid_waiter *waiters = member->released_waiters;

	member->released_waiters = NULL;
	raid_call_waiters(waiters);
}

static void
released_cb(struct spdk_io_channel_iter *iter, int status)
{
	struct raid_member *member = spdk_io_channel_iter_get_ctx(iter);

	member->released = true;
	call_released_waiters(member);
	leave_give_back(member);
}

static void
release_cb(struct spdk_io_channel_iter *iter)
{
	struct raid_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));
	struct raid_io *io;

	env_mutex_lock(&ch->raid->lock);
	ch->holds = ch->raid->num_leaving;
	env_mutex_unlock(&ch->raid->lock);
	while (ch->holds == 0 && (io = TAILQ_FIRST(&ch->held)) != NULL) {
		TAILQ_REMOVE(&ch->held, io, link);
		raid_io_complete(io, io->status);
	}
	raid_journal_channel_release(ch);
	spdk_for_each_channel_continue(iter, 0);
}

static void
leave_release(struct raid_member *member)
{
	struct raid *raid = member->raid;

	env_mutex_lock(&raid->lock);
	raid->num_leaving--;
	env_mutex_unlock(&raid->lock);
	bdk_for_each_channel(&member->walk, raid, release_cb, member, released_cb);
}

static void
recorded_cb(void *arg)
{
	leave_release(arg);
}

static void
leave_record(struct raid_member *member)
{
	member->record_waiter.cb = recorded_cb;
	member->record_waiter.arg = member;
	raid_superblock_write(member->raid, &member->record_waiter);
}

static void
all_given_back_cb(void *arg)
{
	raid_member_let_go(arg);
}

/* A channel, or the walk over them, has nothing of it any more. */
static void
put_channels(struct raid_member *member)
{
	bool last;

	env_mutex_lock(&member->raid->lock);
	last = --member->num_channels == 0;
	env_mutex_unlock(&member->raid->lock);
	if (last) {
		bdk_msg_send(spdk_thread_get_app_thread(), &member->msg, all_given_back_cb, member);
	}
}

void
raid_member_channel_give_back(struct raid_member_channel *member_ch)
{
	struct raid_member *member = member_ch->leaving;

	spdk_put_io_channel(member_ch->ch);
	*member_ch = (struct raid_member_channel){};
	put_channels(member);
}

static void
dropped_cb(struct spdk_io_channel_iter *iter, int status)
{
	struct raid_member *member = spdk_io_channel_iter_get_ctx(iter);

	put_channels(member);
	leave_record(member);
}

static void
drop_cb(struct spdk_io_channel_iter *iter)
{
	struct raid_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(iter));
	struct raid_member *member = spdk_io_channel_iter_get_ctx(iter);
	struct raid_member_channel *member_ch = &ch->members[member->slot];

	env_mutex_lock(&ch->raid->lock);
	ch->holds = ch->raid->num_leaving;
	member->num_channels += member_ch->ch != NULL;
	env_mutex_unlock(&ch->raid->lock);
	if (member_ch->ch != NULL) {
		member_ch->leaving = member;
		if (member_ch->outstanding == 0) {
			raid_member_channel_give_back(member_ch);
		}
	}
	spdk_for_each_channel_continue(iter, 0);
}

static void
leave_drop(struct raid_member *member)
{
	struct raid *raid = member->raid;

	raid_hold(raid);
	raid_member_hold(member);
	env_mutex_lock(&raid->lock);
	member->in_channels = false;
	member->num_channels = 1;
	raid->num_leaving++;
	env_mutex_unlock(&raid->lock);
	bdk_for_each_channel(&member->walk, raid, drop_cb, member, dropped_cb);
}

void
raid_member_leave(struct raid_member *member, bool failed, struct raid_waiter *waiter)
{
	struct raid *raid = member->raid;

	if (waiter != NULL) {
		waiter->next = member->left_waiters;
		member->left_waiters = waiter;
	}
	if (member->leaving) {
		return;
	}
	if (raid->registered && raid->state == RAID_OFFLINE) {
		/* The bdev is going; then its members can. */
		member->leaving = true;
		return;
	}
	member->leaving = true;
	member->failed = failed;
	raid_process_wake(raid);
	if (member->adding) {
		/* It has not joined yet. */
		return;
	}
	if (raid->state != RAID_ONLINE) {
		raid_member_left(member);
		return;
	}
	raid->num_operational--;
	if (!raid_has_enough_members(raid)) {
		SPDK_ERRLOG(
			"%s goes offline: it cannot do without its member %s\n", raid->bdev.name, member->bdev->name);
		raid_fail(raid);
		return;
	}
	SPDK_WARNLOG("%s goes on without its member %s%s\n", raid->bdev.name, member->bdev->name,
		failed ? ", which has failed" : "");
	if (member->join_cb == NULL) {
		leave_drop(member);
	}
}

void
raid_member_leave_joined(struct raid_member *member)
{
	if (member->leaving && member->raid->state == RAID_ONLINE) {
		leave_drop(member);
	} else {
		/* The array has gone offline: nobody reads any more. */
		call_released_waiters(member);
	}
}

/* ---- Changes that members have not carried out ---- */

static void
complete_msg_cb(void *arg)
{
	struct raid_io *io = arg;

	raid_io_complete(io, io->status);
}

bool
raid_can_do_without(struct raid_member *member)
{
	bool enough, leaving = member->leaving;

	member->leaving = true;
	enough = raid_has_enough_members(member->raid);
	member->leaving = leaving;
	return enough;
}

bool
raid_member_wait_released(struct raid_member *member, struct raid_waiter *waiter)
{
	if (!member->leaving || member->released) {
		return false;
	}
	waiter->next = member->released_waiters;
	member->released_waiters = waiter;
	return true;
}

static void
fail_next_member_cb(void *arg)
{
	struct raid_io *io = arg;
	struct raid *raid = io->ch->raid;

	for (; io->next_slot < raid->num_members; io->next_slot++) {
		struct raid_member *member = &raid->members[io->next_slot];

		/* One that joined later is another one. */
		if (!raid_io_has_failed_on(io, (uint8_t)io->next_slot) || member->desc == NULL ||
			member->joined > io->num_joins) {
			continue;
		}
		if (!member->leaving && !raid_can_do_without(member)) {
			/* Those that have the change are leaving: it is nowhere. */
			io->status = SPDK_BDEV_IO_STATUS_FAILED;
			/* What is not flushed is there, and nothing disagrees. */
			if (raid_bdev_io(io)->type != SPDK_BDEV_IO_TYPE_FLUSH) {
				raid_fail(raid);
			}
		} else if (raid->state == RAID_ONLINE) {
			io->waiter.cb = fail_next_member_cb;
			io->waiter.arg = io;
			raid_member_leave(member, true, NULL);
			if (raid_member_wait_released(member, &io->waiter)) {
				io->next_slot++;
				return;
			}
		}
	}
	bdk_msg_send(spdk_bdev_io_get_thread(raid_bdev_io(io)), &io->msg, complete_msg_cb, io);
}

void
raid_io_complete_without_failed(struct raid_io *io)
{
	io->next_slot = 0;
	bdk_msg_send(spdk_thread_get_app_thread(), &io->msg, fail_next_member_cb, io);
}
