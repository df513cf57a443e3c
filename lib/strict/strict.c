/* SPDX-License-Identifier: BSD-3-Clause */

/* The settings of strict mode. */

#include "lib/strict/strict_internal.h"

#include "spdk/log.h"
#include "spdk/util.h"

#define DEFAULT_NEVER_COMPLETED_MS 60000
#define DEFAULT_HELD_MS 200
#define DEFAULT_QUARANTINE 256
#define MAX_QUARANTINE 65536

struct strict_settings g_strict;

void
bdk_strict_opts_init(struct bdk_strict_opts *opts, size_t size)
{
	const struct bdk_strict_opts defaults = {
		.size = size,
		.never_completed_ms = DEFAULT_NEVER_COMPLETED_MS,
		.held_ms = DEFAULT_HELD_MS,
		.quarantine = DEFAULT_QUARANTINE,
	};

	memcpy(opts, &defaults, spdk_min(size, sizeof(defaults)));
}

void
bdk_strict_get_opts(struct bdk_strict_opts *opts, size_t size)
{
	struct bdk_strict_opts all = g_strict.opts;

	if (!g_strict.enabled) {
		bdk_strict_opts_init(opts, size);
		return;
	}
	all.size = size;
	memcpy(opts, &all, spdk_min(size, sizeof(all)));
}

int
bdk_strict_enable(const struct bdk_strict_opts *opts)
{
	struct bdk_strict_opts all;

	if (opts != NULL && opts->size < sizeof(opts->size)) {
		SPDK_ERRLOG("the size of the options of strict mode is not set\n");
		return -EINVAL;
	}
	bdk_strict_opts_init(&all, sizeof(all));
	if (opts != NULL) {
		memcpy(&all, opts, spdk_min(opts->size, sizeof(all)));
	}
	if (all.quarantine > MAX_QUARANTINE) {
		SPDK_ERRLOG("strict mode: a quarantine of %u I/Os is more than %u\n", all.quarantine, MAX_QUARANTINE);
		return -EINVAL;
	}
	g_strict.opts = all;
	g_strict.enabled = true;
	return 0;
}

bool
bdk_strict_is_enabled(void)
{
	return g_strict.enabled;
}

/* ---- as text ---- */

static bool
parse_number(const char *text, uint32_t *number)
{
	unsigned long value;
	char *end;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || value > UINT32_MAX) {
		return false;
	}
	*number = (uint32_t)value;
	return true;
}

static bool
parse_word(const char *word, struct bdk_strict_opts *opts)
{
	const struct {
		const char *name;
		uint32_t *number;
	} numbers[] = {
		{"never=", &opts->never_completed_ms},
		{"held=", &opts->held_ms},
		{"quarantine=", &opts->quarantine},
	};

	if (strcmp(word, "1") == 0 || strcmp(word, "on") == 0) {
		return true;
	}
	if (strcmp(word, "abort") == 0) {
		opts->abort = true;
		return true;
	}
	if (strcmp(word, "data") == 0) {
		opts->check_data = true;
		return true;
	}
	for (size_t i = 0; i < SPDK_COUNTOF(numbers); i++) {
		if (strncmp(word, numbers[i].name, strlen(numbers[i].name)) == 0) {
			return parse_number(word + strlen(numbers[i].name), numbers[i].number);
		}
	}
	return false;
}

int
bdk_strict_enable_text(const char *text)
{
	struct bdk_strict_opts opts;
	char words[256], *word, *rest = words;

	if (text[0] == '\0' || strcmp(text, "0") == 0) {
		return 0;
	}
	bdk_strict_opts_init(&opts, sizeof(opts));
	snprintf(words, sizeof(words), "%s", text);
	while ((word = strsep(&rest, ",")) != NULL) {
		if (!parse_word(word, &opts)) {
			SPDK_ERRLOG("strict mode: '%s' is none of 1, on, abort, data, never=MS, held=MS, "
				    "quarantine=N; it stays off\n",
				word);
			return -EINVAL;
		}
	}
	return bdk_strict_enable(&opts);
}

/* Before main(), so that it holds for all that the program starts. */
__attribute__((constructor)) static void
read_environment(void)
{
	const char *text = getenv("BDEVKIT_STRICT");

	if (text != NULL) {
		bdk_strict_enable_text(text);
	}
}
