/* SPDX-License-Identifier: BSD-3-Clause */

/* Connections byte by byte, over disks that are slow, fail, or go away. */

#include "nbd_sim.h"

#include "lib/env/env_internal.h"

#define BLOCK 512
#define NUM_BLOCKS (16 * 1024 * 1024 / BLOCK)
#define MIB (1024 * 1024)

static struct mem_disk g_disk;
static char g_data[4 * MIB];

static int
start(const char *kind)
{
	struct bdk_nbd_export_opts opts = {.size = sizeof(opts), .name = "disk"};

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	nbd_sim_start(kind);
	mem_disk_init(&g_disk, "mem", BLOCK, NUM_BLOCKS);
	g_disk.get_buf = true;
	g_disk.bdev.write_cache = 1;
	mem_disk_add(&g_disk);
	ON(0, assert_int_equal(bdk_nbd_export_create("mem", &opts), 0));
	for (size_t i = 0; i < sizeof(g_data); i++) {
		g_data[i] = i % 251 + 1;
	}
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
	if (!g_disk.destructed) {
		mem_disk_remove(&g_disk);
	}
	nbd_sim_stop();
	return 0;
}

static void
close_client(int fd)
{
	close(fd);
	nbd_sim_pump();
	assert_int_equal(g_nbd_server.num_connections, 0);
}

/* ---- handshake ---- */

static void
test_options(void **state)
{
#define GO_DATA "\0\0\0\4disk\0\0"
	static const struct {
		uint32_t option;
		const char *data;
		uint32_t length;
		uint32_t last_reply;
	} cases[] = {
		{NBD_OPT_LIST, "", 0, NBD_REP_ACK},
		{NBD_OPT_LIST, "x", 1, NBD_REP_ERR_INVALID},
		{NBD_OPT_STARTTLS, "", 0, NBD_REP_ERR_UNSUP},
		{NBD_OPT_STARTTLS, "x", 1, NBD_REP_ERR_INVALID},
		{NBD_OPT_EXTENDED_HEADERS, "", 0, NBD_REP_ERR_UNSUP},
		{0, "", 0, NBD_REP_ERR_UNSUP},
		{UINT32_MAX, "abc", 3, NBD_REP_ERR_UNSUP},
		{NBD_OPT_INFO, GO_DATA, 10, NBD_REP_ACK},
		{NBD_OPT_INFO, GO_DATA, 9, NBD_REP_ERR_INVALID},
		{NBD_OPT_INFO, GO_DATA "x", 11, NBD_REP_ERR_INVALID},
		{NBD_OPT_INFO, "\0\0\0\4disk\0\2\0\1\0\3", 14, NBD_REP_ACK},
		{NBD_OPT_INFO, "\0\0\0\4disk\0\3\0\1\0\3", 14, NBD_REP_ERR_INVALID},
		{NBD_OPT_INFO, "\0\0\0\3dis\0\0", 9, NBD_REP_ERR_UNKNOWN},
		{NBD_OPT_INFO,
			"\xff\xff\xff\xff"
			"disk\0\0",
			10, NBD_REP_ERR_INVALID},
		{NBD_OPT_INFO, "\0\0\0\0\0\0", 6, NBD_REP_ACK},
		{NBD_OPT_SET_META_CONTEXT, "\0\0\0\4disk\0\0\0\0", 12, NBD_REP_ERR_INVALID},
		{NBD_OPT_STRUCTURED_REPLY, "", 0, NBD_REP_ACK},
		{NBD_OPT_SET_META_CONTEXT, "\0\0\0\4disk\0\0\0\0", 12, NBD_REP_ACK},
		{NBD_OPT_SET_META_CONTEXT, "\0\0\0\4disk\0\0\0\1\0\0\0\17base:allocation", 31, NBD_REP_ACK},
		{NBD_OPT_SET_META_CONTEXT, "\0\0\0\4disk\0\0\0\2\0\0\0\17base:allocation", 31, NBD_REP_ERR_INVALID},
		{NBD_OPT_LIST_META_CONTEXT, "\0\0\0\4disk\xff\xff\xff\xff", 12, NBD_REP_ERR_INVALID},
		{NBD_OPT_GO, "\0\0\0\4dis\xff\0\0", 10, NBD_REP_ERR_INVALID},
		{NBD_OPT_GO, GO_DATA, 10, NBD_REP_ACK},
	};
	uint32_t flags = htobe32(NBD_FLAG_FIXED_NEWSTYLE);
	struct nbd_greeting greeting;
	int fd = nbd_sim_connect();

	nbd_sim_receive(fd, &greeting, sizeof(greeting));
	assert_true(greeting.magic == htobe64(NBD_MAGIC) && greeting.option_magic == htobe64(NBD_OPTION_MAGIC));
	nbd_sim_send(fd, &flags, sizeof(flags));
	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		uint32_t type;

		nbd_sim_send_option(fd, cases[i].option, cases[i].data, cases[i].length);
		do {
			type = nbd_sim_receive_option_reply(fd, cases[i].option);
		} while (type != NBD_REP_ACK && (type & NBD_REP_ERROR) == 0);
		assert_int_equal(type, cases[i].last_reply);
	}
	nbd_sim_send_request(fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
	assert_int_equal(nbd_sim_receive_simple(fd, 1), 0);
	close_client(fd);
}

