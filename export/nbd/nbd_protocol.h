/* SPDX-License-Identifier: BSD-3-Clause */

/* The NBD protocol on the wire: fixed newstyle handshake, simple and structured replies. All numbers are big endian. */

#ifndef NBD_PROTOCOL_H
#define NBD_PROTOCOL_H

#include <stdint.h>

#define NBD_PACKED __attribute__((packed))

#define NBD_DEFAULT_PORT 10809
/* Longest string that the protocol allows: export names, descriptions, meta context names. */
#define NBD_MAX_STRING 4096

/* ---- handshake ---- */

#define NBD_MAGIC 0x4e42444d41474943ULL /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC 0x49484156454f5054ULL /* "IHAVEOPT" */
#define NBD_OPTION_REPLY_MAGIC 0x3e889045565a9ULL

/* Handshake flags of the server, and what the client may answer. */
#define NBD_FLAG_FIXED_NEWSTYLE (1 << 0)
#define NBD_FLAG_NO_ZEROES (1 << 1)

struct nbd_greeting {
	uint64_t magic;
	uint64_t option_magic;
	uint16_t flags;
} NBD_PACKED;

struct nbd_option_header {
	uint64_t magic;
	uint32_t option;
	uint32_t length;
} NBD_PACKED;

struct nbd_option_reply {
	uint64_t magic;
	uint32_t option;
	uint32_t type;
	uint32_t length;
} NBD_PACKED;

/* The reply to NBD_OPT_EXPORT_NAME, which has no header; the zeroes are left out with NBD_FLAG_NO_ZEROES. */
struct nbd_export_name_reply {
	uint64_t size;
	uint16_t flags;
	uint8_t zeroes[124];
} NBD_PACKED;

enum nbd_option {
	NBD_OPT_EXPORT_NAME = 1,
	NBD_OPT_ABORT = 2,
	NBD_OPT_LIST = 3,
	NBD_OPT_STARTTLS = 5,
	NBD_OPT_INFO = 6,
	NBD_OPT_GO = 7,
	NBD_OPT_STRUCTURED_REPLY = 8,
	NBD_OPT_LIST_META_CONTEXT = 9,
	NBD_OPT_SET_META_CONTEXT = 10,
	NBD_OPT_EXTENDED_HEADERS = 11,
};

#define NBD_REP_ERROR (1U << 31)

enum nbd_option_reply_type {
	NBD_REP_ACK = 1,
	NBD_REP_SERVER = 2,
	NBD_REP_INFO = 3,
	NBD_REP_META_CONTEXT = 4,
};

#define NBD_REP_ERR_UNSUP (NBD_REP_ERROR | 1)
#define NBD_REP_ERR_POLICY (NBD_REP_ERROR | 2)
#define NBD_REP_ERR_INVALID (NBD_REP_ERROR | 3)
#define NBD_REP_ERR_PLATFORM (NBD_REP_ERROR | 4)
#define NBD_REP_ERR_TLS_REQD (NBD_REP_ERROR | 5)
#define NBD_REP_ERR_UNKNOWN (NBD_REP_ERROR | 6)
#define NBD_REP_ERR_SHUTDOWN (NBD_REP_ERROR | 7)
#define NBD_REP_ERR_BLOCK_SIZE_REQD (NBD_REP_ERROR | 8)
#define NBD_REP_ERR_TOO_BIG (NBD_REP_ERROR | 9)

enum nbd_info_type {
	NBD_INFO_EXPORT = 0,
	NBD_INFO_NAME = 1,
	NBD_INFO_DESCRIPTION = 2,
	NBD_INFO_BLOCK_SIZE = 3,
};

struct nbd_info_export {
	uint16_t type;
	uint64_t size;
	uint16_t flags;
} NBD_PACKED;

struct nbd_info_block_size {
	uint16_t type;
	uint32_t minimum;
	uint32_t preferred;
	uint32_t maximum;
} NBD_PACKED;

/* ---- transmission ---- */

