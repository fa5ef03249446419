/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_private: how listen.c turns an accepted descriptor into a shell.
 */
#ifndef SLUICE_LOOP_TCP_PRIVATE_H
#define SLUICE_LOOP_TCP_PRIVATE_H

#include <sluice/loop/tcp.h>

/* A shell around a connected descriptor, which it takes over, also when it fails. */
int sl_tcp_adopt(struct sl_loop *loop, int fd, const struct sl_addr *peer,
                 const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp);
/* An IPv4 address that came in through an IPv6 socket becomes an IPv4 address. */
void sl_tcp_unmap(struct sl_addr *a);

#endif
