/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake: the loop of the simulations. The doors of include/sluice/loop with a virtual clock and
 * wires in memory; net and proxy are linked to it instead of to src/loop. Time stands still until
 * the test moves it. Nothing happens until the test turns the loop.
 *
 * A wire is a connection; the test is the peer at its far end. What the proxy writes goes into the
 * wire's kernel (bounded: fake_wire_kernel) and counts as unacknowledged until the peer takes it.
 * A peer takes everything at each turn, unless fake_wire_slow was called.
 *
 * Bytes of an event are in memory of their own that is freed after it, and chunks are not kept for
 * reuse, so that ASan sees whoever holds them too long.
 */
#ifndef SLUICE_TEST_FAKE_H
#define SLUICE_TEST_FAKE_H

#include <sluice/base/addr.h>
#include <sluice/base/err.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/tcp.h>

#define FAKE_KERNEL_BYTES 65536 /* what a wire's kernel holds, unless told otherwise */

/* ---- the loop ---- */

/* sl_loop_new that cannot fail. sl_loop_free also frees the wires; the owners must have closed. */
struct sl_loop *fake_loop_new(void);
/* One whole turn: events (one per socket and direction), expiries, deferred calls, graves. */
void fake_turn(struct sl_loop *loop);
/* Called after each turn, whoever asked for it: to look at things, and to play peers. True: it did
   something, so there may be more. */
void fake_after_turn(struct sl_loop *loop, bool (*fn)(void *ctx), void *ctx);
/* Turns until there is nothing to do at this time. Aborts when that never comes. */
void fake_settle(struct sl_loop *loop);
/* Settles, then moves the clock, deadline by deadline, settling at each. */
void fake_advance(struct sl_loop *loop, uint64_t ms);
/* The loop was busy for so long: the clock has moved, nobody is charged, nothing was polled yet. */
void fake_stall(struct sl_loop *loop, uint64_t ms);
/* A poll that could take `may_ms` overslept (a stop) and took `ms`. */
void fake_oversleep(struct sl_loop *loop, uint64_t may_ms, uint64_t ms);
/* The process is stopped for so long in the midst of the next piece of work that the product
   measures: the clock moves within the turn. */
void fake_stop_at_work(struct sl_loop *loop, uint64_t ms);
/* From now on each piece of work that the product measures takes so long. The clock of deadlines
   does not move. */
void fake_work(struct sl_loop *loop, uint64_t us);
/* When the next deadline is due at the latest; SL_UNLIMITED: none is armed (law 1 broken?). */
uint64_t fake_next_ms(struct sl_loop *loop);
/* Wires made from now on deliver the peer's bytes in pieces of at most n. 0: as they come. */
void fake_pieces(struct sl_loop *loop, size_t n);

/* From now on each socket, mailbox and so on is looked at only in one of n turns, in another one
   than its neighbours: events come late, and in another order. 0, 1: in every turn. Time that
   passes meanwhile is judged without a last look, so let none pass where that matters. */
void fake_late(struct sl_loop *loop, unsigned n);

/* ---- wires ---- */

struct fake_wire;

/* Somebody connects to this listener; on_accept comes in the next turn. `from` may be NULL. */
struct fake_wire *fake_wire_accept(struct sl_tcp_listener *listener, const struct sl_addr *from);
/* The next accept fails with this error, once. */
void fake_accept_fails(struct sl_tcp_listener *listener, int err);

/* What becomes of a connect: 0 is accepted, FAKE_HANG stays unanswered, SL_ERR_* fails with it. */
#define FAKE_HANG 1
typedef int fake_connect_fn(void *ctx, struct fake_wire *wire, const struct sl_addr *to);
/* Without a function every connect is refused. */
void fake_on_connect(struct sl_loop *loop, fake_connect_fn *fn, void *ctx);
/* Answers a connect that hangs: 0 or SL_ERR_*. */
void fake_wire_answer(struct fake_wire *wire, int err);

/* The peer's moves. Sending to a proxy that has closed draws a reset, as in life. */
void fake_wire_send(struct fake_wire *wire, struct sl_span bytes);
void fake_wire_fin(struct fake_wire *wire);
void fake_wire_reset(struct fake_wire *wire);
/* The peer closes its socket: a FIN, but whatever the proxy writes afterwards draws a reset. A
   reset at once if there is something it has not taken. */
void fake_wire_close(struct fake_wire *wire);
/* From now on the peer takes only what fake_wire_take takes, or (false) everything again. */
void fake_wire_slow(struct fake_wire *wire, bool is_slow);
/* Takes up to n bytes; returns how many there were. They are appended to the received ones. */
size_t fake_wire_take(struct fake_wire *wire, size_t n);
/* How many bytes the kernel holds for this peer at most. */
void fake_wire_kernel(struct fake_wire *wire, size_t n_bytes);
void fake_wire_pieces(struct fake_wire *wire, size_t n);

/* What the peer knows. */
enum fake_state {
    FAKE_OPEN,
    FAKE_FIN,   /* everything was taken, then came FIN */
    FAKE_RESET, /* what was not taken is lost */
};
enum fake_state fake_wire_state(const struct fake_wire *wire);
/* All that the peer has taken since the last fake_wire_forget; valid until the next take or turn.
 */
struct sl_span fake_wire_received(const struct fake_wire *wire);
void fake_wire_forget(struct fake_wire *wire);
/* The peer's bytes that the proxy has not read yet. */
size_t fake_wire_unread(const struct fake_wire *wire);
/* The proxy has closed its socket. */
bool fake_wire_is_closed(const struct fake_wire *wire);
/* The proxy reads (its socket is not deaf). */
bool fake_wire_is_read(const struct fake_wire *wire);

/* ---- lookups ---- */

/* Fills up to SL_RESOLVE_MAX addresses; returns how many, or SL_ERR_ADDRESS. */
typedef int fake_lookup_fn(void *ctx, const char *host, uint16_t port, struct sl_addr *out_addrs);
/* Without a function only numeric hosts are found. Answers come in the next turn. */
void fake_on_lookup(struct sl_loop *loop, fake_lookup_fn *fn, void *ctx);

#endif
