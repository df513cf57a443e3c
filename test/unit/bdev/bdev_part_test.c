/* SPDX-License-Identifier: BSD-3-Clause */

/* The life of bdevs that are parts of another one. bdev_part_io_test.c has their I/O. */

#include "part_module.h"

#define NUM_BLOCKS 256
#define BLOCK_SIZE 512

static struct mem_disk g_disk;
static struct slice_base g_base;

static int
setup(void **state)
{
	bdev_sim_start(5, 3);
	slice_module_reset();
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	g_disk.bdev.write_cache = 1;
	g_disk.bdev.phys_blocklen = 4096;
	g_disk.bdev.md_len = 16;
	g_disk.bdev.dif_type = SPDK_DIF_TYPE1;
	g_disk.bdev.dif_pi_format = SPDK_DIF_PI_FORMAT_32;
	g_disk.bdev.dif_is_head_of_md = true;
	g_disk.bdev.dif_check_flags = SPDK_DIF_FLAGS_GUARD_CHECK;
	assert_int_equal(spdk_uuid_parse(&g_disk.bdev.uuid, "00112233-4455-6677-8899-aabbccddeeff"), 0);
	mem_disk_add(&g_disk);
	assert_int_equal(slice_base_open(&g_base, "disk"), 0);
	return 0;
}

static int
teardown(void **state)
{
	assert_int_equal(g_slice.channels, 0);
	bdev_sim_stop();
	assert_true(TAILQ_EMPTY(&g_slices));
	return 0;
}

static struct spdk_bdev_part *
create(const char *name, uint64_t offset_blocks, uint64_t num_blocks)
{
	struct spdk_bdev_part *part;
	int rc;

	part = slice_create(&g_base, name, offset_blocks, num_blocks, &rc);
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	return part;
}

/* Whether the disk can be opened for writing: nobody has claimed it. */
static bool
is_free(const char *name)
{
	struct sim_open open;

	if (sim_open(&open, 0, name, true) != 0) {
		return false;
	}
	sim_close(&open, 0);
	return true;
}

static void
looks_like_its_base(void **state)
{
	struct spdk_bdev_part *part = create("part", 16, 100);
	struct spdk_bdev *bdev = spdk_bdev_part_get_bdev(part);
	char uuid[SPDK_UUID_STRING_LEN];

	assert_ptr_equal(spdk_bdev_get_by_name("part"), bdev);
	assert_string_equal(spdk_bdev_get_name(bdev), "part");
	assert_string_equal(spdk_bdev_get_product_name(bdev), "Slice");
	assert_string_equal(spdk_bdev_get_module_name(bdev), "slice");
	assert_ptr_equal(bdev->ctxt, part);
	assert_int_equal(spdk_bdev_get_num_blocks(bdev), 100);
	assert_int_equal(spdk_bdev_get_block_size(bdev), BLOCK_SIZE);
	assert_int_equal(spdk_bdev_get_physical_block_size(bdev), 4096);
	assert_true(spdk_bdev_has_write_cache(bdev));
	assert_int_equal(spdk_bdev_get_md_size(bdev), 16);
	assert_true(spdk_bdev_is_md_separate(bdev));
	assert_int_equal(spdk_bdev_get_dif_type(bdev), SPDK_DIF_TYPE1);
	assert_int_equal(spdk_bdev_get_dif_pi_format(bdev), SPDK_DIF_PI_FORMAT_32);
	assert_true(spdk_bdev_is_dif_head_of_md(bdev));
	assert_true(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_GUARD));
	assert_false(spdk_bdev_is_dif_check_enabled(bdev, SPDK_DIF_CHECK_TYPE_REFTAG));

	/* SHA-1 of the name space, the UUID of the disk, 16 and 100: the same in all ages. */
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), spdk_bdev_get_uuid(bdev));
	assert_string_equal(uuid, "dd9a8ee0-f775-5afd-bcda-8a8a7b6ea65f");

	assert_ptr_equal(spdk_bdev_part_get_base(part), g_base.part_base);
	assert_ptr_equal(spdk_bdev_part_get_base_bdev(part), &g_disk.bdev);
	assert_int_equal(spdk_bdev_part_get_offset_blocks(part), 16);
	assert_ptr_equal(spdk_bdev_part_base_get_bdev(g_base.part_base), &g_disk.bdev);
	assert_string_equal(spdk_bdev_part_base_get_bdev_name(g_base.part_base), "disk");
	assert_ptr_equal(spdk_bdev_part_base_get_ctx(g_base.part_base), &g_base);
	assert_ptr_equal(spdk_bdev_part_base_get_tailq(g_base.part_base), &g_slices);
	assert_ptr_equal(spdk_bdev_desc_get_bdev(spdk_bdev_part_base_get_desc(g_base.part_base)), &g_disk.bdev);

	slice_delete(part, 0);
	mem_disk_remove(&g_disk);
}

