/* SPDX-License-Identifier: BSD-3-Clause */

#include "module/bdev/zone_block/zone_table.h"

#include "spdk/nvme_spec.h"
#include "spdk/util.h"

#define COMMAND_STATUS(sc) ZONE_STATUS(SPDK_NVME_SCT_COMMAND_SPECIFIC, SPDK_NVME_SC_##sc)
#define GENERIC_STATUS(sc) ZONE_STATUS(SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_##sc)

/* How many zones are reported without giving others a turn. */
#define REPORT_BATCH 64

/* Full is 0, as all zones begin so: memory of those that nobody has touched costs nothing. */
enum zone_state {
	ZONE_FULL,
	ZONE_EMPTY,
	ZONE_IMPLICITLY_OPEN,
	ZONE_EXPLICITLY_OPEN,
	ZONE_CLOSED,
};

struct zone {
	enum zone_state state;
	/* Writes that have begun and not ended. */
	uint32_t writes;
	/* Blocks from its beginning to the write pointer; of a full zone: nothing. */
	uint64_t written;
	/* The same to the end of the last block whose write has succeeded. */
	uint64_t good;
	/* The first one is carried out. While there is one nothing else is done to the zone. */
	struct zone_reset_list resets;
	/* In implicitly_open. */
	TAILQ_ENTRY(zone) link;
};

/* ---- The table ---- */

/* Segment i has 2^i zones. */
static struct zone *
get_zone(struct zone_table *table, uint64_t index)
{
	uint32_t segment = spdk_u64log2(index + 1);

	return &table->segments[segment][index + 1 - (1ull << segment)];
}

static uint64_t
num_zones(const struct zone_table *table)
{
	return __atomic_load_n(&table->num_zones, __ATOMIC_ACQUIRE);
}

static uint32_t
limit(uint32_t value)
{
	return value != 0 ? value : UINT32_MAX;
}

int
zone_table_init(struct zone_table *table, uint64_t zone_size, uint64_t capacity, uint64_t num_zones, uint32_t max_open,
	uint32_t max_active)
{
	int rc;

	memset(table, 0, sizeof(*table));
	table->zone_size = zone_size;
	table->capacity = capacity;
	table->max_open = limit(max_open);
	table->max_active = limit(max_active);
	TAILQ_INIT(&table->implicitly_open);
	spdk_spin_init(&table->lock);
	rc = zone_table_grow(table, num_zones);
	if (rc != 0) {
		zone_table_fini(table);
	}
	return rc;
}

void
zone_table_fini(struct zone_table *table)
{
	for (int i = 0; i < ZONE_TABLE_SEGMENTS; i++) {
		free(table->segments[i]);
	}
	spdk_spin_destroy(&table->lock);
}

int
zone_table_grow(struct zone_table *table, uint64_t num_zones)
{
	assert(num_zones <= ZONE_TABLE_MAX_ZONES);
	for (int i = 0; i < ZONE_TABLE_SEGMENTS && (1ull << i) - 1 < num_zones; i++) {
		if (table->segments[i] == NULL) {
			table->segments[i] = calloc(1ull << i, sizeof(struct zone));
		}
		if (table->segments[i] == NULL) {
			return -ENOMEM;
		}
	}
	/* Who sees the number sees the segments. */
	__atomic_store_n(&table->num_zones, num_zones, __ATOMIC_RELEASE);
	return 0;
}

static zone_status
find_zone(struct zone_table *table, uint64_t zone_id, struct zone **zone)
{
	uint64_t index = zone_id / table->zone_size;

	if (index >= num_zones(table)) {
		return GENERIC_STATUS(LBA_OUT_OF_RANGE);
	}
	if (zone_id % table->zone_size != 0) {
		return GENERIC_STATUS(INVALID_FIELD);
	}
	*zone = get_zone(table, index);
	return 0;
}

zone_status
zone_table_check_read(const struct zone_table *table, uint64_t offset, uint64_t num_blocks)
{
	uint64_t in_zone = offset % table->zone_size;

	if (offset / table->zone_size >= num_zones(table)) {
		return GENERIC_STATUS(LBA_OUT_OF_RANGE);
	}
	if (in_zone > table->capacity || num_blocks > table->capacity - in_zone) {
		return COMMAND_STATUS(ZONED_BOUNDARY_ERROR);
	}
	return 0;
}

/* ---- States; with the lock ---- */

static bool
is_open(enum zone_state state)
{
	return state == ZONE_IMPLICITLY_OPEN || state == ZONE_EXPLICITLY_OPEN;
}

static bool
is_active(enum zone_state state)
{
	return is_open(state) || state == ZONE_CLOSED;
}

