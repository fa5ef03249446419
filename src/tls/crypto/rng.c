// SPDX-License-Identifier: Apache-2.0
/*
 * rng: PSA's randomness is the backend's: a generator per thread, seeded from the kernel.
 */
#include <psa/crypto.h>

#include "backend.h"

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t output_size,
                                             size_t *output_length)
{
    (void)context;
    *output_length = 0;
    if (sl_crypto_random(output, output_size) != SL_CRYPTO_OK)
        return PSA_ERROR_INSUFFICIENT_ENTROPY;
    *output_length = output_size;
    return PSA_SUCCESS;
}
