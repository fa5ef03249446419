/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Good configurations: every key reaches its member, every default is what it says, and every way
 * of writing a value.
 */
#include <unistd.h>
#include "reading.h"

static void every_default(void **state)
{
    struct reading reading = read_good("listeners:\n"
                                       "  - address: ':8443'\n"
                                       "    tls: {certificates: [{certificate: c, key: k}]}\n"
                                       "upstreams: [{name: app, endpoints: ['127.0.0.1:80']}]\n");
    const struct sl_config *c = reading.config;
    assert_string_equal(c->file, "/etc/sluice/t.yaml");
    assert_int_equal(c->n_workers, 0);
    assert_int_equal(c->n_listeners, 1);
    const struct sl_listener_config *l = &c->listeners[0];
    assert_string_equal(l->name, ":8443");
    assert_string_equal(l->address_text, ":8443");
    assert_int_equal(sl_addr_port(&l->address), 8443);
    assert_true(l->is_tls && l->has_tls12 && l->has_tls13 && l->has_tickets);
    assert_false(l->is_strict_sni);
    assert_int_equal(l->proxy_protocol, SL_PROXY_PROTOCOL_OFF);
    assert_int_equal(l->backlog, 4096);
    assert_int_equal(l->n_certificates, 1);
    assert_string_equal(l->certificates[0].certificate, "/etc/sluice/c");
    assert_string_equal(l->certificates[0].key, "/etc/sluice/k");

    const struct sl_upstream_config *u = &c->upstreams[0];
    assert_int_equal(c->n_upstreams, 1);
    assert_string_equal(u->name, "app");
    assert_int_equal(u->balance, SL_BALANCE_ROUND_ROBIN);
    assert_int_equal(u->chunked_requests, SL_CHUNKED_FORWARD);
    assert_true(u->has_keepalive);
    assert_int_equal(u->max_idle, 32);
    assert_int_equal(u->max_queue, 1024);
    assert_int_equal(u->fail_timeout_ms, 10000);
    assert_int_equal(u->idle_ms, 30000);
    assert_int_equal(u->n_endpoints, 1);
    assert_null(u->endpoints[0].host);
    assert_int_equal(u->endpoints[0].weight, 1);
    assert_int_equal(u->endpoints[0].max_connections, 0);

    assert_int_equal(c->n_routes, 1);
    assert_string_equal(c->routes[0].name, "/");
    assert_null(c->routes[0].host);
    assert_string_equal(c->routes[0].path, "/");
    assert_string_equal(c->routes[0].upstream, "app");
    assert_int_equal(c->routes[0].upstream_index, 0);
    assert_true(c->routes[0].max_body_bytes == SL_UNLIMITED);
    assert_int_equal(c->routes[0].at.line, 0);

    assert_true(c->max_age_ms == SL_UNLIMITED && c->max_age_requests == SL_UNLIMITED);
    assert_int_equal(c->upstream_idle_ms, 30000);
    assert_int_equal(c->limits.max_connections, 0);
    assert_int_equal(c->limits.max_handshaking, 16384);
    assert_int_equal(c->limits.max_handshaking_per_client, 1024);
    assert_int_equal(c->limits.pressure_start_percent, 75);
    assert_int_equal(c->limits.pressure_floor_ms, 1000);
    assert_int_equal(c->limits.header_bytes, 32768);
    assert_int_equal(c->limits.target_bytes, 8192);
    assert_int_equal(c->limits.n_fields, 100);
    assert_int_equal(c->limits.trailer_bytes, 8192);
    assert_int_equal(c->limits.chunk_line_bytes, 256);
    assert_int_equal(c->forwarding.n_trusted_proxies, 0);
    assert_string_equal(c->forwarding.via, "sluice");
    assert_int_equal(c->forwarding.underscores, SL_UNDERSCORES_DROP);
    assert_string_equal(c->log.path, "stderr");
    assert_int_equal(c->log.level, SL_LOG_INFO);
    assert_true(c->access_log.is_on);
    assert_string_equal(c->access_log.path, "stdout");
    assert_int_equal(c->access_log.format, SL_ACCESS_JSON);
    assert_true(c->status.is_on);
    assert_false(c->status.allows_remote);
    assert_string_equal(c->status.address_text, "127.0.0.1:9901");
    assert_int_equal(sl_addr_port(&c->status.address), 9901);
    forget(&reading);
}

