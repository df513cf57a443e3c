/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * raid: one bdev out of several, its members. What the files of the module share.
 *
 * An array is a set of slots, each with a member or none. All that is said of arrays and slots is decided on the
 * application thread; other threads see members through their channels only. raid.c has the life of an array, raid_member.c
 * that of a member in its slot, raid_leave.c how one leaves an array at work, raid_io.c the way of an I/O to the
 * members, and a file for each level where on them it goes.
 */

#ifndef MODULE_BDEV_RAID_H
#define MODULE_BDEV_RAID_H

#include "bdevkit/bdev_module.h"
#include "bdevkit/thread.h"
#include "lib/env/env_internal.h"
#include "module/bdev/raid/raid_stripe_lock.h"
#include "spdk/bdev_module.h"
#include "spdk/json.h"

#define RAID_MAX_MEMBERS 255
/* With its end. */
#define RAID_NAME_SIZE 64

struct raid;
struct raid_channel;
struct raid_super;
struct raid_io;
struct raid_bitmap;
struct raid_journal;
struct raid_journal_channel;
struct raid_area_io;
struct raid_process;
struct raid_repair;
struct raid_reset_request;
struct raid_window_work;
struct raid_superblock;
/* Of levels with parity. */
struct raid_parity;
struct raid_stripe;
struct raid_stripe_pool;

enum raid_state {
	/* Members are missing that it needs: there is no bdev yet. */
	RAID_CONFIGURING,
	RAID_ONLINE,
	/* It has lost more members than it can do without, or is being deleted. There is no way back. */
	RAID_OFFLINE,
	RAID_NUM_STATES,
};

/* ---- Levels ---- */

enum raid_level {
	RAID_LEVEL_0,
	RAID_LEVEL_1,
	RAID_LEVEL_CONCAT,
	RAID_LEVEL_5F,
	RAID_LEVEL_5,
	RAID_LEVEL_6,
	RAID_NUM_LEVELS,
};

/*
 * One range of all members, in buffers: what rebuilding, scrubbing and repairing work on. Nobody else changes the range
 * meanwhile: raid_window.c.
 */
struct raid_window {
	struct raid *raid;
	/* Of the data of each member, in its blocks. */
	uint64_t offset_blocks;
	uint32_t num_blocks;
	/* Of each slot: all of num_blocks, and their metadata if that is kept apart; md is NULL if it is not. */
	uint8_t **data;
	uint8_t **md;
	/*
	 * After a crash reads have been served from the first slot, so that is what is right where copies differ; otherwise
	 * it is what most of them have.
	 */
	bool first_is_right;
	/* Bits by slot: what has been read, and what is to be written to the member. */
	uint64_t valid[(RAID_MAX_MEMBERS + 63) / 64];
	uint64_t changed[(RAID_MAX_MEMBERS + 63) / 64];
};

static inline bool
raid_window_is_valid(const struct raid_window *window, uint8_t slot)
{
	return window->valid[slot / 64] & (UINT64_C(1) << (slot % 64));
}

static inline void
raid_window_set_changed(struct raid_window *window, uint8_t slot)
{
	window->changed[slot / 64] |= UINT64_C(1) << (slot % 64);
}

enum raid_protection {
	/* None: that of parity would be wrong. */
	RAID_PROTECTION_NONE,
	/*
	 * If it does not check reference tags, which name blocks of the array. Members want those of their own, and all of them
	 * have the one buffer of the caller at the same time.
	 */
	RAID_PROTECTION_WITHOUT_TAGS,
	/* Any. An I/O goes to one member, which gets its own tags: raid_io.c. */
	RAID_PROTECTION_ANY,
};

struct raid_level_ops {
	/* As it is printed, and another name for it, or NULL. */
	const char *name;
	const char *alias;
	/* In superblocks; no two levels have the same. */
	uint32_t number;
	uint8_t min_members;
	/* How many members an array of that many can do without. */
	uint8_t (*get_redundancy)(uint8_t num_members);
	/* Whether data are laid out in strips. */
	bool has_strips;
	/*
	 * Whether what a member has can be told from the rest of its stripe only: members have to agree before anything is lost,
	 * also where nothing was ever written.
	 */
	bool has_parity;
	/* Whole stripes only are written, so that no parity that is there is ever used to make another one. */
	bool writes_stripes;
	/* What protection information the members may have. */
	enum raid_protection protection;
	/* Data are handed to members where they lie, whatever memory that is. */
	bool passes_memory;

