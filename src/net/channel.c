/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: tcp delivers bytes; a PROXY header is taken off if one was demanded; the first
 * byte is announced; with TLS a session is made and the handshake goes on with each read, or, while
 * there are many, when the turnstile lets it; then every read is decrypted whole into one buffer of
 * this thread and offered to the owner as one span.
 *
 * What may fail: the first bytes are not TLS (the session is never made), the handshake (an alert
 * is written and on_open says why), a record (an alert is written and on_end says why), memory.
 *
 * Who owns what: the owner embeds the channel and its memory; the channel owns the TLS session and
 * its queues; the socket's shell belongs to the loop. Every callback may close the channel, so
 * after each one `tcp` is looked at again before anything else is touched.
 */
#include <sluice/net/channel.h>

#include <stdlib.h>
#include <sluice/loop/loop.h>
#include "proxy_header.h"

/* All plaintext of one read: what was read, and a record that had been incomplete before. */
#define PLAIN_BYTES (SL_TCP_READ_BYTES + 2 * 16384)

/* A record's head, and the longest that a plaintext record may be (RFC 8446 section 5.1). */
#define RECORD_HEAD_BYTES 5
#define RECORD_BYTES      16384

/* Memory for collected bytes grows in such steps. */
#define COLLECT_STEP 512

/* Writes below this are gathered until the end of the turn. */
#define GATHER_BYTES 4096

/* After a silence the first bytes go in small records: each is within the first window of any TCP
   connection (RFC 6928), so it can be read when it comes. Short answers are one record all the
   same.
 */
#define SILENCE_MS          1000
#define SMALL_RECORD_BYTES  4000
#define SMALL_RECORDS_BYTES 32768

/* One thread runs one loop, and a buffer is in use only within one event. */
static _Thread_local char plain_buffer[PLAIN_BYTES];

static bool is_closed(const struct sl_channel *ch)
{
    return ch->tcp == NULL;
}

static void flush_later(struct sl_channel *ch)
{
    ch->must_flush = true;
    sl_defer(ch->loop, &ch->turn_end);
}

static void update_reading(struct sl_channel *ch)
{
    bool wants = !ch->is_paused && !ch->has_ended && ch->in.n_bytes < SL_CHANNEL_IN_BYTES;
    if (sl_waiter_is_waiting(&ch->waiter))
        wants = wants && ch->n_collected < SL_CHANNEL_IN_BYTES;
    if (wants != ch->is_reading) {
        ch->is_reading = wants;
        sl_tcp_read(ch->tcp, wants);
    }
}

/* The end is told once everything before it was taken, unless the stream broke. */
static void tell_end(struct sl_channel *ch)
{
    if (!ch->has_ended || ch->has_told_end || ch->stage_of_life != SL_CHANNEL_OPEN)
        return;
    if (ch->end_err == 0 && ch->in.n_bytes > 0)
        return;
    ch->has_told_end = true;
    ch->events->on_end(ch->owner, ch->end_err);
}

/* A FIN may be followed by a failure: the peer of a half-closed connection went away altogether. */
static void end(struct sl_channel *ch, int err)
{
    if (ch->has_ended && (err == 0 || ch->end_err != 0))
        return;
    ch->has_ended = true;
    ch->has_told_end = false;
    ch->end_err = err;
    update_reading(ch);
    tell_end(ch);
}

static void fail_to_open(struct sl_channel *ch, int err)
{
    sl_waiter_cancel(&ch->waiter);
    ch->has_ended = true;
    ch->has_told_end = true;
    ch->has_failed_to_open = true;
    ch->end_err = err;
    update_reading(ch);
    ch->events->on_open(ch->owner, err);
}

/* Offers plaintext to the owner; what it leaves is kept. */
static void deliver(struct sl_channel *ch, struct sl_span plain)
{
    if (plain.len == 0)
        return;
    ch->n_in += plain.len;
    if (ch->is_paused || ch->in.n_bytes > 0) {
        if (sl_chunkq_append(&ch->in, plain) != 0) {
            end(ch, SL_ERR_MEMORY);
            return;
        }
    } else {
        ch->fresh = plain;
    }
    if (!ch->is_paused) {
        ch->events->on_readable(ch->owner);
        if (is_closed(ch))
            return;
    }
    struct sl_span left = ch->fresh;
    ch->fresh = (struct sl_span){0};
    if (left.len && sl_chunkq_append(&ch->in, left) != 0) {
        end(ch, SL_ERR_MEMORY);
        return;
    }
    update_reading(ch);
}

