/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Disks: descriptors of bdevs, opened and closed on the app thread. When a bdev goes away its queues give back their
 * channels, and then the descriptor is closed, whether the program has noticed or not: nobody else waits for it.
 */

#include "lib/embed/embed_internal.h"

#include "spdk/log.h"

static void
close_if_left(struct bdk_disk *disk)
{
	if (disk->desc != NULL && TAILQ_EMPTY(&disk->queues)) {
		spdk_bdev_close(disk->desc);
		disk->desc = NULL;
	}
}

void
embed_disk_queue_left(struct bdk_disk *disk, struct bdk_queue *queue)
{
	TAILQ_REMOVE(&disk->queues, queue, link);
	if (atomic_load(&disk->gone)) {
		close_if_left(disk);
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct bdk_disk *disk = ctx;
	struct bdk_queue *queue;

	switch (type) {
	case SPDK_BDEV_EVENT_REMOVE:
		atomic_store(&disk->gone, true);
		TAILQ_FOREACH (queue, &disk->queues, link) {
			embed_queue_leave(queue);
		}
		close_if_left(disk);
		break;
	case SPDK_BDEV_EVENT_RESIZE:
		atomic_store(&disk->num_blocks, spdk_bdev_get_num_blocks(bdev));
		break;
	default:
		break;
	}
}

struct opening {
	const char *name;
	bool write;
	struct bdk_disk *disk;
};

static void
describe(struct bdk_disk *disk)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(disk->desc);
	int type;

	disk->block_size = spdk_bdev_get_block_size(bdev);
	disk->buf_align = spdk_bdev_get_buf_align(bdev);
	atomic_store(&disk->num_blocks, spdk_bdev_get_num_blocks(bdev));
	for (type = 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if (spdk_bdev_io_type_supported(bdev, (enum spdk_bdev_io_type)type)) {
			disk->io_types |= 1ULL << type;
		}
	}
}

static void
open_disk(struct embed_call *call)
{
	struct opening *opening = call->arg;
	int rc;

	rc = spdk_bdev_open_ext(opening->name, opening->write, event_cb, opening->disk, &opening->disk->desc);
	if (rc == 0) {
		describe(opening->disk);
	}
	embed_call_end(call, rc);
}

int
bdk_disk_open(const char *name, bool write, struct bdk_disk **disk)
{
	struct opening opening = {.name = name, .write = write};
	struct embed_call call;
	int rc;

	if (name == NULL || disk == NULL) {
		return -EINVAL;
	}
	rc = embed_hold();
	if (rc != 0) {
		return rc;
	}
	opening.disk = calloc(1, sizeof(*opening.disk));
	if (opening.disk == NULL) {
		embed_release();
		return -ENOMEM;
	}
	TAILQ_INIT(&opening.disk->queues);
	rc = embed_call_run(&call, open_disk, &opening);
	if (rc != 0) {
		free(opening.disk);
		embed_release();
		return rc;
	}
	*disk = opening.disk;
	return 0;
}

static void
close_disk(struct embed_call *call)
{
	struct bdk_disk *disk = call->arg;

	if (!TAILQ_EMPTY(&disk->queues)) {
		embed_call_end(call, -EBUSY);
		return;
	}
	close_if_left(disk);
	embed_call_end(call, 0);
}

int
bdk_disk_close(struct bdk_disk *disk)
{
	struct embed_call call;
	int rc;

	if (disk == NULL) {
		return 0;
	}
	rc = embed_call_run(&call, close_disk, disk);
	/* A layer that has ended has closed it. */
	if (rc == 0 || rc == -ESHUTDOWN) {
		free(disk);
		embed_release();
		rc = 0;
	}
	return rc;
}

uint32_t
bdk_disk_get_block_size(const struct bdk_disk *disk)
{
	return disk->block_size;
}

uint64_t
bdk_disk_get_num_blocks(const struct bdk_disk *disk)
{
	return atomic_load(&disk->num_blocks);
}

size_t
bdk_disk_get_buf_align(const struct bdk_disk *disk)
{
	return disk->buf_align;
}

bool
bdk_disk_io_type_supported(const struct bdk_disk *disk, enum spdk_bdev_io_type type)
{
	return (unsigned int)type < SPDK_BDEV_NUM_IO_TYPES && (disk->io_types & (1ULL << type)) != 0;
}

bool
bdk_disk_is_gone(const struct bdk_disk *disk)
{
	return atomic_load(&disk->gone);
}

struct spdk_bdev_desc *
bdk_disk_get_desc(const struct bdk_disk *disk)
{
	return disk->desc;
}