static void
has_the_uuid_it_is_given(void **state)
{
	struct spdk_bdev_part_construct_opts opts;
	struct spdk_bdev_part *part;
	struct spdk_uuid uuid;
	char name[] = "short";
	int rc;

	assert_int_equal(spdk_uuid_parse(&uuid, "12345678-1234-4321-abcd-1234567890ab"), 0);
	part = slice_create_uuid(&g_base, "part", 0, 8, &uuid, &rc);
	assert_int_equal(rc, 0);
	assert_ptr_equal(spdk_bdev_get_by_name("12345678-1234-4321-abcd-1234567890ab"), spdk_bdev_part_get_bdev(part));

	/* Another part cannot have it. */
	assert_null(slice_create_uuid(&g_base, "other", 8, 8, &uuid, &rc));
	assert_int_equal(rc, -EEXIST);
	slice_delete(part, 0);

	/* A caller that does not know of it yet. */
	assert_int_equal(slice_base_open(&g_base, "disk"), 0);
	part = calloc(1, sizeof(*part));
	memset(&opts, 0xff, sizeof(opts));
	spdk_bdev_part_construct_opts_init(&opts, sizeof(opts.opts_size));
	assert_int_equal(opts.opts_size, sizeof(opts.opts_size));
	ON(0, rc = spdk_bdev_part_construct_ext(part, g_base.part_base, name, 16, 100, name, &opts));
	assert_int_equal(rc, 0);
	assert_int_equal(part->internal.bdev.uuid.u.raw[0], 0xdd);
	slice_delete(part, 0);
	mem_disk_remove(&g_disk);
}

static void
supports_what_is_handed_on(void **state)
{
	struct spdk_bdev_part *part;
	struct spdk_bdev *bdev;
	int type;

	mem_disk_remove(&g_disk);
	assert_int_equal(g_base.freed, 1);
	mem_disk_init(&g_disk, "disk", BLOCK_SIZE, NUM_BLOCKS);
	g_disk.io_types = ~(1ull << SPDK_BDEV_IO_TYPE_FLUSH);
	mem_disk_add(&g_disk);
	assert_int_equal(slice_base_open(&g_base, "disk"), 0);
	part = create("part", 0, 8);
	bdev = spdk_bdev_part_get_bdev(part);
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_READ));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_UNMAP));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_RESET));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ABORT));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZCOPY));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COMPARE));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COMPARE_AND_WRITE));
	assert_true(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_COPY));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_FLUSH));
	for (type = SPDK_BDEV_IO_TYPE_NVME_ADMIN; type <= SPDK_BDEV_IO_TYPE_NVME_IO_MD; type++) {
		assert_false(spdk_bdev_io_type_supported(bdev, type));
	}
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_NVME_IOV_MD));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_GET_ZONE_INFO));
	assert_false(spdk_bdev_io_type_supported(bdev, SPDK_BDEV_IO_TYPE_ZONE_APPEND));
	slice_delete(part, 0);
	mem_disk_remove(&g_disk);
}

