/* SPDX-License-Identifier: BSD-3-Clause */

/* Metadata, and protection information that is wrong. */

#include "app/bdevkit/check/check.h"

#include "spdk/dif.h"

/* What can be wrong in protection information, and the status that says so. */
struct field {
	const char *name;
	enum spdk_dif_check_type check;
	uint32_t check_flag;
	uint32_t error;
	int sc;
};

static const struct field g_fields[] = {
	{"guard", SPDK_DIF_CHECK_TYPE_GUARD, SPDK_DIF_FLAGS_GUARD_CHECK, SPDK_DIF_GUARD_ERROR,
		SPDK_NVME_SC_GUARD_CHECK_ERROR},
	{"application tag", SPDK_DIF_CHECK_TYPE_APPTAG, SPDK_DIF_FLAGS_APPTAG_CHECK, SPDK_DIF_APPTAG_ERROR,
		SPDK_NVME_SC_APPLICATION_TAG_CHECK_ERROR},
	{"reference tag", SPDK_DIF_CHECK_TYPE_REFTAG, SPDK_DIF_FLAGS_REFTAG_CHECK, SPDK_DIF_REFTAG_ERROR,
		SPDK_NVME_SC_REFERENCE_TAG_CHECK_ERROR},
};

/* Where a block and those behind it are in the buffers. Returns the number of pieces. */
static int
find_block(const struct check *check, const struct check_data *data, uint64_t block, struct iovec *iovs)
{
	size_t skip = block * check->block_size;
	int iovcnt = 0;

	for (int i = 0; i < data->iovcnt; i++) {
		size_t skipped = spdk_min(skip, data->iovs[i].iov_len);

		skip -= skipped;
		if (skipped < data->iovs[i].iov_len) {
			iovs[iovcnt++] = (struct iovec){
				.iov_base = (uint8_t *)data->iovs[i].iov_base + skipped,
				.iov_len = data->iovs[i].iov_len - skipped,
			};
		}
	}
	return iovcnt;
}

/*
 * All bits of the tag of one of the blocks change. With one bit changed it may be the right one after all: below a part
 * blocks have other numbers, and tags that the bdev is told not to check come there as they are.
 */
static int
damage_reference_tag(struct check *check, struct check_data *data, uint64_t offset)
{
	uint64_t block = session_random(data->blocks);
	struct iovec iovs[CHECK_MAX_IOVS];
	struct iovec md = {.iov_base = data->md + block * check->separate_md_size, .iov_len = check->separate_md_size};
	struct spdk_dif_error error;
	struct spdk_dif_ctx ctx;

	check_data_pi_context(check, &ctx, offset + block);
	spdk_dif_ctx_set_remapped_init_ref_tag(&ctx, ~(uint32_t)(check->first_block + offset + block));
	if (check->bdev->md_interleave) {
		int iovcnt = find_block(check, data, block, iovs);

		return spdk_dif_remap_ref_tag(iovs, iovcnt, 1, &ctx, &error, false);
	}
	return spdk_dix_remap_ref_tag(&md, 1, &ctx, &error, false);
}

/* Changes a field of one of the blocks. */
static void
damage(struct check *check, struct check_data *data, uint64_t offset, const struct field *field)
{
	struct iovec md = {.iov_base = data->md, .iov_len = data->blocks * check->separate_md_size};
	struct spdk_dif_ctx ctx;
	int rc;

	check_data_pi_context(check, &ctx, offset);
	if (field->check == SPDK_DIF_CHECK_TYPE_REFTAG) {
		rc = damage_reference_tag(check, data, offset);
	} else if (check->bdev->md_interleave) {
		rc = spdk_dif_inject_error(data->iovs, data->iovcnt, (uint32_t)data->blocks, &ctx, field->error, NULL);
	} else {
		rc = spdk_dix_inject_error(
			data->iovs, data->iovcnt, &md, (uint32_t)data->blocks, &ctx, field->error, NULL);
	}
	if (rc != 0) {
		abort();
	}
}

