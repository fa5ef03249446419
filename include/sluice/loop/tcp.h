/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tcp: a stream socket (TCP or unix), the only place with stream handles.
 *
 * Split in two by the law of lifetimes. struct sl_tcp is the shell: it holds the handle, its
 * requests and the bytes in flight, and belongs to the loop once it is closed. The owner holds a
 * pointer to it and is told of events until it closes; no callback follows a close.
 *
 * Reading: bytes are read into a buffer of the loop and are valid only during the call; at most
 * SL_TCP_READ_BYTES per wake-up and socket (SL_TCP_BULK_BYTES of a fast body whose owner has an
 * appetite), then others have their turn. Writing: straight to the socket while it accepts; the
 * rest is queued in `out`, bounded by its marks.
 */
#ifndef SLUICE_LOOP_TCP_H
#define SLUICE_LOOP_TCP_H

#include <sluice/base/addr.h>
#include <sluice/base/chunkq.h>
#include <sluice/base/err.h>

#define SL_TCP_READ_BYTES (5 * 16340)  /* of body, it becomes whole TLS records */
#define SL_TCP_BULK_BYTES (32 * 16340) /* of a fast body, if there is place for it */
#define SL_TCP_HIGH_BYTES 65536        /* marks of `out` */
#define SL_TCP_LOW_BYTES  16384

struct sl_loop;
struct sl_tcp;
struct sl_tcp_listener;

/* Any may be NULL except on_bytes and on_end. An owner may close the socket within any of them. */
struct sl_tcp_events {
    /* connect() succeeded (0) or failed (SL_ERR_*); a failed socket must still be closed. */
    void (*on_connected)(void *owner, int err);
    void (*on_bytes)(void *owner, struct sl_span bytes);
    /* No more bytes: 0 for a FIN, else SL_ERR_RESET, SL_ERR_IO. Writing may still work after a FIN.
       Also called when writing failed (also with SL_ERR_MEMORY), once the bytes that had arrived
       are read, if reading is on. At most once with 0, and after that at most once with an error: a
       peer that has half closed may still die. */
    void (*on_end)(void *owner, int err);
    /* `out` has fallen to its low mark after it was above it at the end of a flush. */
    void (*on_room)(void *owner);
    /* `out` has become empty after a flush had left bytes in it. */
    void (*on_drained)(void *owner);
    /* Asked after on_bytes while much comes fast: of how much more has the owner use, and place for
       at once? Up to SL_TCP_BULK_BYTES may come at a time then, and the kernel may gather for a
       moment (at most 5 ms). 0: neither. NULL: always 0. */
    size_t (*appetite)(void *owner);
};

enum sl_tcp_close {
    SL_TCP_FIN,   /* whatever the kernel has is still delivered. `out` is tried once more; what does
                     not   fit is lost, and then it is RST: nobody may take a cut for an end */
    SL_TCP_RESET, /* RST: whatever is unsent is dropped, nothing lingers */
};

/* ---- life ---- */

/* Connects. 0: on_connected will be called, never before this returns. Else nothing was made.
   The first reading is off until sl_tcp_read. */
int sl_tcp_connect(struct sl_loop *loop, const struct sl_addr *to,
                   const struct sl_tcp_events *events, void *owner, struct sl_tcp **out_tcp);
/* Idempotent; nulls the owner's pointer; no event follows. */
void sl_tcp_close(struct sl_tcp **tcp, enum sl_tcp_close how);
/* Hands the socket to another owner (a pooled link). No event is lost: nothing happens in between.
 */
void sl_tcp_set_owner(struct sl_tcp *tcp, const struct sl_tcp_events *events, void *owner);

/* ---- verbs ---- */

/* Reading on or off. While off the socket is deaf: not even a reset is seen. */
void sl_tcp_read(struct sl_tcp *tcp, bool is_on);
/* Bytes for the peer: append here (sl_chunkq_append), then flush. */
struct sl_chunkq *sl_tcp_out(struct sl_tcp *tcp);
/* Sends the queue and then these spans with one system call while the socket accepts; copies the
   rest to `out`. 0 or SL_ERR_MEMORY (then the stream is broken: close). A failed write is reported
   by on_end in the next turn, not here. */
