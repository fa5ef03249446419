/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake: what only the fake loop has: a clock that stands still, peers that are slow by the byte,
 * and allocations that fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/loop/deadline.h>
#include <sluice/loop/mailbox.h>
#include <sluice/loop/reaper.h>
#include <sluice/loop/resolve.h>

#include "fake.h"
#include "oom.h"

struct owner {
    struct sl_loop *loop;
    struct sl_tcp_listener *listener;
    struct sl_tcp *tcp;
    unsigned n_bytes_events, n_room, n_drained, n_end, n_connected, n_refused;
    size_t n_got;
    int end_err, accept_err;
};

static void on_connected(void *owner, int err)
{
    ((struct owner *)owner)->n_connected++;
}

static void on_bytes(void *owner, struct sl_span bytes)
{
    struct owner *o = owner;

    o->n_bytes_events++;
    o->n_got += bytes.len;
}

static void on_end(void *owner, int err)
{
    struct owner *o = owner;

    o->n_end++;
    o->end_err = err;
}

static void on_room(void *owner)
{
    ((struct owner *)owner)->n_room++;
}

static void on_drained(void *owner)
{
    ((struct owner *)owner)->n_drained++;
}

static const struct sl_tcp_events events = {
    .on_connected = on_connected,
    .on_bytes = on_bytes,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_drained,
};

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    struct owner *o = owner;

    if (err)
        o->n_refused++;
    else
        o->accept_err = sl_tcp_accept(listener, &events, o, &o->tcp);
}

static void open_owner(struct owner *o)
{
    memset(o, 0, sizeof(*o));
    o->loop = fake_loop_new();
    assert_int_equal(sl_tcp_listen(o->loop, 0, 1, on_accept, o, &o->listener), 0);
}

static struct fake_wire *open_pair(struct owner *o)
{
    open_owner(o);
    struct fake_wire *wire = fake_wire_accept(o->listener, NULL);
    fake_turn(o->loop);
    assert_non_null(o->tcp);
    return wire;
}

static void close_owner(struct owner *o)
{
    sl_tcp_close(&o->tcp, SL_TCP_FIN);
    sl_tcp_listener_close(&o->listener);
    sl_loop_free(&o->loop);
}

static void write_n(struct owner *o, size_t n)
{
    char *bytes = calloc(1, n);
    struct sl_span span = sl_span(bytes, n);

    assert_int_equal(sl_tcp_write(o->tcp, &span, 1), 0);
    free(bytes);
}

/* ---- the clock ---- */

static uint64_t expired_ms[3];
static unsigned n_expired;

static void on_expired(struct sl_deadline *d)
{
    expired_ms[n_expired++] = sl_loop_now_ms(d->loop);
}

static void time_stands_still_until_it_is_moved(void **state)
{
    struct sl_loop *loop = fake_loop_new();
    uint64_t ms = sl_loop_now_ms(loop), us = sl_wall_us();
    struct sl_deadline d;

    n_expired = 0;
    sl_deadline_init(&d, loop, on_expired);
    sl_deadline_arm(&d, SL_PHASE_UPSTREAM_HEADER, 60000);
    fake_settle(loop);
    assert_true(sl_loop_now_ms(loop) == ms && sl_wall_us() == us);
    fake_advance(loop, 59999);
    assert_int_equal(n_expired, 0);
    fake_advance(loop, 1);
    assert_int_equal(n_expired, 1);
    assert_true(expired_ms[0] == ms + 60000);
    assert_true(sl_wall_us() == us + 60000000);
    assert_true(fake_next_ms(loop) == SL_UNLIMITED);
    sl_loop_free(&loop);
}

static void each_deadline_on_the_way_expires_at_its_time(void **state)
{
    struct sl_loop *loop = fake_loop_new();
    uint64_t ms = sl_loop_now_ms(loop);
    struct sl_deadline d[3];

    n_expired = 0;
    for (unsigned i = 0; i < 3; i++) {
        sl_deadline_init(&d[i], loop, on_expired);
        sl_deadline_arm(&d[i], SL_PHASE_NONE, 1 + i * 5000);
    }
    fake_advance(loop, 3600000);
    assert_int_equal(n_expired, 3);
    for (unsigned i = 0; i < 3; i++)
        assert_true(expired_ms[i] == ms + 1 + i * 5000);
    sl_loop_free(&loop);
}

