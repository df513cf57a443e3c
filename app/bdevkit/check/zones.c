/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * Bdevs with zones, which are written from their beginning to their end: reports, the write pointer, appends, states, limits,
 * and a load on several zones at once. Zones that are tried are empty or full afterwards, so that limits hold nobody up.
 */

#include "app/bdevkit/check/check.h"

#define MAX_ZONES 6
/* Of a zone that is written to its end. */
#define MAX_FILL 4096
#define CHUNK 64
#define DEPTH 16
#define LOAD_STEPS 1500
#define LOAD_BLOCKS 48

/* ---- one I/O ---- */

static uint64_t
zone_size(const struct check *check)
{
	return spdk_bdev_get_zone_size(check->bdev);
}

static bool
report(struct check *check, struct check_rule *rule, uint64_t zone_id, struct spdk_bdev_zone_info *info)
{
	struct check_io io = {.check = check,
		.type = SPDK_BDEV_IO_TYPE_GET_ZONE_INFO,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = zone_id,
		.blocks = 1,
		.zone_infos = info};

	memset(info, 0, sizeof(*info));
	return check_io_succeeds(rule, &io);
}

static int
manage(struct check *check, uint64_t zone_id, enum spdk_bdev_zone_action action, struct check_io *io)
{
	*io = (struct check_io){.check = check,
		.type = SPDK_BDEV_IO_TYPE_ZONE_MANAGEMENT,
		.channel = (unsigned int)session_random(SESSION_NUM_THREADS),
		.offset = zone_id,
		.zone_action = action};
	return check_io_run(io);
}

static bool
managed(struct check *check, struct check_rule *rule, uint64_t zone_id, enum spdk_bdev_zone_action action)
{
	struct check_io io;

	manage(check, zone_id, action, &io);
	return check_expect(check, rule, io.rc == 0 && io.success, &io, "action %d failed (%d)", action, io.rc);
}

static void
not_managed(struct check *check, struct check_rule *rule, uint64_t zone_id, enum spdk_bdev_zone_action action)
{
	struct check_io io;

	manage(check, zone_id, action, &io);
	check_expect(check, rule, io.rc != 0 || !io.success, &io, "action %d is not refused", action);
}

static void
expect_state(struct check *check, struct check_rule *rule, uint64_t zone_id, enum spdk_bdev_zone_state state)
{
	struct spdk_bdev_zone_info info;

	if (report(check, rule, zone_id, &info)) {
		check_expect(check, rule, info.state == state, NULL, "zone %" PRIu64 " is in state %d instead of %d",
			zone_id, info.state, state);
	}
}

static void
refused(struct check *check, struct check_rule *rule, enum spdk_bdev_io_type type, uint64_t offset, uint64_t blocks)
{
	struct check_data data;
	struct check_io io = {.check = check, .type = type, .offset = offset, .blocks = blocks, .data = &data};

	if (!check_data_alloc(check, &data, blocks, false)) {
		abort();
	}
	check_data_fill(check, &data, offset, ++check->last_generation);
	check_io_run(&io);
	check_expect(check, rule, io.rc != 0 || !io.success, &io, "it is not refused");
	check_data_free(&data);
}

/* ---- reports ---- */

static void
check_reports(struct check *check, uint32_t count, uint64_t capacity)
{
	struct check_rule *rule = check_rule(check, RULE_ZONE_REPORT);
	struct spdk_bdev_zone_info infos[MAX_ZONES + 1] = {};
	struct check_io io = {
		.check = check, .type = SPDK_BDEV_IO_TYPE_GET_ZONE_INFO, .blocks = count, .zone_infos = infos};

	if (!check_io_succeeds(rule, &io)) {
		return;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct spdk_bdev_zone_info *info = &infos[i];

		check_expect(check, rule, info->zone_id == i * zone_size(check), &io, "zone %u begins at %" PRIu64, i,
			info->zone_id);
		check_expect(check, rule, info->capacity == capacity && capacity > 0 && capacity <= zone_size(check),
			&io, "zone %u has a capacity of %" PRIu64, i, info->capacity);
		check_expect(check, rule,
			info->write_pointer >= info->zone_id && info->write_pointer <= info->zone_id + info->capacity,
			&io, "the write pointer of zone %u is at %" PRIu64, i, info->write_pointer);
	}
	check_expect(check, rule, infos[count].capacity == 0, &io, "more zones are told than were asked for");
	io.blocks = 1;
	if (zone_size(check) > 1) {
		io.offset = 1;
		check_io_run(&io);
		check_expect(check, rule, io.rc != 0 || !io.success, &io, "there is no zone that begins there");
	}
	io.offset = check->num_blocks;
	check_io_run(&io);
	check_expect(check, rule, io.rc != 0 || !io.success, &io, "there is no zone that begins there");
}

