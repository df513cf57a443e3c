/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Modules that are files: shared objects with one or more bdev modules (SPDK_BDEV_MODULE_REGISTER), which are loaded before
 * the start or while the application runs, and unloaded when nothing of them is in use. The same source can be linked into
 * a program instead. doc/modules.md tells what a module has to do for that.
 *
 * One is loaded or unloaded at a time. All functions: app thread, or before there are threads.
 */

#ifndef BDEVKIT_MODULE_H
#define BDEVKIT_MODULE_H

#include "spdk/stdinc.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where files are found that are given by a name: the folders of this environment variable, separated by colons, and then
 * the one of the installation, <libdir>/bdevkit/modules.
 */
#define BDK_MODULE_PATH_VARIABLE "BDEVKIT_MODULE_PATH"

/*
 * The end of a load or unload; inside the call or later, on its thread. error: NULL if rc is 0, else what was wrong and with
 * what, in one line; valid until this returns.
 */
typedef void (*bdk_module_cb)(void *cb_arg, int rc, const char *error);

/*
 * Loads a module: a file if the word has a slash in it or is the name of a file here that ends in .so; else NAME.so or
 * bdev_NAME.so in one of the folders. Before the start it is initialised with all others; later at once, and then it is
 * offered the bdevs that there are. cb_fn is called when all that is done, with 0 or
 *   -ENOENT   there is no such file
 *   -ENOEXEC  it is no module, or not for this version, or it is truncated, or lacks a symbol
 *   -EALREADY it is loaded
 *   -EEXIST   there is something of a name that it registers: a module, a method
 *   -ENOSPC   it needs more room in each I/O than there is by now: load it before the start
 *   -EPERM    it has something that has to be there before the start, such as an accel module
 *   -EAGAIN   the block-device layer is starting or stopping, or another module is being loaded or unloaded
 * or what module_init returned; then nothing of it is left, unless the text says so.
 */
void bdk_module_load(const char *module, bdk_module_cb cb_fn, void *cb_arg);

/*
 * Unloads the file that has the module of that name; or names the file itself. cb_fn gets 0 or
 *   -ENOENT   there is no such module
 *   -EPERM    it is a part of the program, or cannot be unloaded
 *   -EBUSY    it is in use: a bdev of it is there, it has opened or claimed one, one of its methods is being carried out
 *   -EFAULT   it has ended, but has left something that points into it, so that it has to stay in memory
 *   -EAGAIN   as above
 */
void bdk_module_unload(const char *name, bdk_module_cb cb_fn, void *cb_arg);

struct bdk_module_info {
	const char *name;
	/* NULL: it is a part of the program. */
	const char *file;
	uint32_t num_bdevs;
};

/* Calls fn for each bdev module until it returns non-zero, which is then returned. fn must neither load nor unload. */
int bdk_module_for_each(int (*fn)(void *ctx, const struct bdk_module_info *info), void *ctx);

/* Calls fn for each file, in the order in which they were loaded, in the same way. */
int bdk_module_for_each_file(int (*fn)(void *ctx, const char *file), void *ctx);

#ifdef __cplusplus
}
#endif

#endif /* BDEVKIT_MODULE_H */
