// SPDX-License-Identifier: Apache-2.0
/*
 * The turnstile alone: who enters at once, who waits, and in which order those are served. Time is
 * work: each piece of it takes what fake_work says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sluice/net/turnstile.h>

#include "fake.h"

#define BUDGET_US SL_TURNSTILE_BUDGET_US
#define N_GUESTS  8

struct guest {
    struct sl_waiter waiter;
    size_t *n_served;
    size_t served; /* the how manieth it was; 0: not yet */
    struct guest *drives_out;
    uint64_t served_in; /* turn */
};

struct gate {
    struct sl_loop *loop;
    struct sl_counters counters;
    struct sl_turnstile ts;
    struct guest guests[N_GUESTS];
    size_t n_served;
    struct sl_deferred others;
};

static void on_turn(struct sl_waiter *w)
{
    struct guest *g = sl_container_of(w, struct guest, waiter);

    assert_false(sl_waiter_is_waiting(w));
    assert_int_equal(g->served, 0);
    g->served = ++*g->n_served;
    g->served_in = sl_loop_n_turns(w->turnstile->loop);
    if (g->drives_out)
        sl_waiter_cancel(&g->drives_out->waiter);
}

static void open_gate(struct gate *gate, uint64_t work_us)
{
    memset(gate, 0, sizeof(*gate));
    gate->loop = fake_loop_new();
    sl_turnstile_init(&gate->ts, gate->loop, &gate->counters, on_turn);
    for (size_t i = 0; i < N_GUESTS; i++) {
        gate->guests[i].n_served = &gate->n_served;
        sl_waiter_init(&gate->guests[i].waiter, &gate->ts);
    }
    fake_work(gate->loop, work_us);
    fake_turn(gate->loop);
}

static void close_gate(struct gate *gate)
{
    assert_int_equal(sl_count_get(&gate->counters.handshakes_waiting), 0);
    sl_turnstile_fini(&gate->ts);
    sl_loop_free(&gate->loop);
}

/* As a channel does it: works, or waits. True: it was let in at once. */
static bool come(struct gate *gate, size_t i, enum sl_line line)
{
    if (!sl_turnstile_enter(&gate->ts, line)) {
        sl_waiter_wait(&gate->guests[i].waiter, line);
        return false;
    }
    sl_turnstile_leave(&gate->ts);
    return true;
}

static uint64_t n_waiting(const struct gate *gate)
{
    return sl_count_get(&gate->counters.handshakes_waiting);
}

static void while_the_budget_lasts_nobody_waits(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US / 2);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    assert_true(come(&gate, 1, SL_LINE_ANSWERED)); /* the last one may overdraw it */
    assert_false(come(&gate, 2, SL_LINE_HELLO));
    assert_int_equal(n_waiting(&gate), 1);
    fake_settle(gate.loop);
    assert_int_equal(gate.guests[2].served, 1);
    assert_true(come(&gate, 3, SL_LINE_HELLO)); /* another turn, another budget */
    close_gate(&gate);
}

static void who_waits_is_served_in_order_as_many_in_a_turn_as_the_budget_pays_for(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    for (size_t i = 1; i < 4; i++)
        assert_false(come(&gate, i, SL_LINE_HELLO));
    assert_int_equal(gate.n_served, 0);
    for (size_t i = 1; i < 4; i++) {
        fake_turn(gate.loop);
        assert_int_equal(gate.n_served, i);
        assert_int_equal(gate.guests[i].served, i);
    }
    fake_work(gate.loop, BUDGET_US);
    assert_false(come(&gate, 4, SL_LINE_HELLO));
    fake_work(gate.loop, BUDGET_US / 3);
    for (size_t i = 5; i < 8; i++)
        assert_false(come(&gate, i, SL_LINE_HELLO));
    fake_turn(gate.loop);
    assert_int_equal(gate.n_served, 3 + 4); /* three thirds are not quite one */
    close_gate(&gate);
}

/* Others work for eight budgets in this turn, before those who wait are served. */
static void on_others(struct sl_deferred *d)
{
    struct gate *gate = sl_container_of(d, struct gate, others);

    fake_work(gate->loop, 8 * BUDGET_US);
    sl_loop_busy_us(gate->loop);
    fake_work(gate->loop, BUDGET_US);
}

static void a_turn_in_which_others_work_long_has_a_larger_budget(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    sl_deferred_init(&gate.others, on_others);
    sl_defer_next(gate.loop, &gate.others);
    for (size_t i = 1; i < 8; i++)
        assert_false(come(&gate, i, SL_LINE_HELLO));
    fake_turn(gate.loop);
    assert_int_equal(gate.n_served, 3); /* a quarter of what they took, and the last overdraws it */
    fake_turn(gate.loop);
    assert_int_equal(gate.n_served, 4); /* another turn, and they do nothing */
    fake_settle(gate.loop);
    close_gate(&gate);
}

/* In a new turn, before those who wait are served. */
static void on_newcomer(struct sl_deferred *d)
{
    struct gate *gate = sl_container_of(d, struct gate, others);

    assert_false(come(gate, 3, SL_LINE_HELLO));
    assert_true(come(gate, 4, SL_LINE_ANSWERED)); /* nobody of that line waits */
}

