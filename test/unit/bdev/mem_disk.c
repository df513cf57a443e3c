/* SPDX-License-Identifier: BSD-3-Clause */

#include "mem_disk.h"
#include "spdk/accel.h"
#include "spdk/dma.h"
#include "spdk/likely.h"

struct mem_disk_ctx {
	struct spdk_bdev_io *bdev_io;
	/* Inside the module; checks that nothing comes twice. */
	struct mem_disk *inside;
	enum spdk_bdev_io_status status;
	/* Of SPDK_BDEV_IO_STATUS_NVME_ERROR. */
	int sct;
	int sc;
	/* While it executes a sequence: where the data lie on the disk. */
	struct spdk_io_channel *accel_ch;
	struct iovec iov;
	TAILQ_ENTRY(mem_disk_ctx) link;
};

/* driver_ctx keeps what it holds between uses, so that this says whether an I/O is new. */
static struct mem_disk_ctx *
ctx_of(struct spdk_bdev_io *bdev_io)
{
	return (struct mem_disk_ctx *)bdev_io->driver_ctx;
}

static int
get_ctx_size(void)
{
	return sizeof(struct mem_disk_ctx);
}

static int
module_init(void)
{
	return 0;
}

static struct spdk_bdev_module g_mem_module = {
	.name = "mem",
	.module_init = module_init,
	.get_ctx_size = get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(mem, &g_mem_module)

static int
create_channel_cb(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel_cb(void *io_device, void *ctx)
{
}

static uint64_t
md_separate_len(const struct spdk_bdev *bdev)
{
	return bdev->md_interleave ? 0 : bdev->md_len;
}

static uint64_t
total_len(const struct iovec *iovs, int iovcnt)
{
	uint64_t total = 0;
	int i;

	for (i = 0; i < iovcnt; i++) {
		total += iovs[i].iov_len;
	}
	return total;
}

static bool
is_nvme(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
		return true;
	default:
		return false;
	}
}

static bool
is_zone_mgmt(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_GET_ZONE_INFO || bdev_io->type == SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT;
}

static void
check_limits(struct spdk_bdev_io *bdev_io)
{
	const struct spdk_bdev *bdev = bdev_io->bdev;
	uint64_t first = bdev_io->u.bdev.offset_blocks, num_blocks = bdev_io->u.bdev.num_blocks;
	bool is_write = bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE;
	uint64_t boundary = 0;
	int i;

	if (is_nvme(bdev_io) || is_zone_mgmt(bdev_io) || bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		return;
	}
	assert_true(first + num_blocks <= bdev->blockcnt);
	if (num_blocks == 0) {
		return;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_UNMAP && bdev->max_unmap != 0 && bdev->max_unmap_segments != 0) {
		assert_true(num_blocks <= (uint64_t)bdev->max_unmap * bdev->max_unmap_segments);
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES && bdev->max_write_zeroes != 0) {
		assert_true(num_blocks <= bdev->max_write_zeroes);
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_COPY) {
		assert_true(bdev_io->u.bdev.copy.src_offset_blocks + num_blocks <= bdev->blockcnt);
		assert_true(bdev->max_copy == 0 || num_blocks <= bdev->max_copy);
	}
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ && !is_write) {
		return;
	}
	if (bdev->max_rw_size != 0) {
		assert_true(num_blocks <= bdev->max_rw_size);
	}
	if (bdev->max_num_segments != 0) {
		assert_true(bdev_io->u.bdev.iovcnt <= (int)bdev->max_num_segments);
	}
	for (i = 0; i < bdev_io->u.bdev.iovcnt && bdev->max_segment_size != 0; i++) {
		assert_true(bdev_io->u.bdev.iovs[i].iov_len <= bdev->max_segment_size);
	}
	if (is_write && bdev->split_on_write_unit) {
		boundary = bdev->write_unit_size;
	} else if (bdev->split_on_optimal_io_boundary) {
		boundary = bdev->optimal_io_boundary;
	}
	if (boundary != 0) {
		assert_true(first / boundary == (first + num_blocks - 1) / boundary);
	}
}

