/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ticket, inside: makes a server give out and accept tickets.
 */
#ifndef SLUICE_SRC_TLS_TICKET_H
#define SLUICE_SRC_TLS_TICKET_H

#include "server.h"

/* `server` has ticket_keys and is not yet in use. */
void sl_ticket_configure(struct sl_tls_server *server);

#endif