	/*
	 * All members that are to be had are there: sets the size of the bdev and its limits. Returns 0 or -EINVAL, with a
	 * sentence.
	 */
	int (*start)(struct raid *raid, const char **why);
	/* Gives back what start has taken, if it has. No channel is left. May be NULL, as the next ones may. */
	void (*stop)(struct raid *raid);
	/* Whether the level can do what all members can. */
	bool (*can)(const struct raid *raid, enum spdk_bdev_io_type type);
	/* What the level has in a channel. Returns 0 or -ENOMEM. */
	int (*channel_create)(struct raid_channel *ch);
	void (*channel_destroy)(struct raid_channel *ch);
	/* The size of the array that its members make, in blocks. */
	uint64_t (*get_size)(const struct raid *raid);
	/* The blocks of all members but the last one have others behind them: they cannot become more. */
	bool grows_at_end;
	/*
	 * Submits what is left of an I/O to members, with the functions of raid_io.c, and says so with what they return: it is
	 * called again after -ENOMEM. READ and WRITE, and the types that address blocks but have no data.
	 */
	int (*submit_rw)(struct raid_io *io);
	int (*submit_range)(struct raid_io *io);
	/* Strip k is strip k / n of member k % n, and nobody but that member has to know of a read or write. */
	bool has_plain_strips;
	/*
	 * Makes the contents of a slot out of those of the slots that are valid, without saying that it is valid now, nor that it
	 * has changed. Returns 0, or -EIO: they are too few. NULL: the level has no redundancy, and no process.
	 */
	int (*recover)(struct raid_window *window, uint8_t slot);
	/*
	 * More slots are valid than the level needs: returns how many blocks of the window are not as redundancy has it, with what
	 * is right in their place and the slots marked as changed. Slots that are not valid are left out of it; where nothing can
	 * be said without them, there is nothing wrong.
	 */
	uint64_t (*verify)(struct raid_window *window);
	/* The blocks of the array that lie in, or depend on, a range of the data of members. */
	void (*get_array_range)(const struct raid *raid, uint64_t member_offset, uint64_t num_blocks,
		uint64_t *offset_blocks, uint64_t *num_array_blocks);
	/* A request to a member has ended. NULL: each has to succeed. */
	void (*member_done)(struct raid_io *io, uint8_t slot, bool success);
	/* All have ended: the I/O is completed, or goes on. NULL: it is completed as its members did. */
	void (*done)(struct raid_io *io);
	/*
	 * It is being completed with io->status, and nothing holds it back: gives back what it has. Returns false if there is
	 * more to be done, and it will be completed again. May be NULL.
	 */
	bool (*release)(struct raid_io *io);
};

extern const struct raid_level_ops g_raid0_ops;
extern const struct raid_level_ops g_raid1_ops;
extern const struct raid_level_ops g_concat_ops;
extern const struct raid_level_ops g_raid5f_ops;
extern const struct raid_level_ops g_raid5_ops;
extern const struct raid_level_ops g_raid6_ops;

/* ---- Arrays ---- */

/* What is done so that members agree after a crash; in the words of mdadm. */
enum raid_policy {
	/* All of the array is compared, or copied. */
	RAID_POLICY_RESYNC,
	/* Only where a write-intent bitmap on the members says that something was being written. */
	RAID_POLICY_BITMAP,
	/* What was being written is in journals on the members, and is written again. */
	RAID_POLICY_JOURNAL,
	RAID_NUM_POLICIES,
};

/* What a superblock says of a member. */
enum raid_slot_state {
	RAID_SLOT_MISSING,
	RAID_SLOT_CONFIGURED,
	RAID_SLOT_REBUILDING,
	RAID_SLOT_FAILED,
	RAID_NUM_SLOT_STATES,
};

enum raid_scrub_mode {
	/* Mismatches are counted; what a member cannot read is written again. */
	RAID_SCRUB_CHECK,
	/* What does not agree is also put right. */
	RAID_SCRUB_REPAIR,
};

typedef void (*raid_cb)(void *arg);
/* why: a sentence that says more, or NULL. */
typedef void (*raid_done_cb)(void *arg, int rc, const char *why);

/* Who waits for an end. In use until cb is called. */
struct raid_waiter {
	raid_cb cb;
	void *arg;
	struct raid_waiter *next;
};

