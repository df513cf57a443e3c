/* SPDX-License-Identifier: BSD-3-Clause */

/* What is recorded is read back by way of the file, as another program would. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "spdk/stdinc.h"
#include "spdk/env.h"
#include "spdk/trace.h"
#include "spdk/util.h"
#include "lib/trace/trace_internal.h"

#define GROUP 19
#define OTHER_GROUP 18
#define POINT(number) SPDK_TPOINT_ID(GROUP, number)
#define OWNER_TYPE 0xee
#define OBJECT 0xdd
#define ENTRIES 128
#define LONG_TEXT "0123456789abcdefghijklmnopqrstuvwxyz"

static char g_name[64];
static char g_path[80];
static uint32_t g_registered;
static uint32_t g_told;

static const struct spdk_trace_tpoint_opts g_points[] = {
	{.name = "NONE", .tpoint_id = POINT(0), .owner_type = OWNER_TYPE, .object_type = OBJECT, .new_object = 1},
	{
		.name = "SMALL",
		.tpoint_id = POINT(1),
		.args = {{"four", SPDK_TRACE_ARG_TYPE_INT, 4}, {"one", SPDK_TRACE_ARG_TYPE_INT, 1},
			{"two", SPDK_TRACE_ARG_TYPE_INT, 2}},
	},
	{
		.name = "LARGE",
		.tpoint_id = POINT(2),
		.args = {{"int", SPDK_TRACE_ARG_TYPE_INT, 8}, {"text", SPDK_TRACE_ARG_TYPE_STR, 30},
			{"a_very_long_name", SPDK_TRACE_ARG_TYPE_PTR, 8}, {"short", SPDK_TRACE_ARG_TYPE_STR, 4}},
	},
	{
		.name = "A_NAME_OF_MORE_THAN_24_BYTES",
		.tpoint_id = POINT(63),
		.args = {{"t1", SPDK_TRACE_ARG_TYPE_STR, 255}, {"t2", SPDK_TRACE_ARG_TYPE_STR, 255},
			{"t3", SPDK_TRACE_ARG_TYPE_STR, 255}, {"t4", SPDK_TRACE_ARG_TYPE_STR, 255},
			{"t5", SPDK_TRACE_ARG_TYPE_STR, 255}, {"t6", SPDK_TRACE_ARG_TYPE_STR, 255},
			{"t7", SPDK_TRACE_ARG_TYPE_STR, 255}, {"t8", SPDK_TRACE_ARG_TYPE_STR, 255}},
	},
	/* Not fit to be registered. */
	{.name = "BAD_SIZE", .tpoint_id = POINT(3), .args = {{"int", SPDK_TRACE_ARG_TYPE_INT, 9}}},
	{.name = "NO_SIZE", .tpoint_id = POINT(4), .args = {{"int", SPDK_TRACE_ARG_TYPE_STR, 0}}},
	{.name = "BAD_TYPE", .tpoint_id = POINT(5), .args = {{"int", 3, 8}}},
	{.name = NULL, .tpoint_id = POINT(6)},
	{.name = "BAD_ID", .tpoint_id = SPDK_TRACE_MAX_TPOINT_ID},
};

static void
test_points(void)
{
	g_registered++;
	spdk_trace_register_owner_type(OWNER_TYPE, 'e');
	spdk_trace_register_object(OBJECT, 'd');
	spdk_trace_register_description_ext(g_points, SPDK_COUNTOF(g_points));
	spdk_trace_register_description("ONE", POINT(10), OWNER_TYPE, OBJECT, 0, SPDK_TRACE_ARG_TYPE_PTR, "ptr");
	spdk_trace_register_description("NULL", POINT(11), OWNER_TYPE, OBJECT, 0, SPDK_TRACE_ARG_TYPE_PTR, NULL);
}

SPDK_TRACE_REGISTER_FN(test_points, "test", GROUP)

static void
masks_changed(void)
{
	g_told++;
}

static struct trace_listener g_listener = {.masks_changed = masks_changed};

/* ---- the file, as another program sees it ---- */

