/* SPDX-License-Identifier: BSD-3-Clause */

/* Bdevs as ends of a copy. */

#include "app/bdevkit/dd/end.h"

#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "app/bdevkit/bases.h"
#include "app/bdevkit/text.h"

/* Emulated zeroes go out in pieces of the layer's; this bounds what one failure leaves open. */
#define MAX_DEPTH 16

struct bdev_end {
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
};

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct dd_end *end = ctx;

	/* I/O fails from now on, and the copy ends and closes it. */
	if (type == SPDK_BDEV_EVENT_REMOVE) {
		end->gone = true;
	}
}

/* ---- What it stands on ---- */

static struct spdk_json_val *
parse(struct text *text)
{
	ssize_t count = spdk_json_parse(text->data, text->size, NULL, 0, NULL, 0);
	struct spdk_json_val *values = count > 0 ? calloc((size_t)count, sizeof(*values)) : NULL;

	if (values != NULL) {
		spdk_json_parse(
			text->data, text->size, values, (size_t)count, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
	}
	return values;
}

struct below {
	struct dd_end *end;
	unsigned depth;
};

static int add_identities(struct dd_end *end, const char *name, unsigned depth);

static int
add_base(void *ctx, const char *name)
{
	struct below *below = ctx;

	return add_identities(below->end, name, below->depth + 1);
}

/* The bdev itself and the file below it; not what a part shares with the other parts. */
static int
add_identities(struct dd_end *end, const char *name, unsigned depth)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);
	struct below below = {.end = end, .depth = depth};
	struct text text = {};
	struct spdk_json_write_ctx *w;
	struct spdk_json_val *values;
	char *filename;
	struct stat st;
	int rc;

	if (bdev == NULL || depth > MAX_DEPTH) {
		return 0;
	}
	rc = dd_end_add_identity(end, "bdev %s", spdk_bdev_get_name(bdev));
	w = spdk_json_write_begin(text_append, &text, 0);
	if (w == NULL) {
		return -ENOMEM;
	}
	spdk_json_write_object_begin(w);
	spdk_bdev_dump_info_json(bdev, w);
	spdk_json_write_object_end(w);
	values = spdk_json_write_end(w) == 0 ? parse(&text) : NULL;
	if (values != NULL && rc == 0) {
		filename = bases_find_string(values, "filename");
		if (filename != NULL && stat(filename, &st) == 0) {
			rc = dd_end_add_file_identity(end, &st);
		}
		free(filename);
		if (rc == 0 && !bases_has(values, "offset_blocks")) {
			rc = bases_for_each(values, add_base, &below);
		}
	}
	free(values);
	free(text.data);
	return rc;
}

/* ---- open and close ---- */

static int
describe(struct dd_end *end, struct bdev_end *state, char *why, size_t why_size)
{
	struct spdk_bdev *bdev = spdk_bdev_desc_get_bdev(state->desc);

	if (end->write && spdk_bdev_is_zoned(bdev)) {
		snprintf(why, why_size, "it has zones, which are written in order only");
		return -ENOTSUP;
	}
	if (end->write && !spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE)) {
		snprintf(why, why_size, "it cannot be written");
		return -EROFS;
	}
	end->block_size = spdk_bdev_desc_get_block_size(state->desc);
	end->size = spdk_bdev_get_num_blocks(bdev) * end->block_size;
	end->buf_align = spdk_max(end->buf_align, spdk_bdev_get_buf_align(bdev));
	return add_identities(end, end->name, 0);
}

static int
bdev_open(struct dd_end *end, char *why, size_t why_size)
{
	struct bdev_end *state = calloc(1, sizeof(*state));
	struct spdk_bdev_open_opts opts;
	int rc;

	if (state == NULL) {
		return -ENOMEM;
	}
	end->state = state;
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	rc = spdk_bdev_open_ext_v2(end->name, end->write, event_cb, end, &opts, &state->desc);
	if (rc == -ENODEV) {
		snprintf(why, why_size, "there is no such bdev, nor a file of that name; ./%s makes one", end->name);
	} else if (rc == -EPERM) {
		snprintf(why, why_size, "another bdev stands on it");
	}
	if (rc != 0) {
		return rc;
	}
	state->ch = spdk_bdev_get_io_channel(state->desc);
	return state->ch == NULL ? -ENOMEM : describe(end, state, why, why_size);
}

