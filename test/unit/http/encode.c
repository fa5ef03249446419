/* SPDX-License-Identifier: Apache-2.0 */
/* encode: what is written, what is left out, and that what is written reads back as it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <sluice/http/encode.h>
#include <sluice/http/parser.h>

static const struct sl_head_limits limits = {
    .head_bytes = 65536, .target_bytes = 100, .n_fields = 100};
static struct sl_chunkpool pool;

static bool is_out_of_memory;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return is_out_of_memory ? NULL : __real_malloc(n);
}

static int setup(void **state)
{
    sl_chunkpool_init(&pool, 0);
    return 0;
}

static int teardown(void **state)
{
    assert_int_equal(pool.n_used, 0);
    sl_chunkpool_fini(&pool);
    return 0;
}

static void open_queue(struct sl_chunkq *q)
{
    sl_chunkq_init(q, &pool, 65536, 32768);
}

static void assert_queue(struct sl_chunkq *q, const char *expected)
{
    size_t n = q->n_bytes;
    char *found = calloc(1, n + 1);
    assert_non_null(found);
    assert_int_equal(sl_chunkq_take(q, found, n), n);
    sl_chunkq_consume(q, q->n_bytes);
    assert_string_equal(found, expected);
    free(found);
}

static void add(struct sl_head *h, const char *name, const char *value)
{
    assert_int_equal(sl_head_add(h, sl_span_str(name), sl_span_str(value)), 0);
}

static void test_requests(void **state)
{
    struct sl_chunkq q;
    struct sl_head h;
    struct sl_encoding enc = {.coding = SL_CODING_NONE};
    open_queue(&q);
    sl_head_init(&h, &limits);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("POST"), SL_SPAN("http://x/")), 0);
    h.minor = 0; /* whatever came in, HTTP/1.1 goes out */
    add(&h, "hOsT", "x");
    add(&h, "Connection", "close");
    add(&h, "X-Empty", "");
    add(&h, "content-length", "77");
    add(&h, "X-Gone", "1");
    add(&h, "Transfer-Encoding", "gzip");
    sl_head_drop_named(&h, SL_SPAN("x-gone"));

    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/a?b"), &enc), 0);
    assert_queue(&q, "POST /a?b HTTP/1.1\r\nhOsT: x\r\nX-Empty: \r\n\r\n");
    enc = (struct sl_encoding){SL_CODING_LENGTH, 0, "close"};
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("?b"), &enc), 0);
    assert_queue(&q, "POST /?b HTTP/1.1\r\nhOsT: x\r\nX-Empty: \r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n");
    enc = (struct sl_encoding){SL_CODING_LENGTH, UINT64_MAX, NULL};
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("*"), &enc), 0);
    assert_queue(&q, "POST * HTTP/1.1\r\nhOsT: x\r\nX-Empty: \r\n"
                     "Content-Length: 18446744073709551615\r\n\r\n");
    enc = (struct sl_encoding){SL_CODING_CHUNKED, 5, "keep-alive"};
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/"), &enc), 0);
    assert_queue(&q, "POST / HTTP/1.1\r\nhOsT: x\r\nX-Empty: \r\nTransfer-Encoding: chunked\r\n"
                     "Connection: keep-alive\r\n\r\n");
    sl_head_fini(&h);
}

static void test_responses(void **state)
{
    struct sl_chunkq q;
    struct sl_head h;
    const struct sl_encoding enc = {.coding = SL_CODING_CLOSE, .connection = "close"};
    open_queue(&q);
    sl_head_init(&h, &limits);
    sl_head_set_status(&h, 404);
    add(&h, "A", "b");
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN(""), &enc), 0);
    assert_queue(&q, "HTTP/1.1 404 Not Found\r\nA: b\r\nConnection: close\r\n\r\n");
    sl_head_set_status(&h, 599);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN(""), &enc), 0);
    assert_queue(&q, "HTTP/1.1 599 Unknown\r\nA: b\r\nConnection: close\r\n\r\n");
    sl_head_fini(&h);
}

