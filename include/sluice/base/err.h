/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err: the one set of error codes above the foreign libraries. Functions return 0 or one of these
 * (negative). Each floor translates foreign codes at its door; none of them travels further.
 */
#ifndef SLUICE_BASE_ERR_H
#define SLUICE_BASE_ERR_H

/*   symbol                 number  name in logs          meaning */
#define SL_ERRORS(X)                                                                               \
    X(SL_ERR_MEMORY, -1, "out_of_memory", "an allocation failed")                                  \
    X(SL_ERR_EOF, -2, "eof", "the peer ended its stream")                                          \
    X(SL_ERR_RESET, -3, "reset", "the peer reset the connection")                                  \
    X(SL_ERR_REFUSED, -4, "refused", "nobody listens at that address")                             \
    X(SL_ERR_UNREACHABLE, -5, "unreachable", "no route to that address")                           \
    X(SL_ERR_TIMEOUT, -6, "timeout", "a deadline expired")                                         \
    X(SL_ERR_IO, -7, "io_error", "the system refused an input or output operation")                \
    X(SL_ERR_ADDRESS, -8, "bad_address", "the address cannot be parsed or resolved")               \
    X(SL_ERR_IN_USE, -9, "address_in_use", "somebody else listens at that address")                \
    X(SL_ERR_DENIED, -10, "permission_denied", "the system does not permit it")                    \
    X(SL_ERR_LIMIT, -11, "limit", "a configured limit was reached")                                \
    X(SL_ERR_AGAIN, -12, "again", "more input is needed; not a failure")                           \
    X(SL_ERR_INVALID, -13, "invalid", "the input is malformed")                                    \
    X(SL_ERR_TRUNCATED, -14, "truncated", "the peer ended before its message was complete")        \
    X(SL_ERR_NOT_FOUND, -15, "not_found", "there is no such thing")                                \
    X(SL_ERR_CLOSED, -16, "closed", "sluice itself has closed this already")                       \
    X(SL_ERR_NO_FDS, -17, "no_descriptors", "the process has no file descriptor left")             \
    X(SL_ERR_UNSUPPORTED, -18, "unsupported", "valid, but not supported here")                     \
    X(SL_ERR_TLS_PLAIN_HTTP, -30, "plain_http", "an HTTP request arrived where TLS was expected")  \
    X(SL_ERR_TLS_NOT_TLS, -31, "not_tls", "the first bytes are not a TLS handshake")               \
    X(SL_ERR_TLS_UNKNOWN_SNI, -32, "unknown_sni", "no certificate for the name asked for")         \
    X(SL_ERR_TLS_NO_SHARED_CIPHER, -33, "no_shared_cipher", "no cipher suite or group in common")  \
    X(SL_ERR_TLS_VERSION, -34, "bad_version", "no TLS version in common")                          \
    X(SL_ERR_TLS_ALPN, -35, "no_shared_protocol", "no application protocol in common")             \
    X(SL_ERR_TLS_PEER_ALERT, -36, "peer_alert", "the peer sent a fatal alert")                     \
    X(SL_ERR_TLS_BAD_RECORD, -37, "bad_record", "a record failed authentication or decoding")      \
    X(SL_ERR_TLS_PROTOCOL, -38, "tls_protocol", "the peer broke the TLS protocol")                 \
    X(SL_ERR_TLS_INTERNAL, -39, "tls_internal", "the TLS library failed")                          \
    X(SL_ERR_CONFIG, -50, "bad_config", "the configuration was refused; the report says why")

enum sl_err {
#define X(sym, num, name, meaning) sym = num,
    SL_ERRORS(X)
#undef X
};

/* The name for logs and metrics ("reset"), "ok" for 0, "unknown" for a foreign number. Static. */
const char *sl_err_name(int err);
/* A sentence for people. Static. */
const char *sl_err_str(int err);

#endif
