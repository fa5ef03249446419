/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two pages: /metrics obeys the text format and shows every counter, /status is JSON whatever
 * bytes stand in names; answers of workers are added up, and those that are missing show.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "facts.h"

/* ---- a world to tell of ---- */

static struct sl_listener_config listeners[] = {
    {.name = (char *)(uintptr_t) "a\"b\\c\nd", .is_tls = true},
    {.name = (char *)(uintptr_t) "plain"}};
static struct sl_endpoint_config endpoints[] = {
    {.text = (char *)(uintptr_t) "10.0.0.1:80", .weight = 1},
    {.text = (char *)(uintptr_t) "10.0.0.2:80", .weight = 3}};
static struct sl_endpoint_config other_endpoints[] = {
    {.text = (char *)(uintptr_t) "unix:/x", .weight = 1}};
static struct sl_upstream_config upstreams[] = {
    {.name = (char *)(uintptr_t) "app", .endpoints = endpoints, .n_endpoints = 2},
    {.name = (char *)(uintptr_t) "other", .endpoints = other_endpoints, .n_endpoints = 1}};
static struct sl_config config = {
    .listeners = listeners, .n_listeners = 2, .upstreams = upstreams, .n_upstreams = 2};
static struct sl_certificate certificates[] = {{.listener = "a\"b\\c\nd",
                                                .file = "/etc/\xff\xfe.pem",
                                                .key_type = SL_KEY_RSA,
                                                .not_after = 1900000000}};

/* References are held by `plan` itself, so nothing of it is ever freed. */
static struct sl_plan plan;
static struct sl_generation generation;

static void begin(struct sl_facts *facts)
{
    plan = (struct sl_plan){.number = 7, .config = &config};
    atomic_init(&plan.n_refs, 1);
    generation = (struct sl_generation){
        .plan = &plan, .made_us = 1500000, .certificates = certificates, .n_certificates = 1};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            sl_addr_read(sl_span_str(i ? "[::1]:80" : "127.0.0.1:443"), &listeners[i].address), 0);
    assert_int_equal(sl_facts_init(facts, &generation), 0);
    facts->n_workers = 2;
    facts->now_us = UINT64_C(1800000000000000);
}

static char *text_of(const struct sl_facts *facts,
                     void (*write)(const struct sl_facts *facts, FILE *to))
{
    char *text = NULL;
    size_t n;
    FILE *to = open_memstream(&text, &n);
    write(facts, to);
    assert_int_equal(fclose(to), 0);
    assert_int_equal(strlen(text), n);
    return text;
}

/* ---- /metrics ---- */

/* Every line is HELP, TYPE or a sample of the family that both spoke of just before; no family and
   no series twice; values are numbers. */
static void check_format(const char *text)
{
    char *copy = strdup(text), *save = NULL, family[128] = "";
    bool has_type = false;
    for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char name[128], kind[32];
        if (sscanf(line, "# HELP %127s", name) == 1) {
            char again[160];
            snprintf(again, sizeof(again), "# HELP %s ", name);
            const char *first = strstr(text, again);
            assert_null(strstr(first + 1, again));
            snprintf(family, sizeof(family), "%s", name);
            has_type = false;
        } else if (sscanf(line, "# TYPE %127s %31s", name, kind) == 2) {
            size_t n = strlen(name);
            assert_string_equal(name, family);
            assert_true(strcmp(kind, "counter") == 0 || strcmp(kind, "gauge") == 0 ||
                        strcmp(kind, "histogram") == 0);
            assert_int_equal(strcmp(kind, "counter") == 0,
                             n > 6 && !strcmp(name + n - 6, "_total"));
            has_type = true;
        } else {
            assert_true(has_type);
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            assert_non_null(strchr("{ _", line[strlen(family)]));
            char *end, *value = strrchr(line, ' ');
            assert_non_null(value);
            strtod(value + 1, &end);
            assert_true(end > value + 1 && *end == '\0');
            char series[600];
            snprintf(series, sizeof(series), "\n%.*s ", (int)(value - line), line);
            const char *first = strstr(text, series);
            assert_true(!first || !strstr(first + 1, series));
        }
    }
    free(copy);
}

