/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser: how it is driven. What it accepts and refuses stands in requests.c and responses.c; here
 * are the order of events, what is left of the input, counters, memory, and limits at their byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "events.h"

/* Allocations fail when the count-down reaches 0; -1: never. */
static int n_until_failure = -1;

static bool fails_now(void)
{
    return n_until_failure >= 0 && n_until_failure-- == 0;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return fails_now() ? NULL : __real_calloc(n, size);
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    return fails_now() ? NULL : __real_realloc(p, n);
}

static struct sl_parser *open_parser(enum sl_parser_kind kind)
{
    struct sl_parser *p = NULL;
    assert_int_equal(sl_parser_new(kind, &events_limits, &p), 0);
    return p;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

static void test_one_event_a_call(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in = SL_SPAN("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n2\r\nde\r\n0\r\nt: 1\r\n\r\nGET");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_memory_equal(in.ptr, "3\r\nabc", 6);
    const char *body = in.ptr + 3;
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_ptr_equal(sl_parser_body(p).ptr[0].ptr, body); /* nothing is copied */
    assert_int_equal(sl_parser_body_bytes(p), 5);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 3);
    assert_int_equal(sl_parser_trailers(p)->n_fields, 1);
    /* The end stays the end until reset. */
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 3);
    assert_int_equal(sl_parser_end(p), SL_PARSE_END);
    sl_parser_reset(p);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_int_equal(in.len, 0);
    sl_parser_free(&p);
    assert_null(p);
}

static void test_a_large_body_is_one_run(void **state)
{
    enum { N = 65536 };
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in = SL_SPAN("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n");
    char *body = malloc(N);
    memset(body, '\n', N);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    in = sl_span(body, N);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_int_equal(sl_parser_body(p).n_spans, 1);
    assert_ptr_equal(sl_parser_body(p).ptr[0].ptr, body);
    assert_int_equal(sl_parser_body(p).ptr[0].len, N);
    assert_int_equal(sl_parser_body(p).n_bytes, N);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    in = SL_SPAN("xGET");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 3);
    assert_int_equal(sl_parser_body_bytes(p), N + 1);
    free(body);
    sl_parser_free(&p);
}

static void test_the_end_needs_no_further_byte(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in = sl_span(get, sizeof(get) - 1), none = {0};
    assert_int_equal(sl_parser_feed(p, &none), SL_PARSE_MORE);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_int_equal(in.len, 0);
    assert_int_equal(sl_parser_feed(p, &none), SL_PARSE_END);
    sl_parser_free(&p);
}

static void test_what_follows_an_upgrade_is_left_alone(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_RESPONSE);
    struct sl_span in =
        SL_SPAN("HTTP/1.1 101 S\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n\0\1\2");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 3);
    assert_memory_equal(in.ptr, "\0\1\2", 3);
    sl_parser_free(&p);

    p = open_parser(SL_PARSER_REQUEST);
    in = SL_SPAN("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n\0\1\2");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(in.len, 3);
    /* The upgrade was refused: the connection goes on with HTTP. */
    sl_parser_reset(p);
    in = sl_span(get, sizeof(get) - 1);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    sl_parser_free(&p);
}

static void test_interim_heads_are_heads(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_RESPONSE);
    sl_parser_expect(p, SL_METHOD_HEAD);
    struct sl_span in = SL_SPAN("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"), none = {0};
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    /* It stays readable until bytes of the next head come. */
    assert_int_equal(sl_parser_feed(p, &none), SL_PARSE_MORE);
    assert_int_equal(sl_parser_head(p)->status, 103);
    assert_int_equal(sl_parser_head(p)->n_fields, 1);
    assert_false(sl_parser_has_begun(p));
    assert_int_equal(sl_parser_end(p), SL_PARSE_MORE);
    in = SL_SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    assert_int_equal(sl_parser_head(p)->status, 200);
    assert_int_equal(sl_parser_head_bytes(p), 38);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END); /* what was asked is remembered */
    sl_parser_free(&p);
}

static void test_what_counts_as_begun(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in = SL_SPAN("\r");
    assert_false(sl_parser_has_begun(p));
    assert_int_equal(sl_parser_end(p), SL_PARSE_MORE);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_false(sl_parser_has_begun(p));
    assert_int_equal(sl_parser_end(p), SL_PARSE_MORE);
    in = SL_SPAN("\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_false(sl_parser_has_begun(p));
    assert_int_equal(sl_parser_head_bytes(p), 0);
    in = SL_SPAN("G");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_MORE);
    assert_true(sl_parser_has_begun(p));
    assert_int_equal(sl_parser_head_bytes(p), 1);
    assert_int_equal(sl_parser_end(p), SL_PARSE_ERROR);
    assert_string_equal(sl_parser_refusal(p)->rule, "truncated");
    assert_int_equal(sl_parser_refusal(p)->status, 400);
    /* An error stays one. */
    in = SL_SPAN("\0");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_ERROR);
    assert_string_equal(sl_parser_refusal(p)->rule, "truncated");
    assert_int_equal(sl_parser_end(p), SL_PARSE_ERROR);
    assert_string_equal(sl_parser_refusal(p)->rule, "truncated");
    sl_parser_free(&p);
}