/* All of a list, which may be freed by that. */
void raid_call_waiters(struct raid_waiter *waiter);

struct raid_opening;

/* A slot. */
struct raid_member {
	struct raid *raid;
	uint8_t slot;
	/* The bdev that is to be here. NULL: nobody knows. Both stay when the bdev goes while the array is configured. */
	char *name;
	struct spdk_uuid uuid;
	/* What superblocks say of the slot. */
	struct spdk_uuid id;
	struct spdk_uuid bdev_uuid;
	enum raid_slot_state recorded;
	uint64_t left_sequence;
	/* Of the superblock that it was found with. */
	uint64_t sequence;
	/* The bdev is being looked at: raid_member_add(). */
	struct raid_opening *opening;
	/* Open for writing and claimed. NULL: the bdev is not there. */
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	/* Blocks of the bdev that are the array's. */
	uint64_t data_offset;
	uint64_t data_size;
	/* Channels that are made get one of it. Under raid->lock. */
	bool in_channels;
	/*
	 * How much of its data is what it should be, from the first block on; UINT64_MAX: all. It gets all changes, but nothing
	 * is read from it beyond. It grows only, while the range that it grows by is quiesced, or over what the bitmap says that
	 * it does not lack; any thread reads it.
	 */
	uint64_t in_sync_until;
	/* As much of that as is durable on it, which is what superblocks say: a rebuild goes on from there. */
	uint64_t durable_until;
	/* What it lacks is dirty in the bitmap: the rest need not be copied. To be set before its rebuild is started. */
	bool lacks_dirty_only;
	/* raid->num_joins when it joined the array at work; 0: it was there from the start. */
	uint32_t joined;

	/* It is being prepared for joining the array at work: raid_add.c; it joins: raid_join.c. */
	bool adding;
	/* It gets all changes, but superblocks are not to name it yet: its journal is not what that says. raid_add.c. */
	bool unrecorded;
	void (*join_cb)(void *arg, int rc);
	void *join_arg;
	/* Who uses the bdev beside channels of the array: raid_member_hold(). */
	uint32_t holds;

	/* Its leaving: raid_leave.c. */
	bool leaving;
	/* All that is left is to give the bdev back, when nobody holds it any more. */
	bool closing;
	bool failed;
	/* It does not answer: raid_late.c. The message of a thread that has noticed; and the reset. */
	bool late_sent;
	bool late_handled;
	uint64_t late_since;
	uint64_t late_waited_us;
	uint64_t late_seen;
	/* How often that has brought nothing, while the array cannot do without it. */
	uint32_t late_resets;
	struct bdk_msg late_msg;
	struct spdk_io_channel *reset_ch;
	/* What it brings back as aborted is not sent to it again. Any thread. */
	bool given_up;
	/* When requests came back as aborted, without a long pause. Under raid->lock. */
	uint64_t aborted_first;
	uint64_t aborted_last;
	/* Nobody reads from it any more, and superblocks say so; and who waits for that. */
	bool released;
	struct raid_waiter *released_waiters;
	struct bdk_channel_walk walk;
	struct raid_waiter record_waiter;
	/* Channels that have requests of it, and the walk over them. Under raid->lock. */
	uint32_t num_channels;
	struct bdk_msg msg;
	/* raid_keep.c. */
	struct raid_waiter *keep_waiter;
	struct raid_waiter keep_step;
	struct raid_waiter *left_waiters;
};

