// SPDX-License-Identifier: Apache-2.0
/*
 * The phases of an exchange and after it: who is silent is cut at the limit, who trickles is cut by
 * the rate, who is slow but lawful is not cut for hours; and only the party that holds the ball is
 * charged. Long, as the table of phases is: a few tests for each of its rows.
 */
#include "harness.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct sim_options quick = {
    .deadlines = "request_body: {idle: 3s, min_rate: 512B/s, window: 4s}, "
                 "response: {stall: 3s, min_rate: 512B/s, window: 4s}, "
                 "upstream_queue: 2s, upstream_connect: 2s, upstream_write: 3s, "
                 "upstream_header: 5s, upstream_body: 4s, tunnel: 6s, keepalive: 5s, "
                 "linger: {idle: 2s, total: 8s}, drain: 7s",
    .upstream = ", upstream_idle: 3s",
};

static const char post_10000[] = "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n";
static const char post_chunked[] =
    "POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/* ---- request_body ---- */

static void a_stalled_upload_is_answered_408_at_request_body(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, post_10000);
    struct fake_wire *u = sim_up(&s, 1);
    sim_advance(&s, 1000);
    sim_say_n(&s, c, 4000);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_REQUEST_BODY), 1);
    assert_int_equal(sim_until_closed(&s, u, 9000), 3000);
    assert_state(u, FAKE_RESET); /* dropped, never completed */
    assert_got(c, "HTTP/1.1 408 ");
    assert_got(c, "Connection: close\r\n");
    assert_state(c, FAKE_FIN);
    assert_expired_only(&s, SL_PHASE_REQUEST_BODY);
    assert_int_equal(sim_until_closed(&s, c, 9000), 2000); /* linger */
    sim_close(&s);
}

static void a_dripped_upload_is_cut_by_its_minimum_rate(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, post_10000);
    struct fake_wire *u = sim_up(&s, 1);
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 100) {
        fake_wire_send(c, SL_SPAN("x"));
        sim_advance(&s, 100);
    }
    assert_between(ms, 4000, 4500); /* a window, and at most one slice */
    assert_got(c, "HTTP/1.1 408 ");
    assert_expired_only(&s, SL_PHASE_REQUEST_BODY);
    sim_close(&s);
}

static void a_fast_start_buys_one_window_of_silence(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    sim_say_n(&s, c, 10000000);
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 100) {
        fake_wire_send(c, SL_SPAN("x"));
        sim_advance(&s, 100);
    }
    assert_between(ms, 4000, 4600);
    assert_expired_only(&s, SL_PHASE_REQUEST_BODY);
    sim_close(&s);
}

static void chunk_lines_are_no_progress(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, post_chunked);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, c, "5;");
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 50) {
        fake_wire_send(c, SL_SPAN("e"));
        sim_advance(&s, 50);
    }
    assert_int_equal(ms, 3000);
    assert_got(c, "HTTP/1.1 408 ");
    sim_close(&s);
}

static void endless_trailers_are_no_progress(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, post_chunked);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, c, "2\r\nab\r\n0\r\nx: ");
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 50) {
        fake_wire_send(c, SL_SPAN("e"));
        sim_advance(&s, 50);
    }
    assert_int_equal(ms, 3000);
    assert_got(c, "HTTP/1.1 408 ");
    sim_close(&s);
}

/* 800 bytes each second: above the minimum, under deadlines of 3 and 4 seconds. */
static void upload_for(uint64_t seconds, bool is_chunked)
{
    struct sim s;
    char head[200];
    uint64_t n = seconds * 800, n_got = 0;

    sim_open(&s, &quick);
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %llu\r\n\r\n",
             (unsigned long long)n);
    struct fake_wire *c = sim_ask(&s, is_chunked ? post_chunked : head);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_forget(u);
    for (uint64_t i = 0; i < seconds; i++) {
        sim_advance(&s, 1000);
        if (is_chunked)
            fake_wire_send(c, SL_SPAN("320\r\n"));
        sim_say_n(&s, c, 800);
        if (is_chunked)
            sim_say(&s, c, "\r\n");
        n_got += sim_n_got(u);
        fake_wire_forget(u);
    }
    if (is_chunked)
        sim_say(&s, c, "0\r\n\r\n");
    assert_true(n_got >= n);
    sim_say(&s, u, OK_2);
    assert_got(c, "200 OK");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void an_upload_of_ten_minutes_is_not_cut(void **state)
{
    upload_for(600, true);
}

