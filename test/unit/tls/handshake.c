// SPDX-License-Identifier: Apache-2.0
/*
 * handshake: which clients a server agrees with, on what, and what it says to the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <mbedtls/ssl_ciphersuites.h>

#include <sluice/base/counters.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

static struct sl_tls_server *server_make(bool has_tls12, bool has_tls13, bool is_strict,
                                         struct sl_identity *const *identities, size_t n)
{
    struct sl_tls_server *server = NULL;
    struct sl_tls_settings settings = {
        .has_tls12 = has_tls12,
        .has_tls13 = has_tls13,
        .identities = identities,
        .n_identities = n,
        .is_strict_sni = is_strict,
    };
    assert_int_equal(sl_tls_server_new(&settings, &server), 0);
    return server;
}

/* Every suite, agreed on by a client that offers only that one. */
static const struct {
    int id;
    int version;
    bool is_rsa;
} suites[SL_N_SUITES] = {
    {MBEDTLS_TLS1_3_AES_128_GCM_SHA256, SL_TLS_1_3, false},
    {MBEDTLS_TLS1_3_AES_256_GCM_SHA384, SL_TLS_1_3, false},
    {MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, SL_TLS_1_3, false},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, SL_TLS_1_2, false},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, SL_TLS_1_2, false},
    {MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, SL_TLS_1_2, false},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, SL_TLS_1_2, true},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, SL_TLS_1_2, true},
    {MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, SL_TLS_1_2, true},
};

static void every_suite_is_agreed_on(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa(), identity_rsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 2);
    for (size_t i = 0; i < SL_N_SUITES; i++) {
        const int ids[] = {suites[i].id, 0};
        struct client_options options = {
            .max = suites[i].version == SL_TLS_1_2 ? TLS12 : TLS13,
            .suites = ids,
            .sni = "example.org",
        };
        struct sl_tls_report report;
        struct pair p;
        pair_connect(&p, server, &options);
        pair_report(&p, &report);
        assert_int_equal(report.suite, i);
        assert_int_equal(report.version, suites[i].version);
        assert_false(report.is_resumed);
        assert_false(report.has_alpn);
        pair_close(&p);
    }
    sl_tls_server_unref(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_is_agreed_on),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
