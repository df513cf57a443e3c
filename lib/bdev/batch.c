/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Requests that come in arrays and go back in arrays.
 *
 * Nobody is called when one of them ends, so that it may end at any time, also inside the module's submit_request: it is
 * put into a list, and its spdk_bdev_io is free for the next one of the same array; what the module can do on the spot
 * needs none. All that needs more than that, a gate, a limit of the bdev, an unusual type, goes through the functions
 * that everybody uses.
 */

#include "lib/bdev/io_submit.h"
#include "bdevkit/batch.h"

/* Requests that are handed back in one call. */
#define DONE_MAX 64

/* Without an end: how many there are says where it is. */
struct request_list {
	struct bdk_request *first;
	void **tail;
	uint64_t count;
};

struct bdk_batch {
	struct spdk_bdev_desc *desc;
	struct bdev_channel *ch;
	struct request_list done;
	/* Submitted and not handed back. */
	uint64_t outstanding;
	bdk_batch_fn done_fn;
	void *done_ctx;
	/* Nobody is to be told that something is done: nobody wants to be, or the message is on its way. */
	bool quiet;
	struct bdk_msg msg;
	/* Requests that wait for a spdk_bdev_io, and the place in the queue of those who do. */
	struct request_list waiting;
	struct spdk_bdev_io_wait_entry wait;
};

static inline struct bdk_request *
next_of(const struct bdk_request *request)
{
	return request->opaque[0];
}

static inline struct bdk_batch *
batch_of(const struct bdk_request *request)
{
	return request->opaque[1];
}

static void
init_list(struct request_list *list)
{
	list->tail = (void **)&list->first;
	list->count = 0;
}

static inline void
append(struct request_list *list, struct bdk_request *request)
{
	*list->tail = request;
	list->tail = &request->opaque[0];
	list->count++;
}

static inline struct bdk_request *
take_first(struct request_list *list)
{
	struct bdk_request *request = list->first;

	list->first = next_of(request);
	if (--list->count == 0) {
		list->tail = (void **)&list->first;
	}
	return request;
}

/* ---- ends ---- */

static uint32_t
take_done(struct bdk_batch *batch, struct bdk_request **done, uint32_t max)
{
	uint32_t count = spdk_min(max, batch->done.count), i;
	struct bdk_request *request = batch->done.first;

	for (i = 0; i < count; i++) {
		done[i] = request;
		request = next_of(request);
	}
	batch->done.first = request;
	batch->done.count -= count;
	if (batch->done.count == 0) {
		init_list(&batch->done);
	}
	batch->outstanding -= count;
	return count;
}

static void
hand_back_cb(void *ctx)
{
	struct bdk_batch *batch = ctx;
	struct bdk_request *done[DONE_MAX];
	/* What the callback submits and what ends meanwhile is for the next message. */
	uint64_t left = batch->done.count;
	uint32_t count;

	batch->quiet = false;
	while (left > 0) {
		count = take_done(batch, done, spdk_min(left, DONE_MAX));
		left -= count;
		/* With the last ones the batch may go. */
		batch->done_fn(batch->done_ctx, done, count);
	}
}

static void __attribute__((noinline)) send_done(struct bdk_batch *batch)
{
	batch->quiet = true;
	bdk_msg_send(batch->ch->thread->thread, &batch->msg, hand_back_cb, batch);
}

static inline void
put_done(struct bdk_batch *batch, struct bdk_request *request, int status)
{
	request->status = status;
	append(&batch->done, request);
	if (spdk_unlikely(!batch->quiet)) {
		send_done(batch);
	}
}

static int
errno_of(const struct spdk_bdev_io *bdev_io)
{
	int rc;

	switch (bdev_io->internal.status) {
	case SPDK_BDEV_IO_STATUS_ABORTED:
		return -ECANCELED;
	case SPDK_BDEV_IO_STATUS_MISCOMPARE:
		return -EILSEQ;
	case SPDK_BDEV_IO_STATUS_NOMEM:
		return -ENOMEM;
	default:
		spdk_bdev_io_get_aio_status(bdev_io, &rc);
		return rc < 0 ? rc : -EIO;
	}
}

