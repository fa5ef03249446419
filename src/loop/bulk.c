/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bulk: a body that comes fast is taken in large pieces. Each piece costs system calls, an
 * acknowledgement, and the waking of both ends; when a gigabyte comes a second, pieces of what has
 * just arrived are small, and that is most of the work.
 *
 * Happy path: a read that filled its buffer makes a bulk of the socket. From then on the owner is
 * asked how much it has place for, and the next read may be as long. Every few milliseconds the
 * rate is looked at: the kernel is to wake us when about a millisecond's worth is there
 * (SO_RCVLOWAT, as a network card that moderates its interrupts), at most LOWAT_BYTES. What is
 * slower than 100 MB/s is told byte by byte, as ever.
 *
 * Nothing waits for long: when the kernel has been silent for LULL_MS it is asked for every byte
 * again, which also tells what it holds; so is it when the owner's appetite ends (reading is
 * paused, the body is over) or is less than what the kernel would wait for. The end of a stream
 * wakes in any case.
 *
 * Bounds: the owner says what has place further on, so nothing more is stored than before. When a
 * large read is followed by a pause the kernel has taken less than it said (it is short of memory):
 * then this loop makes no large reads for a while. They share a budget per turn, and whose bytes
 * are much work (tiny chunks) gets one and no more, so that they do not keep the others waiting.
 *
 * Failure modes: without memory, or on a socket that knows no such thing, pieces stay small.
 * Ownership: the shell's, freed with it or when the body is over.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "tcp_private.h"

#define TURN_BYTES  (2 * SL_TCP_BULK_BYTES) /* of large reads, in one turn */
#define LOWAT_BYTES 393216
#define LOWAT_LEAST 65536 /* less is not worth waiting for */
#define RATE_MS     2     /* over which the rate is measured */
#define LULL_MS     2
#define REST_MS     1000 /* without large reads */
#define WORK_US     2000 /* of one read: more is much */

struct sl_bulk {
    struct sl_tcp *tcp;
    struct sl_deadline lull;
    uint64_t since_ms; /* the rate is measured from here */
    size_t n_since;
    size_t n_wanted; /* the owner's appetite */
    int lowat;
    bool is_hard; /* its bytes are much work: only small reads until the body ends */
};

static void set_lowat(struct sl_bulk *b, int n)
{
    if (b->lowat == n)
        return;
    if (setsockopt(sl_tcp_fd(b->tcp), SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)) == 0)
        b->lowat = n;
}

static void calm(struct sl_bulk *b)
{
    sl_deadline_clear(&b->lull);
    set_lowat(b, 1);
    b->since_ms = sl_loop_now_ms(sl_tcp_loop(b->tcp));
    b->n_since = 0;
}

static void on_lull(struct sl_deadline *d)
{
    calm(sl_container_of(d, struct sl_bulk, lull));
}

void sl_tcp_end_bulk(struct sl_tcp *tcp)
{
    if (!tcp->bulk)
        return;
    set_lowat(tcp->bulk, 1);
    sl_deadline_fini(&tcp->bulk->lull);
    free(tcp->bulk);
    tcp->bulk = NULL;
}

static struct sl_bulk *begin(struct sl_tcp *tcp)
{
    struct sl_bulk *b = malloc(sizeof(*b));

    if (!b)
        return NULL;
    *b = (struct sl_bulk){.tcp = tcp, .lowat = 1};
    b->since_ms = sl_loop_now_ms(sl_tcp_loop(tcp));
    sl_deadline_init(&b->lull, sl_tcp_loop(tcp), on_lull);
    tcp->bulk = b;
    return b;
}

/* By halves, so that it seldom changes. */
static int lowat_for(size_t n_per_ms)
{
    int lowat = LOWAT_BYTES;

    while (lowat >= LOWAT_LEAST && (size_t)lowat > n_per_ms)
        lowat /= 2;
    return lowat >= LOWAT_LEAST ? lowat : 1;
}

uint64_t sl_tcp_work_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What came is with the owner; how will the next come? */
void sl_tcp_note_bulk(struct sl_tcp *tcp, size_t n, uint64_t work_us)
{
    struct sl_bulk *b = tcp->bulk;
    struct sl_loop *loop = sl_tcp_loop(tcp);

    if (n > SL_TCP_READ_BYTES) {
        loop->n_bulk += n - SL_TCP_READ_BYTES;
        if (!tcp->is_reading)
            loop->bulk_from_ms = sl_loop_now_ms(loop) + REST_MS;
    }
    size_t n_wanted = tcp->events->appetite(tcp->owner);
    if (n_wanted == 0) {
        sl_tcp_end_bulk(tcp);
        return;
    }
    if (!b && !(b = begin(tcp)))
        return;
    b->is_hard = b->is_hard || work_us > WORK_US;
    b->n_wanted = b->is_hard ? SL_TCP_READ_BYTES : n_wanted;
    b->n_since += n;
    uint64_t elapsed_ms = sl_loop_now_ms(loop) - b->since_ms;
    int lowat = b->lowat;
    if (elapsed_ms >= RATE_MS || b->n_since >= LOWAT_BYTES * (elapsed_ms + 1)) {
        lowat = lowat_for(b->n_since / (elapsed_ms ? elapsed_ms : 1));
        b->since_ms += elapsed_ms;
        b->n_since = 0;
        if (lowat == 1 && !tcp->has_filled && !b->is_hard) { /* it was fast once */
            sl_tcp_end_bulk(tcp);
            return;
        }
    }
    set_lowat(b, (size_t)lowat <= b->n_wanted ? lowat : 1);
    if (b->lowat > 1)
        sl_deadline_arm(&b->lull, SL_PHASE_NONE, LULL_MS);
    else
        sl_deadline_clear(&b->lull);
}

size_t sl_tcp_read_bytes(const struct sl_tcp *tcp)
{
    const struct sl_loop *loop = sl_tcp_loop(tcp);
    size_t n_left = loop->n_bulk < TURN_BYTES ? TURN_BYTES - loop->n_bulk : 0;
    size_t n = tcp->bulk ? tcp->bulk->n_wanted : 0;

    if (sl_loop_now_ms(loop) < loop->bulk_from_ms)
        return SL_TCP_READ_BYTES;
    n = n < SL_TCP_BULK_BYTES ? n : SL_TCP_BULK_BYTES;
    n = n < n_left ? n : n_left;
    return n > SL_TCP_READ_BYTES ? n : SL_TCP_READ_BYTES;
}
