/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory that is registered with the kernel, so that it need not look up and hold the pages of each buffer for each I/O.
 *
 * What is registered is found out by use: chunks of 2 MiB of spdk_malloc()'s memory, or of memory that was given to
 * spdk_mem_register(), in which many of a ring's buffers lie. Registration makes all pages of a chunk resident, so what
 * is not used for I/O is left alone. It is never required: where the kernel refuses it (RLIMIT_MEMLOCK), all works as well,
 * but a little slower.
 *
 * All rings of the process number the chunks alike: the slot of a chunk stands in a memory map, and a ring knows which
 * chunks it has registered in which slots. Memory that is given back takes its slots with it, and each chunk has a
 * number that no other one gets, so that what comes to its address later is not taken for it.
 */

#ifndef MODULE_BDEV_URING_MEMORY_H
#define MODULE_BDEV_URING_MEMORY_H

#include "spdk/stdinc.h"
#include "spdk/memory.h"
#include "spdk/thread.h"

#include <liburing.h>

/* 1 GiB. Each chunk is resident as long as it is registered. */
#define URING_MEMORY_SLOTS 512

/* Chunks that are being counted, as they may become worth to be registered. */
#define URING_MEMORY_CANDIDATES 64

/* Buffers that a ring has to see in a chunk before it registers it. */
#define URING_MEMORY_WORTH 64

#define URING_MEMORY_SLOT_BITS 16
#define URING_MEMORY_SLOT_MASK ((1ULL << URING_MEMORY_SLOT_BITS) - 1)

/* What a ring knows. */
struct uring_memory {
	struct io_uring *ring;
	struct spdk_thread *thread;
	/* The chunk in a slot, as the map has it; 0: none. */
	uint64_t registered[URING_MEMORY_SLOTS];
	struct {
		uint64_t chunk;
		uint32_t uses;
	} candidates[URING_MEMORY_CANDIDATES];
	/* The kernel takes no more, or none at all. */
	bool refused;
	uint64_t epoch;
	TAILQ_ENTRY(uring_memory) link;
};

/* Of each chunk: its number, and in the low bits its slot plus 1 if it has one. 0: none of ours. */
extern struct spdk_mem_map *g_uring_memory_map;
/* Changes when memory goes that some ring may have registered. */
extern uint64_t g_uring_memory_epoch;

/* Starts and ends it all. Returns 0 or a negative errno. */
int uring_memory_start(void);
void uring_memory_stop(void);

/* For a ring that has just been made, on its thread. A kernel without such tables is no error. */
void uring_memory_init(struct uring_memory *memory, struct io_uring *ring);
/* After the end of the ring. */
void uring_memory_fini(struct uring_memory *memory);

/* Counts a buffer in a chunk that is not registered, and registers it perhaps. Returns its slot or -1. */
int uring_memory_consider(struct uring_memory *memory, uint64_t vaddr, uint64_t chunk);

/* Gives back what is gone from the process. */
void uring_memory_clean_up(struct uring_memory *memory);

/* The slot that the kernel knows the buffer by, or -1. */
static inline int
uring_memory_find(struct uring_memory *memory, const void *buf, size_t len)
{
	uint64_t vaddr = (uintptr_t)buf;
	uint64_t chunk;
	uint32_t slot;

	if ((vaddr ^ (vaddr + len - 1)) >> SHIFT_2MB) {
		return -1;
	}
	chunk = spdk_mem_map_translate(g_uring_memory_map, vaddr, NULL);
	if (chunk == 0) {
		return -1;
	}
	slot = (uint32_t)(chunk & URING_MEMORY_SLOT_MASK);
	if (slot != 0 && memory->registered[slot - 1] == chunk) {
		return (int)slot - 1;
	}
	return memory->refused ? -1 : uring_memory_consider(memory, vaddr, chunk);
}

/* To be called now and then. */
static inline void
uring_memory_poll(struct uring_memory *memory)
{
	if (memory->epoch != __atomic_load_n(&g_uring_memory_epoch, __ATOMIC_RELAXED)) {
		uring_memory_clean_up(memory);
	}
}

#endif /* MODULE_BDEV_URING_MEMORY_H */