static void a_stall_is_charged_to_nobody(void **state)
{
    struct owner o;
    struct fake_wire *wire = open_pair(&o);
    struct sl_deadline d;
    uint64_t charge_ms = sl_loop_charge_ms(o.loop);

    n_expired = 0;
    sl_tcp_read(o.tcp, true);
    sl_deadline_init(&d, o.loop, on_expired);
    sl_deadline_arm(&d, SL_PHASE_FIRST_BYTE, 1000);
    fake_advance(o.loop, 400);
    assert_true(sl_loop_charge_ms(o.loop) == charge_ms + 400);
    fake_wire_send(wire, SL_SPAN("x"));
    fake_stall(o.loop, 5000);
    assert_int_equal(o.n_got, 0);
    fake_turn(o.loop); /* the bytes come before the expiry */
    assert_int_equal(o.n_got, 1);
    assert_int_equal(n_expired, 1);
    assert_true(sl_loop_charge_ms(o.loop) == charge_ms + 400);
    close_owner(&o);
}

static void stop_it(struct sl_deadline *d)
{
    sl_loop_stop(d->loop);
}

static void run_moves_the_clock_by_itself(void **state)
{
    struct sl_loop *loop = fake_loop_new();
    uint64_t ms = sl_loop_now_ms(loop);
    struct sl_deadline d;

    sl_deadline_init(&d, loop, stop_it);
    sl_deadline_arm(&d, SL_PHASE_NONE, 86400000);
    sl_loop_run(loop);
    assert_true(sl_loop_now_ms(loop) == ms + 86400000);
    sl_loop_free(&loop);
}

/* ---- wires ---- */

static void bytes_come_in_pieces(void **state)
{
    struct owner o;
    struct fake_wire *wire = open_pair(&o);

    fake_wire_pieces(wire, 1);
    sl_tcp_read(o.tcp, true);
    fake_wire_send(wire, SL_SPAN("12345"));
    fake_turn(o.loop);
    assert_int_equal(o.n_got, 1);
    assert_int_equal(fake_wire_unread(wire), 4);
    fake_settle(o.loop);
    assert_int_equal(o.n_bytes_events, 5);
    fake_wire_pieces(wire, 0);
    fake_wire_send(wire, SL_SPAN("67890"));
    fake_settle(o.loop);
    assert_int_equal(o.n_bytes_events, 6);
    assert_int_equal(o.n_got, 10);
    close_owner(&o);
}

static void a_peer_takes_all_unless_it_is_slow(void **state)
{
    struct owner o;
    struct fake_wire *wire = open_pair(&o);

    write_n(&o, 3 * FAKE_KERNEL_BYTES);
    assert_true(sl_tcp_unacked_bytes(o.tcp) == 3 * FAKE_KERNEL_BYTES);
    fake_settle(o.loop);
    assert_int_equal(fake_wire_received(wire).len, 3 * FAKE_KERNEL_BYTES);
    assert_int_equal(o.n_room, 1);
    assert_int_equal(o.n_drained, 1);
    assert_true(sl_tcp_unacked_bytes(o.tcp) == 0);

    fake_wire_forget(wire);
    fake_wire_slow(wire, true);
    fake_wire_kernel(wire, 1000);
    write_n(&o, 1500);
    fake_settle(o.loop);
    assert_int_equal(fake_wire_received(wire).len, 0);
    assert_int_equal(sl_tcp_out(o.tcp)->n_bytes, 500);
    assert_int_equal(fake_wire_take(wire, 1), 1);
    fake_settle(o.loop);
    assert_int_equal(sl_tcp_out(o.tcp)->n_bytes, 499);
    assert_true(sl_tcp_unacked_bytes(o.tcp) == 1499);
    assert_true(sl_tcp_written_bytes(o.tcp) == 3 * FAKE_KERNEL_BYTES + 1500);
    fake_wire_slow(wire, false);
    fake_settle(o.loop);
    assert_int_equal(fake_wire_received(wire).len, 1500);
    assert_int_equal(o.n_drained, 2);
    close_owner(&o);
}