/* ---- the write pointer ---- */

static void
check_pointer(struct check *check, uint64_t zone_id, uint64_t capacity)
{
	struct check_rule *rule = check_rule(check, RULE_ZONE_POINTER);
	struct check_rule *edge = check_rule(check, RULE_ZONE_EDGE);
	struct spdk_bdev_zone_info info;
	uint64_t first = capacity > 2 ? 2 : 1, done;

	if (!managed(check, rule, zone_id, SPDK_BDEV_ZONE_RESET)) {
		return;
	}
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_EMPTY);
	if (capacity > 1) {
		refused(check, rule, SPDK_BDEV_IO_TYPE_WRITE, zone_id + 1, 1);
	}
	check_write_read(check, rule, zone_id, first, true);
	if (first < capacity) {
		refused(check, rule, SPDK_BDEV_IO_TYPE_WRITE, zone_id, 1);
		refused(check, rule, SPDK_BDEV_IO_TYPE_WRITE, zone_id + first, capacity - first + 1);
	}
	if (report(check, rule, zone_id, &info)) {
		check_expect(check, rule, info.write_pointer == zone_id + first, NULL,
			"the write pointer is at %" PRIu64 " instead of %" PRIu64, info.write_pointer, zone_id + first);
	}
	for (done = first; done < capacity && capacity <= MAX_FILL; done += spdk_min(CHUNK, capacity - done)) {
		check_write_read(check, rule, zone_id + done, spdk_min(CHUNK, capacity - done), done % 3 == 0);
	}
	if (done < capacity) {
		managed(check, rule, zone_id, SPDK_BDEV_ZONE_FINISH);
	}
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_FULL);
	refused(check, edge, SPDK_BDEV_IO_TYPE_WRITE, zone_id + capacity - 1, 1);
	if (zone_id + capacity < check->num_blocks) {
		refused(check, edge, SPDK_BDEV_IO_TYPE_READ, zone_id + capacity - 1, 2);
	}
	if (capacity < zone_size(check)) {
		refused(check, edge, SPDK_BDEV_IO_TYPE_READ, zone_id + capacity, 1);
	}
}

/* ---- states ---- */

static void
check_states(struct check *check, uint64_t zone_id)
{
	struct check_rule *rule = check_rule(check, RULE_ZONE_STATES);

	managed(check, rule, zone_id, SPDK_BDEV_ZONE_RESET);
	managed(check, rule, zone_id, SPDK_BDEV_ZONE_RESET);
	not_managed(check, rule, zone_id, SPDK_BDEV_ZONE_CLOSE);
	managed(check, rule, zone_id, SPDK_BDEV_ZONE_OPEN);
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_EXP_OPEN);
	managed(check, rule, zone_id, SPDK_BDEV_ZONE_CLOSE);
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_CLOSED);
	check_write_read(check, rule, zone_id, 1, false);
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_IMP_OPEN);
	managed(check, rule, zone_id, SPDK_BDEV_ZONE_FINISH);
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_FULL);
	not_managed(check, rule, zone_id, SPDK_BDEV_ZONE_OPEN);
	not_managed(check, rule, zone_id, SPDK_BDEV_ZONE_CLOSE);
	not_managed(check, rule, zone_id + 1, SPDK_BDEV_ZONE_RESET);
	managed(check, rule, zone_id, SPDK_BDEV_ZONE_RESET);
	expect_state(check, rule, zone_id, SPDK_BDEV_ZONE_STATE_EMPTY);
}

