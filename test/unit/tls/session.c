// SPDX-License-Identifier: Apache-2.0
/*
 * session: what happens after the handshake: bytes both ways, records and their sizes, damage,
 * goodbyes, and messages that have no place there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

/* In the library, though in no public header: how the tests send what its client never would. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *ssl, int force_flush);

static struct sl_tls_server *server;

static int make_server(void **state)
{
    static struct sl_identity *identities[1];
    identities[0] = identity_ecdsa();
    struct sl_tls_settings settings = {
        .has_tls12 = true, .has_tls13 = true, .identities = identities, .n_identities = 1};
    return sl_tls_server_new(&settings, &server);
}

static int free_server(void **state)
{
    sl_tls_server_unref(&server);
    return 0;
}

static void connect_with(struct pair *p, int version)
{
    struct client_options options = {.max = (mbedtls_ssl_protocol_version)version,
                                     .sni = "example.org"};
    pair_connect(p, server, &options);
    p->piece = 0;
}

#define for_each_version(version_) for (int version_ = TLS12; version_ <= TLS13; version_++)

static void client_write(struct pair *p, const void *bytes, size_t n)
{
    for (size_t at = 0; at < n;) {
        int ret = mbedtls_ssl_write(&p->client, (const unsigned char *)bytes + at, n - at);
        assert_true(ret > 0);
        at += (size_t)ret;
    }
}

/* Bytes that repeat nowhere near. */
static char *pattern(size_t n)
{
    char *bytes = malloc(n);
    assert_non_null(bytes);
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

#define MIB (1024 * 1024)

static void a_mebibyte_goes_up(void **state)
{
    static const size_t pieces[] = {0, 1, 1460, 16384, 65536};
    char *sent = pattern(MIB), *got = malloc(MIB);
    assert_non_null(got);
    for_each_version(version) for (size_t i = 0; i < SL_N_ELEMENTS(pieces); i++)
    {
        /* One byte at a time, a part of it is enough. */
        size_t total = pieces[i] == 1 ? 40000 : MIB, n_got = 0;
        struct pair p;
        connect_with(&p, version);
        p.piece = pieces[i];
        client_write(&p, sent, total);
        for (int ret; (ret = pair_server_read(&p, got + n_got, total - n_got)) > 0;) {
            n_got += (size_t)ret;
            if (n_got == total)
                break;
        }
        assert_int_equal(n_got, total);
        assert_memory_equal(sent, got, total);
        assert_true(sl_chunkq_is_empty(&p.out));
        char byte;
        assert_int_equal(pair_server_read(&p, &byte, 1), SL_ERR_AGAIN);
        pair_close(&p);
    }
    free(sent);
    free(got);
}

static void a_mebibyte_goes_down(void **state)
{
    static const size_t writes[] = {1000, 16340, 16384, MIB};
    char *sent = pattern(MIB), *got = malloc(MIB);
    assert_non_null(got);
    for_each_version(version) for (size_t i = 0; i < SL_N_ELEMENTS(writes); i++)
    {
        struct pair p;
        size_t n_sent = 0, n_got = 0;
        connect_with(&p, version);
        while (n_sent < MIB) {
            size_t n = MIB - n_sent < writes[i] ? MIB - n_sent : writes[i];
            assert_int_equal(sl_tls_session_write(p.session, sl_span(sent + n_sent, n)), 0);
            n_sent += n;
        }
        while (n_got < MIB) {
            int ret = pair_client_read(&p, got + n_got, MIB - n_got);
            assert_true(ret > 0);
            n_got += (size_t)ret;
        }
        assert_memory_equal(sent, got, MIB);
        pair_close(&p);
    }
    free(sent);
    free(got);
}

/* Number of records on the client's wire; the longest body in *out_max. */
static size_t count_records(const struct pair *p, size_t *out_max)
{
    const unsigned char *b = (const unsigned char *)p->to_client.ptr;
    size_t n = 0, at = 0;
    *out_max = 0;
    while (at < p->to_client.len) {
        size_t len = (size_t)b[at + 3] << 8 | b[at + 4];
        *out_max = len > *out_max ? len : *out_max;
        at += 5 + len;
        n++;
    }
    assert_int_equal(at, p->to_client.len);
    return n;
}

static void records_have_the_size_that_costs_least(void **state)
{
    static const struct {
        size_t n_bytes, n_records;
    } rows[] = {{0, 0}, {1, 1}, {16339, 1}, {16340, 1}, {16341, 2}, {32680, 2}, {32681, 3}};
    char *bytes = pattern(40000);
    for_each_version(version) for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
    {
        struct pair p;
        size_t longest;
        connect_with(&p, version);
        pair_flush(&p);
        bytes_drop(&p.to_client, p.to_client.len);
        assert_int_equal(sl_tls_session_write(p.session, sl_span(bytes, rows[i].n_bytes)), 0);
        pair_flush(&p);
        assert_int_equal(count_records(&p, &longest), rows[i].n_records);
        pair_close(&p);
    }
    free(bytes);
}

static void a_client_may_ask_for_smaller_records(void **state)
{
    struct pair p;
    char *bytes = pattern(5000), got[5000];
    size_t longest, n_got = 0;
    pair_open(&p, server, &(struct client_options){.max = TLS12});
    assert_int_equal(mbedtls_ssl_conf_max_frag_len(&p.conf, MBEDTLS_SSL_MAX_FRAG_LEN_1024), 0);
    assert_true(pair_handshake(&p));
    assert_int_equal(sl_tls_session_write(p.session, sl_span(bytes, 5000)), 0);
    pair_flush(&p);
    assert_int_equal(count_records(&p, &longest), 5);
    while (n_got < 5000) {
        int ret = pair_client_read(&p, got + n_got, sizeof(got) - n_got);
        assert_true(ret > 0);
        n_got += (size_t)ret;
    }
    assert_memory_equal(bytes, got, 5000);
    free(bytes);
    pair_close(&p);
}

static void decrypted_bytes_are_drained_before_more_is_read(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char byte;
        connect_with(&p, version);
        client_write(&p, "hello", 5);
        struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
        assert_int_equal(sl_tls_session_read(p.session, &in, &byte, 1), 1);
        assert_int_equal(in.len, 0);
        for (int i = 1; i < 5; i++) {
            struct sl_span none = {0};
            assert_int_equal(sl_tls_session_read(p.session, &none, &byte, 1), 1);
            assert_int_equal(byte, "hello"[i]);
        }
        assert_int_equal(sl_tls_session_read(p.session, &in, &byte, 1), SL_ERR_AGAIN);
        pair_close(&p);
    }
}

