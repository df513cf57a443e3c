/* SPDX-License-Identifier: BSD-3-Clause */

#include "block_pi.h"

#include "bdevkit/sim.h"
#include "spdk/util.h"

#define ALL_FLAGS (SPDK_DIF_FLAGS_GUARD_CHECK | SPDK_DIF_FLAGS_APPTAG_CHECK | SPDK_DIF_FLAGS_REFTAG_CHECK)

const char *
pi_format_params(const struct pi_format *format)
{
	static char params[256];

	snprintf(params, sizeof(params),
		"'block_size': %u, 'md_size': %u, 'dif_type': %d, 'dif_is_head_of_md': %s, 'dif_pi_format': %d",
		format->data_size, format->md_size, format->type, format->head ? "true" : "false", format->format);
	return params;
}

uint32_t
pi_disk_stride(const struct pi_disk *disk)
{
	return disk->format.data_size + (disk->format.interleaved ? disk->format.md_size : 0);
}

static uint32_t
pi_size(const struct pi_disk *disk)
{
	return disk->format.format == SPDK_DIF_PI_FORMAT_16 ? 8 : 16;
}

static uint8_t *
block_md(const struct pi_disk *disk, uint64_t block)
{
	return disk->format.interleaved ? disk->data + block * pi_disk_stride(disk) + disk->format.data_size
					: disk->md + block * disk->format.md_size;
}

uint8_t *
pi_disk_pi(const struct pi_disk *disk, uint64_t block)
{
	return block_md(disk, block) + (disk->format.head ? 0 : disk->format.md_size - pi_size(disk));
}

void
pi_disk_open(struct pi_disk *disk, const struct pi_format *format, const char *name)
{
	struct spdk_bdev *bdev;

	memset(disk, 0, sizeof(*disk));
	disk->format = *format;
	assert_int_equal(fixture_user_open(&disk->user, 0, name), 0);
	bdev = spdk_bdev_desc_get_bdev(disk->user.desc);
	disk->num_blocks = (uint32_t)spdk_bdev_get_num_blocks(bdev);
	assert_int_equal(spdk_bdev_get_block_size(bdev), pi_disk_stride(disk));
	assert_int_equal(spdk_bdev_get_md_size(bdev), format->md_size);
	assert_int_equal(spdk_bdev_get_dif_type(bdev), format->type);
	assert_int_equal(spdk_bdev_get_dif_pi_format(bdev), format->format);
	assert_int_equal(spdk_bdev_is_dif_head_of_md(bdev), format->head);
	assert_true(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_GUARD));
	assert_false(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_APPTAG));
	assert_int_equal(
		spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG), format->type != SPDK_DIF_TYPE3);
	disk->data = calloc(disk->num_blocks, pi_disk_stride(disk));
	disk->md = calloc(disk->num_blocks, format->md_size);
}

void
pi_disk_close(struct pi_disk *disk)
{
	fixture_user_close(&disk->user);
	free(disk->data);
	free(disk->md);
}

static void
make_context(struct pi_disk *disk, uint32_t first_tag, uint32_t flags, struct spdk_dif_ctx *ctx)
{
	struct spdk_dif_ctx_init_ext_opts opts = {.size = sizeof(opts), .dif_pi_format = (uint32_t)disk->format.format};

	assert_int_equal(
		spdk_dif_ctx_init(ctx, pi_disk_stride(disk), disk->format.md_size, disk->format.interleaved,
			disk->format.head, (enum spdk_dif_type)disk->format.type, flags, first_tag, 0, 0, 0, 0, &opts),
		0);
}

static struct iovec
data_iov(struct pi_disk *disk, uint64_t offset, uint64_t count)
{
	return (struct iovec){disk->data + offset * pi_disk_stride(disk), count * pi_disk_stride(disk)};
}

static struct iovec
md_iov(struct pi_disk *disk, uint64_t offset, uint64_t count)
{
	return (struct iovec){disk->md + offset * disk->format.md_size, count * disk->format.md_size};
}

void
pi_disk_fill(struct pi_disk *disk, uint64_t offset, uint64_t count, uint32_t first_tag)
{
	struct iovec data = data_iov(disk, offset, count), md = md_iov(disk, offset, count);
	struct spdk_dif_ctx ctx;

	for (size_t i = 0; i < data.iov_len; i++) {
		((uint8_t *)data.iov_base)[i] = (uint8_t)bdk_sim_random(256);
	}
	if (!disk->format.interleaved) {
		for (size_t i = 0; i < md.iov_len; i++) {
			((uint8_t *)md.iov_base)[i] = (uint8_t)bdk_sim_random(256);
		}
	}
	make_context(disk, first_tag, ALL_FLAGS, &ctx);
	assert_int_equal(disk->format.interleaved ? spdk_dif_generate(&data, 1, (uint32_t)count, &ctx)
						  : spdk_dix_generate(&data, 1, &md, (uint32_t)count, &ctx),
		0);
}

int
pi_disk_check(struct pi_disk *disk, uint64_t offset, uint64_t count, uint32_t flags)
{
	struct iovec data = data_iov(disk, offset, count), md = md_iov(disk, offset, count);
	struct spdk_dif_ctx ctx;

	make_context(disk, (uint32_t)offset, flags, &ctx);
	return disk->format.interleaved ? spdk_dif_verify(&data, 1, (uint32_t)count, &ctx, NULL)
					: spdk_dix_verify(&data, 1, &md, (uint32_t)count, &ctx, NULL);
}

static bool
transfer(struct pi_disk *disk, bool write, uint64_t offset, uint64_t count, bool without_md)
{
	struct iovec data = data_iov(disk, offset, count), iovs[2];
	struct fixture_io io = {};
	struct spdk_bdev_ext_io_opts opts = {
		.size = sizeof(opts),
		.dif_check_flags_exclude_mask = disk->exclude,
	};
	int rc;

	/* Cut somewhere, as users do. */
	iovs[0].iov_base = data.iov_base;
	iovs[0].iov_len = bdk_sim_random(data.iov_len);
	iovs[1].iov_base = (uint8_t *)data.iov_base + iovs[0].iov_len;
	iovs[1].iov_len = data.iov_len - iovs[0].iov_len;
	if (!disk->format.interleaved && !without_md) {
		opts.metadata = md_iov(disk, offset, count).iov_base;
	}
	rc = write ? spdk_bdev_writev_blocks_ext(
			     disk->user.desc, disk->user.ch, iovs, 2, offset, count, fixture_io_cb, &io, &opts)
		   : spdk_bdev_readv_blocks_ext(
			     disk->user.desc, disk->user.ch, iovs, 2, offset, count, fixture_io_cb, &io, &opts);
	return fixture_io_wait(rc, &io);
}

bool
pi_disk_read(struct pi_disk *disk, uint64_t offset, uint64_t count, bool without_md)
{
	return transfer(disk, false, offset, count, without_md);
}

bool
pi_disk_write(struct pi_disk *disk, uint64_t offset, uint64_t count, bool without_md)
{
	return transfer(disk, true, offset, count, without_md);
}
