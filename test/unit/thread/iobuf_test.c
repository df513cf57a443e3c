/* SPDX-License-Identifier: BSD-3-Clause */

/* The buffer pools, in the simulator. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/sim.h"
#include "bdevkit/thread.h"
#include "lib/thread/iobuf_internal.h"
#include "spdk/env.h"
#include "spdk/log.h"

#include <sys/mman.h>

#define MODULE "test"
#define SMALL 4096
#define LARGE 8192
#define MAX_THREADS 4

static struct spdk_thread *g_threads[MAX_THREADS];

static void
call(uint32_t thread, spdk_msg_fn fn, void *arg)
{
	bdk_sim_call(g_threads[thread], fn, arg);
}

static void
initialize(void *arg)
{
	int *rc = arg;

	*rc = spdk_iobuf_initialize();
}

static int
start(uint64_t seed, uint64_t small_count, uint64_t large_count)
{
	struct spdk_iobuf_opts opts = {
		.opts_size = sizeof(opts),
		.small_pool_count = small_count,
		.large_pool_count = large_count,
		.small_bufsize = SMALL,
		.large_bufsize = LARGE,
	};
	int rc;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	assert_int_equal(bdk_sim_init(seed), 0);
	for (uint32_t i = 0; i < MAX_THREADS; i++) {
		g_threads[i] = spdk_thread_create(NULL, NULL);
		assert_non_null(g_threads[i]);
	}
	assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
	call(0, initialize, &rc);
	assert_int_equal(rc, 0);
	assert_int_equal(spdk_iobuf_register_module(MODULE), 0);
	return 0;
}

static int
setup(void **state)
{
	return start(1, 64, 8);
}

static void
set_true_cb(void *arg)
{
	*(bool *)arg = true;
}

static void
finish(void *arg)
{
	spdk_iobuf_finish(set_true_cb, arg);
}

/* All buffers must be back when it is called. */
static int
teardown(void **state)
{
	bool finished = false;

	bdk_sim_run_until_idle();
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), g_iobuf.small.count);
	assert_int_equal(iobuf_pool_count(&g_iobuf.large), g_iobuf.large.count);
	assert_int_equal(g_iobuf.small.num_waiting, 0);
	assert_int_equal(g_iobuf.large.num_waiting, 0);
	call(0, finish, &finished);
	bdk_sim_run_until_idle();
	assert_true(finished);
	assert_int_equal(spdk_iobuf_unregister_module(MODULE), -ENOENT);
	bdk_sim_fini();
	return 0;
}

/*
 * What runs on the threads
 */

struct channel_init {
	struct spdk_iobuf_channel *ch;
	const char *name;
	uint32_t small, large;
	int rc;
};

static void
init_channel(void *arg)
{
	struct channel_init *init = arg;

	init->rc = spdk_iobuf_channel_init(init->ch, init->name, init->small, init->large);
}

static int
channel_init(uint32_t thread, struct spdk_iobuf_channel *ch, const char *name, uint32_t small, uint32_t large)
{
	struct channel_init init = {.ch = ch, .name = name, .small = small, .large = large};

	call(thread, init_channel, &init);
	return init.rc;
}

static void
fini_channel(void *arg)
{
	spdk_iobuf_channel_fini(arg);
}

/* A request, and what came of it. */
struct request {
	struct spdk_iobuf_entry entry;
	struct spdk_iobuf_channel *ch;
	uint64_t len;
	bool wait;
	void *buf;
	uint32_t served;
	/* What the callback does. */
	bool put_at_once;
	bool again;
	uint32_t *depth;
};

static uint32_t g_served_count;
static uint32_t g_max_depth;

static void
served_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	struct request *request = SPDK_CONTAINEROF(entry, struct request, entry);

	assert_non_null(buf);
	assert_ptr_equal(spdk_get_thread(), spdk_io_channel_get_thread(request->ch->parent));
	request->served = ++g_served_count;
	request->buf = buf;
	if (request->again) {
		request->again = false;
		assert_null(spdk_iobuf_get(request->ch, request->len, &request->entry, served_cb));
	}
	if (request->put_at_once) {
		if (++*request->depth > g_max_depth) {
			g_max_depth = *request->depth;
		}
		spdk_iobuf_put(request->ch, buf, request->len);
		--*request->depth;
		request->buf = NULL;
	}
}

