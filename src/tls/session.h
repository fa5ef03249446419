/* SPDX-License-Identifier: Apache-2.0 */
/*
 * session, inside: what the callbacks of mbedTLS note in it.
 */
#ifndef SLUICE_SRC_TLS_SESSION_H
#define SLUICE_SRC_TLS_SESSION_H

#include <mbedtls/ssl.h>

#include <sluice/tls/session.h>

#include "records.h"

#define SL_SNI_MAX_BYTES     255
#define SL_TICKET_NAME_BYTES 16

/* The record that mbedTLS is reading: its header, and the first bytes of its body. */
struct sl_record_watch {
    uint8_t bytes[7];
    size_t n_seen;
};

struct sl_tls_session {
    mbedtls_ssl_context ssl;
    struct sl_records records;    /* once it is established */
    struct sl_tls_server *server; /* a reference */
    struct sl_chunkq *out;        /* borrowed */
    struct sl_span *in;           /* the caller's, while one of its verbs runs; else NULL */
    int err;                      /* why it ended; 0: it lives. Nothing is sent or read any more */
    int noted_err;         /* what a callback knows better than mbedTLS's answer; 0: nothing */
    uint64_t n_sent_bytes; /* to tell whether mbedTLS has sent an alert of its own */
    unsigned n_replies;    /* records that mbedTLS sent on its own while we read */
    struct sl_record_watch watch;
    int suite;                 /* sl_tls_suite_index; once it is established */
    bool is_established;       /* the handshake is over */
    bool is_starved;           /* more was asked for than *in had */
    bool is_reading;           /* inside sl_records_read */
    bool is_peer_done;         /* close_notify was received */
    bool is_closed;            /* close_notify was sent */
    bool has_sent_certificate; /* so the handshake was a full one */
    uint8_t plain_alert;       /* the description of an alert sent in clear; 0: none */
    bool has_ticket_name;      /* a TLS 1.2 ticket was opened before the name was known: */
    uint8_t ticket_name[SL_TICKET_NAME_BYTES]; /* sl_session_name_hash of its name */
    uint8_t n_sni_bytes;
    char sni[SL_SNI_MAX_BYTES];
    bool has_sni;
};

/* The session whose verb runs in this thread: some callbacks of mbedTLS are not told. NULL outside.
 */
struct sl_tls_session *sl_session_current(void);
/* Copies it, as far as it fits. */
void sl_session_note_sni(struct sl_tls_session *session, struct sl_span name);
/* The session will end with this, whatever mbedTLS makes of it. */
void sl_session_note_err(struct sl_tls_session *session, int err);
/* Which name the session is for, in few bytes; a session without SNI has one too. */
void sl_session_name_hash(const struct sl_tls_session *session,
                          uint8_t out_hash[SL_TICKET_NAME_BYTES]);

#endif
