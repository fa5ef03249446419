/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The minimum pace. Tables for the plain cases; for the laws, random traffic judged by brute force:
 * who moves his due in every window is never cut, who does not is cut in time, and not before.
 * Long, because the judge by brute force belongs beside what it judges.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <sluice/base/pace.h>

static uint64_t seed;

static uint64_t random_below(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return n ? (seed >> 11) % n : 0;
}

static uint64_t random_between(uint64_t low, uint64_t high)
{
    return low + random_below(high - low + 1);
}

static void start_random(uint64_t n)
{
    seed = (n + 1) * 0x9E3779B97F4A7C15u;
    random_below(1);
    random_below(1);
}

static struct sl_limit make_limit(uint64_t limit_ms, uint64_t rate_Bps, uint64_t window_ms)
{
    return (struct sl_limit){.limit_ms = limit_ms,
                             .total_ms = SL_UNLIMITED,
                             .rate_Bps = rate_Bps,
                             .window_ms = window_ms,
                             .is_enforced = true};
}

static void begin(struct sl_pace *p, struct sl_limit limit, uint64_t now_ms)
{
    sl_pace_init(p, &limit);
    sl_pace_run(p, now_ms);
}

#define assert_verdict(p, now_ms, verdict) assert_int_equal(sl_pace_check(p, now_ms), verdict)

/* Whether anything expires later than `from` and no later than `to` if nothing moves: the timer's
   view. On a copy, so that the pace does not notice. */
static enum sl_pace_verdict verdict_at(const struct sl_pace *p, uint64_t now_ms)
{
    struct sl_pace copy = *p;
    return sl_pace_check(&copy, now_ms);
}

/* --- one condition at a time --- */

static void a_new_pace_stands_still(void **state)
{
    struct sl_limit limit = make_limit(100, 1000, 800);
    struct sl_pace p;
    sl_pace_init(&p, &limit);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
    assert_verdict(&p, 1000000, SL_PACE_OK);
    assert_int_equal(sl_pace_charged_ms(&p, 1000000), 0);
}

static void silence_is_cut_at_the_idle_limit(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 0, 0), 5000);
    assert_int_equal(sl_pace_due_ms(&p), 5100);
    assert_verdict(&p, 5099, SL_PACE_OK);
    sl_pace_progress(&p, 1, 5099);
    assert_int_equal(sl_pace_due_ms(&p), 5199);
    assert_verdict(&p, 5198, SL_PACE_OK);
    assert_verdict(&p, 5199, SL_PACE_IDLE);
}

static void no_bytes_are_no_progress(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 0, 0), 0);
    sl_pace_progress(&p, 0, 60);
    assert_int_equal(sl_pace_due_ms(&p), 100);
    assert_verdict(&p, 100, SL_PACE_IDLE);
    sl_pace_progress(&p, 0, 100);
    assert_verdict(&p, 100, SL_PACE_IDLE);
    assert_int_equal(p.n_bytes, 0);
}

static void the_total_ends_everything(void **state)
{
    struct sl_limit limit = make_limit(100, 0, 0);
    struct sl_pace p;
    limit.total_ms = 250;
    begin(&p, limit, 1000);
    for (uint64_t now = 1000; now < 1250; now++) {
        sl_pace_progress(&p, 1000, now);
        assert_verdict(&p, now, SL_PACE_OK);
    }
    assert_int_equal(sl_pace_due_ms(&p), 1250);
    assert_verdict(&p, 1250, SL_PACE_TOTAL);
    sl_pace_progress(&p, 1000, 1250);
    assert_verdict(&p, 1250, SL_PACE_TOTAL);
}

static void a_rate_of_zero_is_none(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(SL_UNLIMITED, 0, 1000), 0);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
    assert_verdict(&p, UINT64_MAX - 1, SL_PACE_OK);
}

static void unlimited_is_never_due(void **state)
{
    static const struct {
        uint64_t rate_Bps, window_ms;
    } rows[] = {
        {SL_UNLIMITED, 1000}, {1000, SL_UNLIMITED}, {SL_UNLIMITED, SL_UNLIMITED}, {1000, 0}};
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_pace p;
        begin(&p, make_limit(SL_UNLIMITED, rows[i].rate_Bps, rows[i].window_ms), 7);
        sl_pace_progress(&p, 1, 1000);
        assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
        assert_verdict(&p, UINT64_MAX, SL_PACE_OK);
    }
}

