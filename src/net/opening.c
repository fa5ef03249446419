/* SPDX-License-Identifier: Apache-2.0 */
/*
 * opening: what a channel's first bytes are, until it is open.
 *
 * The happy path: a PROXY header is taken off if one was demanded; the first byte is announced;
 * with TLS the first record is collected until it is whole, a session is made, and the handshake
 * goes on with each read, or, while there are many, when the turnstile lets it.
 *
 * What may fail: the PROXY header, first bytes that are not TLS (the session is never made), the
 * handshake (an alert is written and on_open says why), memory.
 *
 * Every callback may close the channel, so after each one `tcp` is looked at again.
 */
#include "channel_inner.h"

#include <stdlib.h>
#include <sluice/loop/loop.h>
#include "proxy_header.h"

/* A record's head, and the longest that a plaintext record may be (RFC 8446 section 5.1). */
#define RECORD_HEAD_BYTES 5
#define RECORD_BYTES      16384

/* Memory for collected bytes grows in such steps. */
#define COLLECT_STEP 512

static void open_plain(struct sl_channel *ch, int err)
{
    sl_channel_forget_opening(ch);
    ch->stage_of_life = SL_CHANNEL_OPEN;
    ch->events->on_open(ch->owner, err);
}

static void shake_hands(struct sl_channel *ch, struct sl_span cipher)
{
    size_t n_before = sl_tcp_out(ch->tcp)->n_bytes;
    int err = sl_tls_session_handshake(ch->tls->session, &cipher);

    if (err == SL_ERR_AGAIN) {
        if (sl_tcp_out(ch->tcp)->n_bytes == n_before)
            return;
        sl_tcp_flush(ch->tcp); /* a flight is whole, nothing else goes with it */
        ch->is_answered = true;
        if (ch->events->on_answered)
            ch->events->on_answered(ch->owner);
        return;
    }
    sl_channel_flush(ch);
    if (err != 0) {
        sl_channel_fail_to_open(ch, err);
        return;
    }
    sl_channel_forget_opening(ch);
    ch->stage_of_life = SL_CHANNEL_OPEN;
    ch->events->on_open(ch->owner, 0);
    if (sl_channel_is_closed(ch))
        return;
    /* Even without bytes: the session may hold a record that came with the client's Finished. */
    sl_channel_read_tls(ch, cipher);
}

/* Keeps bytes that are too few to go on with (never more than one record or PROXY header), or that
   wait for their turn. */
static int collect(struct sl_channel *ch, struct sl_span bytes)
{
    struct sl_channel_opening *o = ch->opening;

    if (!o) {
        o = calloc(1, sizeof(*o));
        if (!o)
            return SL_ERR_MEMORY;
        sl_waiter_init(&o->waiter, ch->turnstile);
        o->ch = ch;
        ch->opening = o;
    }
    size_t n = o->n_collected + bytes.len;
    char *grown = realloc(o->collected, (n + COLLECT_STEP - 1) / COLLECT_STEP * COLLECT_STEP);

    if (!grown)
        return SL_ERR_MEMORY;
    memcpy(grown + o->n_collected, bytes.ptr, bytes.len);
    o->collected = grown;
    o->n_collected = n;
    return 0;
}

static struct sl_span collected(const struct sl_channel *ch)
{
    return ch->opening ? sl_span(ch->opening->collected, ch->opening->n_collected)
                       : (struct sl_span){0};
}

void sl_channel_forget_opening(struct sl_channel *ch)
{
    if (!ch->opening)
        return;
    sl_waiter_cancel(&ch->opening->waiter);
    free(ch->opening->collected);
    free(ch->opening);
    ch->opening = NULL;
}

/* How many first bytes there must be to go on: enough to tell what they are, and of a handshake the
   whole first record. A length that no record may have is for the session to refuse. */
static size_t first_bytes_needed(struct sl_span first)
{
    int what = sl_tls_sniff(first);

    if (what == SL_ERR_AGAIN)
        return first.len + 1;
    if (what != 0)
        return 0;
    if (first.len < RECORD_HEAD_BYTES)
        return RECORD_HEAD_BYTES;
    size_t n = (size_t)(unsigned char)first.ptr[3] << 8 | (unsigned char)first.ptr[4];
    return n <= RECORD_BYTES ? RECORD_HEAD_BYTES + n : 0;
}

static int make_tls(struct sl_channel *ch)
{
    ch->tls = calloc(1, sizeof(*ch->tls));
    if (!ch->tls)
        return SL_ERR_MEMORY;
    sl_chunkq_init(&ch->tls->stage, sl_loop_chunks(ch->loop), SL_TLS_RECORD_BYTES, 0);
    int err = sl_tls_session_new(ch->tls_server, sl_tcp_out(ch->tcp), &ch->tls->session);
    if (err != 0)
        sl_channel_forget_tls(ch);
    return err;
}

void sl_channel_forget_tls(struct sl_channel *ch)
{
    if (!ch->tls)
        return;
    sl_tls_session_free(&ch->tls->session);
    sl_chunkq_clear(&ch->tls->stage);
    free(ch->tls);
    ch->tls = NULL;
}

/* What the first bytes are is known, and a handshake's first record is whole. */
static void begin_tls(struct sl_channel *ch, struct sl_span first)
{
    int err = sl_tls_sniff(first);

    if (err == SL_ERR_TLS_PLAIN_HTTP) {
        open_plain(ch, err);
        return;
    }
    if (err == 0)
        err = make_tls(ch);
    if (err != 0)
        sl_channel_fail_to_open(ch, err);
    else
        shake_hands(ch, first);
}

