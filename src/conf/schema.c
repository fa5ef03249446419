/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema: the table itself, see schema.h. Pure data: tables of the smaller things first, the whole
 * file last. The phases are made from the X-macro of phase.h, so a phase cannot be forgotten here.
 *
 * Defaults are written as an operator would write them and go through the same reader. Long,
 * because every key has its lines here, and nowhere else.
 */
#include <sluice/base/err.h>
#include "schema.h"
#include "text.h"

#define SECOND_MS UINT64_C(1000)
#define HOUR_MS   (3600 * SECOND_MS)
#define YEAR_MS   (365 * 24 * HOUR_MS)
#define KIB       UINT64_C(1024)
#define GIB       (KIB * KIB * KIB)

/* Place of a member: offset and width, or the offset + 1 of what may be absent. */
#define IN(struct_, member_)                                                                       \
    .offset = offsetof(struct struct_, member_), .width = sizeof(((struct struct_ *)0)->member_)
#define PLUS1(struct_, member_) (1 + offsetof(struct struct_, member_))
#define TABLE(fields_)          .fields = (fields_), .n_fields = SL_N_ELEMENTS(fields_)
#define UNLIMITED               .special = "unlimited", .special_value = SL_UNLIMITED

/* ---- the phases ---- */

#define HELP_PROXY_HEADER                                                                          \
    "From accept until the PROXY protocol header is complete. Only on listeners that require it."
#define HELP_FIRST_BYTE    "From accept until the first byte from the client."
#define HELP_TLS_HANDSHAKE "From accept until the TLS handshake is finished."
#define HELP_REQUEST_START                                                                         \
    "From the end of the handshake (without TLS, from the first byte) until the first byte of "    \
    "the "                                                                                         \
    "first request."
#define HELP_REQUEST_HEADER                                                                        \
    "From the first byte of a request until the blank line after its header fields."
#define HELP_REQUEST_BODY                                                                          \
    "While the client is awaited for bytes of a request body. Never cuts a body that keeps its "   \
    "pace."
#define HELP_KEEPALIVE "From the end of a response until the first byte of the next request."
#define HELP_RESPONSE                                                                              \
    "While bytes of a response wait for the client to acknowledge them. Never cuts one that "      \
    "keeps "                                                                                       \
    "its pace."
#define HELP_UPSTREAM_QUEUE   "While a request waits for a free connection slot of its upstream."
#define HELP_UPSTREAM_CONNECT "Connecting to an endpoint."
#define HELP_UPSTREAM_WRITE   "While bytes of a request wait for the endpoint to accept them."
#define HELP_UPSTREAM_HEADER                                                                       \
    "From the last byte of a request until the header of the final response. Does not run during " \
    "an upload."
#define HELP_UPSTREAM_BODY "While the endpoint is awaited for bytes of a response body."
#define HELP_TUNNEL        "While neither side of an upgraded connection (WebSocket) sends anything."
#define HELP_LINGER                                                                                \
    "After an early error response: how long, and how much, the rest of a request is read and "    \
    "thrown away, so that the client can read the response."
#define HELP_DRAIN "From SIGTERM until the last exchange must be done."

#define HAS_PROGRESS(kind_)      (SL_KIND_##kind_ == SL_KIND_PROGRESS)
#define PHASE_IN(sym_, member_)  IN(sl_deadline_set, values.phase[SL_PHASE_##sym_].member_)
#define PHASE_HAS(sym_, member_) .has = PLUS1(sl_deadline_set, set[SL_PHASE_##sym_].member_)

