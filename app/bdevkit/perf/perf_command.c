/* SPDX-License-Identifier: BSD-3-Clause */

/* bdevkit perf: the command line. */

#include "spdk/stdinc.h"
#include "spdk/cpuset.h"
#include "spdk/event.h"
#include "spdk/file.h"
#include "spdk/init.h"
#include "spdk/log.h"
#include "spdk/string.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/expression_config.h"
#include "app/bdevkit/load_module.h"
#include "app/bdevkit/perf/rpc.h"
#include "app/bdevkit/perf/run.h"
#include "app/bdevkit/perf/summary.h"
#include "app/bdevkit/text.h"

static struct perf_options g_options;
static struct spdk_app_opts g_app;
static char *g_config;
static size_t g_config_size;
static const char *g_plot;
static bool g_json;
static bool g_wait;
static bool g_progress;
static int g_exit_code;

static void
print_help(void)
{
	printf("usage: bdevkit perf -w WORKLOAD [OPTION...] BDEV|EXPRESSION...\n"
	       "\n"
	       "Puts load on block devices and tells how many I/Os a second they do and how long each takes.\n"
	       "\n"
	       "what:\n"
	       "  -w WORKLOAD            %s\n"
	       "  -o SIZE                bytes of an I/O (default 4k); a mix: 4k/70:64k/30\n"
	       "  -q DEPTH[,DEPTH...]    I/Os that are out at a time (default 32); of several, one run each\n"
	       "  -M PERCENT             reads of rw and randrw (default 50)\n"
	       "  --distribution random|zipf:THETA|hot:IOS/AREA\n"
	       "                         where random I/O goes; hot:90/10: 90 %% of it to the first 10 %%\n"
	       "  -F THETA               the same as --distribution zipf:THETA\n"
	       "  -Z                     reads and writes without copying, where the bdev lends its memory\n"
	       "  --abort-every N        abort every Nth I/O\n"
	       "  --reset-every MS       reset the bdev now and then, under load\n"
	       "  --stamp                write what says where it belongs, compare what is read with that\n"
	       "  --seed N               repeat the random choices, and stamps, of another run (default 1)\n"
	       "\n"
	       "how long:\n"
	       "  -t SECONDS             (default 10; without limit: 0, together with -n)\n"
	       "  -n COUNT               end after so many I/Os of each bdev\n"
	       "  --warmup SECONDS       put the load on before it is measured\n"
	       "  --rate IOPS            at most so many I/Os a second of each bdev\n"
	       "  --bandwidth SIZE       at most so many bytes a second of each bdev\n"
	       "  --timeout SECONDS      count I/Os that take longer, and abort them where the bdev can\n"
	       "  -f                     go on when an I/O fails\n"
	       "\n"
	       "where:\n"
	       "  --json CONFIG          the configuration that makes the bdevs\n"
	       "  --module FILE|NAME     load a module; may be repeated\n"
	       "  -m CPUS                CPUs, a mask (0x3) or a list ([0,2-3]); bdevs take turns on them\n"
	       "  -C                     load on each bdev from every CPU\n"
	       "  --overwrite            yes, what the devices hold may be lost\n"
	       "  -r SOCKET              ask a running target; times are whole seconds then\n"
	       "  -z                     wait for the RPC method perform_tests, on the socket of -r\n"
	       "\n"
	       "results:\n"
	       "  --json-output          as JSON\n"
	       "  --plot FILE.svg        draw latency over throughput, of several queue depths\n"
	       "  --progress             show how it goes on also where standard error is no terminal\n"
	       "\n"
	       "Ctrl-C ends it with the results so far. Exit codes: 0 all I/O was good, 1 not so, 2 wrong usage.\n"
	       "\n"
	       "examples:\n"
	       "  bdevkit perf -w randread -q 128 -t 5 null:1G\n"
	       "  bdevkit perf -w randrw -M 70 -q 1,4,16,64 --plot curve.svg --overwrite file:disk.img\n"
	       "  bdevkit perf -w verify -o 4k/50:64k/50 'raid1(malloc:64M,malloc:64M)'\n",
		perf_options_workloads());
}

