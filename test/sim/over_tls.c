// SPDX-License-Identifier: Apache-2.0
/*
 * The same path over TLS, with a client of another make at the far end: handshakes in any pieces,
 * deadlines around them, bodies both ways, backpressure, and ends that are seen for what they are.
 */
#include "tls_client.h"

#include <stdlib.h>

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct sim_options tls = {
    .is_tls = true,
    .deadlines = "first_byte: 2s, tls_handshake: 4s, request_start: 3s, request_header: 3s, "
                 "keepalive: 5s, upstream_body: 3s, request_body: {idle: 3s, min_rate: 512B/s, "
                 "window: 4s}, response: {stall: 3s, min_rate: 512B/s, window: 4s}"};

static void open_client(struct sim *s, struct tls_client *t, bool is_tls12)
{
    tls_client_init(t, sim_connect(s, NULL), is_tls12);
    tls_client_turn(t);
    tls_client_settle(s, t);
    assert_true(t->is_open);
    assert_int_equal(sim_in_phase(s, SL_PHASE_REQUEST_START), 1);
}

static void a_request_is_served_in_any_pieces(void **state)
{
    static const size_t pieces[] = {0, 1, 2, 3, 7, 100, 1000};

    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        for (size_t i = 0; i < SL_N_ELEMENTS(pieces); i++) {
            struct sim s;
            struct tls_client t;
            sim_open(&s, &tls);
            fake_pieces(s.loop, pieces[i]);
            open_client(&s, &t, is_tls12);
            for (size_t n = 1; n < 4; n++) {
                tls_client_say(&s, &t,
                               SL_SPAN("POST / HTTP/1.1\r\nHost: a\r\n"
                                       "Content-Length: 5\r\n\r\nhello"));
                assert_got(sim_up(&s, 1), "\r\n\r\nhello");
                fake_wire_forget(s.up[0]);
                sim_say(&s, s.up[0], OK_2);
                tls_client_settle(&s, &t);
                assert_true(tls_client_has(&t, "\r\n\r\nok"));
                t.n_got = 0;
            }
            assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_OK]), 1);
            assert_int_equal(
                sl_count_get(&s.counters.handshake_version[is_tls12 ? SL_TLS_1_2 : SL_TLS_1_3]), 1);
            tls_client_free(&t);
            sim_close(&s);
        }
    }
}

/* n_first: how much of the hello is there before the loop stands still. */
static void expect_served_after_a_standstill(size_t n_first)
{
    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        struct sim s;
        struct tls_client t;
        sim_open(&s, &tls);
        fake_pieces(s.loop, n_first);
        tls_client_init(&t, sim_connect(&s, NULL), is_tls12);
        sim_settle(&s);
        sim_advance(&s, 1000);
        tls_client_turn(&t);
        if (n_first)
            fake_turn(s.loop);
        fake_wire_pieces(t.wire, 0); /* all that came meanwhile is there at once */
        fake_stall(s.loop, 60000);
        tls_client_settle(&s, &t);
        assert_true(t.is_open);
        assert_int_equal(sim_expired_all(&s), 0);
        tls_client_free(&t);
        sim_close(&s);
    }
}

static void a_handshake_whose_hello_came_while_the_loop_stood_still_is_served(void **state)
{
    expect_served_after_a_standstill(0);
}

static void a_handshake_whose_hello_ended_while_the_loop_stood_still_is_served(void **state)
{
    expect_served_after_a_standstill(150);
}

static void a_handshake_is_not_charged_for_a_stop_while_its_hello_is_worked_on(void **state)
{
    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        struct sim s;
        struct tls_client t;
        sim_open(&s, &tls);
        tls_client_init(&t, sim_connect(&s, NULL), is_tls12);
        sim_settle(&s);
        tls_client_turn(&t);
        fake_stop_at_work(s.loop, 60000);
        sim_settle(&s); /* he has no answer before this */
        tls_client_settle(&s, &t);
        assert_true(t.is_open);
        assert_int_equal(sim_expired_all(&s), 0);
        tls_client_free(&t);
        sim_close(&s);
    }
}

static void a_client_silent_after_its_handshake_is_ended_at_request_start(void **state)
{
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    open_client(&s, &t, false);
    assert_int_equal(sim_until_closed(&s, t.wire, 9000), 3000);
    tls_client_settle(&s, &t);
    assert_true(t.has_end); /* close_notify */
    assert_state(t.wire, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_REQUEST_START);
    tls_client_free(&t);
    sim_close(&s);
}

