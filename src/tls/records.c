// SPDX-License-Identifier: Apache-2.0
/*
 * records: the records of an established session without mbedTLS's buffers. The one file that knows
 * mbedTLS inside.
 *
 * Happy path: application data is encrypted from the caller's bytes straight into the queue, and
 * decrypted from what was received straight into the caller's buffer, with the keys and the
 * sequence numbers of mbedTLS's transforms (RFC 8446 5.2; RFC 5246 6.2.3.3, RFC 5288, RFC 7905).
 * mbedTLS's two buffers of 17 KB each are away meanwhile; of its handshake nothing is left but the
 * transform.
 *
 * Everything else is mbedTLS's: alerts, handshake messages, empty or overlong records, other types
 * and versions, what does not decrypt, what the caller's buffer is too small for, the last sequence
 * number. Such a record is not touched here; mbedTLS gets its buffers back and reads it from its
 * header on, so what follows is what always followed. When mbedTLS holds nothing any more its
 * buffers go again.
 *
 * A record that has come in part is gathered where mbedTLS would: at the start of its input buffer,
 * counted in in_left. So whoever turns out to be responsible goes on from there.
 *
 * Failure: without memory ALLOC_FAILED. Plaintext in the caller's buffer counts only after its tag
 * was found right, and is mbedTLS's business otherwise.
 *
 * The session owns all this; the AEAD keys belong to mbedTLS's transform.
 */
#include "records.h"

#include <assert.h>

#include <mbedtls/platform.h>
#include <mbedtls/version.h>

/* What to look at before another release is let in: the fields and functions used below, above all
   how mbedtls_ssl_read() tells that it holds something (mbedtls_ssl_check_pending,
   ssl_consume_current_message), and that a server needs no handshake structure after a handshake.
   test/unit/tls/records.c compares with mbedTLS's own client. */
#if MBEDTLS_VERSION_NUMBER < 0x03060300 || MBEDTLS_VERSION_NUMBER >= 0x03070000
#error "records.c knows mbedTLS 3.6 from 3.6.3 on: read the comment above before adding another"
#endif

#include <mbedtls_inside.h>

#include "buffers.h"
#include "crypto/backend.h"
#include "session.h"

#if defined(MBEDTLS_USE_PSA_CRYPTO) || defined(MBEDTLS_SSL_VARIABLE_BUFFER_LENGTH) ||              \
    defined(MBEDTLS_SSL_EARLY_DATA) || defined(MBEDTLS_PLATFORM_MEMORY)
#error "records.c does without these options of mbedTLS"
#endif

#define HEAD_BYTES      5 /* type, version, length */
#define TAG_BYTES       SL_AEAD_TAG_BYTES
#define IV_BYTES        12
#define SEQ_BYTES       8
#define MAX_PLAIN_BYTES 16384 /* RFC 8446 5.1 */
#define MAX_INNER_BYTES (MAX_PLAIN_BYTES + 256 - TAG_BYTES)

/* Not an answer of mbedTLS: it must look at this record itself. */
#define THEIRS (1 << 30)

typedef mbedtls_ssl_context ssl_context;

_Static_assert(sizeof(((ssl_context *)0)->cur_out_ctr) == SEQ_BYTES, "sequence numbers");
_Static_assert(sizeof(((mbedtls_ssl_transform *)0)->iv_dec) >= IV_BYTES, "nonces");
_Static_assert(MBEDTLS_SSL_SEQUENCE_NUMBER_LEN == SEQ_BYTES, "sequence numbers");
_Static_assert(MBEDTLS_SSL_IN_BUFFER_LEN >=
                   SEQ_BYTES + HEAD_BYTES + IV_BYTES + MAX_INNER_BYTES + TAG_BYTES,
               "a record of any length that is taken here fits into mbedTLS's buffer");
_Static_assert(MBEDTLS_SSL_IN_BUFFER_LEN == MBEDTLS_SSL_OUT_BUFFER_LEN, "one kind of buffer");
_Static_assert(HEAD_BYTES + SEQ_BYTES + SL_TLS_RECORD_BYTES + TAG_BYTES + 1 <= SL_CHUNK_ROOM,
               "a record fits into a chunk");

/* ---- mbedTLS's buffers ---- */

static int wake_in(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    if (ssl->in_buf)
        return 0;
    ssl->in_buf = sl_buffer_take(MBEDTLS_SSL_IN_BUFFER_LEN);
    if (!ssl->in_buf)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    mbedtls_ssl_reset_in_pointers(ssl);
    memcpy(ssl->in_ctr, s->records.in_seq, SEQ_BYTES);
    return 0;
}

