/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses and prefixes: what is read, what is refused, what is written back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/un.h>
#include <sluice/base/addr.h>
#include <sluice/base/err.h>

static struct sl_addr read_addr(const char *text)
{
    struct sl_addr a;
    if (sl_addr_read(sl_span_str(text), &a) != 0)
        fail_msg("not read: %s", text);
    return a;
}

static struct sl_prefix read_prefix(const char *text)
{
    struct sl_prefix p;
    if (sl_prefix_read(sl_span_str(text), &p) != 0)
        fail_msg("not read: %s", text);
    return p;
}

static const char *written(const struct sl_addr *a)
{
    static char buf[SL_ADDR_TEXT_BYTES];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_addr_write(a, &s);
    assert_false(s.is_cut);
    return buf;
}

static const char *host_of(const struct sl_addr *a)
{
    static char buf[SL_ADDR_TEXT_BYTES];
    struct sl_str s;
    sl_str_init(&s, buf, sizeof(buf));
    sl_addr_write_host(a, &s);
    return buf;
}

static void addresses_are_read_and_written(void **state)
{
    static const struct {
        const char *text, *again, *host;
        int family;
        uint16_t port;
    } rows[] = {
        {"127.0.0.1:80", "127.0.0.1:80", "127.0.0.1", AF_INET, 80},
        {"0.0.0.0:0", "0.0.0.0:0", "0.0.0.0", AF_INET, 0},
        {"255.255.255.255:65535", "255.255.255.255:65535", "255.255.255.255", AF_INET, 65535},
        {"[::1]:80", "[::1]:80", "::1", AF_INET6, 80},
        {"[::]:8443", "[::]:8443", "::", AF_INET6, 8443},
        {"[2001:DB8:0:0::A]:1", "[2001:db8::a]:1", "2001:db8::a", AF_INET6, 1},
        {":8443", "[::]:8443", "::", AF_INET6, 8443},
        {":0", "[::]:0", "::", AF_INET6, 0},
        {"[::ffff:192.0.2.1]:9", "192.0.2.1:9", "192.0.2.1", AF_INET6, 9},
        {"unix:/run/app.sock", "unix:/run/app.sock", "unix", AF_UNIX, 0},
        {"unix:/", "unix:/", "unix", AF_UNIX, 0},
        {"unix:/a:80", "unix:/a:80", "unix", AF_UNIX, 0},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_addr a = read_addr(rows[i].text);
        assert_int_equal(a.storage.ss_family, rows[i].family);
        assert_int_equal(sl_addr_port(&a), rows[i].port);
        assert_string_equal(written(&a), rows[i].again);
        assert_string_equal(host_of(&a), rows[i].host);
        assert_int_equal(sl_addr_is_unix(&a), rows[i].family == AF_UNIX);
        struct sl_addr b = read_addr(rows[i].again);
        assert_true(sl_addr_eq(&a, &b));
    }
}

static void lengths_are_those_of_the_system(void **state)
{
    struct sl_addr a = read_addr("1.2.3.4:5");
    assert_int_equal(a.len, sizeof(struct sockaddr_in));
    a = read_addr(":5");
    assert_int_equal(a.len, sizeof(struct sockaddr_in6));
    a = read_addr("unix:/abc");
    assert_int_equal(a.len, offsetof(struct sockaddr_un, sun_path) + sizeof("/abc"));
}

static void malformed_addresses_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        ":",
        "80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "127.0.0.1:100000",
        "127.0.0.1:000080",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1: 1",
        "127.0.0.1:1 ",
        "127.0.0.1:0x50",
        "127.0.0.1:99999999999999999999",
        "127.0.0:80",
        "256.0.0.1:80",
        "127.0.0.1.:80",
        "01.2.3.4:80x",
        "1.2.3.4.5:80",
        "::1",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[:::1]:80",
        "[127.0.0.1]:80",
        "[::1%lo]:80",
        "[[::1]]:80",
        "*:80",
        "a b:80",
        "-a:80",
        "a-:80",
        "a-.b:80",
        "a..b:80",
        ".a:80",
        ".:80",
        "a:b:80",
        "http://a:80",
        "a/b:80",
        "localhost",
        "user@host:80",
        "1:80",
        "a.1:80",
        "unix:",
        "unix",
        "unix:run/x",
        "unix:@abstract",
        " 1.2.3.4:80",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl.example:80",
    };
    struct sl_addr a;
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        if (sl_addr_read(sl_span_str(rows[i]), &a) != SL_ERR_INVALID)
            fail_msg("not refused: '%s'", rows[i]);
    assert_int_equal(sl_addr_read(sl_span("1.2.3.4\0:80", 11), &a), SL_ERR_INVALID);
    assert_int_equal(sl_addr_read(sl_span("unix:/a\0b", 9), &a), SL_ERR_INVALID);
    assert_int_equal(sl_addr_read(sl_span(NULL, 0), &a), SL_ERR_INVALID);
}