static void the_first_window_is_judged_when_it_is_whole(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(SL_UNLIMITED, 1000, 800), 10);
    sl_pace_progress(&p, 799, 400);
    assert_int_equal(sl_pace_due_ms(&p), 810);
    assert_verdict(&p, 809, SL_PACE_OK);
    assert_verdict(&p, 810, SL_PACE_RATE);

    begin(&p, make_limit(SL_UNLIMITED, 1000, 800), 10);
    sl_pace_progress(&p, 800, 400);
    assert_verdict(&p, 810, SL_PACE_OK);
}

/* The credit of a fast start is one window: what comes before it is forgotten. */
static void a_fast_start_buys_one_window(void **state)
{
    static const uint64_t windows[] = {8, 15, 800, 1000, 30000};
    for (size_t i = 0; i < SL_N_ELEMENTS(windows); i++) {
        uint64_t window = windows[i], slice = window / SL_PACE_SLICES + 1;
        struct sl_pace p;
        begin(&p, make_limit(SL_UNLIMITED, 1000, window), 0);
        uint64_t now = 0;
        for (; now < 5 * window; now++)
            sl_pace_progress(&p, 1000000, now);
        assert_verdict(&p, now - 1, SL_PACE_OK);
        uint64_t due = sl_pace_due_ms(&p);
        assert_true(due >= now - 1 + window && due <= now - 1 + window + slice);
        assert_verdict(&p, due - 1, SL_PACE_OK);
        assert_verdict(&p, due, SL_PACE_RATE);
    }
}

static void both_conditions_hold_together(void **state)
{
    struct sl_pace p;
    /* A trickle satisfies the idle limit and not the rate. */
    begin(&p, make_limit(100, 1000, 800), 0);
    uint64_t now = 0;
    for (; sl_pace_check(&p, now) == SL_PACE_OK; now += 50)
        sl_pace_progress(&p, 1, now);
    assert_int_equal(now, 800);
    assert_int_equal(p.said, SL_PACE_RATE);
    /* Bursts satisfy the rate and not the idle limit. */
    begin(&p, make_limit(100, 1000, 800), 0);
    sl_pace_progress(&p, 100000, 0);
    assert_verdict(&p, 100, SL_PACE_IDLE);
}

static void rate_times_window_is_rounded_up(void **state)
{
    static const struct {
        uint64_t rate_Bps, window_ms, need;
    } rows[] = {
        {512, 30000, 15360},
        {1, 1, 1},
        {1, 1000, 1},
        {1, 1001, 2},
        {999, 999, 999},
        {1500, 1, 2},
        {1000, 1, 1},
        {UINT64_MAX - 1, UINT64_MAX - 1, UINT64_MAX / 16},
        {UINT64_MAX - 1, 1, UINT64_MAX / 1000 + 1},
        {UINT64_MAX - 1, 500, UINT64_MAX / 16},
        {1, UINT64_MAX - 1, UINT64_MAX / 1000 + 1},
        {999, UINT64_MAX - 1, UINT64_MAX / 16},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_pace p;
        begin(&p, make_limit(SL_UNLIMITED, rows[i].rate_Bps, rows[i].window_ms), 0);
        assert_true(p.need_bytes == rows[i].need);
        sl_pace_progress(&p, rows[i].need, 0);
        assert_verdict(&p, rows[i].window_ms, SL_PACE_OK);
        begin(&p, make_limit(SL_UNLIMITED, rows[i].rate_Bps, rows[i].window_ms), 0);
        sl_pace_progress(&p, rows[i].need - 1, 0);
        assert_verdict(&p, rows[i].window_ms, SL_PACE_RATE);
    }
}

/* --- law 3: who does not hold the ball is not charged --- */