static void
record(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct mem_disk_record *rec;

	if (disk->num_records == MEM_DISK_MAX_RECORDS) {
		return;
	}
	rec = &disk->records[disk->num_records++];
	memset(rec, 0, sizeof(*rec));
	rec->type = bdev_io->type;
	rec->num_retries = bdev_io->num_retries;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET || bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		return;
	}
	if (is_nvme(bdev_io)) {
		rec->nvme = bdev_io->u.nvme_passthru;
		return;
	}
	if (is_zone_mgmt(bdev_io)) {
		rec->zone = bdev_io->u.zone_mgmt;
		return;
	}
	rec->src_offset = bdev_io->u.bdev.copy.src_offset_blocks;
	rec->zcopy_start = bdev_io->u.bdev.zcopy.start;
	rec->zcopy_populate = bdev_io->u.bdev.zcopy.populate;
	rec->zcopy_commit = bdev_io->u.bdev.zcopy.commit;
	rec->iovcnt = bdev_io->u.bdev.iovcnt;
	rec->offset = bdev_io->u.bdev.offset_blocks;
	rec->num_blocks = bdev_io->u.bdev.num_blocks;
	rec->md_buf = bdev_io->u.bdev.md_buf;
	rec->dif_check_flags = bdev_io->u.bdev.dif_check_flags;
	rec->cdw12 = bdev_io->u.bdev.nvme_cdw12.raw;
	rec->memory_domain = bdev_io->u.bdev.memory_domain;
	rec->has_sequence = bdev_io->u.bdev.accel_sequence != NULL;
	rec->hides_metadata = spdk_bdev_io_hide_metadata(bdev_io);
	if (bdev_io->u.bdev.iovcnt > 0) {
		rec->len = bdev_io->u.bdev.iovs[0].iov_len;
		rec->base = bdev_io->u.bdev.iovs[0].iov_base;
	}
}

/* Copies between the disk and buffers, which together have len bytes. A read may leave it to the disk to provide one. */
static void
transfer(struct spdk_bdev_io *bdev_io, uint8_t *data, uint64_t len, const struct iovec *iovs, int iovcnt, bool to_disk)
{
	int i;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ && iovcnt == 1 && iovs[0].iov_base == NULL && len > 0) {
		spdk_bdev_io_set_buf(bdev_io, data, len);
		return;
	}
	assert_true(total_len(iovs, iovcnt) == len);
	for (i = 0; i < iovcnt; i++) {
		if (iovs[i].iov_len == 0) {
			continue;
		}
		if (to_disk) {
			memcpy(data, iovs[i].iov_base, iovs[i].iov_len);
		} else {
			memcpy(iovs[i].iov_base, data, iovs[i].iov_len);
		}
		data += iovs[i].iov_len;
	}
}

static void
transfer_md(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, bool to_disk)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	uint64_t md_len = md_separate_len(&disk->bdev);
	uint8_t *md = md_len > 0 ? disk->md + params->offset_blocks * md_len : NULL;

	if (params->md_buf == NULL) {
		/* The buffer for the data is the disk's own, then so is that for metadata. */
		if (md_len > 0 && !to_disk && params->iovcnt > 0 &&
			params->iovs[0].iov_base == disk->data + params->offset_blocks * disk->bdev.blocklen) {
			spdk_bdev_io_set_md_buf(bdev_io, md, params->num_blocks * md_len);
		}
		return;
	}
	assert_true(md_len > 0);
	if (to_disk) {
		memcpy(md, params->md_buf, params->num_blocks * md_len);
	} else {
		memcpy(params->md_buf, md, params->num_blocks * md_len);
	}
}

/* Whether buffers hold what the disk holds. */
static bool
equals(const uint8_t *data, uint64_t len, const struct iovec *iovs, int iovcnt)
{
	int i;

	assert_true(total_len(iovs, iovcnt) == len);
	for (i = 0; i < iovcnt; i++) {
		if (memcmp(data, iovs[i].iov_base, iovs[i].iov_len) != 0) {
			return false;
		}
		data += iovs[i].iov_len;
	}
	return true;
}

static void
zero_copy(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, uint8_t *data, uint64_t bytes)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;

	if (!disk->zcopy_get_buf) {
		if (params->zcopy.start) {
			spdk_bdev_io_set_buf(bdev_io, data, bytes);
		}
		return;
	}
	/* In a buffer of the layer. */
	if (params->zcopy.start && params->zcopy.populate) {
		transfer(bdev_io, data, bytes, params->iovs, params->iovcnt, false);
	} else if (!params->zcopy.start && params->zcopy.commit) {
		transfer(bdev_io, data, bytes, params->iovs, params->iovcnt, true);
	}
}

