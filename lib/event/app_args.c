/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line of an application: one table makes the options and the help. */

#include "lib/event/app_internal.h"

#include "bdevkit/strict.h"
#include "spdk/env.h"
#include "spdk/log.h"
#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk/version.h"

#include <getopt.h>

/* Values of options without a letter; out of the way of those that applications choose. */
#define FIRST_LONG_ONLY 0x40000000

struct parse {
	struct spdk_app_opts *opts;
	bool file_given;
};

enum section {
	SECTION_CPU,
	SECTION_CONFIGURATION,
	SECTION_MEMORY,
	SECTION_PCI,
	SECTION_LOG,
	SECTION_TRACE,
	SECTION_OTHER,
};

static const char *const g_section_titles[] = {
	[SECTION_CPU] = "CPU options:",
	[SECTION_CONFIGURATION] = "Configuration options:",
	[SECTION_MEMORY] = "Memory options:",
	[SECTION_PCI] = "PCI options:",
	[SECTION_LOG] = "Log options:",
	[SECTION_TRACE] = "Trace options:",
	[SECTION_OTHER] = "Other options:",
};

struct arg {
	/* 0: none */
	char letter;
	const char *name;
	/* How the argument is called in the help; NULL: there is none. */
	const char *metavar;
	enum section section;
	const char *help;
	/* 0 to go on; else the reason was logged. */
	int (*apply)(struct parse *parse, const char *value);
};

static struct {
	const char *program;
	void (*app_usage)(void);
	/* What opts.rpc_allowlist points to; kept until the next command line is parsed. */
	char **allowlist;
} g_args;

/*
 * One function for each option
 */

static int
parse_number(const char *option, const char *value, int base, long long min, long long max, long long *number)
{
	char *end;

	errno = 0;
	*number = strtoll(value, &end, base);
	if (errno || end == value || *end != '\0' || *number < min || *number > max) {
		SPDK_ERRLOG("%s: '%s' must be a number from %lld to %lld\n", option, value, min, max);
		return -EINVAL;
	}

	return 0;
}

#define SET_STRING(function, field) \
	static int function(struct parse *parse, const char *value) \
	{ \
		parse->opts->field = value; \
		return 0; \
	}

#define SET_VALUE(function, field, constant) \
	static int function(struct parse *parse, const char *value) \
	{ \
		parse->opts->field = constant; \
		return 0; \
	}

SET_STRING(apply_rpc_socket, rpc_addr)
SET_STRING(apply_tpoint_group, tpoint_group_mask)
SET_STRING(apply_huge_dir, hugedir)
SET_STRING(apply_iova_mode, iova_mode)
SET_STRING(apply_vf_token, vf_token)
SET_VALUE(apply_limit_coredump, enable_coredump, false)
SET_VALUE(apply_single_file, hugepage_single_segments, true)
SET_VALUE(apply_no_pci, no_pci, true)
SET_VALUE(apply_huge_unlink, unlink_hugepage, true)
SET_VALUE(apply_interrupt_mode, interrupt_mode, true)
SET_VALUE(apply_silence, print_level, SPDK_LOG_WARN)
SET_VALUE(apply_wait_for_rpc, delay_subsystem_init, true)
SET_VALUE(apply_ignore_errors, json_config_ignore_errors, true)
SET_VALUE(apply_no_locks, disable_cpumask_locks, true)
SET_VALUE(apply_no_huge, no_huge, true)
SET_VALUE(apply_no_rpc, rpc_addr, NULL)
SET_VALUE(apply_enforce_numa, enforce_numa, true)

static int
apply_config(struct parse *parse, const char *value)
{
	parse->opts->json_config_file = value;
	parse->file_given = true;
	return 0;
}

static int
apply_cpumask(struct parse *parse, const char *value)
{
	if (parse->opts->lcore_map) {
		SPDK_ERRLOG("-m and --lcores cannot both be given\n");
		return -EINVAL;
	}
	parse->opts->reactor_mask = value;
	return 0;
}

static int
apply_lcores(struct parse *parse, const char *value)
{
	if (parse->opts->reactor_mask) {
		SPDK_ERRLOG("-m and --lcores cannot both be given\n");
		return -EINVAL;
	}
	parse->opts->lcore_map = value;
	return 0;
}

static int
apply_main_core(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--main-core", value, 0, 0, INT_MAX, &number);

	parse->opts->main_core = rc ? -1 : (int)number;
	return rc;
}