static void a_peer_that_has_closed_draws_a_reset(void **state)
{
    struct owner o;
    struct fake_wire *wire = open_pair(&o);

    sl_tcp_read(o.tcp, true);
    fake_wire_close(wire);
    fake_settle(o.loop);
    assert_int_equal(o.n_end, 1);
    assert_int_equal(o.end_err, 0);
    write_n(&o, 10); /* goes out, and is answered with a reset */
    fake_settle(o.loop);
    assert_int_equal(o.n_end, 1);
    write_n(&o, 10);
    fake_settle(o.loop);
    assert_int_equal(o.n_end, 2);
    assert_int_equal(o.end_err, SL_ERR_RESET);
    close_owner(&o);
}

static void bytes_to_a_proxy_that_has_closed_lose_the_answer(void **state)
{
    struct owner o;
    struct fake_wire *wire = open_pair(&o);

    fake_wire_slow(wire, true);
    write_n(&o, 100);
    sl_tcp_close(&o.tcp, SL_TCP_FIN);
    assert_true(fake_wire_is_closed(wire));
    assert_int_equal(fake_wire_state(wire), FAKE_OPEN); /* the FIN is behind the bytes */
    fake_wire_send(wire, SL_SPAN("more body"));         /* nobody lingered */
    assert_int_equal(fake_wire_state(wire), FAKE_RESET);
    assert_int_equal(fake_wire_take(wire, 100), 0);
    close_owner(&o);
}

static struct fake_wire *dialled;
static int answer;

static int on_connect(void *ctx, struct fake_wire *wire, const struct sl_addr *to)
{
    dialled = wire;
    return answer;
}

static void a_connect_hangs_until_it_is_answered(void **state)
{
    struct owner o;
    struct sl_addr to;

    open_owner(&o);
    sl_addr_read(SL_SPAN("192.0.2.9:80"), &to);
    fake_on_connect(o.loop, on_connect, NULL);
    answer = FAKE_HANG;
    assert_int_equal(sl_tcp_connect(o.loop, &to, &events, &o, &o.tcp), 0);
    fake_advance(o.loop, 100000);
    assert_int_equal(o.n_connected, 0);
    fake_wire_answer(dialled, 0);
    fake_settle(o.loop);
    assert_int_equal(o.n_connected, 1);
    assert_false(fake_wire_is_read(dialled));
    sl_tcp_read(o.tcp, true);
    assert_true(fake_wire_is_read(dialled));
    close_owner(&o);
}

static void an_accept_fails_once(void **state)
{
    struct owner o;

    open_owner(&o);
    fake_accept_fails(o.listener, SL_ERR_NO_FDS);
    fake_wire_accept(o.listener, NULL);
    fake_turn(o.loop);
    assert_int_equal(o.n_refused, 1);
    assert_null(o.tcp);
    fake_turn(o.loop);
    assert_non_null(o.tcp);
    close_owner(&o);
}

/* ---- mailbox, lookup ---- */

static unsigned n_mail;

static void on_mail(void *owner, struct sl_mail *mail)
{
    n_mail++;
}

static void mail_comes_with_the_next_turn(void **state)
{
    struct sl_loop *loop = fake_loop_new();
    struct sl_mailbox *mailbox;
    struct sl_mail one, two;

    n_mail = 0;
    assert_int_equal(sl_mailbox_open(loop, on_mail, NULL, &mailbox), 0);
    sl_mailbox_send(mailbox, &one);
    assert_int_equal(n_mail, 0);
    fake_turn(loop);
    assert_int_equal(n_mail, 1);
    sl_mailbox_send(mailbox, &two);
    sl_mailbox_close(&mailbox);
    assert_int_equal(n_mail, 2);
    sl_loop_free(&loop);
}

