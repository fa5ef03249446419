/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metrics: the facts in Prometheus' text exposition format 0.0.4: for each family one HELP, one
 * TYPE and then its samples, with nothing of another family in between.
 *
 * Families exist from the first scrape on with every label value, at zero: a rate over a counter
 * that appears only with its first event would miss that event. The exception is what depends on
 * answers of the workers: when one of them has not answered in time, the families of endpoints are
 * left out, because a sum that lacks a part would look like a counter that was reset.
 *
 * Nothing can fail here; the stream is one in memory and remembers its own errors.
 */
#include "facts.h"

#include <inttypes.h>

static void family(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP sluice_%s %s\n# TYPE sluice_%s %s\n", name, help, name, type);
}

/* A label value: backslash, quote and newline are escaped. */
static void put_label(FILE *to, const char *value)
{
    for (; *value; value++) {
        if (*value == '\n')
            fputs("\\n", to);
        else if (*value == '"' || *value == '\\')
            fprintf(to, "\\%c", *value);
        else
            fputc(*value, to);
    }
}

static void single(FILE *to, const char *name, const char *type, const char *help, uint64_t value)
{
    family(to, name, type, help);
    fprintf(to, "sluice_%s %" PRIu64 "\n", name, value);
}

/* ---- of the data path ---- */

static void write_counters(const struct sl_counters *c, FILE *to)
{
    static const struct {
        const char *name, *help;
    } rows[SL_N_COUNTERS] = {
#define X(sym, name_, help_) [SL_COUNT_##sym] = {name_, help_},
        SL_COUNTERS(X)
#undef X
    };
    for (int i = 0; i < SL_N_COUNTERS; i++)
        single(to, rows[i].name, "counter", rows[i].help, sl_count_get(&c->count[i]));
}

static void by_phase(FILE *to, const char *name, const char *type, const char *help,
                     const sl_count *counts)
{
    family(to, name, type, help);
    for (int p = 0; p < SL_N_PHASES; p++)
        fprintf(to, "sluice_%s{phase=\"%s\"} %" PRIu64 "\n", name, sl_phase_key((enum sl_phase)p),
                sl_count_get(&counts[p]));
}

/* Counted in tenths of the limit. Its sum is not kept: the middle of each tenth stands for it. */
static void write_headroom(const struct sl_counters *c, FILE *to)
{
    family(to, "phase_headroom_ratio", "histogram",
           "Share of its limit that a phase used which ended well (the sum is estimated from the "
           "buckets)");
    for (int p = 0; p < SL_N_PHASES; p++) {
        const char *key = sl_phase_key((enum sl_phase)p);
        uint64_t n = 0, n_twentieths = 0;
        for (int i = 0; i < SL_N_HEADROOM; i++) {
            uint64_t cell = sl_count_get(&c->headroom[p][i]);
            n += cell;
            n_twentieths += cell * (uint64_t)(2 * i + 1);
            if (i + 1 < SL_N_HEADROOM)
                fprintf(to,
                        "sluice_phase_headroom_ratio_bucket{phase=\"%s\",le=\"%d.%d\"} %" PRIu64
                        "\n",
                        key, (i + 1) / 10, (i + 1) % 10, n);
        }
        fprintf(to, "sluice_phase_headroom_ratio_bucket{phase=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
                key, n);
        fprintf(to, "sluice_phase_headroom_ratio_sum{phase=\"%s\"} %.2f\n", key,
                (double)n_twentieths / 20);
        fprintf(to, "sluice_phase_headroom_ratio_count{phase=\"%s\"} %" PRIu64 "\n", key, n);
    }
}