static void
claims_the_base_until_the_last_is_gone(void **state)
{
	struct spdk_bdev_part *first, *second;

	assert_true(is_free("disk"));
	first = create("first", 0, 8);
	assert_false(is_free("disk"));
	second = create("second", 8, 8);
	assert_ptr_equal(TAILQ_FIRST(&g_slices), first);
	assert_ptr_equal(TAILQ_NEXT(first, tailq), second);

	slice_delete(first, 0);
	assert_int_equal(g_base.freed, 0);
	assert_false(is_free("disk"));
	slice_delete(second, 0);
	assert_int_equal(g_base.freed, 1);
	assert_true(is_free("disk"));
	mem_disk_remove(&g_disk);
	assert_int_equal(g_base.removed, 0);
}

/* The list changes and the base closes on the thread that opened it; the callback comes to the one that asked. */
static void
may_be_unregistered_on_any_thread(void **state)
{
	struct spdk_bdev_part *first = create("first", 0, 8), *second = create("second", 8, 8);

	slice_delete(first, 2);
	slice_delete(second, 1);
	assert_int_equal(g_base.freed, 1);
	assert_ptr_equal(g_base.free_thread, g_sim_threads[0]);
	mem_disk_remove(&g_disk);
}

static void
closes_an_unused_base_on_its_thread(void **state)
{
	ON(2, spdk_bdev_part_base_free(g_base.part_base));
	assert_int_equal(g_base.freed, 1);
	assert_ptr_equal(g_base.free_thread, g_sim_threads[2]);
	bdk_sim_run_until_idle();
	/* Nobody has it open any more. */
	mem_disk_remove(&g_disk);
	assert_int_equal(g_base.removed, 0);
}

static void
refuses_a_part_outside_the_base(void **state)
{
	struct spdk_bdev_part *part;
	int rc;

	assert_null(slice_create(&g_base, "part", 0, NUM_BLOCKS + 1, &rc));
	assert_int_equal(rc, -EINVAL);
	assert_null(slice_create(&g_base, "part", 1, NUM_BLOCKS, &rc));
	assert_int_equal(rc, -EINVAL);
	assert_null(slice_create(&g_base, "part", UINT64_MAX, 2, &rc));
	assert_int_equal(rc, -EINVAL);
	assert_null(slice_create(&g_base, "part", NUM_BLOCKS, 1, &rc));
	assert_int_equal(rc, -EINVAL);
	assert_true(is_free("disk"));

	part = create("part", NUM_BLOCKS - 1, 1);
	slice_delete(part, 0);
	mem_disk_remove(&g_disk);
}

static void
may_be_the_whole_base(void **state)
{
	struct spdk_bdev_part *part = create("part", 0, NUM_BLOCKS);

	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_part_get_bdev(part)), NUM_BLOCKS);
	slice_delete(part, 0);
	mem_disk_remove(&g_disk);
}

static void
leaves_nothing_behind_a_part_that_fails(void **state)
{
	struct spdk_bdev_part *part;
	struct sim_open open;
	int rc;

	/* Its name is taken. */
	assert_null(slice_create(&g_base, "disk", 0, 8, &rc));
	assert_int_equal(rc, -EEXIST);
	assert_true(is_free("disk"));

	/* Somebody else has claimed the base. */
	assert_int_equal(sim_open(&open, 0, "disk", false), 0);
	ON(0, rc = spdk_bdev_module_claim_bdev(&g_disk.bdev, open.desc, &g_sim_module));
	assert_int_equal(rc, 0);
	assert_null(slice_create(&g_base, "part", 0, 8, &rc));
	assert_int_equal(rc, -EPERM);
	assert_null(spdk_bdev_get_by_name("part"));
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	sim_close(&open, 0);

	/* The base is as good as before; and a second part that fails does not release it. */
	part = create("part", 0, 8);
	assert_null(slice_create(&g_base, "part", 8, 8, &rc));
	assert_int_equal(rc, -EEXIST);
	assert_false(is_free("disk"));
	assert_int_equal(g_base.freed, 0);
	slice_delete(part, 0);
	assert_int_equal(g_base.freed, 1);
	mem_disk_remove(&g_disk);
}

