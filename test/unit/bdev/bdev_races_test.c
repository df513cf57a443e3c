/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Real threads that open, use, limit and close bdevs while the app thread registers and unregisters, quiesces and limits
 * them, and puts them into a group. What comes out is not looked at beyond "nothing is lost": it is there for the
 * sanitizers, the one for threads first of all.
 */

#include "bdevkit/qos.h"
#include "spdk/bdev_module.h"
#include "spdk/string.h"
#include "lib/env/env_internal.h"

#include <setjmp.h>
#include <cmocka.h>

#define WORKERS 3
#define BDEVS 3
#define ROUNDS 150

/* ---- threads ---- */

struct worker {
	struct spdk_thread *thread;
	struct env_thread *system_thread;
	uint32_t rounds_left;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *ch;
	uint8_t buf[512];
};

static struct worker g_workers[WORKERS];
static struct spdk_thread *g_app;
static uint32_t g_workers_done;

static void *
poll_worker(void *arg)
{
	struct worker *worker = arg;

	while (!spdk_thread_is_exited(worker->thread)) {
		if (spdk_thread_poll(worker->thread, 0, 0) == 0) {
			env_thread_yield();
		}
	}
	return NULL;
}

static void
poll_app(void)
{
	if (spdk_thread_poll(g_app, 0, 0) == 0) {
		env_thread_yield();
	}
}

static void
call(struct spdk_thread *thread, void (*fn)(void *), void *arg)
{
	spdk_set_thread(thread);
	fn(arg);
	spdk_set_thread(NULL);
}

/* ---- bdevs ---- */

struct disk {
	struct spdk_bdev bdev;
	char name[8];
};

static struct disk *g_disks[BDEVS];
static uint32_t g_registered, g_destructed;

static int
disk_destruct(void *ctx)
{
	struct disk *disk = ctx;

	g_disks[disk->name[1] - '0'] = NULL;
	g_destructed++;
	free(disk);
	return 0;
}

static void
complete_cb(void *bdev_io)
{
	spdk_bdev_io_complete(bdev_io, SPDK_BDEV_IO_STATUS_SUCCESS);
}

/* Half of them are inside while other things go on. */
static void
disk_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io)
{
	if (bdev_io->u.bdev.offset_blocks % 2 == 0 ||
		spdk_thread_send_msg(spdk_get_thread(), complete_cb, bdev_io) != 0) {
		complete_cb(bdev_io);
	}
}

static bool
disk_io_type_supported(void *ctx, enum spdk_bdev_io_type type)
{
	return type == SPDK_BDEV_IO_TYPE_READ || type == SPDK_BDEV_IO_TYPE_WRITE || type == SPDK_BDEV_IO_TYPE_RESET;
}

static struct spdk_io_channel *
disk_get_io_channel(void *ctx)
{
	return spdk_get_io_channel(&g_disks);
}

static const struct spdk_bdev_fn_table g_table = {
	.destruct = disk_destruct,
	.submit_request = disk_submit_request,
	.io_type_supported = disk_io_type_supported,
	.get_io_channel = disk_get_io_channel,
};

static struct spdk_bdev_module g_module = {.name = "races"};

SPDK_BDEV_MODULE_REGISTER(races, &g_module)

static int
create_channel(void *io_device, void *ctx)
{
	return 0;
}

static void
destroy_channel(void *io_device, void *ctx)
{
}

static void
add_disk(void *arg)
{
	uintptr_t i = (uintptr_t)arg;
	struct disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	snprintf(disk->name, sizeof(disk->name), "d%d", (int)i);
	disk->bdev.name = disk->name;
	disk->bdev.product_name = disk->name;
	disk->bdev.ctxt = disk;
	disk->bdev.module = &g_module;
	disk->bdev.fn_table = &g_table;
	disk->bdev.blocklen = 512;
	disk->bdev.blockcnt = 8;
	assert_int_equal(spdk_bdev_register(&disk->bdev), 0);
	g_disks[i] = disk;
	g_registered++;
}

static void
remove_disk(void *arg)
{
	spdk_bdev_unregister(&g_disks[(uintptr_t)arg]->bdev, NULL, NULL);
}

static void
grow_disk(void *arg)
{
	struct spdk_bdev *bdev = &g_disks[(uintptr_t)arg]->bdev;

	spdk_bdev_notify_blockcnt_change(bdev, bdev->blockcnt + 1);
}

/* ---- locks and limits; from any thread ---- */

static uint32_t g_quiesced, g_limited;

