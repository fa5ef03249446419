/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: the shell of a stream socket. One uv handle, the bytes in flight, and the owner who hears of
 * events. A unix socket is the same handle around another descriptor.
 *
 * Happy path, reading: libuv asks for a buffer and gets the loop's; one read; the owner takes what
 * it wants during the event. After a read that filled the buffer libuv would read on: it gets no
 * buffer, which it reports as ENOBUFS, and epoll says again next turn that there is more. Reading
 * off is lazy: only when bytes come while it is off is libuv told to stop. So a request and its
 * response cost one epoll_wait, one read and one write, and no epoll_ctl.
 *
 * Happy path, writing: uv_try_write takes the queue and the caller's spans in one system call. What
 * the socket does not take is copied to `out`, and a uv_write covers the first chunks of it. Those
 * chunks do not move until its callback; appending behind them is fine. The request is allocated
 * the first time a peer is slow, because most never are.
 *
 * Failure modes. A write that fails is told by on_end, after the next poll, and not before the
 * bytes that the peer had sent are read: an upstream that answers early and closes makes our write
 * fail while its answer waits in our kernel. A read error is told at once. connect() that fails is
 * told by on_connected. After sl_tcp_close there is no owner, and callbacks find none and say
 * nothing.
 *
 * Closing with FIN while the kernel holds bytes that nobody has read makes Linux send RST instead
 * (RFC 2525 section 2.17), and the peer may lose what it has not read of our answer. Whoever
 * answers early must therefore read on for a while (the linger phase).
 *
 * Ownership: the shell belongs to the loop; on_closed frees it with its queue and its request.
 */
#include <assert.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tcp_private.h"

#define N_BUFS        32 /* of one write */
#define N_FLIGHT_BUFS 4  /* of one uv_write: what libuv keeps without allocating */

/* A chunk's size line and end are two more; the rest is for what is queued. */
_Static_assert(N_BUFS >= SL_SPANS_MAX + 2 + 4, "what goes on together leaves in one call");

/* ---- the end ---- */

static void stop_reading(struct sl_tcp *tcp)
{
    if (tcp->is_started)
        uv_read_stop((uv_stream_t *)&tcp->uv);
    tcp->is_started = false;
}

void sl_tcp_end(struct sl_tcp *tcp, int err)
{
    if (tcp->has_failed || (tcp->has_eof && !err))
        return;
    if (err)
        tcp->has_failed = true;
    else
        tcp->has_eof = true;
    tcp->is_reading = false;
    stop_reading(tcp);
    tcp->events->on_end(tcp->owner, err);
}

/* Writing failed. Never told from here: the caller is in the midst of a write. */
static void fail(struct sl_tcp *tcp, int err)
{
    if (tcp->err)
        return;
    tcp->err = err;
    sl_defer_next(sl_tcp_loop(tcp), &tcp->later);
}

static void on_later(struct sl_deferred *d)
{
    struct sl_tcp *tcp = sl_container_of(d, struct sl_tcp, later);
    char byte;

    if (tcp->is_connecting) {
        sl_tcp_connected(tcp, 0);
        return;
    }
    /* What had arrived before the failure is still delivered, if anybody reads. */
    if (tcp->is_started && tcp->is_reading &&
        recv(sl_tcp_fd(tcp), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
        sl_defer_next(sl_tcp_loop(tcp), d);
        return;
    }
    sl_tcp_end(tcp, tcp->err);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buf)
{
    struct sl_tcp *tcp = sl_container_of(handle, struct sl_tcp, uv);
    struct sl_loop *loop = sl_tcp_loop(tcp);

    sl_loop_woke(loop);
    if (tcp->has_filled || !tcp->is_reading)
        *out_buf = uv_buf_init(NULL, 0);
    else
        *out_buf = uv_buf_init(loop->scratch, (unsigned)sl_tcp_read_bytes(tcp));
}

/* When a reset came with the last bytes libuv tells of an end without having asked the socket
   (UV_HANDLE_READ_PARTIAL): a body that ends with its connection would look whole. A reset behind a
   FIN is EPIPE on Linux, and then the FIN counts: all bytes had come. */
static int error_behind_eof(const struct sl_tcp *tcp)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(sl_tcp_fd(tcp), SOL_SOCKET, SO_ERROR, &err, &len) || err == 0 || err == EPIPE)
        return 0;
    return sl_loop_err(err) == SL_ERR_RESET ? SL_ERR_RESET : SL_ERR_IO;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct sl_tcp *tcp = sl_container_of(stream, struct sl_tcp, uv);
    struct sl_loop *loop = sl_tcp_loop(tcp);

    sl_loop_woke(loop);
    if (n > 0) {
        tcp->has_filled = (size_t)n == buf->len;
        bool is_large = n > SL_TCP_READ_BYTES;
        uint64_t from_us = is_large ? sl_tcp_work_us() : 0;
        tcp->events->on_bytes(tcp->owner, sl_span(buf->base, (size_t)n));
        if ((tcp->bulk || tcp->has_filled) && tcp->events && tcp->events->appetite)
            sl_tcp_note_bulk(tcp, (size_t)n, is_large ? sl_tcp_work_us() - from_us : 0);
    } else if (n == UV_ENOBUFS && buf->len == 0) { /* not the kernel's */
        if (!tcp->has_filled)
            stop_reading(tcp); /* bytes came while the owner wants none */
        tcp->has_filled = false;
    } else if (n == UV_EOF) {
        tcp->is_started = false; /* libuv has stopped by itself */
        if (tcp->is_reading)     /* else it is seen again when reading is turned on */
            sl_tcp_end(tcp, tcp->err ? tcp->err : error_behind_eof(tcp));
    } else if (n < 0) {
        sl_tcp_end(tcp, sl_loop_err((int)n) == SL_ERR_RESET ? SL_ERR_RESET : SL_ERR_IO);
    }
}

