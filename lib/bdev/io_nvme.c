/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Submission of NVMe commands that are handed on as they are.
 */

#include "lib/bdev/io_submit.h"

static int
submit_command(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *io_ch,
	const struct spdk_bdev_io_nvme_passthru_params *params, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(io_ch);
	struct spdk_bdev_io *bdev_io;

	bdev_io = bdev_io_take(desc->bdev, desc, ch, type, 0, 0, cb, cb_arg);
	if (bdev_io == NULL) {
		return -ENOMEM;
	}
	/* The command lies where other types have their rare fields. */
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	bdev_io->u.nvme_passthru = *params;
	bdev_io_submit_gated(bdev_io);
	return 0;
}

static int
check_command(const struct spdk_bdev_desc *desc, enum spdk_bdev_io_type needed)
{
	if (!desc->write) {
		/* What a command does is not known here. */
		return -EBADF;
	}
	return bdev_io_type_is_native(desc->bdev, needed) ? 0 : -ENOTSUP;
}

static int
submit_buffer(enum spdk_bdev_io_type type, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch,
	const struct spdk_bdev_io_nvme_passthru_params *params, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	int rc = check_command(desc, type);

	return rc != 0 ? rc : submit_command(type, desc, ch, params, cb, cb_arg);
}

int
spdk_bdev_nvme_admin_passthru(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, const struct spdk_nvme_cmd *cmd,
	void *buf, size_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {.cmd = *cmd, .buf = buf, .nbytes = nbytes};

	return submit_buffer(SPDK_BDEV_IO_TYPE_NVME_ADMIN, desc, ch, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_io_passthru(struct spdk_bdev_desc *bdev_desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes, spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {.cmd = *cmd, .buf = buf, .nbytes = nbytes};

	return submit_buffer(SPDK_BDEV_IO_TYPE_NVME_IO, bdev_desc, ch, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_io_passthru_md(struct spdk_bdev_desc *bdev_desc, struct spdk_io_channel *ch,
	const struct spdk_nvme_cmd *cmd, void *buf, size_t nbytes, void *md_buf, size_t md_len,
	spdk_bdev_io_completion_cb cb, void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd, .buf = buf, .nbytes = nbytes, .md_buf = md_buf, .md_len = md_len};

	return submit_buffer(SPDK_BDEV_IO_TYPE_NVME_IO_MD, bdev_desc, ch, &params, cb, cb_arg);
}

int
spdk_bdev_nvme_iov_passthru_md(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, const struct spdk_nvme_cmd *cmd,
	struct iovec *iov, int iovcnt, size_t nbytes, void *md_buf, size_t md_len, spdk_bdev_io_completion_cb cb,
	void *cb_arg)
{
	struct spdk_bdev_io_nvme_passthru_params params = {
		.cmd = *cmd, .iovs = iov, .iovcnt = iovcnt, .nbytes = nbytes, .md_buf = md_buf, .md_len = md_len};
	int rc = check_command(desc, SPDK_BDEV_IO_TYPE_NVME_IO);

	/* Modules say that they take metadata, but not that they take iovecs. */
	if (rc == 0 && md_buf != NULL) {
		rc = check_command(desc, SPDK_BDEV_IO_TYPE_NVME_IO_MD);
	}
	return rc != 0 ? rc : submit_command(SPDK_BDEV_IO_TYPE_NVME_IOV_MD, desc, ch, &params, cb, cb_arg);
}
