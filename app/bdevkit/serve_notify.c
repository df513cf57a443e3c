/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Tells a service manager that the target serves: the protocol of sd_notify(3), which is a datagram to the Unix socket
 * that NOTIFY_SOCKET names. Without one there is nobody to tell.
 */

#include "spdk/stdinc.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include "app/bdevkit/serve.h"

/* Returns the size of the address, 0 if the name is none. */
static socklen_t
make_address(const char *name, struct sockaddr_un *address)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length >= sizeof(address->sun_path)) {
		return 0;
	}
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, name, length);
	/* A socket of the abstract namespace. */
	if (name[0] == '@') {
		address->sun_path[0] = '\0';
	}
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void
serve_notify(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {};
	socklen_t size;
	int fd;

	if (name == NULL) {
		return;
	}
	size = make_address(name, &address);
	if (size == 0) {
		SPDK_ERRLOG("NOTIFY_SOCKET: '%s' is not the path of a Unix socket\n", name);
		return;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, size) < 0) {
		SPDK_ERRLOG("NOTIFY_SOCKET %s: %s\n", name, spdk_strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}
