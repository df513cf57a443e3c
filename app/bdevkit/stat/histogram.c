/* SPDX-License-Identifier: BSD-3-Clause */

/* Latencies of bdevs that collect them. */

#include "app/bdevkit/stat/sample.h"

#include "spdk/base64.h"
#include "spdk/json.h"
#include "spdk/util.h"

struct answer {
	char *buckets;
	uint32_t granularity;
	uint32_t min_range;
	uint32_t max_range;
};

static const struct spdk_json_object_decoder g_decoders[] = {
	{"histogram", offsetof(struct answer, buckets), spdk_json_decode_string, false},
	{"granularity", offsetof(struct answer, granularity), spdk_json_decode_uint32, false},
	{"min_range", offsetof(struct answer, min_range), spdk_json_decode_uint32, true},
	{"max_range", offsetof(struct answer, max_range), spdk_json_decode_uint32, true},
};

/* NULL: what came is no histogram, or there is no memory for it. */
static struct spdk_histogram_data *
make(const struct answer *answer)
{
	struct spdk_histogram_data *histogram = calloc(1, sizeof(*histogram));
	size_t size, got = 0;

	if (histogram == NULL || answer->granularity > 20 || answer->min_range > answer->max_range ||
		answer->max_range > 64 - answer->granularity) {
		free(histogram);
		return NULL;
	}
	histogram->granularity = answer->granularity;
	histogram->min_range = answer->min_range;
	histogram->max_range = answer->max_range;
	size = SPDK_HISTOGRAM_NUM_BUCKETS(histogram) * sizeof(uint64_t);
	/* The decoder writes whole groups of three bytes. */
	histogram->bucket = calloc(1, spdk_base64_get_decoded_len(strlen(answer->buckets)) + 8);
	if (histogram->bucket == NULL || spdk_base64_decode(histogram->bucket, &got, answer->buckets) != 0 ||
		got < size) {
		free(histogram->bucket);
		free(histogram);
		return NULL;
	}
	return histogram;
}

static int
write_name(struct spdk_json_write_ctx *w, void *ctx)
{
	return spdk_json_write_named_string(w, "name", ctx);
}

int
stat_histogram_take(struct rpc_client *client, const char *name, struct spdk_histogram_data **histogram)
{
	struct answer answer = {.max_range = 57};
	struct spdk_jsonrpc_client_response *response;

	*histogram = NULL;
	response = rpc_client_call(client, "bdev_get_histogram", write_name, (void *)name);
	if (response == NULL) {
		return -EIO;
	}
	if (response->result != NULL &&
		spdk_json_decode_object_relaxed(response->result, g_decoders, SPDK_COUNTOF(g_decoders), &answer) == 0) {
		*histogram = make(&answer);
	}
	free(answer.buckets);
	spdk_jsonrpc_client_free_response(response);
	return 0;
}

int
stat_sample_take_histograms(struct rpc_client *client, struct stat_sample *sample)
{
	int rc = 0;

	for (size_t i = 0; i < sample->count && rc == 0; i++) {
		rc = stat_histogram_take(client, sample->bdevs[i].name, &sample->bdevs[i].histogram);
	}
	return rc;
}

/* ---- percentiles ---- */

static bool
is_alike(const struct spdk_histogram_data *a, const struct spdk_histogram_data *b)
{
	return a->granularity == b->granularity && a->min_range == b->min_range && a->max_range == b->max_range;
}

/* Of what came in between; all of it, if the earlier one is another histogram, or was begun anew. */
static const struct spdk_histogram_data *
earlier(const struct stat_bdev *before, const struct spdk_histogram_data *after)
{
	const struct spdk_histogram_data *histogram = before != NULL ? before->histogram : NULL;

	if (histogram == NULL || !is_alike(histogram, after)) {
		return NULL;
	}
	for (uint64_t i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(after); i++) {
		if (histogram->bucket[i] > after->bucket[i]) {
			return NULL;
		}
	}
	return histogram;
}

/* Microseconds at which a bucket begins, counted over all ranges. */
static double
bucket_us(const struct spdk_histogram_data *histogram, uint64_t bucket, uint64_t tick_rate)
{
	uint32_t range = histogram->min_range + (uint32_t)(bucket >> histogram->granularity);
	uint32_t index = (uint32_t)(bucket & SPDK_HISTOGRAM_BUCKET_MASK(histogram));

	return (double)__spdk_histogram_data_get_bucket_start(histogram, range, index) / (double)tick_rate * 1e6;
}

double
stat_percentile(const struct stat_bdev *before, const struct stat_bdev *after, double fraction, uint64_t tick_rate)
{
	const struct spdk_histogram_data *now = after->histogram, *then;
	uint64_t total = 0, so_far = 0;

	if (now == NULL) {
		return -1;
	}
	then = earlier(before, now);
	for (uint64_t i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(now); i++) {
		total += now->bucket[i] - (then != NULL ? then->bucket[i] : 0);
	}
	for (uint64_t i = 0; i < SPDK_HISTOGRAM_NUM_BUCKETS(now) && total > 0; i++) {
		so_far += now->bucket[i] - (then != NULL ? then->bucket[i] : 0);
		if ((double)so_far >= fraction * (double)total) {
			/* The end of the bucket is the beginning of the next; the very last has none. */
			return bucket_us(now, spdk_min(i + 1, SPDK_HISTOGRAM_NUM_BUCKETS(now) - 1), tick_rate);
		}
	}
	return -1;
}

void
stat_buckets(const struct stat_bdev *before, const struct stat_bdev *after, uint64_t tick_rate,
	uint64_t counts[STAT_BUCKETS])
{
	const struct spdk_histogram_data *now = after->histogram, *then = now != NULL ? earlier(before, now) : NULL;

	memset(counts, 0, STAT_BUCKETS * sizeof(counts[0]));
	for (uint64_t i = 0; now != NULL && i < SPDK_HISTOGRAM_NUM_BUCKETS(now); i++) {
		uint64_t count = now->bucket[i] - (then != NULL ? then->bucket[i] : 0), place = 0;
		double us = count > 0 ? bucket_us(now, i, tick_rate) : 0;

		while (us >= 1 && place + 1 < STAT_BUCKETS) {
			us /= 2;
			place++;
		}
		counts[place] += count;
	}
}
