/* SPDX-License-Identifier: Apache-2.0 */
/* head: fields, lists, limits and the memory of a head that grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/http/head.h>

static const struct sl_head_limits limits = {
    .head_bytes = 1000, .target_bytes = 100, .n_fields = 10};

static void assert_span(struct sl_span s, const char *expected)
{
    if (!sl_span_eq(s, sl_span_str(expected)))
        fail_msg("expected '%s', found '%.*s'", expected, (int)s.len, s.ptr);
}

static void add(struct sl_head *h, const char *name, const char *value)
{
    assert_int_equal(sl_head_add(h, sl_span_str(name), sl_span_str(value)), 0);
}

static void test_names_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        enum sl_field_id id;
    } rows[] = {
#define X(sym, name) {name, SL_FIELD_##sym},
        SL_FIELDS(X)
#undef X
            {"CONTENT-LENGTH", SL_FIELD_CONTENT_LENGTH},
        {"Host", SL_FIELD_HOST},
        {"tE", SL_FIELD_TE},
        {"", SL_FIELD_OTHER},
        {"T", SL_FIELD_OTHER},
        {"hos", SL_FIELD_OTHER},
        {"hosts", SL_FIELD_OTHER},
        {"content_length", SL_FIELD_OTHER},
        {"x-forwarded-fox", SL_FIELD_OTHER},
        {"\xc8ost", SL_FIELD_OTHER},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        if (sl_field_id(sl_span_str(rows[i].name)) != rows[i].id)
            fail_msg("%s", rows[i].name);
}

static void test_tokens(void **state)
{
    static const char other[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 5.6.2 */
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        bool is_tchar = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || (c && strchr(other, c));
        if (sl_is_token(sl_span(&byte, 1)) != is_tchar)
            fail_msg("byte %d", c);
    }
    assert_false(sl_is_token(SL_SPAN("")));
    assert_true(sl_is_token(SL_SPAN("a-b")));
    assert_false(sl_is_token(SL_SPAN("a b")));
}

static void test_values_hold_no_controls(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    for (int c = 0; c < 256; c++) {
        char value[3] = {'a', (char)c, 'b'};
        bool is_allowed = c == '\t' || (c >= ' ' && c != 0x7f);
        int err = sl_head_add(&h, SL_SPAN("a"), sl_span(value, 3));
        if (err != (is_allowed ? 0 : SL_ERR_INVALID))
            fail_msg("byte %d", c);
        sl_head_reset(&h);
    }
    assert_int_equal(sl_head_add(&h, SL_SPAN("a b"), SL_SPAN("c")), SL_ERR_INVALID);
    assert_int_equal(sl_head_add(&h, SL_SPAN(""), SL_SPAN("c")), SL_ERR_INVALID);
    assert_int_equal(sl_head_add(&h, SL_SPAN("a:"), SL_SPAN("c")), SL_ERR_INVALID);
    assert_int_equal(h.n_fields, 0);
    sl_head_fini(&h);
}

static void test_fields_are_added_found_and_dropped(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    add(&h, "Via", " 1.1 a\t");
    add(&h, "X-Any", "");
    add(&h, "VIA", "1.1 b");
    add(&h, "x-any", "2");
    assert_span(sl_head_name(&h, &h.fields[0]), "Via");
    assert_span(sl_head_value(&h, &h.fields[0]), "1.1 a");
    assert_span(sl_head_value(&h, &h.fields[1]), "");

    const struct sl_field *f = sl_head_find(&h, SL_FIELD_VIA, NULL);
    assert_ptr_equal(f, &h.fields[0]);
    f = sl_head_find(&h, SL_FIELD_VIA, f);
    assert_ptr_equal(f, &h.fields[2]);
    assert_null(sl_head_find(&h, SL_FIELD_VIA, f));
    assert_null(sl_head_find(&h, SL_FIELD_HOST, NULL));

    h.fields[0].is_dropped = true;
    assert_ptr_equal(sl_head_find(&h, SL_FIELD_VIA, NULL), &h.fields[2]);
    sl_head_drop(&h, SL_FIELD_VIA);
    assert_null(sl_head_find(&h, SL_FIELD_VIA, NULL));
    sl_head_drop_named(&h, SL_SPAN("X-ANY"));
    assert_true(h.fields[1].is_dropped && h.fields[3].is_dropped);

    add(&h, "Host", "a");
    add(&h, "TE", "b");
    add(&h, "X-Any", "c");
    sl_head_drop_all(&h, SL_FIELD_BIT(SL_FIELD_TE) | SL_FIELD_BIT(SL_FIELD_DATE));
    assert_true(!h.fields[4].is_dropped && h.fields[5].is_dropped && !h.fields[6].is_dropped);
    sl_head_drop_all(&h, SL_FIELD_BIT(SL_FIELD_TE) | SL_FIELD_BIT(SL_FIELD_HOST));
    assert_true(h.fields[4].is_dropped && !h.fields[6].is_dropped);
    sl_head_reset(&h);
    assert_null(sl_head_find(&h, SL_FIELD_VIA, NULL));
    add(&h, "Via", "1.1 c");
    assert_ptr_equal(sl_head_find(&h, SL_FIELD_VIA, NULL), &h.fields[0]);
    sl_head_fini(&h);
}