static void every_key(void **state)
{
    struct reading reading = read_good(
        "workers: 3\n"
        "listeners:\n"
        "  - address: 127.0.0.1:1\n"
        "    name: public\n"
        "    proxy_protocol: required\n"
        "    backlog: 7\n"
        "    tls:\n"
        "      certificates:\n"
        "        - {certificate: /a/c1, key: /a/k1}\n"
        "        - {certificate: sub/c2, key: ../k2}\n"
        "      versions: ['1.3']\n"
        "      strict_sni: true\n"
        "      tickets: false\n"
        "  - {address: 'unix:run/s', tls: off}\n"
        "upstreams:\n"
        "  - name: one\n"
        "    balance: least_connections\n"
        "    chunked_requests: reject\n"
        "    fail_timeout: 3s\n"
        "    keepalive: false\n"
        "    max_idle: 0\n"
        "    max_queue: 9\n"
        "    upstream_idle: 7s\n"
        "    endpoints:\n"
        "      - {address: 'unix:/run/x', weight: 2, max_connections: 100}\n"
        "      - App.Example:99\n"
        "      - {address: '[::1]:5', weight: 0}\n"
        "  - {name: two, endpoints: ['h:1'], fail_timeout: off}\n"
        "routes:\n"
        "  - {name: r, host: '*.Example.ORG', path: /a/b, upstream: two, max_body: 1MiB}\n"
        "  - {host: '[2001:db8::1]', upstream: one, max_body: 0}\n"
        "deadlines: {max_age: {time: 1h, requests: 10}, upstream_idle: 9s}\n"
        "limits:\n"
        "  max_connections: 1000\n"
        "  max_handshaking: 200\n"
        "  max_handshaking_per_client: 20\n"
        "  pressure_start: 50%\n"
        "  pressure_floor: 200ms\n"
        "  header_bytes: 64KiB\n"
        "  target_bytes: 16KiB\n"
        "  header_fields: 50\n"
        "  trailer_bytes: 1KiB\n"
        "  chunk_line_bytes: 100\n"
        "forwarding:\n"
        "  trusted_proxies: [10.0.0.0/8, '::1']\n"
        "  via: edge-1\n"
        "  underscores_in_headers: reject\n"
        "log: {path: log/e, level: debug}\n"
        "access_log: {path: stderr, format: common}\n"
        "status: {address: 0.0.0.0:5, allow_remote: true}\n");
    const struct sl_config *c = reading.config;
    assert_int_equal(c->n_workers, 3);
    const struct sl_listener_config *l = c->listeners;
    assert_int_equal(c->n_listeners, 2);
    assert_string_equal(l[0].name, "public");
    assert_int_equal(l[0].proxy_protocol, SL_PROXY_PROTOCOL_REQUIRED);
    assert_int_equal(l[0].backlog, 7);
    assert_int_equal(l[0].n_certificates, 2);
    assert_string_equal(l[0].certificates[0].certificate, "/a/c1");
    assert_string_equal(l[0].certificates[1].certificate, "/etc/sluice/sub/c2");
    assert_string_equal(l[0].certificates[1].key, "/etc/sluice/../k2");
    assert_int_equal(l[0].certificates[1].certificate_at.line, 10);
    assert_int_equal(l[0].certificates[1].certificate_at.col, 25);
    assert_int_equal(l[0].certificates[1].key_at.col, 38);
    assert_true(!l[0].has_tls12 && l[0].has_tls13 && l[0].is_strict_sni && !l[0].has_tickets);
    assert_int_equal(l[0].at.line, 3);
    assert_int_equal(l[0].address_at.col, 14);
    assert_false(l[1].is_tls);
    assert_string_equal(l[1].name, "unix:run/s");
    char text[SL_ADDR_TEXT_BYTES];
    struct sl_str s;
    sl_str_init(&s, text, sizeof(text));
    sl_addr_write(&l[1].address, &s);
    assert_string_equal(text, "unix:/etc/sluice/run/s");

    const struct sl_upstream_config *u = c->upstreams;
    assert_int_equal(u[0].balance, SL_BALANCE_LEAST_CONNECTIONS);
    assert_int_equal(u[0].chunked_requests, SL_CHUNKED_REJECT);
    assert_int_equal(u[0].fail_timeout_ms, 3000);
    assert_int_equal(u[1].fail_timeout_ms, 0);
    assert_false(u[0].has_keepalive);
    assert_int_equal(u[0].max_idle, 0);
    assert_int_equal(u[0].max_queue, 9);
    assert_int_equal(u[0].idle_ms, 7000);
    assert_int_equal(u[1].idle_ms, 9000);
    assert_int_equal(u[0].n_endpoints, 3);
    assert_int_equal(u[0].endpoints[0].weight, 2);
    assert_int_equal(u[0].endpoints[0].max_connections, 100);
    assert_true(sl_addr_is_unix(&u[0].endpoints[0].address));
    assert_string_equal(u[0].endpoints[1].host, "app.example");
    assert_string_equal(u[0].endpoints[1].text, "App.Example:99");
    assert_int_equal(u[0].endpoints[1].port, 99);
    assert_int_equal(u[0].endpoints[1].weight, 1);
    assert_int_equal(u[0].endpoints[1].at.line, 26);
    assert_int_equal(u[0].endpoints[2].weight, 0);
    assert_int_equal(u[0].endpoints[2].port, 5);

    const struct sl_route_config *r = c->routes;
    assert_int_equal(c->n_routes, 2);
    assert_string_equal(r[0].name, "r");
    assert_string_equal(r[0].host, "*.example.org");
    assert_string_equal(r[0].path, "/a/b");
    assert_int_equal(r[0].upstream_index, 1);
    assert_int_equal(r[0].max_body_bytes, 1048576);
    assert_string_equal(r[1].name, "[2001:db8::1]/");
    assert_int_equal(r[1].upstream_index, 0);
    assert_int_equal(r[1].max_body_bytes, 0);

    assert_int_equal(c->max_age_ms, 3600000);
    assert_int_equal(c->max_age_requests, 10);
    assert_int_equal(c->upstream_idle_ms, 9000);
    assert_int_equal(c->limits.max_connections, 1000);
    assert_int_equal(c->limits.max_handshaking, 200);
    assert_int_equal(c->limits.max_handshaking_per_client, 20);
    assert_int_equal(c->limits.pressure_start_percent, 50);
    assert_int_equal(c->limits.pressure_floor_ms, 200);
    assert_int_equal(c->limits.header_bytes, 65536);
    assert_int_equal(c->limits.target_bytes, 16384);
    assert_int_equal(c->limits.n_fields, 50);
    assert_int_equal(c->limits.trailer_bytes, 1024);
    assert_int_equal(c->limits.chunk_line_bytes, 100);
    assert_int_equal(c->forwarding.n_trusted_proxies, 2);
    assert_int_equal(c->forwarding.trusted_proxies[0].n_bits, 104);
    assert_string_equal(c->forwarding.via, "edge-1");
    assert_int_equal(c->forwarding.underscores, SL_UNDERSCORES_REJECT);
    assert_string_equal(c->log.path, "/etc/sluice/log/e");
    assert_int_equal(c->log.level, SL_LOG_DEBUG);
    assert_int_equal(c->log.at.line, 48);
    assert_string_equal(c->access_log.path, "stderr");
    assert_int_equal(c->access_log.format, SL_ACCESS_COMMON);
    assert_true(c->status.allows_remote);
    assert_int_equal(c->status.at.line, 50);
    forget(&reading);
}

