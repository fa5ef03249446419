/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session: one TLS connection, server side, without a socket: cipher bytes in, plain bytes out, and
 * back. Belongs to one thread.
 *
 * Nothing costs memory before the client's first bytes: make the session then. A first byte that is
 * not a TLS handshake record is told apart at once (plain HTTP, or rubbish).
 *
 * The session is asked to write only what it can: cipher bytes go to the caller's chunkq, which
 * accepts everything, so a write never has to be repeated (mbedTLS loses bytes when it is).
 */
#ifndef SLUICE_TLS_SESSION_H
#define SLUICE_TLS_SESSION_H

#include <sluice/base/chunkq.h>
#include <sluice/tls/server.h>

/* Plaintext bytes of one record at most. mbedTLS takes 16383 with TLS 1.3; of these four fit, with
   what is around them, into the 65483 bytes that Linux sends at a time over a link of 64 KiB. */
#define SL_TLS_RECORD_BYTES 16340

struct sl_tls_session;

struct sl_tls_report {
    int version; /* SL_TLS_1_2 or SL_TLS_1_3 (counters.h) */
    int suite;   /* index for sl_tls_suite_name */
    bool is_resumed;
    bool has_alpn; /* http/1.1 or http/1.0 was agreed */
};

/*
 * What do these first bytes look like? 0: a TLS handshake record (or too few bytes to tell:
 * SL_ERR_AGAIN); SL_ERR_TLS_PLAIN_HTTP: a method token and a space or the HTTP/2 preface;
 * SL_ERR_TLS_NOT_TLS. 25 bytes always suffice.
 */
int sl_tls_sniff(struct sl_span first_bytes);

/* Takes a reference of `server`. `out` receives cipher bytes for the whole life; borrowed, and may
   be changed with sl_tls_session_set_out. */
int sl_tls_session_new(struct sl_tls_server *server, struct sl_chunkq *out,
                       struct sl_tls_session **out_session);
void sl_tls_session_set_out(struct sl_tls_session *session, struct sl_chunkq *out);
/* Zeroises. Sends nothing. */
void sl_tls_session_free(struct sl_tls_session **session);

/*
 * Hands over cipher bytes. They are borrowed until *in is empty: the verbs below advance it. Give
 * the next only when the last is used up: handshake and read use up everything before SL_ERR_AGAIN.
 */
/* 0: the handshake is finished (bytes left in *in are application data). SL_ERR_AGAIN: needs more.
   Else it failed, and an alert was written where the protocol has one: SL_ERR_TLS_*, SL_ERR_MEMORY,
   SL_ERR_EOF when the peer said close_notify. */
int sl_tls_session_handshake(struct sl_tls_session *session, struct sl_span *in);
/* Decrypts into buf (cap > 0). Returns bytes (> 0), SL_ERR_AGAIN (all input used up), SL_ERR_EOF
   (close_notify; what follows it is thrown away), or SL_ERR_TLS_*. After a handshake only; post-
   handshake messages are handled inside. Reading goes on after our own close_notify, and writing
   after the peer's. */
int sl_tls_session_read(struct sl_tls_session *session, struct sl_span *in, char *buf, size_t cap);
/* Of a record that has come in part: how many bytes of its content, at least, have come. 0: none
   has. After a handshake only. */
size_t sl_tls_session_partial_bytes(const struct sl_tls_session *session);
/* Encrypts all of it as records of at most SL_TLS_RECORD_BYTES. 0, SL_ERR_MEMORY, SL_ERR_TLS_*, or
   SL_ERR_CLOSED after our own close_notify. After a handshake only. */
int sl_tls_session_write(struct sl_tls_session *session, struct sl_span plain);
/* close_notify (RFC 8446 6.1); at most once, later calls do nothing. */
void sl_tls_session_close_notify(struct sl_tls_session *session);
/* For a deadline that expired in the handshake: writes user_canceled and close_notify (RFC
   8446 6.1: it says why and is not an accusation), and ends the session. Legal in every state.
   Nothing is written while TLS 1.3 awaits the client's Finished: mbedTLS has no keys the client
   could read. */
void sl_tls_session_abort(struct sl_tls_session *session);
/* The same where no session was made yet, because the client's first record is not whole: to `out`.
 */
void sl_tls_abort(struct sl_chunkq *out);

/* The name the client asked for, as soon as its ClientHello was read; empty before, or without. */
struct sl_span sl_tls_session_sni(const struct sl_tls_session *session);
/* Valid once the handshake is finished. */
void sl_tls_session_report(const struct sl_tls_session *session, struct sl_tls_report *out_report);

#endif
