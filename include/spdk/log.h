/* SPDX-License-Identifier: BSD-3-Clause */

#ifndef SPDK_LOG_H
#define SPDK_LOG_H

#include "spdk/assert.h"
#include "spdk/stdinc.h"
#include "spdk/queue.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifdef DEBUG
#define SPDK_DEBUGLOG(flag, ...) \
	do { \
		extern struct spdk_log_flag SPDK_LOG_##flag; \
		if (SPDK_LOG_##flag.enabled) { \
			spdk_log(SPDK_LOG_DEBUG, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		} \
	} while (0)
#else
#define SPDK_DEBUGLOG(flag, ...) do { } while (0)
#endif
/* macro SPDK_DEBUGLOG_FLAG_ENABLED(name) */
#define SPDK_ERRLOG(...) spdk_log(SPDK_LOG_ERROR, __FILE__, __LINE__, __func__, __VA_ARGS__)
/* macro SPDK_ERRLOG_RATELIMIT(...) */
#define SPDK_INFOLOG(flag, ...) \
	do { \
		extern struct spdk_log_flag SPDK_LOG_##flag; \
		if (SPDK_LOG_##flag.enabled) { \
			spdk_log(SPDK_LOG_INFO, __FILE__, __LINE__, __func__, __VA_ARGS__); \
		} \
	} while (0)
/* macro SPDK_LOGDUMP(flag, label, buf, len) */
/* macro SPDK_LOG_DEPRECATED(tag) */
/* macro SPDK_LOG_DEPRECATION_REGISTER(tag, desc, release, rate) */
#define SPDK_LOG_REGISTER_COMPONENT(flag) \
	struct spdk_log_flag SPDK_LOG_##flag = {.name = #flag, .enabled = false}; \
	__attribute__((constructor)) static void register_flag_##flag(void) \
	{ \
		spdk_log_register_flag(#flag, &SPDK_LOG_##flag); \
	}
#define SPDK_NOTICELOG(...) spdk_log(SPDK_LOG_NOTICE, __FILE__, __LINE__, __func__, __VA_ARGS__)
#define SPDK_PRINTF(...) spdk_log(SPDK_LOG_NOTICE, NULL, -1, NULL, __VA_ARGS__)
#define SPDK_WARNLOG(...) spdk_log(SPDK_LOG_WARN, __FILE__, __LINE__, __func__, __VA_ARGS__)

enum spdk_log_level {
	SPDK_LOG_DISABLED = -1,
	SPDK_LOG_ERROR = 0,
	SPDK_LOG_WARN = 1,
	SPDK_LOG_NOTICE = 2,
	SPDK_LOG_INFO = 3,
	SPDK_LOG_DEBUG = 4,
};

struct spdk_deprecation;
struct spdk_log_flag;
struct spdk_log_opts;

typedef void spdk_log_cb(int level, const char *file, const int line, const char *func, const char *format, va_list args);
typedef void spdk_log_close_cb(void *ctx);
typedef int (*spdk_log_for_each_deprecation_fn)(void *ctx, struct spdk_deprecation *deprecation);
typedef void spdk_log_open_cb(void *ctx);

struct spdk_log_flag {
	TAILQ_ENTRY(spdk_log_flag) tailq;
	const char *name;
	bool enabled;
};

struct spdk_log_opts {
	size_t size;
	spdk_log_cb *log;
	spdk_log_open_cb *open;
	spdk_log_close_cb *close;
	void *user_ctx;
};

const char *spdk_deprecation_get_description(const struct spdk_deprecation *deprecation);
uint64_t spdk_deprecation_get_hits(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_remove_release(const struct spdk_deprecation *deprecation);
const char *spdk_deprecation_get_tag(const struct spdk_deprecation *deprecation);
void spdk_flog(FILE *fp, const char *file, const int line, const char *func, const char *format, ...);
void spdk_log(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format, ...);
int spdk_log_clear_flag(const char *flag);
void spdk_log_close(void);
void spdk_log_deprecated(struct spdk_deprecation *deprecation, const char *file, uint32_t line, const char *func);
int spdk_log_deprecation_register(const char *tag, const char *description, const char *remove_release, uint32_t rate_limit_seconds, struct spdk_deprecation **reg);
void spdk_log_dump(FILE *fp, const char *label, const void *buf, size_t len);
void spdk_log_enable_timestamps(bool value);
int spdk_log_for_each_deprecation(void *ctx, spdk_log_for_each_deprecation_fn fn);
struct spdk_log_flag *spdk_log_get_first_flag(void);
bool spdk_log_get_flag(const char *flag);
enum spdk_log_level spdk_log_get_level(void);
struct spdk_log_flag *spdk_log_get_next_flag(struct spdk_log_flag *flag);
enum spdk_log_level spdk_log_get_print_level(void);
void spdk_log_open(spdk_log_cb *log);
void spdk_log_open_ext(struct spdk_log_opts *opts);
void spdk_log_register_flag(const char *name, struct spdk_log_flag *flag);
int spdk_log_set_flag(const char *flag);
void spdk_log_set_level(enum spdk_log_level level);
void spdk_log_set_print_level(enum spdk_log_level level);
int spdk_log_to_syslog_level(enum spdk_log_level level);
void spdk_log_usage(FILE *f, const char *log_arg);
void spdk_vflog(FILE *fp, const char *file, const int line, const char *func, const char *format, va_list ap);
void spdk_vlog(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format, va_list ap);

#ifdef __cplusplus
}
#endif

#endif /* SPDK_LOG_H */
