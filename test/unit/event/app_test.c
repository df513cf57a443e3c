/* SPDX-License-Identifier: BSD-3-Clause */

/* Whole applications, each in a process of its own, as their users see them: exit codes, messages, RPC, signals. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "bdevkit/rpc.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"
#include "test/unit/folder_guard.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Nothing takes so long; it only ends a test that hangs. */
#define PATIENCE_MS 60000

static char g_dir[] = "/tmp/bdevkit-app-test-XXXXXX";
static struct folder_guard g_guard;
static char g_socket[64];
static char g_config[64];

/*
 * The application
 */

/* What its start function does. */
static spdk_msg_fn g_start_fn;
static spdk_app_shutdown_cb g_shutdown_fn;

static void
say(const char *text)
{
	dprintf(STDERR_FILENO, "%s\n", text);
}

static void
start(void *ctx)
{
	say("started");
	if (g_start_fn) {
		g_start_fn(ctx);
	}
}

static int
run_app(char **args)
{
	struct spdk_app_opts opts;
	int argc = 0, rc;

	while (args[argc]) {
		argc++;
	}
	spdk_app_opts_init(&opts, sizeof(opts));
	opts.name = "app_test";
	opts.rpc_addr = g_socket;
	opts.shutdown_cb = g_shutdown_fn;
	if (spdk_app_parse_args(argc, args, &opts, NULL, NULL, NULL, NULL) != SPDK_APP_PARSE_ARGS_SUCCESS) {
		return 2;
	}
	rc = spdk_app_start(&opts, start, NULL);
	spdk_app_fini();
	return rc < 0 ? 100 - rc : rc;
}

static struct spdk_jsonrpc_request *g_slow_request;
static struct spdk_poller *g_slow_poller;

/* The configuration file is the sign: once the test has removed it, the method is done. */
static int
finish_slow(void *ctx)
{
	if (access(g_config, F_OK) == 0) {
		return SPDK_POLLER_IDLE;
	}
	spdk_poller_unregister(&g_slow_poller);
	spdk_jsonrpc_send_bool_response(g_slow_request, true);
	return SPDK_POLLER_BUSY;
}

static void
slow(struct spdk_jsonrpc_request *request, void *params)
{
	say("slow");
	g_slow_request = request;
	g_slow_poller = SPDK_POLLER_REGISTER(finish_slow, NULL, 1000);
}

static const struct bdk_rpc_method g_slow = {
	.name = "ut_slow",
	.summary = "Take as long as the configuration file is there",
	.state_mask = SPDK_RPC_STARTUP | SPDK_RPC_RUNTIME,
	.params_rule = BDK_RPC_PARAMS_NONE,
	.handler = slow,
};
BDK_RPC_REGISTER(g_slow)

/*
 * The other side
 */

struct child {
	pid_t pid;
	int stderr_fd;
	char output[16384];
	size_t size;
};

static void
start_child(struct child *child, const char *const *options)
{
	char *args[12] = {(char *)"app_test"};
	int pipe_fds[2];

	for (int i = 0; options[i]; i++) {
		args[i + 1] = (char *)options[i];
	}
	memset(child, 0, sizeof(*child));
	assert_int_equal(pipe(pipe_fds), 0);
	fflush(NULL);
	child->pid = fork();
	assert_true(child->pid >= 0);
	if (child->pid == 0) {
		dup2(pipe_fds[1], STDERR_FILENO);
		close(pipe_fds[0]);
		close(pipe_fds[1]);
		exit(run_app(args));
	}
	close(pipe_fds[1]);
	child->stderr_fd = pipe_fds[0];
}

#define START_CHILD(child, ...) start_child(child, (const char *const[]){__VA_ARGS__, NULL})

