/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Messages for people who run the program. They go to stderr and, once spdk_log_open() was called, to the system log;
 * each of the two has a level of its own, SPDK_LOG_ERROR to begin with. From any thread.
 */

#ifndef SPDK_LOG_H
#define SPDK_LOG_H

#include "spdk/assert.h"
#include "spdk/stdinc.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

/* How grave a message is. */
enum spdk_log_level {
	/* As a bound: nothing is shown. */
	SPDK_LOG_DISABLED = -1,
	/* Something failed. */
	SPDK_LOG_ERROR = 0,
	/* Something is not as it should be, but works. */
	SPDK_LOG_WARN = 1,
	/* What is of interest to everybody. */
	SPDK_LOG_NOTICE = 2,
	/* Details, for who switched the component's flag on. */
	SPDK_LOG_INFO = 3,
	/* More of them; only in debug builds. */
	SPDK_LOG_DEBUG = 4,
};

/* ---- Saying something. Texts are printf formats and end with a line end. ---- */

/* Log a message of a level, as printf does; the end of the line is the caller's. */
#define SPDK_ERRLOG(...) spdk_log(SPDK_LOG_ERROR, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define SPDK_WARNLOG(...) spdk_log(SPDK_LOG_WARN, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define SPDK_NOTICELOG(...) spdk_log(SPDK_LOG_NOTICE, __FILE__, __LINE__, __func__, __VA_ARGS__)

/* At level NOTICE, without naming the place in the source. */
#define SPDK_PRINTF(...) spdk_log(SPDK_LOG_NOTICE, NULL, -1, NULL, __VA_ARGS__)

/* At most once a second for each place where it stands; then says how many were left out. */
#define SPDK_ERRLOG_RATELIMIT(...) \
	do { \
		static struct bdk_log_rate ratelimit_state; \
		uint64_t ratelimit_left_out; \
		if (bdk_log_rate_allow(&ratelimit_state, 1, &ratelimit_left_out)) { \
			if (ratelimit_left_out > 0) { \
				SPDK_ERRLOG("(same message squashed %" PRIu64 " times)\n", ratelimit_left_out); \
			} \
			SPDK_ERRLOG(__VA_ARGS__); \
		} \
	} while (0)

