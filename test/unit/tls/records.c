// SPDX-License-Identifier: Apache-2.0
/*
 * records: the record layer of an established session, whoever does it: our own code next to an
 * accelerated mbedTLS, or mbedTLS itself. Every suite, every length, every place to cut; what is
 * not application data; numbers and their end; and what a session that rests costs. Long, because
 * all of it shares one pair of peers and its tables.
 */
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3

#define HEAD_BYTES 5
#define TAG_BYTES  16

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWNS_ALLOCATOR 0 /* the sanitizer does */
#else
#define OWNS_ALLOCATOR 1
#endif

/* In the library, though in no public header: how the tests send what its client never would. */
int mbedtls_ssl_write_record(mbedtls_ssl_context *ssl, int force_flush);
int mbedtls_ssl_flush_output(mbedtls_ssl_context *ssl);

static struct sl_tls_server *server;

static int make_server(void **state)
{
    static struct sl_identity *identities[1];
    identities[0] = identity_ecdsa();
    server = server_make(true, true, false, identities, 1);
    return 0;
}

static int free_server(void **state)
{
    sl_tls_server_unref(&server);
    return 0;
}

static const struct kind {
    mbedtls_ssl_protocol_version version;
    int suite;
    size_t n_explicit; /* bytes of the nonce in each record */
} kinds[] = {
    {TLS12, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, 8},
    {TLS12, MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, 8},
    {TLS12, MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, 0},
    {TLS13, MBEDTLS_TLS1_3_AES_128_GCM_SHA256, 0},
    {TLS13, MBEDTLS_TLS1_3_AES_256_GCM_SHA384, 0},
    {TLS13, MBEDTLS_TLS1_3_CHACHA20_POLY1305_SHA256, 0},
};

#define for_each_kind(k_)                                                                          \
    for (const struct kind *k_ = kinds; k_ < kinds + SL_N_ELEMENTS(kinds); k_++)

static void connect_with(struct pair *p, const struct kind *k)
{
    const int suites[] = {k->suite, 0};
    struct client_options options = {.max = k->version, .suites = suites, .sni = "example.org"};
    pair_connect(p, server, &options);
    pair_flush(p);
    bytes_drop(&p->to_client, p->to_client.len);
}

/* A record of the client: an inner type, and as plaintext whatever it is. */
static void client_send(struct pair *p, int type, const void *bytes, size_t n)
{
    p->client.MBEDTLS_PRIVATE(out_msgtype) = type;
    p->client.MBEDTLS_PRIVATE(out_msglen) = n;
    if (n > 0)
        memcpy(p->client.MBEDTLS_PRIVATE(out_msg), bytes, n);
    assert_int_equal(mbedtls_ssl_write_record(&p->client, 1), 0);
}

static void client_say(struct pair *p, const char *text)
{
    client_send(p, MBEDTLS_SSL_MSG_APPLICATION_DATA, text, strlen(text));
}

static void wire_add(struct pair *p, const void *bytes, size_t n)
{
    bytes_add(&p->to_server, bytes, n);
}

/* The next sequence numbers of both sides: what the client sends and the session expects, or the
   other way round. The session begins with mbedTLS's context. */
static void number_upwards(struct pair *p, uint64_t number)
{
    mbedtls_ssl_context *session = (mbedtls_ssl_context *)p->session;
    for (size_t i = 0; i < 8; i++)
        p->client.MBEDTLS_PRIVATE(cur_out_ctr)[i] = session->MBEDTLS_PRIVATE(in_ctr)[i] =
            (unsigned char)(number >> (56 - 8 * i));
}

static void number_downwards(struct pair *p, uint64_t number)
{
    mbedtls_ssl_context *session = (mbedtls_ssl_context *)p->session;
    for (size_t i = 0; i < 8; i++)
        p->client.MBEDTLS_PRIVATE(in_ctr)[i] = session->MBEDTLS_PRIVATE(cur_out_ctr)[i] =
            (unsigned char)(number >> (56 - 8 * i));
}

