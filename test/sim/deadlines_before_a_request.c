// SPDX-License-Identifier: Apache-2.0
/*
 * The phases before a request: proxy_header, first_byte, tls_handshake, request_start,
 * request_header. All are absolute: silent and trickling peers are cut at the same millisecond, and
 * the wire sees what the table of client.c says.
 */
#include "harness.h"

static const struct sim_options plain = {.deadlines = "first_byte: 3s, request_start: 4s, "
                                                      "request_header: 5s, keepalive: 6s"};
static const struct sim_options tls = {
    .is_tls = true, .deadlines = "first_byte: 3s, tls_handshake: 7s, request_start: 4s"};

/* Sends one byte of `text` every `every_ms` until the proxy closes; returns how long that took. */
static uint64_t trickle(struct sim *s, struct fake_wire *wire, const char *text, uint64_t every_ms,
                        uint64_t max_ms)
{
    uint64_t ms = 0;
    size_t n = strlen(text), i = 0;

    for (; ms < max_ms && !fake_wire_is_closed(wire); ms++) {
        if (ms % every_ms == 0 && i < n && fake_wire_state(wire) == FAKE_OPEN)
            fake_wire_send(wire, sl_span(text + i++, 1));
        sim_advance(s, 1);
    }
    return ms;
}

static void a_silent_client_is_reset_at_first_byte(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_connect(&s, NULL);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_FIRST_BYTE), 1);
    assert_int_equal(sim_until_closed(&s, c, 10000), 3000);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_FIRST_BYTE);
    sim_close(&s);
}

static void a_silent_client_of_tls_is_reset_at_first_byte(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    assert_int_equal(sim_until_closed(&s, c, 10000), 3000);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_FIRST_BYTE);
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_SILENT]), 1);
    sim_close(&s);
}

static void half_a_hello_is_ended_with_an_alert_at_tls_handshake(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 2999);
    fake_wire_send(c, sl_span("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
    assert_int_equal(2999 + sim_until_closed(&s, c, 20000), 7000); /* both count from accept */
    assert_state(c, FAKE_FIN);
    assert_int_equal(sim_n_got(c), 14); /* two alert records: user_canceled, close_notify */
    assert_memory_equal(fake_wire_received(c).ptr, "\x15\x03", 2);
    assert_memory_equal(fake_wire_received(c).ptr + 5, "\x01\x5a", 2);
    assert_memory_equal(fake_wire_received(c).ptr + 12, "\x01\x00", 2);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_STALLED]), 1);
    sim_close(&s);
}

static void a_trickled_hello_extends_nothing(void **state)
{
    struct sim s;
    char hello[517] = "\x16\x03\x01\x02\x00\x01";

    sim_open(&s, &tls);
    memset(hello + 6, 1, sizeof(hello) - 7);
    struct fake_wire *c = sim_connect(&s, NULL);
    uint64_t ms = 0;
    for (size_t i = 0; !fake_wire_is_closed(c) && i < 500; i++, ms += 100) {
        fake_wire_send(c, sl_span(hello + i, 1));
        sim_advance(&s, 100);
    }
    assert_int_equal(ms, 7000);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    sim_close(&s);
}

static void one_undecided_byte_of_tls_is_cut_at_tls_handshake(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_ask(&s, "\x16");
    assert_int_equal(sim_until_closed(&s, c, 20000), 7000);
    assert_state(c, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    sim_close(&s);
}

static void plain_http_on_tls_is_told_so_and_lingers(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    assert_got(c, "HTTP/1.1 400 ");
    assert_state(c, FAKE_FIN);
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_PLAIN_HTTP]), 1);
    assert_int_equal(sim_until_closed(&s, c, 20000), 2000); /* linger */
    assert_expired_only(&s, SL_PHASE_LINGER);
    sim_close(&s);
}

static void rubbish_on_tls_is_closed(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_ask(&s, "\x01\x02\x03\x04\x05\x06\x07\x08\x09");
    assert_true(fake_wire_is_closed(c));
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_NOT_TLS]), 1);
    sim_close(&s);
}