static struct spdk_trace_file *
map_file(void)
{
	struct spdk_trace_file *file;
	struct stat st;
	int fd = open(g_path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	file = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(file != MAP_FAILED);
	close(fd);
	assert_int_equal(spdk_get_trace_file_size(file), st.st_size);
	return file;
}

static void
unmap_file(struct spdk_trace_file *file)
{
	munmap(file, file->file_size);
}

/* That of the first user thread; none of the tests but one has cores. */
static struct spdk_trace_history *
history_of(struct spdk_trace_file *file)
{
	struct spdk_trace_history *history = spdk_get_per_lcore_history(file, 0);

	assert_non_null(history);
	return history;
}

/* The bytes of an entry's arguments, put together. */
static void
get_args(struct spdk_trace_history *history, uint64_t number, uint8_t *bytes, size_t size)
{
	struct spdk_trace_entry *entry = &history->entries[number % history->num_entries];
	struct spdk_trace_entry_buffer *buffer;
	size_t part = spdk_min(size, sizeof(entry->args));
	uint64_t i = number;

	memcpy(bytes, entry->args, part);
	for (bytes += part, size -= part; size > 0; bytes += part, size -= part) {
		buffer = (struct spdk_trace_entry_buffer *)&history->entries[++i % history->num_entries];
		assert_int_equal(buffer->tpoint_id, SPDK_TRACE_MAX_TPOINT_ID);
		assert_int_equal(buffer->tsc, entry->tsc);
		part = spdk_min(size, sizeof(buffer->data));
		memcpy(bytes, buffer->data, part);
	}
}

static bool
file_exists(void)
{
	return access(g_path, F_OK) == 0;
}

/* ---- fixture ---- */

static int
setup_names(void **state)
{
	snprintf(g_name, sizeof(g_name), "/bdevkit-trace-test.%d", getpid());
	snprintf(g_path, sizeof(g_path), "/dev/shm%s", g_name);
	trace_add_listener(&g_listener);
	return 0;
}

static int
setup(void **state)
{
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 2), 0);
	assert_int_equal(spdk_trace_register_user_thread(), 0);
	spdk_trace_set_tpoint_group_mask(1ull << GROUP);
	return 0;
}

static int
teardown(void **state)
{
	if (g_trace_file != NULL) {
		spdk_trace_cleanup();
	}
	unlink(g_path);
	return 0;
}

/* ---- tests ---- */