static void only_running_time_is_charged(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 0, 0), 1000);
    sl_pace_run(&p, 1030); /* already: nothing starts anew */
    assert_int_equal(sl_pace_charged_ms(&p, 1050), 50);
    sl_pace_stop(&p, 1060);
    sl_pace_stop(&p, 2000);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
    assert_int_equal(sl_pace_charged_ms(&p, 9999), 60);
    assert_verdict(&p, 100000, SL_PACE_OK);
    sl_pace_run(&p, 100000);
    assert_int_equal(sl_pace_due_ms(&p), 100040);
    assert_verdict(&p, 100039, SL_PACE_OK);
    assert_verdict(&p, 100040, SL_PACE_IDLE);
}

static void bytes_count_while_stopped(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 1000, 800), 0);
    sl_pace_stop(&p, 90);
    sl_pace_progress(&p, 800, 5000);
    sl_pace_run(&p, 6000);
    assert_int_equal(sl_pace_due_ms(&p), 6100);
    assert_int_equal(p.n_bytes, 800);
    for (uint64_t now = 6000; now < 6700; now += 50)
        sl_pace_progress(&p, 1, now);
    assert_verdict(&p, 6000 + 710, SL_PACE_OK); /* the end of the first window */
}

static void a_clock_that_goes_back_charges_nothing(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 1000, 800), 5000);
    sl_pace_progress(&p, 10, 4000);
    assert_verdict(&p, 3000, SL_PACE_OK);
    assert_int_equal(sl_pace_charged_ms(&p, 2000), 0);
    assert_int_equal(sl_pace_due_ms(&p), 5100);
    assert_verdict(&p, 5100, SL_PACE_IDLE);
}

static void a_limit_is_copied(void **state)
{
    struct sl_limit limit = make_limit(100, 0, 0);
    struct sl_pace p;
    begin(&p, limit, 0);
    limit.limit_ms = 1;
    assert_verdict(&p, 99, SL_PACE_OK);
}

/* --- the last look --- */

static void bytes_found_by_a_last_look_count(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 0, 0), 0);
    assert_verdict(&p, 100, SL_PACE_IDLE);
    sl_pace_progress(&p, 1, 100);
    assert_verdict(&p, 100, SL_PACE_OK);
    assert_int_equal(sl_pace_due_ms(&p), 200);

    begin(&p, make_limit(SL_UNLIMITED, 1000, 800), 0);
    sl_pace_progress(&p, 700, 0);
    assert_verdict(&p, 803, SL_PACE_RATE);
    sl_pace_progress(&p, 99, 803);
    assert_verdict(&p, 803, SL_PACE_RATE); /* still one too few */
    sl_pace_progress(&p, 1, 803);
    assert_verdict(&p, 803, SL_PACE_OK);
    /* What filled the gap is not counted twice: 700 fall out, 100 stay. */
    assert_int_equal(sl_pace_due_ms(&p), 900);
    sl_pace_progress(&p, 699, 890);
    assert_verdict(&p, 900, SL_PACE_RATE);
    sl_pace_progress(&p, 1, 900);
    assert_verdict(&p, 900, SL_PACE_OK);
}

/* In shadow mode a verdict cuts nothing. The timer must then not fire again and again. */
static void a_word_is_said_once(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 1000, 800), 0);
    assert_verdict(&p, 150, SL_PACE_IDLE);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
    sl_pace_progress(&p, 1, 200);
    assert_int_equal(sl_pace_due_ms(&p), 300);
    sl_pace_progress(&p, 5000, 290);
    sl_pace_progress(&p, 5000, 380);
    assert_int_equal(sl_pace_due_ms(&p), 480);
}

static void a_limit_that_passed_unseen_is_due_at_once(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(100, 0, 0), 0);
    sl_pace_stop(&p, 130); /* the timer came too late */
    sl_pace_run(&p, 500);
    assert_int_equal(sl_pace_due_ms(&p), 500);
    assert_verdict(&p, 500, SL_PACE_IDLE);
}

/* --- the laws, under random traffic --- */

#define MAX_EVENTS 400

/* What a peer does: bytes at moments of charged time, in order. */
struct traffic {
    uint64_t window_ms, rate_Bps, need;
    size_t n;
    uint64_t at_ms[MAX_EVENTS], bytes[MAX_EVENTS];
};