static void an_upload_of_ten_hours_is_not_cut(void **state)
{
    upload_for(36000, false);
}

static void a_client_is_not_charged_while_the_upstream_does_not_accept(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "request_body: {idle: 2s}, "
                                                    "upstream_write: 30s"});
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    sim_say_n(&s, c, 500000);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_WRITE), 1);
    for (int i = 0; i < 40; i++) { /* upstream accepts a little every 20 s */
        sim_advance(&s, 20000);
        assert_true(fake_wire_take(u, 1000) > 0);
    }
    assert_int_equal(sim_expired_all(&s), 0);
    fake_wire_slow(u, false);
    sim_settle(&s);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_REQUEST_BODY), 1);
    assert_between(sim_until_closed(&s, u, 9000), 2000, 2000);
    assert_got(c, "HTTP/1.1 408 ");
    sim_close(&s);
}

static void a_client_is_not_charged_while_it_waits_for_100(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                                      "Expect: 100-continue\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_HEADER), 1);
    sim_advance(&s, 4900);
    sim_say(&s, u, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_got(c, "HTTP/1.1 100 ");
    assert_int_equal(sim_in_phase(&s, SL_PHASE_REQUEST_BODY), 1);
    sim_advance(&s, 2900);
    sim_say(&s, c, "hello");
    assert_got(u, "\r\n\r\nhello");
    sim_advance(&s, 4900); /* the whole time for an answer is there again */
    sim_say(&s, u, OK_2);
    assert_got(c, "200 OK");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void who_never_says_100_is_504_at_upstream_header(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                                      "Expect: 100-continue\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    assert_int_equal(sim_until_closed(&s, u, 9000), 5000);
    assert_got(c, "HTTP/1.1 504 ");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_HEADER);
    sim_close(&s);
}

/* ---- upstream_connect, upstream_queue ---- */

static void a_connect_without_an_answer_is_504_at_upstream_connect(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_CONNECT), 1);
    assert_int_equal(sim_until_closed(&s, sim_up(&s, 1), 9000), 2000);
    assert_got(c, "HTTP/1.1 504 ");
    assert_state(c, FAKE_OPEN);
    assert_expired_only(&s, SL_PHASE_UPSTREAM_CONNECT);
    sim_close(&s);
}

static void who_finds_no_slot_is_503_at_upstream_queue(void **state)
{
    struct sim s;
    struct sim_options o = quick;
    o.endpoints = "{address: 10.0.0.1:80, max_connections: 1}";
    sim_open(&s, &o);
    sim_ask(&s, SIM_GET);
    sim_up(&s, 1);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 1);
    sim_advance(&s, 1999);
    assert_int_equal(sim_n_got(c), 0);
    sim_advance(&s, 1);
    assert_got(c, "HTTP/1.1 503 ");
    assert_got(c, "Retry-After: ");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_QUEUE);
    sim_close(&s);
}

/* After a stop of the process, the answer that frees the slot lies there, and the deadline has
 * passed. */
static void a_slot_that_comes_free_in_the_turn_of_the_expiry_is_in_time(void **state)
{
    struct sim s;
    struct sim_options o = quick;
    o.endpoints = "{address: 10.0.0.1:80, max_connections: 1}";
    sim_open(&s, &o);
    struct fake_wire *first = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    struct fake_wire *c = sim_ask(&s, SIM_GET), *late = sim_ask(&s, SIM_GET);
    sim_advance(&s, 1000);
    fake_wire_send(u, SL_SPAN(OK_2));
    fake_stall(s.loop, 1500);
    sim_settle(&s);
    assert_got(first, "\r\n\r\nok");
    assert_int_equal(sim_n_got(c), 0);
    assert_got(late, "HTTP/1.1 503 "); /* there was one slot */
    sim_say(&s, u, OK_2);
    assert_got(c, "\r\n\r\nok");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_QUEUE);
    sim_close(&s);
}

