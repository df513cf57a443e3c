/* SPDX-License-Identifier: BSD-3-Clause */

/* A run of bdevkit dd: open, check, prepare, copy, perhaps wait for an end that is gone and go on, close, tell. */

#include "app/bdevkit/dd/dd.h"

#include "spdk/env.h"
#include "spdk/json.h"
#include "spdk/string.h"
#include "spdk/thread.h"
#include "spdk/util.h"

#include "app/bdevkit/commands.h"
#include "app/bdevkit/dd/report.h"

#define DEFAULT_BLOCK 512
#define DEFAULT_IO_SIZE (1024 * 1024)
#define DEFAULT_SPARSE 4096
/* Microseconds between two tries to open an end again. */
#define RETRY_PERIOD 500000
/* Microseconds for what is out to come back when somebody interrupts it. */
#define GIVE_UP_AFTER 5000000

static const char *const g_sides[] = {"source", "target"};

static struct run {
	const struct dd_request *request;
	void (*fn)(void *ctx, int exit_code);
	void *ctx;
	struct dd_end ends[2];
	struct dd_copy_options options;
	struct dd_copy *copy;
	struct dd_report report;
	struct dd_result result;
	/* An end is gone, and waited for until then. */
	struct spdk_poller *retry_poller;
	/* Interrupted, it ends at the latest when this runs. */
	struct spdk_poller *give_up_poller;
	uint64_t retry_until;
	uint64_t gone_size;
	bool running;
	bool interrupted;
} g_run;

static void run_copy(struct run *run);

/* ---- the end ---- */

static void
run_finish(struct run *run, int exit_code)
{
	const struct dd_request *request = run->request;
	int rc;

	spdk_poller_unregister(&run->retry_poller);
	spdk_poller_unregister(&run->give_up_poller);
	dd_end_close(&run->ends[DD_SOURCE], exit_code == EXIT_OK);
	rc = dd_end_close(&run->ends[DD_TARGET], exit_code == EXIT_OK);
	if (rc != 0) {
		fprintf(stderr, "bdevkit dd: %s: closing it: %s\n", request->words[DD_TARGET], spdk_strerror(-rc));
		exit_code = EXIT_FAILED;
	}
	dd_report_end(&run->report, exit_code == EXIT_OK);
	run->running = false;
	run->fn(run->ctx, exit_code);
}

static const char *
name_op(enum dd_op op)
{
	static const char *const names[] = {
		[DD_READ] = "reading",
		[DD_WRITE] = "writing",
		[DD_ZERO] = "writing zeroes",
		[DD_FLUSH] = "making safe what was written",
		[DD_EXTENT] = "asking for holes",
	};

	return names[op];
}

static const char *
explain(int rc)
{
	switch (rc) {
	case -ENODATA:
		return "the file has become shorter";
	case -ENOTCONN:
		return "the server has hung up";
	default:
		return spdk_strerror(-rc);
	}
}

static void
print_failure(const struct run *run)
{
	const struct dd_result *result = &run->result;
	const char *gone = run->ends[result->side].gone && result->rc != -ENOTCONN ? " (it is gone)" : "";

	dd_report_clear(&run->report);
	if (result->rc == -ECANCELED) {
		fprintf(stderr, "bdevkit dd: interrupted\n");
	} else if (result->op == DD_FLUSH) {
		fprintf(stderr, "bdevkit dd: %s: %s: %s%s\n", run->request->words[result->side], name_op(result->op),
			explain(result->rc), gone);
	} else {
		fprintf(stderr, "bdevkit dd: %s: %s at byte %" PRIu64 ": %s%s\n", run->request->words[result->side],
			name_op(result->op), result->offset, explain(result->rc), gone);
	}
}

static void
print_resume(const struct run *run, uint64_t safe)
{
	fprintf(stderr, "bdevkit dd: %" PRIu64 " of %" PRIu64 " bytes are safe on the target; ", safe,
		run->options.length);
	if (safe == 0) {
		fprintf(stderr, "begin anew\n");
	} else {
		fprintf(stderr, "the same command with --resume %" PRIu64 " goes on there\n", safe);
	}
}

static void
run_fail(struct run *run)
{
	if (run->retry_poller != NULL) {
		dd_report_clear(&run->report);
		fprintf(stderr, "bdevkit dd: the %s did not come back as it was\n", g_sides[run->result.side]);
	} else {
		print_failure(run);
	}
	print_resume(run, run->report.progress.safe);
	run_finish(run, EXIT_FAILED);
}

static void __attribute__((format(printf, 2, 3))) refuse(struct run *run, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bdevkit dd: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	run_finish(run, EXIT_FAILED);
}

/* ---- open ---- */