/* Decrypts everything in `cipher` and delivers it. */
static void read_tls(struct sl_channel *ch, struct sl_span cipher)
{
    size_t n = 0;
    int got = SL_ERR_AGAIN;

    for (;;) {
        got = sl_tls_session_read(ch->session, &cipher, plain_buffer + n, PLAIN_BYTES - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n == PLAIN_BYTES) { /* sized so that it does not happen; deliver and go on */
            deliver(ch, sl_span(plain_buffer, n));
            if (is_closed(ch) || ch->has_ended)
                return;
            n = 0;
        }
    }
    flush_later(ch); /* alerts and post-handshake messages, if any */
    deliver(ch, sl_span(plain_buffer, n));
    if (is_closed(ch) || got == SL_ERR_AGAIN)
        return;
    end(ch, got == SL_ERR_EOF ? 0 : got);
}

static void open_plain(struct sl_channel *ch, int err)
{
    ch->stage_of_life = SL_CHANNEL_OPEN;
    ch->events->on_open(ch->owner, err);
}

static void shake_hands(struct sl_channel *ch, struct sl_span cipher)
{
    size_t n_before = sl_tcp_out(ch->tcp)->n_bytes;
    int err = sl_tls_session_handshake(ch->session, &cipher);

    flush_later(ch);
    if (err == SL_ERR_AGAIN) {
        if (sl_tcp_out(ch->tcp)->n_bytes == n_before)
            return;
        ch->is_answered = true;
        if (ch->events->on_answered)
            ch->events->on_answered(ch->owner);
        return;
    }
    if (err != 0) {
        fail_to_open(ch, err);
        return;
    }
    ch->stage_of_life = SL_CHANNEL_OPEN;
    ch->events->on_open(ch->owner, 0);
    if (is_closed(ch))
        return;
    /* Even without bytes: the session may hold a record that came with the client's Finished. */
    read_tls(ch, cipher);
}

/* Keeps bytes that are too few to go on with (never more than one record or PROXY header), or that
   wait for their turn. */
static int collect(struct sl_channel *ch, struct sl_span bytes)
{
    size_t n = ch->n_collected + bytes.len;
    char *grown = realloc(ch->collected, (n + COLLECT_STEP - 1) / COLLECT_STEP * COLLECT_STEP);

    if (!grown)
        return SL_ERR_MEMORY;
    memcpy(grown + ch->n_collected, bytes.ptr, bytes.len);
    ch->collected = grown;
    ch->n_collected = (uint32_t)n;
    return 0;
}