static void
does_nothing_without_a_trace(void **state)
{
	uint32_t told = g_told;

	assert_null(g_trace_file);
	spdk_trace_record(POINT(0), 1, 2, 3);
	_spdk_trace_record(1, POINT(0), 1, 2, 3, 0);
	assert_int_equal(spdk_trace_register_owner(OWNER_TYPE, "nobody"), 0);
	spdk_trace_unregister_owner(1);
	spdk_trace_owner_set_description(1, "x");
	spdk_trace_owner_append_description(1, "x");
	spdk_trace_register_owner_type(OWNER_TYPE, 'e');
	spdk_trace_register_object(OBJECT, 'd');
	spdk_trace_register_description_ext(g_points, 1);
	spdk_trace_tpoint_register_relation(POINT(0), OBJECT, 0);
	assert_int_equal(spdk_trace_register_user_thread(), -ENODEV);
	assert_int_equal(spdk_trace_unregister_user_thread(), -ENODEV);
	spdk_trace_set_tpoints(GROUP, 1);
	spdk_trace_set_tpoint_group_mask(1);
	assert_int_equal(spdk_trace_enable_tpoint_group("test"), -ENODEV);
	assert_int_equal(g_told, told);
	spdk_trace_clear_tpoints(GROUP, 1);
	spdk_trace_clear_tpoint_group_mask(1);
	assert_int_equal(spdk_trace_disable_tpoint_group("test"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 0);
	assert_int_equal(spdk_trace_get_tpoint_group_mask(), 0);
	spdk_trace_cleanup();
	assert_int_equal(spdk_trace_init(g_name, 0, 1), 0);
	assert_null(g_trace_file);
	assert_false(file_exists());
}

static void
is_laid_out_as_readers_expect(void **state)
{
	struct spdk_trace_file *file = map_file();
	struct spdk_trace_history *history = history_of(file);
	struct spdk_trace_tpoint *point = &file->tpoint[POINT(2)];

	assert_int_equal(file->tsc_rate, spdk_get_ticks_hz());
	assert_int_equal(history->num_entries, ENTRIES);
	assert_int_equal(history->lcore, 0);
	assert_non_null(spdk_get_per_lcore_history(file, 1));
	assert_null(spdk_get_per_lcore_history(file, 2));
	assert_null(spdk_get_per_lcore_history(file, SPDK_TRACE_MAX_LCORE));
	assert_true((char *)spdk_get_per_lcore_history(file, 1) + spdk_get_trace_history_size(ENTRIES) <=
		(char *)file + file->file_size);
	assert_string_equal(file->tname[0], "trace_test");

	assert_int_equal(file->owner_type[OWNER_TYPE].type, OWNER_TYPE);
	assert_int_equal(file->owner_type[OWNER_TYPE].id_prefix, 'e');
	assert_int_equal(file->object[OBJECT].type, OBJECT);
	assert_int_equal(file->object[OBJECT].id_prefix, 'd');
	assert_int_equal(file->tpoint_mask[GROUP], UINT64_MAX);
	assert_int_equal(file->tpoint_mask[OTHER_GROUP], 0);

	assert_string_equal(file->tpoint[POINT(0)].name, "NONE");
	assert_int_equal(file->tpoint[POINT(0)].num_args, 0);
	assert_int_equal(file->tpoint[POINT(0)].new_object, 1);
	assert_int_equal(file->tpoint[POINT(0)].owner_type, OWNER_TYPE);
	assert_int_equal(file->tpoint[POINT(0)].object_type, OBJECT);
	assert_string_equal(point->name, "LARGE");
	assert_int_equal(point->tpoint_id, POINT(2));
	assert_int_equal(point->num_args, 4);
	assert_string_equal(point->args[1].name, "text");
	assert_int_equal(point->args[1].type, SPDK_TRACE_ARG_TYPE_STR);
	assert_int_equal(point->args[1].size, 30);
	assert_memory_equal(point->args[2].name, "a_very_long_na", 14);
	assert_string_equal(file->tpoint[POINT(63)].name, "A_NAME_OF_MORE_THAN_24_");
	assert_int_equal(file->tpoint[POINT(10)].num_args, 1);
	assert_int_equal(file->tpoint[POINT(11)].num_args, 0);
	assert_string_equal(file->tpoint[POINT(11)].name, "NULL");
	assert_string_equal(file->tpoint[POINT(3)].name, "");
	assert_string_equal(file->tpoint[POINT(4)].name, "");
	assert_string_equal(file->tpoint[POINT(5)].name, "");
	unmap_file(file);
}

static void
records_what_happens(void **state)
{
	struct spdk_trace_file *file = map_file();
	struct spdk_trace_history *history = history_of(file);
	uint64_t before = spdk_get_ticks();
	struct {
		uint32_t four;
		uint8_t one;
		uint16_t two;
	} __attribute__((packed)) small;
	struct {
		uint64_t number;
		char text[30];
		void *pointer;
		char tiny[4];
	} __attribute__((packed)) large;

	spdk_trace_record(POINT(0), 7, 8, 0x123456789abcdefull);
	assert_int_equal(history->next_entry, 1);
	assert_int_equal(history->entries[0].tpoint_id, POINT(0));
	assert_int_equal(history->entries[0].owner_id, 7);
	assert_int_equal(history->entries[0].size, 8);
	assert_int_equal(history->entries[0].object_id, 0x123456789abcdefull);
	assert_true(history->entries[0].tsc >= before && history->entries[0].tsc <= spdk_get_ticks());

	/* Just what fits into the entry, at a time that the caller knows. */
	spdk_trace_record_tsc(4711, POINT(1), 0, 0, 0, 0x01020304, 5, 0x0607);
	assert_int_equal(history->next_entry, 2);
	assert_int_equal(history->entries[1].tsc, 4711);
	get_args(history, 1, (uint8_t *)&small, sizeof(small));
	assert_int_equal(small.four, 0x01020304);
	assert_int_equal(small.one, 5);
	assert_int_equal(small.two, 0x0607);

	/* 50 bytes: 8, 22 and 20. */
	spdk_trace_record(POINT(2), 0, 0, 0, 0x1122334455667788ull, LONG_TEXT, &small, "yes");
	assert_int_equal(history->next_entry, 5);
	get_args(history, 2, (uint8_t *)&large, sizeof(large));
	assert_int_equal(large.number, 0x1122334455667788ull);
	assert_memory_equal(large.text, LONG_TEXT, 29);
	assert_int_equal(large.text[29], 0);
	assert_ptr_equal(large.pointer, &small);
	assert_string_equal(large.tiny, "yes");

	spdk_trace_record(POINT(2), 0, 0, 0, 1ull, "", NULL, NULL);
	get_args(history, 5, (uint8_t *)&large, sizeof(large));
	assert_string_equal(large.text, "");
	assert_int_equal(large.text[29], 0);
	assert_string_equal(large.tiny, "");

	assert_int_equal(history->tpoint_count[POINT(0)], 1);
	assert_int_equal(history->tpoint_count[POINT(2)], 2);
	unmap_file(file);
}

static void
drops_what_does_not_fit_its_point(void **state)
{
	spdk_trace_record(POINT(0), 0, 0, 0, 1);
	spdk_trace_record(POINT(1), 0, 0, 0);
	_spdk_trace_record(0, SPDK_TRACE_MAX_TPOINT_ID, 0, 0, 0, 0);
	_spdk_trace_record(0, UINT16_MAX, 0, 0, 0, 0);
	assert_int_equal(history_of(g_trace_file)->next_entry, 0);
}

static void
takes_the_place_of_the_oldest(void **state)
{
	struct spdk_trace_history *history = history_of(g_trace_file);
	uint8_t bytes[8 * 255];
	char text[256];
	uint64_t i;

	for (i = 0; i < 3 * ENTRIES + 5; i++) {
		spdk_trace_record(POINT(0), 0, 0, i);
	}
	assert_int_equal(history->next_entry, 3 * ENTRIES + 5);
	for (i = 2 * ENTRIES + 5; i < 3 * ENTRIES + 5; i++) {
		assert_int_equal(history->entries[i % ENTRIES].object_id, i);
	}

	/* The longest entry that there can be, around the end of the ring. */
	memset(text, 'x', sizeof(text));
	text[255] = '\0';
	for (i = history->next_entry; i % ENTRIES != ENTRIES - 10; i++) {
		spdk_trace_record(POINT(0), 0, 0, 0);
	}
	spdk_trace_record(POINT(63), 0, 0, 0, text, text, text, text, text, text, text, text);
	assert_int_equal(history->next_entry, i + 1 + (8 * 255 - 8 + 21) / 22);
	get_args(history, i, bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(bytes[i], i % 255 == 254 ? '\0' : 'x');
	}
}

static void
records_only_what_is_on(void **state)
{
	struct spdk_trace_history *history = history_of(g_trace_file);
	uint32_t told = g_told;

	spdk_trace_clear_tpoints(GROUP, 1);
	assert_int_equal(g_told, told + 1);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), UINT64_MAX - 1);
	assert_int_equal(spdk_trace_get_tpoint_group_mask(), 1ull << GROUP);
	assert_false(spdk_trace_tpoint_enabled(POINT(0)));
	assert_true(spdk_trace_tpoint_enabled(POINT(63)));
	spdk_trace_record(POINT(0), 0, 0, 0);
	assert_int_equal(history->next_entry, 0);
	spdk_trace_record(POINT(11), 0, 0, 0);
	assert_int_equal(history->next_entry, 1);

	spdk_trace_clear_tpoint_group_mask(1ull << GROUP);
	assert_int_equal(spdk_trace_get_tpoint_group_mask(), 0);
	spdk_trace_set_tpoints(GROUP, 5);
	spdk_trace_set_tpoints(GROUP, 2);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 7);

	/* By name. */
	assert_int_equal(spdk_trace_create_tpoint_group_mask("test"), 1ull << GROUP);
	assert_int_equal(spdk_trace_create_tpoint_group_mask("bdev"), 1ull << 3);
	assert_int_equal(spdk_trace_create_tpoint_group_mask("thread"), 1ull << 10);
	assert_int_equal(spdk_trace_create_tpoint_group_mask("all"), (1ull << SPDK_TRACE_MAX_GROUP_ID) - 1);
	assert_int_equal(spdk_trace_create_tpoint_group_mask("nothing"), 0);
	assert_int_equal(spdk_trace_create_tpoint_group_mask(NULL), 0);
	assert_int_equal(spdk_trace_disable_tpoint_group("all"), 0);
	assert_int_equal(spdk_trace_get_tpoint_group_mask(), 0);
	assert_int_equal(spdk_trace_enable_tpoint_group("test"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), UINT64_MAX);
	assert_int_equal(spdk_trace_enable_tpoint_group("nothing"), -EINVAL);
	assert_int_equal(spdk_trace_disable_tpoint_group(""), -EINVAL);

	/* No group has these numbers. */
	spdk_trace_set_tpoints(SPDK_TRACE_MAX_GROUP_ID, 1);
	spdk_trace_clear_tpoints(UINT32_MAX, 1);
	assert_int_equal(spdk_trace_get_tpoint_mask(SPDK_TRACE_MAX_GROUP_ID), 0);
	spdk_trace_set_tpoint_group_mask(UINT64_MAX);
	assert_int_equal(spdk_trace_get_tpoint_group_mask(), (1ull << SPDK_TRACE_MAX_GROUP_ID) - 1);
}

