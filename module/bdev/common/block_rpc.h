/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the RPC methods of several modules have in common.
 */

#ifndef MODULE_BDEV_BLOCK_RPC_H
#define MODULE_BDEV_BLOCK_RPC_H

#include "bdevkit/rpc.h"
#include "spdk/bdev_module.h"
#include "spdk/jsonrpc.h"

/*
 * Answers with the name of a new bdev after it has been examined: what is found on it exists when its creator hears of it.
 * Without memory for the wait, at once.
 */
void block_rpc_send_name_examined(struct spdk_jsonrpc_request *request, const char *name);

/* The parameters of methods that take the name of a bdev. */
struct block_rpc_name {
	char *name;
};

extern const struct bdk_rpc_param g_block_rpc_name[1];

/* Deletes the bdev that params, a struct block_rpc_name, name, and answers when it is gone. kind says what it has to be. */
void block_rpc_delete(struct spdk_jsonrpc_request *request, const void *params, const char *kind,
	int (*delete_bdev)(const char *name, spdk_bdev_unregister_cb cb, void *cb_arg));

#endif /* MODULE_BDEV_BLOCK_RPC_H */
