/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Loads an NBD server over a Unix socket with as little work of its own as possible, so that the server is the limit:
 * one connection, requests written and replies read many at a time. With the server's process id it also tells what CPU
 * time an operation costs there, which holds on a busy machine too.
 *
 *   nbd_bench SOCKET EXPORT read|write [-b BLOCK_SIZE] [-q QUEUE_DEPTH] [-t SECONDS] [-l] [-s] [-p PID]
 *
 * -l: one offset after another instead of random ones; -s: structured replies. Before reading the whole export is filled
 * with data that is not zero.
 */

#include "export/nbd/nbd_protocol.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define MAX_QUEUE_DEPTH 256
#define RECEIVE_SIZE (1 << 20)

static struct {
	const char *socket_path;
	const char *export_name;
	bool write;
	bool sequential;
	bool structured;
	uint32_t block_size;
	uint32_t queue_depth;
	double seconds;
	int pid;
} g_options = {.block_size = 4096, .queue_depth = 32, .seconds = 3};

static int g_fd;
static uint64_t g_size;
static uint64_t g_random = 88172645463325252ULL;
static uint64_t g_next_offset;
static char *g_payload;
static char g_buffer[RECEIVE_SIZE];
static size_t g_start, g_end;
/* Bytes of data that are still to be skipped before the next header. */
static size_t g_skip;

static void
fail(const char *what)
{
	fprintf(stderr, "nbd_bench: %s: %s\n", what, errno != 0 ? strerror(errno) : "unexpected answer");
	exit(1);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* CPU time that a process has used, in seconds. */
static double
cpu_time(int pid)
{
	char path[64], line[1024];
	unsigned long user = 0, system = 0;
	FILE *file;
	char *rest;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file == NULL || fgets(line, sizeof(line), file) == NULL || (rest = strrchr(line, ')')) == NULL) {
		fail(path);
	}
	fclose(file);
	sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
	return (double)(user + system) / sysconf(_SC_CLK_TCK);
}

/* ---- handshake ---- */

static void
send_all(const void *data, size_t length)
{
	while (length > 0) {
		ssize_t n = send(g_fd, data, length, MSG_NOSIGNAL);

		if (n <= 0) {
			fail("send");
		}
		data = (const char *)data + n;
		length -= n;
	}
}

static void
receive_all(void *data, size_t length)
{
	while (length > 0) {
		ssize_t n = recv(g_fd, data, length, 0);

		if (n <= 0) {
			fail("recv");
		}
		data = (char *)data + n;
		length -= n;
	}
}

static void
send_option(uint32_t option, const void *data, uint32_t length)
{
	struct nbd_option_header header = {
		.magic = htobe64(NBD_OPTION_MAGIC), .option = htobe32(option), .length = htobe32(length)};

	send_all(&header, sizeof(header));
	send_all(data, length);
}

/* The type of the next reply; its data is in g_buffer. */
static uint32_t
receive_option_reply(void)
{
	struct nbd_option_reply reply;

	receive_all(&reply, sizeof(reply));
	receive_all(g_buffer, be32toh(reply.length));
	return be32toh(reply.type);
}

static void
enter_export(void)
{
	uint32_t name_length = strlen(g_options.export_name);
	char data[4096 + 6] = {0};
	uint32_t type;

	if (name_length > 4096) {
		fail("name");
	}
	*(uint32_t *)data = htobe32(name_length);
	memcpy(data + 4, g_options.export_name, name_length);
	send_option(NBD_OPT_GO, data, name_length + 6);
	while ((type = receive_option_reply()) == NBD_REP_INFO) {
		struct nbd_info_export info;

		memcpy(&info, g_buffer, sizeof(info));
		if (info.type == htobe16(NBD_INFO_EXPORT)) {
			g_size = be64toh(info.size);
		}
	}
	if (type != NBD_REP_ACK) {
		fail("the export cannot be had");
	}
}

