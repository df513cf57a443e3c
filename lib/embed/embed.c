/* SPDX-License-Identifier: BSD-3-Clause */

/* Start and stop of the layer in somebody else's program, on a thread of its own or in his loop, and calls into it. */

#include "lib/embed/embed_internal.h"
#include "lib/event/app_internal.h"
#include "lib/event/reactor.h"
#include "lib/rpc/rpc_internal.h"

#include "spdk/env.h"
#include "spdk/event.h"
#include "spdk/log.h"

enum embed_state {
	EMBED_OFF,
	EMBED_STARTING,
	EMBED_RUNNING,
	/* It has ended, and bdk_embed_stop() was not called. */
	EMBED_ENDED,
	EMBED_STOPPING,
};

static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;

static struct {
	/* All of it behind g_lock, but for what does not change while it runs. */
	struct env_cond cond;
	enum embed_state state;
	struct spdk_app_opts app_opts;
	int rc;
	/* Disks that are open, and threads that wait for a call. */
	uint32_t num_disks;
	uint32_t num_calls;
	uint64_t app_thread_id;

	/* Copies of what the options name. */
	char *strings[8];
	uint32_t num_strings;

	/* Not own_loop: the thread that runs it. */
	struct env_thread *thread;
	/* own_loop: the reactor that the caller runs. */
	struct event_reactor *reactor;
	bool started;
} g_embed;

/* The calling thread is the one whose loop runs the layer. */
static __thread bool g_is_loop;

struct event_reactor *
embed_get_loop(void)
{
	return g_is_loop ? g_embed.reactor : NULL;
}

static void
set_state(enum embed_state state)
{
	ENV_MUTEX_SCOPE(&g_lock);

	g_embed.state = state;
	env_cond_broadcast(&g_embed.cond);
}

/* ---- calls ---- */

int
embed_tell_app(struct bdk_msg *msg, spdk_msg_fn fn, void *arg)
{
	return bdk_msg_send_to_id(g_embed.app_thread_id, msg, fn, arg);
}

static void
run_call_cb(void *ctx)
{
	struct embed_call *call = ctx;

	call->fn(call);
}

static void
end_call_cb(void *ctx)
{
	struct embed_call *call = ctx;

	ENV_MUTEX_SCOPE(&g_lock);

	call->done = true;
	env_cond_broadcast(&g_embed.cond);
}

void
embed_call_end(struct embed_call *call, int rc)
{
	call->rc = rc;
	/* There, because a loop that runs the layer wakes up only for what happens in it. */
	if (embed_tell_app(&call->msg, end_call_cb, call) != 0) {
		end_call_cb(call);
	}
}

/* The reactors are to stop, and the loop of this very thread is to let them: nothing is left that knows the call. */
static void
run_out(void)
{
	event_reactor_run_out(g_embed.reactor);
	set_state(EMBED_ENDED);
}

/* With g_lock held, which is released while it waits. */
static void
wait_for(const struct embed_call *call)
{
	while (!call->done && g_embed.state != EMBED_ENDED) {
		if (!g_is_loop) {
			env_cond_wait(&g_embed.cond, &g_lock);
			continue;
		}
		env_mutex_unlock(&g_lock);
		event_reactor_run_until(g_embed.reactor, &call->done);
		if (event_reactors_are_stopping()) {
			run_out();
		}
		env_mutex_lock(&g_lock);
	}
}

int
embed_call_run(struct embed_call *call, void (*fn)(struct embed_call *call), void *arg)
{
	int rc = -ESHUTDOWN;

	*call = (struct embed_call){.fn = fn, .arg = arg};
	if (g_is_loop && event_reactors_are_stopping()) {
		run_out();
	}
	ENV_MUTEX_SCOPE(&g_lock);

	if (g_embed.state != EMBED_RUNNING || embed_tell_app(&call->msg, run_call_cb, call) != 0) {
		return rc;
	}
	g_embed.num_calls++;
	wait_for(call);
	g_embed.num_calls--;
	return call->done ? call->rc : rc;
}

struct user_fn {
	void (*fn)(void *arg);
	void *arg;
};

static void
call_user(struct embed_call *call)
{
	struct user_fn *user = call->arg;

	user->fn(user->arg);
	embed_call_end(call, 0);
}

int
bdk_embed_call(void (*fn)(void *arg), void *arg)
{
	struct spdk_thread *thread = spdk_get_thread();
	struct user_fn user = {fn, arg};
	struct embed_call call;

	if (thread == NULL) {
		return embed_call_run(&call, call_user, &user);
	}
	if (!spdk_thread_is_app_thread(thread)) {
		return -EPERM;
	}
	fn(arg);
	return 0;
}

struct rpc {
	const char *method;
	const char *params;
	char *reply;
	struct embed_call *call;
};

