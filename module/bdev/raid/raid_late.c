/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Members that do not answer. The layer says which requests have had no answer for too long, on their threads, once in a
 * second; here the application thread decides what to do about it:
 *
 *   late_note: it may be that the process was stopped, or waits for a CPU, and not for the member: it has a little more
 *   time, of which only that counts in which this thread could run.
 *   late_reset: the member is reset, so that its requests come back. Those that the array waits for then fail, or are
 *   carried out by others. Of one that the array cannot do without they are sent again, once.
 *   late_leave: it leaves as failed, unless nobody else has its data. What it still has, it may keep as long as it wants;
 *   its bdev is given back after that.
 */

#include "module/bdev/raid/raid_area.h"
#include "module/bdev/raid/raid_window.h"

#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* It has been late for so long without a pause of more than one look. */
#define GRACE_US (2 * SPDK_SEC_TO_USEC)
#define PAUSE_US (5 * SPDK_SEC_TO_USEC / 2)

uint32_t g_raid_member_timeout_sec = RAID_MEMBER_TIMEOUT_SEC;

static uint64_t
get_cpu_wait_us(void)
{
	struct env_thread_usage usage;

	if (env_clock_is_virtual()) {
		return 0;
	}
	env_thread_get_usage(&usage);
	return usage.wait_ns / 1000;
}

uint64_t (*g_raid_late_get_cpu_wait_us)(void) = get_cpu_wait_us;

static uint64_t
us_since(uint64_t ticks)
{
	return (spdk_get_ticks() - ticks) / spdk_max(spdk_get_ticks_hz() / SPDK_SEC_TO_USEC, 1);
}

/* What it has of the array ends without it; only users' data stay in use. */
static void
abandon(struct raid_member *member)
{
	raid_window_abandon_member(member);
	raid_superblock_abandon(member);
	raid_area_abandon(member);
	raid_reset_abandon(member);
}

static void
late_leave(struct raid_member *member)
{
	struct raid *raid = member->raid;

	if (!member->leaving && raid->state == RAID_ONLINE && !raid_can_do_without(member)) {
		SPDK_ERRLOG("%s: its member %s does not answer, but nobody else has its data\n", raid->bdev.name,
			member->bdev->name);
		return;
	}
	raid_member_hold(member);
	raid_member_leave(member, true, NULL);
	abandon(member);
	raid_member_let_go(member);
}

static void
reset_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct raid_member *member = cb_arg;

	spdk_bdev_free_io(bdev_io);
	spdk_put_io_channel(member->reset_ch);
	member->reset_ch = NULL;
	if (!member->leaving) {
		/* Nobody else has its data: it may have been of use. */
		__atomic_store_n(&member->given_up, false, __ATOMIC_RELEASE);
	}
	raid_member_let_go(member);
}

/* What fails on a member that the array cannot do without takes the array with it. */
static bool
is_to_be_given_up(struct raid_member *member)
{
	return member->raid->state != RAID_ONLINE || raid_can_do_without(member) || member->late_resets++ > 0;
}

static void
late_reset(struct raid_member *member)
{
	int rc = -ENOTSUP;

	__atomic_store_n(&member->given_up, is_to_be_given_up(member), __ATOMIC_RELEASE);
	if (member->reset_ch == NULL && spdk_bdev_io_type_supported(member->bdev, SPDK_BDEV_IO_TYPE_RESET)) {
		raid_member_hold(member);
		member->reset_ch = spdk_bdev_get_io_channel(member->desc);
		rc = member->reset_ch == NULL ? -ENOMEM
					      : spdk_bdev_reset(member->desc, member->reset_ch, reset_done_cb, member);
		if (rc != 0) {
			if (member->reset_ch != NULL) {
				spdk_put_io_channel(member->reset_ch);
				member->reset_ch = NULL;
			}
			raid_member_let_go(member);
		}
	}
	late_leave(member);
}

/* Who waits for a CPU most of the time cannot tell what else is slow. */
static bool
has_had_time(const struct raid_member *member)
{
	uint64_t waited = g_raid_late_get_cpu_wait_us();

	waited -= spdk_min(waited, member->late_waited_us);
	return us_since(member->late_since) >= GRACE_US + waited;
}

static void
late_note(void *arg)
{
	struct raid_member *member = arg;

	__atomic_store_n(&member->late_sent, false, __ATOMIC_RELEASE);
	if (member->desc == NULL) {
		return;
	}
	if (member->late_seen == 0 || us_since(member->late_seen) > PAUSE_US) {
		if (us_since(member->late_seen) > 2 * g_raid_member_timeout_sec * SPDK_SEC_TO_USEC) {
			/* It has answered since it was reset. */
			member->late_resets = 0;
		}
		member->late_since = spdk_get_ticks();
		member->late_waited_us = g_raid_late_get_cpu_wait_us();
		member->late_handled = false;
	}
	member->late_seen = spdk_get_ticks();
	if (!member->late_handled && has_had_time(member)) {
		member->late_handled = true;
		SPDK_ERRLOG("%s: its member %s has not answered for %u seconds\n", member->raid->bdev.name,
			member->bdev->name, g_raid_member_timeout_sec);
		late_reset(member);
	}
}

/* On the thread of the request, which keeps the member open until it has come back. */
static void
late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	struct raid_member *member = cb_arg;

	if (!__atomic_exchange_n(&member->late_sent, true, __ATOMIC_ACQ_REL)) {
		bdk_msg_send(spdk_thread_get_app_thread(), &member->late_msg, late_note, member);
	}
}

void
raid_late_watch(struct raid_member *member)
{
	if (spdk_bdev_set_timeout(member->desc, g_raid_member_timeout_sec, late_cb, member) != 0) {
		SPDK_WARNLOG("%s: nobody will notice when its member %s does not answer\n", member->raid->bdev.name,
			member->bdev->name);
	}
}

void
raid_late_set_timeout(uint32_t seconds)
{
	struct raid *raid;

	g_raid_member_timeout_sec = seconds;
	TAILQ_FOREACH (raid, &g_raids, link) {
		for (uint8_t slot = 0; slot < raid->num_members; slot++) {
			if (raid->members[slot].desc != NULL) {
				raid_late_watch(&raid->members[slot]);
			}
		}
	}
}
