/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The allocation functions of the C library, forwarded to themselves, so that strict mode sees who calls them. Not part
 * of the library: the program bdevkit has them, and libbdevkit-strict.so, which is to be preloaded into others.
 */

#include "spdk/stdinc.h"
#include "spdk/likely.h"

#include <malloc.h>

extern void (*bdk_strict_malloc_hook)(const void *caller);
void (*bdk_strict_malloc_hook)(const void *caller) __attribute__((visibility("default")));

/* What they are called inside the GNU C library. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

#define EXPORT __attribute__((visibility("default")))

static inline void
tell(const void *caller)
{
	if (spdk_unlikely(bdk_strict_malloc_hook != NULL)) {
		bdk_strict_malloc_hook(caller);
	}
}

#define TELL() tell((const char *)__builtin_return_address(0) - 1)

EXPORT void *
malloc(size_t size)
{
	TELL();
	return __libc_malloc(size);
}

EXPORT void *
calloc(size_t count, size_t size)
{
	TELL();
	return __libc_calloc(count, size);
}

EXPORT void *
realloc(void *ptr, size_t size)
{
	TELL();
	return __libc_realloc(ptr, size);
}

EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
	TELL();
	return __libc_memalign(alignment, size);
}

EXPORT void *
memalign(size_t alignment, size_t size)
{
	TELL();
	return __libc_memalign(alignment, size);
}

EXPORT int
posix_memalign(void **ptr, size_t alignment, size_t size)
{
	void *memory;

	TELL();
	if (alignment == 0 || alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) {
		return EINVAL;
	}
	memory = __libc_memalign(alignment, size);
	if (memory == NULL) {
		return ENOMEM;
	}
	*ptr = memory;
	return 0;
}
