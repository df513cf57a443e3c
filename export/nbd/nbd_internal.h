/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * What the files of the NBD server share.
 *
 * Who owns what:
 *   nbd_server      one per process; app thread
 *   nbd_export      a bdev under a name; app thread. Its facts never change while a connection holds it, and are read
 *                   by connections on their own threads.
 *   nbd_group       one per reactor, with a thread of its own there, so that all connections of a reactor share one
 *                   set of sockets (one system call for all), one channel to each bdev and one cache of buffers, and
 *                   stay apart from the work of the app thread
 *   nbd_connection  belongs to its group's thread for life
 *   nbd_request, nbd_piece  belong to a connection
 * The app thread and a group talk by messages. A connection that has a message on its way to the app thread waits for the
 * answer before it ends.
 */

#ifndef NBD_INTERNAL_H
#define NBD_INTERNAL_H

#include "bdevkit/nbd.h"
#include "export/nbd/nbd_protocol.h"
#include "export/nbd/sock.h"

#include "spdk/bdev.h"
#include "spdk/likely.h"
#include "spdk/log.h"
#include "spdk/queue.h"
#include "spdk/thread.h"
#include "spdk/util.h"

/* The largest read or write in one request. */
#define NBD_MAX_TRANSFER (32U << 20)
/* A request is carried out in pieces of this size, the largest that fits into one large iobuf buffer. */
#define NBD_PIECE_SIZE (128U << 10)
/* How much data a connection may have in buffers at a time, on its way to a bdev or to the client. */
#define NBD_WINDOW (4U << 20)
/* Requests of a connection that are worked on at a time; more are not taken from the socket. */
#define NBD_MAX_REQUESTS 256
/* Longest option that is looked at: many queries of meta contexts, each as long as a name can be. */
#define NBD_MAX_OPTION (64U << 10)
/* Longest option that is skipped rather than answered by hanging up. */
#define NBD_MAX_SKIPPED_OPTION (4U << 20)
/* Seconds without a byte after which a client that holds buffers is let go of, if buffers are short. */
#define NBD_STALL_SEC 10
/* Seconds that a client whose export has ended gets to take the replies it has coming, and a bdev that is being removed,
 * or is to be with all others, to finish its requests. */
#define NBD_LINGER_SEC 5
/* The id of the only meta context there is. */
#define NBD_CONTEXT_ALLOCATION 1

struct nbd_connection;
struct nbd_request;

/* ---- addresses: address.c ---- */

struct nbd_address {
	/* In the form that bdk_nbd_listen() takes. */
	char text[BDK_NBD_ADDRESS_SIZE];
	struct sockaddr_storage sockaddr;
	socklen_t length;
};

int nbd_address_parse(const char *text, struct nbd_address *address);
/* Sets text from sockaddr. */
void nbd_address_format(struct nbd_address *address);
/* Whether n bytes are UTF-8 without a zero byte. */
bool nbd_string_is_valid(const char *string, size_t n);

/* ---- buffers that bytes are appended to: buffer.c ---- */

struct nbd_buffer {
	char *data;
	size_t length;
	size_t capacity;
	/* Something could not be appended for want of memory. */
	bool failed;
};

void nbd_buffer_append(struct nbd_buffer *buffer, const void *data, size_t length);

/* ---- exports: export.c, export_table.c, auto_export.c ---- */

/* What a client is told of an export, and what its requests are checked against. */
struct nbd_limits {
	/* Transmission flags without SEND_DF. Connections look at them for each request: READ_ONLY may be added. */
	uint16_t flags;
	uint64_t size;
	/* A power of two. */
	uint32_t block_size;
	uint32_t preferred_size;
};

struct nbd_export {
	char *name;
	char *bdev_name;
	/* NULL: none. */
	char *description;
	bool read_only;
	/* For writing: also when it was made read-only, until the clients of that time have gone. */
	bool claimed;
	bool automatic;
	/* Deleted, or its bdev is being removed: no new connections, and it is freed when the last has gone. */
	bool ending;
	/* Its bdev is being removed; for all threads. */
	bool removed;
	/* Open as long as there are connections, or always if explicit. */
	struct spdk_bdev_desc *desc;
	/* Connections. */
	uint32_t refs;

