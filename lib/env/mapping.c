/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/env/mapping.h"

#include "spdk/util.h"

#include <sys/mman.h>

static size_t
page_size(void)
{
	static size_t size;

	if (size == 0) {
		size = sysconf(_SC_PAGESIZE);
	}
	return size;
}

void *
env_mapping_create(size_t size, size_t align)
{
	size_t reserved, head;
	uint8_t *addr, *aligned;

	size = SPDK_ALIGN_CEIL(size, page_size());
	align = spdk_max(align, page_size());
	if (size == 0 || size > SIZE_MAX - align) {
		return NULL;
	}

	/* Without MAP_NORESERVE: a size that can never be filled is refused now, not by a kill later. */
	reserved = size + align - page_size();
	addr = mmap(NULL, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr == MAP_FAILED) {
		return NULL;
	}

	aligned = (uint8_t *)SPDK_ALIGN_CEIL((uintptr_t)addr, (uintptr_t)align);
	head = aligned - addr;
	if (head > 0) {
		munmap(addr, head);
	}
	if (reserved - head > size) {
		munmap(aligned + size, reserved - head - size);
	}
	return aligned;
}

void
env_mapping_destroy(void *addr, size_t size)
{
	if (addr != NULL) {
		munmap(addr, SPDK_ALIGN_CEIL(size, page_size()));
	}
}

void
env_mapping_discard(void *addr, size_t size)
{
	uintptr_t begin = (uintptr_t)addr;
	uintptr_t end = begin + size;
	uintptr_t first_page = SPDK_ALIGN_CEIL(begin, (uintptr_t)page_size());
	uintptr_t last_page = SPDK_ALIGN_FLOOR(end, (uintptr_t)page_size());

	if (first_page >= last_page || madvise((void *)first_page, last_page - first_page, MADV_DONTNEED) != 0) {
		memset(addr, 0, size);
		return;
	}
	memset(addr, 0, first_page - begin);
	memset((void *)last_page, 0, end - last_page);
}