static void
unexpected_remove_cb(void *ctx)
{
	fail_msg("removed");
}

static void
count_free_cb(void *ctx)
{
	(*(uint32_t *)ctx)++;
}

static void
says_who_frees_the_context(void **state)
{
	static struct spdk_bdev_fn_table fn_table;
	struct spdk_bdev_part_base *base;
	uint32_t freed = 0;
	int rc;

#define CONSTRUCT(NAME, SIZE, BASE) \
	spdk_bdev_part_base_construct_ext(NAME, unexpected_remove_cb, &g_slice_module, &fn_table, &g_slices, \
		count_free_cb, &freed, SIZE, NULL, NULL, BASE)

	/* Not there yet: the module may want it later. */
	ON(0, rc = CONSTRUCT("missing", sizeof(struct spdk_bdev_part_channel), &base));
	assert_int_equal(rc, -ENODEV);
	assert_int_equal(freed, 0);
	ON(0, rc = CONSTRUCT("disk", sizeof(struct spdk_bdev_part_channel), NULL));
	assert_int_equal(rc, -EINVAL);
	ON(0, rc = CONSTRUCT("disk", sizeof(struct spdk_bdev_part_channel) - 1, &base));
	assert_int_equal(rc, -EINVAL);
	assert_int_equal(freed, 0);
	assert_null(fn_table.get_io_channel);

	/* Not on an SPDK thread. */
	rc = CONSTRUCT("disk", sizeof(struct spdk_bdev_part_channel), &base);
	assert_int_equal(rc, -ENOTSUP);
	assert_int_equal(freed, 1);

	ON(0, rc = CONSTRUCT("disk", sizeof(struct spdk_bdev_part_channel), &base));
	assert_int_equal(rc, 0);
	assert_non_null(fn_table.get_io_channel);
	assert_non_null(fn_table.io_type_supported);
	ON(0, spdk_bdev_part_base_free(base));
	assert_int_equal(freed, 2);
	mem_disk_remove(&g_disk);
}

static void
goes_without_the_optional_callbacks(void **state)
{
	static struct spdk_bdev_fn_table fn_table;
	struct spdk_bdev_part_base *base;
	int rc;

	ON(0,
		rc = spdk_bdev_part_base_construct_ext("disk", unexpected_remove_cb, &g_slice_module, &fn_table,
			&g_slices, NULL, NULL, sizeof(struct spdk_bdev_part_channel), NULL, NULL, &base));
	assert_int_equal(rc, 0);
	ON(0, spdk_bdev_part_base_free(base));
	mem_disk_remove(&g_disk);
}

/* ---- removal of the base ---- */

static void
goes_with_its_base(void **state)
{
	struct mem_user first, second;

	create("first", 0, 8);
	create("second", 8, 8);
	mem_user_open_name(&first, "first", 3, true);
	mem_user_open_name(&second, "second", 1, false);
	assert_int_equal(g_slice.channels, 4);

	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(g_base.removed, 1);
	assert_int_equal(first.removes, 1);
	assert_int_equal(second.removes, 1);
	assert_false(g_disk.destructed);

	mem_user_close(&second);
	assert_null(spdk_bdev_get_by_name("second"));
	assert_non_null(spdk_bdev_get_by_name("first"));
	assert_int_equal(g_base.freed, 0);
	mem_user_close(&first);
	assert_int_equal(g_base.freed, 1);
	assert_true(g_disk.destructed);
	assert_true(TAILQ_EMPTY(&g_slices));
}

