// SPDX-License-Identifier: Apache-2.0
/*
 * hello: ClientHellos in every shape: in pieces, large, old, damaged, with long names; and what is
 * none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

/* Cuts the record at the start of the wire into records of at most n bytes each. */
static void split_record(struct bytes *wire, size_t n)
{
    struct bytes cut = {0};
    const unsigned char *bytes = (const unsigned char *)wire->ptr;
    size_t len = (size_t)bytes[3] << 8 | bytes[4];
    assert_int_equal(wire->len, len + 5);
    for (size_t at = 0; at < len; at += n) {
        size_t n_now = len - at < n ? len - at : n;
        unsigned char header[] = {bytes[0], bytes[1], bytes[2], (unsigned char)(n_now >> 8),
                                  (unsigned char)n_now};
        bytes_add(&cut, header, sizeof(header));
        bytes_add(&cut, bytes + 5 + at, n_now);
    }
    bytes_free(wire);
    *wire = cut;
}

/* A client that knows so many protocols that its ClientHello has more than 8 KiB. */
static const char **many_protocols(void)
{
    static char names[200][48];
    static const char *protocols[202];
    for (size_t i = 0; i < 200; i++) {
        snprintf(names[i], sizeof(names[i]), "a-protocol-that-nobody-has-ever-heard-of/%zu", i);
        protocols[i] = names[i];
    }
    protocols[200] = "http/1.1";
    return protocols;
}

static void large_hellos_may_come_in_several_records(void **state)
{
    static const size_t pieces[] = {4, 5, 100, 512, 1400, 8000};
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(pieces); i++)
        for (int version = TLS12; version <= TLS13; version++) {
            struct client_options options = {
                .max = (mbedtls_ssl_protocol_version)version,
                .protocols = many_protocols(),
                .sni = "example.org",
            };
            struct pair p;
            pair_open(&p, server, &options);
            assert_int_equal(mbedtls_ssl_handshake(&p.client), MBEDTLS_ERR_SSL_WANT_READ);
            assert_true(p.to_server.len > 8192);
            split_record(&p.to_server, pieces[i]);
            p.piece = 777;
            if (!pair_handshake(&p))
                fail_msg("pieces of %zu, version %x: %s", pieces[i], version,
                         sl_err_name(p.server_ret));
            pair_close(&p);
        }
    sl_tls_server_unref(&server);
}

/* Gives raw bytes to a fresh session. Returns the answer, and what was sent back. */
static int hello_raw(struct sl_tls_server *server, const void *bytes, size_t len,
                     struct bytes *out_answer)
{
    struct pair p;
    struct sl_span in = sl_span(bytes, len);
    pair_open(&p, server, NULL);
    int ret = sl_tls_session_handshake(p.session, &in);
    pair_flush(&p);
    *out_answer = p.to_client;
    p.to_client = (struct bytes){0};
    /* It stays dead. */
    if (ret != SL_ERR_AGAIN) {
        assert_int_equal(sl_tls_session_handshake(p.session, &in), ret);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), ret);
        sl_tls_session_close_notify(p.session);
        sl_tls_session_abort(p.session);
        assert_true(sl_chunkq_is_empty(&p.out));
    }
    pair_close(&p);
    return ret;
}

/* The description of the fatal alert in clear that an answer consists of; -1: it is none. */
static int plain_alert(const struct bytes *answer)
{
    const unsigned char *b = (const unsigned char *)answer->ptr;
    return answer->len == 7 && b[0] == 21 && b[1] == 3 && b[4] == 2 && b[5] == 2 ? b[6] : -1;
}

/* Does it end with an encrypted record that can be an alert: two bytes, a type, padding to sixteen
   bytes, and a tag? */
static bool ends_encrypted(const struct bytes *answer)
{
    return answer->len > 37 &&
           memcmp(answer->ptr + answer->len - 37, "\x17\x03\x03\x00\x20", 5) == 0;
}