static void work_on_handshake(struct sl_channel *ch, struct sl_span bytes)
{
    if (ch->tls)
        shake_hands(ch, bytes);
    else
        begin_tls(ch, bytes);
}

/* What was collected is worked on now. */
void sl_channel_on_turn(struct sl_waiter *w)
{
    struct sl_channel_opening *o = sl_container_of(w, struct sl_channel_opening, waiter);
    struct sl_channel *ch = o->ch;
    /* Taken along: the end of the opening frees what it has collected. */
    char *bytes = o->collected;
    size_t n = o->n_collected;

    o->collected = NULL;
    o->n_collected = 0;
    work_on_handshake(ch, sl_span(bytes, n));
    free(bytes);
    if (sl_channel_is_closed(ch))
        return;
    sl_channel_update_reading(ch);
    if (ch->must_end)
        sl_channel_on_end(ch, 0);
}

/* Work for a handshake, in `bytes` or collected before: at once, or when its turn comes. */
static void go_on(struct sl_channel *ch, struct sl_span bytes)
{
    struct sl_turnstile *ts = ch->turnstile;
    enum sl_line line = ch->is_answered ? SL_LINE_ANSWERED : SL_LINE_HELLO;

    if (sl_channel_n_collected(ch) == 0 && sl_turnstile_enter(ts, line)) {
        work_on_handshake(ch, bytes);
        sl_turnstile_leave(ts);
        return;
    }
    if (bytes.len > 0 && collect(ch, bytes) != 0) {
        sl_channel_fail_to_open(ch, SL_ERR_MEMORY);
        return;
    }
    if (!sl_channel_is_waiting(ch)) {
        if (sl_turnstile_enter(ts, line)) {
            sl_channel_on_turn(&ch->opening->waiter);
            sl_turnstile_leave(ts);
            return;
        }
        sl_waiter_wait(&ch->opening->waiter, line);
    }
    sl_channel_update_reading(ch);
}

/*
 * The first bytes of a TLS port: a handshake, plain HTTP, or rubbish. A session, with its large
 * buffers, is made once a whole record is there: half a ClientHello costs its own size and no more.
 */
static void sniff(struct sl_channel *ch, struct sl_span bytes)
{
    struct sl_span all = collected(ch);

    if (all.len == 0 && bytes.len >= first_bytes_needed(bytes)) {
        go_on(ch, bytes);
        return;
    }
    size_t needed = all.len ? first_bytes_needed(all) : 1;
    while (all.len < needed) {
        size_t n = needed - all.len < bytes.len ? needed - all.len : bytes.len;
        if (n == 0)
            return;
        if (collect(ch, sl_span(bytes.ptr, n)) != 0) {
            sl_channel_fail_to_open(ch, SL_ERR_MEMORY);
            return;
        }
        bytes = sl_span_skip(bytes, n);
        all = collected(ch);
        needed = first_bytes_needed(all);
    }
    go_on(ch, bytes);
}

static void take_stream(struct sl_channel *ch, struct sl_span bytes);

static void take_proxy_header(struct sl_channel *ch, struct sl_span bytes)
{
    char header[SL_PROXY_HEADER_BYTES];
    size_t n_before = sl_channel_n_collected(ch);
    size_t n = sizeof(header) - n_before < bytes.len ? sizeof(header) - n_before : bytes.len;
    struct sl_addr source;
    bool has_source = false;
    size_t used = 0;

    if (n_before)
        memcpy(header, ch->opening->collected, n_before);
    memcpy(header + n_before, bytes.ptr, n);
    int err = sl_proxy_header_read(sl_span(header, n_before + n), &used, &has_source, &source);
    if (err == SL_ERR_AGAIN)
        err = n_before + bytes.len > sizeof(header) ? SL_ERR_INVALID : collect(ch, bytes);
    else if (err == 0) {
        sl_channel_forget_opening(ch);
        ch->stage_of_life = SL_CHANNEL_FIRST_BYTE;
        if (!has_source)
            source = sl_tcp_peer(ch->tcp);
        ch->events->on_proxied(ch->owner, &source);
        if (!sl_channel_is_closed(ch) && used - n_before < bytes.len)
            take_stream(ch, sl_span_skip(bytes, used - n_before));
        return;
    }
    if (err != 0)
        sl_channel_fail_to_open(ch, err);
}

/* Bytes of the peer's own stream, in whatever stage it is. */
static void take_stream(struct sl_channel *ch, struct sl_span bytes)
{
    if (ch->stage_of_life == SL_CHANNEL_FIRST_BYTE) {
        ch->stage_of_life = SL_CHANNEL_HANDSHAKE;
        if (ch->events->on_first_byte)
            ch->events->on_first_byte(ch->owner);
        if (sl_channel_is_closed(ch))
            return;
        if (!ch->tls_server) {
            open_plain(ch, 0);
            if (sl_channel_is_closed(ch))
                return;
        }
    }
    if (ch->stage_of_life == SL_CHANNEL_OPEN) {
        if (ch->tls)
            sl_channel_read_tls(ch, bytes);
        else
            sl_channel_deliver(ch, bytes);
    } else if (ch->tls || sl_channel_is_waiting(ch)) {
        go_on(ch, bytes);
    } else {
        sniff(ch, bytes);
    }
}

void sl_channel_on_bytes(void *owner, struct sl_span bytes)
{
    struct sl_channel *ch = owner;

    if (ch->has_ended)
        return;
    ch->n_raw_in += bytes.len;
    if (ch->stage_of_life == SL_CHANNEL_PROXY_HEADER)
        take_proxy_header(ch, bytes);
    else
        take_stream(ch, bytes);
}