static void short_forms_and_off(void **state)
{
    struct reading reading = read_good(LEAST "log: e.log\n"
                                             "access_log: off\n"
                                             "status: off\n"
                                             "deadlines: {max_age: 1d}\n");
    assert_string_equal(reading.config->log.path, "/etc/sluice/e.log");
    assert_int_equal(reading.config->log.level, SL_LOG_INFO);
    assert_false(reading.config->access_log.is_on);
    assert_null(reading.config->access_log.path);
    assert_false(reading.config->status.is_on);
    assert_int_equal(reading.config->max_age_ms, 86400000);
    assert_true(reading.config->max_age_requests == SL_UNLIMITED);
    forget(&reading);

    reading = read_good(LEAST "access_log: a.log\nstatus: unix:/run/s\n");
    assert_string_equal(reading.config->access_log.path, "/etc/sluice/a.log");
    assert_true(sl_addr_is_unix(&reading.config->status.address));
    forget(&reading);
}

/* All of these mean the same. */
static void ways_of_writing(void **state)
{
    static const char *const texts[] = {
        "workers: 5\n" LEAST,
        "\xef\xbb\xbfworkers: 5\n" LEAST,
        "workers: \"5\"\n" LEAST,
        "workers: '5'\r\n" LEAST,
        "# a comment\n---\nworkers: 5 # five\n" LEAST "...\n",
        "%YAML 1.1\n---\nworkers: 5\n" LEAST,
        "{workers: 5, listeners: [{address: ':1', tls: off}], "
        "upstreams: [{name: app, endpoints: ['a:1']}]}",
        "{\"workers\": 5, \"listeners\": [{\"address\": \":1\", \"tls\": \"off\"}],\n"
        " \"upstreams\": [{\"name\": \"app\", \"endpoints\": [\"a:1\"]}]}",
        LEAST "limits: {header_fields: &n 8}\nworkers: 5\nforwarding: {}\n",
        "workers: >-\n  5\n" LEAST,
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(texts); i++) {
        struct reading reading = read_good(texts[i]);
        assert_int_equal(reading.config->n_workers, 5);
        assert_int_equal(reading.config->n_listeners, 1);
        forget(&reading);
    }
}

