/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Reads and writes whose data are not as the module takes them: they lie in a memory domain that it does not know, have
 * to go through an accel sequence that it does not execute, or lack metadata that their opener does not see.
 *
 * Before submission: get a buffer that stands in for the user's (if needed), pull data into it or run the sequence that
 * ends in it. Behind completion: run the sequence, or push data, from it. All of that happens around the I/O as a whole,
 * before it is split and queued, and behind the end of its parts. The steps, in the order in which they run:
 *
 *   write: begin, buffer, pull, pull_md                  (or: begin, buffer, append, execute), submit; end
 *   read:  begin, buffer, submit; end, push, push_md     (or: end, append, execute), finish
 *
 * While it waits, for memory or a buffer, an I/O is like any other that waits inside the layer: abort, reset and the end
 * of its channel end it. While its data are being moved nothing can, and it counts as outstanding.
 */

#include "lib/bdev/io_internal.h"
#include "spdk/accel.h"
#include "spdk/dif.h"
#include "spdk/dma.h"

/* cdw12 bit that asks for metadata to be made or checked on the way. */
#define PRACT SPDK_DIF_FLAGS_NVME_PRACT

typedef void (*step_fn)(struct bdev_io_private *priv);

static void finish(struct bdev_io_private *priv, enum spdk_bdev_io_status status);
static void submit(struct bdev_io_private *priv);
static void before_pull(struct bdev_io_private *priv);
static void before_append(struct bdev_io_private *priv);
static void behind_append(struct bdev_io_private *priv);
static void behind_push(struct bdev_io_private *priv);

static bool
is_write(const struct bdev_io_private *priv)
{
	return priv->io.type == SPDK_BDEV_IO_TYPE_WRITE;
}

static struct spdk_io_channel *
accel_channel(const struct bdev_io_private *priv)
{
	return priv->io.internal.ch->thread->accel_ch;
}

/* ---- counting what is being moved ---- */

static void
start_work(struct bdev_io_private *priv)
{
	priv->io.internal.ch->outstanding++;
	priv->io.internal.ch->converting++;
}

static void
stop_work(struct bdev_io_private *priv)
{
	priv->io.internal.ch->outstanding--;
	priv->io.internal.ch->converting--;
}

/* Takes a step inside the call of somebody else, or its owner's: who is to be called back is so by message. */
static void
take_step(struct bdev_io_private *priv, step_fn step)
{
	struct bdev_channel *ch = priv->io.internal.ch;
	bool refused;

	priv->io.internal.flags |= BDEV_IO_IN_SUBMIT;
	step(priv);
	/* Still there, as nothing that has been submitted before it has been tried again meanwhile. */
	priv->io.internal.flags &= ~BDEV_IO_IN_SUBMIT;
	/* What was refused just now has said when to try again. */
	refused = (priv->io.internal.marks & BDEV_IO_CONVERTING) && (priv->io.internal.flags & BDEV_IO_QUEUED_NOMEM);
	if ((ch->gates & BDEV_GATE_NOMEM) && !refused) {
		bdev_retry_kick(ch->shared);
	}
}

/* ---- waiting for memory: the step is taken again ---- */

static void
wait_for_memory(struct bdev_io_private *priv, step_fn step)
{
	priv->convert.step = step;
	stop_work(priv);
	bdev_retry_queue(&priv->io);
}

void
bdev_convert_retry(struct spdk_bdev_io *bdev_io)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);

	start_work(priv);
	take_step(priv, priv->convert.step);
}