static void make_limits(struct traffic *t)
{
    static const uint64_t windows[] = {1, 2, 7, 8, 9, 15, 16, 100, 1000, 1001, 4999, 30000};
    static const uint64_t rates[] = {1, 10, 512, 1000, 1500, 1000000, 12345678};
    t->window_ms =
        random_below(2) ? windows[random_below(SL_N_ELEMENTS(windows))] : random_between(1, 3000);
    t->rate_Bps = rates[random_below(SL_N_ELEMENTS(rates))];
    t->need = (t->rate_Bps * t->window_ms + 999) / 1000;
    t->n = 0;
}

/* The laziest peer that is lawful: of every k pieces in a row, which together are the need, the
   last comes at most a window after the one before the first. */
static void make_lawful(struct traffic *t)
{
    uint64_t k = random_between(1, 12), piece;
    uint64_t habit = random_below(4); /* 0: always at the last moment */
    make_limits(t);
    piece = (t->need + k - 1) / k;
    for (t->n = 0; t->n < MAX_EVENTS; t->n++) {
        size_t i = t->n;
        uint64_t before = i ? t->at_ms[i - 1] : 0;
        uint64_t latest = i < k ? t->window_ms - 1 : t->at_ms[i - k] + t->window_ms;
        t->at_ms[i] =
            habit == 0 || random_below(habit + 1) == 0 ? latest : random_between(before, latest);
        t->bytes[i] = piece + (random_below(10) ? 0 : random_below(20 * piece));
    }
}

static void make_any(struct traffic *t)
{
    uint64_t now = 0, share = random_between(1, 8);
    make_limits(t);
    for (t->n = 0; t->n < MAX_EVENTS; t->n++) {
        now += random_below(4) ? random_below(t->window_ms / share + 2) : 0;
        t->at_ms[t->n] = now;
        t->bytes[t->n] = random_between(1, t->need / share * 2 + 1);
    }
}

/* Bytes in [from, to] of charged time. */
static uint64_t bytes_within(const struct traffic *t, uint64_t from, uint64_t to)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < t->n; i++)
        if (t->at_ms[i] >= from && t->at_ms[i] <= to)
            sum += t->bytes[i];
    return sum;
}

/* A wall clock on which the pace is stopped now and then. */
struct clock {
    struct sl_pace *p;
    uint64_t now_ms, charged_ms;
};

/* Lets the ball go away and come back, for times that would break every limit. */
static void maybe_pause(struct clock *c)
{
    if (random_below(6))
        return;
    sl_pace_stop(c->p, c->now_ms);
    c->now_ms += random_below(3) ? random_below(100) : random_below(1000000000);
    if (random_below(4) == 0)
        assert_verdict(c->p, c->now_ms, SL_PACE_OK);
    sl_pace_run(c->p, c->now_ms);
}

/* Runs up to a charged time as a timely loop does: a check whenever one is due. Returns false, with
   the clock at that moment, when the check says it is too slow. */
static bool run_to(struct clock *c, uint64_t charged_ms)
{
    while (c->charged_ms < charged_ms) {
        uint64_t step = charged_ms - c->charged_ms, due = sl_pace_due_ms(c->p);
        if (due != SL_UNLIMITED) {
            assert_true(due > c->now_ms);
            if (due - c->now_ms < step)
                step = due - c->now_ms;
        }
        if (random_below(3) == 0)
            step = random_between(1, step);
        c->now_ms += step;
        c->charged_ms += step;
        if (c->now_ms == due || random_below(3) == 0) {
            enum sl_pace_verdict verdict = sl_pace_check(c->p, c->now_ms);
            if (verdict != SL_PACE_OK) {
                assert_int_equal(verdict, SL_PACE_RATE);
                assert_true(c->now_ms == due);
                return false;
            }
        }
        maybe_pause(c);
    }
    return true;
}

static void who_keeps_the_pace_is_never_cut(void **state)
{
    static struct traffic t;
    for (uint64_t round = 0; round < 3000; round++) {
        struct sl_pace p;
        start_random(round);
        make_lawful(&t);
        struct clock c = {.p = &p, .now_ms = random_below(1000000)};
        begin(&p, make_limit(SL_UNLIMITED, t.rate_Bps, t.window_ms), c.now_ms);
        for (size_t i = 0; i < t.n; i++) {
            if (!run_to(&c, t.at_ms[i]))
                fail_msg("round %d: cut at %d", (int)round, (int)c.charged_ms);
            sl_pace_progress(&p, t.bytes[i], c.now_ms);
        }
        assert_verdict(&p, c.now_ms, SL_PACE_OK);
        assert_true(sl_pace_charged_ms(&p, c.now_ms) == c.charged_ms);
    }
}

