/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How an I/O ended, as the module says it and as callers want to read it.
 */

#include "lib/bdev/bdev_internal.h"

void
spdk_bdev_io_complete_nvme_status(struct spdk_bdev_io *bdev_io, uint32_t cdw0, int sct, int sc)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_NVME_ERROR;

	if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_SUCCESS) {
		status = SPDK_BDEV_IO_STATUS_SUCCESS;
	} else if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_ABORTED_BY_REQUEST) {
		status = SPDK_BDEV_IO_STATUS_ABORTED;
	}
	if (status != SPDK_BDEV_IO_STATUS_SUCCESS || cdw0 != 0) {
		bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
		priv->error.nvme.cdw0 = cdw0;
		priv->error.nvme.sct = sct;
		priv->error.nvme.sc = sc;
	}
	spdk_bdev_io_complete(bdev_io, status);
}

void
spdk_bdev_io_complete_scsi_status(
	struct spdk_bdev_io *bdev_io, enum spdk_scsi_status sc, enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);

	if (sc == SPDK_SCSI_STATUS_GOOD) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	priv->error.scsi.sc = sc;
	priv->error.scsi.sk = sk;
	priv->error.scsi.asc = asc;
	priv->error.scsi.ascq = ascq;
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SCSI_ERROR);
}

void
spdk_bdev_io_complete_aio_status(struct spdk_bdev_io *bdev_io, int aio_result)
{
	if (aio_result == 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	bdev_io_private(bdev_io)->error.aio_result = aio_result;
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_AIO_ERROR);
}

void
spdk_bdev_io_complete_base_io_status(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io)
{
	const struct bdev_io_private *base = SPDK_CONTAINEROF(base_io, struct bdev_io_private, io);

	switch (base_io->internal.status) {
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		spdk_bdev_io_complete_nvme_status(
			bdev_io, base->error.nvme.cdw0, base->error.nvme.sct, base->error.nvme.sc);
		break;
	case SPDK_BDEV_IO_STATUS_SCSI_ERROR:
		spdk_bdev_io_complete_scsi_status(
			bdev_io, base->error.scsi.sc, base->error.scsi.sk, base->error.scsi.asc, base->error.scsi.ascq);
		break;
	case SPDK_BDEV_IO_STATUS_AIO_ERROR:
		spdk_bdev_io_complete_aio_status(bdev_io, base->error.aio_result);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, base_io->internal.status);
		break;
	}
}