static void a_missing_proxy_header_is_reset_at_proxy_header(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.listener = ", proxy_protocol: required",
                                       .deadlines = "proxy_header: 2s, first_byte: 3s"});
    struct fake_wire *c = sim_connect(&s, NULL);
    assert_int_equal(trickle(&s, c, "PROXY TCP4 192.0.2.9 192.0.2.1 1000 443\r\n", 100, 9000),
                     2000);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_PROXY_HEADER);
    sim_close(&s);
}

static void silence_after_a_proxy_header_is_first_byte_counted_from_accept(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.listener = ", proxy_protocol: required",
                                       .deadlines = "proxy_header: 2s, first_byte: 3s"});
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 1500);
    sim_say(&s, c, "PROXY TCP4 192.0.2.9 192.0.2.1 1000 443\r\n");
    assert_int_equal(sim_in_phase(&s, SL_PHASE_FIRST_BYTE), 1);
    assert_int_equal(1500 + sim_until_closed(&s, c, 9000), 3000);
    assert_expired_only(&s, SL_PHASE_FIRST_BYTE);
    sim_close(&s);
}

static void empty_lines_are_no_start_of_a_request(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 1000);
    uint64_t ms = trickle(&s, c, "\r\n", 500, 9000);
    assert_int_equal(ms, 4000); /* since the first byte */
    assert_state(c, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_REQUEST_START);
    sim_close(&s);
}

static void a_second_empty_line_is_refused(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, "\r\n\r\n");
    assert_got(c, "HTTP/1.1 400 ");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void a_trickled_header_is_answered_408_at_request_header(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, "G");
    for (int i = 0; i < 49; i++) {
        sim_advance(&s, 100);
        sim_say(&s, c, i < 2 ? "ET"[i] == 'E' ? "E" : "T" : i == 2 ? " " : "/");
    }
    assert_state(c, FAKE_OPEN);
    sim_advance(&s, 99);
    assert_int_equal(sim_n_got(c), 0);
    sim_advance(&s, 1);
    assert_got(c, "HTTP/1.1 408 ");
    assert_state(c, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_REQUEST_HEADER);
    assert_int_equal(s.n_up, 0);
    sim_close(&s);
}

static void a_slow_but_timely_opening_is_served(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 2999);
    sim_say(&s, c, "\r\n");
    sim_advance(&s, 3999);
    sim_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n");
    sim_advance(&s, 4999);
    sim_say(&s, c, "\r\n");
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_got(c, "\r\n\r\nok");
    assert_int_equal(sim_expired_all(&s), 0);
    assert_int_equal(sl_count_get(&s.counters.near_miss[SL_PHASE_REQUEST_HEADER]), 1);
    sim_close(&s);
}

static void bytes_that_had_arrived_before_an_expiry_is_acted_on_count(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_settle(&s);
    fake_wire_send(c, SL_SPAN("GET / HT")); /* came while the loop was busy */
    fake_stall(s.loop, 60000);
    sim_settle(&s);
    assert_state(c, FAKE_OPEN);
    fake_wire_send(c, SL_SPAN("TP/1.1\r\nHost: a\r\n\r\n"));
    fake_stall(s.loop, 60000);
    sim_settle(&s);
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_got(c, "HTTP/1.1 204 ");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

/* A handshake takes two turns of the client; in between it needs our answer. */
static void a_handshake_is_not_charged_while_the_loop_stands_still(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 2000);
    fake_wire_send(c, SL_SPAN("\x16\x03\x01\x02\x00\x01")); /* came while we stood still */
    fake_stall(s.loop, 60000);
    sim_settle(&s);
    assert_state(c, FAKE_OPEN);
    assert_int_equal(2000 + sim_until_closed(&s, c, 20000), 7000);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    sim_close(&s);
}

/* Nobody knows when in its poll a process was stopped, so none of that poll is the client's. */
static void a_handshake_is_not_charged_for_a_poll_that_overslept(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 2000);
    fake_wire_send(c, SL_SPAN("\x16\x03\x01\x02\x00\x01"));
    fake_oversleep(s.loop, 5000, 60000);
    sim_settle(&s);
    assert_state(c, FAKE_OPEN);
    assert_int_equal(2000 + sim_until_closed(&s, c, 20000), 7000);
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    sim_close(&s);
}

