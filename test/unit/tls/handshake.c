// SPDX-License-Identifier: Apache-2.0
/*
 * handshake: which clients a server agrees with, on what, and what it says to the others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/x509_crt.h>

#include <sluice/base/counters.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

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

/* Does a handshake with these options, and tells how it ended for the session: 0 or an error. */
static int outcome(struct sl_tls_server *server, const struct client_options *options,
                   struct sl_tls_report *out_report, int *out_alert)
{
    struct pair p;
    pair_open(&p, server, options);
    bool is_done = pair_handshake(&p);
    assert_int_equal(is_done, p.server_ret == 0);
    if (is_done)
        pair_report(&p, out_report);
    *out_alert = p.fatal_alert;
    int ret = p.server_ret;
    pair_close(&p);
    return ret;
}

static void versions_are_negotiated(void **state)
{
    static const struct {
        bool has_tls12, has_tls13;
        mbedtls_ssl_protocol_version min, max; /* of the client */
        int expected, version, alert;
    } rows[] = {
        {true, true, TLS12, TLS13, 0, SL_TLS_1_3, -1},
        {true, true, TLS12, TLS12, 0, SL_TLS_1_2, -1},
        {true, true, TLS13, TLS13, 0, SL_TLS_1_3, -1},
        {true, false, TLS12, TLS13, 0, SL_TLS_1_2, -1},
        {true, false, TLS12, TLS12, 0, SL_TLS_1_2, -1},
        {false, true, TLS12, TLS13, 0, SL_TLS_1_3, -1},
        {false, true, TLS13, TLS13, 0, SL_TLS_1_3, -1},
        {false, true, TLS12, TLS12, SL_ERR_TLS_VERSION, 0, 70},
    };
    struct sl_identity *identities[] = {identity_ecdsa()};
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_tls_server *server =
            server_make(rows[i].has_tls12, rows[i].has_tls13, false, identities, 1);
        struct client_options options = {.min = rows[i].min, .max = rows[i].max};
        struct sl_tls_report report = {0};
        int alert, ret = outcome(server, &options, &report, &alert);
        if (ret != rows[i].expected || report.version != rows[i].version || alert != rows[i].alert)
            fail_msg("row %zu: %s, version %d, alert %d", i, sl_err_name(ret), report.version,
                     alert);
        sl_tls_server_unref(&server);
    }
}

static void groups_are_negotiated(void **state)
{
    static const struct {
        uint16_t groups[3];
        int expected;
    } rows[] = {
        {{MBEDTLS_SSL_IANA_TLS_GROUP_X25519}, 0},
        {{MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1}, 0},
        {{MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1}, 0},
        /* A key share of a group we do not offer: asks for another (HelloRetryRequest). */
        {{MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1}, 0},
        {{MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1}, SL_ERR_TLS_NO_SHARED_CIPHER},
        {{MBEDTLS_SSL_IANA_TLS_GROUP_X448}, SL_ERR_TLS_NO_SHARED_CIPHER},
    };
    /* An RSA key, so that TLS 1.2's groups are those of the key exchange only. */
    struct sl_identity *identities[] = {identity_rsa()};
    struct sl_tls_server *server = server_make(true, true, true, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        for (int version = TLS12; version <= TLS13; version++) {
            struct client_options options = {
                .max = (mbedtls_ssl_protocol_version)version,
                .groups = rows[i].groups,
                .sni = "example.org",
            };
            struct sl_tls_report report;
            int alert, ret = outcome(server, &options, &report, &alert);
            if (ret != rows[i].expected || alert != (ret ? 40 : -1))
                fail_msg("row %zu, version %x: %s, alert %d", i, version, sl_err_name(ret), alert);
        }
    sl_tls_server_unref(&server);
}

static void nothing_in_common_is_said(void **state)
{
    static const int ccm13[] = {MBEDTLS_TLS1_3_AES_128_CCM_SHA256, 0};
    static const int cbc12[] = {MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, 0};
    static const int rsa12[] = {MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, 0};
    static const int static_rsa12[] = {MBEDTLS_TLS_RSA_WITH_AES_128_GCM_SHA256, 0};
    static const uint16_t rsa13[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                     MBEDTLS_TLS1_3_SIG_NONE};
    static const uint16_t sha1[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SHA1, MBEDTLS_TLS1_3_SIG_NONE};
    const struct client_options rows[] = {
        {.suites = ccm13},
        {.max = TLS12, .suites = cbc12},
        {.max = TLS12, .suites = rsa12}, /* the server's key is ECDSA */
        {.max = TLS12, .suites = static_rsa12},
        {.signatures = rsa13},
        {.max = TLS12, .signatures = sha1},
    };
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_tls_report report;
        int alert, ret = outcome(server, &rows[i], &report, &alert);
        if (ret != SL_ERR_TLS_NO_SHARED_CIPHER || alert != 40)
            fail_msg("row %zu: %s, alert %d", i, sl_err_name(ret), alert);
    }
    sl_tls_server_unref(&server);
}

