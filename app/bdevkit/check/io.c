/* SPDX-License-Identifier: BSD-3-Clause */

/* I/O of any type, submitted and waited for. */

#include "app/bdevkit/check/check.h"

void
check_io_describe(const struct check_io *io, char *text, size_t size)
{
	bool has_data = io->data != NULL &&
		(io->type == SPDK_BDEV_IO_TYPE_READ || io->type == SPDK_BDEV_IO_TYPE_WRITE ||
			io->type == SPDK_BDEV_IO_TYPE_COMPARE);
	int length;

	length = snprintf(text, size, "%s, offset %" PRIu64 ", %" PRIu64 " blocks, thread %u, seed %" PRIu64,
		spdk_bdev_get_io_type_name(io->type), io->offset + io->check->first_block, io->blocks, io->channel,
		io->check->options->seed);
	if (has_data && (size_t)length < size) {
		snprintf(text + length, size - (size_t)length, ", %d buffers", io->data->iovcnt);
	}
}

static void
io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct check_io *io = cb_arg;
	bool on_thread = spdk_get_thread() == session_thread(io->channel);
	int sc, sk, asc, ascq;
	uint32_t cdw0;

	io->completions++;
	session_note("  %s of %s, offset %" PRIu64, success ? "end" : "failure", spdk_bdev_get_io_type_name(io->type),
		io->offset);
	check_expect(io->check, check_rule(io->check, RULE_IO_ONCE),
		io->completions == 1 && on_thread && !io->in_submission, io, "%s",
		io->completions > 1 ? "its callback was called again"
			: on_thread ? "its callback was called inside its submission"
				    : "its callback was called on another thread");
	io->success = success;
	spdk_bdev_io_get_scsi_status(bdev_io, &sc, &sk, &asc, &ascq);
	io->miscompare = !success && sk == SPDK_SCSI_SENSE_MISCOMPARE;
	spdk_bdev_io_get_nvme_status(bdev_io, &cdw0, &io->sct, &io->sc);
	io->seek_offset = spdk_bdev_io_get_seek_offset(bdev_io);
	io->append_location = spdk_bdev_io_get_append_location(bdev_io);
	io->bdev_io = bdev_io;
	if (!(io->keep && success)) {
		spdk_bdev_free_io(bdev_io);
		io->bdev_io = NULL;
	}
}

static int
submit_data(struct check_io *io, struct spdk_bdev_desc *desc, struct spdk_io_channel *ch)
{
	uint64_t offset = io->offset + io->check->first_block;
	struct iovec *iovs = io->data->iovs;
	int iovcnt = io->data->iovcnt;
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.metadata = io->data->md,
		.dif_check_flags_exclude_mask = io->dif_exclude,
		.memory_domain = io->domain,
		.memory_domain_ctx = io->domain_ctx,
		.accel_sequence = io->sequence,
	};

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
		return spdk_bdev_readv_blocks_ext(desc, ch, iovs, iovcnt, offset, io->blocks, io_cb, io, &opts);
	case SPDK_BDEV_IO_TYPE_WRITE:
		return spdk_bdev_writev_blocks_ext(desc, ch, iovs, iovcnt, offset, io->blocks, io_cb, io, &opts);
	case SPDK_BDEV_IO_TYPE_COMPARE:
		return spdk_bdev_comparev_blocks_with_md(
			desc, ch, iovs, iovcnt, io->data->md, offset, io->blocks, io_cb, io);
	default:
		return spdk_bdev_comparev_and_writev_blocks(desc, ch, iovs, iovcnt, io->write_data->iovs,
			io->write_data->iovcnt, offset, io->blocks, io_cb, io);
	}
}

static int
submit(struct check_io *io)
{
	struct spdk_io_channel *ch = io->check->channels[io->channel];
	struct spdk_bdev_desc *desc = io->check->desc;
	uint64_t offset = io->offset + io->check->first_block;
	static struct spdk_nvme_cmd cmd;
	static uint8_t nothing[4096];

	switch (io->type) {
	case SPDK_BDEV_IO_TYPE_READ:
	case SPDK_BDEV_IO_TYPE_WRITE:
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
		return submit_data(io, desc, ch);
	case SPDK_BDEV_IO_TYPE_UNMAP:
		return spdk_bdev_unmap_blocks(desc, ch, offset, io->blocks, io_cb, io);
	case SPDK_BDEV_IO_TYPE_FLUSH:
		return spdk_bdev_flush_blocks(desc, ch, offset, io->blocks, io_cb, io);
	case SPDK_BDEV_IO_TYPE_WRITE_ZEROES:
		return spdk_bdev_write_zeroes_blocks(desc, ch, offset, io->blocks, io_cb, io);
	case SPDK_BDEV_IO_TYPE_COPY:
		return spdk_bdev_copy_blocks(desc, ch, offset, io->src + io->check->first_block, io->blocks, io_cb, io);
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return spdk_bdev_seek_data(desc, ch, offset, io_cb, io);
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
		return spdk_bdev_seek_hole(desc, ch, offset, io_cb, io);
	case SPDK_BDEV_IO_TYPE_ZCOPY:
		return spdk_bdev_zcopy_start(desc, ch, NULL, 0, offset, io->blocks, true, io_cb, io);
	case SPDK_BDEV_IO_TYPE_RESET:
		return spdk_bdev_reset(desc, ch, io_cb, io);
	case SPDK_BDEV_IO_TYPE_ABORT:
		return spdk_bdev_abort(desc, ch, io->victim, io_cb, io);
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
		return spdk_bdev_nvme_admin_passthru(desc, ch, &cmd, nothing, sizeof(nothing), io_cb, io);
	case SPDK_BDEV_IO_TYPE_NVME_IO:
		return spdk_bdev_nvme_io_passthru(desc, ch, &cmd, nothing, sizeof(nothing), io_cb, io);
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
		return spdk_bdev_nvme_io_passthru_md(desc, ch, &cmd, nothing, 2048, nothing + 2048, 64, io_cb, io);
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
		return spdk_bdev_zone_appendv_with_md(
			desc, ch, io->data->iovs, io->data->iovcnt, io->data->md, io->offset, io->blocks, io_cb, io);
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
		return spdk_bdev_zone_management(desc, ch, io->offset, io->zone_action, io_cb, io);
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
		return spdk_bdev_get_zone_info(desc, ch, io->offset, io->blocks, io->zone_infos, io_cb, io);
	default:
		return -ENOTSUP;
	}
}

