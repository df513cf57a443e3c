/* SPDX-License-Identifier: BSD-3-Clause */

/* From the address that somebody gives to a socket that listens. */

#include "module/metrics/metrics_address.h"
#include "module/metrics/metrics.h"

#include "lib/env/env_internal.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BACKLOG 16

/* A file that a process which has died has left is no one's any more. */
static void
remove_dead_socket(const struct sockaddr_un *addr)
{
	struct stat st;
	int fd;

	if (stat(addr->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		return;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) != 0 && errno == ECONNREFUSED) {
			unlink(addr->sun_path);
		}
		close(fd);
	}
}

static int
listen_unix(const char *path, const char **why)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, rc;

	if (*path == '\0' || strlen(path) >= sizeof(addr.sun_path)) {
		*why = "the path of a Unix socket has between 1 and 107 bytes";
		return -EINVAL;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	remove_dead_socket(&addr);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	rc = env_unix_listen(fd, (const struct sockaddr *)&addr, sizeof(addr), BACKLOG);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	return fd;
}

/* HOST:PORT or PORT, to a numeric address. The caller frees *info. */
static int
resolve(const char *where, struct addrinfo **info)
{
	const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *colon = strrchr(where, ':'), *port = colon != NULL ? colon + 1 : where;
	char host[128] = "127.0.0.1";
	size_t length = colon != NULL ? (size_t)(colon - where) : 0;

	if (length >= sizeof(host) || *port == '\0') {
		return -EINVAL;
	}
	if (length >= 2 && where[0] == '[' && where[length - 1] == ']') {
		snprintf(host, sizeof(host), "%.*s", (int)(length - 2), where + 1);
	} else if (length > 0) {
		snprintf(host, sizeof(host), "%.*s", (int)length, where);
	}
	return getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, info) == 0 ? 0 : -EINVAL;
}

static int
listen_tcp(const char *where, const char **why)
{
	struct addrinfo *info;
	int fd, rc, one = 1;

	if (resolve(where, &info) != 0) {
		*why = "after tcp: comes PORT, or HOST:PORT";
		return -EINVAL;
	}
	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	rc = fd < 0 ? -errno : 0;
	if (rc == 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
			rc = -errno;
			close(fd);
		}
	}
	freeaddrinfo(info);
	return rc != 0 ? rc : fd;
}

/* With the port that the system has chosen. */
static void
describe(int fd, char *bound)
{
	struct sockaddr_storage addr = {};
	socklen_t size = sizeof(addr);
	char host[64], port[16];

	if (getsockname(fd, (struct sockaddr *)&addr, &size) == 0 &&
		getnameinfo((const struct sockaddr *)&addr, size, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) == 0) {
		snprintf(bound, METRICS_ADDRESS_SIZE, addr.ss_family == AF_INET6 ? "tcp:[%s]:%s" : "tcp:%s:%s", host,
			port);
	}
}

int
metrics_listen(const char *address, char *bound, const char **why)
{
	int fd;

	*why = NULL;
	if (strncmp(address, "unix:", 5) == 0) {
		fd = listen_unix(address + 5, why);
		if (fd >= 0) {
			snprintf(bound, METRICS_ADDRESS_SIZE, "%s", address);
		}
		return fd;
	}
	if (strncmp(address, "tcp:", 4) == 0) {
		fd = listen_tcp(address + 4, why);
		if (fd >= 0) {
			describe(fd, bound);
		}
		return fd;
	}
	*why = "an address is tcp:PORT, tcp:HOST:PORT or unix:PATH";
	return -EINVAL;
}

void
metrics_unlisten(const char *bound)
{
	if (strncmp(bound, "unix:", 5) == 0) {
		unlink(bound + 5);
	}
}
