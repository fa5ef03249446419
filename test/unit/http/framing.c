/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framing: the decision by itself, on heads that no lexer and no llhttp has looked at. So each rule
 * is seen to hold on its own, also those that llhttp would enforce before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/base/str.h>
#include <sluice/http/framing.h>

#define N_FIELDS 4

struct row {
    const char *method; /* "GET"; responses: of the request */
    const char *target; /* NULL: a response */
    int status;
    int minor;
    const char *fields[N_FIELDS]; /* "Name: value" */
    const char *expected;         /* "chunked persistent", or "400 no_host" */
};

static void describe(struct sl_str *s, int err, const struct sl_framing *f,
                     const struct sl_refusal *r)
{
    static const char *const bodies[] = {"none", "length", "chunked", "eof"};
    if (err) {
        assert_int_equal(err, SL_ERR_INVALID);
        assert_true(strlen(r->why) > 10);
        sl_str_addf(s, "%d %s", r->status, r->rule);
        return;
    }
    sl_str_addz(s, bodies[f->body]);
    if (f->has_content_length)
        sl_str_addf(s, " %llu", (unsigned long long)f->content_length);
    sl_str_addz(s, f->is_persistent ? " persistent" : "");
    sl_str_addz(s, f->is_upgrade ? " upgrade" : "");
    sl_str_addz(s, f->expects_continue ? " continue" : "");
}

static void check(const struct row *row)
{
    static const struct sl_head_limits limits = {1000, 100, 10};
    struct sl_head h;
    struct sl_framing f = {0};
    struct sl_refusal r = {0};
    char buf[128];
    struct sl_str found;
    sl_head_init(&h, &limits);
    sl_str_init(&found, buf, sizeof(buf));
    assert_int_equal(sl_head_set_request(&h, sl_span_str(row->method),
                                         sl_span_str(row->target ? row->target : "/")),
                     0);
    enum sl_method method = h.method;
    for (size_t i = 0; i < N_FIELDS && row->fields[i]; i++) {
        const char *colon = strchr(row->fields[i], ':');
        assert_int_equal(sl_head_add(&h, sl_span(row->fields[i], (size_t)(colon - row->fields[i])),
                                     sl_span_str(colon + 1)),
                         0);
    }
    if (!row->target)
        sl_head_set_status(&h, row->status);
    h.minor = (uint8_t)row->minor;
    int err = row->target ? sl_framing_of_request(&h, &f, &r)
                          : sl_framing_of_response(&h, method, &f, &r);
    describe(&found, err, &f, &r);
    if (strcmp(buf, row->expected))
        fail_msg("%s %s %d %s: expected '%s', found '%s'", row->method,
                 row->target ? row->target : "", row->status, row->fields[0] ? row->fields[0] : "",
                 row->expected, buf);
    sl_head_fini(&h);
}

#define HOST    "Host: x"
#define CL      "Content-Length: "
#define TE      "Transfer-Encoding: "
#define UPGRADE "Upgrade: a", "Connection: upgrade"

