/* SPDX-License-Identifier: BSD-3-Clause */

/* Messages: from the macros to stderr, the system log, or the application's own function. */

#include "spdk/log.h"
#include "spdk/env.h"
#include "spdk/util.h"

#include "lib/env/env_internal.h"

/* A line up to this length costs no allocation. */
#define LINE_BUFFER_SIZE 1024

static struct {
	enum spdk_log_level level;
	enum spdk_log_level print_level;
	bool no_timestamps;
	bool syslog_open;
	struct spdk_log_opts opts;
} g_log;

static const char *const g_level_names[] = {
	[SPDK_LOG_ERROR] = "ERROR",
	[SPDK_LOG_WARN] = "WARNING",
	[SPDK_LOG_NOTICE] = "NOTICE",
	[SPDK_LOG_INFO] = "INFO",
	[SPDK_LOG_DEBUG] = "DEBUG",
};

static bool
level_valid(enum spdk_log_level level)
{
	return (int)level >= SPDK_LOG_ERROR && (int)level <= SPDK_LOG_DEBUG;
}

/* ---- Settings ---- */

void
spdk_log_open(spdk_log_cb *log)
{
	struct spdk_log_opts opts = {.size = sizeof(opts), .log = log};

	spdk_log_open_ext(&opts);
}

void
spdk_log_open_ext(struct spdk_log_opts *opts)
{
	spdk_log_close();
	if (opts != NULL) {
		g_log.opts.log = SPDK_GET_FIELD(opts, log, NULL);
		g_log.opts.open = SPDK_GET_FIELD(opts, open, NULL);
		g_log.opts.close = SPDK_GET_FIELD(opts, close, NULL);
		g_log.opts.user_ctx = SPDK_GET_FIELD(opts, user_ctx, NULL);
	}
	if (g_log.opts.log == NULL) {
		openlog("spdk", LOG_PID, LOG_LOCAL7);
		g_log.syslog_open = true;
	}
	if (g_log.opts.open != NULL) {
		g_log.opts.open(g_log.opts.user_ctx);
	}
}

void
spdk_log_close(void)
{
	struct spdk_log_opts opts = g_log.opts;

	if (g_log.syslog_open) {
		closelog();
		g_log.syslog_open = false;
	}
	memset(&g_log.opts, 0, sizeof(g_log.opts));
	if (opts.close != NULL) {
		opts.close(opts.user_ctx);
	}
}

void
spdk_log_set_level(enum spdk_log_level level)
{
	assert(level == SPDK_LOG_DISABLED || level_valid(level));
	g_log.level = level;
}

enum spdk_log_level
spdk_log_get_level(void)
{
	return g_log.level;
}

void
spdk_log_set_print_level(enum spdk_log_level level)
{
	assert(level == SPDK_LOG_DISABLED || level_valid(level));
	g_log.print_level = level;
}

enum spdk_log_level
spdk_log_get_print_level(void)
{
	return g_log.print_level;
}

void
spdk_log_enable_timestamps(bool value)
{
	g_log.no_timestamps = !value;
}

int
spdk_log_to_syslog_level(enum spdk_log_level level)
{
	switch (level) {
	case SPDK_LOG_ERROR:
		return LOG_ERR;
	case SPDK_LOG_WARN:
		return LOG_WARNING;
	case SPDK_LOG_NOTICE:
		return LOG_NOTICE;
	case SPDK_LOG_INFO:
	case SPDK_LOG_DEBUG:
		return LOG_INFO;
	default:
		return -1;
	}
}

/* ---- Messages ---- */

