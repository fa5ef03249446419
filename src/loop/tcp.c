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
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/un.h>
#include <unistd.h>

#include "tcp_private.h"
#include "uv_private.h"

#define N_BUFS        32 /* of one write */
#define N_FLIGHT_BUFS 4  /* of one uv_write: what libuv keeps without allocating */

/* How often a unix socket whose backlog is full is asked again. */
#define RETRY_MS 20

/* Each is needed by few: a connect only by upstream links, a retry by those to a unix socket whose
   backlog is full, a write only when a peer is slow. */
union sl_tcp_request {
    uv_connect_t connect;
    uv_write_t write;
    struct {
        struct sl_deadline deadline;
        struct sl_tcp *tcp;
        struct sl_addr to;
    } retry;
};

/* Of a unix socket only that it is one: its path, if it has any, would quadruple what a silent
   client costs. */
union sl_tcp_peer {
    sa_family_t family;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct sl_tcp {
    uv_tcp_t uv;
    const struct sl_tcp_events *events; /* NULL: closed by its owner */
    void *owner;
    union sl_tcp_request *request; /* NULL until it is needed */
    struct sl_chunkq out;
    struct sl_deferred later; /* tells of a failed write, or of a connect that was immediate */
    uint64_t n_sent;          /* bytes that left `out`, or never were in it */
    uint32_t n_flight;        /* the first bytes of `out`, in a uv_write */
    int err;                  /* why writing failed; 0: it has not */
    union sl_tcp_peer peer;
    bool is_connecting : 1;
    bool is_retrying : 1; /* connecting, and request->retry is armed */
    bool is_reading : 1;  /* what the owner wants */
    bool is_started : 1;  /* what libuv does */
    bool has_filled : 1;  /* the last read filled the buffer: yield */
    bool has_eof : 1;     /* on_end(0) was said */
    bool has_failed : 1;  /* on_end(err) was said */
    bool is_high : 1;     /* a flush left more than the low mark */
    bool is_filled : 1;   /* a flush left something */
    bool is_shutting : 1; /* FIN when `out` is empty */
    bool is_shut : 1;     /* FIN was sent */
};

static struct sl_loop *loop_of(const struct sl_tcp *tcp)
{
    return sl_container_of(tcp->uv.loop, struct sl_loop, uv);
}

static int fd_of(const struct sl_tcp *tcp)
{
    uv_os_fd_t fd;

    return uv_fileno((const uv_handle_t *)&tcp->uv, &fd) ? -1 : fd;
}

/* ---- the end ---- */

static void stop_reading(struct sl_tcp *tcp)
{
    if (tcp->is_started)
        uv_read_stop((uv_stream_t *)&tcp->uv);
    tcp->is_started = false;
}

static void end(struct sl_tcp *tcp, int err)
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
    sl_defer_next(loop_of(tcp), &tcp->later);
}

static void connected(struct sl_tcp *tcp, int err);

