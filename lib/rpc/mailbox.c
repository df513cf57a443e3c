/* SPDX-License-Identifier: BSD-3-Clause */

/* Completed requests, from any thread to the server's. */

#include "lib/rpc/jsonrpc_internal.h"

#define MAILBOX_CLOSED ((struct spdk_jsonrpc_request *)1)

static __thread struct jsonrpc_mailbox *t_polling;

struct jsonrpc_mailbox *
jsonrpc_mailbox_create(void)
{
	struct jsonrpc_mailbox *mailbox = calloc(1, sizeof(*mailbox));

	if (mailbox == NULL) {
		return NULL;
	}
	mailbox->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (mailbox->event_fd < 0) {
		free(mailbox);
		return NULL;
	}
	mailbox->refs = 1;
	return mailbox;
}

struct jsonrpc_mailbox *
jsonrpc_mailbox_get(struct jsonrpc_mailbox *mailbox)
{
	__atomic_fetch_add(&mailbox->refs, 1, __ATOMIC_RELAXED);
	return mailbox;
}

void
jsonrpc_mailbox_put(struct jsonrpc_mailbox *mailbox)
{
	if (__atomic_sub_fetch(&mailbox->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		close(mailbox->event_fd);
		free(mailbox);
	}
}

void
jsonrpc_mailbox_wake(struct jsonrpc_mailbox *mailbox)
{
	uint64_t one = 1;

	/* It can only fail when the counter is full, and then the descriptor is readable. */
	if (write(mailbox->event_fd, &one, sizeof(one)) < 0) {
		return;
	}
}

struct jsonrpc_mailbox *
jsonrpc_mailbox_set_polling(struct jsonrpc_mailbox *mailbox)
{
	struct jsonrpc_mailbox *before = t_polling;

	t_polling = mailbox;
	return before;
}

bool
jsonrpc_mailbox_post(struct jsonrpc_mailbox *mailbox, struct spdk_jsonrpc_request *request)
{
	struct spdk_jsonrpc_request *head = __atomic_load_n(&mailbox->head, __ATOMIC_RELAXED);

	/* Once posted, the request and its hold on the mailbox may go at any time. */
	jsonrpc_mailbox_get(mailbox);
	do {
		if (head == MAILBOX_CLOSED) {
			jsonrpc_mailbox_put(mailbox);
			return false;
		}
		request->next_completed = head;
	} while (
		!__atomic_compare_exchange_n(&mailbox->head, &head, request, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));

	/* Who found it empty wakes the server; a server that is being polled by this thread looks by itself. */
	if (head == NULL && t_polling != mailbox) {
		jsonrpc_mailbox_wake(mailbox);
	}
	jsonrpc_mailbox_put(mailbox);
	return true;
}

struct spdk_jsonrpc_request *
jsonrpc_mailbox_take(struct jsonrpc_mailbox *mailbox, bool close)
{
	struct spdk_jsonrpc_request *request, *next, *oldest = NULL;

	request = __atomic_exchange_n(&mailbox->head, close ? MAILBOX_CLOSED : NULL, __ATOMIC_ACQUIRE);
	for (; request != NULL; request = next) {
		next = request->next_completed;
		request->next_completed = oldest;
		oldest = request;
	}
	return oldest;
}

bool
jsonrpc_mailbox_is_empty(const struct jsonrpc_mailbox *mailbox)
{
	return __atomic_load_n(&mailbox->head, __ATOMIC_RELAXED) == NULL;
}