/* Feeds `start`, then n times `c`; returns after how many bytes in all it was refused. */
static size_t refused_after(enum sl_parser_kind kind, struct sl_span start, char c,
                            const char *rule)
{
    struct sl_parser *p = open_parser(kind);
    size_t n = start.len;
    enum sl_parse event = SL_PARSE_MORE;
    while (start.len)
        event = sl_parser_feed(p, &start);
    assert_int_not_equal(event, SL_PARSE_ERROR);
    for (; n < 5000 && event != SL_PARSE_ERROR; n++) {
        struct sl_span in = sl_span(&c, 1);
        event = sl_parser_feed(p, &in);
    }
    assert_int_equal(event, SL_PARSE_ERROR);
    assert_string_equal(sl_parser_refusal(p)->rule, rule);
    sl_parser_free(&p);
    return n;
}

static void test_limits_act_at_their_byte(void **state)
{
    const struct sl_head_limits *head = &events_limits.head;
    assert_int_equal(refused_after(SL_PARSER_REQUEST, SL_SPAN("GET "), '/', "target_too_long"),
                     4 + head->target_bytes + 1);
    assert_int_equal(
        refused_after(SL_PARSER_REQUEST, SL_SPAN("GET / HTTP/1.1\r\nA:"), 'a', "head_too_big"),
        head->head_bytes + 1);
    assert_int_equal(
        refused_after(SL_PARSER_RESPONSE, SL_SPAN("HTTP/1.1 200 "), 'a', "head_too_big"),
        head->head_bytes + 1);
    struct sl_span chunked = SL_SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_int_equal(refused_after(SL_PARSER_RESPONSE, chunked, '0', "chunk_line_too_long"),
                     chunked.len + events_limits.chunk_line_bytes + 1);
    struct sl_span last = SL_SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    assert_int_equal(refused_after(SL_PARSER_RESPONSE, last, 'a', "trailers_too_big"),
                     last.len + events_limits.trailer_bytes + 1);
}

