/* SPDX-License-Identifier: BSD-3-Clause */

/* A disk in memory that breaks one rule, chosen by the parameter "fault" of bdev_broken_create; "none" breaks none. */

#include "broken.h"

#include <signal.h>

#include "bdevkit/rpc.h"
#include "spdk/dif.h"

enum fault {
#define FAULT_ID(id, name) FAULT_##id,
	DISK_FAULTS(FAULT_ID)
#undef FAULT_ID
};

static const struct bdk_rpc_value g_faults[] = {
#define FAULT_NAME(id, name) {name, FAULT_##id},
	DISK_FAULTS(FAULT_NAME)
#undef FAULT_NAME
		{NULL, 0},
};

struct channel {
	/* Of FAULT_STALE_CACHE: what this thread has read first of each block. */
	uint8_t *cache;
	bool *cached;
	/* Of FAULT_LEAKS_BUFFER. */
	struct spdk_iobuf_channel iobuf;
};

static struct spdk_bdev g_bdev;
static enum fault g_fault;
static bool g_page_cache;
static uint32_t g_block_size;
static uint8_t *g_data, *g_md;
/* Of FAULT_STALE_HOLES and FAULT_SEEKS_TOO_FAR. */
static bool g_holes[NUM_BLOCKS];
static uint64_t g_num_reads, g_num_writes, g_num_resets;
/* The last read, which has been completed. */
static struct spdk_bdev_io *g_old_io;
static void *g_leak;
static char g_name[] = "broken";

static int module_init(void);
static void module_fini(void);
static int get_ctx_size(void);

static struct spdk_bdev_module g_module = {
	.name = "broken",
	.module_init = module_init,
	.module_fini = module_fini,
	.get_ctx_size = get_ctx_size,
};

SPDK_BDEV_MODULE_REGISTER(broken, &g_module)

/* Rarely, and not with the first writes: only a load finds it. */
static bool
happens_now(void)
{
	return g_num_writes > 500 && g_num_writes % 40 == 0;
}

static uint8_t *
block_at(uint64_t block)
{
	return g_data + block * g_block_size;
}

/* ---- ways to complete an I/O ---- */