static void
leaves_the_parts_of_another_base(void **state)
{
	struct slice_base other_base;
	struct spdk_bdev_part *other;
	struct mem_disk disk;
	int rc;

	mem_disk_init(&disk, "other", BLOCK_SIZE, NUM_BLOCKS);
	mem_disk_add(&disk);
	assert_int_equal(slice_base_open(&other_base, "other"), 0);
	create("first", 0, 8);
	other = slice_create(&other_base, "second", 0, 8, &rc);
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	create("third", 8, 8);

	mem_disk_remove(&g_disk);
	assert_null(spdk_bdev_get_by_name("first"));
	assert_null(spdk_bdev_get_by_name("third"));
	assert_ptr_equal(TAILQ_FIRST(&g_slices), other);
	assert_null(TAILQ_NEXT(other, tailq));
	assert_int_equal(other_base.removed, 0);

	mem_disk_remove(&disk);
	assert_int_equal(other_base.freed, 1);
}

static void
frees_a_base_without_parts_at_removal(void **state)
{
	mem_disk_remove(&g_disk);
	assert_int_equal(g_base.removed, 1);
	assert_int_equal(g_base.freed, 1);
}

/* A part on its way out when the base goes. */
static void
is_removed_while_it_is_being_removed(void **state)
{
	struct spdk_bdev_part *part = create("part", 0, 8);
	struct mem_user user;

	mem_user_open_name(&user, "part", 2, true);
	ON(1, spdk_bdev_unregister(spdk_bdev_part_get_bdev(part), NULL, NULL));
	ON(0, spdk_bdev_unregister(&g_disk.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	assert_int_equal(user.removes, 1);
	mem_user_close(&user);
	assert_int_equal(g_base.freed, 1);
	assert_true(g_disk.destructed);
}

static void
stays_when_the_base_grows(void **state)
{
	struct spdk_bdev_part *part = create("part", 8, 8);
	int rc;

	ON(0, rc = spdk_bdev_notify_blockcnt_change(&g_disk.bdev, NUM_BLOCKS * 2));
	assert_int_equal(rc, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(spdk_bdev_get_num_blocks(spdk_bdev_part_get_bdev(part)), 8);
	/* There is room for more now. */
	create("new", NUM_BLOCKS, 8);
	mem_disk_remove(&g_disk);
}

/* ---- channels ---- */

static void
gives_the_base_channel_back_if_the_module_has_none(void **state)
{
	struct spdk_io_channel *ch;
	struct sim_open open;

	create("part", 0, 8);
	assert_int_equal(sim_open(&open, 0, "part", true), 0);
	g_slice.refuse_channel = true;
	ON(0, ch = spdk_bdev_get_io_channel(open.desc));
	assert_null(ch);
	g_slice.refuse_channel = false;
	ON(0, ch = spdk_bdev_get_io_channel(open.desc));
	assert_non_null(ch);
	ON(0, spdk_put_io_channel(ch));
	sim_close(&open, 0);
	/* Would wait for a channel that was not given back. */
	mem_disk_remove(&g_disk);
}

static void
is_shut_down_with_the_layer(void **state)
{
	create("first", 0, 8);
	create("second", 8, 8);
	bdev_sim_layer_fini();
	assert_int_equal(g_base.freed, 1);
	assert_true(g_disk.destructed);
	assert_int_equal(bdev_sim_layer_init(), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(looks_like_its_base),
		TEST(has_the_uuid_it_is_given),
		TEST(supports_what_is_handed_on),
		TEST(claims_the_base_until_the_last_is_gone),
		TEST(may_be_unregistered_on_any_thread),
		TEST(closes_an_unused_base_on_its_thread),
		TEST(refuses_a_part_outside_the_base),
		TEST(may_be_the_whole_base),
		TEST(leaves_nothing_behind_a_part_that_fails),
		TEST(says_who_frees_the_context),
		TEST(goes_without_the_optional_callbacks),
		TEST(goes_with_its_base),
		TEST(leaves_the_parts_of_another_base),
		TEST(frees_a_base_without_parts_at_removal),
		TEST(is_removed_while_it_is_being_removed),
		TEST(stays_when_the_base_grows),
		TEST(gives_the_base_channel_back_if_the_module_has_none),
		TEST(is_shut_down_with_the_layer),
	};

	return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
