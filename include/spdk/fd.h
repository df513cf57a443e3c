/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_FD_H
#define SPDK_FD_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif




int spdk_fd_clear_nonblock(int fd);
uint32_t spdk_fd_get_blocklen(int fd);
uint64_t spdk_fd_get_size(int fd);
int spdk_fd_set_nonblock(int fd);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_FD_H */