static void test_memory_is_kept_and_given_back(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    for (int i = 0; i < 3; i++) {
        struct sl_span in = sl_span(get, sizeof(get) - 1);
        if (i)
            n_until_failure = 0; /* a warm parser allocates nothing */
        assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
        assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
        sl_parser_reset(p);
        n_until_failure = -1;
    }
    struct sl_span chunked =
        SL_SPAN("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "0\r\nt: 1\r\n\r\n");
    assert_int_equal(sl_parser_feed(p, &chunked), SL_PARSE_HEAD);
    assert_int_equal(sl_parser_feed(p, &chunked), SL_PARSE_END);
    assert_non_null(sl_parser_trailers(p)->text);
    sl_parser_shrink(p);
    assert_null(sl_parser_head(p)->text);
    assert_null(sl_parser_trailers(p)->text);
    struct sl_span in = sl_span(get, sizeof(get) - 1);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    sl_parser_free(&p);
    sl_parser_free(&p); /* of nothing: nothing */
}

/* The text and the list of fields grow, and move, while llhttp is within a field. */
static void test_a_large_head(void **state)
{
    enum { N_FIELDS = 500, N_VALUE = 120 };
    static const struct sl_parser_limits limits = {
        .head = {.head_bytes = 65536, .target_bytes = 100, .n_fields = N_FIELDS + 1},
        .trailer_bytes = 100,
        .chunk_line_bytes = 100,
    };
    for (size_t step = 1; step < 100000; step *= 7) {
        struct sl_parser *p = NULL;
        assert_int_equal(sl_parser_new(SL_PARSER_REQUEST, &limits, &p), 0);
        static char text[65536];
        struct sl_str s;
        sl_str_init(&s, text, sizeof(text));
        sl_str_addz(&s, "GET / HTTP/1.1\r\nHost: x\r\n");
        for (int i = 0; i < N_FIELDS; i++)
            sl_str_addf(&s, "n%d: %0*d\r\n", i, N_VALUE, i);
        sl_str_addz(&s, "\r\n");
        assert_false(s.is_cut);
        enum sl_parse event = SL_PARSE_MORE;
        for (size_t at = 0; at < s.len; at += step) {
            assert_int_equal(event, SL_PARSE_MORE);
            struct sl_span in = sl_span(text + at, s.len - at < step ? s.len - at : step);
            event = sl_parser_feed(p, &in);
        }
        assert_int_equal(event, SL_PARSE_HEAD);
        const struct sl_head *h = sl_parser_head(p);
        assert_int_equal(h->n_fields, N_FIELDS + 1);
        for (int i = 0; i < N_FIELDS; i++) {
            char name[16], value[N_VALUE + 1];
            snprintf(name, sizeof(name), "n%d", i);
            snprintf(value, sizeof(value), "%0*d", N_VALUE, i);
            assert_true(sl_span_eq(sl_head_name(h, &h->fields[i + 1]), sl_span_str(name)));
            assert_true(sl_span_eq(sl_head_value(h, &h->fields[i + 1]), sl_span_str(value)));
        }
        sl_parser_free(&p);
    }
}

static void test_every_allocation_may_fail(void **state)
{
    static const char text[] = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                               "a: b\r\na: b\r\na: b\r\na: b\r\n\r\n1\r\nx\r\n0\r\nt: 1\r\n\r\n";
    bool is_through = false;
    int n_failures = 0;
    for (; !is_through && n_failures < 20; n_failures++) {
        struct sl_parser *p = NULL;
        struct sl_span in = sl_span(text, sizeof(text) - 1);
        n_until_failure = n_failures;
        if (sl_parser_new(SL_PARSER_REQUEST, &events_limits, &p)) {
            n_until_failure = -1;
            assert_null(p);
            continue;
        }
        enum sl_parse event;
        do
            event = sl_parser_feed(p, &in);
        while (event == SL_PARSE_HEAD || event == SL_PARSE_BODY);
        n_until_failure = -1;
        is_through = event == SL_PARSE_END;
        if (!is_through) {
            assert_int_equal(event, SL_PARSE_ERROR);
            assert_string_equal(sl_parser_refusal(p)->rule, "out_of_memory");
            assert_int_equal(sl_parser_refusal(p)->status, 503);
        }
        sl_parser_free(&p);
    }
    assert_true(is_through);
    assert_in_range(n_failures, 5, 19);
}

static void test_the_head_may_be_edited_while_the_body_runs(void **state)
{
    struct sl_parser *p = open_parser(SL_PARSER_REQUEST);
    struct sl_span in =
        SL_SPAN("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n"
                "x\r\n0\r\n\r\n");
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_HEAD);
    char big[900];
    memset(big, 'x', sizeof(big));
    for (int i = 0; i < 3; i++)
        assert_int_equal(sl_head_add(sl_parser_head(p), SL_SPAN("a"), sl_span(big, sizeof(big))),
                         0);
    sl_head_drop(sl_parser_head(p), SL_FIELD_HOST);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_BODY);
    assert_int_equal(sl_parser_feed(p, &in), SL_PARSE_END);
    assert_int_equal(sl_parser_head(p)->n_fields, 5);
    sl_parser_free(&p);
}

/* A whole stream of messages, cut at random places. */
static void test_random_cuts(void **state)
{
    static const char text[] =
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
        "PUT /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "a;e=\"f\"\r\n0123456789\r\n1\r\n!\r\n00\r\nt: 1\r\nu: 2\r\n\r\n"
        "\r\nPOST /3 HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 7\r\n\r\n\r\n\r\n\r\nx"
        "GET /4 HTTP/1.1\r\nHost: x\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"
        "PUT /5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab";
    static struct events whole, cut;
    unsigned seed = 1;
    events_open(&whole, SL_PARSER_REQUEST, SL_METHOD_OTHER);
    whole.can_go_on = true;
    events_feed(&whole, sl_span(text, sizeof(text) - 1));
    events_end(&whole);
    assert_non_null(strstr(whole.buf, "B ab\n! 400 truncated\n"));
    for (int round = 0; round < 2000; round++) {
        events_open(&cut, SL_PARSER_REQUEST, SL_METHOD_OTHER);
        cut.can_go_on = true;
        for (size_t at = 0; at < sizeof(text) - 1;) {
            seed = seed * 1103515245 + 12345;
            size_t n = 1 + (seed >> 16) % (1 + (unsigned)round % 50);
            n = n < sizeof(text) - 1 - at ? n : sizeof(text) - 1 - at;
            events_feed(&cut, sl_span(text + at, n));
            at += n;
        }
        events_end(&cut);
        assert_string_equal(cut.buf, whole.buf);
        events_close(&cut);
    }
    events_close(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_event_a_call),
        cmocka_unit_test(test_a_large_body_is_one_run),
        cmocka_unit_test(test_the_end_needs_no_further_byte),
        cmocka_unit_test(test_what_follows_an_upgrade_is_left_alone),
        cmocka_unit_test(test_interim_heads_are_heads),
        cmocka_unit_test(test_what_counts_as_begun),
        cmocka_unit_test(test_limits_act_at_their_byte),
        cmocka_unit_test(test_memory_is_kept_and_given_back),
        cmocka_unit_test(test_a_large_head),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_the_head_may_be_edited_while_the_body_runs),
        cmocka_unit_test(test_random_cuts),
    };
    return cmocka_run_group_tests_name("parser", tests, NULL, NULL);
}