/* Bytes that repeat nowhere near. */
static char *pattern(size_t n)
{
    char *bytes = malloc(n + 1);
    assert_non_null(bytes);
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        bytes[i] = (char)(x >> 24);
    }
    return bytes;
}

/* Everything on the wire is read; *out_text holds the plaintext. Returns what came last. */
static int read_all(struct pair *p, char *text, size_t cap, size_t *out_n)
{
    int ret;
    *out_n = 0;
    while ((ret = pair_server_read(p, text + *out_n, cap - *out_n)) > 0) {
        *out_n += (size_t)ret;
        assert_true(*out_n < cap);
    }
    return ret;
}

static void assert_reads(struct pair *p, const char *text, int then)
{
    char got[256];
    size_t n;
    int ret = read_all(p, got, sizeof(got), &n);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(got, text, n);
    assert_int_equal(ret, then);
}

static void assert_fatal(struct pair *p, int err, int alert)
{
    char buf[64];
    assert_int_equal(pair_server_read(p, buf, sizeof(buf)), err);
    assert_int_equal(pair_client_read(p, buf, sizeof(buf)), MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
    assert_int_equal(p->fatal_alert, alert);
}

static const size_t lengths[] = {1,    2,    14,   15,   16,    17,    255,  256,
                                 1023, 1024, 4096, 8191, 16382, 16383, 16384};

static void every_length_goes_up(void **state)
{
    char *sent = pattern(16384), *got = malloc(40000);
    assert_non_null(got);
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        for (size_t i = 0; i < SL_N_ELEMENTS(lengths); i++) {
            size_t n;
            client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, sent, lengths[i]);
            assert_int_equal(read_all(&p, got, 40000, &n), SL_ERR_AGAIN);
            assert_int_equal(n, lengths[i]);
            assert_memory_equal(got, sent, n);
        }
        pair_close(&p);
    }
    free(sent);
    free(got);
}

static void every_length_goes_down(void **state)
{
    char *sent = pattern(16384), *got = malloc(16384);
    assert_non_null(got);
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        for (size_t i = 0; i < SL_N_ELEMENTS(lengths); i++) {
            assert_int_equal(sl_tls_session_write(p.session, sl_span(sent, lengths[i])), 0);
            for (size_t n = 0; n < lengths[i];) {
                int ret = pair_client_read(&p, got + n, 16384 - n);
                assert_true(ret > 0);
                n += (size_t)ret;
            }
            assert_memory_equal(got, sent, lengths[i]);
            assert_int_equal(p.to_client.len, 0);
        }
        pair_close(&p);
    }
    free(sent);
    free(got);
}

static void the_head_of_a_record_is_as_the_version_wants_it(void **state)
{
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("sixteen and more")), 0);
            pair_flush(&p);
            const unsigned char *b = (const unsigned char *)p.to_client.ptr;
            size_t n_body = (size_t)b[3] << 8 | b[4];
            assert_memory_equal(b, "\x17\x03\x03", 3);
            assert_int_equal(p.to_client.len, HEAD_BYTES + n_body);
            if (k->version == TLS12)
                assert_int_equal(n_body, k->n_explicit + 16 + TAG_BYTES);
            else
                assert_in_range(n_body, 17 + TAG_BYTES, 32 + TAG_BYTES);
            /* The nonce may be chosen freely and must not repeat: it is the number (RFC 5288 3). */
            if (k->n_explicit)
                assert_int_equal(b[HEAD_BYTES + 7], 1 + i); /* after Finished */
            bytes_drop(&p.to_client, p.to_client.len);
        }
        pair_close(&p);
    }
}

