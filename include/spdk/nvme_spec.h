/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_NVME_SPEC_H
#define SPDK_NVME_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Structures and codes of the NVMe specification that block devices need, with its own names and layout.
 */

/* Commands of the admin queue. */
enum spdk_nvme_admin_opcode {
	SPDK_NVME_OPC_DELETE_IO_SQ = 0,
	SPDK_NVME_OPC_CREATE_IO_SQ = 1,
	SPDK_NVME_OPC_GET_LOG_PAGE = 2,
	SPDK_NVME_OPC_DELETE_IO_CQ = 4,
	SPDK_NVME_OPC_CREATE_IO_CQ = 5,
	SPDK_NVME_OPC_IDENTIFY = 6,
	SPDK_NVME_OPC_ABORT = 8,
	SPDK_NVME_OPC_SET_FEATURES = 9,
	SPDK_NVME_OPC_GET_FEATURES = 10,
	SPDK_NVME_OPC_ASYNC_EVENT_REQUEST = 12,
	SPDK_NVME_OPC_NS_MANAGEMENT = 13,
	SPDK_NVME_OPC_FIRMWARE_COMMIT = 16,
	SPDK_NVME_OPC_FIRMWARE_IMAGE_DOWNLOAD = 17,
	SPDK_NVME_OPC_DEVICE_SELF_TEST = 20,
	SPDK_NVME_OPC_NS_ATTACHMENT = 21,
	SPDK_NVME_OPC_KEEP_ALIVE = 24,
	SPDK_NVME_OPC_DIRECTIVE_SEND = 25,
	SPDK_NVME_OPC_DIRECTIVE_RECEIVE = 26,
	SPDK_NVME_OPC_VIRTUALIZATION_MANAGEMENT = 28,
	SPDK_NVME_OPC_NVME_MI_SEND = 29,
	SPDK_NVME_OPC_NVME_MI_RECEIVE = 30,
	SPDK_NVME_OPC_DOORBELL_BUFFER_CONFIG = 124,
	SPDK_NVME_OPC_FORMAT_NVM = 128,
	SPDK_NVME_OPC_SECURITY_SEND = 129,
	SPDK_NVME_OPC_SECURITY_RECEIVE = 130,
	SPDK_NVME_OPC_SANITIZE = 132,
	SPDK_NVME_OPC_GET_LBA_STATUS = 134,
};

/* Status codes of SPDK_NVME_SCT_COMMAND_SPECIFIC. */
enum spdk_nvme_command_specific_status_code {
	SPDK_NVME_SC_COMPLETION_QUEUE_INVALID = 0,
	SPDK_NVME_SC_INVALID_QUEUE_IDENTIFIER = 1,
	SPDK_NVME_SC_INVALID_QUEUE_SIZE = 2,
	SPDK_NVME_SC_ABORT_COMMAND_LIMIT_EXCEEDED = 3,
	SPDK_NVME_SC_ASYNC_EVENT_REQUEST_LIMIT_EXCEEDED = 5,
	SPDK_NVME_SC_INVALID_FIRMWARE_SLOT = 6,
	SPDK_NVME_SC_INVALID_FIRMWARE_IMAGE = 7,
	SPDK_NVME_SC_INVALID_INTERRUPT_VECTOR = 8,
	SPDK_NVME_SC_INVALID_LOG_PAGE = 9,
	SPDK_NVME_SC_INVALID_FORMAT = 10,
	SPDK_NVME_SC_FIRMWARE_REQ_CONVENTIONAL_RESET = 11,
	SPDK_NVME_SC_INVALID_QUEUE_DELETION = 12,
	SPDK_NVME_SC_FEATURE_ID_NOT_SAVEABLE = 13,
	SPDK_NVME_SC_FEATURE_NOT_CHANGEABLE = 14,
	SPDK_NVME_SC_FEATURE_NOT_NAMESPACE_SPECIFIC = 15,
	SPDK_NVME_SC_FIRMWARE_REQ_NVM_RESET = 16,
	SPDK_NVME_SC_FIRMWARE_REQ_RESET = 17,
	SPDK_NVME_SC_FIRMWARE_REQ_MAX_TIME_VIOLATION = 18,
	SPDK_NVME_SC_FIRMWARE_ACTIVATION_PROHIBITED = 19,
	SPDK_NVME_SC_OVERLAPPING_RANGE = 20,
	SPDK_NVME_SC_NAMESPACE_INSUFFICIENT_CAPACITY = 21,
	SPDK_NVME_SC_NAMESPACE_ID_UNAVAILABLE = 22,
	SPDK_NVME_SC_NAMESPACE_ALREADY_ATTACHED = 24,
	SPDK_NVME_SC_NAMESPACE_IS_PRIVATE = 25,
	SPDK_NVME_SC_NAMESPACE_NOT_ATTACHED = 26,
	SPDK_NVME_SC_THINPROVISIONING_NOT_SUPPORTED = 27,
	SPDK_NVME_SC_CONTROLLER_LIST_INVALID = 28,
	SPDK_NVME_SC_DEVICE_SELF_TEST_IN_PROGRESS = 29,
	SPDK_NVME_SC_BOOT_PARTITION_WRITE_PROHIBITED = 30,
	SPDK_NVME_SC_INVALID_CTRLR_ID = 31,
	SPDK_NVME_SC_INVALID_SECONDARY_CTRLR_STATE = 32,
	SPDK_NVME_SC_INVALID_NUM_CTRLR_RESOURCES = 33,
	SPDK_NVME_SC_INVALID_RESOURCE_ID = 34,
	SPDK_NVME_SC_SANITIZE_PROHIBITED = 35,
	SPDK_NVME_SC_ANA_GROUP_IDENTIFIER_INVALID = 36,
	SPDK_NVME_SC_ANA_ATTACH_FAILED = 37,
	SPDK_NVME_SC_INSUFFICIENT_CAPACITY = 38,
	SPDK_NVME_SC_NAMESPACE_ATTACH_LIMIT_EXCEEDED = 39,
	SPDK_NVME_SC_PROHIBIT_CMD_EXEC_NOT_SUPPORTED = 40,
	SPDK_NVME_SC_IOCS_NOT_SUPPORTED = 41,
	SPDK_NVME_SC_IOCS_NOT_ENABLED = 42,
	SPDK_NVME_SC_IOCS_COMBINATION_REJECTED = 43,
	SPDK_NVME_SC_INVALID_IOCS = 44,
	SPDK_NVME_SC_IDENTIFIER_UNAVAILABLE = 45,
	SPDK_NVME_SC_STREAM_RESOURCE_ALLOCATION_FAILED = 127,
	SPDK_NVME_SC_CONFLICTING_ATTRIBUTES = 128,
	SPDK_NVME_SC_INVALID_PROTECTION_INFO = 129,
	SPDK_NVME_SC_ATTEMPTED_WRITE_TO_RO_RANGE = 130,
	SPDK_NVME_SC_CMD_SIZE_LIMIT_SIZE_EXCEEDED = 131,
	SPDK_NVME_SC_ZONED_BOUNDARY_ERROR = 184,
	SPDK_NVME_SC_ZONE_IS_FULL = 185,
	SPDK_NVME_SC_ZONE_IS_READ_ONLY = 186,
	SPDK_NVME_SC_ZONE_IS_OFFLINE = 187,
	SPDK_NVME_SC_ZONE_INVALID_WRITE = 188,
	SPDK_NVME_SC_TOO_MANY_ACTIVE_ZONES = 189,
	SPDK_NVME_SC_TOO_MANY_OPEN_ZONES = 190,
	SPDK_NVME_SC_INVALID_ZONE_STATE_TRANSITION = 191,
};

