/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_NVME_SPEC_H
#define SPDK_NVME_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Structures and codes of the NVMe specification that block devices need, with its own names and layout. All numbers
 * are little-endian. Sections are those of the NVM Express Base Specification 2.0, with "NVM" in front of them those of
 * the NVM Command Set Specification 1.0. Fields that are reserved are zero.
 */

/* Commands of the admin queue (5). */
enum spdk_nvme_admin_opcode {
	SPDK_NVME_OPC_DELETE_IO_SQ = 0, /* 5.7 */
	SPDK_NVME_OPC_CREATE_IO_SQ = 1, /* 5.5 */
	SPDK_NVME_OPC_GET_LOG_PAGE = 2, /* 5.16 */
	SPDK_NVME_OPC_DELETE_IO_CQ = 4, /* 5.6 */
	SPDK_NVME_OPC_CREATE_IO_CQ = 5, /* 5.4 */
	SPDK_NVME_OPC_IDENTIFY = 6, /* 5.17 */
	SPDK_NVME_OPC_ABORT = 8, /* 5.1 */
	SPDK_NVME_OPC_SET_FEATURES = 9, /* 5.27 */
	SPDK_NVME_OPC_GET_FEATURES = 10, /* 5.15 */
	SPDK_NVME_OPC_ASYNC_EVENT_REQUEST = 12, /* 5.2 */
	SPDK_NVME_OPC_NS_MANAGEMENT = 13, /* 5.23 */
	SPDK_NVME_OPC_FIRMWARE_COMMIT = 16, /* 5.12 */
	SPDK_NVME_OPC_FIRMWARE_IMAGE_DOWNLOAD = 17, /* 5.13 */
	SPDK_NVME_OPC_DEVICE_SELF_TEST = 20, /* 5.8 */
	SPDK_NVME_OPC_NS_ATTACHMENT = 21, /* 5.22 */
	SPDK_NVME_OPC_KEEP_ALIVE = 24, /* 5.18 */
	SPDK_NVME_OPC_DIRECTIVE_SEND = 25, /* 5.10 */
	SPDK_NVME_OPC_DIRECTIVE_RECEIVE = 26, /* 5.9 */
	SPDK_NVME_OPC_VIRTUALIZATION_MANAGEMENT = 28, /* 5.28 */
	SPDK_NVME_OPC_NVME_MI_SEND = 29, /* 5.21 */
	SPDK_NVME_OPC_NVME_MI_RECEIVE = 30, /* 5.20 */
	SPDK_NVME_OPC_DOORBELL_BUFFER_CONFIG = 124, /* 5.11 */
	SPDK_NVME_OPC_FORMAT_NVM = 128, /* 5.14 */
	SPDK_NVME_OPC_SECURITY_SEND = 129, /* 5.26 */
	SPDK_NVME_OPC_SECURITY_RECEIVE = 130, /* 5.25 */
	SPDK_NVME_OPC_SANITIZE = 132, /* 5.24 */
	SPDK_NVME_OPC_GET_LBA_STATUS = 134, /* NVM 4.2.1 */
};

/*
 * Status codes of SPDK_NVME_SCT_COMMAND_SPECIFIC (3.3.3.2.1): by command. From 128 on they are those of command sets:
 * NVM, and from 184 on zoned namespaces.
 */
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

/* Status codes of SPDK_NVME_SCT_GENERIC (3.3.3.2.1): of any command. From 128 on they are those of the command set. */
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

/* What an identify command asks for (5.17.1). */
enum spdk_nvme_identify_cns {
	SPDK_NVME_IDENTIFY_NS = 0, /* a namespace, what all command sets share or NVM has */
	SPDK_NVME_IDENTIFY_CTRLR = 1, /* the controller */
	SPDK_NVME_IDENTIFY_ACTIVE_NS_LIST = 2, /* identifiers of the namespaces attached to it */
	SPDK_NVME_IDENTIFY_NS_ID_DESCRIPTOR_LIST = 3, /* EUI64, NGUID, UUID and command set of a namespace */
	SPDK_NVME_IDENTIFY_NS_IOCS = 5, /* what a command set adds about a namespace */
	SPDK_NVME_IDENTIFY_CTRLR_IOCS = 6, /* what a command set adds about the controller */
	SPDK_NVME_IDENTIFY_ACTIVE_NS_LIST_IOCS = 7, /* attached namespaces of one command set */
	SPDK_NVME_IDENTIFY_ALLOCATED_NS_LIST = 16, /* namespaces that exist, attached or not */
	SPDK_NVME_IDENTIFY_NS_ALLOCATED = 17, /* one of these */
	SPDK_NVME_IDENTIFY_NS_ATTACHED_CTRLR_LIST = 18, /* controllers that a namespace is attached to */
	SPDK_NVME_IDENTIFY_CTRLR_LIST = 19, /* controllers of the subsystem */
	SPDK_NVME_IDENTIFY_PRIMARY_CTRLR_CAP = 20, /* what a primary controller can give to secondary ones */
	SPDK_NVME_IDENTIFY_SECONDARY_CTRLR_LIST = 21, /* those */
	SPDK_NVME_IDENTIFY_ALLOCATED_NS_LIST_IOCS = 26, /* existing namespaces of one command set */
	SPDK_NVME_IDENTIFY_NS_ALLOCATED_IOCS = 27, /* what a command set adds about one of these */
	SPDK_NVME_IDENTIFY_IOCS = 28, /* combinations of command sets that may be enabled */
};

