/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: any text as a configuration. Laws: a text is either refused, with at least one finding,
 * or gives a configuration that holds all that the floors above rely on without asking; findings
 * are lines of printable text; what was accepted can be explained.
 */
#include "fuzz.h"

#include <sluice/conf/config.h>

static void check_line(void *ctx, const char *line)
{
    size_t *n_lines = ctx;
    ++*n_lines;
    LAW(strncmp(line, "/etc/t.yaml:", 12) == 0);
    for (; *line; line++)
        LAW((unsigned char)*line >= 0x20 && *line != 0x7f);
}

/* Law 1 of the deadlines: none is zero, and a pace can be measured. */
static void check_deadlines(const struct sl_config *config,
                            const struct sl_listener_config *listener,
                            const struct sl_route_config *route)
{
    struct sl_deadlines deadlines;
    sl_config_deadlines(config, listener, route, &deadlines);
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_limit *limit = &deadlines.phase[i];
        LAW(limit->limit_ms > 0 && limit->total_ms > 0);
        LAW(limit->rate_Bps == 0 || limit->window_ms > 0);
        LAW(limit->rate_Bps != SL_UNLIMITED && limit->window_ms != SL_UNLIMITED);
        LAW(limit->cap_bytes != SL_UNLIMITED);
    }
}

static void check_listener(const struct sl_listener_config *listener)
{
    LAW(listener->name && listener->address_text && listener->address.len > 0);
    LAW(!listener->is_tls || listener->has_tls12 || listener->has_tls13);
    LAW(!listener->is_tls == (listener->n_certificates == 0));
    for (size_t i = 0; i < listener->n_certificates; i++)
        LAW(listener->certificates[i].certificate[0] == '/' &&
            listener->certificates[i].key[0] == '/');
    LAW(listener->backlog > 0 && listener->at.line > 0);
}

static void check_upstream(const struct sl_upstream_config *upstream)
{
    uint64_t weight = 0;
    LAW(upstream->name && upstream->idle_ms > 0 && upstream->n_endpoints > 0);
    for (size_t i = 0; i < upstream->n_endpoints; i++) {
        const struct sl_endpoint_config *e = &upstream->endpoints[i];
        LAW(e->text && (e->host ? e->port > 0 : e->address.len > 0));
        weight += e->weight;
    }
    LAW(weight > 0);
}

static void check_config(const struct sl_config *config)
{
    LAW(config->n_listeners > 0 && config->n_upstreams > 0 && config->n_routes > 0);
    for (size_t i = 0; i < config->n_listeners; i++) {
        check_listener(&config->listeners[i]);
        check_deadlines(config, &config->listeners[i], NULL);
    }
    for (size_t i = 0; i < config->n_upstreams; i++)
        check_upstream(&config->upstreams[i]);
    for (size_t i = 0; i < config->n_routes; i++) {
        const struct sl_route_config *route = &config->routes[i];
        LAW(route->name && route->path && route->path[0] == '/');
        LAW(route->upstream_index < config->n_upstreams);
        LAW(strcmp(route->upstream, config->upstreams[route->upstream_index].name) == 0);
        check_deadlines(config, NULL, route);
        /* every pair would be too many; they differ in nothing that was not seen */
        check_deadlines(config, &config->listeners[i % config->n_listeners], route);
    }
    LAW(config->log.path && config->access_log.is_on == (config->access_log.path != NULL));
    LAW(config->status.is_on == (config->status.address.len > 0));
    LAW(config->forwarding.via && config->limits.header_bytes >= config->limits.target_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static FILE *nowhere;
    struct sl_report *report;
    struct sl_config *config;
    size_t n_lines = 0;
    if (!nowhere && !(nowhere = fopen("/dev/null", "w")))
        abort();
    if (sl_report_new("/etc/t.yaml", &report))
        abort();
    int err = sl_config_read_text("/etc/t.yaml", sl_span(bytes, n), report, &config);
    sl_report_each(report, check_line, &n_lines);
    LAW(err == 0 || err == SL_ERR_CONFIG);
    LAW((err == 0) == (config != NULL) && (err == 0) == (n_lines == 0));
    LAW(sl_report_count(report) >= n_lines || sl_report_count(report) > 500);
    if (config) {
        check_config(config);
        LAW(sl_config_explain(config, NULL, NULL, nowhere, nowhere) == 0);
        sl_config_print_memory(config, nowhere);
    }
    sl_config_free(&config);
    sl_report_free(&report);
    return 0;
}
