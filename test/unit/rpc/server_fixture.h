/* SPDX-License-Identifier: BSD-3-Clause */

/* A server on a socket in a directory of its own, and clients in the same thread that speak to it. */

#ifndef SERVER_FIXTURE_H
#define SERVER_FIXTURE_H

#include "spdk/stdinc.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include <setjmp.h>
#include <cmocka.h>
#include "lib/rpc/jsonrpc_internal.h"
#include "test/unit/folder_guard.h"

/* Milliseconds after which something that should happen is taken as never happening. */
#define FIXTURE_DEADLINE 60000

static char g_dir[64];
static struct folder_guard g_guard;
static char g_path[100];
static struct spdk_rpc_server *g_server;

/* A client's end, and what it has received. */
struct client {
	int fd;
	char *text;
	size_t size;
	bool eof;
};

static inline int
fixture_setup(void **state)
{
	snprintf(g_dir, sizeof(g_dir), "/tmp/bdevkit-rpc-XXXXXX");
	if (mkdtemp(g_dir) == NULL) {
		return -1;
	}
	g_guard = folder_guard_start(g_dir);
	snprintf(g_path, sizeof(g_path), "%s/rpc.sock", g_dir);
	return rpc_server_open(g_path, &g_server);
}

static inline int
fixture_teardown(void **state)
{
	int rc;

	spdk_rpc_server_close(g_server);
	g_server = NULL;
	/* Fails if the server left something behind. */
	rc = rmdir(g_dir);
	folder_guard_end(&g_guard);
	return rc;
}

static inline struct client
client_open(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct client client = {.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};

	assert_true(client.fd >= 0);
	memcpy(addr.sun_path, g_path, strlen(g_path));
	assert_int_equal(connect(client.fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return client;
}

static inline void
client_close(struct client *client)
{
	close(client->fd);
	free(client->text);
	memset(client, 0, sizeof(*client));
	client->fd = -1;
}

/* Lets the server do what it has to do now. Returns whether that was anything. */
static inline bool
server_step(int timeout)
{
	struct pollfd pfd = {.fd = rpc_server_get_fd(g_server), .events = POLLIN};
	int rc = poll(&pfd, 1, timeout);

	assert_true(rc >= 0);
	if (rc > 0) {
		spdk_rpc_server_accept(g_server);
	}
	return rc > 0;
}

static inline void
server_settle(void)
{
	int steps = 0;

	while (server_step(0)) {
		/* A server that always has something to do spins. */
		assert_true(++steps < 100000);
	}
}

static inline void
client_receive(struct client *client)
{
	char buf[65536];
	ssize_t rc;

	while ((rc = recv(client->fd, buf, sizeof(buf), 0)) > 0) {
		client->text = realloc(client->text, client->size + rc + 1);
		assert_non_null(client->text);
		memcpy(client->text + client->size, buf, rc);
		client->size += rc;
		client->text[client->size] = '\0';
	}
	client->eof = client->eof || rc == 0 || (rc < 0 && errno != EAGAIN);
}

/* Sends all of it, the server being served meanwhile. False: the server closed the connection. */
static inline bool
client_send(struct client *client, const void *data, size_t size)
{
	const char *p = data;

	while (size > 0) {
		ssize_t rc = send(client->fd, p, size, MSG_NOSIGNAL);

		if (rc < 0 && errno == EAGAIN) {
			assert_true(server_step(FIXTURE_DEADLINE));
			continue;
		}
		if (rc < 0) {
			return false;
		}
		p += rc;
		size -= rc;
	}
	return true;
}

static inline void
client_say(struct client *client, const char *text)
{
	assert_true(client_send(client, text, strlen(text)));
}

/* Serves until the client has received that many lines, or sees the end. */
static inline void
client_expect(struct client *client, size_t lines, bool eof)
{
	for (;;) {
		size_t count = 0;

		client_receive(client);
		for (size_t i = 0; i < client->size; i++) {
			count += client->text[i] == '\n';
		}
		if (count >= lines && (client->eof || !eof)) {
			return;
		}
		if (client->eof) {
			fail_msg("closed after %zu lines of %zu: %s", count, lines,
				client->text == NULL ? "" : client->text);
		}
		if (!server_step(FIXTURE_DEADLINE)) {
			fail_msg("nothing happens after %zu lines of %zu", count, lines);
		}
	}
}

/* One round: forgets what was received before, sends, and gives the reply, which is one line. */
static inline const char *
client_ask(struct client *client, const char *text)
{
	client->size = 0;
	client_say(client, text);
	client_expect(client, 1, false);
	return client->text;
}

static inline void
client_expect_text(struct client *client, const char *part)
{
	if (client->text == NULL || strstr(client->text, part) == NULL) {
		fail_msg("'%s' is not in: %s", part, client->text == NULL ? "" : client->text);
	}
}

#endif /* SERVER_FIXTURE_H */
