/* SPDX-License-Identifier: BSD-3-Clause */

/* Asks RPC methods through a real socket, while the layer runs in virtual time. */

#ifndef BDEV_RPC_FIXTURE_H
#define BDEV_RPC_FIXTURE_H

#include "bdev_sim.h"
#include "spdk/rpc.h"
#include "test/unit/rpc/server_fixture.h"

static struct client g_client;

static inline int
setup(void **state)
{
	bdev_sim_start(8, 2);
	if (fixture_setup(state) != 0) {
		return -1;
	}
	spdk_rpc_set_state(SPDK_RPC_RUNTIME);
	g_client = client_open();
	return 0;
}

static inline int
teardown(void **state)
{
	client_close(&g_client);
	server_settle();
	bdev_sim_stop();
	return fixture_teardown(state);
}

static inline bool
has_reply(void)
{
	client_receive(&g_client);
	return g_client.size > 0 && g_client.text[g_client.size - 1] == '\n';
}

static inline void
serve(void)
{
	ON(0, server_settle());
	bdk_sim_run_until_idle();
	ON(0, server_settle());
}

/* Asks, and lets so much time pass until the reply has come. Returns what stands behind "id":1, without the end. */
static inline const char *
ask_within(const char *method, const char *params, uint64_t ms)
{
	static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":1,";
	char request[1000];
	uint64_t passed;

	snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}", method,
		params[0] != '\0' ? ",\"params\":" : "", params);
	g_client.size = 0;
	client_say(&g_client, request);
	serve();
	for (passed = 0; !has_reply() && passed < ms; passed += 10) {
		bdk_sim_run_for(10 * 1000);
		serve();
	}
	if (!has_reply()) {
		return "nothing";
	}
	assert_int_equal(strncmp(g_client.text, head, strlen(head)), 0);
	g_client.text[g_client.size - 2] = '\0';
	return g_client.text + strlen(head);
}

static inline const char *
ask(const char *method, const char *params)
{
	return ask_within(method, params, 0);
}

#endif /* BDEV_RPC_FIXTURE_H */
