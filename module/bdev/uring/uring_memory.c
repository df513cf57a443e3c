/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/uring/uring_memory.h"

#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/string.h"
#include "lib/env/env_internal.h"

/* A chunk that has, or had, a slot. */
struct slot {
	/* As the map has it; 0: the slot is free. */
	uint64_t chunk;
	uint64_t vaddr;
	/* Rings that have it registered. */
	uint32_t rings;
	/* Its memory is gone; the slot is kept until no ring has it any more. */
	bool gone;
};

struct spdk_mem_map *g_uring_memory_map;
uint64_t g_uring_memory_epoch;

/* All below. Taken inside the registry's lock, and before the locks of lib/env for pages. */
static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static struct slot g_slots[URING_MEMORY_SLOTS];
static TAILQ_HEAD(, uring_memory) g_memories = TAILQ_HEAD_INITIALIZER(g_memories);
/* Without the bits of the slot. */
static uint64_t g_last_chunk;

/* ---- What the process has ---- */

static int
announce_chunks(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	int rc = 0;

	for (uint64_t pos = vaddr; pos < vaddr + size && rc == 0; pos += VALUE_2MB) {
		g_last_chunk += 1ULL << URING_MEMORY_SLOT_BITS;
		rc = spdk_mem_map_set_translation(map, pos, VALUE_2MB, g_last_chunk);
	}
	return rc;
}

static void
wake(void *ctx)
{
}

/* Rings that sleep would keep the pages. Their pollers do the rest; a message that cannot be sent only delays it. */
static void
wake_rings(void)
{
	struct uring_memory *memory;

	__atomic_add_fetch(&g_uring_memory_epoch, 1, __ATOMIC_RELAXED);
	TAILQ_FOREACH (memory, &g_memories, link) {
		spdk_thread_send_msg(memory->thread, wake, NULL);
	}
}

static void
withdraw_chunks(struct spdk_mem_map *map, uint64_t vaddr, uint64_t size)
{
	bool in_use = false;

	for (uint64_t pos = vaddr; pos < vaddr + size; pos += VALUE_2MB) {
		uint64_t chunk = spdk_mem_map_translate(map, pos, NULL);
		uint32_t slot = (uint32_t)(chunk & URING_MEMORY_SLOT_MASK);

		if (slot != 0 && g_slots[slot - 1].rings == 0) {
			g_slots[slot - 1].chunk = 0;
		} else if (slot != 0) {
			g_slots[slot - 1].gone = true;
			in_use = true;
		}
	}
	spdk_mem_map_clear_translation(map, vaddr, size);
	if (in_use) {
		wake_rings();
	}
}

static int
notify_cb(void *ctx, struct spdk_mem_map *map, enum spdk_mem_map_notify_action action, void *vaddr, size_t size)
{
	ENV_MUTEX_SCOPE(&g_lock);
	if (action == SPDK_MEM_MAP_NOTIFY_REGISTER) {
		return announce_chunks(map, (uintptr_t)vaddr, size);
	}
	withdraw_chunks(map, (uintptr_t)vaddr, size);
	return 0;
}

int
uring_memory_start(void)
{
	static const struct spdk_mem_map_ops ops = {.notify_cb = notify_cb};

	g_uring_memory_map = spdk_mem_map_alloc(0, &ops, NULL);
	return g_uring_memory_map != NULL ? 0 : -ENOMEM;
}

void
uring_memory_stop(void)
{
	spdk_mem_map_free(&g_uring_memory_map);
}

/* ---- What a ring has ---- */

void
uring_memory_init(struct uring_memory *memory, struct io_uring *ring)
{
	memset(memory, 0, sizeof(*memory));
	memory->ring = ring;
	memory->thread = spdk_get_thread();
	memory->epoch = __atomic_load_n(&g_uring_memory_epoch, __ATOMIC_RELAXED);
	memory->refused = io_uring_register_buffers_sparse(ring, URING_MEMORY_SLOTS) != 0;
	ENV_MUTEX_SCOPE(&g_lock);
	TAILQ_INSERT_TAIL(&g_memories, memory, link);
}

/* The ring no longer has what is in the slot. */
static void
leave_slot_locked(struct uring_memory *memory, uint32_t index)
{
	struct slot *slot = &g_slots[index];

	memory->registered[index] = 0;
	slot->rings--;
	if (slot->rings > 0) {
		return;
	}
	if (slot->gone) {
		*slot = (struct slot){0};
	} else {
		env_memory_unpin((void *)slot->vaddr);
	}
}

