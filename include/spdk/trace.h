/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Traces: what happened when, on which core, to whom, in a file of shared memory that other programs may read while it is
 * being written.
 *
 * A trace point has a number: the group times 64, and its place in the group. Groups and points are switched on and off
 * by masks; one that is off costs a branch. Each core, and each system thread that asks for it, has a history of its
 * own, a ring in which a new entry takes the place of the oldest; so that recording takes no lock.
 *
 * Functions may be called from any system thread unless something else is said.
 */

#ifndef SPDK_TRACE_H
#define SPDK_TRACE_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SPDK_DEFAULT_NUM_TRACE_ENTRIES (32 * 1024)

#define SPDK_TRACE_MAX_LCORE 1024
#define SPDK_TRACE_MAX_GROUP_ID 20
#define SPDK_TRACE_MAX_TPOINT_ID (SPDK_TRACE_MAX_GROUP_ID * 64)
#define SPDK_TPOINT_ID(group, tpoint) ((group)*64 + (tpoint))

#define SPDK_TRACE_MAX_OWNER_TYPE (UCHAR_MAX + 1)
#define SPDK_TRACE_MAX_OBJECT (UCHAR_MAX + 1)
#define SPDK_TRACE_MAX_ARGS_COUNT 8
#define SPDK_TRACE_MAX_RELATIONS 16
/* With the terminating zero. */
#define SPDK_TRACE_THREAD_NAME_LEN 16

#define OWNER_TYPE_NONE 0
#define OBJECT_NONE 0

/* Types of arguments. A pointer is shown in hexadecimal digits. */
#define SPDK_TRACE_ARG_TYPE_INT 0
#define SPDK_TRACE_ARG_TYPE_PTR 1
#define SPDK_TRACE_ARG_TYPE_STR 2

/* In the names of trace files, between the name of the program and the number of the instance. */
#define SPDK_TRACE_SHM_NAME_BASE "_trace."

/* ---- What stands in the file ---- */

/* Something that trace points speak of: a bdev, a thread. */
struct spdk_trace_owner_type {
	uint8_t type;
	/* Letter that is shown before its number. */
	char id_prefix;
};

/* Something that comes and goes: an I/O. */
struct spdk_trace_object {
	uint8_t type;
	char id_prefix;
};

struct spdk_trace_argument {
	/* May lack a terminating zero. */
	char name[14];
	uint8_t type;
	/* Bytes that it takes in an entry. */
	uint8_t size;
};

/* A trace point, as it was registered. */
struct spdk_trace_tpoint {
	char name[24];
	uint16_t tpoint_id;
	uint8_t owner_type;
	uint8_t object_type;
	/* The object begins here. */
	uint8_t new_object;
	uint8_t num_args;
	struct spdk_trace_argument args[SPDK_TRACE_MAX_ARGS_COUNT];
	/* Arguments that are the ids of objects of another type. OBJECT_NONE: not used. */
	struct {
		uint8_t object_type;
		uint8_t arg_index;
	} related_objects[SPDK_TRACE_MAX_RELATIONS];
};

/*
 * One entry. Arguments that do not fit into args go on in struct spdk_trace_entry_buffer, in the places behind this one:
 * their bytes follow each other without gaps, in the order of the arguments.
 */
struct spdk_trace_entry {
	uint64_t tsc;
	uint16_t tpoint_id;
	uint16_t owner_id;
	uint32_t size;
	uint64_t object_id;
	uint8_t args[8];
};

struct spdk_trace_entry_buffer {
	/* That of the entry it belongs to. */
	uint64_t tsc;
	/* SPDK_TRACE_MAX_TPOINT_ID */
	uint16_t tpoint_id;
	uint8_t data[22];
};
SPDK_STATIC_ASSERT(sizeof(struct spdk_trace_entry_buffer) == sizeof(struct spdk_trace_entry), "they share one ring");

/* What one core or thread has recorded. */
struct spdk_trace_history {
	/* Core, or number of the user thread behind those of the cores. */
	int lcore;
	/* Places in the ring: a power of two. */
	uint64_t num_entries;
	/* How often each trace point was met. */
	uint64_t tpoint_count[SPDK_TRACE_MAX_TPOINT_ID];
	/* How many places were filled since the start; the next one is this modulo num_entries. */
	uint64_t next_entry;
	struct spdk_trace_entry entries[0];
};

struct spdk_trace_owner {
	/* When it was registered. */
	uint64_t tsc;
	uint8_t type;
	/* owner_description_size bytes, with a terminating zero. */
	char description[];
} __attribute__((packed));