static void
set_state(struct zone_table *table, struct zone *zone, enum zone_state state)
{
	if (zone->state == ZONE_IMPLICITLY_OPEN) {
		TAILQ_REMOVE(&table->implicitly_open, zone, link);
	}
	if (state == ZONE_IMPLICITLY_OPEN) {
		TAILQ_INSERT_TAIL(&table->implicitly_open, zone, link);
	}
	table->num_open += is_open(state) - is_open(zone->state);
	table->num_active += is_active(state) - is_active(zone->state);
	zone->state = state;
	if (state == ZONE_EMPTY) {
		zone->written = 0;
		zone->good = 0;
	}
}

/*
 * Makes an empty, closed or open zone open in this way. If as many are open as may be, the one that has been open for
 * longest without having been asked for is closed.
 */
static zone_status
open_zone(struct zone_table *table, struct zone *zone, enum zone_state state)
{
	struct zone *oldest = TAILQ_FIRST(&table->implicitly_open);

	if (!is_active(zone->state) && table->num_active >= table->max_active) {
		return COMMAND_STATUS(TOO_MANY_ACTIVE_ZONES);
	}
	if (!is_open(zone->state) && table->num_open >= table->max_open) {
		if (oldest == NULL) {
			return COMMAND_STATUS(TOO_MANY_OPEN_ZONES);
		}
		set_state(table, oldest, ZONE_CLOSED);
	}
	set_state(table, zone, state);
	return 0;
}

/* ---- Writing ---- */

static zone_status
advance(struct zone_table *table, struct zone *zone, uint64_t zone_id, uint64_t in_zone, uint64_t num_blocks,
	struct zone_write *write)
{
	zone_status status;

	if (!STAILQ_EMPTY(&zone->resets)) {
		/* It comes too late for the old contents, and too early for the new ones. */
		return COMMAND_STATUS(ZONE_INVALID_WRITE);
	}
	if (in_zone != zone->written) {
		return COMMAND_STATUS(ZONE_INVALID_WRITE);
	}
	if (num_blocks > table->capacity - in_zone) {
		return COMMAND_STATUS(ZONED_BOUNDARY_ERROR);
	}
	if (!is_open(zone->state)) {
		status = open_zone(table, zone, ZONE_IMPLICITLY_OPEN);
		if (status != 0) {
			return status;
		}
	}
	zone->writes++;
	zone->written += num_blocks;
	if (zone->written == table->capacity) {
		set_state(table, zone, ZONE_FULL);
	}
	write->zone = zone;
	write->offset = zone_id + in_zone;
	write->num_blocks = num_blocks;
	return 0;
}

static zone_status
begin(struct zone_table *table, uint64_t zone_id, const uint64_t *offset, uint64_t num_blocks, struct zone_write *write)
{
	struct zone *zone;
	zone_status status;

	status = find_zone(table, zone_id, &zone);
	if (status != 0) {
		return status;
	}
	if (num_blocks == 0) {
		return GENERIC_STATUS(INVALID_FIELD);
	}
	spdk_spin_lock(&table->lock);
	if (zone->state == ZONE_FULL) {
		status = COMMAND_STATUS(ZONE_IS_FULL);
	} else {
		status = advance(
			table, zone, zone_id, offset != NULL ? *offset - zone_id : zone->written, num_blocks, write);
	}
	spdk_spin_unlock(&table->lock);
	return status;
}

zone_status
zone_table_begin_write(struct zone_table *table, uint64_t offset, uint64_t num_blocks, struct zone_write *write)
{
	return begin(table, offset - offset % table->zone_size, &offset, num_blocks, write);
}

zone_status
zone_table_begin_append(struct zone_table *table, uint64_t zone_id, uint64_t num_blocks, struct zone_write *write)
{
	return begin(table, zone_id, NULL, num_blocks, write);
}

struct zone_reset *
zone_table_end_write(struct zone_table *table, const struct zone_write *write, bool success)
{
	struct zone *zone = write->zone;
	struct zone_reset *next = NULL;

	spdk_spin_lock(&table->lock);
	if (success) {
		zone->good = spdk_max(zone->good, write->offset % table->zone_size + write->num_blocks);
	}
	zone->writes--;
	if (zone->writes == 0) {
		/* What has failed at the end can be written again; of a full zone this says nothing. */
		zone->written = zone->good;
		next = STAILQ_FIRST(&zone->resets);
	}
	spdk_spin_unlock(&table->lock);
	return next;
}

/* ---- Management ---- */

