/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Memory for keys. All of it lies in one stretch of address space, so that an address tells whether it is secret, and is
 * taken from the system as far as it is used. Pieces have sizes of powers of two; those that were freed are kept for
 * others of their size.
 */

#include "spdk/stdinc.h"

#include "spdk/util.h"

#include "lib/env/env_internal.h"

/* Address space, of which nothing is used yet: the handles of 1000 keys on 30 threads. */
#define SECRET_SPACE (256UL * 1024 * 1024)
/* Taken from the system at a time. */
#define SECRET_STEP (64UL * 1024)
#define SECRET_MIN_ORDER 6
#define SECRET_MAX_ORDER 16

/* In front of each piece. */
struct secret_piece {
	uint32_t order;
	/* Of those that are free. */
	struct secret_piece *next;
} __attribute__((aligned(16)));

static struct {
	struct env_mutex lock;
	/* NULL: there is none yet. */
	char *start;
	/* Given out so far, and taken from the system so far. */
	size_t used;
	size_t usable;
	struct secret_piece *free[SECRET_MAX_ORDER + 1];
} g_secret = {.lock = ENV_MUTEX_INITIALIZER};

/* The lock is held. */
static bool
reserve_space(void)
{
	void *start;

	if (g_secret.start != NULL) {
		return true;
	}
	start = mmap(NULL, SECRET_SPACE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED) {
		return false;
	}
	if (madvise(start, SECRET_SPACE, MADV_DONTDUMP) != 0) {
		munmap(start, SECRET_SPACE);
		return false;
	}
	__atomic_store_n(&g_secret.start, start, __ATOMIC_RELEASE);
	return true;
}

/* The lock is held. */
static bool
make_usable(size_t end)
{
	while (g_secret.usable < end) {
		char *next = g_secret.start + g_secret.usable;

		if (g_secret.usable == SECRET_SPACE || mprotect(next, SECRET_STEP, PROT_READ | PROT_WRITE) != 0) {
			return false;
		}
		/* Out of swap as far as the limit of the process allows; what is beyond it is secret all the same. */
		(void)mlock(next, SECRET_STEP);
		g_secret.usable += SECRET_STEP;
	}
	return true;
}

static struct secret_piece *
take_piece(uint32_t order)
{
	struct secret_piece *piece;

	ENV_MUTEX_SCOPE(&g_secret.lock);
	piece = g_secret.free[order];
	if (piece != NULL) {
		g_secret.free[order] = piece->next;
		return piece;
	}
	if (!reserve_space() || !make_usable(g_secret.used + (1UL << order))) {
		return NULL;
	}
	piece = (struct secret_piece *)(g_secret.start + g_secret.used);
	g_secret.used += 1UL << order;
	piece->order = order;
	return piece;
}

void *
env_secret_alloc(size_t size)
{
	uint32_t order = SECRET_MIN_ORDER;
	struct secret_piece *piece;

	if (size > (1UL << SECRET_MAX_ORDER) - sizeof(*piece)) {
		return NULL;
	}
	while ((1UL << order) - sizeof(*piece) < size) {
		order++;
	}
	piece = take_piece(order);
	if (piece == NULL) {
		return NULL;
	}
	piece->next = NULL;
	return piece + 1;
}

static size_t
get_size(const struct secret_piece *piece)
{
	return (1UL << piece->order) - sizeof(*piece);
}

void *
env_secret_realloc(void *secret, size_t size)
{
	const struct secret_piece *piece;
	void *moved;

	if (secret == NULL) {
		return env_secret_alloc(size);
	}
	piece = (const struct secret_piece *)secret - 1;
	if (size <= get_size(piece)) {
		return secret;
	}
	moved = env_secret_alloc(size);
	if (moved != NULL) {
		memcpy(moved, secret, get_size(piece));
		env_secret_free(secret);
	}
	return moved;
}

void
env_secret_free(void *secret)
{
	struct secret_piece *piece;

	if (secret == NULL) {
		return;
	}
	piece = (struct secret_piece *)secret - 1;
	explicit_bzero(secret, get_size(piece));
	ENV_MUTEX_SCOPE(&g_secret.lock);
	piece->next = g_secret.free[piece->order];
	g_secret.free[piece->order] = piece;
}

bool
env_secret_owns(const void *address)
{
	const char *start = __atomic_load_n(&g_secret.start, __ATOMIC_ACQUIRE);

	return start != NULL && (const char *)address >= start && (const char *)address < start + SECRET_SPACE;
}
