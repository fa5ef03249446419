/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline: the wheel against a naive list, and the rules of arming. There is no loop here, only
 * what both loops have; time is a number.
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

static void start_at(uint64_t now_ms)
{
    loop.core.now_ms = now_ms;
    sl_wheel_init(&loop.core.wheel, now_ms);
    sl_reaper_init(&loop.core.reaper);
}

static void turn_at(uint64_t now_ms)
{
    loop.core.now_ms = now_ms;
    sl_wheel_turn(&loop.core.wheel, now_ms);
}

struct probe {
    struct sl_deadline d;
    unsigned n_expired;
    uint64_t expired_ms;
    uint64_t expected_ms; /* the naive list */
    void (*then)(struct probe *p);
};

static void on_expired(struct sl_deadline *d)
{
    struct probe *p = sl_container_of(d, struct probe, d);

    assert_false(sl_deadline_is_armed(d));
    p->n_expired++;
    p->expired_ms = loop.core.now_ms;
    if (p->then)
        p->then(p);
}

static void probe_init(struct probe *p)
{
    memset(p, 0, sizeof(*p));
    sl_deadline_init(&p->d, &loop, on_expired);
    p->expected_ms = SL_UNLIMITED;
}

/* ---- the rules ---- */

static void expires_when_due_and_not_before(void **state)
{
    static const uint64_t waits[] = {1,       2,        63,         64,         65,
                                     4095,    4096,     4097,       262143,     262144,
                                     3600000, 86400000, 4294967295, 4294967296, UINT64_C(1) << 40};
    static const uint64_t starts[] = {
        0, 1, 63, 64, 4095, 1000000, (UINT64_C(1) << 36) - 1, (UINT64_C(1) << 48) - 3};

    for (size_t s = 0; s < SL_N_ELEMENTS(starts); s++)
        for (size_t i = 0; i < SL_N_ELEMENTS(waits); i++) {
            struct probe p;
            start_at(starts[s]);
            probe_init(&p);
            sl_deadline_arm(&p.d, SL_PHASE_FIRST_BYTE, waits[i]);
            assert_true(sl_deadline_is_armed(&p.d));
            turn_at(starts[s] + waits[i] - 1);
            assert_int_equal(p.n_expired, 0);
            assert_true(sl_wheel_next_ms(&loop.core.wheel) == starts[s] + waits[i]);
            turn_at(starts[s] + waits[i]);
            assert_int_equal(p.n_expired, 1);
            assert_true(sl_wheel_is_empty(&loop.core.wheel));
        }
}

static void expires_once_when_time_jumps_far(void **state)
{
    struct probe p;

    start_at(100);
    probe_init(&p);
    sl_deadline_arm(&p.d, SL_PHASE_NONE, 5);
    turn_at(UINT64_C(1) << 45);
    turn_at(UINT64_C(1) << 46);
    assert_int_equal(p.n_expired, 1);
}

static void unlimited_is_never_armed(void **state)
{
    struct probe p;

    start_at(100);
    probe_init(&p);
    sl_deadline_arm(&p.d, SL_PHASE_TUNNEL, SL_UNLIMITED);
    assert_false(sl_deadline_is_armed(&p.d));
    sl_deadline_arm(&p.d, SL_PHASE_TUNNEL, 10);
    assert_true(sl_deadline_is_armed(&p.d));
    sl_deadline_arm(&p.d, SL_PHASE_TUNNEL, SL_UNLIMITED - 50); /* past the end of time */
    assert_false(sl_deadline_is_armed(&p.d));
    sl_deadline_arm_since(&p.d, SL_PHASE_TUNNEL, 90, SL_UNLIMITED);
    assert_false(sl_deadline_is_armed(&p.d));
    turn_at(UINT64_C(1) << 62);
    assert_int_equal(p.n_expired, 0);
    assert_true(sl_wheel_is_empty(&loop.core.wheel));
}