static void assert_has(const char *text, const char *line)
{
    char whole[512];
    snprintf(whole, sizeof(whole), "\n%s\n", line);
    if (!strstr(text, whole))
        fail_msg("there is no line '%s' in\n%s", line, text);
}

static void the_format(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    facts.n_answers = 2;
    char *text = text_of(&facts, sl_facts_write_metrics);
    check_format(text);
    free(text);
    sl_facts_fini(&facts);
}

static void every_counter_has_its_own_place(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    sl_count *cells = (sl_count *)&facts.counters;
    const size_t n_cells = sizeof(facts.counters) / sizeof(sl_count);
    char *empty = text_of(&facts, sl_facts_write_metrics);
    for (size_t i = 0; i < n_cells; i++) {
        atomic_store(&cells[i], 1);
        char *text = text_of(&facts, sl_facts_write_metrics);
        if (strcmp(text, empty) == 0)
            fail_msg("cell %zu of the counters is not told", i);
        free(text);
        atomic_store(&cells[i], 0);
    }
    free(empty);
    sl_facts_fini(&facts);
}

static void the_lines(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    struct sl_counters *c = &facts.counters;
    atomic_store(&c->count[SL_COUNT_ACCEPTED], 11);
    atomic_store(&c->expired[SL_PHASE_FIRST_BYTE], 3);
    atomic_store(&c->expired_shadow[SL_PHASE_LINGER], 4);
    atomic_store(&c->near_miss[SL_PHASE_TLS_HANDSHAKE], 5);
    atomic_store(&c->connections[SL_PHASE_KEEPALIVE], 6);
    atomic_store(&c->handshake_end[SL_HANDSHAKE_SILENT], 7);
    atomic_store(&c->responses[4], 8);
    atomic_store(&c->headroom[SL_PHASE_RESPONSE][0], 2);  /* under a tenth */
    atomic_store(&c->headroom[SL_PHASE_RESPONSE][9], 1);  /* nine tenths and more */
    atomic_store(&c->headroom[SL_PHASE_RESPONSE][10], 1); /* beyond, in shadow mode */
    atomic_store(&c->request_duration.bucket[0], 1);
    atomic_store(&c->request_duration.bucket[3], 2);
    atomic_store(&c->request_duration.bucket[SL_N_DURATION_BOUNDS], 4);
    atomic_store(&c->request_duration.sum_ms, 12345);
    facts.n_reload_failures = 9;
    char *text = text_of(&facts, sl_facts_write_metrics);
    assert_has(text, "sluice_connections_accepted_total 11");
    assert_has(text, "sluice_deadline_expired_total{phase=\"first_byte\"} 3");
    assert_has(text, "sluice_deadline_expired_shadow_total{phase=\"linger\"} 4");
    assert_has(text, "sluice_deadline_near_misses_total{phase=\"tls_handshake\"} 5");
    assert_has(text, "sluice_connections{phase=\"keepalive\"} 6");
    assert_has(text, "sluice_tls_handshakes_ended_total{result=\"silent\"} 7");
    assert_has(text, "sluice_responses_total{class=\"4xx\"} 8");
    assert_has(text, "sluice_phase_headroom_ratio_bucket{phase=\"response\",le=\"0.1\"} 2");
    assert_has(text, "sluice_phase_headroom_ratio_bucket{phase=\"response\",le=\"0.9\"} 2");
    assert_has(text, "sluice_phase_headroom_ratio_bucket{phase=\"response\",le=\"1.0\"} 3");
    assert_has(text, "sluice_phase_headroom_ratio_bucket{phase=\"response\",le=\"+Inf\"} 4");
    assert_has(text, "sluice_phase_headroom_ratio_sum{phase=\"response\"} 2.10");
    assert_has(text, "sluice_phase_headroom_ratio_count{phase=\"response\"} 4");
    assert_has(text, "sluice_request_duration_seconds_bucket{le=\"0.001\"} 1");
    assert_has(text, "sluice_request_duration_seconds_bucket{le=\"0.01\"} 3");
    assert_has(text, "sluice_request_duration_seconds_bucket{le=\"300\"} 3");
    assert_has(text, "sluice_request_duration_seconds_bucket{le=\"+Inf\"} 7");
    assert_has(text, "sluice_request_duration_seconds_sum 12.345");
    assert_has(text, "sluice_request_duration_seconds_count 7");
    assert_has(text, "sluice_configuration_generation 7");
    assert_has(text, "sluice_configuration_reloads_total{result=\"failed\"} 9");
    assert_has(text, "sluice_certificate_expiry_timestamp_seconds{listener=\"a\\\"b\\\\c\\nd\","
                     "certificate=\"/etc/\xff\xfe.pem\"} 1900000000");
    free(text);
    sl_facts_fini(&facts);
}

