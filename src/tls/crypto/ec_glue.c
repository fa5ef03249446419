// SPDX-License-Identifier: Apache-2.0
/*
 * ec_glue: mbedTLS's groups, points and answers as the backend has them, and back.
 */
#include "glue.h"

static const struct {
    mbedtls_ecp_group_id id;
    enum sl_curve curve;
} curves[] = {
    {MBEDTLS_ECP_DP_SECP256R1, SL_CURVE_P256},
    {MBEDTLS_ECP_DP_SECP384R1, SL_CURVE_P384},
    {MBEDTLS_ECP_DP_SECP521R1, SL_CURVE_P521},
    {MBEDTLS_ECP_DP_SECP256K1, SL_CURVE_SECP256K1},
    {MBEDTLS_ECP_DP_BP256R1, SL_CURVE_BRAINPOOL256},
    {MBEDTLS_ECP_DP_BP384R1, SL_CURVE_BRAINPOOL384},
    {MBEDTLS_ECP_DP_BP512R1, SL_CURVE_BRAINPOOL512},
};

bool sl_curve_of(mbedtls_ecp_group_id id, enum sl_curve *out_curve)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i].id == id) {
            *out_curve = curves[i].curve;
            return true;
        }
    return false;
}

int sl_ecp_answer(int err)
{
    switch (err) {
    case SL_CRYPTO_OK:
        return 0;
    case SL_CRYPTO_INVALID:
        return MBEDTLS_ERR_ECP_INVALID_KEY;
    case SL_CRYPTO_FORGED:
        return MBEDTLS_ERR_ECP_VERIFY_FAILED;
    case SL_CRYPTO_UNSUPPORTED:
        return MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
    default:
        return MBEDTLS_ERR_ECP_ALLOC_FAILED;
    }
}

int sl_point_write(enum sl_curve curve, const mbedtls_ecp_point *point, uint8_t *out)
{
    size_t n = sl_ec_bytes(curve);
    /* mbedTLS's numbers have a sign, which writing them would drop. */
    if (mbedtls_mpi_cmp_int(&point->Z, 1) != 0 || mbedtls_mpi_cmp_int(&point->X, 0) < 0 ||
        mbedtls_mpi_cmp_int(&point->Y, 0) < 0 || mbedtls_mpi_size(&point->X) > n ||
        mbedtls_mpi_size(&point->Y) > n)
        return MBEDTLS_ERR_ECP_INVALID_KEY;
    out[0] = 4;
    int ret = mbedtls_mpi_write_binary(&point->X, out + 1, n);
    return ret != 0 ? ret : mbedtls_mpi_write_binary(&point->Y, out + 1 + n, n);
}