static void records_may_be_cut_anywhere(void **state)
{
    for_each_kind(k)
    {
        for (size_t at = 0, n = 1; at <= n; at++) {
            struct pair p;
            struct bytes wire;
            char got[64];
            size_t n_got = 0;
            connect_with(&p, k);
            client_say(&p, "first");
            client_say(&p, "second");
            if (k->version == TLS13)
                wire_add(&p, "\x14\x03\x03\x00\x01\x01", 6); /* ignored (RFC 8446 5) */
            else
                client_send(&p, MBEDTLS_SSL_MSG_ALERT, "\x01\x5a", 2); /* user_canceled */
            client_say(&p, "third");
            assert_int_equal(mbedtls_ssl_close_notify(&p.client), 0);
            wire = p.to_server;
            p.to_server = (struct bytes){0};
            n = wire.len;
            wire_add(&p, wire.ptr, at);
            int ret = read_all(&p, got, sizeof(got), &n_got);
            assert_int_equal(ret, at == n ? SL_ERR_EOF : SL_ERR_AGAIN);
            if (at < n) {
                /* What is written meanwhile is not disturbed by what is half read. */
                size_t n_more;
                assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("down")), 0);
                wire_add(&p, wire.ptr + at, n - at);
                assert_int_equal(read_all(&p, got + n_got, sizeof(got) - n_got, &n_more),
                                 SL_ERR_EOF);
                n_got += n_more;
                assert_int_equal(pair_client_read(&p, got + 40, 10), 4);
            }
            assert_int_equal(n_got, 16);
            assert_memory_equal(got, "firstsecondthird", 16);
            bytes_free(&wire);
            pair_close(&p);
        }
    }
}

static void the_buffer_may_be_of_any_size(void **state)
{
    for_each_kind(k)
    {
        for (size_t cap = 1; cap < 60; cap++) {
            struct pair p;
            char got[128];
            size_t n = 0;
            int ret;
            connect_with(&p, k);
            client_say(&p, "these are some words, ");
            client_say(&p, "and these are some more");
            while ((ret = pair_server_read(&p, got + n, cap)) > 0) {
                assert_true((size_t)ret <= cap);
                n += (size_t)ret;
            }
            assert_int_equal(ret, SL_ERR_AGAIN);
            assert_int_equal(n, 45);
            assert_memory_equal(got, "these are some words, and these are some more", 45);
            pair_close(&p);
        }
    }
}

/* Of the plaintext, the type is the last byte that is not zero (RFC 8446 5.4): with a type of zero,
   any padding can be made. */
static void padding_is_taken_off(void **state)
{
    static const size_t paddings[] = {0, 1, 15, 16, 255, 4096, 16000};
    char *inner = calloc(1, 16384), got[64];
    assert_non_null(inner);
    memcpy(inner, "data\x17", 5);
    for_each_kind(k)
    {
        struct pair p;
        if (k->version != TLS13)
            continue;
        connect_with(&p, k);
        for (size_t i = 0; i < SL_N_ELEMENTS(paddings); i++) {
            /* The caller's buffer is large enough for all of it, or not. */
            char *room = malloc(20000);
            client_send(&p, 0, inner, 5 + paddings[i]);
            assert_int_equal(pair_server_read(&p, room, 20000), 4);
            assert_memory_equal(room, "data", 4);
            free(room);
            client_send(&p, 0, inner, 5 + paddings[i]);
            assert_reads(&p, "data", SL_ERR_AGAIN);
        }
        /* Padding and nothing else is as good as an empty record. */
        client_send(&p, 0, inner + 4, 1000);
        client_say(&p, "more");
        assert_reads(&p, "more", SL_ERR_AGAIN);
        /* Nothing but zeros has no type. */
        client_send(&p, 0, inner + 5, 1000);
        assert_int_equal(pair_server_read(&p, got, sizeof(got)), SL_ERR_TLS_BAD_RECORD);
        pair_close(&p);
    }
    free(inner);
}

