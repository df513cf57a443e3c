/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef MODULE_BDEV_FILE_RPC_H
#define MODULE_BDEV_FILE_RPC_H

#include "spdk/jsonrpc.h"

/* How often it is tried, every 20 ms; for tests. */
extern uint32_t g_file_rpc_attempts;

/* How a module creates a bdev on a file, for its RPC method. params: the structure that those were decoded into. */
struct file_rpc_creator {
	size_t params_size;
	/* Returns 0 or a negative errno, -EBUSY if another process uses the file; *why is a sentence or NULL. */
	int (*create)(const void *params, const char **why);
	void (*answer)(struct spdk_jsonrpc_request *request, const void *params, int rc, const char *why);
	/* params has been copied, with its strings: the original forgets them, the copy frees them in the end. */
	void (*take_strings)(void *params);
	void (*free_strings)(void *params);
};

/*
 * Creates, and answers. While another process uses the file it is tried again, for two seconds: a process that was killed
 * has its files, and what was being written, until the kernel has ended its io_uring, a moment after the process has gone.
 * Whoever starts it again at once, as service managers do, is not to fail for that.
 */
void file_rpc_create(struct spdk_jsonrpc_request *request, const struct file_rpc_creator *creator, void *params);

#endif /* MODULE_BDEV_FILE_RPC_H */
