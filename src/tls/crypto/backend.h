/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend: fast primitives, bytes in and bytes out. It knows nothing of mbedTLS, and what is next
 * to it knows nothing of the libraries behind it: libcrypto of OpenSSL, 3.0 or later, and where
 * there is one, another for AES-GCM (backend_gcm.h).
 *
 * Numbers are big-endian and have their group's full length. Every verb may be called by any
 * thread; an object belongs to one thread at a time, except an sl_rsa, which all may use at once.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_BACKEND_H
#define SLUICE_SRC_TLS_CRYPTO_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sl_crypto_answer {
    SL_CRYPTO_OK = 0,
    SL_CRYPTO_INVALID,     /* a key, point, length or number that must be refused */
    SL_CRYPTO_FORGED,      /* a tag or signature does not fit */
    SL_CRYPTO_UNSUPPORTED, /* the library cannot do this */
    SL_CRYPTO_FAILED,      /* no memory, or no randomness */
};

/* Looks up what later calls need, so that none of them has to. Every verb calls it, too. */
int sl_crypto_start(void);
/* Frees what the calling thread has; a thread that ends does so by itself. */
void sl_crypto_thread_end(void);
/* The libraries at work, with their versions, for people. Static. */
const char *sl_crypto_library(void);
/* For tests and benches that compare: may keys that are made from now on use another library than
   libcrypto for AES-GCM? By default they may. False: there is none here, or none was built in. Not
   while other threads make keys. */
bool sl_crypto_use_gcm_engine(bool is_used);
int sl_crypto_random(uint8_t *out, size_t n);

/* backend_aead.c. A key and its state; tags of 16 bytes or cut shorter, IVs of 12 bytes, for GCM
   of 1 to 128. `out` may be `in`, or lie before it. */
#define SL_AEAD_TAG_BYTES 16

enum sl_aead_kind { SL_AEAD_AES_GCM, SL_AEAD_CHACHA20_POLY1305 };

struct sl_aead;
int sl_aead_new(enum sl_aead_kind kind, const uint8_t *key, size_t n_key_bytes,
                struct sl_aead **out_aead);
void sl_aead_free(struct sl_aead **aead);
int sl_aead_seal(struct sl_aead *aead, const uint8_t *iv, size_t n_iv_bytes, const uint8_t *ad,
                 size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, uint8_t *out,
                 uint8_t *out_tag, size_t n_tag_bytes);
/* On SL_CRYPTO_FORGED (or anything else) `out` is zeroised. */
int sl_aead_open(struct sl_aead *aead, const uint8_t *iv, size_t n_iv_bytes, const uint8_t *ad,
                 size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, const uint8_t *tag,
                 size_t n_tag_bytes, uint8_t *out);
/* One record of TLS: `in`, and after it the byte `last` (TLS 1.3 has the content type there) unless
   it is negative, with an IV of 12 bytes. The tag follows what was encrypted. `out` is apart from
   `in`. */
int sl_aead_seal_record(struct sl_aead *aead, const uint8_t *iv, const uint8_t *ad,
                        size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, int last,
                        uint8_t *out);
/* In parts: begin, any number of ad, then of update, then end, which tells the tag of either
   direction. Who decrypts in parts compares the tag himself. */
int sl_aead_begin(struct sl_aead *aead, bool is_encryption, const uint8_t *iv, size_t n_iv_bytes);
int sl_aead_ad(struct sl_aead *aead, const uint8_t *ad, size_t n_bytes);
int sl_aead_update(struct sl_aead *aead, const uint8_t *in, size_t n_bytes, uint8_t *out);
int sl_aead_end(struct sl_aead *aead, uint8_t out_tag[SL_AEAD_TAG_BYTES]);

/* backend_ec.c. Points are 04 | x | y. */
enum sl_curve {
    SL_CURVE_P256,
    SL_CURVE_P384,
    SL_CURVE_P521,
    SL_CURVE_SECP256K1,
    SL_CURVE_BRAINPOOL256,
    SL_CURVE_BRAINPOOL384,
    SL_CURVE_BRAINPOOL512,
    SL_N_CURVES
};
#define SL_EC_MAX_BYTES       66
#define SL_EC_MAX_POINT_BYTES (1 + 2 * SL_EC_MAX_BYTES)