enum {
	OPTION_JSON = 0x1000,
	OPTION_MODULE,
	OPTION_DISTRIBUTION,
	OPTION_ABORT_EVERY,
	OPTION_RESET_EVERY,
	OPTION_SEED,
	OPTION_STAMP,
	OPTION_BANDWIDTH,
	OPTION_TIMEOUT,
	OPTION_WARMUP,
	OPTION_RATE,
	OPTION_OVERWRITE,
	OPTION_JSON_OUTPUT,
	OPTION_PLOT,
	OPTION_PROGRESS,
};

static const struct option g_long_options[] = {
	{"help", no_argument, NULL, 'h'},
	{"workload", required_argument, NULL, 'w'},
	{"rw", required_argument, NULL, 'w'},
	{"io-size", required_argument, NULL, 'o'},
	{"bs", required_argument, NULL, 'o'},
	{"queue-depth", required_argument, NULL, 'q'},
	{"iodepth", required_argument, NULL, 'q'},
	{"rwmixread", required_argument, NULL, 'M'},
	{"distribution", required_argument, NULL, OPTION_DISTRIBUTION},
	{"random_distribution", required_argument, NULL, OPTION_DISTRIBUTION},
	{"zipf", required_argument, NULL, 'F'},
	{"zcopy", no_argument, NULL, 'Z'},
	{"abort-every", required_argument, NULL, OPTION_ABORT_EVERY},
	{"reset-every", required_argument, NULL, OPTION_RESET_EVERY},
	{"seed", required_argument, NULL, OPTION_SEED},
	{"stamp", no_argument, NULL, OPTION_STAMP},
	{"time", required_argument, NULL, 't'},
	{"runtime", required_argument, NULL, 't'},
	{"number_ios", required_argument, NULL, 'n'},
	{"warmup", required_argument, NULL, OPTION_WARMUP},
	{"ramp_time", required_argument, NULL, OPTION_WARMUP},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"rate_iops", required_argument, NULL, OPTION_RATE},
	{"bandwidth", required_argument, NULL, OPTION_BANDWIDTH},
	{"timeout", required_argument, NULL, OPTION_TIMEOUT},
	{"json", required_argument, NULL, OPTION_JSON},
	{"module", required_argument, NULL, OPTION_MODULE},
	{"overwrite", no_argument, NULL, OPTION_OVERWRITE},
	{"json-output", no_argument, NULL, OPTION_JSON_OUTPUT},
	{"plot", required_argument, NULL, OPTION_PLOT},
	{"progress", no_argument, NULL, OPTION_PROGRESS},
	{NULL, 0, NULL, 0},
};

static int __attribute__((format(printf, 1, 2))) wrong(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bdevkit perf: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n'bdevkit perf --help' tells how to use it\n");
	return EXIT_USAGE;
}

static int
read_number(const char *option, const char *text, uint64_t min, uint64_t max, uint64_t *number)
{
	if (expression_number(text, number) != 0 || *number < min || *number > max) {
		return wrong("%s %s: not a number from %" PRIu64 " to %" PRIu64, option, text, min, max);
	}
	return -1;
}

static int
read_number32(const char *option, const char *text, uint32_t min, uint32_t max, uint32_t *number)
{
	uint64_t wide = 0;
	int rc = read_number(option, text, min, max, &wide);

	*number = (uint32_t)wide;
	return rc;
}

static int
read_seconds(const char *option, const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (end == text || *end != '\0' || !(*seconds >= 0) || *seconds > 1e6) {
		return wrong("%s %s: not a number of seconds", option, text);
	}
	return -1;
}

