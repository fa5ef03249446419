/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunks: several chunks of a body in one event of the parser: which bytes it holds, where it ends,
 * and that nothing is lost before what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "events.h"

#define REQUEST  "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

/* A parser that has read its head. */
static struct sl_parser *open_parser(enum sl_parser_kind kind)
{
    struct sl_parser *p = NULL;
    struct sl_span in = kind == SL_PARSER_REQUEST ? SL_SPAN(REQUEST) : SL_SPAN(RESPONSE);
    assert_int_equal(sl_parser_new(kind, &events_limits, &p), 0);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_int_equal(in.len, 0);
    return p;
}

/* The spans are `expected`, with a '|' between two. */
static void assert_body(const struct sl_parser *p, const char *expected)
{
    char text[200];
    struct sl_str s;
    struct sl_spans body = sl_parser_body(p);
    size_t n_bytes = 0;
    sl_str_init(&s, text, sizeof(text));
    for (size_t i = 0; i < body.n_spans; i++) {
        if (i)
            sl_str_add_char(&s, '|');
        sl_str_add(&s, body.ptr[i]);
        n_bytes += body.ptr[i].len;
    }
    assert_string_equal(text, expected);
    assert_int_equal(body.n_bytes, n_bytes);
}

static void test_what_comes_together_is_one_event(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    const char text[] = "3\r\nabc\r\n2;x=y\r\nde\r\n005\r\nfghij\r\n0\r\nt: 1\r\n\r\nGET";
    struct sl_span in = sl_span(text, sizeof(text) - 1);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "abc|de|fghij");
    assert_ptr_equal(sl_parser_body(p).ptr[2].ptr, strstr(text, "fghij")); /* nothing is copied */
    assert_int_equal(sl_parser_body_bytes(p), 10);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(sl_parser_trailers(p)->n_fields, 1);
    assert_int_equal(in.len, 3);
    sl_parser_free(&p);
}

static void test_the_last_chunk_right_behind_is_the_end(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_RESPONSE);
    struct sl_span in = SL_SPAN("3\r\nabc\r\n0\r\n\r\n"), none = {0};
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "abc");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 0);
    sl_parser_free(&p);

    /* Its size line came with the data, its end did not. */
    p = open_parser(SL_PARSER_RESPONSE);
    in = SL_SPAN("3\r\nabc\r\n0\r\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "abc");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_int_equal(in.len, 0);
    assert_int_equal(sl_parser_feed(p, &none), SL_PARSE_MORE);
    in = SL_SPAN("\r\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    sl_parser_free(&p);
}

static void test_a_chunk_may_go_on_with_the_next_feed(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in = SL_SPAN("3\r\nabc\r\n5\r\nhe");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "abc|he");
    assert_int_equal(in.len, 0);
    in = SL_SPAN("llo\r\n1\r\n!\r\n1");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "llo|!");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_int_equal(in.len, 0);
    in = SL_SPAN("0\r\n0123456789abcdef\r\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_body(p, "0123456789abcdef");
    assert_int_equal(sl_parser_body_bytes(p), 3 + 5 + 1 + 16);
    sl_parser_free(&p);
}