static void test_requests(void **state)
{
    static const struct row rows[] = {
        {"GET", "/", 0, 1, {HOST}, "none persistent"},
        {"POST", "/", 0, 1, {HOST, CL "5"}, "length 5 persistent"},
        {"POST", "/", 0, 1, {HOST, CL "0"}, "none 0 persistent"},
        {"POST",
         "/",
         0,
         1,
         {HOST, CL "9223372036854775807"},
         "length 9223372036854775807 persistent"},
        {"POST", "/", 0, 1, {HOST, TE "chunked"}, "chunked persistent"},
        {"POST", "/", 0, 1, {HOST, TE "CHUNKED"}, "chunked persistent"},
        {"POST", "/", 0, 1, {HOST, TE "chunked", "Connection: close"}, "chunked"},
        {"POST", "/", 0, 1, {HOST, "Expect: 100-continue", CL "1"}, "length 1 persistent continue"},
        {"POST",
         "/",
         0,
         1,
         {HOST, "Expect: 100-continue", TE "chunked"},
         "chunked persistent continue"},
        {"POST", "/", 0, 1, {HOST, "Expect: 100-continue", CL "0"}, "none 0 persistent"},
        {"GET", "/", 0, 0, {NULL}, "none"},
        {"GET", "/", 0, 0, {"Connection: keep-alive"}, "none persistent"},
        {"GET", "/", 0, 1, {HOST, "Connection: keep-alive, close"}, "none"},
        {"GET",
         "/",
         0,
         1,
         {HOST, "Connection: upgrade", "Upgrade: websocket"},
         "none persistent upgrade"},
        {"GET", "/", 0, 1, {HOST, "Connection: upgrade"}, "none persistent"},
        {"GET", "/", 0, 1, {HOST, "Connection: upgrade", "Upgrade: h2c"}, "none persistent"},
        {"GET",
         "/",
         0,
         1,
         {HOST, "Connection: upgrade", "Upgrade: websocket, H2C"},
         "none persistent"},
        {"OPTIONS", "*", 0, 1, {HOST}, "none persistent"},
        {"GET", "http://y/", 0, 1, {HOST}, "none persistent"},
        {"TRACE", "/", 0, 1, {HOST}, "none persistent"},
        {"TRACE", "/", 0, 1, {HOST, CL "0"}, "none 0 persistent"},

        {"POST", "/", 0, 1, {HOST, CL "5", TE "chunked"}, "400 cl_and_te"},
        {"POST", "/", 0, 1, {HOST, TE "chunked", CL "5"}, "400 cl_and_te"},
        {"POST", "/", 0, 0, {HOST, TE "chunked", CL "5"}, "400 cl_and_te"},
        {"POST", "/", 0, 1, {HOST, CL "5", TE "gzip"}, "400 cl_and_te"},
        {"POST", "/", 0, 1, {HOST, CL "5", CL "5"}, "400 duplicate_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "5", CL "6"}, "400 duplicate_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "5, 5"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "-1"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "+1"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "1 1"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "0x1"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "9223372036854775808"}, "400 bad_content_length"},
        {"POST", "/", 0, 1, {HOST, CL "18446744073709551617"}, "400 bad_content_length"},
        {"POST", "/", 0, 0, {HOST, TE "chunked"}, "400 te_in_1_0"},
        {"POST", "/", 0, 1, {HOST, TE}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE ","}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked,"}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked", TE}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked, chunked"}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked", TE "chunked"}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked, gzip"}, "400 bad_transfer_encoding"},
        {"POST", "/", 0, 1, {HOST, TE "gzip, chunked"}, "501 unknown_coding"},
        {"POST", "/", 0, 1, {HOST, TE "gzip"}, "501 unknown_coding"},
        {"POST", "/", 0, 1, {HOST, TE "\"chunked\""}, "501 unknown_coding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked;a=b"}, "501 unknown_coding"},
        {"POST", "/", 0, 1, {HOST, TE "chunked chunked"}, "501 unknown_coding"},
        {"CONNECT", "x:1", 0, 1, {HOST}, "501 connect"},
        {"GET", "x:1", 0, 1, {HOST}, "400 bad_target"},
        {"GET", "*", 0, 1, {HOST}, "400 bad_target"},
        {"GET", "/#", 0, 1, {HOST}, "400 bad_target"},
        {"GET", "/", 0, 1, {NULL}, "400 no_host"},
        {"GET", "http://x/", 0, 1, {NULL}, "400 no_host"},
        {"GET", "/", 0, 1, {HOST, HOST}, "400 duplicate_host"},
        {"GET", "/", 0, 0, {HOST, HOST}, "400 duplicate_host"},
        {"GET", "/", 0, 1, {"Host:"}, "400 bad_host"},
        {"GET", "/", 0, 1, {"Host: a b"}, "400 bad_host"},
        {"GET", "/", 0, 1, {HOST, "Expect: x"}, "417 bad_expect"},
        {"GET", "/", 0, 0, {HOST, "Expect: x"}, "417 bad_expect"},
        {"GET",
         "/",
         0,
         1,
         {HOST, "Expect: 100-continue", "Expect: 100-continue"},
         "417 bad_expect"},
        {"TRACE", "/", 0, 1, {HOST, CL "1"}, "400 trace_with_body"},
        {"TRACE", "/", 0, 1, {HOST, TE "chunked"}, "400 trace_with_body"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        check(&rows[i]);
}