/* Status codes of SPDK_NVME_SCT_MEDIA_ERROR (3.3.3.2.1): media and data integrity. */
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

/* Commands of I/O queues (7, NVM 3.2). */
enum spdk_nvme_nvm_opcode {
	SPDK_NVME_OPC_FLUSH = 0, /* 7.1 */
	SPDK_NVME_OPC_WRITE = 1, /* NVM 3.2.6 */
	SPDK_NVME_OPC_READ = 2, /* NVM 3.2.4 */
	SPDK_NVME_OPC_WRITE_UNCORRECTABLE = 4, /* NVM 3.2.7 */
	SPDK_NVME_OPC_COMPARE = 5, /* NVM 3.2.1 */
	SPDK_NVME_OPC_WRITE_ZEROES = 8, /* NVM 3.2.8 */
	SPDK_NVME_OPC_DATASET_MANAGEMENT = 9, /* NVM 3.2.3: deallocates, or tells how blocks will be used */
	SPDK_NVME_OPC_VERIFY = 12, /* NVM 3.2.5: reads, but hands out nothing */
	SPDK_NVME_OPC_RESERVATION_REGISTER = 13, /* 7.3 */
	SPDK_NVME_OPC_RESERVATION_REPORT = 14, /* 7.5 */
	SPDK_NVME_OPC_RESERVATION_ACQUIRE = 17, /* 7.2 */
	SPDK_NVME_OPC_IO_MANAGEMENT_RECEIVE = 18, /* flexible data placement */
	SPDK_NVME_OPC_RESERVATION_RELEASE = 21, /* 7.4 */
	SPDK_NVME_OPC_COPY = 25, /* NVM 3.2.2 */
	SPDK_NVME_OPC_IO_MANAGEMENT_SEND = 29, /* the same */
};

/* Status codes of SPDK_NVME_SCT_PATH (3.3.3.2.1): another path may do. */
enum spdk_nvme_path_status_code {
	SPDK_NVME_SC_INTERNAL_PATH_ERROR = 0,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_PERSISTENT_LOSS = 1,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_INACCESSIBLE = 2,
	SPDK_NVME_SC_ASYMMETRIC_ACCESS_TRANSITION = 3,
	SPDK_NVME_SC_CONTROLLER_PATH_ERROR = 96,
	SPDK_NVME_SC_HOST_PATH_ERROR = 112,
	SPDK_NVME_SC_ABORTED_BY_HOST = 113,
};

/* Which of the sets of status codes (3.3.3.2.1). */
enum spdk_nvme_status_code_type {
	SPDK_NVME_SCT_GENERIC = 0, /* enum spdk_nvme_generic_command_status_code */
	SPDK_NVME_SCT_COMMAND_SPECIFIC = 1, /* enum spdk_nvme_command_specific_status_code */
	SPDK_NVME_SCT_MEDIA_ERROR = 2, /* enum spdk_nvme_media_error_status_code */
	SPDK_NVME_SCT_PATH = 3, /* enum spdk_nvme_path_status_code */
	SPDK_NVME_SCT_VENDOR_SPECIFIC = 7,
};

/* Controller attributes (5.17.2.1). */
union spdk_nvme_cdata_ctratt {
	uint32_t raw;
	struct {
		uint32_t host_id_exhid_supported : 1; /* host identifiers of 128 bits */
		uint32_t
			non_operational_power_state_permissive_mode : 1; /* background work may draw more power in such a state */
		uint32_t nvm_sets : 1; /* NVM sets */
		uint32_t read_recovery_levels : 1; /* read recovery levels */
		uint32_t endurance_groups : 1; /* endurance groups */
		uint32_t predictable_latency_mode : 1; /* predictable latency mode */
		uint32_t tbkas : 1; /* any command counts as keep alive */
		uint32_t namespace_granularity : 1; /* says how sizes of namespaces are rounded */
		uint32_t sq_associations : 1; /* queues belong to NVM sets */
		uint32_t uuid_list : 1; /* has a list of UUIDs */
		uint32_t mds : 1; /* the subsystem has several domains */
		uint32_t fixed_capacity_management : 1; /* fixed capacity management */
		uint32_t variable_capacity_management : 1; /* variable capacity management */
		uint32_t delete_endurance_group : 1; /* endurance groups can be deleted */
		uint32_t delete_nvm_set : 1; /* NVM sets can be deleted */
		uint32_t elbas : 1; /* formats with extended protection information */
		uint32_t reserved1 : 3;
		uint32_t fdps : 1; /* flexible data placement */
		uint32_t reserved2 : 12;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cdata_ctratt) == 4, "wire format");

/* Fused operations that are supported (5.17.2.1). */
struct spdk_nvme_cdata_fuses {
	uint16_t compare_and_write : 1; /* a COMPARE and a WRITE may be one */
	uint16_t reserved : 15;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_fuses) == 2, "wire format");

