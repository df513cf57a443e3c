/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the RPC methods of several modules have in common.
 */

#ifndef MODULE_BDEV_BLOCK_RPC_H
#define MODULE_BDEV_BLOCK_RPC_H

#include "spdk/jsonrpc.h"

/*
 * Answers with the name of a new bdev after it has been examined: what is found on it exists when its creator hears of it.
 * Without memory for the wait, at once.
 */
void block_rpc_send_name_examined(struct spdk_jsonrpc_request *request, const char *name);

#endif /* MODULE_BDEV_BLOCK_RPC_H */