static void forget_collected(struct sl_channel *ch)
{
    free(ch->collected);
    ch->collected = NULL;
    ch->n_collected = 0;
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

/* What the first bytes are is known, and a handshake's first record is whole. */
static void begin_tls(struct sl_channel *ch, struct sl_span first)
{
    int err = sl_tls_sniff(first);

    if (err == SL_ERR_TLS_PLAIN_HTTP) {
        open_plain(ch, err);
        return;
    }
    if (err == 0)
        err = sl_tls_session_new(ch->tls_server, sl_tcp_out(ch->tcp), &ch->session);
    if (err != 0)
        fail_to_open(ch, err);
    else
        shake_hands(ch, first);
}

static void work_on_handshake(struct sl_channel *ch, struct sl_span bytes)
{
    if (ch->session)
        shake_hands(ch, bytes);
    else
        begin_tls(ch, bytes);
}

/* What was collected is worked on now. */
void sl_channel_on_turn(struct sl_waiter *w)
{
    struct sl_channel *ch = sl_container_of(w, struct sl_channel, waiter);
    /* Taken along: closing the channel frees what it has collected. */
    char *bytes = ch->collected;
    size_t n = ch->n_collected;

    ch->collected = NULL;
    ch->n_collected = 0;
    work_on_handshake(ch, sl_span(bytes, n));
    free(bytes);
    if (!is_closed(ch))
        update_reading(ch);
}

/* Work for a handshake, in `bytes` or collected before: at once, or when its turn comes. */
static void go_on(struct sl_channel *ch, struct sl_span bytes)
{
    struct sl_turnstile *ts = ch->waiter.turnstile;
    enum sl_line line = ch->is_answered ? SL_LINE_ANSWERED : SL_LINE_HELLO;

    if (ch->n_collected == 0 && sl_turnstile_enter(ts, line)) {
        work_on_handshake(ch, bytes);
        sl_turnstile_leave(ts);
        return;
    }
    if (bytes.len > 0 && collect(ch, bytes) != 0) {
        fail_to_open(ch, SL_ERR_MEMORY);
        return;
    }
    if (!sl_waiter_is_waiting(&ch->waiter)) {
        if (sl_turnstile_enter(ts, line)) {
            sl_channel_on_turn(&ch->waiter);
            sl_turnstile_leave(ts);
            return;
        }
        sl_waiter_wait(&ch->waiter, line);
    }
    update_reading(ch);
}

/*
 * The first bytes of a TLS port: a handshake, plain HTTP, or rubbish. A session, with its large
 * buffers, is made once a whole record is there: half a ClientHello costs its own size and no more.
 */
static void sniff(struct sl_channel *ch, struct sl_span bytes)
{
    if (ch->n_collected == 0 && bytes.len >= first_bytes_needed(bytes)) {
        go_on(ch, bytes);
        return;
    }
    struct sl_span all = sl_span(ch->collected, ch->n_collected);
    size_t needed = ch->n_collected ? first_bytes_needed(all) : 1;
    while (all.len < needed) {
        size_t n = needed - all.len < bytes.len ? needed - all.len : bytes.len;
        if (n == 0)
            return;
        if (collect(ch, sl_span(bytes.ptr, n)) != 0) {
            fail_to_open(ch, SL_ERR_MEMORY);
            return;
        }
        bytes = sl_span_skip(bytes, n);
        all = sl_span(ch->collected, ch->n_collected);
        needed = first_bytes_needed(all);
    }
    go_on(ch, bytes);
}

static void take_stream(struct sl_channel *ch, struct sl_span bytes);

static void take_proxy_header(struct sl_channel *ch, struct sl_span bytes)
{
    char header[SL_PROXY_HEADER_BYTES];
    size_t n_before = ch->n_collected;
    size_t n = sizeof(header) - n_before < bytes.len ? sizeof(header) - n_before : bytes.len;
    struct sl_addr source;
    bool has_source = false;
    size_t used = 0;

    if (n_before)
        memcpy(header, ch->collected, n_before);
    memcpy(header + n_before, bytes.ptr, n);
    int err = sl_proxy_header_read(sl_span(header, n_before + n), &used, &has_source, &source);
    if (err == SL_ERR_AGAIN)
        err = n_before + bytes.len > sizeof(header) ? SL_ERR_INVALID : collect(ch, bytes);
    else if (err == 0) {
        forget_collected(ch);
        ch->stage_of_life = SL_CHANNEL_FIRST_BYTE;
        if (!has_source)
            source = sl_tcp_peer(ch->tcp);
        ch->events->on_proxied(ch->owner, &source);
        if (!is_closed(ch) && used - n_before < bytes.len)
            take_stream(ch, sl_span_skip(bytes, used - n_before));
        return;
    }
    if (err != 0)
        fail_to_open(ch, err);
}

/* Bytes of the peer's own stream, in whatever stage it is. */
static void take_stream(struct sl_channel *ch, struct sl_span bytes)
{
    if (ch->stage_of_life == SL_CHANNEL_FIRST_BYTE) {
        ch->stage_of_life = SL_CHANNEL_HANDSHAKE;
        if (ch->events->on_first_byte)
            ch->events->on_first_byte(ch->owner);
        if (is_closed(ch))
            return;
        if (!ch->tls_server) {
            open_plain(ch, 0);
            if (is_closed(ch))
                return;
        }
    }
    if (ch->stage_of_life == SL_CHANNEL_OPEN) {
        if (ch->session)
            read_tls(ch, bytes);
        else
            deliver(ch, bytes);
    } else if (ch->session || sl_waiter_is_waiting(&ch->waiter)) {
        go_on(ch, bytes);
    } else {
        sniff(ch, bytes);
    }
}

static void on_bytes(void *owner, struct sl_span bytes)
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

static void on_tcp_end(void *owner, int err)
{
    struct sl_channel *ch = owner;

    if (ch->stage_of_life == SL_CHANNEL_OPEN)
        end(ch, err);
    else if (!ch->has_ended)
        fail_to_open(ch, err == 0 ? SL_ERR_EOF : err);
}

static void on_tcp_connected(void *owner, int err)
{
    struct sl_channel *ch = owner;

    if (err != 0) {
        fail_to_open(ch, err);
        return;
    }
    ch->stage_of_life = SL_CHANNEL_OPEN;
    update_reading(ch);
    ch->events->on_open(ch->owner, 0);
}

static void on_tcp_room(void *owner)
{
    struct sl_channel *ch = owner;
    if (ch->events->on_room)
        ch->events->on_room(ch->owner);
}

static void on_tcp_drained(void *owner)
{
    struct sl_channel *ch = owner;
    if (ch->events->on_drained)
        ch->events->on_drained(ch->owner);
}

static const struct sl_tcp_events tcp_events = {
    .on_connected = on_tcp_connected,
    .on_bytes = on_bytes,
    .on_end = on_tcp_end,
    .on_room = on_tcp_room,
    .on_drained = on_tcp_drained,
};

/* ---- reading ---- */

static void read_on(struct sl_channel *ch)
{
    if (ch->is_paused)
        return;
    if (ch->in.n_bytes > 0) {
        ch->events->on_readable(ch->owner);
        if (is_closed(ch))
            return;
    }
    update_reading(ch);
    tell_end(ch);
}

struct sl_span sl_channel_peek(const struct sl_channel *ch)
{
    struct sl_span first;
    return sl_chunkq_peek(&ch->in, &first, 1) ? first : ch->fresh;
}

void sl_channel_consume(struct sl_channel *ch, size_t n)
{
    if (ch->in.n_bytes > 0)
        sl_chunkq_consume(&ch->in, n);
    else
        ch->fresh = sl_span_skip(ch->fresh, n);
}

void sl_channel_pause(struct sl_channel *ch)
{
    ch->is_paused = true;
    if (!is_closed(ch))
        update_reading(ch);
}

void sl_channel_resume(struct sl_channel *ch)
{
    ch->is_paused = false;
    if (is_closed(ch))
        return;
    ch->must_resume = true;
    sl_defer(ch->loop, &ch->turn_end);
}

/* ---- writing ---- */

/* How long the next record may be. A long one can be read only when its last segment has come:
   after a silence, when the connection's window is small, that takes round trips. */
static size_t record_bytes(struct sl_channel *ch)
{
    uint32_t now_ms = (uint32_t)sl_loop_now_ms(ch->loop);

    if (now_ms - ch->wrote_ms >= SILENCE_MS)
        ch->n_burst = 0;
    ch->wrote_ms = now_ms;
    return ch->n_burst < SMALL_RECORDS_BYTES ? SMALL_RECORD_BYTES : SL_TLS_RECORD_BYTES;
}

static int encrypt(struct sl_channel *ch, struct sl_span plain)
{
    ch->n_out += plain.len;
    if (ch->n_burst < SMALL_RECORDS_BYTES)
        ch->n_burst += (uint32_t)plain.len;
    return sl_tls_session_write(ch->session, plain);
}

/* What is staged, as one record after another. A chunk has room for a whole one. */
static int encrypt_stage(struct sl_channel *ch)
{
    struct sl_span staged;
    int err = 0;

    while (err == 0 && sl_chunkq_peek(&ch->stage, &staged, 1) > 0) {
        size_t n = record_bytes(ch);
        n = n < staged.len ? n : staged.len;
        err = encrypt(ch, sl_span(staged.ptr, n));
        sl_chunkq_consume(&ch->stage, n);
    }
    return err;
}

static void flush(struct sl_channel *ch)
{
    if (ch->session && ch->stage.n_bytes > 0) {
        int err = encrypt_stage(ch);
        if (err != 0) {
            end(ch, err);
            return;
        }
    }
    /* tcp tells of room that a slow peer makes later; room that this very flush makes is told here.
     */
    bool was_full = sl_channel_is_full(ch);
    sl_tcp_flush(ch->tcp);
    if (was_full && sl_chunkq_has_room(sl_tcp_out(ch->tcp)))
        on_tcp_room(ch);
}

/* Reading goes on first: what it makes the owner write leaves with this flush. */
static void on_turn_end(struct sl_deferred *d)
{
    struct sl_channel *ch = sl_container_of(d, struct sl_channel, turn_end);

    if (ch->must_resume) {
        ch->must_resume = false;
        read_on(ch);
    }
    if (ch->must_flush && !is_closed(ch)) {
        ch->must_flush = false;
        flush(ch);
    }
}

struct sl_chunkq *sl_channel_out(struct sl_channel *ch)
{
    return ch->session ? &ch->stage : sl_tcp_out(ch->tcp);
}

/* Full records straight from the span; what is less is gathered until the turn ends. */
static int write_tls(struct sl_channel *ch, struct sl_span span)
{
    int err = 0;
    while (err == 0 && span.len > 0) {
        size_t n_record = record_bytes(ch), n = n_record;
        if (ch->stage.n_bytes == 0 && span.len >= n) {
            err = encrypt(ch, sl_span(span.ptr, n));
        } else {
            n = ch->stage.n_bytes < n ? n - ch->stage.n_bytes : 0;
            n = n < span.len ? n : span.len;
            err = sl_chunkq_append(&ch->stage, sl_span(span.ptr, n));
            if (err == 0 && ch->stage.n_bytes >= n_record)
                err = encrypt_stage(ch);
        }
        span = sl_span_skip(span, n);
    }
    return err;
}

/* Much is written at once, straight from the spans; little waits for what else this turn brings. */
static int write_plain(struct sl_channel *ch, const struct sl_span *spans, size_t n_spans,
                       size_t n_bytes)
{
    int err = 0;

    if (n_bytes >= GATHER_BYTES)
        return sl_tcp_write(ch->tcp, spans, n_spans);
    for (size_t i = 0; i < n_spans && err == 0; i++)
        err = sl_chunkq_append(sl_tcp_out(ch->tcp), spans[i]);
    flush_later(ch);
    return err;
}

int sl_channel_write(struct sl_channel *ch, const struct sl_span *spans, size_t n_spans)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_spans; i++)
        n_bytes += spans[i].len;
    if (!ch->session)
        return write_plain(ch, spans, n_spans, n_bytes);
    for (size_t i = 0; i < n_spans; i++) {
        int err = write_tls(ch, spans[i]);
        if (err != 0)
            return err;
    }
    flush_later(ch);
    return 0;
}