static int
apply_shm_id(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--shm-id", value, 0, INT_MIN, INT_MAX, &number);

	parse->opts->shm_id = rc ? -1 : (int)number;
	return rc;
}

static int
apply_mem_channels(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--mem-channels", value, 0, 0, INT_MAX, &number);

	parse->opts->mem_channel = rc ? -1 : (int)number;
	return rc;
}

static int
apply_mem_size(struct parse *parse, const char *value)
{
	bool has_suffix;
	uint64_t size;

	if (!isdigit((unsigned char)value[0]) || spdk_parse_capacity(value, &size, &has_suffix)) {
		SPDK_ERRLOG("--mem-size: '%s' must be a number of MB, or of bytes with a suffix K, M or G\n", value);
		return -EINVAL;
	}
	if (has_suffix) {
		size /= 1024 * 1024;
	}
	if (size > INT_MAX) {
		SPDK_ERRLOG("--mem-size: '%s' is too large\n", value);
		return -EINVAL;
	}

	parse->opts->mem_size = (int)size;
	return 0;
}

static int
apply_msg_pool(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--msg-mempool-size", value, 10, 1, INT_MAX, &number);

	parse->opts->msg_mempool_size = rc ? 0 : (size_t)number;
	return rc;
}

static int
apply_trace_entries(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--num-trace-entries", value, 0, 0, INT_MAX, &number);

	if (rc == 0 && (number & (number - 1)) != 0) {
		SPDK_ERRLOG("--num-trace-entries: '%s' must be 0 or a power of two\n", value);
		rc = -EINVAL;
	}
	parse->opts->num_entries = rc ? 0 : (uint64_t)number;
	return rc;
}

static int
apply_base_virtaddr(struct parse *parse, const char *value)
{
	long long number;
	int rc = parse_number("--base-virtaddr", value, 0, 1, LLONG_MAX, &number);

	if (rc == 0) {
		parse->opts->base_virtaddr = number;
	}
	return rc;
}

static int
apply_env_context(struct parse *parse, const char *value)
{
	parse->opts->env_context = (void *)value;
	return 0;
}

static int
apply_rpcs_allowed(struct parse *parse, const char *value)
{
	spdk_strarray_free(g_args.allowlist);
	g_args.allowlist = spdk_strarray_from_string(value, ",");
	parse->opts->rpc_allowlist = (const char **)g_args.allowlist;
	return g_args.allowlist ? 0 : -ENOMEM;
}

static int
apply_log_flag(struct parse *parse, const char *value)
{
	if (spdk_log_set_flag(value)) {
		SPDK_ERRLOG("-L: there is no log flag '%s'\n", value);
		spdk_log_usage(stderr, "-L");
		return -EINVAL;
	}
#ifdef DEBUG
	parse->opts->print_level = SPDK_LOG_DEBUG;
#endif
	return 0;
}

/* The form of an address is checked; no device is driven, so that its value does not matter. */
static int
check_pci_addr(const char *option, const char *value)
{
	unsigned int domain, bus, dev;
	char func[2];
	int length = 0;

	if ((sscanf(value, "%x:%x:%x.%1[0-7]%n", &domain, &bus, &dev, func, &length) == 4 ||
		    sscanf(value, "%x.%x.%x.%1[0-7]%n", &domain, &bus, &dev, func, &length) == 4 ||
		    sscanf(value, "%x:%x.%1[0-7]%n", &bus, &dev, func, &length) == 3) &&
		value[length] == '\0') {
		return 0;
	}

	SPDK_ERRLOG("%s: '%s' must be a PCI address such as 0000:01:00.0\n", option, value);
	return -EINVAL;
}

static bool g_pci_allowed_given, g_pci_blocked_given;

static int
refuse_both_pci_lists(void)
{
	if (g_pci_allowed_given && g_pci_blocked_given) {
		SPDK_ERRLOG("-A and -B cannot both be given\n");
		return -EINVAL;
	}
	return 0;
}

static int
apply_pci_allowed(struct parse *parse, const char *value)
{
	g_pci_allowed_given = true;
	return refuse_both_pci_lists() ? -EINVAL : check_pci_addr("-A", value);
}

static int
apply_pci_blocked(struct parse *parse, const char *value)
{
	g_pci_blocked_given = true;
	return refuse_both_pci_lists() ? -EINVAL : check_pci_addr("-B", value);
}

