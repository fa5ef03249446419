/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in a buffer of the caller's, and the small values that operators write.
 *
 * What does not fit is left out and remembered; from then on nothing more is added, so a cut text
 * is a true beginning of the whole one. What would be garbage in half (an escape, a character of
 * several bytes) is added whole or not at all.
 *
 * Reading is strict: no blanks, no signs, no fractions, units in their one spelling. A value that
 * happens to equal SL_UNLIMITED is refused: only the word says that.
 */
#include <stdio.h>
#include <sluice/base/err.h>
#include <sluice/base/phase.h>
#include <sluice/base/str.h>

void sl_str_init(struct sl_str *s, char *buf, size_t cap)
{
    *s = (struct sl_str){.ptr = buf, .cap = cap};
    if (cap)
        buf[0] = 0;
}

static size_t room_of(const struct sl_str *s)
{
    return s->is_cut || s->cap == 0 ? 0 : s->cap - 1 - s->len;
}

void sl_str_add(struct sl_str *s, struct sl_span text)
{
    size_t room = room_of(s);
    if (text.len > room) {
        s->is_cut = true;
        text.len = room;
    }
    if (text.len == 0)
        return;
    memcpy(s->ptr + s->len, text.ptr, text.len);
    s->len += text.len;
    s->ptr[s->len] = 0;
}

static void add_whole(struct sl_str *s, struct sl_span text)
{
    if (text.len > room_of(s))
        s->is_cut = true;
    else
        sl_str_add(s, text);
}

void sl_str_addz(struct sl_str *s, const char *text)
{
    sl_str_add(s, sl_span_str(text));
}

void sl_str_add_char(struct sl_str *s, char c)
{
    sl_str_add(s, sl_span(&c, 1));
}

void sl_str_add_u64(struct sl_str *s, uint64_t n)
{
    char digits[20];
    size_t start = sizeof(digits);
    do {
        digits[--start] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    sl_str_add(s, sl_span(digits + start, sizeof(digits) - start));
}

void sl_str_addf(struct sl_str *s, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_str_addv(s, fmt, args);
    va_end(args);
}

void sl_str_addv(struct sl_str *s, const char *fmt, va_list args)
{
    size_t room = room_of(s);
    char none[1];
    int n = vsnprintf(room ? s->ptr + s->len : none, room + 1, fmt, args);
    if (n < 0) { /* the C library refused the format: leave no half of it */
        n = 0;
        if (room)
            s->ptr[s->len] = 0;
    }
    if ((size_t)n > room) {
        s->is_cut = true;
        n = (int)room;
    }
    s->len += (size_t)n;
}

/*
 * Length of the character at the front if it is well-formed UTF-8 (RFC 3629 section 4); otherwise
 * *out_is_bad is set and the length is that of the part which cannot be completed.
 */
static size_t utf8_len(struct sl_span text, bool *out_is_bad)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    unsigned char low = 0x80, high = 0xBF; /* of the second byte */
    size_t n;
    *out_is_bad = false;
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xC2 && p[0] <= 0xDF) {
        n = 2;
    } else if (p[0] >= 0xE0 && p[0] <= 0xEF) {
        n = 3;
        if (p[0] == 0xE0)
            low = 0xA0; /* shorter forms exist */
        else if (p[0] == 0xED)
            high = 0x9F; /* surrogates are no characters */
    } else if (p[0] >= 0xF0 && p[0] <= 0xF4) {
        n = 4;
        if (p[0] == 0xF0)
            low = 0x90;
        else if (p[0] == 0xF4)
            high = 0x8F; /* beyond U+10FFFF */
    } else {
        *out_is_bad = true;
        return 1;
    }
    for (size_t i = 1; i < n; i++) {
        if (i >= text.len || p[i] < low || p[i] > high) {
            *out_is_bad = true;
            return i;
        }
        low = 0x80;
        high = 0xBF;
    }
    return n;
}

static void add_json_escape(struct sl_str *s, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    size_t len = 2;
    switch (c) {
    case '"':
    case '\\':
        text[1] = (char)c;
        break;
    case '\b':
        text[1] = 'b';
        break;
    case '\f':
        text[1] = 'f';
        break;
    case '\n':
        text[1] = 'n';
        break;
    case '\r':
        text[1] = 'r';
        break;
    case '\t':
        text[1] = 't';
        break;
    default:
        len = sizeof(text);
    }
    add_whole(s, sl_span(text, len));
}

void sl_str_add_json(struct sl_str *s, struct sl_span text)
{
    while (text.len && !s->is_cut) {
        unsigned char c = (unsigned char)text.ptr[0];
        size_t n = 1;
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F) {
            add_json_escape(s, c);
        } else if (c < 0x80) {
            while (n < text.len && text.ptr[n] >= 0x20 && text.ptr[n] < 0x7F &&
                   text.ptr[n] != '"' && text.ptr[n] != '\\')
                n++;
            sl_str_add(s, sl_span(text.ptr, n));
        } else {
            bool is_bad;
            n = utf8_len(text, &is_bad);
            add_whole(s, is_bad ? SL_SPAN("\xEF\xBF\xBD") : sl_span(text.ptr, n));
        }
        text = sl_span_skip(text, n);
    }
}