static zone_status
manage(struct zone_table *table, struct zone *zone, enum spdk_bdev_zone_action action)
{
	zone_status invalid = COMMAND_STATUS(INVALID_ZONE_STATE_TRANSITION);

	if (!STAILQ_EMPTY(&zone->resets)) {
		return invalid;
	}
	switch (action) {
	case SPDK_BDEV_ZONE_OPEN:
		return zone->state != ZONE_FULL ? open_zone(table, zone, ZONE_EXPLICITLY_OPEN) : invalid;
	case SPDK_BDEV_ZONE_CLOSE:
		if (!is_active(zone->state)) {
			return invalid;
		}
		set_state(table, zone, ZONE_CLOSED);
		return 0;
	case SPDK_BDEV_ZONE_FINISH:
		set_state(table, zone, ZONE_FULL);
		return 0;
	case SPDK_BDEV_ZONE_OFFLINE:
		/* Only of zones that are read-only, and none ever is. */
		return invalid;
	default:
		return GENERIC_STATUS(INVALID_FIELD);
	}
}

zone_status
zone_table_manage(struct zone_table *table, uint64_t zone_id, enum spdk_bdev_zone_action action)
{
	struct zone *zone;
	zone_status status;

	status = find_zone(table, zone_id, &zone);
	if (status != 0) {
		return status;
	}
	spdk_spin_lock(&table->lock);
	status = manage(table, zone, action);
	spdk_spin_unlock(&table->lock);
	return status;
}

zone_status
zone_table_begin_reset(struct zone_table *table, uint64_t zone_id, struct zone_reset *reset, enum zone_reset_step *step)
{
	struct zone *zone;
	zone_status status;

	status = find_zone(table, zone_id, &zone);
	if (status != 0) {
		return status;
	}
	reset->zone = zone;
	spdk_spin_lock(&table->lock);
	if (STAILQ_EMPTY(&zone->resets)) {
		/* Of a zone that nobody has touched it is all zeroes. */
		STAILQ_INIT(&zone->resets);
		*step = zone->state == ZONE_EMPTY ? ZONE_RESET_DONE
			: zone->writes > 0        ? ZONE_RESET_WAIT
						  : ZONE_RESET_GO;
	} else {
		*step = ZONE_RESET_WAIT;
	}
	if (*step != ZONE_RESET_DONE) {
		STAILQ_INSERT_TAIL(&zone->resets, reset, link);
	}
	spdk_spin_unlock(&table->lock);
	return 0;
}

void
zone_table_end_reset(struct zone_table *table, struct zone_reset *reset, bool success, struct zone_reset_list *others)
{
	struct zone *zone = reset->zone;

	STAILQ_INIT(others);
	spdk_spin_lock(&table->lock);
	assert(STAILQ_FIRST(&zone->resets) == reset && zone->writes == 0);
	STAILQ_REMOVE_HEAD(&zone->resets, link);
	STAILQ_CONCAT(others, &zone->resets);
	if (success) {
		set_state(table, zone, ZONE_EMPTY);
	}
	spdk_spin_unlock(&table->lock);
}

/* ---- Reports ---- */

static void
describe(const struct zone_table *table, const struct zone *zone, uint64_t zone_id, struct spdk_bdev_zone_info *info)
{
	static const enum spdk_bdev_zone_state states[] = {
		[ZONE_FULL] = SPDK_BDEV_ZONE_STATE_FULL,
		[ZONE_EMPTY] = SPDK_BDEV_ZONE_STATE_EMPTY,
		[ZONE_IMPLICITLY_OPEN] = SPDK_BDEV_ZONE_STATE_IMP_OPEN,
		[ZONE_EXPLICITLY_OPEN] = SPDK_BDEV_ZONE_STATE_EXP_OPEN,
		[ZONE_CLOSED] = SPDK_BDEV_ZONE_STATE_CLOSED,
	};

	info->zone_id = zone_id;
	info->write_pointer = zone_id + (zone->state == ZONE_FULL ? table->capacity : zone->written);
	info->capacity = table->capacity;
	info->state = states[zone->state];
	info->type = SPDK_BDEV_ZONE_TYPE_SEQWR;
}

zone_status
zone_table_report(struct zone_table *table, uint64_t zone_id, uint32_t count, struct spdk_bdev_zone_info *infos)
{
	struct zone *zone;
	zone_status status;
	uint64_t first = zone_id / table->zone_size;

	status = find_zone(table, zone_id, &zone);
	if (status != 0) {
		return status;
	}
	if (count > num_zones(table) - first) {
		return GENERIC_STATUS(LBA_OUT_OF_RANGE);
	}
	for (uint64_t done = 0; done < count;) {
		uint64_t end = spdk_min(done + REPORT_BATCH, count);

		spdk_spin_lock(&table->lock);
		for (; done < end; done++) {
			describe(table, get_zone(table, first + done), zone_id + done * table->zone_size, &infos[done]);
		}
		spdk_spin_unlock(&table->lock);
	}
	return 0;
}
