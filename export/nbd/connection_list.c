/* SPDX-License-Identifier: BSD-3-Clause */

/* Telling what connections there are: a message visits the thread of each group and takes notes. */

#include "export/nbd/nbd_internal.h"

struct note {
	struct bdk_nbd_connection_info info;
	char listener[BDK_NBD_ADDRESS_SIZE];
	char peer[BDK_NBD_ADDRESS_SIZE];
	char *export_name;
};

struct listing {
	int (*fn)(void *ctx, const struct bdk_nbd_connection_info *info);
	void (*done_fn)(void *ctx, int rc);
	void *ctx;
	uint32_t next_group;
	struct nbd_buffer notes;
};

static void
take_note(struct listing *listing, const struct nbd_connection *conn)
{
	struct note note = {
		.info =
			{
				.id = conn->id,
				.requests = conn->num_requests,
				.bytes_read = conn->bytes_read,
				.bytes_written = conn->bytes_written,
			},
	};

	snprintf(note.listener, sizeof(note.listener), "%s", conn->listener);
	snprintf(note.peer, sizeof(note.peer), "%s", conn->peer);
	if (conn->export != NULL) {
		note.export_name = strdup(conn->export->name);
		listing->notes.failed |= note.export_name == NULL;
	}
	nbd_buffer_append(&listing->notes, &note, sizeof(note));
	if (listing->notes.failed) {
		free(note.export_name);
	}
}

static void
tell_all(struct listing *listing)
{
	struct note *notes = (struct note *)listing->notes.data;
	size_t count = listing->notes.length / sizeof(*notes);
	int rc = listing->notes.failed ? -ENOMEM : 0;

	for (size_t i = 0; i < count; i++) {
		notes[i].info.listener = notes[i].listener;
		notes[i].info.peer = notes[i].peer;
		notes[i].info.export_name = notes[i].export_name;
		if (rc == 0) {
			rc = listing->fn(listing->ctx, &notes[i].info);
		}
		free(notes[i].export_name);
	}
	listing->done_fn(listing->ctx, rc);
	free(listing->notes.data);
	free(listing);
}

static void visit_next(void *arg);

static void
visit_group(void *arg)
{
	struct listing *listing = arg;
	struct nbd_group *group = g_nbd_server.groups[listing->next_group++];
	struct nbd_connection *conn;

	TAILQ_FOREACH (conn, &group->connections, link) {
		take_note(listing, conn);
	}
	spdk_thread_send_msg(g_nbd_server.thread, visit_next, listing);
}

static void
visit_next(void *arg)
{
	struct listing *listing = arg;

	/* While the server stops there is nothing to visit, and threads come to their end. */
	if (g_nbd_server.state != NBD_SERVER_UP || listing->next_group == g_nbd_server.num_groups) {
		tell_all(listing);
		return;
	}
	spdk_thread_send_msg(g_nbd_server.groups[listing->next_group]->thread, visit_group, listing);
}

int
bdk_nbd_for_each_connection(
	int (*fn)(void *ctx, const struct bdk_nbd_connection_info *info), void (*done_fn)(void *ctx, int rc), void *ctx)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (listing == NULL) {
		return -ENOMEM;
	}
	listing->fn = fn;
	listing->done_fn = done_fn;
	listing->ctx = ctx;
	spdk_thread_send_msg(g_nbd_server.thread, visit_next, listing);
	return 0;
}
