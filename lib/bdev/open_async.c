/* SPDX-License-Identifier: BSD-3-Clause */

/* Opening a bdev that may not be there yet. */

#include "lib/bdev/bdev_internal.h"
#include "lib/env/image.h"

#define RETRY_PERIOD_US (100 * 1000)

struct open_request {
	char *bdev_name;
	bool write;
	spdk_bdev_event_cb_t event_cb;
	void *event_ctx;
	spdk_bdev_open_async_cb_t open_cb;
	void *open_cb_arg;

	struct spdk_thread *thread;
	/* In ticks; 0: no second try. */
	uint64_t deadline;
	struct spdk_poller *poller;
	/* The result, once it is known; it is reported by message. */
	bool ended;
	struct bdk_msg report_msg;
	int rc;
	struct spdk_bdev_desc *desc;

	/* A message that tells of the shutdown is on its way, and the one who is to free the request. Under g_lock. */
	bool shutdown_sent;
	struct bdk_msg shutdown_msg;
	TAILQ_ENTRY(open_request) link;
};

/* Innermost: nothing is called and no other lock taken while it is held. */
static struct env_mutex g_lock = ENV_MUTEX_INITIALIZER;
static TAILQ_HEAD(, open_request) g_requests = TAILQ_HEAD_INITIALIZER(g_requests);
static bool g_shutdown;

static void
free_request(struct open_request *request)
{
	free(request->bdev_name);
	free(request);
}

bool
bdev_open_async_has(const struct env_image *image, char **why)
{
	struct open_request *request;

	ENV_MUTEX_SCOPE(&g_lock);
	TAILQ_FOREACH (request, &g_requests, link) {
		if (ENV_IMAGE_HAS_FN(image, request->open_cb)) {
			*why = spdk_sprintf_alloc("it is opening bdev %s", request->bdev_name);
			return true;
		}
	}
	return false;
}

static void
report_cb(void *ctx)
{
	struct open_request *request = ctx;
	bool drained;

	request->open_cb(request->desc, request->rc, request->open_cb_arg);

	env_mutex_lock(&g_lock);
	TAILQ_REMOVE(&g_requests, request, link);
	drained = g_shutdown && TAILQ_EMPTY(&g_requests);
	/* Else the message of the shutdown still carries the request. */
	if (!request->shutdown_sent) {
		free_request(request);
	} else {
		request->shutdown_sent = false;
	}
	env_mutex_unlock(&g_lock);

	if (drained) {
		bdev_manager_notify();
	}
}

static void
end_request(struct open_request *request, int rc)
{
	spdk_poller_unregister(&request->poller);
	request->ended = true;
	request->rc = rc;
	bdk_msg_send(request->thread, &request->report_msg, report_cb, request);
}

static void
shutdown_cb(void *ctx)
{
	struct open_request *request = ctx;
	bool reported;

	env_mutex_lock(&g_lock);
	reported = !request->shutdown_sent;
	request->shutdown_sent = false;
	env_mutex_unlock(&g_lock);

	if (reported) {
		free_request(request);
	} else if (!request->ended) {
		end_request(request, -ESHUTDOWN);
	}
}

static int
try_open(struct open_request *request)
{
	return spdk_bdev_open_ext(
		request->bdev_name, request->write, request->event_cb, request->event_ctx, &request->desc);
}

static int
retry_poller_cb(void *ctx)
{
	struct open_request *request = ctx;
	int rc;

	rc = try_open(request);
	if (rc == 0) {
		end_request(request, 0);
	} else if (spdk_get_ticks() >= request->deadline) {
		request->desc = NULL;
		end_request(request, -ETIMEDOUT);
	}
	return rc == 0 ? SPDK_POLLER_BUSY : SPDK_POLLER_IDLE;
}

static uint64_t
deadline_of(uint64_t timeout_ms)
{
	uint64_t hz = spdk_get_ticks_hz(), now = spdk_get_ticks(), max_ms = (UINT64_MAX - now) / hz * 1000;

	if (timeout_ms >= max_ms) {
		return UINT64_MAX;
	}
	return now + timeout_ms / 1000 * hz + timeout_ms % 1000 * hz / 1000;
}

static void
start_request(struct open_request *request, uint64_t timeout_ms)
{
	bool shutdown;
	int rc;

	env_mutex_lock(&g_lock);
	shutdown = g_shutdown;
	TAILQ_INSERT_TAIL(&g_requests, request, link);
	env_mutex_unlock(&g_lock);

	if (shutdown) {
		end_request(request, -ESHUTDOWN);
		return;
	}
	rc = try_open(request);
	if (rc == 0 || timeout_ms == 0) {
		end_request(request, rc);
		return;
	}
	request->deadline = deadline_of(timeout_ms);
	request->poller = SPDK_POLLER_REGISTER(retry_poller_cb, request, RETRY_PERIOD_US);
	if (request->poller == NULL) {
		end_request(request, rc);
	}
}

int
spdk_bdev_open_async(const char *bdev_name, bool write, spdk_bdev_event_cb_t event_cb, void *event_ctx,
	struct spdk_bdev_open_async_opts *opts, spdk_bdev_open_async_cb_t open_cb, void *open_cb_arg)
{
	struct open_request *request;
	uint64_t timeout_ms = 0;

	if (bdev_name == NULL || event_cb == NULL || open_cb == NULL) {
		SPDK_ERRLOG("opening a bdev asynchronously needs a name and both callbacks\n");
		return -EINVAL;
	}
	if (opts != NULL) {
		if (opts->size == 0) {
			SPDK_ERRLOG("bdev %s: the size of the open options is not set\n", bdev_name);
			return -EINVAL;
		}
		if (opts->size >= offsetof(struct spdk_bdev_open_async_opts, timeout_ms) + sizeof(opts->timeout_ms)) {
			timeout_ms = opts->timeout_ms;
		}
	}
	if (spdk_get_thread() == NULL) {
		return -ENOTSUP;
	}

	request = calloc(1, sizeof(*request));
	if (request == NULL) {
		return -ENOMEM;
	}
	request->bdev_name = strdup(bdev_name);
	if (request->bdev_name == NULL) {
		free(request);
		return -ENOMEM;
	}
	request->write = write;
	request->event_cb = event_cb;
	request->event_ctx = event_ctx;
	request->open_cb = open_cb;
	request->open_cb_arg = open_cb_arg;
	request->thread = spdk_get_thread();
	start_request(request, timeout_ms);
	return 0;
}

bool
bdev_open_async_shutdown(void)
{
	struct open_request *request;
	bool first;

	ENV_MUTEX_SCOPE(&g_lock);
	first = !g_shutdown;
	g_shutdown = true;
	if (first) {
		TAILQ_FOREACH (request, &g_requests, link) {
			request->shutdown_sent =
				bdk_msg_send(request->thread, &request->shutdown_msg, shutdown_cb, request) == 0;
		}
	}
	return TAILQ_EMPTY(&g_requests);
}

void
bdev_open_async_restart(void)
{
	ENV_MUTEX_SCOPE(&g_lock);
	g_shutdown = false;
}