static int
read_config(const char *path)
{
	FILE *file = fopen(path, "r");

	if (file == NULL) {
		fprintf(stderr, "bdevkit perf: --json %s: %s\n", path, spdk_strerror(errno));
		return EXIT_FAILED;
	}
	free(g_config);
	g_config = spdk_posix_file_load(file, &g_config_size);
	fclose(file);
	if (g_config == NULL) {
		fprintf(stderr, "bdevkit perf: --json %s: it cannot be read\n", path);
		return EXIT_FAILED;
	}
	return -1;
}

static int
read_sizes(const char *text)
{
	if (perf_sizes_parse(&g_options.sizes, text) != 0) {
		return wrong("-o %s: not a size such as 4k, or a mix such as 4k/70:64k/30 of 100 %%", text);
	}
	return -1;
}

static int
read_zipf(const char *text)
{
	char zipf[64];

	snprintf(zipf, sizeof(zipf), "zipf:%s", text);
	return perf_distribution_parse(&g_options.distribution, zipf) == 0 ? -1 : wrong("-F %s: not above 0", text);
}

static int
read_cpus(const char *text)
{
	enum spdk_log_level level = spdk_log_get_print_level();
	struct spdk_cpuset cpus;
	int rc;

	spdk_log_set_print_level(SPDK_LOG_DISABLED);
	rc = spdk_cpuset_parse(&cpus, text);
	spdk_log_set_print_level(level);
	if (rc != 0 || spdk_cpuset_count(&cpus) == 0) {
		return wrong("-m %s: not a set of CPUs; it is a mask such as 0x5, or a list such as [0,2-3]", text);
	}
	g_app.reactor_mask = text;
	return -1;
}

/* What is load and how long. Returns -1 to go on, or an exit code. */
static int
parse_load_option(int ch, uint32_t *abort_every, uint32_t *reset_ms)
{
	switch (ch) {
	case 'w':
		return perf_options_set_workload(&g_options, optarg) == 0
			? -1
			: wrong("-w %s: there is no such workload; they are %s", optarg, perf_options_workloads());
	case 'o':
		return read_sizes(optarg);
	case 'q':
		return perf_options_set_depths(&g_options, optarg) == 0
			? -1
			: wrong("-q %s: not a number from 1 to %d, or at most %d of them with commas", optarg,
				  PERF_MAX_DEPTH, PERF_MAX_DEPTHS);
	case 'M':
		return read_number32("-M", optarg, 0, 100, &g_options.read_percent);
	case 'F':
		return read_zipf(optarg);
	case OPTION_DISTRIBUTION:
		return perf_distribution_parse(&g_options.distribution, optarg) == 0
			? -1
			: wrong("--distribution %s: it is random, zipf:THETA or hot:IOS/AREA", optarg);
	case OPTION_ABORT_EVERY:
		return read_number32("--abort-every", optarg, 1, UINT32_MAX, abort_every);
	case OPTION_RESET_EVERY:
		return read_number32("--reset-every", optarg, 1, PERF_MAX_RESET_MS, reset_ms);
	case OPTION_SEED:
		return read_number("--seed", optarg, 0, UINT64_MAX, &g_options.seed);
	case 't':
		return read_seconds("-t", optarg, &g_options.time);
	case 'n':
		return read_number("-n", optarg, 1, UINT64_MAX, &g_options.count);
	case OPTION_WARMUP:
		return read_seconds("--warmup", optarg, &g_options.warmup);
	case OPTION_RATE:
		return read_number("--rate", optarg, 1, PERF_MAX_RATE, &g_options.rate);
	case OPTION_BANDWIDTH:
		return read_number("--bandwidth", optarg, 1, UINT64_MAX, &g_options.bandwidth);
	case OPTION_TIMEOUT:
		return read_number32("--timeout", optarg, 1, 1000000, &g_options.timeout);
	default:
		fprintf(stderr, "'bdevkit perf --help' tells how to use it\n");
		return EXIT_USAGE;
	}
}

