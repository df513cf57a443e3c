/* SPDX-License-Identifier: BSD-3-Clause */

/* module/bdev/gpt/gpt_table.c: each check of what stands on a disk. */

#include "spdk/stdinc.h"

#include <setjmp.h>
#include <cmocka.h>

#include "gpt_image.h"
#include "module/bdev/gpt/gpt_table.h"
#include "spdk/endian.h"
#include "spdk/util.h"

#define NUM_BLOCKS 256
#define NUM_ENTRIES 16

static uint8_t g_data[NUM_BLOCKS * 4096];
static struct gpt_image g_image;
static struct gpt_disk g_disk;
static struct gpt_header g_header;

static const struct gpt_image_part g_parts[] = {
	{GPT_IMAGE_TYPE_SPDK, 40, 99, 0x11},
	{},
	{GPT_IMAGE_TYPE_LINUX, 100, 100, 0x22},
};

static void
make(uint32_t block_size)
{
	memset(g_data, 0, sizeof(g_data));
	g_image = (struct gpt_image){g_data, block_size, NUM_BLOCKS, NUM_ENTRIES};
	g_disk = (struct gpt_disk){block_size, NUM_BLOCKS};
	gpt_image_make(&g_image, g_parts, SPDK_COUNTOF(g_parts));
}

static int
setup(void **state)
{
	make(512);
	return 0;
}

static const char *
read_header(bool backup)
{
	return gpt_header_read(&g_disk, gpt_image_header(&g_image, backup), backup ? NUM_BLOCKS - 1 : 1, &g_header);
}

static void *
entries(bool backup)
{
	return gpt_image_entry(&g_image, backup, 0);
}

/* ---- The master boot record ---- */

static void
the_boot_record_has_to_protect(void **state)
{
	struct spdk_mbr *mbr = gpt_image_mbr(&g_image);

	assert_true(gpt_mbr_is_protective(mbr));
	/* Whatever size it claims. */
	to_le32(&mbr->partitions[0].size_lba, UINT32_MAX);
	assert_true(gpt_mbr_is_protective(mbr));
	to_le32(&mbr->partitions[0].size_lba, 7);
	assert_true(gpt_mbr_is_protective(mbr));
	/* A hybrid one, with other entries before it. */
	mbr->partitions[3] = mbr->partitions[0];
	mbr->partitions[0].os_type = 0x83;
	assert_true(gpt_mbr_is_protective(mbr));
	to_le32(&mbr->partitions[3].start_lba, 2);
	assert_false(gpt_mbr_is_protective(mbr));
	to_le32(&mbr->partitions[3].start_lba, 1);
	mbr->partitions[3].os_type = SPDK_MBR_OS_TYPE_EFI_SYSTEM_PARTITION;
	assert_false(gpt_mbr_is_protective(mbr));
	mbr->partitions[3].os_type = SPDK_MBR_OS_TYPE_GPT_PROTECTIVE;
	to_le16(&mbr->mbr_signature, 0x55aa);
	assert_false(gpt_mbr_is_protective(mbr));
}

/* ---- The header ---- */

static void
a_good_header_is_taken(void **state)
{
	static const uint32_t block_sizes[] = {512, 1024, 4096};

	for (size_t i = 0; i < SPDK_COUNTOF(block_sizes); i++) {
		make(block_sizes[i]);
		for (int backup = 0; backup < 2; backup++) {
			assert_null(read_header(backup));
			assert_int_equal(g_header.first_usable, gpt_image_first_usable(&g_image));
			assert_int_equal(g_header.last_usable, gpt_image_last_usable(&g_image));
			assert_int_equal(g_header.num_entries, NUM_ENTRIES);
			assert_int_equal(g_header.entry_size, 128);
			assert_int_equal(gpt_entries_num_blocks(&g_disk, &g_header),
				SPDK_CEIL_DIV(NUM_ENTRIES * 128, block_sizes[i]));
			assert_true(gpt_entries_are_good(&g_header, entries(backup)));
		}
	}
}

/* The fields, by place and size, and what is said of values of which the checksum is right. */
struct fault {
	size_t offset;
	size_t size;
	uint64_t value;
	const char *said;
};

#define FIELD(name) offsetof(struct spdk_gpt_header, name), SPDK_SIZEOF_MEMBER(struct spdk_gpt_header, name)

