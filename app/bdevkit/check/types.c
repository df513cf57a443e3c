/* SPDX-License-Identifier: BSD-3-Clause */

/* Each type of I/O: what the bdev claims works, what it does not claim is refused. */

#include "app/bdevkit/check/check.h"

/* Those that are carried out for any bdev that reads and writes, beside what the bdev itself says. */
static bool
is_made_by_layer(enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_COMPARE:
	case SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE:
	case SPDK_BDEV_IO_TYPE_COPY:
	case SPDK_BDEV_IO_TYPE_SEEK_HOLE:
	case SPDK_BDEV_IO_TYPE_SEEK_DATA:
		return true;
	default:
		return false;
	}
}

/* Types that need a device of their own, or another I/O, to say more than whether they are refused. */
static bool
is_special(enum spdk_bdev_io_type type)
{
	switch (type) {
	case SPDK_BDEV_IO_TYPE_NVME_ADMIN:
	case SPDK_BDEV_IO_TYPE_NVME_IO:
	case SPDK_BDEV_IO_TYPE_NVME_IO_MD:
	case SPDK_BDEV_IO_TYPE_NVME_IOV_MD:
	case SPDK_BDEV_IO_TYPE_GET_ZONE_INFO:
	case SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT:
	case SPDK_BDEV_IO_TYPE_ZONE_APPEND:
	case SPDK_BDEV_IO_TYPE_ABORT:
		return true;
	default:
		return false;
	}
}

static void
check_type(struct check *check, enum spdk_bdev_io_type type, struct check_data *data)
{
	struct check_rule *works = check_rule(check, RULE_TYPE_WORKS);
	struct check_rule *refuses = check_rule(check, RULE_TYPE_REFUSED);
	bool claimed = spdk_bdev_io_type_supported(check->bdev, type);
	struct spdk_bdev_zone_info info;
	struct check_io io = {
		.check = check,
		.type = type,
		.blocks = check_unit(check),
		.src = check_unit(check),
		.data = data,
		.write_data = data,
		.victim = &io,
		.zone_infos = &info,
		.keep = type == SPDK_BDEV_IO_TYPE_ZCOPY,
	};

	if (claimed && is_special(type)) {
		return;
	}
	check_io_run(&io);
	if (claimed) {
		/* That a comparison finds a difference is no failure. */
		check_expect(check, works, io.rc == 0 && (io.success || io.miscompare), &io, "failed (%d)", io.rc);
	} else if (is_made_by_layer(type)) {
		check_expect(check, works, io.rc == 0 && (io.success || io.miscompare), &io,
			"failed (%d), made from other types", io.rc);
	} else {
		check_expect(check, refuses, io.rc == -ENOTSUP || (io.rc == 0 && !io.success), &io,
			"not refused (%d): submit_request() "
			"has to fail what io_type_supported() says no to",
			io.rc);
	}
	if (io.bdev_io != NULL) {
		check_io_end_zcopy(&io, false);
		check_expect(check, works, io.success, &io, "its end failed (%d)", io.rc);
	}
}

void
check_types(struct check *check)
{
	struct check_data data;

	if (!check_data_alloc(check, &data, check_unit(check), false)) {
		abort();
	}
	for (int type = SPDK_BDEV_IO_TYPE_READ; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		check_data_fill(check, &data, 0, ++check->last_generation);
		check_type(check, type, &data);
		check_know(check, 0, 2 * check_unit(check), CHECK_UNKNOWN);
	}
	check_data_free(&data);
}