static void
check_open_limit(struct check *check, uint32_t count)
{
	struct check_rule *rule = check_rule(check, RULE_ZONE_LIMITS);
	uint32_t limit = spdk_bdev_get_max_open_zones(check->bdev), i;

	if (limit == 0 || limit >= count) {
		check_skip(rule, "there is no limit that the zones that are tried could reach");
		return;
	}
	for (i = 0; i < count; i++) {
		managed(check, rule, i * zone_size(check), SPDK_BDEV_ZONE_RESET);
	}
	for (i = 0; i < limit; i++) {
		managed(check, rule, i * zone_size(check), SPDK_BDEV_ZONE_OPEN);
	}
	not_managed(check, rule, limit * zone_size(check), SPDK_BDEV_ZONE_OPEN);
	refused(check, rule, SPDK_BDEV_IO_TYPE_WRITE, limit * zone_size(check), 1);
	managed(check, rule, 0, SPDK_BDEV_ZONE_FINISH);
	managed(check, rule, limit * zone_size(check), SPDK_BDEV_ZONE_OPEN);
	for (i = 0; i < count; i++) {
		managed(check, rule, i * zone_size(check), SPDK_BDEV_ZONE_RESET);
	}
}

/* ---- load: what is where is known, as an I/O gets its place when it is submitted ---- */

struct slot {
	struct check_io io;
	struct check_data data;
	uint32_t zone;
	uint32_t generation;
	uint64_t from;
	bool busy;
};

struct load_zone {
	uint64_t pointer;
	/* What each block that is written has; 0: nobody knows yet, or its write has failed. */
	uint32_t generations[LOAD_BLOCKS];
	unsigned int busy;
	/* After a reset of the bdev. */
	bool unknown;
};

struct load {
	struct check *check;
	struct check_rule *rule;
	uint64_t capacity;
	uint32_t num_zones;
	bool can_append;
	bool disturbed;
	struct load_zone zones[MAX_ZONES];
	struct slot slots[DEPTH];
};

static void
collect(struct load *load, struct slot *slot)
{
	struct load_zone *zone = &load->zones[slot->zone];
	struct check_io *io = &slot->io;
	bool good = io->rc == 0 && io->success;

	slot->busy = false;
	zone->busy--;
	if (!load->disturbed) {
		check_expect(load->check, load->rule, good, io, "failed (%d)", io->rc);
	}
	if (!good) {
		zone->unknown = true;
	} else if (io->type == SPDK_BDEV_IO_TYPE_READ) {
		for (uint64_t i = 0; i < io->blocks && !load->check->options->no_data; i++) {
			check_expect(load->check, load->rule,
				check_data_block_is(load->check, &slot->data, i, io->offset + i, slot->generation), io,
				"it is not what was written there");
		}
	} else {
		if (io->type == SPDK_BDEV_IO_TYPE_ZONE_APPEND && !zone->unknown) {
			uint64_t expected = slot->zone * zone_size(load->check) + slot->from;

			check_expect(load->check, check_rule(load->check, RULE_ZONE_APPEND),
				io->append_location == expected, io,
				"it is told to be at %" PRIu64 " instead of %" PRIu64, io->append_location, expected);
		}
		for (uint64_t i = 0; i < io->blocks; i++) {
			zone->generations[slot->from + i] = slot->generation;
		}
	}
	check_data_free(&slot->data);
}

static void
reset_load_zone(struct load *load, uint32_t index)
{
	struct load_zone *zone = &load->zones[index];

	managed(load->check, load->rule, index * zone_size(load->check), SPDK_BDEV_ZONE_RESET);
	memset(zone, 0, sizeof(*zone));
}