static void what_stood_still_after_a_clients_word_is_not_given_to_the_client(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_say(&s, c, "\x16\x03\x01");
    fake_stall(s.loop, 60000);
    sim_settle(&s);
    assert_true(fake_wire_is_closed(c));
    assert_expired_only(&s, SL_PHASE_TLS_HANDSHAKE);
    sim_close(&s);
}

static void a_silent_client_is_not_excused(void **state)
{
    struct sim s;
    sim_open(&s, &tls);
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_settle(&s);
    fake_stall(s.loop, 60000);
    sim_settle(&s);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_FIRST_BYTE);
    sim_close(&s);
}

static void an_idle_client_is_ended_at_keepalive(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    sim_advance(&s, 1000);
    fake_wire_send(c, SL_SPAN("\r\n")); /* no beginning, so no help */
    assert_int_equal(1000 + sim_until_closed(&s, c, 9000), 6000);
    assert_state(c, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_KEEPALIVE);
    sim_close(&s);
}

static void shadow_mode_counts_and_cuts_nothing(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "first_byte: {limit: 1s, enforce: false}, "
                                                    "request_start: {limit: 1s, enforce: false}, "
                                                    "request_header: {limit: 1s, enforce: false}, "
                                                    "keepalive: {limit: 1s, enforce: false}"});
    struct fake_wire *c = sim_connect(&s, NULL);
    sim_advance(&s, 100000);
    sim_say(&s, c, "\r\n");
    sim_advance(&s, 100000);
    sim_say(&s, c, "GET / HTTP/1.1\r\nHost: a\r\n");
    sim_advance(&s, 100000);
    sim_say(&s, c, "\r\n");
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    sim_advance(&s, 100000);
    assert_state(c, FAKE_OPEN);
    assert_int_equal(sim_expired_all(&s), 0);
    const int phases[] = {SL_PHASE_FIRST_BYTE, SL_PHASE_REQUEST_START, SL_PHASE_REQUEST_HEADER,
                          SL_PHASE_KEEPALIVE};
    for (size_t i = 0; i < SL_N_ELEMENTS(phases); i++)
        assert_int_equal(sl_count_get(&s.counters.expired_shadow[phases[i]]), 1);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_silent_client_is_reset_at_first_byte),
        cmocka_unit_test(a_silent_client_of_tls_is_reset_at_first_byte),
        cmocka_unit_test(half_a_hello_is_ended_with_an_alert_at_tls_handshake),
        cmocka_unit_test(a_trickled_hello_extends_nothing),
        cmocka_unit_test(one_undecided_byte_of_tls_is_cut_at_tls_handshake),
        cmocka_unit_test(plain_http_on_tls_is_told_so_and_lingers),
        cmocka_unit_test(rubbish_on_tls_is_closed),
        cmocka_unit_test(a_missing_proxy_header_is_reset_at_proxy_header),
        cmocka_unit_test(silence_after_a_proxy_header_is_first_byte_counted_from_accept),
        cmocka_unit_test(empty_lines_are_no_start_of_a_request),
        cmocka_unit_test(a_second_empty_line_is_refused),
        cmocka_unit_test(a_trickled_header_is_answered_408_at_request_header),
        cmocka_unit_test(a_slow_but_timely_opening_is_served),
        cmocka_unit_test(bytes_that_had_arrived_before_an_expiry_is_acted_on_count),
        cmocka_unit_test(a_handshake_is_not_charged_while_the_loop_stands_still),
        cmocka_unit_test(a_handshake_is_not_charged_for_a_poll_that_overslept),
        cmocka_unit_test(what_stood_still_after_a_clients_word_is_not_given_to_the_client),
        cmocka_unit_test(a_silent_client_is_not_excused),
        cmocka_unit_test(an_idle_client_is_ended_at_keepalive),
        cmocka_unit_test(shadow_mode_counts_and_cuts_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