struct raid {
	struct spdk_bdev bdev;
	const struct raid_level_ops *ops;
	enum raid_state state;
	uint32_t strip_size_kb;
	/* In blocks; a power of two, and which one. */
	uint64_t strip_size;
	uint32_t strip_shift;
	uint8_t num_members;
	/* How many bdevs there are, how many it started with, and how many it cannot do without. */
	uint8_t num_discovered;
	uint8_t num_operational;
	uint8_t min_operational;
	struct raid_member *members;
	/* A bit for each spdk_bdev_io_type that it carries out. */
	uint32_t io_types;
	/* Of what new channels get: raid_member.in_channels, and how many members leave. */
	struct env_mutex lock;
	uint8_t num_leaving;
	/* How many members have joined since it is online. */
	uint32_t num_joins;
	/* How many resets of its members have begun, and how many of those have ended. Any thread. */
	uint32_t resets_begun;
	uint32_t resets_ended;
	enum raid_policy policy;
	/* There is a bdev, or it has not gone yet. */
	bool registered;
	/* raid_hold(); and its bdev waits for that to end. */
	uint32_t holds;
	bool ending;
	/* Its members are being opened, one after the other; it is being taken online. */
	bool creating;
	bool starting;
	raid_done_cb start_done;
	void *start_arg;
	struct raid_waiter start_waiter;
	/* raid_keep.c. */
	struct raid_waiter *keep_waiter;
	struct raid_waiter keep_step;
	uint8_t start_members;
	uint8_t start_slot;
	struct raid_waiter *start_watchers;
	/* It was put together from superblocks, which say whether it had ended properly. */
	bool assembled;
	bool was_clean;
	/* In blocks, as superblocks have it. */
	uint64_t size;
	struct spdk_poller *assembly_timer;
	uint32_t assembly_seconds_left;
	/* It goes, with all that belongs to it; those who asked for that. */
	bool deleting;
	/* It was online up to then; its superblocks are to go, too. */
	bool ended_properly;
	bool wipe;
	struct raid_waiter end_waiter;
	/* Its members have grown, and are to say so: how large it will be. 0: it does not grow. */
	uint64_t grow_size;
	/* From here on, of their data, they may not agree when it has; UINT64_MAX: that does not matter to its level. */
	uint64_t grow_from;
	struct raid_waiter grow_waiter;
	struct raid_waiter *gone_waiters;
	/*
	 * What those who keep something on the members have in its superblock: raid_superblock_write() writes them, assembly
	 * reads them. In blocks of the members; 0: none.
	 *   region_blocks: data of a member that a bit of the bitmap stands for.
	 *   journal_blocks: how long the journal of each member is; it begins 1 MiB behind the beginning of the member, and its
	 *   data lie behind it. Set before members are opened.
	 *   resync_offset: data of the members up to here agree although the array was not ended properly; UINT64_MAX: all.
	 *   To be set before it is online, if they may not; and members are new whose level needs them to agree.
	 */
	uint64_t region_blocks;
	uint64_t journal_blocks;
	uint64_t resync_offset;
	/* How far that has come; UINT64_MAX: all. It grows only, while the range that it grows by is quiesced. Any thread. */
	uint64_t agrees_until;
	/* Blocks that did not agree in the last scrub, and those that were put right since the array is online. */
	uint64_t num_mismatches;
	uint64_t num_repaired;
	/* What it has beyond its members, NULL if it has none. */
	struct raid_superblock *superblock;
	struct raid_bitmap *bitmap;
	struct raid_journal *journal;
	/* What it does in the background; a scrub that somebody wants, and how far it has come. */
	struct raid_process *process;
	struct raid_repair *repair;
	/* What its level has. */
	struct raid_parity *parity;
	struct raid_stripe_locks *mirror_locks;
	TAILQ_HEAD(, raid_window_work) windows;
	TAILQ_HEAD(, raid_area_io) area_ios;
	/* Under lock: raid_reset.c. */
	TAILQ_HEAD(, raid_reset_request) resets;
	bool scrub_wanted;
	enum raid_scrub_mode scrub_mode;
	uint64_t scrub_offset;
	TAILQ_ENTRY(raid) link;
};

struct raid_opts {
	const char *name;
	struct spdk_uuid uuid;
	const struct raid_level_ops *ops;
	uint32_t strip_size_kb;
	char **members;
	size_t num_members;
	bool superblock;
	/* RAID_NUM_POLICIES: what is best. */
	enum raid_policy policy;
	/* Superblocks on the members are nobody's any more. */
	bool overwrite;
};

/* ---- raid.c; application thread only ---- */

TAILQ_HEAD(raid_list, raid);
extern struct raid_list g_raids;
extern struct spdk_bdev_module g_raid_module;

/*
 * Creates an array, in slots without names if opts->members is NULL. Returns it, or NULL, and then there is nothing, *rc is a
 * negative errno and *why is a sentence that says more, or NULL. It has no members yet.
 */
struct raid *raid_alloc(const struct raid_opts *opts, int *rc, const char **why);
/*
 * Creates an array. Members that do not exist are waited for; it goes online when it has what it needs. done is called when
 * those that exist are members; in case of an error there is nothing any more.
 */
void raid_create(const struct raid_opts *opts, raid_done_cb done, void *arg);
struct raid *raid_find(const char *name);

/*
 * Ends an array in any state, and gives its members back as they are, but for their superblocks if those are to be wiped. The
 * waiter, or NULL, is called when that is done.
 */