void sl_channel_flush(struct sl_channel *ch)
{
    flush_later(ch);
}

void sl_channel_shutdown(struct sl_channel *ch)
{
    if (ch->has_shut_down || is_closed(ch))
        return;
    ch->has_shut_down = true;
    if (ch->session) {
        if (encrypt_stage(ch) == 0)
            sl_tls_session_close_notify(ch->session);
    }
    sl_tcp_flush(ch->tcp);
    sl_tcp_shutdown(ch->tcp);
}

bool sl_channel_is_full(const struct sl_channel *ch)
{
    return sl_chunkq_is_full(sl_tcp_out(ch->tcp));
}

/* ---- life ---- */

static void init(struct sl_channel *ch, struct sl_loop *loop, struct sl_turnstile *turnstile,
                 const struct sl_channel_events *events, void *owner)
{
    memset(ch, 0, sizeof(*ch));
    ch->loop = loop;
    ch->events = events;
    ch->owner = owner;
    sl_chunkq_init(&ch->in, sl_loop_chunks(loop), SL_CHANNEL_IN_BYTES, SL_CHANNEL_IN_BYTES / 2);
    sl_chunkq_init(&ch->stage, sl_loop_chunks(loop), SL_TLS_RECORD_BYTES, 0);
    sl_deferred_init(&ch->turn_end, on_turn_end);
    sl_waiter_init(&ch->waiter, turnstile);
}

