/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fake_private: the inside of the fake loop, for its own files.
 */
#ifndef SLUICE_TEST_FAKE_PRIVATE_H
#define SLUICE_TEST_FAKE_PRIVATE_H

#include <sluice/loop/resolve.h>

#include "fake.h"
#include "loop_private.h"

/* Something that is looked at in each poll: a socket, a listener, a mailbox, a lookup. */
struct fake_shell {
    struct sl_list link;
    bool (*poll)(struct fake_shell *shell); /* true: it had something to do */
    void (*free)(struct fake_shell *shell);
    bool is_closed; /* freed at the end of the turn */
};

struct sl_loop {
    struct sl_core core; /* first: sl_core_of() */
    struct sl_list shells;
    struct sl_list wires;
    struct sl_chunkpool chunks;
    size_t n_shells;
    size_t n_piece;
    unsigned n_late;
    uint64_t charge_ms;
    uint64_t doubt_ms;         /* of that, in polls that overslept */
    uint64_t busy_us, work_us; /* this turn's work; how far each look at it moves it */
    uint64_t stop_ms;          /* how far the next look at it moves the clock */
    bool is_stopped;
    fake_connect_fn *on_connect;
    char workspace[SL_LOOP_WORK_BYTES];
    void *connect_ctx;
    fake_lookup_fn *on_lookup;
    void *lookup_ctx;
    bool (*after_turn)(void *ctx);
    void *after_turn_ctx;
};

/* Grows; takes from the front. Its memory is the test's own and never fails. */
struct fake_bytes {
    char *ptr;
    size_t len, cap;
};

struct fake_wire {
    struct sl_list link;
    struct sl_loop *loop;
    struct fake_bytes in;     /* from the peer, unread */
    struct fake_bytes kernel; /* from the proxy, not taken */
    struct fake_bytes received;
    struct sl_addr from;
    size_t n_kernel, n_piece;
    int answer; /* to a connect: FAKE_HANG, 0, SL_ERR_* */
    bool is_slow;
    bool has_in_fin, has_in_reset; /* the peer sent it */
    bool is_gone;                  /* the peer has closed */
    bool has_fin, has_reset;       /* the proxy sent it */
    bool is_closed;                /* the proxy has closed */
    bool is_read;                  /* the proxy reads */
};

/* More than 0 while the fake allocates for itself: such an allocation is never made to fail.
   Volatile because the compiler believes to know that calloc does not look at it. */
extern volatile unsigned fake_n_own;

void *fake_alloc(size_t n);
void fake_shell_open(struct sl_loop *loop, struct fake_shell *shell,
                     bool (*poll)(struct fake_shell *), void (*free_)(struct fake_shell *));
void fake_shell_close(struct fake_shell *shell);

void fake_bytes_add(struct fake_bytes *b, struct sl_span bytes);
void fake_bytes_drop(struct fake_bytes *b, size_t n);
void fake_bytes_free(struct fake_bytes *b);

struct fake_wire *fake_wire_new(struct sl_loop *loop);
void fake_wire_free(struct fake_wire *wire);
/* Before each poll: peers that are not slow take what is there. True: something was there. */
bool fake_wire_serve(struct fake_wire *wire);
/* The proxy closes its end. */
void fake_wire_closed(struct fake_wire *wire, bool is_reset);

#endif
