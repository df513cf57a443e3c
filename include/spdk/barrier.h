/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_BARRIER_H
#define SPDK_BARRIER_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/* macro _spdk_ivdt_dcache(pdata) */
/* macro _spdk_mb() */
/* macro _spdk_rmb() */
/* macro _spdk_smp_mb() */
/* macro _spdk_smp_rmb() */
/* macro _spdk_smp_wmb() */
/* macro _spdk_wmb() */
/* macro spdk_compiler_barrier() */
/* macro spdk_ivdt_dcache(pdata) */
/* macro spdk_mb() */
/* macro spdk_rmb() */
/* macro spdk_smp_mb() */
/* macro spdk_smp_rmb() */
/* macro spdk_smp_wmb() */
/* macro spdk_wmb() */




#ifdef __cplusplus
}
#endif

#endif /* SPDK_BARRIER_H */