	struct nbd_limits limits;
	uint32_t block_shift;
	uint32_t piece_size;
	/* Alignment of data buffers that saves the block-device layer a copy. */
	size_t buf_align;
	bool flush;
	bool fast_zero;
	/* The bdev knows which of its blocks hold data; and the flags of those that do not, NBD_STATE_*. */
	bool seek;
	uint32_t hole_flags;

	void (*deleted_cb)(void *cb_arg);
	void *deleted_arg;
	TAILQ_ENTRY(nbd_export) link;
};

/* The questions a connection asks the app thread. */
enum nbd_query_kind {
	NBD_QUERY_LIST,
	NBD_QUERY_INFO,
	NBD_QUERY_ATTACH,
};

struct nbd_query {
	enum nbd_query_kind kind;
	struct nbd_connection *conn;
	struct spdk_thread *thread;
	/* The answer is there, on the connection's thread. */
	bool answered;

	/* 0, -ENOENT (no such export), or why it cannot be had. */
	int rc;
	/* ATTACH: a reference is handed over. */
	struct nbd_export *export;
	/* INFO and ATTACH. */
	struct nbd_limits limits;
	/* INFO and ATTACH: the export's own name, and its description or NULL. */
	char *export_name;
	char *description;
	/* LIST: the replies as they go to the client. */
	struct nbd_buffer list;

	/* The name that the client asked for, "" for the default export. */
	char name[];
};

/* Asks the app thread; the connection is woken with query->answered set. */
void nbd_export_ask(struct nbd_query *query);
/* A reference handed over by ATTACH is not given back by this. */
void nbd_query_free(struct nbd_query *query);
/* Gives back what ATTACH handed over; the connection's channel is gone. */
void nbd_export_detach(struct nbd_export *export);

/* App thread: */
/* Gives back a reference; the last one of an export that has ended, or is automatic, closes and frees it. */
void nbd_export_put(struct nbd_export *export);
struct nbd_export *nbd_export_alloc(const char *name, const char *description, bool read_only);
/* Opens and claims the bdev, and learns what clients must know of it. -EPERM: claimed by another. */
int nbd_export_open(struct nbd_export *export, const char *bdev_name);
/* For good; clients that are connected may no longer write either. */
void nbd_export_make_read_only(struct nbd_export *export);
/* Closes and frees; it is in no list. */
void nbd_export_free(struct nbd_export *export);
/* Takes it from the list and closes its connections; it is freed when they are gone. */
void nbd_export_end(struct nbd_export *export);
/* 0 or why the bdev cannot be an export, said in the log if bdev_name is not NULL. */
int nbd_export_check_bdev(struct spdk_bdev *bdev, const char *bdev_name);

/*
 * Opens the automatic export of the bdev of that name or alias, adds it to the list, without references. -ENOENT: there
 * is none, or the option is off.
 */
int nbd_auto_export_open(const char *name, struct nbd_export **export);
/*
 * Calls fn for each automatic export, in the order of the bdevs: with the export if it is open, else with its bdev. Stops at
 * non-zero, which is returned.
 */
int nbd_auto_export_for_each(int (*fn)(void *ctx, struct nbd_export *export, struct spdk_bdev *bdev), void *ctx);
/* Ends all exports. */
void nbd_export_end_all(void);
/* The option has been switched off. */
void nbd_auto_export_end_all(void);

/* ---- the server: nbd_subsystem.c, listener.c, options ---- */

struct nbd_listener;

enum nbd_server_state {
	NBD_SERVER_DOWN,
	NBD_SERVER_UP,
	NBD_SERVER_STOPPING,
	NBD_SERVER_STOPPED,
};

struct nbd_server {
	enum nbd_server_state state;
	struct spdk_thread *thread;
	TAILQ_HEAD(, nbd_listener) listeners;
	TAILQ_HEAD(nbd_export_list, nbd_export) exports;
	/* Not in the list any more, still held by connections. */
	uint32_t num_ending_exports;

	struct nbd_group **groups;
	uint32_t num_groups;
	uint32_t next_group;