static void
copy_blocks(struct mem_disk *disk, const struct spdk_bdev_io_block_params *params)
{
	uint64_t md_len = md_separate_len(&disk->bdev);

	memmove(disk->data + params->offset_blocks * disk->bdev.blocklen,
		disk->data + params->copy.src_offset_blocks * disk->bdev.blocklen,
		params->num_blocks * disk->bdev.blocklen);
	if (md_len > 0) {
		memmove(disk->md + params->offset_blocks * md_len, disk->md + params->copy.src_offset_blocks * md_len,
			params->num_blocks * md_len);
	}
}

static void
fill_zone_info(struct mem_disk *disk, const struct spdk_bdev_io_zone_mgmt_params *params)
{
	struct spdk_bdev_zone_info *info = params->buf;
	uint32_t i;

	for (i = 0; i < params->num_zones; i++) {
		memset(&info[i], 0, sizeof(info[i]));
		info[i].zone_id = params->zone_id + i * disk->bdev.zone_size;
		info[i].write_pointer = info[i].zone_id + disk->append_offset;
		info[i].capacity = disk->bdev.zone_size;
		info[i].type = SPDK_BDEV_ZONE_TYPE_SEQWR;
	}
}

/* Does it. Returns the status to complete it with. */
static enum spdk_bdev_io_status
carry_out(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	uint64_t md_len = md_separate_len(&disk->bdev), bytes;
	uint8_t *data;

	if (bdev_io->type == SPDK_BDEV_IO_TYPE_GET_ZONE_INFO) {
		fill_zone_info(disk, &bdev_io->u.zone_mgmt);
	}
	if (is_nvme(bdev_io) || is_zone_mgmt(bdev_io) || bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT ||
		bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
		return SPDK_BDEV_IO_STATUS_SUCCESS;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND) {
		params->offset_blocks += disk->append_offset;
		disk->append_offset += params->num_blocks;
	}
	data = disk->data + params->offset_blocks * disk->bdev.blocklen;
	bytes = params->num_blocks * disk->bdev.blocklen;
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		transfer(bdev_io, data, bytes, params->iovs, params->iovcnt, false);
		transfer_md(disk, bdev_io, false);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		transfer(bdev_io, data, bytes, params->iovs, params->iovcnt, true);
		transfer_md(disk, bdev_io, true);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_UNMAP:
		memset(data, 0, bytes);
		if (md_len > 0) {
			memset(disk->md + params->offset_blocks * md_len, 0, params->num_blocks * md_len);
		}
		break;
	case SPDK_BDEV_IO_TYPE_COMPARE:
		if (!equals(data, bytes, params->iovs, params->iovcnt) ||
			(params->md_buf != NULL &&
				memcmp(disk->md + params->offset_blocks * md_len, params->md_buf,
					params->num_blocks * md_len) != 0)) {
			return SPDK_BDEV_IO_STATUS_MISCOMPARE;
		}
		break;
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		if (!equals(data, bytes, params->iovs, params->iovcnt)) {
			return SPDK_BDEV_IO_STATUS_MISCOMPARE;
		}
		transfer(bdev_io, data, bytes, params->fused_iovs, params->fused_iovcnt, true);
		break;
	case SPDK_BDEV_IO_TYPE_COPY:
		copy_blocks(disk, params);
		break;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		zero_copy(disk, bdev_io, data, bytes);
		break;
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		params->seek.offset = disk->seek_offset;
		break;
	default:
		break;
	}
	return SPDK_BDEV_IO_STATUS_SUCCESS;
}

static void
enter(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	ctx_of(bdev_io)->inside = disk;
	disk->inside++;
	if (disk->observe != NULL) {
		disk->observe(disk, bdev_io, true);
	}
}

/* The I/O is about to leave the module. */
static void
leave(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct mem_disk_ctx *ctx = ctx_of(bdev_io);

	assert_ptr_equal(ctx->inside, disk);
	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	ctx->inside = NULL;
	disk->inside--;
	if (disk->observe != NULL && bdev_io->type != SPDK_BDEV_IO_TYPE_RESET) {
		disk->observe(disk, bdev_io, false);
	}
}

