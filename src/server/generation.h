/* SPDX-License-Identifier: Apache-2.0 */
/*
 * generation: everything that a reload may change, prepared whole: configuration, certificates, log
 * files, listening sockets, addresses of upstreams. Either all of it is ready, or nothing was
 * changed and the report says why.
 *
 * What the present generation has already (a socket for the same address, a log with the same path)
 * is kept and not made again.
 */
#ifndef SLUICE_SERVER_GENERATION_H
#define SLUICE_SERVER_GENERATION_H

#include <sluice/proxy/plan.h>

/* Where configurations come from. All of it is borrowed for the life of the process. */
struct sl_source {
    const char *file;             /* of -c; NULL: `text` */
    struct sl_span text;          /* a configuration made by quickstart */
    struct sl_identity *identity; /* quickstart: what the first listener serves with; else NULL */
};

/* A certificate in force, as facts for status and metrics. */
struct sl_certificate {
    const char *listener, *file; /* live as long as the generation's plan */
    char text[256];              /* subject and names, for people */
    enum sl_key_type key_type;
    int64_t not_before, not_after; /* seconds since 1970 */
    uint8_t hash[32];              /* SHA-256 of the leaf */
};

struct sl_generation {
    uint64_t number;
    uint64_t made_us; /* wall clock */
    uint32_t n_workers;
    struct sl_plan *plan;
    struct sl_logger *log;    /* the error log; never NULL unless only checked */
    struct sl_logger *access; /* NULL: off */
    struct sl_certificate *certificates;
    size_t n_certificates;
    int *fds;      /* [listener * n_workers + worker]; -1: kept, or handed to the worker */
    int status_fd; /* -1: kept, handed over, or off */
};

struct sl_preparation {
    const struct sl_source *source;
    const struct sl_generation *present; /* NULL: the first */
    struct sl_ticket_keys *ticket_keys;  /* NULL when only checked */
    uint64_t max_fds;                    /* descriptors that the process may have */
    bool is_check; /* binds and opens nothing: says what can be known without disturbing anybody */
};

/* 0, SL_ERR_CONFIG with the report filled (every error that was found), or SL_ERR_MEMORY. */
int sl_generation_prepare(const struct sl_preparation *how, struct sl_report *report,
                          struct sl_generation **out_generation);
/* Once no worker uses it: closes sockets that were not handed over and frees what `heir` (or NULL)
   has not kept. The plan lives on while others hold references. */
void sl_generation_free(struct sl_generation **generation, const struct sl_generation *heir);
/* Does `other` (or NULL) have a listener with this address? */
bool sl_generation_has_address(const struct sl_generation *other, const struct sl_addr *address);
/* The same of its status endpoint. */
bool sl_generation_has_status(const struct sl_generation *other, const struct sl_addr *address);

#endif