#define X(sym, name, awaited, kind, where, word, lim, tot, rate, win, cap, status)                 \
    static const struct sl_field members_of_##sym[] = {                                            \
        {.key = word,                                                                              \
         .type = SL_TYPE_DURATION,                                                                 \
         PHASE_IN(sym, limit_ms),                                                                  \
         PHASE_HAS(sym, has_limit),                                                                \
         .min = 1,                                                                                 \
         .max = YEAR_MS,                                                                           \
         UNLIMITED,                                                                                \
         .help = HAS_PROGRESS(kind) || (cap) ? "The longest time without progress."                \
                                             : "The time allowed; nothing extends it."},           \
        {.key = HAS_PROGRESS(kind) ? "min_rate" : NULL,                                            \
         .type = SL_TYPE_RATE,                                                                     \
         PHASE_IN(sym, rate_Bps),                                                                  \
         PHASE_HAS(sym, has_rate),                                                                 \
         .min = 1,                                                                                 \
         .max = GIB,                                                                               \
         .special = "off",                                                                         \
         .special_value = 0,                                                                       \
         .help = "The pace that must be kept in every window."},                                   \
        {.key = HAS_PROGRESS(kind) ? "window" : NULL,                                              \
         .type = SL_TYPE_DURATION,                                                                 \
         PHASE_IN(sym, window_ms),                                                                 \
         PHASE_HAS(sym, has_window),                                                               \
         .min = 10,                                                                                \
         .max = 24 * HOUR_MS,                                                                      \
         .help = "The time over which `min_rate` is measured."},                                   \
        {.key = HAS_PROGRESS(kind) || (cap) ? "total" : NULL,                                      \
         .type = SL_TYPE_DURATION,                                                                 \
         PHASE_IN(sym, total_ms),                                                                  \
         PHASE_HAS(sym, has_total),                                                                \
         .min = 1,                                                                                 \
         .max = YEAR_MS,                                                                           \
         UNLIMITED,                                                                                \
         .help = "The time for the whole phase."},                                                 \
        {.key = (cap) ? "max_bytes" : NULL,                                                        \
         .type = SL_TYPE_SIZE,                                                                     \
         PHASE_IN(sym, cap_bytes),                                                                 \
         PHASE_HAS(sym, has_cap),                                                                  \
         .min = 1,                                                                                 \
         .max = GIB,                                                                               \
         .help = "The most that is thrown away."},                                                 \
        {.key = SL_SCOPE_##where == SL_SCOPE_GLOBAL ? NULL : "enforce",                            \
         .type = SL_TYPE_BOOL,                                                                     \
         PHASE_IN(sym, is_enforced),                                                               \
         PHASE_HAS(sym, has_enforce),                                                              \
         .help = "`false`: shadow mode, expiry is counted and logged and cuts nothing."},          \
    };                                                                                             \
    static const struct sl_map map_of_##sym = {TABLE(members_of_##sym), .noun = "`" #name "`",     \
                                               .short_key = word};
SL_PHASES(X)
#undef X

