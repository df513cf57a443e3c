/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Applications: reactors that run SPDK threads on the CPUs that the user chose, subsystems, configuration, RPC server,
 * signals and command line, in one call. An application looks like this:
 *
 *	spdk_app_opts_init(&opts, sizeof(opts));
 *	opts.name = "hello";
 *	if (spdk_app_parse_args(argc, argv, &opts, NULL, NULL, NULL, NULL) != SPDK_APP_PARSE_ARGS_SUCCESS) ...
 *	rc = spdk_app_start(&opts, start, NULL);	// runs until somebody calls spdk_app_stop()
 *	spdk_app_fini();
 *
 * Reactors sleep while there is nothing to do; bdevkit/app.h has the options for that.
 */

#ifndef SPDK_EVENT_H
#define SPDK_EVENT_H

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/init.h"
#include "spdk/queue.h"
#include "spdk/log.h"
#include "spdk/thread.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

struct option;
struct spdk_event;
struct spdk_pci_addr;

/* ---- Options ---- */

/* Called once, on the app thread, when the application is asked to end; it then leads to spdk_app_stop(). */
typedef void (*spdk_app_shutdown_cb)(void);

/* A handler as for signal(2). */
typedef void (*spdk_sighandler_t)(int signal);

/*
 * What spdk_app_start() is to do. The strings and arrays must stay until it returns. Fields named reserved are not used.
 * Those about huge pages and PCI are taken for the sake of existing programs; see the command line's help.
 */
struct spdk_app_opts {
	/* Of the application; must be set. */
	const char *name;
	/* Configuration to load at the start; NULL: none. Not together with json_data. */
	const char *json_config_file;
	/* Go on when a method of the configuration fails. */
	bool json_config_ignore_errors;
	uint8_t reserved17[7];
	/* Path of the RPC socket, SPDK_DEFAULT_RPC_ADDR; NULL: no RPC server. */
	const char *rpc_addr;
	/* CPUs: a hexadecimal mask, or a list in brackets; NULL: the first. Not together with lcore_map. */
	const char *reactor_mask;
	const char *tpoint_group_mask;
	/* Number of this instance, -1 for none. */
	int shm_id;
	uint8_t reserved52[4];
	/* What SIGINT, SIGTERM and spdk_app_start_shutdown() call; NULL: they call spdk_app_stop(0). */
	spdk_app_shutdown_cb shutdown_cb;
	/* Raise the limit of core dumps to 5 GiB. */
	bool enable_coredump;
	uint8_t reserved65[3];
	int mem_channel;
	/* CPU of the app thread; -1: the first. */
	int main_core;
	/* Megabytes that buffers may take at most; -1: no bound. */
	int mem_size;
	bool no_pci;
	bool hugepage_single_segments;
	bool unlink_hugepage;
	/* Use no huge pages, also when the system has free ones. */
	bool no_huge;
	uint8_t reserved84[4];
	const char *hugedir;
	/* Messages of this and more important levels are printed to standard error. */
	enum spdk_log_level print_level;
	uint8_t reserved100[4];
	size_t num_pci_addr;
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	const char *iova_mode;
	/* Start the subsystems only when the RPC method framework_start_init is called. */
	bool delay_subsystem_init;
	uint8_t reserved137[7];
	uint64_t num_entries;
	void *env_context;
	/* Takes all log messages instead of standard error and the system log; NULL: those. */
	spdk_log_cb *log;
	uint64_t base_virtaddr;
	/* sizeof(struct spdk_app_opts) of the caller; set by spdk_app_opts_init(). */
	size_t opts_size;
	/* Leave SIGINT, SIGTERM and SIGPIPE alone. */
	bool disable_signal_handlers;
	/* Let reactors be driven by file descriptors only. */
	bool interrupt_mode;
	/* Fail rather than take memory of another NUMA node. */
	bool enforce_numa;
	uint8_t reserved187[5];
	/* Messages between threads that can be on their way; 0: the default. */
	size_t msg_mempool_size;
	/* Names of the only RPC methods that are allowed, NULL at the end; NULL: all are. */
	const char **rpc_allowlist;
	const char *vf_token;
	/* CPUs as a map of logical to physical ones, "(0-1)@(2-3)"; NULL: see reactor_mask. */
	const char *lcore_map;
	/* Level at which RPC requests and replies are logged; SPDK_LOG_DISABLED: they are not. */
	enum spdk_log_level rpc_log_level;
	/* Where they are written to as well; NULL: nowhere. */
	FILE *rpc_log_file;
	/* Configuration to load at the start, and its size in bytes; NULL: none. */
	void *json_data;
	size_t json_data_size;
	/* Do not claim CPUs with lock files, also when reactors spin on them. */
	bool disable_cpumask_locks;
} __attribute__((packed));