/* ---- answers ---- */

static void answers_add_up(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    struct sl_proxy_endpoint of_a[] = {
        {.upstream = 0, .endpoint = 0, .n_active = 1, .n_queued = 5, .n_requests = 10},
        {.upstream = 0, .endpoint = 1, .n_idle = 2},
        {.upstream = 9, .endpoint = 9, .n_idle = 100}}; /* of nothing that is known */
    struct sl_proxy_endpoint of_b[] = {
        {.upstream = 0, .endpoint = 0, .n_active = 2, .n_queued = 1, .n_requests = 5},
        {.upstream = 1, .endpoint = 0, .n_failures = 4, .n_passing_over = 1}};
    struct sl_proxy_snapshot a = {.plan_number = 7, .endpoints = of_a, .n_endpoints = 3};
    struct sl_proxy_snapshot b = {.plan_number = 7, .endpoints = of_b, .n_endpoints = 2};
    a.phases[SL_PHASE_FIRST_BYTE] =
        (struct sl_proxy_oldest){.n = 3, .age_ms = 100, .peer = "young"};
    b.phases[SL_PHASE_FIRST_BYTE] = (struct sl_proxy_oldest){.n = 1, .age_ms = 200, .peer = "old"};
    b.phases[SL_PHASE_LINGER] = (struct sl_proxy_oldest){.n = 1, .age_ms = 0, .peer = "fresh"};

    sl_facts_add(&facts, &a);
    char *text = text_of(&facts, sl_facts_write_metrics);
    assert_null(strstr(text, "sluice_endpoint_")); /* half a sum would look like a reset */
    assert_has(text, "sluice_workers_answered 1");
    free(text);

    sl_facts_add(&facts, &b);
    text = text_of(&facts, sl_facts_write_metrics);
    assert_has(text,
               "sluice_endpoint_active_connections{upstream=\"app\",endpoint=\"10.0.0.1:80\"} 3");
    assert_has(text,
               "sluice_endpoint_idle_connections{upstream=\"app\",endpoint=\"10.0.0.2:80\"} 2");
    assert_has(text,
               "sluice_endpoint_requests_total{upstream=\"app\",endpoint=\"10.0.0.1:80\"} 15");
    assert_has(text, "sluice_endpoint_failures_total{upstream=\"other\",endpoint=\"unix:/x\"} 4");
    assert_has(text,
               "sluice_endpoint_passed_over_workers{upstream=\"other\",endpoint=\"unix:/x\"} 1");
    assert_has(text, "sluice_upstream_queue_length{upstream=\"app\"} 6");
    check_format(text);
    free(text);

    text = text_of(&facts, sl_facts_write_status);
    assert_non_null(strstr(text, "\"is_complete\": true"));
    assert_non_null(strstr(text, "\"first_byte\": {\"connections\": 4, \"oldest_seconds\": 0.200, "
                                 "\"oldest_peer\": \"old\""));
    assert_non_null(strstr(text, "\"linger\": {\"connections\": 1, \"oldest_seconds\": 0.000, "
                                 "\"oldest_peer\": \"fresh\""));
    assert_non_null(strstr(text, "\"total\": 5"));
    free(text);
    sl_facts_fini(&facts);
}

