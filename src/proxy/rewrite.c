/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hop-by-hop: RFC 9110 section 7.6.1. Via: 7.6.3. Forwarded: RFC 7239. The X-Forwarded fields are
 * what applications made before it really read: For is a list to which our peer's address is added;
 * Proto and Host are those of the first hop.
 *
 * Whom to believe: fields of this kind are kept only from a peer in forwarding.trusted_proxies.
 * From anybody else they are replaced, or taken out, so that no application takes a client's word
 * for where it comes from.
 */
#include "rewrite.h"

#include <inttypes.h>
#include <time.h>
#include <sluice/tls/server.h>
#include "inner.h"

#define LIST_BYTES    2048 /* an address list that is longer is not added to, but begun anew */
#define MAX_NOMINATED 64   /* names in Connection; honest heads have two or three */

/* Fields that Connection may not take out, whatever it nominates: they decide what the request is.
 */
static bool is_protected(enum sl_field_id id)
{
    switch (id) {
    case SL_FIELD_HOST:
    case SL_FIELD_CONTENT_LENGTH:
    case SL_FIELD_CONTENT_TYPE:
    case SL_FIELD_TRANSFER_ENCODING:
    case SL_FIELD_DATE:
    case SL_FIELD_EXPECT:
    case SL_FIELD_VIA:
        return true;
    default:
        return false;
    }
}

#define HOP_BY_HOP                                                                                 \
    (SL_FIELD_BIT(SL_FIELD_CONNECTION) | SL_FIELD_BIT(SL_FIELD_KEEP_ALIVE) |                       \
     SL_FIELD_BIT(SL_FIELD_PROXY_CONNECTION) | SL_FIELD_BIT(SL_FIELD_TE) |                         \
     SL_FIELD_BIT(SL_FIELD_UPGRADE) | SL_FIELD_BIT(SL_FIELD_HTTP2_SETTINGS))

/* What only a trusted peer may say of where a request comes from. */
#define FORWARDING                                                                                 \
    (SL_FIELD_BIT(SL_FIELD_FORWARDED) | SL_FIELD_BIT(SL_FIELD_X_FORWARDED_FOR) |                   \
     SL_FIELD_BIT(SL_FIELD_X_FORWARDED_PROTO) | SL_FIELD_BIT(SL_FIELD_X_FORWARDED_HOST) |          \
     SL_FIELD_BIT(SL_FIELD_X_FORWARDED_PORT) | SL_FIELD_BIT(SL_FIELD_X_REAL_IP))

/* Hop-by-hop fields, what Connection nominates, and all of the set `others`. 0 or SL_ERR_LIMIT:
   each nomination is looked for among all fields, so a long list would cost more than its bytes. */
static int drop_hop_by_hop(struct sl_head *head, bool keeps_upgrade, uint64_t others)
{
    const struct sl_field *f = NULL;
    uint64_t kept = keeps_upgrade ? SL_FIELD_BIT(SL_FIELD_UPGRADE) : 0;
    size_t n_nominated = 0;

    while ((f = sl_head_find(head, SL_FIELD_CONNECTION, f))) {
        struct sl_span rest = sl_head_value(head, f), name;
        while (sl_list_next(&rest, &name)) {
            if (++n_nominated > MAX_NOMINATED)
                return SL_ERR_LIMIT;
            enum sl_field_id id = sl_field_id(name);
            if (!is_protected(id) && !(keeps_upgrade && id == SL_FIELD_UPGRADE))
                sl_head_drop_named(head, name);
        }
    }
    sl_head_drop_all(head, (HOP_BY_HOP & ~kept) | others);
    return 0;
}

bool sl_rewrite_has_underscore(const struct sl_head *head)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        struct sl_span name = sl_head_name(head, &head->fields[i]);
        if (name.len && memchr(name.ptr, '_', name.len))
            return true;
    }
    return false;
}

/* "X_Forwarded_For" and "X-Forwarded-For" are one name to CGI: nobody may pass the first as the
 * second. */
static void drop_underscores(struct sl_head *head)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        struct sl_span name = sl_head_name(head, &head->fields[i]);
        if (name.len && memchr(name.ptr, '_', name.len))
            head->fields[i].is_dropped = true;
    }
}

static bool is_trusted(const struct sl_config *config, const struct sl_addr *peer)
{
    for (size_t i = 0; i < config->forwarding.n_trusted_proxies; i++)
        if (sl_prefix_has(&config->forwarding.trusted_proxies[i], peer))
            return true;
    return false;
}

/* Joins all values of a list field into one and drops them. */
static void take_list(struct sl_head *head, enum sl_field_id id, struct sl_str *list)
{
    const struct sl_field *f = NULL;

    while ((f = sl_head_find(head, id, f))) {
        if (list->len)
            sl_str_addz(list, ", ");
        sl_str_add(list, sl_head_value(head, f));
    }
    sl_head_drop(head, id);
}