static void other_types_are_refused(void **state)
{
    for_each_kind(k)
    {
        static const int types[] = {1, 19, 24, 255};
        for (size_t i = 0; k->version == TLS13 && i < SL_N_ELEMENTS(types); i++) {
            struct pair p;
            connect_with(&p, k);
            client_say(&p, "words");
            client_send(&p, types[i], "what?", 5);
            char buf[64];
            assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
            int ret = pair_server_read(&p, buf, sizeof(buf));
            if (ret != SL_ERR_TLS_PROTOCOL && ret != SL_ERR_TLS_BAD_RECORD)
                fail_msg("type %d: %d", types[i], ret);
            assert_int_equal(pair_client_read(&p, buf, sizeof(buf)),
                             MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
            pair_close(&p);
        }
        /* In clear. */
        static const char *const heads[] = {"\x16\x03\x03\x00\x04\x01\x00\x00\x00",
                                            "\x18\x03\x03\x00\x03\x01\x00\x00",
                                            "\x00\x03\x03\x00\x03\x01\x00\x00"};
        for (size_t i = 0; i < SL_N_ELEMENTS(heads); i++) {
            struct pair p;
            char buf[64];
            connect_with(&p, k);
            client_say(&p, "words");
            wire_add(&p, heads[i], 8);
            wire_add(&p, "0123456789", 10);
            assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
            int ret = pair_server_read(&p, buf, sizeof(buf));
            assert_true(ret == SL_ERR_TLS_PROTOCOL || ret == SL_ERR_TLS_BAD_RECORD);
            pair_close(&p);
        }
    }
}

static void lengths_that_cannot_be_are_refused_at_the_head(void **state)
{
    static const struct {
        const char *head;
        int alert;
    } rows[] = {
        {"\x17\x03\x03\x00\x00", 50}, /* decode_error */
        {"\x17\x03\x03\xff\xff", 22}, /* record_overflow */
        {"\x17\x03\x03\x44\x00", 22},
        {"\x17\x03\x05\x00\x20", 50},
    };
    for_each_kind(k)
    {
        for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
            struct pair p;
            connect_with(&p, k);
            wire_add(&p, rows[i].head, HEAD_BYTES);
            assert_fatal(&p, SL_ERR_TLS_BAD_RECORD, rows[i].alert);
            pair_close(&p);
        }
        /* Too short for a tag, or for anything before it: as if the tag were wrong. */
        for (size_t n = 1; n < k->n_explicit + TAG_BYTES; n++) {
            struct pair p;
            char record[HEAD_BYTES + 32] = {0x17, 3, 3, 0, (char)n};
            connect_with(&p, k);
            wire_add(&p, record, HEAD_BYTES + n);
            assert_fatal(&p, SL_ERR_TLS_BAD_RECORD, 20); /* bad_record_mac */
            pair_close(&p);
        }
    }
}

/* Every byte of a long record, in both ways to receive it. */
static void damage_is_noticed_in_time(void **state)
{
    char *sent = pattern(3000), *got = calloc(1, 4000);
    assert_non_null(got);
    for_each_kind(k)
    {
        for (size_t at = HEAD_BYTES; at < 3000; at += 97) {
            for (int is_cut = 0; is_cut < 2; is_cut++) {
                struct pair p;
                connect_with(&p, k);
                client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, sent, 3000);
                p.to_server.ptr[at] ^= 0x80;
                p.piece = is_cut ? 1000 : 0;
                assert_int_equal(pair_server_read(&p, got, 4000), SL_ERR_TLS_BAD_RECORD);
                assert_int_equal(pair_client_read(&p, got, 4000),
                                 MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE);
                assert_int_equal(p.fatal_alert, 20); /* bad_record_mac */
                pair_close(&p);
            }
        }
    }
    free(sent);
    free(got);
}

static void records_keep_their_order(void **state)
{
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        client_say(&p, "lost");
        bytes_drop(&p.to_server, p.to_server.len);
        client_say(&p, "found");
        assert_fatal(&p, SL_ERR_TLS_BAD_RECORD, 20);
        pair_close(&p);
        /* Alerts count, too. */
        if (k->version == TLS13)
            continue;
        connect_with(&p, k);
        client_say(&p, "one");
        client_send(&p, MBEDTLS_SSL_MSG_ALERT, "\x01\x5a", 2);
        client_say(&p, "two");
        assert_reads(&p, "onetwo", SL_ERR_AGAIN);
        pair_close(&p);
    }
}

