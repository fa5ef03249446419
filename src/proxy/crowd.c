/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists in order of age make eviction O(1). Prefixes are found in a balanced tree (tsearch), which
 * an attacker who picks addresses cannot unbalance, and which holds an entry only while some client
 * of that prefix handshakes: its size is bounded by the budget.
 */
#include "crowd.h"

#include <search.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sluice/base/err.h>
#include <sluice/conf/config.h>

struct sl_hive {
    struct sl_prefix prefix;
    struct sl_list members; /* struct sl_place, who came, or was answered, longest ago first */
    size_t n;
};

void sl_crowd_init(struct sl_crowd *crowd)
{
    memset(crowd, 0, sizeof(*crowd));
    sl_list_init(&crowd->all);
    sl_list_init(&crowd->silent);
    sl_list_init(&crowd->handshaking);
    sl_list_init(&crowd->resting);
}

void sl_crowd_fini(struct sl_crowd *crowd)
{
    tdestroy(crowd->hives, free);
    crowd->hives = NULL;
}

/* A worker's share of a limit, rounded up; 0 stays "no limit". */
static uint64_t share(uint64_t limit, uint32_t n_workers)
{
    return limit == SL_UNLIMITED || limit == 0 ? 0 : (limit + n_workers - 1) / n_workers;
}

void sl_crowd_set_limits(struct sl_crowd *crowd, const struct sl_config *config, uint32_t n_workers)
{
    struct rlimit files;

    crowd->max_sockets = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur / n_workers : 0;
    crowd->max_clients = share(config->limits.max_connections, n_workers);
    crowd->max_handshaking = share(config->limits.max_handshaking, n_workers);
    crowd->max_per_prefix = share(config->limits.max_handshaking_per_client, n_workers);
    crowd->pressure_start_percent = config->limits.pressure_start_percent;
    crowd->pressure_floor_ms = config->limits.pressure_floor_ms;
}

static struct sl_place *first_of_stage(const struct sl_list *l)
{
    struct sl_list *node = sl_list_first(l);
    return node ? sl_list_entry(node, struct sl_place, stage) : NULL;
}

/* Of those that handshake: the oldest silent one, else the oldest. */
static struct sl_place *oldest_handshaking(const struct sl_crowd *crowd)
{
    struct sl_place *place = first_of_stage(&crowd->silent);
    return place ? place : first_of_stage(&crowd->handshaking);
}

struct sl_place *sl_crowd_make_room(struct sl_crowd *crowd, bool *out_is_refused)
{
    *out_is_refused = false;
    if (crowd->max_clients == 0 || crowd->n_clients < crowd->max_clients)
        return NULL;
    struct sl_place *place = oldest_handshaking(crowd);
    if (!place)
        place = first_of_stage(&crowd->resting);
    *out_is_refused = place == NULL;
    return place;
}

static int compare(const void *a, const void *b)
{
    return memcmp(&((const struct sl_hive *)a)->prefix, &((const struct sl_hive *)b)->prefix,
                  sizeof(struct sl_prefix));
}

static struct sl_hive *find_hive(const struct sl_crowd *crowd, const struct sl_addr *from)
{
    struct sl_hive key = {.prefix = sl_prefix_of_client(from)};
    struct sl_hive **found = tfind(&key, &crowd->hives, compare);
    return found ? *found : NULL;
}

struct sl_place *sl_crowd_make_handshake_room(struct sl_crowd *crowd)
{
    if (crowd->max_handshaking == 0 || crowd->n_handshaking < crowd->max_handshaking)
        return NULL;
    return oldest_handshaking(crowd);
}

struct sl_place *sl_crowd_make_prefix_room(struct sl_crowd *crowd, const struct sl_addr *from)
{
    struct sl_hive *hive = crowd->max_per_prefix ? find_hive(crowd, from) : NULL;

    if (!hive || hive->n < crowd->max_per_prefix)
        return NULL;
    sl_list_foreach (node, &hive->members) {
        struct sl_place *place = sl_list_entry(node, struct sl_place, hive_link);
        if (!place->has_spoken)
            return place;
    }
    return sl_list_entry(sl_list_first(&hive->members), struct sl_place, hive_link);
}