static void
test_handshake_takes_too_long(void **state)
{
	struct nbd_greeting greeting;
	int fd = nbd_sim_connect();

	nbd_sim_receive(fd, &greeting, sizeof(greeting));
	nbd_sim_send(fd, "\0\0", 2);
	bdk_sim_run_for(4 * 1000 * 1000);
	assert_false(nbd_sim_is_closed(fd));
	bdk_sim_run_for(3 * 1000 * 1000);
	assert_true(nbd_sim_is_closed(fd));
	close_client(fd);
}

/* The process is stopped in the middle of a handshake: the client has done nothing wrong. */
static void
test_handshake_while_the_process_stands_still(void **state)
{
	struct nbd_greeting greeting;
	int fd = nbd_sim_connect();

	nbd_sim_receive(fd, &greeting, sizeof(greeting));
	nbd_sim_send(fd, "\0\0", 2);
	bdk_sim_run_for(2 * 1000 * 1000);
	env_clock_advance(3600 * spdk_get_ticks_hz());
	bdk_sim_run_for(2 * 1000 * 1000);
	assert_false(nbd_sim_is_closed(fd));
	bdk_sim_run_for(4 * 1000 * 1000);
	assert_true(nbd_sim_is_closed(fd));
	close_client(fd);
}

static void
test_a_connection_that_dies_in_each_state(void **state)
{
	char bytes[4 + 16 + 10 + 28 + 2000];
	uint32_t flags = htobe32(3);
	struct nbd_option_header option = {
		.magic = htobe64(NBD_OPTION_MAGIC), .option = htobe32(NBD_OPT_GO), .length = htobe32(10)};
	struct nbd_request_header request = {
		.magic = htobe32(NBD_REQUEST_MAGIC), .type = htobe16(NBD_CMD_WRITE), .length = htobe32(300 * 1024)};

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, &flags, 4);
	memcpy(bytes + 4, &option, 16);
	memcpy(bytes + 20, GO_DATA, 10);
	memcpy(bytes + 30, &request, 28);
	for (size_t length = 0; length < sizeof(bytes); length += length < 60 ? 1 : 333) {
		int fd = nbd_sim_connect();

		nbd_sim_send(fd, bytes, length);
		close_client(fd);
	}
}

/* ---- requests ---- */

static void
write_data(int fd, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t length)
{
	nbd_sim_send_request(fd, NBD_CMD_WRITE, flags, cookie, offset, length);
	nbd_sim_send(fd, g_data + offset % 4096, length);
}

static void
test_fua_is_answered_after_the_flush(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);
	char byte;

	g_disk.mode = MEM_DISK_HOLD;
	g_disk.num_records = 0;
	write_data(fd, NBD_CMD_FLAG_FUA, 7, 0, 4096);
	assert_int_equal(g_disk.num_records, 1);
	mem_disk_release(&g_disk, 1);
	nbd_sim_pump();
	assert_int_equal(g_disk.num_records, 2);
	assert_int_equal(g_disk.records[1].type, SPDK_BDEV_IO_TYPE_FLUSH);
	assert_int_equal(g_disk.records[1].num_blocks, NUM_BLOCKS);
	assert_int_equal(nbd_sim_receive_some(fd, &byte, 1), 0);
	mem_disk_release(&g_disk, 1);
	assert_int_equal(nbd_sim_receive_simple(fd, 7), 0);
	/* A write that failed is not flushed, and told as failed. */
	g_disk.num_records = 0;
	write_data(fd, NBD_CMD_FLAG_FUA, 8, 0, 4096);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	assert_int_equal(nbd_sim_receive_simple(fd, 8), NBD_EIO);
	assert_int_equal(g_disk.num_records, 1);
	close_client(fd);
}

static void
test_a_failed_flush_is_told(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);

	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	nbd_sim_send_request(fd, NBD_CMD_FLUSH, 0, 1, 0, 0);
	assert_int_equal(nbd_sim_receive_simple(fd, 1), NBD_EIO);
	close_client(fd);
}