struct spdk_trace_file {
	uint64_t file_size;
	/* Ticks in a second. */
	uint64_t tsc_rate;
	/* What is switched on, by group. */
	uint64_t tpoint_mask[SPDK_TRACE_MAX_GROUP_ID];
	/* Names of the threads whose histories there are. */
	char tname[SPDK_TRACE_MAX_LCORE][SPDK_TRACE_THREAD_NAME_LEN];
	struct spdk_trace_owner_type owner_type[SPDK_TRACE_MAX_OWNER_TYPE];
	struct spdk_trace_object object[SPDK_TRACE_MAX_OBJECT];
	struct spdk_trace_tpoint tpoint[SPDK_TRACE_MAX_TPOINT_ID];
	uint16_t num_owners;
	uint16_t owner_description_size;
	uint8_t reserved[4];
	/* Where in the file, in bytes; 0: there is none. */
	uint64_t lcore_history_offsets[SPDK_TRACE_MAX_LCORE];
	uint64_t owner_offset;
	uint8_t data[0];
};

/* Bytes that a history of so many places takes. */
static inline uint64_t
spdk_get_trace_history_size(uint64_t num_entries)
{
	return sizeof(struct spdk_trace_history) + num_entries * sizeof(struct spdk_trace_entry);
}

static inline uint64_t
spdk_get_trace_file_size(struct spdk_trace_file *trace_file)
{
	return trace_file->file_size;
}

/* NULL: there is none. */
static inline struct spdk_trace_history *
spdk_get_per_lcore_history(struct spdk_trace_file *trace_file, unsigned int lcore)
{
	if (lcore >= SPDK_TRACE_MAX_LCORE || trace_file->lcore_history_offsets[lcore] == 0) {
		return NULL;
	}
	return (struct spdk_trace_history *)((char *)trace_file + trace_file->lcore_history_offsets[lcore]);
}

/* NULL: there is none. Owner 0 is nobody. */
static inline struct spdk_trace_owner *
spdk_get_trace_owner(const struct spdk_trace_file *trace_file, uint16_t owner_id)
{
	uint64_t size = sizeof(struct spdk_trace_owner) + trace_file->owner_description_size;

	if (owner_id >= trace_file->num_owners) {
		return NULL;
	}
	return (struct spdk_trace_owner *)((char *)trace_file + trace_file->owner_offset + size * owner_id);
}

/* ---- Start and end ---- */

/* NULL while there is no trace. */
extern struct spdk_trace_file *g_trace_file;

/*
 * Makes the trace file and calls all register functions. spdk_app_start() does it when the first trace point is switched
 * on.
 *
 * shm_name: of the file in shared memory, "/" first and nowhere else; num_entries: places in each history, rounded up to
 * a power of two, 0: no trace is made; num_threads: how many threads may call spdk_trace_register_user_thread(). Returns
 * 0, -EINVAL, -EEXIST if there is a trace, or a negative errno.
 */
int spdk_trace_init(const char *shm_name, uint64_t num_entries, uint32_t num_threads);

/*
 * Ends the trace, when nobody records any more. The file is removed if it holds no entries, and else stays to be read.
 */
void spdk_trace_cleanup(void);

/*
 * Gives the calling system thread, which is none of the cores of the environment, a history of its own. 0; -ENODEV:
 * there is no trace; -EINVAL: it is a core; -EEXIST: it has one; -ENOENT: no more of them.
 */
int spdk_trace_register_user_thread(void);

/* Lets another thread have it. 0, -ENODEV, -EINVAL as above, -ENOENT: it has none. */
int spdk_trace_unregister_user_thread(void);

/* ---- What is switched on ---- */

/* The mask of one group. 0 for a group that cannot be. */
uint64_t spdk_trace_get_tpoint_mask(uint32_t group_id);

/* Switches the points in tpoint_mask of a group on or off. The others stay as they are. */
void spdk_trace_set_tpoints(uint32_t group_id, uint64_t tpoint_mask);
void spdk_trace_clear_tpoints(uint32_t group_id, uint64_t tpoint_mask);

/* The groups of which a point is on: bit group_id. */
uint64_t spdk_trace_get_tpoint_group_mask(void);

/* Switch all points of these groups on or off. */
void spdk_trace_set_tpoint_group_mask(uint64_t tpoint_group_mask);
void spdk_trace_clear_tpoint_group_mask(uint64_t tpoint_group_mask);

/* The bit of the group of that name, all bits for "all". 0: there is no such group. */
uint64_t spdk_trace_create_tpoint_group_mask(const char *group_name);

/* By name, "all" too. 0, -EINVAL if there is no such group, -ENODEV without a trace, or why it cannot be made. */
int spdk_trace_enable_tpoint_group(const char *group_name);
int spdk_trace_disable_tpoint_group(const char *group_name);

/* Writes help for a command line option that takes groups and masks. tmask_arg: the option, "-e". */
void spdk_trace_mask_usage(FILE *f, const char *tmask_arg);

/* ---- Recording ---- */

/*
 * Records an entry if there is a trace and the point is on. tsc: 0 is now. The rest is the owner's id, or 0; a size that
 * means what the point says; the id of the object, often its address; and the arguments that the point was registered
 * with, as many and of such size: integers of 8 bytes have to be cast to 64 bits.
 */
