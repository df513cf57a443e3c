/* SPDX-License-Identifier: BSD-3-Clause */

/* The answers of a target, taken apart. */

#include "app/bdevkit/top/model.h"

#include "spdk/json.h"
#include "spdk/util.h"

#include "app/bdevkit/bases.h"

/* Room for as many things as an array has, one more so that there is always some. */
static void *
make_room(const struct spdk_json_val *array, size_t size)
{
	size_t count = 1;

	for (struct spdk_json_val *one = spdk_json_array_first((struct spdk_json_val *)array); one != NULL;
		one = spdk_json_next(one)) {
		count++;
	}
	return calloc(count, size);
}

/* The result of a method; NULL: there is none, and model->why says why. */
static struct spdk_jsonrpc_client_response *
call(struct model *model, const char *method)
{
	struct spdk_jsonrpc_client_response *response = rpc_client_call(model->client, method, NULL, NULL);

	if (response != NULL && response->result == NULL) {
		snprintf(model->why, sizeof(model->why), "the target has no answer to %s", method);
		spdk_jsonrpc_client_free_response(response);
		return NULL;
	}
	return response;
}

/* An array of objects that is a member of the result; NULL: the result itself. Each is given to decode() with its place. */
static int
ask_array(struct model *model, const char *method, const char *member, void **things, size_t *count, size_t size,
	int (*decode)(const struct spdk_json_val *val, void *thing))
{
	static const struct spdk_json_object_decoder pid[] = {{"pid", 0, spdk_json_decode_uint64, true}};
	struct spdk_jsonrpc_client_response *response = call(model, method);
	struct spdk_json_val *array = NULL;
	int rc = 0;

	if (response == NULL) {
		return -EIO;
	}
	if (member == NULL) {
		array = response->result;
	} else {
		/* Only one of the answers has it. */
		spdk_json_decode_object_relaxed(response->result, pid, SPDK_COUNTOF(pid), &model->pid);
		rc = spdk_json_find_array(response->result, member, NULL, &array);
	}
	*things = rc == 0 ? make_room(array, size) : NULL;
	if (*things == NULL) {
		rc = rc != 0 ? rc : -ENOMEM;
	}
	for (struct spdk_json_val *one = rc == 0 ? spdk_json_array_first(array) : NULL; one != NULL && rc == 0;
		one = spdk_json_next(one)) {
		rc = decode(one, (char *)*things + (*count)++ * size);
	}
	spdk_jsonrpc_client_free_response(response);
	if (rc != 0) {
		snprintf(model->why, sizeof(model->why), "the target's answer to %s is not understood", method);
	}
	return rc;
}

/* ---- reactors ---- */

static int
count_elements(const struct spdk_json_val *val, void *out)
{
	uint32_t *count = out;

	for (struct spdk_json_val *one = spdk_json_array_first((struct spdk_json_val *)val); one != NULL;
		one = spdk_json_next(one)) {
		++*count;
	}
	return 0;
}

static int
decode_reactor(const struct spdk_json_val *val, void *thing)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"lcore", offsetof(struct model_reactor, core), spdk_json_decode_uint32, false},
		{"busy", offsetof(struct model_reactor, busy), spdk_json_decode_uint64, false},
		{"idle", offsetof(struct model_reactor, idle), spdk_json_decode_uint64, false},
		{"asleep", offsetof(struct model_reactor, asleep), spdk_json_decode_uint64, true},
		{"sleeps", offsetof(struct model_reactor, sleeps), spdk_json_decode_uint64, true},
		{"lw_threads", offsetof(struct model_reactor, num_threads), count_elements, true},
	};

	return spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), thing);
}

int
ask_reactors(struct model *model, struct model_snapshot *snapshot)
{
	return ask_array(model, "framework_get_reactors", "reactors", (void **)&snapshot->reactors,
		&snapshot->num_reactors, sizeof(struct model_reactor), decode_reactor);
}

/* ---- threads ---- */

static int
decode_thread(const struct spdk_json_val *val, void *thing)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"name", offsetof(struct model_thread, name), spdk_json_decode_string, false},
		{"id", offsetof(struct model_thread, id), spdk_json_decode_uint64, false},
		{"cpumask", offsetof(struct model_thread, cpus), spdk_json_decode_string, true},
		{"busy", offsetof(struct model_thread, busy), spdk_json_decode_uint64, false},
		{"idle", offsetof(struct model_thread, idle), spdk_json_decode_uint64, false},
		{"active_pollers_count", offsetof(struct model_thread, active_pollers), spdk_json_decode_uint32, true},
		{"timed_pollers_count", offsetof(struct model_thread, timed_pollers), spdk_json_decode_uint32, true},
		{"paused_pollers_count", offsetof(struct model_thread, paused_pollers), spdk_json_decode_uint32, true},
	};

	return spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), thing);
}

int
ask_threads(struct model *model, struct model_snapshot *snapshot)
{
	return ask_array(model, "thread_get_stats", "threads", (void **)&snapshot->threads, &snapshot->num_threads,
		sizeof(struct model_thread), decode_thread);
}

/* ---- pollers: arrays in arrays ---- */