static void empty_records_are_borne_three_times_in_a_row(void **state)
{
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 3; i++)
                client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, "", 0);
            if (round > 0) /* or all of it is there at once */
                assert_reads(&p, "", SL_ERR_AGAIN);
            client_say(&p, "words");
            assert_reads(&p, "words", SL_ERR_AGAIN);
        }
        for (int i = 0; i < 4; i++)
            client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, "", 0);
        assert_fatal(&p, SL_ERR_TLS_BAD_RECORD, 20);
        pair_close(&p);
    }
}

static void numbers_carry(void **state)
{
    static const uint64_t numbers[] = {0xfe, 0xfffe, 0xffffffff, 0xfffffffffffffe};
    for_each_kind(k)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, k);
        for (size_t i = 0; i < SL_N_ELEMENTS(numbers); i++) {
            number_upwards(&p, numbers[i]);
            number_downwards(&p, numbers[i]);
            for (int turn = 0; turn < 4; turn++) {
                client_say(&p, "up");
                assert_reads(&p, "up", SL_ERR_AGAIN);
                assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("down")), 0);
                assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), 4);
            }
        }
        pair_close(&p);
    }
}

/* No number is used twice: what would need one after the last ends the session. */
static void numbers_end(void **state)
{
    for_each_kind(k)
    {
        struct pair p;
        char buf[64];
        connect_with(&p, k);
        number_upwards(&p, UINT64_MAX - 1);
        client_say(&p, "last");
        /* The last number itself; the client fails after sending it. */
        p.client.MBEDTLS_PRIVATE(out_msgtype) = MBEDTLS_SSL_MSG_APPLICATION_DATA;
        p.client.MBEDTLS_PRIVATE(out_msglen) = 4;
        assert_int_equal(mbedtls_ssl_write_record(&p.client, 0), MBEDTLS_ERR_SSL_COUNTER_WRAPPING);
        assert_int_equal(mbedtls_ssl_flush_output(&p.client), 0);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 4);
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_INTERNAL);
        pair_close(&p);

        connect_with(&p, k);
        number_downwards(&p, UINT64_MAX - 1);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("last")), 0);
        assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), 4);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("none")), SL_ERR_TLS_INTERNAL);
        sl_tls_session_close_notify(p.session);
        sl_tls_session_abort(p.session);
        /* Nothing, or one record of mbedTLS with the last number. */
        assert_true(p.out.n_bytes <= HEAD_BYTES + 16 + TAG_BYTES);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("none")), SL_ERR_TLS_INTERNAL);
        pair_close(&p);
    }
}

/* A ClientHello in two records, and what comes between and after; cut anywhere. */
static void renegotiation_in_parts_is_refused(void **state)
{
    static const char hello[] = "\x01\x00\x00\x08\x03\x03\x00\x00\x00\x00\x00\x00";
    const struct kind *k = &kinds[0];
    for (size_t piece = 0; piece < 60; piece++) {
        struct pair p;
        char buf[64];
        connect_with(&p, k);
        p.piece = piece;
        client_say(&p, "before");
        client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, hello, 6);
        client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, hello + 6, 6);
        client_say(&p, "after");
        assert_reads(&p, "beforeafter", SL_ERR_AGAIN);
        assert_false(sl_chunkq_is_empty(&p.out)); /* the warning no_renegotiation */
        client_say(&p, "more");
        assert_reads(&p, "more", SL_ERR_AGAIN);
        assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("answer")), 0);
        int ret;
        while ((ret = pair_client_read(&p, buf, sizeof(buf))) == MBEDTLS_ERR_SSL_WANT_READ)
            ;
        assert_int_equal(ret, 6);
        /* Nothing may come within it. */
        client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, hello, 6);
        client_say(&p, "within");
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), SL_ERR_TLS_PROTOCOL);
        pair_close(&p);
    }
}

static void two_messages_in_one_record_are_both_heard(void **state)
{
    static const char hellos[] = "\x01\x00\x00\x02\x03\x03\x01\x00\x00\x02\x03\x03";
    struct pair p;
    connect_with(&p, &kinds[0]);
    client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, hellos, 12);
    client_say(&p, "words");
    assert_reads(&p, "words", SL_ERR_AGAIN);
    pair_flush(&p);
    assert_int_equal(p.to_client.len, 2 * (HEAD_BYTES + 8 + 2 + TAG_BYTES)); /* two warnings */
    pair_close(&p);
}

