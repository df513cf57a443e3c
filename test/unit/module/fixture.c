/* SPDX-License-Identifier: BSD-3-Clause */

#include "fixture.h"

#include "bdevkit/sim.h"
#include "spdk/accel.h"
#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "lib/env/env_internal.h"
#include "lib/rpc/rpc_internal.h"

#define TIMEOUT_US (20 * SPDK_SEC_TO_USEC)

static bool g_real;
static bool g_examine_disks;
static struct spdk_thread *g_threads[FIXTURE_THREADS];
static struct spdk_thread *g_current;
static struct fixture_reply g_reply;
static char *g_config;

struct spdk_thread *
fixture_thread(int index)
{
	return g_threads[index];
}

void
fixture_enter(int index)
{
	g_current = g_threads[index];
	spdk_set_thread(g_current);
}

/* ---- Running ---- */

static bool
is_done(void *arg)
{
	return *(const bool *)arg;
}

static bool
poll_real_threads(void)
{
	bool busy = false;

	for (int i = 0; i < FIXTURE_THREADS; i++) {
		if (g_threads[i] != NULL) {
			busy = spdk_thread_poll(g_threads[i], 0, 0) > 0 || busy;
		}
	}
	return busy;
}

void
fixture_wait(const bool *done)
{
	uint64_t deadline = spdk_get_ticks() + spdk_get_ticks_hz() * TIMEOUT_US / SPDK_SEC_TO_USEC;

	spdk_set_thread(NULL);
	if (g_real) {
		while (!*done) {
			if (!poll_real_threads()) {
				env_sleep_us(20);
			}
			assert_true(spdk_get_ticks() < deadline);
		}
	} else {
		assert_true(bdk_sim_run_until(is_done, (void *)done, TIMEOUT_US));
	}
	spdk_set_thread(g_current);
}

void
fixture_settle(void)
{
	int quiet = 0;

	spdk_set_thread(NULL);
	if (g_real) {
		while (quiet < 50) {
			quiet = poll_real_threads() ? 0 : quiet + 1;
			env_sleep_us(20);
		}
	} else {
		bdk_sim_run_for(100 * SPDK_MSEC_TO_USEC);
	}
	spdk_set_thread(g_current);
}

/* ---- Start and stop ---- */

static void
init_done_cb(void *cb_arg, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)cb_arg = true;
}

static void
done_cb(void *cb_arg)
{
	*(bool *)cb_arg = true;
}

/* With small caches: there are several threads, and not many buffers. */
static void
start_accel(void)
{
	struct spdk_accel_opts opts;

	spdk_accel_get_opts(&opts, sizeof(opts));
	opts.small_cache_size = 4;
	opts.large_cache_size = 4;
	opts.task_count = 64;
	assert_int_equal(spdk_accel_set_opts(&opts), 0);
	assert_int_equal(spdk_accel_initialize(), 0);
}

void
fixture_examine_disks(bool examine)
{
	g_examine_disks = examine;
}

static void
let_examine_disks(void)
{
	static void (*examine_disk)(struct spdk_bdev * bdev);
	struct spdk_bdev_module *gpt = spdk_bdev_module_list_find("gpt");

	if (gpt->examine_disk != NULL) {
		examine_disk = gpt->examine_disk;
	}
	gpt->examine_disk = g_examine_disks ? examine_disk : NULL;
}

static void
start_layers(void)
{
	struct spdk_iobuf_opts opts;
	bool done = false;

	let_examine_disks();
	for (int i = 0; i < FIXTURE_THREADS; i++) {
		g_threads[i] = spdk_thread_create(NULL, NULL);
		assert_non_null(g_threads[i]);
	}
	fixture_enter(0);
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	opts.small_pool_count = 1024;
	opts.large_pool_count = 128;
	assert_int_equal(spdk_iobuf_set_opts(&opts), 0);
	assert_int_equal(spdk_iobuf_initialize(), 0);
	start_accel();
	spdk_bdev_initialize(init_done_cb, &done);
	fixture_wait(&done);
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
}

void
fixture_start(uint64_t seed)
{
	g_real = false;
	assert_int_equal(bdk_sim_init(seed), 0);
	start_layers();
}

