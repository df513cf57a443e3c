/* SPDX-License-Identifier: BSD-3-Clause */

/* The JSON-RPC servers of the application, driven by their file descriptors on the thread that started them. */

#include "lib/event/reactor.h"
#include "lib/rpc/rpc_internal.h"

#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"

/* For programs that poll their threads themselves, without reactors that would watch a descriptor. */
#define POLL_PERIOD_US 4000

struct server {
	char *addr;
	struct spdk_rpc_server *rpc;
	/* One of them, or neither while the server is paused. */
	struct spdk_interrupt *interrupt;
	struct spdk_poller *poller;
	TAILQ_ENTRY(server) link;
};

static TAILQ_HEAD(, server) g_servers = TAILQ_HEAD_INITIALIZER(g_servers);

static struct server *
find_server(const char *addr)
{
	struct server *server;

	TAILQ_FOREACH (server, &g_servers, link) {
		if (strcmp(server->addr, addr) == 0) {
			return server;
		}
	}

	return NULL;
}

static int
poll_server(void *ctx)
{
	struct server *server = ctx;

	spdk_rpc_server_accept(server->rpc);
	return SPDK_POLLER_BUSY;
}

static int
poll_server_idle(void *ctx)
{
	poll_server(ctx);
	return SPDK_POLLER_IDLE;
}

static int
watch_server(struct server *server)
{
	if (event_reactors_are_initialized()) {
		server->interrupt =
			spdk_interrupt_register(rpc_server_get_fd(server->rpc), poll_server, server, "rpc_server");
	} else {
		server->poller = spdk_poller_register_named(
			poll_server_idle, server, POLL_PERIOD_US, "rpc_subsystem_poll_servers");
	}

	return server->interrupt || server->poller ? 0 : -ENOMEM;
}

static void
unwatch_server(struct server *server)
{
	spdk_interrupt_unregister(&server->interrupt);
	spdk_poller_unregister(&server->poller);
}

static void
free_server(struct server *server)
{
	if (server->rpc) {
		spdk_rpc_server_close(server->rpc);
	}
	free(server->addr);
	free(server);
}

static int
check_opts(const struct spdk_rpc_opts *opts)
{
	if (opts && opts->size == 0) {
		SPDK_ERRLOG("size in the options structure should not be zero\n");
		return -EINVAL;
	}
	if (!spdk_rpc_verify_methods()) {
		return -EINVAL;
	}

	return 0;
}

#define OPTS_HAVE(opts, field) ((opts) && offsetof(struct spdk_rpc_opts, field) + sizeof((opts)->field) <= (opts)->size)

static void
set_log(const struct spdk_rpc_opts *opts)
{
	spdk_jsonrpc_set_log_file(OPTS_HAVE(opts, log_file) ? opts->log_file : NULL);
	spdk_jsonrpc_set_log_level(OPTS_HAVE(opts, log_level) ? opts->log_level : SPDK_LOG_DISABLED);
}

int
spdk_rpc_initialize(const char *listen_addr, const struct spdk_rpc_opts *opts)
{
	struct server *server;
	int rc;

	if (!listen_addr) {
		return 0;
	}
	rc = check_opts(opts);
	if (rc) {
		return rc;
	}
	if (find_server(listen_addr)) {
		SPDK_ERRLOG("Socket listen_addr already in use\n");
		return -EADDRINUSE;
	}

	server = calloc(1, sizeof(*server));
	if (!server) {
		return -ENOMEM;
	}
	server->addr = strdup(listen_addr);
	if (!server->addr) {
		rc = -ENOMEM;
		goto fail;
	}

	rc = rpc_server_open(listen_addr, &server->rpc);
	if (rc) {
		goto fail;
	}

	set_log(opts);
	rc = watch_server(server);
	if (rc) {
		SPDK_ERRLOG("Unable to watch the RPC socket %s: %s\n", listen_addr, spdk_strerror(-rc));
		goto fail;
	}

	TAILQ_INSERT_TAIL(&g_servers, server, link);
	return 0;

fail:
	free_server(server);
	return rc;
}

static void
close_server(struct server *server)
{
	TAILQ_REMOVE(&g_servers, server, link);
	unwatch_server(server);
	free_server(server);
}

void
spdk_rpc_server_finish(const char *listen_addr)
{
	struct server *server = find_server(listen_addr);

	if (!server) {
		SPDK_ERRLOG("No server listening on provided address: %s\n", listen_addr);
		return;
	}

	close_server(server);
}

void
spdk_rpc_finish(void)
{
	struct server *server;

	while ((server = TAILQ_FIRST(&g_servers))) {
		close_server(server);
	}
}

void
spdk_rpc_server_pause(const char *listen_addr)
{
	struct server *server = find_server(listen_addr);

	if (!server) {
		SPDK_ERRLOG("No server listening on provided address: %s\n", listen_addr);
		return;
	}

	unwatch_server(server);
}

void
spdk_rpc_server_resume(const char *listen_addr)
{
	struct server *server = find_server(listen_addr);
	int rc;

	if (!server) {
		SPDK_ERRLOG("No server listening on provided address: %s\n", listen_addr);
		return;
	}
	if (server->interrupt || server->poller) {
		return;
	}

	rc = watch_server(server);
	if (rc) {
		SPDK_ERRLOG("Unable to watch the RPC socket %s: %s\n", listen_addr, spdk_strerror(-rc));
	}
}