static void
reads_lists_of_groups(void **state)
{
	static const char *const bad[] = {"", ",", "test,", "nothing", "test:", "test:0", "test:xyz", "test:-1",
		"0x3:1", "all:1", "test:1:2", "0", "-1", "0x100000", "test nothing"};
	size_t i;

	spdk_trace_clear_tpoint_group_mask(UINT64_MAX);
	assert_int_equal(trace_set_by_list("test:0x5"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 5);
	assert_int_equal(trace_set_by_list("test:f0,thread,bdev:1"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 0xf5);
	assert_int_equal(spdk_trace_get_tpoint_mask(10), UINT64_MAX);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), 1);
	spdk_trace_clear_tpoint_group_mask(UINT64_MAX);
	assert_int_equal(trace_set_by_list("0x8,80000:ff"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(3), UINT64_MAX);
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 0xff);
	assert_int_equal(trace_set_by_list("all"), 0);
	assert_int_equal(spdk_trace_get_tpoint_mask(0), UINT64_MAX);
	for (i = 0; i < SPDK_COUNTOF(bad); i++) {
		assert_int_equal(trace_set_by_list(bad[i]), -EINVAL);
	}
}

static void
explains_itself(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	spdk_trace_mask_usage(file, "-e");
	fclose(file);
	assert_non_null(strstr(text, "-e, --tpoint-group"));
	assert_non_null(strstr(text, "test"));
	assert_non_null(strstr(text, "bdev"));
	assert_non_null(strstr(text, "all"));
	free(text);
}

