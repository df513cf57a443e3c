/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/event/app_internal.h"
#include "lib/event/config_load.h"
#include "lib/event/reactor.h"
#include "lib/rpc/rpc_internal.h"
#include "lib/trace/trace_internal.h"

#include "spdk/env.h"
#include "spdk/file.h"
#include "spdk/init.h"
#include "spdk/jsonrpc.h"
#include "spdk/log.h"
#include "spdk/rpc.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk_internal/init.h"

#include <stdatomic.h>

#define CORE_DUMP_LIMIT (5ULL * 1024 * 1024 * 1024)
/* How long a stop waits for a method of the configuration that is being carried out. */
#define CANCEL_TIMEOUT_US 5000000
/* Threads of the application, besides the reactors, that may record traces. */
#define MAX_TRACED_THREADS 4

/* How far the start has come, on the app thread. Each is left by the function of the next step. */
enum app_phase {
	/* The methods of the configuration for the STARTUP state are being called. */
	APP_PHASE_STARTUP_CONFIG,
	/* Waiting for framework_start_init. */
	APP_PHASE_WAITING,
	APP_PHASE_SUBSYSTEMS,
	/* The methods of the configuration for the RUNTIME state are being called. */
	APP_PHASE_RUNTIME_CONFIG,
	/* The start function was called. */
	APP_PHASE_RUNNING,
};

/* Somebody who wants to know that the application runs, or that it will not. */
struct init_waiter {
	void (*cb_fn)(void *cb_arg, int rc);
	void *cb_arg;
	TAILQ_ENTRY(init_waiter) link;
};

static struct {
	struct spdk_app_opts opts;
	spdk_msg_fn start_fn;
	void *start_arg;

	/* What spdk_app_fini() has to undo. */
	bool log_opened;
	bool env_initialized;

	/* The configuration as it was read; for error texts its name. */
	char *config;
	size_t config_size;
	const char *config_name;
	/* While its methods are being called. */
	struct event_config_load *load;

	enum app_phase phase;
	bool rpc_open;
	TAILQ_HEAD(, init_waiter) init_waiters;

	bool stopping;
	/* The subsystems are being stopped, or are stopped. */
	bool subsystems_stopping;
	struct spdk_poller *cancel_timer;
	/* The first code other than 0 that the application was stopped with. Written by any thread. */
	_Atomic int rc;
	/* spdk_app_start_shutdown() was called before there was an app thread. */
	volatile sig_atomic_t early_shutdown;
	/* Between spdk_app_start() and its return. */
	bool active;
} g_app;

static void app_start_config(void *ctx);
static void app_start_config_done(void *cb_arg, int rc);
static void app_start_subsystems_done(int rc, void *cb_arg);
static void app_start_runtime_config_done(void *cb_arg, int rc);
static void app_stop_subsystems(void);
static void app_stop_finish(void *cb_arg);

/*
 * Those who wait for the start
 */

void
event_app_wait_init(void (*cb_fn)(void *cb_arg, int rc), void *cb_arg)
{
	struct init_waiter *waiter;

	if (g_app.phase == APP_PHASE_RUNNING || g_app.stopping) {
		cb_fn(cb_arg, g_app.stopping ? -ECANCELED : 0);
		return;
	}

	waiter = calloc(1, sizeof(*waiter));
	if (!waiter) {
		cb_fn(cb_arg, -ENOMEM);
		return;
	}
	waiter->cb_fn = cb_fn;
	waiter->cb_arg = cb_arg;
	TAILQ_INSERT_TAIL(&g_app.init_waiters, waiter, link);
}

static void
tell_init_waiters(int rc)
{
	struct init_waiter *waiter;

	while ((waiter = TAILQ_FIRST(&g_app.init_waiters))) {
		TAILQ_REMOVE(&g_app.init_waiters, waiter, link);
		waiter->cb_fn(waiter->cb_arg, rc);
		free(waiter);
	}
}