static const struct sl_field phases[] = {
#define X(sym, name, awaited, kind, where, word, lim, tot, rate, win, cap, status)                 \
    {.key = #name,                                                                                 \
     .type = SL_TYPE_MAP,                                                                          \
     .at = PLUS1(sl_deadline_set, set[SL_PHASE_##sym].at),                                         \
     .scope = SL_SCOPE_##where,                                                                    \
     .map = &map_of_##sym,                                                                         \
     .help = HELP_##sym},
    SL_PHASES(X)
#undef X
};

const struct sl_map sl_schema_phases = {TABLE(phases), .noun = "these `deadlines`"};

static const struct sl_field max_age[] = {
    {.key = "time",
     .type = SL_TYPE_DURATION,
     IN(sl_config, max_age_ms),
     .min = SECOND_MS,
     .max = YEAR_MS,
     UNLIMITED,
     .preset = "unlimited",
     .help = "Age of a connection."},
    {.key = "requests",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, max_age_requests),
     .min = 1,
     .max = UINT32_MAX,
     UNLIMITED,
     .preset = "unlimited",
     .help = "Requests on one connection."},
};
static const struct sl_map max_age_map = {TABLE(max_age), .noun = "`max_age`", .short_key = "time"};

static const struct sl_field beside_phases[] = {
    {.key = "max_age",
     .type = SL_TYPE_MAP,
     .map = &max_age_map,
     .help = "A client connection older than this is closed between two requests."},
    {.key = "upstream_idle",
     .type = SL_TYPE_DURATION,
     IN(sl_config, upstream_idle_ms),
     .min = 1,
     .max = YEAR_MS,
     UNLIMITED,
     .preset = "30s",
     .help = "How long an unused connection to an endpoint is kept. Should be less than what the "
             "application itself allows."},
};
const struct sl_map sl_schema_deadlines = {TABLE(beside_phases), .noun = "`deadlines`",
                                           .also = &sl_schema_phases,
                                           .also_offset = offsetof(struct sl_config, deadlines)};

/* ---- listeners ---- */

static const struct sl_field certificate[] = {
    {.key = "certificate",
     .type = SL_TYPE_PATH,
     IN(sl_certificate_config, certificate),
     .at = PLUS1(sl_certificate_config, certificate_at),
     .is_required = true,
     .example = "cert.pem",
     .help = "PEM file: the certificate, then those that lead to its root."},
    {.key = "key",
     .type = SL_TYPE_PATH,
     IN(sl_certificate_config, key),
     .at = PLUS1(sl_certificate_config, key_at),
     .is_required = true,
     .example = "key.pem",
     .help = "PEM file: its private key."},
};
static const struct sl_map certificate_map = {TABLE(certificate), .noun = "a certificate",
                                              .size = sizeof(struct sl_certificate_config)};

static const struct sl_field tls[] = {
    {.key = "certificates",
     .type = SL_TYPE_LIST,
     IN(sl_listener_config, certificates),
     .n_offset = offsetof(struct sl_listener_config, n_certificates),
     .max = 256,
     .map = &certificate_map,
     .is_required = true,
     .help = "The first one is for clients that name no host. An ECDSA and an RSA one for the same "
             "name may stand together."},
    {.key = "versions",
     .type = SL_TYPE_FLAGS,
     IN(sl_listener_config, has_tls12),
     .words = "1.2|1.3",
     .preset = "[\"1.2\", \"1.3\"]",
     .help = "TLS versions."},
    {.key = "strict_sni",
     .type = SL_TYPE_BOOL,
     IN(sl_listener_config, is_strict_sni),
     .preset = "false",
     .help = "Refuse clients that ask for a name no certificate has."},
    {.key = "tickets",
     .type = SL_TYPE_BOOL,
     IN(sl_listener_config, has_tickets),
     .preset = "true",
     .help = "Sessions can be resumed with tickets."},
};
static const struct sl_map tls_map = {TABLE(tls), .noun = "`tls`"};

static const struct sl_field listener[] = {
    {.key = "address",
     .type = SL_TYPE_LISTEN,
     IN(sl_listener_config, address),
     .at = PLUS1(sl_listener_config, address_at),
     .text = PLUS1(sl_listener_config, address_text),
     .is_required = true,
     .example = "\":8443\"",
     .help = "Where clients connect. `:8443` is every address, IPv6 and IPv4."},
    {.key = "name",
     .type = SL_TYPE_NAME,
     IN(sl_listener_config, name),
     .inherits = "its address",
     .example = "public",
     .help = "For logs, metrics and `sluice explain --listener`."},
    {.key = "tls",
     .type = SL_TYPE_MAP,
     .map = &tls_map,
     .off = PLUS1(sl_listener_config, is_tls),
     .help = "Or `off`: plain HTTP, behind another proxy or for tests."},
    {.key = "proxy_protocol",
     .type = SL_TYPE_WORD,
     IN(sl_listener_config, proxy_protocol),
     .words = "off|required",
     .preset = "off",
     .help = "`required`: every connection starts with a PROXY protocol header, which says who the "
             "client is."},
    {.key = "backlog",
     .type = SL_TYPE_NUMBER,
     IN(sl_listener_config, backlog),
     .min = 1,
     .max = 65535,
     .preset = "4096",
     .help = "Connections that the system keeps until a worker accepts them."},
    {.key = "deadlines",
     .type = SL_TYPE_MAP,
     .map = &sl_schema_phases,
     .offset = offsetof(struct sl_listener_config, deadlines),
     .level = SL_LEVEL_LISTENER,
     .help = "For this listener only: the phases of `deadlines`, except `drain`."},
};
static const struct sl_map listener_map = {TABLE(listener), .noun = "a listener",
                                           .size = sizeof(struct sl_listener_config),
                                           .at = PLUS1(sl_listener_config, at)};

/* ---- upstreams and routes ---- */

static const struct sl_field endpoint[] = {
    {.key = "address",
     .type = SL_TYPE_ENDPOINT,
     .is_required = true,
     .example = "127.0.0.1:8080",
     .help = "Where the application listens. A bare address may stand instead of the mapping."},
    {.key = "weight",
     .type = SL_TYPE_NUMBER,
     IN(sl_endpoint_config, weight),
     .max = 1000,
     .preset = "1",
     .help = "Its share of the requests; 0: none, it is being taken out."},
    {.key = "max_connections",
     .type = SL_TYPE_NUMBER,
     IN(sl_endpoint_config, max_connections),
     .min = 1,
     .max = 1000000,
     .special = "unlimited",
     .special_value = 0,
     .preset = "unlimited",
     .help = "Connections to it, of all workers; requests beyond that wait (`upstream_queue`)."},
};
static const struct sl_map endpoint_map = {
    TABLE(endpoint), .noun = "an endpoint", .short_key = "address",
    .size = sizeof(struct sl_endpoint_config), .at = PLUS1(sl_endpoint_config, at)};

static const struct sl_field upstream[] = {
    {.key = "name",
     .type = SL_TYPE_NAME,
     IN(sl_upstream_config, name),
     .is_required = true,
     .example = "app",
     .help = "For routes, logs and metrics."},
    {.key = "endpoints",
     .type = SL_TYPE_LIST,
     IN(sl_upstream_config, endpoints),
     .n_offset = offsetof(struct sl_upstream_config, n_endpoints),
     .max = 1024,
     .map = &endpoint_map,
     .is_required = true,
     .help = "The addresses of the application."},
    {.key = "balance",
     .type = SL_TYPE_WORD,
     IN(sl_upstream_config, balance),
     .words = "round_robin|least_connections",
     .preset = "round_robin",
     .help = "How requests are spread over the endpoints."},
    {.key = "chunked_requests",
     .type = SL_TYPE_WORD,
     IN(sl_upstream_config, chunked_requests),
     .words = "forward|reject",
     .preset = "forward",
     .help = "`reject` for applications that do not understand chunked requests: the client is "
             "answered 411."},
    {.key = "fail_timeout",
     .type = SL_TYPE_DURATION,
     IN(sl_upstream_config, fail_timeout_ms),
     .min = 1,
     .max = HOUR_MS,
     .special = "off",
     .special_value = 0,
     .preset = "10s",
     .help = "How long an endpoint to which no connection could be made is passed over while "
             "there are others. After it one request tries it."},
    {.key = "keepalive",
     .type = SL_TYPE_BOOL,
     IN(sl_upstream_config, has_keepalive),
     .preset = "true",
     .help = "Connections are used for more than one request."},
    {.key = "max_idle",
     .type = SL_TYPE_NUMBER,
     IN(sl_upstream_config, max_idle),
     .max = 10000,
     .preset = "32",
     .help = "Unused connections kept, per endpoint and worker."},
    {.key = "max_queue",
     .type = SL_TYPE_NUMBER,
     IN(sl_upstream_config, max_queue),
     .max = 100000,
     .preset = "1024",
     .help = "Requests that may wait for a connection, per worker; more are answered 503."},
    {.key = "upstream_idle",
     .type = SL_TYPE_DURATION,
     IN(sl_upstream_config, idle_ms),
     .min = 1,
     .max = YEAR_MS,
     UNLIMITED,
     .inherits = "deadlines.upstream_idle",
     .example = "30s",
     .help = "How long an unused connection is kept."},
};
static const struct sl_map upstream_map = {TABLE(upstream), .noun = "an upstream",
                                           .size = sizeof(struct sl_upstream_config),
                                           .at = PLUS1(sl_upstream_config, at)};

static const struct sl_field route[] = {
    {.key = "name",
     .type = SL_TYPE_NAME,
     IN(sl_route_config, name),
     .inherits = "its host and path",
     .example = "everything",
     .help = "For logs, metrics and `sluice explain --route`."},
    {.key = "host",
     .type = SL_TYPE_HOST,
     IN(sl_route_config, host),
     .inherits = "any host",
     .example = "example.org",
     .help = "The host of the request, without port. `*.example.org` covers every name below it."},
    {.key = "path",
     .type = SL_TYPE_PREFIX,
     IN(sl_route_config, path),
     .preset = "/",
     .help = "The path and all below it: `/a` covers `/a` and `/a/b`, not `/ab`. The longest "
             "path wins."},
    {.key = "upstream",
     .type = SL_TYPE_NAME,
     IN(sl_route_config, upstream),
     .at = PLUS1(sl_route_config, upstream_at),
     .is_required = true,
     .example = "app",
     .help = "The name of the upstream."},
    {.key = "max_body",
     .type = SL_TYPE_SIZE,
     IN(sl_route_config, max_body_bytes),
     .max = UINT64_MAX / 2,
     UNLIMITED,
     .preset = "unlimited",
     .help = "A longer request body is answered 413."},
    {.key = "deadlines",
     .type = SL_TYPE_MAP,
     .map = &sl_schema_phases,
     .offset = offsetof(struct sl_route_config, deadlines),
     .level = SL_LEVEL_ROUTE,
     .help =
         "For this route only: the phases of `deadlines` that begin when the request is known."},
};
static const struct sl_map route_map = {TABLE(route), .noun = "a route",
                                        .size = sizeof(struct sl_route_config),
                                        .at = PLUS1(sl_route_config, at)};

/* ---- the rest ---- */

static const struct sl_field limits[] = {
    {.key = "max_connections",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, limits.max_connections),
     .min = 1,
     .max = 10000000,
     .special = "auto",
     .special_value = 0,
     .preset = "auto",
     .help = "Client connections. `auto`: three quarters of what the limit of file descriptors "
             "allows."},
    {.key = "max_handshaking",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, limits.max_handshaking),
     .min = 1,
     .max = 10000000,
     .preset = "16384",
     .help = "Connections that have not finished their handshake. When it is full the oldest "
             "silent one makes place."},
    {.key = "max_handshaking_per_client",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, limits.max_handshaking_per_client),
     .min = 1,
     .max = 10000000,
     .preset = "1024",
     .help = "The same per IPv4 address or IPv6 /64."},
    {.key = "pressure_start",
     .type = SL_TYPE_PERCENT,
     IN(sl_config, limits.pressure_start_percent),
     .min = 1,
     .max = 100,
     .preset = "75%",
     .help = "Share of `max_connections` from which on the phases before a request shrink."},
    {.key = "pressure_floor",
     .type = SL_TYPE_DURATION,
     IN(sl_config, limits.pressure_floor_ms),
     .min = 1,
     .max = HOUR_MS,
     .preset = "1s",
     .help = "What they have shrunk to at 100%."},
    {.key = "header_bytes",
     .type = SL_TYPE_SIZE,
     IN(sl_config, limits.header_bytes),
     .min = 1 * KIB,
     .max = 1024 * KIB,
     .preset = "32KiB",
     .help = "Start line and header fields of a request (431), or of a response (502)."},
    {.key = "target_bytes",
     .type = SL_TYPE_SIZE,
     IN(sl_config, limits.target_bytes),
     .min = 256,
     .max = 1024 * KIB,
     .preset = "8KiB",
     .help = "The request target (414)."},
    {.key = "header_fields",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, limits.n_fields),
     .min = 8,
     .max = 10000,
     .preset = "100",
     .help = "Number of header fields (431)."},
    {.key = "trailer_bytes",
     .type = SL_TYPE_SIZE,
     IN(sl_config, limits.trailer_bytes),
     .min = 256,
     .max = 1024 * KIB,
     .preset = "8KiB",
     .help = "The trailer section after a chunked body."},
    {.key = "chunk_line_bytes",
     .type = SL_TYPE_SIZE,
     IN(sl_config, limits.chunk_line_bytes),
     .min = 16,
     .max = 16 * KIB,
     .preset = "256B",
     .help = "One line with the size of a chunk and its extensions."},
};
static const struct sl_map limits_map = {TABLE(limits), .noun = "`limits`"};

