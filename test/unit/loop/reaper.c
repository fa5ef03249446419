/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: the order of the end of a turn. There is no loop here, only what both loops have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "loop_private.h"

struct sl_loop {
    struct sl_core core;
};

static struct sl_loop loop;

uint64_t sl_loop_fresh_ms(const struct sl_loop *l)
{
    return l->core.now_ms;
}
static char trace[256];

struct call {
    struct sl_deferred d;
    char name;
    void (*then)(struct call *c);
};

static void note(char name)
{
    size_t n = strlen(trace);

    assert_true(n + 1 < sizeof(trace));
    trace[n] = name;
}

static void on_call(struct sl_deferred *d)
{
    struct call *c = sl_container_of(d, struct call, d);

    note(c->name);
    if (c->then)
        c->then(c);
}

static void call_init(struct call *c, char name)
{
    sl_deferred_init(&c->d, on_call);
    c->name = name;
    c->then = NULL;
}

static int start(void **state)
{
    memset(trace, 0, sizeof(trace));
    sl_reaper_init(&loop.core.reaper);
    return 0;
}

static void turn(void)
{
    sl_reaper_begin(&loop.core.reaper);
    note('|');
    sl_reaper_turn(&loop.core.reaper);
}

static void calls_run_once_in_the_order_of_asking(void **state)
{
    struct call a, b, c;

    call_init(&a, 'a');
    call_init(&b, 'b');
    call_init(&c, 'c');
    assert_false(sl_reaper_has_work(&loop.core.reaper));
    sl_defer(&loop, &b.d);
    sl_defer(&loop, &a.d);
    sl_defer(&loop, &b.d);
    sl_defer(&loop, &c.d);
    assert_true(sl_reaper_has_work(&loop.core.reaper));
    sl_deferred_cancel(&c.d);
    sl_deferred_cancel(&c.d);
    turn();
    turn();
    assert_string_equal(trace, "|ba|");
    assert_false(sl_reaper_has_work(&loop.core.reaper));
}

static struct call other;

static void then_defer_other(struct call *c)
{
    sl_defer(&loop, &other.d);
}

static void what_a_call_asks_for_runs_in_the_same_turn(void **state)
{
    struct call a, b;

    call_init(&a, 'a');
    call_init(&b, 'b');
    call_init(&other, 'o');
    a.then = then_defer_other;
    sl_defer(&loop, &a.d);
    sl_defer(&loop, &b.d);
    turn();
    assert_string_equal(trace, "|abo");
}

static void then_again(struct call *c)
{
    sl_defer(&loop, &c->d);
}

static void two_that_wake_each_other_do_not_hold_the_turn(void **state)
{
    struct call a;

    call_init(&a, 'a');
    a.then = then_again;
    sl_defer(&loop, &a.d);
    turn();
    assert_true(strlen(trace) > 2 && strlen(trace) < 100);
    assert_true(sl_reaper_has_work(&loop.core.reaper));
    sl_deferred_cancel(&a.d);
}

static void then_next(struct call *c)
{
    sl_defer_next(&loop, &c->d);
}

static void next_waits_for_the_next_poll(void **state)
{
    struct call a, b;

    call_init(&a, 'a');
    call_init(&b, 'b');
    a.then = then_next;
    sl_defer(&loop, &a.d);
    turn();
    assert_true(sl_reaper_has_work(&loop.core.reaper)); /* the poll must not block */
    sl_defer(&loop, &b.d);
    turn();
    assert_string_equal(trace, "|a|ba");
    sl_deferred_cancel(&a.d);
    turn();
    assert_string_equal(trace, "|a|ba|");
}

static void the_sooner_of_two_wishes_counts(void **state)
{
    struct call a, b;

    call_init(&a, 'a');
    call_init(&b, 'b');
    sl_defer(&loop, &b.d);
    sl_defer_next(&loop, &a.d);
    sl_defer(&loop, &a.d);
    sl_defer_next(&loop, &b.d); /* is on for this turn already */
    note('|');
    sl_reaper_turn(&loop.core.reaper); /* the end of the turn under way: no poll in between */
    assert_string_equal(trace, "|ba");
    turn();
    assert_string_equal(trace, "|ba|");
}

static void waiting_for_the_poll_keeps_the_place(void **state)
{
    struct call a, b;

    call_init(&a, 'a');
    call_init(&b, 'b');
    sl_defer_next(&loop, &a.d);
    sl_defer_next(&loop, &b.d);
    sl_reaper_begin(&loop.core.reaper);
    sl_defer(&loop, &a.d); /* by an event of the poll: it is on already */
    sl_reaper_turn(&loop.core.reaper);
    assert_string_equal(trace, "ab");
}

static void then_cancel_other(struct call *c)
{
    sl_deferred_cancel(&other.d);
}

static void a_call_may_cancel_one_of_its_own_round(void **state)
{
    struct call a;

    call_init(&a, 'a');
    call_init(&other, 'o');
    a.then = then_cancel_other;
    sl_defer(&loop, &a.d);
    sl_defer(&loop, &other.d);
    turn();
    assert_string_equal(trace, "|a");
}

struct body {
    struct sl_grave grave; /* first */
    struct sl_deferred d;
};

static void bury(struct sl_grave *g)
{
    note('x');
    free(sl_container_of(g, struct body, grave));
}

static void on_last_call(struct sl_deferred *d)
{
    note('d');
    sl_reap(&loop, &sl_container_of(d, struct body, d)->grave, bury);
}

static void graves_come_after_the_calls(void **state)
{
    struct body *one = calloc(1, sizeof(*one));
    struct body *two = calloc(1, sizeof(*two));
    struct call a;

    call_init(&a, 'a');
    sl_deferred_init(&two->d, on_last_call);
    sl_reap(&loop, &one->grave, bury);
    sl_defer(&loop, &two->d); /* condemns itself in its call */
    sl_defer(&loop, &a.d);
    turn();
    assert_string_equal(trace, "|daxx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(calls_run_once_in_the_order_of_asking, start),
        cmocka_unit_test_setup(what_a_call_asks_for_runs_in_the_same_turn, start),
        cmocka_unit_test_setup(two_that_wake_each_other_do_not_hold_the_turn, start),
        cmocka_unit_test_setup(next_waits_for_the_next_poll, start),
        cmocka_unit_test_setup(the_sooner_of_two_wishes_counts, start),
        cmocka_unit_test_setup(waiting_for_the_poll_keeps_the_place, start),
        cmocka_unit_test_setup(a_call_may_cancel_one_of_its_own_round, start),
        cmocka_unit_test_setup(graves_come_after_the_calls, start),
    };
    return cmocka_run_group_tests_name("reaper", tests, NULL, NULL);
}