/*
 * Start, on the app thread
 */

static void
pause_rpc(void)
{
	if (g_app.rpc_open) {
		spdk_rpc_server_pause(g_app.opts.rpc_addr);
	}
}

static void
resume_rpc(void)
{
	if (g_app.rpc_open) {
		spdk_rpc_server_resume(g_app.opts.rpc_addr);
	}
}

/* Ends a start that failed: those who wait are answered, and spdk_app_start() returns rc. */
static void
fail_start(int rc)
{
	resume_rpc();
	tell_init_waiters(rc);
	spdk_app_stop(rc);
}

/* Calls the methods of the configuration that the present state allows. */
static int
load_config(event_config_load_fn cb_fn)
{
	struct event_config_load_opts opts = {
		.name = g_app.config_name,
		.text = g_app.config,
		.size = g_app.config_size,
		.stop_on_error = !g_app.opts.json_config_ignore_errors,
		.cb_fn = cb_fn,
	};

	return event_config_load(&opts, &g_app.load);
}

static void
app_start_config(void *ctx)
{
	int rc;

	if (g_app.early_shutdown) {
		spdk_app_stop(0);
		return;
	}
	/* The signal came first. */
	if (g_app.stopping) {
		return;
	}
	if (!g_app.config) {
		app_start_config_done(NULL, 0);
		return;
	}

	rc = load_config(app_start_config_done);
	if (rc) {
		app_start_config_done(NULL, rc);
	}
}

static int
open_rpc(void)
{
	struct spdk_rpc_opts opts = {
		.size = sizeof(opts),
		.log_file = g_app.opts.rpc_log_file,
		.log_level = g_app.opts.rpc_log_level,
	};
	int rc;

	if (!g_app.opts.rpc_addr) {
		return 0;
	}

	rc = spdk_rpc_initialize(g_app.opts.rpc_addr, &opts);
	if (rc == 0) {
		g_app.rpc_open = true;
	}
	return rc;
}

static void
app_start_config_done(void *cb_arg, int rc)
{
	g_app.load = NULL;
	if (g_app.stopping) {
		app_stop_subsystems();
		return;
	}
	if (rc == 0) {
		rc = open_rpc();
	}
	if (rc) {
		fail_start(rc);
		return;
	}

	if (g_app.opts.delay_subsystem_init) {
		g_app.phase = APP_PHASE_WAITING;
		return;
	}

	/* Requests wait in the socket until the application runs. */
	pause_rpc();
	g_app.phase = APP_PHASE_SUBSYSTEMS;
	spdk_subsystem_init(app_start_subsystems_done, NULL);
}

int
event_app_start_subsystems(void (*cb_fn)(void *cb_arg, int rc), void *cb_arg)
{
	if (g_app.phase != APP_PHASE_WAITING || g_app.stopping) {
		return -EBUSY;
	}

	event_app_wait_init(cb_fn, cb_arg);
	pause_rpc();
	g_app.phase = APP_PHASE_SUBSYSTEMS;
	spdk_subsystem_init(app_start_subsystems_done, NULL);
	return 0;
}

static void
app_start_subsystems_done(int rc, void *cb_arg)
{
	if (g_app.stopping) {
		return;
	}
	if (rc) {
		SPDK_ERRLOG("Subsystem initialization failed with code: %d\n", rc);
		fail_start(rc);
		return;
	}

	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	g_app.phase = APP_PHASE_RUNTIME_CONFIG;
	if (!g_app.config) {
		app_start_runtime_config_done(NULL, 0);
		return;
	}

	rc = load_config(app_start_runtime_config_done);
	if (rc) {
		app_start_runtime_config_done(NULL, rc);
	}
}