static void
sequence_done_cb(void *arg, int status)
{
	struct mem_disk_ctx *ctx = arg;

	spdk_put_io_channel(ctx->accel_ch);
	leave(ctx->inside, ctx->bdev_io);
	spdk_bdev_io_complete(ctx->bdev_io, status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* Moves the data by a sequence, its user's or its own. */
static void
execute(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_accel_sequence *seq = params->accel_sequence;
	struct mem_disk_ctx *ctx = ctx_of(bdev_io);
	int rc;

	ctx->accel_ch = spdk_accel_get_io_channel();
	assert_non_null(ctx->accel_ch);
	ctx->iov.iov_base = disk->data + params->offset_blocks * disk->bdev.blocklen;
	ctx->iov.iov_len = params->num_blocks * disk->bdev.blocklen;
	assert_true(total_len(params->iovs, params->iovcnt) == ctx->iov.iov_len);
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		rc = spdk_accel_append_copy(&seq, ctx->accel_ch, &ctx->iov, 1, NULL, NULL, params->iovs, params->iovcnt,
			params->memory_domain, params->memory_domain_ctx, NULL, NULL);
	} else {
		rc = spdk_accel_append_copy(&seq, ctx->accel_ch, params->iovs, params->iovcnt, params->memory_domain,
			params->memory_domain_ctx, &ctx->iov, 1, NULL, NULL, NULL, NULL);
	}
	if (rc != 0) {
		assert_int_equal(rc, -ENOMEM);
		spdk_put_io_channel(ctx->accel_ch);
		leave(disk, bdev_io);
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	params->accel_sequence = NULL;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		spdk_accel_sequence_reverse(seq);
	}
	spdk_accel_sequence_finish(seq, sequence_done_cb, ctx);
}

static bool
has_to_execute(const struct mem_disk *disk, const struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type != SPDK_BDEV_IO_TYPE_READ && bdev_io->type != SPDK_BDEV_IO_TYPE_WRITE) {
		return false;
	}
	return (disk->knows_domains && bdev_io->u.bdev.memory_domain != NULL) ||
		(!disk->leaves_sequence && bdev_io->u.bdev.accel_sequence != NULL);
}

static void
complete(struct mem_disk *disk, struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct mem_disk_ctx *ctx = ctx_of(bdev_io);

	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && has_to_execute(disk, bdev_io)) {
		execute(disk, bdev_io);
		return;
	}
	leave(disk, bdev_io);
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
		status = carry_out(disk, bdev_io);
	}
	if (status == SPDK_BDEV_IO_STATUS_SUCCESS && is_nvme(bdev_io)) {
		ctx->sct = SPDK_NVME_SCT_GENERIC;
		ctx->sc = SPDK_NVME_SC_SUCCESS;
		status = SPDK_BDEV_IO_STATUS_NVME_ERROR;
	}
	if (status == SPDK_BDEV_IO_STATUS_NVME_ERROR) {
		spdk_bdev_io_complete_nvme_status(bdev_io, disk->cdw0, ctx->sct, ctx->sc);
		return;
	}
	spdk_bdev_io_complete(bdev_io, status);
}

static void
complete_msg_cb(void *arg)
{
	struct mem_disk_ctx *ctx = arg;

	complete(ctx->inside, ctx->bdev_io, ctx->status);
}

static void
complete_by_message(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	ctx_of(bdev_io)->status = status;
	assert_int_equal(spdk_thread_send_msg(spdk_bdev_io_get_thread(bdev_io), complete_msg_cb, ctx_of(bdev_io)), 0);
}

static void
proceed(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	enum mem_disk_mode mode = disk->mode;
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;

	if (mode == MEM_DISK_RANDOM) {
		mode = bdk_sim_random(3);
		if (bdk_sim_random(6) == 0) {
			status = SPDK_BDEV_IO_STATUS_NOMEM;
		}
	}
	if (disk->fail_status != SPDK_BDEV_IO_STATUS_PENDING) {
		if (disk->fail_after > 0) {
			disk->fail_after--;
		} else {
			status = disk->fail_status;
		}
	}
	switch (mode) {
	case MEM_DISK_MESSAGE:
		complete_by_message(bdev_io, status);
		break;
	case MEM_DISK_HOLD:
		TAILQ_INSERT_TAIL(&disk->held, ctx_of(bdev_io), link);
		disk->num_held++;
		break;
	default:
		complete(disk, bdev_io, status);
		break;
	}
}

