/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * How fast JSON is parsed and written, and how many requests of one connection are answered in a second of CPU time.
 *
 *   json_bench [SECONDS]
 *
 * Texts: "config", like a large saved configuration; "string", one string; "numbers", an array of them.
 */

#include "spdk/util.h"
#include "lib/rpc/jsonrpc_internal.h"

#define TEXT_SIZE (4 << 20)
#define BATCH 128

static double g_seconds = 0.5;

struct text {
	char *data;
	size_t size;
};

static struct text
make_text(void)
{
	struct text text = {.data = malloc(TEXT_SIZE + 4096)};

	if (text.data == NULL) {
		exit(1);
	}
	return text;
}

static struct text
make_config(void)
{
	struct text text = make_text();

	text.size = sprintf(text.data, "[");
	for (unsigned i = 0; text.size < TEXT_SIZE; i++) {
		text.size += sprintf(text.data + text.size,
			"%s\n  {\n    \"method\": \"bdev_malloc_create\",\n    \"params\": {\n      \"name\": "
			"\"Malloc%u\",\n"
			"      \"num_blocks\": %u,\n      \"block_size\": 512,\n      \"physical_block_size\": 4096,\n"
			"      \"uuid\": \"01234567-89ab-cdef-0123-%012x\",\n      \"md_interleave\": false\n    }\n  "
			"}",
			i > 0 ? "," : "", i, i * 1000, i);
	}
	text.size += sprintf(text.data + text.size, "\n]");
	return text;
}

static struct text
make_string(void)
{
	struct text text = make_text();

	memset(text.data, 'x', TEXT_SIZE);
	text.data[0] = text.data[TEXT_SIZE - 1] = '"';
	text.size = TEXT_SIZE;
	return text;
}

static struct text
make_numbers(void)
{
	struct text text = make_text();

	text.size = sprintf(text.data, "[0");
	for (unsigned i = 1; text.size < TEXT_SIZE; i++) {
		text.size += sprintf(text.data + text.size, ",%u", i * 7919u);
	}
	text.size += sprintf(text.data + text.size, "]");
	return text;
}

/* Seconds of CPU time: everything happens in this thread, and others on the machine do not count. */
static double
now(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static int
count_cb(void *ctx, const void *data, size_t size)
{
	*(size_t *)ctx += size;
	return 0;
}

static void
bench_text(const char *name, struct text text)
{
	ssize_t count = spdk_json_parse(text.data, text.size, NULL, 0, NULL, 0);
	struct spdk_json_val *values = calloc(count > 0 ? count : 1, sizeof(*values));
	double start, parsing, writing;
	size_t rounds = 0, bytes = 0;

	if (values == NULL || count < 0) {
		exit(1);
	}
	start = now();
	do {
		spdk_json_parse(text.data, text.size, values, count, NULL, SPDK_JSON_PARSE_FLAG_DECODE_IN_PLACE);
		rounds++;
	} while (now() - start < g_seconds);
	parsing = now() - start;

	start = now();
	do {
		struct spdk_json_write_ctx *w = spdk_json_write_begin(count_cb, &bytes, 0);

		spdk_json_write_val(w, values);
		spdk_json_write_end(w);
	} while (now() - start < g_seconds);
	writing = now() - start;
	printf("%-8s  parse %7.0f MB/s  write %7.0f MB/s\n", name, text.size * rounds / parsing / 1e6,
		bytes / writing / 1e6);
	free(values);
	free(text.data);
}

static void
ping(struct spdk_jsonrpc_request *request, const struct spdk_json_val *method, const struct spdk_json_val *params)
{
	spdk_jsonrpc_send_bool_response(request, true);
}

/* Requests over a socket pair, a number of them sent at a time; client and server take turns in this thread. */
static void
bench_requests(size_t at_a_time)
{
	static const char request[] =
		"{\"jsonrpc\":\"2.0\",\"method\":\"ping\",\"params\":{\"name\":\"x\"},\"id\":12}\n";
	static char text[BATCH * sizeof(request)], reply[1 << 20];
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	struct spdk_jsonrpc_server *server;
	size_t done = 0, replies = 0, size = 0;
	double start;
	int fds[2];

	server = spdk_jsonrpc_server_listen(AF_UNIX, 0, (struct sockaddr *)&addr, sizeof(sa_family_t), ping);
	if (server == NULL || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) != 0 ||
		jsonrpc_conn_create(server, fds[0]) != 0) {
		exit(1);
	}
	for (size_t i = 0; i < at_a_time; i++) {
		size += sprintf(text + size, "%s", request);
	}
	start = now();
	do {
		if (write(fds[1], text, size) != (ssize_t)size) {
			exit(1);
		}
		done += at_a_time;
		while (replies < done) {
			ssize_t rc;

			spdk_jsonrpc_server_poll(server);
			rc = read(fds[1], reply, sizeof(reply));
			for (ssize_t i = 0; i < rc; i++) {
				replies += reply[i] == '\n';
			}
		}
	} while (now() - start < g_seconds);
	printf("%3zu requests at a time: %7.0f/s, client included\n", at_a_time, done / (now() - start));
	close(fds[1]);
	spdk_jsonrpc_server_shutdown(server);
}

int
main(int argc, char **argv)
{
	if (argc > 1) {
		g_seconds = strtod(argv[1], NULL);
	}
	bench_text("config", make_config());
	bench_text("string", make_string());
	bench_text("numbers", make_numbers());
	bench_requests(1);
	bench_requests(BATCH);
	return 0;
}