struct unit {
    const char *name;
    uint64_t n;
};

/* Largest first: a duration names its units in this order. */
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

/* Writing uses the binary ones and bytes. */
static const struct unit size_units[] = {
    {"GiB", 1 << 30},   {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1},
    {"GB", 1000000000}, {"MB", 1000000},  {"KB", 1000},
};

static const struct unit *find_unit(const struct unit *units, size_t n, struct sl_span name)
{
    for (size_t i = 0; i < n; i++)
        if (sl_span_eq(name, sl_span_str(units[i].name)))
            return &units[i];
    return NULL;
}

void sl_str_add_duration(struct sl_str *s, uint64_t ms)
{
    if (ms == SL_UNLIMITED) {
        sl_str_addz(s, "unlimited");
        return;
    }
    if (ms == 0)
        sl_str_addz(s, "0s");
    for (size_t i = 0; i < SL_N_ELEMENTS(duration_units); i++) {
        uint64_t n = ms / duration_units[i].n;
        if (n) {
            sl_str_add_u64(s, n);
            sl_str_addz(s, duration_units[i].name);
        }
        ms -= n * duration_units[i].n;
    }
}

void sl_str_add_size(struct sl_str *s, uint64_t bytes)
{
    const struct unit *unit = size_units;
    if (bytes == SL_UNLIMITED) {
        sl_str_addz(s, "unlimited");
        return;
    }
    while (unit->n > 1 && (bytes == 0 || bytes % unit->n != 0))
        unit++;
    sl_str_add_u64(s, bytes / unit->n);
    sl_str_addz(s, unit->name);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes the digits at the front. False if there are none. A number too large sets *out_is_over:
   malformed text is called malformed first, so the caller goes on reading. */
static bool take_number(struct sl_span *text, uint64_t *out_n, bool *out_is_over)
{
    uint64_t n = 0;
    size_t len = 0;
    for (; len < text->len && is_digit(text->ptr[len]); len++)
        if (__builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)(text->ptr[len] - '0'), &n))
            *out_is_over = true;
    *text = sl_span_skip(*text, len);
    *out_n = n;
    return len > 0;
}

static struct sl_span take_word(struct sl_span *text)
{
    size_t len = 0;
    while (len < text->len && !is_digit(text->ptr[len]))
        len++;
    return sl_span_take(text, len);
}

/* The words and numbers that need no unit. */
static bool read_plain(struct sl_span text, uint64_t *out_n)
{
    if (sl_span_eq(text, SL_SPAN("unlimited")))
        *out_n = SL_UNLIMITED;
    else if (sl_span_eq(text, SL_SPAN("0")))
        *out_n = 0;
    else
        return false;
    return true;
}

static int finish(uint64_t value, bool is_over, uint64_t *out_n)
{
    if (is_over || value == SL_UNLIMITED)
        return SL_ERR_LIMIT;
    *out_n = value;
    return 0;
}

int sl_read_duration(struct sl_span text, uint64_t *out_ms)
{
    uint64_t sum = 0;
    bool is_over = false;
    const struct unit *last = NULL;
    if (read_plain(text, out_ms))
        return 0;
    if (text.len == 0)
        return SL_ERR_INVALID;
    while (text.len) {
        uint64_t n;
        if (!take_number(&text, &n, &is_over))
            return SL_ERR_INVALID;
        const struct unit *unit =
            find_unit(duration_units, SL_N_ELEMENTS(duration_units), take_word(&text));
        if (!unit || (last && unit <= last))
            return SL_ERR_INVALID;
        if (__builtin_mul_overflow(n, unit->n, &n) || __builtin_add_overflow(sum, n, &sum))
            is_over = true;
        last = unit;
    }
    return finish(sum, is_over, out_ms);
}

int sl_read_size(struct sl_span text, uint64_t *out_bytes)
{
    uint64_t n;
    bool is_over = false;
    if (read_plain(text, out_bytes))
        return 0;
    if (!take_number(&text, &n, &is_over))
        return SL_ERR_INVALID;
    if (text.len) {
        const struct unit *unit = find_unit(size_units, SL_N_ELEMENTS(size_units), text);
        if (!unit)
            return SL_ERR_INVALID;
        if (__builtin_mul_overflow(n, unit->n, &n))
            is_over = true;
    }
    return finish(n, is_over, out_bytes);
}

int sl_read_rate(struct sl_span text, uint64_t *out_Bps)
{
    if (read_plain(text, out_Bps))
        return 0;
    if (text.len < 3 || text.ptr[text.len - 2] != '/' || text.ptr[text.len - 1] != 's' ||
        !is_digit(text.ptr[0]))
        return SL_ERR_INVALID;
    text.len -= 2;
    return sl_read_size(text, out_Bps);
}

int sl_read_u64(struct sl_span text, uint64_t *out_n)
{
    uint64_t n;
    bool is_over = false;
    if (!take_number(&text, &n, &is_over) || text.len)
        return SL_ERR_INVALID;
    if (is_over)
        return SL_ERR_LIMIT;
    *out_n = n;
    return 0;
}
