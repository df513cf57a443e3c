/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/options.h"

#include "spdk/util.h"

#define DEFAULT_ABORT_EVERY 8
#define DEFAULT_RESET_MS 100

static const struct perf_workload g_workloads[] = {
	{.name = "read", .kind = PERF_READ},
	{.name = "write", .kind = PERF_WRITE},
	{.name = "randread", .kind = PERF_READ, .random = true},
	{.name = "randwrite", .kind = PERF_WRITE, .random = true},
	{.name = "rw", .kind = PERF_WRITE, .mixed = true},
	{.name = "randrw", .kind = PERF_WRITE, .mixed = true, .random = true},
	{.name = "verify", .kind = PERF_WRITE, .verify = true},
	{.name = "randverify", .kind = PERF_WRITE, .verify = true, .random = true},
	{.name = "unmap", .kind = PERF_UNMAP},
	{.name = "randunmap", .kind = PERF_UNMAP, .random = true},
	{.name = "write_zeroes", .kind = PERF_WRITE_ZEROES},
	{.name = "randwrite_zeroes", .kind = PERF_WRITE_ZEROES, .random = true},
	{.name = "flush", .kind = PERF_FLUSH},
	{.name = "copy", .kind = PERF_COPY},
	{.name = "randcopy", .kind = PERF_COPY, .random = true},
	{.name = "abort", .kind = PERF_READ, .random = true, .abort_every = DEFAULT_ABORT_EVERY},
	{.name = "reset", .kind = PERF_READ, .random = true, .reset_ms = DEFAULT_RESET_MS},
};

static const char *const g_kind_names[PERF_NUM_KINDS] = {
	[PERF_READ] = "read",
	[PERF_WRITE] = "write",
	[PERF_UNMAP] = "unmap",
	[PERF_WRITE_ZEROES] = "write_zeroes",
	[PERF_FLUSH] = "flush",
	[PERF_COPY] = "copy",
	[PERF_ABORT] = "abort",
	[PERF_RESET] = "reset",
};

const char *
perf_kind_name(enum perf_kind kind)
{
	return g_kind_names[kind];
}

bool
perf_kind_has_data(enum perf_kind kind)
{
	return kind == PERF_READ || kind == PERF_WRITE;
}

void
perf_options_init(struct perf_options *options)
{
	memset(options, 0, sizeof(*options));
	options->depths[0] = 32;
	options->num_depths = 1;
	options->sizes.count = 1;
	options->sizes.items[0] = (struct perf_size){.bytes = 4096, .percent = 100};
	options->read_percent = 50;
	options->time = 10;
	options->seed = 1;
}

const char *
perf_options_workloads(void)
{
	static char names[256];
	size_t length = 0;

	for (size_t i = 0; i < SPDK_COUNTOF(g_workloads); i++) {
		length += (size_t)snprintf(
			names + length, sizeof(names) - length, "%s%s", i > 0 ? ", " : "", g_workloads[i].name);
	}
	return names;
}

int
perf_options_set_workload(struct perf_options *options, const char *text)
{
	for (size_t i = 0; i < SPDK_COUNTOF(g_workloads); i++) {
		if (strcmp(g_workloads[i].name, text) == 0) {
			options->workload = &g_workloads[i];
			options->abort_every = g_workloads[i].abort_every;
			options->reset_ms = g_workloads[i].reset_ms;
			return 0;
		}
	}
	return -EINVAL;
}

int
perf_options_set_depths(struct perf_options *options, const char *text)
{
	options->num_depths = 0;
	for (;;) {
		char *end;
		unsigned long depth = strtoul(text, &end, 10);

		if (end == text || *text < '0' || *text > '9' || depth == 0 || depth > PERF_MAX_DEPTH ||
			options->num_depths == PERF_MAX_DEPTHS) {
			return -EINVAL;
		}
		options->depths[options->num_depths++] = (uint32_t)depth;
		if (*end == '\0') {
			return 0;
		}
		if (*end != ',') {
			return -EINVAL;
		}
		text = end + 1;
	}
}

bool
perf_options_write(const struct perf_options *options)
{
	enum perf_kind kind = options->workload->kind;

	return kind != PERF_READ && kind != PERF_FLUSH;
}

const char *
perf_options_check(const struct perf_options *options)
{
	const struct perf_workload *workload = options->workload;

	if (workload == NULL) {
		return "say with -w what to do; --help lists the workloads";
	}
	if (options->time == 0 && options->count == 0) {
		return "without a limit it would never end: -t or -n";
	}
	if (options->zcopy && (!perf_kind_has_data(workload->kind) || workload->verify)) {
		return "-Z is for reads and writes";
	}
	if (options->stamp && (!perf_kind_has_data(workload->kind) || workload->verify || options->zcopy)) {
		return "--stamp is for reads and writes, without -Z; verify has marks of its own";
	}
	if (!workload->random && options->distribution.shape != PERF_UNIFORM) {
		return "a distribution is for random workloads";
	}
	if (workload->verify && (options->abort_every > 0 || options->reset_ms > 0)) {
		return "verify goes neither with aborts nor with resets";
	}
	for (uint32_t i = 0; i < options->sizes.count; i++) {
		if (options->sizes.items[i].bytes > PERF_MAX_IO_SIZE) {
			return "an I/O has at most 64M";
		}
	}
	return NULL;
}
