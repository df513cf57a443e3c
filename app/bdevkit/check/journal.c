/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/check/journal.h"
#include "app/bdevkit/check/media.h"

#include "spdk/bdev_module.h"
#include "spdk/string.h"

#include "bdevkit/rpc.h"
#include "bdevkit/thread.h"

/* Blocks that a disk may grow by. */
#define MAX_GROWTH 4096

/* A disk. It stays when its bdev goes. */
struct journal {
	struct spdk_bdev bdev;
	bool registered;
	bool write_cache;
	uint64_t num_blocks;
	uint32_t block_size;
	struct media *media;
	uint64_t num_writes;
	/* Bits of I/O types that fail. */
	uint64_t failing;
	struct spdk_spinlock lock;
	TAILQ_ENTRY(journal) link;
};

struct journal_channel {
	TAILQ_HEAD(, journal_io) waiting;
	unsigned int num_waiting;
	struct spdk_poller *poller;
	uint64_t random_state;
};

/* Of a spdk_bdev_io. */
struct journal_io {
	TAILQ_ENTRY(journal_io) link;
	/* A write that has reached the disk, but not ended. */
	bool begun;
	/* What media_begin_write() or media_begin_flush() has returned. */
	uint64_t id;
	/* Of RESET. */
	struct bdk_channel_walk walk;
};

static TAILQ_HEAD(, journal) g_journals = TAILQ_HEAD_INITIALIZER(g_journals);
static uint64_t (*g_random)(uint64_t limit);
static void (*g_observe)(const char *name, uint64_t offset_blocks, uint64_t num_blocks);

static int module_init(void);
static void module_fini(void);
static int get_ctx_size(void);

static struct spdk_bdev_module g_module = {
	.name = "journal",
	.module_init = module_init,
	.module_fini = module_fini,
	.get_ctx_size = get_ctx_size,
};

/* ---- I/O: all of it waits, and ends in any order ---- */

static struct journal_io *
io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct journal_io *)bdev_io->driver_ctx;
}

static void
copy_out(const struct spdk_bdev_io *bdev_io, const uint8_t *blocks)
{
	for (int i = 0; i < bdev_io->u.bdev.iovcnt; i++) {
		const struct iovec *iov = &bdev_io->u.bdev.iovs[i];

		memcpy(iov->iov_base, blocks, iov->iov_len);
		blocks += iov->iov_len;
	}
}

static bool
is_write(const struct spdk_bdev_io *bdev_io)
{
	return bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES;
}

/* A write reaches the disk; its end may come later. */
static void
begin_write(struct spdk_bdev_io *bdev_io)
{
	struct journal *journal = bdev_io->bdev->ctxt;
	bool zeroes = bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE_ZEROES;

	if (g_observe != NULL) {
		g_observe(journal->bdev.name, bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks);
	}
	spdk_spin_lock(&journal->lock);
	io_of(bdev_io)->begun = true;
	io_of(bdev_io)->id = media_begin_write(journal->media, bdev_io->u.bdev.offset_blocks,
		bdev_io->u.bdev.num_blocks, zeroes ? NULL : bdev_io->u.bdev.iovs, bdev_io->u.bdev.iovcnt);
	journal->num_writes++;
	spdk_spin_unlock(&journal->lock);
}

static void
carry_out(struct spdk_bdev_io *bdev_io)
{
	struct journal *journal = bdev_io->bdev->ctxt;
	uint64_t offset = bdev_io->u.bdev.offset_blocks, count = bdev_io->u.bdev.num_blocks;

	spdk_spin_lock(&journal->lock);
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		copy_out(bdev_io, media_data(journal->media, offset));
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		media_end_write(journal->media, offset, count, io_of(bdev_io)->id);
		break;
	case SPDK_BDEV_IO_TYPE_FLUSH:
		media_end_flush(journal->media, offset, count, io_of(bdev_io)->id);
		break;
	default:
		break;
	}
	spdk_spin_unlock(&journal->lock);
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

static unsigned int
draw(struct journal_channel *ch, unsigned int limit)
{
	ch->random_state = ch->random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int)((ch->random_state >> 33) % limit);
}

/* now: a write does not only reach the disk. */
static void
end_one(struct journal_channel *ch, bool now)
{
	struct journal_io *io = TAILQ_FIRST(&ch->waiting);
	struct spdk_bdev_io *bdev_io;

	for (unsigned int skip = draw(ch, ch->num_waiting); skip > 0; skip--) {
		io = TAILQ_NEXT(io, link);
	}
	bdev_io = spdk_bdev_io_from_ctx(io);
	if (is_write(bdev_io) && !io->begun) {
		begin_write(bdev_io);
		if (!now && draw(ch, 2) == 0) {
			return;
		}
	}
	TAILQ_REMOVE(&ch->waiting, io, link);
	ch->num_waiting--;
	if (((const struct journal *)bdev_io->bdev->ctxt)->failing & UINT64_C(1) << bdev_io->type) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	} else {
		carry_out(bdev_io);
	}
}