/* Identify data of controllers behind a fabric (5.17.2.1). */
struct spdk_nvme_cdata_nvmf_specific {
	uint32_t ioccsz; /* most bytes of a command capsule, in units of 16 */
	uint32_t iorcsz; /* most bytes of a response capsule, in units of 16 */
	uint16_t icdoff; /* where data begins in a capsule, in units of 16 bytes */
	struct {
		uint8_t ctrlr_model : 1; /* static controllers, not made for each connection */
		uint8_t reserved : 7;
	} ctrattr; /* attributes */
	uint8_t msdbd; /* most data blocks described in a capsule; 0: no limit */
	struct {
		uint16_t disconnect : 1; /* DISCONNECT */
		uint16_t reserved : 15;
	} ofcs; /* optional fabrics commands */
	uint8_t reserved[242];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_nvmf_specific) == 256, "wire format");

/* Optional admin commands that are supported (5.17.2.1). */
struct spdk_nvme_cdata_oacs {
	uint16_t security : 1; /* SECURITY SEND and RECEIVE */
	uint16_t format : 1; /* FORMAT NVM */
	uint16_t firmware : 1; /* firmware commit and download */
	uint16_t ns_manage : 1; /* namespace management and attachment */
	uint16_t device_self_test : 1; /* self-test */
	uint16_t directives : 1; /* directives */
	uint16_t nvme_mi : 1; /* NVMe-MI send and receive */
	uint16_t virtualization_management : 1; /* virtualization management */
	uint16_t doorbell_buffer_config : 1; /* doorbells in memory */
	uint16_t get_lba_status : 1; /* GET LBA STATUS */
	uint16_t command_feature_lockdown : 1; /* commands and features can be locked */
	uint16_t oacs_rsvd : 5;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oacs) == 2, "wire format");

/* Optional asynchronous events that are supported (5.17.2.1). */
struct spdk_nvme_cdata_oaes {
	uint32_t reserved1 : 8;
	uint32_t ns_attribute_notices : 1; /* a namespace has changed */
	uint32_t fw_activation_notices : 1; /* new firmware starts */
	uint32_t reserved2 : 1;
	uint32_t ana_change_notices : 1; /* access to namespaces has changed */
	uint32_t pleal_change_notices : 1; /* log of predictable latency events */
	uint32_t lba_sia_notices : 1; /* status of blocks is worth asking for */
	uint32_t egealp_change_notices : 1; /* log of endurance group events */
	uint32_t nnvm_sse : 1; /* the subsystem shuts down */
	uint32_t reserved3 : 11;
	uint32_t zdes_change_notices : 1; /* descriptors of zones have changed */
	uint32_t reserved4 : 3;
	uint32_t discovery_log_change_notices : 1; /* the discovery log has changed */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oaes) == 4, "wire format");

/* Optional I/O commands that are supported (5.17.2.1). */
struct spdk_nvme_cdata_oncs {
	uint16_t compare : 1; /* COMPARE */
	uint16_t write_unc : 1; /* WRITE UNCORRECTABLE */
	uint16_t dsm : 1; /* DATASET MANAGEMENT */
	uint16_t write_zeroes : 1; /* WRITE ZEROES */
	uint16_t set_features_save : 1; /* values of features can be saved */
	uint16_t reservations : 1; /* reservations */
	uint16_t timestamp : 1; /* the feature timestamp */
	uint16_t verify : 1; /* VERIFY */
	uint16_t copy : 1; /* COPY */
	uint16_t reserved9 : 7;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_oncs) == 2, "wire format");

/* What scatter-gather lists may hold (5.17.2.1). */
struct spdk_nvme_cdata_sgls {
	uint32_t supported : 2; /* 1: yes; 2: yes, data in units of 4 bytes */
	uint32_t keyed_sgl : 1; /* keyed data blocks */
	uint32_t reserved1 : 13;
	uint32_t bit_bucket_descriptor : 1; /* parts of what is read may be dropped */
	uint32_t metadata_pointer : 1; /* metadata may be one contiguous buffer of any alignment */
	uint32_t oversized_sgl : 1; /* a list may describe more than the command moves */
	uint32_t metadata_address : 1; /* metadata may have a list of its own */
	uint32_t sgl_offset : 1; /* addresses may be offsets into the capsule */
	uint32_t transport_sgl : 1; /* transport data blocks */
	uint32_t reserved2 : 10;
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cdata_sgls) == 4, "wire format");