/* Does a quoted-string (RFC 9110 5.6.4) run beyond the end? What is added would be a part of it. */
static bool has_open_quote(struct sl_span s)
{
    bool is_quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '"')
            is_quoted = !is_quoted;
        else if (s.ptr[i] == '\\' && is_quoted)
            i++;
    }
    return is_quoted;
}

/* Adds one member to what is there, or begins the list. */
static int extend_list(struct sl_head *head, enum sl_field_id id, struct sl_span name,
                       struct sl_span member)
{
    char buf[LIST_BYTES];
    struct sl_str list;

    if (!sl_head_find(head, id, NULL))
        return sl_head_add(head, name, member);
    sl_str_init(&list, buf, sizeof(buf));
    take_list(head, id, &list);
    bool is_open = has_open_quote(sl_str_span(&list));
    if (list.len)
        sl_str_addz(&list, ", ");
    sl_str_add(&list, member);
    if (list.is_cut || is_open)
        return sl_head_add(head, name, member);
    return sl_head_add(head, name, sl_str_span(&list));
}

/* A value that may stand in a quoted-string as it is. */
static bool is_plain(struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '"' || s.ptr[i] == '\\' || (unsigned char)s.ptr[i] < 0x21)
            return false;
    return s.len > 0;
}

static void write_forwarded(const struct sl_exchange *x, struct sl_span peer, struct sl_str *s)
{
    /* By its text: a PROXY header may give ::ffff:192.0.2.1, which is written as 192.0.2.1. */
    bool is_v6 = peer.len && memchr(peer.ptr, ':', peer.len);

    sl_str_addz(s, is_v6 ? "for=\"[" : "for=");
    if (sl_addr_is_unix(&x->origin.peer))
        sl_str_addz(s, "_unix"); /* an obfuscated identifier, RFC 7239 section 6.3 */
    else
        sl_str_add(s, peer);
    if (is_v6)
        sl_str_addz(s, "]\"");
    if (is_plain(x->host)) {
        sl_str_addz(s, ";host=\"");
        sl_str_add(s, x->host);
        sl_str_add_char(s, '"');
    }
    sl_str_addz(s, x->origin.tls ? ";proto=https" : ";proto=http");
}

/* Fields that are not to be believed are dropped by now. */
static int add_forwarding(struct sl_exchange *x)
{
    char peer_buf[SL_ADDR_TEXT_BYTES], forwarded_buf[LIST_BYTES];
    struct sl_str peer, forwarded;
    struct sl_head *head = x->head;
    int err;

    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    sl_addr_write_host(&x->origin.peer, &peer);
    sl_str_init(&forwarded, forwarded_buf, sizeof(forwarded_buf));
    write_forwarded(x, sl_str_span(&peer), &forwarded);

    err =
        extend_list(head, SL_FIELD_X_FORWARDED_FOR, SL_SPAN("X-Forwarded-For"), sl_str_span(&peer));
    if (err == 0 && !sl_head_find(head, SL_FIELD_X_FORWARDED_PROTO, NULL))
        err = sl_head_add(head, SL_SPAN("X-Forwarded-Proto"),
                          x->origin.tls ? SL_SPAN("https") : SL_SPAN("http"));
    if (err == 0 && x->host.len && !sl_head_find(head, SL_FIELD_X_FORWARDED_HOST, NULL))
        err = sl_head_add(head, SL_SPAN("X-Forwarded-Host"), x->host);
    if (err == 0)
        err = extend_list(head, SL_FIELD_FORWARDED, SL_SPAN("Forwarded"),
                          forwarded.is_cut ? SL_SPAN("for=unknown") : sl_str_span(&forwarded));
    return err;
}

/* Max-Forwards counts for TRACE and OPTIONS alone (RFC 9110 section 7.6.2). False: it does not, or
   is no number. */
static bool read_max_forwards(const struct sl_head *head, uint64_t *out_n)
{
    const struct sl_field *f = NULL;

    if (head->method == SL_METHOD_TRACE || head->method == SL_METHOD_OPTIONS)
        f = sl_head_find(head, SL_FIELD_MAX_FORWARDS, NULL);
    return f && sl_read_u64(sl_head_value(head, f), out_n) == 0;
}

bool sl_rewrite_may_forward(const struct sl_head *head)
{
    uint64_t n;
    return !read_max_forwards(head, &n) || n > 0;
}

static int count_forward(struct sl_head *head)
{
    char buf[24];
    struct sl_str text;
    uint64_t n;

    if (!read_max_forwards(head, &n))
        return 0;
    sl_str_init(&text, buf, sizeof(buf));
    sl_str_addf(&text, "%" PRIu64, n - 1);
    sl_head_drop(head, SL_FIELD_MAX_FORWARDS);
    return sl_head_add(head, SL_SPAN("Max-Forwards"), sl_str_span(&text));
}