/* Status codes of SPDK_NVME_SCT_GENERIC. */
enum spdk_nvme_generic_command_status_code {
	SPDK_NVME_SC_SUCCESS = 0,
	SPDK_NVME_SC_INVALID_OPCODE = 1,
	SPDK_NVME_SC_INVALID_FIELD = 2,
	SPDK_NVME_SC_COMMAND_ID_CONFLICT = 3,
	SPDK_NVME_SC_DATA_TRANSFER_ERROR = 4,
	SPDK_NVME_SC_ABORTED_POWER_LOSS = 5,
	SPDK_NVME_SC_INTERNAL_DEVICE_ERROR = 6,
	SPDK_NVME_SC_ABORTED_BY_REQUEST = 7,
	SPDK_NVME_SC_ABORTED_SQ_DELETION = 8,
	SPDK_NVME_SC_ABORTED_FAILED_FUSED = 9,
	SPDK_NVME_SC_ABORTED_MISSING_FUSED = 10,
	SPDK_NVME_SC_INVALID_NAMESPACE_OR_FORMAT = 11,
	SPDK_NVME_SC_COMMAND_SEQUENCE_ERROR = 12,
	SPDK_NVME_SC_INVALID_SGL_SEG_DESCRIPTOR = 13,
	SPDK_NVME_SC_INVALID_NUM_SGL_DESCIRPTORS = 14,
	SPDK_NVME_SC_DATA_SGL_LENGTH_INVALID = 15,
	SPDK_NVME_SC_METADATA_SGL_LENGTH_INVALID = 16,
	SPDK_NVME_SC_SGL_DESCRIPTOR_TYPE_INVALID = 17,
	SPDK_NVME_SC_INVALID_CONTROLLER_MEM_BUF = 18,
	SPDK_NVME_SC_INVALID_PRP_OFFSET = 19,
	SPDK_NVME_SC_ATOMIC_WRITE_UNIT_EXCEEDED = 20,
	SPDK_NVME_SC_OPERATION_DENIED = 21,
	SPDK_NVME_SC_INVALID_SGL_OFFSET = 22,
	SPDK_NVME_SC_HOSTID_INCONSISTENT_FORMAT = 24,
	SPDK_NVME_SC_KEEP_ALIVE_EXPIRED = 25,
	SPDK_NVME_SC_KEEP_ALIVE_INVALID = 26,
	SPDK_NVME_SC_ABORTED_PREEMPT = 27,
	SPDK_NVME_SC_SANITIZE_FAILED = 28,
	SPDK_NVME_SC_SANITIZE_IN_PROGRESS = 29,
	SPDK_NVME_SC_SGL_DATA_BLOCK_GRANULARITY_INVALID = 30,
	SPDK_NVME_SC_COMMAND_INVALID_IN_CMB = 31,
	SPDK_NVME_SC_COMMAND_NAMESPACE_IS_PROTECTED = 32,
	SPDK_NVME_SC_COMMAND_INTERRUPTED = 33,
	SPDK_NVME_SC_COMMAND_TRANSIENT_TRANSPORT_ERROR = 34,
	SPDK_NVME_SC_COMMAND_PROHIBITED_BY_LOCKDOWN = 35,
	SPDK_NVME_SC_ADMIN_COMMAND_MEDIA_NOT_READY = 36,
	SPDK_NVME_SC_FDP_DISABLED = 41,
	SPDK_NVME_SC_INVALID_PLACEMENT_HANDLE_LIST = 42,
	SPDK_NVME_SC_LBA_OUT_OF_RANGE = 128,
	SPDK_NVME_SC_CAPACITY_EXCEEDED = 129,
	SPDK_NVME_SC_NAMESPACE_NOT_READY = 130,
	SPDK_NVME_SC_RESERVATION_CONFLICT = 131,
	SPDK_NVME_SC_FORMAT_IN_PROGRESS = 132,
	SPDK_NVME_SC_INVALID_VALUE_SIZE = 133,
	SPDK_NVME_SC_INVALID_KEY_SIZE = 134,
	SPDK_NVME_SC_KV_KEY_DOES_NOT_EXIST = 135,
	SPDK_NVME_SC_UNRECOVERED_ERROR = 136,
	SPDK_NVME_SC_KEY_EXISTS = 137,
};