static const struct fault g_faults[] = {
	{FIELD(header_size), 91, "it cannot have that size"},
	{FIELD(header_size), 0, "it cannot have that size"},
	{FIELD(header_size), 513, "it cannot have that size"},
	{FIELD(header_size), UINT32_MAX, "it cannot have that size"},
	{FIELD(my_lba), 2, "it belongs to another block"},
	{FIELD(my_lba), 0, "it belongs to another block"},
	{FIELD(first_usable_lba), 252, "its usable blocks end before they begin"},
	{FIELD(first_usable_lba), UINT64_MAX, "its usable blocks end before they begin"},
	{FIELD(last_usable_lba), 0, "its usable blocks end before they begin"},
	{FIELD(last_usable_lba), NUM_BLOCKS, "its usable blocks go beyond the end of the disk"},
	{FIELD(last_usable_lba), UINT64_MAX, "its usable blocks go beyond the end of the disk"},
	{FIELD(first_usable_lba), 1, "it stands among its usable blocks"},
	{FIELD(first_usable_lba), 0, "it stands among its usable blocks"},
	{FIELD(first_usable_lba), 5, "its entries stand among its usable blocks"},
	{FIELD(size_of_partition_entry), 0, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), 64, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), 127, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), 192, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), 384, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), UINT32_MAX, "entries cannot have that size"},
	{FIELD(size_of_partition_entry), 1u << 31, "its entries take more than 128 KiB"},
	{FIELD(num_partition_entries), 0, "it has no entries"},
	{FIELD(num_partition_entries), 1025, "its entries take more than 128 KiB"},
	/* Times 128 that is 0 in 32 bits. */
	{FIELD(num_partition_entries), 1u << 25, "its entries take more than 128 KiB"},
	{FIELD(num_partition_entries), UINT32_MAX, "its entries take more than 128 KiB"},
	{FIELD(num_partition_entries), 1024, "its entries go beyond the end of the disk"},
	{FIELD(partition_entry_lba), 0, "its entries stand on a header"},
	{FIELD(partition_entry_lba), 1, "its entries stand on a header"},
	{FIELD(partition_entry_lba), 3, "its entries stand among its usable blocks"},
	{FIELD(partition_entry_lba), 100, "its entries stand among its usable blocks"},
	{FIELD(partition_entry_lba), 248, "its entries stand among its usable blocks"},
	{FIELD(partition_entry_lba), NUM_BLOCKS - 3, "its entries go beyond the end of the disk"},
	{FIELD(partition_entry_lba), NUM_BLOCKS, "its entries go beyond the end of the disk"},
	{FIELD(partition_entry_lba), UINT64_MAX, "its entries go beyond the end of the disk"},
	{FIELD(partition_entry_lba), UINT64_MAX - 3, "its entries go beyond the end of the disk"},
};

static void
what_a_header_must_not_say(void **state)
{
	uint64_t value;

	for (size_t i = 0; i < SPDK_COUNTOF(g_faults); i++) {
		setup(NULL);
		value = htole64(g_faults[i].value);
		memcpy((uint8_t *)gpt_image_header(&g_image, false) + g_faults[i].offset, &value, g_faults[i].size);
		gpt_image_seal(&g_image, false);
		assert_non_null(read_header(false));
		assert_string_equal(read_header(false), g_faults[i].said);
	}
}

static void
the_backup_keeps_out_of_the_usable_blocks_too(void **state)
{
	to_le64(&gpt_image_header(&g_image, true)->last_usable_lba, NUM_BLOCKS - 1);
	gpt_image_seal(&g_image, true);
	assert_string_equal(read_header(true), "it stands among its usable blocks");
}

static void
every_bit_of_a_header_counts(void **state)
{
	uint8_t *header = (uint8_t *)gpt_image_header(&g_image, false);

	for (size_t i = 0; i < 8 * sizeof(struct spdk_gpt_header); i++) {
		header[i / 8] ^= 1 << i % 8;
		assert_non_null(read_header(false));
		header[i / 8] ^= 1 << i % 8;
	}
	assert_null(read_header(false));
	/* A larger header has more that counts. */
	to_le32(&gpt_image_header(&g_image, false)->header_size, 512);
	gpt_image_seal(&g_image, false);
	assert_null(read_header(false));
	header[511] ^= 1;
	assert_string_equal(read_header(false), "its checksum is wrong");
	memset(header, 0, 8);
	assert_string_equal(read_header(false), "it has no signature");
}