static void
io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct bdk_request *request = cb_arg;
	int status = spdk_likely(success) ? 0 : errno_of(bdev_io);

	spdk_bdev_free_io(bdev_io);
	put_done(batch_of(request), request, status);
}

/* ---- the way of everybody ---- */

static int
submit_rw(struct bdk_batch *batch, struct bdk_request *request)
{
	struct spdk_io_channel *ch = spdk_io_channel_from_ctx(batch->ch);
	struct iovec *iovs = request->iovs;
	uint64_t offset = request->offset_blocks, count = request->num_blocks;
	bool write = request->type == SPDK_BDEV_IO_TYPE_WRITE;

	if (request->iovcnt == 0 && write) {
		return spdk_bdev_write_blocks_with_md(
			batch->desc, ch, request->buf, request->md_buf, offset, count, io_done_cb, request);
	}
	if (request->iovcnt == 0) {
		return spdk_bdev_read_blocks_with_md(
			batch->desc, ch, request->buf, request->md_buf, offset, count, io_done_cb, request);
	}
	if (write) {
		return spdk_bdev_writev_blocks_with_md(
			batch->desc, ch, iovs, request->iovcnt, request->md_buf, offset, count, io_done_cb, request);
	}
	return spdk_bdev_readv_blocks_with_md(
		batch->desc, ch, iovs, request->iovcnt, request->md_buf, offset, count, io_done_cb, request);
}

static int
submit_compare(struct bdk_batch *batch, struct bdk_request *request)
{
	struct spdk_io_channel *ch = spdk_io_channel_from_ctx(batch->ch);

	if (request->iovcnt == 0) {
		return spdk_bdev_compare_blocks_with_md(batch->desc, ch, request->buf, request->md_buf,
			request->offset_blocks, request->num_blocks, io_done_cb, request);
	}
	return spdk_bdev_comparev_blocks_with_md(batch->desc, ch, request->iovs, request->iovcnt, request->md_buf,
		request->offset_blocks, request->num_blocks, io_done_cb, request);
}

static int
submit_any(struct bdk_batch *batch, struct bdk_request *request)
{
	struct spdk_io_channel *ch = spdk_io_channel_from_ctx(batch->ch);

	if (request->iovcnt < 0) {
		return -EINVAL;
	}
	switch (request->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		return submit_rw(batch, request);
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return submit_compare(batch, request);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(
			batch->desc, ch, request->offset_blocks, request->num_blocks, io_done_cb, request);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(
			batch->desc, ch, request->offset_blocks, request->num_blocks, io_done_cb, request);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(
			batch->desc, ch, request->offset_blocks, request->num_blocks, io_done_cb, request);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(batch->desc, ch, io_done_cb, request);
	default:
		return -ENOTSUP;
	}
}

/* ---- waiting for memory ---- */

static void submit_waiting_cb(void *ctx);

/* Returns false if there is nothing to wait for. */
static bool
wait_for_io(struct bdk_batch *batch)
{
	batch->wait.bdev = batch->desc->bdev;
	batch->wait.cb_fn = submit_waiting_cb;
	batch->wait.cb_arg = batch;
	return spdk_bdev_queue_io_wait(batch->desc->bdev, spdk_io_channel_from_ctx(batch->ch), &batch->wait) == 0;
}

static void
submit_waiting_cb(void *ctx)
{
	struct bdk_batch *batch = ctx;
	struct bdk_request *request;
	int rc;

	while (batch->waiting.count > 0) {
		rc = submit_any(batch, batch->waiting.first);
		if (rc == -ENOMEM && wait_for_io(batch)) {
			return;
		}
		request = take_first(&batch->waiting);
		if (rc != 0) {
			put_done(batch, request, rc);
		}
	}
}

static void __attribute__((noinline)) submit_slowly(struct bdk_batch *batch, struct bdk_request *request)
{
	int rc;

	/* Behind those that came first. */
	if (batch->waiting.count > 0) {
		append(&batch->waiting, request);
		return;
	}
	rc = submit_any(batch, request);
	if (rc == -ENOMEM && wait_for_io(batch)) {
		append(&batch->waiting, request);
	} else if (rc != 0) {
		put_done(batch, request, rc);
	}
}

