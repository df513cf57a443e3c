/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The environment: memory that devices may reach, the clock, cores, rings and pools.
 *
 * It works for any user, without reserved huge pages and without preparation. Functions may be called from any system
 * thread unless stated otherwise; memory, clock, rings and pools also before spdk_env_init().
 */

#ifndef SPDK_ENV_H
#define SPDK_ENV_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/pci_ids.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spdk_cpuset;
struct spdk_mem_map;
struct spdk_mempool;
struct spdk_ring;

/* Any NUMA node will do. The second name is the older one. */
#define SPDK_ENV_NUMA_ID_ANY (-1)
#define SPDK_ENV_SOCKET_ID_ANY (-1)
/* No core, or any. */
#define SPDK_ENV_LCORE_ID_ANY (UINT32_MAX)

/* Flags of spdk_malloc(): a device may reach the memory; other processes may share it. */
#define SPDK_MALLOC_DMA 0x01
#define SPDK_MALLOC_SHARE 0x02

/* With the terminating zero. */
#define SPDK_MAX_MEMZONE_NAME_LEN 32
#define SPDK_MAX_MEMPOOL_NAME_LEN 29

/* The zone need not be contiguous for devices. */
#define SPDK_MEMZONE_NO_IOVA_CONTIG 0x00100000

#define SPDK_MEMPOOL_DEFAULT_CACHE_SIZE SIZE_MAX

/* Returned by spdk_vtophys() when there is no answer. */
#define SPDK_VTOPHYS_ERROR (0xFFFFFFFFFFFFFFFFULL)

/* ---- Start and end ---- */

/* Where a PCI device is. */
struct spdk_pci_addr {
	uint32_t domain;
	uint8_t bus;
	uint8_t dev;
	uint8_t func;
};

/* How the environment starts: what spdk_env_opts_init() fills in. */
struct spdk_env_opts {
	/* Shown in messages. */
	const char *name;
	/*
	 * Cores: a hexadecimal mask ("0x5") or a list ("[0,2-3]"), each core being the CPU of its number. Asking for a
	 * CPU that the process may not use is an error that names it.
	 *
	 * A thread of a core is bound to its CPU, if the cores were chosen here or in lcore_map. The default that
	 * spdk_env_opts_init() leaves here is one core, 0, which runs on any CPU of the process: several programs
	 * started with defaults do not crowd on CPU 0, and a container without CPU 0 needs no option.
	 */
	const char *core_mask;
	/*
	 * Instead of core_mask, which must then be NULL: cores and the CPUs that each may run on, such as "0@2,1@3" or
	 * "(0-1)@(4-7)".
	 */
	const char *lcore_map;
	/* Accepted; processes do not share an environment here. */
	int shm_id;
	/* Accepted, without meaning for ordinary memory. */
	int mem_channel;
	/* Core of the thread that calls spdk_env_init(); -1: the lowest. */
	int main_core;
	/* Bound of what spdk_malloc() and its relatives, rings and pools included, give out together, in MiB; -1: none. */
	int mem_size;
	/* Accepted; there are no PCI drivers here that would look for devices. */
	bool no_pci;
	/* Accepted; memory is not taken in advance here. */
	bool hugepage_single_segments;
	/* Accepted; files of huge pages never have a name here. */
	bool unlink_hugepage;
	/*
	 * Do not use reserved huge pages. Without it, buffers for devices from about 1 MiB on come from them where the
	 * system has enough free ones, and from ordinary pages where not.
	 */
	bool no_huge;
	uint32_t reserved;
	/* Number of addresses in pci_blocked or pci_allowed. These three are accepted as no_pci is. */
	size_t num_pci_addr;
	/* Accepted; huge pages need no mounted directory here. */
	const char *hugedir;
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	/* Accepted, without meaning here. */
	const char *iova_mode;
	/* Accepted, without meaning here. */
	uint64_t base_virtaddr;
	/* Arguments for the memory layer of another implementation: accepted. */
	void *env_context;
	/* Accepted, without meaning here. */
	const char *vf_token;
	/* Size of this structure as the caller knows it. Set it before spdk_env_opts_init(). */
	size_t opts_size;
	/* Memory asked for on a NUMA node must come from it; otherwise the node is a wish. */
	bool enforce_numa;
	uint8_t reserved2[7];
};

/*
 * Fills opts with defaults. opts->opts_size must be set, and stays; nothing beyond it is written.
 */
void spdk_env_opts_init(struct spdk_env_opts *opts);

