/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bytes: which byte may stand where in HTTP/1 (RFC 9110 section 5, RFC 9112). One table of bits.
 */
#ifndef SLUICE_HTTP_BYTES_H
#define SLUICE_HTTP_BYTES_H

#include <sluice/base/span.h>

enum {
    SL_BYTE_TOKEN = 1,      /* tchar, RFC 9110 5.6.2 */
    SL_BYTE_VALUE = 2,      /* field content: HTAB, SP, VCHAR, obs-text */
    SL_BYTE_TARGET = 4,     /* VCHAR: what may stand in a request-target at all */
    SL_BYTE_HEX = 8,        /* HEXDIG */
    SL_BYTE_UNRESERVED = 16 /* RFC 3986 2.3 */
};

extern const uint8_t sl_byte_class[256];

static inline bool sl_byte_is(char c, int classes)
{
    return (sl_byte_class[(uint8_t)c] & classes) != 0;
}

/* The value of a HEXDIG. */
static inline unsigned sl_hex_value(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/*
 * Are the eight bytes at p all from `lowest` (at most 0x7f) to '~'? Adding and subtracting sets the
 * top bit of a byte that is outside; a carry or borrow can only come from a byte that has set its
 * own already.
 */
static inline bool sl_are_plain(const char *p, uint8_t lowest)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t x;
    memcpy(&x, p, sizeof(x));
    return ((x | (x - ones * lowest) | (x + ones)) & ones << 7) == 0;
}

/* Where the run of bytes of these classes that begins at p ends. `lowest`: from there to '~' all
   bytes are in the classes; most values and targets hold nothing else, and go by eight a step. */
static inline const char *sl_bytes_run(const char *p, const char *end, int classes, uint8_t lowest)
{
    for (;;) {
        while (end - p >= 8 && sl_are_plain(p, lowest))
            p += 8;
        const char *stop = end - p >= 8 ? p + 8 : end;
        while (p < stop && sl_byte_is(*p, classes))
            p++;
        if (p < stop || p == end)
            return p;
    }
}

static inline bool sl_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#endif
