// SPDX-License-Identifier: Apache-2.0
/*
 * backend_ec: ECDSA (FIPS 186-5 6.4) and ECDH (NIST SP 800-56A 5.7.1.2) on curves over primes.
 *
 * Each thread has an EC_KEY per curve, for its group and to sign with; it holds a private key only
 * while it signs. Scalars are multiplied on that group without a lookup, in constant time.
 *
 * Refused as SL_CRYPTO_INVALID: private keys, r and s outside [1, n-1], points that are not on the
 * curve or are infinite. All these curves have cofactor 1, so a point on the curve is a good one. A
 * signature that does not fit is SL_CRYPTO_FORGED.
 */
#include "backend_thread.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

static const struct curve {
    int nid;
    size_t n_bytes; /* of the field and of the order alike */
} curves[SL_N_CURVES] = {
    [SL_CURVE_P256] = {NID_X9_62_prime256v1, 32},
    [SL_CURVE_P384] = {NID_secp384r1, 48},
    [SL_CURVE_P521] = {NID_secp521r1, 66},
    [SL_CURVE_SECP256K1] = {NID_secp256k1, 32},
    [SL_CURVE_BRAINPOOL256] = {NID_brainpoolP256r1, 32},
    [SL_CURVE_BRAINPOOL384] = {NID_brainpoolP384r1, 48},
    [SL_CURVE_BRAINPOOL512] = {NID_brainpoolP512r1, 64},
};

/* What a verb works with. */
struct work {
    struct sl_crypto_thread *thread;
    EC_KEY *key;
    const EC_GROUP *group;
    size_t n_bytes;
};

size_t sl_ec_bytes(enum sl_curve curve)
{
    return curves[curve].n_bytes;
}

static int start(enum sl_curve curve, struct work *out_work)
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    if (!thread->ec[curve]) {
        thread->ec[curve] = EC_KEY_new_by_curve_name(curves[curve].nid);
        if (!thread->ec[curve]) {
            bool is_unknown = ERR_GET_REASON(ERR_peek_last_error()) == EC_R_UNKNOWN_GROUP;
            (void)sl_crypto_done(0);
            return is_unknown ? SL_CRYPTO_UNSUPPORTED : SL_CRYPTO_FAILED;
        }
    }
    *out_work = (struct work){
        .thread = thread,
        .key = thread->ec[curve],
        .group = EC_KEY_get0_group(thread->ec[curve]),
        .n_bytes = curves[curve].n_bytes,
    };
    return SL_CRYPTO_OK;
}

/* A number in [1, n-1]. */
static int read_scalar(const struct work *w, const uint8_t *bytes, BIGNUM *out)
{
    if (!BN_bin2bn(bytes, (int)w->n_bytes, out))
        return SL_CRYPTO_FAILED;
    if (BN_is_zero(out) || BN_cmp(out, EC_GROUP_get0_order(w->group)) >= 0)
        return SL_CRYPTO_INVALID;
    return SL_CRYPTO_OK;
}

/* One that must stay secret. */
static int read_private(const struct work *w, const uint8_t *bytes, BIGNUM *out)
{
    BN_set_flags(out, BN_FLG_CONSTTIME);
    return read_scalar(w, bytes, out);
}

static int read_point(const struct work *w, const uint8_t *bytes, EC_POINT *out)
{
    /* Neither compressed nor infinite; oct2point looks whether it is on the curve. */
    if (bytes[0] != POINT_CONVERSION_UNCOMPRESSED)
        return SL_CRYPTO_INVALID;
    if (EC_POINT_oct2point(w->group, out, bytes, 1 + 2 * w->n_bytes, w->thread->bn) == 1)
        return SL_CRYPTO_OK;
    return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? SL_CRYPTO_FAILED
                                                                         : SL_CRYPTO_INVALID;
}

