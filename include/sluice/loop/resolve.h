/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: getaddrinfo on libuv's threads. A lookup cannot be taken back, so it is an object of its
 * own: cancel only makes it silent.
 */
#ifndef SLUICE_LOOP_RESOLVE_H
#define SLUICE_LOOP_RESOLVE_H

#include <sluice/base/addr.h>

#define SL_RESOLVE_MAX 16 /* addresses per name that are kept */

struct sl_loop;
struct sl_lookup;

/* Once. err: 0 or SL_ERR_ADDRESS. The addresses live during the call, and so does the lookup: its
   owner forgets the pointer (or closes it) within the call. */
typedef void sl_lookup_fn(void *owner, int err, const struct sl_addr *addrs, size_t n_addrs);

/* 0 or SL_ERR_MEMORY, SL_ERR_ADDRESS (not a name at all). */
int sl_lookup_open(struct sl_loop *loop, const char *host, uint16_t port, sl_lookup_fn *on_found,
                   void *owner, struct sl_lookup **out_lookup);
void sl_lookup_close(struct sl_lookup **lookup);

#endif