static void
start(struct load *load, struct slot *slot)
{
	struct load_zone *zone = &load->zones[slot->zone];
	uint64_t zone_id = slot->zone * zone_size(load->check);
	uint64_t blocks = 1 + session_random(spdk_min(4, load->capacity - zone->pointer));
	bool append = load->can_append && session_random(2) == 0;

	slot->generation = ++load->check->last_generation;
	slot->from = zone->pointer;
	slot->io = (struct check_io){.check = load->check,
		.type = append ? SPDK_BDEV_IO_TYPE_ZONE_APPEND : SPDK_BDEV_IO_TYPE_WRITE,
		.offset = append ? zone_id : zone_id + zone->pointer,
		.blocks = blocks};
	zone->pointer += blocks;
}

/* Blocks of one write. */
static bool
start_read(struct load *load, struct slot *slot)
{
	struct load_zone *zone = &load->zones[slot->zone];
	uint64_t at = zone->pointer > 0 ? session_random(zone->pointer) : 0;

	if (zone->pointer == 0 || zone->unknown || zone->generations[at] == 0) {
		return false;
	}
	slot->generation = zone->generations[at];
	slot->io = (struct check_io){.check = load->check,
		.type = SPDK_BDEV_IO_TYPE_READ,
		.offset = slot->zone * zone_size(load->check) + at,
		.blocks = 1};
	return true;
}

static void
step(struct load *load, struct slot *slot)
{
	struct load_zone *zone;
	struct check_io *io = &slot->io;

	slot->zone = (uint32_t)session_random(load->num_zones);
	zone = &load->zones[slot->zone];
	if (zone->busy == 0 && (zone->unknown || zone->pointer == load->capacity || session_random(64) == 0)) {
		reset_load_zone(load, slot->zone);
	}
	if (zone->unknown || (session_random(3) != 0 && zone->pointer == load->capacity)) {
		return;
	}
	if (session_random(3) != 0 && zone->pointer < load->capacity) {
		start(load, slot);
	} else if (!start_read(load, slot)) {
		return;
	}
	if (!check_data_alloc(load->check, &slot->data, io->blocks, session_random(2) == 0)) {
		abort();
	}
	if (io->type != SPDK_BDEV_IO_TYPE_READ) {
		check_data_fill(
			load->check, &slot->data, slot->zone * zone_size(load->check) + slot->from, slot->generation);
	}
	io->data = &slot->data;
	io->channel = (unsigned int)session_random(SESSION_NUM_THREADS);
	slot->busy = true;
	zone->busy++;
	if (check_io_submit(io) != 0) {
		collect(load, slot);
	}
}

/* The bdev is reset under load: what is on its way may fail, what has ended is there. */
static void
disturb(struct load *load)
{
	struct check_io io = {.check = load->check, .type = SPDK_BDEV_IO_TYPE_RESET};

	check_io_succeeds(check_rule(load->check, RULE_RESET_ENDS), &io);
}

static void
run_load(struct load *load)
{
	for (uint32_t i = 0; i < load->num_zones; i++) {
		reset_load_zone(load, i);
	}
	for (unsigned int i = 0; i < LOAD_STEPS; i++) {
		struct slot *slot = &load->slots[session_random(DEPTH)];

		if (slot->busy && slot->io.completions > 0) {
			collect(load, slot);
		} else if (!slot->busy) {
			step(load, slot);
		}
		if (load->disturbed && session_random(100) == 0) {
			disturb(load);
		}
		if (session_random(3) == 0) {
			session_poll();
		}
	}
	for (unsigned int i = 0; i < DEPTH; i++) {
		if (load->slots[i].busy) {
			check_io_wait(&load->slots[i].io);
			collect(load, &load->slots[i]);
		}
	}
	for (uint32_t i = 0; i < load->num_zones; i++) {
		for (uint64_t j = 0; j < load->zones[i].pointer; j++) {
			struct slot *slot = &load->slots[0];

			if (load->zones[i].generations[j] == 0 || load->zones[i].unknown) {
				continue;
			}
			slot->zone = i;
			slot->generation = load->zones[i].generations[j];
			slot->io = (struct check_io){.check = load->check,
				.type = SPDK_BDEV_IO_TYPE_READ,
				.offset = i * zone_size(load->check) + j,
				.blocks = 1,
				.data = &slot->data};
			if (!check_data_alloc(load->check, &slot->data, 1, false)) {
				abort();
			}
			check_io_run(&slot->io);
			load->zones[i].busy++;
			collect(load, slot);
		}
		managed(load->check, load->rule, i * zone_size(load->check), SPDK_BDEV_ZONE_RESET);
	}
}