void raid_delete(struct raid *raid, bool wipe, struct raid_waiter *waiter);

/* Of spdk_bdev_fn_table. */
int raid_destruct(void *ctx);
/* It has lost too much: the bdev goes. It stays in the list, with the members that are left. */
void raid_fail(struct raid *raid);
/* A member of one that is not online has gone. */
void raid_member_gone(struct raid *raid);
/* Its bdev does not end before each hold has been let go. */
void raid_hold(struct raid *raid);
void raid_let_go(struct raid *raid);

/* Whether there are enough members that have all of their data; and whether there are without that one. */
bool raid_has_enough_members(const struct raid *raid);
bool raid_can_do_without(struct raid_member *member);

/* ---- raid_start.c; application thread only ---- */

/*
 * Takes an array online, with the members that it has. In case of an error it goes on waiting for members. done may be called
 * inside.
 */
void raid_start(struct raid *raid, raid_done_cb done, void *arg);
/* The same, if it has all members that it waits for, and nobody else does it. */
void raid_start_if_complete(struct raid *raid, raid_done_cb done, void *arg);

/* ---- raid_grow.c; application thread only ---- */

/* A member has another size, or is a new one: the array grows if all of them have room for that. */
void raid_resize(struct raid *raid);

/* ---- raid_member.c; application thread only ---- */

/*
 * Opens and claims the bdev that a slot has the name of, and looks whether it holds a superblock. done: 0; -ENODEV if there
 * is none, or it has gone, or the array has; -EPERM if another module has it; -EINVAL if it does not fit to the others;
 * -EEXIST if it has a superblock, and that is not to be overwritten. It may be called inside. One at a time for each slot.
 */
void raid_member_add(struct raid_member *member, bool overwrite, raid_done_cb done, void *arg);
/* The same for one of which it is known what it holds. */
int raid_member_add_known(struct raid_member *member, const char **why);
int raid_member_set_name(struct raid_member *member, const char *name);
/* Gives the bdev back. No channel has it any more. The slot keeps its name. */
void raid_member_close(struct raid_member *member);
/* The slot is as if it had never had a member. */
void raid_member_forget(struct raid_member *member);
/* The bdev with that UUID, or NULL. */
struct spdk_bdev *raid_find_bdev(const struct spdk_uuid *uuid);
/* The member whose bdev has that name; NULL: no array has it. */
struct raid_member *raid_member_find(const char *bdev_name);
/* The bdev is not given back before each hold has been let go: for I/O to it that is none of the array's channels'. */
void raid_member_hold(struct raid_member *member);
void raid_member_let_go(struct raid_member *member);

/* ---- raid_superblock.c; application thread only ---- */

/*
 * Writes what the array now is to all of its members, with the next sequence number; the waiter, or NULL, is called when
 * that is durable. Calls while one is under way are answered together by one more. A member on which it fails leaves, and
 * then the waiter waits for the superblock that says so. Of an array without superblocks the waiter is called at once.
 */
void raid_superblock_write(struct raid *raid, struct raid_waiter *waiter);
/* A member does not answer, and leaves: nobody waits any longer until its superblock is written. */
void raid_superblock_abandon(struct raid_member *member);

/* ---- raid_assemble.c; application thread only ---- */

#define RAID_ASSEMBLY_TIMEOUT_SEC 10

struct raid_assembly_options {
	/* How long after the last member has come an array starts without those that are missing; 0: never. */
	uint32_t timeout_sec;
};
/* For members that come from now on. */
extern struct raid_assembly_options g_raid_assembly_options;

/*
 * Whether an array may start without the members that are missing. 0; -EINVAL: it does not wait; -ENODEV: it has too few;
 * -EAGAIN: that could bring back old data, which force takes into the bargain. *why is a sentence then.
 */
int raid_assemble_check(const struct raid *raid, bool force, const char **why);

/* ---- raid_add.c; application thread only ---- */

/*
 * A bdev becomes a member of an array that lacks one: one that is online begins to rebuild it, which is when done is called.
 * -ENODEV: there is no such bdev; -EPERM: another module has it, or the array is rebuilding another one; -EINVAL: there is no
 * free slot, or the bdev does not fit, or was a member and has been replaced; -EEXIST: it holds the superblock of another
 * array. done may be called inside.
 */
