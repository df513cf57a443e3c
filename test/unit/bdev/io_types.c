/* SPDX-License-Identifier: BSD-3-Clause */

#include "io_types.h"

static bool
io_one_in(uint32_t n)
{
	return bdk_sim_random(n) == 0;
}

/* ---- submission ---- */

static int
submit_read(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	if (io_one_in(4)) {
		return spdk_bdev_read_blocks(desc, ch, NULL, op->offset, op->num_blocks, op->cb, op);
	}
	return spdk_bdev_readv_blocks_with_md(
		desc, ch, op->iovs, 2, op->with_md ? op->md : NULL, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_write(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	if (io_one_in(2)) {
		return spdk_bdev_write_blocks(desc, ch, op->buf, op->offset, op->num_blocks, op->cb, op);
	}
	return spdk_bdev_writev_blocks_with_md(
		desc, ch, op->iovs, 2, op->with_md ? op->md : NULL, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_unmap(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_unmap_blocks(desc, ch, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_write_zeroes(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_write_zeroes_blocks(desc, ch, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_flush(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_flush_blocks(desc, ch, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_reset(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_reset(desc, ch, op->cb, op);
}

static int
submit_compare(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_comparev_blocks_with_md(
		desc, ch, op->iovs, 2, op->with_md ? op->md : NULL, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_compare_and_write(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_comparev_and_writev_blocks(
		desc, ch, op->iovs, 2, op->iovs2, 2, op->offset, op->num_blocks, op->cb, op);
}

static int
submit_copy(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_copy_blocks(desc, ch, op->offset, (op->offset + 100) % 900, op->num_blocks, op->cb, op);
}

static int
submit_seek_data(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_seek_data(desc, ch, op->offset, op->cb, op);
}

static int
submit_seek_hole(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_seek_hole(desc, ch, op->offset, op->cb, op);
}

static int
submit_zcopy(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	bool with_iov = io_one_in(2);

	return spdk_bdev_zcopy_start(desc, ch, with_iov ? op->iovs : NULL, with_iov ? 1 : 0, op->offset, op->num_blocks,
		io_one_in(2), op->cb, op);
}

static int
submit_nvme_admin(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_nvme_admin_passthru(desc, ch, &op->cmd, op->buf, 512, op->cb, op);
}

static int
submit_nvme_io(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	op->cmd.opc = io_one_in(2) ? SPDK_NVME_OPC_READ : SPDK_NVME_OPC_WRITE;
	return spdk_bdev_nvme_io_passthru(desc, ch, &op->cmd, op->buf, 512, op->cb, op);
}

static int
submit_nvme_io_md(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	op->cmd.opc = io_one_in(2) ? SPDK_NVME_OPC_READ : SPDK_NVME_OPC_WRITE;
	return spdk_bdev_nvme_io_passthru_md(desc, ch, &op->cmd, op->buf, 512, op->md, IO_MD_LEN, op->cb, op);
}

static int
submit_nvme_iov_md(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_nvme_iov_passthru_md(desc, ch, &op->cmd, op->iovs, 2, op->num_blocks * 512,
		io_one_in(2) ? op->md : NULL, IO_MD_LEN, op->cb, op);
}

static int
submit_get_zone_info(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_get_zone_info(desc, ch, 0, SPDK_COUNTOF(op->zones), op->zones, op->cb, op);
}

static int
submit_zone_management(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_zone_management(desc, ch, 0, SPDK_BDEV_ZONE_RESET, op->cb, op);
}

static int
submit_zone_append(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	return spdk_bdev_zone_appendv(desc, ch, op->iovs, 2, 0, op->num_blocks, op->cb, op);
}

static void
aborted_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
}

static int
submit_abort(struct io_op *op, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	/* Only a name for it; nothing is kept there. */
	void *target = op->abort_arg != NULL ? op->abort_arg : &op->cmd;
	int rc;

	if (op->abort_arg == NULL) {
		rc = spdk_bdev_read_blocks(desc, ch, op->raw2, 0, 1, aborted_cb, target);
		if (rc != 0) {
			return rc;
		}
	}
	return spdk_bdev_abort(desc, ch, target, op->cb, op);
}

/* ---- the table ---- */

#define BIT(step) (1u << (IO_STEP_##step))
#define ALWAYS (BIT(BEFORE) | BIT(MODULE) | BIT(CALLBACK))
#define PLAIN (ALWAYS | BIT(NOMEM) | BIT(COMPLETED))
#define LIMITED (PLAIN | BIT(QOS))

const struct io_type g_io_types[] = {
	{"READ", SPDK_BDEV_IO_TYPE_READ, true, submit_read, LIMITED | BIT(LOCK) | BIT(BUF) | BIT(SPLIT)},
	{"WRITE", SPDK_BDEV_IO_TYPE_WRITE, true, submit_write, LIMITED | BIT(LOCK) | BIT(BUF) | BIT(SPLIT)},
	{"UNMAP", SPDK_BDEV_IO_TYPE_UNMAP, true, submit_unmap, PLAIN | BIT(LOCK) | BIT(SPLIT)},
	{"FLUSH", SPDK_BDEV_IO_TYPE_FLUSH, true, submit_flush, PLAIN},
	{"RESET", SPDK_BDEV_IO_TYPE_RESET, true, submit_reset, ALWAYS},
	{"WRITE_ZEROES", SPDK_BDEV_IO_TYPE_WRITE_ZEROES, true, submit_write_zeroes, PLAIN | BIT(LOCK) | BIT(SPLIT)},
	{"WRITE_ZEROES, emulated", SPDK_BDEV_IO_TYPE_WRITE_ZEROES, false, submit_write_zeroes,
		LIMITED | BIT(LOCK) | BIT(SPLIT)},
	{"COMPARE", SPDK_BDEV_IO_TYPE_COMPARE, true, submit_compare, PLAIN | BIT(BUF)},
	{"COMPARE, emulated", SPDK_BDEV_IO_TYPE_COMPARE, false, submit_compare, LIMITED | BIT(BUF) | BIT(SPLIT)},
	{"COMPARE_AND_WRITE", SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, true, submit_compare_and_write, PLAIN | BIT(BUF)},
	{"COMPARE_AND_WRITE, emulated", SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, false, submit_compare_and_write,
		ALWAYS | BIT(QOS) | BIT(NOMEM) | BIT(BUF) | BIT(SPLIT)},
	{"COMPARE_AND_WRITE, by COMPARE", SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE, false, submit_compare_and_write,
		ALWAYS | BIT(NOMEM) | BIT(BUF) | BIT(SPLIT), 1ull << SPDK_BDEV_IO_TYPE_COMPARE},
	{"COPY", SPDK_BDEV_IO_TYPE_COPY, true, submit_copy, PLAIN | BIT(LOCK) | BIT(SPLIT)},
	{"COPY, emulated", SPDK_BDEV_IO_TYPE_COPY, false, submit_copy, LIMITED | BIT(LOCK) | BIT(BUF) | BIT(SPLIT)},
	{"SEEK_DATA", SPDK_BDEV_IO_TYPE_SEEK_DATA, true, submit_seek_data, PLAIN},
	{"SEEK_DATA, emulated", SPDK_BDEV_IO_TYPE_SEEK_DATA, false, submit_seek_data,
		BIT(BEFORE) | BIT(COMPLETED) | BIT(CALLBACK)},
	{"SEEK_HOLE", SPDK_BDEV_IO_TYPE_SEEK_HOLE, true, submit_seek_hole, PLAIN},
	{"ZCOPY", SPDK_BDEV_IO_TYPE_ZCOPY, true, submit_zcopy, LIMITED | BIT(LOCK)},
	{"NVME_ADMIN", SPDK_BDEV_IO_TYPE_NVME_ADMIN, true, submit_nvme_admin, PLAIN},
	{"NVME_IO", SPDK_BDEV_IO_TYPE_NVME_IO, true, submit_nvme_io, LIMITED | BIT(LOCK)},
	{"NVME_IO_MD", SPDK_BDEV_IO_TYPE_NVME_IO_MD, true, submit_nvme_io_md, LIMITED | BIT(LOCK)},
	{"NVME_IOV_MD", SPDK_BDEV_IO_TYPE_NVME_IOV_MD, true, submit_nvme_iov_md, PLAIN,
		1ull << SPDK_BDEV_IO_TYPE_NVME_IO | 1ull << SPDK_BDEV_IO_TYPE_NVME_IO_MD},
	{"GET_ZONE_INFO", SPDK_BDEV_IO_TYPE_GET_ZONE_INFO, true, submit_get_zone_info, PLAIN},
	{"ZONE_MANAGEMENT", SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT, true, submit_zone_management, PLAIN},
	{"ZONE_APPEND", SPDK_BDEV_IO_TYPE_ZONE_APPEND, true, submit_zone_append, PLAIN},
	{"ABORT", SPDK_BDEV_IO_TYPE_ABORT, true, submit_abort, ALWAYS},
};

const size_t g_num_io_types = SPDK_COUNTOF(g_io_types);

const struct io_type *
io_type_find(const char *name)
{
	size_t i;

	for (i = 0; i < g_num_io_types; i++) {
		if (strcmp(g_io_types[i].name, name) == 0) {
			return &g_io_types[i];
		}
	}
	fail_msg("no type %s", name);
	return NULL;
}

void
io_op_init(struct io_op *op, const struct io_type *type, const struct spdk_bdev *bdev, uint64_t num_blocks,
	spdk_bdev_io_completion_cb cb)
{
	uint64_t half = (num_blocks / 2) * 512;

	memset(op, 0, offsetof(struct io_op, raw));
	op->type = type;
	op->cb = cb;
	op->num_blocks = num_blocks;
	op->offset = bdk_sim_random(1000 - num_blocks);
	op->buf = op->raw + (io_one_in(2) ? 0 : 1 + bdk_sim_random(63));
	op->buf2 = op->raw2 + (io_one_in(2) ? 0 : 1 + bdk_sim_random(63));
	op->with_md = spdk_bdev_is_md_separate(bdev) && io_one_in(2);
	op->iovs[0] = (struct iovec){op->buf, half};
	op->iovs[1] = (struct iovec){op->buf + half, num_blocks * 512 - half};
	op->iovs2[0] = (struct iovec){op->buf2, half};
	op->iovs2[1] = (struct iovec){op->buf2 + half, num_blocks * 512 - half};
}
