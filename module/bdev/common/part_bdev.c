/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/part_bdev.h"

#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

/* Context of each I/O; lies in spdk_bdev_io.driver_ctx. */
struct part_io {
	struct spdk_bdev_io_wait_entry wait;
};

int
part_bdev_get_ctx_size(void)
{
	return sizeof(struct part_io);
}

int
part_bdev_destruct(void *ctx)
{
	return spdk_bdev_part_free(ctx);
}

/* Reference tags are rewritten in the buffers, which must be within reach for that. */
int
part_bdev_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct spdk_bdev_part *part = ctx;

	if (spdk_bdev_is_dif_check_enabled(spdk_bdev_part_get_bdev(part), SPDK_DIF_CHECK_TYPE_REFTAG)) {
		return 0;
	}
	return spdk_bdev_get_memory_domains(spdk_bdev_part_get_base_bdev(part), domains, array_size);
}

static void
fail(struct spdk_bdev_io *bdev_io, int rc)
{
	SPDK_ERRLOG_RATELIMIT("%s: the base %s refuses an I/O of type %d: %s\n", bdev_io->bdev->name,
		spdk_bdev_part_get_base_bdev(bdev_io->bdev->ctxt)->name, bdev_io->type, spdk_strerror(-rc));
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

static void
submit_again_cb(void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	part_bdev_submit(spdk_bdev_io_get_io_channel(bdev_io), bdev_io);
}

/*
 * No spdk_bdev_io is left for the I/O to the base: wait until one is. That is normal under load and not worth a word in
 * the log. The queue is first in, first out, and new I/O does not overtake it.
 */
static void
wait_for_base_io(struct spdk_bdev_part_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct part_io *io = (struct part_io *)bdev_io->driver_ctx;
	struct spdk_bdev *base = spdk_bdev_part_get_base_bdev(bdev_io->bdev->ctxt);
	int rc;

	io->wait.bdev = base;
	io->wait.cb_fn = submit_again_cb;
	io->wait.cb_arg = bdev_io;
	rc = spdk_bdev_queue_io_wait(base, ch->base_ch, &io->wait);
	if (rc == 0) {
		return;
	}
	/* It was not that: let the layer try again later. A reset is the one thing that it cannot repeat. */
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
		fail(bdev_io, rc);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
	}
}

void
part_bdev_submit(struct spdk_io_channel *io_ch, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_part_channel *ch = spdk_io_channel_get_ctx(io_ch);
	int rc = spdk_bdev_part_submit_request(ch, bdev_io);

	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM) {
		wait_for_base_io(ch, bdev_io);
	} else {
		fail(bdev_io, rc);
	}
}

struct spdk_bdev_part *
part_bdev_first(const struct spdk_bdev_part_base *base, const struct bdev_part_tailq *parts)
{
	struct spdk_bdev_part *part;

	TAILQ_FOREACH (part, parts, tailq) {
		if (spdk_bdev_part_get_base(part) == base) {
			return part;
		}
	}
	return NULL;
}

bool
part_bdev_is_known(struct spdk_bdev_part *part)
{
	struct spdk_bdev *bdev = spdk_bdev_part_get_bdev(part);

	return spdk_bdev_get_by_name(bdev->name) == bdev;
}

void
part_bdev_remove_base(struct spdk_bdev_part_base *base)
{
	struct bdev_part_tailq *parts = spdk_bdev_part_base_get_tailq(base);

	if (part_bdev_first(base, parts) != NULL) {
		spdk_bdev_part_base_hotremove(base, parts);
	} else {
		spdk_bdev_part_base_free(base);
	}
}
