/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config/full.yaml and config/minimal.yaml, as committed, against the schema. The folder comes in
 * SLUICE_CONFIG_DIR. When a key, a default or a help text was changed: run this test once with
 * SLUICE_WRITE=1, look at the difference, and commit it.
 */
#include "reading.h"

static char *dumped(void (*print)(FILE *to))
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    assert_non_null(to);
    print(to);
    fclose(to);
    return text;
}

static void path_of(const char *name, char *path, size_t cap)
{
    const char *folder = getenv("SLUICE_CONFIG_DIR");
    assert_non_null(folder);
    snprintf(path, cap, "%s/%s", folder, name);
}

static char *committed(const char *name)
{
    char path[4096];
    path_of(name, path, sizeof(path));
    FILE *from = fopen(path, "r");
    if (!from)
        fail_msg("cannot open %s", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, from) > 0);
    fclose(from);
    return text;
}

static void full_is_what_the_schema_says(void **state)
{
    char *expected = dumped(sl_config_print_full);
    if (getenv("SLUICE_WRITE")) {
        char path[4096];
        path_of("full.yaml", path, sizeof(path));
        FILE *to = fopen(path, "w");
        assert_non_null(to);
        fputs(expected, to);
        fclose(to);
    }
    char *found = committed("full.yaml");
    size_t n_line = 1;
    for (const char *a = found, *b = expected; *a || *b; a++, b++) {
        if (*a != *b)
            fail_msg("config/full.yaml differs from the schema in line %zu: see the top of this "
                     "test",
                     n_line);
        n_line += *a == '\n';
    }
    free(expected);
    free(found);
}

static void expect_same_deadlines(const struct sl_config *a, const struct sl_config *b)
{
    struct sl_deadlines x, y;
    sl_config_deadlines(a, &a->listeners[0], &a->routes[0], &x);
    sl_config_deadlines(b, &b->listeners[0], &b->routes[0], &y);
    for (int i = 0; i < SL_N_PHASES; i++) {
        assert_true(x.phase[i].limit_ms == y.phase[i].limit_ms);
        assert_true(x.phase[i].total_ms == y.phase[i].total_ms);
        assert_true(x.phase[i].rate_Bps == y.phase[i].rate_Bps);
        assert_true(x.phase[i].window_ms == y.phase[i].window_ms);
        assert_true(x.phase[i].cap_bytes == y.phase[i].cap_bytes);
        assert_true(x.phase[i].is_enforced == y.phase[i].is_enforced);
    }
}

