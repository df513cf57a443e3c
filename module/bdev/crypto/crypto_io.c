/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The way of an I/O through a crypto bdev. Reads and writes become a step of an accel sequence, which goes down with them:
 *
 *   read:   the base reads into the caller's buffer, and decrypts it there, as it comes up
 *   write:  data are encrypted into a buffer of accel, from which the base writes
 *
 * A base that takes sequences, as malloc does, leaves out what it can: it is read from, and encrypted to, the disk itself,
 * and there is no buffer. For other bases the layer carries the sequence out.
 */

#include "module/bdev/crypto/crypto_internal.h"

#include "spdk/accel.h"
#include "spdk/dma.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/string.h"

static void submit(struct spdk_bdev_io *bdev_io);

static struct crypto_io *
crypto_io_of(struct spdk_bdev_io *bdev_io)
{
	return (struct crypto_io *)bdev_io->driver_ctx;
}

static struct crypto_channel *
channel_of(struct spdk_bdev_io *bdev_io)
{
	return spdk_io_channel_get_ctx(spdk_bdev_io_get_io_channel(bdev_io));
}

/* ---- The way back ---- */

static void
put_encrypted(struct spdk_bdev_io *bdev_io)
{
	struct crypto_io *io = crypto_io_of(bdev_io);

	spdk_accel_put_buf(channel_of(bdev_io)->accel_ch, io->encrypted.iov_base, io->domain, io->domain_ctx);
}

static void
done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	struct spdk_bdev_io *bdev_io = cb_arg;

	if (spdk_likely(success)) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
	} else {
		/* With the details of the error: what the device said is what the user wants to know. */
		spdk_bdev_io_complete_base_io_status(bdev_io, base_io);
	}
	spdk_bdev_free_io(base_io);
}

static void
write_done_cb(struct spdk_bdev_io *base_io, bool success, void *cb_arg)
{
	put_encrypted(cb_arg);
	done_cb(base_io, success, cb_arg);
}

/* ---- The way down ---- */

/* Takes back what has been prepared for the base. */
static void
give_up(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ || bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
		spdk_accel_sequence_abort(crypto_io_of(bdev_io)->sequence);
		if (bdev_io->type == SPDK_BDEV_IO_TYPE_WRITE) {
			put_encrypted(bdev_io);
		}
	}
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
}

static void
retry_cb(void *cb_arg)
{
	submit(cb_arg);
}

/*
 * No spdk_bdev_io is left for the I/O to the base: wait until one is. That is normal under load and not worth a word
 * in the log. The queue is first in, first out, and new I/O does not overtake it.
 */
static void
wait_for_base_io(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct crypto_io *io = crypto_io_of(bdev_io);

	io->wait.bdev = crypto->vbdev.base;
	io->wait.cb_fn = retry_cb;
	io->wait.cb_arg = bdev_io;
	if (spdk_bdev_queue_io_wait(crypto->vbdev.base, channel_of(bdev_io)->base.base_ch, &io->wait) != 0) {
		/* It was not that, and what has been prepared is not prepared a second time. */
		give_up(bdev_io);
	}
}

static int
read_from_base(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.memory_domain = params->memory_domain,
		.memory_domain_ctx = params->memory_domain_ctx,
		.accel_sequence = crypto_io_of(bdev_io)->sequence,
	};

	return spdk_bdev_readv_blocks_ext(crypto->vbdev.base_desc, channel_of(bdev_io)->base.base_ch, params->iovs,
		params->iovcnt, params->offset_blocks, params->num_blocks, done_cb, bdev_io, &opts);
}

static int
write_to_base(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct crypto_io *io = crypto_io_of(bdev_io);
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.memory_domain = io->domain,
		.memory_domain_ctx = io->domain_ctx,
		.accel_sequence = io->sequence,
	};

	return spdk_bdev_writev_blocks_ext(crypto->vbdev.base_desc, channel_of(bdev_io)->base.base_ch, &io->encrypted,
		1, bdev_io->u.bdev.offset_blocks, bdev_io->u.bdev.num_blocks, write_done_cb, bdev_io, &opts);
}