static void
expect_refused(struct check *check, enum check_rule_id id, const struct check_io *io, const struct field *field)
{
	check_expect(check, check_rule(check, id), io->rc == 0 && !io->success, io, "a wrong %s goes through (%d)",
		field->name, io->rc);
	if (io->rc == 0 && !io->success && io->sct == SPDK_NVME_SCT_MEDIA_ERROR) {
		check_expect(check, check_rule(check, RULE_MD_NAMED), io->sc == field->sc, io,
			"a wrong %s, and the status is 0x%x", field->name, (unsigned int)io->sc);
	} else {
		check_skip(check_rule(check, RULE_MD_NAMED), "its status does not name one");
	}
}

static void
check_field(struct check *check, const struct field *field, uint64_t offset, uint64_t blocks)
{
	struct check_rule *excluded = check_rule(check, RULE_MD_EXCLUDED);
	struct check_data data, found;
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_WRITE,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = offset,
		.blocks = blocks,
		.data = &data};

	check_write_read(check, check_rule(check, RULE_DATA_READ), offset, blocks, false);
	if (!check_data_alloc(check, &data, blocks, true) || !check_data_alloc(check, &found, blocks, true)) {
		abort();
	}
	check_data_fill(check, &data, offset, ++check->last_generation);
	damage(check, &data, offset, field);
	check_io_run(&io);
	expect_refused(check, RULE_MD_WRITE, &io, field);
	/* What is refused block by block may have written the others. */
	if (blocks == 1) {
		check_holds(check, check_rule(check, RULE_MD_WRITE), offset, blocks);
	}
	io.dif_exclude = field->check_flag;
	if (check_io_succeeds(excluded, &io)) {
		io = (struct check_io){.check = check,
			.type = SPDK_BDEV_IO_TYPE_READ,
			.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
			.offset = offset,
			.blocks = blocks,
			.data = &found};
		check_io_run(&io);
		if (check->options->no_data) {
			check_skip(check_rule(check, RULE_MD_READ), "the bdev does not keep metadata");
		} else {
			expect_refused(check, RULE_MD_READ, &io, field);
		}
		io.dif_exclude = field->check_flag;
		check_io_succeeds(excluded, &io);
	}
	check_write_read(check, check_rule(check, RULE_DATA_READ), offset, blocks, false);
	check_data_free(&data);
	check_data_free(&found);
}

static void
check_protection(struct check *check)
{
	static const enum check_rule_id rules[] = {RULE_MD_WRITE, RULE_MD_READ, RULE_MD_NAMED, RULE_MD_EXCLUDED};
	uint64_t unit = check_unit(check);
	bool checked = false;

	for (size_t i = 0; i < SPDK_COUNTOF(g_fields); i++) {
		if (spdk_bdev_is_dif_check_enabled(check->bdev, g_fields[i].check)) {
			checked = true;
			check_field(check, &g_fields[i], session_random(check->area / unit) * unit, unit);
			check_field(check, &g_fields[i], 0, check_round_up(4, unit));
		}
	}
	for (size_t i = 0; i < SPDK_COUNTOF(rules) && !checked; i++) {
		check_skip(check_rule(check, rules[i]), "the bdev checks no protection information");
	}
}

/* Data alone, of a bdev that keeps metadata apart. */
static void
check_data_alone(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_MD_ALONE);
	uint64_t unit = check_unit(check);
	struct check_data data;
	struct check_io io = {.check = check, .type = SPDK_BDEV_IO_TYPE_READ, .blocks = unit, .data = &data};

	if (check->separate_md_size == 0) {
		check_skip(rule, "the bdev keeps no metadata apart from the data");
		return;
	}
	check_write_read(check, rule, 0, unit, false);
	if (!check_data_alloc(check, &data, unit, true)) {
		abort();
	}
	data.md = NULL;
	if (check_io_succeeds(rule, &io)) {
		check_expect(check, rule, check_data_find_wrong(check, &data, 0) == UINT64_MAX, &io,
			"a block holds something else");
	}
	check_data_free(&data);
}

