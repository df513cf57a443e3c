/* SPDX-License-Identifier: BSD-3-Clause */

/* Groups: a thread on each reactor, and what its connections share. */

#include "export/nbd/nbd_internal.h"

#include "bdevkit/thread.h"
#include "spdk/env.h"

#define MODULE_NAME "nbd"
#define IOBUF_SMALL_CACHE 32
#define IOBUF_LARGE_CACHE 8
#define CLOCK_PERIOD_US 1000000

/* Starting and stopping: the app thread waits until all groups have done it. */
static struct {
	uint32_t left;
	int rc;
	void (*done)(int rc);
} g_change;

static int
poll_clock(void *arg)
{
	struct nbd_group *group = arg;
	struct nbd_connection *conn;

	group->seconds++;
	TAILQ_FOREACH (conn, &group->connections, link) {
		nbd_connection_tick(conn);
	}
	if (group->on_clock == 0 && group->window_used == 0) {
		spdk_poller_unregister(&group->clock);
	}
	return SPDK_POLLER_IDLE;
}

void
nbd_group_start_clock(struct nbd_group *group)
{
	if (group->clock == NULL) {
		group->clock = SPDK_POLLER_REGISTER(poll_clock, group, CLOCK_PERIOD_US);
	}
}

/*
 * One iteration: what has arrived, then each connection that has something to do, once; so a busy connection takes its
 * turn with the others, and replies of one iteration go out together.
 */
static int
poll_group(void *arg)
{
	struct nbd_group *group = arg;
	const struct nbd_sock_ops *ops = group->socks->ops;
	struct nbd_connection_list active = TAILQ_HEAD_INITIALIZER(active);
	struct nbd_connection *conn;
	int events = ops->group_poll(group->socks);

	if (events == 0 && TAILQ_EMPTY(&group->active)) {
		return SPDK_POLLER_IDLE;
	}
	TAILQ_CONCAT(&active, &group->active, active_link);
	while ((conn = TAILQ_FIRST(&active)) != NULL) {
		TAILQ_REMOVE(&active, conn, active_link);
		conn->active = false;
		nbd_connection_run(conn);
	}
	ops->group_flush(group->socks);
	return SPDK_POLLER_BUSY;
}

/* ---- start ---- */

static void
change_done(void *arg)
{
	int rc = (int)(intptr_t)arg;

	if (rc != 0 && g_change.rc == 0) {
		g_change.rc = rc;
	}
	if (--g_change.left == 0) {
		g_change.done(g_change.rc);
	}
}

static void
report_change(int rc)
{
	spdk_thread_send_msg(g_nbd_server.thread, change_done, (void *)(intptr_t)rc);
}

static void
release(struct nbd_group *group)
{
	spdk_poller_unregister(&group->poller);
	spdk_poller_unregister(&group->clock);
	if (group->has_iobuf) {
		spdk_iobuf_channel_fini(&group->iobuf);
		group->has_iobuf = false;
	}
	if (group->socks != NULL) {
		group->socks->ops->group_destroy(group->socks);
		group->socks = NULL;
	}
	nbd_request_free_all(group);
}

static int
acquire(struct nbd_group *group)
{
	uint32_t small = IOBUF_SMALL_CACHE, large = IOBUF_LARGE_CACHE;
	struct spdk_iobuf_opts opts;
	int rc = nbd_sock_group_create(&group->socks);

	if (rc != 0) {
		return rc;
	}
	spdk_iobuf_get_opts(&opts, sizeof(opts));
	group->window_max = opts.large_pool_count * opts.large_bufsize / 2 / g_nbd_server.num_groups;
	group->max_rx_large = opts.large_pool_count / 4 / g_nbd_server.num_groups;
	bdk_iobuf_fit_caches(&small, &large);
	rc = spdk_iobuf_channel_init(&group->iobuf, MODULE_NAME, small, large);
	if (rc != 0) {
		return rc;
	}
	group->has_iobuf = true;
	group->poller = SPDK_POLLER_REGISTER(poll_group, group, 0);
	if (group->poller == NULL) {
		return -ENOMEM;
	}
	return bdk_poller_set_wakeup_fd(group->poller, group->socks->ops->group_fd(group->socks));
}

static void
start_on_thread(void *arg)
{
	struct nbd_group *group = arg;
	int rc = acquire(group);

	if (rc != 0) {
		SPDK_ERRLOG("thread %s: %s\n", spdk_thread_get_name(group->thread), strerror(-rc));
		release(group);
	}
	report_change(rc);
}

static struct nbd_group *
create(uint32_t core)
{
	struct nbd_group *group = calloc(1, sizeof(*group));
	struct spdk_cpuset cpus;
	char name[32];

	if (group == NULL) {
		return NULL;
	}
	TAILQ_INIT(&group->connections);
	TAILQ_INIT(&group->active);
	SLIST_INIT(&group->free_requests);
	STAILQ_INIT(&group->free_pieces);
	/* On this one CPU and no other: the sockets of io_uring belong to the system thread that made them. */
	spdk_cpuset_zero(&cpus);
	spdk_cpuset_set_cpu(&cpus, core, true);
	snprintf(name, sizeof(name), "nbd_%" PRIu32, core);
	group->thread = spdk_thread_create(name, &cpus);
	if (group->thread == NULL) {
		free(group);
		return NULL;
	}
	return group;
}

static int
create_all(void)
{
	uint32_t core;

	g_nbd_server.groups = calloc(spdk_env_get_core_count(), sizeof(*g_nbd_server.groups));
	if (g_nbd_server.groups == NULL) {
		return -ENOMEM;
	}
	SPDK_ENV_FOREACH_CORE (core) {
		struct nbd_group *group = create(core);

		if (group == NULL) {
			return -ENOMEM;
		}
		g_nbd_server.groups[g_nbd_server.num_groups++] = group;
	}
	return 0;
}

void
nbd_groups_start(void (*done)(int rc))
{
	int rc = spdk_iobuf_register_module(MODULE_NAME);

	if (rc == 0 || rc == -EEXIST) {
		rc = create_all();
	}
	g_change.done = done;
	g_change.rc = rc;
	g_change.left = g_nbd_server.num_groups;
	if (g_change.left == 0) {
		done(rc);
		return;
	}
	for (uint32_t i = 0; i < g_nbd_server.num_groups; i++) {
		spdk_thread_send_msg(g_nbd_server.groups[i]->thread, start_on_thread, g_nbd_server.groups[i]);
	}
}

/* ---- stop ---- */

static void (*g_stopped)(void);

static void
stop_on_thread(void *arg)
{
	struct nbd_group *group = arg;

	release(group);
	spdk_thread_exit(group->thread);
	report_change(0);
}

static void
free_all(int rc)
{
	for (uint32_t i = 0; i < g_nbd_server.num_groups; i++) {
		free(g_nbd_server.groups[i]);
	}
	free(g_nbd_server.groups);
	g_nbd_server.groups = NULL;
	g_nbd_server.num_groups = 0;
	spdk_iobuf_unregister_module(MODULE_NAME);
	g_stopped();
}

void
nbd_groups_stop(void (*done)(void))
{
	g_stopped = done;
	g_change.done = free_all;
	g_change.rc = 0;
	g_change.left = g_nbd_server.num_groups;
	if (g_change.left == 0) {
		free_all(0);
		return;
	}
	for (uint32_t i = 0; i < g_nbd_server.num_groups; i++) {
		spdk_thread_send_msg(g_nbd_server.groups[i]->thread, stop_on_thread, g_nbd_server.groups[i]);
	}
}
