/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Cores. A core is a number that a reactor is known by, and the CPUs that it runs on: with a mask, the CPU of the
 * same number; with a map, what the map says; with neither, core 0 on any CPU of the process.
 */

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/util.h"

#include "lib/env/cpu_internal.h"
#include "lib/env/env_internal.h"

static struct {
	struct spdk_cpuset cores;
	uint32_t main_core;
	/* CPUs of each core; NULL: those of the process, nothing is bound. */
	struct spdk_cpuset *cpus;
} g_cores;

/* The core number plus 1, as thread-local variables start as 0 and that is to mean none. */
static __thread uint32_t t_core_plus_one;

/* What the system let the process use when it started: later its first thread may be bound to a core. */
static struct spdk_cpuset g_allowed;
static int g_allowed_rc;

static int
read_affinity(struct spdk_cpuset *cpus)
{
	cpu_set_t *set = CPU_ALLOC(SPDK_CPUSET_SIZE);
	size_t size = CPU_ALLOC_SIZE(SPDK_CPUSET_SIZE);
	int rc = 0;

	if (set == NULL) {
		return -ENOMEM;
	}
	CPU_ZERO_S(size, set);
	if (sched_getaffinity(0, size, set) != 0) {
		rc = -errno;
	}
	for (uint32_t cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		spdk_cpuset_set_cpu(cpus, cpu, CPU_ISSET_S(cpu, size, set));
	}
	CPU_FREE(set);
	return rc;
}

__attribute__((constructor)) static void
note_allowed(void)
{
	g_allowed_rc = read_affinity(&g_allowed);
}

int
cpu_get_allowed(struct spdk_cpuset *cpus)
{
	spdk_cpuset_copy(cpus, &g_allowed);
	return g_allowed_rc;
}

int
cpu_bind_thread(const struct spdk_cpuset *cpus)
{
	cpu_set_t *set = CPU_ALLOC(SPDK_CPUSET_SIZE);
	size_t size = CPU_ALLOC_SIZE(SPDK_CPUSET_SIZE);
	int rc = 0;

	if (set == NULL) {
		return -ENOMEM;
	}
	CPU_ZERO_S(size, set);
	for (uint32_t cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		if (spdk_cpuset_get_cpu(cpus, cpu)) {
			CPU_SET_S(cpu, size, set);
		}
	}
	if (sched_setaffinity(0, size, set) != 0) {
		rc = -errno;
	}
	CPU_FREE(set);
	return rc;
}

/* ---- Setting up ---- */

/* Whether the process may use all of these CPUs; else names those that it may not. */
static int
check_cpus(const struct spdk_cpuset *wanted, const struct spdk_cpuset *allowed)
{
	for (uint32_t cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		if (spdk_cpuset_get_cpu(wanted, cpu) && !spdk_cpuset_get_cpu(allowed, cpu)) {
			struct spdk_cpuset shown = *allowed;

			SPDK_ERRLOG("CPU %u does not exist or may not be used by this process; it may use those of "
				    "mask 0x%s\n",
				cpu, spdk_cpuset_fmt(&shown));
			return -EINVAL;
		}
	}
	return 0;
}

static int
init_from_mask(const char *mask, const struct spdk_cpuset *allowed)
{
	if (spdk_cpuset_parse(&g_cores.cores, mask) != 0 || spdk_cpuset_count(&g_cores.cores) == 0) {
		SPDK_ERRLOG("CPU mask \"%s\" is not understood: give a hexadecimal mask as 0x5 or a list as [0,2-3]\n",
			mask);
		return -EINVAL;
	}
	for (uint32_t core = 0; core < SPDK_CPUSET_SIZE; core++) {
		if (spdk_cpuset_get_cpu(&g_cores.cores, core)) {
			spdk_cpuset_set_cpu(&g_cores.cpus[core], core, true);
		}
	}
	return check_cpus(&g_cores.cores, allowed);
}

/*
 * Reads "3", "1-4" or "(1,3-5)" from *text into set and moves *text behind it.
 */
static int
parse_set(const char **text, struct spdk_cpuset *set)
{
	const char *pos = *text;
	bool group = *pos == '(';

	spdk_cpuset_zero(set);
	pos += group;
	do {
		unsigned long first, last;
		char *end;

		if (!isdigit((unsigned char)*pos)) {
			return -EINVAL;
		}
		first = last = strtoul(pos, &end, 10);
		if (*end == '-') {
			pos = end + 1;
			if (!isdigit((unsigned char)*pos)) {
				return -EINVAL;
			}
			last = strtoul(pos, &end, 10);
		}
		if (last < first || last >= SPDK_CPUSET_SIZE) {
			return -EINVAL;
		}
		for (unsigned long i = first; i <= last; i++) {
			spdk_cpuset_set_cpu(set, (uint32_t)i, true);
		}
		pos = end;
	} while (group && *pos++ == ',');
	if (group && pos[-1] != ')') {
		return -EINVAL;
	}
	*text = pos;
	return 0;
}

