/* SPDX-License-Identifier: BSD-3-Clause */

/* Start and end of the thread library. */

#include "lib/thread/strict.h"

#include "spdk/log.h"

struct thread_lib g_thread_lib;

static int
init_lib(size_t ctx_size, size_t msg_pool_size)
{
	int rc;

	assert(!g_thread_lib.initialized);

	rc = env_mutex_init(&g_thread_lib.lock);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot make the lock of the thread library: %s\n", strerror(-rc));
		return rc;
	}
	rc = thread_msg_pool_init(msg_pool_size);
	if (rc != 0) {
		SPDK_ERRLOG("Cannot make a pool of %zu messages: %s\n", msg_pool_size, strerror(-rc));
		env_mutex_destroy(&g_thread_lib.lock);
		return rc;
	}

	if (strict_is_enabled()) {
		strict_hold_start();
	}
	TAILQ_INIT(&g_thread_lib.threads);
	RB_INIT(&g_thread_lib.io_devices);
	g_thread_lib.ctx_size = ctx_size;
	g_thread_lib.initialized = true;
	return 0;
}

int
spdk_thread_lib_init(spdk_new_thread_fn new_thread_fn, size_t ctx_sz)
{
	int rc;

	rc = init_lib(ctx_sz, SPDK_DEFAULT_MSG_MEMPOOL_SIZE);
	if (rc == 0) {
		g_thread_lib.new_thread_fn = new_thread_fn;
	}
	return rc;
}

int
spdk_thread_lib_init_ext(spdk_thread_op_fn thread_op_fn, spdk_thread_op_supported_fn thread_op_supported_fn,
	size_t ctx_sz, size_t msg_mempool_size)
{
	int rc;

	if ((thread_op_fn == NULL) != (thread_op_supported_fn == NULL)) {
		SPDK_ERRLOG("Both must be defined or undefined together.\n");
		return -EINVAL;
	}

	rc = init_lib(ctx_sz, msg_mempool_size);
	if (rc == 0) {
		g_thread_lib.op_fn = thread_op_fn;
		g_thread_lib.op_supported_fn = thread_op_supported_fn;
	}
	return rc;
}

void
spdk_thread_lib_fini(void)
{
	struct spdk_thread *app_thread = spdk_thread_get_app_thread();
	struct io_device *dev;

	if (!g_thread_lib.initialized) {
		return;
	}

	RB_FOREACH (dev, io_device_tree, &g_thread_lib.io_devices) {
		SPDK_ERRLOG("io_device %s not unregistered\n", dev->name);
		if (strict_is_enabled()) {
			thread_strict_report_device(dev);
		}
	}

	g_thread_lib.new_thread_fn = NULL;
	g_thread_lib.op_fn = NULL;
	g_thread_lib.op_supported_fn = NULL;
	g_thread_lib.ctx_size = 0;
	g_thread_lib.initialized = false;

	/* Kept until here, so that late senders to the app thread get an error and not freed memory. */
	if (app_thread != NULL && thread_state(app_thread) == THREAD_EXITED && app_thread->link.tqe_prev == NULL) {
		thread_free(app_thread);
	}
	atomic_store(&g_thread_lib.app_thread, NULL);

	thread_msg_pool_fini();
	env_mutex_destroy(&g_thread_lib.lock);
}