static void sleep_in(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    if (!ssl->in_buf)
        return;
    memcpy(s->records.in_seq, ssl->in_ctr, SEQ_BYTES);
    if (s->records.has_secrets)
        mbedtls_platform_zeroize(ssl->in_buf, MBEDTLS_SSL_IN_BUFFER_LEN);
    s->records.has_secrets = false;
    sl_buffer_give(ssl->in_buf, MBEDTLS_SSL_IN_BUFFER_LEN);
    ssl->in_buf = ssl->in_hdr = ssl->in_len = ssl->in_iv = ssl->in_msg = NULL;
    ssl->in_ctr = s->records.in_seq;
    ssl->in_msglen = ssl->in_hslen = 0;
}

static int wake_out(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    if (ssl->out_buf)
        return 0;
    ssl->out_buf = sl_buffer_take(MBEDTLS_SSL_OUT_BUFFER_LEN);
    if (!ssl->out_buf)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    mbedtls_ssl_reset_out_pointers(ssl);
    mbedtls_ssl_update_out_pointers(ssl, ssl->transform_out);
    return 0;
}

static void sleep_out(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    if (!ssl->out_buf || ssl->out_left > 0)
        return;
    mbedtls_platform_zeroize(ssl->out_buf, MBEDTLS_SSL_OUT_BUFFER_LEN);
    sl_buffer_give(ssl->out_buf, MBEDTLS_SSL_OUT_BUFFER_LEN);
    ssl->out_buf = ssl->out_ctr = ssl->out_hdr = ssl->out_len = ssl->out_iv = ssl->out_msg = NULL;
}

/* Does mbedTLS hold more of what was received than a record that is not whole? Then it must be
   asked first: for plaintext that was not fetched, or about messages that began. */
static bool is_busy(const ssl_context *ssl)
{
    return ssl->in_offt || ssl->keep_current_message || ssl->badmac_seen_or_in_hsfraglen > 0 ||
           (ssl->in_hslen > 0 && ssl->in_hslen < ssl->in_msglen);
}

static void settle(struct sl_tls_session *s)
{
    if (!is_busy(&s->ssl) && s->ssl.in_left == 0)
        sleep_in(s);
    sleep_out(s);
}

/* ---- keys and nonces ---- */

static struct sl_aead *aead_of(const mbedtls_cipher_context_t *ctx)
{
    mbedtls_cipher_mode_t mode = mbedtls_cipher_get_cipher_mode(ctx);
    assert(mode == MBEDTLS_MODE_GCM || mode == MBEDTLS_MODE_CHACHAPOLY);
    if (mode == MBEDTLS_MODE_GCM)
        return ((const mbedtls_gcm_context *)ctx->cipher_ctx)->aead;
    return ((const mbedtls_chachapoly_context *)ctx->cipher_ctx)->aead;
}

/* fixed | seq with an explicit part, else fixed xor (0 | seq). */
static void make_nonce(const uint8_t *fixed, size_t n_fixed, const uint8_t *seq, uint8_t *out)
{
    memset(out, 0, IV_BYTES);
    memcpy(out, fixed, n_fixed);
    for (size_t i = 0; i < SEQ_BYTES; i++)
        out[IV_BYTES - SEQ_BYTES + i] ^= seq[i];
}

/* seq | head with the length of the plaintext for TLS 1.2; the head for TLS 1.3. Returns its
   length. */
static size_t make_ad(const struct sl_records *r, const uint8_t *seq, const uint8_t *head,
                      size_t n_plain, uint8_t *out)
{
    if (r->has_inner_type) {
        memcpy(out, head, HEAD_BYTES);
        return HEAD_BYTES;
    }
    memcpy(out, seq, SEQ_BYTES);
    memcpy(out + SEQ_BYTES, head, HEAD_BYTES - 2);
    out[SEQ_BYTES + 3] = (uint8_t)(n_plain >> 8);
    out[SEQ_BYTES + 4] = (uint8_t)n_plain;
    return SEQ_BYTES + HEAD_BYTES;
}

/* After the number of all ones there is none (RFC 8446 5.3): mbedTLS may have that one, to fail. */
static bool is_last(const uint8_t *seq)
{
    static const uint8_t last[SEQ_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255};
    return memcmp(seq, last, SEQ_BYTES) == 0;
}

static void count_up(uint8_t *seq)
{
    for (size_t i = SEQ_BYTES; i > 0 && ++seq[i - 1] == 0; i--)
        ;
}

/* ---- beginning ---- */