/* Command dword 10, by command (3.3.3.1, and the section of the command). */
union spdk_nvme_cmd_cdw10 {
	uint32_t raw;
	struct {
		uint32_t cns : 8; /* enum spdk_nvme_identify_cns */
		uint32_t reserved : 8;
		uint32_t cntid : 16; /* controller, where cns asks about one */
	} identify;
	struct {
		uint32_t lid : 8; /* log page */
		uint32_t lsp : 7; /* specific to the page */
		uint32_t rae : 1; /* the asynchronous event stays */
		uint32_t numdl : 16; /* dwords less 1, lower half */
	} get_log_page;
	struct {
		uint32_t sqid : 16; /* submission queue of the command */
		uint32_t cid : 16; /* its command identifier */
	} abort;
	struct {
		uint32_t nssf : 8; /* specific to the protocol of NVMe */
		uint32_t spsp0 : 8; /* specific to the protocol, lower byte */
		uint32_t spsp1 : 8; /* upper byte */
		uint32_t secp : 8; /* security protocol, numbered by SPC */
	} sec_send_recv;
	struct {
		uint32_t qid : 16; /* the new queue */
		uint32_t qsize : 16; /* its entries less 1 */
	} create_io_q;
	struct {
		uint32_t qid : 16; /* the queue */
		uint32_t reserved : 16;
	} delete_io_q;
	struct {
		uint32_t fid : 8; /* feature */
		uint32_t sel : 3; /* 0 current, 1 default, 2 saved value, 3 what can be done */
		uint32_t reserved : 21;
	} get_features;
	struct {
		uint32_t fid : 8; /* feature */
		uint32_t reserved : 23;
		uint32_t sv : 1; /* save it */
	} set_features;
	struct {
		uint32_t sel : 4; /* 0 attach, 1 detach */
		uint32_t reserved : 28;
	} ns_attach;
	struct {
		uint32_t sel : 4; /* 0 create, 1 delete */
		uint32_t reserved : 28;
	} ns_manage;
	struct {
		uint32_t nr : 8; /* ranges less 1 */
		uint32_t reserved : 24;
	} dsm;
	struct {
		uint32_t rrega : 3; /* 0 register, 1 unregister, 2 replace the key */
		uint32_t iekey : 1; /* the current key is not looked at */
		uint32_t reserved : 26;
		uint32_t cptpl : 2; /* 2: forget, 3: keep at power loss; 0: as it is */
	} resv_register;
	struct {
		uint32_t rrela : 3; /* 0 release, 1 clear */
		uint32_t iekey : 1; /* as above */
		uint32_t reserved1 : 4;
		uint32_t rtype : 8; /* type of the reservation */
		uint32_t reserved2 : 16;
	} resv_release;
	struct {
		uint32_t racqa : 3; /* 0 acquire, 1 preempt, 2 preempt and abort */
		uint32_t iekey : 1; /* as above */
		uint32_t reserved1 : 4;
		uint32_t rtype : 8; /* type of the reservation */
		uint32_t reserved2 : 16;
	} resv_acquire;
	struct {
		uint32_t mo : 8; /* management operation */
		uint32_t reserved : 8;
		uint32_t mos : 16; /* specific to it */
	} mgmt_send_recv;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw10) == 4, "wire format");

/*
 * Values of features, as set and get features carry them (5.27.1; the number is that of the feature).
 */

/* 01h: turns of submission queues. */
union spdk_nvme_feat_arbitration {
	uint32_t raw;
	struct {
		uint32_t ab : 3; /* commands taken at once from a queue: power of two, 7 no limit */
		uint32_t reserved : 5;
		uint32_t lpw : 8; /* weight of low priority, less 1 */
		uint32_t mpw : 8; /* of medium */
		uint32_t hpw : 8; /* of high */
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_arbitration) == 4, "wire format");

/* Log of health (5.16.1.3). */
union spdk_nvme_critical_warning_state {
	uint8_t raw;
	struct {
		uint8_t available_spare : 1; /* few spare blocks are left */
		uint8_t temperature : 1; /* beyond a threshold */
		uint8_t device_reliability : 1; /* worn or broken */
		uint8_t read_only : 1; /* media can only be read */
		uint8_t volatile_memory_backup : 1; /* memory would be lost without power */
		uint8_t reserved : 3;
	} bits;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_critical_warning_state) == 1, "wire format");

/* 0Bh: what makes asynchronous events. */
union spdk_nvme_feat_async_event_configuration {
	uint32_t raw;
	struct {
		union spdk_nvme_critical_warning_state crit_warn; /* warnings that are events */
		uint8_t ns_attr_notice : 1; /* these and the next: see spdk_nvme_cdata_oaes */
		uint8_t fw_activation_notice : 1; /* new firmware starts */
		uint8_t telemetry_log_notice : 1; /* the controller has telemetry */
		uint8_t ana_change_notice : 1; /* access to namespaces has changed */
		uint8_t reserved1 : 4;
		uint16_t reserved2 : 15;
		uint16_t discovery_log_change_notice : 1; /* the discovery log has changed */
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_async_event_configuration) == 4, "wire format");

/* 05h: reading of bad blocks. */
union spdk_nvme_feat_error_recovery {
	uint32_t raw;
	struct {
		uint32_t tler : 16; /* time for recovery, in units of 100 ms; 0: no limit */
		uint32_t dulbe : 1; /* reading deallocated blocks is an error */
		uint32_t reserved : 15;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_error_recovery) == 4, "wire format");

/* 1Dh: flexible data placement. */
union spdk_nvme_feat_fdp_cdw11 {
	uint32_t raw;
	struct {
		uint32_t endgid : 16; /* endurance group */
		uint32_t reserved : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_cdw11) == 4, "wire format");

/* 1Eh: its events. */
union spdk_nvme_feat_fdp_events_cdw11 {
	uint32_t raw;
	struct {
		uint32_t phndl : 16; /* placement handle */
		uint32_t noet : 8; /* number of event types */
		uint32_t reserved : 8;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_events_cdw11) == 4, "wire format");

/* 81h: who the host is, to reservations. */
union spdk_nvme_feat_host_identifier {
	uint32_t raw;
	struct {
		uint32_t exhid : 1; /* 128 bits instead of 64 */
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_host_identifier) == 4, "wire format");

/* 08h: interrupts less often. */
union spdk_nvme_feat_interrupt_coalescing {
	uint32_t raw;
	struct {
		uint32_t thr : 8; /* completions for one interrupt, less 1 */
		uint32_t time : 8; /* most delay, in units of 100 us */
		uint32_t reserved : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_interrupt_coalescing) == 4, "wire format");