static void who_falls_behind_is_cut_in_time_and_not_before(void **state)
{
    static struct traffic t;
    int n_cut = 0;
    for (uint64_t round = 0; round < 3000; round++) {
        struct sl_pace p;
        start_random(round);
        make_any(&t);
        uint64_t slice = (t.window_ms + SL_PACE_SLICES - 1) / SL_PACE_SLICES;
        struct clock c = {.p = &p, .now_ms = random_below(1000000)};
        bool is_cut = false;
        begin(&p, make_limit(SL_UNLIMITED, t.rate_Bps, t.window_ms), c.now_ms);
        for (size_t i = 0; i < t.n && !is_cut; i++) {
            is_cut = !run_to(&c, t.at_ms[i]);
            if (!is_cut)
                sl_pace_progress(&p, t.bytes[i], c.now_ms);
        }
        uint64_t end = c.charged_ms;
        /* Not before: the window that ends here has too little. */
        if (is_cut) {
            n_cut++;
            assert_true(end >= t.window_ms);
            assert_true(bytes_within(&t, end - t.window_ms + 1, end - 1) < t.need);
        }
        /* In time: no window and a slice that ended earlier has too little. Such a span begins at
           the start or just after some bytes. */
        for (size_t i = 0; i <= t.n; i++) {
            uint64_t from = i ? t.at_ms[i - 1] + 1 : 0, to = from + t.window_ms + slice - 1;
            if (to + 1 < end && bytes_within(&t, from, to) < t.need)
                fail_msg("round %d: too slow from %d to %d, on until %d", (int)round, (int)from,
                         (int)to, (int)end);
        }
    }
    assert_true(n_cut > 1000 && n_cut < 2950); /* the traffic is of both kinds */
}

/* A loop that is busy for any time sees the bytes late and all at once; timers fire late. */
static void a_busy_loop_costs_a_lawful_peer_nothing(void **state)
{
    static struct traffic t;
    for (uint64_t round = 0; round < 3000; round++) {
        struct sl_pace p;
        start_random(round);
        make_lawful(&t);
        uint64_t now = 0, lag = t.window_ms * random_between(1, 40) / 8 + 1;
        begin(&p, make_limit(SL_UNLIMITED, t.rate_Bps, t.window_ms), 0);
        for (size_t i = 0; i < t.n;) {
            now = (t.at_ms[i] > now ? t.at_ms[i] : now) + random_below(lag);
            if (now > t.at_ms[t.n - 1])
                break; /* what this peer would do then is not known */
            bool timer_first = sl_pace_due_ms(&p) <= now && random_below(2);
            if (timer_first)
                sl_pace_check(&p, now); /* whatever it says, the last look comes next */
            while (i < t.n && t.at_ms[i] <= now) {
                sl_pace_progress(&p, t.bytes[i], now);
                i++;
            }
            if (sl_pace_check(&p, now) != SL_PACE_OK)
                fail_msg("round %d: cut at %d", (int)round, (int)now);
            assert_true(sl_pace_due_ms(&p) > now);
        }
    }
}

/* The same rules without ring, skipping or sums: every slice of all time is kept. */
struct model {
    uint64_t window_ms, need, end_ms, n_slices;
    uint64_t slice[200000];
};

static uint64_t model_settle(struct model *m, uint64_t now_ms, uint64_t fresh)
{
    while (m->end_ms <= now_ms) {
        uint64_t sum = 0;
        for (uint64_t i = m->n_slices; m->n_slices >= 7 && i + 8 > m->n_slices; i--) {
            sum += m->slice[i];
            if (i == 0)
                break;
        }
        if (m->n_slices >= 7 && sum < m->need) {
            uint64_t gift = m->need - sum < fresh ? m->need - sum : fresh;
            m->slice[m->n_slices] += gift;
            fresh -= gift;
            if (sum + gift < m->need)
                return fresh;
        }
        m->n_slices++;
        m->end_ms += m->window_ms / 8 + (m->n_slices % 8 < m->window_ms % 8);
    }
    m->slice[m->n_slices] += fresh;
    return 0;
}