static void test_start_lines_that_must_not_be_sent(void **state)
{
    struct sl_chunkq q;
    struct sl_head h;
    const struct sl_encoding enc = {.coding = SL_CODING_NONE};
    open_queue(&q);
    sl_head_init(&h, &limits);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("GET"), SL_SPAN("/")), 0);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN(""), &enc), SL_ERR_INVALID);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/ HTTP/1.1"), &enc), SL_ERR_INVALID);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/\r\nA: b"), &enc), SL_ERR_INVALID);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/\0"), &enc), SL_ERR_INVALID);
    sl_head_reset(&h);
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/"), &enc), SL_ERR_INVALID);
    assert_true(sl_chunkq_is_empty(&q));
    sl_head_fini(&h);
}

/* A head cannot come to hold such a field; here it is forced to. `at`: of the byte in "Bad: one".
 */
static void encode_bad_field(char byte, size_t at)
{
    struct sl_chunkq q;
    struct sl_head h;
    const struct sl_encoding enc = {.coding = SL_CODING_NONE};
    open_queue(&q);
    sl_head_init(&h, &limits);
    assert_int_equal(sl_head_set_request(&h, SL_SPAN("GET"), SL_SPAN("/")), 0);
    add(&h, "A", "b");
    add(&h, "Bad", "one");
    add(&h, "C", "d");
    h.text[h.fields[1].name + at] = byte;
    assert_int_equal(sl_encode_head(&q, &h, SL_SPAN("/"), &enc), 0);
    assert_queue(&q, "GET / HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n");
    sl_head_fini(&h);
}

/* A release build leaves the field out; a debug build stops. */
static void test_fields_of_two_lines_are_never_sent(void **state)
{
    static const char bad[] = {'\r', '\n', '\0'};
    for (size_t i = 0; i < sizeof(bad); i++) {
        for (size_t at = 0; at < strlen("Bad: one"); at++) {
            if (at == strlen("Bad") || at == strlen("Bad:")) /* written anew */
                continue;
#ifdef NDEBUG
            encode_bad_field(bad[i], at);
#else
            int status;
            pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                close(STDERR_FILENO);
                encode_bad_field(bad[i], at);
                _exit(0);
            }
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
#endif
        }
    }
}

static void test_large_values_go_through(void **state)
{
    static char value[40000], expected[41000];
    for (size_t n = 4000; n <= sizeof(value); n += n < 4200 ? 1 : 7000) {
        struct sl_chunkq q;
        struct sl_head h;
        const struct sl_encoding enc = {.coding = SL_CODING_NONE};
        open_queue(&q);
        sl_head_init(&h, &limits);
        sl_head_set_status(&h, 200);
        memset(value, 'v', n);
        assert_int_equal(sl_head_add(&h, SL_SPAN("A"), sl_span(value, n)), 0);
        assert_int_equal(sl_encode_head(&q, &h, SL_SPAN(""), &enc), 0);
        snprintf(expected, sizeof(expected), "HTTP/1.1 200 OK\r\nA: %.*s\r\n\r\n", (int)n, value);
        assert_queue(&q, expected);
        sl_head_fini(&h);
    }
}

