// SPDX-License-Identifier: Apache-2.0
/*
 * server: what a listener offers, made once and then only read.
 *
 * One mbedtls_ssl_config serves all sessions of all workers. It offers TLS 1.2 and 1.3 with
 * ephemeral key exchange and AEAD suites only (RFC 9325 4.1, 4.2), signatures without SHA-1, ALPN
 * http/1.1, no renegotiation, no early data, and pre-shared keys only together with a fresh key
 * exchange, so that a stolen ticket key opens no recorded connection of TLS 1.3.
 *
 * Which identity is served: without SNI the first one, and with it those others that are good for
 * the same name, so that the same site can have an ECDSA and an RSA certificate. mbedTLS picks
 * among them by the client's signature algorithms. With SNI: see sni.c.
 *
 * The server owns its configuration and its array; it holds a reference of each identity; ticket
 * keys are borrowed and must outlive the last reference. It fails without memory, or on settings
 * that make no sense.
 */
#include "server.h"

#include <stdlib.h>

#include <mbedtls/sha256.h>
#include <mbedtls/ssl_ciphersuites.h>

#include <sluice/base/counters.h>

#include "global.h"
#include "identity.h"
#include "ticket.h"

/* TLS 1.3's client decides among its suites (the library follows the client there); for TLS 1.2
   this is the order. ECDSA before RSA because it signs several times faster. */
static const int suite_ids[] = {
    MBEDTLS_TLS1_3_AES_128_GCM_SHA256,
    MBEDTLS_TLS1_3_AES_256_GCM_SHA384,
    MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    0,
};

/* The names IANA gave them. */
static const char *const suite_names[] = {
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
};

_Static_assert(SL_N_ELEMENTS(suite_ids) == SL_N_SUITES + 1, "counters.h counts the suites");
_Static_assert(SL_N_ELEMENTS(suite_names) == SL_N_SUITES, "counters.h counts the suites");

static const uint16_t groups[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_NONE,
};

/* PKCS#1 signatures serve RSA in TLS 1.2; TLS 1.3 uses PSS (RFC 8446 4.2.3). */
static const uint16_t signatures[] = {
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256, MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
    MBEDTLS_TLS1_3_SIG_ECDSA_SECP521R1_SHA512, MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA384,    MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA512,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384,
    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA512,       MBEDTLS_TLS1_3_SIG_NONE,
};

static const char *protocols[] = {"http/1.1", "http/1.0", NULL};

const char *sl_tls_suite_name(size_t index)
{
    return index < SL_N_SUITES ? suite_names[index] : "unknown";
}

int sl_tls_suite_index(int mbedtls_id)
{
    for (int i = 0; i < SL_N_SUITES; i++)
        if (suite_ids[i] == mbedtls_id)
            return i;
    return -1;
}

/* A ticket opens only where the same identities are served. */
static void bind_tickets(struct sl_tls_server *server)
{
    mbedtls_sha256_context hash;
    uint8_t fingerprint[32];
    mbedtls_sha256_init(&hash);
    /* Hashing bytes that are in memory cannot fail. */
    (void)mbedtls_sha256_starts(&hash, 0);
    for (size_t i = 0; i < server->n_identities; i++) {
        sl_identity_fingerprint(server->identities[i], fingerprint);
        (void)mbedtls_sha256_update(&hash, fingerprint, sizeof(fingerprint));
    }
    (void)mbedtls_sha256_finish(&hash, server->ticket_binding);
    mbedtls_sha256_free(&hash);
}

/* The identities for clients without SNI. */
static int add_default_identities(struct sl_tls_server *server)
{
    char buf[256];
    struct sl_str name;
    sl_str_init(&name, buf, sizeof(buf));
    sl_identity_first_name(server->identities[0], &name);
    for (size_t i = 0; i < server->n_identities; i++) {
        struct sl_identity *identity = server->identities[i];
        if (i > 0 && !sl_identity_covers(identity, sl_str_span(&name)))
            continue;
        if (mbedtls_ssl_conf_own_cert(&server->conf, &identity->chain, &identity->key) != 0)
            return SL_ERR_MEMORY;
    }
    return 0;
}

