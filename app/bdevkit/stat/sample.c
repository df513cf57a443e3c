/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/stat/sample.h"

#include "spdk/json.h"
#include "spdk/util.h"

#define COUNTERS(type, bytes_name, ios_name, latency_name, max_name, min_name) \
	{bytes_name, offsetof(struct stat_bdev, counters[type].bytes), spdk_json_decode_uint64, false}, \
		{ios_name, offsetof(struct stat_bdev, counters[type].ios), spdk_json_decode_uint64, false}, \
		{latency_name, offsetof(struct stat_bdev, counters[type].latency), spdk_json_decode_uint64, false}, \
		{max_name, offsetof(struct stat_bdev, counters[type].max_latency), spdk_json_decode_uint64, true}, \
	{ \
		min_name, offsetof(struct stat_bdev, counters[type].min_latency), spdk_json_decode_uint64, true \
	}

/* An object of the statuses with which I/O ended, and how often. */
static int
decode_errors(const struct spdk_json_val *val, void *out)
{
	uint64_t *errors = out, count;
	struct spdk_json_val *name;

	for (name = spdk_json_object_first((struct spdk_json_val *)val); name != NULL; name = spdk_json_next(name)) {
		if (spdk_json_decode_uint64(name + 1, &count) != 0) {
			return -EINVAL;
		}
		*errors += count;
	}
	return 0;
}

static const struct spdk_json_object_decoder g_bdev_decoders[] = {
	{"name", offsetof(struct stat_bdev, name), spdk_json_decode_string, false},
	COUNTERS(STAT_READ, "bytes_read", "num_read_ops", "read_latency_ticks", "max_read_latency_ticks",
		"min_read_latency_ticks"),
	COUNTERS(STAT_WRITE, "bytes_written", "num_write_ops", "write_latency_ticks", "max_write_latency_ticks",
		"min_write_latency_ticks"),
	COUNTERS(STAT_UNMAP, "bytes_unmapped", "num_unmap_ops", "unmap_latency_ticks", "max_unmap_latency_ticks",
		"min_unmap_latency_ticks"),
	COUNTERS(STAT_COPY, "bytes_copied", "num_copy_ops", "copy_latency_ticks", "max_copy_latency_ticks",
		"min_copy_latency_ticks"),
	{"io_error", offsetof(struct stat_bdev, errors), decode_errors, true},
};

static int
decode_bdev(const struct spdk_json_val *val, struct stat_bdev *bdev)
{
	return spdk_json_decode_object_relaxed(val, g_bdev_decoders, SPDK_COUNTOF(g_bdev_decoders), bdev);
}

static int
decode_bdevs(const struct spdk_json_val *val, void *out)
{
	struct stat_sample *sample = SPDK_CONTAINEROF(out, struct stat_sample, bdevs);
	struct spdk_json_val *one, *array = (struct spdk_json_val *)val;
	size_t count = 0;

	if (val->type != SPDK_JSON_VAL_ARRAY_BEGIN) {
		return -EINVAL;
	}
	for (one = spdk_json_array_first(array); one != NULL; one = spdk_json_next(one)) {
		count++;
	}
	sample->bdevs = calloc(count + 1, sizeof(*sample->bdevs));
	if (sample->bdevs == NULL) {
		return -ENOMEM;
	}
	for (one = spdk_json_array_first(array); one != NULL; one = spdk_json_next(one)) {
		if (decode_bdev(one, &sample->bdevs[sample->count++]) != 0) {
			return -EINVAL;
		}
	}
	return 0;
}

static const struct spdk_json_object_decoder g_sample_decoders[] = {
	{"tick_rate", offsetof(struct stat_sample, tick_rate), spdk_json_decode_uint64, false},
	{"ticks", offsetof(struct stat_sample, ticks), spdk_json_decode_uint64, false},
	{"bdevs", offsetof(struct stat_sample, bdevs), decode_bdevs, false},
};

