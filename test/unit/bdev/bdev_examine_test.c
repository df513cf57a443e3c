/* SPDX-License-Identifier: BSD-3-Clause */

#include "bdev_sim.h"

/*
 * Modules a, b and c are registered in this order, so that they are asked in the order c, b, a. What they do when
 * asked is set by each test.
 */
struct examiner {
	struct spdk_bdev_module module;
	/* NULL: just done. */
	void (*config)(struct examiner *self, struct spdk_bdev *bdev);
	void (*disk)(struct examiner *self, struct spdk_bdev *bdev);
	struct spdk_bdev_desc *desc;
};

static char g_log[1000];
static struct examiner g_a, g_b, g_c;

static void __attribute__((format(printf, 1, 2))) note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(g_log + strlen(g_log), sizeof(g_log) - strlen(g_log), format, args);
	va_end(args);
}

static void
expect_log(const char *text)
{
	assert_string_equal(g_log, text);
	g_log[0] = '\0';
}

static void
examine_config(struct examiner *self, struct spdk_bdev *bdev)
{
	note("%s-config %s;", self->module.name, bdev->name);
	if (self->config != NULL) {
		self->config(self, bdev);
	} else {
		spdk_bdev_module_examine_done(&self->module);
	}
}

static void
examine_disk(struct examiner *self, struct spdk_bdev *bdev)
{
	note("%s-disk %s;", self->module.name, bdev->name);
	if (self->disk != NULL) {
		self->disk(self, bdev);
	} else {
		spdk_bdev_module_examine_done(&self->module);
	}
}

#define EXAMINER(letter) \
	static void letter##_config(struct spdk_bdev *bdev) \
	{ \
		examine_config(&g_##letter, bdev); \
	} \
	static void letter##_disk(struct spdk_bdev *bdev) \
	{ \
		examine_disk(&g_##letter, bdev); \
	} \
	static struct examiner g_##letter = {.module = { \
						     .name = #letter, \
						     .examine_config = letter##_config, \
						     .examine_disk = letter##_disk, \
					     }}; \
	SPDK_BDEV_MODULE_REGISTER(letter, &g_##letter.module)

EXAMINER(a)
EXAMINER(b)
EXAMINER(c)

static int
setup(void **state)
{
	g_log[0] = '\0';
	bdev_sim_start(4, 3);
	return 0;
}

static int
teardown(void **state)
{
	struct examiner *examiners[] = {&g_a, &g_b, &g_c};
	int i;

	for (i = 0; i < 3; i++) {
		examiners[i]->config = NULL;
		examiners[i]->disk = NULL;
	}
	bdev_sim_stop();
	return 0;
}

static void
ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
}