static void
get_buf(void *arg)
{
	struct request *request = arg;

	request->buf = spdk_iobuf_get(request->ch, request->len, request->wait ? &request->entry : NULL, served_cb);
}

static void
put_buf(void *arg)
{
	struct request *request = arg;

	spdk_iobuf_put(request->ch, request->buf, request->len);
	request->buf = NULL;
}

static void
get_many(uint32_t thread, struct request *requests, uint32_t count, struct spdk_iobuf_channel *ch, uint64_t len)
{
	for (uint32_t i = 0; i < count; i++) {
		requests[i] = (struct request){.ch = ch, .len = len, .wait = true};
		call(thread, get_buf, &requests[i]);
	}
}

/*
 * Tests
 */

static void
test_opts(void **state)
{
	static const struct {
		struct spdk_iobuf_opts opts;
		int rc;
	} cases[] = {
		{{64, 8, 4096, 8192, sizeof(struct spdk_iobuf_opts), 0}, 0},
		{{63, 8, 4096, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 7, 4096, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 8, 4095, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 8, 4096, 8191, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 8, 16384, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 8, 4096, UINT32_MAX, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{UINT64_MAX, 8, 4096, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, UINT64_MAX, 4096, 8192, sizeof(struct spdk_iobuf_opts), 0}, -EINVAL},
		{{64, 8, 4096, 8192, 0, 0}, -1},
	};
	struct spdk_iobuf_opts opts;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		assert_int_equal(spdk_iobuf_set_opts(&cases[i].opts), cases[i].rc);
	}
	assert_int_equal(spdk_iobuf_set_opts(NULL), -1);

	/* Only the first field, as from a caller with an older structure. */
	opts = (struct spdk_iobuf_opts){.small_pool_count = 77, .large_pool_count = 1};
	opts.opts_size = offsetof(struct spdk_iobuf_opts, large_pool_count);
	assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
	memset(&opts, 0xee, sizeof(opts));
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	assert_int_equal(opts.small_pool_count, 77);
	assert_int_equal(opts.large_pool_count, 8);
	assert_int_equal(opts.opts_size, sizeof(opts));
}

/* Pools that nobody asked for leave half of the memory that the process may have. */
static void
test_default_pools_fit_into_memory(void **state)
{
	static const struct {
		int mem_size;
		uint64_t small, large;
	} cases[] = {
		/* Without a bound, and again after a small one. */
		{-1, 8192, 1024},
		{64, 1337, 167},
		{8, 167, 20},
		{1, 64, 8},
		{4096, 8192, 1024},
	};
	struct spdk_env_opts env_opts = {.opts_size = sizeof(env_opts)};
	struct iobuf before = g_iobuf;
	struct spdk_iobuf_opts opts;
	uint32_t small, large;
	int rc;

	g_iobuf.opts_given = false;
	g_iobuf.opts.small_bufsize = 8192;
	g_iobuf.opts.large_bufsize = 132 * 1024;
	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		bool finished = false;

		spdk_env_opts_init(&env_opts);
		env_opts.name = "iobuf_test";
		env_opts.mem_size = cases[i].mem_size;
		assert_int_equal(spdk_env_init(&env_opts), 0);
		assert_int_equal(bdk_sim_init(1), 0);
		g_threads[0] = spdk_thread_create(NULL, NULL);
		call(0, initialize, &rc);
		/* The least that there can be is more than 1 MiB. */
		assert_int_equal(rc, cases[i].mem_size == 1 ? -ENOMEM : 0);
		spdk_iobuf_get_opts(&opts, sizeof(opts));
		assert_int_equal(opts.small_pool_count, cases[i].small);
		assert_int_equal(opts.large_pool_count, cases[i].large);
		if (rc == 0) {
			/* A quarter for the caches of the one core. */
			small = 100000;
			large = 3;
			bdk_iobuf_fit_caches(&small, &large);
			assert_int_equal(small, cases[i].small / 4);
			assert_int_equal(large, 3);
			call(0, finish, &finished);
			bdk_sim_run_until_idle();
			assert_true(finished);
		}
		bdk_sim_fini();
		spdk_env_fini();
	}
	g_iobuf.opts = before.opts;
	g_iobuf.opts_given = before.opts_given;
}