static void protocols_are_negotiated(void **state)
{
    static const char *http1[] = {"http/1.1", NULL}, *both[] = {"h2", "http/1.1", NULL};
    static const char *h2[] = {"h2", NULL}, *odd[] = {"http/1.10", "http/1", "HTTP/1.1", NULL};
    static const struct {
        const char **protocols;
        int expected;
        bool has_alpn;
    } rows[] = {
        {http1, 0, true},
        {both, 0, true},
        {NULL, 0, false},
        {h2, SL_ERR_TLS_ALPN, false},
        {odd, SL_ERR_TLS_ALPN, false},
    };
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        for (int version = TLS12; version <= TLS13; version++) {
            struct client_options options = {
                .max = (mbedtls_ssl_protocol_version)version,
                .protocols = rows[i].protocols,
            };
            struct sl_tls_report report = {0};
            int alert, ret = outcome(server, &options, &report, &alert);
            /* no_application_protocol, RFC 7301 3.2 */
            if (ret != rows[i].expected || report.has_alpn != rows[i].has_alpn ||
                alert != (ret ? 120 : -1))
                fail_msg("row %zu, version %x: %s, alert %d", i, version, sl_err_name(ret), alert);
        }
    sl_tls_server_unref(&server);
}

/* Which identity did the client see? */
static bool is_served(const struct pair *p, const struct sl_identity *identity)
{
    const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&p->client);
    struct sl_str s;
    char buf[PEM_CAP];
    mbedtls_x509_crt expected;
    assert_non_null(crt);
    sl_str_init(&s, buf, sizeof(buf));
    assert_int_equal(sl_identity_write_pem(identity, &s), 0);
    mbedtls_x509_crt_init(&expected);
    assert_int_equal(mbedtls_x509_crt_parse(&expected, (unsigned char *)buf, s.len + 1), 0);
    bool is_same =
        sl_span_eq(sl_span(crt->raw.p, crt->raw.len), sl_span(expected.raw.p, expected.raw.len));
    mbedtls_x509_crt_free(&expected);
    return is_same;
}

static const uint16_t only_ecdsa[] = {MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
                                      MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
                                      MBEDTLS_TLS1_3_SIG_NONE};
static const uint16_t only_rsa[] = {MBEDTLS_TLS1_3_SIG_RSA_PSS_RSAE_SHA256,
                                    MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256, MBEDTLS_TLS1_3_SIG_NONE};
