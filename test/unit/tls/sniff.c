// SPDX-License-Identifier: Apache-2.0
/*
 * sniff: the first bytes of a connection, told apart as early as they can be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sluice/tls/session.h>

#define BYTES(literal_) literal_, sizeof(literal_) - 1

/* `n_decides`: the number of bytes that must suffice; fewer must say SL_ERR_AGAIN. */
static const struct {
    const char *bytes;
    size_t len, n_decides;
    int expected;
} rows[] = {
    {BYTES("\x16\x03\x01\x00\xc0\x01"), 2, 0},
    {BYTES("\x16\x03\x03\x00\xc0\x01"), 2, 0},
    {BYTES("\x16\x02\x00"), 2, SL_ERR_TLS_NOT_TLS},
    {BYTES("\x16GET / HTTP/1.1"), 2, SL_ERR_TLS_NOT_TLS},
    {BYTES("GET / HTTP/1.1\r\n"), 4, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("get / HTTP/1.1\r\n"), 4, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("OPTIONS * HTTP/1.1\r\n"), 8, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("M-SEARCH * HTTP/1.1\r\n"), 9, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("UPDATEREDIRECTREF /x HTTP/1.1\r\n"), 18, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 4, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("ABCDEFGHIJKLMNOPQRSTUVWX / HTTP/1.1\r\n"), 25, SL_ERR_TLS_PLAIN_HTTP},
    {BYTES("ABCDEFGHIJKLMNOPQRSTUVWXY / HTTP/1.1\r\n"), 25, SL_ERR_TLS_NOT_TLS},
    {BYTES(" GET / HTTP/1.1\r\n"), 1, SL_ERR_TLS_NOT_TLS},
    {BYTES("\r\nGET / HTTP/1.1\r\n"), 1, SL_ERR_TLS_NOT_TLS},
    {BYTES("GET\t/"), 4, SL_ERR_TLS_NOT_TLS},
    {BYTES("GET\0 /"), 4, SL_ERR_TLS_NOT_TLS},
    {BYTES("SSH-2.0-OpenSSH_9.2\r\n"), 20, SL_ERR_TLS_NOT_TLS},
    {BYTES("\x80\x2e\x01\x03\x01"), 1, SL_ERR_TLS_NOT_TLS},         /* SSL 2 ClientHello */
    {BYTES("\x15\x03\x01\x00\x02\x02\x28"), 1, SL_ERR_TLS_NOT_TLS}, /* an alert */
    {BYTES("\x17\x03\x03\x00\x20"), 1, SL_ERR_TLS_NOT_TLS},
    {BYTES("\0\0\0\0"), 1, SL_ERR_TLS_NOT_TLS},
    {BYTES("\xff\xff"), 1, SL_ERR_TLS_NOT_TLS},
};

static void first_bytes_decide(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++)
        for (size_t n = 0; n <= rows[i].len; n++) {
            int expected = n < rows[i].n_decides ? SL_ERR_AGAIN : rows[i].expected;
            int err = sl_tls_sniff(sl_span(rows[i].bytes, n));
            if (err != expected)
                fail_msg("row %zu, %zu bytes: %s, expected %s", i, n, sl_err_name(err),
                         sl_err_name(expected));
        }
}

static void nothing_decides_nothing(void **state)
{
    assert_int_equal(sl_tls_sniff((struct sl_span){0}), SL_ERR_AGAIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_decide),
        cmocka_unit_test(nothing_decides_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