static void gaps_of_any_length_are_judged_as_if_slice_by_slice(void **state)
{
    static struct model m;
    int n_ok = 0, n_rate = 0;
    for (uint64_t round = 0; round < 400; round++) {
        struct sl_pace p;
        uint64_t now = 0;
        start_random(round);
        memset(&m, 0, sizeof(m));
        m.window_ms = random_between(1, 100);
        m.need = random_between(1, 1000);
        m.end_ms = m.window_ms / 8 + (m.window_ms % 8 > 0);
        struct sl_limit limit = make_limit(SL_UNLIMITED, 1, m.window_ms);
        sl_pace_init(&p, &limit);
        p.need_bytes = m.need; /* any need for any window */
        sl_pace_run(&p, 0);
        for (int i = 0; i < 60; i++) {
            uint64_t gap =
                random_below(3) ? random_below(m.window_ms) : random_below(m.window_ms * 200);
            uint64_t due = gap * m.need / m.window_ms;
            uint64_t n = random_below(3) ? due + random_below(m.need * 2) : random_below(due + 2);
            now += gap;
            sl_pace_progress(&p, n, now);
            model_settle(&m, now, n);
            bool is_breached = m.end_ms <= now;
            assert_verdict(&p, now, is_breached ? SL_PACE_RATE : SL_PACE_OK);
            if (is_breached) {
                n_rate++;
                break;
            }
            n_ok++;
            /* Equal futures: both see the same moment of breach. */
            uint64_t breach = sl_pace_due_ms(&p);
            static struct model copy;
            memcpy(&copy, &m, sizeof(m));
            model_settle(&copy, breach - 1, 0);
            assert_true(copy.end_ms > breach - 1);
            model_settle(&copy, breach, 0);
            assert_true(copy.end_ms <= breach);
        }
    }
    assert_true(n_ok > 1000 && n_rate > 100);
}

/* "Due" is the first moment at which a check has news, and never before: with all three limits. */
static void due_is_the_first_moment_of_news(void **state)
{
    for (uint64_t round = 0; round < 2000; round++) {
        struct sl_pace p;
        start_random(round);
        struct sl_limit limit =
            make_limit(random_between(1, 500), random_below(3) * 100, random_between(1, 600));
        if (random_below(2))
            limit.total_ms = random_between(1, 5000);
        uint64_t now = random_below(1000);
        begin(&p, limit, now);
        for (int i = 0; i < 50; i++) {
            uint64_t due = sl_pace_due_ms(&p);
            assert_true(due > now && due != SL_UNLIMITED);
            assert_int_equal(verdict_at(&p, due - 1), SL_PACE_OK);
            assert_int_not_equal(verdict_at(&p, due), SL_PACE_OK);
            now += random_below(due - now);
            if (random_below(2))
                sl_pace_progress(&p, random_below(100), now);
            if (random_below(2))
                assert_verdict(&p, now, SL_PACE_OK);
        }
    }
}

/* --- long times and large numbers --- */

static void gaps_cost_no_time(void **state)
{
    struct sl_pace p;
    /* Slices of 1 ms and a clock that jumps by the age of the universe: a walk would not end. */
    begin(&p, make_limit(SL_UNLIMITED, 1000, 8), 0);
    assert_verdict(&p, UINT64_C(1) << 62, SL_PACE_RATE);
    for (int i = 0; i < 1000; i++)
        sl_pace_progress(&p, UINT64_C(1) << 40, UINT64_C(1) << 62);
    assert_verdict(&p, UINT64_C(1) << 62, SL_PACE_RATE);
    sl_pace_progress(&p, UINT64_C(1) << 62, UINT64_C(1) << 62);
    assert_verdict(&p, UINT64_C(1) << 62, SL_PACE_OK);
    /* And silent while nobody looked: news at once. */
    assert_verdict(&p, UINT64_MAX - 1, SL_PACE_RATE);
}