static const uint16_t retry[] = {
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
    MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

enum { ECDSA, RSA, OTHER };

static void the_right_identity_is_served(void **state)
{
    static const struct {
        const char *sni;
        const uint16_t *signatures, *groups;
        int strict, lenient; /* the identity, or an error */
    } rows[] = {
        {NULL, NULL, NULL, ECDSA, ECDSA},
        {NULL, only_ecdsa, NULL, ECDSA, ECDSA},
        {NULL, only_rsa, NULL, RSA, RSA},
        {"example.org", NULL, NULL, ECDSA, ECDSA},
        {"example.org", only_ecdsa, NULL, ECDSA, ECDSA},
        {"example.org", only_rsa, NULL, RSA, RSA},
        {"Example.ORG", only_rsa, NULL, RSA, RSA},
        {"rsa.example.net", NULL, NULL, RSA, RSA},
        {"rsa.example.net", only_ecdsa, NULL, SL_ERR_TLS_NO_SHARED_CIPHER,
         SL_ERR_TLS_NO_SHARED_CIPHER},
        {"other.example.com", NULL, NULL, OTHER, OTHER},
        {"other.example.com", only_rsa, NULL, SL_ERR_TLS_NO_SHARED_CIPHER,
         SL_ERR_TLS_NO_SHARED_CIPHER},
        {"other.example.com", NULL, retry, OTHER, OTHER},
        {"unknown.example.com", NULL, NULL, SL_ERR_TLS_UNKNOWN_SNI, ECDSA},
        {"unknown.example.com", only_rsa, NULL, SL_ERR_TLS_UNKNOWN_SNI, RSA},
        {"unknown.example.com", NULL, retry, SL_ERR_TLS_UNKNOWN_SNI, ECDSA},
    };
    struct sl_identity *identities[] = {identity_ecdsa(), identity_rsa(), identity_other()};
    for (int is_strict = 0; is_strict <= 1; is_strict++) {
        struct sl_tls_server *server = server_make(true, true, is_strict, identities, 3);
        for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
            for (int version = TLS12; version <= TLS13; version++) {
                struct client_options options = {
                    .max = (mbedtls_ssl_protocol_version)version,
                    .sni = rows[i].sni,
                    .signatures = rows[i].signatures,
                    .groups = rows[i].groups,
                };
                int expected = is_strict ? rows[i].strict : rows[i].lenient;
                struct pair p;
                pair_open(&p, server, &options);
                pair_handshake(&p);
                bool is_right = expected >= 0
                                    ? p.server_ret == 0 && is_served(&p, identities[expected])
                                    : p.server_ret == expected;
                if (expected == SL_ERR_TLS_UNKNOWN_SNI) /* unrecognized_name, RFC 6066 3 */
                    is_right = is_right && p.fatal_alert == 112;
                if (!is_right)
                    fail_msg("row %zu, version %x, strict %d: %s, alert %d", i, version, is_strict,
                             sl_err_name(p.server_ret), p.fatal_alert);
                assert_true(sl_span_eq(sl_tls_session_sni(p.session), sl_span_str(rows[i].sni)));
                pair_close(&p);
            }
        sl_tls_server_unref(&server);
    }
}

static void the_first_identity_serves_clients_without_sni(void **state)
{
    /* The second would fit the client's taste better, but is for other names. */
    struct sl_identity *identities[] = {identity_rsa(), identity_other()};
    struct sl_tls_server *server = server_make(true, true, true, identities, 2);
    for (int version = TLS12; version <= TLS13; version++) {
        struct client_options options = {.max = (mbedtls_ssl_protocol_version)version};
        struct pair p;
        pair_connect(&p, server, &options);
        assert_true(is_served(&p, identities[0]));
        pair_close(&p);
    }
    sl_tls_server_unref(&server);
}

static void bytes_may_come_one_by_one(void **state)
{
    static const size_t pieces[] = {1, 2, 3, 5, 7, 64, 1000};
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(pieces); i++)
        for (int version = TLS12; version <= TLS13; version++) {
            struct client_options options = {.max = (mbedtls_ssl_protocol_version)version};
            struct sl_tls_report report;
            struct pair p;
            pair_open(&p, server, &options);
            p.piece = pieces[i];
            assert_true(pair_handshake(&p));
            pair_report(&p, &report);
            assert_int_equal(report.version, version == TLS13 ? SL_TLS_1_3 : SL_TLS_1_2);
            pair_close(&p);
        }
    sl_tls_server_unref(&server);
}

static void the_clients_alert_ends_the_handshake(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (int version = TLS12; version <= TLS13; version++) {
        struct client_options options = {
            .max = (mbedtls_ssl_protocol_version)version,
            .sni = "example.org",
            .has_trust_in_nobody = true,
        };
        struct pair p;
        pair_open(&p, server, &options);
        assert_false(pair_handshake(&p));
        assert_int_equal(p.server_ret, SL_ERR_TLS_PEER_ALERT);
        assert_true(sl_chunkq_is_empty(&p.out));
        pair_close(&p);
    }
    sl_tls_server_unref(&server);
}

