/* SPDX-License-Identifier: BSD-3-Clause */

/* Strict mode: what is watched of bdevs; see strict.h. */

#include "lib/bdev/strict.h"

bool g_bdev_strict;

static struct {
	struct env_mutex lock;
	TAILQ_HEAD(, bdev_strict_name) names;
} g_names = {
	.lock = ENV_MUTEX_INITIALIZER,
	.names = TAILQ_HEAD_INITIALIZER(g_names.names),
};

void
bdev_strict_init(void)
{
	g_bdev_strict = strict_is_enabled();
	if (g_bdev_strict) {
		strict_alloc_start();
	}
}

void
bdev_strict_fini(void)
{
	struct bdev_strict_name *name;

	g_bdev_strict = false;
	while ((name = TAILQ_FIRST(&g_names.names)) != NULL) {
		TAILQ_REMOVE(&g_names.names, name, link);
		free(name);
	}
}

/* ---- names that outlive their bdevs ---- */

static struct bdev_strict_name *
get_name(const struct spdk_bdev *bdev)
{
	struct bdev_strict_name *name;

	ENV_MUTEX_SCOPE(&g_names.lock);
	TAILQ_FOREACH (name, &g_names.names, link) {
		if (strcmp(name->bdev, bdev->name) == 0 &&
			strncmp(name->module, bdev->module->name, sizeof(name->module) - 1) == 0) {
			return name;
		}
	}
	name = calloc(1, sizeof(*name) + strlen(bdev->name) + 1);
	if (name != NULL) {
		snprintf(name->module, sizeof(name->module), "%s", bdev->module->name);
		memcpy(name->bdev, bdev->name, strlen(bdev->name) + 1);
		TAILQ_INSERT_TAIL(&g_names.names, name, link);
	}
	return name;
}

/* ---- fields that stay as they were registered ---- */

struct field {
	const char *name;
	size_t offset;
	size_t size;
};

#define FIELD(member) \
	{ \
#member, offsetof(struct spdk_bdev, member), sizeof(((struct spdk_bdev *)NULL)->member) \
	}

/*
 * Not among them: write_cache and reset_io_drain_timeout, which are asked for anew each time; aliases and the layer's
 * own; and blockcnt, which has a lawful way to change.
 */
static const struct field g_fields[] = {
	FIELD(ctxt),
	FIELD(fn_table),
	FIELD(module),
	FIELD(name),
	FIELD(product_name),
	FIELD(blocklen),
	FIELD(md_len),
	FIELD(md_interleave),
	FIELD(dif_type),
	FIELD(dif_is_head_of_md),
	FIELD(dif_pi_format),
	FIELD(dif_check_flags),
	FIELD(phys_blocklen),
	FIELD(required_alignment),
	FIELD(write_unit_size),
	FIELD(acwu),
	FIELD(max_segment_size),
	FIELD(max_num_segments),
	FIELD(max_rw_size),
	FIELD(max_unmap),
	FIELD(max_unmap_segments),
	FIELD(max_write_zeroes),
	FIELD(max_copy),
	FIELD(optimal_io_boundary),
	FIELD(split_on_optimal_io_boundary),
	FIELD(split_on_write_unit),
	FIELD(zoned),
	FIELD(zone_size),
	FIELD(max_zone_append_size),
	FIELD(max_open_zones),
	FIELD(max_active_zones),
	FIELD(optimal_open_zones),
	FIELD(media_events),
	FIELD(uuid),
};

static uint64_t
get_number(const void *value, size_t size)
{
	uint64_t number = 0;

	memcpy(&number, value, spdk_min(size, sizeof(number)));
	return number;
}

/* Also takes note of what it is now, so that the next change is another one. */
static void
report_change(struct bdev_strict *strict, struct spdk_bdev *bdev, const struct field *field)
{
	struct spdk_thread *thread = spdk_get_thread();
	struct strict_fault fault = {
		.rule = BDK_STRICT_BDEV_CHANGED,
		.module = strict->name->module,
		.bdev = strict->name->bdev,
		.thread = thread != NULL ? spdk_thread_get_name(thread) : NULL,
		.key = field,
		.found_later = true,
	};
	uint64_t before = get_number((const char *)&strict->copy + field->offset, field->size);
	uint64_t now = get_number((const char *)bdev + field->offset, field->size);

	memcpy((char *)&strict->copy + field->offset, (const char *)bdev + field->offset, field->size);
	strict_report(
		&fault, "%s of the registered bdev was changed from %" PRIu64 " to %" PRIu64, field->name, before, now);
}