/* Reads what the child says. Returns false at its end. */
static bool
listen_to(struct child *child)
{
	struct pollfd poll_fd = {.fd = child->stderr_fd, .events = POLLIN};
	ssize_t size;

	if (poll(&poll_fd, 1, PATIENCE_MS) != 1) {
		kill(child->pid, SIGKILL);
		fail_msg("The application hangs; it said: %s", child->output);
	}
	size = read(child->stderr_fd, child->output + child->size, sizeof(child->output) - 1 - child->size);
	if (size > 0) {
		child->size += size;
	}
	return size > 0;
}

static void
wait_for_text(struct child *child, const char *text)
{
	while (!strstr(child->output, text)) {
		if (!listen_to(child)) {
			fail_msg("'%s' did not come; it said: %s", text, child->output);
		}
	}
}

/* Waits for its end and checks that it left nothing behind. */
static void
expect_exit(struct child *child, int code)
{
	char lock[80];
	int status;

	while (listen_to(child)) {
	}
	close(child->stderr_fd);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != code) {
		fail_msg("Status %x instead of code %d; it said: %s", status, code, child->output);
	}
	snprintf(lock, sizeof(lock), "%s.lock", g_socket);
	assert_int_not_equal(access(g_socket, F_OK), 0);
	assert_int_not_equal(access(lock, F_OK), 0);
}

static int
connect_rpc(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", g_socket);
	for (int i = 0; i < PATIENCE_MS; i++) {
		if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0) {
			return fd;
		}
		usleep(1000);
	}
	fail_msg("Cannot connect to %s", g_socket);
	return -1;
}

static void
send_rpc(int fd, const char *method, const char *params)
{
	assert_true(dprintf(fd, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"%s\"%s%s}\n", method,
			    params ? ",\"params\":" : "", params ? params : "") > 0);
}

/* The answer, from its "result" or "error" on. Valid until the next one. */
static const char *
receive_rpc(int fd)
{
	static char answer[65536];
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	size_t size = 0;
	ssize_t part;
	const char *start;

	do {
		assert_int_equal(poll(&poll_fd, 1, PATIENCE_MS), 1);
		part = read(fd, answer + size, sizeof(answer) - 1 - size);
		if (part <= 0) {
			return "nothing";
		}
		size += part;
	} while (answer[size - 1] != '\n');
	answer[size - 1] = '\0';
	start = strstr(answer, "\"id\":1,");
	assert_non_null(start);
	return start + strlen("\"id\":1,");
}

static const char *
call_rpc(const char *method, const char *params)
{
	int fd = connect_rpc();
	const char *answer;

	send_rpc(fd, method, params);
	answer = receive_rpc(fd);
	close(fd);
	return answer;
}

#define TRUE_ANSWER "\"result\":true}"

