/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel: one socket, with or without TLS, as a bounded duplex stream of plaintext. The only place
 * where encryption and the event loop meet; above it nobody knows whether TLS exists.
 *
 * Life: (PROXY header) -> first byte -> (TLS handshake) -> open -> ended. A TLS session is made
 * when the peer's first bytes arrive, so that a silent peer costs a socket and nothing else; what
 * only an opening needs is made when bytes have to wait, and goes when it is open.
 *
 * Reading is pulled: on_readable says that there are bytes, sl_channel_peek and _consume take them.
 * What the owner leaves is kept (at most SL_CHANNEL_IN_BYTES plus one read), and the socket is not
 * read beyond that; after sl_channel_pause it is not read at all. Writing is bounded by asking
 * sl_channel_is_full() before taking more from the source; on_room follows when it was full.
 *
 * Bytes written in one turn leave together at its end: head and first body bytes share a record
 * and a system call. Much leaves as it is made.
 */
#ifndef SLUICE_NET_CHANNEL_H
#define SLUICE_NET_CHANNEL_H

#include <sluice/loop/reaper.h>
#include <sluice/loop/tcp.h>
#include <sluice/net/turnstile.h>
#include <sluice/tls/session.h>

#define SL_CHANNEL_IN_BYTES 16384 /* unread plaintext at which the socket is no longer read */

struct sl_channel;
struct sl_channel_opening;
struct sl_channel_tls;

/* The owner may close the channel within any of them. */
struct sl_channel_events {
    /* The PROXY header was read: whom the connection is from. Only when one was asked for. */
    void (*on_proxied)(void *owner, const struct sl_addr *source);
    /* The very first byte of the peer's own stream (after a PROXY header). */
    void (*on_first_byte)(void *owner);
    /* A flight of the handshake has been sent: the peer's is awaited. */
    void (*on_answered)(void *owner);
    /* 0: ready for plaintext both ways. SL_ERR_TLS_PLAIN_HTTP: the peer speaks plain HTTP to a TLS
       port; the channel is open, without TLS, so that it can be told. Anything else: it failed, an
       alert is on its way where the protocol has one, and all that is left is to close. */
    void (*on_open)(void *owner, int err);
    void (*on_readable)(void *owner);
    /* Of what can be read only when more has come (a TLS record) there are so many bytes by now.
       Not said when a read brought plaintext, too. May be NULL. */
    void (*on_partial)(void *owner, size_t n_bytes);
    /* The peer will send no more (0), or reading failed; every byte was consumed before, unless err
       is not 0. Writing may still work after 0; should it fail, on_end is said once more. */
    void (*on_end)(void *owner, int err);
    void (*on_room)(void *owner);
    /* Every written byte is in the kernel, after that was not so at the end of a turn. */
    void (*on_drained)(void *owner);
    /* As sl_tcp_events.appetite. May be NULL. */
    size_t (*appetite)(void *owner);
};

enum sl_channel_stage {
    SL_CHANNEL_CLOSED,
    SL_CHANNEL_CONNECTING,
    SL_CHANNEL_PROXY_HEADER,
    SL_CHANNEL_FIRST_BYTE,
    SL_CHANNEL_HANDSHAKE,
    SL_CHANNEL_OPEN,
};

struct sl_channel {
    struct sl_loop *loop;
    struct sl_tcp *tcp; /* NULL when closed */
    const struct sl_channel_events *events;
    void *owner;
    struct sl_turnstile *turnstile;
    struct sl_tls_server
        *tls_server; /* NULL: no TLS. Borrowed until the session takes a reference */
    struct sl_channel_opening *opening; /* what arrived and could not be worked on, or NULL */
    struct sl_channel_tls *tls;         /* NULL: no TLS, or the first record is not whole */
    struct sl_chunkq in;                /* plaintext the owner has left */
    struct sl_span fresh;        /* plaintext of the event under way; lives in a loop buffer */
    struct sl_deferred turn_end; /* does what must_* say */
    uint8_t stage_of_life;       /* enum sl_channel_stage */
    bool is_answered;            /* on_answered was said */
    bool is_paused, is_reading, must_resume, must_flush;
    bool has_ended, has_told_end, has_shut_down, has_failed_to_open;
    bool must_end; /* the peer's FIN came behind a flight that waits */
    int end_err;
    int lost_err;      /* why some of what was written is lost; 0: nothing is */
    uint64_t n_raw_in; /* bytes received from the socket */
    uint64_t n_in;     /* plaintext bytes delivered */
    uint64_t n_out;    /* plaintext bytes encrypted (TLS only) */
};

