/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crowd: the clients of one worker, and the budgets that they share: connections in all,
 * connections that have not finished their handshake, and the same per client prefix. A flood of
 * half-open handshakes fills its own budget and costs nobody else anything: the oldest silent one
 * goes first.
 */
#ifndef SLUICE_PROXY_CROWD_H
#define SLUICE_PROXY_CROWD_H

#include <sluice/base/addr.h>
#include <sluice/base/list.h>
#include <sluice/base/phase.h>

struct sl_client;
struct sl_config;
struct sl_hive;

struct sl_crowd {
    struct sl_list all;         /* every client, the oldest first */
    struct sl_list silent;      /* not a byte yet, the oldest first */
    struct sl_list handshaking; /* some bytes, no finished handshake; who spoke, or was answered,
                                   longest ago comes first */
    struct sl_list resting;     /* before a request or between two; who rests longest comes first */
    size_t n_clients, n_handshaking; /* handshaking counts the silent as well */
    void *hives; /* tsearch tree: struct sl_hive by prefix, while any handshakes */
    uint64_t max_clients, max_handshaking, max_per_prefix; /* this worker's shares; 0: none */
    uint64_t max_sockets; /* this worker's share of the descriptors */
    uint32_t pressure_start_percent;
    uint64_t pressure_floor_ms;
};

/* A client's places in the crowd; embedded in it. */
struct sl_place {
    struct sl_list all, stage, hive_link; /* stage: in silent, handshaking or resting */
    struct sl_hive *hive;                 /* its prefix, while it handshakes; or NULL */
    bool is_handshaking;                  /* counted in n_handshaking */
    bool has_spoken;                      /* not silent any more */
};

void sl_crowd_init(struct sl_crowd *crowd);
/* Everybody must have left. */
void sl_crowd_fini(struct sl_crowd *crowd);
/* The shares of one worker under this configuration. */
void sl_crowd_set_limits(struct sl_crowd *crowd, const struct sl_config *config,
                         uint32_t n_workers);

/* Who must go so that one more may come: NULL when there is room. *out_is_refused: nobody can go
   (or none should); refuse the newcomer. */
struct sl_place *sl_crowd_make_room(struct sl_crowd *crowd, bool *out_is_refused);
/* The same for the budgets of handshakes, in all and of one prefix. */
struct sl_place *sl_crowd_make_handshake_room(struct sl_crowd *crowd);
struct sl_place *sl_crowd_make_prefix_room(struct sl_crowd *crowd, const struct sl_addr *from);

void sl_crowd_enter(struct sl_crowd *crowd, struct sl_place *place);
/* Its handshake begins: silent, and counted. */
void sl_crowd_begin_handshake(struct sl_crowd *crowd, struct sl_place *place);
/* It is counted under its prefix as well, until its handshake ends. 0 or SL_ERR_MEMORY. */
int sl_crowd_join_prefix(struct sl_crowd *crowd, struct sl_place *place,
                         const struct sl_addr *from);
void sl_crowd_first_byte(struct sl_crowd *crowd, struct sl_place *place);
/* A flight of ours is out: it is the youngest of those that handshake again. So a flood, which
   evicts the oldest, costs first those who stall, then those whom we have not begun to work for,
   and last those who are about to finish. */
void sl_crowd_answered(struct sl_crowd *crowd, struct sl_place *place);
void sl_crowd_end_handshake(struct sl_crowd *crowd, struct sl_place *place);
void sl_crowd_rest(struct sl_crowd *crowd, struct sl_place *place);
void sl_crowd_wake(struct sl_place *place);
void sl_crowd_leave(struct sl_crowd *crowd, struct sl_place *place);

/* A pre-request phase's limit under the present pressure: shrinks linearly from pressure_start on,
   to the floor when no client's slot or no descriptor is left. n_sockets: the worker's open
   sockets. */
uint64_t sl_crowd_limit_ms(const struct sl_crowd *crowd, size_t n_sockets, uint64_t limit_ms);

#endif