static void key_updates_are_refused_however_they_come(void **state)
{
    for (size_t piece = 0; piece < 40; piece++) {
        struct pair p;
        connect_with(&p, &kinds[3]);
        p.piece = piece;
        client_say(&p, "words");
        client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, "\x18\x00\x00\x01\x01", 5); /* RFC 8446 4.6.3 */
        char buf[64];
        assert_int_equal(pair_server_read(&p, buf, sizeof(buf)), 5);
        assert_fatal(&p, SL_ERR_TLS_PROTOCOL, 10); /* unexpected_message */
        pair_close(&p);
    }
}

/* The client does what it likes, the wire cuts as it likes, and the session answers meanwhile. */
static void random_conversations_keep_every_byte(void **state)
{
    char *sent = pattern(400000), *got = malloc(400000);
    assert_non_null(got);
    srand(7);
    for_each_kind(k)
    {
        struct pair p;
        size_t n_sent = 0, n_got = 0, n_down = 0, n_heard = 0;
        connect_with(&p, k);
        while (n_sent < 300000) {
            for (int i = rand() % 4; i >= 0; i--) {
                size_t n = (size_t)rand() % (rand() % 3 ? 500 : 16000) + 1;
                client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, sent + n_sent, n);
                n_sent += n;
                if (rand() % 4 == 0)
                    client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, "", 0);
                if (rand() % 4 == 0 && k->version == TLS12)
                    client_send(&p, MBEDTLS_SSL_MSG_ALERT, "\x01\x5a", 2);
                if (rand() % 4 == 0 && k->version == TLS13)
                    wire_add(&p, "\x14\x03\x03\x00\x01\x01", 6);
            }
            while (p.to_server.len > 0 && rand() % 20 != 0) {
                size_t n = (size_t)rand() % (rand() % 2 ? 40 : 20000) + 1;
                size_t cap = (size_t)rand() % (rand() % 2 ? 100 : 40000) + 1;
                struct sl_span in =
                    sl_span(p.to_server.ptr, n < p.to_server.len ? n : p.to_server.len);
                size_t n_before = in.len;
                int ret;
                while ((ret = sl_tls_session_read(p.session, &in, got + n_got, cap)) > 0)
                    n_got += (size_t)ret;
                assert_int_equal(ret, SL_ERR_AGAIN);
                assert_int_equal(in.len, 0);
                bytes_drop(&p.to_server, n_before);
                if (rand() % 5 == 0 && n_down < 390000) {
                    assert_int_equal(
                        sl_tls_session_write(p.session, sl_span(sent + n_down, n % 9000)), 0);
                    n_down += n % 9000;
                }
            }
        }
        size_t n_rest;
        assert_int_equal(read_all(&p, got + n_got, 400000 - n_got, &n_rest), SL_ERR_AGAIN);
        assert_int_equal(n_got + n_rest, n_sent);
        assert_memory_equal(sent, got, n_sent);
        while (n_heard < n_down) {
            int ret = pair_client_read(&p, got + n_heard, 400000 - n_heard);
            if (ret == MBEDTLS_ERR_SSL_WANT_READ)
                continue;
            assert_true(ret > 0);
            n_heard += (size_t)ret;
        }
        assert_memory_equal(sent, got, n_down);
        pair_close(&p);
    }
    free(sent);
    free(got);
}

/* ---- what it costs ---- */

#if OWNS_ALLOCATOR && defined(SL_MBEDTLS_HOOKED)

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *p);

static size_t n_heap_bytes;

static void *counted(void *p)
{
    n_heap_bytes += p ? malloc_usable_size(p) + sizeof(size_t) : 0;
    return p;
}

static void *uncounted(void *p)
{
    n_heap_bytes -= p ? malloc_usable_size(p) + sizeof(size_t) : 0;
    return p;
}

