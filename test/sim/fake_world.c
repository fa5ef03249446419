/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_world: the world of test/unit/loop/tcp.c on the fake loop.
 */
#include "world.h"

#include "fake.h"

struct peer {
    struct fake_wire *wire;
};

#define N_PEERS 16

struct world {
    struct sl_loop *loop;
    struct sl_tcp_listener *listener;
    struct sl_addr target, desert;
    struct fake_wire *dialled; /* by us */
    struct peer peers[N_PEERS];
    size_t n_peers;
};

static int on_connect(void *ctx, struct fake_wire *wire, const struct sl_addr *to)
{
    struct world *w = ctx;

    if (!sl_addr_eq(to, &w->target))
        return SL_ERR_REFUSED;
    fake_wire_slow(wire, true);
    w->dialled = wire;
    return 0;
}

struct world *world_open(sl_tcp_accept_fn *on_accept, void *owner)
{
    struct world *w = calloc(1, sizeof(*w));
    int fd;

    w->loop = fake_loop_new();
    sl_addr_read(SL_SPAN("127.0.0.1:1"), &w->target);
    sl_addr_read(SL_SPAN("127.0.0.1:2"), &w->desert);
    assert_int_equal(sl_tcp_bind(&w->target, 1, &fd), 0);
    assert_int_equal(sl_tcp_listen(w->loop, fd, 1, on_accept, owner, &w->listener), 0);
    fake_on_connect(w->loop, on_connect, w);
    return w;
}

void world_close(struct world *w)
{
    sl_tcp_listener_close(&w->listener);
    sl_tcp_listener_close(&w->listener);
    fake_settle(w->loop);
    assert_int_equal(sl_loop_n_shells(w->loop), 0);
    sl_loop_free(&w->loop);
    free(w);
}

struct sl_loop *world_loop(struct world *w)
{
    return w->loop;
}

void world_spin(struct world *w, uint64_t ms)
{
    if (ms)
        fake_advance(w->loop, ms);
    else
        fake_turn(w->loop);
}

static struct peer *new_peer(struct world *w, struct fake_wire *wire)
{
    assert_true(w->n_peers < N_PEERS);
    w->peers[w->n_peers].wire = wire;
    return &w->peers[w->n_peers++];
}

struct peer *peer_dial(struct world *w)
{
    struct fake_wire *wire = fake_wire_accept(w->listener, NULL);

    fake_wire_slow(wire, true);
    return new_peer(w, wire);
}

struct peer *peer_dial_through(struct world *w, int n)
{
    struct peer *p = peer_dial(w);

    fake_wire_kernel(p->wire, (size_t)n);
    return p;
}

struct peer *peer_answer(struct world *w)
{
    assert_non_null(w->dialled);
    return new_peer(w, w->dialled);
}

const struct sl_addr *world_target(struct world *w)
{
    return &w->target;
}

const struct sl_addr *world_desert(struct world *w)
{
    return &w->desert;
}

void peer_send(struct peer *p, const void *bytes, size_t n)
{
    fake_wire_send(p->wire, sl_span(bytes, n));
}

size_t peer_take(struct peer *p, char *buf, size_t n)
{
    fake_wire_forget(p->wire);
    size_t n_taken = fake_wire_take(p->wire, n);
    if (n_taken)
        memcpy(buf, fake_wire_received(p->wire).ptr, n_taken);
    return n_taken;
}

void peer_fin(struct peer *p)
{
    fake_wire_fin(p->wire);
}

void peer_reset(struct peer *p)
{
    fake_wire_reset(p->wire);
}

enum peer_saw peer_sees(struct peer *p)
{
    switch (fake_wire_state(p->wire)) {
    case FAKE_FIN:
        return PEER_FIN;
    case FAKE_RESET:
        return PEER_RESET;
    default:
        return PEER_OPEN;
    }
}
