/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp (fake): the door of sockets over wires. It keeps the promises of src/loop/tcp.c, and the same
 * tests hold both to them (test/unit/loop/tcp.c): no event from inside a verb, none after close,
 * failed writes told after the next poll, and after what had arrived.
 *
 * Ownership: the socket is a shell of the loop; its wire belongs to the loop too and outlives it.
 */
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "fake_private.h"

struct sl_tcp {
    struct fake_shell shell;
    struct sl_loop *loop;
    struct fake_wire *wire;
    const struct sl_tcp_events *events; /* NULL: closed by its owner */
    void *owner;
    struct sl_chunkq out;
    struct sl_deferred later; /* tells of a failed write */
    uint64_t n_sent;
    int err;
    bool is_connecting, is_reading, is_blocked;
    bool has_eof, has_failed;
    bool is_high, is_filled, is_shutting;
    struct sl_addr peer, local;
};

static void end(struct sl_tcp *tcp, int err)
{
    if (tcp->has_failed || (tcp->has_eof && !err))
        return;
    if (err)
        tcp->has_failed = true;
    else
        tcp->has_eof = true;
    tcp->is_reading = false;
    tcp->wire->is_read = false;
    tcp->events->on_end(tcp->owner, err);
}

static void fail(struct sl_tcp *tcp, int err)
{
    if (tcp->err)
        return;
    tcp->err = err;
    sl_defer_next(tcp->loop, &tcp->later);
}

static void on_later(struct sl_deferred *d)
{
    struct sl_tcp *tcp = sl_container_of(d, struct sl_tcp, later);

    if (tcp->is_reading && tcp->wire->in.len > 0)
        sl_defer_next(tcp->loop, d);
    else
        end(tcp, tcp->err);
}

/* ---- writing ---- */

static bool is_writable(const struct sl_tcp *tcp)
{
    return !tcp->err && !tcp->is_connecting && !tcp->is_blocked;
}

/* What the kernel takes of these bytes. */
static size_t give(struct sl_tcp *tcp, struct sl_span bytes)
{
    struct fake_wire *wire = tcp->wire;

    if (wire->has_in_reset) {
        fail(tcp, SL_ERR_RESET);
        return 0;
    }
    size_t room = wire->n_kernel > wire->kernel.len ? wire->n_kernel - wire->kernel.len : 0;
    size_t n = bytes.len < room ? bytes.len : room;
    tcp->n_sent += n;
    if (wire->is_gone)
        wire->has_in_reset = true; /* the answer to bytes for nobody; this write still succeeds */
    else
        fake_bytes_add(&wire->kernel, sl_span(bytes.ptr, n));
    return n;
}

static void push(struct sl_tcp *tcp)
{
    struct sl_span span;

    while (is_writable(tcp) && sl_chunkq_peek(&tcp->out, &span, 1) > 0) {
        size_t n = give(tcp, span);
        sl_chunkq_consume(&tcp->out, n);
        if (n < span.len && !tcp->err)
            tcp->is_blocked = true;
    }
    if (!sl_chunkq_is_empty(&tcp->out))
        tcp->is_filled = true;
    if (!sl_chunkq_has_room(&tcp->out))
        tcp->is_high = true;
    if (tcp->is_shutting && !tcp->is_connecting && !tcp->err && sl_chunkq_is_empty(&tcp->out))
        tcp->wire->has_fin = true;
}

void sl_tcp_flush(struct sl_tcp *tcp)
{
    push(tcp);
}

int sl_tcp_write(struct sl_tcp *tcp, const struct sl_span *spans, size_t n_spans)
{
    assert(!tcp->is_shutting);
    push(tcp);
    for (size_t i = 0; i < n_spans && !tcp->err; i++) {
        size_t n = 0;
        if (is_writable(tcp) && spans[i].len)
            n = give(tcp, spans[i]);
        if (tcp->err || n == spans[i].len)
            continue;
        if (sl_chunkq_append(&tcp->out, sl_span_skip(spans[i], n)))
            return SL_ERR_MEMORY;
        if (!tcp->is_connecting)
            tcp->is_blocked = true;
    }
    push(tcp);
    return 0;
}

struct sl_chunkq *sl_tcp_out(struct sl_tcp *tcp)
{
    return &tcp->out;
}

void sl_tcp_shutdown(struct sl_tcp *tcp)
{
    tcp->is_shutting = true;
    push(tcp);
}

/* ---- events ---- */

static bool poll_connect(struct sl_tcp *tcp)
{
    int err = tcp->wire->answer;

    if (err == FAKE_HANG)
        return false;
    tcp->is_connecting = false;
    if (err)
        tcp->err = err;
    if (tcp->events->on_connected)
        tcp->events->on_connected(tcp->owner, err);
    else if (err)
        end(tcp, err);
    if (tcp->events && !err)
        push(tcp);
    return true;
}

/* A socket whose owner has an appetite is as fast as can be. */
static size_t read_bytes(struct sl_tcp *tcp)
{
    size_t n = tcp->events->appetite ? tcp->events->appetite(tcp->owner) : 0;

    n = n < SL_TCP_BULK_BYTES ? n : SL_TCP_BULK_BYTES;
    return n > SL_TCP_READ_BYTES ? n : SL_TCP_READ_BYTES;
}

