/* SPDX-License-Identifier: BSD-3-Clause */

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

#define SPDK_APP_GETOPT_STRING "c:de:ghi:m:n:p:r:s:uvA:B:L:RW:"

enum spdk_app_parse_args_rvals {
	SPDK_APP_PARSE_ARGS_HELP = 0,
	SPDK_APP_PARSE_ARGS_SUCCESS = 1,
	SPDK_APP_PARSE_ARGS_FAIL = 2,
};

struct option;
struct spdk_app_opts;
struct spdk_cpuset;
struct spdk_event;
struct spdk_pci_addr;

typedef enum spdk_app_parse_args_rvals spdk_app_parse_args_rvals_t;
typedef void (*spdk_app_shutdown_cb)(void);
typedef void (*spdk_event_fn)(void *arg1, void *arg2);
typedef void (*spdk_sighandler_t)(int signal);

struct spdk_app_opts {
	const char *name;
	const char *json_config_file;
	bool json_config_ignore_errors;
	uint8_t reserved17[7];
	const char *rpc_addr;
	const char *reactor_mask;
	const char *tpoint_group_mask;
	int shm_id;
	uint8_t reserved52[4];
	spdk_app_shutdown_cb shutdown_cb;
	bool enable_coredump;
	uint8_t reserved65[3];
	int mem_channel;
	int main_core;
	int mem_size;
	bool no_pci;
	bool hugepage_single_segments;
	bool unlink_hugepage;
	bool no_huge;
	uint8_t reserved84[4];
	const char *hugedir;
	enum spdk_log_level print_level;
	uint8_t reserved100[4];
	size_t num_pci_addr;
	struct spdk_pci_addr *pci_blocked;
	struct spdk_pci_addr *pci_allowed;
	const char *iova_mode;
	bool delay_subsystem_init;
	uint8_t reserved137[7];
	uint64_t num_entries;
	void *env_context;
	spdk_log_cb *log;
	uint64_t base_virtaddr;
	size_t opts_size;
	bool disable_signal_handlers;
	bool interrupt_mode;
	bool enforce_numa;
	uint8_t reserved187[5];
	size_t msg_mempool_size;
	const char **rpc_allowlist;
	const char *vf_token;
	const char *lcore_map;
	enum spdk_log_level rpc_log_level;
	FILE *rpc_log_file;
	void *json_data;
	size_t json_data_size;
	bool disable_cpumask_locks;
} __attribute__((packed));

void spdk_app_fini(void);
const struct spdk_cpuset *spdk_app_get_core_mask(void);
int spdk_app_get_shm_id(void);
void spdk_app_opts_init(struct spdk_app_opts *opts, size_t opts_size);
spdk_app_parse_args_rvals_t spdk_app_parse_args(int argc, char **argv, struct spdk_app_opts *opts, const char *getopt_str, const struct option *app_long_opts, int (*parse)(int, char *), void (*usage)(void));
int spdk_app_parse_core_mask(const char *mask, struct spdk_cpuset *cpumask);
int spdk_app_start(struct spdk_app_opts *opts_user, spdk_msg_fn start_fn, void *ctx);
void spdk_app_start_shutdown(void);
void spdk_app_stop(int rc);
void spdk_app_usage(void);
struct spdk_event *spdk_event_allocate(uint32_t lcore, spdk_event_fn fn, void *arg1, void *arg2);
void spdk_event_call(struct spdk_event *event);
bool spdk_framework_context_switch_monitor_enabled(void);
void spdk_framework_enable_context_switch_monitor(bool enabled);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_EVENT_H */
