/* SPDX-License-Identifier: Apache-2.0 */
/*
 * status: the facts as one JSON object, for people with jq and for dashboards. Durations are in
 * seconds; times are as RFC 3339 has them. Every phase has its row, in the order of a connection's
 * life, with the oldest connection of those that are in it.
 *
 * Nothing can fail here; the stream is one in memory and remembers its own errors.
 */
#include "facts.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

static void put_string(FILE *to, const char *text)
{
    /* In pieces: what a name may hold is bounded by the configuration, not by a buffer here. Cut
       only before a byte that begins a character, so that no character is torn in two. */
    fputc('"', to);
    for (size_t left = strlen(text); left > 0;) {
        size_t n = left;
        if (n > 64)
            for (n = 64; n > 60 && ((unsigned char)text[n] & 0xC0) == 0x80;)
                n--;
        char buf[64 * 6 + 1];
        struct sl_str s;
        sl_str_init(&s, buf, sizeof(buf));
        sl_str_add_json(&s, sl_span(text, n));
        fputs(buf, to);
        text += n;
        left -= n;
    }
    fputc('"', to);
}

static void put_time(FILE *to, int64_t unix_s)
{
    struct tm tm;
    char text[32] = "";
    time_t t = (time_t)unix_s;
    if (!gmtime_r(&t, &tm) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
        fputs("null", to);
        return;
    }
    fprintf(to, "\"%s\"", text);
}

static void write_process(const struct sl_facts *f, FILE *to)
{
    fputs("  \"version\": ", to);
    put_string(to, sl_process_version());
    fputs(",\n  \"libraries\": ", to);
    put_string(to, sl_process_libraries());
    fprintf(to, ",\n  \"pid\": %ld,\n  \"state\": \"%s\",\n  \"started_at\": ", (long)getpid(),
            f->is_draining ? "draining" : "serving");
    put_time(to, (int64_t)(f->started_us / 1000000));
    fprintf(to,
            ",\n  \"uptime_seconds\": %.3f,\n"
            "  \"workers\": {\"running\": %zu, \"answered\": %zu},\n"
            "  \"is_complete\": %s,\n"
            "  \"memory_bytes\": %" PRIu64 ",\n"
            "  \"descriptors\": {\"open\": %" PRIu64 ", \"limit\": %" PRIu64 "},\n"
            "  \"log_lines_lost\": {\"error\": %" PRIu64 ", \"access\": %" PRIu64 "},\n",
            (double)f->uptime_ms / 1000, f->n_workers, f->n_answers,
            f->n_answers == f->n_workers ? "true" : "false", f->process.resident_bytes,
            f->process.n_fds, f->process.max_fds, f->n_log_dropped + f->n_log_failed,
            f->n_access_dropped + f->n_access_failed);
}

static void write_configuration(const struct sl_facts *f, FILE *to)
{
    fprintf(to, "  \"configuration\": {\"generation\": %" PRIu64 ", \"file\": ", f->plan->number);
    if (f->plan->config->file)
        put_string(to, f->plan->config->file);
    else
        fputs("null", to);
    fputs(", \"read_at\": ", to);
    put_time(to, (int64_t)(f->made_us / 1000000));
    fprintf(to, ", \"reloads\": %" PRIu64 ", \"failed_reloads\": %" PRIu64 "},\n", f->n_reloads,
            f->n_reload_failures);
}

static void write_phases(const struct sl_facts *f, FILE *to)
{
    uint64_t n = 0;
    for (int p = 0; p < SL_N_PHASES; p++)
        n += f->phases[p].n;
    fprintf(to, "  \"connections\": {\n    \"total\": %" PRIu64 ",\n    \"phases\": {", n);
    for (int p = 0; p < SL_N_PHASES; p++) {
        const struct sl_proxy_oldest *o = &f->phases[p];
        fprintf(to, "%s\n      \"%s\": {\"connections\": %" PRIu64, p ? "," : "",
                sl_phase_key((enum sl_phase)p), o->n);
        if (o->n > 0) {
            fprintf(to, ", \"oldest_seconds\": %.3f, \"oldest_peer\": ", (double)o->age_ms / 1000);
            put_string(to, o->peer);
        }
        fprintf(to,
                ", \"expired\": %" PRIu64 ", \"expired_shadow\": %" PRIu64
                ", \"near_misses\": %" PRIu64 "}",
                sl_count_get(&f->counters.expired[p]), sl_count_get(&f->counters.expired_shadow[p]),
                sl_count_get(&f->counters.near_miss[p]));
    }
    fputs("\n    }\n  },\n", to);
}

