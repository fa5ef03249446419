/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hex: bytes of test vectors.
 */
#ifndef SLUICE_TEST_TLS_HEX_H
#define SLUICE_TEST_TLS_HEX_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How many bytes the digits are; a vector that does not fit ends the test. */
static inline size_t hex(const char *digits, uint8_t *out, size_t cap)
{
    size_t n = strlen(digits) / 2;
    if (n > cap)
        abort();
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return n;
}

#endif
