/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How an I/O ended: as the module says it, in the terms of its protocol, and as owners ask for it, in the terms of
 * theirs.
 */

#include "lib/bdev/io_internal.h"

/* ---- what the module says ---- */

/* Where the detail of a pending I/O goes; NULL: the module does not have this I/O, it will be told so. */
static struct bdev_io_private *
begin_detail(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->internal.status != SPDK_BDEV_IO_STATUS_PENDING) {
		return NULL;
	}
	bdev_io->internal.flags |= BDEV_IO_RARE_FIELDS;
	return bdev_io_private(bdev_io);
}

void
spdk_bdev_io_complete_nvme_status(struct spdk_bdev_io *bdev_io, uint32_t cdw0, int sct, int sc)
{
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_NVME_ERROR;
	struct bdev_io_private *priv;

	if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_SUCCESS) {
		status = SPDK_BDEV_IO_STATUS_SUCCESS;
	} else if (sct == SPDK_NVME_SCT_GENERIC && sc == SPDK_NVME_SC_ABORTED_BY_REQUEST) {
		status = SPDK_BDEV_IO_STATUS_ABORTED;
	}
	if (status != SPDK_BDEV_IO_STATUS_SUCCESS || cdw0 != 0) {
		priv = begin_detail(bdev_io);
		if (priv != NULL) {
			priv->error.nvme.cdw0 = cdw0;
			priv->error.nvme.sct = sct;
			priv->error.nvme.sc = sc;
		}
	}
	spdk_bdev_io_complete(bdev_io, status);
}

void
spdk_bdev_io_complete_scsi_status(
	struct spdk_bdev_io *bdev_io, enum spdk_scsi_status sc, enum spdk_scsi_sense sk, uint8_t asc, uint8_t ascq)
{
	struct bdev_io_private *priv;

	if (sc == SPDK_SCSI_STATUS_GOOD) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	priv = begin_detail(bdev_io);
	if (priv != NULL) {
		priv->error.scsi.sc = sc;
		priv->error.scsi.sk = sk;
		priv->error.scsi.asc = asc;
		priv->error.scsi.ascq = ascq;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SCSI_ERROR);
}

void
spdk_bdev_io_complete_aio_status(struct spdk_bdev_io *bdev_io, int aio_result)
{
	struct bdev_io_private *priv;

	if (aio_result == 0) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
		return;
	}
	priv = begin_detail(bdev_io);
	if (priv != NULL) {
		priv->error.aio_result = aio_result;
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_AIO_ERROR);
}

static const struct bdev_io_private *
get_private(const struct spdk_bdev_io *bdev_io)
{
	return SPDK_CONTAINEROF(bdev_io, struct bdev_io_private, io);
}

/*
 * The status of an I/O. A module may complete one with a status that has detail, and give none: zeroes, which are not to
 * be taken for a success.
 */
static enum spdk_bdev_io_status
get_status(const struct spdk_bdev_io *bdev_io)
{
	const struct bdev_io_private *priv = get_private(bdev_io);
	bool detail = true;

	switch (bdev_io->internal.status) {
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		detail = priv->error.nvme.sct != SPDK_NVME_SCT_GENERIC || priv->error.nvme.sc != SPDK_NVME_SC_SUCCESS;
		break;
	case SPDK_BDEV_IO_STATUS_SCSI_ERROR:
		detail = priv->error.scsi.sc != SPDK_SCSI_STATUS_GOOD;
		break;
	case SPDK_BDEV_IO_STATUS_AIO_ERROR:
		detail = priv->error.aio_result != 0;
		break;
	default:
		break;
	}
	return detail ? bdev_io->internal.status : SPDK_BDEV_IO_STATUS_FAILED;
}

void
spdk_bdev_io_complete_base_io_status(struct spdk_bdev_io *bdev_io, const struct spdk_bdev_io *base_io)
{
	const struct bdev_io_private *base = get_private(base_io);

	switch (get_status(base_io)) {
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
		/* Without detail there is none here, either. */
		spdk_bdev_io_complete(bdev_io, base_io->internal.status);
		break;
	}
}

/* ---- what owners ask ---- */

/* The module's cdw0 of this I/O, or 0. The detail of other protocols lies in the same place. */
static uint32_t
get_cdw0(const struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->internal.status) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
	case SPDK_BDEV_IO_STATUS_ABORTED:
		return get_private(bdev_io)->error.nvme.cdw0;
	default:
		return 0;
	}
}