static void write_handshakes(const struct sl_counters *c, FILE *to)
{
    fprintf(to,
            "  \"handshakes\": {\"begun\": %" PRIu64 ", \"finished\": %" PRIu64
            ", \"waited\": %" PRIu64 ", \"waiting\": %" PRIu64 "},\n",
            sl_count_get(&c->count[SL_COUNT_HS_ATTEMPTS]),
            sl_count_get(&c->handshake_end[SL_HANDSHAKE_OK]),
            sl_count_get(&c->count[SL_COUNT_HS_WAITED]), sl_count_get(&c->handshakes_waiting));
}

static void write_listeners(const struct sl_facts *f, FILE *to)
{
    const struct sl_config *config = f->plan->config;
    fputs("  \"listeners\": [", to);
    for (size_t i = 0; i < config->n_listeners; i++) {
        char buf[SL_ADDR_TEXT_BYTES];
        struct sl_str text;
        sl_str_init(&text, buf, sizeof(buf));
        sl_addr_write(&config->listeners[i].address, &text);
        fprintf(to, "%s\n    {\"name\": ", i ? "," : "");
        put_string(to, config->listeners[i].name);
        fputs(", \"address\": ", to);
        put_string(to, buf);
        fprintf(to, ", \"tls\": %s}", config->listeners[i].is_tls ? "true" : "false");
    }
    fputs("\n  ],\n", to);
}

static void write_upstreams(const struct sl_facts *f, FILE *to)
{
    const struct sl_config *config = f->plan->config;
    fputs("  \"upstreams\": [", to);
    for (size_t i = 0; i < f->n_endpoints; i++) {
        const struct sl_proxy_endpoint *e = &f->endpoints[i];
        const struct sl_upstream_config *upstream = &config->upstreams[e->upstream];
        if (e->endpoint == 0) {
            fprintf(to, "%s\n    {\"name\": ", i ? "\n    ]}," : "");
            put_string(to, upstream->name);
            fprintf(to, ", \"queued\": %" PRIu64 ", \"endpoints\": [", e->n_queued);
        }
        fprintf(to, "%s\n      {\"address\": ", e->endpoint ? "," : "");
        put_string(to, upstream->endpoints[e->endpoint].text);
        fprintf(to,
                ", \"weight\": %" PRIu32 ", \"active\": %" PRIu64 ", \"idle\": %" PRIu64
                ", \"requests\": %" PRIu64 ", \"failures\": %" PRIu64
                ", \"passed_over_by\": %" PRIu64 "}",
                upstream->endpoints[e->endpoint].weight, e->n_active, e->n_idle, e->n_requests,
                e->n_failures, e->n_passing_over);
    }
    fputs(f->n_endpoints ? "\n    ]}\n  ],\n" : "],\n", to);
}

static void write_certificates(const struct sl_facts *f, FILE *to)
{
    fputs("  \"certificates\": [", to);
    for (size_t i = 0; i < f->n_certificates; i++) {
        const struct sl_certificate *c = &f->certificates[i];
        fprintf(to, "%s\n    {\"listener\": ", i ? "," : "");
        put_string(to, c->listener);
        fputs(", \"file\": ", to);
        put_string(to, c->file);
        fputs(", \"names\": ", to);
        put_string(to, c->text);
        fprintf(to, ", \"key_type\": \"%s\", \"sha256\": \"",
                c->key_type == SL_KEY_RSA ? "RSA" : "ECDSA");
        for (size_t b = 0; b < sizeof(c->hash); b++)
            fprintf(to, "%02x", c->hash[b]);
        fputs("\", \"not_before\": ", to);
        put_time(to, c->not_before);
        fputs(", \"not_after\": ", to);
        put_time(to, c->not_after);
        fprintf(to, ", \"expires_in_seconds\": %" PRId64 "}",
                c->not_after - (int64_t)(f->now_us / 1000000));
    }
    fputs(f->n_certificates ? "\n  ]\n" : "]\n", to);
}

void sl_facts_write_status(const struct sl_facts *f, FILE *to)
{
    fputs("{\n", to);
    write_process(f, to);
    write_configuration(f, to);
    write_phases(f, to);
    write_handshakes(&f->counters, to);
    write_listeners(f, to);
    write_upstreams(f, to);
    write_certificates(f, to);
    fputs("}\n", to);
}