static void
quiesced_cb(void *ctx, int status)
{
	struct disk *disk = ctx;

	if (status != 0) {
		assert_int_equal(status, -ENODEV);
		return;
	}
	g_quiesced++;
	assert_int_equal(spdk_bdev_unquiesce_range(&disk->bdev, &g_module, 0, 4, NULL, NULL), 0);
}

static void
quiesce_disk(void *arg)
{
	struct disk *disk = g_disks[(uintptr_t)arg];

	assert_int_equal(spdk_bdev_quiesce_range(&disk->bdev, &g_module, 0, 4, quiesced_cb, disk), 0);
}

static void
limited_cb(void *ctx, int status)
{
	assert_true(status == 0 || status == -EAGAIN || status == -ENODEV);
	if (status == 0) {
		__atomic_fetch_add(&g_limited, 1, __ATOMIC_RELAXED);
	}
}

static void
limit(struct spdk_bdev *bdev, uint32_t number)
{
	uint64_t limits[] = {number % 3 * 1000, number % 2, 0, UINT64_MAX};

	spdk_bdev_set_qos_rate_limits(bdev, limits, limited_cb, NULL);
}

static void
limit_disk(void *arg)
{
	static uint32_t number;
	uint64_t limits[] = {(uint64_t)++number % 4 * 1000, 0, 0, 0};
	struct spdk_bdev *bdev = &g_disks[(uintptr_t)arg]->bdev;
	int rc;

	limit(bdev, number);
	bdk_bdev_qos_group_set_rate_limits("group", limits);
	if (number % 2) {
		rc = bdk_bdev_qos_group_add_bdev("group", bdev, limited_cb, NULL);
		assert_true(rc == 0 || rc == -EEXIST || rc == -EAGAIN || rc == -ENODEV);
	} else {
		rc = bdk_bdev_qos_group_remove_bdev("group", bdev, limited_cb, NULL);
		assert_true(rc == 0 || rc == -EAGAIN || rc == -ENODEV);
	}
}

/* ---- what the workers do, round by round ---- */

static void begin_round_cb(void *ctx);

static void
end_round(struct worker *worker)
{
	if (worker->ch != NULL) {
		spdk_put_io_channel(worker->ch);
		worker->ch = NULL;
	}
	if (worker->desc != NULL) {
		spdk_bdev_close(worker->desc);
		worker->desc = NULL;
	}
	if (--worker->rounds_left == 0) {
		__atomic_fetch_add(&g_workers_done, 1, __ATOMIC_RELEASE);
		return;
	}
	assert_int_equal(spdk_thread_send_msg(worker->thread, begin_round_cb, worker), 0);
}

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *ctx)
{
	struct worker *worker = ctx;

	/* The round ends soon in any case; some are in a hurry. */
	if (worker->rounds_left % 3 == 0) {
		spdk_bdev_close(worker->desc);
		worker->desc = NULL;
	}
}

/* I/Os per second, so many that they hold nothing up for long. */
static void
change_limits(struct worker *worker)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {
		worker->rounds_left % 2 == 0 ? 0 : 100000, UINT64_MAX, UINT64_MAX, UINT64_MAX};

	spdk_bdev_set_qos_rate_limits(spdk_bdev_desc_get_bdev(worker->desc), limits, limited_cb, NULL);
}

static void
io_cb(struct spdk_bdev_io *bdev_io, bool success, void *ctx)
{
	spdk_bdev_free_io(bdev_io);
	end_round(ctx);
}

static int
visit(void *ctx, struct spdk_bdev *bdev)
{
	assert_int_equal(spdk_bdev_get_name(bdev)[0], 'd');
	return 0;
}