/* The file that spells out every default means the same as the one that relies on them. */
static void full_means_the_same_as_minimal(void **state)
{
    char *full_text = committed("full.yaml"), *minimal_text = committed("minimal.yaml");
    struct reading full = read_good(full_text), minimal = read_good(minimal_text);
    struct sl_config *a = full.config, *b = minimal.config;
    expect_same_deadlines(a, b);
    assert_int_equal(a->n_workers, b->n_workers);
    assert_int_equal(a->n_listeners, 1);
    const struct sl_listener_config *l = &a->listeners[0], *m = &b->listeners[0];
    assert_string_equal(l->name, m->name);
    assert_true(sl_addr_eq(&l->address, &m->address));
    assert_true(l->is_tls == m->is_tls && l->has_tls12 == m->has_tls12 &&
                l->has_tls13 == m->has_tls13 && l->is_strict_sni == m->is_strict_sni &&
                l->has_tickets == m->has_tickets && l->proxy_protocol == m->proxy_protocol &&
                l->backlog == m->backlog);
    assert_string_equal(l->certificates[0].key, m->certificates[0].key);
    const struct sl_upstream_config *u = &a->upstreams[0], *v = &b->upstreams[0];
    assert_string_equal(u->name, v->name);
    assert_true(u->balance == v->balance && u->chunked_requests == v->chunked_requests &&
                u->has_keepalive == v->has_keepalive && u->max_idle == v->max_idle &&
                u->max_queue == v->max_queue && u->idle_ms == v->idle_ms &&
                u->fail_timeout_ms == v->fail_timeout_ms);
    assert_string_equal(u->endpoints[0].text, v->endpoints[0].text);
    assert_true(u->endpoints[0].weight == v->endpoints[0].weight &&
                u->endpoints[0].max_connections == v->endpoints[0].max_connections);
    assert_string_equal(a->routes[0].path, b->routes[0].path);
    assert_true(a->routes[0].max_body_bytes == b->routes[0].max_body_bytes);
    assert_true(a->max_age_ms == b->max_age_ms && a->max_age_requests == b->max_age_requests &&
                a->upstream_idle_ms == b->upstream_idle_ms);
    assert_true(a->limits.max_connections == b->limits.max_connections &&
                a->limits.max_handshaking == b->limits.max_handshaking &&
                a->limits.max_handshaking_per_client == b->limits.max_handshaking_per_client &&
                a->limits.pressure_start_percent == b->limits.pressure_start_percent &&
                a->limits.pressure_floor_ms == b->limits.pressure_floor_ms &&
                a->limits.header_bytes == b->limits.header_bytes &&
                a->limits.target_bytes == b->limits.target_bytes &&
                a->limits.n_fields == b->limits.n_fields &&
                a->limits.trailer_bytes == b->limits.trailer_bytes &&
                a->limits.chunk_line_bytes == b->limits.chunk_line_bytes);
    assert_string_equal(a->forwarding.via, b->forwarding.via);
    assert_true(a->forwarding.underscores == b->forwarding.underscores);
    assert_string_equal(a->log.path, b->log.path);
    assert_true(a->log.level == b->log.level);
    assert_string_equal(a->access_log.path, b->access_log.path);
    assert_true(a->access_log.format == b->access_log.format);
    assert_string_equal(a->status.address_text, b->status.address_text);
    assert_true(a->status.allows_remote == b->status.allows_remote);
    forget(&full);
    forget(&minimal);
    free(full_text);
    free(minimal_text);
}

/* Keys whose default comes from elsewhere stand as comments; uncommented, they are read too. */
static void examples_in_comments_are_good(void **state)
{
    char *text = dumped(sl_config_print_full);
    static const char *const keys[] = {"# name: ", "# upstream_idle: ", "# host: "};
    size_t n = 0;
    for (size_t i = 0; i < SL_N_ELEMENTS(keys); i++)
        for (char *p = text; (p = strstr(p, keys[i])) != NULL; p++, n++)
            memmove(p, p + 2, strlen(p + 2) + 1);
    assert_int_equal(n, 4);
    struct reading reading = read_good(text);
    assert_string_equal(reading.config->listeners[0].name, "public");
    assert_string_equal(reading.config->routes[0].host, "example.org");
    forget(&reading);
    free(text);
}

static void reference_names_every_key_of_full(void **state)
{
    char *text = dumped(sl_config_print_full), *reference = dumped(sl_config_print_reference);
    size_t n = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char key[64], row[80];
        line += strspn(line, " -");
        size_t len = strspn(line, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (len == 0 || line[len] != ':')
            continue;
        snprintf(key, sizeof(key), "%.*s", (int)len, line);
        snprintf(row, sizeof(row), "\n| `%s` |", key);
        if (!strstr(reference, row))
            fail_msg("the reference has no row for %s", key);
        n++;
    }
    assert_true(n > 60);
    assert_non_null(strstr(reference, "\n### deadlines.max_age\n"));
    assert_null(strstr(reference, "\n### listeners[].deadlines")); /* the same as the top level's */
    free(text);
    free(reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_is_what_the_schema_says),
        cmocka_unit_test(full_means_the_same_as_minimal),
        cmocka_unit_test(examples_in_comments_are_good),
        cmocka_unit_test(reference_names_every_key_of_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