static void arming_again_moves_it_either_way(void **state)
{
    struct probe p;

    start_at(1000);
    probe_init(&p);
    sl_deadline_arm(&p.d, SL_PHASE_KEEPALIVE, 100);
    sl_deadline_arm(&p.d, SL_PHASE_KEEPALIVE, 500); /* later: lazily */
    turn_at(1499);
    assert_int_equal(p.n_expired, 0);
    sl_deadline_arm(&p.d, SL_PHASE_KEEPALIVE, 10000);
    sl_deadline_arm(&p.d, SL_PHASE_KEEPALIVE, 20); /* earlier: at once */
    turn_at(1518);
    assert_int_equal(p.n_expired, 0);
    turn_at(1519);
    assert_int_equal(p.n_expired, 1);
}

static void clearing_prevents_it(void **state)
{
    struct probe p;

    start_at(1000);
    probe_init(&p);
    sl_deadline_arm(&p.d, SL_PHASE_KEEPALIVE, 100);
    sl_deadline_clear(&p.d);
    sl_deadline_clear(&p.d);
    assert_true(sl_wheel_is_empty(&loop.core.wheel));
    turn_at(5000);
    assert_int_equal(p.n_expired, 0);
    sl_deadline_fini(&p.d);
}

static void a_time_that_has_passed_expires_in_the_next_turn(void **state)
{
    struct probe p;

    start_at(1000);
    turn_at(1000);
    probe_init(&p);
    sl_deadline_arm_since(&p.d, SL_PHASE_TLS_HANDSHAKE, 100, 300);
    assert_int_equal(p.n_expired, 0);
    assert_true(sl_wheel_next_ms(&loop.core.wheel) <= 1000);
    turn_at(1000);
    assert_int_equal(p.n_expired, 1);
    assert_true(p.d.since_ms == 100);
}

static void the_start_stays_while_the_phase_does(void **state)
{
    struct probe p;

    start_at(1000);
    probe_init(&p);
    sl_deadline_arm(&p.d, SL_PHASE_REQUEST_BODY, 100);
    assert_true(p.d.since_ms == 1000);
    turn_at(1050);
    sl_deadline_arm(&p.d, SL_PHASE_REQUEST_BODY, 100);
    assert_true(p.d.since_ms == 1000);
    turn_at(1150);
    assert_int_equal(p.n_expired, 1);
    assert_int_equal(p.d.phase, SL_PHASE_REQUEST_BODY);
    sl_deadline_arm(&p.d, SL_PHASE_REQUEST_BODY, 100); /* a pace that was found good */
    assert_true(p.d.since_ms == 1000);
    sl_deadline_arm(&p.d, SL_PHASE_RESPONSE, 100);
    assert_true(p.d.since_ms == 1150);
    turn_at(1200);
    sl_deadline_clear(&p.d);
    sl_deadline_arm(&p.d, SL_PHASE_RESPONSE, 100);
    assert_true(p.d.since_ms == 1200);
    sl_deadline_fini(&p.d);
}

/* ---- callbacks that arm and clear ---- */

static struct probe a, b;

static void then_clear_b(struct probe *p)
{
    sl_deadline_clear(&b.d);
}

static void then_postpone_b(struct probe *p)
{
    sl_deadline_arm(&b.d, SL_PHASE_NONE, 30);
}

static void then_again_at_once(struct probe *p)
{
    sl_deadline_arm(&p->d, SL_PHASE_NONE, 0);
}

static void an_expiry_clears_another(void **state)
{
    start_at(1000);
    probe_init(&a);
    probe_init(&b);
    a.then = then_clear_b;
    sl_deadline_arm(&a.d, SL_PHASE_NONE, 10);
    sl_deadline_arm(&b.d, SL_PHASE_NONE, 10);
    turn_at(1020);
    assert_int_equal(a.n_expired, 1);
    assert_int_equal(b.n_expired, 0);
}

static void an_expiry_postpones_another(void **state)
{
    start_at(1000);
    probe_init(&a);
    probe_init(&b);
    a.then = then_postpone_b;
    sl_deadline_arm(&a.d, SL_PHASE_NONE, 10);
    sl_deadline_arm(&b.d, SL_PHASE_NONE, 10);
    turn_at(1020);
    assert_int_equal(b.n_expired, 0);
    turn_at(1049);
    assert_int_equal(b.n_expired, 0);
    turn_at(1050);
    assert_int_equal(b.n_expired, 1);
}

