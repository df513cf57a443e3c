/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The life of a bdev: registration, and the steps of unregistration in the order in which they run.
 *
 *   spdk_bdev_unregister     no new opens; queued I/O of each channel is aborted
 *   unregister_swept_cb      the openers are told with REMOVE, and close
 *   bdev_unregister_detach   the last descriptor is closed and no reset runs: name and list entry go
 *   bdev_unregister_finish   back to the thread that asked
 *   release_device_cb        what channels without a descriptor keep back is aborted: nobody else can end it any more
 *   destruct_cb              all channels are gone: the module's destruct(), which may take its time
 *   end_destruct             the asker's callback
 */

#include "lib/bdev/strict.h"
#include "bdevkit/thread.h"
#include "spdk/notify.h"

/* ---- registration ---- */

/* How many blocks fit into an unaligned buffer of so many bytes: a multiple of the write unit. */
static uint64_t
fit_blocks(const struct spdk_bdev *bdev, uint64_t bytes)
{
	uint64_t blocks = bdev_buf_fit_blocks(bdev, bytes);

	return blocks - blocks % bdev->write_unit_size;
}

static uint32_t
write_boundary(const struct spdk_bdev *bdev)
{
	if (bdev->split_on_write_unit) {
		return bdev->write_unit_size;
	}
	return bdev->split_on_optimal_io_boundary ? bdev->optimal_io_boundary : 0;
}

/* Bytes of the largest bounce buffer, before it is aligned: in pieces as the bdev takes them, it has so many at most. */
static uint64_t
bounce_size(const struct spdk_bdev *bdev, uint64_t large)
{
	uint64_t align = spdk_bdev_get_buf_align(bdev), segment = bdev->max_segment_size & ~(align - 1);
	uint64_t count = SPDK_BDEV_IO_NUM_CHILD_IOV;

	if (segment == 0) {
		return large;
	}
	if (bdev->max_num_segments != 0) {
		count = spdk_min(count, bdev->max_num_segments);
	}
	return spdk_min(large, count * segment + align - 1);
}

/* Needs io_types of the state. */
static void
set_defaults(struct spdk_bdev *bdev)
{
	uint64_t large = bdev_buf_max_size(), fit;

	if (spdk_uuid_is_null(&bdev->uuid)) {
		spdk_uuid_generate(&bdev->uuid);
	}
	if (bdev->write_unit_size == 0) {
		bdev->write_unit_size = 1;
	}
	if (bdev->acwu == 0) {
		bdev->acwu = spdk_min(bdev->write_unit_size, UINT16_MAX);
	}
	if (bdev->phys_blocklen == 0) {
		bdev->phys_blocklen = spdk_bdev_get_data_block_size(bdev);
	}
	/* What needs alignment may have to be bounced through one large buffer. */
	if (bdev->required_alignment > 0) {
		fit = fit_blocks(bdev, bounce_size(bdev, large));
		bdev->max_rw_size = bdev->max_rw_size == 0 ? fit : spdk_min(bdev->max_rw_size, fit);
	}
	if (!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_COPY)) {
		bdev->max_copy = fit_blocks(bdev, large);
	}
	if (!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES)) {
		bdev->max_write_zeroes = fit_blocks(bdev, ZERO_BUFFER_SIZE);
		if (write_boundary(bdev) != 0) {
			bdev->max_write_zeroes = spdk_min(bdev->max_write_zeroes, write_boundary(bdev));
		}
	}
}

static int
check_bdev(const struct spdk_bdev *bdev)
{
	const struct spdk_bdev_fn_table *fn_table;

	if (!spdk_thread_is_app_thread(NULL)) {
		SPDK_ERRLOG("bdev %s: bdevs are registered on the app thread only\n",
			bdev->name == NULL ? "(null)" : bdev->name);
		return -EINVAL;
	}
	if (bdev->name == NULL || bdev->name[0] == '\0') {
		SPDK_ERRLOG("a bdev needs a name\n");
		return -EINVAL;
	}
	fn_table = bdev->fn_table;
	if (fn_table == NULL || fn_table->destruct == NULL || fn_table->submit_request == NULL ||
		fn_table->io_type_supported == NULL || fn_table->get_io_channel == NULL) {
		SPDK_ERRLOG("bdev %s: fn_table needs destruct, submit_request, io_type_supported and get_io_channel\n",
			bdev->name);
		return -EINVAL;
	}
	if (bdev->md_interleave && bdev->md_len >= bdev->blocklen && bdev->md_len != 0) {
		SPDK_ERRLOG("bdev %s: blocks of %" PRIu32 " bytes have no room for %" PRIu32 " bytes of metadata\n",
			bdev->name, bdev->blocklen, bdev->md_len);
		return -EINVAL;
	}
	return 0;
}