static void
load_zones(struct check *check, enum check_rule_id id, uint32_t count, uint64_t capacity, bool disturbed)
{
	uint32_t max_active = spdk_bdev_get_max_active_zones(check->bdev);
	struct load *load = calloc(1, sizeof(*load));

	if (load == NULL) {
		abort();
	}
	*load = (struct load){.check = check,
		.rule = check_rule(check, id),
		.capacity = spdk_min(capacity, LOAD_BLOCKS),
		.num_zones = max_active != 0 ? spdk_min(count, max_active) : count,
		.can_append = spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_ZONE_APPEND),
		.disturbed = disturbed};
	if (!load->can_append) {
		check_skip(check_rule(check, RULE_ZONE_APPEND), "it does not append");
	}
	run_load(load);
	free(load);
}

/* ---- all of it ---- */

bool
check_write_somewhere(struct check *check, struct check_rule *rule, uint64_t max_blocks, bool cut)
{
	uint64_t unit = check_unit(check), units = check->area / unit, count;
	struct spdk_bdev_zone_info info;

	if (!spdk_bdev_is_zoned(check->bdev)) {
		count = 1 + session_random(spdk_min(units, max_blocks));
		check_write_read(check, rule, session_random(units - count + 1) * unit, count * unit, cut);
		return true;
	}
	if (!managed(check, rule, 0, SPDK_BDEV_ZONE_RESET) || !report(check, rule, 0, &info)) {
		return false;
	}
	check_write_read(check, rule, 0, 1 + session_random(spdk_min(info.capacity, max_blocks)), cut);
	return true;
}

void
check_zones(struct check *check)
{
	static const enum check_rule_id rules[] = {RULE_ZONE_REPORT, RULE_ZONE_POINTER, RULE_ZONE_EDGE,
		RULE_ZONE_APPEND, RULE_ZONE_STATES, RULE_ZONE_LIMITS};
	struct check_io flush = {.check = check, .type = SPDK_BDEV_IO_TYPE_FLUSH, .blocks = check->num_blocks};
	struct spdk_bdev_zone_info info;
	uint32_t count = (uint32_t)spdk_min(spdk_bdev_get_num_zones(check->bdev), MAX_ZONES);

	if (!spdk_bdev_is_zoned(check->bdev)) {
		for (size_t i = 0; i < SPDK_COUNTOF(rules); i++) {
			check_skip(check_rule(check, rules[i]), "it has no zones");
		}
		return;
	}
	if (!report(check, check_rule(check, RULE_ZONE_REPORT), 0, &info) || info.capacity == 0) {
		return;
	}
	check_reports(check, count, info.capacity);
	for (uint32_t i = 0; i < spdk_min(count, 2); i++) {
		check_pointer(check, i * zone_size(check), info.capacity);
	}
	if (info.capacity > 1) {
		check_states(check, (count - 1) * zone_size(check));
	}
	check_open_limit(check, count);
	load_zones(check, RULE_LOAD_DATA, count, info.capacity, false);
	if (spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_RESET)) {
		load_zones(check, RULE_RESET_DATA, count, info.capacity, true);
	}
	if (spdk_bdev_io_type_supported(check->bdev, SPDK_BDEV_IO_TYPE_FLUSH)) {
		check_io_succeeds(check_rule(check, RULE_MEANS_FLUSH), &flush);
	}
}

void
check_skip_zoned(struct check *check)
{
	for (size_t i = 0; i < CHECK_NUM_RULES; i++) {
		if (check->rules[i].count == 0 && !check->rules[i].skipped) {
			check_skip(&check->rules[i], "it is tried on bdevs that can be written anywhere");
		}
	}
}
