/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * A Unix socket that is there only once it can be connected to. bind() makes the file, listen() lets clients in, and who
 * waits for the file and comes in between is refused, as by a server that has died. So it is bound under another name in
 * the same folder, and renamed when it listens.
 */

#include "spdk/util.h"

#include "lib/env/env_internal.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Gives the file its name, unless something has that already. */
static int
rename_new(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
		return 0;
	}
	if (errno != EINVAL && errno != ENOSYS) {
		return errno == EEXIST ? -EADDRINUSE : -errno;
	}
	/* Not every file system knows that. */
	if (link(from, to) != 0) {
		return errno == EEXIST ? -EADDRINUSE : -errno;
	}
	unlink(from);
	return 0;
}

/* In the same folder. False: its name would be too long. */
static bool
make_other_name(struct sockaddr_un *other, const char *path)
{
	uint32_t number;
	int length;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number)) {
		return false;
	}
	other->sun_family = AF_UNIX;
	length = snprintf(other->sun_path, sizeof(other->sun_path), "%s.%08" PRIx32, path, number);
	return length < (int)sizeof(other->sun_path);
}

static int
listen_and_rename(int fd, int backlog, const char *from, const char *to)
{
	int rc = listen(fd, backlog) == 0 ? 0 : -errno;

	if (rc == 0) {
		rc = rename_new(from, to);
	}
	if (rc != 0) {
		unlink(from);
	}
	return rc;
}

int
env_unix_listen(int fd, const struct sockaddr *addr, socklen_t addrlen, int backlog)
{
	const struct sockaddr_un *wanted = (const struct sockaddr_un *)addr;
	char path[sizeof(wanted->sun_path) + 1] = "";
	struct sockaddr_un other = {};

	/* The file gets this mode as it comes to be: there is no moment in which others may connect. */
	if (fchmod(fd, S_IRUSR | S_IWUSR) != 0) {
		return -errno;
	}
	memcpy(path, wanted->sun_path, spdk_min(addrlen - offsetof(struct sockaddr_un, sun_path), sizeof(path) - 1));
	/* Without a path there is no file. Where the other name is refused, the right one may not be. */
	if (path[0] != '\0' && make_other_name(&other, path) &&
		bind(fd, (const struct sockaddr *)&other, sizeof(other)) == 0) {
		return listen_and_rename(fd, backlog, other.sun_path, path);
	}
	return bind(fd, addr, addrlen) == 0 && listen(fd, backlog) == 0 ? 0 : -errno;
}