	/* Accepted and not gone yet. */
	uint32_t num_connections;
	uint64_t last_connection_id;

	bool auto_export;
	bool read_only;
	char *default_export;
	uint32_t max_connections;
	uint32_t handshake_timeout_sec;
};

extern struct nbd_server g_nbd_server;

void nbd_listener_close_all(void);
/* Goes on with stopping when something that was waited for is gone. */
void nbd_server_check_stopped(void);

/* ---- groups: group.c ---- */

STAILQ_HEAD(nbd_piece_list, nbd_piece);

struct nbd_group {
	struct spdk_thread *thread;
	struct nbd_sock_group *socks;
	struct spdk_poller *poller;
	struct spdk_iobuf_channel iobuf;
	bool has_iobuf;
	TAILQ_HEAD(, nbd_connection) connections;
	/* Those with something to do in this iteration. */
	TAILQ_HEAD(nbd_connection_list, nbd_connection) active;
	/* Runs once a second while some connection is on a clock, or data is under way. */
	struct spdk_poller *clock;
	uint32_t on_clock;
	/*
	 * How often it has: the time that connections are judged by. While the process stands still, which is not their fault,
	 * it stands still, too.
	 */
	uint64_t seconds;
	/* Data of all connections in buffers, and from where on buffers count as short: each has one piece at most then. */
	uint64_t window_used;
	uint64_t window_max;
	/* Large buffers that connections receive into, and how many these may be: pieces must find some, too. */
	uint32_t num_rx_large;
	uint32_t max_rx_large;
	/* Requests and pieces kept for their next use. */
	SLIST_HEAD(, nbd_request) free_requests;
	uint32_t num_free_requests;
	struct nbd_piece_list free_pieces;
	uint32_t num_free_pieces;
};

/* done is called on the app thread, with 0 or a negative errno; then nbd_groups_stop() is still to be called. */
void nbd_groups_start(void (*done)(int rc));
void nbd_group_start_clock(struct nbd_group *group);
/* All connections are gone. */
void nbd_groups_stop(void (*done)(void));

/* ---- replies on their way: reply.c ---- */

#define NBD_TX_HEADER_SIZE 40
#define NBD_TX_IOVS 128

/* Something to be sent: a header, then data. */
struct nbd_tx {
	STAILQ_ENTRY(nbd_tx) link;
	void (*sent)(struct nbd_tx *tx);
	struct iovec data;
	uint32_t header_length;
	char header[NBD_TX_HEADER_SIZE];
};

/* Queues it; sent() is called once it is in the socket, or will never be. */
void nbd_tx_queue(struct nbd_connection *conn, struct nbd_tx *tx);
/* Queues a copy of bytes. */
int nbd_tx_copy(struct nbd_connection *conn, const void *data, size_t length);
/* Begins to send what is queued. */
void nbd_tx_start(struct nbd_connection *conn);
/* Gives up what is queued; nothing is being sent. */
void nbd_tx_drop(struct nbd_connection *conn);
void nbd_tx_sent_cb(struct nbd_sock *sock, ssize_t n);

/* ---- received bytes: receive.c ---- */

#define NBD_RX_SMALL_SIZE 8192

/*
 * A buffer that bytes are received into. Payload that has arrived in one piece is written to the bdev from where it lies:
 * then the buffer stays until that is done.
 */
struct nbd_rx_buf {
	char *data;
	uint32_t size;
	/* The connection's own, and one for each piece whose data lies in it. */
	uint32_t refs;
	bool small;
};

struct nbd_rx {
	/* Bytes that have arrived and are not consumed are data[start..end) of buf. */
	struct nbd_rx_buf *buf;
	uint32_t start;
	uint32_t end;
	/* The buffer that an idle connection waits with. */
	struct nbd_rx_buf small;
	/* Data comes in streams: wait with a large buffer. */
	bool hot;
	/* Was received anything since the clock last looked? */
	bool active;
	/* Take no more than a header at a time: the payloads that follow go straight where they belong. */
	bool header_only;
	/* Where payload goes straight to: the rest of a piece. */
	char *direct;
	uint32_t direct_left;
	struct iovec iov[2];
	/* How much the receive under way may lay into buf. */
	uint32_t asked;
	/* For a large buffer, when there was none. */
	struct spdk_iobuf_entry wait;
	bool waiting;
	/* For writes from its own buffers to end, so that there is room in them. */
	bool starved;
};

