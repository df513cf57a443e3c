/* SPDX-License-Identifier: BSD-3-Clause */

#include "nbd_sim.h"

#include "spdk/env.h"

#include <poll.h>

static bool g_started;
static uint64_t g_next_id;

/* The part of the application that the server's subsystem needs. */
static void
groups_started(int rc)
{
	assert_int_equal(rc, 0);
	g_started = true;
}

static void
groups_stopped(void)
{
	g_started = false;
}

void
nbd_sim_start(const char *kind)
{
	static bool env_initialised;
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};

	if (!env_initialised) {
		spdk_env_opts_init(&opts);
		opts.name = "nbd_sim";
		opts.core_mask = "0x1";
		assert_int_equal(spdk_env_init(&opts), 0);
		env_initialised = true;
	}
	setenv("BDEVKIT_NBD_SOCK", kind, 1);
	bdev_sim_start(1, 1);
	g_nbd_server.thread = g_sim_threads[0];
	ON(0, nbd_groups_start(groups_started));
	nbd_sim_pump();
	assert_true(g_started);
	g_nbd_server.state = NBD_SERVER_UP;
}

void
nbd_sim_stop(void)
{
	nbd_sim_pump();
	assert_int_equal(g_nbd_server.num_connections, 0);
	ON(0, nbd_export_end_all());
	nbd_sim_pump();
	assert_int_equal(g_nbd_server.num_ending_exports, 0);
	g_nbd_server.state = NBD_SERVER_DOWN;
	ON(0, nbd_groups_stop(groups_stopped));
	nbd_sim_pump();
	assert_false(g_started);
	bdev_sim_stop();
}

void
nbd_sim_pump(void)
{
	/* The simulation does not know of sockets: what may have arrived is looked for a few times. */
	for (int i = 0; i < 8; i++) {
		for (uint32_t n = 0; n < g_nbd_server.num_groups; n++) {
			bdk_sim_call(g_nbd_server.groups[n]->thread, sim_nothing, NULL);
		}
		bdk_sim_run_until_idle();
	}
}

int
nbd_sim_connect(void)
{
	struct nbd_connection_args *args = calloc(1, sizeof(*args));
	int fds[2];

	assert_non_null(args);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	args->group = g_nbd_server.groups[0];
	args->fd = fds[1];
	args->id = ++g_next_id;
	args->handshake_timeout_sec = 5;
	g_nbd_server.num_connections++;
	ON(0, spdk_thread_send_msg(args->group->thread, nbd_connection_start, args));
	nbd_sim_pump();
	return fds[0];
}

int
nbd_sim_connect_to(const char *export_name, bool structured)
{
	uint32_t flags = htobe32(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
	uint32_t length = strlen(export_name), type;
	struct nbd_greeting greeting;
	char data[256] = {0};
	int fd = nbd_sim_connect();

	nbd_sim_receive(fd, &greeting, sizeof(greeting));
	nbd_sim_send(fd, &flags, sizeof(flags));
	if (structured) {
		nbd_sim_send_option(fd, NBD_OPT_STRUCTURED_REPLY, NULL, 0);
		assert_int_equal(nbd_sim_receive_option_reply(fd, NBD_OPT_STRUCTURED_REPLY), NBD_REP_ACK);
	}
	*(uint32_t *)data = htobe32(length);
	memcpy(data + 4, export_name, length);
	nbd_sim_send_option(fd, NBD_OPT_GO, data, length + 6);
	do {
		type = nbd_sim_receive_option_reply(fd, NBD_OPT_GO);
	} while (type == NBD_REP_INFO);
	assert_int_equal(type, NBD_REP_ACK);
	return fd;
}

void
nbd_sim_send(int fd, const void *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			/* The disk may want to be asked again in a while. */
			bdk_sim_run_for(1000);
			nbd_sim_pump();
			continue;
		}
		data = (const char *)data + n;
		length -= n;
	}
	nbd_sim_pump();
}

size_t
nbd_sim_receive_some(int fd, void *data, size_t size)
{
	ssize_t n;

	nbd_sim_pump();
	n = recv(fd, data, size, MSG_DONTWAIT);
	return n > 0 ? n : 0;
}

void
nbd_sim_receive(int fd, void *data, size_t length)
{
	while (length > 0) {
		size_t n = nbd_sim_receive_some(fd, data, length);

		assert_true(n > 0);
		data = (char *)data + n;
		length -= n;
	}
}

bool
nbd_sim_is_closed(int fd)
{
	char byte;

	nbd_sim_pump();
	return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

void
nbd_sim_send_option(int fd, uint32_t option, const void *data, uint32_t length)
{
	struct nbd_option_header header = {
		.magic = htobe64(NBD_OPTION_MAGIC), .option = htobe32(option), .length = htobe32(length)};

	nbd_sim_send(fd, &header, sizeof(header));
	nbd_sim_send(fd, data, length);
}

uint32_t
nbd_sim_receive_option_reply(int fd, uint32_t option)
{
	struct nbd_option_reply reply;
	char data[8192];

	nbd_sim_receive(fd, &reply, sizeof(reply));
	assert_true(reply.magic == htobe64(NBD_OPTION_REPLY_MAGIC));
	assert_int_equal(be32toh(reply.option), option);
	assert_true(be32toh(reply.length) <= sizeof(data));
	nbd_sim_receive(fd, data, be32toh(reply.length));
	return be32toh(reply.type);
}

void
nbd_sim_send_request(int fd, uint16_t type, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t length)
{
	struct nbd_request_header header = {
		.magic = htobe32(NBD_REQUEST_MAGIC),
		.flags = htobe16(flags),
		.type = htobe16(type),
		.cookie = cookie,
		.offset = htobe64(offset),
		.length = htobe32(length),
	};

	nbd_sim_send(fd, &header, sizeof(header));
}

uint32_t
nbd_sim_receive_simple(int fd, uint64_t cookie)
{
	struct nbd_simple_reply reply;

	nbd_sim_receive(fd, &reply, sizeof(reply));
	assert_int_equal(be32toh(reply.magic), NBD_SIMPLE_REPLY_MAGIC);
	assert_true(reply.cookie == cookie);
	return be32toh(reply.error);
}