static const struct sl_field forwarding[] = {
    {.key = "trusted_proxies",
     .type = SL_TYPE_PREFIXES,
     IN(sl_config, forwarding.trusted_proxies),
     .n_offset = offsetof(struct sl_config, forwarding.n_trusted_proxies),
     .preset = "[]",
     .help = "Clients whose Forwarded and X-Forwarded-* fields are believed, such as 10.0.0.0/8."},
    {.key = "via",
     .type = SL_TYPE_TOKEN,
     IN(sl_config, forwarding.via),
     .preset = "sluice",
     .help = "What sluice calls itself in Via."},
    {.key = "underscores_in_headers",
     .type = SL_TYPE_WORD,
     IN(sl_config, forwarding.underscores),
     .words = "drop|keep|reject",
     .preset = "drop",
     .help = "Fields such as `X_User`, which many applications confuse with `X-User`."},
};
static const struct sl_map forwarding_map = {TABLE(forwarding), .noun = "`forwarding`"};

static const struct sl_field log_fields[] = {
    {.key = "path",
     .type = SL_TYPE_PATH,
     IN(sl_config, log.path),
     .at = PLUS1(sl_config, log.at),
     .words = "stderr|stdout",
     .preset = "stderr",
     .help = "Where lines go. A file is opened anew on SIGUSR1."},
    {.key = "level",
     .type = SL_TYPE_WORD,
     IN(sl_config, log.level),
     .words = "error|warn|info|debug",
     .preset = "info",
     .help = "The least important that is written."},
};
static const struct sl_map log_map = {TABLE(log_fields), .noun = "`log`", .short_key = "path"};