static void
complete_later_cb(void *ctx)
{
	spdk_bdev_io_complete(ctx, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
complete(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct spdk_thread *thread = spdk_get_thread(), *app = spdk_thread_get_app_thread();

	if (g_fault == FAULT_WRONG_THREAD && thread != app && g_num_writes % 40 == 0) {
		spdk_thread_send_msg(app, complete_later_cb, bdev_io);
		return;
	}
	if (g_fault == FAULT_COMPLETES_TWICE && g_num_writes > 100 && g_num_writes % 40 == 0) {
		spdk_thread_send_msg(thread, complete_later_cb, bdev_io);
	}
	if (g_fault == FAULT_BAD_STATUS && happens_now()) {
		status = 42;
	}
	if (g_fault == FAULT_CRASHES && happens_now()) {
		/* As happens to who writes to a buffer that it does not have. */
		raise(SIGSEGV);
	}
	spdk_bdev_io_complete(bdev_io, status);
}

/* Whether its protection information is. */
static bool
is_right(struct spdk_bdev_io *bdev_io)
{
	struct spdk_dif_ctx_init_ext_opts opts = {.size = SPDK_SIZEOF(&opts, dif_pi_format)};
	struct spdk_dif_error error;
	struct spdk_dif_ctx ctx;

	if (!WITH_DIF(g_fault) || bdev_io->u.bdev.dif_check_flags == 0 || g_fault == FAULT_CHECKS_NO_TAGS) {
		return true;
	}
	return spdk_dif_ctx_init(&ctx, g_bdev.blocklen, g_bdev.md_len, true, false, g_bdev.dif_type,
		       bdev_io->u.bdev.dif_check_flags, (uint32_t)bdev_io->u.bdev.offset_blocks, 0xffff, 0, 0, 0,
		       &opts) == 0 &&
		spdk_dif_verify(bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, (uint32_t)bdev_io->u.bdev.num_blocks,
			&ctx, &error) == 0;
}

/* ---- reads ---- */

static void
read_metadata(struct spdk_bdev_io *bdev_io)
{
	uint64_t offset = bdev_io->u.bdev.offset_blocks;

	if (bdev_io->u.bdev.md_buf != NULL) {
		memcpy(bdev_io->u.bdev.md_buf, g_md + offset * MD_SIZE, bdev_io->u.bdev.num_blocks * MD_SIZE);
	}
}

static uint8_t *
read_from(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct channel *channel = spdk_io_channel_get_ctx(ch);
	uint64_t offset = bdev_io->u.bdev.offset_blocks, count = bdev_io->u.bdev.num_blocks;

	if (g_fault != FAULT_STALE_CACHE) {
		return block_at(offset);
	}
	for (uint64_t i = offset; i < offset + count; i++) {
		if (!channel->cached[i] || i >= 16) {
			memcpy(channel->cache + i * g_block_size, block_at(i), g_block_size);
			channel->cached[i] = g_num_writes > 500;
		}
	}
	return channel->cache + offset * g_block_size;
}

/* The second half of each block is read later than the first. */
static void
read_second_half_cb(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;
	size_t half = g_block_size / 2;

	for (uint64_t i = 0; i < bdev_io->u.bdev.num_blocks; i++) {
		memcpy((uint8_t *)bdev_io->u.bdev.iovs[0].iov_base + i * g_block_size + half,
			block_at(bdev_io->u.bdev.offset_blocks + i) + half, half);
	}
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
buffer_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	const uint8_t *data = read_from(ch, bdev_io);
	int last = bdev_io->u.bdev.iovcnt - 1;

	g_old_io = bdev_io;
	for (int i = 0; success && i <= last; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];
		size_t length = iov->iov_len;

		if (g_fault == FAULT_SHORT_READ && i == last && happens_now()) {
			length /= 2;
		}
		memcpy(iov->iov_base, data, length);
		data += iov->iov_len;
		if (g_fault == FAULT_WRITES_BEYOND_BUFFER && i == last) {
			((uint8_t *)iov->iov_base)[iov->iov_len] = 0;
		}
	}
	read_metadata(bdev_io);
	if (g_fault == FAULT_TEARS_READS && success && last == 0) {
		spdk_thread_send_msg(spdk_get_thread(), read_second_half_cb, bdev_io);
		return;
	}
	complete(bdev_io, success && is_right(bdev_io) ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
submit_read(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct channel *channel = spdk_io_channel_get_ctx(ch);

	if (g_fault == FAULT_NEVER_ENDS && g_num_reads++ == 300) {
		return;
	}
	if (bdev_io->u.bdev.offset_blocks + bdev_io->u.bdev.num_blocks > NUM_BLOCKS) {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (g_fault == FAULT_LEAKS_BUFFER && g_num_writes > 1000 && g_num_reads++ == 0) {
		spdk_iobuf_get(&channel->iobuf, 4096, NULL, NULL);
	}
	spdk_bdev_io_get_buf(bdev_io, buffer_cb, bdev_io->u.bdev.num_blocks * g_block_size);
}

/* ---- writes ---- */

static uint64_t
cpu_time_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What has nothing to do with the data. */
static void
misbehave(struct spdk_bdev_io *bdev_io)
{
	static uint8_t sum;
	struct iovec *last = &bdev_io->u.bdev.iovs[bdev_io->u.bdev.iovcnt - 1];
	uint64_t until;

	switch (g_fault) {
	case FAULT_READS_PAST_IOV:
		sum ^= ((volatile uint8_t *)last->iov_base)[last->iov_len];
		break;
	case FAULT_BLOCKS:
		/* By the time that it has a CPU: a busy machine must not make less of it. */
		until = cpu_time_ms() + 500;
		while (g_num_writes == 300 && cpu_time_ms() < until) {
		}
		break;
	case FAULT_ALLOCATES:
		free(memset(malloc(100), 0, 100));
		break;
	case FAULT_LEAKS_MEMORY: {
		void **leak = malloc(100);

		*leak = g_leak;
		g_leak = leak;
		break;
	}
	case FAULT_OVERRUNS_CTX:
		memset(bdev_io->driver_ctx, 0x5a, CTX_SIZE + 4);
		break;
	case FAULT_CHANGES_BDEV:
		g_bdev.optimal_io_boundary = g_num_writes > 300 ? 64 : 0;
		break;
	case FAULT_CHANGES_IO:
		bdev_io->u.bdev.offset_blocks++;
		break;
	default:
		break;
	}
}

static void
write_metadata(struct spdk_bdev_io *bdev_io, uint64_t offset)
{
	for (uint64_t i = 0; bdev_io->u.bdev.md_buf != NULL && i < bdev_io->u.bdev.num_blocks; i++) {
		uint64_t to = g_fault == FAULT_WRONG_METADATA && happens_now() ? offset : offset + i;

		memcpy(g_md + to * MD_SIZE, (uint8_t *)bdev_io->u.bdev.md_buf + i * MD_SIZE, MD_SIZE);
	}
}

static void
copy_in(struct spdk_bdev_io *bdev_io, struct iovec *iovs, int iovcnt, uint8_t *data)
{
	for (int i = 0; i < iovcnt; i++) {
		struct iovec *iov = &iovs[g_fault == FAULT_SWAPS_BUFFERS ? iovcnt - 1 - i : i];

		memcpy(data, iov->iov_base, iov->iov_len);
		data += iov->iov_len;
		if (g_fault == FAULT_CHANGES_CALLERS_DATA) {
			((uint8_t *)iov->iov_base)[0] ^= 1;
		}
	}
	if (g_fault == FAULT_WRITES_NEXT_BLOCK && happens_now() && data < block_at(NUM_BLOCKS)) {
		memcpy(data, data - g_block_size, g_block_size);
	}
}

/* The second half of each block, a little later. */
static void
write_second_half_cb(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;
	uint8_t *data = block_at(bdev_io->u.bdev.offset_blocks);
	struct iovec *iov = bdev_io->u.bdev.iovs;

	for (uint64_t i = 0; i < bdev_io->u.bdev.num_blocks; i++, data += g_block_size) {
		memcpy(data + g_block_size / 2, (uint8_t *)iov->iov_base + i * g_block_size + g_block_size / 2,
			g_block_size / 2);
	}
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
tear(struct spdk_bdev_io *bdev_io)
{
	uint8_t *data = block_at(bdev_io->u.bdev.offset_blocks);
	struct iovec *iov = bdev_io->u.bdev.iovs;

	for (uint64_t i = 0; i < bdev_io->u.bdev.num_blocks; i++, data += g_block_size) {
		memcpy(data, (uint8_t *)iov->iov_base + i * g_block_size, g_block_size / 2);
	}
	spdk_thread_send_msg(spdk_get_thread(), write_second_half_cb, bdev_io);
}

static void
submit_write(struct spdk_bdev_io *bdev_io)
{
	uint64_t offset = bdev_io->u.bdev.offset_blocks, count = bdev_io->u.bdev.num_blocks;
	enum spdk_bdev_io_status status = SPDK_BDEV_IO_STATUS_SUCCESS;

	g_num_writes++;
	misbehave(bdev_io);
	memset(g_holes + offset, false, offset + count > NUM_BLOCKS ? 0 : count);
	if (g_fault == FAULT_TEARS_WRITES && bdev_io->u.bdev.iovcnt == 1) {
		tear(bdev_io);
		return;
	}
	if (offset + count > NUM_BLOCKS || (g_fault == FAULT_LIES_ABOUT_LIMIT && count > LIMIT_BLOCKS) ||
		!is_right(bdev_io)) {
		status = SPDK_BDEV_IO_STATUS_FAILED;
	} else if (g_fault != FAULT_LOSES_WRITE || !happens_now()) {
		bool beside = g_fault == FAULT_WRONG_BLOCK && happens_now() && offset > 0;

		copy_in(bdev_io, bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt, block_at(beside ? offset - 1 : offset));
		write_metadata(bdev_io, offset);
	}
	complete(bdev_io, status);
}

/* ---- other types ---- */

/* Blocks that nobody has written: zeroes, with tags that say that they are not to be checked. */
static void
clear(uint64_t offset, uint64_t count)
{
	memset(block_at(offset), 0, count * g_block_size);
	memset(g_md + offset * MD_SIZE, 0, count * MD_SIZE);
	for (uint64_t i = offset; g_block_size > BLOCK_SIZE && i < offset + count; i++) {
		memset(block_at(i) + BLOCK_SIZE, 0xff, MD_SIZE);
	}
}

static void
write_zeroes(struct spdk_bdev_io *bdev_io)
{
	uint64_t offset = bdev_io->u.bdev.offset_blocks, count = bdev_io->u.bdev.num_blocks;

	if (offset + count > NUM_BLOCKS) {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	if (g_fault != FAULT_LEAVES_DATA) {
		clear(offset, count);
	}
	memset(g_holes + offset, false, count);
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
unmap(struct spdk_bdev_io *bdev_io)
{
	memset(g_holes + bdev_io->u.bdev.offset_blocks, true, bdev_io->u.bdev.num_blocks);
	if (g_fault != FAULT_STALE_HOLES) {
		memset(block_at(bdev_io->u.bdev.offset_blocks), 0, bdev_io->u.bdev.num_blocks * g_block_size);
	}
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
seek(struct spdk_bdev_io *bdev_io, bool hole)
{
	uint64_t block = bdev_io->u.bdev.offset_blocks;

	while (block < NUM_BLOCKS && g_holes[block] != hole) {
		block++;
	}
	if (g_fault == FAULT_SEEKS_TOO_FAR && !hole && block > bdev_io->u.bdev.offset_blocks) {
		block++;
	}
	bdev_io->u.bdev.seek.offset = block < NUM_BLOCKS ? block : UINT64_MAX;
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static bool
is_equal(struct spdk_bdev_io *bdev_io)
{
	const uint8_t *data = block_at(bdev_io->u.bdev.offset_blocks);

	for (int i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		struct iovec *iov = &bdev_io->u.bdev.iovs[i];

		if (memcmp(data, iov->iov_base, iov->iov_len) != 0) {
			return false;
		}
		data += iov->iov_len;
	}
	return true;
}

static void
write_compared_cb(void *ctx)
{
	struct spdk_bdev_io *bdev_io = ctx;

	copy_in(bdev_io, bdev_io->u.bdev.fused_iovs, bdev_io->u.bdev.fused_iovcnt,
		block_at(bdev_io->u.bdev.offset_blocks));
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
compare_and_write(struct spdk_bdev_io *bdev_io)
{
	if (!is_equal(bdev_io)) {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_MISCOMPARE);
	} else {
		/* Others compare meanwhile. */
		spdk_thread_send_msg(spdk_get_thread(), write_compared_cb, bdev_io);
	}
}

static void
zcopy(struct spdk_bdev_io *bdev_io)
{
	uint64_t length = bdev_io->u.bdev.num_blocks * g_block_size;
	uint8_t *data = block_at(bdev_io->u.bdev.offset_blocks);
	static uint8_t lent[NUM_BLOCKS * BLOCK_SIZE];
	uint8_t *buf = lent + (data - g_data);

	if (bdev_io->u.bdev.zcopy.start) {
		memcpy(buf, data, length);
		spdk_bdev_io_set_buf(bdev_io, buf, length);
	}
	/* And the end should copy it back. */
	complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static void
reset(struct spdk_bdev_io *bdev_io)
{
	if (g_fault != FAULT_FORGETS_RESET || g_num_resets++ == 0) {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static bool io_type_supported(void *ctx, enum spdk_bdev_io_type type);

static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	if (!io_type_supported(NULL, bdev_io->type)) {
		complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		submit_read(ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
		submit_write(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		write_zeroes(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_UNMAP:
		unmap(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		seek(bdev_io, bdev_io->type == SPDK_BDEV_IO_TYPE_SEEK_HOLE);
		break;
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		compare_and_write(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		zcopy(bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		reset(bdev_io);
		break;
	default:
		complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		break;
	}
}

static bool
io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return g_fault == FAULT_CLAIMS_FLUSH;
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return g_fault == FAULT_STALE_HOLES || g_fault == FAULT_SEEKS_TOO_FAR;
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return g_fault == FAULT_TEARS_COMPARE_AND_WRITE;
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return g_fault == FAULT_DROPS_ZCOPY;
	default:
		return false;
	}
}

/* ---- the life of the disk ---- */

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	if (g_fault == FAULT_LEAKS_CHANNEL) {
		spdk_get_io_channel(&g_module);
	}
	return spdk_get_io_channel(&g_module);
}

static int
destruct(void *ctx)
{
	if (g_fault == FAULT_ANSWERS_LATE) {
		spdk_thread_send_msg(spdk_get_thread(), complete_later_cb, g_old_io);
	}
	g_old_io = NULL;
	free(g_data);
	free(g_md);
	g_data = g_md = NULL;
	return g_fault == FAULT_NEVER_GOES ? 1 : 0;
}

/* As of a file that goes through the page cache, if it is said to be one. */
static int
dump_info_json(void *ctx, struct spdk_json_write_ctx *w)
{
	spdk_json_write_named_object_begin(w, g_name);
	spdk_json_write_named_bool(w, "page_cache", g_page_cache);
	spdk_json_write_object_end(w);
	return 0;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
	.dump_info_json = dump_info_json,
};

static int
create_channel(void *io_device, void *ctx)
{
	struct channel *channel = ctx;

	channel->cache = calloc(NUM_BLOCKS, BLOCK_SIZE + MD_SIZE);
	channel->cached = calloc(NUM_BLOCKS, sizeof(*channel->cached));
	return spdk_iobuf_channel_init(&channel->iobuf, g_name, 0, 0);
}

static void
destroy_channel(void *io_device, void *ctx)
{
	struct channel *channel = ctx;

	if (g_fault == FAULT_ANSWERS_WITHOUT_CHANNEL && g_old_io != NULL &&
		spdk_get_thread() == spdk_thread_get_app_thread()) {
		spdk_thread_send_msg(spdk_get_thread(), complete_later_cb, g_old_io);
		g_old_io = NULL;
	}
	spdk_iobuf_channel_fini(&channel->iobuf);
	free(channel->cache);
	free(channel->cached);
}

static int
get_ctx_size(void)
{
	return CTX_SIZE;
}

static int
module_init(void)
{
	spdk_iobuf_register_module(g_name);
	spdk_io_device_register(&g_module, create_channel, destroy_channel, sizeof(struct channel), g_name);
	return 0;
}

static void
module_fini(void)
{
	if (g_fault != FAULT_KEEPS_DEVICE) {
		spdk_io_device_unregister(&g_module, NULL);
	}
}

struct create_params {
	int fault;
	bool page_cache;
};

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "fault",
		.type = BDK_RPC_ENUM,
		.offset = offsetof(struct create_params, fault),
		.required = true,
		.values = g_faults,
		.help = "what it does wrong",
	},
	{
		.name = "page_cache",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct create_params, page_cache),
		.help = "say that it is a file in the page cache",
	},
};

static void
rpc_bdev_broken_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct create_params *create = params;

	g_fault = create->fault;
	g_page_cache = create->page_cache;
	g_block_size = BLOCK_SIZE + (WITH_DIF(g_fault) ? MD_SIZE : 0);
	g_data = calloc(NUM_BLOCKS, g_block_size);
	g_md = calloc(NUM_BLOCKS, MD_SIZE);
	clear(0, NUM_BLOCKS);
	g_bdev = (struct spdk_bdev){
		.name = g_name,
		.product_name = g_name,
		.blocklen = g_block_size,
		.blockcnt = g_fault == FAULT_WRONG_SIZE ? NUM_BLOCKS + 8 : NUM_BLOCKS,
		.required_alignment = 2,
		.md_len = WITH_DIF(g_fault) || g_fault == FAULT_WRONG_METADATA ? MD_SIZE : 0,
		.md_interleave = WITH_DIF(g_fault),
		.dif_type = WITH_DIF(g_fault) ? SPDK_DIF_TYPE1 : SPDK_DIF_DISABLE,
		.dif_check_flags = WITH_DIF(g_fault) ? SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK : 0,
		.holes_are_zeroes = g_fault == FAULT_STALE_HOLES,
		.fn_table = &g_fn_table,
		.module = &g_module,
	};
	spdk_jsonrpc_send_bool_response(request, spdk_bdev_register(&g_bdev) == 0);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_broken_create",
	.summary = "Creates the disk",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct create_params),
	.handler = rpc_bdev_broken_create,
};
BDK_RPC_REGISTER(g_create_method)
