/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: see text.h. Everything here works on borrowed text and small fixed buffers; nothing fails.
 */
#include "text.h"

#define WORD_BYTES 64

size_t sl_utf8_len(struct sl_span text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    if (text.len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
               : p[0] >= 0xe0 && p[0] <= 0xef ? 3
               : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
                                              : 0;
    if (n == 0 || n > text.len)
        return 0;
    /* overlong forms, surrogates and what lies beyond U+10FFFF show in the second byte */
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++)
        if (p[i] < 0x80 || p[i] > 0xbf)
            return 0;
    return n;
}

static bool is_control(const unsigned char *p, size_t n)
{
    /* C0, DEL, and C1 (U+0080 to U+009F), which some terminals obey */
    return (n == 1 && (p[0] < 0x20 || p[0] == 0x7f)) || (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

struct sl_quoted sl_quote(struct sl_span text)
{
    struct sl_quoted quoted;
    struct sl_str s;
    sl_str_init(&s, quoted.text, sizeof(quoted.text));
    sl_str_add_char(&s, '`');
    while (text.len) {
        if (s.len > sizeof(quoted.text) - 16) {
            sl_str_addz(&s, "...");
            break;
        }
        size_t n = sl_utf8_len(text);
        const unsigned char *p = (const unsigned char *)text.ptr;
        if (n == 0 || is_control(p, n)) {
            n = n ? n : 1;
            for (size_t i = 0; i < n; i++)
                sl_str_addf(&s, "\\x%02x", p[i]);
        } else {
            sl_str_add(&s, sl_span(text.ptr, n));
        }
        text = sl_span_skip(text, n);
    }
    sl_str_add_char(&s, '`');
    return quoted;
}

unsigned sl_word_distance(struct sl_span a, struct sl_span b, unsigned max)
{
    if (a.len > WORD_BYTES || b.len > WORD_BYTES)
        return max + 1;
    if ((a.len > b.len ? a.len - b.len : b.len - a.len) > max)
        return max + 1;
    /* three rows of the matrix: the one before the last is needed for swaps */
    unsigned char rows[3][WORD_BYTES + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned char)j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned char *row = rows[i % 3], *above = rows[(i + 2) % 3], *swap = rows[(i + 1) % 3];
        unsigned best = row[0] = (unsigned char)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned cost = a.ptr[i - 1] != b.ptr[j - 1];
            unsigned d = above[j - 1] + cost;
            if (above[j] + 1u < d)
                d = above[j] + 1u;
            if (row[j - 1] + 1u < d)
                d = row[j - 1] + 1u;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                swap[j - 2] + 1u < d)
                d = swap[j - 2] + 1u;
            row[j] = (unsigned char)d;
            if (d < best)
                best = d;
        }
        if (best > max)
            return max + 1;
    }
    unsigned distance = rows[a.len % 3][b.len];
    return distance > max ? max + 1 : distance;
}

unsigned sl_word_tolerance(struct sl_span word)
{
    return word.len <= 3 ? 1 : word.len <= 6 ? 2 : 3;
}

struct sl_span sl_words_at(const char *words, unsigned index)
{
    const char *p = words;
    for (;;) {
        size_t n = strcspn(p, "|");
        if (index-- == 0)
            return sl_span(p, n);
        if (p[n] == 0)
            return sl_span(p + n, 0);
        p += n + 1;
    }
}

int sl_words_find(const char *words, struct sl_span text)
{
    if (!words || text.len == 0)
        return -1;
    for (unsigned i = 0;; i++) {
        struct sl_span word = sl_words_at(words, i);
        if (word.len == 0)
            return -1;
        if (sl_span_eq(word, text))
            return (int)i;
    }
}