/* What an identify command asks for. */
enum spdk_nvme_identify_cns {
	SPDK_NVME_IDENTIFY_NS = 0,
	SPDK_NVME_IDENTIFY_CTRLR = 1,
	SPDK_NVME_IDENTIFY_ACTIVE_NS_LIST = 2,
	SPDK_NVME_IDENTIFY_NS_ID_DESCRIPTOR_LIST = 3,
	SPDK_NVME_IDENTIFY_NS_IOCS = 5,
	SPDK_NVME_IDENTIFY_CTRLR_IOCS = 6,
	SPDK_NVME_IDENTIFY_ACTIVE_NS_LIST_IOCS = 7,
	SPDK_NVME_IDENTIFY_ALLOCATED_NS_LIST = 16,
	SPDK_NVME_IDENTIFY_NS_ALLOCATED = 17,
	SPDK_NVME_IDENTIFY_NS_ATTACHED_CTRLR_LIST = 18,
	SPDK_NVME_IDENTIFY_CTRLR_LIST = 19,
	SPDK_NVME_IDENTIFY_PRIMARY_CTRLR_CAP = 20,
	SPDK_NVME_IDENTIFY_SECONDARY_CTRLR_LIST = 21,
	SPDK_NVME_IDENTIFY_ALLOCATED_NS_LIST_IOCS = 26,
	SPDK_NVME_IDENTIFY_NS_ALLOCATED_IOCS = 27,
	SPDK_NVME_IDENTIFY_IOCS = 28,
};

/* Status codes of SPDK_NVME_SCT_MEDIA_ERROR. */
enum spdk_nvme_media_error_status_code {
	SPDK_NVME_SC_WRITE_FAULTS = 128,
	SPDK_NVME_SC_UNRECOVERED_READ_ERROR = 129,
	SPDK_NVME_SC_GUARD_CHECK_ERROR = 130,
	SPDK_NVME_SC_APPLICATION_TAG_CHECK_ERROR = 131,
	SPDK_NVME_SC_REFERENCE_TAG_CHECK_ERROR = 132,
	SPDK_NVME_SC_COMPARE_FAILURE = 133,
	SPDK_NVME_SC_ACCESS_DENIED = 134,
	SPDK_NVME_SC_DEALLOCATED_OR_UNWRITTEN_BLOCK = 135,
	SPDK_NVME_SC_END_TO_END_STORAGE_TAG_CHECK_ERROR = 136,
};

/* Commands of I/O queues. */
enum spdk_nvme_nvm_opcode {
	SPDK_NVME_OPC_FLUSH = 0,
	SPDK_NVME_OPC_WRITE = 1,
	SPDK_NVME_OPC_READ = 2,
	SPDK_NVME_OPC_WRITE_UNCORRECTABLE = 4,
	SPDK_NVME_OPC_COMPARE = 5,
	SPDK_NVME_OPC_WRITE_ZEROES = 8,
	SPDK_NVME_OPC_DATASET_MANAGEMENT = 9,
	SPDK_NVME_OPC_VERIFY = 12,
	SPDK_NVME_OPC_RESERVATION_REGISTER = 13,
	SPDK_NVME_OPC_RESERVATION_REPORT = 14,
	SPDK_NVME_OPC_RESERVATION_ACQUIRE = 17,
	SPDK_NVME_OPC_IO_MANAGEMENT_RECEIVE = 18,
	SPDK_NVME_OPC_RESERVATION_RELEASE = 21,
	SPDK_NVME_OPC_COPY = 25,
	SPDK_NVME_OPC_IO_MANAGEMENT_SEND = 29,
};

