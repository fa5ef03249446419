/* SPDX-License-Identifier: Apache-2.0 */
/* The text builder, and the small values that operators write. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sluice/base/err.h>
#include <sluice/base/phase.h>
#include <sluice/base/str.h>

static void text_is_built(void **state)
{
    char buf[64];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    assert_string_equal(buf, "");
    sl_str_addz(&s, "a");
    sl_str_add_char(&s, '-');
    sl_str_add(&s, SL_SPAN("bc"));
    sl_str_addf(&s, "%d%s", 7, "x");
    sl_str_add_u64(&s, 0);
    sl_str_add_char(&s, ' ');
    sl_str_add_u64(&s, UINT64_MAX);
    sl_str_add(&s, sl_span(NULL, 0));
    sl_str_addz(&s, "");
    assert_string_equal(buf, "a-bc7x0 18446744073709551615");
    assert_false(s.is_cut);
    assert_true(sl_span_eq(sl_str_span(&s), sl_span_str(buf)));
}

/* Every way to add, at every size of the buffer: never past its end, always a NUL, a true
   beginning, and cut exactly when it does not fit. */
static void what_does_not_fit_is_cut(void **state)
{
    static const char whole[] = "abcd12345xyz";
    for (size_t cap = 0; cap < 20; cap++) {
        char *buf = malloc(cap + 1); /* of this very size, for the sanitizer */
        struct sl_str s;
        buf[cap] = '!';
        sl_str_init(&s, buf, cap);
        sl_str_add_char(&s, 'a');
        sl_str_addz(&s, "bcd");
        sl_str_add_u64(&s, 123);
        sl_str_addf(&s, "%d", 45);
        sl_str_add_json(&s, SL_SPAN("xyz"));
        assert_int_equal(buf[cap], '!');
        assert_int_equal(s.is_cut, cap < sizeof(whole));
        assert_int_equal(s.len, cap == 0 ? 0 : cap < sizeof(whole) ? cap - 1 : sizeof(whole) - 1);
        assert_memory_equal(buf, whole, s.len);
        if (cap)
            assert_int_equal(buf[s.len], 0);
        free(buf);
    }
}

static void nothing_follows_a_cut(void **state)
{
    char buf[8];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_str_addz(&s, "12345");
    sl_str_add_json(&s, SL_SPAN("\x01")); /* six characters do not fit, and two would */
    assert_true(s.is_cut);
    sl_str_add_char(&s, 'x');
    sl_str_addf(&s, "%d", 1);
    sl_str_add_json(&s, SL_SPAN("x"));
    assert_string_equal(buf, "12345");
    assert_int_equal(s.len, 5);
}