void raid_add_bdev(struct raid *raid, const char *bdev_name, bool overwrite, raid_done_cb done, void *arg);
/* The same for one that was a member, and has that superblock. */
void raid_add_returning(struct raid_member *member, const char *bdev_name, const struct raid_super *super,
	raid_done_cb done, void *arg);

/* ---- raid_join.c; application thread only ---- */

typedef void (*raid_join_cb)(void *arg, int rc);

/*
 * Takes a member whose bdev is open into an array at work, with in_sync_until 0: it gets all changes that begin from now
 * on. rc: 0; -ENOMEM, and then it has left again; -ENODEV if it has left meanwhile, or the array has gone offline.
 */
void raid_member_join(struct raid_member *member, raid_join_cb cb, void *arg);

/* ---- raid_process.c; application thread only ---- */

/*
 * One process of an array at a time works through all of it in the background: first what resync_offset says (resync), then
 * rebuilding all members that lack something, then a scrub if somebody wants one.
 */
struct raid_process_options {
	uint32_t window_size_kb;
	/* 0: no limit. */
	uint32_t max_bandwidth_mb_sec;
};
/* For processes that begin from now on. */
extern struct raid_process_options g_raid_process_options;

/* An array goes online, or has grown: begins what there is to do. */
void raid_process_start(struct raid *raid);

/*
 * A member that is in the channels lacks what lies behind in_sync_until, and superblocks say so: it is copied to it. When
 * that fails the member leaves as failed, and the array stays as it is.
 */
void raid_process_start_rebuild(struct raid_member *member);

/*
 * Begins a scrub, or has it wait until what is under way has ended. 0; -EBUSY: there is one; -ENOTSUP: the level has no
 * redundancy; -EAGAIN: so many members are missing that there is nothing to compare; -ENODEV: it is not online; -ENOMEM.
 */
int raid_process_start_scrub(struct raid *raid, enum raid_scrub_mode mode);
/* 0, or -ENOENT: there is none. */
int raid_process_stop_scrub(struct raid *raid);

/* Something has become of the array or of a member that a process may have to end for. */
void raid_process_wake(struct raid *raid);
/* The member of the array's object that says what is under way, if something is. */
void raid_process_write_info(const struct raid *raid, struct spdk_json_write_ctx *w);

/* ---- raid_repair.c; any thread ---- */

/*
 * A read from a member has failed, and was carried out without it: reads it again in the background, and writes what the
 * others say if that fails, too. Only a member that does not take that leaves. When there is too much to do, this is left to
 * the next read that fails.
 */
void raid_repair(struct raid *raid, uint8_t slot, uint64_t offset_blocks, uint64_t num_blocks);

/* 0 or -ENOMEM; with the array. */
int raid_repair_alloc(struct raid *raid);
void raid_repair_free(struct raid *raid);

/* ---- raid_late.c; application thread only ---- */

/* A member that does not answer a request for so long is reset and leaves; 0: it may take as long as it wants. */
#define RAID_MEMBER_TIMEOUT_SEC 30
extern uint32_t g_raid_member_timeout_sec;
void raid_late_set_timeout(uint32_t seconds);
/* How long this thread has been ready to run without a CPU. For tests. */
extern uint64_t (*g_raid_late_get_cpu_wait_us)(void);
/* A member has been opened. */
void raid_late_watch(struct raid_member *member);

/* ---- raid_reset.c ---- */

/* A RESET, to all members that there are; as raid_io_rw(). */
int raid_reset_submit(struct raid_io *io);
/* The member does not answer: nobody waits for it any more. Application thread only. */
void raid_reset_abandon(struct raid_member *member);

/* ---- raid_interrupt.c; any thread ---- */

/* A request to a member has failed: if somebody has reset the member, raid_was_reset() says so from now on. */
void raid_interrupt_note(struct raid_member *member, const struct spdk_bdev_io *bdev_io);
bool raid_interrupt_is_abort(const struct spdk_bdev_io *bdev_io);

/* raid_io_was_reset(), and none of its requests is outstanding: it begins again when the reset has ended. */
void raid_interrupt_wait(struct raid_io *io);

/* 0 or -ENOMEM. */
int raid_interrupt_channel_init(struct raid_channel *ch);
void raid_interrupt_channel_fini(struct raid_channel *ch);

/* ---- raid_leave.c ---- */

/*
 * Takes a member out of an array, whatever its state; failed: because of errors. Application thread only. The waiter, or
 * NULL, is called when the bdev has been given back. If the array cannot do without, it goes offline first.
 */
