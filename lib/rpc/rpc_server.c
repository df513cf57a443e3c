/* SPDX-License-Identifier: BSD-3-Clause */

/* The RPC service of an application: a Unix socket that one process owns at a time. */

#include "lib/rpc/rpc_internal.h"
#include "spdk/log.h"
#include "spdk/string.h"

struct spdk_rpc_server {
	struct spdk_jsonrpc_server *jsonrpc;
	struct sockaddr_un addr;
	char *lock_path;
	int lock_fd;
};

/* Whether fd is still the file of that path, or one that its last owner has removed meanwhile. */
static bool
is_file_of(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_dev == named.st_dev &&
		opened.st_ino == named.st_ino;
}

static int
take_lock(struct spdk_rpc_server *server)
{
	int rc;

	for (;;) {
		server->lock_fd = open(server->lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
		if (server->lock_fd < 0) {
			rc = -errno;
			SPDK_ERRLOG("Cannot open the lock file %s: %s\n", server->lock_path, spdk_strerror(-rc));
			return rc;
		}
		if (flock(server->lock_fd, LOCK_EX | LOCK_NB) != 0) {
			rc = errno == EWOULDBLOCK ? -EADDRINUSE : -errno;
			SPDK_ERRLOG("RPC Unix domain socket path %s in use. Specify another.\n", server->addr.sun_path);
			close(server->lock_fd);
			server->lock_fd = -1;
			return rc;
		}
		if (is_file_of(server->lock_fd, server->lock_path)) {
			return 0;
		}
		close(server->lock_fd);
	}
}

/* Whether somebody who does not know of the lock answers on the socket. */
static bool
is_alive(const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool alive;

	if (fd < 0) {
		return false;
	}
	alive = connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN;
	close(fd);
	return alive;
}

/* With the lock held, a socket that is there was left behind by a process that died. */
static int
remove_stale(const struct sockaddr_un *addr)
{
	struct stat st;

	if (lstat(addr->sun_path, &st) != 0) {
		return errno == ENOENT ? 0 : -errno;
	}
	if (!S_ISSOCK(st.st_mode)) {
		SPDK_ERRLOG("%s exists and is not a socket: it is left alone. Specify another path.\n", addr->sun_path);
		return -EEXIST;
	}
	if (is_alive(addr)) {
		SPDK_ERRLOG("RPC Unix domain socket path %s in use. Specify another.\n", addr->sun_path);
		return -EADDRINUSE;
	}
	return unlink(addr->sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

static void
release_lock(struct spdk_rpc_server *server)
{
	if (server->lock_fd >= 0) {
		/* Removed before it is unlocked: who opened it meanwhile sees that it is not the named one any more. */
		unlink(server->lock_path);
		close(server->lock_fd);
		server->lock_fd = -1;
	}
}

static int
start_listening(struct spdk_rpc_server *server)
{
	int rc = take_lock(server);

	if (rc != 0) {
		return rc;
	}
	rc = remove_stale(&server->addr);
	if (rc == 0) {
		server->jsonrpc = spdk_jsonrpc_server_listen(
			AF_UNIX, 0, (struct sockaddr *)&server->addr, sizeof(server->addr), rpc_dispatch);
		rc = server->jsonrpc != NULL ? 0 : -errno;
	}
	if (rc != 0) {
		release_lock(server);
	}
	return rc;
}

static void
free_server(struct spdk_rpc_server *server)
{
	free(server->lock_path);
	free(server);
}

int
rpc_server_open(const char *path, struct spdk_rpc_server **_server)
{
	struct spdk_rpc_server *server;
	int rc;

	*_server = NULL;
	if (strlen(path) == 0 || strlen(path) >= sizeof(server->addr.sun_path)) {
		SPDK_ERRLOG("The path of an RPC socket has 1 to %zu characters, not %zu: %s\n",
			sizeof(server->addr.sun_path) - 1, strlen(path), path);
		return -ENAMETOOLONG;
	}
	server = calloc(1, sizeof(*server));
	if (server == NULL || (server->lock_path = spdk_sprintf_alloc("%s.lock", path)) == NULL) {
		free(server);
		return -ENOMEM;
	}
	server->lock_fd = -1;
	server->addr.sun_family = AF_UNIX;
	memcpy(server->addr.sun_path, path, strlen(path));
	rc = start_listening(server);
	if (rc != 0) {
		SPDK_ERRLOG("Unable to start RPC service at %s: %s\n", path, spdk_strerror(-rc));
		free_server(server);
		return rc;
	}
	*_server = server;
	return 0;
}

struct spdk_rpc_server *
spdk_rpc_server_listen(const char *listen_addr)
{
	struct spdk_rpc_server *server;

	rpc_server_open(listen_addr, &server);
	return server;
}

void
spdk_rpc_server_accept(struct spdk_rpc_server *server)
{
	spdk_jsonrpc_server_poll(server->jsonrpc);
}

int
rpc_server_get_fd(struct spdk_rpc_server *server)
{
	return jsonrpc_server_get_fd(server->jsonrpc);
}

const char *
rpc_server_get_path(const struct spdk_rpc_server *server)
{
	return server->addr.sun_path;
}

void
spdk_rpc_server_close(struct spdk_rpc_server *server)
{
	if (server == NULL) {
		return;
	}
	unlink(server->addr.sun_path);
	spdk_jsonrpc_server_shutdown(server->jsonrpc);
	release_lock(server);
	free_server(server);
}
