/* SPDX-License-Identifier: BSD-3-Clause */

/* Inside lib/env: the cores of the environment and the CPUs they run on. */

#ifndef BDEVKIT_ENV_CPU_INTERNAL_H
#define BDEVKIT_ENV_CPU_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"

/*
 * Sets the cores up. Exactly one of mask and map is given, or neither: then core 0 stands for all CPUs of the
 * process. main_core: -1 for the lowest. Returns 0, -EINVAL after logging what is wrong.
 */
int cpu_cores_init(const char *mask, const char *map, int main_core);
void cpu_cores_fini(void);

/* Makes the calling thread run as a core: on its CPUs if the user chose CPUs, and named by get_current_core. */
int cpu_enter_core(uint32_t core);
void cpu_leave_core(void);

/* The CPUs that the system let this process use when it started. */
int cpu_get_allowed(struct spdk_cpuset *cpus);
/* Binds the calling thread. 0 or a negative errno. */
int cpu_bind_thread(const struct spdk_cpuset *cpus);

#endif /* BDEVKIT_ENV_CPU_INTERNAL_H */