int sl_channel_accept(struct sl_channel *ch, struct sl_loop *loop, struct sl_tcp_listener *listener,
                      struct sl_turnstile *turnstile, struct sl_tls_server *tls_server,
                      bool has_proxy_header, const struct sl_channel_events *events, void *owner)
{
    init(ch, loop, turnstile, events, owner);
    int err = sl_tcp_accept(listener, &tcp_events, ch, &ch->tcp);
    if (err != 0)
        return err;
    ch->tls_server = tls_server;
    ch->stage_of_life = has_proxy_header ? SL_CHANNEL_PROXY_HEADER : SL_CHANNEL_FIRST_BYTE;
    update_reading(ch);
    return 0;
}

int sl_channel_connect(struct sl_channel *ch, struct sl_loop *loop, const struct sl_addr *to,
                       const struct sl_channel_events *events, void *owner)
{
    init(ch, loop, NULL, events, owner);
    int err = sl_tcp_connect(loop, to, &tcp_events, ch, &ch->tcp);
    if (err != 0)
        return err;
    ch->stage_of_life = SL_CHANNEL_CONNECTING;
    return 0;
}

bool sl_channel_last_look(struct sl_channel *ch)
{
    if (!sl_waiter_is_waiting(&ch->waiter))
        return true;
    if (!ch->is_answered)
        return false;
    sl_waiter_hurry(&ch->waiter);
    return true;
}

