/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_ENV_H
#define SPDK_ENV_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* macro SPDK_ENV_FOREACH_CORE(i) */
/* macro SPDK_ENV_FOREACH_NUMA_ID(i) */
#define SPDK_ENV_LCORE_ID_ANY (UINT32_MAX)
#define SPDK_ENV_NUMA_ID_ANY (-1)
#define SPDK_ENV_SOCKET_ID_ANY (-1)
#define SPDK_MALLOC_DMA 0x01
#define SPDK_MALLOC_SHARE 0x02
#define SPDK_MAX_MEMPOOL_NAME_LEN 29
#define SPDK_MAX_MEMZONE_NAME_LEN 32
#define SPDK_MEMPOOL_DEFAULT_CACHE_SIZE SIZE_MAX
#define SPDK_MEMZONE_NO_IOVA_CONTIG 0x00100000
#define SPDK_VTOPHYS_ERROR (0xFFFFFFFFFFFFFFFFULL)

enum spdk_mem_map_notify_action {
	SPDK_MEM_MAP_NOTIFY_REGISTER = 0,
	SPDK_MEM_MAP_NOTIFY_UNREGISTER = 1,
};


enum spdk_ring_type {
	SPDK_RING_TYPE_SP_SC = 0,
	SPDK_RING_TYPE_MP_SC = 1,
	SPDK_RING_TYPE_MP_MC = 2,
};

struct _spdk_pci_device_internal;
struct spdk_cpuset;
struct spdk_env_opts;
struct spdk_mem_map;
struct spdk_mem_map_ops;
struct spdk_mempool;
struct spdk_pci_addr;
struct spdk_pci_device;
struct spdk_pci_device_provider;
struct spdk_pci_driver;
struct spdk_pci_event;
struct spdk_pci_id;
struct spdk_ring;

typedef int (*spdk_mem_map_contiguous_translations)(uint64_t addr_1, uint64_t addr_2);
typedef int (*spdk_mem_map_notify_cb)(void *cb_ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr, size_t size);
typedef void spdk_mempool_mem_cb_t(struct spdk_mempool *mp, void *opaque, void *addr, uint64_t iova, size_t len, unsigned int mem_idx);
typedef void spdk_mempool_obj_cb_t(struct spdk_mempool *mp, void *opaque, void *obj, unsigned int obj_idx);
typedef int (*thread_start_fn)(void *);

struct spdk_env_opts {
	const char *name;
	const char *core_mask;
	const char *lcore_map;
	int shm_id;
	int mem_channel;
	int main_core;
	int mem_size;
	bool no_pci;
	bool hugepage_single_segments;
	bool unlink_hugepage;
	bool no_huge;
	uint32_t reserved;
	size_t num_pci_addr;
	const char *hugedir;
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	const char *iova_mode;
	uint64_t base_virtaddr;
	void *env_context;
	const char *vf_token;
	size_t opts_size;
	bool enforce_numa;
	uint8_t reserved2[7];
};

struct spdk_mem_map_ops {
	spdk_mem_map_notify_cb notify_cb;
	spdk_mem_map_contiguous_translations are_contiguous;
};