void sl_tcp_read(struct sl_tcp *tcp, bool is_on)
{
    if (tcp->has_eof || tcp->has_failed)
        return;
    tcp->is_reading = is_on;
    if (!is_on || tcp->is_started || tcp->is_connecting)
        return;
    tcp->has_filled = false;
    if (uv_read_start((uv_stream_t *)&tcp->uv, on_alloc, on_read))
        fail(tcp, SL_ERR_IO);
    else
        tcp->is_started = true;
}

/* ---- writing ---- */

static void send_fin(struct sl_tcp *tcp)
{
    if (!tcp->is_shutting || tcp->is_shut || tcp->is_connecting || tcp->err ||
        !sl_chunkq_is_empty(&tcp->out))
        return;
    tcp->is_shut = true;
    /* Not uv_shutdown: nothing is in libuv's queue, and the call never blocks. */
    if (shutdown(sl_tcp_fd(tcp), SHUT_WR))
        fail(tcp, sl_loop_err(errno));
}

static void remember_marks(struct sl_tcp *tcp)
{
    if (!sl_chunkq_is_empty(&tcp->out))
        tcp->is_filled = true;
    if (!sl_chunkq_has_room(&tcp->out))
        tcp->is_high = true;
}

/* Offers the queue and then, where there is place left in one call, the spans. Returns the number
   of bytes that were offered; *out_n of them were taken. An error was noted. */
static size_t offer(struct sl_tcp *tcp, const struct sl_span *spans, size_t n_spans, size_t *out_n)
{
    struct sl_span queued[N_BUFS];
    uv_buf_t bufs[N_BUFS];
    size_t n_bufs = 0, n_offered = 0;

    size_t n_queued = sl_chunkq_peek(&tcp->out, queued, N_BUFS);
    for (size_t i = 0; i < n_queued; i++) {
        bufs[n_bufs++] = uv_buf_init((char *)(uintptr_t)queued[i].ptr, (unsigned)queued[i].len);
        n_offered += queued[i].len;
    }
    for (size_t i = 0; i < n_spans && n_bufs < N_BUFS; i++) {
        if (!spans[i].len)
            continue;
        bufs[n_bufs++] = uv_buf_init((char *)(uintptr_t)spans[i].ptr, (unsigned)spans[i].len);
        n_offered += spans[i].len;
    }
    *out_n = 0;
    if (!n_offered)
        return 0;
    int n = uv_try_write((uv_stream_t *)&tcp->uv, bufs, (unsigned)n_bufs);
    if (n >= 0)
        *out_n = (size_t)n;
    else if (n != UV_EAGAIN)
        fail(tcp, sl_loop_err(n));
    tcp->n_sent += *out_n;
    return n_offered;
}

static void push(struct sl_tcp *tcp);

static void on_written(uv_write_t *request, int status)
{
    struct sl_tcp *tcp = sl_container_of(request->handle, struct sl_tcp, uv);
    size_t n = tcp->n_flight;

    sl_loop_woke(sl_tcp_loop(tcp));
    tcp->n_flight = 0;
    if (!tcp->events)
        return;
    if (status < 0) {
        fail(tcp, sl_loop_err(status));
        return;
    }
    tcp->n_sent += n;
    sl_chunkq_consume(&tcp->out, n);
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
}

