/* SPDX-License-Identifier: BSD-3-Clause */

/* NVMe over Fabrics: how a subsystem is addressed, with the values that the specification gives. */

#ifndef SPDK_NVMF_SPEC_H
#define SPDK_NVMF_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"
#include "spdk/nvme_spec.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Kinds of fabrics. */
enum spdk_nvmf_trtype {
	SPDK_NVMF_TRTYPE_RDMA = 0x1,
	SPDK_NVMF_TRTYPE_FC = 0x2,
	SPDK_NVMF_TRTYPE_TCP = 0x3,
	/* Inside one host. */
	SPDK_NVMF_TRTYPE_INTRA_HOST = 0xfe,
};

/* Families of addresses. */
enum spdk_nvmf_adrfam {
	SPDK_NVMF_ADRFAM_IPV4 = 0x1,
	SPDK_NVMF_ADRFAM_IPV6 = 0x2,
	SPDK_NVMF_ADRFAM_IB = 0x3,
	SPDK_NVMF_ADRFAM_FC = 0x4,
	SPDK_NVMF_ADRFAM_INTRA_HOST = 0xfe,
};

/* Kinds of subsystems. */
enum spdk_nvmf_subtype {
	/* Refers to other discovery services. */
	SPDK_NVMF_SUBTYPE_DISCOVERY = 0x1,
	SPDK_NVMF_SUBTYPE_NVME = 0x2,
	SPDK_NVMF_SUBTYPE_DISCOVERY_CURRENT = 0x3,
};

/* Bytes, without a terminating zero. */
#define SPDK_NVMF_NQN_MAX_LEN 223
#define SPDK_NVMF_TRSTRING_MAX_LEN 32
#define SPDK_NVMF_TRADDR_MAX_LEN 256
#define SPDK_NVMF_TRSVCID_MAX_LEN 32

/* The name that every discovery service answers to. */
#define SPDK_NVMF_DISCOVERY_NQN "nqn.2014-08.org.nvmexpress.discovery"

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NVMF_SPEC_H */