static void old_versions_are_refused(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    for (int tls12 = 0; tls12 <= 1; tls12++)
        for (int tls13 = 0; tls13 <= 1; tls13++)
            for (unsigned char minor = 0; minor <= 2; minor++) {
                if (!tls12 && !tls13)
                    continue;
                struct sl_tls_server *server = server_make(tls12, tls13, false, identities, 1);
                unsigned char hello[] = {
                    22,   3,  minor == 0 ? 0 : 1,
                    0,    45, /* record */
                    1,    0,  0,
                    41,   3,  minor, /* ClientHello of SSL 3, TLS 1.0 or 1.1 */
                    1,    2,  3,
                    4,    5,  6,
                    7,    8,  9,
                    0,    1,  2,
                    3,    4,  5,
                    6,    7,  8,
                    9,    0,  1,
                    2,    3,  4,
                    5,    6,  7,
                    8,    9,  0,
                    1,    2, /* random */
                    0,       /* session id */
                    0,    2,  0xc0,
                    0x2b,    /* suites */
                    1,    0, /* compression */
                };
                struct bytes answer;
                int ret = hello_raw(server, hello, sizeof(hello), &answer);
                if (ret != SL_ERR_TLS_VERSION || plain_alert(&answer) != 70)
                    fail_msg("3.%u: %s, alert %d", minor, sl_err_name(ret), plain_alert(&answer));
                bytes_free(&answer);
                sl_tls_server_unref(&server);
            }
}

static void rubbish_is_refused_with_an_alert(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        int expected, alert;
    } rows[] = {
#define ROW(literal_, expected_, alert_) {literal_, sizeof(literal_) - 1, expected_, alert_}
        ROW("GET / HTTP/1.1\r\n\r\n", SL_ERR_TLS_BAD_RECORD, 50),
        ROW("\x16\x03\x01\x00\x00", SL_ERR_TLS_BAD_RECORD, 50), /* an empty record */
        ROW("\x16\x03\x01\xff\xff", SL_ERR_TLS_BAD_RECORD, 22), /* longer than allowed */
        ROW("\x16\x03\x01\x00\x04\x01\x00\x00\x00", SL_ERR_TLS_BAD_RECORD, 50),
        ROW("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03", SL_ERR_TLS_BAD_RECORD, 50),
        ROW("\x16\x03\x01\x00\x04\x01\xff\xff\xff", SL_ERR_AGAIN, -1),        /* 16 MiB to come */
        ROW("\x16\x03\x01\x00\x04\x14\x00\x00\x00", SL_ERR_TLS_PROTOCOL, 10), /* Finished */
        ROW("\x17\x03\x03\x00\x01x", SL_ERR_TLS_PROTOCOL, 10),                /* application data */
        ROW("\x15\x03\x03\x00\x02\x02\x28", SL_ERR_TLS_PEER_ALERT, -1),
        ROW("\x15\x03\x03\x00\x02\x01\x00", SL_ERR_EOF, -1), /* close_notify */
#undef ROW
    };
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct bytes answer;
        int ret = hello_raw(server, rows[i].bytes, rows[i].len, &answer);
        if (ret != rows[i].expected || plain_alert(&answer) != rows[i].alert)
            fail_msg("row %zu: %s, alert %d (%zu bytes)", i, sl_err_name(ret), plain_alert(&answer),
                     answer.len);
        bytes_free(&answer);
    }
    sl_tls_server_unref(&server);
}

/* The ClientHello of a client with these options. */
static struct bytes hello_of(struct sl_tls_server *server, const struct client_options *options)
{
    struct pair p;
    struct bytes hello;
    pair_open(&p, server, options);
    assert_int_equal(mbedtls_ssl_handshake(&p.client), MBEDTLS_ERR_SSL_WANT_READ);
    hello = p.to_server;
    p.to_server = (struct bytes){0};
    pair_close(&p);
    return hello;
}

static void damaged_hellos_do_no_harm(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    for (int version = TLS12; version <= TLS13; version++) {
        struct client_options options = {.max = (mbedtls_ssl_protocol_version)version,
                                         .sni = "example.org"};
        struct bytes hello = hello_of(server, &options), answer;
        for (size_t i = 0; i < hello.len; i++) {
            static const char flips[] = {0x01, (char)0x80};
            for (size_t j = 0; j < sizeof(flips); j++) {
                hello.ptr[i] ^= flips[j];
                int ret = hello_raw(server, hello.ptr, hello.len, &answer);
                /* Either it still is one, or it is refused with an alert, or it asks for more. An
                   alert after a ServerHello is encrypted. */
                if (ret != SL_ERR_AGAIN && plain_alert(&answer) < 0 && !ends_encrypted(&answer))
                    fail_msg("byte %zu: %s without an alert", i, sl_err_name(ret));
                if (ret == SL_ERR_TLS_INTERNAL)
                    fail_msg("byte %zu: %s", i, sl_err_name(ret));
                hello.ptr[i] ^= flips[j];
                bytes_free(&answer);
            }
        }
        /* Cut anywhere: more is waited for, and nothing is said. */
        for (size_t n = 0; n < hello.len; n++) {
            assert_int_equal(hello_raw(server, hello.ptr, n, &answer), SL_ERR_AGAIN);
            assert_int_equal(answer.len, 0);
            bytes_free(&answer);
        }
        bytes_free(&hello);
    }
    sl_tls_server_unref(&server);
}

