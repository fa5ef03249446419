/* SPDX-License-Identifier: Apache-2.0 */
/*
 * span: a borrowed run of bytes. It owns nothing; whoever hands one out says how long it lives.
 */
#ifndef SLUICE_BASE_SPAN_H
#define SLUICE_BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct sl_span {
    const char *ptr; /* NULL only when len is 0 */
    size_t len;      /* bytes */
};

#define SL_SPANS_MAX 16

/* Runs of bytes, one behind the other, that go on together: at most SL_SPANS_MAX, so that one
   system call takes them all. The array is borrowed like the bytes. */
struct sl_spans {
    const struct sl_span *ptr;
    size_t n_spans;
    size_t n_bytes; /* of all of them */
};

#define SL_SPAN(literal) ((struct sl_span){.ptr = "" literal, .len = sizeof(literal) - 1})

/* Type of the object that embeds `member`. */
#define sl_container_of(ptr_, type_, member_)                                                      \
    ((type_ *)(void *)((char *)(ptr_)-offsetof(type_, member_)))

#define SL_N_ELEMENTS(array_) (sizeof(array_) / sizeof((array_)[0]))

static inline struct sl_span sl_span(const void *ptr, size_t len)
{
    return (struct sl_span){.ptr = ptr, .len = len};
}

static inline struct sl_spans sl_spans_one(const struct sl_span *span)
{
    return (struct sl_spans){.ptr = span, .n_spans = 1, .n_bytes = span->len};
}

static inline struct sl_span sl_span_str(const char *str)
{
    return (struct sl_span){.ptr = str, .len = str ? strlen(str) : 0};
}

static inline bool sl_span_eq(struct sl_span a, struct sl_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline char sl_ascii_lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
}

static inline bool sl_ascii_is_letter(char c)
{
    return sl_ascii_lower(c) >= 'a' && sl_ascii_lower(c) <= 'z';
}

static inline bool sl_ascii_is_alnum(char c)
{
    return (c >= '0' && c <= '9') || sl_ascii_is_letter(c);
}

/* ASCII case-insensitive equality; no locale. */
static inline bool sl_span_ieq(struct sl_span a, struct sl_span b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (a.ptr[i] != b.ptr[i] && sl_ascii_lower(a.ptr[i]) != sl_ascii_lower(b.ptr[i]))
            return false;
    return true;
}

static inline bool sl_span_starts(struct sl_span s, struct sl_span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* The span without its first n bytes (n may not exceed len). */
static inline struct sl_span sl_span_skip(struct sl_span s, size_t n)
{
    return (struct sl_span){.ptr = s.ptr ? s.ptr + n : NULL, .len = s.len - n};
}

/* Its first n bytes (n may not exceed len), which *s has no more. */
static inline struct sl_span sl_span_take(struct sl_span *s, size_t n)
{
    struct sl_span taken = sl_span(s->ptr, n);
    *s = sl_span_skip(*s, n);
    return taken;
}

/* The span without leading and trailing SP and HTAB (OWS, RFC 9110 section 5.6.3). */
static inline struct sl_span sl_span_trim(struct sl_span s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = sl_span_skip(s, 1);
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

#endif
