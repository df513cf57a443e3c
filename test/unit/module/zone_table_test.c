/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * module/bdev/zone_block/zone_table.c: the states of zones against a model that counts where the table remembers. Random
 * steps, thousands of seeds; and the rules one by one.
 */

#include "../bdev/bdev_sim.h"

#include "module/bdev/zone_block/zone_table.h"
#include "spdk/nvme_spec.h"
#include "spdk/util.h"

#define SPECIFIC(sc) ZONE_STATUS(SPDK_NVME_SCT_COMMAND_SPECIFIC, SPDK_NVME_SC_##sc)
#define GENERIC(sc) ZONE_STATUS(SPDK_NVME_SCT_GENERIC, SPDK_NVME_SC_##sc)

#define ZONE_SIZE 16
#define MAX_ZONES 9

static struct zone_table g_table;

static uint64_t g_random_state;

/* splitmix64 */
static uint64_t
draw(uint64_t limit)
{
	uint64_t z = g_random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) % limit;
}

static int
setup(void **state)
{
	bdev_sim_init(1, 1);
	/* Locks know who holds them. */
	spdk_set_thread(g_sim_threads[0]);
	return 0;
}

static int
teardown(void **state)
{
	spdk_set_thread(NULL);
	bdev_sim_fini();
	return 0;
}

static void
init(uint64_t capacity, uint64_t num_zones, uint32_t max_open, uint32_t max_active)
{
	assert_int_equal(zone_table_init(&g_table, ZONE_SIZE, capacity, num_zones, max_open, max_active), 0);
}

/* ---- the model ---- */

#define MAX_WRITES 24
#define MAX_RESETS 6

struct model_write {
	bool used;
	int zone;
	uint64_t from, to;
	struct zone_write write;
};

struct model_zone {
	enum spdk_bdev_zone_state state;
	uint64_t pointer;
	/* End of what has been written well. */
	uint64_t good;
	/* When it was opened, among all. */
	uint64_t opened;
	/* Resets that have not ended, the first of which is carried out or waits for writes. */
	int resets[MAX_RESETS];
	int num_resets;
};

static struct {
	uint64_t capacity;
	uint32_t num_zones, max_open, max_active;
	uint64_t clock;
	struct model_zone zones[MAX_ZONES];
	struct model_write writes[MAX_WRITES];
	struct zone_reset resets[MAX_RESETS];
	bool reset_used[MAX_RESETS];
	/* How often what was seen. */
	uint64_t evictions, too_many_open, too_many_active, waited_resets, shared_resets, taken_back, full;
} g_model;

static bool
model_is_open(const struct model_zone *zone)
{
	return zone->state == SPDK_BDEV_ZONE_STATE_IMP_OPEN || zone->state == SPDK_BDEV_ZONE_STATE_EXP_OPEN;
}

static bool
model_is_active(const struct model_zone *zone)
{
	return model_is_open(zone) || zone->state == SPDK_BDEV_ZONE_STATE_CLOSED;
}

static uint32_t
model_count(bool (*is)(const struct model_zone *zone))
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < g_model.num_zones; i++) {
		count += is(&g_model.zones[i]);
	}
	return count;
}

static int
model_writes_to(int zone)
{
	int count = 0;

	for (int i = 0; i < MAX_WRITES; i++) {
		count += g_model.writes[i].used && g_model.writes[i].zone == zone;
	}
	return count;
}

static zone_status
model_open(struct model_zone *zone, enum spdk_bdev_zone_state state)
{
	struct model_zone *oldest = NULL;

	if (!model_is_active(zone) && g_model.max_active != 0 && model_count(model_is_active) >= g_model.max_active) {
		g_model.too_many_active++;
		return SPECIFIC(TOO_MANY_ACTIVE_ZONES);
	}
	if (!model_is_open(zone) && g_model.max_open != 0 && model_count(model_is_open) >= g_model.max_open) {
		for (uint32_t i = 0; i < g_model.num_zones; i++) {
			if (g_model.zones[i].state == SPDK_BDEV_ZONE_STATE_IMP_OPEN &&
				(oldest == NULL || g_model.zones[i].opened < oldest->opened)) {
				oldest = &g_model.zones[i];
			}
		}
		if (oldest == NULL) {
			g_model.too_many_open++;
			return SPECIFIC(TOO_MANY_OPEN_ZONES);
		}
		g_model.evictions++;
		oldest->state = SPDK_BDEV_ZONE_STATE_CLOSED;
	}
	if (zone->state != state) {
		zone->opened = ++g_model.clock;
	}
	zone->state = state;
	return 0;
}

