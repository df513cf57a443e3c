/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/gpt: which partitions of a disk become bdevs, and when; on disks that fail, go, grow, and never answer. */

#include "../bdev/mem_disk.h"

#include "gpt_image.h"
#include "module/bdev/gpt/gpt_reader.h"
#include "module/bdev/gpt/vbdev_gpt.h"
#include "spdk/endian.h"
#include "spdk/string.h"
#include "spdk/util.h"

#define NUM_BLOCKS 256
#define BLOCK_SIZE 512

static struct mem_disk g_disk;
static struct gpt_image g_image;

static const struct gpt_image_part g_parts[] = {
	{GPT_IMAGE_TYPE_SPDK, 40, 99, 0x11},
	{GPT_IMAGE_TYPE_LINUX, 100, 119, 0x22},
	{},
	{GPT_IMAGE_TYPE_OLD_SPDK, 120, 129, 0x33},
};

/* Not registered; with a good table. */
static void
make_disk(uint32_t block_size)
{
	mem_disk_init(&g_disk, "d", block_size, NUM_BLOCKS);
	g_disk.mode = MEM_DISK_MESSAGE;
	g_disk.data = calloc(NUM_BLOCKS, block_size);
	assert_non_null(g_disk.data);
	g_image = (struct gpt_image){g_disk.data, block_size, NUM_BLOCKS, 16};
	gpt_image_make(&g_image, g_parts, SPDK_COUNTOF(g_parts));
}

static int
setup_with(uint32_t block_size)
{
	bdev_sim_examine_disks(true);
	bdev_sim_start(1, 2);
	make_disk(block_size);
	return 0;
}

static int
setup(void **state)
{
	return setup_with(BLOCK_SIZE);
}

static int
setup_4096(void **state)
{
	return setup_with(4096);
}

static int
teardown(void **state)
{
	if (spdk_bdev_get_by_name("d") != NULL) {
		mem_disk_remove(&g_disk);
	} else if (!g_disk.registered_device) {
		free(g_disk.data);
	}
	bdev_sim_stop();
	return 0;
}

static void
add_disk(void)
{
	mem_disk_add(&g_disk);
	bdk_sim_run_until_idle();
}

struct names {
	char text[256];
};

static void
append_name(void *ctx, const char *name)
{
	struct names *names = ctx;

	snprintf(names->text + strlen(names->text), sizeof(names->text) - strlen(names->text), "%s%s",
		names->text[0] == '\0' ? "" : " ", name);
}

static void
expect_partitions(const char *expected)
{
	struct names names = {};

	ON(0, vbdev_gpt_for_each_partition("d", append_name, &names));
	assert_string_equal(names.text, expected);
}

static void
expect_part(const char *name, uint64_t first, uint64_t num_blocks)
{
	struct spdk_bdev *bdev = spdk_bdev_get_by_name(name);

	assert_non_null(bdev);
	assert_int_equal(bdev->blockcnt, num_blocks);
	assert_int_equal(spdk_bdev_part_get_offset_blocks(bdev->ctxt), first);
}

struct result {
	bool done;
	int rc;
};

static void
result_cb(void *ctx, int rc)
{
	struct result *result = ctx;

	assert_false(result->done);
	result->done = true;
	result->rc = rc;
}

static int
examine(void)
{
	struct result result = {};
	int rc;

	ON(0, rc = vbdev_gpt_examine("d", result_cb, &result));
	if (rc != 0) {
		return rc;
	}
	bdk_sim_run_until_idle();
	assert_true(result.done);
	return result.rc;
}

static void
set_types(enum gpt_partition_types types)
{
	struct result result = {};
	int rc;

	ON(0, rc = vbdev_gpt_set_partition_types(types, result_cb, &result));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_true(result.done);
	assert_int_equal(result.rc, 0);
}

static bool
is_claimed(void)
{
	return spdk_bdev_first_leaf() != &g_disk.bdev;
}

/* ---- Which partitions ---- */

static void
partitions_of_our_types_are_found(void **state)
{
	struct spdk_bdev *bdev;

	add_disk();
	expect_partitions("dp1 dp4");
	expect_part("dp1", 40, 60);
	/* The older type leaves its last block out. */
	expect_part("dp4", 120, 9);
	bdev = spdk_bdev_get_by_name("11111111-1111-1111-1111-111111111111");
	assert_ptr_equal(bdev, spdk_bdev_get_by_name("dp1"));
	assert_string_equal(bdev->product_name, "GPT Disk");
	assert_int_equal(bdev->blocklen, g_disk.bdev.blocklen);
	assert_string_equal(bdev->module->name, "gpt");
	assert_true(is_claimed());
}

