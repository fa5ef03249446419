// SPDX-License-Identifier: Apache-2.0
/*
 * backend_gcm: AES-GCM (NIST SP 800-38D) by intel-ipsec-mb, which knows the processor's vector
 * instructions for it.
 *
 * At the start the library looks at the processor, tests itself, and tells which functions are the
 * fastest there; these are kept, its manager is not. A call of one is a message; nothing is shared
 * between threads. It serves wherever AES and carry-less multiplication are instructions, because
 * it was faster than libcrypto for every length there; microseconds per sealed record, libcrypto's
 * first (Xeon with VAES and AVX-512, intel-ipsec-mb 1.3):
 *
 *                               64 bytes         1 KiB          16383 bytes
 *     AES-128, OpenSSL 3.0    0.233 0.038     0.365 0.085     2.803 0.896
 *     AES-128, OpenSSL 3.5    0.095 0.038     0.162 0.085     0.928 0.846
 *     AES-256, OpenSSL 3.0    0.240 0.043     0.393 0.099     3.043 1.036
 *     AES-256, OpenSSL 3.5    0.100 0.041     0.176 0.099     1.177 1.036
 *     AES-128, 3.0, AVX2      0.233 0.041     0.365 0.171     2.627 2.323
 *     AES-128, 3.0, SSE       0.233 0.041     0.363 0.184     2.633 2.561
 *
 * Failure: without memory there is no key. The functions themselves cannot fail, but leave silently
 * without having done anything when a pointer is NULL or a length cannot be: the caller has checked
 * the lengths, and empty spans become pointers to something.
 */
#include "backend_gcm.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "backend.h"

/* What the library's own files align it to; its header does so only with one of their macros. */
#define KEY_ALIGN_BYTES 64
#define KEY_CAP_BYTES                                                                              \
    ((sizeof(struct sl_gcm) + KEY_ALIGN_BYTES - 1) / KEY_ALIGN_BYTES * KEY_ALIGN_BYTES)

/* For one length of key. */
struct functions {
    aes_gcm_pre_t expand;
    aes_gcm_enc_dec_t seal, open;
    aes_gcm_init_t begin; /* to seal in parts */
    aes_gcm_enc_dec_update_t update;
    aes_gcm_enc_dec_finalize_t end;
};

struct sl_gcm {
    alignas(KEY_ALIGN_BYTES) struct gcm_key_data key;
    const struct functions *functions;
};

static struct functions functions_of[3]; /* 128, 192, 256 */

static struct sl_gcm *make(const uint8_t *key, size_t n_bytes)
{
    struct sl_gcm *gcm = aligned_alloc(KEY_ALIGN_BYTES, KEY_CAP_BYTES);
    if (!gcm)
        return NULL;
    gcm->functions = &functions_of[n_bytes / 8 - 2];
    gcm->functions->expand(key, &gcm->key);
    return gcm;
}

static void unmake(struct sl_gcm *gcm)
{
    if (gcm)
        OPENSSL_cleanse(gcm, sizeof(*gcm));
    free(gcm);
}

static void call(aes_gcm_enc_dec_t function, const struct sl_gcm *gcm, const uint8_t *iv,
                 const uint8_t *ad, size_t n_ad, const uint8_t *in, size_t n, uint8_t *out,
                 uint8_t *out_tag)
{
    struct gcm_context_data context;
    uint8_t nothing[1] = {0};
    function(&gcm->key, &context, n > 0 ? out : nothing, n > 0 ? in : nothing, n, iv,
             n_ad > 0 ? ad : nothing, n_ad, out_tag, SL_AEAD_TAG_BYTES);
    OPENSSL_cleanse(&context, sizeof(context)); /* the last block's key stream */
}

/* A message and one byte more. */
static void seal_parts(const struct sl_gcm *gcm, const uint8_t *iv, const uint8_t *ad, size_t n_ad,
                       const uint8_t *in, size_t n, uint8_t last, uint8_t *out, uint8_t *out_tag)
{
    const struct functions *f = gcm->functions;
    struct gcm_context_data context;
    uint8_t nothing[1] = {0};
    f->begin(&gcm->key, &context, iv, n_ad > 0 ? ad : nothing, n_ad);
    if (n > 0)
        f->update(&gcm->key, &context, out, in, n);
    f->update(&gcm->key, &context, out + n, &last, 1);
    f->end(&gcm->key, &context, out_tag, SL_AEAD_TAG_BYTES);
    OPENSSL_cleanse(&context, sizeof(context));
}

static void seal(const struct sl_gcm *gcm, const uint8_t iv[12], const uint8_t *ad, size_t n_ad,
                 const uint8_t *in, size_t n, int last, uint8_t *out, uint8_t out_tag[16])
{
    if (last < 0)
        call(gcm->functions->seal, gcm, iv, ad, n_ad, in, n, out, out_tag);
    else
        seal_parts(gcm, iv, ad, n_ad, in, n, (uint8_t)last, out, out_tag);
}

static void open_sealed(const struct sl_gcm *gcm, const uint8_t iv[12], const uint8_t *ad,
                        size_t n_ad, const uint8_t *in, size_t n, uint8_t *out, uint8_t out_tag[16])
{
    call(gcm->functions->open, gcm, iv, ad, n_ad, in, n, out, out_tag);
}

const struct sl_gcm_engine *sl_gcm_ipsec_mb(void)
{
    static const uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    static char name[40];
    static const struct sl_gcm_engine engine = {
        .name = name,
        .make = make,
        .free = unmake,
        .seal = seal,
        .open = open_sealed,
    };
    IMB_ARCH arch;
    IMB_MGR *manager = alloc_mb_mgr(0);
    if (!manager)
        return NULL;
    init_mb_mgr_auto(manager, &arch);
    bool is_good = imb_get_errno(manager) == 0 && (manager->features & needed) == needed;
    if (is_good) {
        functions_of[0] = (struct functions){
            manager->gcm128_pre,  manager->gcm128_enc,        manager->gcm128_dec,
            manager->gcm128_init, manager->gcm128_enc_update, manager->gcm128_enc_finalize,
        };
        functions_of[1] = (struct functions){
            manager->gcm192_pre,  manager->gcm192_enc,        manager->gcm192_dec,
            manager->gcm192_init, manager->gcm192_enc_update, manager->gcm192_enc_finalize,
        };
        functions_of[2] = (struct functions){
            manager->gcm256_pre,  manager->gcm256_enc,        manager->gcm256_dec,
            manager->gcm256_init, manager->gcm256_enc_update, manager->gcm256_enc_finalize,
        };
    }
    free_mb_mgr(manager);
    snprintf(name, sizeof(name), "intel-ipsec-mb %s", imb_get_version_str());
    return is_good ? &engine : NULL;
}