static void
check_fields(struct bdev_strict *strict, struct spdk_bdev *bdev)
{
	static const struct field blockcnt = FIELD(blockcnt);
	size_t i;

	for (i = 0; i < SPDK_COUNTOF(g_fields); i++) {
		const struct field *field = &g_fields[i];

		if (memcmp((const char *)&strict->copy + field->offset, (const char *)bdev + field->offset,
			    field->size) != 0) {
			report_change(strict, bdev, field);
		}
	}
	if (__atomic_load_n(&bdev->blockcnt, __ATOMIC_RELAXED) != strict->copy.blockcnt) {
		report_change(strict, bdev, &blockcnt);
	}
}

void
bdev_strict_bdev_check(struct spdk_bdev *bdev)
{
	struct bdev_state *state = bdev_state(bdev);

	if (state == NULL || state->strict == NULL) {
		return;
	}
	/* Under the lock, as another thread may resize it, or find the same change. */
	ENV_MUTEX_SCOPE(&state->lock);
	check_fields(state->strict, bdev);
}

void
bdev_strict_bdev_resized_locked(struct bdev_state *state, uint64_t blockcnt)
{
	if (state->strict != NULL) {
		check_fields(state->strict, state->bdev);
		state->strict->copy.blockcnt = blockcnt;
	}
}

/* ---- bdevs ---- */

int
bdev_strict_bdev_init(struct bdev_state *state)
{
	struct spdk_bdev *bdev = state->bdev;
	struct bdev_strict *strict;

	if (!g_bdev_strict) {
		return 0;
	}
	strict = calloc(1, sizeof(*strict));
	if (strict == NULL) {
		return -ENOMEM;
	}
	strict->name = get_name(bdev);
	if (strict->name == NULL) {
		free(strict);
		return -ENOMEM;
	}
	/* A bdev that does not say whose it is may be that of any module. */
	if (bdev->module == bdev_module_anonymous()) {
		strict->ctx_size = (uint32_t)bdev_modules_get_ctx_size();
	} else if (bdev->module->get_ctx_size != NULL) {
		strict->ctx_size = (uint32_t)bdev->module->get_ctx_size();
	}
	memcpy(&strict->copy, bdev, sizeof(*bdev));
	state->strict = strict;
	return 0;
}

void
bdev_strict_bdev_fini(struct bdev_state *state)
{
	struct bdev_strict *strict = state->strict;

	if (strict == NULL) {
		return;
	}
	bdev_strict_bdev_check(state->bdev);
	__atomic_fetch_add(&strict->name->generation, 1, __ATOMIC_RELAXED);
	state->strict = NULL;
	free(strict);
}

/* ---- descriptors ---- */

void
bdev_strict_note_open(struct spdk_bdev_desc *desc)
{
	if (!g_bdev_strict) {
		return;
	}
	desc->opened_at = calloc(1, sizeof(*desc->opened_at));
	if (desc->opened_at != NULL) {
		strict_stack_record(desc->opened_at);
	}
}

void
bdev_strict_report_open(const struct spdk_bdev_desc *desc)
{
	static const char *const opening[] = {"spdk_bdev_open", "bdev_strict_note_open", "strict_stack_record", NULL};
	const struct bdev_strict *strict = bdev_state(desc->bdev)->strict;
	struct strict_fault fault = {
		.rule = BDK_STRICT_DESCRIPTOR_LEAKED,
		.thread = desc->thread_name,
		.key = desc,
		.found_later = true,
	};

	if (strict == NULL || desc->opened_at == NULL) {
		return;
	}
	fault.module = strict->name->module;
	fault.bdev = strict->name->bdev;
	fault.pc = strict_stack_find_caller(desc->opened_at, opening, NULL);
	strict_report(&fault, "a descriptor for %s is still open, long after the bdev began to go; it was opened",
		desc->write ? "writing" : "reading");
}