static int
open_end(struct run *run, enum dd_side side, char *why, size_t why_size)
{
	const struct dd_request *request = run->request;
	struct dd_end *end = &run->ends[side];
	enum dd_kind kind = request->kinds[side];
	struct stat st;

	*end = (struct dd_end){
		.word = request->words[side],
		.name = request->names[side],
		.write = side == DD_TARGET,
		.options = request->ends[side],
	};
	/* A bare name that is no bdev may be a file. */
	if (kind == DD_BDEV && spdk_bdev_get_by_name(end->name) == NULL && stat(end->name, &st) == 0) {
		kind = DD_FILE;
	}
	return dd_end_open(end, kind, why, why_size);
}

/* ---- wait for an end that is gone ---- */

static int
retry(void *arg)
{
	struct run *run = arg;
	char why[512];
	int rc = run->interrupted ? -ECANCELED : open_end(run, run->result.side, why, sizeof(why));

	if (rc == 0 && run->ends[run->result.side].size != run->gone_size) {
		run_fail(run);
	} else if (rc == 0) {
		spdk_poller_unregister(&run->retry_poller);
		dd_report_note(&run->report, "the %s is back", g_sides[run->result.side]);
		run_copy(run);
	} else if (spdk_get_ticks() >= run->retry_until || run->interrupted) {
		run_fail(run);
	}
	return SPDK_POLLER_BUSY;
}

/* Returns false if nothing is to be waited for. */
static bool
run_wait(struct run *run)
{
	struct dd_end *end = &run->ends[run->result.side];

	if (run->request->retry <= 0 || run->request->kinds[run->result.side] != DD_NBD || !end->gone ||
		run->interrupted) {
		return false;
	}
	dd_report_note(&run->report, "the %s is gone at byte %" PRIu64 "; waiting for it", g_sides[run->result.side],
		run->report.progress.safe);
	run->gone_size = end->size;
	dd_end_close(end, false);
	/* What was written behind the safe place may be there or not. */
	run->ends[DD_TARGET].zeroed = false;
	run->options.resume = run->report.progress.safe;
	run->retry_until = spdk_get_ticks() + (uint64_t)(run->request->retry * (double)spdk_get_ticks_hz());
	run->retry_poller = SPDK_POLLER_REGISTER(retry, run, RETRY_PERIOD);
	return run->retry_poller != NULL;
}

/* ---- copy ---- */

static void
copied(void *ctx, const struct dd_result *result, const struct dd_progress *progress)
{
	struct run *run = ctx;

	dd_report_add(&run->report, progress);
	run->result = *result;
	dd_copy_free(run->copy);
	run->copy = NULL;
	if (run->result.rc == 0) {
		run_finish(run, EXIT_OK);
	} else if (!run_wait(run)) {
		run_fail(run);
	}
}

static void
run_copy(struct run *run)
{
	run->copy = dd_copy_start(&run->ends[DD_SOURCE], &run->ends[DD_TARGET], &run->options, copied, run);
	if (run->copy == NULL) {
		refuse(run, "there is no memory for %u buffers of %" PRIu64 " bytes", run->options.depth,
			run->options.io_size);
		return;
	}
	run->report.copy = run->copy;
}

/* ---- prepare ---- */

static void
run_prepare(struct run *run)
{
	const struct dd_request *request = run->request;
	struct dd_end *target = &run->ends[DD_TARGET];
	bool keep = request->keep || request->resume > 0;
	int rc = target->ops->prepare(
		target, keep ? UINT64_MAX : run->options.target_at, run->options.target_at + run->options.length);

	if (rc != 0) {
		refuse(run, "%s: %s", target->word, spdk_strerror(-rc));
		return;
	}
	target->zeroed = target->zeroed || (request->target_is_zero && request->resume == 0);
	dd_report_begin(&run->report, request, run->options.length, run->options.resume);
	run_copy(run);
}

/* ---- check ---- */

/* Blocks or bytes, as bytes; UINT64_MAX if there are too many. */
static uint64_t
in_bytes(const struct dd_request *request, uint64_t number, bool bytes)
{
	uint64_t block = bytes ? 1 : request->block > 0 ? request->block : DEFAULT_BLOCK;

	return number > UINT64_MAX / block ? UINT64_MAX : number * block;
}

static bool
set_range(struct run *run)
{
	const struct dd_request *request = run->request;
	const struct dd_end *source = &run->ends[DD_SOURCE], *target = &run->ends[DD_TARGET];
	struct dd_copy_options *options = &run->options;

	options->source_at = in_bytes(request, request->skip, request->skip_bytes);
	options->target_at = in_bytes(request, request->seek, request->seek_bytes);
	if (options->source_at > source->size) {
		refuse(run, "%s has %" PRIu64 " bytes, and skip= leaves out more", source->word, source->size);
		return false;
	}
	options->length =
		spdk_min(in_bytes(request, request->count, request->count_bytes), source->size - options->source_at);
	if (source->size == UINT64_MAX && request->count == UINT64_MAX) {
		/* As much as there is room for. */
		options->length =
			target->grows ? UINT64_MAX : target->size - spdk_min(target->size, options->target_at);
	}
	if (options->length > INT64_MAX || options->target_at > INT64_MAX - options->length) {
		refuse(run, "%s has no end; count= says how much of it to copy", source->word);
		return false;
	}
	return true;
}

