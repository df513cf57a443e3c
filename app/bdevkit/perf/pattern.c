/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/perf/pattern.h"

#include "spdk/string.h"
#include "spdk/util.h"
#include "spdk/zipf.h"

#include "app/bdevkit/expression.h"

static bool
parse_percent(const char **text, double *percent)
{
	char *end;

	*percent = strtod(*text, &end);
	if (end == *text || !(*percent > 0) || *percent > 100) {
		return false;
	}
	*text = end;
	return true;
}

int
perf_sizes_parse(struct perf_sizes *sizes, const char *text)
{
	char *copy = strdup(text), *rest = copy, *word;
	uint32_t sum = 0;
	int rc = copy == NULL ? -ENOMEM : 0;

	sizes->count = 0;
	while (rc == 0 && (word = strsep(&rest, ":")) != NULL) {
		char *slash = strchr(word, '/'), *end;
		struct perf_size size = {.percent = 100};

		if (slash != NULL) {
			*slash = '\0';
			size.percent = (uint32_t)strtoul(slash + 1, &end, 10);
			rc = *end != '\0' || end == slash + 1 || size.percent > 100 ? -EINVAL : 0;
		}
		if (rc != 0 || sizes->count == PERF_MAX_SIZES || expression_number(word, &size.bytes) != 0 ||
			size.bytes == 0) {
			rc = -EINVAL;
			break;
		}
		sum += size.percent;
		sizes->items[sizes->count++] = size;
	}
	free(copy);
	return rc != 0 ? rc : sum == 100 ? 0 : -EINVAL;
}

void
perf_sizes_format(const struct perf_sizes *sizes, char text[static PERF_SIZES_TEXT])
{
	size_t length = 0;

	if (sizes->count == 1) {
		snprintf(text, PERF_SIZES_TEXT, "%" PRIu64, sizes->items[0].bytes);
		return;
	}
	for (uint32_t i = 0; i < sizes->count; i++) {
		length += (size_t)snprintf(text + length, PERF_SIZES_TEXT - length, "%s%" PRIu64 "/%" PRIu32,
			i > 0 ? ":" : "", sizes->items[i].bytes, sizes->items[i].percent);
	}
}

int
perf_distribution_parse(struct perf_distribution *distribution, const char *text)
{
	char *end;

	memset(distribution, 0, sizeof(*distribution));
	if (strcmp(text, "random") == 0) {
		return 0;
	}
	if (strncmp(text, "zipf:", 5) == 0) {
		distribution->shape = PERF_ZIPF;
		distribution->theta = strtod(text + 5, &end);
		return end != text + 5 && *end == '\0' && distribution->theta > 0 && distribution->theta <= 10
			? 0
			: -EINVAL;
	}
	if (strncmp(text, "hot:", 4) == 0) {
		distribution->shape = PERF_HOT;
		text += 4;
		if (!parse_percent(&text, &distribution->hot_ios) || *text++ != '/' ||
			!parse_percent(&text, &distribution->hot_area)) {
			return -EINVAL;
		}
		return *text == '\0' && distribution->hot_area < 100 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

void
perf_distribution_format(const struct perf_distribution *distribution, char text[static PERF_DISTRIBUTION_TEXT])
{
	switch (distribution->shape) {
	case PERF_ZIPF:
		snprintf(text, PERF_DISTRIBUTION_TEXT, "zipf:%.17g", distribution->theta);
		break;
	case PERF_HOT:
		snprintf(
			text, PERF_DISTRIBUTION_TEXT, "hot:%.17g/%.17g", distribution->hot_ios, distribution->hot_area);
		break;
	default:
		snprintf(text, PERF_DISTRIBUTION_TEXT, "random");
	}
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* Of a full random number: percent of all are below. */
static uint64_t
limit_of(double percent)
{
	return percent >= 100 ? UINT64_MAX : (uint64_t)(percent / 100 * 18446744073709549568.0);
}

static int
init_sizes(struct perf_pattern *pattern, const struct perf_pattern_opts *opts)
{
	uint32_t percent = 0;

	pattern->unit = UINT64_MAX;
	pattern->num_sizes = opts->sizes->count;
	for (uint32_t i = 0; i < opts->sizes->count; i++) {
		const struct perf_size *size = &opts->sizes->items[i];

		if (size->bytes % opts->block_size != 0) {
			return -EINVAL;
		}
		if (size->bytes / opts->block_size > opts->area) {
			return -ENOSPC;
		}
		percent += size->percent;
		pattern->sizes[i].blocks = (uint32_t)(size->bytes / opts->block_size);
		pattern->sizes[i].limit = limit_of(percent);
		pattern->unit = spdk_min(pattern->unit, pattern->sizes[i].blocks);
	}
	for (uint32_t i = 0; i < opts->sizes->count; i++) {
		uint64_t slots = (opts->area - pattern->sizes[i].blocks) / pattern->unit + 1;

		pattern->sizes[i].slots = slots;
		pattern->sizes[i].hot_slots =
			spdk_max((uint64_t)((double)slots * opts->distribution->hot_area / 100), 1);
	}
	return 0;
}

static int
init_zipf(struct perf_pattern *pattern, const struct perf_pattern_opts *opts)
{
	uint64_t places = opts->area / pattern->unit;

	pattern->zipf = spdk_zipf_create(places, opts->distribution->theta, (uint32_t)opts->seed);
	if (pattern->zipf == NULL) {
		return -ENOMEM;
	}
	/* The golden section spreads neighbours far apart. */
	pattern->scatter = spdk_max((uint64_t)((double)places * 0.6180339887498949), 1);
	while (gcd(pattern->scatter, places) != 1) {
		pattern->scatter++;
	}
	return 0;
}

int
perf_pattern_init(struct perf_pattern *pattern, const struct perf_pattern_opts *opts)
{
	int rc;

	memset(pattern, 0, sizeof(*pattern));
	pattern->first = opts->first;
	pattern->area = opts->area;
	pattern->is_random = opts->is_random;
	pattern->shape = opts->distribution->shape;
	pattern->hot_limit = limit_of(opts->distribution->hot_ios);
	/* Never zero, and different for seeds that are not. */
	pattern->random = (opts->seed + 1) * 0x9e3779b97f4a7c15ULL | 1;
	rc = init_sizes(pattern, opts);
	if (rc == 0 && pattern->is_random && pattern->shape == PERF_ZIPF) {
		rc = init_zipf(pattern, opts);
	}
	return rc;
}

void
perf_pattern_free(struct perf_pattern *pattern)
{
	if (pattern->zipf != NULL) {
		spdk_zipf_free(&pattern->zipf);
	}
}

uint64_t
perf_pattern_draw(struct perf_pattern *pattern, uint32_t size)
{
	uint64_t slots = pattern->sizes[size].slots, hot = pattern->sizes[size].hot_slots;

	if (pattern->shape == PERF_ZIPF) {
		uint64_t places = pattern->area / pattern->unit;
		uint64_t place =
			(uint64_t)((unsigned __int128)spdk_zipf_generate(pattern->zipf) * pattern->scatter % places);

		/* A long one does not fit at the last places. */
		return spdk_min(place, slots - 1);
	}
	if (perf_random(&pattern->random) < pattern->hot_limit || hot == slots) {
		return perf_random_below(&pattern->random, hot);
	}
	return hot + perf_random_below(&pattern->random, slots - hot);
}