static inline uint32_t
nbd_rx_available(const struct nbd_rx *rx)
{
	return rx->end - rx->start;
}

int nbd_rx_init(struct nbd_connection *conn);
void nbd_rx_fini(struct nbd_connection *conn);
/* Begins to receive, with room for need contiguous bytes; does nothing if that is under way or memory is waited for. */
void nbd_rx_start(struct nbd_connection *conn, uint32_t need);
void nbd_rx_received_cb(struct nbd_sock *sock, ssize_t n);
/* Lets go of the large buffer of a connection that has nothing to receive for a while. */
void nbd_rx_cool(struct nbd_connection *conn);
void nbd_rx_buf_get(struct nbd_rx_buf *buf);
void nbd_rx_buf_put(struct nbd_connection *conn, struct nbd_rx_buf *buf);

/* ---- connections: connection.c, handshake.c, options.c, transmission.c ---- */

enum nbd_state {
	NBD_CONN_CLIENT_FLAGS,
	NBD_CONN_OPTION_HEADER,
	NBD_CONN_OPTION_DATA,
	NBD_CONN_OPTION_SKIP,
	NBD_CONN_OPTION_ANSWER,
	NBD_CONN_REQUEST,
	NBD_CONN_READ,
	NBD_CONN_WRITE,
	NBD_CONN_WRITE_IN_PLACE,
	NBD_CONN_WRITE_DIRECT,
	NBD_CONN_SKIP,
	NBD_CONN_END,
	NBD_NUM_CONN_STATES,
};

enum nbd_ending {
	/* Not at all. */
	NBD_ENDING_NOT,
	/* Finish what has begun, send the replies, hang up. */
	NBD_ENDING_DRAIN,
	/* The socket is shut down; wait for what is in flight and forget it. */
	NBD_ENDING_CUT,
};

struct nbd_connection {
	struct nbd_sock sock;
	struct nbd_group *group;
	TAILQ_ENTRY(nbd_connection) link;
	/* In group->active. */
	bool active;
	TAILQ_ENTRY(nbd_connection) active_link;

	enum nbd_state state;
	enum nbd_ending ending;
	struct nbd_rx rx;
	struct {
		STAILQ_HEAD(, nbd_tx) queue;
		/* Of the first in the queue, what has been sent. */
		size_t skip;
		struct iovec iov[NBD_TX_IOVS];
	} tx;

	/* The handshake. */
	struct nbd_option_header option;
	uint32_t skip_left;
	bool no_zeroes;
	bool structured;
	/* base:allocation was chosen for the export of this name. */
	char *context_export;
	bool has_context;
	/* The question of an option, and its answer. */
	struct nbd_query *query;
	/* Kinds of information that NBD_OPT_INFO or _GO asked for, as bits; queries that matched of _META_CONTEXT. */
	uint32_t wanted;

	/* Transmission. */
	struct nbd_export *export;
	struct spdk_io_channel *channel;
	/* The request whose pieces are being made. */
	struct nbd_request *request;
	struct nbd_piece *piece;
	struct spdk_iobuf_entry piece_wait;
	bool piece_waiting;
	uint32_t num_requests;
	uint32_t window_used;
	/* Bytes have gone one way or the other since the clock last looked; for how many looks they have not. */
	bool moved;
	uint32_t stalled;
	/* The export has ended: requests that still arrive are answered so. */
	bool shutdown;
	/* In the group's seconds; then a bdev that goes is no longer waited for. 0: never. */
	uint64_t hurry_at;

	/* In the group's seconds; 0: none. */
	uint64_t deadline;
	bool on_clock;

	uint64_t id;
	uint64_t bytes_read;
	uint64_t bytes_written;
	char listener[BDK_NBD_ADDRESS_SIZE];
	char peer[BDK_NBD_ADDRESS_SIZE];
};

