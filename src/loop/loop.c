/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: the turn, on libuv. uv_run() is asked for one poll at a time; the turn around it is written
 * here. One uv_timer wakes the poll for the whole wheel. It is only moved when something earlier is
 * filed, or when it has fired, so a request that arms and clears deadlines touches neither libuv
 * nor the kernel.
 *
 * A deadline is judged by the time at which the poll BEGAN: whatever had arrived by then has been
 * delivered when it is judged (law 3). So when the timer ends a poll nothing expires yet; the next
 * turn polls once more, without blocking, and then judges. The same holds for a process that was
 * stopped (SIGSTOP) at any point of the turn: the time before the stop judges nothing that the stop
 * made late, the next turn polls first.
 *
 * "Never early": the times of libuv are whole milliseconds of a clock that may itself lag by one,
 * so deadlines are judged MARGIN_MS late.
 *
 * The charge clock adds up the time spent in polls, each at most as long as it could have taken (a
 * poll that overslept was a stopped process or a starved one), and of each turn's own work at most
 * BUSY_MS: a socket that is looked at again that soon has not been kept waiting, and a loop that is
 * busy all the time must not stop the clock for those who are silent. When a stop began within the
 * poll that it prolonged nobody can tell: all of that poll is in doubt, and sure_ms leaves it out.
 *
 * Failure modes: no descriptors or memory when made. Later, only libuv's own assertions.
 * Ownership: shells (handles) count themselves in and out; sl_loop_free waits for the last one.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "uv_private.h"

#define N_CHUNKS_KEPT 256
#define MARGIN_MS     2
#define BUSY_MS       10
#define OVERSLEPT_MS  100 /* later than this is not a busy machine's jitter */
#define NS_PER_MS     UINT64_C(1000000)
#define IDLE_MS       (3600 * 1000) /* a poll with no deadline at all */

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- time ---- */

static uint64_t coarse_ns(const struct sl_loop *loop)
{
    struct timespec t;

    clock_gettime(loop->coarse_clock, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* The coarse clock, which costs a few nanoseconds, where it ticks often enough. */
static clockid_t choose_clock(void)
{
    struct timespec tick;

    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) || tick.tv_sec || tick.tv_nsec > 1000000)
        return CLOCK_MONOTONIC;
    return CLOCK_MONOTONIC_COARSE;
}

uint64_t sl_loop_fresh_ms(const struct sl_loop *loop)
{
    return loop->core.now_ms + (coarse_ns(loop) - loop->coarse_ns) / NS_PER_MS;
}

void sl_loop_woke(struct sl_loop *loop)
{
    if (loop->is_awake)
        return;
    loop->is_awake = true;
    loop->awake_ns = uv_hrtime();
    loop->coarse_ns = coarse_ns(loop);
    uint64_t slept_ns = loop->awake_ns - loop->asleep_ns;
    uint64_t charge_ns = smaller(slept_ns, loop->may_ns + BUSY_MS * NS_PER_MS);
    loop->charge_ns += charge_ns;
    if (slept_ns > loop->may_ns + OVERSLEPT_MS * NS_PER_MS)
        loop->doubt_ns += charge_ns;
    loop->core.now_ms = uv_now(&loop->uv);
    loop->n_bulk = 0;
}

/* The turn's own work is over; the poll may take `may_ms`. */
static void fall_asleep(struct sl_loop *loop, uint64_t may_ms)
{
    loop->asleep_ns = uv_hrtime();
    loop->charge_ns += smaller(loop->asleep_ns - loop->awake_ns, BUSY_MS * NS_PER_MS);
    loop->may_ns = may_ms * NS_PER_MS;
    loop->is_awake = false;
}

uint64_t sl_loop_now_ms(const struct sl_loop *loop)
{
    return loop->core.now_ms;
}

uint64_t sl_loop_charge_ms(const struct sl_loop *loop)
{
    return loop->charge_ns / NS_PER_MS;
}

uint64_t sl_loop_sure_ms(const struct sl_loop *loop)
{
    return (loop->charge_ns - loop->doubt_ns) / NS_PER_MS;
}

uint64_t sl_loop_n_turns(const struct sl_loop *loop)
{
    return loop->core.n_turns;
}

uint64_t sl_loop_busy_us(struct sl_loop *loop)
{
    return (uv_hrtime() - loop->awake_ns) / 1000;
}

uint64_t sl_wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- the turn ---- */

static void on_timer(uv_timer_t *timer)
{
    struct sl_loop *loop = sl_container_of(timer, struct sl_loop, timer);

    loop->timer_ms = 0;
}

/* The timer repeats every millisecond once it has fired, until it is set anew: should libuv run it
   before the poll of the same uv_run(), that poll still ends at once. */