static int
bdev_close(struct dd_end *end, bool done)
{
	struct bdev_end *state = end->state;

	if (state->ch != NULL) {
		spdk_put_io_channel(state->ch);
	}
	if (state->desc != NULL) {
		spdk_bdev_close(state->desc);
	}
	free(state);
	return 0;
}

static int
bdev_prepare(struct dd_end *end, uint64_t keep, uint64_t size)
{
	return 0;
}

/* ---- I/O ---- */

static void bdev_submit(struct dd_end *end, struct dd_io *io);

static int
errno_of(struct spdk_bdev_io *bdev_io)
{
	int result;

	spdk_bdev_io_get_aio_status(bdev_io, &result);
	return result < 0 ? result : -EIO;
}

static void
moved_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	struct dd_io *io = ctx;
	int rc = success ? 0 : errno_of(bdev_io);

	spdk_bdev_free_io(bdev_io);
	if (rc != 0 && io->end->gone) {
		rc = -ENODEV;
	}
	io->fn(io, rc);
}

/* Where it ends what began at io->offset. */
static void
end_extent(struct dd_io *io, uint64_t block, bool zero)
{
	uint64_t end = block == UINT64_MAX ? UINT64_MAX : block * io->end->block_size;

	io->extent_zero = zero;
	io->extent_length = spdk_min(end - spdk_min(end, io->offset), io->length);
	io->fn(io, 0);
}

static void
found_hole_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	uint64_t block = success ? spdk_bdev_io_get_seek_offset(bdev_io) : UINT64_MAX;

	spdk_bdev_free_io(bdev_io);
	end_extent(ctx, block, false);
}

static void
found_data_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	uint64_t block = success ? spdk_bdev_io_get_seek_offset(bdev_io) : 0;
	struct dd_io *io = ctx;
	struct bdev_end *state = io->end->state;

	spdk_bdev_free_io(bdev_io);
	if (block * io->end->block_size > io->offset) {
		end_extent(io, block, true);
	} else if (!success ||
		spdk_bdev_seek_hole(state->desc, state->ch, io->offset / io->end->block_size, found_hole_cb, io) != 0) {
		/* What cannot be told is read. */
		end_extent(io, UINT64_MAX, false);
	}
}

static void
retry_cb(void *ctx)
{
	struct dd_io *io = ctx;

	bdev_submit(io->end, io);
}

static int
start(struct dd_end *end, struct dd_io *io)
{
	struct bdev_end *state = end->state;
	uint32_t block_size = end->block_size;

	switch (io->op) {
	case DD_READ:
		return spdk_bdev_read(
			state->desc, state->ch, io->buf, io->offset, dd_round_up(io->length, block_size), moved_cb, io);
	case DD_WRITE:
		return spdk_bdev_write(state->desc, state->ch, io->buf, io->offset, io->length, moved_cb, io);
	case DD_ZERO:
		return spdk_bdev_write_zeroes(state->desc, state->ch, io->offset, io->length, moved_cb, io);
	case DD_FLUSH:
		if (!spdk_bdev_io_type_supported(spdk_bdev_desc_get_bdev(state->desc), SPDK_BDEV_IO_TYPE_FLUSH)) {
			dd_io_end_later(io, 0);
			return 0;
		}
		return spdk_bdev_flush(state->desc, state->ch, 0, end->size, moved_cb, io);
	case DD_EXTENT:
		return spdk_bdev_seek_data(state->desc, state->ch, io->offset / block_size, found_data_cb, io);
	}
	return -EINVAL;
}

static void
bdev_submit(struct dd_end *end, struct dd_io *io)
{
	struct bdev_end *state = end->state;
	int rc = start(end, io);

	if (rc == -ENOMEM) {
		io->wait = (struct spdk_bdev_io_wait_entry){
			.bdev = spdk_bdev_desc_get_bdev(state->desc), .cb_fn = retry_cb, .cb_arg = io};
		rc = spdk_bdev_queue_io_wait(io->wait.bdev, state->ch, &io->wait);
	}
	if (rc != 0 && io->op == DD_EXTENT) {
		io->extent_zero = false;
		io->extent_length = io->length;
		rc = 0;
		dd_io_end_later(io, 0);
	} else if (rc != 0) {
		dd_io_end_later(io, rc);
	}
}

const struct dd_end_ops g_dd_bdev_ops = {
	.open = bdev_open,
	.prepare = bdev_prepare,
	.submit = bdev_submit,
	.close = bdev_close,
};
