/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice explain` and the memory table, as an operator sees them. */
#include "reading.h"

#define TLS "tls: {certificates: [{certificate: c, key: k}]}"

static char *explain_with(const char *text, const char *listener, const char *route, int expected)
{
    struct reading reading = read_good(text);
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);
    assert_int_equal(sl_config_explain(reading.config, listener, route, to, to), expected);
    fclose(to);
    forget(&reading);
    return out;
}

static void expect_in(const char *text, const char *const *lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(text, lines[i]))
            fail_msg("no line\n%s\nin\n%s", lines[i], text);
}

static const char full[] =
    "listeners:\n"
    "  - {address: ':8443', name: public, " TLS ",\n"
    "     deadlines: {first_byte: 3s}}\n"
    "  - {address: '127.0.0.1:80', tls: off, proxy_protocol: required}\n"
    "upstreams: [{name: app, endpoints: ['a:1'], upstream_idle: 4s}]\n"
    "routes:\n"
    "  - {upstream: app}\n"
    "  - {name: up, path: /up, upstream: app, deadlines: {request_body: {idle: 2m}}}\n"
    "deadlines:\n"
    "  tls_handshake: {enforce: false}\n"
    "  request_body: {min_rate: 1KiB/s}\n"
    "  max_age: {time: 2h, requests: 50}\n";

static void phases_with_their_origin(void **state)
{
    static const char *const lines[] = {
        "Listener public (:8443): TLS\n",
        "  phase             value                                       awaited   kind      "
        "enforced  origin\n"
        "  proxy_header      3s                                          client    absolute  yes  "
        "     default (not used: `proxy_protocol: off`)\n"
        "  first_byte        3s                                          client    absolute  yes  "
        "     listener public (line 3)\n"
        "  tls_handshake     10s                                         client    absolute  no   "
        "     deadlines (line 10): enforce; default: limit\n"
        "  request_start     10s                                         client    absolute  yes  "
        "     default\n",
        "  request_body      idle 30s, 1KiB/s over 30s, total unlimited  client    progress  yes  "
        "     deadlines (line 11): min_rate; default: idle, window, total\n",
        "  linger            idle 2s, total 10s, 1MiB                    client    absolute  yes  "
        "     default\n",
        "  upstream_queue    5s                                          pool      absolute  yes  "
        "     default\n",
        "  max_age           time 2h, requests 50\n",
        "  upstream_idle     4s for upstream app\n",
        "\nRoute up to upstream app sets:\n\n",
        "  request_body      idle 2m, 1KiB/s over 30s, total unlimited client    progress  yes   "
        "    route up (line 8): idle; deadlines (line 11): min_rate; default: window, total\n",
        "\nOn route up:\n"
        "  trickling a request body   while it moves at least 30KiB in every 30s (3600KiB an hour) "
        "and something in every 2m\n",
    };
    char *out = explain_with(full, NULL, NULL, 0);
    expect_in(out, lines, SL_N_ELEMENTS(lines));
    /* in the order of a connection's life, each once */
    const char *place = out;
    for (int i = 0; i < SL_N_PHASES; i++) {
        char key[32];
        snprintf(key, sizeof(key), "\n  %s ", sl_phase_key((enum sl_phase)i));
        place = strstr(place, key);
        assert_non_null(place);
    }
    free(out);
}

static void one_route(void **state)
{
    char *out = explain_with(full, "public", "up", 0);
    static const char *const lines[] = {
        "Listener public (:8443): TLS, route up to upstream app\n",
        "  request_body      idle 2m, 1KiB/s over 30s, total unlimited   client    progress  yes  "
        "     route up (line 8): idle; deadlines (line 11): min_rate; default: window, total\n",
    };
    expect_in(out, lines, SL_N_ELEMENTS(lines));
    assert_null(strstr(out, "sets:"));
    free(out);
}

static void plain_http_behind_a_proxy(void **state)
{
    char *out = explain_with(full, "127.0.0.1:80", NULL, 0);
    static const char *const lines[] = {
        "Listener 127.0.0.1:80: plain HTTP after a PROXY header\n",
        "default: limit (not used: `tls: off`)\n",
        "  silent                     3s         proxy_header 3s\n",
        ("  trickling before a request 25s        first_byte 5s + request_start 10s + "
         "request_header 10s\n"),
    };
    expect_in(out, lines, SL_N_ELEMENTS(lines));
    assert_null(strstr(out, "proxy_protocol"));
    free(out);
}

static void holds(void **state)
{
    static const struct {
        const char *deadlines, *line;
    } cases[] = {
        {"{}", "  silent                     5s         first_byte 5s\n"},
        {"{}", "  trickling before a request 30s        tls_handshake 10s + request_start 10s + "
               "request_header 10s\n"},
        {"{}", "  between two requests       1m25s      keepalive 1m15s + request_header 10s, "},
        {"{}", "  after an error response    10s        linger total\n"},
        {"{}",
         "  trickling a request body   while it moves at least 15KiB in every 30s (1800KiB an "
         "hour) and something in every 30s\n"},
        {"{}",
         "  reading slowly             while it moves at least 15KiB in every 30s (1800KiB an "
         "hour) and something in every 30s\n"},
        {"{first_byte: {enforce: false}}",
         "  silent                     10s        tls_handshake 10s\n"},
        {"{tls_handshake: unlimited, first_byte: unlimited}",
         "  silent                     for ever   first_byte unlimited\n"},
        {"{tls_handshake: {enforce: false}, first_byte: {enforce: false}}",
         "  silent                     for ever   first_byte 5s (not enforced)\n"},
        {"{request_header: unlimited}",
         "  trickling before a request for ever   tls_handshake 10s + request_start 10s + "
         "request_header unlimited\n"},
        {"{request_start: {enforce: false}}",
         "  trickling before a request for ever   tls_handshake 10s + request_start 10s (not "
         "enforced) + request_header 10s\n"},
        {"{linger: {enforce: false}}",
         "  after an error response    for ever   linger total (not enforced)\n"},
        {"{request_body: {min_rate: off, total: 1h}}",
         "  trickling a request body   while it moves something in every 30s, and for no more than "
         "1h\n"},
        {"{request_body: {idle: unlimited}}",
         "  trickling a request body   while it moves at least 15KiB in every 30s (1800KiB an "
         "hour)\n"},
        {"{request_body: {idle: unlimited, min_rate: off}}",
         "  trickling a request body   for ever   request_body total\n"},
        {"{response: {enforce: false}}",
         "  reading slowly             for ever   response 30s (not enforced)\n"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 UPSTREAM "listeners: [{address: ':1', " TLS "}]\ndeadlines: %s\n",
                 cases[i].deadlines);
        char *out = explain_with(text, NULL, NULL, 0);
        expect_in(out, &cases[i].line, 1);
        free(out);
    }
}

static void names_that_do_not_exist(void **state)
{
    char *out = explain_with(full, "nobody", NULL, SL_ERR_NOT_FOUND);
    assert_string_equal(out,
                        "no listener is named `nobody`; there are:\n  public\n  127.0.0.1:80\n");
    free(out);
    out = explain_with(full, NULL, "nowhere", SL_ERR_NOT_FOUND);
    assert_string_equal(out, "no route is named `nowhere`; there are:\n  /\n  up\n");
    free(out);
}

static char *memory_of(const char *text)
{
    struct reading reading = read_good(text);
    char *out = NULL;
    size_t len;
    FILE *to = open_memstream(&out, &len);
    sl_config_print_memory(reading.config, to);
    fclose(to);
    forget(&reading);
    return out;
}

static unsigned kib_of(const char *text, const char *state_name)
{
    unsigned kib = 0;
    const char *line = strstr(text, state_name);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(state_name), "%u", &kib), 1);
    return kib;
}

static void memory_follows_the_limits(void **state)
{
    char *plain = memory_of(LEAST);
    char *tls = memory_of(UPSTREAM "listeners: [{address: ':1', " TLS "}]\n");
    char *large = memory_of(LEAST "limits: {header_bytes: 132KiB, max_connections: 1000}\n");
    assert_int_equal(kib_of(plain, "accepted, silent"), 2);
    assert_int_equal(kib_of(tls, "between requests") - kib_of(plain, "between requests"), 44);
    assert_int_equal(kib_of(large, "request header") - kib_of(plain, "request header"), 100);
    assert_int_equal(kib_of(large, "body, both ways") - kib_of(plain, "body, both ways"), 200);
    assert_null(strstr(plain, "max_connections"));
    assert_non_null(strstr(large, "With max_connections: 1000, "));
    free(plain);
    free(tls);
    free(large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_with_their_origin),  cmocka_unit_test(one_route),
        cmocka_unit_test(plain_http_behind_a_proxy), cmocka_unit_test(holds),
        cmocka_unit_test(names_that_do_not_exist),   cmocka_unit_test(memory_follows_the_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