/* One entry of a map: cores, and behind @ the CPUs that each of them may run on. Without @ each is its own CPU. */
static int
parse_map_entry(const char **text)
{
	struct spdk_cpuset cores, cpus;
	bool own = true;

	if (parse_set(text, &cores) != 0) {
		return -EINVAL;
	}
	if (**text == '@') {
		(*text)++;
		own = false;
		if (parse_set(text, &cpus) != 0) {
			return -EINVAL;
		}
	}
	for (uint32_t core = 0; core < SPDK_CPUSET_SIZE; core++) {
		if (!spdk_cpuset_get_cpu(&cores, core)) {
			continue;
		}
		if (spdk_cpuset_get_cpu(&g_cores.cores, core)) {
			SPDK_ERRLOG("Core map: core %u stands there twice\n", core);
			return -EINVAL;
		}
		spdk_cpuset_set_cpu(&g_cores.cores, core, true);
		if (own) {
			spdk_cpuset_set_cpu(&g_cores.cpus[core], core, true);
		} else {
			g_cores.cpus[core] = cpus;
		}
	}
	return 0;
}

static int
init_from_map(const char *map, const struct spdk_cpuset *allowed)
{
	const char *pos = map;
	int rc = 0;

	do {
		rc = parse_map_entry(&pos);
	} while (rc == 0 && *pos++ == ',');
	if (rc != 0 || pos[-1] != '\0') {
		SPDK_ERRLOG("Core map \"%s\" is not understood: give cores and CPUs as 0@2,1@3 or (0-1)@(4-7)\n", map);
		return -EINVAL;
	}
	for (uint32_t core = 0; rc == 0 && core < SPDK_CPUSET_SIZE; core++) {
		rc = check_cpus(&g_cores.cpus[core], allowed);
	}
	return rc;
}

static int
choose_main_core(int main_core)
{
	if (main_core < 0) {
		g_cores.main_core = spdk_env_get_first_core();
		return 0;
	}
	if ((uint32_t)main_core >= SPDK_CPUSET_SIZE || !spdk_cpuset_get_cpu(&g_cores.cores, (uint32_t)main_core)) {
		SPDK_ERRLOG("Main core %d is not among the cores\n", main_core);
		return -EINVAL;
	}
	g_cores.main_core = (uint32_t)main_core;
	return 0;
}

int
cpu_cores_init(const char *mask, const char *map, int main_core)
{
	struct spdk_cpuset allowed;
	int rc;

	cpu_cores_fini();
	if (mask == NULL && map == NULL) {
		spdk_cpuset_set_cpu(&g_cores.cores, 0, true);
		return choose_main_core(main_core);
	}
	rc = cpu_get_allowed(&allowed);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot ask which CPUs may be used: %s\n", strerror(-rc));
		return rc;
	}
	g_cores.cpus = calloc(SPDK_CPUSET_SIZE, sizeof(*g_cores.cpus));
	if (g_cores.cpus == NULL) {
		return -ENOMEM;
	}
	rc = mask != NULL ? init_from_mask(mask, &allowed) : init_from_map(map, &allowed);
	if (rc == 0) {
		rc = choose_main_core(main_core);
	}
	if (rc != 0) {
		cpu_cores_fini();
	}
	return rc;
}

void
cpu_cores_fini(void)
{
	free(g_cores.cpus);
	g_cores.cpus = NULL;
	spdk_cpuset_zero(&g_cores.cores);
	g_cores.main_core = SPDK_ENV_LCORE_ID_ANY;
}

int
env_core_get_cpus(uint32_t core, struct spdk_cpuset *cpus)
{
	if (core >= SPDK_CPUSET_SIZE || !spdk_cpuset_get_cpu(&g_cores.cores, core)) {
		return -EINVAL;
	}
	if (g_cores.cpus == NULL) {
		return cpu_get_allowed(cpus);
	}
	*cpus = g_cores.cpus[core];
	return 0;
}

int
cpu_enter_core(uint32_t core)
{
	struct spdk_cpuset cpus;
	int rc = env_core_get_cpus(core, &cpus);

	if (rc == 0 && g_cores.cpus != NULL) {
		rc = cpu_bind_thread(&cpus);
	}
	if (rc == 0) {
		t_core_plus_one = core + 1;
	}
	return rc;
}

void
cpu_leave_core(void)
{
	t_core_plus_one = 0;
}

