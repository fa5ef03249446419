/* SPDX-License-Identifier: Apache-2.0 */
/* target: the forms of request-targets, hosts, and paths as routes see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/http/target.h>

static void assert_span(const char *of, const char *part, struct sl_span s, const char *expected)
{
    if (!sl_span_eq(s, sl_span_str(expected)))
        fail_msg("%s: %s: expected '%s', found '%.*s'", of, part, expected, (int)s.len, s.ptr);
}

static void test_good_targets(void **state)
{
    static const struct {
        const char *text;
        enum sl_target_form form;
        const char *host, *path, *query, *origin;
    } rows[] = {
        {"/", SL_TARGET_ORIGIN, "", "/", "", "/"},
        {"/a/b", SL_TARGET_ORIGIN, "", "/a/b", "", "/a/b"},
        {"/a?b=c&d", SL_TARGET_ORIGIN, "", "/a", "?b=c&d", "/a?b=c&d"},
        {"/?", SL_TARGET_ORIGIN, "", "/", "?", "/?"},
        {"//a//b", SL_TARGET_ORIGIN, "", "//a//b", "", "//a//b"},
        {"/a??b?", SL_TARGET_ORIGIN, "", "/a", "??b?", "/a??b?"},
        {"/%20%e4%FF", SL_TARGET_ORIGIN, "", "/%20%e4%FF", "", "/%20%e4%FF"},
        {"/a;p=1,2:3@4!$&'()*+~_-.", SL_TARGET_ORIGIN, "", "/a;p=1,2:3@4!$&'()*+~_-.", "",
         "/a;p=1,2:3@4!$&'()*+~_-."},
        {"/[]{}|^?[]{}|^\\\"<>`%", SL_TARGET_ORIGIN, "", "/[]{}|^", "?[]{}|^\\\"<>`%",
         "/[]{}|^?[]{}|^\\\"<>`%"},
        {"/http://x/", SL_TARGET_ORIGIN, "", "/http://x/", "", "/http://x/"},
        {"*", SL_TARGET_ASTERISK, "", "*", "", "*"},
        {"http://a", SL_TARGET_ABSOLUTE, "a", "/", "", "/"},
        {"http://a/", SL_TARGET_ABSOLUTE, "a", "/", "", "/"},
        {"http://a:80/b?c", SL_TARGET_ABSOLUTE, "a:80", "/b", "?c", "/b?c"},
        {"HTTPs://A.b?c", SL_TARGET_ABSOLUTE, "A.b", "/", "?c", "?c"},
        {"https://[::1]:443/x", SL_TARGET_ABSOLUTE, "[::1]:443", "/x", "", "/x"},
        {"a:443", SL_TARGET_AUTHORITY, "a:443", "", "", ""},
        {"[::1]:443", SL_TARGET_AUTHORITY, "[::1]:443", "", "", ""},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_target t;
        if (sl_target_read(sl_span_str(rows[i].text), &t))
            fail_msg("%s was refused", rows[i].text);
        assert_int_equal(t.form, rows[i].form);
        assert_span(rows[i].text, "host", t.host, rows[i].host);
        assert_span(rows[i].text, "path", t.path, rows[i].path);
        assert_span(rows[i].text, "query", t.query, rows[i].query);
        assert_span(rows[i].text, "origin", t.origin, rows[i].origin);
        assert_int_equal(t.is_bare, strcmp(rows[i].text, "http://a") == 0);
    }
}

static void test_bad_targets(void **state)
{
    static const char *const rows[] = {
        "",
        "a",
        "a/b",
        "**",
        "/a b",
        "/a#b",
        "/a?b#c",
        "/%",
        "/%2",
        "/%2g",
        "/%%20",
        "/a\\b",
        "/a\"b",
        "/a<b",
        "/a>b",
        "/a`b",
        "/\xe4",
        "/?\xe4",
        "/\x7f",
        "/\t",
        "/?\x01",
        "http:/a",
        "http:a",
        "http://",
        "http:///a",
        "http://:80",
        "http://a@b/",
        "http://a:b@c/",
        "http://@b/",
        "http://a:b/",
        "http://a#b",
        "ftp://a/",
        "ws://a/",
        "http//a",
        "a:",
        "a:b",
        "?a",
        "#",
        "http://a\\b/",
        "http://[a/",
        "http://a[/",
        "http://a%41/",
        "http://a b",
        "mailto:x@y",
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_target t;
        if (sl_target_read(sl_span_str(rows[i]), &t) != SL_ERR_INVALID)
            fail_msg("%s was accepted", rows[i]);
    }
}

static void test_good_hosts(void **state)
{
    static const struct {
        const char *text, *name, *port;
    } rows[] = {
        {"a", "a", ""},
        {"a.b-c_d~e", "a.b-c_d~e", ""},
        {"A:80", "A", "80"},
        {"a:", "a", ""},
        {"a:0", "a", "0"},
        {"a:65535", "a", "65535"},
        {"a:00000000080", "a", "00000000080"},
        {"127.0.0.1:8080", "127.0.0.1", "8080"},
        {"[::1]", "[::1]", ""},
        {"[2001:db8::1]:443", "[2001:db8::1]", "443"},
        {"[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]", ""},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", ""},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_span name, port;
        if (sl_host_read(sl_span_str(rows[i].text), &name, &port))
            fail_msg("%s was refused", rows[i].text);
        assert_span(rows[i].text, "name", name, rows[i].name);
        assert_span(rows[i].text, "port", port, rows[i].port);
    }
}

static void test_bad_hosts(void **state)
{
    static const char *const rows[] = {
        "",
        ":80",
        "a:65536",
        "a:99999999999999999999",
        "a:b",
        "a:80:80",
        "a:-1",
        "a:+1",
        "a b",
        "a,b",
        "a/b",
        "a@b",
        "a?b",
        "a#b",
        "a\\b",
        "a%41",
        "a!b",
        "a;b",
        "a=b",
        "\xc3\xa4",
        "::1",
        "[::1",
        "::1]",
        "[]",
        "[a]",
        "[1]",
        "[::1]a",
        "[::1]]",
        "[[::1]",
        "[::1%1]",
        "[v1.a]",
        "[::1]:x",
        "a\"b",
        "<a>",
        "[1:2:3:4:5:6:7:8:9]",
        "[1111:2222:3333:4444:5555:6666:7777:8888:1111:2222:3333:4444:5555]",
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_span name, port;
        if (sl_host_read(sl_span_str(rows[i]), &name, &port) != SL_ERR_INVALID)
            fail_msg("%s was accepted", rows[i]);
    }
    struct sl_span name, port;
    /* Around the length of the longest address text. */
    char literal[64] = "[";
    for (size_t n = 1; n < sizeof(literal) - 1; n++) {
        literal[n] = ']';
        assert_int_equal(sl_host_read(sl_span(literal, n + 1), &name, &port), SL_ERR_INVALID);
        literal[n] = '1';
    }
    assert_int_equal(sl_host_read(SL_SPAN("a\0b"), &name, &port), SL_ERR_INVALID);
    assert_int_equal(sl_host_read(SL_SPAN("[::1\0]"), &name, &port), SL_ERR_INVALID);
}