static void
begin_round_cb(void *ctx)
{
	struct worker *worker = ctx;
	char name[8];
	int rc;

	snprintf(name, sizeof(name), "d%u", worker->rounds_left % BDEVS);
	if (worker->rounds_left % 16 == 0) {
		assert_int_equal(spdk_for_each_bdev(NULL, visit), 0);
	}
	if (spdk_bdev_open_ext(name, worker->rounds_left % 2, event_cb, worker, &worker->desc) != 0) {
		/* It is on its way, one or the other. */
		worker->desc = NULL;
		assert_int_equal(spdk_thread_send_msg(worker->thread, begin_round_cb, worker), 0);
		return;
	}
	if (worker->rounds_left % 5 == 0) {
		/* Others may have it open for writing. */
		spdk_bdev_module_claim_bdev_desc(worker->desc, SPDK_BDEV_CLAIM_READ_MANY_WRITE_ONE, NULL, &g_module);
	}
	if (worker->rounds_left % 6 == 0) {
		limit(spdk_bdev_desc_get_bdev(worker->desc), worker->rounds_left);
	}
	worker->ch = spdk_bdev_get_io_channel(worker->desc);
	assert_non_null(worker->ch);
	if (worker->rounds_left % 9 == 0) {
		change_limits(worker);
	}
	if (worker->rounds_left % 7 == 0) {
		rc = spdk_bdev_reset(worker->desc, worker->ch, io_cb, worker);
	} else {
		rc = spdk_bdev_read_blocks(
			worker->desc, worker->ch, worker->buf, worker->rounds_left % 8, 1, io_cb, worker);
	}
	assert_int_equal(rc, 0);
	if (worker->rounds_left % 4 == 0) {
		/* Too early: it lives as long as the I/O. */
		spdk_put_io_channel(worker->ch);
		worker->ch = NULL;
	}
}

/* ---- the frame ---- */

static void
set_true_cb(void *ctx)
{
	*(bool *)ctx = true;
}

static void
init_cb(void *ctx, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)ctx = true;
}

static void
start(void *done)
{
	assert_int_equal(spdk_iobuf_initialize(), 0);
	spdk_io_device_register(&g_disks, create_channel, destroy_channel, 1, "races");
	spdk_bdev_initialize(init_cb, done);
}

static void
stop(void *done)
{
	spdk_bdev_finish(set_true_cb, done);
}

static void
stop_iobuf(void *done)
{
	spdk_io_device_unregister(&g_disks, NULL);
	spdk_iobuf_finish(set_true_cb, done);
}

static void
wait_for(void (*fn)(void *))
{
	bool done = false;

	call(g_app, fn, &done);
	while (!done) {
		poll_app();
	}
}

static void
exit_cb(void *ctx)
{
	spdk_thread_exit(ctx);
}

static void
test_races(void **state)
{
	static void (*const deeds[])(void *) = {
		remove_disk, limit_disk, quiesce_disk, grow_disk, limit_disk, quiesce_disk, limit_disk, grow_disk};
	struct spdk_bdev_opts opts;
	uintptr_t step = 0, i;

	assert_int_equal(spdk_thread_lib_init(NULL, 0), 0);
	g_app = spdk_thread_create("app", NULL);
	assert_non_null(g_app);
	spdk_bdev_get_opts(&opts, sizeof(opts));
	opts.bdev_io_cache_size = 8;
	assert_int_equal(spdk_bdev_set_opts(&opts), 0);
	wait_for(start);
	assert_int_equal(bdk_bdev_qos_group_create("group", NULL), 0);

	/* Refused opens are part of it. */
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	for (i = 0; i < WORKERS; i++) {
		g_workers[i].thread = spdk_thread_create("worker", NULL);
		assert_non_null(g_workers[i].thread);
		g_workers[i].rounds_left = ROUNDS + i;
		spdk_thread_send_msg(g_workers[i].thread, begin_round_cb, &g_workers[i]);
		assert_int_equal(env_thread_create(&g_workers[i].system_thread, "worker", poll_worker, &g_workers[i],
					 ENV_THREAD_CPU_ANY),
			0);
	}

	while (__atomic_load_n(&g_workers_done, __ATOMIC_ACQUIRE) < WORKERS) {
		i = ++step % BDEVS;
		if (g_disks[i] == NULL) {
			call(g_app, add_disk, (void *)i);
		} else {
			call(g_app, deeds[step / BDEVS % SPDK_COUNTOF(deeds)], (void *)i);
		}
		poll_app();
	}

	wait_for(stop);
	for (i = 0; i < WORKERS; i++) {
		spdk_thread_send_msg(g_workers[i].thread, exit_cb, g_workers[i].thread);
	}
	for (i = 0; i < WORKERS; i++) {
		env_thread_join(g_workers[i].system_thread);
		spdk_thread_destroy(g_workers[i].thread);
	}
	wait_for(stop_iobuf);
	call(g_app, exit_cb, g_app);
	while (!spdk_thread_is_exited(g_app)) {
		poll_app();
	}
	spdk_thread_destroy(g_app);
	spdk_thread_lib_fini();
	assert_true(g_registered > 0);
	assert_int_equal(g_registered, g_destructed);
	assert_true(g_quiesced > 0);
	assert_true(g_limited > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_races),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