static int
add_poller(struct model_snapshot *snapshot, const struct spdk_json_val *val, const char *thread, uint64_t thread_id,
	enum model_poller_kind kind)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"name", offsetof(struct model_poller, name), spdk_json_decode_string, false},
		{"id", offsetof(struct model_poller, id), spdk_json_decode_uint64, true},
		{"run_count", offsetof(struct model_poller, runs), spdk_json_decode_uint64, true},
		{"busy_count", offsetof(struct model_poller, busy), spdk_json_decode_uint64, true},
		{"period_ticks", offsetof(struct model_poller, period), spdk_json_decode_uint64, true},
	};
	struct model_poller *grown, *poller;

	grown = realloc(snapshot->pollers, (snapshot->num_pollers + 1) * sizeof(*grown));
	if (grown == NULL) {
		return -ENOMEM;
	}
	snapshot->pollers = grown;
	poller = &grown[snapshot->num_pollers++];
	*poller = (struct model_poller){.thread_id = thread_id, .kind = kind, .thread = strdup(thread)};
	if (poller->thread == NULL) {
		return -ENOMEM;
	}
	return spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), poller);
}

static int
add_pollers(struct model_snapshot *snapshot, const struct spdk_json_val *val)
{
	static const char *const kinds[] = {"active_pollers", "timed_pollers", "paused_pollers"};
	static const struct spdk_json_object_decoder decoders[] = {
		{"name", offsetof(struct model_thread, name), spdk_json_decode_string, false},
		{"id", offsetof(struct model_thread, id), spdk_json_decode_uint64, false},
	};
	struct model_thread thread = {};
	int rc = spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), &thread);

	for (size_t kind = 0; kind < SPDK_COUNTOF(kinds) && rc == 0; kind++) {
		struct spdk_json_val *array, *one;

		if (spdk_json_find_array((struct spdk_json_val *)val, kinds[kind], NULL, &array) != 0) {
			continue;
		}
		for (one = spdk_json_array_first(array); one != NULL && rc == 0; one = spdk_json_next(one)) {
			rc = add_poller(snapshot, one, thread.name, thread.id, (enum model_poller_kind)kind);
		}
	}
	free(thread.name);
	return rc;
}

int
ask_pollers(struct model *model, struct model_snapshot *snapshot)
{
	struct spdk_jsonrpc_client_response *response = call(model, "thread_get_pollers");
	struct spdk_json_val *threads, *one;
	int rc;

	if (response == NULL) {
		return -EIO;
	}
	rc = spdk_json_find_array(response->result, "threads", NULL, &threads);
	for (one = rc == 0 ? spdk_json_array_first(threads) : NULL; one != NULL && rc == 0; one = spdk_json_next(one)) {
		rc = add_pollers(snapshot, one);
	}
	spdk_jsonrpc_client_free_response(response);
	if (rc != 0) {
		snprintf(model->why, sizeof(model->why), "the target's answer to thread_get_pollers is not understood");
	}
	return rc;
}

/* ---- bdevs ---- */

static int
add_base_name(void *ctx, const char *name)
{
	struct model_bdev *bdev = ctx;
	char **grown = realloc(bdev->base_names, (bdev->num_base_names + 1) * sizeof(*grown));

	if (grown == NULL) {
		return -ENOMEM;
	}
	bdev->base_names = grown;
	grown[bdev->num_base_names] = strdup(name);
	return grown[bdev->num_base_names++] == NULL ? -ENOMEM : 0;
}

static int
decode_bdev(const struct spdk_json_val *val, void *thing)
{
	static const struct spdk_json_object_decoder decoders[] = {
		{"name", offsetof(struct model_bdev, name), spdk_json_decode_string, false},
		{"product_name", offsetof(struct model_bdev, product), spdk_json_decode_string, true},
		{"claim_type", offsetof(struct model_bdev, claim), spdk_json_decode_string, true},
		{"num_blocks", offsetof(struct model_bdev, num_blocks), spdk_json_decode_uint64, false},
		{"block_size", offsetof(struct model_bdev, block_size), spdk_json_decode_uint32, false},
	};
	int rc = spdk_json_decode_object_relaxed(val, decoders, SPDK_COUNTOF(decoders), thing);

	return rc == 0 ? bases_for_each(val, add_base_name, thing) : rc;
}

/* Names of bases to places among the bdevs. */
static int
resolve_bases(struct model_bdev *bdevs, size_t count, struct model_bdev *bdev)
{
	bdev->bases = calloc(bdev->num_base_names + 1, sizeof(*bdev->bases));
	if (bdev->bases == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < bdev->num_base_names; i++) {
		for (size_t j = 0; j < count; j++) {
			if (&bdevs[j] != bdev && strcmp(bdevs[j].name, bdev->base_names[i]) == 0) {
				bdev->bases[bdev->num_bases++] = j;
				bdevs[j].num_users++;
				break;
			}
		}
	}
	return 0;
}

int
ask_bdevs(struct model *model, struct model_bdev **bdevs, size_t *count)
{
	int rc;

	*bdevs = NULL;
	*count = 0;
	rc = ask_array(model, "bdev_get_bdevs", NULL, (void **)bdevs, count, sizeof(struct model_bdev), decode_bdev);
	for (size_t i = 0; i < *count && rc == 0; i++) {
		rc = resolve_bases(*bdevs, *count, &(*bdevs)[i]);
	}
	return rc;
}

void
ask_free_bdevs(struct model_bdev *bdevs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(bdevs[i].name);
		free(bdevs[i].product);
		free(bdevs[i].claim);
		free(bdevs[i].bases);
		for (size_t j = 0; j < bdevs[i].num_base_names; j++) {
			free(bdevs[i].base_names[j]);
		}
		free(bdevs[i].base_names);
	}
	free(bdevs);
}
