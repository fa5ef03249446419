/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server: the TLS side of a listener: which versions, suites, protocols and identities it offers.
 * Read-only once made; shared by all workers and by the sessions that began under it (refcounted).
 *
 * TLS 1.2 (RFC 5246) and 1.3 (RFC 8446); AEAD suites with ECDHE only (RFC 9325). ALPN http/1.1
 * (RFC 7301). Renegotiation and compression do not exist; TLS 1.3 early data is not accepted.
 */
#ifndef SLUICE_TLS_SERVER_H
#define SLUICE_TLS_SERVER_H

#include <sluice/tls/identity.h>

struct sl_tls_server;
struct sl_ticket_keys;

struct sl_tls_settings {
    bool has_tls12, has_tls13;
    /* At least one; the server takes a reference of each. The first is for clients without SNI, and
       with it those that cover its first name: one site may have an ECDSA and an RSA certificate.
     */
    struct sl_identity *const *identities;
    size_t n_identities;
    /* An SNI that no identity covers is refused (unknown_sni); otherwise it is served like a client
       without SNI. */
    bool is_strict_sni;
    struct sl_ticket_keys *ticket_keys; /* NULL: no tickets. Borrowed: outlives every session */
};

/* 0, SL_ERR_INVALID (no identity, no version), SL_ERR_MEMORY. */
int sl_tls_server_new(const struct sl_tls_settings *settings, struct sl_tls_server **out_server);
/* Sessions hold a reference each; may be called from any thread. */
struct sl_tls_server *sl_tls_server_ref(struct sl_tls_server *server);
void sl_tls_server_unref(struct sl_tls_server **server);

/* The suites that are offered, in order of preference, SL_N_SUITES of them; index for counters. */
const char *sl_tls_suite_name(size_t index);

/*
 * Ticket keys: shared by all listeners and workers, rotated by time. New tickets are made with the
 * newest key; tickets of the one before still open. AES-256-GCM (RFC 5077 section 4 in spirit).
 * A ticket opens only on a server with the same identities, and only as long as the lifetime, which
 * is cut to seven days (RFC 8446 4.6.1); 0 is SL_ERR_INVALID.
 */
int sl_ticket_keys_new(uint64_t lifetime_s, struct sl_ticket_keys **out_keys);
/* Makes a new key if the newest is older than the lifetime. Any thread; wall seconds. */
int sl_ticket_keys_rotate(struct sl_ticket_keys *keys, uint64_t now_s);
/* Zeroises. */
void sl_ticket_keys_free(struct sl_ticket_keys **keys);

/* Once per process before anything else of this floor (PSA); and after everything else. */
int sl_tls_global_init(void);
void sl_tls_global_fini(void);
/* "mbedTLS 3.6.6 (system)", or with what its primitives come from: "mbedTLS 3.6.6 (accelerated:
   OpenSSL 3.0.16, AES-GCM: intel-ipsec-mb 1.3.0)". Static. */
const char *sl_tls_library(void);
/* Cryptographically strong random bytes (request ids, self tests). 0 or SL_ERR_TLS_INTERNAL. */
int sl_tls_random(void *out, size_t n);

#endif
