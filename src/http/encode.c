/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: heads, chunk sizes and trailers as bytes.
 *
 * The happy path: everything is put together in a buffer on the stack and goes to the queue in one
 * or two pieces, since an append costs more than the copy.
 *
 * Failure modes: out of memory in the queue. A field that holds CR, LF or NUL cannot come out of
 * the parser or of sl_head_add; should one be in a head all the same, a debug build stops and a
 * release build leaves the field out.
 *
 * Ownership: the queue takes copies.
 */
#include <sluice/http/encode.h>

#include <assert.h>

#include "bytes.h"
#include "headtext.h"

#define STAGE_BYTES 4096

struct stage {
    struct sl_chunkq *out;
    size_t n;
    int err; /* the first failure; nothing is appended after it */
    char buf[STAGE_BYTES];
};

static void flush(struct stage *s)
{
    if (!s->err && s->n)
        s->err = sl_chunkq_append(s->out, sl_span(s->buf, s->n));
    s->n = 0;
}

static void put(struct stage *s, struct sl_span bytes)
{
    if (bytes.len > STAGE_BYTES - s->n) {
        flush(s);
        if (bytes.len > STAGE_BYTES) {
            if (!s->err)
                s->err = sl_chunkq_append(s->out, bytes);
            return;
        }
    }
    if (bytes.len)
        memcpy(s->buf + s->n, bytes.ptr, bytes.len);
    s->n += bytes.len;
}

/* With its end. */
static void put_line(struct stage *s, struct sl_span line)
{
    if (line.len + 2 > STAGE_BYTES - s->n) {
        put(s, line);
        put(s, SL_SPAN("\r\n"));
        return;
    }
    if (line.len)
        memcpy(s->buf + s->n, line.ptr, line.len);
    memcpy(s->buf + s->n + line.len, "\r\n", 2);
    s->n += line.len + 2;
}

static void put_field(struct stage *s, struct sl_span name, struct sl_span value)
{
    put(s, name);
    put(s, SL_SPAN(": "));
    put_line(s, value);
}

/* Free of CR, LF and NUL? Most lines are plain text and go by eight bytes a step, the
   last step over some bytes of the one before. */
static bool is_one_line(struct sl_span s)
{
    size_t i = 0;
    while (s.len - i >= 8 && sl_are_plain(s.ptr + i, ' '))
        i += 8;
    if (s.len >= 8 && s.len - i < 8 && sl_are_plain(s.ptr + s.len - 8, ' '))
        return true;
    for (; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
            return false;
    return true;
}

static void put_fields(struct stage *s, const struct sl_head *head)
{
    for (size_t i = 0; i < head->n_fields; i++) {
        const struct sl_field *f = &head->fields[i];
        if (f->is_dropped || f->id == SL_FIELD_CONNECTION || f->id == SL_FIELD_CONTENT_LENGTH ||
            f->id == SL_FIELD_TRANSFER_ENCODING)
            continue;
        struct sl_span line = sl_head_line(head, f);
        struct sl_span name = sl_head_name(head, f), value = sl_head_value(head, f);
        bool is_safe =
            name.len && (line.len ? is_one_line(line) : is_one_line(name) && is_one_line(value));
        assert(is_safe);
        if (is_safe && line.len)
            put_line(s, line);
        else if (is_safe)
            put_field(s, name, value);
    }
}

/* Decimal digits of n into the end of buf (20 bytes). */
static struct sl_span decimal(char *buf, uint64_t n)
{
    char *p = buf + 20;
    do {
        *--p = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    return sl_span(p, (size_t)(buf + 20 - p));
}

static void put_framing(struct stage *s, const struct sl_encoding *enc)
{
    char digits[20];
    if (enc->coding == SL_CODING_LENGTH)
        put_field(s, SL_SPAN("Content-Length"), decimal(digits, enc->length));
    else if (enc->coding == SL_CODING_CHUNKED)
        put_field(s, SL_SPAN("Transfer-Encoding"), SL_SPAN("chunked"));
    if (enc->connection)
        put_field(s, SL_SPAN("Connection"), sl_span_str(enc->connection));
}

static bool is_target(struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!sl_byte_is(s.ptr[i], SL_BYTE_TARGET))
            return false;
    return s.len > 0;
}

static int put_request_line(struct stage *s, const struct sl_head *head, struct sl_span target)
{
    struct sl_span method = sl_head_method(head);
    if (!sl_is_token(method) || !is_target(target))
        return SL_ERR_INVALID;
    put(s, method);
    put(s, target.ptr[0] == '?' ? SL_SPAN(" /") : SL_SPAN(" "));
    put(s, target);
    put(s, SL_SPAN(" HTTP/1.1\r\n"));
    return 0;
}

static int put_status_line(struct stage *s, const struct sl_head *head)
{
    char digits[20];
    struct sl_span reason = sl_head_reason(head);
    if (head->status < 100 || head->status > 599 || !is_one_line(reason))
        return SL_ERR_INVALID;
    put(s, SL_SPAN("HTTP/1.1 "));
    put(s, decimal(digits, head->status));
    put(s, SL_SPAN(" "));
    put(s, reason.len ? reason : sl_span_str(sl_status_reason(head->status)));
    put(s, SL_SPAN("\r\n"));
    return 0;
}

int sl_encode_head(struct sl_chunkq *out, const struct sl_head *head, struct sl_span target,
                   const struct sl_encoding *enc)
{
    struct stage s;
    s.out = out;
    s.n = 0;
    s.err = 0;
    int err = head->is_request ? put_request_line(&s, head, target) : put_status_line(&s, head);
    if (err)
        return err;
    put_fields(&s, head);
    put_framing(&s, enc);
    put(&s, SL_SPAN("\r\n"));
    flush(&s);
    return s.err;
}

size_t sl_encode_chunk_size(char *buf, uint64_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 1;
    for (uint64_t rest = n >> 4; rest; rest >>= 4)
        len++;
    for (size_t i = len; i-- > 0; n >>= 4)
        buf[i] = digits[n & 15];
    buf[len] = '\r';
    buf[len + 1] = '\n';
    return len + 2;
}

int sl_encode_last_chunk(struct sl_chunkq *out, const struct sl_head *trailers)
{
    struct stage s;
    s.out = out;
    s.n = 0;
    s.err = 0;
    put(&s, SL_SPAN("0\r\n"));
    if (trailers)
        put_fields(&s, trailers);
    put(&s, SL_SPAN("\r\n"));
    flush(&s);
    return s.err;
}
