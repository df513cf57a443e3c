/* SPDX-License-Identifier: BSD-3-Clause */

#include "config_life.h"

#include "lib/rpc/rpc_internal.h"
#include "spdk/event.h"
#include "spdk/log.h"
#include "spdk/thread.h"

#include <sys/mman.h>
#include <sys/wait.h>

/* Nothing takes so long; it only ends a life that hangs. */
#define PATIENCE_SEC 60

const char *const g_life_methods[LIFE_NUM_ANSWERS] = {
	[LIFE_SAVED_CONFIG] = "save_config",
	[LIFE_BDEVS] = "bdev_get_bdevs",
	[LIFE_EXPORTS] = "nbd_get_exports",
	[LIFE_LISTENERS] = "nbd_get_listeners",
	[LIFE_SCHEDULER] = "framework_get_scheduler",
	[LIFE_QOS_GROUPS] = "bdev_qos_group_get",
};

/* ---- In the process that lives it ---- */

static struct {
	const struct life_opts *opts;
	size_t next_call;
	int next_answer;
	uint64_t num_failed_calls;
	int fd;
} g_here;

static void go_on(void *ctx);

static void
reply_cb(void *cb_arg, const struct rpc_call_reply *reply)
{
	const enum life_answer *answer = cb_arg;

	if (answer != NULL && reply->error_code == 0) {
		dprintf(g_here.fd, "%s ", g_life_methods[*answer]);
		if (write(g_here.fd, reply->text, reply->size) != (ssize_t)reply->size) {
			abort();
		}
		dprintf(g_here.fd, "\n");
	} else if (reply->error_code != 0) {
		g_here.num_failed_calls++;
	}
	if (spdk_thread_send_msg(spdk_thread_get_app_thread(), go_on, NULL) != 0) {
		abort();
	}
}

static void
call(const char *method, const char *params, void *cb_arg)
{
	if (rpc_call(method, params, params != NULL ? strlen(params) : 0, reply_cb, cb_arg) != 0) {
		abort();
	}
}

static void
go_on(void *ctx)
{
	static enum life_answer answer;
	const struct life_opts *opts = g_here.opts;

	while (g_here.next_call < opts->num_calls && opts->calls[g_here.next_call].skipped) {
		g_here.next_call++;
	}
	if (g_here.next_call < opts->num_calls) {
		const struct life_call *planned = &opts->calls[g_here.next_call++];

		call(planned->method, planned->params, NULL);
	} else if (g_here.next_call == opts->num_calls) {
		g_here.next_call++;
		call("bdev_wait_for_examine", NULL, NULL);
	} else if (g_here.next_answer < LIFE_NUM_ANSWERS) {
		answer = g_here.next_answer++;
		call(g_life_methods[answer], NULL, &answer);
	} else {
		dprintf(g_here.fd, "failed %" PRIu64 "\n", g_here.num_failed_calls);
		spdk_app_stop(0);
	}
}

static int
live(const struct life_opts *opts, int fd)
{
	struct spdk_app_opts app_opts;
	int rc;

	g_here.opts = opts;
	g_here.fd = fd;
	alarm(PATIENCE_SEC);
	spdk_app_opts_init(&app_opts, sizeof(app_opts));
	app_opts.name = "config_roundtrip_test";
	app_opts.rpc_addr = NULL;
	app_opts.json_data = (void *)opts->config;
	app_opts.json_data_size = strlen(opts->config);
	app_opts.json_config_ignore_errors = opts->ignore_config_errors;
	app_opts.print_level = SPDK_LOG_WARN;
	app_opts.enable_coredump = false;
	rc = spdk_app_start(&app_opts, go_on, NULL);
	spdk_app_fini();
	return rc != 0 ? 1 : 0;
}

/* Asked at the end of each process, where AddressSanitizer is. */
int __lsan_is_turned_off(void);

int
__lsan_is_turned_off(void)
{
	return g_here.opts != NULL && !g_here.opts->check_leaks;
}

/* ---- In the test ---- */

static int
create_file(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0) {
		perror("memfd_create");
		exit(1);
	}
	return fd;
}

static char *
read_file(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = malloc(size + 1);

	if (text == NULL || pread(fd, text, size, 0) != size) {
		perror("reading what a life has left");
		exit(1);
	}
	text[size] = '\0';
	close(fd);
	return text;
}

static void
take_line(struct life *life, const char *line)
{
	if (strncmp(line, "failed ", 7) == 0) {
		life->num_failed_calls = strtoull(line + 7, NULL, 10);
	}
	for (int i = 0; i < LIFE_NUM_ANSWERS; i++) {
		size_t length = strlen(g_life_methods[i]);

		if (strncmp(line, g_life_methods[i], length) == 0 && line[length] == ' ') {
			life->answers[i] = strdup(line + length + 1);
		}
	}
}

void
life_run(const struct life_opts *opts, struct life *life)
{
	int result_fd = create_file("result"), log_fd = create_file("log"), status;
	char *text, *rest, *line;
	pid_t pid;

	memset(life, 0, sizeof(*life));
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(1);
	}
	if (pid == 0) {
		dup2(log_fd, STDERR_FILENO);
		exit(live(opts, result_fd));
	}
	if (waitpid(pid, &status, 0) != pid) {
		perror("waitpid");
		exit(1);
	}
	life->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	life->log = read_file(log_fd);
	text = rest = read_file(result_fd);
	while ((line = strsep(&rest, "\n")) != NULL) {
		take_line(life, line);
	}
	free(text);
}

void
life_free(struct life *life)
{
	for (int i = 0; i < LIFE_NUM_ANSWERS; i++) {
		free(life->answers[i]);
	}
	free(life->log);
	memset(life, 0, sizeof(*life));
}