static void hellos_larger_than_a_buffer_are_refused(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    struct bytes wire = {0}, answer;
    unsigned char piece[5 + 1024] = {22, 3, 1, 4, 0, 1, 0, 0x50, 0}; /* of 20 KiB */
    for (int i = 0; i < 20; i++) {
        bytes_add(&wire, piece, sizeof(piece));
        memset(piece + 5, 0, 4);
    }
    assert_int_equal(hello_raw(server, wire.ptr, wire.len, &answer), SL_ERR_TLS_BAD_RECORD);
    assert_int_equal(plain_alert(&answer), 22);
    bytes_free(&answer);
    bytes_free(&wire);
    sl_tls_server_unref(&server);
}

static void the_sni_is_known_while_the_handshake_runs(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    struct client_options options = {.sni = "wanted.example.org"};
    struct bytes hello = hello_of(server, &options);
    struct pair p;
    pair_open(&p, server, NULL);
    struct sl_span in = sl_span(hello.ptr, hello.len - 1);
    assert_int_equal(sl_tls_session_handshake(p.session, &in), SL_ERR_AGAIN);
    assert_int_equal(sl_tls_session_sni(p.session).len, 0);
    in = sl_span(hello.ptr + hello.len - 1, 1);
    assert_int_equal(sl_tls_session_handshake(p.session, &in), SL_ERR_AGAIN);
    assert_true(sl_span_eq(sl_tls_session_sni(p.session), SL_SPAN("wanted.example.org")));
    pair_close(&p);
    bytes_free(&hello);
    sl_tls_server_unref(&server);
}

static void long_names_are_kept_as_far_as_they_fit(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    char name[256];
    memset(name, 'a', 255);
    name[255] = '\0';
    struct client_options options = {.sni = name};
    struct bytes hello = hello_of(server, &options), longer = {0}, answer;
    /* Append one byte to the name: every length around it grows by one. */
    size_t at = 0;
    while (memcmp(hello.ptr + at, name, 255) != 0)
        at++;
    bytes_add(&longer, hello.ptr, at + 255);
    bytes_add(&longer, "b", 1);
    bytes_add(&longer, hello.ptr + at + 255, hello.len - at - 255);
    unsigned char *b = (unsigned char *)longer.ptr;
    static const size_t session_id_at = 5 + 4 + 2 + 32;
    size_t suites_at = session_id_at + 1 + b[session_id_at];
    size_t compression_at = suites_at + 2 + ((size_t)b[suites_at] << 8 | b[suites_at + 1]);
    size_t extensions_at = compression_at + 1 + b[compression_at];
    const size_t lengths[] = {3, 7, extensions_at, at - 2, at - 5, at - 7};
    for (size_t i = 0; i < SL_N_ELEMENTS(lengths); i++) {
        size_t n = ((size_t)b[lengths[i]] << 8 | b[lengths[i] + 1]) + 1;
        b[lengths[i]] = (unsigned char)(n >> 8);
        b[lengths[i] + 1] = (unsigned char)n;
    }
    struct pair p;
    pair_open(&p, server, NULL);
    struct sl_span in = sl_span(longer.ptr, longer.len);
    assert_int_equal(sl_tls_session_handshake(p.session, &in), SL_ERR_AGAIN);
    assert_true(sl_span_eq(sl_tls_session_sni(p.session), sl_span(name, 255)));
    pair_close(&p);
    assert_int_equal(hello_raw(server, longer.ptr, longer.len, &answer), SL_ERR_AGAIN);
    bytes_free(&answer);
    bytes_free(&longer);
    bytes_free(&hello);
    sl_tls_server_unref(&server);
}

static void the_client_may_say_goodbye(void **state)
{
    struct sl_identity *identities[] = {identity_ecdsa()};
    struct sl_tls_server *server = server_make(true, true, false, identities, 1);
    struct bytes answer;
    assert_int_equal(hello_raw(server, "\x15\x03\x01\x00\x02\x01\x00", 7, &answer), SL_ERR_EOF);
    assert_int_equal(answer.len, 0);
    sl_tls_server_unref(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_hellos_may_come_in_several_records),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(rubbish_is_refused_with_an_alert),
        cmocka_unit_test(damaged_hellos_do_no_harm),
        cmocka_unit_test(hellos_larger_than_a_buffer_are_refused),
        cmocka_unit_test(the_sni_is_known_while_the_handshake_runs),
        cmocka_unit_test(long_names_are_kept_as_far_as_they_fit),
        cmocka_unit_test(the_client_may_say_goodbye),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
