/* SPDX-License-Identifier: BSD-3-Clause */

/* Far more clients than there are buffers: all get their turn, and those that stand still lose theirs. */

#include "nbd_sim.h"

#define BLOCK 512
#define MIB (1024 * 1024)
#define NUM_BLOCKS (16 * MIB / BLOCK)
#define NUM_LARGE 32
#define NUM_CLIENTS 48
#define SECOND 1000000

static struct mem_disk g_disk;
static char g_data[MIB];

struct client {
	int fd;
	struct nbd_request_header header;
	size_t sent;
	bool answered;
};

static int
start(const char *kind)
{
	struct bdk_nbd_export_opts opts = {.size = sizeof(opts), .name = "disk"};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	nbd_sim_start(kind);
	mem_disk_init(&g_disk, "mem", BLOCK, NUM_BLOCKS);
	g_disk.get_buf = true;
	mem_disk_add(&g_disk);
	ON(0, assert_int_equal(bdk_nbd_export_create("mem", &opts), 0));
	memset(g_data, 'x', sizeof(g_data));
	return 0;
}

static int
setup_uring(void **state)
{
	return start("uring");
}

static int
setup_epoll(void **state)
{
	return start("epoll");
}

static int
teardown(void **state)
{
	ON(0, nbd_export_end_all());
	nbd_sim_pump();
	mem_disk_remove(&g_disk);
	nbd_sim_stop();
	return 0;
}

static void
begin(struct client *client, uint16_t type)
{
	memset(client, 0, sizeof(*client));
	client->fd = nbd_sim_connect_to("disk", false);
	client->header.magic = htobe32(NBD_REQUEST_MAGIC);
	client->header.type = htobe16(type);
	client->header.length = htobe32(sizeof(g_data));
}

/* Of the request and its payload, what the socket takes and no more than limit in all; false if it took nothing. */
static bool
feed(struct client *client, size_t limit)
{
	size_t before = client->sent;

	while (client->sent < limit) {
		bool in_header = client->sent < sizeof(client->header);
		const char *data = in_header ? (char *)&client->header + client->sent
					     : g_data + client->sent - sizeof(client->header);
		size_t end = in_header ? sizeof(client->header) : limit;
		ssize_t n = send(client->fd, data, end - client->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n <= 0) {
			break;
		}
		client->sent += n;
	}
	return client->sent > before;
}

static void
take_answer(struct client *client)
{
	struct nbd_simple_reply reply;

	if (!client->answered && recv(client->fd, &reply, sizeof(reply), MSG_DONTWAIT) == sizeof(reply)) {
		assert_int_equal(reply.error, 0);
		client->answered = true;
	}
}

/* Until all are answered; how often nothing moved. */
static void
finish(struct client *clients, uint32_t count, uint64_t patience_us)
{
	uint32_t answered = 0;

	while (answered < count) {
		bool moved = false;
		uint32_t now = 0;

		for (uint32_t i = 0; i < count; i++) {
			moved |= feed(&clients[i], sizeof(clients[i].header) + sizeof(g_data));
		}
		nbd_sim_pump();
		for (uint32_t i = 0; i < count; i++) {
			take_answer(&clients[i]);
			now += clients[i].answered;
		}
		if (!moved && now == answered) {
			assert_true(patience_us > 0);
			bdk_sim_run_for(SECOND);
			patience_us -= SECOND;
		}
		answered = now;
	}
}

static void
close_all(struct client *clients, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		close(clients[i].fd);
	}
	nbd_sim_pump();
}

/* Buffers that somebody else has. */
struct taken {
	void *bufs[NUM_LARGE];
	uint32_t count;
	uint32_t wanted;
};

static void
take(void *arg)
{
	struct taken *taken = arg;
	void *buf;

	while (taken->count < taken->wanted) {
		buf = spdk_iobuf_get(&g_nbd_server.groups[0]->iobuf, NBD_PIECE_SIZE, NULL, NULL);
		if (buf == NULL) {
			return;
		}
		taken->bufs[taken->count++] = buf;
	}
}

static void
put_all(void *arg)
{
	struct taken *taken = arg;

	while (taken->count > 0) {
		spdk_iobuf_put(&g_nbd_server.groups[0]->iobuf, taken->bufs[--taken->count], NBD_PIECE_SIZE);
	}
}

/* Each has just written alone, and waits for more with a large buffer if there is one; then all want one to write from. */
static void
test_many_writers(void **state)
{
	static struct client clients[NUM_CLIENTS];
	struct nbd_group *group = g_nbd_server.groups[0];
	struct taken taken = {.wanted = NUM_LARGE / 8};

	for (uint32_t i = 0; i < NUM_CLIENTS; i++) {
		begin(&clients[i], NBD_CMD_WRITE);
		finish(&clients[i], 1, 0);
		clients[i].sent = 0;
		clients[i].answered = false;
	}
	assert_true(group->num_rx_large > 0);
	bdk_sim_call(group->thread, take, &taken);
	finish(clients, NUM_CLIENTS, 0);
	bdk_sim_call(group->thread, put_all, &taken);
	close_all(clients, NUM_CLIENTS);
	assert_int_equal(g_nbd_server.num_connections, 0);
	assert_int_equal(group->num_rx_large, 0);
}

/*
 * Some send a part of their data and no more, fewer than would fill the server's window, and somebody else has all other
 * buffers: those who stand still lose theirs to those who work.
 */
static void
test_writers_that_stand_still(void **state)
{
	static struct client still[4], clients[8];
	struct nbd_group *group = g_nbd_server.groups[0];
	struct taken taken = {.wanted = NUM_LARGE};

	for (uint32_t i = 0; i < SPDK_COUNTOF(still); i++) {
		begin(&still[i], NBD_CMD_WRITE);
		feed(&still[i], 100000);
		nbd_sim_pump();
	}
	for (uint32_t i = 0; i < SPDK_COUNTOF(clients); i++) {
		begin(&clients[i], NBD_CMD_WRITE);
	}
	bdk_sim_call(group->thread, take, &taken);
	assert_true(taken.count > 0);
	assert_true(group->window_used > 0 && group->window_used <= group->window_max);
	finish(clients, SPDK_COUNTOF(clients), 30 * SECOND);
	bdk_sim_call(group->thread, put_all, &taken);
	close_all(clients, SPDK_COUNTOF(clients));
	close_all(still, SPDK_COUNTOF(still));
	assert_int_equal(g_nbd_server.num_connections, 0);
}

/* Nobody waits: a client may take as long as it likes. */
static void
test_one_that_stands_still_alone(void **state)
{
	struct client client;

	begin(&client, NBD_CMD_WRITE);
	feed(&client, 100000);
	bdk_sim_run_for(100 * SECOND);
	assert_false(nbd_sim_is_closed(client.fd));
	finish(&client, 1, 0);
	close_all(&client, 1);
	assert_int_equal(g_nbd_server.num_connections, 0);
	bdk_sim_run_for(3 * SECOND);
	assert_null(g_nbd_server.groups[0]->clock);
}

#define both(test) \
	cmocka_unit_test_setup_teardown(test, setup_uring, teardown), \
		cmocka_unit_test_setup_teardown(test, setup_epoll, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_many_writers),
		both(test_writers_that_stand_still),
		both(test_one_that_stands_still_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