void raid_member_leave(struct raid_member *member, bool failed, struct raid_waiter *waiter);

/*
 * The waiter is called when nobody reads any more from a member that is leaving, and superblocks do not name it. Returns false
 * if there is nothing to wait for. Not of an array that is going offline, where nobody may be told.
 */
bool raid_member_wait_released(struct raid_member *member, struct raid_waiter *waiter);

/* It may: its bdev is given back as soon as nobody holds it, its waiters are called, and raid_member_gone(). */
void raid_member_left(struct raid_member *member);
/* It is in all channels; if it is to leave, it does so now. */
void raid_member_leave_joined(struct raid_member *member);

/*
 * A change has failed on some members, but not on all: completes it when those have left, and nobody can read from them any
 * more what is older. On its thread.
 */
void raid_io_complete_without_failed(struct raid_io *io);

/* ---- Channels and I/O: raid_io.c ---- */

/* What a channel has of a member. */
struct raid_member_channel {
	/* NULL: the array has no such member. */
	struct spdk_io_channel *ch;
	/* Requests that the member has, and the blocks of those that are reads. */
	uint32_t outstanding;
	uint64_t reading_blocks;
	/* It is leaving: it gets no new requests. When the last one has come back, the channel is given back. */
	struct raid_member *leaving;
};

struct raid_channel {
	struct raid *raid;
	/* Of raid->num_joins, those that this channel knows of. */
	uint32_t num_joins;
	/* Members that leave: until other threads do not read from them any more either, no change is confirmed. */
	uint8_t holds;
	TAILQ_HEAD(, raid_io) held;
	/* I/O that a reset has interrupted. */
	TAILQ_HEAD(, raid_io) interrupted;
	struct spdk_poller *interrupt_timer;
	/* What its level has. */
	struct raid_stripe_pool *stripes;
	/* NULL: all I/O comes through submit_request. */
	struct bdk_bdev_strips *strips;
	/* NULL: the array has no journal. */
	struct raid_journal_channel *journal;
	struct raid_member_channel members[];
};

/* A request has come back that was counted as outstanding. */
void raid_member_channel_put(struct raid_member_channel *member);
/* The last request of a member that leaves has come back. */
void raid_member_channel_give_back(struct raid_member_channel *member);

/* Lies in spdk_bdev_io.driver_ctx. */
struct raid_io {
	struct spdk_bdev_io_wait_entry wait;
	TAILQ_ENTRY(raid_io) link;
	struct raid_channel *ch;
	/* Of the channel, when it began. Members that joined later are none of its business, nor whether they fail. */
	uint32_t num_joins;
	/* raid_count_resets() when it began. */
	uint32_t resets;
	/* Requests to members that have not ended, and one while there are more to be submitted. */
	uint32_t remaining;
	/* Where a fan-out goes on. */
	uint16_t next_slot;
	uint16_t num_succeeded;
	/* Of the last request. */
	uint8_t slot;
	int16_t status;
	/* A bit for each slot whose member has failed. */
	uint64_t failed[(RAID_MAX_MEMBERS + 63) / 64];
	/* What it holds of its level, or NULL. */
	struct raid_stripe *stripe;
	bool is_locked;
	struct raid_stripe_lock lock;
	/* While members that have failed leave. */
	struct raid_waiter waiter;
	struct bdk_msg msg;
};

static inline bool
raid_io_has_failed_on(const struct raid_io *io, uint8_t slot)
{
	return io->failed[slot / 64] & (UINT64_C(1) << (slot % 64));
}

static inline void
raid_io_set_failed_on(struct raid_io *io, uint8_t slot)
{
	io->failed[slot / 64] |= UINT64_C(1) << (slot % 64);
}