static void names_are_told_apart(void **state)
{
    static const char *const rows[] = {
        "localhost:80",
        "example.com:443",
        "example.com.:443",
        "my_app:8080",
        "a-b.c-d:1",
        "EXAMPLE.com:0",
        "3com.com:1",
        "xn--bcher-kva.example:1",
        "1.2.3.a:1",
        "1a:1",
        "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk.example:80",
    };
    struct sl_addr a;
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        if (sl_addr_read(sl_span_str(rows[i]), &a) != SL_ERR_NOT_FOUND)
            fail_msg("no name: %s", rows[i]);
    char name[300];
    /* 253 characters are a name, 254 are none: RFC 1035 section 2.3.4. */
    for (size_t i = 0; i < sizeof(name); i++)
        name[i] = i % 50 == 49 ? '.' : 'a';
    memcpy(name + 253, ":80", 3);
    assert_int_equal(sl_addr_read(sl_span(name, 256), &a), SL_ERR_NOT_FOUND);
    memcpy(name + 253, "a:80", 4);
    assert_int_equal(sl_addr_read(sl_span(name, 257), &a), SL_ERR_INVALID);
}

static void unix_paths_have_the_limit_of_the_system(void **state)
{
    char text[5 + sizeof(((struct sockaddr_un *)0)->sun_path) + 1] = "unix:/";
    size_t most = 5 + sizeof(((struct sockaddr_un *)0)->sun_path) - 1;
    struct sl_addr a;
    memset(text + 6, 'p', sizeof(text) - 6);
    assert_int_equal(sl_addr_read(sl_span(text, most + 1), &a), SL_ERR_INVALID);
    assert_int_equal(sl_addr_read(sl_span(text, most), &a), 0);
    assert_int_equal(strlen(written(&a)), most);
    assert_memory_equal(written(&a), text, most);
}

static void addresses_are_compared(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_eq;
    } rows[] = {
        {"1.2.3.4:5", "1.2.3.4:5", true},
        {"1.2.3.4:5", "1.2.3.4:6", false},
        {"1.2.3.4:5", "1.2.3.5:5", false},
        {"1.2.3.4:5", "[::ffff:1.2.3.4]:5", true},
        {"1.2.3.4:5", "[::ffff:1.2.3.4]:6", false},
        {"1.2.3.4:5", "[::1.2.3.4]:5", false},
        {"[::1]:5", "[0:0::1]:5", true},
        {"[::1]:5", "[::2]:5", false},
        {"0.0.0.0:5", ":5", false},
        {"unix:/a", "unix:/a", true},
        {"unix:/a", "unix:/ab", false},
        {"unix:/a", "1.2.3.4:5", false},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_addr a = read_addr(rows[i].a), b = read_addr(rows[i].b);
        assert_int_equal(sl_addr_eq(&a, &b), rows[i].is_eq);
        assert_int_equal(sl_addr_eq(&b, &a), rows[i].is_eq);
    }
}

static void addresses_of_the_system_are_written(void **state)
{
    struct sl_addr none = {.len = 0}, unnamed = {.len = sizeof(sa_family_t)};
    assert_string_equal(written(&none), "unknown");
    assert_string_equal(host_of(&none), "unknown");
    assert_int_equal(sl_addr_port(&none), 0);
    assert_false(sl_addr_eq(&none, &none));
    /* A client of a unix listener has no name. */
    unnamed.storage.ss_family = AF_UNIX;
    memset((char *)&unnamed.storage + unnamed.len, 'x', sizeof(unnamed.storage) - unnamed.len);
    assert_string_equal(written(&unnamed), "unix:");
    assert_string_equal(host_of(&unnamed), "unix");
    /* A path that fills its field has no NUL: unix(7). */
    unnamed.len = sizeof(struct sockaddr_un);
    assert_int_equal(strlen(written(&unnamed)), 5 + sizeof(((struct sockaddr_un *)0)->sun_path));
}