/* ---- upstream_write ---- */

static void an_upstream_that_takes_nothing_is_504_at_upstream_write(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    sim_say_n(&s, c, 1000000);
    assert_between(sim_until_closed(&s, u, 20000), 3000, 3375);
    assert_got(c, "HTTP/1.1 504 ");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_WRITE);
    sim_close(&s);
}

static void an_upstream_that_takes_a_small_body_slowly_is_not_cut(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    fake_wire_kernel(u, 2000);
    sim_say_n(&s, c, 10000);
    for (int i = 0; i < 200; i++) { /* longer than upstream_header, which has not begun */
        fake_wire_take(u, 50);
        sim_advance(&s, 1000);
    }
    assert_int_equal(sim_expired_all(&s), 0);
    fake_wire_slow(u, false);
    sim_advance(&s, 4000);
    sim_say(&s, u, OK_2);
    assert_got(c, "200 OK");
    sim_close(&s);
}

/* ---- upstream_header ---- */

static void an_upstream_without_an_answer_is_504_at_upstream_header(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    uint64_t ms = 0;
    const char *head = "HTTP/1.1 200 OK\r\nX-Trickled: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy";
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 100) {
        fake_wire_send(u, sl_span(head + ms / 100, 1)); /* trickling extends nothing */
        sim_advance(&s, 100);
    }
    assert_int_equal(ms, 5000);
    assert_got(c, "HTTP/1.1 504 ");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_HEADER);
    sim_close(&s);
}

static void interim_responses_extend_nothing(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(u); ms += 500) {
        fake_wire_send(u, SL_SPAN("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"));
        sim_advance(&s, 500);
    }
    assert_int_equal(ms, 5000);
    assert_got(c, "HTTP/1.1 103 ");
    assert_got(c, "HTTP/1.1 504 ");
    sim_close(&s);
}

static void upstream_header_does_not_run_during_the_upload(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, post_10000);
    struct fake_wire *u = sim_up(&s, 1);
    for (int i = 0; i < 10; i++) {
        sim_advance(&s, 1000);
        sim_say_n(&s, c, 1000);
    }
    sim_advance(&s, 4999);
    assert_state(c, FAKE_OPEN);
    sim_say(&s, u, OK_2);
    assert_got(c, "200 OK");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

/* ---- upstream_body ---- */

static void a_stalled_response_is_visibly_cut_at_upstream_body(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.0 200 OK\r\n\r\nabc",
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(heads); i++) {
        struct sim s;
        sim_open(&s, &quick);
        struct fake_wire *c = sim_ask(&s, SIM_GET);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, heads[i]);
        assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_BODY), 1);
        assert_int_equal(sim_until_closed(&s, u, 9000), 4000);
        assert_state(c, FAKE_RESET);
        assert_false(sim_got(c, "\r\n0\r\n"));
        assert_expired_only(&s, SL_PHASE_UPSTREAM_BODY);
        sim_close(&s);
    }
}

static void download_for(uint64_t seconds, bool is_chunked)
{
    struct sim s;
    char head[200];
    uint64_t n_got = 0;

    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %llu\r\n\r\n",
             (unsigned long long)seconds * 10);
    sim_say(&s, u, is_chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : head);
    fake_wire_forget(c);
    for (uint64_t i = 0; i < seconds; i += 3) {
        sim_advance(&s, 3000);
        sim_say(&s, u, is_chunked ? "1e\r\n" : "");
        sim_say_n(&s, u, 30);
        sim_say(&s, u, is_chunked ? "\r\n" : "");
        n_got += sim_n_got(c);
        fake_wire_forget(c);
    }
    sim_say(&s, u, is_chunked ? "0\r\n\r\n" : "");
    assert_true(n_got >= seconds * 10);
    sim_advance(&s, 50); /* so often delivery is looked at */
    assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void a_download_of_ten_minutes_is_not_cut(void **state)
{
    download_for(600, true);
}

