/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config: what the operator wrote, complete with defaults, checked for everything that can be known
 * without touching the system (files and sockets are the server's to check; it reports with the
 * positions kept here). One schema table (schema.h) feeds reading, `sluice explain`, the reference
 * page and config/full.yaml.
 */
#ifndef SLUICE_CONF_CONFIG_H
#define SLUICE_CONF_CONFIG_H

#include <stdio.h>
#include <sluice/base/addr.h>
#include <sluice/base/log.h>
#include <sluice/base/phase.h>

/* Where a value stands in the file, from 1; line 0: a default, or from the command line. */
struct sl_where {
    uint32_t line, col;
};

/* ---- the report: every error found, in the order of the file ---- */

struct sl_report;

int sl_report_new(const char *file, struct sl_report **out_report);
void sl_report_free(struct sl_report **report);
/* One finding: path ("listeners[0].tls.certificates[0].key"), what was found, what is expected. */
void sl_report_add(struct sl_report *report, struct sl_where where, const char *path,
                   const char *fmt, ...) __attribute__((format(printf, 4, 5)));
size_t sl_report_count(const struct sl_report *report);
/* "file:line:col: path: message" a line, sorted by position. */
void sl_report_print(const struct sl_report *report, FILE *to);
/* The same, a line per call, without the newline. */
void sl_report_each(const struct sl_report *report, void (*fn)(void *ctx, const char *line),
                    void *ctx);

/* ---- the configuration ---- */

/* Deadlines as one level wrote them: only what is set there counts. */
struct sl_deadline_set {
    struct sl_deadlines values;
    struct {
        /* position of each value; line 0 and is_set: came from the command line */
        bool has_limit, has_total, has_rate, has_window, has_cap, has_enforce;
        struct sl_where at;
    } set[SL_N_PHASES];
};

enum sl_level { SL_LEVEL_DEFAULT, SL_LEVEL_GLOBAL, SL_LEVEL_LISTENER, SL_LEVEL_ROUTE };

enum sl_underscores { SL_UNDERSCORES_DROP, SL_UNDERSCORES_KEEP, SL_UNDERSCORES_REJECT };

enum sl_proxy_protocol { SL_PROXY_PROTOCOL_OFF, SL_PROXY_PROTOCOL_REQUIRED };

struct sl_certificate_config {
    char *certificate, *key; /* paths, made absolute against the file's folder */
    struct sl_where certificate_at, key_at;
};

struct sl_listener_config {
    char *name; /* default: its address as written */
    struct sl_addr address;
    char *address_text; /* as written */
    struct sl_where at, address_at;
    bool is_tls; /* `tls: off` serves plain HTTP (behind another proxy, or for tests) */
    bool has_tls12, has_tls13;
    bool is_strict_sni;
    bool has_tickets;
    enum sl_proxy_protocol proxy_protocol;
    uint32_t backlog;
    struct sl_certificate_config *certificates;
    size_t n_certificates;
    struct sl_deadline_set deadlines;
};

struct sl_endpoint_config {
    char *host;    /* a name to resolve, or NULL when address is complete */
    uint16_t port; /* with host */
    struct sl_addr address;
    char *text;               /* as written, for logs and metrics */
    uint32_t weight;          /* 1.. ; 0: takes no requests (drained by the operator) */
    uint32_t max_connections; /* per worker share is computed by the pool; 0: no limit */
    struct sl_where at;
};

enum sl_balance { SL_BALANCE_ROUND_ROBIN, SL_BALANCE_LEAST_CONNECTIONS };
enum sl_chunked_requests { SL_CHUNKED_FORWARD, SL_CHUNKED_REJECT };

struct sl_upstream_config {
    char *name;
    struct sl_where at;
    enum sl_balance balance;
    enum sl_chunked_requests chunked_requests;
    bool has_keepalive; /* connections are reused */
    uint32_t max_idle;  /* idle connections kept per endpoint and worker */
    uint32_t max_queue; /* requests that may wait for a connection, per worker */
    uint64_t idle_ms;   /* upstream_idle: how long an idle connection is kept */
    /* How long an endpoint to which no connection could be made is passed over; 0: not at all. */
    uint64_t fail_timeout_ms;
    struct sl_endpoint_config *endpoints;
    size_t n_endpoints;
};

