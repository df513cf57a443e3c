/* SPDX-License-Identifier: BSD-3-Clause */

/* What this build was made for. */

#ifndef SPDK_CONFIG_H
#define SPDK_CONFIG_H

/* Most cores an application may use. */
#define SPDK_CONFIG_MAX_LCORES 128
/* NUMA nodes that buffer pools are kept apart for. */
#define SPDK_CONFIG_MAX_NUMA_NODES 1

#endif /* SPDK_CONFIG_H */