/* Absurd numbers of buffers cost nothing but address space, or are refused. */
static void
test_huge_pools(void **state)
{
	struct iobuf_pool pool;
	void *buf;

	assert_int_equal(iobuf_pool_create(&pool, UINT64_MAX, SMALL), -ENOMEM);
	assert_int_equal(iobuf_pool_create(&pool, UINT32_MAX, SMALL), -ENOMEM);
	if (iobuf_pool_create(&pool, 1 << 24, SMALL) == 0) {
		assert_int_equal(iobuf_pool_get(&pool, &buf, 1), 1);
		iobuf_pool_put(&pool, &buf, 1);
		iobuf_pool_destroy(&pool);
	}
}

static void
test_modules(void **state)
{
	struct spdk_iobuf_channel ch;

	assert_int_equal(spdk_iobuf_register_module(MODULE), -EEXIST);
	assert_int_equal(spdk_iobuf_register_module("other"), 0);
	assert_int_equal(spdk_iobuf_unregister_module("other"), 0);
	assert_int_equal(spdk_iobuf_unregister_module("other"), -ENOENT);
	assert_int_equal(channel_init(0, &ch, "other", 0, 0), -ENODEV);
}

static void
test_untouched(void **state)
{
	struct spdk_iobuf_channel ch;
	unsigned char resident[64];
	struct request request = {.ch = &ch, .len = SMALL};
	uint32_t touched = 0;

	assert_int_equal(channel_init(0, &ch, MODULE, 32, 4), 0);
	assert_int_equal(mincore(g_iobuf.small.base, 64 * SMALL, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++) {
		touched += resident[i] & 1;
	}
	assert_int_equal(touched, 0);

	/* The one that was used last is used first. */
	for (int i = 0; i < 100; i++) {
		call(0, get_buf, &request);
		memset(request.buf, 1, SMALL);
		call(0, put_buf, &request);
	}
	assert_int_equal(mincore(g_iobuf.small.base, 64 * SMALL, resident), 0);
	for (size_t i = 0; i < sizeof(resident); i++) {
		touched += resident[i] & 1;
	}
	assert_int_equal(touched, 1);
	call(0, fini_channel, &ch);
}

static void
test_cache(void **state)
{
	struct spdk_iobuf_channel ch, other;
	struct request requests[64 + 1];

	assert_int_equal(channel_init(0, &ch, MODULE, 16, 0), 0);
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 48);

	/* 16 from the cache, then in batches of 16. */
	get_many(0, requests, 40, &ch, SMALL);
	for (int i = 0; i < 40; i++) {
		assert_non_null(requests[i].buf);
		assert_int_equal((uintptr_t)requests[i].buf % IOBUF_ALIGNMENT, 0);
	}
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 16);
	assert_int_equal(ch.cache[0].small.stats.main, 2);
	assert_int_equal(ch.cache[0].small.stats.cache, 38);

	/* What another channel has for itself is out of reach. */
	assert_int_equal(channel_init(1, &other, MODULE, 16, 0), 0);
	requests[64] = (struct request){.ch = &other, .len = SMALL + 1};
	call(1, get_buf, &requests[64]);
	assert_non_null(requests[64].buf);
	call(1, put_buf, &requests[64]);

	/* 8 are left in the cache. When it has 32, one batch goes back. */
	for (int i = 0; i < 23; i++) {
		call(0, put_buf, &requests[i]);
	}
	assert_int_equal(ch.cache[0].small.cache_count, 31);
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 0);
	call(0, put_buf, &requests[23]);
	assert_int_equal(ch.cache[0].small.cache_count, 16);
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 16);
	for (int i = 24; i < 40; i++) {
		call(0, put_buf, &requests[i]);
	}
	call(0, fini_channel, &ch);
	call(1, fini_channel, &other);
}

static void
test_cache_does_not_fit(void **state)
{
	struct spdk_iobuf_channel ch;

	assert_int_equal(channel_init(0, &ch, MODULE, 65, 0), -ENOMEM);
	assert_int_equal(channel_init(0, &ch, MODULE, UINT32_MAX, 0), -ENOMEM);
	assert_int_equal(channel_init(0, &ch, MODULE, 64, 9), -ENOMEM);
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 64);
	assert_int_equal(iobuf_pool_count(&g_iobuf.large), 8);
	assert_int_equal(channel_init(0, &ch, MODULE, 64, 8), 0);
	call(0, fini_channel, &ch);
}

