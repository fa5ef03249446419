// SPDX-License-Identifier: Apache-2.0
/*
 * backend_rsa: the RSA operations (RFC 8017 5.1) by libcrypto; the private one with CRT, blinded,
 * and checked with the public exponent before it is given out. Padding is the caller's.
 *
 * An sl_rsa is made once per key and then shared by all threads. Failure: numbers that libcrypto
 * does not take for a key are SL_CRYPTO_UNSUPPORTED, an input that is not below the modulus
 * SL_CRYPTO_INVALID.
 */
#include "backend_thread.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

struct sl_rsa {
    EVP_PKEY *key;
    BIGNUM *n;
    size_t n_bytes;
};

static const char *const names[SL_RSA_N_NUMBERS] = {
    [SL_RSA_N] = OSSL_PKEY_PARAM_RSA_N,          [SL_RSA_E] = OSSL_PKEY_PARAM_RSA_E,
    [SL_RSA_D] = OSSL_PKEY_PARAM_RSA_D,          [SL_RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
    [SL_RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,    [SL_RSA_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
    [SL_RSA_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2, [SL_RSA_QP] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

static EVP_PKEY *key_of(OSSL_PARAM_BLD *builder)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params); /* key stays NULL */
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

int sl_rsa_new(const struct sl_rsa_numbers *numbers, struct sl_rsa **out_rsa)
{
    BIGNUM *bn[SL_RSA_N_NUMBERS] = {NULL};
    struct sl_rsa *rsa = calloc(1, sizeof(*rsa));
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    bool is_good = rsa && builder;
    *out_rsa = NULL;
    for (int i = 0; is_good && i < SL_RSA_N_NUMBERS; i++) {
        /* Secure numbers make OSSL_PARAM_BLD keep its copy where it is cleansed, too. */
        bn[i] = i <= SL_RSA_E ? BN_new() : BN_secure_new();
        is_good = bn[i] && BN_bin2bn(numbers->bytes[i], (int)numbers->n_bytes[i], bn[i]) &&
                  OSSL_PARAM_BLD_push_BN(builder, names[i], bn[i]) == 1;
    }
    int err = is_good ? SL_CRYPTO_OK : SL_CRYPTO_FAILED;
    if (is_good) {
        rsa->key = key_of(builder);
        rsa->n = bn[SL_RSA_N];
        rsa->n_bytes = (size_t)BN_num_bytes(rsa->n);
        bn[SL_RSA_N] = NULL;
        err = rsa->key ? SL_CRYPTO_OK : SL_CRYPTO_UNSUPPORTED;
    }
    OSSL_PARAM_BLD_free(builder);
    for (int i = 0; i < SL_RSA_N_NUMBERS; i++)
        BN_clear_free(bn[i]);
    if (err)
        sl_rsa_free(&rsa);
    *out_rsa = rsa;
    return sl_crypto_done(err);
}

void sl_rsa_free(struct sl_rsa **rsa)
{
    struct sl_rsa *gone = *rsa;
    if (!gone)
        return;
    *rsa = NULL;
    EVP_PKEY_free(gone->key); /* which cleanses it */
    BN_free(gone->n);
    free(gone);
}

static int check_input(const struct sl_rsa *rsa, const uint8_t *in)
{
    BIGNUM *number = BN_bin2bn(in, (int)rsa->n_bytes, NULL);
    int err = !number                        ? SL_CRYPTO_FAILED
              : BN_ucmp(number, rsa->n) >= 0 ? SL_CRYPTO_INVALID
                                             : SL_CRYPTO_OK;
    BN_clear_free(number);
    return err;
}

/* libcrypto's names for one of the two operations. */
struct operation {
    int (*init)(EVP_PKEY_CTX *);
    int (*run)(EVP_PKEY_CTX *, unsigned char *, size_t *, const unsigned char *, size_t);
    int err; /* when it does not succeed */
};

static int operate(struct sl_rsa *rsa, const struct operation *op, const uint8_t *in, uint8_t *out)
{
    size_t n_out = rsa->n_bytes;
    int err = check_input(rsa, in);
    if (err)
        return err;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, rsa->key, NULL);
    if (!ctx || op->init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) != 1 ||
        op->run(ctx, out, &n_out, in, rsa->n_bytes) != 1 || n_out != rsa->n_bytes)
        err = op->err;
    EVP_PKEY_CTX_free(ctx);
    return sl_crypto_done(err);
}

int sl_rsa_public(struct sl_rsa *rsa, const uint8_t *in, uint8_t *out)
{
    /* Not supported is such as a large exponent of a large modulus. */
    static const struct operation op = {EVP_PKEY_encrypt_init, EVP_PKEY_encrypt,
                                        SL_CRYPTO_UNSUPPORTED};
    return operate(rsa, &op, in, out);
}

int sl_rsa_private(struct sl_rsa *rsa, const uint8_t *in, uint8_t *out)
{
    static const struct operation op = {EVP_PKEY_sign_init, EVP_PKEY_sign, SL_CRYPTO_FAILED};
    return operate(rsa, &op, in, out);
}