/* 09h: the same by vector. */
union spdk_nvme_feat_interrupt_vector_configuration {
	uint32_t raw;
	struct {
		uint32_t iv : 16; /* vector */
		uint32_t cd : 1; /* no coalescing */
		uint32_t reserved : 15;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_interrupt_vector_configuration) == 4, "wire format");

/* 0Fh: how long a silent host is taken for alive. */
union spdk_nvme_feat_keep_alive_timer {
	uint32_t raw;
	struct {
		uint32_t kato : 32; /* ms; 0: off */
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_keep_alive_timer) == 4, "wire format");

/* 03h: what blocks are used for. */
union spdk_nvme_feat_lba_range_type {
	uint32_t raw;
	struct {
		uint32_t num : 6; /* ranges less 1 */
		uint32_t reserved : 26;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_lba_range_type) == 4, "wire format");

/* 07h: I/O queues. */
union spdk_nvme_feat_number_of_queues {
	uint32_t raw;
	struct {
		uint32_t nsqr : 16; /* submission queues less 1 */
		uint32_t ncqr : 16; /* completion queues less 1 */
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_number_of_queues) == 4, "wire format");

/* 02h: power state. */
union spdk_nvme_feat_power_management {
	uint32_t raw;
	struct {
		uint32_t ps : 5; /* power state */
		uint32_t wh : 3; /* workload hint */
		uint32_t reserved : 24;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_power_management) == 4, "wire format");

/* 82h: notices about reservations. */
union spdk_nvme_feat_reservation_notification_mask {
	uint32_t raw;
	struct {
		uint32_t reserved1 : 1;
		uint32_t regpre : 1; /* no notice of a registration that was preempted */
		uint32_t resrel : 1; /* of a reservation that was released */
		uint32_t respre : 1; /* of a reservation that was preempted */
		uint32_t reserved2 : 28;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_reservation_notification_mask) == 4, "wire format");

/* 83h: what becomes of reservations. */
union spdk_nvme_feat_reservation_persistence {
	uint32_t raw;
	struct {
		uint32_t ptpl : 1; /* reservations survive power loss */
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_reservation_persistence) == 4, "wire format");

/* 04h: temperature that makes an event. */
union spdk_nvme_feat_temperature_threshold {
	uint32_t raw;
	struct {
		uint32_t tmpth : 16; /* kelvin */
		uint32_t tmpsel : 4; /* 0: composite, else a sensor */
		uint32_t thsel : 2; /* 0: too hot, 1: too cold */
		uint32_t reserved : 10;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_temperature_threshold) == 4, "wire format");

/* 06h: the cache. */
union spdk_nvme_feat_volatile_write_cache {
	uint32_t raw;
	struct {
		uint32_t wce : 1; /* enabled */
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_volatile_write_cache) == 4, "wire format");

/* 0Ah: what is written as a whole. */
union spdk_nvme_feat_write_atomicity {
	uint32_t raw;
	struct {
		uint32_t dn : 1; /* only the unit for power loss counts */
		uint32_t reserved : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_write_atomicity) == 4, "wire format");

/* Command dword 11, by command (the same). */
union spdk_nvme_cmd_cdw11 {
	uint32_t raw;
	struct {
		uint32_t nvmsetid : 16; /* NVM set, or what else cns asks for */
		uint32_t reserved : 8;
		uint32_t csi : 8; /* command set */
	} identify;
	struct {
		uint32_t pc : 1; /* physically contiguous */
		uint32_t qprio : 2; /* 0 urgent, 1 high, 2 medium, 3 low */
		uint32_t reserved : 13;
		uint32_t cqid : 16; /* its completion queue */
	} create_io_sq;
	struct {
		uint32_t pc : 1; /* physically contiguous */
		uint32_t ien : 1; /* with interrupts */
		uint32_t reserved : 14;
		uint32_t iv : 16; /* interrupt vector */
	} create_io_cq;
	struct {
		uint32_t doper : 8; /* operation */
		uint32_t dtype : 8; /* type */
		uint32_t dspec : 16; /* specific to the type */
	} directive;
	struct {
		uint32_t numdu : 16; /* dwords less 1, upper half */
		uint32_t lsid : 16; /* specific to the page */
	} get_log_page;
	struct {
		uint32_t eds : 1; /* extended form, with host identifiers of 128 bits */
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
		uint32_t idr : 1; /* the ranges will be read as a whole */
		uint32_t idw : 1; /* will be written as a whole */
		uint32_t ad : 1; /* deallocate them */
		uint32_t reserved : 29;
	} dsm;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw11) == 4, "wire format");

/* 1Dh, second dword. */
union spdk_nvme_feat_fdp_cdw12 {
	uint32_t raw;
	struct {
		uint32_t fdpe : 1; /* enabled */
		uint32_t reserved1 : 7;
		uint32_t fdpci : 8; /* configuration */
		uint32_t reserved2 : 16;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_cdw12) == 4, "wire format");

/* 1Eh, second dword. */
union spdk_nvme_feat_fdp_events_cdw12 {
	uint32_t raw;
	struct {
		uint32_t fdpee : 1; /* enabled */
		uint32_t reserved1 : 31;
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_feat_fdp_events_cdw12) == 4, "wire format");

