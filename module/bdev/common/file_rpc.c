/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/common/file_rpc.h"

#include "spdk/stdinc.h"
#include "spdk/thread.h"

#include <stdalign.h>

#define PERIOD_US 20000

uint32_t g_file_rpc_attempts = 100;

struct creation {
	struct spdk_jsonrpc_request *request;
	const struct file_rpc_creator *creator;
	struct spdk_poller *poller;
	uint32_t num_attempts;
	alignas(max_align_t) char params[];
};

static int
try_again(void *arg)
{
	struct creation *creation = arg;
	const char *why;
	int rc = creation->creator->create(creation->params, &why);

	if (rc == -EBUSY && ++creation->num_attempts < g_file_rpc_attempts) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&creation->poller);
	creation->creator->answer(creation->request, creation->params, rc, why);
	creation->creator->free_strings(creation->params);
	free(creation);
	return SPDK_POLLER_BUSY;
}

/* Whether it will be tried again. */
static bool
begin_waiting(struct spdk_jsonrpc_request *request, const struct file_rpc_creator *creator, void *params)
{
	struct creation *creation = calloc(1, sizeof(*creation) + creator->params_size);

	if (creation == NULL) {
		return false;
	}
	creation->request = request;
	creation->creator = creator;
	creation->poller = SPDK_POLLER_REGISTER(try_again, creation, PERIOD_US);
	if (creation->poller == NULL) {
		free(creation);
		return false;
	}
	memcpy(creation->params, params, creator->params_size);
	creator->take_strings(params);
	return true;
}

void
file_rpc_create(struct spdk_jsonrpc_request *request, const struct file_rpc_creator *creator, void *params)
{
	const char *why;
	int rc = creator->create(params, &why);

	if (rc != -EBUSY || !begin_waiting(request, creator, params)) {
		creator->answer(request, params, rc, why);
	}
}