/* ---- threads ---- */

static void *
record_on_a_thread(void *arg)
{
	int rc;

	spdk_trace_record(POINT(0), 0, 0, 1);
	rc = spdk_trace_unregister_user_thread();
	assert_int_equal(rc, -ENOENT);
	rc = spdk_trace_register_user_thread();
	if (rc == 0) {
		spdk_trace_record(POINT(0), 0, 0, 2);
		assert_int_equal(spdk_trace_register_user_thread(), -EEXIST);
	}
	return (void *)(intptr_t)rc;
}

static int
run_thread(void)
{
	pthread_t thread;
	void *rc;

	assert_int_equal(pthread_create(&thread, NULL, record_on_a_thread, NULL), 0);
	assert_int_equal(pthread_join(thread, &rc), 0);
	return (int)(intptr_t)rc;
}

static void
gives_each_thread_a_history(void **state)
{
	struct spdk_trace_history *history = spdk_get_per_lcore_history(g_trace_file, 1);

	assert_int_equal(run_thread(), 0);
	assert_int_equal(history->next_entry, 1);
	assert_int_equal(history->entries[0].object_id, 2);
	assert_int_equal(history_of(g_trace_file)->next_entry, 0);

	/* That of a thread which did not give it back stays taken. */
	assert_int_equal(run_thread(), -ENOENT);
	assert_int_equal(spdk_trace_unregister_user_thread(), 0);
	spdk_trace_record(POINT(0), 0, 0, 3);
	assert_int_equal(history_of(g_trace_file)->next_entry, 0);
	assert_int_equal(run_thread(), 0);
	assert_int_equal(history_of(g_trace_file)->next_entry, 1);
	assert_int_equal(spdk_trace_register_user_thread(), -ENOENT);
}

