// SPDX-License-Identifier: Apache-2.0
/*
 * cause: translates mbedTLS's errors at the door of the floor.
 *
 * mbedTLS adds a high-level and a low-level code into one negative number (-0x7fff .. 0); codes of
 * TLS itself stand alone. What is not known here is an internal error.
 */
#include "cause.h"

#include <mbedtls/asn1.h>
#include <mbedtls/bignum.h>
#include <mbedtls/ecp.h>
#include <mbedtls/md.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509.h>

#include <sluice/base/err.h>

int sl_tls_high_level(int mbedtls_err)
{
    return -(-mbedtls_err & 0xFF80);
}

bool sl_tls_is_memory(int mbedtls_err)
{
    switch (sl_tls_high_level(mbedtls_err)) {
    case MBEDTLS_ERR_SSL_ALLOC_FAILED:
    case MBEDTLS_ERR_X509_ALLOC_FAILED:
    case MBEDTLS_ERR_PK_ALLOC_FAILED:
    case MBEDTLS_ERR_PEM_ALLOC_FAILED:
    case MBEDTLS_ERR_ECP_ALLOC_FAILED:
    case MBEDTLS_ERR_MD_ALLOC_FAILED:
    case MBEDTLS_ERR_CIPHER_ALLOC_FAILED:
        return true;
    default:
        break;
    }
    int low = -(-mbedtls_err & 0x007F);
    return low == MBEDTLS_ERR_MPI_ALLOC_FAILED || low == MBEDTLS_ERR_ASN1_ALLOC_FAILED;
}

/* Until the server has proved who it is, mbedTLS gives up with handshake_failure only because
   suites, groups, or signatures have nothing in common. */
static bool is_negotiating(int state)
{
    switch (state) {
    case MBEDTLS_SSL_HELLO_REQUEST:
    case MBEDTLS_SSL_CLIENT_HELLO:
    case MBEDTLS_SSL_SERVER_HELLO:
    case MBEDTLS_SSL_HELLO_RETRY_REQUEST:
    case MBEDTLS_SSL_ENCRYPTED_EXTENSIONS:
    case MBEDTLS_SSL_CERTIFICATE_REQUEST:
    case MBEDTLS_SSL_SERVER_CERTIFICATE:
    case MBEDTLS_SSL_SERVER_KEY_EXCHANGE:
        return true;
    default:
        return false;
    }
}

int sl_tls_cause(int mbedtls_err, int state, int alert)
{
    if (sl_tls_is_memory(mbedtls_err))
        return SL_ERR_MEMORY;
    switch (mbedtls_err) {
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
    case MBEDTLS_ERR_SSL_CONN_EOF:
        return SL_ERR_EOF;
    case MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE:
        return SL_ERR_TLS_PEER_ALERT;
    case MBEDTLS_ERR_SSL_UNRECOGNIZED_NAME:
        return SL_ERR_TLS_UNKNOWN_SNI;
    case MBEDTLS_ERR_SSL_NO_APPLICATION_PROTOCOL:
        return SL_ERR_TLS_ALPN;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        return SL_ERR_TLS_VERSION;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
        /* A wrong binder of a ticket is this code too, but says decrypt_error (RFC 8446 4.2.11). */
        if (is_negotiating(state) && alert != MBEDTLS_SSL_ALERT_MSG_DECRYPT_ERROR)
            return SL_ERR_TLS_NO_SHARED_CIPHER;
        /* And so is TLS 1.3's signature that could not be made (RFC 8446 4.4.3). */
        return state == MBEDTLS_SSL_CERTIFICATE_VERIFY ? SL_ERR_TLS_INTERNAL : SL_ERR_TLS_PROTOCOL;
    case MBEDTLS_ERR_SSL_INVALID_MAC:
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_DECODE_ERROR:
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA:   /* a record longer than the buffer */
    case MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL: /* a message of several records, longer than it */
        return SL_ERR_TLS_BAD_RECORD;
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
    case MBEDTLS_ERR_SSL_UNSUPPORTED_EXTENSION:
    case MBEDTLS_ERR_SSL_BAD_CERTIFICATE:
    case MBEDTLS_ERR_SSL_UNKNOWN_IDENTITY:
    case MBEDTLS_ERR_SSL_RECEIVED_EARLY_DATA:
        return SL_ERR_TLS_PROTOCOL;
    default:
        return SL_ERR_TLS_INTERNAL;
    }
}

int sl_tls_alert_for(int mbedtls_err)
{
    switch (mbedtls_err) {
    case MBEDTLS_ERR_SSL_INVALID_MAC:
        return MBEDTLS_SSL_ALERT_MSG_BAD_RECORD_MAC;
    case MBEDTLS_ERR_SSL_INVALID_RECORD:
    case MBEDTLS_ERR_SSL_DECODE_ERROR:
    case MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL:
        return MBEDTLS_SSL_ALERT_MSG_DECODE_ERROR;
    case MBEDTLS_ERR_SSL_BAD_INPUT_DATA:
        return MBEDTLS_SSL_ALERT_MSG_RECORD_OVERFLOW;
    case MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE:
    case MBEDTLS_ERR_SSL_UNEXPECTED_RECORD:
    case MBEDTLS_ERR_SSL_RECEIVED_EARLY_DATA:
        return MBEDTLS_SSL_ALERT_MSG_UNEXPECTED_MESSAGE;
    case MBEDTLS_ERR_SSL_ILLEGAL_PARAMETER:
        return MBEDTLS_SSL_ALERT_MSG_ILLEGAL_PARAMETER;
    case MBEDTLS_ERR_SSL_BAD_PROTOCOL_VERSION:
        return MBEDTLS_SSL_ALERT_MSG_PROTOCOL_VERSION;
    case MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE:
        return MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE;
    default:
        return MBEDTLS_SSL_ALERT_MSG_INTERNAL_ERROR;
    }
}