static int
parse_option(int ch, uint32_t *abort_every, uint32_t *reset_ms)
{
	switch (ch) {
	case 'h':
		print_help();
		return EXIT_OK;
	case 'Z':
		g_options.zcopy = true;
		return -1;
	case OPTION_STAMP:
		g_options.stamp = true;
		return -1;
	case 'f':
		g_options.go_on = true;
		return -1;
	case 'C':
		g_options.every_core = true;
		return -1;
	case 'm':
		return read_cpus(optarg);
	case 'r':
		g_app.rpc_addr = optarg;
		return -1;
	case 'z':
		g_wait = true;
		return -1;
	case OPTION_JSON:
		return read_config(optarg);
	case OPTION_MODULE:
		return load_module("perf", optarg) == 0 ? -1 : EXIT_FAILED;
	case OPTION_OVERWRITE:
		g_options.overwrite = true;
		return -1;
	case OPTION_JSON_OUTPUT:
		g_json = true;
		return -1;
	case OPTION_PLOT:
		g_plot = optarg;
		return -1;
	case OPTION_PROGRESS:
		g_progress = true;
		return -1;
	default:
		return parse_load_option(ch, abort_every, reset_ms);
	}
}

/* What goes together. Returns -1 to go on, or an exit code. */
static int
check_options(bool named)
{
	const char *why = g_options.workload == NULL && g_wait ? NULL : perf_options_check(&g_options);

	if (why != NULL) {
		return wrong("%s", why);
	}
	if (g_plot != NULL && g_options.num_depths < 2) {
		return wrong("--plot draws several queue depths, such as -q 1,4,16,64");
	}
	if (g_app.rpc_addr != NULL && !g_wait && (g_config != NULL || g_app.reactor_mask != NULL)) {
		return wrong("a running target (-r) has its configuration and CPUs: neither --json nor -m");
	}
	if (g_app.rpc_addr == NULL && !named) {
		return wrong("name a block device");
	}
	return -1;
}

static int
parse(int argc, char **argv)
{
	uint32_t abort_every = 0, reset_ms = 0;
	int ch, rc = -1;

	optind = 1;
	while (rc < 0 && (ch = getopt_long(argc, argv, "hw:o:q:M:F:Zt:n:fm:Cr:z", g_long_options, NULL)) != -1) {
		rc = parse_option(ch, &abort_every, &reset_ms);
	}
	/* Also when -w, which has its own, comes last. */
	g_options.abort_every = abort_every > 0 ? abort_every : g_options.abort_every;
	g_options.reset_ms = reset_ms > 0 ? reset_ms : g_options.reset_ms;
	if (rc < 0 && g_wait && g_app.rpc_addr == NULL) {
		g_app.rpc_addr = SPDK_DEFAULT_RPC_ADDR;
	}
	return rc < 0 ? check_options(optind < argc) : rc;
}

/* ---- results ---- */

static void
write_summary(struct spdk_json_write_ctx *w, const void *summary)
{
	perf_summary_write_json(summary, w);
}

static void
write_answer(struct spdk_json_write_ctx *w, const void *answer)
{
	spdk_json_write_val(w, answer);
}

static void
print_json(void (*write)(struct spdk_json_write_ctx *w, const void *what), const void *what)
{
	struct text text = {};
	struct spdk_json_write_ctx *w = spdk_json_write_begin(text_append, &text, SPDK_JSON_WRITE_FLAG_FORMATTED);

	if (w == NULL) {
		return;
	}
	write(w, what);
	if (spdk_json_write_end(w) == 0) {
		printf("%s\n", text.data);
	}
	free(text.data);
}

/* Whatever the results are, they are shown. Returns whether they are good, and could be. */
static bool
show(const struct perf_summary *summary)
{
	int rc = 0;

	if (!g_json && summary->num_rows > 0) {
		perf_summary_print(summary, stdout);
	}
	if (g_plot != NULL) {
		rc = perf_summary_plot(summary, g_plot);
	}
	if (rc != 0) {
		fprintf(stderr, "bdevkit perf: --plot %s: %s\n", g_plot,
			rc == -ENODATA ? "there is nothing to draw" : spdk_strerror(-rc));
	}
	fflush(stdout);
	return rc == 0 && perf_summary_good(summary);
}

