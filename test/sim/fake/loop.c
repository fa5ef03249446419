/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop (fake): the turn of DESIGN on a virtual clock. A poll looks once at each shell, in the order
 * in which they were opened; then come the expiries, the deferred calls and the graves, by the very
 * code of the product (deadline.c, reaper.c); then closed shells are freed, as their close
 * callbacks would.
 *
 * There is one clock for all fake loops of a process; a test needs one loop.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fake_private.h"

#define START_MS   UINT64_C(5000000)
#define WALL_US    UINT64_C(1767225600000000) /* 2026-01-01 */
#define MANY_TURNS 1000000

volatile unsigned fake_n_own;

static uint64_t clock_ms = START_MS;

static void __attribute__((noreturn)) give_up(const char *why)
{
    fprintf(stderr, "fake loop: %s\n", why);
    abort();
}

void *fake_alloc(size_t n)
{
    fake_n_own++;
    void *ptr = calloc(1, n ? n : 1);
    fake_n_own--;
    if (!ptr)
        give_up("the test itself has no memory");
    return ptr;
}

/* ---- shells ---- */

void fake_shell_open(struct sl_loop *loop, struct fake_shell *shell,
                     bool (*poll)(struct fake_shell *), void (*free_)(struct fake_shell *))
{
    shell->poll = poll;
    shell->free = free_;
    shell->is_closed = false;
    sl_list_append(&loop->shells, &shell->link);
    loop->n_shells++;
}

void fake_shell_close(struct fake_shell *shell)
{
    shell->is_closed = true;
}

static bool free_closed(struct sl_loop *loop)
{
    bool has_freed = false;

    sl_list_foreach_safe (node, &loop->shells) {
        struct fake_shell *shell = sl_list_entry(node, struct fake_shell, link);
        if (!shell->is_closed)
            continue;
        sl_list_unlink(node);
        loop->n_shells--;
        shell->free(shell);
        has_freed = true;
    }
    return has_freed;
}

/* ---- the turn ---- */

static bool poll_all(struct sl_loop *loop)
{
    bool did = false;

    sl_list_foreach (node, &loop->wires)
        did |= fake_wire_serve(sl_list_entry(node, struct fake_wire, link));
    /* Shells are freed by the turn only, so the list only grows at its end meanwhile. */
    struct sl_list *last = loop->shells.prev;
    uint64_t i = 0;
    for (struct sl_list *node = loop->shells.next; node != &loop->shells; node = node->next) {
        struct fake_shell *shell = sl_list_entry(node, struct fake_shell, link);
        bool is_late = loop->n_late > 1 && (loop->core.n_turns + i++) % loop->n_late != 0;
        if (!shell->is_closed && !is_late)
            did |= shell->poll(shell);
        if (node == last)
            break;
    }
    return did;
}

/* True: something happened, so there may be more. */
static bool turn(struct sl_loop *loop)
{
    struct sl_core *core = &loop->core;

    uint64_t judged_ms = clock_ms; /* it may move meanwhile: fake_stop_at_work */

    core->now_ms = clock_ms;
    core->n_turns++;
    loop->busy_us = 0;
    bool did = sl_reaper_has_work(&core->reaper) || sl_wheel_next_ms(&core->wheel) <= clock_ms;
    sl_reaper_begin(&core->reaper);
    did |= poll_all(loop);
    sl_wheel_turn(&core->wheel, judged_ms);
    sl_reaper_turn(&core->reaper);
    did |= free_closed(loop);
    if (loop->after_turn)
        did |= loop->after_turn(loop->after_turn_ctx);
    return did;
}

void fake_after_turn(struct sl_loop *loop, bool (*fn)(void *ctx), void *ctx)
{
    loop->after_turn = fn;
    loop->after_turn_ctx = ctx;
}

void fake_turn(struct sl_loop *loop)
{
    turn(loop);
}

void fake_settle(struct sl_loop *loop)
{
    unsigned n_quiet = 0; /* turns in a row: each shell has been looked at */

    for (unsigned i = 0; n_quiet < 1 || n_quiet < loop->n_late; i++) {
        n_quiet = turn(loop) ? 0 : n_quiet + 1;
        if (i == MANY_TURNS)
            give_up("a million turns, and still something to do");
    }
}

/* To the wheel's next time, at most by max_ms. */
static void step(struct sl_loop *loop, uint64_t max_ms)
{
    uint64_t next_ms = sl_wheel_next_ms(&loop->core.wheel);
    uint64_t ms = next_ms <= clock_ms ? 0 : next_ms - clock_ms;

    ms = ms < max_ms ? ms : max_ms;
    clock_ms += ms;
    loop->charge_ms += ms;
    fake_settle(loop);
}