static zone_status
model_begin(struct model_zone *zone, uint64_t in_zone, uint64_t num_blocks)
{
	zone_status status;

	if (num_blocks == 0) {
		return GENERIC(INVALID_FIELD);
	}
	if (zone->state == SPDK_BDEV_ZONE_STATE_FULL) {
		return SPECIFIC(ZONE_IS_FULL);
	}
	if (zone->num_resets > 0 || in_zone != zone->pointer) {
		return SPECIFIC(ZONE_INVALID_WRITE);
	}
	if (in_zone + num_blocks > g_model.capacity) {
		return SPECIFIC(ZONED_BOUNDARY_ERROR);
	}
	if (!model_is_open(zone)) {
		status = model_open(zone, SPDK_BDEV_ZONE_STATE_IMP_OPEN);
		if (status != 0) {
			return status;
		}
	}
	zone->pointer += num_blocks;
	if (zone->pointer == g_model.capacity) {
		zone->state = SPDK_BDEV_ZONE_STATE_FULL;
		g_model.full++;
	}
	return 0;
}

/* ---- steps, each of the table and of the model ---- */

static int
random_zone(void)
{
	return draw(g_model.num_zones);
}

static void
step_begin(void)
{
	int index = random_zone();
	struct model_zone *zone = &g_model.zones[index];
	uint64_t zone_id = (uint64_t)index * ZONE_SIZE;
	uint64_t num_blocks = draw(12) == 0 ? draw(ZONE_SIZE + 2) : 1 + draw(4);
	uint64_t in_zone = draw(6) == 0 ? draw(ZONE_SIZE) : zone->pointer;
	bool append = draw(2) == 0;
	struct model_write *write = NULL;
	zone_status status, expected;

	for (int i = 0; i < MAX_WRITES; i++) {
		if (!g_model.writes[i].used) {
			write = &g_model.writes[i];
		}
	}
	if (write == NULL) {
		return;
	}
	if (append) {
		in_zone = zone->pointer;
		status = zone_table_begin_append(&g_table, zone_id, num_blocks, &write->write);
	} else if (in_zone >= ZONE_SIZE) {
		return;
	} else {
		status = zone_table_begin_write(&g_table, zone_id + in_zone, num_blocks, &write->write);
	}
	expected = model_begin(zone, in_zone, num_blocks);
	assert_int_equal(status, expected);
	if (status == 0) {
		assert_int_equal(write->write.offset, zone_id + in_zone);
		write->used = true;
		write->zone = index;
		write->from = in_zone;
		write->to = in_zone + num_blocks;
	}
}

static void
end_reset(struct zone_reset *reset, bool success)
{
	int first = reset - g_model.resets;
	struct model_zone *zone = NULL;
	struct zone_reset_list others;
	struct zone_reset *other;
	int i = 1;

	for (uint32_t j = 0; j < g_model.num_zones; j++) {
		if (g_model.zones[j].num_resets > 0 && g_model.zones[j].resets[0] == first) {
			zone = &g_model.zones[j];
			assert_int_equal(model_writes_to(j), 0);
		}
	}
	assert_non_null(zone);
	zone_table_end_reset(&g_table, reset, success, &others);
	g_model.reset_used[first] = false;
	STAILQ_FOREACH (other, &others, link) {
		assert_true(i < zone->num_resets);
		assert_ptr_equal(other, &g_model.resets[zone->resets[i]]);
		g_model.reset_used[zone->resets[i++]] = false;
		g_model.shared_resets++;
	}
	assert_int_equal(i, zone->num_resets);
	zone->num_resets = 0;
	if (success) {
		zone->state = SPDK_BDEV_ZONE_STATE_EMPTY;
		zone->pointer = zone->good = 0;
	}
}