static const struct sl_field access_log[] = {
    {.key = "path",
     .type = SL_TYPE_PATH,
     IN(sl_config, access_log.path),
     .at = PLUS1(sl_config, access_log.at),
     .words = "stdout|stderr",
     .preset = "stdout",
     .help = "Where lines go. A file is opened anew on SIGUSR1."},
    {.key = "format",
     .type = SL_TYPE_WORD,
     IN(sl_config, access_log.format),
     .words = "json|common",
     .preset = "json",
     .help = "A line of JSON, or the common log format."},
};
static const struct sl_map access_log_map = {TABLE(access_log), .noun = "`access_log`",
                                             .short_key = "path"};

static const struct sl_field status[] = {
    {.key = "address",
     .type = SL_TYPE_LISTEN,
     IN(sl_config, status.address),
     .at = PLUS1(sl_config, status.at),
     .text = PLUS1(sl_config, status.address_text),
     .preset = "127.0.0.1:9901",
     .help = "For this machine only, unless `allow_remote` says otherwise."},
    {.key = "allow_remote",
     .type = SL_TYPE_BOOL,
     IN(sl_config, status.allows_remote),
     .preset = "false",
     .help = "`true` lets `address` be one that others can reach."},
};
static const struct sl_map status_map = {TABLE(status), .noun = "`status`", .short_key = "address"};