static void
write_config(const char *text)
{
	FILE *file = fopen(g_config, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/*
 * Tests
 */

static void
stop_with_3(void *ctx)
{
	spdk_app_stop(3);
}

static void
test_exit_code(void **state)
{
	struct child child;

	g_start_fn = stop_with_3;
	START_CHILD(&child, "-m", "0x3");
	expect_exit(&child, 3);
	assert_non_null(strstr(child.output, "started"));
	assert_non_null(strstr(child.output, "spdk_app_stop'd on non-zero"));
}

static void
stop_twice(void *ctx)
{
	spdk_app_stop(0);
	spdk_app_stop(4);
	spdk_app_stop(5);
}

static void
test_first_code_counts(void **state)
{
	struct child child;

	g_start_fn = stop_twice;
	START_CHILD(&child, "--no-rpc-server");
	expect_exit(&child, 4);
	assert_non_null(strstr(child.output, "spdk_app_stop called twice"));
}

static void
test_signal(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT};
	struct child child;

	for (size_t i = 0; i < SPDK_COUNTOF(signals); i++) {
		START_CHILD(&child, "-m", "0x1");
		wait_for_text(&child, "started");
		assert_string_equal(call_rpc("framework_wait_init", NULL), TRUE_ANSWER);
		assert_int_equal(kill(child.pid, signals[i]), 0);
		kill(child.pid, SIGINT);
		kill(child.pid, SIGTERM);
		expect_exit(&child, 0);
	}
}

static void
test_kill_instance(void **state)
{
	struct child child;

	START_CHILD(&child, "-m", "0x1");
	assert_non_null(strstr(call_rpc("spdk_kill_instance", "{\"sig_name\":\"SIGNAL\"}"), "Invalid parameters"));
	assert_string_equal(call_rpc("spdk_kill_instance", "{\"sig_name\":\"15\"}"), TRUE_ANSWER);
	expect_exit(&child, 0);
}

static int
stop_soon(void *ctx)
{
	struct spdk_poller **poller = ctx;

	spdk_poller_unregister(poller);
	spdk_app_stop(6);
	return SPDK_POLLER_BUSY;
}

static void
shut_down(void)
{
	static struct spdk_poller *poller;

	say("shutdown");
	poller = SPDK_POLLER_REGISTER(stop_soon, &poller, 1000);
}

static void
test_shutdown_cb(void **state)
{
	struct child child;
	const char *first;

	g_shutdown_fn = shut_down;
	START_CHILD(&child, "-m", "0x1");
	wait_for_text(&child, "started");
	kill(child.pid, SIGTERM);
	expect_exit(&child, 6);
	first = strstr(child.output, "shutdown");
	assert_non_null(first);
	assert_null(strstr(first + 1, "shutdown"));

	/* Not before the application was started. */
	START_CHILD(&child, "--wait-for-rpc");
	assert_non_null(strstr(call_rpc("framework_get_subsystems", NULL), "error"));
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);
	assert_null(strstr(child.output, "shutdown"));
}

static void
test_wait_for_rpc(void **state)
{
	struct child child;
	int waiting;

	START_CHILD(&child, "--wait-for-rpc");
	waiting = connect_rpc();
	send_rpc(waiting, "framework_wait_init", NULL);
	assert_non_null(strstr(call_rpc("bdev_get_bdevs", NULL), "\"code\":-1,"));
	assert_non_null(strstr(call_rpc("iobuf_set_options", "{\"small_pool_count\":1}"), "'small_pool_count'"));
	assert_string_equal(call_rpc("iobuf_set_options", "{\"small_pool_count\":100}"), TRUE_ANSWER);
	assert_non_null(strstr(call_rpc("framework_start_init", "{}"), "requires no parameters"));
	assert_string_equal(call_rpc("framework_start_init", NULL), TRUE_ANSWER);
	assert_string_equal(receive_rpc(waiting), TRUE_ANSWER);
	close(waiting);
	assert_non_null(strstr(call_rpc("framework_get_config", "{\"name\":\"iobuf\"}"), "\"small_pool_count\":100,"));
	assert_non_null(strstr(call_rpc("framework_start_init", NULL), "\"code\":-1,"));
	wait_for_text(&child, "started");
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);
}

/* The answer comes, those who wait are told, and the application ends with a code. */
static void
test_start_fails(void **state)
{
	struct child child;
	int waiting;

	START_CHILD(&child, "--wait-for-rpc");
	waiting = connect_rpc();
	send_rpc(waiting, "framework_wait_init", NULL);
	assert_string_equal(call_rpc("iobuf_set_options",
				    "{\"small_pool_count\":4000000000,\"small_bufsize\":1000000000,"
				    "\"large_bufsize\":1000000000}"),
		TRUE_ANSWER);
	assert_non_null(strstr(call_rpc("framework_start_init", NULL), "framework_initialization failed"));
	assert_non_null(strstr(receive_rpc(waiting), "error"));
	close(waiting);
	expect_exit(&child, 100 + ENOMEM);
	assert_null(strstr(child.output, "started"));
	assert_non_null(strstr(child.output, "Subsystem initialization failed with code: -12"));
}