/* ---- the short way ---- */

/* The part of a spdk_bdev_io that a plain read or write fills in: two cache lines. */
#define HOT_SIZE 128
SPDK_STATIC_ASSERT(offsetof(struct spdk_bdev_io, u.bdev.memory_domain) + sizeof(void *) <= HOT_SIZE &&
		offsetof(struct spdk_bdev_io, u.bdev.dif_check_flags) + sizeof(uint32_t) <= HOT_SIZE &&
		sizeof(struct spdk_bdev_io) >= HOT_SIZE,
	"all that is filled in is copied");

/* What all requests of one call have in common. */
struct short_way {
	struct bdk_batch *batch;
	struct bdev_channel *ch;
	uint64_t blockcnt;
	bool write;
	uint32_t block_size;
	/* What the spdk_bdev_io of each of them begins as. */
	struct spdk_bdev_io model;
};

/* False: some gate, or a limit of the bdev, looks at each of them. */
static inline bool
prepare_short_way(struct bdk_batch *batch, struct short_way *way)
{
	struct spdk_bdev_desc *desc = batch->desc;

	if (desc->gates != 0 || batch->ch->gates != 0 || !bdev_has_no_rw_limits(desc->bdev) ||
		batch->waiting.count > 0) {
		return false;
	}
	way->batch = batch;
	way->ch = batch->ch;
	way->blockcnt = __atomic_load_n(&desc->bdev->blockcnt, __ATOMIC_ACQUIRE);
	way->block_size = desc->block_size;
	way->write = desc->write;
	return true;
}

static inline bool
is_plain(const struct short_way *way, const struct bdk_request *request)
{
	return (request->type == SPDK_BDEV_IO_TYPE_READ || (request->type == SPDK_BDEV_IO_TYPE_WRITE && way->write)) &&
		request->iovcnt == 0 && request->md_buf == NULL && request->num_blocks <= way->blockcnt &&
		request->offset_blocks <= way->blockcnt - request->num_blocks;
}

static inline void
fill(struct spdk_bdev_io *bdev_io, struct bdk_request *request, const struct short_way *way)
{
	memcpy(bdev_io, &way->model, HOT_SIZE);
	bdev_io->type = request->type;
	bdev_io->internal.caller_ctx = request;
	bdev_io->iov.iov_base = request->buf;
	bdev_io->iov.iov_len = request->num_blocks * way->block_size;
	bdev_io->u.bdev.iovs = &bdev_io->iov;
	bdev_io->u.bdev.num_blocks = request->num_blocks;
	bdev_io->u.bdev.offset_blocks = request->offset_blocks;
}

static void
make_model(struct short_way *way)
{
	struct spdk_bdev_desc *desc = way->batch->desc;

	memset(&way->model, 0, HOT_SIZE);
	bdev_io_begin(&way->model, desc->bdev, desc, way->ch, SPDK_BDEV_IO_TYPE_READ, 0, 0, io_done_cb, NULL);
	way->model.u.bdev.iovcnt = 1;
	/* It may end at once: nobody is inside a call that it must wait for. */
	way->model.internal.flags = 0;
}

/* Both return how many they have submitted; the next one needs another way. */
static uint32_t
submit_shortly(struct short_way *way, struct bdk_request **requests, uint32_t count)
{
	struct bdev_channel *ch = way->ch;
	struct bdev_io_cache *cache = &ch->thread->cache;
	struct spdk_bdev_io *bdev_io;
	uint32_t i;

	make_model(way);
	/* A module that has no memory closes a gate meanwhile. */
	for (i = 0; i < count && ch->gates == 0 && is_plain(way, requests[i]); i++) {
		if (spdk_likely(cache->in_use < cache->limit)) {
			bdev_io = cache->stack[cache->in_use++];
		} else {
			bdev_io = bdev_io_cache_refill(cache, BDEV_IO_RANK_USER);
			if (bdev_io == NULL) {
				break;
			}
		}
		requests[i]->opaque[1] = way->batch;
		fill(bdev_io, requests[i], way);
		ch->outstanding++;
		ch->bdev->fn_table->submit_request(ch->module_ch, bdev_io);
	}
	return i;
}