static void
test_too_many_channels(void **state)
{
	static struct spdk_iobuf_channel channels[IOBUF_MAX_CHANNELS + 1];

	for (int i = 0; i < IOBUF_MAX_CHANNELS; i++) {
		assert_int_equal(channel_init(0, &channels[i], MODULE, 0, 0), 0);
	}
	assert_int_equal(channel_init(0, &channels[IOBUF_MAX_CHANNELS], MODULE, 0, 0), -ENOMEM);
	call(0, fini_channel, &channels[7]);
	assert_int_equal(channel_init(0, &channels[IOBUF_MAX_CHANNELS], MODULE, 0, 0), 0);
	for (int i = 0; i <= IOBUF_MAX_CHANNELS; i++) {
		if (i != 7) {
			call(0, fini_channel, &channels[i]);
		}
	}
}

static void
test_waiting_order(void **state)
{
	struct spdk_iobuf_channel ch, second;
	struct request requests[64], waiting[3];
	struct request refused = {.ch = &ch, .len = SMALL};
	void *lost;

	assert_int_equal(spdk_iobuf_register_module("second"), 0);
	assert_int_equal(channel_init(0, &ch, MODULE, 0, 0), 0);
	assert_int_equal(channel_init(0, &second, "second", 0, 0), 0);
	get_many(0, requests, 64, &ch, SMALL);
	get_many(0, waiting, 3, &second, SMALL);
	assert_null(waiting[0].buf);
	call(0, get_buf, &refused);
	assert_null(refused.buf);
	assert_int_equal(second.cache[0].small.stats.retry, 3);
	assert_int_equal(ch.cache[0].small.stats.retry, 0);

	/* Also those of other modules, oldest first; one that asks again in its callback keeps its turn. */
	g_served_count = 0;
	waiting[0].again = true;
	call(0, put_buf, &requests[0]);
	assert_int_equal(waiting[0].served, 1);
	lost = waiting[0].buf;
	call(0, put_buf, &requests[1]);
	assert_int_equal(waiting[0].served, 2);
	call(0, put_buf, &requests[2]);
	assert_int_equal(waiting[1].served, 3);
	call(0, put_buf, &requests[3]);
	assert_int_equal(waiting[2].served, 4);
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 0);

	for (int i = 0; i < 3; i++) {
		call(0, put_buf, &waiting[i]);
	}
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 3);
	for (int i = 4; i < 64; i++) {
		call(0, put_buf, &requests[i]);
	}
	assert_int_equal(iobuf_pool_count(&g_iobuf.small), 63);
	/* The one that waiting[0] got first and never returned. */
	waiting[0].buf = lost;
	call(0, put_buf, &waiting[0]);
	call(0, fini_channel, &ch);
	call(0, fini_channel, &second);
	bdk_sim_run_until_idle();
}

struct walk {
	struct spdk_iobuf_channel *ch;
	struct spdk_iobuf_entry *seen[8];
	uint32_t count;
	int stop_at;
	int rc;
};

static int
see_cb(struct spdk_iobuf_channel *ch, struct spdk_iobuf_entry *entry, void *ctx)
{
	struct walk *walk = ctx;

	walk->seen[walk->count++] = entry;
	return (int)walk->count == walk->stop_at ? 7 : 0;
}

static void
walk_entries(void *arg)
{
	struct walk *walk = arg;

	walk->rc = spdk_iobuf_for_each_entry(walk->ch, see_cb, walk);
}

static void
abort_entry(void *arg)
{
	struct request *request = arg;

	spdk_iobuf_entry_abort(request->ch, &request->entry, request->len);
}