static void
connect_to_server(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct nbd_greeting greeting;
	uint32_t flags = htobe32(NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", g_options.socket_path);
	g_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (g_fd < 0 || connect(g_fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fail(g_options.socket_path);
	}
	receive_all(&greeting, sizeof(greeting));
	send_all(&flags, sizeof(flags));
	if (g_options.structured) {
		send_option(NBD_OPT_STRUCTURED_REPLY, NULL, 0);
		if (receive_option_reply() != NBD_REP_ACK) {
			fail("no structured replies");
		}
	}
	enter_export();
}

/* ---- load ---- */

static uint64_t
next_offset(void)
{
	uint64_t blocks = g_size / g_options.block_size;

	if (g_options.sequential) {
		g_next_offset = (g_next_offset + 1) % blocks;
		return g_next_offset * g_options.block_size;
	}
	g_random ^= g_random << 13;
	g_random ^= g_random >> 7;
	g_random ^= g_random << 17;
	return g_random % blocks * g_options.block_size;
}

static void
send_vectors(struct iovec *iov, int count)
{
	while (count > 0) {
		ssize_t n = writev(g_fd, iov, count < 512 ? count : 512);

		if (n <= 0) {
			fail("writev");
		}
		while (count > 0 && (size_t)n >= iov->iov_len) {
			n -= iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + n;
			iov->iov_len -= n;
		}
	}
}

static void
send_requests(uint32_t count, bool write)
{
	static struct nbd_request_header headers[MAX_QUEUE_DEPTH];
	static struct iovec iov[2 * MAX_QUEUE_DEPTH];
	int vectors = 0;

	for (uint32_t i = 0; i < count; i++) {
		headers[i] = (struct nbd_request_header){
			.magic = htobe32(NBD_REQUEST_MAGIC),
			.type = htobe16(write ? NBD_CMD_WRITE : NBD_CMD_READ),
			.offset = htobe64(next_offset()),
			.length = htobe32(g_options.block_size),
		};
		iov[vectors++] = (struct iovec){.iov_base = &headers[i], .iov_len = sizeof(headers[i])};
		if (write) {
			iov[vectors++] = (struct iovec){.iov_base = g_payload, .iov_len = g_options.block_size};
		}
	}
	send_vectors(iov, vectors);
}

/* Takes one reply, or a part of one, from what has arrived; false: more has to arrive. done: a request has its whole reply. */
static bool
take_reply(bool write, bool *done)
{
	size_t available = g_end - g_start;
	uint32_t magic;

	*done = false;
	if (g_skip > 0) {
		size_t skipped = g_skip < available ? g_skip : available;

		g_start += skipped;
		g_skip -= skipped;
		return g_skip == 0 && skipped > 0;
	}
	if (available < sizeof(struct nbd_structured_reply)) {
		if (available < sizeof(struct nbd_simple_reply) ||
			*(uint32_t *)(g_buffer + g_start) != htobe32(NBD_SIMPLE_REPLY_MAGIC)) {
			return false;
		}
	}
	magic = be32toh(*(uint32_t *)(g_buffer + g_start));
	if (magic == NBD_SIMPLE_REPLY_MAGIC) {
		if (((struct nbd_simple_reply *)(g_buffer + g_start))->error != 0) {
			fail("a request failed");
		}
		g_start += sizeof(struct nbd_simple_reply);
		g_skip = write ? 0 : g_options.block_size;
		*done = true;
	} else if (magic == NBD_STRUCTURED_REPLY_MAGIC) {
		struct nbd_structured_reply *reply = (struct nbd_structured_reply *)(g_buffer + g_start);

		if (be16toh(reply->type) & NBD_REPLY_ERROR) {
			fail("a request failed");
		}
		*done = (be16toh(reply->flags) & NBD_REPLY_FLAG_DONE) != 0;
		g_skip = be32toh(reply->length);
		g_start += sizeof(*reply);
	} else {
		errno = 0;
		fail("not a reply");
	}
	return true;
}

/* At least one reply, and all that have arrived with it. */
static uint32_t
receive_replies(bool write)
{
	uint32_t count = 0;
	bool done;

	do {
		ssize_t n;

		memmove(g_buffer, g_buffer + g_start, g_end - g_start);
		g_end -= g_start;
		g_start = 0;
		n = recv(g_fd, g_buffer + g_end, sizeof(g_buffer) - g_end, 0);
		if (n <= 0) {
			fail("recv");
		}
		g_end += n;
		while (take_reply(write, &done)) {
			count += done;
		}
		count += done;
	} while (count == 0);
	return count;
}

/* Runs until so many operations are done or the time is over; returns how many were done. */
static uint64_t
run(bool write, uint64_t operations, double until)
{
	uint64_t sent = g_options.queue_depth, finished = 0;
	bool over = false;

	if (sent > operations) {
		sent = operations;
	}
	send_requests(sent, write);
	while (finished < sent) {
		uint32_t count = receive_replies(write);

		finished += count;
		over = over || now() >= until;
		if (!over) {
			if (count > operations - sent) {
				count = operations - sent;
			}
			send_requests(count, write);
			sent += count;
		}
	}
	return finished;
}

static void
fill(void)
{
	bool sequential = g_options.sequential;
	uint32_t block_size = g_options.block_size, queue_depth = g_options.queue_depth;

	g_options.sequential = true;
	g_options.block_size = 65536;
	g_options.queue_depth = 8;
	run(true, g_size / g_options.block_size, now() + 1000);
	g_options.sequential = sequential;
	g_options.block_size = block_size;
	g_options.queue_depth = queue_depth;
}

static void
parse_options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "b:q:t:p:ls")) != -1) {
		switch (option) {
		case 'b':
			g_options.block_size = strtoul(optarg, NULL, 0);
			break;
		case 'q':
			g_options.queue_depth = strtoul(optarg, NULL, 0);
			break;
		case 't':
			g_options.seconds = strtod(optarg, NULL);
			break;
		case 'p':
			g_options.pid = atoi(optarg);
			break;
		case 'l':
			g_options.sequential = true;
			break;
		case 's':
			g_options.structured = true;
			break;
		default:
			exit(2);
		}
	}
	if (argc - optind != 3 || g_options.queue_depth == 0 || g_options.queue_depth > MAX_QUEUE_DEPTH ||
		g_options.block_size == 0) {
		fprintf(stderr,
			"usage: nbd_bench SOCKET EXPORT read|write [-b BLOCK_SIZE] [-q QUEUE_DEPTH (to 256)] "
			"[-t SECONDS] [-l] [-s] [-p PID]\n");
		exit(2);
	}
	g_options.socket_path = argv[optind];
	g_options.export_name = argv[optind + 1];
	g_options.write = strcmp(argv[optind + 2], "write") == 0;
}

int
main(int argc, char **argv)
{
	double start, elapsed, cpu = 0;
	uint64_t operations;
	size_t payload_size;

	parse_options(argc, argv);
	payload_size = g_options.block_size > 65536 ? g_options.block_size : 65536;
	g_payload = malloc(payload_size);
	memset(g_payload, 0xa5, payload_size);
	connect_to_server();
	if (!g_options.write) {
		fill();
	}
	if (g_options.pid != 0) {
		cpu = cpu_time(g_options.pid);
	}
	start = now();
	operations = run(g_options.write, UINT64_MAX, start + g_options.seconds);
	elapsed = now() - start;
	printf("%.0f operations/s, %.1f MiB/s", operations / elapsed,
		operations / elapsed * g_options.block_size / 1048576.0);
	if (g_options.pid != 0) {
		printf(", server CPU %.0f ns per operation", (cpu_time(g_options.pid) - cpu) * 1e9 / operations);
	}
	printf("\n");
	return 0;
}
