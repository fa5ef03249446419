/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without memory: every allocation of the reader is made to fail in turn, and so is every call of
 * libfyaml that can. Nothing leaks (the sanitizer looks), nothing half-read is ever handed out.
 * The linker sends the reader's calls here (--wrap); libfyaml's own allocations are not touched.
 */
#include <libfyaml.h>
#include "reading.h"

static size_t n_calls, fail_at; /* 0: none fails */

static bool fails(void)
{
    return ++n_calls == fail_at;
}

#define WRAPPED(type_, name_, params_, args_)                                                      \
    type_ __real_##name_ params_;                                                                  \
    type_ __wrap_##name_ params_;                                                                  \
    type_ __wrap_##name_ params_                                                                   \
    {                                                                                              \
        return fails() ? NULL : __real_##name_ args_;                                              \
    }

WRAPPED(void *, malloc, (size_t n), (n))
WRAPPED(void *, calloc, (size_t n, size_t size), (n, size))
WRAPPED(void *, realloc, (void *ptr, size_t size), (ptr, size))
WRAPPED(char *, strdup, (const char *text), (text))
WRAPPED(struct fy_diag *, fy_diag_create, (const struct fy_diag_cfg *cfg), (cfg))
WRAPPED(struct fy_parser *, fy_parser_create, (const struct fy_parse_cfg *cfg), (cfg))
WRAPPED(struct fy_token_iter *, fy_token_iter_create, (struct fy_token * token), (token))
WRAPPED(struct fy_event *, fy_parser_parse, (struct fy_parser * parser), (parser))

int __real_fy_parser_set_string(struct fy_parser *parser, const char *text, size_t len);
int __wrap_fy_parser_set_string(struct fy_parser *parser, const char *text, size_t len);
int __wrap_fy_parser_set_string(struct fy_parser *parser, const char *text, size_t len)
{
    return fails() ? -1 : __real_fy_parser_set_string(parser, text, len);
}

static const char good[] =
    "listeners: [{address: ':1', tls: {certificates: [{certificate: &a c, key: *a}]}}]\n"
    "upstreams: [{name: app, endpoints: ['a:1', 'unix:x', {address: '1.2.3.4:5'}]}]\n"
    "routes: [{upstream: app, host: a, deadlines: {response: 5s}}]\n"
    "forwarding: {trusted_proxies: [10.0.0.0/8]}\n"
    "log: l\n";
static const char bad[] = "listeners: [{adress: ':1'}]\nupstreams: 5\nroutes: [{upstream: x}]\n"
                          "a: 1\nb: 1\nc: 1\nd: 1\ne: 1\nf: 1\ng: 1\nh: 1\ni: 1\nj: 1\nk: 1\n"
                          "l: 1\nm: 1\nn: 1\no: 1\n";

static void count_line(void *ctx, const char *line)
{
    assert_null(strstr(line, "more errors are not listed"));
    ++*(size_t *)ctx;
}

/* One reading with call number `at` failing. Returns the number of calls there were. */
static size_t read_once(const char *text, size_t at, int *out_err)
{
    struct sl_report *report = NULL;
    struct sl_config *config = NULL;
    n_calls = 0;
    fail_at = at;
    int err = sl_report_new("t", &report);
    if (err == 0)
        err = sl_config_read_text("t", sl_span_str(text), report, &config);
    fail_at = 0;
    size_t n = n_calls;
    assert_true((err == 0) == (config != NULL));
    if (err == SL_ERR_CONFIG) { /* then the report is whole */
        size_t n_lines = 0;
        sl_report_each(report, count_line, &n_lines);
        assert_true(n_lines > 0);
        assert_int_equal(sl_report_count(report), n_lines);
    }
    sl_config_free(&config);
    sl_report_free(&report);
    *out_err = err;
    return n;
}

static void each_call_fails_in_turn(const char *text, int expected)
{
    int err;
    size_t n = read_once(text, 0, &err);
    assert_int_equal(err, expected);
    assert_true(n > 20);
    size_t n_starved = 0;
    for (size_t at = 1; at <= n; at++) {
        read_once(text, at, &err);
        /* never good; libfyaml may fail without saying that it was for want of memory */
        assert_true(err == SL_ERR_MEMORY || err == SL_ERR_CONFIG);
        n_starved += err == SL_ERR_MEMORY;
    }
    assert_true(n_starved >= 8);
}

static void a_good_text(void **state)
{
    each_call_fails_in_turn(good, 0);
}

static void a_text_with_errors(void **state)
{
    each_call_fails_in_turn(bad, SL_ERR_CONFIG);
}

static void a_file(void **state)
{
    struct sl_report *report;
    struct sl_config *config;
    assert_int_equal(sl_report_new("t", &report), 0);
    n_calls = 0;
    fail_at = 1;
    assert_int_equal(sl_config_read("/dev/null", report, &config), SL_ERR_MEMORY);
    assert_null(config);
    fail_at = n_calls = 0;
    fail_at = 1;
    assert_int_equal(sl_config_read("/nowhere", report, &config), SL_ERR_MEMORY);
    fail_at = 0;
    sl_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_text),
        cmocka_unit_test(a_text_with_errors),
        cmocka_unit_test(a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