/*
 * Starts the environment; the calling thread becomes the main core's. After spdk_env_fini() it may be started again,
 * with NULL to keep the options of before.
 *
 * Returns 0; -EINVAL for options that are wrong, and when called a second time with options other than NULL.
 */
int spdk_env_init(const struct spdk_env_opts *opts);

/* Ends the environment. Memory that was not freed stays usable. */
void spdk_env_fini(void);

/* ---- Memory ---- */

/*
 * Allocates a buffer. It is registered with the memory maps, takes pages only where it is touched, and must be freed
 * with spdk_free(). Not meant for the path of an I/O.
 *
 * size: in bytes; 0 gives NULL. align: power of two; at least 64 is taken. unused: must be NULL. numa_id: node to
 * prefer, or SPDK_ENV_NUMA_ID_ANY. flags: SPDK_MALLOC_DMA, SPDK_MALLOC_SHARE or both.
 *
 * Returns NULL if an argument is wrong, if memory is short, or if env_opts.mem_size would be exceeded.
 */
void *spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);

/* As spdk_malloc(), and the buffer is zeroed; without touching it where its pages are new. */
void *spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);

/*
 * Moves a buffer into one of another size; as much of its content as fits is kept. buf NULL: allocates. size 0:
 * frees, and returns NULL. When NULL is returned for any other reason buf is unchanged.
 */
void *spdk_realloc(void *buf, size_t size, size_t align);

/* buf: from any of the functions of this group, or NULL. */
void spdk_free(void *buf);

/* The functions above with flags SPDK_MALLOC_DMA | SPDK_MALLOC_SHARE. */
void *spdk_dma_malloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
void *spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
void *spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused);
void spdk_dma_free(void *buf);

/*
 * Allocates a zeroed buffer that has a name, at a multiple of 64 or of align. Names have at most 31 characters and are
 * unique. flags has no effect on where memory comes from. Returns NULL on failure.
 */
void *spdk_memzone_reserve(const char *name, size_t len, int numa_id, unsigned int flags);
void *spdk_memzone_reserve_aligned(const char *name, size_t len, int numa_id, unsigned int flags, unsigned int align);

/* The zone of that name, or NULL. */
void *spdk_memzone_lookup(const char *name);

/* Returns 0, or -ENOENT if there is no zone of that name. */
int spdk_memzone_free(const char *name);

/* Prints a line for each zone. */
void spdk_memzone_dump(FILE *f);

/* ---- Memory that devices know: maps and registration ---- */

/* What happens to a piece of memory. */
enum spdk_mem_map_notify_action {
	SPDK_MEM_MAP_NOTIFY_REGISTER = 0,
	SPDK_MEM_MAP_NOTIFY_UNREGISTER = 1,
};

/*
 * Called for each piece of memory that comes or goes, so that the map's owner sets or clears its translation.
 * vaddr and size are multiples of 2 MiB. A value other than 0 refuses new memory. Runs in the thread that registers;
 * may use the maps, but not register memory itself.
 */
typedef int (*spdk_mem_map_notify_cb)(
	void *cb_ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr, size_t size);

/* Whether the translations of two neighbouring pieces of 2 MiB belong together (not 0) or not (0). */
typedef int (*spdk_mem_map_contiguous_translations)(uint64_t addr_1, uint64_t addr_2);

/* What the owner of a map provides. */
struct spdk_mem_map_ops {
	spdk_mem_map_notify_cb notify_cb;
	spdk_mem_map_contiguous_translations are_contiguous;
};

/*
 * Makes a map from addresses to 64-bit translations, one for each 2 MiB. Where none is set it gives
 * default_translation. ops or its members may be NULL. notify_cb is called at once for all memory that is registered.
 * Returns NULL if memory is short or notify_cb refused.
 */
struct spdk_mem_map *spdk_mem_map_alloc(uint64_t default_translation, const struct spdk_mem_map_ops *ops, void *cb_ctx);

/* Calls notify_cb to unregister everything, frees the map and sets *pmap to NULL. */
void spdk_mem_map_free(struct spdk_mem_map **pmap);

/*
 * Sets the translation of every 2 MiB of a range. vaddr and size: multiples of 2 MiB.
 * Returns 0, -EINVAL, or -ENOMEM, and then nothing has changed.
 */
int spdk_mem_map_set_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size, uint64_t translation);

/* Sets a range back to the default translation. */
int spdk_mem_map_clear_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size);

