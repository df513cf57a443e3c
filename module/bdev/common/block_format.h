/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The format of the blocks of a bdev whose creator may choose it: what malloc and null have in common. The description
 * of the RPC parameters, their checks, their way into struct spdk_bdev and the saved configuration stand together here,
 * so that what was created can also be saved and loaded again.
 */

#ifndef MODULE_BDEV_BLOCK_FORMAT_H
#define MODULE_BDEV_BLOCK_FORMAT_H

#include "spdk/bdev_module.h"
#include "bdevkit/rpc.h"

struct block_format {
	/* Bytes of data in a block, without metadata. */
	uint32_t block_size;
	/* Bytes that the device writes at once; 0: block_size. */
	uint32_t physical_block_size;
	/* Bytes of metadata for each block; 0: none. */
	uint32_t md_size;
	/* Metadata follows the data of its block instead of lying in a buffer of its own. */
	bool md_interleave;
	int32_t dif_type;
	bool dif_is_head_of_md;
	uint32_t dif_pi_format;
};

/*
 * Says whether a bdev of that many blocks can have this format. Returns 0 or -EINVAL; *why is then a sentence for the
 * user, a constant.
 */
int block_format_check(const struct block_format *format, uint64_t num_blocks, const char **why);

/* Sets the fields of bdev that follow from a format that has passed the check. */
void block_format_apply(const struct block_format *format, struct spdk_bdev *bdev);

/* Writes the parameters of BLOCK_FORMAT_RPC_PARAMS. */
void block_format_write_config(const struct block_format *format, struct spdk_json_write_ctx *w);

/*
 * The RPC parameters of a format, for the list of a method whose parameter structure is params_type and holds the
 * format in member; block_size takes that place among the positional arguments. md_interleave is left to the module.
 */
#define BLOCK_FORMAT_RPC_PARAM(rpc_name, rpc_type, params_type, field) \
	.name = rpc_name, .type = rpc_type, .offset = offsetof(params_type, field)
/* clang-format off */
#define BLOCK_FORMAT_RPC_PARAMS(params_type, member, block_size_position) \
	{ \
		BLOCK_FORMAT_RPC_PARAM("block_size", BDK_RPC_UINT32, params_type, member.block_size), \
		.required = true, \
		.position = block_size_position, \
		.help = "data bytes of a block, a multiple of 512", \
	}, \
	{ \
		BLOCK_FORMAT_RPC_PARAM("physical_block_size", BDK_RPC_UINT32, params_type, member.physical_block_size), \
		.option = 'p', \
		.help = "bytes of a physical block, a multiple of 512", \
		.default_text = "block_size", \
	}, \
	{ \
		BLOCK_FORMAT_RPC_PARAM("md_size", BDK_RPC_UINT32, params_type, member.md_size), \
		.option = 'm', \
		.help = "bytes of metadata for each block: 0, 8, 16, 32, 64 or 128", \
		.default_text = "0", \
	}, \
	{ \
		BLOCK_FORMAT_RPC_PARAM("dif_type", BDK_RPC_INT32, params_type, member.dif_type), \
		.option = 't', \
		.help = "type of the protection information in the metadata: 0 (none), 1, 2 or 3", \
		.default_text = "0", \
	}, \
	{ \
		BLOCK_FORMAT_RPC_PARAM("dif_is_head_of_md", BDK_RPC_BOOL, params_type, member.dif_is_head_of_md), \
		.option = 'd', \
		.help = "the protection information stands first in the metadata, not last", \
		.default_text = "false", \
	}, \
	{ \
		BLOCK_FORMAT_RPC_PARAM("dif_pi_format", BDK_RPC_UINT32, params_type, member.dif_pi_format), \
		.option = 'f', \
		.help = "form of the protection information: 0 (16-bit guard), 1 (32) or 2 (64)", \
		.default_text = "0", \
	}
/* clang-format on */

#endif /* MODULE_BDEV_BLOCK_FORMAT_H */
