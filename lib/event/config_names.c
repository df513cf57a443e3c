/* SPDX-License-Identifier: BSD-3-Clause */

/* Names of subsystems in configurations: whether one is misspelt. */

#include "lib/event/config_names.h"

#include "lib/event/subsystem.h"
#include "spdk/init.h"
#include "spdk/util.h"

/* Longer words are not compared. */
#define MAX_LENGTH 31

/* Those of the interface. Configurations of other applications name them also where this one has none of them. */
static const char *const g_names[] = {"accel", "bdev", "fsdev", "iobuf", "iscsi", "keyring", "nbd", "nvmf", "scheduler",
	"scsi", "sock", "ublk", "vfio_user_target", "vhost_blk", "vhost_scsi", "vmd"};

/* Letters to add, to drop, to change, or to swap with their neighbour, to come from one word to the other. */
static size_t
count_edits(const char *a, const char *b)
{
	size_t rows[3][MAX_LENGTH + 1], *before = rows[0], *above = rows[1], *row = rows[2];
	size_t length = strlen(b);

	for (size_t j = 0; j <= length; j++) {
		above[j] = j;
	}
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t *free_row = before;

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
			size_t move = spdk_min(above[j], row[j - 1]) + 1;

			row[j] = spdk_min(change, move);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = spdk_min(row[j], before[j - 2] + 1);
			}
		}
		before = above;
		above = row;
		row = free_row;
	}
	return above[length];
}

struct guess {
	const char *name;
	size_t edits;
};

static void
consider(struct guess *guess, const char *name, const char *candidate)
{
	size_t edits;

	if (strlen(candidate) > MAX_LENGTH) {
		return;
	}
	edits = count_edits(name, candidate);
	if (edits < guess->edits) {
		*guess = (struct guess){.name = candidate, .edits = edits};
	}
}

const char *
event_config_guess_subsystem(const char *name)
{
	size_t length = strlen(name);
	/* One wrong letter of three is a slip; more is another word. */
	struct guess guess = {.name = NULL, .edits = length / 3 + 1};
	struct spdk_subsystem *subsystem;

	if (length > MAX_LENGTH) {
		return NULL;
	}
	for (subsystem = event_subsystem_first(); subsystem != NULL; subsystem = event_subsystem_next(subsystem)) {
		consider(&guess, name, subsystem->name);
	}
	for (size_t i = 0; i < SPDK_COUNTOF(g_names); i++) {
		consider(&guess, name, g_names[i]);
	}
	return guess.edits > 0 ? guess.name : NULL;
}