static void
test_order(void **state)
{
	struct sim_disk disk;

	assert_ptr_equal(spdk_bdev_module_list_find("b"), &g_b.module);
	assert_null(spdk_bdev_module_list_find("none"));
	sim_disk_init(&disk, "d");
	assert_int_equal(sim_disk_register(&disk), 0);
	/* All of it inside the registration. */
	expect_log("c-config d;b-config d;a-config d;c-disk d;b-disk d;a-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
test_unreadable(void **state)
{
	struct sim_disk disk;

	sim_disk_init(&disk, "d");
	disk.io_types = 1 << SPDK_BDEV_IO_TYPE_WRITE;
	sim_disk_add(&disk);
	expect_log("");
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- claims decide who may look at the disk ---- */

static void
config_claim_v1(struct examiner *self, struct spdk_bdev *bdev)
{
	note("%s=%d;", self->module.name, spdk_bdev_module_claim_bdev(bdev, NULL, &self->module));
	spdk_bdev_module_examine_done(&self->module);
}

static void
disk_release_v1(struct examiner *self, struct spdk_bdev *bdev)
{
	spdk_bdev_module_release_bdev(bdev);
	spdk_bdev_module_examine_done(&self->module);
}

static void
test_v1(void **state)
{
	struct sim_disk disk;

	/* Of those that want it, the one that registered last gets it. */
	g_a.config = config_claim_v1;
	g_b.config = config_claim_v1;
	g_b.disk = disk_release_v1;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;b=0;a-config d;a=-1;b-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
disk_claim_v1(struct examiner *self, struct spdk_bdev *bdev)
{
	note("%s=%d;", self->module.name, spdk_bdev_module_claim_bdev(bdev, NULL, &self->module));
	spdk_bdev_module_examine_done(&self->module);
}

/* A claim in the second round does not stop it. */
static void
test_claim_midway(void **state)
{
	struct sim_disk disk;

	g_c.disk = disk_claim_v1;
	g_a.disk = disk_claim_v1;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;a-config d;c-disk d;c=0;b-disk d;a-disk d;a=-1;");
	ON(0, spdk_bdev_module_release_bdev(&disk.bdev));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
config_claim_v2(struct examiner *self, struct spdk_bdev *bdev)
{
	int rc;

	rc = spdk_bdev_open_ext(bdev->name, false, ignore_event_cb, NULL, &self->desc);
	assert_int_equal(rc, 0);
	rc = spdk_bdev_module_claim_bdev_desc(self->desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_NONE, NULL, &self->module);
	assert_int_equal(rc, 0);
	spdk_bdev_module_examine_done(&self->module);
}

static void
disk_close(struct examiner *self, struct spdk_bdev *bdev)
{
	spdk_bdev_close(self->desc);
	spdk_bdev_module_examine_done(&self->module);
}

/* Also the claim that a module is being asked for may end while it is asked. */
static void
test_v2(void **state)
{
	struct sim_disk disk;

	g_c.config = g_a.config = config_claim_v2;
	g_c.disk = g_a.disk = disk_close;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;a-config d;c-disk d;a-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
}

static void
disk_close_all(struct examiner *self, struct spdk_bdev *bdev)
{
	spdk_bdev_close(g_a.desc);
	spdk_bdev_close(g_b.desc);
	spdk_bdev_close(g_c.desc);
	spdk_bdev_module_examine_done(&self->module);
}

/* A claim that is gone when its turn comes is not asked. */
static void
test_v2_others_close(void **state)
{
	struct sim_disk disk;

	g_a.config = g_b.config = g_c.config = config_claim_v2;
	g_c.disk = disk_close_all;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;a-config d;c-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- waiting ---- */

static uint32_t g_waited;
static struct spdk_thread *g_waited_on;

static void
waited_cb(void *ctx)
{
	g_waited++;
	g_waited_on = spdk_get_thread();
}

static void
never_done(struct examiner *self, struct spdk_bdev *bdev)
{
}

static void
test_wait(void **state)
{
	struct sim_disk disk;

	g_waited = 0;
	ON(1, assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), 0));
	assert_int_equal(g_waited, 0);
	bdk_sim_run_until_idle();
	assert_int_equal(g_waited, 1);
	assert_ptr_equal(g_waited_on, g_sim_threads[1]);
	assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), -ENOTSUP);

	/* The last one takes its time. */
	g_a.disk = never_done;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	ON(2, assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), 0));
	bdk_sim_run_for(1000 * 1000);
	assert_int_equal(g_waited, 1);
	/* From any thread. */
	ON(1, spdk_bdev_module_examine_done(&g_a.module));
	assert_int_equal(g_waited, 1);
	bdk_sim_run_until_idle();
	assert_int_equal(g_waited, 2);
	assert_ptr_equal(g_waited_on, g_sim_threads[2]);
	/* Once more than asked is ignored. */
	ON(1, spdk_bdev_module_examine_done(&g_a.module));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* A bdev cannot vanish while it is examined. */
static void
test_unregister_while_examined(void **state)
{
	struct sim_disk disk;

	g_b.disk = never_done;
	sim_disk_init(&disk, "d");
	assert_int_equal(sim_disk_register(&disk), 0);
	ON(0, spdk_bdev_unregister(&disk.bdev, NULL, NULL));
	bdk_sim_run_for(1000 * 1000);
	assert_int_equal(disk.destructed, 0);
	ON(0, spdk_bdev_module_examine_done(&g_b.module));
	bdk_sim_run_until_idle();
	assert_int_equal(disk.destructed, 1);
}

/* The guide's sample module has an examine_config, and does not know that it must report. */
static void
test_forgotten_done(void **state)
{
	struct sim_disk disk;

	g_b.config = never_done;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;a-config d;c-disk d;b-disk d;a-disk d;");
	g_waited = 0;
	ON(0, assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(g_waited, 1);
	/* Late is as good as never. */
	ON(0, spdk_bdev_module_examine_done(&g_b.module));
	ON(0, spdk_bdev_module_examine_done(&g_b.module));
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- bdevs that are registered while another one is examined ---- */

static struct sim_disk g_inner;

static void
config_register_inner(struct examiner *self, struct spdk_bdev *bdev)
{
	if (bdev != &g_inner.bdev) {
		sim_disk_init(&g_inner, "inner");
		assert_int_equal(spdk_bdev_register(&g_inner.bdev), 0);
	}
	spdk_bdev_module_examine_done(&self->module);
}

static void
disk_never_done_inner(struct examiner *self, struct spdk_bdev *bdev)
{
	if (bdev != &g_inner.bdev) {
		spdk_bdev_module_examine_done(&self->module);
	}
}

static void
test_nested(void **state)
{
	struct sim_disk disk;

	g_b.config = config_register_inner;
	/* The module has not finished with the inner bdev when it has with the outer one. */
	g_b.disk = disk_never_done_inner;
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;"
		   "c-config inner;b-config inner;a-config inner;c-disk inner;b-disk inner;a-disk inner;"
		   "a-config d;c-disk d;b-disk d;a-disk d;");
	g_waited = 0;
	ON(0, assert_int_equal(spdk_bdev_wait_for_examine(waited_cb, NULL), 0));
	bdk_sim_run_until_idle();
	assert_int_equal(g_waited, 0);
	ON(0, spdk_bdev_module_examine_done(&g_b.module));
	bdk_sim_run_until_idle();
	assert_int_equal(g_waited, 1);
	assert_int_equal(sim_disk_remove(&g_inner), 0);
	assert_int_equal(sim_disk_remove(&disk), 0);
}

/* ---- the allow list ---- */

static void
set_auto_examine(bool on)
{
	struct spdk_bdev_opts opts;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_auto_examine = on;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
}

static void
test_allow_list(void **state)
{
	struct sim_disk disk;

	ON(0, assert_int_equal(spdk_bdev_examine("d"), -EINVAL));
	set_auto_examine(false);
	ON(1, assert_int_equal(spdk_bdev_examine("d"), -EINVAL));
	ON(0, assert_int_equal(spdk_bdev_examine(NULL), -EINVAL));

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("");
	ON(0, {
		assert_int_equal(spdk_bdev_examine("d"), 0);
		expect_log("c-config d;b-config d;a-config d;c-disk d;b-disk d;a-disk d;");
		assert_int_equal(spdk_bdev_examine("d"), -EEXIST);
		assert_int_equal(spdk_bdev_examine("later"), 0);
	});
	expect_log("");
	assert_int_equal(sim_disk_remove(&disk), 0);

	/* With the bdev its entry has gone. */
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	expect_log("");
	ON(0, assert_int_equal(spdk_bdev_alias_add(&disk.bdev, "nickname"), 0));
	ON(0, assert_int_equal(spdk_bdev_examine("nickname"), 0));
	expect_log("c-config d;b-config d;a-config d;c-disk d;b-disk d;a-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
	ON(0, assert_int_equal(spdk_bdev_examine("nickname"), 0));

	sim_disk_init(&disk, "later");
	sim_disk_add(&disk);
	expect_log("c-config later;b-config later;a-config later;c-disk later;b-disk later;a-disk later;");
	assert_int_equal(sim_disk_remove(&disk), 0);

	/* The UUID is an alias as well. */
	sim_disk_init(&disk, "d");
	assert_int_equal(spdk_uuid_parse(&disk.bdev.uuid, "5b1f5e0c-6d6d-4c5e-9f38-9c1d1b7d1a11"), 0);
	ON(0, assert_int_equal(spdk_bdev_examine("5b1f5e0c-6d6d-4c5e-9f38-9c1d1b7d1a11"), 0));
	sim_disk_add(&disk);
	expect_log("c-config d;b-config d;a-config d;c-disk d;b-disk d;a-disk d;");
	assert_int_equal(sim_disk_remove(&disk), 0);
	set_auto_examine(true);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_unreadable),
		TEST(test_v1),
		TEST(test_claim_midway),
		TEST(test_v2),
		TEST(test_v2_others_close),
		TEST(test_wait),
		TEST(test_unregister_while_examined),
		TEST(test_forgotten_done),
		TEST(test_nested),
		TEST(test_allow_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