void
fixture_start_real(void)
{
	g_real = true;
	assert_int_equal(spdk_thread_lib_init(NULL, 0), 0);
	start_layers();
}

static void
stop_real_threads(void)
{
	for (int i = FIXTURE_THREADS - 1; i >= 0; i--) {
		spdk_set_thread(g_threads[i]);
		spdk_thread_exit(g_threads[i]);
		while (!spdk_thread_is_exited(g_threads[i])) {
			spdk_thread_poll(g_threads[i], 0, 0);
		}
		spdk_thread_destroy(g_threads[i]);
		g_threads[i] = NULL;
	}
	spdk_thread_lib_fini();
}

void
fixture_stop(void)
{
	bool done = false;

	fixture_enter(0);
	spdk_bdev_finish(done_cb, &done);
	fixture_wait(&done);
	assert_null(spdk_bdev_first());
	done = false;
	spdk_accel_finish(done_cb, &done);
	fixture_wait(&done);
	done = false;
	spdk_iobuf_finish(done_cb, &done);
	fixture_wait(&done);
	spdk_set_thread(NULL);
	g_current = NULL;
	if (g_real) {
		stop_real_threads();
	} else {
		bdk_sim_fini();
	}
	free(g_config);
	g_config = NULL;
}

/* ---- RPC ---- */

static void
copy_text(char *to, size_t size, const struct spdk_json_val *val)
{
	assert_true(val->len < size);
	memcpy(to, val->start, val->len);
	to[val->len] = '\0';
}

static struct spdk_json_val *
member(struct spdk_json_val *object, const char *name, enum spdk_json_val_type type)
{
	struct spdk_json_val *key, *val;

	assert_int_equal(spdk_json_find(object, name, &key, &val, type), 0);
	return val;
}

/* The text of member "message" of an error object. */
static void
copy_message(const char *text, size_t size)
{
	char *copy = strndup(text, size);
	struct spdk_json_val *values;
	ssize_t count;
	void *end;

	assert_non_null(copy);
	count = spdk_json_parse(copy, size, NULL, 0, &end, 0);
	assert_true(count > 0);
	values = calloc(count, sizeof(*values));
	assert_non_null(values);
	assert_int_equal(spdk_json_parse(copy, size, values, count, &end, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE), count);
	copy_text(g_reply.text, sizeof(g_reply.text), member(values, "message", SPDK_JSON_VAL_STRING));
	free(values);
	free(copy);
}

static void
reply_cb(void *cb_arg, const struct rpc_call_reply *reply)
{
	g_reply.done = true;
	g_reply.code = reply->error_code;
	if (reply->error_code != 0) {
		copy_message(reply->text, reply->size);
		return;
	}
	snprintf(g_reply.text, sizeof(g_reply.text), "%.*s", (int)reply->size, reply->text);
}

static const struct fixture_reply *
call(const char *method, const char *params)
{
	memset(&g_reply, 0, sizeof(g_reply));
	fixture_enter(0);
	assert_int_equal(rpc_call(method, params, strlen(params), reply_cb, NULL), 0);
	fixture_wait(&g_reply.done);
	return &g_reply;
}

static const struct fixture_reply *
call_v(const char *method, const char *format, va_list args)
{
	char *params = spdk_vsprintf_alloc(format, args);

	assert_non_null(params);
	for (char *c = params; *c != '\0'; c++) {
		if (*c == '\'') {
			*c = '"';
		}
	}
	call(method, params);
	free(params);
	return &g_reply;
}

const struct fixture_reply *
fixture_rpc(const char *method, const char *params, ...)
{
	va_list args;

	va_start(args, params);
	call_v(method, params, args);
	va_end(args);
	return &g_reply;
}

void
fixture_rpc_expect(const char *result, const char *method, const char *params, ...)
{
	va_list args;

	va_start(args, params);
	call_v(method, params, args);
	va_end(args);
	assert_string_equal(g_reply.text, result);
	assert_int_equal(g_reply.code, 0);
}

void
fixture_rpc_expect_error(int code, const char *message, const char *method, const char *params, ...)
{
	va_list args;

	va_start(args, params);
	call_v(method, params, args);
	va_end(args);
	assert_string_equal(g_reply.text, message);
	assert_int_equal(g_reply.code, code);
}