static void nobody_overtakes_who_waits_in_the_same_line(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    sl_deferred_init(&gate.others, on_newcomer);
    sl_defer_next(gate.loop, &gate.others);
    assert_false(come(&gate, 1, SL_LINE_HELLO));
    assert_false(come(&gate, 2, SL_LINE_HELLO));
    fake_settle(gate.loop);
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(gate.guests[i].served, i);
    close_gate(&gate);
}

static void who_is_nearly_done_comes_first_and_keeps_nobody_out(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    assert_false(come(&gate, 1, SL_LINE_HELLO));
    assert_false(come(&gate, 2, SL_LINE_HELLO));
    assert_false(come(&gate, 3, SL_LINE_ANSWERED));
    assert_false(come(&gate, 4, SL_LINE_ANSWERED));
    fake_turn(gate.loop);
    assert_int_equal(gate.guests[3].served, 1);
    assert_int_equal(gate.guests[1].served, 2); /* one of each line, whatever it costs */
    assert_int_equal(gate.n_served, 2);
    fake_turn(gate.loop);
    assert_int_equal(gate.guests[4].served, 3);
    assert_int_equal(gate.guests[2].served, 4);
    close_gate(&gate);
}

static void who_waits_for_a_hello_holds_up_nobody_who_is_nearly_done(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    assert_false(come(&gate, 1, SL_LINE_HELLO));
    assert_false(come(&gate, 2, SL_LINE_HELLO));
    fake_turn(gate.loop);
    fake_work(gate.loop, 0);
    assert_false(come(&gate, 3, SL_LINE_ANSWERED)); /* this turn's budget is gone */
    fake_settle(gate.loop);
    assert_int_equal(gate.guests[3].served, 2);
    close_gate(&gate);
}

static void who_gives_up_is_not_served(void **state)
{
    struct gate gate;
    open_gate(&gate, 1);
    fake_work(gate.loop, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    for (size_t i = 1; i < 5; i++)
        assert_false(come(&gate, i, SL_LINE_HELLO));
    fake_work(gate.loop, 1);
    sl_waiter_cancel(&gate.guests[1].waiter);
    sl_waiter_cancel(&gate.guests[1].waiter);
    gate.guests[2].drives_out = &gate.guests[3]; /* its neighbour, in the midst of serving */
    fake_settle(gate.loop);
    assert_int_equal(gate.guests[1].served, 0);
    assert_int_equal(gate.guests[2].served, 1);
    assert_int_equal(gate.guests[3].served, 0);
    assert_int_equal(gate.guests[4].served, 2);
    close_gate(&gate);
}

static void who_has_no_time_left_is_served_out_of_turn(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    assert_false(come(&gate, 1, SL_LINE_ANSWERED));
    assert_false(come(&gate, 2, SL_LINE_ANSWERED));
    sl_waiter_hurry(&gate.guests[2].waiter);
    assert_int_equal(gate.guests[2].served, 1);
    assert_int_equal(gate.guests[1].served, 0);
    fake_turn(gate.loop);
    assert_int_equal(gate.guests[1].served, 2);
    close_gate(&gate);
}

static void waiting_is_counted(void **state)
{
    struct gate gate;
    open_gate(&gate, BUDGET_US);
    assert_true(come(&gate, 0, SL_LINE_HELLO));
    assert_int_equal(sl_count_get(&gate.counters.count[SL_COUNT_HS_WAITED]), 0);
    assert_false(come(&gate, 1, SL_LINE_HELLO));
    assert_false(come(&gate, 2, SL_LINE_HELLO));
    assert_int_equal(n_waiting(&gate), 2);
    fake_stall(gate.loop, 30);
    fake_settle(gate.loop);
    assert_int_equal(n_waiting(&gate), 0);
    assert_int_equal(sl_count_get(&gate.counters.count[SL_COUNT_HS_WAITED]), 2);
    assert_int_equal(sl_count_get(&gate.counters.handshake_wait.sum_ms), 60);
    gate.guests[1].served = 0;
    assert_true(come(&gate, 0, SL_LINE_ANSWERED));
    assert_false(come(&gate, 1, SL_LINE_ANSWERED)); /* the same handshake a second time */
    fake_settle(gate.loop);
    assert_int_equal(sl_count_get(&gate.counters.count[SL_COUNT_HS_WAITED]), 2);
    close_gate(&gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(while_the_budget_lasts_nobody_waits),
        cmocka_unit_test(who_waits_is_served_in_order_as_many_in_a_turn_as_the_budget_pays_for),
        cmocka_unit_test(a_turn_in_which_others_work_long_has_a_larger_budget),
        cmocka_unit_test(nobody_overtakes_who_waits_in_the_same_line),
        cmocka_unit_test(who_is_nearly_done_comes_first_and_keeps_nobody_out),
        cmocka_unit_test(who_waits_for_a_hello_holds_up_nobody_who_is_nearly_done),
        cmocka_unit_test(who_gives_up_is_not_served),
        cmocka_unit_test(who_has_no_time_left_is_served_out_of_turn),
        cmocka_unit_test(waiting_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