static int lookup_err;
static size_t lookup_n;

static void on_found(void *owner, int err, const struct sl_addr *addrs, size_t n_addrs)
{
    lookup_err = err;
    lookup_n = n_addrs;
}

static int two_of_them(void *ctx, const char *host, uint16_t port, struct sl_addr *out_addrs)
{
    if (strcmp(host, "app.example") != 0)
        return SL_ERR_ADDRESS;
    sl_addr_read(SL_SPAN("192.0.2.1:80"), &out_addrs[0]);
    sl_addr_read(SL_SPAN("192.0.2.2:80"), &out_addrs[1]);
    return 2;
}

static void look_up(struct sl_loop *loop, const char *host)
{
    struct sl_lookup *lookup;

    lookup_err = 1;
    assert_int_equal(sl_lookup_open(loop, host, 80, on_found, NULL, &lookup), 0);
    fake_turn(loop);
}

static void lookups_are_answered_by_the_test(void **state)
{
    struct sl_loop *loop = fake_loop_new();
    struct sl_lookup *lookup;

    look_up(loop, "::1");
    assert_int_equal(lookup_err, 0);
    look_up(loop, "app.example");
    assert_int_equal(lookup_err, SL_ERR_ADDRESS);
    fake_on_lookup(loop, two_of_them, NULL);
    look_up(loop, "app.example");
    assert_int_equal(lookup_err, 0);
    assert_int_equal(lookup_n, 2);
    look_up(loop, "other.example");
    assert_int_equal(lookup_err, SL_ERR_ADDRESS);
    lookup_err = 1;
    assert_int_equal(sl_lookup_open(loop, "::1", 80, on_found, NULL, &lookup), 0);
    sl_lookup_close(&lookup);
    fake_turn(loop);
    assert_int_equal(lookup_err, 1);
    sl_loop_free(&loop);
}

/* ---- every allocation fails in turn ---- */

/* Accepts, fills the queue, drains it. Returns whether it all went well. */
static bool exchange(struct owner *o)
{
    char bytes[100] = {0};
    struct sl_span span = sl_span(bytes, sizeof(bytes));
    bool is_well = true;

    struct fake_wire *wire = fake_wire_accept(o->listener, NULL);
    fake_wire_kernel(wire, 10);
    fake_turn(o->loop);
    if (!o->tcp)
        return false;
    for (unsigned i = 0; i < 1000 && is_well; i++)
        is_well = sl_tcp_write(o->tcp, &span, 1) == 0;
    fake_settle(o->loop);
    sl_tcp_close(&o->tcp, SL_TCP_FIN);
    return is_well;
}

static void no_failed_allocation_does_harm(void **state)
{
    unsigned n_rounds = 0;
    bool is_well;

    do {
        struct owner o;
        open_owner(&o);
        oom_fail_nth(++n_rounds);
        is_well = exchange(&o);
        oom_off();
        assert_int_equal(is_well, oom_count() < n_rounds);
        close_owner(&o);
    } while (!is_well);
    assert_in_range(n_rounds, 4, 100); /* a socket and several chunks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_stands_still_until_it_is_moved),
        cmocka_unit_test(each_deadline_on_the_way_expires_at_its_time),
        cmocka_unit_test(a_stall_is_charged_to_nobody),
        cmocka_unit_test(run_moves_the_clock_by_itself),
        cmocka_unit_test(bytes_come_in_pieces),
        cmocka_unit_test(a_peer_takes_all_unless_it_is_slow),
        cmocka_unit_test(a_peer_that_has_closed_draws_a_reset),
        cmocka_unit_test(bytes_to_a_proxy_that_has_closed_lose_the_answer),
        cmocka_unit_test(a_connect_hangs_until_it_is_answered),
        cmocka_unit_test(an_accept_fails_once),
        cmocka_unit_test(mail_comes_with_the_next_turn),
        cmocka_unit_test(lookups_are_answered_by_the_test),
        cmocka_unit_test(no_failed_allocation_does_harm),
    };
    return cmocka_run_group_tests_name("fake", tests, NULL, NULL);
}