static void
test_walk_and_abort(void **state)
{
	struct spdk_iobuf_channel ch, second;
	struct request small[64], large[8], waiting[4];
	struct walk walk = {.ch = &ch};

	assert_int_equal(spdk_iobuf_register_module("second"), 0);
	assert_int_equal(channel_init(0, &ch, MODULE, 0, 0), 0);
	assert_int_equal(channel_init(0, &second, "second", 0, 0), 0);
	get_many(0, small, 64, &ch, SMALL);
	get_many(0, large, 8, &ch, LARGE);
	get_many(0, &waiting[0], 1, &ch, LARGE);
	get_many(0, &waiting[1], 1, &second, SMALL);
	get_many(0, &waiting[2], 2, &ch, SMALL);

	/* Of the channel's module only, small ones first. */
	call(0, walk_entries, &walk);
	assert_int_equal(walk.rc, 0);
	assert_int_equal(walk.count, 3);
	assert_ptr_equal(walk.seen[0], &waiting[2].entry);
	assert_ptr_equal(walk.seen[1], &waiting[3].entry);
	assert_ptr_equal(walk.seen[2], &waiting[0].entry);

	walk = (struct walk){.ch = &ch, .stop_at = 2};
	call(0, walk_entries, &walk);
	assert_int_equal(walk.rc, 7);
	assert_int_equal(walk.count, 2);

	call(0, abort_entry, &waiting[2]);
	call(0, abort_entry, &waiting[2]);
	call(0, abort_entry, &waiting[1]);
	call(0, put_buf, &small[0]);
	assert_non_null(waiting[3].buf);
	assert_null(waiting[2].buf);
	assert_null(waiting[1].buf);
	call(0, put_buf, &waiting[3]);

	call(0, put_buf, &large[0]);
	assert_non_null(waiting[0].buf);
	call(0, put_buf, &waiting[0]);
	for (int i = 1; i < 64; i++) {
		call(0, put_buf, &small[i]);
	}
	for (int i = 1; i < 8; i++) {
		call(0, put_buf, &large[i]);
	}
	call(0, fini_channel, &ch);
	call(0, fini_channel, &second);
}

/* Requests that return their buffer at once, as when an I/O completes in submission, must not pile up the stack. */
static void
test_no_recursion(void **state)
{
	struct spdk_iobuf_channel ch;
	struct request requests[64];
	static struct request waiting[1000];
	uint32_t depth = 0;

	assert_int_equal(channel_init(0, &ch, MODULE, 0, 0), 0);
	get_many(0, requests, 64, &ch, SMALL);
	get_many(0, waiting, 1000, &ch, SMALL);
	for (int i = 0; i < 1000; i++) {
		waiting[i].put_at_once = true;
		waiting[i].depth = &depth;
	}

	g_max_depth = 0;
	g_served_count = 0;
	call(0, put_buf, &requests[0]);
	assert_int_equal(g_served_count, 1000);
	assert_int_equal(waiting[999].served, 1000);
	assert_int_equal(g_max_depth, 1);
	for (int i = 1; i < 64; i++) {
		call(0, put_buf, &requests[i]);
	}
	call(0, fini_channel, &ch);
}

/* A thread that has no buffer of its own is served by what another thread returns. */
static void
test_other_thread(void **state)
{
	struct spdk_iobuf_channel ch, other;
	struct request requests[64], waiting[2];

	assert_int_equal(channel_init(0, &ch, MODULE, 8, 0), 0);
	assert_int_equal(channel_init(1, &other, MODULE, 0, 0), 0);
	get_many(0, requests, 64, &ch, SMALL);
	get_many(1, waiting, 2, &other, SMALL);
	assert_null(waiting[0].buf);

	/* The reserve of the channel comes first. */
	for (int i = 0; i < 8; i++) {
		call(0, put_buf, &requests[i]);
	}
	bdk_sim_run_until_idle();
	assert_null(waiting[0].buf);

	call(0, put_buf, &requests[8]);
	bdk_sim_run_until_idle();
	assert_non_null(waiting[0].buf);
	assert_null(waiting[1].buf);

	/* One that gives up is not in the way. */
	call(1, abort_entry, &waiting[1]);
	assert_int_equal(g_iobuf.small.num_waiting, 0);
	call(1, put_buf, &waiting[0]);
	for (int i = 9; i < 64; i++) {
		call(0, put_buf, &requests[i]);
	}
	call(0, fini_channel, &ch);
	call(1, fini_channel, &other);
}

