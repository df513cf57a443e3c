/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * bdevkit check: the rules that a bdev keeps, tried one group after the other. Each group is a file that reads from top to
 * bottom: it makes I/O with check_io (io.c), with data that says where it belongs (data.c), and states rules (report.c).
 */

#ifndef BDEVKIT_CHECK_H
#define BDEVKIT_CHECK_H

#include "spdk/stdinc.h"
#include "spdk/bdev_module.h"
#include "spdk/bdev_zone.h"

#include "app/bdevkit/check/rules.h"
#include "app/bdevkit/check/session.h"

#define CHECK_MAX_IOVS 16
/* How long an I/O may take before it counts as one that never ends. */
#define CHECK_IO_TIMEOUT_US (10 * 1000000ULL)

struct spdk_json_write_ctx;

struct check_options {
	uint64_t seed;
	/* Seconds of random load; 0: a number of I/Os. */
	uint64_t duration;
	/* What the bdev holds may be lost. */
	bool overwrite;
	/* System threads that check at the same time, in the end. */
	uint64_t threads;
	/* Others use the layer, and the bdev was there before. */
	bool in_target;
	/* Schedules of a simulation; 0: none, everything is real. */
	uint64_t schedules;
	bool json;
	/* A small random part of the rules, on few blocks: a schedule of a simulation. */
	bool slice;
	/* The bdev is known not to keep what is written. */
	bool no_data;
	bool no_strict;
	/* Rules that take seconds are tried as well. */
	bool patient;
	/* What makes the bdevs. */
	const char *config;
	size_t config_size;
};

/* A rule, and how it fared. */
struct check_rule {
	uint64_t count;
	uint64_t failures;
	bool skipped;
	/* The first failure, or why the rule was not tried. */
	char note[512];
};

/* What a block holds: the pattern of a block number and a generation. */
struct check_block {
	uint32_t number;
	uint32_t generation;
	/* The metadata is that of the pattern, too. */
	bool md_known;
};

#define CHECK_ZEROES 0
#define CHECK_UNKNOWN UINT32_MAX

/* A bdev that is being checked. */
struct check {
	const char *name;
	const struct check_options *options;
	char module[64];
	struct spdk_bdev *bdev;
	/* What it was when the check began. */
	struct spdk_bdev at_first;
	struct spdk_bdev_desc *desc;
	struct spdk_io_channel *channels[SESSION_NUM_THREADS];
	/* With interleaved metadata; bytes of it that are data; bytes of metadata, and of that in a buffer of its own. */
	uint32_t block_size;
	uint32_t data_size;
	uint32_t md_size;
	uint32_t separate_md_size;
	/* Of the part of the bdev that is checked: all of it, but for several threads. */
	uint64_t num_blocks;
	uint64_t first_block;
	/* One of so many that check at the same time, if not 0. */
	unsigned int part;
	unsigned int num_parts;
	/* Why it cannot be checked. */
	char refusal[256];
	/* Blocks of which the contents are known, from the first one on. */
	uint64_t area;
	struct check_block *blocks;
	uint32_t last_generation;
	uint64_t start_ticks;
	/* That there were when it was closed at first. */
	bool remains_noted;
	unsigned int channels_before;
	unsigned int buffers_before;
	/* Events that the descriptor has told of. */
	unsigned int removals;
	unsigned int resizes;
	/* It could be opened, and its rules say something. */
	bool checked;
	struct check_rule rules[CHECK_NUM_RULES];
};

/* The unit of writes: those of others fail. */
static inline uint64_t
check_unit(const struct check *check)
{
	return check->bdev->split_on_write_unit ? check->bdev->write_unit_size : 1;
}

static inline uint64_t
check_round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* In a target a bdev may be removed while it is checked, which ends as soon as it can. */
static inline bool
check_is_gone(const struct check *check)
{
	return check->options->in_target && check->removals > 0;
}

/* How often something is tried that a whole run tries so many times. */
static inline int
check_rounds(const struct check *check, int whole)
{
	return check->options->slice ? 1 + (int)session_random((uint64_t)whole / 10 + 3) : whole;
}

/* Whether one of many trials is made: all in a whole run. */
static inline bool
check_takes(const struct check *check, uint64_t one_in)
{
	return !check->options->slice || session_random(one_in) == 0;
}

/* ---- report.c ---- */

static inline struct check_rule *
check_rule(struct check *check, enum check_rule_id id)
{
	return &check->rules[id];
}

/* Says something of a rule that is not broken. */
void check_note(struct check_rule *rule, const char *note);

/* Says that a rule does not apply, and why. */
void check_skip(struct check_rule *rule, const char *why);

