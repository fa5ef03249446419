/* SPDX-License-Identifier: Apache-2.0 */
/*
 * str: a bounded text builder over the caller's buffer. It never writes past the end, always ends
 * with NUL, and remembers that something did not fit: from then on it adds nothing more.
 */
#ifndef SLUICE_BASE_STR_H
#define SLUICE_BASE_STR_H

#include <stdarg.h>
#include <sluice/base/span.h>

struct sl_str {
    char *ptr;
    size_t len, cap; /* cap counts the final NUL */
    bool is_cut;     /* something did not fit */
};

void sl_str_init(struct sl_str *s, char *buf, size_t cap);
void sl_str_add(struct sl_str *s, struct sl_span text);
void sl_str_addz(struct sl_str *s, const char *text);
void sl_str_add_char(struct sl_str *s, char c);
void sl_str_add_u64(struct sl_str *s, uint64_t n);
void sl_str_addf(struct sl_str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sl_str_addv(struct sl_str *s, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));
/* Adds text as the inside of a JSON string (RFC 8259 section 7): quotes, backslashes and controls
   escaped; bytes that are not valid UTF-8 become U+FFFD. */
void sl_str_add_json(struct sl_str *s, struct sl_span text);

static inline struct sl_span sl_str_span(const struct sl_str *s)
{
    return sl_span(s->ptr, s->len);
}

/* Text for people: "1m30s", "500ms", "unlimited"; "64KiB"; these read back as they were written. */
void sl_str_add_duration(struct sl_str *s, uint64_t ms);
void sl_str_add_size(struct sl_str *s, uint64_t bytes);

/* Reads: 0 or SL_ERR_INVALID (malformed) or SL_ERR_LIMIT (does not fit in 64 bits). "0" is read as
   0. Durations: ms s m h d, alone or largest first (1h30m); sizes: B KiB MiB GiB KB MB GB (or no
   unit); rates: a size followed by "/s". `unlimited` is read as SL_UNLIMITED by each. */
int sl_read_duration(struct sl_span text, uint64_t *out_ms);
int sl_read_size(struct sl_span text, uint64_t *out_bytes);
int sl_read_rate(struct sl_span text, uint64_t *out_Bps);
/* Decimal digits only, no sign, no blank. */
int sl_read_u64(struct sl_span text, uint64_t *out_n);

#endif
