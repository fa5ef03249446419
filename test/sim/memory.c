// SPDX-License-Identifier: Apache-2.0
/*
 * Backpressure: whoever does not take makes the other side wait, and memory stays within the bound
 * however long that lasts; then everything arrives, whole. And a peer that gives much without being
 * asked is not read.
 */
#include "harness.h"

#define N_BODY 5000000

/* A direction holds at most: the sink's queue (high mark and one read), the source's leftovers (the
   same again with its own mark). In chunks, with one begun at each queue's end. */
#define CHUNKS_OF(bytes_) ((bytes_) / SL_CHUNK_ROOM + 2)
#define DIRECTION_CHUNKS                                                                           \
    (CHUNKS_OF(SL_TCP_HIGH_BYTES + SL_TCP_READ_BYTES) +                                            \
     CHUNKS_OF(SL_CHANNEL_IN_BYTES + SL_TCP_READ_BYTES))

static const struct sim_options patient = {
    .deadlines = "request_body: {idle: unlimited, min_rate: off}, "
                 "response: {stall: unlimited, min_rate: off}, upstream_write: unlimited, "
                 "upstream_header: unlimited, upstream_body: unlimited, tunnel: unlimited"};

static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n";

/* The body that has arrived is the pattern of sim_say_n, in order. */
static void assert_body(const struct fake_wire *wire, size_t n)
{
    struct sl_span got = fake_wire_received(wire);
    const char *body = memmem(got.ptr, got.len, "\r\n\r\n", 4);

    assert_non_null(body);
    body += 4;
    assert_int_equal(got.ptr + got.len - body, n);
    for (size_t i = 0; i < n; i++)
        if (body[i] != (char)('a' + i % 65536 % 26))
            fail_msg("byte %zu is wrong", i);
}

static void a_client_that_reads_nothing_for_long_costs_a_bounded_amount(void **state)
{
    struct sim s;
    sim_open(&s, &patient);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, response);
    sim_say_n(&s, u, N_BODY);
    sim_advance(&s, 3600000);
    assert_true(fake_wire_unread(u) > N_BODY / 2);
    assert_true(s.max_chunks <= DIRECTION_CHUNKS);
    fake_wire_slow(c, false);
    sim_settle(&s);
    assert_body(c, N_BODY);
    assert_true(s.max_chunks <= DIRECTION_CHUNKS);
    assert_int_equal(sl_loop_chunks(s.loop)->n_used, 0);
    sim_close(&s);
}

static void an_upstream_that_takes_nothing_for_long_costs_a_bounded_amount(void **state)
{
    struct sim s;
    sim_open(&s, &patient);
    struct fake_wire *c = sim_ask(&s, post);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    sim_say_n(&s, c, N_BODY);
    sim_advance(&s, 3600000);
    assert_true(fake_wire_unread(c) > N_BODY / 2);
    fake_wire_slow(u, false);
    sim_settle(&s);
    assert_body(u, N_BODY);
    assert_true(s.max_chunks <= DIRECTION_CHUNKS);
    sim_say(&s, u, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_got(c, "HTTP/1.1 204 ");
    sim_close(&s);
}

static void a_client_that_uploads_before_there_is_a_link_is_not_read(void **state)
{
    struct sim s;
    sim_open(&s, &patient);
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, post);
    sim_say_n(&s, c, N_BODY);
    assert_true(fake_wire_unread(c) > N_BODY / 2);
    assert_true(s.max_chunks <= CHUNKS_OF(SL_CHANNEL_IN_BYTES + SL_TCP_READ_BYTES));
    fake_wire_answer(sim_up(&s, 1), 0);
    sim_settle(&s);
    assert_body(s.up[0], N_BODY);
    sim_close(&s);
}