static void empty_records_are_no_start_of_a_request(void **state)
{
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    open_client(&s, &t, true);
    uint64_t ms = 0;
    for (; ms < 20000 && !fake_wire_is_closed(t.wire); ms += 100) {
        mbedtls_ssl_write(&t.ssl, (const unsigned char *)"", 0);
        sim_advance(&s, 100);
    }
    assert_true(ms <= 3000); /* mbedTLS itself bears only a few of them in a row */
    tls_client_free(&t);
    sim_close(&s);
}

static void a_client_silent_after_the_server_hello_is_gone_at_tls_handshake(void **state)
{
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    tls_client_init(&t, sim_connect(&s, NULL), false);
    sim_advance(&s, 1900);
    tls_client_turn(&t); /* its hello; what comes back is never looked at */
    assert_int_equal(1900 + sim_until_closed(&s, t.wire, 9000), 4000);
    assert_state(t.wire, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_STALLED]), 1);
    tls_client_free(&t);
    sim_close(&s);
}

/* The system's mbedTLS pads a record, with the byte of its type; what goes past it has none. */
static size_t padded(size_t n)
{
#ifdef SL_MBEDTLS_HOOKED
    return n;
#else
    const size_t to = MBEDTLS_SSL_CID_TLS1_3_PADDING_GRANULARITY;
    return (n + 1 + to - 1) / to * to - 1;
#endif
}

/* Plaintext bytes of each record that the client has not yet looked at (TLS 1.3), with padding. */
static size_t records_of(const struct tls_client *t, size_t *out_bytes, size_t max)
{
    struct sl_span wire = fake_wire_received(t->wire);
    size_t n = 0;

    while (wire.len >= 5) {
        size_t n_body = (size_t)(unsigned char)wire.ptr[3] << 8 | (unsigned char)wire.ptr[4];
        assert_true(n < max && wire.len >= 5 + n_body);
        out_bytes[n++] = n_body - 17; /* content type and tag */
        wire = sl_span_skip(wire, 5 + n_body);
    }
    assert_int_equal(wire.len, 0);
    return n;
}

