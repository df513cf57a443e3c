/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The zones of a device: their states, their write pointers, how many may be open and active, and what is done to them.
 * It knows nothing of bdevs; whoever does I/O asks before and tells after. The rules are those of NVMe zoned namespaces.
 *
 * All functions may be called on any SPDK thread, except for init, grow and fini, of which one runs at a time, fini when
 * nobody else uses the table any more. Offsets and lengths are in blocks.
 */

#ifndef MODULE_BDEV_ZONE_TABLE_H
#define MODULE_BDEV_ZONE_TABLE_H

#include "spdk/stdinc.h"
#include "spdk/bdev_zone.h"
#include "spdk/queue.h"
#include "spdk/thread.h"

/* Each segment is twice as large as the one before, so that the table grows without moving. */
#define ZONE_TABLE_SEGMENTS 22
#define ZONE_TABLE_MAX_ZONES ((1u << ZONE_TABLE_SEGMENTS) - 1)

struct zone;

/* Why something is refused; 0: it is not. An SCT and an SC of NVMe. */
typedef uint16_t zone_status;

#define ZONE_STATUS(sct, sc) ((zone_status)((sct) << 8 | (sc)))
#define ZONE_STATUS_SCT(status) ((status) >> 8)
#define ZONE_STATUS_SC(status) ((status)&0xff)

struct zone_table {
	uint64_t zone_size;
	/* Blocks of a zone that can be written. */
	uint64_t capacity;
	/* UINT32_MAX: no limit. */
	uint32_t max_open;
	uint32_t max_active;
	/* Only grows; also read without the lock. */
	uint64_t num_zones;

	/* Guards all below, and the zones. */
	struct spdk_spinlock lock;
	uint32_t num_open;
	uint32_t num_active;
	/* Those that were opened by a write; the one that has been open for longest first. */
	TAILQ_HEAD(, zone) implicitly_open;
	struct zone *segments[ZONE_TABLE_SEGMENTS];
};

/* All zones are full. A limit of 0 is none. Returns 0, or -ENOMEM. */
int zone_table_init(struct zone_table *table, uint64_t zone_size, uint64_t capacity, uint64_t num_zones,
	uint32_t max_open, uint32_t max_active);
void zone_table_fini(struct zone_table *table);

/* Further zones, which are full. Returns 0, or -ENOMEM: there are as many as before. */
int zone_table_grow(struct zone_table *table, uint64_t num_zones);

/* Whether these blocks can be read: they are of one zone, and not behind its capacity. */
zone_status zone_table_check_read(const struct zone_table *table, uint64_t offset, uint64_t num_blocks);

/* ---- Writing ---- */

/* Blocks that a write has got. */
struct zone_write {
	struct zone *zone;
	uint64_t offset;
	uint64_t num_blocks;
};

/*
 * A write that begins at the write pointer, or, append, wherever that is in the zone that begins at zone_id. If 0 is
 * returned, the pointer has moved behind it, the blocks write->offset and on are its own, and zone_table_end_write() has to
 * follow.
 */
zone_status zone_table_begin_write(
	struct zone_table *table, uint64_t offset, uint64_t num_blocks, struct zone_write *write);
zone_status zone_table_begin_append(
	struct zone_table *table, uint64_t zone_id, uint64_t num_blocks, struct zone_write *write);

struct zone_reset;

/*
 * Called when it has ended. Blocks in front of the pointer whose writes have failed are given back as soon as no write to
 * the zone is on its way any more, unless it has become full. Returns a reset that has waited for this write and is to be
 * carried out now, or NULL.
 */
struct zone_reset *zone_table_end_write(struct zone_table *table, const struct zone_write *write, bool success);

/* ---- Management ---- */

/* Opening, closing, finishing, giving up. */
zone_status zone_table_manage(struct zone_table *table, uint64_t zone_id, enum spdk_bdev_zone_action action);

enum zone_reset_step {
	/* The zone is empty. */
	ZONE_RESET_DONE,
	/* Nothing writes to it, and nothing will until zone_table_end_reset(), which has to follow. */
	ZONE_RESET_GO,
	/* Another reset of the zone takes this one along, or the last write to the zone will hand it out. */
	ZONE_RESET_WAIT,
};

/* In memory of who resets, until it has ended. */
struct zone_reset {
	struct zone *zone;
	STAILQ_ENTRY(zone_reset) link;
};

STAILQ_HEAD(zone_reset_list, zone_reset);

zone_status zone_table_begin_reset(
	struct zone_table *table, uint64_t zone_id, struct zone_reset *reset, enum zone_reset_step *step);

/*
 * The zone is empty, or, without success, as it was. others: those that have waited for this one, which end as it does; this
 * one is not among them.
 */
void zone_table_end_reset(
	struct zone_table *table, struct zone_reset *reset, bool success, struct zone_reset_list *others);

/* ---- Reports ---- */

zone_status zone_table_report(
	struct zone_table *table, uint64_t zone_id, uint32_t num_zones, struct spdk_bdev_zone_info *infos);

#endif /* MODULE_BDEV_ZONE_TABLE_H */