static void test_chunks(void **state)
{
    static const struct {
        uint64_t n;
        const char *text;
    } rows[] = {
        {0, "0\r\n"},
        {1, "1\r\n"},
        {9, "9\r\n"},
        {10, "a\r\n"},
        {15, "f\r\n"},
        {16, "10\r\n"},
        {255, "ff\r\n"},
        {4096, "1000\r\n"},
        {0xdeadbeef, "deadbeef\r\n"},
        {0x10000, "10000\r\n"},
        {UINT64_MAX, "ffffffffffffffff\r\n"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        char buf[20];
        size_t n = sl_encode_chunk_size(buf, rows[i].n);
        assert_int_equal(n, strlen(rows[i].text));
        assert_memory_equal(buf, rows[i].text, n);
    }
}

static void test_last_chunks(void **state)
{
    struct sl_chunkq q;
    struct sl_head h;
    open_queue(&q);
    assert_int_equal(sl_encode_last_chunk(&q, NULL), 0);
    assert_queue(&q, "0\r\n\r\n");
    sl_head_init(&h, &limits);
    assert_int_equal(sl_encode_last_chunk(&q, &h), 0);
    assert_queue(&q, "0\r\n\r\n");
    add(&h, "X-Sum", "1");
    add(&h, "Cookie", "2");
    add(&h, "Y", "3");
    h.fields[1].is_dropped = true;
    assert_int_equal(sl_encode_last_chunk(&q, &h), 0);
    assert_queue(&q, "0\r\nX-Sum: 1\r\nY: 3\r\n\r\n");
    sl_head_fini(&h);
}

static void test_out_of_memory_is_told(void **state)
{
    struct sl_chunkq q;
    struct sl_head h;
    const struct sl_encoding enc = {.coding = SL_CODING_NONE};
    open_queue(&q);
    sl_head_init(&h, &limits);
    sl_head_set_status(&h, 200);
    char big[5000];
    memset(big, 'x', sizeof(big));
    assert_int_equal(sl_head_add(&h, SL_SPAN("a"), sl_span(big, sizeof(big))), 0);
    is_out_of_memory = true;
    int head = sl_encode_head(&q, &h, SL_SPAN(""), &enc);
    int last = sl_encode_last_chunk(&q, NULL);
    is_out_of_memory = false;
    assert_int_equal(head, SL_ERR_MEMORY);
    assert_int_equal(last, SL_ERR_MEMORY);
    assert_true(sl_chunkq_is_empty(&q));
    sl_head_fini(&h);
}

/* What was parsed and written is parsed again: the same fields, framed the same way. */
static void test_round_trip(void **state)
{
    static const struct sl_parser_limits parser_limits = {
        .head = {4096, 1000, 50}, .trailer_bytes = 1000, .chunk_line_bytes = 100};
    static const char text[] =
        "PUT /a%20b?c HTTP/1.1\r\nHost:  x:80 \r\nA:b\r\nC:\r\nA: d\xff e\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    struct sl_parser *first = NULL, *second = NULL;
    struct sl_chunkq q;
    char buf[1000];
    open_queue(&q);
    assert_int_equal(sl_parser_new(SL_PARSER_REQUEST, &parser_limits, &first), 0);
    assert_int_equal(sl_parser_new(SL_PARSER_REQUEST, &parser_limits, &second), 0);
    struct sl_span in = SL_SPAN("");
    in = sl_span(text, sizeof(text) - 1);
    assert_int_equal(sl_parser_feed(first, &in), SL_PARSE_HEAD);
    const struct sl_head *a = sl_parser_head(first), *b = sl_parser_head(second);
    const struct sl_encoding enc = {.coding = SL_CODING_CHUNKED};
    assert_int_equal(sl_encode_head(&q, a, sl_head_target(a), &enc), 0);
    in = sl_span(buf, sl_chunkq_take(&q, buf, sizeof(buf)));
    sl_chunkq_clear(&q);
    assert_int_equal(sl_parser_feed(second, &in), SL_PARSE_HEAD);
    assert_int_equal(in.len, 0);
    assert_true(sl_span_eq(sl_head_target(a), sl_head_target(b)));
    assert_int_equal(sl_parser_framing(second)->body, SL_BODY_CHUNKED);
    assert_int_equal(a->n_fields, b->n_fields);
    for (size_t i = 0; i < a->n_fields; i++) {
        assert_true(sl_span_eq(sl_head_name(a, &a->fields[i]), sl_head_name(b, &b->fields[i])));
        assert_true(sl_span_eq(sl_head_value(a, &a->fields[i]), sl_head_value(b, &b->fields[i])));
    }
    sl_parser_free(&first);
    sl_parser_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_responses, setup, teardown),
        cmocka_unit_test_setup_teardown(test_start_lines_that_must_not_be_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields_of_two_lines_are_never_sent, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_values_go_through, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_chunks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_out_of_memory_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_round_trip, setup, teardown),
    };
    return cmocka_run_group_tests_name("encode", tests, NULL, NULL);
}
