/* SPDX-License-Identifier: BSD-3-Clause */

/* Start and end of the environment. It needs no privilege, and nothing prepared on the system. */

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/cpu_internal.h"
#include "lib/env/env_internal.h"
#include "lib/env/memory_internal.h"

/* Compared by address: a mask that stands here was not chosen by the user. */
static const char g_default_core_mask[] = "0x1";

static enum {
	ENV_NEVER_STARTED,
	ENV_RUNNING,
	ENV_STOPPED,
} g_state;

void
spdk_env_opts_init(struct spdk_env_opts *opts)
{
	size_t opts_size;

	if (opts == NULL) {
		return;
	}
	opts_size = opts->opts_size;
	if (opts_size == 0) {
		SPDK_ERRLOG("Set opts_size to the size of the structure before spdk_env_opts_init()\n");
		return;
	}
	memset(opts, 0, spdk_min(opts_size, sizeof(*opts)));
	opts->name = "bdevkit";
	opts->core_mask = g_default_core_mask;
	opts->shm_id = -1;
	opts->mem_size = -1;
	opts->main_core = -1;
	opts->mem_channel = -1;
	opts->opts_size = opts_size;
}

/* Copies what the caller's structure has, the rest being 0. */
static int
copy_opts(struct spdk_env_opts *copy, const struct spdk_env_opts *opts)
{
	if (opts->opts_size == 0) {
		SPDK_ERRLOG("opts_size of the environment's options is 0: set it to the size of the structure\n");
		return -EINVAL;
	}
	memset(copy, 0, sizeof(*copy));
	memcpy(copy, opts, spdk_min(opts->opts_size, sizeof(*copy)));
	return 0;
}

static int
start_cores(const struct spdk_env_opts *opts)
{
	const char *mask = opts->core_mask;
	int rc;

	if ((mask == NULL) == (opts->lcore_map == NULL)) {
		SPDK_ERRLOG("Give the cores by a mask or by a map, not %s\n", mask == NULL ? "by neither" : "by both");
		return -EINVAL;
	}
	if (mask == g_default_core_mask) {
		mask = NULL;
	}
	rc = cpu_cores_init(mask, opts->lcore_map, opts->main_core);
	if (rc != 0) {
		return rc;
	}
	rc = cpu_enter_core(spdk_env_get_main_core());
	if (rc != 0) {
		SPDK_ERRLOG("Cannot bind to core %u: %s\n", spdk_env_get_main_core(), strerror(-rc));
		cpu_cores_fini();
	}
	return rc;
}

static void
start_memory(const struct spdk_env_opts *opts)
{
	struct region_policy policy = {
		.no_huge = opts->no_huge,
		.enforce_numa = opts->enforce_numa,
	};

	region_set_policy(&policy);
	heap_set_limit(opts->mem_size > 0 ? (uint64_t)opts->mem_size << 20 : 0);
}

int
spdk_env_init(const struct spdk_env_opts *opts)
{
	struct spdk_env_opts copy;
	int rc;

	if (opts == NULL) {
		if (g_state == ENV_NEVER_STARTED) {
			SPDK_ERRLOG("The environment needs options when it is started for the first time\n");
			return -EINVAL;
		}
		g_state = ENV_RUNNING;
		return 0;
	}
	if (g_state == ENV_RUNNING) {
		SPDK_ERRLOG("The environment runs already: start it again with options NULL only\n");
		return -EINVAL;
	}
	rc = copy_opts(&copy, opts);
	if (rc != 0) {
		return rc;
	}
	rc = start_cores(&copy);
	if (rc != 0) {
		return rc;
	}
	start_memory(&copy);
	/* Measures the clock now and not when somebody is in a hurry. */
	spdk_get_ticks_hz();
	g_state = ENV_RUNNING;
	return 0;
}

void
spdk_env_fini(void)
{
	/* Cores, memory and zones stay: objects of other libraries may outlive the environment, and it may start again. */
	if (g_state == ENV_RUNNING) {
		g_state = ENV_STOPPED;
	}
}

bool
spdk_process_is_primary(void)
{
	return true;
}

bool
spdk_iommu_is_enabled(void)
{
	return false;
}