static void both_directions_at_once_do_not_block_each_other(void **state)
{
    for (int is_tunnel = 0; is_tunnel < 2; is_tunnel++) {
        struct sim s;
        sim_open(&s, &patient);
        struct fake_wire *c =
            sim_ask(&s, is_tunnel ? "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                    "Upgrade: w\r\n\r\n"
                                  : post);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u,
                is_tunnel ? "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                            "Upgrade: w\r\n\r\n"
                          : response);
        fake_wire_slow(c, true);
        fake_wire_slow(u, true);
        sim_say_n(&s, c, N_BODY);
        sim_say_n(&s, u, N_BODY);
        sim_advance(&s, 1000);
        assert_true(fake_wire_unread(c) > 0 && fake_wire_unread(u) > 0);
        for (int i = 0; i < 500; i++) { /* now this one takes, now that one */
            fake_wire_take(i % 3 ? c : u, 10000);
            sim_settle(&s);
        }
        assert_true(s.max_chunks <= 2 * DIRECTION_CHUNKS);
        fake_wire_slow(u, false);
        sim_settle(&s);
        assert_body(u, N_BODY);
        assert_true(fake_wire_unread(u) > 0); /* the other one still waits */
        fake_wire_slow(c, false);
        sim_settle(&s);
        assert_body(c, N_BODY);
        sim_close(&s);
    }
}

static bool answer_204(struct sim *s)
{
    bool did = false;
    for (size_t i = 0; i < s->n_up; i++) {
        if (!sim_got(s->up[i], "\r\n\r\n"))
            continue;
        fake_wire_forget(s->up[i]);
        fake_wire_send(s->up[i], SL_SPAN("HTTP/1.1 204 No Content\r\n\r\n"));
        did = true;
    }
    return did;
}

static void pipelined_answers_do_not_pile_up(void **state)
{
    for (int is_refused = 0; is_refused < 2; is_refused++) {
        struct sim s;
        struct sim_options o = patient;
        if (is_refused)
            o.route = ", path: /there"; /* everything is a 404 of our own */
        sim_open(&s, &o);
        s.play = answer_204;
        struct fake_wire *c = sim_connect(&s, NULL);
        fake_wire_slow(c, true);
        for (int i = 0; i < 5000; i++)
            fake_wire_send(c, SL_SPAN(SIM_GET));
        sim_settle(&s);
        assert_true(fake_wire_unread(c) > 0);
        assert_true(s.max_chunks <= DIRECTION_CHUNKS);
        fake_wire_slow(c, false);
        sim_settle(&s);
        assert_int_equal(sim_count(&s, SL_COUNT_REQUESTS), 5000);
        assert_true(s.max_chunks <= DIRECTION_CHUNKS);
        sim_close(&s);
    }
}

static void hints_do_not_pile_up(void **state)
{
    struct sim s;
    sim_open(&s, &patient);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    for (int i = 0; i < 50000; i++)
        fake_wire_send(u, SL_SPAN("HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"));
    sim_settle(&s);
    assert_true(s.max_chunks <= DIRECTION_CHUNKS);
    fake_wire_slow(c, false);
    sim_say(&s, u, "HTTP/1.1 204 No Content\r\n\r\n");
    assert_got(c, "HTTP/1.1 204 ");
    sim_close(&s);
}

/* A byte of ours must not cost the memory of a chunk of theirs, and the other way round. */
static void tiny_chunks_cost_no_more_than_large_ones(void **state)
{
    struct sim s;
    sim_open(&s, &patient);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(c, true);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 200000; i++)
        fake_wire_send(u, SL_SPAN("1\r\nx\r\n"));
    sim_settle(&s);
    assert_true(fake_wire_unread(u) > 0);
    assert_true(s.max_chunks <= DIRECTION_CHUNKS);
    fake_wire_slow(c, false);
    sim_say(&s, u, "0\r\n\r\n");
    assert_got(c, "0\r\n\r\n");
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_reads_nothing_for_long_costs_a_bounded_amount),
        cmocka_unit_test(an_upstream_that_takes_nothing_for_long_costs_a_bounded_amount),
        cmocka_unit_test(a_client_that_uploads_before_there_is_a_link_is_not_read),
        cmocka_unit_test(both_directions_at_once_do_not_block_each_other),
        cmocka_unit_test(pipelined_answers_do_not_pile_up),
        cmocka_unit_test(hints_do_not_pile_up),
        cmocka_unit_test(tiny_chunks_cost_no_more_than_large_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
