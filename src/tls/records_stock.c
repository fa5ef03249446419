// SPDX-License-Identifier: Apache-2.0
/*
 * records_stock: mbedTLS's own record layer, through its public interface. A record is copied in,
 * decrypted, and copied out; a session keeps its buffers for as long as it lives.
 */
#include "records.h"

#include "session.h"

void sl_records_begin(struct sl_tls_session *s)
{
    (void)s;
}

int sl_records_read(struct sl_tls_session *s, char *buf, size_t cap)
{
    return mbedtls_ssl_read(&s->ssl, (unsigned char *)buf, cap);
}

int sl_records_write(struct sl_tls_session *s, struct sl_span plain)
{
    size_t n = plain.len < SL_TLS_RECORD_BYTES ? plain.len : SL_TLS_RECORD_BYTES;
    /* May take fewer: a client may have asked for smaller records (RFC 6066 4, RFC 8449). */
    return mbedtls_ssl_write(&s->ssl, (const unsigned char *)plain.ptr, n);
}

int sl_records_alert(struct sl_tls_session *s, int level, int alert)
{
    return mbedtls_ssl_send_alert_message(&s->ssl, (unsigned char)level, (unsigned char)alert);
}