static int
submit_to_base(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_io_channel *base_ch = channel_of(bdev_io)->base.base_ch;

	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return read_from_base(bdev_io);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return write_to_base(bdev_io);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(
			crypto->vbdev.base_desc, base_ch, params->offset_blocks, params->num_blocks, done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(
			crypto->vbdev.base_desc, base_ch, params->offset_blocks, params->num_blocks, done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(crypto->vbdev.base_desc, base_ch, done_cb, bdev_io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		/* What is to be aborted is the callback argument of its I/O to the base. */
		return spdk_bdev_abort(
			crypto->vbdev.base_desc, base_ch, bdev_io->u.abort.bio_to_abort, done_cb, bdev_io);
	default:
		return -ENOTSUP;
	}
}

static void
submit(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	int rc = submit_to_base(bdev_io);

	if (spdk_likely(rc == 0)) {
		return;
	}
	if (rc == -ENOMEM) {
		wait_for_base_io(bdev_io);
		return;
	}
	SPDK_ERRLOG_RATELIMIT("%s: the base %s refuses an I/O of type %d: %s\n", crypto->vbdev.bdev.name,
		crypto->vbdev.base->name, bdev_io->type, spdk_strerror(-rc));
	give_up(bdev_io);
}

/* ---- Encryption and decryption ---- */

/* True if the step has been added. Else the I/O, whose sequence is as it came, is tried again by the layer. */
static bool
is_prepared(struct spdk_bdev_io *bdev_io, struct spdk_accel_sequence *sequence, int rc)
{
	if (spdk_unlikely(rc != 0)) {
		spdk_bdev_io_complete(bdev_io, rc == -ENOMEM ? SPDK_BDEV_IO_STATUS_NOMEM : SPDK_BDEV_IO_STATUS_FAILED);
		return false;
	}
	crypto_io_of(bdev_io)->sequence = sequence;
	bdev_io->u.bdev.accel_sequence = NULL;
	return true;
}

static void
start_read(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_accel_sequence *sequence = params->accel_sequence;
	int rc;

	/* In place. What the caller does with the data comes first in the list, and the base turns it around. */
	rc = spdk_accel_append_decrypt(&sequence, channel_of(bdev_io)->accel_ch, crypto->key->accel, params->iovs,
		params->iovcnt, params->memory_domain, params->memory_domain_ctx, params->iovs, params->iovcnt,
		params->memory_domain, params->memory_domain_ctx, params->offset_blocks, crypto->vbdev.bdev.blocklen,
		NULL, NULL);
	if (is_prepared(bdev_io, sequence, rc)) {
		submit(bdev_io);
	}
}

static void
start_write(struct spdk_bdev_io *bdev_io)
{
	struct crypto_bdev *crypto = bdev_io->bdev->ctxt;
	struct spdk_bdev_io_block_params *params = &bdev_io->u.bdev;
	struct spdk_io_channel *accel_ch = channel_of(bdev_io)->accel_ch;
	struct spdk_accel_sequence *sequence = params->accel_sequence;
	struct crypto_io *io = crypto_io_of(bdev_io);
	int rc;

	io->encrypted.iov_len = params->num_blocks * crypto->vbdev.bdev.blocklen;
	rc = spdk_accel_get_buf(accel_ch, io->encrypted.iov_len, &io->encrypted.iov_base, &io->domain, &io->domain_ctx);
	if (rc == 0) {
		rc = spdk_accel_append_encrypt(&sequence, accel_ch, crypto->key->accel, &io->encrypted, 1, io->domain,
			io->domain_ctx, params->iovs, params->iovcnt, params->memory_domain, params->memory_domain_ctx,
			params->offset_blocks, crypto->vbdev.bdev.blocklen, NULL, NULL);
		if (rc != 0) {
			put_encrypted(bdev_io);
		}
	}
	if (is_prepared(bdev_io, sequence, rc)) {
		submit(bdev_io);
	}
}

static void
start(struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->type == SPDK_BDEV_IO_TYPE_READ) {
		start_read(bdev_io);
	} else {
		start_write(bdev_io);
	}
}

static void
get_buf_cb(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io, bool success)
{
	if (!success) {
		spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_FAILED);
		return;
	}
	start(bdev_io);
}

/* A read may come without a buffer, and an accel module may need aligned ones. */
static bool
needs_buffer(const struct spdk_bdev_io *bdev_io)
{
	const struct crypto_bdev *crypto = bdev_io->bdev->ctxt;

	return bdev_io->u.bdev.iovs[0].iov_base == NULL ||
		(crypto->needs_aligned && bdev_io->u.bdev.memory_domain == NULL);
}

/* No block is nothing to encrypt, and nothing that a sequence could work on. */
static void
complete_empty(struct spdk_bdev_io *bdev_io)
{
	spdk_bdev_io_complete(bdev_io,
		bdev_io->u.bdev.accel_sequence == NULL ? SPDK_BDEV_IO_STATUS_SUCCESS : SPDK_BDEV_IO_STATUS_FAILED);
}

/* ---- What the layer asks ---- */

void
crypto_io_submit(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	switch (bdev_io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
		if (spdk_unlikely(bdev_io->u.bdev.num_blocks == 0)) {
			complete_empty(bdev_io);
			return;
		}
		if (spdk_unlikely(needs_buffer(bdev_io))) {
			spdk_bdev_io_get_buf(bdev_io, get_buf_cb, bdev_io->u.bdev.num_blocks * bdev_io->bdev->blocklen);
			return;
		}
		start(bdev_io);
		break;
	default:
		submit(bdev_io);
		break;
	}
}

/*
 * What carries data is carried out by way of reads and writes, which the layer does; WRITE_ZEROES too, since zeroes on the
 * base are not zeroes here.
 */
bool
crypto_io_type_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	struct crypto_bdev *crypto = ctx;

	switch (io_type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_UNMAP:
	case SPDK_BDEV_IO_TYPE_FLUSH:
	case SPDK_BDEV_IO_TYPE_RESET:
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_io_type_supported(crypto->vbdev.base, io_type);
	default:
		return false;
	}
}

/* That of accel's buffers, which come from another crypto bdev on this one, and what the module that encrypts knows. */
int
crypto_get_memory_domains(void *ctx, struct spdk_memory_domain **domains, int array_size)
{
	int count = 1;

	if (array_size > 0) {
		domains[0] = spdk_accel_get_memory_domain();
	}
	count += spdk_accel_get_opc_memory_domains(
		SPDK_ACCEL_OPC_ENCRYPT, array_size > 1 ? domains + 1 : NULL, array_size > 1 ? array_size - 1 : 0);
	return count;
}

bool
crypto_accel_sequence_supported(void *ctx, enum spdk_bdev_io_type io_type)
{
	return io_type == SPDK_BDEV_IO_TYPE_READ || io_type == SPDK_BDEV_IO_TYPE_WRITE;
}