/* Counts what is done as if it had taken no time, which is what the others take that end in the turn they began in. */
static void
count_instant(struct bdev_channel *ch, enum spdk_bdev_io_type type, uint64_t ops, uint64_t blocks)
{
	struct bdev_counters *counters = &ch->stat.counters[type];

	if (ops > 0) {
		counters->ops += ops;
		counters->blocks += blocks;
		counters->min_latency = 0;
	}
}

static uint32_t
do_instantly(struct short_way *way, struct bdk_request **requests, uint32_t count)
{
	uint64_t reads = 0, blocks_read = 0, writes = 0, blocks_written = 0;
	struct bdk_request *request;
	uint32_t i, done;

	count = spdk_min(count, BDK_INSTANT_MAX);
	for (i = 0; i < count && is_plain(way, requests[i]) && requests[i]->buf != NULL; i++) {
		requests[i]->status = 0;
	}
	if (i == 0) {
		return 0;
	}
	done = way->ch->instant(way->ch->bdev, requests, i);
	for (i = 0; i < done; i++) {
		request = requests[i];
		if (spdk_unlikely(request->status != 0)) {
			bdev_stat_count_error(bdev_state(way->ch->bdev), SPDK_BDEV_IO_STATUS_FAILED);
		} else if (request->type == SPDK_BDEV_IO_TYPE_READ) {
			reads++;
			blocks_read += request->num_blocks;
		} else {
			writes++;
			blocks_written += request->num_blocks;
		}
		append(&way->batch->done, request);
	}
	count_instant(way->ch, SPDK_BDEV_IO_TYPE_READ, reads, blocks_read);
	count_instant(way->ch, SPDK_BDEV_IO_TYPE_WRITE, writes, blocks_written);
	if (done > 0 && !way->batch->quiet) {
		send_done(way->batch);
	}
	return done;
}

void
bdk_batch_submit(struct bdk_batch *batch, struct bdk_request **requests, uint32_t count)
{
	struct short_way way;
	uint32_t done;

	batch->outstanding += count;
	while (count > 0) {
		done = 0;
		if (prepare_short_way(batch, &way)) {
			done = way.ch->instant != NULL ? do_instantly(&way, requests, count)
						       : submit_shortly(&way, requests, count);
		}
		if (done == 0) {
			requests[0]->opaque[1] = batch;
			submit_slowly(batch, requests[0]);
			done = 1;
		}
		requests += done;
		count -= done;
	}
}

/* ---- modules ---- */

void
bdk_bdev_set_instant(struct spdk_bdev *bdev, bdk_bdev_instant_fn fn)
{
	__atomic_store_n(&bdev_state(bdev)->instant, fn, __ATOMIC_RELEASE);
}

/* ---- life ---- */

struct bdk_batch *
bdk_batch_create(struct spdk_bdev_desc *desc, struct spdk_io_channel *ch, bdk_batch_fn done_fn, void *ctx)
{
	struct bdk_batch *batch = calloc(1, sizeof(*batch));

	if (batch != NULL) {
		batch->desc = desc;
		batch->ch = spdk_io_channel_get_ctx(ch);
		batch->done_fn = done_fn;
		batch->done_ctx = ctx;
		batch->quiet = done_fn == NULL;
		init_list(&batch->done);
		init_list(&batch->waiting);
	}
	return batch;
}

int
bdk_batch_destroy(struct bdk_batch *batch)
{
	if (batch == NULL) {
		return 0;
	}
	if (batch->outstanding > 0 || (batch->quiet && batch->done_fn != NULL)) {
		return -EBUSY;
	}
	free(batch);
	return 0;
}

uint32_t
bdk_batch_reap(struct bdk_batch *batch, struct bdk_request **done, uint32_t max)
{
	return take_done(batch, done, max);
}

uint64_t
bdk_batch_get_outstanding(const struct bdk_batch *batch)
{
	return batch->outstanding;
}
