// SPDX-License-Identifier: Apache-2.0
/*
 * ecdh_alt: mbedtls_ecdh_gen_public() and mbedtls_ecdh_compute_shared() on the backend: the key
 * exchange of TLS 1.2. That of TLS 1.3 comes through psa_driver.c.
 *
 * Keys and points that mbedTLS would refuse are refused with its answer, ECP_INVALID_KEY; for
 * X25519 these are private keys that are not clamped and points of small order. Groups that the
 * backend does not do (X448) are mbedTLS's own to multiply.
 */
#include <mbedtls/ecdh.h>

#include <mbedtls/platform_util.h>

#include "glue.h"

static int point_read(mbedtls_ecp_point *point, const uint8_t *bytes, size_t n)
{
    int ret = mbedtls_mpi_read_binary(&point->X, bytes + 1, n);
    if (ret == 0)
        ret = mbedtls_mpi_read_binary(&point->Y, bytes + 1 + n, n);
    return ret != 0 ? ret : mbedtls_mpi_lset(&point->Z, 1);
}

static int x25519_make(mbedtls_mpi *d, mbedtls_ecp_point *Q)
{
    uint8_t d_bytes[SL_X25519_BYTES], public[SL_X25519_BYTES];
    int ret = sl_ecp_answer(sl_x25519_make(false, d_bytes, public));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary_le(d, d_bytes, sizeof(d_bytes));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary_le(&Q->X, public, sizeof(public));
    if (ret == 0)
        ret = mbedtls_mpi_lset(&Q->Z, 1);
    mbedtls_mpi_free(&Q->Y); /* such points have none */
    mbedtls_platform_zeroize(d_bytes, sizeof(d_bytes));
    return ret;
}

int mbedtls_ecdh_gen_public(mbedtls_ecp_group *grp, mbedtls_mpi *d, mbedtls_ecp_point *Q,
                            int (*f_rng)(void *, unsigned char *, size_t), void *p_rng)
{
    enum sl_curve curve;
    uint8_t d_bytes[SL_EC_MAX_BYTES], point[SL_EC_MAX_POINT_BYTES];
    if (grp->id == MBEDTLS_ECP_DP_CURVE25519)
        return x25519_make(d, Q);
    if (!sl_curve_of(grp->id, &curve))
        return mbedtls_ecp_gen_keypair(grp, d, Q, f_rng, p_rng);
    size_t n = sl_ec_bytes(curve);
    int ret = sl_ecp_answer(sl_ec_make(curve, false, d_bytes, point));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary(d, d_bytes, n);
    if (ret == 0)
        ret = point_read(Q, point, n);
    mbedtls_platform_zeroize(d_bytes, sizeof(d_bytes));
    return ret;
}

static int x25519_agree(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                        const mbedtls_mpi *d)
{
    uint8_t d_bytes[SL_X25519_BYTES], peer[SL_X25519_BYTES], secret[SL_X25519_BYTES];
    int ret = mbedtls_ecp_check_pubkey(grp, Q);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary_le(&Q->X, peer, sizeof(peer));
    if (ret == 0)
        ret = mbedtls_mpi_write_binary_le(d, d_bytes, sizeof(d_bytes));
    if (ret == 0)
        ret = sl_ecp_answer(sl_x25519_agree(d_bytes, peer, secret));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary_le(z, secret, sizeof(secret));
    mbedtls_platform_zeroize(d_bytes, sizeof(d_bytes));
    mbedtls_platform_zeroize(secret, sizeof(secret));
    return ret;
}

static int agree(enum sl_curve curve, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                 const mbedtls_mpi *d)
{
    uint8_t d_bytes[SL_EC_MAX_BYTES], peer[SL_EC_MAX_POINT_BYTES], x[SL_EC_MAX_BYTES];
    size_t n = sl_ec_bytes(curve);
    int ret = sl_point_write(curve, Q, peer);
    if (ret == 0)
        ret = mbedtls_mpi_write_binary(d, d_bytes, n);
    if (ret == 0)
        ret = sl_ecp_answer(sl_ec_agree(curve, d_bytes, peer, x));
    if (ret == 0)
        ret = mbedtls_mpi_read_binary(z, x, n);
    mbedtls_platform_zeroize(d_bytes, sizeof(d_bytes));
    mbedtls_platform_zeroize(x, sizeof(x));
    return ret;
}

/* mbedTLS's own multiplication, which checks both keys itself. */
static int agree_slowly(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                        const mbedtls_mpi *d, int (*f_rng)(void *, unsigned char *, size_t),
                        void *p_rng)
{
    mbedtls_ecp_point shared;
    mbedtls_ecp_point_init(&shared);
    int ret = mbedtls_ecp_mul(grp, &shared, d, Q, f_rng, p_rng);
    if (ret == 0 && mbedtls_ecp_is_zero(&shared))
        ret = MBEDTLS_ERR_ECP_BAD_INPUT_DATA;
    if (ret == 0)
        ret = mbedtls_mpi_copy(z, &shared.X);
    mbedtls_ecp_point_free(&shared);
    return ret;
}

int mbedtls_ecdh_compute_shared(mbedtls_ecp_group *grp, mbedtls_mpi *z, const mbedtls_ecp_point *Q,
                                const mbedtls_mpi *d, int (*f_rng)(void *, unsigned char *, size_t),
                                void *p_rng)
{
    enum sl_curve curve;
    bool is_x25519 = grp->id == MBEDTLS_ECP_DP_CURVE25519;
    if (!is_x25519 && !sl_curve_of(grp->id, &curve))
        return agree_slowly(grp, z, Q, d, f_rng, p_rng);
    int ret = mbedtls_ecp_check_privkey(grp, d);
    if (ret != 0)
        return ret;
    return is_x25519 ? x25519_agree(grp, z, Q, d) : agree(curve, z, Q, d);
}