/* Command dword 12, by command (the same). */
union spdk_nvme_cmd_cdw12 {
	uint32_t raw;
	struct {
		uint32_t nlb : 16; /* blocks less 1 */
		uint32_t reserved : 4;
		uint32_t dtype : 4; /* directive */
		uint32_t stc : 1; /* check the storage tag */
		uint32_t reserved2 : 1;
		uint32_t prchk : 3; /* check of guard (4), application tag (2), reference tag (1) */
		uint32_t pract : 1; /* the controller adds or takes off the protection information */
		uint32_t fua : 1; /* on the media before it completes */
		uint32_t lr : 1; /* need not try as hard as it can */
	} write;
	struct {
		uint32_t nr : 8; /* source ranges less 1 */
		uint32_t df : 4; /* form of the source ranges */
		uint32_t prinfor : 4; /* prchk and pract of the read */
		uint32_t reserved : 4;
		uint32_t dtype : 4; /* directive */
		uint32_t stcw : 1; /* check the storage tag of the write */
		uint32_t reserved2 : 1;
		uint32_t prinfow : 4; /* prchk and pract of the write */
		uint32_t fua : 1; /* as above */
		uint32_t lr : 1; /* as above */
	} copy;
	struct {
		uint32_t nlb : 16; /* blocks less 1 */
		uint32_t reserved : 8;
		uint32_t stc : 1; /* as above */
		uint32_t deac : 1; /* deallocate, if that reads as zeroes */
		uint32_t prchk : 3; /* as above */
		uint32_t pract : 1; /* as above */
		uint32_t fua : 1; /* as above */
		uint32_t lr : 1; /* as above */
	} write_zeroes;
	union spdk_nvme_feat_fdp_cdw12 feat_fdp_cdw12;
	union spdk_nvme_feat_fdp_events_cdw12 feat_fdp_events_cdw12;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw12) == 4, "wire format");

/* Command dword 13, by command (the same). */
union spdk_nvme_cmd_cdw13 {
	uint32_t raw;
	struct {
		uint32_t dsm : 8; /* how the blocks will be used */
		uint32_t reserved : 8;
		uint32_t dspec : 16; /* specific to the directive: a stream, a placement handle */
	} write;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_cmd_cdw13) == 4, "wire format");

/* One entry of a scatter-gather list (4.1.2). */
struct spdk_nvme_sgl_descriptor {
	uint64_t address; /* or an offset, by subtype */
	union {
		struct {
			uint8_t reserved[7];
			uint8_t subtype : 4; /* 0 address, 1 offset, others by transport */
			uint8_t type : 4; /* 0 data, 1 bit bucket, 2 segment, 3 last segment, 4 keyed, 5 transport */
		} generic;
		struct {
			uint32_t length; /* bytes */
			uint8_t reserved[3];
			uint8_t subtype : 4; /* as above */
			uint8_t type : 4; /* as above */
		} unkeyed;
		struct {
			uint64_t length : 24; /* bytes */
			uint64_t key : 32; /* of the remote memory */
			uint64_t subtype : 4; /* as above */
			uint64_t type : 4; /* as above */
		} keyed;
	};
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_sgl_descriptor) == 16, "wire format");

/* Entry of a submission queue (3.3.3.1). */
struct spdk_nvme_cmd {
	uint16_t opc : 8; /* enum spdk_nvme_admin_opcode or spdk_nvme_nvm_opcode */
	uint16_t fuse : 2; /* 1: first, 2: second of two fused commands */
	uint16_t rsvd1 : 4;
	uint16_t psdt : 2; /* 0: PRPs; 1, 2: scatter-gather lists */
	uint16_t cid; /* comes back in the completion */
	uint32_t nsid; /* namespace */
	uint32_t rsvd2;
	uint32_t rsvd3;
	uint64_t mptr; /* metadata: a buffer, or a list of buffers */
	union {
		struct {
			uint64_t prp1; /* first page */
			uint64_t prp2; /* second page, or a list of pages */
		} prp;
		struct spdk_nvme_sgl_descriptor sgl1; /* the list, or its only entry */
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
	uint32_t cdw14; /* by command; for NVM the initial reference tag */
	uint32_t cdw15; /* by command; for NVM application tag and its mask */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cmd) == 64, "wire format");

/* How a command ended (3.3.3.2.1). */
struct spdk_nvme_status {
	uint16_t p : 1; /* phase tag: turns with each pass through the queue */
	uint16_t sc : 8; /* status code, by type */
	uint16_t sct : 3; /* enum spdk_nvme_status_code_type */
	uint16_t crd : 2; /* which of the retry delays of the controller */
	uint16_t m : 1; /* the error log tells more */
	uint16_t dnr : 1; /* would fail again */
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_status) == 2, "wire format");

/* Entry of a completion queue (3.3.3.2). */
struct spdk_nvme_cpl {
	uint32_t cdw0; /* by command */
	uint32_t cdw1; /* by command */
	uint16_t sqhd; /* how far the controller has read the submission queue */
	uint16_t sqid; /* submission queue of the command */
	uint16_t cid; /* its command identifier */
	union {
		uint16_t status_raw;
		struct spdk_nvme_status status;
	};
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_cpl) == 16, "wire format");