/* ---- Configuration ---- */

struct text {
	char *data;
	size_t size;
};

static int
append_cb(void *cb_ctx, const void *data, size_t size)
{
	struct text *text = cb_ctx;

	text->data = realloc(text->data, text->size + size + 1);
	assert_non_null(text->data);
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
	return 0;
}

static void
append_entry(struct text *to, struct spdk_json_val *entry)
{
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, to, 0);

	assert_non_null(w);
	spdk_json_write_val(w, entry);
	spdk_json_write_end(w);
	append_cb(to, "\n", 1);
}

const char *
fixture_config(const char *prefix)
{
	struct text all = {0};
	struct text chosen = {0};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(append_cb, &all, 0);
	struct spdk_json_val *values, *entry, *method;
	ssize_t count;
	void *end;

	spdk_bdev_subsystem_config_json(w);
	assert_int_equal(spdk_json_write_end(w), 0);
	count = spdk_json_parse(all.data, all.size, NULL, 0, &end, 0);
	assert_true(count > 0);
	values = calloc(count, sizeof(*values));
	assert_non_null(values);
	assert_int_equal(spdk_json_parse(all.data, all.size, values, count, &end, 0), count);

	append_cb(&chosen, "", 0);
	for (entry = spdk_json_array_first(values); entry != NULL; entry = spdk_json_next(entry)) {
		method = member(entry, "method", SPDK_JSON_VAL_STRING);
		if (method->len >= strlen(prefix) && memcmp(method->start, prefix, strlen(prefix)) == 0) {
			append_entry(&chosen, entry);
		}
	}
	free(values);
	free(all.data);
	free(g_config);
	g_config = chosen.data;
	return g_config;
}

static void
load_entry(char *line)
{
	struct spdk_json_val values[128];
	struct spdk_json_val *method, *params;
	struct text text = {0};
	char name[64];
	void *end;

	assert_true(spdk_json_parse(line, strlen(line), values, SPDK_COUNTOF(values), &end, 0) > 0);
	method = member(values, "method", SPDK_JSON_VAL_STRING);
	params = member(values, "params", SPDK_JSON_VAL_OBJECT_BEGIN);
	copy_text(name, sizeof(name), method);
	append_entry(&text, params);
	call(name, text.data);
	assert_int_equal(g_reply.code, 0);
	free(text.data);
}

void
fixture_load_config(const char *entries)
{
	char *copy = strdup(entries);
	char *rest = copy;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0') {
			load_entry(line);
		}
	}
	free(copy);
}

/* ---- Users ---- */

static void
event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx)
{
	struct fixture_user *user = event_ctx;

	if (type == SPDK_BDEV_EVENT_REMOVE) {
		user->removed = true;
	} else if (type == SPDK_BDEV_EVENT_RESIZE) {
		user->resized = spdk_bdev_get_num_blocks(bdev);
	}
}

int
fixture_user_open(struct fixture_user *user, int thread, const char *name)
{
	int rc;

	memset(user, 0, sizeof(*user));
	user->thread = thread;
	fixture_enter(thread);
	rc = spdk_bdev_open_ext(name, true, event_cb, user, &user->desc);
	if (rc == 0) {
		user->ch = spdk_bdev_get_io_channel(user->desc);
		assert_non_null(user->ch);
	}
	fixture_enter(0);
	return rc;
}

void
fixture_user_close(struct fixture_user *user)
{
	fixture_enter(user->thread);
	spdk_put_io_channel(user->ch);
	spdk_bdev_close(user->desc);
	fixture_enter(0);
	user->desc = NULL;
}

void
fixture_io_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg)
{
	struct fixture_io *io = cb_arg;

	assert_false(io->done);
	io->done = true;
	io->success = success;
	spdk_bdev_io_get_aio_status(bdev_io, &io->aio_status);
	if (io->keep) {
		io->bdev_io = bdev_io;
	} else {
		spdk_bdev_free_io(bdev_io);
	}
}

bool
fixture_io_wait(int rc, struct fixture_io *io)
{
	assert_int_equal(rc, 0);
	fixture_wait(&io->done);
	return io->success;
}