static uint64_t
ask_io_types(struct spdk_bdev *bdev)
{
	uint64_t types = 0;
	int type;

	for (type = SPDK_BDEV_IO_TYPE_INVALID + 1; type < SPDK_BDEV_NUM_IO_TYPES; type++) {
		if (bdev->fn_table->io_type_supported(bdev->ctxt, type)) {
			types |= 1ull << type;
		}
	}
	return types;
}

/* The limits that set_defaults() computes divide by the block size, and take the alignment from the buffer's size. */
static int
check_limits(const struct spdk_bdev *bdev)
{
	bool computed = bdev->required_alignment > 0 || !bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_COPY) ||
		!bdev_io_type_is_native(bdev, SPDK_BDEV_IO_TYPE_WRITE_ZEROES);

	if (computed && bdev_buf_block_size(bdev) == 0) {
		SPDK_ERRLOG("bdev %s: its blocklen is 0\n", bdev->name);
		return -EINVAL;
	}
	if (bdev->required_alignment >= 32 || (1ull << bdev->required_alignment) > bdev_buf_max_size()) {
		SPDK_ERRLOG("bdev %s: required_alignment is the logarithm of an alignment, and 2^%" PRIu8
			    " does not fit a buffer of %" PRIu64 " bytes\n",
			bdev->name, bdev->required_alignment, bdev_buf_max_size());
		return -EINVAL;
	}
	return 0;
}

static void
free_state(struct bdev_state *state)
{
	bdev_histogram_fini(state);
	env_mutex_destroy(&state->lock);
	free(state);
}

static struct bdev_state *
alloc_state(struct spdk_bdev *bdev)
{
	struct bdev_state *state;

	state = calloc(1, sizeof(*state));
	if (state == NULL) {
		return NULL;
	}
	state->examine_desc = bdev_desc_alloc_internal();
	if (state->examine_desc == NULL) {
		free(state);
		return NULL;
	}
	if (bdev_state_io_init(state) != 0) {
		free(state->examine_desc);
		free(state);
		return NULL;
	}
	env_mutex_init(&state->lock);
	state->bdev = bdev;
	state->status = SPDK_BDEV_STATUS_READY;
	TAILQ_INIT(&state->descs);
	TAILQ_INIT(&state->claims);
	return state;
}

/* Makes the bdev known by its name and its UUID, and puts it into the list. */
static int
publish(struct bdev_state *state)
{
	struct spdk_bdev *bdev = state->bdev;
	char uuid[SPDK_UUID_STRING_LEN];
	int rc;

	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	rc = bdev_name_add(&state->name, bdev, bdev->name);
	if (rc != 0) {
		SPDK_ERRLOG("bdev %s: %s\n", bdev->name, rc == -EEXIST ? "the name is taken" : spdk_strerror(-rc));
		return rc;
	}
	spdk_uuid_fmt_lower(uuid, sizeof(uuid), &bdev->uuid);
	if (strcmp(bdev->name, uuid) != 0) {
		rc = bdev_alias_add(bdev, uuid);
		if (rc != 0) {
			SPDK_ERRLOG("bdev %s: %s\n", bdev->name,
				rc == -EEXIST ? "another bdev has its UUID" : spdk_strerror(-rc));
			bdev_name_del(&state->name);
			return rc;
		}
	}
	state->number = ++g_bdev_manager.bdevs_made;
	TAILQ_INSERT_TAIL(&g_bdev_manager.bdevs, state, link);
	bdev_trace_register_locked(state);
	bdev_desc_attach(state->examine_desc, state);
	return 0;
}

static void
register_settled_cb(void *ctx)
{
	struct bdev_state *state = ctx;

	spdk_notify_send("bdev_register", spdk_bdev_get_name(state->bdev));
	spdk_bdev_close(state->examine_desc);
}