static int
poll_channel(void *ctx)
{
	struct journal_channel *ch = ctx;

	if (ch->num_waiting == 0) {
		return SPDK_POLLER_IDLE;
	}
	if (draw(ch, 2) == 0) {
		end_one(ch, false);
	}
	return SPDK_POLLER_BUSY;
}

static void
wait_for_turn(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	struct journal_channel *journal_ch = spdk_io_channel_get_ctx(ch);
	struct journal *journal = bdev_io->bdev->ctxt;
	struct journal_io *io = io_of(bdev_io);

	io->begun = false;
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_FLUSH) {
		spdk_spin_lock(&journal->lock);
		io->id = media_begin_flush(journal->media);
		spdk_spin_unlock(&journal->lock);
	}
	TAILQ_INSERT_TAIL(&journal_ch->waiting, io, link);
	journal_ch->num_waiting++;
}

static void
buffer_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (success) {
		wait_for_turn(ch, bdev_io);
	} else {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
	}
}

/* What waits on any channel ends before the reset does. */
static void
end_all(struct spdk_io_channel_iter *i)
{
	struct journal_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	while (ch->num_waiting > 0) {
		end_one(ch, true);
	}
	spdk_for_each_channel_continue(i, 0);
}

static void
reset_cb(struct spdk_io_channel_iter *i, int status)
{
	spdk_bdev_io_complete(spdk_io_channel_iter_get_ctx(i),
		status == 0 ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

static void
submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		spdk_bdev_io_get_buf(bdev_io, buffer_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
		break;
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
	case SPDK_BDEV_IO_TYPE_FLUSH:
		wait_for_turn(ch, bdev_io);
		break;
	case SPDK_BDEV_IO_TYPE_RESET:
		bdk_for_each_channel(&io_of(bdev_io)->walk, bdev_io->bdev->ctxt, end_all, bdev_io, reset_cb);
		break;
	default:
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
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
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
		return true;
	default:
		return false;
	}
}

/* ---- the life of a disk ---- */

static int
create_channel(void *io_device, void *ctx)
{
	struct journal_channel *ch = ctx;

	TAILQ_INIT(&ch->waiting);
	ch->random_state = g_random(0);
	ch->poller = spdk_poller_register(poll_channel, ch, 0);
	return ch->poller != NULL ? 0 : -ENOMEM;
}

static void
destroy_channel(void *io_device, void *ctx)
{
	struct journal_channel *ch = ctx;

	spdk_poller_unregister(&ch->poller);
}

static struct spdk_io_channel *
get_io_channel(void *ctx)
{
	return spdk_get_io_channel(ctx);
}

static void
unregistered_cb(void *io_device)
{
	struct journal *journal = io_device;

	journal->registered = false;
	spdk_bdev_destruct_done(&journal->bdev, 0);
}

static int
destruct(void *ctx)
{
	spdk_io_device_unregister(ctx, unregistered_cb);
	return 1;
}

static const struct spdk_bdev_fn_table g_fn_table = {
	.destruct = destruct,
	.submit_request = submit_request,
	.io_type_supported = io_type_supported,
	.get_io_channel = get_io_channel,
};

static void
free_journal(struct journal *journal)
{
	spdk_spin_destroy(&journal->lock);
	free(journal->bdev.name);
	media_destroy(journal->media);
	free(journal);
}

static struct journal *
find_journal(const char *name)
{
	struct journal *journal;

	TAILQ_FOREACH (journal, &g_journals, link) {
		if (strcmp(journal->bdev.name, name) == 0) {
			return journal;
		}
	}
	return NULL;
}

static struct journal *
make_journal(const char *name, uint64_t num_blocks, uint32_t block_size, bool write_cache)
{
	struct journal *journal = calloc(1, sizeof(*journal));

	if (journal == NULL) {
		return NULL;
	}
	spdk_spin_init(&journal->lock);
	journal->num_blocks = num_blocks;
	journal->block_size = block_size;
	journal->bdev.name = strdup(name);
	journal->write_cache = write_cache;
	journal->media = media_create(num_blocks + MAX_GROWTH, block_size, write_cache);
	if (journal->bdev.name == NULL || journal->media == NULL) {
		free_journal(journal);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&g_journals, journal, link);
	return journal;
}

static int
register_journal(struct journal *journal)
{
	static char product_name[] = "journal of bdevkit check";
	char *name = journal->bdev.name;
	int rc;

	if (journal->registered) {
		return -EEXIST;
	}
	journal->bdev = (struct spdk_bdev){
		.name = name,
		.product_name = product_name,
		.ctxt = journal,
		.blocklen = journal->block_size,
		.blockcnt = journal->num_blocks,
		.write_cache = journal->write_cache,
		.fn_table = &g_fn_table,
		.module = &g_module,
	};
	spdk_io_device_register(
		journal, create_channel, destroy_channel, sizeof(struct journal_channel), journal->bdev.name);
	journal->registered = true;
	rc = spdk_bdev_register(&journal->bdev);
	if (rc != 0) {
		spdk_io_device_unregister(journal, NULL);
		journal->registered = false;
	}
	return rc;
}

/* ---- what the check does with them ---- */

int
check_journal_create(const char *name, uint64_t num_blocks, uint32_t block_size, bool write_cache)
{
	struct journal *journal = find_journal(name);

	if (journal == NULL) {
		if (num_blocks == 0 || num_blocks > (1U << 20) || block_size < 512 || block_size > 65536) {
			return -EINVAL;
		}
		journal = make_journal(name, num_blocks, block_size, write_cache);
		if (journal == NULL) {
			return -ENOMEM;
		}
	}
	return register_journal(journal);
}

void
check_journal_fail(const char *name, uint64_t io_types)
{
	find_journal(name)->failing = io_types;
}

const uint8_t *
check_journal_data(const char *name, uint64_t block)
{
	return media_data(find_journal(name)->media, block);
}

bool
check_journal_exists(void)
{
	return !TAILQ_EMPTY(&g_journals);
}

uint64_t
check_journal_num_writes(void)
{
	struct journal *journal;
	uint64_t count = 0;

	TAILQ_FOREACH (journal, &g_journals, link) {
		spdk_spin_lock(&journal->lock);
		count += journal->num_writes;
		spdk_spin_unlock(&journal->lock);
	}
	return count;
}

void
check_journal_cut(void)
{
	struct journal *journal;

	TAILQ_FOREACH (journal, &g_journals, link) {
		spdk_spin_lock(&journal->lock);
		media_cut(journal->media, g_random);
		spdk_spin_unlock(&journal->lock);
	}
}

void
check_journal_restore(void)
{
	struct journal *journal;

	TAILQ_FOREACH (journal, &g_journals, link) {
		media_restore(journal->media);
	}
}

const uint8_t *
check_journal_durable(const char *name, uint64_t block)
{
	return media_durable(find_journal(name)->media, block);
}

void
check_journal_observe(void (*observe)(const char *name, uint64_t offset_blocks, uint64_t num_blocks))
{
	g_observe = observe;
}

int
check_journal_resize(int64_t blocks)
{
	struct journal *journal;
	int rc = 0;

	TAILQ_FOREACH (journal, &g_journals, link) {
		uint64_t size = (uint64_t)((int64_t)journal->num_blocks + blocks);

		if (journal->registered) {
			rc = spdk_bdev_notify_blockcnt_change(&journal->bdev, size);
		}
		if (rc != 0) {
			break;
		}
		journal->num_blocks = size;
	}
	return rc;
}

/* ---- the module and its method ---- */

static int
module_init(void)
{
	return 0;
}

static void
module_fini(void)
{
	struct journal *journal;

	while ((journal = TAILQ_FIRST(&g_journals)) != NULL) {
		TAILQ_REMOVE(&g_journals, journal, link);
		free_journal(journal);
	}
}

static int
get_ctx_size(void)
{
	return sizeof(struct journal_io);
}

struct create_params {
	char *name;
	uint64_t num_blocks;
	uint32_t block_size;
	bool write_cache;
};

static const struct create_params g_defaults = {.write_cache = true};

static const struct bdk_rpc_param g_params[] = {
	{
		.name = "name",
		.type = BDK_RPC_STRING,
		.offset = offsetof(struct create_params, name),
		.required = true,
		.help = "name of the bdev",
	},
	{
		.name = "num_blocks",
		.type = BDK_RPC_UINT64,
		.offset = offsetof(struct create_params, num_blocks),
		.required = true,
		.help = "its size in blocks",
	},
	{
		.name = "block_size",
		.type = BDK_RPC_UINT32,
		.offset = offsetof(struct create_params, block_size),
		.required = true,
		.help = "bytes in a block",
	},
	{
		.name = "write_cache",
		.type = BDK_RPC_BOOL,
		.offset = offsetof(struct create_params, write_cache),
		.default_text = "true",
		.help = "what was written is lost with the power until it is flushed",
	},
};

static void
rpc_bdev_journal_create(struct spdk_jsonrpc_request *request, void *params)
{
	const struct create_params *p = params;
	int rc = check_journal_create(p->name, p->num_blocks, p->block_size, p->write_cache);

	if (rc != 0) {
		bdk_rpc_send_error(request, rc, "cannot create journal %s: %s", p->name, spdk_strerror(-rc));
		return;
	}
	spdk_jsonrpc_send_bool_response(request, true);
}

static const struct bdk_rpc_method g_create_method = {
	.name = "bdev_journal_create",
	.summary = "Creates a disk that power can be cut of",
	.state_mask = SPDK_RPC_RUNTIME,
	.params = g_params,
	.num_params = SPDK_COUNTOF(g_params),
	.params_size = sizeof(struct create_params),
	.defaults = &g_defaults,
	.handler = rpc_bdev_journal_create,
};

void
check_journal_register(uint64_t (*random)(uint64_t limit))
{
	g_random = random;
	spdk_bdev_module_list_add(&g_module);
	bdk_rpc_register(&g_create_method);
}