static int
apply_poll(struct parse *parse, const char *value)
{
	struct bdk_app_opts opts;

	bdk_app_get_opts(&opts, sizeof(opts));
	opts.poll = true;
	return bdk_app_set_opts(&opts);
}

/* Beyond what the environment says of it, which stays. */
static int
apply_strict(struct parse *parse, const char *value)
{
	return bdk_strict_is_enabled() ? 0 : bdk_strict_enable(NULL);
}

/*
 * The table
 */

static const struct arg g_table[] = {
	{'m', "cpumask", "CPUS", SECTION_CPU, "CPUs to run on: a mask such as 0x3, or a list such as [0,1]",
		apply_cpumask},
	{0, "lcores", "LIST", SECTION_CPU, "CPUs to run on, as a map of logical to physical ones: '(0-1)@(2-3)'",
		apply_lcores},
	{'p', "main-core", "CPU", SECTION_CPU, "CPU of the app thread (default: the first)", apply_main_core},
	{0, "poll", NULL, SECTION_CPU, "never sleep: spin on every CPU (of bdevkit)", apply_poll},
	{0, "strict", NULL, SECTION_LOG, "name modules and callers that break rules, in the log (of bdevkit)",
		apply_strict},
	{0, "interrupt-mode", NULL, SECTION_CPU, "drive everything by events that have a file descriptor",
		apply_interrupt_mode},
	{0, "disable-cpumask-locks", NULL, SECTION_CPU, "do not claim CPUs with lock files when spinning on them",
		apply_no_locks},
	{0, "msg-mempool-size", "COUNT", SECTION_CPU, "messages between threads that can be on their way",
		apply_msg_pool},

	{'c', "config", "FILE", SECTION_CONFIGURATION, "JSON configuration to load at start", apply_config},
	{0, "json", "FILE", SECTION_CONFIGURATION, "the same", apply_config},
	{0, "json-ignore-init-errors", NULL, SECTION_CONFIGURATION, "go on when a method of the configuration fails",
		apply_ignore_errors},
	{'r', "rpc-socket", "PATH", SECTION_CONFIGURATION, "RPC socket (default: " SPDK_DEFAULT_RPC_ADDR ")",
		apply_rpc_socket},
	{0, "no-rpc-server", NULL, SECTION_CONFIGURATION, "have no RPC socket", apply_no_rpc},
	{0, "rpcs-allowed", "LIST", SECTION_CONFIGURATION, "the only RPC methods that are allowed, with commas",
		apply_rpcs_allowed},
	{0, "wait-for-rpc", NULL, SECTION_CONFIGURATION, "start subsystems only at the RPC framework_start_init",
		apply_wait_for_rpc},

	{'s', "mem-size", "MB", SECTION_MEMORY, "memory that buffers may take at most; with K, M, G: bytes",
		apply_mem_size},
	{0, "no-huge", NULL, SECTION_MEMORY, "use no huge pages, also when the system has free ones", apply_no_huge},
	{0, "huge-dir", "DIR", SECTION_MEMORY, "accepted; huge pages are taken without a file system", apply_huge_dir},
	{'R', "huge-unlink", NULL, SECTION_MEMORY, "accepted; there are no files to unlink", apply_huge_unlink},
	{'g', "single-file-segments", NULL, SECTION_MEMORY, "accepted; there are no files", apply_single_file},
	{'n', "mem-channels", "COUNT", SECTION_MEMORY, "accepted; the hardware interleaves by itself",
		apply_mem_channels},
	{0, "base-virtaddr", "ADDRESS", SECTION_MEMORY, "accepted; addresses are the kernel's choice",
		apply_base_virtaddr},
	{0, "enforce-numa", NULL, SECTION_MEMORY, "take memory of the asked NUMA node or fail", apply_enforce_numa},

	{'u', "no-pci", NULL, SECTION_PCI, "accepted; no PCI device is driven by this version", apply_no_pci},
	{'A', "pci-allowed", "ADDRESS", SECTION_PCI, "accepted, likewise (not with -B)", apply_pci_allowed},
	{'B', "pci-blocked", "ADDRESS", SECTION_PCI, "accepted, likewise (not with -A)", apply_pci_blocked},
	{0, "iova-mode", "MODE", SECTION_PCI, "accepted, likewise: pa or va", apply_iova_mode},
	{0, "vfio-vf-token", "UUID", SECTION_PCI, "accepted, likewise", apply_vf_token},

	{'L', "logflag", "FLAG", SECTION_LOG, NULL, apply_log_flag},
	{0, "silence-noticelog", NULL, SECTION_LOG, "print warnings and errors only", apply_silence},

	{'e', "tpoint-group", "GROUPS", SECTION_TRACE, "trace groups to switch on: <group>[:<points>][,...], or all",
		apply_tpoint_group},
	{0, "num-trace-entries", "COUNT", SECTION_TRACE,
		"entries in each history of the trace: a power of two; 0: no traces", apply_trace_entries},

	{'d', "limit-coredump", NULL, SECTION_OTHER, "leave the limit of core dumps as it is", apply_limit_coredump},
	{'i', "shm-id", "ID", SECTION_OTHER, "number of this instance", apply_shm_id},
	{0, "env-context", "TEXT", SECTION_OTHER, "accepted; meant for another environment library", apply_env_context},
	{'h', "help", NULL, SECTION_OTHER, "show this text", NULL},
	{'v', "version", NULL, SECTION_OTHER, "show the version", NULL},
};