int
bdk_bdev_register_in_strips(struct spdk_bdev *bdev, bdk_bdev_strips_fn get_strips)
{
	struct bdev_state *state;
	char device_name[256];
	int rc;

	rc = check_bdev(bdev);
	if (rc != 0) {
		return rc;
	}
	state = alloc_state(bdev);
	if (state == NULL) {
		return -ENOMEM;
	}
	if (bdev->module == NULL) {
		bdev->module = bdev_module_anonymous();
	}
	state->module = bdev->module;
	state->fn_table = bdev->fn_table;
	state->io_types = ask_io_types(bdev);
	state->get_strips = get_strips;
	TAILQ_INIT(&bdev->aliases);
	bdev->internal.state = state;

	rc = check_limits(bdev);
	if (rc != 0) {
		goto undo_state;
	}
	set_defaults(bdev);
	rc = bdev_strict_bdev_init(state);
	if (rc != 0) {
		goto undo_state;
	}
	/* Before the name is known, as whoever opens the bdev by it may want a channel at once. */
	snprintf(device_name, sizeof(device_name), "bdev_%s", bdev->name);
	rc = bdk_io_device_register(
		state, bdev_channel_create, bdev_channel_destroy, sizeof(struct bdev_channel), device_name);
	if (rc != 0) {
		goto undo_state;
	}
	bdk_io_device_set_busy_cb(state, bdev_channel_is_busy);
	rc = publish(state);
	if (rc != 0) {
		goto undo_device;
	}

	bdev_examine(bdev);

	state->examine_waiter.thread_id = spdk_thread_get_id(spdk_get_thread());
	state->examine_waiter.cb_fn = register_settled_cb;
	state->examine_waiter.cb_arg = state;
	bdev_manager_wait_idle(&state->examine_waiter);
	return 0;

undo_device:
	spdk_io_device_unregister(state, NULL);
undo_state:
	bdev_strict_bdev_fini(state);
	bdev->internal.state = NULL;
	bdev_state_io_fini(state);
	free(state->examine_desc);
	free_state(state);
	return rc;
}

int
spdk_bdev_register(struct spdk_bdev *bdev)
{
	return bdk_bdev_register_in_strips(bdev, NULL);
}

/* ---- unregistration ---- */

static void
unregister_sweep_cb(struct spdk_io_channel_iter *i)
{
	struct bdev_channel *ch = spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i));

	/* What rate limits and range locks keep back goes on in its time. */
	bdev_retry_abort(ch);
	bdev_buf_abort(ch);
	spdk_for_each_channel_continue(i, 0);
}

static void
unregister_swept_cb(struct spdk_io_channel_iter *i, int status)
{
	struct bdev_state *state = spdk_io_channel_iter_get_io_device(i);

	env_mutex_lock(&state->lock);
	state->status = SPDK_BDEV_STATUS_REMOVING;
	bdev_desc_post_event_locked(state, SPDK_BDEV_EVENT_REMOVE);
	env_mutex_unlock(&state->lock);

	/* Nobody may have had it open. */
	bdev_unregister_try_finish(state);
}

void
spdk_bdev_unregister(struct spdk_bdev *bdev, spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	struct spdk_thread *thread = spdk_get_thread();
	struct bdev_state *state;
	int rc = 0;

	env_mutex_lock(&g_bdev_manager.lock);
	state = bdev_state(bdev);
	if (thread == NULL) {
		rc = -ENOTSUP;
	} else if (state == NULL) {
		rc = -ENODEV;
	} else {
		env_mutex_lock(&state->lock);
		if (state->status == SPDK_BDEV_STATUS_READY) {
			state->status = SPDK_BDEV_STATUS_UNREGISTERING;
			state->unregister_cb = cb_fn;
			state->unregister_ctx = cb_arg;
			state->unregister_thread_id = spdk_thread_get_id(thread);
		} else {
			rc = -EBUSY;
		}
		env_mutex_unlock(&state->lock);
	}
	env_mutex_unlock(&g_bdev_manager.lock);

	if (rc != 0) {
		if (cb_fn != NULL) {
			cb_fn(cb_arg, rc);
		}
		return;
	}
	bdev_sampling_end(state);
	bdk_for_each_channel(&state->unregister_walk, state, unregister_sweep_cb, NULL, unregister_swept_cb);
}

bool
bdev_unregister_detach(struct bdev_state *state)
{
	struct spdk_bdev *bdev = state->bdev;

	if (state->status != SPDK_BDEV_STATUS_REMOVING || !TAILQ_EMPTY(&state->descs) ||
		state->reset_in_progress != NULL || state->qos.changing || state->detached) {
		return false;
	}
	state->detached = true;
	bdev_qos_group_move_locked(state, NULL);
	bdev_examine_forget(bdev);
	bdev_name_del(&state->name);
	/* All of them: one that its module forgot would lead to a bdev that is gone. */
	bdev_alias_del_all(bdev);
	TAILQ_REMOVE(&g_bdev_manager.bdevs, state, link);
	TAILQ_INSERT_TAIL(&g_bdev_manager.destructing, state, link);
	return true;
}

void
bdev_unregister_try_finish(struct bdev_state *state)
{
	bool detached;

	env_mutex_lock(&g_bdev_manager.lock);
	env_mutex_lock(&state->lock);
	detached = bdev_unregister_detach(state);
	env_mutex_unlock(&state->lock);
	env_mutex_unlock(&g_bdev_manager.lock);

	if (detached) {
		bdev_unregister_finish(state);
	}
}