/* The wake-up finds nobody waiting, and the channel is gone. */
static void
test_late_wake_up(void **state)
{
	struct spdk_iobuf_channel ch, other;
	struct request requests[64], waiting[1];

	assert_int_equal(channel_init(0, &ch, MODULE, 0, 0), 0);
	assert_int_equal(channel_init(1, &other, MODULE, 0, 0), 0);
	get_many(0, requests, 64, &ch, SMALL);
	get_many(1, waiting, 1, &other, SMALL);
	call(0, put_buf, &requests[0]);
	call(1, abort_entry, &waiting[0]);
	call(1, fini_channel, &other);
	bdk_sim_run_until_idle();
	assert_null(waiting[0].buf);
	for (int i = 1; i < 64; i++) {
		call(0, put_buf, &requests[i]);
	}
	call(0, fini_channel, &ch);
}

static struct spdk_iobuf_module_stats g_stats[4];
static uint32_t g_num_stats;

static void
keep_stats_cb(struct spdk_iobuf_module_stats *modules, uint32_t num_modules, void *cb_arg)
{
	assert_true(num_modules <= SPDK_COUNTOF(g_stats));
	memcpy(g_stats, modules, num_modules * sizeof(*modules));
	g_num_stats = num_modules;
	assert_string_equal(modules[0].module, MODULE);
	assert_string_equal(modules[1].module, "second");
}

static void
get_stats(void *arg)
{
	assert_int_equal(spdk_iobuf_get_stats(keep_stats_cb, NULL), 0);
}

static void
test_stats(void **state)
{
	struct spdk_iobuf_channel ch[3];
	struct request requests[3];

	assert_int_equal(spdk_iobuf_register_module("second"), 0);
	assert_int_equal(channel_init(0, &ch[0], MODULE, 4, 0), 0);
	assert_int_equal(channel_init(0, &ch[1], MODULE, 4, 0), 0);
	assert_int_equal(channel_init(1, &ch[2], MODULE, 0, 1), 0);
	get_many(0, &requests[0], 1, &ch[0], SMALL);
	get_many(0, &requests[1], 1, &ch[1], SMALL);
	get_many(1, &requests[2], 1, &ch[2], SMALL);

	g_num_stats = 0;
	call(2, get_stats, NULL);
	bdk_sim_run_until_idle();
	assert_int_equal(g_num_stats, 2);
	assert_int_equal(g_stats[0].small_pool.cache, 2);
	assert_int_equal(g_stats[0].small_pool.main, 1);
	assert_int_equal(g_stats[0].small_pool.retry, 0);
	assert_int_equal(g_stats[1].small_pool.cache, 0);

	call(0, put_buf, &requests[0]);
	call(0, put_buf, &requests[1]);
	call(1, put_buf, &requests[2]);
	for (int i = 0; i < 3; i++) {
		call(i == 2, fini_channel, &ch[i]);
	}
}

/*
 * Random work: threads ask for buffers and return them in any order. Everybody is served in the end, and nobody gets a
 * buffer that somebody else has.
 */

#define WORKERS_PER_THREAD 40
#define ROUNDS 60

struct worker {
	struct spdk_iobuf_entry entry;
	struct spdk_iobuf_channel *ch;
	uint32_t thread;
	uint64_t len;
	uint32_t rounds;
	void *buf;
};

static void step_worker(void *arg);

static void
own_buffer(struct worker *worker, void *buf)
{
	worker->buf = buf;
	*(struct worker **)buf = worker;
	assert_int_equal(spdk_thread_send_msg(g_threads[worker->thread], step_worker, worker), 0);
}

static void
worker_served_cb(struct spdk_iobuf_entry *entry, void *buf)
{
	own_buffer(SPDK_CONTAINEROF(entry, struct worker, entry), buf);
}

/* Returns the buffer, or holds it for a while; then asks for the next. */
static void
step_worker(void *arg)
{
	struct worker *worker = arg;
	void *buf = worker->buf;

	if (buf) {
		assert_ptr_equal(*(struct worker **)buf, worker);
		if (bdk_sim_random(4) != 0) {
			assert_int_equal(spdk_thread_send_msg(g_threads[worker->thread], step_worker, worker), 0);
			return;
		}
		memset(buf, 0xdd, sizeof(worker));
		worker->buf = NULL;
		spdk_iobuf_put(worker->ch, buf, worker->len);
	}
	if (worker->rounds == ROUNDS) {
		return;
	}
	worker->rounds++;
	worker->len = bdk_sim_random(2) ? SMALL : LARGE;
	buf = spdk_iobuf_get(worker->ch, worker->len, &worker->entry, worker_served_cb);
	if (buf) {
		own_buffer(worker, buf);
	}
}