static void
got_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	struct mem_disk *disk = bdev_io->bdev->ctxt;
	size_t mask = spdk_bdev_get_buf_align(bdev_io->bdev) - 1;
	int i;

	/* Now it is inside: before, it could be aborted without notice. */
	enter(disk, bdev_io);
	if (!success) {
		disk->buf_failures++;
		complete(disk, bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (is_nvme(bdev_io)) {
		proceed(disk, bdev_io);
		return;
	}
	for (i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		assert_non_null(bdev_io->u.bdev.iovs[i].iov_base);
		assert_true(bdev_io->u.bdev.memory_domain != NULL ||
			((uintptr_t)bdev_io->u.bdev.iovs[i].iov_base & mask) == 0);
	}
	proceed(disk, bdev_io);
}

static void
abort_held(struct mem_disk *disk)
{
	struct mem_disk_ctx *ctx;

	while ((ctx = TAILQ_FIRST(&disk->held)) != NULL) {
		TAILQ_REMOVE(&disk->held, ctx, link);
		disk->num_held--;
		complete_by_message(ctx->bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
	}
}

static bool
wants_buf(const struct mem_disk *disk, const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return disk->get_buf;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return disk->zcopy_get_buf && bdev_io->u.bdev.zcopy.start;
	default:
		return disk->nvme_get_buf && is_nvme(bdev_io);
	}
}

static bool
take_held(struct mem_disk *disk, struct spdk_bdev_io *bdev_io)
{
	struct mem_disk_ctx *ctx;

	TAILQ_FOREACH (ctx, &disk->held, link) {
		if (ctx->bdev_io == bdev_io) {
			TAILQ_REMOVE(&disk->held, ctx, link);
			disk->num_held--;
			return true;
		}
	}
	return false;
}

static void
abort_target(struct mem_disk *disk, struct spdk_bdev_io *abort)
{
	struct spdk_bdev_io *target = abort->u.abort.bio_to_abort;
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_FAILED;
	enum mem_disk_abort mode = disk->abort_mode;

	/* The target is there, and the module has it. */
	assert_ptr_equal(target->bdev, &disk->bdev);
	assert_ptr_equal(ctx_of(target)->inside, disk);
	assert_ptr_equal(spdk_bdev_io_get_thread(target), spdk_get_thread());
	ctx_of(abort)->inside = disk;
	disk->inside++;
	if (mode == MEM_DISK_ABORT_HOLD) {
		TAILQ_INSERT_TAIL(&disk->held, ctx_of(abort), link);
		disk->num_held++;
		return;
	}
	if (mode == MEM_DISK_ABORT_RANDOM) {
		mode = bdk_sim_random(MEM_DISK_ABORT_FAIL + 1);
	}
	if (mode != MEM_DISK_ABORT_FAIL && take_held(disk, target)) {
		status = SPDK_BDEV_IO_STATUS_SUCCESS;
		if (mode == MEM_DISK_ABORT_INLINE) {
			complete(disk, target, SPDK_BDEV_IO_STATUS_ABORTED);
		} else {
			complete_by_message(target, SPDK_BDEV_IO_STATUS_ABORTED);
		}
	}
	if (mode == MEM_DISK_ABORT_INLINE) {
		complete(disk, abort, status);
	} else {
		complete_by_message(abort, status);
	}
}

static void
mem_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct mem_disk *disk = bdev_io->bdev->ctxt;
	struct mem_disk_ctx *ctx = ctx_of(bdev_io);

	assert_ptr_equal(spdk_bdev_io_get_thread(bdev_io), spdk_get_thread());
	assert_ptr_equal(spdk_bdev_io_get_io_channel(bdev_io), ch);
	ctx->bdev_io = bdev_io;
	ctx->sct = SPDK_NVME_SCT_GENERIC;
	ctx->sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
	record(disk, bdev_io);
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_RESET) {
		disk->resets++;
		ctx->inside = disk;
		disk->inside++;
		if (!disk->reset_keeps) {
			abort_held(disk);
		}
		if (disk->holds_resets) {
			TAILQ_INSERT_TAIL(&disk->held, ctx, link);
			disk->num_held++;
			return;
		}
		complete_by_message(bdev_io,
			disk->reset_status != SPDK_BDEV_IO_STATUS_PENDING ? disk->reset_status
									  : SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	check_limits(bdev_io);
	if (disk->refuse > 0) {
		disk->refuse--;
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_NOMEM);
		return;
	}
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		abort_target(disk, bdev_io);
		return;
	}
	if (wants_buf(disk, bdev_io)) {
		spdk_bdev_io_get_buf(bdev_io, got_buf_cb, bdev_io->u.bdev.num_blocks * disk->bdev.blocklen);
		return;
	}
	enter(disk, bdev_io);
	proceed(disk, bdev_io);
}