static void
rpc_done_cb(void *cb_arg, const struct rpc_call_reply *reply)
{
	struct rpc *rpc = cb_arg;
	int rc = reply->error_code;

	rpc->reply = strndup(reply->text, reply->size);
	if (rpc->reply == NULL) {
		rc = -ENOMEM;
	} else if (rc < -4095 || rc > 0) {
		/* A code of JSON-RPC. */
		rc = -EINVAL;
	}
	embed_call_end(rpc->call, rc);
}

static void
call_rpc(struct embed_call *call)
{
	struct rpc *rpc = call->arg;
	int rc;

	rpc->call = call;
	rc = rpc_call(rpc->method, rpc->params, rpc->params != NULL ? strlen(rpc->params) : 0, rpc_done_cb, rpc);
	if (rc != 0) {
		embed_call_end(call, rc);
	}
}

int
bdk_embed_rpc(const char *method, const char *params, char **reply)
{
	struct rpc rpc = {.method = method, .params = params};
	struct embed_call call;
	int rc;

	if (spdk_get_thread() != NULL) {
		return -EPERM;
	}
	rc = embed_call_run(&call, call_rpc, &rpc);
	if (reply != NULL) {
		*reply = rpc.reply;
	} else {
		free(rpc.reply);
	}
	return rc;
}

int
embed_hold(void)
{
	ENV_MUTEX_SCOPE(&g_lock);

	if (g_embed.state != EMBED_RUNNING) {
		return -ESHUTDOWN;
	}
	g_embed.num_disks++;
	return 0;
}

void
embed_release(void)
{
	ENV_MUTEX_SCOPE(&g_lock);

	g_embed.num_disks--;
	env_cond_broadcast(&g_embed.cond);
}

/* ---- options ---- */