static void data_may_come_with_the_end_of_the_handshake(void **state)
{
    for_each_version(version)
    {
        struct client_options options = {.max = (mbedtls_ssl_protocol_version)version};
        struct pair p;
        char buf[64];
        pair_open(&p, server, &options);
        /* All that the client says is kept back until it has said its first words too. TLS 1.2's
           client must hear the server's Finished first, so there it is the server's turn. */
        while (mbedtls_ssl_handshake(&p.client) != 0) {
            struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
            int ret = sl_tls_session_handshake(p.session, &in);
            assert_true(ret == SL_ERR_AGAIN || ret == 0);
            bytes_drop(&p.to_server, p.to_server.len - in.len);
            pair_flush(&p);
        }
        client_write(&p, "GET /", 5);
        struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
        assert_int_equal(sl_tls_session_handshake(p.session, &in), 0);
        assert_true(in.len > 0);
        assert_int_equal(sl_tls_session_handshake(p.session, &in), 0); /* still */
        assert_int_equal(sl_tls_session_read(p.session, &in, buf, sizeof(buf)), 5);
        assert_memory_equal(buf, "GET /", 5);
        assert_int_equal(in.len, 0);
        pair_close(&p);
    }
}

static void several_records_may_come_at_once(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        client_write(&p, "one", 3);
        client_write(&p, "two", 3);
        client_write(&p, "three", 5);
        struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
        size_t n_got = 0;
        for (int ret; (ret = sl_tls_session_read(p.session, &in, buf + n_got,
                                                 sizeof(buf) - n_got)) != SL_ERR_AGAIN;) {
            assert_true(ret > 0);
            n_got += (size_t)ret;
        }
        assert_int_equal(n_got, 11);
        assert_memory_equal(buf, "onetwothree", 11);
        pair_close(&p);
    }
}

