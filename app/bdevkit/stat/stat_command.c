/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit stat: how much I/O the bdevs of a running target do, once or at intervals. */

#include "spdk/stdinc.h"
#include "spdk/init.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/stat/print.h"

#define TIMEOUT 60

struct request {
	struct rpc_client client;
	struct stat_view view;
	bool json;
	/* Seconds; 0: once, all since the bdevs were made. */
	double interval;
	/* 0: until it is interrupted. */
	uint64_t count;
};

static volatile sig_atomic_t g_interrupted;

static void
interrupt(int signal_number)
{
	g_interrupted = 1;
}

static void
print_help(void)
{
	printf("usage: bdevkit stat [OPTION...] [BDEV...] [INTERVAL [COUNT]]\n"
	       "\n"
	       "Shows how much I/O the block devices of a running target do, and how long it takes.\n"
	       "Without INTERVAL: what they have done since they were made, or since bdev_reset_iostat.\n"
	       "With INTERVAL, in seconds: what they do in each, COUNT times or until Ctrl-C.\n"
	       "\n"
	       "  -x             more: sizes of I/Os, unmap and copy, errors\n"
	       "  -p             percentiles of latency, of bdevs that collect them (bdev_enable_histogram)\n"
	       "  -z             leave out bdevs without I/O\n"
	       "  -t             put the time above each table\n"
	       "  -r SOCKET      the target's socket (default " SPDK_DEFAULT_RPC_ADDR ")\n"
	       "  --json-output  as JSON; with INTERVAL an object in each line\n"
	       "\n"
	       "columns: r read, w write, u unmap, c copy: I/Os and MiB, KiB of one on average, microseconds that it\n"
	       "takes on average; queue: I/Os that are out on average\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit stat\n"
	       "  bdevkit stat -x disk0 1\n"
	       "  bdevkit stat --json-output 5 12 > minute.json\n");
}

static int
write_name(struct spdk_json_write_ctx *w, void *ctx)
{
	return spdk_json_write_named_string(w, "name", ctx);
}

/* The name under which the target knows what the user may have called by an alias. */
static int
find_name(struct rpc_client *client, char **name)
{
	static const struct spdk_json_object_decoder decoders[] = {{"name", 0, spdk_json_decode_string, false}};
	struct spdk_jsonrpc_client_response *response = rpc_client_call(client, "bdev_get_bdevs", write_name, *name);
	char *found = NULL;

	if (response == NULL) {
		return EXIT_FAILED;
	}
	if (response->result == NULL ||
		spdk_json_decode_object_relaxed(spdk_json_array_first(response->result), decoders, 1, &found) != 0) {
		fprintf(stderr, "bdevkit stat: the target has no bdev '%s'; 'bdevkit rpc bdev_get_bdevs' lists them\n",
			*name);
	}
	spdk_jsonrpc_client_free_response(response);
	if (found == NULL) {
		return EXIT_FAILED;
	}
	*name = found;
	return -1;
}

static int
take(struct request *request, struct stat_sample *sample)
{
	const char *name = request->view.num_names == 1 ? request->view.names[0] : NULL;
	char why[256] = "";
	int rc = stat_sample_take(&request->client, name, sample, why, sizeof(why));

	if (rc == 0 && request->view.percentiles) {
		rc = stat_sample_take_histograms(&request->client, sample);
		if (rc != 0) {
			stat_sample_free(sample);
		}
	}
	if (rc != 0 && why[0] != '\0') {
		fprintf(stderr, "bdevkit stat: %s\n", why);
	}
	return rc;
}