/* Returns false after it has said what does not fit. */
static bool
check_room(struct run *run)
{
	const struct dd_end *target = &run->ends[DD_TARGET];
	uint64_t needed = run->options.target_at + dd_round_up(run->options.length, target->block_size);
	char room[32], wanted[32];

	if (target->grows) {
		return true;
	}
	if (needed > target->size) {
		dd_format_bytes(room, sizeof(room), (double)target->size);
		dd_format_bytes(wanted, sizeof(wanted), (double)needed);
		refuse(run, "%s is too small: it has %" PRIu64 " bytes (%s), and %" PRIu64 " (%s) are needed",
			target->word, target->size, room, needed, wanted);
		return false;
	}
	return true;
}

static bool
check_alignment(struct run *run)
{
	const uint64_t places[] = {run->options.source_at, run->options.target_at};
	const struct dd_end *target = &run->ends[DD_TARGET];

	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		uint32_t block = run->ends[side].block_size;

		if (places[side] % block != 0 || run->request->resume % block != 0) {
			refuse(run, "%s is read and written in blocks of %u bytes: %s= and --resume must fit them",
				run->ends[side].word, block, side == DD_SOURCE ? "skip" : "seek");
			return false;
		}
	}
	if (target->grows && (run->request->keep || run->request->resume > 0) &&
		run->options.length % target->block_size != 0 &&
		run->options.target_at + run->options.length < target->size) {
		refuse(run,
			"%s is written in blocks of %u bytes, and the last one would be filled up over what is there",
			target->word, target->block_size);
		return false;
	}
	return true;
}

static void
set_sizes(struct run *run)
{
	const struct dd_request *request = run->request;
	const struct dd_end *source = &run->ends[DD_SOURCE], *target = &run->ends[DD_TARGET];
	struct dd_copy_options *options = &run->options;
	uint32_t unit = spdk_max(source->block_size, target->block_size);
	uint64_t most = spdk_min(source->max_io, target->max_io);

	options->resume = request->resume;
	options->depth = request->depth;
	options->safe_every = request->safe_every;
	options->io_size = request->block > 0 ? request->block : DEFAULT_IO_SIZE;
	options->io_size = spdk_min(options->io_size, most / unit * unit);
	options->io_size = dd_round_up(options->io_size, unit);
	options->sparse = request->sparse == UINT32_MAX ? DEFAULT_SPARSE : request->sparse;
	options->sparse = (uint32_t)dd_round_up(options->sparse, unit);
}

static void
run_check(struct run *run)
{
	const struct dd_request *request = run->request;

	if (dd_end_is_same(&run->ends[DD_SOURCE], &run->ends[DD_TARGET])) {
		refuse(run, "%s and %s are, or stand on, the same thing", request->words[DD_SOURCE],
			request->words[DD_TARGET]);
		return;
	}
	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		if (run->ends[side].ops->lock != NULL && run->ends[side].ops->lock(&run->ends[side]) != 0) {
			refuse(run, "%s is in use as a disk image, by a target or QEMU; --no-lock copies all the same",
				request->words[side]);
			return;
		}
	}
	if (!set_range(run) || !check_room(run) || !check_alignment(run)) {
		return;
	}
	if (request->resume > run->options.length) {
		refuse(run, "--resume %" PRIu64 ": there are %" PRIu64 " bytes to copy", request->resume,
			run->options.length);
		return;
	}
	set_sizes(run);
	run_prepare(run);
}

void
dd_run(const struct dd_request *request, void (*fn)(void *ctx, int exit_code), void *ctx)
{
	struct run *run = &g_run;
	char why[512];

	*run = (struct run){.request = request, .fn = fn, .ctx = ctx, .running = true};
	for (int side = DD_SOURCE; side <= DD_TARGET; side++) {
		if (open_end(run, side, why, sizeof(why)) != 0) {
			refuse(run, "%s: %s", request->words[side], why);
			return;
		}
	}
	run_check(run);
}

/* An end that does not answer would hold up the one who wants it to end. */
static int
give_up(void *arg)
{
	struct run *run = arg;
	struct dd_progress progress;

	dd_copy_get_progress(run->copy, &progress);
	dd_report_clear(&run->report);
	fprintf(stderr, "bdevkit dd: interrupted, and an end does not answer\n");
	print_resume(run, progress.safe);
	fflush(NULL);
	_exit(EXIT_FAILED);
}

bool
dd_run_interrupt(void)
{
	if (!g_run.running) {
		return false;
	}
	g_run.interrupted = true;
	if (g_run.copy != NULL) {
		g_run.give_up_poller = SPDK_POLLER_REGISTER(give_up, &g_run, GIVE_UP_AFTER);
		dd_copy_stop(g_run.copy);
	}
	return true;
}