static int write_point(const struct work *w, const EC_POINT *point, uint8_t *out)
{
    size_t n = 1 + 2 * w->n_bytes;
    return EC_POINT_point2oct(w->group, point, POINT_CONVERSION_UNCOMPRESSED, out, n,
                              w->thread->bn) == n
               ? SL_CRYPTO_OK
               : SL_CRYPTO_FAILED;
}

int sl_ec_sign(enum sl_curve curve, const uint8_t *d, const uint8_t *hash, size_t n_hash_bytes,
               uint8_t *out_r, uint8_t *out_s)
{
    struct work w;
    int err = start(curve, &w);
    if (err)
        return err;
    ECDSA_SIG *sig = NULL;
    BN_CTX_start(w.thread->bn);
    BIGNUM *number = BN_CTX_get(w.thread->bn);
    err = number ? read_private(&w, d, number) : SL_CRYPTO_FAILED;
    if (!err && EC_KEY_set_private_key(w.key, number) != 1)
        err = SL_CRYPTO_FAILED;
    if (!err) {
        sig = ECDSA_do_sign(hash, (int)n_hash_bytes, w.key);
        if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), out_r, (int)w.n_bytes) < 0 ||
            BN_bn2binpad(ECDSA_SIG_get0_s(sig), out_s, (int)w.n_bytes) < 0)
            err = SL_CRYPTO_FAILED;
    }
    (void)EC_KEY_set_private_key(w.key, NULL); /* cleanses it */
    ECDSA_SIG_free(sig);
    if (number)
        BN_clear(number);
    BN_CTX_end(w.thread->bn);
    return sl_crypto_done(err);
}

static int check_signature(const struct work *w, const uint8_t *point, const uint8_t *hash,
                           size_t n_hash_bytes, const ECDSA_SIG *sig)
{
    EC_POINT *public = EC_POINT_new(w->group);
    int err = public ? read_point(w, point, public) : SL_CRYPTO_FAILED;
    if (!err && EC_KEY_set_public_key(w->key, public) != 1)
        err = SL_CRYPTO_FAILED;
    if (!err) {
        int is_good = ECDSA_do_verify(hash, (int)n_hash_bytes, sig, w->key);
        /* Whose sum is infinite fits nothing (FIPS 186-5 6.4.2), and is reported as an error. */
        bool is_forged = is_good == 0 || ERR_GET_REASON(ERR_peek_error()) == EC_R_POINT_AT_INFINITY;
        err = is_good == 1 ? SL_CRYPTO_OK : is_forged ? SL_CRYPTO_FORGED : SL_CRYPTO_FAILED;
    }
    EC_POINT_free(public);
    return err;
}

int sl_ec_verify(enum sl_curve curve, const uint8_t *point, const uint8_t *hash,
                 size_t n_hash_bytes, const uint8_t *r, const uint8_t *s)
{
    struct work w;
    int err = start(curve, &w);
    if (err)
        return err;
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r_number = BN_new(), *s_number = BN_new();
    if (!sig || !r_number || !s_number)
        err = SL_CRYPTO_FAILED;
    if (!err)
        err = read_scalar(&w, r, r_number);
    if (!err)
        err = read_scalar(&w, s, s_number);
    if (!err && ECDSA_SIG_set0(sig, r_number, s_number) == 1) {
        r_number = s_number = NULL; /* the signature has them */
        err = check_signature(&w, point, hash, n_hash_bytes, sig);
    }
    BN_free(r_number);
    BN_free(s_number);
    ECDSA_SIG_free(sig);
    return sl_crypto_done(err);
}

/* d times the group's base. */
static int multiply_base(const struct work *w, const BIGNUM *d, uint8_t *out_point)
{
    EC_POINT *point = EC_POINT_new(w->group);
    int err = SL_CRYPTO_FAILED;
    if (point && EC_POINT_mul(w->group, point, d, NULL, NULL, w->thread->bn) == 1)
        err = write_point(w, point, out_point);
    EC_POINT_free(point);
    return err;
}