/* Its records, as above. */
static size_t answer(struct sim *s, struct tls_client *t, size_t n_body, size_t *out_bytes,
                     size_t max)
{
    char head[64];

    tls_client_say(s, t, SL_SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    struct fake_wire *u = sim_up(s, 1);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", n_body);
    fake_wire_send(u, sl_span_str(head));
    sim_say_n(s, u, n_body);
    size_t n = records_of(t, out_bytes, max);
    tls_client_settle(s, t);
    return n;
}

static void records_are_short_after_a_silence_and_then_long(void **state)
{
    enum { N_BODY = 300000, SHORT = 4000, N_SHORT = 9, MAX = 100 };
    size_t bytes[MAX], n;
    struct sim s;
    struct tls_client t;

    sim_open(&s, &tls);
    open_client(&s, &t, false);
    assert_int_equal(answer(&s, &t, 1024, bytes, MAX), 1); /* head and body in one */
    for (int silence = 0; silence < 2; silence++) {
        n = answer(&s, &t, N_BODY, bytes, MAX);
        for (size_t i = 0; i < N_SHORT - 1; i++)
            assert_int_equal(bytes[i], padded(SHORT));
        size_t n_parts = 0; /* what is no whole record: at most one for each read, and the last */
        for (size_t i = N_SHORT; i < n; i++)
            n_parts += bytes[i] != padded(SL_TLS_RECORD_BYTES);
        assert_true(n_parts <= 2);
        n = answer(&s, &t, N_BODY, bytes, MAX);
        assert_int_equal(bytes[0], padded(SL_TLS_RECORD_BYTES)); /* it was not silent */
        sim_advance(&s, 1100);
        n = answer(&s, &t, 3000, bytes, MAX);
        assert_int_equal(n, 1);
        sim_advance(&s, 1100);
    }
    tls_client_free(&t);
    sim_close(&s);
}

static void bodies_pass_both_ways_within_bounded_memory(void **state)
{
    enum { N = 2000000 };
    char *body = test_malloc(N);
    struct sim s;
    struct tls_client t;

    for (size_t i = 0; i < N; i++)
        body[i] = (char)('a' + i % 65536 % 26);
    sim_open(&s, &(struct sim_options){.is_tls = true});
    open_client(&s, &t, false);
    tls_client_say(&s, &t,
                   SL_SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n"));
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    tls_client_say(&s, &t, sl_span(body, N));
    assert_true(fake_wire_unread(t.wire) > N / 2);
    fake_wire_slow(t.wire, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
    sim_say_n(&s, u, N);
    assert_true(fake_wire_unread(u) > N / 2);
    /* Both queues, both leftovers, the stage of a record; each with a chunk begun at its end. */
    assert_true(s.max_chunks <= 4 * (2 * 65536 + SL_TCP_READ_BYTES) / SL_CHUNK_ROOM + 8);
    fake_wire_slow(u, false);
    tls_client_settle(&s, &t);
    assert_true(sim_n_got(u) > N);
    assert_memory_equal(fake_wire_received(u).ptr + sim_n_got(u) - N, body, N);
    fake_wire_slow(t.wire, false);
    tls_client_settle(&s, &t);
    assert_true(t.n_got > N);
    assert_memory_equal(t.got + t.n_got - N, body, N);
    tls_client_free(&t);
    sim_close(&s);
    test_free(body);
}

static void an_end_is_told_from_a_cut(void **state)
{
    for (int is_cut = 0; is_cut < 2; is_cut++) {
        struct sim s;
        struct tls_client t;
        sim_open(&s, &tls);
        open_client(&s, &t, false);
        tls_client_say(&s, &t, SL_SPAN("GET / HTTP/1.0\r\nHost: a\r\n\r\n"));
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, "HTTP/1.1 200 OK\r\n\r\nabc");
        if (is_cut)
            fake_wire_reset(u);
        else
            fake_wire_fin(u);
        tls_client_settle(&s, &t);
        assert_int_equal(t.has_end, !is_cut); /* a close_notify would make the cut look whole */
        assert_state(t.wire, is_cut ? FAKE_RESET : FAKE_FIN);
        tls_client_free(&t);
        sim_close(&s);
    }
}

static void an_idle_client_is_ended_with_close_notify(void **state)
{
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    open_client(&s, &t, false);
    tls_client_say(&s, &t, SL_SPAN(SIM_GET));
    sim_say(&s, sim_up(&s, 1), OK_2);
    tls_client_settle(&s, &t);
    assert_int_equal(sim_until_closed(&s, t.wire, 9000), 5000);
    tls_client_settle(&s, &t);
    assert_true(t.has_end);
    assert_expired_only(&s, SL_PHASE_KEEPALIVE);
    tls_client_free(&t);
    sim_close(&s);
}

static void a_record_that_is_no_record_ends_the_connection(void **state)
{
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    open_client(&s, &t, false);
    tls_client_say(&s, &t, SL_SPAN(SIM_GET));
    sim_up(&s, 1);
    sim_say(&s, t.wire, "\x17\x03\x03\x20\x20 this was never encrypted");
    sim_say_n(&s, t.wire, 9000);
    assert_true(fake_wire_is_closed(t.wire));
    assert_state(s.up[0], FAKE_RESET);
    tls_client_free(&t);
    sim_close(&s);
}

static void a_slow_but_lawful_upload_and_download_are_not_cut_for_ten_minutes(void **state)
{
    struct sim s;
    struct tls_client t;
    static const char piece[800];
    sim_open(&s, &tls);
    open_client(&s, &t, false);
    tls_client_say(&s, &t, SL_SPAN("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 480000\r\n\r\n"));
    struct fake_wire *u = sim_up(&s, 1);
    for (int i = 0; i < 600; i++) {
        sim_advance(&s, 1000);
        tls_client_say(&s, &t, sl_span(piece, sizeof(piece)));
    }
    assert_true(sim_n_got(u) > 480000);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    for (int i = 0; i < 600; i++) {
        sim_advance(&s, 1000);
        sim_say_n(&s, u, 100);
        tls_client_settle(&s, &t);
    }
    assert_true(t.n_got > 60000);
    assert_int_equal(sim_expired_all(&s), 0);
    tls_client_free(&t);
    sim_close(&s);
}

/* ---- storms ---- */

struct tls_storm {
    struct sim sim;
    struct sim_chance chance;
    struct tls_client clients[3];
    bool is_client[3];
};

static void move(struct tls_storm *st)
{
    static const char *const requests[] = {
        SIM_GET, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n"};
    static const char *const responses[] = {
        OK_2, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nabc",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n"};
    static const char filler[30000];
    struct sim *s = &st->sim;
    size_t i = sim_pick(&st->chance, 3);
    struct tls_client *t = &st->clients[i];
    struct fake_wire *u = s->n_up ? s->up[s->n_up - 1] : NULL;

    if (st->is_client[i] && fake_wire_is_closed(t->wire)) {
        tls_client_free(t);
        st->is_client[i] = false;
    }
    if (!st->is_client[i]) {
        tls_client_init(t, sim_connect(s, NULL), sim_pick(&st->chance, 2));
        st->is_client[i] = true;
    }
    switch (sim_pick(&st->chance, 24)) {
    case 0:
        fake_wire_slow(t->wire, true);
        break;
    case 1:
        fake_wire_slow(t->wire, false);
        break;
    case 2:
        fake_wire_kernel(t->wire, 1 + sim_pick(&st->chance, 70000));
        break;
    case 3:
        fake_wire_pieces(t->wire, sim_pick(&st->chance, 2000));
        break;
    case 4:
        sim_advance(s, sim_pick(&st->chance, 1500));
        break;
    case 5:
        if (sim_pick(&st->chance, 5) == 0)
            fake_wire_reset(t->wire);
        break;
    case 6:
        if (t->is_open && sim_pick(&st->chance, 5) == 0)
            mbedtls_ssl_close_notify(&t->ssl);
        break;
    case 7:
        if (sim_pick(&st->chance, 10) == 0)
            fake_wire_fin(t->wire);
        break;
    case 8:
        if (sim_pick(&st->chance, 20) == 0)
            fake_wire_send(t->wire, SL_SPAN("rubbish that is no record at all"));
        break;
    case 9:
    case 10:
    case 11:
        if (u)
            sim_say(s, u, responses[sim_pick(&st->chance, SL_N_ELEMENTS(responses))]);
        break;
    case 12:
    case 13:
        if (u)
            sim_say_n(s, u, sim_pick(&st->chance, 30000));
        break;
    case 14:
        if (u && sim_pick(&st->chance, 3) == 0)
            fake_wire_fin(u);
        break;
    case 15:
    case 16:
        if (t->is_open)
            tls_client_say(s, t, sl_span(filler, 1 + sim_pick(&st->chance, 29999)));
        break;
    case 17:
    case 18:
    case 19:
        if (t->is_open)
            tls_client_say(s, t,
                           sl_span_str(requests[sim_pick(&st->chance, SL_N_ELEMENTS(requests))]));
        break;
    default:
        tls_client_turn(t);
        tls_client_settle(s, t);
    }
    fake_turn(s->loop);
}

static uint64_t running_seed;

static void run_storm(uint64_t seed)
{
    struct tls_storm *st = test_calloc(1, sizeof(*st));
    struct sim_options o = tls;

    running_seed = seed;
    st->chance.state = seed;
    o.limits = "max_connections: 10";
    sim_open(&st->sim, &o);
    for (int i = 0; i < 80; i++)
        move(st);
    for (size_t i = 0; i < 3; i++)
        if (st->is_client[i])
            fake_wire_slow(st->clients[i].wire, true);
    sim_advance(&st->sim, 4000000); /* a tunnel may last for an hour */
    assert_int_equal(sl_proxy_n_clients(st->sim.proxy), 0);
    for (size_t i = 0; i < 3; i++)
        if (st->is_client[i])
            tls_client_free(&st->clients[i]);
    sim_close(&st->sim);
    test_free(st);
}

static void after_any_storm_over_tls_everybody_is_gone_in_time(void **state)
{
    uint64_t seed = sim_seed(0);

    if (seed)
        run_storm(seed);
    else
        for (uint64_t i = 0; i < 150; i++)
            run_storm(3000000 + i);
}

static int tell_seed(void **state)
{
    print_message("# seed %llu\n", (unsigned long long)running_seed);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_served_in_any_pieces),
        cmocka_unit_test(a_handshake_whose_hello_came_while_the_loop_stood_still_is_served),
        cmocka_unit_test(a_handshake_whose_hello_ended_while_the_loop_stood_still_is_served),
        cmocka_unit_test(a_handshake_is_not_charged_for_a_stop_while_its_hello_is_worked_on),
        cmocka_unit_test(a_client_silent_after_its_handshake_is_ended_at_request_start),
        cmocka_unit_test(empty_records_are_no_start_of_a_request),
        cmocka_unit_test(a_client_silent_after_the_server_hello_is_gone_at_tls_handshake),
        cmocka_unit_test(records_are_short_after_a_silence_and_then_long),
        cmocka_unit_test(bodies_pass_both_ways_within_bounded_memory),
        cmocka_unit_test(an_end_is_told_from_a_cut),
        cmocka_unit_test(an_idle_client_is_ended_with_close_notify),
        cmocka_unit_test(a_record_that_is_no_record_ends_the_connection),
        cmocka_unit_test(a_slow_but_lawful_upload_and_download_are_not_cut_for_ten_minutes),
        cmocka_unit_test_teardown(after_any_storm_over_tls_everybody_is_gone_in_time, tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
