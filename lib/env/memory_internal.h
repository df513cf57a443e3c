/* SPDX-License-Identifier: BSD-3-Clause */

/* Inside lib/env: from the kernel's pages to buffers. */

#ifndef BDEVKIT_ENV_MEMORY_INTERNAL_H
#define BDEVKIT_ENV_MEMORY_INTERNAL_H

#include "spdk/stdinc.h"
#include "spdk/queue.h"

/*
 * A stretch of address space that the kernel gave us: a multiple of 2 MiB long and aligned to it, so that it can be
 * registered with the memory maps. Its pages come when they are first touched, zeroed.
 */
struct region {
	uint8_t *start;
	size_t size;
	int numa_id;
	/* Reserved huge pages; then fd can be shared with other processes. Else -1. */
	bool huge;
	int fd;
	/* Of each 2 MiB whether it is pinned; NULL: none is. */
	bool *pinned;
	/* Which is not known: none may go. */
	bool keep_pages;
	TAILQ_ENTRY(region) tailq;
};

enum region_huge {
	REGION_HUGE_NEVER,
	/* Where the system has free ones, without a word if not. */
	REGION_HUGE_IF_FREE,
};

/* Where pages of a region may come from. */
struct region_policy {
	bool no_huge;
	bool enforce_numa;
};

void region_set_policy(const struct region_policy *policy);

/* Maps and registers at least size bytes. numa_id: SPDK_ENV_NUMA_ID_ANY or a node to prefer. NULL: errno says why. */
struct region *region_create(size_t size, int numa_id, enum region_huge huge);
void region_destroy(struct region *region);

/* Whether an address lies in reserved huge pages of ours. */
bool region_is_huge(const void *vaddr);
/*
 * Makes whole pages inside one region zero, and gives those to the kernel that nobody holds. Reserved huge pages are the
 * file's: giving them back would not clear them.
 */
void region_clear_pages(void *start, size_t len);
/* The file that an address lies in and where: its descriptor, -ENOTSUP for memory without a file, -ENOENT if not ours. */
int region_find_file(const void *vaddr, uint64_t *offset);

/* Number of NUMA nodes is 1 on most machines: then placement costs no system call. */
bool region_numa_matters(void);

/* What a caller of spdk_malloc() wants, after checks: size is not 0, align a power of two of at least 64. */
struct heap_request {
	size_t size;
	size_t align;
	int numa_id;
	/* For devices: may take reserved huge pages. */
	bool dma;
	bool zero;
};

void *heap_alloc(const struct heap_request *request);

/* false: buf is not a buffer of the heap. */
bool heap_free(void *buf);

/* What was asked for when buf was given out; 0 if it was not. */
size_t heap_get_size(const void *buf);

/* Bounds what spdk_malloc() and relatives give out altogether, in bytes; 0: no bound. */
void heap_set_limit(uint64_t bytes);

#endif /* BDEVKIT_ENV_MEMORY_INTERNAL_H */
