/* SPDX-License-Identifier: BSD-3-Clause */

#include "lib/event/app_internal.h"
#include "lib/event/reactor.h"

#include "spdk/log.h"

#define DEFAULT_BASE_VIRTADDR 0x200000000000
#define DEFAULT_TRACE_ENTRIES 32768

#define HAS_FIELD(size, type, field) (offsetof(type, field) + sizeof(((type *)0)->field) <= (size))

#define SET_FIELD(opts, size, field, value) \
	do { \
		if (HAS_FIELD(size, struct spdk_app_opts, field)) { \
			(opts)->field = (value); \
		} \
	} while (0)

void
spdk_app_opts_init(struct spdk_app_opts *opts, size_t opts_size)
{
	if (!opts) {
		SPDK_ERRLOG("opts should not be NULL\n");
		return;
	}
	if (opts_size == 0) {
		SPDK_ERRLOG("opts_size should be sizeof(struct spdk_app_opts), not 0\n");
		return;
	}

	memset(opts, 0, opts_size);
	SET_FIELD(opts, opts_size, opts_size, opts_size);
	SET_FIELD(opts, opts_size, enable_coredump, true);
	SET_FIELD(opts, opts_size, shm_id, -1);
	SET_FIELD(opts, opts_size, mem_size, -1);
	SET_FIELD(opts, opts_size, main_core, -1);
	SET_FIELD(opts, opts_size, mem_channel, -1);
	SET_FIELD(opts, opts_size, base_virtaddr, DEFAULT_BASE_VIRTADDR);
	SET_FIELD(opts, opts_size, print_level, SPDK_LOG_INFO);
	SET_FIELD(opts, opts_size, rpc_addr, SPDK_DEFAULT_RPC_ADDR);
	SET_FIELD(opts, opts_size, num_entries, DEFAULT_TRACE_ENTRIES);
	SET_FIELD(opts, opts_size, rpc_log_level, SPDK_LOG_DISABLED);
}

void
event_app_opts_copy(struct spdk_app_opts *dst, const struct spdk_app_opts *src)
{
	spdk_app_opts_init(dst, sizeof(*dst));

	/* The structure is packed and only ever grows at its end. */
	memcpy(dst, src, src->opts_size < sizeof(*dst) ? src->opts_size : sizeof(*dst));
	dst->opts_size = sizeof(*dst);
}

void
event_app_opts_copy_back(struct spdk_app_opts *dst, const struct spdk_app_opts *src)
{
	size_t size = dst->opts_size;

	memcpy(dst, src, size < sizeof(*src) ? size : sizeof(*src));
	if (HAS_FIELD(size, struct spdk_app_opts, opts_size)) {
		dst->opts_size = size;
	}
}

/*
 * Options of bdevkit
 */

static struct bdk_app_opts g_bdk_opts;

static void
set_bdk_defaults(struct bdk_app_opts *opts)
{
	struct event_reactor_opts reactor_opts;

	event_reactor_opts_init(&reactor_opts);
	*opts = (struct bdk_app_opts){
		.size = sizeof(*opts),
		.poll = reactor_opts.poll,
		.spin_max_us = reactor_opts.spin_max_us,
		.idle_poll_max_us = reactor_opts.idle_poll_max_us,
	};
}

static void
copy_bdk_opts(struct bdk_app_opts *dst, size_t size, const struct bdk_app_opts *src)
{
	memcpy(dst, src, size < sizeof(*src) ? size : sizeof(*src));
	dst->size = size;
}

void
bdk_app_opts_init(struct bdk_app_opts *opts, size_t size)
{
	struct bdk_app_opts defaults;

	if (!opts || size < sizeof(opts->size)) {
		SPDK_ERRLOG("opts and its size must be given\n");
		return;
	}

	memset(opts, 0, size);
	set_bdk_defaults(&defaults);
	copy_bdk_opts(opts, size, &defaults);
}

int
bdk_app_set_opts(const struct bdk_app_opts *opts)
{
	if (!opts || opts->size < sizeof(opts->size)) {
		SPDK_ERRLOG("opts and its size must be given\n");
		return -EINVAL;
	}

	set_bdk_defaults(&g_bdk_opts);
	memcpy(&g_bdk_opts, opts, opts->size < sizeof(*opts) ? opts->size : sizeof(*opts));
	g_bdk_opts.size = sizeof(g_bdk_opts);
	return 0;
}

void
bdk_app_get_opts(struct bdk_app_opts *opts, size_t size)
{
	if (!opts || size < sizeof(opts->size)) {
		SPDK_ERRLOG("opts and its size must be given\n");
		return;
	}

	if (g_bdk_opts.size == 0) {
		set_bdk_defaults(&g_bdk_opts);
	}
	copy_bdk_opts(opts, size, &g_bdk_opts);
}