/* Status codes of SPDK_NVME_SCT_PATH. */
enum spdk_nvme_path_status_code {
	SPDK_NVME_SC_INTERNAL_PATH_ERROR = 0,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_PERSISTENT_LOSS = 1,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_INACCESSIBLE = 2,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_TRANSITION = 3,
	SPDK_NVME_SC_CONTROLLER_PATH_ERROR = 96,
	SPDK_NVME_SC_HOST_PATH_ERROR = 112,
	SPDK_NVME_SC_ABORTED_BY_HOST = 113,
};

/* Which of the sets of status codes. */
enum spdk_nvme_status_code_type {
	SPDK_NVME_SCT_GENERIC = 0,
	SPDK_NVME_SCT_COMMAND_SPECIFIC = 1,
	SPDK_NVME_SCT_MEDIA_ERROR = 2,
	SPDK_NVME_SCT_PATH = 3,
	SPDK_NVME_SCT_VENDOR_SPECIFIC = 7,
};

/* Controller attributes. */
union spdk_nvme_cdata_ctratt {
	uint32_t raw;
	struct {
		uint32_t host_id_exhid_supported : 1;
		uint32_t non_operational_power_state_permissive_mode : 1;
		uint32_t nvm_sets : 1;
		uint32_t read_recovery_levels : 1;
		uint32_t endurance_groups : 1;
		uint32_t predictable_latency_mode : 1;
		uint32_t tbkas : 1;
		uint32_t namespace_granularity : 1;
		uint32_t sq_associations : 1;
		uint32_t uuid_list : 1;
		uint32_t mds : 1;
		uint32_t fixed_capacity_management : 1;
		uint32_t variable_capacity_management : 1;
		uint32_t delete_endurance_group : 1;
		uint32_t delete_nvm_set : 1;
		uint32_t elbas : 1;
		uint32_t reserved1 : 3;
		uint32_t fdps : 1;
		uint32_t reserved2 : 12;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cdata_ctratt) == 4, "wire format");

/* Fused operations that are supported. */
struct spdk_nvme_cdata_fuses {
	uint16_t compare_and_write : 1;
	uint16_t reserved : 15;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_fuses) == 2, "wire format");

/* Identify data of controllers behind a fabric. */
struct spdk_nvme_cdata_nvmf_specific {
	uint32_t ioccsz;
	uint32_t iorcsz;
	uint16_t icdoff;
	struct {
		uint8_t ctrlr_model : 1;
		uint8_t reserved : 7;
	} ctrattr;
	uint8_t msdbd;
	struct {
		uint16_t disconnect : 1;
		uint16_t reserved : 15;
	} ofcs;
	uint8_t reserved[242];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_nvmf_specific) == 256, "wire format");

/* Optional admin commands that are supported. */
struct spdk_nvme_cdata_oacs {
	uint16_t security : 1;
	uint16_t format : 1;
	uint16_t firmware : 1;
	uint16_t ns_manage : 1;
	uint16_t device_self_test : 1;
	uint16_t directives : 1;
	uint16_t nvme_mi : 1;
	uint16_t virtualization_management : 1;
	uint16_t doorbell_buffer_config : 1;
	uint16_t get_lba_status : 1;
	uint16_t command_feature_lockdown : 1;
	uint16_t oacs_rsvd : 5;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oacs) == 2, "wire format");

/* Optional asynchronous events that are supported. */
struct spdk_nvme_cdata_oaes {
	uint32_t reserved1 : 8;
	uint32_t ns_attribute_notices : 1;
	uint32_t fw_activation_notices : 1;
	uint32_t reserved2 : 1;
	uint32_t ana_change_notices : 1;
	uint32_t pleal_change_notices : 1;
	uint32_t lba_sia_notices : 1;
	uint32_t egealp_change_notices : 1;
	uint32_t nnvm_sse : 1;
	uint32_t reserved3 : 11;
	uint32_t zdes_change_notices : 1;
	uint32_t reserved4 : 3;
	uint32_t discovery_log_change_notices : 1;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oaes) == 4, "wire format");

/* Optional I/O commands that are supported. */
struct spdk_nvme_cdata_oncs {
	uint16_t compare : 1;
	uint16_t write_unc : 1;
	uint16_t dsm : 1;
	uint16_t write_zeroes : 1;
	uint16_t set_features_save : 1;
	uint16_t reservations : 1;
	uint16_t timestamp : 1;
	uint16_t verify : 1;
	uint16_t copy : 1;
	uint16_t reserved9 : 7;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oncs) == 2, "wire format");

/* What scatter-gather lists may hold. */
struct spdk_nvme_cdata_sgls {
	uint32_t supported : 2;
	uint32_t keyed_sgl : 1;
	uint32_t reserved1 : 13;
	uint32_t bit_bucket_descriptor : 1;
	uint32_t metadata_pointer : 1;
	uint32_t oversized_sgl : 1;
	uint32_t metadata_address : 1;
	uint32_t sgl_offset : 1;
	uint32_t transport_sgl : 1;
	uint32_t reserved2 : 10;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_sgls) == 4, "wire format");