/* Leaves the front of the queue to libuv, until the socket takes it. 0 or SL_ERR_MEMORY. */
static int launch(struct sl_tcp *tcp)
{
    struct sl_span queued[N_FLIGHT_BUFS];
    uv_buf_t bufs[N_FLIGHT_BUFS];

    if (!tcp->request && !(tcp->request = malloc(sizeof(*tcp->request))))
        return SL_ERR_MEMORY;
    size_t n = sl_chunkq_peek(&tcp->out, queued, N_FLIGHT_BUFS);
    uint32_t n_flight = 0;
    for (size_t i = 0; i < n; i++) {
        bufs[i] = uv_buf_init((char *)(uintptr_t)queued[i].ptr, (unsigned)queued[i].len);
        n_flight += (uint32_t)queued[i].len;
    }
    int err =
        uv_write(&tcp->request->write, (uv_stream_t *)&tcp->uv, bufs, (unsigned)n, on_written);
    if (err)
        fail(tcp, sl_loop_err(err));
    else
        tcp->n_flight = n_flight;
    return 0;
}

static bool is_writable(const struct sl_tcp *tcp)
{
    return !tcp->err && !tcp->is_connecting && tcp->n_flight == 0;
}

/* Sends of the queue what the socket takes, and leaves the rest to libuv. */
static void push(struct sl_tcp *tcp)
{
    size_t n_offered = 0, n_taken = 0;

    while (is_writable(tcp) && !sl_chunkq_is_empty(&tcp->out) && n_taken == n_offered) {
        n_offered = offer(tcp, NULL, 0, &n_taken);
        sl_chunkq_consume(&tcp->out, n_taken);
    }
    if (is_writable(tcp) && !sl_chunkq_is_empty(&tcp->out) && launch(tcp))
        fail(tcp, SL_ERR_MEMORY);
    remember_marks(tcp);
    send_fin(tcp);
}

void sl_tcp_flush(struct sl_tcp *tcp)
{
    push(tcp);
}