void sl_channel_close(struct sl_channel *ch, enum sl_channel_close how)
{
    if (is_closed(ch))
        return;
    if (ch->has_failed_to_open) {
        /* whatever alert the protocol has is in the queue already */
    } else if (ch->session && how == SL_CHANNEL_CLEAN && !ch->has_shut_down) {
        if (encrypt_stage(ch) == 0)
            sl_tls_session_close_notify(ch->session);
    } else if (how == SL_CHANNEL_ALERT && ch->session) {
        sl_tls_session_abort(ch->session);
    } else if (how == SL_CHANNEL_ALERT && ch->tls_server) {
        sl_tls_abort(sl_tcp_out(ch->tcp));
    }
    ch->stage_of_life = SL_CHANNEL_CLOSED;
    sl_deferred_cancel(&ch->turn_end);
    sl_waiter_cancel(&ch->waiter);
    sl_tls_session_free(&ch->session);
    sl_chunkq_clear(&ch->in);
    sl_chunkq_clear(&ch->stage);
    forget_collected(ch);
    ch->fresh = (struct sl_span){0};
    sl_tcp_close(&ch->tcp, how == SL_CHANNEL_RESET ? SL_TCP_RESET : SL_TCP_FIN);
}

/* ---- questions ---- */

uint64_t sl_channel_written_bytes(const struct sl_channel *ch)
{
    return is_closed(ch) ? 0 : sl_tcp_written_bytes(ch->tcp);
}

uint64_t sl_channel_unacked_bytes(const struct sl_channel *ch)
{
    return is_closed(ch) ? 0 : sl_tcp_unacked_bytes(ch->tcp) + ch->stage.n_bytes;
}

uint64_t sl_channel_out_bytes(const struct sl_channel *ch)
{
    return ch->session || is_closed(ch) ? ch->n_out : sl_tcp_written_bytes(ch->tcp);
}

bool sl_channel_is_drained(const struct sl_channel *ch)
{
    return is_closed(ch) || (ch->stage.n_bytes == 0 && sl_chunkq_is_empty(sl_tcp_out(ch->tcp)));
}

struct sl_span sl_channel_sni(const struct sl_channel *ch)
{
    return ch->session ? sl_tls_session_sni(ch->session) : (struct sl_span){0};
}

bool sl_channel_report(const struct sl_channel *ch, struct sl_tls_report *out_report)
{
    if (!ch->session || ch->stage_of_life != SL_CHANNEL_OPEN)
        return false;
    sl_tls_session_report(ch->session, out_report);
    return true;
}