/* Who waits when the application is told to end is answered. */
static void
test_end_while_waiting(void **state)
{
	struct child child;
	int waiting;

	START_CHILD(&child, "--wait-for-rpc");
	waiting = connect_rpc();
	send_rpc(waiting, "framework_wait_init", NULL);
	assert_non_null(strstr(call_rpc("bdev_get_bdevs", NULL), "\"code\":-1,"));
	kill(child.pid, SIGTERM);
	assert_non_null(strstr(receive_rpc(waiting), "The application ends"));
	close(waiting);
	expect_exit(&child, 0);
}

static void
test_bad_config(void **state)
{
	struct child child;
	char expected[128];

	write_config("{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [\n"
		     "{\"method\": \"bdev_malloc_create\", \"params\": {\"name\": \"M0\", \"num_blocks\": 8, "
		     "\"block_size\": 512}},\n"
		     "{\"method\": \"bdev_malloc_create\", \"params\": {\"name\": \"M1\", \"num_blocks\": 8,\n"
		     " \"block_size\": \"large\"}}]}]}");
	START_CHILD(&child, "-c", g_config);
	expect_exit(&child, 100 + EINVAL);
	assert_null(strstr(child.output, "started"));
	snprintf(expected, sizeof(expected), "%s:4: bdev_malloc_create: parameter 'block_size'", g_config);
	assert_non_null(strstr(child.output, expected));

	/* All the same. */
	START_CHILD(&child, "--json-ignore-init-errors", "-c", g_config);
	assert_non_null(strstr(call_rpc("bdev_get_bdevs", NULL), "\"M0\""));
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);

	write_config("{\"subsystems\": [\n");
	START_CHILD(&child, "-c", g_config);
	expect_exit(&child, 100 + EINVAL);
	snprintf(expected, sizeof(expected), "%s:2: the text ends", g_config);
	assert_non_null(strstr(child.output, expected));
}

static void
test_start_errors(void **state)
{
	struct child child;

	START_CHILD(&child, "-c", "/nonexistent.json");
	expect_exit(&child, 1);
	assert_non_null(strstr(child.output, "/nonexistent.json failed: No such file"));
	START_CHILD(&child, "-m", "zz");
	expect_exit(&child, 1);
	START_CHILD(&child, "--no-rpc-server", "--wait-for-rpc");
	expect_exit(&child, 1);
	START_CHILD(&child, "-r", "/nonexistent/rpc.sock");
	expect_exit(&child, 100 + ENOENT);
	assert_non_null(strstr(child.output, "/nonexistent/rpc.sock"));
}

/* A signal in the middle of a configuration: the method that runs is waited for, the next one is not called. */
static void
test_signal_while_loading(void **state)
{
	struct child child;

	write_config("{\"subsystems\": [{\"subsystem\": \"bdev\", \"config\": [{\"method\": \"ut_slow\"}, "
		     "{\"method\": \"bdev_malloc_create\", \"params\": {\"name\": 5}}]}]}");
	START_CHILD(&child, "-c", g_config);
	wait_for_text(&child, "slow");
	kill(child.pid, SIGTERM);
	assert_int_equal(unlink(g_config), 0);
	expect_exit(&child, 0);
	assert_null(strstr(child.output, "started"));
	assert_null(strstr(child.output, "bdev_malloc_create"));
}

/* What is saved, loaded and saved again is the same text; by file and by RPC. */
static void
test_round_trip(void **state)
{
	struct child child;
	char *saved, *text;

	START_CHILD(&child, "-m", "0x1");
	call_rpc("bdev_malloc_create", "{\"name\":\"M0\",\"num_blocks\":64,\"block_size\":512}");
	call_rpc("bdev_null_create", "{\"name\":\"N\\u00e9\",\"num_blocks\":64,\"block_size\":4096}");
	call_rpc("bdev_passthru_create", "{\"name\":\"P0\",\"base_bdev_name\":\"M0\"}");
	saved = strdup(call_rpc("save_config", NULL));
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);

	text = strdup(saved + strlen("\"result\":"));
	text[strlen(text) - 1] = '\0';
	assert_non_null(strstr(text, "\"P0\""));
	write_config(text);
	START_CHILD(&child, "-c", g_config);
	wait_for_text(&child, "started");
	assert_string_equal(call_rpc("save_config", NULL), saved);
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);

	START_CHILD(&child, "--wait-for-rpc");
	assert_string_equal(call_rpc("load_config", text), TRUE_ANSWER);
	assert_string_equal(call_rpc("save_config", NULL), saved);
	assert_non_null(strstr(call_rpc("load_config", text), "subsystems["));
	kill(child.pid, SIGTERM);
	expect_exit(&child, 0);
	free(saved);
	free(text);
}