static void a_download_of_ten_hours_is_not_cut(void **state)
{
    download_for(36000, false);
}

static void an_upstream_is_not_charged_while_the_client_does_not_read(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "upstream_body: 2s, "
                                                    "response: {stall: 30s, min_rate: off}"});
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    sim_say_n(&s, u, 500000);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_RESPONSE), 1);
    for (int i = 0; i < 40; i++) {
        sim_advance(&s, 20000);
        assert_true(fake_wire_take(c, 1000) > 0);
    }
    assert_int_equal(sim_expired_all(&s), 0);
    fake_wire_slow(c, false);
    sim_settle(&s);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_BODY), 1);
    assert_int_equal(sim_until_closed(&s, u, 9000), 2000);
    assert_expired_only(&s, SL_PHASE_UPSTREAM_BODY);
    sim_close(&s);
}

/* ---- response ---- */

static void a_client_that_does_not_read_is_reset_at_response(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    sim_say_n(&s, u, 1000000);
    assert_between(sim_until_closed(&s, c, 20000), 3000, 3375);
    assert_state(c, FAKE_RESET);
    assert_state(u, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_client_that_does_not_read_a_small_response_is_reset_as_well(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    fake_wire_slow(c, true);
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_between(sim_until_closed(&s, c, 20000), 3000, 3375);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_client_that_does_not_read_the_last_chunk_is_reset_at_response(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    sim_advance(&s, 3900); /* delivered */
    fake_wire_slow(c, true);
    sim_say(&s, u, "0\r\n\r\n");
    assert_between(sim_until_closed(&s, c, 20000), 3000, 3375);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_client_that_sips_is_reset_by_the_minimum_rate(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    sim_say_n(&s, u, 1000000);
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(c); ms += 100) {
        fake_wire_take(c, 10);
        sim_advance(&s, 100);
    }
    assert_between(ms, 4000, 4900);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_client_is_not_charged_for_a_trickle_of_the_upstream(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 6000; i++) { /* 100 B/s, and something is on its way at every look */
        fake_wire_take(c, SIZE_MAX);
        sim_say_n(&s, u, 10);
        sim_advance(&s, 100);
    }
    assert_int_equal(sim_expired_all(&s), 0);
    assert_between(sim_until_closed(&s, c, 20000), 2900, 3475); /* but now it takes nothing */
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_slow_but_lawful_reader_is_not_cut_for_nine_hours(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    uint64_t n = 20000000, n_got = 0, seconds = 0;
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n");
    sim_say_n(&s, u, n);
    while (n_got < n && fake_wire_state(c) == FAKE_OPEN) {
        n_got += fake_wire_take(c, 600);
        fake_wire_forget(c);
        sim_advance(&s, 1000);
        seconds++;
    }
    assert_true(seconds > 9 * 3600);
    assert_int_equal(sim_expired_all(&s), 0);
    fake_wire_slow(c, false);
    sim_settle(&s);
    sim_say(&s, c, SIM_GET); /* and it may ask again */
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_close(&s);
}

static void keepalive_begins_when_the_response_is_delivered(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    sim_say_n(&s, u, 100000);
    while (fake_wire_take(c, 1000) > 0) { /* 60 s for the last bytes, although keepalive is 5 s */
        sim_advance(&s, 600);
    }
    assert_true(sim_ms(&s) > 60000);
    assert_int_equal(sim_expired_all(&s), 0);
    assert_between(sim_until_closed(&s, c, 20000), 5000 - 600, 5050);
    assert_expired_only(&s, SL_PHASE_KEEPALIVE);
    sim_close(&s);
}

static const struct sim_options short_rest = {
    .deadlines = "response: {stall: 3s, min_rate: 512B/s, window: 4s}, keepalive: 2s"};

/* A small response is taken as delivered at first, because it nearly always is. */
static struct fake_wire *take_nothing_of_a_small_response(struct sim *s, const char *head, size_t n)
{
    sim_open(s, &short_rest);
    struct fake_wire *c = sim_ask(s, SIM_GET);
    struct fake_wire *u = sim_up(s, 1);
    fake_wire_slow(c, true);
    sim_say(s, u, head);
    sim_say_n(s, u, n);
    return c;
}

static void a_client_that_takes_nothing_of_a_small_response_is_reset_at_response(void **state)
{
    struct sim s;
    struct fake_wire *c = take_nothing_of_a_small_response(
        &s, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", 1000);
    assert_between(sim_until_closed(&s, c, 20000), 3000, 3500);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_RESPONSE);
    sim_close(&s);
}

static void a_client_that_takes_a_small_response_slowly_does_not_rest_meanwhile(void **state)
{
    struct sim s;
    struct fake_wire *c = take_nothing_of_a_small_response(
        &s, "HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n", 30000);
    while (fake_wire_take(c, 1000) > 0)
        sim_advance(&s, 600);
    assert_true(sim_ms(&s) > 17000);
    assert_int_equal(sim_expired_all(&s), 0);
    assert_between(sim_until_closed(&s, c, 20000), 2000 - 600, 2050);
    assert_expired_only(&s, SL_PHASE_KEEPALIVE);
    sim_close(&s);
}

/* ---- tunnel ---- */

static struct fake_wire *open_tunnel(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                     "Upgrade: websocket\r\n\r\n");
    sim_say(s, sim_up(s, 1),
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
            "hello");
    assert_got(c, "\r\n\r\nhello");
    assert_int_equal(sim_in_phase(s, SL_PHASE_TUNNEL), 1);
    return c;
}

static void an_idle_tunnel_is_closed_at_tunnel(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = open_tunnel(&s);
    sim_advance(&s, 5000);
    sim_say(&s, c, "x");
    sim_advance(&s, 5999);
    sim_say(&s, s.up[0], "y");
    assert_int_equal(sim_until_closed(&s, c, 20000), 6000);
    assert_got(s.up[0], "x");
    assert_got(c, "helloy");
    assert_expired_only(&s, SL_PHASE_TUNNEL);
    assert_true(fake_wire_is_closed(s.up[0]));
    sim_close(&s);
}

static void a_tunnel_of_which_one_side_ended_ends_within_the_total_of_linger(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "tunnel: 1h, linger: {total: 8s}"});
    struct fake_wire *c = open_tunnel(&s);
    fake_wire_fin(s.up[0]);
    sim_settle(&s);
    assert_state(c, FAKE_FIN);
    assert_int_equal(sim_until_closed(&s, c, 20000), 8000);
    sim_close(&s);
}

/* ---- linger, drain, max_age, upstream_idle ---- */

static void lingering_ends_at_its_total_however_much_comes(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, "GET / HTTP/1.1\r\nHost: a b c\r\n\r\n");
    uint64_t ms = 0;
    assert_got(c, "HTTP/1.1 400 ");
    for (; ms < 60000 && !fake_wire_is_closed(c); ms += 100) {
        fake_wire_send(c, SL_SPAN("x"));
        sim_advance(&s, 100);
    }
    assert_int_equal(ms, 8000);
    assert_expired_only(&s, SL_PHASE_LINGER);
    sim_close(&s);
}

