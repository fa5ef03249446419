/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head: the head of a message: its start line and its fields, or a trailer section.
 *
 * All text stands in one buffer that the head owns; fields are offsets into it, in the order of
 * arrival. The buffer grows in steps up to the limit and is kept for the next message of the same
 * parser, so that a request on a warm connection allocates nothing. Well-known names are told apart
 * once, when they are added.
 */
#ifndef SLUICE_HTTP_HEAD_H
#define SLUICE_HTTP_HEAD_H

#include <sluice/base/err.h>
#include <sluice/base/span.h>

/* Names that sluice itself acts upon. */
#define SL_FIELDS(X)                                                                               \
    X(CONNECTION, "connection")                                                                    \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(DATE, "date")                                                                                \
    X(EXPECT, "expect")                                                                            \
    X(FORWARDED, "forwarded")                                                                      \
    X(HOST, "host")                                                                                \
    X(HTTP2_SETTINGS, "http2-settings")                                                            \
    X(KEEP_ALIVE, "keep-alive")                                                                    \
    X(MAX_FORWARDS, "max-forwards")                                                                \
    X(PROXY, "proxy")                                                                              \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                    \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                                                  \
    X(PROXY_CONNECTION, "proxy-connection")                                                        \
    X(PROXY_STATUS, "proxy-status")                                                                \
    X(REFERER, "referer")                                                                          \
    X(SERVER, "server")                                                                            \
    X(TE, "te")                                                                                    \
    X(TRAILER, "trailer")                                                                          \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(UPGRADE, "upgrade")                                                                          \
    X(USER_AGENT, "user-agent")                                                                    \
    X(VIA, "via")                                                                                  \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                          \
    X(X_FORWARDED_HOST, "x-forwarded-host")                                                        \
    X(X_FORWARDED_PORT, "x-forwarded-port")                                                        \
    X(X_FORWARDED_PROTO, "x-forwarded-proto")                                                      \
    X(X_REAL_IP, "x-real-ip")                                                                      \
    X(X_REQUEST_ID, "x-request-id")

enum sl_field_id {
    SL_FIELD_OTHER,
#define X(sym, name) SL_FIELD_##sym,
    SL_FIELDS(X)
#undef X
        SL_N_FIELD_IDS
};

/* Sets of ids. */
#define SL_FIELD_BIT(id_) (UINT64_C(1) << (id_))
_Static_assert(SL_N_FIELD_IDS <= 64, "a set of ids is 64 bits");

/* Methods whose meaning matters here; every other token is SL_METHOD_OTHER. */
enum sl_method {
    SL_METHOD_OTHER,
    SL_METHOD_GET,
    SL_METHOD_HEAD,
    SL_METHOD_POST,
    SL_METHOD_PUT,
    SL_METHOD_DELETE,
    SL_METHOD_CONNECT,
    SL_METHOD_OPTIONS,
    SL_METHOD_TRACE,
    SL_METHOD_PATCH,
};

struct sl_head_limits {
    uint32_t head_bytes;   /* start line and all fields together, as received */
    uint32_t target_bytes; /* request-target */
    uint32_t n_fields;
};

struct sl_field {
    uint32_t name, name_len;   /* offsets into the head's text */
    uint32_t value, value_len; /* without surrounding blanks */
    uint16_t id;               /* enum sl_field_id */
    bool is_dropped;           /* stays in the head, is not encoded */
};

struct sl_head {
    char *text;
    size_t n_text, text_cap;
    struct sl_field *fields;
    size_t n_fields, fields_cap;
    uint64_t ids; /* of all fields, dropped ones too: what is not there need not be looked for */
    struct sl_head_limits limits;

    bool is_request;
    uint8_t minor; /* HTTP/1.minor */
    /* request */
    enum sl_method method;
    uint32_t method_at, method_len, target_at, target_len;
    /* response */
    uint16_t status;
    uint32_t reason_at, reason_len;
};

void sl_head_init(struct sl_head *h, const struct sl_head_limits *limits);
/* Empties it, keeps its memory. */
void sl_head_reset(struct sl_head *h);
void sl_head_fini(struct sl_head *h);
/* Gives back all memory; the head may be used again. For idle connections. */
void sl_head_shrink(struct sl_head *h);

/* Makes it a request or a response that sluice itself writes. 0, SL_ERR_INVALID (no token, or bytes
   that no target holds), SL_ERR_MEMORY or SL_ERR_LIMIT. A status without reason gets the usual one.
 */
int sl_head_set_request(struct sl_head *h, struct sl_span method, struct sl_span target);
void sl_head_set_status(struct sl_head *h, int status);
/* 0, SL_ERR_MEMORY, SL_ERR_LIMIT (limits bind what is received; additions have as much room again),
   or SL_ERR_INVALID: the name is no token or the value holds a control byte. The value is trimmed.
   Both are copied and may be parts of the same head. Spans and field pointers taken from it before
   are void. */
int sl_head_add(struct sl_head *h, struct sl_span name, struct sl_span value);
struct sl_span sl_head_name(const struct sl_head *h, const struct sl_field *f);
struct sl_span sl_head_value(const struct sl_head *h, const struct sl_field *f);
struct sl_span sl_head_method(const struct sl_head *h);
struct sl_span sl_head_target(const struct sl_head *h);
struct sl_span sl_head_reason(const struct sl_head *h);
/* The next field (not dropped) with this id behind `after`; NULL if none. Start with NULL. */
const struct sl_field *sl_head_find(const struct sl_head *h, enum sl_field_id id,
                                    const struct sl_field *after);
/* Marks every field with this id / with an id of this set / with this name as dropped. */
void sl_head_drop(struct sl_head *h, enum sl_field_id id);
void sl_head_drop_all(struct sl_head *h, uint64_t ids);
void sl_head_drop_named(struct sl_head *h, struct sl_span name);
/* Is `token` in the comma-separated lists of all fields with this id (ASCII case-insensitive)? */
bool sl_head_lists(const struct sl_head *h, enum sl_field_id id, struct sl_span token);
/* Walks one comma-separated value: false at its end. *rest is advanced; empty members are skipped;
   commas in quoted strings do not separate. */
bool sl_list_next(struct sl_span *rest, struct sl_span *out_member);
enum sl_field_id sl_field_id(struct sl_span name);
/* token (RFC 9110 5.6.2)? */
bool sl_is_token(struct sl_span s);

#endif