static void
test_replies_in_any_order(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);

	g_disk.mode = MEM_DISK_HOLD;
	write_data(fd, 0, 1, 0, 512);
	g_disk.mode = MEM_DISK_INLINE;
	write_data(fd, 0, 2, 4096, 512);
	assert_int_equal(nbd_sim_receive_simple(fd, 2), 0);
	mem_disk_release(&g_disk, 1);
	assert_int_equal(nbd_sim_receive_simple(fd, 1), 0);
	close_client(fd);
}

static void
test_failed_reads(void **state)
{
	struct nbd_chunk_error_offset chunk;
	int fd = nbd_sim_connect_to("disk", false);

	g_disk.fail_status = SPDK_BDEV_IO_STATUS_FAILED;
	for (uint32_t length = 512; length <= 2 * MIB; length *= 4) {
		nbd_sim_send_request(fd, NBD_CMD_READ, 0, length, 0, length);
		assert_int_equal(nbd_sim_receive_simple(fd, length), NBD_EIO);
	}
	/* Too long to be collected, and found in time. */
	nbd_sim_send_request(fd, NBD_CMD_READ, 0, 9, 0, 8 * MIB);
	assert_int_equal(nbd_sim_receive_simple(fd, 9), NBD_EIO);
	nbd_sim_send_request(fd, NBD_CMD_FLUSH, 0, 10, 0, 0);
	assert_int_equal(nbd_sim_receive_simple(fd, 10), NBD_EIO);
	close_client(fd);

	fd = nbd_sim_connect_to("disk", true);
	nbd_sim_send_request(fd, NBD_CMD_READ, 0, 5, 1024, 512);
	nbd_sim_receive(fd, &chunk, sizeof(chunk));
	assert_int_equal(be16toh(chunk.reply.type), NBD_REPLY_TYPE_ERROR_OFFSET);
	assert_int_equal(be16toh(chunk.reply.flags), NBD_REPLY_FLAG_DONE);
	assert_int_equal(be32toh(chunk.error), NBD_EIO);
	assert_int_equal(be64toh(chunk.offset), 1024);
	close_client(fd);
}

static void
test_a_read_that_fails_after_its_reply_has_begun(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);
	struct nbd_simple_reply reply;

	memset(g_disk.data, 'd', NUM_BLOCKS * BLOCK);
	g_disk.mode = MEM_DISK_HOLD;
	nbd_sim_send_request(fd, NBD_CMD_READ, 0, 1, 0, 8 * MIB);
	mem_disk_release(&g_disk, 1);
	nbd_sim_receive(fd, &reply, sizeof(reply));
	assert_int_equal(be32toh(reply.error), 0);
	mem_disk_release_status(&g_disk, 1, SPDK_BDEV_IO_STATUS_FAILED);
	while (nbd_sim_receive_some(fd, g_data, sizeof(g_data)) > 0) {
	}
	assert_true(nbd_sim_is_closed(fd));
	g_disk.mode = MEM_DISK_INLINE;
	mem_disk_release(&g_disk, g_disk.num_held);
	close_client(fd);
}

static void
test_what_comes_out_is_what_went_in(void **state)
{
	static char back[2 * MIB];

	g_disk.mode = MEM_DISK_RANDOM;
	for (int structured = 0; structured < 2; structured++) {
		int fd = nbd_sim_connect_to("disk", structured);

		for (uint32_t i = 0; i < 40; i++) {
			uint32_t length = BLOCK * (1 + bdk_sim_random(i % 4 == 0 ? 2000 : 20));
			uint64_t offset = BLOCK * bdk_sim_random(NUM_BLOCKS - length / BLOCK);

			write_data(fd, 0, i, offset, length);
			while (recv(fd, back, 1, MSG_DONTWAIT | MSG_PEEK) <= 0) {
				mem_disk_release(&g_disk, g_disk.num_held);
				bdk_sim_run_for(1000);
				nbd_sim_pump();
			}
			assert_int_equal(nbd_sim_receive_simple(fd, i), 0);
			assert_memory_equal(g_disk.data + offset, g_data + offset % 4096, length);
		}
		close_client(fd);
	}
}

static void
test_a_device_with_a_cache_it_cannot_flush(void **state)
{
	static struct mem_disk disk;
	struct nbd_query query = {0};
	struct nbd_export *export;

	mem_disk_init(&disk, "cached", BLOCK, 1024);
	disk.bdev.write_cache = 1;
	disk.io_types &= ~(1ULL << SPDK_BDEV_IO_TYPE_FLUSH);
	mem_disk_add(&disk);
	ON(0, {
		assert_int_equal(bdk_nbd_export_create("cached", NULL), 0);
		export = TAILQ_LAST(&g_nbd_server.exports, nbd_export_list);
		query.limits = export->limits;
	});
	assert_int_equal(query.limits.flags & (NBD_FLAG_SEND_FLUSH | NBD_FLAG_SEND_FUA | NBD_FLAG_CAN_MULTI_CONN), 0);
	ON(0, assert_int_equal(bdk_nbd_export_delete("cached", NULL, NULL), 0));
	mem_disk_remove(&disk);
}