void
uring_memory_fini(struct uring_memory *memory)
{
	ENV_MUTEX_SCOPE(&g_lock);
	TAILQ_REMOVE(&g_memories, memory, link);
	for (uint32_t i = 0; i < URING_MEMORY_SLOTS; i++) {
		if (memory->registered[i] != 0) {
			leave_slot_locked(memory, i);
		}
	}
}

static int
update_slot(struct uring_memory *memory, uint32_t index, void *start, size_t len)
{
	struct iovec iov = {.iov_base = start, .iov_len = len};
	__u64 tag = 0;
	int rc = io_uring_register_buffers_update_tag(memory->ring, index, &iov, &tag, 1);

	return rc < 0 ? rc : 0;
}

void
uring_memory_clean_up(struct uring_memory *memory)
{
	memory->epoch = __atomic_load_n(&g_uring_memory_epoch, __ATOMIC_RELAXED);
	ENV_MUTEX_SCOPE(&g_lock);
	for (uint32_t i = 0; i < URING_MEMORY_SLOTS; i++) {
		/* A ring that its system thread has left cannot do it any more, but ends soon. */
		if (memory->registered[i] != 0 && g_slots[i].gone && update_slot(memory, i, NULL, 0) == 0) {
			leave_slot_locked(memory, i);
		}
	}
}

/* ---- Registration ---- */

/* Gives the chunk a slot if there is one. Returns the chunk as the map then has it, 0 for none. */
static uint64_t
obtain_slot_locked(uint64_t vaddr, uint64_t chunk)
{
	for (uint32_t i = 0; i < URING_MEMORY_SLOTS; i++) {
		if (g_slots[i].chunk != 0) {
			continue;
		}
		chunk = (chunk & ~URING_MEMORY_SLOT_MASK) | (i + 1);
		if (spdk_mem_map_set_translation(g_uring_memory_map, vaddr, VALUE_2MB, chunk) != 0) {
			return 0;
		}
		g_slots[i] = (struct slot){.chunk = chunk, .vaddr = vaddr};
		return chunk;
	}
	return 0;
}

static int
register_chunk(struct uring_memory *memory, uint64_t vaddr)
{
	uint64_t chunk;
	uint32_t index;
	int rc;

	ENV_MUTEX_SCOPE(&g_lock);
	chunk = spdk_mem_map_translate(g_uring_memory_map, vaddr, NULL);
	if (chunk != 0 && (chunk & URING_MEMORY_SLOT_MASK) == 0) {
		chunk = obtain_slot_locked(vaddr, chunk);
	}
	if (chunk == 0) {
		return -ENOSPC;
	}
	index = (uint32_t)(chunk & URING_MEMORY_SLOT_MASK) - 1;
	if (memory->registered[index] != 0) {
		/* Gone from the process, and not cleaned up yet. */
		return -EAGAIN;
	}
	/* First: from here on the pages stay what they are. */
	if (g_slots[index].rings == 0) {
		env_memory_pin((void *)vaddr);
	}
	g_slots[index].rings++;
	memory->registered[index] = chunk;
	rc = update_slot(memory, index, (void *)vaddr, VALUE_2MB);
	if (rc != 0) {
		leave_slot_locked(memory, index);
		return rc;
	}
	return (int)index;
}

int
uring_memory_consider(struct uring_memory *memory, uint64_t vaddr, uint64_t chunk)
{
	uint64_t number = chunk >> URING_MEMORY_SLOT_BITS;
	uint32_t i = (uint32_t)(number % URING_MEMORY_CANDIDATES);
	int slot;

	if (memory->candidates[i].chunk != number) {
		memory->candidates[i].chunk = number;
		memory->candidates[i].uses = 0;
	}
	if (++memory->candidates[i].uses < URING_MEMORY_WORTH) {
		return -1;
	}
	memory->candidates[i].uses = 0;
	slot = register_chunk(memory, vaddr & ~MASK_2MB);
	if (slot < 0 && slot != -ENOSPC && slot != -EAGAIN) {
		SPDK_INFOLOG(bdev_uring, "The kernel registers no more memory: %s\n", spdk_strerror(-slot));
		memory->refused = true;
	}
	return slot >= 0 ? slot : -1;
}
