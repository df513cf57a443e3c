/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Whether this process can use io_uring for files.
 */

#ifndef BDEVKIT_URING_H
#define BDEVKIT_URING_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Tries to make what uring bdevs need. Older kernels do not have it, and seccomp filters and the sysctl
 * kernel.io_uring_disabled take it away; aio bdevs do without. Returns 0 or a negative errno, and then *why is a sentence.
 * Any thread.
 */
int bdk_uring_probe(const char **why);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_URING_H */