static void
test_random(void **state)
{
	static struct worker workers[MAX_THREADS * WORKERS_PER_THREAD];
	static struct spdk_iobuf_channel channels[MAX_THREADS];

	for (uint64_t seed = 1; seed <= 20; seed++) {
		start(seed, 64, 8);
		memset(workers, 0, sizeof(workers));
		for (uint32_t i = 0; i < MAX_THREADS; i++) {
			/* The last one has nothing for itself. */
			uint32_t small = i == MAX_THREADS - 1 ? 0 : 1 + bdk_sim_random(16);

			assert_int_equal(channel_init(i, &channels[i], MODULE, small, small > 0), 0);
		}
		for (uint32_t i = 0; i < SPDK_COUNTOF(workers); i++) {
			workers[i].thread = i % MAX_THREADS;
			workers[i].ch = &channels[workers[i].thread];
			call(workers[i].thread, step_worker, &workers[i]);
		}
		bdk_sim_run_until_idle();
		for (uint32_t i = 0; i < SPDK_COUNTOF(workers); i++) {
			assert_int_equal(workers[i].rounds, ROUNDS);
			assert_null(workers[i].buf);
		}
		for (uint32_t i = 0; i < MAX_THREADS; i++) {
			call(i, fini_channel, &channels[i]);
		}
		teardown(state);
	}
}

static void
test_not_initialized(void **state)
{
	struct spdk_iobuf_channel ch;
	bool finished = false;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	assert_int_equal(bdk_sim_init(1), 0);
	g_threads[0] = spdk_thread_create(NULL, NULL);
	assert_int_equal(spdk_iobuf_register_module(MODULE), 0);
	assert_int_equal(channel_init(0, &ch, MODULE, 0, 0), -ENOMEM);
	spdk_iobuf_finish(set_true_cb, &finished);
	assert_true(finished);
	assert_int_equal(spdk_iobuf_unregister_module(MODULE), 0);
	bdk_sim_fini();
}

/* The pool itself, with system threads. */
static void *
hammer_pool(void *arg)
{
	struct iobuf_pool *pool = arg;
	void *bufs[8];

	for (int round = 0; round < 20000; round++) {
		uint32_t count = iobuf_pool_get(pool, bufs, 1 + round % SPDK_COUNTOF(bufs));

		for (uint32_t i = 0; i < count; i++) {
			*(void **)bufs[i] = &bufs[i];
		}
		for (uint32_t i = 0; i < count; i++) {
			if (*(void **)bufs[i] != &bufs[i]) {
				return (void *)"a buffer has two owners";
			}
		}
		iobuf_pool_put(pool, bufs, count);
	}

	return NULL;
}

static void
test_pool_parallel(void **state)
{
	struct env_thread *threads[4];
	struct iobuf_pool pool;

	assert_int_equal(iobuf_pool_create(&pool, 16, SMALL), 0);
	for (size_t i = 0; i < SPDK_COUNTOF(threads); i++) {
		assert_int_equal(env_thread_create(&threads[i], "hammer", hammer_pool, &pool, ENV_THREAD_CPU_ANY), 0);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(threads); i++) {
		assert_null(env_thread_join(threads[i]));
	}
	assert_int_equal(iobuf_pool_count(&pool), 16);
	iobuf_pool_destroy(&pool);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_opts),
		cmocka_unit_test(test_default_pools_fit_into_memory),
		cmocka_unit_test(test_huge_pools),
		cmocka_unit_test(test_not_initialized),
		cmocka_unit_test_setup_teardown(test_modules, setup, teardown),
		cmocka_unit_test_setup_teardown(test_untouched, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cache_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_many_channels, setup, teardown),
		cmocka_unit_test_setup_teardown(test_waiting_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_walk_and_abort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_recursion, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_wake_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stats, setup, teardown),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_pool_parallel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