int sl_tcp_write(struct sl_tcp *tcp, const struct sl_span *spans, size_t n_spans)
{
    size_t n_taken = 0;

    assert(!tcp->is_shutting);
    if (tcp->err)
        return 0; /* on_end is on its way */
    if (is_writable(tcp)) {
        offer(tcp, spans, n_spans, &n_taken);
        if (tcp->err)
            return 0;
        size_t n = n_taken < tcp->out.n_bytes ? n_taken : tcp->out.n_bytes;
        sl_chunkq_consume(&tcp->out, n);
        n_taken -= n;
    }
    for (size_t i = 0; i < n_spans; i++) {
        size_t n = n_taken < spans[i].len ? n_taken : spans[i].len;
        n_taken -= n;
        if (n < spans[i].len && sl_chunkq_append(&tcp->out, sl_span_skip(spans[i], n)))
            return SL_ERR_MEMORY;
    }
    if (is_writable(tcp) && !sl_chunkq_is_empty(&tcp->out) && launch(tcp))
        return SL_ERR_MEMORY;
    remember_marks(tcp);
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

/* ---- life ---- */

static void on_closed(uv_handle_t *handle)
{
    struct sl_tcp *tcp = sl_container_of(handle, struct sl_tcp, uv);

    sl_tcp_loop(tcp)->n_shells--;
    sl_chunkq_clear(&tcp->out);
    free(tcp->request);
    free(tcp);
}

/* Tries the queue once more. False: some of it is lost, and a FIN would hide that. */
static bool can_fin(struct sl_tcp *tcp)
{
    size_t n_offered = 0, n_taken = 0;

    if (tcp->is_shut) /* the FIN is out already */
        return true;
    while (is_writable(tcp) && !sl_chunkq_is_empty(&tcp->out) && n_taken == n_offered) {
        n_offered = offer(tcp, NULL, 0, &n_taken);
        sl_chunkq_consume(&tcp->out, n_taken);
    }
    return sl_chunkq_is_empty(&tcp->out);
}

void sl_tcp_close(struct sl_tcp **ptcp, enum sl_tcp_close how)
{
    struct sl_tcp *tcp = *ptcp;
    struct linger reset = {.l_onoff = 1, .l_linger = 0};

    if (!tcp)
        return;
    *ptcp = NULL;
    /* Not uv_tcp_close_reset: it refuses in states where this works. */
    if (how == SL_TCP_RESET || !can_fin(tcp))
        setsockopt(sl_tcp_fd(tcp), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    tcp->events = NULL;
    tcp->owner = NULL;
    sl_deferred_cancel(&tcp->later);
    sl_tcp_stop_retrying(tcp);
    sl_tcp_end_bulk(tcp);
    uv_close((uv_handle_t *)&tcp->uv, on_closed);
}

static void keep_peer(struct sl_tcp *tcp, const struct sl_addr *peer)
{
    if (peer->storage.ss_family == AF_UNIX)
        tcp->peer.family = AF_UNIX;
    else
        memcpy(&tcp->peer, &peer->storage, sizeof(tcp->peer));
}

struct sl_tcp *sl_tcp_new_shell(struct sl_loop *loop, const struct sl_addr *peer,
                                const struct sl_tcp_events *events, void *owner)
{
    struct sl_tcp *tcp = calloc(1, sizeof(*tcp));

    if (!tcp)
        return NULL;
    uv_tcp_init(&loop->uv, &tcp->uv);
    loop->n_shells++;
    sl_chunkq_init(&tcp->out, &loop->chunks, SL_TCP_HIGH_BYTES, SL_TCP_LOW_BYTES);
    sl_deferred_init(&tcp->later, on_later);
    tcp->events = events;
    tcp->owner = owner;
    keep_peer(tcp, peer);
    return tcp;
}

int sl_tcp_adopt(struct sl_loop *loop, int fd, const struct sl_addr *peer,
                 const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp)
{
    struct sl_tcp *tcp = sl_tcp_new_shell(loop, peer, events, owner);

    if (!tcp) {
        close(fd);
        return SL_ERR_MEMORY;
    }
    int err = uv_tcp_open(&tcp->uv, fd);
    if (err) {
        close(fd);
        sl_tcp_close(&tcp, SL_TCP_FIN);
        return sl_loop_err(err);
    }
    *out_tcp = tcp;
    return 0;
}

void sl_tcp_set_owner(struct sl_tcp *tcp, const struct sl_tcp_events *events, void *owner)
{
    tcp->events = events;
    tcp->owner = owner;
}

/* ---- questions ---- */

bool sl_tcp_is_stale(struct sl_tcp *tcp)
{
    char byte;

    ssize_t n = recv(sl_tcp_fd(tcp), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

/* Of the bytes in flight libuv may have sent some: its queue knows how many are left. Without them
   a slow peer's progress would show only every 64 KiB, and look like a stall. */
static uint64_t n_flown(const struct sl_tcp *tcp)
{
    size_t n_left = uv_stream_get_write_queue_size((const uv_stream_t *)&tcp->uv);

    return n_left < tcp->n_flight ? tcp->n_flight - n_left : 0;
}

uint64_t sl_tcp_written_bytes(const struct sl_tcp *tcp)
{
    return tcp->n_sent + tcp->out.n_bytes;
}

uint64_t sl_tcp_unacked_bytes(const struct sl_tcp *tcp)
{
    uint64_t n_sent = tcp->n_sent + n_flown(tcp);
    int n_kernel = 0;

    if (tcp->is_connecting || ioctl(sl_tcp_fd(tcp), SIOCOUTQ, &n_kernel) || n_kernel < 0)
        n_kernel = 0;
    /* A FIN counts as a byte there, and unix sockets count their overhead. */
    uint64_t n_unacked = (uint64_t)n_kernel < n_sent ? (uint64_t)n_kernel : n_sent;
    return tcp->out.n_bytes - n_flown(tcp) + n_unacked;
}

size_t sl_tcp_room_bytes(const struct sl_tcp *tcp)
{
    uint32_t info[SK_MEMINFO_VARS];
    socklen_t len = sizeof(info);

    if (tcp->is_connecting || tcp->n_flight > 0 ||
        getsockopt(sl_tcp_fd(tcp), SOL_SOCKET, SO_MEMINFO, info, &len))
        return 0;
    size_t n_held = info[SK_MEMINFO_WMEM_QUEUED];
    if (n_held < info[SK_MEMINFO_WMEM_ALLOC]) /* of a unix socket */
        n_held = info[SK_MEMINFO_WMEM_ALLOC];
    n_held += tcp->out.n_bytes;
    size_t n_room = n_held < info[SK_MEMINFO_SNDBUF] ? info[SK_MEMINFO_SNDBUF] - n_held : 0;
    /* What is around the bytes is counted, too: for small segments as much again. */
    return n_room / 2;
}

struct sl_addr sl_tcp_peer(const struct sl_tcp *tcp)
{
    struct sl_addr peer = {.storage.ss_family = tcp->peer.family};

    if (tcp->peer.family == AF_UNIX) {
        peer.len = sizeof(tcp->peer.family);
    } else {
        memcpy(&peer.storage, &tcp->peer, sizeof(tcp->peer));
        peer.len = tcp->peer.family == AF_INET6 ? sizeof(tcp->peer.v6) : sizeof(tcp->peer.v4);
    }
    return peer;
}

int sl_tcp_local(const struct sl_tcp *tcp, struct sl_addr *out_addr)
{
    return sl_tcp_bound(sl_tcp_fd(tcp), out_addr);
}
