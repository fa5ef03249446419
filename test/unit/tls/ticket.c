// SPDX-License-Identifier: Apache-2.0
/*
 * ticket: sessions that are resumed, and tickets that must not open anything.
 *
 * The clock of sluice is time() plus an offset (the linker wraps it); mbedTLS keeps its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "certs.h"
#include "peer.h"

#define TLS12 MBEDTLS_SSL_VERSION_TLS1_2
#define TLS13 MBEDTLS_SSL_VERSION_TLS1_3
#define HOUR  3600

time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);

static time_t clock_offset;

time_t __wrap_time(time_t *out)
{
    time_t now = __real_time(NULL) + clock_offset;
    if (out)
        *out = now;
    return now;
}

static struct sl_ticket_keys *keys;
static struct sl_tls_server *server;

static struct sl_tls_server *server_with(struct sl_ticket_keys *ticket_keys,
                                         struct sl_identity *const *identities, size_t n)
{
    struct sl_tls_server *made = NULL;
    struct sl_tls_settings settings = {
        .has_tls12 = true,
        .has_tls13 = true,
        .identities = identities,
        .n_identities = n,
        .ticket_keys = ticket_keys,
    };
    assert_int_equal(sl_tls_server_new(&settings, &made), 0);
    return made;
}

static struct sl_identity **two_identities(void)
{
    static struct sl_identity *identities[2];
    identities[0] = identity_ecdsa();
    identities[1] = identity_rsa();
    return identities;
}

static int set_up(void **state)
{
    clock_offset = 0;
    if (sl_ticket_keys_new(HOUR, &keys) != 0)
        return -1;
    server = server_with(keys, two_identities(), 2);
    return 0;
}

static int tear_down(void **state)
{
    sl_tls_server_unref(&server);
    sl_ticket_keys_free(&keys);
    return 0;
}

/* Words both ways; the client's side takes its tickets on the way. */
static void talk(struct pair *p)
{
    char buf[16];
    int ret;
    assert_int_equal(mbedtls_ssl_write(&p->client, (const unsigned char *)"ping", 4), 4);
    assert_int_equal(pair_server_read(p, buf, sizeof(buf)), 4);
    assert_int_equal(sl_tls_session_write(p->session, SL_SPAN("pong")), 0);
    while ((ret = pair_client_read(p, buf, sizeof(buf))) == MBEDTLS_ERR_SSL_WANT_READ)
        ;
    assert_int_equal(ret, 4);
}

/* A full handshake, and the session that its client could resume. */
static void get_ticket(struct sl_tls_server *at, int version, const char *sni, struct pair *out_p)
{
    struct client_options options = {.max = (mbedtls_ssl_protocol_version)version, .sni = sni};
    struct sl_tls_report report;
    pair_connect(out_p, at, &options);
    pair_report(out_p, &report);
    assert_false(report.is_resumed);
    talk(out_p);
    if (version == TLS12) {
        assert_int_equal(mbedtls_ssl_get_session(&out_p->client, &out_p->ticket), 0);
        out_p->has_ticket = true;
    }
}

/* Does the server take it? */
static bool resumes_at(struct sl_tls_server *at, int version, const char *sni,
                       const mbedtls_ssl_session *ticket)
{
    struct client_options options = {
        .max = (mbedtls_ssl_protocol_version)version, .sni = sni, .resume = ticket};
    struct sl_tls_report report;
    struct pair p;
    pair_connect(&p, at, &options);
    pair_report(&p, &report);
    talk(&p);
    pair_close(&p);
    return report.is_resumed;
}

#define for_each_version(version_) for (int version_ = TLS12; version_ <= TLS13; version_++)

static void sessions_are_resumed(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        get_ticket(server, version, "example.org", &p);
        assert_true(p.has_ticket);
        for (int i = 0; i < 3; i++)
            assert_true(resumes_at(server, version, "example.org", &p.ticket));
        pair_close(&p);
    }
}

