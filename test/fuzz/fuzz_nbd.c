/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Any bytes from an NBD client, in each phase of a connection (the first byte chooses), in two pieces. The connection must
 * end when the client goes, nothing may be left of it, and a well-behaved client must be served as if nothing had happened.
 */

#include "test/fuzz/fuzz.h"
#include "test/unit/nbd/nbd_sim.h"

#define BLOCK 512
#define NUM_BLOCKS 16384

static struct mem_disk g_disk;

static void
start(void)
{
	static bool started;

	if (started) {
		return;
	}
	started = true;
	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	nbd_sim_start("epoll");
	mem_disk_init(&g_disk, "disk", BLOCK, NUM_BLOCKS);
	g_disk.get_buf = true;
	mem_disk_add(&g_disk);
	ON(0, FUZZ_CHECK(bdk_nbd_export_create("disk", NULL) == 0));
	memset(g_disk.data, 'd', BLOCK * NUM_BLOCKS);
}

/* Sends as much as the server takes while nobody reads its replies, then reads them. */
static void
converse(int fd, const uint8_t *data, size_t size)
{
	static char replies[1 << 20];

	while (size > 0) {
		ssize_t n = send(fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			data += n;
			size -= n;
		} else if (errno != EAGAIN || nbd_sim_receive_some(fd, replies, sizeof(replies)) == 0) {
			break;
		}
		nbd_sim_pump();
	}
	while (nbd_sim_receive_some(fd, replies, sizeof(replies)) > 0) {
	}
}

static int
connect_in_phase(uint8_t phase)
{
	switch (phase % 4) {
	case 0:
		return nbd_sim_connect();
	case 1: {
		int fd = nbd_sim_connect();
		uint32_t flags = htobe32(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);

		nbd_sim_send(fd, &flags, sizeof(flags));
		return fd;
	}
	case 2:
		return nbd_sim_connect_to("disk", false);
	default:
		return nbd_sim_connect_to("disk", true);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t half;
	int fd;

	if (size < 2) {
		return 0;
	}
	start();
	fd = connect_in_phase(data[0]);
	half = 1 + data[1] % (size - 1);
	converse(fd, data + 1, half - 1);
	converse(fd, data + half, size - half);
	close(fd);
	nbd_sim_pump();
	FUZZ_CHECK(g_nbd_server.num_connections == 0);
	FUZZ_CHECK(g_nbd_server.groups[0]->window_used == 0);

	fd = nbd_sim_connect_to("disk", false);
	nbd_sim_send_request(fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
	FUZZ_CHECK(nbd_sim_receive_simple(fd, 1) == 0);
	close(fd);
	nbd_sim_pump();
	return 0;
}
