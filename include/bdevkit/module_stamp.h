/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What SPDK_BDEV_MODULE_REGISTER and its like leave in a shared object: an ELF note that tells for which interface it was
 * compiled. It is read before any code of the object runs, so that one that does not fit is an error and not a crash.
 */

#ifndef BDEVKIT_MODULE_STAMP_H
#define BDEVKIT_MODULE_STAMP_H

#include <stdint.h>

/* Changes with the meaning or layout of anything that modules are compiled with and whose size does not tell. */
#define BDK_MODULE_INTERFACE 1

#define BDK_MODULE_STAMP_SECTION ".note.bdevkit"
#define BDK_MODULE_STAMP_NAME "bdevkit"

/* What is registered, and the sizes of which structures follow. */
#define BDK_MODULE_STAMP_BDEV 1 /* spdk_bdev, spdk_bdev_io, spdk_bdev_module, spdk_bdev_fn_table */
#define BDK_MODULE_STAMP_ACCEL 2 /* spdk_accel_module_if, spdk_accel_task, spdk_accel_driver */

struct bdk_module_stamp {
	uint32_t name_size;
	uint32_t desc_size;
	uint32_t kind;
	char name[8];
	uint32_t interface_number;
	uint32_t sizes[4];
};

#define BDK_MODULE_STAMP(id, kind, size0, size1, size2, size3) \
	__attribute__((section(BDK_MODULE_STAMP_SECTION), used, \
		aligned(4))) static const struct bdk_module_stamp bdk_module_stamp_##id = { \
		sizeof(BDK_MODULE_STAMP_NAME), 5 * sizeof(uint32_t), kind, BDK_MODULE_STAMP_NAME, \
		BDK_MODULE_INTERFACE, {(uint32_t)(size0), (uint32_t)(size1), (uint32_t)(size2), (uint32_t)(size3)}}

#endif /* BDEVKIT_MODULE_STAMP_H */