static void resumption_works_byte_by_byte_and_after_a_retry(void **state)
{
    static const uint16_t groups[] = {
        MBEDTLS_SSL_IANA_TLS_GROUP_SECP521R1, MBEDTLS_SSL_IANA_TLS_GROUP_X25519,
        MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};
    for_each_version(version)
    {
        struct pair p, q;
        struct sl_tls_report report;
        get_ticket(server, version, "example.org", &p);
        struct client_options options = {
            .max = (mbedtls_ssl_protocol_version)version,
            .sni = "example.org",
            .groups = groups,
            .resume = &p.ticket,
        };
        pair_open(&q, server, &options);
        q.piece = 1;
        assert_true(pair_handshake(&q));
        pair_report(&q, &report);
        talk(&q);
        /* After a HelloRetryRequest mbedTLS 3.6 does a full handshake or a resumed one; both hold.
         */
        if (version == TLS12)
            assert_true(report.is_resumed);
        pair_close(&q);
        pair_close(&p);
    }
}

static void a_full_handshake_gives_two_tickets_and_a_resumed_one_another(void **state)
{
    for (int is_resumed = 0; is_resumed <= 1; is_resumed++) {
        struct pair p, q;
        char byte;
        int n = 0;
        get_ticket(server, TLS13, "example.org", &p);
        struct client_options options = {.sni = "example.org",
                                         .resume = is_resumed ? &p.ticket : NULL};
        pair_connect(&q, server, &options);
        pair_flush(&q);
        /* A first read notices the ticket, a second one hands it out. */
        for (int n_idle = 0; n_idle < 2;) {
            int ret = mbedtls_ssl_read(&q.client, (unsigned char *)&byte, 1);
            if (ret == MBEDTLS_ERR_SSL_WANT_READ) {
                n_idle = q.to_client.len == 0 ? n_idle + 1 : 0;
                continue;
            }
            assert_int_equal(ret, MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET);
            assert_int_equal(mbedtls_ssl_get_session(&q.client, &q.ticket), 0);
            assert_int_equal(q.ticket.MBEDTLS_PRIVATE(ticket_lifetime), HOUR);
            mbedtls_ssl_session_free(&q.ticket);
            mbedtls_ssl_session_init(&q.ticket);
            n++;
        }
        assert_int_equal(n, is_resumed ? 1 : 2);
        pair_close(&q);
        pair_close(&p);
    }
}

static void tickets_outlive_one_rotation(void **state)
{
    for_each_version(version)
    {
        struct pair p, q;
        uint64_t now_s = (uint64_t)time(NULL);
        get_ticket(server, version, "example.org", &p);
        assert_int_equal(sl_ticket_keys_rotate(keys, now_s + 1000 * HOUR), 0);
        assert_true(resumes_at(server, version, "example.org", &p.ticket));
        get_ticket(server, version, "example.org", &q);
        assert_int_equal(sl_ticket_keys_rotate(keys, now_s + 2000 * HOUR), 0);
        assert_false(resumes_at(server, version, "example.org", &p.ticket));
        assert_true(resumes_at(server, version, "example.org", &q.ticket));
        pair_close(&p);
        pair_close(&q);
        assert_int_equal(tear_down(NULL), 0);
        assert_int_equal(set_up(NULL), 0);
    }
}

/* The name of the key under which a ticket was made. */
static void key_name(char out_name[16])
{
    struct pair p;
    get_ticket(server, TLS12, "example.org", &p);
    assert_true(p.ticket.MBEDTLS_PRIVATE(ticket_len) > 16);
    memcpy(out_name, p.ticket.MBEDTLS_PRIVATE(ticket), 16);
    pair_close(&p);
}

