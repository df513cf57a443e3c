/* SPDX-License-Identifier: BSD-3-Clause */

/* How the JSON-RPC server stands clients that send what they should not, say nothing, go, or are very many. */

#include "test/unit/rpc/server_methods.h"

/* ---- bad input ---- */

static void
malformed_json(void **state)
{
	static const struct {
		const char *text;
		const char *reply;
	} cases[] = {
		{"{\"method\": echo}", "at byte 11 of the request (line 1, column 12): a value was expected"},
		{"{\n \"id\": 1,\n}", "at byte 12 of the request (line 3, column 1): a name in double quotes"},
		{"GET / HTTP/1.1\r\n\r\n", "at byte 0 of the request (line 1, column 1): a value was expected"},
		{"[1,2", NULL},
		{"{\"method\":\"echo\"]", "',' or '}' was expected"},
		{"\xff\xfe", "at byte 0"},
		{"{\"a\":\"\xc3(\"}", "not valid UTF-8"},
		{"// comment\n{}", "at byte 0"},
	};

	for (size_t i = 0; i < SPDK_COUNTOF(cases); i++) {
		struct client c = client_open();

		if (cases[i].reply == NULL) {
			/* Unfinished; nothing more comes. */
			client_say(&c, cases[i].text);
			shutdown(c.fd, SHUT_WR);
			client_expect(&c, 1, true);
			client_expect_text(&c, "the request ends after 4 bytes, unfinished");
		} else {
			client_say(&c, cases[i].text);
			client_expect(&c, 1, true);
			client_expect_text(&c, cases[i].reply);
		}
		client_expect_text(
			&c, "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"Parse error");
		client_close(&c);
	}
	server_settle();
}

static void
good_requests_before_a_bad_one_are_answered(void **state)
{
	struct client c = client_open();

	client_say(&c, "{\"method\":\"echo\",\"id\":1}{\"method\":\"hold\",\"id\":2}}{\"method\":\"count\",\"id\":3}");
	server_settle();
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	client_expect(&c, 3, true);
	client_expect_text(&c, "\"id\":1,\"result\":null");
	client_expect_text(&c, "\"id\":2,\"result\":true");
	client_expect_text(&c, "-32700");
	/* What stands behind is not looked at. */
	assert_int_equal(g_calls, 0);
	client_close(&c);
}

static void
ten_million_brackets(void **state)
{
	enum {
		SIZE = 10 * 1000 * 1000
	};
	char *text = malloc(SIZE);
	struct client c = client_open(), other = client_open();

	assert_non_null(text);
	memset(text, '[', SIZE);
	assert_true(client_send(&c, text, SIZE));
	client_expect(&c, 1, true);
	client_expect_text(&c, "at byte 64 of the request");
	client_expect_text(&c, "nested too deep");
	client_ask(&other, "{\"method\":\"echo\",\"id\":1}");
	client_close(&c);
	client_close(&other);
	free(text);
}

static void
ten_megabytes_in_small_pieces(void **state)
{
	/* Were the text looked at again with each piece, this would be 10^10 bytes and more. */
	enum {
		SIZE = 10 * 1000 * 1000,
		PIECE = 997
	};
	char *text = malloc(SIZE + 100);
	size_t used = sprintf(text, "{\"id\":1,\"method\":\"count\",\"params\":{\"a\":\""), sent = 0;
	struct client c = client_open();

	memset(text + used, 'x', SIZE);
	used += SIZE;
	used += sprintf(text + used, "\"}}");
	while (sent < used) {
		size_t piece = used - sent < PIECE ? used - sent : PIECE;

		assert_true(client_send(&c, text + sent, piece));
		sent += piece;
		server_step(0);
	}
	client_expect(&c, 1, false);
	assert_string_equal(c.text, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":true}\n");
	client_close(&c);
	free(text);
}

static void
byte_by_byte(void **state)
{
	const char *text =
		" {\"jsonrpc\":\"2.0\", \"method\":\"echo\",\"params\":[\"\\u00e9\",12.5e1,true],\"id\":12}\n";
	struct client c = client_open();

	for (size_t i = 0; i < strlen(text); i++) {
		assert_true(client_send(&c, text + i, 1));
		server_settle();
	}
	client_expect(&c, 1, false);
	assert_string_equal(c.text, "{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":[\"\\u00E9\",12.5e1,true]}\n");
	client_close(&c);
}

static void
requests_of_several_megabytes(void **state)
{
	enum {
		SIZE = 8 << 20
	};
	char *text = malloc(SIZE + 100);
	size_t used = sprintf(text, "{\"id\":1,\"method\":\"echo\",\"params\":[\"");
	struct client c = client_open();

	memset(text + used, 'y', SIZE);
	used += SIZE;
	used += sprintf(text + used, "\"]}");
	assert_true(client_send(&c, text, used));
	client_expect(&c, 1, false);
	assert_int_equal(c.size, SIZE + strlen("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[\"\"]}\n"));
	client_close(&c);
	free(text);
}

static void
requests_beyond_the_limit(void **state)
{
	enum {
		LIMIT = 100000
	};
	char *text = malloc(4 * LIMIT);
	struct client c;

	assert_non_null(text);
	restart_with_limits(LIMIT, 1 << 20, 256, 100);
	c = client_open();
	memset(text, ' ', 4 * LIMIT);
	/* White space between requests is none. */
	assert_true(client_send(&c, text, 4 * LIMIT));
	client_ask(&c, "{\"method\":\"echo\",\"id\":1}");
	c.size = 0;
	text[0] = '[';
	/* It is cut off in the end if it goes on and on. */
	client_send(&c, text, 2 * LIMIT);
	client_expect(&c, 1, true);
	client_expect_text(&c, "-32600");
	client_expect_text(&c, "longer than the limit of 100000 bytes");
	while (client_send(&c, text, LIMIT)) {
		server_settle();
	}
	client_close(&c);
	free(text);
}

static void
too_many_values(void **state)
{
	enum {
		COUNT = 1024 * 1024
	};
	char *text = malloc(COUNT * 2 + 100);
	size_t used = sprintf(text, "{\"id\":1,\"method\":\"count\",\"params\":[0");
	struct client c = client_open();

	for (int i = 0; i < COUNT; i++) {
		memcpy(text + used, ",0", 2);
		used += 2;
	}
	used += sprintf(text + used, "]}");
	assert_true(client_send(&c, text, used));
	client_expect(&c, 1, false);
	client_expect_text(&c, "too many values");
	assert_int_equal(g_calls, 0);
	/* Its end was known, so the connection goes on. */
	client_ask(&c, "{\"method\":\"count\",\"id\":1}");
	assert_int_equal(g_calls, 1);
	client_close(&c);
	free(text);
}

static void
half_a_request_then_silence(void **state)
{
	struct client c[50], other = client_open();

	for (size_t i = 0; i < SPDK_COUNTOF(c); i++) {
		c[i] = client_open();
		client_say(&c[i], "{\"method\":\"ec");
	}
	server_settle();
	/* The server sleeps, and others are served. */
	assert_false(server_step(0));
	client_ask(&other, "{\"method\":\"echo\",\"id\":1}");
	for (size_t i = 0; i < SPDK_COUNTOF(c); i++) {
		if (i % 2 == 0) {
			client_say(&c[i], "ho\",\"id\":5}");
			client_expect(&c[i], 1, false);
		}
		client_close(&c[i]);
	}
	server_settle();
	client_close(&other);
}

static void
half_closed_clients_get_their_replies(void **state)
{
	struct client c = client_open();

	client_say(&c, "{\"method\":\"hold\",\"id\":1}{\"method\":\"echo\",\"id\":2}  ");
	shutdown(c.fd, SHUT_WR);
	client_expect(&c, 1, false);
	server_settle();
	assert_false(c.eof);
	spdk_jsonrpc_send_bool_response(g_held[0], true);
	client_expect(&c, 2, true);
	client_close(&c);

	/* A number ends with the connection. */
	c = client_open();
	client_say(&c, "12");
	shutdown(c.fd, SHUT_WR);
	client_expect(&c, 1, true);
	client_expect_text(&c, "-32600");
	client_close(&c);
}

static void
a_client_that_does_not_read(void **state)
{
	struct client c = client_open(), other = client_open();
	const char *request = "{\"method\":\"big\",\"id\":1}";
	size_t sent = 0, replies;

	/* It asks for 100 KB with each 23 bytes until nothing more goes through. */
	for (;;) {
		ssize_t rc = send(
			c.fd, request + sent % strlen(request), strlen(request) - sent % strlen(request), MSG_NOSIGNAL);

		if (rc < 0) {
			assert_int_equal(errno, EAGAIN);
			server_settle();
			rc = send(c.fd, request + sent % strlen(request), strlen(request) - sent % strlen(request),
				MSG_NOSIGNAL);
			if (rc < 0) {
				break;
			}
		}
		sent += rc;
	}
	/* The server holds a bounded part of it, sleeps, and serves others. */
	{
		struct rpc_server_opts opts;
		struct spdk_jsonrpc_server_conn *conn;

		client_say(&other, "{\"method\":\"hold\",\"id\":1}");
		server_settle();
		conn = TAILQ_FIRST(&spdk_jsonrpc_get_conn(g_held[0])->server->conns);
		rpc_server_get_opts(&opts);
		assert_true(conn->unread > opts.max_unread_size);
		assert_true(conn->unread < opts.max_unread_size + 33 * 101000);
		assert_true(conn->input.size < 256 * 1024);
		spdk_jsonrpc_send_bool_response(g_held[0], true);
		client_expect(&other, 1, false);
		assert_false(server_step(0));
	}
	/* When it reads at last, it gets everything. */
	while (sent % strlen(request) != 0) {
		assert_true(client_send(&c, request + sent % strlen(request), 1));
		sent++;
	}
	replies = 0;
	while (replies < sent / strlen(request)) {
		client_receive(&c);
		for (size_t i = 0; i < c.size; i++) {
			replies += c.text[i] == '\n';
		}
		c.size = 0;
		server_settle();
	}
	client_close(&c);
	client_close(&other);
}

static void
clients_that_die(void **state)
{
	struct client other = client_open();

	/* With replies unread, with requests in flight, in the middle of a request. */
	for (int i = 0; i < 20; i++) {
		struct client c = client_open();

		for (int j = 0; j < i; j++) {
			client_say(&c, "{\"method\":\"big\",\"id\":1}");
		}
		client_say(&c, "{\"method\":\"hold\",\"id\":1}{\"method\":\"ho");
		if (i % 2) {
			server_settle();
		}
		client_close(&c);
		if (i % 3) {
			server_settle();
		}
	}
	server_settle();
	for (size_t i = 0; i < g_num_held; i++) {
		spdk_jsonrpc_send_bool_response(g_held[i], true);
	}
	server_settle();
	client_ask(&other, "{\"method\":\"echo\",\"id\":1}");
	client_close(&other);
}

static void
a_request_without_waiting_for_the_answer(void **state)
{
	struct client c = client_open();

	client_say(&c, "{\"method\":\"count\"}{\"method\":\"count\",\"id\":1}");
	client_close(&c);
	server_settle();
	assert_int_equal(g_calls, 2);
}

/* ---- many connections ---- */

static void
connections_beyond_the_limit_wait(void **state)
{
	enum {
		LIMIT = 5,
		COUNT = 12
	};
	struct client c[COUNT];

	restart_with_limits(1 << 20, 1 << 20, 256, LIMIT);
	for (int i = 0; i < COUNT; i++) {
		c[i] = client_open();
		client_say(&c[i], "{\"method\":\"count\",\"id\":1}");
	}
	server_settle();
	assert_int_equal(g_calls, LIMIT);
	for (int i = 0; i < COUNT; i++) {
		client_expect(&c[i], 1, false);
		client_close(&c[i]);
	}
	assert_int_equal(g_calls, COUNT);
}

static void
thousands_of_connections(void **state)
{
	struct rlimit limit;
	struct client *c;
	size_t count;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	count = limit.rlim_cur / 2 > 4100 ? 4000 : limit.rlim_cur / 2 - 100;
	c = calloc(count, sizeof(*c));
	assert_non_null(c);
	for (size_t i = 0; i < count; i++) {
		c[i] = client_open();
		if (i % 64 == 0) {
			server_settle();
		}
	}
	server_settle();
	for (size_t i = 0; i < count; i++) {
		client_say(&c[i], "{\"method\":\"count\",\"id\":1}");
	}
	for (size_t i = 0; i < count; i++) {
		client_expect(&c[i], 1, false);
		client_close(&c[i]);
	}
	assert_int_equal(g_calls, count);
	server_settle();
	free(c);
}

static void
out_of_descriptors(void **state)
{
	struct client first = client_open(), clients[4];
	struct rlimit limit, low;
	int fds[64], used = 0;

	client_ask(&first, "{\"method\":\"echo\",\"id\":1}");
	for (size_t i = 0; i < SPDK_COUNTOF(clients); i++) {
		clients[i] = client_open();
	}
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = clients[3].fd + 8;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (used < 64 && (fds[used] = dup(first.fd)) >= 0) {
		used++;
	}
	/* They are turned away, the server does not spin, and who is in is served. */
	server_settle();
	for (size_t i = 0; i < SPDK_COUNTOF(clients); i++) {
		client_receive(&clients[i]);
		assert_true(clients[i].eof);
		client_close(&clients[i]);
	}
	client_ask(&first, "{\"method\":\"echo\",\"id\":1}");
	while (used > 0) {
		close(fds[--used]);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	clients[0] = client_open();
	client_ask(&clients[0], "{\"method\":\"echo\",\"id\":1}");
	client_close(&clients[0]);
	client_close(&first);
}

/* ---- the socket ---- */

static void
the_socket_belongs_to_its_owner(void **state)
{
	char lock[120];
	struct stat st;

	assert_int_equal(stat(g_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0600);
	snprintf(lock, sizeof(lock), "%s.lock", g_path);
	assert_int_equal(stat(lock, &st), 0);
	spdk_rpc_server_close(g_server);
	g_server = NULL;
	assert_int_not_equal(stat(g_path, &st), 0);
	assert_int_not_equal(stat(lock, &st), 0);
}

static void
one_server_for_each_path(void **state)
{
	struct spdk_rpc_server *second;
	struct client c;

	assert_int_equal(rpc_server_open(g_path, &second), -EADDRINUSE);
	assert_null(second);
	assert_null(spdk_rpc_server_listen(g_path));
	/* The first one was not harmed. */
	c = client_open();
	client_ask(&c, "{\"method\":\"echo\",\"id\":1}");
	client_close(&c);
}

static void
stale_sockets_are_taken_over(void **state)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct client c;

	spdk_rpc_server_close(g_server);
	memcpy(addr.sun_path, g_path, strlen(g_path));
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	/* Somebody without a lock file listens. */
	assert_int_equal(rpc_server_open(g_path, &g_server), -EADDRINUSE);
	/* Now it is dead. */
	close(fd);
	assert_int_equal(rpc_server_open(g_path, &g_server), 0);
	c = client_open();
	client_ask(&c, "{\"method\":\"echo\",\"id\":1}");
	client_close(&c);
}

static void
paths_that_cannot_be(void **state)
{
	struct spdk_rpc_server *server;
	char path[200];
	int fd;

	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(rpc_server_open(path, &server), -ENAMETOOLONG);
	assert_int_equal(rpc_server_open("", &server), -ENAMETOOLONG);
	snprintf(path, sizeof(path), "%s/no/such/dir", g_dir);
	assert_int_equal(rpc_server_open(path, &server), -ENOENT);
	/* A file that is not a socket is not removed. */
	snprintf(path, sizeof(path), "%s/file", g_dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(rpc_server_open(path, &server), -EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(unlink(path), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(malformed_json),
		SERVER_TEST(good_requests_before_a_bad_one_are_answered),
		SERVER_TEST(ten_million_brackets),
		SERVER_TEST(ten_megabytes_in_small_pieces),
		SERVER_TEST(byte_by_byte),
		SERVER_TEST(requests_of_several_megabytes),
		SERVER_TEST(requests_beyond_the_limit),
		SERVER_TEST(too_many_values),
		SERVER_TEST(half_a_request_then_silence),
		SERVER_TEST(half_closed_clients_get_their_replies),
		SERVER_TEST(a_client_that_does_not_read),
		SERVER_TEST(clients_that_die),
		SERVER_TEST(a_request_without_waiting_for_the_answer),
		SERVER_TEST(connections_beyond_the_limit_wait),
		SERVER_TEST(thousands_of_connections),
		SERVER_TEST(out_of_descriptors),
		SERVER_TEST(the_socket_belongs_to_its_owner),
		SERVER_TEST(one_server_for_each_path),
		SERVER_TEST(stale_sockets_are_taken_over),
		SERVER_TEST(paths_that_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