/* In TLS 1.3 over streams mbedTLS would keep it until the end. */
static void free_handshake(ssl_context *ssl)
{
    if (ssl->handshake) {
        mbedtls_ssl_handshake_free(ssl);
        mbedtls_free(ssl->handshake);
        ssl->handshake = NULL;
    }
    if (ssl->transform_negotiate) {
        mbedtls_ssl_transform_free(ssl->transform_negotiate);
        mbedtls_free(ssl->transform_negotiate);
        ssl->transform_negotiate = NULL;
    }
    mbedtls_ssl_session *sessions[] = {ssl->session, ssl->session_negotiate};
    for (size_t i = 0; i < SL_N_ELEMENTS(sessions); i++) {
        mbedtls_ssl_session_free(sessions[i]);
        mbedtls_free(sessions[i]);
    }
    ssl->session = ssl->session_negotiate = ssl->session_in = ssl->session_out = NULL;
}

void sl_records_begin(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    struct sl_records *r = &s->records;
    const mbedtls_ssl_transform *out = ssl->transform_out, *in = ssl->transform_in;
    int n_max = mbedtls_ssl_get_max_out_record_payload(ssl);
    assert(n_max > 0 && out->taglen == TAG_BYTES && in->taglen == TAG_BYTES &&
           out->ivlen == IV_BYTES && in->fixed_ivlen == out->fixed_ivlen);
    r->n_max_plain = n_max < SL_TLS_RECORD_BYTES ? (uint16_t)n_max : SL_TLS_RECORD_BYTES;
    r->n_explicit = (uint8_t)(out->ivlen - out->fixed_ivlen);
    r->has_inner_type = out->tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
    r->sealer = aead_of(&out->cipher_ctx_enc);
    r->opener = aead_of(&in->cipher_ctx_dec);
    r->has_secrets = true;
    free_handshake(ssl);
    settle(s);
}

/* ---- writing ---- */

int sl_records_write(struct sl_tls_session *s, struct sl_span plain)
{
    ssl_context *ssl = &s->ssl;
    struct sl_records *r = &s->records;
    const mbedtls_ssl_transform *transform = ssl->transform_out;
    uint8_t iv[IV_BYTES], ad[SEQ_BYTES + HEAD_BYTES], *seq = ssl->cur_out_ctr;
    size_t n = plain.len < r->n_max_plain ? plain.len : r->n_max_plain;
    size_t n_body = r->n_explicit + n + r->has_inner_type + TAG_BYTES;
    if (is_last(seq)) {
        sl_session_note_err(s, SL_ERR_TLS_INTERNAL); /* nor is there a number for an alert */
        return MBEDTLS_ERR_SSL_COUNTER_WRAPPING;
    }
    uint8_t *record = (uint8_t *)sl_chunkq_reserve(s->out, HEAD_BYTES + n_body);
    if (!record) {
        sl_session_note_err(s, SL_ERR_MEMORY);
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    }
    const uint8_t head[HEAD_BYTES] = {MBEDTLS_SSL_MSG_APPLICATION_DATA, 3, 3,
                                      (uint8_t)(n_body >> 8), (uint8_t)n_body};
    memcpy(record, head, HEAD_BYTES);
    memcpy(record + HEAD_BYTES, seq, r->n_explicit);
    make_nonce(transform->iv_enc, transform->fixed_ivlen, seq, iv);
    size_t n_ad = make_ad(r, seq, head, n, ad);
    int err = sl_aead_seal_record(r->sealer, iv, ad, n_ad, (const uint8_t *)plain.ptr, n,
                                  r->has_inner_type ? MBEDTLS_SSL_MSG_APPLICATION_DATA : -1,
                                  record + HEAD_BYTES + r->n_explicit);
    sl_chunkq_commit(s->out, err == SL_CRYPTO_OK ? HEAD_BYTES + n_body : 0);
    if (err != SL_CRYPTO_OK)
        return MBEDTLS_ERR_SSL_ALLOC_FAILED;
    count_up(seq);
    s->n_sent_bytes += HEAD_BYTES + n_body;
    return (int)n;
}

int sl_records_alert(struct sl_tls_session *s, int level, int alert)
{
    int ret = wake_out(s);
    if (ret == 0)
        ret = mbedtls_ssl_send_alert_message(&s->ssl, (unsigned char)level, (unsigned char)alert);
    if (s->is_established)
        sleep_out(s);
    return ret;
}

/* ---- reading ---- */

static size_t body_bytes(const uint8_t *head)
{
    return (size_t)head[3] << 8 | head[4];
}

/* May a record with this head be application data, of a length that is lawful? */
static bool is_plain_head(const struct sl_records *r, const uint8_t *head)
{
    size_t n_around = (size_t)r->n_explicit + TAG_BYTES, n_body = body_bytes(head);
    size_t n_most = r->has_inner_type ? MAX_INNER_BYTES : MAX_PLAIN_BYTES;
    return head[0] == MBEDTLS_SSL_MSG_APPLICATION_DATA && head[1] == 3 && head[2] == 3 &&
           n_body > n_around && n_body <= n_around + n_most;
}

