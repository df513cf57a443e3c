/* SPDX-License-Identifier: BSD-3-Clause */

/* Which kind of socket group: io_uring if the kernel has it and lets us, else epoll. */

#include "export/nbd/sock.h"

#include "spdk/log.h"
#include "spdk/util.h"

static const struct nbd_sock_ops *const g_kinds[] = {&nbd_sock_uring_ops, &nbd_sock_epoll_ops};

int
nbd_sock_group_create(struct nbd_sock_group **group)
{
	const char *forced = getenv("BDEVKIT_NBD_SOCK");
	int rc = -ENOSYS;

	for (size_t i = 0; i < SPDK_COUNTOF(g_kinds); i++) {
		if (forced != NULL && strcmp(forced, g_kinds[i]->name) != 0) {
			continue;
		}
		rc = g_kinds[i]->group_create(group);
		if (rc == 0) {
			return 0;
		}
		SPDK_INFOLOG(nbd, "no sockets by %s: %s\n", g_kinds[i]->name, strerror(-rc));
	}
	if (forced != NULL) {
		SPDK_ERRLOG("BDEVKIT_NBD_SOCK=%s cannot be had: %s\n", forced, strerror(-rc));
	}
	return rc;
}
