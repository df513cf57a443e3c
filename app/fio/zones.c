/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Zones, for zonemode=zbd. fio asks for them before a job runs, when the disk has no queue yet: then one is opened for the
 * question.
 */

#include "engine.h"

#include "spdk/bdev_zone.h"

/* A question that is being asked. */
struct query {
	struct engine_file *file;
	struct engine_file own;
	bool done;
	bool success;
};

static int
begin(struct query *query, struct thread_data *td, const struct fio_file *file)
{
	memset(query, 0, sizeof(*query));
	query->file = engine_file_of(td, file);
	if (query->file != NULL) {
		return 0;
	}
	query->file = &query->own;
	return engine_file_open(&query->own, engine_name_of(file->file_name), !read_only && td_write(td));
}

static void
end(struct query *query)
{
	if (query->file == &query->own) {
		engine_file_close(&query->own);
	}
}

static void
answered_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct query *query = ctx;

	query->success = success;
	query->done = true;
	spdk_bdev_free_io(bdev_io);
}

/* rc: of the submission. */
static int
wait_answer(struct query *query, int rc)
{
	if (rc != 0) {
		return rc;
	}
	while (!query->done) {
		bdk_queue_poll(query->file->queue);
	}
	query->done = false;
	return query->success ? 0 : -EIO;
}

static struct spdk_bdev *
bdev_of(const struct query *query)
{
	return spdk_bdev_desc_get_bdev(bdk_disk_get_desc(query->file->disk));
}

int
engine_get_zoned_model(struct thread_data *td, struct fio_file *file, enum zbd_zoned_model *model)
{
	struct query query;
	int rc;

	rc = begin(&query, td, file);
	if (rc == 0) {
		*model = spdk_bdev_is_zoned(bdev_of(&query)) ? ZBD_HOST_MANAGED : ZBD_NONE;
		end(&query);
	}
	return rc;
}

static enum zbd_zone_cond
condition_of(enum spdk_bdev_zone_state state)
{
	switch (state) {
	case SPDK_BDEV_ZONE_STATE_EMPTY:
		return ZBD_ZONE_COND_EMPTY;
	case SPDK_BDEV_ZONE_STATE_IMP_OPEN:
		return ZBD_ZONE_COND_IMP_OPEN;
	case SPDK_BDEV_ZONE_STATE_EXP_OPEN:
		return ZBD_ZONE_COND_EXP_OPEN;
	case SPDK_BDEV_ZONE_STATE_CLOSED:
		return ZBD_ZONE_COND_CLOSED;
	case SPDK_BDEV_ZONE_STATE_FULL:
		return ZBD_ZONE_COND_FULL;
	case SPDK_BDEV_ZONE_STATE_READ_ONLY:
		return ZBD_ZONE_COND_READONLY;
	case SPDK_BDEV_ZONE_STATE_NOT_WP:
		return ZBD_ZONE_COND_NOT_WP;
	default:
		return ZBD_ZONE_COND_OFFLINE;
	}
}

static void
translate(struct zbd_zone *zone, const struct spdk_bdev_zone_info *info, uint64_t zone_blocks, uint32_t block_size)
{
	zone->start = info->zone_id * block_size;
	zone->wp = info->write_pointer * block_size;
	zone->len = zone_blocks * block_size;
	zone->capacity = info->capacity * block_size;
	zone->cond = condition_of(info->state);
	zone->type = info->type == SPDK_BDEV_ZONE_TYPE_CNV ? ZBD_ZONE_TYPE_CNV : ZBD_ZONE_TYPE_SWR;
	if (zone->cond == ZBD_ZONE_COND_FULL) {
		zone->wp = zone->start + zone->len;
	}
}

static int
report(struct query *query, uint64_t offset, struct zbd_zone *zones, unsigned int count)
{
	struct engine_file *file = query->file;
	uint64_t zone_blocks = spdk_bdev_get_zone_size(bdev_of(query)), first = offset / file->block_size, left;
	struct spdk_bdev_zone_info *infos;
	unsigned int i;
	int rc;

	first -= first % zone_blocks;
	left = (bdk_disk_get_num_blocks(file->disk) - first) / zone_blocks;
	count = left < count ? left : count;
	infos = calloc(count, sizeof(*infos));
	if (infos == NULL) {
		return -ENOMEM;
	}
	spdk_set_thread(bdk_queue_get_thread(file->queue));
	rc = spdk_bdev_get_zone_info(bdk_disk_get_desc(file->disk), bdk_queue_get_channel(file->queue), first, count,
		infos, answered_cb, query);
	spdk_set_thread(NULL);
	rc = wait_answer(query, rc);
	for (i = 0; rc == 0 && i < count; i++) {
		translate(&zones[i], &infos[i], zone_blocks, file->block_size);
	}
	free(infos);
	return rc != 0 ? rc : (int)count;
}

int
engine_report_zones(
	struct thread_data *td, struct fio_file *file, uint64_t offset, struct zbd_zone *zones, unsigned int count)
{
	struct query query;
	int rc;

	rc = begin(&query, td, file);
	if (rc == 0) {
		rc = report(&query, offset, zones, count);
		end(&query);
	}
	return rc;
}

static int
reset(struct query *query, uint64_t offset, uint64_t length)
{
	struct engine_file *file = query->file;
	uint64_t zone_blocks = spdk_bdev_get_zone_size(bdev_of(query)), block = offset / file->block_size;
	uint64_t end_block = (offset + length) / file->block_size;
	int rc = 0;

	for (; rc == 0 && block < end_block; block += zone_blocks) {
		spdk_set_thread(bdk_queue_get_thread(file->queue));
		rc = spdk_bdev_zone_management(bdk_disk_get_desc(file->disk), bdk_queue_get_channel(file->queue), block,
			SPDK_BDEV_ZONE_RESET, answered_cb, query);
		spdk_set_thread(NULL);
		rc = wait_answer(query, rc);
	}
	return rc;
}

int
engine_reset_zones(struct thread_data *td, struct fio_file *file, uint64_t offset, uint64_t length)
{
	struct query query;
	int rc;

	rc = begin(&query, td, file);
	if (rc == 0) {
		rc = reset(&query, offset, length);
		end(&query);
	}
	return rc;
}

int
engine_get_max_open_zones(struct thread_data *td, struct fio_file *file, unsigned int *count)
{
	struct query query;
	int rc;

	rc = begin(&query, td, file);
	if (rc == 0) {
		*count = spdk_bdev_get_max_open_zones(bdev_of(&query));
		end(&query);
	}
	return rc;
}