void sl_crowd_enter(struct sl_crowd *crowd, struct sl_place *place)
{
    memset(place, 0, sizeof(*place));
    sl_list_init(&place->stage);
    sl_list_init(&place->hive_link);
    sl_list_append(&crowd->all, &place->all);
    crowd->n_clients++;
}

void sl_crowd_begin_handshake(struct sl_crowd *crowd, struct sl_place *place)
{
    place->is_handshaking = true;
    sl_list_append(&crowd->silent, &place->stage);
    crowd->n_handshaking++;
}

int sl_crowd_join_prefix(struct sl_crowd *crowd, struct sl_place *place, const struct sl_addr *from)
{
    struct sl_hive *hive = find_hive(crowd, from);

    if (!hive) {
        hive = calloc(1, sizeof(*hive));
        if (!hive)
            return SL_ERR_MEMORY;
        hive->prefix = sl_prefix_of_client(from);
        sl_list_init(&hive->members);
        if (!tsearch(hive, &crowd->hives, compare)) {
            free(hive);
            return SL_ERR_MEMORY;
        }
    }
    hive->n++;
    sl_list_append(&hive->members, &place->hive_link);
    place->hive = hive;
    return 0;
}

void sl_crowd_first_byte(struct sl_crowd *crowd, struct sl_place *place)
{
    place->has_spoken = true;
    sl_list_unlink(&place->stage);
    sl_list_append(&crowd->handshaking, &place->stage);
}

void sl_crowd_answered(struct sl_crowd *crowd, struct sl_place *place)
{
    sl_list_unlink(&place->stage);
    sl_list_append(&crowd->handshaking, &place->stage);
    if (!place->hive)
        return;
    sl_list_unlink(&place->hive_link);
    sl_list_append(&place->hive->members, &place->hive_link);
}

static void leave_prefix(struct sl_crowd *crowd, struct sl_place *place)
{
    struct sl_hive *hive = place->hive;

    if (!hive)
        return;
    place->hive = NULL;
    sl_list_unlink(&place->hive_link);
    if (--hive->n == 0) {
        tdelete(hive, &crowd->hives, compare);
        free(hive);
    }
}

void sl_crowd_end_handshake(struct sl_crowd *crowd, struct sl_place *place)
{
    if (!place->is_handshaking)
        return;
    place->is_handshaking = false;
    leave_prefix(crowd, place);
    sl_list_unlink(&place->stage);
    crowd->n_handshaking--;
}

void sl_crowd_rest(struct sl_crowd *crowd, struct sl_place *place)
{
    sl_list_unlink(&place->stage);
    sl_list_append(&crowd->resting, &place->stage);
}

void sl_crowd_wake(struct sl_place *place)
{
    sl_list_unlink(&place->stage);
}

void sl_crowd_leave(struct sl_crowd *crowd, struct sl_place *place)
{
    sl_crowd_end_handshake(crowd, place);
    sl_list_unlink(&place->stage);
    sl_list_unlink(&place->all);
    crowd->n_clients--;
}

/* How much of `max` is left beyond the share from which pressure begins: 1 none is felt, 0 all is
 * used. */
static double relief(uint64_t n, uint64_t max, uint32_t start_percent)
{
    uint64_t start = max * start_percent / 100;

    if (max == 0 || n <= start || start >= max)
        return 1;
    return n < max ? (double)(max - n) / (double)(max - start) : 0;
}

uint64_t sl_crowd_limit_ms(const struct sl_crowd *crowd, size_t n_sockets, uint64_t limit_ms)
{
    uint64_t floor_ms = crowd->pressure_floor_ms;
    double of_clients = relief(crowd->n_clients, crowd->max_clients, crowd->pressure_start_percent);
    double of_sockets = relief(n_sockets, crowd->max_sockets, crowd->pressure_start_percent);
    double left = of_clients < of_sockets ? of_clients : of_sockets;

    if (limit_ms <= floor_ms || limit_ms == SL_UNLIMITED || left >= 1)
        return limit_ms;
    return floor_ms + (uint64_t)((double)(limit_ms - floor_ms) * left);
}
