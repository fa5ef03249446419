/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: opening.c has brought the channel to where plaintext flows. Every read is
 * decrypted whole into one buffer of the loop and offered to the owner as one span. What the
 * owner writes is encrypted from its spans where that makes whole records; the rest is staged until
 * the turn ends, and all leaves with one write, unless it is much.
 *
 * What may fail: a record (an alert is written and on_end says why), memory. What could not be
 * encrypted is missed by the peer: from then on the channel ends with a reset.
 *
 * Who owns what: the owner embeds the channel and its memory; the channel owns the TLS session and
 * its queues; the socket's shell belongs to the loop. Every callback may close the channel, so
 * after each one `tcp` is looked at again before anything else is touched.
 */
#include "channel_inner.h"

#include <sluice/loop/loop.h>

/* All plaintext of one read: what was read, and a record that had been incomplete before. */
#define PLAIN_BYTES SL_LOOP_WORK_BYTES
_Static_assert(PLAIN_BYTES >= SL_TCP_BULK_BYTES + 2 * 16384, "the workspace is large enough");

/* So much cipher text leaves at once, though more of it is to come in this turn: it is still in the
   cache of the processor, and fills a segment of a link of 64 KiB. */
#define BURST_BYTES (4 * SL_TLS_RECORD_BYTES)

/* Writes below this are gathered until the end of the turn. */
#define GATHER_BYTES 4096

/* After a silence the first bytes go in small records: each is within the first window of any TCP
   connection (RFC 6928), so it can be read when it comes. Short answers are one record all the
   same.
 */
#define SILENCE_MS          1000
#define SMALL_RECORD_BYTES  4000
#define SMALL_RECORDS_BYTES 32768

void sl_channel_update_reading(struct sl_channel *ch)
{
    bool wants = !ch->is_paused && !ch->has_ended && ch->in.n_bytes < SL_CHANNEL_IN_BYTES;
    if (sl_channel_is_waiting(ch))
        wants = wants && sl_channel_n_collected(ch) < SL_CHANNEL_IN_BYTES;
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
    sl_channel_update_reading(ch);
    tell_end(ch);
}

void sl_channel_fail_to_open(struct sl_channel *ch, int err)
{
    sl_channel_forget_opening(ch);
    ch->has_ended = true;
    ch->has_told_end = true;
    ch->has_failed_to_open = true;
    ch->end_err = err;
    sl_channel_update_reading(ch);
    ch->events->on_open(ch->owner, err);
}

/* Offers plaintext to the owner; what it leaves is kept. */
void sl_channel_deliver(struct sl_channel *ch, struct sl_span plain)
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
        if (sl_channel_is_closed(ch))
            return;
    }
    struct sl_span left = ch->fresh;
    ch->fresh = (struct sl_span){0};
    if (left.len && sl_chunkq_append(&ch->in, left) != 0) {
        end(ch, SL_ERR_MEMORY);
        return;
    }
    sl_channel_update_reading(ch);
}

/* A read that brought nothing but a part of a record is progress of its sender, who may need long
   for a whole one. */
static void tell_partial(struct sl_channel *ch)
{
    size_t n = sl_tls_session_partial_bytes(ch->tls->session);

    if (n > 0 && ch->events->on_partial)
        ch->events->on_partial(ch->owner, n);
}

/* Decrypts everything in `cipher` and delivers it. */
void sl_channel_read_tls(struct sl_channel *ch, struct sl_span cipher)
{
    char *plain = sl_loop_workspace(ch->loop);
    size_t n = 0;
    int got = SL_ERR_AGAIN;

    for (;;) {
        got = sl_tls_session_read(ch->tls->session, &cipher, plain + n, PLAIN_BYTES - n);
        if (got <= 0)
            break;
        n += (size_t)got;
        if (n == PLAIN_BYTES) { /* sized so that it does not happen; deliver and go on */
            sl_channel_deliver(ch, sl_span(plain, n));
            if (sl_channel_is_closed(ch) || ch->has_ended)
                return;
            n = 0;
        }
    }
    sl_channel_flush(ch); /* alerts and post-handshake messages, if any */
    sl_channel_deliver(ch, sl_span(plain, n));
    if (sl_channel_is_closed(ch))
        return;
    if (got != SL_ERR_AGAIN)
        end(ch, got == SL_ERR_EOF ? 0 : got);
    else if (n == 0)
        tell_partial(ch);
}

void sl_channel_on_end(void *owner, int err)
{
    struct sl_channel *ch = owner;

    /* What it said before its FIN counts, and may be a whole request. */
    if (err == 0 && ch->is_answered && sl_channel_is_waiting(ch))
        ch->must_end = true;
    else if (ch->stage_of_life == SL_CHANNEL_OPEN)
        end(ch, err);
    else if (!ch->has_ended)
        sl_channel_fail_to_open(ch, err == 0 ? SL_ERR_EOF : err);
}