/* "[2026-01-31 12:00:00.123456] ", or nothing. */
static void
format_timestamp(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	buf[0] = '\0';
	if (g_log.no_timestamps) {
		return;
	}
	env_clock_get_wall(&now);
	if (localtime_r(&now.tv_sec, &tm) == NULL) {
		return;
	}
	len = strftime(buf, size, "[%Y-%m-%d %H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%06ld] ", now.tv_nsec / 1000);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* level_name NULL: the line has none. */
static void
print_line(FILE *fp, const char *file, int line, const char *func, const char *level_name, const char *text)
{
	char timestamp[64];

	format_timestamp(timestamp, sizeof(timestamp));
	if (file == NULL) {
		fprintf(fp, "%s%s", timestamp, text);
	} else if (level_name == NULL) {
		fprintf(fp, "%s%s:%4d:%s: %s", timestamp, base_name(file), line, func, text);
	} else {
		fprintf(fp, "%s%s:%4d:%s: *%s*: %s", timestamp, base_name(file), line, func, level_name, text);
	}
}

static void
send_to_syslog(enum spdk_log_level level, const char *file, int line, const char *func, const char *text)
{
	int priority = spdk_log_to_syslog_level(level);

	if (file == NULL) {
		syslog(priority, "%s", text);
	} else {
		syslog(priority, "%s:%4d:%s: *%s*: %s", base_name(file), line, func, g_level_names[level], text);
	}
}

/* Formats into buf, or into allocated memory if that is too small. */
static char *
format_text(char *buf, size_t size, const char *format, va_list ap)
{
	va_list again;
	char *text = buf;
	int len;

	va_copy(again, ap);
	len = vsnprintf(buf, size, format, ap);
	if (len >= 0 && (size_t)len >= size) {
		text = malloc((size_t)len + 1);
		if (text != NULL) {
			vsnprintf(text, (size_t)len + 1, format, again);
		} else {
			/* Better cut than not said. */
			text = buf;
		}
	}
	va_end(again);
	return text;
}

void
spdk_vlog(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format, va_list ap)
{
	char buf[LINE_BUFFER_SIZE];
	char *text;

	if (g_log.opts.log != NULL) {
		g_log.opts.log((int)level, file, line, func, format, ap);
		return;
	}
	if (!level_valid(level) || (level > g_log.print_level && level > g_log.level)) {
		return;
	}
	text = format_text(buf, sizeof(buf), format, ap);
	if (level <= g_log.print_level) {
		print_line(stderr, file, line, func, g_level_names[level], text);
	}
	if (level <= g_log.level && g_log.syslog_open) {
		send_to_syslog(level, file, line, func, text);
	}
	if (text != buf) {
		free(text);
	}
}

void
spdk_log(enum spdk_log_level level, const char *file, const int line, const char *func, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	spdk_vlog(level, file, line, func, format, ap);
	va_end(ap);
}

void
spdk_vflog(FILE *fp, const char *file, const int line, const char *func, const char *format, va_list ap)
{
	char buf[LINE_BUFFER_SIZE];
	char *text = format_text(buf, sizeof(buf), format, ap);

	print_line(fp, file, line, func, NULL, text);
	if (text != buf) {
		free(text);
	}
	fflush(fp);
}

void
spdk_flog(FILE *fp, const char *file, const int line, const char *func, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	spdk_vflog(fp, file, line, func, format, ap);
	va_end(ap);
}

bool
bdk_log_rate_allow(struct bdk_log_rate *rate, uint32_t seconds, uint64_t *left_out)
{
	uint64_t now = spdk_get_ticks() + 1;
	uint64_t last = __atomic_load_n(&rate->last, __ATOMIC_RELAXED);

	if (last != 0 && now - last < seconds * spdk_get_ticks_hz()) {
		__atomic_fetch_add(&rate->left_out, 1, __ATOMIC_RELAXED);
		return false;
	}
	if (!__atomic_compare_exchange_n(&rate->last, &last, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		/* Another thread says it this moment. */
		__atomic_fetch_add(&rate->left_out, 1, __ATOMIC_RELAXED);
		return false;
	}
	*left_out = __atomic_exchange_n(&rate->left_out, 0, __ATOMIC_RELAXED);
	return true;
}

/* ---- Dump ---- */

static void
dump_row(FILE *fp, size_t offset, const uint8_t *bytes, size_t count)
{
	fprintf(fp, "%08zx  ", offset);
	for (size_t i = 0; i < 16; i++) {
		if (i == 8) {
			fputc(' ', fp);
		}
		if (i < count) {
			fprintf(fp, "%02x ", bytes[i]);
		} else {
			fputs("   ", fp);
		}
	}
	fputc(' ', fp);
	for (size_t i = 0; i < count; i++) {
		fputc(bytes[i] >= 0x20 && bytes[i] < 0x7f ? bytes[i] : '.', fp);
	}
	fputc('\n', fp);
}

void
spdk_log_dump(FILE *fp, const char *label, const void *buf, size_t len)
{
	fprintf(fp, "%s\n", label);
	for (size_t offset = 0; offset < len; offset += 16) {
		dump_row(fp, offset, (const uint8_t *)buf + offset, spdk_min(len - offset, (size_t)16));
	}
	fflush(fp);
}
