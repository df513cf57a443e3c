/* SPDX-License-Identifier: BSD-3-Clause */

/* I/O that takes long: a rate limit holds it back, under load. */

#include "app/bdevkit/check/check.h"

#include "spdk/env.h"

#define TIMEOUT_S 1
/* They take some seconds at 1 MiB/s. */
#define TOTAL_BYTES (4U << 20)
#define MAX_IOS 256
#define WAIT_US (10 * 1000000ULL)

struct late {
	struct check *check;
	struct check_io ios[MAX_IOS];
	struct check_data data;
	unsigned int count;
	unsigned int told;
};

static void
late_cb(void *cb_arg, struct spdk_bdev_io *bdev_io)
{
	struct late *late = cb_arg;
	const struct check_io *io = spdk_bdev_io_get_cb_arg(bdev_io);
	struct check_rule *rule = check_rule(late->check, RULE_LATE_TOLD);
	struct check_rule *early = check_rule(late->check, RULE_LATE_ONLY);
	uint64_t age = spdk_get_ticks() - spdk_bdev_io_get_submit_tsc(bdev_io);
	bool ours = io >= late->ios && io < late->ios + late->count;

	late->told++;
	check_expect(late->check, rule, ours && spdk_get_thread() == session_thread(io->channel), ours ? io : NULL,
		ours ? "it is told on another thread" : "another one is told");
	check_expect(late->check, early, ours && io->completions == 0 && age >= TIMEOUT_S * spdk_get_ticks_hz(),
		ours ? io : NULL, "it is told of an I/O that is %" PRIu64 " ms old or has ended",
		age * 1000 / spdk_get_ticks_hz());
}

struct limited {
	bool done;
	int rc;
};

static void
limited_cb(void *cb_arg, int status)
{
	struct limited *limited = cb_arg;

	limited->rc = status;
	limited->done = true;
}

static bool
is_limited(void *arg)
{
	return ((const struct limited *)arg)->done;
}

/* MiB of writes per second; 0: any number. */
static bool
set_limit(struct check *check, uint64_t limit)
{
	static struct limited limited;
	uint64_t limits[SPDK_BDEV_QOS_NUM_RATE_LIMIT_TYPES] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, limit};

	limited = (struct limited){};
	spdk_bdev_set_qos_rate_limits(check->bdev, limits, limited_cb, &limited);
	return session_wait(is_limited, &limited, WAIT_US) && limited.rc == 0;
}

static bool
some_told(void *arg)
{
	return ((const struct late *)arg)->told > 0;
}

static void
hold_back(struct late *late)
{
	struct check *check = late->check;
	uint64_t unit = check_unit(check), blocks = late->data.blocks;
	struct check_rule *rule = check_rule(check, RULE_LATE_TOLD);

	check_data_fill(check, &late->data, 0, ++check->last_generation);
	for (late->count = 0; late->count < MAX_IOS && late->count * blocks * check->block_size < TOTAL_BYTES;
		late->count++) {
		late->ios[late->count] = (struct check_io){.check = check,
			.type = SPDK_BDEV_IO_TYPE_WRITE,
			.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
			.blocks = check_round_up(blocks, unit),
			.data = &late->data};
		check_io_submit(&late->ios[late->count]);
	}
	check_know(check, 0, late->data.blocks, CHECK_UNKNOWN);
	check_expect(check, rule, session_wait(some_told, late, WAIT_US), &late->ios[late->count - 1],
		"nobody is told of what is held back");
}

/* What is held back ends when it is let go, or by a reset. */
static void
let_go(struct late *late, bool with_reset)
{
	struct check *check = late->check;
	struct check_rule *rule = check_rule(check, RULE_LATE_ENDS);
	struct check_io reset = {.check = check, .type = SPDK_BDEV_IO_TYPE_RESET, .channel = 2};

	if (with_reset) {
		check_io_run(&reset);
		check_expect(check, rule, reset.rc == 0, &reset, "refused (%d)", reset.rc);
	} else {
		check_expect(check, rule, set_limit(check, 0), NULL, "the limit stays");
	}
	for (unsigned int i = 0; i < late->count; i++) {
		if (late->ios[i].rc == 0) {
			check_io_wait(&late->ios[i]);
		}
		check_expect(check, rule, late->ios[i].rc == 0 && (late->ios[i].success || with_reset), &late->ios[i],
			"failed (%d)", late->ios[i].rc);
	}
}

void
check_timeouts(struct check *check)
{
	static const enum check_rule_id rules[] = {RULE_LATE_TOLD, RULE_LATE_ONLY, RULE_LATE_ENDS};
	struct late *late;

	if (!check->options->patient) {
		for (size_t i = 0; i < SPDK_COUNTOF(rules); i++) {
			check_skip(check_rule(check, rules[i]), "it takes seconds: with --duration");
		}
		return;
	}
	late = calloc(1, sizeof(*late));
	if (late == NULL ||
		!check_data_alloc(check, &late->data,
			spdk_min(check_round_up((64U << 10) / check->block_size + 1, check_unit(check)), check->area),
			false)) {
		abort();
	}
	late->check = check;
	check_expect(check, check_rule(check, RULE_LATE_TOLD),
		spdk_bdev_set_timeout(check->desc, TIMEOUT_S, late_cb, late) == 0, NULL, "it cannot be asked for");
	for (int round = 0; round < 2; round++) {
		late->told = 0;
		check_expect(check, check_rule(check, RULE_LATE_ENDS), set_limit(check, 1), NULL, "there is no limit");
		hold_back(late);
		let_go(late, round == 1);
	}
	set_limit(check, 0);
	spdk_bdev_set_timeout(check->desc, 0, NULL, NULL);
	session_settle();
	check_data_free(&late->data);
	free(late);
}
