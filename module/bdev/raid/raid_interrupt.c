/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Requests that members have not carried out because they were reset, which is no fault of theirs: they are sent again
 * when the reset has ended. The array's own resets are counted where they begin and end. Members may also be reset by
 * others: by who uses another part of the same disk, or who works on what lies below. That is seen only by requests that
 * come back as aborted, which count as a reset that has just ended; but not if the array has done it, as the member did not
 * answer, nor if this goes on for so long that the member is as good as failed.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/log.h"
#include "spdk/nvme_spec.h"
#include "spdk/thread.h"

#define POLL_US 1000
/* Requests that come back as aborted belong together if there is no longer pause between them. */
#define PAUSE_SEC 5
#define PATIENCE_SEC 30

bool
raid_interrupt_is_abort(const struct spdk_bdev_io *bdev_io)
{
	uint32_t cdw0;
	int sct, sc;

	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &sct, &sc);
	return sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_ABORTED_BY_REQUEST;
}

/* Whether that is still patience with the member. */
static bool
is_patient(struct raid_member *member)
{
	uint64_t now = spdk_get_ticks(), hz = spdk_get_ticks_hz();

	ENV_MUTEX_SCOPE(&member->raid->lock);
	if (member->aborted_last == 0 || now - member->aborted_last > PAUSE_SEC * hz) {
		member->aborted_first = now;
		SPDK_NOTICELOG("%s: its member %s was reset by somebody else; what it had is sent again\n",
			member->raid->bdev.name, member->bdev->name);
	}
	member->aborted_last = now;
	return now - member->aborted_first < PATIENCE_SEC * hz;
}

void
raid_interrupt_note(struct raid_member *member, const struct spdk_bdev_io *bdev_io)
{
	struct raid *raid = member->raid;

	if (raid_is_in_reset(raid) || !raid_interrupt_is_abort(bdev_io) ||
		__atomic_load_n(&member->given_up, __ATOMIC_ACQUIRE) || !is_patient(member)) {
		return;
	}
	/* In this order: in between it is one that is under way. */
	__atomic_add_fetch(&raid->resets_begun, 1, __ATOMIC_ACQ_REL);
	__atomic_add_fetch(&raid->resets_ended, 1, __ATOMIC_ACQ_REL);
}

/* ---- I/O that waits ---- */

static int
poll_interrupted(void *arg)
{
	struct raid_channel *ch = arg;
	TAILQ_HEAD(, raid_io) interrupted = TAILQ_HEAD_INITIALIZER(interrupted);
	struct raid_io *io;

	if (raid_is_in_reset(ch->raid)) {
		return SPDK_POLLER_IDLE;
	}
	bdk_poller_set_due(ch->interrupt_timer, UINT64_MAX);
	TAILQ_SWAP(&interrupted, &ch->interrupted, raid_io, link);
	while ((io = TAILQ_FIRST(&interrupted)) != NULL) {
		TAILQ_REMOVE(&interrupted, io, link);
		raid_io_begin(io);
	}
	return SPDK_POLLER_BUSY;
}

void
raid_interrupt_wait(struct raid_io *io)
{
	struct raid_channel *ch = io->ch;

	if (TAILQ_EMPTY(&ch->interrupted)) {
		bdk_poller_set_due(
			ch->interrupt_timer, spdk_get_ticks() + spdk_get_ticks_hz() * POLL_US / SPDK_SEC_TO_USEC);
	}
	TAILQ_INSERT_TAIL(&ch->interrupted, io, link);
}

int
raid_interrupt_channel_init(struct raid_channel *ch)
{
	TAILQ_INIT(&ch->interrupted);
	ch->interrupt_timer = SPDK_POLLER_REGISTER(poll_interrupted, ch, POLL_US);
	if (ch->interrupt_timer == NULL) {
		return -ENOMEM;
	}
	bdk_poller_set_due(ch->interrupt_timer, UINT64_MAX);
	return 0;
}

void
raid_interrupt_channel_fini(struct raid_channel *ch)
{
	spdk_poller_unregister(&ch->interrupt_timer);
}
