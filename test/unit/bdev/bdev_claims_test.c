/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"

#define NONE SPDK_BDEV_CLAIM_NONE
#define EXCL SPDK_BDEV_CLAIM_EXCL_WRITE
#define ONE SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE
#define NOBODY SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE
#define SHARED SPDK_BDEV_CLAIM_READ_MANY_WRITE_SHARED

static struct sim_disk g_disk;

static int
setup(void **state)
{
	bdev_sim_start(3, 2);
	sim_disk_init(&g_disk, "d");
	sim_disk_add(&g_disk);
	return 0;
}

static int
teardown(void **state)
{
	assert_int_equal(sim_disk_remove(&g_disk), 0);
	bdev_sim_stop();
	return 0;
}

static int
claim_key(struct sim_open *open, int type, uint64_t key)
{
	struct spdk_bdev_claim_opts opts;
	int rc;

	spdk_bdev_claim_opts_init(&opts, sizeof(opts));
	opts.shared_claim_key = key;
	ON(0, rc = spdk_bdev_module_claim_bdev_desc(open->desc, type, &opts, &g_sim_module));
	return rc;
}

static int
claim(struct sim_open *open, int type)
{
	int rc;

	ON(0, rc = spdk_bdev_module_claim_bdev_desc(open->desc, type, NULL, &g_sim_module));
	return rc;
}

static int
claim_v1(struct sim_open *open)
{
	int rc;

	ON(0, rc = spdk_bdev_module_claim_bdev(&g_disk.bdev, open == NULL ? NULL : open->desc, &g_sim_module));
	return rc;
}

/* What the descriptor may do shows in what a write returns. */
static bool
may_write(struct sim_open *open)
{
	struct spdk_io_channel *ch;
	int rc;

	ON(0, {
		ch = spdk_bdev_get_io_channel(open->desc);
		assert_non_null(ch);
		/* Beyond the end, so that it is refused in any case. */
		rc = spdk_bdev_write_blocks(open->desc, ch, NULL, 1 << 20, 1, NULL, NULL);
		spdk_put_io_channel(ch);
	});
	bdk_sim_run_until_idle();
	assert_true(rc == -EBADF || rc == -EINVAL);
	return rc == -EINVAL;
}

static void
open_disk(struct sim_open *open, bool write)
{
	assert_int_equal(sim_open(open, 0, "d", write), 0);
}

static bool
can_open_for_writing(void)
{
	struct sim_open open;
	int rc = sim_open(&open, 0, "d", true);

	if (rc == 0) {
		sim_close(&open, 0);
		return true;
	}
	assert_int_equal(rc, -EPERM);
	assert_null(open.desc);
	return false;
}

static void
test_names(void **state)
{
	assert_string_equal(spdk_bdev_claim_get_name(NONE), "not_claimed");
	assert_string_equal(spdk_bdev_claim_get_name(EXCL), "exclusive_write");
	assert_string_equal(spdk_bdev_claim_get_name(ONE), "read_many_write_one");
	assert_string_equal(spdk_bdev_claim_get_name(NOBODY), "read_many_write_none");
	assert_string_equal(spdk_bdev_claim_get_name(SHARED), "read_many_write_many");
	assert_string_equal(spdk_bdev_claim_get_name(77), "invalid_claim");
}

static void
test_v1(void **state)
{
	struct sim_open a, b;

	open_disk(&a, false);
	open_disk(&b, true);
	assert_false(may_write(&a));
	/* Granted although another descriptor writes. */
	assert_int_equal(claim_v1(&a), 0);
	assert_true(may_write(&a));
	assert_int_equal(claim_v1(&a), -EPERM);
	assert_int_equal(claim_v1(NULL), -EPERM);
	assert_false(can_open_for_writing());
	assert_int_equal(claim(&b, ONE), -EPERM);
	/* Closing does not end it, and releasing does not take the right to write away. */
	sim_close(&b, 0);
	assert_false(can_open_for_writing());
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	assert_true(can_open_for_writing());
	assert_true(may_write(&a));
	/* Once too often: nothing happens. */
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	sim_close(&a, 0);

	/* Without a descriptor nothing is upgraded. */
	open_disk(&a, false);
	assert_int_equal(claim_v1(NULL), 0);
	assert_false(may_write(&a));
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
	sim_close(&a, 0);
}

