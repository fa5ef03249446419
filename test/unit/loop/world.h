/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world: what a test of sockets needs, so that the same tests run on libuv with real sockets
 * (world_uv.c) and on the loop of the simulations (test/sim/fake_world.c). The other end of each
 * connection is a peer, whose moves the test makes; a peer takes nothing by itself.
 */
#ifndef SLUICE_TEST_WORLD_H
#define SLUICE_TEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/reaper.h>
#include <sluice/loop/tcp.h>

struct world;
struct peer;

/* How one end saw the other end. */
enum peer_saw {
    PEER_OPEN,
    PEER_FIN,
    PEER_RESET,
};

struct world *world_open(sl_tcp_accept_fn *on_accept, void *owner);
/* Closes the listener and the peers; every socket must have been closed; checks that nothing is
 * left. */
void world_close(struct world *w);
struct sl_loop *world_loop(struct world *w);
/* Lets so much of the loop's time pass. */
void world_spin(struct world *w, uint64_t ms);

/* Connects to the world's listener; on_accept comes with the next spin. */
struct peer *peer_dial(struct world *w);
/* The same with buffers of about n bytes in our kernel. */
struct peer *peer_dial_through(struct world *w, int n);
/* Accepts the next sl_tcp_connect to world_target(). */
struct peer *peer_answer(struct world *w);
const struct sl_addr *world_target(struct world *w);
/* An address where nobody listens. */
const struct sl_addr *world_desert(struct world *w);

void peer_send(struct peer *p, const void *bytes, size_t n);
/* Reads up to n bytes; returns how many there were. */
size_t peer_take(struct peer *p, char *buf, size_t n);
void peer_fin(struct peer *p);
void peer_reset(struct peer *p);
/* Everything that was sent has been taken, unless it was a reset: what comes next? */
enum peer_saw peer_sees(struct peer *p);

#endif