static int configure(struct sl_tls_server *server, const struct sl_tls_settings *settings)
{
    mbedtls_ssl_config *conf = &server->conf;
    if (mbedtls_ssl_config_defaults(conf, MBEDTLS_SSL_IS_SERVER, MBEDTLS_SSL_TRANSPORT_STREAM,
                                    MBEDTLS_SSL_PRESET_DEFAULT) != 0)
        return SL_ERR_MEMORY;
    mbedtls_ssl_conf_rng(conf, sl_tls_rng, NULL);
    mbedtls_ssl_conf_authmode(conf, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_min_tls_version(conf, settings->has_tls12 ? MBEDTLS_SSL_VERSION_TLS1_2
                                                               : MBEDTLS_SSL_VERSION_TLS1_3);
    mbedtls_ssl_conf_max_tls_version(conf, settings->has_tls13 ? MBEDTLS_SSL_VERSION_TLS1_3
                                                               : MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_ciphersuites(conf, suite_ids);
    mbedtls_ssl_conf_groups(conf, groups);
    mbedtls_ssl_conf_sig_algs(conf, signatures);
    if (mbedtls_ssl_conf_alpn_protocols(conf, protocols) != 0)
        return SL_ERR_TLS_INTERNAL;
    /* No renegotiation at all, so a client that knows nothing of RFC 5746 is in no danger. */
    mbedtls_ssl_conf_renegotiation(conf, MBEDTLS_SSL_RENEGOTIATION_DISABLED);
    mbedtls_ssl_conf_legacy_renegotiation(conf, MBEDTLS_SSL_LEGACY_NO_RENEGOTIATION);
    mbedtls_ssl_conf_sni(conf, sl_sni_choose, server);

    int modes = MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_EPHEMERAL;
    if (server->ticket_keys) {
        modes |= MBEDTLS_SSL_TLS1_3_KEY_EXCHANGE_MODE_PSK_EPHEMERAL;
        sl_ticket_configure(server);
    }
    mbedtls_ssl_conf_tls13_key_exchange_modes(conf, modes);
    return add_default_identities(server);
}

int sl_tls_server_new(const struct sl_tls_settings *settings, struct sl_tls_server **out_server)
{
    *out_server = NULL;
    if (settings->n_identities == 0 || (!settings->has_tls12 && !settings->has_tls13))
        return SL_ERR_INVALID;
    struct sl_tls_server *server = calloc(1, sizeof(*server));
    if (!server)
        return SL_ERR_MEMORY;
    atomic_init(&server->n_refs, 1);
    mbedtls_ssl_config_init(&server->conf);
    server->is_strict_sni = settings->is_strict_sni;
    server->ticket_keys = settings->ticket_keys;
    server->n_identities = settings->n_identities;
    server->identities = calloc(settings->n_identities, sizeof(server->identities[0]));
    int err = SL_ERR_MEMORY;
    if (server->identities) {
        for (size_t i = 0; i < settings->n_identities; i++)
            server->identities[i] = sl_identity_ref(settings->identities[i]);
        bind_tickets(server);
        err = configure(server, settings);
    }
    if (err) {
        sl_tls_server_unref(&server);
        return err;
    }
    *out_server = server;
    return 0;
}

struct sl_tls_server *sl_tls_server_ref(struct sl_tls_server *server)
{
    atomic_fetch_add_explicit(&server->n_refs, 1, memory_order_relaxed);
    return server;
}

void sl_tls_server_unref(struct sl_tls_server **server)
{
    struct sl_tls_server *gone = *server;
    if (!gone)
        return;
    *server = NULL;
    /* Whatever other threads did with it happened before it is freed here. */
    if (atomic_fetch_sub_explicit(&gone->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    mbedtls_ssl_config_free(&gone->conf);
    for (size_t i = 0; gone->identities && i < gone->n_identities; i++)
        sl_identity_free(&gone->identities[i]);
    free(gone->identities);
    free(gone);
}