static void test_paths(void **state)
{
    static const struct {
        const char *path, *normal;
    } rows[] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"/a/b/c", "/a/b/c"},
        {"//", "//"},
        {"//a///b//", "//a///b//"},
        {"/.", "/"},
        {"/./", "/"},
        {"/..", "/"},
        {"/../", "/"},
        {"/../..", "/"},
        {"/../../a", "/a"},
        {"/a/.", "/a/"},
        {"/a/./b", "/a/b"},
        {"/a/..", "/"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/a/b/../", "/a/"},
        {"/a/b/../../../c", "/c"},
        {"/a//../b", "/a/b"},
        {"/a//..", "/a/"},
        {"/...", "/..."},
        {"/.a", "/.a"},
        {"/..a/b..", "/..a/b.."},
        {"/%61%2d%2E%5f%7e", "/a-._~"},
        {"/%2e", "/"},
        {"/a/%2e%2E/b", "/b"},
        {"/a/.%2e", "/"},
        {"/%2f%2F", "/%2F%2F"},
        {"/a%2f..%2fb", "/a%2F..%2Fb"},
        {"/%e4%c3%a4", "/%E4%C3%A4"},
        {"/%20%25%41", "/%20%25A"},
        {"/a;b=c", "/a;b=c"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        char buf[64];
        size_t len = 0;
        assert_int_equal(sl_path_normalise(sl_span_str(rows[i].path), buf, sizeof(buf), &len), 0);
        assert_span(rows[i].path, "normal form", sl_span(buf, len), rows[i].normal);
        /* What is normal stays as it is. */
        char again[64];
        size_t n_again = 0;
        assert_int_equal(sl_path_normalise(sl_span(buf, len), again, sizeof(again), &n_again), 0);
        assert_span(rows[i].path, "twice", sl_span(again, n_again), rows[i].normal);
        /* A buffer as long as the path always does; a shorter one is never overrun. */
        size_t n = strlen(rows[i].path);
        for (size_t cap = 0; cap <= n; cap++) {
            char *tight = malloc(cap + !cap);
            int err = sl_path_normalise(sl_span_str(rows[i].path), tight, cap, &len);
            assert_true(err == 0 || (err == SL_ERR_LIMIT && cap < n));
            if (!err)
                assert_span(rows[i].path, "tight", sl_span(tight, len), rows[i].normal);
            free(tight);
        }
    }
    static const char *const bad[] = {"", "a", "*", "/%00", "/%", "/%0", "/%zz", "/a%2"};
    for (size_t i = 0; i < SL_N_ELEMENTS(bad); i++) {
        char buf[64];
        size_t len;
        assert_int_equal(sl_path_normalise(sl_span_str(bad[i]), buf, sizeof(buf), &len),
                         SL_ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_targets), cmocka_unit_test(test_bad_targets),
        cmocka_unit_test(test_good_hosts),   cmocka_unit_test(test_bad_hosts),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