static void
end_destruct(struct bdev_state *state, int rc)
{
	if (state->unregister_cb != NULL) {
		state->unregister_cb(state->unregister_ctx, rc);
	}
	free_state(state);
	bdev_manager_notify();
}

/*
 * Notes that destruct() has returned. If spdk_bdev_destruct_done() came before, or is not to come, the state is ours
 * to end, and its result in *rc; if it is to come, the state is out of reach and false is returned.
 */
static bool
take_after_destruct(struct bdev_state *state, int *rc)
{
	ENV_MUTEX_SCOPE(&g_bdev_manager.lock);
	state->destruct_running = false;
	if (state->destruct_done) {
		*rc = state->destruct_rc;
	} else if (*rc > 0) {
		return false;
	}
	TAILQ_REMOVE(&g_bdev_manager.destructing, state, link);
	return true;
}

static void
destruct_cb(void *io_device)
{
	struct bdev_state *state = io_device;
	struct spdk_bdev *bdev = state->bdev;
	int rc;

	bdev_strict_bdev_fini(state);
	bdev_trace_unregister(state);
	bdev_state_io_fini(state);
	state->destruct_running = true;
	/* From here on the bdev is the module's alone: it may free it, or register it again. */
	bdev->internal.state = NULL;

	rc = bdev->fn_table->destruct(bdev->ctxt);
	if (take_after_destruct(state, &rc)) {
		end_destruct(state, rc);
	}
}

void
spdk_bdev_destruct_done(struct spdk_bdev *bdev, int bdeverrno)
{
	struct bdev_state *state;
	bool running = false;

	env_mutex_lock(&g_bdev_manager.lock);
	/* From the end: the memory of a bdev that is gone may have become another one. */
	TAILQ_FOREACH_REVERSE (state, &g_bdev_manager.destructing, bdev_list, link) {
		if (state->bdev == bdev) {
			break;
		}
	}
	if (state != NULL) {
		running = state->destruct_running;
		if (running) {
			state->destruct_done = true;
			state->destruct_rc = bdeverrno;
		} else {
			TAILQ_REMOVE(&g_bdev_manager.destructing, state, link);
		}
	}
	env_mutex_unlock(&g_bdev_manager.lock);

	if (state == NULL) {
		SPDK_ERRLOG("spdk_bdev_destruct_done() for a bdev that is not being destructed\n");
	} else if (!running) {
		end_destruct(state, bdeverrno);
	}
}

static void
leave_visit_cb(struct spdk_io_channel_iter *i)
{
	bdev_channel_leave(spdk_io_channel_get_ctx(spdk_io_channel_iter_get_channel(i)));
	spdk_for_each_channel_continue(i, 0);
}

static void
left_cb(struct spdk_io_channel_iter *i, int status)
{
	spdk_io_device_unregister(spdk_io_channel_iter_get_io_device(i), destruct_cb);
}

/*
 * Its openers may have closed it and still have channels, with I/O. They cannot be reached once the device is
 * unregistered.
 */
static void
release_device_cb(void *ctx)
{
	struct bdev_state *state = ctx;

	bdk_for_each_channel(&state->unregister_walk, state, leave_visit_cb, NULL, left_cb);
}

void
bdev_unregister_finish(struct bdev_state *state)
{
	struct spdk_thread *thread = spdk_get_thread();

	spdk_notify_send("bdev_unregister", spdk_bdev_get_name(state->bdev));

	/* destruct() runs on the thread that asked, unless that has exited meanwhile. */
	if ((thread != NULL && spdk_thread_get_id(thread) == state->unregister_thread_id) ||
		bdk_msg_send_to_id(state->unregister_thread_id, &state->unregister_msg, release_device_cb, state) !=
			0) {
		release_device_cb(state);
	}
}

int
spdk_bdev_unregister_by_name(
	const char *bdev_name, struct spdk_bdev_module *module, spdk_bdev_unregister_cb cb_fn, void *cb_arg)
{
	struct spdk_bdev_desc *desc;
	struct spdk_bdev *bdev;
	int rc;

	rc = bdev_desc_open_internal(bdev_name, &desc);
	if (rc != 0) {
		SPDK_ERRLOG("could not unregister bdev %s: %s\n", bdev_name, spdk_strerror(-rc));
		return rc;
	}
	bdev = desc->bdev;
	if (bdev->module != (module != NULL ? module : bdev_module_anonymous())) {
		SPDK_ERRLOG("bdev %s belongs to module %s\n", bdev_name, bdev->module->name);
		spdk_bdev_close(desc);
		return -ENODEV;
	}
	spdk_bdev_unregister(bdev, cb_fn, cb_arg);
	spdk_bdev_close(desc);
	return 0;
}