/* ---- in this process ---- */

static void
measured_cb(void *ctx, int rc, const char *why, const struct perf_results *results)
{
	struct perf_summary summary;

	g_exit_code = EXIT_FAILED;
	if (rc != 0) {
		fprintf(stderr, "bdevkit perf: %s\n", why);
	}
	/* With what came before the trouble, if there is some. */
	if ((rc == 0 || results->count > 0) && perf_summary_make(&summary, results) == 0) {
		if (g_json) {
			print_json(write_summary, &summary);
		}
		if (show(&summary) && rc == 0) {
			g_exit_code = EXIT_OK;
		}
		perf_summary_free(&summary);
	}
	spdk_app_stop(0);
}

static void
start(void *ctx)
{
	if (g_wait) {
		printf("bdevkit perf: waiting for perform_tests on %s\n", g_app.rpc_addr);
		fflush(stdout);
		perf_rpc_set_defaults(&g_options);
		return;
	}
	perf_run(&g_options, g_progress || isatty(STDERR_FILENO), measured_cb, NULL);
}

static void
interrupt(void)
{
	/* What goes on ends with its results, and then the rest. */
	if (!perf_run_interrupt() || g_wait) {
		spdk_app_stop(0);
	}
}

static int
run_here(int argc, char **argv)
{
	const char *const *words = (const char *const *)argv + optind;
	struct text text = {};
	int rc = expression_write_config(
		"perf", words, (size_t)(argc - optind), g_config, g_config_size, 0, &text, &g_options.bdevs);

	if (rc == 0) {
		g_app.json_data = text.data != NULL ? text.data : g_config;
		g_app.json_data_size = text.data != NULL ? text.size : g_config_size;
		g_app.shutdown_cb = interrupt;
		rc = spdk_app_start(&g_app, start, NULL);
		spdk_app_fini();
		if (rc != 0) {
			fprintf(stderr, "bdevkit perf: cannot make the block devices\n");
		}
	}
	free(text.data);
	return rc == 0 ? g_exit_code : EXIT_FAILED;
}

/* ---- in a running target ---- */

static int
answered(const struct spdk_json_val *answer)
{
	struct perf_summary summary;
	int rc = perf_summary_read_json(&summary, answer);

	if (rc != 0) {
		fprintf(stderr, "bdevkit perf: the target's answer is not understood\n");
		return rc;
	}
	if (g_json) {
		print_json(write_answer, answer);
	}
	rc = show(&summary) ? 0 : -EIO;
	perf_summary_free(&summary);
	return rc;
}

static int
ask_target(int argc, char **argv)
{
	for (int i = optind; i < argc; i++) {
		if (expression_is_one(argv[i])) {
			return wrong("%s: a running target (-r) has its bdevs, and makes none", argv[i]);
		}
		if (expression_names_add(&g_options.bdevs, argv[i]) != 0) {
			return EXIT_FAILED;
		}
	}
	return perf_rpc_ask(g_app.rpc_addr, &g_options, answered) == 0 ? EXIT_OK : EXIT_FAILED;
}

int
perf_command(int argc, char **argv)
{
	int rc;

	perf_options_init(&g_options);
	spdk_app_opts_init(&g_app, sizeof(g_app));
	g_app.name = "bdevkit perf";
	g_app.rpc_addr = NULL;
	g_app.print_level = SPDK_LOG_ERROR;
	rc = parse(argc, argv);
	if (rc < 0) {
		spdk_log_set_print_level(SPDK_LOG_ERROR);
		rc = g_app.rpc_addr != NULL && !g_wait ? ask_target(argc, argv) : run_here(argc, argv);
	}
	free(g_config);
	expression_names_free(&g_options.bdevs);
	return rc;
}