/* One of the power states of a controller (5.17.2.1). */
struct spdk_nvme_power_state {
	uint16_t mp; /* most power, in units of mps */
	uint8_t reserved1;
	uint8_t mps : 1; /* 0: 10 mW, 1: 0.1 mW */
	uint8_t nops : 1; /* takes no I/O commands */
	uint8_t reserved2 : 6;
	uint32_t enlat; /* us to enter it */
	uint32_t exlat; /* us to leave it */
	uint8_t rrt : 5; /* ranks among the states: read throughput */
	uint8_t reserved3 : 3;
	uint8_t rrl : 5; /* read latency */
	uint8_t reserved4 : 3;
	uint8_t rwt : 5; /* write throughput */
	uint8_t reserved5 : 3;
	uint8_t rwl : 5; /* write latency */
	uint8_t reserved6 : 3;
	uint16_t idlp; /* idle power, in units of ips */
	uint8_t reserved7 : 6;
	uint8_t ips : 2; /* 1: 0.1 mW, 2: 10 mW */
	uint8_t reserved8;
	uint16_t actp; /* active power, in units of aps */
	uint8_t apw : 3; /* workload that actp is for */
	uint8_t reserved9 : 3;
	uint8_t aps : 2; /* as ips */
	uint8_t reserved10[9];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_power_state) == 32, "wire format");

/* Version of the specification that a controller follows (3.1.3.2). */
union spdk_nvme_vs_register {
	uint32_t raw;
	struct {
		uint32_t ter : 8; /* 1.4.2: the 2 */
		uint32_t mnr : 8; /* the 4 */
		uint32_t mjr : 16; /* the 1 */
	} bits;
};
SPDK_STATIC_ASSERT(sizeof(union spdk_nvme_vs_register) == 4, "wire format");