/* Bytes of application data before the content type and the padding of zeros (RFC 8446 5.4); 0 if
   it is something else. */
static size_t inner_bytes(const uint8_t *inner, size_t n)
{
    while (n > 0 && inner[n - 1] == 0)
        n--;
    if (n == 0 || inner[n - 1] != MBEDTLS_SSL_MSG_APPLICATION_DATA)
        return 0;
    return n - 1 <= MAX_PLAIN_BYTES ? n - 1 : 0;
}

/* Returns the bytes of application data in the whole record, or THEIRS. */
static int open_record(struct sl_tls_session *s, const uint8_t *record, char *buf, size_t cap)
{
    ssl_context *ssl = &s->ssl;
    const struct sl_records *r = &s->records;
    const mbedtls_ssl_transform *transform = ssl->transform_in;
    const uint8_t *body = record + HEAD_BYTES, *in = body + r->n_explicit;
    size_t n = body_bytes(record) - r->n_explicit - TAG_BYTES;
    uint8_t iv[IV_BYTES], ad[SEQ_BYTES + HEAD_BYTES], *out = (uint8_t *)buf;
    if (cap < n || is_last(ssl->in_ctr))
        return THEIRS;
    make_nonce(transform->iv_dec, transform->fixed_ivlen, r->n_explicit ? body : ssl->in_ctr, iv);
    size_t n_ad = make_ad(r, ssl->in_ctr, record, n, ad);
    if (sl_aead_open(r->opener, iv, sizeof(iv), ad, n_ad, in, n, in + n, TAG_BYTES, out) !=
        SL_CRYPTO_OK)
        return THEIRS;
    if (r->has_inner_type)
        n = inner_bytes(out, n);
    if (n == 0)
        return THEIRS;
    count_up(ssl->in_ctr);
    ssl->nb_zero = 0; /* empty records in a row */
    return (int)n;
}

/* Completes the record at the start of mbedTLS's buffer. 0: it is whole. */
static int gather(struct sl_tls_session *s)
{
    ssl_context *ssl = &s->ssl;
    int ret = wake_in(s);
    while (ret == 0) {
        size_t n_whole = HEAD_BYTES;
        if (ssl->in_left >= HEAD_BYTES) {
            if (!is_plain_head(&s->records, ssl->in_hdr))
                return THEIRS;
            n_whole += body_bytes(ssl->in_hdr);
        }
        if (ssl->in_left == n_whole)
            return 0;
        if (s->in->len == 0) {
            s->is_starved = true;
            return MBEDTLS_ERR_SSL_WANT_READ;
        }
        size_t n = n_whole - ssl->in_left < s->in->len ? n_whole - ssl->in_left : s->in->len;
        memcpy(ssl->in_hdr + ssl->in_left, s->in->ptr, n);
        ssl->in_left += n;
        *s->in = sl_span_skip(*s->in, n);
    }
    return ret;
}

static int read_directly(struct sl_tls_session *s, char *buf, size_t cap)
{
    ssl_context *ssl = &s->ssl;
    const uint8_t *in = (const uint8_t *)s->in->ptr;
    if (ssl->in_left == 0 && s->in->len == 0) {
        s->is_starved = true;
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    if (ssl->in_left == 0 && s->in->len >= HEAD_BYTES) {
        if (!is_plain_head(&s->records, in))
            return THEIRS;
        size_t n_whole = HEAD_BYTES + body_bytes(in);
        if (n_whole <= s->in->len) {
            int n = open_record(s, in, buf, cap);
            if (n != THEIRS)
                *s->in = sl_span_skip(*s->in, n_whole);
            return n;
        }
    }
    int ret = gather(s);
    if (ret != 0)
        return ret;
    ret = open_record(s, ssl->in_hdr, buf, cap);
    if (ret != THEIRS) {
        ssl->in_left = 0;
        sleep_in(s);
    }
    return ret;
}

int sl_records_read(struct sl_tls_session *s, char *buf, size_t cap)
{
    int ret = is_busy(&s->ssl) ? THEIRS : read_directly(s, buf, cap);
    if (ret != THEIRS)
        return ret;
    ret = wake_in(s);
    if (ret == 0)
        ret = wake_out(s);
    if (ret == 0) {
        s->records.has_secrets = true;
        ret = mbedtls_ssl_read(&s->ssl, (unsigned char *)buf, cap);
    }
    settle(s);
    return ret;
}
