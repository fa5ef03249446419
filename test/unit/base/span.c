/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed runs of bytes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sluice/base/span.h>

static void spans_are_compared_by_bytes(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_eq, is_ieq, starts;
    } rows[] = {
        {"", "", true, true, true},
        {"a", "", false, false, true},
        {"", "a", false, false, false},
        {"abc", "abc", true, true, true},
        {"abc", "abd", false, false, false},
        {"abc", "ab", false, false, true},
        {"Content-Length", "content-lENGTH", false, true, false},
        {"[", "{", false, false, false},
        {"@", "`", false, false, false},
        {"\xC4", "\xE4", false, false, false},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_span a = sl_span_str(rows[i].a), b = sl_span_str(rows[i].b);
        assert_int_equal(sl_span_eq(a, b), rows[i].is_eq);
        assert_int_equal(sl_span_ieq(a, b), rows[i].is_ieq);
        assert_int_equal(sl_span_starts(a, b), rows[i].starts);
    }
    assert_true(sl_span_eq(sl_span("a\0b", 3), SL_SPAN("a\0b")));
    assert_false(sl_span_eq(sl_span("a\0b", 3), SL_SPAN("a\0c")));
}

static void nothing_is_a_span_too(void **state)
{
    struct sl_span none = sl_span_str(NULL);
    assert_int_equal(none.len, 0);
    assert_true(sl_span_eq(none, SL_SPAN("")));
    assert_true(sl_span_ieq(none, SL_SPAN("")));
    assert_true(sl_span_starts(none, none));
    assert_null(sl_span_skip(none, 0).ptr);
    assert_int_equal(sl_span_trim(none).len, 0);
}

static void blanks_are_trimmed(void **state)
{
    static const struct {
        const char *text, *trimmed;
    } rows[] = {
        {"", ""},           {" ", ""},      {" \t \t", ""},
        {" a", "a"},        {"a\t", "a"},   {" \ta b\t ", "a b"},
        {"\na\r", "\na\r"}, {"\va", "\va"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        assert_true(
            sl_span_eq(sl_span_trim(sl_span_str(rows[i].text)), sl_span_str(rows[i].trimmed)));
}

static void skipping_keeps_the_rest(void **state)
{
    struct sl_span s = sl_span_skip(SL_SPAN("abcd"), 3);
    assert_true(sl_span_eq(s, SL_SPAN("d")));
    assert_int_equal(sl_span_skip(s, 1).len, 0);
}

static void the_owner_is_found_by_its_member(void **state)
{
    struct owner {
        int before, member;
    } owner;
    assert_ptr_equal(sl_container_of(&owner.member, struct owner, member), &owner);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans_are_compared_by_bytes),
        cmocka_unit_test(nothing_is_a_span_too),
        cmocka_unit_test(blanks_are_trimmed),
        cmocka_unit_test(skipping_keeps_the_rest),
        cmocka_unit_test(the_owner_is_found_by_its_member),
    };
    return cmocka_run_group_tests_name("span", tests, NULL, NULL);
}
