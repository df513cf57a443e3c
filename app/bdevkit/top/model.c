/* SPDX-License-Identifier: BSD-3-Clause */

#include "app/bdevkit/top/model.h"

#include "spdk/json.h"
#include "spdk/util.h"

/* Turns; what bdevs stand on may also change while their names stay. */
#define BDEVS_PERIOD 5

static void
free_snapshot(struct model_snapshot *snapshot)
{
	stat_sample_free(&snapshot->sample);
	free(snapshot->reactors);
	for (size_t i = 0; i < snapshot->num_threads; i++) {
		free(snapshot->threads[i].name);
		free(snapshot->threads[i].cpus);
	}
	free(snapshot->threads);
	for (size_t i = 0; i < snapshot->num_pollers; i++) {
		free(snapshot->pollers[i].name);
		free(snapshot->pollers[i].thread);
	}
	free(snapshot->pollers);
	*snapshot = (struct model_snapshot){};
}

/* The bdevs that are known are those of the sample. */
static bool
are_known(const struct model *model, const struct stat_sample *sample)
{
	if (model->num_bdevs != sample->count) {
		return false;
	}
	for (size_t i = 0; i < sample->count; i++) {
		if (strcmp(model->bdevs[i].name, sample->bdevs[i].name) != 0) {
			return false;
		}
	}
	return true;
}

static int
update_bdevs(struct model *model, const struct stat_sample *sample)
{
	struct model_bdev *bdevs;
	size_t count;
	int rc;

	if (model->bdevs_due-- > 0 && are_known(model, sample)) {
		return 0;
	}
	rc = ask_bdevs(model, &bdevs, &count);
	if (rc != 0) {
		ask_free_bdevs(bdevs, count);
		return rc;
	}
	ask_free_bdevs(model->bdevs, model->num_bdevs);
	model->bdevs = bdevs;
	model->num_bdevs = count;
	model->bdevs_due = BDEVS_PERIOD;
	return 0;
}

static int
take_histogram(struct model *model, struct stat_sample *sample)
{
	for (size_t i = 0; model->histogram_of != NULL && i < sample->count; i++) {
		if (strcmp(sample->bdevs[i].name, model->histogram_of) == 0) {
			return stat_histogram_take(model->client, model->histogram_of, &sample->bdevs[i].histogram);
		}
	}
	return 0;
}

static int
ask(struct model *model, struct model_snapshot *snapshot)
{
	int rc = stat_sample_take(model->client, NULL, &snapshot->sample, model->why, sizeof(model->why));

	if (rc == 0) {
		rc = take_histogram(model, &snapshot->sample);
	}
	if (rc == 0) {
		rc = ask_reactors(model, snapshot);
	}
	if (rc == 0) {
		rc = ask_threads(model, snapshot);
	}
	if (rc == 0 && model->want_pollers) {
		rc = ask_pollers(model, snapshot);
	}
	return rc == 0 ? update_bdevs(model, &snapshot->sample) : rc;
}

int
model_update(struct model *model)
{
	struct model_snapshot snapshot = {};
	int rc;

	model->why[0] = '\0';
	rc = ask(model, &snapshot);
	if (rc != 0) {
		free_snapshot(&snapshot);
		/* The next call begins with a new connection. */
		rpc_client_close(model->client);
		return rc;
	}
	free_snapshot(&model->before);
	model->before = model->now;
	model->now = snapshot;
	/* Another target is there now. */
	if (model->now.sample.ticks < model->before.sample.ticks) {
		free_snapshot(&model->before);
	}
	return 0;
}

void
model_free(struct model *model)
{
	free_snapshot(&model->before);
	free_snapshot(&model->now);
	ask_free_bdevs(model->bdevs, model->num_bdevs);
	free(model->histogram_of);
	model->bdevs = NULL;
	model->num_bdevs = 0;
	model->histogram_of = NULL;
}

int
model_find_bdev(const struct model *model, const char *name)
{
	for (size_t i = 0; i < model->num_bdevs; i++) {
		if (strcmp(model->bdevs[i].name, name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

struct enable {
	const char *name;
	bool enable;
};

static int
write_enable(struct spdk_json_write_ctx *w, void *ctx)
{
	const struct enable *enable = ctx;

	spdk_json_write_named_string(w, "name", enable->name);
	return spdk_json_write_named_bool(w, "enable", enable->enable);
}

int
model_enable_histogram(struct model *model, const char *name, bool enable)
{
	struct enable params = {.name = name, .enable = enable};
	struct spdk_jsonrpc_client_response *response =
		rpc_client_call(model->client, "bdev_enable_histogram", write_enable, &params);
	int rc = response == NULL ? -EIO : response->result == NULL ? -EINVAL : 0;

	spdk_jsonrpc_client_free_response(response);
	return rc;
}

double
model_seconds(const struct model *model)
{
	return stat_seconds(&model->before.sample, &model->now.sample);
}

void
model_rate(const struct model *model, size_t bdev, int type, struct stat_rate *rate)
{
	const struct stat_bdev *now = stat_sample_find(&model->now.sample, model->bdevs[bdev].name);
	const struct stat_bdev *before = stat_sample_find(&model->before.sample, model->bdevs[bdev].name);

	*rate = (struct stat_rate){};
	if (now != NULL && model_seconds(model) > 0) {
		stat_rate(before, now, type, model_seconds(model), model->now.sample.tick_rate, rate);
	}
}

double
model_share(const struct model *model, uint64_t before, uint64_t now)
{
	uint64_t all = model->now.sample.ticks - model->before.sample.ticks;

	if (model->before.sample.ticks == 0 || now < before || all == 0) {
		return 0;
	}
	return spdk_min((double)(now - before) / (double)all, 1.0);
}