static void test_lists(void **state)
{
    static const struct {
        const char *value, *members; /* joined with '|' */
    } rows[] = {
        {"", ""},
        {" , ,\t,", ""},
        {"a", "a|"},
        {"a,b", "a|b|"},
        {" a , b\t,, c ", "a|b|c|"},
        {"a b, c", "a b|c|"},
        {"\"a,b\", c", "\"a,b\"|c|"},
        {"a=\"b\\\",c\", d", "a=\"b\\\",c\"|d|"},
        {"\"a, b", "\"a, b|"},
        {"\"a\\", "\"a\\|"},
        {",", ""},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        char found[64] = "";
        struct sl_span rest = sl_span_str(rows[i].value), member;
        while (sl_list_next(&rest, &member)) {
            strncat(found, member.ptr, member.len);
            strcat(found, "|");
        }
        assert_string_equal(found, rows[i].members);
    }

    struct sl_head h;
    sl_head_init(&h, &limits);
    add(&h, "Connection", "close, X-A");
    add(&h, "Upgrade", "websocket");
    add(&h, "connection", "Keep-Alive");
    assert_true(sl_head_lists(&h, SL_FIELD_CONNECTION, SL_SPAN("Close")));
    assert_true(sl_head_lists(&h, SL_FIELD_CONNECTION, SL_SPAN("x-a")));
    assert_true(sl_head_lists(&h, SL_FIELD_CONNECTION, SL_SPAN("keep-alive")));
    assert_false(sl_head_lists(&h, SL_FIELD_CONNECTION, SL_SPAN("keep")));
    assert_false(sl_head_lists(&h, SL_FIELD_CONNECTION, SL_SPAN("websocket")));
    sl_head_fini(&h);
}

/* What is added may come from the same head although its text moves. */
static void test_a_head_may_feed_itself(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    add(&h, "X-First", "0123456789");
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(
            sl_head_add(&h, sl_head_name(&h, &h.fields[i]), sl_head_value(&h, &h.fields[i])), 0);
    assert_int_equal(h.n_fields, 31);
    assert_span(sl_head_value(&h, &h.fields[30]), "0123456789");
    sl_head_shrink(&h);

    char big[900];
    memset(big, 'x', sizeof(big));
    assert_int_equal(sl_head_add(&h, SL_SPAN("a"), sl_span(big, sizeof(big))), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(sl_head_add(&h, SL_SPAN("b"), sl_head_value(&h, &h.fields[i])), 0);
    assert_true(sl_span_eq(sl_head_value(&h, &h.fields[3]), sl_span(big, sizeof(big))));
    sl_head_shrink(&h);

    assert_int_equal(sl_head_set_request(&h, SL_SPAN("PUT"), sl_span(big, sizeof(big))), 0);
    assert_int_equal(sl_head_set_request(&h, sl_head_method(&h), sl_head_target(&h)), 0);
    assert_span(sl_head_method(&h), "PUT");
    assert_true(sl_span_eq(sl_head_target(&h), sl_span(big, sizeof(big))));
    sl_head_fini(&h);
}

static void test_additions_are_bounded(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    size_t n = 0;
    int err = 0;
    while (n < 1000 && !(err = sl_head_add(&h, SL_SPAN("a"), SL_SPAN("b"))))
        n++;
    assert_int_equal(err, SL_ERR_LIMIT);
    assert_in_range(n, limits.n_fields + 16, 100);

    sl_head_reset(&h);
    char big[1000];
    memset(big, 'x', sizeof(big));
    for (n = 0; n < 100 && !(err = sl_head_add(&h, SL_SPAN("a"), sl_span(big, sizeof(big)))); n++)
        ;
    assert_int_equal(err, SL_ERR_LIMIT);
    assert_in_range(n, 2, 10);
    assert_int_equal(h.n_fields, n);
    sl_head_fini(&h);
}

static void test_reset_keeps_memory_and_shrink_gives_it_back(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    add(&h, "a", "b");
    char *text = h.text;
    sl_head_reset(&h);
    assert_int_equal(h.n_fields, 0);
    assert_int_equal(h.n_text, 0);
    assert_ptr_equal(h.text, text);
    sl_head_shrink(&h);
    assert_null(h.text);
    assert_null(h.fields);
    add(&h, "c", "d");
    assert_span(sl_head_value(&h, &h.fields[0]), "d");
    sl_head_fini(&h);
    assert_null(h.text);
}

static void test_start_lines_can_be_set(void **state)
{
    struct sl_head h;
    sl_head_init(&h, &limits);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("GET"), SL_SPAN("/a?b")), 0);
    assert_true(h.is_request);
    assert_int_equal(h.method, SL_METHOD_GET);
    assert_int_equal(h.minor, 1);
    assert_span(sl_head_method(&h), "GET");
    assert_span(sl_head_target(&h), "/a?b");
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("get"), SL_SPAN("/")), 0);
    assert_int_equal(h.method, SL_METHOD_OTHER);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("G T"), SL_SPAN("/")), SL_ERR_INVALID);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("GET"), SL_SPAN("/ b")), SL_ERR_INVALID);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("GET"), SL_SPAN("/\r\nb")), SL_ERR_INVALID);
    sl_head_reset(&h);
    sl_head_set_status(&h, 404);
    assert_false(h.is_request);
    assert_int_equal(h.status, 404);
    assert_int_equal(h.minor, 1);
    assert_span(sl_head_reason(&h), "");
    sl_head_fini(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_told_apart),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_values_hold_no_controls),
        cmocka_unit_test(test_fields_are_added_found_and_dropped),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_a_head_may_feed_itself),
        cmocka_unit_test(test_additions_are_bounded),
        cmocka_unit_test(test_reset_keeps_memory_and_shrink_gives_it_back),
        cmocka_unit_test(test_start_lines_can_be_set),
    };
    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