static int
write_name(struct spdk_json_write_ctx *w, void *ctx)
{
	return spdk_json_write_named_string(w, "name", ctx);
}

/* What the target says is wrong. */
static void
explain(const struct spdk_json_val *error, char *why, size_t why_size)
{
	static const struct spdk_json_object_decoder decoders[] = {{"message", 0, spdk_json_decode_string, false}};
	char *message = NULL;

	if (error == NULL || spdk_json_decode_object_relaxed(error, decoders, SPDK_COUNTOF(decoders), &message) != 0) {
		snprintf(why, why_size, "the target cannot say what I/O its bdevs do");
	} else {
		snprintf(why, why_size, "%s", message);
	}
	free(message);
}

int
stat_sample_take(struct rpc_client *client, const char *name, struct stat_sample *sample, char *why, size_t why_size)
{
	struct spdk_jsonrpc_client_response *response =
		rpc_client_call(client, "bdev_get_iostat", name != NULL ? write_name : NULL, (void *)name);
	int rc = 0;

	*sample = (struct stat_sample){};
	if (response == NULL) {
		return -EIO;
	}
	if (response->result == NULL) {
		explain(response->error, why, why_size);
		rc = -ENODEV;
	} else if (spdk_json_decode_object_relaxed(
			   response->result, g_sample_decoders, SPDK_COUNTOF(g_sample_decoders), sample) != 0 ||
		sample->tick_rate == 0) {
		snprintf(why, why_size, "the target's answer is not understood");
		stat_sample_free(sample);
		rc = -EINVAL;
	}
	spdk_jsonrpc_client_free_response(response);
	return rc;
}

void
stat_sample_free(struct stat_sample *sample)
{
	for (size_t i = 0; i < sample->count; i++) {
		free(sample->bdevs[i].name);
		spdk_histogram_data_free(sample->bdevs[i].histogram);
	}
	free(sample->bdevs);
	*sample = (struct stat_sample){};
}

const struct stat_bdev *
stat_sample_find(const struct stat_sample *sample, const char *name)
{
	for (size_t i = 0; i < sample->count; i++) {
		if (strcmp(sample->bdevs[i].name, name) == 0) {
			return &sample->bdevs[i];
		}
	}
	return NULL;
}

/* ---- what happened in between ---- */

double
stat_seconds(const struct stat_sample *before, const struct stat_sample *after)
{
	if (before->ticks == 0 || after->ticks <= before->ticks || after->tick_rate == 0) {
		return 0;
	}
	return (double)(after->ticks - before->ticks) / (double)after->tick_rate;
}

static void
add(struct stat_counters *sum, const struct stat_counters *before, const struct stat_counters *after)
{
	static const struct stat_counters zero;

	if (before == NULL || after->ios < before->ios || after->latency < before->latency) {
		before = &zero;
	}
	sum->ios += after->ios - before->ios;
	sum->bytes += after->bytes - spdk_min(before->bytes, after->bytes);
	sum->latency += after->latency - before->latency;
}

void
stat_rate(const struct stat_bdev *before, const struct stat_bdev *after, int type, double seconds, uint64_t tick_rate,
	struct stat_rate *rate)
{
	struct stat_counters sum = {};

	for (int i = 0; i < STAT_TYPES; i++) {
		if (type == i || type == STAT_TYPES) {
			add(&sum, before != NULL ? &before->counters[i] : NULL, &after->counters[i]);
		}
	}
	*rate = (struct stat_rate){.ios = sum.ios, .bytes = sum.bytes};
	if (seconds > 0) {
		rate->iops = (double)sum.ios / seconds;
		rate->bytes_per_second = (double)sum.bytes / seconds;
		/* Little's law. */
		rate->queue = (double)sum.latency / (double)tick_rate / seconds;
	}
	if (sum.ios > 0) {
		rate->average_us = (double)sum.latency / (double)sum.ios / (double)tick_rate * 1e6;
	}
}