#define spdk_trace_record_tsc(tsc, tpoint_id, owner_id, size, object_id, ...) \
	_spdk_trace_record_tsc( \
		tsc, tpoint_id, owner_id, size, object_id, spdk_trace_num_args(__VA_ARGS__), ##__VA_ARGS__)

/* The same, now. */
#define spdk_trace_record(tpoint_id, owner_id, size, object_id, ...) \
	spdk_trace_record_tsc(0, tpoint_id, owner_id, size, object_id, ##__VA_ARGS__)

/* Whether an entry of this point would be recorded. */
#define spdk_trace_tpoint_enabled(tpoint_id) \
	__builtin_expect(__atomic_load_n(&g_trace_file, __ATOMIC_RELAXED) != NULL && \
			((__atomic_load_n(&g_trace_file->tpoint_mask[(tpoint_id) >> 6], __ATOMIC_RELAXED) >> \
				 ((tpoint_id)&0x3f)) & \
				1) != 0, \
		0)

#define _spdk_trace_record_tsc(tsc, tpoint_id, owner_id, size, object_id, num_args, ...) \
	do { \
		assert((tpoint_id) < SPDK_TRACE_MAX_TPOINT_ID); \
		if (spdk_trace_tpoint_enabled(tpoint_id)) { \
			_spdk_trace_record(tsc, tpoint_id, owner_id, size, object_id, num_args, ##__VA_ARGS__); \
		} \
	} while (0)

/* How many arguments these are, up to 8. */
#define spdk_trace_num_args(...) _spdk_trace_num_args(, ##__VA_ARGS__)
#define _spdk_trace_num_args(...) __spdk_trace_num_args(__VA_ARGS__, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define __spdk_trace_num_args(v, a1, a2, a3, a4, a5, a6, a7, a8, count, ...) count

/* For the macros. */
void _spdk_trace_record(
	uint64_t tsc, uint16_t tpoint_id, uint16_t owner_id, uint32_t size, uint64_t object_id, int num_args, ...);

/* ---- Owners: those whose lives are longer than that of an object ---- */

/*
 * Gives an owner of a registered type an id, by which entries name it. description: what is shown; up to 118 bytes are
 * kept. Returns 0, which is nobody's, while there is no trace or no id is left.
 */
uint16_t spdk_trace_register_owner(uint8_t owner_type, const char *description);

/* Lets the id be used again, as late as possible. 0 does nothing. */
void spdk_trace_unregister_owner(uint16_t owner_id);

/* Change the description; append puts a blank between. 0 does nothing. */
void spdk_trace_owner_set_description(uint16_t owner_id, const char *description);
void spdk_trace_owner_append_description(uint16_t owner_id, const char *description);

/* ---- Registering trace points, in a register function ---- */

struct spdk_trace_tpoint_opts {
	/* Unique; 23 bytes are kept. */
	const char *name;
	uint16_t tpoint_id;
	uint8_t owner_type;
	uint8_t object_type;
	/* The object begins here. */
	uint8_t new_object;
	/* The first without a name ends them. */
	struct {
		const char *name;
		uint8_t type;
		/* Bytes: 1 to 8; of a string up to 255, the terminating zero included. */
		uint8_t size;
	} args[SPDK_TRACE_MAX_ARGS_COUNT];
};

/* Types of owners and objects, and the letters that they are shown with. */
void spdk_trace_register_owner_type(uint8_t type, char id_prefix);
void spdk_trace_register_object(uint8_t type, char id_prefix);

/* Trace points with any number of arguments. */
void spdk_trace_register_description_ext(const struct spdk_trace_tpoint_opts *opts, size_t num_opts);

/* A trace point with one argument of 8 bytes, or none if arg1_name is NULL or empty. */
void spdk_trace_register_description(const char *name, uint16_t tpoint_id, uint8_t owner_type, uint8_t object_type,
	uint8_t new_object, uint8_t arg1_type, const char *arg1_name);

/* Argument arg_index, from 0, of a point is the id of an object of this type. The point may be registered later. */
void spdk_trace_tpoint_register_relation(uint16_t tpoint_id, uint8_t object_type, uint8_t arg_index);

/* A group, and the function that registers its types and points each time that a trace begins. */
struct spdk_trace_register_fn {
	const char *name;
	uint8_t tgroup_id;
	void (*reg_fn)(void);
	struct spdk_trace_register_fn *next;
};

/*
 * Adds a group. It is refused, with a message in the log, if its name or number is another's. reg_fn runs when a trace
 * is made, or at once if there is one.
 */
void spdk_trace_add_register_fn(struct spdk_trace_register_fn *reg_fn);

/* The groups, in no order. NULL: no more. */
struct spdk_trace_register_fn *spdk_trace_get_first_register_fn(void);
struct spdk_trace_register_fn *spdk_trace_get_next_register_fn(struct spdk_trace_register_fn *register_fn);

/* Adds a group from a constructor. */
#define SPDK_TRACE_REGISTER_FN(fn, name_str, _tgroup_id) \
	static struct spdk_trace_register_fn reg_##fn = {name_str, _tgroup_id, fn, NULL}; \
	__attribute__((constructor)) static void _##fn(void) \
	{ \
		spdk_trace_add_register_fn(&reg_##fn); \
	}

#ifdef __cplusplus
}
#endif

#endif /* SPDK_TRACE_H */