/* ---- life ---- */

/* Within a listener's on_accept. tls_server NULL: plain. Reads at once. Its handshake goes through
   the turnstile: while it waits there, what has arrived is kept, and the socket is read on until
   that is SL_CHANNEL_IN_BYTES, so that a peer that gives up is seen. */
int sl_channel_accept(struct sl_channel *ch, struct sl_loop *loop, struct sl_tcp_listener *listener,
                      struct sl_turnstile *turnstile, struct sl_tls_server *tls_server,
                      bool has_proxy_header, const struct sl_channel_events *events, void *owner);
/* Connects without TLS; on_open follows. */
int sl_channel_connect(struct sl_channel *ch, struct sl_loop *loop, const struct sl_addr *to,
                       const struct sl_channel_events *events, void *owner);

enum sl_channel_close {
    SL_CHANNEL_CLEAN, /* what was written, close_notify, FIN; RST if some of it is lost */
    SL_CHANNEL_ALERT, /* in a handshake: an alert that says we gave up; then FIN */
    SL_CHANNEL_CUT, /* what was written, as far as the kernel takes it at once; then RST: a cut that
                       cannot be taken for an end */
    SL_CHANNEL_RESET, /* RST at once */
};
/* Idempotent; no event follows. The memory is the owner's. */
void sl_channel_close(struct sl_channel *ch, enum sl_channel_close how);

/* What a turnstile of channels tells whose turn it is. */
sl_waiter_fn sl_channel_on_turn;
/* A deadline of the handshake is to be acted on. What has arrived of the peer's second flight
   counts: if it waits for its turn it has it now. False: a hello waits, which could not be the end
   of the handshake, so it is not worked on; the peer is not to blame. May close the channel. */
bool sl_channel_last_look(struct sl_channel *ch);

/* ---- reading ---- */

/* The next run of plaintext; empty when there is none. Valid until consume, or the event's end. */
struct sl_span sl_channel_peek(const struct sl_channel *ch);
void sl_channel_consume(struct sl_channel *ch, size_t n);
/* No on_readable until resume; the socket is not read. */
void sl_channel_pause(struct sl_channel *ch);
/* Goes on: first with bytes that are inside, then with the socket. As a deferred call, never by
 * recursion. */
void sl_channel_resume(struct sl_channel *ch);

/* ---- writing ---- */

/* A queue to encode small things into (heads, chunk sizes); sent with what follows. */
struct sl_chunkq *sl_channel_out(struct sl_channel *ch);
/* 0, or SL_ERR_*: the channel can only be closed. Never partial. */
int sl_channel_write(struct sl_channel *ch, const struct sl_span *spans, size_t n_spans);
/* Sends at the end of this turn. Implied by write; needed after encoding into sl_channel_out. */
void sl_channel_flush(struct sl_channel *ch);
/* close_notify and FIN after everything written. Reading goes on. */
void sl_channel_shutdown(struct sl_channel *ch);
bool sl_channel_is_full(const struct sl_channel *ch);
/* As sl_tcp_room_bytes; 0 when closed. */
size_t sl_channel_room_bytes(const struct sl_channel *ch);

/* ---- questions ---- */

/* Wire bytes handed over / not yet acknowledged by the peer's kernel. */
uint64_t sl_channel_written_bytes(const struct sl_channel *ch);
uint64_t sl_channel_unacked_bytes(const struct sl_channel *ch);
/* Plaintext bytes written so far: with TLS those that were encrypted. */
uint64_t sl_channel_out_bytes(const struct sl_channel *ch);
/* Nothing waits in user space. */
bool sl_channel_is_drained(const struct sl_channel *ch);
/* Empty without TLS or SNI. */
struct sl_span sl_channel_sni(const struct sl_channel *ch);
bool sl_channel_report(const struct sl_channel *ch, struct sl_tls_report *out_report);

#endif
