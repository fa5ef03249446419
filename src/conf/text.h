/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text: small helpers for messages: foreign text made safe to print, the nearest word, UTF-8.
 */
#ifndef SLUICE_CONF_TEXT_PRIVATE_H
#define SLUICE_CONF_TEXT_PRIVATE_H

#include <sluice/base/str.h>

/* By value, so that several can stand in one printf: sl_quote(span).text. */
struct sl_quoted {
    char text[96];
};

/* `like this`: controls as \xNN, long texts cut with "...". */
struct sl_quoted sl_quote(struct sl_span text);

/* Insertions, deletions, substitutions and swaps of neighbours that turn a into b (optimal string
   alignment), or max + 1 as soon as it is known to be more than max. Words of up to 64 bytes. */
unsigned sl_word_distance(struct sl_span a, struct sl_span b, unsigned max);
/* How far a misspelt word may be from the word that is suggested instead. */
unsigned sl_word_tolerance(struct sl_span word);

/* Bytes of the valid UTF-8 sequence at the start of `text` (RFC 3629); 0: there is none. */
size_t sl_utf8_len(struct sl_span text);

/* Is `text` one of "a|b|c", and which? The index from 0, or -1. */
int sl_words_find(const char *words, struct sl_span text);
/* The word at `index`; empty past the end. */
struct sl_span sl_words_at(const char *words, unsigned index);

#endif