/* ---- Entries ---- */

static void
every_bit_of_the_entries_counts(void **state)
{
	uint8_t *bytes = entries(false);

	assert_null(read_header(false));
	for (size_t i = 0; i < 8 * NUM_ENTRIES * sizeof(struct spdk_gpt_partition_entry); i += 7) {
		bytes[i / 8] ^= 1 << i % 8;
		assert_false(gpt_entries_are_good(&g_header, bytes));
		bytes[i / 8] ^= 1 << i % 8;
	}
	assert_true(gpt_entries_are_good(&g_header, bytes));
}

static void
an_entry_is_a_partition(void **state)
{
	struct gpt_partition partition;
	char text[SPDK_UUID_STRING_LEN];
	const char *why;

	assert_null(read_header(false));
	assert_int_equal(gpt_entry_read(&g_header, entries(false), 0, &partition, &why), 0);
	assert_int_equal(partition.index, 0);
	assert_int_equal(partition.first_block, 40);
	assert_int_equal(partition.num_blocks, 60);
	assert_string_equal(partition.name, "A");
	spdk_uuid_fmt_lower(text, sizeof(text), &partition.type);
	assert_string_equal(text, "6527994e-2c5a-4eec-9613-8f5944074e8b");
	spdk_uuid_fmt_lower(text, sizeof(text), &partition.unique);
	assert_string_equal(text, "11111111-1111-1111-1111-111111111111");

	assert_int_equal(gpt_entry_read(&g_header, entries(false), 1, &partition, &why), -ENOENT);
	assert_null(why);
	assert_int_equal(gpt_entry_read(&g_header, entries(false), 2, &partition, &why), 0);
	assert_int_equal(partition.num_blocks, 1);
	spdk_uuid_fmt_lower(text, sizeof(text), &partition.type);
	assert_string_equal(text, "0fc63daf-8483-4772-8e79-3d69d8477de4");
	assert_int_equal(gpt_entry_read(&g_header, entries(false), NUM_ENTRIES - 1, &partition, &why), -ENOENT);
}

static void
expect_place(uint64_t first, uint64_t last, const char *said)
{
	struct spdk_gpt_partition_entry *entry = gpt_image_entry(&g_image, false, 4);
	struct gpt_partition partition;
	const char *why;

	*entry = *gpt_image_entry(&g_image, false, 0);
	to_le64(&entry->starting_lba, first);
	to_le64(&entry->ending_lba, last);
	assert_int_equal(gpt_entry_read(&g_header, entries(false), 4, &partition, &why), said == NULL ? 0 : -EINVAL);
	if (said == NULL) {
		assert_null(why);
		assert_int_equal(partition.first_block, first);
		assert_int_equal(partition.num_blocks, last - first + 1);
	} else {
		assert_string_equal(why, said);
	}
	memset(entry, 0, sizeof(*entry));
}

static void
where_a_partition_may_lie(void **state)
{
	uint64_t first = gpt_image_first_usable(&g_image), last = gpt_image_last_usable(&g_image);

	assert_null(read_header(false));
	expect_place(first, 39, NULL);
	expect_place(101, last, NULL);
	expect_place(101, 101, NULL);
	expect_place(120, 119, "it ends before it begins");
	expect_place(UINT64_MAX, 0, "it ends before it begins");
	expect_place(0, 10, "it goes beyond the usable blocks");
	expect_place(first - 1, 10, "it goes beyond the usable blocks");
	expect_place(120, last + 1, "it goes beyond the usable blocks");
	expect_place(120, UINT64_MAX, "it goes beyond the usable blocks");
	expect_place(0, UINT64_MAX, "it goes beyond the usable blocks");
	expect_place(UINT64_MAX, UINT64_MAX, "it goes beyond the usable blocks");
	expect_place(first, 40, "it lies on another one");
	expect_place(99, 99, "it lies on another one");
	expect_place(50, 60, "it lies on another one");
	expect_place(first, last, "it lies on another one");
	expect_place(100, 101, "it lies on another one");
	expect_place(40, 99, "it lies on another one");
	/* One that cannot be itself is in nobody's way. */
	to_le64(&gpt_image_entry(&g_image, false, 0)->ending_lba, UINT64_MAX);
	expect_place(50, 60, NULL);
}

