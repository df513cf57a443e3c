/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_SCSI_SPEC_H
#define SPDK_SCSI_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Codes of SCSI as SPC-4 and SAM-5 define them: those that block devices report. Which of them stands for which status
 * of NVMe says the SCSI Translation Reference of NVM Express.
 */

/* Additional sense code (SPC-4 4.5.6); some have their meaning only with the qualifier of the same name. */
enum spdk_scsi_asc {
	SPDK_SCSI_ASC_NO_ADDITIONAL_SENSE = 0,
	SPDK_SCSI_ASC_PERIPHERAL_DEVICE_WRITE_FAULT = 3,
	SPDK_SCSI_ASC_LOGICAL_UNIT_NOT_READY = 4,
	SPDK_SCSI_ASC_WARNING = 11,
	SPDK_SCSI_ASC_LOGICAL_BLOCK_GUARD_CHECK_FAILED = 16,
	SPDK_SCSI_ASC_LOGICAL_BLOCK_APP_TAG_CHECK_FAILED = 16,
	SPDK_SCSI_ASC_LOGICAL_BLOCK_REF_TAG_CHECK_FAILED = 16,
	SPDK_SCSI_ASC_UNRECOVERED_READ_ERROR = 17,
	SPDK_SCSI_ASC_MISCOMPARE_DURING_VERIFY_OPERATION = 29,
	SPDK_SCSI_ASC_INVALID_COMMAND_OPERATION_CODE = 32,
	SPDK_SCSI_ASC_ACCESS_DENIED = 32,
	SPDK_SCSI_ASC_LOGICAL_BLOCK_ADDRESS_OUT_OF_RANGE = 33,
	SPDK_SCSI_ASC_INVALID_FIELD_IN_CDB = 36,
	SPDK_SCSI_ASC_LOGICAL_UNIT_NOT_SUPPORTED = 37,
	SPDK_SCSI_ASC_WRITE_PROTECTED = 39,
	SPDK_SCSI_ASC_CAPACITY_DATA_HAS_CHANGED = 42,
	SPDK_SCSI_ASC_FORMAT_COMMAND_FAILED = 49,
	SPDK_SCSI_ASC_SAVING_PARAMETERS_NOT_SUPPORTED = 57,
	SPDK_SCSI_ASC_INTERNAL_TARGET_FAILURE = 68,
};

/* Its qualifier (SPC-4 4.5.6): the meaning depends on the code. */
enum spdk_scsi_ascq {
	SPDK_SCSI_ASCQ_CAUSE_NOT_REPORTABLE = 0,
	SPDK_SCSI_ASCQ_BECOMING_READY = 1,
	SPDK_SCSI_ASCQ_FORMAT_COMMAND_FAILED = 1,
	SPDK_SCSI_ASCQ_LOGICAL_BLOCK_GUARD_CHECK_FAILED = 1,
	SPDK_SCSI_ASCQ_LOGICAL_BLOCK_APP_TAG_CHECK_FAILED = 2,
	SPDK_SCSI_ASCQ_NO_ACCESS_RIGHTS = 2,
	SPDK_SCSI_ASCQ_LOGICAL_BLOCK_REF_TAG_CHECK_FAILED = 3,
	SPDK_SCSI_ASCQ_POWER_LOSS_EXPECTED = 8,
	SPDK_SCSI_ASCQ_INVALID_LU_IDENTIFIER = 9,
	SPDK_SCSI_ASCQ_CAPACITY_DATA_HAS_CHANGED = 9,
};

/* Sense key (SPC-4 4.5.6): what kind of fault it is. */
enum spdk_scsi_sense {
	SPDK_SCSI_SENSE_NO_SENSE = 0, /* nothing to tell */
	SPDK_SCSI_SENSE_RECOVERED_ERROR = 1, /* done, with some trouble */
	SPDK_SCSI_SENSE_NOT_READY = 2, /* not now */
	SPDK_SCSI_SENSE_MEDIUM_ERROR = 3, /* the data is bad */
	SPDK_SCSI_SENSE_HARDWARE_ERROR = 4, /* the device is broken */
	SPDK_SCSI_SENSE_ILLEGAL_REQUEST = 5, /* the command is wrong */
	SPDK_SCSI_SENSE_UNIT_ATTENTION = 6, /* something has changed */
	SPDK_SCSI_SENSE_DATA_PROTECT = 7, /* not allowed */
	SPDK_SCSI_SENSE_BLANK_CHECK = 8, /* written where it should be blank, or the other way round */
	SPDK_SCSI_SENSE_VENDOR_SPECIFIC = 9,
	SPDK_SCSI_SENSE_COPY_ABORTED = 10, /* of a copy command */
	SPDK_SCSI_SENSE_ABORTED_COMMAND = 11, /* may be tried again */
	SPDK_SCSI_SENSE_VOLUME_OVERFLOW = 13, /* beyond the end */
	SPDK_SCSI_SENSE_MISCOMPARE = 14, /* the data is another */
};

/* How a command ended (SAM-5 5.3.1). */
enum spdk_scsi_status {
	SPDK_SCSI_STATUS_GOOD = 0, /* done */
	SPDK_SCSI_STATUS_CHECK_CONDITION = 2, /* sense data tells more */
	SPDK_SCSI_STATUS_CONDITION_MET = 4, /* done, and what was asked for holds */
	SPDK_SCSI_STATUS_BUSY = 8, /* later */
	SPDK_SCSI_STATUS_INTERMEDIATE = 16, /* of linked commands, which are no more */
	SPDK_SCSI_STATUS_INTERMEDIATE_CONDITION_MET = 20, /* the same */
	SPDK_SCSI_STATUS_RESERVATION_CONFLICT = 24, /* reserved for another */
	SPDK_SCSI_STATUS_Obsolete = 34, /* no longer used */
	SPDK_SCSI_STATUS_TASK_SET_FULL = 40, /* too many commands at once */
	SPDK_SCSI_STATUS_ACA_ACTIVE = 48, /* earlier trouble is to be cleared first */
	SPDK_SCSI_STATUS_TASK_ABORTED = 64, /* another initiator has aborted it */
};

#ifdef __cplusplus
}
#endif

#endif /* SPDK_SCSI_SPEC_H */