/* Command dword 10, by command. */
union spdk_nvme_cmd_cdw10 {
	uint32_t raw;
	struct {
		uint32_t cns : 8;
		uint32_t reserved : 8;
		uint32_t cntid : 16;
	} identify;
	struct {
		uint32_t lid : 8;
		uint32_t lsp : 7;
		uint32_t rae : 1;
		uint32_t numdl : 16;
	} get_log_page;
	struct {
		uint32_t sqid : 16;
		uint32_t cid : 16;
	} abort;
	struct {
		uint32_t nssf : 8;
		uint32_t spsp0 : 8;
		uint32_t spsp1 : 8;
		uint32_t secp : 8;
	} sec_send_recv;
	struct {
		uint32_t qid : 16;
		uint32_t qsize : 16;
	} create_io_q;
	struct {
		uint32_t qid : 16;
		uint32_t reserved : 16;
	} delete_io_q;
	struct {
		uint32_t fid : 8;
		uint32_t sel : 3;
		uint32_t reserved : 21;
	} get_features;
	struct {
		uint32_t fid : 8;
		uint32_t reserved : 23;
		uint32_t sv : 1;
	} set_features;
	struct {
		uint32_t sel : 4;
		uint32_t reserved : 28;
	} ns_attach;
	struct {
		uint32_t sel : 4;
		uint32_t reserved : 28;
	} ns_manage;
	struct {
		uint32_t nr : 8;
		uint32_t reserved : 24;
	} dsm;
	struct {
		uint32_t rrega : 3;
		uint32_t iekey : 1;
		uint32_t reserved : 26;
		uint32_t cptpl : 2;
	} resv_register;
	struct {
		uint32_t rrela : 3;
		uint32_t iekey : 1;
		uint32_t reserved1 : 4;
		uint32_t rtype : 8;
		uint32_t reserved2 : 16;
	} resv_release;
	struct {
		uint32_t racqa : 3;
		uint32_t iekey : 1;
		uint32_t reserved1 : 4;
		uint32_t rtype : 8;
		uint32_t reserved2 : 16;
	} resv_acquire;
	struct {
		uint32_t mo : 8;
		uint32_t reserved : 8;
		uint32_t mos : 16;
	} mgmt_send_recv;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw10) == 4, "wire format");

/* Values of features, as set and get features carry them. */
union spdk_nvme_feat_arbitration {
	uint32_t raw;
	struct {
		uint32_t ab : 3;
		uint32_t reserved : 5;
		uint32_t lpw : 8;
		uint32_t mpw : 8;
		uint32_t hpw : 8;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_arbitration) == 4, "wire format");

union spdk_nvme_critical_warning_state {
	uint8_t raw;
	struct {
		uint8_t available_spare : 1;
		uint8_t temperature : 1;
		uint8_t device_reliability : 1;
		uint8_t read_only : 1;
		uint8_t volatile_memory_backup : 1;
		uint8_t reserved : 3;
	} bits;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_critical_warning_state) == 1, "wire format");

union spdk_nvme_feat_async_event_configuration {
	uint32_t raw;
	struct {
		union spdk_nvme_critical_warning_state crit_warn;
		uint8_t ns_attr_notice : 1;
		uint8_t fw_activation_notice : 1;
		uint8_t telemetry_log_notice : 1;
		uint8_t ana_change_notice : 1;
		uint8_t reserved1 : 4;
		uint16_t reserved2 : 15;
		uint16_t discovery_log_change_notice : 1;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_async_event_configuration) == 4, "wire format");

union spdk_nvme_feat_error_recovery {
	uint32_t raw;
	struct {
		uint32_t tler : 16;
		uint32_t dulbe : 1;
		uint32_t reserved : 15;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_error_recovery) == 4, "wire format");

union spdk_nvme_feat_fdp_cdw11 {
	uint32_t raw;
	struct {
		uint32_t endgid : 16;
		uint32_t reserved : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_cdw11) == 4, "wire format");

union spdk_nvme_feat_fdp_events_cdw11 {
	uint32_t raw;
	struct {
		uint32_t phndl : 16;
		uint32_t noet : 8;
		uint32_t reserved : 8;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_events_cdw11) == 4, "wire format");

union spdk_nvme_feat_host_identifier {
	uint32_t raw;
	struct {
		uint32_t exhid : 1;
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_host_identifier) == 4, "wire format");

union spdk_nvme_feat_interrupt_coalescing {
	uint32_t raw;
	struct {
		uint32_t thr : 8;
		uint32_t time : 8;
		uint32_t reserved : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_interrupt_coalescing) == 4, "wire format");

union spdk_nvme_feat_interrupt_vector_configuration {
	uint32_t raw;
	struct {
		uint32_t iv : 16;
		uint32_t cd : 1;
		uint32_t reserved : 15;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_interrupt_vector_configuration) == 4, "wire format");

union spdk_nvme_feat_keep_alive_timer {
	uint32_t raw;
	struct {
		uint32_t kato : 32;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_keep_alive_timer) == 4, "wire format");

union spdk_nvme_feat_lba_range_type {
	uint32_t raw;
	struct {
		uint32_t num : 6;
		uint32_t reserved : 26;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_lba_range_type) == 4, "wire format");