static void keys_rotate_when_they_are_old_enough(void **state)
{
    char first[16], second[16];
    uint64_t now_s = (uint64_t)time(NULL);
    key_name(first);
    assert_int_equal(sl_ticket_keys_rotate(keys, now_s), 0);
    assert_int_equal(sl_ticket_keys_rotate(keys, now_s + HOUR - 10), 0);
    assert_int_equal(sl_ticket_keys_rotate(keys, now_s - 10 * HOUR),
                     0); /* the clock was set back */
    key_name(second);
    assert_memory_equal(first, second, 16);
    assert_int_equal(sl_ticket_keys_rotate(keys, now_s + HOUR + 10), 0);
    key_name(second);
    assert_memory_not_equal(first, second, 16);
    assert_int_equal(sl_ticket_keys_rotate(keys, now_s + 2 * HOUR), 0);
    key_name(first);
    assert_memory_equal(first, second, 16);
}

static void tickets_expire(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        clock_offset = 0;
        get_ticket(server, version, "example.org", &p);
        clock_offset = HOUR - 10;
        assert_true(resumes_at(server, version, "example.org", &p.ticket));
        clock_offset = HOUR + 10;
        assert_false(resumes_at(server, version, "example.org", &p.ticket));
        clock_offset = -30; /* a clock that was set back a little is forgiven */
        assert_true(resumes_at(server, version, "example.org", &p.ticket));
        clock_offset = -90;
        assert_false(resumes_at(server, version, "example.org", &p.ticket));
        clock_offset = 0;
        pair_close(&p);
    }
}

static void other_keys_open_nothing(void **state)
{
    struct sl_ticket_keys *other_keys = NULL;
    assert_int_equal(sl_ticket_keys_new(HOUR, &other_keys), 0);
    struct sl_tls_server *other = server_with(other_keys, two_identities(), 2);
    for_each_version(version)
    {
        struct pair p;
        get_ticket(server, version, "example.org", &p);
        assert_false(resumes_at(other, version, "example.org", &p.ticket));
        pair_close(&p);
    }
    sl_tls_server_unref(&other);
    sl_ticket_keys_free(&other_keys);
}

static void tickets_open_only_where_the_same_sites_are_served(void **state)
{
    struct sl_identity *another[] = {identity_ecdsa(), identity_other()};
    struct sl_tls_server *other = server_with(keys, another, 2);
    struct sl_tls_server *same = server_with(keys, two_identities(), 2);
    for_each_version(version)
    {
        struct pair p;
        get_ticket(server, version, "example.org", &p);
        assert_false(resumes_at(other, version, "example.org", &p.ticket));
        assert_true(resumes_at(same, version, "example.org", &p.ticket));
        pair_close(&p);
    }
    sl_tls_server_unref(&other);
    sl_tls_server_unref(&same);
}

static void without_keys_there_are_no_tickets(void **state)
{
    struct sl_tls_server *plain = server_with(NULL, two_identities(), 2);
    for_each_version(version)
    {
        struct pair p;
        get_ticket(plain, version, "example.org", &p);
        assert_true(version == TLS12 || !p.has_ticket);
        assert_int_equal(p.ticket.MBEDTLS_PRIVATE(ticket_len), 0);
        pair_close(&p);
        get_ticket(server, version, "example.org", &p);
        assert_false(resumes_at(plain, version, "example.org", &p.ticket));
        pair_close(&p);
    }
    sl_tls_server_unref(&plain);
}

static void damaged_tickets_lead_to_full_handshakes(void **state)
{
    for_each_version(version)
    {
        struct pair p;
        get_ticket(server, version, "example.org", &p);
        unsigned char *ticket = p.ticket.MBEDTLS_PRIVATE(ticket);
        size_t len = p.ticket.MBEDTLS_PRIVATE(ticket_len);
        for (size_t at = 0; at < len; at += at < 60 ? 1 : 7) {
            ticket[at] ^= 0x20;
            assert_false(resumes_at(server, version, "example.org", &p.ticket));
            ticket[at] ^= 0x20;
        }
        static const size_t cuts[] = {1, 15, 16, 28, 40, 53, 68, 69, 70, 100};
        for (size_t i = 0; i < SL_N_ELEMENTS(cuts); i++) {
            p.ticket.MBEDTLS_PRIVATE(ticket_len) = cuts[i];
            assert_false(resumes_at(server, version, "example.org", &p.ticket));
        }
        p.ticket.MBEDTLS_PRIVATE(ticket_len) = len - 1;
        assert_false(resumes_at(server, version, "example.org", &p.ticket));
        p.ticket.MBEDTLS_PRIVATE(ticket_len) = len;
        assert_true(resumes_at(server, version, "example.org", &p.ticket));
        pair_close(&p);
    }
}

