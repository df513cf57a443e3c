/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Resets of an array go to all of its members. One that does not answer even to that leaves, as raid_late.c says, and is not
 * waited for any longer; its request is kept until it does answer, with the channel that it came through.
 */

#include "module/bdev/raid/raid.h"

#include "spdk/thread.h"

struct raid_reset_request {
	struct raid_member_channel *member;
	uint8_t slot;
	struct spdk_thread *thread;
	/* Of the array. */
	struct spdk_io_channel *ch;
	struct raid_io *io;
	/* It is not in the list any more, and msg is on its way; under raid->lock. */
	bool abandoned;
	/* On its thread: msg has come; the member has answered. */
	bool told;
	bool answered;
	struct bdk_msg msg;
	TAILQ_ENTRY(raid_reset_request) link;
};

static struct raid *
raid_of(const struct raid_reset_request *request)
{
	return ((struct raid_channel *)spdk_io_channel_get_ctx(request->ch))->raid;
}

static void
free_request(struct raid_reset_request *request)
{
	raid_member_channel_put(request->member);
	spdk_put_io_channel(request->ch);
	free(request);
}

static void
abandoned_cb(void *arg)
{
	struct raid_reset_request *request = arg;

	request->told = true;
	raid_io_put(request->io);
	if (request->answered) {
		free_request(request);
	}
}

void
raid_reset_abandon(struct raid_member *member)
{
	struct raid *raid = member->raid;
	struct raid_reset_request *request, *next;

	ENV_MUTEX_SCOPE(&raid->lock);
	TAILQ_FOREACH_SAFE (request, &raid->resets, link, next) {
		if (request->slot == member->slot) {
			TAILQ_REMOVE(&raid->resets, request, link);
			request->abandoned = true;
			bdk_msg_send(request->thread, &request->msg, abandoned_cb, request);
		}
	}
}

/* Whether somebody waits for it. */
static bool
take_out(struct raid_reset_request *request)
{
	struct raid *raid = raid_of(request);

	ENV_MUTEX_SCOPE(&raid->lock);
	if (!request->abandoned) {
		TAILQ_REMOVE(&raid->resets, request, link);
	}
	return !request->abandoned;
}

static void
request_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct raid_reset_request *request = cb_arg;
	bool is_abort = raid_interrupt_is_abort(bdev_io);

	spdk_bdev_free_io(bdev_io);
	if (take_out(request)) {
		struct raid_io *io = request->io;

		if (!success) {
			io->status = is_abort ? SPDK_BDEV_IO_STATUS_ABORTED : SPDK_BDEV_IO_STATUS_FAILED;
		}
		free_request(request);
		raid_io_put(io);
	} else if (request->told) {
		free_request(request);
	} else {
		request->answered = true;
	}
}

static struct raid_reset_request *
create_request(struct raid_io *io, uint8_t slot)
{
	struct raid *raid = io->ch->raid;
	struct raid_reset_request *request = calloc(1, sizeof(*request));

	if (request == NULL) {
		return NULL;
	}
	request->member = &io->ch->members[slot];
	request->slot = slot;
	request->thread = spdk_get_thread();
	request->io = io;
	request->ch = spdk_get_io_channel(raid);
	if (request->ch == NULL) {
		free(request);
		return NULL;
	}
	env_mutex_lock(&raid->lock);
	TAILQ_INSERT_TAIL(&raid->resets, request, link);
	env_mutex_unlock(&raid->lock);
	return request;
}

static int
submit_to_member(struct raid_io *io, uint8_t slot)
{
	struct raid_reset_request *request = create_request(io, slot);
	int rc;

	if (request == NULL) {
		/* The layer tries again later. */
		io->status = SPDK_BDEV_IO_STATUS_NOMEM;
		return -EAGAIN;
	}
	rc = raid_io_submitted(io, slot,
		spdk_bdev_reset(io->ch->raid->members[slot].desc, io->ch->members[slot].ch, request_done_cb, request));
	if (rc != 0) {
		take_out(request);
		spdk_put_io_channel(request->ch);
		free(request);
	}
	return rc;
}

int
raid_reset_submit(struct raid_io *io)
{
	for (; io->next_slot < io->ch->raid->num_members; io->next_slot++) {
		uint8_t slot = (uint8_t)io->next_slot;
		int rc = raid_get_member_channel(io->ch, slot) != NULL ? submit_to_member(io, slot) : 0;

		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
