/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp_private: the shell of a stream socket, as tcp.c, connect.c, which makes it by calling
 * somebody, and listen.c, which makes it of an accepted descriptor, see it.
 */
#ifndef SLUICE_LOOP_TCP_PRIVATE_H
#define SLUICE_LOOP_TCP_PRIVATE_H

#include <netinet/in.h>

#include "uv_private.h"

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

struct sl_bulk;

struct sl_tcp {
    uv_tcp_t uv;
    const struct sl_tcp_events *events; /* NULL: closed by its owner */
    void *owner;
    union sl_tcp_request *request; /* NULL until it is needed */
    struct sl_bulk *bulk;          /* NULL unless much comes fast */
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

static inline struct sl_loop *sl_tcp_loop(const struct sl_tcp *tcp)
{
    return sl_container_of(tcp->uv.loop, struct sl_loop, uv);
}

static inline int sl_tcp_fd(const struct sl_tcp *tcp)
{
    uv_os_fd_t fd;

    return uv_fileno((const uv_handle_t *)&tcp->uv, &fd) ? -1 : fd;
}

/* ---- tcp.c ---- */

/* Without a descriptor. NULL: no memory. */
struct sl_tcp *sl_tcp_new_shell(struct sl_loop *loop, const struct sl_addr *peer,
                                const struct sl_tcp_events *events, void *owner);
/* Tells on_end, as often as it may be told. */
void sl_tcp_end(struct sl_tcp *tcp, int err);
/* A shell around a connected descriptor, which it takes over, also when it fails. */
int sl_tcp_adopt(struct sl_loop *loop, int fd, const struct sl_addr *peer,
                 const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp);

/* ---- bulk.c ---- */

/* How long the next read may be. */
size_t sl_tcp_read_bytes(const struct sl_tcp *tcp);
/* Processor time of this thread: what work took, whoever else had the core meanwhile. */
uint64_t sl_tcp_work_us(void);
/* After a read of n bytes that filled its buffer, and after each one of a bulk; the owner, which
   has been told, and needed work_us for it, has an appetite(). */
void sl_tcp_note_bulk(struct sl_tcp *tcp, size_t n, uint64_t work_us);
/* Idempotent. */
void sl_tcp_end_bulk(struct sl_tcp *tcp);

/* ---- connect.c ---- */

/* Tells on_connected, and begins to read and write. */
void sl_tcp_connected(struct sl_tcp *tcp, int err);
/* Idempotent. */
void sl_tcp_stop_retrying(struct sl_tcp *tcp);

/* ---- listen.c ---- */

/* An IPv4 address that came in through an IPv6 socket becomes an IPv4 address. */
void sl_tcp_unmap(struct sl_addr *a);

#endif