static void a_client_that_is_given_up_is_told(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    /* In every state: before anything, within the ClientHello, after the server's flight, done. */
    for (int stage = 0; stage <= 3; stage++)
        for (int version = TLS12; version <= TLS13; version++) {
            struct client_options options = {.max = (mbedtls_ssl_protocol_version)version};
            struct pair p;
            char byte;
            pair_open(&p, server, &options);
            assert_int_equal(mbedtls_ssl_handshake(&p.client), MBEDTLS_ERR_SSL_WANT_READ);
            struct sl_span in = sl_span(p.to_server.ptr, stage == 0   ? 0
                                                         : stage == 1 ? p.to_server.len / 2
                                                                      : p.to_server.len);
            if (stage == 3)
                assert_true(pair_handshake(&p));
            else if (stage > 0)
                assert_int_equal(sl_tls_session_handshake(p.session, &in), SL_ERR_AGAIN);
            size_t n_before = p.out.n_bytes;
            sl_tls_session_abort(p.session);
            size_t n_sent = p.out.n_bytes;
            /* Where mbedTLS has the wrong keys for it, nothing is better than rubbish. */
            assert_int_equal(n_sent == n_before, stage == 2 && version == TLS13);
            sl_tls_session_abort(p.session);
            sl_tls_session_close_notify(p.session);
            assert_int_equal(p.out.n_bytes, n_sent);
            in = SL_SPAN("\x16");
            assert_int_equal(sl_tls_session_handshake(p.session, &in), SL_ERR_CLOSED);
            assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), SL_ERR_CLOSED);
            pair_flush(&p);
            if (stage < 2) { /* two warnings in clear: user_canceled, close_notify */
                assert_int_equal(p.to_client.len, 14);
                assert_memory_equal(p.to_client.ptr, "\x15\x03\x03\x00\x02\x01\x5a", 7);
                assert_memory_equal(p.to_client.ptr + 7, "\x15\x03\x03\x00\x02\x01\x00", 7);
            }
            int ret = pair_client_read(&p, &byte, 1);
            while (ret == MBEDTLS_ERR_SSL_WANT_READ && p.to_client.len > 0)
                ret = pair_client_read(&p, &byte, 1);
            if (stage == 2 && version == TLS13)
                assert_int_equal(ret, MBEDTLS_ERR_SSL_WANT_READ);
            else if (stage == 3)
                assert_int_equal(ret, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
            else /* mbedTLS's client may take the first for a message out of turn */
                assert_true(ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ||
                            ret == MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
            pair_close(&p);
        }
    sl_tls_server_unref(&server);
}

static void senseless_settings_are_refused(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = NULL;
    struct sl_tls_settings settings = {.has_tls12 = true, .identities = identities};
    assert_int_equal(sl_tls_server_new(&settings, &server), SL_ERR_INVALID);
    settings.n_identities = 1;
    settings.has_tls12 = false;
    assert_int_equal(sl_tls_server_new(&settings, &server), SL_ERR_INVALID);
    assert_null(server);
}

static void a_session_outlives_its_owners_references(void **state)
{
    static const char *const names[] = {"example.org"};
    struct sl_identity *identity = NULL;
    assert_int_equal(sl_identity_self_sign(names, 1, 1, &identity), 0);
    struct sl_tls_server *server = server_make(true, true, false, &identity, 1);
    struct sl_tls_server *other = sl_tls_server_ref(server);
    struct pair p;
    pair_open(&p, server, NULL);
    sl_identity_free(&identity);
    sl_tls_server_unref(&server);
    assert_null(server);
    sl_tls_server_unref(&other);
    assert_true(pair_handshake(&p));
    pair_close(&p);
    sl_tls_server_unref(&server);
}

static void the_floor_says_what_it_is(void **state)
{
    uint8_t a[4096], b[4096];
    assert_true(sl_span_starts(sl_span_str(sl_tls_library()), SL_SPAN("mbedTLS 3.6.")));
    assert_string_equal(sl_tls_suite_name(0), "TLS_AES_128_GCM_SHA256");
    assert_string_equal(sl_tls_suite_name(SL_N_SUITES - 1),
                        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
    assert_string_equal(sl_tls_suite_name(SL_N_SUITES), "unknown");
    assert_int_equal(sl_tls_random(a, sizeof(a)), 0);
    assert_int_equal(sl_tls_random(b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, 16);
    assert_memory_not_equal(a + 4080, b + 4080, 16);
    assert_int_equal(sl_tls_global_init(), 0); /* again: nothing happens */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_is_agreed_on),
        cmocka_unit_test(versions_are_negotiated),
        cmocka_unit_test(groups_are_negotiated),
        cmocka_unit_test(nothing_in_common_is_said),
        cmocka_unit_test(protocols_are_negotiated),
        cmocka_unit_test(the_right_identity_is_served),
        cmocka_unit_test(the_first_identity_serves_clients_without_sni),
        cmocka_unit_test(bytes_may_come_one_by_one),
        cmocka_unit_test(the_clients_alert_ends_the_handshake),
        cmocka_unit_test(a_client_that_is_given_up_is_told),
        cmocka_unit_test(senseless_settings_are_refused),
        cmocka_unit_test(a_session_outlives_its_owners_references),
        cmocka_unit_test(the_floor_says_what_it_is),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