static bool
mem_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct mem_disk *disk = ctx;

	return (disk->io_types >> type) & 1;
}

static int
mem_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	struct mem_disk *disk = ctx;

	if (!disk->knows_domains) {
		return 0;
	}
	if (array_size > 0) {
		domains[0] = spdk_memory_domain_get_system_domain();
	}
	return 1;
}

static bool
mem_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type type)
{
	struct mem_disk *disk = ctx;

	return (disk->sequence_types >> type) & 1;
}

static void *
channel_key(struct mem_disk *disk)
{
	return disk->channel_key != NULL ? disk->channel_key : disk;
}

static struct spdk_io_channel *
mem_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(channel_key(ctx));
}

static int
mem_destruct(void *ctx)
{
	struct mem_disk *disk = ctx;

	assert_int_equal(disk->inside, 0);
	assert_true(TAILQ_EMPTY(&disk->held));
	assert_false(disk->destructed);
	disk->destructed = true;
	if (disk->registered_device) {
		spdk_io_device_unregister(disk, NULL);
	}
	free(disk->data);
	free(disk->md);
	disk->data = NULL;
	disk->md = NULL;
	return 0;
}

static const struct spdk_bdev_fn_table g_mem_fn_table = {
	.destruct = mem_destruct,
	.submit_request = mem_submit_request,
	.io_type_supported = mem_io_type_supported,
	.get_io_channel = mem_get_io_channel,
	.get_memory_domains = mem_get_memory_domains,
	.accel_sequence_supported = mem_accel_sequence_supported,
};

void
mem_disk_init(struct mem_disk *disk, const char *name, uint32_t block_size, uint64_t num_blocks)
{
	memset(disk, 0, sizeof(*disk));
	TAILQ_INIT(&disk->held);
	snprintf(disk->name, sizeof(disk->name), "%s", name);
	disk->io_types = 1 << SPDK_BDEV_IO_TYPE_READ | 1 << SPDK_BDEV_IO_TYPE_WRITE | 1 << SPDK_BDEV_IO_TYPE_UNMAP |
		1 << SPDK_BDEV_IO_TYPE_FLUSH | 1 << SPDK_BDEV_IO_TYPE_RESET;
	disk->bdev.name = disk->name;
	disk->bdev.product_name = disk->name;
	disk->bdev.ctxt = disk;
	disk->bdev.module = &g_mem_module;
	disk->bdev.fn_table = &g_mem_fn_table;
	disk->bdev.blocklen = block_size;
	disk->bdev.blockcnt = num_blocks;
}

void
mem_disk_register(struct mem_disk *disk)
{
	int rc;

	if (disk->data == NULL) {
		disk->data = calloc(disk->bdev.blockcnt, disk->bdev.blocklen);
	}
	assert_non_null(disk->data);
	if (md_separate_len(&disk->bdev) > 0) {
		disk->md = calloc(disk->bdev.blockcnt, disk->bdev.md_len);
		assert_non_null(disk->md);
	}
	ON(0, {
		if (disk->channel_key == NULL) {
			spdk_io_device_register(disk, create_channel_cb, destroy_channel_cb, 8, disk->name);
			disk->registered_device = true;
		}
		rc = spdk_bdev_register(&disk->bdev);
	});
	assert_int_equal(rc, 0);
}

void
mem_disk_add(struct mem_disk *disk)
{
	mem_disk_register(disk);
	bdk_sim_run_until_idle();
}

static void
set_true_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static bool
is_true(void *ctx)
{
	return *(bool *)ctx;
}

void
mem_disk_remove(struct mem_disk *disk)
{
	bool done = false;

	ON(0, spdk_bdev_unregister(&disk->bdev, set_true_cb, &done));
	assert_true(bdk_sim_run_until(is_true, &done, 10 * 1000 * 1000));
	bdk_sim_run_until_idle();
	assert_true(disk->destructed);
}

