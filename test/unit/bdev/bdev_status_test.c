/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How an I/O has ended, in the terms of each protocol, and how that is handed on from a base.
 */

#include "types_fixture.h"

#define STATUS(NAME) SPDK_BDEV_IO_STATUS_##NAME

/* An I/O that is inside the module. */
static struct spdk_bdev_io *
begin(struct mem_io *io)
{
	SUBMIT(io, spdk_bdev_read_blocks, g_buf, 0, 1);
	bdk_sim_run_until_idle();
	return mem_disk_take_oldest(&g_disk);
}

/* Completes one with an expression on a spdk_bdev_io * named bdev_io, and keeps it in io. */
#define COMPLETE(IO, EXPRESSION) \
	do { \
		struct spdk_bdev_io *bdev_io = begin(IO); \
		ON(0, EXPRESSION); \
		bdk_sim_run_until_idle(); \
		assert_int_equal((IO)->done, 1); \
	} while (0)

static void
free_io(struct mem_io *io)
{
	ON(0, spdk_bdev_free_io(io->bdev_io));
}

static void
expect_nvme(const struct mem_io *io, uint32_t cdw0, int sct, int sc)
{
	uint32_t got_cdw0;
	int got_sct, got_sc;

	spdk_bdev_io_get_nvme_status(io->bdev_io, &got_cdw0, &got_sct, &got_sc);
	assert_int_equal(got_cdw0, cdw0);
	assert_int_equal(got_sct, sct);
	assert_int_equal(got_sc, sc);
}

static void
expect_fused(const struct mem_io *io, int sct, int sc, int sct2, int sc2)
{
	int got_sct, got_sc, got_sct2, got_sc2;
	uint32_t cdw0;

	spdk_bdev_io_get_nvme_fused_status(io->bdev_io, &cdw0, &got_sct, &got_sc, &got_sct2, &got_sc2);
	assert_int_equal(got_sct, sct);
	assert_int_equal(got_sc, sc);
	assert_int_equal(got_sct2, sct2);
	assert_int_equal(got_sc2, sc2);
}

static void
expect_scsi(const struct mem_io *io, int sc, int sk, int asc, int ascq)
{
	int got_sc, got_sk, got_asc, got_ascq;

	spdk_bdev_io_get_scsi_status(io->bdev_io, &got_sc, &got_sk, &got_asc, &got_ascq);
	assert_int_equal(got_sc, sc);
	assert_int_equal(got_sk, sk);
	assert_int_equal(got_asc, asc);
	assert_int_equal(got_ascq, ascq);
}

static void
expect_aio(const struct mem_io *io, int result)
{
	int got;

	spdk_bdev_io_get_aio_status(io->bdev_io, &got);
	assert_int_equal(got, result);
}

/* ---- a plain status in terms of each protocol ---- */

struct plain {
	enum spdk_bdev_io_status status;
	int nvme_sc;
	/* Of a fused pair. */
	int sct;
	int sc;
	int sc2;
	/* SCSI. */
	int scsi_sc;
	int sk;
	int asc;
	int aio;
};

#define GEN SPDK_NVME_SCT_GENERIC
#define MEDIA SPDK_NVME_SCT_MEDIA_ERROR
#define INTERNAL SPDK_NVME_SC_INTERNAL_DEVICE_ERROR
#define CHECK_COND SPDK_SCSI_STATUS_CHECK_CONDITION