static void
step_end(void)
{
	struct model_write *write = &g_model.writes[draw(MAX_WRITES)];
	bool success = draw(4) != 0;
	struct model_zone *zone;
	struct zone_reset *next;

	if (!write->used) {
		return;
	}
	write->used = false;
	zone = &g_model.zones[write->zone];
	next = zone_table_end_write(&g_table, &write->write, success);
	if (success) {
		zone->good = spdk_max(zone->good, write->to);
	}
	if (model_writes_to(write->zone) == 0) {
		g_model.taken_back += zone->pointer != zone->good;
		zone->pointer = zone->good;
		assert_ptr_equal(next, zone->num_resets > 0 ? &g_model.resets[zone->resets[0]] : NULL);
		g_model.waited_resets += next != NULL;
	} else {
		assert_null(next);
	}
}

static void
step_reset(void)
{
	int index = random_zone(), slot;
	struct model_zone *zone = &g_model.zones[index];
	enum zone_reset_step step;

	for (slot = 0; slot < MAX_RESETS && g_model.reset_used[slot]; slot++) {
	}
	if (slot == MAX_RESETS) {
		return;
	}
	assert_int_equal(
		zone_table_begin_reset(&g_table, (uint64_t)index * ZONE_SIZE, &g_model.resets[slot], &step), 0);
	if (zone->num_resets > 0 || (zone->state != SPDK_BDEV_ZONE_STATE_EMPTY && model_writes_to(index) > 0)) {
		assert_int_equal(step, ZONE_RESET_WAIT);
	} else if (zone->state == SPDK_BDEV_ZONE_STATE_EMPTY) {
		assert_int_equal(step, ZONE_RESET_DONE);
		return;
	} else {
		assert_int_equal(step, ZONE_RESET_GO);
	}
	zone->resets[zone->num_resets++] = slot;
	g_model.reset_used[slot] = true;
}

/* One that does not wait for writes. */
static void
step_end_reset(void)
{
	int index = random_zone();
	struct model_zone *zone = &g_model.zones[index];

	if (zone->num_resets > 0 && model_writes_to(index) == 0) {
		end_reset(&g_model.resets[zone->resets[0]], draw(4) != 0);
	}
}

static zone_status
model_manage(struct model_zone *zone, enum spdk_bdev_zone_action action)
{
	bool possible;

	switch (action) {
	case SPDK_BDEV_ZONE_OPEN:
		if (zone->state == SPDK_BDEV_ZONE_STATE_FULL || zone->num_resets > 0) {
			return SPECIFIC(INVALID_ZONE_STATE_TRANSITION);
		}
		return model_open(zone, SPDK_BDEV_ZONE_STATE_EXP_OPEN);
	case SPDK_BDEV_ZONE_CLOSE:
		possible = model_is_active(zone);
		break;
	case SPDK_BDEV_ZONE_FINISH:
		possible = true;
		break;
	default:
		possible = false;
		break;
	}
	if (!possible || zone->num_resets > 0) {
		return SPECIFIC(INVALID_ZONE_STATE_TRANSITION);
	}
	zone->state = action == SPDK_BDEV_ZONE_CLOSE ? SPDK_BDEV_ZONE_STATE_CLOSED : SPDK_BDEV_ZONE_STATE_FULL;
	return 0;
}

static void
step_manage(void)
{
	static const enum spdk_bdev_zone_action actions[] = {SPDK_BDEV_ZONE_OPEN, SPDK_BDEV_ZONE_OPEN,
		SPDK_BDEV_ZONE_CLOSE, SPDK_BDEV_ZONE_FINISH, SPDK_BDEV_ZONE_OFFLINE};
	enum spdk_bdev_zone_action action = actions[draw(SPDK_COUNTOF(actions))];
	int index = random_zone();

	assert_int_equal(zone_table_manage(&g_table, (uint64_t)index * ZONE_SIZE, action),
		model_manage(&g_model.zones[index], action));
}

static void
step_grow(void)
{
	uint32_t more = draw(2);

	if (g_model.num_zones + more <= MAX_ZONES) {
		g_model.num_zones += more;
		assert_int_equal(zone_table_grow(&g_table, g_model.num_zones), 0);
	}
}

