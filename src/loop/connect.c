/* SPDX-License-Identifier: Apache-2.0 */
/*
 * connect: a shell that calls somebody.
 *
 * Happy path: TCP connects by libuv, which tells when it is done. A unix socket connects at once;
 * its owner hears of it in the next turn all the same.
 *
 * Failure modes: what fails at once is returned, and nothing was made; what fails later is told by
 * on_connected, and the socket can only be closed. A unix socket whose backlog is full is asked
 * again and again until the owner, who has a deadline, gives up.
 *
 * Ownership: the shell is its caller's, as any (tcp.c); what connecting needs lies in its request.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "tcp_private.h"

/* How often a unix socket whose backlog is full is asked again. */
#define RETRY_MS 20

void sl_tcp_stop_retrying(struct sl_tcp *tcp)
{
    if (tcp->is_retrying)
        sl_deadline_fini(&tcp->request->retry.deadline);
    tcp->is_retrying = false;
}

void sl_tcp_connected(struct sl_tcp *tcp, int err)
{
    sl_tcp_stop_retrying(tcp);
    tcp->is_connecting = false;
    if (err)
        tcp->err = err; /* it can only be closed */
    if (tcp->events->on_connected)
        tcp->events->on_connected(tcp->owner, err);
    else if (err)
        sl_tcp_end(tcp, err);
    if (!tcp->events || err)
        return;
    sl_tcp_read(tcp, tcp->is_reading);
    sl_tcp_flush(tcp);
}

static void on_connect(uv_connect_t *request, int status)
{
    struct sl_tcp *tcp = sl_container_of(request->handle, struct sl_tcp, uv);

    sl_loop_woke(sl_tcp_loop(tcp));
    if (tcp->events)
        sl_tcp_connected(tcp, sl_loop_err(status));
}

/* TCP waits by itself for room in a backlog; for a unix socket it has to be asked for. The owner's
   deadline ends it. */
static void on_retry(struct sl_deadline *d)
{
    union sl_tcp_request *request = sl_container_of(d, union sl_tcp_request, retry.deadline);
    struct sl_tcp *tcp = request->retry.tcp;

    const struct sl_addr *to = &request->retry.to;

    if (connect(sl_tcp_fd(tcp), (const struct sockaddr *)&to->storage, to->len) == 0) {
        sl_tcp_connected(tcp, 0);
    } else if (errno == EAGAIN) {
        sl_deadline_arm(d, SL_PHASE_NONE, RETRY_MS);
    } else {
        sl_tcp_connected(tcp, sl_loop_err(errno));
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
    sl_deadline_init(&tcp->request->retry.deadline, sl_tcp_loop(tcp), on_retry);
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

    struct sl_tcp *tcp = sl_tcp_new_shell(loop, to, events, owner);
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