/* Nobody keeps an application from ending by making new things all the time. */
static void
test_end_under_requests(void **state)
{
	struct pollfd poll_fd = {.events = POLLIN};
	struct child child;
	char answers[4096];

	START_CHILD(&child, "-m", "0x1");
	wait_for_text(&child, "started");
	poll_fd.fd = connect_rpc();
	fcntl(poll_fd.fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; poll(&poll_fd, 1, 0) >= 0 && !(poll_fd.revents & POLLHUP); i++) {
		if (i == 100) {
			kill(child.pid, SIGTERM);
		}
		/* Whether it is taken whole, or at all, does not matter. */
		dprintf(poll_fd.fd,
			"{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"bdev_null_create\",\"params\":{\"name\":\"N%d\","
			"\"num_blocks\":8,\"block_size\":512}}",
			i, i);
		while (read(poll_fd.fd, answers, sizeof(answers)) > 0) {
		}
	}
	close(poll_fd.fd);
	expect_exit(&child, 0);
}

/* Two applications in one process, one after the other. */
static void
stop_with_0(void *ctx)
{
	spdk_app_stop(0);
}

static void
test_again(void **state)
{
	char *args[] = {(char *)"app_test", (char *)"--no-rpc-server", (char *)"--silence-noticelog", NULL};
	int status;
	pid_t pid;

	g_start_fn = stop_with_0;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		exit(run_app(args) + run_app(args) + run_app(args));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_wrong_use(void **state)
{
	struct spdk_app_opts opts;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	spdk_app_opts_init(&opts, sizeof(opts));
	assert_int_equal(spdk_app_start(&opts, start, NULL), 1);
	assert_int_equal(spdk_app_start(NULL, start, NULL), 1);
	opts.name = "app_test";
	assert_int_equal(spdk_app_start(&opts, NULL, NULL), 1);
	opts.json_config_file = "a";
	opts.json_data = (void *)opts.name;
	assert_int_equal(spdk_app_start(&opts, start, NULL), 1);
	opts.opts_size = 0;
	assert_int_equal(spdk_app_start(&opts, start, NULL), 1);
	spdk_app_fini();
	spdk_app_fini();
}

static int
setup_group(void **state)
{
	assert_non_null(mkdtemp(g_dir));
	g_guard = folder_guard_start(g_dir);
	snprintf(g_socket, sizeof(g_socket), "%s/rpc.sock", g_dir);
	snprintf(g_config, sizeof(g_config), "%s/config.json", g_dir);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static int
teardown_group(void **state)
{
	int rc;

	unlink(g_config);
	rc = rmdir(g_dir);
	folder_guard_end(&g_guard);
	return rc;
}

static int
setup(void **state)
{
	g_start_fn = NULL;
	g_shutdown_fn = NULL;
	return 0;
}

#define TEST(function) cmocka_unit_test_setup(function, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_wrong_use),
		TEST(test_exit_code),
		TEST(test_first_code_counts),
		TEST(test_signal),
		TEST(test_kill_instance),
		TEST(test_shutdown_cb),
		TEST(test_wait_for_rpc),
		TEST(test_start_fails),
		TEST(test_end_while_waiting),
		TEST(test_bad_config),
		TEST(test_start_errors),
		TEST(test_signal_while_loading),
		TEST(test_round_trip),
		TEST(test_end_under_requests),
		TEST(test_again),
	};

	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