static void numbers_saturate(void **state)
{
    static const uint64_t big[] = {
        1, 8, 1000, UINT64_MAX / 1000, UINT64_MAX / 8, UINT64_MAX / 2, UINT64_MAX - 1};
    for (size_t r = 0; r < SL_N_ELEMENTS(big); r++) {
        for (size_t w = 0; w < SL_N_ELEMENTS(big); w++) {
            struct sl_pace p;
            struct sl_limit limit = make_limit(SL_UNLIMITED - 1, big[r], big[w]);
            limit.total_ms = SL_UNLIMITED - 1;
            begin(&p, limit, 5);
            for (int i = 0; i < 20; i++)
                sl_pace_progress(&p, UINT64_MAX, 5);
            assert_true(p.n_bytes == UINT64_MAX);
            assert_verdict(&p, 5, SL_PACE_OK);
            assert_true(sl_pace_due_ms(&p) > 5);
            for (int i = 1; i < 64; i++) {
                sl_pace_progress(&p, UINT64_MAX, UINT64_C(1) << i);
                if (big[w] >= UINT64_MAX / 8)
                    assert_true(sl_pace_due_ms(&p) > UINT64_C(1) << i);
                assert_true(p.slice_end_ms >= big[w] / 8);
            }
            assert_int_not_equal(sl_pace_check(&p, UINT64_MAX), SL_PACE_IDLE);
            assert_true(sl_pace_charged_ms(&p, UINT64_MAX) == UINT64_MAX - 5);
        }
    }
}

/* Two giants in one slice do not add up to nothing. */
static void bytes_of_a_slice_do_not_wrap(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(SL_UNLIMITED, 1000, 800), 0);
    sl_pace_progress(&p, UINT64_C(1) << 63, 750);
    sl_pace_progress(&p, UINT64_C(1) << 63, 750);
    assert_verdict(&p, 800, SL_PACE_OK);
    assert_int_equal(sl_pace_due_ms(&p), 1600);
}

/* The clock reads nearly its last: sums of a time and a limit must not wrap. */
static void limits_near_the_end_of_the_clock(void **state)
{
    struct sl_pace p;
    begin(&p, make_limit(1000, 1000, 800), UINT64_MAX - 100);
    sl_pace_progress(&p, 1, UINT64_MAX - 50);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
    assert_verdict(&p, UINT64_MAX, SL_PACE_OK);
    assert_int_equal(sl_pace_charged_ms(&p, UINT64_MAX), 100);
    /* A window that outlives the clock, and has enough. */
    begin(&p, make_limit(SL_UNLIMITED, 1000, UINT64_MAX - 1), 0);
    sl_pace_progress(&p, UINT64_MAX, 0);
    assert_true(sl_pace_due_ms(&p) == SL_UNLIMITED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_pace_stands_still),
        cmocka_unit_test(silence_is_cut_at_the_idle_limit),
        cmocka_unit_test(no_bytes_are_no_progress),
        cmocka_unit_test(the_total_ends_everything),
        cmocka_unit_test(a_rate_of_zero_is_none),
        cmocka_unit_test(unlimited_is_never_due),
        cmocka_unit_test(the_first_window_is_judged_when_it_is_whole),
        cmocka_unit_test(a_fast_start_buys_one_window),
        cmocka_unit_test(both_conditions_hold_together),
        cmocka_unit_test(rate_times_window_is_rounded_up),
        cmocka_unit_test(only_running_time_is_charged),
        cmocka_unit_test(bytes_count_while_stopped),
        cmocka_unit_test(a_clock_that_goes_back_charges_nothing),
        cmocka_unit_test(a_limit_is_copied),
        cmocka_unit_test(bytes_found_by_a_last_look_count),
        cmocka_unit_test(a_word_is_said_once),
        cmocka_unit_test(a_limit_that_passed_unseen_is_due_at_once),
        cmocka_unit_test(who_keeps_the_pace_is_never_cut),
        cmocka_unit_test(who_falls_behind_is_cut_in_time_and_not_before),
        cmocka_unit_test(a_busy_loop_costs_a_lawful_peer_nothing),
        cmocka_unit_test(gaps_of_any_length_are_judged_as_if_slice_by_slice),
        cmocka_unit_test(due_is_the_first_moment_of_news),
        cmocka_unit_test(gaps_cost_no_time),
        cmocka_unit_test(numbers_saturate),
        cmocka_unit_test(bytes_of_a_slice_do_not_wrap),
        cmocka_unit_test(limits_near_the_end_of_the_clock),
    };
    return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