/*
 * Help
 */

static void
print_arg(const struct arg *arg)
{
	char names[64];

	snprintf(names, sizeof(names), "%s%c%s--%s%s%s", arg->letter ? "-" : "", arg->letter ? arg->letter : ' ',
		arg->letter ? ", " : "   ", arg->name, arg->metavar ? " " : "", arg->metavar ? arg->metavar : "");
	printf(" %-32s %s\n", names, arg->help);
}

static void
print_section(enum section section)
{
	printf("\n%s\n", g_section_titles[section]);
	for (size_t i = 0; i < SPDK_COUNTOF(g_table); i++) {
		if (g_table[i].section != section) {
			continue;
		}
		if (g_table[i].letter == 'L') {
			spdk_log_usage(stdout, "-L");
		} else {
			print_arg(&g_table[i]);
		}
	}
}

void
spdk_app_usage(void)
{
	if (!g_args.program) {
		SPDK_ERRLOG("spdk_app_usage() can only be called after spdk_app_parse_args()\n");
		return;
	}

	printf("%s [options]\n", g_args.program);
	for (size_t section = 0; section < SPDK_COUNTOF(g_section_titles); section++) {
		print_section(section);
	}

	if (g_args.app_usage) {
		printf("\nApplication specific:\n");
		g_args.app_usage();
	}
}

/*
 * Parsing
 */

static const struct arg *
find_arg(int value)
{
	if (value >= FIRST_LONG_ONLY && value < FIRST_LONG_ONLY + (int)SPDK_COUNTOF(g_table)) {
		return &g_table[value - FIRST_LONG_ONLY];
	}
	for (size_t i = 0; i < SPDK_COUNTOF(g_table); i++) {
		if (g_table[i].letter && g_table[i].letter == value) {
			return &g_table[i];
		}
	}

	return NULL;
}

static size_t
count_long_opts(const struct option *opts)
{
	size_t count = 0;

	while (opts && opts[count].name) {
		count++;
	}

	return count;
}

static bool
has_long_opt(const struct option *opts, const char *name)
{
	for (; opts && opts->name; opts++) {
		if (strcmp(opts->name, name) == 0) {
			return true;
		}
	}

	return false;
}

/* Those of the table, then the application's. */
static struct option *
make_long_opts(const struct option *app_opts)
{
	size_t app_count = count_long_opts(app_opts);
	struct option *opts = calloc(SPDK_COUNTOF(g_table) + app_count + 1, sizeof(*opts));
	size_t count = 0;

	if (!opts) {
		return NULL;
	}

	for (size_t i = 0; i < SPDK_COUNTOF(g_table); i++) {
		const struct arg *arg = &g_table[i];

		/* What is not of the interface gives way to an application that has it itself. */
		if ((arg->apply == apply_poll || arg->apply == apply_strict) && has_long_opt(app_opts, arg->name)) {
			continue;
		}
		opts[count++] = (struct option){
			.name = arg->name,
			.has_arg = arg->metavar ? required_argument : no_argument,
			.val = arg->letter ? arg->letter : FIRST_LONG_ONLY + (int)i,
		};
	}
	for (size_t i = 0; i < app_count; i++) {
		opts[count++] = app_opts[i];
	}

	return opts;
}

