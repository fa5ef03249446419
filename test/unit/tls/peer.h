/* SPDX-License-Identifier: Apache-2.0 */
/*
 * peer: a TLS client in memory, for tests of sessions. It is mbedTLS's own client; what it sends is
 * collected and handed to a session in pieces of any size, and back.
 */
#ifndef SLUICE_TEST_TLS_PEER_H
#define SLUICE_TEST_TLS_PEER_H

#include <mbedtls/ssl.h>

#include <sluice/tls/session.h>

struct bytes {
    char *ptr;
    size_t len, cap;
};

void bytes_add(struct bytes *b, const void *ptr, size_t len);
void bytes_drop(struct bytes *b, size_t n);
void bytes_free(struct bytes *b);

/* What is zero or NULL is left as mbedTLS presets it. */
struct client_options {
    mbedtls_ssl_protocol_version min, max;
    const int *suites;
    const uint16_t *groups;
    const uint16_t *signatures;
    const char **protocols;
    const char *sni;
    const mbedtls_ssl_session *resume;
    bool has_renegotiation;
    bool has_trust_in_nobody; /* refuses every certificate */
};

/* One connection: the client, the session, and the wires between them. */
struct pair {
    mbedtls_ssl_config conf;
    mbedtls_ssl_context client;
    struct sl_tls_session *session;
    struct sl_chunkpool pool;
    struct sl_chunkq out;
    struct bytes to_server, to_client;
    size_t piece;               /* bytes given to the session at once; 0: all there are */
    int client_ret;             /* last answer of the client's handshake */
    int server_ret;             /* last answer of the session's handshake */
    int fatal_alert;            /* description of the fatal alert the client received; -1: none */
    bool has_ticket;            /* the client has a session to resume */
    mbedtls_ssl_session ticket; /* the newest */
};

/* A server without tickets. */
struct sl_tls_server *server_make(bool has_tls12, bool has_tls13, bool is_strict,
                                  struct sl_identity *const *identities, size_t n);

void pair_open(struct pair *p, struct sl_tls_server *server, const struct client_options *options);
/* Lets both sides talk until both are done, or one failed, or nothing moves. True: both are done.
 */
bool pair_handshake(struct pair *p);
/* Open and handshake, asserting success. */
void pair_connect(struct pair *p, struct sl_tls_server *server,
                  const struct client_options *options);
/* Moves what the session wrote to the client's wire. */
void pair_flush(struct pair *p);
/* The client's mbedtls_ssl_read; keeps tickets. */
int pair_client_read(struct pair *p, void *buf, size_t cap);
/* The session's read of what is on its wire, piece by piece, until it has an answer. */
int pair_server_read(struct pair *p, char *buf, size_t cap);
void pair_report(const struct pair *p, struct sl_tls_report *out_report);
void pair_close(struct pair *p);

#endif