static void
forgets_the_threads_of_the_last_trace(void **state)
{
	spdk_trace_cleanup();
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 1), 0);
	spdk_trace_set_tpoint_group_mask(1ull << GROUP);
	spdk_trace_record(POINT(0), 0, 0, 1);
	assert_int_equal(history_of(g_trace_file)->next_entry, 0);
	assert_int_equal(spdk_trace_register_user_thread(), 0);
	spdk_trace_record(POINT(0), 0, 0, 1);
	assert_int_equal(history_of(g_trace_file)->next_entry, 1);
}

/* ---- owners ---- */

static void
names_owners(void **state)
{
	struct spdk_trace_file *file = map_file();
	uint16_t first = spdk_trace_register_owner(OWNER_TYPE, "first");
	uint16_t second = spdk_trace_register_owner(OWNER_TYPE, NULL);
	struct spdk_trace_owner *owner = spdk_get_trace_owner(file, first);
	char text[300];

	assert_int_not_equal(first, 0);
	assert_int_not_equal(second, 0);
	assert_int_not_equal(first, second);
	assert_string_equal(owner->description, "first");
	assert_int_equal(owner->type, OWNER_TYPE);
	assert_int_not_equal(owner->tsc, 0);
	assert_string_equal(spdk_get_trace_owner(file, second)->description, "");
	spdk_trace_owner_set_description(first, "new");
	assert_string_equal(owner->description, "new");
	spdk_trace_owner_append_description(first, "and more");
	assert_string_equal(owner->description, "new and more");

	memset(text, 'y', sizeof(text));
	text[299] = '\0';
	spdk_trace_owner_append_description(first, text);
	assert_int_equal(strlen(owner->description), 118);
	spdk_trace_owner_append_description(first, text);
	assert_int_equal(strlen(owner->description), 118);
	spdk_trace_owner_set_description(second, text);
	assert_int_equal(strlen(spdk_get_trace_owner(file, second)->description), 118);

	/* Nobody; no longer anybody; nothing that could be. */
	spdk_trace_owner_set_description(0, "x");
	spdk_trace_unregister_owner(0);
	spdk_trace_unregister_owner(first);
	spdk_trace_owner_set_description(first, "x");
	assert_int_equal(strlen(owner->description), 118);
	spdk_trace_owner_append_description(UINT16_MAX, "x");
	spdk_trace_unregister_owner(UINT16_MAX);
	assert_null(spdk_get_trace_owner(file, UINT16_MAX));
	unmap_file(file);
}

static void
uses_ids_again_as_late_as_possible(void **state)
{
	uint16_t first = spdk_trace_register_owner(OWNER_TYPE, "first"), id = 0, last = 0;
	int count;

	spdk_trace_unregister_owner(first);
	for (count = 0; (id = spdk_trace_register_owner(OWNER_TYPE, "one of many")) != 0; count++) {
		last = id;
	}
	/* The first one came last, and then there was no more. */
	assert_int_equal(last, first);
	assert_int_equal(count, g_trace_file->num_owners - 1);
	spdk_trace_unregister_owner(17);
	assert_int_equal(spdk_trace_register_owner(OWNER_TYPE, "again"), 17);
}

/* ---- registering ---- */

static void
relates_arguments_to_objects(void **state)
{
	struct spdk_trace_tpoint *point = &g_trace_file->tpoint[POINT(20)];
	int i;

	spdk_trace_tpoint_register_relation(POINT(20), OBJECT, 1);
	spdk_trace_tpoint_register_relation(POINT(20), OBJECT_NONE, 1);
	spdk_trace_tpoint_register_relation(POINT(20), OBJECT, 8);
	spdk_trace_tpoint_register_relation(SPDK_TRACE_MAX_TPOINT_ID, OBJECT, 1);
	/* A point that is registered later keeps them. */
	spdk_trace_register_description("LATE", POINT(20), 0, 0, 0, SPDK_TRACE_ARG_TYPE_INT, "i");
	assert_int_equal(point->related_objects[0].object_type, OBJECT);
	assert_int_equal(point->related_objects[0].arg_index, 1);
	assert_int_equal(point->related_objects[1].object_type, OBJECT_NONE);
	for (i = 1; i < SPDK_TRACE_MAX_RELATIONS; i++) {
		spdk_trace_tpoint_register_relation(POINT(20), (uint8_t)(100 + i), 0);
	}
	spdk_trace_tpoint_register_relation(POINT(20), OBJECT, 0);
	assert_int_equal(point->related_objects[15].object_type, 115);
}