/* Prints the rules that there are. */
void check_list_rules(void);

struct check_io;

/* Counts a trial of a rule, which held or not; io may be NULL. Returns holds. */
bool check_expect(struct check *check, struct check_rule *rule, bool holds, const struct check_io *io,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether all rules of a bdev held. */
bool check_passed(const struct check *check);

/* Adds what a schedule has found. */
void check_add(struct check *total, const struct check *part);

/* The rules that were broken. */
void check_print_failures(const struct check *check);

void check_write_json(struct spdk_json_write_ctx *w, const struct check *check);

/* Finds a rule by its text; CHECK_NUM_RULES: there is none. */
enum check_rule_id check_find_rule(const char *text);

void check_print(struct check *const *checks, size_t count, const struct check_options *options);

/* ---- data.c ---- */

/* Buffers of an I/O with guards around them. */
struct check_data {
	uint8_t *memory;
	size_t memory_size;
	uint64_t blocks;
	struct iovec iovs[CHECK_MAX_IOVS];
	int iovcnt;
	uint8_t *md;
};

/* Whole and aligned, or cut into pieces at random places with random alignment. All bytes are those of the guards. */
bool check_data_alloc(struct check *check, struct check_data *data, uint64_t blocks, bool cut);
void check_data_free(struct check_data *data);

/* Writes the pattern of blocks from offset on into the buffers. */
void check_data_fill(struct check *check, struct check_data *data, uint64_t offset, uint32_t generation);

/* The protection information of blocks from offset on. */
void check_data_pi_context(const struct check *check, struct spdk_dif_ctx *ctx, uint64_t offset);

/* Whether the buffers hold that pattern. */
bool check_data_matches(struct check *check, const struct check_data *data, uint64_t offset, uint32_t generation);

/* Returns the first of the blocks, beginning at offset, that is not as it is known to be; UINT64_MAX: all are. */
uint64_t check_data_find_wrong(struct check *check, const struct check_data *data, uint64_t offset);

/* Whether no byte around the buffers has changed. */
bool check_data_guards_intact(const struct check_data *data);

/* Whether each byte of one of the blocks is that of one of these generations, if not all of the same. */
bool check_data_block_is_of(struct check *check, const struct check_data *data, uint64_t i, uint64_t number,
	const uint32_t *generations, size_t count);

/* Whether one of the blocks holds the pattern of a block number and generation. */
bool check_data_block_is(
	struct check *check, const struct check_data *data, uint64_t i, uint64_t number, uint32_t generation);

/* What the bdev holds from now on. */
void check_know(struct check *check, uint64_t offset, uint64_t blocks, uint32_t generation);
void check_know_copy(struct check *check, uint64_t offset, uint64_t src, uint64_t blocks);

/* ---- io.c ---- */

struct check_io {
	struct check *check;
	enum spdk_bdev_io_type type;
	/* Number of the thread and channel. */
	unsigned int channel;
	uint64_t offset;
	uint64_t blocks;
	/* Of COPY. */
	uint64_t src;
	/* Of what has data; the second one of COMPARE_AND_WRITE. */
	struct check_data *data;
	struct check_data *write_data;
	/* Of ABORT. */
	struct check_io *victim;
	/* Of ZONE_MANAGEMENT; and of GET_ZONE_INFO, of which blocks counts zones. */
	enum spdk_bdev_zone_action zone_action;
	struct spdk_bdev_zone_info *zone_infos;
	/* Of READ and WRITE: checks of protection information that are left out, where the data are, what is done to them. */
	uint32_t dif_exclude;
	struct spdk_memory_domain *domain;
	void *domain_ctx;
	struct spdk_accel_sequence *sequence;
	/* Do not free it: its buffers are to be looked at, or it is a ZCOPY that is to be ended. */
	bool keep;

	/* What the submission returned. */
	int rc;
	bool in_submission;
	unsigned int completions;
	bool success;
	bool miscompare;
	/* Status of NVMe. */
	int sct;
	int sc;
	uint64_t seek_offset;
	uint64_t append_location;
	struct spdk_bdev_io *bdev_io;
};

/* Returns what the submission returned; if it is 0, io->completions tells of the end. */
int check_io_submit(struct check_io *io);
/* Waits for its end. What does not end is a failure, with which the process ends. */
void check_io_wait(struct check_io *io);
/* Both. */
int check_io_run(struct check_io *io);

/* Runs one that has to succeed. */
bool check_io_succeeds(struct check_rule *rule, struct check_io *io);

/* Reads on any thread and compares with what is known. */
void check_holds(struct check *check, struct check_rule *rule, uint64_t offset, uint64_t blocks);

/* Of an I/O that was kept: its buffers, without separate metadata, as data. False: it has none. */
bool check_io_borrow(struct check_io *io, struct check_data *data);

/* The end of a zero-copy that was begun with keep. */
int check_io_end_zcopy(struct check_io *io, bool commit);

/* The I/O in words. */
void check_io_describe(const struct check_io *io, char *text, size_t size);

/* Writes blocks of a new generation, reads them back on another channel, and compares. */
void check_write_read(struct check *check, struct check_rule *rule, uint64_t offset, uint64_t blocks, bool cut);

/*
 * The same anywhere, or at the beginning of a zone that is made empty for it. max_blocks: in units of writes. False: there is
 * no zone to be had.
 */
bool check_write_somewhere(struct check *check, struct check_rule *rule, uint64_t max_blocks, bool cut);

/* Prints what there is so far and ends the process, whose state nobody knows any more. */
void check_give_up(struct check *check) __attribute__((noreturn));

/* ---- fence.c ---- */

/* Memory that nobody may touch. Who does while a bdev is watched breaks a rule, in the name of an I/O if one is set. */
void check_fence_add(const void *start, size_t size);
void check_fence_remove(const void *start);
/* NULL: no more. */
void check_fence_watch(struct check *check);
void check_fence_io(struct check_io *io);

/* ---- bdev.c ---- */

/* Opens it and tries all rules. Returns 0, or a negative errno: it cannot be checked, and stderr says why. */
int check_bdev(struct check *check);

/* Says on stderr what the calling system thread was trying. */
void check_tell_crash(void);

/* Of descriptors that are open for a moment. */
void check_ignore_event_cb(enum spdk_bdev_event_type type, struct spdk_bdev *bdev, void *event_ctx);

/* Opens it, and gets its channels; returns 0 or a negative errno, and stderr says why. */
int check_open(struct check *check);
/* Gives back what there is of them. */
void check_close(struct check *check);

/* ---- strict.c ---- */

/* Before the session starts. */
void check_strict_enable(void);
/* From now on reports are about this bdev. */
void check_strict_watch(struct check *check);

/* ---- removal.c ---- */

/* The bdev is closed; all that there are are removed. False: some do not go. */
bool check_remove_all(struct check *check);
/* Has the configuration make them again, and opens the bdev. */
bool check_come_again(struct check *check);

/* ---- sim.c ---- */

/*
 * Runs schedules of a simulation on the bdevs of checks, each in a process of its own, until one breaks a rule. Then it
 * prints what has happened, and the words that repeat it. Returns 0 or a negative errno.
 */
int check_simulate(struct check **checks, size_t count, struct check_options *options, char **words);

/* In a schedule: leaves behind what is to be known of it. */
void check_schedule_ends(const struct check *check);

/* ---- remains.c ---- */

/* While the bdev is closed, for later. */
void check_note_remains(struct check *check);

/* ---- threads.c ---- */

/* Checks a bdev from several system threads at once, each on a part of it, and adds what they find. */
void check_in_threads(struct check *check);

/* For one of these threads: returns when all are as far as it is. */
void check_meet_others(struct check *check);

/* ---- target.c ---- */

/* Asks a running target for checks, whose results are added to checks. Returns 0 or a negative errno. */
int check_target(const char *socket_path, struct check **checks, size_t count);

/* In a target: an I/O does not end. Tells whoever has asked, and never returns. */
void check_stay(struct check *check) __attribute__((noreturn));

/* Returns when a check that goes on in this target has ended, after the bdevs have been removed. */
void check_target_wait(void);

/* ---- the groups ---- */

void check_opening(struct check *check);
void check_claims(struct check *check);
void check_types(struct check *check);
void check_limits(struct check *check);
void check_shapes(struct check *check);
void check_meaning(struct check *check);
void check_seek(struct check *check);
void check_zcopy(struct check *check);
void check_metadata(struct check *check);
void check_domains(struct check *check);
void check_fences(struct check *check);
void check_overlap(struct check *check);
void check_statistics(struct check *check);
void check_load(struct check *check);
void check_reset(struct check *check);
void check_timeouts(struct check *check);
/* Of bdevs with zones; of others says that they have none. */
void check_zones(struct check *check);
/* Says of the rules that were not tried why. */
void check_skip_zoned(struct check *check);
void check_says_same(struct check *check);
void check_remains(struct check *check);
void check_resize(struct check *check);
void check_durability(struct check *check);
void check_removal(struct check *check);

#endif /* BDEVKIT_CHECK_H */
