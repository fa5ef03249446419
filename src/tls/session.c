// SPDX-License-Identifier: Apache-2.0
/*
 * session: drives one mbedTLS context over the caller's spans and queue.
 *
 * Happy path: the caller hands over cipher bytes; mbedTLS asks for them through bio_receive() and
 * takes a record's header, then its body, and so on; what it wants to send goes through bio_send()
 * into the caller's queue, which accepts everything. After the handshake records.c stands between
 * the two, and mbedTLS sees only what is not application data. When *in has nothing left, the
 * session is `starved`: only then SL_ERR_AGAIN is told, because mbedTLS also says WANT_READ for
 * reasons of its own (an ignored alert) while input is left.
 *
 * Failure modes: every error of mbedTLS ends the session for good (err is set, and answered from
 * then on), because mbedTLS leaves a failed context undefined. If mbedTLS sent no alert of its own,
 * one is sent here. The peer's close_notify ends only reading: writing may go on (RFC 8446 6.1). A
 * queue that has no memory ends the session without an alert.
 *
 * A TLS 1.2 client may ask for renegotiation and is refused with a warning each time (RFC 5246
 * 7.2.2), which costs queue memory that nobody bounds: after MAX_REPLIES the session ends.
 *
 * In TLS 1.3, after the server's flight and before the client's, two things need help. A client
 * that refuses the certificate may say so in clear (many do), which mbedTLS takes for a record that
 * does not decrypt: watch_for_plain_alert() tells it apart. And mbedTLS would send alerts under
 * keys that the client has left behind (it keeps the handshake's until the handshake is over,
 * against RFC 8446 2), so none is sent.
 *
 * The session owns the mbedTLS context and holds a reference of its server; the queue is borrowed,
 * the span only while a verb runs.
 */
#include "session.h"

#include <assert.h>
#include <stdlib.h>

#include <mbedtls/platform_util.h>
#include <mbedtls/sha256.h>

#include <sluice/base/counters.h>

#include "cause.h"
#include "records.h"
#include "server.h"

#define MAX_REPLIES 4

/* What is around a record's content, at most: head, explicit nonce, inner type, tag. */
#define AROUND_BYTES (5 + 8 + 1 + 16)

/* Only read, as is in_left below. mbedTLS 3.6 has no accessor for it. */
#define SSL_STATE(ssl_) ((ssl_)->MBEDTLS_PRIVATE(state))

static _Thread_local struct sl_tls_session *current;

struct sl_tls_session *sl_session_current(void)
{
    return current;
}

/* mbedtls_ssl_is_handshake_over() says so before the tickets of TLS 1.3 are written. */
static bool is_over(const struct sl_tls_session *s)
{
    return SSL_STATE(&s->ssl) == MBEDTLS_SSL_HANDSHAKE_OVER;
}

/* TLS 1.3: the server's flight is out, the client's is awaited. */
static bool is_flight_out(const struct sl_tls_session *s)
{
    if (mbedtls_ssl_get_version_number(&s->ssl) != MBEDTLS_SSL_VERSION_TLS1_3)
        return false;
    switch (SSL_STATE(&s->ssl)) {
    case MBEDTLS_SSL_CLIENT_CERTIFICATE:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_FINISHED:
        return true;
    default:
        return false;
    }
}

/* mbedTLS reads a record's header, then its body, each perhaps in parts. A header of type alert and
   length 2 cannot be encrypted: that has an outer type of application data and a tag (RFC
   8446 5.2). Returns 0, or what the complete alert means. */
static int watch_for_plain_alert(struct sl_tls_session *s, const unsigned char *bytes, size_t n)
{
    struct sl_record_watch *w = &s->watch;
    for (size_t i = 0; i < n; i++) {
        if (w->n_seen < sizeof(w->bytes))
            w->bytes[w->n_seen] = bytes[i];
        w->n_seen++;
        if (w->n_seen < sizeof(w->bytes) - 2)
            continue;
        size_t n_body = (size_t)w->bytes[3] << 8 | w->bytes[4];
        if (w->n_seen < sizeof(w->bytes) - 2 + n_body)
            continue;
        w->n_seen = 0;
        if (w->bytes[0] == MBEDTLS_SSL_MSG_ALERT && n_body == 2)
            return w->bytes[6] == MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY
                       ? MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY
                       : MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE;
    }
    return 0;
}