void
spdk_bdev_io_get_nvme_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0, int *sct, int *sc)
{
	const struct bdev_io_private *priv = get_private(bdev_io);

	*cdw0 = get_cdw0(bdev_io);
	*sct = SPDK_NVME_SCT_GENERIC;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_ABORT) {
		/* As of the NVMe command: whether the other one was aborted is in the lowest bit. */
		*cdw0 = bdev_io->internal.status == SPDK_BDEV_IO_STATUS_SUCCESS ? 0 : 1;
		*sc = SPDK_NVME_SC_SUCCESS;
		return;
	}
	switch (get_status(bdev_io)) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*sc = SPDK_NVME_SC_SUCCESS;
		break;
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		*sct = priv->error.nvme.sct;
		*sc = priv->error.nvme.sc;
		break;
	case SPDK_BDEV_IO_STATUS_ABORTED:
		*sc = SPDK_NVME_SC_ABORTED_BY_REQUEST;
		break;
	default:
		*sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
		break;
	}
}

void
spdk_bdev_io_get_nvme_fused_status(const struct spdk_bdev_io *bdev_io, uint32_t *cdw0, int *first_sct, int *first_sc,
	int *second_sct, int *second_sc)
{
	const struct bdev_io_private *priv = get_private(bdev_io);

	*cdw0 = get_cdw0(bdev_io);
	*first_sct = SPDK_NVME_SCT_GENERIC;
	*second_sct = SPDK_NVME_SCT_GENERIC;
	switch (get_status(bdev_io)) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*first_sc = SPDK_NVME_SC_SUCCESS;
		*second_sc = SPDK_NVME_SC_SUCCESS;
		break;
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		if (priv->error.nvme.sct == SPDK_NVME_SCT_MEDIA_ERROR &&
			priv->error.nvme.sc == SPDK_NVME_SC_COMPARE_FAILURE) {
			*first_sct = SPDK_NVME_SCT_MEDIA_ERROR;
			*first_sc = SPDK_NVME_SC_COMPARE_FAILURE;
			*second_sc = SPDK_NVME_SC_ABORTED_FAILED_FUSED;
		} else {
			*first_sc = SPDK_NVME_SC_SUCCESS;
			*second_sct = priv->error.nvme.sct;
			*second_sc = priv->error.nvme.sc;
		}
		break;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		*first_sct = SPDK_NVME_SCT_MEDIA_ERROR;
		*first_sc = SPDK_NVME_SC_COMPARE_FAILURE;
		*second_sc = SPDK_NVME_SC_ABORTED_FAILED_FUSED;
		break;
	case SPDK_BDEV_IO_STATUS_FIRST_FUSED_FAILED:
		*first_sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
		*second_sc = SPDK_NVME_SC_ABORTED_FAILED_FUSED;
		break;
	case SPDK_BDEV_IO_STATUS_ABORTED:
		*first_sc = SPDK_NVME_SC_ABORTED_BY_REQUEST;
		*second_sc = SPDK_NVME_SC_ABORTED_BY_REQUEST;
		break;
	default:
		*first_sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
		*second_sc = SPDK_NVME_SC_INTERNAL_DEVICE_ERROR;
		break;
	}
}

static void
set_scsi(int *sc, int *sk, int *asc, int *ascq, int sc_value, int sk_value, int asc_value, int ascq_value)
{
	*sc = sc_value;
	*sk = sk_value;
	*asc = asc_value;
	*ascq = ascq_value;
}

void
spdk_bdev_io_get_scsi_status(const struct spdk_bdev_io *bdev_io, int *sc, int *sk, int *asc, int *ascq)
{
	const struct bdev_io_private *priv = get_private(bdev_io);

	switch (get_status(bdev_io)) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		set_scsi(sc, sk, asc, ascq, SPDK_SCSI_STATUS_GOOD, SPDK_SCSI_SENSE_NO_SENSE, 0, 0);
		break;
	case SPDK_BDEV_IO_STATUS_NVME_ERROR:
		spdk_scsi_nvme_translate(bdev_io, sc, sk, asc, ascq);
		break;
	case SPDK_BDEV_IO_STATUS_SCSI_ERROR:
		set_scsi(sc, sk, asc, ascq, priv->error.scsi.sc, priv->error.scsi.sk, priv->error.scsi.asc,
			priv->error.scsi.ascq);
		break;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		set_scsi(sc, sk, asc, ascq, SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_MISCOMPARE,
			SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION, SPDK_SCSI_ASCQ_CAUSE_NOT_REPORTABLE);
		break;
	default:
		set_scsi(sc, sk, asc, ascq, SPDK_SCSI_STATUS_CHECK_CONDITION, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, 0);
		break;
	}
}

void
spdk_bdev_io_get_aio_status(const struct spdk_bdev_io *bdev_io, int *aio_result)
{
	switch (get_status(bdev_io)) {
	case SPDK_BDEV_IO_STATUS_SUCCESS:
		*aio_result = 0;
		break;
	case SPDK_BDEV_IO_STATUS_AIO_ERROR:
		*aio_result = get_private(bdev_io)->error.aio_result;
		break;
	default:
		*aio_result = -EIO;
		break;
	}
}
