/* SPDX-License-Identifier: Apache-2.0 */
/*
 * head: start line and fields as offsets into one text.
 *
 * The happy path: the parser copies the bytes of a received head into `text` as they are and pushes
 * fields that point into it, so that a head costs one copy and no allocation once its memory is
 * warm. What sluice itself adds goes to the end of the same text.
 *
 * Failure modes: no memory, and limits. The limits bind what is received; the parser's lexer
 * enforces them byte by byte. Here they only bound memory: additions get as much room again as the
 * limits grant, plus a little, so that a request at its very limit can still be forwarded.
 *
 * Ownership: the head owns text and fields. Spans handed out live until the next add, reset,
 * shrink or fini, because text may move.
 */
#include <sluice/http/head.h>

#include <assert.h>
#include <stdlib.h>

#include "bytes.h"
#include "headtext.h"

#define SPARE_BYTES  4096
#define SPARE_FIELDS 32
#define FIRST_BYTES  1024
#define FIRST_FIELDS 16

static const char *const names[SL_N_FIELD_IDS] = {[SL_FIELD_OTHER] = "",
#define X(sym, name) [SL_FIELD_##sym] = (name),
                                                  SL_FIELDS(X)
#undef X
};

/* Few names have the same length, so the length alone leaves next to nothing to compare. A unit
   test looks up every name. */
static const uint8_t ids_by_length[][5] = {
    [2] = {SL_FIELD_TE},
    [3] = {SL_FIELD_VIA},
    [4] = {SL_FIELD_DATE, SL_FIELD_HOST},
    [5] = {SL_FIELD_PROXY},
    [6] = {SL_FIELD_EXPECT, SL_FIELD_SERVER},
    [7] = {SL_FIELD_REFERER, SL_FIELD_TRAILER, SL_FIELD_UPGRADE},
    [9] = {SL_FIELD_FORWARDED, SL_FIELD_X_REAL_IP},
    [10] = {SL_FIELD_CONNECTION, SL_FIELD_KEEP_ALIVE, SL_FIELD_USER_AGENT},
    [12] = {SL_FIELD_CONTENT_TYPE, SL_FIELD_MAX_FORWARDS, SL_FIELD_PROXY_STATUS,
            SL_FIELD_X_REQUEST_ID},
    [14] = {SL_FIELD_CONTENT_LENGTH, SL_FIELD_HTTP2_SETTINGS},
    [15] = {SL_FIELD_X_FORWARDED_FOR},
    [16] = {SL_FIELD_PROXY_CONNECTION, SL_FIELD_X_FORWARDED_HOST, SL_FIELD_X_FORWARDED_PORT},
    [17] = {SL_FIELD_TRANSFER_ENCODING, SL_FIELD_X_FORWARDED_PROTO},
    [18] = {SL_FIELD_PROXY_AUTHENTICATE},
    [19] = {SL_FIELD_PROXY_AUTHORIZATION},
};

void sl_head_init(struct sl_head *h, const struct sl_head_limits *limits)
{
    *h = (struct sl_head){.limits = *limits};
}

void sl_head_reset(struct sl_head *h)
{
    *h = (struct sl_head){
        .text = h->text,
        .text_cap = h->text_cap,
        .fields = h->fields,
        .fields_cap = h->fields_cap,
        .limits = h->limits,
    };
}

void sl_head_fini(struct sl_head *h)
{
    sl_head_shrink(h);
}

void sl_head_shrink(struct sl_head *h)
{
    free(h->text);
    free(h->fields);
    *h = (struct sl_head){.limits = h->limits};
}

int sl_head_reserve(struct sl_head *h, size_t n)
{
    if (n <= h->text_cap - h->n_text)
        return 0;
    size_t max = 2 * (size_t)h->limits.head_bytes + SPARE_BYTES;
    if (n > max || h->n_text > max - n)
        return SL_ERR_LIMIT;
    size_t cap = h->text_cap ? h->text_cap : FIRST_BYTES;
    while (cap < h->n_text + n)
        cap *= 2;
    if (cap > max)
        cap = max;
    char *text = realloc(h->text, cap);
    if (!text)
        return SL_ERR_MEMORY;
    h->text = text;
    h->text_cap = cap;
    return 0;
}

/* 0, SL_ERR_MEMORY or SL_ERR_LIMIT: room for one more field. */
static int reserve_field(struct sl_head *h)
{
    if (h->n_fields < h->fields_cap)
        return 0;
    size_t max = (size_t)h->limits.n_fields + SPARE_FIELDS;
    if (h->n_fields >= max)
        return SL_ERR_LIMIT;
    size_t cap = h->fields_cap ? 2 * h->fields_cap : FIRST_FIELDS;
    if (cap > max)
        cap = max;
    struct sl_field *fields = realloc(h->fields, cap * sizeof(*fields));
    if (!fields)
        return SL_ERR_MEMORY;
    h->fields = fields;
    h->fields_cap = cap;
    return 0;
}