/* ---- removal ---- */

static void
unregister_cb(void *arg, int rc)
{
	*(bool *)arg = true;
}

static void
test_removal_with_io_in_flight(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);
	bool removed = false;

	g_disk.mode = MEM_DISK_HOLD;
	write_data(fd, 0, 1, 0, 4096);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, unregister_cb, &removed));
	nbd_sim_pump();
	assert_false(removed);
	/* What is under way is finished and answered, and then the connection ends. */
	mem_disk_release(&g_disk, 1);
	assert_int_equal(nbd_sim_receive_simple(fd, 1), 0);
	assert_true(nbd_sim_is_closed(fd));
	bdk_sim_run_for(1000);
	assert_true(removed);
	close_client(fd);
}

static void
test_removal_under_a_client_that_takes_nothing(void **state)
{
	int fd = nbd_sim_connect_to("disk", false);
	bool removed = false;

	memset(g_disk.data, 'd', NUM_BLOCKS * BLOCK);
	nbd_sim_send_request(fd, NBD_CMD_READ, 0, 1, 0, 8 * MIB);
	ON(0, spdk_bdev_unregister(&g_disk.bdev, unregister_cb, &removed));
	nbd_sim_pump();
	bdk_sim_run_for(2 * 1000 * 1000);
	assert_false(removed);
	bdk_sim_run_for((NBD_LINGER_SEC + 2) * 1000 * 1000);
	nbd_sim_pump();
	bdk_sim_run_for(1000);
	assert_true(removed);
	close_client(fd);
}

static void
limit_cb(void *arg, int rc)
{
	assert_int_equal(rc, 0);
	*(bool *)arg = true;
}

/* What a rate limit would hold back for long does not hold the removal of the bdev as long. */
static void
remove_under_a_limit(bool client_stays)
{
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {UINT64_MAX, UINT64_MAX, 1, UINT64_MAX};
	bool limited = false, removed = false;
	uint64_t start;
	int fds[128];

	ON(0, spdk_bdev_set_qos_rate_limits(&g_disk.bdev, limits, limit_cb, &limited));
	nbd_sim_pump();
	assert_true(limited);
	for (size_t i = 0; i < SPDK_COUNTOF(fds); i++) {
		fds[i] = nbd_sim_connect_to("disk", false);
		nbd_sim_send_request(fds[i], NBD_CMD_READ, 0, 1, 0, 128 * 1024);
	}
	for (size_t i = 0; !client_stays && i < SPDK_COUNTOF(fds); i++) {
		close(fds[i]);
	}
	nbd_sim_pump();
	start = spdk_get_ticks();
	ON(0, spdk_bdev_unregister(&g_disk.bdev, unregister_cb, &removed));
	nbd_sim_pump();
	/* It gets some time to finish. */
	assert_false(removed);
	while (!removed) {
		nbd_sim_pump();
		bdk_sim_run_for(100 * 1000);
		assert_true(spdk_get_ticks() - start < (NBD_LINGER_SEC + 3) * spdk_get_ticks_hz());
	}
	for (size_t i = 0; client_stays && i < SPDK_COUNTOF(fds); i++) {
		close(fds[i]);
	}
	nbd_sim_pump();
}

static void
test_removal_under_a_limit(void **state)
{
	remove_under_a_limit(true);
}

static void
test_removal_under_a_limit_after_the_clients(void **state)
{
	remove_under_a_limit(false);
}

#define both(test) \
	cmocka_unit_test_setup_teardown(test, setup_uring, teardown), \
		cmocka_unit_test_setup_teardown(test, setup_epoll, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		both(test_options),
		both(test_handshake_takes_too_long),
		both(test_handshake_while_the_process_stands_still),
		both(test_a_connection_that_dies_in_each_state),
		both(test_fua_is_answered_after_the_flush),
		both(test_a_failed_flush_is_told),
		both(test_replies_in_any_order),
		both(test_failed_reads),
		both(test_a_read_that_fails_after_its_reply_has_begun),
		both(test_what_comes_out_is_what_went_in),
		both(test_a_device_with_a_cache_it_cannot_flush),
		both(test_removal_with_io_in_flight),
		both(test_removal_under_a_client_that_takes_nothing),
		both(test_removal_under_a_limit),
		both(test_removal_under_a_limit_after_the_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