static void
app_start_runtime_config_done(void *cb_arg, int rc)
{
	g_app.load = NULL;
	if (g_app.stopping) {
		app_stop_subsystems();
		return;
	}
	if (rc) {
		SPDK_ERRLOG("Failed to load subsystems for RUNTIME state with code: %d\n", rc);
		fail_start(rc);
		return;
	}

	g_app.phase = APP_PHASE_RUNNING;
	resume_rpc();
	tell_init_waiters(0);
	g_app.start_fn(g_app.start_arg);
}

/*
 * Stop, on the app thread
 */

static int
log_deprecation(void *ctx, struct spdk_deprecation *deprecation)
{
	uint64_t hits = spdk_deprecation_get_hits(deprecation);

	if (hits > 0) {
		SPDK_WARNLOG("%s: deprecation '%s' scheduled for removal in %s hit %" PRIu64 " times\n",
			spdk_deprecation_get_tag(deprecation), spdk_deprecation_get_description(deprecation),
			spdk_deprecation_get_remove_release(deprecation), hits);
	}
	return 0;
}

static int
give_up_config(void *ctx)
{
	SPDK_WARNLOG("A method of the configuration does not end; stopping all the same\n");
	app_stop_subsystems();
	return SPDK_POLLER_BUSY;
}

static void
app_stop_begin(void *ctx)
{
	if (g_app.stopping) {
		SPDK_NOTICELOG("spdk_app_stop called twice\n");
		return;
	}
	g_app.stopping = true;
	/* Nobody makes anew what is being taken down; those who wait for an answer still get it. */
	spdk_rpc_set_state(RPC_STATE_ENDING);
	spdk_log_for_each_deprecation(NULL, log_deprecation);

	if (g_app.load) {
		event_config_load_cancel(g_app.load);
		g_app.cancel_timer = SPDK_POLLER_REGISTER(give_up_config, NULL, CANCEL_TIMEOUT_US);
		return;
	}

	app_stop_subsystems();
}

static void
app_stop_subsystems(void)
{
	if (g_app.subsystems_stopping) {
		return;
	}
	g_app.subsystems_stopping = true;

	spdk_poller_unregister(&g_app.cancel_timer);
	tell_init_waiters(-ECANCELED);
	spdk_subsystem_fini(app_stop_finish, NULL);
}

static void
app_stop_finish(void *cb_arg)
{
	spdk_rpc_finish();
	g_app.rpc_open = false;
	event_reactors_stop();
}

void
spdk_app_stop(int rc)
{
	struct spdk_thread *thread = spdk_thread_get_app_thread();
	int none = 0;

	if (rc) {
		SPDK_WARNLOG("spdk_app_stop'd on non-zero\n");
		atomic_compare_exchange_strong(&g_app.rc, &none, rc);
	}

	if (!thread) {
		g_app.early_shutdown = 1;
		return;
	}
	/* The second way needs no memory; only one such message may be on its way, but one is enough. */
	if (spdk_thread_send_msg(thread, app_stop_begin, NULL)) {
		spdk_thread_send_critical_msg(thread, app_stop_begin);
	}
}

static void
shut_down(void *ctx)
{
	spdk_app_shutdown_cb shutdown_cb = g_app.opts.shutdown_cb;

	/* What the application prepared for its end is good only once it was started. */
	if (shutdown_cb && g_app.phase == APP_PHASE_RUNNING && !g_app.stopping) {
		g_app.opts.shutdown_cb = NULL;
		shutdown_cb();
	} else if (!g_app.stopping) {
		spdk_app_stop(0);
	}
}

void
spdk_app_start_shutdown(void)
{
	struct spdk_thread *thread = spdk_thread_get_app_thread();

	if (thread) {
		spdk_thread_send_critical_msg(thread, shut_down);
	} else {
		g_app.early_shutdown = 1;
	}
}

/*
 * Start, before the reactors run
 */