struct sl_field *sl_head_push(struct sl_head *h)
{
    if (reserve_field(h))
        return NULL;
    struct sl_field *f = &h->fields[h->n_fields++];
    *f = (struct sl_field){0};
    return f;
}

static void note_id(struct sl_head *h, struct sl_field *f, enum sl_field_id id)
{
    f->id = (uint16_t)id;
    h->ids |= SL_FIELD_BIT(id);
}

void sl_head_settle(struct sl_head *h, struct sl_field *f)
{
    struct sl_span value = sl_span_trim(sl_span(h->text + f->value, f->value_len));
    f->value = (uint32_t)(value.ptr - h->text);
    f->value_len = (uint32_t)value.len;
    note_id(h, f, sl_field_id(sl_span(h->text + f->name, f->name_len)));
}

static uint32_t append(struct sl_head *h, struct sl_span bytes)
{
    uint32_t at = (uint32_t)h->n_text;
    if (bytes.len)
        memcpy(h->text + h->n_text, bytes.ptr, bytes.len);
    h->n_text += bytes.len;
    return at;
}

static bool is_value(struct sl_span s)
{
    const char *end = s.len ? s.ptr + s.len : NULL;
    return s.len == 0 || sl_bytes_run(s.ptr, end, SL_BYTE_VALUE, ' ') == end;
}

/* `s`, wherever the text is now: what is added may be a part of the same head, and text moves. */
static struct sl_span moved(const struct sl_head *h, uintptr_t old_text, struct sl_span s)
{
    uintptr_t at = (uintptr_t)s.ptr;
    if (!old_text || at < old_text || at >= old_text + h->n_text)
        return s;
    return sl_span(h->text + (at - old_text), s.len);
}

int sl_head_add(struct sl_head *h, struct sl_span name, struct sl_span value)
{
    value = sl_span_trim(value);
    enum sl_field_id id = sl_field_id(name); /* a name that is known is a token */
    if ((id == SL_FIELD_OTHER && !sl_is_token(name)) || !is_value(value))
        return SL_ERR_INVALID;
    uintptr_t old_text = (uintptr_t)h->text;
    int err = sl_head_reserve(h, name.len + 2 + value.len);
    if (!err)
        err = reserve_field(h);
    if (err)
        return err;
    name = moved(h, old_text, name);
    value = moved(h, old_text, value);
    struct sl_field *f = sl_head_push(h);
    if (!f)
        return SL_ERR_MEMORY;
    note_id(h, f, id);
    f->name = append(h, name);
    f->name_len = (uint32_t)name.len;
    append(h, SL_SPAN(": ")); /* as it is written: see sl_head_line() */
    f->value = append(h, value);
    f->value_len = (uint32_t)value.len;
    return 0;
}

int sl_head_set_request(struct sl_head *h, struct sl_span method, struct sl_span target)
{
    if (!sl_is_token(method))
        return SL_ERR_INVALID;
    for (size_t i = 0; i < target.len; i++)
        if (!sl_byte_is(target.ptr[i], SL_BYTE_TARGET))
            return SL_ERR_INVALID;
    uintptr_t old_text = (uintptr_t)h->text;
    int err = sl_head_reserve(h, method.len + target.len);
    if (err)
        return err;
    method = moved(h, old_text, method);
    target = moved(h, old_text, target);
    h->is_request = true;
    h->minor = 1;
    h->method = sl_method_read(method);
    h->method_at = append(h, method);
    h->method_len = (uint32_t)method.len;
    h->target_at = append(h, target);
    h->target_len = (uint32_t)target.len;
    return 0;
}

void sl_head_set_status(struct sl_head *h, int status)
{
    assert(status >= 100 && status <= 599);
    h->is_request = false;
    h->minor = 1;
    h->status = (uint16_t)status;
    h->reason_at = h->reason_len = 0;
}

struct sl_span sl_head_name(const struct sl_head *h, const struct sl_field *f)
{
    return sl_span(h->text + f->name, f->name_len);
}

struct sl_span sl_head_line(const struct sl_head *h, const struct sl_field *f)
{
    const char *name = h->text + f->name;
    if (f->value != f->name + f->name_len + 2 || name[f->name_len] != ':' ||
        name[f->name_len + 1] != ' ')
        return (struct sl_span){0};
    return sl_span(name, f->name_len + 2 + f->value_len);
}

struct sl_span sl_head_value(const struct sl_head *h, const struct sl_field *f)
{
    return sl_span(h->text + f->value, f->value_len);
}

/* A head without text has no bytes to point at. */
static struct sl_span part(const struct sl_head *h, uint32_t at, uint32_t len)
{
    return len ? sl_span(h->text + at, len) : SL_SPAN("");
}

struct sl_span sl_head_method(const struct sl_head *h)
{
    return part(h, h->method_at, h->method_len);
}

struct sl_span sl_head_target(const struct sl_head *h)
{
    return part(h, h->target_at, h->target_len);
}

struct sl_span sl_head_reason(const struct sl_head *h)
{
    return part(h, h->reason_at, h->reason_len);
}