void
bdk_embed_opts_init(struct bdk_embed_opts *opts, size_t size)
{
	struct bdk_embed_opts defaults = {.size = size, .name = "bdevkit", .print_level = SPDK_LOG_WARN};

	memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int
copy_string(const char **to, const char *from)
{
	if (from != NULL) {
		*to = strdup(from);
		if (*to == NULL) {
			return -ENOMEM;
		}
		g_embed.strings[g_embed.num_strings++] = (char *)*to;
	}
	return 0;
}

static void
free_strings(void)
{
	while (g_embed.num_strings > 0) {
		free(g_embed.strings[--g_embed.num_strings]);
	}
}

/* What it names must stay as long as the layer runs. */
static int
make_app_opts(const struct bdk_embed_opts *user)
{
	struct spdk_app_opts *app = &g_embed.app_opts;
	struct bdk_embed_opts opts;
	const char *name = NULL, *file = NULL, *rpc_addr = NULL, *cpus = NULL, *config = NULL;
	int rc;

	bdk_embed_opts_init(&opts, sizeof(opts));
	if (user != NULL) {
		if (user->size < sizeof(user->size) || user->size > sizeof(opts)) {
			return -EINVAL;
		}
		memcpy(&opts, user, user->size);
	}
	rc = copy_string(&name, opts.name != NULL ? opts.name : "bdevkit");
	rc = rc == 0 ? copy_string(&file, opts.config_file) : rc;
	rc = rc == 0 ? copy_string(&rpc_addr, opts.rpc_addr) : rc;
	rc = rc == 0 ? copy_string(&cpus, opts.cpus) : rc;
	rc = rc == 0 ? copy_string(&config, opts.config) : rc;
	if (rc != 0) {
		return rc;
	}
	spdk_app_opts_init(app, sizeof(*app));
	app->name = name;
	app->json_config_file = file;
	app->json_data = (char *)config;
	app->json_data_size = config != NULL ? strlen(config) : 0;
	app->json_config_ignore_errors = opts.ignore_config_errors;
	app->rpc_addr = rpc_addr;
	app->reactor_mask = cpus;
	app->print_level = opts.print_level;
	app->log = opts.log;
	app->disable_signal_handlers = true;
	return 0;
}

/* ---- on a thread of its own ---- */

static void
started_cb(void *ctx)
{
	g_embed.app_thread_id = spdk_thread_get_id(spdk_get_thread());
	g_embed.started = true;
	set_state(EMBED_RUNNING);
}

/* If it has ended by itself, threads of local queues are still there. */
static void
wait_for_disks(void)
{
	ENV_MUTEX_SCOPE(&g_lock);

	while (g_embed.num_disks > 0) {
		env_cond_wait(&g_embed.cond, &g_lock);
	}
}

static void *
run_layer(void *arg)
{
	int rc = event_app_prepare(&g_embed.app_opts, started_cb, NULL);

	if (rc == 0) {
		rc = event_app_end(event_reactors_run());
		g_embed.rc = rc;
		set_state(EMBED_ENDED);
		wait_for_disks();
		spdk_app_fini();
	} else {
		g_embed.rc = rc;
		set_state(EMBED_ENDED);
	}
	return NULL;
}

static int
start_thread(void)
{
	int rc;

	rc = env_thread_create(&g_embed.thread, "bdevkit", run_layer, NULL, ENV_THREAD_CPU_ANY);
	if (rc != 0) {
		return rc;
	}
	env_mutex_lock(&g_lock);
	while (g_embed.state == EMBED_STARTING) {
		env_cond_wait(&g_embed.cond, &g_lock);
	}
	env_mutex_unlock(&g_lock);
	if (g_embed.started) {
		return 0;
	}
	env_thread_join(g_embed.thread);
	return g_embed.rc != 0 ? g_embed.rc : -ECANCELED;
}

/* ---- in the caller's loop ---- */

/* The reactors are to stop. Returns the application's code. */
static int
finish_loop(void)
{
	struct event_reactor *reactor = event_reactor_get(spdk_env_get_current_core());
	int rc;

	event_reactor_run_out(reactor);
	if (g_embed.reactor != NULL) {
		event_reactor_unhost(g_embed.reactor);
		g_embed.reactor = NULL;
	}
	event_reactors_join();
	rc = event_app_end(0);
	spdk_app_fini();
	g_is_loop = false;
	return rc;
}

static int
start_loop(void)
{
	int rc, launch_rc;

	rc = event_app_prepare(&g_embed.app_opts, started_cb, NULL);
	if (rc != 0) {
		return rc;
	}
	g_is_loop = true;
	g_embed.reactor = event_reactor_host(event_reactor_get(spdk_env_get_current_core()));
	if (g_embed.reactor == NULL) {
		event_reactors_stop();
		finish_loop();
		return -ENOMEM;
	}
	launch_rc = event_reactors_launch();
	event_reactor_run_until(g_embed.reactor, &g_embed.started);
	if (g_embed.started) {
		event_reactor_arm(g_embed.reactor);
		return 0;
	}
	rc = finish_loop();
	rc = launch_rc != 0 ? launch_rc : rc;
	return rc != 0 ? rc : -ECANCELED;
}

int
bdk_embed_get_fd(void)
{
	return g_is_loop ? event_reactor_get_fd(g_embed.reactor) : -EINVAL;
}

int
bdk_embed_poll(void)
{
	if (!g_is_loop) {
		return g_embed.reactor != NULL ? -EPERM : -EINVAL;
	}
	if (!event_reactors_are_stopping()) {
		event_reactor_step(g_embed.reactor);
	}
	if (event_reactors_are_stopping()) {
		return -ESHUTDOWN;
	}
	event_reactor_arm(g_embed.reactor);
	return 0;
}

/* ---- start and stop ---- */

static int
begin_start(void)
{
	int rc;

	ENV_MUTEX_SCOPE(&g_lock);

	if (g_embed.state != EMBED_OFF) {
		return -EALREADY;
	}
	memset(&g_embed, 0, sizeof(g_embed));
	rc = env_cond_init(&g_embed.cond);
	if (rc == 0) {
		g_embed.state = EMBED_STARTING;
	}
	return rc;
}

static void
end_stop(void)
{
	free_strings();
	env_mutex_lock(&g_lock);
	env_cond_destroy(&g_embed.cond);
	g_embed.state = EMBED_OFF;
	env_mutex_unlock(&g_lock);
}

int
bdk_embed_start(const struct bdk_embed_opts *opts)
{
	bool own_loop = opts != NULL &&
		opts->size >= offsetof(struct bdk_embed_opts, own_loop) + sizeof(opts->own_loop) && opts->own_loop;
	int rc;

	rc = begin_start();
	if (rc != 0) {
		return rc;
	}
	rc = make_app_opts(opts);
	if (rc == 0) {
		rc = own_loop ? start_loop() : start_thread();
	}
	if (rc != 0) {
		end_stop();
	}
	return rc;
}

/* Returns -EBUSY, or what it was before: running, or ended by itself. */
static int
begin_stop(enum embed_state *before)
{
	ENV_MUTEX_SCOPE(&g_lock);

	*before = g_embed.state;
	if (g_embed.state != EMBED_RUNNING && g_embed.state != EMBED_ENDED) {
		return -ESHUTDOWN;
	}
	if (g_embed.num_disks > 0 || g_embed.num_calls > 0) {
		return -EBUSY;
	}
	if (g_embed.reactor != NULL && !g_is_loop) {
		return -EPERM;
	}
	g_embed.state = EMBED_STOPPING;
	return 0;
}

int
bdk_embed_stop(void)
{
	static const bool never;
	enum embed_state before;
	int rc;

	rc = begin_stop(&before);
	if (rc != 0) {
		return rc;
	}
	if (g_is_loop) {
		if (!event_reactors_are_stopping()) {
			spdk_app_stop(0);
		}
		event_reactor_run_until(g_embed.reactor, &never);
		rc = finish_loop();
	} else {
		if (before == EMBED_RUNNING) {
			spdk_app_stop(0);
		}
		env_thread_join(g_embed.thread);
		rc = g_embed.rc;
	}
	end_stop();
	return rc;
}