static int
check_start(const struct spdk_app_opts *opts, spdk_msg_fn start_fn)
{
	if (!opts) {
		SPDK_ERRLOG("opts should not be NULL\n");
		return -EINVAL;
	}
	if (opts->opts_size == 0) {
		SPDK_ERRLOG("The opts_size in opts should not be zero; call spdk_app_opts_init() first\n");
		return -EINVAL;
	}
	if (!start_fn) {
		SPDK_ERRLOG("start_fn should not be NULL\n");
		return -EINVAL;
	}
	if (g_app.active || event_reactors_are_initialized()) {
		SPDK_ERRLOG("The application runs already, or spdk_app_fini() was not called after it ended\n");
		return -EBUSY;
	}

	return 0;
}

static int
check_opts(const struct spdk_app_opts *opts)
{
	if (!opts->name) {
		SPDK_ERRLOG("spdk_app_opts::name not specified\n");
		return -EINVAL;
	}
	if (!opts->rpc_addr && opts->delay_subsystem_init) {
		SPDK_ERRLOG("Cannot use '--wait-for-rpc' if no RPC server is going to be started.\n");
		return -EINVAL;
	}
	if (opts->json_config_file && opts->json_data) {
		SPDK_ERRLOG("A configuration file and configuration data cannot both be given\n");
		return -EINVAL;
	}

	return 0;
}

static void
open_log(void)
{
	spdk_log_open(g_app.opts.log);
	spdk_log_set_level(SPDK_LOG_NOTICE);
	spdk_log_set_print_level(g_app.opts.print_level);
	g_app.log_opened = true;
}

/* Explains what is accepted for the sake of command lines that were made for hugepages and PCI devices. */
static void
explain_opts(const struct spdk_app_opts *opts)
{
	if (opts->num_pci_addr > 0) {
		SPDK_NOTICELOG("PCI devices are not driven by this version; the lists of PCI addresses are ignored\n");
	}
}

static int
start_env(void)
{
	const struct spdk_app_opts *opts = &g_app.opts;
	struct spdk_env_opts env_opts = {.opts_size = sizeof(env_opts)};
	int rc;

	spdk_env_opts_init(&env_opts);
	env_opts.name = opts->name;
	/* What the environment has there means one core on any CPU; a mask of ours would bind it. */
	if (opts->reactor_mask != NULL || opts->lcore_map != NULL) {
		env_opts.core_mask = opts->reactor_mask;
	}
	env_opts.lcore_map = opts->lcore_map;
	env_opts.shm_id = opts->shm_id;
	env_opts.mem_channel = opts->mem_channel;
	env_opts.main_core = opts->main_core;
	env_opts.mem_size = opts->mem_size;
	env_opts.no_pci = opts->no_pci;
	env_opts.hugepage_single_segments = opts->hugepage_single_segments;
	env_opts.unlink_hugepage = opts->unlink_hugepage;
	env_opts.no_huge = opts->no_huge;
	env_opts.hugedir = opts->hugedir;
	env_opts.num_pci_addr = opts->num_pci_addr;
	env_opts.pci_blocked = opts->pci_blocked;
	env_opts.pci_allowed = opts->pci_allowed;
	env_opts.iova_mode = opts->iova_mode;
	env_opts.base_virtaddr = opts->base_virtaddr;
	env_opts.env_context = opts->env_context;
	env_opts.vf_token = opts->vf_token;
	env_opts.enforce_numa = opts->enforce_numa;

	rc = spdk_env_init(&env_opts);
	if (rc) {
		SPDK_ERRLOG("Unable to initialize the environment: %s\n", spdk_strerror(abs(rc)));
		return rc;
	}
	g_app.env_initialized = true;
	return 0;
}

static void
raise_core_dump_limit(void)
{
	struct rlimit limit;

	if (!g_app.opts.enable_coredump || getrlimit(RLIMIT_CORE, &limit)) {
		return;
	}

	limit.rlim_cur = limit.rlim_max < CORE_DUMP_LIMIT ? limit.rlim_max : CORE_DUMP_LIMIT;
	setrlimit(RLIMIT_CORE, &limit);
}