static void one_that_arms_itself_at_once_does_not_hold_the_turn(void **state)
{
    start_at(1000);
    probe_init(&a);
    a.then = then_again_at_once;
    sl_deadline_arm(&a.d, SL_PHASE_NONE, 0);
    turn_at(1000);
    assert_int_equal(a.n_expired, 1);
    turn_at(1000);
    assert_int_equal(a.n_expired, 2);
    sl_deadline_fini(&a.d);
}

/* ---- against a naive list ---- */

#define N_PROBES 200

static uint64_t rng = 88172645463325252;

static uint64_t draw(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

/* Small, medium and huge alike. */
static uint64_t draw_ms(void)
{
    return draw() >> (draw() % 34 + 30);
}

static void check_expiries(struct probe *probes, uint64_t now_ms)
{
    for (size_t i = 0; i < N_PROBES; i++) {
        struct probe *p = &probes[i];
        bool is_due = p->expected_ms <= now_ms;
        assert_int_equal(p->n_expired, is_due);
        assert_int_equal(sl_deadline_is_armed(&p->d), !is_due && p->expected_ms != SL_UNLIMITED);
        if (is_due) {
            p->expected_ms = SL_UNLIMITED;
            p->n_expired = 0;
        }
    }
}

/* Never later than the earliest; and turning the wheel whenever it asks for it gets there. */
static void check_next(struct probe *probes)
{
    uint64_t earliest_ms = SL_UNLIMITED;

    for (size_t i = 0; i < N_PROBES; i++)
        if (probes[i].expected_ms < earliest_ms)
            earliest_ms = probes[i].expected_ms;
    assert_true(sl_wheel_next_ms(&loop.core.wheel) <= earliest_ms);
    if (earliest_ms == SL_UNLIMITED)
        assert_true(sl_wheel_is_empty(&loop.core.wheel));
}

static void the_wheel_agrees_with_a_list(void **state)
{
    static struct probe probes[N_PROBES];
    uint64_t now_ms = draw() >> 20;

    start_at(now_ms);
    for (size_t i = 0; i < N_PROBES; i++)
        probe_init(&probes[i]);
    for (unsigned step = 0; step < 60000; step++) {
        struct probe *p = &probes[draw() % N_PROBES];
        switch (draw() % 8) {
        case 0:
            sl_deadline_clear(&p->d);
            p->expected_ms = SL_UNLIMITED;
            break;
        case 1:
            now_ms += draw_ms() >> 4;
            turn_at(now_ms);
            check_expiries(probes, now_ms);
            check_next(probes);
            break;
        case 2: { /* to the very moment the wheel asks for */
            uint64_t next_ms = sl_wheel_next_ms(&loop.core.wheel);
            if (next_ms != SL_UNLIMITED && next_ms > now_ms)
                now_ms = next_ms;
            turn_at(now_ms);
            check_expiries(probes, now_ms);
            break;
        }
        default: {
            uint64_t in_ms = draw_ms();
            sl_deadline_arm(&p->d, SL_PHASE_NONE, in_ms);
            p->expected_ms = now_ms + in_ms;
            break;
        }
        }
    }
    for (size_t i = 0; i < N_PROBES; i++)
        sl_deadline_fini(&probes[i].d);
    assert_true(sl_wheel_is_empty(&loop.core.wheel));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expires_when_due_and_not_before),
        cmocka_unit_test(expires_once_when_time_jumps_far),
        cmocka_unit_test(unlimited_is_never_armed),
        cmocka_unit_test(arming_again_moves_it_either_way),
        cmocka_unit_test(clearing_prevents_it),
        cmocka_unit_test(a_time_that_has_passed_expires_in_the_next_turn),
        cmocka_unit_test(the_start_stays_while_the_phase_does),
        cmocka_unit_test(an_expiry_clears_another),
        cmocka_unit_test(an_expiry_postpones_another),
        cmocka_unit_test(one_that_arms_itself_at_once_does_not_hold_the_turn),
        cmocka_unit_test(the_wheel_agrees_with_a_list),
    };
    return cmocka_run_group_tests_name("deadline", tests, NULL, NULL);
}