static void
compare(void)
{
	struct spdk_bdev_zone_info infos[MAX_ZONES];
	const struct model_zone *zone;

	assert_int_equal(zone_table_report(&g_table, 0, g_model.num_zones, infos), 0);
	for (uint32_t i = 0; i < g_model.num_zones; i++) {
		zone = &g_model.zones[i];
		assert_int_equal(infos[i].zone_id, (uint64_t)i * ZONE_SIZE);
		assert_int_equal(infos[i].capacity, g_model.capacity);
		assert_int_equal(infos[i].type, SPDK_BDEV_ZONE_TYPE_SEQWR);
		assert_int_equal(infos[i].state, zone->state);
		assert_int_equal(infos[i].write_pointer - infos[i].zone_id,
			zone->state == SPDK_BDEV_ZONE_STATE_FULL ? g_model.capacity : zone->pointer);
	}
	if (g_model.max_open != 0) {
		assert_true(model_count(model_is_open) <= g_model.max_open);
	}
	if (g_model.max_active != 0) {
		assert_true(model_count(model_is_active) <= g_model.max_active);
	}
}

static void
run_seed(uint64_t seed)
{
	static void (*const steps[])(void) = {step_begin, step_begin, step_begin, step_begin, step_end, step_end,
		step_end, step_reset, step_reset, step_end_reset, step_end_reset, step_manage};

	g_random_state = seed;
	memset(g_model.zones, 0, sizeof(g_model.zones));
	memset(g_model.writes, 0, sizeof(g_model.writes));
	memset(g_model.reset_used, 0, sizeof(g_model.reset_used));
	for (int i = 0; i < MAX_ZONES; i++) {
		g_model.zones[i].state = SPDK_BDEV_ZONE_STATE_FULL;
	}
	g_model.capacity = 1 + draw(ZONE_SIZE);
	g_model.num_zones = 1 + draw(MAX_ZONES);
	g_model.max_active = draw(2) * (1 + draw(4));
	g_model.max_open = draw(2) * (1 + draw(g_model.max_active != 0 ? g_model.max_active : 4));
	init(g_model.capacity, g_model.num_zones, g_model.max_open, g_model.max_active);
	for (int i = 0; i < 150; i++) {
		steps[draw(SPDK_COUNTOF(steps))]();
		if (draw(100) == 0) {
			step_grow();
		}
		compare();
	}
	zone_table_fini(&g_table);
}

static void
test_like_the_model(void **state)
{
	memset(&g_model, 0, sizeof(g_model));
	for (uint64_t seed = 1; seed <= 2000; seed++) {
		run_seed(seed);
	}
	/* All that is worth seeing was there. */
	assert_true(g_model.evictions > 500);
	assert_true(g_model.too_many_open > 500);
	assert_true(g_model.too_many_active > 500);
	assert_true(g_model.waited_resets > 500);
	assert_true(g_model.shared_resets > 500);
	assert_true(g_model.taken_back > 500);
	assert_true(g_model.full > 500);
}

/* ---- one by one ---- */

static void
reset_now(uint64_t zone_id)
{
	struct zone_reset reset;
	struct zone_reset_list others;
	enum zone_reset_step step;

	assert_int_equal(zone_table_begin_reset(&g_table, zone_id, &reset, &step), 0);
	assert_int_equal(step, ZONE_RESET_GO);
	zone_table_end_reset(&g_table, &reset, true, &others);
}

static void
expect_zone(uint64_t zone_id, enum spdk_bdev_zone_state state, uint64_t pointer)
{
	struct spdk_bdev_zone_info info;

	assert_int_equal(zone_table_report(&g_table, zone_id, 1, &info), 0);
	assert_int_equal(info.state, state);
	assert_int_equal(info.write_pointer, pointer);
}