static int bio_receive(void *p_session, unsigned char *buf, size_t cap)
{
    struct sl_tls_session *s = p_session;
    if (!s->in || s->in->len == 0) {
        s->is_starved = true;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    size_t n = s->in->len < cap ? s->in->len : cap;
    memcpy(buf, s->in->ptr, n);
    *s->in = sl_span_skip(*s->in, n);
    if (is_flight_out(s)) {
        int ret = watch_for_plain_alert(s, buf, n);
        if (ret != 0)
            return ret;
    }
    return (int)n;
}

static int bio_send(void *p_session, const unsigned char *bytes, size_t n)
{
    struct sl_tls_session *s = p_session;
    if (s->is_reading && ++s->n_replies > MAX_REPLIES) {
        sl_session_note_err(s, SL_ERR_TLS_PROTOCOL);
        return MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE;
    }
    if (sl_chunkq_append(s->out, sl_span(bytes, n)) != 0) {
        sl_session_note_err(s, SL_ERR_MEMORY);
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    s->n_sent_bytes += n;
    /* An alert in clear: type, version, length 2, level, description (RFC 8446 5.1, 6). */
    if (n == 7 && bytes[0] == MBEDTLS_SSL_MSG_ALERT)
        s->plain_alert = bytes[6];
    return (int)n;
}

void sl_session_note_sni(struct sl_tls_session *session, struct sl_span name)
{
    session->n_sni_bytes = name.len < SL_SNI_MAX_BYTES ? (uint8_t)name.len : SL_SNI_MAX_BYTES;
    session->has_sni = true;
    memcpy(session->sni, name.ptr, session->n_sni_bytes);
}

void sl_session_note_err(struct sl_tls_session *session, int err)
{
    if (!session->noted_err)
        session->noted_err = err;
}

void sl_session_name_hash(const struct sl_tls_session *session,
                          uint8_t out_hash[SL_TICKET_NAME_BYTES])
{
    unsigned char name[SL_SNI_MAX_BYTES], hash[32];
    for (size_t i = 0; i < session->n_sni_bytes; i++)
        name[i] = (unsigned char)sl_ascii_lower(session->sni[i]);
    /* Hashing bytes that are in memory cannot fail. */
    (void)mbedtls_sha256(name, session->n_sni_bytes, hash, 0);
    memcpy(out_hash, hash, SL_TICKET_NAME_BYTES);
}

int sl_tls_session_new(struct sl_tls_server *server, struct sl_chunkq *out,
                       struct sl_tls_session **out_session)
{
    *out_session = NULL;
    struct sl_tls_session *s = calloc(1, sizeof(*s));
    if (!s)
        return SL_ERR_MEMORY;
    mbedtls_ssl_init(&s->ssl);
    s->out = out;
    s->server = sl_tls_server_ref(server);
    if (mbedtls_ssl_setup(&s->ssl, &server->conf) != 0) {
        sl_tls_session_free(&s);
        return SL_ERR_MEMORY;
    }
    mbedtls_ssl_set_bio(&s->ssl, s, bio_send, bio_receive, NULL);
    mbedtls_ssl_set_user_data_p(&s->ssl, s);
    *out_session = s;
    return 0;
}

void sl_tls_session_set_out(struct sl_tls_session *session, struct sl_chunkq *out)
{
    session->out = out;
}

void sl_tls_session_free(struct sl_tls_session **session)
{
    struct sl_tls_session *gone = *session;
    if (!gone)
        return;
    *session = NULL;
    mbedtls_ssl_free(&gone->ssl);
    sl_tls_server_unref(&gone->server);
    mbedtls_platform_zeroize(gone, sizeof(*gone));
    free(gone);
}

static void enter(struct sl_tls_session *s, struct sl_span *in)
{
    s->in = in;
    current = s;
}

static void leave(struct sl_tls_session *s)
{
    s->in = NULL;
    s->is_reading = false;
    current = NULL;
}

/* Answers that are not failures: mbedTLS wants to be called again. */
static bool is_pause(int ret)
{
    return ret == MBEDTLS_ERR_SSL_WANT_READ || ret == MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS ||
           ret == MBEDTLS_ERR_SSL_RECEIVED_NEW_SESSION_TICKET;
}

/* mbedTLS answered `ret` to a step that began when n_before bytes had been sent: ends the session.
 */
static int fail(struct sl_tls_session *s, int ret, uint64_t n_before)
{
    int cause = sl_tls_cause(ret, SSL_STATE(&s->ssl), s->plain_alert);
    if (s->noted_err)
        cause = s->noted_err;
    bool is_heard = cause != SL_ERR_EOF && cause != SL_ERR_TLS_PEER_ALERT && !s->is_closed;
    if (is_heard && s->n_sent_bytes == n_before && !s->noted_err && !is_flight_out(s))
        (void)sl_records_alert(s, MBEDTLS_SSL_ALERT_LEVEL_FATAL, sl_tls_alert_for(ret));
    s->err = cause;
    return cause;
}

int sl_tls_session_handshake(struct sl_tls_session *session, struct sl_span *in)
{
    struct sl_tls_session *s = session;
    int err = s->err;
    enter(s, in);
    while (!err && !is_over(s)) {
        uint64_t n_before = s->n_sent_bytes;
        if (SSL_STATE(&s->ssl) == MBEDTLS_SSL_SERVER_CERTIFICATE)
            s->has_sent_certificate = true;
        s->is_starved = false;
        int ret = mbedtls_ssl_handshake_step(&s->ssl);
        if (ret == 0)
            continue;
        if (!is_pause(ret))
            err = fail(s, ret, n_before);
        else if (s->is_starved)
            err = SL_ERR_AGAIN;
    }
    leave(s);
    if (!err && !s->is_established) {
        s->is_established = true;
        s->suite = sl_tls_suite_index(mbedtls_ssl_get_ciphersuite_id_from_ssl(&s->ssl));
        sl_records_begin(s);
    }
    return err;
}

int sl_tls_session_read(struct sl_tls_session *session, struct sl_span *in, char *buf, size_t cap)
{
    struct sl_tls_session *s = session;
    assert(cap > 0 && (s->err || is_over(s)));
    int result = s->err;
    if (!result && s->is_peer_done)
        result = SL_ERR_EOF;
    enter(s, in);
    while (!result) {
        uint64_t n_before = s->n_sent_bytes;
        s->is_starved = false;
        s->is_reading = true;
        int ret = sl_records_read(s, buf, cap);
        s->is_reading = false;
        if (ret > 0) {
            result = ret;
        } else if (ret == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            s->is_peer_done = true;
            result = SL_ERR_EOF;
        } else if (ret < 0 && !is_pause(ret)) { /* 0: an empty record */
            result = fail(s, ret, n_before);
        } else if (s->is_starved) {
            result = SL_ERR_AGAIN;
        }
    }
    /* Whatever follows the peer's close_notify is ignored (RFC 8446 6.1). */
    if (s->is_peer_done)
        *in = sl_span_skip(*in, in->len);
    leave(s);
    return result;
}

/* In mbedTLS's input buffer, whoever put it there (records.c). */
size_t sl_tls_session_partial_bytes(const struct sl_tls_session *session)
{
    size_t n = session->ssl.MBEDTLS_PRIVATE(in_left);
    return n > AROUND_BYTES ? n - AROUND_BYTES : 0;
}

int sl_tls_session_write(struct sl_tls_session *session, struct sl_span plain)
{
    struct sl_tls_session *s = session;
    if (s->err)
        return s->err;
    assert(is_over(s));
    if (s->is_closed)
        return SL_ERR_CLOSED;
    enter(s, NULL);
    int err = 0;
    while (!err && plain.len > 0) {
        uint64_t n_before = s->n_sent_bytes;
        int ret = sl_records_write(s, plain);
        if (ret > 0)
            plain = sl_span_skip(plain, (size_t)ret);
        else if (!is_pause(ret))
            err = fail(s, ret, n_before);
    }
    leave(s);
    return err;
}

static void warn(struct sl_tls_session *s, int alert)
{
    if (s->err || is_flight_out(s))
        return;
    enter(s, NULL);
    if (sl_records_alert(s, MBEDTLS_SSL_ALERT_LEVEL_WARNING, alert) != 0)
        s->err = s->noted_err ? s->noted_err : SL_ERR_TLS_INTERNAL;
    leave(s);
}

void sl_tls_session_close_notify(struct sl_tls_session *session)
{
    if (session->is_closed)
        return;
    warn(session, MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY);
    session->is_closed = true;
}

void sl_tls_session_abort(struct sl_tls_session *session)
{
    if (session->is_closed)
        return;
    /* Both alerts are legal in any state; user_canceled is a warning (RFC 8446 6.1). */
    warn(session, MBEDTLS_SSL_ALERT_MSG_USER_CANCELED);
    sl_tls_session_close_notify(session);
    if (!session->err)
        session->err = SL_ERR_CLOSED;
}

void sl_tls_abort(struct sl_chunkq *out)
{
    /* Two records of the type alert, in clear, with the version of every first record (RFC
     * 8446 5.1). */
    static const unsigned char alerts[] = {
        MBEDTLS_SSL_MSG_ALERT,
        3,
        3,
        0,
        2,
        MBEDTLS_SSL_ALERT_LEVEL_WARNING,
        MBEDTLS_SSL_ALERT_MSG_USER_CANCELED,
        MBEDTLS_SSL_MSG_ALERT,
        3,
        3,
        0,
        2,
        MBEDTLS_SSL_ALERT_LEVEL_WARNING,
        MBEDTLS_SSL_ALERT_MSG_CLOSE_NOTIFY,
    };
    sl_chunkq_append(out,
                     sl_span(alerts, sizeof(alerts))); /* without memory: only the FIN says it */
}

struct sl_span sl_tls_session_sni(const struct sl_tls_session *session)
{
    return sl_span(session->sni, session->n_sni_bytes);
}

void sl_tls_session_report(const struct sl_tls_session *session, struct sl_tls_report *out_report)
{
    const mbedtls_ssl_context *ssl = &session->ssl;
    *out_report = (struct sl_tls_report){
        .version = mbedtls_ssl_get_version_number(ssl) == MBEDTLS_SSL_VERSION_TLS1_3 ? SL_TLS_1_3
                                                                                     : SL_TLS_1_2,
        .suite = session->suite,
        .is_resumed = !session->has_sent_certificate,
        .has_alpn = mbedtls_ssl_get_alpn_protocol(ssl) != NULL,
    };
}