static void remember(enum sl_curve curve, const struct work *w, const uint8_t *d,
                     const uint8_t *point)
{
    struct sl_last_pair *last = &w->thread->last_ec;
    sl_last_pair_forget(last);
    last->is_set = true;
    last->curve = curve;
    memcpy(last->d, d, w->n_bytes);
    memcpy(last->point, point, 1 + 2 * w->n_bytes);
}

static bool is_last(enum sl_curve curve, const struct work *w, const uint8_t *d)
{
    const struct sl_last_pair *last = &w->thread->last_ec;
    return last->is_set && last->curve == curve && CRYPTO_memcmp(last->d, d, w->n_bytes) == 0;
}

int sl_ec_make(enum sl_curve curve, bool is_kept, uint8_t *out_d, uint8_t *out_point)
{
    struct work w;
    int err = start(curve, &w);
    if (err)
        return err;
    BN_CTX_start(w.thread->bn);
    BIGNUM *d = BN_CTX_get(w.thread->bn);
    if (d)
        BN_set_flags(d, BN_FLG_CONSTTIME);
    do { /* zero is as likely as a guessed key */
        if (!d || BN_priv_rand_range(d, EC_GROUP_get0_order(w.group)) != 1)
            err = SL_CRYPTO_FAILED;
    } while (!err && BN_is_zero(d));
    if (!err && BN_bn2binpad(d, out_d, (int)w.n_bytes) < 0)
        err = SL_CRYPTO_FAILED;
    if (!err)
        err = multiply_base(&w, d, out_point);
    if (!err && is_kept)
        remember(curve, &w, out_d, out_point);
    if (d)
        BN_clear(d);
    BN_CTX_end(w.thread->bn);
    return sl_crypto_done(err);
}

int sl_ec_public(enum sl_curve curve, const uint8_t *d, uint8_t *out_point)
{
    struct work w;
    int err = start(curve, &w);
    if (err)
        return err;
    if (is_last(curve, &w, d)) {
        memcpy(out_point, w.thread->last_ec.point, 1 + 2 * w.n_bytes);
        sl_last_pair_forget(&w.thread->last_ec);
        return SL_CRYPTO_OK;
    }
    BN_CTX_start(w.thread->bn);
    BIGNUM *number = BN_CTX_get(w.thread->bn);
    err = number ? read_private(&w, d, number) : SL_CRYPTO_FAILED;
    if (!err)
        err = multiply_base(&w, number, out_point);
    if (number)
        BN_clear(number);
    BN_CTX_end(w.thread->bn);
    return sl_crypto_done(err);
}

static int multiply_peer(const struct work *w, const BIGNUM *d, const uint8_t *peer, uint8_t *out_x)
{
    EC_POINT *point = EC_POINT_new(w->group);
    BIGNUM *x = BN_CTX_get(w->thread->bn);
    int err = point && x ? read_point(w, peer, point) : SL_CRYPTO_FAILED;
    if (!err && EC_POINT_mul(w->group, point, NULL, point, d, w->thread->bn) != 1)
        err = SL_CRYPTO_FAILED;
    if (!err && EC_POINT_is_at_infinity(w->group, point))
        err = SL_CRYPTO_INVALID;
    if (!err && (EC_POINT_get_affine_coordinates(w->group, point, x, NULL, w->thread->bn) != 1 ||
                 BN_bn2binpad(x, out_x, (int)w->n_bytes) < 0))
        err = SL_CRYPTO_FAILED;
    if (x)
        BN_clear(x);
    EC_POINT_clear_free(point);
    return err;
}

int sl_ec_agree(enum sl_curve curve, const uint8_t *d, const uint8_t *peer, uint8_t *out_x)
{
    struct work w;
    int err = start(curve, &w);
    if (err)
        return err;
    BN_CTX_start(w.thread->bn);
    BIGNUM *number = BN_CTX_get(w.thread->bn);
    err = number ? read_private(&w, d, number) : SL_CRYPTO_FAILED;
    if (!err)
        err = multiply_peer(&w, number, peer, out_x);
    if (number)
        BN_clear(number);
    BN_CTX_end(w.thread->bn);
    return sl_crypto_done(err);
}
