/* SPDX-License-Identifier: Apache-2.0 */
/*
 * listen: listening sockets. Made by sl_tcp_bind before there is a loop, watched by sl_tcp_listen.
 *
 * Happy path: the descriptor is readable; up to N_ACCEPTS connections are taken from it, each with
 * the address it comes from, in one system call each, and offered to the owner; what is left is
 * reported again next turn. Watched with uv_poll rather than uv_listen: libuv's own accepting hides
 * the errors or loops on them, depending on its version, and accepts without bound.
 *
 * Failure modes: connections that died in the queue are skipped. When the system has no descriptor
 * or no memory left, the owner is told and the listener pauses for PAUSE_MS: the queue stays
 * readable, so the loop would spin. The connections wait in the kernel meanwhile.
 *
 * Ownership: the listener is a shell (one handle), freed by its close callback. The descriptor is
 * closed with it.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tcp_private.h"
#include "uv_private.h"

#define N_ACCEPTS 16 /* per wake-up, then others have their turn */
#define PAUSE_MS  100

struct sl_tcp_listener {
    uv_poll_t uv;
    struct sl_loop *loop;
    sl_tcp_accept_fn *on_accept; /* NULL: closed by its owner */
    void *owner;
    int fd;
    int accepted_fd; /* during on_accept, until it is taken; else -1 */
    struct sl_addr peer;
    struct sl_deadline pause;
};

/* ---- sockets without a loop ---- */

static const struct sockaddr *sockaddr_of(const struct sl_addr *a)
{
    return (const struct sockaddr *)&a->storage;
}

static int on(int fd, int level, int name)
{
    int one = 1;

    return setsockopt(fd, level, name, &one, sizeof(one));
}

/* Closes fd; the error that was. */
static int give_up(int fd)
{
    int err = sl_loop_err(errno);

    close(fd);
    return err == SL_ERR_UNREACHABLE ? SL_ERR_ADDRESS : err; /* not an address of this machine */
}

static int bind_inet(const struct sl_addr *at, bool is_shared, int *out_fd)
{
    int fd = socket(at->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return sl_loop_err(errno);
    if (at->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at->storage;
        int is_only = !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
        if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_only, sizeof(is_only)))
            return give_up(fd);
    }
    if (on(fd, SOL_SOCKET, SO_REUSEADDR) || (is_shared && on(fd, SOL_SOCKET, SO_REUSEPORT)) ||
        on(fd, IPPROTO_TCP, TCP_NODELAY) || bind(fd, sockaddr_of(at), at->len))
        return give_up(fd);
    *out_fd = fd;
    return 0;
}

/* "Every address" on a machine without IPv6 means every IPv4 address. */
static int bind_any(const struct sl_addr *at, bool is_shared, int *out_fd)
{
    int err = bind_inet(at, is_shared, out_fd);
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&at->storage;

    if (err != SL_ERR_ADDRESS || at->storage.ss_family != AF_INET6 ||
        !IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
        return err;
    struct sl_addr v4 = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&v4.storage;
    in->sin_family = AF_INET;
    in->sin_port = in6->sin6_port;
    return bind_inet(&v4, is_shared, out_fd);
}

/* Is somebody listening there? A file that is left over from a process that died is not. */
static int probe_unix(const struct sl_addr *at)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&at->storage;
    struct stat st;

    if (lstat(un->sun_path, &st))
        return errno == ENOENT ? 0 : sl_loop_err(errno);
    if (!S_ISSOCK(st.st_mode))
        return SL_ERR_IN_USE;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sl_loop_err(errno);
    int err = connect(fd, sockaddr_of(at), at->len) ? errno : 0;
    close(fd);
    return err == ECONNREFUSED || err == ENOENT ? 0 : SL_ERR_IN_USE;
}

static int bind_unix(const struct sl_addr *at, int *out_fd)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&at->storage;
    int err = probe_unix(at);

    if (err)
        return err;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return sl_loop_err(errno);
    unlink(un->sun_path);
    /* The first mode holds from the moment the file exists, the second whatever the umask is. */
    if (fchmod(fd, 0660) || bind(fd, sockaddr_of(at), at->len) || chmod(un->sun_path, 0660))
        return give_up(fd);
    *out_fd = fd;
    return 0;
}

int sl_tcp_bind(const struct sl_addr *at, int backlog, int *out_fd)
{
    int fd;
    int err = at->storage.ss_family == AF_UNIX ? bind_unix(at, &fd) : bind_any(at, true, &fd);

    if (err)
        return err;
    if (listen(fd, backlog))
        return give_up(fd);
    *out_fd = fd;
    return 0;
}

int sl_tcp_probe(const struct sl_addr *at)
{
    int fd;

    if (at->storage.ss_family == AF_UNIX)
        return probe_unix(at);
    int err = bind_any(at, false, &fd);
    if (!err)
        close(fd);
    return err;
}