static inline void
raid_io_clear_failed_on(struct raid_io *io, uint8_t slot)
{
	io->failed[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
}

static inline bool
raid_io_has_failed(const struct raid_io *io)
{
	uint64_t any = 0;

	for (size_t i = 0; i < sizeof(io->failed) / sizeof(io->failed[0]); i++) {
		any |= io->failed[i];
	}
	return any != 0;
}

static inline struct spdk_bdev_io *
raid_bdev_io(struct raid_io *io)
{
	return (struct spdk_bdev_io *)((char *)io - offsetof(struct spdk_bdev_io, driver_ctx));
}

/* Whether all of a range of the data of a member is what it should be. */
static inline bool
raid_member_is_in_sync(const struct raid_member *member, uint64_t offset_blocks, uint64_t num_blocks)
{
	uint64_t until = __atomic_load_n(&member->in_sync_until, __ATOMIC_ACQUIRE);

	return until == UINT64_MAX || offset_blocks + num_blocks <= until;
}

/*
 * Whether all members agree on a range of their data, or may not because of a crash (or because they are new). Levels that
 * read from any of several copies then take the first one; those that make parity out of older parity make it anew.
 */
static inline bool
raid_agrees(const struct raid *raid, uint64_t offset_blocks, uint64_t num_blocks)
{
	uint64_t until = __atomic_load_n(&raid->agrees_until, __ATOMIC_ACQUIRE);

	return until == UINT64_MAX || offset_blocks + num_blocks <= until;
}

static inline bool
raid_is_in_reset(const struct raid *raid)
{
	return __atomic_load_n(&raid->resets_ended, __ATOMIC_ACQUIRE) !=
		__atomic_load_n(&raid->resets_begun, __ATOMIC_ACQUIRE);
}

/* To be kept before requests are submitted, for raid_was_reset(). */
static inline uint32_t
raid_count_resets(const struct raid *raid)
{
	/* One that is under way may come to a member later than they do, and has ended when they are known to have failed. */
	return __atomic_load_n(&raid->resets_ended, __ATOMIC_ACQUIRE);
}

/* Whether a reset may be why requests have failed, rather than their members: they can be repeated when it has ended. */
static inline bool
raid_was_reset(const struct raid *raid, uint32_t resets)
{
	return resets != __atomic_load_n(&raid->resets_begun, __ATOMIC_ACQUIRE);
}

static inline bool
raid_io_was_reset(const struct raid_io *io)
{
	return raid_was_reset(io->ch->raid, io->resets);
}

/* The channel of a member, if it can be used. */
static inline struct spdk_io_channel *
raid_get_member_channel(const struct raid_channel *ch, uint8_t slot)
{
	const struct raid_member_channel *member = &ch->members[slot];

	return member->leaving ? NULL : member->ch;
}

/*
 * Send the I/O, or the data of it that are given, to a member; blocks are those of its data. Return 0; -ENOMEM, and then
 * the I/O goes on later, by ops->submit_rw() or submit_range(); or another negative errno.
 */
int raid_io_rw(struct raid_io *io, uint8_t slot, uint64_t offset_blocks);
int raid_io_range(struct raid_io *io, uint8_t slot, uint64_t offset_blocks, uint64_t num_blocks);

/* One of what it waits for is done. After the last one it goes to ops->done(). */
void raid_io_put(struct raid_io *io);

/* What the bdev layer has said to a request for a member: returns 0, -ENOMEM or another errno as above. */
int raid_io_submitted(struct raid_io *io, uint8_t slot, int rc);

/* Submits it for the first time, with the members that there are now. */
void raid_io_begin(struct raid_io *io);

/* Submits it anew, to other members; none of its requests is outstanding. */
void raid_io_go_on(struct raid_io *io);

/* Completes it. */
void raid_io_complete(struct raid_io *io, enum spdk_bdev_io_status status);

/* For spdk_bdev_fn_table. */
void raid_submit_request(struct spdk_io_channel *ch, struct spdk_bdev_io *bdev_io);

/* Whether reads and writes that lie in one strip go to the member without coming by here. */
static inline bool
raid_has_plain_strips(const struct raid *raid)
{
	return raid->ops->has_plain_strips && raid->bdev.md_len == 0;
}

const struct bdk_bdev_strips *raid_get_strips(struct spdk_io_channel *ch);

int raid_channel_create_cb(void *io_device, void *ctx);
void raid_channel_destroy_cb(void *io_device, void *ctx);

/* ---- raid_json.c ---- */

extern const char *const g_raid_state_names[RAID_NUM_STATES];

extern const char *const g_raid_policy_names[RAID_NUM_POLICIES];

const struct raid_level_ops *raid_level_by_name(const char *name);
const struct raid_level_ops *raid_level_by_number(uint32_t number);
/* The members of an object that is open. */
void raid_write_info(const struct raid *raid, struct spdk_json_write_ctx *w);
void raid_write_config(const struct raid *raid, struct spdk_json_write_ctx *w);
void raid_write_options(struct spdk_json_write_ctx *w);

#endif /* MODULE_BDEV_RAID_H */