static void a_ticket_of_one_version_does_not_open_the_other(void **state)
{
    struct pair p12, p13;
    get_ticket(server, TLS12, "example.org", &p12);
    get_ticket(server, TLS13, "example.org", &p13);
    mbedtls_ssl_session *a = &p12.ticket, *b = &p13.ticket;
    unsigned char *ticket = a->MBEDTLS_PRIVATE(ticket);
    size_t len = a->MBEDTLS_PRIVATE(ticket_len);
    a->MBEDTLS_PRIVATE(ticket) = b->MBEDTLS_PRIVATE(ticket);
    a->MBEDTLS_PRIVATE(ticket_len) = b->MBEDTLS_PRIVATE(ticket_len);
    b->MBEDTLS_PRIVATE(ticket) = ticket;
    b->MBEDTLS_PRIVATE(ticket_len) = len;
    assert_false(resumes_at(server, TLS12, "example.org", a));
    assert_false(resumes_at(server, TLS13, "example.org", b));
    pair_close(&p12);
    pair_close(&p13);
}

static void tls12_tickets_are_for_one_name(void **state)
{
    static const struct {
        const char *first, *second;
        bool is_resumed;
    } rows[] = {
        {"example.org", "example.org", true},
        {"example.org", "EXAMPLE.org", true},
        {"example.org", "rsa.example.net", false}, /* RFC 6066 3 */
        {"rsa.example.net", "example.org", false},
        {NULL, NULL, true},
        {NULL, "example.org", false},
        {"unknown.example", "unknown.example", true},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct pair p;
        get_ticket(server, TLS12, rows[i].first, &p);
        if (resumes_at(server, TLS12, rows[i].second, &p.ticket) != rows[i].is_resumed)
            fail_msg("row %zu", i);
        pair_close(&p);
    }
}

static void tls13_tickets_are_for_any_name(void **state)
{
    /* Its client is careful and must be led to believe that it was there before. */
    static const char other[] = "rsa.example.net";
    struct pair p;
    get_ticket(server, TLS13, "example.org", &p);
    char *name = calloc(1, sizeof(other));
    assert_non_null(name);
    memcpy(name, other, sizeof(other));
    free(p.ticket.MBEDTLS_PRIVATE(hostname));
    p.ticket.MBEDTLS_PRIVATE(hostname) = name;
    assert_true(resumes_at(server, TLS13, other, &p.ticket)); /* RFC 8446 4.6.1 */
    pair_close(&p);
}

/* Moves the first extension of a ClientHello record, server_name, to the end. */
static void move_first_extension_to_the_end(struct bytes *hello)
{
    unsigned char *b = (unsigned char *)hello->ptr, first[64];
    size_t at = 5 + 4 + 2 + 32;
    at += 1u + b[at];
    at += 2u + ((size_t)b[at] << 8 | b[at + 1]);
    at += 1u + b[at];
    at += 2;
    assert_true(b[at] == 0 && b[at + 1] == 0); /* server_name */
    size_t n = 4u + ((size_t)b[at + 2] << 8 | b[at + 3]);
    assert_true(n <= sizeof(first));
    memcpy(first, b + at, n);
    memmove(b + at, b + at + n, hello->len - at - n);
    memcpy(b + hello->len - n, first, n);
}

