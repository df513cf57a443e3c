/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The NVMe driver: only the names of its types. There is no driver yet; the header is there for programs that include
 * it for the specification headers that come with it.
 */

#ifndef SPDK_NVME_H
#define SPDK_NVME_H

#include "spdk/stdinc.h"
#include "spdk/dma.h"
#include "spdk/env.h"
#include "spdk/keyring.h"
#include "spdk/nvme_spec.h"
#include "spdk/nvmf_spec.h"
#include "spdk/util.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_nvme_ctrlr;
struct spdk_nvme_ctrlr_opts;
struct spdk_nvme_ns;
struct spdk_nvme_qpair;
struct spdk_nvme_transport_id;

#ifdef __cplusplus
}
#endif

#endif /* SPDK_NVME_H */