/* What a state's function says. */
enum nbd_progress {
	/* Go on with the state that is set now. */
	NBD_PROGRESS_NEXT,
	/* Something other than bytes is waited for; its arrival wakes the connection. */
	NBD_PROGRESS_WAIT,
};

/* A state waits until `need` bytes lie together, then its function consumes them. */
struct nbd_state_handler {
	const char *name;
	uint32_t need;
	/* Instead of need, where it depends. */
	uint32_t (*get_need)(const struct nbd_connection *conn);
	enum nbd_progress (*run)(struct nbd_connection *conn);
};

/* Takes over fd, on the group's thread; closes it on failure. */
struct nbd_connection_args {
	struct nbd_group *group;
	int fd;
	uint64_t id;
	uint32_t handshake_timeout_sec;
	char listener[BDK_NBD_ADDRESS_SIZE];
	char peer[BDK_NBD_ADDRESS_SIZE];
};
/* A message; takes over its argument, struct nbd_connection_args. */
void nbd_connection_start(void *args);

/* Has the group look at it in this iteration or the next. */
static inline void
nbd_connection_wake(struct nbd_connection *conn)
{
	if (!conn->active) {
		conn->active = true;
		TAILQ_INSERT_TAIL(&conn->group->active, conn, active_link);
	}
}

/* Goes on as far as possible; may free it. */
void nbd_connection_run(struct nbd_connection *conn);
/* Ends it, now or after what has begun; says why in the log if why is not NULL. */
void nbd_connection_drain(struct nbd_connection *conn);
void nbd_connection_cut(struct nbd_connection *conn, const char *why);
void nbd_connection_set_deadline(struct nbd_connection *conn, uint32_t seconds);
/* Puts it on the group's clock, or takes it off, as its state wants it. */
void nbd_connection_set_clock(struct nbd_connection *conn);
/* Looks at the clock, once a second while on it. */
void nbd_connection_tick(struct nbd_connection *conn);
void nbd_connection_end_export(struct nbd_connection *conn);

const void *nbd_connection_consume(struct nbd_connection *conn, uint32_t length);