static bool poll_read(struct sl_tcp *tcp)
{
    struct fake_wire *wire = tcp->wire;

    if (!tcp->is_reading)
        return false;
    if (wire->in.len > 0) {
        size_t max = wire->n_piece ? wire->n_piece : read_bytes(tcp);
        size_t n = wire->in.len < max ? wire->in.len : max;
        char *bytes = fake_alloc(n); /* of its own, for ASan */
        memcpy(bytes, wire->in.ptr, n);
        fake_bytes_drop(&wire->in, n);
        tcp->events->on_bytes(tcp->owner, sl_span(bytes, n));
        free(bytes);
        return true;
    }
    if (wire->has_in_reset) {
        end(tcp, SL_ERR_RESET);
        return true;
    }
    if (wire->has_in_fin) {
        end(tcp, tcp->err);
        return true;
    }
    return false;
}

static bool poll_write(struct sl_tcp *tcp)
{
    if (!tcp->is_blocked || tcp->err)
        return false;
    if (tcp->wire->has_in_reset) {
        fail(tcp, SL_ERR_RESET);
        return true;
    }
    if (tcp->wire->kernel.len >= tcp->wire->n_kernel)
        return false;
    tcp->is_blocked = false;
    push(tcp);
    if (tcp->is_high && sl_chunkq_has_room(&tcp->out)) {
        tcp->is_high = false;
        if (tcp->events->on_room)
            tcp->events->on_room(tcp->owner);
    }
    if (tcp->events && tcp->is_filled && sl_chunkq_is_empty(&tcp->out)) {
        tcp->is_filled = false;
        if (tcp->events->on_drained)
            tcp->events->on_drained(tcp->owner);
    }
    return true;
}

static bool poll_tcp(struct fake_shell *shell)
{
    struct sl_tcp *tcp = sl_container_of(shell, struct sl_tcp, shell);

    if (tcp->is_connecting)
        return poll_connect(tcp);
    bool did = poll_read(tcp);
    return (tcp->events && poll_write(tcp)) || did;
}

void sl_tcp_read(struct sl_tcp *tcp, bool is_on)
{
    if (tcp->has_eof || tcp->has_failed)
        return;
    tcp->is_reading = is_on;
    tcp->wire->is_read = is_on;
}

/* ---- life ---- */

static void free_tcp(struct fake_shell *shell)
{
    struct sl_tcp *tcp = sl_container_of(shell, struct sl_tcp, shell);

    sl_chunkq_clear(&tcp->out);
    free(tcp);
}

static int tcp_new(struct sl_loop *loop, const struct sl_addr *peer,
                   const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp)
{
    struct sl_tcp *tcp = calloc(1, sizeof(*tcp)); /* as the product's: may be made to fail */

    if (!tcp)
        return SL_ERR_MEMORY;
    tcp->loop = loop;
    tcp->events = events;
    tcp->owner = owner;
    tcp->peer = *peer;
    sl_addr_read(SL_SPAN("127.0.0.1:8443"), &tcp->local);
    sl_chunkq_init(&tcp->out, &loop->chunks, SL_TCP_HIGH_BYTES, SL_TCP_LOW_BYTES);
    sl_deferred_init(&tcp->later, on_later);
    fake_shell_open(loop, &tcp->shell, poll_tcp, free_tcp);
    *out_tcp = tcp;
    return 0;
}

void sl_tcp_close(struct sl_tcp **ptcp, enum sl_tcp_close how)
{
    struct sl_tcp *tcp = *ptcp;

    if (!tcp)
        return;
    *ptcp = NULL;
    tcp->is_reading = false;
    if (how == SL_TCP_FIN)
        push(tcp);
    if (!sl_chunkq_is_empty(&tcp->out))
        how = SL_TCP_RESET; /* what is lost is seen to be lost */
    tcp->events = NULL;
    tcp->owner = NULL;
    sl_deferred_cancel(&tcp->later);
    fake_wire_closed(tcp->wire, how == SL_TCP_RESET);
    fake_shell_close(&tcp->shell);
}

int sl_tcp_connect(struct sl_loop *loop, const struct sl_addr *to,
                   const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp)
{
    struct sl_tcp *tcp;
    int err = tcp_new(loop, to, events, owner, &tcp);

    if (err)
        return err;
    tcp->wire = fake_wire_new(loop);
    tcp->is_connecting = true;
    tcp->wire->answer =
        loop->on_connect ? loop->on_connect(loop->connect_ctx, tcp->wire, to) : SL_ERR_REFUSED;
    *out_tcp = tcp;
    return 0;
}

void fake_on_connect(struct sl_loop *loop, fake_connect_fn *fn, void *ctx)
{
    loop->on_connect = fn;
    loop->connect_ctx = ctx;
}

void sl_tcp_set_owner(struct sl_tcp *tcp, const struct sl_tcp_events *events, void *owner)
{
    tcp->events = events;
    tcp->owner = owner;
}

/* ---- questions ---- */