/* Goes on after an error of a step. */
static void
fail(struct bdev_io_private *priv, step_fn step, int rc, const char *what)
{
	if (rc == -ENOMEM) {
		wait_for_memory(priv, step);
		return;
	}
	SPDK_ERRLOG("%s: %s failed: %s\n", priv->io.bdev->name, what, spdk_strerror(-rc));
	finish(priv, SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- the buffer ---- */

static uint64_t
md_length(const struct bdev_io_private *priv)
{
	return priv->convert.orig_md_buf != NULL ? priv->io.u.bdev.num_blocks * priv->io.bdev->md_len : 0;
}

/* Whether there is metadata that is hidden from the writer, and not protection information. */
static bool
makes_part_of_md(const struct bdev_io_private *priv)
{
	const struct spdk_bdev *bdev = priv->io.bdev;

	return priv->convert.strips && bdev->md_len > spdk_dif_pi_format_get_size(bdev->dif_pi_format);
}

/* Describes the user's buffers to others, and the buffer that stands in for them to the module. */
static void
attach(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	struct spdk_bdev_io_block_params *params = &priv->io.u.bdev;
	uintptr_t mask = spdk_bdev_get_buf_align(priv->io.bdev) - 1;

	convert->iov.iov_base = (void *)(((uintptr_t)convert->buf + mask) & ~mask);
	convert->iov.iov_len = params->num_blocks * priv->io.bdev->blocklen;
	if (!is_write(priv) || makes_part_of_md(priv)) {
		/* What is left as it is by the module, or by those who make metadata, is not for others to see. */
		memset(convert->iov.iov_base, 0, convert->iov.iov_len + md_length(priv));
	}
	params->iovs = &convert->iov;
	params->iovcnt = 1;
	params->memory_domain = NULL;
	params->memory_domain_ctx = NULL;
	if (convert->orig_md_buf != NULL) {
		convert->orig_md_iov.iov_base = convert->orig_md_buf;
		convert->orig_md_iov.iov_len = md_length(priv);
		convert->md_iov.iov_base = (char *)convert->iov.iov_base + convert->iov.iov_len;
		convert->md_iov.iov_len = convert->orig_md_iov.iov_len;
		params->md_buf = convert->md_iov.iov_base;
	}
}

static void
detach(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	struct spdk_bdev_io_block_params *params = &priv->io.u.bdev;

	params->iovs = convert->orig_iovs;
	params->iovcnt = convert->orig_iovcnt;
	params->md_buf = convert->orig_md_buf;
	params->memory_domain = convert->domain;
	params->memory_domain_ctx = convert->domain_ctx;
	if (convert->buf != NULL) {
		spdk_iobuf_put(&priv->io.internal.ch->thread->iobuf, convert->buf, convert->buf_len);
		convert->buf = NULL;
	}
}

static void
has_buffer(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;

	attach(priv);
	/* In one piece it may exceed what the module takes, and parts of an I/O have no sequence. */
	if (convert->sequence != NULL && !convert->executes && bdev_io_needs_split(&priv->io)) {
		convert->executes = true;
		convert->handed_over = false;
	}
	if (convert->strips || convert->sequence != NULL) {
		before_append(priv);
	} else if (is_write(priv)) {
		before_pull(priv);
	} else {
		submit(priv);
	}
}

static void
buffer_ready_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_buf_arrived(entry));

	start_work(priv);
	priv->convert.buf = buf;
	take_step(priv, has_buffer);
}