static int
check_app_letters(const char *letters)
{
	for (; *letters; letters++) {
		if (*letters != ':' && strchr(SPDK_APP_GETOPT_STRING, *letters)) {
			SPDK_ERRLOG(
				"Duplicated option '%c' between app-specific command line parameter and generic spdk "
				"opts.\n",
				*letters);
			return -EINVAL;
		}
	}

	return 0;
}

static void
point_to_help(void)
{
	fprintf(stderr, "'%s --help' shows the options\n", g_args.program);
}

static spdk_app_parse_args_rvals_t
apply_arg(struct parse *parse, const struct arg *arg, const char *value)
{
	int rc;

	if (arg->letter == 'h') {
		spdk_app_usage();
		return SPDK_APP_PARSE_ARGS_HELP;
	}
	if (arg->letter == 'v') {
		printf("%s\n", SPDK_VERSION_STRING);
		return SPDK_APP_PARSE_ARGS_HELP;
	}

	rc = arg->apply(parse, value);
	if (rc) {
		point_to_help();
	}
	return rc ? SPDK_APP_PARSE_ARGS_FAIL : SPDK_APP_PARSE_ARGS_SUCCESS;
}

static spdk_app_parse_args_rvals_t
parse_all(struct parse *parse, int argc, char **argv, const char *letters, const struct option *long_opts,
	int (*app_parse)(int value, char *arg))
{
	spdk_app_parse_args_rvals_t result;
	const struct arg *arg;
	int value, rc;

	optind = 1;
	while ((value = getopt_long(argc, argv, letters, long_opts, NULL)) != -1) {
		arg = find_arg(value);
		if (arg) {
			result = apply_arg(parse, arg, optarg);
			if (result != SPDK_APP_PARSE_ARGS_SUCCESS) {
				return result;
			}
		} else if (value == '?' || !app_parse) {
			/* What is wrong was said. All of the help would hide it. */
			point_to_help();
			return SPDK_APP_PARSE_ARGS_FAIL;
		} else {
			rc = app_parse(value, optarg);
			if (rc) {
				SPDK_ERRLOG("Parsing app-specific command line parameter '%c' failed: %d\n", value, rc);
				return SPDK_APP_PARSE_ARGS_FAIL;
			}
		}
	}

	return SPDK_APP_PARSE_ARGS_SUCCESS;
}

/* A file that the application presets is there if it wants to be. */
static void
drop_missing_config(struct parse *parse)
{
	const char *file = parse->opts->json_config_file;

	if (file && !parse->file_given && access(file, R_OK) != 0) {
		SPDK_WARNLOG("The configuration file %s cannot be read; starting without it\n", file);
		parse->opts->json_config_file = NULL;
	}
}

spdk_app_parse_args_rvals_t
spdk_app_parse_args(int argc, char **argv, struct spdk_app_opts *opts, const char *app_letters,
	const struct option *app_long_opts, int (*app_parse)(int value, char *arg), void (*app_usage)(void))
{
	spdk_app_parse_args_rvals_t result = SPDK_APP_PARSE_ARGS_FAIL;
	struct spdk_app_opts all;
	struct parse parse = {.opts = &all};
	struct option *long_opts;
	char *letters;

	g_args.program = argv[0];
	g_args.app_usage = app_usage;
	g_pci_allowed_given = g_pci_blocked_given = false;

	app_letters = app_letters ? app_letters : "";
	if (check_app_letters(app_letters)) {
		return SPDK_APP_PARSE_ARGS_FAIL;
	}
	if (!app_parse && (app_letters[0] || count_long_opts(app_long_opts) > 0)) {
		SPDK_ERRLOG("Options of the application need a function that parses them\n");
		return SPDK_APP_PARSE_ARGS_FAIL;
	}

	if (!opts || opts->opts_size == 0) {
		SPDK_ERRLOG("opts must be initialised with spdk_app_opts_init()\n");
		return SPDK_APP_PARSE_ARGS_FAIL;
	}
	event_app_opts_copy(&all, opts);
	letters = spdk_sprintf_alloc("%s%s", app_letters, SPDK_APP_GETOPT_STRING);
	long_opts = make_long_opts(app_long_opts);
	if (letters && long_opts) {
		result = parse_all(&parse, argc, argv, letters, long_opts, app_parse);
	}
	free(long_opts);
	free(letters);

	if (result == SPDK_APP_PARSE_ARGS_SUCCESS) {
		drop_missing_config(&parse);
		event_app_opts_copy_back(opts, &all);
	}
	return result;
}
