/* SPDX-License-Identifier: BSD-3-Clause */

/* What is left when the bdev is not used any more: channels, buffers, memory; and what it says of itself. */

#include "app/bdevkit/check/check.h"

#include "spdk_internal/thread.h"

#include <malloc.h>

/* Some things go a little later, by themselves. */
#define PATIENCE_US (3 * 1000000ULL)
#define CYCLES 8
#define CYCLE_IOS 24
#define SLACK_BYTES 8192
#define EXACT_SLACK_BYTES 512

/* ---- channels ---- */

static unsigned int
count_channels(void)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < SESSION_NUM_THREADS; i++) {
		struct spdk_io_channel *ch;

		session_enter(session_thread(i));
		for (ch = spdk_thread_get_first_io_channel(session_thread(i)); ch != NULL;
			ch = spdk_thread_get_next_io_channel(ch)) {
			count += (unsigned int)spdk_io_channel_get_ref_count(ch);
		}
		session_enter(NULL);
	}
	return count;
}

static bool
not_more(void *arg)
{
	return count_channels() <= *(const unsigned int *)arg;
}

/* ---- data buffers: as many can be taken as before ---- */

static void
buffer_cb(struct spdk_iobuf_entry *entry, void *buf)
{
}

static unsigned int
count_buffers_of(struct spdk_iobuf_channel *ch, uint64_t size)
{
	void *first = NULL, *buf;
	struct spdk_iobuf_entry entry;
	unsigned int count = 0;

	/* Each is the link to the one before. */
	while ((buf = spdk_iobuf_get(ch, size, &entry, buffer_cb)) != NULL) {
		*(void **)buf = first;
		first = buf;
		count++;
	}
	spdk_iobuf_entry_abort(ch, &entry, size);
	while (first != NULL) {
		buf = first;
		first = *(void **)buf;
		spdk_iobuf_put(ch, buf, size);
	}
	return count;
}

static unsigned int
count_buffers(void)
{
	static const char name[] = "bdevkit_check";
	struct spdk_iobuf_channel ch;
	struct spdk_iobuf_opts opts;
	unsigned int count = 0;

	spdk_iobuf_get_opts(&opts, sizeof(opts));
	if (spdk_iobuf_register_module(name) != 0) {
		return 0;
	}
	if (spdk_iobuf_channel_init(&ch, name, 0, 0) == 0) {
		count = count_buffers_of(&ch, opts.small_bufsize) + count_buffers_of(&ch, opts.large_bufsize);
		spdk_iobuf_channel_fini(&ch);
	}
	spdk_iobuf_unregister_module(name);
	session_settle();
	return count;
}

/* ---- memory ---- */

/* Of a program with a sanitizer, which has its own malloc. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t
count_memory(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL ? __sanitizer_get_current_allocated_bytes()
							       : mallinfo2().uordblks;
}

/* One use of the bdev from opening to closing. */
static bool
use_once(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_LEFT_MEMORY);

	for (unsigned int i = 0; i < CYCLE_IOS; i++) {
		check_write_somewhere(check, rule, 8, i % 2 == 0);
	}
	check_close(check);
	return check_open(check) == 0;
}

/*
 * What is lost is lost with each use. What is made once and kept is there after the first few of them, and what malloc() keeps
 * for later, which only a sanitizer tells from what is in use, comes to a few KiB, in a few steps: so the average of the last
 * uses is compared with that of those before, and most of them have to have left more than there was.
 */
static void
check_memory(struct check *check)
{
	struct check_rule *rule = check_rule(check, RULE_LEFT_MEMORY);
	size_t slack = __sanitizer_get_current_allocated_bytes != NULL ? EXACT_SLACK_BYTES : SLACK_BYTES;
	size_t sums[3] = {}, before = 0;
	unsigned int grown = 0;

	/* The first uses fill caches, and a schedule has hardly any others. */
	if (check->options->slice) {
		check_skip(rule, "a schedule is too short to tell");
		return;
	}
	for (unsigned int i = 0; i < SPDK_COUNTOF(sums) * CYCLES; i++) {
		size_t now;

		if (!check_expect(check, rule, use_once(check), NULL, "it cannot be opened again")) {
			return;
		}
		now = count_memory();
		sums[i / CYCLES] += now / CYCLES;
		grown += i >= CYCLES && now > before;
		before = now;
	}
	check_expect(check, rule, sums[2] <= sums[1] + slack || grown < 2 * CYCLES * 3 / 4, NULL,
		"%u uses have left %zu bytes of memory behind", CYCLES, sums[2] - sums[1]);
}

/* ---- what it says of itself ---- */

static void
compare_field(struct check *check, bool same, const char *field)
{
	check_expect(
		check, check_rule(check, RULE_SAYS_SAME), same, NULL, "%s has changed while it is registered", field);
}

#define SAME(field) compare_field(check, check->at_first.field == bdev->field, #field)

void
check_says_same(struct check *check)
{
	const struct spdk_bdev *bdev = check->bdev;

	SAME(ctxt);
	SAME(fn_table);
	SAME(module);
	SAME(name);
	SAME(blockcnt);
	SAME(blocklen);
	SAME(phys_blocklen);
	SAME(md_len);
	SAME(md_interleave);
	SAME(dif_type);
	SAME(dif_pi_format);
	SAME(dif_check_flags);
	SAME(dif_is_head_of_md);
	SAME(write_cache);
	SAME(write_unit_size);
	SAME(split_on_write_unit);
	SAME(acwu);
	SAME(required_alignment);
	SAME(optimal_io_boundary);
	SAME(split_on_optimal_io_boundary);
	SAME(max_segment_size);
	SAME(max_num_segments);
	SAME(max_rw_size);
	SAME(max_unmap);
	SAME(max_unmap_segments);
	SAME(max_write_zeroes);
	SAME(max_copy);
	SAME(zoned);
	SAME(holes_are_zeroes);
	compare_field(check, spdk_uuid_compare(&check->at_first.uuid, &bdev->uuid) == 0, "uuid");
}

void
check_note_remains(struct check *check)
{
	check->remains_noted = true;
	check->channels_before = count_channels();
	check->buffers_before = count_buffers();
}

void
check_remains(struct check *check)
{
	struct check_rule *channels = check_rule(check, RULE_LEFT_CHANNEL);
	struct check_rule *buffers = check_rule(check, RULE_LEFT_BUFFER);
	unsigned int after;

	if (!check->remains_noted) {
		check_close(check);
		check_note_remains(check);
		check_expect(check, channels, check_open(check) == 0, NULL, "it cannot be opened again");
	}
	if (check->desc != NULL) {
		check_memory(check);
	}
	if (check->desc == NULL) {
		return;
	}
	check_close(check);
	session_wait(not_more, &check->channels_before, PATIENCE_US);
	after = count_channels();
	check_expect(check, channels, after <= check->channels_before, NULL, "%u more than before it was opened",
		after - check->channels_before);
	after = count_buffers();
	check_expect(check, buffers, after >= check->buffers_before, NULL, "%u less than before it was opened",
		check->buffers_before - after);
	check_expect(check, channels, check_open(check) == 0, NULL, "it cannot be opened again");
}
