/* SPDX-License-Identifier: Apache-2.0 */
/*
 * world_uv: the world with real sockets, on loopback and port 0. Peers are plain descriptors used
 * by the test's thread between two runs of the loop.
 */
#include "world.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#define N_PEERS 16

struct peer {
    int fd;
};

struct world {
    struct sl_loop *loop;
    struct sl_tcp_listener *listener;
    struct sl_deadline stop;
    struct sl_addr at;     /* of the listener */
    struct sl_addr target; /* of target_fd, where our connects go */
    struct sl_addr desert;
    int fd; /* of the listener */
    int target_fd;
    struct peer peers[N_PEERS];
    size_t n_peers;
};

static void on_stop(struct sl_deadline *d)
{
    sl_loop_stop(d->loop);
}

static int bind_somewhere(struct sl_addr *out_addr)
{
    struct sl_addr any = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&any.storage;
    int fd;

    in->sin_family = AF_INET;
    in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(sl_tcp_bind(&any, 16, &fd), 0);
    assert_int_equal(sl_tcp_bound(fd, out_addr), 0);
    return fd;
}

struct world *world_open(sl_tcp_accept_fn *on_accept, void *owner)
{
    struct world *w = calloc(1, sizeof(*w));

    assert_int_equal(sl_loop_new(&w->loop), 0);
    w->fd = bind_somewhere(&w->at);
    assert_int_equal(sl_tcp_listen(w->loop, w->fd, 16, on_accept, owner, &w->listener), 0);
    w->target_fd = bind_somewhere(&w->target);
    close(bind_somewhere(&w->desert));
    sl_deadline_init(&w->stop, w->loop, on_stop);
    return w;
}

void world_close(struct world *w)
{
    for (size_t i = 0; i < w->n_peers; i++)
        close(w->peers[i].fd);
    close(w->target_fd);
    sl_tcp_listener_close(&w->listener);
    sl_tcp_listener_close(&w->listener); /* idempotent */
    sl_deadline_fini(&w->stop);
    world_spin(w, 1);
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
    sl_deadline_init(&w->stop, w->loop, on_stop);
    sl_deadline_arm(&w->stop, SL_PHASE_NONE, ms);
    sl_loop_run(w->loop);
    sl_deadline_fini(&w->stop);
}

static struct peer *new_peer(struct world *w, int fd)
{
    assert_true(fd >= 0 && w->n_peers < N_PEERS);
    w->peers[w->n_peers].fd = fd;
    return &w->peers[w->n_peers++];
}

static struct peer *dial(struct world *w, int n_peer_buffer, int segment)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n_peer_buffer, sizeof(n_peer_buffer));
    if (segment)
        setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment));
    assert_int_equal(connect(fd, (struct sockaddr *)&w->at.storage, w->at.len), 0);
    return new_peer(w, fd);
}

struct peer *peer_dial(struct world *w)
{
    return dial(w, 65536, 0);
}

struct peer *peer_dial_through(struct world *w, int n)
{
    /* An accepted socket inherits them. */
    setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
    setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &n, sizeof(n));
    return dial(w, 8192, 1400); /* as on a real network; loopback's segments have 64 KiB */
}

struct peer *peer_answer(struct world *w)
{
    struct pollfd p = {.fd = w->target_fd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, 1000), 1);
    return new_peer(w, accept(w->target_fd, NULL, NULL));
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
    assert_int_equal(send(p->fd, bytes, n, MSG_NOSIGNAL), n);
}

size_t peer_take(struct peer *p, char *buf, size_t n)
{
    size_t n_taken = 0;

    while (n_taken < n) {
        ssize_t r = recv(p->fd, buf + n_taken, n - n_taken, MSG_DONTWAIT);
        if (r <= 0)
            break;
        n_taken += (size_t)r;
    }
    return n_taken;
}

void peer_fin(struct peer *p)
{
    shutdown(p->fd, SHUT_WR);
}

void peer_reset(struct peer *p)
{
    struct linger l = {.l_onoff = 1, .l_linger = 0};

    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
    close(p->fd);
    p->fd = -1;
}

enum peer_saw peer_sees(struct peer *p)
{
    char byte;
    struct pollfd now = {.fd = p->fd};

    ssize_t n = recv(p->fd, &byte, 1, MSG_DONTWAIT);
    if (n > 0) { /* bytes that were not taken may be in front of a reset */
        assert_int_equal(poll(&now, 1, 0), 1);
        assert_true(now.revents & POLLERR);
        return PEER_RESET;
    }
    if (n == 0)
        return PEER_FIN;
    return errno == EAGAIN ? PEER_OPEN : PEER_RESET;
}