/* Only reactors that spin claim their CPUs: those that sleep share them. */
static int
claim_cores(const struct bdk_app_opts *bdk_opts)
{
	int rc;

	if (!bdk_opts->poll || g_app.opts.disable_cpumask_locks) {
		return 0;
	}

	rc = event_core_locks_take();
	if (rc) {
		SPDK_ERRLOG("Unable to acquire lock on assigned core mask - exiting.\n");
	}
	return rc;
}

static int
start_reactors(void)
{
	struct event_reactor_opts reactor_opts;
	struct bdk_app_opts bdk_opts;
	int rc;

	bdk_app_get_opts(&bdk_opts, sizeof(bdk_opts));
	rc = claim_cores(&bdk_opts);
	if (rc) {
		return rc;
	}

	event_reactor_opts_init(&reactor_opts);
	reactor_opts.poll = bdk_opts.poll;
	reactor_opts.spin_max_us = bdk_opts.spin_max_us;
	reactor_opts.idle_poll_max_us = bdk_opts.idle_poll_max_us;
	reactor_opts.msg_pool_size = g_app.opts.msg_mempool_size;

	/* It can be switched on once in a process, and is on ever after. */
	if (g_app.opts.interrupt_mode && !spdk_interrupt_mode_is_enabled()) {
		rc = spdk_interrupt_mode_enable();
		if (rc) {
			return rc;
		}
	}

	SPDK_NOTICELOG("Total cores available: %u\n", spdk_env_get_core_count());
	rc = event_reactors_init(&reactor_opts);
	if (rc) {
		SPDK_ERRLOG("Unable to initialize the reactors: %s\n", spdk_strerror(abs(rc)));
	}
	return rc;
}

/* The file is not made before a trace point is on. */
static int
start_trace(void)
{
	const struct spdk_app_opts *opts = &g_app.opts;
	char name[TRACE_NAME_SIZE], *slash;
	int rc;

	if (opts->num_entries == 0) {
		if (opts->tpoint_group_mask) {
			SPDK_WARNLOG("No traces are recorded: the number of trace entries is 0\n");
		}
		return 0;
	}
	if (opts->shm_id >= 0) {
		snprintf(name, sizeof(name), "/%.64s" SPDK_TRACE_SHM_NAME_BASE "%d", opts->name, opts->shm_id);
	} else {
		snprintf(name, sizeof(name), "/%.64s" SPDK_TRACE_SHM_NAME_BASE "pid%d", opts->name, (int)getpid());
	}
	/* The name of an application may be a path. */
	while ((slash = strchr(name + 1, '/')) != NULL) {
		*slash = '_';
	}
	rc = trace_prepare(name, opts->num_entries, MAX_TRACED_THREADS);
	if (rc == 0 && opts->tpoint_group_mask) {
		rc = trace_set_by_list(opts->tpoint_group_mask);
		if (rc == -EINVAL) {
			SPDK_ERRLOG("invalid tpoint mask %s\n", opts->tpoint_group_mask);
		}
	}
	return rc;
}

static int
start_app_thread(void)
{
	struct spdk_cpuset cpumask;

	spdk_cpuset_zero(&cpumask);
	spdk_cpuset_set_cpu(&cpumask, spdk_env_get_current_core(), true);
	if (!spdk_thread_create("app_thread", &cpumask)) {
		SPDK_ERRLOG("Unable to create the app thread\n");
		return -ENOMEM;
	}

	return 0;
}