struct sl_route_config {
    char *name; /* default: host + path as written */
    char *host; /* lower case, without port; NULL: any; "*.example.org" covers one label or more */
    char *path; /* prefix on segment borders; "/" : any */
    struct sl_where at, upstream_at;
    char *upstream;          /* name */
    size_t upstream_index;   /* into upstreams */
    uint64_t max_body_bytes; /* 413 beyond; SL_UNLIMITED */
    struct sl_deadline_set deadlines;
};

enum sl_access_format { SL_ACCESS_JSON, SL_ACCESS_COMMON };

struct sl_config {
    char *file; /* as given on the command line; NULL for quickstart */

    uint32_t n_workers; /* 0: one per core */

    struct sl_listener_config *listeners;
    size_t n_listeners;
    struct sl_upstream_config *upstreams;
    size_t n_upstreams;
    struct sl_route_config *routes; /* as written; route.c orders them */
    size_t n_routes;

    struct sl_deadline_set deadlines;
    uint64_t max_age_ms; /* a connection's age after which it is closed between two requests */
    uint64_t max_age_requests; /* the same by count of requests */
    uint64_t upstream_idle_ms; /* for upstreams that do not set it */

    struct {
        uint64_t
            max_connections; /* of clients; 0: three quarters of what the descriptor limit allows */
        uint64_t max_handshaking;            /* connections before the end of their handshake */
        uint64_t max_handshaking_per_client; /* the same per IPv4 address or IPv6 /64 */
        uint32_t pressure_start_percent; /* share of max_connections from which pre-request phases
                                            shrink */
        uint64_t pressure_floor_ms;      /* what they shrink to when no slot is left */
        uint32_t header_bytes, target_bytes, n_fields, trailer_bytes, chunk_line_bytes;
    } limits;

    struct {
        struct sl_prefix *trusted_proxies;
        size_t n_trusted_proxies;
        char *via; /* pseudonym in Via (RFC 9110 7.6.3) */
        enum sl_underscores underscores;
    } forwarding;

    struct {
        char *path; /* "stderr", "stdout", a path */
        enum sl_log_level level;
        struct sl_where at;
    } log;
    struct {
        bool is_on;
        char *path; /* "stdout", a path, or NULL: off */
        enum sl_access_format format;
        struct sl_where at;
    } access_log;
    struct {
        bool is_on, allows_remote;
        struct sl_addr address;
        char *address_text; /* as written */
        struct sl_where at;
    } status;
};

/* Reads and checks the file, which may be a pipe: one that stays silent for 5 s is an error. 0, or
 * SL_ERR_CONFIG with the report filled (all errors), or SL_ERR_MEMORY. */
int sl_config_read(const char *path, struct sl_report *report, struct sl_config **out_config);
/* The same, but with SL_ERR_CONFIG *out_config is what could be read, or NULL: any text in it may
   be NULL, any address empty. Good for looking for further errors, and to be freed. */
int sl_config_read_broken(const char *path, struct sl_report *report,
                          struct sl_config **out_config);
/* The same from memory; `name` stands for the file in messages. */
int sl_config_read_text(const char *name, struct sl_span text, struct sl_report *report,
                        struct sl_config **out_config);
void sl_config_free(struct sl_config **config);

/* The deadlines in force for a listener, and a route or NULL: default, then global, then listener,
   then route, each value by itself. Also upstream of linger and drain. */
void sl_config_deadlines(const struct sl_config *config, const struct sl_listener_config *listener,
                         const struct sl_route_config *route, struct sl_deadlines *out);
/* Bytes that one connection can hold at most in each state, as lines for people (sluice check). */
void sl_config_print_memory(const struct sl_config *config, FILE *to);
/* `sluice explain`: the phases in order with effective value and origin, and the longest time that
   a silent and a trickling client can hold a connection. NULL names: the first listener, all
   routes. 0 or SL_ERR_NOT_FOUND (a message that lists the names goes to `errors`). */
int sl_config_explain(const struct sl_config *config, const char *listener, const char *route,
                      FILE *to, FILE *errors);
/* config/full.yaml: every key with its default and its comment. */
void sl_config_print_full(FILE *to);
/* The reference page (Markdown). */
void sl_config_print_reference(FILE *to);

#endif