static void
test_numbers_that_are_none(void **state)
{
	struct spdk_bdev_zone_info infos[8];
	struct zone_write write;
	struct zone_reset reset;
	enum zone_reset_step step;

	init(10, 3, 0, 0);
	assert_int_equal(zone_table_report(&g_table, 3 * ZONE_SIZE, 1, infos), GENERIC(LBA_OUT_OF_RANGE));
	assert_int_equal(zone_table_report(&g_table, UINT64_MAX, 1, infos), GENERIC(LBA_OUT_OF_RANGE));
	assert_int_equal(zone_table_report(&g_table, ZONE_SIZE, 3, infos), GENERIC(LBA_OUT_OF_RANGE));
	assert_int_equal(zone_table_report(&g_table, ZONE_SIZE, UINT32_MAX, infos), GENERIC(LBA_OUT_OF_RANGE));
	assert_int_equal(zone_table_report(&g_table, 1, 1, infos), GENERIC(INVALID_FIELD));
	assert_int_equal(zone_table_report(&g_table, ZONE_SIZE, 0, infos), 0);
	assert_int_equal(zone_table_manage(&g_table, 5, SPDK_BDEV_ZONE_OPEN), GENERIC(INVALID_FIELD));
	assert_int_equal(zone_table_manage(&g_table, 0, 99), GENERIC(INVALID_FIELD));
	assert_int_equal(zone_table_begin_reset(&g_table, 5, &reset, &step), GENERIC(INVALID_FIELD));
	reset_now(0);
	assert_int_equal(zone_table_begin_append(&g_table, 4, 1, &write), GENERIC(INVALID_FIELD));
	assert_int_equal(zone_table_begin_append(&g_table, 0, 0, &write), GENERIC(INVALID_FIELD));
	assert_int_equal(zone_table_begin_append(&g_table, 0, UINT64_MAX, &write), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_begin_write(&g_table, 0, UINT64_MAX, &write), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_begin_write(&g_table, UINT64_MAX, 1, &write), GENERIC(LBA_OUT_OF_RANGE));
	/* None of these has opened it. */
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EMPTY, 0);
	zone_table_fini(&g_table);
}

static void
test_reading(void **state)
{
	init(10, 3, 0, 0);
	assert_int_equal(zone_table_check_read(&g_table, 0, 10), 0);
	assert_int_equal(zone_table_check_read(&g_table, 9, 1), 0);
	assert_int_equal(zone_table_check_read(&g_table, 2 * ZONE_SIZE + 3, 7), 0);
	assert_int_equal(zone_table_check_read(&g_table, 0, 11), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_check_read(&g_table, 9, 2), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_check_read(&g_table, 12, 1), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_check_read(&g_table, 1, UINT64_MAX), SPECIFIC(ZONED_BOUNDARY_ERROR));
	assert_int_equal(zone_table_check_read(&g_table, 3 * ZONE_SIZE, 1), GENERIC(LBA_OUT_OF_RANGE));
	zone_table_fini(&g_table);
}

/* Growth moves nothing: what is under way in a zone goes on. */
static void
test_growth(void **state)
{
	struct zone_write write;

	init(10, 1, 0, 0);
	reset_now(0);
	assert_int_equal(zone_table_begin_append(&g_table, 0, 4, &write), 0);
	assert_int_equal(zone_table_manage(&g_table, ZONE_SIZE, SPDK_BDEV_ZONE_FINISH), GENERIC(LBA_OUT_OF_RANGE));
	assert_int_equal(zone_table_grow(&g_table, 5000), 0);
	assert_null(zone_table_end_write(&g_table, &write, true));
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 4);
	expect_zone(4999 * ZONE_SIZE, SPDK_BDEV_ZONE_STATE_FULL, 4999 * ZONE_SIZE + 10);
	zone_table_fini(&g_table);
}

/* What was written behind a block that failed stays; the block is lost until the zone is reset. */
static void
test_failed_writes(void **state)
{
	struct zone_write writes[4];

	init(10, 1, 0, 0);
	reset_now(0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(zone_table_begin_append(&g_table, 0, 2, &writes[i]), 0);
	}
	zone_table_end_write(&g_table, &writes[0], false);
	zone_table_end_write(&g_table, &writes[3], false);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 8);
	zone_table_end_write(&g_table, &writes[1], true);
	zone_table_end_write(&g_table, &writes[2], false);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_IMP_OPEN, 4);
	/* The last one of a full zone. */
	assert_int_equal(zone_table_begin_append(&g_table, 0, 6, &writes[0]), 0);
	zone_table_end_write(&g_table, &writes[0], false);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_FULL, 10);
	reset_now(0);
	expect_zone(0, SPDK_BDEV_ZONE_STATE_EMPTY, 0);
	zone_table_fini(&g_table);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_like_the_model),
		cmocka_unit_test(test_numbers_that_are_none),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_failed_writes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