static int
read_config(void)
{
	const struct spdk_app_opts *opts = &g_app.opts;
	int rc;

	if (opts->json_config_file) {
		g_app.config = spdk_posix_file_load_from_name(opts->json_config_file, &g_app.config_size);
		rc = -errno;
		g_app.config_name = opts->json_config_file;
		if (!g_app.config) {
			SPDK_ERRLOG("Read JSON configuration file %s failed: %s\n", opts->json_config_file,
				spdk_strerror(-rc));
			return rc;
		}
	} else if (opts->json_data) {
		g_app.config = malloc(opts->json_data_size + 1);
		if (!g_app.config) {
			return -ENOMEM;
		}
		memcpy(g_app.config, opts->json_data, opts->json_data_size);
		g_app.config_size = opts->json_data_size;
		g_app.config_name = "configuration";
	}

	return 0;
}

/* What happens before anything runs, in this order; spdk_app_fini() undoes it. */
static int
prepare_start(void)
{
	int rc;

	open_log();
	explain_opts(&g_app.opts);
	raise_core_dump_limit();

	rc = read_config();
	if (rc == 0) {
		rc = start_env();
	}
	if (rc == 0) {
		rc = start_reactors();
	}
	if (rc == 0) {
		rc = start_trace();
	}
	if (rc == 0) {
		rc = start_app_thread();
	}
	if (rc == 0 && !g_app.opts.disable_signal_handlers) {
		rc = event_signals_set();
	}
	if (rc == 0) {
		rc = spdk_thread_send_msg(spdk_thread_get_app_thread(), app_start_config, NULL);
	}

	return rc;
}

/* Undoes a start that failed before anything ran. */
static void
undo_start(void)
{
	if (spdk_thread_get_app_thread()) {
		/* Its thread ends as it always does: while the reactor comes to its end. */
		event_reactors_stop();
		event_reactors_run();
	}
	spdk_app_fini();
}

static void
reset_app(void)
{
	free(g_app.config);
	memset(&g_app, 0, sizeof(g_app));
	TAILQ_INIT(&g_app.init_waiters);
}

int
event_app_prepare(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx)
{
	struct spdk_app_opts opts;
	bool early_shutdown;
	int rc;

	rc = check_start(opts_user, start_fn);
	if (rc) {
		return rc;
	}
	event_app_opts_copy(&opts, opts_user);
	rc = check_opts(&opts);
	if (rc) {
		return rc;
	}

	early_shutdown = g_app.early_shutdown;
	reset_app();
	g_app.early_shutdown = early_shutdown;
	g_app.opts = opts;
	g_app.start_fn = start_fn;
	g_app.start_arg = ctx;
	g_app.active = true;

	spdk_rpc_set_state(SPDK_RPC_STARTUP);
	spdk_rpc_set_allowlist(opts.rpc_allowlist);

	rc = prepare_start();
	if (rc) {
		undo_start();
	}
	return rc;
}

int
event_app_end(int rc)
{
	g_app.active = false;
	return rc ? rc : atomic_load(&g_app.rc);
}

int
spdk_app_start(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx)
{
	if (event_app_prepare(opts_user, start_fn, ctx)) {
		return 1;
	}
	return event_app_end(event_reactors_run());
}

void
spdk_app_fini(void)
{
	event_signals_restore();
	spdk_trace_cleanup();
	event_reactors_fini();
	event_core_locks_release();
	if (g_app.env_initialized) {
		spdk_env_fini();
	}
	if (g_app.log_opened) {
		spdk_log_close();
	}
	reset_app();
}

int
spdk_app_get_shm_id(void)
{
	return g_app.opts.shm_id;
}

const struct spdk_cpuset *
spdk_app_get_core_mask(void)
{
	return event_reactors_get_cpuset();
}

int
spdk_app_parse_core_mask(const char *mask, struct spdk_cpuset *cpumask)
{
	const struct spdk_cpuset *all = spdk_app_get_core_mask();
	int rc;

	if (!mask || !cpumask) {
		return -EINVAL;
	}
	rc = spdk_cpuset_parse(cpumask, mask);
	if (rc) {
		return rc;
	}

	if (all) {
		spdk_cpuset_and(cpumask, all);
	}
	return 0;
}