/* ---- Asking ---- */

uint32_t
spdk_env_get_core_count(void)
{
	return spdk_cpuset_count(&g_cores.cores);
}

uint32_t
spdk_env_get_current_core(void)
{
	return t_core_plus_one - 1;
}

uint32_t
spdk_env_get_main_core(void)
{
	return spdk_env_get_core_count() == 0 ? SPDK_ENV_LCORE_ID_ANY : g_cores.main_core;
}

uint32_t
spdk_env_get_next_core(uint32_t prev_core)
{
	for (uint32_t core = prev_core + 1; core < SPDK_CPUSET_SIZE; core++) {
		if (spdk_cpuset_get_cpu(&g_cores.cores, core)) {
			return core;
		}
	}
	return SPDK_ENV_LCORE_ID_ANY;
}

uint32_t
spdk_env_get_first_core(void)
{
	return spdk_env_get_next_core(UINT32_MAX);
}

uint32_t
spdk_env_get_last_core(void)
{
	uint32_t core, last = SPDK_ENV_LCORE_ID_ANY;

	SPDK_ENV_FOREACH_CORE (core) {
		last = core;
	}
	return last;
}

void
spdk_env_get_cpuset(struct spdk_cpuset *cpuset)
{
	spdk_cpuset_copy(cpuset, &g_cores.cores);
}

/* ---- The machine's shape ---- */

/* Reads a list of numbers such as "0,4-5" from a file of sysfs. */
static bool
read_list(const char *path, struct spdk_cpuset *set)
{
	char text[512], list[sizeof(text) + 2];
	FILE *file = fopen(path, "re");
	bool found;

	if (file == NULL) {
		return false;
	}
	found = fgets(text, sizeof(text), file) != NULL;
	fclose(file);
	if (!found) {
		return false;
	}
	text[strcspn(text, "\n")] = '\0';
	snprintf(list, sizeof(list), "[%s]", text);
	return spdk_cpuset_parse(set, list) == 0;
}

/* A core's first CPU, UINT32_MAX if the core does not exist. */
static uint32_t
first_cpu(uint32_t core)
{
	struct spdk_cpuset cpus;

	if (env_core_get_cpus(core, &cpus) != 0) {
		return UINT32_MAX;
	}
	for (uint32_t cpu = 0; cpu < SPDK_CPUSET_SIZE; cpu++) {
		if (spdk_cpuset_get_cpu(&cpus, cpu)) {
			return cpu;
		}
	}
	return UINT32_MAX;
}

bool
spdk_env_core_get_smt_cpuset(struct spdk_cpuset *cpuset, uint32_t core)
{
	char path[96];
	uint32_t cpu = first_cpu(core);

	if (cpu == UINT32_MAX) {
		return false;
	}
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list", cpu);
	return read_list(path, cpuset) && spdk_cpuset_count(cpuset) > 1;
}

int32_t
spdk_env_get_numa_id(uint32_t core)
{
	uint32_t cpu = first_cpu(core);
	char path[96];
	int32_t node;

	if (cpu == UINT32_MAX) {
		return SPDK_ENV_NUMA_ID_ANY;
	}
	for (node = spdk_env_get_first_numa_id(); node != INT32_MAX; node = spdk_env_get_next_numa_id(node)) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/node%d", cpu, node);
		if (access(path, F_OK) == 0) {
			return node;
		}
	}
	/* A kernel without NUMA has one node, and does not say so. */
	return 0;
}

uint32_t
spdk_env_get_socket_id(uint32_t core)
{
	return (uint32_t)spdk_env_get_numa_id(core);
}

/* The nodes that exist: at least node 0. */
static void
read_nodes(struct spdk_cpuset *nodes)
{
	if (!read_list("/sys/devices/system/node/online", nodes) || spdk_cpuset_count(nodes) == 0) {
		spdk_cpuset_zero(nodes);
		spdk_cpuset_set_cpu(nodes, 0, true);
	}
}

int32_t
spdk_env_get_next_numa_id(int32_t prev_numa_id)
{
	struct spdk_cpuset nodes;

	read_nodes(&nodes);
	for (int32_t node = prev_numa_id + 1; node >= 0 && node < SPDK_CPUSET_SIZE; node++) {
		if (spdk_cpuset_get_cpu(&nodes, (uint32_t)node)) {
			return node;
		}
	}
	return INT32_MAX;
}

int32_t
spdk_env_get_first_numa_id(void)
{
	return spdk_env_get_next_numa_id(-1);
}

int32_t
spdk_env_get_last_numa_id(void)
{
	int32_t node, last = 0;

	SPDK_ENV_FOREACH_NUMA_ID (node) {
		last = node;
	}
	return last;
}