static void test_responses(void **state)
{
    static const struct row rows[] = {
        {"GET", NULL, 200, 1, {CL "5"}, "length 5 persistent"},
        {"GET", NULL, 200, 1, {CL "0"}, "none 0 persistent"},
        {"GET", NULL, 200, 1, {TE "chunked"}, "chunked persistent"},
        {"GET", NULL, 200, 1, {NULL}, "eof"},
        {"GET", NULL, 200, 1, {"Connection: keep-alive"}, "eof"},
        {"GET", NULL, 200, 0, {CL "5"}, "length 5"},
        {"GET", NULL, 200, 0, {CL "5", "Connection: Keep-Alive"}, "length 5 persistent"},
        {"GET", NULL, 200, 1, {CL "5", "Connection: close"}, "length 5"},
        {"HEAD", NULL, 200, 1, {CL "5"}, "none 5 persistent"},
        {"HEAD", NULL, 200, 1, {TE "chunked"}, "none persistent"},
        {"HEAD", NULL, 200, 1, {NULL}, "none persistent"},
        {"GET", NULL, 304, 1, {CL "5"}, "none 5 persistent"},
        {"GET", NULL, 304, 1, {TE "chunked"}, "none persistent"},
        {"GET", NULL, 204, 1, {NULL}, "none persistent"},
        {"GET", NULL, 204, 1, {CL "0"}, "none 0 persistent"},
        {"GET", NULL, 204, 1, {CL "5"}, "none 5"},
        {"GET", NULL, 204, 1, {TE "chunked"}, "none"},
        {"GET", NULL, 100, 1, {NULL}, "none persistent"},
        {"GET", NULL, 103, 1, {CL "5"}, "none 5"},
        {"GET", NULL, 199, 1, {NULL}, "none persistent"},
        {"GET",
         NULL,
         101,
         1,
         {"Upgrade: websocket", "Connection: upgrade"},
         "none persistent upgrade"},
        {"GET", NULL, 101, 1, {UPGRADE, CL "0"}, "none 0 persistent upgrade"},
        {"HEAD", NULL, 101, 1, {UPGRADE}, "none persistent upgrade"},
        {"GET", NULL, 101, 1, {UPGRADE, CL "5"}, "502 switch_with_body"},
        {"HEAD", NULL, 101, 1, {UPGRADE, CL "5"}, "502 switch_with_body"},
        {"GET", NULL, 101, 1, {UPGRADE, TE "chunked"}, "502 switch_with_body"},
        {"GET", NULL, 101, 1, {UPGRADE, TE "gzip"}, "502 unknown_coding"},
        {"GET", NULL, 101, 1, {NULL}, "502 switch_to_nothing"},
        {"GET", NULL, 101, 1, {"Upgrade: a"}, "502 switch_to_nothing"},
        {"GET", NULL, 101, 1, {"Upgrade: a", "Connection: close"}, "502 switch_to_nothing"},
        {"GET", NULL, 101, 1, {"Connection: upgrade"}, "502 switch_to_nothing"},
        {"GET", NULL, 101, 0, {UPGRADE}, "502 switch_to_nothing"},
        {"GET", NULL, 200, 1, {"Upgrade: websocket", "Connection: upgrade"}, "eof"},
        {"POST", NULL, 205, 1, {CL "5"}, "length 5 persistent"},

        {"GET", NULL, 200, 1, {CL "5", TE "chunked"}, "502 cl_and_te"},
        {"HEAD", NULL, 200, 1, {CL "5", TE "chunked"}, "502 cl_and_te"},
        {"GET", NULL, 200, 1, {CL "5", CL "5"}, "502 duplicate_content_length"},
        {"GET", NULL, 304, 1, {CL "5", CL "6"}, "502 duplicate_content_length"},
        {"GET", NULL, 200, 1, {CL "-5"}, "502 bad_content_length"},
        {"HEAD", NULL, 200, 1, {CL "x"}, "502 bad_content_length"},
        {"GET", NULL, 204, 1, {CL "5, 5"}, "502 bad_content_length"},
        {"GET", NULL, 200, 0, {TE "chunked"}, "502 te_in_1_0"},
        {"GET", NULL, 200, 1, {TE "gzip"}, "502 unknown_coding"},
        {"GET", NULL, 200, 1, {TE "gzip, chunked"}, "502 unknown_coding"},
        {"GET", NULL, 200, 1, {TE "identity"}, "502 unknown_coding"},
        {"GET", NULL, 200, 1, {TE "chunked, gzip"}, "502 bad_transfer_encoding"},
        {"GET", NULL, 200, 1, {TE "chunked", TE "chunked"}, "502 bad_transfer_encoding"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        check(&rows[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_responses),
    };
    return cmocka_run_group_tests_name("framing", tests, NULL, NULL);
}
