/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bad configurations, each with the exact report: what was found, what is expected, and where.
 * Extra lines stand after LEAST, from line 3 on.
 */
#include "reading.h"

struct bad {
    const char *text, *errors;
};

static void expect_all(const struct bad *cases, size_t n)
{
    for (size_t i = 0; i < n; i++)
        expect_errors(cases[i].text, cases[i].errors);
}

#define DURATION "a duration such as `5s` from 1ms to 365d, or `unlimited`"
#define PATH                                                                                       \
    "a path that starts with `/`, without `?`, `#` and dot segments; escapes in upper case, and "  \
    "only where they are needed"

static void unknown_and_duplicate_keys(void **state)
{
    static const struct bad cases[] = {
        {LEAST "worker: 4\n",
         "t:3:1: worker: unknown key `worker` in the configuration; did you mean `workers`?\n"},
        {LEAST "wrokers: 4\n",
         "t:3:1: wrokers: unknown key `wrokers` in the configuration; did you mean `workers`?\n"},
        {LEAST "lisners: 4\n",
         "t:3:1: lisners: unknown key `lisners` in the configuration; did you mean `listeners`?\n"},
        {LEAST "lg: 4\n",
         "t:3:1: lg: unknown key `lg` in the configuration; did you mean `log`?\n"},
        {LEAST "foo: 4\n", "t:3:1: foo: unknown key `foo` in the configuration\n"},
        {LEAST "forwarding: {vai: x}\n",
         "t:3:14: forwarding.vai: unknown key `vai` in `forwarding`; did you mean `via`?\n"},
        {LEAST "zebra: 4\n", "t:3:1: zebra: unknown key `zebra` in the configuration\n"},
        {LEAST "first_byte: 5s\n", "t:3:1: first_byte: unknown key `first_byte` in the "
                                   "configuration; it belongs in `deadlines` at the top level\n"},
        {UPSTREAM "listeners:\n  - adress: ':1'\n    tls: off\n",
         "t:3:5: listeners[0].adress: unknown key `adress` in a listener; did you mean "
         "`address`?\n"},
        {UPSTREAM "listeners:\n  - address: ':1'\n    tls: off\n    certificates: []\n",
         "t:5:5: listeners[0].certificates: unknown key `certificates` in a listener; it belongs "
         "in `listeners[].tls`\n"},
        {LEAST "workers: 4\nworkers: 4\n",
         "t:4:1: workers: found a second time, expected once; the first is in line 3\n"},
        {LEAST "limits: {header_bytes: 32KiB, \"header_bytes\": 33KiB}\n",
         "t:3:31: limits.header_bytes: found a second time, expected once; the first is in line "
         "3\n"},
        {LEAST "deadlines: {first_byte: {limit: 5s, tottal: 8s}}\n",
         "t:3:37: deadlines.first_byte.tottal: unknown key `tottal` in `first_byte`\n"},
        {LEAST "deadlines: {response: {idle: 5s}}\n",
         "t:3:24: deadlines.response.idle: unknown key `idle` in `response`\n"},
        {LEAST "deadlines: {response: {stal: 5s}}\n",
         "t:3:24: deadlines.response.stal: unknown key `stal` in `response`; did you mean "
         "`stall`?\n"},
        {LEAST "Workers: 4\n",
         "t:3:1: Workers: unknown key `Workers` in the configuration; did you mean `workers`?\n"},
        {LEAST "<<: {workers: 4}\n", "t:3:1: <<: unknown key `<<` in the configuration\n"},
        {LEAST "\"a\\nb\\e[0m\": 4\n",
         "t:3:1: a?b?[0m: unknown key `a\\x0ab\\x1b[0m` in the configuration\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

static void missing(void **state)
{
    static const struct bad cases[] = {
        {"", "t:1:1: listeners: missing, expected a list, each item after `- `\n"
             "t:1:1: upstreams: missing, expected a list, each item after `- `\n"},
        {"# nothing\n", "t:1:1: listeners: missing, expected a list, each item after `- `\n"
                        "t:1:1: upstreams: missing, expected a list, each item after `- `\n"},
        {"~", "t:1:1: found nothing, expected a mapping\n"},
        {"5", "t:1:1: found `5`, expected a mapping\n"},
        {"[]", "t:1:1: found a list, expected a mapping\n"},
        {UPSTREAM "listeners:\n",
         "t:2:1: listeners: found nothing, expected a list, each item after `- `\n"},
        {UPSTREAM "listeners: []\n",
         "t:2:12: listeners: found an empty list, expected a listener\n"},
        {UPSTREAM "listeners: {address: ':1'}\n",
         "t:2:12: listeners: found a mapping, expected a list, each item after `- `\n"},
        {UPSTREAM "listeners: [{address: ':1'}]\n",
         "t:2:13: listeners[0].tls.certificates: missing, expected a list, each item after `- `\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {}}]\n",
         "t:2:34: listeners[0].tls.certificates: missing, expected a list, each item after `- `\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {certificates: []}}]\n",
         "t:2:49: listeners[0].tls.certificates: found an empty list, expected a certificate\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {certificates: [{certificate: a}]}}]\n",
         "t:2:50: listeners[0].tls.certificates[0].key: missing, expected the path of a file\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: }]\n",
         "t:2:29: listeners[0].tls: found nothing, expected a mapping or `off`\n"},
        {UPSTREAM "listeners: [x]\n", "t:2:13: listeners[0]: found `x`, expected a mapping\n"},
        {LISTENER "upstreams: [{name: app}]\n",
         "t:2:13: upstreams[0].endpoints: missing, expected a list, each item after `- `\n"},
        {LISTENER "upstreams: [{endpoints: ['a:1']}]\n",
         "t:2:13: upstreams[0].name: missing, expected a name of up to 64 letters, digits, `.`, "
         "`_` or `-`\n"},
        {LISTENER "upstreams: [{name: app, endpoints: [{weight: 1}, [], ~]}]\n",
         "t:2:37: upstreams[0].endpoints[0].address: missing, expected `host:port` or "
         "`unix:/path`\n"
         "t:2:50: upstreams[0].endpoints[1]: found a list, expected `host:port` or `unix:/path`\n"
         "t:2:54: upstreams[0].endpoints[2]: found nothing, expected `host:port` or "
         "`unix:/path`\n"},
        {LISTENER "upstreams: [{name: a, endpoints: ['a:1']}, {name: b, endpoints: ['a:1']}]\n",
         "t:2:44: routes: missing, expected to say which of the 2 upstreams gets what\n"},
        {LEAST "routes: []\n",
         "t:3:9: routes: found an empty list, expected a route, or no `routes` at all\n"},
        {LEAST "routes: [{path: /}]\n", "t:3:10: routes[0].upstream: missing, expected a name of "
                                        "up to 64 letters, digits, `.`, `_` or `-`\n"},
        {LEAST "log:\n", "t:3:1: log: found nothing, expected the path of a file, `stderr` or "
                         "`stdout`, or a mapping\n"},
        {LEAST "limits: 5\n", "t:3:9: limits: found `5`, expected a mapping\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

/* One value for one key, and whether it is taken. */
static void values(void **state)
{
    static const struct {
        const char *key, *value;
        const char *expected; /* NULL: it is good */
    } cases[] = {
        {"workers", "auto", NULL},
        {"workers", "1", NULL},
        {"workers", "1024", NULL},
        {"workers", "0", "a number from 1 to 1024, or `auto`"},
        {"workers", "1025", "a number from 1 to 1024, or `auto`"},
        {"workers", "-1", "a number from 1 to 1024, or `auto`"},
        {"workers", "1.5", "a number from 1 to 1024, or `auto`"},
        {"workers", "99999999999999999999", "a number from 1 to 1024, or `auto`"},
        {"workers", "''", "a number from 1 to 1024, or `auto`"},
        {"limits.pressure_floor", "0", "a duration such as `5s` from 1ms to 1h"},
        {"limits.pressure_floor", "unlimited", "a duration such as `5s` from 1ms to 1h"},
        {"limits.pressure_floor", "1h", NULL},
        {"limits.pressure_floor", "1h1ms", "a duration such as `5s` from 1ms to 1h"},
        {"limits.pressure_start", "75%", NULL},
        {"limits.pressure_start", "100%", NULL},
        {"limits.pressure_start", "75", "a percentage such as `75%` from 1% to 100%"},
        {"limits.pressure_start", "101%", "a percentage such as `75%` from 1% to 100%"},
        {"limits.pressure_start", "'%'", "a percentage such as `75%` from 1% to 100%"},
        {"limits.trailer_bytes", "256", NULL},
        {"limits.trailer_bytes", "255", "a size such as `64KiB` from 256B to 1MiB"},
        {"limits.trailer_bytes", "2MiB", "a size such as `64KiB` from 256B to 1MiB"},
        {"limits.trailer_bytes", "64kib", "a size such as `64KiB` from 256B to 1MiB"},
        {"limits.trailer_bytes", "unlimited", "a size such as `64KiB` from 256B to 1MiB"},
        {"deadlines.first_byte", "500ms", NULL},
        {"deadlines.first_byte", "unlimited", "x" /* see below: longer than the handshake */},
        {"deadlines.keepalive", "unlimited", NULL},
        {"deadlines.keepalive", "1m30s", NULL},
        {"deadlines.keepalive", "365d", NULL},
        {"deadlines.keepalive", "366d", DURATION},
        {"deadlines.keepalive", "0", DURATION},
        {"deadlines.keepalive", "0s", DURATION},
        {"deadlines.keepalive", "5", DURATION},
        {"deadlines.keepalive", "5 s", DURATION},
        {"deadlines.keepalive", "-5s", DURATION},
        {"deadlines.keepalive", "never", DURATION},
        {"deadlines.keepalive", "off", DURATION},
        {"deadlines.max_age.requests", "0", "a number from 1 to 4294967295, or `unlimited`"},
        {"deadlines.request_body.min_rate", "off", NULL},
        {"deadlines.request_body.min_rate", "1B/s", NULL},
        {"deadlines.request_body.min_rate", "0",
         "a rate such as `512B/s` from 1B/s to 1GiB/s, or `off`"},
        {"deadlines.request_body.min_rate", "unlimited",
         "a rate such as `512B/s` from 1B/s to 1GiB/s, or `off`"},
        {"deadlines.request_body.min_rate", "512B",
         "a rate such as `512B/s` from 1B/s to 1GiB/s, or `off`"},
        {"deadlines.request_body.window", "unlimited", "a duration such as `5s` from 10ms to 1d"},
        {"deadlines.request_body.enforce", "false", NULL},
        {"deadlines.request_body.enforce", "no", NULL},
        {"deadlines.request_body.enforce", "yes", NULL},
        {"deadlines.request_body.enforce", "on", NULL},
        {"deadlines.request_body.enforce", "0", "`true` or `false`"},
        {"deadlines.request_body.enforce", "True", "`true` or `false`"},
        {"forwarding.via", "a-b_c.D9", NULL},
        {"forwarding.via", "a b", "a word of up to 64 letters, digits, `.`, `_` or `-`"},
        {"forwarding.underscores_in_headers", "keep", NULL},
        {"forwarding.underscores_in_headers", "pass", "`drop`, `keep` or `reject`"},
        {"forwarding.via", "x234567890123456789012345678901234567890123456789012345678901234",
         NULL},
        {"forwarding.via", "x2345678901234567890123456789012345678901234567890123456789012345",
         "a word of up to 64 letters, digits, `.`, `_` or `-`"},
        {"log.level", "warn", NULL},
        {"log.level", "trace", "`error`, `warn`, `info` or `debug`"},
        {"log.path", "''", "the path of a file, `stderr` or `stdout`"},
        {"status.address", "'[::1]:0'", NULL},
        {"status.address", "'127.9.9.9:5'", NULL},
        {"status.address", "9901",
         "an address such as `:8443`, `127.0.0.1:8443`, `[::1]:8443` or `unix:/path`"},
        {"status.address", "localhost:9901",
         "an address such as `:8443`, `127.0.0.1:8443`, `[::1]:8443` or `unix:/path`"},
        {"status.address", "'unix:'",
         "an address such as `:8443`, `127.0.0.1:8443`, `[::1]:8443` or `unix:/path`"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++) {
        char text[512], nested[256], errors[512];
        struct sl_str s;
        size_t n_open = 0;
        sl_str_init(&s, nested, sizeof(nested));
        for (const char *p = cases[i].key; *p; p++) {
            if (*p == '.') {
                sl_str_addz(&s, ": {");
                n_open++;
            } else {
                sl_str_add_char(&s, *p);
            }
        }
        sl_str_addf(&s, ": %s", cases[i].value);
        size_t col = s.len - strlen(cases[i].value) + 1;
        while (n_open--)
            sl_str_add_char(&s, '}');
        snprintf(text, sizeof(text), "%s%s\n", LEAST, nested);
        size_t n = strlen(cases[i].value);
        bool is_quoted = cases[i].value[0] == '\'';
        snprintf(errors, sizeof(errors), "t:3:%zu: %s: found `%.*s`, expected %s\n", col,
                 cases[i].key, (int)(is_quoted ? n - 2 : n), cases[i].value + is_quoted,
                 cases[i].expected ? cases[i].expected : "");
        if (cases[i].expected && strcmp(cases[i].expected, "x") == 0)
            strcpy(errors, "t:3:25: deadlines.first_byte: found unlimited, expected no more than "
                           "`tls_handshake`, which is 10s: both count from accept\n");
        expect_errors(text, cases[i].expected ? errors : "");
    }
}

static void kinds(void **state)
{
    static const struct bad cases[] = {
        {LEAST "workers: []\n",
         "t:3:10: workers: found a list, expected a number from 1 to 1024, or `auto`\n"},
        {LEAST "workers: {}\n",
         "t:3:10: workers: found a mapping, expected a number from 1 to 1024, or `auto`\n"},
        {LEAST "workers:\n",
         "t:3:1: workers: found nothing, expected a number from 1 to 1024, or `auto`\n"},
        {LEAST "workers: ~\n",
         "t:3:10: workers: found nothing, expected a number from 1 to 1024, or `auto`\n"},
        {LEAST "deadlines: {keepalive: }\n",
         "t:3:13: deadlines.keepalive: found nothing, expected " DURATION ", or a mapping\n"},
        {LEAST "deadlines: {keepalive: null}\n",
         "t:3:24: deadlines.keepalive: found nothing, expected " DURATION ", or a mapping\n"},
        {LEAST "deadlines: {keepalive: [5s]}\n",
         "t:3:24: deadlines.keepalive: found a list, expected " DURATION ", or a mapping\n"},
        {LEAST "status: no way\n",
         "t:3:9: status: found `no way`, expected an address such as `:8443`, `127.0.0.1:8443`, "
         "`[::1]:8443` or `unix:/path`\n"},
        {LEAST "log: off\nforwarding: {trusted_proxies: 10.0.0.0/8}\n",
         "t:4:31: forwarding.trusted_proxies: found `10.0.0.0/8`, expected a list of addresses and "
         "prefixes such as `10.0.0.0/8`\n"},
        {LEAST "forwarding: {trusted_proxies: [10.0.0.1/8, x, ::1, []]}\n",
         "t:3:32: forwarding.trusted_proxies: found `10.0.0.1/8`, expected a list of addresses and "
         "prefixes such as `10.0.0.0/8`\n"
         "t:3:44: forwarding.trusted_proxies: found `x`, expected a list of addresses and "
         "prefixes such as `10.0.0.0/8`\n"
         "t:3:52: forwarding.trusted_proxies: found a list, expected a list of addresses and "
         "prefixes such as `10.0.0.0/8`\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {certificates: [{certificate: a, key: b}], "
                  "versions: [1.2, 1.1]}}]\n",
         "t:2:93: listeners[0].tls.versions: found `1.1`, expected a list with one or more of "
         "`1.2` or `1.3`\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {certificates: [{certificate: a, key: b}], "
                  "versions: []}}]\n",
         "t:2:87: listeners[0].tls.versions: found a list, expected a list with one or more of "
         "`1.2` or `1.3`\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: {certificates: [{certificate: a, key: b}], "
                  "versions: [1.2, 1.2]}}]\n",
         "t:2:93: listeners[0].tls.versions: found `1.2`, expected a list with one or more of "
         "`1.2` or `1.3`\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: of}]\n",
         "t:2:34: listeners[0].tls: found `of`, expected a mapping or `off`\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

static void endpoints_hosts_and_paths(void **state)
{
    static const char *const bad_endpoints[] = {
        ":80",   "1.2.3.4", "a:0",        "a:65536", "a:",  "a",
        "a b:1", "unix:",   "http://a:1", "[::1]",   "-a:1"};
    static const char *const good_endpoints[] = {"a:1", "[::1]:1", "1.2.3.4:1", "unix:x",
                                                 "a_b.c:65535"};
    static const char *const bad_hosts[] = {
        "a b",
        "a:80",
        "*",
        "*.",
        "a..b",
        "a.",
        ".a",
        "",
        "[::1",
        "[::1/64]",
        "*.*.a",
        "a*",
        "x234567890123456789012345678901234567890123456789012345678901234"};
    static const char *const good_hosts[] = {
        "a",       "*.a",   "A-b.c_d.9",
        "1.2.3.4", "[::1]", "x23456789012345678901234567890123456789012345678901234567890123"};
    /* With other escapes than these a path is never found: those of requests are normalised. */
    static const char *const bad_paths[] = {
        "a",    "",     "/a?b",    "/a#b", "/a b",        "/../x", "/x/..", "/./x", "/\\", "/%61",
        "/%2D", "/%7E", "/%c3%a9", "/%2f", "/a/%2E%2E/b", "/%00",  "/%zz",  "/a%2", "/%"};
    static const char *const good_paths[] = {
        "/", "/a", "/a/", "/a//b", "/...", "/.x", "/%20~!$&'()*+,;=:@", "/%C3%A9/%2F"};
    static const struct {
        const char *const *texts;
        size_t n;
        const char *fmt, *errors; /* NULL: good */
    } groups[] = {
        {bad_endpoints, SL_N_ELEMENTS(bad_endpoints),
         LISTENER "upstreams: [{name: app, endpoints: [\"%s\"]}]\n",
         "t:2:37: upstreams[0].endpoints[0]: found `%s`, expected `host:port` or `unix:/path`\n"},
        {good_endpoints, SL_N_ELEMENTS(good_endpoints),
         LISTENER "upstreams: [{name: app, endpoints: [\"%s\"]}]\n", NULL},
        {bad_hosts, SL_N_ELEMENTS(bad_hosts), LEAST "routes: [{upstream: app, host: \"%s\"}]\n",
         "t:3:32: routes[0].host: found `%s`, expected a host name without port such as "
         "`example.org` or "
         "`*.example.org`\n"},
        {good_hosts, SL_N_ELEMENTS(good_hosts), LEAST "routes: [{upstream: app, host: \"%s\"}]\n",
         NULL},
        {bad_paths, SL_N_ELEMENTS(bad_paths), LEAST "routes: [{upstream: app, path: '%s'}]\n",
         "t:3:32: routes[0].path: found `%s`, expected " PATH "\n"},
        {good_paths, SL_N_ELEMENTS(good_paths), LEAST "routes: [{upstream: app, path: \"%s\"}]\n",
         NULL},
    };
    for (size_t g = 0; g < SL_N_ELEMENTS(groups); g++) {
        for (size_t i = 0; i < groups[g].n; i++) {
            char text[512], errors[512] = "";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(text, sizeof(text), groups[g].fmt, groups[g].texts[i]);
            if (groups[g].errors)
                snprintf(errors, sizeof(errors), groups[g].errors, groups[g].texts[i]);
#pragma GCC diagnostic pop
            expect_errors(text, errors);
        }
    }
}

static void twins(void **state)
{
    static const struct bad cases[] = {
        {UPSTREAM "listeners:\n  - {address: ':1', tls: off}\n  - {address: ':1', tls: off}\n",
         "t:4:15: listeners[1].address: found `:1` a second time, expected another address; the "
         "first is in line 3\n"},
        {UPSTREAM "listeners:\n  - {address: '127.0.0.1:1', tls: off}\n  - {address: "
                  "'[::ffff:127.0.0.1]:1', tls: off}\n",
         "t:4:15: listeners[1].address: found `[::ffff:127.0.0.1]:1` a second time, expected "
         "another address; the first "
         "is in line 3\n"},
        {UPSTREAM "listeners:\n  - {address: ':1', tls: off, name: x}\n  - {address: ':2', tls: "
                  "off, name: x}\n",
         "t:4:37: listeners[1].name: found `x` a second time, expected another name; the first is "
         "in line 3\n"},
        {LISTENER "upstreams:\n  - {name: a, endpoints: ['h:1']}\n  - {name: a, endpoints: "
                  "['h:1']}\nroutes: [{upstream: a}]\n",
         "t:4:12: upstreams[1].name: found `a` a second time, expected another name; the first is "
         "in line 3\n"},
        {LISTENER "upstreams: [{name: a, endpoints: ['h:1', {address: 'h:1'}]}]\n",
         "t:2:52: upstreams[0].endpoints[1].address: found `h:1` a second time, expected another "
         "address; use `weight` "
         "for a larger share\n"},
        {LISTENER "upstreams: [{name: a, endpoints: [{address: 'h:1', weight: 0}]}]\n",
         "t:2:34: upstreams[0].endpoints: every endpoint has weight 0, expected one that takes "
         "requests\n"},
        {LEAST "routes:\n  - {upstream: app}\n  - {upstream: app, path: /}\n",
         "t:5:5: routes[1]: the same host and path as the route in line 4, expected one of them to "
         "differ\n"},
        {LEAST "routes:\n  - {upstream: app, host: A.b}\n  - {upstream: app, host: a.B, path: /}\n "
               " - {upstream: app, host: a.B, path: /x}\n",
         "t:5:5: routes[1]: the same host and path as the route in line 4, expected one of them to "
         "differ\n"},
        {LEAST "routes:\n  - {upstream: app, name: r}\n  - {upstream: app, name: r, path: /x}\n",
         "t:5:27: routes[1].name: found `r` a second time, expected another name; the first is in "
         "line 4\n"},
        /* a path that is wrong already is not called the same as another one */
        {LEAST "routes:\n  - {upstream: app}\n  - {upstream: app, path: x}\n",
         "t:5:27: routes[1].path: found `x`, expected " PATH "\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

static void references_and_contradictions(void **state)
{
    static const struct bad cases[] = {
        {LEAST "routes: [{upstream: ap}]\n", "t:3:21: routes[0].upstream: found `ap`, expected the "
                                             "name of an upstream; did you mean `app`?\n"},
        {LEAST "routes: [{upstream: zebra}]\n",
         "t:3:21: routes[0].upstream: found `zebra`, expected the name of an upstream\n"},
        {LEAST "status: 0.0.0.0:5\n", "t:3:9: status.address: found `0.0.0.0:5`, which others can "
                                      "reach, expected a loopback address or "
                                      "`unix:/path`, or `allow_remote: true` beside it\n"},
        {LEAST "status: ':5'\n", "t:3:9: status.address: found `:5`, which others can reach, "
                                 "expected a loopback address or "
                                 "`unix:/path`, or `allow_remote: true` beside it\n"},
        {LEAST "status: {address: '192.0.2.1:5', allow_remote: true}\n", ""},
        {LEAST "status: {address: 0.0.0.0:5, allow_remote: perhaps}\n",
         "t:3:44: status.allow_remote: found `perhaps`, expected `true` or `false`\n"},
        {UPSTREAM "listeners: [{address: '127.0.0.1:9901', tls: off}]\n",
         "t:1:1: status.address: found `127.0.0.1:9901`, the address of a listener (line 2), "
         "expected one of its own\n"},
        {LEAST "limits: {target_bytes: 64KiB}\n",
         "t:3:24: limits.target_bytes: `target_bytes` is more than `header_bytes`, which it is "
         "part of\n"},
        {LEAST "limits: {header_bytes: 4KiB}\n", "t:3:24: limits.header_bytes: `target_bytes` is "
                                                 "more than `header_bytes`, which it is part of\n"},
        {LEAST "limits: {max_connections: 10, max_handshaking: 11}\n",
         "t:3:48: limits.max_handshaking: more than `max_connections`, which it is part of\n"},
        {LEAST "limits: {max_handshaking: 10, max_handshaking_per_client: 11}\n",
         "t:3:59: limits.max_handshaking_per_client: more than `max_handshaking` of all clients\n"},
        /* defaults give way */
        {LEAST "limits: {max_connections: 10}\n", ""},
        {LEAST "limits: {max_handshaking: 10}\n", ""},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

/* A misspelt key beside the right one hides nothing of what the right one has. */
static void misspelt_twins(void **state)
{
    static const struct bad cases[] = {
        {UPSTREAM "listners: []\nlisteners: [{address: x, tls: off}]\n",
         "t:2:1: listners: unknown key `listners` in the configuration; did you mean "
         "`listeners`?\n"
         "t:3:23: listeners[0].address: found `x`, expected an address such as `:8443`, "
         "`127.0.0.1:8443`, `[::1]:8443` or `unix:/path`\n"},
        {UPSTREAM "listeners: [{address: x, tls: off}]\nlistners: []\n",
         "t:2:23: listeners[0].address: found `x`, expected an address such as `:8443`, "
         "`127.0.0.1:8443`, `[::1]:8443` or `unix:/path`\n"
         "t:3:1: listners: unknown key `listners` in the configuration; did you mean "
         "`listeners`?\n"},
        {LISTENER "upstreams: [{name: a, nam: b, endpoints: [c], endpoint: []}]\n",
         "t:2:23: upstreams[0].nam: unknown key `nam` in an upstream; did you mean `name`?\n"
         "t:2:43: upstreams[0].endpoints[0]: found `c`, expected `host:port` or `unix:/path`\n"
         "t:2:47: upstreams[0].endpoint: unknown key `endpoint` in an upstream; did you mean "
         "`endpoints`?\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

/* A misspelt section is looked into as the one that it seems to mean; no value is guessed at. */
static void inside_of_misspelt_sections(void **state)
{
    static const struct bad cases[] = {
        {UPSTREAM "listners: [{address: x, tls: off}]\n",
         "t:2:1: listners: unknown key `listners` in the configuration; did you mean "
         "`listeners`?\n"
         "t:2:22: listeners[0].address: found `x`, expected an address such as `:8443`, "
         "`127.0.0.1:8443`, `[::1]:8443` or `unix:/path`\n"},
        {UPSTREAM "listners: [{address: ':1', tls: off}, {address: ':1', tls: off}]\n",
         "t:2:1: listners: unknown key `listners` in the configuration; did you mean "
         "`listeners`?\n"
         "t:2:49: listeners[1].address: found `:1` a second time, expected another address; the "
         "first is in line 2\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: off, deadline: {drain: {limit: 0}}}]\n",
         "t:2:39: listeners[0].deadline: unknown key `deadline` in a listener; did you mean "
         "`deadlines`?\n"
         "t:2:50: listeners[0].deadlines.drain: found in a listener, expected only in the "
         "`deadlines` of the top level: it concerns the whole process\n"},
        {LEAST "deadlines: {tunel: {idle: 0}}\n",
         "t:3:13: deadlines.tunel: unknown key `tunel` in `deadlines`; did you mean `tunnel`?\n"
         "t:3:27: deadlines.tunnel.idle: found `0`, expected " DURATION "\n"},
        {UPSTREAM "listeners: [{address: ':1', tls: off, deadlines: {drian: {limit: 0}}}]\n",
         "t:2:51: listeners[0].deadlines.drian: unknown key `drian` in these `deadlines`; did you "
         "mean `drain`?\n"
         "t:2:51: listeners[0].deadlines.drain: found in a listener, expected only in the "
         "`deadlines` of the top level: it concerns the whole process\n"},
        {LEAST "limit: 5\n",
         "t:3:1: limit: unknown key `limit` in the configuration; did you mean `limits`?\n"},
        {LEAST "wrokers: 0\n",
         "t:3:1: wrokers: unknown key `wrokers` in the configuration; did you mean `workers`?\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

/* The first one counts; the second is only searched for errors, and may lack what the first has. */
static void inside_of_second_sections(void **state)
{
    static const struct bad cases[] = {
        {LEAST "limits: {header_bytes: 33KiB}\nlimits: {header_bytes: 0, pressure_start: 50%}\n",
         "t:4:1: limits: found a second time, expected once; the first is in line 3\n"
         "t:4:24: limits.header_bytes: found `0`, expected a size such as `64KiB` from 1KiB to "
         "1MiB\n"},
        {LEAST "upstreams: [{name: b, endpoints: [x]}, {endpoints: ['a:1']}]\n"
               "routes: [{upstream: app}]\n",
         "t:3:1: upstreams: found a second time, expected once; the first is in line 2\n"
         "t:3:35: upstreams[0].endpoints[0]: found `x`, expected `host:port` or `unix:/path`\n"
         "t:3:40: upstreams[1].name: missing, expected a name of up to 64 letters, digits, `.`, "
         "`_` or `-`\n"},
        {UPSTREAM "listeners:\n  - address: ':1'\n    tls: {certificates: [{certificate: a, key: "
                  "b}]}\n    tls: {versions: [1.1], strictsni: maybe}\n",
         "t:5:5: listeners[0].tls: found a second time, expected once; the first is in line 4\n"
         "t:5:22: listeners[0].tls.versions: found `1.1`, expected a list with one or more of "
         "`1.2` or `1.3`\n"
         "t:5:28: listeners[0].tls.strictsni: unknown key `strictsni` in `tls`; did you mean "
         "`strict_sni`?\n"},
        {LEAST "limits: 5\nlimits: 6\n",
         "t:3:9: limits: found `5`, expected a mapping\n"
         "t:4:1: limits: found a second time, expected once; the first is in line 3\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

/* One run shows them all, in the order of the file. */
static void all_at_once(void **state)
{
    expect_errors(
        "worker: 4\n"
        "listeners:\n"
        "  - adress: ':1'\n"
        "    tls: off\n"
        "  - {address: x, tls: off, deadlines: {drain: 5s}}\n"
        "upstreams:\n"
        "  - {name: a, endpoints: [b], balance: fair}\n"
        "routes: [{upstream: c, path: d}]\n"
        "deadlines: {keepalive: 0, tls_handshake: 1s}\n",
        "t:1:1: worker: unknown key `worker` in the configuration; did you mean `workers`?\n"
        "t:3:5: listeners[0].adress: unknown key `adress` in a listener; did you mean `address`?\n"
        "t:5:15: listeners[1].address: found `x`, expected an address such as `:8443`, "
        "`127.0.0.1:8443`, `[::1]:8443` or `unix:/path`\n"
        "t:5:40: listeners[1].deadlines.drain: found in a listener, expected only in the "
        "`deadlines` of the top level: it concerns the whole process\n"
        "t:7:27: upstreams[0].endpoints[0]: found `b`, expected `host:port` or `unix:/path`\n"
        "t:7:40: upstreams[0].balance: found `fair`, expected `round_robin` or "
        "`least_connections`\n"
        "t:8:21: routes[0].upstream: found `c`, expected the name of an upstream; did you mean "
        "`a`?\n"
        "t:8:30: routes[0].path: found `d`, expected " PATH "\n"
        "t:9:24: deadlines.keepalive: found `0`, expected " DURATION "\n"
        "t:9:42: deadlines.tls_handshake: found 1s, expected no less than `first_byte`, which is "
        "5s: "
        "both count from accept\n");
}

/* What C would take for the end of a text is none. */
static void texts_with_nul(void **state)
{
    static const struct bad cases[] = {
        {LISTENER "upstreams: [{name: \"a\\0b\", endpoints: ['a:1']}]\n",
         "t:2:20: upstreams[0].name: found `a\\x00b`, expected a name of up to 64 letters, digits, "
         "`.`, `_` or `-`\n"},
        {LEAST "log: \"/tmp/a\\0b\"\n",
         "t:3:6: log: found `/tmp/a\\x00b`, expected the path of a file, `stderr` or "
         "`stdout`\n"},
        {LEAST "forwarding: {via: \"\\0\"}\n",
         "t:3:19: forwarding.via: found `\\x00`, expected a word of up to 64 letters, digits, `.`, "
         "`_` or `-`\n"},
    };
    expect_all(cases, SL_N_ELEMENTS(cases));
}

static void found_texts_are_cut_and_made_safe(void **state)
{
    char text[3000], *p = text;
    p += sprintf(p, "%sworkers: \"\\e[31m\\0\\x85\\u2028", LEAST);
    for (int i = 0; i < 200; i++)
        p += sprintf(p, "\xc3\xa4");
    strcpy(p, "\"\n");
    struct reading reading = read_text(text);
    assert_int_equal(reading.n_errors, 1);
    const char *found = strstr(reading.errors, "found `");
    assert_non_null(found);
    assert_true(strncmp(found, "found `\\x1b[31m\\x00\\xc2\\x85", 27) == 0);
    assert_non_null(strstr(reading.errors, "\xc3\xa4...`, expected a number"));
    forget(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_and_duplicate_keys),
        cmocka_unit_test(missing),
        cmocka_unit_test(values),
        cmocka_unit_test(kinds),
        cmocka_unit_test(endpoints_hosts_and_paths),
        cmocka_unit_test(twins),
        cmocka_unit_test(references_and_contradictions),
        cmocka_unit_test(misspelt_twins),
        cmocka_unit_test(inside_of_misspelt_sections),
        cmocka_unit_test(inside_of_second_sections),
        cmocka_unit_test(all_at_once),
        cmocka_unit_test(texts_with_nul),
        cmocka_unit_test(found_texts_are_cut_and_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