int
check_io_submit(struct check_io *io)
{
	io->completions = 0;
	io->success = false;
	io->bdev_io = NULL;
	if (check_is_gone(io->check)) {
		io->rc = -ENODEV;
		return io->rc;
	}
	session_enter(session_thread(io->channel));
	/* An abort of what is not there any more ends at once, by its description. */
	io->in_submission = io->type != SPDK_BDEV_IO_TYPE_ABORT;
	io->rc = submit(io);
	io->in_submission = false;
	session_enter(NULL);
	session_note("  thread %u: %s, offset %" PRIu64 ", %" PRIu64 " blocks: %d", io->channel,
		spdk_bdev_get_io_type_name(io->type), io->offset, io->blocks, io->rc);
	return io->rc;
}

static bool
has_ended(void *arg)
{
	return ((const struct check_io *)arg)->completions > 0;
}

void
check_io_wait(struct check_io *io)
{
	bool ended = session_wait(has_ended, io, CHECK_IO_TIMEOUT_US);

	check_expect(io->check, check_rule(io->check, RULE_IO_ENDS), ended, io, "not within %llu seconds",
		CHECK_IO_TIMEOUT_US / 1000000);
	if (!ended) {
		check_give_up(io->check);
	}
}

int
check_io_run(struct check_io *io)
{
	int rc = check_io_submit(io);

	if (rc == 0) {
		check_io_wait(io);
	}
	return rc;
}

bool
check_io_succeeds(struct check_rule *rule, struct check_io *io)
{
	check_io_run(io);
	return check_expect(io->check, rule, io->rc == 0 && io->success, io, "failed (%d)", io->rc);
}

void
check_holds(struct check *check, struct check_rule *rule, uint64_t offset, uint64_t blocks)
{
	struct check_data data;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_READ,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &data};
	uint64_t wrong;

	if (!check_data_alloc(check, &data, blocks, false)) {
		abort();
	}
	if (check_io_succeeds(rule, &io)) {
		wrong = check_data_find_wrong(check, &data, offset);
		check_expect(check, rule, wrong == UINT64_MAX, &io, "block %" PRIu64 " holds something else", wrong);
	}
	check_data_free(&data);
}

bool
check_io_borrow(struct check_io *io, struct check_data *data)
{
	struct iovec *iovs;
	int iovcnt;

	spdk_bdev_io_get_iovec(io->bdev_io, &iovs, &iovcnt);
	memset(data, 0, sizeof(*data));
	if (iovcnt < 1 || iovcnt > CHECK_MAX_IOVS || iovs[0].iov_base == NULL) {
		return false;
	}
	memcpy(data->iovs, iovs, (size_t)iovcnt * sizeof(*iovs));
	data->iovcnt = iovcnt;
	data->blocks = io->blocks;
	return true;
}

int
check_io_end_zcopy(struct check_io *io, bool commit)
{
	struct spdk_bdev_io *bdev_io = io->bdev_io;

	io->completions = 0;
	io->keep = false;
	session_enter(session_thread(io->channel));
	io->in_submission = true;
	io->rc = spdk_bdev_zcopy_end(bdev_io, commit, io_cb, io);
	io->in_submission = false;
	session_enter(NULL);
	if (io->rc == 0) {
		check_io_wait(io);
	}
	return io->rc;
}

void
check_write_read(struct check *check, struct check_rule *rule, uint64_t offset, uint64_t blocks, bool cut)
{
	struct check_rule *untouched = check_rule(check, RULE_IO_UNTOUCHED);
	struct check_rule *guards = check_rule(check, RULE_IO_GUARDS);
	uint32_t generation = ++check->last_generation;
	struct check_data written, read;
	struct check_io io = {
		.check = check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &written,
	};

	if (!check_data_alloc(check, &written, blocks, cut) || !check_data_alloc(check, &read, blocks, cut)) {
		abort();
	}
	check_data_fill(check, &written, offset, generation);
	check_io_run(&io);
	if (check_expect(check, rule, io.rc == 0 && io.success, &io, "failed (%d)", io.rc)) {
		check_know(check, offset, blocks, generation);
		check_expect(check, untouched, check_data_matches(check, &written, offset, generation), &io,
			"they have changed");
		check_expect(check, guards, check_data_guards_intact(&written), &io, "something has changed");
		io.type = SPDK_BDEV_IO_TYPE_READ;
		io.channel = (unsigned int)session_random(SESSION_NUM_THREADS);
		io.data = &read;
		check_io_run(&io);
		check_expect(check, rule, io.rc == 0 && io.success, &io, "failed (%d)", io.rc);
		check_expect(check, guards, check_data_guards_intact(&read), &io, "something has changed");
		if (io.rc == 0 && io.success && !check->options->no_data) {
			check_expect(check, rule, check_data_matches(check, &read, offset, generation), &io,
				"it is not what was written there just before");
		}
	} else {
		check_know(check, offset, blocks, CHECK_UNKNOWN);
	}
	check_data_free(&written);
	check_data_free(&read);
}
