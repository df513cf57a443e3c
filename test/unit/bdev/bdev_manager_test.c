/* SPDX-License-Identifier: BSD-3-Clause */

#include "test/unit/common/strict_tolerate.h"
#include "bdev_sim.h"
#include "lib/env/env_internal.h"
#include "spdk/json.h"

/* Modules x and y, registered in this order. What they do is set by each test. */
struct script {
	int init_rc;
	/* Call the *_done function inside the callback; else the test does. */
	bool init_done, fini_start_done, fini_done;
};

static struct script g_x, g_y;
static char g_log[1000];
static struct spdk_bdev_module g_module_x, g_module_y;

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

#define MODULE(letter) \
	static int letter##_init(void) \
	{ \
		note("init " #letter ";"); \
		if (g_module_##letter.async_init && g_##letter.init_done) { \
			spdk_bdev_module_init_done(&g_module_##letter); \
		} \
		return g_##letter.init_rc; \
	} \
	static void letter##_init_complete(void) \
	{ \
		note("complete " #letter ";"); \
	} \
	static void letter##_fini_start(void) \
	{ \
		note("start " #letter ";"); \
		if (g_module_##letter.async_fini_start && g_##letter.fini_start_done) { \
			spdk_bdev_module_fini_start_done(); \
		} \
	} \
	static void letter##_fini(void) \
	{ \
		note("fini " #letter ";"); \
		if (g_module_##letter.async_fini && g_##letter.fini_done) { \
			spdk_bdev_module_fini_done(); \
		} \
	} \
	static struct spdk_bdev_module g_module_##letter = { \
		.name = #letter, \
		.module_init = letter##_init, \
		.init_complete = letter##_init_complete, \
		.fini_start = letter##_fini_start, \
		.module_fini = letter##_fini, \
	}; \
	SPDK_BDEV_MODULE_REGISTER(letter, &g_module_##letter)

MODULE(x)
MODULE(y)

static void
set_async(struct spdk_bdev_module *module, struct script *script, bool async, bool inside)
{
	module->async_init = module->async_fini_start = module->async_fini = async;
	memset(script, 0, sizeof(*script));
	script->init_done = script->fini_start_done = script->fini_done = inside;
}

static int
setup(void **state)
{
	set_async(&g_module_x, &g_x, false, false);
	set_async(&g_module_y, &g_y, false, false);
	g_log[0] = '\0';
	bdev_sim_init(5, 3);
	return 0;
}

static int
teardown(void **state)
{
	bdev_sim_fini();
	return 0;
}

static uint32_t g_called;
static int g_rc;

static void
init_cb(void *ctx, int rc)
{
	note("up %d;", rc);
	g_called++;
	g_rc = rc;
}

static void
fini_cb(void *ctx)
{
	note("down;");
	g_called++;
}

static void
test_synchronous(void **state)
{
	/* Nothing is pending, so all of it happens inside the calls. */
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	expect_log("init x;init y;complete x;complete y;up 0;");
	bdev_sim_layer_fini();
	expect_log("start y;start x;fini y;fini x;");
	/* And again. */
	assert_int_equal(bdev_sim_layer_init(), 0);
	bdev_sim_layer_fini();
	expect_log("init x;init y;complete x;complete y;start y;start x;fini y;fini x;");
	/* Without a start there is nothing to stop. */
	ON(0, spdk_bdev_finish(fini_cb, NULL));
	expect_log("down;");
}

static void
test_asynchronous_inside(void **state)
{
	set_async(&g_module_x, &g_x, true, true);
	set_async(&g_module_y, &g_y, true, true);
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	expect_log("init x;init y;complete x;complete y;up 0;");
	bdev_sim_layer_fini();
	expect_log("start y;start x;fini y;fini x;");
}

static void
test_asynchronous(void **state)
{
	set_async(&g_module_x, &g_x, true, false);
	set_async(&g_module_y, &g_y, true, false);
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	bdk_sim_run_for(1000 * 1000);
	expect_log("init x;init y;");
	/* From any thread, in any order. */
	ON(1, spdk_bdev_module_init_done(&g_module_y));
	bdk_sim_run_until_idle();
	expect_log("");
	ON(2, spdk_bdev_module_init_done(&g_module_x));
	bdk_sim_run_until_idle();
	expect_log("complete x;complete y;up 0;");

	ON(0, spdk_bdev_finish(fini_cb, NULL));
	bdk_sim_run_for(1000 * 1000);
	expect_log("start y;");
	ON(1, spdk_bdev_module_fini_start_done());
	bdk_sim_run_until_idle();
	expect_log("start x;");
	ON(0, spdk_bdev_module_fini_start_done());
	bdk_sim_run_until_idle();
	expect_log("fini y;");
	ON(2, spdk_bdev_module_fini_done());
	bdk_sim_run_until_idle();
	expect_log("fini x;");
	ON(2, spdk_bdev_module_fini_done());
	bdk_sim_run_until_idle();
	expect_log("down;");
}

static void
test_init_fails(void **state)
{
	g_y.init_rc = -ENXIO;
	g_called = 0;
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	assert_int_equal(g_called, 0);
	bdk_sim_run_until_idle();
	expect_log("init x;init y;up -1;");
	/* What was started is stopped. */
	bdev_sim_layer_fini();
	expect_log("start x;fini x;");

	g_x.init_rc = 5;
	g_y.init_rc = 0;
	assert_int_equal(bdev_sim_layer_init(), -1);
	expect_log("init x;");
	bdev_sim_layer_fini();
	expect_log("");
}

static void
test_finish_during_init(void **state)
{
	set_async(&g_module_x, &g_x, true, false);
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	ON(0, spdk_bdev_finish(fini_cb, NULL));
	bdk_sim_run_for(1000 * 1000);
	expect_log("init x;init y;");
	ON(0, spdk_bdev_module_init_done(&g_module_x));
	g_x.fini_start_done = g_x.fini_done = true;
	bdk_sim_run_until_idle();
	/* Nobody waits for the start any more. */
	expect_log("start y;start x;fini y;fini x;down;");
}

/* ---- bdevs at shutdown ---- */

static int
note_destruct(void *ctx)
{
	struct sim_disk *disk = ctx;

	note("destruct %s;", disk->name);
	disk->destructed++;
	return disk->destruct_rc;
}

static void
add_noting(struct sim_disk *disk, struct spdk_bdev_fn_table *table, const char *name)
{
	sim_disk_init(disk, name);
	*table = *disk->bdev.fn_table;
	table->destruct = note_destruct;
	disk->bdev.fn_table = table;
	sim_disk_add(disk);
}

static void
test_shutdown_order(void **state)
{
	struct spdk_bdev_fn_table table;
	struct sim_disk disks[4];

	assert_int_equal(bdev_sim_layer_init(), 0);
	add_noting(&disks[0], &table, "d0");
	add_noting(&disks[1], &table, "d1");
	add_noting(&disks[2], &table, "d2");
	add_noting(&disks[3], &table, "d3");
	/* Claimed bdevs go last, the newest first. */
	ON(0, {
		assert_int_equal(spdk_bdev_module_claim_bdev(&disks[3].bdev, NULL, &g_module_x), 0);
		assert_int_equal(spdk_bdev_module_claim_bdev(&disks[1].bdev, NULL, &g_module_x), 0);
	});
	/* An error does not stop it. */
	disks[2].destruct_rc = -EIO;
	g_log[0] = '\0';
	bdev_sim_layer_fini();
	expect_log("start y;start x;destruct d2;destruct d0;destruct d3;destruct d1;fini y;fini x;");
}

static void
test_shutdown_waits(void **state)
{
	struct spdk_bdev_fn_table table;
	struct sim_disk a, b;
	struct sim_open open;

	assert_int_equal(bdev_sim_layer_init(), 0);
	add_noting(&a, &table, "a");
	add_noting(&b, &table, "b");
	b.destruct_rc = 1;
	assert_int_equal(sim_open(&open, 1, "a", true), 0);
	/* Somebody else is faster with one of them. */
	ON(2, spdk_bdev_unregister(&a.bdev, NULL, NULL));
	bdk_sim_run_until_idle();
	g_log[0] = '\0';
	ON(0, spdk_bdev_finish(fini_cb, NULL));
	bdk_sim_run_for(1000 * 1000);
	expect_log("start y;start x;destruct b;");
	ON(1, spdk_bdev_destruct_done(&b.bdev, 0));
	bdk_sim_run_for(1000 * 1000);
	expect_log("");
	assert_int_equal(open.removes, 1);
	sim_close(&open, 1);
	bdk_sim_run_until_idle();
	expect_log("destruct a;fini y;fini x;down;");
}

static char g_messages[4000];

static void
collect_message_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args)
{
	size_t len = strlen(g_messages);

	vsnprintf(g_messages + len, sizeof(g_messages) - len, format, args);
}

static void
expect_message(const char *part)
{
	if (strstr(g_messages, part) == NULL) {
		fail_msg("'%s' is not in: %s", part, g_messages);
	}
	g_messages[0] = '\0';
}

/* Who waits is told for what. */
static void
test_reports(void **state)
{
	struct sim_disk disk;
	struct sim_open open;

	/* Somebody does not close for long, on purpose. */
	strict_tolerate(STRICT_RULE(DESCRIPTOR_LEAKED));
	spdk_log_open(collect_message_cb);
	g_messages[0] = '\0';
	set_async(&g_module_x, &g_x, true, false);
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	bdk_sim_run_for(9 * 1000 * 1000);
	assert_string_equal(g_messages, "");
	bdk_sim_run_for(2 * 1000 * 1000);
	expect_message("bdev module x has not finished: its init, 0 examines");
	ON(0, spdk_bdev_module_init_done(&g_module_x));
	bdk_sim_run_until_idle();
	bdk_sim_run_for(30 * 1000 * 1000);
	assert_string_equal(g_messages, "");

	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	ON(0, spdk_bdev_finish(fini_cb, NULL));
	bdk_sim_run_for(11 * 1000 * 1000);
	expect_message("shutdown waits for bdev module x");
	ON(0, spdk_bdev_module_fini_start_done());
	bdk_sim_run_for(11 * 1000 * 1000);
	expect_message("shutdown waits for bdev d: it is open on thread sim1");
	sim_close(&open, 1);
	g_x.fini_done = true;
	bdk_sim_run_until_idle();
	bdk_sim_run_for(30 * 1000 * 1000);
	assert_string_equal(g_messages, "");
	assert_int_equal(disk.destructed, 1);
	spdk_log_close();
}

/* Time that the process does not live through, or in which something else was waited for, is nobody's fault. */
static void
test_reports_come_not_too_early(void **state)
{
	struct sim_disk disk;
	struct sim_open open;

	spdk_log_open(collect_message_cb);
	g_messages[0] = '\0';
	set_async(&g_module_x, &g_x, true, false);
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	ON(0, spdk_bdev_module_init_done(&g_module_x));
	bdk_sim_run_until_idle();
	sim_disk_init(&disk, "d");
	sim_disk_add(&disk);
	assert_int_equal(sim_open(&open, 1, "d", false), 0);
	ON(0, spdk_bdev_finish(fini_cb, NULL));
	bdk_sim_run_for(9500 * 1000);
	ON(0, spdk_bdev_module_fini_start_done());
	bdk_sim_run_for(4 * 1000 * 1000);
	env_clock_advance(3600 * spdk_get_ticks_hz());
	bdk_sim_run_for(4 * 1000 * 1000);
	assert_string_equal(g_messages, "");
	sim_close(&open, 1);
	g_x.fini_done = true;
	bdk_sim_run_until_idle();
	assert_string_equal(g_messages, "");
	assert_int_equal(disk.destructed, 1);
	spdk_log_close();
}

/* ---- iteration ---- */

static int
visit(void *ctx, struct spdk_bdev *bdev)
{
	note("%s;", bdev->name);
	return strcmp(bdev->name, ctx) == 0 ? 7 : 0;
}

static int
visit_and_unregister(void *ctx, struct spdk_bdev *bdev)
{
	note("%s;", bdev->name);
	/* It stays until this returns, and longer. */
	spdk_bdev_unregister(bdev, NULL, NULL);
	return 0;
}

static void
test_for_each(void **state)
{
	struct sim_disk disks[3];
	int rc;

	assert_int_equal(bdev_sim_layer_init(), 0);
	ON(0, rc = spdk_for_each_bdev((void *)(uintptr_t) "", visit));
	assert_int_equal(rc, 0);
	sim_disk_init(&disks[0], "a");
	sim_disk_add(&disks[0]);
	sim_disk_init(&disks[1], "b");
	sim_disk_add(&disks[1]);
	sim_disk_init(&disks[2], "c");
	sim_disk_add(&disks[2]);
	g_log[0] = '\0';
	ON(1, rc = spdk_for_each_bdev((void *)(uintptr_t) "", visit));
	assert_int_equal(rc, 0);
	expect_log("a;b;c;");
	ON(0, rc = spdk_for_each_bdev((void *)(uintptr_t) "b", visit));
	assert_int_equal(rc, 7);
	expect_log("a;b;");
	ON(0, assert_int_equal(spdk_bdev_module_claim_bdev(&disks[1].bdev, NULL, &g_module_x), 0));
	ON(0, rc = spdk_for_each_bdev_leaf((void *)(uintptr_t) "", visit));
	assert_int_equal(rc, 0);
	expect_log("a;c;");
	assert_int_equal(spdk_for_each_bdev((void *)(uintptr_t) "", visit), -ENOTSUP);

	ON(0, {
		spdk_bdev_unregister(&disks[2].bdev, NULL, NULL);
		rc = spdk_for_each_bdev(NULL, visit_and_unregister);
	});
	expect_log("a;b;");
	bdk_sim_run_until_idle();
	assert_int_equal(disks[0].destructed, 1);
	assert_int_equal(disks[1].destructed, 1);
	assert_int_equal(disks[2].destructed, 1);
	bdev_sim_layer_fini();
}

/* ---- the list of modules ---- */

static void
test_module_list(void **state)
{
	static struct spdk_bdev_module nameless, second = {.name = "x"};

	spdk_bdev_module_list_add(&nameless);
	spdk_bdev_module_list_add(&second);
	assert_ptr_equal(spdk_bdev_module_list_find("x"), &g_module_x);
	assert_null(spdk_bdev_module_list_find(NULL));
	assert_null(spdk_bdev_module_list_find("z"));
	/* Reports that nobody waits for. */
	ON(0, {
		spdk_bdev_module_init_done(&g_module_x);
		spdk_bdev_module_examine_done(&g_module_x);
		spdk_bdev_module_fini_start_done();
		spdk_bdev_module_fini_done();
	});
	assert_int_equal(bdev_sim_layer_init(), 0);
	/* It runs already. */
	g_called = 0;
	ON(0, spdk_bdev_initialize(init_cb, NULL));
	assert_int_equal(g_called, 1);
	assert_int_equal(g_rc, -1);
	bdev_sim_layer_fini();
}

/* ---- options ---- */

static void
test_opts(void **state)
{
	struct spdk_bdev_opts opts, before, after;

	spdk_bdev_get_opts(&before, sizeof(before));
	assert_int_equal(before.opts_size, sizeof(before));
	assert_int_equal(spdk_bdev_set_opts(NULL), -1);
	memset(&opts, 0, sizeof(opts));
	assert_int_equal(spdk_bdev_set_opts(&opts), -1);
	opts = before;
	/* Three threads, and one more. */
	opts.bdev_io_pool_size = opts.bdev_io_cache_size * 4 - 1;
	assert_int_equal(spdk_bdev_set_opts(&opts), -1);
	opts.bdev_io_pool_size++;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	/* No overflow. */
	opts.bdev_io_cache_size = UINT32_MAX;
	assert_int_equal(spdk_bdev_set_opts(&opts), -1);

	/* Only what the caller knows of is touched. */
	opts = before;
	opts.iobuf_small_cache_size = 99;
	opts.opts_size = offsetof(struct spdk_bdev_opts, iobuf_small_cache_size);
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	memset(&after, 0xff, sizeof(after));
	spdk_bdev_get_opts(&after, offsetof(struct spdk_bdev_opts, iobuf_large_cache_size));
	assert_int_equal(after.iobuf_small_cache_size, before.iobuf_small_cache_size);
	assert_int_equal(after.bdev_io_pool_size, before.bdev_io_pool_size);
	assert_int_equal(after.iobuf_large_cache_size, UINT32_MAX);
	spdk_bdev_get_opts(NULL, 8);
	spdk_bdev_get_opts(&after, 0);
	assert_int_equal(spdk_bdev_set_opts(&before), 0);
}

/* ---- saved configuration ---- */

static char g_json[8000];

static int
write_json_cb(void *ctx, const void *data, size_t size)
{
	snprintf(g_json + strlen(g_json), sizeof(g_json) - strlen(g_json), "%.*s", (int)size, (const char *)data);
	return 0;
}

static const char *
save(void)
{
	struct spdk_json_write_ctx *w;

	g_json[0] = '\0';
	w = spdk_json_write_begin(write_json_cb, NULL, 0);
	assert_non_null(w);
	ON(0, spdk_bdev_subsystem_config_json(w));
	assert_int_equal(spdk_json_write_end(w), 0);
	return g_json;
}

static int
x_config_json(struct spdk_json_write_ctx *w)
{
	spdk_json_write_object_begin(w);
	spdk_json_write_named_string(w, "method", "x_set");
	spdk_json_write_object_end(w);
	return 0;
}

static void
test_config(void **state)
{
	struct spdk_bdev_opts opts;
	struct sim_disk a, b;

	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_pool_size = 2048;
	opts.bdev_io_cache_size = 32;
	opts.bdev_auto_examine = false;
	opts.iobuf_small_cache_size = 3;
	opts.iobuf_large_cache_size = 2;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	g_module_x.config_json = x_config_json;
	assert_int_equal(bdev_sim_layer_init(), 0);
	ON(0, assert_int_equal(spdk_bdev_examine("b"), 0));
	ON(0, assert_int_equal(spdk_bdev_examine("zz"), 0));
	sim_disk_init(&a, "a");
	sim_disk_add(&a);
	sim_disk_init(&b, "b");
	sim_disk_add(&b);
	assert_string_equal(save(),
		"[{\"method\":\"bdev_set_options\",\"params\":{"
		"\"bdev_io_pool_size\":2048,\"bdev_io_cache_size\":32,\"bdev_auto_examine\":false,"
		"\"iobuf_small_cache_size\":3,\"iobuf_large_cache_size\":2}},"
		"{\"method\":\"bdev_examine\",\"params\":{\"name\":\"b\"}},"
		"{\"method\":\"bdev_examine\",\"params\":{\"name\":\"zz\"}},"
		"{\"method\":\"bdev_raid_set_options\",\"params\":{"
		"\"process_window_size_kb\":1024,\"process_max_bandwidth_mb_sec\":0}},"
		"{\"method\":\"x_set\"},"
		"{\"method\":\"sim_create\",\"params\":{\"name\":\"a\"}},"
		"{\"method\":\"sim_create\",\"params\":{\"name\":\"b\"}},"
		"{\"method\":\"bdev_wait_for_examine\"}]");
	g_module_x.config_json = NULL;
	opts.bdev_auto_examine = true;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	bdev_sim_layer_fini();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_synchronous),
		TEST(test_asynchronous_inside),
		TEST(test_asynchronous),
		TEST(test_init_fails),
		TEST(test_finish_during_init),
		TEST(test_shutdown_order),
		TEST(test_shutdown_waits),
		TEST(test_reports),
		TEST(test_reports_come_not_too_early),
		TEST(test_for_each),
		TEST(test_module_list),
		TEST(test_opts),
		TEST(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