void *spdk_call_unaffinitized(void *cb(void *), void *arg);
void spdk_delay_us(unsigned int us);
void spdk_dma_free(void *buf);
void *spdk_dma_malloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_malloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
void *spdk_dma_realloc(void *buf, size_t size, size_t align, uint64_t *unused);
void *spdk_dma_zmalloc(size_t size, size_t align, uint64_t *unused);
void *spdk_dma_zmalloc_socket(size_t size, size_t align, uint64_t *unused, int numa_id);
bool spdk_env_core_get_smt_cpuset(struct spdk_cpuset *cpuset, uint32_t core);
void spdk_env_fini(void);
uint32_t spdk_env_get_core_count(void);
void spdk_env_get_cpuset(struct spdk_cpuset *cpuset);
uint32_t spdk_env_get_current_core(void);
uint32_t spdk_env_get_first_core(void);
int32_t spdk_env_get_first_numa_id(void);
uint32_t spdk_env_get_last_core(void);
int32_t spdk_env_get_last_numa_id(void);
uint32_t spdk_env_get_main_core(void);
uint32_t spdk_env_get_next_core(uint32_t prev_core);
int32_t spdk_env_get_next_numa_id(int32_t prev_numa_id);
int32_t spdk_env_get_numa_id(uint32_t core);
uint32_t spdk_env_get_socket_id(uint32_t core);
int spdk_env_init(const struct spdk_env_opts *opts);
void spdk_env_opts_init(struct spdk_env_opts *opts);
int spdk_env_thread_launch_pinned(uint32_t core, thread_start_fn fn, void *arg);
void spdk_env_thread_wait_all(void);
void spdk_free(void *buf);
uint64_t spdk_get_ticks(void);
uint64_t spdk_get_ticks_hz(void);
int spdk_get_tid(void);
bool spdk_iommu_is_enabled(void);
void *spdk_malloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);
int spdk_mem_get_fd_and_offset(void *vaddr, uint64_t *offset);
int32_t spdk_mem_get_numa_id(const void *buf, uint64_t *size);
struct spdk_mem_map *spdk_mem_map_alloc(uint64_t default_translation, const struct spdk_mem_map_ops *ops, void *cb_ctx);
int spdk_mem_map_clear_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size);
void spdk_mem_map_free(struct spdk_mem_map **pmap);
int spdk_mem_map_set_translation(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size, uint64_t translation);
uint64_t spdk_mem_map_translate(const struct spdk_mem_map *map, uint64_t vaddr, uint64_t *size);
int spdk_mem_register(void *vaddr, size_t len);
int spdk_mem_reserve(void *vaddr, size_t len);
int spdk_mem_unregister(void *vaddr, size_t len);
size_t spdk_mempool_count(const struct spdk_mempool *pool);
struct spdk_mempool *spdk_mempool_create(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id);
struct spdk_mempool *spdk_mempool_create_ctor(const char *name, size_t count, size_t ele_size, size_t cache_size, int numa_id, spdk_mempool_obj_cb_t *obj_init, void *obj_init_arg);
void spdk_mempool_free(struct spdk_mempool *mp);
void *spdk_mempool_get(struct spdk_mempool *mp);
int spdk_mempool_get_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);
char *spdk_mempool_get_name(struct spdk_mempool *mp);
struct spdk_mempool *spdk_mempool_lookup(const char *name);
uint32_t spdk_mempool_mem_iter(struct spdk_mempool *mp, spdk_mempool_mem_cb_t mem_cb, void *mem_cb_arg);
uint32_t spdk_mempool_obj_iter(struct spdk_mempool *mp, spdk_mempool_obj_cb_t obj_cb, void *obj_cb_arg);
void spdk_mempool_put(struct spdk_mempool *mp, void *ele);
void spdk_mempool_put_bulk(struct spdk_mempool *mp, void **ele_arr, size_t count);
void spdk_memzone_dump(FILE *f);
int spdk_memzone_free(const char *name);
void *spdk_memzone_lookup(const char *name);
void *spdk_memzone_reserve(const char *name, size_t len, int numa_id, unsigned int flags);
void *spdk_memzone_reserve_aligned(const char *name, size_t len, int numa_id, unsigned int flags, unsigned int align);
void spdk_pause(void);
bool spdk_process_is_primary(void);
void *spdk_realloc(void *buf, size_t size, size_t align);
size_t spdk_ring_count(struct spdk_ring *ring);
struct spdk_ring *spdk_ring_create(enum spdk_ring_type type, size_t count, int numa_id);
size_t spdk_ring_dequeue(struct spdk_ring *ring, void **objs, size_t count);
size_t spdk_ring_enqueue(struct spdk_ring *ring, void **objs, size_t count, size_t *free_space);
void spdk_ring_free(struct spdk_ring *ring);
void spdk_unaffinitize_thread(void);
uint64_t spdk_vtophys(const void *buf, uint64_t *size);
void *spdk_zmalloc(size_t size, size_t align, uint64_t *unused, int numa_id, uint32_t flags);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_ENV_H */