void
mem_disk_release_status(struct mem_disk *disk, uint32_t count, enum spdk_bdev_io_status status)
{
	struct mem_disk_ctx *ctx;

	while (count-- > 0 && (ctx = TAILQ_FIRST(&disk->held)) != NULL) {
		TAILQ_REMOVE(&disk->held, ctx, link);
		disk->num_held--;
		complete_by_message(ctx->bdev_io, status);
	}
}

struct spdk_bdev_io *
mem_disk_take_oldest(struct mem_disk *disk)
{
	struct mem_disk_ctx *ctx = TAILQ_FIRST(&disk->held);

	TAILQ_REMOVE(&disk->held, ctx, link);
	disk->num_held--;
	ctx->inside = NULL;
	disk->inside--;
	return ctx->bdev_io;
}

struct spdk_bdev_io *
mem_disk_get_oldest(struct mem_disk *disk)
{
	return TAILQ_FIRST(&disk->held)->bdev_io;
}

void
mem_disk_release_newest(struct mem_disk *disk)
{
	struct mem_disk_ctx *ctx = TAILQ_LAST(&disk->held, mem_disk_ctx_list);

	TAILQ_REMOVE(&disk->held, ctx, link);
	disk->num_held--;
	complete_by_message(ctx->bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

uint32_t
mem_disk_release_at(
	struct mem_disk *disk, enum spdk_bdev_io_type type, uint64_t offset, enum spdk_bdev_io_status status)
{
	struct mem_disk_ctx *ctx, *next;
	uint32_t count = 0;

	TAILQ_FOREACH_SAFE (ctx, &disk->held, link, next) {
		if (ctx->bdev_io->type != type || ctx->bdev_io->u.bdev.offset_blocks != offset) {
			continue;
		}
		TAILQ_REMOVE(&disk->held, ctx, link);
		disk->num_held--;
		complete_by_message(ctx->bdev_io, status);
		count++;
	}
	return count;
}

void
mem_disk_release_nvme(struct mem_disk *disk, uint32_t count, int sct, int sc)
{
	struct mem_disk_ctx *ctx;

	while (count-- > 0 && (ctx = TAILQ_FIRST(&disk->held)) != NULL) {
		ctx->sct = sct;
		ctx->sc = sc;
		mem_disk_release_status(disk, 1, SPDK_BDEV_IO_STATUS_NVME_ERROR);
	}
}

void
mem_disk_release(struct mem_disk *disk, uint32_t count)
{
	mem_disk_release_status(disk, count, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* ---- users ---- */

uint64_t g_mem_io_order;

void
mem_io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct mem_io *io = cb_arg;
	uint32_t cdw0;

	assert_ptr_equal(spdk_get_thread(), g_sim_threads[io->thread]);
	assert_ptr_equal(spdk_bdev_io_get_cb_arg(bdev_io), io);
	io->done++;
	assert_int_equal(io->done, 1);
	io->success = success;
	io->bdev_io = bdev_io;
	io->order = ++g_mem_io_order;
	spdk_bdev_io_get_aio_status(bdev_io, &io->aio_status);
	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &io->nvme_sct, &io->nvme_sc);
	if (!io->keep) {
		spdk_bdev_free_io(bdev_io);
	}
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct mem_user *user = ctx;

	user->removes += type == SPDK_BDEV_EVENT_REMOVE;
}

void
mem_user_open_name(struct mem_user *user, const char *name, uint32_t num_threads, bool write)
{
	uint32_t i;
	int rc;

	memset(user, 0, sizeof(*user));
	user->num_threads = num_threads;
	ON(0, rc = spdk_bdev_open_ext(name, write, event_cb, user, &user->desc));
	assert_int_equal(rc, 0);
	for (i = 0; i < num_threads; i++) {
		ON(i, user->ch[i] = spdk_bdev_get_io_channel(user->desc));
		assert_non_null(user->ch[i]);
	}
}

void
mem_user_open(struct mem_user *user, struct mem_disk *disk, uint32_t num_threads)
{
	mem_user_open_name(user, disk->name, num_threads, true);
	user->disk = disk;
}

void
mem_user_close(struct mem_user *user)
{
	uint32_t i;

	if (user->desc == NULL) {
		return;
	}
	for (i = 0; i < user->num_threads; i++) {
		if (user->ch[i] != NULL) {
			ON(i, spdk_put_io_channel(user->ch[i]));
		}
	}
	bdk_sim_run_until_idle();
	ON(0, spdk_bdev_close(user->desc));
	user->desc = NULL;
	bdk_sim_run_until_idle();
}
