/* SPDX-License-Identifier: BSD-3-Clause */

/* What the files of the process share: raid_process.c has its life, raid_process_run.c its work. */

#ifndef MODULE_BDEV_RAID_PROCESS_H
#define MODULE_BDEV_RAID_PROCESS_H

#include "module/bdev/raid/raid_window.h"

/* So many are under way, so that the slowest member always has something to write, whatever the others take. */
#define RAID_PROCESS_WINDOWS 4

enum raid_process_type {
	RAID_PROCESS_RESYNC,
	RAID_PROCESS_REBUILD,
	RAID_PROCESS_SCRUB,
};

enum raid_process_state {
	/* What comes next is to be found out. */
	RAID_PROCESS_CHOOSING,
	RAID_PROCESS_RUNNING,
	/* What it has written is being made durable; and superblocks, how far it has come. */
	RAID_PROCESS_FLUSHING,
	RAID_PROCESS_RECORDING,
};

struct raid_process_window {
	struct raid_process *process;
	struct raid_window_work *work;
	/* Where it would have begun, had nothing been passed over. */
	uint64_t from;
	bool ended;
};

struct raid_process {
	struct raid *raid;
	enum raid_process_type type;
	enum raid_process_state state;
	/* Those at work follow each other from first on. */
	struct raid_process_window windows[RAID_PROCESS_WINDOWS];
	uint32_t first;
	uint32_t num_windows;
	/* Of the data of members: where the next window begins. */
	uint64_t next;
	/* Something has changed: when no window is at work any more, it chooses again. */
	bool looks_again;
	/* There is a range that cannot be rebuilt. */
	bool unreadable;

	/* Does all that is done; and when it has to look again at the latest. */
	struct spdk_poller *poller;
	uint64_t due;
	uint64_t retry_at;
	uint64_t bytes_per_second;
	uint64_t not_before;
	uint64_t last_record;
	struct raid_waiter waiter;

	/* Since it began. */
	uint64_t num_mismatches;
	uint64_t num_bytes;
	/* Where it began, and when; then of a moment a while ago, for its speed. */
	uint64_t sample_ticks;
	uint64_t sample_bytes;
	double bytes_per_tick;
};

/* ---- raid_process.c ---- */

bool raid_process_is_target(const struct raid_member *member);
bool raid_process_has_target(const struct raid *raid);
/* How much of each member has data of the array. */
uint64_t raid_process_get_end(const struct raid *raid);
/* Its poller looks what is to be done, in its next pass. */
void raid_process_look(struct raid_process *process);
/* Its windows have ended, and all that it has written is durable. */
void raid_process_finish(struct raid_process *process);

/* ---- raid_process_run.c ---- */

/* How often superblocks say how far it has come. A test may change it. */
extern uint32_t g_raid_process_record_ms;

/* Does what can be done now. In state RUNNING. */
void raid_process_run(struct raid_process *process);
/* Takes note of windows that have ended. */
void raid_process_end_windows(struct raid_process *process);
/* How many blocks are left to be looked at. */
uint64_t raid_process_get_left(const struct raid_process *process);

#endif /* MODULE_BDEV_RAID_PROCESS_H */