static void the_name_may_come_after_the_ticket(void **state)
{
    static const struct {
        const char *name;
        int expected;
    } rows[] = {{"example.org", SL_ERR_AGAIN}, {"rsa.example.net", SL_ERR_TLS_PROTOCOL}};
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct pair p, q;
        get_ticket(server, TLS12, "example.org", &p);
        struct client_options options = {.max = TLS12, .sni = rows[i].name, .resume = &p.ticket};
        pair_open(&q, server, &options);
        assert_int_equal(mbedtls_ssl_handshake(&q.client), MBEDTLS_ERR_SSL_WANT_READ);
        move_first_extension_to_the_end(&q.to_server);
        struct sl_span in = sl_span(q.to_server.ptr, q.to_server.len);
        assert_int_equal(sl_tls_session_handshake(q.session, &in), rows[i].expected);
        pair_flush(&q);
        if (rows[i].expected != SL_ERR_AGAIN) { /* illegal_parameter */
            assert_int_equal(q.to_client.len, 7);
            assert_memory_equal(q.to_client.ptr, "\x15\x03\x03\x00\x02\x02\x2f", 7);
        } else { /* ServerHello, and no certificate */
            assert_int_equal(q.to_client.ptr[5], 2);
            assert_true(q.to_client.len < 300);
        }
        pair_close(&q);
        pair_close(&p);
    }
}

static void a_wrong_binder_is_no_missing_cipher(void **state)
{
    struct pair p;
    get_ticket(server, TLS13, "example.org", &p);
    p.ticket.MBEDTLS_PRIVATE(resumption_key)[0] ^= 1;
    struct client_options options = {.sni = "example.org", .resume = &p.ticket};
    struct pair q;
    pair_open(&q, server, &options);
    assert_false(pair_handshake(&q));
    assert_int_equal(q.server_ret, SL_ERR_TLS_PROTOCOL);
    assert_int_equal(q.fatal_alert, 51); /* decrypt_error, RFC 8446 4.2.11 */
    pair_close(&q);
    pair_close(&p);
}

static void lifetimes_are_bounded(void **state)
{
    struct sl_ticket_keys *long_keys = NULL;
    assert_int_equal(sl_ticket_keys_new(0, &long_keys), SL_ERR_INVALID);
    assert_null(long_keys);
    assert_int_equal(sl_ticket_keys_new(UINT64_MAX, &long_keys), 0);
    struct sl_tls_server *other = server_with(long_keys, two_identities(), 2);
    for_each_version(version)
    {
        struct pair p;
        get_ticket(other, version, "example.org", &p);
        assert_int_equal(p.ticket.MBEDTLS_PRIVATE(ticket_lifetime), 604800);
        pair_close(&p);
    }
    sl_tls_server_unref(&other);
    sl_ticket_keys_free(&long_keys);
    assert_null(long_keys);
    sl_ticket_keys_free(&long_keys);
}

int main(void)
{
#define WITH_SERVER(test_) cmocka_unit_test_setup_teardown(test_, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(sessions_are_resumed),
        WITH_SERVER(resumption_works_byte_by_byte_and_after_a_retry),
        WITH_SERVER(a_full_handshake_gives_two_tickets_and_a_resumed_one_another),
        WITH_SERVER(tickets_outlive_one_rotation),
        WITH_SERVER(keys_rotate_when_they_are_old_enough),
        WITH_SERVER(tickets_expire),
        WITH_SERVER(other_keys_open_nothing),
        WITH_SERVER(tickets_open_only_where_the_same_sites_are_served),
        WITH_SERVER(without_keys_there_are_no_tickets),
        WITH_SERVER(damaged_tickets_lead_to_full_handshakes),
        WITH_SERVER(a_ticket_of_one_version_does_not_open_the_other),
        WITH_SERVER(tls12_tickets_are_for_one_name),
        WITH_SERVER(tls13_tickets_are_for_any_name),
        WITH_SERVER(the_name_may_come_after_the_ticket),
        WITH_SERVER(a_wrong_binder_is_no_missing_cipher),
        WITH_SERVER(lifetimes_are_bounded),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    identities_free();
    scratch_remove();
    sl_tls_global_fini();
    return n_failed;
}
