/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit trace: where the time of I/Os goes in a running target. */

#include "app/bdevkit/trace/trace.h"

#include "app/bdevkit/commands.h"
#include "spdk/init.h"
#include "spdk/string.h"

#define TIMEOUT 60
#define DEFAULT_SECONDS 1

struct request {
	struct rpc_client client;
	struct trace_limits limits;
	/* 0: a summary. */
	uint32_t num_slowest;
	bool json;
	const char *output;
	char **names;
	int num_names;
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
	printf("usage: bdevkit trace [OPTION...] [BDEV...]\n"
	       "\n"
	       "Records what the I/Os of a running target go through, and shows where their time goes: by bdev and "
	       "type, or\n"
	       "for single I/Os, each with those of the bdevs below that belong to it. It costs nothing before and "
	       "after.\n"
	       "\n"
	       "  -t SECONDS     how long to record (default 1), or until Ctrl-C\n"
	       "  -n COUNT       at most so many I/Os\n"
	       "  --slowest [N]  show the slowest I/Os (default 5) one by one, instead of a summary\n"
	       "  -o FILE        write all I/Os for https://ui.perfetto.dev and chrome://tracing\n"
	       "  -r SOCKET      the target's socket (default " SPDK_DEFAULT_RPC_ADDR "); it runs on this machine\n"
	       "  --json-output  the summary as JSON\n"
	       "\n"
	       "columns, in microseconds on average: queued, waiting for a limit or for its module to have room; "
	       "below, in\n"
	       "bdevs below, or in parts that an I/O was split into; own, all else: in the layer, its module, the "
	       "device;\n"
	       "share: of the time of all, what went into queued and own\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit trace\n"
	       "  bdevkit trace -t 5 --slowest raid\n"
	       "  bdevkit trace -n 10000 -o trace.json\n");
}

/* ---- the command line ---- */

static int
parse_number(const char *option, const char *word, double least, double most, double *out)
{
	char *end;

	*out = strtod(word, &end);
	if (*word == '\0' || *end != '\0' || !(*out >= least && *out <= most)) {
		fprintf(stderr, "bdevkit trace: %s %s: not a number from %g to %g\n", option, word, least, most);
		return EXIT_USAGE;
	}
	return -1;
}

static int
parse(struct request *request, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"help", no_argument, NULL, 'h'},
		{"slowest", optional_argument, NULL, 's'},
		{"json-output", no_argument, NULL, 'j'},
		{NULL, 0, NULL, 0},
	};
	double number;
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "ht:n:o:r:", long_options, NULL)) != -1) {
		switch (ch) {
		case 'h':
			print_help();
			return EXIT_OK;
		case 't':
			rc = parse_number("-t", optarg, 0.001, 86400, &request->limits.seconds);
			break;
		case 'n':
			rc = parse_number("-n", optarg, 1, 1e9, &number);
			request->limits.num_ios = (uint64_t)number;
			break;
		case 's':
			request->num_slowest = 5;
			if (optarg != NULL) {
				rc = parse_number("--slowest", optarg, 1, 1e6, &number);
				request->num_slowest = (uint32_t)number;
			}
			break;
		case 'o':
			request->output = optarg;
			break;
		case 'r':
			request->client.socket_path = optarg;
			break;
		case 'j':
			request->json = true;
			break;
		default:
			fprintf(stderr, "'bdevkit trace --help' tells how to use it\n");
			return EXIT_USAGE;
		}
	}
	request->names = argv + optind;
	request->num_names = argc - optind;
	return rc;
}

/* ---- what to do ---- */

static int
write_output(const struct trace_ios *ios, const char *path)
{
	FILE *file = fopen(path, "we");
	int rc = file != NULL ? trace_write_chrome(ios, file) : -errno;

	if (file != NULL && fclose(file) != 0 && rc == 0) {
		rc = -errno;
	}
	if (rc != 0) {
		fprintf(stderr, "bdevkit trace: %s cannot be written: %s\n", path, spdk_strerror(-rc));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* A name that has had no I/O may be one that is not there. */
static int
check_names(const struct request *request, const struct trace_recording *recording)
{
	for (int i = 0; i < request->num_names; i++) {
		bool known = false;

		for (size_t owner = 0; owner <= UINT16_MAX && !known; owner++) {
			known = recording->names[owner] != NULL &&
				strcmp(recording->names[owner], request->names[i]) == 0;
		}
		if (!known) {
			fprintf(stderr,
				"bdevkit trace: the target has no bdev '%s'; 'bdevkit rpc bdev_get_bdevs' lists them\n",
				request->names[i]);
			return EXIT_FAILED;
		}
	}
	return EXIT_OK;
}

static int
show(const struct request *request, const struct trace_ios *ios)
{
	int rc = request->output != NULL ? write_output(ios, request->output) : EXIT_OK;

	if (rc != EXIT_OK) {
		return rc;
	}
	if (request->json) {
		return trace_print_summary_json(ios, request->names, request->num_names);
	}
	if (request->num_slowest > 0) {
		return trace_print_slowest(ios, request->names, request->num_names, request->num_slowest);
	}
	return trace_print_summary(ios, request->names, request->num_names);
}

static int
run(struct request *request, struct trace_recording *recording)
{
	struct trace_ios ios;
	int rc = trace_record(&request->client, &request->limits, &g_interrupted, recording);

	if (rc == EXIT_OK) {
		rc = check_names(request, recording);
	}
	if (rc != EXIT_OK) {
		return rc;
	}
	if (trace_ios_make(recording, &ios) != 0) {
		fprintf(stderr, "bdevkit trace: no memory\n");
		return EXIT_FAILED;
	}
	rc = show(request, &ios);
	trace_ios_free(&ios);
	return rc;
}

int
trace_command(int argc, char **argv)
{
	struct request request = {
		.client = {.socket_path = SPDK_DEFAULT_RPC_ADDR, .timeout = TIMEOUT, .command = "trace"},
		.limits = {.seconds = DEFAULT_SECONDS},
	};
	struct sigaction action = {.sa_handler = interrupt};
	struct trace_recording *recording;
	int rc = parse(&request, argc, argv);

	if (rc >= 0) {
		return rc;
	}
	recording = calloc(1, sizeof(*recording));
	if (recording == NULL) {
		fprintf(stderr, "bdevkit trace: no memory\n");
		return EXIT_FAILED;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	rc = run(&request, recording);
	rpc_client_close(&request.client);
	trace_recording_free(recording);
	free(recording);
	return rc;
}