static int
show(const struct request *request, const struct stat_sample *before, const struct stat_sample *after)
{
	int count;

	if (request->json) {
		count = stat_print_json(&request->view, before, after, request->interval == 0);
	} else {
		count = stat_print(&request->view, before, after);
	}
	if (fflush(stdout) != 0) {
		return EXIT_FAILED;
	}
	if (count < request->view.num_names) {
		fprintf(stderr, "bdevkit stat: a bdev that was asked for is gone\n");
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int
show_once(struct request *request)
{
	struct stat_sample nothing = {}, now;
	int rc;

	if (take(request, &now) != 0) {
		return EXIT_FAILED;
	}
	rc = show(request, &nothing, &now);
	stat_sample_free(&now);
	return rc;
}

static int
show_intervals(struct request *request)
{
	struct stat_sample before, after;
	struct timespec due;
	uint64_t step = (uint64_t)(request->interval * 1e9);
	int rc = EXIT_OK;

	if (take(request, &before) != 0) {
		return EXIT_FAILED;
	}
	clock_gettime(CLOCK_MONOTONIC, &due);
	for (uint64_t i = 0; rc == EXIT_OK && (request->count == 0 || i < request->count); i++) {
		due.tv_sec += (time_t)((step + (uint64_t)due.tv_nsec) / 1000000000);
		due.tv_nsec = (long)((step + (uint64_t)due.tv_nsec) % 1000000000);
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) != 0 || g_interrupted) {
			break;
		}
		if (take(request, &after) != 0) {
			rc = EXIT_FAILED;
			break;
		}
		if (i > 0 && !request->json) {
			printf("\n");
		}
		rc = show(request, &before, &after);
		stat_sample_free(&before);
		before = after;
	}
	stat_sample_free(&before);
	return rc;
}

/* ---- the command line ---- */

static bool
is_number(const char *word)
{
	return *word != '\0' && word[strspn(word, "0123456789.")] == '\0';
}

/* Takes INTERVAL and COUNT from the end of the words. Returns -1, or an exit code. */
static int
parse_interval(struct request *request, int *num_words, char **words)
{
	const char *interval, *count = NULL;
	char *end;

	if (*num_words > 1 && is_number(words[*num_words - 1]) && is_number(words[*num_words - 2])) {
		count = words[--*num_words];
	}
	if (*num_words == 0 || !is_number(words[*num_words - 1])) {
		return -1;
	}
	interval = words[--*num_words];
	request->interval = strtod(interval, &end);
	if (*end != '\0' || request->interval < 0.01 || request->interval > 1e6) {
		fprintf(stderr, "bdevkit stat: INTERVAL %s: not a number of seconds from 0.01 on\n", interval);
		return EXIT_USAGE;
	}
	if (count != NULL) {
		request->count = strtoull(count, &end, 10);
		if (*end != '\0' || request->count == 0) {
			fprintf(stderr, "bdevkit stat: COUNT %s: not a number from 1 on\n", count);
			return EXIT_USAGE;
		}
	}
	return -1;
}

static int
parse(struct request *request, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"json-output", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	int ch;

	optind = 1;
	while ((ch = getopt_long(argc, argv, "hxpztr:", long_options, NULL)) != -1) {
		switch (ch) {
		case 'h':
			print_help();
			return EXIT_OK;
		case 'x':
			request->view.extended = true;
			break;
		case 'p':
			request->view.percentiles = true;
			break;
		case 'z':
			request->view.skip_idle = true;
			break;
		case 't':
			request->view.time = true;
			break;
		case 'j':
			request->json = true;
			break;
		case 'r':
			request->client.socket_path = optarg;
			break;
		default:
			fprintf(stderr, "'bdevkit stat --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	request->view.names = argv + optind;
	request->view.num_names = argc - optind;
	return parse_interval(request, &request->view.num_names, request->view.names);
}

int
stat_command(int argc, char **argv)
{
	struct request request = {
		.client = {.socket_path = SPDK_DEFAULT_RPC_ADDR, .timeout = TIMEOUT, .command = "stat"}};
	struct sigaction action = {.sa_handler = interrupt};
	int rc = parse(&request, argc, argv), found = 0;

	if (rc >= 0) {
		return rc;
	}
	while (rc < 0 && found < request.view.num_names) {
		rc = find_name(&request.client, &request.view.names[found]);
		found += rc < 0;
	}
	if (rc < 0 && request.interval > 0) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		rc = show_intervals(&request);
	} else if (rc < 0) {
		rc = show_once(&request);
	}
	for (int i = 0; i < found; i++) {
		free(request.view.names[i]);
	}
	rpc_client_close(&request.client);
	return rc;
}