void sl_tcp_unmap(struct sl_addr *a)
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a->storage;

    if (a->storage.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        return;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = in6->sin6_port};
    memcpy(&in.sin_addr, &in6->sin6_addr.s6_addr[12], sizeof(in.sin_addr));
    memset(&a->storage, 0, sizeof(a->storage));
    memcpy(&a->storage, &in, sizeof(in));
    a->len = sizeof(in);
}

int sl_tcp_bound(int fd, struct sl_addr *out_addr)
{
    memset(out_addr, 0, sizeof(*out_addr));
    out_addr->len = sizeof(out_addr->storage);
    if (getsockname(fd, (struct sockaddr *)&out_addr->storage, &out_addr->len))
        return SL_ERR_IO;
    sl_tcp_unmap(out_addr);
    return 0;
}

/* ---- accepting ---- */

static void on_poll(uv_poll_t *uv, int status, int events);

static void watch(struct sl_tcp_listener *listener)
{
    uv_poll_start(&listener->uv, UV_READABLE, on_poll);
}

static void on_pause_over(struct sl_deadline *d)
{
    watch(sl_container_of(d, struct sl_tcp_listener, pause));
}

static void refused(struct sl_tcp_listener *listener, int err)
{
    uv_poll_stop(&listener->uv);
    sl_deadline_arm(&listener->pause, SL_PHASE_NONE, PAUSE_MS);
    listener->on_accept(listener->owner, listener, err);
}

/* Errors that belong to the connection at the head of the queue, not to the listener (accept(2)).
 */
static bool is_of_peer(int err)
{
    switch (err) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
    case EOPNOTSUPP:
        return true;
    default:
        return false;
    }
}

/* False: enough for this wake-up. */
static bool accept_one(struct sl_tcp_listener *listener)
{
    struct sl_addr *peer = &listener->peer;

    memset(&peer->storage, 0, sizeof(peer->storage));
    peer->len = sizeof(peer->storage);
    int fd = accept4(listener->fd, (struct sockaddr *)&peer->storage, &peer->len,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (is_of_peer(errno))
            return true;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            refused(listener, sl_loop_err(errno));
        return false;
    }
    sl_tcp_unmap(peer);
    listener->accepted_fd = fd;
    listener->on_accept(listener->owner, listener, 0);
    if (listener->accepted_fd >= 0) {
        close(listener->accepted_fd);
        listener->accepted_fd = -1;
    }
    return listener->on_accept != NULL;
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct sl_tcp_listener *listener = sl_container_of(uv, struct sl_tcp_listener, uv);

    sl_loop_woke(listener->loop);
    if (status < 0) {
        refused(listener, SL_ERR_IO);
        return;
    }
    for (int i = 0; i < N_ACCEPTS && accept_one(listener); i++)
        continue;
}

int sl_tcp_accept(struct sl_tcp_listener *listener, const struct sl_tcp_events *events, void *owner,
                  struct sl_tcp **out_tcp)
{
    int fd = listener->accepted_fd;

    assert(fd >= 0);
    listener->accepted_fd = -1;
    return sl_tcp_adopt(listener->loop, fd, &listener->peer, events, owner, out_tcp);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *uv)
{
    struct sl_tcp_listener *listener = sl_container_of(uv, struct sl_tcp_listener, uv);

    listener->loop->n_shells--;
    free(listener);
}

int sl_tcp_listen(struct sl_loop *loop, int fd, int backlog, sl_tcp_accept_fn *on_accept,
                  void *owner, struct sl_tcp_listener **out_listener)
{
    struct sl_tcp_listener *listener;

    if (listen(fd, backlog))
        return give_up(fd);
    listener = calloc(1, sizeof(*listener));
    if (!listener) {
        close(fd);
        return SL_ERR_MEMORY;
    }
    int err = uv_poll_init(&loop->uv, &listener->uv, fd);
    if (err) {
        close(fd);
        free(listener);
        return sl_loop_err(err);
    }
    loop->n_shells++;
    listener->loop = loop;
    listener->on_accept = on_accept;
    listener->owner = owner;
    listener->fd = fd;
    listener->accepted_fd = -1;
    sl_deadline_init(&listener->pause, loop, on_pause_over);
    watch(listener);
    *out_listener = listener;
    return 0;
}

void sl_tcp_listener_set_backlog(struct sl_tcp_listener *listener, int backlog)
{
    (void)listen(listener->fd, backlog); /* of a socket that listens it changes only this */
}

void sl_tcp_listener_close(struct sl_tcp_listener **plistener)
{
    struct sl_tcp_listener *listener = *plistener;

    if (!listener)
        return;
    *plistener = NULL;
    listener->on_accept = NULL;
    sl_deadline_fini(&listener->pause);
    uv_close((uv_handle_t *)&listener->uv, on_closed);
    close(listener->fd);
}