static void
all_are_found_when_they_are_wanted(void **state)
{
	add_disk();
	set_types(GPT_PARTITIONS_ALL);
	expect_partitions("dp1 dp2 dp4");
	expect_part("dp2", 100, 20);
	/* And go again. */
	set_types(GPT_PARTITIONS_SPDK);
	expect_partitions("dp1 dp4");
	mem_disk_remove(&g_disk);
	assert_null(spdk_bdev_first());

	/* So they are on a disk that comes later, and those that had no partition we wanted are not forgotten. */
	make_disk(BLOCK_SIZE);
	gpt_image_make(&g_image, &g_parts[1], 1);
	add_disk();
	expect_partitions("");
	assert_false(is_claimed());
	set_types(GPT_PARTITIONS_ALL);
	expect_partitions("dp1");
	assert_true(is_claimed());
}

static void
bad_partitions_are_left_out_and_others_are_not(void **state)
{
	static const struct gpt_image_part parts[] = {
		{GPT_IMAGE_TYPE_SPDK, 60, 50, 1},
		{GPT_IMAGE_TYPE_SPDK, 0, 50, 2},
		{GPT_IMAGE_TYPE_SPDK, 50, NUM_BLOCKS - 1, 3},
		{GPT_IMAGE_TYPE_SPDK, 50, 60, 4},
		{GPT_IMAGE_TYPE_SPDK, 60, 70, 5},
		{GPT_IMAGE_TYPE_OLD_SPDK, 80, 80, 6},
		{GPT_IMAGE_TYPE_SPDK, 81, 81, 4},
		{GPT_IMAGE_TYPE_SPDK, 82, 83, 0},
		{GPT_IMAGE_TYPE_SPDK, UINT64_MAX, UINT64_MAX, 7},
	};

	gpt_image_make(&g_image, parts, SPDK_COUNTOF(parts));
	add_disk();
	expect_partitions("dp4 dp7 dp8");
	expect_part("dp4", 50, 11);
	/* Its GUID is another's, so it has a UUID of its own; so has the one whose GUID is zero. */
	assert_ptr_equal(spdk_bdev_get_by_name("04040404-0404-0404-0404-040404040404"), spdk_bdev_get_by_name("dp4"));
	assert_false(spdk_uuid_is_null(spdk_bdev_get_uuid(spdk_bdev_get_by_name("dp7"))));
	assert_false(spdk_uuid_is_null(spdk_bdev_get_uuid(spdk_bdev_get_by_name("dp8"))));
}

static void
a_name_that_is_taken_costs_one_partition(void **state)
{
	struct sim_disk *other = sim_disk_create("dp1");

	sim_disk_add(other);
	add_disk();
	expect_partitions("dp4");
	assert_int_equal(sim_disk_remove(other), 0);
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
}

static void
disks_without_a_table_are_left_alone(void **state)
{
	/* No boot record: the rest is not even looked at. */
	memset(g_disk.data, 0, BLOCK_SIZE);
	add_disk();
	expect_partitions("");
	assert_false(is_claimed());
	assert_int_equal(g_disk.num_records, 1);
	assert_int_equal(g_disk.records[0].num_blocks, 2);
	assert_int_equal(examine(), 0);
	expect_partitions("");
}

static void
disks_that_cannot_have_one_are_not_read(void **state)
{
	static const struct {
		uint32_t block_size;
		uint64_t num_blocks;
	} shapes[] = {{BLOCK_SIZE, 2}, {BLOCK_SIZE, 1}, {520, NUM_BLOCKS}};

	for (size_t i = 0; i < SPDK_COUNTOF(shapes); i++) {
		if (i == 0) {
			free(g_disk.data);
		}
		mem_disk_init(&g_disk, "d", shapes[i].block_size, shapes[i].num_blocks);
		add_disk();
		assert_int_equal(g_disk.num_records, 0);
		assert_int_equal(examine(), 0);
		assert_int_equal(g_disk.num_records, 0);
		mem_disk_remove(&g_disk);
	}
	assert_int_equal(examine(), -ENODEV);
}