static void
before_buffer(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	const struct spdk_bdev *bdev = priv->io.bdev;

	convert->buf_len =
		priv->io.u.bdev.num_blocks * bdev->blocklen + md_length(priv) + spdk_bdev_get_buf_align(bdev) - 1;
	if (convert->buf_len > bdev_buf_max_size()) {
		SPDK_ERRLOG("%s: an I/O needs a buffer of %" PRIu64 " bytes, more than iobuf's large_bufsize %" PRIu64
			    "\n",
			bdev->name, convert->buf_len, bdev_buf_max_size());
		finish(priv, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	convert->buf = bdev_buf_take(&priv->io, convert->buf_len, buffer_ready_cb);
	if (convert->buf != NULL) {
		has_buffer(priv);
	} else {
		stop_work(priv);
	}
}

/* ---- moving data without a sequence ---- */

static void
submit_moved_cb(void *ctx, int rc)
{
	struct bdev_io_private *priv = ctx;

	if (rc != 0) {
		fail(priv, before_pull, rc, "pulling data from a memory domain");
	} else {
		submit(priv);
	}
}

static void
before_pull_md(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	int rc;

	rc = spdk_memory_domain_pull_data(convert->domain, convert->domain_ctx, &convert->orig_md_iov, 1,
		&convert->md_iov, 1, submit_moved_cb, priv);
	if (rc != 0) {
		fail(priv, before_pull_md, rc, "pulling metadata from a memory domain");
	}
}

static void
data_pulled_cb(void *ctx, int rc)
{
	struct bdev_io_private *priv = ctx;

	if (rc == 0 && priv->convert.orig_md_buf != NULL) {
		before_pull_md(priv);
	} else {
		submit_moved_cb(priv, rc);
	}
}

static void
before_pull(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	int rc;

	rc = spdk_memory_domain_pull_data(convert->domain, convert->domain_ctx, convert->orig_iovs,
		convert->orig_iovcnt, &convert->iov, 1, data_pulled_cb, priv);
	if (rc != 0) {
		fail(priv, before_pull, rc, "pulling data from a memory domain");
	}
}

static void
md_pushed_cb(void *ctx, int rc)
{
	struct bdev_io_private *priv = ctx;

	if (rc != 0) {
		fail(priv, behind_push, rc, "pushing data to a memory domain");
	} else {
		finish(priv, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static void
behind_push_md(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	int rc;

	rc = spdk_memory_domain_push_data(convert->domain, convert->domain_ctx, &convert->orig_md_iov, 1,
		&convert->md_iov, 1, md_pushed_cb, priv);
	if (rc != 0) {
		fail(priv, behind_push_md, rc, "pushing metadata to a memory domain");
	}
}

static void
data_pushed_cb(void *ctx, int rc)
{
	struct bdev_io_private *priv = ctx;

	if (rc == 0 && priv->convert.orig_md_buf != NULL) {
		behind_push_md(priv);
	} else {
		md_pushed_cb(priv, rc);
	}
}

static void
behind_push(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	int rc;

	rc = spdk_memory_domain_push_data(convert->domain, convert->domain_ctx, convert->orig_iovs,
		convert->orig_iovcnt, &convert->iov, 1, data_pushed_cb, priv);
	if (rc != 0) {
		fail(priv, behind_push, rc, "pushing data to a memory domain");
	}
}

/* ---- the sequence ---- */

static void
log_dif_error(const struct bdev_io_private *priv)
{
	const struct spdk_dif_error *error = &priv->convert.dif_error;

	if (error->err_type != 0) {
		SPDK_ERRLOG("%s: block %" PRIu64 ": protection information is wrong (type 0x%x): expected 0x%" PRIx64
			    ", found 0x%" PRIx64 "\n",
			priv->io.bdev->name, priv->io.u.bdev.offset_blocks + error->err_offset, error->err_type,
			error->expected, error->actual);
	}
}

static void
executed_cb(void *ctx, int status)
{
	struct bdev_io_private *priv = ctx;

	if (status != 0) {
		log_dif_error(priv);
		SPDK_ERRLOG("%s: an accel sequence failed: %d\n", priv->io.bdev->name, status);
		finish(priv, SPDK_BDEV_IO_STATUS_FAILED);
	} else if (is_write(priv)) {
		submit(priv);
	} else {
		finish(priv, SPDK_BDEV_IO_STATUS_SUCCESS);
	}
}

static void
execute(struct bdev_io_private *priv)
{
	struct spdk_accel_sequence *sequence = priv->convert.sequence;

	priv->convert.sequence = NULL;
	if (!is_write(priv)) {
		spdk_accel_sequence_reverse(sequence);
	}
	spdk_accel_sequence_finish(sequence, executed_cb, priv);
}

/* A step between the user's buffers and the one that stands in for them: with metadata on one side, or a plain copy. */
static int
append_step(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	struct spdk_io_channel *ch = accel_channel(priv);
	uint32_t num_blocks = priv->io.u.bdev.num_blocks;

	if (convert->strips && is_write(priv)) {
		return spdk_accel_append_dif_generate_copy(&convert->sequence, ch, &convert->iov, 1, NULL, NULL,
			convert->orig_iovs, convert->orig_iovcnt, convert->domain, convert->domain_ctx, num_blocks,
			&convert->dif, NULL, NULL);
	}
	if (convert->strips) {
		return spdk_accel_append_dif_verify_copy(&convert->sequence, ch, convert->orig_iovs,
			convert->orig_iovcnt, convert->domain, convert->domain_ctx, &convert->iov, 1, NULL, NULL,
			num_blocks, &convert->dif, &convert->dif_error, NULL, NULL);
	}
	if (is_write(priv)) {
		return spdk_accel_append_copy(&convert->sequence, ch, &convert->iov, 1, NULL, NULL, convert->orig_iovs,
			convert->orig_iovcnt, convert->domain, convert->domain_ctx, NULL, NULL);
	}
	return spdk_accel_append_copy(&convert->sequence, ch, convert->orig_iovs, convert->orig_iovcnt, convert->domain,
		convert->domain_ctx, &convert->iov, 1, NULL, NULL, NULL, NULL);
}

/* Of a read the layer executes the sequence when there is something to read. */
static bool
is_for_later(const struct bdev_io_private *priv)
{
	return !is_write(priv) && priv->convert.executes;
}

static void
before_append(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	int rc;

	if (convert->buf != NULL && !is_for_later(priv)) {
		rc = append_step(priv);
		if (rc != 0) {
			fail(priv, before_append, rc, "extending an accel sequence");
			return;
		}
	}
	if (is_for_later(priv)) {
		submit(priv);
	} else if (convert->executes) {
		execute(priv);
	} else {
		/* It goes to the module, which clears it when it takes it over. */
		priv->io.u.bdev.accel_sequence = convert->sequence;
		convert->sequence = NULL;
		submit(priv);
	}
}

static void
behind_append(struct bdev_io_private *priv)
{
	int rc = 0;

	if (priv->convert.buf != NULL) {
		rc = append_step(priv);
	}
	if (rc != 0) {
		fail(priv, behind_append, rc, "extending an accel sequence");
	} else {
		execute(priv);
	}
}

/* ---- begin and end ---- */

static void
begin_work(struct bdev_io_private *priv)
{
	priv->io.internal.marks |= BDEV_IO_CONVERTING;
	start_work(priv);
}

static void
end_work(struct bdev_io_private *priv)
{
	priv->io.internal.marks &= ~BDEV_IO_CONVERTING;
	stop_work(priv);
}

static void
submit(struct bdev_io_private *priv)
{
	struct bdev_channel *ch = priv->io.internal.ch;
	bool in_step = priv->io.internal.flags & BDEV_IO_IN_SUBMIT;

	end_work(priv);
	/* Until the submission has returned the owner is not called. */
	priv->io.internal.flags |= BDEV_IO_IN_SUBMIT;
	bdev_io_submit_gated(&priv->io);
	if (!in_step && (ch->gates & BDEV_GATE_NOMEM)) {
		bdev_retry_kick(ch->shared);
	}
}

static void
finish(struct bdev_io_private *priv, enum spdk_bdev_io_status status)
{
	struct bdev_channel *ch = priv->io.internal.ch;

	end_work(priv);
	detach(priv);
	spdk_accel_sequence_abort(priv->convert.sequence);
	priv->convert.sequence = NULL;
	priv->io.internal.marks &= ~(BDEV_IO_CONVERTED | BDEV_IO_HIDES_METADATA);
	if (ch->gates & BDEV_GATE_NOMEM) {
		priv->io.internal.status = status;
		bdev_retry_kick(ch->shared);
	}
	bdev_io_end(&priv->io, status);
}

void
bdev_convert_end(struct spdk_bdev_io *bdev_io, enum spdk_bdev_io_status status)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	struct bdev_convert *convert = &priv->convert;

	if (bdev_io->u.bdev.accel_sequence != NULL) {
		/* The module has not come to it. */
		if (status == SPDK_BDEV_IO_STATUS_SUCCESS) {
			SPDK_ERRLOG("%s: module %s completed an I/O without its accel sequence\n", bdev_io->bdev->name,
				bdev_io->bdev->module->name);
			status = SPDK_BDEV_IO_STATUS_FAILED;
		}
		spdk_accel_sequence_abort(bdev_io->u.bdev.accel_sequence);
		bdev_io->u.bdev.accel_sequence = NULL;
	}
	if (convert->direct) {
		bdev_io->internal.marks &= ~BDEV_IO_CONVERTED;
		bdev_io_end(bdev_io, status);
		return;
	}
	/* Whatever those thought who have brought it here: its end is not decided yet. */
	bdev_io->internal.status = SPDK_BDEV_IO_STATUS_PENDING;
	convert->ended = true;
	begin_work(priv);
	if (status != SPDK_BDEV_IO_STATUS_SUCCESS || is_write(priv)) {
		finish(priv, status);
	} else if (is_for_later(priv)) {
		behind_append(priv);
	} else if (convert->buf != NULL && !convert->handed_over) {
		behind_push(priv);
	} else {
		finish(priv, status);
	}
}

bool
bdev_convert_strips(const struct spdk_bdev *bdev, uint32_t cdw12)
{
	return (cdw12 & PRACT) && spdk_bdev_is_md_interleaved(bdev) &&
		bdev->md_len == spdk_dif_pi_format_get_size(bdev->dif_pi_format);
}

/* Metadata is made from, and checked against, what the bdev states and the place of the blocks. */
static int
init_dif(struct bdev_io_private *priv)
{
	const struct spdk_bdev *bdev = priv->io.bdev;
	const struct spdk_bdev_io_block_params *params = &priv->io.u.bdev;
	struct spdk_dif_ctx_init_ext_opts opts = {};

	opts.size = SPDK_SIZEOF(&opts, dif_pi_format);
	opts.dif_pi_format = bdev->dif_pi_format;
	memset(&priv->convert.dif_error, 0, sizeof(priv->convert.dif_error));
	return spdk_dif_ctx_init(&priv->convert.dif, bdev->blocklen, bdev->md_len, bdev->md_interleave,
		bdev->dif_is_head_of_md, spdk_bdev_get_dif_type(bdev), params->dif_check_flags & ~PRACT,
		params->offset_blocks & 0xffffffff, 0, 0, 0, 0, &opts);
}

static void
begin(struct bdev_io_private *priv)
{
	struct bdev_convert *convert = &priv->convert;
	struct spdk_accel_sequence *sequence = convert->sequence;
	struct spdk_bdev_io *bdev_io = &priv->io;
	const struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_bdev_desc *desc = bdev_io->internal.desc;
	bool needs_buffer;

	convert->domain = params->memory_domain;
	convert->domain_ctx = params->memory_domain_ctx;
	convert->orig_iovs = params->iovs;
	convert->orig_iovcnt = params->iovcnt;
	convert->orig_md_buf = params->md_buf;
	convert->buf = NULL;
	convert->ended = false;
	convert->direct = false;
	convert->strips =
		(desc->gates & BDEV_GATE_HIDDEN_METADATA) || bdev_convert_strips(bdev_io->bdev, params->nvme_cdw12.raw);
	if (convert->strips) {
		bdev_io->internal.marks |= BDEV_IO_HIDES_METADATA;
	}
	/* Parts of an I/O have no sequence: then it is carried out around the whole. */
	convert->executes = convert->strips ||
		(sequence != NULL &&
			(!((desc->accel_sequence_types >> bdev_io->type) & 1) || bdev_io_needs_split(bdev_io)));
	if (convert->strips && init_dif(priv) != 0) {
		SPDK_ERRLOG("%s: its metadata cannot be made or checked\n", bdev_io->bdev->name);
		finish(priv, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	/* A sequence that the layer executes has to end in memory that is there when it has ended. */
	needs_buffer = convert->strips ||
		(convert->domain != NULL &&
			(!desc->memory_domains_supported ||
				(convert->executes && convert->domain == spdk_accel_get_memory_domain())));
	convert->handed_over = sequence != NULL && !convert->executes;
	if (needs_buffer) {
		before_buffer(priv);
	} else {
		before_append(priv);
	}
}

/* Whether the module takes the I/O as it is, with its sequence. */
static bool
is_direct(const struct spdk_bdev_io *bdev_io, const struct spdk_accel_sequence *sequence)
{
	const struct spdk_bdev_desc *desc = bdev_io->internal.desc;

	return sequence != NULL && ((desc->accel_sequence_types >> bdev_io->type) & 1) &&
		!(desc->gates & BDEV_GATE_HIDDEN_METADATA) &&
		(bdev_io->u.bdev.memory_domain == NULL || desc->memory_domains_supported) &&
		!bdev_convert_strips(bdev_io->bdev, bdev_io->u.bdev.nvme_cdw12.raw) &&
		(bdev_has_no_rw_limits(bdev_io->bdev) || !bdev_io_needs_split(bdev_io));
}

static void
submit_directly(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence)
{
	bdev_io->internal.marks |= BDEV_IO_CONVERTED;
	bdev_io_private(bdev_io)->convert.direct = true;
	bdev_io->u.bdev.accel_sequence = sequence;
	bdev_io_submit(bdev_io, bdev_io->internal.ch);
}

void
bdev_convert_submit(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence)
{
	struct bdev_io_private *priv = bdev_io_private(bdev_io);
	bool direct = is_direct(bdev_io, sequence);

	if (bdev_io->internal.ch->gates & BDEV_GATE_TIMEOUT) {
		/* Also what is not with the module yet has begun. */
		bdev_timeout_io_begins(bdev_io->internal.ch);
	}
	if (direct && bdev_io->internal.ch->gates == 0) {
		submit_directly(bdev_io, sequence);
		return;
	}
	if (bdev_channel_is_frozen(bdev_io->internal.ch)) {
		spdk_accel_sequence_abort(sequence);
		bdev_io_end(bdev_io, SPDK_BDEV_IO_STATUS_ABORTED);
		bdev_io->internal.flags &= ~BDEV_IO_IN_SUBMIT;
		return;
	}
	if (direct) {
		submit_directly(bdev_io, sequence);
		return;
	}
	bdev_io->internal.marks |= BDEV_IO_CONVERTED;
	priv->convert.sequence = sequence;
	begin_work(priv);
	take_step(priv, begin);
}
