/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_CONFIG_H
#define SPDK_CONFIG_H


#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_CONFIG_MAX_LCORES 128
#define SPDK_CONFIG_MAX_NUMA_NODES 1
#define SPDK_CONFIG_URING_ZNS 




#ifdef __cplusplus
}
#endif

#endif /* SPDK_CONFIG_H */
