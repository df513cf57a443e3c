/* SPDX-License-Identifier: BSD-3-Clause */

/* The block-device layer as a part of an application: started before its start function, stopped after it. */

#include "spdk/bdev.h"
#include "spdk_internal/init.h"

static void
init_done_cb(void *cb_arg, int rc)
{
	spdk_subsystem_init_next(rc);
}

static void
bdev_subsystem_init(void)
{
	spdk_bdev_initialize(init_done_cb, NULL);
}

static void
fini_done_cb(void *cb_arg)
{
	spdk_subsystem_fini_next();
}

static void
bdev_subsystem_fini(void)
{
	spdk_bdev_finish(fini_done_cb, NULL);
}

static struct spdk_subsystem g_subsystem_bdev = {
	.name = "bdev",
	.init = bdev_subsystem_init,
	.fini = bdev_subsystem_fini,
	.write_config_json = spdk_bdev_subsystem_config_json,
};

SPDK_SUBSYSTEM_REGISTER(g_subsystem_bdev)
SPDK_SUBSYSTEM_DEPEND(bdev, accel)
SPDK_SUBSYSTEM_DEPEND(bdev, iobuf)
