/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Fences: pages that nobody may touch, right behind or right in front of a buffer. Who reads past an iovec is caught
 * where he does it, even if nothing comes of it.
 */

#include "app/bdevkit/check/check.h"

#include <sys/mman.h>

#define MAX_FENCES 64
#define ROUNDS 16
#define MAX_BYTES (64U << 10)

static struct {
	const uint8_t *start;
	size_t size;
} g_fences[MAX_FENCES];

/* The I/O that is under way, for the report. */
static struct check_io *g_io;
static struct check *g_check;
static struct sigaction g_old_action;

void
check_fence_add(const void *start, size_t size)
{
	for (size_t i = 0; i < MAX_FENCES; i++) {
		if (g_fences[i].start == NULL) {
			g_fences[i].size = size;
			g_fences[i].start = start;
			return;
		}
	}
	abort();
}

void
check_fence_remove(const void *start)
{
	for (size_t i = 0; i < MAX_FENCES; i++) {
		if (g_fences[i].start == start) {
			g_fences[i].start = NULL;
		}
	}
}

/* Who touches a fence ends the check: there is no way to go on behind it. The report is all that is still made. */
static void
touched_cb(int signal_number, siginfo_t *info, void *context)
{
	const uint8_t *place = info->si_addr;

	for (size_t i = 0; i < MAX_FENCES && g_check != NULL; i++) {
		if (g_fences[i].start != NULL && place >= g_fences[i].start &&
			place < g_fences[i].start + g_fences[i].size) {
			check_expect(g_check, check_rule(g_check, RULE_IO_FENCES), false, g_io,
				"a byte that is not its own was touched");
			check_give_up(g_check);
		}
	}
	/* Not ours: the instruction runs into it again. */
	sigaction(signal_number, &g_old_action, NULL);
}

void
check_fence_watch(struct check *check)
{
	struct sigaction action = {.sa_sigaction = touched_cb, .sa_flags = SA_SIGINFO};

	g_check = check;
	if (check != NULL) {
		sigaction(SIGSEGV, &action, &g_old_action);
	} else {
		sigaction(SIGSEGV, &g_old_action, NULL);
	}
}

void
check_fence_io(struct check_io *io)
{
	g_io = io;
}

/* One buffer that ends, or begins, at a fence; metadata that is kept apart at another one. */
struct fenced {
	uint8_t *map;
	size_t size;
	struct check_data data;
};

static uint8_t *
place_buffer(struct fenced *fenced, size_t first_page, size_t pages, size_t length, bool behind)
{
	const size_t page = 4096;
	uint8_t *start = fenced->map + first_page * page, *end = start + pages * page;

	mprotect(start - page, page, PROT_NONE);
	mprotect(end, page, PROT_NONE);
	return behind ? end - length : start;
}

static void
make_fenced(struct check *check, struct fenced *fenced, uint64_t blocks, bool behind)
{
	size_t length = blocks * check->block_size, md_length = blocks * check->separate_md_size;
	size_t pages = (length + 4095) / 4096, md_pages = (md_length + 4095) / 4096;

	fenced->size = (pages + md_pages + 3) * 4096;
	fenced->map = mmap(NULL, fenced->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fenced->map == MAP_FAILED) {
		abort();
	}
	fenced->data = (struct check_data){.blocks = blocks, .iovcnt = 1};
	fenced->data.iovs[0] = (struct iovec){place_buffer(fenced, 1, pages, length, behind), length};
	if (md_length > 0) {
		fenced->data.md = place_buffer(fenced, pages + 2, md_pages, md_length, behind);
	}
	check_fence_add(fenced->map, fenced->size);
}

static void
free_fenced(struct fenced *fenced)
{
	check_fence_remove(fenced->map);
	munmap(fenced->map, fenced->size);
}

static void
exchange(struct check *check, uint64_t offset, uint64_t blocks, bool behind)
{
	struct check_rule *rule = check_rule(check, RULE_IO_FENCES);
	struct fenced fenced;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks};

	make_fenced(check, &fenced, blocks, behind);
	io.data = &fenced.data;
	check_data_fill(check, &fenced.data, offset, ++check->last_generation);
	check_fence_io(&io);
	check_io_succeeds(rule, &io);
	check_know(check, offset, blocks, io.success ? check->last_generation : CHECK_UNKNOWN);
	io.type = SPDK_BDEV_IO_TYPE_READ;
	io.channel = (unsigned int)session_random(SESSION_NUM_THREADS);
	check_io_succeeds(rule, &io);
	check_expect(check, rule, check_data_find_wrong(check, &fenced.data, offset) == UINT64_MAX, &io,
		"a block holds something else");
	check_fence_io(NULL);
	free_fenced(&fenced);
}

void
check_fences(struct check *check)
{
	uint64_t unit = check_unit(check);
	uint64_t most = check->area / unit;

	if (most > MAX_BYTES / check->block_size / unit + 1) {
		most = MAX_BYTES / check->block_size / unit + 1;
	}
	for (int i = 0, rounds = check_rounds(check, ROUNDS); i < rounds; i++) {
		uint64_t blocks = (1 + session_random(most)) * unit;

		exchange(check, session_random((check->area - blocks) / unit + 1) * unit, blocks, i % 4 != 0);
	}
}