static uint32_t g_late_calls;

static void
late_fn(void)
{
	g_late_calls++;
	spdk_trace_register_description("LATE_FN", SPDK_TPOINT_ID(OTHER_GROUP, 1), 0, 0, 0, 0, NULL);
}

static struct spdk_trace_register_fn *
find_group(const char *name)
{
	struct spdk_trace_register_fn *fn;

	for (fn = spdk_trace_get_first_register_fn(); fn != NULL; fn = spdk_trace_get_next_register_fn(fn)) {
		if (strcmp(fn->name, name) == 0) {
			return fn;
		}
	}
	return NULL;
}

/* A module that is loaded while there is a trace. */
static void
adds_groups_at_any_time(void **state)
{
	/* It has to live on. */
	static struct spdk_trace_register_fn late = {"late", OTHER_GROUP, late_fn, NULL};
	struct spdk_trace_register_fn same_name = {"test", 17, late_fn, NULL};
	struct spdk_trace_register_fn same_number = {"other", GROUP, late_fn, NULL};
	struct spdk_trace_register_fn no_name = {NULL, 17, late_fn, NULL};
	struct spdk_trace_register_fn all = {"all", 17, late_fn, NULL};
	struct spdk_trace_register_fn too_large = {"large", SPDK_TRACE_MAX_GROUP_ID, late_fn, NULL};
	uint32_t registered = g_registered;

	spdk_trace_add_register_fn(&late);
	assert_int_equal(g_late_calls, 1);
	assert_ptr_equal(find_group("late"), &late);
	assert_string_equal(g_trace_file->tpoint[SPDK_TPOINT_ID(OTHER_GROUP, 1)].name, "LATE_FN");
	spdk_trace_add_register_fn(&same_name);
	spdk_trace_add_register_fn(&same_number);
	spdk_trace_add_register_fn(&no_name);
	spdk_trace_add_register_fn(&all);
	spdk_trace_add_register_fn(&too_large);
	assert_int_equal(g_late_calls, 1);
	assert_null(find_group("other"));
	assert_null(find_group("large"));

	/* The next trace calls all again. */
	spdk_trace_cleanup();
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 2), 0);
	assert_int_equal(g_late_calls, 2);
	assert_int_equal(g_registered, registered + 1);
}

/* ---- the life of the file ---- */

static void
stays_only_if_it_holds_entries(void **state)
{
	struct spdk_trace_file *file;

	spdk_trace_cleanup();
	assert_false(file_exists());
	setup(state);
	spdk_trace_record(POINT(0), 0, 0, 12);
	spdk_trace_cleanup();
	assert_null(g_trace_file);
	assert_true(file_exists());
	file = map_file();
	assert_int_equal(history_of(file)->entries[0].object_id, 12);

	/* A trace of the same name takes its place, and does not disturb who reads it. */
	setup(state);
	assert_int_equal(history_of(g_trace_file)->next_entry, 0);
	assert_int_equal(history_of(file)->next_entry, 1);
	unmap_file(file);
}

static void
refuses_what_cannot_be(void **state)
{
	char long_name[200];

	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 1), -EEXIST);
	assert_int_equal(trace_prepare(g_name, ENTRIES, 1), -EEXIST);
	spdk_trace_cleanup();
	memset(long_name, 'x', sizeof(long_name));
	long_name[0] = '/';
	long_name[199] = '\0';
	assert_int_equal(spdk_trace_init(long_name, ENTRIES, 1), -EINVAL);
	assert_int_equal(spdk_trace_init("name", ENTRIES, 1), -EINVAL);
	assert_int_equal(spdk_trace_init(NULL, ENTRIES, 1), -EINVAL);
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, SPDK_TRACE_MAX_LCORE + 1), -EINVAL);
	assert_int_equal(spdk_trace_init(g_name, UINT64_MAX, 1), -EINVAL);
	assert_null(g_trace_file);
	/* More than there is. */
	assert_true(spdk_trace_init(g_name, 1ull << 32, SPDK_TRACE_MAX_LCORE) < 0);
	assert_int_equal(spdk_trace_init("/no/such/folder", ENTRIES, 1), -EINVAL);
	assert_null(g_trace_file);
	assert_false(file_exists());
	/* Not tried again when something is switched on. */
	assert_int_equal(spdk_trace_enable_tpoint_group("test"), -ENODEV);

	/* The number of entries is rounded up, and large enough for any entry. */
	assert_int_equal(spdk_trace_init(g_name, 1000, 1), 0);
	assert_int_equal(history_of(g_trace_file)->num_entries, 1024);
	spdk_trace_cleanup();
	assert_int_equal(spdk_trace_init(g_name, 1, 1), 0);
	assert_int_equal(history_of(g_trace_file)->num_entries, 128);
}