/* Fills in the defaults. opts_size: sizeof(*opts). */
void spdk_app_opts_init(struct spdk_app_opts *opts, size_t opts_size);

/* ---- Command line ---- */

/* The letters that spdk_app_parse_args() knows; an application's own must be others. */
#define SPDK_APP_GETOPT_STRING "c:de:ghi:m:n:p:r:s:uvA:B:L:RW:"

/* How reading a command line went. */
enum spdk_app_parse_args_rvals {
	/* Help or version was shown: exit with success. */
	SPDK_APP_PARSE_ARGS_HELP = 0,
	/* Go on. */
	SPDK_APP_PARSE_ARGS_SUCCESS = 1,
	/* The reason was shown: exit with a code. */
	SPDK_APP_PARSE_ARGS_FAIL = 2,
};

typedef enum spdk_app_parse_args_rvals spdk_app_parse_args_rvals_t;

/*
 * Puts the options of a command line into opts, which spdk_app_opts_init() and the application have filled before.
 * Strings are not copied: argv must stay. Arguments that are no options are ignored.
 *
 * getopt_str and app_long_opts describe options of the application, as for getopt_long(); NULL: it has none. parse is
 * called with the letter or value of each of those and its argument, and returns 0 or a code that ends it all. usage
 * prints help for them. parse may be NULL if there are none.
 */
spdk_app_parse_args_rvals_t spdk_app_parse_args(int argc, char **argv, struct spdk_app_opts *opts,
	const char *getopt_str, const struct option *app_long_opts, int (*parse)(int ch, char *arg),
	void (*usage)(void));

/* Prints the help. After spdk_app_parse_args(). */
void spdk_app_usage(void);

/* ---- Life ---- */

/*
 * Starts an application and runs it on the calling system thread and, for other CPUs, on threads of its own, until
 * spdk_app_stop(). On the app thread it loads the configuration, starts the subsystems, and then calls start_fn(ctx).
 *
 * Returns what spdk_app_stop() was given; 1 if options are wrong or the start failed before anything ran; or the negative
 * errno of a configuration or subsystem that failed (start_fn is not called then). All of that is logged.
 * spdk_app_fini() is to be called in any case; then it may be called again.
 */
int spdk_app_start(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx);

/* Gives back what spdk_app_start() has taken. */
void spdk_app_fini(void);

/*
 * Ends the application: subsystems are stopped in reverse order, the RPC server is closed, threads are exited, and
 * spdk_app_start() returns rc. Any thread. Of several calls the first rc that is not 0 counts.
 */
void spdk_app_stop(int rc);

/* Does what SIGTERM does: calls the shutdown callback or, if there is none, spdk_app_stop(0). Any thread or signal handler. */
void spdk_app_start_shutdown(void);

/* The shm_id of the options. */
int spdk_app_get_shm_id(void);

/* The CPUs that have a reactor. */
const struct spdk_cpuset *spdk_app_get_core_mask(void);

/* Parses a mask or list of CPUs and leaves those of the application. Returns 0, or a negative code if it is none. */
int spdk_app_parse_core_mask(const char *mask, struct spdk_cpuset *cpumask);

/* ---- Events: functions that run on a CPU, outside of any SPDK thread ---- */

/* What an event runs on its core, outside of all SPDK threads. */
typedef void (*spdk_event_fn)(void *arg1, void *arg2);

/* Makes an event for the reactor of a CPU. NULL without memory. */
struct spdk_event *spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2);

/* Lets the event run there, once, which frees it. Any thread. */
void spdk_event_call(struct spdk_event *event);

/* ---- Monitoring ---- */

/* Whether reactors log how often the kernel took their CPU away: INFO lines of the log flag "reactor". On at the start. */
void spdk_framework_enable_context_switch_monitor(bool enabled);
bool spdk_framework_context_switch_monitor_enabled(void);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_EVENT_H */