size_t sl_ec_bytes(enum sl_curve curve);
int sl_ec_sign(enum sl_curve curve, const uint8_t *d, const uint8_t *hash, size_t n_hash_bytes,
               uint8_t *out_r, uint8_t *out_s);
int sl_ec_verify(enum sl_curve curve, const uint8_t *point, const uint8_t *hash,
                 size_t n_hash_bytes, const uint8_t *r, const uint8_t *s);
/* A fresh key pair. `is_kept`: sl_ec_public() of it comes next, in this thread, and may be quick.
 */
int sl_ec_make(enum sl_curve curve, bool is_kept, uint8_t *out_d, uint8_t *out_point);
int sl_ec_public(enum sl_curve curve, const uint8_t *d, uint8_t *out_point);
/* ECDH: the x of d times the peer's point. */
int sl_ec_agree(enum sl_curve curve, const uint8_t *d, const uint8_t *peer, uint8_t *out_x);

/* backend_x25519.c: RFC 7748, little-endian as there. */
#define SL_X25519_BYTES 32
/* `is_kept`: sl_x25519_public() of it and one sl_x25519_agree() come next, in this thread. */
int sl_x25519_make(bool is_kept, uint8_t out_d[SL_X25519_BYTES],
                   uint8_t out_public[SL_X25519_BYTES]);
int sl_x25519_public(const uint8_t d[SL_X25519_BYTES], uint8_t out_public[SL_X25519_BYTES]);
/* SL_CRYPTO_INVALID on a shared secret of zeros (RFC 8446 7.4.2). */
int sl_x25519_agree(const uint8_t d[SL_X25519_BYTES], const uint8_t peer[SL_X25519_BYTES],
                    uint8_t out_secret[SL_X25519_BYTES]);

/* backend_rsa.c: both operations without padding. */
enum sl_rsa_number {
    SL_RSA_N,
    SL_RSA_E,
    SL_RSA_D,
    SL_RSA_P,
    SL_RSA_Q,
    SL_RSA_DP,
    SL_RSA_DQ,
    SL_RSA_QP,
    SL_RSA_N_NUMBERS
};

struct sl_rsa_numbers {
    const uint8_t *bytes[SL_RSA_N_NUMBERS];
    size_t n_bytes[SL_RSA_N_NUMBERS];
};

struct sl_rsa;
int sl_rsa_new(const struct sl_rsa_numbers *numbers, struct sl_rsa **out_rsa);
void sl_rsa_free(struct sl_rsa **rsa);
/* `in` and `out` have the modulus' length. */
int sl_rsa_private(struct sl_rsa *rsa, const uint8_t *in, uint8_t *out);
/* Also SL_CRYPTO_UNSUPPORTED. */
int sl_rsa_public(struct sl_rsa *rsa, const uint8_t *in, uint8_t *out);

/* backend_hash.c: one block into the state (FIPS 180-4 6.2, 6.4). */
void sl_sha256_block(uint32_t state[8], const uint8_t block[64]);
void sl_sha512_block(uint64_t state[8], const uint8_t block[128]);

enum sl_hash { SL_HASH_SHA256, SL_HASH_SHA384 };
#define SL_HASH_MAX_BYTES 48

size_t sl_hash_bytes(enum sl_hash hash);
/* `out` has sl_hash_bytes(). */
void sl_hash(enum sl_hash hash, const uint8_t *in, size_t n_bytes, uint8_t *out);
void sl_hmac(enum sl_hash hash, const uint8_t *key, size_t n_key_bytes, const uint8_t *in,
             size_t n_bytes, uint8_t *out);
/* RFC 5869 2.3; at most 255 times sl_hash_bytes(). Its step before is sl_hmac with the salt as key.
 */
void sl_hkdf_expand(enum sl_hash hash, const uint8_t *key, size_t n_key_bytes, const uint8_t *info,
                    size_t n_info_bytes, uint8_t *out, size_t n_bytes);

#endif