static void
tables_in_tables_have_an_end(void **state)
{
	struct gpt_image inner = g_image;
	struct gpt_image_part part = {GPT_IMAGE_TYPE_SPDK, 0, 0, 0x40};
	char name[32] = "d";
	int depth;

	/* Each fills the one around it. */
	for (depth = 0; depth < 6; depth++) {
		part.first = gpt_image_first_usable(&inner);
		part.last = gpt_image_last_usable(&inner);
		part.unique++;
		gpt_image_make(&inner, &part, 1);
		inner.data += part.first * BLOCK_SIZE;
		inner.num_blocks = part.last - part.first + 1;
	}
	add_disk();
	for (depth = 0; spdk_bdev_get_by_name(name) != NULL; depth++) {
		strcat(name, "p1");
	}
	assert_string_equal(name, "dp1p1p1");
}

/* ---- Damage ---- */

static void
the_backup_is_used(void **state)
{
	static const struct gpt_image_part other = {GPT_IMAGE_TYPE_SPDK, 200, 209, 0x77};
	struct gpt_image_part parts[] = {other};

	/* A header that is damaged; then entries that are. The backup says something else here, so that it is seen. */
	for (int i = 0; i < 2; i++) {
		gpt_image_make(&g_image, parts, 1);
		to_le64(&gpt_image_entry(&g_image, false, 0)->starting_lba, 100);
		gpt_image_seal(&g_image, false);
		if (i == 0) {
			gpt_image_header(&g_image, false)->my_lba ^= 1;
		} else {
			gpt_image_entry(&g_image, false, 5)->partition_name[3] ^= 1;
		}
		add_disk();
		expect_part("dp1", 200, 10);
		mem_disk_remove(&g_disk);
		make_disk(BLOCK_SIZE);
	}
	gpt_image_make(&g_image, parts, 1);
	add_disk();
	expect_part("dp1", 200, 10);
}

static void
two_damaged_tables_are_none(void **state)
{
	memset(gpt_image_header(&g_image, false), 0, BLOCK_SIZE);
	gpt_image_entry(&g_image, true, 0)->partition_name[0] ^= 1;
	add_disk();
	expect_partitions("");
	assert_false(is_claimed());
	assert_int_equal(examine(), -EILSEQ);
	/* Mended. */
	gpt_image_make(&g_image, g_parts, SPDK_COUNTOF(g_parts));
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
	/* Damaged again while it is in use: all stays. */
	memset(gpt_image_header(&g_image, false), 0, BLOCK_SIZE);
	memset(gpt_image_header(&g_image, true), 0, BLOCK_SIZE);
	assert_int_equal(examine(), -EILSEQ);
	expect_partitions("dp1 dp4");
}

static void
a_disk_that_has_grown_still_has_its_table(void **state)
{
	int rc;

	add_disk();
	/* The backup is not in the last block now, and the boot record has another size. */
	to_le32(&gpt_image_mbr(&g_image)->partitions[0].size_lba, NUM_BLOCKS / 2);
	ON(0, rc = spdk_bdev_notify_blockcnt_change(&g_disk.bdev, NUM_BLOCKS * 2));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	expect_partitions("dp1 dp4");
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
	expect_part("dp1", 40, 60);
	/* It is in use, so it cannot become smaller. */
	ON(0, rc = spdk_bdev_notify_blockcnt_change(&g_disk.bdev, NUM_BLOCKS / 2));
	assert_int_equal(rc, -EBUSY);
}

/* ---- Disks that fail ---- */

static void
a_disk_that_cannot_be_read_has_no_partitions(void **state)
{
	uint32_t num_reads[] = {1, 2};

	/* The first read fails; the second one, of the entries, and with that also the backup. */
	for (uint32_t i = 0; i < SPDK_COUNTOF(num_reads); i++) {
		g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
		g_disk.fail_after = i;
		mem_disk_add(&g_disk);
		bdk_sim_run_until_idle();
		expect_partitions("");
		assert_false(is_claimed());
		mem_disk_remove(&g_disk);
		make_disk(BLOCK_SIZE);
	}
	add_disk();
	expect_partitions("dp1 dp4");
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	assert_int_equal(examine(), -EIO);
	g_disk.fail_status = SPDK_BDEV_IO_STATUS_PENDING;
	expect_partitions("dp1 dp4");
}