/* A buffer for metadata where there is none, or where it is part of the blocks. */
static void
check_unwanted_buffer(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_MD_UNWANTED);
	static const enum spdk_bdev_io_type types[] = {SPDK_BDEV_IO_TYPE_READ, SPDK_BDEV_IO_TYPE_WRITE};
	static uint8_t md[4096];
	struct check_data data;

	if (check->separate_md_size > 0) {
		check_skip(rule, "the bdev keeps metadata apart from the data");
		return;
	}
	if (!check_data_alloc(check, &data, check_unit(check), false)) {
		abort();
	}
	data.md = md;
	for (size_t i = 0; i < SPDK_COUNTOF(types); i++) {
		struct check_io io = {.check = check, .type = types[i], .blocks = check_unit(check), .data = &data};

		check_io_run(&io);
		check_expect(check, rule, io.rc == -EINVAL, &io, "%d instead of -EINVAL", io.rc);
	}
	check_data_free(&data);
}

/* ---- through a descriptor that does not show metadata ---- */

static void
exchange_hidden(struct check *check, struct check_rule *rule)
{
	uint64_t blocks = check_round_up(2, check_unit(check));
	size_t length = blocks * check->data_size;
	uint8_t *written = malloc(length), *read = malloc(length);
	struct check_data data = {.iovs = {{.iov_base = written, .iov_len = length}}, .iovcnt = 1, .blocks = blocks};
	struct check_io io = {
		.check = check, .type = SPDK_BDEV_IO_TYPE_WRITE, .blocks = blocks, .data = &data, .channel = 1};

	if (written == NULL || read == NULL) {
		abort();
	}
	for (size_t i = 0; i < length; i++) {
		written[i] = (uint8_t)session_random(256);
	}
	if (check_io_succeeds(rule, &io)) {
		io.type = SPDK_BDEV_IO_TYPE_READ;
		io.channel = 2;
		data.iovs[0].iov_base = read;
		if (check_io_succeeds(rule, &io) && !check->options->no_data) {
			check_expect(check, rule, memcmp(written, read, length) == 0, &io,
				"it is not what was written there just before");
		}
	}
	free(written);
	free(read);
}

static void
check_hidden(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_MD_HIDDEN);
	struct spdk_bdev_open_opts opts;
	struct spdk_bdev_desc *shown = check->desc;
	uint64_t blocks = check_round_up(2, check_unit(check));
	struct check_data data;
	struct check_io io = {.check = check, .type = SPDK_BDEV_IO_TYPE_READ, .blocks = blocks, .data = &data};
	int rc;

	if (!spdk_bdev_is_md_interleaved(check->bdev)) {
		check_skip(rule, "the bdev has no metadata within its blocks");
		return;
	}
	spdk_bdev_open_opts_init(&opts, sizeof(opts));
	opts.hide_metadata = true;
	rc = spdk_bdev_open_ext_v2(check->name, true, check_ignore_event_cb, NULL, &opts, &check->desc);
	if (check_expect(check, rule, rc == 0, NULL, "opening: %d", rc)) {
		check_expect(check, rule, spdk_bdev_desc_get_block_size(check->desc) == check->data_size, NULL,
			"a block of %u bytes is shown", spdk_bdev_desc_get_block_size(check->desc));
		exchange_hidden(check, rule);
		spdk_bdev_close(check->desc);
	}
	check->desc = shown;
	check_know(check, 0, blocks, CHECK_UNKNOWN);
	/* What was made for the writer who did not see it is right for one who does. */
	if (!check_data_alloc(check, &data, blocks, false)) {
		abort();
	}
	check_io_succeeds(rule, &io);
	check_data_free(&data);
}

void
check_metadata(struct check *check)
{
	enum spdk_log_level level = spdk_log_get_print_level();

	/* What is refused here on purpose is no error. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	check_protection(check);
	check_data_alone(check);
	check_unwanted_buffer(check);
	check_hidden(check);
	spdk_log_set_print_level(level);
}
