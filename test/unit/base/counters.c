/* SPDX-License-Identifier: Apache-2.0 */
/* Counters, histograms and head-room. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sluice/base/counters.h>

static void names_are_those_of_prometheus(void **state)
{
    static const char *const names[] = {
#define X(sym, name, help) name,
        SL_COUNTERS(X)
#undef X
    };
    assert_int_equal(SL_N_ELEMENTS(names), SL_N_COUNTERS);
    for (size_t i = 0; i < SL_N_ELEMENTS(names); i++) {
        assert_int_equal(strspn(names[i], "abcdefghijklmnopqrstuvwxyz_"), strlen(names[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(names[i], names[k]);
    }
}

static void ends_of_handshakes_have_names(void **state)
{
    assert_string_equal(sl_handshake_end_name(SL_HANDSHAKE_OK), "ok");
    assert_string_equal(sl_handshake_end_name(SL_HANDSHAKE_SILENT), "silent");
    assert_string_equal(sl_handshake_end_name(SL_HANDSHAKE_EOF), "eof");
    for (int i = 0; i < SL_N_HANDSHAKE_ENDS; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(sl_handshake_end_name((enum sl_handshake_end)i),
                                    sl_handshake_end_name((enum sl_handshake_end)k));
    assert_string_equal(sl_handshake_end_name(SL_N_HANDSHAKE_ENDS), "internal");
}

static void durations_fall_into_their_bucket(void **state)
{
    static const uint64_t bounds[] = SL_DURATION_BOUNDS_MS;
    static struct sl_histogram h;
    /* A bound belongs to its bucket: Prometheus' le is "less or equal". */
    for (size_t i = 0; i < SL_N_DURATION_BOUNDS; i++) {
        sl_histogram_add(&h, bounds[i]);
        assert_int_equal(sl_count_get(&h.bucket[i]), i == 0 ? 1 : 2);
        sl_histogram_add(&h, bounds[i] + 1);
        assert_int_equal(sl_count_get(&h.bucket[i + 1]), 1);
    }
    memset((void *)&h, 0, sizeof(h));
    sl_histogram_add(&h, 0);
    assert_int_equal(sl_count_get(&h.bucket[0]), 1);
    sl_histogram_add(&h, 300001);
    assert_int_equal(sl_count_get(&h.bucket[SL_N_DURATION_BOUNDS]), 1);
    assert_int_equal(sl_count_get(&h.sum_ms), 300001);
}

static void headroom_is_counted_in_tenths(void **state)
{
    static const struct {
        uint64_t used_ms, limit_ms;
        int tenth; /* -1: not counted */
        bool is_near;
    } rows[] = {
        {0, 1000, 0, false},
        {99, 1000, 0, false},
        {100, 1000, 1, false},
        {800, 1000, 8, false},
        {801, 1000, 8, true},
        {999, 1000, 9, true},
        {1000, 1000, 10, true},
        {5000, 1000, 10, true},
        {UINT64_MAX, 1000, 10, true},
        {0, 1, 0, false},
        {1, 1, 10, true},
        {1, 3, 3, false},
        {UINT64_MAX / 100 * 55, UINT64_MAX - 1, 5, false},
        {UINT64_MAX - 1, UINT64_MAX - 1, 10, true},
        {UINT64_MAX / 100 * 95, UINT64_MAX - 1, 9, true},
        {5, SL_UNLIMITED, -1, false},
        {5, 0, -1, false},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        static struct sl_counters c;
        memset((void *)&c, 0, sizeof(c));
        sl_counters_headroom(&c, SL_PHASE_FIRST_BYTE, rows[i].used_ms, rows[i].limit_ms);
        for (int k = 0; k < SL_N_HEADROOM; k++)
            assert_int_equal(sl_count_get(&c.headroom[SL_PHASE_FIRST_BYTE][k]), k == rows[i].tenth);
        assert_int_equal(sl_count_get(&c.near_miss[SL_PHASE_FIRST_BYTE]), rows[i].is_near);
    }
}

static void headroom_of_no_phase_is_not_counted(void **state)
{
    static struct sl_counters c, zero;
    sl_counters_headroom(&c, SL_PHASE_NONE, 900, 1000);
    sl_counters_headroom(&c, SL_N_PHASES, 900, 1000);
    assert_memory_equal((void *)&c, (void *)&zero, sizeof(c));
}

static void sums_take_every_cell(void **state)
{
    static struct sl_counters a, b;
    sl_count *cells = (sl_count *)(void *)&b;
    for (size_t i = 0; i < sizeof(b) / sizeof(*cells); i++)
        sl_count_add(&cells[i], i + 1);
    sl_counters_sum(&a, &b);
    assert_memory_equal((void *)&a, (void *)&b, sizeof(a));
    sl_counters_sum(&a, &b);
    cells = (sl_count *)(void *)&a;
    for (size_t i = 0; i < sizeof(a) / sizeof(*cells); i++)
        assert_int_equal(sl_count_get(&cells[i]), 2 * (i + 1));
    assert_int_equal(sl_count_get(&a.handshake_duration.sum_ms), sizeof(a) / sizeof(*cells) * 2);
}

static void gauges_go_down_again(void **state)
{
    sl_count c = 0;
    sl_count_add(&c, 5);
    sl_count_sub(&c, 4);
    assert_int_equal(sl_count_get(&c), 1);
    sl_count_sub(&c, 1);
    assert_int_equal(sl_count_get(&c), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_those_of_prometheus),
        cmocka_unit_test(ends_of_handshakes_have_names),
        cmocka_unit_test(durations_fall_into_their_bucket),
        cmocka_unit_test(headroom_is_counted_in_tenths),
        cmocka_unit_test(headroom_of_no_phase_is_not_counted),
        cmocka_unit_test(sums_take_every_cell),
        cmocka_unit_test(gauges_go_down_again),
    };
    return cmocka_run_group_tests_name("counters", tests, NULL, NULL);
}