/*
 * Returns the translation of the 2 MiB that vaddr lies in. *size, if size is not NULL: in, the bytes wanted; out, how
 * many of them from vaddr on the translation is good for. Takes no lock.
 */
uint64_t spdk_mem_map_translate(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *size);

/*
 * Tells all maps of memory that was not allocated here, so that devices may reach it. vaddr, len: multiples of 2 MiB.
 * Returns 0; -EINVAL; -EBUSY if part of it is registered; -ENOMEM; or what a map's owner refused with. On failure
 * nothing is registered.
 */
int spdk_mem_register(void *vaddr, size_t len);

/*
 * Takes back registrations. The range must consist of whole ones.
 * Returns 0; -EINVAL if part of the range is not registered; -ERANGE if a registration lies only partly in it.
 */
int spdk_mem_unregister(void *vaddr, size_t len);

/* Makes sure that registering this range later cannot fail for want of memory for the maps. 0, -EINVAL, -EBUSY, -ENOMEM. */
int spdk_mem_reserve(void *vaddr, size_t len);

/*
 * Returns the physical address of buf, or SPDK_VTOPHYS_ERROR: it is known only for reserved huge pages, and only to
 * privileged processes. *size as in spdk_mem_map_translate().
 */
uint64_t spdk_vtophys(const void *buf, uint64_t *size);

/*
 * The file that holds a buffer of spdk_malloc(), for sharing it with another process. Returns its descriptor, which
 * stays ours, and in *offset the buffer's place; -ENOTSUP for ordinary memory, which has no file (reserved huge pages
 * do); -ENOENT for an address that spdk_malloc() did not give out.
 */
int spdk_mem_get_fd_and_offset(void *vaddr, uint64_t *offset);

/*
 * The NUMA node that buf lies on; SPDK_ENV_NUMA_ID_ANY while it has not been touched. *size, if size is not NULL: in,
 * the bytes of interest; out, for how many of them the answer is known.
 */
int32_t spdk_mem_get_numa_id(const void *buf, uint64_t *size);

/* Whether devices see memory through an IOMMU that this process manages. */
bool spdk_iommu_is_enabled(void);

/* Always true: processes do not share an environment. */
bool spdk_process_is_primary(void);

/* ---- Clock ---- */

/* Ticks since some time in the past; never goes back. */
uint64_t spdk_get_ticks(void);

/* Ticks in a second. Never changes. */
uint64_t spdk_get_ticks_hz(void);

/* Waits so many microseconds, without giving the CPU away. */
void spdk_delay_us(unsigned int us);

/* Tells the CPU that the caller spins. */
void spdk_pause(void);

/* ---- Cores, system threads and NUMA nodes ---- */

/* Number of cores of this process. */
uint32_t spdk_env_get_core_count(void);

/* The core that the calling system thread runs as; SPDK_ENV_LCORE_ID_ANY if it was not started as one. */
uint32_t spdk_env_get_current_core(void);

/* The core of the thread that called spdk_env_init(). */
uint32_t spdk_env_get_main_core(void);

/* Lowest and highest core, and the next one above another; SPDK_ENV_LCORE_ID_ANY if there is none. */
uint32_t spdk_env_get_first_core(void);
uint32_t spdk_env_get_last_core(void);
uint32_t spdk_env_get_next_core(uint32_t prev_core);

/* A loop over all cores of this process; i is a uint32_t. */
#define SPDK_ENV_FOREACH_CORE(i) \
	for ((i) = spdk_env_get_first_core(); (i) < SPDK_ENV_LCORE_ID_ANY; (i) = spdk_env_get_next_core(i))

/* Copies the set of all cores. */
void spdk_env_get_cpuset(struct spdk_cpuset *cpuset);

/* The CPUs that share a physical core with this core's (first) CPU, itself included. false: it is alone. */
bool spdk_env_core_get_smt_cpuset(struct spdk_cpuset *cpuset, uint32_t core);

/* NUMA node of a core; SPDK_ENV_NUMA_ID_ANY if there is no such core. The second name is the older one. */
int32_t spdk_env_get_numa_id(uint32_t core);
uint32_t spdk_env_get_socket_id(uint32_t core);

/* Lowest and highest NUMA node, and the next above another; INT32_MAX if there is none. */
int32_t spdk_env_get_first_numa_id(void);
int32_t spdk_env_get_last_numa_id(void);
int32_t spdk_env_get_next_numa_id(int32_t prev_numa_id);

