/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The NBD server in a simulation, without listeners: clients come by socket pairs, and speak bytes. Its disks are those
 * of the tests of the block-device layer.
 */

#ifndef NBD_SIM_H
#define NBD_SIM_H

#include "test/unit/bdev/mem_disk.h"
#include "export/nbd/nbd_internal.h"

#include <endian.h>

/* Starts the layer, a server with one group, and no export. kind: "uring" or "epoll". */
void nbd_sim_start(const char *kind);
void nbd_sim_stop(void);
/* Lets everything happen that can happen without time passing. */
void nbd_sim_pump(void);

/* A new client's end of its connection, to be closed by the test. */
int nbd_sim_connect(void);
/* The same, through the handshake. */
int nbd_sim_connect_to(const char *export_name, bool structured);

void nbd_sim_send(int fd, const void *data, size_t length);
/* Exactly length bytes have to be there. */
void nbd_sim_receive(int fd, void *data, size_t length);
/* Whatever is there; 0 if nothing is, or the server has hung up. */
size_t nbd_sim_receive_some(int fd, void *data, size_t size);
/* Everything was received and the server has hung up. */
bool nbd_sim_is_closed(int fd);

void nbd_sim_send_option(int fd, uint32_t option, const void *data, uint32_t length);
/* The type of the next reply; its data is received too. */
uint32_t nbd_sim_receive_option_reply(int fd, uint32_t option);
void nbd_sim_send_request(int fd, uint16_t type, uint16_t flags, uint64_t cookie, uint64_t offset, uint32_t length);
/* The error of a simple reply with this cookie. */
uint32_t nbd_sim_receive_simple(int fd, uint64_t cookie);

#endif /* NBD_SIM_H */