static void aliases_stand_for_their_anchor(void **state)
{
    struct reading reading =
        read_good(LISTENER "upstreams:\n"
                           "  - {name: &n app, endpoints: ['a:1']}\n"
                           "routes:\n"
                           "  - {upstream: *n, deadlines: &d {request_body: 9s}}\n"
                           "  - {upstream: *n, path: /x, deadlines: *d}\n");
    assert_int_equal(reading.config->n_routes, 2);
    assert_string_equal(reading.config->routes[1].upstream, "app");
    assert_int_equal(
        reading.config->routes[1].deadlines.values.phase[SL_PHASE_REQUEST_BODY].limit_ms, 9000);
    forget(&reading);
    /* the latest anchor of a name */
    reading =
        read_good("workers: &n 3\nlimits: {header_fields: &n 50, max_handshaking: *n}\n" LEAST);
    assert_int_equal(reading.config->limits.max_handshaking, 50);
    forget(&reading);
}

/* Port 0 is any free port: two of them are two places. */
static void any_port_twice(void **state)
{
    struct reading reading = read_good("listeners: [{address: '127.0.0.1:0', tls: off}, {address: "
                                       "'127.0.0.1:0', tls: off}]\n" UPSTREAM);
    assert_int_equal(reading.config->n_listeners, 2);
    forget(&reading);
}

static void paths_stand_against_the_folder(void **state)
{
    char cwd[4096], expected[4200];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    static const struct {
        const char *name, *folder;
    } cases[] = {
        {"/x.yaml", "/"}, {"/a/b/x.yaml", "/a/b/"}, {"x.yaml", NULL}, {"c/x.yaml", "c/"},
        {NULL, NULL},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++) {
        struct reading reading = read_span(cases[i].name, SL_SPAN(LEAST "log: l\n"));
        bool is_absolute = cases[i].folder && cases[i].folder[0] == '/';
        snprintf(expected, sizeof(expected), "%s%s%sl", is_absolute ? "" : cwd,
                 is_absolute ? "" : "/", cases[i].folder ? cases[i].folder : "");
        assert_string_equal(reading.config->log.path, expected);
        if (!cases[i].name)
            assert_null(reading.config->file);
        forget(&reading);
    }
}

static void from_a_file(void **state)
{
    char path[] = "/tmp/sluice-conf-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, LEAST, sizeof(LEAST) - 1), sizeof(LEAST) - 1);
    struct sl_report *report;
    struct sl_config *config;
    assert_int_equal(sl_report_new(path, &report), 0);
    assert_int_equal(sl_config_read(path, report, &config), 0);
    assert_string_equal(config->file, path);
    sl_config_free(&config);

    /* a byte too much */
    assert_int_equal(ftruncate(fd, 1024 * 1024 + 1), 0);
    assert_int_equal(sl_config_read(path, report, &config), SL_ERR_CONFIG);
    assert_null(config);
    assert_int_equal(sl_report_count(report), 1);
    close(fd);
    unlink(path);
    assert_int_equal(sl_config_read(path, report, &config), SL_ERR_CONFIG);
    assert_int_equal(sl_config_read("/tmp", report, &config), SL_ERR_CONFIG);
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    sl_report_print(report, to);
    fclose(to);
    assert_non_null(strstr(text, ": the file is larger than 1MiB\n"));
    assert_non_null(strstr(text, ": cannot be read: No such file or directory\n"));
    assert_non_null(strstr(text, ": cannot be read: Is a directory\n"));
    free(text);
    sl_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_default),
        cmocka_unit_test(every_key),
        cmocka_unit_test(short_forms_and_off),
        cmocka_unit_test(ways_of_writing),
        cmocka_unit_test(aliases_stand_for_their_anchor),
        cmocka_unit_test(any_port_twice),
        cmocka_unit_test(paths_stand_against_the_folder),
        cmocka_unit_test(from_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
