/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * GUID partition tables as they stand on a disk: UEFI specification 2.10, chapter 5. All numbers are little-endian.
 * A block of logical size holds the protective MBR (LBA 0), the next one the header, then come the entries; header and
 * entries stand again at the end of the disk.
 */

#ifndef SPDK_GPT_SPEC_H
#define SPDK_GPT_SPEC_H

#include "spdk/stdinc.h"
#include "spdk/assert.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A GUID in its form on disk (appendix A): the first three fields are little-endian, the others are not. */
struct spdk_gpt_guid {
	uint8_t raw[16];
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_gpt_guid) == 16, "wire format");

/* Byte `n` of a number, the lowest first. */
#define BDK_GPT_BYTE(x, n) ((uint8_t)((uint64_t)(x) >> (8 * (n))))

/*
 * A struct spdk_gpt_guid from the numbers of its textual form aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee. They are constants; the
 * whole may initialize a variable, and its address may be taken.
 */
#define SPDK_GPT_GUID(a, b, c, d, e) \
	(struct spdk_gpt_guid) \
	{ \
		{ \
			BDK_GPT_BYTE(a, 0), BDK_GPT_BYTE(a, 1), BDK_GPT_BYTE(a, 2), BDK_GPT_BYTE(a, 3), \
				BDK_GPT_BYTE(b, 0), BDK_GPT_BYTE(b, 1), BDK_GPT_BYTE(c, 0), BDK_GPT_BYTE(c, 1), \
				BDK_GPT_BYTE(d, 1), BDK_GPT_BYTE(d, 0), BDK_GPT_BYTE(e, 5), BDK_GPT_BYTE(e, 4), \
				BDK_GPT_BYTE(e, 3), BDK_GPT_BYTE(e, 2), BDK_GPT_BYTE(e, 1), BDK_GPT_BYTE(e, 0) \
		} \
	}

/* Values of part_type_guid (5.3.3): an entry that is not used, an EFI system partition, a partition that holds an MBR. */
#define SPDK_GPT_PART_TYPE_UNUSED SPDK_GPT_GUID(0x00000000, 0x0000, 0x0000, 0x0000, 0x000000000000)
#define SPDK_GPT_PART_TYPE_EFI_SYSTEM_PARTITION SPDK_GPT_GUID(0xC12A7328, 0xF81F, 0x11D2, 0xBA4B, 0x00A0C93EC93B)
#define SPDK_GPT_PART_TYPE_LEGACY_MBR SPDK_GPT_GUID(0x024DEE41, 0x33E7, 0x11D3, 0x9D69, 0x0008C781F39F)

#define SPDK_GPT_SIGNATURE "EFI PART"
#define SPDK_GPT_REVISION_1_0 0x00010000u

/* The header (5.3.2). */
struct spdk_gpt_header {
	/* SPDK_GPT_SIGNATURE without its final zero. */
	char gpt_signature[8];
	/* SPDK_GPT_REVISION_1_0. */
	uint32_t revision;
	/* Bytes that header_crc32 covers: 92 to the size of a block. */
	uint32_t header_size;
	/* CRC-32 of the header, taken with this field as zero. */
	uint32_t header_crc32;
	uint32_t reserved;
	/* Where this header stands, and where the other one does. */
	uint64_t my_lba;
	uint64_t alternate_lba;
	/* Partitions lie between these, both included. */
	uint64_t first_usable_lba;
	uint64_t last_usable_lba;
	struct spdk_gpt_guid disk_guid;
	/* The entries: the first block, their number, the bytes of one (128 times a power of two), CRC-32 of all. */
	uint64_t partition_entry_lba;
	uint32_t num_partition_entries;
	uint32_t size_of_partition_entry;
	uint32_t partition_entry_array_crc32;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_gpt_header) == 92, "wire format");

/* A partition (5.3.3). */
struct spdk_gpt_partition_entry {
	struct spdk_gpt_guid part_type_guid;
	/* Of this partition alone. */
	struct spdk_gpt_guid unique_partition_guid;
	/* First and last block, both included. */
	uint64_t starting_lba;
	uint64_t ending_lba;
	struct {
		/* The platform needs this partition: it must not be removed. */
		uint64_t required : 1;
		/* Firmware does not offer it as a block device. */
		uint64_t no_block_io_proto : 1;
		/* A BIOS may boot from it. */
		uint64_t legacy_bios_bootable : 1;
		uint64_t reserved_uefi : 45;
		/* Free for the type. */
		uint64_t guid_specific : 16;
	} attr;
	/* UTF-16, ended by a zero if shorter. */
	uint16_t partition_name[36];
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_gpt_partition_entry) == 128, "wire format");

#define SPDK_MBR_SIGNATURE 0xAA55

/* Values of os_type: an EFI system partition, and the one that keeps old tools off the whole disk (5.2.3). */
#define SPDK_MBR_OS_TYPE_EFI_SYSTEM_PARTITION 0xEF
#define SPDK_MBR_OS_TYPE_GPT_PROTECTIVE 0xEE

/* Cylinder, head and sector; all ones where they cannot say it (5.2.1). */
struct spdk_mbr_chs {
	uint8_t head;
	/* Counted from 1. */
	uint16_t sector : 6;
	uint16_t cylinder : 10;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_mbr_chs) == 3, "wire format");

/* A partition of an MBR (5.2.1). */
struct spdk_mbr_partition_entry {
	uint8_t reserved : 7;
	uint8_t bootable : 1;
	struct spdk_mbr_chs start_chs;
	/* SPDK_MBR_OS_TYPE_*; 0 if the entry is not used. */
	uint8_t os_type;
	struct spdk_mbr_chs end_chs;
	/* In blocks. */
	uint32_t start_lba;
	uint32_t size_lba;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_mbr_partition_entry) == 16, "wire format");

/* The first block of a disk: a master boot record, old or protective (5.2.1, 5.2.3). */
struct spdk_mbr {
	uint8_t boot_code[440];
	uint32_t disk_signature;
	uint16_t reserved_444;
	struct spdk_mbr_partition_entry partitions[4];
	/* SPDK_MBR_SIGNATURE. */
	uint16_t mbr_signature;
} __attribute__((packed));
SPDK_STATIC_ASSERT(sizeof(struct spdk_mbr) == 512, "wire format");

#ifdef __cplusplus
}
#endif

#endif /* SPDK_GPT_SPEC_H */