union spdk_nvme_feat_number_of_queues {
	uint32_t raw;
	struct {
		uint32_t nsqr : 16;
		uint32_t ncqr : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_number_of_queues) == 4, "wire format");

union spdk_nvme_feat_power_management {
	uint32_t raw;
	struct {
		uint32_t ps : 5;
		uint32_t wh : 3;
		uint32_t reserved : 24;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_power_management) == 4, "wire format");

union spdk_nvme_feat_reservation_notification_mask {
	uint32_t raw;
	struct {
		uint32_t reserved1 : 1;
		uint32_t regpre : 1;
		uint32_t resrel : 1;
		uint32_t respre : 1;
		uint32_t reserved2 : 28;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_reservation_notification_mask) == 4, "wire format");

union spdk_nvme_feat_reservation_persistence {
	uint32_t raw;
	struct {
		uint32_t ptpl : 1;
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_reservation_persistence) == 4, "wire format");

union spdk_nvme_feat_temperature_threshold {
	uint32_t raw;
	struct {
		uint32_t tmpth : 16;
		uint32_t tmpsel : 4;
		uint32_t thsel : 2;
		uint32_t reserved : 10;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_temperature_threshold) == 4, "wire format");

union spdk_nvme_feat_volatile_write_cache {
	uint32_t raw;
	struct {
		uint32_t wce : 1;
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_volatile_write_cache) == 4, "wire format");

union spdk_nvme_feat_write_atomicity {
	uint32_t raw;
	struct {
		uint32_t dn : 1;
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_write_atomicity) == 4, "wire format");

/* Command dword 11, by command. */
union spdk_nvme_cmd_cdw11 {
	uint32_t raw;
	struct {
		uint32_t nvmsetid : 16;
		uint32_t reserved : 8;
		uint32_t csi : 8;
	} identify;
	struct {
		uint32_t pc : 1;
		uint32_t qprio : 2;
		uint32_t reserved : 13;
		uint32_t cqid : 16;
	} create_io_sq;
	struct {
		uint32_t pc : 1;
		uint32_t ien : 1;
		uint32_t reserved : 14;
		uint32_t iv : 16;
	} create_io_cq;
	struct {
		uint32_t doper : 8;
		uint32_t dtype : 8;
		uint32_t dspec : 16;
	} directive;
	struct {
		uint32_t numdu : 16;
		uint32_t lsid : 16;
	} get_log_page;
	struct {
		uint32_t eds : 1;
		uint32_t reserved : 31;
	} resv_report;
	union spdk_nvme_feat_arbitration feat_arbitration;
	union spdk_nvme_feat_power_management feat_power_management;
	union spdk_nvme_feat_lba_range_type feat_lba_range_type;
	union spdk_nvme_feat_temperature_threshold feat_temp_threshold;
	union spdk_nvme_feat_error_recovery feat_error_recovery;
	union spdk_nvme_feat_volatile_write_cache feat_volatile_write_cache;
	union spdk_nvme_feat_number_of_queues feat_num_of_queues;
	union spdk_nvme_feat_interrupt_coalescing feat_interrupt_coalescing;
	union spdk_nvme_feat_interrupt_vector_configuration feat_interrupt_vector_configuration;
	union spdk_nvme_feat_write_atomicity feat_write_atomicity;
	union spdk_nvme_feat_async_event_configuration feat_async_event_cfg;
	union spdk_nvme_feat_keep_alive_timer feat_keep_alive_timer;
	union spdk_nvme_feat_host_identifier feat_host_identifier;
	union spdk_nvme_feat_reservation_notification_mask feat_rsv_notification_mask;
	union spdk_nvme_feat_reservation_persistence feat_rsv_persistence;
	union spdk_nvme_feat_fdp_cdw11 feat_fdp_cdw11;
	union spdk_nvme_feat_fdp_events_cdw11 feat_fdp_events_cdw11;
	struct {
		uint32_t idr : 1;
		uint32_t idw : 1;
		uint32_t ad : 1;
		uint32_t reserved : 29;
	} dsm;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw11) == 4, "wire format");

union spdk_nvme_feat_fdp_cdw12 {
	uint32_t raw;
	struct {
		uint32_t fdpe : 1;
		uint32_t reserved1 : 7;
		uint32_t fdpci : 8;
		uint32_t reserved2 : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_cdw12) == 4, "wire format");

union spdk_nvme_feat_fdp_events_cdw12 {
	uint32_t raw;
	struct {
		uint32_t fdpee : 1;
		uint32_t reserved1 : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_events_cdw12) == 4, "wire format");