static const struct plain g_plain[] = {
	{STATUS(SUCCESS), SPDK_NVME_SC_SUCCESS, GEN, SPDK_NVME_SC_SUCCESS, SPDK_NVME_SC_SUCCESS, SPDK_SCSI_STATUS_GOOD,
		SPDK_SCSI_SENSE_NO_SENSE, 0, 0},
	{STATUS(FAILED), INTERNAL, GEN, INTERNAL, INTERNAL, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
	{STATUS(MISCOMPARE), INTERNAL, MEDIA, SPDK_NVME_SC_COMPARE_FAILURE, SPDK_NVME_SC_ABORTED_FAILED_FUSED,
		CHECK_COND, SPDK_SCSI_SENSE_MISCOMPARE, SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION, -EIO},
	{STATUS(FIRST_FUSED_FAILED), INTERNAL, GEN, INTERNAL, SPDK_NVME_SC_ABORTED_FAILED_FUSED, CHECK_COND,
		SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
	{STATUS(ABORTED), SPDK_NVME_SC_ABORTED_BY_REQUEST, GEN, SPDK_NVME_SC_ABORTED_BY_REQUEST,
		SPDK_NVME_SC_ABORTED_BY_REQUEST, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
	/* A module that says so and gives no detail has not succeeded. */
	{STATUS(NVME_ERROR), INTERNAL, GEN, INTERNAL, INTERNAL, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
	{STATUS(SCSI_ERROR), INTERNAL, GEN, INTERNAL, INTERNAL, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
	{STATUS(AIO_ERROR), INTERNAL, GEN, INTERNAL, INTERNAL, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, -EIO},
};

static void
expect_plain(struct mem_io *io, const struct plain *plain)
{
	assert_int_equal(io->bdev_io->internal.status, plain->status);
	assert_int_equal(io->success, plain->status == STATUS(SUCCESS));
	expect_nvme(io, 0, GEN, plain->nvme_sc);
	expect_fused(io, plain->sct, plain->sc, GEN, plain->sc2);
	expect_scsi(io, plain->scsi_sc, plain->sk, plain->asc, 0);
	expect_aio(io, plain->aio);
}

/* Also as the status of a base. */
static void
test_plain(void **state)
{
	struct mem_io io, upper;
	size_t i;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(g_plain); i++) {
		COMPLETE(&io, spdk_bdev_io_complete(bdev_io, g_plain[i].status));
		expect_plain(&io, &g_plain[i]);
		COMPLETE(&upper, spdk_bdev_io_complete_base_io_status(bdev_io, io.bdev_io));
		expect_plain(&upper, &g_plain[i]);
		free_io(&io);
		free_io(&upper);
	}
	remove_disk();
}

/* ---- NVMe ---- */

struct translated {
	int sct;
	int nvme_sc;
	int sc;
	int sk;
	int asc;
	int ascq;
};

#define TO(SCT, NVME_SC, SC, SK, ASC, ASCQ) \
	{ \
		SPDK_NVME_SCT_##SCT, SPDK_NVME_SC_##NVME_SC, SPDK_SCSI_STATUS_##SC, SPDK_SCSI_SENSE_##SK, \
			SPDK_SCSI_ASC_##ASC, SPDK_SCSI_ASCQ_##ASCQ \
	}
#define TO_CHECK(SCT, NVME_SC, SK, ASC) TO(SCT, NVME_SC, CHECK_CONDITION, SK, ASC, CAUSE_NOT_REPORTABLE)
#define TO_ABORTED(NVME_SC) \
	TO(GENERIC, NVME_SC, TASK_ABORTED, ABORTED_COMMAND, NO_ADDITIONAL_SENSE, CAUSE_NOT_REPORTABLE)

static const struct translated g_translated[] = {
	TO_CHECK(GENERIC, INVALID_OPCODE, ILLEGAL_REQUEST, INVALID_COMMAND_OPERATION_CODE),
	TO_CHECK(GENERIC, INVALID_FIELD, ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB),
	TO_CHECK(GENERIC, DATA_TRANSFER_ERROR, MEDIUM_ERROR, NO_ADDITIONAL_SENSE),
	TO_CHECK(GENERIC, CAPACITY_EXCEEDED, MEDIUM_ERROR, NO_ADDITIONAL_SENSE),
	TO(GENERIC, ABORTED_POWER_LOSS, TASK_ABORTED, ABORTED_COMMAND, WARNING, POWER_LOSS_EXPECTED),
	TO_CHECK(GENERIC, INTERNAL_DEVICE_ERROR, HARDWARE_ERROR, INTERNAL_TARGET_FAILURE),
	TO_ABORTED(ABORTED_SQ_DELETION),
	TO_ABORTED(ABORTED_FAILED_FUSED),
	TO_ABORTED(ABORTED_MISSING_FUSED),
	TO(GENERIC, INVALID_NAMESPACE_OR_FORMAT, CHECK_CONDITION, ILLEGAL_REQUEST, ACCESS_DENIED,
		INVALID_LU_IDENTIFIER),
	TO_CHECK(GENERIC, LBA_OUT_OF_RANGE, ILLEGAL_REQUEST, LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE),
	TO_CHECK(GENERIC, NAMESPACE_NOT_READY, NOT_READY, LOGICAL_UNIT_NOT_READY),
	TO(GENERIC, RESERVATION_CONFLICT, RESERVATION_CONFLICT, NO_SENSE, NO_ADDITIONAL_SENSE, CAUSE_NOT_REPORTABLE),
	TO(COMMAND_SPECIFIC, INVALID_FORMAT, CHECK_CONDITION, ILLEGAL_REQUEST, FORMAT_COMMAND_FAILED,
		FORMAT_COMMAND_FAILED),
	TO_CHECK(COMMAND_SPECIFIC, CONFLICTING_ATTRIBUTES, ILLEGAL_REQUEST, INVALID_FIELD_IN_CDB),
	TO_CHECK(COMMAND_SPECIFIC, ATTEMPTED_WRITE_TO_RO_RANGE, DATA_PROTECT, WRITE_PROTECTED),
	TO_CHECK(MEDIA_ERROR, WRITE_FAULTS, MEDIUM_ERROR, PERIPHERAL_DEVICE_WRITE_FAULT),
	TO_CHECK(MEDIA_ERROR, UNRECOVERED_READ_ERROR, MEDIUM_ERROR, UNRECOVERED_READ_ERROR),
	TO(MEDIA_ERROR, GUARD_CHECK_ERROR, CHECK_CONDITION, MEDIUM_ERROR, LOGICAL_BLOCK_GUARD_CHECK_FAILED,
		LOGICAL_BLOCK_GUARD_CHECK_FAILED),
	TO(MEDIA_ERROR, APPLICATION_TAG_CHECK_ERROR, CHECK_CONDITION, MEDIUM_ERROR, LOGICAL_BLOCK_APP_TAG_CHECK_FAILED,
		LOGICAL_BLOCK_APP_TAG_CHECK_FAILED),
	TO(MEDIA_ERROR, REFERENCE_TAG_CHECK_ERROR, CHECK_CONDITION, MEDIUM_ERROR, LOGICAL_BLOCK_REF_TAG_CHECK_FAILED,
		LOGICAL_BLOCK_REF_TAG_CHECK_FAILED),
	TO_CHECK(MEDIA_ERROR, COMPARE_FAILURE, MISCOMPARE, MISCOMPARE_DURING_VERIFY_OPERATION),
	TO(MEDIA_ERROR, ACCESS_DENIED, CHECK_CONDITION, DATA_PROTECT, ACCESS_DENIED, NO_ACCESS_RIGHTS),
	/* Anything else. */
	TO_CHECK(GENERIC, INVALID_SGL_OFFSET, ILLEGAL_REQUEST, NO_ADDITIONAL_SENSE),
	TO_CHECK(VENDOR_SPECIFIC, SUCCESS, ILLEGAL_REQUEST, NO_ADDITIONAL_SENSE),
};

static void
expect_translated(struct mem_io *io, const struct translated *to)
{
	int sc, sk, asc, ascq;

	assert_int_equal(io->bdev_io->internal.status, STATUS(NVME_ERROR));
	expect_nvme(io, 0x1234, to->sct, to->nvme_sc);
	expect_scsi(io, to->sc, to->sk, to->asc, to->ascq);
	spdk_scsi_nvme_translate(io->bdev_io, &sc, &sk, &asc, &ascq);
	assert_true(sc == to->sc && sk == to->sk && asc == to->asc && ascq == to->ascq);
	expect_aio(io, -EIO);
	if (to->sct == MEDIA && to->nvme_sc == SPDK_NVME_SC_COMPARE_FAILURE) {
		expect_fused(io, to->sct, to->nvme_sc, GEN, SPDK_NVME_SC_ABORTED_FAILED_FUSED);
	} else {
		expect_fused(io, GEN, SPDK_NVME_SC_SUCCESS, to->sct, to->nvme_sc);
	}
}

static void
test_nvme(void **state)
{
	struct mem_io io, upper;
	size_t i;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	for (i = 0; i < SPDK_COUNTOF(g_translated); i++) {
		const struct translated *to = &g_translated[i];

		COMPLETE(&io, spdk_bdev_io_complete_nvme_status(bdev_io, 0x1234, to->sct, to->nvme_sc));
		expect_translated(&io, to);
		COMPLETE(&upper, spdk_bdev_io_complete_base_io_status(bdev_io, io.bdev_io));
		expect_translated(&upper, to);
		free_io(&io);
		free_io(&upper);
	}
	/* cdw0 is kept whatever the status; that of a success is not handed on. */
	COMPLETE(&io, spdk_bdev_io_complete_nvme_status(bdev_io, 7, GEN, SPDK_NVME_SC_SUCCESS));
	assert_true(io.success);
	expect_nvme(&io, 7, GEN, SPDK_NVME_SC_SUCCESS);
	expect_scsi(&io, SPDK_SCSI_STATUS_GOOD, SPDK_SCSI_SENSE_NO_SENSE, 0, 0);
	COMPLETE(&upper, spdk_bdev_io_complete_base_io_status(bdev_io, io.bdev_io));
	assert_true(upper.success);
	expect_nvme(&upper, 0, GEN, SPDK_NVME_SC_SUCCESS);
	free_io(&io);
	free_io(&upper);
	COMPLETE(&io, spdk_bdev_io_complete_nvme_status(bdev_io, 8, GEN, SPDK_NVME_SC_ABORTED_BY_REQUEST));
	assert_int_equal(io.bdev_io->internal.status, STATUS(ABORTED));
	expect_nvme(&io, 8, GEN, SPDK_NVME_SC_ABORTED_BY_REQUEST);
	free_io(&io);
	/* The next one has nothing of it. */
	COMPLETE(&io, spdk_bdev_io_complete(bdev_io, STATUS(SUCCESS)));
	expect_nvme(&io, 0, GEN, SPDK_NVME_SC_SUCCESS);
	free_io(&io);
	remove_disk();
}

/* ---- SCSI and errno ---- */

static void
test_scsi(void **state)
{
	struct mem_io io, upper;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	COMPLETE(&io,
		spdk_bdev_io_complete_scsi_status(
			bdev_io, SPDK_SCSI_STATUS_RESERVATION_CONFLICT, SPDK_SCSI_SENSE_DATA_PROTECT, 0x12, 0x34));
	assert_int_equal(io.bdev_io->internal.status, STATUS(SCSI_ERROR));
	expect_scsi(&io, SPDK_SCSI_STATUS_RESERVATION_CONFLICT, SPDK_SCSI_SENSE_DATA_PROTECT, 0x12, 0x34);
	expect_nvme(&io, 0, GEN, INTERNAL);
	expect_fused(&io, GEN, INTERNAL, GEN, INTERNAL);
	expect_aio(&io, -EIO);
	COMPLETE(&upper, spdk_bdev_io_complete_base_io_status(bdev_io, io.bdev_io));
	expect_scsi(&upper, SPDK_SCSI_STATUS_RESERVATION_CONFLICT, SPDK_SCSI_SENSE_DATA_PROTECT, 0x12, 0x34);
	free_io(&io);
	free_io(&upper);
	COMPLETE(
		&io, spdk_bdev_io_complete_scsi_status(bdev_io, SPDK_SCSI_STATUS_GOOD, SPDK_SCSI_SENSE_NO_SENSE, 0, 0));
	expect_plain(&io, &g_plain[0]);
	free_io(&io);
	remove_disk();
}

static void
test_aio(void **state)
{
	struct mem_io io, upper;

	g_disk.mode = MEM_DISK_HOLD;
	open_disk();
	COMPLETE(&io, spdk_bdev_io_complete_aio_status(bdev_io, -ENOSPC));
	assert_int_equal(io.bdev_io->internal.status, STATUS(AIO_ERROR));
	expect_aio(&io, -ENOSPC);
	expect_nvme(&io, 0, GEN, INTERNAL);
	expect_fused(&io, GEN, INTERNAL, GEN, INTERNAL);
	expect_scsi(&io, CHECK_COND, SPDK_SCSI_SENSE_ABORTED_COMMAND, 0, 0);
	COMPLETE(&upper, spdk_bdev_io_complete_base_io_status(bdev_io, io.bdev_io));
	expect_aio(&upper, -ENOSPC);
	free_io(&io);
	free_io(&upper);
	COMPLETE(&io, spdk_bdev_io_complete_aio_status(bdev_io, 0));
	expect_plain(&io, &g_plain[0]);
	free_io(&io);
	remove_disk();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),
		TEST(test_nvme),
		TEST(test_scsi),
		TEST(test_aio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
