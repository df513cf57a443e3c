/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_TREE_H
#define SPDK_TREE_H

#include <bsd/sys/tree.h>

#endif /* SPDK_TREE_H */