static void on_later(struct sl_deferred *d)
{
    struct sl_tcp *tcp = sl_container_of(d, struct sl_tcp, later);
    char byte;

    if (tcp->is_connecting) {
        connected(tcp, 0);
        return;
    }
    /* What had arrived before the failure is still delivered, if anybody reads. */
    if (tcp->is_started && tcp->is_reading &&
        recv(fd_of(tcp), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0) {
        sl_defer_next(loop_of(tcp), d);
        return;
    }
    end(tcp, tcp->err);
}

/* ---- reading ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *out_buf)
{
    struct sl_tcp *tcp = sl_container_of(handle, struct sl_tcp, uv);
    struct sl_loop *loop = loop_of(tcp);

    sl_loop_woke(loop);
    if (tcp->has_filled || !tcp->is_reading)
        *out_buf = uv_buf_init(NULL, 0);
    else
        *out_buf = uv_buf_init(loop->scratch, sizeof(loop->scratch));
}

/* When a reset came with the last bytes libuv tells of an end without having asked the socket
   (UV_HANDLE_READ_PARTIAL): a body that ends with its connection would look whole. A reset behind a
   FIN is EPIPE on Linux, and then the FIN counts: all bytes had come. */
static int error_behind_eof(const struct sl_tcp *tcp)
{
    int err = 0;
    socklen_t len = sizeof(err);

    if (getsockopt(fd_of(tcp), SOL_SOCKET, SO_ERROR, &err, &len) || err == 0 || err == EPIPE)
        return 0;
    return sl_loop_err(err) == SL_ERR_RESET ? SL_ERR_RESET : SL_ERR_IO;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct sl_tcp *tcp = sl_container_of(stream, struct sl_tcp, uv);

    sl_loop_woke(loop_of(tcp));
    if (n > 0) {
        tcp->has_filled = (size_t)n == buf->len;
        tcp->events->on_bytes(tcp->owner, sl_span(buf->base, (size_t)n));
    } else if (n == UV_ENOBUFS && buf->len == 0) { /* not the kernel's */
        if (!tcp->has_filled)
            stop_reading(tcp); /* bytes came while the owner wants none */
        tcp->has_filled = false;
    } else if (n == UV_EOF) {
        tcp->is_started = false; /* libuv has stopped by itself */
        if (tcp->is_reading)     /* else it is seen again when reading is turned on */
            end(tcp, tcp->err ? tcp->err : error_behind_eof(tcp));
    } else if (n < 0) {
        end(tcp, sl_loop_err((int)n) == SL_ERR_RESET ? SL_ERR_RESET : SL_ERR_IO);
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
    if (shutdown(fd_of(tcp), SHUT_WR))
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

    sl_loop_woke(loop_of(tcp));
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

    loop_of(tcp)->n_shells--;
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

static void stop_retrying(struct sl_tcp *tcp)
{
    if (tcp->is_retrying)
        sl_deadline_fini(&tcp->request->retry.deadline);
    tcp->is_retrying = false;
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
        setsockopt(fd_of(tcp), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    tcp->events = NULL;
    tcp->owner = NULL;
    sl_deferred_cancel(&tcp->later);
    stop_retrying(tcp);
    uv_close((uv_handle_t *)&tcp->uv, on_closed);
}

static void keep_peer(struct sl_tcp *tcp, const struct sl_addr *peer)
{
    if (peer->storage.ss_family == AF_UNIX)
        tcp->peer.family = AF_UNIX;
    else
        memcpy(&tcp->peer, &peer->storage, sizeof(tcp->peer));
}

static struct sl_tcp *shell_new(struct sl_loop *loop, const struct sl_addr *peer,
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
    struct sl_tcp *tcp = shell_new(loop, peer, events, owner);

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

static void connected(struct sl_tcp *tcp, int err)
{
    stop_retrying(tcp);
    tcp->is_connecting = false;
    if (err)
        tcp->err = err; /* it can only be closed */
    if (tcp->events->on_connected)
        tcp->events->on_connected(tcp->owner, err);
    else if (err)
        end(tcp, err);
    if (!tcp->events || err)
        return;
    sl_tcp_read(tcp, tcp->is_reading);
    push(tcp);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct sl_tcp *tcp = sl_container_of(request->handle, struct sl_tcp, uv);

    sl_loop_woke(loop_of(tcp));
    if (tcp->events)
        connected(tcp, sl_loop_err(status));
}

/* TCP waits by itself for room in a backlog; for a unix socket it has to be asked for. The owner's
   deadline ends it. */
static void on_retry(struct sl_deadline *d)
{
    union sl_tcp_request *request = sl_container_of(d, union sl_tcp_request, retry.deadline);
    struct sl_tcp *tcp = request->retry.tcp;

    const struct sl_addr *to = &request->retry.to;

    if (connect(fd_of(tcp), (const struct sockaddr *)&to->storage, to->len) == 0) {
        connected(tcp, 0);
    } else if (errno == EAGAIN) {
        sl_deadline_arm(d, SL_PHASE_NONE, RETRY_MS);
    } else {
        connected(tcp, sl_loop_err(errno));
    }
}

static int wait_for_backlog(struct sl_tcp *tcp, const struct sl_addr *to)
{
    tcp->request = malloc(sizeof(*tcp->request));
    if (!tcp->request)
        return SL_ERR_MEMORY;
    tcp->is_retrying = true;
    tcp->request->retry.tcp = tcp;
    tcp->request->retry.to = *to;
    sl_deadline_init(&tcp->request->retry.deadline, loop_of(tcp), on_retry);
    sl_deadline_arm(&tcp->request->retry.deadline, SL_PHASE_NONE, RETRY_MS);
    return 0;
}

/* A unix socket connects at once or not at all. */
static int connect_unix(struct sl_loop *loop, const struct sl_addr *to,
                        const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return sl_loop_err(errno);
    bool is_full = false;
    if (connect(fd, (const struct sockaddr *)&to->storage, to->len)) {
        int err = sl_loop_err(errno);
        is_full = errno == EAGAIN;
        if (!is_full) {
            close(fd);
            return err;
        }
    }
    int err = sl_tcp_adopt(loop, fd, to, events, owner, out_tcp);
    if (err)
        return err;
    (*out_tcp)->is_connecting = true;
    if (is_full) {
        err = wait_for_backlog(*out_tcp, to);
        if (err)
            sl_tcp_close(out_tcp, SL_TCP_FIN);
        return err;
    }
    sl_defer_next(loop, &(*out_tcp)->later);
    return 0;
}

int sl_tcp_connect(struct sl_loop *loop, const struct sl_addr *to,
                   const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp)
{
    if (to->storage.ss_family == AF_UNIX)
        return connect_unix(loop, to, events, owner, out_tcp);

    struct sl_tcp *tcp = shell_new(loop, to, events, owner);
    if (!tcp)
        return SL_ERR_MEMORY;
    tcp->is_connecting = true;
    tcp->request = malloc(sizeof(*tcp->request));
    int err = tcp->request
                  ? sl_loop_err(uv_tcp_connect(&tcp->request->connect, &tcp->uv,
                                               (const struct sockaddr *)&to->storage, on_connect))
                  : SL_ERR_MEMORY;
    if (err) {
        sl_tcp_close(&tcp, SL_TCP_FIN);
        return err;
    }
    uv_tcp_nodelay(&tcp->uv, 1);
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

    ssize_t n = recv(fd_of(tcp), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
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

    if (tcp->is_connecting || ioctl(fd_of(tcp), SIOCOUTQ, &n_kernel) || n_kernel < 0)
        n_kernel = 0;
    /* A FIN counts as a byte there, and unix sockets count their overhead. */
    uint64_t n_unacked = (uint64_t)n_kernel < n_sent ? (uint64_t)n_kernel : n_sent;
    return tcp->out.n_bytes - n_flown(tcp) + n_unacked;
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
    return sl_tcp_bound(fd_of(tcp), out_addr);
}
