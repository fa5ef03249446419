// SPDX-License-Identifier: Apache-2.0
/*
 * ecdsa_alt: mbedtls_ecdsa_sign() and mbedtls_ecdsa_verify() on the backend, for its curves.
 *
 * Ranges are checked here as mbedTLS checks them, and so are the answers: a private key outside
 * [1, n-1] or a public key that is no point is ECP_INVALID_KEY; r and s outside of it are
 * ECP_VERIFY_FAILED. The nonce is the backend's; the caller's generator is not asked.
 */
#include <mbedtls/ecdsa.h>

#include <mbedtls/platform_util.h>

#include "glue.h"

static bool is_in_range(const mbedtls_ecp_group *grp, const mbedtls_mpi *number)
{
    return mbedtls_mpi_cmp_int(number, 1) >= 0 && mbedtls_mpi_cmp_mpi(number, &grp->N) < 0;
}

static int check_group(const mbedtls_ecp_group *grp, enum sl_curve *out_curve)
{
    if (!mbedtls_ecdsa_can_do(grp->id) || grp->N.p == NULL)
        return MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    return sl_curve_of(grp->id, out_curve) ? 0 : MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
}

int mbedtls_ecdsa_sign(mbedtls_ecp_group *grp, mbedtls_mpi *r, mbedtls_mpi *s, const mbedtls_mpi *d,
                       const unsigned char *buf, size_t blen,
                       int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    enum sl_curve curve;
    uint8_t d_bytes[SL_EC_MAX_BYTES], r_bytes[SL_EC_MAX_BYTES], s_bytes[SL_EC_MAX_BYTES];
    (void)f_rng;
    (void)p_rng;
    int ret = check_group(grp, &curve);
    if (ret != 0)
        return ret;
    if (!is_in_range(grp, d))
        return MBEDTLS_ERR_ECP_INVALID_KEY;
    size_t n = sl_ec_bytes(curve);
    ret = mbedtls_mpi_write_binary(d, d_bytes, n);
    if (ret == 0)
        ret = sl_ecp_answer(sl_ec_sign(curve, d_bytes, buf, blen, r_bytes, s_bytes));
    mbedtls_platform_zeroize(d_bytes, sizeof(d_bytes));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary(r, r_bytes, n);
    if (ret == 0)
        ret = mbedtls_mpi_read_binary(s, s_bytes, n);
    return ret;
}

int mbedtls_ecdsa_verify(mbedtls_ecp_group *grp, const unsigned char *buf, size_t blen,
                         const mbedtls_ecp_point *Q, const mbedtls_mpi *r, const mbedtls_mpi *s)
{
    enum sl_curve curve;
    uint8_t point[SL_EC_MAX_POINT_BYTES], r_bytes[SL_EC_MAX_BYTES], s_bytes[SL_EC_MAX_BYTES];
    int ret = check_group(grp, &curve);
    if (ret != 0)
        return ret;
    if (!is_in_range(grp, r) || !is_in_range(grp, s))
        return MBEDTLS_ERR_ECP_VERIFY_FAILED;
    size_t n = sl_ec_bytes(curve);
    ret = sl_point_write(curve, Q, point);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(r, r_bytes, n);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(s, s_bytes, n);
    if (ret == 0)
        ret = sl_ecp_answer(sl_ec_verify(curve, point, buf, blen, r_bytes, s_bytes));
    return ret;
}