/* Whoever judges a pace must see a long record come. Never more than its content has come. */
static void a_part_of_a_record_is_seen_to_grow(void **state)
{
    char text[16000] = {0}, buf[sizeof(text)];

    for_each_version(version)
    {
        struct pair p;
        size_t n_seen = 0;
        connect_with(&p, version);
        client_write(&p, text, sizeof(text));
        size_t n_around = 5 + (version == TLS13 ? 1 : 8) + 16;
        assert_int_equal(sl_tls_session_partial_bytes(p.session), 0);
        for (size_t at = 0; at < p.to_server.len; at += 7) {
            size_t n = p.to_server.len - at < 7 ? p.to_server.len - at : 7;
            struct sl_span in = sl_span(p.to_server.ptr + at, n);
            int ret = sl_tls_session_read(p.session, &in, buf, sizeof(buf));
            size_t n_partial = sl_tls_session_partial_bytes(p.session);
            if (at + n == p.to_server.len) {
                assert_int_equal(ret, sizeof(text));
                assert_int_equal(n_partial, 0);
                break;
            }
            assert_int_equal(ret, SL_ERR_AGAIN);
            assert_true(n_partial >= n_seen && (!n_partial || n_partial + n_around <= at + n));
            assert_true(at < 40 || n_partial == n_seen + 7);
            n_seen = n_partial;
        }
        pair_close(&p);
    }
}

static void the_queue_may_be_exchanged(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        struct sl_chunkq other;
        connect_with(&p, version);
        pair_flush(&p);
        sl_chunkq_init(&other, &p.pool, 65536, 1024);
        sl_tls_session_set_out(p.session, &other);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), 0);
        assert_true(sl_chunkq_is_empty(&p.out));
        assert_false(sl_chunkq_is_empty(&other));
        sl_chunkq_clear(&other);
        sl_tls_session_set_out(p.session, &p.out);
        pair_close(&p);
    }
}

static void damaged_records_are_noticed(void **state)
{
    for_each_version(version)
    {
        size_t n_record = 0;
        for (size_t at = 0; at == 0 || at < n_record; at++) {
            struct pair p;
            char buf[64];
            connect_with(&p, version);
            client_write(&p, "some words", 10);
            n_record = p.to_server.len;
            p.to_server.ptr[at] ^= 0x04;
            /* If it now says that it is longer, its end must come. */
            char *more = calloc(1, 2048);
            bytes_add(&p.to_server, more, 2048);
            free(more);
            int ret = pair_server_read(&p, buf, sizeof(buf));
            /* TLS 1.3 ignores the version of a record; the rest is authenticated. */
            bool is_refused = ret == SL_ERR_TLS_BAD_RECORD || ret == SL_ERR_TLS_PROTOCOL;
            if (!is_refused)
                fail_msg("version %x, byte %zu: %d", version, at, ret);
            if (at >= 5) {
                assert_int_equal(ret, SL_ERR_TLS_BAD_RECORD);
                assert_int_equal(pair_client_read(&p, buf, sizeof(buf)),
                                 MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
                assert_int_equal(p.fatal_alert, 20); /* bad_record_mac */
            }
            /* It is over. */
            struct sl_span in = SL_SPAN("\x17");
            assert_int_equal(sl_tls_session_read(p.session, &in, buf, sizeof(buf)), ret);
            assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), ret);
            pair_close(&p);
        }
    }
}

static void repeated_records_are_noticed(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        client_write(&p, "once", 4);
        bytes_add(&p.to_server, p.to_server.ptr, 0);
        struct bytes twice = {0};
        bytes_add(&twice, p.to_server.ptr, p.to_server.len);
        bytes_add(&p.to_server, twice.ptr, twice.len);
        bytes_free(&twice);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 4);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_BAD_RECORD);
        pair_close(&p);
    }
}

static void the_client_says_goodbye(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        client_write(&p, "last words", 10);
        assert_int_equal(mbedtls_ssl_close_notify(&p.client), 0);
        bytes_add(&p.to_server, "whatever follows", 16);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 10);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_EOF);
        assert_int_equal(p.to_server.len, 0); /* ignored */
        struct sl_span in = SL_SPAN("and more");
        assert_int_equal(sl_tls_session_read(p.session, &in, buf, sizeof(buf)), SL_ERR_EOF);
        assert_int_equal(in.len, 0);
        /* The answer still goes out. */
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("answer")), 0);
        sl_tls_session_close_notify(p.session);
        assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), 6);
        assert_memory_equal(buf, "answer", 6);
        assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        pair_close(&p);
    }
}

static void the_server_says_goodbye_once(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        sl_tls_session_close_notify(p.session);
        size_t n_sent = p.out.n_bytes;
        assert_true(n_sent > 0);
        sl_tls_session_close_notify(p.session);
        sl_tls_session_abort(p.session);
        assert_int_equal(p.out.n_bytes, n_sent);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), SL_ERR_CLOSED);
        /* What the client had on its way is still heard. */
        client_write(&p, "late", 4);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 4);
        assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY);
        pair_close(&p);
    }
}