static void answers_of_another_plan(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    struct sl_proxy_endpoint one = {.n_requests = 10};
    struct sl_proxy_snapshot old = {.plan_number = 6, .endpoints = &one, .n_endpoints = 1};
    old.phases[SL_PHASE_TUNNEL] = (struct sl_proxy_oldest){.n = 1, .age_ms = 1, .peer = "p"};
    sl_facts_add(&facts, &old);
    assert_int_equal(facts.endpoints[0].n_requests, 0);
    assert_int_equal(facts.phases[SL_PHASE_TUNNEL].n, 1);
    assert_int_equal(facts.n_answers, 1);
    sl_facts_fini(&facts);
}

/* ---- /status ---- */

static const char *skip_value(const char *at);

static const char *skip_blank(const char *at)
{
    return at + strspn(at, " \n\t\r");
}

static const char *skip_string(const char *at)
{
    assert_int_equal(*at, '"');
    for (at++; *at != '"'; at++) {
        assert_true((unsigned char)*at >= 0x20);
        if (*at == '\\') {
            at++;
            assert_non_null(strchr("\"\\/bfnrtu", *at));
        }
    }
    return at + 1;
}

static const char *skip_members(const char *at, char end, bool has_names)
{
    at = skip_blank(at + 1);
    if (*at == end)
        return at + 1;
    for (;; at = skip_blank(at + 1)) {
        if (has_names) {
            at = skip_blank(skip_string(at));
            assert_int_equal(*at++, ':');
        }
        at = skip_blank(skip_value(skip_blank(at)));
        if (*at == end)
            return at + 1;
        assert_int_equal(*at, ',');
    }
}

/* RFC 8259, without a tree. */
static const char *skip_value(const char *at)
{
    static const char *const words[] = {"true", "false", "null"};
    if (*at == '{' || *at == '[')
        return skip_members(at, *at == '{' ? '}' : ']', *at == '{');
    if (*at == '"')
        return skip_string(at);
    for (size_t i = 0; i < 3; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0)
            return at + strlen(words[i]);
    char *end;
    strtod(at, &end);
    assert_true(end > at);
    return end;
}

static bool is_utf8(const char *text)
{
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        size_t n = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3 : *p >> 3 == 30 ? 4 : 0;
        if (n == 0)
            return false;
        for (size_t i = 1; i < n; i++)
            if (p[i] >> 6 != 2)
                return false;
        p += n;
    }
    return true;
}

static void check_json(const struct sl_facts *facts)
{
    char *text = text_of(facts, sl_facts_write_status);
    assert_int_equal(*skip_blank(skip_value(skip_blank(text))), '\0');
    assert_true(is_utf8(text));
    free(text);
}

static void the_json(void **state)
{
    struct sl_facts facts;
    begin(&facts);
    check_json(&facts);
    facts.n_certificates = 0;
    facts.n_endpoints = 0;
    facts.phases[SL_PHASE_RESPONSE] = (struct sl_proxy_oldest){.n = 1, .peer = "\"\\\x01\xc3"};
    check_json(&facts);
    sl_facts_fini(&facts);
}

/* A long name is written in pieces, which must not tear a character in two. */
static void long_names(void **state)
{
    char name[200];
    struct sl_facts facts;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(name, 'x', sizeof(name));
        for (size_t i = shift; i + 4 < sizeof(name) - 1; i += 4)
            memcpy(name + i, "\xf0\x9f\x90\x8c", 4);
        name[sizeof(name) - 1] = '\0';
        listeners[1].name = name;
        begin(&facts);
        char *text = text_of(&facts, sl_facts_write_status);
        assert_non_null(strstr(text, name));
        assert_true(is_utf8(text));
        free(text);
        sl_facts_fini(&facts);
    }
    listeners[1].name = (char *)(uintptr_t) "plain";
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_format),
        cmocka_unit_test(every_counter_has_its_own_place),
        cmocka_unit_test(the_lines),
        cmocka_unit_test(answers_add_up),
        cmocka_unit_test(answers_of_another_plan),
        cmocka_unit_test(the_json),
        cmocka_unit_test(long_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