static void
want_of_memory_is_waited_out(void **state)
{
	g_disk.refuse = 5;
	add_disk();
	bdk_sim_run_for(SPDK_SEC_TO_USEC);
	expect_partitions("dp1 dp4");
}

static void
examined_cb(void *ctx)
{
	*(bool *)ctx = true;
}

static void
a_disk_that_never_answers_holds_nobody_up(void **state)
{
	bool examined = false;

	g_disk.mode = MEM_DISK_HOLD;
	mem_disk_register(&g_disk);
	ON(0, spdk_bdev_wait_for_examine(examined_cb, &examined));
	bdk_sim_run_for((GPT_READER_PATIENCE_SEC - 1) * SPDK_SEC_TO_USEC);
	assert_false(examined);
	bdk_sim_run_for(2 * SPDK_SEC_TO_USEC);
	assert_true(examined);
	expect_partitions("");
	assert_int_equal(g_disk.num_held, 1);
	/* The answer that comes after all does no harm. */
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_partitions("");
	g_disk.mode = MEM_DISK_MESSAGE;
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
}

static void
a_disk_may_go_while_it_is_read(void **state)
{
	struct result result = {};
	int rc;

	for (uint32_t read = 0; read < 2; read++) {
		memset(gpt_image_header(&g_image, false), 0, BLOCK_SIZE);
		g_disk.mode = MEM_DISK_MESSAGE;
		if (read == 0) {
			g_disk.mode = MEM_DISK_HOLD;
		}
		mem_disk_register(&g_disk);
		bdk_sim_run_for(1000);
		if (read == 1) {
			g_disk.mode = MEM_DISK_HOLD;
			ON(0, rc = vbdev_gpt_examine("d", result_cb, &result));
			assert_int_equal(rc, 0);
			bdk_sim_run_for(1000);
		}
		assert_int_equal(g_disk.num_held, 1);
		ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
		bdk_sim_run_for(1000);
		assert_false(g_disk.destructed);
		/* It goes on with the next read, or ends. */
		while (g_disk.num_held > 0) {
			mem_disk_release(&g_disk, 1);
			bdk_sim_run_for(1000);
		}
		assert_true(g_disk.destructed);
		assert_null(spdk_bdev_first());
		make_disk(BLOCK_SIZE);
	}
	assert_true(result.done);
	g_disk.mode = MEM_DISK_MESSAGE;
	add_disk();
	expect_partitions("dp1 dp4");
}

static void
somebody_else_may_claim_it_meanwhile(void **state)
{
	struct sim_open open;
	int rc;

	g_disk.mode = MEM_DISK_HOLD;
	mem_disk_register(&g_disk);
	bdk_sim_run_for(1000);
	assert_int_equal(sim_open(&open, 0, "d", true), 0);
	ON(0, rc = spdk_bdev_module_claim_bdev(&g_disk.bdev, open.desc, &g_sim_module));
	assert_int_equal(rc, 0);
	g_disk.mode = MEM_DISK_MESSAGE;
	mem_disk_release(&g_disk, 1);
	bdk_sim_run_until_idle();
	expect_partitions("");
	assert_int_equal(examine(), -EPERM);
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	sim_close(&open, 0);
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
}

/* ---- Another table ---- */

static void
partitions_come_and_go_with_the_table(void **state)
{
	static const struct gpt_image_part changed[] = {
		/* The same, moved, gone, another type of the same place. */
		{GPT_IMAGE_TYPE_SPDK, 40, 99, 0x11},
		{GPT_IMAGE_TYPE_SPDK, 100, 119, 0x22},
		{GPT_IMAGE_TYPE_SPDK, 200, 209, 0x44},
		{GPT_IMAGE_TYPE_OLD_SPDK, 121, 129, 0x33},
	};
	struct sim_open stays, goes;
	struct result result = {};
	int rc;

	add_disk();
	assert_int_equal(sim_open(&stays, 1, "dp1", true), 0);
	assert_int_equal(sim_open(&goes, 1, "dp4", true), 0);
	gpt_image_make(&g_image, changed, SPDK_COUNTOF(changed));
	ON(0, rc = vbdev_gpt_examine("d", result_cb, &result));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	/* It waits until the one that has moved is let go. */
	assert_false(result.done);
	assert_int_equal(goes.removes, 1);
	assert_int_equal(examine(), -EBUSY);
	sim_close(&goes, 1);
	bdk_sim_run_until_idle();
	assert_true(result.done);
	assert_int_equal(result.rc, 0);
	expect_partitions("dp1 dp2 dp3 dp4");
	expect_part("dp4", 121, 8);
	assert_int_equal(stays.removes, 0);

	/* No table any more: all go, and the disk is free. */
	sim_close(&stays, 1);
	memset(g_disk.data, 0, BLOCK_SIZE);
	assert_int_equal(examine(), 0);
	expect_partitions("");
	assert_false(is_claimed());
}