static void lingering_reads_no_more_than_its_bytes_and_then_ends(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "linger: {max_bytes: 100KiB}"});
    struct fake_wire *c = sim_ask(&s, "GET / HTTP/1.1\r\nHost: a b c\r\n\r\n");
    sim_advance(&s, 1000);
    sim_say_n(&s, c, 102000);
    sim_say_n(&s, c, 1000);
    sim_say_n(&s, c, 100000);
    assert_true(fake_wire_unread(c) > 0);
    assert_int_equal(sim_until_closed(&s, c, 9000), 500);
    assert_expired_only(&s, SL_PHASE_LINGER);
    sim_close(&s);
}

static void lingering_ends_when_the_client_closes(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, "GET / HTTP/1.1\r\nHost: a b c\r\n\r\n");
    fake_wire_close(c);
    sim_settle(&s);
    assert_true(fake_wire_is_closed(c));
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void what_is_left_at_drain_is_cut(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *silent = sim_connect(&s, NULL);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    sim_drain(&s);
    sim_settle(&s);
    assert_true(fake_wire_is_closed(silent));
    uint64_t ms = 0;
    for (; ms < 60000 && !fake_wire_is_closed(c); ms += 500) {
        fake_wire_send(u, SL_SPAN("x"));
        sim_advance(&s, 500);
    }
    assert_int_equal(ms, 7000);
    assert_state(c, FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_DRAIN);
    assert_true(s.is_drained);
    sim_close(&s);
}