const struct sl_field *sl_head_find(const struct sl_head *h, enum sl_field_id id,
                                    const struct sl_field *after)
{
    if (!(h->ids & SL_FIELD_BIT(id)))
        return NULL;
    for (size_t i = after ? (size_t)(after - h->fields) + 1 : 0; i < h->n_fields; i++)
        if (h->fields[i].id == id && !h->fields[i].is_dropped)
            return &h->fields[i];
    return NULL;
}

void sl_head_drop(struct sl_head *h, enum sl_field_id id)
{
    sl_head_drop_all(h, SL_FIELD_BIT(id));
}

void sl_head_drop_all(struct sl_head *h, uint64_t ids)
{
    if (!(h->ids & ids))
        return;
    for (size_t i = 0; i < h->n_fields; i++)
        if (SL_FIELD_BIT(h->fields[i].id) & ids)
            h->fields[i].is_dropped = true;
}

void sl_head_drop_named(struct sl_head *h, struct sl_span name)
{
    for (size_t i = 0; i < h->n_fields; i++)
        if (sl_span_ieq(sl_head_name(h, &h->fields[i]), name))
            h->fields[i].is_dropped = true;
}

bool sl_head_lists(const struct sl_head *h, enum sl_field_id id, struct sl_span token)
{
    const struct sl_field *f = NULL;
    while ((f = sl_head_find(h, id, f))) {
        struct sl_span rest = sl_head_value(h, f), member;
        while (sl_list_next(&rest, &member))
            if (sl_span_ieq(member, token))
                return true;
    }
    return false;
}

/* RFC 9110 5.6.1. A comma inside a quoted string (5.6.4) does not separate; a quoted string that is
   never closed runs to the end. */
bool sl_list_next(struct sl_span *rest, struct sl_span *out_member)
{
    while (rest->len) {
        size_t n = 0;
        bool is_quoted = false;
        for (; n < rest->len && (is_quoted || rest->ptr[n] != ','); n++) {
            if (rest->ptr[n] == '"')
                is_quoted = !is_quoted;
            else if (rest->ptr[n] == '\\' && is_quoted && n + 1 < rest->len)
                n++;
        }
        *out_member = sl_span_trim(sl_span(rest->ptr, n));
        *rest = sl_span_skip(*rest, n < rest->len ? n + 1 : n);
        if (out_member->len)
            return true;
    }
    return false;
}

/* n bytes, up to eight, as a number. */
static uint64_t word(const char *p, size_t n)
{
    uint64_t x = 0;
    memcpy(&x, p, n);
    return x;
}

/* Are they equal but for the case of letters? Only letters of `lower`, which has no other bytes
   from 0x40 on, may differ, and only in the bit that is the case. */
static bool is_same(uint64_t x, uint64_t lower)
{
    return ((x ^ lower) & ~(lower >> 1 & UINT64_C(0x2020202020202020))) == 0;
}

/* By eight bytes a step, the last one over some bytes of the one before. */
static bool is_named(struct sl_span name, const char *lower)
{
    size_t n = name.len, at = 0;
    if (n < 8) {
        for (; at < n && is_same(word(name.ptr + at, 1), word(lower + at, 1)); at++)
            ;
        return at == n;
    }
    for (; at + 8 <= n; at += 8)
        if (!is_same(word(name.ptr + at, 8), word(lower + at, 8)))
            return false;
    return is_same(word(name.ptr + n - 8, 8), word(lower + n - 8, 8));
}

enum sl_field_id sl_field_id(struct sl_span name)
{
    if (name.len >= SL_N_ELEMENTS(ids_by_length))
        return SL_FIELD_OTHER;
    for (const uint8_t *id = ids_by_length[name.len]; *id != SL_FIELD_OTHER; id++)
        if (is_named(name, names[*id]))
            return (enum sl_field_id) * id;
    return SL_FIELD_OTHER;
}

bool sl_is_token(struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!sl_byte_is(s.ptr[i], SL_BYTE_TOKEN))
            return false;
    return s.len > 0;
}

/* Methods are case-sensitive (RFC 9110 9.1). */
enum sl_method sl_method_read(struct sl_span method)
{
    static const struct {
        char name[8];
        uint8_t len, method;
    } methods[] = {
        {"GET", 3, SL_METHOD_GET},         {"HEAD", 4, SL_METHOD_HEAD},
        {"POST", 4, SL_METHOD_POST},       {"PUT", 3, SL_METHOD_PUT},
        {"DELETE", 6, SL_METHOD_DELETE},   {"CONNECT", 7, SL_METHOD_CONNECT},
        {"OPTIONS", 7, SL_METHOD_OPTIONS}, {"TRACE", 5, SL_METHOD_TRACE},
        {"PATCH", 5, SL_METHOD_PATCH},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(methods); i++)
        if (sl_span_eq(method, sl_span(methods[i].name, methods[i].len)))
            return (enum sl_method)methods[i].method;
    return SL_METHOD_OTHER;
}