static void
test_v2_arguments(void **state)
{
	struct spdk_bdev_claim_opts opts;
	struct sim_open a;

	open_disk(&a, false);
	memset(&opts, 0, sizeof(opts));
	ON(0, {
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(NULL, ONE, NULL, &g_sim_module), -EINVAL);
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(a.desc, ONE, &opts, &g_sim_module), -EINVAL);
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(a.desc, NONE, NULL, &g_sim_module), -ENOTSUP);
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(a.desc, 99, NULL, &g_sim_module), -ENOTSUP);
		/* A name without its end in it is cut. */
		spdk_bdev_claim_opts_init(&opts, sizeof(opts));
		memset(opts.name, 'x', sizeof(opts.name));
		assert_int_equal(spdk_bdev_module_claim_bdev_desc(a.desc, ONE, &opts, &g_sim_module), 0);
	});
	sim_close(&a, 0);
	/* EXCL_WRITE is the claim of the other kind. */
	open_disk(&a, false);
	assert_int_equal(claim(&a, EXCL), 0);
	sim_close(&a, 0);
	assert_false(can_open_for_writing());
	ON(0, spdk_bdev_module_release_bdev(&g_disk.bdev));
}

static void
test_write_one(void **state)
{
	struct sim_open a, b;

	open_disk(&a, false);
	assert_int_equal(claim_key(&a, ONE, 1), -EINVAL);
	open_disk(&b, true);
	assert_int_equal(claim(&a, ONE), -EPERM);
	/* The only writer may itself claim. */
	assert_int_equal(claim(&b, ONE), 0);
	assert_int_equal(claim(&b, ONE), -EPERM);
	assert_int_equal(claim(&a, ONE), -EPERM);
	assert_int_equal(claim(&a, NOBODY), -EPERM);
	assert_int_equal(claim_key(&a, SHARED, 1), -EPERM);
	assert_int_equal(claim_v1(&a), -EPERM);
	assert_false(can_open_for_writing());
	sim_close(&b, 0);
	assert_true(can_open_for_writing());
	assert_int_equal(claim(&a, ONE), 0);
	assert_true(may_write(&a));
	sim_close(&a, 0);
}

static void
test_write_none(void **state)
{
	struct sim_open a, b, c;

	open_disk(&a, false);
	open_disk(&b, true);
	assert_int_equal(claim_key(&a, NOBODY, 1), -EINVAL);
	assert_int_equal(claim(&b, NOBODY), -EINVAL);
	assert_int_equal(claim(&a, NOBODY), -EPERM);
	sim_close(&b, 0);
	assert_int_equal(claim(&a, NOBODY), 0);
	assert_false(may_write(&a));
	assert_false(can_open_for_writing());
	open_disk(&b, false);
	open_disk(&c, false);
	assert_int_equal(claim(&b, NOBODY), 0);
	assert_int_equal(claim(&b, NOBODY), -EPERM);
	assert_int_equal(claim(&c, ONE), -EPERM);
	/* The last one to hold it ends it. */
	sim_close(&a, 0);
	assert_false(can_open_for_writing());
	sim_close(&b, 0);
	assert_true(can_open_for_writing());
	sim_close(&c, 0);
}

static void
test_write_shared(void **state)
{
	struct sim_open a, b, c;

	open_disk(&a, false);
	open_disk(&b, true);
	assert_int_equal(claim_key(&a, SHARED, 0), -EINVAL);
	assert_int_equal(claim_key(&a, SHARED, 5), -EPERM);
	assert_int_equal(claim_key(&b, SHARED, 5), 0);
	assert_int_equal(claim_key(&a, SHARED, 6), -EPERM);
	assert_false(may_write(&a));
	assert_int_equal(claim_key(&a, SHARED, 5), 0);
	assert_true(may_write(&a));
	assert_false(can_open_for_writing());
	open_disk(&c, false);
	assert_int_equal(claim_key(&c, SHARED, 5), 0);
	sim_close(&b, 0);
	sim_close(&a, 0);
	assert_false(can_open_for_writing());
	sim_close(&c, 0);
	assert_true(can_open_for_writing());
	/* With the claims the key is gone. */
	open_disk(&a, false);
	assert_int_equal(claim_key(&a, SHARED, 6), 0);
	sim_close(&a, 0);
}

/* Claimed bdevs are not leaves. */
static void
test_leaves(void **state)
{
	struct sim_disk other;
	struct sim_open a;

	sim_disk_init(&other, "e");
	sim_disk_add(&other);
	assert_ptr_equal(spdk_bdev_first(), &g_disk.bdev);
	assert_ptr_equal(spdk_bdev_next(&g_disk.bdev), &other.bdev);
	assert_null(spdk_bdev_next(&other.bdev));
	assert_ptr_equal(spdk_bdev_first_leaf(), &g_disk.bdev);
	open_disk(&a, false);
	assert_int_equal(claim(&a, NOBODY), 0);
	assert_ptr_equal(spdk_bdev_first_leaf(), &other.bdev);
	assert_null(spdk_bdev_next_leaf(&other.bdev));
	assert_ptr_equal(spdk_bdev_first(), &g_disk.bdev);
	sim_close(&a, 0);
	assert_int_equal(sim_disk_remove(&other), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_names),
		TEST(test_v1),
		TEST(test_v2_arguments),
		TEST(test_write_one),
		TEST(test_write_none),
		TEST(test_write_shared),
		TEST(test_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