static void an_exchange_ends_well_during_drain(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *resting = sim_ask(&s, SIM_GET);
    sim_say(&s, s.up[1], "HTTP/1.1 204 No Content\r\n\r\n");
    sim_drain(&s);
    sim_advance(&s, 110);
    assert_state(resting, FAKE_FIN);
    assert_false(s.is_drained);
    sim_say(&s, s.up[0], OK_2);
    assert_got(c, "Connection: close\r\n");
    assert_got(c, "\r\n\r\nok");
    assert_state(c, FAKE_FIN);
    fake_wire_close(c);
    sim_settle(&s);
    assert_true(s.is_drained);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void an_old_connection_is_closed_between_two_requests(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "max_age: {time: 20s}"});
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_advance(&s, 15000);
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_false(sim_got(c, "Connection: close"));
    assert_state(c, FAKE_OPEN);
    sim_advance(&s, 4999);
    assert_state(c, FAKE_OPEN);
    sim_advance(&s, 1);
    assert_state(c, FAKE_FIN);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void the_last_of_many_requests_is_told_to_be_the_last(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "max_age: {requests: 2}"});
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_false(sim_got(c, "Connection: close"));
    sim_say(&s, c, SIM_GET);
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_got(c, "Connection: close");
    assert_state(c, FAKE_FIN);
    sim_close(&s);
}

static void a_resting_link_is_kept_for_upstream_idle(void **state)
{
    struct sim s;
    sim_open(&s, &quick);
    sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_int_equal(sim_until_closed(&s, u, 20000), 3000);
    assert_state(u, FAKE_FIN);
    sim_close(&s);
}