/* Command dword 12, by command. */
union spdk_nvme_cmd_cdw12 {
	uint32_t raw;
	struct {
		uint32_t nlb : 16;
		uint32_t reserved : 4;
		uint32_t dtype : 4;
		uint32_t stc : 1;
		uint32_t reserved2 : 1;
		uint32_t prchk : 3;
		uint32_t pract : 1;
		uint32_t fua : 1;
		uint32_t lr : 1;
	} write;
	struct {
		uint32_t nr : 8;
		uint32_t df : 4;
		uint32_t prinfor : 4;
		uint32_t reserved : 4;
		uint32_t dtype : 4;
		uint32_t stcw : 1;
		uint32_t reserved2 : 1;
		uint32_t prinfow : 4;
		uint32_t fua : 1;
		uint32_t lr : 1;
	} copy;
	struct {
		uint32_t nlb : 16;
		uint32_t reserved : 8;
		uint32_t stc : 1;
		uint32_t deac : 1;
		uint32_t prchk : 3;
		uint32_t pract : 1;
		uint32_t fua : 1;
		uint32_t lr : 1;
	} write_zeroes;
	union spdk_nvme_feat_fdp_cdw12 feat_fdp_cdw12;
	union spdk_nvme_feat_fdp_events_cdw12 feat_fdp_events_cdw12;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw12) == 4, "wire format");

/* Command dword 13, by command. */
union spdk_nvme_cmd_cdw13 {
	uint32_t raw;
	struct {
		uint32_t dsm : 8;
		uint32_t reserved : 8;
		uint32_t dspec : 16;
	} write;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw13) == 4, "wire format");

/* One entry of a scatter-gather list. */
struct spdk_nvme_sgl_descriptor {
	uint64_t address;
	union {
		struct {
			uint8_t reserved[7];
			uint8_t subtype : 4;
			uint8_t type : 4;
		} generic;
		struct {
			uint32_t length;
			uint8_t reserved[3];
			uint8_t subtype : 4;
			uint8_t type : 4;
		} unkeyed;
		struct {
			uint64_t length : 24;
			uint64_t key : 32;
			uint64_t subtype : 4;
			uint64_t type : 4;
		} keyed;
	};
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_sgl_descriptor) == 16, "wire format");

/* Entry of a submission queue. */
struct spdk_nvme_cmd {
	uint16_t opc : 8;
	uint16_t fuse : 2;
	uint16_t rsvd1 : 4;
	uint16_t psdt : 2;
	uint16_t cid;
	uint32_t nsid;
	uint32_t rsvd2;
	uint32_t rsvd3;
	uint64_t mptr;
	union {
		struct {
			uint64_t prp1;
			uint64_t prp2;
		} prp;
		struct spdk_nvme_sgl_descriptor sgl1;
	} dptr;
	union {
		uint32_t cdw10;
		union spdk_nvme_cmd_cdw10 cdw10_bits;
	};
	union {
		uint32_t cdw11;
		union spdk_nvme_cmd_cdw11 cdw11_bits;
	};
	union {
		uint32_t cdw12;
		union spdk_nvme_cmd_cdw12 cdw12_bits;
	};
	union {
		uint32_t cdw13;
		union spdk_nvme_cmd_cdw13 cdw13_bits;
	};
	uint32_t cdw14;
	uint32_t cdw15;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cmd) == 64, "wire format");

/* How a command ended. */
struct spdk_nvme_status {
	uint16_t p : 1;
	uint16_t sc : 8;
	uint16_t sct : 3;
	uint16_t crd : 2;
	uint16_t m : 1;
	uint16_t dnr : 1;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_status) == 2, "wire format");

/* Entry of a completion queue. */
struct spdk_nvme_cpl {
	uint32_t cdw0;
	uint32_t cdw1;
	uint16_t sqhd;
	uint16_t sqid;
	uint16_t cid;
	union {
		uint16_t status_raw;
		struct spdk_nvme_status status;
	};
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cpl) == 16, "wire format");

/* One of the power states of a controller. */
struct spdk_nvme_power_state {
	uint16_t mp;
	uint8_t reserved1;
	uint8_t mps : 1;
	uint8_t nops : 1;
	uint8_t reserved2 : 6;
	uint32_t enlat;
	uint32_t exlat;
	uint8_t rrt : 5;
	uint8_t reserved3 : 3;
	uint8_t rrl : 5;
	uint8_t reserved4 : 3;
	uint8_t rwt : 5;
	uint8_t reserved5 : 3;
	uint8_t rwl : 5;
	uint8_t reserved6 : 3;
	uint16_t idlp;
	uint8_t reserved7 : 6;
	uint8_t ips : 2;
	uint8_t reserved8;
	uint16_t actp;
	uint8_t apw : 3;
	uint8_t reserved9 : 3;
	uint8_t aps : 2;
	uint8_t reserved10[9];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_power_state) == 32, "wire format");

/* Version of the specification that a controller follows. */
union spdk_nvme_vs_register {
	uint32_t raw;
	struct {
		uint32_t ter : 8;
		uint32_t mnr : 8;
		uint32_t mjr : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_vs_register) == 4, "wire format");