/* n chunks of one byte and the last one: events with as many as have place, and nothing lost. */
static void test_place_runs_out(void **state)
{
    for (size_t n = 1; n <= 3 * SL_SPANS_MAX + 1; n++) {
        struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
        char text[1000], got[100];
        struct sl_str s;
        size_t n_got = 0;
        sl_str_init(&s, text, sizeof(text));
        for (size_t i = 0; i < n; i++)
            sl_str_addf(&s, "1\r\n%c\r\n", (int)('0' + i));
        sl_str_addz(&s, "0\r\n\r\n");
        struct sl_span in = sl_str_span(&s);
        while (n_got < n) {
            size_t n_expected = n - n_got < SL_SPANS_MAX ? n - n_got : SL_SPANS_MAX;
            assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
            struct sl_spans body = sl_parser_body(p);
            assert_int_equal(body.n_spans, n_expected);
            assert_int_equal(body.n_bytes, n_expected);
            for (size_t i = 0; i < body.n_spans; i++)
                got[n_got++] = body.ptr[i].ptr[0];
            assert_int_equal(sl_parser_body_bytes(p), n_got);
        }
        assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
        assert_int_equal(in.len, 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(got[i], '0' + i);
        sl_parser_free(&p);
    }
}

/* Good chunks "abc" and "de", and then this. */
static const struct {
    const char *text, *rule;
} faults[] = {
    {"3\r\nabc\r\n2\r\ndeX", "bad_chunk_end"},
    {"3\r\nabc\r\n2\r\nde\rX", "bad_chunk_end"},
    {"3\r\nabc\r\n2\r\nde\n", "bad_chunk_end"},
    {"3\r\nabc\r\n2\r\nde\r\nx\r\n", "bad_chunk_size"},
    {"3\r\nabc\r\n2\r\nde\r\n-1\r\n", "bad_chunk_size"},
    {"3\r\nabc\r\n2\r\nde\r\n\r\n", "bad_chunk_size"},
    {"3\r\nabc\r\n2\r\nde\r\n10000000000000000\r\n", "chunk_overflow"},
    {"3\r\nabc\r\n2\r\nde\r\n0000000000000000000000000000000000000000000000",
     "chunk_line_too_long"},
};

static void test_what_stands_before_a_fault_is_told_first(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(faults); i++) {
        for (int kind = SL_PARSER_REQUEST; kind <= SL_PARSER_RESPONSE; kind++) {
            struct sl_parser *p = open_parser((enum sl_parser_kind)kind);
            struct sl_span in = sl_span_str(faults[i].text), none = {0};
            assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
            assert_body(p, "abc|de");
            assert_int_equal(sl_parser_body_bytes(p), 5);
            /* Even where no byte is left. */
            assert_int_equal(sl_parser_feed(p, i % 2 ? &in : &none), SL_PARSE_ERROR);
            assert_string_equal(sl_parser_refusal(p)->rule, faults[i].rule);
            assert_int_equal(sl_parser_refusal(p)->status, kind == SL_PARSER_REQUEST ? 400 : 502);
            assert_int_equal(sl_parser_body_bytes(p), 5);
            assert_int_equal(sl_parser_end(p), SL_PARSE_ERROR);
            assert_string_equal(sl_parser_refusal(p)->rule, faults[i].rule);
            sl_parser_free(&p);
        }
    }
}

/* The same bytes and the same end, cut once at each byte, and in pieces of each size. */
static void assert_same_however_cut(const char *body)
{
    static struct events whole, cut;
    char text[600];
    struct sl_str s;
    sl_str_init(&s, text, sizeof(text));
    sl_str_addz(&s, REQUEST);
    sl_str_addz(&s, body);
    events_open(&whole, SL_PARSER_REQUEST, SL_METHOD_OTHER);
    events_feed(&whole, sl_str_span(&s));
    events_end(&whole);
    for (size_t at = 1; at < s.len; at++) {
        events_open(&cut, SL_PARSER_REQUEST, SL_METHOD_OTHER);
        events_feed(&cut, sl_span(text, at));
        events_feed(&cut, sl_span(text + at, s.len - at));
        events_end(&cut);
        assert_string_equal(cut.buf, whole.buf);
        events_close(&cut);
        events_open(&cut, SL_PARSER_REQUEST, SL_METHOD_OTHER);
        for (size_t done = 0; done < s.len; done += at)
            events_feed(&cut, sl_span(text + done, s.len - done < at ? s.len - done : at));
        events_end(&cut);
        assert_string_equal(cut.buf, whole.buf);
        events_close(&cut);
    }
    assert_non_null(strstr(whole.buf, "\nB abcde"));
    events_close(&whole);
}

static void test_cuts_change_nothing(void **state)
{
    assert_same_however_cut("3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0a\r\n0123456789\r\n0\r\nt: 1\r\n\r\n");
    assert_same_however_cut("1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n1\r\ng\r\n"
                            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n1\r\ng\r\n"
                            "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n");
    assert_same_however_cut("3\r\nabc\r\n2\r\nde\r\n7\r\nunfinis");
    for (size_t i = 0; i < SL_N_ELEMENTS(faults); i++)
        assert_same_however_cut(faults[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_together_is_one_event),
        cmocka_unit_test(test_the_last_chunk_right_behind_is_the_end),
        cmocka_unit_test(test_a_chunk_may_go_on_with_the_next_feed),
        cmocka_unit_test(test_place_runs_out),
        cmocka_unit_test(test_what_stands_before_a_fault_is_told_first),
        cmocka_unit_test(test_cuts_change_nothing),
    };
    return cmocka_run_group_tests_name("chunks", tests, NULL, NULL);
}