/* Large blocks of the test that wants to look into them. */
static struct sl_span large[16];
static size_t n_large;
static bool is_noting;

static void *noted(void *p, size_t n)
{
    if (p && is_noting && n >= 16384 && n_large < SL_N_ELEMENTS(large))
        large[n_large++] = sl_span(p, n);
    return counted(p);
}

void *malloc(size_t n)
{
    return noted(__libc_malloc(n), n);
}

void *calloc(size_t n, size_t size)
{
    return noted(__libc_calloc(n, size), n * size);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return counted(__libc_memalign(alignment, n));
}

void *realloc(void *p, size_t n)
{
    return counted(__libc_realloc(uncounted(p), n));
}

void free(void *p)
{
    __libc_free(uncounted(p));
}

static size_t heap_bytes(void)
{
    return n_heap_bytes;
}

/* What a session holds: what goes when it is freed. */
static size_t session_bytes(struct pair *p)
{
    size_t n_before = heap_bytes();
    sl_tls_session_free(&p->session);
    return n_before - heap_bytes();
}

static void a_session_at_rest_is_small(void **state)
{
    for_each_kind(k)
    {
        for (int has_spoken = 0; has_spoken < 2; has_spoken++) {
            struct pair p;
            char buf[64];
            connect_with(&p, k);
            if (has_spoken) {
                client_say(&p, "question");
                p.piece = 3; /* in parts */
                assert_reads(&p, "question", SL_ERR_AGAIN);
                assert_int_equal(sl_tls_session_write(p.session, SL_SPAN("answer")), 0);
                assert_int_equal(pair_client_read(&p, buf, sizeof(buf)), 6);
            }
            size_t n = session_bytes(&p);
            print_message("# version %x suite %x: %zu bytes\n", (unsigned)k->version,
                          (unsigned)k->suite, n);
            assert_true(n <= 4608); /* most of it are the keys of the AEAD's library */
            pair_close(&p);
        }
    }
}

/* Half a record, a warning, a message in parts: what they need goes with them. */
static void buffers_are_there_only_while_they_are_needed(void **state)
{
    for_each_kind(k)
    {
        struct pair p;
        connect_with(&p, k);
        client_say(&p, "words");
        assert_reads(&p, "words", SL_ERR_AGAIN);
        size_t n_rest = heap_bytes();
        client_say(&p, "a record that is cut");
        for (size_t n; p.to_server.len > 1; bytes_drop(&p.to_server, n)) {
            char byte;
            n = 1;
            struct sl_span in = sl_span(p.to_server.ptr, n);
            assert_int_equal(sl_tls_session_read(p.session, &in, &byte, 1), SL_ERR_AGAIN);
            assert_true(heap_bytes() <= n_rest + 18000);
        }
        assert_reads(&p, "a record that is cut", SL_ERR_AGAIN);
        if (k->version == TLS12)
            client_send(&p, MBEDTLS_SSL_MSG_ALERT, "\x01\x5a", 2);
        client_send(&p, MBEDTLS_SSL_MSG_APPLICATION_DATA, "", 0);
        client_say(&p, "words");
        assert_reads(&p, "words", SL_ERR_AGAIN);
        assert_true(heap_bytes() <= n_rest);
        sl_tls_session_close_notify(p.session);
        assert_true(heap_bytes() <= n_rest + SL_CHUNK_BYTES + 64); /* the alert in the queue */
        pair_close(&p);
    }
}

static bool is_in_large_blocks(const char *text)
{
    for (size_t i = 0; i < n_large; i++)
        if (memmem(large[i].ptr, large[i].len, text, strlen(text)))
            return true;
    return false;
}

/* First of all tests here, so that the buffers come from malloc; they are kept, so that they may
   be looked into. */
