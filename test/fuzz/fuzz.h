/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz: what all targets share. A target's input is read from the front: first the choices it needs
 * (a byte each), the rest is what is looked at. A law that is broken aborts, and says which.
 */
#ifndef SLUICE_TEST_FUZZ_FUZZ_H
#define SLUICE_TEST_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include <sluice/base/err.h>
#include <sluice/base/span.h>

/* libFuzzer calls it, and so does replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define LAW(is_kept_)                                                                              \
    do {                                                                                           \
        if (!(is_kept_)) {                                                                         \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #is_kept_);                 \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- reading an input; what is not there reads as 0, or as nothing ---- */

static inline uint8_t fuzz_byte(struct sl_span *in)
{
    uint8_t byte = in->ptr && in->len ? (uint8_t)in->ptr[0] : 0; /* gcc wants to see both */
    *in = sl_span_skip(*in, in->len ? 1 : 0);
    return byte;
}

/* The next n bytes, or as many as there are. */
static inline struct sl_span fuzz_take(struct sl_span *in, size_t n)
{
    struct sl_span taken = sl_span(in->ptr, n < in->len ? n : in->len);
    *in = sl_span_skip(*in, taken.len);
    return taken;
}

/* The next piece of at most n bytes; n 0: all of it. For feeding something bit by bit. */
static inline struct sl_span fuzz_piece(struct sl_span *in, size_t n)
{
    return fuzz_take(in, n ? n : in->len);
}

#endif