/* Identify data of a controller. */
struct spdk_nvme_ctrlr_data {
	uint16_t vid;
	uint16_t ssvid;
	int8_t sn[20];
	int8_t mn[40];
	uint8_t fr[8];
	uint8_t rab;
	uint8_t ieee[3];
	struct {
		uint8_t multi_port : 1;
		uint8_t multi_ctrlr : 1;
		uint8_t sr_iov : 1;
		uint8_t ana_reporting : 1;
		uint8_t reserved : 4;
	} cmic;
	uint8_t mdts;
	uint16_t cntlid;
	union spdk_nvme_vs_register ver;
	uint32_t rtd3r;
	uint32_t rtd3e;
	struct spdk_nvme_cdata_oaes oaes;
	union spdk_nvme_cdata_ctratt ctratt;
	uint16_t rrls;
	uint8_t reserved_102[9];
	uint8_t cntrltype;
	uint8_t fguid[16];
	uint16_t crdt[3];
	uint8_t reserved_134[119];
	struct {
		uint8_t nvmesd : 1;
		uint8_t nvmee : 1;
		uint8_t nvmsr_rsvd : 6;
	} nvmsr;
	struct {
		uint8_t vwcr : 7;
		uint8_t vwcrv : 1;
	} vwci;
	struct {
		uint8_t smbusme : 1;
		uint8_t pcieme : 1;
		uint8_t mec_rsvd : 6;
	} mec;
	struct spdk_nvme_cdata_oacs oacs;
	uint8_t acl;
	uint8_t aerl;
	struct {
		uint8_t slot1_ro : 1;
		uint8_t num_slots : 3;
		uint8_t activation_without_reset : 1;
		uint8_t multiple_update_detection : 1;
		uint8_t frmw_rsvd : 2;
	} frmw;
	struct {
		uint8_t ns_smart : 1;
		uint8_t celp : 1;
		uint8_t edlp : 1;
		uint8_t telemetry : 1;
		uint8_t pelp : 1;
		uint8_t lplp : 1;
		uint8_t da4_telemetry : 1;
		uint8_t lpa_rsvd : 1;
	} lpa;
	uint8_t elpe;
	uint8_t npss;
	struct {
		uint8_t spec_format : 1;
		uint8_t avscc_rsvd : 7;
	} avscc;
	struct {
		uint8_t supported : 1;
		uint8_t apsta_rsvd : 7;
	} apsta;
	uint16_t wctemp;
	uint16_t cctemp;
	uint16_t mtfa;
	uint32_t hmpre;
	uint32_t hmmin;
	uint64_t tnvmcap[2];
	uint64_t unvmcap[2];
	struct {
		uint8_t num_rpmb_units : 3;
		uint8_t auth_method : 3;
		uint8_t reserved1 : 2;
		uint8_t reserved2;
		uint8_t total_size;
		uint8_t access_size;
	} rpmbs;
	uint16_t edstt;
	union {
		uint8_t raw;
		struct {
			uint8_t one_only : 1;
			uint8_t reserved : 7;
		} bits;
	} dsto;
	uint8_t fwug;
	uint16_t kas;
	union {
		uint16_t raw;
		struct {
			uint16_t supported : 1;
			uint16_t reserved : 15;
		} bits;
	} hctma;
	uint16_t mntmt;
	uint16_t mxtmt;
	union {
		uint32_t raw;
		struct {
			uint32_t crypto_erase : 1;
			uint32_t block_erase : 1;
			uint32_t overwrite : 1;
			uint32_t reserved : 29;
		} bits;
	} sanicap;
	uint32_t hmminds;
	uint16_t hmmaxd;
	uint16_t nsetidmax;
	uint16_t endgidmax;
	uint8_t anatt;
	struct {
		uint8_t ana_optimized_state : 1;
		uint8_t ana_non_optimized_state : 1;
		uint8_t ana_inaccessible_state : 1;
		uint8_t ana_persistent_loss_state : 1;
		uint8_t ana_change_state : 1;
		uint8_t reserved : 1;
		uint8_t no_change_anagrpid : 1;
		uint8_t non_zero_anagrpid : 1;
	} anacap;
	uint32_t anagrpmax;
	uint32_t nanagrpid;
	uint32_t pels;
	uint16_t domain_identifier;
	uint8_t reserved3[10];
	uint8_t megcap[16];
	uint8_t reserved384[128];
	struct {
		uint8_t min : 4;
		uint8_t max : 4;
	} sqes;
	struct {
		uint8_t min : 4;
		uint8_t max : 4;
	} cqes;
	uint16_t maxcmd;
	uint32_t nn;
	struct spdk_nvme_cdata_oncs oncs;
	struct spdk_nvme_cdata_fuses fuses;
	struct {
		uint8_t format_all_ns : 1;
		uint8_t erase_all_ns : 1;
		uint8_t crypto_erase_supported : 1;
		uint8_t reserved : 5;
	} fna;
	struct {
		uint8_t present : 1;
		uint8_t flush_broadcast : 2;
		uint8_t reserved : 5;
	} vwc;
	uint16_t awun;
	uint16_t awupf;
	uint8_t nvscc;
	uint8_t nwpc;
	uint16_t acwu;
	struct {
		uint16_t copy_format0 : 1;
		uint16_t reserved1 : 15;
	} ocfs;
	struct spdk_nvme_cdata_sgls sgls;
	uint32_t mnan;
	uint8_t maxdna[16];
	uint32_t maxcna;
	uint8_t reserved4[204];
	uint8_t subnqn[256];
	uint8_t reserved5[768];
	struct spdk_nvme_cdata_nvmf_specific nvmf_specific;
	struct spdk_nvme_power_state psd[32];
	uint8_t vs[1024];
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_ctrlr_data) == 4096, "wire format");

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NVME_SPEC_H */