enum nbd_progress nbd_handshake_client_flags(struct nbd_connection *conn);
enum nbd_progress nbd_handshake_option_header(struct nbd_connection *conn);
enum nbd_progress nbd_handshake_option_data(struct nbd_connection *conn);
enum nbd_progress nbd_handshake_option_skip(struct nbd_connection *conn);
enum nbd_progress nbd_handshake_option_answer(struct nbd_connection *conn);
void nbd_handshake_greet(struct nbd_connection *conn);
void nbd_handshake_fini(struct nbd_connection *conn);
void nbd_handshake_reply(struct nbd_connection *conn, uint32_t type, const void *data, size_t length);
/* An error reply with a text for people. */
void nbd_handshake_refuse(struct nbd_connection *conn, uint32_t type, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Carries out conn->option, whose data has arrived. */
void nbd_option_run(struct nbd_connection *conn, const char *data, uint32_t length);
/* Goes on with it when what it asked has been answered. */
void nbd_option_answer(struct nbd_connection *conn, struct nbd_query *query);

/* ---- requests: request.c, transmission.c, io.c, block_status.c ---- */

/* A part of a request, at most as large as one buffer; what the block-device layer is asked at a time. */
struct nbd_piece {
	struct nbd_request *request;
	STAILQ_ENTRY(nbd_piece) link;
	/* Bytes. */
	uint64_t offset;
	uint32_t length;
	enum nbd_error error;
	bool done;
	/* Its length counts in the connection's window. */
	bool in_window;

	/* READ: holds the data until it is sent. */
	struct spdk_bdev_io *bdev_io;
	/* WRITE: where the data is; in rx_buf, or in buf from iobuf. */
	char *data;
	struct nbd_rx_buf *rx_buf;
	char *buf;

	/* Hands it to the block-device layer: 0 or a negative errno. */
	int (*submit)(struct nbd_piece *piece);
	/* Takes the outcome, which is in error; bdev_io is there if data or an offset is to be fetched from it. */
	void (*finish)(struct nbd_piece *piece);
	struct spdk_bdev_io_wait_entry wait;
	struct nbd_tx tx;
};

struct nbd_request {
	struct nbd_connection *conn;
	SLIST_ENTRY(nbd_request) free_link;
	uint64_t cookie;
	/* Bytes. */
	uint64_t offset;
	uint32_t length;
	uint16_t type;
	uint16_t flags;
	enum nbd_error error;
	/* A phrase on the error for people; NULL: none. */
	const char *why;

	/* Where the next piece begins, as bytes from offset. */
	uint32_t planned;
	/* Pieces that exist, and those of them whose I/O is not done. */
	uint32_t pieces;
	uint32_t undone;
	/* READ whose reply has one header for all: pieces not handed on yet, in the order of their data. */
	struct nbd_piece_list ordered;
	bool header_sent;
	/* Most requests have just one; its tx also serves for a reply without data. */
	struct nbd_piece first;
	bool first_used;
};

/*
 * The one place where a request is checked; header in host byte order. why receives a phrase for people.
 */
enum nbd_error nbd_request_check(const struct nbd_request_header *header, const struct nbd_limits *limits,
	bool structured, bool has_context, const char **why);
const char *nbd_request_name(uint16_t type);
struct nbd_request *nbd_request_get(struct nbd_connection *conn, const struct nbd_request_header *header);
void nbd_request_put(struct nbd_request *request);
struct nbd_piece *nbd_piece_get(struct nbd_request *request);
/* Gives back what it holds, and the request when this was its last and all are planned. */
void nbd_piece_put(struct nbd_piece *piece);
/* Length of the piece that begins at this offset. */
uint32_t nbd_piece_length(const struct nbd_export *export, uint64_t offset, uint32_t left);
/* Frees what a group has kept. */
void nbd_request_free_all(struct nbd_group *group);

/* Hands a piece to the block-device layer, waiting for memory if need be; piece->finish is called in the end. */
void nbd_io_submit(struct nbd_piece *piece);
void nbd_io_read(struct nbd_piece *piece);
void nbd_io_write(struct nbd_piece *piece);
/* FLUSH, TRIM, WRITE_ZEROES: the whole request in one. */
void nbd_io_run(struct nbd_request *request);
/* Has the bdev give back all that it, or a rate limit of it or of one below, holds of the connection; false: no memory. */
bool nbd_io_reset(struct nbd_connection *conn);
/* The completion that submit() is to name. */
void nbd_io_done_cb(struct spdk_bdev_io *bdev_io, bool success, void *cb_arg);
enum nbd_error nbd_error_from_errno(int rc);

void nbd_block_status_run(struct nbd_request *request);

/* The data of a READ goes in order behind one header, not in a fragment for each piece. */
static inline bool
nbd_reply_is_whole(const struct nbd_request *request)
{
	return !request->conn->structured || (request->flags & NBD_CMD_FLAG_DF) != 0;
}

/* Without data: success, or request->error. */
void nbd_reply_status(struct nbd_request *request);
/* A piece of a READ is done. */
void nbd_reply_data(struct nbd_piece *piece);
/* No more pieces of a READ will be made. */
void nbd_reply_abandoned(struct nbd_request *request);
/* The reply to BLOCK_STATUS; extent in network byte order. */
void nbd_reply_extent(struct nbd_request *request, const struct nbd_extent *extent);

enum nbd_progress nbd_transmission_request(struct nbd_connection *conn);
enum nbd_progress nbd_transmission_read(struct nbd_connection *conn);
enum nbd_progress nbd_transmission_write(struct nbd_connection *conn);
enum nbd_progress nbd_transmission_write_in_place(struct nbd_connection *conn);
enum nbd_progress nbd_transmission_write_direct(struct nbd_connection *conn);
enum nbd_progress nbd_transmission_skip(struct nbd_connection *conn);
uint32_t nbd_transmission_in_place_need(const struct nbd_connection *conn);
/* Gives up a request whose pieces are still being made. */
void nbd_transmission_abandon(struct nbd_connection *conn);

#endif /* NBD_INTERNAL_H */