static void set_timer(struct sl_loop *loop, uint64_t at_ms)
{
    uint64_t now_ms = uv_now(&loop->uv);

    if (loop->timer_ms != 0 && loop->timer_ms <= at_ms)
        return;
    uv_timer_start(&loop->timer, on_timer, at_ms > now_ms ? at_ms - now_ms : 0, 1);
    loop->timer_ms = at_ms;
}

static void turn(struct sl_loop *loop)
{
    struct sl_core *core = &loop->core;
    uint64_t may_ms = 0;

    uv_update_time(&loop->uv);
    uint64_t now_ms = uv_now(&loop->uv);
    uint64_t judged_ms = now_ms > MARGIN_MS ? now_ms - MARGIN_MS : 0;

    if (!sl_reaper_has_work(&core->reaper)) {
        uint64_t next_ms = sl_wheel_next_ms(&core->wheel);
        if (next_ms > judged_ms) {
            next_ms = smaller(next_ms, now_ms + IDLE_MS);
            set_timer(loop, next_ms + MARGIN_MS);
            may_ms = loop->timer_ms > now_ms ? loop->timer_ms - now_ms : 0;
        }
    }
    sl_reaper_begin(&core->reaper);
    core->n_turns++;
    fall_asleep(loop, may_ms);
    uv_run(&loop->uv, may_ms ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    sl_loop_woke(loop);
    sl_wheel_turn(&core->wheel, judged_ms);
    sl_reaper_turn(&core->reaper);
}

void sl_loop_run(struct sl_loop *loop)
{
    while (!loop->is_stopped)
        turn(loop);
    loop->is_stopped = false;
}

void sl_loop_stop(struct sl_loop *loop)
{
    loop->is_stopped = true;
}

/* ---- life ---- */

int sl_loop_new(struct sl_loop **out_loop)
{
    struct sl_loop *loop = malloc(sizeof(*loop));

    if (!loop)
        return SL_ERR_MEMORY;
    signal(SIGPIPE, SIG_IGN); /* a write to a peer that is gone is an error, not a death */
    int err = sl_loop_err(uv_loop_init(&loop->uv));
    if (err) {
        free(loop);
        return err;
    }
    uv_timer_init(&loop->uv, &loop->timer);
    loop->timer_ms = 0;
    loop->core.now_ms = uv_now(&loop->uv);
    loop->core.n_turns = 0;
    sl_wheel_init(&loop->core.wheel, loop->core.now_ms);
    sl_reaper_init(&loop->core.reaper);
    sl_chunkpool_init(&loop->chunks, N_CHUNKS_KEPT);
    loop->coarse_clock = choose_clock();
    loop->coarse_ns = coarse_ns(loop);
    loop->awake_ns = uv_hrtime();
    loop->asleep_ns = loop->awake_ns;
    loop->may_ns = 0;
    loop->charge_ns = 0;
    loop->doubt_ns = 0;
    loop->bulk_from_ms = 0;
    loop->n_shells = 0;
    loop->is_awake = true;
    loop->is_stopped = false;
    *out_loop = loop;
    return 0;
}

void sl_loop_free(struct sl_loop **ploop)
{
    struct sl_loop *loop = *ploop;

    if (!loop)
        return;
    *ploop = NULL;
    while (loop->n_shells > 0 || sl_reaper_has_work(&loop->core.reaper))
        turn(loop);
    assert(sl_wheel_is_empty(&loop->core.wheel));
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    int err = uv_loop_close(&loop->uv);
    assert(err == 0);
    (void)err;
    sl_chunkpool_fini(&loop->chunks);
    free(loop);
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

/* ---- foreign errors ---- */

int sl_loop_err(int err)
{
    switch (err < 0 ? -err : err) { /* on Unix libuv's errors are negative errnos */
    case 0:
        return 0;
    case ENOMEM:
    case ENOBUFS:
        return SL_ERR_MEMORY;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return SL_ERR_RESET;
    case ECONNREFUSED:
    case ENOENT: /* no such unix socket */
        return SL_ERR_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
        return SL_ERR_UNREACHABLE;
    case ETIMEDOUT:
        return SL_ERR_TIMEOUT;
    case EADDRINUSE:
        return SL_ERR_IN_USE;
    case EACCES:
    case EPERM:
        return SL_ERR_DENIED;
    case EMFILE:
    case ENFILE:
        return SL_ERR_NO_FDS;
    case EAFNOSUPPORT:
    case EINVAL:
    case ENAMETOOLONG:
    case ENOTSOCK:
        return SL_ERR_ADDRESS;
    default:
        return SL_ERR_IO;
    }
}