static const struct sl_field file[] = {
    {.key = "workers",
     .type = SL_TYPE_NUMBER,
     IN(sl_config, n_workers),
     .min = 1,
     .max = 1024,
     .special = "auto",
     .special_value = 0,
     .preset = "auto",
     .help = "Threads that serve clients. `auto`: one for each core."},
    {.key = "listeners",
     .type = SL_TYPE_LIST,
     IN(sl_config, listeners),
     .n_offset = offsetof(struct sl_config, n_listeners),
     .max = 256,
     .map = &listener_map,
     .is_required = true,
     .help = "Where clients connect."},
    {.key = "upstreams",
     .type = SL_TYPE_LIST,
     IN(sl_config, upstreams),
     .n_offset = offsetof(struct sl_config, n_upstreams),
     .max = 4096,
     .map = &upstream_map,
     .is_required = true,
     .help = "The applications."},
    {.key = "routes",
     .type = SL_TYPE_LIST,
     IN(sl_config, routes),
     .n_offset = offsetof(struct sl_config, n_routes),
     .max = 10000,
     .map = &route_map,
     .help = "Which request goes to which upstream. With one upstream and no `routes`, everything "
             "goes there."},
    {.key = "deadlines",
     .type = SL_TYPE_MAP,
     .map = &sl_schema_deadlines,
     .level = SL_LEVEL_GLOBAL,
     .help = "What each phase of a connection may take. `phase: 5s` is short for its first key. "
             "Unlimited is only what says `unlimited`."},
    {.key = "limits", .type = SL_TYPE_MAP, .map = &limits_map, .help = "Numbers and sizes."},
    {.key = "forwarding",
     .type = SL_TYPE_MAP,
     .map = &forwarding_map,
     .help = "What the application is told about the client."},
    {.key = "log", .type = SL_TYPE_MAP, .map = &log_map, .help = "Events and errors."},
    {.key = "access_log",
     .type = SL_TYPE_MAP,
     .map = &access_log_map,
     .off = PLUS1(sl_config, access_log.is_on),
     .help = "A line for each request. Or `off`."},
    {.key = "status",
     .type = SL_TYPE_MAP,
     .map = &status_map,
     .off = PLUS1(sl_config, status.is_on),
     .help = "The endpoint for /metrics, /status, /healthz and /readyz. Or `off`."},
};
const struct sl_map sl_schema = {TABLE(file), .noun = "the configuration"};