static void
a_partition_may_be_unregistered_by_itself(void **state)
{
	add_disk();
	ON(0, spdk_bdev_unregister(spdk_bdev_get_by_name("dp1"), NULL, NULL));
	bdk_sim_run_until_idle();
	expect_partitions("dp4");
	assert_int_equal(examine(), 0);
	expect_partitions("dp1 dp4");
	ON(0, spdk_bdev_unregister(spdk_bdev_get_by_name("dp4"), NULL, NULL));
	ON(0, spdk_bdev_unregister(spdk_bdev_get_by_name("dp1"), NULL, NULL));
	bdk_sim_run_until_idle();
	assert_false(is_claimed());
}

/* ---- shortage ---- */

static struct sim_disk g_other;

static int
setup_few(void **state)
{
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 64;
	opts.bdev_io_cache_size = 8;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	return setup_with(BLOCK_SIZE);
}

static int
teardown_few(void **state)
{
	struct spdk_bdev_opts opts;
	int rc;

	rc = teardown(state);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 65535;
	opts.bdev_io_cache_size = 256;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	return rc;
}

static void
free_io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	spdk_bdev_free_io(bdev_io);
}

/* Others have all I/O objects that there are: the table is read when they give some back. */
static void
reading_waits_for_others(void **state)
{
	static uint8_t buf[BLOCK_SIZE];
	struct spdk_io_channel *ch;
	struct sim_open open;
	int rc;

	sim_disk_init(&g_other, "other");
	sim_disk_add(&g_other);
	g_other.hold = true;
	assert_int_equal(sim_open(&open, 0, "other", true), 0);
	ON(0, {
		ch = spdk_bdev_get_io_channel(open.desc);
		do {
			rc = spdk_bdev_read_blocks(open.desc, ch, buf, 0, 1, free_io_cb, NULL);
		} while (rc == 0);
	});
	assert_int_equal(rc, -ENOMEM);
	add_disk();
	assert_null(spdk_bdev_get_by_name("dp1"));
	sim_disk_release(&g_other);
	bdk_sim_run_until_idle();
	expect_part("dp1", 40, 60);
	ON(0, spdk_put_io_channel(ch));
	sim_close(&open, 0);
	sim_disk_remove(&g_other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(partitions_of_our_types_are_found),
		cmocka_unit_test_setup_teardown(partitions_of_our_types_are_found, setup_4096, teardown),
		TEST(all_are_found_when_they_are_wanted),
		TEST(bad_partitions_are_left_out_and_others_are_not),
		TEST(a_name_that_is_taken_costs_one_partition),
		TEST(disks_without_a_table_are_left_alone),
		TEST(disks_that_cannot_have_one_are_not_read),
		TEST(tables_in_tables_have_an_end),
		TEST(the_backup_is_used),
		TEST(two_damaged_tables_are_none),
		TEST(a_disk_that_has_grown_still_has_its_table),
		TEST(a_disk_that_cannot_be_read_has_no_partitions),
		TEST(want_of_memory_is_waited_out),
		cmocka_unit_test_setup_teardown(reading_waits_for_others, setup_few, teardown_few),
		TEST(a_disk_that_never_answers_holds_nobody_up),
		TEST(a_disk_may_go_while_it_is_read),
		TEST(somebody_else_may_claim_it_meanwhile),
		TEST(partitions_come_and_go_with_the_table),
		TEST(a_partition_may_be_unregistered_by_itself),
	};

	/* Disks that wait, or are counted, are not for others to look for superblocks on. */
	spdk_bdev_module_list_find("raid")->examine_disk = NULL;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