static int add_via(const struct sl_exchange *x, struct sl_head *head)
{
    char buf[256];
    struct sl_str via;

    sl_str_init(&via, buf, sizeof(buf));
    sl_str_addz(&via, head->minor == 0 ? "1.0 " : "1.1 ");
    sl_str_addz(&via, x->set->plan->config->forwarding.via);
    return sl_head_add(head, SL_SPAN("Via"), sl_str_span(&via));
}

/*
 * The authority of an absolute target replaces Host (RFC 9112 section 3.2.2). An HTTP/1.0 request
 * may have none, HTTP/1.1 must (RFC 9110 section 7.2): it gets the upstream's own.
 */
static int set_host(struct sl_exchange *x)
{
    const struct sl_field *f = sl_head_find(x->head, SL_FIELD_HOST, NULL);
    const struct sl_endpoint_config *endpoint = &x->upstream->config->endpoints[0];
    bool is_unix = !endpoint->host && sl_addr_is_unix(&endpoint->address);
    struct sl_span own = sl_span_str(is_unix ? "localhost" : endpoint->text);

    if (f && sl_span_eq(sl_head_value(x->head, f), x->host))
        return 0;
    sl_head_drop(x->head, SL_FIELD_HOST);
    return sl_head_add(x->head, SL_SPAN("Host"), x->host.len ? x->host : own);
}

static bool is_fit_id(struct sl_span id)
{
    if (id.len == 0 || id.len >= SL_REQUEST_ID_BYTES)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];
        bool is_fit = sl_ascii_is_alnum(c) || (c != '\0' && strchr("-_.:/+=@", c));
        if (!is_fit)
            return false;
    }
    return true;
}

/* 16 digits. */
static void write_hex(char *to, uint64_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 15; i >= 0; i--, n >>= 4)
        to[i] = digits[n & 15];
}

void sl_rewrite_request_id(struct sl_exchange *x)
{
    const struct sl_field *f = sl_head_find(x->head, SL_FIELD_X_REQUEST_ID, NULL);
    struct sl_span given = f ? sl_head_value(x->head, f) : (struct sl_span){0};
    uint64_t *seed = x->proxy->id_seed;

    if (is_fit_id(given)) {
        memcpy(x->request_id, given.ptr, given.len);
        x->request_id[given.len] = '\0';
        return;
    }
    /* Unique, not secret: a random number per worker, and a count. */
    write_hex(x->request_id, seed[0]);
    write_hex(x->request_id + 16, seed[1]++);
    x->request_id[32] = '\0';
}

int sl_rewrite_request(struct sl_exchange *x)
{
    const struct sl_config *config = x->set->plan->config;
    struct sl_head *head = x->head;
    /* Proxy: no such field exists, but CGI makes a variable of it that programs believe (httpoxy).
     */
    uint64_t dropped = SL_FIELD_BIT(SL_FIELD_PROXY_AUTHORIZATION) | SL_FIELD_BIT(SL_FIELD_PROXY) |
                       SL_FIELD_BIT(SL_FIELD_X_REQUEST_ID);

    if (!x->framing.expects_continue)
        dropped |= SL_FIELD_BIT(SL_FIELD_EXPECT);
    if (!is_trusted(config, &x->origin.peer))
        dropped |= FORWARDING;
    int err = drop_hop_by_hop(head, x->is_upgrade, dropped);
    if (err == 0 && config->forwarding.underscores == SL_UNDERSCORES_DROP)
        drop_underscores(head);
    if (err == 0)
        err = set_host(x);
    if (err == 0)
        err = count_forward(head);
    if (err == 0)
        err = add_forwarding(x);
    if (err == 0)
        err = add_via(x, head);
    if (err == 0)
        err = sl_head_add(head, SL_SPAN("X-Request-Id"), sl_span_str(x->request_id));
    return err;
}

void sl_rewrite_request_trailers(const struct sl_exchange *x, struct sl_head *trailers)
{
    if (x->set->plan->config->forwarding.underscores != SL_UNDERSCORES_KEEP)
        drop_underscores(trailers);
}

/* RFC 9110 section 6.6.1: a response without Date gets the time at which it was received. */
static int add_date(struct sl_head *head)
{
    static _Thread_local char text[40];
    static _Thread_local time_t made_at;
    time_t now = time(NULL);
    struct tm tm;

    if (now != made_at) {
        made_at = now;
        gmtime_r(&now, &tm);
        strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return sl_head_add(head, SL_SPAN("Date"), sl_span_str(text));
}

int sl_rewrite_response(const struct sl_exchange *x, struct sl_head *head)
{
    bool is_switch = head->status == 101;

    int err = drop_hop_by_hop(head, is_switch, SL_FIELD_BIT(SL_FIELD_PROXY_AUTHENTICATE));
    if (err == 0 && head->status >= 200 && !sl_head_find(head, SL_FIELD_DATE, NULL))
        err = add_date(head);
    if (err == 0)
        err = add_via(x, head);
    return err;
}