static void
entries_may_be_larger(void **state)
{
	struct gpt_header header = {.first_usable = 34, .last_usable = 200, .num_entries = 4, .entry_size = 256};
	uint8_t large[4 * 256] = {};
	struct gpt_partition partition;
	const char *why;

	memcpy(large + 3 * 256, gpt_image_entry(&g_image, false, 0), 128);
	memset(large + 3 * 256 + 128, 0xff, 128);
	assert_int_equal(gpt_entry_read(&header, large, 2, &partition, &why), -ENOENT);
	assert_int_equal(gpt_entry_read(&header, large, 3, &partition, &why), 0);
	assert_int_equal(partition.first_block, 40);
}

/* ---- Names ---- */

static void
expect_name(const uint16_t *units, size_t count, const char *name)
{
	struct spdk_gpt_partition_entry *entry = gpt_image_entry(&g_image, false, 0);
	struct gpt_partition partition;
	const char *why;

	memset(entry->partition_name, 0, sizeof(entry->partition_name));
	for (size_t i = 0; i < count; i++) {
		to_le16(&entry->partition_name[i], units[i]);
	}
	assert_int_equal(gpt_entry_read(&g_header, entries(false), 0, &partition, &why), 0);
	assert_string_equal(partition.name, name);
}

#define EXPECT_NAME(name, ...) \
	expect_name((const uint16_t[]){__VA_ARGS__}, SPDK_COUNTOF(((const uint16_t[]){__VA_ARGS__})), name)

static void
names_are_utf8_whatever_they_are(void **state)
{
	uint16_t units[36];
	char expected[3 * 36 + 1] = "";

	assert_null(read_header(false));
	EXPECT_NAME("", 0);
	EXPECT_NAME("EFI", 'E', 'F', 'I');
	EXPECT_NAME("Gr\xc3\xb6\xc3\x9f"
		    "e",
		'G', 'r', 0xf6, 0xdf, 'e');
	EXPECT_NAME("\xe2\x82\xac\xf0\x9f\x92\xbe!", 0x20ac, 0xd83d, 0xdcbe, '!');
	/* What comes behind the zero does not count. */
	EXPECT_NAME("a", 'a', 0, 'b');
	EXPECT_NAME("\"\n\x1b", '"', '\n', 0x1b);
	/* Halves of a pair. */
	EXPECT_NAME("\xef\xbf\xbd", 0xd83d);
	EXPECT_NAME("\xef\xbf\xbd", 0xdcbe);
	EXPECT_NAME("\xef\xbf\xbd\xef\xbf\xbd", 0xdcbe, 0xd83d);
	EXPECT_NAME("\xef\xbf\xbdx", 0xd83d, 'x');
	EXPECT_NAME("\xef\xbf\xbd\xf0\x9f\x92\xbe", 0xd83d, 0xd83d, 0xdcbe);
	/* The longest ones. */
	for (size_t i = 0; i < 36; i++) {
		units[i] = 0xffff;
		strcat(expected, "\xef\xbf\xbf");
	}
	expect_name(units, 36, expected);
	units[35] = 0xd83d;
	memcpy(expected + 3 * 35, "\xef\xbf\xbd", 3);
	expect_name(units, 36, expected);
	for (size_t i = 0; i < 36; i += 2) {
		units[i] = 0xd83d;
		units[i + 1] = 0xdcbe;
		memcpy(expected + 2 * i, "\xf0\x9f\x92\xbe", 5);
	}
	expect_name(units, 36, expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_boot_record_has_to_protect, setup),
		cmocka_unit_test_setup(a_good_header_is_taken, setup),
		cmocka_unit_test_setup(what_a_header_must_not_say, setup),
		cmocka_unit_test_setup(the_backup_keeps_out_of_the_usable_blocks_too, setup),
		cmocka_unit_test_setup(every_bit_of_a_header_counts, setup),
		cmocka_unit_test_setup(every_bit_of_the_entries_counts, setup),
		cmocka_unit_test_setup(an_entry_is_a_partition, setup),
		cmocka_unit_test_setup(where_a_partition_may_lie, setup),
		cmocka_unit_test_setup(entries_may_be_larger, setup),
		cmocka_unit_test_setup(names_are_utf8_whatever_they_are, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