/* Identify data of a controller (5.17.2.1). */
struct spdk_nvme_ctrlr_data {
	uint16_t vid; /* PCI vendor */
	uint16_t ssvid; /* PCI subsystem vendor */
	int8_t sn[20]; /* serial number, filled with blanks */
	int8_t mn[40]; /* model, filled with blanks */
	uint8_t fr[8]; /* firmware revision, filled with blanks */
	uint8_t rab; /* arbitration burst that it likes, a power of two */
	uint8_t ieee[3]; /* OUI of the vendor */
	struct {
		uint8_t multi_port : 1; /* the subsystem may have several ports */
		uint8_t multi_ctrlr : 1; /* and several controllers */
		uint8_t sr_iov : 1; /* this one belongs to a virtual function */
		uint8_t ana_reporting : 1; /* access to namespaces may differ by path */
		uint8_t reserved : 4;
	} cmic;
	uint8_t mdts; /* most data of a command: power of two of the smallest page; 0: no limit */
	uint16_t cntlid; /* controller */
	union spdk_nvme_vs_register ver; /* version of the specification */
	uint32_t rtd3r; /* us to come back from without power */
	uint32_t rtd3e; /* us to prepare for being without power */
	struct spdk_nvme_cdata_oaes oaes;
	union spdk_nvme_cdata_ctratt ctratt;
	uint16_t rrls; /* read recovery levels, a bit for each */
	uint8_t reserved_102[9];
	uint8_t cntrltype; /* 1 I/O, 2 discovery, 3 administrative controller */
	uint8_t fguid[16]; /* GUID of the field-replaceable unit */
	uint16_t crdt[3]; /* retry delays, in units of 100 ms */
	uint8_t reserved_134[119];
	struct {
		uint8_t nvmesd : 1; /* is a storage device */
		uint8_t nvmee : 1; /* is an enclosure */
		uint8_t nvmsr_rsvd : 6;
	} nvmsr;
	struct {
		uint8_t vwcr : 7; /* times that vital product data may still be written */
		uint8_t vwcrv : 1; /* vwcr says so */
	} vwci;
	struct {
		uint8_t smbusme : 1; /* managed over SMBus or I2C */
		uint8_t pcieme : 1; /* managed over PCIe */
		uint8_t mec_rsvd : 6;
	} mec;
	struct spdk_nvme_cdata_oacs oacs;
	uint8_t acl; /* ABORT commands at a time, less 1 */
	uint8_t aerl; /* asynchronous event requests at a time, less 1 */
	struct {
		uint8_t slot1_ro : 1; /* slot 1 cannot be written */
		uint8_t num_slots : 3; /* slots */
		uint8_t activation_without_reset : 1; /* new firmware needs no reset */
		uint8_t multiple_update_detection : 1; /* notices overlapping updates */
		uint8_t frmw_rsvd : 2;
	} frmw;
	struct {
		uint8_t ns_smart : 1; /* health by namespace */
		uint8_t celp : 1; /* log of command effects */
		uint8_t edlp : 1; /* log pages in parts */
		uint8_t telemetry : 1; /* telemetry */
		uint8_t pelp : 1; /* persistent event log */
		uint8_t lplp : 1; /* list of log pages */
		uint8_t da4_telemetry : 1; /* fourth area of telemetry */
		uint8_t lpa_rsvd : 1;
	} lpa;
	uint8_t elpe; /* entries of the error log, less 1 */
	uint8_t npss; /* power states, less 1 */
	struct {
		uint8_t spec_format : 1; /* vendor's admin commands have the form of the specification */
		uint8_t avscc_rsvd : 7;
	} avscc;
	struct {
		uint8_t supported : 1; /* changes power states by itself */
		uint8_t apsta_rsvd : 7;
	} apsta;
	uint16_t wctemp; /* kelvin: warm */
	uint16_t cctemp; /* kelvin: too hot */
	uint16_t mtfa; /* time of a firmware activation, in units of 100 ms */
	uint32_t hmpre; /* host memory that it likes, in units of 4 KiB */
	uint32_t hmmin; /* host memory that it needs, in units of 4 KiB */
	uint64_t tnvmcap[2]; /* bytes in all, 128 bits */
	uint64_t unvmcap[2]; /* bytes that no namespace has, 128 bits */
	struct {
		uint8_t num_rpmb_units : 3; /* replay-protected areas */
		uint8_t auth_method : 3; /* 0: HMAC with SHA-256 */
		uint8_t reserved1 : 2;
		uint8_t reserved2;
		uint8_t total_size; /* size of each, less 1, in units of 128 KiB */
		uint8_t access_size; /* most of one access, less 1, in units of 512 bytes */
	} rpmbs;
	uint16_t edstt; /* minutes of an extended self-test */
	union {
		uint8_t raw;
		struct {
			uint8_t one_only : 1; /* one self-test in the whole subsystem */
			uint8_t reserved : 7;
		} bits;
	} dsto;
	uint8_t fwug; /* unit of firmware pieces, 4 KiB each; 255: any */
	uint16_t kas; /* unit of the keep alive timer, 100 ms each */
	union {
		uint16_t raw;
		struct {
			uint16_t supported : 1; /* the host may manage temperature */
			uint16_t reserved : 15;
		} bits;
	} hctma;
	uint16_t mntmt; /* kelvin: least threshold for it */
	uint16_t mxtmt; /* kelvin: highest */
	union {
		uint32_t raw;
		struct {
			uint32_t crypto_erase : 1; /* ways to sanitize: by a new key */
			uint32_t block_erase : 1; /* by erasing */
			uint32_t overwrite : 1; /* by writing over it */
			uint32_t reserved : 29;
		} bits;
	} sanicap;
	uint32_t hmminds; /* least piece of host memory, in units of 4 KiB */
	uint16_t hmmaxd; /* most pieces of host memory */
	uint16_t nsetidmax; /* highest NVM set */
	uint16_t endgidmax; /* highest endurance group */
	uint8_t anatt; /* seconds that a change of access may take */
	struct {
		uint8_t ana_optimized_state : 1; /* states of access that it reports */
		uint8_t ana_non_optimized_state : 1; /* slower */
		uint8_t ana_inaccessible_state : 1; /* not now */
		uint8_t ana_persistent_loss_state : 1; /* never again */
		uint8_t ana_change_state : 1; /* changing */
		uint8_t reserved : 1;
		uint8_t no_change_anagrpid : 1; /* a namespace stays in its group */
		uint8_t non_zero_anagrpid : 1; /* groups can be given */
	} anacap;
	uint32_t anagrpmax; /* highest group */
	uint32_t nanagrpid; /* number of groups */
	uint32_t pels; /* size of the persistent event log, in units of 64 KiB */
	uint16_t domain_identifier; /* domain of the subsystem */
	uint8_t reserved3[10];
	uint8_t megcap[16]; /* bytes of the largest endurance group, 128 bits */
	uint8_t reserved384[128];
	struct {
		uint8_t min : 4; /* bytes of a submission queue entry: least, a power of two */
		uint8_t max : 4; /* most */
	} sqes;
	struct {
		uint8_t min : 4; /* the same for completion queues */
		uint8_t max : 4; /* most */
	} cqes;
	uint16_t maxcmd; /* commands that a queue is best limited to */
	uint32_t nn; /* highest namespace */
	struct spdk_nvme_cdata_oncs oncs;
	struct spdk_nvme_cdata_fuses fuses;
	struct {
		uint8_t format_all_ns : 1; /* FORMAT NVM formats all namespaces */
		uint8_t erase_all_ns : 1; /* secure erase erases all */
		uint8_t crypto_erase_supported : 1; /* secure erase by a new key */
		uint8_t reserved : 5;
	} fna;
	struct {
		uint8_t present : 1; /* there is a volatile write cache */
		uint8_t flush_broadcast : 2; /* FLUSH of all namespaces: 2 no, 3 yes */
		uint8_t reserved : 5;
	} vwc;
	uint16_t awun; /* blocks less 1 that are written as a whole */
	uint16_t awupf; /* the same if power fails */
	uint8_t nvscc; /* vendor's I/O commands have the form of the specification */
	uint8_t nwpc; /* namespace write protection */
	uint16_t acwu; /* blocks less 1 of a fused compare and write */
	struct {
		uint16_t copy_format0 : 1; /* source ranges of COPY in form 0 */
		uint16_t reserved1 : 15;
	} ocfs;
	struct spdk_nvme_cdata_sgls sgls;
	uint32_t mnan; /* most namespaces; 0: nn */
	uint8_t maxdna[16]; /* namespaces attached in the domain, 128 bits */
	uint32_t maxcna; /* namespaces attached to this controller */
	uint8_t reserved4[204];
	uint8_t subnqn[256]; /* qualified name of the subsystem */
	uint8_t reserved5[768];
	struct spdk_nvme_cdata_nvmf_specific nvmf_specific;
	struct spdk_nvme_power_state psd[32]; /* power states */
	uint8_t vs[1024]; /* free for the vendor */
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_nvme_ctrlr_data) == 4096, "wire format");

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NVME_SPEC_H */