static void prefixes_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned n_bits;
    } rows[] = {
        {"10.0.0.0/8", 104},
        {"0.0.0.0/0", 96},
        {"192.0.2.1", 128},
        {"192.0.2.1/32", 128},
        {"::1", 128},
        {"::/0", 0},
        {"2001:db8::/32", 32},
        {"2001:db8::/127", 127},
        {"::ffff:10.0.0.0/104", 104},
        {"192.0.2.128/25", 121},
        {"fe80::/10", 10},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_prefix p = read_prefix(rows[i].text);
        assert_int_equal(p.n_bits, rows[i].n_bits);
    }
}

static void malformed_prefixes_are_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "/",
        "/8",
        "10.0.0.0/",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/8/8",
        "10.0.0.0/8 ",
        "10.0.0.1/8",
        "10.128.0.0/8",
        "192.0.2.1/31",
        "0.0.0.1/0",
        "10/8",
        "10.0.0/8",
        "::/129",
        "2001:db8::1/32",
        "::1/0",
        "[::1]",
        "::1/",
        "1.2.3.4:5",
        "example.com",
        "10.0.0.0/99999999999999999999",
        "fe80::1%1",
        "2001:db8:8000::/32",
        "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    };
    struct sl_prefix p;
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        if (sl_prefix_read(sl_span_str(rows[i]), &p) != SL_ERR_INVALID)
            fail_msg("not refused: '%s'", rows[i]);
}

static void prefixes_match(void **state)
{
    static const struct {
        const char *prefix, *addr;
        bool has;
    } rows[] = {
        {"10.0.0.0/8", "10.255.255.255:1", true},
        {"10.0.0.0/8", "11.0.0.0:1", false},
        {"10.0.0.0/8", "9.255.255.255:1", false},
        {"10.0.0.0/8", "[::ffff:10.1.2.3]:1", true},
        {"::ffff:10.0.0.0/104", "10.1.2.3:1", true},
        {"10.0.0.0/8", "[::10.1.2.3]:1", false},
        {"192.0.2.128/25", "192.0.2.127:1", false},
        {"192.0.2.128/25", "192.0.2.128:1", true},
        {"192.0.2.1", "192.0.2.1:7", true},
        {"192.0.2.1", "192.0.2.2:7", false},
        {"0.0.0.0/0", "1.2.3.4:1", true},
        {"0.0.0.0/0", "[::1]:1", false},
        {"::/0", "1.2.3.4:1", true},
        {"::/0", "[2001:db8::1]:1", true},
        {"::/0", "unix:/a", false},
        {"2001:db8::/32", "[2001:db8:ffff::1]:1", true},
        {"2001:db8::/32", "[2001:db9::1]:1", false},
        {"2001:db8::/33", "[2001:db8:8000::1]:1", false},
        {"2001:db8::/33", "[2001:db8:7fff::1]:1", true},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_addr a = read_addr(rows[i].addr);
        struct sl_prefix p = read_prefix(rows[i].prefix);
        if (sl_prefix_has(&p, &a) != rows[i].has)
            fail_msg("%s in %s", rows[i].addr, rows[i].prefix);
    }
}

static void clients_are_counted_by_prefix(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } rows[] = {
        {"1.2.3.4:5", "1.2.3.4:6", true},
        {"1.2.3.4:5", "1.2.3.5:5", false},
        {"1.2.3.4:5", "[::ffff:1.2.3.4]:9", true},
        {"[2001:db8::1]:1", "[2001:db8::ffff:0:0:1]:2", true},
        {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
        {"unix:/a", "unix:/b", true},
        {"unix:/a", "[::]:1", false},
        {"[::ffff:0.0.0.0]:1", "[::]:1", false},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_addr a = read_addr(rows[i].a), b = read_addr(rows[i].b);
        struct sl_prefix p = sl_prefix_of_client(&a), q = sl_prefix_of_client(&b);
        assert_int_equal(memcmp(&p, &q, sizeof(p)) == 0, rows[i].is_same);
        assert_int_equal(sl_prefix_has(&p, &a), !sl_addr_is_unix(&a));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_written),
        cmocka_unit_test(lengths_are_those_of_the_system),
        cmocka_unit_test(malformed_addresses_are_refused),
        cmocka_unit_test(names_are_told_apart),
        cmocka_unit_test(unix_paths_have_the_limit_of_the_system),
        cmocka_unit_test(addresses_are_compared),
        cmocka_unit_test(addresses_of_the_system_are_written),
        cmocka_unit_test(prefixes_are_read),
        cmocka_unit_test(malformed_prefixes_are_refused),
        cmocka_unit_test(prefixes_match),
        cmocka_unit_test(clients_are_counted_by_prefix),
    };
    return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
