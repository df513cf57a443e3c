/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Options of bdevs that are namespaces of NVMe controllers. There is no such module yet, so that no function is
 * declared here: the types are those that saved configurations and RPCs of that module speak of.
 */

#ifndef SPDK_MODULE_BDEV_NVME_H
#define SPDK_MODULE_BDEV_NVME_H

#include "spdk/nvme.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_nvme_path_id;

/* bdev_count: how many of the caller's names were filled in. rc: 0 or a negative errno. */
typedef void (*spdk_bdev_nvme_create_cb)(void *ctx, size_t bdev_count, int rc);
typedef void (*spdk_bdev_nvme_delete_cb)(void *ctx, int rc);
typedef void (*spdk_bdev_nvme_set_multipath_policy_cb)(void *cb_arg, int rc);

/* What is done with a command that takes too long. */
enum spdk_bdev_timeout_action {
	SPDK_BDEV_NVME_TIMEOUT_ACTION_NONE = 0,
	/* The controller is reset. */
	SPDK_BDEV_NVME_TIMEOUT_ACTION_RESET = 1,
	/* The command is aborted, and if that fails the controller is reset. */
	SPDK_BDEV_NVME_TIMEOUT_ACTION_ABORT = 2,
};

/* Which of several paths to a namespace are used. */
enum spdk_bdev_nvme_multipath_policy {
	/* One, and the next when it fails. */
	BDEV_NVME_MP_POLICY_ACTIVE_PASSIVE = 0,
	/* All. */
	BDEV_NVME_MP_POLICY_ACTIVE_ACTIVE = 1,
};

/* How the path of an I/O is chosen if all are used. */
enum spdk_bdev_nvme_multipath_selector {
	/* In turns. */
	BDEV_NVME_MP_SELECTOR_ROUND_ROBIN = 1,
	/* That with the fewest commands outstanding. */
	BDEV_NVME_MP_SELECTOR_QUEUE_DEPTH = 2,
};

/* Of one controller. */
struct spdk_bdev_nvme_ctrlr_opts {
	/* Of the I/O: what is checked in protection information. */
	uint32_t prchk_flags;
	/* Seconds until a controller that cannot be reached is removed; -1: never, 0: reconnecting is not tried. */
	int32_t ctrlr_loss_timeout_sec;
	/* Seconds between two attempts to reconnect. */
	uint32_t reconnect_delay_sec;
	/* Seconds after which I/O to a controller that cannot be reached fails; 0: not before the controller goes. */
	uint32_t fast_io_fail_timeout_sec;
	/* Found by a discovery service. */
	bool from_discovery_service;
	/* Names of keys: pre-shared key of TLS, own key and the controller's for authentication. NULL: none. */
	const char *psk;
	const char *dhchap_key;
	const char *dhchap_ctrlr_key;
	/* Also namespaces with a command set that is not known. */
	bool allow_unrecognized_csi;
	/* Another path to a controller that is there already is an additional one, not an error. */
	bool multipath;
};

/* Of all controllers. */
struct spdk_bdev_nvme_opts {
	/* Size of this structure as the caller knows it. */
	size_t opts_size;
	enum spdk_bdev_timeout_action action_on_timeout;
	uint32_t keep_alive_timeout_ms;
	/* When a command takes too long, in microseconds: one of I/O, one for administration. 0: never. */
	uint64_t timeout_us;
	uint64_t timeout_admin_us;
	/* How often a command is repeated that failed for reasons of the transport. */
	uint32_t transport_retry_count;
	/* Arbitration among the controller's queues. */
	uint32_t arbitration_burst;
	uint32_t low_priority_weight;
	uint32_t medium_priority_weight;
	uint32_t high_priority_weight;
	/* Requests of each I/O queue. */
	uint32_t io_queue_requests;
	uint64_t nvme_adminq_poll_period_us;
	uint64_t nvme_ioq_poll_period_us;
	/* Commands are handed to the device together, at the end of a poll. */
	bool delay_cmd_submit;
	uint8_t reserved73[3];
	/* How often an I/O is repeated on the bdev; -1: without end. */
	int32_t bdev_retry_count;
	/* Defaults of struct spdk_bdev_nvme_ctrlr_opts. */
	int32_t ctrlr_loss_timeout_sec;
	uint32_t reconnect_delay_sec;
	uint32_t fast_io_fail_timeout_sec;
	/* Exponent of the time that a transport waits for an acknowledgement. */
	uint8_t transport_ack_timeout;
	/* A path that works again does not become the preferred one. */
	bool disable_auto_failback;
	/* Namespaces without identifiers get a UUID made from the controller's serial number. */
	bool generate_uuids;
	uint8_t transport_tos;
	/* What is counted. */
	bool nvme_error_stat;
	bool io_path_stat;
	/* Sequences of accel operations are given to the transport. */
	bool allow_accel_sequence;
	uint8_t reserved99[1];
	uint32_t rdma_srq_size;
	uint32_t rdma_max_cq_size;
	uint16_t rdma_cm_event_timeout_ms;
	uint8_t reserved110[2];
	/* Bits of the digests and groups that authentication may use. */
	uint32_t dhchap_digests;
	uint32_t dhchap_dhgroups;
	bool rdma_umr_per_io;
	uint8_t reserved121[3];
	uint32_t tcp_connect_timeout_ms;
};

#ifdef __cplusplus
}
#endif

#endif /* SPDK_MODULE_BDEV_NVME_H */