/* Shown when the flag is on. flag: a name given to SPDK_LOG_REGISTER_COMPONENT(). */
#define SPDK_INFOLOG(flag, ...) \
	do { \
		extern struct spdk_log_flag SPDK_LOG_##flag; \
		if (SPDK_LOG_##flag.enabled) { \
			spdk_log(SPDK_LOG_INFO, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		} \
	} while (0)

#ifdef DEBUG

/* Whether a flag is on. Always false in a release build. */
#define SPDK_DEBUGLOG_FLAG_ENABLED(name) spdk_log_get_flag(name)

#define SPDK_DEBUGLOG(flag, ...) \
	do { \
		extern struct spdk_log_flag SPDK_LOG_##flag; \
		if (SPDK_LOG_##flag.enabled) { \
			spdk_log(SPDK_LOG_DEBUG, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		} \
	} while (0)

/* Prints len bytes of buf to stderr when the flag is on and debug messages are shown there. */
#define SPDK_LOGDUMP(flag, label, buf, len) \
	do { \
		extern struct spdk_log_flag SPDK_LOG_##flag; \
		if (SPDK_LOG_##flag.enabled && spdk_log_get_print_level() >= SPDK_LOG_DEBUG) { \
			spdk_log_dump(stderr, (label), (buf), (len)); \
		} \
	} while (0)

#else

#define SPDK_DEBUGLOG_FLAG_ENABLED(name) false
#define SPDK_DEBUGLOG(flag, ...) \
	do { \
	} while (0)
#define SPDK_LOGDUMP(flag, label, buf, len) \
	do { \
	} while (0)

#endif

/*
 * What the macros call. file NULL: the line shows neither file, line nor func. level SPDK_LOG_DISABLED is not shown.
 */
void spdk_log(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format, ...)
	__attribute__((__format__(__printf__, 5, 6)));
void spdk_vlog(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format,
	va_list ap) __attribute__((__format__(__printf__, 5, 0)));

/* Writes a line of the same form, without a level, to fp. */
void spdk_flog(FILE *fp, const char *file, const int line, const char *func, const char *format, ...)
	__attribute__((__format__(__printf__, 5, 6)));
void spdk_vflog(FILE *fp, const char *file, const int line, const char *func, const char *format, va_list ap)
	__attribute__((__format__(__printf__, 5, 0)));

/* Writes label and then len bytes of buf to fp, 16 in a row, as hexadecimal numbers and characters. */
void spdk_log_dump(FILE *fp, const char *label, const void *buf, size_t len);

/* State of a place that limits its messages; zeroes to begin with. */
struct bdk_log_rate {
	/* Ticks of the last message plus 1; 0: none yet. */
	uint64_t last;
	uint64_t left_out;
};

/*
 * Whether a message may be shown: one in `seconds` may. Else counts it as left out. *left_out: when true is returned,
 * how many were left out since the last one.
 */
bool bdk_log_rate_allow(struct bdk_log_rate *rate, uint32_t seconds, uint64_t *left_out);

/* ---- Where messages go ---- */

/* Takes a message instead of stderr and the system log, of every level. Called in the thread that says it. */
typedef void spdk_log_cb(
	int level, const char *file, const int line, const char *func, const char *format, va_list args);
typedef void spdk_log_open_cb(void *ctx);
typedef void spdk_log_close_cb(void *ctx);

/* Where messages go. */
struct spdk_log_opts {
	/* Size of this structure as the caller knows it. */
	size_t size;
	spdk_log_cb *log;
	/* Called in spdk_log_open_ext() and in spdk_log_close(), with user_ctx. All three may be NULL. */
	spdk_log_open_cb *open;
	spdk_log_close_cb *close;
	void *user_ctx;
};

/* Opens the log. log: takes all messages; NULL: they go to stderr and the system log. */
void spdk_log_open(spdk_log_cb *log);

/* The same with functions that are called at begin and end. opts NULL: as spdk_log_open(NULL). */
void spdk_log_open_ext(struct spdk_log_opts *opts);

/* Closes the log: messages go to stderr again. */
void spdk_log_close(void);

/* Up to which level messages go to the system log. */
void spdk_log_set_level(enum spdk_log_level level);
enum spdk_log_level spdk_log_get_level(void);

/* Up to which level messages go to stderr. */
void spdk_log_set_print_level(enum spdk_log_level level);
enum spdk_log_level spdk_log_get_print_level(void);

/* Whether lines on stderr begin with date and time. They do at first. */
void spdk_log_enable_timestamps(bool value);

/* The system log's level for one of ours; -1 for SPDK_LOG_DISABLED and values that are none. */
int spdk_log_to_syslog_level(enum spdk_log_level level);

/* ---- Flags: a component's INFO and DEBUG messages, on or off ---- */

/* A component whose messages of the levels INFO and DEBUG may be turned on. */
struct spdk_log_flag {
	TAILQ_ENTRY(spdk_log_flag) tailq;
	const char *name;
	bool enabled;
};

/* Defines a flag, off at first, when the program starts. At file level; a name may stand once in a program. */
#define SPDK_LOG_REGISTER_COMPONENT(flag) \
	struct spdk_log_flag SPDK_LOG_##flag = { \
		.name = #flag, \
		.enabled = false, \
	}; \
	__attribute__((constructor)) static void register_flag_##flag(void) \
	{ \
		spdk_log_register_flag(#flag, &SPDK_LOG_##flag); \
	}

/* Adds a flag, which must stay where it is. A second one of a name is refused with a message. */
void spdk_log_register_flag(const char *name, struct spdk_log_flag *flag);

/* All flags, sorted by name. NULL at the end. */
struct spdk_log_flag *spdk_log_get_first_flag(void);
struct spdk_log_flag *spdk_log_get_next_flag(struct spdk_log_flag *flag);

/* Whether the flag of that name is on; false if there is none. */
bool spdk_log_get_flag(const char *flag);

/*
 * Switches flags on or off: a name, a pattern with * and ?, or "all". Case does not matter.
 * Returns 0; -EINVAL if no flag has such a name.
 */
int spdk_log_set_flag(const char *flag);
int spdk_log_clear_flag(const char *flag);

/* Prints help on log_arg, the command line option that takes flags. */
void spdk_log_usage(FILE *f, const char *log_arg);

/* ---- Use of what will be removed ---- */

struct spdk_deprecation;

/*
 * Announces a deprecated feature. tag: its name in one word. remove_release: the release that it will be gone from.
 * rate: seconds between warnings; 0: warns each time.
 */
#define SPDK_LOG_DEPRECATION_REGISTER(tag, desc, release, rate) \
	static struct spdk_deprecation *_deprecated_##tag; \
	__attribute__((constructor)) static void register_deprecation_##tag(void) \
	{ \
		int rc = spdk_log_deprecation_register(#tag, (desc), (release), (rate), &_deprecated_##tag); \
		(void)rc; \
		assert(rc == 0); \
	}

/* Counts a use of the feature and warns. */
#define SPDK_LOG_DEPRECATED(tag) spdk_log_deprecated(_deprecated_##tag, __FILE__, __LINE__, __func__)

/* Returns 0 and stores the registration in *reg; -ENOMEM; -EINVAL if a string is missing. */
int spdk_log_deprecation_register(const char *tag, const char *description, const char *remove_release,
	uint32_t rate_limit_seconds, struct spdk_deprecation **reg);
void spdk_log_deprecated(struct spdk_deprecation *deprecation, const char *file, uint32_t line, const char *func);

/* A value other than 0 ends the walk. */
typedef int (*spdk_log_for_each_deprecation_fn)(void *ctx, struct spdk_deprecation *deprecation);

/* Calls fn for each registration. Returns what fn returned last, 0 if there is none. */
int spdk_log_for_each_deprecation(void *ctx, spdk_log_for_each_deprecation_fn fn);

/* What was registered: its short name, what it is, the release without it, and how often it was used. */
const char *spdk_deprecation_get_tag(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_description(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_remove_release(const struct spdk_deprecation *deprecation);

/* How often the feature was used. */
uint64_t spdk_deprecation_get_hits(const struct spdk_deprecation *deprecation);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_LOG_H */
