/* SPDX-License-Identifier: BSD-3-Clause */

/* Operations on data as a part of an application: started before the block-device layer, which uses them. */

#include "spdk/accel.h"
#include "spdk_internal/init.h"

static void
accel_subsystem_init(void)
{
	spdk_subsystem_init_next(spdk_accel_initialize());
}

static void
fini_done_cb(void *cb_arg)
{
	spdk_subsystem_fini_next();
}

static void
accel_subsystem_fini(void)
{
	spdk_accel_finish(fini_done_cb, NULL);
}

static struct spdk_subsystem g_subsystem_accel = {
	.name = "accel",
	.init = accel_subsystem_init,
	.fini = accel_subsystem_fini,
	.write_config_json = spdk_accel_write_config_json,
};

SPDK_SUBSYSTEM_REGISTER(g_subsystem_accel)
SPDK_SUBSYSTEM_DEPEND(accel, iobuf)