static void
is_made_when_something_is_switched_on(void **state)
{
	char path[100];

	trace_get_path(path, sizeof(path));
	assert_string_equal(path, "");
	assert_int_equal(trace_prepare(g_name, ENTRIES, 1), 0);
	assert_null(g_trace_file);
	assert_false(file_exists());
	trace_get_path(path, sizeof(path));
	assert_string_equal(path, g_path);
	assert_int_equal(spdk_trace_register_owner(OWNER_TYPE, "x"), 0);
	spdk_trace_clear_tpoints(GROUP, 1);
	assert_int_equal(spdk_trace_disable_tpoint_group("all"), 0);
	assert_false(file_exists());

	spdk_trace_set_tpoints(GROUP, 1);
	assert_non_null(g_trace_file);
	assert_true(file_exists());
	assert_int_equal(spdk_trace_get_tpoint_mask(GROUP), 1);
	spdk_trace_cleanup();
	assert_false(file_exists());

	/* Prepared no more. */
	spdk_trace_set_tpoints(GROUP, 1);
	assert_null(g_trace_file);
	assert_int_equal(trace_prepare(g_name, 0, 1), 0);
	spdk_trace_set_tpoints(GROUP, 1);
	assert_null(g_trace_file);
}

/* Last, as the environment starts once. */
static void
gives_each_core_a_history(void **state)
{
	struct spdk_env_opts opts = {.opts_size = sizeof(opts)};

	spdk_env_opts_init(&opts);
	opts.name = "trace_test";
	assert_int_equal(spdk_env_init(&opts), 0);
	assert_int_equal(spdk_trace_init(g_name, ENTRIES, 2), 0);
	assert_int_equal(spdk_trace_register_user_thread(), -EINVAL);
	assert_int_equal(spdk_trace_unregister_user_thread(), -EINVAL);
	spdk_trace_set_tpoints(GROUP, 1);
	spdk_trace_record(POINT(0), 0, 0, 99);
	assert_string_equal(g_trace_file->tname[0], "reactor_0");
	assert_int_equal(history_of(g_trace_file)->entries[0].object_id, 99);
	assert_int_equal(spdk_get_per_lcore_history(g_trace_file, 1)->lcore, 1);
	assert_non_null(spdk_get_per_lcore_history(g_trace_file, 2));
	assert_null(spdk_get_per_lcore_history(g_trace_file, 3));
	assert_int_equal(run_thread(), 0);
	assert_int_equal(spdk_get_per_lcore_history(g_trace_file, 1)->next_entry, 1);
	spdk_trace_cleanup();
	spdk_env_fini();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(does_nothing_without_a_trace, teardown),
		TEST(is_laid_out_as_readers_expect),
		TEST(records_what_happens),
		TEST(drops_what_does_not_fit_its_point),
		TEST(takes_the_place_of_the_oldest),
		TEST(records_only_what_is_on),
		TEST(reads_lists_of_groups),
		TEST(explains_itself),
		TEST(gives_each_thread_a_history),
		TEST(forgets_the_threads_of_the_last_trace),
		TEST(names_owners),
		TEST(uses_ids_again_as_late_as_possible),
		TEST(relates_arguments_to_objects),
		TEST(adds_groups_at_any_time),
		TEST(stays_only_if_it_holds_entries),
		TEST(refuses_what_cannot_be),
		cmocka_unit_test_teardown(is_made_when_something_is_switched_on, teardown),
		cmocka_unit_test_teardown(gives_each_core_a_history, teardown),
	};

	return cmocka_run_group_tests_name("trace", tests, setup_names, NULL);
}