/* A loop over all NUMA nodes that it may use; i is an int32_t. */
#define SPDK_ENV_FOREACH_NUMA_ID(i) \
	for ((i) = spdk_env_get_first_numa_id(); (i) < INT32_MAX; (i) = spdk_env_get_next_numa_id(i))

/* What a core runs. */
typedef int (*thread_start_fn)(void *);

/*
 * Starts a system thread on a core other than the main one and runs fn in it.
 * Returns 0, -EBUSY if something runs there already, -EINVAL if there is no such core, or another negative errno.
 */
int spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg);

/* Waits until all functions of spdk_env_thread_launch_pinned() have returned. */
void spdk_env_thread_wait_all(void);

/* Lets the calling system thread run on all CPUs of the process from now on. */
void spdk_unaffinitize_thread(void);

/* Runs cb in the calling thread, which may use all CPUs meanwhile, and returns its result; NULL for cb NULL. */
void *spdk_call_unaffinitized(void *cb(void *arg), void *arg);

/* The operating system's number of the calling thread. */
int spdk_get_tid(void);

/* ---- Rings: lock-free queues of pointers ---- */

/* Which side may be used by several threads at once. */
enum spdk_ring_type {
	/* One producer, one consumer. */
	SPDK_RING_TYPE_SP_SC = 0,
	/* Many producers, one consumer. */
	SPDK_RING_TYPE_MP_SC = 1,
	/* Many of both. */
	SPDK_RING_TYPE_MP_MC = 2,
};

/* Makes a ring that holds count pointers (at most 2^30). Returns NULL on failure. */
struct spdk_ring *spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id);

/* ring may be NULL. */
void spdk_ring_free(struct spdk_ring *ring);

/* Pointers in the ring; only a hint while others use it. */
size_t spdk_ring_count(struct spdk_ring *ring);

/*
 * Adds count pointers in order, all or none. *free_space, if not NULL: how many more fit afterwards.
 * Returns count, or 0 if they do not fit.
 */
size_t spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space);

/* Takes up to count pointers, oldest first. Returns how many. */
size_t spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count);

/* ---- Pools of elements of one size ---- */

/* Called for each element; obj_idx counts from 0. */
typedef void spdk_mempool_obj_cb_t(struct spdk_mempool *mp, void *opaque, void *obj, unsigned int obj_idx);

/* Called for each stretch of memory that elements lie in: address, I/O address, length in bytes, number from 0. */
typedef void spdk_mempool_mem_cb_t(
	struct spdk_mempool *mp, void *opaque, void *addr, uint64_t iova, size_t len, unsigned int mem_idx);

/*
 * Makes a pool of count elements of ele_size bytes each, at multiples of 64. They are not initialized. Memory of an
 * element is taken when it is first given out. Names have at most 28 characters and are unique. cache_size is a hint
 * and has no effect. Returns NULL on failure.
 */
struct spdk_mempool *spdk_mempool_create(
	const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id);

/* The same, and calls obj_init for every element before it returns; thereby all memory is taken at once. */
struct spdk_mempool *spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size, size_t cache_size,
	int numa_id, spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg);

/* The pool of that name, or NULL. */
struct spdk_mempool *spdk_mempool_lookup(const char *name);
char *spdk_mempool_get_name(struct spdk_mempool *mp);

/* All elements should be back. mp may be NULL. */
void spdk_mempool_free(struct spdk_mempool *mp);

/* Takes an element; NULL if none is left. Lock-free; from any thread. */
void *spdk_mempool_get(struct spdk_mempool *mp);

/* Takes count elements, all or none. Returns 0, or -ENOENT if there are not so many. */
int spdk_mempool_get_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);

/* Give elements back to the pool that they are from. */
void spdk_mempool_put(struct spdk_mempool *mp, void *ele);
void spdk_mempool_put_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);

/* Elements that are not in use; only a hint while others use the pool. */
size_t spdk_mempool_count(const struct spdk_mempool *pool);

/* Calls obj_cb for every element, in use or not. Returns their number. */
uint32_t spdk_mempool_obj_iter(struct spdk_mempool *mp, spdk_mempool_obj_cb_t obj_cb, void *obj_cb_arg);

/* Calls mem_cb for every stretch of memory of the pool. Returns their number. */
uint32_t spdk_mempool_mem_iter(struct spdk_mempool *mp, spdk_mempool_mem_cb_t mem_cb, void *mem_cb_arg);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ENV_H */