/* Transmission flags: what the server does with this export. */
#define NBD_FLAG_HAS_FLAGS (1 << 0)
#define NBD_FLAG_READ_ONLY (1 << 1)
#define NBD_FLAG_SEND_FLUSH (1 << 2)
#define NBD_FLAG_SEND_FUA (1 << 3)
#define NBD_FLAG_ROTATIONAL (1 << 4)
#define NBD_FLAG_SEND_TRIM (1 << 5)
#define NBD_FLAG_SEND_WRITE_ZEROES (1 << 6)
#define NBD_FLAG_SEND_DF (1 << 7)
#define NBD_FLAG_CAN_MULTI_CONN (1 << 8)
#define NBD_FLAG_SEND_RESIZE (1 << 9)
#define NBD_FLAG_SEND_CACHE (1 << 10)
#define NBD_FLAG_SEND_FAST_ZERO (1 << 11)

#define NBD_REQUEST_MAGIC 0x25609513U
#define NBD_SIMPLE_REPLY_MAGIC 0x67446698U
#define NBD_STRUCTURED_REPLY_MAGIC 0x668e33efU

enum nbd_command_type {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_CACHE = 5,
	NBD_CMD_WRITE_ZEROES = 6,
	NBD_CMD_BLOCK_STATUS = 7,
	NBD_NUM_COMMANDS,
};

#define NBD_CMD_FLAG_FUA (1 << 0)
#define NBD_CMD_FLAG_NO_HOLE (1 << 1)
#define NBD_CMD_FLAG_DF (1 << 2)
#define NBD_CMD_FLAG_REQ_ONE (1 << 3)
#define NBD_CMD_FLAG_FAST_ZERO (1 << 4)

struct nbd_request_header {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint64_t offset;
	uint32_t length;
} NBD_PACKED;

struct nbd_simple_reply {
	uint32_t magic;
	uint32_t error;
	uint64_t cookie;
} NBD_PACKED;

struct nbd_structured_reply {
	uint32_t magic;
	uint16_t flags;
	uint16_t type;
	uint64_t cookie;
	uint32_t length;
} NBD_PACKED;

#define NBD_REPLY_FLAG_DONE (1 << 0)

#define NBD_REPLY_ERROR (1 << 15)

enum nbd_reply_type {
	NBD_REPLY_TYPE_NONE = 0,
	NBD_REPLY_TYPE_OFFSET_DATA = 1,
	NBD_REPLY_TYPE_OFFSET_HOLE = 2,
	NBD_REPLY_TYPE_BLOCK_STATUS = 5,
	NBD_REPLY_TYPE_ERROR = NBD_REPLY_ERROR | 1,
	NBD_REPLY_TYPE_ERROR_OFFSET = NBD_REPLY_ERROR | 2,
};

struct nbd_chunk_data {
	struct nbd_structured_reply reply;
	uint64_t offset;
} NBD_PACKED;

struct nbd_chunk_hole {
	struct nbd_structured_reply reply;
	uint64_t offset;
	uint32_t length;
} NBD_PACKED;

/* Without the message, which may follow. */
struct nbd_chunk_error {
	struct nbd_structured_reply reply;
	uint32_t error;
	uint16_t message_length;
} NBD_PACKED;

struct nbd_chunk_error_offset {
	struct nbd_structured_reply reply;
	uint32_t error;
	uint16_t message_length;
	uint64_t offset;
} NBD_PACKED;

struct nbd_extent {
	uint32_t length;
	uint32_t flags;
} NBD_PACKED;

/* Followed by extents. */
struct nbd_chunk_status {
	struct nbd_structured_reply reply;
	uint32_t context;
} NBD_PACKED;

/* Flags of an extent of the meta context base:allocation. */
#define NBD_STATE_HOLE (1 << 0)
#define NBD_STATE_ZERO (1 << 1)

/* Errors as the protocol numbers them. */
enum nbd_error {
	NBD_SUCCESS = 0,
	NBD_EPERM = 1,
	NBD_EIO = 5,
	NBD_ENOMEM = 12,
	NBD_EINVAL = 22,
	NBD_ENOSPC = 28,
	NBD_EOVERFLOW = 75,
	NBD_ENOTSUP = 95,
	NBD_ESHUTDOWN = 108,
};

#endif /* NBD_PROTOCOL_H */