void fake_advance(struct sl_loop *loop, uint64_t ms)
{
    uint64_t until_ms = clock_ms + ms;

    fake_settle(loop);
    while (clock_ms < until_ms)
        step(loop, until_ms - clock_ms);
}

void fake_stall(struct sl_loop *loop, uint64_t ms)
{
    clock_ms += ms;
}

void fake_oversleep(struct sl_loop *loop, uint64_t may_ms, uint64_t ms)
{
    clock_ms += ms;
    loop->charge_ms += may_ms;
    loop->doubt_ms += may_ms;
}

void fake_stop_at_work(struct sl_loop *loop, uint64_t ms)
{
    loop->stop_ms = ms;
}

void fake_work(struct sl_loop *loop, uint64_t us)
{
    loop->work_us = us;
}

uint64_t fake_next_ms(struct sl_loop *loop)
{
    return sl_wheel_next_ms(&loop->core.wheel);
}

void fake_pieces(struct sl_loop *loop, size_t n)
{
    loop->n_piece = n;
}

void fake_late(struct sl_loop *loop, unsigned n)
{
    loop->n_late = n;
}

uint64_t sl_loop_fresh_ms(const struct sl_loop *loop)
{
    return clock_ms;
}

/* ---- the door ---- */

int sl_loop_new(struct sl_loop **out_loop)
{
    struct sl_loop *loop = fake_alloc(sizeof(*loop));

    loop->core.now_ms = clock_ms;
    sl_wheel_init(&loop->core.wheel, clock_ms);
    sl_reaper_init(&loop->core.reaper);
    sl_list_init(&loop->shells);
    sl_list_init(&loop->wires);
    sl_chunkpool_init(&loop->chunks, 0);
    loop->charge_ms = clock_ms;
    *out_loop = loop;
    return 0;
}

struct sl_loop *fake_loop_new(void)
{
    struct sl_loop *loop;

    sl_loop_new(&loop);
    return loop;
}

void sl_loop_free(struct sl_loop **ploop)
{
    struct sl_loop *loop = *ploop;

    if (!loop)
        return;
    *ploop = NULL;
    while (sl_reaper_has_work(&loop->core.reaper) || free_closed(loop))
        turn(loop);
    if (loop->n_shells > 0)
        give_up("freed with open sockets, listeners, mailboxes or lookups");
    if (!sl_wheel_is_empty(&loop->core.wheel))
        give_up("freed with an armed deadline");
    sl_list_foreach_safe (node, &loop->wires)
        fake_wire_free(sl_list_entry(node, struct fake_wire, link));
    sl_chunkpool_fini(&loop->chunks);
    free(loop);
}

void sl_loop_run(struct sl_loop *loop)
{
    while (!loop->is_stopped) {
        if (turn(loop) || loop->is_stopped)
            continue;
        if (sl_wheel_is_empty(&loop->core.wheel))
            give_up("run, but nothing will ever happen");
        uint64_t ms = sl_wheel_next_ms(&loop->core.wheel) - clock_ms;
        clock_ms += ms;
        loop->charge_ms += ms;
    }
    loop->is_stopped = false;
}

void sl_loop_stop(struct sl_loop *loop)
{
    loop->is_stopped = true;
}

uint64_t sl_loop_now_ms(const struct sl_loop *loop)
{
    return loop->core.now_ms;
}

uint64_t sl_loop_charge_ms(const struct sl_loop *loop)
{
    return loop->charge_ms;
}

uint64_t sl_loop_sure_ms(const struct sl_loop *loop)
{
    return loop->charge_ms - loop->doubt_ms;
}

uint64_t sl_loop_n_turns(const struct sl_loop *loop)
{
    return loop->core.n_turns;
}

uint64_t sl_loop_busy_us(struct sl_loop *loop)
{
    loop->busy_us += loop->work_us;
    clock_ms += loop->stop_ms;
    loop->stop_ms = 0;
    return loop->busy_us;
}

uint64_t sl_wall_us(void)
{
    return WALL_US + (clock_ms - START_MS) * 1000;
}

char *sl_loop_workspace(struct sl_loop *loop)
{
    return loop->workspace;
}

struct sl_chunkpool *sl_loop_chunks(struct sl_loop *loop)
{
    return &loop->chunks;
}

size_t sl_loop_n_shells(const struct sl_loop *loop)
{
    return loop->n_shells;
}
