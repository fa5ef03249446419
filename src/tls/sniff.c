// SPDX-License-Identifier: Apache-2.0
/*
 * sniff: is this TLS at all? Decides by the first bytes of a connection, without a session.
 *
 * A TLS connection begins with a record of type handshake (22) whose version has the major number 3
 * (RFC 8446 5.1). An HTTP request begins with a method token and a space (RFC 9112 3). Everything
 * else, SSL 2's ClientHello included, is not for us. As many bytes are asked for as the decision
 * takes, and no more than MAX_METHOD_BYTES.
 */
#include <sluice/tls/session.h>

#define MAX_METHOD_BYTES 24

/* tchar of RFC 9110 5.6.2. */
static bool is_token_char(char c)
{
    return sl_ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

int sl_tls_sniff(struct sl_span first_bytes)
{
    static const char record[] = {22, 3};
    size_t n_same = 0;
    while (n_same < sizeof(record) && n_same < first_bytes.len &&
           first_bytes.ptr[n_same] == record[n_same])
        n_same++;
    if (n_same == sizeof(record))
        return 0;
    if (n_same == first_bytes.len)
        return SL_ERR_AGAIN;
    if (n_same > 0)
        return SL_ERR_TLS_NOT_TLS;

    size_t n_token = 0;
    while (n_token < first_bytes.len && is_token_char(first_bytes.ptr[n_token]))
        n_token++;
    if (n_token > MAX_METHOD_BYTES)
        return SL_ERR_TLS_NOT_TLS;
    if (n_token == first_bytes.len)
        return SL_ERR_AGAIN;
    return n_token > 0 && first_bytes.ptr[n_token] == ' ' ? SL_ERR_TLS_PLAIN_HTTP
                                                          : SL_ERR_TLS_NOT_TLS;
}
