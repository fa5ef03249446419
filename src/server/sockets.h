/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sockets: the listening sockets of one address, one per worker, bound before anything starts so
 * that every error shows at once.
 */
#ifndef SLUICE_SERVER_SOCKETS_H
#define SLUICE_SERVER_SOCKETS_H

#include <sluice/base/addr.h>

/* Binds n sockets into out_fds: of their own for TCP (for port 0 all of them to the port that the
   first was given), n descriptors of one for a unix path. On failure none is left open. 0 or what
   sl_tcp_bind says. */
int sl_sockets_bind(const struct sl_addr *address, uint32_t backlog, size_t n, int *out_fds);
/* Closes those that are not -1. */
void sl_sockets_close(int *fds, size_t n);
/* What is at a unix address goes, if it is a socket. Nothing for TCP. */
void sl_sockets_unlink(const struct sl_addr *address);

#endif