int sl_tcp_write(struct sl_tcp *tcp, const struct sl_span *spans, size_t n_spans);
/* Sends what is in `out` while the socket accepts; the rest goes when it accepts again. */
void sl_tcp_flush(struct sl_tcp *tcp);
/* FIN after all that is in `out`. */
void sl_tcp_shutdown(struct sl_tcp *tcp);
/* A FIN or a reset that has arrived already but was not yet delivered, seen without reading
   (recv MSG_PEEK): true when the stream is at its end or holds bytes. For idle pooled links. */
bool sl_tcp_is_stale(struct sl_tcp *tcp);

/* ---- questions ---- */

/* Bytes handed over that the peer's kernel has not acknowledged: `out` plus SIOCOUTQ. Seen from
   here a slow reader moves in steps: its kernel reopens a full window only when about a sixteenth
   of its buffer, or a segment, is free again. */
uint64_t sl_tcp_unacked_bytes(const struct sl_tcp *tcp);
/* Bytes that went through sl_tcp_write and `out`, ever. Less unacked: acknowledged. */
uint64_t sl_tcp_written_bytes(const struct sl_tcp *tcp);
/* How much would be with the kernel at once if it were written now, about: 0 when something waits
   for the kernel already, or it does not say (SO_MEMINFO). */
size_t sl_tcp_room_bytes(const struct sl_tcp *tcp);
/* The peer's address; of a unix socket only that it is one. */
struct sl_addr sl_tcp_peer(const struct sl_tcp *tcp);
/* Our address of the connection; asked of the kernel when needed. 0 or SL_ERR_IO. */
int sl_tcp_local(const struct sl_tcp *tcp, struct sl_addr *out_addr);

/* ---- listening ---- */

/* Called once per accepted socket: take it with sl_tcp_accept, or it is closed. err != 0: the
   system refused an accept (SL_ERR_NO_FDS and the like). */
typedef void sl_tcp_accept_fn(void *owner, struct sl_tcp_listener *listener, int err);

/*
 * A listening socket, not yet attached to any loop: made before workers start so that all errors
 * show at once. SO_REUSEPORT is set for TCP, so each worker gets one of its own; TCP_NODELAY is set
 * on it and inherited. A unix socket cannot be shared that way: its workers get dup()s of one
 * descriptor. Its file has mode 0660; one that a dead process has left is replaced, and nobody
 * removes it on close. 0 or SL_ERR_IN_USE, SL_ERR_DENIED, SL_ERR_ADDRESS, SL_ERR_NO_FDS.
 */
int sl_tcp_bind(const struct sl_addr *at, int backlog, int *out_fd);
/* Could we be alone at that address? Ask before the first sl_tcp_bind of an address: because of
   SO_REUSEPORT that one succeeds although another process of the same user listens there. Errors as
   above. */
int sl_tcp_probe(const struct sl_addr *at);
/* The address of a socket; the port that was chosen for port 0. 0 or SL_ERR_IO. */
int sl_tcp_bound(int fd, struct sl_addr *out_addr);
/* Takes the descriptor over, also when it fails. When the system refuses an accept it is told, and
   the listener pauses for a tenth of a second. */
int sl_tcp_listen(struct sl_loop *loop, int fd, int backlog, sl_tcp_accept_fn *on_accept,
                  void *owner, struct sl_tcp_listener **out_listener);
/* Connections that the system keeps until they are accepted, from now on. */
void sl_tcp_listener_set_backlog(struct sl_tcp_listener *listener, int backlog);
void sl_tcp_listener_close(struct sl_tcp_listener **listener);
/* Within on_accept only. Reading is off until sl_tcp_read. */
int sl_tcp_accept(struct sl_tcp_listener *listener, const struct sl_tcp_events *events, void *owner,
                  struct sl_tcp **out_tcp);

#endif