static void plaintext_is_forgotten(void **state)
{
    static const char text[] = "nobody else shall know this";
    struct pair p;
    char got[64];
    is_noting = true;
    connect_with(&p, &kinds[3]);
    client_say(&p, text);
    struct sl_span in = sl_span(p.to_server.ptr, p.to_server.len);
    /* mbedTLS decrypts in place what the caller has no room for. */
    assert_int_equal(sl_tls_session_read(p.session, &in, got, 1), 1);
    is_noting = false;
    assert_true(n_large > 0 && is_in_large_blocks("shall know"));
    bytes_drop(&p.to_server, p.to_server.len);
    assert_int_equal(pair_server_read(&p, got, sizeof(got)), sizeof(text) - 2);
    assert_false(is_in_large_blocks("shall know"));
    /* Its own zeroising of what is fetched is no help to what is not application data. */
    client_send(&p, MBEDTLS_SSL_MSG_HANDSHAKE, "\x18\x00\x00\x10nobody else shal", 20);
    is_noting = true;
    assert_int_equal(pair_server_read(&p, got, sizeof(got)), SL_ERR_TLS_PROTOCOL);
    is_noting = false;
    assert_false(is_in_large_blocks("else shal"));
    pair_close(&p);
}

enum { N_BURST = 40, N_BUFFER_BYTES = 16384 };

static size_t n_kept_bytes;

/* Many sessions at once, each with a part of a record. */
static void *burst(void *unused)
{
    static struct pair pairs[N_BURST];
    size_t n_before = heap_bytes();
    for (int i = 0; i < N_BURST; i++) {
        char byte;
        connect_with(&pairs[i], &kinds[3]);
        client_say(&pairs[i], "words");
        struct sl_span in = sl_span(pairs[i].to_server.ptr, 8);
        assert_int_equal(sl_tls_session_read(pairs[i].session, &in, &byte, 1), SL_ERR_AGAIN);
    }
    assert_true(heap_bytes() > n_before + N_BURST * N_BUFFER_BYTES);
    for (int i = 0; i < N_BURST; i++) {
        bytes_drop(&pairs[i].to_server, 8);
        assert_reads(&pairs[i], "words", SL_ERR_AGAIN);
    }
    for (int i = 0; i < N_BURST; i++)
        pair_close(&pairs[i]);
    n_kept_bytes = heap_bytes() - n_before;
    return NULL;
}

static void few_buffers_are_kept_and_go_with_their_thread(void **state)
{
    for (int i = 0; i < 2; i++) {
        size_t n_before = heap_bytes();
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, burst, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_in_range(n_kept_bytes, N_BUFFER_BYTES, 10 * N_BUFFER_BYTES);
        if (i > 0) /* the first one leaves what the process keeps */
            assert_true(heap_bytes() < n_before + N_BUFFER_BYTES);
    }
}

#define FIRST_TESTS cmocka_unit_test(plaintext_is_forgotten),
#define COST_TESTS                                                                                 \
    cmocka_unit_test(few_buffers_are_kept_and_go_with_their_thread),                               \
        cmocka_unit_test(a_session_at_rest_is_small),                                              \
        cmocka_unit_test(buffers_are_there_only_while_they_are_needed),
#else
#define FIRST_TESTS
#define COST_TESTS
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIRST_TESTS cmocka_unit_test(every_length_goes_up),
        cmocka_unit_test(every_length_goes_down),
        cmocka_unit_test(the_head_of_a_record_is_as_the_version_wants_it),
        cmocka_unit_test(records_may_be_cut_anywhere),
        cmocka_unit_test(the_buffer_may_be_of_any_size),
        cmocka_unit_test(padding_is_taken_off),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(lengths_that_cannot_be_are_refused_at_the_head),
        cmocka_unit_test(damage_is_noticed_in_time),
        cmocka_unit_test(records_keep_their_order),
        cmocka_unit_test(empty_records_are_borne_three_times_in_a_row),
        cmocka_unit_test(numbers_carry),
        cmocka_unit_test(numbers_end),
        cmocka_unit_test(renegotiation_in_parts_is_refused),
        cmocka_unit_test(two_messages_in_one_record_are_both_heard),
        cmocka_unit_test(key_updates_are_refused_however_they_come),
        cmocka_unit_test(random_conversations_keep_every_byte),
        COST_TESTS};
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, make_server, free_server);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
