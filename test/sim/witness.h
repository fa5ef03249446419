/* SPDX-License-Identifier: Apache-2.0 */
/*
 * witness: somebody who reads a connection strictly. At an upstream's end: lawful requests come and
 * nothing else. At a client's end: lawful responses come, one for each request that was sent, in
 * their order, and nothing behind the last.
 */
#ifndef SLUICE_TEST_SIM_WITNESS_H
#define SLUICE_TEST_SIM_WITNESS_H

#include <sluice/http/parser.h>

#define WITNESS_METHODS 64 /* whoever asks for more at once is no longer listened to */

/* Begins as zero. */
struct witness {
    struct sl_parser *requests, *responses; /* NULL: not a byte yet */
    uint8_t methods[WITNESS_METHODS];       /* of the requests that wait for a response: a ring */
    unsigned n_asked, n_answered;
    const char *fault;     /* of the requests, where they are none; static */
    bool is_switching;     /* an upgrade was asked for: what follows may be no request */
    bool is_over, is_mute; /* the last response has come; it may have had a body or not */
};

/* The next bytes of the requests. */
void witness_requests(struct witness *w, struct sl_span in);
/* The next bytes of the responses to them. Fails the test if they are unlawful. */
void witness_responses(struct witness *w, struct sl_span in);
void witness_free(struct witness *w);

#endif