bool sl_tcp_is_stale(struct sl_tcp *tcp)
{
    const struct fake_wire *wire = tcp->wire;

    return tcp->has_eof || tcp->err || wire->in.len > 0 || wire->has_in_fin || wire->has_in_reset;
}

uint64_t sl_tcp_unacked_bytes(const struct sl_tcp *tcp)
{
    return tcp->out.n_bytes + tcp->wire->kernel.len;
}

uint64_t sl_tcp_written_bytes(const struct sl_tcp *tcp)
{
    return tcp->n_sent + tcp->out.n_bytes;
}

size_t sl_tcp_room_bytes(const struct sl_tcp *tcp)
{
    size_t n_held = tcp->wire->kernel.len + tcp->out.n_bytes;

    if (tcp->is_connecting || tcp->is_blocked || n_held > tcp->wire->n_kernel)
        return 0;
    return tcp->wire->n_kernel - n_held;
}

struct sl_addr sl_tcp_peer(const struct sl_tcp *tcp)
{
    return tcp->peer;
}

int sl_tcp_local(const struct sl_tcp *tcp, struct sl_addr *out_addr)
{
    *out_addr = tcp->local;
    return 0;
}

/* ---- listening ---- */

struct waiting {
    struct sl_list link;
    struct fake_wire *wire;
};

struct sl_tcp_listener {
    struct fake_shell shell;
    struct sl_loop *loop;
    sl_tcp_accept_fn *on_accept;
    void *owner;
    struct sl_list queue;       /* struct waiting */
    struct fake_wire *accepted; /* during on_accept, until it is taken */
    int fails;
};

static bool poll_listener(struct fake_shell *shell)
{
    struct sl_tcp_listener *listener = sl_container_of(shell, struct sl_tcp_listener, shell);
    struct sl_list *node = sl_list_first(&listener->queue);

    if (!node)
        return false;
    if (listener->fails) {
        int err = listener->fails;
        listener->fails = 0;
        listener->on_accept(listener->owner, listener, err);
        return true;
    }
    struct waiting *waiting = sl_list_entry(node, struct waiting, link);
    sl_list_unlink(node);
    listener->accepted = waiting->wire;
    free(waiting);
    listener->on_accept(listener->owner, listener, 0);
    if (listener->accepted)
        fake_wire_closed(listener->accepted, false);
    listener->accepted = NULL;
    return true;
}

static void free_listener(struct fake_shell *shell)
{
    struct sl_tcp_listener *listener = sl_container_of(shell, struct sl_tcp_listener, shell);

    sl_list_foreach_safe (node, &listener->queue) {
        struct waiting *waiting = sl_list_entry(node, struct waiting, link);
        fake_wire_closed(waiting->wire, true);
        sl_list_unlink(node);
        free(waiting);
    }
    free(listener);
}

struct fake_wire *fake_wire_accept(struct sl_tcp_listener *listener, const struct sl_addr *from)
{
    struct waiting *waiting = fake_alloc(sizeof(*waiting));

    waiting->wire = fake_wire_new(listener->loop);
    if (from)
        waiting->wire->from = *from;
    else
        sl_addr_read(SL_SPAN("192.0.2.1:40000"), &waiting->wire->from);
    sl_list_append(&listener->queue, &waiting->link);
    return waiting->wire;
}

void fake_accept_fails(struct sl_tcp_listener *listener, int err)
{
    listener->fails = err;
}

int sl_tcp_accept(struct sl_tcp_listener *listener, const struct sl_tcp_events *events, void *owner,
                  struct sl_tcp **out_tcp)
{
    struct fake_wire *wire = listener->accepted;

    assert(wire);
    listener->accepted = NULL;
    int err = tcp_new(listener->loop, &wire->from, events, owner, out_tcp);
    if (err) {
        fake_wire_closed(wire, false);
        return err;
    }
    (*out_tcp)->wire = wire;
    return 0;
}

/* Descriptors mean nothing here; a listener is reached by its pointer. */
int sl_tcp_bind(const struct sl_addr *at, int backlog, int *out_fd)
{
    static int next_fd = 1000;

    *out_fd = next_fd++;
    return 0;
}

int sl_tcp_probe(const struct sl_addr *at)
{
    return 0;
}

int sl_tcp_bound(int fd, struct sl_addr *out_addr)
{
    return sl_addr_read(SL_SPAN("127.0.0.1:8443"), out_addr) ? SL_ERR_IO : 0;
}

int sl_tcp_listen(struct sl_loop *loop, int fd, int backlog, sl_tcp_accept_fn *on_accept,
                  void *owner, struct sl_tcp_listener **out_listener)
{
    struct sl_tcp_listener *listener = calloc(1, sizeof(*listener));

    if (!listener)
        return SL_ERR_MEMORY;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    sl_list_init(&listener->queue);
    fake_shell_open(loop, &listener->shell, poll_listener, free_listener);
    *out_listener = listener;
    return 0;
}

void sl_tcp_listener_close(struct sl_tcp_listener **plistener)
{
    if (!*plistener)
        return;
    fake_shell_close(&(*plistener)->shell);
    *plistener = NULL;
}