static void shadow_mode_lets_everything_go_on(void **state)
{
    struct sim s;
    sim_open(&s,
             &(struct sim_options){.deadlines = "request_body: {idle: 1s, enforce: false}, "
                                                "upstream_write: {stall: 1s, enforce: false}, "
                                                "upstream_header: {limit: 1s, enforce: false}, "
                                                "upstream_body: {idle: 1s, enforce: false}, "
                                                "upstream_connect: {limit: 1s, enforce: false}, "
                                                "response: {stall: 1s, enforce: false}, "
                                                "keepalive: {limit: 1s, enforce: false}"});
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, post_10000);
    sim_advance(&s, 100000);
    fake_wire_answer(sim_up(&s, 1), 0);
    sim_settle(&s);
    struct fake_wire *u = s.up[0];
    sim_advance(&s, 100000);
    fake_wire_slow(u, true);
    sim_say_n(&s, c, 10000);
    sim_advance(&s, 100000);
    fake_wire_slow(u, false);
    sim_advance(&s, 100000);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    sim_advance(&s, 100000);
    sim_say(&s, u, "ok");
    sim_advance(&s, 100000);
    fake_wire_slow(c, false);
    sim_settle(&s);
    assert_got(c, "\r\n\r\nok");
    sim_advance(&s, 100000);
    assert_state(c, FAKE_OPEN);
    assert_int_equal(sim_expired_all(&s), 0);
    const int phases[] = {SL_PHASE_REQUEST_BODY,     SL_PHASE_UPSTREAM_WRITE,
                          SL_PHASE_UPSTREAM_HEADER,  SL_PHASE_UPSTREAM_BODY,
                          SL_PHASE_UPSTREAM_CONNECT, SL_PHASE_RESPONSE};
    for (size_t i = 0; i < SL_N_ELEMENTS(phases); i++)
        if (sl_count_get(&s.counters.expired_shadow[phases[i]]) != 1)
            fail_msg("%s: %d", sl_phase_key((enum sl_phase)phases[i]),
                     (int)sl_count_get(&s.counters.expired_shadow[phases[i]]));
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stalled_upload_is_answered_408_at_request_body),
        cmocka_unit_test(a_dripped_upload_is_cut_by_its_minimum_rate),
        cmocka_unit_test(a_fast_start_buys_one_window_of_silence),
        cmocka_unit_test(chunk_lines_are_no_progress),
        cmocka_unit_test(endless_trailers_are_no_progress),
        cmocka_unit_test(an_upload_of_ten_minutes_is_not_cut),
        cmocka_unit_test(an_upload_of_ten_hours_is_not_cut),
        cmocka_unit_test(a_client_is_not_charged_while_the_upstream_does_not_accept),
        cmocka_unit_test(a_client_is_not_charged_while_it_waits_for_100),
        cmocka_unit_test(who_never_says_100_is_504_at_upstream_header),
        cmocka_unit_test(a_connect_without_an_answer_is_504_at_upstream_connect),
        cmocka_unit_test(who_finds_no_slot_is_503_at_upstream_queue),
        cmocka_unit_test(a_slot_that_comes_free_in_the_turn_of_the_expiry_is_in_time),
        cmocka_unit_test(an_upstream_that_takes_nothing_is_504_at_upstream_write),
        cmocka_unit_test(an_upstream_that_takes_a_small_body_slowly_is_not_cut),
        cmocka_unit_test(an_upstream_without_an_answer_is_504_at_upstream_header),
        cmocka_unit_test(interim_responses_extend_nothing),
        cmocka_unit_test(upstream_header_does_not_run_during_the_upload),
        cmocka_unit_test(a_stalled_response_is_visibly_cut_at_upstream_body),
        cmocka_unit_test(a_download_of_ten_minutes_is_not_cut),
        cmocka_unit_test(a_download_of_ten_hours_is_not_cut),
        cmocka_unit_test(an_upstream_is_not_charged_while_the_client_does_not_read),
        cmocka_unit_test(a_client_that_does_not_read_is_reset_at_response),
        cmocka_unit_test(a_client_that_does_not_read_a_small_response_is_reset_as_well),
        cmocka_unit_test(a_client_that_does_not_read_the_last_chunk_is_reset_at_response),
        cmocka_unit_test(a_client_that_sips_is_reset_by_the_minimum_rate),
        cmocka_unit_test(a_client_is_not_charged_for_a_trickle_of_the_upstream),
        cmocka_unit_test(a_slow_but_lawful_reader_is_not_cut_for_nine_hours),
        cmocka_unit_test(keepalive_begins_when_the_response_is_delivered),
        cmocka_unit_test(a_client_that_takes_nothing_of_a_small_response_is_reset_at_response),
        cmocka_unit_test(a_client_that_takes_a_small_response_slowly_does_not_rest_meanwhile),
        cmocka_unit_test(an_idle_tunnel_is_closed_at_tunnel),
        cmocka_unit_test(a_tunnel_of_which_one_side_ended_ends_within_the_total_of_linger),
        cmocka_unit_test(lingering_ends_at_its_total_however_much_comes),
        cmocka_unit_test(lingering_reads_no_more_than_its_bytes_and_then_ends),
        cmocka_unit_test(lingering_ends_when_the_client_closes),
        cmocka_unit_test(what_is_left_at_drain_is_cut),
        cmocka_unit_test(an_exchange_ends_well_during_drain),
        cmocka_unit_test(an_old_connection_is_closed_between_two_requests),
        cmocka_unit_test(the_last_of_many_requests_is_told_to_be_the_last),
        cmocka_unit_test(a_resting_link_is_kept_for_upstream_idle),
        cmocka_unit_test(shadow_mode_lets_everything_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