static void write_duration(const struct sl_histogram *h, FILE *to, const char *name,
                           const char *help)
{
    static const unsigned bounds_ms[SL_N_DURATION_BOUNDS] = SL_DURATION_BOUNDS_MS;
    uint64_t n = 0;
    family(to, name, "histogram", help);
    for (int i = 0; i < SL_N_DURATION_BOUNDS; i++) {
        n += sl_count_get(&h->bucket[i]);
        fprintf(to, "sluice_%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, bounds_ms[i] / 1000.0, n);
    }
    n += sl_count_get(&h->bucket[SL_N_DURATION_BOUNDS]);
    fprintf(to, "sluice_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, n);
    fprintf(to, "sluice_%s_sum %.3f\n", name, (double)sl_count_get(&h->sum_ms) / 1000);
    fprintf(to, "sluice_%s_count %" PRIu64 "\n", name, n);
}

static void write_handshakes(const struct sl_counters *c, FILE *to)
{
    static const char *const versions[SL_N_TLS_VERSIONS] = {
        [SL_TLS_1_2] = "TLSv1.2",
        [SL_TLS_1_3] = "TLSv1.3",
    };
    family(
        to, "tls_handshakes_ended_total", "counter",
        "TLS handshakes that ended, by result; with those under way they add up to the attempts");
    for (int i = 0; i < SL_N_HANDSHAKE_ENDS; i++)
        fprintf(to, "sluice_tls_handshakes_ended_total{result=\"%s\"} %" PRIu64 "\n",
                sl_handshake_end_name((enum sl_handshake_end)i),
                sl_count_get(&c->handshake_end[i]));
    single(to, "tls_handshakes_waiting", "gauge",
           "TLS handshakes that wait for their share of a worker's time now",
           sl_count_get(&c->handshakes_waiting));
    family(to, "tls_handshakes_by_version_total", "counter", "TLS handshakes finished, by version");
    for (int i = 0; i < SL_N_TLS_VERSIONS; i++)
        fprintf(to, "sluice_tls_handshakes_by_version_total{version=\"%s\"} %" PRIu64 "\n",
                versions[i], sl_count_get(&c->handshake_version[i]));
    family(to, "tls_handshakes_by_suite_total", "counter",
           "TLS handshakes finished, by cipher suite");
    for (size_t i = 0; i < SL_N_SUITES; i++)
        fprintf(to, "sluice_tls_handshakes_by_suite_total{suite=\"%s\"} %" PRIu64 "\n",
                sl_tls_suite_name(i), sl_count_get(&c->handshake_suite[i]));
}

static void write_responses(const struct sl_counters *c, FILE *to)
{
    static const char *const classes[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
    family(to, "responses_total", "counter",
           "Requests by the class of the status they were answered with; none: ended without one");
    for (size_t i = 0; i < SL_N_ELEMENTS(classes); i++)
        fprintf(to, "sluice_responses_total{class=\"%s\"} %" PRIu64 "\n", classes[i],
                sl_count_get(&c->responses[i]));
}

static void write_data_path(const struct sl_counters *c, FILE *to)
{
    write_counters(c, to);
    by_phase(to, "connections", "gauge", "Client connections that are in this phase now",
             c->connections);
    by_phase(to, "deadline_expired_total", "counter", "Deadlines that expired and cut", c->expired);
    by_phase(to, "deadline_expired_shadow_total", "counter",
             "Deadlines that expired and, not being enforced, cut nothing", c->expired_shadow);
    by_phase(to, "deadline_near_misses_total", "counter",
             "Phases that ended well after more than 80 % of their limit", c->near_miss);
    write_headroom(c, to);
    write_handshakes(c, to);
    write_responses(c, to);
    write_duration(&c->request_duration, to, "request_duration_seconds",
                   "First byte of a request to the last byte of its response");
    write_duration(&c->upstream_duration, to, "upstream_duration_seconds",
                   "Request sent to the upstream to the header of its response");
    write_duration(&c->handshake_duration, to, "tls_handshake_duration_seconds",
                   "Accept to the end of the TLS handshake");
    write_duration(&c->handshake_wait, to, "tls_handshake_wait_seconds",
                   "How long TLS handshakes waited for their share of a worker's time");
}

/* ---- of upstreams ---- */

static void endpoint_labels(const struct sl_facts *f, const struct sl_proxy_endpoint *e, FILE *to)
{
    const struct sl_upstream_config *upstream = &f->plan->config->upstreams[e->upstream];
    fputs("upstream=\"", to);
    put_label(to, upstream->name);
    fputs("\",endpoint=\"", to);
    put_label(to, upstream->endpoints[e->endpoint].text);
    fputc('"', to);
}

static void by_endpoint(const struct sl_facts *f, FILE *to, const char *name, size_t offset)
{
    for (size_t i = 0; i < f->n_endpoints; i++) {
        uint64_t value;
        memcpy(&value, (const char *)&f->endpoints[i] + offset, sizeof(value));
        fprintf(to, "sluice_%s{", name);
        endpoint_labels(f, &f->endpoints[i], to);
        fprintf(to, "} %" PRIu64 "\n", value);
    }
}

static void write_upstreams(const struct sl_facts *f, FILE *to)
{
    if (f->n_answers < f->n_workers || f->n_endpoints == 0)
        return;
    family(to, "endpoint_active_connections", "gauge",
           "Connections to an endpoint that serve a request");
    by_endpoint(f, to, "endpoint_active_connections", offsetof(struct sl_proxy_endpoint, n_active));
    family(to, "endpoint_idle_connections", "gauge",
           "Connections to an endpoint that are kept for reuse");
    by_endpoint(f, to, "endpoint_idle_connections", offsetof(struct sl_proxy_endpoint, n_idle));
    family(to, "endpoint_requests_total", "counter",
           "Requests sent to an endpoint under the present configuration");
    by_endpoint(f, to, "endpoint_requests_total", offsetof(struct sl_proxy_endpoint, n_requests));
    family(to, "endpoint_failures_total", "counter",
           "Requests and connects that an endpoint failed under the present configuration");
    by_endpoint(f, to, "endpoint_failures_total", offsetof(struct sl_proxy_endpoint, n_failures));
    family(to, "endpoint_passed_over_workers", "gauge",
           "Workers that pass an endpoint over, since no connection could be made to it");
    by_endpoint(f, to, "endpoint_passed_over_workers",
                offsetof(struct sl_proxy_endpoint, n_passing_over));

    family(to, "upstream_queue_length", "gauge",
           "Requests that wait for a connection to an upstream");
    for (size_t i = 0; i < f->n_endpoints; i++) {
        if (f->endpoints[i].endpoint != 0)
            continue; /* told with the first endpoint of each upstream */
        fputs("sluice_upstream_queue_length{upstream=\"", to);
        put_label(to, f->plan->config->upstreams[f->endpoints[i].upstream].name);
        fprintf(to, "\"} %" PRIu64 "\n", f->endpoints[i].n_queued);
    }
}

/* ---- of the process ---- */

static void write_certificates(const struct sl_facts *f, FILE *to)
{
    if (f->n_certificates == 0)
        return;
    family(to, "certificate_expiry_timestamp_seconds", "gauge",
           "When a certificate in force expires, in seconds since 1970");
    for (size_t i = 0; i < f->n_certificates; i++) {
        const struct sl_certificate *c = &f->certificates[i];
        fputs("sluice_certificate_expiry_timestamp_seconds{listener=\"", to);
        put_label(to, c->listener);
        fputs("\",certificate=\"", to);
        put_label(to, c->file);
        fprintf(to, "\"} %" PRId64 "\n", c->not_after);
    }
}

static void write_log_lines(const struct sl_facts *f, FILE *to)
{
    family(
        to, "log_lines_lost_total", "counter",
        "Lines that a log has lost: dropped because its buffer was full, or failed to be written");
    fprintf(to,
            "sluice_log_lines_lost_total{log=\"error\",reason=\"dropped\"} %" PRIu64 "\n"
            "sluice_log_lines_lost_total{log=\"error\",reason=\"failed\"} %" PRIu64 "\n"
            "sluice_log_lines_lost_total{log=\"access\",reason=\"dropped\"} %" PRIu64 "\n"
            "sluice_log_lines_lost_total{log=\"access\",reason=\"failed\"} %" PRIu64 "\n",
            f->n_log_dropped, f->n_log_failed, f->n_access_dropped, f->n_access_failed);
}

/* Names that every Prometheus client uses for a process. */
static void write_process(const struct sl_facts *f, FILE *to)
{
    const struct sl_process_use *p = &f->process;
    fprintf(to,
            "# HELP process_start_time_seconds When the process started, in seconds since 1970\n"
            "# TYPE process_start_time_seconds gauge\n"
            "process_start_time_seconds %.3f\n"
            "# HELP process_cpu_seconds_total User and system CPU time\n"
            "# TYPE process_cpu_seconds_total counter\n"
            "process_cpu_seconds_total %.6f\n"
            "# HELP process_resident_memory_bytes Resident memory\n"
            "# TYPE process_resident_memory_bytes gauge\n"
            "process_resident_memory_bytes %" PRIu64 "\n"
            "# HELP process_virtual_memory_bytes Virtual memory\n"
            "# TYPE process_virtual_memory_bytes gauge\n"
            "process_virtual_memory_bytes %" PRIu64 "\n"
            "# HELP process_open_fds Open file descriptors\n"
            "# TYPE process_open_fds gauge\n"
            "process_open_fds %" PRIu64 "\n"
            "# HELP process_max_fds File descriptors that may be open\n"
            "# TYPE process_max_fds gauge\n"
            "process_max_fds %" PRIu64 "\n",
            (double)f->started_us / 1e6, p->cpu_s, p->resident_bytes, p->virtual_bytes, p->n_fds,
            p->max_fds);
}

void sl_facts_write_metrics(const struct sl_facts *f, FILE *to)
{
    family(to, "build_info", "gauge", "Always 1; its labels tell what runs");
    fputs("sluice_build_info{version=\"", to);
    put_label(to, sl_process_version());
    fputs("\",libraries=\"", to);
    put_label(to, sl_process_libraries());
    fputs("\"} 1\n", to);
    family(to, "uptime_seconds", "gauge", "Since the process started");
    fprintf(to, "sluice_uptime_seconds %.3f\n", (double)f->uptime_ms / 1000);
    single(to, "draining", "gauge", "1 once sluice was told to end", f->is_draining);
    single(to, "workers", "gauge", "Worker threads", f->n_workers);
    single(to, "workers_answered", "gauge",
           "Worker threads that answered this scrape in time; below sluice_workers the families of "
           "endpoints are left out",
           f->n_answers);
    single(to, "configuration_generation", "gauge",
           "Number of the configuration in force: 1 at the start", f->plan->number);
    family(to, "configuration_reloads_total", "counter", "Reloads asked for, by result");
    fprintf(to,
            "sluice_configuration_reloads_total{result=\"ok\"} %" PRIu64 "\n"
            "sluice_configuration_reloads_total{result=\"failed\"} %" PRIu64 "\n",
            f->n_reloads, f->n_reload_failures);
    family(to, "configuration_timestamp_seconds", "gauge",
           "When the configuration in force was read, in seconds since 1970");
    fprintf(to, "sluice_configuration_timestamp_seconds %.3f\n", (double)f->made_us / 1e6);
    write_data_path(&f->counters, to);
    write_upstreams(f, to);
    write_certificates(f, to);
    write_log_lines(f, to);
    write_process(f, to);
}