static void fatal_alerts_are_heard(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        assert_int_equal(mbedtls_ssl_send_alert_message(&p.client, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                                        MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR),
                         0);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_PEER_ALERT);
        assert_true(sl_chunkq_is_empty(&p.out)); /* and not answered */
        pair_close(&p);
    }
}

static void warnings_are_skipped(void **state)
{
    struct pair p;
    char buf[64];
    connect_with(&p, TLS12);
    for (int i = 0; i < 3; i++)
        assert_int_equal(mbedtls_ssl_send_alert_message(&p.client, MBEDTLS_SSL_ALERT_LEVEL_WARNING,
                                                        MBEDTLS_SSL_ALERT_MSG_USER_CANCELED),
                         0);
    client_write(&p, "words", 5);
    assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
    assert_true(sl_chunkq_is_empty(&p.out));
    pair_close(&p);
}

/* RFC 8446 5.1: records without content may hide how much is said. mbedTLS bears three in a row. */
static void empty_records_are_skipped(void **state)
{
    for_each_version(version) for (int n_empty = 1; n_empty <= 3; n_empty++)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, version);
        for (int i = 0; i < n_empty; i++)
            assert_int_equal(mbedtls_ssl_write(&p.client, (const unsigned char *)"", 0), 0);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_AGAIN);
        client_write(&p, "words", 5);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
        assert_true(sl_chunkq_is_empty(&p.out));
        pair_close(&p);
    }
}

/* Sends a handshake message under the connection's keys. */
static void client_send_handshake(struct pair *p, const void *bytes, size_t n)
{
    p->client.MBEDTLS_PRIVATE(out_msgtype) = MBEDTLS_SSL_MSG_HANDSHAKE;
    p->client.MBEDTLS_PRIVATE(out_msglen) = n;
    memcpy(p->client.MBEDTLS_PRIVATE(out_msg), bytes, n);
    /* Not as part of a handshake: nothing is hashed. */
    assert_int_equal(mbedtls_ssl_write_record(&p->client, 1), 0);
}

static void key_updates_end_the_session(void **state)
{
    struct pair p;
    char buf[64];
    connect_with(&p, TLS13);
    client_send_handshake(&p, "\x18\x00\x00\x01\x00", 5); /* RFC 8446 4.6.3 */
    assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_PROTOCOL);
    assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    assert_int_equal(p.fatal_alert, 10); /* unexpected_message */
    pair_close(&p);
}

static void renegotiation_is_refused_and_not_for_ever(void **state)
{
    /* A ClientHello that nobody looks into. */
    static const char hello[] = "\x01\x00\x00\x04\x03\x03\x00\x00";
    struct pair p;
    char buf[64];
    connect_with(&p, TLS12);
    for (int i = 0; i < 4; i++) {
        client_send_handshake(&p, hello, 8);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_AGAIN);
        assert_false(sl_chunkq_is_empty(&p.out)); /* the warning no_renegotiation */
        pair_flush(&p);
    }
    /* The connection lives on. */
    client_write(&p, "words", 5);
    assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
    assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("answer")), 0);
    int ret;
    while ((ret = pair_client_read(&p, buf, sizeof(buf))) == MBEDTLS_ERR_SSL_WANT_READ)
        ;
    assert_int_equal(ret, 6);

    client_send_handshake(&p, hello, 8);
    assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_PROTOCOL);
    assert_true(sl_chunkq_is_empty(&p.out));
    assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("x")), SL_ERR_TLS_PROTOCOL);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mebibyte_goes_up),
        cmocka_unit_test(a_mebibyte_goes_down),
        cmocka_unit_test(records_have_the_size_that_costs_least),
        cmocka_unit_test(a_client_may_ask_for_smaller_records),
        cmocka_unit_test(decrypted_bytes_are_drained_before_more_is_read),
        cmocka_unit_test(data_may_come_with_the_end_of_the_handshake),
        cmocka_unit_test(several_records_may_come_at_once),
        cmocka_unit_test(a_part_of_a_record_is_seen_to_grow),
        cmocka_unit_test(the_queue_may_be_exchanged),
        cmocka_unit_test(damaged_records_are_noticed),
        cmocka_unit_test(repeated_records_are_noticed),
        cmocka_unit_test(the_client_says_goodbye),
        cmocka_unit_test(the_server_says_goodbye_once),
        cmocka_unit_test(fatal_alerts_are_heard),
        cmocka_unit_test(warnings_are_skipped),
        cmocka_unit_test(empty_records_are_skipped),
        cmocka_unit_test(key_updates_end_the_session),
        cmocka_unit_test(renegotiation_is_refused_and_not_for_ever),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, make_server, free_server);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