static void json_is_escaped(void **state)
{
    static const struct {
        struct sl_span text;
        const char *json;
    } rows[] = {
        {{"plain text/~", 12}, "plain text/~"},
        {{"\"\\", 2}, "\\\"\\\\"},
        {{"\b\f\n\r\t", 5}, "\\b\\f\\n\\r\\t"},
        {{"a\0b", 3}, "a\\u0000b"},
        {{"a\x7F", 2}, "a\\u007f"},
        {{"\x1F\x7F", 2}, "\\u001f\\u007f"},
        {{"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x8C\x8A.", 10}, "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x8C\x8A."},
        {{"\xC2\x80\xDF\xBF", 4}, "\xC2\x80\xDF\xBF"},
        {{"\xE0\xA0\x80\xED\x9F\xBF", 6}, "\xE0\xA0\x80\xED\x9F\xBF"},
        {{"\xF0\x90\x80\x80\xF4\x8F\xBF\xBF", 8}, "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"},
        /* Bytes that begin nothing, alone and before text. */
        {{"\x80", 1}, "\xEF\xBF\xBD"},
        {{"\xFF"
          "a",
          2},
         "\xEF\xBF\xBD"
         "a"},
        {{"\xC0\xAF", 2}, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {{"\xF5\x80", 2}, "\xEF\xBF\xBD\xEF\xBF\xBD"},
        /* Too long forms, surrogates, beyond the last character. */
        {{"\xE0\x9F\xBF", 3}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {{"\xED\xA0\x80", 3}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {{"\xF0\x8F\xBF\xBF", 4}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {{"\xF4\x90\x80\x80", 4}, "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        /* Cut short by text, by another character and by the end: one mark for the part. */
        {{"\xE2\x82"
          "a",
          3},
         "\xEF\xBF\xBD"
         "a"},
        {{"\xE2\x82\"", 3}, "\xEF\xBF\xBD\\\""},
        {{"\xF0\x9F\x8C\xC3\xA4", 5}, "\xEF\xBF\xBD\xC3\xA4"},
        {{"\xE2\x82", 2}, "\xEF\xBF\xBD"},
        {{"\xC3", 1}, "\xEF\xBF\xBD"},
        {{NULL, 0}, ""},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        char buf[64];
        struct sl_str s;
        sl_str_init(&s, buf, sizeof(buf));
        /* A copy of the very size, so that the sanitizer sees a byte read too many. */
        char *copy = malloc(rows[i].text.len + 1);
        memcpy(copy + 1, rows[i].text.ptr ? rows[i].text.ptr : "", rows[i].text.len);
        sl_str_add_json(&s, sl_span(copy + 1, rows[i].text.len));
        free(copy);
        assert_string_equal(buf, rows[i].json);
        assert_false(s.is_cut);
    }
}

static void json_is_never_cut_in_a_character(void **state)
{
    static const char whole[] = "a\xF0\x9F\x8C\x8A\\u0001\\n\xEF\xBF\xBD";
    static const size_t ends[] = {0, 1, 5, 11, 13, 16};
    for (size_t cap = 1; cap <= sizeof(whole); cap++) {
        char buf[32];
        struct sl_str s;
        size_t k = SL_N_ELEMENTS(ends) - 1;
        sl_str_init(&s, buf, cap);
        sl_str_add_json(&s, SL_SPAN("a\xF0\x9F\x8C\x8A\x01\n\xFF"));
        while (ends[k] > cap - 1)
            k--;
        assert_int_equal(s.len, ends[k]);
        assert_memory_equal(buf, whole, s.len);
        assert_int_equal(s.is_cut, cap < sizeof(whole));
    }
}

static const char *duration(uint64_t ms)
{
    static char buf[64];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_str_add_duration(&s, ms);
    assert_false(s.is_cut);
    return buf;
}

static const char *size(uint64_t bytes)
{
    static char buf[64];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_str_add_size(&s, bytes);
    assert_false(s.is_cut);
    return buf;
}

static void durations_are_written(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } rows[] = {
        {0, "0s"},
        {1, "1ms"},
        {500, "500ms"},
        {1000, "1s"},
        {1500, "1s500ms"},
        {59999, "59s999ms"},
        {60000, "1m"},
        {90000, "1m30s"},
        {3600000, "1h"},
        {3600001, "1h1ms"},
        {86400000, "1d"},
        {90061001, "1d1h1m1s1ms"},
        {129600000, "1d12h"},
        {SL_UNLIMITED, "unlimited"},
        {SL_UNLIMITED - 1, "213503982334d14h25m51s614ms"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        assert_string_equal(duration(rows[i].ms), rows[i].text);
}

static void sizes_are_written(void **state)
{
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        {0, "0B"},
        {1, "1B"},
        {1000, "1000B"},
        {1023, "1023B"},
        {1024, "1KiB"},
        {1536, "1536B"},
        {65536, "64KiB"},
        {1048576, "1MiB"},
        {1073741824, "1GiB"},
        {1074790400, "1025MiB"},
        {1000000, "1000000B"},
        {SL_UNLIMITED, "unlimited"},
        {SL_UNLIMITED - 1, "18446744073709551614B"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        assert_string_equal(size(rows[i].bytes), rows[i].text);
}

/* Numbers of all magnitudes, and near the units. */
static uint64_t some_number(void)
{
    static uint64_t x = 88172645463325252u;
    static const uint64_t units[] = {1, 1000, 1024, 60000, 3600000, 86400000, 1048576, 1073741824};
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    uint64_t n = x >> (x % 64);
    return x & 1024 ? n : n / 1000 * units[(x >> 20) % SL_N_ELEMENTS(units)];
}

static void what_is_written_reads_back(void **state)
{
    for (int i = 0; i < 100000; i++) {
        uint64_t n = i < 5000 ? (uint64_t)i : some_number(), back = ~n;
        assert_int_equal(sl_read_duration(sl_span_str(duration(n)), &back), 0);
        assert_true(back == n);
        back = ~n;
        assert_int_equal(sl_read_size(sl_span_str(size(n)), &back), 0);
        assert_true(back == n);
    }
}

struct row {
    const char *text;
    int err;
    uint64_t value;
};

static void check_rows(const struct row *rows, size_t n,
                       int (*read)(struct sl_span text, uint64_t *out_n))
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(rows[i].text);
        char *copy = malloc(len + 1); /* without a NUL: a span has none */
        uint64_t value = 4711;
        memcpy(copy, rows[i].text, len);
        int err = read(sl_span(copy, len), &value);
        free(copy);
        if (err != rows[i].err || value != (err ? 4711 : rows[i].value))
            fail_msg("'%s': %d %llu", rows[i].text, err, (unsigned long long)value);
    }
}

static void durations_are_read(void **state)
{
    static const struct row rows[] = {
        {"500ms", 0, 500},
        {"5s", 0, 5000},
        {"2m", 0, 120000},
        {"1h", 0, 3600000},
        {"1d", 0, 86400000},
        {"0", 0, 0},
        {"0s", 0, 0},
        {"0ms", 0, 0},
        {"unlimited", 0, SL_UNLIMITED},
        {"1m30s", 0, 90000},
        {"1h1ms", 0, 3600001},
        {"1m90s", 0, 150000},
        {"007s", 0, 7000},
        {"18446744073709551614ms", 0, SL_UNLIMITED - 1},
        {"18446744073709551615ms", SL_ERR_LIMIT, 0},
        {"18446744073709551616ms", SL_ERR_LIMIT, 0},
        {"213503982334d14h25m51s615ms", SL_ERR_LIMIT, 0},
        {"18446744073709551614s", SL_ERR_LIMIT, 0},
        {"213503982335d", SL_ERR_LIMIT, 0},
        {"99999999999999999999999999x", SL_ERR_INVALID, 0},
        {"99999999999999999999999999s1", SL_ERR_INVALID, 0},
        {"", SL_ERR_INVALID, 0},
        {"5", SL_ERR_INVALID, 0},
        {"00", SL_ERR_INVALID, 0},
        {"s", SL_ERR_INVALID, 0},
        {"5 s", SL_ERR_INVALID, 0},
        {" 5s", SL_ERR_INVALID, 0},
        {"5s ", SL_ERR_INVALID, 0},
        {"-5s", SL_ERR_INVALID, 0},
        {"+5s", SL_ERR_INVALID, 0},
        {"1.5s", SL_ERR_INVALID, 0},
        {"5S", SL_ERR_INVALID, 0},
        {"5sec", SL_ERR_INVALID, 0},
        {"30s1m", SL_ERR_INVALID, 0},
        {"1m1m", SL_ERR_INVALID, 0},
        {"1m30", SL_ERR_INVALID, 0},
        {"1ms1s", SL_ERR_INVALID, 0},
        {"Unlimited", SL_ERR_INVALID, 0},
        {"0x5s", SL_ERR_INVALID, 0},
        {"unlimited ", SL_ERR_INVALID, 0},
        {"5us", SL_ERR_INVALID, 0},
        {"1e3s", SL_ERR_INVALID, 0},
    };
    check_rows(rows, SL_N_ELEMENTS(rows), sl_read_duration);
}

static void sizes_are_read(void **state)
{
    static const struct row rows[] = {
        {"0", 0, 0},
        {"1", 0, 1},
        {"512", 0, 512},
        {"512B", 0, 512},
        {"64KiB", 0, 65536},
        {"1MiB", 0, 1048576},
        {"2GiB", 0, 2147483648},
        {"1KB", 0, 1000},
        {"1MB", 0, 1000000},
        {"3GB", 0, 3000000000},
        {"unlimited", 0, SL_UNLIMITED},
        {"17179869183GiB", 0, 17179869183u * (UINT64_C(1) << 30)},
        {"17179869184GiB", SL_ERR_LIMIT, 0},
        {"18446744073709551615", SL_ERR_LIMIT, 0},
        {"18446744073709551616B", SL_ERR_LIMIT, 0},
        {"", SL_ERR_INVALID, 0},
        {"B", SL_ERR_INVALID, 0},
        {"1K", SL_ERR_INVALID, 0},
        {"1k", SL_ERR_INVALID, 0},
        {"1kB", SL_ERR_INVALID, 0},
        {"1kib", SL_ERR_INVALID, 0},
        {"1 KiB", SL_ERR_INVALID, 0},
        {"1KiB2B", SL_ERR_INVALID, 0},
        {"-1", SL_ERR_INVALID, 0},
        {"1.5MiB", SL_ERR_INVALID, 0},
        {"1KiB ", SL_ERR_INVALID, 0},
        {"1TiB", SL_ERR_INVALID, 0},
        {"1KiB/s", SL_ERR_INVALID, 0},
    };
    check_rows(rows, SL_N_ELEMENTS(rows), sl_read_size);
}

static void rates_are_read(void **state)
{
    static const struct row rows[] = {
        {"512B/s", 0, 512},
        {"1KiB/s", 0, 1024},
        {"512/s", 0, 512},
        {"0", 0, 0},
        {"0/s", 0, 0},
        {"0B/s", 0, 0},
        {"unlimited", 0, SL_UNLIMITED},
        {"17179869184GiB/s", SL_ERR_LIMIT, 0},
        {"", SL_ERR_INVALID, 0},
        {"/s", SL_ERR_INVALID, 0},
        {"512", SL_ERR_INVALID, 0},
        {"512B", SL_ERR_INVALID, 0},
        {"512B/", SL_ERR_INVALID, 0},
        {"512B/m", SL_ERR_INVALID, 0},
        {"512B/S", SL_ERR_INVALID, 0},
        {"512B /s", SL_ERR_INVALID, 0},
        {"s", SL_ERR_INVALID, 0},
        {"unlimited/s", SL_ERR_INVALID, 0},
        {"512Bs", SL_ERR_INVALID, 0},
        {"B/s", SL_ERR_INVALID, 0},
    };
    check_rows(rows, SL_N_ELEMENTS(rows), sl_read_rate);
}

static void numbers_are_read(void **state)
{
    static const struct row rows[] = {
        {"0", 0, 0},
        {"42", 0, 42},
        {"0042", 0, 42},
        {"18446744073709551615", 0, UINT64_MAX},
        {"18446744073709551616", SL_ERR_LIMIT, 0},
        {"99999999999999999999", SL_ERR_LIMIT, 0},
        {"184467440737095516150", SL_ERR_LIMIT, 0},
        {"", SL_ERR_INVALID, 0},
        {"-1", SL_ERR_INVALID, 0},
        {"+1", SL_ERR_INVALID, 0},
        {" 1", SL_ERR_INVALID, 0},
        {"1 ", SL_ERR_INVALID, 0},
        {"0x1", SL_ERR_INVALID, 0},
        {"1,000", SL_ERR_INVALID, 0},
        {"99999999999999999999a", SL_ERR_INVALID, 0},
        {"unlimited", SL_ERR_INVALID, 0},
        {":", SL_ERR_INVALID, 0},
        {"/", SL_ERR_INVALID, 0},
    };
    check_rows(rows, SL_N_ELEMENTS(rows), sl_read_u64);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_built),
        cmocka_unit_test(what_does_not_fit_is_cut),
        cmocka_unit_test(nothing_follows_a_cut),
        cmocka_unit_test(json_is_escaped),
        cmocka_unit_test(json_is_never_cut_in_a_character),
        cmocka_unit_test(durations_are_written),
        cmocka_unit_test(sizes_are_written),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(rates_are_read),
        cmocka_unit_test(numbers_are_read),
    };
    return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