static void on_tcp_connected(void *owner, int err)
{
    struct sl_channel *ch = owner;

    if (err != 0) {
        sl_channel_fail_to_open(ch, err);
        return;
    }
    ch->stage_of_life = SL_CHANNEL_OPEN;
    sl_channel_update_reading(ch);
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

static size_t appetite(void *owner)
{
    struct sl_channel *ch = owner;

    if (!ch->events->appetite || ch->stage_of_life != SL_CHANNEL_OPEN || ch->in.n_bytes > 0)
        return 0;
    return ch->events->appetite(ch->owner);
}

static const struct sl_tcp_events tcp_events = {
    .on_connected = on_tcp_connected,
    .on_bytes = sl_channel_on_bytes,
    .on_end = sl_channel_on_end,
    .on_room = on_tcp_room,
    .on_drained = on_tcp_drained,
    .appetite = appetite,
};

/* ---- reading ---- */

static void read_on(struct sl_channel *ch)
{
    if (ch->is_paused)
        return;
    if (ch->in.n_bytes > 0) {
        ch->events->on_readable(ch->owner);
        if (sl_channel_is_closed(ch))
            return;
    }
    sl_channel_update_reading(ch);
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
    if (!sl_channel_is_closed(ch))
        sl_channel_update_reading(ch);
}

void sl_channel_resume(struct sl_channel *ch)
{
    ch->is_paused = false;
    if (sl_channel_is_closed(ch))
        return;
    ch->must_resume = true;
    sl_defer(ch->loop, &ch->turn_end);
}

/* ---- writing ---- */

static size_t n_staged(const struct sl_channel *ch)
{
    return ch->tls ? ch->tls->stage.n_bytes : 0;
}

/* How long the next record may be. A long one can be read only when its last segment has come:
   after a silence, when the connection's window is small, that takes round trips. */
static size_t record_bytes(struct sl_channel *ch)
{
    uint32_t now_ms = (uint32_t)sl_loop_now_ms(ch->loop);

    if (now_ms - ch->tls->wrote_ms >= SILENCE_MS)
        ch->tls->n_burst = 0;
    ch->tls->wrote_ms = now_ms;
    return ch->tls->n_burst < SMALL_RECORDS_BYTES ? SMALL_RECORD_BYTES : SL_TLS_RECORD_BYTES;
}

static int encrypt(struct sl_channel *ch, struct sl_span plain)
{
    ch->n_out += plain.len;
    if (ch->tls->n_burst < SMALL_RECORDS_BYTES)
        ch->tls->n_burst += (uint32_t)plain.len;
    int err = sl_tls_session_write(ch->tls->session, plain);
    if (err != 0)
        ch->lost_err = err;
    return err;
}

/* What is staged, as one record after another. A chunk has room for a whole one. */
static int encrypt_stage(struct sl_channel *ch)
{
    struct sl_span staged;
    int err = 0;

    while (err == 0 && sl_chunkq_peek(&ch->tls->stage, &staged, 1) > 0) {
        size_t n = record_bytes(ch);
        n = n < staged.len ? n : staged.len;
        err = encrypt(ch, sl_span(staged.ptr, n));
        sl_chunkq_consume(&ch->tls->stage, n);
    }
    return err;
}

static void flush(struct sl_channel *ch)
{
    if (n_staged(ch) > 0)
        encrypt_stage(ch);
    if (ch->lost_err != 0) {
        end(ch, ch->lost_err);
        return;
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
    if (ch->must_flush && !sl_channel_is_closed(ch)) {
        ch->must_flush = false;
        flush(ch);
    }
}

struct sl_chunkq *sl_channel_out(struct sl_channel *ch)
{
    return ch->tls ? &ch->tls->stage : sl_tcp_out(ch->tcp);
}

/* Full records straight from the span; what is less is gathered until the turn ends. */
static int write_tls(struct sl_channel *ch, struct sl_span span)
{
    int err = 0;
    while (err == 0 && span.len > 0) {
        size_t n_record = record_bytes(ch), n = n_record;
        if (ch->tls->stage.n_bytes == 0 && span.len >= n) {
            err = encrypt(ch, sl_span(span.ptr, n));
        } else {
            n = ch->tls->stage.n_bytes < n ? n - ch->tls->stage.n_bytes : 0;
            n = n < span.len ? n : span.len;
            err = sl_chunkq_append(&ch->tls->stage, sl_span(span.ptr, n));
            if (err == 0 && ch->tls->stage.n_bytes >= n_record)
                err = encrypt_stage(ch);
        }
        span = sl_span_skip(span, n);
        if (sl_tcp_out(ch->tcp)->n_bytes >= BURST_BYTES &&
            (span.len == 0 || span.len >= BURST_BYTES))
            sl_tcp_flush(ch->tcp);
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
    if (err == 0 && sl_channel_is_full(ch)) /* much, after all: is it really full? */
        sl_tcp_flush(ch->tcp);
    else
        sl_channel_flush(ch);
    return err;
}

int sl_channel_write(struct sl_channel *ch, const struct sl_span *spans, size_t n_spans)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_spans; i++)
        n_bytes += spans[i].len;
    if (!ch->tls)
        return write_plain(ch, spans, n_spans, n_bytes);
    for (size_t i = 0; i < n_spans; i++) {
        int err = write_tls(ch, spans[i]);
        if (err != 0)
            return err;
    }
    sl_channel_flush(ch);
    return 0;
}

void sl_channel_flush(struct sl_channel *ch)
{
    ch->must_flush = true;
    sl_defer(ch->loop, &ch->turn_end);
}

void sl_channel_shutdown(struct sl_channel *ch)
{
    if (ch->has_shut_down || sl_channel_is_closed(ch))
        return;
    ch->has_shut_down = true;
    if (ch->tls) {
        if (encrypt_stage(ch) != 0) { /* a FIN would hide that; the turn's end tells it */
            sl_channel_flush(ch);
            return;
        }
        sl_tls_session_close_notify(ch->tls->session);
    }
    sl_tcp_flush(ch->tcp);
    sl_tcp_shutdown(ch->tcp);
}

size_t sl_channel_room_bytes(const struct sl_channel *ch)
{
    return sl_channel_is_closed(ch) ? 0 : sl_tcp_room_bytes(ch->tcp);
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
    ch->turnstile = turnstile;
    sl_chunkq_init(&ch->in, sl_loop_chunks(loop), SL_CHANNEL_IN_BYTES, SL_CHANNEL_IN_BYTES / 2);
    sl_deferred_init(&ch->turn_end, on_turn_end);
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
    sl_channel_update_reading(ch);
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
    if (!sl_channel_is_waiting(ch))
        return true;
    if (!ch->is_answered)
        return false;
    sl_waiter_hurry(&ch->opening->waiter);
    return true;
}

void sl_channel_close(struct sl_channel *ch, enum sl_channel_close how)
{
    if (sl_channel_is_closed(ch))
        return;
    if (ch->has_failed_to_open) {
        /* whatever alert the protocol has is in the queue already */
    } else if (ch->tls && how == SL_CHANNEL_CLEAN && !ch->has_shut_down) {
        if (encrypt_stage(ch) == 0)
            sl_tls_session_close_notify(ch->tls->session);
    } else if (how == SL_CHANNEL_CUT) {
        if (!ch->tls || encrypt_stage(ch) == 0)
            sl_tcp_flush(ch->tcp);
    } else if (how == SL_CHANNEL_ALERT && ch->tls) {
        sl_tls_session_abort(ch->tls->session);
    } else if (how == SL_CHANNEL_ALERT && ch->tls_server) {
        sl_tls_abort(sl_tcp_out(ch->tcp));
    }
    ch->stage_of_life = SL_CHANNEL_CLOSED;
    sl_deferred_cancel(&ch->turn_end);
    sl_chunkq_clear(&ch->in);
    sl_channel_forget_tls(ch);
    sl_channel_forget_opening(ch);
    ch->fresh = (struct sl_span){0};
    bool is_cut = how == SL_CHANNEL_CUT || how == SL_CHANNEL_RESET || ch->lost_err != 0;
    sl_tcp_close(&ch->tcp, is_cut ? SL_TCP_RESET : SL_TCP_FIN);
}

/* ---- questions ---- */

uint64_t sl_channel_written_bytes(const struct sl_channel *ch)
{
    return sl_channel_is_closed(ch) ? 0 : sl_tcp_written_bytes(ch->tcp);
}

uint64_t sl_channel_unacked_bytes(const struct sl_channel *ch)
{
    return sl_channel_is_closed(ch) ? 0 : sl_tcp_unacked_bytes(ch->tcp) + n_staged(ch);
}

uint64_t sl_channel_out_bytes(const struct sl_channel *ch)
{
    return ch->tls || sl_channel_is_closed(ch) ? ch->n_out : sl_tcp_written_bytes(ch->tcp);
}

bool sl_channel_is_drained(const struct sl_channel *ch)
{
    return sl_channel_is_closed(ch) ||
           (n_staged(ch) == 0 && sl_chunkq_is_empty(sl_tcp_out(ch->tcp)));
}

struct sl_span sl_channel_sni(const struct sl_channel *ch)
{
    return ch->tls ? sl_tls_session_sni(ch->tls->session) : (struct sl_span){0};
}

bool sl_channel_report(const struct sl_channel *ch, struct sl_tls_report *out_report)
{
    if (!ch->tls || ch->stage_of_life != SL_CHANNEL_OPEN)
        return false;
    sl_tls_session_report(ch->tls->session, out_report);
    return true;
}
